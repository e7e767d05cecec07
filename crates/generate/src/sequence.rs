//! One text on its way: what was asked, the tokens so far, and how the next one is chosen.

use crate::constraint::Guide;
use crate::engine::{Event, Ticket};
use crate::pages::Beginning;
use crate::request::{Finish, Generation, Request, Token, Usage};
use crate::sampling::{Occurred, largest, likeliest, log_sum_exp};
use crate::written::Written;
use anyhow::{Context as _, Result};
use tokenizer::Tokenizer;

/// A request being answered.
pub(crate) struct Sequence {
    pub(crate) ticket: Ticket,
    pub(crate) request: Request,
    /// Prompt and text.
    pub(crate) ids: Vec<u32>,
    /// How many of them have keys and values.
    pub(crate) done: usize,
    /// Where those lie.
    pub(crate) pages: Vec<u32>,
    /// How many of the pages are full and known, and what they hold together.
    pub(crate) known: usize,
    pub(crate) beginning: Beginning,
    /// Tokens of the prompt that were there before it came.
    pub(crate) reused: usize,
    /// Whether it was put back, and goes through the decoder again.
    pub(crate) again: bool,
    occurred: Occurred,
    guide: Option<Guide>,
    written: Written,
    prompt_tokens: Vec<Option<Token>>,
}

impl Sequence {
    pub(crate) fn new(ticket: Ticket, request: Request, guide: Option<Guide>) -> Self {
        let occurred = match request.sampling.remembers() {
            true => Occurred::prompt(&request.prompt),
            false => Occurred::default(),
        };
        let echoed = if request.echo { vec![None] } else { vec![] };
        Sequence {
            ticket,
            ids: request.prompt.clone(),
            done: 0,
            pages: Vec::new(),
            known: 0,
            beginning: Beginning::EMPTY,
            reused: 0,
            again: false,
            occurred,
            guide,
            written: Written::new(&request),
            prompt_tokens: echoed,
            request,
        }
    }

    /// Tokens that have no keys and values yet.
    pub(crate) fn fresh(&self) -> usize {
        self.ids.len() - self.done
    }

    /// Whether its next row gives a token, and nothing else is to be read before.
    pub(crate) fn is_writing(&self) -> bool {
        self.done > 0 && self.fresh() == 1
    }

    /// Whether it asks for nothing that the decoder must be asked for.
    pub(crate) fn is_empty(&self) -> bool {
        self.request.max_tokens == 0 && self.judged() >= self.to_judge()
    }

    /// Tokens of the prompt that are to be judged, and that have been; the first needs no judgement.
    pub(crate) fn to_judge(&self) -> usize {
        if self.request.echo {
            self.request.prompt.len()
        } else {
            0
        }
    }

    pub(crate) fn judged(&self) -> usize {
        self.prompt_tokens.len()
    }

    /// Gives its pages back, to begin again.
    pub(crate) fn start_over(&mut self) -> Vec<u32> {
        self.done = 0;
        self.known = 0;
        self.beginning = Beginning::EMPTY;
        self.again = true;
        std::mem::take(&mut self.pages)
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

    /// Chooses the next token from logits, of which the first `tokens` are of tokens that exist, and
    /// adds it to the text: what to tell, and why it was the last, if it was.
    pub(crate) fn write(
        &mut self,
        logits: &mut [f32],
        tokens: usize,
        tokenizer: &Tokenizer,
    ) -> Result<(Event, Option<Finish>)> {
        let position = self.ids.len();
        let (token, complete) = self
            .choose(logits, tokens, position)
            .with_context(|| format!("the token at position {position} could not be chosen"))?;
        let (text, finish) = self.written.push(&token, tokenizer);
        let finish = match finish {
            None | Some(Finish::MaxTokens) if complete => Some(Finish::Complete),
            finish => finish,
        };
        let tokens = vec![token];
        Ok((Event::Piece { text, tokens }, finish))
    }

    fn choose(
        &mut self,
        logits: &mut [f32],
        tokens: usize,
        position: usize,
    ) -> Result<(Token, bool)> {
        let Request {
            sampling,
            end_tokens,
            top,
            ..
        } = &self.request;
        // Constraint, bias and penalties are about to change them.
        let before = self.request.judges().then(|| logits.to_vec());
        let logits = &mut logits[..tokens];
        if let Some(guide) = &mut self.guide {
            guide.restrict(logits, end_tokens)?;
        }
        let id = sampling.choose(logits, &self.occurred, position as u64)?;
        let token = match before {
            Some(before) => judge(&before, tokens, id, *top)?,
            None => Token {
                id,
                log_probability: 0.0,
                top: Vec::new(),
            },
        };
        let complete = match &mut self.guide {
            Some(guide) if !end_tokens.contains(&id) => guide.advance(id)?,
            _ => false,
        };
        self.ids.push(id);
        if sampling.remembers() {
            self.occurred.write(id);
        }
        Ok((token, complete))
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
