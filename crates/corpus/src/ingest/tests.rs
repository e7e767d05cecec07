use serde_json::json;

use super::*;
use crate::{Corpus, WriteSettings};

#[test]
fn every_record_is_written_or_counted() {
    let folder = tempfile::tempdir().unwrap();
    let raw = folder.path().join("raw");
    disk::create_dir(&raw).unwrap();
    let jamo = "\u{1112}\u{1161}\u{11AB}\u{1100}\u{1173}\u{11AF}";
    let lines = format!(
        "{{\"id\":\"1\",\"text\":\"{jamo}\"}}\n{{\"text\":\"\"}}\nnot json\n{{\"text\":\"둘\"}}\n"
    );
    disk::write(&raw.join("a.jsonl"), lines.as_bytes()).unwrap();
    disk::write(&raw.join("b.md"), "# 셋".as_bytes()).unwrap();
    disk::write(&raw.join("c.pdf"), b"%PDF").unwrap();

    let source = Source::discover(&raw).unwrap();
    let settings = ReadSettings {
        add: json!({"language": "ko"}).as_object().unwrap().clone(),
        stop_past_share: 0.5,
        ..ReadSettings::default()
    };
    let out = folder.path().join("out");
    let writer = Writer::create(&out, WriteSettings::default()).unwrap();
    let mut heard = Vec::new();
    let ingested = ingest(&source, settings, writer, |done, all| {
        heard.push((done, all));
        Ok(())
    })
    .unwrap();

    assert_eq!(ingested.files, ["a.jsonl", "b.md"]);
    assert_eq!(ingested.skipped[0].name, "c.pdf");
    assert_eq!(
        (ingested.records, ingested.bad.total, ingested.normalised),
        (5, 2, 1)
    );
    assert_eq!(ingested.statistics.total.documents, 3);
    assert_eq!(ingested.bad.summary(), "broken_json 1, empty_text 1");
    assert_eq!(heard.last(), Some(&(source.bytes(), source.bytes())));
    let documents: Vec<_> = Corpus::open(&out)
        .unwrap()
        .documents()
        .map(Result::unwrap)
        .collect();
    assert_eq!(
        documents
            .iter()
            .map(|document| &*document.id)
            .collect::<Vec<_>>(),
        ["1", "a.jsonl:4", "b.md"]
    );
    assert!(
        documents
            .iter()
            .all(|document| document.language() == Some("ko"))
    );
}

#[test]
fn an_empty_corpus_is_an_error_that_says_what_was_there() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes, settings, expected) in [
        (
            "a.jsonl",
            &b"\n\n"[..],
            ReadSettings::default(),
            "gives an empty corpus: 1 files were read and hold no document",
        ),
        (
            "a.jsonl",
            b"{}\n",
            ReadSettings {
                stop_past_share: 1.0,
                ..ReadSettings::default()
            },
            "hold no document, but 1 bad records (missing_text 1)",
        ),
    ] {
        disk::write(&folder.path().join(name), bytes).unwrap();
        let source = Source::discover(&folder.path().join(name)).unwrap();
        let writer = Writer::create(&folder.path().join("out"), WriteSettings::default()).unwrap();
        let error = ingest(&source, settings, writer, |_, _| Ok(())).unwrap_err();
        assert!(error.to_string().ends_with(expected), "{error}");
    }
}
