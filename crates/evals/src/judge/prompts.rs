//! Templates of questions to a judge, in FastChat's `judge_prompts.jsonl`.

use crate::read;
use anyhow::{Result, anyhow, ensure};
use serde::Deserialize;
use std::path::Path;

/// A template and the system message that stands above it.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub(crate) struct Prompt {
    pub(crate) name: String,
    pub(crate) system_prompt: String,
    pub(crate) prompt_template: String,
}

/// All templates of a file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Prompts {
    all: Vec<Prompt>,
    from: String,
}

impl Prompts {
    /// Reads a file.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let rows = read::json_lines::<Prompt>(path)?;
        Ok(Prompts {
            all: rows.into_iter().map(|row| row.value).collect(),
            from: path.display().to_string(),
        })
    }

    /// The template of this name.
    pub(crate) fn get(&self, name: &str) -> Result<&Prompt> {
        let mut all = self.all.iter();
        all.find(|prompt| prompt.name == name).ok_or_else(|| {
            let names: Vec<&str> = self.all.iter().map(|prompt| &*prompt.name).collect();
            anyhow!(
                "{}: wanted a prompt called {name:?}, found {}",
                self.from,
                names.join(", ")
            )
        })
    }
}

/// Puts values where a template names them in braces. What is put in is not looked at again: an answer
/// with `{question}` in it stays as it is.
pub(crate) fn fill(template: &str, values: &[(&str, &str)]) -> Result<String> {
    let mut filled = String::with_capacity(template.len());
    let mut used = vec![false; values.len()];
    let mut rest = template;
    while let Some(at) = rest.find('{') {
        let (before, from) = rest.split_at(at);
        filled.push_str(before);
        let named = values.iter().position(|(name, _)| {
            let after = from[1..].strip_prefix(name);
            after.is_some_and(|after| after.starts_with('}'))
        });
        match named {
            Some(which) => {
                let (name, value) = values[which];
                filled.push_str(value);
                used[which] = true;
                rest = &from[name.len() + 2..];
            }
            None => {
                filled.push('{');
                rest = &from[1..];
            }
        }
    }
    filled.push_str(rest);
    let unused = values.iter().zip(&used).find(|(_, used)| !**used);
    ensure!(
        unused.is_none(),
        "a judge's prompt has no place for {{{}}}: is it the benchmark's?",
        unused.map_or("", |((name, _), _)| *name)
    );
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_put_in_once() {
        let filled = fill(
            "{a}: {b} {\"x\": 1} {c}{a}",
            &[("a", "질문 {b}"), ("b", "{a}")],
        );
        assert_eq!(filled.unwrap(), "질문 {b}: {a} {\"x\": 1} {c}질문 {b}");
        let error = fill("{question}", &[("question", "?"), ("answer", "!")]).unwrap_err();
        assert!(error.to_string().contains("{answer}"), "{error}");
    }
}
