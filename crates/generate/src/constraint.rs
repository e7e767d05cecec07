//! What a text has to be, token by token: llguidance's parser over this tokenizer's tokens.
//!
//! Before a token is chosen, the logits of those that cannot continue the text become −∞; the end
//! tokens are allowed exactly where the constraint accepts what has been written. A text that can
//! only continue in one way is not skipped ahead: its tokens are chosen one by one, from one, so
//! that a text is the same with and without such a shortcut.
//!
//! JSON is written on one line with `", "` and `": "`, as Python's `json.dumps` does and as models
//! have seen it most, unless the schema says otherwise under `x-guidance`: free white space
//! would let a model write nothing else until it runs out of tokens.
//!
//! A description comes from a stranger, and llguidance calls itself for every rule, definition and
//! bracket in it: it is compiled on a thread of its own, whose stack grows with the description.

mod nesting;

use crate::Constraint;
use crate::request::Compiled;
use anyhow::{Context as _, Result, anyhow, bail, ensure};
use llguidance::api::TopLevelGrammar;
use llguidance::toktrie::{TokEnv, TokRxInfo, TokTrie, TokenizerEnv};
use llguidance::{Matcher, ParserFactory};
use serde_json::{Value, json};
use std::sync::{Arc, OnceLock};
use tokenizer::Tokenizer;

/// Bytes of stack for each byte of a description. The most that was measured, with llguidance 1.9.1 in
/// release, is 840: rules or terminals that lead to each other through groups, `a0: ((((a1))))`. Schemas
/// take 460 where `items` lead to `items`, and 120 where a `$ref` leads to the next.
const STACK_PER_BYTE: usize = 2 << 10;
/// What llguidance may take whatever the length: schemas cut with each other go 128 calls of 4 KiB deep.
const STACK_LEAST: usize = 16 << 20;
/// Of longer descriptions than half a mebibyte nobody asks that every byte of them be a bracket.
const STACK_MOST: usize = 1 << 30;
/// Parentheses of Lark in each other. Groups end at 30 by llguidance's own rule; conditions (`%if not(not(…`)
/// have no end there, and stay a tree of that depth, which the engine's thread walks and drops.
const DEEPEST: usize = 200;

/// Compiles constraints for an engine, on whatever thread: a large schema takes as long as many steps.
/// Clones share what is made once for a tokenizer, when the first constraint comes.
#[derive(Clone)]
pub struct Compiler {
    tokenizer: Arc<Tokenizer>,
    grammars: Arc<OnceLock<Result<Grammars, String>>>,
}

impl Compiler {
    pub(crate) fn new(tokenizer: Arc<Tokenizer>) -> Self {
        Compiler {
            tokenizer,
            grammars: Arc::default(),
        }
    }

    /// The constraint in a form that requests can share, each of which begins it anew.
    ///
    /// # Errors
    /// What is wrong with the constraint, and where.
    pub fn compile(&self, constraint: &Constraint) -> Result<Constraint> {
        Ok(Constraint::Compiled(Compiled::new(self.guide(constraint)?)))
    }

    /// A constraint at its beginning.
    ///
    /// # Errors
    /// As [`compile`](Self::compile); one that was compiled for another tokenizer.
    pub(crate) fn guide(&self, constraint: &Constraint) -> Result<Guide> {
        if let Constraint::Compiled(compiled) = constraint {
            let guide = compiled.guide();
            ensure!(
                guide.accept == self.tokenizer.vocabulary() as u32,
                "the constraint was compiled for another tokenizer"
            );
            return Ok(guide);
        }
        let made = self.grammars.get_or_init(|| {
            Grammars::new(self.tokenizer.clone()).map_err(|error| format!("{error:#}"))
        });
        match made {
            Ok(grammars) => grammars.compile(constraint),
            Err(error) => bail!("{error}"),
        }
    }
}

/// What constraints are compiled with: the tokens as a tree.
struct Grammars {
    factory: ParserFactory,
    /// A token that does not exist; where the parser allows it, the text may end.
    accept: u32,
}

impl Grammars {
    fn new(tokenizer: Arc<Tokenizer>) -> Result<Self> {
        let accept = tokenizer.vocabulary() as u32;
        let mut words: Vec<Vec<u8>> = (0..accept).map(|id| word(&tokenizer, id)).collect();
        words.push(special(b"<end of text>"));
        let tree = TokTrie::from(&TokRxInfo::new(accept + 1, accept), &words);
        let tokens: TokEnv = Arc::new(Tokens { tokenizer, tree });
        let mut factory = ParserFactory::new_simple(&tokens)
            .map_err(|error| anyhow!("constraints cannot be made for this tokenizer: {error}"))?;
        factory.quiet();
        factory.limits_mut().verbose_errors = false;
        Ok(Grammars { factory, accept })
    }

