//! What the stages that cut or deepen a model share: writing the result, and the record of where
//! every layer, head, channel and neuron of it came from.

use crate::forecast;
use crate::kinds::{Model, Tokenizer};
use anyhow::{Context as _, Result};
use model::checkpoint::{Checkpoint, SHARD_BYTES, Stored};
use model::gather::Gather;
use model::{Axis, Dtype, Shape};
use recipe::{Artifact, Context, Quantity, Writer};
use serde_json::{Value, json};

/// What a model of this shape will be, for a plan.
pub(crate) fn quantities(shape: &Shape, dtype: Option<Dtype>) -> Vec<Quantity> {
    let parameters = shape.parameters() as f64;
    let mut quantities = vec![
        Quantity::parameters(parameters),
        Quantity::new(
            "parameters without embeddings",
            shape.parameters_without_embedding() as f64,
        ),
        // Of a model that is not there yet the type is not known; the wider is the safer guess.
        Quantity::disk(parameters * dtype.unwrap_or(Dtype::F32).bytes() as f64),
    ];
    quantities.extend(forecast::shape(shape));
    quantities
}

/// Writes what a surgery makes of a model, its tokenizer where it has one, and the record with `more` in
/// it. Without a `dtype` weights keep their type and their bits.
pub(crate) fn write(
    (model, checkpoint): (&Artifact<Model>, &Checkpoint),
    gather: &Gather,
    dtype: Option<Dtype>,
    more: Value,
    context: &Context<'_>,
    out: &mut Writer<Model>,
) -> Result<()> {
    let stored = match dtype {
        Some(dtype) => dtype.into(),
        None => checkpoint.stored_all()?,
    };
    let watch = |done, of| context.reached(done, of, "parameters", "");
    gather.directory(checkpoint, out.path(), (stored, SHARD_BYTES), watch)?;
    Tokenizer::copy_if_any(model.path(), out.path())?;
    record(model, gather, stored, more, out)
}

fn record(
    model: &Artifact<Model>,
    gather: &Gather,
    stored: Stored,
    more: Value,
    out: &mut Writer<Model>,
) -> Result<()> {
    let (from, to) = (gather.from(), gather.shape());
    let silent: Vec<usize> = gather.silent_layers().collect();
    let mut record = json!({
        "about": "lists are indices of the model it was made from, in the order of this one's, by axis; \
                  where other axes are given, one list for each combination of this one's indices \
                  along them; an axis that is not there was taken whole",
        "from": { "name": model.name(), "key": model.key(), "shape": from },
        "shape": to,
        "stored": stored,
        "taken": gather.selection(),
        "silent_layers": silent,
        "tied_by_mean": to.tied && !from.tied,
    });
    if let (Some(record), Value::Object(more)) = (record.as_object_mut(), more) {
        record.extend(more);
    }
    // A list of a hundred thousand neurons a line each would help nobody.
    let text = serde_json::to_vec(&record)?;
    let file = out.path().join(Model::SURGERY);
    disk::write(&file, &text).with_context(|| format!("writing {}", file.display()))?;

    out.note("parameters", to.parameters());
    out.note(
        "parameters without embeddings",
        to.parameters_without_embedding(),
    );
    if let Some(layers) = gather.selection().along(Axis::Layer) {
        out.note("layers of the source", runs(&layers.lists()[0]));
    }
    out.note("where everything came from", Model::SURGERY);
    Ok(())
}

/// A list of layers as people write it: `0-4, 3-7`.
fn runs(layers: &[usize]) -> String {
    let runs = layers.chunk_by(|a, b| a + 1 == *b);
    let words: Vec<String> = runs
        .map(|run| match run {
            [only] => only.to_string(),
            run => format!("{}-{}", run[0], run[run.len() - 1]),
        })
        .collect();
    words.join(", ")
}
