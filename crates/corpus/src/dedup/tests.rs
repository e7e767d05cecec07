#![allow(clippy::print_stdout)] // figures, shown by --nocapture

use super::*;
use crate::{WriteSettings, Writer, visit_ledger};
use anyhow::bail;
use std::collections::{BTreeSet, HashSet};

struct Draw(u64);

impl Draw {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(0x5851_f42d_4c95_7f2d)
            .wrapping_add(0x1405_7b7e_f767_814f);
        ((self.0 >> 33) as usize) % limit
    }
    /// Words of a small alphabet of syllables, Korean or Latin.
    fn word(&mut self, korean: bool) -> String {
        let syllables: [&str; 12] = if korean {
            [
                "가", "나", "다", "라", "마", "바", "사", "은", "는", "을", "고", "에",
            ]
        } else {
            [
                "ka", "na", "ta", "ra", "mo", "bi", "su", "en", "on", "ul", "go", "et",
            ]
        };
        (0..2 + self.below(3))
            .map(|_| syllables[self.below(12)])
            .collect()
    }
    fn words(&mut self, count: usize, korean: bool) -> Vec<String> {
        (0..count).map(|_| self.word(korean)).collect()
    }
    /// The same words, of which some have become others.
    fn edited(&mut self, words: &[String], edits: usize, korean: bool) -> Vec<String> {
        let mut words = words.to_vec();
        for _ in 0..edits {
            let place = self.below(words.len());
            words[place] = self.word(korean);
        }
        words
    }
}

fn write(folder: &Path, texts: &[String], shard_bytes: u64) -> Corpus {
    let mut writer = Writer::create(
        folder,
        WriteSettings {
            shard_bytes,
            ..WriteSettings::default()
        },
    )
    .unwrap();
    for (index, text) in texts.iter().enumerate() {
        writer
            .write(&Document::new(index.to_string(), text.as_str()).with("rank", index))
            .unwrap();
    }
    writer.finish().unwrap();
    Corpus::open(folder).unwrap()
}

struct Trial {
    folder: tempfile::TempDir,
    settings: DedupSettings,
}

impl Trial {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            settings: DedupSettings::default(),
        }
    }
    fn run(
        &self,
        corpus: &Corpus,
        name: &str,
        threads: usize,
        run_documents: usize,
        against: &[PathBuf],
        stop: u64,
    ) -> Result<Account> {
        let folder = self.folder.path();
        let (partial, out) = (folder.join(format!("partial-{name}")), folder.join(name));
        disk::create_dir(&partial)?;
        disk::remove_dir(&out)?;
        disk::create_dir(&out)?;
        let dedup = Dedup {
            corpus,
            settings: &self.settings,
            against,
            partial: &partial,
            out: &out,
            threads,
            run_documents,
        };
        dedup.run(|done, total| {
            if done >= stop && done < total {
                bail!("stopped")
            } else {
                Ok(())
            }
        })
    }
    /// Ids that were kept.
    fn kept(&self, name: &str) -> BTreeSet<String> {
        Corpus::open(&self.folder.path().join(name))
            .unwrap()
            .documents()
            .map(|document| document.unwrap().id)
            .collect()
    }
    fn bytes(&self, name: &str) -> Vec<(String, Vec<u8>)> {
        let mut files = Vec::new();
        for folder in ["", "ledger", "index"] {
            for entry in std::fs::read_dir(self.folder.path().join(name).join(folder))
                .unwrap()
                .flatten()
            {
                if entry.path().is_file() {
                    files.push((
                        entry.file_name().into_string().unwrap(),
                        std::fs::read(entry.path()).unwrap(),
                    ));
                }
            }
        }
        files.sort();
        files
    }
}

fn texts() -> Vec<String> {
    let mut draw = Draw(3);
    let mut texts = Vec::new();
    for index in 0..60 {
        let korean = index % 2 == 0;
        let words = draw.words(80, korean);
        texts.push(words.join(" "));
        if index % 3 == 0 {
            texts.push(words.join("  "));
        }
        if index % 4 == 0 {
            texts.push(format!(
                "{} {}",
                draw.edited(&words, 1, korean).join(" "),
                draw.word(korean)
            ));
        }
    }
    texts.push("?!".to_owned());
    texts.push("!!".to_owned());
    texts
}

