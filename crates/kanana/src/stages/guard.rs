//! Stops a run when surgery or training has done harm, with the evidence.
//!
//! Reads: a model before and after (pruned, up-scaled, merged, tuned), held-out tokens, optionally the
//! model that training has made of the latter; or scores before and after.
//! Writes: what was looked at and found within its limits, `evidence.json`. Where a limit is passed
//! there is no artifact, and the run ends with the numbers and with where they were found.
//! Mathematics in `train` (apart): KL(before ‖ after), the largest difference of a logit, the rise of
//! the loss right after, the share of that rise that training has won back, the drop of evaluations.
//!
//! The first steps of a run are watched from within, by `train.guard.first` of `pretrain` and
//! `distill`: `{ steps = 32, rise = 0.5, gradient = 50.0 }`.

mod drops;

use crate::device::Machine;
use crate::forecast;
use crate::kinds::{self, Evidence, Model, Tokens};
use crate::stages::pretrain;
use anyhow::{Result, bail, ensure};
use model::{Decoder, Use};
use recipe::{Artifact, Context, Stage, Writer};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tensor::{Cpu, Precision};
use tokenizer::Tokenizer;
use train::{Apart, Curve, Shards, Worst};

/// Settings: limits, of which at least one must be given, and how to look.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Guard {
    /// Nats a token that KL(before ‖ after) may be on average.
    divergence: Option<f64>,
    /// How far a logit may be from what it was.
    logit: Option<f64>,
    /// Nats a token that the loss may rise right after.
    rise: Option<f64>,
    /// Share of the rise that `trained` must have won back, 0 to 1.
    recovered: Option<f64>,
    /// How far any evaluation may drop, 0 to 1: accuracies of questions, and benchmarks' figures that are shares of what was right.
    drop: Option<f64>,
    /// Evaluations of fewer questions are not judged. Default 30.
    least_questions: usize,
    /// Tokens to compare models on, whole documents. Default 32768.
    sample_tokens: u64,
    /// Tokens in a window; not given, the models' context, at most 512.
    sequence: Option<usize>,
    /// What products read: `bf16` (default) or `f32`.
    precision: Precision,
}

impl Default for Guard {
    fn default() -> Self {
        Guard {
            divergence: None,
            logit: None,
            rise: None,
            recovered: None,
            drop: None,
            least_questions: 30,
            sample_tokens: 32_768,
            sequence: None,
            precision: Precision::Bf16,
        }
    }
}

/// Inputs.
#[derive(Deserialize)]
pub(crate) struct Inputs {
    before: Option<Artifact<Model>>,
    after: Option<Artifact<Model>>,
    trained: Option<Artifact<Model>>,
    tokens: Option<Artifact<Tokens>>,
    scores_before: Option<Artifact<kinds::Scores>>,
    scores_after: Option<Artifact<kinds::Scores>>,
}

/// `evidence.json`.
#[derive(Default, Serialize)]
struct Seen {
    /// Every limit, in the order of the settings.
    checks: Vec<Check>,
    /// The models before and after.
    apart: Option<Apart>,
    /// The models before and after training.
    trained: Option<Apart>,
    /// What the loss on the run's own validation was on the way: tokens, nats a token.
    recovery: Vec<(u64, f64)>,
    /// Every evaluation that both have.
    evaluations: Vec<drops::Drop>,
}

/// A limit and what was found.
#[derive(Serialize)]
struct Check {
    what: &'static str,
    limit: f64,
    found: f64,
    tripped: bool,
    /// Where it was found, a sentence.
    evidence: String,
}

impl Stage for Guard {
    const NAME: &'static str = "guard";
    const SUMMARY: &'static str =
        "stops a run where surgery or training has done harm, with evidence";
    const VERSION: u32 = 2; // benchmarks are judged too
    type Inputs = Inputs;
    type Output = Evidence;

    fn check(&self, inputs: &Inputs) -> Result<()> {
        let limits = [
            ("divergence", self.divergence),
            ("logit", self.logit),
            ("rise", self.rise),
            ("recovered", self.recovered),
            ("drop", self.drop),
        ];
        ensure!(
            limits.iter().any(|limit| limit.1.is_some()),
            "a guard without a limit guards nothing: give at least one of divergence, logit, rise, \
             recovered, drop"
        );
        for (name, limit) in limits {
            let share = name == "recovered" || name == "drop";
            let most = if share { 1.0 } else { f64::MAX };
            ensure!(
                limit.is_none_or(|limit| (0.0..=most).contains(&limit)),
                "{name} = {}: wanted {}",
                limit.unwrap_or_default(),
                if share {
                    "a share, 0 to 1"
                } else {
                    "a limit from 0"
                }
            );
        }
        let models = self.compares();
        ensure!(
            !models
                || (inputs.before.is_some() && inputs.after.is_some() && inputs.tokens.is_some()),
            "divergence, logit, rise and recovered compare models: give `before`, `after` and \
             held-out `tokens`"
        );
        ensure!(
            self.recovered.is_none() || inputs.trained.is_some(),
            "recovered asks what training has won back: give `trained`, the model it has made"
        );
        ensure!(
            self.sample_tokens >= 2,
            "sample_tokens = {}: wanted at least 2, a token and the one that it is to predict",
            self.sample_tokens
        );
        for model in [&inputs.before, &inputs.after, &inputs.trained]
            .into_iter()
            .flatten()
        {
            forecast::within_context("sequence", self.sequence, model)?;
        }
        ensure!(
            self.drop.is_none()
                || (inputs.scores_before.is_some() && inputs.scores_after.is_some()),
            "drop compares evaluations: give `scores_before` and `scores_after`"
        );
        Ok(())
    }

