//! The recipes of an experiment, planned: what is there, what is to be made, what each arm costs.

use crate::command::cost::account::Account;
use crate::command::plan::flops;
use crate::kinds::Importance;
use crate::terminal;
use anyhow::{Context as _, Result, ensure};
use lab::{Arm, Count, Experiment, Spent};
use page::{Cell, Column, Table};
use recipe::{Bindings, Kind as _, Plan, Recipe, State, Store};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// An arm with a seed.
pub(super) struct Run {
    /// The arm's place.
    pub(super) arm: usize,
    /// The seed's place.
    pub(super) seed: usize,
    pub(super) text: String,
    pub(super) recipe: Recipe,
    /// The steps that outcomes are measured in: those, and what they need, are made.
    pub(super) wanted: Vec<String>,
}

/// Everything that an experiment will run.
pub(super) struct Design<'a> {
    pub(super) experiment: &'a Experiment,
    pub(super) bindings: &'a Bindings,
    /// Arm by arm: what runs beside each other then has other seeds, and little to wait for.
    pub(super) runs: Vec<Run>,
    /// By arm.
    pub(super) spent: BTreeMap<String, Spent>,
    /// By arm and step: FLOPs of training a token.
    pub(super) flops_a_token: BTreeMap<(String, String), f64>,
    /// By key, so that what arms share is there once.
    steps: BTreeMap<String, Planned>,
    /// The names of the steps of all arms.
    names: BTreeSet<String>,
}

/// A step of one or several arms.
struct Planned {
    flops: f64,
    done: bool,
    arms: BTreeSet<usize>,
}

