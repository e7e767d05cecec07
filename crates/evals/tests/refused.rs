//! Bad files of every benchmark end with a sentence that names file and row; good ones are asked and scored.

#![allow(
    clippy::disallowed_methods,
    reason = "tests write bad files on purpose"
)]

use chat::Message;
use evals::{Answer, Ask, Likelihood, Protocol, Request, Setup, Task, tasks};
use std::path::Path;

/// A task over files that are written here.
fn opened(
    name: &str,
    protocol: Protocol,
    files: &[(&str, &str)],
) -> (tempfile::TempDir, Box<dyn Task>) {
    let folder = tempfile::tempdir().unwrap();
    for (file, text) in files {
        let path = folder.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let task = open(name, protocol, folder.path(), None);
    (folder, task.unwrap())
}

fn open(
    name: &str,
    protocol: Protocol,
    data: &Path,
    shots: Option<usize>,
) -> anyhow::Result<Box<dyn Task>> {
    let setup = Setup {
        data: data.to_owned(),
        protocol,
        shots,
        samples: 1,
    };
    (tasks::find(name).unwrap().open)(&setup)
}

fn check_refused(name: &str, files: &[(&str, &str)], wanted: &[&str]) {
    let (_folder, task) = opened(name, Protocol::Base, files);
    let error = match task.asks() {
        Ok(asks) => panic!("{name}: {} questions were taken", asks.len()),
        Err(error) => format!("{error:#}"),
    };
    for part in wanted {
        assert!(error.contains(part), "{name}: {part:?} is not in {error}");
    }
}

const DEV: &str = "1?,a,b,c,d,A\n2?,a,b,c,d,B\n3?,a,b,c,d,C\n4?,a,b,c,d,D\n5?,a,b,c,d,A\n";
const KMMLU: &str = "question,answer,A,B,C,D\n하나,1,가,나,다,라\n";

#[test]
fn mmlu() {
    check_refused("mmlu", &[], &["mmlu/test"]);
    let test = ("mmlu/test/anatomy_test.csv", "물음?,a,b,c,d,A\n");
    check_refused(
        "mmlu",
        &[test],
        &["MMLU, anatomy", "dev/anatomy_dev.csv, and it is not there"],
    );
    let dev = ("mmlu/dev/anatomy_dev.csv", DEV);
    let half = ("mmlu/test/anatomy_test.csv", "물음?,a,b,c,d,A\n또,a,b\n");
    check_refused(
        "mmlu",
        &[half, dev],
        &["anatomy_test.csv, line 2", "wanted 6 cells", "found 3"],
    );
    let key = ("mmlu/test/anatomy_test.csv", "물음?,a,b,c,d,E\n");
    check_refused(
        "mmlu",
        &[key, dev],
        &["anatomy_test.csv, line 1", "wanted A, B, C or D", "`E`"],
    );
    let few = ("mmlu/dev/anatomy_dev.csv", "1?,a,b,c,d,A\n");
    check_refused(
        "mmlu",
        &[test, few],
        &["wanted 5 examples", "anatomy_dev.csv holds 1 rows"],
    );
}

#[test]
fn kmmlu() {
    check_refused(
        "kmmlu",
        &[("kmmlu/readme.md", "")],
        &["-test.csv", "found none"],
    );
    let dev = ("kmmlu/Law-dev.csv", KMMLU);
    let key = (
        "kmmlu/Law-test.csv",
        "question,answer,A,B,C,D\n하나,5,가,나,다,라\n",
    );
    check_refused("kmmlu", &[key, dev], &["Law-dev.csv holds 1 rows"]);
    let dev = KMMLU.to_owned() + &"둘,2,가,나,다,라\n".repeat(4);
    let dev = ("kmmlu/Law-dev.csv", dev.as_str());
    check_refused(
        "kmmlu",
        &[key, dev],
        &["Law-test.csv, line 2", "wanted 1, 2, 3 or 4", "`5`"],
    );
    let column = (
        "kmmlu/Law-test.csv",
        "question,answer,A,B,C\n하나,1,가,나,다\n",
    );
    check_refused("kmmlu", &[column, dev], &["wanted a column `D`"]);
}

#[test]
fn haerae() {
    let rows = "{\"query\": \"물음\", \"answer\": \"(A)\"}\n".repeat(6);
    let bad = rows.clone() + "{\"query\": \"물음\", \"answer\": \"F\"}\n";
    check_refused(
        "haerae",
        &[("haerae/history.jsonl", &bad)],
        &["history.jsonl, line 7", "`F`"],
    );
    // every row is the same: no other is left to be an example
    check_refused(
        "haerae",
        &[("haerae/history.jsonl", &rows)],
        &["only 0 rows differ"],
    );
    let (_folder, task) = opened(
        "haerae",
        Protocol::Instruct,
        &[("haerae/history.jsonl", &rows)],
    );
    let error = task.asks().unwrap_err().to_string();
    assert!(error.contains("general_knowledge.csv"), "{error}");
}

#[test]
fn kobest() {
    check_refused("kobest_boolq", &[], &["BoolQ/dev.tsv, and it is not there"]);
    let heading = "ID\tText\tQuestion\tAnswer\n";
    let bad = heading.to_owned() + "1\t글\t물음\tTrue\n2\t글\t물음\t아마\n";
    check_refused(
        "kobest_boolq",
        &[("kobest/BoolQ/test.tsv", &bad)],
        &["test.tsv, line 3", "FALSE or TRUE", "`아마`"],
    );
    let copa = "ID\tsentence\tquestion\t1\t2\tAnswer\n1\t비가 왔다.\t이유\t가\t나\t1\n";
    check_refused(
        "kobest_copa",
        &[("kobest/COPA/dev.tsv", copa)],
        &["원인 or 결과", "`이유`"],
    );
}

#[test]
fn gsm8k_math_world_and_squad() {
    let question = "{\"question\": \"?\", \"answer\": \"#### 1\"}\n";
    let bad = [
        ("gsm8k/train.jsonl", question),
        (
            "gsm8k/test.jsonl",
            "{\"question\": \"?\", \"answer\": \"1\"}",
        ),
    ];
    check_refused("gsm8k", &bad, &["train.jsonl holds 1 rows"]);
    let train = question.repeat(5);
    let bad = [("gsm8k/train.jsonl", train.as_str()), bad[1]];
    check_refused("gsm8k", &bad, &["test.jsonl, line 1", "#### NUMBER"]);
    let math = "{\"problem\": \"?\", \"solution\": \"It is 2.\"}";
    check_refused(
        "math",
        &[("math/test.jsonl", math)],
        &["test.jsonl, line 1", "\\boxed"],
    );
    let world = r#"{"id": "ko-1", "language": "ko", "told": "both", "prompt": "그는", "continuations": [" 가", " 나"],
        "question": "누구?", "options": ["가", "나"], "answer": 2}"#
        .replace('\n', "");
    check_refused(
        "world",
        &[("world/questions.jsonl", &world)],
        &["line 1", "answer 2"],
    );
    let squad =
        r#"{"data": [{"paragraphs": [{"context": "c", "qas": [{"id": "q7", "question": "?"}]}]}]}"#;
    check_refused(
        "squad",
        &[("squad/dev.json", squad)],
        &["dev.json, question q7"],
    );
    check_refused(
        "squad",
        &[("squad/dev.json", "{\"data\": [")],
        &["dev.json: not in SQuAD's layout"],
    );
    check_refused(
        "bits_per_byte",
        &[("bits_per_byte/a.jsonl", "{\"text\": \"\"}")],
        &["a.jsonl, line 1"],
    );
}

