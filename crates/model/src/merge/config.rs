//! What to merge and how, in mergekit's words: a recipe's settings and mergekit's file are both this.
//!
//! Models go by names; who calls knows where they lie.

use super::Setting;
use crate::checkpoint::Stored;
use anyhow::{Result, bail, ensure};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// How tensors become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Weighted mean (Wortsman 2022).
    Linear,
    /// Along the great circle between two (Shoemake 1985).
    Slerp,
    /// Sum of weighted differences from a base (Ilharco 2023).
    TaskArithmetic,
    /// Differences trimmed to the largest, a sign elected for each number (Yadav 2023).
    Ties,
    /// Differences thinned at random, then as TIES (Yu 2024).
    DareTies,
    /// Differences thinned at random and summed (Yu 2024).
    DareLinear,
    /// Between a base and the mean of its descendants, as far as these agree (Jang 2024).
    ModelStock,
    /// Layers as they are, in any order.
    Passthrough,
}

/// Parameters by name; see [`PARAMETERS`].
pub type Parameters = BTreeMap<String, Setting>;

/// A model with what holds for it alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Its name.
    pub model: String,
    /// Parameters of this model, by name as `parameters` of the merge.
    #[serde(default)]
    pub parameters: Parameters,
}

/// Layers of a model: `layer_range[0]` up to, not including, `layer_range[1]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Layers {
    /// Its name.
    pub model: String,
    /// First layer, and the one after the last.
    pub layer_range: [usize; 2],
    /// Parameters of this model in this slice.
    #[serde(default)]
    pub parameters: Parameters,
}

/// Some layers of the result, made of as many layers of every source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Slice {
    /// Where they come from.
    pub sources: Vec<Layers>,
    /// The base within this slice, where it is not that of the merge.
    #[serde(default)]
    pub base_model: Option<String>,
    /// Parameters of this slice.
    #[serde(default)]
    pub parameters: Parameters,
}

impl Slice {
    /// How many layers it is.
    pub fn layers(&self) -> usize {
        let range = self
            .sources
            .first()
            .map_or([0, 0], |layers| layers.layer_range);
        range[1].saturating_sub(range[0])
    }
}

/// Where the result's tokenizer comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TokenizerSource {
    /// The base model's; every model must have the same.
    Base,
}

/// A merge.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// How tensors become one.
    pub merge_method: Method,
    /// Whole models; or `slices`.
    #[serde(default)]
    pub models: Vec<Source>,
    /// Layers of models, stacked; or `models`.
    #[serde(default)]
    pub slices: Vec<Slice>,
    /// What differences are taken from, and where the configuration comes from.
    #[serde(default)]
    pub base_model: Option<String>,
    /// Parameters of the whole merge: `weight`, `normalize`, `density`, `lambda`, `rescale`, `t`, `filter_wise`,
    /// `scale`; a number, a list along the layers, or `[{ filter = …, value = … }]`.
    #[serde(default)]
    pub parameters: Parameters,
    /// What numbers are rounded to before and after merging; not given, the models' own type.
    #[serde(default)]
    pub dtype: Option<Stored>,
    /// How they are written; not given, as `dtype`.
    #[serde(default)]
    pub out_dtype: Option<Stored>,
    /// The tokenizer is that of the base or else of the first model; with `base` all must have the same, and
    /// not given, differences are told and noted.
    #[serde(default)]
    pub tokenizer_source: Option<TokenizerSource>,
}

/// The parameters that some method knows, and what each is for. One that the method at hand does
/// not know is let be, as mergekit does; one that no method knows is refused.
#[rustfmt::skip]
pub const PARAMETERS: [(&str, &str); 9] = [
    ("weight",      "linear, task_arithmetic, ties, dare: how much of a model, or of its difference"),
    ("normalize",   "linear, task_arithmetic, ties, dare: divide by the sum of weights"),
    ("density",     "ties, dare: the share of a difference that is kept"),
    ("lambda",      "task_arithmetic, ties, dare: how much of the merged difference"),
    ("rescale",     "ties, dare: give what is kept the sum of magnitudes of the whole"),
    ("int8_mask",   "ties, dare: accepted; masks take no memory here, and the result is the same"),
    ("t",           "slerp: 0 is the base, 1 the other"),
    ("filter_wise", "model_stock: an angle for each row instead of one for each tensor"),
    ("scale",       "passthrough: what a tensor is multiplied by"),
];

impl Method {
    /// All of them, as configurations spell them.
    pub const NAMES: [&str; 8] = [
        "linear",
        "slerp",
        "task_arithmetic",
        "ties",
        "dare_ties",
        "dare_linear",
        "model_stock",
        "passthrough",
    ];

    /// Whether differences from a base are what is merged.
    pub(super) fn needs_base(self) -> bool {
        !matches!(self, Method::Linear | Method::Passthrough)
    }

