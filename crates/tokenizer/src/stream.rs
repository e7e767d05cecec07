//! Tokens to text as they come, whole characters only.
//!
//! A token of byte-level BPE may end in the middle of a Hangul syllable or an emoji. What is
//! pushed comes out as soon as its characters are complete; bytes that can never become a
//! character come out as U+FFFD, exactly as [`String::from_utf8_lossy`] over everything would
//! write them. Whole characters means code points: an emoji of several joined ones arrives in
//! as many pieces.

/// Holds back at most three bytes: the beginning of a character whose end has not come yet.
#[derive(Clone, Debug, Default)]
pub struct Utf8Stream {
    pending: Vec<u8>,
}

impl Utf8Stream {
    /// An empty stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the bytes of the next token and gives what can be shown now, often nothing.
    pub fn push(&mut self, bytes: &[u8]) -> String {
        self.pending.extend_from_slice(bytes);
        let mut text = String::new();
        let mut rest = self.pending.as_slice();
        loop {
            match std::str::from_utf8(rest) {
                Ok(whole) => {
                    text.push_str(whole);
                    rest = &[];
                    break;
                }
                Err(error) => {
                    let (whole, after) = rest.split_at(error.valid_up_to());
                    text.push_str(std::str::from_utf8(whole).expect("checked up to here"));
                    rest = after;
                    match error.error_len() {
                        None => break, // a character may still be completed
                        Some(broken) => {
                            text.push(char::REPLACEMENT_CHARACTER);
                            rest = &rest[broken..];
                        }
                    }
                }
            }
        }
        let kept = rest.len();
        self.pending.drain(..self.pending.len() - kept);
        text
    }

    /// Ends the stream: the beginning of a character that was never completed is one U+FFFD.
    pub fn finish(&mut self) -> String {
        let text = String::from_utf8_lossy(&self.pending).into_owned();
        self.pending.clear();
        text
    }
}

#[cfg(test)]
mod tests;
