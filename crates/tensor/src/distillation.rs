//! What a student is held to by its teacher: the divergence of two distributions over the
//! vocabulary, in the terms that devices share.
//!
//! With p the teacher's distribution and q the student's, both softened by a temperature T
//! (`q = softmax(logits / T)`), and m = β·p + (1 − β)·q:
//!
//! | divergence | D | gradient by the student's logits |
//! |---|---|---|
//! | forward | Σ p·log(p / q) | (q − p) / T |
//! | reverse | Σ q·log(q / p) | q·(log(q / p) − D) / T |
//! | Jensen–Shannon | β·Σ p·log(p / m) + (1 − β)·Σ q·log(q / m) | (1 − β)·q·(log(q / m) − Σ q·log(q / m)) / T |
//!
//! Forward is the report's only loss (section on distillation); reverse and the generalised
//! Jensen–Shannon divergence are those of Agarwal et al. 2024 (GKD), section 3.
//!
//! A teacher may also be known by its k likeliest tokens alone. Everything else is then one outcome
//! for teacher and student alike, so D is that of k + 1 outcomes: never more than the whole one (the
//! sum of a part is compared, not its members). With `rest` the teacher's probability of that outcome,
//! the gradient of a row's logits differs from the whole one's in sum by
//! - forward: at most 2·rest / T;
//! - Jensen–Shannon: at most 4·β·rest / T;
//! - reverse: no multiple of `rest`, since what the student holds likely and the teacher does not
//!   counts by log(q / p), however small p is.

use crate::device::Forward;

/// Which of two distributions is expected to cover which.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Divergence {
    /// KL(teacher ‖ student): the student covers whatever the teacher may say.
    Forward,
    /// KL(student ‖ teacher): the student avoids what the teacher would not say.
    Reverse,
    /// Between the two, 0 < β < 1: over β it tends to forward as β → 0, over 1 − β to reverse as
    /// β → 1.
    JensenShannon(f32),
}

/// What a row is held to: `soft · D + hard · (−log p[target] + z · log²Z)`, the second part at
/// temperature 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Distillation {
    /// D.
    pub divergence: Divergence,
    /// T, above 0: both sides' logits are divided by it before D.
    pub temperature: f32,
    /// What multiplies D (a factor T², where it is wanted, is the caller's).
    pub soft: f32,
    /// What multiplies cross-entropy.
    pub hard: f32,
    /// Coefficient of `log²Z` within cross-entropy.
    pub z: f32,
}

/// The teacher of n rows.
pub enum Teacher<'a, D: Forward + ?Sized> {
    /// All of it: the output of its decoder, `[n, its width]`, and its head, `[v, its width]`.
    Whole {
        /// Its decoder's output.
        hidden: &'a D::Array,
        /// Its head; as many rows as the student's.
        head: &'a D::Matrix,
    },
    /// Its likeliest tokens, at the temperature of the question.
    Likeliest(Likeliest<'a>),
}

/// The k likeliest tokens of n rows, and how likely all others are together.
#[derive(Clone, Copy, Debug)]
pub struct Likeliest<'a> {
    /// `[n, k]`: the tokens, no token twice in a row.
    pub ids: &'a [u32],
    /// `[n, k]`: log-probabilities of the tokens.
    pub log_p: &'a [f32],
    /// `[n]`: log-probability of all other tokens together; not read where k is the vocabulary.
    pub rest: &'a [f32],
}

impl Likeliest<'_> {
    /// k, for n rows.
    pub(crate) fn tokens(&self, n: usize) -> usize {
        assert_eq!(self.rest.len(), n, "rests of rows");
        assert_eq!(
            self.ids.len(),
            self.log_p.len(),
            "tokens, log-probabilities"
        );
        let k = self.ids.len().checked_div(n).unwrap_or(0);
        assert_eq!(self.ids.len(), n * k, "as many tokens for every row");
        k
    }
}

/// As [`Likeliest`], owned: what [`Forward::likeliest`] found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Kept {
    /// `[n, k]`: the tokens of a row, ascending.
    pub ids: Vec<u32>,
    /// `[n, k]`: their log-probabilities.
    pub log_p: Vec<f32>,
    /// `[n]`: log-probability of all others; −∞ where there are none.
    pub rest: Vec<f32>,
}

impl Kept {
    /// To be learned from.
    pub fn view(&self) -> Likeliest<'_> {
        Likeliest {
            ids: &self.ids,
            log_p: &self.log_p,
            rest: &self.rest,
        }
    }
}

/// What was found of a row, unweighted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Taught {
    /// D, in nats.
    pub divergence: f32,
    /// `−log p[target]` of the student at temperature 1.
    pub loss: f32,
    /// Its log Z at temperature 1.
    pub log_z: f32,
}
