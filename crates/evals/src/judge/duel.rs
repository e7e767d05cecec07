//! Two evaluations of one benchmark put before a judge in pairs, as a task: the first model's answers are what
//! is answered, and the judge is asked about both.
//!
//! What was answered is read from the samples of finished evaluations, so no model is asked again; what the
//! judge says is kept by whoever runs the task, as with any other.

use super::pairs::{Pairs, Turn, compare};
use crate::ask::{Answer, Ask, Request};
use crate::outcome::Saved;
use crate::read::{self, Row};
use crate::run::{Put, Reply, Respondent};
use crate::task::{About, Aggregate, Asked, Metric, Score, Setup, Task};
use anyhow::{Result, ensure};
use chat::Message;
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// Answers of an evaluation by question, turn by turn.
pub type Answers = HashMap<String, Vec<Answer>>;

#[derive(Deserialize)]
struct Sample {
    doc: Document,
    resps: Vec<Value>,
}

#[derive(Deserialize)]
struct Document {
    id: String,
}

/// The answers to a task in the folder of an evaluation.
///
/// # Errors
/// There are none, or they are not answers in words.
pub fn answers(folder: &Path, task: &str) -> Result<Answers> {
    let path = folder.join(Saved::samples_file(task));
    ensure!(
        path.is_file(),
        "{} has no answers to {task}: wanted {} there, as `kanana eval --tasks {task}` writes it",
        folder.display(),
        path.display()
    );
    let mut answers = Answers::new();
    for Row { place, value } in read::json_lines::<Sample>(&path)? {
        let Sample { doc, resps } = value;
        let turns: Result<Vec<Answer>> = resps
            .into_iter()
            .map(|turn| match turn {
                Value::Array(_) => {
                    let messages: Vec<Message> = serde_json::from_value(turn)
                        .map_err(|error| anyhow::anyhow!("{place}: no messages: {error}"))?;
                    // Of several draws the first is the answer.
                    Ok(Answer::Messages(messages.into_iter().take(1).collect()))
                }
                other => Ok(Answer::Failed(
                    other["failed"].as_str().unwrap_or("no answer").to_owned(),
                )),
            })
            .collect();
        answers.insert(doc.id, turns?);
    }
    Ok(answers)
}

/// The comparison.
pub struct Duel {
    pairs: Pairs,
    about: About,
    first: Answers,
    second: Answers,
}

const METRICS: [&str; 3] = ["win_rate", "consistent", "undecided"];

impl Duel {
    /// Of the answers of two models to a task.
    ///
    /// # Errors
    /// The task is not compared in pairs.
    pub fn new(task: &str, setup: &Setup, first: Answers, second: Answers) -> Result<Self> {
        let pairs = Pairs::open(task, setup)?;
        let of = pairs.task().about();
        let metric = |name: &&str| Metric {
            name: (*name).to_owned(),
            aggregate: Aggregate::Mean,
            higher_is_better: *name != "undecided",
        };
        let about = About {
            name: format!("{task}_pairs"),
            summary: "answers of two models side by side, in both orders; a win counts 1, a tie ½"
                .to_owned(),
            protocol: "pairwise, position swapped".to_owned(),
            metrics: METRICS.iter().map(metric).collect(),
            ..of.clone()
        };
        Ok(Duel {
            pairs,
            about,
            first,
            second,
        })
    }

    /// Who answers: what the first model said.
    ///
    /// # Errors
    /// As [`Task::asks`].
    pub fn recorded(&self) -> Result<Recorded> {
        let mut replies = HashMap::new();
        for ask in self.asks()? {
            let said = &self.first[&ask.id];
            let mut request = Some(ask.request.clone());
            for turn in 0..said.len() {
                let Some(put) = request else { break };
                replies.insert(serde_json::to_string(&put)?, said[turn].clone());
                request = self.next(&ask, &said[..=turn]);
            }
        }
        Ok(Recorded { replies })
    }

    fn turns(&self, one: &Asked<'_>) -> Vec<Turn> {
        let second = self.second.get(&one.ask.id).map_or(&[][..], Vec::as_slice);
        let turns = self.pairs.turns(one.ask, one.answers, second, one.judged);
        turns.unwrap_or_default()
    }
}

impl Task for Duel {
    fn about(&self) -> &About {
        &self.about
    }

    /// The questions that both have answered, each of which the judge can be asked about.
    fn asks(&self) -> Result<Vec<Ask>> {
        let mut asks = self.pairs.task().asks()?;
        asks.retain(|ask| self.first.contains_key(&ask.id) && self.second.contains_key(&ask.id));
        ensure!(
            !asks.is_empty(),
            "no question of {} was answered in both evaluations: are they of one benchmark?",
            self.pairs.task().about().name
        );
        // `judge` cannot say that a prompt is amiss: whoever asks comes by here first.
        for ask in &asks {
            self.pairs.check(ask)?;
        }
        Ok(asks)
    }

