//! A key figure: one number large enough to be read first.

use crate::markup::Markup;

/// A tile: label, value, unit and perhaps a note.
#[derive(Clone, Debug)]
pub struct Figure {
    pub(crate) label: String,
    pub(crate) value: String,
    pub(crate) unit: String,
    pub(crate) note: Option<String>,
}

impl Figure {
    /// `value` is already written as it is to be read; see [`quantity`](crate::quantity).
    pub fn new(
        label: impl Into<String>,
        value: impl Into<String>,
        unit: impl Into<String>,
    ) -> Self {
        Figure {
            label: label.into(),
            value: value.into(),
            unit: unit.into(),
            note: None,
        }
    }
    /// A line under the value.
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }
}

pub(crate) fn write(figures: &[Figure], m: &mut Markup) {
    m.element("dl", &[("class", &"figures")], |m| {
        for figure in figures {
            m.element("div", &[], |m| {
                m.leaf("dt", &[], &figure.label);
                m.element("dd", &[], |m| {
                    m.leaf("b", &[], &figure.value);
                    if !figure.unit.is_empty() {
                        m.literal(" ");
                        m.leaf("span", &[], &figure.unit);
                    }
                });
                if let Some(note) = &figure.note {
                    m.leaf("dd", &[("class", &"note")], note);
                }
            });
        }
    });
}
