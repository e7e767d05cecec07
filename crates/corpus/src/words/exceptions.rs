//! English pieces with words inside that no sign divides (don't, I'll, 5pm), and those that keep their signs (Mr., e.g.).
//!
//! The list is made by rule: a stem and what may follow it, with both apostrophes, and without
//! one as people write in haste, which is what spaCy's own list amounts to.

use ahash::AHashMap;
use std::sync::LazyLock;

/// The longest exception, in bytes.
const LONGEST: usize = 16;

/// The lengths in bytes of the words in a piece, where it is an exception.
pub(super) fn exception(piece: &str) -> Option<&'static [u8]> {
    if piece.len() > LONGEST || piece.is_empty() {
        return None;
    }
    let exceptions = &*EXCEPTIONS;
    let (word, bit) = outline(piece);
    if exceptions.outlines[word] & bit == 0 {
        return None; // as nearly all words are
    }
    exceptions.parts.get(piece).map(|parts| &**parts)
}

static EXCEPTIONS: LazyLock<Exceptions> = LazyLock::new(|| {
    let parts = exceptions();
    let mut outlines = [0; 256];
    for piece in parts.keys() {
        let (word, bit) = outline(piece);
        outlines[word] |= bit;
    }
    Exceptions { parts, outlines }
});

struct Exceptions {
    parts: AHashMap<String, Box<[u8]>>,
    /// Which outlines there are, a bit each.
    outlines: [u64; 256],
}

/// Length, first, middle and last byte in fourteen bits: where the bit is, by word and mask.
fn outline(piece: &str) -> (usize, u64) {
    let bytes = piece.as_bytes();
    let pick = [
        bytes[0],
        bytes[bytes.len() / 2],
        bytes[bytes.len() - 1],
        bytes.len() as u8,
    ];
    let hash = u32::from_le_bytes(pick).wrapping_mul(0x9e37_79b1) >> 18;
    ((hash >> 6) as usize, 1 << (hash & 63))
}

/// Stems, and endings that may follow each of them.
const ENDINGS: [(&str, &str); 9] = [
    ("i", "'m m 'm|a m|a"),
    (
        "i you he she it we they",
        "'ll ll 'll|'ve ll|ve 'd d 'd|'ve d|ve",
    ),
    ("i you we they", "'ve ve"),
    ("you we they", "'re re"),
    (
        "he she it who what when where why how there that this",
        "'s s",
    ),
    (
        "who what when where why how there that this these those",
        "'ll ll 'll|'ve ll|ve 'd d 'd|'ve d|ve",
    ),
    (
        "who what when where why how there these those",
        "'re re 've ve",
    ),
    (
        "ca could do does did had may might must need ought sha should wo would",
        "n't nt n't|'ve nt|ve",
    ),
    ("ai are is was were have has dare", "n't nt"),
];

/// More stems with endings, and pieces cut once; `|` is where.
const CUT: &str = "y'|all y|all how|'d|'y not|'ve not|ve can|not gon|na got|ta let|'s c'm|on \
    could|'ve might|'ve must|'ve should|'ve would|'ve could|ve might|ve must|ve should|ve would|ve";

/// Words that only look like one of the above.
const PLAIN: &str =
    "Ill ill Its its Hell hell Shell shell Shed shed were Were Well well Whore whore";

/// Pieces that stay whole; faces with `|` in them are not among them, which divides words here.
const WHOLE: &str = "doin doin' goin goin' nothin nothin' nuthin nuthin' ol ol' somethin somethin' lovin lovin' havin havin' \
    'em em 'll ll 'nuff nuff 's 're 'cause 'cos 'coz 'cuz 'bout ma'am o'clock and/or w/o 'd '' ' a.m. p.m. Adm. Bros. co. Co. \
    Corp. D.C. Dr. e.g. E.g. E.G. Gen. Gov. i.e. I.e. I.E. Inc. Jr. Ltd. Md. Messrs. Mo. Mont. Mr. Mrs. Ms. Ph.D. Prof. Rep. \
    Rev. Sen. St. vs. v.s. Mt. Ak. Ala. Apr. Ariz. Ark. Aug. Calif. Colo. Conn. Dec. Del. Feb. Fla. Ga. Ia. Id. Ill. Ind. \
    Jan. Jul. Jun. Kan. Kans. Ky. La. Mar. Mass. Mich. Minn. Miss. N.C. N.D. N.H. N.J. N.M. N.Y. Neb. Nebr. Nev. Nov. Oct. \
    Okla. Ore. Pa. S.C. Sep. Sept. Tenn. Va. Wash. Wis. C++ :) :-) :( :-( ;) ;-) :D :-D ;D =D xD XD :P :-P :p :-p :O :o \
    :/ :-/ =/    =) =( =3 :3 :1 :> :* :') :'( <3 </3 ^_^ -_- o_o o_O O_o O_O o.o O.O 0_0 0.0 8) 8-) :] :} \u{2014}";

fn exceptions() -> AHashMap<String, Box<[u8]>> {
    let mut all = AHashMap::new();
    for (stems, endings) in ENDINGS {
        for stem in stems.split(' ') {
            for ending in endings.split(' ') {
                add(&mut all, &format!("{stem}|{ending}"), true);
            }
        }
    }
    for cut in CUT.split(' ').filter(|cut| !cut.is_empty()) {
        add(&mut all, cut, true);
    }
    for hour in 1..=12 {
        for half in ["a.m.", "am", "p.m.", "pm"] {
            add(&mut all, &format!("{hour}|{half}"), false);
        }
    }
    for whole in WHOLE.split(' ').filter(|whole| !whole.is_empty()) {
        let capital = whole.starts_with(|c: char| c == '\'' || c.is_ascii_lowercase())
            && !whole.contains(['.', '_']);
        add(&mut all, whole, capital);
    }
    for letter in ('a'..='z').chain(['ä', 'ö', 'ü']) {
        add(&mut all, &format!("{letter}."), false);
    }
    for plain in PLAIN.split(' ') {
        all.remove(plain);
    }
    all
}

/// Adds a cut in lower case, with the typographic apostrophe, and both with a capital.
fn add(all: &mut AHashMap<String, Box<[u8]>>, cut: &str, capital: bool) {
    let mut forms = vec![cut.to_owned()];
    if capital && let Some(at) = cut.find(|c: char| c.is_ascii_alphabetic()) {
        forms.push(format!(
            "{}{}{}",
            &cut[..at],
            cut[at..=at].to_ascii_uppercase(),
            &cut[at + 1..]
        ));
    }
    for form in forms {
        for form in [form.replace('\'', "’"), form] {
            let parts = form.split('|').map(|part| part.len() as u8).collect();
            all.insert(form.replace('|', ""), parts);
        }
    }
}
