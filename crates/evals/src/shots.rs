//! The examples before a question: which, and how they are written.
//!
//! As lm-evaluation-harness 0.4.13 does it (`api/samplers.py`, `api/task.py`): either the first of the
//! pool, or drawn for each question anew by Python's `random.Random(1234).sample`, in the order of the
//! questions. A question that stands in the pool itself is never its own example.

use crate::python::Random;
use anyhow::{Result, ensure};

/// lm-eval's seed of draws, unless it is told another.
const SEED: u64 = 1234;

/// Which examples of a pool stand before a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// The first, always the same (`first_n`).
    First,
    /// Drawn for each question (`default`).
    Drawn,
}

/// Draws examples for one question after another.
pub(crate) struct Shots<'a, T> {
    pool: &'a [T],
    choice: Choice,
    count: usize,
    random: Random,
}

impl<'a, T: PartialEq> Shots<'a, T> {
    /// `count` examples a question, out of `pool`, which is called `name` in sentences.
    ///
    /// # Errors
    /// If the pool is too small; `spare` more are wanted where questions are drawn from it too.
    pub(crate) fn new(
        pool: &'a [T],
        choice: Choice,
        count: usize,
        spare: usize,
        name: &str,
    ) -> Result<Shots<'a, T>> {
        ensure!(
            count == 0 || pool.len() >= count + spare,
            "wanted {count} examples before each question, and {name} holds {} rows: \
             ask for fewer shots",
            pool.len()
        );
        Ok(Shots {
            pool,
            choice,
            count,
            random: Random::new(SEED),
        })
    }

    /// The examples of the next question; `own` is the question itself where it stands in the pool.
    ///
    /// # Errors
    /// If too few other rows are left.
    pub(crate) fn next(&mut self, own: Option<&T>) -> Result<Vec<&'a T>> {
        let pool = self.pool;
        if self.count == 0 {
            return Ok(vec![]);
        }
        let other = |row: &&T| own.is_none_or(|own| **row != *own);
        let mut drawn: Vec<&T> = match self.choice {
            Choice::First => pool.iter().filter(other).take(self.count).collect(),
            Choice::Drawn => {
                let wanted = self.count + usize::from(own.is_some());
                let places = self.random.sample(pool.len(), wanted);
                let rows = places.into_iter().map(|place| &pool[place]);
                rows.filter(other).take(self.count).collect()
            }
        };
        if drawn.len() < self.count {
            // twins of the question were drawn with it: once more, from all the others
            let others: Vec<&T> = pool.iter().filter(other).collect();
            ensure!(
                others.len() >= self.count,
                "wanted {} examples, and only {} rows differ from the question: ask for fewer shots",
                self.count,
                others.len()
            );
            let places = self.random.sample(others.len(), self.count);
            drawn = places.into_iter().map(|place| others[place]).collect();
        }
        Ok(drawn)
    }
}

/// The whole context: a description, examples (question and answer), and the question.
/// `delimiter` stands between a question and its answer.
pub(crate) fn context(
    description: &str,
    examples: &[(String, String)],
    delimiter: &str,
    question: &str,
) -> String {
    let mut text = description.to_owned();
    for (question, answer) in examples {
        text.push_str(question);
        // an empty answer is none at all, in lm-eval
        if !answer.is_empty() {
            text.push_str(delimiter);
            text.push_str(answer);
            text.push_str("\n\n");
        }
    }
    text.push_str(question);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_are_not_the_question_itself() {
        let pool = ["a", "b", "c"];
        let mut shots = Shots::new(&pool, Choice::First, 2, 0, "the pool").unwrap();
        assert_eq!(shots.next(None).unwrap(), [&"a", &"b"]);
        assert_eq!(shots.next(Some(&"a")).unwrap(), [&"b", &"c"]);
    }

    #[test]
    fn drawn_ones_are_drawn_anew() {
        let pool = [0, 1, 2, 3, 4];
        let mut shots = Shots::new(&pool, Choice::Drawn, 5, 0, "the pool").unwrap();
        assert_eq!(shots.next(None).unwrap(), [&3, &0, &4, &2, &1]);
        assert_ne!(shots.next(None).unwrap(), [&3, &0, &4, &2, &1]);
    }

    #[test]
    fn twins_of_a_question_are_drawn_again() {
        let pool = [7, 7, 7, 1, 2];
        let mut shots = Shots::new(&pool, Choice::Drawn, 2, 1, "the pool").unwrap();
        for _ in 0..50 {
            let mut drawn = shots.next(Some(&7)).unwrap();
            drawn.sort();
            assert_eq!(drawn, [&1, &2]);
        }
        let mut shots = Shots::new(&pool, Choice::Drawn, 3, 1, "the pool").unwrap();
        let error = shots.next(Some(&7)).unwrap_err().to_string();
        assert!(error.contains("only 2 rows differ"), "{error}");
    }

    #[test]
    fn a_pool_that_is_too_small_is_named() {
        let error = Shots::new(&[1, 2], Choice::First, 5, 0, "dev.csv")
            .err()
            .unwrap();
        assert!(error.to_string().contains("dev.csv holds 2 rows"));
    }
}
