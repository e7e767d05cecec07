//! Chat templates: a conversation becomes one text, as `transformers` renders it, byte for byte.
//!
//! A template is a Jinja program that came with a checkpoint, so it is run as a stranger's:
//! without files or network, and with a budget of steps that also bounds its memory (a step per 64
//! bytes it makes). One that recurses or loops without end ends with a sentence.
//!
//! Where a checkpoint has none, [`Template::usual`] takes the format its tokenizer was made for.
//!
//! Deliberately absent: pictures, `documents`, the masks of `{% generation %}` (its text is kept), a
//! clock of its own: `strftime_now` exists only where the caller lends one. Not bounded: a template that
//! keeps adding a list to itself, which the engine of templates does without counting.

mod python;
mod usual;

use crate::{Message, Role, Tool};
use anyhow::{Context as _, Result, anyhow, bail};
use jiff::civil::DateTime;
use minijinja::value::Serde;
use minijinja::{Environment, ErrorKind};
use serde_json::{Map, Value, json};
use std::path::Path;

/// Steps of a template before anything is said.
const FUEL: u64 = 1_000_000;
/// Steps more for each byte of the conversation: a copy costs 1/64.
const FUEL_PER_BYTE: u64 = 8;
/// A template that is longer than this is no template.
const LONGEST: usize = 1 << 20;
/// What messages in these words end with, if the tokenizer knows them.
const ENDS: [&str; 7] = [
    "<|eot_id|>",
    "<|eom_id|>",
    "<|im_end|>",
    "<|end|>",
    "<end_of_turn>",
    "<|end_of_role|>",
    "<|endofturn|>",
];

/// What the template for conversations that have tools is called among several.
pub const TOOL_USE: &str = "tool_use";

/// Tells the time and the date for `strftime_now`.
pub type Clock = fn() -> DateTime;

/// A compiled template with the names of its special tokens.
pub struct Template {
    plain: Program,
    /// The one that `transformers` prefers when there are tools, or why it is none.
    with_tools: Option<Result<Program, String>>,
    source: String,
    origin: String,
    specials: Map<String, Value>,
    stops: &'static [&'static str],
}

/// One compiled text, and how it wants its messages.
struct Program {
    environment: Environment<'static>,
    /// It looks for messages whose content is none.
    nulls: bool,
    /// It knows the role of developers.
    developers: bool,
}

impl Template {
    /// The template of a Hugging Face directory, from `chat_template.jinja` or
    /// `tokenizer_config.json`, or none if it has none.
    ///
    /// # Errors
    /// Files that cannot be read, a usual template that does not compile.
    pub fn load(folder: &Path) -> Result<Option<Self>> {
        let config = read_json(&folder.join("tokenizer_config.json"))?;
        let map = read_json(&folder.join("special_tokens_map.json"))?;
        let mut specials = specials(&map);
        specials.extend(self::specials(&config));
        let path = folder.join("chat_template.jinja");
        let additional = folder.join("additional_chat_templates/tool_use.jinja");
        let (plain, with_tools, origin) = if path.is_file() {
            let tools = additional
                .is_file()
                .then(|| read(&additional))
                .transpose()?;
            (read(&path)?, tools, "chat_template.jinja")
        } else {
            match named(config.get("chat_template"))? {
                Some((plain, with_tools)) => (plain, with_tools, "tokenizer_config.json"),
                None => return Ok(None),
            }
        };
        let mut template = Template::new(&plain, specials)
            .with_context(|| format!("the chat template in {}", folder.join(origin).display()))?;
        if let Some(source) = with_tools {
            let place = match path.is_file() {
                true => additional.display().to_string(),
                false => format!("{TOOL_USE} in {}", folder.join(origin).display()),
            };
            template = template.for_tools(&source, &place);
        }
        template.origin = origin.to_owned();
        Ok(Some(template))
    }

    /// A template by its text. `specials` are the names that it may use for special tokens, such as
    /// `bos_token`.
    ///
    /// # Errors
    /// A text that is no template, with the line.
    pub fn new(source: &str, specials: Map<String, Value>) -> Result<Self> {
        Ok(Template {
            plain: compile(source)?,
            with_tools: None,
            source: source.to_owned(),
            origin: "a given template".to_owned(),
            specials,
            stops: &[],
        })
    }