    fn next(&self, ask: &Ask, answers: &[Answer]) -> Option<Request> {
        self.pairs.task().next(ask, answers)
    }

    fn judge(&self, ask: &Ask, answers: &[Answer]) -> Vec<Request> {
        let second = self.second.get(&ask.id).map_or(&[][..], Vec::as_slice);
        let requests = self.pairs.requests(ask, answers, second);
        // They were put once already, by `asks`.
        requests.unwrap_or_default()
    }

    fn score(&self, ask: &Ask, answers: &[Answer], judged: &[Answer]) -> Score {
        let one = Asked {
            ask,
            answers,
            judged,
        };
        let found = compare(&[self.turns(&one)]);
        let votes = found.wins + found.losses + found.ties + found.undecided;
        let mut values = BTreeMap::new();
        let mut put = |name: &str, value: Option<f64>| {
            if let Some(value) = value {
                values.insert(name.to_owned(), value);
            }
        };
        put("win_rate", found.rate.map(|rate| rate.value));
        put("consistent", found.consistent.map(|share| share.value));
        put(
            "undecided",
            (votes > 0).then(|| found.undecided as f64 / votes as f64),
        );
        Score {
            values,
            taken: format!(
                "{} won, {} lost, {} tied",
                found.wins, found.losses, found.ties
            ),
            note: match found.undecided {
                0 => String::new(),
                some => format!("{some} votes without a verdict in one of the orders"),
            },
            ..Score::default()
        }
    }

    fn remarks(&self, asked: &[Asked<'_>]) -> Vec<String> {
        let turns: Vec<Vec<Turn>> = asked.iter().map(|one| self.turns(one)).collect();
        let found = compare(&turns);
        let mut remarks = vec![format!(
            "the first model won {} votes, lost {}, tied {}; {} were undecided",
            found.wins, found.losses, found.ties, found.undecided
        )];
        if let Some(share) = found.consistent {
            remarks.push(format!(
                "the judge said the same in both orders in {:.1} % of votes [{:.1}, {:.1}]{}",
                100.0 * share.value,
                100.0 * share.low,
                100.0 * share.high,
                found
                    .kappa
                    .map_or(String::new(), |kappa| format!(", Cohen's κ {kappa:.2}"))
            ));
        }
        remarks
    }
}

/// Somebody who says again what was said.
pub struct Recorded {
    replies: HashMap<String, Answer>,
}

impl Respondent for Recorded {
    fn identity(&self) -> String {
        let mut replies: Vec<_> = self.replies.iter().collect();
        replies.sort_by_key(|(request, _)| *request);
        let bytes = serde_json::to_vec(&replies).expect("plain data");
        let hash = blake3::hash(&bytes).to_hex();
        format!("answers of a finished evaluation, {}", &hash[..16])
    }

