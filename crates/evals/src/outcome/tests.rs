use super::*;
use crate::ask::{Draw, Likelihood};
use crate::compare::compare;
use crate::task::{Aggregate, Metric, Protocol};

fn about() -> RunAbout {
    RunAbout {
        model: "작은 모델".to_owned(),
        identity: "작은 모델 bf16".to_owned(),
        tokenizer: Some("abc".to_owned()),
        chat_template: None,
        protocol: Protocol::Base,
        limit: Some(2),
        samples: 1,
        temperature: None,
        max_tokens: None,
        judge: None,
        version: "0.1.0".to_owned(),
    }
}

fn outcome() -> Outcome {
    let metric = |name: &str| Metric {
        name: name.to_owned(),
        aggregate: Aggregate::Mean,
        higher_is_better: true,
    };
    let question = |at: usize, group: &str| {
        let mut question = Question::new(Ask {
            id: format!("{group}/{at}"),
            group: group.to_owned(),
            request: Request::Choose {
                context: "다음 중 옳은 것은?\n정답:".to_owned(),
                options: vec![" A".to_owned(), " B".to_owned()],
            },
            draw: Draw::default(),
        });
        question.requests.push(question.ask.request.clone());
        let likelihood = |sum: f64| Likelihood {
            sum,
            tokens: 1,
            greedy: sum > -1.0,
        };
        question.answers.push(Answer::Likelihoods(vec![
            likelihood(-0.5),
            likelihood(-1.25),
        ]));
        question.notes.push(String::new());
        question.score.values = [
            ("acc".to_owned(), (at % 2) as f64),
            ("exact_match,strict-match".to_owned(), 1.0),
        ]
        .into();
        question.score.expected = "A".to_owned();
        question.score.taken = "A".to_owned();
        question
    };
    let about = About {
        name: "kmmlu".to_owned(),
        summary: "시험".to_owned(),
        language: "ko".to_owned(),
        protocol: "5-shot log-likelihood".to_owned(),
        source: "HAERAE-HUB/KMMLU".to_owned(),
        version: 3,
        metrics: vec![metric("acc"), metric("exact_match,strict-match")],
    };
    let questions = vec![
        question(0, "Criminal Law"),
        question(1, "Criminal Law"),
        question(0, "kmmlu_math"),
    ];
    Outcome::new(about, 90, questions, "작은 모델 bf16".to_owned(), None)
}

#[test]
fn results_have_lm_evals_shape() {
    let all = results(&about(), &[outcome()]);
    assert_eq!(all["results"]["kmmlu"]["acc,none"], 1.0 / 3.0);
    assert_eq!(all["results"]["kmmlu"]["exact_match,strict-match"], 1.0);
    assert_eq!(
        all["results"]["kmmlu"]["exact_match_stderr,strict-match"],
        0.0
    );
    assert_eq!(all["results"]["kmmlu_Criminal_Law"]["acc,none"], 0.5);
    assert_eq!(all["results"]["kmmlu_Criminal_Law"]["acc_stderr,none"], 0.5);
    assert_eq!(all["results"]["kmmlu_math"]["acc_stderr,none"], "N/A");
    assert_eq!(
        all["group_subtasks"]["kmmlu"],
        serde_json::json!(["kmmlu_Criminal_Law", "kmmlu_math"])
    );
    assert_eq!(all["versions"]["kmmlu"], 3);
    assert_eq!(all["n-shot"]["kmmlu"], 5);
    assert_eq!(all["n-samples"]["kmmlu"]["original"], 90);
    assert_eq!(all["n-samples"]["kmmlu"]["effective"], 3);
    assert_eq!(
        all["higher_is_better"]["kmmlu"],
        serde_json::json!({"acc": true, "exact_match": true})
    );
    assert_eq!(
        all["kanana"]["kmmlu"]["contamination"],
        serde_json::Value::Null
    );
}

#[test]
fn samples_have_lm_evals_shape() {
    let outcome = outcome();
    let lines: Vec<_> = samples(&outcome).collect();
    let line = &lines[1];
    assert_eq!(line["doc_id"], 1);
    assert_eq!(line["arguments"]["gen_args_1"]["arg_1"], " B");
    assert_eq!(
        line["resps"],
        serde_json::json!([[["-0.5", "True"]], [["-1.25", "False"]]])
    );
    assert_eq!(
        line["filtered_resps"],
        serde_json::json!([["-0.5", "True"], ["-1.25", "False"]])
    );
    assert_eq!(line["kanana"]["taken"], "A");
    assert_eq!(line["acc"], 1.0);
    assert_eq!(line["target"], "A");
    let hash = line["prompt_hash"].as_str().unwrap();
    assert_eq!(hash.len(), 64);
    assert_eq!(hash, lines[0]["prompt_hash"], "the same words");
}

#[test]
fn samples_of_words_and_whole_texts_have_lm_evals_shape() {
    let shape = |request: Request, answer: Answer| {
        let mut outcome = outcome();
        outcome.questions.truncate(1);
        outcome.questions[0].requests = vec![request];
        outcome.questions[0].answers = vec![answer];
        let line = samples(&outcome).next().unwrap();
        (line["resps"].clone(), line["filtered_resps"].clone())
    };
    let whole = Likelihood {
        sum: -7.5,
        tokens: 3,
        greedy: false,
    };
    let text = "글".to_owned();
    assert_eq!(
        shape(
            Request::Measure { text: text.clone() },
            Answer::Likelihoods(vec![whole])
        ),
        (serde_json::json!([["-7.5"]]), serde_json::json!(["-7.5"]))
    );
    let complete = Request::Complete {
        prompt: text,
        stops: vec![],
        limit: 8,
    };
    let texts = vec!["답: A".to_owned(), "답: B".to_owned()];
    assert_eq!(
        shape(complete.clone(), Answer::Texts(texts)),
        (
            serde_json::json!([["답: A", "답: B"]]),
            serde_json::json!(["A"])
        )
    );
    assert_eq!(
        shape(complete, Answer::Failed("full".to_owned())).0,
        serde_json::json!([{"failed": "full"}])
    );
}

