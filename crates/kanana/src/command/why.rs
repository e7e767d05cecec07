//! `kanana why`: where an artifact came from, back to raw files, from manifests alone.

use super::Where;
use crate::terminal;
use anyhow::Result;
use clap::Args;

/// Say where an artifact came from.
#[derive(Args)]
pub(crate) struct Why {
    /// A name, name-key, key, or the path of its folder
    artifact: String,
    /// Raw files to list for each input
    #[arg(long, default_value_t = 20)]
    files: usize,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: Where,
}

impl Why {
    pub(crate) fn run(self) -> Result<()> {
        let store = self.store.existing()?;
        let lineage = recipe::lineage(&store, &store.find(&self.artifact)?)?;
        if self.json {
            return terminal::json(&lineage);
        }
        terminal::say(lineage.tree(self.files).trim_end());
        Ok(())
    }
}
