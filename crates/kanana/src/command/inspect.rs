//! `kanana inspect`: what a model is and what it will take, without loading it.

use super::Where;
use super::open::{Templates, locate, tokenizer_of};
use crate::terminal;
use anyhow::Result;
use clap::Args;
use model::checkpoint::Checkpoint;
use model::gguf::{Gguf, Kind, is_gguf};
use model::{ParameterSpec, Shape, SpecialTokens, table};
use page::terminal::Ink;
use page::{Cell, Column, Table};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tensor::Precision;
use tokenizer::Tokenizer;

/// Say what a model is.
#[derive(Args)]
pub(crate) struct Inspect {
    /// A Hugging Face directory, a GGUF file, the name of a pulled model, or of a model in the store
    model: String,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: Where,
}

/// How many tensors and numbers there are of a type, and their bytes.
#[derive(Default)]
struct Held {
    tensors: usize,
    numbers: usize,
    bytes: usize,
}

impl Inspect {
    pub(crate) fn run(self) -> Result<()> {
        let path = locate(&self.model, &self.store)?;
        let (shape, special, held, tokenizer, template) = if is_gguf(&path) {
            let file = Gguf::open(&path)?;
            let (shape, special) = file.decoder()?;
            let held = held(&shape, |spec| file.kind(spec))?;
            let template = file.metadata.text("tokenizer.chat_template")?.is_some();
            (shape, special, held, tokenizer_of(&file), template)
        } else {
            let checkpoint = Checkpoint::open(&path)?;
            let held = held(&checkpoint.shape, |spec| {
                Ok(match checkpoint.stored(spec)? {
                    model::checkpoint::Stored::F32 => Kind::F32,
                    model::checkpoint::Stored::Bf16 => Kind::Bf16,
                    model::checkpoint::Stored::F16 => Kind::F16,
                })
            })?;
            let template = Templates::of_folder(&path)?.is_some();
            let tokenizer = Tokenizer::load(&path);
            (
                checkpoint.shape.clone(),
                checkpoint.special.clone(),
                held,
                tokenizer,
                template,
            )
        };
        let weights: usize = held.values().map(|held| held.bytes).sum();
        let memory = memory(&shape, weights);
        if self.json {
            let tokenizer = match &tokenizer {
                Ok(tokenizer) => facts(tokenizer, &special, template),
                Err(error) => json!({ "error": format!("{error:#}") }),
            };
            return terminal::json(&json!({
                "path": path, "shape": describe(&shape), "parameters": shape.parameters(),
                "weights": held.iter().map(|(kind, held)| json!({
                    "type": kind, "tensors": held.tensors, "numbers": held.numbers, "bytes": held.bytes,
                })).collect::<Vec<_>>(),
                "bytes": weights,
                "memory": memory.iter().map(|(context, cache, all)| json!({
                    "context": context, "cache_bytes": cache, "bytes": all,
                })).collect::<Vec<_>>(),
                "tokenizer": tokenizer,
            }));
        }
        let mut lines = vec![path.display().to_string()];
        let scaling = match &shape.rope.scaling {
            None => String::new(),
            Some(scaling) => format!(", {scaling:?}"),
        };
        lines.push(format!(
            "  {} layers of width {}, ffn {}; {} query heads on {} key–value heads of {}; head {}",
            shape.layers,
            shape.width,
            shape.ffn,
            shape.query_heads,
            shape.kv_heads,
            shape.head_dim,
            if shape.tied {
                "tied to the embedding"
            } else {
                "of its own"
            }
        ));
        lines.push(format!(
            "  vocabulary {}, context {}, rotary base {}{scaling}",
            shape.vocabulary, shape.context, shape.rope.base
        ));
        lines.push(format!(
            "  {} parameters, {} of weights",
            page::quantity(shape.parameters() as f64),
            megabytes(weights)
        ));
        match &tokenizer {
            Ok(tokenizer) => {
                let facts = tokenizer.facts();
                let name = |id: Option<u32>| {
                    let name = id.and_then(|id| tokenizer.token_of(id));
                    name.unwrap_or("nothing").to_owned()
                };
                let ends: Vec<String> = special.eos.iter().map(|&id| name(Some(id))).collect();
                lines.push(format!(
                    "  tokenizer of {} tokens, {} special, {} % with Hangul; begins with {}, ends with {}; {}",
                    facts.size,
                    facts.special,
                    page::fixed(100.0 * facts.hangul_share, 1),
                    name(tokenizer.bos().filter(|_| tokenizer.begins_texts())),
                    if ends.is_empty() { name(tokenizer.eos()) } else { ends.join(" or ") },
                    if template { "with a chat template" } else { "no chat template" }
                ));
            }
            Err(error) => lines.push(format!("  no tokenizer: {error:#}")),
        }
        terminal::say(&lines.join("\n"));
        let mut table = Table::new([
            Column::text("stored as"),
            Column::number("tensors", 0),
            Column::number("numbers, M", 1),
            Column::number("MB", 1),
        ]);
        for (kind, held) in &held {
            table.row([
                Cell::from(*kind),
                Cell::from(held.tensors as f64),
                Cell::from(held.numbers as f64 / 1e6),
                Cell::from(held.bytes as f64 / 1e6),
            ]);
        }
        terminal::say(&page::terminal::table(&table, 100, Ink::Plain));
        let mut table = Table::new([
            Column::number("context", 0),
            Column::number("keys and values, MB", 1),
            Column::number("with weights, MB", 1),
        ]);
        for (context, cache, all) in &memory {
            table.row([
                Cell::from(*context as f64),
                Cell::from(*cache as f64 / 1e6),
                Cell::from(*all as f64 / 1e6),
            ]);
        }
        terminal::say(&page::terminal::table(&table, 100, Ink::Plain));
        Ok(())
    }
}