#[test]
fn the_best_of_a_cluster_stays_and_the_ledger_says_why() {
    let trial = Trial::new();
    let corpus = write(&trial.folder.path().join("in"), &texts(), 8_000);
    let account = trial.run(&corpus, "out", 2, 50, &[], u64::MAX).unwrap();
    assert_eq!(
        account.total.dropped["exact_duplicate"].documents
            + account.total.dropped["near_duplicate"].documents,
        35
    );
    assert_eq!(account.total.kept.documents, 62);
    let (mut sizes, mut kept) = (0, 0);
    visit_ledger(&trial.folder.path().join("out"), |_, entry| {
        if entry.kept() {
            kept += 1;
            sizes += entry.cluster_size.unwrap();
            assert_eq!(
                entry.cluster.unwrap().to_string(),
                entry.id,
                "a cluster is named by what is kept of it"
            );
        }
        Ok(())
    })
    .unwrap();
    assert_eq!(
        (kept, sizes),
        (62, corpus.len()),
        "cluster sizes add up to what came"
    );
    // The longest of the first cluster is its edited copy, which has a word more.
    let ids = trial.kept("out");
    assert!(
        ids.contains("2") && !ids.contains("0") && !ids.contains("1"),
        "{ids:?}"
    );
}

#[test]
fn threads_runs_and_stops_leave_the_same_bytes() {
    let trial = Trial::new();
    let corpus = write(&trial.folder.path().join("in"), &texts(), 8_000);
    assert!(corpus.index().shards.len() > 3);
    trial.run(&corpus, "one", 1, 1000, &[], u64::MAX).unwrap();
    for (name, threads, run) in [("two", 2, 7), ("seven", 7, 30)] {
        trial
            .run(&corpus, name, threads, run, &[], u64::MAX)
            .unwrap();
        assert!(trial.bytes(name) == trial.bytes("one"), "{name}");
    }
    let mut falls = 0;
    for stop in (1..190).step_by(20) {
        falls += usize::from(trial.run(&corpus, "stopped", 2, 7, &[], stop).is_err());
    }
    assert!(falls > 4, "{falls}");
    trial.run(&corpus, "stopped", 1, 7, &[], u64::MAX).unwrap();
    assert!(
        trial.bytes("stopped") == trial.bytes("one"),
        "taken up again"
    );
}

#[test]
fn twice_is_once() {
    let trial = Trial::new();
    let corpus = write(&trial.folder.path().join("in"), &texts(), 1 << 20);
    trial.run(&corpus, "once", 2, 1000, &[], u64::MAX).unwrap();
    let once = Corpus::open(&trial.folder.path().join("once")).unwrap();
    let account = trial.run(&once, "twice", 2, 1000, &[], u64::MAX).unwrap();
    assert!(account.total.dropped.is_empty(), "{account:?}");
}

#[test]
fn a_new_crawl_is_held_against_an_old_index() {
    let mut trial = Trial::new();
    let mut draw = Draw(9);
    let old: Vec<String> = (0..20).map(|_| draw.words(60, true).join(" ")).collect();
    let mut new: Vec<String> = (0..10).map(|_| draw.words(60, true).join(" ")).collect();
    new.extend(old[..5].iter().map(|text| format!("{text}.")));
    let (old, new) = (
        write(&trial.folder.path().join("in-old"), &old, 1 << 20),
        write(&trial.folder.path().join("in-new"), &new, 1 << 20),
    );
    trial.run(&old, "old", 1, 1000, &[], u64::MAX).unwrap();
    let against = [trial.folder.path().join("old")];
    let account = trial.run(&new, "new", 1, 1000, &against, u64::MAX).unwrap();
    assert_eq!(account.total.dropped["seen_before"].documents, 5);
    assert_eq!(account.total.kept.documents, 10);
    trial.settings.rows = 4;
    let error = trial
        .run(&new, "other", 1, 1000, &against, u64::MAX)
        .unwrap_err()
        .to_string();
    assert!(error.contains("other settings"), "{error}");
}

