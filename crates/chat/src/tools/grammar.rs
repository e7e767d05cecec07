//! The grammar of an answer that may call functions, in Lark as llguidance reads it.
//!
//! Whatever satisfies it is read by [`Parser`](super::Parser) without anything left over: both come
//! from the same description. Words run until a call begins; once one has begun, only the name of
//! a given function can follow, and only arguments that its schema accepts.

use super::{Choice, Format, written};
use crate::Tool;
use anyhow::{Result, bail, ensure};
use serde_json::{Map, Value, json};
use std::fmt::Write as _;

/// Lark text for answers with these tools. `several` allows more than one call.
///
/// # Errors
/// No tools, a choice of a function that is not among them, two of one name.
pub fn grammar(format: Format, tools: &[Tool], choice: Choice, several: bool) -> Result<String> {
    ensure!(!tools.is_empty(), "there is no tool to choose from");
    for (i, tool) in tools.iter().enumerate() {
        ensure!(
            tools[..i].iter().all(|other| other.name != tool.name),
            "two tools are called {:?}; their names have to differ",
            tool.name
        );
    }
    let chosen: Vec<&Tool> = match choice {
        Choice::Named(name) => tools.iter().filter(|tool| tool.name == name).collect(),
        _ => tools.iter().collect(),
    };
    if let (Choice::Named(name), []) = (choice, &chosen[..]) {
        bail!("tool_choice names the function {name:?}, which is not among the tools");
    }
    let trigger = format.trigger();
    let several = several && !format.alone && !matches!(choice, Choice::Named(_));
    let mut lark = String::from("%llguidance {}\n");
    let start = match (choice, format.alone, several) {
        (Choice::Auto, true, _) => "call | WORDS",
        (Choice::Auto, false, true) => "(lead rest)* WORDS?",
        (Choice::Auto, false, false) => "lead rest | WORDS?",
        (_, _, true) => "call+",
        (_, _, false) => "call",
    };
    let _ = writeln!(lark, "start: {start}");
    let regex = pattern(trigger);
    if choice == Choice::Auto {
        if format.alone {
            let begin: String = format.begin.chars().map(loose).collect();
            let _ = writeln!(lark, "WORDS: /(?s:.+)/ & ~/\\s*{begin}(?s:.*)/");
        } else {
            let _ = writeln!(lark, "lead[lazy]: /(?s:.*){regex}/");
            let _ = writeln!(lark, "WORDS: /(?s:.+)/ & ~/(?s:.*){regex}(?s:.*)/");
        }
    }
    if start.contains("call") {
        let _ = writeln!(lark, "call: {} rest", literal(trigger));
    }
    let after = written(&format.begin[trigger.len()..]);
    let names: Vec<String> = (0..chosen.len()).map(|i| format!("call_{i}")).collect();
    let _ = writeln!(lark, "rest: {}", names.join(" | "));
    for (i, tool) in chosen.into_iter().enumerate() {
        let begin = literal(&format!("{after}{}{}", tool.name, written(format.middle)));
        let end = literal(&written(format.end));
        let _ = writeln!(lark, "call_{i}: {begin} arguments_{i} {end}");
        let _ = writeln!(lark, "arguments_{i}: %json {}", arguments(tool));
    }
    Ok(lark)
}

/// The schema of a tool's arguments: an object, written as templates write JSON.
fn arguments(tool: &Tool) -> Value {
    let mut schema = match &tool.parameters {
        Some(Value::Object(schema)) => schema.clone(),
        _ => Map::new(),
    };
    schema.insert("type".to_owned(), json!("object"));
    let guidance = json!({
        "whitespace_flexible": false,
        "item_separator": ", ",
        "key_separator": ": ",
        // Half a surrogate pair is an escape that no reader accepts.
        "json_allowed_escapes": "nrbtf\\\"",
        "lenient": !tool.strict,
    });
    schema.insert("x-guidance".to_owned(), guidance);
    Value::Object(schema)
}

/// A string of Lark, whose escapes are those of JSON.
fn literal(text: &str) -> String {
    Value::String(text.to_owned()).to_string()
}

/// A regular expression for exactly this text.
fn pattern(text: &str) -> String {
    text.chars().map(exact).collect()
}

fn exact(c: char) -> String {
    match c {
        c if c.is_ascii_punctuation() && !matches!(c, '<' | '>' | '_' | '=' | '"') => {
            format!("\\{c}")
        }
        c => c.to_string(),
    }
}

/// The same for a character of a format, with white space where it may be.
fn loose(c: char) -> String {
    if c == '·' || c.is_whitespace() {
        return "\\s*".to_owned();
    }
    exact(c)
}