#[test]
fn the_instruct_protocol_has_no_examples() {
    for name in ["mmlu", "kmmlu", "haerae", "gsm8k", "math", "world", "squad"] {
        let error = open(name, Protocol::Instruct, Path::new("nowhere"), Some(5));
        let error = error.err().unwrap().to_string();
        assert!(error.contains("wanted 5 examples"), "{name}: {error}");
        assert!(open(name, Protocol::Instruct, Path::new("nowhere"), None).is_ok());
    }
    let error = open("math", Protocol::Base, Path::new("nowhere"), Some(5));
    assert!(
        error
            .err()
            .unwrap()
            .to_string()
            .contains("Minerva's prompt has 4")
    );
}

fn said(ask: &Ask, text: &str) -> [Answer; 1] {
    match ask.request {
        Request::Converse { .. } => [Answer::Messages(vec![Message::assistant(text)])],
        _ => [Answer::Texts(vec![text.to_owned()])],
    }
}

fn worth(task: &dyn Task, ask: &Ask, text: &str, metric: &str) -> f64 {
    task.score(ask, &said(ask, text), &[]).values[metric]
}

#[test]
fn words_are_asked_for_and_scored() {
    let test = ("kmmlu/Law-test.csv", KMMLU);
    let (_folder, task) = opened("kmmlu", Protocol::Instruct, &[test]);
    let ask = task.asks().unwrap().remove(0);
    let Request::Converse { messages, .. } = &ask.request else {
        panic!("{ask:?}")
    };
    let text = messages[0].content.as_deref().unwrap();
    assert!(text.contains("따라서, 정답은: X"), "{text}");
    assert!(text.ends_with("하나\nA. 가\nB. 나\nC. 다\nD. 라"), "{text}");
    assert_eq!(
        worth(task.as_ref(), &ask, "가가 맞다. 따라서, 정답은: A", "acc"),
        1.0
    );
    assert_eq!(worth(task.as_ref(), &ask, "따라서, 정답은: B", "acc"), 0.0);

    let test = (
        "gsm8k/test.jsonl",
        "{\"question\": \"?\", \"answer\": \"#### 1,200\"}",
    );
    let (_folder, task) = opened("gsm8k", Protocol::Instruct, &[test]);
    let ask = task.asks().unwrap().remove(0);
    for (text, value) in [
        ("So $\\boxed{1200}$.", 1.0),
        ("\\boxed{\\$1{,}200}", 1.0),
        ("\\boxed{1,200.00}", 1.0),
        ("It is 1,200.", 1.0),
        ("\\boxed{1201}, not 1200", 0.0),
        ("I do not know.", 0.0),
    ] {
        assert_eq!(
            worth(task.as_ref(), &ask, text, "exact_match"),
            value,
            "{text}"
        );
    }

    let test = "{\"problem\": \"?\", \"solution\": \"\\\\boxed{\\\\frac{1}{2}}\", \"type\": \"Number Theory\"}";
    let (_folder, task) = opened("math", Protocol::Instruct, &[("math/test.jsonl", test)]);
    let ask = task.asks().unwrap().remove(0);
    assert_eq!(ask.id, "number_theory/0");
    assert_eq!(
        worth(task.as_ref(), &ask, "답은 $\\boxed{0.5}$", "exact_match"),
        1.0
    );
    assert_eq!(worth(task.as_ref(), &ask, "0.5", "exact_match"), 0.0);
}