/// Its keys of whole texts would match nothing, without a word.
#[test]
fn an_index_that_was_hashed_in_another_way_is_refused() {
    let mut trial = Trial::new();
    trial.settings.near = false;
    let texts = [
        "그는 학교에 갔다.".to_owned(),
        "나는 집에 있었다.".to_owned(),
    ];
    let old = write(&trial.folder.path().join("in-old"), &texts[..1], 1 << 20);
    let new = write(&trial.folder.path().join("in-new"), &texts, 1 << 20);
    trial.run(&old, "old", 1, 1000, &[], u64::MAX).unwrap();
    let against = [trial.folder.path().join("old")];
    let account = trial.run(&new, "new", 1, 1000, &against, u64::MAX).unwrap();
    assert_eq!(account.total.dropped["seen_before"].documents, 1);
    let path = against[0].join(ABOUT);
    let about: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    for hash in [None, Some(HASH + 1)] {
        let mut other = about.clone();
        let fields = other.as_object_mut().unwrap();
        fields.remove("hash");
        fields.extend(hash.map(|hash| ("hash".to_owned(), hash.into())));
        disk::write(&path, other.to_string().as_bytes()).unwrap();
        let error = trial.run(&new, "other", 1, 1000, &against, u64::MAX);
        let error = error.unwrap_err().to_string();
        assert!(error.contains("hashed in another way"), "{error}");
        assert!(error.contains("Deduplicate that corpus again"), "{error}");
    }
}

/// Whoever makes this fail raises [`HASH`] and the version of the stage: older keys match no longer.
#[test]
fn the_keys_of_a_text_are_those_of_their_number() {
    let sketcher = Sketcher::new(&DedupSettings::default());
    let sketch = sketcher.sketch("그는 7살이다. It’s “ÉTÉ” & 漢字!");
    assert_eq!(
        (HASH, sketch.keys[0], sketch.keys[13], sketch.whole),
        (
            1,
            0x9076_5fa9_2ff4_5b83,
            0x4c09_2725_04ad_e8b6,
            Some(0xe2c0_68da_ceab_0173)
        )
    );
}

#[test]
fn what_is_kept_is_a_setting() {
    let mut trial = Trial::new();
    let text = "하나의 글이 여기에 있고 두 번 나온다".to_owned();
    let corpus = write(
        &trial.folder.path().join("in"),
        &[text.clone(), text.clone(), text],
        1 << 20,
    );
    for (keep, by, kept) in [
        (Keep::Longest, None, "0"),
        (Keep::First, None, "0"),
        (Keep::Highest, Some("rank"), "2"),
    ] {
        (trial.settings.keep, trial.settings.by) = (keep, by.map(str::to_owned));
        trial.run(&corpus, kept, 1, 1000, &[], u64::MAX).unwrap();
        assert_eq!(trial.kept(kept), BTreeSet::from([kept.to_owned()]));
        disk::remove_dir(&trial.folder.path().join(format!("partial-{kept}"))).unwrap();
    }
    trial.settings.by = None;
    assert!(trial.settings.check().is_err());
}

/// The share of shingles that two texts have in common, counted.
fn jaccard(a: &[String], b: &[String]) -> f64 {
    let shingles = |words: &[String]| {
        words
            .windows(5)
            .map(<[String]>::to_vec)
            .collect::<HashSet<_>>()
    };
    let (a, b) = (shingles(a), shingles(b));
    let both = a.intersection(&b).count();
    both as f64 / (a.len() + b.len() - both) as f64
}

#[test]
fn planted_duplicates_are_found_as_theory_says() {
    let mut draw = Draw(17);
    let settings = DedupSettings::default();
    let sketcher = Sketcher::new(&settings);
    let mut tally = [[0.0f64; 4]; 2]; // by whether similar: pairs, found, expected, variance
    println!("edits of 200 words, similarity, found, by theory");
    for edits in [1, 2, 4, 6, 8, 12, 16, 24] {
        let (mut pairs, mut found, mut expected, mut spread, mut similarity) =
            (0.0, 0.0, 0.0, 0.0, 0.0);
        for index in 0..150 {
            let korean = index % 2 == 0;
            let words = draw.words(200, korean);
            let other = draw.edited(&words, edits, korean);
            let s = jaccard(&words, &other);
            let theory = 1.0 - (1.0 - s.powi(8)).powi(14);
            let sketch = |words: &[String]| sketcher.sketch(&words.join(" ")).keys;
            let met = sketch(&words)
                .iter()
                .zip(sketch(&other))
                .any(|(a, b)| *a == b);
            let row = &mut tally[usize::from(s >= 0.75)];
            pairs += 1.0;
            similarity += s;
            (found, expected, spread) = (
                found + f64::from(u8::from(met)),
                expected + theory,
                spread + theory * (1.0 - theory),
            );
            *row = [
                row[0] + 1.0,
                row[1] + f64::from(u8::from(met)),
                row[2] + theory,
                0.0,
            ];
        }
        println!(
            "{edits:>5} {:.3} {:.3} {:.3}",
            similarity / pairs,
            found / pairs,
            expected / pairs
        );
        assert!(
            (found - expected).abs() < 4.0 * spread.sqrt() + 1.5,
            "{edits} edits: {found} of {pairs} found, {expected:.1} expected"
        );
    }
    let [unlike, alike] = tally;
    let (recall, precision) = (alike[1] / alike[0], alike[1] / (alike[1] + unlike[1]));
    println!(
        "at similarity 0.75: recall {recall:.3}, precision {precision:.3} (pairs near the threshold, by design)"
    );
    assert!(recall > 0.9, "{recall}");
}

