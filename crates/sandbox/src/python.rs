//! Finds the Python interpreters of the machine, and what of the disk they need to start.

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// An interpreter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Python {
    /// The program itself, no link and no shim.
    pub(crate) executable: PathBuf,
    /// Files and folders it reads: its library, its environment's.
    pub(crate) reads: Vec<PathBuf>,
    /// `3.11.2`.
    pub(crate) version: String,
}

/// Where it is looked for, in this order; the first is whatever the user's shell would start.
const NAMES: &[&str] = &[
    "python3",
    "/usr/bin/python3",
    "/usr/local/bin/python3",
    "/opt/homebrew/bin/python3",
];

/// What an interpreter says of itself, one value a line.
const QUESTION: &str = "import sys, os, sysconfig
print('.'.join(map(str, sys.version_info[:3])))
print(os.path.realpath(sys.executable))
for path in (sys.executable, os.path.join(sys.prefix, 'pyvenv.cfg'), os.path.join(sys.prefix, 'lib'),
             os.path.join(sys.base_prefix, 'lib'), sysconfig.get_path('stdlib'), sysconfig.get_path('platstdlib'),
             sysconfig.get_path('purelib'), sysconfig.get_path('platlib')):
    print(path)
";

/// Every interpreter of version 3.8 or newer, each once.
pub(crate) fn find() -> Result<Vec<Python>> {
    let mut found: Vec<Python> = Vec::new();
    let mut reasons = Vec::new();
    for name in NAMES {
        match ask(Path::new(name)) {
            Ok(python) => {
                if !found
                    .iter()
                    .any(|known| known.executable == python.executable)
                {
                    found.push(python);
                }
            }
            Err(error) => reasons.push(format!("{name}: {error:#}")),
        }
    }
    if found.is_empty() {
        bail!(
            "code benchmarks need Python 3.8 or newer, and none was found; install it \
             (Debian, Ubuntu: apt install python3).\n  {}",
            reasons.join("\n  ")
        );
    }
    Ok(found)
}

fn ask(name: &Path) -> Result<Python> {
    let output = Command::new(name)
        .args(["-I", "-c", QUESTION])
        .stdin(Stdio::null())
        .output()
        .context("it cannot be started")?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
    }
    read(&String::from_utf8_lossy(&output.stdout))
}

fn read(answer: &str) -> Result<Python> {
    let mut lines = answer.lines();
    let version = lines.next().unwrap_or_default().to_owned();
    let mut numbers = version
        .split('.')
        .map(|part| part.parse::<u32>().unwrap_or(0));
    let number = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if number < (3, 8) {
        bail!("it is Python {version}; 3.8 or newer is needed");
    }
    let executable = PathBuf::from(lines.next().context("it does not say where it is")?);
    let mut reads: Vec<PathBuf> = lines
        .map(PathBuf::from)
        // a prefix of `/` would open the whole disk
        .filter(|path| path.components().count() > 2 || path.starts_with("/lib"))
        .collect();
    reads.push(executable.clone());
    reads.sort();
    reads.dedup();
    Ok(Python {
        executable,
        reads,
        version,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_interpreter_is_refused_with_its_version() {
        let error = read("3.6.15\n/usr/bin/python3.6\n")
            .unwrap_err()
            .to_string();
        assert!(error.contains("3.6.15") && error.contains("3.8"), "{error}");
        assert!(read("2.7.18\n/usr/bin/python2\n").is_err());
        assert!(read("").is_err());
    }

    #[test]
    fn a_prefix_that_is_the_root_does_not_open_the_disk() {
        let python = read("3.12.1\n/usr/bin/python3.12\n/\n/usr\n/usr/lib\n/usr/lib\n").unwrap();
        assert_eq!(
            python.reads,
            [Path::new("/usr/bin/python3.12"), Path::new("/usr/lib")]
        );
    }
}