#[test]
fn passages_are_asked_and_scored() {
    let korquad = r#"{"data": [{"title": "이광수", "paragraphs": [{"context": "무정은 이광수의 소설이다.",
        "qas": [{"id": "1", "question": "누가 썼나?", "answers": [{"text": "이광수", "answer_start": 4}]},
                {"id": "2", "question": "언제 썼나?", "is_impossible": true}]}]}]}"#;
    let (_folder, task) = opened("korquad", Protocol::Base, &[("korquad/dev.json", korquad)]);
    let asks = task.asks().unwrap();
    let Request::Complete { prompt, stops, .. } = &asks[0].request else {
        panic!("{:?}", asks[0])
    };
    assert_eq!(
        prompt,
        "제목: 이광수\n\n지문: 무정은 이광수의 소설이다.\n\n질문: 누가 썼나?\n\n답변:"
    );
    assert_eq!(stops, &["\n"]);
    assert_eq!(worth(task.as_ref(), &asks[0], " '이광수'", "exact"), 1.0);
    assert!((worth(task.as_ref(), &asks[0], "이광수가", "f1") - 6.0 / 7.0).abs() < 1e-12);
    assert_eq!(worth(task.as_ref(), &asks[1], "답 없음.", "f1"), 1.0);
    assert_eq!(worth(task.as_ref(), &asks[1], "이광수", "f1"), 0.0);
}

