//! A row of a student beside a teacher that is known by its likeliest tokens: k outcomes, and one
//! for everything else.
//!
//! The kept tokens are few and are dealt with one by one, in f64; the rest is summed by itself with
//! their logits set aside, not taken as what they lack to 1, so that a small rest keeps its digits.

use super::Held;
use crate::cpu::lanes::{Element, Lanes, Work, spans};
use crate::distillation::{Distillation, Divergence, Taught};

/// A logit of a token that is not one, or that is set aside.
const NOWHERE: f32 = -1e30;

/// Divergence of a row, and the gradient of the student's logits if it is wanted.
pub(super) struct Compare<'a, G> {
    /// At least `v` numbers, in whole vectors.
    pub(super) student: &'a mut [f32],
    pub(super) v: usize,
    pub(super) ids: &'a [u32],
    pub(super) log_p: &'a [f32],
    pub(super) rest: f32,
    pub(super) held: Held,
    pub(super) dlogits: Option<&'a mut [G]>,
}

impl<G: Element> Work for Compare<'_, G> {
    type Output = Taught;
    #[inline(always)]
    fn run<L: Lanes>(self) -> Taught {
        let whole = self.v.next_multiple_of(L::COUNT);
        let logits = &mut self.student[..whole];
        logits[self.v..].fill(NOWHERE);
        let Held { target, weight, to } = self.held;
        let Distillation {
            divergence,
            temperature,
            soft,
            hard,
            z,
        } = to;
        let own = logits[target];
        let warm = temperature != 1.0;
        let inverse = 1.0 / temperature;
        let mut largest = [L::splat(f32::NEG_INFINITY); 4];
        for (i, span) in spans::<L>(whole).enumerate() {
            largest[i % 4] = largest[i % 4].max(f32::get(logits, span));
        }
        let largest = largest[0].max(largest[1]).max(largest[2].max(largest[3]));
        let largest = largest.largest();

        let kept: Vec<f32> = self
            .ids
            .iter()
            .map(|&id| std::mem::replace(&mut logits[id as usize], NOWHERE))
            .collect();
        let (maximum, by) = (L::splat(largest), L::splat(inverse));
        let (mut rest, mut rest_plain) = (L::splat(0.0), L::splat(0.0));
        for span in spans::<L>(whole) {
            let centred = f32::get::<L>(logits, span).sub(maximum);
            rest = rest.add(centred.mul(by).exp());
            if warm {
                rest_plain = rest_plain.add(centred.exp());
            }
        }
        for (&id, &logit) in self.ids.iter().zip(&kept) {
            logits[id as usize] = logit;
        }
        let exact = |logit: f32| (f64::from(logit) - f64::from(largest)) * f64::from(inverse);
        let plain = |logit: f32| (f64::from(logit) - f64::from(largest)).exp();
        let rest = f64::from(rest.sum());
        let sum: f64 = rest + kept.iter().map(|&x| exact(x).exp()).sum::<f64>();
        let sum_plain = match warm {
            true => f64::from(rest_plain.sum()) + kept.iter().map(|&x| plain(x)).sum::<f64>(),
            false => sum,
        };
        let log_z = f64::from(largest) + sum_plain.ln();

        // Every outcome's log p and log q, the rest last.
        let ln = sum.ln();
        let mut outcomes: Vec<(f64, f64)> = kept
            .iter()
            .zip(self.log_p)
            .map(|(&logit, &log_p)| (f64::from(log_p), exact(logit) - ln))
            .collect();
        let others = self.ids.len() < self.v;
        if others {
            outcomes.push((f64::from(self.rest), rest.ln() - ln));
        }
        let (found, of_q) = compare(divergence, &outcomes);
        let taught = Taught {
            divergence: found as f32,
            loss: (log_z - f64::from(own)) as f32,
            log_z: log_z as f32,
        };
        let Some(dlogits) = self.dlogits else {
            return taught;
        };

        // The gradient by a logit of an outcome, over its q; for a token of its own, times q.
        let scale = f64::from(weight * soft) / f64::from(temperature);
        let slope = |(log_p, log_q): (f64, f64)| match divergence {
            Divergence::Forward => 1.0 - (log_p - log_q).exp(),
            Divergence::Reverse => log_q - log_p - found,
            Divergence::JensenShannon(beta) => {
                (1.0 - f64::from(beta)) * (log_q - between(log_p, log_q, beta) - of_q)
            }
        };
        let slope_of_rest = match outcomes.last() {
            Some(&rest) if others => scale * slope(rest),
            _ => 0.0,
        };
        let slope_plain = f64::from(weight * hard) * (1.0 + 2.0 * f64::from(z) * log_z);
        let factor = L::splat((slope_of_rest / sum) as f32);
        let factor_plain = L::splat((slope_plain / sum_plain) as f32);
        for span in spans::<L>(whole) {
            let centred = f32::get::<L>(logits, span).sub(maximum);
            let mut gradient = centred.mul(by).exp().mul(factor);
            if hard != 0.0 {
                gradient = centred.exp().mul_add(factor_plain, gradient);
            }
            G::put(gradient, dlogits, span);
        }
        let mut one = |token: usize, logit: f32, soft: f64| {
            let hit = if token == target { weight * hard } else { 0.0 };
            let hard = plain(logit) * slope_plain / sum_plain - f64::from(hit);
            dlogits[token] = G::narrow((soft + hard) as f32);
        };
        one(target, own, exact(own).exp() / sum * slope_of_rest);
        for ((&id, &logit), &(log_p, log_q)) in self.ids.iter().zip(&kept).zip(&outcomes) {
            let soft = match divergence {
                // q and p by themselves: their ratio may be beyond all numbers.
                Divergence::Forward => log_q.exp() - log_p.exp(),
                _ => log_q.exp() * slope((log_p, log_q)),
            };
            one(id as usize, logit, scale * soft);
        }
        taught
    }
}

/// D, and for Jensen–Shannon Σ q·log(q / m).
fn compare(divergence: Divergence, outcomes: &[(f64, f64)]) -> (f64, f64) {
    let expected = |of: &dyn Fn(f64, f64) -> f64| -> f64 {
        outcomes
            .iter()
            .map(|&(log_p, log_q)| of(log_p, log_q))
            .sum()
    };
    match divergence {
        Divergence::Forward => (expected(&|p, q| p.exp() * (p - q)), 0.0),
        Divergence::Reverse => (expected(&|p, q| q.exp() * (q - p)), 0.0),
        Divergence::JensenShannon(beta) => {
            let of_p = expected(&|p, q| p.exp() * (p - between(p, q, beta)));
            let of_q = expected(&|p, q| q.exp() * (q - between(p, q, beta)));
            let beta = f64::from(beta);
            (beta * of_p + (1.0 - beta) * of_q, of_q)
        }
    }
}

/// log(β·p + (1 − β)·q).
fn between(log_p: f64, log_q: f64, beta: f32) -> f64 {
    let beta = f64::from(beta);
    let (p, q) = (beta.ln() + log_p, (1.0 - beta).ln() + log_q);
    let high = p.max(q);
    high + (p.min(q) - high).exp().ln_1p()
}
