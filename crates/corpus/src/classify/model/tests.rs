//! Against what the C++ original says (`fixtures/classify.py`), and against files that lie.

use super::*;
use proptest::prelude::*;
use serde::Deserialize;
use std::collections::BTreeMap;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/classify")
}

#[derive(Deserialize)]
struct Said {
    text: String,
    labels: BTreeMap<String, f32>,
}

fn said() -> BTreeMap<String, Vec<Said>> {
    let text = std::fs::read(fixtures().join("predictions.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

#[test]
fn predictions_are_the_originals() {
    let all = said();
    assert_eq!(all.len(), 6);
    for (file, cases) in all {
        let classifier = Classifier::open(&fixtures().join(&file)).unwrap();
        for case in cases {
            let predicted = classifier.predict(&case.text, 10);
            assert_eq!(predicted.len(), 3);
            for one in predicted {
                // The original does not walk to leaves that are next to impossible.
                let (original, limit) = match case.labels.get(one.label) {
                    Some(original) => (*original, 2e-6),
                    None => (1e-5, 2e-5),
                };
                assert!(
                    (one.probability - original).abs() < limit,
                    "{file}: {:?} is {} with {}, and the original says {original}",
                    case.text,
                    one.label,
                    one.probability
                );
            }
        }
    }
}

/// The texts of the fixture tell n-grams hashed with and without sign apart.
#[test]
fn the_order_of_words_counts() {
    let classifier = Classifier::open(&fixtures().join("bigrams.bin")).unwrap();
    let one = classifier.probabilities("광합성은 식물이 빛");
    let other = classifier.probabilities("빛 식물이 광합성은");
    assert_ne!(one, other);
}

#[test]
fn labels_go_by_both_names() {
    let classifier = Classifier::open(&fixtures().join("bigrams.bin")).unwrap();
    assert_eq!(
        classifier.label("edu").unwrap(),
        classifier.label("__label__edu").unwrap()
    );
    let error = classifier.label("교육").unwrap_err().to_string();
    assert!(error.contains("__label__shop"), "{error}");
}

/// Reads a changed file, and classifies if it can be read: neither may panic or take long.
fn survive(bytes: &[u8]) -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("changed.bin");
    disk::write(&path, bytes).unwrap();
    let classifier = Classifier::open(&path)?;
    classifier.predict("광합성은 식물이 buy now", 3);
    Ok(())
}

#[test]
fn a_file_cut_short_is_said_to_be() {
    for name in ["bigrams.bin", "quantised-norms.ftz"] {
        let whole = std::fs::read(fixtures().join(name)).unwrap();
        for length in [0, 3, 8, 60, 70, 300, whole.len() / 2, whole.len() - 1] {
            let error = survive(&whole[..length]).unwrap_err();
            assert!(format!("{error:#}").contains("changed.bin"), "{error:#}");
        }
    }
    let error = format!("{:#}", survive(b"{\"model\": 1}").unwrap_err());
    assert!(error.contains("does not begin as one"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn files_that_lie_do_no_harm(
        name in prop::sample::select(vec!["bigrams.bin", "tree.bin", "parts.bin", "quantised.ftz", "quantised-norms.ftz"]),
        changes in prop::collection::vec((0_usize..6000, any::<u8>()), 1..6),
        early in prop::collection::vec((0_usize..120, any::<u8>()), 0..3),
    ) {
        let mut bytes = std::fs::read(fixtures().join(name)).unwrap();
        for (at, byte) in changes.into_iter().chain(early) {
            let at = at % bytes.len();
            bytes[at] = byte;
        }
        let _ = survive(&bytes);
    }
}
