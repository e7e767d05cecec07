//! Which file is the paper, and everything it includes put where it is included.

use std::collections::BTreeSet;

use super::ends_in_command;

/// How deep includes may lie in each other.
const DEPTH: usize = 16;
/// Bytes of a paper with everything in it.
const LONGEST: usize = 16 << 20;
/// Whether a per cent sign is one in an environment; commands are read in `alltt` all the same.
fn is_literal(name: &str) -> bool {
    name == "alltt" || super::VERBATIM.contains(&name)
}

/// A paper in one piece.
pub(super) struct Included {
    pub(super) text: String,
    /// Sources of the paper's own packages and classes, in the order of their use.
    pub(super) styles: Vec<String>,
    pub(super) missing: Vec<String>,
}

/// The index of the main file: it has a document class, and preferably a document.
pub(super) fn main(files: &[(String, String)]) -> Option<usize> {
    let included: BTreeSet<String> = files
        .iter()
        .flat_map(|(_, text)| {
            text.split("\\input")
                .skip(1)
                .chain(text.split("\\include").skip(1))
        })
        .filter_map(|after| {
            braced(after).map(|(name, _)| name.trim().trim_start_matches("./").to_owned())
        })
        .collect();
    let score = |name: &str, text: &str| {
        let class = ["\\documentclass", "\\documentstyle"].iter().any(|sign| {
            text.match_indices(sign).any(|(at, _)| {
                let line = text[..at].rfind('\n').map_or(0, |end| end + 1);
                !text[line..at].contains('%')
            })
        });
        let document = text.contains("\\begin{document}");
        let plain =
            text.contains("\\bye") || (text.contains("\\magnification") && text.contains("\\end"));
        if !(class || plain || document) {
            return None;
        }
        let last = name.rsplit('/').next().unwrap_or(name).to_lowercase();
        let usual = [
            "ms.tex",
            "main.tex",
            "paper.tex",
            "article.tex",
            "arxiv.tex",
        ]
        .contains(&last.as_str());
        let stem = name.strip_suffix(".tex").unwrap_or(name);
        let alone = !included.contains(stem) && !included.contains(name);
        let supplement =
            last.contains("supp") || last.contains("response") || last.contains("cover");
        Some((class && document, alone, !supplement, usual, text.len()))
    };
    let tex = |name: &str| {
        [".tex", ".ltx", ".latex", ".txt"]
            .iter()
            .any(|end| name.to_lowercase().ends_with(end))
    };
    let (_, at) = files
        .iter()
        .enumerate()
        .filter(|(_, (name, _))| tex(name))
        .filter_map(|(at, (name, text))| Some((score(name, text)?, std::cmp::Reverse(at))))
        .max()?;
    Some(at.0)
}

/// The main file with everything it includes, comments gone.
pub(super) fn inline(files: &[(String, String)], main: usize) -> Included {
    let folder = files[main]
        .0
        .rsplit_once('/')
        .map_or("", |(folder, _)| folder);
    let mut work = Work {
        files,
        root: folder.to_owned(),
        open: Vec::new(),
        read: 0,
        included: Included {
            text: String::new(),
            styles: Vec::new(),
            missing: Vec::new(),
        },
    };
    work.file(main, folder);
    work.included
}

struct Work<'a> {
    files: &'a [(String, String)],
    root: String,
    /// The files that are being read, from the main one inwards.
    open: Vec<usize>,
    /// Bytes read so far: a file may be included again and again, but not without end.
    read: usize,
    included: Included,
}

