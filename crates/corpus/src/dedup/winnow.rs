//! Anchors of a text: places chosen by the text around them alone, so that two texts that share a passage
//! share the anchors inside it.
//!
//! Winnowing (Schleimer, Wilkerson and Aiken 2003, section 3): of the hashes of all stretches of `stretch` bytes
//! the least of every `window` in a row is chosen, the last one of equals. A passage of
//! `stretch + window − 1` bytes holds a whole window, and so an anchor, wherever it stands. About two
//! anchors come out of every `window + 1` bytes; of a run of one byte that is longer than a stretch, one of each.

use std::collections::VecDeque;

/// Odd, so that no byte of a stretch is lost from its hash modulo 2^64.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

/// How anchors are chosen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Winnow {
    /// Bytes that are hashed together.
    pub(super) stretch: usize,
    window: usize,
}

impl Winnow {
    /// Every passage of `least` bytes has an anchor.
    pub(super) fn new(least: usize) -> Self {
        let stretch = (least / 2).max(1);
        Winnow {
            stretch,
            window: least - stretch + 1,
        }
    }

    /// The hash and the first byte of each anchor, in order.
    pub(super) fn anchors(self, text: &[u8], mut take: impl FnMut(u64, usize)) {
        if text.len() < self.stretch + self.window - 1 {
            return;
        }
        // What a byte weighs when it leaves the stretch.
        let leaving = FACTOR.wrapping_pow(self.stretch as u32);
        let mut rolling = 0_u64;
        // Candidates in order of place and of hash: the first is the least of the window.
        let mut least: VecDeque<(u64, usize)> = VecDeque::new();
        let mut last = None;
        for (end, byte) in text.iter().enumerate() {
            rolling = rolling
                .wrapping_mul(FACTOR)
                .wrapping_add(u64::from(*byte) + 1);
            if end >= self.stretch {
                let old = u64::from(text[end - self.stretch]) + 1;
                rolling = rolling.wrapping_sub(old.wrapping_mul(leaving));
            }
            if end + 1 < self.stretch {
                continue;
            }
            let at = end + 1 - self.stretch;
            let hash = mixed(rolling);
            while least.back().is_some_and(|(other, _)| *other >= hash) {
                least.pop_back();
            }
            least.push_back((hash, at));
            if at + 1 < self.window {
                continue;
            }
            while least
                .front()
                .is_some_and(|(_, place)| place + self.window <= at)
            {
                least.pop_front();
            }
            let Some(&(hash, place)) = least.front() else {
                continue;
            };
            if last != Some(place) {
                take(hash, place);
                last = Some(place);
            }
        }
    }
}

/// The low bits of a sum modulo 2^64 are poor; these are not.
fn mixed(mut hash: u64) -> u64 {
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn anchors(winnow: Winnow, text: &[u8]) -> Vec<(u64, usize)> {
        let mut found = Vec::new();
        winnow.anchors(text, |hash, at| found.push((hash, at)));
        found
    }

    proptest! {
        #[test]
        fn a_shared_passage_has_a_shared_anchor(
            before in "[가-힣a-z ]{0,60}", passage in "[가-힣a-z ]{20,80}", other in "[가-힣a-z ]{0,60}", least in 8_usize..48,
        ) {
            let winnow = Winnow::new(least);
            prop_assume!(passage.len() >= least);
            let (one, two) = (format!("{before}{passage}끝"), format!("{other}{passage}fin"));
            let inside = |text: &str, from: usize| -> Vec<(u64, usize)> {
                let within = from..=from + passage.len() - winnow.stretch;
                let all = anchors(winnow, text.as_bytes()).into_iter();
                all.filter(|(_, at)| within.contains(at)).map(|(hash, at)| (hash, at - from)).collect()
            };
            let (first, second) = (inside(&one, before.len()), inside(&two, other.len()));
            let shared = first.iter().any(|anchor| second.contains(anchor));
            prop_assert!(shared, "{:?} {:?}", first, second);
        }
    }

    #[test]
    fn anchors_are_few() {
        let winnow = Winnow::new(100);
        let text: Vec<u8> = (0..100_000_u64).map(|place| mixed(place) as u8).collect();
        let found = anchors(winnow, &text).len();
        assert!((3500..4300).contains(&found), "{found}");
        assert_eq!(anchors(winnow, &text[..99]).len(), 0);
        assert_eq!(anchors(winnow, &text[..100]).len(), 1);
    }
}
