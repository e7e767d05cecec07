//! Asks a model questions, runs benchmarks on it, and lets it continue some texts.
//!
//! Reads: a model (with its tokenizer), questions with four options each, a folder of benchmarks.
//! Writes: `scores.json`: every question with the log-likelihood of every option, accuracy with
//! a 95 % interval by language and by where the fact was told, and samples of generated text; with
//! benchmarks also `results.json`, `samples_<task>.jsonl` and `evaluation.html`, as `kanana eval` does, and
//! with a judge `verdicts.jsonl`, every question to it and its reply, which a replay needs no endpoint for.
//! An option's score is log p(option | prompt), as lm-eval's `acc`; `acc_norm` divides by bytes.

mod benchmarks;

use crate::device::Machine;
use crate::evaluation::Wanted;
use crate::kinds::{self, Corpus, Files, Model, Questions};
use anyhow::{Context as _, Result, bail, ensure};
use evals::{Estimate, Protocol};
use generate::{Engine, Generation, Likelihood, Limits, Sampling, Scorer};
use model::{Decoder, Use};
use recipe::{Artifact, Context, Stage, Writer};
use remote::Address;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use tensor::Precision;
use tokenizer::Tokenizer;
use world::Question;

/// Questions scored between two looks at the progress.
const BATCH: usize = 64;

/// Settings.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Evaluate {
    /// How a question is put: as the beginning of a sentence (`prompt`, default) or in words
    /// after `Q:` (`question`).
    ask: Ask,
    /// At most so many questions, evenly over all of them; of each group of a task, the first.
    limit: Option<usize>,
    /// Tasks to ask (`kanana evals` lists them), from the benchmarks bound to `data`.
    tasks: Vec<String>,
    /// `base` or `instruct`; where nothing is said, instruct for a model with a chat template.
    protocol: Option<Protocol>,
    /// Examples before a task's questions; the protocol's number where nothing is said.
    shots: Option<usize>,
    /// Answers drawn for each question of a task (pass@k).
    draws: usize,
    /// The temperature they are drawn at; the task's own where nothing is said.
    temperature: Option<f32>,
    /// Who judges the answers of tasks that are judged: `{ url = "http://127.0.0.1:8080/v1", model = "…" }`.
    judge: Option<Address>,
    /// How many times it votes on each.
    votes: usize,
    /// Texts to continue greedily; a few questions' prompts where nothing is given.
    samples: Vec<String>,
    /// Tokens of a sample.
    sample_tokens: usize,
    /// What products read. Default `bf16`.
    precision: Precision,
}

impl Default for Evaluate {
    fn default() -> Self {
        Evaluate {
            ask: Ask::Prompt,
            limit: None,
            tasks: vec![],
            protocol: None,
            shots: None,
            draws: 1,
            temperature: None,
            judge: None,
            votes: 1,
            samples: vec![],
            sample_tokens: 48,
            precision: Precision::Bf16,
        }
    }
}

#[derive(Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Ask {
    Prompt,
    Question,
}

/// Inputs.
#[derive(Deserialize)]
pub(crate) struct Inputs {
    model: Artifact<Model>,
    questions: Option<Artifact<Questions>>,
    data: Option<Artifact<Files>>,
    /// What `decontaminate` made of the training corpus: a flag beside each task.
    overlap: Option<Artifact<Corpus>>,
}

/// `scores.json`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scores {
    /// The model that answered, by its name in the recipe.
    pub(crate) model: String,
    /// Accuracy by language of the question: `all`, `en`, `ko`.
    pub(crate) languages: BTreeMap<String, Accuracy>,
    /// Accuracy by language of the question and where the fact was told: `ko/english`.
    pub(crate) told: BTreeMap<String, Accuracy>,
    /// Accuracy by relation, both languages.
    pub(crate) relations: BTreeMap<String, Accuracy>,
    /// Every question.
    pub(crate) answers: Vec<Answer>,
    /// What the model wrote.
    pub(crate) samples: Vec<Sample>,
    /// Figures of benchmarks; everything else about them is in `results.json`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) benchmarks: Vec<Benchmark>,
}

/// A figure of a benchmark.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Benchmark {
    pub(crate) task: String,
    pub(crate) estimate: Estimate,
}

/// How many were right.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Accuracy {
    pub(crate) questions: usize,
    pub(crate) right: usize,
    /// right / questions; 0.25 is chance with four options.
    pub(crate) acc: f64,
    /// The same with log-likelihoods divided by the option's bytes.
    pub(crate) acc_norm: f64,
    /// Wilson's 95 % interval of `acc`.
    pub(crate) low: f64,
    pub(crate) high: f64,
}

