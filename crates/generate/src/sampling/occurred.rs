//! Which tokens a text has so far, and what penalties make of it.

use super::Sampling;
use std::collections::{HashMap, HashSet};

/// The tokens of a sequence so far: which, and how often those that were written.
#[derive(Clone, Debug, Default)]
pub struct Occurred {
    /// In prompt or text, each once, in the order of their first occurrence.
    once: Vec<u32>,
    known: HashSet<u32>,
    /// How often in the text.
    written: HashMap<u32, u32>,
}

impl Occurred {
    /// What a prompt leaves.
    pub fn prompt(ids: &[u32]) -> Self {
        let mut occurred = Occurred::default();
        ids.iter().for_each(|id| occurred.meet(*id));
        occurred
    }

    /// A token was written.
    pub fn write(&mut self, id: u32) {
        self.meet(id);
        *self.written.entry(id).or_default() += 1;
    }

    fn meet(&mut self, id: u32) {
        if self.known.insert(id) {
            self.once.push(id);
        }
    }

    /// A token's logit depends on that token's occurrences alone, so their order is of no matter.
    pub(super) fn penalise(&self, logits: &mut [f32], sampling: &Sampling) {
        let repetition = sampling.repetition_penalty;
        if repetition != 1.0 {
            for id in &self.once {
                if let Some(logit) = logits.get_mut(*id as usize) {
                    *logit = match *logit > 0.0 {
                        true => *logit / repetition,
                        false => *logit * repetition,
                    };
                }
            }
        }
        if sampling.presence_penalty == 0.0 && sampling.frequency_penalty == 0.0 {
            return;
        }
        for (id, times) in &self.written {
            if let Some(logit) = logits.get_mut(*id as usize) {
                *logit -= sampling.presence_penalty + sampling.frequency_penalty * *times as f32;
            }
        }
    }
}
