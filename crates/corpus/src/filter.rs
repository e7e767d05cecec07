//! The rules a text is judged by: signals are measured once, thresholds are laid on them afterwards.
//!
//! A [`Filter`] is a family of rules with one source (Gopher, C4, FineWeb …): one file of `filter/`
//! and one line of [`FILTERS`]. It measures signals, which are numbers that depend on the text
//! alone; a [`Rule`] drops a text whose signal lies on the wrong side of a limit. Because a verdict is a
//! function of signals and limits, other limits can be tried on a ledger without any text
//! (report, section 3: "cascaded filtering"). The order is FineWeb's (arXiv 2406.17557), but that length is
//! asked before repetition: what is kept is the same, and a text of two words is called short and not repetitive.
//! Nothing here looks at more than one text: repetition between texts is `dedup`'s.

mod c4;
mod fineweb;
mod gopher_quality;
mod gopher_repetition;
mod language;
mod limits;
mod page;
mod word_list;

use std::sync::LazyLock;

use crate::{Document, Entry, Language, Verdict};

pub use limits::{FilterSettings, Limits};
pub use page::{Given, Page};
pub use word_list::WordLists;

/// A family of rules.
pub trait Filter: Sync {
    /// Its name, which is its file's.
    fn name(&self) -> &'static str;
    /// Where its rules come from, and what they are for, in a sentence.
    fn about(&self) -> &'static str;
    /// The numbers it measures, in the order in which it writes them.
    fn signals(&self) -> &'static [&'static str];
    /// What it drops texts for, in the order in which it is asked.
    fn rules(&self) -> &'static [Rule];
    /// Measures a text; one number for each signal is appended. It may edit the text for the filters after it.
    fn measure(&self, page: &mut Page<'_>, signals: &mut Vec<f64>);
}

/// On which side of its limit a signal drops the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Below it.
    Below,
    /// Above it.
    Above,
}

/// A reason to drop a text: a signal beyond a limit.
#[derive(Debug)]
pub struct Rule {
    /// The reason, as it stands in ledgers and recipes.
    pub reason: &'static str,
    /// The signal it looks at.
    pub signal: &'static str,
    /// The side of the limit that is dropped.
    pub side: Side,
    /// The published limit for English; `None` where the rule is off.
    pub english: Option<f64>,
    /// The limit for Korean; `None` where the rule is off.
    pub korean: Option<f64>,
    /// Where the Korean limit comes from.
    pub korean_from: &'static str,
    /// What is dropped, completing "dropped because …".
    pub says: &'static str,
}

/// The shelf, in the order in which texts are judged.
pub const FILTERS: [&dyn Filter; 6] = [
    &language::Languages,
    &word_list::WordList,
    &gopher_quality::GopherQuality,
    &gopher_repetition::GopherRepetition,
    &c4::C4,
    &fineweb::FineWeb,
];

/// A rule and where its signal stands among all signals.
struct Placed {
    rule: &'static Rule,
    signal: usize,
}

static RULES: LazyLock<Vec<Placed>> = LazyLock::new(|| {
    let names = signals();
    let place = |rule: &'static Rule| Placed {
        rule,
        signal: names
            .iter()
            .position(|name| *name == rule.signal)
            .expect("a rule looks at a signal of its filter"),
    };
    FILTERS
        .iter()
        .flat_map(|filter| filter.rules())
        .map(place)
        .collect()
});

/// The names of all signals, in the order in which [`measure`] gives them.
pub fn signals() -> Vec<&'static str> {
    FILTERS
        .iter()
        .flat_map(|filter| filter.signals())
        .copied()
        .collect()
}

/// All rules, in the order in which they are asked.
pub fn rules() -> impl ExactSizeIterator<Item = &'static Rule> {
    RULES.iter().map(|placed| placed.rule)
}

/// Measures all signals of a text. A signal that is not defined for it (a mean of no words) is NaN.
pub fn measure(page: &mut Page<'_>) -> Vec<f64> {
    let mut signals = Vec::with_capacity(48);
    for filter in FILTERS {
        filter.measure(page, &mut signals);
    }
    signals
}

/// The rules that drop a text of these signals, in order; none where it is kept. The first one is the
/// reason; the others say what would have dropped it too. What is NaN drops nothing.
pub fn judge(signals: &[f64], limits: &Limits) -> Vec<&'static Rule> {
    let beyond = |(placed, limit): (&Placed, &Option<f64>)| {
        let (value, limit) = (signals[placed.signal], (*limit)?);
        let dropped = match placed.rule.side {
            Side::Below => value < limit,
            Side::Above => value > limit,
        };
        dropped.then_some(placed.rule)
    };
    RULES.iter().zip(limits.all()).filter_map(beyond).collect()
}

/// Judges a document by all rules. A kept one has its language, and its text as the filters have left it.
pub fn sift(mut document: Document, settings: &FilterSettings, given: Given<'_>) -> Verdict {
    let mut entry = Entry::of(&document);
    let mut page = Page::new(&document.text, settings, given);
    entry.numbers = measure(&mut page);
    let language = page.language();
    let name = page.language_name().to_owned();
    entry.language.clone_from(&name);
    entry.words = page.words() as u64;
    let failed = judge(&entry.numbers, settings.limits(language));
    if let Some(first) = failed.first() {
        entry.reasons = failed
            .iter()
            .map(|rule| rule.reason)
            .collect::<Vec<_>>()
            .join(",");
        entry.drop(first.reason);
        return Verdict {
            document: None,
            entry,
        };
    }
    // Where cleaning leaves nothing, the text stays as it came.
    let edited = page.into_edited();
    if let Some(edited) = edited.filter(|text| !text.trim().is_empty()) {
        document.text = edited;
    }
    entry.bytes_kept = document.text.len() as u64;
    if document
        .language()
        .is_some_and(|stated| Language::of(stated) != language)
    {
        let stated = document.language().unwrap_or_default().to_owned();
        document = document.with("stated_language", stated);
    }
    let document = document.with("language", name);
    Verdict {
        document: Some(document),
        entry,
    }
}

#[cfg(test)]
mod tests;
