use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::WriteSettings;

/// Corpora of texts of the given lengths in bytes; ids are `name-number`.
fn corpora(folder: &Path, sizes: &[(&str, Vec<usize>)]) -> Vec<(String, Corpus)> {
    let make = |(name, lengths): &(&str, Vec<usize>)| {
        let path = folder.join(name);
        let mut writer = Writer::create(&path, WriteSettings::default()).unwrap();
        for (number, length) in lengths.iter().enumerate() {
            writer
                .write(&Document::new(
                    format!("{name}-{number}"),
                    "x".repeat(*length),
                ))
                .unwrap();
        }
        writer.finish().unwrap();
        ((*name).to_owned(), Corpus::open(&path).unwrap())
    };
    sizes.iter().map(make).collect()
}

fn part(corpus: &str, share: f64, epochs: f64) -> Part {
    Part {
        corpus: corpus.to_owned(),
        share,
        epochs,
    }
}

fn by_bytes(parts: Vec<Part>, total: Option<u64>) -> MixSettings {
    MixSettings {
        parts,
        unit: Unit::Bytes,
        total,
        ..MixSettings::default()
    }
}

struct Mixed {
    report: MixReport,
    train: Vec<Document>,
    validation: Vec<Document>,
    bytes: Vec<u8>,
}

fn run(corpora: &[(String, Corpus)], settings: &MixSettings) -> Result<Mixed> {
    let folder = tempfile::tempdir().unwrap();
    let (train, validation) = (
        folder.path().join("train"),
        folder.path().join("validation"),
    );
    let mut train_writer = Writer::create(&train, WriteSettings::default())?;
    let mut validation_writer = Writer::create(&validation, WriteSettings::default())?;
    let count = |document: &Document| document.text.len() as u64 + 2;
    let report = mix(
        corpora,
        settings,
        &count,
        folder.path(),
        &mut train_writer,
        &mut validation_writer,
        &mut |done, all| {
            assert!(done <= all);
            Ok(())
        },
    )?;
    let index = train_writer.finish()?;
    validation_writer.finish()?;
    let left: Vec<_> = std::fs::read_dir(folder.path())?
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left.len(), 2, "no heap is left behind: {left:?}");
    let bytes = index
        .shards
        .iter()
        .flat_map(|shard| std::fs::read(train.join(&shard.name)).unwrap())
        .collect();
    let read = |folder: &Path| {
        Corpus::open(folder)?
            .documents()
            .collect::<Result<Vec<_>>>()
    };
    Ok(Mixed {
        report,
        train: read(&train)?,
        validation: read(&validation)?,
        bytes,
    })
}

fn ids(documents: &[Document]) -> Vec<&str> {
    documents.iter().map(|document| &*document.id).collect()
}

/// A few documents that are far too large for what is wanted stand in the way of nobody.
#[test]
fn large_documents_do_not_end_a_part() {
    let folder = tempfile::tempdir().unwrap();
    let mut lengths = vec![100; 2000];
    lengths.extend([40_000; 40]);
    let corpora = corpora(folder.path(), &[("ko", vec![100; 2000]), ("en", lengths)]);
    let settings = by_bytes(
        vec![part("ko", 1.0, 1.0), part("en", 1.0, 1.0)],
        Some(40_000),
    );
    let mixed = run(&corpora, &settings).unwrap();
    for part in &mixed.report.parts {
        assert!(part.achieved.abs_diff(20_000) <= 100, "{part:?}");
    }
    let mut seen = BTreeSet::new();
    assert!(
        mixed.train.iter().all(|document| seen.insert(&document.id)),
        "none comes twice"
    );
}

#[test]
fn a_part_that_comes_out_empty_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let corpora = corpora(
        folder.path(),
        &[("ko", vec![1000; 20]), ("en", vec![10; 2000])],
    );
    let parts = || vec![part("ko", 0.1, 1.0), part("en", 0.9, 1.0)];
    let mut settings = by_bytes(parts(), Some(4000));
    let error = run(&corpora, &settings).err().unwrap().to_string();
    assert!(
        error.contains("no document of it is as small as that"),
        "{error}"
    );
    settings.when_short = Short::Take;
    assert_eq!(
        run(&corpora, &settings).unwrap().report.parts[0].achieved,
        0
    );
}

