//! Renders conversations with a template, to compare with another program's rendering.
//!
//! Reads one JSON object from standard input: `template`, `messages`, `tools`, `extra`, `prompt`;
//! writes the text, or a sentence that begins with `error: `. `fixtures/chat_released.py` calls it.

use chat::{Message, Template, Tool};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::io::{Read as _, Write as _};

#[derive(Deserialize)]
struct Case {
    template: String,
    messages: Vec<Message>,
    tools: Vec<Tool>,
    extra: Map<String, Value>,
    specials: Map<String, Value>,
    prompt: bool,
}

fn main() -> anyhow::Result<()> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    let case: Case = serde_json::from_str(&text)?;
    let clock = || jiff::civil::date(2025, 2, 26).at(13, 5, 9, 0);
    let rendered = Template::new(&case.template, case.specials).and_then(|template| {
        let template = template.with_clock(clock);
        template.render(&case.messages, &case.tools, case.prompt, &case.extra)
    });
    let out = rendered.unwrap_or_else(|error| format!("error: {error:#}"));
    Ok(std::io::stdout().write_all(out.as_bytes())?)
}
