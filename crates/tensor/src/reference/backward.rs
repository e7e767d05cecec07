//! Gradients and the optimizer step of the reference device, each beside its formula.
//!
//! `d…` of a thing is the derivative of the loss by that thing. What a formula sums is summed in
//! f64 and stored once; gradients of weights are f32 and are added to.

use super::{Grid, Numbers, Reference, holds, log_sum_exp, sigmoid, stacked};
use crate::device::{AdamW, Backward, Collective, Forward, Grads, Heads, Mask, Parameter};
use crate::distillation::{Distillation, Taught, Teacher};

impl Backward for Reference {
    /// `dtable[t, j] += Σ_{r: ids[r] = t} dx[r, j]`.
    fn embed_backward(&self, ids_n: &[u32], d: usize, dx_nd: &Numbers, dtable_vd: &mut Numbers) {
        holds("dx", dx_nd, ids_n.len() * d);
        for (r, &id) in ids_n.iter().enumerate() {
            holds("dtable", dtable_vd, (id as usize + 1) * d);
            for (j, &dx) in dx_nd.row(r, d).iter().enumerate() {
                dtable_vd.add(id as usize * d + j, f64::from(dx));
            }
        }
    }

    /// With `a = Σⱼ dy[j]·gain[j]·x[j] / d`: `dx[j] += rstd·dy[j]·gain[j] − rstd³·a·x[j]`,
    /// `dgain[j] += Σ_r dy[r, j]·x[r, j]·rstd[r]`.
    fn rms_norm_backward(
        &self,
        n: usize,
        x_nd: &Numbers,
        gain_d: &Numbers,
        rstd_n: &Numbers,
        dy_nd: &Numbers,
        dx_nd: &mut Numbers,
        dgain_d: &mut Numbers,
    ) {
        let d = gain_d.values.len();
        holds("x", x_nd, n * d);
        holds("rstd", rstd_n, n);
        holds("dy", dy_nd, n * d);
        holds("dx", dx_nd, n * d);
        holds("dgain", dgain_d, d);
        let mut dgain = vec![0.0; d];
        for r in 0..n {
            let rstd = f64::from(rstd_n.values[r]);
            let x = |j: usize| f64::from(x_nd.values[r * d + j]);
            let dy = |j: usize| f64::from(dy_nd.values[r * d + j]);
            let gain = |j: usize| f64::from(gain_d.values[j]);
            let a = (0..d).map(|j| dy(j) * gain(j) * x(j)).sum::<f64>() / d as f64;
            for (j, dgain) in dgain.iter_mut().enumerate() {
                dx_nd.add(r * d + j, rstd * dy(j) * gain(j) - rstd.powi(3) * a * x(j));
                *dgain += dy(j) * x(j) * rstd;
            }
        }
        dgain
            .into_iter()
            .enumerate()
            .for_each(|(j, sum)| dgain_d.add(j, sum));
    }

    /// `dx[r, i] = Σₒ dy[r, o] · w[o, i]`, over the outputs of all matrices.
    fn product_backward_input(
        &self,
        n: usize,
        dy_no: &Numbers,
        weights_oi: &[&Grid],
        dx_ni: &mut Numbers,
        accumulate: bool,
    ) {
        let (inputs, outputs) = stacked(weights_oi);
        holds("dy", dy_no, n * outputs);
        holds("dx", dx_ni, n * inputs);
        let rows: Vec<&[f32]> = weights_oi
            .iter()
            .flat_map(|w| (0..w.rows).map(|o| w.row(o)))
            .collect();
        for r in 0..n {
            let dy_o = dy_no.row(r, outputs);
            for i in 0..inputs {
                let terms = dy_o.iter().zip(&rows);
                let sum: f64 = terms
                    .map(|(&dy, w)| self.operand(dy) * self.operand(w[i]))
                    .sum();
                let at = r * inputs + i;
                let before = if accumulate {
                    f64::from(dx_ni.values[at])
                } else {
                    0.0
                };
                dx_ni.put(at, before + sum);
            }
        }
    }

