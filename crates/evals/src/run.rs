//! Runs a task: asks, hears the answers, asks on, has them judged, scores.
//!
//! what all scores stand on → asks → answers → the next turns of every conversation → the judge →
//! scores. All questions of a turn are put at once, those with a common beginning beside each other, so that whoever answers can
//! work on many and compute a shared prefix once. What is answered goes to the [`Cache`] before
//! anything else happens: a run that was interrupted goes on, one that is repeated asks nothing.
//!
//! What comes out does not depend on the order in which questions are put, nor on how many are put at
//! once.
//!
//! Deliberately absent: who answers, a clock, the places where results lie.

mod cache;
mod order;
mod respondent;
#[cfg(test)]
mod tests;

pub use cache::Cache;
pub use respondent::{Phase, Put, Reply, Respondent, Silent, Stopped, Watch};

use crate::ask::{Answer, Ask, Draw, Request};
use crate::outcome::{Outcome, Question};
use crate::task::{Asked, Task};
use anyhow::{Result, bail, ensure};
use std::collections::{BTreeSet, HashMap};

/// Turns of a conversation, beyond which a task is taken to have no end.
const MOST_TURNS: usize = 64;

/// How a task is run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Settings {
    /// Only the first questions of every group, so many. A group is what lm-eval calls a subtask, and
    /// `--limit` there counts by subtask.
    pub limit: Option<usize>,
    /// Draws answers in words at this temperature instead of the task's own.
    pub temperature: Option<f32>,
    /// Questions put at once; `None` puts all of a turn.
    pub batch: Option<usize>,
    /// How a judge's words are drawn: `samples` is how many times it votes.
    pub votes: Draw,
}

/// Runs one task.
///
/// # Errors
/// What the task's files lack, what the respondents refuse for good, [`Stopped`]. Everything that
/// was answered before is in the cache.
pub fn run(
    task: &dyn Task,
    respondent: &mut dyn Respondent,
    judge: Option<&mut dyn Respondent>,
    cache: &mut Cache,
    settings: &Settings,
    watch: &mut dyn Watch,
) -> Result<Outcome> {
    let name = task.about().name.clone();
    let all = task.asks()?;
    check(&name, &all)?;
    let total = all.len();
    let asks = limited(all, settings.limit);
    let mut questions: Vec<Question> = asks.into_iter().map(Question::new).collect();
    let ground = ground(task, respondent, cache, settings, watch)?;
    let cut = converse(task, respondent, cache, settings, watch, &mut questions)?;
    let who = respondent.identity();
    let answered = Answered {
        total,
        ground,
        questions,
        who,
    };
    let mut outcome = conclude(task, answered, judge, cache, settings, watch)?;
    outcome.remarks.extend(cut.remarks(&outcome.questions));
    Ok(outcome)
}

/// What there is before anything is judged.
pub(crate) struct Answered {
    /// Questions that the task has.
    pub(crate) total: usize,
    /// What all scores stand on.
    pub(crate) ground: Vec<Answer>,
    /// Those that were asked, with their answers.
    pub(crate) questions: Vec<Question>,
    /// Who answered.
    pub(crate) who: String,
}

/// Has the answers judged, and scores them.
pub(crate) fn conclude(
    task: &dyn Task,
    answered: Answered,
    judge: Option<&mut dyn Respondent>,
    cache: &mut Cache,
    settings: &Settings,
    watch: &mut dyn Watch,
) -> Result<Outcome> {
    let Answered {
        total,
        ground,
        mut questions,
        who,
    } = answered;
    let judged_by = judge.as_ref().map(|judge| judge.identity());
    judge_all(task, judge, cache, settings, watch, &mut questions)?;
    let remarks = score(task, &ground, watch, &mut questions)?;
    Ok(Outcome {
        remarks,
        ..Outcome::new(task.about().clone(), total, questions, who, judged_by)
    })
}

/// Answers in words that were cut off. They are scored as far as they came, and a model that was not done is
/// easily taken for one that does not know.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Cut {
    /// At the limit of tokens that was asked for.
    limit: usize,
    /// Before it: the model's context had no more.
    context: usize,
}

impl Cut {
    /// Counts a reply in. Its note says at how many tokens it was cut off: where they are others than were asked
    /// for, it was not the limit that did it.
    fn add(&mut self, request: &Request, reply: &Reply) {
        let (Request::Complete { limit, .. } | Request::Converse { limit, .. }) = request else {
            return;
        };
        let at_limit = Reply::from(Answer::Texts(vec![])).cut_off(1, *limit).note;
        match reply.note.ends_with(&at_limit) {
            true => self.limit += reply.cut,
            false => self.context += reply.cut,
        }
    }

