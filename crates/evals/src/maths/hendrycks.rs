//! The normal form of lm-eval's `hendrycks_math`, with its ways of giving up.
//!
//! Where its Python raises (a `\frac` with nothing behind it, a unit told twice, `x/y` of no numbers),
//! the answers are compared as they stand; `None` says so here.

/// lm-eval's `is_equiv`.
pub(super) fn equal(answer: &str, wanted: &str) -> bool {
    match (stripped(answer), stripped(wanted)) {
        (Some(answer), Some(wanted)) => answer == wanted,
        _ => answer == wanted,
    }
}

/// lm-eval's `strip_string`.
pub(super) fn stripped(text: &str) -> Option<String> {
    let mut text = text.to_owned();
    for (from, to) in [
        ("\n", ""),
        ("\\!", ""),
        ("\\\\", "\\"),
        ("tfrac", "frac"),
        ("dfrac", "frac"),
        ("\\left", ""),
        ("\\right", ""),
        ("^{\\circ}", ""),
        ("^\\circ", ""),
        ("\\$", ""),
    ] {
        text = text.replace(from, to);
    }
    let mut units = text.split("\\text{ ");
    let number = units.next().unwrap_or_default();
    // a unit on the right goes; two of them are one too many
    let count = units.count();
    if count > 1 {
        return None;
    }
    let mut text = number
        .replace("\\%", "")
        .replace(" .", " 0.")
        .replace("{.", "{0.");
    if text.is_empty() {
        return Some(text);
    }
    if text.starts_with('.') {
        text.insert(0, '0');
    }
    let sides: Vec<&str> = text.split('=').collect();
    if sides.len() == 2 && sides[0].chars().count() <= 2 {
        text = sides[1].to_owned();
    }
    let text = fractions(&roots(&text)?.replace(' ', ""))?;
    let text = match text.as_str() {
        "0.5" => "\\frac{1}{2}".to_owned(),
        _ => text,
    };
    slashed(text)
}

/// `\sqrt3` as `\sqrt{3}`.
fn roots(text: &str) -> Option<String> {
    let mut parts = text.split("\\sqrt");
    let mut whole = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let first = part.chars().next()?;
        match first {
            '{' => whole.push_str(&format!("\\sqrt{part}")),
            _ => whole.push_str(&format!("\\sqrt{{{first}}}{}", &part[first.len_utf8()..])),
        }
    }
    Some(whole)
}

/// `\frac12` as `\frac{1}{2}`, `\frac1{72}` as `\frac{1}{72}`.
fn fractions(text: &str) -> Option<String> {
    let mut parts = text.split("\\frac");
    let mut whole = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let mut letters = part.chars();
        let above = letters.next()?;
        if above == '{' {
            whole.push_str(&format!("\\frac{part}"));
            continue;
        }
        let Some(below) = letters.next() else {
            return Some(text.to_owned());
        };
        let rest = letters.as_str();
        match below {
            '{' => whole.push_str(&format!("\\frac{{{above}}}{{{rest}")),
            _ => whole.push_str(&format!("\\frac{{{above}}}{{{below}}}{rest}")),
        }
    }
    Some(whole)
}

/// `3/4` as `\frac{3}{4}`, where both are whole numbers as they are written.
fn slashed(text: String) -> Option<String> {
    let sides: Vec<&str> = text.split('/').collect();
    let [above, below] = sides[..] else {
        return Some(text);
    };
    match (whole(above), whole(below)) {
        (Whole::Plain, Whole::Plain) => Some(format!("\\frac{{{above}}}{{{below}}}")),
        (Whole::No, _) | (_, Whole::No) => None,
        _ => Some(text),
    }
}

/// What Python's `int()` makes of a text.
enum Whole {
    /// A number that is written as Python writes it.
    Plain,
    /// A number written otherwise: `007`, `+1`, `1_000`.
    Otherwise,
    /// None.
    No,
}

fn whole(text: &str) -> Whole {
    let trimmed = text.trim();
    let digits = trimmed.strip_prefix(['-', '+']).unwrap_or(trimmed);
    let parts_are_digits = digits
        .split('_')
        .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
    if !parts_are_digits {
        return Whole::No;
    }
    let plain = trimmed == text
        && !text.starts_with('+')
        && !digits.contains('_')
        && (!digits.starts_with('0') || text == "0");
    if plain {
        Whole::Plain
    } else {
        Whole::Otherwise
    }
}
