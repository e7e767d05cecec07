use super::*;
use crate::ask::Draw;
use crate::run::Silent;
use crate::task::{About, Aggregate, Metric, Score};
use chat::Tool;

/// Two questions with options, three in words of which two samples are drawn.
struct Mixed(About);

fn task() -> Mixed {
    Mixed(About {
        name: "섞임".to_owned(),
        summary: String::new(),
        language: "ko".to_owned(),
        protocol: "0-shot".to_owned(),
        source: String::new(),
        version: 1,
        metrics: vec![Metric {
            name: "acc".to_owned(),
            aggregate: Aggregate::Mean,
            higher_is_better: true,
        }],
    })
}

impl Task for Mixed {
    fn about(&self) -> &About {
        &self.0
    }

    fn asks(&self) -> Result<Vec<Ask>> {
        let choose = |at: usize| Ask {
            id: format!("고르기/{at}"),
            group: "고르기".to_owned(),
            request: Request::Choose {
                context: format!("질문 {at}:"),
                options: vec![" 가".to_owned(), " 나".to_owned()],
            },
            draw: Draw::default(),
        };
        let complete = |at: usize| Ask {
            id: at.to_string(),
            group: "쓰기".to_owned(),
            request: Request::Complete {
                prompt: "한국의 수도는".to_owned(),
                stops: vec![],
                limit: 4,
            },
            draw: Draw {
                samples: 2,
                ..Draw::default()
            },
        };
        Ok((0..2).map(choose).chain((0..3).map(complete)).collect())
    }

    fn score(&self, _: &Ask, answers: &[Answer], _: &[Answer]) -> Score {
        let acc = match &answers[0] {
            Answer::Likelihoods(all) => f64::from(u8::from(all[0].sum > all[1].sum)),
            Answer::Texts(texts) => {
                let right = texts.iter().filter(|text| text.contains("서울")).count();
                right as f64 / texts.len() as f64
            }
            _ => 0.0,
        };
        Score {
            values: [("acc".to_owned(), acc)].into(),
            ..Score::default()
        }
    }
}

fn outcome(lines: &str, alone: bool, limit: Option<usize>) -> Result<Outcome> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("답.jsonl");
    std::fs::write(&file, lines).unwrap();
    let settings = Settings {
        limit,
        ..Settings::default()
    };
    let mut cache = Cache::in_memory();
    Given::read(&file)?.outcome(&task(), alone, None, &mut cache, &settings, &mut Silent)
}

const LINES: &str = r#"{"task": "섞임", "id": "고르기/0", "likelihoods": [-1.5, -2]}
{"task": "섞임", "id": "고르기/1", "likelihoods": [{"sum": -3, "tokens": 1, "greedy": false}, {"sum": -1, "tokens": 1, "greedy": true}]}
{"task": "섞임", "id": 0, "answer": " 서울", "seconds": 3}
{"task": "섞임", "id": "0", "answer": " 부산"}
{"task": "섞임", "id": "0", "completion": " 서울 한 번 더"}
{"task": "다른 것", "id": "9", "answer": "x"}
{"task": "섞임", "id": 2, "answer": ["서울", "서울", "서울"]}
"#;

#[test]
fn answers_are_scored_and_what_is_missing_or_double_is_counted() {
    let found = outcome(LINES, false, None).unwrap();
    let values: Vec<f64> = found
        .questions
        .iter()
        .map(|one| one.score.values["acc"])
        .collect();
    assert_eq!(values, [1.0, 0.0, 0.5, 0.0, 1.0]);
    assert_eq!(found.failed(), 1);
    assert!(found.respondent.contains("BLAKE3"));
    let why = found.questions[3].failure().unwrap();
    assert!(why.contains("답.jsonl has no answer to it"), "{why}");
    let [doubles] = &found.remarks[..] else {
        panic!("{:?}", found.remarks)
    };
    assert!(
        doubles.starts_with("2 further answers") && doubles.contains("답.jsonl, line 5"),
        "{doubles}"
    );
    // The first question of each group alone: nothing is missing.
    let limited = outcome(LINES, false, Some(1)).unwrap();
    assert_eq!((limited.questions.len(), limited.failed()), (2, 0));
    assert_eq!(limited.total, 5);
}

#[test]
fn questions_with_fewer_answers_than_are_drawn_are_counted() {
    let lines = r#"{"id": "0", "answer": "서울"}
{"id": "1", "answer": ["서울", "부산"]}
{"id": "2", "answer": "대전"}
"#;
    let found = outcome(lines, true, None).unwrap();
    let [short] = &found.remarks[..] else {
        panic!("{:?}", found.remarks)
    };
    assert!(
        short.starts_with("2 questions have fewer answers"),
        "{short}"
    );
}

#[test]
fn a_task_that_gives_functions_to_call_is_refused() {
    let row: Row = serde_json::from_str(r#"{"id": 0, "answer": "서울은 맑다."}"#).unwrap();
    let tool = Tool {
        name: "weather".to_owned(),
        description: None,
        parameters: None,
        strict: false,
        json: serde_json::Map::new(),
    };
    let ask = |tools: Vec<Tool>| Ask {
        id: "0".to_owned(),
        group: String::new(),
        request: Request::Converse {
            messages: vec![Message::user("서울 날씨는?")],
            tools,
            limit: 4,
        },
        draw: Draw::default(),
    };
    assert!(row.held(&ask(vec![])).is_ok());
    let said = row.held(&ask(vec![tool])).err().unwrap().to_string();
    assert!(said.contains("no place for calls"), "{said}");
}

#[test]
fn what_is_no_answer_is_named_with_its_line() {
    fn check(line: &str, words: &str) {
        let good = r#"{"id": "1", "answer": "서울"}"#;
        let said = format!(
            "{:#}",
            outcome(&format!("{good}\n{line}\n"), true, None)
                .err()
                .unwrap()
        );
        assert!(said.contains("line 2"), "{said}");
        assert!(said.contains(words), "{words:?} is not in {said}");
    }
    check(r#"{"id": "7", "answer": "x"}"#, "has no question `7`");
    check(r#"{"id": "0"}"#, "wanted one of `answer`");
    check(r#"{"id": "0", "solution": "x"}"#, "instruct protocol");
    check(r#"{"id": "0", "answer": []}"#, "list of answers is empty");
    check(
        r#"{"id": "고르기/0", "answer": "가"}"#,
        "wanted `likelihoods`",
    );
    check(
        r#"{"id": "고르기/0", "likelihoods": [-1]}"#,
        "wanted 2 likelihoods",
    );
    check(
        r#"{"id": "고르기/0", "likelihoods": [-1, 0.5]}"#,
        "never above 0",
    );
    check(
        r#"{"id": "고르기/0", "likelihoods": [-1, null]}"#,
        "not a row",
    );
    check(r#"{"answer": "가"}"#, "not a row");
    check("{\"id\": ", "not a row");
    let unnamed = outcome(r#"{"id": "0", "answer": "x"}"#, false, None)
        .err()
        .unwrap();
    assert!(
        format!("{unnamed:#}").contains("line 1: wanted `task`"),
        "{unnamed:#}"
    );
    let other = outcome(r#"{"task": "x", "id": "0", "answer": "x"}"#, false, None)
        .err()
        .unwrap();
    assert!(
        other.to_string().contains("answers no question of 섞임"),
        "{other:#}"
    );
}
