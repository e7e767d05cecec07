//! Personal data in a text: found by shape and checksum, masked by placeholders that say what stood there.
//!
//! The report's cascade ends with it (section 3: "PII anonymization"); datatrove knows e-mail
//! and IP addresses, the Korean kinds are ours. A search runs on bytes: `@` by `memchr`, digits by
//! blocks that have any, and only what begins there is looked at closely. Where a shape alone
//! is common (an account, a passport) a word that names it must stand before it.
//! Names and street addresses are not found: that takes a model.

mod card;
mod email;
mod korean;
mod named;
mod network;
mod number;
mod phone;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What kind of personal data something is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An e-mail address.
    Email,
    /// A public IP address, version 4 or 6.
    Ip,
    /// A card number, by Luhn's checksum.
    Card,
    /// 주민등록번호: a date of birth and seven digits, of which the first says 1–4, 9 or 0.
    Resident,
    /// 외국인등록번호: the same with 5–8.
    Foreigner,
    /// 운전면허번호: region, year, number, check.
    Licence,
    /// A telephone number: Korean mobile or land line, or any with a country code.
    Phone,
    /// 사업자등록번호: of a business, by its checksum.
    Business,
    /// A bank account, where a word says so.
    Account,
    /// A passport, where a word says so.
    Passport,
}

impl Kind {
    /// All kinds, in the order of [`Masked::counts`].
    pub const ALL: [Self; 10] = [
        Self::Email,
        Self::Ip,
        Self::Card,
        Self::Resident,
        Self::Foreigner,
        Self::Licence,
        Self::Phone,
        Self::Business,
        Self::Account,
        Self::Passport,
    ];

    /// The name in settings and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Ip => "ip",
            Self::Card => "card",
            Self::Resident => "resident",
            Self::Foreigner => "foreigner",
            Self::Licence => "licence",
            Self::Phone => "phone",
            Self::Business => "business",
            Self::Account => "account",
            Self::Passport => "passport",
        }
    }

    /// What stands in its place in a masked text.
    pub fn placeholder(self) -> &'static str {
        match self {
            Self::Email => "<EMAIL>",
            Self::Ip => "<IP_ADDRESS>",
            Self::Card => "<CARD_NUMBER>",
            Self::Resident => "<RESIDENT_NUMBER>",
            Self::Foreigner => "<FOREIGNER_NUMBER>",
            Self::Licence => "<LICENCE_NUMBER>",
            Self::Phone => "<PHONE_NUMBER>",
            Self::Business => "<BUSINESS_NUMBER>",
            Self::Account => "<ACCOUNT_NUMBER>",
            Self::Passport => "<PASSPORT_NUMBER>",
        }
    }
}

/// Something found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its first byte in the text.
    pub start: usize,
    /// The byte after its last.
    pub end: usize,
    /// What it is.
    pub kind: Kind,
    /// Of numbers with a checksum: whether it is right. Resident numbers given out since October 2020
    /// have none, so it is a score and no condition.
    pub checked: bool,
}

/// Finds personal data, in order and without overlaps. What is written in full-width letters and digits
/// (`０１０－１２３４－５６７８`, `kim＠naver．com`) is read as what it stands for.
pub fn find(text: &str) -> Vec<Found> {
    let Some((narrow, places)) = narrowed(text) else {
        return found(text);
    };
    let mut found = found(&narrow);
    for one in &mut found {
        (one.start, one.end) = (places[one.start], places[one.end]);
    }
    found
}

/// The text with full-width signs narrow, and where each of its bytes came from; `None` where it has none.
fn narrowed(text: &str) -> Option<(String, Vec<usize>)> {
    let wide = |c: char| matches!(c, '\u{FF01}'..='\u{FF5E}');
    // All of them begin with the bytes EF BC or EF BD.
    memchr::memchr(0xEF, text.as_bytes())?;
    text.contains(wide).then(|| {
        let (mut narrow, mut places) = (String::with_capacity(text.len()), Vec::new());
        for (at, c) in text.char_indices() {
            let c = match wide(c) {
                true => char::from_u32(u32::from(c) - 0xFEE0).unwrap_or(c),
                false => c,
            };
            narrow.push(c);
            places.resize(narrow.len(), at);
        }
        places.push(text.len());
        (narrow, places)
    })
}

fn found(text: &str) -> Vec<Found> {
    let mut found = Vec::new();
    email::find(text, &mut found);
    network::find_six(text, &mut found);
    number::find(text, &mut found);
    found.sort_by_key(|found| (found.start, std::cmp::Reverse(found.end)));
    let mut free = 0;
    found.retain(|found| {
        let fits = found.start >= free;
        if fits {
            free = found.end;
        }
        fits
    });
    found
}

/// A masked text, and what was in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Masked {
    /// The text with placeholders; `None` where nothing was masked.
    pub text: Option<String>,
    /// How many of each kind, in the order of [`Kind::ALL`].
    pub counts: [u32; Kind::ALL.len()],
    /// How many resident and foreigner numbers had the right checksum.
    pub checked: u32,
}

/// Replaces personal data of these kinds by placeholders; the others are not counted either.
pub fn mask(text: &str, kinds: &[Kind]) -> Masked {
    let mut masked = Masked::default();
    let mut out = String::new();
    let mut copied = 0;
    for found in find(text)
        .into_iter()
        .filter(|found| kinds.contains(&found.kind))
    {
        masked.counts[found.kind as usize] += 1;
        masked.checked +=
            u32::from(found.checked && matches!(found.kind, Kind::Resident | Kind::Foreigner));
        out.push_str(&text[copied..found.start]);
        out.push_str(found.kind.placeholder());
        copied = found.end;
    }
    if copied > 0 {
        out.push_str(&text[copied..]);
        masked.text = Some(out);
    }
    masked
}

#[cfg(test)]
mod tests;
