//! A paper's own macros: read from its head, expanded in its body, within a budget.

use std::collections::HashMap;
use std::rc::Rc;

/// How often macros are expanded in one paper, and how deep in each other.
const EXPANSIONS: usize = 200_000;
const DEPTH: usize = 40;
/// Characters that an expanded paper may have; and how much longer than its source macros may make one: what a real
/// paper's write is less than itself, and every letter more is one that the renderer reads again and again.
const LONGEST: usize = 24 << 20;
const ROOM: usize = 1 << 20;
const TIMES: usize = 4;

#[derive(Clone, Debug, PartialEq)]
struct Macro {
    arguments: usize,
    /// What the first argument is where it is not given.
    default: Option<Rc<str>>,
    body: Rc<str>,
}

/// The table of macros, and the theorem-like environments with the names they are set under.
#[derive(Default)]
pub(super) struct Macros {
    table: HashMap<String, Macro>,
    pub(super) theorems: HashMap<String, String>,
}

impl Macros {
    /// Takes the definitions out of a text; the rest of it is given back.
    pub(super) fn read(&mut self, text: &str) -> String {
        let mut reader = Reader::new(text);
        let mut rest = String::new();
        while let Some(letter) = reader.next() {
            if letter != '\\' {
                rest.push(letter);
                continue;
            }
            let name = reader.name();
            if !self.define(&name, &mut reader) {
                rest.push('\\');
                rest.push_str(&name);
            }
        }
        rest
    }

    /// Reads a definition whose command has just been read; whether it was one.
    fn define(&mut self, command: &str, reader: &mut Reader) -> bool {
        match command {
            "newcommand"
            | "renewcommand"
            | "providecommand"
            | "DeclareRobustCommand"
            | "newcommandx" => {
                reader.star();
                let Some(name) = reader.defined() else {
                    return true;
                };
                let arguments = reader
                    .bracketed()
                    .and_then(|count| count.trim().parse().ok());
                let default = reader.bracketed().map(Rc::from);
                let Some(body) = reader.group() else {
                    return true;
                };
                self.put(name, arguments.unwrap_or(0), default, &body);
            }
            "def" | "gdef" | "edef" | "xdef" => {
                let Some(name) = reader.defined() else {
                    return true;
                };
                let mut pattern = String::new();
                while reader.peek().is_some_and(|letter| letter != '{') && pattern.len() < 40 {
                    pattern.extend(reader.next());
                }
                let Some(body) = reader.group() else {
                    return true;
                };
                // `#1#2` only: delimited parameters are TeX proper.
                let arguments = pattern.matches('#').count();
                let plain: String = (1..=arguments).map(|number| format!("#{number}")).collect();
                if pattern.trim() == plain {
                    self.put(name, arguments, None, &body);
                }
            }
            "let" => {
                let name = reader.defined();
                reader.spaces();
                if reader.peek() == Some('=') {
                    reader.next();
                }
                if let (Some(name), Some(meaning)) = (name, reader.defined()) {
                    let known = self.table.get(&meaning).cloned();
                    let meaning = known.unwrap_or_else(|| Macro {
                        arguments: 0,
                        default: None,
                        body: format!("\\{meaning} ").into(),
                    });
                    self.table.insert(name, meaning);
                }
            }
            "DeclareMathOperator" => {
                let star = reader.star();
                if let (Some(name), Some(body)) = (reader.defined(), reader.group()) {
                    let star = if star { "*" } else { "" };
                    self.put(name, 0, None, &format!("\\operatorname{star}{{{body}}}"));
                }
            }
            "newtheorem" => {
                reader.star();
                let Some(name) = reader.group() else {
                    return true;
                };
                reader.bracketed();
                if let Some(shown) = reader.group() {
                    self.theorems.insert(name, shown);
                }
                reader.bracketed();
            }
            _ => return false,
        }
        true
    }

    fn put(&mut self, name: String, arguments: usize, default: Option<Rc<str>>, body: &str) {
        // These mean something to the renderer; a paper that redefines them changes their look.
        const KEPT: [&str; 22] = [
            "section",
            "subsection",
            "subsubsection",
            "paragraph",
            "chapter",
            "title",
            "author",
            "item",
            "begin",
            "end",
            "cite",
            "ref",
            "label",
            "footnote",
            "caption",
            "includegraphics",
            "emph",
            "textbf",
            "par",
            "maketitle",
            "thanks",
            "today",
        ];
        if arguments <= 9 && body.len() <= 20_000 && !KEPT.contains(&name.as_str()) {
            let body = Rc::from(body);
            self.table.insert(
                name,
                Macro {
                    arguments,
                    default,
                    body,
                },
            );
        }
    }

    /// The text with all macros expanded; definitions in it are read on the way and leave it.
    pub(super) fn expand(&mut self, text: &str) -> String {
        let mut reader = Reader::new(text);
        let mut out = String::with_capacity(text.len());
        // Both are bounded: how often, and into how much; an argument may double with every expansion.
        let mut budget = EXPANSIONS;
        let mut produced = 0usize;
        let most = LONGEST.min(ROOM + TIMES * text.len());
        let mut verbatim: Option<String> = None;
        while let Some(letter) = reader.next() {
            if out.len() > LONGEST {
                break;
            }
            out.push(letter);
            if let Some(end) = &verbatim {
                if letter == '}' && out.ends_with(end.as_str()) {
                    verbatim = None;
                }
                continue;
            }
            if letter != '\\' {
                continue;
            }
            let name = reader.name();
            if self.define(&name, &mut reader) {
                out.pop();
                continue;
            }
            let known = self.table.get(&name).cloned();
            match known {
                Some(found) if budget > 0 && produced < most && reader.depth() < DEPTH => {
                    budget -= 1;
                    out.pop();
                    let body = arguments(&found, &mut reader);
                    produced += body.len() + 1;
                    reader.push(&body);
                }
                _ => {
                    out.push_str(&name);
                    if name == "begin"
                        && let Some(environment) = reader.ahead()
                        && matches!(
                            environment.as_str(),
                            "verbatim" | "verbatim*" | "lstlisting" | "minted" | "Verbatim"
                        )
                    {
                        verbatim = Some(format!("\\end{{{environment}}}"));
                    }
                }
            }
        }
        out
    }
}

