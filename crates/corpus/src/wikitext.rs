//! Wikitext as Markdown, with the formulas kept and headings at their levels.
//!
//! The report's complaint of open Wikipedia dumps is that both are lost (section 3.1). In passes that each
//! go over the text once: tags whose content is not wikitext are set aside ([`tags`]), templates and
//! links are resolved from the inside out on a stack ([`nested`]), then lines become headings, lists,
//! tables ([`table`]) and paragraphs. No template is expanded: a few dozen whose arguments are text
//! give that text, the others go, as do references, files, categories, and sections of links.
//!
//! No recursion anywhere: braces nested a million deep cost a million steps.

mod entities;
mod languages;
mod nested;
mod table;
mod tags;
mod templates;

/// An article as Markdown, and what it says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Article {
    /// Markdown, beginning with the title.
    pub text: String,
    /// The categories it puts itself into.
    pub categories: Vec<String>,
}

/// Sections that hold links and references only.
const LINKS: [&str; 21] = [
    "각주",
    "주석",
    "주해",
    "출처",
    "참고 문헌",
    "참고문헌",
    "외부 링크",
    "외부링크",
    "같이 보기",
    "함께 보기",
    "각주 및 참고 문헌",
    "각주와 참고 문헌",
    "references",
    "notes",
    "footnotes",
    "external links",
    "see also",
    "further reading",
    "bibliography",
    "sources",
    "citations",
];

/// An article's source as Markdown.
pub fn article(title: &str, source: &str) -> Article {
    let (text, mut kept) = tags::set_aside(source);
    let mut categories = Vec::new();
    let text = nested::resolve(&text, &mut categories);
    let text = tags::strip(&text, &mut kept);
    let text = lines(&text);
    let text = tags::put_back(&text, &kept);
    let title = title.trim();
    let text = text.trim();
    let text = match (title.is_empty(), text.is_empty()) {
        (true, _) | (_, true) => text.to_owned(),
        _ => format!("# {title}\n\n{text}"),
    };
    Article { text, categories }
}

/// Lines of wikitext as blocks of Markdown.
fn lines(text: &str) -> String {
    let mut out = Blocks::default();
    let mut skip: Option<usize> = None; // a section of links, and its level
    let mut lines = text.lines();
    let mut counters: Vec<u64> = Vec::new();
    while let Some(line) = lines.next() {
        let trimmed = line.trim();
        if let Some((level, name)) = heading(trimmed) {
            let name = quotes(name);
            if skip.is_some_and(|outer| level > outer) {
                continue;
            }
            skip = LINKS
                .contains(&name.to_lowercase().as_str())
                .then_some(level);
            if skip.is_none() && !name.is_empty() {
                out.block(&format!("{} {name}", "#".repeat(level)));
            }
            counters.clear();
            continue;
        }
        if table::opens(trimmed) {
            let markdown = table::table(&mut lines);
            if skip.is_none() {
                out.block(&markdown);
            }
            continue;
        }
        if skip.is_some() {
            continue;
        }
        let marks = line.len() - line.trim_start_matches(['*', '#', ':', ';']).len();
        let marks = marks.min(16); // a line of stars is not a list
        if marks > 0 && !trimmed.is_empty() {
            let (marks, content) = line.split_at(marks);
            let content = quotes(content.trim());
            if content.is_empty() {
                continue;
            }
            out.item(marks, &content, &mut counters);
            continue;
        }
        counters.clear();
        let rule = trimmed.len() >= 4 && trimmed.bytes().all(|byte| byte == b'-');
        let text = quotes(if rule { "" } else { trimmed });
        if text.is_empty() {
            out.gap();
        } else {
            out.line(&text);
        }
    }
    out.text
}

/// `== 이름 ==`: the level and the name.
fn heading(line: &str) -> Option<(usize, &str)> {
    if !line.starts_with('=') {
        return None;
    }
    let level = line.len() - line.trim_start_matches('=').len();
    let after = line.len() - line.trim_end_matches('=').len();
    let level = level.min(after).min(6);
    if level == 0 || line.len() <= 2 * level {
        return None;
    }
    Some((level, line[level..line.len() - level].trim()))
}

/// The text without the apostrophes that make it bold or italic, with single spaces.
fn quotes(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("''") {
        out.push_str(&rest[..at]);
        rest = rest[at..].trim_start_matches('\'');
    }
    out.push_str(rest);
    // The marks have been read by now.
    if out.contains(tags::NOTHING) {
        out = out.replace(tags::NOTHING, "");
    }
    let joined = out.split_whitespace().collect::<Vec<_>>().join(" ");
    // What a dropped template or reference leaves behind.
    joined
        .replace("( ", "(")
        .replace(" )", ")")
        .replace("()", "")
        .replace(" ,", ",")
}

#[derive(Default)]
struct Blocks {
    text: String,
    /// What the last line was: another of the kind hangs on it.
    last: Last,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Last {
    #[default]
    Gap,
    Line,
    Item,
}

impl Blocks {
    fn part(&mut self, breaks: usize) {
        if !self.text.is_empty() {
            let have = self.text.len() - self.text.trim_end_matches('\n').len();
            self.text
                .extend(std::iter::repeat_n('\n', breaks.saturating_sub(have)));
        }
    }

    fn gap(&mut self) {
        self.last = Last::Gap;
    }

    fn block(&mut self, block: &str) {
        if !block.is_empty() {
            self.part(2);
            self.text.push_str(block);
            self.last = Last::Gap;
        }
    }

    /// Wikitext joins lines of a paragraph; a line of its own stays one here, which reads the same.
    fn line(&mut self, line: &str) {
        self.part(if self.last == Last::Line { 1 } else { 2 });
        self.text.push_str(line);
        self.last = Last::Line;
    }

    fn item(&mut self, marks: &str, content: &str, counters: &mut Vec<u64>) {
        let depth = marks.len();
        let kind = marks.chars().last().unwrap_or('*');
        counters.resize(depth, 0);
        if matches!(kind, ':' | ';') && marks.chars().all(|mark| matches!(mark, ':' | ';')) {
            // An indent is no list: a formula or a quotation stands there.
            if kind == ':' && self.last == Last::Item {
                self.part(1);
            } else {
                self.part(2);
            }
            self.text.push_str(content);
            self.last = Last::Line;
            return;
        }
        self.part(if self.last == Last::Item { 1 } else { 2 });
        self.text.extend(std::iter::repeat_n(' ', 2 * (depth - 1)));
        match kind {
            '#' => {
                let counter = counters.last_mut().expect("at least one mark");
                *counter += 1;
                self.text.push_str(&format!("{counter}. "));
            }
            '*' => self.text.push_str("- "),
            _ => {}
        }
        self.text.push_str(content);
        self.last = Last::Item;
    }
}

#[cfg(test)]
mod tests;
