//! `kanana chat` through a pipe: messages, orders, files, and what goes wrong.

use crate::trial::{LIFE, Said, Trial};

/// A small model with room for a conversation.
fn trial() -> Trial {
    let trial = Trial::new();
    let recipe = LIFE.replace("context = 64", "context = 512");
    assert_ne!(recipe, LIFE);
    trial
        .write("life.toml", recipe)
        .ok(&["run", "life.toml", "--only", "first"]);
    trial
}

fn chat(trial: &Trial, words: &[&str], text: &str) -> Said {
    let base = ["chat", "first", "--no-history"];
    let short: &[&str] = match words.contains(&"--tokens") {
        true => &[],
        false => &["--tokens", "12"],
    };
    trial.pipe(&[&base[..], short, words].concat(), text)
}

/// What it says, which must be no failure.
fn ok(trial: &Trial, words: &[&str], text: &str) -> String {
    let said = chat(trial, words, text);
    assert!(said.ok, "{text}: {}{}", said.out, said.err);
    said.out
}

#[test]
fn a_conversation_through_a_pipe() {
    let trial = trial();
    let two = ok(&trial, &[], "안녕하세요\n\n오늘은 무엇을 할까요?\n");
    assert!(!two.contains('\x1b') && !two.trim().is_empty(), "{two}");
    assert_eq!(
        two,
        ok(&trial, &[], "안녕하세요\n오늘은 무엇을 할까요?"),
        "the same seed, the same words"
    );
    assert_ne!(
        two,
        ok(
            &trial,
            &["--seed", "1"],
            "안녕하세요\n오늘은 무엇을 할까요?"
        )
    );

    // Decomposed, in several lines, or as a whole: the same message.
    let lines = "첫 줄\\\n둘째 \"줄\"";
    let one = ok(&trial, &[], lines);
    assert_eq!(one, ok(&trial, &[], "\"\"\"\n첫 줄\n둘째 \"줄\"\n\"\"\"\n"));
    assert_eq!(one, ok(&trial, &["--whole"], "첫 줄\n둘째 \"줄\"\n"));
    let apart = "\u{110e}\u{1165}\u{11ba} 줄\\\n둘째 \"줄\"";
    assert_eq!(one, ok(&trial, &[], apart));
    assert_eq!(ok(&trial, &[], "//home"), ok(&trial, &["--whole"], "/home"));
    assert_eq!(ok(&trial, &[], ""), "");

    // Orders, and a file that carries a conversation on.
    let said = ok(
        &trial,
        &["--system", "짧게 말하세요."],
        "하나\n/system\n/tokens\n/save 대화.json\n/regenerate\n/undo\n/set seed 9\n/exit\n읽지 않음",
    );
    assert!(
        said.contains("짧게 말하세요.") && said.contains("2 messages, "),
        "{said}"
    );
    assert!(
        said.contains("saved in 대화.json") && said.contains("seed 9"),
        "{said}"
    );
    let file = std::fs::read_to_string(trial.path("대화.json")).expect("saved");
    let saved: serde_json::Value = serde_json::from_str(&file).expect("JSON");
    let roles: Vec<_> = saved["messages"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| one["role"].as_str())
        .collect();
    assert_eq!(roles, [Some("system"), Some("user"), Some("assistant")]);
    let gone_on = ok(&trial, &["--load", "대화.json"], "/tokens\n둘");
    assert!(gone_on.starts_with("2 messages, "), "{gone_on}");

    // Longer than the context: the oldest exchanges are left out, and the answer comes.
    let many: String = (0..40)
        .map(|i| format!("{i}번째 메시지입니다. 길게 말합니다.\n"))
        .collect();
    let said = ok(&trial, &["--tokens", "4"], &(many + "/tokens\n"));
    assert!(said.contains("no longer fit"), "{said}");
    let korean = {
        let mut command = trial.command(&["chat", "first", "--no-history"]);
        command
            .env("LC_ALL", "ko_KR.UTF-8")
            .stdin(std::process::Stdio::null());
        command.output().expect("it runs")
    };
    assert!(korean.status.success());

    let long = "아주 긴 글 ".repeat(2000);
    let wrong: [(&[&str], &str, &str); 8] = [
        (&[], "/unknown", "written with two"),
        (&[], "/set temperature -1", "temperature"),
        (&[], "/set colour red", "there is no setting"),
        (&[], "/regenerate", "no answer yet"),
        (&[], "/load nowhere.json", "cannot be read"),
        (&["--temperature", "-1"], "", "temperature"),
        (&["--tokens", "0"], "", "at most 0 tokens"),
        (&["--whole"], &long, "context"),
    ];
    for (words, text, complaint) in wrong {
        let said = chat(&trial, words, text);
        assert!(
            !said.ok && said.err.contains(complaint) && !said.err.contains("panicked"),
            "{words:?} {complaint}: {}{}",
            said.out,
            said.err
        );
    }
}
