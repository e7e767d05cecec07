//! A model of languages that the user brings: a classifier of fastText whose labels are languages.
//!
//! `lid.176.ftz` (Joulin et al., arXiv 1607.01759 and 1612.03651) is the one that FineWeb uses; its licence
//! (CC-BY-SA) does not let us ship it. It tells English from 174 other languages where `whichlang` knows
//! sixteen, names them, and says how sure it is. Korean stays a rule of script, and programs one of lines.

use anyhow::{Context as _, Result};
use std::path::Path;

use crate::classify::{Classifier, LABEL_PREFIX};

/// A classifier whose labels are languages.
#[derive(Debug)]
pub struct LanguageModel {
    classifier: Classifier,
    /// The languages, in the order of the labels.
    names: Vec<String>,
}

/// What a model says a text is in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Guess<'a> {
    /// The language as the model names it: `en`, `de`.
    pub name: &'a str,
    /// How sure it is, 0 to 1.
    pub score: f64,
}

impl LanguageModel {
    /// Reads a `.ftz` or `.bin` of fastText.
    ///
    /// # Errors
    /// A file that is no classifier, or one whose labels are no languages.
    pub fn open(path: &Path) -> Result<Self> {
        let classifier = Classifier::open(path)?;
        let labels = classifier.labels().iter();
        // Newer models say the script as well: `eng_Latn`.
        let names: Vec<String> = labels
            .map(|label| label.strip_prefix(LABEL_PREFIX).unwrap_or(label).to_owned())
            .collect();
        let english = |name: &String| crate::Language::of(name) == crate::Language::English;
        names.iter().find(|name| english(name)).with_context(|| {
            let some: Vec<&str> = names.iter().take(8).map(String::as_str).collect();
            format!(
                "{} does not know English: wanted a model of languages such as lid.176.ftz, with the label \
                 __label__en, and found {}",
                path.display(),
                some.join(", ")
            )
        })?;
        Ok(LanguageModel { classifier, names })
    }

    /// The likeliest language; `None` for a text that has nothing the model knows. Line breaks are spaces to
    /// it, as for the original, which takes a line.
    pub fn guess(&self, text: &str) -> Option<Guess<'_>> {
        let line = text.replace(['\n', '\r'], " ");
        let best = self.classifier.predict(&line, 1).into_iter().next()?;
        let place = self
            .classifier
            .labels()
            .iter()
            .position(|label| label == best.label)?;
        Some(Guess {
            name: &self.names[place],
            // fastText adds 1e-5 to what it gives.
            score: f64::from(best.probability).clamp(0.0, 1.0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Language, identify, identify_by};
    use serde::Deserialize;
    use std::collections::BTreeMap;
    use std::path::PathBuf;

    fn fixture(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../fixtures/languages")
            .join(name)
    }

    fn model() -> LanguageModel {
        LanguageModel::open(&fixture("languages.ftz")).expect("a model of languages")
    }

    #[derive(Deserialize)]
    struct Said {
        text: String,
        labels: BTreeMap<String, f64>,
    }

    /// Quantised, a tree over the labels, parts of words: the kind of file that lid.176.ftz is.
    #[test]
    fn a_guess_is_the_originals() {
        let text = std::fs::read(fixture("predictions.json")).expect("predictions");
        let cases: Vec<Said> = serde_json::from_slice(&text).expect("predictions");
        assert!(cases.len() > 30);
        let model = model();
        for case in cases {
            let found = model.classifier.predict(&case.text, 100);
            assert!(found.len() >= case.labels.len(), "{:?}", case.text);
            for one in &found {
                // The original does not walk to leaves that are next to impossible.
                let (original, limit) = match case.labels.get(one.label) {
                    Some(original) => (*original, 1e-5),
                    None => (1e-5, 2e-5),
                };
                let probability = f64::from(one.probability);
                assert!(
                    (probability - original).abs() < limit,
                    "{:?}: {one:?} for {original}",
                    case.text
                );
            }
            let best = case.labels.iter().max_by(|a, b| a.1.total_cmp(b.1));
            if let (Some((label, score)), Some(guess)) = (best, model.guess(&case.text))
                && *score > 0.6
            {
                assert_eq!(
                    label.strip_prefix(LABEL_PREFIX),
                    Some(guess.name),
                    "{:?}",
                    case.text
                );
            }
        }
    }

    #[test]
    fn languages_are_told_by_rule_and_then_by_model() {
        let model = model();
        let of = |text: &str| identify_by(text, Some(&model)).language;
        // A rule of script: the model is not asked, though it may be wrong.
        assert_eq!(of("나는 오늘 school에 갔다가 왔다."), Language::Korean);
        assert_eq!(
            of("fn main() {\n    let x = 5;\n    println!(\"{x}\");\n}\n"),
            Language::Code
        );
        assert_eq!(
            of("the water of the river is cold and the house is old"),
            Language::English
        );
        assert_eq!(
            of("das Wasser des Flusses ist kalt und das Haus ist alt"),
            Language::Other
        );
        let guess = model
            .guess("das Wasser ist kalt\nund das Haus ist alt")
            .expect("a guess");
        assert_eq!(guess.name, "de");
        assert!(guess.score > 0.6 && guess.score <= 1.0, "{guess:?}");
        assert_eq!(identify_by("", Some(&model)), identify(""));
    }

    #[test]
    fn what_knows_no_languages_is_refused() {
        let other =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/classify/quantised.ftz");
        let told = format!(
            "{:#}",
            LanguageModel::open(&other).expect_err("no languages")
        );
        assert!(
            told.contains("does not know English") && told.contains("edu"),
            "{told}"
        );
        assert!(LanguageModel::open(&fixture("none.ftz")).is_err());
    }
}
