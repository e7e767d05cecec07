//! Plain text and Markdown: a file is a document, or its paragraphs or pages are.

use std::io::BufRead;

use anyhow::Result;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Map;

use super::lines::{Event, Lines, utf8};
use super::{Raw, ReadSettings, Records};
use crate::{BadLine, Reason};

/// How a text file becomes documents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TextSplit {
    /// The whole file is one document.
    #[default]
    Whole,
    /// Blank lines part documents.
    Paragraphs,
    /// Form feeds part documents, as in the output of `pdftotext`.
    Pages,
}

pub(super) struct Text {
    file: String,
    lines: Lines,
    line: Vec<u8>,
    split: TextSplit,
    longest: u64,
    normalise: bool,
    given: bool,
}

impl Text {
    pub(super) fn new(file: &str, input: Box<dyn BufRead + Send>, settings: &ReadSettings) -> Self {
        let delimiter = match settings.text_files {
            TextSplit::Pages => b'\x0c',
            TextSplit::Whole | TextSplit::Paragraphs => b'\n',
        };
        Self {
            file: file.to_owned(),
            lines: Lines::new(input, delimiter, settings.longest),
            line: Vec::new(),
            split: settings.text_files,
            longest: settings.longest,
            normalise: settings.normalise,
            given: false,
        }
    }
}

impl Records for Text {
    fn next(&mut self) -> Result<Option<Result<Raw, BadLine>>> {
        let mut text = Vec::new();
        let mut start = (0, 0); // number and offset of the first line
        let mut length = 0u64;
        let mut delimited = false;
        let mut damage = None;
        loop {
            let bytes = match self.lines.next(&mut self.line)? {
                Event::End => break,
                Event::Line => self.line.len() as u64,
                Event::TooLong(bytes) => bytes,
                Event::Damaged(reason, detail) => {
                    damage = Some((reason, detail));
                    self.line.len() as u64
                }
            };
            let blank = bytes == self.line.len() as u64 && self.line.trim_ascii().is_empty();
            if self.split != TextSplit::Whole && blank && text.is_empty() && damage.is_none() {
                continue; // nothing between two boundaries is no document
            }
            if start.0 == 0 {
                start = (self.lines.number, self.lines.offset);
            }
            if self.split == TextSplit::Paragraphs && blank && damage.is_none() {
                break;
            }
            // The delimiter between two lines belongs to the text.
            if delimited && length <= self.longest {
                text.push(b'\n');
            }
            delimited = self.lines.delimited;
            length += bytes + u64::from(delimited);
            if length <= self.longest {
                text.extend_from_slice(&self.line);
            }
            if self.split == TextSplit::Pages || damage.is_some() {
                break;
            }
        }
        if start.0 == 0 {
            // A file of nothing is one empty document; the end of a split file is just its end.
            if self.split == TextSplit::Whole && !self.given {
                self.given = true;
                let bad = BadLine::new(&self.file, 1, Reason::EmptyText, "the file is empty", b"");
                return Ok(Some(Err(bad)));
            }
            return Ok(None);
        }
        if self.split == TextSplit::Whole && delimited {
            text.push(b'\n');
        }
        if self.split == TextSplit::Paragraphs && delimited && self.normalise {
            // Half of the line end that is left out.
            text.pop_if(|byte| *byte == b'\r');
        }
        self.given = true;
        let (line, offset) = start;
        let refuse = |reason, detail: String| {
            Ok(Some(Err(BadLine::new(
                &self.file, line, reason, detail, &text,
            ))))
        };
        if let Some((reason, detail)) = damage {
            return refuse(reason, detail);
        }
        if length > self.longest {
            return refuse(
                Reason::TooLong,
                format!("{length} bytes, and at most {} are read", self.longest),
            );
        }
        match utf8(&text, offset) {
            Err(detail) => refuse(Reason::InvalidUtf8, detail),
            Ok(text) => Ok(Some(Ok(Raw {
                line,
                id: (self.split == TextSplit::Whole).then(|| self.file.clone()),
                text: text.to_owned(),
                metadata: Map::new(),
            }))),
        }
    }
}
