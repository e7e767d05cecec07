//! `kanana gc`: frees what no given recipe needs. It says first what would go.

use super::{Where, read_recipe};
use crate::{stages, terminal};
use anyhow::{Result, bail, ensure};
use clap::Args;
use recipe::{Bindings, Plan, Recipe};

/// Free what no recipe needs.
#[derive(Args)]
pub(crate) struct Gc {
    /// Recipes whose artifacts stay
    #[arg(required = true)]
    recipes: Vec<String>,
    /// Inputs of those recipes
    #[arg(long = "input", value_name = "NAME=PATH")]
    inputs: Vec<String>,
    /// Free it, instead of saying what would be freed
    #[arg(long)]
    yes: bool,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: Where,
}

impl Gc {
    pub(crate) fn run(self) -> Result<()> {
        let store = self.store.existing()?;
        let registry = stages::registry();
        let recipes = self
            .recipes
            .iter()
            .map(|word| read_recipe(word))
            .collect::<Result<Vec<_>>>()?;
        let named = |recipe: &Recipe, text: &str| {
            recipe
                .inputs()
                .any(|(name, ..)| text.split('=').next() == Some(name))
        };
        for text in &self.inputs {
            ensure!(
                recipes.iter().any(|recipe| named(recipe, text)),
                "--input {text}: none of the recipes has an input of that name"
            );
        }
        let mut keep = Vec::new();
        for recipe in &recipes {
            let bound = self
                .inputs
                .iter()
                .map(String::as_str)
                .filter(|text| named(recipe, text));
            let bindings = Bindings::parse(bound)?;
            let plan = Plan::new(recipe, &registry, &bindings, &store)?;
            // Without its contents nobody knows the keys of what was made with it.
            if let Some(input) = plan.planned().first() {
                bail!(
                    "{}: the input \"{}\" (of kind `{}`) is planned and not bound, so what was made \
                     with it would go: add --input {}=PATH",
                    recipe.origin(),
                    input.name,
                    input.kind,
                    input.name
                );
            }
            keep.extend(plan.keys());
        }
        ensure!(
            !keep.is_empty(),
            "the recipes make nothing, so everything would go: name a recipe with steps"
        );
        let freed = recipe::gc(&store, &keep, !self.yes)?;
        if self.json {
            return terminal::json(&freed);
        }
        for item in &freed.items {
            terminal::say(&format!(
                "{:>10.1} MB  {}: {}",
                item.bytes as f64 / 1e6,
                item.path.display(),
                item.why
            ));
        }
        let verb = if self.yes {
            "freed"
        } else {
            "would be freed; say --yes to free them"
        };
        terminal::say(&format!("{:.1} MB {verb}", freed.bytes as f64 / 1e6));
        Ok(())
    }
}
