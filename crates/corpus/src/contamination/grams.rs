//! From a text to the hashes of its n-grams, in one pass.
//!
//! Hashes of units roll: S ← S·B + unit − Bⁿ·(the unit that leaves), and are then mixed with what and how
//! many the units are, so that a run of words is never a run of letters.

/// What an n-gram is, and of how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grams {
    /// Runs of letters and digits.
    Words(usize),
    /// Letters and digits, whatever stands between them.
    Characters(usize),
}

const BASE: u64 = 0xd134_2543_de82_ef95;
const MIX: u64 = 0x9e37_79b9_7f4a_7c15;

/// The product of 64 bits by 64, folded.
fn multiply(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ (product >> 64) as u64
}

impl Grams {
    /// Gives the hash of every n-gram, in order; none where the text is shorter than one.
    pub(super) fn visit(self, text: &str, mut give: impl FnMut(u64)) {
        let (length, kind) = match self {
            Grams::Words(length) => (length, 0),
            Grams::Characters(length) => (length, 1),
        };
        let salt = (length as u64) << 1 | kind;
        let power = (0..length).fold(1u64, |power, _| power.wrapping_mul(BASE));
        // The last `length` units, in a ring.
        let mut ring = vec![0u64; length];
        let (mut sum, mut at) = (0u64, 0usize);
        let mut push = |unit: u64| {
            let place = at % length;
            sum = sum.wrapping_mul(BASE).wrapping_add(unit);
            if at >= length {
                sum = sum.wrapping_sub(power.wrapping_mul(ring[place]));
            }
            ring[place] = unit;
            at += 1;
            if at >= length {
                give(multiply(sum ^ MIX, BASE ^ salt));
            }
        };
        match self {
            Grams::Words(_) => words(text, push),
            Grams::Characters(_) => letters(text, |c| push(unit(c))),
        }
    }
}

fn unit(c: char) -> u64 {
    multiply(u64::from(c) ^ MIX, BASE)
}

/// Gives every letter and digit in lower case.
fn letters(text: &str, mut give: impl FnMut(char)) {
    for c in text.chars() {
        if c.is_ascii() {
            if c.is_ascii_alphanumeric() {
                give(c.to_ascii_lowercase());
            }
        } else if c.is_alphanumeric() {
            c.to_lowercase().for_each(&mut give);
        }
    }
}

/// Gives the hash of every word.
fn words(text: &str, mut give: impl FnMut(u64)) {
    const EMPTY: u64 = 0;
    let mut word = EMPTY;
    let push = |word: &mut u64, c: char| *word = multiply(*word ^ u64::from(c), BASE) | 1;
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            push(&mut word, c.to_ascii_lowercase());
        } else if !c.is_ascii() && c.is_alphanumeric() {
            c.to_lowercase().for_each(|c| push(&mut word, c));
        } else if word != EMPTY {
            give(word);
            word = EMPTY;
        }
    }
    if word != EMPTY {
        give(word);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(grams: Grams, text: &str) -> Vec<u64> {
        let mut found = Vec::new();
        grams.visit(text, |hash| found.push(hash));
        found
    }

    #[test]
    fn signs_and_case_do_not_count_and_numbers_do() {
        let three = Grams::Words(3);
        assert_eq!(
            of(three, "Natalia sold 48 clips."),
            of(three, "natalia — sold: 48\nCLIPS")
        );
        assert_ne!(of(three, "Natalia sold 48"), of(three, "Natalia sold 49"));
        assert!(of(three, "too short").is_empty());
        assert!(of(three, "?! … .").is_empty());
        let letters = Grams::Characters(5);
        assert_eq!(
            of(letters, "나는 학교에 간다."),
            of(letters, "나는학교에간다")
        );
        assert_ne!(of(letters, "나는 학교에"), of(letters, "나는 학교를"));
        assert_ne!(of(Grams::Words(1), "가"), of(Grams::Characters(1), "가"));
    }

    proptest! {
        #[test]
        fn a_run_hashes_alike_wherever_it_stands(before in "[가-깋a-c ]{0,20}", run in "[가-깋a-c ]{1,30}", after in "[가-깋a-c ]{0,20}", n in 1usize..6) {
            for grams in [Grams::Words(n), Grams::Characters(n)] {
                let alone = of(grams, &run);
                let within = of(grams, &format!("{before} {run} {after}"));
                prop_assert!(alone.iter().all(|hash| within.contains(hash)));
            }
        }
    }
}