    /// With another template for conversations that have tools, as the one called [`TOOL_USE`]; `place` is
    /// where it lies. One that does not compile is told when there are tools: others need none.
    #[must_use]
    pub fn for_tools(mut self, source: &str, place: &str) -> Self {
        let compiled = compile(source);
        if compiled.is_ok() {
            self.source.push_str(source);
        }
        let told =
            |error: anyhow::Error| format!("the chat template for tools, {place}: {error:#}");
        self.with_tools = Some(compiled.map_err(told));
        self
    }

    /// The template that a tokenizer suggests when a checkpoint has none: Kanana's where the special
    /// tokens of Llama 3 are known, ChatML's, or else plain words. [`origin`](Self::origin) says which.
    pub fn usual(knows: impl Fn(&str) -> bool) -> Self {
        usual::template(knows)
    }

    /// Lends a clock, so that the template can say what day it is.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        let with_tools = self.with_tools.iter_mut().flatten();
        for program in std::iter::once(&mut self.plain).chain(with_tools) {
            python::lend_clock(&mut program.environment, clock);
        }
        self
    }

    /// Says where it came from.
    #[must_use]
    pub fn with_origin(mut self, origin: &str) -> Self {
        origin.clone_into(&mut self.origin);
        self
    }

    /// Where it came from, in words for whoever starts a server.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Names of special tokens that the template may use.
    pub fn specials(&self) -> &Map<String, Value> {
        &self.specials
    }

    /// The template itself.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Names of the tokens that end a message in this format; a tokenizer need not know them all.
    pub fn end_tokens(&self) -> Vec<&'static str> {
        let named = ENDS.into_iter().filter(|name| self.source.contains(name));
        named.collect()
    }

    /// Texts that end a message where no token does: those of a format of plain words.
    pub fn stops(&self) -> &'static [&'static str] {
        self.stops
    }

    /// The text of a conversation. `extra` is whatever else the template reads, such as
    /// `enable_thinking`; it cannot replace the messages.
    ///
    /// # Errors
    /// What the template itself refuses, in its words; a template that fails or never ends; with tools, one
    /// for them that does not compile.
    pub fn render(
        &self,
        messages: &[Message],
        tools: &[Tool],
        add_generation_prompt: bool,
        extra: &Map<String, Value>,
    ) -> Result<String> {
        let mut given = self.specials.clone();
        given.extend(extra.clone());
        let tools_given = match tools {
            [] => Value::Null,
            _ => json!(tools),
        };
        given.insert("tools".to_owned(), tools_given);
        given.insert("documents".to_owned(), Value::Null);
        let asked = Value::Bool(add_generation_prompt);
        given.insert("add_generation_prompt".to_owned(), asked);
        let chosen = match &self.with_tools {
            Some(with_tools) if !tools.is_empty() => {
                with_tools.as_ref().map_err(|error| anyhow!("{error}"))?
            }
            _ => &self.plain,
        };
        let mut rendered = |objects: bool| {
            let shown = messages.iter().map(|one| chosen.message(one, objects));
            given.insert("messages".to_owned(), shown.collect());
            render(&chosen.environment, &given)
        };
        let calls = messages.iter().any(|one| !one.tool_calls.is_empty());
        match rendered(true) {
            // Some templates join arguments to a text, and take them as the interface has them: as one.
            Err(error) if calls && error.kind() != ErrorKind::OutOfFuel => {
                rendered(false).map_err(|_| sentence(error))
            }
            first => first.map_err(sentence),
        }
    }
}

impl Program {
    /// A message as templates expect it: content always there, unless the template asks whether it is;
    /// arguments as `objects`, or as the strings that they came as.
    fn message(&self, message: &Message, objects: bool) -> Value {
        let mut message = message.clone();
        if message.role == Role::Developer && !self.developers {
            message.role = Role::System;
        }
        if !self.nulls {
            message.content.get_or_insert_default();
        }
        let mut fields = Map::from(message);
        if objects && let Some(Value::Array(calls)) = fields.get_mut("tool_calls") {
            for call in calls {
                let arguments = &mut call["function"]["arguments"];
                let parsed = arguments.as_str().map(serde_json::from_str);
                if let Some(Ok(object @ Value::Object(_))) = parsed {
                    *arguments = object;
                }
            }
        }
        Value::Object(fields)
    }
}

