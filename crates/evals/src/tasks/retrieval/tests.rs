use super::*;
use crate::task::Protocol;
use std::path::Path;

/// Three passages and two questions of one collection, and another with one of each.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join("retrieval").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
    };
    write(
        "가나다/corpus.jsonl",
        "{\"_id\": \"서울\", \"text\": \"서울은 한강이 흐르는 수도이다\"}\n\
         {\"_id\": \"부산\", \"text\": \"부산은 바다가 보이는 항구이다\"}\n\
         {\"_id\": \"경주\", \"text\": \"경주는 신라의 서울이었다\"}\n",
    );
    write(
        "가나다/queries.jsonl",
        "{\"_id\": \"q1\", \"text\": \"수도는 어디인가\"}\n{\"_id\": \"경주\", \"text\": \"항구는 어디인가\"}\n",
    );
    write(
        "가나다/qrels.tsv",
        "q1\t서울\t1\n경주\t부산\t1\n경주\t경주\t1\n",
    );
    write(
        "하하/corpus.jsonl",
        "{\"_id\": \"a\", \"text\": \"a b c\"}\n",
    );
    write("하하/queries.jsonl", "{\"_id\": \"q\", \"text\": \"b\"}\n");
    write("하하/qrels.tsv", "q\ta\t1\n");
    folder
}

fn task(data: &Path) -> Box<dyn Task> {
    let setup = Setup {
        data: data.to_owned(),
        protocol: Protocol::Base,
        shots: None,
        samples: 1,
    };
    (KINDS[0].open)(&setup).unwrap()
}

fn put(task: &dyn Task, asks: &[Ask], ground: &[Answer], answers: Vec<Answer>) -> Vec<Score> {
    let asked: Vec<Asked<'_>> = asks
        .iter()
        .zip(&answers)
        .map(|(ask, answer)| Asked {
            ask,
            answers: std::slice::from_ref(answer),
            judged: &[],
        })
        .collect();
    task.scores(ground, &asked, &mut |_| Ok(())).unwrap()
}

fn vectors(of: &[[f32; 2]]) -> Vec<Answer> {
    of.iter()
        .map(|vector| Answer::Vector(vector.to_vec()))
        .collect()
}

#[test]
fn every_passage_is_ranked_for_every_question() {
    let folder = folder();
    let task = task(folder.path());
    let (asks, ground) = (task.asks().unwrap(), task.ground().unwrap());
    let ids: Vec<&str> = asks.iter().map(|ask| &*ask.id).collect();
    assert_eq!(ids, ["가나다/q1", "가나다/경주", "하하/q"]);
    assert_eq!(ground.len(), 4);
    assert!(matches!(
        &ground[0].request,
        Request::Embed { query: false, .. }
    ));
    assert!(
        matches!(&asks[0].request, Request::Embed { query: true, text } if text == "수도는 어디인가")
    );

    let passages = vectors(&[[1.0, 0.0], [0.0, 1.0], [0.6, 0.8], [1.0, 1.0]]);
    let questions = vectors(&[[0.7, 0.7], [0.0, 2.0], [1.0, 0.0]]);
    let scores = put(&*task, &asks, &passages, questions);
    // 경주 is nearest, then 서울 and 부산, which are equally near: 서울 comes later in order of names.
    assert_eq!(scores[0].taken, "경주 서울 부산");
    assert!((scores[0].values["ndcg@10"] - 1.0 / 3f64.log2()).abs() < 1e-9);
    assert_eq!(scores[0].values["mrr@10"], 0.5);
    assert_eq!(
        scores[0].values["bm25_mrr@10"], 1.0,
        "the word is in the passage"
    );
    // The passage of the question's own name is left out, though it was judged.
    assert_eq!(scores[1].taken, "부산 서울");
    assert_eq!(scores[1].values["recall@10"], 0.5);
    assert_eq!(scores[2].values["ndcg@10"], 1.0);
    // Any part of the questions scores the same.
    let one = put(&*task, &asks[1..2], &passages, vectors(&[[0.0, 2.0]]));
    assert_eq!(one[0], scores[1]);
}

#[test]
fn what_is_missing_is_said_and_not_found() {
    let folder = folder();
    let task = task(folder.path());
    let asks = task.asks().unwrap();
    let mut passages = vectors(&[[1.0, 0.0], [0.0, 1.0], [0.6, 0.8], [1.0, 1.0]]);
    passages[0] = Answer::Failed("too long".to_owned());
    passages[1] = Answer::Vector(vec![1.0, 2.0, 3.0]);
    let mut questions = vectors(&[[0.7, 0.7], [0.0, 1.0], [1.0, 0.0]]);
    questions[1] = Answer::Failed("the server died".to_owned());
    let scores = put(&*task, &asks, &passages, questions);
    assert_eq!(scores[0].taken, "경주");
    assert_eq!(
        scores[0].note,
        "1 of 3 passages have no vector; 1 passages have vectors of another length"
    );
    assert_eq!(scores[1].values["ndcg@10"], 0.0);
    assert!(
        scores[1].note.contains("the server died"),
        "{}",
        scores[1].note
    );
    // Fewer answers than passages: the rest has none.
    let scores = put(&*task, &asks, &passages[..3], vectors(&[[1.0, 0.0]; 3]));
    assert_eq!(scores[2].values["ndcg@10"], 0.0);
    assert_eq!(scores[2].note, "1 of 1 passages have no vector");
}

#[test]
fn a_folder_without_collections_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let error = format!("{:#}", task(folder.path()).asks().unwrap_err());
    assert!(error.contains("wanted collections in"), "{error}");
    std::fs::create_dir_all(folder.path().join("retrieval/empty")).unwrap();
    let error = format!("{:#}", task(folder.path()).ground().unwrap_err());
    assert!(error.contains("found none"), "{error}");
}
