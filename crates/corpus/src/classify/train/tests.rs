//! What is trained can be read back, repeats, and keeps to its limits.

use super::*;
use crate::classify::Classifier;

fn documents() -> Vec<(&'static str, Document)> {
    let texts = [
        (
            "edu",
            "광합성은 식물이 빛 에너지로 포도당을 만드는 과정이다",
        ),
        ("edu", "미분은 함수의 순간 변화율을 구하는 과정이다"),
        (
            "edu",
            "photosynthesis is the process by which plants convert light",
        ),
        ("other", "ㅋㅋ 진짜 재밌다 이 영화 최고 👍"),
        ("other", "돈 아까움 __label__edu 배우 연기 별로 </s> 노잼"),
        ("other", "buy now cheap price free shipping"),
    ];
    let numbered = (0..60).map(|i| {
        let (label, text) = texts[i % texts.len()];
        (
            label,
            Document::new(format!("d{i}"), format!("{text} {}", i / 6)),
        )
    });
    numbered.collect()
}

fn settings() -> TrainSettings {
    TrainSettings {
        dimension: 8,
        buckets: 2000,
        least_count: 1,
        epochs: 25,
        rate: 0.5,
        ..TrainSettings::default()
    }
}

fn trained(documents: &[(&str, Document)], settings: &TrainSettings) -> (Vec<u8>, Classifier) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("classifier.bin");
    let mut examples = Examples::new(7, settings);
    for (label, document) in documents {
        examples.add(label, document);
    }
    examples.train(settings, folder.path(), &path).unwrap();
    assert!(!folder.path().join("examples.txt").exists());
    let bytes = std::fs::read(&path).unwrap();
    (bytes, Classifier::open(&path).unwrap())
}

#[test]
fn what_was_learned_is_known() {
    let (_, classifier) = trained(&documents(), &settings());
    for (text, label) in [
        ("식물이 빛 에너지로 만드는 과정이다", "__label__edu"),
        ("진짜 재밌다 배우 최고", "__label__other"),
        ("free shipping", "__label__other"),
    ] {
        assert_eq!(classifier.predict(text, 1)[0].label, label, "{text}");
    }
    assert_eq!(
        classifier.labels().len(),
        2,
        "a label inside a text is none"
    );
}

/// The same documents in another order give the same bytes.
#[test]
fn the_order_of_examples_does_not_matter() {
    let forwards = documents();
    let mut backwards = forwards.clone();
    backwards.reverse();
    assert!(trained(&forwards, &settings()).0 == trained(&backwards, &settings()).0);
}

/// As two sets of a hub without ids have it: a document is called after its file and line.
#[test]
fn documents_of_one_id_are_several_examples_unless_they_repeat() {
    let id = "train-00000-of-00001.parquet:1";
    let all = [
        ("edu", Document::new(id, "광합성은 빛으로 포도당을 만든다")),
        ("edu", Document::new(id, "미분은 순간 변화율을 구한다")),
        ("edu", Document::new(id, "미분은 순간 변화율을 구한다")),
        ("edu", Document::new("x:2", "미분은 순간 변화율을 구한다")),
        ("other", Document::new(id, "ㅋㅋ 진짜 재밌다")),
        ("other", Document::new(id, "미분은 순간 변화율을 구한다")),
    ];
    let mut examples = Examples::new(7, &settings());
    for (label, document) in &all {
        examples.add(label, document);
    }
    let counts = examples.counts();
    assert_eq!((counts["edu"], counts["other"]), (3, 2));
    let mut backwards = all.to_vec();
    backwards.reverse();
    assert!(trained(&all, &settings()).0 == trained(&backwards, &settings()).0);
}

#[test]
fn a_label_has_at_most_so_much_text() {
    let settings = TrainSettings {
        label_bytes: 600,
        ..settings()
    };
    let mut examples = Examples::new(7, &settings);
    for (label, document) in documents() {
        examples.add(label, &document);
    }
    let counts = examples.counts();
    assert!(counts["edu"] < 12 && counts["edu"] > 3, "{counts:?}");
    for (bytes, lines) in examples.labels.values() {
        assert!(*bytes <= 600);
        assert_eq!(
            *bytes,
            lines.values().map(|line| line.len() as u64).sum::<u64>()
        );
    }
}

#[test]
fn one_label_is_not_enough() {
    let folder = tempfile::tempdir().unwrap();
    let mut examples = Examples::new(7, &settings());
    let to = folder.path().join("x.bin");
    let error = examples.train(&settings(), folder.path(), &to).unwrap_err();
    assert!(error.to_string().contains("none"), "{error}");
    examples.add("edu", &Document::new("1", "하나"));
    let error = examples.train(&settings(), folder.path(), &to).unwrap_err();
    assert!(error.to_string().contains("edu"), "{error}");
    let wrong = TrainSettings {
        parts: [3, 2],
        ..settings()
    };
    assert!(wrong.check().unwrap_err().to_string().contains("[3, 2]"));
}
