//! Which documents, and how often: the arithmetic of shares, epochs and totals.
//!
//! A corpus of `available` units that shall give `wanted` is gone through `floor(wanted / available)`
//! times, and a random part of it once more: documents in a drawn order. One that would lead further
//! away from `wanted` than it leads towards it is passed over, so that it does not stand in the way of
//! smaller ones, unless a hundredth of `wanted` or less is left, which is near enough; and what is passed
//! over is not made up for by others in one epoch more. So every corpus lands within half a document of
//! what was wanted: the last one taken, or one passed over. That is more than half of `wanted` only where
//! a document is larger than all that is wanted, and such an outcome is an error, unless the mixture takes what there is.

use anyhow::{Context as _, Result, bail, ensure};

use super::{MixReport, MixSettings, Part, PartReport, Short};
use crate::Corpus;
use crate::draw::Draw;

/// One corpus after pass 1.
#[derive(Default)]
pub(super) struct Measured {
    /// Count and bytes of every document, held-out ones too.
    sizes: Vec<(u32, u32)>,
    /// Hash and place of the held-out documents, by place.
    pub(super) held_out: Vec<(u64, u32)>,
    available: u64,
}

impl Measured {
    pub(super) fn add(&mut self, count: u64, bytes: u64, held_out: Option<u64>) -> Result<()> {
        let place =
            u32::try_from(self.sizes.len()).context("a corpus holds more than 2^32 documents")?;
        let small = |number: u64| u32::try_from(number).context("a document is larger than 4 GiB");
        self.sizes.push((small(count)?, small(bytes)?));
        match held_out {
            Some(hash) => self.held_out.push((hash, place)),
            None => self.available += count,
        }
        Ok(())
    }

    /// The count of the largest document that may be trained on.
    fn largest(&self) -> u32 {
        let places = self.places().into_iter();
        let counts = places.map(|place| self.sizes[place as usize].0);
        counts.max().unwrap_or(0)
    }

    /// The places of the documents that may be trained on.
    fn places(&self) -> Vec<u32> {
        let mut held = self.held_out.iter().peekable();
        (0..self.sizes.len() as u32)
            .filter(|place| held.next_if(|(_, held)| held == place).is_none())
            .collect()
    }
}

/// What was chosen, in the order in which it is to be written.
pub(super) struct Choice {
    /// Corpus and place of every chosen document, repetitions included, shuffled.
    pub(super) order: Vec<(u32, u32)>,
    /// Bytes of all chosen texts.
    pub(super) bytes: u64,
    parts: Vec<PartReport>,
    settings: MixSettings,
}

pub(super) fn choose(
    parts: &[(&Part, &Corpus)],
    measured: &[Measured],
    settings: &MixSettings,
) -> Result<Choice> {
    let sum: f64 = parts.iter().map(|(part, _)| part.share).sum();
    let shares: Vec<f64> = parts.iter().map(|(part, _)| part.share / sum).collect();
    let unit = settings.unit.name();
    for ((part, _), measured) in parts.iter().zip(measured) {
        ensure!(
            !measured.sizes.is_empty(),
            "no document of {:?} is what the mixture wants: look at what is selected from it",
            part.corpus
        );
        ensure!(
            measured.available > 0,
            "the corpus {:?} has no {unit} to train on: all its {} documents are held out or count nothing",
            part.corpus,
            measured.sizes.len()
        );
    }
    let most = |number: usize| measured[number].available as f64 * parts[number].0.epochs;
    let reachable = (0..parts.len())
        .map(|number| most(number) / shares[number])
        .fold(f64::MAX, f64::min);
    let total = settings.total.map_or(reachable, |total| total as f64);

    let mut choice = Choice {
        order: Vec::new(),
        bytes: 0,
        parts: Vec::new(),
        settings: settings.clone(),
    };
    for (number, ((part, _), measured)) in parts.iter().zip(measured).enumerate() {
        let mut wanted = shares[number] * total;
        // A rounding of the division above is not a lack of documents.
        if wanted > most(number) * (1.0 + 1e-9) && settings.when_short == Short::Stop {
            bail!(
                "the mixture wants {wanted:.0} {unit} of {:?} ({:.1} % of {total:.0}), and it has {} \
                 and may be repeated {} times at most, which gives {:.0}: lower the total to {reachable:.0}, \
                 let it be repeated {:.1} times, give it a smaller share, or say when_short = \"take\"",
                part.corpus,
                100.0 * shares[number],
                measured.available,
                part.epochs,
                most(number),
                wanted / measured.available as f64,
            );
        }
        let asked = wanted.round() as u64;
        wanted = wanted.min(most(number));
        let report = choice.take(number as u32, part, measured, wanted.round() as u64);
        if settings.when_short == Short::Stop {
            near_enough(&report, asked, measured, unit)?;
        }
        choice.parts.push(PartReport {
            wanted: asked,
            wanted_share: shares[number],
            ..report
        });
    }
    let achieved: u64 = choice.parts.iter().map(|part| part.achieved).sum();
    ensure!(
        achieved > 0,
        "the mixture of {total:.0} {unit} comes out empty: no document is as small as that"
    );
    for part in &mut choice.parts {
        part.achieved_share = part.achieved as f64 / achieved as f64;
    }
    Draw::new(settings.seed, "order of the mixture").shuffle(&mut choice.order);
    Ok(choice)
}

