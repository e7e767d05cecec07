//! A page's tree made ready: what cannot be text goes, and what extraction tends to lose is set aside.
//!
//! Code blocks, headings, tables of data and formulas are turned into what they shall be in the end, Markdown,
//! before any extractor sees the page. In the tree stays a paragraph of their words between two
//! private marks, `U+E000 number U+E001 words U+E002`, so that an extractor weighs them as the
//! text they are; [`super::markdown`] puts the kept block in the place of what comes back. A page that has
//! these marks itself, in whatever spelling, loses them before.

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
    let document = Document::from(html);
    // The marks are ours alone from here on: they may stand there as they are, or as `&#57344;`.
    let has = |piece: &[u8]| memchr::memmem::find(html.as_bytes(), piece).is_some();
    if has(b"\xEE\x80") || has(b"&#") {
        disown(&document);
    }
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
            Edit::Unwrap => {
                if let Some(first) = node.first_child() {
                    node.insert_siblings_before(&first);
                }
                node.remove_from_parent();
            }
            Edit::Rename(name) => {
                node.remove_all_attrs();
                node.rename(name);
            }
        }
    }
    Ok(Prepared {
        document,
        blocks,
        about,
    })
}

/// Takes our marks out of the words and attributes of a page.
fn disown(document: &Document) {
    const MARKS: [char; 3] = [OPEN, MIDDLE, CLOSE];
    blocks::walk(&document.root(), &mut |node, entering| {
        if entering {
            node.update(|tree_node| match &mut tree_node.data {
                NodeData::Text { contents } if contents.contains(MARKS) => {
                    *contents = contents.replace(MARKS, "").into();
                }
                NodeData::Element(element) => {
                    for attribute in &mut element.attrs {
                        if attribute.value.contains(MARKS) {
                            attribute.value = attribute.value.replace(MARKS, "").into();
                        }
                    }
                }
                _ => {}
            });
        }
        true
    });
}

enum Edit {
    Remove,
    Inline(String),
    Block {
        block: String,
        words: String,
    },
    /// What is in it takes its place.
    Unwrap,
    /// It stays with all that is in it, as an element that says nothing.
    Rename(&'static str),
}

/// One walk over the tree in its order: what to change, and what the head says.
fn look(document: &Document, caps: &Caps) -> Result<(Vec<(NodeId, Edit)>, About), Refused> {
    let mut edits = Vec::new();
    let mut about = About::default();
    let mut depth = 0u64;
    let mut nodes = 0u64;
    let mut figures = Figures::default();
    let root = document.root();
    let mut node = root.first_child();
    while let Some(current) = node {
        nodes += 1;
        if nodes > caps.nodes.saturating_mul(4) {
            return Err(caps::too_many(nodes, caps)); // text nodes count here too
        }
        let edit = judge(&current, &mut about);
        figures.meet(&current, depth, edit.as_ref(), &mut edits);
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

/// Paragraphs that a figure may have beside its picture; one that has more was never closed.
const CAPTION: usize = 3;

/// The figures around the node that a walk is at, from the outermost to the innermost.
///
/// Extractors drop figures with all that is in them. One that shows code or a table, as blogs set these, or that was
/// never closed and holds the page, gives way to what is in it, and its caption becomes a paragraph.
#[derive(Default)]
struct Figures {
    open: Vec<Figure>,
    /// Paragraphs met since the outermost was opened.
    paragraphs: usize,
}

struct Figure {
    id: NodeId,
    depth: u64,
    captions: Vec<(NodeId, &'static str)>,
    kept: bool,
}

impl Figures {
    /// Looks at the next node of a walk, which lies so deep, and at what becomes of it.
    fn meet(
        &mut self,
        node: &NodeRef<'_>,
        depth: u64,
        edit: Option<&Edit>,
        edits: &mut Vec<(NodeId, Edit)>,
    ) {
        while self.open.pop_if(|figure| figure.depth >= depth).is_some() {}
        let name = blocks::element(node);
        let name = name.as_deref().unwrap_or_default();
        match name {
            "figure" => {
                let (id, captions) = (node.id, Vec::new());
                if self.open.is_empty() {
                    self.paragraphs = 0;
                }
                self.open.push(Figure {
                    id,
                    depth,
                    captions,
                    kept: false,
                });
            }
            _ if self.open.is_empty() => {}
            "figcaption" => self.caption(node, edits),
            "pre" | "table" if matches!(edit, Some(Edit::Block { .. })) => self.keep(edits),
            "p" | "li" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                self.paragraphs += 1;
                if self.paragraphs > CAPTION {
                    self.keep(edits);
                }
            }
            _ => {}
        }
    }

    fn caption(&mut self, node: &NodeRef<'_>, edits: &mut Vec<(NodeId, Edit)>) {
        let blocks = node.children_it(false).any(|child| {
            let name = blocks::element(&child);
            matches!(
                name.as_deref(),
                Some("p" | "div" | "ul" | "ol" | "dl" | "pre" | "table" | "blockquote" | "figure")
                    | Some("h1" | "h2" | "h3" | "h4" | "h5" | "h6")
            )
        });
        let name = if blocks { "div" } else { "p" };
        match self.open.last_mut() {
            Some(figure) if !figure.kept => figure.captions.push((node.id, name)),
            _ => edits.push((node.id, Edit::Rename(name))),
        }
    }

    /// Keeps what is in the open figures. Where one is kept, so are those around it: each is met here once.
    fn keep(&mut self, edits: &mut Vec<(NodeId, Edit)>) {
        let fresh = self.open.iter().rev().take_while(|figure| !figure.kept);
        let from = self.open.len() - fresh.count();
        // From the outermost inwards: so each node is moved once.
        for figure in &mut self.open[from..] {
            figure.kept = true;
            edits.push((figure.id, Edit::Unwrap));
            let captions = figure.captions.drain(..);
            edits.extend(captions.map(|(id, name)| (id, Edit::Rename(name))));
        }
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
