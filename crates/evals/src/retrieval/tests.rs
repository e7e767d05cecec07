use super::*;
use crate::retrieval::beir::Collection;
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Golden {
    scores: BTreeMap<String, f32>,
    judged: BTreeMap<String, i64>,
    ndcg_10: f64,
    recall_10: f64,
    recall_100: f64,
    reciprocal_10: f64,
    precision_1000: f64,
}

/// `fixtures/retrieval.py` made these with trec_eval.
#[test]
fn rankings_are_worth_what_trec_eval_says() {
    let golden = include_str!("../../../../fixtures/retrieval/golden.json");
    let cases: Vec<Golden> = serde_json::from_str(golden).unwrap();
    assert_eq!(cases.len(), 40);
    for (number, case) in cases.iter().enumerate() {
        let names: Vec<&String> = case.scores.keys().collect();
        let scores: Vec<f32> = case.scores.values().copied().collect();
        let ranking = rank(&scores, &order(&names), DEPTH);
        let relevance = |passage: &u32| case.judged.get(names[*passage as usize]);
        let ranked: Vec<i64> = ranking
            .iter()
            .map(|passage| relevance(passage).copied().unwrap_or(0))
            .collect();
        let judged: Vec<i64> = case.judged.values().copied().collect();
        let worth = worth(&ranked, &judged);
        for (ours, theirs) in [
            (worth.ndcg_10, case.ndcg_10),
            (worth.recall_10, case.recall_10),
            (worth.recall_100, case.recall_100),
            (worth.reciprocal_10, case.reciprocal_10),
            (worth.precision_1000, case.precision_1000),
        ] {
            assert!(
                (ours - theirs).abs() < 1e-9,
                "case {number}: {ours} for {theirs}"
            );
        }
    }
}

#[test]
fn what_has_no_score_is_not_found() {
    let scores = [0.5, f32::NAN, f32::NEG_INFINITY, 0.5, -1.0];
    let names = order(&["나", "가", "다", "라", "마"]);
    assert_eq!(names, [1, 0, 2, 3, 4]);
    assert_eq!(rank(&scores, &names, 10), [3, 0, 4]);
    assert_eq!(rank(&scores, &names, 1), [3]);
    assert_eq!(rank(&[], &[], 10), Vec::<u32>::new());
}

#[test]
fn a_cosine_knows_no_length() {
    let a: Vec<f32> = (0..37).map(|at| (at as f32 * 0.7).sin()).collect();
    let b: Vec<f32> = (0..37).map(|at| (at as f32 * 0.3).cos()).collect();
    let longer: Vec<f32> = a.iter().map(|x| 5.0 * x).collect();
    let plain: f32 = a.iter().zip(&b).map(|(a, b)| a * b).sum();
    assert!((dot(&a, &b) - plain).abs() < 1e-5);
    assert!((cosine(&a, &b) - cosine(&longer, &b)).abs() < 1e-6);
    assert!((cosine(&a, &a) - 1.0).abs() < 1e-6);
    assert!(cosine(&a, &[0.0; 37]).is_nan());
}

fn collection(files: &[(&str, &str)]) -> anyhow::Result<Collection> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
    }
    Collection::read(folder.path())
}

const CORPUS: (&str, &str) = (
    "corpus.jsonl",
    "{\"_id\": \"d1\", \"title\": \"수도\", \"text\": \"서울은 수도이다.\"}\n{\"_id\": \"d2\", \"text\": \"부산은 항구이다.\"}\n",
);
const QUERIES: (&str, &str) = (
    "queries.jsonl",
    "{\"_id\": \"q1\", \"text\": \"수도는?\"}\n{\"_id\": \"q2\", \"text\": \"항구는?\"}\n",
);

#[test]
fn both_forms_of_judgements_are_read() {
    for qrels in [
        (
            "qrels/test.tsv",
            "query-id\tcorpus-id\tscore\nq1\td1\t2\nq1\td9\t1\n",
        ),
        ("qrels.txt", "q1 0 d1 2\nq1 0 d9 1\n"),
    ] {
        let read = collection(&[CORPUS, QUERIES, qrels]).unwrap();
        assert_eq!(read.passages[0].text, "수도 서울은 수도이다.");
        assert_eq!(read.passages[1].text, "부산은 항구이다.");
        assert_eq!(read.questions.len(), 1, "q2 was never judged");
        assert_eq!(read.questions[0].judged["d1"], 2);
        assert_eq!(read.questions[0].judged["d9"], 1);
    }
}

#[test]
fn names_between_tabs_may_hold_spaces() {
    let corpus = CORPUS.1.replace("d1", "서울 특별시");
    let queries = QUERIES.1.replace("q1", "물음 1");
    let qrels =
        "query-id\tcorpus-id\tscore\r\n물음 1\t서울 특별시\t2\r\n\t\t\r\n물음 1\t0\td2\t1 \t\n";
    let files = [
        (CORPUS.0, &*corpus),
        (QUERIES.0, &*queries),
        ("qrels/test.tsv", qrels),
    ];
    let read = collection(&files).unwrap();
    assert_eq!(read.questions[0].id, "물음 1");
    assert_eq!(read.questions[0].judged["서울 특별시"], 2);
    assert_eq!(read.questions[0].judged["d2"], 1);
}

#[test]
fn bad_collections_are_told_in_a_sentence() {
    let good = ("qrels.tsv", "q1\td1\t1\n");
    let twice = format!("{}{}", CORPUS.1, CORPUS.1);
    for (files, wanted) in [
        (vec![CORPUS, QUERIES], "wanted the judgements in one of"),
        (vec![QUERIES, good], "corpus.jsonl"),
        (
            vec![CORPUS, QUERIES, ("qrels.tsv", "q1\td1\t1\nq1 d1\n")],
            "line 2: wanted question",
        ),
        (
            vec![CORPUS, QUERIES, ("qrels.tsv", "q1\td1\t1\nq1\td1\t참\n")],
            "wanted a whole number, found \"참\"",
        ),
        (
            vec![CORPUS, QUERIES, ("qrels.tsv", "q7\td1\t1\n")],
            "\"q7\"",
        ),
        (
            vec![CORPUS, QUERIES, ("qrels.tsv", "a\tb\tc\n")],
            "found none",
        ),
        (
            vec![("corpus.jsonl", &twice), QUERIES, good],
            "line 3: the passage \"d1\"",
        ),
        (
            vec![("corpus.jsonl", "{\"_id\": \"d1\"}\n"), QUERIES, good],
            "line 1",
        ),
    ] {
        let error = format!("{:#}", collection(&files).unwrap_err());
        assert!(error.contains(wanted), "{error}");
    }
}
