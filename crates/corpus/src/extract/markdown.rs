//! The tree that an extractor left over as Markdown, with the set-aside blocks put back.
//!
//! Kept: headings, lists, quotations, code, tables, line breaks. Gone: addresses of links, images,
//! bold and italics, since a language model reads the words. Recursion goes as deep as the caps
//! let a page be.

use dom_query::{Document, NodeData, NodeRef};

use super::blocks;
use super::prepare::{CLOSE, MIDDLE, OPEN};

/// How far a line may be indented, in bytes: what lies deeper stands under what it lies in.
const INDENT: usize = 64;

/// An extractor's HTML as Markdown; `None` where that would be more than `most` bytes.
pub(super) fn markdown(html: &str, blocks: &[String], most: usize) -> Option<String> {
    of_tree(&Document::fragment(html).root(), blocks, most)
}

/// What an extractor left of a tree as Markdown; `None` where that would be more than `most` bytes.
pub(super) fn of_tree(node: &NodeRef<'_>, blocks: &[String], most: usize) -> Option<String> {
    let mut render = Render {
        blocks: blocks.iter().map(|block| Some(block.as_str())).collect(),
        room: Some(most),
        ..Render::default()
    };
    render.children(node, 0);
    render.flush();
    render.room?;
    Some(render.finish())
}

#[derive(Default)]
struct Render<'a> {
    /// Those that have not been put back yet: each is, once.
    blocks: Vec<Option<&'a str>>,
    /// How many bytes there may be yet; `None` where there were too many.
    room: Option<usize>,
    /// Finished blocks: the text, and whether it hangs tightly under the one before.
    done: Vec<(String, bool)>,
    /// The words of the block under way.
    line: String,
    /// What stands before every line of the block: quotation signs and indents.
    indent: String,
    /// What stands before its first line instead: a bullet.
    bullet: Option<String>,
    /// How deep in lists.
    lists: usize,
    /// Behind the middle mark of a block that has been put back: its words are not said again.
    inside_block: bool,
}

