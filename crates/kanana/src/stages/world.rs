//! Invents a small bilingual world of which every truth is known, and tells it.
//!
//! Reads: nothing; everything follows from the seed and the settings.
//! Writes: the documents as a corpus, `facts.jsonl` (what is true, and how often it was told in
//! which language) and `questions.jsonl` (four options each, in phrasings no document uses).
//! It does not choose what is trained on: that is `mix`, by the documents' metadata.

use crate::kinds::{self, Questions};
use anyhow::Result;
use corpus::{Document, WriteSettings, Writer as CorpusWriter};
use recipe::{Context, Quantity, Stage, Writer};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::io::{BufWriter, Write as _};

/// Settings: those of the `world` crate.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub(crate) struct World(world::Settings);

impl Stage for World {
    const NAME: &'static str = "world";
    const SUMMARY: &'static str =
        "invents a bilingual world, tells it in documents, and asks about it";
    type Inputs = ();
    type Output = kinds::World;

    fn estimate(&self, (): &()) -> Vec<Quantity> {
        vec![Quantity::disk(16e6)]
    }

    fn check(&self, (): &()) -> Result<()> {
        Ok(self.0.check()?)
    }

    fn run(&self, (): (), context: &mut Context<'_>, out: &mut Writer<kinds::World>) -> Result<()> {
        let world = world::World::new(context.seed(), &self.0)?;
        lines(out, kinds::Pairs::FACTS, world.facts())?;
        lines(out, Questions::FILE, world.questions())?;

        let total = world.documents().len() as u64;
        let mut writer = CorpusWriter::create(out.path(), WriteSettings::default())?;
        for (done, told) in world.documents().enumerate() {
            let document = Document::new(told.id.as_str(), told.text.as_str())
                .with("language", told.language.code())
                .with("source", told.kind.as_str())
                .with("quality", told.quality.code())
                .with("facts", serde_json::to_value(&told.facts)?)
                .with("contradicted", serde_json::to_value(&told.contradicted)?);
            writer.write(&document)?;
            context.reached(done as u64 + 1, total, "documents", "")?;
        }
        let index = writer.finish()?;
        out.note("documents", total);
        out.note("bytes", index.statistics.total.bytes);
        out.note("facts", world.facts().len());
        out.note("questions", world.questions().len());
        Ok(())
    }
}

/// One JSON object a line.
fn lines<T: Serialize>(out: &Writer<kinds::World>, name: &str, rows: &[T]) -> Result<()> {
    let mut file = BufWriter::new(out.file(name)?);
    for row in rows {
        serde_json::to_writer(&mut file, row)?;
        file.write_all(b"\n")?;
    }
    file.into_inner()?.commit()?;
    Ok(())
}
