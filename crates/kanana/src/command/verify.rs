//! `kanana verify`: whether artifacts are still what their manifests say, byte for byte.

use super::Where;
use crate::{stages, terminal};
use anyhow::{Result, bail};
use clap::Args;
use serde_json::json;

/// Check artifacts.
#[derive(Args)]
pub(crate) struct Verify {
    /// Names, name-keys, keys or folders [default: everything in the store]
    artifacts: Vec<String>,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: Where,
}

impl Verify {
    pub(crate) fn run(self) -> Result<()> {
        let store = self.store.existing()?;
        let registry = stages::registry();
        let artifacts = match self.artifacts.as_slice() {
            [] => store.artifacts()?,
            names => names
                .iter()
                .map(|name| store.find(name))
                .collect::<Result<_>>()?,
        };
        let mut wrong = 0;
        let mut answers = Vec::new();
        for artifact in &artifacts {
            let problems = recipe::verify(artifact, &registry)?;
            wrong += usize::from(!problems.is_empty());
            if self.json {
                answers.push(json!({ "artifact": artifact.folder(), "problems": problems }));
                continue;
            }
            let verdict = if problems.is_empty() {
                "as it was made"
            } else {
                "not as it was made"
            };
            terminal::say(&format!("{}: {verdict}", artifact.folder()));
            for problem in problems {
                terminal::say(&format!("  {problem}"));
            }
        }
        if self.json {
            terminal::json(&answers)?;
        }
        if wrong > 0 {
            bail!(
                "{wrong} of {} artifacts are not as they were made; remove their folders and run the recipe again",
                artifacts.len()
            );
        }
        Ok(())
    }
}
