//! HTTP: the chat page at `/`.

pub mod page;
