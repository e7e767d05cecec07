//! Code and tables as Markdown, taken from the tree before an extractor can lose their shape.

use std::ops::Range;

use dom_query::{NodeData, NodeRef};

use super::formula;
use super::prepare::is_permalink;

/// Bytes of one block; what is longer is data, and stays with the extractor.
const LONGEST: usize = 256 << 10;
/// Rows and columns of a table that is kept; what has more is data too.
const ROWS: usize = 2_000;
const COLUMNS: usize = 64;

/// A `<pre>` as a fenced block, and its words on one line. `None` where it is empty.
pub(super) fn code(node: &NodeRef<'_>) -> Option<(String, String)> {
    fenced(&verbatim(node), &language(node))
}

/// A table whose one column is line numbers and whose other holds a `<pre>`: a listing.
pub(super) fn listing(table: &NodeRef<'_>) -> Option<(String, String)> {
    let mut listings = Vec::new();
    let mut rest = 0;
    for node in table.descendants_it() {
        if node.has_name("pre") {
            listings.push(node);
        } else if node.has_name("tr") {
            rest += 1;
        }
        if listings.len() > 2 || rest > 1 {
            return None;
        }
    }
    let pre = listings.pop()?;
    let numbers = |text: &str| {
        let text = text.trim();
        text.chars()
            .all(|letter| letter.is_ascii_digit() || letter.is_whitespace())
    };
    match listings.pop() {
        Some(first) if !numbers(&first.text()) => None,
        _ => fenced(&verbatim(&pre), &language(&pre)),
    }
}

fn fenced(text: &str, language: &str) -> Option<(String, String)> {
    let text = text.trim_matches('\n').trim_end();
    if text.trim().is_empty() || text.len() > LONGEST {
        return None;
    }
    let longest = text
        .lines()
        .map(|line| line.trim_start())
        .map(|line| line.len() - line.trim_start_matches('`').len())
        .max();
    let fence = "`".repeat(longest.unwrap_or(0).max(2) + 1);
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    Some((format!("{fence}{language}\n{text}\n{fence}"), words))
}

/// The text as it stands, with line breaks and without line numbers and buttons.
fn verbatim(node: &NodeRef<'_>) -> String {
    let mut text = String::new();
    walk(node, &mut |node, entering| {
        if !entering {
            return true;
        }
        match element(node).as_deref() {
            Some("br") => text.push('\n'),
            Some("button" | "script" | "style" | "svg") => return false,
            Some("div" | "p" | "li" | "tr") if !text.is_empty() && !text.ends_with('\n') => {
                text.push('\n'); // a line of its own in some highlighters
            }
            Some(_) => {
                let class = node.class().unwrap_or_default();
                let numbers = |word: &str| {
                    matches!(
                        word,
                        "linenos" | "lineno" | "line-number" | "line-numbers-rows" | "ln"
                    )
                };
                if class.split_ascii_whitespace().any(numbers) {
                    return false;
                }
            }
            None => node
                .query(|tree_node| {
                    if let NodeData::Text { contents } = &tree_node.data {
                        text.push_str(contents);
                    }
                })
                .unwrap_or(()),
        }
        true
    });
    text.replace("\r\n", "\n").replace(['\r', '\u{200B}'], "")
}

/// The language by the classes of the block, of the `<code>` in it, or of two elements around it.
fn language(pre: &NodeRef<'_>) -> String {
    let inner = pre.first_element_child();
    let around = pre.ancestors_it(Some(3));
    for node in inner.into_iter().chain([*pre]).chain(around) {
        if let Some(named) = node
            .attr("data-lang")
            .or_else(|| node.attr("data-language"))
        {
            return word(&named);
        }
        let class = node.class().unwrap_or_default();
        let mut brush = false;
        for part in class.split_ascii_whitespace() {
            if brush {
                return word(part);
            }
            brush = part == "brush:";
            for prefix in [
                "language-",
                "lang-",
                "highlight-source-",
                "highlight-",
                "brush:",
            ] {
                if let Some(name) = part.strip_prefix(prefix)
                    && !matches!(name, "" | "default" | "none" | "wrapper" | "text")
                {
                    return word(name);
                }
            }
        }
    }
    String::new()
}

