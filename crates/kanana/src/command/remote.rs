//! How models behind an endpoint are reached: the key, how many calls at once, how much may be spent.
//!
//! Which model at which address is the recipe's; none of this changes what is made.

use crate::environment;
use anyhow::Result;
use clap::Args;
use remote::{Access, Budget, Key, Patience};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Options of commands that may ask an endpoint.
#[derive(Args, Clone, Debug)]
pub(crate) struct Remote {
    /// A file that holds the API key for the endpoints a recipe names
    /// [default: KANANA_API_KEY; for api.openai.com also OPENAI_API_KEY]
    #[arg(long, value_name = "FILE", help_heading = "Endpoints")]
    api_key_file: Option<PathBuf>,
    /// Calls under way at once
    #[arg(long, value_name = "N", default_value_t = 8, help_heading = "Endpoints",
          value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=256))]
    parallel_calls: usize,
    /// Stop, and keep what came, when a step has had so many calls answered
    #[arg(long, value_name = "N", help_heading = "Endpoints")]
    max_calls: Option<u64>,
    /// Stop, and keep what came, when a step has used so many tokens, read and written
    #[arg(long, value_name = "N", help_heading = "Endpoints")]
    max_tokens: Option<u64>,
    /// How long one call may take before it is tried again
    #[arg(long, value_name = "SECONDS", default_value_t = 600, help_heading = "Endpoints",
          value_parser = clap::value_parser!(u64).range(1..))]
    call_seconds: u64,
}

impl Remote {
    /// What stages reach endpoints by.
    ///
    /// # Errors
    /// A key that cannot be read, or is none.
    pub(crate) fn access(&self) -> Result<Access> {
        Ok(Access {
            parallel: self.parallel_calls,
            patience: Patience {
                call: Duration::from_secs(self.call_seconds),
                ..Patience::default()
            },
            budget: Budget {
                calls: self.max_calls,
                tokens: self.max_tokens,
            },
            ..keys(self.api_key_file.as_deref())?
        })
    }
}

/// The keys that are there: in a file, or else in the environment.
///
/// # Errors
/// A key that cannot be read, or is none.
pub(super) fn keys(file: Option<&Path>) -> Result<Access> {
    let word = |name: &str| {
        environment::word(name)
            .map(|text| Key::new(&text))
            .transpose()
    };
    let key = match file {
        Some(path) => Some(Key::read(path)?),
        None => word("KANANA_API_KEY")?,
    };
    let own = word("OPENAI_API_KEY")?;
    Ok(Access {
        key,
        keys: own
            .map(|key| ("https://api.openai.com".to_owned(), key))
            .into_iter()
            .collect(),
        ..Access::default()
    })
}
