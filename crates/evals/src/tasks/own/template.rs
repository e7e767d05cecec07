//! Templates in a task's file: compiled with the line they stand in, so that a mistake is found.
//!
//! Jinja as `minijinja` has it, with Python's methods of strings (`question.strip()`). A field that a row
//! lacks is an error, not nothing; a template runs within a budget of steps.

use super::Row;
use anyhow::{Result, anyhow};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, Value};
use serde::Deserialize;
use std::path::Path;
use toml::Spanned;

/// Steps of a template over one row.
const FUEL: u64 = 1_000_000;

/// A compiled template.
pub(super) struct Template {
    environment: Environment<'static>,
    /// The file it stands in, and the line of it that is the template's first.
    file: String,
    first: usize,
    /// Whether the template's lines are the file's.
    lines: bool,
}

/// Options as a file gives them.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Texts {
    /// The name of a field that holds a list.
    Field(String),
    /// One template each.
    Each(Vec<String>),
}

/// Compiled options.
pub(super) enum Options {
    /// The name of the field.
    Field(String),
    /// One template each.
    Each(Vec<Template>),
}

impl Template {
    /// Compiles what stands at `source` in a file of this text.
    pub(super) fn new(file: &Path, text: &str, source: &Spanned<String>) -> Result<Template> {
        Template::at(file, text, source.span().start, source.as_ref())
    }

    fn at(file: &Path, text: &str, start: usize, source: &str) -> Result<Template> {
        let written = &text[start..];
        let quoted = written.starts_with("\"\"\"") || written.starts_with("'''");
        // a line break right after the quotes does not belong to the text
        let below = quoted && written[3..].trim_start_matches('\r').starts_with('\n');
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_syntax(
            SyntaxConfig::builder()
                .keep_trailing_newline(true)
                .build()
                .expect("the usual marks do not clash"),
        );
        environment.set_fuel(Some(FUEL));
        environment
            .set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        let mut template = Template {
            environment,
            file: file.display().to_string(),
            first: text[..start].matches('\n').count() + 1 + usize::from(below),
            lines: quoted,
        };
        let added = template
            .environment
            .add_template_owned("template", source.to_owned());
        added.map_err(|error| template.sentence(&error))?;
        Ok(template)
    }

    /// The text for a row.
    pub(super) fn render(&self, row: &Row) -> Result<String> {
        let template = self.environment.get_template("template");
        let rendered = template.and_then(|template| template.render(Serde(&row.value)));
        rendered.map_err(|error| {
            let names: Vec<&str> = row.value.keys().map(String::as_str).collect();
            anyhow!(
                "{} (in {}, whose fields are {})",
                self.sentence(&error),
                row.place,
                names.join(", ")
            )
        })
    }

    fn sentence(&self, error: &Error) -> anyhow::Error {
        let within = error.line().filter(|_| self.lines).unwrap_or(1);
        let line = self.first + within.saturating_sub(1);
        let what = match (error.kind(), error.detail()) {
            (ErrorKind::UndefinedError, None) => "a field that the row does not have".to_owned(),
            (kind, None) => kind.to_string(),
            (kind, Some(detail)) => format!("{kind}: {detail}"),
        };
        anyhow!("{}, line {line}: the template fails: {what}", self.file)
    }
}

impl Options {
    pub(super) fn new(file: &Path, text: &str, texts: &Spanned<Texts>) -> Result<Options> {
        let mut start = texts.span().start;
        let each = match texts.as_ref() {
            Texts::Field(name) => return Ok(Options::Field(name.clone())),
            Texts::Each(each) => each,
        };
        let template = |source: &String| {
            // where it is written without escapes it is found, and so is its line
            if let Some(found) = text[start..texts.span().end].find(source.as_str()) {
                start += found;
            }
            Template::at(file, text, start, source)
        };
        Ok(Options::Each(
            each.iter().map(template).collect::<Result<_>>()?,
        ))
    }

    /// The options' texts for a row; at least two.
    pub(super) fn render(&self, row: &Row) -> Result<Vec<String>> {
        let texts: Vec<String> = match self {
            Options::Each(each) => {
                let texts: Result<_> = each.iter().map(|template| template.render(row)).collect();
                texts?
            }
            Options::Field(name) => {
                let list = row.value.get(name).and_then(serde_json::Value::as_array);
                let list = list.ok_or_else(|| {
                    anyhow!(
                        "{}: wanted a list of options in `{name}`, found none",
                        row.place
                    )
                })?;
                let text = |option: &serde_json::Value| Value::from(Serde(option)).to_string();
                list.iter().map(text).collect()
            }
        };
        match texts.len() {
            0 | 1 => Err(anyhow!(
                "{}: wanted at least two options, found {}",
                row.place,
                texts.len()
            )),
            _ => Ok(texts),
        }
    }
}
