//! Texts in a language that nobody asked for, and texts that are a mixture of several.
//!
//! FineWeb keeps a page whose language score by fastText is at least 0.65 (arXiv 2406.17557, section 3):
//! that limit holds where the user brings such a model. A score of a classifier is not a share of
//! letters, so the limit of those is of our own: half of them.

use super::{Filter, Page, Rule, Side};

pub(super) struct Languages;

impl Filter for Languages {
    fn name(&self) -> &'static str {
        "language"
    }

    fn about(&self) -> &'static str {
        "what the text is in, by share of its letters"
    }

    fn signals(&self) -> &'static [&'static str] {
        &[
            "korean_share",
            "english_share",
            "code_share",
            "other_share",
            "main_share",
            "unwanted_language",
            "language_score",
        ]
    }

    fn rules(&self) -> &'static [Rule] {
        &[
            Rule {
                reason: "other_language",
                signal: "unwanted_language",
                side: Side::Above,
                english: Some(0.0),
                korean: Some(0.0),
                korean_from: "ours",
                says: "its language is none of those that are kept",
            },
            Rule {
                reason: "mixed_language",
                signal: "main_share",
                side: Side::Below,
                english: Some(0.5),
                korean: None,
                korean_from: "ours: Korean pages are full of English names and terms",
                says: "too small a share of its letters is in its main language",
            },
            Rule {
                reason: "unsure_language",
                signal: "language_score",
                side: Side::Below,
                english: Some(0.65),
                korean: None,
                korean_from: "ours: Korean is told by its script",
                says: "the model of languages is not sure what it is in",
            },
        ]
    }

    fn measure(&self, page: &mut Page<'_>, signals: &mut Vec<f64>) {
        signals.extend(page.identified.shares);
        signals.push(page.identified.share());
        signals.push(f64::from(u8::from(!page.wanted)));
        // Not defined without a model, so that the rule drops nothing then.
        signals.push(page.guess.map_or(f64::NAN, |guess| guess.score));
    }
}
