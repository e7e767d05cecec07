//! `tabular` as rows of Markdown.

use super::super::macros::Macros;
use super::inline;

const ROWS: usize = 2_000;
const COLUMNS: usize = 64;

/// The inside of a table; its column specification stands first.
pub(super) fn table(source: &str, name: &str, macros: &Macros, depth: usize) -> String {
    let mut source = source.trim_start();
    // `tabular` has an optional position and the columns, the others a width before them.
    let arguments = match name {
        "tabularx" | "tabulary" => 2,
        _ => 1,
    };
    if let Some((_, rest)) = source
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
    {
        source = rest.trim_start();
    }
    for _ in 0..arguments {
        source = after_group(source);
    }
    let mut rows: Vec<Vec<String>> = Vec::new();
    for row in split(source, "\\\\").into_iter().take(ROWS) {
        let row = rules_removed(row);
        let mut cells: Vec<String> = Vec::new();
        for cell in split(row, "&").into_iter().take(COLUMNS) {
            let span = cell
                .trim_start()
                .strip_prefix("\\multicolumn{")
                .and_then(|rest| rest.split('}').next())
                .and_then(|count| count.trim().parse::<usize>().ok())
                .unwrap_or(1)
                .clamp(1, COLUMNS);
            cells.push(inline(cell, macros, depth));
            cells.extend(std::iter::repeat_n(String::new(), span - 1));
        }
        if cells.iter().any(|cell| !cell.is_empty()) {
            rows.push(cells);
        }
    }
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    if rows.len() < 2 || columns < 2 {
        let lines: Vec<String> = rows.into_iter().map(|row| row.join(" ")).collect();
        return lines.join("\n");
    }
    let mut markdown = String::new();
    for (number, row) in rows.iter().enumerate() {
        markdown.push('|');
        for column in 0..columns {
            let cell = row.get(column).map_or("", String::as_str);
            markdown.push_str(&format!(" {} |", cell.replace('|', "\\|")));
        }
        markdown.push('\n');
        if number == 0 {
            markdown.push_str(&format!("|{}\n", " --- |".repeat(columns)));
        }
    }
    markdown.pop();
    markdown
}

/// What follows a group in braces; the text itself where none stands here.
fn after_group(text: &str) -> &str {
    let text = text.trim_start();
    if !text.starts_with('{') {
        return text;
    }
    let mut depth = 0usize;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => {
                depth -= 1;
                if depth == 0 {
                    return &text[at + 1..];
                }
            }
            _ => {}
        }
    }
    ""
}

/// Parts between signs that stand outside of braces and are not escaped.
fn split<'a>(text: &'a str, sign: &str) -> Vec<&'a str> {
    let bytes = text.as_bytes();
    let (mut parts, mut start, mut at, mut depth) = (Vec::new(), 0, 0, 0usize);
    while at < bytes.len() {
        if depth == 0 && bytes[at..].starts_with(sign.as_bytes()) {
            parts.push(&text[start..at]);
            at += sign.len();
            start = at;
            continue;
        }
        match bytes[at] {
            b'\\' => at += 1,
            b'{' => depth += 1,
            b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
    parts.push(&text[start..]);
    parts
}

/// A row without the rules drawn above it.
fn rules_removed(row: &str) -> &str {
    const RULES: [&str; 7] = [
        "\\hline",
        "\\toprule",
        "\\midrule",
        "\\bottomrule",
        "\\endhead",
        "\\endfirsthead",
        "\\tableline",
    ];
    const PARTIAL: [&str; 4] = ["\\cline", "\\cmidrule", "\\noalign", "\\rowcolor"];
    let mut row = row.trim();
    if row.starts_with('[') {
        row = row.split_once(']').map_or("", |(_, rest)| rest.trim()); // `\\[2pt]`
    }
    loop {
        let after = |rules: &[&str]| {
            let rule = rules.iter().find(|rule| row.starts_with(**rule))?;
            Some(row[rule.len()..].trim_start())
        };
        if let Some(rest) = after(&RULES) {
            row = rest;
        } else if let Some(rest) = after(&PARTIAL) {
            let rest = match rest.starts_with('(') {
                true => rest.split_once(')').map_or("", |(_, rest)| rest),
                false => rest,
            };
            row = after_group(rest).trim_start();
        } else {
            return row;
        }
    }
}