#[test]
fn bytes_weigh_in_the_mean() {
    let files = [
        (
            "bits_per_byte/a.jsonl",
            "{\"text\": \"가나\", \"language\": \"ko\"}\n{\"text\": \"ab\", \"source\": \"web\"}",
        ),
        ("bits_per_byte/b.jsonl", "{\"text\": \"c\"}"),
    ];
    let (_folder, task) = opened("bits_per_byte", Protocol::Base, &files);
    let asks = task.asks().unwrap();
    let groups: Vec<&str> = asks.iter().map(|ask| ask.group.as_str()).collect();
    assert_eq!(groups, ["ko", "web", "b"]);
    let sum = -12.0 * std::f64::consts::LN_2;
    let likelihood = Likelihood {
        sum,
        tokens: 1,
        greedy: false,
    };
    let score = task.score(&asks[0], &[Answer::Likelihoods(vec![likelihood])], &[]);
    assert_eq!(
        (score.values["bits_per_byte"], score.weight),
        (2.0, Some(6.0))
    );
    let score = task.score(&asks[0], &[Answer::Failed("gone".into())], &[]);
    assert!(
        score.values.is_empty(),
        "a text without a measure is not free"
    );
}

#[test]
fn the_world_asks_both_ways() {
    let row = r#"{"id": "ko-1", "language": "ko", "told": "korean", "prompt": "그는", "continuations": [" 화가이다.", " 시인이다."],
        "question": "그는 누구인가?", "options": ["화가", "시인"], "answer": 1, "relation": "trade"}"#
        .replace('\n', "");
    let files = [("world/questions.jsonl", row.as_str())];
    let (_folder, task) = opened("world", Protocol::Base, &files);
    let ask = task.asks().unwrap().remove(0);
    assert_eq!((ask.id.as_str(), ask.group.as_str()), ("ko-1", "ko/korean"));
    assert!(matches!(&ask.request, Request::Choose { context, options }
        if context == "그는" && options[1] == " 시인이다."));
    let (_folder, task) = opened("world", Protocol::Instruct, &files);
    let ask = task.asks().unwrap().remove(0);
    assert_eq!(
        worth(task.as_ref(), &ask, "따라서, 정답은: (B)", "acc"),
        1.0
    );
}

#[test]
fn subjects_are_gathered_by_category() {
    let test = |name: &str| format!("mmlu/test/{name}_test.csv");
    let names = ["abstract_algebra", "anatomy", "philosophy"].map(test);
    let files: Vec<(&str, &str)> = names
        .iter()
        .map(|name| (name.as_str(), "물음?,a,b,c,d,A\n"))
        .collect();
    let (_folder, task) = opened("mmlu", Protocol::Instruct, &files);
    let asks = task.asks().unwrap();
    let answers: Vec<[Answer; 1]> = ["B", "A", "A"]
        .iter()
        .zip(&asks)
        .map(|(letter, ask)| said(ask, letter))
        .collect();
    let asked: Vec<evals::Asked<'_>> = asks
        .iter()
        .zip(&answers)
        .map(|(ask, answers)| evals::Asked {
            ask,
            answers,
            judged: &[],
        })
        .collect();
    let remarks = task.remarks(&asked);
    assert_eq!(
        remarks,
        ["acc by category: STEM 0.5000 (2 questions), humanities 1.0000 (1 questions)"]
    );
}
