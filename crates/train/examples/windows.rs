//! Writes the windows that a training run feeds, in order, for another program to train on.
//!
//! ```text
//! cargo run --release -p train --example windows -- SHARDS OUT --tokens 2000000 --sequence 512 --seed 123
//! cargo run --release -p train --example windows -- SHARDS OUT --held-out 40000 --sequence 512
//! ```
//!
//! OUT gets little-endian u32 files: `ids`, `targets`, `positions`, `starts` (rows at which a
//! segment begins; a window begins one too) and `groups` (of each target's document), and
//! `groups.json` with their names and the UTF-8 bytes of the documents taken. With `--held-out`
//! these are the rows of validation, which no seed changes. The seed of a step is in its manifest.
//!
//! Deliberately absent: micro-batches and batches, which are consecutive rows.

// an export for measurements says what it wrote
#![allow(clippy::print_stdout)]

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use train::{Cursor, Documents, Examples, Order, Shards, Stream};

/// Validation's order, see `train/validation.rs`.
const HELD_OUT_SEED: u64 = 0;

struct Arguments {
    shards: PathBuf,
    out: PathBuf,
    tokens: u64,
    held_out: bool,
    sequence: usize,
    seed: u64,
}

fn arguments() -> Result<Arguments> {
    let mut given = std::env::args().skip(1);
    let mut next = |what: &str| given.next().with_context(|| format!("{what} is missing"));
    let mut arguments = Arguments {
        shards: next("a folder of shards")?.into(),
        out: next("a folder to write to")?.into(),
        tokens: 0,
        held_out: false,
        sequence: 512,
        seed: 0,
    };
    while let Some(name) = given.next() {
        let value = given
            .next()
            .with_context(|| format!("{name} needs a value"))?;
        match name.as_str() {
            "--tokens" => arguments.tokens = value.parse()?,
            "--held-out" => (arguments.tokens, arguments.held_out) = (value.parse()?, true),
            "--sequence" => arguments.sequence = value.parse()?,
            "--seed" => arguments.seed = value.parse()?,
            _ => bail!("{name} is no setting; see the first lines of windows.rs"),
        }
    }
    Ok(arguments)
}

fn main() -> Result<()> {
    let arguments = arguments()?;
    let shards = Shards::open(&arguments.shards)?;
    let seed = if arguments.held_out {
        HELD_OUT_SEED
    } else {
        arguments.seed
    };
    let all = Stream::new(&shards, Documents::Packed, Order::Shuffled, seed);
    let (stream, mut left) = if arguments.held_out {
        let stream = all.limited(arguments.tokens);
        let held: u64 = stream
            .epoch(0)
            .map(|document| shards.length(document))
            .sum();
        (stream, held - 1)
    } else {
        (all, arguments.tokens)
    };
    let mut examples = Examples::default();
    let mut cursor = Cursor::default();
    while left > 0 {
        let most = left.min(arguments.sequence as u64) as usize;
        left -= stream.window(&mut cursor, most, &mut examples) as u64;
    }
    let group = |&document: &u64| shards.document(document).group as u32;
    let groups: Vec<u32> = examples.documents.iter().map(group).collect();
    let batch = &examples.batch;
    disk::create_dir(&arguments.out)?;
    for (name, values) in [
        ("ids", &batch.ids),
        ("targets", &examples.targets),
        ("positions", &batch.positions),
        ("starts", &batch.starts),
        ("groups", &groups),
    ] {
        write(&arguments.out.join(name).with_extension("u32"), values)?;
    }
    let mut bytes = vec![0; shards.groups().len()];
    if arguments.held_out {
        for document in stream.epoch(0) {
            let document = shards.document(document);
            bytes[document.group] += document.bytes;
        }
    }
    let names = shards.groups().iter().map(|group| &group.name);
    let described: Vec<_> = names.zip(&bytes).collect();
    disk::write(
        &arguments.out.join("groups.json"),
        serde_json::to_string(&described)?.as_bytes(),
    )?;
    println!("{} rows in {}", examples.rows(), arguments.out.display());
    Ok(())
}

fn write(path: &Path, values: &[u32]) -> Result<()> {
    let bytes: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
    disk::write(path, &bytes)?;
    Ok(())
}
