//! Rounds on a small world with planted truth: the first calls too little educational, the next more.

use super::*;
use crate::{WriteSettings, Writer};

/// Documents of a subject use its words and some of everyone's.
fn corpus(folder: &Path, name: &str, subjects: &[usize], documents: usize) -> Corpus {
    let mut writer = Writer::create(&folder.join(name), WriteSettings::default()).unwrap();
    for i in 0..documents {
        let subject = subjects[i % subjects.len()];
        let words: Vec<String> = (0..12)
            .map(|j| match (i * 7 + j * 5) % 3 {
                // Neighbouring subjects share words, so that one leads to the next.
                0 => format!("낱말{}", subject * 3 + (i + j) % 12),
                1 => format!("용어{}", subject * 2 + (i * 3 + j) % 6),
                _ => format!("은{}", (i + j * j) % 9),
            })
            .collect();
        writer
            .write(&Document::new(format!("{name}-{i}"), words.join(" ")))
            .unwrap();
    }
    writer.finish().unwrap();
    Corpus::open(&folder.join(name)).unwrap()
}

fn settings() -> RoundSettings {
    RoundSettings {
        rounds: 3,
        threshold: 0.5,
        growth: 3.0,
        train: TrainSettings {
            dimension: 8,
            buckets: 5000,
            least_count: 1,
            epochs: 20,
            rate: 0.3,
            ..TrainSettings::default()
        },
        ..RoundSettings::default()
    }
}

#[test]
fn each_round_learns_from_the_one_before() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let seed = [corpus(at, "seed", &[0], 20)];
    let negatives = [(
        "chat".to_owned(),
        corpus(at, "negatives", &[20, 21, 22, 23], 120),
    )];
    let pool = [corpus(at, "pool", &[0, 1, 2, 3, 20, 21], 300)];
    let held_out = [("related".to_owned(), corpus(at, "related", &[2, 3], 60))];
    let of = Rounds {
        seed: &seed,
        negatives: &negatives,
        pool: &pool,
        held_out: &held_out,
        threads: &crate::pool(2).unwrap(),
    };
    let run = |name: &str| {
        let out = at.join(name);
        std::fs::create_dir(&out).unwrap();
        let found = rounds(&of, &settings(), 7, &out, &mut |_, _, _| Ok(())).unwrap();
        assert!(model_path(&out, 3).is_file());
        found
    };
    let found = run("one");
    assert_eq!(found.len(), 3);
    assert_eq!(found[0].positives, 20);
    assert_eq!(found[1].positives, 20 + found[0].joined);
    for pair in found.windows(2) {
        assert!(
            pair[1].positives as f64 <= pair[0].positives as f64 * settings().growth,
            "it grows no faster than it may"
        );
    }
    assert!(
        found[2].held_out.recall > found[0].held_out.recall,
        "{found:#?}"
    );
    assert!(found[2].by_corpus["chat"] < 0.1, "{:?}", found[2]);
    assert_eq!(found, run("two"), "the same again");
}

/// A document that joins is an example of its own, whatever the documents of the seed are called; one that is the
/// seed's own is no further example.
#[test]
fn what_joins_overwrites_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let elsewhere = at.join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    let seed = [corpus(at, "seed", &[0], 20)];
    let negatives = [("chat".to_owned(), corpus(at, "negatives", &[20, 21], 80))];
    let held_out = [("related".to_owned(), corpus(at, "related", &[2], 20))];
    let settings = RoundSettings {
        rounds: 2,
        join: Some(1.0),
        ..settings()
    };
    let run = |name: &str, pool: &[Corpus]| {
        let of = Rounds {
            seed: &seed,
            negatives: &negatives,
            pool,
            held_out: &held_out,
            threads: &crate::pool(2).unwrap(),
        };
        let out = at.join(name);
        std::fs::create_dir(&out).unwrap();
        rounds(&of, &settings, 7, &out, &mut |_, _, _| Ok(())).unwrap()
    };
    let namesakes = run("namesakes", &[corpus(&elsewhere, "seed", &[1, 2], 30)]);
    assert!(namesakes[0].joined > 0, "{namesakes:?}");
    assert_eq!(namesakes[1].positives, 20 + namesakes[0].joined);
    let repeats = run("repeats", &[Corpus::open(&at.join("seed")).unwrap()]);
    assert!(repeats[0].joined > 0, "{repeats:?}");
    assert_eq!(repeats[1].positives, 20);
}

#[test]
fn settings_without_sense_are_named() {
    for (settings, word) in [
        (
            RoundSettings {
                growth: 1.0,
                ..settings()
            },
            "growth",
        ),
        (
            RoundSettings {
                rounds: 0,
                ..settings()
            },
            "rounds",
        ),
        (
            RoundSettings {
                negative: "edu".to_owned(),
                ..settings()
            },
            "edu",
        ),
    ] {
        let error = settings.check().unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
}