impl Work<'_> {
    fn file(&mut self, at: usize, folder: &str) {
        if self.open.contains(&at) || self.open.len() >= DEPTH {
            return; // a cycle ends where it closes
        }
        self.read += self.files[at].1.len();
        if self.read > 4 * LONGEST {
            return;
        }
        self.open.push(at);
        let text = uncommented(&self.files[at].1);
        let mut rest = text.as_str();
        let mut endless = false; // a verbatim environment without an end has been met
        // How much is left behind the line on which a `\verb` has no end: the line is not read again for others.
        let mut unshown = usize::MAX;
        while let Some(found) = rest.find('\\') {
            if self.included.text.len() > LONGEST {
                break;
            }
            self.included.text.push_str(&rest[..found]);
            rest = &rest[found..];
            let length = rest[1..]
                .find(|letter: char| !letter.is_ascii_alphabetic())
                .unwrap_or(rest.len() - 1);
            let name = &rest[1..1 + length];
            let after = &rest[1 + length..];
            if name == "endinput" {
                rest = "";
                break;
            }
            let end = match name {
                "input" | "include" | "subfile" | "InputIfFileExists" | "includestandalone" => {
                    self.include(after, folder)
                }
                "import" | "subimport" | "includefrom" | "subincludefrom" | "inputfrom" => {
                    self.import(after, folder)
                }
                "usepackage" | "RequirePackage" | "documentclass" | "LoadClass" => {
                    self.style(after);
                    None
                }
                "begin" if !endless => {
                    let found = verbatim(rest);
                    endless = found == Some(None);
                    found.flatten()
                }
                "verb" | "lstinline" if rest.len() <= unshown => {
                    let shown = literal(name, after);
                    if shown.is_none() {
                        let line = memchr::memchr(b'\n', after.as_bytes());
                        unshown = after.len() - line.unwrap_or(after.len());
                    }
                    shown.map(|shown| 1 + length + shown)
                }
                _ => None,
            };
            // What is not taken here goes on as it is: the command, and then what follows it.
            match (name, end) {
                ("begin" | "verb" | "lstinline", Some(end)) => {
                    self.included.text.push_str(&rest[..end]);
                    rest = &rest[end..];
                }
                (_, Some(end)) => rest = &after[end..],
                (_, None) => {
                    let width = 1
                        + length
                        + usize::from(length == 0) * after.chars().next().map_or(0, char::len_utf8);
                    self.included.text.push_str(&rest[..width]);
                    rest = &rest[width..];
                }
            }
        }
        self.included.text.push_str(rest);
        self.open.pop();
    }

    /// `{name}` or ` name`; how many bytes of `after` it takes.
    fn include(&mut self, after: &str, folder: &str) -> Option<usize> {
        let (name, end) = match braced(after) {
            Some((name, end)) => (name, end),
            None => {
                let start = after.len() - after.trim_start_matches([' ', '\t']).len();
                let end = after[start..]
                    .find(|letter: char| letter.is_whitespace() || letter == '\\' || letter == '}')
                    .map_or(after.len(), |length| start + length);
                (&after[start..end], end)
            }
        };
        if name.is_empty() || name.contains(['#', '\\']) || name.len() > 300 {
            return None; // a macro's own `\input{#1}`
        }
        self.take(name, &[folder, &self.root.clone()]);
        Some(end)
    }

    /// `{folder/}{name}`
    fn import(&mut self, after: &str, folder: &str) -> Option<usize> {
        let (into, first) = braced(after.strip_prefix('*').unwrap_or(after))?;
        let first = first + usize::from(after.starts_with('*'));
        let (name, second) = braced(&after[first..])?;
        let into = into.trim_end_matches('/');
        let below = join(folder, into).unwrap_or_default();
        let from_root = join(&self.root.clone(), into).unwrap_or_default();
        self.take(name, &[&below, &from_root]);
        Some(first + second)
    }

    fn take(&mut self, name: &str, folders: &[&str]) {
        let name = name.trim().trim_matches('"');
        let found = folders.iter().find_map(|folder| {
            let path = join(folder, name)?;
            ["", ".tex", ".ltx", ".sty", ".bbl"]
                .iter()
                .find_map(|end| self.find(&format!("{path}{end}")))
        });
        match found {
            Some(at) => {
                let folder = self.files[at]
                    .0
                    .rsplit_once('/')
                    .map_or("", |(folder, _)| folder);
                let folder = folder.to_owned();
                self.included.text.push('\n');
                self.file(at, &folder);
                self.included.text.push('\n');
            }
            None if self.included.missing.len() < 32 => self.included.missing.push(name.to_owned()),
            None => {}
        }
    }

    fn find(&self, path: &str) -> Option<usize> {
        self.files.iter().position(|(name, _)| name == path)
    }

    /// A package or class that lies beside the paper, for its macros.
    fn style(&mut self, after: &str) {
        let after = match after.starts_with('[') {
            true => after.split_once(']').map_or("", |(_, after)| after),
            false => after,
        };
        let Some((names, _)) = braced(after) else {
            return;
        };
        for name in names.split(',') {
            for end in [".sty", ".cls"] {
                let path = join(&self.root, &format!("{}{end}", name.trim()));
                if let Some(at) = path.and_then(|path| self.find(&path))
                    && self.included.styles.len() < 64
                {
                    self.included.styles.push(uncommented(&self.files[at].1));
                }
            }
        }
    }
}