fn word(name: &str) -> String {
    name.chars()
        .take_while(|letter| letter.is_alphanumeric() || matches!(letter, '+' | '#' | '-' | '_'))
        .take(24)
        .collect::<String>()
        .to_lowercase()
}

/// A table of data as Markdown rows, and its words on one line. `None` for what only lays out a page.
pub(super) fn table(node: &NodeRef<'_>) -> Option<(String, String)> {
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut covers = Covers {
        row: 0,
        until: [0; COLUMNS],
    };
    let (mut letters, mut linked, mut heads, mut longest) = (0, 0, 0, 0);
    let mut caption = String::new();
    let mut refused = false;
    walk(node, &mut |inside, entering| {
        let Some(name) = element(inside) else {
            return true;
        };
        if !entering || refused {
            return !refused;
        }
        match &*name {
            "table" if inside.id != node.id => refused = true,
            "pre" | "form" | "iframe" | "h1" | "h2" => refused = true,
            "thead" | "tbody" | "tfoot" => covers.until.fill(0),
            "tr" => {
                covers.row += 1;
                // A row of nothing is none.
                rows.pop_if(|row| row.iter().all(String::is_empty));
                refused = rows.len() > ROWS;
                rows.push(Vec::new());
            }
            "caption" => caption = flat(inside).text,
            "td" | "th" => {
                let cell = flat(inside);
                if cell.holds_blocks {
                    refused = true; // it lays out a page
                    return false;
                }
                let text = cell.text;
                let size = text.chars().count();
                letters += size;
                linked += cell.linked;
                longest = longest.max(size);
                heads += usize::from(&*name == "th");
                let span = |name| {
                    let span = inside.attr(name)?;
                    span.trim().parse::<usize>().ok()
                };
                let wide = span("colspan").unwrap_or(1).clamp(1, COLUMNS);
                if let Some(row) = rows.last_mut() {
                    let from = covers.first_free(row.len());
                    covers.cover(from..from + wide, span("rowspan").unwrap_or(1));
                    row.resize(from, String::new());
                    row.push(text);
                    row.resize(from + wide, String::new());
                    refused = row.len() > COLUMNS;
                }
                return false;
            }
            _ => {}
        }
        true
    });
    rows.retain(|row| row.iter().any(|cell| !cell.is_empty()));
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    // Navigation is made of links, layout of one cell or of very long ones.
    let data = !refused
        && (2..=ROWS).contains(&rows.len())
        && (2..=COLUMNS).contains(&columns)
        && letters > 0
        && linked * 2 <= letters
        && (heads > 0 || longest <= 400)
        && longest <= 4_000;
    if !data {
        return None;
    }
    let mut markdown = String::new();
    if !caption.is_empty() {
        markdown.push_str(&caption);
        markdown.push_str("\n\n");
    }
    for (number, row) in rows.iter().enumerate() {
        markdown.push('|');
        for column in 0..columns {
            let cell = row.get(column).map_or("", String::as_str);
            markdown.push(' ');
            markdown.push_str(&cell.replace('|', "\\|"));
            markdown.push_str(" |");
        }
        markdown.push('\n');
        if number == 0 {
            markdown.push('|');
            markdown.push_str(&" --- |".repeat(columns));
            markdown.push('\n');
        }
    }
    markdown.pop();
    let words: Vec<&str> = rows
        .iter()
        .flatten()
        .map(String::as_str)
        .filter(|cell| !cell.is_empty())
        .collect();
    let words = words.join(" ");
    (markdown.len() <= LONGEST).then_some((markdown, words))
}

