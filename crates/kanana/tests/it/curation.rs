//! Documents judged, deduplicated and masked by a recipe, and every one of them accounted for afterwards.

use crate::trial::{Trial, contents};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::fs;

const RECIPE: &str = r#"
seed = 5
[inputs]
pages = { kind = "files" }
lists = { kind = "files" }

[[step]]
name = "corpus"
stage = "ingest"
inputs = { files = "pages" }

[[step]]
name = "unique"
stage = "dedup"
inputs = { corpus = "corpus" }

[[step]]
name = "sifted"
stage = "filter"
inputs = { corpus = "unique", lists = "lists" }
with = { korean = { few_words = 12 } }

[[step]]
name = "masked"
stage = "pii"
inputs = { corpus = "sifted" }
"#;

const RUN: [&str; 6] = [
    "run",
    "r.toml",
    "--input",
    "pages=pages",
    "--input",
    "lists=lists",
];

const NOUNS: [&str; 16] = [
    "할머니는",
    "학생들은",
    "버스는",
    "고양이는",
    "선생님은",
    "바람은",
    "어부는",
    "도서관은",
    "아이는",
    "편지는",
    "강물은",
    "빵집은",
    "기차는",
    "의사는",
    "나무는",
    "친구는",
];
const PLACES: [&str; 12] = [
    "시장에서",
    "언덕에서",
    "강가에서",
    "골목에서",
    "교실에서",
    "항구에서",
    "마당에서",
    "들판에서",
    "창가에서",
    "역에서",
    "숲에서",
    "다리에서",
];
const THINGS: [&str; 12] = [
    "오래된 이야기를",
    "따뜻한 국수를",
    "작은 씨앗을",
    "낡은 지도를",
    "긴 노래를",
    "하얀 종이를",
    "무거운 상자를",
    "푸른 바다를",
    "새로운 소식을",
    "마른 장작을",
    "둥근 달을",
    "빠른 걸음을",
];
const ENDS: [&str; 8] = [
    "기다리고 있었다.",
    "조용히 바라보았다.",
    "천천히 옮겼다.",
    "다시 찾아냈다.",
    "모두 나누어 주었다.",
    "가만히 내려놓았다.",
    "끝내 잊지 못했다.",
    "매일 아침 준비한다.",
];

/// Sentences that no other page has.
fn prose(seed: u64) -> String {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut draw = |words: &[&'static str]| {
        state = state
            .wrapping_mul(0x5851_f42d_4c95_7f2d)
            .wrapping_add(0x1405_7b7e_f767_814f);
        words[(state >> 33) as usize % words.len()]
    };
    let sentences =
        (0..8).map(|_| [draw(&NOUNS), draw(&PLACES), draw(&THINGS), draw(&ENDS)].join(" "));
    sentences.collect::<Vec<_>>().join("\n")
}

/// Pages of every fate: kept, twice there, nearly twice there, too short, in another language, spam, with personal data.
fn pages() -> String {
    let mut lines = String::new();
    let mut add = |id: &str, text: &str| {
        let url = format!("https://예.kr/{id}");
        let _ = writeln!(
            lines,
            "{}",
            json!({ "id": id, "text": text, "url": url, "source": "web" })
        );
    };
    for index in 0..40 {
        let text = prose(index);
        add(&format!("p{index}"), &text);
        if index == 7 {
            add("copy", &format!("{text} "));
        }
        if index == 9 {
            add("near", text.strip_suffix('.').expect("a full stop"));
            add("longer", &format!("{text} 끝."));
        }
    }
    add("short", "짧은 글이다.");
    add(
        "german",
        "Das alte Haus stand auf einem Hügel über dem Fluss, und niemand wohnte mehr darin.",
    );
    add(
        "spam",
        &format!("{}\n오늘만 바카라를 즐기세요.", prose(100)),
    );
    add(
        "personal",
        &format!(
            "{}\n연락처는 010-1234-5678, kim@naver.com, 주민번호는 900101-1234567이다.",
            prose(101)
        ),
    );
    lines
}

fn trial() -> Trial {
    let trial = Trial::new();
    trial
        .write("pages/p.jsonl", pages())
        .write("lists/spam.txt", "# 도박\n바카라\n")
        .write("r.toml", RECIPE);
    trial
}

fn read(trial: &Trial, arguments: &[&str]) -> Value {
    serde_json::from_str(&trial.ok(&[arguments, &["--json"]].concat())).expect("JSON")
}

