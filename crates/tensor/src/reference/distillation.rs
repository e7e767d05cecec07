//! Distillation on the reference device, outcome by outcome: a token each, or k tokens and the rest.

use super::{Grid, Numbers, Reference, holds, log_sum_exp};
use crate::device::Grads;
use crate::distillation::{Distillation, Divergence, Kept, Taught, Teacher};

/// Something that may come next: one token, or any of several.
struct Outcome {
    tokens: Vec<usize>,
    /// What the teacher and the student think of it, log-probabilities.
    log_p: f64,
    log_q: f64,
}

impl Reference {
    /// Row by row: loss, `dlogits`, and from it both gradients, as in cross-entropy.
    pub(super) fn teach(
        &self,
        (hidden_nd, head_vd): (&Numbers, &Grid),
        teacher: &Teacher<'_, Self>,
        targets_n: &[u32],
        weights_n: &[f32],
        distillation: Distillation,
        mut grads: Option<Grads<'_, Self>>,
    ) -> Vec<Taught> {
        let (n, d, v) = (targets_n.len(), head_vd.cols, head_vd.rows);
        assert_eq!(weights_n.len(), n, "weights for targets");
        holds("hidden", hidden_nd, n * d);
        let mut dhead = vec![0.0; if grads.is_some() { v * d } else { 0 }];
        let mut found = Vec::with_capacity(n);
        for (r, (&target, &weight)) in targets_n.iter().zip(weights_n).enumerate() {
            assert!(
                (target as usize) < v,
                "target {target} is outside a head of {v} rows"
            );
            let hidden_d = hidden_nd.row(r, d);
            let logits = self.logits_of_row(hidden_d, head_vd);
            let outcomes = self.outcomes(r, n, &logits, teacher, distillation.temperature);
            let (taught, dlogits) = judge(&logits, &outcomes, target as usize, distillation);
            found.push(taught);
            let Some(grads) = &mut grads else { continue };
            holds("dhidden", grads.hidden_nd, n * d);
            let mut dhidden = vec![0.0; d];
            if weight != 0.0 {
                for (t, dlogit) in dlogits.iter().enumerate() {
                    let dlogit = self.operand((f64::from(weight) * dlogit) as f32);
                    for j in 0..d {
                        dhidden[j] += dlogit * self.operand(head_vd.row(t)[j]);
                        dhead[t * d + j] += dlogit * self.operand(hidden_d[j]);
                    }
                }
            }
            for (j, x) in dhidden.into_iter().enumerate() {
                grads.hidden_nd.put(r * d + j, x);
            }
        }
        if let Some(grads) = grads {
            holds("dhead", grads.head_vd, v * d);
            for (at, x) in dhead.into_iter().enumerate() {
                grads.head_vd.add(at, x);
            }
        }
        found
    }

    /// Everything that may come next in a row, each token in one outcome.
    fn outcomes(
        &self,
        row: usize,
        n: usize,
        logits: &[f64],
        teacher: &Teacher<'_, Self>,
        temperature: f32,
    ) -> Vec<Outcome> {
        let log_q = log_softmax(logits, temperature);
        let single = |token: usize, log_p: f64| Outcome {
            tokens: vec![token],
            log_p,
            log_q: log_q[token],
        };
        match teacher {
            Teacher::Whole { hidden, head } => {
                assert_eq!(
                    head.rows,
                    logits.len(),
                    "tokens of the teacher and of the student"
                );
                let logits = self.logits_of_row(hidden.row(row, head.cols), head);
                let log_p = log_softmax(&logits, temperature);
                let tokens = log_p.into_iter().enumerate();
                tokens.map(|(token, log_p)| single(token, log_p)).collect()
            }
            Teacher::Likeliest(kept) => {
                let k = kept.tokens(n);
                let ids = &kept.ids[row * k..][..k];
                let log_p = &kept.log_p[row * k..][..k];
                let mut outcomes: Vec<Outcome> = ids
                    .iter()
                    .zip(log_p)
                    .map(|(&id, &log_p)| single(id as usize, f64::from(log_p)))
                    .collect();
                let others: Vec<usize> = (0..logits.len())
                    .filter(|&token| !ids.contains(&(token as u32)))
                    .collect();
                if !others.is_empty() {
                    let log_q: Vec<f64> = others.iter().map(|&token| log_q[token]).collect();
                    outcomes.push(Outcome {
                        tokens: others,
                        log_p: f64::from(kept.rest[row]),
                        log_q: log_sum_exp(&log_q),
                    });
                }
                outcomes
            }
        }
    }

