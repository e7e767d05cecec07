#![allow(
    clippy::disallowed_methods,
    reason = "tests write bad files on purpose"
)]

use super::*;
use crate::ask::Likelihood;
use crate::task::Protocol;
use chat::Message;

/// A folder with a task and its data, opened.
fn opened(task: &str, files: &[(&str, &str)]) -> (tempfile::TempDir, Result<Box<dyn Task>>) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let path = folder.path().join("mine.toml");
    std::fs::write(&path, task).unwrap();
    let setup = Setup {
        data: PathBuf::new(),
        protocol: Protocol::Base,
        shots: None,
        samples: 1,
    };
    let task = open(&path, &setup);
    (folder, task)
}

fn refused(task: &str, files: &[(&str, &str)]) -> String {
    let (_folder, task) = opened(task, files);
    match task.and_then(|task| task.asks()) {
        Ok(_) => panic!("it was taken"),
        Err(error) => format!("{error:#}"),
    }
}

const CHOOSE: &str = r#"
name = "수도"
kind = "choose"
data = "a.jsonl"
prompt = """
질문: {{ question.strip() }}
답:"""
options = ["{{ a }}", "{{ b }}"]
answer = "{{ right | int - 1 }}"
metric = "acc_norm"
examples = "dev.csv"
shots = 1
group = "{{ land }}"
description = "수도를 고르세요.\n\n"
"#;

const ROWS: &str = "{\"question\": \" 프랑스의 수도는? \", \"a\": \"파리\", \"b\": \"런던\", \"right\": 1, \"land\": \"유럽\"}\n";

#[test]
fn options_are_chosen() {
    let dev = "question,a,b,right,land\n\"독일, 그 수도는?\",빈,베를린,2,유럽\n";
    let (_folder, task) = opened(CHOOSE, &[("a.jsonl", ROWS), ("dev.csv", dev)]);
    let task = task.unwrap();
    assert_eq!(task.about().protocol, "1-shot log-likelihood");
    let ask = task.asks().unwrap().remove(0);
    assert_eq!(ask.group, "유럽");
    let Request::Choose { context, options } = &ask.request else {
        panic!("{ask:?}")
    };
    assert_eq!(
        context,
        "수도를 고르세요.\n\n질문: 독일, 그 수도는?\n답: 베를린\n\n질문: 프랑스의 수도는?\n답:"
    );
    assert_eq!(options, &[" 파리", " 런던"]);
    let likelihood = |sum| Likelihood {
        sum,
        tokens: 1,
        greedy: false,
    };
    let answers = [Answer::Likelihoods(vec![
        likelihood(-1.0),
        likelihood(-3.0),
    ])];
    let score = task.score(&ask, &answers, &[]);
    assert_eq!(score.values["acc_norm"], 1.0);
    assert_eq!(score.expected, "파리");
}

#[test]
fn a_question_is_never_its_own_example() {
    let row = |number: usize| format!("{{\"q\": \"물음{number}\", \"a\": \"답{number}\"}}\n");
    let rows: String = (0..3).map(row).collect();
    for draw in ["first", "drawn"] {
        let task = |shots: usize| {
            format!(
                "name = 'm'\nkind = 'complete'\ndata = 'a.jsonl'\nprompt = '{{{{ q }}}}'\n\
                 answer = '{{{{ a }}}}'\nexamples = 'a.jsonl'\nshots = {shots}\ndraw = '{draw}'\n"
            )
        };
        let (_folder, two) = opened(&task(2), &[("a.jsonl", &rows)]);
        let asks = two.unwrap().asks().unwrap();
        assert_eq!(asks.len(), 3);
        for (number, ask) in asks.iter().enumerate() {
            let Request::Complete { prompt, .. } = &ask.request else {
                panic!("{ask:?}")
            };
            assert_eq!(prompt.matches("물음").count(), 3, "{prompt}");
            assert!(!prompt.contains(&format!("답{number}")), "{prompt}");
        }
        let few = refused(&task(3), &[("a.jsonl", &rows)]);
        assert!(few.contains("holds 3 rows"), "{few}");
    }
}

