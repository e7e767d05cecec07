//! MT-Bench: two questions in one conversation, each answer rated from 1 to 10 by a judge (Zheng et al., 2023).
//!
//! Prompts of the judge, temperature by category and the rating's extraction are FastChat's. A score is the
//! mean over the turns that were rated; an answer that never came is worth 1, the lowest; a judge who
//! gives no rating leaves the turn out and is counted. Mathematics, reasoning and coding are judged beside
//! a reference answer. With several votes a turn is worth their mean. The pairwise form is in
//! `judge/pairs.rs`; `tasks/komt_bench.rs` is the same in Korean.

mod marks;

use crate::ask::{Answer, Ask, Draw, Request};
use crate::judge::{self, Prompts, fill};
use crate::read::{self, Row};
use crate::task::{About, Aggregate, Asked, Kind, Metric, Score, Setup, Task, Told};
use anyhow::{Result, ensure};
use chat::Message;
use marks::{Mark, Marks};
use serde::Deserialize;
use serde_json::Value;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

/// The shelf's lines.
pub const KINDS: &[Kind] = &[Kind {
    name: "mt_bench",
    needs: &[
        "mt_bench/question.jsonl",
        "mt_bench/reference_answer",
        "mt_bench/judge_prompts.jsonl",
    ],
    open: |setup| Ok(Box::new(english(setup))),
}];

/// Tokens of an answer, FastChat's.
const LIMIT: usize = 1024;
/// Categories that are judged beside a reference.
const WITH_REFERENCE: [&str; 3] = ["math", "reasoning", "coding"];

/// A benchmark of conversations of one or two turns.
pub(crate) struct Bench {
    pub(crate) about: About,
    pub(crate) questions: PathBuf,
    pub(crate) references: PathBuf,
    pub(crate) prompts: PathBuf,
    /// Whose answers may be in another language than Korean; `None` where no language is asked for.
    pub(crate) other_languages: Option<&'static [&'static str]>,
    pub(crate) read: OnceLock<Arc<Read>>,
}

/// What was read.
pub(crate) struct Read {
    questions: Vec<Question>,
    places: HashMap<String, usize>,
    prompts: Prompts,
}

/// A conversation to be had.
pub(crate) struct Question {
    pub(crate) id: String,
    category: String,
    turns: Vec<String>,
    /// Empty where the category needs none.
    references: Vec<String>,
}

#[derive(Deserialize)]
struct QuestionRow {
    question_id: Value,
    category: String,
    turns: Vec<String>,
}

#[derive(Deserialize)]
struct ReferenceRow {
    question_id: Value,
    choices: Vec<Choice>,
}

#[derive(Deserialize)]
struct Choice {
    turns: Vec<String>,
}

pub(crate) fn english(setup: &Setup) -> Bench {
    let folder = setup.data.join("mt_bench");
    Bench {
        about: about(
            "mt_bench",
            "en",
            "lm-sys/FastChat, fastchat/llm_judge/data",
            &[],
        ),
        questions: folder.join("question.jsonl"),
        references: folder.join("reference_answer"),
        prompts: folder.join("judge_prompts.jsonl"),
        other_languages: None,
        read: OnceLock::new(),
    }
}

/// What is said of such a benchmark.
pub(crate) fn about(name: &str, language: &str, source: &str, more: &[&str]) -> About {
    let metric = |name: &str| Metric {
        name: name.to_owned(),
        aggregate: Aggregate::Mean,
        higher_is_better: name != "unrated",
    };
    let names = [
        "score",
        "score_turn_1",
        "score_turn_2",
        "agreement",
        "unrated",
    ];
    About {
        name: name.to_owned(),
        summary: "conversations of two turns, rated from 1 to 10 by a judge".to_owned(),
        language: language.to_owned(),
        protocol: "two turns, temperature by category, single-answer grading".to_owned(),
        source: source.to_owned(),
        version: 1,
        metrics: names.iter().chain(more).map(|name| metric(name)).collect(),
    }
}

/// FastChat's temperatures; a category it does not know is written as `writing` is.
fn temperature(category: &str) -> f32 {
    match category {
        "extraction" | "math" | "coding" | "reasoning" => 0.0,
        "stem" | "humanities" => 0.1,
        _ => 0.7,
    }
}

fn name(id: &Value) -> String {
    id.as_str().map_or_else(|| id.to_string(), str::to_owned)
}

