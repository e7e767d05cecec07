//! From a judge's votes to the marks of turns, and from these to a question's score.
//!
//! The penalty of KoMT-Bench for an answer that is not in Korean: a rating r becomes √r, so that the best
//! of such answers is worth 3.16 of 10.

use crate::ask::Answer;
use crate::judge::{self, agreement};
use crate::task::Score;
use std::fmt::Write as _;

/// What became of a turn.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Mark {
    /// The model did not answer.
    Unanswered,
    /// It answered, and no judge was asked.
    Unjudged,
    /// A judge voted.
    Judged {
        /// One for each vote; `None` where the judge's words have no rating.
        votes: Vec<Option<f64>>,
        /// Whether the penalty is due; `None` where no language is asked for.
        penalised: Option<bool>,
        /// What the judge's failure was, where nothing came.
        failed: Option<String>,
    },
}

/// The lowest rating: what no answer is worth.
const LOWEST: f64 = 1.0;

impl Mark {
    pub(super) fn of(judged: &Answer, penalised: Option<bool>) -> Self {
        Mark::Judged {
            votes: judge::votes(judged)
                .into_iter()
                .map(judge::rating)
                .collect(),
            penalised,
            failed: match judged {
                Answer::Failed(why) => Some(why.clone()),
                _ => None,
            },
        }
    }

    /// The rating without and with the penalty.
    fn value(&self) -> Option<(f64, f64)> {
        match self {
            Mark::Unanswered => Some((LOWEST, LOWEST)),
            Mark::Unjudged => None,
            Mark::Judged {
                votes, penalised, ..
            } => {
                let rated: Vec<f64> = votes.iter().flatten().copied().collect();
                let mean = |of: &dyn Fn(f64) -> f64| {
                    (!rated.is_empty())
                        .then(|| rated.iter().map(|r| of(*r)).sum::<f64>() / rated.len() as f64)
                };
                let plain = mean(&|rating| rating)?;
                let due = *penalised == Some(true);
                Some((plain, if due { mean(&f64::sqrt)? } else { plain }))
            }
        }
    }

    fn say(&self, to: &mut String) {
        match self {
            Mark::Unanswered => to.push('∅'),
            Mark::Unjudged => to.push('?'),
            Mark::Judged {
                votes, penalised, ..
            } => {
                let of =
                    |vote: &Option<f64>| vote.map_or("–".to_owned(), |rating| rating.to_string());
                let votes: Vec<String> = votes.iter().map(of).collect();
                let root = if *penalised == Some(true) { "√" } else { "" };
                let _ = write!(to, "{root}{}", votes.join(", "));
            }
        }
    }
}

/// The marks of a question's turns.
pub(super) struct Marks<'a>(pub(super) &'a [Mark]);