/// Documents that are too large for what is wanted may give next to nothing of it, or almost twice as much.
fn near_enough(report: &PartReport, asked: u64, measured: &Measured, unit: &str) -> Result<()> {
    let PartReport {
        corpus, achieved, ..
    } = report;
    ensure!(
        *achieved > 0 || asked == 0,
        "the mixture wants {asked} {unit} of {corpus:?}, and that comes out empty: no document of it is as small as \
         that; raise the total or its share, or say when_short = \"take\""
    );
    ensure!(
        achieved.abs_diff(asked) <= asked / 2,
        "the mixture wants {asked} {unit} of {corpus:?}, and whole documents give {achieved} at the nearest, since \
         the largest has {}; raise the total or its share, leave such documents out before, or say \
         when_short = \"take\"",
        measured.largest()
    );
    Ok(())
}

impl Choice {
    fn take(&mut self, number: u32, part: &Part, measured: &Measured, wanted: u64) -> PartReport {
        let mut places = measured.places();
        Draw::new(self.settings.seed, &format!("choice from {}", part.corpus)).shuffle(&mut places);
        let (mut achieved, mut bytes, mut documents) = (0u64, 0u64, 0u64);
        let mut remaining = wanted;
        'epochs: loop {
            let mut passed_over = false;
            for place in &places {
                let (count, size) = measured.sizes[*place as usize];
                let count = u64::from(count);
                if remaining == 0 {
                    break 'epochs;
                }
                // Too large for what is left: where that is little, it is enough; where it is much, others fit.
                if count > remaining && count - remaining >= remaining {
                    match remaining <= wanted / 100 {
                        true => break 'epochs,
                        false => {
                            passed_over = true;
                            continue;
                        }
                    }
                }
                self.order.push((number, *place));
                achieved += count;
                bytes += u64::from(size);
                documents += 1;
                remaining = remaining.saturating_sub(count);
            }
            // Going round again would repeat the others once more than what was passed over.
            if passed_over {
                break;
            }
        }
        self.bytes += bytes;
        PartReport {
            corpus: part.corpus.clone(),
            available: measured.available,
            wanted,
            achieved,
            wanted_share: 0.0,
            achieved_share: 0.0,
            epochs: achieved as f64 / measured.available as f64,
            documents,
            bytes,
            held_out: measured.held_out.len() as u64,
        }
    }

    pub(super) fn report(self, validation_documents: u64) -> MixReport {
        let sum = |of: fn(&PartReport) -> u64| self.parts.iter().map(of).sum();
        MixReport {
            unit: self.settings.unit,
            total: sum(|part| part.achieved),
            documents: sum(|part| part.documents),
            bytes: sum(|part| part.bytes),
            validation_documents,
            parts: self.parts,
        }
    }
}
