//! Sources broken at random, for the tests of the parsers: none may panic on any.

/// Runs `check` on `count` broken copies of a text, always the same ones for a seed: letters swapped, pieces left
/// out, and some of `signs` put in.
pub(crate) fn mutations(
    source: &str,
    (seed, count): (u64, usize),
    signs: &[char],
    mut check: impl FnMut(&str),
) {
    let mut state = seed;
    let mut random = move |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) as usize % below.max(1)
    };
    let letters: Vec<char> = source.chars().collect();
    for _ in 0..count {
        let mut broken = letters.clone();
        for _ in 0..1 + random(20) {
            let (at, other) = (random(broken.len()), random(broken.len()));
            match random(3) {
                0 => broken.swap(at, other),
                1 => drop(broken.drain(at.min(other)..at.max(other).min(at.min(other) + 40))),
                _ => broken.insert(at, signs[random(signs.len())]),
            }
        }
        check(&broken.into_iter().collect::<String>());
    }
}