#[test]
fn every_document_is_accounted_for() {
    let trial = trial();
    let said = trial.run(&RUN);
    assert!(said.ok, "{}", said.err);
    for step in ["unique", "sifted", "masked"] {
        let account: Value = serde_json::from_slice(
            &fs::read(trial.artifact(step).join("curated.json")).expect("an account"),
        )
        .expect("JSON");
        let total = &account["total"];
        let dropped: u64 = total["dropped"]
            .as_object()
            .expect("reasons")
            .values()
            .map(|amount| amount["documents"].as_u64().expect("a count"))
            .sum();
        assert_eq!(
            total["came"]["documents"].as_u64(),
            total["kept"]["documents"]
                .as_u64()
                .map(|kept| kept + dropped),
            "{step}"
        );
    }

    // The short one and the German one, the list of words, and nothing of the rest.
    let rows = read(&trial, &["why-dropped", "masked"]);
    let dropped: Vec<(&str, u64)> = rows
        .as_array()
        .expect("rows")
        .iter()
        .filter(|row| {
            row["verdict"] != "kept"
                && row["step"]
                    .as_str()
                    .is_some_and(|step| step.starts_with("sifted"))
        })
        .map(|row| {
            (
                row["verdict"].as_str().expect("a reason"),
                row["documents"].as_u64().expect("a count"),
            )
        })
        .collect();
    for reason in ["few_words", "listed_words", "other_language"] {
        assert!(dropped.contains(&(reason, 1)), "{dropped:?}");
    }

    let why = trial.ok(&["why-dropped", "masked", "--id", "copy"]);
    assert!(
        why.contains("exact_duplicate") && why.contains("p7 was kept"),
        "{why}"
    );
    let why = trial.ok(&["why-dropped", "masked", "--id", "p9"]);
    assert!(
        why.contains("near_duplicate") && why.contains("one of 3 alike; longer was kept"),
        "{why}"
    );
    let why = trial.ok(&["why-dropped", "masked", "--url", "https://예.kr/spam"]);
    assert!(
        why.contains("unique") && why.contains("kept") && why.contains("listed_words"),
        "{why}"
    );
    let why = trial.ok(&["why-dropped", "sifted", "--reason", "few_words"]);
    assert!(
        why.contains("it has too few words (counted_words 2.0000)"),
        "{why}"
    );
    let complaint = trial.fails(&["why-dropped", "masked", "--id", "nobody"]);
    assert!(complaint.contains("no ledger of"), "{complaint}");
    let complaint = trial.fails(&["why-dropped", "corpus"]);
    assert!(complaint.contains("has a ledger"), "{complaint}");
}

#[test]
fn other_limits_are_tried_without_reading_a_text() {
    let trial = trial();
    assert!(trial.run(&RUN).ok);
    let rows = read(
        &trial,
        &["why-dropped", "masked", "--what-if", "ko.few_words=1000"],
    );
    let korean = &rows
        .as_array()
        .expect("rows")
        .iter()
        .find(|row| row["language"] == "ko")
        .expect("Korean")["kept_then"];
    assert_eq!(*korean, 0, "{rows}");
    let text = trial.ok(&[
        "why-dropped",
        "sifted",
        "--what-if",
        "ko.few_words=off,listed_words=off",
    ]);
    assert!(text.contains("no text was read"), "{text}");
    for (limit, word) in [
        ("few_words", "wanted a rule and a limit"),
        ("fr.few_words=2", "only for ko"),
        ("few_wrods=2", "few_words"),
        ("few_words=x", "neither"),
    ] {
        let complaint = trial.fails(&["why-dropped", "sifted", "--what-if", limit]);
        assert!(complaint.contains(word), "{complaint}");
    }
}

#[test]
fn filter() {
    let trial = trial();
    trial.ok(&RUN);
    let notes = &read(&trial, &["show", "sifted"])["manifest"]["notes"];
    assert!(
        notes["documents"].as_u64() < notes["documents in"].as_u64(),
        "{notes}"
    );
    let explained = trial.ok(&["filters"]);
    assert!(
        explained.contains("gopher_repetition") && explained.contains("FineWeb-2, kor_Hang"),
        "{explained}"
    );
    let one = read(&trial, &["filters", "few_words"]);
    assert_eq!(
        (one[0]["english"].as_f64(), one[0]["korean"].as_f64()),
        (Some(50.0), Some(25.0))
    );
    assert!(trial.fails(&["filters", "nonsense"]).contains("word_list"));

    trial.write(
        "bad.toml",
        RECIPE.replace("few_words = 12", "few_wrods = 12"),
    );
    let complaint = trial.fails(&[
        "plan",
        "bad.toml",
        "--input",
        "pages=pages",
        "--input",
        "lists=lists",
    ]);
    assert!(complaint.contains("no rule \"few_wrods\""), "{complaint}");
    trial.write(
        "none.toml",
        RECIPE.replace("few_words = 12", "few_words = 1e6"),
    );
    let complaint = trial.fails(&[
        "run",
        "none.toml",
        "--input",
        "pages=pages",
        "--input",
        "lists=lists",
    ]);
    assert!(complaint.contains("every one of"), "{complaint}");
    trial.write("lists/spam.txt", "# nothing\n");
    assert!(trial.fails(&RUN).contains("holds no list"));
}

