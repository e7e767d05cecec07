//! Servers that are asked: the one that is evaluated, and the one that judges.

use crate::command::Where;
use crate::command::open::{locate, tokenizer_of};
use crate::command::remote::keys;
use crate::evaluation::remote::{Reach, Remote};
use anyhow::{Context as _, Result, ensure};
use clap::Args;
use evals::Protocol;
use model::gguf::{Gguf, is_gguf};
use remote::{Address, Endpoint};
use serde_json::Map;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokenizer::Tokenizer;

/// The file that a tokenizer lies in.
const TOKENIZER: &str = "tokenizer.json";

/// The server that is evaluated.
#[derive(Args, Default)]
pub(super) struct Server {
    /// Evaluate the model behind this OpenAI-compatible server, such as http://127.0.0.1:8080/v1
    #[arg(long, value_name = "URL", conflicts_with = "precision")]
    pub(super) server: Option<String>,
    /// A file with the server's API key [default: KANANA_API_KEY; for api.openai.com also OPENAI_API_KEY]
    #[arg(long, value_name = "FILE", requires = "server")]
    api_key_file: Option<PathBuf>,
    /// A model directory, GGUF file or pulled model with the server's tokenizer: what is judged in the base
    /// protocol then goes out in its tokens, and prompts that its model cannot read whole are cut at their
    /// left, as lm-eval does both [default: they go out as text, and long ones are declined]
    #[arg(long, value_name = "MODEL", requires_all = ["server", "context"])]
    tokenizer: Option<String>,
    /// Tokens that the server's model reads at once
    #[arg(long, value_name = "TOKENS", requires = "tokenizer")]
    context: Option<usize>,
}

/// The server that judges, and how many questions are on their way to any.
#[derive(Args, Default)]
pub(super) struct Judging {
    /// Questions on their way to a server at once
    #[arg(long, value_name = "N", default_value_t = 8,
          value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=256))]
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
    /// How many times the judge votes on each answer [default: 1]
    #[arg(long, value_name = "N", requires = "judge",
          value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..))]
    votes: Option<usize>,
}

impl Server {
    /// Whether the settings make sense, before anything is read.
    pub(super) fn check(&self) -> Result<()> {
        let context = self.context.unwrap_or(usize::MAX);
        ensure!(
            context >= 2,
            "--context {context}: a model reads 2 tokens at once or more"
        );
        Ok(())
    }

    /// Whether the settings suit how questions are put.
    pub(super) fn suits(&self, protocol: Protocol) -> Result<()> {
        ensure!(
            protocol == Protocol::Base || self.tokenizer.is_none(),
            "--tokenizer and --context are for the prompts of the base protocol, and the instruct protocol has \
             conversations, which the server lays out by itself: leave both out, or give --protocol base"
        );
        Ok(())
    }

    /// How far the server's model reads, where it was said.
    pub(super) fn reach(&self, store: &Where) -> Result<Option<Reach>> {
        let (Some(word), Some(context)) = (&self.tokenizer, self.context) else {
            return Ok(None);
        };
        let folder = Path::new(word);
        // A tokenizer alone will do, without a model beside it.
        let path = match folder.join(TOKENIZER).is_file() {
            true => folder.to_owned(),
            false => locate(word, store).with_context(|| format!("--tokenizer {word}"))?,
        };
        let tokenizer = match is_gguf(&path) {
            true => tokenizer_of(&Gguf::open(&path)?)?,
            false => Tokenizer::load(&path)
                .with_context(|| format!("{} has no tokenizer", path.display()))?,
        };
        Ok(Some(Reach::new(tokenizer, context)))
    }

    /// The model that is evaluated, where it is behind a server.
    pub(super) fn model(
        &self,
        model: &str,
        judging: &Judging,
        cancel: &Arc<AtomicBool>,
        reach: Option<Reach>,
    ) -> Result<Option<Remote<Endpoint>>> {
        let Some(url) = &self.server else {
            return Ok(None);
        };
        let key = self.api_key_file.as_ref();
        let remote = judging.remote(url, model, key, cancel)?;
        Ok(Some(remote.reaching(reach)))
    }
}

impl Judging {
    /// How many times the judge votes.
    pub(super) fn votes(&self) -> usize {
        self.votes.unwrap_or(1)
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
