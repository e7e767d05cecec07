//! Makes a corpus of raw pages: crawls, folders of HTML, dumps of Wikipedia, archives of TeX.
//!
//! Reads: `files` from outside (WARC, WET, HTML, JSONL or Parquet with HTML in it, `pages-articles` of
//! Wikipedia, tars of arXiv), and optionally `lists`, a folder of the user's `domains*.txt`,
//! `words*.txt` and `remove*.txt`.
//! Writes: a corpus of Markdown, `refused-*.jsonl.zst` (every page that is not in it, with the reason)
//! and `extracted.json` (the account). The report's section 3.1 is why formulas, headings and the
//! order of sections are kept. It judges form and permission only: language, quality and duplicates
//! are for later stages. A page of HTML that takes longer than `page_seconds` is `timed_out`: who reads it is
//! handed in by the runner (`extractor.rs`), and this stage sees no clock.

use crate::device::Machine;
use crate::extractor::Extractors;
use crate::kinds::{Corpus, Crawl, Files};
use anyhow::{Result, ensure};
use corpus::{HarvestSettings, Lists, Source};
use recipe::{Artifact, Context, Quantity, Stage, Writer};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Settings: those of a harvest.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub(crate) struct Extract(HarvestSettings);

/// Inputs.
#[derive(Deserialize)]
pub(crate) struct Inputs {
    files: Artifact<Files>,
    lists: Option<Artifact<Files>>,
}

impl Stage for Extract {
    const NAME: &'static str = "extract";
    const VERSION: u32 = 4; // cells that are rows high; large tables are left whole
    const SUMMARY: &'static str =
        "finds the text of raw pages: WARC, HTML, Wikipedia, TeX; every refusal has a reason";
    type Inputs = Inputs;
    type Output = Corpus;

    fn estimate(&self, inputs: &Inputs) -> Vec<Quantity> {
        let bytes = Source::discover_pages(&Crawl::pages(inputs.files.path()))
            .map_or(0, |source| source.bytes());
        // Compressed text is smaller than the compressed pages it was in.
        vec![Quantity::disk(bytes as f64)]
    }

    fn check(&self, _: &Inputs) -> Result<()> {
        let caps = &self.0.caps;
        ensure!(
            (1..=400).contains(&caps.depth),
            "caps.depth = {}: wanted 1 to 400, which is as deep as the extractors go",
            caps.depth
        );
        ensure!(
            self.0.page_seconds <= 86_400,
            "page_seconds = {}: wanted at most 86400, a day, or 0 for no limit",
            self.0.page_seconds
        );
        ensure!(
            caps.bytes > 0 && caps.nodes > 0,
            "caps of 0 refuse every page: leave them out, or say how large a page may be"
        );
        Ok(())
    }

    fn run(
        &self,
        inputs: Inputs,
        context: &mut Context<'_>,
        out: &mut Writer<Corpus>,
    ) -> Result<()> {
        let mut source = Source::discover_pages(&Crawl::pages(inputs.files.path()))?;
        if let Some(beginning) = &self.0.only {
            source
                .files
                .retain(|file| file.name.starts_with(beginning.as_str()));
            ensure!(
                !source.files.is_empty(),
                "no file in {} begins with {beginning:?}: look at `only`",
                source.root.display()
            );
        }
        let lists = match &inputs.lists {
            Some(lists) => Lists::load(lists.path())?,
            None => Lists::default(),
        };
        let extractors = *context.resource::<Extractors>()?;
        if let Some(spoilt) = extractors.spoilt() {
            context.message(&format!(
                "pages are spoilt on purpose by {spoilt}: this corpus is for a test only, and its manifest says so"
            ));
            out.note("spoilt on purpose", spoilt);
        }
        let extractor = extractors.within(self.0.page_seconds)?;
        let partial = context.partial()?.to_path_buf();
        let account = corpus::harvest(
            &source,
            &self.0,
            &lists,
            &*extractor,
            (&partial, out.path()),
            context.resource::<Machine>()?.threads(),
            &mut |done, total| context.reached(done, total, "bytes", ""),
        )?;
        for skipped in &account.skipped {
            context.message(&format!("skipped {}: {}", skipped.name, skipped.reason));
        }
        for (reason, count) in &account.refused {
            context.message(&format!("{count} pages refused: {reason}"));
        }
        if account.bad.total > 0 {
            context.message(&format!(
                "{} of {} records could not be read ({}); samples are in extracted.json",
                account.bad.total,
                account.records,
                account.bad.summary()
            ));
        }
        out.note("pages", account.records);
        out.note("documents", account.statistics.total.documents);
        out.note("bytes", account.statistics.total.bytes);
        out.note("refused", account.refused.values().sum::<u64>());
        out.note("bad records", account.bad.total);
        out.json("extracted.json", &account)
    }
}
