//! Templates, parameters and links, resolved from the inside out on a stack.

use super::{languages, templates};

/// What has been opened and not closed.
enum Kind {
    /// `{{`
    Template,
    /// `{{{`
    Parameter,
    /// `[[`
    Link,
}

struct Frame {
    kind: Kind,
    text: String,
}

/// Namespaces of files in the languages that dumps here are in, lower-case.
const FILES: [&str; 9] = [
    "파일",
    "그림",
    "file",
    "image",
    "media",
    "미디어",
    "ファイル",
    "画像",
    "datei",
];
/// Namespaces of categories.
const CATEGORIES: [&str; 4] = ["분류", "category", "カテゴリ", "kategorie"];
/// Deeper than this, braces are taken as text that is dropped at its end.
const DEPTH: usize = 64;

/// The text without templates and links; categories are put aside.
pub(super) fn resolve(text: &str, categories: &mut Vec<String>) -> String {
    let mut stack: Vec<Frame> = Vec::new();
    let mut out = String::with_capacity(text.len());
    let mut too_deep = 0usize;
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}', '[', ']']) {
        append(&mut stack, &mut out, &rest[..at]);
        rest = &rest[at..];
        let kind = if rest.starts_with("{{{") && !rest.starts_with("{{{{") {
            Some((Kind::Parameter, 3))
        } else if rest.starts_with("{{") {
            Some((Kind::Template, 2))
        } else if rest.starts_with("[[") {
            Some((Kind::Link, 2))
        } else {
            None
        };
        if let Some((kind, length)) = kind {
            if stack.len() >= DEPTH {
                too_deep += 1;
            } else {
                let text = String::new();
                stack.push(Frame { kind, text });
            }
            rest = &rest[length..];
            continue;
        }
        let closes = match stack.last().map(|frame| &frame.kind) {
            Some(Kind::Parameter) if rest.starts_with("}}}") => 3,
            Some(Kind::Template) if rest.starts_with("}}") => 2,
            Some(Kind::Link) if rest.starts_with("]]") => 2,
            _ => 0,
        };
        if closes > 0 {
            if too_deep > 0 {
                too_deep -= 1;
            } else if let Some(frame) = stack.pop() {
                let text = close(frame, categories);
                append(&mut stack, &mut out, &text);
            }
            rest = &rest[closes..];
            continue;
        }
        if rest.starts_with('[')
            && let Some((label, length)) = external(rest)
        {
            append(&mut stack, &mut out, label);
            rest = &rest[length..];
            continue;
        }
        append(&mut stack, &mut out, &rest[..1]);
        rest = &rest[1..];
    }
    append(&mut stack, &mut out, rest);
    // What was never closed is text after all: a template's leftover words go, a link's stay.
    for frame in stack {
        match frame.kind {
            Kind::Link => out.push_str(&frame.text),
            Kind::Template | Kind::Parameter => {
                // An unclosed template swallows the rest of its paragraph only.
                if let Some((_, after)) = frame.text.split_once("\n\n") {
                    out.push_str("\n\n");
                    out.push_str(after);
                }
            }
        }
    }
    out
}

fn append(stack: &mut [Frame], out: &mut String, text: &str) {
    match stack.last_mut() {
        Some(frame) => frame.text.push_str(text),
        None => out.push_str(text),
    }
}

fn close(frame: Frame, categories: &mut Vec<String>) -> String {
    match frame.kind {
        Kind::Template => templates::text(&frame.text),
        // `{{{1|default}}}` outside of a template is its default.
        Kind::Parameter => frame
            .text
            .split_once('|')
            .map_or(String::new(), |(_, value)| value.to_owned()),
        Kind::Link => link(&frame.text, categories),
    }
}

/// `대상|이름`, resolved.
fn link(text: &str, categories: &mut Vec<String>) -> String {
    let (target, label) = match text.split_once('|') {
        Some((target, label)) => (target.trim(), Some(label)),
        None => (text.trim(), None),
    };
    let spelled_out = target.starts_with(':');
    let target = target.trim_start_matches(':');
    if let Some((prefix, name)) = target.split_once(':')
        && !spelled_out
    {
        let space = prefix.trim().to_lowercase();
        if FILES.contains(&space.as_str()) {
            return String::new();
        }
        if CATEGORIES.contains(&space.as_str()) {
            let name = name.trim().to_owned();
            if !name.is_empty() && !categories.contains(&name) && categories.len() < 64 {
                categories.push(name);
            }
            return String::new();
        }
        // Links to the article in other languages stand alone and have no label.
        if label.is_none() && languages::is_code(prefix) {
            return String::new();
        }
    }
    match label {
        Some("") => {
            // The pipe trick: without the namespace and what stands in brackets.
            let bare = target.rsplit(':').next().unwrap_or(target);
            bare.split(" (").next().unwrap_or(bare).to_owned()
        }
        // A link's text may have further bars only by mistake; the last part is what is shown.
        Some(label) => label.rsplit('|').next().unwrap_or(label).to_owned(),
        None => target
            .split('#')
            .find(|part| !part.is_empty())
            .unwrap_or("")
            .to_owned(),
    }
}

/// `[http://… 이름]`: the label, and how long the whole is.
fn external(text: &str) -> Option<(&str, usize)> {
    let inside = &text[1..];
    let address = ["http://", "https://", "//", "ftp://", "mailto:"];
    if !address.iter().any(|start| inside.starts_with(start)) {
        return None;
    }
    // A link ends on its line; looked for within a bound, so that many openings stay cheap.
    let mut bound = inside.len().min(2_000);
    while !inside.is_char_boundary(bound) {
        bound -= 1;
    }
    let end = inside[..bound].find([']', '\n'])?;
    if inside.as_bytes()[end] == b'\n' {
        return None;
    }
    let label = inside[..end]
        .split_once([' ', '\t'])
        .map_or("", |(_, label)| label);
    if label.contains("[[") || label.contains("{{") {
        return None; // resolved from the inside out first, then shown with its brackets
    }
    Some((label, end + 2))
}
