//! The index of claims: what is said of the report, what it says itself, what was measured, or why it cannot be.
//!
//! `claims.toml` has one `[[claim]]` a row; the figures come from the findings of the experiments it names, so that
//! a table can never say other numbers than the experiments do.

use crate::arm::in_words;
use crate::findings::AT_MOST;
use crate::{Drawn, Findings, Unit};
use anyhow::{Context as _, Result, anyhow, ensure};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

/// All claims.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claims {
    #[serde(rename = "claim")]
    claims: Vec<Claim>,
}

/// One claim.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// What is claimed.
    pub says: String,
    /// What the report itself says of it.
    pub report: String,
    /// Experiments about it, by name.
    #[serde(default)]
    pub experiments: Vec<String>,
    /// The comparisons of those experiments that are about it, by name; all that the report says something of where none
    /// is named.
    #[serde(default)]
    pub comparisons: Vec<String>,
    /// What is known of it here without an experiment, or why it cannot be tested.
    #[serde(default)]
    pub note: String,
}

impl Claims {
    /// Reads the file of claims.
    ///
    /// # Errors
    /// What is wrong, with the file.
    pub fn read(path: &Path) -> Result<Claims> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the claims {}", path.display()))?;
        let claims: Claims =
            toml::from_str(&text).map_err(|error| anyhow!("{}: {error}", path.display()))?;
        for claim in &claims.claims {
            ensure!(
                !claim.experiments.is_empty() || !claim.note.is_empty(),
                "{}: the claim \"{}\" names no experiment and no `note` that says why there is none",
                path.display(),
                claim.says
            );
        }
        Ok(claims)
    }

    /// The experiments that claims name, once each, in their order.
    pub fn experiments(&self) -> Vec<&str> {
        let mut seen = BTreeSet::new();
        let all = self.claims.iter().flat_map(|claim| &claim.experiments);
        all.map(String::as_str)
            .filter(|name| seen.insert(*name))
            .collect()
    }

    /// The page, in Markdown. `findings` by the experiment's name; what is missing is said to be not run.
    /// `inputs` are those that whoever repeats an experiment has to bring ([`Experiment::to_bring`]).
    ///
    /// [`Experiment::to_bring`]: crate::Experiment::to_bring
    pub fn markdown(
        &self,
        findings: &BTreeMap<String, Findings>,
        inputs: &BTreeMap<String, Vec<String>>,
    ) -> String {
        let mut page = String::from(HEAD);
        for (number, claim) in self.claims.iter().enumerate() {
            let mut found: Vec<String> = claim
                .experiments
                .iter()
                .map(|name| {
                    let told = findings.get(name).map_or_else(
                        || "not run yet".to_owned(),
                        |findings| told(findings, &claim.comparisons),
                    );
                    format!("[{name}](#{name}): {told}")
                })
                .collect();
            if !claim.note.is_empty() {
                found.push(claim.note.clone());
            }
            let _ = writeln!(
                page,
                "| {} | {} | {} | {} |",
                number + 1,
                cell(&claim.says),
                cell(&claim.report),
                cell(&found.join(". "))
            );
        }
        page.push_str(MIDDLE);
        for name in self.experiments() {
            let _ = write!(page, "\n### {name}\n\n");
            let mut command = format!("kanana experiment recipes/experiments/{name}.toml");
            for input in inputs.get(name).into_iter().flatten() {
                let _ = write!(command, " --input {input}=PATH");
            }
            match findings.get(name) {
                Some(findings) => page.push_str(&one(&command, findings)),
                None => {
                    let _ = writeln!(page, "Not run yet: `{command}`.");
                }
            }
        }
        page
    }
}

const HEAD: &str = "# Claims\n\n\
What is said of the Kanana report, what the report says itself, and what comes out here. Printed by `kanana claims` \
from `recipes/claims.toml` and the findings in `docs/experiments`.\n\n\
| # | claim | the report | here |\n|---|---|---|---|\n";

const MIDDLE: &str = "\n## Experiments\n\n\
Differences are means over seeds, paired, with 95 % intervals (Student's t), each interval by itself: of twenty \
comparisons of nothing with nothing one is expected to look like something. Worlds, models and budgets are small; \
\"not visible at this scale\" says that this design cannot tell, and no more.\n";

