//! `{| … |}` as rows of Markdown; a table inside a cell goes.
//!
//! Markdown has no cell over several columns or rows: the text of one stands once, in its first place, and the
//! others are empty, so that every cell keeps its column.

/// Rows and columns of one table that are kept.
const ROWS: usize = 5_000;
const COLUMNS: usize = 64;

/// Whether a line begins a table; colons may indent it.
pub(super) fn opens(line: &str) -> bool {
    line.trim_start_matches(':').trim_start().starts_with("{|")
}

/// The table whose first line has just been read; takes its lines up to `|}`.
pub(super) fn table<'a>(lines: &mut impl Iterator<Item = &'a str>) -> String {
    let mut grid = Grid::default();
    let mut caption = String::new();
    let mut inner = 0usize;
    for line in lines {
        let line = line.trim();
        if opens(line) {
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
            caption = content(text).1;
        } else if line.starts_with("|-") {
            grid.end_row();
        } else if let Some(cells) = line.strip_prefix('!') {
            // Heads are parted by `!!` or `||`.
            let cells = cells.replace("!!", "||");
            for cell in cells.split("||") {
                grid.put(cell);
            }
        } else if let Some(cells) = line.strip_prefix('|') {
            for cell in cells.split("||") {
                grid.put(cell);
            }
        } else if let Some(cell) = grid.row.last_mut() {
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
    grid.end_row();
    markdown(grid.rows, caption)
}

fn markdown(mut rows: Vec<Vec<String>>, caption: String) -> String {
    rows.retain(|row| row.iter().any(|cell| !cell.is_empty()));
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0).min(COLUMNS);
    if rows.len() < 2 || columns < 2 {
        // One column or one row lays out a page; its words are kept as lines.
        let words = rows.into_iter().map(|mut row| {
            row.retain(|cell| !cell.is_empty());
            row.join(" ")
        });
        return words.collect::<Vec<_>>().join("\n");
    }
    let mut markdown = caption;
    if !markdown.is_empty() {
        markdown.push_str("\n\n");
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

/// Cells in their columns.
#[derive(Default)]
struct Grid {
    /// The rows that have ended. A row goes as far as its last cell begins, so that a cell costs no more for what it
    /// says that it covers.
    rows: Vec<Vec<String>>,
    /// The row that is being read.
    row: Vec<String>,
    /// The first column behind its last cell and all that this covers.
    next: usize,
    /// By column, the first row into which no cell above reaches.
    free: Vec<usize>,
}

impl Grid {
    /// Puts a cell into the next place that none above covers.
    fn put(&mut self, cell: &str) {
        let (attributes, text) = content(cell);
        let number = self.rows.len();
        while self.free.get(self.next).is_some_and(|free| *free > number) {
            self.next += 1;
        }
        self.row.resize(self.next, String::new());
        self.row.push(text);
        // Behind the columns that are kept nothing is covered.
        let end = (self.next + span(attributes, "colspan")).min(COLUMNS.max(self.next + 1));
        let covered = end.min(COLUMNS);
        if self.free.len() < covered {
            self.free.resize(covered, 0);
        }
        let below = number + span(attributes, "rowspan");
        for free in self.free[..covered].iter_mut().skip(self.next) {
            *free = below;
        }
        self.next = end;
    }

    /// Ends a row. One without a cell is none: `|-` may stand twice.
    fn end_row(&mut self) {
        let row = std::mem::take(&mut self.row);
        self.next = 0;
        if !row.is_empty() && self.rows.len() < ROWS {
            self.rows.push(row);
        }
    }
}

/// The attributes that may stand before a single bar of a cell, and its text.
fn content(cell: &str) -> (&str, String) {
    let (attributes, text) = match cell.split_once('|') {
        Some((attributes, text)) if attributes.contains('=') || attributes.trim().is_empty() => {
            (attributes, text)
        }
        _ => ("", cell),
    };
    (attributes, super::quotes(text.trim()))
}

/// How many columns or rows a cell takes: `rowspan="2"`, as HTML reads it. `rowspan="0"` goes to the end; what is no
/// number is 1, and so is `colspan="0"`.
fn span(attributes: &str, name: &str) -> usize {
    let bytes = attributes.as_bytes();
    let value = bytes
        .windows(name.len())
        .enumerate()
        .filter(|(_, word)| word.eq_ignore_ascii_case(name.as_bytes()))
        .filter(|(at, _)| {
            let before = at.checked_sub(1).map(|before| bytes[before]);
            before.is_none_or(|byte| !byte.is_ascii_alphanumeric() && byte != b'-')
        })
        .find_map(|(at, _)| attributes[at + name.len()..].trim_start().strip_prefix('='));
    let digits = value
        .unwrap_or("")
        .trim_start_matches([' ', '\t', '"', '\''])
        .bytes()
        .take_while(u8::is_ascii_digit);
    let number = digits
        .map(|digit| usize::from(digit - b'0'))
        .reduce(|number, digit| number.saturating_mul(10).saturating_add(digit));
    match number {
        Some(0) if name == "rowspan" => ROWS,
        Some(number) => number.clamp(1, ROWS),
        None => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::{COLUMNS, Grid, ROWS};

    #[test]
    fn absurd_spans_cost_no_more_than_their_cells() {
        let wide = "rowspan=65000 colspan=65000 | 가";
        for (row, times) in [
            (vec![wide; 1_000], 1),
            (vec![wide, "나"], 100),
            (vec!["rowspan=0 | 가", wide, "나"], 100),
            (vec!["colspan=63 | 가", "나"], ROWS + 100),
        ] {
            let mut grid = Grid::default();
            for _ in 0..times {
                for cell in &row {
                    grid.put(cell);
                }
                grid.end_row();
            }
            assert_eq!(grid.rows.len(), times.min(ROWS));
            assert!(grid.free.len() <= COLUMNS, "{}", grid.free.len());
            // Before its first cell a row may pass by every column that is kept.
            let cells = grid.rows.iter().map(Vec::len).sum::<usize>();
            let most = grid.rows.len() * (row.len() + COLUMNS);
            assert!(cells <= most, "{cells} places of {most}");
        }
    }
}
