//! How likely options and whole texts are, cut into tokens and windows as lm-evaluation-harness cuts them.
//!
//! A whole text (`loglikelihood_rolling`) is read in windows of the context's length, each token
//! predicted once: the first window from the begin token (or the end token where there is none), the
//! others from as many tokens as fit. Where a tokenizer begins every text by itself lm-eval predicts
//! the begin token too; here it is only what the first token follows.

use super::{Local, Placed};
use anyhow::Result;
use evals::{Answer, Likelihood, Reply, Request};
use generate::{Scorer, Sequence, encode_pair};
use tokenizer::Tokenizer;

/// Questions whose tokens are in memory at once: enough to fill the decoder's steps and to bring
/// common beginnings together.
const CHUNK: usize = 512;

/// What one question needs to have judged: a list of windows for each likelihood.
type Parts = Vec<Vec<Sequence>>;

impl Local {
    pub(super) fn likelihoods(
        &self,
        asked: &Placed<'_>,
        deliver: &mut dyn FnMut(usize, Reply) -> Result<()>,
    ) -> Result<()> {
        if asked.is_empty() {
            return Ok(());
        }
        let mut scorer = Scorer::new(&self.decoder, &self.tokenizer)?;
        for chunk in asked.chunks(CHUNK) {
            self.check_stopped()?;
            let mut open: Vec<Open> = vec![];
            let mut sequences: Vec<Sequence> = vec![];
            // Which question and which of its windows a sequence is.
            let mut owners: Vec<(usize, usize)> = vec![];
            for (at, put) in chunk {
                match parts(put.request, &self.tokenizer, self.decoder.shape.context) {
                    Err(error) => deliver(*at, Answer::Failed(format!("{error:#}")).into())?,
                    Ok(parts) => {
                        let one = Open::new(*at, &parts);
                        let windows = parts.into_iter().flatten().enumerate();
                        for (window, sequence) in windows {
                            owners.push((open.len(), window));
                            sequences.push(sequence);
                        }
                        open.push(one);
                    }
                }
            }
            scorer.score_each(&sequences, |found| {
                for (sequence, likelihood) in found {
                    let (question, window) = owners[sequence];
                    let one = &mut open[question];
                    one.found[window] = Some(likelihood);
                    if one.found.iter().all(Option::is_some) {
                        deliver(one.at, one.reply())?;
                    }
                }
                self.check_stopped()
            })?;
        }
        Ok(())
    }
}

/// A question on its way through the scorer.
struct Open {
    /// Its place among those that were put.
    at: usize,
    /// How many windows each of its likelihoods has.
    windows: Vec<usize>,
    /// One for each window of each likelihood.
    found: Vec<Option<generate::Likelihood>>,
}

impl Open {
    fn new(at: usize, parts: &Parts) -> Self {
        let windows: Vec<usize> = parts.iter().map(Vec::len).collect();
        Open {
            at,
            found: vec![None; windows.iter().sum()],
            windows,
        }
    }

    fn reply(&mut self) -> Reply {
        let mut found = self.found.drain(..).flatten();
        let windows = self.windows.iter();
        reply(
            windows
                .map(|count| found.by_ref().take(*count).collect())
                .collect(),
        )
    }
}

/// The likelihoods of one question, the windows of each added up.
fn reply(parts: Vec<Vec<generate::Likelihood>>) -> Reply {
    let left_out = parts
        .iter()
        .flatten()
        .map(|one| one.left_out)
        .max()
        .unwrap_or(0);
    let add = |windows: Vec<generate::Likelihood>| Likelihood {
        sum: windows.iter().map(|one| one.sum).sum(),
        tokens: windows.iter().map(|one| one.tokens.len()).sum(),
        greedy: windows.iter().all(|one| one.greedy),
    };
    Reply {
        note: match left_out {
            0 => String::new(),
            tokens => format!(
                "the prompt is longer than the model's context, and its first {tokens} tokens were left out"
            ),
        },
        ..Reply::from(Answer::Likelihoods(parts.into_iter().map(add).collect()))
    }
}

fn parts(request: &Request, tokenizer: &Tokenizer, context: usize) -> Result<Parts> {
    match request {
        Request::Choose {
            context: prompt,
            options,
        } => {
            let one = |option: &String| {
                let sequence = encode_pair(tokenizer, prompt, option)?;
                let length = sequence.ids.len() - sequence.start;
                anyhow::ensure!(
                    length <= context,
                    "an option has {length} tokens, and the model's context ends at {context}"
                );
                Ok(vec![sequence])
            };
            options.iter().map(one).collect()
        }
        Request::Measure { text } => {
            let windows = windows(text, tokenizer, context)?;
            Ok(vec![windows])
        }
        other => unreachable!("{other:?} is not measured"),
    }
}

fn windows(text: &str, tokenizer: &Tokenizer, context: usize) -> Result<Vec<Sequence>> {
    let begin = tokenizer.bos().or(tokenizer.eos());
    let begin = begin.ok_or_else(|| {
        anyhow::anyhow!(
            "the tokenizer has no token that the first one of a text could be predicted from"
        )
    })?;
    let tokens = tokenizer.encode(text);
    anyhow::ensure!(!tokens.is_empty(), "an empty text has no likelihood");
    let first = tokens.len().min(context);
    let mut windows = vec![Sequence {
        ids: std::iter::once(begin)
            .chain(tokens[..first].iter().copied())
            .collect(),
        start: 1,
    }];
    let mut done = first;
    while done < tokens.len() {
        let end = (done + context).min(tokens.len());
        let from = end - context - 1;
        windows.push(Sequence {
            ids: tokens[from..end].to_vec(),
            start: done - from,
        });
        done = end;
    }
    Ok(windows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_token_is_predicted_once() {
        let settings = tokenizer::TrainSettings {
            vocabulary: 300,
            ..Default::default()
        };
        let tokenizer = tokenizer::train(["하나 둘 셋"], &settings)
            .unwrap()
            .tokenizer;
        for (length, context) in [(1, 4), (4, 4), (5, 4), (8, 4), (11, 4), (100, 7), (7, 100)] {
            let text = "b".repeat(length);
            let tokens = tokenizer.encode(&text);
            let windows = windows(&text, &tokenizer, context).unwrap();
            let judged: Vec<u32> = windows
                .iter()
                .flat_map(|one| one.ids[one.start..].to_vec())
                .collect();
            assert_eq!(judged, tokens, "{length} tokens in windows of {context}");
            for window in &windows {
                assert!(window.start >= 1 && window.ids.len() <= context + 1);
            }
            // As much before the last token as fits.
            let last = windows.last().unwrap();
            assert_eq!(last.ids.len(), (tokens.len() + 1).min(context + 1));
        }
        assert!(windows("", &tokenizer, 4).is_err());
    }
}
