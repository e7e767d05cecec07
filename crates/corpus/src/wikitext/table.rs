//! `{| … |}` as rows of Markdown; a table inside a cell goes.

/// Rows and cells of one table that are kept.
const ROWS: usize = 5_000;
const COLUMNS: usize = 64;

/// The table whose first line has just been read; takes its lines up to `|}`.
pub(super) fn table<'a>(lines: &mut impl Iterator<Item = &'a str>) -> String {
    let mut rows: Vec<Vec<String>> = vec![Vec::new()];
    let mut caption = String::new();
    let mut inner = 0usize;
    for line in lines {
        let line = line.trim();
        if line.starts_with("{|") {
            inner += 1;
            continue;
        }
        if line.starts_with("|}") {
            if inner == 0 {
                break;
            }
            inner -= 1;
            continue;
        }
        if inner > 0 {
            continue;
        }
        if let Some(text) = line.strip_prefix("|+") {
            caption = content(text);
        } else if line.starts_with("|-") {
            if rows.len() <= ROWS {
                rows.push(Vec::new());
            }
        } else if let Some(cells) = line.strip_prefix('!') {
            // Heads are parted by `!!` or `||`.
            let cells = cells.replace("!!", "||");
            row(&mut rows).extend(cells.split("||").map(content));
        } else if let Some(cells) = line.strip_prefix('|') {
            row(&mut rows).extend(cells.split("||").map(content));
        } else if let Some(cell) = row(&mut rows).last_mut() {
            // A cell goes on over lines.
            let more = super::quotes(line.trim_start_matches(['*', '#', ':']));
            if !more.is_empty() {
                if !cell.is_empty() {
                    cell.push(' ');
                }
                cell.push_str(&more);
            }
        }
    }
    rows.retain(|row| row.iter().any(|cell| !cell.is_empty()));
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0).min(COLUMNS);
    if rows.len() < 2 || columns < 2 {
        // One column or one row lays out a page; its words are kept as lines.
        let words: Vec<String> = rows.into_iter().map(|row| row.join(" ")).collect();
        return words.join("\n");
    }
    let mut markdown = String::new();
    if !caption.is_empty() {
        markdown = format!("{caption}\n\n");
    }
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

fn row(rows: &mut Vec<Vec<String>>) -> &mut Vec<String> {
    if rows.is_empty() {
        rows.push(Vec::new());
    }
    rows.last_mut().expect("there is one")
}

/// A cell without the attributes that may stand before a single bar.
fn content(cell: &str) -> String {
    let text = match cell.split_once('|') {
        Some((attributes, text)) if attributes.contains('=') || attributes.trim().is_empty() => {
            text
        }
        _ => cell,
    };
    super::quotes(text.trim())
}
