//! Numbers that the Korean state gives to people and businesses: shape, date, and checksum as a score.
//!
//! A resident number is YYMMDD-G??????, where G says century and sex (1–4; 9 and 0 for the nineteenth
//! century; 5–8 for foreigners). The last digit was (11 − Σ weight · digit mod 11) mod 10 with weights
//! 2 … 9, 2 … 5 (13 instead of 11 for foreigners' older numbers) until October 2020; since then it is random.

use super::number::{Chain, Joint};
use super::{Found, Kind};

const HYPHEN: [Joint; 1] = [Joint::Hyphen];

/// Resident or foreigner. Thirteen digits in one run are one only where the checksum holds: bar codes look alike.
pub(super) fn resident(chain: &Chain<'_>) -> Option<Found> {
    let groups = match chain.lengths::<2>() {
        Some([6, 7]) if chain.joined(2, &[Joint::Hyphen, Joint::Space]) => 2,
        _ if chain.groups[0].len() == 13 => 1,
        _ => return None,
    };
    let digits = chain.digits(groups);
    if !is_date(digits[2] * 10 + digits[3], digits[4] * 10 + digits[5]) {
        return None;
    }
    let kind = if matches!(digits[6], 5..=8) {
        Kind::Foreigner
    } else {
        Kind::Resident
    };
    // Where the checksum holds, no name helps: one company in ten loses a number that is public.
    let checked = resident_checksum(&digits);
    let certain = groups == 2 && chain.joined(2, &HYPHEN) && !is_company(chain);
    (certain || checked).then(|| chain.found(groups, kind, checked))
}

/// Whether right before a number it is named 법인등록번호, of a company, which has the same shape.
/// A form that leaves the choice (주민등록번호/법인등록번호) does not say so, nor does 법인 with a name behind it.
fn is_company(chain: &Chain<'_>) -> bool {
    const COMPANY: [&str; 3] = ["법인등록번호", "법인번호", "법인등록"];
    const PERSON: [&str; 2] = ["주민", "외국인등록"];
    let before = chain.before(24);
    // What stands before another number is about that one.
    let clause = before
        .rsplit(|c: char| c.is_ascii_digit())
        .next()
        .unwrap_or(before);
    let clause: String = clause.chars().filter(|c| !c.is_whitespace()).collect();
    // Colons and brackets may stand between, and the particle of a sentence.
    let name = clause.trim_end_matches(|c: char| !c.is_alphanumeric() && !matches!(c, ',' | '.'));
    let name = name.strip_suffix(['는', '가']).unwrap_or(name);
    COMPANY.iter().any(|company| name.ends_with(*company))
        && !PERSON.iter().any(|person| clause.contains(*person))
}

pub(super) fn is_date(month: u8, day: u8) -> bool {
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 => 29,
        1..=12 => 31,
        _ => return false,
    };
    (1..=days).contains(&day)
}

pub(super) fn resident_checksum(digits: &[u8]) -> bool {
    const WEIGHTS: [u32; 12] = [2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5];
    let sum: u32 = WEIGHTS
        .iter()
        .zip(digits)
        .map(|(weight, digit)| weight * u32::from(*digit))
        .sum();
    let last = u32::from(digits[12]);
    let own = (11 - sum % 11) % 10 == last;
    let foreign = matches!(digits[6], 5..=8) && (13 - sum % 11) % 10 == last;
    own || foreign
}

/// 사업자등록번호: 3-2-5 digits and a checksum.
pub(super) fn business(chain: &Chain<'_>) -> Option<Found> {
    const WEIGHTS: [u32; 9] = [1, 3, 7, 1, 3, 7, 1, 3, 5];
    if chain.lengths::<3>()? != [3, 2, 5] || !chain.joined(3, &HYPHEN) {
        return None;
    }
    let digits = chain.digits(3);
    let sum: u32 = WEIGHTS
        .iter()
        .zip(&digits)
        .map(|(weight, digit)| weight * u32::from(*digit))
        .sum();
    let sum = sum + u32::from(digits[8]) * 5 / 10;
    let right = (10 - sum % 10) % 10 == u32::from(digits[9]);
    right.then(|| chain.found(3, Kind::Business, true))
}

/// 운전면허번호: a region of 11 to 28, a year, six digits, two more.
pub(super) fn licence(chain: &Chain<'_>) -> Option<Found> {
    if chain.lengths::<4>()? != [2, 2, 6, 2] || !chain.joined(4, &HYPHEN) {
        return None;
    }
    let digits = chain.digits(1);
    (11..=28)
        .contains(&(digits[0] * 10 + digits[1]))
        .then(|| chain.found(4, Kind::Licence, false))
}
