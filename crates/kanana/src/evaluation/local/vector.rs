//! Where a text lies: the mean of the decoder's last hidden states over its tokens, of length one.
//!
//! Deliberately absent: a projection, a prefix for questions: a decoder that was not trained to embed
//! has neither.

use super::{Local, Placed};
use anyhow::Result;
use evals::{Answer, Reply, Request};
use model::PagedCache;
use tensor::{Cpu, Forward as _, POSITIONS, Stretch};

/// Rows that go through the decoder at once.
const ROWS: usize = 512;

impl Local {
    pub(super) fn vectors(
        &self,
        asked: &Placed<'_>,
        deliver: &mut dyn FnMut(usize, Reply) -> Result<()>,
    ) -> Result<()> {
        if asked.is_empty() {
            return Ok(());
        }
        let pages = self.decoder.shape.context.div_ceil(POSITIONS);
        let mut cache = PagedCache::new(&self.decoder, pages, ROWS);
        for (at, put) in asked {
            self.check_stopped()?;
            let Request::Embed { text, .. } = put.request else {
                unreachable!("asked for vectors only");
            };
            deliver(*at, self.vector(text, &mut cache))?;
        }
        Ok(())
    }

    fn vector(&self, text: &str, cache: &mut PagedCache<Cpu>) -> Reply {
        let (context, width) = (self.decoder.shape.context, self.decoder.shape.width);
        let begin = self
            .tokenizer
            .bos()
            .filter(|_| self.tokenizer.begins_texts());
        let mut ids: Vec<u32> = begin.into_iter().collect();
        ids.extend(self.tokenizer.encode(text));
        let left_out = ids.len().saturating_sub(context);
        ids.truncate(context);
        if ids.is_empty() {
            return Answer::Failed("an empty text lies nowhere".to_owned()).into();
        }
        let pages: Vec<u32> = (0..context.div_ceil(POSITIONS) as u32).collect();
        let mut sum = vec![0.0_f64; width];
        for (number, chunk) in ids.chunks(ROWS).enumerate() {
            let past = number * ROWS;
            let stretch = Stretch {
                rows: chunk.len(),
                past,
                pages: &pages[..(past + chunk.len()).div_ceil(POSITIONS)],
            };
            let hidden = self.decoder.step(chunk, &[stretch], cache);
            let hidden = self.decoder.device.read(hidden, chunk.len() * width);
            for row in hidden.chunks(width) {
                for (sum, value) in sum.iter_mut().zip(row) {
                    *sum += f64::from(*value);
                }
            }
        }
        let length = sum.iter().map(|value| value * value).sum::<f64>().sqrt();
        if !(length.is_finite() && length > 0.0) {
            return Answer::Failed("the decoder gave no usable numbers for this text".to_owned())
                .into();
        }
        let unit = sum.iter().map(|value| (value / length) as f32);
        Reply {
            note: match left_out {
                0 => String::new(),
                tokens => format!("the last {tokens} tokens did not fit the model's context"),
            },
            ..Reply::from(Answer::Vector(unit.collect()))
        }
    }
}
