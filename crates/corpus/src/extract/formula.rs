//! Formulas of a page back into TeX: what KaTeX, MathJax, MediaWiki or LaTeXML made of them.
//!
//! All of these carry the source along, as an annotation or an attribute; where none does,
//! presentation MathML is spelled out as TeX. Inline formulas stand between `$`, displayed ones
//! between `$$`.

use dom_query::{NodeData, NodeRef};

use super::blocks::{element, walk};

/// `$tex$`, or `$$tex$$` where it is displayed; what stood there already is not doubled.
pub(super) fn dollars(tex: &str, display: bool) -> String {
    let tex = tex.trim();
    let tex = tex
        .strip_prefix("\\(")
        .and_then(|rest| rest.strip_suffix("\\)"))
        .or_else(|| {
            tex.strip_prefix("\\[")
                .and_then(|rest| rest.strip_suffix("\\]"))
        })
        .or_else(|| {
            tex.strip_prefix("$$")
                .and_then(|rest| rest.strip_suffix("$$"))
        })
        .or_else(|| {
            tex.strip_prefix('$')
                .and_then(|rest| rest.strip_suffix('$'))
        })
        .unwrap_or(tex);
    let tex = tex.split_whitespace().collect::<Vec<_>>().join(" ");
    match (tex.is_empty(), display) {
        (true, _) => String::new(),
        (_, true) => format!(" $${tex}$$ "),
        (_, false) => format!(" ${tex}$ "),
    }
}

/// The formula of an element that a renderer made; `None` where it holds none.
pub(super) fn rendered(node: &NodeRef<'_>) -> Option<String> {
    let class = node.class().unwrap_or_default();
    let display = class.contains("display") || element(node).as_deref() == Some("div");
    let mut found = None;
    let mut mathml = None;
    walk(node, &mut |inside, entering| {
        if !entering || found.is_some() {
            return false;
        }
        match element(inside).as_deref() {
            Some("annotation") => found = annotation(inside),
            Some("script")
                if inside
                    .attr("type")
                    .is_some_and(|kind| kind.contains("math/tex")) =>
            {
                found = Some(inside.text().to_string());
            }
            Some("img") if inside.class().is_some_and(|class| class.contains("math")) => {
                found = inside.attr("alt").map(|alt| alt.to_string());
            }
            Some("math") => {
                found = inside.attr("alttext").map(|alt| alt.to_string());
                mathml = Some(*inside);
            }
            _ => {}
        }
        found.is_none()
    });
    if let Some(tex) = found {
        return Some(dollars(&tex, display));
    }
    if let Some(math) = mathml {
        return Some(self::mathml(&math));
    }
    // Sphinx leaves the source between the signs that MathJax will look for.
    let text = node.text();
    let text = text.trim();
    let source = (text.starts_with("\\(") && text.ends_with("\\)"))
        || (text.starts_with("\\[") && text.ends_with("\\]"));
    source.then(|| dollars(text, text.starts_with("\\[")))
}

fn annotation(node: &NodeRef<'_>) -> Option<String> {
    let encoding = node.attr("encoding")?;
    encoding
        .to_ascii_lowercase()
        .contains("tex")
        .then(|| node.text().to_string())
}

/// A `<math>` element as TeX between dollars: its annotation, its `alttext`, or spelled out.
pub(super) fn mathml(math: &NodeRef<'_>) -> String {
    let display = math.attr("display").is_some_and(|value| &*value == "block");
    let mut tex = math.attr("alttext").map(|alt| alt.to_string());
    walk(math, &mut |inside, entering| {
        if entering && tex.is_none() && element(inside).as_deref() == Some("annotation") {
            tex = annotation(inside);
        }
        tex.is_none()
    });
    let tex = tex.unwrap_or_else(|| {
        let mut spelled = String::new();
        spell(math, &mut spelled, 0);
        spelled
    });
    // MediaWiki wraps every source in `{\displaystyle …}`.
    let tex = tex.trim();
    let bare = tex
        .strip_prefix("{\\displaystyle")
        .and_then(|rest| rest.strip_suffix('}'))
        .unwrap_or(tex);
    dollars(bare, display)
}

/// Presentation MathML as TeX. Deeper than a formula lies, only the letters are taken.
fn spell(node: &NodeRef<'_>, out: &mut String, depth: usize) {
    let Some(name) = element(node) else {
        node.query(|tree_node| {
            if let NodeData::Text { contents } = &tree_node.data {
                out.push_str(contents.trim());
            }
        });
        return;
    };
    if depth > 64 {
        out.push_str(node.text().trim());
        return;
    }
    let children = node.element_children();
    let all = |parts: &[&str], out: &mut String| {
        for (place, part) in parts.iter().enumerate() {
            out.push_str(part);
            if let Some(child) = children.get(place) {
                spell(child, out, depth + 1);
            }
        }
    };
    match (&*name, children.len()) {
        ("mfrac", 2) => {
            all(&["\\frac{", "}{"], out);
            out.push('}');
        }
        ("msup" | "mover", 2) => {
            all(&["{", "}^{"], out);
            out.push('}');
        }
        ("msub" | "munder", 2) => {
            all(&["{", "}_{"], out);
            out.push('}');
        }
        ("msubsup" | "munderover", 3) => {
            all(&["{", "}_{", "}^{"], out);
            out.push('}');
        }
        ("mroot", 2) => {
            all(&["\\root{", "}\\of{"], out);
            out.push('}');
        }
        ("annotation" | "annotation-xml", _) => {}
        ("mspace", _) => out.push(' '),
        (kind, _) => {
            let (before, after) = match kind {
                "msqrt" => ("\\sqrt{", "}"),
                "mtext" => ("\\text{", "}"),
                "mtable" => ("\\begin{matrix}", "\\end{matrix}"),
                "mtr" => ("", " \\\\ "),
                "mtd" => ("", " & "),
                "mrow" | "mstyle" => ("", ""),
                _ => ("", ""),
            };
            out.push_str(before);
            for child in node.children() {
                spell(&child, out, depth + 1);
            }
            out.push_str(after);
        }
    }
}
