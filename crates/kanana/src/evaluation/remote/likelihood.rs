//! How likely options and texts are, from the log-probabilities of a prompt that is sent back.
//!
//! The prompt is context and option as one text; its tokens come back with their place in it
//! (`text_offset`, in characters) and their ln p. Those that begin where the context ends, the spaces at
//! its end not counted, belong to the option, as lm-evaluation-harness has it.

use super::Remote;
use anyhow::{Context as _, Result, bail, ensure};
use evals::{Answer, Likelihood, Reply};
use remote::{Caller, Refused};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

/// Prompts of one request.
const TOGETHER: usize = 16;

/// A prompt's tokens as they come back.
#[derive(Deserialize)]
struct Judged {
    token_logprobs: Vec<Option<f64>>,
    text_offset: Vec<usize>,
    top_logprobs: Option<Vec<Option<BTreeMap<String, f64>>>>,
}

impl<C: Caller> Remote<C> {
    pub(super) fn choose(&self, context: &str, options: &[String]) -> Result<Reply> {
        let prompts: Vec<String> = options
            .iter()
            .map(|option| format!("{context}{option}"))
            .collect();
        let begin = context.trim_end().chars().count();
        let mut likelihoods = Vec::with_capacity(options.len());
        for some in prompts.chunks(TOGETHER) {
            for (judged, prompt) in self.judge(some)?.iter().zip(some) {
                let all = begin..prompt.chars().count();
                likelihoods.push(judged.within(all).with_context(|| self.nonsense())?);
            }
        }
        Ok(Answer::Likelihoods(likelihoods).into())
    }

    pub(super) fn measure(&self, text: &str) -> Result<Reply> {
        let judged = self.judge(&[text.to_owned()])?;
        let likelihood = judged[0].within(0..text.chars().count());
        let likelihood = likelihood.with_context(|| self.nonsense())?;
        let first = judged[0].token_logprobs.first();
        let known = judged[0].text_offset.get(1) == Some(&0);
        Ok(Reply {
            answer: Answer::Likelihoods(vec![likelihood]),
            note: match first {
                Some(None) if !known => {
                    "the server says nothing of the text's first token".to_owned()
                }
                _ => String::new(),
            },
        })
    }

    /// The tokens of each prompt.
    fn judge(&self, prompts: &[String]) -> Result<Vec<Judged>> {
        let ask = |most: usize| {
            let body = json!({
                "prompt": prompts, "max_tokens": most, "echo": true, "logprobs": 1, "temperature": 0,
            });
            self.caller.call("completions", &self.body(body))
        };
        let alone = self.judges_alone.load(Ordering::Relaxed);
        let reply = match ask(usize::from(!alone)) {
            // Some servers want to write at least a token; what is written is not looked at.
            Err(error) if alone && error.is::<Refused>() => match ask(1) {
                Ok(reply) => {
                    self.judges_alone.store(false, Ordering::Relaxed);
                    reply
                }
                Err(_) => return Err(error),
            },
            other => other?,
        };
        let read = || -> Result<Vec<Judged>> {
            let Some(Value::Array(choices)) = reply.get("choices") else {
                bail!("there are no `choices` in it");
            };
            ensure!(
                choices.len() == prompts.len(),
                "wanted {} choices, and found {}",
                prompts.len(),
                choices.len()
            );
            let mut choices: Vec<&Value> = choices.iter().collect();
            choices.sort_by_key(|choice| choice.get("index").and_then(Value::as_u64).unwrap_or(0));
            choices.into_iter().map(judged).collect()
        };
        read().with_context(|| self.nonsense())
    }
}

fn judged(choice: &Value) -> Result<Judged> {
    let logprobs = choice.get("logprobs").filter(|found| !found.is_null());
    let logprobs = logprobs.context(
        "the prompt's log-probabilities are not in it; the server does not judge prompts (`echo` with \
         `logprobs`), so ask it with --protocol instruct, which needs none",
    )?;
    let judged: Judged =
        serde_json::from_value(logprobs.clone()).context("its `logprobs` cannot be read")?;
    let (tokens, places) = (judged.token_logprobs.len(), judged.text_offset.len());
    ensure!(
        tokens == places && tokens > 0,
        "its `logprobs` have {tokens} values for {places} tokens"
    );
    Ok(judged)
}

impl Judged {
    /// The tokens whose text lies in `range`, in characters.
    fn within(&self, range: std::ops::Range<usize>) -> Result<Likelihood> {
        let places = self.text_offset.iter().enumerate();
        let mut inside: Vec<usize> = places
            .filter(|(at, place)| range.contains(place) && self.token_logprobs[*at].is_some())
            .map(|(at, _)| at)
            .collect();
        if inside.is_empty() {
            // The option is part of the context's last token.
            let before = (0..self.text_offset.len()).rev();
            let mut before = before.filter(|at| self.text_offset[*at] < range.end);
            inside.extend(before.find(|at| self.token_logprobs[*at].is_some()));
        }
        ensure!(!inside.is_empty(), "no token of it is judged");
        let greedy = |at: &usize| {
            let top = self.top_logprobs.as_ref()?.get(*at)?.as_ref()?;
            let best = top.values().copied().reduce(f64::max)?;
            Some(self.token_logprobs[*at]? >= best)
        };
        let sum = inside
            .iter()
            .filter_map(|at| self.token_logprobs[*at])
            .sum();
        ensure!(f64::is_finite(sum), "its log-probabilities are no numbers");
        Ok(Likelihood {
            sum,
            tokens: inside.len(),
            greedy: inside.iter().all(|at| greedy(at).unwrap_or(false)),
        })
    }
}
