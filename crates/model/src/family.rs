//! The shapes of the family, by the names that the report gives them.
//!
//! Section 1 of the report: the constants of Llama 3 everywhere (8 key–value heads of 128 numbers,
//! vocabulary 128,256, rotary base 500,000, context 8,192); pruning touches width, ffn and query
//! heads only, depth up-scaling layers only. The shapes of 26.8B and 32.5B are not published:
//! those here are ours, chosen to give the published totals, and say nothing of the originals.

use crate::{Rope, Shape};
use anyhow::{Result, bail};

/// `(name, layers, width, ffn, query heads, tied, what it is)`
#[rustfmt::skip]
const FAMILY: [(&str, usize, usize, usize, usize, bool, &str); 9] = [
    ("635m",   32, 1024,  3072, 16, true,  "pruned from 1.3b"),
    ("1.3b",   32, 1536,  4608, 24, true,  "pruned from 2.1b"),
    ("2.1b",   32, 1792,  8064, 24, true,  "Nano, pruned from 4.5b"),
    ("3b-1.5", 32, 2048,  9216, 32, false, "Kanana 1.5, dense"),
    ("4.5b",   32, 3072,  9216, 32, false, "pruned from 8b"),
    ("8b",     32, 4096, 14336, 32, false, "from scratch"),
    ("9.8b",   40, 4096, 14336, 32, false, "Essence, 8b up-scaled in depth"),
    ("26.8b",  72, 5120, 18944, 40, false, "from scratch; the shape is unpublished, this one is ours"),
    ("32.5b",  88, 5120, 18944, 40, false, "Flag, 26.8b up-scaled in depth; unpublished, this one is ours"),
];

impl Shape {
    /// A shape of the family, such as `"2.1b"`.
    ///
    /// # Errors
    /// No such name; the sentence lists those there are.
    pub fn named(name: &str) -> Result<Shape> {
        let Some(&(_, layers, width, ffn, query_heads, tied, _)) =
            FAMILY.iter().find(|member| member.0 == name)
        else {
            let names: Vec<&str> = FAMILY.iter().map(|member| member.0).collect();
            bail!(
                "there is no shape of the name \"{name}\"; there are {}",
                names.join(", ")
            );
        };
        Ok(Shape {
            layers,
            width,
            ffn,
            query_heads,
            kv_heads: 8,
            head_dim: 128,
            vocabulary: 128_256,
            tied,
            norm_epsilon: 1e-5,
            rope: Rope::default(),
            context: 8192,
        })
    }

    /// The family's names, from small to large, each with what it is.
    pub fn family() -> impl Iterator<Item = (&'static str, &'static str)> {
        FAMILY.iter().map(|member| (member.0, member.6))
    }
}