impl Bench {
    /// The files, read once.
    pub(crate) fn read(&self) -> Result<Arc<Read>> {
        if let Some(read) = self.read.get() {
            return Ok(read.clone());
        }
        let read = self.files()?;
        Ok(self.read.get_or_init(|| Arc::new(read)).clone())
    }

    fn files(&self) -> Result<Read> {
        let prompts = Prompts::read(&self.prompts)?;
        let mut references = self.references()?;
        let rows: Vec<Row<QuestionRow>> = read::json_lines(&self.questions)?;
        let mut read = Read {
            questions: Vec::with_capacity(rows.len()),
            places: HashMap::with_capacity(rows.len()),
            prompts,
        };
        for Row { place, value } in rows {
            let id = name(&value.question_id);
            ensure!(
                (1..=2).contains(&value.turns.len()),
                "{place}: question {id} has {} turns; wanted 1 or 2",
                value.turns.len()
            );
            let needed = WITH_REFERENCE.contains(&&*value.category);
            let references = match references.remove(&id) {
                Some(reference) if needed => reference,
                _ => vec![],
            };
            ensure!(
                !needed || references.len() >= value.turns.len(),
                "{place}: question {id} ({}) is judged beside a reference, and {} has none for each of its turns",
                value.category,
                self.references.display()
            );
            let before = read.places.insert(id.clone(), read.questions.len());
            ensure!(before.is_none(), "{place}: question {id} is there twice");
            read.questions.push(Question {
                id,
                category: value.category,
                turns: value.turns,
                references,
            });
        }
        // So that a prompt that lacks a place is an error now, and not when answers have been paid for.
        for question in &read.questions {
            for turn in 0..question.turns.len() {
                read.prompt("single", question, turn, &[("answer", &["", ""])])?;
            }
        }
        Ok(read)
    }

    /// GPT-4's answers as FastChat ships them, else those of the only file that is there.
    fn references(&self) -> Result<HashMap<String, Vec<String>>> {
        let usual = self.references.join("gpt-4.jsonl");
        let file = match usual.is_file() {
            true => usual,
            false => {
                let mut files = read::folder(&self.references, &[".jsonl"])?;
                ensure!(
                    files.len() == 1,
                    "{}: wanted gpt-4.jsonl or one file of references, found {}",
                    self.references.display(),
                    files.len()
                );
                files.remove(0)
            }
        };
        let rows: Vec<Row<ReferenceRow>> = read::json_lines(&file)?;
        let mut references = HashMap::with_capacity(rows.len());
        for Row { place, value } in rows {
            let turns = value.choices.into_iter().next().map(|choice| choice.turns);
            let id = name(&value.question_id);
            ensure!(
                turns.is_some(),
                "{place}: the reference of {id} has no choices"
            );
            references.insert(id, turns.unwrap_or_default());
        }
        Ok(references)
    }

    fn question(&self, ask: &Ask) -> Option<(Arc<Read>, usize)> {
        let read = self.read().ok()?;
        let place = *read.places.get(&ask.id)?;
        Some((read, place))
    }
}

impl Read {
    pub(crate) fn question(&self, id: &str) -> Option<&Question> {
        Some(&self.questions[*self.places.get(id)?])
    }

    /// What a judge is asked about a turn. `answers` are the names of answers in the prompt (`answer`, or
    /// `answer_a` and `answer_b`) and their turns.
    pub(crate) fn prompt(
        &self,
        form: &str,
        question: &Question,
        turn: usize,
        answers: &[(&str, &[&str])],
    ) -> Result<Request> {
        let kind = match (form, question.references.is_empty()) {
            ("single", true) => "single-v1",
            ("single", false) => "single-math-v1",
            (_, true) => "pair-v2",
            (_, false) => "pair-math-v1",
        };
        let both = turn > 0;
        let end = if both { "-multi-turn" } else { "" };
        let prompt = self.prompts.get(&format!("{kind}{end}"))?;
        let mut values: Vec<(String, &str)> = Vec::new();
        if both {
            for at in 0..=turn {
                values.push((format!("question_{}", at + 1), &question.turns[at]));
                for (name, turns) in answers {
                    values.push((format!("{name}_{}", at + 1), turns[at]));
                }
            }
        } else {
            values.push(("question".to_owned(), &question.turns[0]));
            answers
                .iter()
                .for_each(|(name, turns)| values.push(((*name).to_owned(), turns[0])));
        }
        for (at, reference) in question.references.iter().take(turn + 1).enumerate() {
            values.push((format!("ref_answer_{}", at + 1), reference));
        }
        let values: Vec<(&str, &str)> = values
            .iter()
            .map(|(name, value)| (&**name, *value))
            .collect();
        let words = fill(&prompt.prompt_template, &values)?;
        Ok(judge::request(&prompt.system_prompt, words))
    }
}

