//! Tags within wikitext: what is set aside, what is dropped with its content, what is only unwrapped.

use std::ops::Range;

use super::entities::{self, entities};

/// Opens and closes the number of something set aside.
pub(super) const OPEN: char = '\u{E000}';
pub(super) const CLOSE: char = '\u{E001}';

/// Stands where something was that shows nothing, so that what is behind it is no mark: `|<b>-5</b>` is no `|-`.
pub(super) const NOTHING: &str = "\u{E000}\u{E001}";

/// Tags whose content is not wikitext, and what becomes of it; that of a poem is, but for its line breaks.
#[derive(Clone, Copy, PartialEq)]
enum Fate {
    Formula,
    Code,
    Plain,
    Poem,
    Drop,
}

fn fate(name: &str) -> Option<Fate> {
    Some(match name {
        "math" | "ce" | "chem" => Fate::Formula,
        "syntaxhighlight" | "source" | "pre" => Fate::Code,
        "nowiki" => Fate::Plain,
        "poem" => Fate::Poem,
        "ref" | "references" | "gallery" | "timeline" | "score" | "imagemap" | "templatestyles"
        | "graph" | "mapframe" | "maplink" | "hiero" | "section" | "indicator" | "categorytree"
        | "inputbox" | "style" | "script" => Fate::Drop,
        _ => return None,
    })
}

/// What stands in the place of a tag that is unwrapped; `None` for what is no tag, which MediaWiki shows as it
/// stands: `<1박 2일>`, `<stdio.h>`. The names are those of its Sanitizer and of the extensions that wikis have.
fn place(name: &str) -> Option<&'static str> {
    Some(match name {
        "blockquote" | "br" | "center" | "dd" | "div" | "dt" | "h1" | "h2" | "h3" | "h4" | "h5"
        | "h6" | "hr" | "li" | "p" | "poem" | "tr" => "\n",
        "td" | "th" => " ",
        "abbr" | "b" | "bdi" | "bdo" | "big" | "caption" | "cite" | "code" | "col" | "colgroup"
        | "data" | "del" | "dfn" | "dl" | "em" | "font" | "i" | "ins" | "kbd" | "mark" | "ol"
        | "q" | "rb" | "rp" | "rt" | "rtc" | "ruby" | "s" | "samp" | "small" | "span"
        | "strike" | "strong" | "sub" | "sup" | "table" | "tbody" | "tfoot" | "thead" | "time"
        | "tt" | "u" | "ul" | "var" | "wbr" => "",
        "charinsert" | "dynamicpagelist" | "includeonly" | "langconvert" | "languages"
        | "noinclude" | "onlyinclude" | "pagelist" | "pagequality" | "pages" | "phonos" | "rss"
        | "templatedata" | "translate" | "tvar" => "",
        name => return fate(name).map(|_| ""),
    })
}

/// The name of the tag that begins with `text`, what follows on `<` or `</`: letters and digits as far as a
/// space, a slash or the end.
fn tag_name(text: &str) -> Option<&str> {
    let length = text.bytes().take_while(u8::is_ascii_alphanumeric).count();
    let begins = text.starts_with(|letter: char| letter.is_ascii_alphabetic());
    let next = text.as_bytes().get(length);
    let ends = next.is_some_and(|next| next.is_ascii_whitespace() || matches!(next, b'/' | b'>'));
    (begins && ends).then(|| &text[..length])
}