/// More than half of what is wanted too little or too much is said; what is as near as whole documents come is not.
#[test]
fn a_part_that_comes_out_far_from_what_is_wanted_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let mut lengths = vec![100; 10];
    lengths.push(1_000_000);
    let small = corpora(folder.path(), &[("법안", lengths)]);
    let even = corpora(folder.path(), &[("ko", vec![190; 20])]);
    let run = |corpora: &[(String, Corpus)], total, when_short| {
        let parts = vec![part(&corpora[0].0, 1.0, 4.0)];
        let settings = MixSettings {
            when_short,
            ..by_bytes(parts, Some(total))
        };
        run(corpora, &settings).map(|mixed| mixed.report.total)
    };
    let error = run(&small, 50_000, Short::Stop).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the mixture wants 50000 bytes of \"법안\", and whole documents give 1000 at the nearest, since the largest \
         has 1000000; raise the total or its share, leave such documents out before, or say when_short = \"take\""
    );
    assert_eq!(run(&small, 50_000, Short::Take).unwrap(), 1000);
    let error = run(&even, 100, Short::Stop).unwrap_err().to_string();
    assert!(error.contains("give 190 at the nearest"), "{error}");
    for (total, given) in [(150, 190), (190, 190), (280, 190), (290, 380), (1000, 950)] {
        assert_eq!(run(&even, total, Short::Stop).unwrap(), given, "{total}");
    }
}

#[test]
fn shares_are_met_and_every_document_says_where_it_is_from() {
    let folder = tempfile::tempdir().unwrap();
    let corpora = corpora(
        folder.path(),
        &[("ko", vec![10; 400]), ("en", vec![7; 1000])],
    );
    let settings = by_bytes(vec![part("ko", 3.0, 1.0), part("en", 1.0, 1.0)], Some(4000));
    let mixed = run(&corpora, &settings).unwrap();
    let [korean, english] = &*mixed.report.parts else {
        panic!("two parts")
    };
    assert_eq!(
        (korean.wanted, korean.achieved, korean.available),
        (3000, 3000, 4000)
    );
    assert_eq!((english.wanted, english.achieved), (1000, 1001));
    assert_eq!(korean.epochs, 0.75);
    assert_eq!((mixed.report.total, mixed.report.documents), (4001, 443));
    assert_eq!(mixed.train.len(), 443);
    let from_korean = mixed
        .train
        .iter()
        .filter(|document| document.string("corpus") == Some("ko"))
        .count();
    assert_eq!(from_korean as u64, korean.documents);
    let distinct: BTreeSet<&str> = ids(&mixed.train).into_iter().collect();
    assert_eq!(distinct.len(), 443, "below one epoch nothing comes twice");
    let first: Vec<bool> = mixed.train[..60]
        .iter()
        .map(|document| document.id.starts_with("ko"))
        .collect();
    assert!(
        first.contains(&true) && first.contains(&false),
        "shuffled together"
    );
}

#[test]
fn without_a_total_the_scarcest_corpus_decides() {
    let folder = tempfile::tempdir().unwrap();
    let corpora = corpora(
        folder.path(),
        &[("ko", vec![10; 30]), ("en", vec![10; 1000])],
    );
    let settings = by_bytes(vec![part("ko", 0.5, 2.0), part("en", 0.5, 4.0)], None);
    let mixed = run(&corpora, &settings).unwrap();
    assert_eq!(mixed.report.total, 1200);
    assert_eq!(mixed.report.parts[0].epochs, 2.0);
    let mut times: BTreeMap<&str, u32> = BTreeMap::new();
    for id in ids(&mixed.train) {
        *times.entry(id).or_default() += 1;
    }
    assert!(
        times
            .iter()
            .all(|(id, times)| *times == if id.starts_with("ko") { 2 } else { 1 })
    );
}

#[test]
fn a_corpus_that_is_too_small_stops_or_gives_what_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let corpora = corpora(
        folder.path(),
        &[("ko", vec![10; 10]), ("en", vec![10; 1000])],
    );
    let mut settings = by_bytes(vec![part("ko", 0.5, 2.5), part("en", 0.5, 1.0)], Some(2000));
    let error = run(&corpora, &settings).err().unwrap().to_string();
    assert_eq!(
        error,
        "the mixture wants 1000 bytes of \"ko\" (50.0 % of 2000), and it has 100 and may be repeated 2.5 times at \
         most, which gives 250: lower the total to 500, let it be repeated 10.0 times, give it a smaller share, or \
         say when_short = \"take\""
    );
    settings.when_short = Short::Take;
    let report = run(&corpora, &settings).unwrap().report;
    assert_eq!(
        (
            report.parts[0].wanted,
            report.parts[0].achieved,
            report.parts[1].achieved
        ),
        (1000, 250, 1000)
    );
    assert_eq!(
        (report.parts[0].wanted_share, report.parts[0].achieved_share),
        (0.5, 0.2)
    );
    assert_eq!(report.parts[0].epochs, 2.5);
}

