//! How likely options and texts are, from the log-probabilities of a prompt that is sent back.
//!
//! Where the server's tokenizer is known ([`Reach`]), prompts go out in its tokens, and it is known which of
//! them are the option's. Else the prompt is context and option as one text, and its tokens come back with
//! their ln p. Where each of them begins is counted along the tokens themselves: what a server says of it
//! (`text_offset`) may count a token that it put before the text, or halves of a syllable as characters.
//! Those that begin where the context ends, the spaces at its end not counted, belong to the option, as
//! lm-evaluation-harness has it. Tokens that do not join to the prompt end the work: they could only be guessed.

use super::Remote;
use super::reach::{Cut, Reach};
use anyhow::{Context as _, Result, bail, ensure};
use evals::{Answer, Likelihood, Reply};
use remote::{Caller, Refused};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::Ordering;

/// Prompts of one request.
const TOGETHER: usize = 16;
/// Tokens that an error shows.
const SHOWN: usize = 4;
/// Characters of a prompt that it shows.
const GLIMPSE: usize = 24;

/// A prompt's tokens as they come back.
#[derive(Deserialize)]
struct Judged {
    /// What each of them writes.
    tokens: Vec<String>,
    token_logprobs: Vec<Option<f64>>,
    top_logprobs: Option<Vec<Option<BTreeMap<String, f64>>>>,
}

/// Where each token begins in the prompt, in characters; `None` for one that is not of it.
type Places = Vec<Option<usize>>;

impl<C: Caller> Remote<C> {
    pub(super) fn choose(&self, context: &str, options: &[String]) -> Result<Reply> {
        match &self.reach {
            Some(reach) => self.choose_in_tokens(reach, context, options),
            None => self.choose_in_text(context, options),
        }
    }

    fn choose_in_tokens(&self, reach: &Reach, context: &str, options: &[String]) -> Result<Reply> {
        let mut cuts: Vec<Cut> = Vec::with_capacity(options.len());
        for option in options {
            match reach.pair(context, option) {
                Ok(cut) => cuts.push(cut),
                Err(error) => return Ok(Answer::Failed(format!("{error:#}")).into()),
            }
        }
        let mut likelihoods = Vec::with_capacity(options.len());
        for some in cuts.chunks(TOGETHER) {
            let prompts: Vec<&[u32]> = some.iter().map(|cut| &cut.ids[..]).collect();
            let judged = self.judge(&json!(prompts), some.len())?;
            for (judged, cut) in judged.iter().zip(some) {
                likelihoods.push(judged.of_option(cut).with_context(|| self.nonsense())?);
            }
        }
        let mut notes = cuts.iter().rev().map(Cut::note);
        Ok(Reply {
            note: notes.find(|note| !note.is_empty()).unwrap_or_default(),
            ..Reply::from(Answer::Likelihoods(likelihoods))
        })
    }

    fn choose_in_text(&self, context: &str, options: &[String]) -> Result<Reply> {
        let text = |option: &String| format!("{context}{option}");
        let texts: Vec<String> = options.iter().map(text).collect();
        let begin = context.trim_end().chars().count();
        let mut likelihoods = Vec::with_capacity(options.len());
        for some in texts.chunks(TOGETHER) {
            let judged = self.judge(&json!(some), some.len())?;
            for (judged, text) in judged.iter().zip(some) {
                let all = begin..text.chars().count();
                let places = judged.places(text);
                let found = places.and_then(|places| judged.within(&places, all));
                likelihoods.push(found.with_context(|| self.nonsense())?);
            }
        }
        Ok(Answer::Likelihoods(likelihoods).into())
    }

    pub(super) fn measure(&self, text: &str) -> Result<Reply> {
        let Some(reach) = &self.reach else {
            return self.measure_in_text(text);
        };
        let whole = match reach.whole(text) {
            Ok(whole) => whole,
            Err(error) => return Ok(Answer::Failed(format!("{error:#}")).into()),
        };
        let judged = self.judge(&json!([whole.ids]), 1)?;
        let likelihood = judged[0].of_option(&whole);
        let likelihood = likelihood.with_context(|| self.nonsense())?;
        Ok(Answer::Likelihoods(vec![likelihood]).into())
    }

