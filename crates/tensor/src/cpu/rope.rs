//! Rotary position embedding (Su et al. 2021) in the layout of Hugging Face: number i of the first
//! half of a head turns with number i of the second half.
//!
//! `a' = a·cos − b·sin`, `b' = b·cos + a·sin`; the gradient turns back (sin with the other sign).

use super::Cpu;
use super::array::{CpuArray, typed};
use super::lanes::{Element, Lanes, Work, spans};
use super::team::Parts;
use crate::device::{Heads, Rotation};

impl Cpu {
    pub(super) fn rotate(
        &self,
        heads: Heads,
        rotation: &Rotation,
        positions: &[u32],
        qkv: &mut CpuArray,
        inverse: bool,
    ) {
        assert_eq!(heads.dim, 2 * rotation.half, "a head and its rotation");
        let (n, columns) = (positions.len(), heads.columns());
        let session = self.team.enter();
        typed!(qkv = &mut qkv.0 => {
            let qkv = Parts::new(&mut qkv[..n * columns]);
            session.stretches(n, 16, |rows, _| {
                // SAFETY: a task takes its own rows.
                let qkv = unsafe { qkv.slice(rows.start * columns..rows.end * columns) };
                let positions = &positions[rows];
                self.engine.kernels.apply(Rotate { heads, rotation, positions, qkv, inverse });
            });
        });
    }
}

struct Rotate<'a, E> {
    heads: Heads,
    rotation: &'a Rotation,
    positions: &'a [u32],
    qkv: &'a mut [E],
    inverse: bool,
}

impl<E: Element> Work for Rotate<'_, E> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let half = self.rotation.half;
        let sign = L::splat(if self.inverse { -1.0 } else { 1.0 });
        let turned = (self.heads.query() + self.heads.kv) * self.heads.dim;
        let rows = self.qkv.chunks_exact_mut(self.heads.columns());
        for (row, &position) in rows.zip(self.positions) {
            let at = position as usize * half;
            let cos = &self.rotation.cos[at..at + half];
            let sin = &self.rotation.sin[at..at + half];
            for head in row[..turned].chunks_exact_mut(2 * half) {
                let (first, second) = head.split_at_mut(half);
                for span in spans::<L>(half) {
                    let (a, b): (L, L) = (E::get(first, span), E::get(second, span));
                    let cos: L = f32::get(cos, span);
                    let sin = f32::get::<L>(sin, span).mul(sign);
                    E::put(a.mul(cos).sub(b.mul(sin)), first, span);
                    E::put(b.mul(cos).add(a.mul(sin)), second, span);
                }
            }
        }
    }
}
