//! The sketch of a text: the keys by which it meets its like. A plain function of the text and the settings.

use std::cell::RefCell;

use super::shingles::{NO_WORDS, Shingler};
use super::signature::Bands;
use super::{DedupSettings, ShingleSettings};

/// What is kept of a text to compare it with others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sketch {
    /// The keys of its bands; texts that share one are taken for near-duplicates. None where it has no words.
    pub keys: Vec<u64>,
    /// A hash of the whole text with its signs and digits, white space and the case of letters apart; `None` where it
    /// has no words.
    pub whole: Option<u64>,
}

/// Makes sketches by settings.
#[derive(Clone, Debug)]
pub struct Sketcher {
    near: bool,
    shingle: ShingleSettings,
    bands: Bands,
}

thread_local! {
    static SHINGLER: RefCell<Shingler> = RefCell::default();
}

impl Sketcher {
    /// Chooses the permutations, and the instructions to compute them by.
    pub fn new(settings: &DedupSettings) -> Self {
        let bands = Bands::new(settings.bands, settings.rows);
        Self {
            near: settings.near,
            shingle: settings.shingle.clone(),
            bands,
        }
    }

    /// The sketch of a text.
    pub fn sketch(&self, text: &str) -> Sketch {
        SHINGLER.with_borrow_mut(|shingler| {
            let (shingles, whole) = shingler.read(text, &self.shingle);
            let mut keys = Vec::new();
            if self.near && !shingles.is_empty() {
                self.bands.keys(shingles, &mut keys);
            }
            Sketch {
                keys,
                whole: (whole != NO_WORDS).then_some(whole),
            }
        })
    }
}
