//! A paper's TeX sources as Markdown: sections in order, formulas as they were written.
//!
//! The report's complaint of open arXiv dumps is `\input`s out of order or unresolved (section 3.1). The
//! main file is found, what it includes is put in its place ([`includes`]), the paper's own macros are
//! expanded ([`macros`]), and the commands of LaTeX are read as the text that they set ([`render`]).
//!
//! This is no TeX: category codes, conditions, counters and packages' macros are not run. Formulas are
//! kept as source between `$` and `$$`, with the paper's macros expanded so that they stand alone.

mod includes;
mod letters;
mod macros;
mod render;

use crate::extract::charset;
use crate::{Refusal, Refused};

/// Environments whose content is not TeX.
const VERBATIM: [&str; 5] = ["verbatim", "verbatim*", "lstlisting", "minted", "Verbatim"];

/// A paper as Markdown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paper {
    /// Markdown, beginning with the title where there is one.
    pub text: String,
    /// The title.
    pub title: Option<String>,
    /// The file that everything was included from.
    pub main: String,
    /// What the paper includes and its archive does not hold; what leads outside of it is among them.
    pub missing: Vec<String>,
}

/// A paper's files, by their names in its archive, as Markdown.
///
/// # Errors
/// The refusal of a paper without TeX, or without text in it.
pub fn paper(files: &[(String, Vec<u8>)]) -> Result<Paper, Refused> {
    let files: Vec<(String, String)> = files
        .iter()
        .map(|(name, bytes)| (name.clone(), charset::decode(bytes, None).text))
        .map(|(name, text)| (name, text.replace("\r\n", "\n").replace('\r', "\n")))
        .collect();
    let Some(main) = includes::main(&files) else {
        let names: Vec<&str> = files
            .iter()
            .map(|(name, _)| name.as_str())
            .take(8)
            .collect();
        let detail = format!("no file has \\documentclass: {}", names.join(", "));
        return Err(Refused::new(Refusal::NoSource, detail));
    };
    let included = includes::inline(&files, main);
    let (head, body) = match included.text.split_once("\\begin{document}") {
        Some((head, body)) => (head, body),
        None => ("", included.text.as_str()), // plain TeX
    };
    let body = body.split("\\end{document}").next().unwrap_or(body);
    let mut table = macros::Macros::default();
    for style in &included.styles {
        table.read(style);
    }
    let rest_of_head = table.read(head);
    let expanded = table.expand(body);
    // Titles stand in the head as often as in the body, with macros in them as well.
    let title = render::argument_of(&table.expand(&rest_of_head), "title")
        .or_else(|| render::argument_of(&expanded, "title"))
        .filter(|title| !title.is_empty());
    let text = render::markdown(&expanded, &table);
    if text.trim().is_empty() {
        let detail = format!("{} sets no text", files[main].0);
        return Err(Refused::new(Refusal::NoText, detail));
    }
    let text = match &title {
        Some(title) => format!("# {title}\n\n{text}"),
        None => text,
    };
    Ok(Paper {
        text,
        title,
        main: files[main].0.clone(),
        missing: included.missing,
    })
}

/// Whether a text ends in the name of a command, which a letter behind it would make another's.
fn ends_in_command(text: &str) -> bool {
    let bytes = text.as_bytes();
    // Names are short, and without a bound a text of letters alone would be read over and over.
    let name = bytes
        .iter()
        .rev()
        .take(64)
        .take_while(|byte| byte.is_ascii_alphabetic() || **byte == b'@')
        .count();
    let before = &bytes[..bytes.len() - name];
    let slashes = before.iter().rev().take_while(|byte| **byte == b'\\');
    name > 0 && slashes.count() % 2 == 1
}

#[cfg(test)]
mod tests;
