//! `kanana serve`: a model behind the OpenAI interface, with a chat page at `/`.

use super::Where;
use super::open::{Opened, Weights, open};
use crate::device::Machine;
use crate::evaluation::local::{fingerprint, precision_name};
use crate::terminal;
use ::chat::Template;
use ::generate::{Engine, Limits};
use ::serve::{App, Bounds, Ending, Fingerprint, Settings};
use anyhow::{Context as _, Result, ensure};
use clap::Args;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tensor::Precision;

/// Serve a model over HTTP.
#[derive(Args)]
pub(crate) struct Serve {
    /// A Hugging Face directory, a GGUF file, the name of a pulled model, or of a model in the store
    model: String,
    /// Port to listen on; 0 takes a free one
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Address to listen on; only programs on this machine reach the default
    #[arg(long, default_value = "127.0.0.1")]
    host: IpAddr,
    /// What the model is called in requests [default: the last part of the name it was given here]
    #[arg(long)]
    name: Option<String>,
    /// A file whose first line every request has to bring as its API key
    #[arg(long, value_name = "FILE")]
    api_key_file: Option<PathBuf>,
    /// Pages of this origin may ask from a browser, `*` for all; may be given several times
    #[arg(long = "cors", value_name = "ORIGIN")]
    origins: Vec<String>,
    /// A Jinja template for conversations, in place of the model's own
    #[arg(long, value_name = "FILE")]
    chat_template: Option<PathBuf>,
    /// What products read: f32, or bf16
    #[arg(long, value_name = "PRECISION", value_parser = super::generate::precision, default_value = "bf16")]
    precision: Precision,
    /// How the weights are kept in memory
    #[arg(long, value_enum, value_name = "KIND", default_value_t)]
    weights: Weights,
    /// Memory for keys and values, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 1024, value_parser = clap::value_parser!(u64).range(1..=1 << 20))]
    cache: u64,
    /// Answers made at once; others wait
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u64).range(1..=4096))]
    sequences: u64,
    /// Answers made or waiting; who comes when there are as many gets 429
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u64).range(1..=1 << 16))]
    queue: u64,
    /// The most tokens of an answer [default: as many as the context has room for]
    #[arg(long, value_name = "N")]
    max_tokens: Option<usize>,
    /// Seconds an answer may take, waiting included
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..=1 << 20))]
    time: u64,
    /// Seconds that running answers get to finish when the server is asked to end
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(0..=1 << 20))]
    grace: u64,
    /// The largest request, in KiB
    #[arg(long, value_name = "KIB", default_value_t = 4096, value_parser = clap::value_parser!(u64).range(1..=1 << 20))]
    body: u64,
    #[command(flatten)]
    store: Where,
}

