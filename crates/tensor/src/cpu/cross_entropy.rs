//! Cross-entropy over a vocabulary too large to keep: loss and gradients without whole logits.
//!
//! `loss_r = w_r·(−log p[target] + z·log²Z)`, `Z = Σ exp(logits)` (z-loss: Chowdhery et al. 2022,
//! PaLM, section 5), so `dlogits = w·(p·(1 + 2z·log Z) − [target])`.
//!
//! Here is what is asked of a row; how rows pass by the head is in `head.rs`.

use super::Cpu;
use super::array::{CpuArray, CpuMatrix};
use super::head::{Logits, Question, Side};
use super::kernels::Kernels;
use super::lanes::{Element, Lanes, Work, spans};
use crate::device::Grads;

/// What is known of a row.
#[derive(Clone, Copy, Default)]
pub(super) struct Outcome {
    /// −log p[target]
    pub(super) loss: f32,
    pub(super) log_z: f32,
    /// Whether the target is the likeliest token.
    pub(super) best: bool,
}

/// What a call is about.
struct CrossEntropy<'a> {
    student: Side<'a>,
    targets: &'a [u32],
    weights: &'a [f32],
    z: f32,
}

impl Cpu {
    /// Losses of all rows, no gradients.
    pub(super) fn judge(
        &self,
        hidden: &CpuArray,
        head: &CpuMatrix,
        targets: &[u32],
    ) -> Vec<Outcome> {
        inside(targets, head);
        let question = CrossEntropy {
            student: Side { hidden, head },
            targets,
            weights: &[],
            z: 0.0,
        };
        self.answer(&question, targets.len(), None)
    }

    /// Losses of all rows, and the gradients of those with a weight.
    pub(super) fn judge_and_learn(
        &self,
        hidden: &CpuArray,
        head: &CpuMatrix,
        targets: &[u32],
        weights: &[f32],
        z: f32,
        grads: Grads<'_, Cpu>,
    ) -> Vec<Outcome> {
        inside(targets, head);
        let n = targets.len();
        assert_eq!(n, weights.len(), "targets and weights");
        let grads = self.gradients(grads, n, head, weights);
        let question = CrossEntropy {
            student: Side { hidden, head },
            targets,
            weights,
            z,
        };
        self.answer(&question, n, Some(grads))
    }
}

/// Panics if a target lies outside the vocabulary.
pub(super) fn inside(targets: &[u32], head: &CpuMatrix) {
    let v = head.rows;
    let missing = targets.iter().find(|&&target| target as usize >= v);
    assert!(
        missing.is_none(),
        "target {missing:?} in a vocabulary of {v}"
    );
}

impl Question for CrossEntropy<'_> {
    type Outcome = Outcome;

    fn student(&self) -> Side<'_> {
        self.student
    }

    fn learns(&self, row: usize) -> bool {
        self.weights[row] != 0.0
    }

    fn judge<G: Element>(
        &self,
        kernels: Kernels,
        row: usize,
        logits: Logits<'_>,
        dlogits: Option<&mut [G]>,
    ) -> Outcome {
        kernels.apply(Judge {
            logits: logits.student,
            v: logits.v,
            target: self.targets[row] as usize,
            weight: self.weights.get(row).copied().unwrap_or(0.0),
            z: self.z,
            dlogits,
        })
    }
}

/// One row: loss, and the gradient of its logits if it is wanted.
struct Judge<'a, G> {
    /// At least `v` numbers, in whole vectors.
    logits: &'a mut [f32],
    v: usize,
    target: usize,
    weight: f32,
    z: f32,
    dlogits: Option<&'a mut [G]>,
}

impl<G: Element> Work for Judge<'_, G> {
    type Output = Outcome;
    #[inline(always)]
    fn run<L: Lanes>(self) -> Outcome {
        let whole = self.v.next_multiple_of(L::COUNT);
        let logits = &mut self.logits[..whole];
        logits[self.v..].fill(f32::NEG_INFINITY);
        let own = logits[self.target];
        // Four at a time: a maximum waits for the one before.
        let mut largest = [L::splat(f32::NEG_INFINITY); 4];
        for (i, span) in spans::<L>(whole).enumerate() {
            largest[i % 4] = largest[i % 4].max(f32::get(logits, span));
        }
        let largest = largest[0].max(largest[1]).max(largest[2].max(largest[3]));
        let largest = largest.largest();
        let best = own == largest && !logits[..self.target].contains(&largest);
        let (maximum, mut sum) = (L::splat(largest), L::splat(0.0));
        for span in spans::<L>(whole) {
            let p = f32::get::<L>(logits, span).sub(maximum).exp();
            sum = sum.add(p);
            f32::put(p, logits, span);
        }
        let sum = sum.sum();
        let log_z = largest + sum.ln();
        if let Some(dlogits) = self.dlogits {
            let slope = self.weight * (1.0 + 2.0 * self.z * log_z);
            let factor = L::splat(slope / sum);
            for span in spans::<L>(whole) {
                G::put(f32::get::<L>(logits, span).mul(factor), dlogits, span);
            }
            let own = logits[self.target] * (slope / sum) - self.weight;
            dlogits[self.target] = G::narrow(own);
        }
        Outcome {
            loss: log_z - own,
            log_z,
            best,
        }
    }
}
