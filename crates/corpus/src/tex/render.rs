//! LaTeX whose macros are expanded as Markdown: what its commands set, without how it looks.

use super::includes::braced;
use super::macros::Macros;

mod command;
mod environment;
mod table;

/// How deep groups and environments may lie in each other; deeper ones give their plain letters.
const DEPTH: usize = 60;
/// Characters of one formula.
const FORMULA: usize = 20_000;

/// The body of a paper as Markdown.
pub(super) fn markdown(text: &str, macros: &Macros) -> String {
    let mut render = Render::new(text, macros, 0);
    render.run(Stop::End);
    render.flush();
    render.blocks.join("\n\n")
}

/// The rendered argument of the first `\name{…}` of a text, on one line.
pub(super) fn argument_of(text: &str, name: &str) -> Option<String> {
    let command = format!("\\{name}");
    let mut rest = text;
    loop {
        let at = rest.find(&command)?;
        rest = &rest[at + command.len()..];
        if rest.starts_with(|letter: char| letter.is_ascii_alphabetic()) {
            continue;
        }
        let macros = Macros::default();
        let mut render = Render::new(rest, &macros, 0);
        render.optional();
        let raw = render.group()?;
        return Some(inline(raw, &macros, 1));
    }
}

/// A text as one line.
fn inline(text: &str, macros: &Macros, depth: usize) -> String {
    if depth > DEPTH {
        return text.split_whitespace().collect::<Vec<_>>().join(" ");
    }
    let mut render = Render::new(text, macros, depth);
    render.run(Stop::End);
    render.flush();
    let joined = render.blocks.join(" ");
    joined.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Where a run ends.
#[derive(Clone, Copy, PartialEq)]
enum Stop {
    End,
    Brace,
    Environment,
}

struct Render<'a> {
    text: &'a str,
    at: usize,
    macros: &'a Macros,
    depth: usize,
    blocks: Vec<String>,
    line: String,
    /// The lists that are open: the number of the last item, or `None` for bullets.
    lists: Vec<Option<usize>>,
    /// What the next block begins with.
    bullet: Option<String>,
    /// Whether the last block was an item, so that the next one hangs on it.
    quoted: usize,
    tight: bool,
    /// How many groups were never closed: after a few of them the search is kept short.
    unclosed: usize,
    /// Environments that have no end from here on.
    unended: Vec<String>,
}

impl<'a> Render<'a> {
    fn new(text: &'a str, macros: &'a Macros, depth: usize) -> Self {
        Self {
            text,
            at: 0,
            macros,
            depth,
            blocks: Vec::new(),
            line: String::new(),
            lists: Vec::new(),
            bullet: None,
            quoted: 0,
            tight: false,
            unclosed: 0,
            unended: Vec::new(),
        }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Reads on until the run ends.
    fn run(&mut self, stop: Stop) {
        while let Some(letter) = self.rest().chars().next() {
            match letter {
                '\\' => {
                    if self.command(stop) {
                        return;
                    }
                }
                '$' => self.dollar(),
                '{' => {
                    self.at += 1;
                    if self.depth < DEPTH {
                        self.depth += 1;
                        self.run(Stop::Brace);
                        self.depth -= 1;
                    }
                }
                '}' => {
                    self.at += 1;
                    if stop == Stop::Brace {
                        return;
                    }
                }
                '\n' => self.line_break(),
                _ => self.words(letter),
            }
        }
    }

    fn line_break(&mut self) {
        let rest = self.rest();
        let blank = rest.len() - rest.trim_start().len();
        let breaks = rest[..blank].matches('\n').count();
        self.at += blank.max(1);
        if breaks > 1 {
            self.flush();
        } else {
            self.line.push(' ');
        }
    }

    /// Plain letters, with the ligatures of quotes and dashes.
    fn words(&mut self, letter: char) {
        const LIGATURES: [(&str, &str); 6] = [
            ("---", "—"),
            ("--", "–"),
            ("``", "“"),
            ("''", "”"),
            ("?`", "¿"),
            ("!`", "¡"),
        ];
        let rest = self.rest();
        if let Some((source, set)) = LIGATURES
            .iter()
            .find(|(source, _)| rest.starts_with(source))
        {
            self.line.push_str(set);
            self.at += source.len();
            return;
        }
        let length = rest[letter.len_utf8()..]
            .find([
                '\\', '$', '{', '}', '\n', '-', '`', '\'', '~', '&', '?', '!',
            ])
            .map_or(rest.len(), |length| letter.len_utf8() + length);
        match letter {
            '~' | '&' => {
                self.line.push(' ');
                self.at += 1;
            }
            '`' => {
                self.line.push('‘');
                self.at += 1;
            }
            '\'' => {
                self.line.push('’');
                self.at += 1;
            }
            _ => {
                self.line.push_str(&rest[..length]);
                self.at += length;
            }
        }
    }

    /// A formula between dollars.
    fn dollar(&mut self) {
        let rest = self.rest();
        let display = rest.starts_with("$$");
        let sign = if display { "$$" } else { "$" };
        let inside = &rest[sign.len()..];
        let end = closing(inside, sign);
        let Some(end) = end else {
            self.line.push_str(sign);
            self.at += sign.len();
            return;
        };
        self.at += end + 2 * sign.len();
        self.formula(&inside[..end], display);
    }

    fn formula(&mut self, source: &str, display: bool) {
        let source = formula(source);
        match (source.is_empty(), display) {
            (true, _) => {}
            (_, true) => {
                self.flush();
                self.block(&format!("$${source}$$"));
            }
            (_, false) => {
                self.line.push('$');
                self.line.push_str(&source);
                self.line.push('$');
            }
        }
    }

    /// `[…]` here, if it is here.
    fn optional(&mut self) -> Option<&'a str> {
        let rest = self.rest();
        if !rest.starts_with('[') {
            return None;
        }
        let mut depth = 0i32;
        for (at, letter) in rest.char_indices().take(4_000) {
            match letter {
                '{' => depth += 1,
                '}' => depth -= 1,
                ']' if depth <= 0 => {
                    self.at += at + 1;
                    return Some(&rest[1..at]);
                }
                _ => {}
            }
        }
        None
    }

