//! JSON lines: every line an object with a text, an id and whatever else.

use std::io::BufRead;

use anyhow::Result;
use serde_json::Value;

use super::lines::{Event, Lines, utf8};
use super::{Raw, ReadSettings, Records, from_object, kind};
use crate::{BadLine, Reason};

pub(super) struct JsonLines {
    file: String,
    lines: Lines,
    buffer: Vec<u8>,
    settings: ReadSettings,
}

impl JsonLines {
    pub(super) fn new(file: &str, input: Box<dyn BufRead + Send>, settings: &ReadSettings) -> Self {
        Self {
            file: file.to_owned(),
            lines: Lines::new(input, b'\n', settings.longest),
            buffer: Vec::new(),
            settings: settings.clone(),
        }
    }
}

impl Records for JsonLines {
    fn next(&mut self) -> Result<Option<Result<Raw, BadLine>>> {
        loop {
            let event = self.lines.next(&mut self.buffer)?;
            let line = self.lines.number;
            let verdict = match event {
                Event::End => return Ok(None),
                Event::Line if self.buffer.trim_ascii().is_empty() => continue,
                Event::Line => parse(&self.buffer, &self.settings, line, self.lines.offset),
                Event::TooLong(bytes) => {
                    let longest = self.settings.longest;
                    Err((
                        Reason::TooLong,
                        format!("{bytes} bytes, and at most {longest} are read"),
                    ))
                }
                Event::Damaged(reason, detail) => Err((reason, detail)),
            };
            return Ok(Some(verdict.map_err(|(reason, detail)| {
                BadLine::new(&self.file, line, reason, detail, &self.buffer)
            })));
        }
    }
}

fn parse(
    bytes: &[u8],
    settings: &ReadSettings,
    line: u64,
    offset: u64,
) -> Result<Raw, (Reason, String)> {
    let text = utf8(bytes, offset).map_err(|detail| (Reason::InvalidUtf8, detail))?;
    match serde_json::from_str(text) {
        Ok(Value::Object(object)) => from_object(object, settings, line),
        Ok(other) => Err((Reason::NotAnObject, format!("the line is {}", kind(&other)))),
        Err(error) => Err((Reason::BrokenJson, error.to_string())),
    }
}
