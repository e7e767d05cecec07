//! What a decoder should be cut to, and whether it can be.
//!
//! The report prunes widths, neurons and query heads, the same number from each key–value head's group,
//! never key–value heads nor the numbers of a head; blocks can be left out here as well.

use crate::{Axis, Shape};
use anyhow::{Result, ensure};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a decoder should become; everything that is not given stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Target {
    /// Blocks.
    pub layers: Option<usize>,
    /// Channels of the residual stream.
    pub width: Option<usize>,
    /// Neurons of a block.
    pub ffn: Option<usize>,
    /// Query heads of a block, a multiple of the key–value heads.
    pub query_heads: Option<usize>,
    /// `true` ties embedding and head by their mean.
    pub tied: Option<bool>,
}

impl Target {
    /// The shape that a decoder of shape `from` becomes.
    ///
    /// # Errors
    /// A sentence that says what cannot be, and what can.
    pub fn shape(&self, from: &Shape) -> Result<Shape> {
        for (what, wanted, there) in [
            ("layers", self.layers, from.layers),
            ("width", self.width, from.width),
            ("ffn", self.ffn, from.ffn),
            ("query_heads", self.query_heads, from.query_heads),
        ] {
            let wanted = wanted.unwrap_or(there);
            ensure!(
                (1..=there).contains(&wanted),
                "pruning only takes away: {what} = {wanted} was wanted, and the model has {there}; \
                 ask for 1 to {there}"
            );
        }
        let heads = self.query_heads.unwrap_or(from.query_heads);
        ensure!(
            heads.is_multiple_of(from.kv_heads),
            "query_heads = {heads} was wanted, but each of the {} key–value heads must keep equally \
             many; ask for {}",
            from.kv_heads,
            multiples(from)
        );
        ensure!(
            self.tied != Some(false) || !from.tied,
            "tied = false was wanted of a model whose embedding and head are one; leave it out"
        );
        let shape = Shape {
            layers: self.layers.unwrap_or(from.layers),
            width: self.width.unwrap_or(from.width),
            ffn: self.ffn.unwrap_or(from.ffn),
            query_heads: heads,
            tied: self.tied.unwrap_or(from.tied),
            ..from.clone()
        };
        shape.check()?;
        Ok(shape)
    }
}

fn multiples(from: &Shape) -> String {
    let all: Vec<String> = (1..=from.size(Axis::Group))
        .map(|g| (g * from.kv_heads).to_string())
        .collect();
    all.join(" or ")
}