    fn run(
        &self,
        inputs: Inputs,
        context: &mut Context<'_>,
        out: &mut Writer<Evidence>,
    ) -> Result<()> {
        let mut seen = Seen::default();
        if let (true, Some(before), Some(after), Some(tokens)) = (
            self.compares(),
            &inputs.before,
            &inputs.after,
            &inputs.tokens,
        ) {
            let bench = Bench::open(self, before, tokens, context)?;
            context.check_cancelled()?;
            let apart = bench.apart(self, after, tokens)?;
            self.judge_surgery(&bench, &apart, &mut seen);
            if let (Some(limit), Some(trained)) = (self.recovered, &inputs.trained) {
                context.check_cancelled()?;
                let won = bench.apart(self, trained, tokens)?;
                if trained.file(Model::TRAINING).is_file() {
                    let curve: Curve = trained.json(Model::TRAINING)?;
                    let course = curve.validations.iter();
                    seen.recovery = course.map(|at| (at.tokens, at.total.loss)).collect();
                }
                seen.checks
                    .push(recovery(limit, &apart, &won, &seen.recovery));
                seen.trained = Some(won);
            }
            seen.apart = Some(apart);
        }
        if let (Some(limit), Some(before), Some(after)) =
            (self.drop, &inputs.scores_before, &inputs.scores_after)
        {
            let compared = drops::compare(before, after)?;
            let check = drops::judge(limit, self.least_questions, &compared)?;
            seen.checks.push(check);
            seen.evaluations = compared.drops;
        }

        for check in &seen.checks {
            context.message(&format!("{}: {}", check.what, check.evidence));
            out.note(check.what, check.found);
        }
        let tripped: Vec<&str> = seen
            .checks
            .iter()
            .filter(|check| check.tripped)
            .map(|check| check.evidence.as_str())
            .collect();
        if !tripped.is_empty() {
            bail!(
                "a limit is passed: {}. What came of it must not be built on: look at what made it, or \
                 raise the limit if this was expected",
                tripped.join("; ")
            );
        }
        out.json(Evidence::FILE, &seen)
    }
}

impl Guard {
    fn compares(&self) -> bool {
        [self.divergence, self.logit, self.rise, self.recovered]
            .iter()
            .any(Option::is_some)
    }

    fn judge_surgery(&self, bench: &Bench, apart: &Apart, seen: &mut Seen) {
        let mut check = |what: &'static str, limit: Option<f64>, found: f64, evidence: String| {
            let Some(limit) = limit else { return };
            seen.checks.push(Check {
                what,
                limit,
                found,
                // What is not a number is beyond every limit.
                tripped: found.is_nan() || found > limit,
                evidence: format!("{evidence} (the limit is {limit})"),
            });
        };
        let all = &apart.all;
        check(
            "divergence",
            self.divergence,
            all.divergence,
            format!(
                "what the model says is {:.4} nats a token from what it said before, over {} tokens{}",
                all.divergence,
                all.tokens,
                bench.most("; most of all", &apart.divergence)
            ),
        );
        check(
            "logit",
            self.logit,
            apart.logit.value,
            match apart.logit.value == 0.0 {
                true => "every logit is what it was".to_owned(),
                false => format!(
                    "a logit is {:.4} from what it was, that of the token {}",
                    apart.logit.value,
                    bench.place(&apart.logit)
                ),
            },
        );
        let groups: Vec<String> = apart
            .groups
            .iter()
            .map(|group| format!("{} {:+.3}", group.name, group.after - group.before))
            .collect();
        check(
            "rise",
            self.rise,
            all.after - all.before,
            format!(
                "the loss is {:.4} nats a token and was {:.4} before, {:+.4} (by group: {}){}",
                all.after,
                all.before,
                all.after - all.before,
                groups.join(", "),
                bench.most("; it rose most, by", &apart.rise)
            ),
        );
    }
}

/// What a model is compared on.
struct Bench {
    before: Decoder<Cpu>,
    device: Arc<Cpu>,
    shards: Shards,
    tokenizer: Option<Tokenizer>,
    micro_batch: Option<usize>,
}

impl Bench {
    fn open(
        guard: &Guard,
        before: &Artifact<Model>,
        tokens: &Artifact<Tokens>,
        context: &Context<'_>,
    ) -> Result<Self> {
        pretrain::same_tokenizer(before, tokens)?;
        let machine = context.resource::<Machine>()?.clone();
        let device = machine.cpu(guard.precision)?;
        Ok(Bench {
            before: Decoder::load(before.path(), device.clone(), Use::Infer)?,
            device,
            shards: Shards::open(tokens.path())?,
            tokenizer: Tokenizer::load(tokens.path()).ok(),
            micro_batch: machine.micro_batch,
        })
    }