fn write(folder: &std::path::Path) {
    write_outcome(folder, &outcome());
}

fn write_outcome(folder: &std::path::Path, outcome: &Outcome) {
    let text = results(&about(), std::slice::from_ref(outcome)).to_string();
    disk::write(&folder.join(Saved::RESULTS), text.as_bytes()).unwrap();
    let lines: Vec<String> = samples(outcome).map(|line| line.to_string()).collect();
    let file = folder.join(Saved::samples_file("kmmlu"));
    disk::write(&file, lines.join("\n").as_bytes()).unwrap();
}

#[test]
fn what_was_written_is_read() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path());
    let saved = Saved::read(folder.path()).unwrap();
    assert_eq!(saved.about, about());
    assert_eq!(saved.tasks[0].about, outcome().about);
    for (found, wanted) in saved.tasks[0].questions.iter().zip(outcome().questions) {
        assert_eq!(found.id, wanted.ask.id);
        assert_eq!(found.score.values, wanted.score.values);
        assert_eq!(found.prompt, wanted.prompt_hash());
    }
}

#[test]
fn who_judged_and_how_often_is_read_from_the_answers() {
    let judged = |judge: Option<&str>, votes: Option<usize>| {
        let plain = outcome();
        let mut questions = plain.questions;
        let words = "참 잘했다. [[9]]".to_owned();
        if let Some(votes) = votes {
            questions[1].judge_requests = vec![questions[1].ask.request.clone(); 2];
            let failed = Answer::Failed("the judge is gone".to_owned());
            questions[1].judged = vec![failed, Answer::Texts(vec![words; votes])];
        }
        let judge = judge.map(str::to_owned);
        let whole = Outcome::new(plain.about, 90, questions, String::new(), judge);
        let folder = tempfile::tempdir().unwrap();
        write_outcome(folder.path(), &whole);
        let mut saved = Saved::read(folder.path()).unwrap();
        let task = saved.tasks.remove(0);
        (task.judge, task.votes)
    };
    let judge = Some("심판".to_owned());
    assert_eq!(judged(Some("심판"), Some(3)), (judge, 3));
    assert_eq!(judged(Some("심판"), None), (None, 0), "nothing was judged");
    assert_eq!(judged(None, None), (None, 0));
}

#[test]
fn a_task_without_any_answer_is_told_from_one_that_went_wrong() {
    let mut whole = outcome();
    assert_eq!(whole.unanswered(), None);
    for question in &mut whole.questions {
        question.answers = vec![Answer::Failed("the server refused".to_owned())];
    }
    let first = ("Criminal Law/0", "the server refused");
    assert_eq!(whole.unanswered(), Some(first));
    whole.questions[2].answers = vec![Answer::Texts(vec![String::new()])];
    assert_eq!(whole.unanswered(), None);
}

#[test]
fn metrics_with_weights_of_their_own_are_compared_with_them() {
    let plain = outcome();
    let mut questions = plain.questions;
    for (at, question) in questions.iter_mut().enumerate() {
        let weight = 1.0 + 2.0 * at as f64;
        question.score.weights = [("acc".to_owned(), weight)].into();
    }
    let weighed = Outcome::new(plain.about, 90, questions, String::new(), None);
    // The second question alone is right: 3 of 1 + 3 + 5.
    assert_eq!(weighed.estimates[0].value, 3.0 / 9.0);
    let folder = tempfile::tempdir().unwrap();
    write_outcome(folder.path(), &weighed);
    let saved = Saved::read(folder.path()).unwrap();
    let found = compare(&saved, &saved).comparisons;
    for (found, estimate) in found.iter().zip(&weighed.estimates) {
        assert_eq!(found.a, estimate.value, "{}", estimate.metric.name);
    }
}

#[test]
fn files_that_are_not_ours_are_refused_with_a_sentence() {
    fn check(break_it: impl FnOnce(&std::path::Path), words: &str) {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path());
        break_it(folder.path());
        let said = format!("{:#}", Saved::read(folder.path()).unwrap_err());
        assert!(said.contains(words), "{said}");
    }
    let results = |folder: &std::path::Path| folder.join(Saved::RESULTS);
    let samples = |folder: &std::path::Path| folder.join(Saved::samples_file("kmmlu"));
    check(
        |folder| disk::remove_file(&results(folder)).unwrap(),
        "has no results",
    );
    check(
        |folder| disk::write(&results(folder), b"{\"results\": {}}").unwrap(),
        "format null",
    );
    check(
        |folder| disk::write(&results(folder), b"<html>").unwrap(),
        "is not what `kanana eval` writes",
    );
    check(
        |folder| disk::write(&samples(folder), b"{}\n").unwrap(),
        "line 1: not a question",
    );
    check(
        |folder| disk::remove_file(&samples(folder)).unwrap(),
        "samples_kmmlu.jsonl",
    );
}