#[test]
fn the_order_depends_on_the_seed_and_not_on_memory_or_threads() {
    let folder = tempfile::tempdir().unwrap();
    let lengths: Vec<usize> = (0..300).map(|number| 1 + number * 7 % 50).collect();
    let corpora = corpora(folder.path(), &[("ko", lengths.clone()), ("en", lengths)]);
    let parts = vec![part("ko", 1.0, 3.0), part("en", 2.0, 3.0)];
    let settings = MixSettings {
        parts,
        total: Some(20_000),
        validation: 0.1,
        seed: 7,
        ..MixSettings::default()
    };
    let expected = run(&corpora, &settings).unwrap().bytes;
    for (memory, threads) in [(1 << 30, 1), (5000, 2), (5000, 8), (1, 3)] {
        let settings = MixSettings {
            memory,
            ..settings.clone()
        };
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let bytes = pool.install(|| run(&corpora, &settings).unwrap().bytes);
        assert!(bytes == expected, "memory {memory}, {threads} threads");
    }
    let other = run(
        &corpora,
        &MixSettings {
            seed: 8,
            ..settings
        },
    )
    .unwrap()
    .bytes;
    assert!(other != expected);
}

#[test]
fn held_out_documents_are_held_out_of_every_mixture() {
    let folder = tempfile::tempdir().unwrap();
    let corpora = corpora(
        folder.path(),
        &[("ko", vec![10; 500]), ("en", vec![10; 500])],
    );
    let mut all_validation = BTreeSet::new();
    let mut all_train = BTreeSet::new();
    for (seed, share, most) in [(1, 0.5, None), (2, 0.9, None), (3, 0.1, Some(20))] {
        let settings = MixSettings {
            validation: 0.1,
            validation_documents: most,
            seed,
            ..by_bytes(
                vec![part("ko", share, 4.0), part("en", 1.0 - share, 4.0)],
                Some(6000),
            )
        };
        let mixed = run(&corpora, &settings).unwrap();
        let held: u64 = mixed.report.parts.iter().map(|part| part.held_out).sum();
        assert!((60..140).contains(&held), "{held}");
        let written = mixed.validation.len();
        assert_eq!(written as u64, mixed.report.validation_documents);
        assert_eq!(written as u64, most.unwrap_or(held));
        assert!(
            mixed
                .validation
                .iter()
                .all(|document| held_out(&document.id, 0.1))
        );
        assert!(
            mixed
                .train
                .iter()
                .all(|document| !held_out(&document.id, 0.1))
        );
        all_validation.extend(mixed.validation.into_iter().map(|document| document.id));
        all_train.extend(mixed.train.into_iter().map(|document| document.id));
    }
    assert!(all_validation.is_disjoint(&all_train));
}

#[test]
fn tokens_are_what_the_counting_function_says() {
    let folder = tempfile::tempdir().unwrap();
    let corpora = corpora(folder.path(), &[("ko", vec![8; 100])]);
    let settings = MixSettings {
        parts: vec![part("ko", 1.0, 1.0)],
        total: Some(500),
        ..MixSettings::default()
    };
    let report = run(&corpora, &settings).unwrap().report;
    assert_eq!(
        (report.unit, report.total, report.documents, report.bytes),
        (Unit::Tokens, 500, 50, 400)
    );
}