#[test]
fn clusters_agree_with_all_pairs_compared() {
    let trial = Trial::new();
    let mut draw = Draw(23);
    let mut all: Vec<Vec<String>> = Vec::new();
    for index in 0..80 {
        let words = draw.words(120, index % 2 == 0);
        for edits in [0, 1, 2, 30] {
            if draw.below(2) == 0 {
                all.push(draw.edited(&words, edits, index % 2 == 0));
            }
        }
    }
    let texts: Vec<String> = all.iter().map(|words| words.join(" ")).collect();
    let corpus = write(&trial.folder.path().join("in"), &texts, 1 << 20);
    trial.run(&corpus, "out", 2, 50, &[], u64::MAX).unwrap();
    let mut cluster = Vec::new();
    visit_ledger(&trial.folder.path().join("out"), |_, entry| {
        cluster.push(entry.cluster.unwrap());
        Ok(())
    })
    .unwrap();
    let (mut right, mut missed, mut wrong) = (0, 0, 0);
    for a in 0..all.len() {
        for b in 0..a {
            match (jaccard(&all[a], &all[b]) >= 0.75, cluster[a] == cluster[b]) {
                (true, true) => right += 1,
                (true, false) => missed += 1,
                (false, true) => wrong += 1,
                (false, false) => {}
            }
        }
    }
    println!("pairs of at least 0.75: {right} together, {missed} apart; others together: {wrong}");
    assert!(
        right > 30 && missed * 20 <= right && wrong * 20 <= right,
        "{right} {missed} {wrong}"
    );
}

#[test]
fn repeated_paragraphs_are_cut_from_later_documents() {
    let mut trial = Trial::new();
    let mut draw = Draw(31);
    let menu = "홈으로 가기 | 회사 소개 | 개인정보 처리방침 | 고객 센터";
    let texts: Vec<String> = (0..6)
        .map(|index| {
            format!(
                "{}\n{}\n네.\n{}",
                menu,
                draw.words(50, true).join(" "),
                "!".repeat(index)
            )
        })
        .chain([format!("{menu}\n")])
        .collect();
    let corpus = write(&trial.folder.path().join("in"), &texts, 300);
    trial.settings.paragraph_characters = 20;
    for (name, threads, run) in [("out", 1, 1000), ("other", 3, 2)] {
        let account = trial
            .run(&corpus, name, threads, run, &[], u64::MAX)
            .unwrap();
        assert_eq!(
            account.total.dropped["only_repeated_paragraphs"].documents,
            1
        );
    }
    assert!(trial.bytes("out") == trial.bytes("other"));
    let kept: Vec<Document> = Corpus::open(&trial.folder.path().join("out"))
        .unwrap()
        .documents()
        .map(Result::unwrap)
        .collect();
    assert_eq!(kept.len(), 6);
    for (index, document) in kept.iter().enumerate() {
        assert_eq!(
            document.text.contains("회사 소개"),
            index == 0,
            "{}",
            document.text
        );
        assert!(document.text.contains("네."), "short lines stay");
    }
    let mut cut = 0.0;
    visit_ledger(&trial.folder.path().join("out"), |_, entry| {
        cut += entry.numbers[0];
        Ok(())
    })
    .unwrap();
    assert_eq!(cut, 6.0);
}

