//! The decoder, forward: what happens to a batch from token ids to the last norm.
//!
//! Llama 3's block (Touvron 2023, section 2.2), twice a residual: `x += o·attention(rope(qkv(norm(x))))`
//! and `x += down·(silu(gate(norm(x)))·up(norm(x)))`. The residual stream stays f32. What comes after
//! the last norm (logits, losses, pooling) belongs to objectives and generation, not here.

use crate::checkpoint::{self, Checkpoint, Dtype};
use crate::gguf::{self, Gguf};
use crate::tape::Buffers;
use crate::{
    Axis, Batch, Gradients, Initial, Numbers, ParameterSpec, Place, Shape, Site, Slot, Tape,
    Weights, table, tape::Slots,
};
use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::Arc;
use tensor::{Blocks, Forward, Mask, Pages, Parameter, Rotation, Stretch, Values};

/// A decoder on a device.
pub struct Decoder<D: Forward> {
    /// How large it is.
    pub shape: Shape,
    /// Where it lives.
    pub device: Arc<D>,
    /// Its parameters.
    pub weights: Weights<D::Matrix, D::Array>,
    /// Which tokens begin and end a text; carried from checkpoint to checkpoint, never used here.
    pub special: SpecialTokens,
    pub(crate) rotation: Arc<Rotation>,
    table: Vec<ParameterSpec>,
}

/// The ids that a checkpoint's configuration names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SpecialTokens {
    /// Begins a text.
    pub bos: Option<u32>,
    /// End a text; any of them stops generation.
    pub eos: Vec<u32>,
    /// Fills up.
    pub pad: Option<u32>,
}

/// What a decoder's weights are stored for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// To be stepped: f32 masters.
    Train,
    /// To be read only: once, as the checkpoint has them (floats in the compute precision, quantised
    /// blocks as integers). Backward works on these too (gradients are held apart), an optimizer step
    /// does not.
    Infer,
    /// To be read only, in this storage whatever the checkpoint has.
    InferIn(Storage),
}

/// How a decoder's matrices are stored for inference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    /// In the compute precision: what was quantised is written out.
    Dense,
    /// 8 bits (Q8_0); what has 4 keeps them.
    Int8,
    /// 4 bits (Q4_0), and 8 for embedding and head.
    Int4,
}

impl Storage {
    /// A matrix's numbers on their way into this storage; nothing where they are in it already.
    /// Rows that are no whole blocks stay as they are.
    fn convert(self, spec: &ParameterSpec, numbers: &Numbers) -> Option<Numbers> {
        let of_tokens = spec.axes[0].contains(&Axis::Vocabulary);
        let wanted = match self {
            Storage::Dense => {
                let quantised = matches!(numbers.values(), Values::Blocks(..));
                return quantised.then(|| Numbers::F32(numbers.values().to_f32()));
            }
            Storage::Int4 if !of_tokens => Blocks::Q4_0,
            Storage::Int8 | Storage::Int4 => Blocks::Q8_0,
        };
        let four = [Blocks::Q4_0, Blocks::Q4_1, Blocks::Q4K];
        match numbers.values() {
            Values::Blocks(format, _) if format == wanted || four.contains(&format) => None,
            _ if !spec.dimensions.last()?.is_multiple_of(wanted.numbers()) => None,
            values => Some(Numbers::Blocks(wanted, wanted.quantise(&values.to_f32())?)),
        }
    }
}

impl<D: Forward> Decoder<D> {
    /// A decoder that has learned nothing, to be trained. `initial` may be a standard deviation.
    ///
    /// # Errors
    /// The shape's numbers do not fit together.
    pub fn init(
        shape: Shape,
        device: Arc<D>,
        seed: u64,
        initial: impl Into<Initial>,
    ) -> Result<Self> {
        let initial = initial.into();
        let of = shape.clone();
        Self::build(shape, device, Use::Train, |spec| {
            Ok(Numbers::F32(initial.values(seed, &of, spec)))
        })
    }

    /// Reads a model of the Llama family, tensor by tensor: a Hugging Face directory, or a GGUF file.
    ///
    /// # Errors
    /// A sentence that names everything that is wrong with it.
    pub fn load(path: &Path, device: Arc<D>, purpose: Use) -> Result<Self> {
        if gguf::is_gguf(path) {
            return Self::of_gguf(&Gguf::open(path)?, device, purpose);
        }
        let checkpoint = Checkpoint::open(path)?;
        let shape = checkpoint.shape.clone();
        let mut decoder = Self::build(shape, device, purpose, |spec| checkpoint.mapped(spec))?;
        decoder.special = checkpoint.special;
        Ok(decoder)
    }

