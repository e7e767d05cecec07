//! One optimizer step: AdamW (Loshchilov & Hutter 2019) in a single pass over memory.
//!
//! `m = β₁m + (1 − β₁)g`, `v = β₂v + (1 − β₂)g²`,
//! `w -= rate·(m / (1 − β₁ᵗ)) / (sqrt(v / (1 − β₂ᵗ)) + ε) + decay·w`.
//!
//! The step is limited by memory (four numbers read and four written for each weight), so the
//! bfloat16 shadow is rounded and the gradient cleared in the same pass.

use half::bf16;

use super::Cpu;
use super::array::{CpuArray, Weight};
use super::lanes::{Element, Lanes, Work, spans};
use super::team::Parts;
use crate::device::{AdamW, Parameter};

/// Weights of a task.
const STRETCH: usize = 8 << 10;

impl Cpu {
    pub(super) fn step(
        &self,
        weight: Parameter<'_, Cpu>,
        gradient: &mut CpuArray,
        first: &mut CpuArray,
        second: &mut CpuArray,
        settings: AdamW,
    ) {
        let (weight, shadow): (&mut [f32], Option<&mut [bf16]>) = match weight {
            Parameter::Vector(vector) => (vector.f32_mut(), None),
            Parameter::Matrix(matrix) => match &mut matrix.weight {
                Weight::Full(master) => (master, None),
                Weight::Both { master, shadow } => (master, Some(shadow)),
                Weight::Panels(_) | Weight::Integers(_) => {
                    panic!("a matrix made for inference cannot be trained")
                }
            },
        };
        let len = weight.len();
        let (gradient, first, second) = (gradient.f32_mut(), first.f32_mut(), second.f32_mut());
        assert_eq!(
            (gradient.len(), first.len(), second.len()),
            (len, len, len),
            "a weight, its gradient and its moments"
        );
        let (weight, shadow) = (Parts::new(weight), shadow.map(Parts::new));
        let (gradient, first, second) =
            (Parts::new(gradient), Parts::new(first), Parts::new(second));
        self.team.enter().stretches(len, STRETCH, |range, _| {
            // SAFETY: a task takes its own stretch of everything.
            self.engine.kernels.apply(unsafe {
                Step {
                    settings,
                    weight: weight.slice(range.clone()),
                    shadow: shadow.as_ref().map(|shadow| shadow.slice(range.clone())),
                    gradient: gradient.slice(range.clone()),
                    first: first.slice(range.clone()),
                    second: second.slice(range),
                }
            });
        });
    }
}

struct Step<'a> {
    settings: AdamW,
    weight: &'a mut [f32],
    shadow: Option<&'a mut [bf16]>,
    gradient: &'a mut [f32],
    first: &'a mut [f32],
    second: &'a mut [f32],
}

impl Work for Step<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(mut self) {
        let s = self.settings;
        // 1 − βᵗ loses digits in f32 while t is small.
        let correction = |beta: f32| 1.0 / (1.0 - f64::from(beta).powf(s.step as f64));
        let rate = L::splat((f64::from(s.rate) * correction(s.beta1)) as f32);
        let scale = L::splat(correction(s.beta2) as f32);
        let [beta1, beta2] = [s.beta1, s.beta2].map(L::splat);
        let [fresh1, fresh2] = [1.0 - s.beta1, 1.0 - s.beta2].map(L::splat);
        let [decay, epsilon, factor] = [-s.decay, s.epsilon, s.gradient_scale].map(L::splat);
        for span in spans::<L>(self.weight.len()) {
            let gradient = f32::get::<L>(self.gradient, span).mul(factor);
            let first = f32::get::<L>(self.first, span).mul(beta1);
            let first = gradient.mul_add(fresh1, first);
            let second = f32::get::<L>(self.second, span).mul(beta2);
            let second = gradient.mul(gradient).mul_add(fresh2, second);
            let root = second.mul(scale).sqrt().add(epsilon);
            let weight: L = f32::get(self.weight, span);
            let weight = weight.mul_add(decay, weight).sub(first.mul(rate).div(root));
            f32::put(first, self.first, span);
            f32::put(second, self.second, span);
            f32::put(weight, self.weight, span);
            f32::put(L::splat(0.0), self.gradient, span);
            if let Some(shadow) = self.shadow.as_deref_mut() {
                bf16::put(weight, shadow, span);
            }
        }
    }
}