fn held(
    shape: &Shape,
    kind: impl Fn(&ParameterSpec) -> Result<Kind>,
) -> Result<BTreeMap<&'static str, Held>> {
    let mut all: BTreeMap<&'static str, Held> = BTreeMap::new();
    for spec in table(shape) {
        let kind = kind(&spec)?;
        let held = all.entry(kind.name()).or_default();
        held.tensors += 1;
        held.numbers += spec.len();
        held.bytes += kind.bytes(spec.len()).unwrap_or_default();
    }
    Ok(all)
}

/// `(context, bytes of keys and values in bf16, with the weights)`, in steps of four up to the
/// decoder's context.
fn memory(shape: &Shape, weights: usize) -> Vec<(usize, usize, usize)> {
    let steps = std::iter::successors(Some(1024), |context| Some(context * 4));
    let below = steps.take_while(|&context| context < shape.context);
    let contexts = below.chain([shape.context]);
    let per_position = shape.cache_bytes_per_position(Precision::Bf16);
    let bytes = |context: usize| {
        (
            context,
            context * per_position,
            weights + context * per_position,
        )
    };
    contexts.map(bytes).collect()
}

fn megabytes(bytes: usize) -> String {
    format!("{} MB", page::fixed(bytes as f64 / 1e6, 1))
}

fn describe(shape: &Shape) -> Value {
    json!({
        "layers": shape.layers, "width": shape.width, "ffn": shape.ffn, "query_heads": shape.query_heads,
        "kv_heads": shape.kv_heads, "head_dim": shape.head_dim, "vocabulary": shape.vocabulary,
        "tied": shape.tied, "norm_epsilon": shape.norm_epsilon, "rope": shape.rope, "context": shape.context,
    })
}

fn facts(tokenizer: &Tokenizer, special: &SpecialTokens, template: bool) -> Value {
    let mut facts = json!(tokenizer.facts());
    facts["begins_with"] = json!(tokenizer.bos().filter(|_| tokenizer.begins_texts()));
    facts["ends_with"] = match special.eos.is_empty() {
        true => json!(tokenizer.eos()),
        false => json!(special.eos),
    };
    facts["chat_template"] = json!(template);
    facts
}
