//! `kanana verify`: whether artifacts are still what their manifests say, byte for byte.

use super::Where;
use crate::{stages, terminal};
use anyhow::{Result, bail};
use clap::Args;
use recipe::Problem;
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
            let unfinished = problems.contains(&Problem::Unfinished);
            wrong += usize::from(!problems.is_empty() && !unfinished);
            if self.json {
                answers.push(json!({ "artifact": artifact.folder(), "problems": problems }));
                continue;
            }
            let outside = artifact
                .manifest
                .as_ref()
                .is_some_and(|manifest| manifest.stage().is_none());
            let verdict = match (problems.is_empty(), unfinished, outside) {
                (true, ..) => "as it was made",
                (_, true, _) => "unfinished; its recipe goes on from here",
                (.., true) => {
                    "the files outside have changed since; the recipe makes what depends on them anew"
                }
                _ => "not as it was made; remove this folder of the store and run its recipe again",
            };
            terminal::say(&format!("{}: {verdict}", artifact.folder()));
            for problem in problems.iter().filter(|_| !unfinished) {
                terminal::say(&format!("  {problem}"));
            }
        }
        if self.json {
            terminal::json(&answers)?;
        }
        if wrong > 0 {
            bail!(
                "{wrong} of {} artifacts are not as they were made",
                artifacts.len()
            );
        }
        Ok(())
    }
}
