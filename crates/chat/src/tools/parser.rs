//! Reads an answer while it is being written: words, and calls with their arguments as they come.
//!
//! What is told adds up: words that only look like a call, a call of an unknown function, arguments
//! that are no JSON, a call that never ends – all of it comes out as words, to the byte. The one thing
//! left out is white space beside calls. Arguments of a call that was told are one JSON object when
//! joined.
//!
//! A call can be told before its end only if nothing can go wrong any more: for answers under the
//! [`grammar`](super::grammar()) (`promised`). Otherwise a call is held back until it is whole.

use super::json::{Object, Step};
use super::{Begins, Format, begins};

/// Something that can be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Words.
    Text(String),
    /// A call begins; calls count from 0.
    Call {
        /// Which call.
        index: usize,
        /// Of which function.
        name: String,
    },
    /// More of the arguments of a call.
    Arguments {
        /// Which call.
        index: usize,
        /// JSON that follows what came before.
        json: String,
    },
}

/// Where reading stands in a call.
#[derive(Clone, Debug)]
enum State {
    Words,
    /// After `begin`.
    Name,
    Arguments(Object),
    End,
}

/// Reads one answer.
#[derive(Clone, Debug)]
pub struct Parser {
    format: Format,
    names: Vec<String>,
    promised: bool,
    state: State,
    /// What has been written and not told.
    held: String,
    /// How much of `held` has been read.
    read: usize,
    /// Where in `held` the arguments of the call being read begin.
    from: usize,
    /// The function of the call being read.
    name: String,
    /// Whether the call being read has been told already.
    told: bool,
    /// White space that is told only if words follow.
    space: String,
    /// Calls that were told.
    calls: usize,
    /// Whether words that are more than white space were told.
    words: bool,
    /// Whether a call was told last.
    after_call: bool,
}

impl Parser {
    /// A parser for answers with these functions. `promised` says that the grammar was held to.
    pub fn new(format: Format, names: Vec<String>, promised: bool) -> Self {
        Parser {
            format,
            names,
            promised,
            state: State::Words,
            held: String::new(),
            read: 0,
            from: 0,
            name: String::new(),
            told: false,
            space: String::new(),
            calls: 0,
            words: false,
            after_call: false,
        }
    }

    /// Takes what was written and tells what can be told.
    pub fn push(&mut self, text: &str) -> Vec<Piece> {
        let mut pieces = Vec::new();
        self.held.push_str(text);
        while self.advance(&mut pieces) {}
        pieces
    }

