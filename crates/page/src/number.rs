//! Numbers as people read them.
//!
//! Nothing is hidden: a value that is not a number is written `NaN`, not left out.

const SUFFIXES: [(f64, &str); 4] = [(1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")];

/// With a stated number of decimals and commas between thousands.
pub fn fixed(value: f64, decimals: usize) -> String {
    if !value.is_finite() {
        return unusual(value);
    }
    if value.abs() >= 1e16 {
        return scientific(value, 3);
    }
    let plain = format!("{:.*}", decimals, value.abs());
    let (whole, fraction) = plain.split_at(plain.find('.').unwrap_or(plain.len()));
    let mut grouped = String::new();
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    // −0.00 would only puzzle.
    let negative = value < 0.0 && plain.bytes().any(|b| (b'1'..=b'9').contains(&b));
    format!("{}{grouped}{fraction}", if negative { "−" } else { "" })
}

/// Short: three or four digits that mean something, and k, M, B, T from ten thousand on.
pub fn quantity(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() {
        return unusual(value);
    }
    if size >= 1e16 {
        return scientific(value, 2);
    }
    if size >= 9_999.5 {
        for (unit, suffix) in SUFFIXES {
            if size >= unit * 0.9995 {
                let scaled = value / unit;
                let decimals = significant(scaled, 3);
                return format!("{}{suffix}", trimmed(fixed(scaled, decimals)));
            }
        }
    }
    if value.fract() == 0.0 {
        return fixed(value, 0);
    }
    if size < 1e-4 {
        return scientific(value, 2);
    }
    fixed(value, significant(value, 4))
}

/// A share, 0.257 as `25.7 %`.
pub fn percent(share: f64, decimals: usize) -> String {
    format!("{} %", fixed(share * 100.0, decimals))
}

/// How values at a distance of `step` are told apart, `largest` being the greatest of them.
pub(crate) fn tick(value: f64, step: f64, largest: f64) -> String {
    let (unit, suffix) = SUFFIXES
        .into_iter()
        .find(|(unit, _)| largest >= 1e4 && largest >= *unit)
        .unwrap_or((1.0, ""));
    if value == 0.0 {
        return "0".to_owned();
    }
    if !(1e-4..1e16).contains(&largest) {
        return scientific(value, 1);
    }
    let step = step / unit;
    let decimals = (0..8).find(|d| {
        let scaled = step * 10f64.powi(*d);
        (scaled - scaled.round()).abs() < 1e-6 * scaled
    });
    format!(
        "{}{suffix}",
        fixed(value / unit, decimals.unwrap_or(8) as usize)
    )
}

/// Decimals that leave `digits` digits that mean something.
fn significant(value: f64, digits: i32) -> usize {
    if value == 0.0 {
        return 0;
    }
    (digits - 1 - value.abs().log10().floor() as i32).max(0) as usize
}

fn trimmed(text: String) -> String {
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

fn scientific(value: f64, decimals: usize) -> String {
    format!("{value:.decimals$e}").replace('-', "−")
}

fn unusual(value: f64) -> String {
    match value {
        v if v.is_nan() => "NaN",
        v if v > 0.0 => "∞",
        _ => "−∞",
    }
    .to_owned()
}
