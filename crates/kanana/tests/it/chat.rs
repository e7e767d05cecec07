//! `kanana chat` through a pipe: messages, orders, files, and what goes wrong.

use crate::trial::{LIFE, Said, Trial, said};
use std::io::Write as _;

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

/// What a program says to somebody who reads Korean.
fn korean(mut command: std::process::Command, text: &[u8]) -> Said {
    let piped = std::process::Stdio::piped;
    command
        .env("LC_ALL", "ko_KR.UTF-8")
        .stdin(piped())
        .stdout(piped())
        .stderr(piped());
    let mut child = command.spawn().expect("it runs");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(text).expect("it reads");
    drop(stdin);
    said(&child.wait_with_output().expect("it ends"))
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

    // A system message that comes later stays where it was said; the first stays what it was.
    let roles = [
        "developer",
        "user",
        "assistant",
        "system",
        "user",
        "assistant",
    ];
    let long: Vec<_> = roles
        .into_iter()
        .zip(["짧게.", "하나", "둘", "이제 길게.", "셋", "넷"])
        .map(|(role, content)| serde_json::json!({"role": role, "content": content}))
        .collect();
    let long = serde_json::json!({"messages": long});
    trial.write("긴 대화.json", long.to_string());
    let said = ok(
        &trial,
        &[],
        "/load 긴 대화.json\n/system\n/tokens\n/save 다시.json\n/system 더 짧게.\n/save 새로.json\n",
    );
    assert!(
        said.contains("6 messages loaded") && said.contains("짧게."),
        "{said}"
    );
    assert!(said.contains("5 messages, "), "{said}");
    let kept = |name: &str| -> serde_json::Value {
        let text = std::fs::read_to_string(trial.path(name)).expect("saved");
        serde_json::from_str(&text).expect("JSON")
    };
    assert_eq!(kept("다시.json"), long);
    let mut changed = long;
    changed["messages"][0] = serde_json::json!({"role": "system", "content": "더 짧게."});
    assert_eq!(kept("새로.json"), changed);

    // All that a conversation begins with is kept and replaced together.
    let mut two = kept("새로.json");
    let developer = serde_json::json!({"role": "developer", "content": "한국어로."});
    let list = two["messages"].as_array_mut().expect("a list");
    list.insert(1, developer);
    trial.write("둘.json", two.to_string());
    let said = ok(
        &trial,
        &[],
        "/load 둘.json\n/system\n/tokens\n/save 다시.json\n/system 짧게.\n/save 새로.json\n",
    );
    assert!(said.contains("더 짧게.\n\n한국어로."), "{said}");
    assert!(said.contains("5 messages, "), "{said}");
    assert_eq!(kept("다시.json"), two);
    let list = two["messages"].as_array_mut().expect("a list");
    list.remove(0);
    list[0] = serde_json::json!({"role": "system", "content": "짧게."});
    assert_eq!(kept("새로.json"), two);

    // Longer than the context: the oldest exchanges are left out, and the answer comes.
    let many: String = (0..40)
        .map(|i| format!("{i}번째 메시지입니다. 길게 말합니다.\n"))
        .collect();
    let said = chat(&trial, &["--tokens", "4"], &(many + "/tokens\n"));
    assert!(said.ok, "{}{}", said.out, said.err);
    // Answers alone on standard output, and what the order asked for; what they lack beside it.
    assert_eq!(said.out.matches("no longer fit").count(), 1, "{}", said.out);
    assert!(!said.out.contains("the most tokens"), "{}", said.out);
    assert!(
        said.err.contains("no longer fit and were left out"),
        "{}",
        said.err
    );
    assert!(
        said.err.contains("the most tokens were reached"),
        "{}",
        said.err
    );
    let said = trial.command(&["chat", "first", "--no-history", "--tokens", "1"]);
    let said = korean(
        said,
        "안녕하세요\n이름이 뭐예요?\n오늘은요?\n내일은요?\n".as_bytes(),
    );
    assert!(said.ok, "{}{}", said.out, said.err);
    assert!(
        said.err.contains("최대 토큰 수에 닿았습니다"),
        "{}",
        said.err
    );

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
