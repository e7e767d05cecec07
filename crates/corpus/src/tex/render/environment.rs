//! Environments: formulas, lists, theorems, listings; what is drawn or lists references goes.

use super::{DEPTH, Render, Stop, inline, table};

/// Formulas of one line, and those that are aligned.
const FORMULAS: [&str; 6] = [
    "equation",
    "displaymath",
    "math",
    "multline",
    "gather",
    "dmath",
];
const ALIGNED: [&str; 6] = [
    "align", "eqnarray", "alignat", "flalign", "split", "aligned",
];
/// What is drawn, or not for readers.
const SILENT: [&str; 14] = [
    "tikzpicture",
    "picture",
    "pgfpicture",
    "pspicture",
    "axis",
    "filecontents",
    "thebibliography",
    "comment",
    "CCSXML",
    "overpic",
    "keywords",
    "asy",
    "forest",
    "algorithm2e-options",
];
const LISTINGS: [&str; 5] = ["verbatim", "lstlisting", "minted", "Verbatim", "alltt"];
const TABLES: [&str; 6] = [
    "tabular",
    "tabularx",
    "longtable",
    "tabulary",
    "array",
    "deluxetable",
];
/// Environments whose first arguments are measures.
const MEASURED: [(&str, usize); 8] = [
    ("minipage", 1),
    ("multicols", 1),
    ("wrapfigure", 2),
    ("wraptable", 2),
    ("adjustbox", 1),
    ("subfigure", 1),
    ("spacing", 1),
    ("adjustwidth", 2),
];
/// Names of theorem-like environments that papers use without declaring them.
const THEOREMS: [(&str, &str); 16] = [
    ("theorem", "Theorem"),
    ("thm", "Theorem"),
    ("lemma", "Lemma"),
    ("lem", "Lemma"),
    ("proposition", "Proposition"),
    ("prop", "Proposition"),
    ("corollary", "Corollary"),
    ("cor", "Corollary"),
    ("definition", "Definition"),
    ("defn", "Definition"),
    ("remark", "Remark"),
    ("example", "Example"),
    ("conjecture", "Conjecture"),
    ("claim", "Claim"),
    ("assumption", "Assumption"),
    ("proof", "Proof"),
];

impl<'a> Render<'a> {
    /// `\begin` has been read.
    pub(super) fn begin(&mut self) {
        let Some(name) = self.group() else {
            return;
        };
        let bare = name.trim().trim_end_matches('*');
        if FORMULAS.contains(&bare) || ALIGNED.contains(&bare) {
            if let Some(source) = self.raw(name) {
                let source = match bare {
                    "alignat" => source
                        .trim_start()
                        .split_once('}')
                        .map_or(source, |(_, rest)| rest),
                    _ => source,
                };
                let inline = bare == "math";
                match ALIGNED.contains(&bare) && source.contains(['&', '\\']) {
                    true => {
                        self.formula(&format!("\\begin{{aligned}}{source}\\end{{aligned}}"), true)
                    }
                    false => self.formula(source, !inline),
                }
            }
            return;
        }
        if SILENT.contains(&bare) {
            self.raw(name);
            return;
        }
        if LISTINGS.contains(&bare) {
            if let Some(source) = self.raw(name) {
                self.listing(source, bare);
            }
            return;
        }
        if TABLES.contains(&bare) {
            if let Some(source) = self.raw(name) {
                let markdown = table::table(source, bare, self.macros, self.depth + 1);
                self.flush();
                if !markdown.is_empty() {
                    self.block(&markdown);
                }
            }
            return;
        }
        if self.depth >= DEPTH {
            return; // its text goes on as this one's
        }
        self.flush();
        self.depth += 1;
        match bare {
            "itemize" | "compactitem" | "description" | "inparaenum" | "list" => self.list(None),
            "enumerate" | "compactenum" => self.list(Some(0)),
            "quote" | "quotation" | "displayquote" | "verse" => {
                self.quoted += 1;
                self.run(Stop::Environment);
                self.flush();
                self.quoted -= 1;
            }
            "abstract" => {
                self.optional();
                self.blocks.push("## Abstract".to_owned());
                self.run(Stop::Environment);
                self.flush();
            }
            _ => {
                let shown = self
                    .macros
                    .theorems
                    .get(bare)
                    .map(String::as_str)
                    .or_else(|| {
                        let known = THEOREMS.iter().find(|(theorem, _)| *theorem == bare);
                        known.map(|(_, shown)| *shown)
                    });
                let note = self.optional();
                if let Some((_, measures)) = MEASURED.iter().find(|(measured, _)| *measured == bare)
                {
                    for _ in 0..*measures {
                        self.optional();
                        self.group();
                    }
                }
                if let Some(shown) = shown {
                    let note = note.map(|note| inline(note, self.macros, self.depth + 1));
                    match note.filter(|note| !note.is_empty()) {
                        Some(note) => self.line.push_str(&format!("**{shown}** ({note}). ")),
                        None => self.line.push_str(&format!("**{shown}.** ")),
                    }
                }
                self.run(Stop::Environment);
                self.flush();
            }
        }
        self.depth -= 1;
    }

    fn list(&mut self, number: Option<usize>) {
        self.optional();
        self.lists.push(number);
        self.run(Stop::Environment);
        self.flush();
        self.bullet = None;
        self.lists.pop();
    }

    /// Everything up to the matching `\end{name}`, which is taken; `None` where there is none.
    fn raw(&mut self, name: &str) -> Option<&'a str> {
        if self.unended.iter().any(|unended| unended == name) {
            return None;
        }
        let rest = self.rest();
        let (begin, end) = (format!("\\begin{{{name}}}"), format!("\\end{{{name}}}"));
        let (mut from, mut depth) = (0usize, 0usize);
        loop {
            let Some(close) = rest[from..].find(&end).map(|at| from + at) else {
                if depth == 0 && self.unended.len() < 256 {
                    self.unended.push(name.to_owned());
                }
                return None;
            };
            let opened = rest[from..close].matches(&begin).count();
            depth += opened;
            if depth == 0 {
                self.at += close + end.len();
                return Some(&rest[..close]);
            }
            depth -= 1;
            from = close + end.len();
        }
    }

    fn listing(&mut self, source: &str, name: &str) {
        let (mut source, mut language) = (source, String::new());
        if let Some(options) = source
            .strip_prefix('[')
            .and_then(|rest| rest.split_once(']'))
        {
            let named = options
                .0
                .split(',')
                .find_map(|option| option.trim().strip_prefix("language="));
            language = named
                .unwrap_or_default()
                .trim_matches(['{', '}'])
                .to_lowercase();
            source = options.1;
        }
        if name == "minted"
            && let Some((named, rest)) = source
                .trim_start()
                .strip_prefix('{')
                .and_then(|rest| rest.split_once('}'))
        {
            language = named.to_owned();
            source = rest;
        }
        let text = source.trim_matches('\n').trim_end();
        self.flush();
        if !text.is_empty() {
            let fence = if text.contains("```") { "````" } else { "```" };
            self.block(&format!("{fence}{language}\n{text}\n{fence}"));
        }
    }
}
