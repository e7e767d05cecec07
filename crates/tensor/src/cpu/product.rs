//! The three products of a linear layer: its output, and the gradients of its input and weights.
//!
//! `y = x·[w₀; w₁; …]ᵀ`, `dx = dy·[w₀; w₁; …]`, `dwⱼ += dyⱼᵀ·x`. Several matrices stand on each
//! other as one tall matrix without being copied: packing reads rows from wherever they are.
//! The cutting is in `multiply.rs`; a few rows of x go to `few.rs`, which packs nothing.

use super::array::{CpuArray, CpuMatrix, Storage};
use super::few;
use super::multiply::{Left, Product, Right, Source};
use super::pack::Rows;
use super::stored::Tall;
use super::tile::Out;
use super::{Cpu, row_width};

impl CpuArray {
    /// The first `n` rows.
    pub(crate) fn source(&self, n: usize, columns: usize) -> Source<'_> {
        assert!(
            self.len() >= n * columns,
            "{n} rows of {columns} were wanted, and the array holds {} numbers",
            self.len()
        );
        match &self.0 {
            Storage::F32(x) => Source::F32(Rows::one(&x[..n * columns], columns)),
            Storage::Bf16(x) => Source::Bf16(Rows::one(&x[..n * columns], columns)),
        }
    }

    /// Where the first `n` rows may be written.
    pub(crate) fn out(&mut self, n: usize, columns: usize) -> Out {
        assert!(
            self.len() >= n * columns,
            "{n} rows of {columns} were wanted, and the array holds {} numbers",
            self.len()
        );
        match &mut self.0 {
            Storage::F32(x) => Out::F32(x.as_mut_ptr()),
            Storage::Bf16(x) => Out::Bf16(x.as_mut_ptr()),
        }
    }
}

impl Cpu {
    /// The caller has checked that `out` holds n rows.
    pub(super) fn multiply_forward(
        &self,
        n: usize,
        x: &CpuArray,
        weights: &[&CpuMatrix],
        out: Out,
        add: bool,
    ) {
        let (inputs, outputs) = row_width(weights);
        let left = x.source(n, inputs);
        if n == 0 {
            return;
        }
        let session = self.team.enter();
        if weights.iter().any(|matrix| matrix.is_stored()) {
            return self.multiply_stored(&session, left, weights, out, add);
        }
        let tall = Tall::new(self, &session, weights);
        if n <= few::MOST {
            return match tall.source(inputs) {
                Source::F32(weights) => self.few(&session, left, weights, out, add),
                Source::Bf16(weights) => self.few(&session, left, weights, out, add),
            };
        }
        let product = Product {
            left: Left::Rows(left),
            right: Right::Along(tall.source(inputs)),
            pieces: &[(n, out)],
            out_row: outputs,
            add,
        };
        // SAFETY: `out` holds n rows and is borrowed mutably by the callers.
        unsafe { self.engine.multiply(&session, &product) };
    }

    pub(super) fn multiply_backward_input(
        &self,
        n: usize,
        dy: &CpuArray,
        weights: &[&CpuMatrix],
        dx: &mut CpuArray,
        add: bool,
    ) {
        let (inputs, outputs) = row_width(weights);
        let left = dy.source(n, outputs);
        let out = dx.out(n, inputs);
        if n == 0 {
            return;
        }
        let session = self.team.enter();
        let tall = Tall::new(self, &session, weights);
        let product = Product {
            left: Left::Rows(left),
            right: Right::Across(tall.source(inputs)),
            pieces: &[(n, out)],
            out_row: inputs,
            add,
        };
        // SAFETY: `out` was checked to hold n rows and is borrowed mutably.
        unsafe { self.engine.multiply(&session, &product) };
    }

    pub(super) fn multiply_backward_weights(
        &self,
        n: usize,
        dy: &CpuArray,
        x: &CpuArray,
        inputs: usize,
        outputs: &[usize],
        dweights: &mut [&mut CpuArray],
    ) {
        assert_eq!(outputs.len(), dweights.len(), "outputs and their gradients");
        let left = dy.source(n, outputs.iter().sum());
        if n == 0 {
            return;
        }
        let pieces: Vec<_> = outputs
            .iter()
            .zip(dweights)
            .map(|(&rows, dweight)| (rows, dweight.out(rows, inputs)))
            .collect();
        let session = self.team.enter();
        let product = Product {
            left: Left::Columns(left),
            right: Right::Across(x.source(n, inputs)),
            pieces: &pieces,
            out_row: inputs,
            add: true,
        };
        // SAFETY: each piece was checked to hold its rows and is borrowed mutably.
        unsafe { self.engine.multiply(&session, &product) };
    }
}
