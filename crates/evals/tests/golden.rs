//! Prompts and scores against lm-evaluation-harness 0.4.13, to the byte.
//!
//! `fixtures/evals/` was written by `fixtures/evals.py`: rows made up in each benchmark's own format,
//! and what lm-eval's task files and code make of them.

use evals::{Answer, Ask, Likelihood, Protocol, Request, Score, Setup, Task, tasks};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/evals")
}

#[derive(Deserialize)]
struct Expected {
    mmlu: Vec<Chosen>,
    kmmlu: Vec<Chosen>,
    haerae: Vec<Chosen>,
    kobest_boolq: Vec<Chosen>,
    kobest_copa: Vec<Chosen>,
    kobest_hellaswag: Vec<Chosen>,
    kobest_sentineg: Vec<Chosen>,
    kobest_wic: Vec<Chosen>,
    gsm8k: Vec<Completed>,
}

#[derive(Deserialize)]
struct Chosen {
    shots: usize,
    cases: Vec<Case>,
    /// Each metric over all cases.
    whole: BTreeMap<String, f64>,
}

#[derive(Deserialize)]
struct Case {
    id: String,
    context: String,
    options: Vec<String>,
    sums: Vec<f64>,
    scores: BTreeMap<String, f64>,
}

#[derive(Deserialize)]
struct Completed {
    shots: usize,
    cases: Vec<CompletedCase>,
}

#[derive(Deserialize)]
struct CompletedCase {
    prompt: String,
    stops: Vec<String>,
    #[serde(default)]
    answers: Vec<Said>,
}

#[derive(Deserialize)]
struct Said {
    text: String,
    scores: BTreeMap<String, f64>,
}

fn expected() -> Expected {
    serde_json::from_slice(&std::fs::read(fixtures().join("expected.json")).unwrap()).unwrap()
}

fn open(name: &str, shots: Option<usize>, protocol: Protocol) -> Box<dyn Task> {
    let setup = Setup {
        data: fixtures(),
        protocol,
        shots,
        samples: 1,
    };
    (tasks::find(name).unwrap().open)(&setup).unwrap()
}

/// The questions of a task by id, which are all there are in `wanted`.
fn asks(task: &dyn Task) -> BTreeMap<String, Ask> {
    let asks = task.asks().unwrap();
    asks.into_iter().map(|ask| (ask.id.clone(), ask)).collect()
}

fn check_options(name: &str, runs: &[Chosen]) {
    assert!(runs.len() >= 2, "{name}");
    for run in runs {
        let task = open(name, Some(run.shots), Protocol::Base);
        let asks = asks(task.as_ref());
        let mut scores: Vec<Score> = Vec::new();
        for case in &run.cases {
            let ask = &asks[&case.id];
            let Request::Choose { context, options } = &ask.request else {
                panic!("{name}: {:?}", ask.request)
            };
            assert_eq!(context, &case.context, "{name}, {}", case.id);
            assert_eq!(options, &case.options, "{name}, {}", case.id);
            let likelihood = |&sum: &f64| Likelihood {
                sum,
                tokens: 1,
                greedy: false,
            };
            let answer = Answer::Likelihoods(case.sums.iter().map(likelihood).collect());
            let score = task.score(ask, &[answer], &[]);
            assert_eq!(score.values, case.scores, "{name}, {}", case.id);
            scores.push(score);
        }
        for metric in &task.about().metrics {
            let found = match metric.name.as_str() {
                "f1" => macro_f1(&scores),
                name => {
                    let sum: f64 = scores.iter().map(|score| score.values[name]).sum();
                    sum / scores.len() as f64
                }
            };
            let wanted = run.whole[&metric.name];
            assert!((found - wanted).abs() < 1e-12, "{name}, {}", metric.name);
        }
        assert_eq!(task.about().metrics.len(), run.whole.len(), "{name}");
    }
}

/// The F1 of every class that is right or chosen, averaged.
fn macro_f1(scores: &[Score]) -> f64 {
    let pairs: Vec<(usize, usize)> = scores.iter().map(|score| score.classes.unwrap()).collect();
    let mut classes: Vec<usize> = pairs.iter().flat_map(|pair| [pair.0, pair.1]).collect();
    classes.sort_unstable();
    classes.dedup();
    let f1 = |class: &usize| {
        let count = |is: &dyn Fn(&(usize, usize)) -> bool| {
            pairs.iter().filter(|pair| is(pair)).count() as f64
        };
        let hits = count(&|pair| pair.0 == *class && pair.1 == *class);
        2.0 * hits / (count(&|pair| pair.0 == *class) + count(&|pair| pair.1 == *class))
    };
    classes.iter().map(f1).sum::<f64>() / classes.len() as f64
}

#[test]
fn mmlu() {
    check_options("mmlu", &expected().mmlu);
}

#[test]
fn kmmlu() {
    check_options("kmmlu", &expected().kmmlu);
}

#[test]
fn haerae() {
    check_options("haerae", &expected().haerae);
}

#[test]
fn kobest() {
    let expected = expected();
    check_options("kobest_boolq", &expected.kobest_boolq);
    check_options("kobest_copa", &expected.kobest_copa);
    check_options("kobest_hellaswag", &expected.kobest_hellaswag);
    check_options("kobest_sentineg", &expected.kobest_sentineg);
    check_options("kobest_wic", &expected.kobest_wic);
}

fn texts(text: &str) -> [Answer; 1] {
    [Answer::Texts(vec![text.to_owned()])]
}

#[test]
fn gsm8k() {
    for run in expected().gsm8k {
        let task = open("gsm8k", Some(run.shots), Protocol::Base);
        let asks = task.asks().unwrap();
        assert_eq!(asks.len(), run.cases.len());
        for (ask, case) in asks.iter().zip(&run.cases) {
            let Request::Complete { prompt, stops, .. } = &ask.request else {
                panic!("{:?}", ask.request)
            };
            assert_eq!(prompt, &case.prompt);
            assert_eq!(stops, &case.stops);
            for said in &case.answers {
                let score = task.score(ask, &texts(&said.text), &[]);
                assert_eq!(score.values, said.scores, "{:?}", said.text);
            }
        }
    }
}

#[derive(Deserialize)]
struct Maths {
    prompts: Vec<CompletedCase>,
    finals: Vec<Final>,
}

#[derive(Deserialize)]
struct Final {
    text: String,
    exact_match: f64,
}

#[test]
fn math() {
    let maths: Maths =
        serde_json::from_slice(&std::fs::read(fixtures().join("maths.json")).unwrap()).unwrap();
    let task = open("math", None, Protocol::Base);
    let asks = task.asks().unwrap();
    assert_eq!(asks.len(), maths.prompts.len());
    for (ask, case) in asks.iter().zip(&maths.prompts) {
        let Request::Complete { prompt, stops, .. } = &ask.request else {
            panic!("{:?}", ask.request)
        };
        assert_eq!(prompt, &case.prompt);
        assert_eq!(stops, &case.stops);
    }
    assert!(maths.finals.len() > 4);
    for said in &maths.finals {
        // the first problem's answer is 2
        let score = task.score(&asks[0], &texts(&said.text), &[]);
        assert_eq!(
            score.values["exact_match"], said.exact_match,
            "{:?}",
            said.text
        );
    }
}
