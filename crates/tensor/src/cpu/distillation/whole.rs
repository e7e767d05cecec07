//! A row of a student beside the same row of a teacher whose logits are all there.

use super::Held;
use crate::cpu::lanes::{Element, Lanes, Span, Work, spans};
use crate::distillation::{Distillation, Divergence, Taught};

/// A logit of a token that is not one; its distance from such another is 0.
const NOWHERE: f32 = -1e30;

/// Divergence of a row, and the gradient of the student's logits if it is wanted.
pub(super) struct Compare<'a, G> {
    /// At least `v` numbers, in whole vectors.
    pub(super) student: &'a mut [f32],
    pub(super) teacher: &'a mut [f32],
    pub(super) v: usize,
    pub(super) held: Held,
    pub(super) dlogits: Option<&'a mut [G]>,
}

/// The largest logit, and ln Σ exp((x − largest) / T) of both sides.
#[derive(Clone, Copy)]
struct Level<L> {
    largest: L,
    ln: f32,
}

impl<G: Element> Work for Compare<'_, G> {
    type Output = Taught;
    #[inline(always)]
    fn run<L: Lanes>(self) -> Taught {
        let whole = self.v.next_multiple_of(L::COUNT);
        let (student, teacher) = (&mut self.student[..whole], &mut self.teacher[..whole]);
        student[self.v..].fill(NOWHERE);
        teacher[self.v..].fill(NOWHERE);
        let Held { target, weight, to } = self.held;
        let Distillation {
            divergence,
            temperature,
            soft,
            hard,
            z,
        } = to;
        let own = student[target];
        let warm = temperature != 1.0;
        let inverse = L::splat(1.0 / temperature);
        let [largest_s, largest_t] = largest::<L>(student, teacher);
        let (max_s, max_t) = (L::splat(largest_s), L::splat(largest_t));

        // Exponentials stay where the logits were, unless the logits are needed once more.
        let forward = divergence == Divergence::Forward;
        let stay = forward && self.dlogits.is_some() && !(warm && hard != 0.0);
        let [mut sum_s, mut sum_t, mut sum_plain, mut cross] = [L::splat(0.0); 4];
        for span in spans::<L>(whole) {
            let centred = f32::get::<L>(student, span).sub(max_s);
            let s = centred.mul(inverse);
            let t = f32::get::<L>(teacher, span).sub(max_t).mul(inverse);
            let (exp_s, exp_t) = (s.exp(), t.exp());
            sum_s = sum_s.add(exp_s);
            sum_t = sum_t.add(exp_t);
            let weighs = if forward { exp_t } else { exp_s };
            cross = weighs.mul_add(t.sub(s), cross);
            if warm {
                sum_plain = sum_plain.add(centred.exp());
            }
            if stay {
                f32::put(exp_s, student, span);
                f32::put(exp_t, teacher, span);
            }
        }
        let (sum_s, sum_t) = (sum_s.sum(), sum_t.sum());
        let sum_plain = if warm { sum_plain.sum() } else { sum_s };
        let s = Level {
            largest: max_s,
            ln: sum_s.ln(),
        };
        let t = Level {
            largest: max_t,
            ln: sum_t.ln(),
        };
        let log_z = largest_s + sum_plain.ln();
        // log(q / p) of a token is (s − t) less this. What is left of these differences may be small,
        // so that it is taken in f64.
        let apart = f64::from(sum_s).ln() - f64::from(sum_t).ln();
        let mean = |of: f32| f64::from(cross.sum()) / f64::from(of);
        let (found, of_q) = match divergence {
            Divergence::Forward => ((mean(sum_t) + apart) as f32, 0.0),
            Divergence::Reverse => ((-mean(sum_s) - apart) as f32, 0.0),
            Divergence::JensenShannon(beta) => {
                let (mut of_p, mut of_q) = (L::splat(0.0), L::splat(0.0));
                for span in spans::<L>(whole) {
                    let log_q = log_of(student, span, s, inverse);
                    let log_p = log_of(teacher, span, t, inverse);
                    let ratio = over_mean(log_p.sub(log_q), beta);
                    of_p = log_p.exp().mul_add(log_p.sub(log_q).add(ratio), of_p);
                    of_q = log_q.exp().mul_add(ratio, of_q);
                }
                let (of_p, of_q) = (of_p.sum(), of_q.sum());
                (beta * of_p + (1.0 - beta) * of_q, of_q)
            }
        };
        let taught = Taught {
            divergence: found,
            loss: log_z - own,
            log_z,
        };
        let Some(dlogits) = self.dlogits else {
            return taught;
        };

        let scale = weight * soft / temperature;
        let slope_plain = weight * hard * (1.0 + 2.0 * z * log_z);
        let (by_s, by_t) = (L::splat(1.0 / sum_s), L::splat(1.0 / sum_t));
        let gradient = |span: Span| -> L {
            let q = match stay {
                true => f32::get::<L>(student, span).mul(by_s),
                false => log_of(student, span, s, inverse).exp(),
            };
            let soft = match divergence {
                Divergence::Forward => {
                    let p = match stay {
                        true => f32::get::<L>(teacher, span).mul(by_t),
                        false => log_of(teacher, span, t, inverse).exp(),
                    };
                    q.sub(p).mul(L::splat(scale))
                }
                Divergence::Reverse => {
                    let log_q = log_of(student, span, s, inverse);
                    let ratio = log_q.sub(log_of(teacher, span, t, inverse));
                    q.mul(ratio.sub(L::splat(found))).mul(L::splat(scale))
                }
                Divergence::JensenShannon(beta) => {
                    let log_q = log_of(student, span, s, inverse);
                    let ratio = over_mean(log_of(teacher, span, t, inverse).sub(log_q), beta);
                    let ratio = ratio.sub(L::splat(of_q));
                    q.mul(ratio).mul(L::splat(scale * (1.0 - beta)))
                }
            };
            if hard == 0.0 {
                return soft;
            }
            let plain = match warm {
                true => f32::get::<L>(student, span)
                    .sub(max_s)
                    .exp()
                    .mul(L::splat(1.0 / sum_plain)),
                false => q,
            };
            plain.mul_add(L::splat(slope_plain), soft)
        };
        for span in spans::<L>(whole) {
            G::put(gradient(span), dlogits, span);
        }
        if hard != 0.0 {
            // Once more in f32, so that what the target's probability lacks to 1 is not rounded off.
            let mut lanes = [0.0; 16];
            let at = target / L::COUNT * L::COUNT;
            let span = Span {
                at,
                count: L::COUNT,
            };
            let start = Span {
                at: 0,
                count: L::COUNT,
            };
            f32::put(gradient(span), &mut lanes, start);
            dlogits[target] = G::narrow(lanes[target - at] - weight * hard);
        }
        taught
    }
}

