//! The numbers that say how large a decoder is, and what follows from them: parameters and FLOPs.
//!
//! Section 9 of the report's accounting: the cost of training is 6·N·D, N parameters and D tokens;
//! the exact count of the products, attention included, is beside it. Memory is in `tape`,
//! the family's named shapes in `family`. No weight is ever made here.

use crate::rope::Rope;
use crate::{Axis, table};
use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};
use tensor::Heads;

/// How large a decoder is. In a recipe either `{ name = "2.1b" }` or by numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Given")]
pub struct Shape {
    /// Blocks.
    pub layers: usize,
    /// d: numbers of the residual stream.
    pub width: usize,
    /// f: neurons of the feed-forward half.
    pub ffn: usize,
    /// h: query heads, a multiple of the key–value heads.
    pub query_heads: usize,
    /// k: key–value heads.
    pub kv_heads: usize,
    /// e: numbers in a head, even; independent of the width.
    pub head_dim: usize,
    /// v: tokens.
    pub vocabulary: usize,
    /// Whether the head is the embedding.
    pub tied: bool,
    /// Added to the mean square in every norm.
    pub norm_epsilon: f32,
    /// Rotary position embedding.
    pub rope: Rope,
    /// Positions that the decoder is made for.
    pub context: usize,
}

impl Shape {
    /// More layers than any decoder has: so many are a slip, and even a list of them would be a
    /// burden.
    pub const MOST_LAYERS: usize = 10_000;

    /// Whether the numbers fit together.
    ///
    /// # Errors
    /// A sentence that says which do not.
    pub fn check(&self) -> Result<()> {
        for (what, size) in [
            ("layers", self.layers),
            ("width", self.width),
            ("ffn", self.ffn),
            ("query_heads", self.query_heads),
            ("kv_heads", self.kv_heads),
            ("head_dim", self.head_dim),
            ("vocabulary", self.vocabulary),
            ("context", self.context),
        ] {
            ensure!(size > 0, "a decoder's `{what}` must be at least 1; it is 0");
            ensure!(
                u32::try_from(size).is_ok(),
                "a decoder's `{what}` of {size} is beyond anything that can be counted in 32 bits"
            );
        }
        ensure!(
            self.context.saturating_mul(self.head_dim) <= 1 << 28,
            "a context of {} positions with a head_dim of {} needs more than 1 GiB for its rotation \
             alone; lower the context",
            self.context,
            self.head_dim
        );
        ensure!(
            self.layers <= Shape::MOST_LAYERS,
            "a decoder of {} layers was wanted; ask for at most {}",
            self.layers,
            Shape::MOST_LAYERS
        );
        ensure!(
            self.query_heads.is_multiple_of(self.kv_heads),
            "query_heads ({}) must be a multiple of kv_heads ({}): each key–value head serves \
             a group of query heads",
            self.query_heads,
            self.kv_heads
        );
        ensure!(
            self.head_dim.is_multiple_of(2),
            "head_dim ({}) must be even: rotation turns pairs of numbers",
            self.head_dim
        );
        ensure!(
            self.norm_epsilon.is_finite() && self.norm_epsilon >= 0.0,
            "norm_epsilon must be a small number of at least 0; it is {}",
            self.norm_epsilon
        );
        self.rope.check()
    }

    /// How many there are along an axis.
    pub fn size(&self, axis: Axis) -> usize {
        match axis {
            Axis::Layer => self.layers,
            Axis::Width => self.width,
            Axis::Ffn => self.ffn,
            Axis::KvHead => self.kv_heads,
            Axis::Group => self.query_heads / self.kv_heads,
            Axis::HeadDim => self.head_dim,
            Axis::Vocabulary => self.vocabulary,
        }
    }

    /// The head layout that attention takes.
    pub fn heads(&self) -> Heads {
        Heads {
            kv: self.kv_heads,
            group: self.query_heads / self.kv_heads,
            dim: self.head_dim,
        }
    }

    /// N: all parameters; a tied head counts once.
    pub fn parameters(&self) -> usize {
        table(self).iter().map(|p| p.len()).sum()
    }

