//! Distillation: the student's distribution is held to its teacher's, token by token.
//!
//! `loss = (1 − c)·T²·D(p, q) + c·(−log q[target] + z·log²Z) + h·mean((x − y)²)`, p and q the
//! teacher's and the student's distributions at temperature T, D a divergence
//! ([`tensor::Divergence`]), x and y what the two decoders give their heads, or their residual streams
//! after every block of the student and the block of the teacher at the same height. The report
//! (section on distillation) uses forward KL alone: T = 1, c = h = 0, which are the defaults.
//!
//! T² keeps the gradient of D, which falls as 1/T², as large as cross-entropy's (Hinton et al. 2015,
//! section 2); where a recipe comes from a convention without it, `temperature_squared = false`.
//!
//! The teacher forwards the very batch of the student (same packing, positions, segments), or is read
//! from a cache ([`Lessons`]). Deliberately absent: hidden states of different widths, which need a
//! projection between the two and something to train it with.

use anyhow::{Result, ensure};
use model::{Decoder, Recompute, Shape, Tape};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tensor::{Backward, Divergence, Forward, Grads, Teacher};

use super::{Losses, Objective, Output};
use crate::{Examples, Lessons, Shards};

/// How two distributions are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Compared {
    /// KL(teacher ‖ student), the report's.
    #[default]
    Forward,
    /// KL(student ‖ teacher).
    Reverse,
    /// Between the two, by `beta`.
    JensenShannon,
}

/// Which hidden states are compared, where any are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Hidden {
    /// What the decoders give their heads.
    #[default]
    Output,
    /// The residual streams after each block; the mean over the student's blocks.
    Blocks,
}

/// What the loss is made of.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DistillationSettings {
    /// `forward` (default), `reverse` or `jensen-shannon`.
    pub divergence: Compared,
    /// β of Jensen–Shannon, between 0 and 1: its teacher's part. Default 0.5.
    pub beta: f32,
    /// T: both sides' logits are divided by it. Default 1.
    pub temperature: f32,
    /// Whether D is multiplied by T². Default true.
    pub temperature_squared: bool,
    /// c: the share of cross-entropy, 0 to 1. Default 0.
    pub cross_entropy: f32,
    /// h: what multiplies the squared distance of hidden states. Default 0.
    pub hidden: f32,
    /// Which these are: `output` (default) or `blocks`.
    pub hidden_of: Hidden,
}

impl Default for DistillationSettings {
    fn default() -> Self {
        DistillationSettings {
            divergence: Compared::Forward,
            beta: 0.5,
            temperature: 1.0,
            temperature_squared: true,
            cross_entropy: 0.0,
            hidden: 0.0,
            hidden_of: Hidden::Output,
        }
    }
}

impl DistillationSettings {
    /// Whether the settings make sense.
    pub fn check(&self) -> Result<()> {
        ensure!(
            self.temperature.is_finite() && self.temperature > 0.0,
            "temperature = {}: wanted a number above 0; 1 leaves the distributions as they are",
            self.temperature
        );
        ensure!(
            self.beta > 0.0 && self.beta < 1.0,
            "beta = {}: wanted a number between 0 and 1; at the ends Jensen–Shannon is nothing, use \
             divergence = \"forward\" or \"reverse\"",
            self.beta
        );
        ensure!(
            (0.0..=1.0).contains(&self.cross_entropy),
            "cross_entropy = {}: a share of the loss, within 0 and 1",
            self.cross_entropy
        );
        ensure!(
            self.hidden.is_finite() && self.hidden >= 0.0,
            "hidden = {}: wanted a number from 0",
            self.hidden
        );
        Ok(())
    }

