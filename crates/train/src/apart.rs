//! How far two models are apart on held-out tokens: before and after one was made of the other.
//!
//! `KL(before ‖ after)` per token, the largest difference of a logit, and the losses of both, each
//! with where it was found. Windows are packed as in validation, whole documents in an order that no
//! seed changes. The models may differ in every size but the vocabulary.

use anyhow::{Result, ensure};
use model::{Decoder, Recompute, Tape};
use serde::{Deserialize, Serialize};
use tensor::{Backward, Distillation, Divergence, Teacher};

use crate::train::checks;
use crate::{Cursor, Documents, Examples, Order, Shards, Stream};

/// Rows whose whole logits are held at a time.
const ROWS: usize = 64;

/// The most of something, and where it was.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Worst {
    /// How much.
    pub value: f64,
    /// Id of the document.
    pub document: String,
    /// The token within it that was fed.
    pub token: u64,
    /// Id of the token that was predicted; of logits, the one that differs.
    pub id: u32,
}

/// How far two models are apart on some documents, in nats a token.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupApart {
    /// The group's name.
    pub name: String,
    /// Tokens predicted.
    pub tokens: u64,
    /// Mean KL(before ‖ after).
    pub divergence: f64,
    /// Mean loss of the model before.
    pub before: f64,
    /// Mean loss of the model after.
    pub after: f64,
}

/// How far two models are apart.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Apart {
    /// Everything together.
    pub all: GroupApart,
    /// By group of documents.
    pub groups: Vec<GroupApart>,
    /// The token whose distributions differ most.
    pub divergence: Worst,
    /// The logit that differs most.
    pub logit: Worst,
    /// The token whose loss rose most.
    pub rise: Worst,
}

/// Compares two models on whole documents of at least `tokens` tokens (or all there are), in windows
/// of `sequence`.
///
/// # Errors
/// Vocabularies that differ, a sequence beyond a context, or nothing to compare on.
pub fn apart<D: Backward>(
    before: &Decoder<D>,
    after: &Decoder<D>,
    shards: &Shards,
    tokens: u64,
    sequence: usize,
    micro_batch: usize,
) -> Result<Apart> {
    ensure!(
        before.shape.vocabulary == after.shape.vocabulary
            && shards.vocabulary() <= before.shape.vocabulary,
        "the vocabularies are {} before, {} after and {} of the tokens in {}: models can be compared \
         only where they speak of the same tokens",
        before.shape.vocabulary,
        after.shape.vocabulary,
        shards.vocabulary(),
        shards.dir().display()
    );
    let context = before.shape.context.min(after.shape.context);
    ensure!(
        (1..=context).contains(&sequence),
        "sequence = {sequence}, but the models can see {context} tokens: wanted a length within that"
    );
    let stream = Stream::new(shards, Documents::Packed, Order::Shuffled, 0).limited(tokens);
    let held: u64 = stream.epoch(0).map(|index| shards.length(index)).sum();
    ensure!(
        held >= 2,
        "nothing to compare on: of the {} tokens of {} a sample of {tokens} holds {held}, wanted at least 2",
        shards.tokens(),
        shards.dir().display()
    );
    let rows = micro_batch.max(1) * sequence;
    let mut tapes = [before, after].map(|model| Tape::new(model, rows, Recompute::None, false));
    let mut found = Apart {
        groups: shards
            .groups()
            .iter()
            .map(|group| GroupApart {
                name: group.name.clone(),
                ..GroupApart::default()
            })
            .collect(),
        ..Apart::default()
    };
    let (mut cursor, mut examples, mut left) = (Cursor::default(), Examples::default(), held - 1);
    while left > 0 {
        let mut sequences = 0;
        while left > 0 && sequences < micro_batch.max(1) {
            left -= stream.window(&mut cursor, sequence, &mut examples) as u64;
            sequences += 1;
        }
        checks::ids(&examples, shards)?;
        before.forward(&examples.batch, &mut tapes[0]);
        after.forward(&examples.batch, &mut tapes[1]);
        found.losses(before, after, shards, &tapes, &examples);
        found.logits(before, after, shards, &tapes, &examples);
        examples.clear();
    }
    for group in &found.groups {
        found.all.tokens += group.tokens;
        found.all.divergence += group.divergence;
        found.all.before += group.before;
        found.all.after += group.after;
    }
    found.groups.retain(|group| group.tokens > 0);
    found.all.name = "all".to_owned();
    for group in found.groups.iter_mut().chain([&mut found.all]) {
        for sum in [&mut group.divergence, &mut group.before, &mut group.after] {
            *sum /= group.tokens as f64;
        }
    }
    Ok(found)
}