/// The columns that cells of rows above reach down into.
struct Covers {
    /// The row under way, counted from 1.
    row: usize,
    /// Of each column: the first row that is free again.
    until: [usize; COLUMNS],
}

impl Covers {
    /// The first column of this row, from one on, into which no cell reaches.
    fn first_free(&self, from: usize) -> usize {
        let rest = self.until.iter().skip(from);
        from + rest.take_while(|until| **until > self.row).count()
    }

    /// Notes a cell of this row that is so many rows high; 0 is to the end of the section.
    fn cover(&mut self, columns: Range<usize>, rows: usize) {
        let until = match rows {
            0 => usize::MAX,
            rows => self.row.saturating_add(rows),
        };
        for column in self.until.iter_mut().take(columns.end).skip(columns.start) {
            *column = until.max(*column);
        }
    }
}

/// A cell or a heading as one line.
pub(super) struct Flat {
    pub(super) text: String,
    /// How many of its characters stand in links.
    pub(super) linked: usize,
    /// Whether something lies in it that no cell of data holds.
    pub(super) holds_blocks: bool,
}

/// An element as one line.
pub(super) fn flat(cell: &NodeRef<'_>) -> Flat {
    let mut text = String::new();
    let (mut links, mut linked, mut holds_blocks) = (0usize, 0usize, false);
    walk(cell, &mut |node, entering| {
        if holds_blocks {
            return false;
        }
        match element(node).as_deref() {
            Some("table" | "pre" | "form" | "h1" | "h2" | "h3" | "article" | "section")
                if node.id != cell.id =>
            {
                holds_blocks = true;
                return false;
            }
            Some("a") if entering && is_permalink(node) => return false,
            Some("a") if entering => links += 1,
            Some("a") => links = links.saturating_sub(1),
            Some("script" | "style" | "svg") => return false,
            Some("math") if entering => {
                text.push_str(&formula::mathml(node));
                return false;
            }
            Some("span") if entering && let Some(tex) = rendered(node) => {
                text.push_str(&tex);
                return false;
            }
            Some("code") if node.parent().is_none_or(|parent| !parent.has_name("pre")) => {
                text.push('`');
            }
            Some("br" | "p" | "li" | "div" | "dt" | "dd") => text.push(' '),
            Some(_) => {}
            None if entering => {
                node.query(|tree_node| {
                    if let NodeData::Text { contents } = &tree_node.data {
                        if links > 0 {
                            linked += contents.trim().chars().count();
                        }
                        text.push_str(contents);
                    }
                });
            }
            None => {}
        }
        true
    });
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    Flat {
        text: line.replace("``", ""),
        linked,
        holds_blocks,
    }
}

fn rendered(node: &NodeRef<'_>) -> Option<String> {
    let class = node.class()?;
    ["katex", "mwe-math-element", "math"]
        .iter()
        .any(|wanted| class.split_ascii_whitespace().any(|word| word == *wanted))
        .then(|| formula::rendered(node))?
}

/// The local name of an element; `None` for text and all else.
pub(super) fn element(node: &NodeRef<'_>) -> Option<dom_query::LocalName> {
    node.query(|tree_node| match &tree_node.data {
        NodeData::Element(element) => Some(element.name.local.clone()),
        _ => None,
    })?
}

/// Visits a node and all below it in order, without recursion: `visit(node, true)` on the way in,
/// whose answer says whether to look inside, and `visit(node, false)` on the way out.
pub(super) fn walk<'a>(root: &NodeRef<'a>, visit: &mut dyn FnMut(&NodeRef<'a>, bool) -> bool) {
    let mut node = *root;
    loop {
        if visit(&node, true)
            && let Some(child) = node.first_child()
        {
            node = child;
            continue;
        }
        loop {
            visit(&node, false);
            if node.id == root.id {
                return;
            }
            if let Some(next) = node.next_sibling() {
                node = next;
                break;
            }
            let Some(parent) = node.parent() else {
                return;
            };
            node = parent;
        }
    }
}