    /// Whether a teacher of one shape can be asked beside a student of another, on sequences of so
    /// many tokens.
    ///
    /// # Errors
    /// A sentence that says what does not fit.
    pub fn fits(&self, teacher: &Shape, student: &Shape, sequence: usize) -> Result<()> {
        ensure!(
            sequence <= teacher.context,
            "sequence = {sequence}, but the teacher was made for a context of {}: shorten the \
             sequence",
            teacher.context
        );
        ensure!(
            self.hidden == 0.0 || teacher.width == student.width,
            "hidden = {} compares hidden states, but the teacher's are {} wide and the student's \
             {}: that needs a projection, which is not offered; set hidden = 0",
            self.hidden,
            teacher.width,
            student.width
        );
        same_vocabulary(teacher.vocabulary, student)
    }

    /// What the device is asked for; z is cross-entropy's.
    fn question(&self, z: f32) -> tensor::Distillation {
        let square = match self.temperature_squared {
            true => self.temperature * self.temperature,
            false => 1.0,
        };
        tensor::Distillation {
            divergence: match self.divergence {
                Compared::Forward => Divergence::Forward,
                Compared::Reverse => Divergence::Reverse,
                Compared::JensenShannon => Divergence::JensenShannon(self.beta),
            },
            temperature: self.temperature,
            soft: (1.0 - self.cross_entropy) * square,
            hard: self.cross_entropy,
            z,
        }
    }
}

fn same_vocabulary(vocabulary: usize, student: &Shape) -> Result<()> {
    ensure!(
        vocabulary == student.vocabulary,
        "the teacher's vocabulary is {vocabulary} and the student's {}: a student learns from a \
         teacher of the same tokenizer only, because each token of one must be that of the other",
        student.vocabulary
    );
    Ok(())
}

/// Where the teacher's distributions come from.
pub enum Source<'a, D: Forward> {
    /// The teacher itself.
    Live(&'a Decoder<D>),
    /// What was kept of it for these shards.
    Kept(&'a Lessons, &'a Shards),
}

/// The loss of a student beside its teacher.
pub struct Distillation<'a, D: Forward> {
    settings: DistillationSettings,
    question: tensor::Distillation,
    source: Source<'a, D>,
    /// The live teacher's activations, made when the first batch says how many rows there are.
    tape: Option<Tape<D>>,
}

impl<'a, D: Forward> Distillation<'a, D> {
    /// For students of this shape, on sequences of so many tokens; `z` is the coefficient of
    /// `log²Z` within cross-entropy.
    ///
    /// # Errors
    /// Settings that make no sense, or a teacher that does not fit the student.
    pub fn new(
        settings: DistillationSettings,
        z: f32,
        source: Source<'a, D>,
        student: &Shape,
        sequence: usize,
    ) -> Result<Self> {
        settings.check()?;
        match &source {
            Source::Live(teacher) => settings.fits(&teacher.shape, student, sequence)?,
            Source::Kept(lessons, shards) => {
                lessons.fits(shards)?;
                ensure!(
                    settings.hidden == 0.0,
                    "hidden = {}, but the cache {} holds no hidden states: set hidden = 0, or give \
                     the teacher itself",
                    settings.hidden,
                    lessons.dir().display()
                );
                let description = lessons.description();
                same_vocabulary(description.vocabulary, student)?;
                ensure!(
                    settings.temperature == description.settings.temperature,
                    "temperature = {}, but the teacher's distributions were kept at temperature {}: \
                     what was not kept cannot be softened afterwards; use that temperature, or make \
                     the cache again",
                    settings.temperature,
                    description.settings.temperature
                );
            }
        }
        Ok(Distillation {
            question: settings.question(z),
            settings,
            source,
            tape: None,
        })
    }
}