/// One question, answered.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Answer {
    pub(crate) id: String,
    pub(crate) language: String,
    pub(crate) told: String,
    pub(crate) relation: String,
    pub(crate) prompt: String,
    pub(crate) options: Vec<String>,
    pub(crate) answer: usize,
    pub(crate) chosen: usize,
    /// log p(option | prompt) in nats.
    pub(crate) log_likelihoods: Vec<f64>,
    right_by_bytes: bool,
}

/// A text that was continued.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sample {
    pub(crate) prompt: String,
    pub(crate) text: String,
    pub(crate) finish: String,
}

impl Stage for Evaluate {
    const NAME: &'static str = "evaluate";
    const VERSION: u32 = 2; // groups of few questions are drawn together; nobody's answers are no scores
    const SUMMARY: &'static str =
        "asks a model questions and benchmarks, and lets it continue some texts";
    type Inputs = Inputs;
    type Output = kinds::Scores;

    fn check(&self, inputs: &Inputs) -> Result<()> {
        ensure!(
            inputs.questions.is_some() || !self.samples.is_empty() || !self.tasks.is_empty(),
            "nothing to evaluate: bind `questions`, name `tasks`, or give `samples` to continue"
        );
        ensure!(
            inputs.data.is_some() || self.tasks.is_empty(),
            "tasks are named and nothing is bound to `data`: bind the folder of benchmarks"
        );
        let outside = |name: &&String| {
            let mut parts = std::path::Path::new(name.as_str()).components();
            !parts.all(|part| matches!(part, std::path::Component::Normal(_)))
        };
        if let Some(name) = self.tasks.iter().find(outside) {
            bail!(
                "the task {name} lies outside what is bound to `data`: put its file there, and name it from there"
            );
        }
        if let Some(judge) = &self.judge {
            judge.check().context("with.judge")?;
        }
        ensure!(self.votes > 0, "votes = 0: a judge votes at least once");
        self.wanted().check()
    }

    fn run(
        &self,
        inputs: Inputs,
        context: &mut Context<'_>,
        out: &mut Writer<kinds::Scores>,
    ) -> Result<()> {
        let device = context.resource::<Machine>()?.cpu(self.precision)?;
        let tokenizer = Tokenizer::load(inputs.model.path())
            .map(Arc::new)
            .with_context(|| {
                format!(
                    "the model {} has no tokenizer beside it",
                    inputs.model.name()
                )
            })?;
        let decoder = Arc::new(Decoder::load(inputs.model.path(), device, Use::Infer)?);

        let mut questions = match &inputs.questions {
            Some(artifact) => read_questions(artifact)?,
            None => vec![],
        };
        if let Some(limit) = self.limit.filter(|limit| *limit < questions.len()) {
            let all = questions.len();
            let mut index = 0;
            questions.retain(|_| {
                index += 1;
                index * limit / all != (index - 1) * limit / all
            });
        }
        let mut scores = Scores {
            model: inputs.model.name().to_owned(),
            ..Scores::default()
        };
        let mut scorer = Scorer::new(&decoder, &tokenizer)?;
        for batch in questions.chunks(BATCH) {
            context.check_cancelled()?;
            scores.answers.extend(self.answer(&mut scorer, batch)?);
            context.progress(
                scores.answers.len() as u64,
                questions.len() as u64,
                "questions",
                "",
            );
        }
        scores.count();
        drop(scorer);
        if let Some(data) = &inputs.data {
            let asked = benchmarks::Asked {
                model: &inputs.model,
                decoder: decoder.clone(),
                tokenizer: tokenizer.clone(),
                data: data.path(),
                overlap: inputs.overlap.as_ref(),
            };
            scores.benchmarks = self.benchmarks(asked, context, out)?;
        }
        let mut engine = Engine::new(decoder.clone(), tokenizer.clone(), Limits::default())?;
        scores.samples = self.continued(&mut engine, &questions)?;
        for (language, accuracy) in &scores.languages {
            out.note(&format!("accuracy {language}"), accuracy.acc);
        }
        out.json(kinds::Scores::FILE, &scores)
    }
}

fn read_questions(artifact: &Artifact<Questions>) -> Result<Vec<Question>> {
    let path = artifact.file(Questions::FILE);
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    let line = |(number, line)| -> Result<Question> {
        let place = || format!("{}, line {}", path.display(), number + 1);
        let question: Question =
            serde_json::from_str(line).with_context(|| format!("{}: not a question", place()))?;
        let options = question.options.len();
        ensure!(
            options >= 2 && question.continuations.len() == options && question.answer < options,
            "{}: wanted at least two options, as many continuations, and the answer among them; \
             found {options} options, {} continuations and answer {}",
            place(),
            question.continuations.len(),
            question.answer
        );
        Ok(question)
    };
    text.lines().enumerate().map(line).collect()
}