/// What an experiment says of a claim: some comparisons with their figures, or the sum of many.
fn told(findings: &Findings, names: &[String]) -> String {
    let about = |drawn: &&Drawn| match names.is_empty() {
        true => drawn.expect.is_some() && !drawn.ours,
        false => names.contains(&drawn.name),
    };
    let drawn: Vec<&Drawn> = findings.contrasts.iter().filter(about).collect();
    if drawn.is_empty() {
        return "its figures stand below".to_owned();
    }
    if names.is_empty() && drawn.len() > MOST_IN_A_ROW {
        return findings.verdict();
    }
    let one = |drawn: &&Drawn| {
        format!(
            "{}, {}: {}, {}",
            drawn.name,
            drawn.outcome,
            drawn.written(findings),
            drawn.came_out(findings)
        )
    };
    drawn.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// More comparisons than these, where none is named, are told by their sum; they stand in the experiment's own section.
const MOST_IN_A_ROW: usize = 4;

/// One experiment's section, and the command that repeats it.
fn one(command: &str, findings: &Findings) -> String {
    let mut text = format!(
        "{}\n\nThe report: {}\n\n`{command}`, {} seeds.\n\n",
        findings.question,
        findings.report,
        findings.seeds.len()
    );
    text.push_str("| arm | differences | tokens | training FLOPs | teachers' FLOPs |\n|---|---|---|---|---|\n");
    for arm in &findings.arms {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} |",
            cell(&arm.name),
            cell(&in_words(&arm.says, &arm.differences)),
            page::quantity(arm.spent.tokens),
            page::quantity(arm.spent.flops),
            page::quantity(arm.spent.teacher_flops)
        );
    }
    text.push_str("\n| outcome |");
    for arm in &findings.arms {
        let _ = write!(text, " {} |", cell(&arm.name));
    }
    text.push_str("\n|---|");
    text.push_str(&"---|".repeat(findings.arms.len()));
    text.push('\n');
    for outcome in &findings.outcomes {
        let _ = write!(text, "| {} |", cell(&outcome.name));
        for measured in &outcome.arms {
            let value = measured.interval.map_or_else(
                || "–".to_owned(),
                |interval| {
                    format!(
                        "{}{} ({} to {})",
                        measured.before_mean(),
                        outcome.unit.written(interval.mean),
                        outcome.unit.written(interval.low),
                        outcome.unit.written(interval.high)
                    )
                },
            );
            let _ = write!(text, " {value} |");
        }
        text.push('\n');
    }
    text.push_str(
        "\n| comparison | outcome | difference | expected | verdict |\n|---|---|---|---|---|\n",
    );
    for drawn in &findings.contrasts {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} |",
            cell(&drawn.name),
            cell(&drawn.outcome),
            drawn.written(findings),
            drawn.expected(findings),
            drawn.came_out(findings)
        );
    }
    if !findings.notes.is_empty() {
        let _ = write!(text, "\n{}\n", findings.notes);
    }
    text
}

impl Drawn {
    /// How its outcome is written.
    fn unit(&self, findings: &Findings) -> Unit {
        let mut outcomes = findings.outcomes.iter();
        let found = outcomes.find(|outcome| outcome.name == self.outcome);
        found.map_or(Unit::Number, |outcome| outcome.unit)
    }

    /// The difference with its interval, in words; of how many seeds, where some are missing.
    pub fn written(&self, findings: &Findings) -> String {
        let (unit, seeds) = (self.unit(findings), findings.seeds.len());
        let Some(interval) = self.difference else {
            return format!("– ({} of {seeds} seeds have all values)", self.seeds);
        };
        let some = match self.seeds == seeds {
            true => String::new(),
            false => format!(", {} of {seeds} seeds", self.seeds),
        };
        let [middle, low, high] =
            [interval.mean, interval.low, interval.high].map(|value| unit.signed(value));
        let bound = match (self.at_most, self.at_least) {
            (true, false) => AT_MOST,
            (false, true) => "at least ",
            // Which way it lies is not known; the verdict says so.
            _ => "",
        };
        format!("{bound}{middle} ({low} to {high}{some})")
    }

    /// The verdict, in words, and why nothing is visible where the figures look as if something were.
    pub fn came_out(&self, findings: &Findings) -> String {
        let words = self.judged(findings.seeds.len()).words(self.ours);
        let flat = self.difference.is_some_and(|one| one.is_flat());
        match (self.at_most && self.at_least, flat) {
            (true, _) => format!("{words} (values of both sides may be less)"),
            (false, true) => format!("{words} (no spread to judge by)"),
            (false, false) => words.to_owned(),
        }
    }

    /// What should come out, in words: whose word it is, which way, how much.
    pub fn expected(&self, findings: &Findings) -> String {
        let unit = self.unit(findings);
        let Some(expect) = self.expect else {
            return "–".to_owned();
        };
        let whose = if self.ours { "ours" } else { "the report" };
        let mut words = format!("{whose}: {}", expect.words());
        if let Some(about) = self.about {
            let _ = write!(words, ", about {}", unit.signed(about));
        }
        if let Some(smallest) = self.smallest {
            let _ = write!(words, " (from {} on it counts)", unit.signed(smallest));
        }
        words
    }
}

impl Unit {
    /// A value for people.
    pub fn written(self, value: f64) -> String {
        match self {
            Unit::Number => page::fixed(value, 4),
            Unit::Share => page::percent(value, 1),
            Unit::Quantity => page::quantity(value),
        }
    }

    /// A difference for people: of shares, in points.
    pub fn signed(self, value: f64) -> String {
        let sign = if value < 0.0 { "−" } else { "+" };
        match self {
            Unit::Share => format!("{sign}{} points", page::fixed(value.abs() * 100.0, 1)),
            Unit::Number | Unit::Quantity => format!("{sign}{}", self.written(value.abs())),
        }
    }
}

/// Text inside a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