#[test]
fn settings_that_make_no_sense_are_said() {
    let folder = tempfile::tempdir().unwrap();
    let corpora = corpora(
        folder.path(),
        &[("ko", vec![10; 3]), ("빈", vec![]), ("en", vec![10; 3])],
    );
    let two = || vec![part("ko", 1.0, 1.0), part("en", 1.0, 1.0)];
    let check = |corpora: &[(String, Corpus)], settings: MixSettings, expected: &str| {
        let error = format!(
            "{:#}",
            run(corpora, &settings)
                .err()
                .unwrap_or_else(|| panic!("{expected}"))
        );
        assert!(error.contains(expected), "{error}\nand not: {expected}");
    };
    check(
        &corpora,
        by_bytes(vec![], None),
        "the mixture names no corpus; there are ko, 빈, en",
    );
    check(
        &corpora,
        by_bytes(vec![part("kr", 1.0, 1.0)], None),
        "wants the corpus \"kr\", and there are ko, 빈, en",
    );
    check(
        &corpora,
        by_bytes(vec![part("빈", 1.0, 1.0)], None),
        "the corpus \"빈\" is empty",
    );
    check(
        &corpora,
        by_bytes(two(), None),
        "the corpus \"빈\" is an input, but the mixture gives it no share",
    );
    let full = [corpora[0].clone(), corpora[2].clone()];
    check(
        &full,
        by_bytes(vec![part("ko", 1.0, 1.0), part("ko", 1.0, 1.0)], None),
        "names the corpus \"ko\" twice",
    );
    check(
        &full,
        by_bytes(vec![part("ko", 0.0, 1.0), part("en", 1.0, 1.0)], None),
        "the share of \"ko\" is 0",
    );
    check(
        &full,
        by_bytes(vec![part("ko", f64::NAN, 1.0), part("en", 1.0, 1.0)], None),
        "the share of \"ko\" is NaN",
    );
    check(
        &full,
        by_bytes(vec![part("ko", 1.0, 1.0), part("en", 1.0, -1.0)], None),
        "the epochs of \"en\" are -1",
    );
    check(&full, by_bytes(two(), Some(0)), "shall hold 0 bytes");
    check(&full, by_bytes(two(), Some(4)), "comes out empty");
    let none = BTreeMap::from([("language".to_owned(), "ko".to_owned())]);
    let selected = [
        full[0].clone(),
        ("en".to_owned(), full[1].1.clone().select(none)),
    ];
    check(
        &selected,
        by_bytes(two(), None),
        "no document of \"en\" is what the mixture wants",
    );
    let held = MixSettings {
        validation: 1.0,
        ..by_bytes(two(), None)
    };
    check(&full, held, "the share held out for validation is 1");
    let held = MixSettings {
        validation: 0.999_999,
        ..by_bytes(two(), None)
    };
    check(
        &full,
        held,
        "has no bytes to train on: all its 3 documents are held out",
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_corpus_comes_within_half_a_document_of_its_share(
        ko in proptest::collection::vec(1..60usize, 1..40),
        en in proptest::collection::vec(1..60usize, 1..40),
        share in 0.05..0.95f64,
        total in 60..3000u64,
        seed in any::<u64>(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let corpora = corpora(folder.path(), &[("ko", ko.clone()), ("en", en.clone())]);
        let parts = vec![part("ko", share, 1e9), part("en", 1.0 - share, 1e9)];
        let settings = MixSettings { seed, ..by_bytes(parts, Some(total)) };
        let strict = run(&corpora, &settings);
        let mixed = match run(&corpora, &MixSettings { when_short: Short::Take, ..settings }) {
            Ok(mixed) => mixed,
            Err(error) => { // only where every document is larger than what is wanted
                prop_assert!(error.to_string().contains("comes out empty"), "{}", error);
                prop_assert!(strict.is_err());
                return Ok(());
            }
        };
        let far = |part: &PartReport| 2 * part.achieved.abs_diff(part.wanted) > part.wanted;
        prop_assert_eq!(strict.is_err(), mixed.report.parts.iter().any(far));
        for (part, lengths) in mixed.report.parts.iter().zip([&ko, &en]) {
            let longest = *lengths.iter().max().unwrap() as u64;
            prop_assert!(2 * part.achieved.abs_diff(part.wanted) <= longest, "{:?}", part);
            prop_assert!(!far(part) || longest > part.wanted, "{:?}", part);
            let name = &part.corpus;
            let written: u64 = mixed.train.iter()
                .filter(|document| document.string("corpus") == Some(name))
                .map(|document| document.text.len() as u64).sum();
            prop_assert_eq!(written, part.achieved);
            // No document comes twice more often than another of its corpus.
            let mut times: BTreeMap<&str, u64> = BTreeMap::new();
            for document in mixed.train.iter().filter(|document| document.string("corpus") == Some(name)) {
                *times.entry(&document.id).or_default() += 1;
            }
            let most = times.values().max().copied().unwrap_or(0);
            let least = if times.len() < lengths.len() { 0 } else { times.values().min().copied().unwrap_or(0) };
            prop_assert!(most - least <= 1);
        }
    }
}
