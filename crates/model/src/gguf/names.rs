//! What our parameters are called in a GGUF file, and in which order their rows lie there.
//!
//! llama.cpp rotates neighbours (2i, 2i + 1) of a head, Hugging Face's layout and ours i with
//! i + e/2. So its converter interleaves the two halves of every head of queries and keys:
//! row `(h, i, s)` of the file is row `(h, s, i)` here, i < e/2, s < 2.

use crate::{Axis, ParameterSpec, Shape};

/// A parameter's name.
pub(super) fn of(spec: &ParameterSpec) -> String {
    let (layer, short) = match spec.layer {
        Some(layer) => {
            let prefix = format!("layers.{layer}.");
            let short = spec.name.strip_prefix(&prefix).unwrap_or(&spec.name);
            (format!("blk.{layer}."), short)
        }
        None => (String::new(), spec.name.as_str()),
    };
    let theirs = match short {
        "embed" => "token_embd",
        "attn.norm" => "attn_norm",
        "attn.q" => "attn_q",
        "attn.k" => "attn_k",
        "attn.v" => "attn_v",
        "attn.o" => "attn_output",
        "mlp.norm" => "ffn_norm",
        "mlp.gate" => "ffn_gate",
        "mlp.up" => "ffn_up",
        "mlp.down" => "ffn_down",
        "norm" => "output_norm",
        "head" => "output",
        other => other,
    };
    format!("{layer}{theirs}.weight")
}

/// Whether a parameter's rows are those of heads that are rotated.
fn is_rotated(spec: &ParameterSpec) -> bool {
    // Queries and keys: rows along heads, and values are the only others.
    let rows = spec.axes.first().copied().unwrap_or_default();
    rows.contains(&Axis::HeadDim) && !spec.name.ends_with("attn.v")
}

/// For each of our rows, where it lies in the file; nothing where the order is the same.
pub(super) fn rows(shape: &Shape, spec: &ParameterSpec) -> Option<Vec<usize>> {
    let (e, rows) = (shape.head_dim, *spec.dimensions.first()?);
    let theirs = |row: usize| {
        let (head, within) = (row / e, row % e);
        head * e + within % (e / 2) * 2 + within / (e / 2)
    };
    is_rotated(spec).then(|| (0..rows).map(theirs).collect())
}

/// For each row of the file, which of ours it is.
pub(super) fn rows_of_file(shape: &Shape, spec: &ParameterSpec) -> Option<Vec<usize>> {
    let (e, rows) = (shape.head_dim, *spec.dimensions.first()?);
    let ours = |row: usize| {
        let (head, within) = (row / e, row % e);
        head * e + within % 2 * (e / 2) + within / 2
    };
    is_rotated(spec).then(|| (0..rows).map(ours).collect())
}