impl Serve {
    pub(crate) fn run(self, machine: &Machine) -> Result<()> {
        let opened = open(
            &self.model,
            &self.store,
            machine,
            self.precision,
            self.weights,
        )?;
        let template = self.template(&opened)?;
        // Whoever evaluates the model behind this server keeps its answers under it; for the first who asks, the
        // weights may be read through.
        let kept = format!(
            "{}, kept {:?}",
            precision_name(self.precision),
            self.weights
        );
        let known = fingerprint(&opened.path, &opened.tokenizer, Some(&template), kept);
        let Opened {
            decoder, tokenizer, ..
        } = opened;
        let shape = decoder.shape.clone();
        let limits = Limits {
            cache_bytes: usize::try_from(self.cache)? << 20,
            sequences: usize::try_from(self.sequences)?,
            ..Limits::default()
        };
        let engine = Engine::new(Arc::new(decoder), Arc::new(tokenizer), limits)?;
        let settings = Settings {
            fingerprint: Some(Fingerprint::new(known)),
            ..self.settings()?
        };
        let key = match &settings.api_key {
            Some(_) => "needs its API key",
            None => "needs no API key",
        };
        // A cache smaller than the context is the end of every conversation.
        let context = match (shape.context, engine.context()) {
            (context, held) if held < context => {
                format!("context {held} tokens, which is what the cache holds of {context}")
            }
            (context, _) => format!("context {context} tokens"),
        };
        let lines = [
            format!(
                "serving {} ({} parameters)",
                settings.name,
                ::page::quantity(shape.parameters() as f64)
            ),
            format!(
                "  {context}, cache {} MiB, {} answers at once; {key}",
                self.cache, self.sequences
            ),
            format!("  conversations: {}", template.origin()),
        ];
        let app = App::new(engine, template, settings)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            // Templates and tokenizers run here; more at once would only take the engine's time.
            .max_blocking_threads(4)
            .enable_all()
            .build()
            .context("the server's threads could not be started")?;
        let address = SocketAddr::new(self.host, self.port);
        let ending = runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind(address).await.with_context(|| {
                format!("{address} cannot be listened on; is something there already? Try another --port")
            })?;
            let bound = listener.local_addr().context("the listener has no address")?;
            for line in &lines {
                terminal::note(line);
            }
            terminal::note(&format!("  chat page  http://{bound}/"));
            terminal::note(&format!("  OpenAI API http://{bound}/v1"));
            if !self.host.is_loopback() {
                terminal::note("  reachable from other machines; it speaks plain HTTP: put a proxy with TLS before it");
            }
            terminal::note("Ctrl-C ends it: running answers are finished first, a second Ctrl-C breaks them off");
            ::serve::serve(app, listener, ::serve::signals()?).await
        })?;
        match ending {
            Ending::Finished => terminal::note("ended; every answer was finished"),
            Ending::BrokenOff(answers) => {
                terminal::note(&format!(
                    "ended; {answers} answers were broken off, and told so"
                ));
            }
        }
        Ok(())
    }

    /// The template that was given, or the model's.
    fn template(&self, opened: &Opened) -> Result<Template> {
        let own = opened.template();
        let template = match &self.chat_template {
            None => own?,
            // In the place of one that may be no template at all.
            Some(path) => {
                let specials = own.map(|own| own.specials().clone()).unwrap_or_default();
                let text = std::fs::read_to_string(path)
                    .with_context(|| format!("{} cannot be read", path.display()))?;
                let given = Template::new(&text, specials);
                let given = given.with_context(|| path.display().to_string())?;
                given.with_origin(&path.display().to_string())
            }
        };
        Ok(template.with_clock(::serve::local_time))
    }

    fn settings(&self) -> Result<Settings> {
        let last = || PathBuf::from(&self.model);
        let name = self.name.clone().unwrap_or_else(|| {
            let folder = last();
            let name = folder
                .file_name()
                .map(|name| name.to_string_lossy().into_owned());
            name.unwrap_or_else(|| self.model.clone())
        });
        let api_key = match &self.api_key_file {
            None => None,
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .with_context(|| format!("the API key in {} cannot be read", path.display()))?;
                let key = text.lines().next().unwrap_or_default().trim().to_owned();
                ensure!(
                    !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_graphic()),
                    "the first line of {} is no API key; wanted letters, digits and signs of ASCII without spaces",
                    path.display()
                );
                Some(key)
            }
        };
        for origin in &self.origins {
            ensure!(
                origin == "*" || (origin.contains("://") && !origin.ends_with('/')),
                "--cors {origin:?} is no origin; wanted https://example.org without a path, or *"
            );
        }
        Ok(Settings {
            name,
            fingerprint: None,
            api_key,
            origins: self.origins.clone(),
            loopback: self.host.is_loopback(),
            bounds: Bounds {
                body: usize::try_from(self.body)? << 10,
                output: self.max_tokens.unwrap_or(usize::MAX),
                queue: usize::try_from(self.queue)?,
                time: Duration::from_secs(self.time),
                grace: Duration::from_secs(self.grace),
                ..Bounds::default()
            },
        })
    }
}
