//! A folder of its own for a test, and the program run in it as its user would.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// A folder with recipes, texts and a store.
pub(crate) struct Trial {
    folder: TempDir,
}

/// What the program said.
pub(crate) struct Said {
    pub(crate) ok: bool,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Trial {
    pub(crate) fn new() -> Self {
        Trial {
            folder: tempfile::tempdir().expect("a folder for the test"),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file, with the folders it needs.
    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> &Self {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("inside the trial")).expect("a folder");
        #[allow(clippy::disallowed_methods)] // the test plays the user
        fs::write(path, bytes).expect("a file");
        self
    }

    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kanana"));
        command.current_dir(self.folder.path()).args(words);
        command
    }

    pub(crate) fn run(&self, words: &[&str]) -> Said {
        said(&self.command(words).output().expect("the program starts"))
    }

    /// Runs what must succeed.
    pub(crate) fn ok(&self, words: &[&str]) -> String {
        let said = self.run(words);
        assert!(
            said.ok,
            "kanana {} failed:\n{}{}",
            words.join(" "),
            said.out,
            said.err
        );
        said.out
    }

    /// Runs it with a text at its standard input, as through a pipe.
    pub(crate) fn pipe(&self, words: &[&str], text: &str) -> Said {
        let mut command = self.command(words);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        // A program that stops before it has read everything is no fault of the test.
        let _ = stdin.write_all(text.as_bytes());
        drop(stdin);
        said(&child.wait_with_output().expect("the program ends"))
    }

    /// Starts the program again and again, each time to be aborted at the disk event that `at` gives for
    /// the attempt, until it gets through; how often it fell, at most `most` times.
    pub(crate) fn fall(&self, words: &[&str], at: impl Fn(u64) -> u64, most: usize) -> usize {
        for attempt in 0.. {
            let at = at(attempt).to_string();
            let output = self
                .command(&[words, &["--abort-at", &at]].concat())
                .output();
            let output = output.expect("the program starts");
            if output.status.success() {
                return attempt as usize;
            }
            assert!(
                output.status.code().is_none(),
                "it should have been aborted: {}",
                said(&output).err
            );
            assert!((attempt as usize) < most, "it never gets through");
        }
        unreachable!("attempts do not run out")
    }

    /// Runs what must fail, and returns what it complained of.
    pub(crate) fn fails(&self, words: &[&str]) -> String {
        let said = self.run(words);
        assert!(
            !said.ok,
            "kanana {} should have failed:\n{}",
            words.join(" "),
            said.out
        );
        assert!(
            !said.err.contains("panicked"),
            "a panic is never an answer:\n{}",
            said.err
        );
        said.err
    }

    /// The only folder in the store whose name begins so.
    pub(crate) fn artifact(&self, name: &str) -> PathBuf {
        self.artifact_of("store", name)
    }

    /// The same in another store.
    pub(crate) fn artifact_of(&self, store: &str, name: &str) -> PathBuf {
        let mut found: Vec<_> = fs::read_dir(self.path(store))
            .expect("a store")
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| {
                let folder = path
                    .file_name()
                    .and_then(|name| name.to_str())
                    .unwrap_or_default();
                folder
                    .rsplit_once('-')
                    .is_some_and(|(stem, key)| stem == name && key.len() == 12)
            })
            .collect();
        assert_eq!(found.len(), 1, "artifacts called {name}: {found:?}");
        found.remove(0)
    }
}

pub(crate) fn said(output: &Output) -> Said {
    Said {
        ok: output.status.success(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Every file below a folder with its bytes, what is not part of an artifact left out.
pub(crate) fn contents(folder: &Path) -> Vec<(String, Vec<u8>)> {
    fn walk(folder: &Path, prefix: &str, found: &mut Vec<(String, Vec<u8>)>) {
        for entry in fs::read_dir(folder).expect("readable").flatten() {
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                if name != "provenance" {
                    walk(&entry.path(), &format!("{name}/"), found);
                }
            } else {
                found.push((name, fs::read(entry.path()).expect("readable")));
            }
        }
    }
    let mut found = Vec::new();
    walk(folder, "", &mut found);
    found.sort();
    found
}

/// A whole life in a few seconds: a small world, a small tokenizer, a small model, two stages.
pub(crate) const LIFE: &str = r#"
seed = 3

[[step]]
name = "world"
stage = "world"
with = { people = 8, tellings = [6, 9] }

[[step]]
name = "tokenizer"
stage = "train-tokenizer"
inputs = { corpora = ["world"] }
with = { vocabulary = 600 }

[[step]]
name = "mixture"
stage = "mix"
inputs = { corpora = ["world"], tokenizer = "tokenizer" }
with = { by = "tokens", total = 12_000, validation = 0.05, parts = [
  { from = "world", where = { language = "ko" }, share = 0.5 },
  { from = "world", where = { language = "en" }, share = 0.5 },
] }

[[step]]
name = "tokens"
stage = "tokenize"
inputs = { corpus = "mixture", tokenizer = "tokenizer" }

[[step]]
name = "held-out"
stage = "tokenize"
inputs = { corpus = "mixture", tokenizer = "tokenizer" }
with = { held_out = true }

[[step]]
name = "untrained"
stage = "init"
inputs = { tokenizer = "tokenizer" }
with = { shape = { layers = 2, width = 32, ffn = 80, query_heads = 4, kv_heads = 2, context = 64 } }

[[step]]
name = "first"
stage = "pretrain"
inputs = { model = "untrained", tokens = "tokens", validation = "held-out" }
with = { keep_optimizer = true, train = { tokens = 4096, sequence = 32, batch_tokens = 256, save_every = 1024, schedule = { peak = 1e-2, horizon = 6144 } } }

[[step]]
name = "second"
stage = "pretrain"
inputs = { model = "first", tokens = "tokens", validation = "held-out" }
with = { continue_optimizer = true, train = { tokens = 2048, sequence = 32, batch_tokens = 256, save_every = 1024, schedule = { peak = 1e-2, horizon = 6144, offset = 4096 } } }

[[step]]
name = "accuracy"
stage = "evaluate"
inputs = { model = "second", questions = "world" }
with = { limit = 20, sample_tokens = 8, samples = ["한국어로 말하면 ", "In the town of "] }

[[step]]
name = "report"
stage = "report"
inputs = { models = ["first", "second"], scores = ["accuracy"], tokens = ["tokens"] }
with = { title = "두 단계 <학습>" }
"#;