    /// # Errors
    /// What is wrong with the constraint, and where.
    fn compile(&self, constraint: &Constraint) -> Result<Guide> {
        let length = match constraint {
            Constraint::Json | Constraint::Compiled(_) => 0,
            Constraint::JsonSchema(schema) => schema.to_string().len(),
            Constraint::Regex(regex) => regex.len(),
            Constraint::Lark(lark) => {
                let depth = nesting::depth(lark);
                ensure!(
                    depth <= DEEPEST,
                    "the grammar that the text must follow was refused: its parentheses are nested {depth} \
                     deep; at most {DEEPEST} are read"
                );
                lark.len()
            }
        };
        let stack = length
            .saturating_mul(STACK_PER_BYTE)
            .saturating_add(STACK_LEAST)
            .min(STACK_MOST);
        std::thread::scope(|scope| {
            let compiling = std::thread::Builder::new()
                .name("constraint".to_owned())
                .stack_size(stack)
                .spawn_scoped(scope, || self.compile_here(constraint))
                .context("the thread that compiles constraints could not be started")?;
            match compiling.join() {
                Ok(compiled) => compiled,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }

    /// The same, on the stack there is.
    fn compile_here(&self, constraint: &Constraint) -> Result<Guide> {
        let (what, grammar) = match constraint {
            Constraint::JsonSchema(schema) => {
                let schema = on_one_line(schema.clone())?;
                ("JSON schema", TopLevelGrammar::from_json_schema(schema))
            }
            Constraint::Json => {
                let schema = on_one_line(json!({ "type": "object" }))?;
                ("JSON schema", TopLevelGrammar::from_json_schema(schema))
            }
            Constraint::Regex(regex) => ("regular expression", TopLevelGrammar::from_regex(regex)),
            Constraint::Lark(lark) => ("grammar", TopLevelGrammar::from_lark(lark.clone())),
            Constraint::Compiled(compiled) => return Ok(compiled.guide()),
        };
        let mut matcher = Matcher::new(self.factory.create_parser(grammar));
        // What is too complex for a first token is refused here, not where all texts would wait for it.
        if matcher.get_error().is_none() {
            matcher.compute_mask_or_eos().ok();
        }
        if let Some(error) = matcher.get_error() {
            // What follows is for those who debug the parser.
            let error = error.split("\n<").next().unwrap_or_default();
            bail!("the {what} that the text must follow was refused: {error}");
        }
        Ok(Guide {
            matcher,
            accept: self.accept,
        })
    }
}

/// The bytes of a token as the parser meets them. Special tokens are no text: they can be asked for
/// by name in a grammar, and match nothing else.
fn word(tokenizer: &Tokenizer, id: u32) -> Vec<u8> {
    let bytes = tokenizer.bytes_of(id);
    match tokenizer.is_special(id) {
        true => special(&bytes),
        false => bytes,
    }
}

fn special(name: &[u8]) -> Vec<u8> {
    [&[TokTrie::SPECIAL_TOKEN_MARKER], name].concat()
}

/// A schema with this engine's white space; what it says of that itself goes before, word by word.
fn on_one_line(mut schema: Value) -> Result<Value> {
    if let Value::Bool(true) = schema {
        schema = json!({});
    }
    let Value::Object(fields) = &mut schema else {
        bail!("a JSON schema is an object such as {{\"type\": \"object\"}}; this one is {schema}");
    };
    // Nonsense stays what it is, and is refused.
    if let Value::Object(own) = fields.entry("x-guidance").or_insert_with(|| json!({})) {
        for (name, value) in [
            ("whitespace_flexible", json!(false)),
            ("item_separator", json!(", ")),
            ("key_separator", json!(": ")),
        ] {
            own.entry(name).or_insert(value);
        }
    }
    Ok(schema)
}

/// This tokenizer, as the parser sees it.
struct Tokens {
    tokenizer: Arc<Tokenizer>,
    tree: TokTrie,
}

impl TokenizerEnv for Tokens {
    fn tok_trie(&self) -> &TokTrie {
        &self.tree
    }

    fn tokenize_bytes(&self, bytes: &[u8]) -> Vec<u32> {
        self.tree
            .tokenize_with_greedy_fallback(bytes, |text| self.tokenizer.encode(text))
    }
}

/// A constraint on its way through a text.
#[derive(Clone)]
pub(crate) struct Guide {
    matcher: Matcher,
    accept: u32,
}

impl Guide {
    /// Makes the logits of all tokens −∞ that may not come next.
    ///
    /// # Errors
    /// A constraint that grew too complex on the way.
    pub(crate) fn restrict(&mut self, logits: &mut [f32], end_tokens: &[u32]) -> Result<()> {
        let mask = self.matcher.compute_mask().map_err(|error| {
            anyhow!("the constraint could not be followed any further: {error}")
        })?;
        let may_end = mask.is_allowed(self.accept);
        let ends: Vec<(u32, f32)> = end_tokens
            .iter()
            .filter_map(|id| Some((*id, *logits.get(*id as usize)?)))
            .collect();
        let others = mask.num_set() > usize::from(may_end);
        ensure!(
            others || (may_end && !ends.is_empty()),
            "the constraint allows no further token, and the request names none that ends the text"
        );
        for (logits, word) in logits.chunks_mut(32).zip(mask.as_slice()) {
            if *word == u32::MAX {
                continue;
            }
            for (i, logit) in logits.iter_mut().enumerate() {
                if word >> i & 1 == 0 {
                    *logit = f32::NEG_INFINITY;
                }
            }
        }
        for (id, logit) in ends {
            logits[id as usize] = if may_end { logit } else { f32::NEG_INFINITY };
        }
        Ok(())
    }

    /// Takes note of a token that was chosen and does not end the text; says whether nothing may
    /// follow it.
    ///
    /// # Errors
    /// As [`restrict`](Self::restrict).
    pub(crate) fn advance(&mut self, id: u32) -> Result<bool> {
        self.matcher.consume_token(id).map_err(|error| {
            anyhow!("the constraint could not be followed any further: {error}")
        })?;
        Ok(self.matcher.is_stopped())
    }
}

#[cfg(test)]
mod tests;
