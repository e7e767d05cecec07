//! Tags within wikitext: what is set aside, what is dropped with its content, what is only unwrapped.

/// Opens and closes the number of something set aside.
const OPEN: char = '\u{E000}';
const CLOSE: char = '\u{E001}';

/// Tags whose content is not wikitext, and what becomes of it.
#[derive(Clone, Copy, PartialEq)]
enum Fate {
    Formula,
    Code,
    Plain,
    Drop,
}

fn fate(name: &str) -> Option<Fate> {
    Some(match name {
        "math" | "ce" | "chem" => Fate::Formula,
        "syntaxhighlight" | "source" | "pre" => Fate::Code,
        "nowiki" | "poem" => Fate::Plain,
        "ref" | "references" | "gallery" | "timeline" | "score" | "imagemap" | "templatestyles"
        | "graph" | "mapframe" | "maplink" | "hiero" | "section" | "indicator" | "categorytree"
        | "inputbox" | "style" | "script" => Fate::Drop,
        _ => return None,
    })
}

/// The text with numbers in the place of what is set aside, and what that is.
pub(super) fn set_aside(source: &str) -> (String, Vec<String>) {
    let source = source.replace([OPEN, CLOSE], "");
    let source = without_comments(&source);
    let mut out = String::with_capacity(source.len());
    let mut kept = Vec::new();
    let mut unclosed: Vec<&str> = Vec::new(); // names that have no end tag any more
    let lower = source.to_ascii_lowercase();
    let mut at = 0;
    while let Some(found) = lower[at..].find('<') {
        let start = at + found;
        out.push_str(&source[at..start]);
        at = start + 1;
        let name_end = lower[at..]
            .find(|letter: char| !letter.is_ascii_alphanumeric())
            .map_or(lower.len(), |length| at + length);
        let name = &lower[at..name_end];
        let Some(fate) = fate(name) else {
            out.push('<');
            continue;
        };
        // A tag is short: without a bound, unclosed ones would cost their square.
        let bound = (name_end + 2_000).min(lower.len());
        let tag_end = memchr::memchr(b'>', &lower.as_bytes()[name_end..bound]);
        let Some(tag_end) = tag_end.map(|length| name_end + length) else {
            out.push('<');
            continue;
        };
        let attributes = &source[name_end..tag_end];
        if attributes.ends_with('/') {
            at = tag_end + 1; // `<ref name="x"/>`
            continue;
        }
        let end_tag = format!("</{name}");
        let end = match unclosed.contains(&name) {
            true => None,
            false => lower[tag_end + 1..]
                .find(&end_tag)
                .map(|length| tag_end + 1 + length),
        };
        let Some(end) = end else {
            if !unclosed.contains(&name) {
                unclosed.push(name);
            }
            at = tag_end + 1; // the tag goes, its text stays
            continue;
        };
        let content = &source[tag_end + 1..end];
        at = lower[end..]
            .find('>')
            .map_or(lower.len(), |length| end + length + 1);
        let text = match fate {
            Fate::Drop => continue,
            Fate::Formula => formula(content, attributes, name),
            Fate::Plain => entities(content),
            Fate::Code => code(content, attributes),
        };
        let block = text.contains('\n');
        if block {
            out.push_str("\n\n");
        }
        out.push_str(&format!("{OPEN}{}{CLOSE}", kept.len()));
        if block {
            out.push_str("\n\n");
        }
        kept.push(text);
    }
    out.push_str(&source[at..]);
    (out, kept)
}

fn without_comments(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(at) = rest.find("<!--") {
        out.push_str(&rest[..at]);
        match rest[at..].find("-->") {
            Some(length) => rest = &rest[at + length + 3..],
            None => return out,
        }
    }
    out.push_str(rest);
    out
}

fn formula(content: &str, attributes: &str, name: &str) -> String {
    let tex = content.split_whitespace().collect::<Vec<_>>().join(" ");
    let tex = match name {
        "math" => entities(&tex),
        _ => format!("\\ce{{{}}}", entities(&tex)),
    };
    match (tex.is_empty(), attributes.contains("block")) {
        (true, _) => String::new(),
        (_, true) => format!("$${tex}$$"),
        (_, false) => format!("${tex}$"),
    }
}