/// Whether a template looks for messages whose content is none: such a one often shows calls nowhere else.
fn tells_nulls(source: &str) -> bool {
    let mut places = source.match_indices("content");
    places.any(|(at, word)| {
        // `reasoning_content` is another field.
        if source[..at].ends_with(|c: char| c == '_' || c.is_alphanumeric()) {
            return false;
        }
        let after = &source[at + word.len()..];
        let after = after.trim_start_matches(['\'', '"', ']', ')']).trim_start();
        let asked = match after.strip_prefix("is ") {
            Some(asked) => {
                let asked = asked.trim_start();
                asked.strip_prefix("not ").unwrap_or(asked)
            }
            None => match after.get(..2) {
                Some("==" | "!=") => &after[2..],
                _ => return false,
            },
        };
        let asked = asked.trim_start();
        asked.starts_with("none") || asked.starts_with("None")
    })
}

/// Runs a template within its budget.
fn render(
    environment: &Environment<'static>,
    given: &Map<String, Value>,
) -> Result<String, minijinja::Error> {
    let names: u64 = given.keys().map(|name| name.len() as u64).sum();
    let size = 1 + names + given.values().map(weight).sum::<u64>();
    let mut environment = environment.clone();
    environment.set_fuel(Some(FUEL + FUEL_PER_BYTE * size));
    let template = environment.get_template(NAME)?;
    template.render(Serde(given))
}

const NAME: &str = "the chat template";

fn compile(source: &str) -> Result<Program> {
    if source.len() > LONGEST {
        bail!(
            "a chat template of {} bytes; templates longer than {LONGEST} are not read",
            source.len()
        );
    }
    let mut environment = python::environment();
    environment
        .add_template_owned(NAME, python::without_generation(source))
        .map_err(|error| anyhow!("it is no Jinja template: {error:#}"))?;
    Ok(Program {
        environment,
        nulls: tells_nulls(source),
        developers: source.contains("developer"),
    })
}

/// What went wrong in words for whoever sent the conversation.
fn sentence(error: minijinja::Error) -> anyhow::Error {
    let place = match error.line() {
        Some(line) => format!(" (line {line})"),
        None => String::new(),
    };
    let detail = error.detail().unwrap_or_default();
    match error.kind() {
        ErrorKind::OutOfFuel => anyhow!(
            "the chat template did not come to an end within its budget of steps{place}; \
             the template is at fault, or the conversation is far too long"
        ),
        _ if detail.contains("recursion limit") => {
            anyhow!("the chat template calls itself without end{place}")
        }
        ErrorKind::InvalidOperation if detail.starts_with(python::RAISED) => anyhow!(
            "the chat template refuses this conversation: {}",
            &detail[python::RAISED.len()..]
        ),
        _ => anyhow!("the chat template cannot render this conversation{place}: {error}"),
    }
}

/// Bytes of all texts in a value, and one for each thing.
fn weight(value: &Value) -> u64 {
    match value {
        Value::String(text) => 1 + text.len() as u64,
        Value::Array(items) => 1 + items.iter().map(weight).sum::<u64>(),
        Value::Object(map) => {
            let pairs = map.iter();
            1 + pairs.map(|(k, v)| k.len() as u64 + weight(v)).sum::<u64>()
        }
        _ => 1,
    }
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))
}

/// A JSON object, empty where there is no file.
fn read_json(path: &Path) -> Result<Map<String, Value>> {
    if !path.is_file() {
        return Ok(Map::new());
    }
    serde_json::from_str(&read(path)?)
        .with_context(|| format!("{} is not a JSON object", path.display()))
}

/// `bos_token` and its like: strings, or objects that hold one.
fn specials(config: &Map<String, Value>) -> Map<String, Value> {
    let named = config.iter().filter(|(name, _)| name.ends_with("_token"));
    named
        .filter_map(|(name, value)| {
            let text = value.as_str().or_else(|| value.get("content")?.as_str())?;
            Some((name.clone(), Value::String(text.to_owned())))
        })
        .collect()
}

/// `chat_template` of a tokenizer's configuration: one text, or several with names.
fn named(value: Option<&Value>) -> Result<Option<(String, Option<String>)>> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some((text.clone(), None))),
        Some(Value::Array(list)) => {
            let by_name = |name: &str| {
                let mut found = list.iter().filter(|one| one["name"] == name);
                let text = found.next()?.get("template")?.as_str()?;
                Some(text.to_owned())
            };
            match by_name("default") {
                Some(default) => Ok(Some((default, by_name(TOOL_USE)))),
                None => {
                    bail!("chat_template in tokenizer_config.json has no template called default")
                }
            }
        }
        Some(_) => bail!("chat_template in tokenizer_config.json is neither a text nor a list"),
    }
}

#[cfg(test)]
mod tests;
