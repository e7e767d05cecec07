//! Cuts a model to a smaller shape, keeping what matters most.
//!
//! Reads: a model, and importance measured on it.
//! Writes: a Hugging Face directory; `surgery.json`: which layer, head, channel and neuron came from
//! where; with a budget `candidates.json`: every shape that fits, by how much of the importance it keeps.
//! Mathematics in `model::importance` (scores, aggregations of Table 15), `model::search` (the
//! architecture search of Table 16) and `model::gather`. What the cut model forgot is taught back by
//! training or distillation, which are other stages; which candidate is best only that can say.

use crate::kinds::{self, Model};
use crate::stages::importance::About;
use crate::{forecast, surgery};
use anyhow::{Context as _, Result, bail, ensure};
use model::checkpoint::Checkpoint;
use model::importance::choose::{Aggregation, Cut};
use model::importance::{Importance, Target};
use model::search::{Budget, Candidate, describe};
use model::{Dtype, Shape};
use recipe::{Artifact, Context, Quantity, Stage, Writer};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Every shape that fits a budget.
const CANDIDATES: &str = "candidates.json";

/// Settings: `shape`, or `budget`.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Prune {
    /// What to cut to: any of `layers`, `width`, `ffn`, `query_heads`, `tied`; the rest stays.
    #[serde(default)]
    shape: Option<Target>,
    /// Or how many `parameters` the result may have, and the ranges to look in: `width`, `ffn` as
    /// multiples of the width, `query_heads`, `layers`; `tolerance` (default 0.05), `tied`, and
    /// `count` = `all` or `without-embedding`.
    #[serde(default)]
    budget: Option<Budget>,
    /// Which of the shapes that fit, counted from 1, the one that keeps most importance first.
    #[serde(default = "first")]
    candidate: usize,
    /// How scores are aggregated.
    #[serde(default)]
    aggregation: Aggregation,
    /// How the weights are stored. Default as the input's, bit for bit where they are only taken.
    #[serde(default)]
    dtype: Option<Dtype>,
}

fn first() -> usize {
    1
}

/// Inputs.
#[derive(Deserialize)]
pub(crate) struct Inputs {
    model: Artifact<Model>,
    importance: Artifact<kinds::Importance>,
}

impl Stage for Prune {
    const NAME: &'static str = "prune";
    const SUMMARY: &'static str = "cuts a model to a smaller shape by importance";
    type Inputs = Inputs;
    type Output = Model;

    fn estimate(&self, inputs: &Inputs) -> Vec<Quantity> {
        let targets = forecast::shape_of(&inputs.model).map(|from| self.targets(&from));
        let Some(Ok(targets)) = targets else {
            return vec![];
        };
        match (&self.budget, &targets[..]) {
            (None, [only]) => surgery::quantities(&only.shape, self.dtype),
            // Which one it will be takes importance to say; all are about as large as the budget.
            (_, candidates) => {
                let sizes = candidates.iter().map(|one| one.shape.parameters() as f64);
                vec![
                    Quantity::new("candidates", candidates.len() as f64),
                    Quantity::parameters((sizes.sum::<f64>() / candidates.len() as f64).round()),
                ]
            }
        }
    }

    fn check(&self, inputs: &Inputs) -> Result<()> {
        ensure!(
            self.shape.is_some() != self.budget.is_some(),
            "wanted either `shape`, what to cut to, or `budget`, how many parameters and where to \
             look; found {}",
            match self.shape {
                Some(_) => "both",
                None => "neither",
            }
        );
        ensure!(
            self.budget.is_some() || self.candidate == first(),
            "with.candidate is {}, and there is nothing to choose from: `shape` is one; leave \
             `candidate` out, or give a `budget`",
            self.candidate
        );
        match forecast::shape_of(&inputs.model) {
            Some(from) => self.targets(&from).map(drop),
            None => Ok(()),
        }
    }

    fn run(
        &self,
        inputs: Inputs,
        context: &mut Context<'_>,
        out: &mut Writer<Model>,
    ) -> Result<()> {
        let about: About = inputs.importance.json(kinds::Importance::ABOUT)?;
        about.model.same(&inputs.model)?;
        let importance = Importance::load(&inputs.importance.file(kinds::Importance::FILE))?;
        let checkpoint = Checkpoint::open(inputs.model.path())?;
        let cut = self.cut(&importance, &checkpoint.shape, context, out)?;
        context.message(&format!(
            "cut to {}, which keeps {:.1} % of the importance",
            describe(cut.gather.shape()),
            100.0 * cut.share()
        ));
        for (what, share) in &cut.kept {
            out.note(&format!("kept of {}", what.replace('_', " ")), *share);
        }
        let kept: Value = cut
            .kept
            .iter()
            .map(|(what, share)| (what.clone(), json!(share)))
            .collect();
        let more = json!({
            "by": Self::NAME,
            "aggregation": self.aggregation,
            "kept": kept,
            "importance": { "name": inputs.importance.name(), "key": inputs.importance.key() },
        });
        surgery::write(
            (&inputs.model, &checkpoint),
            &cut.gather,
            self.dtype,
            more,
            context,
            out,
        )
    }
}

impl Prune {
    /// What may be cut to: one shape, or every one that fits the budget.
    fn targets(&self, from: &Shape) -> Result<Vec<Candidate>> {
        match (&self.shape, &self.budget) {
            (Some(target), _) => {
                let shape = target.shape(from).context("with.shape")?;
                Ok(vec![Candidate {
                    target: target.clone(),
                    parameters: shape.parameters(),
                    shape,
                }])
            }
            (None, Some(budget)) => {
                let fit = budget.candidates(from).context("with.budget")?;
                ensure!(
                    (1..=fit.len()).contains(&self.candidate),
                    "with.candidate is {}, and {} shapes fit the budget; ask for 1 to {}",
                    self.candidate,
                    fit.len(),
                    fit.len()
                );
                Ok(fit)
            }
            (None, None) => bail!("neither `shape` nor `budget` is given"),
        }
    }

    /// The cut to make: of all that fit, the one asked for in the order of what they keep.
    fn cut(
        &self,
        importance: &Importance,
        from: &Shape,
        context: &Context<'_>,
        out: &mut Writer<Model>,
    ) -> Result<Cut> {
        let mut cuts = Vec::new();
        for candidate in self.targets(from)? {
            let cut = importance.cut(&candidate.target, &self.aggregation)?;
            cuts.push((candidate, cut));
        }
        if self.budget.is_some() {
            cuts.sort_by(|(_, a), (_, b)| b.share().total_cmp(&a.share()));
            for (place, (candidate, cut)) in cuts.iter().enumerate() {
                context.message(&format!(
                    "candidate {}: {} parameters, {}; keeps {:.1} %",
                    place + 1,
                    candidate.parameters,
                    describe(&candidate.shape),
                    100.0 * cut.share()
                ));
            }
            let list: Vec<Value> = cuts.iter().map(row).collect();
            out.json(CANDIDATES, &list)?;
            out.note("candidates", cuts.len());
        }
        Ok(cuts.swap_remove(self.candidate.min(cuts.len()) - 1).1)
    }
}

fn row((candidate, cut): &(Candidate, Cut)) -> Value {
    json!({
        "shape": candidate.target,
        "parameters": candidate.parameters,
        "keeps": cut.share(),
        "kept": cut.kept,
    })
}
