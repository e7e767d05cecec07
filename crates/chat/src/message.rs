//! Messages, tools and tool calls in the shape of the OpenAI interface.
//!
//! Read leniently where clients differ and strictly where meaning would be lost: `content` may be a
//! string, null or an array of text parts (joined by line breaks); a picture is refused by name.
//! Fields that are not known here stay with the message and reach the template, as they do in
//! `transformers`: some templates read `reasoning_content` and the like.

use anyhow::{Result, bail, ensure};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Whoever runs the model.
    System,
    /// The newer word for `system`.
    Developer,
    /// Who asks.
    User,
    /// The model.
    Assistant,
    /// What a tool answered.
    Tool,
    /// What a tool answered, in the words of Llama 3's format.
    Ipython,
}

impl Role {
    const ALL: [Role; 6] = [
        Role::System,
        Role::Developer,
        Role::User,
        Role::Assistant,
        Role::Tool,
        Role::Ipython,
    ];

    /// The word of the interface.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::System => "system",
            Role::Developer => "developer",
            Role::User => "user",
            Role::Assistant => "assistant",
            Role::Tool => "tool",
            Role::Ipython => "ipython",
        }
    }
}

/// One turn of a conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Map<String, Value>", into = "Map<String, Value>")]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said; an assistant that only calls tools says nothing.
    pub content: Option<String>,
    /// What an assistant wants called.
    pub tool_calls: Vec<ToolCall>,
    /// Which call a tool's answer belongs to.
    pub tool_call_id: Option<String>,
    /// Who of several speaks, or which tool answers.
    pub name: Option<String>,
    /// Fields that only the template may understand.
    pub rest: Map<String, Value>,
}

/// A function to be called, as an assistant asks for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    /// What the answer is to name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// Always `function`.
    #[serde(rename = "type", default = "function")]
    pub kind: String,
    /// Which function, with what.
    pub function: Function,
}

/// The name and the arguments of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Function {
    /// The name of the function.
    pub name: String,
    /// A JSON object as text, as the interface has it; an object in its own right is read too.
    #[serde(deserialize_with = "text_or_object")]
    pub arguments: String,
}

/// A function that may be called.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Map<String, Value>", into = "Map<String, Value>")]
pub struct Tool {
    /// Its name: letters, digits, `_`, `-` and `.`, at most 64.
    pub name: String,
    /// What it does.
    pub description: Option<String>,
    /// JSON schema of its arguments; without one it takes any object.
    pub parameters: Option<Value>,
    /// Whether the schema is a promise: parts of it that cannot be kept are then an error.
    pub strict: bool,
    /// All of it as it was given, for the template.
    pub json: Map<String, Value>,
}

fn function() -> String {
    "function".to_owned()
}

fn text_or_object<'de, D: serde::Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    match Value::deserialize(from)? {
        Value::String(text) => Ok(text),
        object @ Value::Object(_) => Ok(object.to_string()),
        other => Err(serde::de::Error::custom(format!(
            "arguments are {}; wanted JSON as a string",
            kind(&other)
        ))),
    }
}

impl Message {
    /// A message of words alone.
    pub fn new(role: Role, content: impl Into<String>) -> Self {
        Message {
            role,
            content: Some(content.into()),
            tool_calls: Vec::new(),
            tool_call_id: None,
            name: None,
            rest: Map::new(),
        }
    }

    /// What a system says.
    pub fn system(content: impl Into<String>) -> Self {
        Message::new(Role::System, content)
    }

    /// What a user says.
    pub fn user(content: impl Into<String>) -> Self {
        Message::new(Role::User, content)
    }

    /// What a model says.
    pub fn assistant(content: impl Into<String>) -> Self {
        Message::new(Role::Assistant, content)
    }

    fn read(mut fields: Map<String, Value>) -> Result<Self> {
        let role = match fields.remove("role") {
            Some(Value::String(word)) => role(&word)?,
            Some(other) => bail!("role is {}; wanted a string", kind(&other)),
            None => bail!("a message has no role; wanted one of {}", roles()),
        };
        let content = match fields.remove("content") {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text),
            Some(Value::Array(parts)) => Some(text_of_parts(&parts)?),
            Some(other) => bail!(
                "content is {}; wanted a string, an array of text parts, or null",
                kind(&other)
            ),
        };
        let tool_calls = match fields.remove("tool_calls") {
            None | Some(Value::Null) => Vec::new(),
            Some(calls) => match serde_json::from_value(calls) {
                Ok(calls) => calls,
                Err(error) => bail!("tool_calls cannot be read: {error}"),
            },
        };
        ensure!(
            tool_calls.is_empty() || role == Role::Assistant,
            "a message of the role {} has tool_calls; only an assistant calls tools",
            role.as_str()
        );
        ensure!(
            content.is_some() || role == Role::Assistant,
            "a message of the role {} has no content; wanted a string",
            role.as_str()
        );
        let tool_call_id = text_field(&mut fields, "tool_call_id")?;
        let name = text_field(&mut fields, "name")?;
        // What clients send back unasked, and no template reads.
        fields.retain(|_, value| !value.is_null());
        Ok(Message {
            role,
            content,
            tool_calls,
            tool_call_id,
            name,
            rest: fields,
        })
    }
}

