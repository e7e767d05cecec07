//! Where in a recipe a mistake stands: `recipes/nano.toml:14: step "small",
//! with.schedule.peek: unknown field …; did you mean `peak`?`

use anyhow::anyhow;
use toml::de::{DeTable, DeValue};

use crate::Recipe;
use crate::suggest::did_you_mean;

/// One step down into the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Name(String),
    Index(usize),
}

impl Part {
    pub(crate) fn name(name: &str) -> Part {
        Part::Name(name.to_string())
    }
}

impl Recipe {
    /// An error that names the line, the step and the path below it.
    pub(crate) fn mistake(&self, path: &[Part], message: &str) -> anyhow::Error {
        let mut path = path.to_vec();
        // Serde names an unknown field in words only; it is the end of the path.
        if let Some(field) = unknown_field(message)
            && path.last() != Some(&Part::name(field))
        {
            path.push(Part::name(field));
        }
        let line = self.line(&path);
        let (step, below) = match path.as_slice() {
            [Part::Name(step), Part::Index(index), below @ ..] if step == "step" => {
                (Some(self.step_name(*index)), below)
            }
            all => (None, all),
        };
        let places: Vec<String> = step.into_iter().chain(dotted(below)).collect();
        let place = match places.is_empty() {
            true => String::new(),
            false => format!(" {}:", places.join(", ")),
        };
        anyhow!(
            "{}:{line}:{place} {message}{}",
            self.origin(),
            hint(message)
        )
    }

    fn step_name(&self, index: usize) -> String {
        let table = self.table();
        let name = step_at(&table, index).and_then(|step| step.get("name")?.get_ref().as_str());
        name.map_or(format!("step number {}", index + 1), |name| {
            format!("step \"{name}\"")
        })
    }

    /// The line where the deepest part of the path that exists stands.
    fn line(&self, path: &[Part]) -> usize {
        let root = DeValue::Table(self.table());
        let mut value = &root;
        let mut at = 0;
        for part in path {
            let (span, next) = match part {
                Part::Name(name) => {
                    let table = value.as_table();
                    match table.and_then(|table| table.get_key_value(name.as_str())) {
                        Some((key, next)) => (key.span(), next),
                        None => break,
                    }
                }
                Part::Index(index) => match value.as_array().and_then(|list| list.get(*index)) {
                    Some(next) => (next.span(), next),
                    None => break,
                },
            };
            at = span.start;
            value = next.get_ref();
        }
        line(self.text(), at)
    }
}

/// `with.schedule.peak`, `inputs.corpora[1]`, or nothing.
fn dotted(path: &[Part]) -> Option<String> {
    let mut text = String::new();
    for part in path {
        match part {
            Part::Name(name) if text.is_empty() => text += name,
            Part::Name(name) => text += &format!(".{name}"),
            Part::Index(index) => text += &format!("[{index}]"),
        }
    }
    (!text.is_empty()).then_some(text)
}

/// The line, from 1, of the byte at `at`.
pub(crate) fn line(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|b| *b == b'\n').count() + 1
}

/// The path that `serde_path_to_error` followed.
pub(crate) fn parts(path: &serde_path_to_error::Path) -> Vec<Part> {
    use serde_path_to_error::Segment;
    path.iter()
        .filter_map(|segment| match segment {
            Segment::Seq { index } => Some(Part::Index(*index)),
            Segment::Map { key } => Some(Part::name(key)),
            Segment::Enum { variant } => Some(Part::name(variant)),
            Segment::Unknown => None,
        })
        .collect()
}

/// The field in serde's "unknown field `x`, expected …".
fn unknown_field(message: &str) -> Option<&str> {
    message.strip_prefix("unknown field `")?.split('`').next()
}

/// "did you mean", from the names that serde's own message lists.
fn hint(message: &str) -> String {
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let unknown =
        message.starts_with("unknown field `") || message.starts_with("unknown variant `");
    match quoted.split_first() {
        Some((wrong, right)) if unknown => did_you_mean(wrong, right.iter().copied()),
        _ => String::new(),
    }
}

/// The table of a step.
pub(crate) fn step_at<'a, 'i>(table: &'a DeTable<'i>, index: usize) -> Option<&'a DeTable<'i>> {
    let steps = table.get("step")?.get_ref().as_array()?;
    steps.get(index)?.get_ref().as_table()
}