    /// Reads the decoder of a GGUF file, tensor by tensor.
    ///
    /// # Errors
    /// A sentence that names everything that is wrong with it.
    pub fn of_gguf(file: &Gguf, device: Arc<D>, purpose: Use) -> Result<Self> {
        let (shape, special) = file.decoder()?;
        let of = shape.clone();
        let mut decoder = Self::build(shape, device, purpose, |spec| file.read(&of, spec))?;
        decoder.special = special;
        Ok(decoder)
    }

    /// A decoder whose every parameter is given by `values`, asked in table order, one at a time.
    ///
    /// # Errors
    /// The shape's, or the first that `values` gives.
    pub fn build(
        shape: Shape,
        device: Arc<D>,
        purpose: Use,
        mut values: impl FnMut(&ParameterSpec) -> Result<Numbers>,
    ) -> Result<Self> {
        shape.check()?;
        let weights = Weights::build(&shape, |spec| {
            let numbers = values(spec)?;
            Ok(match spec.dimensions[..] {
                [rows, cols] => Slot::Matrix(match purpose {
                    Use::Train => device.trainable(rows, cols, numbers.values()),
                    Use::Infer => device.matrix(rows, cols, numbers.values()),
                    Use::InferIn(storage) => {
                        let other = storage.convert(spec, &numbers);
                        let numbers = other.as_ref().unwrap_or(&numbers);
                        device.matrix(rows, cols, numbers.values())
                    }
                }),
                _ => Slot::Vector(device.upload(&numbers.into_f32())),
            })
        })?;
        let rotation = Arc::new(shape.rope.rotation(shape.head_dim, shape.context));
        Ok(Decoder {
            table: table(&shape),
            special: SpecialTokens::default(),
            shape,
            device,
            weights,
            rotation,
        })
    }

    /// Writes a Hugging Face directory, streamed and atomically; in shards when large.
    /// The folder must exist.
    ///
    /// # Errors
    /// The disk's, or that the folder holds a checkpoint in the other layout (one file or shards).
    pub fn save(&self, directory: &Path, dtype: Dtype) -> Result<()> {
        let mut slots = self.weights.iter();
        checkpoint::write(
            directory,
            &self.shape,
            &self.special,
            checkpoint::Settings::of(dtype),
            |_| self.values(slots.next().expect("a slot for every line of the table")),
        )
    }

    /// The matrix of the head: the embedding when the two are tied.
    pub fn head(&self) -> &D::Matrix {
        self.weights.head()
    }

    /// Every parameter's line, in the order of [`Weights::iter`].
    pub fn table(&self) -> &[ParameterSpec] {
        &self.table
    }

    /// Every parameter with its line, to be stepped; in table order.
    pub fn parameters_mut(&mut self) -> impl Iterator<Item = (&ParameterSpec, Parameter<'_, D>)> {
        let slots = self.weights.iter_mut().map(|slot| match slot {
            Slot::Matrix(matrix) => Parameter::Matrix(matrix),
            Slot::Vector(array) => Parameter::Vector(array),
        });
        self.table.iter().zip(slots)
    }

    /// Every parameter's line with its values on the host, one at a time, in table order.
    pub fn parameters(&self) -> impl Iterator<Item = (&ParameterSpec, Vec<f32>)> {
        self.table
            .iter()
            .zip(self.weights.iter().map(|slot| self.values(slot)))
    }

    /// One f32 array of zeros for every parameter: gradients, or moments.
    pub fn gradients(&self) -> Gradients<D> {
        Weights::of_arrays(&self.shape, |spec| self.device.zeros(spec.len()))
    }

    /// Runs a batch; the result is `tape.hidden_nd`.
    ///
    /// # Panics
    /// When the batch does not fit the decoder ([`Batch::check`] says so beforehand) or the tape.
    pub fn forward(&self, batch: &Batch, tape: &mut Tape<D>) {
        self.forward_watched(batch, tape, |_, _| {});
    }

    /// [`forward`](Decoder::forward), with every activation that has a [`Place`] shown to `see`; the
    /// first [`Batch::rows`] rows of an array are the batch's.
    ///
    /// # Panics
    /// As `forward` does.
    pub fn forward_watched(
        &self,
        batch: &Batch,
        tape: &mut Tape<D>,
        see: impl FnMut(Site, &D::Array),
    ) {
        if let Err(error) = batch.check(&self.shape) {
            panic!("{error}");
        }
        let n = batch.rows();
        assert!(
            n <= tape.rows(),
            "a batch of {n} rows was given to a tape of {}",
            tape.rows()
        );
        tape.filled = n;
        let rows = Rows {
            ids: &batch.ids,
            positions: &batch.positions,
            rotation: &self.rotation,
        };
        self.run(&rows, tape, |_| Attend::Segments(batch.mask()), see);
    }

