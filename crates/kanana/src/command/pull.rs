//! `kanana pull ORG/NAME`: fetches a model from a hub, so that its name can be used wherever a model is wanted.
//!
//! The last line, alone on standard output, is the model's folder.

use crate::terminal;
use anyhow::{Result, bail};
use clap::Args;
use hub::{Ask, Cache, Name, News, Registry, Settings};
use std::path::PathBuf;
use std::time::Duration;

/// Fetch a model by its name from a hub.
#[derive(Args)]
#[command(
    after_help = "Reads HF_TOKEN (for models that are not open to all), HF_ENDPOINT (another hub), \
    HF_HOME or HF_HUB_CACHE (where models lie) and HF_HUB_OFFLINE, as other tools do."
)]
pub(crate) struct Pull {
    /// The model: ORG/NAME, or ORG/NAME@REVISION
    #[arg(value_name = "ORG/NAME")]
    name: String,
    /// A branch, a tag or a commit
    #[arg(long, value_name = "REVISION")]
    revision: Option<String>,
    /// Only files that match, instead of those a model needs (`*` and `?`); may be given several times
    #[arg(long, value_name = "PATTERN")]
    include: Vec<String>,
    /// Ask nothing of the network: say where the model lies, if it was pulled before
    #[arg(long)]
    offline: bool,
}

/// Where the hub and the pulled models are, by the environment.
pub(crate) fn settings() -> Result<Settings> {
    Settings::new(crate::environment::word)
}

impl Pull {
    pub(crate) fn run(self) -> Result<()> {
        let settings = settings()?;
        let mut name = Name::parse(&self.name)?;
        if let Some(revision) = &self.revision {
            name = name.at(revision)?;
        }
        let cache = Cache::new(&settings.cache);
        if self.offline || settings.offline {
            let Some(folder) = cache.find(&name)? else {
                bail!(
                    "{name} was not pulled before, and nothing may be asked of the network (--offline or \
                     HF_HUB_OFFLINE); looked in {}",
                    cache.folder().display()
                );
            };
            terminal::say(&folder.display().to_string());
            return Ok(());
        }
        let ask = Ask {
            name,
            include: self.include,
            pause: Duration::from_secs(1),
        };
        let mut bar = terminal::Transfer::new();
        let pulled = hub::pull(
            &Registry::new(&settings),
            &cache,
            &ask,
            &mut |news| match news {
                News::Licence(Some(licence)) => {
                    bar.say(&format!("licence: {licence}, as the model's card has it"));
                }
                news => bar.hear(news),
            },
        )?;
        bar.end(&format!(
            "{}: {} files, {}B, {}B of them fetched now",
            ask.name,
            pulled.files,
            page::quantity(pulled.bytes as f64),
            page::quantity(pulled.fetched as f64)
        ));
        terminal::say(&pulled.folder.display().to_string());
        Ok(())
    }
}

/// The model that was pulled under a name, if the word is one and it was.
///
/// # Errors
/// A model of which a part is missing.
pub(crate) fn pulled(word: &str) -> Result<Option<PathBuf>> {
    let Ok(name) = Name::parse(word) else {
        return Ok(None);
    };
    let Some(folder) = Cache::new(settings()?.cache).find(&name)? else {
        return Ok(None);
    };
    if folder.join("config.json").exists() {
        return Ok(Some(folder));
    }
    // A repository of GGUF files: the one that was fetched.
    let packed = hub::packed(&folder)?;
    match packed.as_slice() {
        [one] => Ok(Some(one.clone())),
        several => bail!(
            "{word} has {} GGUF files in {}: name one of them by its path",
            several.len(),
            folder.display()
        ),
    }
}
