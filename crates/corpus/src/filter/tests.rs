mod golden;

use super::*;
use crate::Language;
use proptest::prelude::*;

#[test]
fn every_file_on_the_shelf_is_in_its_list() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/filter");
    // What serves the shelf and is no filter.
    let others = ["limits", "page", "tests"];
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            entry
                .unwrap()
                .path()
                .file_stem()
                .unwrap()
                .to_string_lossy()
                .into_owned()
        })
        .filter(|stem| !others.contains(&stem.as_str()))
        .collect();
    files.sort();
    let mut listed: Vec<&str> = FILTERS.iter().map(|filter| filter.name()).collect();
    listed.sort_unstable();
    assert_eq!(files, listed);
}

#[test]
fn reasons_and_signals_have_one_meaning_each() {
    let unique = |names: Vec<&str>| {
        let mut sorted = names.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), names.len(), "{names:?}");
    };
    unique(signals());
    unique(rules().map(|rule| rule.reason).collect());
    let settings = FilterSettings::default();
    let mut page = Page::new("한 줄", &settings, Given::default());
    assert_eq!(measure(&mut page).len(), signals().len());
}

/// The first reason a text is dropped for, `""` where it is kept.
fn check(text: &str, reason: &str) {
    let settings = FilterSettings::default();
    let mut page = Page::new(text, &settings, Given::default());
    let measured = measure(&mut page);
    let failed = judge(&measured, settings.limits(page.language()));
    assert_eq!(
        failed.first().map_or("", |rule| rule.reason),
        reason,
        "{text}\n{:?}",
        signals().iter().zip(measured).collect::<Vec<_>>()
    );
}

const ENGLISH: [&str; 6] = [
    "The old mill stood by the river, and the people of the town used to bring their grain to it every autumn.",
    "In winter the wheel was stopped, because ice would have broken the paddles, and the miller mended sacks.",
    "When spring came, water rushed down from the hills with a noise that could be heard in the market square.",
    "Children were told to keep away from the sluice, but of course they went there to catch small fish.",
    "One year the river rose so high that the ground floor had to be emptied and the flour carried upstairs.",
    "Nobody remembers now who built it, though a date and two letters are cut into the stone above the door.",
];

const KOREAN: [&str; 5] = [
    "오래된 방앗간은 강가에 서 있었고, 마을 사람들은 가을마다 곡식을 그곳으로 가져왔다.",
    "겨울이면 얼음이 날개를 부러뜨릴 수 있어서 물레방아를 멈추었고, 주인은 자루를 꿰맸다.",
    "봄이 오면 언덕에서 물이 쏟아져 내려와 장터까지 소리가 들렸다.",
    "아이들은 수문 가까이에 가지 말라는 말을 들었지만 작은 물고기를 잡으러 그곳에 갔다.",
    "누가 지었는지 이제는 아무도 기억하지 못하지만 문 위의 돌에는 날짜와 글자 두 개가 새겨져 있다.",
];

#[test]
fn prose_is_kept_and_every_fault_has_its_reason() {
    let english = ENGLISH.join("\n");
    let korean = KOREAN.join("\n");
    check(&english, "");
    check(&korean, "");
    check(&ENGLISH[..2].join("\n"), "few_words");
    check(&KOREAN[..2].join("\n"), "few_words");
    check(
        "Das Haus stand auf einem Hügel über dem Fluss und war sehr alt und grau.",
        "other_language",
    );
    check(
        &format!(
            "{english}\n{}",
            "The same line again and again, says the cook.\n".repeat(6)
        ),
        "duplicate_lines",
    );
    check(
        &format!("{english}\nLorem ipsum dolor sit amet, consectetur adipiscing."),
        "lorem_ipsum",
    );
    check(
        &format!("{english}\nThe function f(x) returns {{ x, said the book of the old teacher. "),
        "curly_bracket",
    );
    check(&ENGLISH.join(" ").replace('.', ""), "few_sentences");
    check(&KOREAN.join(" ").replace(' ', "\n"), "list_like");
    check(&korean.replace(['.', ','], ""), "few_closed_lines");
    check(
        "fn main() {\n    let x = 5;\n    println!(\"{x}\");\n}\n",
        "",
    );
}

#[test]
fn limits_are_set_by_reason_and_others_stay() {
    let written = r#"{"korean": {"few_words": 5, "list_like": false}, "keep": ["ko"]}"#;
    let settings: FilterSettings = serde_json::from_str(written).unwrap();
    assert_eq!(settings.korean.get("few_words"), Some(5.0));
    assert_eq!(settings.korean.get("list_like"), None);
    assert_eq!(settings.english, Limits::of(Language::English));
    let whole = serde_json::to_string(&settings).unwrap();
    assert_eq!(
        serde_json::from_str::<FilterSettings>(&whole).unwrap(),
        settings
    );
    for (bad, word) in [
        (r#"{"korean": {"few_wrods": 5}}"#, "few_words"),
        (r#"{"english": {"few_words": true}}"#, "wanted a number"),
    ] {
        let error = serde_json::from_str::<FilterSettings>(bad)
            .unwrap_err()
            .to_string();
        assert!(error.contains(word), "{error}");
    }
}

#[test]
fn odd_texts_are_measured_without_a_panic() {
    for text in [
        "",
        "\n\n\n",
        "\0",
        "…",
        "가",
        "a\u{2028}b",
        "[",
        "[12",
        "\u{85}\u{1c}",
        "ᄒ".repeat(3000).as_str(),
        "US$",
        "'s",
        "..",
        "+",
        "://@.",
    ] {
        let settings = FilterSettings {
            clean_lines: Language::ALL.to_vec(),
            ..FilterSettings::default()
        };
        let mut page = Page::new(text, &settings, Given::default());
        let measured = measure(&mut page);
        judge(&measured, settings.limits(page.language()));
        assert!(
            measured.iter().all(|value| !value.is_infinite()),
            "{text:?}: {measured:?}"
        );
    }
}

proptest! {
    #[test]
    fn signals_of_any_text_are_shares_or_counts(text in "([가-힣a-z.{#•… \n-]{0,120}|\\PC{0,60}|(나는 |그는 |a b\n|\n\n|# )*)") {
        let settings = FilterSettings { clean_lines: Language::ALL.to_vec(), ..FilterSettings::default() };
        let mut page = Page::new(&text, &settings, Given::default());
        let measured = measure(&mut page);
        for (name, value) in signals().iter().zip(&measured) {
            let unbounded = ["counted_words", "word_length", "hashes", "ellipses", "stop_words", "listed_words", "lorem_ipsum",
                "curly_brackets", "sentences", "lines", "newlines_per_word"].contains(name) || name.starts_with("top_");
            prop_assert!(value.is_nan() || (0.0..=1.0).contains(value) || (unbounded && *value >= 0.0), "{}: {}", name, value);
        }
        let document = crate::Document::new("1", text.as_str());
        let verdict = sift(document, &settings, Given::default());
        prop_assert_eq!(verdict.document.is_some(), verdict.entry.kept());
    }
}
