//! Rankings of passages and what they are worth: nDCG, recall, reciprocal rank and average precision.
//!
//! As `trec_eval` defines them: a passage of relevance r gains r (none below 1), discounted by
//! log₂(rank + 1); `nDCG@k = DCG@k / DCG@k of the best ranking there can be`; recall and average
//! precision count passages of relevance 1 and more against all that there are. The reciprocal rank
//! within the first k is BEIR's. Passages of equal score stand in descending order of their names,
//! compared as bytes, and scores are compared as `f32`: both as `trec_eval` does.
//!
//! Deliberately absent: approximate search; every passage is compared with every question.

pub mod beir;
pub mod bm25;

use std::cmp::Ordering;

/// How deep rankings are kept: BEIR's thousand.
pub const DEPTH: usize = 1000;

/// What a ranking is worth.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Worth {
    /// nDCG of the first ten.
    pub ndcg_10: f64,
    /// Share of the relevant passages among the first ten.
    pub recall_10: f64,
    /// Share of the relevant passages among the first hundred.
    pub recall_100: f64,
    /// One over the rank of the first relevant passage, 0 where none is among the first ten.
    pub reciprocal_10: f64,
    /// Average precision of the first thousand.
    pub precision_1000: f64,
}

/// The best passages by score, best first, at most `depth`. `names` gives the place of each passage
/// in the ascending order of names; a score that is NaN or −∞ is no score, and its passage is not found.
pub fn rank(scores: &[f32], names: &[u32], depth: usize) -> Vec<u32> {
    assert_eq!(scores.len(), names.len(), "a name for every passage");
    let before = |a: &u32, b: &u32| -> Ordering {
        let (a, b) = (*a as usize, *b as usize);
        scores[b]
            .total_cmp(&scores[a])
            .then_with(|| names[b].cmp(&names[a]))
    };
    let found = |passage: &u32| {
        let score = scores[*passage as usize];
        !score.is_nan() && score != f32::NEG_INFINITY
    };
    let mut ranking: Vec<u32> = (0..scores.len() as u32).filter(found).collect();
    if ranking.len() > depth && depth > 0 {
        ranking.select_nth_unstable_by(depth - 1, before);
    }
    ranking.truncate(depth);
    ranking.sort_unstable_by(before);
    ranking
}

/// The places of names in their ascending order, as [`rank`] wants them.
pub fn order<S: AsRef<str>>(names: &[S]) -> Vec<u32> {
    let mut sorted: Vec<u32> = (0..names.len() as u32).collect();
    sorted.sort_by(|a, b| {
        let name = |at: &u32| names[*at as usize].as_ref().as_bytes();
        name(a).cmp(name(b))
    });
    let mut places = vec![0; names.len()];
    for (place, passage) in sorted.iter().enumerate() {
        places[*passage as usize] = place as u32;
    }
    places
}

/// What a ranking is worth, by the relevance of the passage at each rank and that of every passage
/// that was judged for the question, ranked or not.
pub fn worth(ranked: &[i64], judged: &[i64]) -> Worth {
    let all = judged.iter().filter(|relevance| **relevance > 0).count() as f64;
    if all == 0.0 {
        return Worth::default();
    }
    let relevant = |first: usize| {
        let among = ranked.iter().take(first);
        among.filter(|relevance| **relevance > 0).count() as f64
    };
    let mut best: Vec<i64> = judged.to_vec();
    best.sort_unstable_by(|a, b| b.cmp(a));
    let first = ranked.iter().take(10).position(|relevance| *relevance > 0);
    let (mut hits, mut precisions) = (0.0, 0.0);
    for (rank, relevance) in ranked.iter().take(DEPTH).enumerate() {
        if *relevance > 0 {
            hits += 1.0;
            precisions += hits / (rank + 1) as f64;
        }
    }
    Worth {
        ndcg_10: gain(ranked, 10) / gain(&best, 10),
        recall_10: relevant(10) / all,
        recall_100: relevant(100) / all,
        reciprocal_10: first.map_or(0.0, |rank| 1.0 / (rank + 1) as f64),
        precision_1000: precisions / all,
    }
}

/// Discounted cumulative gain of the first `k`.
fn gain(relevances: &[i64], k: usize) -> f64 {
    let discounted =
        |(rank, relevance): (usize, &i64)| (*relevance).max(0) as f64 / ((rank + 2) as f64).log2();
    relevances.iter().take(k).enumerate().map(discounted).sum()
}

/// The cosine of two vectors of one length; NaN where one of them is zero. Sums run in eight lanes,
/// always the same ones, so that the score is the same on every run.
pub fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let norms = (dot(a, a) * dot(b, b)).sqrt();
    if norms > 0.0 {
        dot(a, b) / norms
    } else {
        f32::NAN
    }
}

/// The inner product of two vectors of one length.
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 8;
    let mut sums = [0f32; LANES];
    let (a_blocks, a_rest) = a.as_chunks::<LANES>();
    let (b_blocks, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a_blocks.iter().zip(b_blocks) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests write files of their own")]
mod tests;
