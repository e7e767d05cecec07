//! The shape of a decoder, and its special tokens, in the metadata of a GGUF file: read and said.

use super::{Gguf, Metadata, Value, rope};
use crate::{Shape, SpecialTokens};
use anyhow::{Context, Result, ensure};

/// The architecture that is read and written: Llama's, and Mistral's without windows.
const ARCHITECTURE: &str = "llama";

fn key(what: &str) -> String {
    format!("{ARCHITECTURE}.{what}")
}

/// What the metadata describes.
pub(super) fn understand(file: &Gguf) -> Result<(Shape, SpecialTokens)> {
    let data = &file.metadata;
    let architecture = data.text("general.architecture")?;
    let architecture = architecture.context("it does not say its general.architecture")?;
    ensure!(
        architecture == ARCHITECTURE,
        "its architecture is {architecture}, and only decoders of the Llama family are read (llama)"
    );
    for part in ["expert_count", "attention.sliding_window"] {
        ensure!(
            data.size(&key(part))?.unwrap_or(0) == 0,
            "it has {}, and nothing here computes that",
            key(part)
        );
    }
    let wanted = |what: &str| -> Result<usize> {
        let size = data.size(&key(what))?;
        size.with_context(|| format!("it does not say {}", key(what)))
    };
    let (width, query_heads) = (wanted("embedding_length")?, wanted("attention.head_count")?);
    ensure!(query_heads > 0, "{} is 0", key("attention.head_count"));
    let head_dim = match data.size(&key("attention.key_length"))? {
        Some(length) => length,
        None => width / query_heads,
    };
    for what in ["attention.value_length", "rope.dimension_count"] {
        let length = data.size(&key(what))?.unwrap_or(head_dim);
        ensure!(
            length == head_dim,
            "{} is {length} and heads have {head_dim} numbers; keys and values here are alike, \
             and rotated whole",
            key(what)
        );
    }
    let context = wanted("context_length")?;
    let embedding = file.tensors.get("token_embd.weight");
    let rows = embedding.and_then(|tensor| tensor.shape.first()).copied();
    let shape = Shape {
        layers: wanted("block_count")?,
        width,
        ffn: wanted("feed_forward_length")?,
        query_heads,
        kv_heads: data
            .size(&key("attention.head_count_kv"))?
            .unwrap_or(query_heads),
        head_dim,
        vocabulary: match rows {
            Some(rows) => rows,
            None => wanted("vocab_size")?,
        },
        tied: !file.tensors.contains_key("output.weight"),
        norm_epsilon: data
            .float(&key("attention.layer_norm_rms_epsilon"))?
            .unwrap_or(1e-5) as f32,
        rope: rope::read(file, &key, head_dim, context)?,
        context,
    };
    shape.check()?;
    Ok((shape, special(data)?))
}

/// Tokens that end a text: the end of a document, of a turn, of a message.
const ENDS: [&str; 3] = ["eos_token_id", "eot_token_id", "eom_token_id"];

fn special(data: &Metadata) -> Result<SpecialTokens> {
    let id = |what: &str| -> Result<Option<u32>> {
        let size = data.size(&format!("tokenizer.ggml.{what}"))?;
        Ok(size.and_then(|id| u32::try_from(id).ok()))
    };
    let mut eos = vec![];
    for end in ENDS {
        eos.extend(id(end)?.filter(|id| !eos.contains(id)));
    }
    Ok(SpecialTokens {
        bos: id("bos_token_id")?,
        eos,
        pad: id("padding_token_id")?,
    })
}

/// Says a decoder in metadata; gives the rotation's factors where they have to be written.
pub(super) fn describe(
    shape: &Shape,
    special: &SpecialTokens,
    metadata: &mut Metadata,
) -> Result<Option<Vec<f32>>> {
    metadata.set("general.architecture", Value::Text(ARCHITECTURE.to_owned()));
    let sizes = [
        ("block_count", shape.layers),
        ("context_length", shape.context),
        ("embedding_length", shape.width),
        ("feed_forward_length", shape.ffn),
        ("attention.head_count", shape.query_heads),
        ("attention.head_count_kv", shape.kv_heads),
        ("attention.key_length", shape.head_dim),
        ("attention.value_length", shape.head_dim),
        ("vocab_size", shape.vocabulary),
    ];
    for (what, size) in sizes {
        metadata.set(key(what), Value::Integer(size as i64));
    }
    let epsilon = Value::Float(f64::from(shape.norm_epsilon));
    metadata.set(key("attention.layer_norm_rms_epsilon"), epsilon);
    // The tokenizer may have named some ends already; the others take the names that are left.
    let said = |what: &str| {
        let size = metadata.size(&format!("tokenizer.ggml.{what}"));
        size.ok().flatten()
    };
    let known: Vec<usize> = ENDS.iter().filter_map(|what| said(what)).collect();
    let free: Vec<&str> = ENDS
        .into_iter()
        .filter(|what| said(what).is_none())
        .collect();
    let others = special.eos.iter().copied();
    let others: Vec<u32> = others
        .filter(|end| !known.contains(&(*end as usize)))
        .collect();
    let mut id = |what: &str, id: Option<u32>| {
        if let Some(id) = id {
            let key = format!("tokenizer.ggml.{what}");
            metadata
                .0
                .entry(key)
                .or_insert(Value::Integer(i64::from(id)));
        }
    };
    id("bos_token_id", special.bos);
    for (what, end) in free.into_iter().zip(others) {
        id(what, Some(end));
    }
    id("padding_token_id", special.pad);
    rope::write(shape, &key, metadata)
}
