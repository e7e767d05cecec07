//! Validation: what held-out documents cost, by group, in nats a token and bits a byte.
//!
//! `bits per byte = Σ nll / ln 2 / Σ bytes` compares models of different tokenizers. Windows are
//! packed as in training; with a limit, whole documents are taken in an order that no seed of a
//! run changes, so that runs can be compared.

use anyhow::{Result, ensure};
use model::{Decoder, Recompute, Tape};
use tensor::Forward;

use super::checks;
use crate::{Cursor, Examples, GroupScore, Order, Score, Settings, Shards, Stream, Validation};

/// The same choice of held-out documents in every run.
const SEED: u64 = 0;

/// Losses of a decoder on held-out shards; of `settings` it reads the sequence, the document
/// boundaries and `validate_tokens`. `tokens` is what the decoder was trained on, for the record.
///
/// # Errors
/// A sequence beyond the decoder's context, tokens beyond its vocabulary, or nothing to validate on.
pub fn validate<D: Forward>(
    decoder: &Decoder<D>,
    shards: &Shards,
    settings: &Settings,
    micro_batch: usize,
    tokens: u64,
) -> Result<Validation> {
    checks::can_read(&decoder.shape, shards, settings.sequence)?;
    let rows = micro_batch.max(1) * settings.sequence;
    let mut tape = Tape::new(decoder, rows, Recompute::None, false);
    measure(
        decoder,
        &mut tape,
        shards,
        settings,
        micro_batch.max(1),
        tokens,
    )
}

pub(super) fn measure<D: Forward>(
    decoder: &Decoder<D>,
    tape: &mut Tape<D>,
    shards: &Shards,
    settings: &Settings,
    micro_batch: usize,
    tokens: u64,
) -> Result<Validation> {
    let all = Stream::new(shards, settings.documents, Order::Shuffled, SEED);
    let stream = match settings.validate_tokens {
        Some(limit) => all.limited(limit),
        None => all,
    };
    let mut sums = vec![Sum::default(); shards.groups().len()];
    let mut held = 0;
    for index in stream.epoch(0) {
        let document = shards.document(index);
        held += document.tokens.len() as u64;
        sums[document.group].documents += 1;
        sums[document.group].bytes += document.bytes;
    }
    ensure!(
        held >= 2,
        "nothing to validate on: of the {} tokens of {} {held} were taken, wanted at least 2 (validate_tokens \
         limits them)",
        shards.tokens(),
        shards.dir().display()
    );

    let mut cursor = Cursor::default();
    let mut examples = Examples::default();
    let (mut left, mut sequences) = (held - 1, 0);
    while left > 0 {
        left -= stream.window(&mut cursor, settings.sequence, &mut examples) as u64;
        sequences += 1;
        if sequences < micro_batch && left > 0 {
            continue;
        }
        checks::ids(&examples, shards)?;
        decoder.forward(&examples.batch, tape);
        let losses = decoder.device.negative_log_likelihood(
            &tape.hidden_nd,
            decoder.head(),
            &examples.targets,
        );
        for (&document, (loss, best)) in examples.documents.iter().zip(losses) {
            let sum = &mut sums[shards.document(document).group];
            sum.tokens += 1;
            sum.nats += f64::from(loss);
            sum.best += u64::from(best);
        }
        examples.clear();
        sequences = 0;
    }

    let mut total = Sum::default();
    let mut groups = Vec::new();
    for (group, sum) in shards.groups().iter().zip(&sums) {
        total.add(sum);
        if sum.tokens > 0 {
            groups.push(GroupScore {
                name: group.name.clone(),
                score: sum.score(),
            });
        }
    }
    Ok(Validation {
        tokens,
        total: total.score(),
        groups,
    })
}

#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    documents: u64,
    tokens: u64,
    bytes: u64,
    nats: f64,
    best: u64,
}

impl Sum {
    fn add(&mut self, other: &Sum) {
        self.documents += other.documents;
        self.tokens += other.tokens;
        self.bytes += other.bytes;
        self.nats += other.nats;
        self.best += other.best;
    }

    fn score(&self) -> Score {
        let per = |value: f64, of: u64| if of == 0 { 0.0 } else { value / of as f64 };
        Score {
            documents: self.documents,
            tokens: self.tokens,
            bytes: self.bytes,
            loss: per(self.nats, self.tokens),
            bits_per_byte: per(self.nats / std::f64::consts::LN_2, self.bytes),
            accuracy: per(self.best as f64, self.tokens),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::toy::{self, Place, VOCABULARY};
    use crate::{Document, ShardSettings, ShardWriter};

    #[test]
    fn what_the_model_cannot_read_is_a_sentence() {
        let place = Place::new();
        let decoder = toy::decoder();
        let judged = |shards: &Shards, sequence: usize| {
            validate(&decoder, shards, &Settings::new(1, sequence), 2, 0)
        };
        let check = |shards: &Shards, sequence: usize, words: &[&str]| {
            let error = judged(shards, sequence).unwrap_err().to_string();
            for word in words {
                assert!(error.contains(word), "{word:?} is not in: {error}");
            }
        };
        let held_out = &place.held_out;
        judged(held_out, 64).unwrap();
        check(held_out, 65, &["sequence = 65", "context of 64"]);
        check(held_out, 0, &["sequence = 0"]);
        check(held_out, usize::MAX, &["context of 64"]);

        let dir = place.dir.path().join("다른-어휘");
        std::fs::create_dir(&dir).unwrap();
        let settings = ShardSettings::new(VOCABULARY + 1);
        let mut writer = ShardWriter::create(&dir, settings).unwrap();
        let document = Document {
            tokens: &[0, VOCABULARY as u32, 1],
            group: "ko/시",
            bytes: 3,
            id: "문서",
        };
        writer.document(&document).unwrap();
        writer.finish().unwrap();
        let other = Shards::open(&dir).unwrap();
        check(&other, 16, &["다른-어휘", "vocabulary of 25", "is 24"]);
    }
}