    fn measure_in_text(&self, text: &str) -> Result<Reply> {
        let judged = self.judge(&json!([text]), 1)?;
        let judged = &judged[0];
        let places = judged.places(text).with_context(|| self.nonsense())?;
        let likelihood = judged.within(&places, 0..text.chars().count());
        let likelihood = likelihood.with_context(|| self.nonsense())?;
        let first = places.iter().position(Option::is_some);
        let known = first.is_none_or(|at| judged.token_logprobs[at].is_some());
        Ok(Reply {
            note: match known {
                true => String::new(),
                false => "the server says nothing of the text's first token".to_owned(),
            },
            ..Reply::from(Answer::Likelihoods(vec![likelihood]))
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
    let (values, tokens) = (judged.token_logprobs.len(), judged.tokens.len());
    ensure!(
        values == tokens && tokens > 0,
        "its `logprobs` have {values} values for {tokens} tokens"
    );
    Ok(judged)
}

/// What a token writes. One that is no whole text comes as `bytes:\xea\xb0`, from `kanana serve` as from OpenAI.
fn bytes(token: &str) -> Vec<u8> {
    let escaped = || -> Option<Vec<u8>> {
        let byte = |two: &str| match two.len() {
            2 => u8::from_str_radix(two, 16).ok(),
            _ => None,
        };
        token
            .strip_prefix("bytes:\\x")?
            .split("\\x")
            .map(byte)
            .collect()
    };
    escaped().unwrap_or_else(|| token.as_bytes().to_vec())
}

impl Judged {
    /// Where each token begins.
    ///
    /// # Errors
    /// Tokens that do not join to the prompt, but for one that the server puts before every text and one that
    /// it was made to write behind it.
    fn places(&self, prompt: &str) -> Result<Places> {
        let written: Vec<Vec<u8>> = self.tokens.iter().map(|token| bytes(token)).collect();
        // A first token that writes nothing can only be one that begins every text.
        let least = usize::from(written[0].is_empty());
        let found = (least..=1).find_map(|before| places(&written, before, prompt));
        found.with_context(|| {
            format!(
                "wanted tokens that join to the prompt {:?}, and found {:?} at their beginning, so nobody can \
                 tell which of them are an option's; name the server's tokenizer with --tokenizer (and \
                 --context), and prompts go out in tokens",
                prompt.chars().take(GLIMPSE).collect::<String>(),
                &self.tokens[..self.tokens.len().min(SHOWN)],
            )
        })
    }

    /// The tokens that begin in `range`, in characters.
    fn within(&self, places: &[Option<usize>], range: Range<usize>) -> Result<Likelihood> {
        let judged = |at: usize| places[at].filter(|_| self.token_logprobs[at].is_some());
        let all = 0..places.len();
        let is_inside = |at: &usize| judged(*at).is_some_and(|place| range.contains(&place));
        let mut inside: Vec<usize> = all.clone().filter(is_inside).collect();
        if inside.is_empty() {
            // The option is part of the context's last token.
            let is_before = |at: &usize| judged(*at).is_some_and(|place| place < range.end);
            inside.extend(all.rev().find(is_before));
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

/// Where tokens that write these bytes begin in the prompt, the first `before` of them not being of it; `None`
/// where they do not join to it. A token that goes on with a character begins where the character does.
fn places(written: &[Vec<u8>], before: usize, prompt: &str) -> Option<Places> {
    let mut places: Places = vec![None; before];
    let mut rest = prompt.as_bytes();
    let (mut begun, mut done) = (0, 0);
    for token in written.get(before..)? {
        if rest.is_empty() {
            break;
        }
        places.push(Some(done));
        rest = rest.strip_prefix(token.as_slice())?;
        let goes_on = |byte: &&u8| **byte & 0xC0 == 0x80;
        begun += token.len() - token.iter().filter(goes_on).count();
        let whole = prompt.is_char_boundary(prompt.len() - rest.len());
        done = begun - usize::from(!whole);
    }
    // What follows the prompt is at most what the server was made to write.
    let joins = rest.is_empty() && written.len() <= places.len() + 1;
    joins.then(|| {
        places.resize(written.len(), None);
        places
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(tokens: &[&str], prompt: &str) -> Result<Places> {
        let judged = Judged {
            tokens: tokens.iter().map(|token| (*token).to_owned()).collect(),
            token_logprobs: vec![Some(-1.0); tokens.len()],
            top_logprobs: None,
        };
        judged.places(prompt)
    }

    #[test]
    fn places_are_counted_along_the_tokens() {
        let check = |tokens: &[&str], wanted: &[Option<usize>]| {
            assert_eq!(of(tokens, "가 나").unwrap(), wanted, "{tokens:?}");
        };
        check(&["가", " 나"], &[Some(0), Some(1)]);
        check(&["<s>", "가", " 나"], &[None, Some(0), Some(1)]);
        check(&["", "가", " 나"], &[None, Some(0), Some(1)]);
        // The token that the server was made to write.
        check(&["<s>", "가 ", "나", "."], &[None, Some(0), Some(2), None]);
        // Halves of a syllable, as bytes or as nothing until it is whole.
        let bytes = ["bytes:\\xea", "bytes:\\xb0\\x80", " 나"];
        check(&bytes, &[Some(0), Some(0), Some(1)]);
        check(
            &["가", " ", "", "나"],
            &[Some(0), Some(1), Some(2), Some(2)],
        );
    }

    #[test]
    fn tokens_that_do_not_join_to_the_prompt_are_refused() {
        for tokens in [
            &["<s>", "<s>", "가", " 나"][..],
            &["가", "나"],
            &["\u{fffd}", "\u{fffd}", " 나"],
            &["가"],
            &["가", " 나", ".", "."],
            &["bytes:\\xea", " 나"],
        ] {
            let said = of(tokens, "가 나").unwrap_err().to_string();
            assert!(said.contains("--tokenizer"), "{tokens:?}: {said}");
        }
    }
}