    /// `dw[o, i] += Σ_r dy[r, o] · x[r, i]`.
    fn product_backward_weights(
        &self,
        n: usize,
        dy_no: &Numbers,
        x_ni: &Numbers,
        inputs: usize,
        outputs: &[usize],
        dweights_oi: &mut [&mut Numbers],
    ) {
        let (given, wanted) = (dweights_oi.len(), outputs.len());
        assert_eq!(
            given, wanted,
            "{given} gradients were given for {wanted} matrices"
        );
        let columns: usize = outputs.iter().sum();
        holds("dy", dy_no, n * columns);
        holds("x", x_ni, n * inputs);
        let mut first = 0;
        for (dweight_oi, &outputs) in dweights_oi.iter_mut().zip(outputs) {
            holds("dweight", dweight_oi, outputs * inputs);
            for o in 0..outputs {
                for i in 0..inputs {
                    let term = |r: usize| {
                        let dy = self.operand(dy_no.values[r * columns + first + o]);
                        dy * self.operand(x_ni.values[r * inputs + i])
                    };
                    dweight_oi.add(o * inputs + i, (0..n).map(term).sum());
                }
            }
            first += outputs;
        }
    }

    fn attention_backward(
        &self,
        heads: Heads,
        mask: Mask<'_>,
        qkv: &Numbers,
        out: &Numbers,
        lse: &Numbers,
        dout: &Numbers,
        dqkv: &mut Numbers,
    ) {
        self.attend_backward(heads, mask, qkv, out, lse, dout, dqkv);
    }

    /// With σ = σ(gate): `dgate = dy·up·σ·(1 + gate·(1 − σ))`, `dup = dy·gate·σ`.
    fn swiglu_backward(
        &self,
        n: usize,
        f: usize,
        gate_up: &Numbers,
        dy_nf: &Numbers,
        dgate_up: &mut Numbers,
    ) {
        holds("gate_up", gate_up, n * 2 * f);
        holds("dy", dy_nf, n * f);
        holds("dgate_up", dgate_up, n * 2 * f);
        for r in 0..n {
            for j in 0..f {
                let gate = f64::from(gate_up.values[r * 2 * f + j]);
                let up = f64::from(gate_up.values[r * 2 * f + f + j]);
                let dy = f64::from(dy_nf.values[r * f + j]);
                let s = sigmoid(gate);
                dgate_up.put(r * 2 * f + j, dy * up * s * (1.0 + gate * (1.0 - s)));
                dgate_up.put(r * 2 * f + f + j, dy * gate * s);
            }
        }
    }

    /// With p = softmax(logits), `log Z = log Σ exp logits`, y the target:
    /// loss = `w·(log Z − logits[y] + z·log²Z)`,
    /// `dlogits[t] = w·(p[t]·(1 + 2z·log Z) − [t = y])`,
    /// `dhidden = Σₜ dlogits[t]·head[t]`, `dhead[t] += Σ_r dlogits[r, t]·hidden[r]`
    /// (z-loss: Chowdhery et al. 2022, section 5).
    fn cross_entropy(
        &self,
        hidden_nd: &Numbers,
        head_vd: &Grid,
        targets_n: &[u32],
        weights_n: &[f32],
        z: f32,
        mut grads: Option<Grads<'_, Self>>,
    ) -> Vec<(f32, f32)> {
        let (n, d, v) = (targets_n.len(), head_vd.cols, head_vd.rows);
        assert_eq!(
            weights_n.len(),
            n,
            "{} weights for {n} targets",
            weights_n.len()
        );
        holds("hidden", hidden_nd, n * d);
        let mut losses = Vec::with_capacity(n);
        let mut dhead = vec![0.0; if grads.is_some() { v * d } else { 0 }];
        for (r, (&target, &weight)) in targets_n.iter().zip(weights_n).enumerate() {
            let target = target as usize;
            assert!(target < v, "target {target} is outside a head of {v} rows");
            let hidden_d = hidden_nd.row(r, d);
            let logits = self.logits_of_row(hidden_d, head_vd);
            let log_z = log_sum_exp(&logits);
            losses.push(((log_z - logits[target]) as f32, log_z as f32));
            let Some(grads) = &mut grads else { continue };
            holds("dhidden", grads.hidden_nd, n * d);
            let mut dhidden = vec![0.0; d];
            if weight != 0.0 {
                for (t, logit) in logits.iter().enumerate() {
                    let p = (logit - log_z).exp();
                    let hit = if t == target { 1.0 } else { 0.0 };
                    let slope = p * (1.0 + 2.0 * f64::from(z) * log_z) - hit;
                    let dlogit = self.operand((f64::from(weight) * slope) as f32);
                    let head_d = head_vd.row(t);
                    for j in 0..d {
                        dhidden[j] += dlogit * self.operand(head_d[j]);
                        dhead[t * d + j] += dlogit * self.operand(hidden_d[j]);
                    }
                }
            }
            dhidden
                .into_iter()
                .enumerate()
                .for_each(|(j, x)| grads.hidden_nd.put(r * d + j, x));
        }
        if let Some(grads) = grads {
            holds("dhead", grads.head_vd, v * d);
            dhead
                .into_iter()
                .enumerate()
                .for_each(|(at, x)| grads.head_vd.add(at, x));
        }
        losses
    }