    /// Ends the answer: what was held back comes out, a call without end as words.
    pub fn finish(&mut self) -> Vec<Piece> {
        let mut pieces = Vec::new();
        if self.told {
            // Half a closing mark is nobody's words.
            self.held.clear();
        }
        while !self.held.is_empty() {
            // Nothing more comes, so nothing can be a call any more that is none yet.
            self.not_a_call(&mut pieces);
            while self.advance(&mut pieces) {}
        }
        if !self.after_call && !self.space.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut self.space)));
        }
        pieces
    }

    /// One step; whether another may be possible.
    fn advance(&mut self, pieces: &mut Vec<Piece>) -> bool {
        match &mut self.state {
            State::Words => self.words(pieces),
            State::Name => self.name(pieces),
            State::Arguments(_) => self.arguments(pieces),
            State::End => match begins(&self.held[self.read..], self.format.end) {
                Begins::Perhaps => false,
                Begins::No => {
                    self.not_a_call(pieces);
                    true
                }
                Begins::Yes(length) => {
                    self.end(length, pieces);
                    true
                }
            },
        }
    }

    /// Tells words up to where a call may begin.
    fn words(&mut self, pieces: &mut Vec<Piece>) -> bool {
        let first = self.format.begin.chars().next().expect("not empty");
        let may = !self.format.alone || (!self.words && self.calls == 0);
        let mut from = 0;
        while may && let Some(at) = self.held[from..].find(first) {
            let at = from + at;
            let alone = !self.format.alone || self.held[..at].trim().is_empty();
            match begins(&self.held[at..], self.format.begin) {
                Begins::Yes(length) if alone => {
                    self.tell(at, pieces);
                    self.read = length;
                    self.state = State::Name;
                    return true;
                }
                Begins::Perhaps if alone => {
                    self.tell(at, pieces);
                    return false;
                }
                _ => from = at + first.len_utf8(),
            }
        }
        self.tell(self.held.len(), pieces);
        false
    }

    fn name(&mut self, pieces: &mut Vec<Piece>) -> bool {
        let rest = &self.held[self.read..];
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        let length = rest.find(|c| !allowed(c));
        let Some(length) = length else {
            let known = |name: &String| name.starts_with(rest);
            if self.names.iter().any(known) {
                return false;
            }
            self.not_a_call(pieces);
            return true;
        };
        let name = rest[..length].to_owned();
        match begins(&rest[length..], self.format.middle) {
            Begins::Perhaps => false,
            Begins::Yes(middle) if self.names.contains(&name) => {
                self.read += length + middle;
                self.name = name;
                self.state = State::Arguments(Object::new());
                true
            }
            _ => {
                self.not_a_call(pieces);
                true
            }
        }
    }

    fn arguments(&mut self, pieces: &mut Vec<Piece>) -> bool {
        let State::Arguments(object) = &mut self.state else {
            return false;
        };
        let mut step = Step::More;
        for at in self.read..self.held.len() {
            if !object.begun() {
                self.from = at;
            }
            step = object.push(self.held.as_bytes()[at]);
            if step == Step::Broken {
                break;
            }
            self.read = at + 1;
            if step == Step::Whole {
                break;
            }
        }
        // A character is never cut: bytes that are not ASCII are broken at their first or not at all.
        if object.begun() && self.promised {
            self.tell_arguments(pieces);
        }
        match step {
            Step::More => return false,
            Step::Broken => self.not_a_call(pieces),
            Step::Whole => {
                // What ends the call may still be missing.
                self.state = State::End;
            }
        }
        true
    }

    /// Tells the call, if that was not done, and its arguments as far as they were read.
    fn tell_arguments(&mut self, pieces: &mut Vec<Piece>) {
        let index = self.calls;
        if !self.told {
            let name = self.name.clone();
            pieces.push(Piece::Call { index, name });
            self.told = true;
            self.space.clear();
            self.after_call = true;
        }
        let json = self.held[self.from..self.read].to_owned();
        if !json.is_empty() {
            pieces.push(Piece::Arguments { index, json });
        }
        self.held.drain(..self.read);
        (self.read, self.from) = (0, 0);
    }

    /// The call is whole, closing mark and all.
    fn end(&mut self, after: usize, pieces: &mut Vec<Piece>) {
        if !self.told {
            self.tell_arguments(pieces);
            self.held.drain(..after);
        } else {
            self.held.drain(..self.read + after);
        }
        self.read = 0;
        self.told = false;
        self.calls += 1;
        self.state = State::Words;
    }

    /// What began like a call is none: its first character is words, the rest is read again.
    fn not_a_call(&mut self, pieces: &mut Vec<Piece>) {
        self.state = State::Words;
        self.read = 0;
        if std::mem::take(&mut self.told) {
            self.calls += 1;
            return;
        }
        let first = self.held.chars().next().map_or(0, char::len_utf8);
        self.tell(first, pieces);
    }

    /// Tells so many bytes of what is held as words.
    fn tell(&mut self, length: usize, pieces: &mut Vec<Piece>) {
        if length == 0 {
            return;
        }
        self.space.extend(self.held.drain(..length));
        let words = self.space.trim_end().len();
        if words > 0 {
            let space = self.space.split_off(words);
            pieces.push(Piece::Text(std::mem::replace(&mut self.space, space)));
            self.words = true;
            self.after_call = false;
        }
    }
}

#[cfg(test)]
mod tests;
