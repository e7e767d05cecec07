//! The folder of an evaluation: its lock, the answers of earlier runs, which models servers had, the recipe.

use super::Evaluation;
use crate::command::{held, now};
use crate::evaluation::ANSWERS;
use crate::evaluation::remote::Remote;
use crate::terminal;
use anyhow::{Result, ensure};
use disk::Lock;
use evals::{Cache, Respondent as _};
use remote::{Endpoint, Stopped};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// The recipe beside the results.
const RECIPE: &str = "eval.toml";
/// Held while a run writes into the folder.
const LOCK: &str = ".lock";
/// What servers said last that their models' weights are known by.
const SERVERS: &str = "servers.json";
/// How often a server is asked which models it has, where it lets one wait: minutes in all, as an attempt takes half
/// of one.
const ATTEMPTS: usize = 10;
/// A server that fails after less is not there, or says no; after more it was at work.
const LATE: Duration = Duration::from_secs(5);

/// Makes the folder, and keeps other runs off it for as long as the lock is held.
///
/// # Errors
/// Another run that is writing into it.
pub(super) fn alone(out: &Path) -> Result<Lock> {
    disk::create_dir(out)?;
    let otherwise = ", or choose another folder with --out";
    held(out, &out.join(LOCK), otherwise)
}

/// The server, known by its model's weights where it says what these are: answers of another model behind the same
/// name and address are then not taken for this one's. Of a server that is gone it is remembered, so that what it
/// answered before is found.
pub(super) fn known(out: &Path, server: Remote<Endpoint>) -> Result<Remote<Endpoint>> {
    let path = out.join(SERVERS);
    // A file that cannot be read costs no more than asking again.
    let said = std::fs::read(&path).ok();
    let said = said.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let mut said: BTreeMap<String, String> = said.unwrap_or_default();
    let name = server.identity();
    let before = said.get(&name).cloned();
    let ask = || {
        let begun = now();
        let listed = server.listed();
        (begun.elapsed(), listed)
    };
    let late = |error: &anyhow::Error| {
        terminal::note(&format!(
            "{error:#}; it is asked again, as a server may have to read its model's weights to say which they are"
        ));
    };
    let now = match heard(ask, late) {
        Ok(now) => now,
        Err(error) if error.is::<Stopped>() => return Err(error),
        Err(error) => {
            terminal::note(&unsaid(&error, before.as_deref()));
            return Ok(server.known_by(before));
        }
    };
    if before != now {
        if before.is_some() && now.is_some() {
            terminal::note(&format!(
                "{name}: the model is another one than before, so its answers are asked for anew"
            ));
        }
        match &now {
            Some(now) => said.insert(name, now.clone()),
            None => said.remove(&name),
        };
        disk::write(&path, &serde_json::to_vec_pretty(&said)?)?;
    }
    Ok(server.known_by(now))
}

/// What is answered to `ask`, which says how long it took: asked again while it failed late, which `late` hears of.
fn heard<T>(
    mut ask: impl FnMut() -> (Duration, Result<T>),
    mut late: impl FnMut(&anyhow::Error),
) -> Result<T> {
    for _ in 1..ATTEMPTS {
        match ask() {
            (took, Err(error)) if took >= LATE => late(&error),
            (_, answer) => return answer,
        }
    }
    ask().1
}

/// What follows from a server that did not say which model it has.
fn unsaid(error: &anyhow::Error, before: Option<&str>) -> String {
    match before {
        Some(_) => format!(
            "{error:#}; what it answered before is taken as it is, and its model for the same"
        ),
        None => format!(
            "{error:#}; so it is not known which model it has, and its answers are kept under its name and address \
             alone: once it says which, they are asked for anew"
        ),
    }
}

impl Evaluation {
    /// Opens the answers of earlier runs.
    pub(super) fn begin(&self) -> Result<(Cache, Lock)> {
        let lock = alone(&self.out)?;
        let path = self.out.join(ANSWERS);
        let cache = Cache::open(&path)?;
        if !cache.is_empty() {
            terminal::aside(&format!(
                "{} answers of earlier runs are in {}",
                cache.len(),
                path.display()
            ));
        }
        Ok((cache, lock))
    }

    /// The same where answers come from `file`, which must be another than the one written here.
    pub(super) fn begin_beside(&self, file: &Path) -> Result<(Cache, Lock)> {
        let own = std::fs::canonicalize(self.out.join(ANSWERS));
        let same = own.is_ok_and(|own| std::fs::canonicalize(file).is_ok_and(|file| file == own));
        ensure!(
            !same,
            "{} is where this command keeps what it was told itself: choose another folder with --out",
            file.display()
        );
        self.begin()
    }

    /// Writes the recipe, or why there is none: that of an earlier run would describe another one.
    pub(super) fn recipe(&self, text: &str) -> Result<()> {
        Ok(disk::write(&self.out.join(RECIPE), text.as_bytes())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::anyhow;

    /// What is heard of a server that fails so often, each time after so many seconds; how often it was asked, and
    /// how often that was told.
    fn hears(failures: usize, seconds: u64) -> (Option<&'static str>, usize, usize) {
        let (mut asked, mut told) = (0, 0);
        let ask = || {
            asked += 1;
            let listed = match asked > failures {
                true => Ok("0123456789abcdef"),
                false => Err(anyhow!("broke off")),
            };
            (Duration::from_secs(seconds), listed)
        };
        let heard = heard(ask, |_| told += 1);
        (heard.ok(), asked, told)
    }

    #[test]
    fn a_server_that_is_at_work_is_asked_again_and_one_that_is_gone_is_not() {
        let print = Some("0123456789abcdef");
        assert_eq!(hears(0, 0), (print, 1, 0));
        assert_eq!(hears(0, 30), (print, 1, 0), "late, and an answer");
        assert_eq!(hears(3, 30), (print, 4, 3));
        assert_eq!(hears(9, 30), (print, 10, 9));
        assert_eq!(hears(99, 30), (None, 10, 9), "not for ever");
        assert_eq!(hears(1, 0), (None, 1, 0), "it is gone");
    }

    #[test]
    fn a_server_that_does_not_say_which_model_it_has_is_never_passed_over_in_silence() {
        let error = anyhow!("http://127.0.0.1:1/v1 cannot be reached");
        let before = unsaid(&error, Some("0123456789abcdef"));
        assert!(before.contains("its model for the same"), "{before}");
        let never = unsaid(&error, None);
        for part in [
            "cannot be reached",
            "not known which model",
            "asked for anew",
        ] {
            assert!(never.contains(part), "{part:?} is not in {never}");
        }
    }
}