    fn distill(
        &self,
        hidden_nd: &Numbers,
        head_vd: &Grid,
        teacher: Teacher<'_, Self>,
        targets_n: &[u32],
        weights_n: &[f32],
        distillation: Distillation,
        grads: Option<Grads<'_, Self>>,
    ) -> Vec<Taught> {
        let student = (hidden_nd, head_vd);
        self.teach(student, &teacher, targets_n, weights_n, distillation, grads)
    }

    /// With g the scaled gradient and t the step: `m ← β₁m + (1 − β₁)g`, `v ← β₂v + (1 − β₂)g²`,
    /// `w ← w − rate·(m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε) − decay·w`
    /// (Loshchilov & Hutter 2019, algorithm 2), then `g ← 0`.
    fn adamw(
        &self,
        weight: Parameter<'_, Self>,
        gradient: &mut Numbers,
        first: &mut Numbers,
        second: &mut Numbers,
        step: AdamW,
    ) {
        let weights = match weight {
            Parameter::Matrix(matrix) => &mut matrix.values,
            Parameter::Vector(vector) => &mut vector.values,
        };
        holds("the gradient", gradient, weights.len());
        holds("the first moment", first, weights.len());
        holds("the second moment", second, weights.len());
        let (beta1, beta2) = (f64::from(step.beta1), f64::from(step.beta2));
        let (rate, decay) = (f64::from(step.rate), f64::from(step.decay));
        let unbiased1 = 1.0 - beta1.powf(step.step as f64);
        let unbiased2 = 1.0 - beta2.powf(step.step as f64);
        for (at, weight) in weights.iter_mut().enumerate() {
            let g = f64::from(gradient.values[at]) * f64::from(step.gradient_scale);
            first.put(at, beta1 * f64::from(first.values[at]) + (1.0 - beta1) * g);
            second.put(
                at,
                beta2 * f64::from(second.values[at]) + (1.0 - beta2) * g * g,
            );
            let m = f64::from(first.values[at]) / unbiased1;
            let v = f64::from(second.values[at]) / unbiased2;
            let w = f64::from(*weight);
            let adam = m / (v.sqrt() + f64::from(step.epsilon));
            *weight = (w - rate * adam - decay * w) as f32;
        }
        self.clear(gradient);
    }

    fn sum_of_squares(&self, array: &Numbers) -> f64 {
        array.values.iter().map(|&x| f64::from(x).powi(2)).sum()
    }

    fn scale(&self, array: &mut Numbers, factor: f32) {
        for at in 0..array.values.len() {
            array.put(at, f64::from(array.values[at]) * f64::from(factor));
        }
    }

    fn add(&self, x: &Numbers, y: &mut Numbers, len: usize) {
        holds("x", x, len);
        holds("y", y, len);
        for at in 0..len {
            y.add(at, f64::from(x.values[at]));
        }
    }

    fn set(&self, matrix: &mut Grid, values: &[f32]) {
        let (found, wanted) = (values.len(), matrix.values.len());
        assert_eq!(
            found, wanted,
            "a matrix of {wanted} numbers was given {found}"
        );
        matrix.values.copy_from_slice(values);
    }
}

/// A single process: every sum has one term.
impl Collective for Reference {
    fn ranks(&self) -> usize {
        1
    }

    fn rank(&self) -> usize {
        0
    }

    fn all_reduce(&self, _: &mut Numbers) {}

    fn reduce_scatter(&self, array: &Numbers, part: &mut Numbers) {
        self.write(&array.values, part);
    }

    fn all_gather(&self, part: &Numbers, array: &mut Numbers) {
        self.write(&part.values, array);
    }

    fn all_to_all(&self, from: &Numbers, to: &mut Numbers) {
        self.write(&from.values, to);
    }
}
