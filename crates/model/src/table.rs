//! Every weight, declared once with the axes it lies along.
//!
//! A dimension may run along several axes, outermost first: the rows of `q` are kv heads, then the
//! query heads of each group, then the numbers of a head. From this one table follow shapes,
//! parameter and FLOP counts, initialisation, weight-decay groups, the names in a Hugging Face
//! checkpoint and the checks on reading one; pruning and up-scaling gather along its axes (`gather`).
//! It deliberately says nothing of how a device stores a weight.

use crate::Shape;
use Axis::{Ffn, Group, HeadDim, KvHead, Vocabulary, Width};
use serde::{Deserialize, Serialize};

/// What a dimension of a weight runs along.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Axis {
    /// The blocks of the decoder; every `layers.{l}.…` parameter lies along it.
    Layer,
    /// d: the residual stream.
    Width,
    /// f: the neurons of the feed-forward half.
    Ffn,
    /// k: key–value heads.
    KvHead,
    /// g: query heads per key–value head.
    Group,
    /// e: the numbers of a head. Must be cut in rotary pairs (i, i + e/2).
    HeadDim,
    /// v: tokens.
    Vocabulary,
}

/// How a parameter begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Init {
    /// Gains of norms.
    Ones,
    /// Normal around zero.
    Normal,
    /// Normal around zero, for the two products that write to the residual stream: the standard
    /// deviation may be divided by √(2·layers), see [`Initial`](crate::Initial).
    NormalToResidual,
}

/// A line of the table: `{l}` in the names stands for the layer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Declaration {
    pub(crate) name: &'static str,
    hugging_face: &'static str,
    pub(crate) axes: &'static [&'static [Axis]],
    init: Init,
}

impl Declaration {
    /// Whether there is one such parameter in every layer.
    pub(crate) fn is_of_a_layer(&self) -> bool {
        self.name.contains("{l}")
    }
}

const fn p(
    name: &'static str,
    hugging_face: &'static str,
    axes: &'static [&'static [Axis]],
    init: Init,
) -> Declaration {
    Declaration {
        name,
        hugging_face,
        axes,
        init,
    }
}

const EMBED: Declaration = p(
    "embed",
    "model.embed_tokens.weight",
    &[&[Vocabulary], &[Width]],
    Init::Normal,
);

/// In the order of [`Block`](crate::Block)'s fields.
#[rustfmt::skip]
const BLOCK: [Declaration; 9] = [
    p("layers.{l}.attn.norm", "model.layers.{l}.input_layernorm.weight",          &[&[Width]],                          Init::Ones),
    p("layers.{l}.attn.q",    "model.layers.{l}.self_attn.q_proj.weight",         &[&[KvHead, Group, HeadDim], &[Width]], Init::Normal),
    p("layers.{l}.attn.k",    "model.layers.{l}.self_attn.k_proj.weight",         &[&[KvHead, HeadDim], &[Width]],      Init::Normal),
    p("layers.{l}.attn.v",    "model.layers.{l}.self_attn.v_proj.weight",         &[&[KvHead, HeadDim], &[Width]],      Init::Normal),
    p("layers.{l}.attn.o",    "model.layers.{l}.self_attn.o_proj.weight",         &[&[Width], &[KvHead, Group, HeadDim]], Init::NormalToResidual),
    p("layers.{l}.mlp.norm",  "model.layers.{l}.post_attention_layernorm.weight", &[&[Width]],                          Init::Ones),
    p("layers.{l}.mlp.gate",  "model.layers.{l}.mlp.gate_proj.weight",            &[&[Ffn], &[Width]],                  Init::Normal),
    p("layers.{l}.mlp.up",    "model.layers.{l}.mlp.up_proj.weight",              &[&[Ffn], &[Width]],                  Init::Normal),
    p("layers.{l}.mlp.down",  "model.layers.{l}.mlp.down_proj.weight",            &[&[Width], &[Ffn]],                  Init::NormalToResidual),
];

const NORM: Declaration = p("norm", "model.norm.weight", &[&[Width]], Init::Ones);

const HEAD: Declaration = p(
    "head",
    "lm_head.weight",
    &[&[Vocabulary], &[Width]],
    Init::Normal,
);

/// One parameter of a decoder of a certain shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterSpec {
    /// Our name, such as `layers.3.attn.q`.
    pub name: String,
    /// Its name in a Hugging Face checkpoint, such as `model.layers.3.self_attn.q_proj.weight`.
    pub hugging_face: String,
    /// The layer it belongs to, if to one.
    pub layer: Option<usize>,
    /// The axes of each dimension, outermost first (the layer apart).
    pub axes: &'static [&'static [Axis]],
    /// The size of each dimension: `[rows, cols]` of a matrix, `[len]` of a vector.
    pub dimensions: Vec<usize>,
    /// How it begins.
    pub init: Init,
    declaration: &'static Declaration,
}

impl ParameterSpec {
    fn new(declaration: &'static Declaration, layer: Option<usize>, shape: &Shape) -> Self {
        let named = |pattern: &str| match layer {
            Some(l) => pattern.replace("{l}", &l.to_string()),
            None => pattern.to_owned(),
        };
        ParameterSpec {
            name: named(declaration.name),
            hugging_face: named(declaration.hugging_face),
            layer,
            axes: declaration.axes,
            dimensions: declaration
                .axes
                .iter()
                .map(|axes| axes.iter().map(|&axis| shape.size(axis)).product())
                .collect(),
            init: declaration.init,
            declaration,
        }
    }

    /// The same line of the table, for a decoder of another shape and in another layer.
    pub(crate) fn in_another(&self, shape: &Shape, layer: Option<usize>) -> ParameterSpec {
        ParameterSpec::new(self.declaration, layer, shape)
    }

    /// The head's line, for a decoder of a shape that is not tied.
    pub(crate) fn head(shape: &Shape) -> ParameterSpec {
        ParameterSpec::new(&HEAD, None, shape)
    }

    /// Whether it is the embedding.
    pub(crate) fn is_embedding(&self) -> bool {
        *self.declaration == EMBED
    }

    /// How many numbers it has.
    pub fn len(&self) -> usize {
        self.dimensions.iter().product()
    }

    /// Whether it has none (no parameter of a checked shape is empty).
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether it is a matrix (of products or of the embedding) and not the gain of a norm.
    pub fn is_matrix(&self) -> bool {
        self.dimensions.len() == 2
    }

    /// Whether weight decay applies: to matrices, not to gains of norms.
    pub fn decays(&self) -> bool {
        self.is_matrix()
    }
}

/// The lines of the table themselves, the head's among them.
pub(crate) fn lines() -> impl Iterator<Item = &'static Declaration> {
    [&EMBED].into_iter().chain(&BLOCK).chain([&NORM, &HEAD])
}

/// Every parameter of a decoder of this shape, in the order in which
/// [`Weights`](crate::Weights) iterate: embedding, layers, norm, and the head unless it is tied.
pub fn table(shape: &Shape) -> Vec<ParameterSpec> {
    let layers = (0..shape.layers).flat_map(|l| BLOCK.iter().map(move |p| (p, Some(l))));
    std::iter::once((&EMBED, None))
        .chain(layers)
        .chain([(&NORM, None)])
        .chain((!shape.tied).then_some((&HEAD, None)))
        .map(|(declaration, layer)| ParameterSpec::new(declaration, layer, shape))
        .collect()
}
