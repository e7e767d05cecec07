//! Whether a tokenizer begins every text with the token it has for that.
//!
//! Two files can say so, and they differ where somebody changed one of them. Some classes of
//! `transformers` (version 4) make their template anew from `add_bos_token` whenever they are loaded,
//! so for them the key counts, as it does for gguf-py and by it for llama.cpp. Any other class, that of
//! Llama 3 among them, leaves the template of `tokenizer.json` as it is and never reads the key.

use serde_json::{Map, Value};

/// The classes, with or without `Fast` behind, that make their template from the key, and take it for
/// true where it is missing.
const BY_KEY: [&str; 4] = [
    "LlamaTokenizer",
    "CodeLlamaTokenizer",
    "GemmaTokenizer",
    "CohereTokenizer",
];

/// Whether a text begins with `bos`: by the key where that counts, else by the template.
pub(super) fn begins(whole: &Value, config: Option<&Map<String, Value>>, bos: &str) -> bool {
    config.and_then(stated).unwrap_or_else(|| {
        let template = whole.get("post_processor");
        template.and_then(first) == Some(bos)
    })
}

/// What `tokenizer_config.json` decides, if it does.
fn stated(config: &Map<String, Value>) -> Option<bool> {
    let key = config.get("add_bos_token");
    let Some(class) = config.get("tokenizer_class").and_then(Value::as_str) else {
        // The class is that of the model then, which for a Llama reads the key.
        return key?.as_bool();
    };
    if !BY_KEY.contains(&class.strip_suffix("Fast").unwrap_or(class)) {
        return None;
    }
    match key {
        Some(key) => key.as_bool(),
        // Version 5 writes its `backend` and no key, because it goes by the template.
        None => (!config.contains_key("backend")).then_some(true),
    }
}

/// The token that a post-processor puts before a text.
fn first(post_processor: &Value) -> Option<&str> {
    match post_processor.get("type")?.as_str()? {
        "TemplateProcessing" => {
            let piece = post_processor.pointer("/single/0/SpecialToken/id")?;
            let name = piece.as_str()?;
            // The piece's name is usually the token itself.
            let token = post_processor["special_tokens"][name]["tokens"][0].as_str();
            Some(token.unwrap_or(name))
        }
        "BertProcessing" | "RobertaProcessing" => post_processor.pointer("/cls/0")?.as_str(),
        // Each puts its token before what the one before it made.
        "Sequence" => {
            let processors = post_processor.get("processors")?.as_array()?;
            processors.iter().rev().find_map(first)
        }
        _ => None,
    }
}