impl<'a> Design<'a> {
    /// Plans every arm with every seed.
    ///
    /// # Errors
    /// What is wrong with an arm's recipe, the arm named.
    pub(super) fn new(
        experiment: &'a Experiment,
        bindings: &'a Bindings,
        store: &Store,
    ) -> Result<Design<'a>> {
        let mut design = Design {
            experiment,
            bindings,
            runs: Vec::new(),
            spent: BTreeMap::new(),
            flops_a_token: BTreeMap::new(),
            steps: BTreeMap::new(),
            names: BTreeSet::new(),
        };
        for (place, arm) in experiment.arms.iter().enumerate() {
            for seed in 0..experiment.seeds.len() {
                let planned = design.add(seed, place, arm, store);
                planned.with_context(|| {
                    format!(
                        "the arm \"{}\" of {} cannot be planned",
                        arm.name,
                        experiment.origin()
                    )
                })?;
            }
        }
        Ok(design)
    }

    fn add(&mut self, seed: usize, place: usize, arm: &Arm, store: &Store) -> Result<()> {
        let text = self.experiment.recipe(arm, self.experiment.seeds[seed])?;
        // Paths in the inputs are relative to the experiment's folder.
        let recipe = Recipe::parse(&text, self.experiment.origin())?;
        let run = Run {
            arm: place,
            seed,
            text,
            recipe,
            wanted: self.experiment.measured_in(arm)?,
        };
        let plan = run.plan(self.bindings, store)?;
        for step in plan.steps() {
            let known = self
                .steps
                .entry(step.key.clone())
                .or_insert_with(|| Planned {
                    flops: flops(step).unwrap_or(0.0),
                    done: step.state == State::Cached,
                    arms: BTreeSet::new(),
                });
            known.arms.insert(place);
            self.names.insert(step.name.clone());
        }
        if seed == 0 {
            self.count(arm, &plan)?;
        }
        self.runs.push(run);
        Ok(())
    }

    /// What an arm costs, by the cost model.
    fn count(&mut self, arm: &Arm, plan: &Plan) -> Result<()> {
        let account = Account::of(plan)?;
        ensure!(
            account.unknown.is_empty(),
            "its budget cannot be counted{}",
            account.unknown_sentence()
        );
        let sunk = &self.experiment.budget.sunk;
        let mut spent = Spent::default();
        for step in &account.steps {
            if step.trains && step.tokens > 0.0 {
                let place = (arm.name.clone(), step.name.clone());
                self.flops_a_token
                    .insert(place, step.training.exact / step.tokens);
            }
            if sunk.contains(&step.name) {
                continue;
            }
            if step.trains {
                spent.tokens += step.tokens;
            }
            spent.flops += step.training.exact;
            spent.teacher_flops += step.teacher.exact;
        }
        // Measuring what matters is a teacher's forward pass that trains nobody.
        let measured = plan
            .steps()
            .iter()
            .filter(|step| step.kind == Importance::NAME);
        spent.teacher_flops += measured
            .filter(|step| !sunk.contains(&step.name))
            .filter_map(flops)
            .sum::<f64>();
        self.spent.insert(arm.name.clone(), spent);
        Ok(())
    }

    /// Whether the arms agree in what they must agree in.
    ///
    /// # Errors
    /// The two arms that are furthest apart, with their figures.
    pub(super) fn check_budget(&self) -> Result<()> {
        let budget = &self.experiment.budget;
        for name in &budget.sunk {
            ensure!(
                self.names.contains(name),
                "`budget.sunk` names the step \"{name}\", which no arm has or needs"
            );
        }
        let of = |spent: &Spent| match budget.equal {
            Count::Flops => {
                spent.flops
                    + if budget.teachers {
                        spent.teacher_flops
                    } else {
                        0.0
                    }
            }
            Count::Tokens => spent.tokens,
            Count::Nothing => 0.0,
        };
        let counted = || self.spent.iter().map(|(arm, spent)| (arm, of(spent)));
        let least = counted().min_by(|a, b| a.1.total_cmp(&b.1));
        let most = counted().max_by(|a, b| a.1.total_cmp(&b.1));
        if let (Some(least), Some(most)) = (least, most) {
            let what = match budget.equal {
                Count::Flops => "FLOPs",
                _ => "tokens",
            };
            ensure!(
                most.1 <= least.1 * (1.0 + budget.within),
                "the arms should cost the same within {}, but \"{}\" costs {:.4e} {what} and \"{}\" {:.4e}: give both the \
                 same by their tokens (a ratio of {:.4}), name what was paid for before under `budget.sunk`, or say \
                 `budget.equal = \"nothing\"`",
                page::percent(budget.within, 1),
                least.0,
                least.1,
                most.0,
                most.1,
                most.1 / least.1
            );
        }
        Ok(())
    }

    /// Writes each arm with each seed as the recipe that it is.
    pub(super) fn write_recipes(&self, out: &Path) -> Result<()> {
        let folder = out.join("arms");
        disk::create_dir(&folder)?;
        for run in &self.runs {
            let arm = &self.experiment.arms[run.arm].name;
            let plain = arm.replace(|c: char| !c.is_alphanumeric(), "-");
            let seed = self.experiment.seeds[run.seed];
            // Numbered, since two names may look alike once they are plain.
            let path = folder.join(format!("{}-{plain}-{seed}.toml", run.arm + 1));
            disk::write(&path, run.text.as_bytes())
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }

    /// What there is to do, by arm; a step of several arms is counted in each.
    pub(super) fn table(&self) -> Table {
        let mut table = Table::new([
            Column::text("arm"),
            Column::text("differences"),
            Column::text("tokens"),
            Column::text("training FLOPs"),
            Column::text("teachers' FLOPs"),
            Column::text("steps to do"),
        ])
        .caption(format!(
            "{} seeds; what an arm costs is said for one of them",
            self.experiment.seeds.len()
        ));
        for (place, arm) in self.experiment.arms.iter().enumerate() {
            let spent = self.spent.get(&arm.name).copied().unwrap_or_default();
            let mine = || {
                self.steps
                    .values()
                    .filter(|step| step.arms.contains(&place))
            };
            table.row([
                Cell::from(arm.name.as_str()),
                Cell::from(arm.in_words()),
                Cell::from(page::quantity(spent.tokens)),
                Cell::from(format!("{:.3e}", spent.flops)),
                Cell::from(format!("{:.3e}", spent.teacher_flops)),
                Cell::from(format!(
                    "{} of {}",
                    mine().filter(|step| !step.done).count(),
                    mine().count()
                )),
            ]);
        }
        table
    }

    fn missing(&self) -> impl Iterator<Item = &Planned> {
        self.steps.values().filter(|step| !step.done)
    }

    /// How long what is missing takes here.
    pub(super) fn left(&self, speed: f64, machine: &str) -> String {
        let flops: f64 = self.missing().map(|step| step.flops).sum();
        format!(
            "{} of {} steps are to be made, {} FLOPs, about {} here ({machine}).",
            self.missing().count(),
            self.steps.len(),
            page::quantity(flops),
            terminal::seconds(flops / speed)
        )
    }

    /// The same for a program.
    pub(super) fn plan_in_json(&self, speed: f64) -> Value {
        let flops: f64 = self.missing().map(|step| step.flops).sum();
        json!({
            "experiment": self.experiment.name(),
            "seeds": self.experiment.seeds,
            "arms": self.spent,
            "steps": self.steps.len(),
            "steps_to_do": self.missing().count(),
            "flops_to_do": flops,
            "seconds": flops / speed,
        })
    }
}

impl Run {
    /// Its plan, without the steps that no outcome needs.
    pub(super) fn plan(&self, bindings: &Bindings, store: &Store) -> Result<Plan> {
        let plan = Plan::new(&self.recipe, &crate::stages::registry(), bindings, store)?;
        plan.only(&self.wanted.iter().map(String::as_str).collect::<Vec<_>>())
    }
}
