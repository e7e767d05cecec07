use proptest::prelude::*;

use super::*;

fn bytes() -> Vec<Vec<u8>> {
    (0..=255).map(|byte| vec![byte]).collect()
}

fn merged(words: &[(&str, u64)], more: usize) -> Vec<String> {
    let words: Vec<(Box<str>, u64)> = words
        .iter()
        .map(|(word, count)| ((*word).into(), *count))
        .collect();
    let merged = merge(&words, bytes(), 256 + more, 1, |_, _| Ok(())).unwrap();
    merged.tokens[256..]
        .iter()
        .map(|token| String::from_utf8_lossy(token).into_owned())
        .collect()
}

#[test]
fn the_most_frequent_pair_comes_first_and_of_equals_the_smaller() {
    assert_eq!(merged(&[("abab", 1), ("cd", 2)], 3), ["ab", "cd", "abab"]);
    assert_eq!(merged(&[("ba", 3), ("ab", 3)], 2), ["ab", "ba"]);
    assert_eq!(merged(&[("aaaa", 1)], 9), ["aa", "aaaa"]);
    assert_eq!(merged(&[("aaaaa", 1), ("b", 9)], 9), ["aa", "aaa", "aaaaa"]);
}

#[test]
fn a_syllable_is_built_before_a_word() {
    let tokens = merged(&[("학교", 5), ("학생", 4)], 4);
    assert!(tokens.contains(&"학".to_owned()), "{tokens:?}");
}

#[test]
fn counts_beyond_32_bits_are_counted() {
    let huge = u64::from(u32::MAX) * 4;
    assert_eq!(merged(&[("ab", huge), ("cd", huge + 1)], 2), ["cd", "ab"]);
}

/// The same by counting everything anew in every round.
fn slowly(words: &[(Box<str>, u64)], size: usize, least: i64) -> Merged {
    let mut merged = Merged {
        tokens: bytes(),
        merges: Vec::new(),
    };
    let mut cut: Vec<(Vec<u32>, i64)> = words
        .iter()
        .map(|(word, count)| (word.bytes().map(u32::from).collect(), *count as i64))
        .collect();
    while merged.tokens.len() < size {
        let mut counts: HashMap<Pair, i64> = HashMap::new();
        for (word, count) in &cut {
            for pair in word.windows(2) {
                *counts.entry((pair[0], pair[1])).or_default() += count;
            }
        }
        let best = counts
            .into_iter()
            .min_by_key(|(pair, count)| (Reverse(*count), *pair));
        let Some((pair, count)) = best else { break };
        if count < least {
            break;
        }
        let token = [
            &*merged.tokens[pair.0 as usize],
            &*merged.tokens[pair.1 as usize],
        ]
        .concat();
        let known = merged.tokens.iter().position(|other| *other == token);
        let id = known.unwrap_or(merged.tokens.len()) as u32;
        if known.is_none() {
            merged.tokens.push(token);
        }
        if !merged.merges.contains(&pair) {
            merged.merges.push(pair);
        }
        for (word, _) in &mut cut {
            let mut joined = Vec::new();
            let mut rest = word.as_slice();
            while let Some(first) = rest.first() {
                let both = rest.len() > 1 && (*first, rest[1]) == pair;
                joined.push(if both { id } else { *first });
                rest = &rest[1 + usize::from(both)..];
            }
            *word = joined;
        }
    }
    merged
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn keeping_counts_up_to_date_is_counting_anew(
        words in proptest::collection::btree_map("[abc]{1,9}|[가각간]{1,4}", 1..20u64, 1..12),
        more in 1..40usize,
        least in 1..4i64,
    ) {
        let words: Vec<(Box<str>, u64)> = words.into_iter().map(|(word, count)| (word.into(), count)).collect();
        let (fast, slow) = (merge(&words, bytes(), 256 + more, least as u64, |_, _| Ok(())).unwrap(), slowly(&words, 256 + more, least));
        prop_assert_eq!(fast.tokens, slow.tokens);
        prop_assert_eq!(fast.merges, slow.merges);
    }
}