impl<D: Backward> Objective<D> for Distillation<'_, D> {
    fn losses(&mut self, output: Output<'_, D>, examples: &Examples, share: f32) -> Result<Losses> {
        let Output {
            decoder,
            tape,
            gradients,
        } = output;
        let kept = match &self.source {
            Source::Kept(lessons, shards) => Some(lessons.read(shards, &examples.fed)?),
            Source::Live(teacher) => {
                let rows = examples.rows();
                if self.tape.as_ref().is_none_or(|tape| tape.rows() < rows) {
                    // Of what training keeps, the residual streams and nothing else that is large.
                    let states =
                        self.settings.hidden > 0.0 && self.settings.hidden_of == Hidden::Blocks;
                    let recompute = if states {
                        Recompute::Block
                    } else {
                        Recompute::None
                    };
                    self.tape = Some(Tape::new(teacher, rows, recompute, states));
                }
                if let Some(tape) = &mut self.tape {
                    teacher.forward(&examples.batch, tape);
                }
                None
            }
        };
        let teacher = match (&self.source, &kept, &self.tape) {
            (Source::Live(teacher), _, Some(tape)) => Teacher::Whole {
                hidden: &tape.hidden_nd,
                head: teacher.head(),
            },
            (_, Some(kept), _) => Teacher::Likeliest(kept.view()),
            _ => unreachable!("a live teacher has a tape, a kept one was read"),
        };
        let grads = Grads {
            hidden_nd: &mut tape.dhidden_nd,
            head_vd: gradients.head_mut(),
        };
        let taught = decoder.device.distill(
            &tape.hidden_nd,
            decoder.head(),
            teacher,
            &examples.targets,
            &vec![share; examples.rows()],
            self.question,
            Some(grads),
        );
        let tensor::Distillation { soft, hard, .. } = self.question;
        let mut rows: Vec<f32> = taught
            .iter()
            .map(|row| soft * row.divergence + hard * row.loss)
            .collect();
        if let (Source::Live(teacher), Some(theirs), true) =
            (&self.source, &self.tape, self.settings.hidden > 0.0)
        {
            let mut near = Nearness {
                device: &*decoder.device,
                d: decoder.shape.width,
                factor: self.settings.hidden,
                share,
                rows: &mut rows,
            };
            match self.settings.hidden_of {
                Hidden::Output => {
                    let gradient = near.of(&tape.hidden_nd, &theirs.hidden_nd);
                    let len = examples.rows() * decoder.shape.width;
                    decoder.device.add(&gradient, &mut tape.dhidden_nd, len);
                }
                Hidden::Blocks => {
                    let (ours, of) = (decoder.shape.layers, teacher.shape.layers);
                    near.factor /= ours as f32;
                    tape.dstates = (1..=ours)
                        .map(|block| {
                            // The teacher's block at the same height.
                            let theirs = theirs.state((block * of).div_ceil(ours));
                            (block, near.of(tape.state(block), theirs))
                        })
                        .collect();
                }
            }
        }
        Ok(Losses { rows })
    }
}

/// Hidden states that are to come nearer to others.
struct Nearness<'a, D: Forward> {
    device: &'a D,
    d: usize,
    factor: f32,
    share: f32,
    rows: &'a mut [f32],
}

impl<D: Forward> Nearness<'_, D> {
    /// Adds `factor · mean((x − y)²)` to the rows' losses; the gradient by x of their sum by share.
    fn of(&mut self, x_nd: &D::Array, y_nd: &D::Array) -> D::Array {
        let len = self.rows.len() * self.d;
        let (x, y) = (self.device.read(x_nd, len), self.device.read(y_nd, len));
        let slope = 2.0 * self.share * self.factor / self.d as f32;
        let mut gradient = Vec::with_capacity(len);
        let pairs = x.chunks(self.d).zip(y.chunks(self.d));
        for (row, (x, y)) in self.rows.iter_mut().zip(pairs) {
            let apart = x.iter().zip(y).map(|(x, y)| x - y);
            let square: f64 = apart.clone().map(|apart| f64::from(apart).powi(2)).sum();
            *row += (f64::from(self.factor) * square / self.d as f64) as f32;
            gradient.extend(apart.map(|apart| slope * apart));
        }
        self.device.upload(&gradient)
    }
}

#[cfg(test)]
mod tests;
