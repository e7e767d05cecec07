//! The whole chain of curation on one thread, to be measured: `benches/curation/chain.py` runs it beside datatrove's.
//!
//! `chain quality|fast|text FILE [--languages MODEL] [--classifier MODEL]`: each line is `{"id", "html", "text"}`. HTML is
//! made text and normalised (with `text`, the given text is taken), its language is found, all signals of all rules are
//! measured and judged, MinHash is drawn, personal data is masked, and the classifier scores what is left. No document
//! leaves early. The answer is CPU seconds of this process by part, and how much went through.

#[path = "clock/cpu.rs"]
mod cpu;

use std::error::Error;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;

use corpus::classify::Classifier;
use corpus::filter::{self, Page};
use corpus::pii::{Kind, mask};
use corpus::{
    Caps, DedupSettings, FilterSettings, Given, Language, LanguageModel, Mode, Sketcher,
    identify_by, main_text, normalise,
};
use serde_json::Value;

/// What is measured apart, in order.
const PARTS: [&str; 6] = [
    "extract", "language", "rules", "minhash", "personal", "classify",
];

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [mode, file, options @ ..] = words.as_slice() else {
        return Err("wanted quality, fast or text, and a file of pages".into());
    };
    let option = |name: &str| {
        let at = options.iter().position(|word| word == name)?;
        options.get(at + 1).map(Path::new)
    };
    let mode = match mode.as_str() {
        "quality" => Some(Mode::Quality),
        "fast" => Some(Mode::Fast),
        "text" => None,
        other => return Err(format!("there is no mode {other:?}").into()),
    };
    let languages = option("--languages").map(LanguageModel::open).transpose()?;
    let classifier = option("--classifier").map(Classifier::open).transpose()?;
    let lines = BufReader::new(std::fs::File::open(file)?).lines();
    let field = if mode.is_some() { "html" } else { "text" };
    let inputs = lines
        .map(|line| {
            let line: Value = serde_json::from_str(&line?)?;
            Ok(line[field].as_str().unwrap_or_default().to_owned())
        })
        .collect::<Result<Vec<String>, Box<dyn Error>>>()?;
    let settings = FilterSettings::default();
    let sketcher = Sketcher::new(&DedupSettings::default());
    let mut seconds = [0.0; PARTS.len()];
    let (mut rounds, mut texts, mut done) = (0, 0, 0);
    while rounds == 0 || seconds.iter().sum::<f64>() < 2.0 {
        rounds += 1;
        // Part after part over all pages, because the clock of a process ticks a hundred times a second.
        let mut at = cpu::seconds()?;
        let mut lap = |part: usize| -> Result<(), Box<dyn Error>> {
            let now = cpu::seconds()?;
            seconds[part] += now - at;
            at = now;
            Ok(())
        };
        let made: Vec<String> = match mode {
            None => inputs.clone(),
            Some(mode) => {
                let text = |html: &String| {
                    main_text(html, mode, &Caps::default())
                        .map_or_else(|_| String::new(), |page| normalise(&page.text).0)
                };
                inputs.iter().map(text).collect()
            }
        };
        lap(0)?;
        let found: Vec<Language> = made
            .iter()
            .map(|text| identify_by(text, languages.as_ref()).language)
            .collect();
        lap(1)?;
        for (text, language) in made.iter().zip(found) {
            let mut page = Page::new(text, &settings, Given::default());
            let limits = match language {
                Language::Korean => &settings.korean,
                _ => &settings.english,
            };
            done += filter::judge(&filter::measure(&mut page), limits).len();
        }
        lap(2)?;
        for text in &made {
            done += sketcher.sketch(text).keys.len();
        }
        lap(3)?;
        let masked: Vec<String> = made
            .iter()
            .map(|text| {
                let found = mask(text, &Kind::ALL);
                found.text.unwrap_or_else(|| text.clone())
            })
            .collect();
        lap(4)?;
        for text in &masked {
            if let Some(classifier) = &classifier {
                done += usize::from(classifier.score(0, text) > 0.5);
            }
        }
        lap(5)?;
        texts = made.iter().map(String::len).sum();
    }
    let each = seconds.map(|seconds| seconds / f64::from(rounds));
    let parts: serde_json::Map<String, Value> = PARTS
        .iter()
        .zip(each)
        .map(|(part, seconds)| ((*part).to_owned(), seconds.into()))
        .collect();
    let answer = serde_json::json!({
        "pages": inputs.len(),
        "megabytes_in": inputs.iter().map(String::len).sum::<usize>() as f64 / 1e6,
        "megabytes_text": texts as f64 / 1e6,
        "rounds": rounds,
        "seconds": each.iter().sum::<f64>(),
        "parts": parts,
        "checked": done > 0,
    });
    Ok(writeln!(std::io::stdout(), "{answer}")?)
}