    /// From ids to the last norm; `attend` says whom each layer's rows may see, `see` is shown
    /// every activation that has a [`Place`].
    pub(crate) fn run<'a>(
        &self,
        rows: &Rows<'_>,
        tape: &mut Tape<D>,
        mut attend: impl FnMut(usize) -> Attend<'a, D::Array>,
        mut see: impl FnMut(Site, &D::Array),
    ) {
        let (device, n, d) = (&*self.device, rows.ids.len(), self.shape.width);
        let t = &mut tape.buffers;
        device.embed(&self.weights.embed, rows.ids, t.x_nd.of_mut(0));
        for (l, block) in self.weights.layers.iter().enumerate() {
            self.block(l, rows, attend(l), t);
            for (place, array) in [
                (Place::Stream, t.x_nd.of(l)),
                (Place::AttentionNorm, t.attn_norm_nd.of(l)),
                (Place::AttentionOutput, t.out.of(l)),
                (Place::FeedForwardNorm, t.mlp_norm_nd.of(l)),
                (Place::GateUp, t.gate_up.of(l)),
                (Place::Swiglu, t.swiglu_nf.of(l)),
            ] {
                see(Site { place, layer: l }, array);
            }
            // x = mid + swiglu·downᵀ
            device.copy(t.mid_nd.of(l), t.x_nd.of_mut(l + 1), n * d);
            device.product(
                n,
                t.swiglu_nf.of(l),
                &[&block.down],
                t.x_nd.of_mut(l + 1),
                true,
            );
        }
        let top = self.shape.layers;
        self.norm(
            n,
            &t.x_nd,
            top,
            &self.weights.norm,
            &mut tape.hidden_nd,
            t.rstd_n.shared_mut(),
        );
        let mut last = |place, array: &D::Array| see(Site { place, layer: top }, array);
        last(Place::Stream, t.x_nd.of(top));
        last(Place::LastNorm, &tape.hidden_nd);
    }

    /// Everything of a block but the product that leaves it, which backward never needs again.
    pub(crate) fn block(
        &self,
        l: usize,
        rows: &Rows<'_>,
        attend: Attend<'_, D::Array>,
        t: &mut Buffers<Slots<D::Array>>,
    ) {
        let (device, block, heads) = (&*self.device, &self.weights.layers[l], self.shape.heads());
        let (n, d, f) = (rows.ids.len(), self.shape.width, self.shape.ffn);

        self.norm(
            n,
            &t.x_nd,
            l,
            &block.attn_norm,
            t.attn_norm_nd.of_mut(l),
            t.attn_rstd_n.of_mut(l),
        );
        device.product(
            n,
            t.attn_norm_nd.of(l),
            &[&block.q, &block.k, &block.v],
            t.qkv.of_mut(l),
            false,
        );
        device.rope(heads, rows.rotation, rows.positions, t.qkv.of_mut(l), false);
        match attend {
            Attend::Segments(mask) => {
                device.attention(heads, mask, t.qkv.of(l), t.out.of_mut(l), t.lse.of_mut(l));
            }
            Attend::Paged(stretches, pages) => {
                device.attention_paged(heads, stretches, t.qkv.of(l), pages, t.out.of_mut(l));
            }
        }
        // mid = x + out·oᵀ
        device.copy(t.x_nd.of(l), t.mid_nd.of_mut(l), n * d);
        device.product(n, t.out.of(l), &[&block.o], t.mid_nd.of_mut(l), true);

        self.norm(
            n,
            &t.mid_nd,
            l,
            &block.mlp_norm,
            t.mlp_norm_nd.of_mut(l),
            t.mlp_rstd_n.of_mut(l),
        );
        device.product(
            n,
            t.mlp_norm_nd.of(l),
            &[&block.gate, &block.up],
            t.gate_up.of_mut(l),
            false,
        );
        device.swiglu(n, f, t.gate_up.of(l), t.swiglu_nf.of_mut(l));
    }

    pub(crate) fn norm(
        &self,
        n: usize,
        x_nd: &Slots<D::Array>,
        l: usize,
        gain_d: &D::Array,
        y_nd: &mut D::Array,
        rstd_n: &mut D::Array,
    ) {
        let epsilon = self.shape.norm_epsilon;
        self.device
            .rms_norm(n, x_nd.of(l), gain_d, epsilon, y_nd, rstd_n);
    }

    fn values(&self, slot: Slot<&D::Matrix, &D::Array>) -> Vec<f32> {
        match slot {
            Slot::Matrix(matrix) => self.device.values(matrix),
            Slot::Vector(array) => self.device.read(array, self.shape.width),
        }
    }
}

/// The rows on their way through.
pub(crate) struct Rows<'a> {
    pub(crate) ids: &'a [u32],
    pub(crate) positions: &'a [u32],
    pub(crate) rotation: &'a Rotation,
}

/// Whom the rows may see.
pub(crate) enum Attend<'a, A> {
    /// Each other, inside their segments.
    Segments(Mask<'a>),
    /// Everything of their sequences up to themselves; their keys and values are added to the pages.
    Paged(&'a [Stretch<'a>], &'a mut Pages<A>),
}

#[cfg(test)]
mod tests;
