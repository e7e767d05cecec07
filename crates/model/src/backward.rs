//! The decoder, backward: from the gradient of its output to that of every weight.
//!
//! The mirror of `decoder`, read from the last norm down to the embedding. For a product
//! `y = x·wᵀ`: `dx = dy·w` and `dw = dyᵀ·x`; a residual passes `dx` on unchanged and its branch adds
//! to it. A gradient of a loss is written by the objective to `tape.dhidden_nd`; nothing here knows
//! which loss it was. Gradients of weights are added to, so that micro-batches accumulate.

use crate::decoder::{Attend, Rows};
use crate::{Batch, Decoder, Gradients, Recompute, Tape};
use tensor::Backward;

impl<D: Backward> Decoder<D> {
    /// Adds the gradients of the batch that `tape` last went forward with to `gradients`.
    ///
    /// # Panics
    /// When the tape is not for training, or holds another batch's forward pass.
    pub fn backward(&self, batch: &Batch, tape: &mut Tape<D>, gradients: &mut Gradients<D>) {
        let n = batch.rows();
        assert!(tape.training, "backward needs a tape made for training");
        assert!(
            tape.filled == n,
            "backward was given a batch of {n} rows, but the tape holds a forward pass of {}",
            tape.filled
        );
        let (device, shape, heads) = (&*self.device, &self.shape, self.shape.heads());
        let (d, f, he, ke) = (
            shape.width,
            shape.ffn,
            heads.query_columns(),
            heads.kv * heads.dim,
        );
        let light = tape.recompute == Recompute::Light;
        let (t, states) = (&mut tape.buffers, &tape.dstates);
        let of_state = |blocks: usize, dx: &mut D::Array| {
            for (_, dstate) in states.iter().filter(|state| state.0 == blocks) {
                device.add(dstate, dx, n * d);
            }
        };

        // Through the last norm, into an empty gradient of the residual stream.
        device.clear(t.dx_nd.shared_mut());
        device.rms_norm_backward(
            n,
            t.x_nd.of(shape.layers),
            &self.weights.norm,
            t.rstd_n.shared(),
            &tape.dhidden_nd,
            t.dx_nd.shared_mut(),
            &mut gradients.norm,
        );
        of_state(shape.layers, t.dx_nd.shared_mut());

        let layers = self.weights.layers.iter().zip(&mut gradients.layers);
        for (l, (block, gradient)) in layers.enumerate().rev() {
            if tape.recompute == Recompute::Block {
                let rows = Rows {
                    ids: &batch.ids,
                    positions: &batch.positions,
                    rotation: &self.rotation,
                };
                self.block(l, &rows, Attend::Segments(batch.mask()), t);
            }

            // x' = mid + swiglu·downᵀ
            if light {
                device.swiglu(n, f, t.gate_up.of(l), t.swiglu_nf.of_mut(l));
            }
            device.product_backward_weights(
                n,
                t.dx_nd.shared(),
                t.swiglu_nf.of(l),
                f,
                &[d],
                &mut [&mut gradient.down],
            );
            device.product_backward_input(
                n,
                t.dx_nd.shared(),
                &[&block.down],
                t.dswiglu_nf.shared_mut(),
                false,
            );
            // swiglu = silu(gate)·up
            device.swiglu_backward(
                n,
                f,
                t.gate_up.of(l),
                t.dswiglu_nf.shared(),
                t.dgate_up.shared_mut(),
            );
            // [gate | up] = norm(mid)·[gate; up]ᵀ
            if light {
                self.norm(
                    n,
                    &t.mid_nd,
                    l,
                    &block.mlp_norm,
                    t.mlp_norm_nd.of_mut(l),
                    t.mlp_rstd_n.of_mut(l),
                );
            }
            device.product_backward_weights(
                n,
                t.dgate_up.shared(),
                t.mlp_norm_nd.of(l),
                d,
                &[f, f],
                &mut [&mut gradient.gate, &mut gradient.up],
            );
            device.product_backward_input(
                n,
                t.dgate_up.shared(),
                &[&block.gate, &block.up],
                t.dnorm_nd.shared_mut(),
                false,
            );
            device.rms_norm_backward(
                n,
                t.mid_nd.of(l),
                &block.mlp_norm,
                t.mlp_rstd_n.of(l),
                t.dnorm_nd.shared(),
                t.dx_nd.shared_mut(),
                &mut gradient.mlp_norm,
            );

            // mid = x + out·oᵀ
            device.product_backward_weights(
                n,
                t.dx_nd.shared(),
                t.out.of(l),
                he,
                &[d],
                &mut [&mut gradient.o],
            );
            device.product_backward_input(
                n,
                t.dx_nd.shared(),
                &[&block.o],
                t.dout.shared_mut(),
                false,
            );
            // out = softmax(q·kᵀ/√e)·v, then the rotation of q and k undone.
            device.attention_backward(
                heads,
                batch.mask(),
                t.qkv.of(l),
                t.out.of(l),
                t.lse.of(l),
                t.dout.shared(),
                t.dqkv.shared_mut(),
            );
            device.rope(
                heads,
                &self.rotation,
                &batch.positions,
                t.dqkv.shared_mut(),
                true,
            );
            // [q | k | v] = norm(x)·[q; k; v]ᵀ
            if light {
                self.norm(
                    n,
                    &t.x_nd,
                    l,
                    &block.attn_norm,
                    t.attn_norm_nd.of_mut(l),
                    t.attn_rstd_n.of_mut(l),
                );
            }
            device.product_backward_weights(
                n,
                t.dqkv.shared(),
                t.attn_norm_nd.of(l),
                d,
                &[he, ke, ke],
                &mut [&mut gradient.q, &mut gradient.k, &mut gradient.v],
            );
            device.product_backward_input(
                n,
                t.dqkv.shared(),
                &[&block.q, &block.k, &block.v],
                t.dnorm_nd.shared_mut(),
                false,
            );
            device.rms_norm_backward(
                n,
                t.x_nd.of(l),
                &block.attn_norm,
                t.attn_rstd_n.of(l),
                t.dnorm_nd.shared(),
                t.dx_nd.shared_mut(),
                &mut gradient.attn_norm,
            );
            of_state(l, t.dx_nd.shared_mut());
        }

        // Tied, the head's gradient is already in the same array; the two add up.
        device.embed_backward(&batch.ids, d, t.dx_nd.shared(), &mut gradients.embed);
    }
}
