//! Decides which fact is told where, how often and with questions.
//!
//! The facts of a relation are dealt like cards, value by value, so that every arm has its
//! exact share and meets every value, and each language hears each value equally often. A
//! value heard more often is a better guess: arms whose values differ in that would differ in
//! accuracy for no good reason.

use crate::fact::Told;
use crate::random::Random;
use crate::relation::Relation;
use crate::truth::Truth;
use crate::{Language, Settings};

impl Truth {
    /// Deals languages, levels and questions over the facts of each relation.
    pub(crate) fn deal(&mut self, seed: u64, settings: &Settings) {
        let mut random = Random::new(seed, "deal");
        let levels = settings.tellings.len();
        for arithmetic in [false, true] {
            let nowhere = if arithmetic {
                settings.sums_held_out
            } else {
                settings.nowhere
            };
            let both = 1.0 - nowhere - settings.english_only - settings.korean_only;
            let shares = [both, settings.english_only, settings.korean_only, nowhere];
            let mut arms = Arms {
                shares: shares.map(millionths),
                owed: [0; 4],
            };
            let answers = [1.0 - settings.qa_trained, settings.qa_trained].map(millionths);
            let mut questions: Vec<Dealer> = (0..Told::ALL.len() * levels)
                .map(|_| Dealer::new(&answers))
                .collect();
            let mut turn = 0;
            for relation in Relation::ALL {
                if relation.is_arithmetic() != arithmetic {
                    continue;
                }
                let blocks = self.blocks(relation, &mut random);
                let told = if arithmetic {
                    arms.interleaved(&blocks)
                } else {
                    arms.dealt(&blocks)
                };
                for (block, told) in blocks.iter().zip(told) {
                    let level = levels_of(&told, turn, levels);
                    turn += 1;
                    for ((&at, arm), level) in block.iter().zip(told).zip(level) {
                        let fact = &mut self.facts[at];
                        fact.told = Told::ALL[arm];
                        if fact.told == Told::Nowhere {
                            continue;
                        }
                        fact.qa_trained = questions[arm * levels + level].next() == 1;
                        if !arithmetic {
                            self.level[at] = settings.tellings[level];
                        }
                    }
                }
            }
        }
    }

    /// The facts of a relation, a block for each value, shuffled within.
    fn blocks(&self, relation: Relation, random: &mut Random) -> Vec<Vec<usize>> {
        let mut blocks = vec![Vec::new(); self.values_of(relation).len()];
        for (at, fact) in self.facts.iter().enumerate() {
            if fact.relation == relation {
                blocks[self.value[at]].push(at);
            }
        }
        for block in &mut blocks {
            random.shuffle(block);
        }
        blocks
    }
}

/// Levels for the facts of one value, so that each language hears each value equally often:
/// the facts a language is told take the levels in turn. The turn moves on from value to
/// value, so that every arm meets every level.
fn levels_of(told: &[usize], turn: usize, levels: usize) -> Vec<usize> {
    let mut heard = [0; 2];
    let mut level = vec![0; told.len()];
    for arm in 0..Told::ALL.len() {
        for place in (0..told.len()).filter(|&place| told[place] == arm) {
            let listeners = Language::ALL.map(|language| Told::ALL[arm].includes(language));
            let most = (0..2)
                .filter(|&n| listeners[n])
                .map(|n| heard[n])
                .max()
                .unwrap_or(0);
            level[place] = (turn + most) % levels;
            for (heard, listens) in heard.iter_mut().zip(listeners) {
                *heard += usize::from(listens);
            }
        }
    }
    level
}

/// Shares in millionths, so that what is dealt does not hang on rounding.
fn millionths(share: f64) -> i64 {
    (share * 1e6).round() as i64
}

/// How many facts of each relation are told in both languages, in one, or nowhere (in the
/// order of [`Told::ALL`]); what is owed is carried to the next relation.
struct Arms {
    shares: [i64; 4],
    owed: [i64; 4],
}

impl Arms {
    /// The arm of each fact of each block, where blocks are of one size, give or take one:
    /// cards sorted by arm are dealt round the blocks, so that every arm meets every value
    /// equally often.
    fn dealt(&mut self, blocks: &[Vec<usize>]) -> Vec<Vec<usize>> {
        let counts = self.counts(blocks.iter().map(Vec::len).sum(), blocks.len());
        let cards = counts
            .into_iter()
            .enumerate()
            .flat_map(|(arm, n)| std::iter::repeat_n(arm, n));
        let mut told = vec![Vec::new(); blocks.len()];
        for (card, arm) in cards.enumerate() {
            told[card % blocks.len()].push(arm);
        }
        told
    }

    /// The same where blocks differ in size, as those of sums do: arms alternate along the
    /// facts in the order of their values.
    fn interleaved(&mut self, blocks: &[Vec<usize>]) -> Vec<Vec<usize>> {
        let facts = blocks.iter().map(Vec::len).sum();
        let mut arm = Dealer::new(&self.counts(facts, facts).map(|count| count as i64));
        blocks
            .iter()
            .map(|block| block.iter().map(|_| arm.next()).collect())
            .collect()
    }

