//! What is typed or piped, one entry after the other, several lines of one included.
//!
//! An entry goes on where its line ends with a backslash, or while `"""` is open; a person may also
//! paste lines or press Alt-Enter. Text arrives composed (NFC), whatever a Mac decomposed; deletion is by
//! what a reader sees as one letter: a syllable, an emoji of several.

use super::order;
use crate::environment;
use anyhow::{Context as _, Result};
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::MemHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{
    Behavior, Cmd, Config, Editor, Event, EventHandler, Helper, KeyCode, KeyEvent, Modifiers,
};
use std::io::{BufRead as _, IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};
use unicode_normalization::UnicodeNormalization as _;

const PROMPT: &str = "› ";
const MARK: &str = "\"\"\"";
/// Entries of the history that are kept.
const LONGEST_HISTORY: usize = 1000;

/// What came.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Entry {
    Text(String),
    /// Ctrl-C.
    Interrupted,
    /// Ctrl-D, or the end of the pipe.
    End,
}

/// Where it comes from.
pub(super) enum Input {
    Person {
        editor: Box<Editor<Reading, MemHistory>>,
        history: Option<PathBuf>,
    },
    Pipe {
        whole: bool,
        done: bool,
    },
}

impl Input {
    /// Standard input, a message a line or all of it.
    pub(super) fn pipe(whole: bool) -> Self {
        Input::Pipe { whole, done: false }
    }

    /// A person at the terminal, with what they typed before.
    pub(super) fn person(history: Option<PathBuf>) -> Result<Self> {
        // Answers may go to a file while the conversation is typed.
        let behavior = match std::io::stdout().is_terminal() {
            true => Behavior::Stdio,
            false => Behavior::PreferTerm,
        };
        let config = Config::builder()
            .max_history_size(LONGEST_HISTORY)?
            .auto_add_history(false)
            .behavior(behavior)
            .build();
        let memory = MemHistory::with_config(&config);
        let mut editor =
            Editor::with_history(config, memory).context("the terminal cannot be used")?;
        editor.set_helper(Some(Reading));
        let alt_enter = KeyEvent(KeyCode::Enter, Modifiers::ALT);
        editor.bind_sequence(Event::from(alt_enter), EventHandler::Simple(Cmd::Newline));
        if let Some(path) = &history {
            for entry in remembered(path) {
                editor.add_history_entry(entry)?;
            }
        }
        Ok(Input::Person {
            editor: Box::new(editor),
            history,
        })
    }

    /// The next entry that says something.
    pub(super) fn next(&mut self) -> Result<Entry> {
        loop {
            let entry = self.raw()?;
            let Entry::Text(raw) = entry else {
                return Ok(entry);
            };
            let text = message(&raw);
            if text.trim().is_empty() {
                continue;
            }
            if let Input::Person { editor, history } = self {
                // As it was typed, so that it can be sent again.
                editor.add_history_entry(raw.as_str())?;
                if let Some(path) = history {
                    remember(path, &raw);
                }
            }
            return Ok(Entry::Text(text));
        }
    }

    fn raw(&mut self) -> Result<Entry> {
        match self {
            Input::Person { editor, .. } => match editor.readline(PROMPT) {
                Ok(text) => Ok(Entry::Text(text)),
                Err(ReadlineError::Eof) => Ok(Entry::End),
                Err(ReadlineError::Interrupted) => Ok(Entry::Interrupted),
                Err(error) => Err(error).context("the terminal cannot be read"),
            },
            Input::Pipe { done: true, .. } => Ok(Entry::End),
            Input::Pipe { whole, done } => {
                let mut stdin = std::io::stdin().lock();
                let mut text = String::new();
                let read = |error| {
                    anyhow::Error::new(error)
                        .context("standard input cannot be read; wanted text in UTF-8")
                };
                if *whole {
                    *done = true;
                    stdin.read_to_string(&mut text).map_err(read)?;
                    let text = text.trim_matches(['\n', '\r']);
                    // Slashes, quotes and backslashes in it are its own.
                    let slash = if text.starts_with('/') { "/" } else { "" };
                    return Ok(match text.is_empty() {
                        true => Entry::End,
                        false => Entry::Text(format!("{MARK}{slash}{text}{MARK}")),
                    });
                }
                loop {
                    if stdin.read_line(&mut text).map_err(read)? == 0 {
                        *done = true;
                        break;
                    }
                    if is_complete(text.trim_end_matches(['\n', '\r'])) {
                        break;
                    }
                }
                while text.ends_with(['\n', '\r']) {
                    text.pop();
                }
                Ok(match text.is_empty() && *done {
                    true => Entry::End,
                    false => Entry::Text(text),
                })
            }
        }
    }
}

