//! The gate of the feed-forward layer (Shazeer 2020) and its gradient.
//!
//! `y = silu(g)·u` with `silu(g) = g·σ(g)`; `dg = dy·u·σ·(1 + g·(1 − σ))`, `du = dy·g·σ`.

use super::Cpu;
use super::array::{CpuArray, typed};
use super::lanes::{Element, Lanes, Work, spans};
use super::team::Parts;

/// Rows of a task.
const ROWS: usize = 16;

impl Cpu {
    pub(super) fn gate(&self, n: usize, f: usize, gate_up: &CpuArray, y: &mut CpuArray) {
        let session = self.team.enter();
        typed!(gate_up = &gate_up.0, y = &mut y.0 => {
            let (gate_up, y) = (&gate_up[..2 * n * f], Parts::new(&mut y[..n * f]));
            session.stretches(n, ROWS, |rows, _| {
                // SAFETY: a task takes its own rows.
                let y = unsafe { y.slice(rows.start * f..rows.end * f) };
                let gate_up = &gate_up[2 * rows.start * f..2 * rows.end * f];
                self.engine.kernels.apply(Gate { f, gate_up, y });
            });
        });
    }

    pub(super) fn gate_backward(
        &self,
        n: usize,
        f: usize,
        gate_up: &CpuArray,
        dy: &CpuArray,
        dgate_up: &mut CpuArray,
    ) {
        let session = self.team.enter();
        typed!(gate_up = &gate_up.0, dy = &dy.0, dgate_up = &mut dgate_up.0 => {
            let (gate_up, dy) = (&gate_up[..2 * n * f], &dy[..n * f]);
            let dgate_up = Parts::new(&mut dgate_up[..2 * n * f]);
            session.stretches(n, ROWS, |rows, _| {
                let both = 2 * rows.start * f..2 * rows.end * f;
                // SAFETY: a task takes its own rows.
                let dgate_up = unsafe { dgate_up.slice(both.clone()) };
                let (gate_up, dy) = (&gate_up[both], &dy[rows.start * f..rows.end * f]);
                self.engine.kernels.apply(GateBackward { f, gate_up, dy, dgate_up });
            });
        });
    }
}

struct Gate<'a, X, Y> {
    f: usize,
    gate_up: &'a [X],
    y: &'a mut [Y],
}

impl<X: Element, Y: Element> Work for Gate<'_, X, Y> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let rows = self.gate_up.chunks_exact(2 * self.f);
        for (gate_up, y) in rows.zip(self.y.chunks_exact_mut(self.f)) {
            let (gate, up) = gate_up.split_at(self.f);
            for span in spans::<L>(self.f) {
                let (gate, up): (L, L) = (X::get(gate, span), X::get(up, span));
                Y::put(gate.mul(gate.sigmoid()).mul(up), y, span);
            }
        }
    }
}

struct GateBackward<'a, X, Y, Z> {
    f: usize,
    gate_up: &'a [X],
    dy: &'a [Y],
    dgate_up: &'a mut [Z],
}

impl<X: Element, Y: Element, Z: Element> Work for GateBackward<'_, X, Y, Z> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let one = L::splat(1.0);
        let rows = self.gate_up.chunks_exact(2 * self.f);
        let rows = rows.zip(self.dgate_up.chunks_exact_mut(2 * self.f));
        for ((gate_up, dgate_up), dy) in rows.zip(self.dy.chunks_exact(self.f)) {
            let (gate, up) = gate_up.split_at(self.f);
            let (dgate, dup) = dgate_up.split_at_mut(self.f);
            for span in spans::<L>(self.f) {
                let (gate, up): (L, L) = (X::get(gate, span), X::get(up, span));
                let dy: L = Y::get(dy, span);
                let sigmoid = gate.sigmoid();
                let silu = gate.mul(sigmoid);
                // σ·(1 + g·(1 − σ)) = σ + silu·(1 − σ)
                let slope = silu.mul_add(one.sub(sigmoid), sigmoid);
                Z::put(dy.mul(up).mul(slope), dgate, span);
                Z::put(dy.mul(silu), dup, span);
            }
        }
    }
}