impl Marks<'_> {
    /// `by_language`: whether there is a penalty, and so a score without it.
    pub(super) fn score(&self, by_language: bool) -> Score {
        let mut score = Score::default();
        let values: Vec<_> = self.0.iter().map(Mark::value).collect();
        let mean = |of: &dyn Fn(&(f64, f64)) -> f64| {
            let rated: Vec<f64> = values.iter().flatten().map(of).collect();
            (!rated.is_empty()).then(|| rated.iter().sum::<f64>() / rated.len() as f64)
        };
        let mut put = |name: &str, value: Option<f64>| {
            if let Some(value) = value {
                score.values.insert(name.to_owned(), value);
            }
        };
        put("score", mean(&|(_, penalised)| *penalised));
        for (turn, value) in values.iter().enumerate() {
            put(
                &format!("score_turn_{}", turn + 1),
                value.map(|(_, penalised)| penalised),
            );
        }
        let judged = self.0.iter().filter_map(|mark| match mark {
            Mark::Judged {
                votes, penalised, ..
            } => Some((votes, penalised)),
            _ => None,
        });
        let (mut votes, mut unrated, mut agreed, mut korean) = (0.0, 0.0, vec![], vec![]);
        for (of_turn, penalised) in judged {
            votes += of_turn.len() as f64;
            unrated += of_turn.iter().filter(|vote| vote.is_none()).count() as f64;
            agreed.extend(agreement::equal_pairs(&classes(of_turn)));
            korean.extend(penalised.map(|due| f64::from(u8::from(!due))));
        }
        let average =
            |of: Vec<f64>| (!of.is_empty()).then(|| of.iter().sum::<f64>() / of.len() as f64);
        if by_language {
            put("score_without_penalty", mean(&|(plain, _)| *plain));
        }
        put("korean", average(korean));
        put("agreement", average(agreed));
        put("unrated", (votes > 0.0).then(|| unrated / votes));
        // FastChat's mean is one over turns, not over questions.
        let rated = values.iter().flatten().count() as f64;
        for name in ["score", "score_without_penalty"] {
            if score.values.contains_key(name) {
                score.weights.insert(name.to_owned(), rated);
            }
        }
        for (turn, mark) in self.0.iter().enumerate() {
            if turn > 0 {
                score.taken.push_str(" · ");
            }
            mark.say(&mut score.taken);
        }
        score.note = self.note();
        score
    }

    fn note(&self) -> String {
        let of = |(turn, mark): (usize, &Mark)| {
            let turn = turn + 1;
            match mark {
                Mark::Unanswered => {
                    Some(format!("turn {turn} has no answer and is worth {LOWEST}"))
                }
                Mark::Unjudged => Some(format!("turn {turn} was not judged")),
                Mark::Judged {
                    failed: Some(why), ..
                } => Some(format!("the judge of turn {turn} failed: {why}")),
                Mark::Judged { votes, .. } if votes.iter().all(Option::is_none) => Some(format!(
                    "the judge of turn {turn} gave no rating: it is left out"
                )),
                Mark::Judged {
                    penalised: Some(true),
                    ..
                } => Some(format!(
                    "turn {turn} is not in Korean: the root of its rating counts"
                )),
                Mark::Judged { .. } => None,
            }
        };
        let notes: Vec<String> = self.0.iter().enumerate().filter_map(of).collect();
        notes.join("; ")
    }
}

/// Ratings as classes, by halves of a point.
fn classes(votes: &[Option<f64>]) -> Vec<usize> {
    let class = |rating: f64| (rating * 2.0).round() as usize;
    votes
        .iter()
        .flatten()
        .map(|rating| class(*rating))
        .collect()
}

/// What is to be said of a judge's votes on all turns.
pub(super) fn remarks<'a>(judged: impl Iterator<Item = &'a Answer>) -> Vec<String> {
    let votes: Vec<Vec<Option<f64>>> = judged
        .map(|judged| {
            judge::votes(judged)
                .into_iter()
                .map(judge::rating)
                .collect()
        })
        .collect();
    let all = votes.iter().flatten().count();
    let unrated = votes.iter().flatten().filter(|vote| vote.is_none()).count();
    let mut remarks = Vec::new();
    if unrated > 0 {
        remarks.push(format!(
            "{unrated} of the judge's {all} votes gave no rating from 1 to 10 and do not count"
        ));
    }
    let classes: Vec<Vec<usize>> = votes.iter().map(|votes| classes(votes)).collect();
    if let Some(share) = agreement::interval(&classes, agreement::equal_share) {
        let percent = |share: f64| 100.0 * share;
        let mut remark = format!(
            "the judge's votes on one turn were equal in {:.1} % of pairs [{:.1}, {:.1}]",
            percent(share.value),
            percent(share.low),
            percent(share.high)
        );
        if let Some(kappa) = agreement::interval(&classes, agreement::fleiss) {
            let _ = write!(
                remark,
                ", Fleiss' κ {:.2} [{:.2}, {:.2}]",
                kappa.value, kappa.low, kappa.high
            );
        }
        remarks.push(remark);
    }
    remarks
}
