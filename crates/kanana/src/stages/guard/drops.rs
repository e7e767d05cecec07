//! What became worse: what evaluations found before and after, one by one.
//!
//! Judged are accuracies of questions and the figures of benchmarks that are shares of what was right. A
//! judge's ratings and how far judges agree, and what is better when less, are named and not judged; so is
//! a figure that the answers themselves decide the number of questions of, where that number differs.

use super::Check;
use crate::kinds;
use crate::stages::evaluate::Benchmark;
use crate::stages::{Accuracy, Scores};
use anyhow::{Result, ensure};
use recipe::Artifact;
use serde::Serialize;
use std::collections::BTreeMap;

/// An evaluation that both models took.
#[derive(Serialize)]
pub(super) struct Drop {
    pub(super) name: String,
    pub(super) questions: usize,
    pub(super) before: f64,
    pub(super) after: f64,
}

/// What both models took.
#[derive(Default)]
pub(super) struct Compared {
    pub(super) drops: Vec<Drop>,
    /// Figures that are not judged.
    aside: Vec<String>,
}

/// What a model did in an evaluation.
#[derive(Clone, Copy)]
struct Taken {
    questions: usize,
    value: f64,
}

type Evaluations = BTreeMap<String, Taken>;

/// Every evaluation, which both must have taken alike.
///
/// # Errors
/// A sentence that names what only one took, or what was asked a different number of questions.
pub(super) fn compare(
    before: &Artifact<kinds::Scores>,
    after: &Artifact<kinds::Scores>,
) -> Result<Compared> {
    let [before, after] = [before, after].map(|scores| scores.json::<Scores>(kinds::Scores::FILE));
    compared(&before?, &after?)
}

fn compared(before: &Scores, after: &Scores) -> Result<Compared> {
    let mut drops = pair([
        (&questions(&before.languages), &questions(&after.languages)),
        (&questions(&before.told), &questions(&after.told)),
        (&questions(&before.relations), &questions(&after.relations)),
    ])?;
    // Tasks must be the same, and asked the same number of questions.
    pair([(&tasks(before), &tasks(after))])?;
    let mut aside = Vec::new();
    for was in &before.benchmarks {
        let name = format!("{} {}", was.task, was.estimate.metric.name);
        let same =
            |is: &&Benchmark| is.task == was.task && is.estimate.metric == was.estimate.metric;
        match after.benchmarks.iter().find(same) {
            Some(is) if is_judged(was) && is.estimate.questions == was.estimate.questions => {
                drops.push(Drop {
                    name,
                    questions: was.estimate.questions,
                    before: was.estimate.value,
                    after: is.estimate.value,
                });
            }
            _ => aside.push(name),
        }
    }
    Ok(Compared { drops, aside })
}

/// Whether a figure is a share of what was right.
fn is_judged(figure: &Benchmark) -> bool {
    let metric = &figure.estimate.metric;
    metric.higher_is_better && metric.name != "agreement" && !metric.name.starts_with("score")
}

/// Every task, by the most questions that a figure of it is of.
fn tasks(scores: &Scores) -> Evaluations {
    let mut tasks = Evaluations::new();
    for one in &scores.benchmarks {
        let task = tasks.entry(one.task.clone()).or_insert(Taken {
            questions: 0,
            value: 0.0,
        });
        task.questions = task.questions.max(one.estimate.questions);
    }
    tasks
}

fn questions(accuracies: &BTreeMap<String, Accuracy>) -> Evaluations {
    let taken = accuracies.iter().map(|(name, accuracy)| {
        let taken = Taken {
            questions: accuracy.questions,
            value: accuracy.acc,
        };
        (name.clone(), taken)
    });
    taken.collect()
}

fn pair<const N: usize>(groups: [(&Evaluations, &Evaluations); N]) -> Result<Vec<Drop>> {
    let (mut drops, mut unlike) = (Vec::new(), Vec::new());
    for (before, after) in groups {
        for (name, was) in before {
            match after.get(name) {
                Some(is) if is.questions == was.questions => drops.push(Drop {
                    name: name.clone(),
                    questions: was.questions,
                    before: was.value,
                    after: is.value,
                }),
                Some(is) => unlike.push(format!(
                    "{name} asks {} questions before and {} after",
                    was.questions, is.questions
                )),
                None => unlike.push(format!("{name} is only before")),
            }
        }
        let new = after.keys().filter(|name| !before.contains_key(*name));
        unlike.extend(new.map(|name| format!("{name} is only after")));
    }
    ensure!(
        unlike.is_empty(),
        "the scores before and after are not of the same evaluations, so that a drop could hide in \
         what differs: {}; evaluate both models with the same questions and settings",
        unlike.join(", ")
    );
    Ok(drops)
}