#[test]
fn words_are_matched() {
    let task = r#"
name = "sums"
kind = "converse"
data = ["a.jsonl"]
prompt = "{{ sum }}"
answer = "{{ value }}"
pattern = "답: *(\\S+)"
metric = "maths"
"#;
    let rows = "{\"sum\": \"1/2 + 1/4\", \"value\": \"3/4\"}";
    let (_folder, task) = opened(task, &[("a.jsonl", rows)]);
    let task = task.unwrap();
    let ask = task.asks().unwrap().remove(0);
    let value = |text: &str| {
        let answers = [Answer::Messages(vec![Message::assistant(text)])];
        task.score(&ask, &answers, &[]).values["maths"]
    };
    assert_eq!(value("답: 1\n아니, 답: 0.75"), 1.0);
    assert_eq!(value("0.75"), 0.0);
}

#[test]
fn texts_are_measured() {
    let task = "name = 'm'\nkind = 'measure'\ndata = 'a.jsonl'\nprompt = '{{ text }}'\n";
    let (_folder, task) = opened(task, &[("a.jsonl", "{\"text\": \"가나\"}")]);
    let task = task.unwrap();
    let ask = task.asks().unwrap().remove(0);
    let answers = [Answer::Likelihoods(vec![Likelihood {
        sum: -6.0 * std::f64::consts::LN_2,
        tokens: 2,
        greedy: false,
    }])];
    let score = task.score(&ask, &answers, &[]);
    assert_eq!(
        (score.values["bits_per_byte"], score.weight),
        (1.0, Some(6.0))
    );
}

#[test]
fn mistakes_are_named_with_their_line() {
    let rows = [
        ("a.jsonl", ROWS),
        ("dev.csv", "question,a,b,right,land\n물음,가,나,1,땅\n"),
    ];
    let broken = refused(
        &CHOOSE.replace("{{ question.strip() }}", "{% question %}"),
        &rows,
    );
    assert!(
        broken.contains("mine.toml, line 6: the template fails"),
        "{broken}"
    );
    let unknown = refused(&CHOOSE.replace("질문: {{ question", "{{ quesion"), &rows);
    assert!(unknown.contains("mine.toml, line 6"), "{unknown}");
    assert!(
        unknown.contains("whose fields are question, a, b, right"),
        "{unknown}"
    );
    let group = refused(&CHOOSE.replace("{{ land }}", "{{ land | nothing }}"), &rows);
    assert!(group.contains("mine.toml, line 13"), "{group}");
    let option = refused(&CHOOSE.replace("{{ b }}", "{% if %}"), &rows);
    assert!(option.contains("mine.toml, line 8"), "{option}");
    let key = refused(
        &CHOOSE
            .replace("shots = 1", "shots = 0")
            .replace("int - 1", "int + 4"),
        &rows,
    );
    assert!(
        key.contains("a.jsonl, line 1: wanted one of 파리, 런던"),
        "{key}"
    );
    let endless = "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}";
    let endless = refused(&CHOOSE.replace("{{ land }}", endless), &rows);
    assert!(endless.contains("line 13: the template fails"), "{endless}");
}

#[test]
fn what_does_not_fit_is_refused() {
    let rows = [("a.jsonl", ROWS)];
    let few = refused(
        CHOOSE,
        &[("a.jsonl", ROWS), ("dev.csv", "question,a,b,right,land\n")],
    );
    assert!(few.contains("found none"), "{few}");
    let metric = refused(&CHOOSE.replace("acc_norm", "bleu"), &rows);
    assert!(
        metric.contains("wanted acc, acc_norm, acc_bytes"),
        "{metric}"
    );
    let word = refused(&CHOOSE.replace("group", "grupe"), &rows);
    assert!(word.contains("grupe"), "{word}");
    assert!(word.contains("line 13"), "{word}");
    let shots = refused(&CHOOSE.replace("examples = \"dev.csv\"\n", ""), &rows);
    assert!(shots.contains("`examples` names no file"), "{shots}");
    let answer = refused(
        &CHOOSE
            .replace("kind = \"choose\"", "kind = \"complete\"")
            .replace("acc_norm", "maths"),
        &rows,
    );
    assert!(answer.contains("`options` where it is choose"), "{answer}");
    let missing = refused(&CHOOSE.replace("shots = 1", "shots = 0"), &[]);
    assert!(
        missing.contains("a.jsonl, and it is not there"),
        "{missing}"
    );
}
