//! What every chart has around it: a caption, a legend, two sizes, a note on what is missing.
//!
//! An SVG that shrinks takes its text with it, so each chart is drawn twice, for a page and for a
//! phone, and the style sheet shows the one that fits. Colours are classes (`c0` … `c7`); their
//! values, light, dark and printed, live in the style sheet alone.

use crate::markup::{Markup, Px};
use crate::page::Language;

/// Room for one drawing, in pixels.
#[derive(Clone, Copy)]
pub(crate) struct Frame {
    pub(crate) class: &'static str,
    pub(crate) width: f64,
    pub(crate) height: f64,
    pub(crate) font: f64,
}

const WIDE: Frame = Frame {
    class: "wide",
    width: 736.0,
    height: 320.0,
    font: 12.0,
};
const NARROW: Frame = Frame {
    class: "narrow",
    width: 344.0,
    height: 270.0,
    font: 11.0,
};

/// An entry of a legend.
pub(crate) struct Entry {
    pub(crate) class: String,
    pub(crate) name: String,
    pub(crate) value: String,
}

/// The class that carries colour number `index`; after eight, colours come again.
pub(crate) fn colour(index: usize) -> String {
    format!("c{}", index % 8)
}

/// A figure with both drawings; `draw` says the height it takes in a frame and draws into it.
pub(crate) fn figure(
    m: &mut Markup,
    (title, note): (&str, Option<&str>),
    legend: &[Entry],
    (hidden, language): (usize, Language),
    draw: impl Fn(Frame, &mut Markup) -> f64,
) {
    m.element("figure", &[("class", &"chart")], |m| {
        m.leaf("figcaption", &[], title);
        if !legend.is_empty() {
            m.element("ul", &[("class", &"legend")], |m| {
                for entry in legend {
                    m.element("li", &[("class", &entry.class)], |m| {
                        m.literal("<i></i>");
                        m.text(&entry.name);
                        if !entry.value.is_empty() {
                            m.literal(" ");
                            m.leaf("b", &[], &entry.value);
                        }
                    });
                }
            });
        }
        for frame in [WIDE, NARROW] {
            let mut inside = Markup::default();
            let height = draw(frame, &mut inside);
            let view = format!("0 0 {} {}", Px(frame.width), Px(height));
            m.element(
                "svg",
                &[
                    ("class", &frame.class),
                    ("viewBox", &view),
                    ("role", &"img"),
                    ("aria-label", &title),
                    ("font-size", &frame.font),
                ],
                |m| m.append(inside),
            );
        }
        if note.is_some() || hidden > 0 {
            m.element("p", &[("class", &"note")], |m| {
                m.text(note.unwrap_or_default());
                if hidden > 0 {
                    m.literal(" ");
                    m.text(&language.hidden(hidden));
                }
            });
        }
    });
}

/// Text at a place; `anchor` is `start`, `middle` or `end`.
pub(crate) fn label(
    m: &mut Markup,
    class: &'static str,
    anchor: &'static str,
    (x, y): (f64, f64),
    text: &str,
) {
    let place: [(&'static str, &dyn std::fmt::Display); 4] = [
        ("class", &class),
        ("text-anchor", &anchor),
        ("x", &Px(x)),
        ("y", &Px(y)),
    ];
    m.leaf("text", &place, text);
}

/// A straight line.
pub(crate) fn line(m: &mut Markup, class: &'static str, from: (f64, f64), to: (f64, f64)) {
    m.shape(
        "line",
        &[
            ("class", &class),
            ("x1", &Px(from.0)),
            ("y1", &Px(from.1)),
            ("x2", &Px(to.0)),
            ("y2", &Px(to.1)),
        ],
    );
}

/// A rectangle; a width below zero is none.
pub(crate) fn rectangle(
    m: &mut Markup,
    class: &str,
    (x, y): (f64, f64),
    (width, height): (f64, f64),
    title: &str,
) {
    m.element(
        "rect",
        &[
            ("class", &class),
            ("x", &Px(x)),
            ("y", &Px(y)),
            ("width", &Px(width.max(0.0))),
            ("height", &Px(height)),
        ],
        |m| m.leaf("title", &[], title),
    );
}
