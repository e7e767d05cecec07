//! How a download goes: a bar for a person, a line now and then for a file or a pipe.

use super::note;
use hub::News;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal as _;

/// A download, as it is told on standard error.
pub(crate) struct Transfer {
    bar: ProgressBar,
    person: bool,
    bytes: u64,
    told: u64,
}

impl Transfer {
    pub(crate) fn new() -> Self {
        let person = std::io::stderr().is_terminal();
        let bar = match person {
            true => ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(8)),
            false => ProgressBar::hidden(),
        };
        let words = "{wide_bar:.yellow/dim} {percent:>3} %  {decimal_bytes} of {decimal_total_bytes} · \
                     {decimal_bytes_per_sec} · {eta} left\n{msg:.dim}";
        if let Ok(style) = ProgressStyle::with_template(words) {
            bar.set_style(style.progress_chars("━━─"));
        }
        Transfer {
            bar,
            person,
            bytes: 0,
            told: 0,
        }
    }

    /// Tells what a hub says; a licence is told by whoever knows what was expected.
    pub(crate) fn hear(&mut self, news: News) {
        match news {
            News::Licence(_) => {}
            News::Plan {
                files,
                bytes,
                there,
            } => self.plan(files, bytes, there),
            News::File(path) => self.file(&path),
            News::At(bytes) => self.at(bytes),
            News::Again(why) => self.say(&why),
        }
    }

    fn plan(&mut self, files: usize, bytes: u64, there: u64) {
        self.bytes = bytes;
        self.bar.set_length(bytes);
        self.bar.set_position(there);
        // What is there already is no speed.
        self.bar.reset_eta();
        let there = match there {
            0 => String::new(),
            there => format!(", {}B of them are there", page::quantity(there as f64)),
        };
        self.say(&format!(
            "{files} files, {}B{there}",
            page::quantity(bytes as f64)
        ));
    }

    fn file(&mut self, path: &str) {
        match self.person {
            true => self.bar.set_message(path.to_owned()),
            false => note(path),
        }
    }

    fn at(&mut self, bytes: u64) {
        self.bar.set_position(bytes);
        let tenth = (bytes as f64 / self.bytes.max(1) as f64 * 10.0) as u64;
        if !self.person && tenth > self.told {
            self.told = tenth;
            note(&format!("{} %", tenth * 10));
        }
    }

    pub(crate) fn say(&self, text: &str) {
        match self.person {
            true => self.bar.println(text),
            false => note(text),
        }
    }

    pub(crate) fn end(self, text: &str) {
        self.bar.finish_and_clear();
        note(text);
    }
}