#[test]
fn dedup() {
    let trial = trial();
    trial.ok(&RUN);
    let notes = &read(&trial, &["show", "unique"])["manifest"]["notes"];
    assert!(
        notes["documents"].as_u64() < notes["documents in"].as_u64(),
        "{notes}"
    );
    // A second crawl, of which all but one page was there in the first.
    let fresh = json!({ "id": "fresh", "text": "처음 보는 글이며 앞의 어느 글과도 닮지 않았고 그래서 남는다." });
    trial.write("later/p.jsonl", format!("{}{fresh}\n", pages()));
    let more = r#"
[[step]]
name = "second"
stage = "ingest"
inputs = { files = "later" }

[[step]]
name = "fresh"
stage = "dedup"
inputs = { corpus = "second", against = ["unique"] }
"#;
    trial.write(
        "r.toml",
        RECIPE.replace(
            "lists = { kind",
            "later = { kind = \"files\" }\nlists = { kind",
        ) + more,
    );
    trial.ok(&[&RUN[..], &["--input", "later=later"]].concat());
    assert_eq!(
        read(&trial, &["show", "fresh"])["manifest"]["notes"]["documents"],
        1
    );
}

#[test]
fn pii() {
    let trial = trial();
    trial.ok(&RUN);
    let notes = &read(&trial, &["show", "masked"])["manifest"]["notes"];
    for kind in ["email", "phone", "resident"] {
        assert_eq!(
            notes[&format!("masked {kind}")].as_f64(),
            Some(1.0),
            "{notes}"
        );
    }
    assert_eq!(notes["masked card"].as_f64(), Some(0.0));
}

/// What must be the same: everything of every artifact but times.
fn outcome(trial: &Trial) -> Vec<(String, Vec<u8>)> {
    ["unique", "sifted", "masked"]
        .iter()
        .flat_map(|name| contents(&trial.artifact(name)))
        .collect()
}

#[test]
fn threads_and_aborts_leave_the_same_bytes() {
    let undisturbed = trial();
    undisturbed.ok(&[&RUN[..], &["--threads", "1"]].concat());
    let wanted = outcome(&undisturbed);
    for threads in ["2", "7"] {
        let trial = trial();
        trial.ok(&[&RUN[..], &["--threads", threads]].concat());
        assert!(outcome(&trial) == wanted, "{threads} threads");
    }
    let trial = trial();
    let falls = trial.fall(&RUN, |n| 4 + 9 * n, 60);
    assert!(falls >= 4, "only {falls} aborts");
    assert!(
        outcome(&trial) == wanted,
        "after {falls} aborts the bytes differ"
    );

    let full = self::trial();
    for at in ["20", "60"] {
        let complaint = full.fails(&[&RUN[..], &["--disk-full-at", at]].concat());
        assert!(
            complaint.contains("store"),
            "it names the place: {complaint}"
        );
    }
    full.ok(&RUN);
    assert!(
        outcome(&full) == wanted,
        "after a full disk the bytes differ"
    );
}

/// The card of what was made, and on the page what each rule only just kept.
#[test]
fn a_dataset_card_and_samples_on_both_sides_of_a_limit() {
    let trial = trial();
    let more = r#"
[[step]]
name = "page"
stage = "report"
inputs = { curation = ["corpus", "unique", "sifted", "masked"] }
with = { title = "말뭉치" }
"#;
    trial.write("r.toml", format!("{RECIPE}{more}"));
    let said = trial.run(&RUN);
    assert!(said.ok, "{}", said.err);
    let page = fs::read_to_string(trial.artifact("page").join("report.html")).expect("a page");
    for words in [
        "Samples of what was dropped",
        "Samples of what was only just kept",
        "sifted: within few_words for Korean",
    ] {
        assert!(page.contains(words), "{words}");
    }

    trial.ok(&[
        "card",
        "masked",
        "--title",
        "두 언어 말뭉치",
        "--out",
        "README.md",
    ]);
    let card = fs::read_to_string(trial.path("README.md")).expect("a card");
    assert!(
        card.starts_with("---\nlanguage:\n- ko\npretty_name: "),
        "{card}"
    );
    for words in [
        "pretty_name: \"두 언어 말뭉치\"",
        "| ko | web |",
        "| none stated |",
        "| unique | 47 |",
        "exact_duplicate 1",
        "- **corpus** by `ingest` from pages",
        "- **pages**: 1 files from outside",
    ] {
        assert!(card.contains(words), "{words} in\n{card}");
    }
    assert!(
        !card.contains(trial.path("").to_str().expect("UTF-8")),
        "{card}"
    );
    // Made again in its place, but not in the place of something else.
    trial.ok(&["card", "masked", "--out", "README.md"]);
    trial.write("README.md", "# 우리 말뭉치\n");
    let said = trial.fails(&["card", "masked", "--out", "README.md"]);
    assert!(said.contains("is no dataset card"), "{said}");
    assert_eq!(
        fs::read_to_string(trial.path("README.md")).expect("ours"),
        "# 우리 말뭉치\n"
    );
    let said = trial.fails(&["card", "page"]);
    assert!(said.contains("is no dataset"), "{said}");
}
