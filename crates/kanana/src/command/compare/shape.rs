//! What two models are: their shapes, what a token costs, what they take up.

use anyhow::Result;
use model::Shape;
use model::checkpoint::read_config;
use model::gguf::{Gguf, is_gguf};
use page::{Cell, Column, Page, Table};
use serde::Serialize;
use serde_json::{Value, json};
use std::path::Path;
use tensor::Precision;

/// One property of both.
#[derive(Serialize)]
pub(super) struct Row {
    what: &'static str,
    a: Value,
    b: Value,
}

pub(super) fn compare(a: &Path, b: &Path) -> Result<Vec<Row>> {
    let [a, b] = [shape_of(a)?, shape_of(b)?];
    // Both are asked at the length that both can read.
    let context = a.context.min(b.context);
    let (a, b) = (properties(&a, context), properties(&b, context));
    let rows = a.into_iter().zip(b);
    Ok(rows.map(|((what, a), (_, b))| Row { what, a, b }).collect())
}

pub(super) fn shape_of(path: &Path) -> Result<Shape> {
    Ok(match is_gguf(path) {
        true => Gguf::open(path)?.decoder()?.0,
        false => read_config(path)?.0,
    })
}

fn properties(shape: &Shape, context: usize) -> [(&'static str, Value); 17] {
    let cache = shape.cache_bytes_per_position(Precision::Bf16);
    let flops = shape.forward_flops_per_token(context);
    [
        ("layers", json!(shape.layers)),
        ("width", json!(shape.width)),
        ("ffn", json!(shape.ffn)),
        ("query heads", json!(shape.query_heads)),
        ("key–value heads", json!(shape.kv_heads)),
        ("head dimension", json!(shape.head_dim)),
        ("vocabulary", json!(shape.vocabulary)),
        ("head tied to the embedding", json!(shape.tied)),
        ("norm epsilon", json!(format!("{:e}", shape.norm_epsilon))),
        ("rotary base", json!(shape.rope.base)),
        ("rotary scaling", json!(shape.rope.scaling)),
        ("context", json!(shape.context)),
        ("parameters", json!(shape.parameters())),
        (
            "parameters without embedding",
            json!(shape.parameters_without_embedding()),
        ),
        ("keys and values of a position, bytes in bf16", json!(cache)),
        ("context that both have", json!(context)),
        ("FLOPs of a token over it, forward", json!(flops)),
    ]
}

pub(super) fn draw(page: &mut Page, rows: &[Row], [a, b]: [&str; 2]) {
    page.heading("What they are");
    let mut table = Table::new([
        Column::text(""),
        Column::text(a),
        Column::text(b),
        Column::text("second of first"),
    ]);
    let words = |value: &Value| match value {
        Value::Null => "–".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::String(text) => text.clone(),
        other => match other.as_f64() {
            Some(number) => page::fixed(number, 0),
            None => other.to_string(),
        },
    };
    for row in rows {
        let ratio = match row.a.as_f64().zip(row.b.as_f64()) {
            Some((a, b)) if a != b && a > 0.0 => page::percent(b / a, 1),
            _ => String::new(),
        };
        table.row([
            Cell::from(row.what),
            Cell::from(words(&row.a)),
            Cell::from(words(&row.b)),
            Cell::from(ratio),
        ]);
    }
    page.table(table);
}