/// A macro's body with its arguments, which are read here, in their places.
fn arguments(found: &Macro, reader: &mut Reader) -> String {
    let mut given: Vec<String> = Vec::new();
    for number in 0..found.arguments {
        let optional = match &found.default {
            Some(default) if number == 0 => {
                Some(reader.bracketed().unwrap_or_else(|| default.to_string()))
            }
            _ => None,
        };
        given.push(match optional {
            Some(value) => value,
            None => reader.group().unwrap_or_default(),
        });
    }
    if found.arguments == 0 {
        // `\alpha x` eats its space; a letter after an expansion must not join a command.
        return found.body.to_string();
    }
    let mut body = String::with_capacity(found.body.len());
    let mut letters = found.body.chars().peekable();
    while let Some(letter) = letters.next() {
        match (letter, letters.peek().and_then(|next| next.to_digit(10))) {
            ('#', Some(number)) => {
                letters.next();
                if let Some(value) = (number as usize)
                    .checked_sub(1)
                    .and_then(|at| given.get(at))
                {
                    body.push_str(value);
                }
            }
            _ => body.push(letter),
        }
        if body.len() > 1 << 20 {
            break; // arguments that double themselves
        }
    }
    body
}

/// Characters with what expansions put before them.
struct Reader {
    stack: Vec<(Vec<char>, usize)>,
}

impl Reader {
    fn new(text: &str) -> Self {
        let text = text.chars().collect();
        Self {
            stack: vec![(text, 0)],
        }
    }

    /// How many expansions are unfinished.
    fn depth(&self) -> usize {
        self.stack.len()
    }

    fn push(&mut self, text: &str) {
        self.stack.push((text.chars().collect(), 0));
    }

    fn peek(&mut self) -> Option<char> {
        loop {
            let (text, at) = self.stack.last()?;
            if let Some(letter) = text.get(*at) {
                return Some(*letter);
            }
            if self.stack.len() == 1 {
                return None;
            }
            self.stack.pop();
        }
    }

    fn next(&mut self) -> Option<char> {
        let letter = self.peek()?;
        if let Some((_, at)) = self.stack.last_mut() {
            *at += 1;
        }
        Some(letter)
    }

    fn spaces(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.next();
        }
    }

    fn star(&mut self) -> bool {
        let star = self.peek() == Some('*');
        if star {
            self.next();
        }
        star
    }

    /// A command's name behind its backslash: letters, or one other sign.
    fn name(&mut self) -> String {
        let mut name = String::new();
        while let Some(letter) = self.peek() {
            if letter.is_ascii_alphabetic() || letter == '@' {
                name.push(letter);
                self.next();
            } else {
                break;
            }
        }
        if name.is_empty() {
            name.extend(self.next());
        }
        name
    }

    /// `{\name}` or `\name`: the name that is defined.
    fn defined(&mut self) -> Option<String> {
        self.spaces();
        let braces = self.peek() == Some('{');
        if braces {
            self.next();
            self.spaces();
        }
        if self.peek() != Some('\\') {
            return None;
        }
        self.next();
        let name = self.name();
        if braces {
            self.spaces();
            if self.peek() == Some('}') {
                self.next();
            }
        }
        Some(name)
    }

    /// `[…]` if it stands here.
    fn bracketed(&mut self) -> Option<String> {
        self.spaces();
        if self.peek() != Some('[') {
            return None;
        }
        self.next();
        let (mut text, mut depth) = (String::new(), 0usize);
        while let Some(letter) = self.next() {
            match letter {
                ']' if depth == 0 => break,
                '{' => depth += 1,
                '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            text.push(letter);
            if text.len() > 100_000 {
                break;
            }
        }
        Some(text)
    }

    /// The argument here: a group, a command, or one letter.
    fn group(&mut self) -> Option<String> {
        self.spaces();
        match self.next()? {
            '{' => {
                let (mut text, mut depth) = (String::new(), 0usize);
                while let Some(letter) = self.next() {
                    match letter {
                        '}' if depth == 0 => break,
                        '{' => depth += 1,
                        '}' => depth -= 1,
                        '\\' => {
                            text.push('\\');
                            text.extend(self.next());
                            continue;
                        }
                        _ => {}
                    }
                    text.push(letter);
                    if text.len() > 1 << 20 {
                        break;
                    }
                }
                Some(text)
            }
            '\\' => Some(format!("\\{} ", self.name())),
            letter => Some(letter.to_string()),
        }
    }

    /// The name between braces here, without taking it.
    fn ahead(&self) -> Option<String> {
        let (text, at) = self.stack.last()?;
        if text.get(*at) != Some(&'{') {
            return None;
        }
        let name: String = text[at + 1..]
            .iter()
            .take(30)
            .take_while(|letter| **letter != '}')
            .collect();
        Some(name)
    }
}