    /// What is to be said of them.
    fn remarks(self, questions: &[Question]) -> Vec<String> {
        let answers = questions.iter().flat_map(|question| &question.answers);
        let all: usize = answers.map(Answer::in_words).sum();
        let mut remarks = vec![];
        if self.limit > 0 {
            remarks.push(format!(
                "{} of {all} answers were cut off by the limit of tokens, and are scored as far as they came; \
                 `kanana eval --max-tokens N` asks with another limit, and a step of a recipe with the tasks' own",
                self.limit
            ));
        }
        if self.context > 0 {
            remarks.push(format!(
                "{} of {all} answers were cut off where the model's context ends, and are scored as far as they \
                 came; a greater limit of tokens would not have given them more",
                self.context
            ));
        }
        remarks
    }
}

/// The answers that all scores stand on.
fn ground(
    task: &dyn Task,
    respondent: &mut dyn Respondent,
    cache: &mut Cache,
    settings: &Settings,
    watch: &mut dyn Watch,
) -> Result<Vec<Answer>> {
    let asks = task.ground()?;
    let wanted: Vec<Put<'_>> = asks
        .iter()
        .map(|ask| Put {
            request: &ask.request,
            draw: ask.draw,
        })
        .collect();
    if wanted.is_empty() {
        return Ok(vec![]);
    }
    let hearing = Hearing {
        task: &task.about().name,
        phase: Phase::Ground,
        batch: settings.batch,
    };
    let replies = hearing.hear(respondent, &wanted, cache, watch)?;
    Ok(replies.into_iter().map(|reply| reply.answer).collect())
}

/// Scores every question; what the task has to say of all of them.
fn score(
    task: &dyn Task,
    ground: &[Answer],
    watch: &mut dyn Watch,
    questions: &mut [Question],
) -> Result<Vec<String>> {
    let (name, total) = (&task.about().name, questions.len());
    watch.progress(name, Phase::Scores, 0, total)?;
    let asked: Vec<Asked<'_>> = questions
        .iter()
        .map(|one| Asked {
            ask: &one.ask,
            answers: &one.answers,
            judged: &one.judged,
        })
        .collect();
    let scores = task.scores(ground, &asked, &mut |done| {
        watch.progress(name, Phase::Scores, done, total)
    })?;
    watch.progress(name, Phase::Scores, total, total)?;
    ensure!(
        scores.len() == asked.len(),
        "the task {} gave {} scores for {} questions (a bug of the task)",
        task.about().name,
        scores.len(),
        asked.len()
    );
    let remarks = task.remarks(&asked);
    for (question, score) in questions.iter_mut().zip(scores) {
        question.score = score;
    }
    Ok(remarks)
}

pub(crate) fn check(name: &str, asks: &[Ask]) -> Result<()> {
    ensure!(
        !asks.is_empty(),
        "the task {name} has no questions: its files are there and hold none"
    );
    let mut seen = BTreeSet::new();
    if let Some(twice) = asks.iter().find(|ask| !seen.insert(ask.id.as_str())) {
        bail!(
            "the task {name} has two questions called {:?}; results are told apart by these names, so \
             give every row its own",
            twice.id
        );
    }
    Ok(())
}

/// The first questions of every group.
pub(crate) fn limited(asks: Vec<Ask>, limit: Option<usize>) -> Vec<Ask> {
    let Some(limit) = limit else { return asks };
    let mut taken: HashMap<String, usize> = HashMap::new();
    let mut kept = asks;
    kept.retain(|ask| {
        let count = taken.entry(ask.group.clone()).or_default();
        *count += 1;
        *count <= limit
    });
    kept
}

/// All turns of all conversations; what of them was cut off.
fn converse(
    task: &dyn Task,
    respondent: &mut dyn Respondent,
    cache: &mut Cache,
    settings: &Settings,
    watch: &mut dyn Watch,
    questions: &mut [Question],
) -> Result<Cut> {
    let mut cut = Cut::default();
    let mut open: Vec<(usize, Request)> = (0..questions.len())
        .map(|at| (at, questions[at].ask.request.clone()))
        .collect();
    for turn in 0.. {
        if open.is_empty() {
            break;
        }
        ensure!(
            turn < MOST_TURNS,
            "the task {} still asks after {MOST_TURNS} turns of a conversation (a bug of the task)",
            task.about().name
        );
        let wanted: Vec<Put<'_>> = open
            .iter()
            .map(|(at, request)| Put {
                request,
                draw: drawn(questions[*at].ask.draw, settings),
            })
            .collect();
        let hearing = Hearing {
            task: &task.about().name,
            phase: Phase::Answers { turn },
            batch: settings.batch,
        };
        let replies = hearing.hear(respondent, &wanted, cache, watch)?;
        let mut next = vec![];
        for ((at, request), reply) in open.into_iter().zip(replies) {
            let question = &mut questions[at];
            cut.add(&request, &reply);
            question.requests.push(request);
            question.answers.push(reply.answer);
            question.notes.push(reply.note);
            question.cut += reply.cut;
            // Nothing can follow what was not answered.
            if !matches!(question.answers.last(), Some(Answer::Failed(_)))
                && let Some(request) = task.next(&question.ask, &question.answers)
            {
                next.push((at, request));
            }
        }
        open = next;
    }
    Ok(cut)
}