    /// As configurations spell it.
    pub fn name(self) -> &'static str {
        Method::NAMES[self as usize]
    }
}

impl Config {
    /// The models that it names, each once, in the order in which they are first named.
    pub fn names(&self) -> Vec<&str> {
        let sliced = self.slices.iter().flat_map(|slice| {
            let sources = slice.sources.iter().map(|layers| &layers.model);
            sources.chain(&slice.base_model)
        });
        let all = self.models.iter().map(|source| &source.model);
        let mut seen = BTreeSet::new();
        all.chain(sliced)
            .chain(&self.base_model)
            .map(String::as_str)
            .filter(|name| seen.insert(*name))
            .collect()
    }

    /// The model whose configuration and tokenizer the result takes.
    pub fn donor(&self) -> Option<&str> {
        self.base_model
            .as_deref()
            .or_else(|| self.names().first().copied())
    }

    /// Whether the settings make sense together; what depends on the models comes later.
    ///
    /// # Errors
    /// A sentence that says what does not.
    pub fn check(&self) -> Result<()> {
        ensure!(
            self.models.is_empty() != self.slices.is_empty(),
            "a merge is of `models` or of `slices`, one of the two; {} given",
            if self.models.is_empty() {
                "neither is"
            } else {
                "both are"
            }
        );
        let of_sources = self.models.iter().map(|source| &source.parameters);
        let of_slices = self.slices.iter().flat_map(|slice| {
            let of_layers = slice.sources.iter().map(|layers| &layers.parameters);
            of_layers.chain([&slice.parameters])
        });
        for name in of_sources
            .chain(of_slices)
            .chain([&self.parameters])
            .flat_map(Parameters::keys)
        {
            if !PARAMETERS.iter().any(|known| known.0 == name) {
                let known: Vec<_> = PARAMETERS.iter().map(|known| known.0).collect();
                bail!(
                    "no merge method here has a parameter called `{name}`; there are {}",
                    known.join(", ")
                );
            }
        }
        let method = self.merge_method.name();
        for (number, slice) in self.whole_slices(|_| Some(1)).iter().enumerate() {
            let base = slice.base_model.as_ref().or(self.base_model.as_ref());
            let names: Vec<&str> = slice.sources.iter().map(|layers| &*layers.model).collect();
            let place = match self.slices.is_empty() {
                true => String::new(),
                false => format!(" in slices[{number}]"),
            };
            ensure!(
                !names.is_empty(),
                "a slice is of layers of at least one model, and `sources` is empty{place}: name one, \
                 or leave the slice out"
            );
            for (index, name) in names.iter().enumerate() {
                ensure!(
                    !names[..index].contains(name),
                    "{name} is merged with itself{place}: name each model once"
                );
            }
            let lengths: Vec<usize> = slice
                .sources
                .iter()
                .map(|layers| layers.layer_range[1].saturating_sub(layers.layer_range[0]))
                .collect();
            ensure!(
                lengths.iter().all(|length| *length == lengths[0]) && lengths[0] > 0,
                "all sources of a slice need the same number of layers, at least one; found {lengths:?}{place}"
            );
            let with_base = match base {
                Some(base) => names.contains(&base.as_str()),
                None => false,
            };
            if self.merge_method.needs_base() {
                ensure!(
                    base.is_some(),
                    "{method} merges differences from a base: give `base_model`"
                );
                ensure!(
                    with_base,
                    "{method} needs the layers of its base_model{place}: list it among the sources"
                );
            }
            let (least, most) = match self.merge_method {
                Method::Slerp => (2, 2),
                Method::ModelStock => (3, usize::MAX),
                Method::Passthrough => (1, 1),
                _ => (1, usize::MAX),
            };
            ensure!(
                (least..=most).contains(&names.len()),
                "{method} takes {} models{place}, the base included, and {} are given ({})",
                match (least, most) {
                    (least, usize::MAX) => format!("at least {least}"),
                    (least, _) => format!("exactly {least}"),
                },
                names.len(),
                names.join(", ")
            );
        }
        Ok(())
    }

    /// The slices; whole models are one slice of all their layers, the base among them.
    pub(super) fn whole_slices(&self, layers: impl Fn(&str) -> Option<usize>) -> Vec<Slice> {
        if self.models.is_empty() {
            return self.slices.clone();
        }
        let range = |model: &str| [0, layers(model).unwrap_or(0)];
        let mut sources: Vec<Layers> = self
            .models
            .iter()
            .map(|source| Layers {
                model: source.model.clone(),
                layer_range: range(&source.model),
                parameters: source.parameters.clone(),
            })
            .collect();
        if let Some(base) = &self.base_model
            && !sources.iter().any(|layers| &layers.model == base)
        {
            sources.push(Layers {
                model: base.clone(),
                layer_range: range(base),
                parameters: Parameters::new(),
            });
        }
        vec![Slice {
            sources,
            base_model: None,
            parameters: Parameters::new(),
        }]
    }
}
