//! What came from what: every artifact on a line of its own, arcs from what it was made of.
//!
//! An arc diagram instead of boxes and arrows: it needs no layout that could fail, keeps its text
//! as text, fits a phone, and shows a graph (a tokenizer used five times), not only a tree.

use crate::markup::{Markup, Px};
use crate::picture::colour;

/// One artifact.
#[derive(Clone, Debug)]
pub struct Node {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) detail: String,
    pub(crate) inputs: Vec<usize>,
}

impl Node {
    /// `name` as in the recipe, `kind` the stage that made it (or what was bound from outside).
    pub fn new(name: impl Into<String>, kind: impl Into<String>) -> Self {
        Node {
            name: name.into(),
            kind: kind.into(),
            detail: String::new(),
            inputs: Vec::new(),
        }
    }
    /// A few words more: the key, a size.
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }
    /// Indices of the nodes that it was made from, all before it.
    pub fn inputs(mut self, inputs: impl IntoIterator<Item = usize>) -> Self {
        self.inputs = inputs.into_iter().collect();
        self
    }
}

/// Artifacts in an order in which they could have been made.
#[derive(Clone, Debug, Default)]
pub struct Lineage {
    pub(crate) nodes: Vec<Node>,
}

impl Lineage {
    /// No artifacts yet.
    pub fn new() -> Self {
        Lineage::default()
    }
    /// Adds an artifact and returns its index.
    ///
    /// # Panics
    /// If an input does not come before it: the caller's order is wrong.
    pub fn push(&mut self, node: Node) -> usize {
        let index = self.nodes.len();
        assert!(
            node.inputs.iter().all(|i| *i < index),
            "inputs of {} come after it",
            node.name
        );
        self.nodes.push(node);
        index
    }
}

const ROW: f64 = 46.0;
const GUTTER: f64 = 76.0;

pub(crate) fn write(lineage: &Lineage, m: &mut Markup) {
    m.element("div", &[("class", &"lineage")], |m| {
        let height = ROW * lineage.nodes.len() as f64;
        let view = format!("0 0 {} {}", Px(GUTTER), Px(height));
        let size: [(&'static str, &dyn std::fmt::Display); 4] = [
            ("viewBox", &view),
            ("width", &GUTTER),
            ("height", &Px(height)),
            ("aria-hidden", &"true"),
        ];
        m.element("svg", &size, |m| arcs(lineage, m));
        m.element("ol", &[], |m| {
            for node in &lineage.nodes {
                m.element("li", &[], |m| {
                    m.element("p", &[], |m| {
                        m.leaf("b", &[], &node.name);
                        m.literal(" ");
                        m.leaf("span", &[], &node.kind);
                        m.literal(" ");
                        m.leaf("code", &[], &node.detail);
                    });
                    if !node.inputs.is_empty() {
                        let names: Vec<&str> = node
                            .inputs
                            .iter()
                            .map(|i| lineage.nodes[*i].name.as_str())
                            .collect();
                        m.leaf(
                            "p",
                            &[("class", &"note")],
                            &format!("← {}", names.join(", ")),
                        );
                    }
                });
            }
        });
    });
}

fn arcs(lineage: &Lineage, m: &mut Markup) {
    let centre = |i: usize| ROW * (i as f64 + 0.5);
    let x = GUTTER - 12.0;
    let longest = lineage.nodes.iter().enumerate();
    let longest = longest
        .flat_map(|(i, n)| n.inputs.iter().map(move |j| i - j))
        .max();
    let longest = longest.unwrap_or(1) as f64;
    for (i, node) in lineage.nodes.iter().enumerate() {
        for &j in &node.inputs {
            // A step to the next line is straight; the longer the arc, the wider.
            let span = (i - j) as f64;
            let reach = if i - j == 1 {
                0.0
            } else {
                8.0 + (GUTTER - 28.0) * (span - 1.0) / (longest - 1.0).max(1.0)
            };
            let (from, to) = (centre(j), centre(i));
            let bend = reach * 4.0 / 3.0;
            let d = format!(
                "M{} {}C{} {} {} {} {} {}",
                Px(x),
                Px(from),
                Px(x - bend),
                Px(from + (to - from) * 0.12),
                Px(x - bend),
                Px(to - (to - from) * 0.12),
                Px(x),
                Px(to)
            );
            m.shape(
                "path",
                &[("class", &format!("arc {}", colour(j))), ("d", &d)],
            );
        }
    }
    for i in 0..lineage.nodes.len() {
        let class = format!("dot {}", colour(i));
        m.shape(
            "circle",
            &[
                ("class", &class),
                ("cx", &x),
                ("cy", &Px(centre(i))),
                ("r", &5),
            ],
        );
    }
}
