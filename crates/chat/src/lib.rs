//! Conversations as a model reads and writes them: messages, templates that make one text of them, and tool calls.
//!
//! [`Message`] and [`Tool`] are those of the OpenAI interface; [`Template`] renders them as
//! `transformers` does, byte for byte; [`tools`] holds how a model calls a function: the grammar
//! that lets it write nothing else, and the parser that reads it while it is still being written.
//!
//! Deliberately absent: token ids (a template makes text, the tokenizer is the caller's), pictures
//! and sound, a clock (the caller lends one), HTTP.

mod message;
mod template;
pub mod tools;

pub use message::{Function, Message, Role, Tool, ToolCall};
pub use template::{Clock, TOOL_USE, Template};
