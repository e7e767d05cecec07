//! Commands of LaTeX: sections, items, notes, accents; those that set nothing, and those nobody knows.

use super::super::letters;
use super::{Render, Stop, closing, inline};

impl Render<'_> {
    /// Reads a command; `true` where it ends the environment that is being run.
    pub(super) fn command(&mut self, stop: Stop) -> bool {
        self.at += 1;
        let rest = self.rest();
        let length = rest
            .find(|letter: char| !letter.is_ascii_alphabetic())
            .unwrap_or(rest.len());
        let name = match length {
            0 => &rest[..rest.chars().next().map_or(0, char::len_utf8)],
            length => &rest[..length],
        };
        self.at += name.len();
        if length > 0 && self.rest().starts_with('*') {
            self.at += 1;
        }
        if length > 0 {
            // A command eats the spaces behind it, but not a paragraph's end.
            let rest = self.rest();
            let blank = rest.len() - rest.trim_start_matches([' ', '\t']).len();
            if rest[blank..].starts_with(['{', '[']) {
                self.at += blank;
            }
        }
        match name {
            "\\" | "newline" | "linebreak" | "cr" => {
                self.optional();
                self.line.push('\n');
            }
            "(" => self.bracket_formula("\\)", false),
            "[" => self.bracket_formula("\\]", true),
            "begin" => self.begin(),
            "end" => {
                self.group();
                return stop == Stop::Environment;
            }
            "par" => self.flush(),
            "part" | "chapter" => self.heading(2),
            "section" => self.heading(2),
            "subsection" => self.heading(3),
            "subsubsection" => self.heading(4),
            "paragraph" | "subparagraph" => self.heading(5),
            "item" | "bibitem" => self.item(),
            "footnote" | "footnotetext" | "thanks" => {
                self.optional();
                if let Some(raw) = self.group()
                    && name != "thanks"
                {
                    let note = inline(raw, self.macros, self.depth + 1);
                    self.line.push_str(&format!(" ({note})"));
                }
            }
            "caption" | "captionof" => {
                if name == "captionof" {
                    self.group();
                }
                self.optional();
                if let Some(raw) = self.group() {
                    let text = inline(raw, self.macros, self.depth + 1);
                    self.flush();
                    self.block(&text);
                }
            }
            "verb" | "lstinline" => self.verb(),
            "texttt" | "code" => {
                if let Some(raw) = self.group() {
                    let text = inline(raw, self.macros, self.depth + 1);
                    let tick = if text.contains('`') { "" } else { "`" };
                    self.line.push_str(&format!("{tick}{text}{tick}"));
                }
            }
            "href" | "textcolor" | "colorbox" | "parbox" | "raisebox" | "scalebox"
            | "foreignlanguage" | "hyperref" => {
                // The text is the last of their arguments.
                self.optional();
                if name != "hyperref" {
                    self.group();
                }
                self.optional();
                self.set_group();
            }
            "multicolumn" | "multirow" => {
                self.group();
                self.optional();
                self.group();
                self.set_group();
            }
            "frac" | "nicefrac" | "sfrac" => {
                self.set_group();
                self.line.push('/');
                self.set_group();
            }
            _ => self.other(name),
        }
        false
    }

    fn other(&mut self, name: &str) {
        /// Commands whose arguments are not text, and how many they take.
        const SILENT: [(&str, usize); 64] = [
            ("cite", 1),
            ("citep", 1),
            ("citet", 1),
            ("citealt", 1),
            ("citealp", 1),
            ("citeauthor", 1),
            ("citeyear", 1),
            ("nocite", 1),
            ("parencite", 1),
            ("textcite", 1),
            ("autocite", 1),
            ("onlinecite", 1),
            ("ref", 1),
            ("eqref", 1),
            ("autoref", 1),
            ("cref", 1),
            ("Cref", 1),
            ("pageref", 1),
            ("nameref", 1),
            ("label", 1),
            ("vspace", 1),
            ("hspace", 1),
            ("vskip", 0),
            ("hskip", 0),
            ("setlength", 2),
            ("addtolength", 2),
            ("setcounter", 2),
            ("addtocounter", 2),
            ("includegraphics", 1),
            ("epsfig", 1),
            ("psfig", 1),
            ("epsfbox", 1),
            ("pagestyle", 1),
            ("thispagestyle", 1),
            ("bibliographystyle", 1),
            ("bibliography", 1),
            ("printbibliography", 0),
            ("usepackage", 1),
            ("documentclass", 1),
            ("input", 1),
            ("include", 1),
            ("title", 1),
            ("author", 1),
            ("affiliation", 1),
            ("affil", 1),
            ("address", 1),
            ("email", 1),
            ("date", 1),
            ("institute", 1),
            ("addcontentsline", 3),
            ("index", 1),
            ("hypersetup", 1),
            ("graphicspath", 1),
            ("newtheorem", 2),
            ("theoremstyle", 1),
            ("numberwithin", 2),
            ("color", 1),
            ("definecolor", 3),
            ("fontsize", 2),
            ("selectfont", 0),
            ("linespread", 1),
            ("pacs", 1),
            ("keywords", 1),
            ("phantom", 1),
        ];
        if let Some((_, count)) = SILENT.iter().find(|(silent, _)| *silent == name) {
            self.optional();
            self.optional();
            for _ in 0..*count {
                self.group();
            }
            if name.starts_with("cite") || name.ends_with("cite") {
                // `word~\cite{x}.` reads `word.`
                self.line.truncate(self.line.trim_end().len());
            }
            return;
        }
        if let Some(mark) = letters::accent(name) {
            let marked = !name.starts_with(|letter: char| letter.is_ascii_alphabetic())
                || self.rest().starts_with(['{', ' ', '\\']);
            if marked {
                self.accented(mark);
                return;
            }
        }
        if let Some(sign) = letters::sign(name) {
            self.line.push_str(sign);
            // `\ss{}` and `\ldots{}`: the empty group ends the name, no more.
            if self.rest().starts_with("{}") {
                self.at += 2;
            }
            return;
        }
        if matches!(name, "url" | "path" | "nolinkurl") {
            if let Some(raw) = self.group() {
                self.line.push_str(raw);
            }
            return;
        }
        if name.starts_with("if") || name == "else" {
            // Of a condition the first branch is read; what it tests is TeX.
            if name == "else"
                && let Some(end) = self.rest().find("\\fi")
            {
                self.at += end + 3;
            }
            return;
        }
        // An unknown command sets its arguments: `\emph`, `\textbf`, a package's own.
        if name.starts_with(|letter: char| letter.is_ascii_alphabetic()) {
            self.optional();
        }
    }

    fn accented(&mut self, mark: char) {
        self.at += self.rest().len() - self.rest().trim_start_matches(' ').len();
        let rest = self.rest();
        let letter = if rest.starts_with('{') {
            self.group().unwrap_or_default()
        } else if rest.starts_with("\\i") || rest.starts_with("\\j") {
            self.at += 2;
            &rest[..2]
        } else {
            let length = rest.chars().next().map_or(0, char::len_utf8);
            self.at += length;
            &rest[..length]
        };
        self.line.push_str(&letters::accented(letter, mark));
    }

    fn set_group(&mut self) {
        if let Some(raw) = self.group() {
            let text = inline(raw, self.macros, self.depth + 1);
            self.line.push_str(&text);
        }
    }

    fn bracket_formula(&mut self, end: &str, display: bool) {
        let rest = self.rest();
        match closing(rest, end) {
            Some(length) => {
                self.at += length + end.len();
                self.formula(&rest[..length], display);
            }
            None => self.line.push(' '),
        }
    }

    fn heading(&mut self, level: usize) {
        self.optional();
        let Some(raw) = self.group() else {
            return;
        };
        let name = inline(raw, self.macros, self.depth + 1);
        self.flush();
        if !name.is_empty() {
            self.tight = false;
            self.blocks.push(format!("{} {name}", "#".repeat(level)));
        }
    }

    fn item(&mut self) {
        self.flush();
        let label = self.optional();
        let indent = "  ".repeat(self.lists.len().saturating_sub(1).min(8));
        let bullet = match self.lists.last_mut() {
            Some(Some(number)) => {
                *number += 1;
                format!("{number}. ")
            }
            _ => "- ".to_owned(),
        };
        self.bullet = Some(format!("{indent}{bullet}"));
        if let Some(label) = label {
            let label = inline(label, self.macros, self.depth + 1);
            if !label.is_empty() {
                self.line.push_str(&format!("{label}: "));
            }
        }
    }

    fn verb(&mut self) {
        self.optional();
        let rest = self.rest();
        let Some(sign) = rest.chars().next().filter(|sign| *sign != '\n') else {
            return;
        };
        let close = if sign == '{' { '}' } else { sign };
        let inside = &rest[sign.len_utf8()..];
        // It ends on its line, which is not read to its end for every sign in it.
        if let Some(end) = inside.find([close, '\n'])
            && inside[end..].starts_with(close)
        {
            self.line.push_str(&format!("`{}`", &inside[..end]));
            self.at += sign.len_utf8() + end + close.len_utf8();
        }
    }
}
