//! A piece of text that a model wrote: what it was given, told apart from what it added.

use crate::markup::Markup;

/// Prompt and continuation.
#[derive(Clone, Debug)]
pub struct Sample {
    pub(crate) label: String,
    pub(crate) prompt: String,
    pub(crate) continuation: String,
    pub(crate) note: Option<String>,
    pub(crate) monospace: bool,
}

impl Sample {
    /// `label` says where it comes from; `continuation` is exactly what was generated.
    pub fn new(
        label: impl Into<String>,
        prompt: impl Into<String>,
        continuation: impl Into<String>,
    ) -> Self {
        Sample {
            label: label.into(),
            prompt: prompt.into(),
            continuation: continuation.into(),
            note: None,
            monospace: false,
        }
    }
    /// A line under the text (temperature, why it stopped).
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }
    /// In a fixed-width font: code, tables.
    pub fn monospace(mut self) -> Self {
        self.monospace = true;
        self
    }
}

pub(crate) fn write(samples: &[Sample], m: &mut Markup) {
    m.element("div", &[("class", &"samples")], |m| {
        for sample in samples {
            m.element("figure", &[("class", &"sample")], |m| {
                m.leaf("figcaption", &[], &sample.label);
                let class = if sample.monospace { "mono" } else { "prose" };
                m.element("blockquote", &[("class", &class), ("dir", &"auto")], |m| {
                    if !sample.prompt.is_empty() {
                        m.leaf("span", &[("class", &"prompt")], &sample.prompt);
                    }
                    m.leaf("span", &[("class", &"continuation")], &sample.continuation);
                });
                if let Some(note) = &sample.note {
                    m.leaf("p", &[("class", &"note")], note);
                }
            });
        }
    });
}