    fn apart(
        &self,
        guard: &Guard,
        after: &Artifact<Model>,
        tokens: &Artifact<Tokens>,
    ) -> Result<Apart> {
        pretrain::same_tokenizer(after, tokens)?;
        let after = Decoder::load(after.path(), self.device.clone(), Use::Infer)?;
        let context = self.before.shape.context.min(after.shape.context);
        let sequence = guard.sequence.unwrap_or(context.min(512));
        let rows = self.micro_batch.unwrap_or(4096);
        train::apart(
            &self.before,
            &after,
            &self.shards,
            guard.sample_tokens,
            sequence,
            (rows / sequence.max(1)).max(1),
        )
    }

    /// Where there was most of something, if there was any.
    fn most(&self, words: &str, worst: &Worst) -> String {
        match worst.value == 0.0 {
            true => String::new(),
            false => format!("{words} {:.2}, {}", worst.value, self.place(worst)),
        }
    }

    /// Where something was found, in words.
    fn place(&self, worst: &Worst) -> String {
        let token = match &self.tokenizer {
            Some(tokenizer) => format!("{:?}", tokenizer.decode_with_specials(&[worst.id])),
            None => worst.id.to_string(),
        };
        format!(
            "{token} after token {} of document {}",
            worst.token, worst.document
        )
    }
}

/// What training has won back of what surgery has cost.
fn recovery(limit: f64, cut: &Apart, trained: &Apart, course: &[(u64, f64)]) -> Check {
    let (before, right_after, now) = (cut.all.before, cut.all.after, trained.all.after);
    let rise = right_after - before;
    let sound = [before, right_after, now]
        .iter()
        .all(|loss| loss.is_finite());
    let (found, said) = if !sound {
        (f64::NAN, "what is no number cannot be won back".to_owned())
    } else if rise > 0.0 {
        let found = (right_after - now) / rise;
        let said = format!("{:.1} % of the rise is won back", 100.0 * found);
        (found, said)
    } else if now <= before {
        (1.0, "nothing was lost, then or later".to_owned())
    } else {
        // Training itself has done the harm.
        let said = "nothing was lost right after, and training has lost it since";
        (0.0, said.to_owned())
    };
    let course: Vec<String> = course
        .iter()
        .map(|(tokens, loss)| format!("{loss:.3} at {}", page::quantity(*tokens as f64)))
        .collect();
    Check {
        what: "recovered",
        limit,
        found,
        // A limit of 0 asks that training did no harm, whether there was a rise or not.
        tripped: found.is_nan() || found < limit || (rise <= 0.0 && now > before),
        evidence: format!(
            "the loss was {before:.4} nats a token, {right_after:.4} right after and is {now:.4} after \
             training: {said} (the limit is {:.1} %){}",
            100.0 * limit,
            match course.is_empty() {
                true => String::new(),
                false => format!("; the validation on the way was {}", course.join(", ")),
            }
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(before: f64, after: f64) -> Apart {
        let mut apart = Apart::default();
        (apart.all.before, apart.all.after) = (before, after);
        apart
    }

    /// Losses before, right after and after training; the share found; a word of the evidence.
    fn check(losses: [f64; 3], share: f64, tripped: bool, word: &str) {
        let [before, right_after, now] = losses;
        let check = recovery(0.5, &after(before, right_after), &after(before, now), &[]);
        let same = check.found == share || check.found.is_nan() && share.is_nan();
        assert!(same, "{losses:?}: {} for {share}", check.found);
        assert_eq!(check.tripped, tripped, "{losses:?}: {}", check.evidence);
        assert!(check.evidence.contains(word), "{}", check.evidence);
    }

    #[test]
    fn what_training_has_won_back() {
        check(
            [3.0, 4.0, 3.25],
            0.75,
            false,
            "75.0 % of the rise is won back",
        );
        check(
            [3.0, 4.0, 3.75],
            0.25,
            true,
            "25.0 % of the rise is won back",
        );
        check([3.0, 4.0, 5.0], -1.0, true, "-100.0 %");
    }

    /// A surgery that changed nothing, or for the better, leaves nothing to win back, but all to lose.
    #[test]
    fn where_nothing_was_lost_training_must_keep_it() {
        check(
            [3.0, 3.0, 3.0],
            1.0,
            false,
            "nothing was lost, then or later",
        );
        check(
            [3.0, 2.5, 2.0],
            1.0,
            false,
            "nothing was lost, then or later",
        );
        check([3.0, 3.0, 9.0], 0.0, true, "training has lost it");
        check([3.0, 2.5, 3.5], 0.0, true, "training has lost it");
        assert!(recovery(0.0, &after(3.0, 3.0), &after(3.0, 9.0), &[]).tripped);
    }

    #[test]
    fn what_is_no_number_trips() {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            for at in 0..3 {
                let mut losses = [3.0, 4.0, 3.0];
                losses[at] = bad;
                check(losses, f64::NAN, true, "no number");
            }
        }
    }
}
