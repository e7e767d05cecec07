//! Renders a fictional world as the pages of a crawl, with the truth of every page beside them.
//!
//! Reads: a world, for its documents.
//! Writes: `pages/crawl-*.warc.gz` (what a crawler would have kept: pages of sites with navigation and
//! adverts, copies, near copies, personal data, spam, other languages), and `planted.json`, a line of
//! JSON a page in the order of the crawl: what curation is judged by.

use crate::kinds::{Crawl as CrawlKind, World};
use anyhow::{Result, bail, ensure};
use corpus::{Corpus, Document, WarcWriter};
use recipe::{Artifact, Context, Quantity, Stage, Writer};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{BufWriter, Write as _};
use world::{Language, Quality, WebSettings};

/// Settings.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Crawl {
    /// How much of everything else there is, as shares of the world's documents.
    web: WebSettings,
    /// Pages in one file.
    pages_per_file: u64,
}

impl Default for Crawl {
    fn default() -> Self {
        Self {
            web: WebSettings::default(),
            pages_per_file: 2_000,
        }
    }
}

/// Inputs.
#[derive(Deserialize)]
pub(crate) struct Inputs {
    world: Artifact<World>,
}

impl Stage for Crawl {
    const NAME: &'static str = "crawl";
    const SUMMARY: &'static str =
        "renders a world as a crawl of its web, and keeps the truth of every page";
    type Inputs = Inputs;
    type Output = CrawlKind;

    fn estimate(&self, _: &Inputs) -> Vec<Quantity> {
        vec![Quantity::disk(40e6)]
    }

    fn check(&self, _: &Inputs) -> Result<()> {
        for (name, share) in self.web.shares() {
            ensure!(
                (0.0..=1.0).contains(&share),
                "web.{name} = {share}: wanted a share from 0 to 1"
            );
        }
        ensure!(
            self.pages_per_file > 0,
            "pages_per_file = 0: wanted at least 1"
        );
        Ok(())
    }

    fn run(
        &self,
        inputs: Inputs,
        context: &mut Context<'_>,
        out: &mut Writer<CrawlKind>,
    ) -> Result<()> {
        let corpus = Corpus::open(inputs.world.path())?;
        let mut documents = Vec::new();
        for document in corpus.documents() {
            documents.push(told(document?)?);
        }
        let mut roles: BTreeMap<String, u64> = BTreeMap::new();
        let mut planted = BufWriter::new(out.file(CrawlKind::TRUTH)?);
        let mut warc: Option<WarcWriter> = None;
        let (mut pages, mut bytes) = (0u64, 0u64);
        for page in world::web_pages(context.seed(), &documents, &self.web) {
            if pages.is_multiple_of(self.pages_per_file) {
                if let Some(full) = warc.take() {
                    full.finish()?;
                }
                let name = format!("pages/crawl-{:05}.warc.gz", pages / self.pages_per_file);
                warc = Some(WarcWriter::new(out.file(&name)?)?);
            }
            let record = &page.planted;
            if let Some(warc) = &mut warc {
                warc.page(&record.id, &record.url, page.html.as_bytes())?;
            }
            serde_json::to_writer(&mut planted, record)?;
            planted.write_all(b"\n")?;
            let role = serde_json::to_value(record.role)?;
            *roles
                .entry(role.as_str().unwrap_or_default().to_owned())
                .or_default() += 1;
            pages += 1;
            bytes += page.html.len() as u64;
            context.reached(pages, 0, "pages", "")?;
        }
        if let Some(last) = warc {
            last.finish()?;
        }
        planted.into_inner()?.commit()?;
        out.note("pages", pages);
        out.note("bytes of HTML", bytes);
        for (role, count) in roles {
            out.note(&format!("{role} pages"), count);
        }
        Ok(())
    }
}

/// A document as the world told it, out of the corpus that the world was written as.
fn told(document: Document) -> Result<world::Document> {
    let language = match document.language() {
        Some("ko") => Language::Korean,
        Some("en") => Language::English,
        other => bail!(
            "the document {} is in {other:?}: wanted a world of Korean and English",
            document.id
        ),
    };
    let quality = match document.quality() {
        Some("poor") => Quality::Poor,
        _ => Quality::Good,
    };
    Ok(world::Document {
        language,
        quality,
        kind: document.source().unwrap_or_default().to_owned(),
        facts: Vec::new(),
        contradicted: Vec::new(),
        id: document.id,
        text: document.text,
    })
}