impl Evaluate {
    fn wanted(&self) -> Wanted {
        Wanted {
            tasks: self.tasks.clone(),
            shots: self.shots,
            limit: self.limit,
            draws: self.draws,
            temperature: self.temperature,
        }
    }

    fn answer(
        &self,
        scorer: &mut Scorer<'_, tensor::Cpu>,
        questions: &[Question],
    ) -> Result<Vec<Answer>> {
        let prompts: Vec<String> = questions
            .iter()
            .map(|question| match self.ask {
                Ask::Prompt => question.prompt.clone(),
                Ask::Question => question.asked(),
            })
            .collect();
        let continuations: Vec<Vec<String>> = questions
            .iter()
            .map(|question| match self.ask {
                Ask::Prompt => question.continuations.clone(),
                Ask::Question => question
                    .options
                    .iter()
                    .map(|option| format!(" {option}"))
                    .collect(),
            })
            .collect();
        let pairs: Vec<(&str, &str)> = prompts
            .iter()
            .zip(&continuations)
            .flat_map(|(prompt, options)| {
                options
                    .iter()
                    .map(move |option| (prompt.as_str(), option.as_str()))
            })
            .collect();
        let scored = scorer.score(&pairs, |_| {})?;
        let mut scored = scored.into_iter();
        let answers = questions.iter().zip(prompts).map(|(question, prompt)| {
            let options: Vec<Likelihood> = scored.by_ref().take(question.options.len()).collect();
            let sums: Vec<f64> = options.iter().map(|option| option.sum).collect();
            let by_bytes: Vec<f64> = options.iter().map(Likelihood::mean).collect();
            Answer {
                id: question.id.clone(),
                language: question.language.code().to_owned(),
                told: question.told.code().to_owned(),
                relation: serde_json::to_value(question.relation)
                    .ok()
                    .and_then(|name| name.as_str().map(str::to_owned))
                    .unwrap_or_default(),
                prompt,
                options: question.options.clone(),
                answer: question.answer,
                chosen: greatest(&sums),
                right_by_bytes: greatest(&by_bytes) == question.answer,
                log_likelihoods: sums,
            }
        });
        Ok(answers.collect())
    }

    fn continued(
        &self,
        engine: &mut Engine<tensor::Cpu>,
        questions: &[Question],
    ) -> Result<Vec<Sample>> {
        let mut prompts = self.samples.clone();
        if prompts.is_empty() {
            for code in ["ko", "en"] {
                prompts.extend(
                    questions
                        .iter()
                        .filter(|question| question.language.code() == code)
                        .take(3)
                        .map(|question| question.prompt.clone()),
                );
            }
        }
        let request =
            |prompt: &String| engine.request(prompt, self.sample_tokens, Sampling::greedy());
        let requests = prompts.iter().map(request).collect();
        let generated = engine.generate_all(requests, |_, _| ControlFlow::Continue(()))?;
        let sample = |(prompt, generated): (String, Generation)| Sample {
            prompt,
            text: generated.text,
            finish: generated.finish.reason().to_owned(),
        };
        Ok(prompts.into_iter().zip(generated).map(sample).collect())
    }
}

impl Scores {
    fn count(&mut self) {
        for answer in &self.answers {
            for language in ["all", answer.language.as_str()] {
                self.languages
                    .entry(language.to_owned())
                    .or_default()
                    .add(answer);
            }
            self.told
                .entry(format!("{}/{}", answer.language, answer.told))
                .or_default()
                .add(answer);
            self.relations
                .entry(answer.relation.clone())
                .or_default()
                .add(answer);
        }
        let groups = [&mut self.languages, &mut self.told, &mut self.relations];
        groups
            .into_iter()
            .flat_map(BTreeMap::values_mut)
            .for_each(Accuracy::finish);
    }
}

impl Accuracy {
    fn add(&mut self, answer: &Answer) {
        self.questions += 1;
        self.right += usize::from(answer.chosen == answer.answer);
        self.acc_norm += f64::from(u8::from(answer.right_by_bytes));
    }

    fn finish(&mut self) {
        let n = self.questions as f64;
        self.acc = self.right as f64 / n;
        self.acc_norm /= n;
        (self.low, self.high) = evals::wilson(self.acc, self.questions);
    }
}

/// The index of the greatest; the first of equals.
fn greatest(values: &[f64]) -> usize {
    let mut best = 0;
    for (index, value) in values.iter().enumerate() {
        if *value > values[best] {
            best = index;
        }
    }
    best
}
