//! A page's tree made ready: what cannot be text goes, and what extraction tends to lose is set aside.
//!
//! Code blocks, headings, tables of data and formulas are turned into what they shall be in the end, Markdown,
//! before any extractor sees the page. In the tree stays a paragraph of their words between two
//! private marks, `U+E000 number U+E001 words U+E002`, so that an extractor weighs them as the
//! text they are; [`super::markdown`] puts the kept block in the place of what comes back.

use dom_query::{Document, NodeData, NodeId, NodeRef};

use super::about::About;
use super::{Caps, Refused, blocks, caps, formula};

/// Opens a set-aside block; its number follows.
pub(super) const OPEN: char = '\u{E000}';
/// Between the number and the words.
pub(super) const MIDDLE: char = '\u{E001}';
/// Closes it.
pub(super) const CLOSE: char = '\u{E002}';

/// A page ready for an extractor.
pub(super) struct Prepared {
    pub(super) document: Document,
    /// The set-aside blocks, as Markdown.
    pub(super) blocks: Vec<String>,
    pub(super) about: About,
}

/// Parses a page and prepares its tree.
///
/// # Errors
/// The caps' refusals.
pub(super) fn prepare(html: &str, caps: &Caps) -> Result<Prepared, Refused> {
    caps::check(html, caps)?;
    // The marks are ours alone from here on.
    let foreign = memchr::memmem::find(html.as_bytes(), b"\xEE\x80").is_some();
    let document = if foreign {
        Document::from(html.replace([OPEN, MIDDLE, CLOSE], ""))
    } else {
        Document::from(html)
    };
    let (edits, about) = look(&document, caps)?;
    let mut blocks = Vec::new();
    for (id, edit) in edits {
        let node = NodeRef::new(id, &document.tree);
        match edit {
            Edit::Remove => node.remove_from_parent(),
            Edit::Inline(text) => {
                let text = document.tree.new_text(text);
                node.replace_with(&text);
            }
            Edit::Block { block, words } => {
                let paragraph = document.tree.new_element("p");
                let number = blocks.len();
                paragraph.set_text(format!("{OPEN}{number}{MIDDLE}{words}{CLOSE}"));
                node.replace_with(&paragraph);
                blocks.push(block);
            }
        }
    }
    Ok(Prepared {
        document,
        blocks,
        about,
    })
}

enum Edit {
    Remove,
    Inline(String),
    Block { block: String, words: String },
}

/// One walk over the tree in its order: what to change, and what the head says.
fn look(document: &Document, caps: &Caps) -> Result<(Vec<(NodeId, Edit)>, About), Refused> {
    let mut edits = Vec::new();
    let mut about = About::default();
    let mut depth = 0u64;
    let mut nodes = 0u64;
    let root = document.root();
    let mut node = root.first_child();
    while let Some(current) = node {
        nodes += 1;
        if nodes > caps.nodes.saturating_mul(4) {
            return Err(caps::too_many(nodes, caps)); // text nodes count here too
        }
        let edit = judge(&current, &mut about);
        let inside = match edit {
            None => current.first_child(),
            Some(edit) => {
                edits.push((current.id, edit));
                None
            }
        };
        if let Some(child) = inside {
            depth += 1;
            if depth > caps.depth {
                return Err(caps::too_deep(depth, caps));
            }
            node = Some(child);
            continue;
        }
        let mut up = current;
        node = loop {
            if let Some(next) = up.next_sibling() {
                break Some(next);
            }
            match up.parent() {
                Some(parent) if parent.id != root.id => {
                    depth -= 1;
                    up = parent;
                }
                _ => break None,
            }
        };
    }
    Ok((edits, about))
}

/// What becomes of a node; `None` leaves it and looks inside.
fn judge(node: &NodeRef<'_>, about: &mut About) -> Option<Edit> {
    let element = match node.query(|tree_node| match &tree_node.data {
        NodeData::Element(element) => Some(Some(element.name.local.clone())),
        NodeData::Comment { .. } | NodeData::ProcessingInstruction { .. } => Some(None),
        _ => None,
    })? {
        None => return None, // text, the doctype
        Some(None) => return Some(Edit::Remove),
        Some(Some(name)) => name,
    };
    let name: &str = &element;
    match name {
        "html" => about.html(node),
        "meta" | "link" | "title" | "h1" | "a" => about.hear(name, node),
        _ => {}
    }
    match name {
        "script" => {
            let kind = node.attr("type").unwrap_or_default();
            if kind.starts_with("math/tex") {
                let display = kind.contains("mode=display");
                return Some(Edit::Inline(formula::dollars(&node.text(), display)));
            }
            // What JSON-LD says of author and date is left for the extractors.
            (!kind.eq_ignore_ascii_case("application/ld+json")).then_some(Edit::Remove)
        }
        "style" | "svg" | "canvas" | "template" | "iframe" | "object" => Some(Edit::Remove),
        "math" => Some(Edit::Inline(formula::mathml(node))),
        "pre" => code(node),
        "table" => table(node),
        "figure" => figure(node),
        "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => heading(name, node),
        // An anchor marks a place and says nothing; in a heading it costs extractors the heading.
        "a" if node.first_child().is_none() && !node.has_attr("href") => Some(Edit::Remove),
        "a" if is_permalink(node) => Some(Edit::Remove),
        "span" | "div" => marked(node),
        "button" | "input" | "select" | "noscript" => Some(Edit::Remove),
        // Both extractors take these away; a tree without them is half as large on many sites.
        "nav" | "footer" if !holds_the_page(node) => Some(Edit::Remove),
        _ => None,
    }
}