/// A name below a folder, `.` and `..` resolved. `None` where it is absolute or leads outside.
fn join(folder: &str, name: &str) -> Option<String> {
    if name.starts_with('/') || name.contains(['\\', '\0']) || name.get(1..2) == Some(":") {
        return None;
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(name.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// What stands between braces right here, and where it ends.
pub(super) fn braced(text: &str) -> Option<(&str, usize)> {
    let start = text.len() - text.trim_start().len();
    if !text[start..].starts_with('{') {
        return None;
    }
    // A name is short: without a bound, unclosed braces would cost their square.
    let bound = (start + 2_000).min(text.len());
    let end = start + memchr::memchr(b'}', &text.as_bytes()[start..bound])?;
    Some((&text[start + 1..end], end + 1))
}

/// Where a verbatim environment that begins here ends; `Some(None)` where it never does.
fn verbatim(text: &str) -> Option<Option<usize>> {
    let (name, _) = braced(text.strip_prefix("\\begin")?)?;
    if !is_literal(name) {
        return None;
    }
    let end = format!("\\end{{{name}}}");
    Some(text.find(&end).map(|at| at + end.len()))
}

/// The text without comments; verbatim environments keep their per cent signs.
fn uncommented(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut within: Option<String> = None;
    let mut dropped: Option<&str> = None;
    let mut cut = false; // a comment took the end of the last line
    for mut line in text.split_inclusive('\n') {
        if let Some(end) = dropped {
            if line.contains(end) {
                dropped = None;
            }
            continue;
        }
        if let Some(end) = &within {
            let Some(at) = line.find(end.as_str()) else {
                out.push_str(line);
                continue;
            };
            let (inside, rest) = line.split_at(at + end.len());
            out.push_str(inside);
            line = rest;
            within = None;
        }
        if cut {
            // The line goes on behind the comment, without the blanks that it begins with.
            line = line.trim_start_matches([' ', '\t']);
        }
        let at = comment(line);
        let code = at.map_or(line, |at| &line[..at]);
        if at.is_some() && code.trim().is_empty() {
            // A line that is all comment is no line; what it stands behind goes on.
            cut |= !out.is_empty() && !out.ends_with('\n');
            continue;
        }
        if cut && code == "\n" {
            out.push('\n'); // an empty line ends the paragraph all the same
        } else if cut
            && code.starts_with(|letter: char| letter.is_ascii_alphabetic())
            && ends_in_command(&out)
        {
            out.push(' '); // as the comment ended the command's name: `\noindent%`
        }
        let begins = code.match_indices("\\begin{").find_map(|(at, begin)| {
            let (name, _) = code[at + begin.len()..].split_once('}')?;
            is_literal(name).then_some(name)
        });
        if let Some(name) = begins {
            let end = format!("\\end{{{name}}}");
            if !line.contains(&end) {
                within = Some(end);
            }
            out.push_str(line);
            cut = false;
            continue;
        }
        let trimmed = line.trim_start();
        let ends = [
            ("\\iffalse", "\\fi"),
            ("\\begin{comment}", "\\end{comment}"),
        ];
        let begun = ends
            .iter()
            .find_map(|(begin, end)| Some((trimmed.strip_prefix(begin)?, *end)));
        if let Some((rest, end)) = begun {
            // It may end on the line that it begins on.
            if !rest.contains(end) {
                dropped = Some(end);
            }
            continue;
        }
        out.push_str(code);
        cut = at.is_some();
    }
    out
}

/// Where the comment of a line begins. The per cent signs of addresses and of what `\verb` shows begin none.
fn comment(line: &str) -> Option<usize> {
    let bytes = line.as_bytes();
    memchr::memchr(b'%', bytes)?; // most lines have none
    let (mut at, mut open) = (0, false);
    while let Some(found) = memchr::memchr2(b'\\', b'%', &bytes[at..]) {
        at += found;
        if bytes[at] == b'%' {
            return Some(at);
        }
        let length = bytes[at + 1..]
            .iter()
            .take_while(|byte| byte.is_ascii_alphabetic())
            .count();
        let name = at + 1..at + 1 + length;
        at = (at + 1 + length.max(1)).min(bytes.len()); // `\%` and `\\` are commands as well
        if length > 0 && !open {
            match literal(&line[name], &line[at..]) {
                Some(taken) => at += taken,
                None => open = true, // and what begins within it is looked for no more
            }
        }
    }
    None
}

/// How much of what goes on `after` a command is no TeX but stands as it is; `None` where its end is missing.
fn literal(name: &str, after: &str) -> Option<usize> {
    let bytes = after.as_bytes();
    match name {
        "url" | "href" | "path" | "nolinkurl" => {
            let start = after.len() - after.trim_start_matches([' ', '\t']).len();
            if bytes.get(start) != Some(&b'{') {
                return Some(0);
            }
            let mut depth = 0usize;
            let end = bytes[start..].iter().position(|byte| {
                match byte {
                    b'{' => depth += 1,
                    b'}' => depth -= 1,
                    _ => {}
                }
                depth == 0
            });
            end.map(|end| start + end + 1)
        }
        "verb" | "lstinline" => {
            let start = match bytes.first() {
                Some(b'*') => 1,
                Some(b'[') if name == "lstinline" => on_line(b']', bytes)? + 1,
                _ => 0,
            };
            let sign = match bytes.get(start) {
                Some(b'{') if name == "lstinline" => b'}',
                Some(sign) if sign.is_ascii_punctuation() => *sign,
                _ => return Some(0),
            };
            let inside = start + 1;
            on_line(sign, &bytes[inside..]).map(|end| inside + end + 1)
        }
        _ => Some(0),
    }
}

/// Where a sign stands before the line ends.
fn on_line(sign: u8, bytes: &[u8]) -> Option<usize> {
    memchr::memchr2(sign, b'\n', bytes).filter(|at| bytes[*at] == sign)
}