impl Apart {
    fn losses<D: Backward>(
        &mut self,
        before: &Decoder<D>,
        after: &Decoder<D>,
        shards: &Shards,
        tapes: &[Tape<D>; 2],
        examples: &Examples,
    ) {
        let teacher = Teacher::Whole {
            hidden: &tapes[0].hidden_nd,
            head: before.head(),
        };
        let plain = Distillation {
            divergence: Divergence::Forward,
            temperature: 1.0,
            soft: 1.0,
            hard: 0.0,
            z: 0.0,
        };
        let (targets, weights) = (&examples.targets, vec![1.0; examples.rows()]);
        let of_after = after.device.distill(
            &tapes[1].hidden_nd,
            after.head(),
            teacher,
            targets,
            &weights,
            plain,
            None,
        );
        let of_before =
            before
                .device
                .negative_log_likelihood(&tapes[0].hidden_nd, before.head(), targets);
        for (row, (after, (before, _))) in of_after.iter().zip(of_before).enumerate() {
            let group = &mut self.groups[shards.document(examples.documents[row]).group];
            let (divergence, loss) = (f64::from(after.divergence), f64::from(after.loss));
            group.tokens += 1;
            group.divergence += divergence;
            group.before += f64::from(before);
            group.after += loss;
            let place = |worst: &mut Worst, value: f64| {
                worst.hold(value, shards, examples.fed[row], examples.targets[row]);
            };
            place(&mut self.divergence, divergence);
            place(&mut self.rise, loss - f64::from(before));
        }
    }

    fn logits<D: Backward>(
        &mut self,
        before: &Decoder<D>,
        after: &Decoder<D>,
        shards: &Shards,
        tapes: &[Tape<D>; 2],
        examples: &Examples,
    ) {
        let v = before.shape.vocabulary;
        let rows: Vec<u32> = (0..examples.rows() as u32).collect();
        for rows in rows.chunks(ROWS) {
            let [before, after] = [(before, &tapes[0]), (after, &tapes[1])].map(|(model, tape)| {
                let (device, d) = (&model.device, model.shape.width);
                let mut hidden = device.activation(rows.len() * d);
                device.rows(&tape.hidden_nd, rows, d, &mut hidden);
                device.logits(rows.len(), &hidden, model.head())
            });
            for ((&row, before), after) in rows.iter().zip(before.chunks(v)).zip(after.chunks(v)) {
                let apart = before.iter().zip(after).map(|(a, b)| (a - b).abs());
                let (id, value) = apart.enumerate().fold((0, 0.0f32), |most, here| {
                    // A logit that is not a number is as far as can be.
                    if here.1 > most.1 || here.1.is_nan() {
                        here
                    } else {
                        most
                    }
                });
                let value = if value.is_nan() {
                    f64::INFINITY
                } else {
                    f64::from(value)
                };
                self.logit
                    .hold(value, shards, examples.fed[row as usize], id as u32);
            }
        }
    }
}

impl Worst {
    fn hold(&mut self, value: f64, shards: &Shards, (document, token): (u64, u64), id: u32) {
        if value > self.value || (value.is_nan() && !self.value.is_nan()) {
            *self = Worst {
                value,
                document: shards.document(document).id.to_owned(),
                token,
                id,
            };
        }
    }
}

#[cfg(test)]
mod tests;
