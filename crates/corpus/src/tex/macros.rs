//! A paper's own macros: read from its head, expanded in its body, within a budget.
//!
//! A definition lasts until its group ends, as in TeX, and `\let` takes the meaning that a command has at that
//! moment. What no macro of the paper means goes on to the renderer under the name that LaTeX knows it by.

use std::collections::HashMap;
use std::rc::Rc;

use super::ends_in_command;

mod reader;

use reader::Reader;

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

/// What a command means.
#[derive(Clone, Debug, PartialEq)]
enum Meaning {
    Macro(Macro),
    /// What LaTeX means by the command of this name, whatever the paper makes of that name later.
    Primitive(Rc<str>),
}

/// A meaning, and how many groups were open where it was given.
struct Entry {
    meaning: Meaning,
    group: usize,
}

/// The table of macros, and the theorem-like environments with the names they are set under.
#[derive(Default)]
pub(super) struct Macros {
    table: HashMap<String, Entry>,
    pub(super) theorems: HashMap<String, String>,
    /// How many groups are open.
    group: usize,
    /// What names meant before a group gave them a meaning of its own, and that group.
    saved: Vec<(usize, String, Option<Entry>)>,
    /// Whether the definition that comes is for all groups.
    global: bool,
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
            // `\let\nc\newcommand` gives a definition another name.
            let primitive = match self.table.get(&name) {
                Some(Entry {
                    meaning: Meaning::Primitive(primitive),
                    ..
                }) => Some(primitive.clone()),
                _ => None,
            };
            if !self.define(primitive.as_deref().unwrap_or(&name), &mut reader) {
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
                self.global |= matches!(command, "gdef" | "xdef");
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
            "let" | "LetLtxMacro" | "NewCommandCopy" | "RenewCommandCopy"
            | "DeclareCommandCopy" => {
                let Some(name) = reader.defined() else {
                    // A sign keeps its own meaning, and what it is let be is no text: `\let~=\nobreak`.
                    let sign = reader.peek().filter(|sign| {
                        command == "let" && !sign.is_alphanumeric() && !matches!(sign, '{' | '}')
                    });
                    if sign.is_some() {
                        reader.next();
                        reader.equals();
                        if reader.next() == Some('\\') {
                            reader.name();
                        }
                    }
                    return true;
                };
                // `\expandafter\let\csname…`: a name that TeX puts together is not to be had here.
                if matches!(name.as_str(), "csname" | "expandafter") {
                    return true;
                }
                // The other commands take names in braces as well.
                let token = reader.equals() || command == "let";
                let meaning = match reader.peek() {
                    Some(sign) if token && sign != '\\' => {
                        reader.next();
                        Some(sign_of(sign))
                    }
                    _ => reader
                        .defined()
                        .and_then(|meaning| self.meaning(&name, meaning)),
                };
                if let Some(meaning) = meaning {
                    self.insert(name, meaning);
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
        if arguments <= 9 && body.len() <= 20_000 {
            let body = Rc::from(body);
            self.insert(
                name,
                Meaning::Macro(Macro {
                    arguments,
                    default,
                    body,
                }),
            );
        }
    }

    /// What `name` comes to mean where it is let be `meaning`; `None` where it keeps what it means.
    fn meaning(&self, name: &str, meaning: String) -> Option<Meaning> {
        match self.table.get(&meaning) {
            Some(entry) => Some(entry.meaning.clone()),
            // `\let\iint\relax` makes room for a package that defines it: its name stays.
            None if matches!(meaning.as_str(), "relax" | "undefined" | "@undefined")
                && !self.table.contains_key(name) =>
            {
                None
            }
            None => Some(Meaning::Primitive(meaning.into())),
        }
    }

    fn insert(&mut self, name: String, meaning: Meaning) {
        // These mean something to the renderer or to readers of formulas; a paper that redefines them changes their
        // look.
        const KEPT: [&str; 24] = [
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
            "left",
            "right",
        ];
        let group = match std::mem::take(&mut self.global) {
            true => 0,
            false => self.group,
        };
        if KEPT.contains(&name.as_str()) {
            return;
        }
        let entry = Entry { meaning, group };
        if group == 0 {
            self.table.insert(name, entry);
            return;
        }
        let before = self.table.insert(name.clone(), entry);
        if before.as_ref().is_none_or(|before| before.group != group) {
            self.saved.push((group, name, before));
        }
    }

    /// A group ends, and what was defined in it.
    fn close(&mut self) {
        let group = self.group;
        while let Some((_, name, before)) = self.saved.pop_if(|(saved, ..)| *saved >= group) {
            // What was defined for all groups meanwhile stays.
            if self.table.get(&name).is_some_and(|now| now.group == 0) {
                continue;
            }
            match before {
                Some(before) => self.table.insert(name, before),
                None => self.table.remove(&name),
            };
        }
        self.group = group.saturating_sub(1);
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
        // Whether a command was written last: the first letter of an expansion must not join its name.
        let mut command = false;
        self.global = false;
        while let Some(letter) = reader.next() {
            if out.len() > LONGEST {
                break;
            }
            if let Some(end) = &verbatim {
                out.push(letter);
                if letter == '}' && out.ends_with(end.as_str()) {
                    verbatim = None;
                }
                continue;
            }
            if letter != '\\' {
                if std::mem::take(&mut command) && letter.is_ascii_alphabetic() {
                    out.push(' ');
                }
                out.push(letter);
                match letter {
                    '{' => self.group += 1,
                    '}' => self.close(),
                    _ => {}
                }
                continue;
            }
            let name = reader.name();
            let known = self.table.get(&name).map(|entry| entry.meaning.clone());
            let name = match &known {
                Some(Meaning::Primitive(meaning)) if produced < most => {
                    produced += meaning.len();
                    &**meaning
                }
                _ => name.as_str(),
            };
            if self.define(name, &mut reader) {
                self.global = false;
                continue;
            }
            if let Some(Meaning::Macro(found)) = &known
                && budget > 0
                && produced < most
                && reader.depth() < DEPTH
            {
                budget -= 1;
                let body = arguments(found, &mut reader);
                produced += body.len() + 1;
                reader.push(&body);
                continue;
            }
            out.push('\\');
            out.push_str(name);
            command = name.ends_with(|letter: char| letter.is_ascii_alphabetic());
            self.global =
                name == "global" || self.global && matches!(name, "long" | "outer" | "protected");
            match name {
                "begin" => match reader.ahead() {
                    Some(environment) if super::VERBATIM.contains(&environment.as_str()) => {
                        verbatim = Some(format!("\\end{{{environment}}}"));
                        command = false;
                    }
                    _ => self.group += 1,
                },
                "begingroup" | "bgroup" => self.group += 1,
                "end" | "endgroup" | "egroup" => self.close(),
                "verb" | "lstinline" => {
                    if let Some(shown) = reader.shown(name == "lstinline") {
                        out.push_str(&shown);
                        command = false;
                    }
                }
                _ => {}
            }
        }
        // What was defined in groups that are still open is not for the next text.
        while self.group > 0 {
            self.close();
        }
        out
    }
}

/// What a sign means that a name is let be: the braces open and close groups.
fn sign_of(sign: char) -> Meaning {
    match sign {
        '{' => Meaning::Primitive("bgroup".into()),
        '}' => Meaning::Primitive("egroup".into()),
        sign => Meaning::Macro(Macro {
            arguments: 0,
            default: None,
            body: sign.to_string().into(),
        }),
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
                    // The tokens of TeX do not join where their letters would: `\bf#1`, `#1x`.
                    if value.starts_with(|letter: char| letter.is_ascii_alphabetic())
                        && ends_in_command(&body)
                    {
                        body.push(' ');
                    }
                    body.push_str(value);
                    if letters.peek().is_some_and(char::is_ascii_alphabetic)
                        && ends_in_command(&body)
                    {
                        body.push(' ');
                    }
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
