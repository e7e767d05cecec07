//! The formats that are taken where a checkpoint brings no template of its own.
//!
//! Kanana's (after the header format of Llama 3, with the tool calls of section 5.3): a system turn first,
//! even an empty one, with the tools in it; calls as `<function=NAME>{…}</function>` closed by
//! `<|eom_id|>`; a tool's answer under the header `ipython`.

use super::Template;
use serde_json::{Map, Value};

const KANANA: &str = include_str!("kanana.jinja");
const CHATML: &str = include_str!("chatml.jinja");
const WORDS: &str = include_str!("words.jinja");

/// The first format whose special tokens are all known.
pub(super) fn template(knows: impl Fn(&str) -> bool) -> Template {
    let headers = ["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"];
    let turns = ["<|im_start|>", "<|im_end|>"];
    let mut specials = Map::new();
    if knows("<|begin_of_text|>") {
        let name = Value::String("<|begin_of_text|>".to_owned());
        specials.insert("bos_token".to_owned(), name);
    }
    let (source, name, stops): (_, _, &[&str]) = if headers.iter().all(|name| knows(name)) {
        (
            KANANA,
            "Kanana's format, as the checkpoint brings none",
            &[],
        )
    } else if turns.iter().all(|name| knows(name)) {
        (CHATML, "ChatML, as the checkpoint brings none", &[])
    } else {
        let stops = &["\nuser:", "\nsystem:", "\nassistant:", "\nipython:"];
        (
            WORDS,
            "plain words, as the checkpoint brings none and knows no special tokens of a chat",
            stops,
        )
    };
    let mut template = Template::new(source, specials).expect("our own template");
    template.origin = name.to_owned();
    template.stops = stops;
    template
}
