//! Turns documents into token shards with their boundaries, groups and byte counts.
//!
//! Reads: a corpus (its held-out part with `held_out = true`) and a tokenizer.
//! Writes: token shards (`tokens-*.u32`, memory-mapped in training), the tokenizer beside them,
//! and `fertility.json`: tokens per word or eojeol and bytes per token, by language and source.
//! A document is `[begin] text [end]`; its group is what its losses are reported under.

use crate::kinds::{Corpus, Tokenizer, Tokens};
use crate::stages::{mix::HELD_OUT, pretrain};
use anyhow::{Context as _, Result, ensure};
use corpus::Document;
use recipe::{Artifact, Context, Quantity, Stage, Writer};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use tokenizer::FertilityCounter;
use train::{ShardSettings, ShardWriter};

/// Documents encoded at once.
const BATCH: usize = 1024;

/// Settings.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Tokenize {
    /// Tokenize the documents that a mixture held out instead of the mixture. Default false.
    held_out: bool,
    /// Metadata whose values name the group of a document. Default language and source.
    group_by: Vec<String>,
}

impl Default for Tokenize {
    fn default() -> Self {
        Tokenize {
            held_out: false,
            group_by: vec!["language".into(), "source".into()],
        }
    }
}

/// Inputs.
#[derive(Deserialize)]
pub(crate) struct Inputs {
    corpus: Artifact<Corpus>,
    tokenizer: Artifact<Tokenizer>,
}

impl Stage for Tokenize {
    const NAME: &'static str = "tokenize";
    const SUMMARY: &'static str = "turns documents into token shards, and reports fertility";
    type Inputs = Inputs;
    type Output = Tokens;

    fn estimate(&self, inputs: &Inputs) -> Vec<Quantity> {
        let bytes = inputs.corpus.note("bytes").and_then(|bytes| bytes.as_f64());
        bytes
            .map(|bytes| Quantity::disk(bytes * 2.0))
            .into_iter()
            .collect()
    }

    fn run(
        &self,
        inputs: Inputs,
        context: &mut Context<'_>,
        out: &mut Writer<Tokens>,
    ) -> Result<()> {
        let tokenizer = tokenizer::Tokenizer::load(inputs.tokenizer.path())?;
        let folder = match self.held_out {
            true => inputs.corpus.file(HELD_OUT),
            false => inputs.corpus.path().to_path_buf(),
        };
        let corpus = corpus::Corpus::open(&folder).with_context(|| match self.held_out {
            true => format!(
                "{} has no held-out documents: only a mixture has",
                inputs.corpus.name()
            ),
            false => format!("cannot read the corpus {}", inputs.corpus.name()),
        })?;
        ensure!(
            !(self.held_out && corpus.is_empty()),
            "{} holds out no document: documents are held out by chance, a share of `validation` of \
             them, and there are too few; raise `validation`, or cut texts into more documents \
             (`read.text_files = \"paragraphs\"` in `ingest`)",
            inputs.corpus.name()
        );
        let mut settings = ShardSettings::new(tokenizer.vocabulary());
        let separators = [("begin", tokenizer.bos()), ("end", tokenizer.eos())];
        settings.separators = separators
            .into_iter()
            .filter_map(|(name, id)| Some((name.to_owned(), id?)))
            .collect();
        let mut writer = ShardWriter::create(out.path(), settings)?;
        let mut fertility = FertilityCounter::new(&tokenizer);

        let total = corpus.len();
        let mut documents = corpus.documents();
        let mut done = 0;
        loop {
            let batch: Vec<Document> = documents.by_ref().take(BATCH).collect::<Result<_>>()?;
            if batch.is_empty() {
                break;
            }
            let texts: Vec<&str> = batch
                .iter()
                .map(|document| document.text.as_str())
                .collect();
            for (document, tokens) in batch.iter().zip(tokenizer.encode_documents(&texts)) {
                let group = self.group(document);
                fertility.add_encoded(
                    &document.text,
                    &tokens,
                    document.language().unwrap_or("unknown"),
                    document.source().unwrap_or("unknown"),
                );
                writer.document(&train::Document {
                    tokens: &tokens,
                    group: &group,
                    bytes: document.text.len() as u64,
                    id: &document.id,
                })?;
            }
            done += batch.len() as u64;
            context.reached(done, total, "documents", "")?;
        }
        let description = writer.finish()?;
        pretrain::copy_tokenizer(inputs.tokenizer.path(), out.path())?;
        out.note("documents", description.documents);
        out.note("tokens", description.tokens);
        out.note(
            "bytes per token",
            description.bytes as f64 / description.tokens as f64,
        );
        let groups: BTreeMap<_, _> = description
            .groups
            .iter()
            .map(|group| (group.name.as_str(), group.tokens))
            .collect();
        context.message(
            &groups
                .iter()
                .map(|(name, tokens)| format!("{name} {}", page::quantity(*tokens as f64)))
                .collect::<Vec<_>>()
                .join(", "),
        );
        out.json("fertility.json", &fertility.finish())
    }
}

impl Tokenize {
    fn group(&self, document: &Document) -> String {
        let values: Vec<&str> = self
            .group_by
            .iter()
            .map(|name| match name.as_str() {
                "language" => document.language(),
                name => document.string(name),
            })
            .map(|value| value.unwrap_or("unknown"))
            .collect();
        values.join("/")
    }
}
