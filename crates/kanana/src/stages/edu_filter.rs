//! Trains an educational filter in rounds, each learning from what the one before has selected.
//!
//! Reads: a few documents known to be educational (`seed`), documents known not to be (`negatives`, of
//! which a share is held out), a large `pool` that nobody has labelled, and held-out educational ones,
//! best from sources that the seed is not from, so that merely learning the source shows.
//! Writes: the last round's `classifier.bin` with `classifier.json`, as `train-classifier` does;
//! `rounds.json` and `rounds.html`: precision, recall and retention by round.
//! Mathematics in `corpus::classify` (the report's section on data curation).

use super::train_classifier::About;
use crate::device::Machine;
use crate::kinds::{self, Corpus};
use anyhow::{Context as _, Result, ensure};
use corpus::classify::{Classifier, Curve, Round, RoundSettings, Rounds, rounds};
use page::{Axis, Cell, Column, LineChart, Page, Series, Table};
use recipe::{Artifact, Context, Quantity, Stage, Writer};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Settings: those of the `corpus` crate.
#[derive(Default, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub(crate) struct EduFilter(RoundSettings);

/// Inputs.
#[derive(Deserialize)]
pub(crate) struct Inputs {
    seed: Vec<Artifact<Corpus>>,
    negatives: Vec<Artifact<Corpus>>,
    pool: Vec<Artifact<Corpus>>,
    held_out: Vec<Artifact<Corpus>>,
}

impl Stage for EduFilter {
    const NAME: &'static str = "edu-filter";
    const VERSION: u32 = 2; // documents of one id are several examples
    const SUMMARY: &'static str =
        "trains a classifier in rounds, each learning from what the one before selected";
    type Inputs = Inputs;
    type Output = kinds::Classifier;

    fn estimate(&self, _: &Inputs) -> Vec<Quantity> {
        let train = &self.0.train;
        let one = 4.0 * train.buckets as f64 * train.dimension as f64;
        vec![Quantity::disk(one * (self.0.rounds + 1) as f64)]
    }

    fn check(&self, inputs: &Inputs) -> Result<()> {
        self.0.check().context("with")?;
        for (name, corpora) in [
            ("seed", &inputs.seed),
            ("negatives", &inputs.negatives),
            ("pool", &inputs.pool),
            ("held_out", &inputs.held_out),
        ] {
            ensure!(!corpora.is_empty(), "`{name}` names no corpus at all");
        }
        Ok(())
    }

    fn run(
        &self,
        inputs: Inputs,
        context: &mut Context<'_>,
        out: &mut Writer<kinds::Classifier>,
    ) -> Result<()> {
        let open = |artifacts: &[Artifact<Corpus>]| -> Result<Vec<corpus::Corpus>> {
            let all = artifacts.iter();
            all.map(|artifact| corpus::Corpus::open(artifact.path()))
                .collect()
        };
        let named = |artifacts: &[Artifact<Corpus>]| -> Result<Vec<(String, corpus::Corpus)>> {
            let names = artifacts.iter().map(|artifact| artifact.name().to_owned());
            Ok(names.zip(open(artifacts)?).collect())
        };
        let (seed, pool) = (open(&inputs.seed)?, open(&inputs.pool)?);
        let (negatives, held_out) = (named(&inputs.negatives)?, named(&inputs.held_out)?);
        let threads = corpus::pool(context.resource::<Machine>()?.threads())?;
        let of = Rounds {
            seed: &seed,
            negatives: &negatives,
            pool: &pool,
            held_out: &held_out,
            threads: &threads,
        };
        let scratch = context.scratch()?.to_path_buf();
        let found = rounds(
            &of,
            &self.0,
            context.seed(),
            &scratch,
            &mut |what, done, of| context.reached(done, of, "documents", what),
        )?;
        for round in &found {
            context.message(&sentence(round));
        }
        let last = found.last().context("at least one round")?;
        let trained = scratch.join(format!("round-{}.bin", last.round));
        out.adopt(&trained, kinds::Classifier::FILE)?;
        out.note("rounds", found.len());
        out.note("recall", last.held_out.recall);
        out.note("precision", last.held_out.precision);
        out.note("retention", last.retention);

        let classifier = Classifier::open(&out.path().join(kinds::Classifier::FILE))?;
        let examples = BTreeMap::from([
            (self.0.positive.clone(), last.positives),
            (self.0.negative.clone(), last.negatives),
        ]);
        out.json(
            kinds::Classifier::ABOUT,
            &About {
                positive: self.0.positive.clone(),
                examples,
                held_out: Some(Curve::new(of.judge(&classifier, &self.0)?.0)?),
            },
        )?;
        out.json("rounds.json", &found)?;
        let page = picture(&found, self.0.threshold);
        Ok(disk::write(
            &out.path().join("rounds.html"),
            page.finish().as_bytes(),
        )?)
    }
}

fn sentence(round: &Round) -> String {
    let by: Vec<String> = round
        .by_corpus
        .iter()
        .map(|(name, share)| format!("{name} {:.1} %", 100.0 * share))
        .collect();
    format!(
        "Round {}: {} educational examples; {:.1} % of the pool selected; held out: precision {:.3}, recall \
         {:.3} ({})",
        round.round,
        round.positives,
        100.0 * round.retention,
        round.held_out.precision,
        round.held_out.recall,
        by.join(", ")
    )
}

fn picture(rounds: &[Round], threshold: f32) -> Page {
    let mut page = Page::new("An educational filter, round by round");
    page.lead(format!(
        "Selected is what scores at least {threshold}. Each round adds to the educational class what the \
         one before has selected out of the pool; precision and recall are of held-out documents that no \
         round learns from."
    ));
    let line = |name: &str, value: &dyn Fn(&Round) -> f64| {
        let points: Vec<(f64, f64)> = rounds
            .iter()
            .map(|round| (round.round as f64, value(round)))
            .collect();
        Series::new(name, points)
    };
    let chart = LineChart::new(
        "By round",
        Axis::new("round", ""),
        Axis::new("share", "").percent().from(0.0).to(1.0),
    );
    page.lines(
        chart
            .series(line("precision", &|round| round.held_out.precision))
            .series(line("recall", &|round| round.held_out.recall))
            .series(line("kept of the pool", &|round| round.retention)),
    );
    let mut columns = vec![
        Column::number("round", 0),
        Column::number("educational examples", 0),
        Column::number("kept of the pool", 4),
        Column::number("precision", 4),
        Column::number("recall", 4),
        Column::number("average precision", 4),
    ];
    let names: Vec<&String> = rounds
        .first()
        .map_or(vec![], |round| round.by_corpus.keys().collect());
    columns.extend(
        names
            .iter()
            .map(|name| Column::number(format!("selected of {name}"), 4)),
    );
    let mut table = Table::new(columns);
    for round in rounds {
        let numbers = [
            round.round as f64,
            round.positives as f64,
            round.retention,
            round.held_out.precision,
            round.held_out.recall,
            round.average_precision,
        ];
        let by = names.iter().map(|name| round.by_corpus[*name]);
        table.row(numbers.into_iter().chain(by).map(Cell::from));
    }
    page.table(table);
    let mut chart = LineChart::new(
        "Precision against recall, held out",
        Axis::new("recall", "").percent().from(0.0).to(1.0),
        Axis::new("precision", "").percent().from(0.0).to(1.0),
    );
    for round in rounds {
        let points: Vec<(f64, f64)> = round
            .curve
            .iter()
            .map(|point| (point.recall, point.precision))
            .collect();
        chart = chart.series(Series::new(format!("round {}", round.round), points));
    }
    page.lines(chart);
    page
}