fn drawn(draw: Draw, settings: &Settings) -> Draw {
    Draw {
        temperature: settings.temperature.unwrap_or(draw.temperature),
        ..draw
    }
}

/// What the judge says of the answers.
fn judge_all(
    task: &dyn Task,
    judge: Option<&mut dyn Respondent>,
    cache: &mut Cache,
    settings: &Settings,
    watch: &mut dyn Watch,
    questions: &mut [Question],
) -> Result<()> {
    for question in questions.iter_mut() {
        question.judge_requests = task.judge(&question.ask, &question.answers);
    }
    let Some(judge) = judge else {
        for question in questions {
            let without = Answer::Failed(
                "nobody judged this answer: name a judge with --judge URL --judge-model NAME"
                    .to_owned(),
            );
            question.judged = vec![without; question.judge_requests.len()];
        }
        return Ok(());
    };
    let draw = settings.votes;
    let requests = questions.iter().flat_map(|one| &one.judge_requests);
    let wanted: Vec<Put<'_>> = requests.map(|request| Put { request, draw }).collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let hearing = Hearing {
        task: &task.about().name,
        phase: Phase::Verdicts,
        batch: settings.batch,
    };
    let replies = hearing.hear(judge, &wanted, cache, watch)?;
    let mut answers = replies.into_iter().map(|reply| reply.answer);
    for question in questions {
        let count = question.judge_requests.len();
        question.judged = answers.by_ref().take(count).collect();
    }
    Ok(())
}

/// What is being heard, for those who watch.
struct Hearing<'a> {
    task: &'a str,
    phase: Phase,
    batch: Option<usize>,
}

impl Hearing<'_> {
    /// The reply to each request, from the cache or from `who`.
    fn hear(
        &self,
        who: &mut dyn Respondent,
        wanted: &[Put<'_>],
        cache: &mut Cache,
        watch: &mut dyn Watch,
    ) -> Result<Vec<Reply>> {
        let identity = who.identity();
        let mut replies: Vec<Option<Reply>> = vec![None; wanted.len()];
        // What is asked twice is answered once.
        let mut places: HashMap<String, Vec<usize>> = HashMap::new();
        let mut pending: Vec<(usize, String)> = vec![];
        for (at, put) in wanted.iter().enumerate() {
            let key = Cache::key(&identity, put);
            if let Some(reply) = cache.get(&key).filter(|reply| put.is_answered_by(reply)) {
                replies[at] = Some(reply.clone());
                continue;
            }
            let same = places.entry(key.clone()).or_default();
            same.push(at);
            if same.len() == 1 {
                pending.push((at, key));
            }
        }
        let total = wanted.len();
        let mut done = replies.iter().flatten().count();
        watch.progress(self.task, self.phase, done, total)?;
        order::sort(&mut pending, |(at, _)| wanted[*at].request);
        for batch in pending.chunks(self.batch.unwrap_or(usize::MAX).max(1)) {
            let put: Vec<Put<'_>> = batch.iter().map(|(at, _)| wanted[*at]).collect();
            let answered = who.answer(&put, &mut |index, reply| {
                let Some((at, key)) = batch.get(index) else {
                    bail!(
                        "{identity} answered question number {} of {} (a bug of the respondent)",
                        index + 1,
                        batch.len()
                    );
                };
                ensure!(
                    wanted[*at].is_answered_by(&reply),
                    "{identity} answered with something else than was asked for (a bug of the \
                     respondent): {:?} for {:?}",
                    reply.answer,
                    wanted[*at].request
                );
                cache.keep(key, &reply)?;
                for at in &places[key] {
                    done += usize::from(replies[*at].replace(reply.clone()).is_none());
                }
                watch.progress(self.task, self.phase, done, total)
            });
            answered.map_err(|error| interrupted(error, self, done, total, cache))?;
            let missing = put.len()
                - batch
                    .iter()
                    .filter(|(at, _)| replies[*at].is_some())
                    .count();
            ensure!(
                missing == 0,
                "{identity} left {missing} of {} questions unanswered (a bug of the respondent)",
                put.len()
            );
        }
        Ok(replies.into_iter().flatten().collect())
    }
}

/// The error of a respondent, with what is not lost.
fn interrupted(
    error: anyhow::Error,
    hearing: &Hearing<'_>,
    done: usize,
    total: usize,
    cache: &Cache,
) -> anyhow::Error {
    if error.is::<Stopped>() {
        return error;
    }
    let kept = match cache.path() {
        Some(path) => format!(
            "they are kept in {}, and the same command goes on from there",
            path.display()
        ),
        None => "they are lost, as no place was given to keep them".to_owned(),
    };
    error.context(format!(
        "the task {} stopped after {done} of {total} {}; {kept}",
        hearing.task,
        hearing.phase.noun()
    ))
}