    /// Parameters less embedding and head, as the report's tables of pruned models count.
    pub fn parameters_without_embedding(&self) -> usize {
        table(self)
            .iter()
            .filter(|p| !p.axes.iter().any(|a| a.contains(&Axis::Vocabulary)))
            .map(|p| p.len())
            .sum()
    }

    /// The report's price of training: 6·N·D FLOPs for D tokens.
    pub fn flops_6nd(&self, tokens: f64) -> f64 {
        6.0 * self.parameters() as f64 * tokens
    }

    /// FLOPs of one token in training (forward and backward) when segments are `context` long:
    /// three times [`forward_flops_per_token`](Shape::forward_flops_per_token).
    pub fn flops_per_token(&self, context: usize) -> f64 {
        3.0 * self.forward_flops_per_token(context)
    }

    /// FLOPs of one token, forward only, when segments are `context` long: two for every weight of
    /// a product (the head counts, looking up an embedding does not), and 4·h·e for every key seen,
    /// of which a causal token sees (context + 1) / 2 on average. `tests/operations` counts what a step
    /// does, and says what is left out.
    pub fn forward_flops_per_token(&self, context: usize) -> f64 {
        let products: usize = table(self)
            .iter()
            .filter(|p| p.is_matrix() && (self.tied || p.name != "embed"))
            .map(|p| p.len())
            .sum();
        let scores = self.layers * 4 * self.query_heads * self.head_dim;
        2.0 * products as f64 + scores as f64 * (context as f64 + 1.0) / 2.0
    }
}

/// A shape as a recipe gives it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    name: Option<String>,
    layers: Option<usize>,
    width: Option<usize>,
    ffn: Option<usize>,
    query_heads: Option<usize>,
    kv_heads: Option<usize>,
    head_dim: Option<usize>,
    vocabulary: Option<usize>,
    tied: Option<bool>,
    norm_epsilon: Option<f32>,
    rope: Option<Rope>,
    context: Option<usize>,
}

impl TryFrom<Given> for Shape {
    type Error = anyhow::Error;

    fn try_from(given: Given) -> Result<Self> {
        if let Some(name) = &given.name {
            let numbers = given.layers.is_some()
                || given.width.is_some()
                || given.ffn.is_some()
                || given.query_heads.is_some()
                || given.kv_heads.is_some()
                || given.head_dim.is_some()
                || given.vocabulary.is_some()
                || given.tied.is_some()
                || given.norm_epsilon.is_some()
                || given.rope.is_some()
                || given.context.is_some();
            ensure!(
                !numbers,
                "a shape is given by its name (\"{name}\") or by numbers, not by both"
            );
            return Shape::named(name);
        }
        let wanted = |number: Option<usize>, what: &str| {
            number.ok_or_else(|| {
                anyhow::anyhow!("a shape without a `name` needs `{what}`, and it is not given")
            })
        };
        let width = wanted(given.width, "width")?;
        let query_heads = wanted(given.query_heads, "query_heads")?;
        let head_dim = match given.head_dim {
            Some(head_dim) => head_dim,
            None => {
                ensure!(
                    query_heads > 0 && width.is_multiple_of(query_heads),
                    "`head_dim` is not given, and width ({width}) is not a multiple of \
                     query_heads ({query_heads}); give `head_dim`"
                );
                width / query_heads
            }
        };
        let shape = Shape {
            layers: wanted(given.layers, "layers")?,
            width,
            ffn: wanted(given.ffn, "ffn")?,
            query_heads,
            kv_heads: given.kv_heads.unwrap_or(query_heads),
            head_dim,
            vocabulary: wanted(given.vocabulary, "vocabulary")?,
            tied: given.tied.unwrap_or(true),
            norm_epsilon: given.norm_epsilon.unwrap_or(1e-5),
            rope: given.rope.unwrap_or_default(),
            context: given.context.unwrap_or(8192),
        };
        shape.check()?;
        Ok(shape)
    }
}

#[cfg(test)]
mod tests;
