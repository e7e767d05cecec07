//! The one place where text becomes HTML: whatever is not written in this program's source is escaped.
//!
//! [`Markup`] can be filled only by elements with closures inside (so that tags always balance),
//! by attributes and text (escaped), and by [`Markup::literal`], which takes `&'static str` and
//! therefore nothing that was read or computed.

use crate::text::visible;
use std::fmt::{Display, Write};

/// Attributes of an element: names come from the source, values are escaped.
pub(crate) type Attributes<'a> = &'a [(&'static str, &'a dyn Display)];

/// HTML or SVG under construction.
#[derive(Default)]
pub(crate) struct Markup {
    out: String,
}

impl Markup {
    /// Markup written in this program's source, as it is.
    pub(crate) fn literal(&mut self, markup: &'static str) {
        self.out.push_str(markup);
    }

    /// Text from anywhere, escaped.
    pub(crate) fn text(&mut self, text: &str) {
        escape(&visible(text), &mut self.out);
    }

    /// `<name …>inside</name>`.
    pub(crate) fn element(
        &mut self,
        name: &'static str,
        attributes: Attributes<'_>,
        inside: impl FnOnce(&mut Markup),
    ) {
        self.tag(name, attributes, ">");
        inside(self);
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
    }

    /// `<name …>text</name>`.
    pub(crate) fn leaf(&mut self, name: &'static str, attributes: Attributes<'_>, text: &str) {
        self.element(name, attributes, |m| m.text(text));
    }

    /// An SVG element without content, `<name …/>`.
    pub(crate) fn shape(&mut self, name: &'static str, attributes: Attributes<'_>) {
        self.tag(name, attributes, "/>");
    }

    /// Markup made elsewhere in the same way.
    pub(crate) fn append(&mut self, other: Markup) {
        self.out.push_str(&other.out);
    }

    fn tag(&mut self, name: &'static str, attributes: Attributes<'_>, end: &'static str) {
        self.out.push('<');
        self.out.push_str(name);
        for (attribute, value) in attributes {
            self.out.push(' ');
            self.out.push_str(attribute);
            self.out.push_str("=\"");
            escape(&visible(&value.to_string()), &mut self.out);
            self.out.push('"');
        }
        self.out.push_str(end);
    }

    /// Everything that was written.
    pub(crate) fn finish(self) -> String {
        self.out
    }
}

fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
}

/// A coordinate: one decimal is finer than any screen.
pub(crate) struct Px(pub(crate) f64);

impl Display for Px {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let tenths = (self.0 * 10.0).round() as i64;
        let (sign, size) = (if tenths < 0 { "-" } else { "" }, tenths.unsigned_abs());
        match size % 10 {
            0 => write!(f, "{sign}{}", size / 10),
            rest => write!(f, "{sign}{}.{rest}", size / 10),
        }
    }
}

/// The `d` of a path through pixels; `None` lifts the pen.
pub(crate) fn path(points: impl IntoIterator<Item = Option<(f64, f64)>>) -> String {
    let mut d = String::new();
    let mut down = false;
    for point in points {
        if let Some((x, y)) = point {
            let pen = if down { 'L' } else { 'M' };
            // Writing to a String cannot fail.
            let _ = write!(d, "{pen}{} {}", Px(x), Px(y));
        }
        down = point.is_some();
    }
    d
}