    fn answer(
        &mut self,
        put: &[Put<'_>],
        deliver: &mut dyn FnMut(usize, Reply) -> Result<()>,
    ) -> Result<()> {
        for (at, put) in put.iter().enumerate() {
            let found = self.replies.get(&serde_json::to_string(put.request)?);
            let unknown = || Answer::Failed("the evaluation has no answer to this".to_owned());
            deliver(at, found.cloned().unwrap_or_else(unknown).into())?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests write files of their own")]
mod tests {
    use super::*;
    use crate::run::{Cache, Settings, Silent, run};
    use crate::tasks::mt_bench::tests::{PROMPTS, bench, setup};
    use serde_json::json;

    /// A judge who prefers the longer conversation, and at first whatever stands first.
    struct Long;

    impl Respondent for Long {
        fn identity(&self) -> String {
            "long".to_owned()
        }

        fn answer(
            &mut self,
            put: &[Put<'_>],
            deliver: &mut dyn FnMut(usize, Reply) -> Result<()>,
        ) -> Result<()> {
            for (at, put) in put.iter().enumerate() {
                let Request::Converse { messages, .. } = put.request else {
                    panic!("a judge converses")
                };
                let words = messages.last().unwrap().content.clone().unwrap();
                let parts: Vec<&str> = words.split('|').collect();
                let said = match parts.len() {
                    // A first turn without a reference: question, a, b.
                    3 => "[[A]]",
                    _ if parts.last().unwrap().len() > 9 => "[[B]]",
                    _ => "[[A]]",
                };
                deliver(at, Answer::Messages(vec![Message::assistant(said)]).into())?;
            }
            Ok(())
        }
    }

    fn evaluation(folder: &Path, name: &str, answers: [&str; 2]) -> std::path::PathBuf {
        let folder = folder.join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let message = |words: &str| json!([{"role": "assistant", "content": words}]);
        let lines = [
            json!({"doc": {"id": "81", "group": "writing"}, "resps": [message(answers[0]), message(answers[1])], "more": 1}),
            json!({"doc": {"id": "one", "group": "stem"}, "resps": [{"failed": "full"}]}),
        ];
        let text = lines.map(|line| line.to_string()).join("\n");
        std::fs::write(folder.join("samples_mt_bench.jsonl"), text).unwrap();
        folder
    }

    #[test]
    fn finished_evaluations_are_compared_without_asking_again() {
        let (data, _bench) = bench();
        let first = evaluation(data.path(), "a", ["하와이는 좋다", "또한 하와이는 참 좋다"]);
        let second = evaluation(data.path(), "b", ["섬", "섬"]);
        let read = |folder: &Path| answers(folder, "mt_bench").unwrap();
        let duel = Duel::new("mt_bench", &setup(data.path()), read(&first), read(&second)).unwrap();
        let mut recorded = duel.recorded().unwrap();
        let mut cache = Cache::in_memory();
        let outcome = run(
            &duel,
            &mut recorded,
            Some(&mut Long),
            &mut cache,
            &Settings::default(),
            &mut Silent,
        )
        .unwrap();
        let score = |at: usize| &outcome.questions[at].score;
        // The first turn is a change of mind, the second a win; neither answered the other question.
        assert_eq!(score(0).values["win_rate"], 0.75, "{:?}", score(0));
        assert_eq!(score(0).values["consistent"], 0.5);
        assert_eq!(score(1).values["win_rate"], 0.5);
        assert_eq!(
            outcome.remarks[0],
            "the first model won 1 votes, lost 0, tied 2; 0 were undecided"
        );
        assert!(
            outcome.remarks[1].contains("50.0 % of votes"),
            "{:?}",
            outcome.remarks
        );
    }

    #[test]
    fn another_models_answers_are_not_taken_from_the_same_cache() {
        let (data, _bench) = bench();
        let second = evaluation(data.path(), "b", ["섬", "섬"]);
        let read = |folder: &Path| answers(folder, "mt_bench").unwrap();
        let mut cache = Cache::in_memory();
        for said in ["하와이는 좋다", "제주는 좋다", "하와이는 좋다"] {
            let first = evaluation(data.path(), "a", [said, "또한 참 좋다"]);
            let duel =
                Duel::new("mt_bench", &setup(data.path()), read(&first), read(&second)).unwrap();
            let mut recorded = duel.recorded().unwrap();
            let outcome = run(
                &duel,
                &mut recorded,
                Some(&mut Long),
                &mut cache,
                &Settings::default(),
                &mut Silent,
            )
            .unwrap();
            let words = [said, "또한 참 좋다"]
                .map(|words| Answer::Messages(vec![Message::assistant(words)]));
            assert_eq!(outcome.questions[0].answers, words);
            let again = duel.recorded().unwrap().identity();
            assert_eq!(again, outcome.respondent, "the same answers, the same name");
        }
    }

    #[test]
    fn a_prompt_that_cannot_be_put_is_told_before_a_judge_is_asked() {
        let (data, _bench) = bench();
        let folder = evaluation(data.path(), "a", ["섬은 좋다", "정말 좋다"]);
        let read = || answers(&folder, "mt_bench").unwrap();
        let prompts = data.path().join("mt_bench/judge_prompts.jsonl");
        let without = |name: &str| -> String {
            let named = format!("\"name\": \"{name}\"");
            let lines = PROMPTS.lines().filter(|line| !line.contains(&named));
            lines.collect::<Vec<_>>().join("\n")
        };
        for (prompt, wanted) in [
            (without("pair-v2"), "wanted a prompt called \"pair-v2\""),
            (
                without("pair-v2-multi-turn"),
                "wanted a prompt called \"pair-v2-multi-turn\"",
            ),
            (
                PROMPTS.replace("|{answer_b_2}", ""),
                "no place for {answer_b_2}",
            ),
        ] {
            std::fs::write(&prompts, prompt).unwrap();
            let duel = Duel::new("mt_bench", &setup(data.path()), read(), read()).unwrap();
            let error = duel.recorded().err().map(|error| format!("{error:#}"));
            let error = error.expect("an error");
            assert!(error.contains(wanted), "{error}");
        }
        // Nobody answered a question of mathematics, so its prompts are not wanted.
        std::fs::write(&prompts, without("pair-math-v1")).unwrap();
        let duel = Duel::new("mt_bench", &setup(data.path()), read(), read()).unwrap();
        assert_eq!(duel.asks().unwrap().len(), 2);
    }

    #[test]
    fn what_is_not_an_evaluation_is_told() {
        let (data, _bench) = bench();
        let error = answers(data.path(), "mt_bench").unwrap_err().to_string();
        assert!(error.contains("has no answers to mt_bench"), "{error}");
        let duel = Duel::new(
            "mt_bench",
            &setup(data.path()),
            Answers::new(),
            Answers::new(),
        );
        let error = duel.unwrap().asks().unwrap_err().to_string();
        assert!(error.contains("no question of mt_bench"), "{error}");
    }
}
