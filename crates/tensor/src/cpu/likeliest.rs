//! The k likeliest tokens of every row, and the probability of the rest, without whole logits.
//!
//! A row is searched once: a small heap holds the best so far, and a stretch whose largest logit
//! does not reach the least of them is passed over, which after the first stretches is most of them.
//! The rest is the sum of the others, not one less the sum of the kept, so that a teacher that is
//! sure of itself still says how small its doubt is.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::Cpu;
use super::array::{CpuArray, CpuMatrix};
use super::head::{Logits, Question, Side};
use super::kernels::Kernels;
use super::lanes::{Element, Lanes, Work, spans};
use crate::distillation::Kept;

/// Logits passed over at once.
const STRETCH: usize = 64;

impl Cpu {
    pub(super) fn find_likeliest(
        &self,
        n: usize,
        hidden: &CpuArray,
        head: &CpuMatrix,
        k: usize,
        temperature: f32,
    ) -> Kept {
        let v = head.rows;
        assert!((1..=v).contains(&k), "{k} of {v} tokens");
        let search = Search {
            student: Side { hidden, head },
            k,
            temperature,
        };
        let mut found = Kept::default();
        for row in self.answer(&search, n, None) {
            found.ids.extend(row.ids);
            found.log_p.extend(row.log_p);
            found.rest.push(row.rest);
        }
        found
    }
}

struct Search<'a> {
    student: Side<'a>,
    k: usize,
    temperature: f32,
}

#[derive(Clone, Default)]
struct Row {
    ids: Vec<u32>,
    log_p: Vec<f32>,
    rest: f32,
}

impl Question for Search<'_> {
    type Outcome = Row;

    fn student(&self) -> Side<'_> {
        self.student
    }

    fn learns(&self, _: usize) -> bool {
        false
    }

    fn judge<G: Element>(
        &self,
        kernels: Kernels,
        _: usize,
        logits: Logits<'_>,
        _: Option<&mut [G]>,
    ) -> Row {
        let v = logits.v;
        let ids = best(&logits.student[..v], self.k);
        let kept: Vec<f32> = ids
            .iter()
            .map(|&id| std::mem::replace(&mut logits.student[id as usize], f32::NEG_INFINITY))
            .collect();
        let largest = kept.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let inverse = 1.0 / self.temperature;
        // What is set aside above has no part in the sum.
        let rest = kernels.apply(Sum {
            logits: logits.student,
            v,
            largest,
            inverse,
        });
        let scaled = |x: f32| (x - largest) * inverse;
        let sum: f64 = kept.iter().map(|&x| f64::from(scaled(x)).exp()).sum();
        let log_z = (sum + f64::from(rest)).ln() as f32;
        Row {
            log_p: kept.iter().map(|&x| scaled(x) - log_z).collect(),
            rest: match ids.len() == v {
                true => f32::NEG_INFINITY,
                false => rest.ln() - log_z,
            },
            ids,
        }
    }
}

/// The k largest, ascending by place; of equal ones the first.
fn best(logits: &[f32], k: usize) -> Vec<u32> {
    // The least of the best on top; of equal ones the last.
    let mut heap: BinaryHeap<(Reverse<Ordered>, u32)> = BinaryHeap::with_capacity(k + 1);
    for (stretch, logits) in logits.chunks(STRETCH).enumerate() {
        if heap.len() == k {
            let least = heap.peek().map_or(f32::NEG_INFINITY, |least| least.0.0.0);
            let largest = logits.iter().fold(f32::NEG_INFINITY, |a, &b| a.max(b));
            if largest <= least {
                continue;
            }
        }
        for (at, &logit) in logits.iter().enumerate() {
            let entry = (Reverse(Ordered(logit)), (stretch * STRETCH + at) as u32);
            if heap.len() < k {
                heap.push(entry);
            } else if heap.peek().is_some_and(|worst| entry < *worst) {
                heap.pop();
                heap.push(entry);
            }
        }
    }
    let mut ids: Vec<u32> = heap.into_iter().map(|entry| entry.1).collect();
    ids.sort_unstable();
    ids
}

/// f32 by its total order.
#[derive(Clone, Copy, PartialEq)]
struct Ordered(f32);

impl Eq for Ordered {}

impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ordered {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

/// Σ exp((x − largest) · inverse).
struct Sum<'a> {
    logits: &'a [f32],
    v: usize,
    largest: f32,
    inverse: f32,
}

impl Work for Sum<'_> {
    type Output = f32;
    #[inline(always)]
    fn run<L: Lanes>(self) -> f32 {
        let (largest, inverse) = (L::splat(self.largest), L::splat(self.inverse));
        let whole = self.v / L::COUNT * L::COUNT;
        let mut sum = L::splat(0.0);
        for span in spans::<L>(whole) {
            let x = f32::get::<L>(self.logits, span).sub(largest);
            sum = sum.add(x.mul(inverse).exp());
        }
        // A part of a vector would be filled up with zeros, whose exponentials are not nothing.
        let last = self.logits[whole..self.v].iter();
        let last = last.map(|x| ((x - self.largest) * self.inverse).exp());
        sum.sum() + last.sum::<f32>()
    }
}

#[cfg(test)]
mod tests {
    use super::best;

    #[test]
    fn the_best_are_found_wherever_they_lie() {
        let x: Vec<f32> = (0..1000).map(|i| ((i * 7919) % 1000) as f32).collect();
        for k in [1, 2, 17, 999, 1000] {
            let mut order: Vec<u32> = (0..1000).collect();
            order.sort_by(|&a, &b| x[b as usize].total_cmp(&x[a as usize]));
            order.truncate(k);
            order.sort_unstable();
            assert_eq!(best(&x, k), order, "k = {k}");
        }
        assert_eq!(best(&[1.0; 200], 3), [0, 1, 2], "of equal ones the first");
    }
}