    /// Sorts whole rows.
    pub(super) fn find_likeliest(
        &self,
        n: usize,
        hidden_nd: &Numbers,
        head_vd: &Grid,
        k: usize,
        temperature: f32,
    ) -> Kept {
        assert!(
            (1..=head_vd.rows).contains(&k),
            "{k} of {} tokens",
            head_vd.rows
        );
        let mut found = Kept::default();
        for r in 0..n {
            let logits = self.logits_of_row(hidden_nd.row(r, head_vd.cols), head_vd);
            let log_p = log_softmax(&logits, temperature);
            let mut order: Vec<usize> = (0..log_p.len()).collect();
            order.sort_by(|&a, &b| log_p[b].total_cmp(&log_p[a]));
            let (kept, others) = order.split_at_mut(k);
            kept.sort_unstable();
            let others: Vec<f64> = others.iter().map(|&token| log_p[token]).collect();
            found.ids.extend(kept.iter().map(|&token| token as u32));
            found
                .log_p
                .extend(kept.iter().map(|&token| log_p[token] as f32));
            found.rest.push(match others.is_empty() {
                true => f32::NEG_INFINITY,
                false => log_sum_exp(&others) as f32,
            });
        }
        found
    }
}

/// What a row costs, and the gradient of `soft · D + hard · (−log p[target] + z · log²Z)` by its
/// logits.
fn judge(
    logits: &[f64],
    outcomes: &[Outcome],
    target: usize,
    distillation: Distillation,
) -> (Taught, Vec<f64>) {
    let Distillation {
        divergence,
        temperature,
        soft,
        hard,
        z,
    } = distillation;
    let [temperature, soft, hard, z] = [temperature, soft, hard, z].map(f64::from);
    let expected = |of: &dyn Fn(&Outcome) -> f64| outcomes.iter().map(of).sum::<f64>();
    // D, and by how much it changes with the logarithm of an outcome's q, over q.
    type Slope = Box<dyn Fn(&Outcome) -> f64>;
    let (found, slope): (f64, Slope) = match divergence {
        Divergence::Forward => (
            expected(&|o| o.log_p.exp() * (o.log_p - o.log_q)),
            Box::new(|o| 1.0 - (o.log_p - o.log_q).exp()),
        ),
        Divergence::Reverse => {
            let found = expected(&|o| o.log_q.exp() * (o.log_q - o.log_p));
            (found, Box::new(move |o| o.log_q - o.log_p - found))
        }
        Divergence::JensenShannon(beta) => {
            let beta = f64::from(beta);
            let log_m =
                move |o: &Outcome| log_sum_exp(&[beta.ln() + o.log_p, (1.0 - beta).ln() + o.log_q]);
            let of_p = expected(&|o| o.log_p.exp() * (o.log_p - log_m(o)));
            let of_q = expected(&|o| o.log_q.exp() * (o.log_q - log_m(o)));
            (
                beta * of_p + (1.0 - beta) * of_q,
                Box::new(move |o| (1.0 - beta) * (o.log_q - log_m(o) - of_q)),
            )
        }
    };
    let log_z = log_sum_exp(logits);
    let log_q = log_softmax(logits, temperature as f32);
    let mut dlogits = vec![0.0; logits.len()];
    for outcome in outcomes {
        for &token in &outcome.tokens {
            dlogits[token] = soft * log_q[token].exp() * slope(outcome) / temperature;
        }
    }
    for (token, dlogit) in dlogits.iter_mut().enumerate() {
        let hit = if token == target { 1.0 } else { 0.0 };
        let p = (logits[token] - log_z).exp();
        *dlogit += hard * (p * (1.0 + 2.0 * z * log_z) - hit);
    }
    let taught = Taught {
        divergence: found as f32,
        loss: (log_z - logits[target]) as f32,
        log_z: log_z as f32,
    };
    (taught, dlogits)
}

/// log softmax(x / T).
fn log_softmax(x: &[f64], temperature: f32) -> Vec<f64> {
    let soft: Vec<f64> = x.iter().map(|x| x / f64::from(temperature)).collect();
    let log_z = log_sum_exp(&soft);
    soft.into_iter().map(|x| x - log_z).collect()
}
