//! What is taken along each axis: the same everywhere, or other indices in every layer or head.
//!
//! A choice that is *given* other axes has a list for every combination of their indices in the
//! result: each layer its own neurons, each layer and key–value head its own query heads. Written as
//! JSON it is the record of where every layer, head, channel and neuron of a result came from.

use crate::Axis;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is taken along one axis.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// The axes that it depends on, outermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) given: Vec<Axis>,
    /// Indices of the source: one list for each combination of the *result's* indices along `given`,
    /// row-major. All are equally long.
    pub(super) lists: Vec<Vec<usize>>,
    /// For parameters that lie along none of `given`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) otherwise: Option<Vec<usize>>,
    /// Along `Group` only: indices are those of query heads in the whole layer, not in their group.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) ungrouped: bool,
}

impl Choice {
    /// The same indices everywhere.
    pub fn global(indices: impl Into<Vec<usize>>) -> Self {
        Choice {
            given: vec![],
            lists: vec![indices.into()],
            otherwise: None,
            ungrouped: false,
        }
    }

    /// Other indices for every combination of the indices along `given` in the result.
    pub fn given(given: impl Into<Vec<Axis>>, lists: Vec<Vec<usize>>) -> Self {
        Choice {
            given: given.into(),
            lists,
            otherwise: None,
            ungrouped: false,
        }
    }

    /// The same, with indices for the parameters that do not lie along `given`.
    ///
    /// Channels can be chosen layer by layer only so; they then mean other things in every layer,
    /// which is why the report's row "per layer" of Table 15 is its worst.
    #[must_use]
    pub fn otherwise(mut self, indices: impl Into<Vec<usize>>) -> Self {
        self.otherwise = Some(indices.into());
        self
    }

    /// Query heads of each layer of the result without regard to groups: one list a layer, of heads
    /// counted through the layer. Head j of the result is served by key–value head j / g', whichever
    /// it learned with; that is what the report's row "no alignment" of Table 15 measures.
    pub fn ungrouped(lists: Vec<Vec<usize>>) -> Self {
        Choice {
            given: vec![Axis::Layer],
            lists,
            otherwise: None,
            ungrouped: true,
        }
    }

    /// The lists, by the result's indices along [`depends_on`](Choice::depends_on).
    pub fn lists(&self) -> &[Vec<usize>] {
        &self.lists
    }

    /// The axes that it depends on.
    pub fn depends_on(&self) -> &[Axis] {
        &self.given
    }
}

/// What is taken along every axis; everything where nothing is said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Selection {
    pub(super) choices: BTreeMap<Axis, Choice>,
}

impl Selection {
    /// Everything.
    pub fn everything() -> Self {
        Self::default()
    }

    /// The same with a choice along one axis; the last counts.
    #[must_use]
    pub fn with(mut self, axis: Axis, choice: Choice) -> Self {
        self.choices.insert(axis, choice);
        self
    }

    /// The choice along an axis, if there is one.
    pub fn along(&self, axis: Axis) -> Option<&Choice> {
        self.choices.get(&axis)
    }

    /// The layer of the source that a layer of the result is.
    pub(super) fn layer(&self, layer: usize) -> usize {
        match self.choices.get(&Axis::Layer) {
            Some(choice) => choice.lists[0][layer],
            None => layer,
        }
    }
}
