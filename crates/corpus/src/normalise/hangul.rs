//! Jamo: half-width ones composed into syllables, and conjoining ones that no syllable took.

/// Half-width jamo in the order of their code points from U+FFA1, with U+FFA0 and gaps left out.
const CONSONANTS: &str = "ㄱㄲㄳㄴㄵㄶㄷㄸㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅃㅄㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ";
/// Initial consonants in the order of the syllable block.
const INITIAL: &str = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ";
/// Vowels in the order of the syllable block.
const MEDIAL: &str = "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ";
/// Final consonants in the order of the syllable block, after none.
const FINAL: &str = "ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ";

/// A half-width jamo (the half-width filler is blank and not among them).
pub(super) fn is_halfwidth(letter: char) -> bool {
    matches!(letter, '\u{FFA1}'..='\u{FFBE}' | '\u{FFC2}'..='\u{FFC7}' | '\u{FFCA}'..='\u{FFCF}'
        | '\u{FFD2}'..='\u{FFD7}' | '\u{FFDA}'..='\u{FFDC}')
}

/// Syllables and jamo of any kind.
pub(super) fn is_hangul(letter: char) -> bool {
    matches!(letter, '\u{1100}'..='\u{11FF}' | '\u{3131}'..='\u{318E}' | '\u{A960}'..='\u{A97C}'
        | '\u{AC00}'..='\u{D7FB}')
        || is_halfwidth(letter)
}

/// The compatibility jamo of a half-width one.
fn widen(letter: char) -> char {
    let code = u32::from(letter);
    let nth = |text: &str, at: u32| text.chars().nth(at as usize).unwrap_or(letter);
    match code {
        0xFFA1..=0xFFBE => nth(CONSONANTS, code - 0xFFA1),
        0xFFC2..=0xFFC7 => nth(MEDIAL, code - 0xFFC2),
        0xFFCA..=0xFFCF => nth(MEDIAL, code - 0xFFCA + 6),
        0xFFD2..=0xFFD7 => nth(MEDIAL, code - 0xFFD2 + 12),
        _ => nth(MEDIAL, code - 0xFFDA + 18),
    }
}

fn place(list: &str, letter: char) -> Option<u32> {
    let at = list.chars().position(|other| other == letter)?;
    Some(at as u32)
}

/// Writes a run of half-width jamo as the syllables it spells; what spells none stays a jamo.
pub(super) fn compose_halfwidth(run: &str, out: &mut String) {
    let letters: Vec<char> = run.chars().map(widen).collect();
    let vowel = |at: usize| letters.get(at).and_then(|letter| place(MEDIAL, *letter));
    let mut at = 0;
    while at < letters.len() {
        let initial = place(INITIAL, letters[at]);
        let (Some(initial), Some(medial)) = (initial, vowel(at + 1)) else {
            out.push(letters[at]);
            at += 1;
            continue;
        };
        // A consonant before a vowel begins the next syllable.
        let last = letters
            .get(at + 2)
            .filter(|_| vowel(at + 3).is_none())
            .and_then(|letter| place(FINAL, *letter));
        let code = 0xAC00 + (initial * 21 + medial) * 28 + last.map_or(0, |last| last + 1);
        out.push(char::from_u32(code).unwrap_or(letters[at]));
        at += 2 + usize::from(last.is_some());
    }
}

/// Modern conjoining jamo that form C could not compose, as the jamo that people type and see.
pub(super) fn stranded(text: String, count: &mut u64) -> String {
    let modern = |letter: char| matches!(letter, '\u{1100}'..='\u{1112}' | '\u{1161}'..='\u{1175}' | '\u{11A8}'..='\u{11C2}');
    if !text.chars().any(modern) {
        return text;
    }
    // Old Hangul is written in conjoining jamo only: a run with an old one in it is left alone.
    let conjoining = |letter: char| matches!(letter, '\u{1100}'..='\u{11FF}' | '\u{A960}'..='\u{A97C}' | '\u{D7B0}'..='\u{D7FB}');
    let mut out = String::with_capacity(text.len());
    let mut run = String::new();
    let mut flush = |run: &mut String, out: &mut String| {
        if run.chars().all(modern) {
            for letter in run.chars() {
                let code = u32::from(letter);
                let list = match code {
                    0x1100..=0x1112 => (INITIAL, 0x1100),
                    0x1161..=0x1175 => (MEDIAL, 0x1161),
                    _ => (FINAL, 0x11A8),
                };
                *count += 1;
                out.push(
                    list.0
                        .chars()
                        .nth((code - list.1) as usize)
                        .unwrap_or(letter),
                );
            }
        } else {
            out.push_str(run);
        }
        run.clear();
    };
    for letter in text.chars() {
        if conjoining(letter) {
            run.push(letter);
        } else {
            flush(&mut run, &mut out);
            out.push(letter);
        }
    }
    flush(&mut run, &mut out);
    out
}