/// The largest of each; four at a time, because a maximum waits for the one before.
#[inline(always)]
fn largest<L: Lanes>(student: &[f32], teacher: &[f32]) -> [f32; 2] {
    let mut found = [[L::splat(f32::NEG_INFINITY); 2]; 2];
    for (i, span) in spans::<L>(student.len()).enumerate() {
        let [s, t] = &mut found[i % 2];
        *s = s.max(f32::get(student, span));
        *t = t.max(f32::get(teacher, span));
    }
    [0, 1].map(|side| found[0][side].max(found[1][side]).largest())
}

/// The log-probabilities of a span.
#[inline(always)]
fn log_of<L: Lanes>(logits: &[f32], span: Span, level: Level<L>, inverse: L) -> L {
    let centred = f32::get::<L>(logits, span).sub(level.largest);
    centred.mul(inverse).sub(L::splat(level.ln))
}

/// log(q / m), m = β·p + (1 − β)·q, from log(p / q): m / q is (1 − β)·(1 + β / (1 − β)·p / q), and
/// the logarithm of a sum is that of its larger term and how much the other adds.
#[inline(always)]
fn over_mean<L: Lanes>(log_ratio: L, beta: f32) -> L {
    let zero = L::splat(0.0);
    let term = log_ratio.add(L::splat((beta / (1.0 - beta)).ln()));
    let less = term.min(zero.sub(term)).exp().ln_1p();
    L::splat(-(1.0 - beta).ln()).sub(term.max(zero)).sub(less)
}
