//! What became worse: accuracy before and after, evaluation by evaluation.

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

/// Every evaluation, which both must have taken alike.
///
/// # Errors
/// A sentence that names what only one took, or what was asked a different number of questions.
pub(super) fn compare(
    before: &Artifact<kinds::Scores>,
    after: &Artifact<kinds::Scores>,
) -> Result<Vec<Drop>> {
    let [before, after] = [before, after].map(|scores| scores.json::<Scores>(kinds::Scores::FILE));
    let (before, after) = (before?, after?);
    pair([
        (&before.languages, &after.languages),
        (&before.told, &after.told),
        (&before.relations, &after.relations),
    ])
}

type Accuracies = BTreeMap<String, Accuracy>;

fn pair<const N: usize>(groups: [(&Accuracies, &Accuracies); N]) -> Result<Vec<Drop>> {
    let (mut drops, mut unlike) = (Vec::new(), Vec::new());
    for (before, after) in groups {
        for (name, was) in before {
            match after.get(name) {
                Some(is) if is.questions == was.questions => drops.push(Drop {
                    name: name.clone(),
                    questions: was.questions,
                    before: was.acc,
                    after: is.acc,
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
pub(super) fn judge(limit: f64, least: usize, drops: &[Drop]) -> Result<Check> {
    let judged: Vec<&Drop> = drops
        .iter()
        .filter(|drop| drop.questions >= least)
        .collect();
    ensure!(
        !judged.is_empty(),
        "no evaluation has at least {least} questions, so that no drop can be told from chance: ask more questions, or lower least_questions"
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
        tripped: most.is_nan() || most > limit,
        evidence: format!(
            "of {} evaluations the largest drop is {:.1} points: {} (the limit is {:.1})",
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

    fn drop(name: &str, questions: usize, before: f64, after: f64) -> Drop {
        Drop {
            name: name.to_owned(),
            questions,
            before,
            after,
        }
    }

    #[test]
    fn a_drop_beyond_the_limit_is_named() {
        let drops = [
            drop("ko", 100, 0.8, 0.5),
            drop("en", 100, 0.8, 0.79),
            drop("rare", 3, 1.0, 0.0),
        ];
        let check = judge(0.1, 30, &drops).unwrap();
        assert!(check.tripped && check.evidence.contains("ko from 80.0 % to 50.0 %"));
        assert!(!check.evidence.contains("rare") && !check.evidence.contains("en from"));
        assert!(!judge(0.31, 30, &drops).unwrap().tripped);
        assert!(judge(0.1, 3, &drops).unwrap().evidence.contains("rare"));
        let error = judge(0.1, 1000, &drops).err().unwrap().to_string();
        assert!(error.contains("1000 questions"), "{error}");
    }

    #[test]
    fn what_only_one_took_is_named() {
        let took = |list: &[(&str, usize)]| -> Accuracies {
            let accuracy = |questions| Accuracy {
                questions,
                ..Accuracy::default()
            };
            let all = list.iter();
            all.map(|&(name, questions)| (name.to_owned(), accuracy(questions)))
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
        let check = judge(0.0, 30, &[drop("ko", 100, 0.5, 0.8)]).unwrap();
        assert!(!check.tripped, "{}", check.evidence);
    }
}
