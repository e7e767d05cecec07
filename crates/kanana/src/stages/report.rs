//! Draws what happened: one self-contained page with pictures, and the same as text.
//!
//! Reads: models in the order in which they were trained, scores, token shards (for fertility); the
//! steps of curation in their order, and a crawl whose truth they are judged by.
//! Writes: `report.html` and `report.txt`.
//! Speeds come from the runner's record of the runs, so two reports of the same run on two
//! machines differ in them; everything else is a function of the inputs.

mod answers;
mod course;
mod curation;
mod held;
mod lineage;
mod planted;

use crate::kinds::{self, Corpus, Crawl, Model, Scores, Tokens};
use anyhow::{Result, ensure};
use page::Page;
use page::terminal::Ink;
use recipe::{Artifact, Context, Stage, Writer};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Width of the text version, in columns.
pub(super) const COLUMNS: usize = 96;

/// Settings.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Report {
    /// The title of the page.
    title: String,
    /// A sentence under it.
    lead: String,
}

impl Default for Report {
    fn default() -> Self {
        Report {
            title: "A training run".to_owned(),
            lead: String::new(),
        }
    }
}

/// Inputs.
#[derive(Deserialize)]
pub(crate) struct Inputs {
    #[serde(default)]
    models: Vec<Artifact<Model>>,
    curation: Option<Vec<Artifact<Corpus>>>,
    truth: Option<Artifact<Crawl>>,
    scores: Option<Vec<Artifact<Scores>>>,
    tokens: Option<Vec<Artifact<Tokens>>>,
}

impl Stage for Report {
    const NAME: &'static str = "report";
    const SUMMARY: &'static str = "draws the run as one HTML page, and as text";
    type Inputs = Inputs;
    type Output = kinds::Page;

    fn check(&self, inputs: &Inputs) -> Result<()> {
        ensure!(
            !inputs.models.is_empty() || inputs.curation.is_some(),
            "a report needs something to speak of: bind `models`, or the steps of `curation`"
        );
        Ok(())
    }

    fn run(
        &self,
        inputs: Inputs,
        _: &mut Context<'_>,
        out: &mut Writer<kinds::Page>,
    ) -> Result<()> {
        let stages = course::read(&inputs.models)?;
        let scores = answers::read(inputs.scores.as_deref().unwrap_or_default())?;

        let mut page = Page::new(&self.title);
        if !self.lead.is_empty() {
            page.lead(&self.lead);
        }
        let curation = inputs.curation.as_deref().unwrap_or_default();
        page.figures(
            curation::figures(curation)?
                .into_iter()
                .chain(course::figures(&stages))
                .chain(answers::figures(&scores)),
        );
        curation::draw(&mut page, curation)?;
        held::draw(&mut page, curation)?;
        if let Some(truth) = &inputs.truth {
            planted::draw(&mut page, truth, curation)?;
        }
        course::draw(&mut page, &stages);
        answers::draw(&mut page, &scores);
        course::fertility(&mut page, inputs.tokens.as_deref().unwrap_or_default())?;
        if let Some(last) = inputs.models.last() {
            lineage::draw(&mut page, last)?;
        }

        disk::write(
            &out.path().join(kinds::Page::FILE),
            page.finish().as_bytes(),
        )?;
        disk::write(
            &out.path().join(kinds::Page::TEXT),
            page.terminal(COLUMNS, Ink::Plain).as_bytes(),
        )?;
        Ok(())
    }
}
