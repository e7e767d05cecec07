//! `kanana convert`: a model from a Hugging Face directory into a GGUF file, and back.
//!
//! What TO is called decides: a name that ends in `.gguf` is a file, any other a directory, which must be
//! new or empty. Tokenizer and chat templates go along, the one for tools too. From a quantised file a
//! directory gets the numbers that its blocks mean.

use super::Where;
use super::open::{Templates, locate, tokenizer_of};
use crate::{kinds, terminal};
use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use model::checkpoint::{self, Checkpoint, SHARD_BYTES, Stored};
use model::gguf::{self, Gguf, Kind, Metadata, Value, is_gguf};
use model::{Numbers, ParameterSpec, Shape, SpecialTokens};
use std::path::{Path, PathBuf};
use tensor::Blocks;
use tokenizer::Tokenizer;

/// Numbers that become bytes at once, about.
const PART: usize = 1 << 18;

/// Convert a model.
#[derive(Args)]
pub(crate) struct Convert {
    /// A Hugging Face directory, a GGUF file, the name of a pulled model, or of a model in the store
    from: String,
    /// A file to write, ending in .gguf, or a directory to make, new or empty
    to: PathBuf,
    /// The type of matrices: bf16, f16, f32; in a GGUF file also q8_0 and q4_0
    #[arg(long = "type", value_name = "TYPE", default_value = "bf16", value_parser = kind)]
    kind: Kind,
    #[command(flatten)]
    store: Where,
}

fn kind(word: &str) -> Result<Kind, String> {
    let written = [
        Kind::F32,
        Kind::F16,
        Kind::Bf16,
        Kind::Blocks(Blocks::Q8_0),
        Kind::Blocks(Blocks::Q4_0),
    ];
    let found = written
        .into_iter()
        .find(|kind| kind.name().eq_ignore_ascii_case(word));
    found.ok_or_else(|| "wanted bf16, f16, f32, q8_0 or q4_0".to_owned())
}

/// Where a model comes from.
enum Source {
    Folder(Box<Checkpoint>),
    File(Box<Gguf>),
}

impl Source {
    fn read(&self, shape: &Shape, spec: &ParameterSpec) -> Result<Numbers> {
        match self {
            Source::Folder(checkpoint) => checkpoint.mapped(spec),
            Source::File(file) => file.read(shape, spec),
        }
    }
}

impl Convert {
    pub(crate) fn run(self) -> Result<()> {
        let from = locate(&self.from, &self.store)?;
        let real = |path: &std::path::Path| path.canonicalize().ok();
        ensure!(
            from != self.to && (real(&from).is_none() || real(&from) != real(&self.to)),
            "{} cannot be converted into itself",
            from.display()
        );
        let is_file = self.to.extension().is_some_and(|ending| ending == "gguf");
        // Of another model's directory, files that this one has none of would stay.
        let empty = std::fs::read_dir(&self.to)
            .map_or(!self.to.exists(), |mut files| files.next().is_none());
        ensure!(
            is_file || empty,
            "{} is there and not an empty folder: choose another, or remove it first",
            self.to.display()
        );
        let (source, shape, special, tokenizer, templates) = if is_gguf(&from) {
            let file = Gguf::open(&from)?;
            let (shape, special) = file.decoder()?;
            let tokenizer = tokenizer_of(&file)?;
            let templates = Templates::of_gguf(&file.metadata)?;
            (
                Source::File(Box::new(file)),
                shape,
                special,
                tokenizer,
                templates,
            )
        } else {
            let checkpoint = Checkpoint::open(&from)?;
            let tokenizer = Tokenizer::load(&from)
                .with_context(|| format!("{} has no tokenizer beside the model", from.display()))?;
            let (shape, special) = (checkpoint.shape.clone(), checkpoint.special.clone());
            let templates = Templates::of_folder(&from)?;
            (
                Source::Folder(Box::new(checkpoint)),
                shape,
                special,
                tokenizer,
                templates,
            )
        };
        if is_file {
            let metadata = self.metadata(&from, &source, &shape, &tokenizer, templates)?;
            let read = |spec: &ParameterSpec| source.read(&shape, spec);
            gguf::write(&self.to, &shape, &special, metadata, self.kind, read)?;
        } else {
            self.directory(&source, &shape, &special, &tokenizer)?;
            match (&source, templates) {
                // What the tokenizer's settings have stays there.
                (Source::Folder(_), _) => kinds::Tokenizer::copy_templates(&from, &self.to)?,
                (Source::File(_), Some(templates)) => templates.save(&self.to)?,
                (Source::File(_), None) => {}
            }
        }
        terminal::say(&format!(
            "wrote {}: {} parameters in {}",
            self.to.display(),
            page::quantity(shape.parameters() as f64),
            self.kind.name()
        ));
        Ok(())
    }

    /// What a GGUF file says beside the decoder's shape. A file's own metadata stays, where it is
    /// not about the types of its tensors.
    fn metadata(
        &self,
        from: &Path,
        source: &Source,
        shape: &Shape,
        tokenizer: &Tokenizer,
        templates: Option<Templates>,
    ) -> Result<Metadata> {
        if let Source::File(file) = source {
            return Ok(file.metadata.clone());
        }
        let mut metadata = Metadata::default();
        let name = from
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        metadata.set("general.name", Value::Text(name.unwrap_or_default()));
        let parts = tokenizer.parts(shape.vocabulary)?;
        let mut set = |what: &str, value| metadata.set(format!("tokenizer.ggml.{what}"), value);
        set("model", Value::Text(parts.model));
        set("pre", Value::Text(parts.pre));
        set("tokens", Value::Texts(parts.tokens));
        set("token_type", Value::Integers(parts.types));
        set("merges", Value::Texts(parts.merges));
        for (what, id) in [("bos_token_id", parts.bos), ("eos_token_id", parts.eos)] {
            if let Some(id) = id {
                set(what, Value::Integer(i64::from(id)));
            }
        }
        if let Some(begins) = parts.add_bos {
            set("add_bos_token", Value::Bool(begins));
        }
        if let Some(templates) = templates {
            templates.describe(&mut metadata);
        }
        Ok(metadata)
    }

    fn directory(
        &self,
        source: &Source,
        shape: &Shape,
        special: &SpecialTokens,
        tokenizer: &Tokenizer,
    ) -> Result<()> {
        let stored = match self.kind {
            Kind::F32 => Stored::F32,
            Kind::F16 => Stored::F16,
            Kind::Bf16 => Stored::Bf16,
            Kind::Blocks(format) => bail!(
                "{} is written to GGUF files only: let the name end in .gguf, or ask for bf16, f16 or f32",
                format.name()
            ),
        };
        disk::create_dir(&self.to)?;
        let into = (stored, SHARD_BYTES);
        checkpoint::stream(&self.to, shape, special, into, |spec, sink| {
            let numbers = source.read(shape, spec)?;
            // Parts of whole rows are whole blocks.
            let cols = spec.dimensions.last().copied().unwrap_or(1);
            let step = (PART / cols).max(1) * cols;
            let mut part = vec![];
            for start in (0..numbers.len()).step_by(step) {
                part.clear();
                numbers.extend_f32(start..numbers.len().min(start + step), &mut part);
                sink.push(&checkpoint::bytes(&part, stored))?;
            }
            Ok(())
        })?;
        tokenizer.save(&self.to)
    }
}
