//! Texts in a language that nobody asked for, and texts that are a mixture of several.
//!
//! FineWeb keeps a page whose language score is at least 0.65; a score of a classifier is not a
//! share of letters, so the limit here is of our own: half of the letters.

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
        ]
    }

    fn measure(&self, page: &mut Page<'_>, signals: &mut Vec<f64>) {
        signals.extend(page.identified.shares);
        signals.push(page.identified.share());
        signals.push(f64::from(u8::from(!page.wanted)));
    }
}
