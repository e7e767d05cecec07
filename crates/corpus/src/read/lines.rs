//! Lines of bytes out of any input, with a cap on their length, their number and their offset.

use std::io::{BufRead, ErrorKind, Result};

use crate::Reason;

/// What came next; the bytes are in the buffer that was handed in.
pub(super) enum Event {
    /// A line, without its delimiter.
    Line,
    /// A line of so many bytes, more than allowed; the buffer holds its beginning.
    TooLong(u64),
    /// The input is damaged from here on; the buffer holds what there was of the line.
    Damaged(Reason, String),
    /// There is nothing more.
    End,
}

pub(super) struct Lines {
    input: Box<dyn BufRead + Send>,
    delimiter: u8,
    longest: u64,
    /// The number of the line that was given last, from 1.
    pub(super) number: u64,
    /// Where that line begins in the (decompressed) input.
    pub(super) offset: u64,
    next_offset: u64,
    /// Whether that line ended in the delimiter, and not with the file.
    pub(super) delimited: bool,
    ended: bool,
}

impl Lines {
    pub(super) fn new(input: Box<dyn BufRead + Send>, delimiter: u8, longest: u64) -> Self {
        Self {
            input,
            delimiter,
            longest,
            number: 0,
            offset: 0,
            next_offset: 0,
            delimited: false,
            ended: false,
        }
    }

    /// Puts the next line into the buffer, in place of what was there. Errors are the disk's.
    pub(super) fn next(&mut self, buffer: &mut Vec<u8>) -> Result<Event> {
        buffer.clear();
        if self.ended {
            return Ok(Event::End);
        }
        self.number += 1;
        self.offset = self.next_offset;
        let mut length = 0u64;
        loop {
            let chunk = match self.input.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                // What the operating system reports is the disk's fault; what a decoder makes up
                // itself is the data's.
                Err(error) if error.raw_os_error().is_some() => return Err(error),
                Err(error) => {
                    self.ended = true;
                    let reason = match error.kind() {
                        ErrorKind::UnexpectedEof => Reason::TruncatedFile,
                        _ => Reason::CorruptFile,
                    };
                    let detail = format!("{error} after {} bytes", self.next_offset);
                    return Ok(Event::Damaged(reason, detail));
                }
            };
            let (found, used) = match chunk.iter().position(|byte| *byte == self.delimiter) {
                Some(at) => (true, at + 1),
                None => (false, chunk.len()),
            };
            let content = &chunk[..used - usize::from(found)];
            if self.number == 1 && self.next_offset == 0 && content.starts_with(b"\xEF\xBB\xBF") {
                buffer.extend_from_slice(&content[3..]); // a byte order mark is not text
            } else if length < self.longest {
                let room = (self.longest - length).min(content.len() as u64) as usize;
                buffer.extend_from_slice(&content[..room]);
            }
            length += content.len() as u64;
            self.next_offset += used as u64;
            let at_end = used == 0;
            self.input.consume(used);
            if found || at_end {
                self.delimited = found;
                self.ended = at_end;
                return Ok(if at_end && length == 0 {
                    Event::End
                } else if length > self.longest {
                    Event::TooLong(length)
                } else {
                    Event::Line
                });
            }
        }
    }
}

/// Where the bytes stop being UTF-8, said for a reader of the file.
pub(super) fn utf8(bytes: &[u8], offset: u64) -> std::result::Result<&str, String> {
    std::str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to();
        let wrong: Vec<String> = bytes[at..]
            .iter()
            .take(3)
            .map(|byte| format!("{byte:02X}"))
            .collect();
        format!(
            "not UTF-8 at byte {at} of the record (byte {} of the file): {}",
            offset + at as u64,
            wrong.join(" ")
        )
    })
}
