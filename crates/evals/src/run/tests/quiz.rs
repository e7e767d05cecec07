//! A task with a little of everything, and a respondent that answers as a function of what is asked.

use crate::ask::{Answer, Ask, Draw, Likelihood, Request};
use crate::run::{Put, Reply, Respondent};
use crate::task::{About, Aggregate, Metric, Score, Task};
use anyhow::{Result, ensure};
use chat::Message;

/// Six subjects' worth of everything: options, texts, conversations of two turns that are judged.
pub(super) struct Quiz {
    pub(super) about: About,
    pub(super) asks: Vec<Ask>,
}

pub(super) fn ask(id: &str, group: &str, request: Request) -> Ask {
    Ask {
        id: id.to_owned(),
        group: group.to_owned(),
        request,
        draw: Draw::default(),
    }
}

impl Quiz {
    pub(super) fn new() -> Self {
        let mut asks = vec![];
        for number in 0..7 {
            for subject in ["역사", "law"] {
                let context = format!("{subject}에 대한 문제입니다.\n\n{number}번 질문\n정답:");
                let options = [" A", " B", " C", " D"].map(str::to_owned).to_vec();
                let request = Request::Choose { context, options };
                asks.push(ask(&format!("{subject}/{number}"), subject, request));
            }
        }
        for number in 0..3 {
            let prompt = format!("Question: what is {number} + 1?\nAnswer:");
            let request = Request::Complete {
                prompt,
                stops: vec!["\n".to_owned()],
                limit: 8,
            };
            asks.push(ask(&format!("sum/{number}"), "sum", request));
        }
        for number in 0..3 {
            let request = Request::Converse {
                messages: vec![Message::user(format!("안녕, {number}"))],
                tools: vec![],
                limit: 8,
            };
            asks.push(ask(&format!("talk/{number}"), "talk", request));
        }
        let metric = |name: &str| Metric {
            name: name.to_owned(),
            aggregate: Aggregate::Mean,
            higher_is_better: true,
        };
        Quiz {
            about: About {
                name: "quiz".to_owned(),
                summary: "a little of everything".to_owned(),
                language: "ko".to_owned(),
                protocol: "0-shot".to_owned(),
                source: "nowhere".to_owned(),
                version: 1,
                metrics: vec![metric("acc"), metric("length")],
            },
            asks,
        }
    }
}

impl Task for Quiz {
    fn about(&self) -> &About {
        &self.about
    }

    fn asks(&self) -> Result<Vec<Ask>> {
        Ok(self.asks.clone())
    }

    fn next(&self, ask: &Ask, answers: &[Answer]) -> Option<Request> {
        let (Request::Converse { messages, .. }, [Answer::Messages(said)]) =
            (&ask.request, answers)
        else {
            return None;
        };
        let mut messages = messages.clone();
        messages.push(said[0].clone());
        messages.push(Message::user("더 말해 줘"));
        Some(Request::Converse {
            messages,
            tools: vec![],
            limit: 8,
        })
    }

    fn judge(&self, _: &Ask, answers: &[Answer]) -> Vec<Request> {
        let [Answer::Messages(_), Answer::Messages(last)] = answers else {
            return vec![];
        };
        let prompt = format!("Is this good? {}", last[0].content.as_deref().unwrap());
        vec![Request::Complete {
            prompt,
            stops: vec![],
            limit: 4,
        }]
    }

    fn score(&self, _: &Ask, answers: &[Answer], judged: &[Answer]) -> Score {
        let length = |answer: &Answer| match answer {
            Answer::Texts(texts) => texts.iter().map(String::len).sum::<usize>() as f64,
            Answer::Messages(all) => all[0].content.as_deref().unwrap_or("").len() as f64,
            _ => 0.0,
        };
        let acc = match answers.last() {
            Some(Answer::Likelihoods(all)) => f64::from(u8::from(all[0].sum > all[1].sum)),
            Some(Answer::Failed(_)) | None => 0.0,
            Some(_) => 1.0,
        };
        let values = [
            ("acc".to_owned(), acc),
            (
                "length".to_owned(),
                answers.iter().chain(judged).map(length).sum(),
            ),
        ];
        Score {
            values: values.into(),
            ..Score::default()
        }
    }
}

/// Answers as a function of what is asked alone.
fn honest(put: &Put<'_>) -> Answer {
    let asked = serde_json::to_vec(&(put.request, put.draw)).unwrap();
    let hash = blake3::hash(&asked);
    let byte = |at: usize| hash.as_bytes()[at % 32];
    let word = |at: usize| format!("답{}", byte(at));
    match put.request {
        Request::Choose { options, .. } => Answer::Likelihoods(
            (0..options.len())
                .map(|at| Likelihood {
                    sum: -f64::from(byte(at)) / 3.0,
                    tokens: 1,
                    greedy: false,
                })
                .collect(),
        ),
        Request::Complete { .. } => Answer::Texts((0..put.draw.samples).map(word).collect()),
        Request::Converse { .. } => Answer::Messages(
            (0..put.draw.samples)
                .map(|at| Message::assistant(word(at)))
                .collect(),
        ),
        Request::Measure { .. } | Request::Embed { .. } => unreachable!("not in the quiz"),
    }
}

/// Answers honestly, in whatever order, until it dies.
#[derive(Default)]
pub(super) struct Fake {
    pub(super) name: &'static str,
    /// Answers it still gives.
    pub(super) life: Option<usize>,
    pub(super) backwards: bool,
    /// Questions that it has no answer for.
    pub(super) fails: Option<&'static str>,
    /// Questions whose answers the limit of tokens cuts off.
    pub(super) cuts: Option<&'static str>,
    /// Tokens at which it cuts them off, where they are fewer than the limit of 8.
    pub(super) room: Option<usize>,
    /// What it was asked, batch by batch.
    pub(super) asked: Vec<Vec<(Request, Draw)>>,
}

impl Fake {
    pub(super) fn count(&self) -> usize {
        self.asked.iter().map(Vec::len).sum()
    }
}

impl Respondent for Fake {
    fn identity(&self) -> String {
        format!("fake {}", self.name)
    }

    fn answer(
        &mut self,
        put: &[Put<'_>],
        deliver: &mut dyn FnMut(usize, Reply) -> Result<()>,
    ) -> Result<()> {
        self.asked.push(
            put.iter()
                .map(|one| (one.request.clone(), one.draw))
                .collect(),
        );
        let mut order: Vec<usize> = (0..put.len()).collect();
        if self.backwards {
            order.reverse();
        }
        for at in order {
            if let Some(life) = &mut self.life {
                ensure!(*life > 0, "the server is gone");
                *life -= 1;
            }
            let asked = serde_json::to_string(put[at].request)?;
            let answer = match self.fails {
                Some(word) if asked.contains(word) => Answer::Failed("it does not fit".to_owned()),
                _ => honest(&put[at]),
            };
            let cut = self.cuts.is_some_and(|word| asked.contains(word));
            let room = self.room.unwrap_or(8);
            deliver(at, Reply::from(answer).cut_off(usize::from(cut), room))?;
        }
        Ok(())
    }
}
