//! A shuffled order that is computed and not stored: a keyed permutation of `0..n`.
//!
//! A balanced Feistel network (Luby & Rackoff 1988) over the smallest even number of bits that
//! holds n, walked again while it leads outside of `0..n` (fewer than four times on average).
//! It costs no memory for any number of documents, and any place can be asked for directly.

/// Where `index` goes in the order of `seed` and `epoch`; `index < n`.
pub(crate) fn permuted(index: u64, n: u64, seed: u64, epoch: u64) -> u64 {
    debug_assert!(index < n);
    if n < 2 {
        return index;
    }
    let bits = 64 - (n - 1).leading_zeros();
    let half = bits.div_ceil(2);
    let low = (1u64 << half) - 1;
    let key = mix(seed ^ mix(epoch.wrapping_add(0x6b61_6e61_6e61)));
    let mut at = index;
    loop {
        let (mut left, mut right) = (at >> half, at & low);
        for round in 0..ROUNDS {
            let hash = mix(right ^ mix(key.wrapping_add(round)));
            (left, right) = (right, left ^ (hash & low));
        }
        at = left << half | right;
        if at < n {
            return at;
        }
    }
}

/// Four are enough for an adversary; the halves here may be a single bit, so more.
const ROUNDS: u64 = 8;

/// The finalizer of SplitMix64 (Steele et al. 2014): every bit of the input reaches every bit.
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_is_taken_once() {
        for n in [1, 2, 3, 5, 16, 17, 255, 1000] {
            for seed in [0, 7] {
                let mut order: Vec<u64> = (0..n).map(|i| permuted(i, n, seed, 0)).collect();
                order.sort_unstable();
                assert_eq!(order, (0..n).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn orders_differ_and_look_shuffled() {
        let order = |seed, epoch| (0..1000).map(|i| permuted(i, 1000, seed, epoch)).collect();
        let first: Vec<u64> = order(7, 0);
        assert_ne!(first, order(8, 0));
        assert_ne!(first, order(7, 1));
        // Of a random order, half of the steps go up; 1000 of them, deviation 9.
        let rises = first.windows(2).filter(|pair| pair[0] < pair[1]).count();
        assert!((450..550).contains(&rises), "{rises}");
        let fixed = (0..1000).filter(|&i| first[i as usize] == i).count();
        assert!(fixed < 8, "{fixed}");
    }
}