/// The text with numbers in the place of what is set aside, and what that is; without comments.
pub(super) fn set_aside(source: &str) -> (String, Vec<String>) {
    let source = source.replace([OPEN, CLOSE], "");
    let mut out = String::with_capacity(source.len());
    let mut kept = Vec::new();
    let mut unclosed: Vec<&str> = Vec::new(); // names that have no end tag any more
    let mut poem = 0..0; // the end tag of the last poem
    let lower = source.to_ascii_lowercase();
    let mut at = 0;
    while let Some(found) = lower[at..].find('<') {
        let start = at + found;
        if start <= poem.start {
            verses(&source[at..start], start == poem.start, &mut out);
        } else {
            out.push_str(&source[at..start]);
        }
        at = start + 1;
        // Whatever opens first counts: `<nowiki><!--</nowiki>` opens no comment, `<!-- <nowiki> -->` no tag.
        if lower[at..].starts_with("!--") {
            let inside = at + "!--".len();
            // One that is never closed goes on to the end, as in MediaWiki.
            at = lower[inside..]
                .find("-->")
                .map_or(lower.len(), |length| inside + length + "-->".len());
            continue;
        }
        if !poem.is_empty() && start == poem.start {
            out.push('\n');
            at = poem.end;
            continue;
        }
        let tag = tag_name(&lower[at..]).and_then(|name| Some((name, fate(name)?)));
        let Some((name, fate)) = tag else {
            out.push('<');
            continue;
        };
        let name_end = at + name.len();
        // A tag is short: without a bound, unclosed ones would cost their square.
        let bound = (name_end + 2_000).min(lower.len());
        let tag_end = memchr::memchr(b'>', &lower.as_bytes()[name_end..bound]);
        let Some(tag_end) = tag_end.map(|length| name_end + length) else {
            out.push('<');
            continue;
        };
        at = tag_end + 1;
        let attributes = &source[name_end..tag_end];
        if attributes.ends_with('/') {
            // `<ref name="x"/>` goes; `<nowiki/>` is written to part marks.
            if fate == Fate::Plain {
                out.push_str(NOTHING);
            }
            continue;
        }
        if fate == Fate::Poem && start < poem.start {
            continue; // a poem's end tag is looked for once
        }
        let end = match unclosed.contains(&name) {
            true => None,
            false => end_tag(&lower, at, name),
        };
        let Some(end) = end else {
            if !unclosed.contains(&name) {
                unclosed.push(name);
            }
            continue; // the tag goes, its text stays
        };
        let content = &source[at..end.start];
        if fate == Fate::Poem {
            out.push('\n');
            at += content.len() - content.trim_start().len();
            poem = end;
            continue;
        }
        at = end.end;
        let text = match fate {
            Fate::Drop | Fate::Poem => continue,
            Fate::Formula => formula(content, attributes, name),
            Fate::Plain => entities(content),
            Fate::Code => code(content, attributes, name),
        };
        let block = text.contains('\n');
        if block {
            out.push_str("\n\n");
        }
        keep(text, &mut kept, &mut out);
        if block {
            out.push_str("\n\n");
        }
    }
    out.push_str(&source[at..]);
    (out, kept)
}

/// Puts a number in the place of what is set aside.
fn keep(text: String, kept: &mut Vec<String>, out: &mut String) {
    if text.is_empty() {
        out.push_str(NOTHING);
        return;
    }
    out.push_str(&format!("{OPEN}{}{CLOSE}", kept.len()));
    kept.push(text);
}

/// Where the end tag of this name lies that comes first: `</references>` is none of `<ref>`.
fn end_tag(lower: &str, from: usize, name: &str) -> Option<Range<usize>> {
    let bytes = lower.as_bytes();
    let mut from = from;
    loop {
        let start = from + memchr::memchr(b'<', &bytes[from..])?;
        from = start + 1;
        let rest = bytes[from..].strip_prefix(b"/");
        let Some(rest) = rest.and_then(|rest| rest.strip_prefix(name.as_bytes())) else {
            continue;
        };
        if rest.first().is_some_and(u8::is_ascii_alphanumeric) {
            continue;
        }
        let space = rest
            .iter()
            .take_while(|byte| byte.is_ascii_whitespace() || **byte == b'/')
            .count();
        // One whose `>` was forgotten ends what it ends, and nothing behind it goes.
        let end = bytes.len() - rest.len();
        return Some(match rest.get(space) {
            Some(b'>') => start..end + space + 1,
            _ => start..end,
        });
    }
}

