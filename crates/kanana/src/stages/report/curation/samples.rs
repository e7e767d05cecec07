//! Samples of what each rule dropped, and of what it only just kept; personal data masked.
//!
//! What lies just within a limit says as much about it as what lies beyond: both are what another limit
//! would move.

use super::{Corpora, Limit, Step, deciding};
use anyhow::Result;
use corpus::filter::Side;
use corpus::pii::{Kind, mask};
use corpus::{Entry, Language};
use page::{Page, Sample};
use std::collections::BTreeMap;

/// Of each reason, dropped and kept.
const SAMPLES: usize = 2;
/// Characters of a sample.
const SHOWN: usize = 300;

/// Documents wanted as samples: id → the headings they stand under, each with a remark.
type Wanted = BTreeMap<String, Vec<(String, String)>>;

pub(super) fn draw(page: &mut Page, steps: &[Step], corpora: Corpora<'_>) -> Result<()> {
    let (mut dropped, mut kept) = (Vec::new(), Vec::new());
    for (pair, step) in corpora.windows(2).zip(&steps[1..]) {
        let mut gone = Wanted::new();
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        let mut near = Near::default();
        corpus::visit_ledger(pair[1].path(), |names, entry| {
            let near = match &mut near.0 {
                Some(near) => near,
                None => {
                    let signals = deciding(names, step, &pair[1])?.into_iter();
                    let limits = signals.flat_map(|signal| {
                        signal
                            .limits
                            .into_iter()
                            .map(move |limit| (signal.column, limit))
                    });
                    near.0.insert(
                        limits
                            .map(|(column, limit)| Nearest::new(column, limit))
                            .collect(),
                    )
                }
            };
            match &entry.reason {
                Some(reason) => {
                    let count = counts.entry(reason.clone()).or_default();
                    *count += 1;
                    if *count <= SAMPLES {
                        gone.entry(entry.id.clone())
                            .or_default()
                            .push((reason.clone(), String::new()));
                    }
                }
                None => near.iter_mut().for_each(|nearest| nearest.meet(&entry)),
            }
            Ok(())
        })?;
        let near: Wanted = near.wanted();
        if gone.is_empty() && near.is_empty() {
            continue;
        }
        let before = corpus::Corpus::open(pair[0].path())?;
        for document in before.documents() {
            let document = document?;
            for (wanted, shown) in [(&gone, &mut dropped), (&near, &mut kept)] {
                for (heading, remark) in wanted.get(&document.id).into_iter().flatten() {
                    let heading = format!("{}: {heading}", pair[1].name());
                    let sample = Sample::new(&*document.id, "", start(&document.text));
                    let sample = match remark.is_empty() {
                        true => sample,
                        false => sample.note(remark),
                    };
                    shown.push((heading, sample));
                }
            }
        }
    }
    fold(page, "Samples of what was dropped", dropped);
    fold(page, "Samples of what was only just kept", kept);
    Ok(())
}

/// The beginning of a text without personal data.
fn start(text: &str) -> String {
    let masked = mask(text, &Kind::ALL).text;
    let text = masked.as_deref().unwrap_or(text);
    let mut start: String = text.chars().take(SHOWN).collect();
    if start.len() < text.len() {
        start.push('…');
    }
    start
}

fn fold(page: &mut Page, title: &str, mut shown: Vec<(String, Sample)>) {
    if shown.is_empty() {
        return;
    }
    shown.sort_by(|a, b| a.0.cmp(&b.0));
    page.fold(title, |page| {
        for reason in shown.chunk_by(|a, b| a.0 == b.0) {
            page.subheading(&reason[0].0);
            page.samples(reason.iter().map(|(_, sample)| sample.clone()));
        }
    });
}

/// What is nearest to every limit; none before the ledger's columns are known.
#[derive(Default)]
struct Near(Option<Vec<Nearest>>);

impl Near {
    fn wanted(self) -> Wanted {
        let mut wanted = Wanted::new();
        for nearest in self.0.into_iter().flatten() {
            for (_, value, id) in &nearest.found {
                let of = nearest
                    .limit
                    .language
                    .map_or("", |language| match language {
                        Language::Korean => " for Korean",
                        _ => " for English",
                    });
                let heading = format!("within {}{of}", nearest.limit.reason);
                let remark = format!("{value:.3}, and the limit is {:.3}", nearest.limit.at);
                let headings = wanted.entry(id.clone()).or_default();
                headings.push((heading, remark));
            }
        }
        wanted
    }
}

/// The kept documents nearest to a limit.
struct Nearest {
    column: usize,
    limit: Limit,
    /// Distance, value and id, the nearest first.
    found: Vec<(f64, f64, String)>,
}

impl Nearest {
    fn new(column: usize, limit: Limit) -> Self {
        Nearest {
            column,
            limit,
            found: Vec::new(),
        }
    }

    fn meet(&mut self, entry: &Entry) {
        let concerned = self.limit.language.is_none_or(|language| {
            let of = Language::of(&entry.language);
            of == language || (language == Language::English && of == Language::Other)
        });
        let value = entry.numbers[self.column];
        let distance = match self.limit.side {
            Side::Below => value - self.limit.at,
            Side::Above => self.limit.at - value,
        };
        // At a limit of none of something, having none of it is nothing to show.
        let says_something = value.is_finite() && distance >= 0.0 && value != 0.0;
        if !(concerned && says_something) {
            return;
        }
        let place = self.found.partition_point(|(other, ..)| *other <= distance);
        if place < SAMPLES {
            self.found
                .insert(place, (distance, value, entry.id.clone()));
            self.found.truncate(SAMPLES);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_within_a_limit_are_found() {
        let mut nearest = Nearest::new(
            0,
            Limit {
                at: 50.0,
                reason: "few_words".into(),
                side: Side::Below,
                language: Some(Language::Korean),
            },
        );
        for (id, language, value) in [
            ("멀다", "ko", 900.0),
            ("가깝다", "ko", 52.0),
            ("영어", "en", 51.0),
            ("밖", "ko", 49.0),
            ("더 가깝다", "ko", 50.0),
            ("모름", "ko", f64::NAN),
            ("셋째", "ko", 60.0),
        ] {
            nearest.meet(&Entry {
                id: id.into(),
                language: language.into(),
                numbers: vec![value],
                ..Entry::default()
            });
        }
        let ids: Vec<&str> = nearest.found.iter().map(|(_, _, id)| id.as_str()).collect();
        assert_eq!(ids, ["더 가깝다", "가깝다"]);
        let wanted = Near(Some(vec![nearest])).wanted();
        let (heading, remark) = &wanted["가깝다"][0];
        assert_eq!(heading, "within few_words for Korean");
        assert_eq!(remark, "52.000, and the limit is 50.000");
    }
}