/// Another date, count or sign makes no other line of a notice; another word does.
#[test]
fn a_notice_with_other_numbers_is_cut_too() {
    let mut trial = Trial::new();
    let mut draw = Draw(37);
    let texts: Vec<String> = [
        "기사입력 2024-01-02 10:20 조회 123회 댓글 4개",
        "기사입력 2024-03-15 08:07 조회 9회 댓글 1024개",
        "기사입력: 2025.11.30. 22:41 | 조회 98회 | 댓글 15개",
        "기사입력 2024-01-02 10:20 추천 123회 댓글 4개",
    ]
    .iter()
    .map(|notice| format!("{notice}\n{}", draw.words(50, true).join(" ")))
    .collect();
    let corpus = write(&trial.folder.path().join("in"), &texts, 300);
    trial.settings.paragraph_characters = 20;
    trial.run(&corpus, "out", 2, 1000, &[], u64::MAX).unwrap();
    let kept = Corpus::open(&trial.folder.path().join("out")).unwrap();
    let kept: Vec<bool> = kept
        .documents()
        .map(|one| one.unwrap().text.contains("기사입력"))
        .collect();
    assert_eq!(kept, [true, false, false, true]);
}

/// A refrain is no copy of an earlier document.
#[test]
fn what_a_document_repeats_itself_stays() {
    let mut trial = Trial::new();
    let refrain = "아리랑 아리랑 아라리요 아리랑 고개로 넘어간다";
    let other = "이 문단은 앞의 문서에도 있던 것이라 지워진다";
    let texts = [
        format!("{refrain}\n나를 버리고\n{refrain}\n{other}"),
        format!("{other}\n다른 이야기를 하는 글이며 이 줄만 남는다"),
    ];
    let corpus = write(&trial.folder.path().join("in"), &texts, 300);
    trial.settings.paragraph_characters = 10;
    trial.run(&corpus, "out", 2, 1000, &[], u64::MAX).unwrap();
    let kept = Corpus::open(&trial.folder.path().join("out")).unwrap();
    let kept: Vec<String> = kept.documents().map(|one| one.unwrap().text).collect();
    assert_eq!(kept[0].matches(refrain).count(), 2, "{}", kept[0]);
    assert!(!kept[1].contains(other), "{}", kept[1]);
}

/// Quoted text goes wherever it stands; what was nothing but quoted is dropped; a killed run ends the same.
#[test]
fn repeated_passages_are_cut_from_later_documents() {
    let mut draw = Draw(11);
    let quote = draw.words(30, true).join(" ");
    let own = |draw: &mut Draw| draw.words(40, true).join(" ");
    let (first, second) = (own(&mut draw), own(&mut draw));
    let half = quote.len() / 2;
    let half = (half..).find(|at| quote.is_char_boundary(*at)).unwrap();
    let texts = [
        format!("{first} {quote}"),
        format!("{second}\n\n인용: {quote} 끝."),
        format!("{}\n", &quote[..half]),
        own(&mut draw),
    ];
    let mut trial = Trial::new();
    trial.settings.near = false;
    trial.settings.passage_bytes = 60;
    let corpus = write(&trial.folder.path().join("corpus"), &texts, 300);
    let account = trial.run(&corpus, "all", 2, 100, &[], u64::MAX).unwrap();
    assert_eq!(account.total.dropped["only_repeated_passages"].documents, 1);
    let kept: Vec<String> = Corpus::open(&trial.folder.path().join("all"))
        .unwrap()
        .documents()
        .map(|document| document.unwrap().text)
        .collect();
    let cut = format!("{second}\n\n인용: 끝.");
    let bare = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(kept[0], texts[0]);
    assert_eq!(bare(&kept[1]), bare(&cut));
    assert_eq!(kept[2..], texts[3..]);
    let mut passages = Vec::new();
    visit_ledger(&trial.folder.path().join("all"), |names, entry| {
        assert_eq!(names, ["cut_paragraphs", "cut_passages"]);
        passages.push(entry.numbers[1]);
        Ok(())
    })
    .unwrap();
    assert_eq!(passages, [0.0, 1.0, 1.0, 0.0]);
    // Stopped between two shards of the last pass, and gone on with by another number of threads.
    assert!(trial.run(&corpus, "again", 1, 1, &[], 6).is_err());
    trial.run(&corpus, "again", 3, 1, &[], u64::MAX).unwrap();
    assert!(trial.bytes("all") == trial.bytes("again"));

    trial.settings.passage_bytes = 20;
    assert!(trial.run(&corpus, "short", 1, 1, &[], u64::MAX).is_err());
}