fn role(word: &str) -> Result<Role> {
    let found = Role::ALL.into_iter().find(|role| role.as_str() == word);
    match found {
        Some(role) => Ok(role),
        None => bail!("the role {word:?} is unknown; wanted one of {}", roles()),
    }
}

fn roles() -> String {
    Role::ALL.map(Role::as_str).join(", ")
}

fn text_field(fields: &mut Map<String, Value>, name: &str) -> Result<Option<String>> {
    match fields.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => bail!("{name} is {}; wanted a string", kind(&other)),
    }
}

fn text_of_parts(parts: &[Value]) -> Result<String> {
    let mut texts = Vec::with_capacity(parts.len());
    for part in parts {
        match (part.get("type").and_then(Value::as_str), part) {
            (_, Value::String(text)) => texts.push(text.as_str()),
            (Some("text" | "input_text" | "output_text"), _) => match part.get("text") {
                Some(Value::String(text)) => texts.push(text),
                _ => bail!("a text part of content has no string named text"),
            },
            (Some("refusal"), _) => texts.push(part["refusal"].as_str().unwrap_or_default()),
            (Some(other), _) => {
                bail!("content has a part of type {other:?}; this model reads text alone")
            }
            (None, _) => bail!("a part of content has no type; wanted \"text\""),
        }
    }
    Ok(texts.join("\n"))
}

/// What a value is, for a sentence.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

impl TryFrom<Map<String, Value>> for Message {
    type Error = String;
    fn try_from(fields: Map<String, Value>) -> Result<Self, String> {
        Message::read(fields).map_err(|error| error.to_string())
    }
}

impl From<Message> for Map<String, Value> {
    fn from(message: Message) -> Self {
        let mut fields = Map::new();
        fields.insert("role".to_owned(), json!(message.role));
        fields.insert("content".to_owned(), json!(message.content));
        if !message.tool_calls.is_empty() {
            fields.insert("tool_calls".to_owned(), json!(message.tool_calls));
        }
        if let Some(id) = message.tool_call_id {
            fields.insert("tool_call_id".to_owned(), Value::String(id));
        }
        if let Some(name) = message.name {
            fields.insert("name".to_owned(), Value::String(name));
        }
        fields.extend(message.rest);
        fields
    }
}

impl Tool {
    fn read(json: Map<String, Value>) -> Result<Self> {
        match json.get("type") {
            Some(Value::String(word)) if word == "function" => {}
            Some(other) => bail!("a tool has the type {other}; only \"function\" is known"),
            None => bail!("a tool has no type; wanted \"function\""),
        }
        let Some(Value::Object(function)) = json.get("function") else {
            bail!("a tool has no object named function");
        };
        let Some(Value::String(name)) = function.get("name") else {
            bail!("a function has no string named name");
        };
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        ensure!(
            (1..=64).contains(&name.len()) && name.chars().all(allowed),
            "a function is called {name:?}; names have 1 to 64 of a-z, A-Z, 0-9, _, - and ."
        );
        let description = match function.get("description") {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text.clone()),
            Some(other) => bail!("the description of {name} is {}", kind(other)),
        };
        let parameters = match function.get("parameters") {
            None | Some(Value::Null) => None,
            Some(schema @ (Value::Object(_) | Value::Bool(true))) => Some(schema.clone()),
            Some(other) => bail!(
                "the parameters of {name} are {}; wanted a JSON schema",
                kind(other)
            ),
        };
        Ok(Tool {
            name: name.clone(),
            description,
            parameters,
            strict: function.get("strict").and_then(Value::as_bool) == Some(true),
            json,
        })
    }
}

impl TryFrom<Map<String, Value>> for Tool {
    type Error = String;
    fn try_from(json: Map<String, Value>) -> Result<Self, String> {
        Tool::read(json).map_err(|error| error.to_string())
    }
}

impl From<Tool> for Map<String, Value> {
    fn from(tool: Tool) -> Self {
        tool.json
    }
}

#[cfg(test)]
mod tests;
