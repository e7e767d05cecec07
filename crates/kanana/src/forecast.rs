//! What stages say of models that are not made yet, so that a plan can count with them.
//!
//! A shape travels from step to step as plain quantities (`shape/layers` …), which the runner carries
//! without understanding. Costs are the report's (section on compute): 6·N·D FLOPs for training N
//! parameters on D tokens, 2·N·D for a teacher's forward, and beside both the exact count of
//! `model::Shape`. It knows no hardware: that is `command/cost`.

use crate::kinds::Model;
use anyhow::{Result, ensure};
use model::checkpoint::Checkpoint;
use model::{Recompute, Rope, Shape};
use recipe::{Artifact, Quantity};
use tensor::Precision;

/// The size that a model goes by, such as 8e9 for "8B": said in a recipe, under `expected`.
pub(crate) const NOMINAL: &str = "nominal parameters";
/// How many tokens such a model would be trained on from scratch: said in a recipe, under `expected`.
pub(crate) const FROM_SCRATCH: &str = "tokens from scratch";
/// Forward passes of a teacher: beside a step's FLOPs, which are of training, and not among them.
pub(crate) const TEACHER: &str = "teacher FLOPs";
/// Tokens of a sequence in training, or in the teacher that is asked.
pub(crate) const SEQUENCE: &str = "training/sequence";
/// What backward computes again: 0 nothing, 1 what is light, 2 whole blocks.
pub(crate) const RECOMPUTE: &str = "training/recompute";

/// What a recipe can expect that costs are counted from.
pub(crate) const COUNTED: [&str; 4] = ["tokens", "parameters", NOMINAL, FROM_SCRATCH];

/// Whether costs are counted from a quantity of that name, or it carries a shape.
pub(crate) fn is_counted(name: &str) -> bool {
    COUNTED.contains(&name) || name == TEACHER || !is_news(&Quantity::new(name, 0.0))
}

/// Whether a quantity is for people; the others carry shapes from step to step.
pub(crate) fn is_news(quantity: &Quantity) -> bool {
    !quantity.name.starts_with("shape/") && !quantity.name.starts_with("training/")
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

/// The shape that some quantities say, if there can be such a one.
pub(crate) fn read_shape(expected: impl Fn(&str) -> Option<f64>) -> Option<Shape> {
    let number = |name: &str| Some(expected(&format!("shape/{name}"))? as usize);
    let shape = Shape {
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
    };
    shape.check().is_ok().then_some(shape)
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

/// Whether a model sees windows of so many tokens, as far as its shape is known.
///
/// # Errors
/// A sentence that names the setting, the model and its context.
pub(crate) fn within_context(
    setting: &str,
    sequence: impl Into<Option<usize>>,
    model: &Artifact<Model>,
) -> Result<()> {
    let (Some(sequence), Some(shape)) = (sequence.into(), shape_of(model)) else {
        return Ok(());
    };
    ensure!(
        (1..=shape.context).contains(&sequence),
        "{setting} is {sequence}, and the model {} was made for a context of {}: wanted 1 to that",
        model.name(),
        shape.context
    );
    Ok(())
}

/// What goes on from a model to what is trained from it: its shape, and the size it goes by.
pub(crate) fn inherited(model: &Artifact<Model>) -> Vec<Quantity> {
    let nominal = model.expected(NOMINAL);
    let nominal = nominal.map(|size| Quantity::new(NOMINAL, size));
    let shape = shape_of(model).as_ref().map(shape);
    nominal
        .into_iter()
        .chain(shape.into_iter().flatten())
        .collect()
}

/// What asking a teacher takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Asked {
    /// Forward passes.
    pub(crate) flops: f64,
    /// Weights as inference holds them, and the activations of the rows in it at once.
    pub(crate) bytes: f64,
}

/// What a teacher takes that is asked about `tokens` tokens in sequences of `sequence`, `rows` of them
/// at once: exact where its shape is known, 2·N·D and the weights alone where only its size is.
pub(crate) fn asked(
    teacher: &Artifact<Model>,
    tokens: f64,
    [sequence, rows]: [usize; 2],
    precision: Precision,
) -> Option<Asked> {
    let weight = weight_bytes(precision);
    match shape_of(teacher) {
        Some(shape) => {
            let activations = shape.activation_bytes(rows, Recompute::None, precision, false);
            Some(Asked {
                flops: shape.forward_flops_per_token(sequence) * tokens,
                bytes: weight * shape.parameters() as f64 + activations as f64,
            })
        }
        None => teacher.expected("parameters").map(|parameters| Asked {
            flops: 2.0 * parameters * tokens,
            bytes: weight * parameters,
        }),
    }
}

/// Bytes of a weight that is only read.
pub(crate) fn weight_bytes(precision: Precision) -> f64 {
    match precision {
        Precision::F32 => 4.0,
        Precision::Bf16 => 2.0,
    }
}

/// How a step trains, for the count of its memory.
pub(crate) fn training(settings: &train::Settings) -> [Quantity; 2] {
    let recompute = match settings.recompute {
        Recompute::None => 0.0,
        Recompute::Light => 1.0,
        Recompute::Block => 2.0,
    };
    [
        Quantity::new(SEQUENCE, settings.sequence as f64),
        Quantity::new(RECOMPUTE, recompute),
    ]
}

/// Bytes of activations of so many rows (tokens) at once, as `model` allocates them.
pub(crate) fn activation_bytes(shape: &Shape, rows: usize, recompute: f64, training: bool) -> f64 {
    let recompute = match recompute as u8 {
        0 => Recompute::None,
        1 => Recompute::Light,
        _ => Recompute::Block,
    };
    shape.activation_bytes(rows, recompute, Precision::Bf16, training) as f64
}

#[cfg(test)]
mod tests {
    use super::{read_shape, shape};
    use model::Shape;
    use recipe::Quantity;

    #[test]
    fn a_shape_that_cannot_be_is_not_believed() {
        let there = Shape::named("8b").expect("a shape");
        let read = |quantities: &[Quantity]| {
            read_shape(|name| Some(quantities.iter().find(|q| q.name == name)?.value))
        };
        let mut quantities = shape(&there);
        assert_eq!(read(&quantities).map(|shape| shape.layers), Some(32));
        for impossible in [-1.0, f64::NAN, 1e18] {
            quantities[0].value = impossible;
            assert_eq!(read(&quantities), None);
        }
    }
}
