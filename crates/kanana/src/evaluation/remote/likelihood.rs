//! How likely options and texts are, from the log-probabilities of a prompt that is sent back.
//!
//! The prompt is context and option as one text; its tokens come back with their place in it
//! (`text_offset`, in characters) and their ln p. Those that begin where the context ends, the spaces at
//! its end not counted, belong to the option, as lm-evaluation-harness has it. Of a prompt that was cut and
//! sent as tokens it is known which of them are the option's.

use super::Remote;
use super::reach::Cut;
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
        let mut cuts = Vec::with_capacity(options.len());
        for option in options {
            let cut = self.reach.as_ref().map(|reach| reach.pair(context, option));
            match cut.transpose() {
                Ok(cut) => cuts.push(cut.flatten()),
                Err(error) => return Ok(Answer::Failed(format!("{error:#}")).into()),
            }
        }
        let text = |option: &String| format!("{context}{option}");
        let texts: Vec<String> = options.iter().map(text).collect();
        let begin = context.trim_end().chars().count();
        // A request holds either texts or tokens.
        let (whole, cut): (Vec<usize>, Vec<usize>) =
            (0..options.len()).partition(|at| cuts[*at].is_none());
        let mut likelihoods: Vec<Option<Likelihood>> = vec![None; options.len()];
        for some in whole.chunks(TOGETHER) {
            let prompts: Vec<&str> = some.iter().map(|at| texts[*at].as_str()).collect();
            for (judged, at) in self.judge(&json!(prompts), some.len())?.iter().zip(some) {
                let all = begin..texts[*at].chars().count();
                let found = judged.within(all).with_context(|| self.nonsense())?;
                likelihoods[*at] = Some(found);
            }
        }
        let cut: Vec<(usize, &Cut)> = cut
            .into_iter()
            .filter_map(|at| Some((at, cuts[at].as_ref()?)))
            .collect();
        for some in cut.chunks(TOGETHER) {
            let prompts: Vec<&[u32]> = some.iter().map(|(_, cut)| &cut.ids[..]).collect();
            let judged = self.judge(&json!(prompts), some.len())?;
            for (judged, (at, cut)) in judged.iter().zip(some) {
                let found = judged.of_option(cut).with_context(|| self.nonsense())?;
                likelihoods[*at] = Some(found);
            }
        }
        let note = cut.iter().map(|(_, cut)| cut.note()).next_back();
        Ok(Reply {
            answer: Answer::Likelihoods(likelihoods.into_iter().flatten().collect()),
            note: note.unwrap_or_default(),
        })
    }

    pub(super) fn measure(&self, text: &str) -> Result<Reply> {
        let judged = self.judge(&json!([text]), 1)?;
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

    /// The tokens of each of `count` prompts.
    fn judge(&self, prompts: &Value, count: usize) -> Result<Vec<Judged>> {
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
                choices.len() == count,
                "wanted {count} choices, and found {}",
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
        self.sum(&inside)
    }

    /// The tokens of the option of a prompt that was sent as tokens. Some servers send the token back
    /// that they were made to write; it is not looked at.
    fn of_option(&self, cut: &Cut) -> Result<Likelihood> {
        let (found, sent) = (self.token_logprobs.len(), cut.ids.len());
        ensure!(
            found == sent || found == sent + 1,
            "{sent} tokens were sent, and {found} came back judged; --tokenizer is not the server's"
        );
        let inside: Vec<usize> = (cut.start..sent).collect();
        let known = |at: &usize| self.token_logprobs[*at].is_some();
        ensure!(inside.iter().all(known), "a token of it is not judged");
        self.sum(&inside)
    }

    /// The sum over these tokens.
    fn sum(&self, inside: &[usize]) -> Result<Likelihood> {
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