impl Question {
    pub(crate) fn turns(&self) -> usize {
        self.turns.len()
    }
}

/// The turns that were answered, from the first to the last before one that was not, without the white space
/// around them.
pub(crate) fn answered(answers: &[Answer]) -> Vec<&str> {
    let said = answers.iter().map(judge::said_by_model);
    said.map_while(|words| words.map(str::trim)).collect()
}

impl Task for Bench {
    fn about(&self) -> &About {
        &self.about
    }

    fn asks(&self) -> Result<Vec<Ask>> {
        let ask = |question: &Question| Ask {
            id: question.id.clone(),
            group: question.category.clone(),
            request: Request::Converse {
                messages: vec![Message::user(&*question.turns[0])],
                tools: vec![],
                limit: LIMIT,
            },
            draw: Draw {
                temperature: temperature(&question.category),
                ..Draw::default()
            },
        };
        Ok(self.read()?.questions.iter().map(ask).collect())
    }

    fn next(&self, ask: &Ask, answers: &[Answer]) -> Option<Request> {
        let (read, place) = self.question(ask)?;
        let question = &read.questions[place];
        let said = answered(answers);
        if said.len() < answers.len() || said.len() >= question.turns.len() {
            return None;
        }
        let mut messages = Vec::new();
        for (turn, words) in question.turns.iter().zip(&said) {
            messages.push(Message::user(&**turn));
            messages.push(Message::assistant(*words));
        }
        messages.push(Message::user(&*question.turns[said.len()]));
        Some(Request::Converse {
            messages,
            tools: vec![],
            limit: LIMIT,
        })
    }

    fn judge(&self, ask: &Ask, answers: &[Answer]) -> Vec<Request> {
        let Some((read, place)) = self.question(ask) else {
            return vec![];
        };
        let question = &read.questions[place];
        let said = answered(answers);
        let turns = 0..said.len().min(question.turns.len());
        let put = |turn| read.prompt("single", question, turn, &[("answer", &said)]);
        // They were put once already, when the files were read.
        turns.filter_map(|turn| put(turn).ok()).collect()
    }

    fn score(&self, ask: &Ask, answers: &[Answer], judged: &[Answer]) -> Score {
        let Some((read, place)) = self.question(ask) else {
            return Score::default();
        };
        let question = &read.questions[place];
        let penalised = |words: &str| {
            let exempt = self.other_languages?;
            Some(!exempt.contains(&&*question.id) && !judge::language::is_korean(words))
        };
        let said = answered(answers);
        let marks: Vec<Mark> = (0..question.turns.len())
            .map(|turn| match (said.get(turn), judged.get(turn)) {
                (Some(words), Some(judged)) => Mark::of(judged, penalised(words)),
                (Some(_), None) => Mark::Unjudged,
                (None, _) => Mark::Unanswered,
            })
            .collect();
        let mut score = Marks(&marks).score(self.other_languages.is_some());
        score.expected = question.references.join("\n\n");
        score
    }

    fn scores(&self, _: &[Answer], asked: &[Asked<'_>], _: &mut Told<'_>) -> Result<Vec<Score>> {
        let nobody = judge::nobody(asked.iter().flat_map(|one| one.judged));
        let some_answers = asked.iter().any(|one| !answered(one.answers).is_empty());
        let each = asked.iter().map(|one| {
            let mut score = self.score(one.ask, one.answers, one.judged);
            if nobody && some_answers {
                // What was not answered is worth the lowest only beside what was judged.
                score.values.clear();
                score.weights.clear();
            }
            score
        });
        Ok(each.collect())
    }

    fn remarks(&self, asked: &[Asked<'_>]) -> Vec<String> {
        let judged = asked.iter().flat_map(|one| one.judged);
        match judge::nobody(judged.clone()) {
            true => judge::unjudged(judged),
            false => marks::remarks(judged),
        }
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests write files of their own")]
pub(crate) mod tests;
