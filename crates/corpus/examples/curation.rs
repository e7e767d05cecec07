//! Curation without recipes, to be measured and compared: `benches/curation` runs it.
//!
//! `curation rules FILE`, `sketch FILE`, `pii FILE`: each document of JSON lines, one thread, CPU time of this process;
//! `language FILE [MODEL]` prints what each is in, and what a model of languages says; `verdicts FILE` prints the
//! reasons that each rule alone would drop it for, as English; `plant MB` prints a corpus of that size with planted near-duplicates, `quote MB` one in
//! which every third document quotes the one before as well.

#[path = "clock/cpu.rs"]
mod cpu;

use std::error::Error;
use std::io::{BufRead as _, BufWriter, Write as _};

use corpus::filter::{self, Page};
use corpus::pii::{Kind, mask};
use corpus::{DedupSettings, Document, FilterSettings, Given, Language, LanguageModel, Sketcher};

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [mode, operand, more @ ..] = words.as_slice() else {
        return Err("wanted a mode and a file (or, for plant, megabytes)".into());
    };
    if mode == "plant" || mode == "quote" {
        return plant(operand.parse()?, mode == "quote");
    }
    let file = std::io::BufReader::new(std::fs::File::open(operand)?);
    let documents = file
        .lines()
        .map(|line| Ok(serde_json::from_str(&line?)?))
        .collect::<Result<Vec<Document>, Box<dyn Error>>>()?;
    let settings = FilterSettings::default();
    let mut out = BufWriter::new(std::io::stdout().lock());
    if mode == "language" {
        let model = more.first().map(|path| LanguageModel::open(path.as_ref()));
        let model = model.transpose()?;
        for document in &documents {
            let found = corpus::identify_by(&document.text, model.as_ref());
            let guess = model.as_ref().and_then(|model| model.guess(&document.text));
            let answer = serde_json::json!({
                "id": document.id,
                "language": found.language.name(),
                "shares": found.shares,
                "guess": guess.map(|guess| (guess.name, guess.score)),
            });
            writeln!(out, "{answer}")?;
        }
        return Ok(());
    }
    if mode == "verdicts" {
        // As English, whatever they are: only the rules are compared.
        let settings = FilterSettings {
            clean_lines: Language::ALL.to_vec(),
            ..FilterSettings::default()
        };
        for document in &documents {
            let mut page = Page::new(&document.text, &settings, Given::default());
            let failed = filter::judge(&filter::measure(&mut page), &settings.english);
            let reasons: Vec<_> = failed.iter().map(|rule| rule.reason).collect();
            writeln!(
                out,
                "{}",
                serde_json::json!({ "id": document.id, "reasons": reasons })
            )?;
        }
        return Ok(());
    }
    let sketcher = Sketcher::new(&DedupSettings::default());
    let rules =
        |text: &str| filter::measure(&mut Page::new(text, &settings, Given::default())).len();
    let sketch = |text: &str| sketcher.sketch(text).keys.len();
    let masked = |text: &str| mask(text, &Kind::ALL).counts.len();
    let start = cpu::seconds()?;
    let (mut rounds, mut nothing) = (0, 0);
    while rounds == 0 || cpu::seconds()? - start < 2.0 {
        rounds += 1;
        for document in &documents {
            let text = &document.text;
            nothing += match mode.as_str() {
                "rules" => rules(text),
                "sketch" => sketch(text),
                "pii" => masked(text),
                other => return Err(format!("there is no mode {other:?}").into()),
            };
        }
    }
    let seconds = cpu::seconds()? - start;
    let bytes: usize = documents.iter().map(|document| document.text.len()).sum();
    let speed = (bytes * rounds) as f64 / 1e6 / seconds;
    writeln!(
        out,
        "{{\"mode\": \"{mode}\", \"MB_per_cpu_second\": {speed:.2}, \"documents\": {}, \"checked\": {}}}",
        documents.len(),
        nothing > 0
    )?;
    Ok(())
}

/// Words of a document.
const WORDS: u64 = 300;
/// Which of them are another's in a document that quotes.
const QUOTED: std::ops::Range<u64> = 100..160;

/// Documents of about 2 kB in two languages; every fifth is a copy of an earlier one with one word in fifty replaced.
fn plant(megabytes: usize, quotes: bool) -> Result<(), Box<dyn Error>> {
    let mut out = BufWriter::with_capacity(1 << 20, std::io::stdout().lock());
    let mut written = 0;
    let mut number = 0u64;
    while written < megabytes * 1_000_000 {
        let copied = number % 5 == 4;
        let of = if copied {
            number - 1 - number / 7 % 4
        } else {
            number
        };
        // A copy quotes what its original does.
        let quoted = (quotes && of % 3 == 1).then(|| words_of(of - 1));
        let mut text = String::with_capacity(2200);
        for (place, mut word) in (0..).zip(words_of(of)) {
            let mut korean = of % 2 == 0;
            if copied && (place + number) % 50 == 7 {
                word = word.wrapping_add(number | 1);
            }
            if let Some(quoted) = &quoted
                && QUOTED.contains(&place)
            {
                (word, korean) = (quoted[place as usize], !korean);
            }
            push(&mut text, word, korean);
            text.push_str(if place % 12 == 11 { ".\n" } else { " " });
        }
        written += text.len();
        writeln!(
            out,
            "{}",
            serde_json::json!({ "id": number.to_string(), "text": text, "of": of })
        )?;
        number += 1;
    }
    Ok(())
}

fn words_of(document: u64) -> Vec<u64> {
    let mut draw = document.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..WORDS).map(|_| next(&mut draw)).collect()
}

fn push(text: &mut String, word: u64, korean: bool) {
    const LATIN: [&str; 16] = [
        "ka", "no", "ri", "ta", "mel", "on", "is", "the", "gar", "do", "um", "ven", "so", "li",
        "pa", "ek",
    ];
    const HANGUL: [&str; 16] = [
        "가", "나", "다", "라", "마", "은", "는", "을", "고", "에", "서", "시", "한", "지", "의",
        "로",
    ];
    let syllables = if korean { HANGUL } else { LATIN };
    for place in 0..2 + word % 3 {
        text.push_str(syllables[(word >> (8 + 4 * place)) as usize % 16]);
    }
}

fn next(state: &mut u64) -> u64 {
    *state = state
        .wrapping_mul(0x5851_f42d_4c95_7f2d)
        .wrapping_add(0x1405_7b7e_f767_814f);
    *state ^ (*state >> 29)
}