/// Whether an entry ends here: no backslash at its end, no `"""` open.
fn is_complete(raw: &str) -> bool {
    match raw.trim_start().strip_prefix(MARK) {
        Some(rest) => rest.trim_end().ends_with(MARK),
        None => !raw.ends_with('\\'),
    }
}

/// The text of an entry, composed, without the marks that made it several lines.
fn message(raw: &str) -> String {
    let quoted = raw
        .trim()
        .strip_prefix(MARK)
        .map(|rest| rest.strip_suffix(MARK).unwrap_or(rest));
    let text = match quoted {
        Some(text) => text.trim_matches('\n').to_owned(),
        None => {
            let joined = raw.replace("\\\n", "\n").replace("\\\r\n", "\n");
            joined.strip_suffix('\\').unwrap_or(&joined).to_owned()
        }
    };
    text.nfc().collect()
}

/// Where what was typed is kept.
pub(super) fn history_file() -> Option<PathBuf> {
    let state = environment::word("XDG_STATE_HOME").map(PathBuf::from);
    let home = || environment::word("HOME").map(|home| PathBuf::from(home).join(".local/state"));
    Some(state.or_else(home)?.join("kanana/history.jsonl"))
}

/// The last entries, oldest first; a line that a kill cut off is passed over.
fn remembered(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let entries: Vec<String> = text
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    let from = entries.len().saturating_sub(LONGEST_HISTORY);
    if entries.len() > 2 * LONGEST_HISTORY {
        let lines = entries[from..]
            .iter()
            .map(|entry| format!("{}\n", serde_json::Value::from(entry.as_str())));
        let _ = disk::write(path, lines.collect::<String>().as_bytes());
        keep_private(path);
    }
    entries[from..].to_vec()
}

/// Adds an entry; a history that cannot be written is no reason to stop a conversation.
fn remember(path: &Path, entry: &str) {
    let line = serde_json::Value::from(entry).to_string();
    let parent = path.parent().map_or(Ok(()), disk::create_dir);
    let _ = parent
        .and_then(|()| disk::Append::open(path))
        .and_then(|mut file| {
            keep_private(path);
            file.line(&line)
        });
}

/// What is typed to a model is for its writer's eyes.
fn keep_private(path: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let _ = std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600));
    }
    #[cfg(not(unix))]
    let _ = path;
}

/// How a line is read: where it ends, and what Tab completes.
pub(super) struct Reading;

impl Helper for Reading {}
impl Hinter for Reading {
    type Hint = String;
}
impl Highlighter for Reading {}

impl Validator for Reading {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        Ok(match is_complete(context.input()) {
            true => ValidationResult::Valid(None),
            false => ValidationResult::Incomplete,
        })
    }
}

impl Completer for Reading {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        at: usize,
        _: &rustyline::Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        let begun = &line[..at];
        if !begun.starts_with('/') || begun.contains(char::is_whitespace) {
            return Ok((at, Vec::new()));
        }
        let begun: String = begun.nfc().collect();
        let found = order::words().filter(|word| word.starts_with(&begun));
        Ok((0, found.map(|word| word + " ").collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_of_several_lines_end_where_they_should() {
        for (raw, complete, text) in [
            ("안녕", true, "안녕"),
            ("첫 줄\\", false, "첫 줄"),
            ("첫 줄\\\n둘째 줄", true, "첫 줄\n둘째 줄"),
            ("\"\"\"", false, ""),
            ("\"\"\"\n가\n\n나\\\n\"\"\"", true, "가\n\n나\\"),
            ("\"\"\"한 줄\"\"\"", true, "한 줄"),
            ("그는 \"\"\"라고 했다", true, "그는 \"\"\"라고 했다"),
            ("붙여\n넣은\n글", true, "붙여\n넣은\n글"),
        ] {
            assert_eq!(is_complete(raw), complete, "{raw}");
            assert_eq!(message(raw), text, "{raw}");
        }
    }

    #[test]
    fn what_a_mac_takes_apart_is_put_together() {
        let apart: String = "각하 한글".nfd().collect();
        assert_ne!(apart, "각하 한글");
        assert_eq!(message(&apart), "각하 한글");
    }

    #[test]
    fn a_history_outlives_cuts_and_grows_no_further() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("깊은/곳/history.jsonl");
        assert!(remembered(&path).is_empty());
        for i in 0..2 * LONGEST_HISTORY + 1 {
            remember(&path, &format!("{i}\n둘째"));
        }
        assert_eq!(remembered(&path).len(), LONGEST_HISTORY);
        let lines = std::fs::read_to_string(&path)
            .expect("there")
            .lines()
            .count();
        assert_eq!(lines, LONGEST_HISTORY);
        let text = std::fs::read_to_string(&path).expect("there") + "\"cut o";
        disk::write(&path, text.as_bytes()).expect("written");
        let last = remembered(&path);
        assert_eq!(last.last().map(String::as_str), Some("2000\n둘째"));
    }
}