fn code(content: &str, attributes: &str) -> String {
    let text = content.trim_matches('\n').trim_end();
    if attributes.contains("inline") && !text.contains('\n') {
        return format!("`{text}`");
    }
    let language = attributes
        .split_once("lang")
        .and_then(|(_, after)| after.trim_start().strip_prefix('='))
        .map_or("", |value| {
            value.trim_start().trim_start_matches(['"', '\''])
        })
        .split(|letter: char| !(letter.is_alphanumeric() || "+#-".contains(letter)))
        .next()
        .unwrap_or("");
    let fence = if text.contains("```") { "````" } else { "```" };
    format!(
        "{fence}{}\n{}\n{fence}",
        language.to_lowercase(),
        entities(text)
    )
}

/// Unwraps the tags that are left, and reads entities.
pub(super) fn strip(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let inside = &rest[1..];
        let name_start = usize::from(inside.starts_with('/'));
        let length = inside[name_start..]
            .find(|letter: char| !letter.is_ascii_alphanumeric())
            .unwrap_or(0);
        let mut bound = inside.len().min(1_000);
        while !inside.is_char_boundary(bound) {
            bound -= 1;
        }
        let end = inside[..bound].find('>');
        let (Some(end), true) = (end, length > 0) else {
            out.push('<');
            rest = inside;
            continue;
        };
        match inside[name_start..name_start + length]
            .to_ascii_lowercase()
            .as_str()
        {
            "br" | "p" | "div" | "blockquote" | "li" | "tr" | "center" => out.push('\n'),
            "td" | "th" => out.push(' '),
            "sup" if name_start == 0 => {
                // A power, not a footnote.
                let digits = inside[end + 1..].trim_start_matches(['-', '−', '+']);
                if digits.starts_with(|letter: char| letter.is_ascii_digit())
                    && out.ends_with(|letter: char| letter.is_alphanumeric())
                {
                    out.push('^');
                }
            }
            _ => {}
        }
        rest = &inside[end + 1..];
    }
    out.push_str(rest);
    let out = entities(&out);
    magic(&out)
}

/// `__목차숨김__` and its like say how a page is shown.
fn magic(text: &str) -> String {
    if !text.contains("__") {
        return text.to_owned();
    }
    let kept = text.lines().filter(|line| {
        let line = line.trim();
        !(line.starts_with("__") && line.ends_with("__") && line.len() > 4)
    });
    kept.collect::<Vec<_>>().join("\n")
}

/// The entities of HTML that occur in articles, and numeric ones.
fn entities(text: &str) -> String {
    if !text.contains('&') {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.bytes().take(12).position(|byte| byte == b';');
        let letter = end.and_then(|end| entity(&rest[1..end]));
        match (letter, end) {
            (Some(letter), Some(end)) => {
                out.push(letter);
                rest = &rest[end + 1..];
            }
            _ => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

fn entity(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16).ok()?,
            None => number.parse().ok()?,
        };
        return char::from_u32(code).filter(|letter| !matches!(*letter, OPEN | CLOSE));
    }
    Some(match name {
        "nbsp" | "ensp" | "emsp" | "thinsp" => ' ',
        "lt" => '<',
        "gt" => '>',
        "amp" => '&',
        "quot" => '"',
        "ndash" => '–',
        "mdash" => '—',
        "minus" => '−',
        "times" => '×',
        "middot" => '·',
        "hellip" => '…',
        "deg" => '°',
        "lsquo" => '‘',
        "rsquo" => '’',
        "ldquo" => '“',
        "rdquo" => '”',
        "le" => '≤',
        "ge" => '≥',
        "alpha" => 'α',
        "beta" => 'β',
        "pi" => 'π',
        _ => return None,
    })
}

/// What was set aside back in its place; a formula that is all of its line is displayed.
pub(super) fn put_back(text: &str, kept: &[String]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(OPEN) {
        out.push_str(&rest[..at]);
        rest = &rest[at + OPEN.len_utf8()..];
        let Some((number, after)) = rest.split_once(CLOSE) else {
            break;
        };
        if let Some(text) = number
            .parse::<usize>()
            .ok()
            .and_then(|number| kept.get(number))
        {
            let alone = (out.is_empty() || out.ends_with('\n'))
                && (after.is_empty() || after.starts_with('\n') || after.starts_with(".\n"));
            let inline = text.starts_with('$') && !text.starts_with("$$");
            if alone && inline {
                out.push_str(&format!("${text}$"));
            } else {
                out.push_str(text);
            }
        }
        rest = after;
    }
    out.push_str(rest);
    out
}
