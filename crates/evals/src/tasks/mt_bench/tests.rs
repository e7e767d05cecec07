use super::*;
use crate::task::Protocol;
use std::path::Path;

const QUESTIONS: &str = r#"{"question_id": 81, "category": "writing", "turns": ["Write about Hawaii.", "Now start every sentence with A."]}
{"question_id": 101, "category": "reasoning", "turns": ["추월하면 몇 등인가?", "꼴찌를 추월하면?"], "reference": ["x"]}
{"question_id": "one", "category": "stem", "turns": ["물은 왜 끓는가?"]}
"#;
const REFERENCES: &str = r#"{"question_id": 101, "answer_id": "x", "model_id": "gpt-4", "choices": [{"index": 0, "turns": ["2등이다.", "그럴 수 없다 {question_1}."]}], "tstamp": 1.0}
"#;
pub(crate) const PROMPTS: &str = r#"{"name": "single-v1", "type": "single", "system_prompt": "S", "prompt_template": "Q {question} A {answer}", "output_format": "[[rating]]"}
{"name": "single-math-v1", "system_prompt": "S", "prompt_template": "Q {question} R {ref_answer_1} A {answer}"}
{"name": "single-v1-multi-turn", "system_prompt": "M", "prompt_template": "Q {question_1} A {answer_1} Q {question_2} A {answer_2}"}
{"name": "single-math-v1-multi-turn", "system_prompt": "M", "prompt_template": "{question_1}|{ref_answer_1}|{question_2}|{ref_answer_2}|{answer_1}|{answer_2}"}
{"name": "pair-v2", "system_prompt": "P", "prompt_template": "{question}|{answer_a}|{answer_b}"}
{"name": "pair-v2-multi-turn", "system_prompt": "P", "prompt_template": "{question_1}|{question_2}|{answer_a_1}|{answer_a_2}|{answer_b_1}|{answer_b_2}"}
{"name": "pair-math-v1", "system_prompt": "P", "prompt_template": "{question}|{ref_answer_1}|{answer_a}|{answer_b}"}
{"name": "pair-math-v1-multi-turn", "system_prompt": "P", "prompt_template": "{question_1}|{question_2}|{ref_answer_1}|{ref_answer_2}|{answer_a_1}|{answer_a_2}|{answer_b_1}|{answer_b_2}"}
"#;