/// Whether any that has enough questions dropped too far.
pub(super) fn judge(limit: f64, least: usize, compared: &Compared) -> Result<Check> {
    let aside = match compared.aside.is_empty() {
        true => String::new(),
        false => format!("; not judged: {}", compared.aside.join(", ")),
    };
    let judged: Vec<&Drop> = compared
        .drops
        .iter()
        .filter(|drop| drop.questions >= least)
        .collect();
    ensure!(
        !judged.is_empty(),
        "no evaluation has at least {least} questions, so that no drop can be told from chance: ask \
         more questions, or lower least_questions{aside}"
    );
    let fell = |drop: &Drop| drop.before - drop.after;
    let most = judged
        .iter()
        .map(|drop| fell(drop))
        .fold(f64::NEG_INFINITY, f64::max);
    let mut named: Vec<&&Drop> = judged.iter().filter(|drop| fell(drop) > limit).collect();
    if named.is_empty() {
        named = judged
            .iter()
            .filter(|drop| fell(drop) == most)
            .take(1)
            .collect();
    }
    let named: Vec<String> = named
        .iter()
        .map(|drop| {
            format!(
                "{} from {:.1} % to {:.1} % of {} questions",
                drop.name,
                100.0 * drop.before,
                100.0 * drop.after,
                drop.questions
            )
        })
        .collect();
    Ok(Check {
        what: "drop",
        limit,
        found: most,
        tripped: most > limit,
        evidence: format!(
            "of {} evaluations the largest drop is {:.1} points: {} (the limit is {:.1}){aside}",
            judged.len(),
            100.0 * most,
            named.join(", "),
            100.0 * limit
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use evals::{Aggregate, Estimate, Metric};

    fn drop(name: &str, questions: usize, before: f64, after: f64) -> Drop {
        Drop {
            name: name.to_owned(),
            questions,
            before,
            after,
        }
    }

    fn judge(limit: f64, least: usize, drops: impl IntoIterator<Item = Drop>) -> Result<Check> {
        let drops = drops.into_iter().collect();
        super::judge(
            limit,
            least,
            &Compared {
                drops,
                aside: vec![],
            },
        )
    }

    #[test]
    fn a_drop_beyond_the_limit_is_named() {
        let drops = || {
            [
                drop("ko", 100, 0.8, 0.5),
                drop("en", 100, 0.8, 0.79),
                drop("rare", 3, 1.0, 0.0),
            ]
        };
        let check = judge(0.1, 30, drops()).unwrap();
        assert!(check.tripped && check.evidence.contains("ko from 80.0 % to 50.0 %"));
        assert!(!check.evidence.contains("rare") && !check.evidence.contains("en from"));
        assert!(!judge(0.31, 30, drops()).unwrap().tripped);
        assert!(judge(0.1, 3, drops()).unwrap().evidence.contains("rare"));
        let error = judge(0.1, 1000, drops()).err().unwrap().to_string();
        assert!(error.contains("1000 questions"), "{error}");
    }

    #[test]
    fn what_only_one_took_is_named() {
        let took = |list: &[(&str, usize)]| -> Evaluations {
            let taken = |questions| Taken {
                questions,
                value: 0.5,
            };
            let all = list.iter();
            all.map(|&(name, questions)| (name.to_owned(), taken(questions)))
                .collect()
        };
        let before = took(&[("all", 40), ("en", 20), ("ko", 20)]);
        assert_eq!(pair([(&before, &before)]).unwrap().len(), 3);
        let after = took(&[("all", 40), ("ko", 19), ("ja", 21)]);
        let error = pair([(&before, &before), (&before, &after)]);
        let error = error.err().unwrap().to_string();
        for word in [
            "en is only before",
            "ja is only after",
            "ko asks 20 questions before and 19 after",
        ] {
            assert!(error.contains(word), "{word:?}: {error}");
        }
        assert!(!error.contains("all"), "{error}");
    }

    #[test]
    fn what_became_better_passes_no_limit() {
        let check = judge(0.0, 30, [drop("ko", 100, 0.5, 0.8)]).unwrap();
        assert!(!check.tripped, "{}", check.evidence);
    }

    /// A benchmark's figures by metric: name, whether more is better, value, questions.
    fn scores(figures: &[(&str, bool, f64, usize)]) -> Scores {
        let figure =
            |&(name, higher_is_better, value, questions): &(&str, bool, f64, usize)| Benchmark {
                task: "calls".to_owned(),
                estimate: Estimate {
                    metric: Metric {
                        name: name.to_owned(),
                        aggregate: Aggregate::Mean,
                        higher_is_better,
                    },
                    value,
                    error: None,
                    low: value,
                    high: value,
                    questions,
                },
            };
        Scores {
            benchmarks: figures.iter().map(figure).collect(),
            ..Scores::default()
        }
    }

    /// A collapse in a benchmark trips, though the questions are answered as before; what a judge says of
    /// itself, and what is of other questions because the answers were others, does not.
    #[test]
    fn benchmarks_are_judged_too() {
        let took = |acc, rated| {
            scores(&[
                ("acc", true, acc, 500),
                ("score", true, 10.0 * acc, 500),
                ("unrated", false, 1.0 - acc, 500),
                ("agreement", true, acc, rated),
                ("pass", true, acc, rated),
            ])
        };
        let both = compared(&took(0.7, 400), &took(0.25, 300)).unwrap();
        let check = super::judge(0.05, 30, &both).unwrap();
        assert!(check.tripped, "{}", check.evidence);
        for words in [
            "of 1 evaluations",
            "calls acc from 70.0 % to 25.0 % of 500 questions",
            "not judged: calls score, calls unrated, calls agreement, calls pass",
        ] {
            assert!(
                check.evidence.contains(words),
                "{words}: {}",
                check.evidence
            );
        }
        let same = compared(&took(0.7, 400), &took(0.7, 400)).unwrap();
        assert!(!super::judge(0.05, 30, &same).unwrap().tripped);
        for (after, words) in [
            (scores(&[]), "calls is only before"),
            (
                scores(&[("acc", true, 0.7, 499)]),
                "calls asks 500 questions before and 499 after",
            ),
        ] {
            let error = compared(&took(0.7, 400), &after).err().unwrap().to_string();
            assert!(error.contains(words), "{error}");
        }
        let ratings = scores(&[("score", true, 7.5, 80)]);
        let error = super::judge(0.05, 30, &compared(&ratings, &ratings).unwrap());
        let error = error.err().unwrap().to_string();
        assert!(error.contains("not judged: calls score"), "{error}");
    }
}
