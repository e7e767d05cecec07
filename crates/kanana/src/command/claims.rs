//! `kanana claims`: the index of claims, from the list of them and what the experiments found.

use crate::terminal;
use anyhow::{Context as _, Result, ensure};
use clap::Args;
use lab::{Claims, Experiment, Findings};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Print the index of claims.
#[derive(Args)]
pub(crate) struct ClaimsCommand {
    /// The list of claims
    #[arg(default_value = "recipes/claims.toml", value_name = "FILE")]
    file: PathBuf,
    /// The folder of findings, one JSON file an experiment
    #[arg(long, default_value = "docs/experiments", value_name = "FOLDER")]
    findings: PathBuf,
    /// The folder of experiments, to see whether findings are of the files as they are now
    #[arg(long, default_value = "recipes/experiments", value_name = "FOLDER")]
    experiments: PathBuf,
    /// Write the page here, and do not print it
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl ClaimsCommand {
    pub(crate) fn run(self) -> Result<()> {
        let claims = Claims::read(&self.file)?;
        let (mut findings, mut inputs) = (BTreeMap::new(), BTreeMap::new());
        for name in claims.experiments() {
            let path = self.findings.join(format!("{name}.json"));
            let file = self.experiments.join(format!("{name}.toml"));
            if file.is_file() {
                let bring = Experiment::read(&file)?;
                let bring = bring.to_bring().into_iter().map(str::to_owned).collect();
                inputs.insert(name.to_owned(), bring);
            }
            if path.is_file() {
                let found = read(&path)?;
                ensure!(
                    found.experiment == name,
                    "{} holds the findings of \"{}\": wanted those of \"{name}\"",
                    path.display(),
                    found.experiment
                );
                if file.is_file() && disk::hash_file(&file)? != found.file {
                    terminal::note(&format!(
                        "{} is of an earlier version of {}: run the experiment again",
                        path.display(),
                        file.display()
                    ));
                }
                findings.insert(name.to_owned(), found);
            }
        }
        let page = claims.markdown(&findings, &inputs);
        match &self.out {
            Some(path) => disk::write(path, page.as_bytes())
                .with_context(|| format!("cannot write {}", path.display())),
            None => {
                terminal::say(page.trim_end());
                Ok(())
            }
        }
    }
}

fn read(path: &Path) -> Result<Findings> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the findings {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| {
        format!(
            "{} holds no findings of an experiment: run it again with --findings {}",
            path.display(),
            path.display()
        )
    })
}