    /// `{…}` here, braces balanced; a single command or letter where there is none is left alone.
    fn group(&mut self) -> Option<&'a str> {
        let rest = self.rest();
        let start = rest.len() - rest.trim_start().len();
        if !rest[start..].starts_with('{') {
            return None;
        }
        let bytes = rest.as_bytes();
        let bound = match self.unclosed {
            0..16 => bytes.len(),
            _ => bytes.len().min(4_000),
        };
        let (mut at, mut depth) = (start, 0usize);
        while at < bound {
            match bytes[at] {
                b'\\' => at += 1,
                b'{' => depth += 1,
                b'}' => {
                    depth -= 1;
                    if depth == 0 {
                        self.at += at + 1;
                        return Some(&rest[start + 1..at]);
                    }
                }
                _ => {}
            }
            at += 1;
        }
        self.unclosed += 1;
        self.at += start + 1; // never closed: its text goes on
        None
    }

    /// Ends the block under way.
    fn flush(&mut self) {
        let line = std::mem::take(&mut self.line);
        let mut text = String::new();
        for part in line.split('\n') {
            let part = part.split_whitespace().collect::<Vec<_>>().join(" ");
            if part.is_empty() {
                continue;
            }
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(&part);
        }
        // What citations and references leave behind.
        let text = text
            .replace(" .", ".")
            .replace(" ,", ",")
            .replace("()", "")
            .replace("[]", "");
        if !text.trim().is_empty() {
            self.block(text.trim());
        }
    }

    /// A finished block, with the bullet, indent or quotation sign that is its due.
    fn block(&mut self, text: &str) {
        let bullet = self.bullet.take();
        let hangs = bullet.is_some() && self.tight;
        let indent = match (&bullet, self.lists.len()) {
            (_, 0) => String::new(),
            (Some(bullet), _) => " ".repeat(bullet.len()),
            (None, lists) => "  ".repeat(lists.min(8)),
        };
        let quote = "> ".repeat(self.quoted.min(4));
        let mut block = String::new();
        for (number, line) in text.split('\n').enumerate() {
            if number > 0 {
                block.push('\n');
            }
            block.push_str(&quote);
            match (number, &bullet) {
                (0, Some(bullet)) => block.push_str(bullet),
                _ if line.is_empty() => {}
                _ => block.push_str(&indent),
            }
            block.push_str(line);
        }
        self.tight = bullet.is_some();
        match self.blocks.last_mut() {
            Some(last) if hangs => {
                last.push('\n');
                last.push_str(&block);
            }
            _ => self.blocks.push(block),
        }
    }
}

/// Where a formula ends; `None` where it does not within its bound.
fn closing(text: &str, end: &str) -> Option<usize> {
    let mut bound = text.len().min(FORMULA);
    while !text.is_char_boundary(bound) {
        bound -= 1;
    }
    let bytes = &text.as_bytes()[..bound];
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at..].starts_with(end.as_bytes()) {
            return Some(at);
        }
        if bytes[at] == b'\\' {
            at += 1;
        } else if end == "$" && bytes[at..].starts_with(b"\n\n") {
            return None; // a lone dollar, not a formula over paragraphs
        }
        at += 1;
    }
    None
}

/// A formula on one line, without labels and numbers, and without what papers put before `\left` and `\right` for
/// the space around them alone: no reader of formulas but TeX knows it.
fn formula(source: &str) -> String {
    const SILENT: [&str; 6] = [
        "\\nonumber",
        "\\notag",
        "\\displaystyle",
        "\\mathopen{}",
        "\\mathclose\\bgroup",
        "\\aftergroup\\egroup",
    ];
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let label = rest.strip_prefix("\\label").and_then(braced);
        if let Some((_, end)) = label {
            rest = &rest["\\label".len() + end..];
            continue;
        }
        let silent = SILENT.iter().find(|silent| rest.starts_with(**silent));
        if let Some(silent) = silent {
            rest = &rest[silent.len()..];
            // `\alpha\mathopen{}x` is no `\alphax`.
            if rest.starts_with(|letter: char| letter.is_ascii_alphabetic()) {
                out.push(' ');
            }
            continue;
        }
        let step = 1 + rest[1..].chars().next().map_or(0, char::len_utf8);
        out.push_str(&rest[..step]);
        rest = &rest[step..];
    }
    out.push_str(rest);
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}