impl Render<'_> {
    fn children(&mut self, node: &NodeRef<'_>, depth: usize) {
        for child in node.children_it(false) {
            self.node(&child, depth + 1);
        }
    }

    fn node(&mut self, node: &NodeRef<'_>, depth: usize) {
        let Some(name) = blocks::element(node) else {
            node.query(|tree_node| {
                if let NodeData::Text { contents } = &tree_node.data {
                    self.text(contents);
                }
            });
            return;
        };
        if depth > 1_000 {
            self.text(&node.text());
            return;
        }
        match &*name {
            "script" | "style" | "head" | "img" | "hr" => {}
            "br" => self.line.push('\n'),
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                self.flush();
                self.children(node, depth);
                let text = std::mem::take(&mut self.line);
                let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
                if !text.is_empty() {
                    let level = usize::from(name.as_bytes()[1] - b'0');
                    self.line = format!("{} {text}", "#".repeat(level));
                }
                self.flush();
            }
            "ul" | "ol" => self.list(node, &name, depth),
            "li" => self.item(node, "- ", depth),
            "blockquote" => {
                self.flush();
                let before = self.indent.len();
                if before < INDENT {
                    self.indent.push_str("> ");
                }
                self.children(node, depth);
                self.flush();
                self.indent.truncate(before);
            }
            "pre" => match blocks::code(node) {
                Some((block, _)) => self.block(&block),
                None => self.paragraph(node, depth),
            },
            "table" => match blocks::table(node) {
                Some((block, _)) => self.block(&block),
                None => self.paragraph(node, depth),
            },
            "code" | "kbd" | "samp" | "tt" => self.code(node, depth),
            "sup" => self.raised(node, depth),
            "td" | "th" => {
                self.children(node, depth);
                self.line.push(' ');
            }
            "p" | "div" | "section" | "article" | "main" | "header" | "footer" | "aside"
            | "nav" | "figure" | "figcaption" | "details" | "summary" | "dl" | "dt" | "dd"
            | "tr" | "tbody" | "thead" | "tfoot" | "caption" | "address" | "center" | "form"
            | "body" | "html" | "fieldset" => self.paragraph(node, depth),
            _ => self.children(node, depth),
        }
    }

    fn paragraph(&mut self, node: &NodeRef<'_>, depth: usize) {
        self.flush();
        self.children(node, depth);
        self.flush();
    }

    fn list(&mut self, list: &NodeRef<'_>, name: &str, depth: usize) {
        self.flush();
        self.lists += 1;
        let mut number = list
            .attr("start")
            .and_then(|start| start.trim().parse().ok())
            .unwrap_or(1i64);
        for child in list.children_it(false) {
            if child.has_name("li") {
                let bullet = match name {
                    "ol" => format!("{number}. "),
                    _ => "- ".to_owned(),
                };
                number = number.saturating_add(1);
                self.item(&child, &bullet, depth);
            } else {
                self.node(&child, depth + 1);
            }
        }
        self.flush();
        self.lists -= 1;
    }

    fn item(&mut self, node: &NodeRef<'_>, bullet: &str, depth: usize) {
        self.flush();
        let before = self.indent.len();
        let outer = self.bullet.take();
        self.bullet = Some(format!(
            "{}{}{bullet}",
            self.indent,
            outer.unwrap_or_default()
        ));
        if before < INDENT {
            self.indent.extend(std::iter::repeat_n(' ', bullet.len()));
        }
        self.children(node, depth);
        self.flush();
        self.bullet = None; // an empty item leaves none behind
        self.indent.truncate(before);
    }

    fn code(&mut self, node: &NodeRef<'_>, depth: usize) {
        let text = node.text();
        if text.trim().lines().count() > 1 && !text.contains(OPEN) {
            // A block that lost its `<pre>` on the way.
            let text = text.trim_matches('\n').trim_end();
            let fence = if text.contains("```") { "````" } else { "```" };
            return self.block(&format!("{fence}\n{text}\n{fence}"));
        }
        if text.trim().is_empty() || text.contains(['`', OPEN]) || self.line.ends_with('`') {
            return self.children(node, depth);
        }
        self.line.push('`');
        self.line.push_str(text.trim());
        self.line.push('`');
    }

    /// `x<sup>2</sup>` is not x2.
    fn raised(&mut self, node: &NodeRef<'_>, depth: usize) {
        let text = node.text();
        let power = text.len() <= 4
            && text
                .chars()
                .all(|letter| letter.is_ascii_digit() || matches!(letter, '-' | '−' | 'n'));
        if power && !text.is_empty() && self.line.ends_with(|letter: char| letter.is_alphanumeric())
        {
            self.line.push('^');
        }
        self.children(node, depth);
    }

    /// Words, and the marks of blocks among them.
    fn text(&mut self, text: &str) {
        let mut rest = text;
        loop {
            if self.inside_block {
                let Some((_, after)) = rest.split_once(CLOSE) else {
                    return;
                };
                self.inside_block = false;
                rest = after;
            }
            let Some((before, after)) = rest.split_once(OPEN) else {
                self.words(rest);
                return;
            };
            self.words(before);
            let (number, words) = after.split_once(MIDDLE).unwrap_or((after, ""));
            let place = number.trim().parse::<usize>().ok();
            match place
                .and_then(|at| self.blocks.get_mut(at))
                .map(Option::take)
            {
                Some(Some(block)) => {
                    self.block(block);
                    self.inside_block = true;
                    rest = words;
                }
                // It stands elsewhere already: here its words do.
                Some(None) => rest = words,
                None => rest = after,
            }
        }
    }

    /// A line break in the source is a space; only `<br>` breaks a line.
    fn words(&mut self, words: &str) {
        let mut parts = words.split('\n');
        self.line.push_str(parts.next().unwrap_or_default());
        for part in parts {
            self.line.push(' ');
            self.line.push_str(part);
        }
    }

    fn block(&mut self, block: &str) {
        self.flush();
        self.push(block, false);
    }

    /// Ends the block under way.
    fn flush(&mut self) {
        self.inside_block = false;
        let line = std::mem::take(&mut self.line);
        let mut text = String::with_capacity(line.len());
        for part in line.split('\n') {
            let mut words = part.split_whitespace().peekable();
            if words.peek().is_none() {
                continue;
            }
            if !text.is_empty() {
                text.push('\n');
            }
            let mut first = true;
            for word in words {
                if !first {
                    text.push(' ');
                }
                first = false;
                text.push_str(word);
            }
        }
        if !text.is_empty() {
            let tight = self.lists > 0;
            self.push(&text, tight);
        }
        // The marks that a block leaves behind are nobody's.
    }

    fn push(&mut self, text: &str, tight: bool) {
        let Some(room) = self.room else {
            return;
        };
        let mut block = String::new();
        let mut first = self.bullet.take();
        for line in text.split('\n') {
            if !block.is_empty() {
                block.push('\n');
            }
            match first.take() {
                Some(bullet) => block.push_str(&bullet),
                None => block.push_str(if line.is_empty() {
                    self.indent.trim_end()
                } else {
                    &self.indent
                }),
            }
            block.push_str(line);
        }
        // With the line breaks in front of it.
        self.room = room.checked_sub(block.len() + 2);
        self.done.push((block, tight));
    }

    fn finish(self) -> String {
        let mut text = String::new();
        let mut before = false;
        for (block, tight) in self.done {
            if !text.is_empty() {
                text.push_str(if tight && before { "\n" } else { "\n\n" });
            }
            before = tight;
            text.push_str(&block);
        }
        text.replace([OPEN, MIDDLE, CLOSE], "")
    }
}
