//! Servers that are asked: the one that is evaluated, and the one that judges.

use crate::command::remote::keys;
use crate::evaluation::remote::Remote;
use anyhow::{Result, ensure};
use clap::Args;
use remote::{Address, Endpoint};
use serde_json::Map;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Which servers, and how to get there.
#[derive(Args)]
pub(super) struct Servers {
    /// Evaluate the model behind this OpenAI-compatible server, such as http://127.0.0.1:8080/v1
    #[arg(long, value_name = "URL")]
    pub(super) server: Option<String>,
    /// A file with the server's API key [default: KANANA_API_KEY; for api.openai.com also OPENAI_API_KEY]
    #[arg(long, value_name = "FILE", requires = "server")]
    api_key_file: Option<PathBuf>,
    /// Questions on their way to a server at once
    #[arg(long, value_name = "N", default_value_t = 8)]
    parallel_calls: usize,
    /// An OpenAI-compatible server whose model judges answers
    #[arg(long, value_name = "URL", requires = "judge_model")]
    pub(super) judge: Option<String>,
    /// The judge's name there
    #[arg(long, value_name = "NAME", requires = "judge")]
    pub(super) judge_model: Option<String>,
    /// A file with the judge's API key [default: as for the server]
    #[arg(long, value_name = "FILE", requires = "judge")]
    judge_key_file: Option<PathBuf>,
    /// How many times the judge votes on each answer
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(super) votes: usize,
}

impl Servers {
    /// Whether addresses and keys make sense, before anything is asked.
    pub(super) fn check(&self) -> Result<()> {
        ensure!(self.votes > 0, "--votes 0: a judge votes at least once");
        let never = Arc::new(AtomicBool::new(false));
        self.judge(&never)?;
        if let Some(url) = &self.server {
            self.model(url, "a model", &never)?;
        }
        Ok(())
    }

    /// The model that is evaluated.
    pub(super) fn model(
        &self,
        url: &str,
        model: &str,
        cancel: &Arc<AtomicBool>,
    ) -> Result<Remote<Endpoint>> {
        self.remote(url, model, self.api_key_file.as_ref(), cancel)
    }

    /// The one that judges.
    pub(super) fn judge(&self, cancel: &Arc<AtomicBool>) -> Result<Option<Remote<Endpoint>>> {
        let (Some(url), Some(model)) = (&self.judge, &self.judge_model) else {
            return Ok(None);
        };
        let judge = self.remote(url, model, self.judge_key_file.as_ref(), cancel);
        judge.map(Some)
    }

    fn remote(
        &self,
        url: &str,
        model: &str,
        key: Option<&PathBuf>,
        cancel: &Arc<AtomicBool>,
    ) -> Result<Remote<Endpoint>> {
        let address = Address {
            url: url.to_owned(),
            model: model.to_owned(),
            extra: Map::new(),
        };
        let access = keys(key.map(PathBuf::as_path))?;
        let over = Arc::new(AtomicBool::new(false));
        let (given_up, cancel) = (over.clone(), cancel.clone());
        let stop = move || given_up.load(Ordering::SeqCst) || cancel.load(Ordering::SeqCst);
        let endpoint = access.endpoint(&address)?.until(stop);
        Ok(Remote::new(endpoint, address, self.parallel_calls, over))
    }
}
