//! `kanana evals pull NAME…`: fetches benchmarks from a hub and lays them down in their original format.
//!
//! What is fetched, from where and under which licence is said first. Files are checked and kept where
//! `kanana pull` keeps models; what is made of them is read by its task once, and gets its name only then.

use crate::command::held;
use crate::command::pull::settings;
use crate::evaluation;
use crate::terminal::{self, Transfer};
use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use evals::sources::{SOURCES, Source};
use evals::{Kind, Protocol, Setup};
use hub::{Ask, Cache, Name, News, Registry};
use recipe::did_you_mean;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What a folder is called that is not whole yet, and the lock beside it.
const PENDING: &str = ".pulling";
const LOCK: &str = ".pulling.lock";
/// Where a benchmark came from, beside its files.
const ORIGIN: &str = "SOURCE.txt";

/// Fetch benchmarks by their names from a hub.
#[derive(Args)]
#[command(
    after_help = "Reads HF_TOKEN (for data sets that are not open to all), HF_ENDPOINT (another hub), \
    HF_HOME or HF_HUB_CACHE (where what was fetched is kept), as `kanana pull` does; with HF_HUB_OFFLINE nothing \
    is pulled."
)]
pub(super) struct Pull {
    /// Tasks as `kanana evals` lists them; `kobest` is all five of its own
    #[arg(value_name = "TASK", required = true)]
    tasks: Vec<String>,
    /// The folder of benchmarks, which gets a folder for each
    #[arg(long, value_name = "FOLDER", default_value = crate::command::eval::DATA)]
    data: PathBuf,
    /// A branch, a tag or a commit of the data set
    #[arg(long, value_name = "REVISION")]
    revision: Option<String>,
}

impl Pull {
    pub(super) fn run(self) -> Result<()> {
        let mut sources: Vec<&Source> = vec![];
        for task in &self.tasks {
            for source in found(task)? {
                if !sources.iter().any(|known| known.task == source.task) {
                    sources.push(source);
                }
            }
        }
        let mut wanted: Vec<&Source> = vec![];
        for source in sources {
            match self.has(source)? {
                true => terminal::note(&format!(
                    "{} is there already: remove {} to have it pulled anew",
                    source.task,
                    self.data.join(source.place).display()
                )),
                false => wanted.push(source),
            }
        }
        let settings = settings()?;
        ensure!(
            wanted.is_empty() || !settings.offline,
            "nothing may be asked of the network (HF_HUB_OFFLINE), and {} is not in {}: unset it to pull; files \
             that were fetched before are taken from the cache, but the hub is asked which they are",
            wanted[0].task,
            self.data.display()
        );
        for source in &wanted {
            terminal::note(&format!(
                "{}: {} of the data set {}, licence {}",
                source.task,
                source.files.join(", "),
                source.repository,
                source.licence
            ));
        }
        for source in wanted {
            self.pull(source, &settings)
                .with_context(|| format!("{} was not pulled", source.task))?;
            terminal::say(&self.data.join(source.place).display().to_string());
        }
        Ok(())
    }

    /// Whether a benchmark is there.
    ///
    /// # Errors
    /// A folder of its name that lacks what its task reads.
    fn has(&self, source: &Source) -> Result<bool> {
        let place = self.data.join(source.place);
        if !place.exists() {
            return Ok(false);
        }
        let missing = evaluation::missing(task_of(source)?, &self.data);
        ensure!(
            missing.is_empty(),
            "{} is there, but lacks what the task {} reads: {}. Remove it to have it pulled anew",
            place.display(),
            source.task,
            missing.join(", ")
        );
        Ok(true)
    }

    fn pull(&self, source: &Source, settings: &hub::Settings) -> Result<()> {
        let mut name = Name::parse(source.repository)?.of_dataset();
        if let Some(revision) = &self.revision {
            name = name.at(revision)?;
        }
        disk::create_dir(&self.data)?;
        let alone = held(&self.data, &self.data.join(LOCK), "")?;
        // Another run may have pulled it before this one got the lock.
        if self.has(source)? {
            terminal::note(&format!("{} was pulled by another run", source.task));
            return Ok(alone.remove()?);
        }
        let ask = Ask {
            name,
            include: source.files.iter().map(|&file| file.to_owned()).collect(),
            pause: Duration::from_secs(1),
        };
        let cache = Cache::new(&settings.cache);
        let mut licence = source.licence.to_owned();
        let mut bar = Transfer::new();
        let pulled = hub::pull(
            &Registry::new(settings),
            &cache,
            &ask,
            &mut |news| match news {
                News::Licence(Some(said)) if said != licence => {
                    bar.say(&format!("the hub says: licence {said}"));
                    licence = said;
                }
                news => bar.hear(news),
            },
        )?;
        // Everything is made in a folder of benchmarks of its own, and read there.
        let pending = self.data.join(PENDING);
        disk::remove_dir(&pending)?;
        let into = pending.join(source.place);
        disk::create_dir(&into)?;
        source.arrange(&pulled.folder, &into)?;
        let origin = format!(
            "{} at {}, commit {}\nlicence: {licence}\nfiles: {}\nmade by kanana {}\n",
            source.repository,
            settings.endpoint,
            pulled.commit,
            source.files.join(", "),
            env!("CARGO_PKG_VERSION")
        );
        disk::write(&into.join(ORIGIN), origin.as_bytes())?;
        let questions = asked(source, &pending)?;
        let place = self.data.join(source.place);
        if let Some(folder) = place.parent() {
            disk::create_dir(folder)?;
        }
        disk::rename(&into, &place)?;
        disk::remove_dir(&pending)?;
        alone.remove()?;
        bar.end(&format!(
            "{}: {questions} questions, {}B fetched now",
            source.task,
            page::quantity(pulled.fetched as f64)
        ));
        Ok(())
    }
}

/// What a name means.
fn found(task: &str) -> Result<Vec<&'static Source>> {
    let sources = Source::named(task);
    if !sources.is_empty() {
        return Ok(sources);
    }
    match evaluation::kind(task)? {
        Some(kind) => bail!(
            "{} is on no hub in a form that is scored here: `kanana evals` says where it is to be had, and it \
             goes to {} in the folder of benchmarks",
            kind.name,
            kind.needs.join(" and ")
        ),
        None => {
            let near = did_you_mean(task, SOURCES.iter().map(|source| source.task));
            bail!("{task} is a file of your own, and its data is yours{near}")
        }
    }
}

fn task_of(source: &Source) -> Result<&'static Kind> {
    evals::tasks::find(source.task).context("every source has its task")
}

/// How many questions the task finds there.
fn asked(source: &Source, data: &Path) -> Result<usize> {
    let kind = task_of(source)?;
    let setup = Setup {
        data: data.to_owned(),
        protocol: Protocol::Base,
        shots: None,
        samples: 1,
    };
    let questions = (kind.open)(&setup).and_then(|task| task.asks());
    Ok(questions
        .context("what was fetched is not what the task reads; the data set may have changed")?
        .len())
}
