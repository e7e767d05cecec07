//! `kanana cost`: what a recipe costs, by step and by model, and against training from scratch.
//!
//! Everything comes from the plan: sizes that the recipe declares, shapes and tokens that its stages
//! expect. Nothing is run and nothing needs to be there. The formulas are those of the report's
//! section on compute; see `account`, and `hardware` for memory and time.

pub(super) mod account;
mod draw;
mod hardware;
mod published;

use super::{Chosen, read_recipe};
use crate::{forecast, terminal};
use account::Account;
use anyhow::{Context as _, Result, ensure};
use clap::Args;
use hardware::{Cluster, Shard};
use page::terminal::Ink;
use serde_json::json;
use std::path::PathBuf;

/// Columns of the tables.
const COLUMNS: usize = 140;

/// Say what a recipe costs on named hardware.
#[derive(Args)]
pub(crate) struct Cost {
    #[command(flatten)]
    chosen: Chosen,
    /// The devices
    #[arg(long, default_value = "h100-sxm", value_name = "NAME", value_parser = hardware::parse)]
    hardware: hardware::Hardware,
    /// The share of the devices' peak that training reaches (MFU)
    #[arg(long, default_value_t = 0.4, value_name = "SHARE")]
    utilisation: f64,
    /// Replicas of the model that share a batch
    #[arg(long, default_value_t = 64, value_name = "N")]
    data: usize,
    /// Devices that share every layer
    #[arg(long, default_value_t = 8, value_name = "N")]
    tensor: usize,
    /// Devices that share the layers out
    #[arg(long, default_value_t = 1, value_name = "N")]
    pipeline: usize,
    /// Sequences that a replica works on at once
    #[arg(long, default_value_t = 1, value_name = "N")]
    sequences: usize,
    /// What replicas share instead of each having its own
    #[arg(long, value_enum, default_value_t = Shard::Optimizer)]
    shard: Shard,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
    /// Write a page with pictures as well
    #[arg(long, value_name = "FILE")]
    page: Option<PathBuf>,
}

impl Cost {
    pub(crate) fn run(self) -> Result<()> {
        ensure!(
            self.utilisation > 0.0 && self.utilisation <= 1.0,
            "--utilisation {}: wanted a share of the peak, above 0 and up to 1",
            self.utilisation
        );
        let cluster = Cluster {
            hardware: self.hardware.clone(),
            utilisation: self.utilisation,
            data: self.data,
            tensor: self.tensor,
            pipeline: self.pipeline,
            sequences: self.sequences,
            shard: self.shard,
        };
        for (flag, count) in [
            ("data", cluster.data),
            ("tensor", cluster.tensor),
            ("pipeline", cluster.pipeline),
            ("sequences", cluster.sequences),
        ] {
            ensure!(count > 0, "--{flag} 0: wanted at least 1");
        }
        let (plan, _) = self.chosen.plan()?;
        for (place, what) in read_recipe(&self.chosen.recipe)?.expected() {
            if !forecast::is_counted(what) {
                terminal::note(&format!(
                    "\"{place}\" expects \"{what}\", and no cost is counted from that; known are {}",
                    forecast::COUNTED.join(", ")
                ));
            }
        }
        let account = Account::of(&plan)?;
        ensure!(
            !account.steps.is_empty(),
            "the recipe {} trains nothing whose size is known before it runs, so there is no cost to \
             count{}",
            plan.recipe,
            account.unknown_sentence()
        );
        if let Some(path) = &self.page {
            let html = draw::page(&account, &cluster, &plan.recipe, true)?.finish();
            disk::write(path, html.as_bytes())
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        if self.json {
            let resources = account.steps.iter().map(|step| cluster.needs(step));
            return terminal::json(&json!({
                "recipe": plan.recipe,
                "cluster": cluster,
                "account": account,
                "needs": resources.collect::<Vec<_>>(),
            }));
        }
        let page = draw::page(&account, &cluster, &plan.recipe, false)?;
        terminal::say(page.terminal(COLUMNS, Ink::Plain).trim_end());
        if let Some(path) = &self.page {
            terminal::note(&format!("The page, with pictures: {}", path.display()));
        }
        Ok(())
    }
}
