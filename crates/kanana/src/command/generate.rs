//! `kanana generate`: continues a text, streaming whole characters.

use super::Where;
use super::open::{Opened, Weights, open};
use crate::device::Machine;
use crate::terminal;
use ::generate::{Constraint, Engine, Finish, Limits, Sampling};
use anyhow::{Context as _, Result};
use clap::Args;
use serde_json::json;
use std::io::Read as _;
use std::ops::ControlFlow;
use std::sync::Arc;
use tensor::Precision;

/// Continue a text.
#[derive(Args)]
pub(crate) struct Generate {
    /// A Hugging Face directory, a GGUF file, the name of a pulled model, or of a model in the store
    model: String,
    /// The text to continue; `-` reads it from standard input
    prompt: String,
    /// At most so many new tokens
    #[arg(long, default_value_t = 128, value_name = "N")]
    tokens: usize,
    /// 0 always takes the most likely token
    #[arg(long, default_value_t = 0.8, allow_negative_numbers = true)]
    temperature: f32,
    /// Only the k most likely tokens
    #[arg(long, value_name = "K", default_value_t = 0, hide_default_value = true)]
    top_k: usize,
    /// Only the most likely tokens that make up this share of the probability
    #[arg(
        long,
        value_name = "P",
        default_value_t = 1.0,
        hide_default_value = true
    )]
    top_p: f32,
    /// Only tokens at least this share as likely as the most likely one
    #[arg(
        long,
        value_name = "P",
        default_value_t = 0.0,
        hide_default_value = true
    )]
    min_p: f32,
    /// Above 1, tokens that were there already become less likely
    #[arg(long, default_value_t = 1.0, value_name = "F")]
    repetition_penalty: f32,
    /// Above 0, tokens that have been written become less likely
    #[arg(
        long,
        value_name = "X",
        default_value_t = 0.0,
        hide_default_value = true
    )]
    presence_penalty: f32,
    /// Above 0, tokens become less likely with every time they are written
    #[arg(
        long,
        value_name = "X",
        default_value_t = 0.0,
        hide_default_value = true
    )]
    frequency_penalty: f32,
    /// A JSON schema that the text has to follow: the schema, or a file with it
    #[arg(long, value_name = "SCHEMA", conflicts_with = "regex")]
    schema: Option<String>,
    /// A regular expression that the whole text has to match
    #[arg(long, value_name = "REGEX")]
    regex: Option<String>,
    /// The same seed gives the same text
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Stop before this text; may be given several times
    #[arg(long, value_name = "TEXT")]
    stop: Vec<String>,
    /// What products read: f32, or bf16
    #[arg(long, value_name = "PRECISION", value_parser = precision, default_value = "bf16")]
    precision: Precision,
    /// How matrices are stored
    #[arg(long, value_enum, default_value_t)]
    weights: Weights,
    /// Answer in JSON when done, instead of streaming
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: Where,
}

/// `f32` or `bf16`.
pub(super) fn precision(word: &str) -> Result<Precision, String> {
    match word {
        "f32" => Ok(Precision::F32),
        "bf16" => Ok(Precision::Bf16),
        _ => Err("wanted f32 or bf16".to_owned()),
    }
}

impl Generate {
    pub(crate) fn run(self, machine: &Machine) -> Result<()> {
        let Opened {
            decoder, tokenizer, ..
        } = open(
            &self.model,
            &self.store,
            machine,
            self.precision,
            self.weights,
        )?;
        let mut engine = Engine::new(Arc::new(decoder), Arc::new(tokenizer), Limits::default())?;
        let mut prompt = self.prompt.clone();
        if prompt == "-" {
            prompt.clear();
            std::io::stdin()
                .read_to_string(&mut prompt)
                .context("standard input is not UTF-8 text")?;
        }
        let sampling = Sampling {
            temperature: self.temperature,
            top_k: self.top_k,
            top_p: self.top_p,
            min_p: self.min_p,
            repetition_penalty: self.repetition_penalty,
            presence_penalty: self.presence_penalty,
            frequency_penalty: self.frequency_penalty,
            logit_bias: vec![],
            seed: self.seed,
        };
        let mut request = engine.request(&prompt, self.tokens, sampling);
        request.stop.clone_from(&self.stop);
        request.constraint = self.constraint()?;
        let constrained = request.constraint.is_some();
        if !self.json {
            terminal::stream(&prompt);
        }
        let generated = engine.generate(request, |text| {
            if !self.json {
                terminal::words(text);
            }
            ControlFlow::Continue(())
        })?;
        if self.json {
            return terminal::json(&json!({
                "prompt": prompt, "text": generated.text, "finish_reason": generated.finish.reason(), "tokens": generated.ids.len(),
            }));
        }
        terminal::say("");
        if let Some(missing) = missing(&generated.finish, constrained) {
            terminal::note(missing);
        }
        Ok(())
    }

    fn constraint(&self) -> Result<Option<Constraint>> {
        let Some(schema) = &self.schema else {
            return Ok(self.regex.clone().map(Constraint::Regex));
        };
        let text = match schema.trim_start().starts_with('{') {
            true => schema.clone(),
            false => std::fs::read_to_string(schema)
                .with_context(|| format!("cannot read the JSON schema {schema}"))?,
        };
        let schema = serde_json::from_str(&text).context("the schema is not JSON")?;
        Ok(Some(Constraint::JsonSchema(schema)))
    }
}

/// What the text itself does not show of its end. That it ends after as many tokens as were wanted is
/// nothing to speak of, unless it had to become a whole.
fn missing(finish: &Finish, constrained: bool) -> Option<&'static str> {
    match (finish, constrained) {
        (Finish::MaxTokens, true) => Some(
            "the most tokens were reached before the text was known to be whole; --tokens allows more",
        ),
        (Finish::ContextFull, true) => {
            Some("the context was full before the text was known to be whole")
        }
        (Finish::ContextFull, false) => Some("the context is full, and the text ends there"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_had_to_be_whole_and_may_not_be_is_not_passed_over() {
        for constrained in [true, false] {
            assert!(missing(&Finish::ContextFull, constrained).is_some());
            assert_eq!(missing(&Finish::Complete, constrained), None);
            assert_eq!(missing(&Finish::EndToken(1), constrained), None);
        }
        assert_eq!(missing(&Finish::MaxTokens, false), None);
        assert!(missing(&Finish::MaxTokens, true).is_some_and(|said| said.contains("--tokens")));
    }
}
