//! What stages say of models that are not made yet, so that a plan can count with them.
//!
//! A shape travels from step to step as plain quantities (`shape/layers` …), which the runner carries
//! without understanding.

use crate::kinds::Model;
use model::checkpoint::Checkpoint;
use model::{Rope, Shape};
use recipe::{Artifact, Quantity};

/// Whether a quantity is for people; the others carry shapes from step to step.
pub(crate) fn is_news(quantity: &Quantity) -> bool {
    !quantity.name.starts_with("shape/")
}

/// A shape, for the steps that come after: to be among what a stage expects of the model it makes.
pub(crate) fn shape(shape: &Shape) -> Vec<Quantity> {
    let numbers = [
        ("layers", shape.layers),
        ("width", shape.width),
        ("ffn", shape.ffn),
        ("query_heads", shape.query_heads),
        ("kv_heads", shape.kv_heads),
        ("head_dim", shape.head_dim),
        ("vocabulary", shape.vocabulary),
        ("tied", usize::from(shape.tied)),
        ("context", shape.context),
    ];
    let numbers =
        numbers.map(|(name, number)| Quantity::new(&format!("shape/{name}"), number as f64));
    numbers.into()
}

/// The shape that some quantities say.
pub(crate) fn read_shape(expected: impl Fn(&str) -> Option<f64>) -> Option<Shape> {
    let number = |name: &str| Some(expected(&format!("shape/{name}"))? as usize);
    Some(Shape {
        layers: number("layers")?,
        width: number("width")?,
        ffn: number("ffn")?,
        query_heads: number("query_heads")?,
        kv_heads: number("kv_heads")?,
        head_dim: number("head_dim")?,
        vocabulary: number("vocabulary")?,
        tied: number("tied")? != 0,
        context: number("context")?,
        // Neither has a part in any count.
        norm_epsilon: 1e-5,
        rope: Rope::default(),
    })
}

/// The shape of a model, whether it is there or only expected.
pub(crate) fn shape_of(model: &Artifact<Model>) -> Option<Shape> {
    match model.exists() {
        true => Checkpoint::open(model.path())
            .ok()
            .map(|checkpoint| checkpoint.shape),
        false => read_shape(|name| model.expected(name)),
    }
}

/// What goes on from a model to what is trained from it: its shape.
pub(crate) fn inherited(model: &Artifact<Model>) -> Vec<Quantity> {
    shape_of(model).as_ref().map(shape).unwrap_or_default()
}