/// Lines of a poem, whose breaks are kept even in a template that makes one line of its argument.
fn verses(text: &str, last: bool, out: &mut String) {
    let text = if last { text.trim_end() } else { text };
    let mut lines = text.split('\n');
    out.push_str(lines.next().unwrap_or_default());
    for line in lines {
        out.push_str("<br>");
        out.push_str(line);
    }
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

fn code(content: &str, attributes: &str, name: &str) -> String {
    let text = content.trim_matches('\n').trim_end();
    // A listing of HTML shows its entities; only `<pre>` reads them.
    let text = match name {
        "pre" => entities(text),
        _ => text.to_owned(),
    };
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
    format!("{fence}{}\n{text}\n{fence}", language.to_lowercase())
}

/// What is markup as it stands, at the start of a line or within: set aside where it is none.
const MARKS: [char; 11] = ['*', '#', ':', ';', '=', '|', '!', '{', '}', '-', '\''];

/// Behind these a mark may stand, as at the start of a line.
const BEFORE: [char; 7] = ['\n', '*', '#', ':', ';', '|', '!'];

/// Tags that MediaWiki takes out before it reads marks.
const UNSEEN: [&str; 5] = [
    "includeonly",
    "noinclude",
    "onlyinclude",
    "translate",
    "tvar",
];

/// Unwraps the tags that are left, and reads entities, which are how a page shows a sign that would be markup.
pub(super) fn strip(text: &str, kept: &mut Vec<String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        out.push_str(&rest[..at]);
        let inside = &rest[at + 1..];
        let tag = tag(inside).and_then(|(name, end)| {
            let name = name.to_ascii_lowercase();
            Some((place(&name)?, name, end))
        });
        let Some((place, name, end)) = tag else {
            out.push('<');
            rest = inside;
            continue;
        };
        out.push_str(place);
        rest = &inside[end..];
        if inside.starts_with('/') {
            continue;
        }
        // `<code>#include` is no list: the line began with a tag.
        let begins = out.is_empty() || out.ends_with(BEFORE);
        if begins && place.is_empty() && !UNSEEN.contains(&name.as_str()) {
            out.push_str(NOTHING);
        }
        if name == "sup" {
            // A power, not a footnote.
            let digits = rest.trim_start_matches(['-', '−', '+']);
            if digits.starts_with(|letter: char| letter.is_ascii_digit())
                && out.ends_with(|letter: char| letter.is_alphanumeric())
            {
                out.push('^');
            }
        }
    }
    out.push_str(rest);
    let out = entities::read(&out, |letter, out| match MARKS.contains(&letter) {
        true => keep(letter.to_string(), kept, out),
        false => out.push(letter),
    });
    magic(&out)
}

/// The name of the tag whose `<` stands before `inside`, and where what follows it begins. As in MediaWiki no tag
/// holds another `<`; and none is long.
fn tag(inside: &str) -> Option<(&str, usize)> {
    let name = tag_name(inside.strip_prefix('/').unwrap_or(inside))?;
    let bytes = &inside.as_bytes()[..inside.len().min(1_000)];
    let end = memchr::memchr2(b'<', b'>', bytes)?;
    (bytes[end] == b'>').then_some((name, end + 1))
}

/// `__목차숨김__` and its like say how a page is shown.
fn magic(text: &str) -> String {
    if !text.contains("__") {
        return text.to_owned();
    }
    let kept = text.lines().filter(|line| {
        let line = line.trim().trim_start_matches(NOTHING);
        !(line.starts_with("__") && line.ends_with("__") && line.len() > 4)
    });
    kept.collect::<Vec<_>>().join("\n")
}

/// What was set aside back in its place; a formula that is all of its line is displayed, and in a row of a table
/// all is one line whose bars part no cells.
pub(super) fn put_back(text: &str, kept: &[String]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut in_row = text.starts_with("| ");
    while let Some(at) = rest.find(OPEN) {
        let before = &rest[..at];
        if let Some(line) = before.rfind('\n') {
            in_row = before[line + 1..].starts_with("| ");
        }
        out.push_str(before);
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
            if in_row {
                out.push_str(&text.replace('|', "\\|").replace('\n', " "));
            } else if alone && inline {
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
