//! One text on its way: what was asked, the tokens so far, and how the next one is chosen.

use crate::request::{Finish, Generation, Request, Token, Usage};
use crate::sampling::{Occurred, largest, likeliest, log_sum_exp};
use crate::written::Written;
use crate::{Event, Ticket};
use anyhow::{Context as _, Result};
use tokenizer::Tokenizer;

/// A request being answered.
pub(crate) struct Sequence {
    pub(crate) ticket: Ticket,
    pub(crate) request: Request,
    /// Prompt and text.
    pub(crate) ids: Vec<u32>,
    /// How many of them are in the cache.
    pub(crate) done: usize,
    /// Those of the prompt that were there before it came.
    pub(crate) reused: usize,
    occurred: Occurred,
    written: Written,
    prompt_tokens: Vec<Option<Token>>,
}

impl Sequence {
    pub(crate) fn new(ticket: Ticket, request: Request) -> Self {
        let occurred = match request.sampling.remembers() {
            true => Occurred::prompt(&request.prompt),
            false => Occurred::default(),
        };
        let echoed = if request.echo { vec![None] } else { vec![] };
        Sequence {
            ticket,
            ids: request.prompt.clone(),
            done: 0,
            reused: 0,
            occurred,
            written: Written::new(&request),
            prompt_tokens: echoed,
            request,
        }
    }

    /// Tokens that have no keys and values yet.
    pub(crate) fn fresh(&self) -> &[u32] {
        &self.ids[self.done..]
    }

    /// How many tokens of the prompt have been judged (the first needs no judgement).
    pub(crate) fn judged(&self) -> usize {
        self.prompt_tokens.len()
    }

    /// The logits after the last judged token of the prompt say how likely the next one was; the
    /// first `tokens` of them are of tokens that exist.
    pub(crate) fn judge_prompt(&mut self, logits: &[f32], tokens: usize) -> Result<()> {
        let at = self.prompt_tokens.len();
        let id = self.request.prompt[at];
        let token = judge(logits, tokens, id, self.request.top)
            .with_context(|| format!("the prompt's token at position {at} could not be judged"))?;
        self.prompt_tokens.push(Some(token));
        Ok(())
    }

    /// Chooses the next token from logits, of which the first `tokens` are of tokens that exist.
    pub(crate) fn choose(&mut self, logits: &mut [f32], tokens: usize) -> Result<Token> {
        let position = self.ids.len();
        self.choose_at(logits, tokens, position)
            .with_context(|| format!("the token at position {position} could not be chosen"))
    }

    fn choose_at(&mut self, logits: &mut [f32], tokens: usize, position: usize) -> Result<Token> {
        let sampling = &self.request.sampling;
        // Bias, penalties and constraint are about to change them.
        let before = self.request.judges().then(|| logits.to_vec());
        let logits = &mut logits[..tokens];
        let id = sampling.choose(logits, &self.occurred, position as u64)?;
        let token = match before {
            Some(before) => judge(&before, tokens, id, self.request.top)?,
            None => Token {
                id,
                log_probability: 0.0,
                top: Vec::new(),
            },
        };
        self.ids.push(id);
        if sampling.remembers() {
            self.occurred.write(id);
        }
        Ok(token)
    }

    /// Adds a chosen token to the text: what to tell, and why it was the last, if it was.
    pub(crate) fn write(&mut self, token: Token, tokenizer: &Tokenizer) -> (Event, Option<Finish>) {
        let (text, finish) = self.written.push(&token, tokenizer);
        let tokens = vec![token];
        (Event::Piece { text, tokens }, finish)
    }

    /// What is left to tell at the end.
    pub(crate) fn end(self, finish: Finish) -> (Option<Event>, Generation) {
        let usage = Usage {
            prompt: self.request.prompt.len(),
            reused: self.reused,
            generated: 0,
        };
        let (text, generation) = self.written.end(finish, self.prompt_tokens, usage);
        let piece = (!text.is_empty()).then(|| Event::Piece {
            text,
            tokens: Vec::new(),
        });
        (piece, generation)
    }
}

/// How likely a token is, and which would have been likeliest. Rows that are no token have their
/// share of the probability all the same.
fn judge(logits: &[f32], tokens: usize, id: u32, top: usize) -> Result<Token> {
    let log_z = log_sum_exp(logits, largest(logits)?);
    let ln_p = |id: u32| (f64::from(logits[id as usize]) - log_z) as f32;
    let top = likeliest(&logits[..tokens], top).into_iter();
    Ok(Token {
        id,
        log_probability: ln_p(id),
        top: top.map(|id| (id, ln_p(id))).collect(),
    })
}
