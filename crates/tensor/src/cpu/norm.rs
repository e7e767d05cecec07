//! Root-mean-square norm and its gradients, eq. 4 of Zhang & Sennrich 2019.
//!
//! `y = x·s·gain` with `s = 1 / sqrt(mean(x²) + eps)` per row. With `t = dy·gain`:
//! `dx = s·(t − x·s²·mean(t·x))`, `dgain = Σ_rows dy·x·s`.

use super::Cpu;
use super::array::{CpuArray, typed};
use super::lanes::{Element, Lanes, Work, spans};
use super::team::Parts;

/// Rows whose share of `dgain` is summed before it meets the others': fixed, so that the sum is
/// the same for any number of threads.
const ROWS: usize = 32;

impl Cpu {
    pub(super) fn norm_forward(
        &self,
        n: usize,
        x: &CpuArray,
        gain: &CpuArray,
        epsilon: f32,
        y: &mut CpuArray,
        rstd: &mut CpuArray,
    ) {
        let (gain, rstd) = (gain.f32(), &mut rstd.f32_mut()[..n]);
        let d = gain.len();
        let session = self.team.enter();
        typed!(x = &x.0, y = &mut y.0 => {
            let (x, y, rstd) = (&x[..n * d], Parts::new(&mut y[..n * d]), Parts::new(rstd));
            session.stretches(n, ROWS, |rows, _| {
                let numbers = rows.start * d..rows.end * d;
                // SAFETY: a task takes its own rows.
                let (y, rstd) = unsafe { (y.slice(numbers.clone()), rstd.slice(rows)) };
                let x = &x[numbers];
                self.engine.kernels.apply(Norm { x, gain, epsilon, y, rstd });
            });
        });
    }

    #[allow(clippy::too_many_arguments)]
    pub(super) fn norm_backward(
        &self,
        n: usize,
        x: &CpuArray,
        gain: &CpuArray,
        rstd: &CpuArray,
        dy: &CpuArray,
        dx: &mut CpuArray,
        dgain: &mut CpuArray,
    ) {
        let (gain, rstd, dgain) = (gain.f32(), &rstd.f32()[..n], dgain.f32_mut());
        let d = gain.len();
        let session = self.team.enter();
        let shares = session.take::<f32>(n.div_ceil(ROWS) * d);
        shares.fill(0.0);
        typed!(x = &x.0, dy = &dy.0, dx = &mut dx.0 => {
            let (x, dy) = (&x[..n * d], &dy[..n * d]);
            let (dx, shares) = (Parts::new(&mut dx[..n * d]), Parts::new(shares));
            session.stretches(n, ROWS, |rows, _| {
                let numbers = rows.start * d..rows.end * d;
                let share = rows.start / ROWS * d;
                // SAFETY: a task takes its own rows and its own share of dgain.
                let (dx, dgain) =
                    unsafe { (dx.slice(numbers.clone()), shares.slice(share..share + d)) };
                let (x, dy, rstd) = (&x[numbers.clone()], &dy[numbers], &rstd[rows]);
                self.engine.kernels.apply(NormBackward { x, gain, rstd, dy, dx, dgain });
            });
        });
        for share in shares.chunks_exact(d) {
            for (sum, part) in dgain.iter_mut().zip(share) {
                *sum += part;
            }
        }
    }
}

struct Norm<'a, X, Y> {
    x: &'a [X],
    gain: &'a [f32],
    epsilon: f32,
    y: &'a mut [Y],
    rstd: &'a mut [f32],
}

impl<X: Element, Y: Element> Work for Norm<'_, X, Y> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let d = self.gain.len();
        let rows = self.x.chunks_exact(d).zip(self.y.chunks_exact_mut(d));
        for ((x, y), rstd) in rows.zip(self.rstd) {
            let mut squares = L::splat(0.0);
            for span in spans::<L>(d) {
                let x: L = X::get(x, span);
                squares = x.mul_add(x, squares);
            }
            *rstd = 1.0 / (squares.sum() / d as f32 + self.epsilon).sqrt();
            let scale = L::splat(*rstd);
            for span in spans::<L>(d) {
                let x: L = X::get(x, span);
                Y::put(x.mul(scale).mul(f32::get(self.gain, span)), y, span);
            }
        }
    }
}

struct NormBackward<'a, X, Y, Z> {
    x: &'a [X],
    gain: &'a [f32],
    rstd: &'a [f32],
    dy: &'a [Y],
    dx: &'a mut [Z],
    dgain: &'a mut [f32],
}

impl<X: Element, Y: Element, Z: Element> Work for NormBackward<'_, X, Y, Z> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let d = self.gain.len();
        let rows = self.x.chunks_exact(d).zip(self.dy.chunks_exact(d));
        let rows = rows.zip(self.dx.chunks_exact_mut(d)).zip(self.rstd);
        for (((x, dy), dx), &rstd) in rows {
            let mut along = L::splat(0.0);
            for span in spans::<L>(d) {
                let t = Y::get::<L>(dy, span).mul(f32::get(self.gain, span));
                along = t.mul_add(X::get(x, span), along);
            }
            let mean = L::splat(-along.sum() * rstd * rstd / d as f32);
            let scale = L::splat(rstd);
            for span in spans::<L>(d) {
                let (x, dy): (L, L) = (X::get(x, span), Y::get(dy, span));
                let t = dy.mul(f32::get(self.gain, span));
                let sum = x.mul_add(mean, t).mul_add(scale, Z::get(dx, span));
                Z::put(sum, dx, span);
                let share = dy.mul(x).mul_add(scale, f32::get(self.dgain, span));
                f32::put(share, self.dgain, span);
            }
        }
    }
}