    /// The counts nearest to what is owed of which each allows four balanced options by
    /// itself: none, or at least four times as many as facts share a value.
    fn counts(&mut self, facts: usize, values: usize) -> [usize; 4] {
        const ONE: i64 = 1_000_000;
        const NEAR: i64 = 9;
        if facts == 0 {
            return [0; 4];
        }
        for (owed, share) in self.owed.iter_mut().zip(self.shares) {
            *owed += share * facts as i64;
        }
        let fits =
            |count: i64| count == 0 || count as usize >= 4 * (count as usize).div_ceil(values);
        let candidates = self.owed.map(|owed| {
            let near = owed / ONE - NEAR..=owed / ONE + NEAR;
            near.filter(|&count| (0..=facts as i64).contains(&count) && fits(count))
                .chain([0]) // an arm that is owed less than nothing
                .collect::<Vec<i64>>()
        });
        let mut best = None;
        for &english in &candidates[1] {
            for &korean in &candidates[2] {
                for &nowhere in &candidates[3] {
                    let counts = [
                        facts as i64 - english - korean - nowhere,
                        english,
                        korean,
                        nowhere,
                    ];
                    let wanted = counts
                        .iter()
                        .zip(self.shares)
                        .all(|(&n, share)| n == 0 || share > 0);
                    if counts[0] >= 0 && fits(counts[0]) && wanted {
                        let off: i64 = counts
                            .iter()
                            .zip(self.owed)
                            .map(|(n, owed)| (owed - n * ONE).abs())
                            .sum();
                        if best.is_none_or(|best| (off, counts) < best) {
                            best = Some((off, counts));
                        }
                    }
                }
            }
        }
        // Without any such counts the largest share takes all: the arms stay clean.
        let counts = best.map_or_else(
            || {
                let most = (0..4).max_by_key(|&arm| self.owed[arm]).unwrap_or(0);
                std::array::from_fn(|arm| if arm == most { facts as i64 } else { 0 })
            },
            |(_, counts)| counts,
        );
        for (owed, count) in self.owed.iter_mut().zip(counts) {
            *owed -= count * ONE;
        }
        counts.map(|count| count as usize)
    }
}

/// Deals cards in fixed shares, as evenly as can be: always the kind that is most behind.
struct Dealer {
    shares: Vec<i64>,
    owed: Vec<i64>,
}

impl Dealer {
    fn new(shares: &[i64]) -> Dealer {
        Dealer {
            owed: vec![0; shares.len()],
            shares: shares.to_vec(),
        }
    }

    fn next(&mut self) -> usize {
        for (owed, share) in self.owed.iter_mut().zip(&self.shares) {
            *owed += share;
        }
        let most = (0..self.owed.len())
            .filter(|&kind| self.shares[kind] > 0)
            .max_by_key(|&kind| (self.owed[kind], std::cmp::Reverse(kind)))
            .unwrap_or(0);
        self.owed[most] -= self.shares.iter().sum::<i64>();
        most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dealer_keeps_its_shares_at_every_moment() {
        let mut dealer = Dealer::new(&[2, 1, 1]);
        let mut seen = [0_usize; 3];
        for n in 1..=400 {
            seen[dealer.next()] += 1;
            assert!(
                seen[0].abs_diff(n / 2) <= 1 && seen[1].abs_diff(n / 4) <= 1,
                "{n}: {seen:?}"
            );
        }
        assert_eq!(seen, [200, 100, 100]);
        let mut never = Dealer::new(&[1, 0]);
        assert!((0..100).all(|_| never.next() == 0));
    }

    #[test]
    fn arms_are_fit_for_questions_and_right_in_the_long_run() {
        for (facts, values) in [(16, 4), (20, 5), (81, 81), (6, 6), (200, 8)] {
            let shares = [480_000, 240_000, 240_000, 40_000];
            let mut arms = Arms {
                shares,
                owed: [0; 4],
            };
            let mut sum = [0; 4];
            for _ in 0..100 {
                let counts = arms.counts(facts, values);
                assert_eq!(counts.iter().sum::<usize>(), facts);
                for count in counts {
                    assert!(
                        count == 0 || count >= 4 * count.div_ceil(values),
                        "{counts:?}"
                    );
                }
                sum.iter_mut()
                    .zip(counts)
                    .for_each(|(sum, count)| *sum += count);
            }
            for (sum, share) in sum.into_iter().zip([48, 24, 24, 4]) {
                assert!(
                    sum.abs_diff(facts * share) <= 8,
                    "{sum} against {}",
                    facts * share
                );
            }
        }
        let mut single = Arms {
            shares: [0, 1_000_000, 0, 0],
            owed: [0; 4],
        };
        assert_eq!(single.counts(5, 5), [0, 5, 0, 0]);
    }

    #[test]
    fn both_languages_hear_every_value_equally_often() {
        let world = Truth::new(
            7,
            &Settings {
                english_only: 0.25,
                korean_only: 0.25,
                nowhere: 0.0,
                ..Settings::default()
            },
        );
        for relation in Relation::ALL
            .into_iter()
            .filter(|relation| !relation.is_arithmetic())
        {
            let mut heard = vec![[0; 2]; world.values_of(relation).len()];
            for (at, fact) in world.facts.iter().enumerate() {
                for (n, language) in Language::ALL.into_iter().enumerate() {
                    if fact.relation == relation && fact.told.includes(language) {
                        heard[world.value[at]][n] += world.level[at];
                    }
                }
            }
            let counts: Vec<u32> = heard.into_iter().flatten().collect();
            assert!(
                counts.iter().all(|&n| n == counts[0]),
                "{relation:?}: {counts:?}"
            );
        }
    }
}