pub(crate) fn folder(name: &str, files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (file, text) in files {
        let path = folder.path().join(name).join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

pub(crate) fn setup(data: &Path) -> Setup {
    Setup {
        data: data.to_owned(),
        protocol: Protocol::Instruct,
        shots: None,
        samples: 1,
    }
}

pub(crate) fn said(words: &str) -> Answer {
    Answer::Messages(vec![Message::assistant(words)])
}

pub(crate) fn votes(words: &[&str]) -> Answer {
    Answer::Messages(
        words
            .iter()
            .map(|words| Message::assistant(*words))
            .collect(),
    )
}

/// Scores of all questions, for the answers and judgements that `of` gives.
pub(crate) fn put(task: &dyn Task, of: impl Fn(&Ask) -> (Vec<Answer>, Vec<Answer>)) -> Vec<Score> {
    let asks = task.asks().unwrap();
    let came: Vec<_> = asks.iter().map(of).collect();
    let asked: Vec<Asked<'_>> = asks
        .iter()
        .zip(&came)
        .map(|(ask, (answers, judged))| Asked {
            ask,
            answers,
            judged,
        })
        .collect();
    task.scores(&[], &asked, &mut |_| Ok(())).unwrap()
}

pub(crate) fn bench() -> (tempfile::TempDir, Bench) {
    let data = folder(
        "mt_bench",
        &[
            ("question.jsonl", QUESTIONS),
            ("reference_answer/gpt-4.jsonl", REFERENCES),
            ("judge_prompts.jsonl", PROMPTS),
        ],
    );
    let bench = english(&setup(data.path()));
    (data, bench)
}

fn words(request: &Request) -> Vec<&str> {
    let Request::Converse { messages, .. } = request else {
        panic!("wanted a conversation, got {request:?}")
    };
    messages
        .iter()
        .filter_map(|message| message.content.as_deref())
        .collect()
}

#[test]
fn a_conversation_goes_on_for_as_many_turns_as_it_has() {
    let (_data, task) = bench();
    let asks = task.asks().unwrap();
    let temperatures: Vec<f32> = asks.iter().map(|ask| ask.draw.temperature).collect();
    assert_eq!(temperatures, [0.7, 0.0, 0.1]);
    assert_eq!(words(&asks[1].request), ["추월하면 몇 등인가?"]);
    let second = task.next(&asks[1], &[said(" 2등입니다.\n")]).unwrap();
    assert_eq!(
        words(&second),
        ["추월하면 몇 등인가?", "2등입니다.", "꼴찌를 추월하면?"]
    );
    assert_eq!(task.next(&asks[1], &[said("2등"), said("없다")]), None);
    assert_eq!(
        task.next(&asks[1], &[Answer::Failed("full".to_owned())]),
        None
    );
    assert_eq!(task.next(&asks[2], &[said("열")]), None);
}

#[test]
fn the_judge_sees_both_turns_and_the_reference() {
    let (_data, task) = bench();
    let asks = task.asks().unwrap();
    let put = task.judge(&asks[1], &[said("2등 {answer}"), said("없다")]);
    assert_eq!(
        words(&put[0]),
        ["S", "Q 추월하면 몇 등인가? R 2등이다. A 2등 {answer}"]
    );
    // What is in a reference or an answer is no place to put something.
    assert_eq!(
        words(&put[1]),
        [
            "M",
            "추월하면 몇 등인가?|2등이다.|꼴찌를 추월하면?|그럴 수 없다 {question_1}.|2등 {answer}|없다"
        ]
    );
    assert_eq!(task.judge(&asks[0], &[said("x")]).len(), 1);
    assert_eq!(
        task.judge(&asks[0], &[Answer::Failed("full".to_owned())]),
        []
    );
}

#[test]
fn a_score_is_the_mean_of_the_turns() {
    let (_data, task) = bench();
    let scores = put(&task, |ask| match &*ask.id {
        "81" => (
            vec![said("알로하"), said("A")],
            vec![said("[[8]]"), said("[[10]]")],
        ),
        "101" => (
            vec![said("2등"), said("없다")],
            vec![votes(&["[[7]]", "[[7.5]]", "[[7]]"]), said("훌륭합니다")],
        ),
        _ => (vec![Answer::Failed("too long".to_owned())], vec![]),
    });
    assert_eq!(scores[0].values["score"], 9.0);
    assert_eq!(scores[0].values["score_turn_1"], 8.0);
    assert_eq!(scores[0].values["score_turn_2"], 10.0);
    assert!(
        !scores[0].values.contains_key("agreement"),
        "one vote agrees with nothing"
    );
    assert!(
        (scores[1].values["score"] - 21.5 / 3.0).abs() < 1e-12,
        "the second turn is left out"
    );
    assert!(!scores[1].values.contains_key("score_turn_2"));
    assert!((scores[1].values["agreement"] - 1.0 / 3.0).abs() < 1e-12);
    assert_eq!(scores[1].values["unrated"], 0.25);
    assert_eq!(scores[1].taken, "7, 7.5, 7 · –");
    assert!(
        scores[1].note.contains("turn 2 gave no rating"),
        "{}",
        scores[1].note
    );
    assert_eq!(
        scores[2].values["score"], 1.0,
        "no answer is worth the lowest"
    );
    let weights: Vec<f64> = scores.iter().map(|score| score.weights["score"]).collect();
    assert_eq!(weights, [2.0, 1.0, 1.0], "one for each turn with a rating");
    assert!(!scores[0].values.contains_key("score_without_penalty"));
    assert!(!scores[0].weights.contains_key("score_without_penalty"));
}

#[test]
fn without_a_judge_there_is_no_score() {
    let (_data, task) = bench();
    let nobody = Answer::Failed("nobody judged".to_owned());
    for judged in [vec![], vec![nobody.clone(), nobody]] {
        let scores = put(&task, |ask| match &*ask.id {
            "81" => (vec![Answer::Failed("x".to_owned())], vec![]),
            _ => (vec![said("좋다"), said("나쁘다")], judged.clone()),
        });
        assert!(
            scores
                .iter()
                .all(|score| score.values.is_empty() && score.weights.is_empty()),
            "{scores:?}"
        );
    }
}

#[test]
fn nonsense_of_a_judge_is_counted_and_said() {
    let (_data, task) = bench();
    let judged = [
        votes(&["[[11]]", "[[6]]"]),
        votes(&["[[6]]", "[[6]]"]),
        Answer::Failed("died".to_owned()),
    ];
    let asks = task.asks().unwrap();
    let answers = [said("가"), said("나")];
    let unjudged = [Asked {
        ask: &asks[2],
        answers: &answers[..1],
        judged: &judged[2..],
    }];
    assert_eq!(
        task.remarks(&unjudged),
        ["a judge's figures are missing: died"]
    );
    let asked = [
        Asked {
            ask: &asks[0],
            answers: &answers,
            judged: &judged[..2],
        },
        Asked {
            ask: &asks[2],
            answers: &answers[..1],
            judged: &judged[2..],
        },
    ];
    let remarks = task.remarks(&asked);
    assert!(
        remarks[0].contains("2 of the judge's 5 votes gave no rating"),
        "{remarks:?}"
    );
    assert!(
        remarks[1].contains("equal in 100.0 % of pairs"),
        "{remarks:?}"
    );
    let scores = task.scores(&[], &asked, &mut |_| Ok(())).unwrap();
    assert!(!scores[1].values.contains_key("score"));
    assert!(
        scores[1].note.contains("failed: died"),
        "{}",
        scores[1].note
    );
}

#[test]
fn bad_files_are_told_in_a_sentence() {
    let references = "reference_answer/gpt-4.jsonl";
    let no_place = PROMPTS.replace("R {ref_answer_1} A", "A");
    for (files, wanted) in [
        (
            vec![("question.jsonl", QUESTIONS), (references, REFERENCES)],
            "judge_prompts.jsonl",
        ),
        (
            vec![
                ("question.jsonl", QUESTIONS),
                ("judge_prompts.jsonl", PROMPTS),
            ],
            "wanted the folder",
        ),
        (
            vec![
                ("question.jsonl", QUESTIONS),
                (
                    references,
                    "{\"question_id\": 7, \"choices\": [{\"turns\": []}]}",
                ),
                ("judge_prompts.jsonl", PROMPTS),
            ],
            "line 2: question 101 (reasoning) is judged beside a reference",
        ),
        (
            vec![
                ("question.jsonl", QUESTIONS),
                (references, "{\"question_id\": 101, \"choices\": []}"),
                ("judge_prompts.jsonl", PROMPTS),
            ],
            "the reference of 101 has no choices",
        ),
        (
            vec![
                ("question.jsonl", QUESTIONS),
                (references, REFERENCES),
                ("judge_prompts.jsonl", &no_place),
            ],
            "no place for {ref_answer_1}",
        ),
        (
            vec![
                ("question.jsonl", QUESTIONS),
                (references, REFERENCES),
                (
                    "judge_prompts.jsonl",
                    "{\"name\": \"x\", \"system_prompt\": \"\", \"prompt_template\": \"\"}",
                ),
            ],
            "wanted a prompt called \"single-v1\", found x",
        ),
        (
            vec![
                (
                    "question.jsonl",
                    "{\"question_id\": 1, \"category\": \"c\", \"turns\": []}",
                ),
                (references, REFERENCES),
                ("judge_prompts.jsonl", PROMPTS),
            ],
            "question 1 has 0 turns",
        ),
        (
            vec![
                ("question.jsonl", "{\"question_id\": 1"),
                (references, REFERENCES),
                ("judge_prompts.jsonl", PROMPTS),
            ],
            "line 1",
        ),
    ] {
        let data = folder("mt_bench", &files);
        let error = format!("{:#}", english(&setup(data.path())).asks().unwrap_err());
        assert!(error.contains(wanted), "{error}");
    }
}
