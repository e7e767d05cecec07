//! How a model writes that it wants a function called: one description, from which follow the grammar and the parser.
//!
//! A call is `begin NAME middle OBJECT end`. Kanana (section 5.3): `<function=NAME>{…}</function>`;
//! Hermes, as newer models do: `<tool_call>{"name": NAME, "arguments": {…}}</tool_call>`; Llama 3's
//! JSON, where the whole answer is the call. In these strings `·` is a place where nothing is
//! written and white space is read; white space itself is written so and read in any amount.
//!
//! Deliberately absent: calls of built-in tools (`<|python_tag|>`), arguments that are not JSON.

mod grammar;
mod json;
mod parser;

pub use grammar::grammar;
pub use parser::{Parser, Piece};

use crate::Template;

/// How calls are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    begin: &'static str,
    middle: &'static str,
    end: &'static str,
    /// Whether an answer is either words or one call, and never both.
    alone: bool,
}

/// Whether a model may, must not or has to call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice<'a> {
    /// Words, calls, or both.
    Auto,
    /// At least one call, and no words.
    Required,
    /// One call of this function, and no words.
    Named(&'a str),
}

impl Format {
    /// Kanana's, after Functionary's of Llama 3.1.
    pub const KANANA: Format = Format {
        begin: "<function=",
        middle: ">",
        end: "</function>",
        alone: false,
    };
    /// That of Hermes, Qwen and others.
    pub const HERMES: Format = Format {
        begin: "<tool_call>\n{·\"name\"·: \"",
        middle: "\"·, \"arguments\"·: ",
        end: "·}\n</tool_call>",
        alone: false,
    };
    /// That of Llama 3 for functions that are not built in.
    pub const LLAMA3: Format = Format {
        begin: "{·\"name\"·: \"",
        middle: "\"·, \"parameters\"·: ",
        end: "·}",
        alone: true,
    };

    /// The format that a template teaches; Kanana's where it teaches none.
    pub fn of(template: &Template) -> Self {
        let says = |words: &str| template.source().contains(words);
        if says("<function=") && !says("<parameter=") {
            Format::KANANA
        } else if says("<tool_call>") {
            Format::HERMES
        } else if says("\"name\"") && says("\"parameters\"") {
            Format::LLAMA3
        } else {
            Format::KANANA
        }
    }

    /// What cannot be part of words: it begins a call.
    fn trigger(&self) -> &'static str {
        let end = self.begin.find(['·', ' ', '\n']);
        &self.begin[..end.unwrap_or(self.begin.len())]
    }
}

/// A part of a format as it is written.
fn written(part: &str) -> String {
    part.replace('·', "")
}

/// Whether a text begins with a part of a format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Begins {
    No,
    /// So far; the text is too short to say.
    Perhaps,
    /// With so many bytes of it.
    Yes(usize),
}

/// Reads a part of a format at the beginning of a text, with any white space where it has some.
fn begins(text: &str, part: &str) -> Begins {
    let mut rest = text;
    for wanted in part.chars() {
        if wanted == '·' || wanted.is_whitespace() {
            rest = rest.trim_start();
            continue;
        }
        match rest.chars().next() {
            None => return Begins::Perhaps,
            Some(found) if found == wanted => rest = &rest[wanted.len_utf8()..],
            Some(_) => return Begins::No,
        }
    }
    Begins::Yes(text.len() - rest.len())
}
