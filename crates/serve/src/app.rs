//! What every request finds: the model with its tokenizer and template, the engine's thread, the settings.

use crate::chat::ends;
use crate::engine::Runner;
use crate::metrics::Metrics;
use crate::refusal::Refusal;
use crate::settings::Settings;
use ::chat::tools::Format;
use ::chat::{Message, Template, Tool};
use anyhow::{Context as _, Result};
use generate::{Compiler, Constraint, Engine};
use serde_json::{Map, Value};
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tensor::Forward;
use tokenizer::Tokenizer;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};

/// So many constraints are compiled at once: each has a thread whose stack grows with what was described.
const COMPILING: usize = 4;

/// How far the end of the server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Everybody is welcome.
    Open,
    /// What runs is finished, nothing new begins.
    Closing,
    /// What still runs is told that it ends here.
    Over,
}

/// One served model. Cheap to clone.
#[derive(Clone)]
pub struct App {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) settings: Settings,
    pub(crate) model: Model,
    pub(crate) runner: Runner,
    /// One for each request whose bytes are held: as many as there are places.
    pub(crate) arriving: Arc<Semaphore>,
    pub(crate) metrics: Metrics,
    pub(crate) phase: watch::Sender<Phase>,
    pub(crate) created: i64,
    numbers: AtomicU64,
    random: RandomState,
}

/// What turns requests into tokens.
pub(crate) struct Model {
    pub(crate) tokenizer: Arc<Tokenizer>,
    compiler: Compiler,
    /// One for each constraint that is being compiled.
    pub(crate) compiling: Semaphore,
    pub(crate) template: Template,
    pub(crate) format: Format,
    /// Positions that a conversation may have: the decoder's, as far as the key–value cache holds them.
    pub(crate) context: usize,
    bos: Option<u32>,
    /// What ends any text.
    pub(crate) end_tokens: Vec<u32>,
    /// What ends a message.
    pub(crate) chat_ends: Vec<u32>,
}

impl App {
    /// Starts the engine's thread.
    ///
    /// # Errors
    /// A thread that cannot be started.
    pub fn new<D: Forward>(
        engine: Engine<D>,
        template: Template,
        settings: Settings,
    ) -> Result<Self> {
        let tokenizer = Arc::clone(engine.tokenizer());
        let end_tokens = engine.end_tokens();
        let model = Model {
            format: Format::of(&template),
            context: engine.context(),
            bos: tokenizer.bos().or(engine.decoder().special.bos),
            chat_ends: ends(&template, &tokenizer, &end_tokens),
            end_tokens,
            compiler: engine.compiler(),
            compiling: Semaphore::new(COMPILING),
            tokenizer,
            template,
        };
        let bounds = settings.bounds;
        let runner = Runner::start(engine, bounds.queue, bounds.lag)
            .context("the thread of the engine could not be started")?;
        let inner = Inner {
            settings,
            model,
            runner,
            arriving: Arc::new(Semaphore::new(bounds.queue)),
            metrics: Metrics::default(),
            phase: watch::Sender::new(Phase::Open),
            created: crate::clock::created(),
            numbers: AtomicU64::new(0),
            random: RandomState::new(),
        };
        Ok(App {
            inner: Arc::new(inner),
        })
    }
}

impl Inner {
    /// A name that no other answer of this server has.
    pub(crate) fn name(&self, prefix: &str) -> String {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        format!("{prefix}{:x}{number:06x}", self.created)
    }

    /// The name of a tool call: nine letters and digits, drawn anew for each. The templates of Mistral's models
    /// refuse a conversation with any other kind of name.
    pub(crate) fn call(&self) -> String {
        const SIGNS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        let mut number = self.seed();
        let sign = |_| {
            let sign = SIGNS[(number % 62) as usize];
            number /= 62;
            char::from(sign)
        };
        (0..9).map(sign).collect()
    }

    /// A seed for who gave none.
    pub(crate) fn seed(&self) -> u64 {
        let mut hasher = self.random.build_hasher();
        hasher.write_u64(self.numbers.fetch_add(1, Ordering::Relaxed));
        hasher.finish()
    }

    /// The model that a request asks for has to be the one that is served.
    pub(crate) fn check_model(&self, asked: Option<&str>) -> Result<(), Refusal> {
        match asked {
            Some(asked) if asked != self.settings.name => {
                Err(Refusal::unknown_model(asked, &self.settings.name))
            }
            _ => Ok(()),
        }
    }
}

impl Model {
    /// Ids of a text to be continued: the names of special tokens in it mean those tokens, and it begins
    /// as texts begin, once.
    pub(crate) fn prompt(&self, text: &str, add_begin: bool) -> Vec<u32> {
        let ids = self.tokenizer.encode_with_specials(text);
        match self.bos {
            Some(bos)
                if add_begin
                    && ids.first() != Some(&bos)
                    && (self.tokenizer.begins_texts() || ids.is_empty()) =>
            {
                std::iter::once(bos).chain(ids).collect()
            }
            _ => ids,
        }
    }

    /// Ids of a conversation.
    pub(crate) fn conversation(
        &self,
        messages: &[Message],
        tools: &[Tool],
        answer: bool,
        extra: &Map<String, Value>,
    ) -> Result<Vec<u32>, Refusal> {
        let text = self.template.render(messages, tools, answer, extra);
        let text = text.map_err(|error| Refusal::field("messages", format!("{error:#}")))?;
        Ok(self.tokenizer.encode_with_specials(&text))
    }

    /// A constraint as all answers of a request share it, compiled on the thread that reads the request,
    /// which may wait: it is none that drives the server's tasks.
    pub(crate) fn compiled(
        &self,
        constraint: Option<&Constraint>,
    ) -> Result<Option<Constraint>, Refusal> {
        let Some(constraint) = constraint else {
            return Ok(None);
        };
        // It is held until the end; nobody closes the semaphore.
        let _place = Handle::current().block_on(self.compiling.acquire());
        let compiled = self.compiler.compile(constraint);
        compiled
            .map(Some)
            .map_err(|error| Refusal::uncompiled(&error))
    }

    /// So many tokens may still follow a prompt, which has to fit.
    pub(crate) fn room(&self, prompt: usize, field: &str) -> Result<usize, Refusal> {
        if prompt > self.context {
            return Err(Refusal::too_long(field, prompt, self.context));
        }
        // The last token that is chosen is never read.
        Ok(self.context - prompt + 1)
    }
}
