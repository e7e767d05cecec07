//! What became worse: what evaluations found before and after, one by one.
//!
//! Judged is what is a share, and better when more of it: accuracies of questions, and the figures of
//! benchmarks that lie between −1 and 1 (accuracies, F1, correlations). Others (bits per byte, a judge's
//! ratings) are named, not judged.

use super::Check;
use crate::kinds;
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
    /// Figures that are no shares.
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
    let [mut was, mut is] = [before, after].map(benchmarks);
    // A figure beyond that is no share of anything, whatever it is afterwards.
    let aside: Vec<String> = was
        .iter()
        .filter(|(_, taken)| taken.value.abs() > 1.0)
        .map(|(name, _)| name.clone())
        .collect();
    for name in &aside {
        was.remove(name);
        is.remove(name);
    }
    let lower = before
        .benchmarks
        .iter()
        .filter(|one| !one.estimate.metric.higher_is_better);
    let lower = lower.map(|one| format!("{} {}", one.task, one.estimate.metric.name));
    Ok(Compared {
        drops: pair([
            (&questions(&before.languages), &questions(&after.languages)),
            (&questions(&before.told), &questions(&after.told)),
            (&questions(&before.relations), &questions(&after.relations)),
            (&was, &is),
        ])?,
        aside: aside.into_iter().chain(lower).collect(),
    })
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

/// Every figure of which more is better, by task and metric.
fn benchmarks(scores: &Scores) -> Evaluations {
    let better = scores
        .benchmarks
        .iter()
        .filter(|one| one.estimate.metric.higher_is_better);
    let taken = better.map(|one| {
        let taken = Taken {
            questions: one.estimate.questions,
            value: one.estimate.value,
        };
        (format!("{} {}", one.task, one.estimate.metric.name), taken)
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
        false => format!(
            "; not judged, being no shares: {}",
            compared.aside.join(", ")
        ),
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
    // What is no number has dropped as far as can be.
    let fell = |drop: &Drop| match drop.before - drop.after {
        fell if fell.is_nan() => f64::INFINITY,
        fell => fell,
    };
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
    use crate::stages::evaluate::Benchmark;
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

    #[test]
    fn what_is_no_number_is_the_largest_drop() {
        let check = judge(
            0.5,
            30,
            [drop("ko", 100, 0.5, f64::NAN), drop("en", 100, 0.5, 0.5)],
        );
        let check = check.unwrap();
        assert!(
            check.tripped && check.evidence.contains("ko"),
            "{}",
            check.evidence
        );
    }

    /// A benchmark's figures by metric: name, whether more is better, value.
    fn scores(figures: &[(&str, bool, f64)]) -> Scores {
        let figure = |&(name, higher_is_better, value): &(&str, bool, f64)| Benchmark {
            task: "mmlu".to_owned(),
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
                questions: 14_042,
            },
        };
        Scores {
            benchmarks: figures.iter().map(figure).collect(),
            ..Scores::default()
        }
    }

    /// A collapse in a benchmark trips, though the questions are answered as before.
    #[test]
    fn benchmarks_are_judged_too() {
        let before = scores(&[
            ("acc", true, 0.7),
            ("rating", true, 7.5),
            ("bits", false, 0.9),
        ]);
        let after = scores(&[
            ("acc", true, 0.25),
            ("rating", true, 0.5),
            ("bits", false, 1.9),
        ]);
        let both = compared(&before, &after).unwrap();
        let check = super::judge(0.05, 30, &both).unwrap();
        assert!(check.tripped, "{}", check.evidence);
        for words in [
            "mmlu acc from 70.0 % to 25.0 %",
            "no shares: mmlu rating, mmlu bits",
        ] {
            assert!(
                check.evidence.contains(words),
                "{words}: {}",
                check.evidence
            );
        }
        assert!(
            !super::judge(0.05, 30, &compared(&before, &before).unwrap())
                .unwrap()
                .tripped
        );
        let error = compared(&before, &scores(&[])).err().unwrap().to_string();
        assert!(error.contains("mmlu acc is only before"), "{error}");
        let ratings = compared(
            &scores(&[("rating", true, 7.5)]),
            &scores(&[("rating", true, 7.0)]),
        );
        let error = super::judge(0.05, 30, &ratings.unwrap())
            .err()
            .unwrap()
            .to_string();
        assert!(error.contains("mmlu rating"), "{error}");
    }
}
