//! How far a server's model reads: prompts that are longer are cut at their left, before they are sent.
//!
//! As lm-evaluation-harness does it with a server: text is cut into tokens here, of prompt and option the
//! last `context` − 1 tokens are sent (one place stays for the token that some servers insist on writing),
//! of a prompt that is gone on with as many fewer as the answer may have. What is to be judged goes out as
//! token ids, whether it was cut or not, so that it is known which of them are the option's; so does a prompt
//! that is gone on with and was cut, and one that fits goes out as text. What was left out is said in the
//! answer's note. No answer is asked for that is longer than what the prompt leaves of the context, as servers
//! decline that too.

use anyhow::{Result, ensure};
use generate::{Sequence, encode_pair};
use tokenizer::Tokenizer;

/// A server's tokenizer, and how many tokens its model reads at once.
pub(crate) struct Reach {
    tokenizer: Tokenizer,
    context: usize,
}

/// A prompt in tokens, or what is left of it.
pub(super) struct Cut {
    pub(super) ids: Vec<u32>,
    /// Where the option begins, at least 1; the length where there is none.
    pub(super) start: usize,
    left_out: usize,
}

impl Reach {
    pub(crate) fn new(tokenizer: Tokenizer, context: usize) -> Self {
        Reach { tokenizer, context }
    }

    /// What makes answers others than without it.
    pub(super) fn identity(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for (name, bytes) in self.tokenizer.files() {
            hasher.update(name.as_bytes());
            hasher.update(&bytes);
        }
        let hash = hasher.finalize().to_hex();
        format!(
            ", prompts cut to {} tokens by the tokenizer {}",
            self.context,
            &hash[..16]
        )
    }

    /// Context and option, cut where both together do not fit.
    ///
    /// # Errors
    /// An option that does not fit by itself, or is empty.
    pub(super) fn pair(&self, context: &str, option: &str) -> Result<Cut> {
        let Sequence { mut ids, start } = encode_pair(&self.tokenizer, context, option)?;
        let room = self.context - 1;
        let left_out = ids.len().saturating_sub(room);
        ensure!(
            left_out < start,
            "an option has {} tokens, and the server's model reads {} at once",
            ids.len() - start,
            self.context
        );
        ids.drain(..left_out);
        Ok(Cut {
            ids,
            start: start - left_out,
            left_out,
        })
    }

    /// A whole text, after the token that its first one is predicted from; it is never cut.
    ///
    /// # Errors
    /// An empty text, or a tokenizer that has no such token.
    pub(super) fn whole(&self, text: &str) -> Result<Cut> {
        let Sequence { ids, start } = encode_pair(&self.tokenizer, "", text)?;
        Ok(Cut {
            ids,
            start,
            left_out: 0,
        })
    }

    /// A prompt, where it leaves no room for an answer of `limit` tokens; and how many an answer may have.
    pub(super) fn prompt(&self, prompt: &str, limit: usize) -> (Option<Cut>, usize) {
        let mut ids: Vec<u32> = match self.tokenizer.begins_texts() {
            true => self.tokenizer.bos().into_iter().collect(),
            false => vec![],
        };
        ids.extend(self.tokenizer.encode(prompt));
        let room = self.context - 1;
        let room = match limit < room {
            true => room - limit,
            // An answer alone would fill it: half of it is for the prompt.
            false => room.div_ceil(2),
        };
        let left_out = ids.len().saturating_sub(room);
        ids.drain(..left_out);
        // A prompt that is whole may leave less than the limit too.
        let limit = limit.min(self.context - ids.len());
        let cut = (left_out > 0).then_some(Cut {
            start: ids.len(),
            ids,
            left_out,
        });
        (cut, limit)
    }
}

impl Cut {
    /// What a reader is told of it; nothing where it is whole.
    pub(super) fn note(&self) -> String {
        match self.left_out {
            0 => String::new(),
            tokens => format!(
                "the prompt is longer than the model's context, and its first {tokens} tokens were left out"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(context: usize) -> Reach {
        let settings = tokenizer::TrainSettings {
            vocabulary: 280,
            ..Default::default()
        };
        let trained = tokenizer::train(["가나다 라마바"], &settings).unwrap();
        Reach::new(trained.tokenizer, context)
    }

    #[test]
    fn the_end_of_a_prompt_stays_with_its_option() {
        let reach = reach(9);
        let whole = reach.pair("abc", " de").unwrap();
        assert_eq!((whole.start, whole.left_out), (4, 0));
        assert_eq!(whole.ids[1..], reach.tokenizer.encode("abc de"));
        assert!(whole.note().is_empty());
        let cut = reach.pair("abcdefghij", "kl").unwrap();
        assert_eq!(cut.ids, reach.tokenizer.encode("efghijkl"));
        // The token that begins every text goes first.
        assert_eq!((cut.start, cut.left_out), (6, 5));
        assert!(cut.note().contains("first 5 tokens"));
        // A token must be left that the option's first one is predicted from.
        assert_eq!(reach.pair("abc", "0123456").unwrap().start, 1);
        assert!(reach.pair("abc", "01234567").is_err());
    }

    #[test]
    fn a_whole_text_follows_the_token_that_begins_texts() {
        let reach = reach(9);
        let whole = reach.whole("abcdefghijkl").unwrap();
        let begin = reach.tokenizer.bos().unwrap();
        let wanted = [vec![begin], reach.tokenizer.encode("abcdefghijkl")].concat();
        assert_eq!((whole.ids, whole.start), (wanted, 1));
        assert!(reach.whole("").is_err());
    }

    #[test]
    fn a_prompt_leaves_room_for_its_answer() {
        let reach = reach(9);
        let (whole, limit) = reach.prompt("abcd", 3);
        assert!(whole.is_none());
        assert_eq!(limit, 3);
        let (cut, limit) = reach.prompt("abcdef", 3);
        assert_eq!(cut.unwrap().ids, reach.tokenizer.encode("bcdef"));
        assert_eq!(limit, 3);
        // A limit beyond the context leaves half of it.
        let (cut, limit) = reach.prompt("abcdefgh", 100);
        assert_eq!((cut.unwrap().ids.len(), limit), (4, 5));
        // Where the prompt is shorter than that, the answer may have the rest.
        let begin = usize::from(reach.tokenizer.begins_texts());
        let (whole, limit) = reach.prompt("ab", 100);
        assert!(whole.is_none());
        assert_eq!(limit, 9 - 2 - begin);
    }
}