/// Whether an element that should hold links or small print was never closed and holds the page.
fn holds_the_page(node: &NodeRef<'_>) -> bool {
    let mut paragraphs = 0;
    node.descendants_it()
        .any(|inside| match blocks::element(&inside).as_deref() {
            Some("article" | "main" | "h1" | "pre") => true,
            Some("p") => {
                paragraphs += 1;
                paragraphs > 12
            }
            _ => false,
        })
}

/// Spans and divisions that a renderer of formulas or code made.
fn marked(node: &NodeRef<'_>) -> Option<Edit> {
    let class = node.class()?;
    let has = |wanted: &str| class.split_ascii_whitespace().any(|word| word == wanted);
    if [
        "katex",
        "katex-display",
        "mwe-math-element",
        "MathJax",
        "math",
    ]
    .iter()
    .any(|word| has(word))
        && let Some(text) = formula::rendered(node)
    {
        return Some(Edit::Inline(text));
    }
    // The second half of what MathJax renders, for screen readers; and copies of line numbers.
    (has("MathJax_Preview") || has("linenodiv") || has("gutter")).then_some(Edit::Remove)
}

fn code(node: &NodeRef<'_>) -> Option<Edit> {
    let (block, words) = blocks::code(node)?;
    Some(Edit::Block { block, words })
}

/// Extractors drop headings before code, behind anchors and at ends; what they keep as words stays one.
/// A heading that is a link is left to them: lists of articles are made of these.
fn heading(name: &str, node: &NodeRef<'_>) -> Option<Edit> {
    let flat = blocks::flat(node);
    let letters = flat.text.chars().count();
    if flat.holds_blocks || !(1..=300).contains(&letters) || flat.linked * 2 > letters {
        return None;
    }
    let level = usize::from(name.as_bytes()[1] - b'0');
    Some(Edit::Block {
        block: format!("{} {}", "#".repeat(level), flat.text),
        words: flat.text,
    })
}

/// A figure that shows one piece of code, as blogs set it: extractors drop figures with all that is in them.
fn figure(node: &NodeRef<'_>) -> Option<Edit> {
    let mut codes = 0;
    let mut shown = None;
    for inside in node.descendants_it() {
        match blocks::element(&inside).as_deref() {
            Some("img" | "video" | "p") => return None,
            Some("pre") => codes += 1,
            Some("table") => {}
            _ => continue,
        }
        shown = shown.or(Some(inside));
    }
    let shown = shown?;
    match (shown.has_name("pre"), codes) {
        (true, 1) => code(&shown),
        // With its line numbers beside it.
        (false, 1 | 2) => {
            blocks::listing(&shown).map(|(block, words)| Edit::Block { block, words })
        }
        _ => None,
    }
}

fn table(node: &NodeRef<'_>) -> Option<Edit> {
    // A listing with its line numbers in the first column is code, not a table.
    if let Some(code) = blocks::listing(node) {
        let (block, words) = code;
        return Some(Edit::Block { block, words });
    }
    let (block, words) = blocks::table(node)?;
    Some(Edit::Block { block, words })
}

/// The `¶` behind a heading: a link of one sign to the place itself.
pub(super) fn is_permalink(node: &NodeRef<'_>) -> bool {
    let Some(target) = node.attr("href") else {
        return false;
    };
    if !target.contains('#') {
        return false;
    }
    let text = node.text();
    let text = text.trim_matches(|letter: char| {
        letter.is_whitespace() || matches!(letter, '\u{200B}' | '\u{FE0F}' | '\u{F0C1}')
    });
    let sign = matches!(
        text,
        "¶" | "#" | "§" | "🔗" | "⚓" | "\u{F0C1}" | "link" | "Link"
    );
    let class = node.class().unwrap_or_default();
    let named = [
        "headerlink",
        "header-anchor",
        "hash-link",
        "anchor-link",
        "anchorjs-link",
    ]
    .iter()
    .any(|name| class.contains(name));
    sign || named || (text.is_empty() && node.first_child().is_some())
}
