//! How wide text is, and how characters that would act instead of being seen are shown.
//!
//! Widths are in cells (Hangul and other wide characters take two). Fonts are never measured: a
//! page does not know its reader's fonts, so pictures leave room by a generous average.

use std::borrow::Cow;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Cells that a text takes in a terminal.
pub fn width(text: &str) -> usize {
    text.width()
}

/// Pixels that a text is likely to take in a sans-serif font of `size` pixels.
pub(crate) fn pixels(text: &str, size: f64) -> f64 {
    text.chars()
        .map(|c| match c.width().unwrap_or(0) {
            0 => 0.0,
            1 if "il.,:;|'!·".contains(c) => 0.32,
            1 if c.is_ascii_uppercase() || "%mw—…".contains(c) => 0.72,
            1 => 0.57,
            _ => 0.96,
        })
        .sum::<f64>()
        * size
}

/// Control characters and directional overrides as visible symbols; lines and tabs stay.
///
/// Generated text holds anything: an escape sequence must not drive the reader's terminal, a
/// right-to-left override must not turn the page around.
pub fn visible(text: &str) -> Cow<'_, str> {
    let acts = |c: char| {
        (c.is_control() && c != '\n' && c != '\t')
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
    };
    if !text.contains(acts) {
        return Cow::Borrowed(text);
    }
    let text = text.replace("\r\n", "\n");
    let shown = text.chars().map(|c| match c {
        c if !acts(c) => c,
        '\u{00}'..='\u{1f}' => char::from_u32(0x2400 + c as u32).unwrap_or('\u{fffd}'),
        '\u{7f}' => '\u{2421}',
        _ => '\u{fffd}',
    });
    Cow::Owned(shown.collect())
}

/// The text on one line, line breaks shown.
pub(crate) fn single_line(text: &str) -> String {
    visible(text).replace('\n', "⏎").replace('\t', " ")
}

/// The longest beginning that `fits`, with an ellipsis if something is missing.
fn shorten(text: &str, fits: impl Fn(&str) -> bool) -> String {
    if fits(text) {
        return text.to_owned();
    }
    let mut kept: Vec<char> = text.chars().collect();
    while kept.pop().is_some() {
        let mut shorter: String = kept.iter().collect();
        shorter.truncate(shorter.trim_end().len());
        shorter.push('…');
        if fits(&shorter) {
            return shorter;
        }
    }
    String::new()
}

/// At most `cells` wide.
pub(crate) fn fit(text: &str, cells: usize) -> String {
    shorten(text, |t| width(t) <= cells)
}

/// At most about `room` pixels wide.
pub(crate) fn fit_pixels(text: &str, size: f64, room: f64) -> String {
    shorten(text, |t| pixels(t, size) <= room)
}

/// Padded on the right to `cells`.
pub(crate) fn pad(text: &str, cells: usize) -> String {
    format!("{text}{}", " ".repeat(cells.saturating_sub(width(text))))
}

/// Padded on the left to `cells`.
pub(crate) fn pad_left(text: &str, cells: usize) -> String {
    format!("{}{text}", " ".repeat(cells.saturating_sub(width(text))))
}

/// Lines of at most `cells`, broken at spaces where there are any (Korean words are kept whole).
pub fn wrap(text: &str, cells: usize) -> Vec<String> {
    let cells = cells.max(2);
    let mut lines = Vec::new();
    for paragraph in text.split('\n') {
        let mut line = String::new();
        for word in paragraph.split_inclusive(' ') {
            if !line.is_empty() && width(&line) + width(word.trim_end()) > cells {
                lines.push(line.trim_end().to_owned());
                line.clear();
            }
            for c in word.chars() {
                if c != ' ' && width(&line) + c.width().unwrap_or(0) > cells {
                    lines.push(std::mem::take(&mut line));
                }
                line.push(c);
            }
        }
        lines.push(line.trim_end().to_owned());
    }
    lines
}
