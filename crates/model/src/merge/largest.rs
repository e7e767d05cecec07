//! Which numbers of a difference are its largest, found without ever holding the difference.
//!
//! The bits of |x| sort as the numbers do. One pass counts their upper sixteen bits, which gives the
//! bucket that the boundary is in; a second counts the lower fifteen within that bucket, which gives
//! the boundary. Of numbers equal to it the first in row order are kept, so that exactly
//! max(1, ⌊density · n⌋) are (Yadav 2023, section 3; where numbers are equal, peers keep any).

use super::blend::Blend;
use super::parts::{folded, in_order};
use anyhow::{Result, ensure};

const LOW_BITS: u32 = 15;

/// What is kept of one difference.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Boundary {
    /// |x| of the smallest that is kept, as bits.
    bits: u32,
    /// How many equal to it are kept.
    equal: u64,
    /// Equal ones before each part; empty where all of them are kept.
    before: Vec<u64>,
}

impl Boundary {
    /// Sets to zero what is not kept of a part.
    pub(super) fn apply(&self, part: usize, difference: &mut [f32]) {
        if self.before.is_empty() {
            for x in difference {
                *x = if magnitude(*x) >= self.bits { *x } else { 0.0 };
            }
            return;
        }
        let mut seen = self.before[part];
        for x in difference {
            let bits = magnitude(*x);
            let mut kept = bits > self.bits;
            if bits == self.bits {
                kept = seen < self.equal;
                seen += 1;
            }
            if !kept {
                *x = 0.0;
            }
        }
    }
}

fn magnitude(x: f32) -> u32 {
    x.to_bits() & 0x7fff_ffff
}

/// The boundaries of some inputs' differences, all found in the same passes.
pub(super) fn boundaries(blend: &Blend<'_>, wanted: &[(usize, f64)]) -> Result<Vec<Boundary>> {
    let numbers = blend.numbers();
    ensure!(
        u32::try_from(numbers).is_ok(),
        "a tensor of {numbers} numbers is beyond what can be counted in 32 bits"
    );
    let inputs: Vec<usize> = wanted.iter().map(|(input, _)| *input).collect();
    let upper = counted(blend, &inputs, 1 << 16, |_, bits| {
        Some((bits >> LOW_BITS) as usize)
    })?;
    let buckets: Vec<(usize, u64)> = wanted
        .iter()
        .zip(&upper)
        .map(|((_, density), counts)| {
            let keep = ((density * numbers as f64) as u64).max(1);
            boundary_bin(counts, keep)
        })
        .collect();
    let lower = counted(blend, &inputs, 1 << LOW_BITS, |which, bits| {
        let within = (bits >> LOW_BITS) as usize == buckets[which].0;
        within.then_some((bits & ((1 << LOW_BITS) - 1)) as usize)
    })?;
    let mut found: Vec<Boundary> = Vec::new();
    let mut crowded = Vec::new();
    for (which, (bucket, keep)) in buckets.iter().enumerate() {
        let (bin, equal) = boundary_bin(&lower[which], *keep);
        if equal < u64::from(lower[which][bin]) {
            crowded.push(which);
        }
        found.push(Boundary {
            bits: (*bucket as u32) << LOW_BITS | bin as u32,
            equal,
            before: vec![],
        });
    }
    if !crowded.is_empty() {
        count_equal(blend, &inputs, &crowded, &mut found)?;
    }
    Ok(found)
}

/// How many numbers of each input's difference fall into each bin.
fn counted(
    blend: &Blend<'_>,
    inputs: &[usize],
    bins: usize,
    bin: impl Fn(usize, u32) -> Option<usize> + Sync,
) -> Result<Vec<Vec<u32>>> {
    folded(
        blend.threads,
        blend.parts.count(),
        || vec![vec![0u32; bins]; inputs.len()],
        |counts, part| {
            blend.each_difference(inputs, part, |which, difference| {
                let counts = &mut counts[which];
                for x in difference {
                    if let Some(bin) = bin(which, magnitude(*x)) {
                        counts[bin] += 1;
                    }
                }
            })
        },
        |mut one, other| {
            for (one, other) in one.iter_mut().flatten().zip(other.iter().flatten()) {
                *one += *other;
            }
            one
        },
    )
}

/// The bin that holds the `keep`-th largest, and how many of that bin are kept.
fn boundary_bin(counts: &[u32], mut keep: u64) -> (usize, u64) {
    for (bin, &count) in counts.iter().enumerate().rev() {
        if keep <= u64::from(count) {
            return (bin, keep);
        }
        keep -= u64::from(count);
    }
    (0, u64::MAX)
}

/// Where not all that equal the boundary are kept, it must be known how many came before each part.
fn count_equal(
    blend: &Blend<'_>,
    inputs: &[usize],
    crowded: &[usize],
    found: &mut [Boundary],
) -> Result<()> {
    let inputs: Vec<usize> = crowded.iter().map(|which| inputs[*which]).collect();
    let bits: Vec<u32> = crowded.iter().map(|which| found[*which].bits).collect();
    let mut before = vec![0u64; crowded.len()];
    in_order(
        blend.threads,
        blend.parts.count(),
        |part| {
            let mut counts = vec![0u64; crowded.len()];
            blend.each_difference(&inputs, part, |which, difference| {
                let equal = difference.iter().filter(|x| magnitude(**x) == bits[which]);
                counts[which] = equal.count() as u64;
            })?;
            Ok(counts)
        },
        |counts| {
            for ((which, count), before) in crowded.iter().zip(counts).zip(&mut before) {
                found[*which].before.push(*before);
                *before += count;
            }
            Ok(())
        },
    )
}
