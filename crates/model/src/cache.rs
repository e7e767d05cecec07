//! Keys and values of one sequence, kept so that a new token costs one row and not the whole text.
//!
//! `extend` takes any number of new rows (a prompt, then a token at a time) and gives the decoder's
//! output for each; token by token it gives what `forward` gives at once. One cache is one sequence;
//! many sequences at a time are the generation engine's business.

use crate::decoder::{Attend, Rows};
use crate::{Decoder, Recompute, Tape};
use anyhow::{Result, bail, ensure};
use std::sync::Arc;
use tensor::{Forward, KeyValue, Rotation};

/// What one sequence has left behind in every layer.
pub struct Cache<D: Forward> {
    layers: Vec<KeyValue<D::Array>>,
    rotation: Arc<Rotation>,
    capacity: usize,
    length: usize,
    /// Scratch for the largest chunk so far.
    tape: Option<Tape<D>>,
}

impl<D: Forward> Cache<D> {
    /// An empty cache with room for `capacity` positions. More than the decoder's context is allowed
    /// (rotations go on), but no decoder is good beyond what it was trained for.
    pub fn new(decoder: &Decoder<D>, capacity: usize) -> Self {
        let shape = &decoder.shape;
        let rotation = if capacity <= shape.context {
            decoder.rotation.clone()
        } else {
            Arc::new(shape.rope.rotation(shape.head_dim, capacity))
        };
        Cache {
            layers: (0..shape.layers)
                .map(|_| decoder.device.key_value(shape.heads(), capacity))
                .collect(),
            rotation,
            capacity,
            length: 0,
            tape: None,
        }
    }

    /// Positions seen so far.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether nothing has been seen.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Positions there is room for.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Forgets everything from position `length` on; more than there is changes nothing.
    pub fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
        for layer in &mut self.layers {
            layer.length = self.length;
        }
    }
}

impl<D: Forward> Decoder<D> {
    /// Appends tokens to the sequence in `cache`; gives the decoder's output (after the last norm,
    /// compute precision) for each of them, `[ids.len(), d]`. The scratch grows with the longest
    /// call, so a long prompt is best given a few hundred tokens at a time.
    ///
    /// # Errors
    /// No room for so many, an id outside the vocabulary, or no ids; the cache is then unchanged.
    pub fn extend(&self, ids: &[u32], cache: &mut Cache<D>) -> Result<D::Array> {
        let (n, at) = (ids.len(), cache.length);
        ensure!(
            n > 0,
            "extend was asked with no tokens; it needs at least one"
        );
        ensure!(
            n <= cache.capacity - at,
            "{n} more positions were wanted after {at}, but the cache has room for {} in all; \
             make it larger, or shorten the text",
            cache.capacity
        );
        if let Some(id) = ids.iter().find(|&&id| id as usize >= self.shape.vocabulary) {
            bail!(
                "token id {id} was given to a decoder whose vocabulary ends at {}; \
                 the tokenizer is not the decoder's",
                self.shape.vocabulary
            );
        }
        let mut tape = match cache.tape.take() {
            Some(tape) if tape.rows() >= n => tape,
            _ => Tape::new(self, n, Recompute::Block, false),
        };
        let positions: Vec<u32> = (at as u32..(at + n) as u32).collect();
        let rows = Rows {
            ids,
            positions: &positions,
            rotation: &cache.rotation,
        };
        self.extend_rows(&rows, &mut cache.layers, &mut tape);
        cache.length = at + n;
        for layer in &mut cache.layers {
            layer.length = cache.length;
        }
        let mut hidden = self.device.activation(n * self.shape.width);
        self.device
            .copy(&tape.hidden_nd, &mut hidden, n * self.shape.width);
        cache.tape = Some(tape);
        Ok(hidden)
    }

    fn extend_rows(&self, rows: &Rows<'_>, layers: &mut [KeyValue<D::Array>], tape: &mut Tape<D>) {
        let mut layers = layers.iter_mut();
        let attend = |_| Attend::Cached(layers.next().expect("a cache has every layer"));
        self.run(rows, tape, attend, |_, _| {});
    }
}
