//! One document's way to a grade: the question, the reply, and a reminder where the reply holds none.

use super::Label;
use anyhow::Result;
use chat::Message;
use corpus::rubric::{self, Bad, Rubric};
use corpus::{Document, Language};
use remote::{Caller, Conversation, Fingerprint, Garbled, Refused, chat, fingerprint};
use serde::Serialize;

/// What a document came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    NotDrawn,
    Grade(u8),
    Without(Why),
}

/// Why a document that was asked about has no grade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// The last reply is none.
    Reply(Bad),
    /// The last reply ended for its length before it came to a grade.
    CutShort,
    /// The endpoint declined the question.
    Declined,
    /// What came back has no message in it.
    NoReply,
}

impl Why {
    /// The reason, as it stands in a ledger.
    pub(super) fn reason(self) -> &'static str {
        match self {
            Why::Reply(bad) => bad.reason(),
            Why::CutShort => "cut_short",
            Why::Declined => "declined",
            Why::NoReply => "no_reply",
        }
    }
}

/// A document that was asked about.
pub(super) struct Graded {
    pub(super) outcome: Outcome,
    /// The questions, in order.
    pub(super) requests: Vec<Fingerprint>,
    pub(super) language: Language,
    /// How often the model had to be reminded.
    pub(super) reminded: u32,
    /// The last reply, where it was no grade.
    pub(super) sample: Option<Sample>,
}

/// A reply that was no grade.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Sample {
    pub(super) id: String,
    pub(super) said: String,
}

/// Characters of a reply that are kept as a sample.
const SHOWN: usize = 400;

/// Asks.
pub(super) struct Grading<'a, C> {
    pub(super) label: &'a Label,
    pub(super) caller: &'a C,
}

impl<C: Caller> Grading<'_, C> {
    /// Asks about a document until there is a grade, or often enough.
    pub(super) fn grade(&self, document: &Document) -> Result<Graded> {
        let language = match document.language() {
            Some(name) => Language::of(name),
            None => corpus::identify(&document.text).language,
        };
        let rubric = Rubric::of(language);
        let characters = self.label.characters;
        let question = match &self.label.rubric {
            Some(own) => rubric::fill(own, &document.text, characters),
            None => rubric.ask(&document.text, characters),
        };
        let mut graded = Graded {
            outcome: Outcome::NotDrawn,
            requests: Vec::new(),
            language,
            reminded: 0,
            sample: None,
        };
        let mut messages = vec![Message::user(question.clone())];
        loop {
            let (outcome, said) = self.ask(&messages, &mut graded.requests)?;
            graded.outcome = outcome;
            let Outcome::Without(why) = outcome else {
                graded.sample = None;
                return Ok(graded);
            };
            graded.sample = Some(Sample {
                id: document.id.clone(),
                said: said.chars().take(SHOWN).collect(),
            });
            if matches!(why, Why::Declined | Why::NoReply) || graded.reminded == self.label.again {
                return Ok(graded);
            }
            graded.reminded += 1;
            // Some servers refuse to be told that they said nothing.
            messages = match said.trim() {
                "" => vec![Message::user(format!("{question}\n\n{}", rubric.remind()))],
                _ => vec![
                    Message::user(question.clone()),
                    Message::assistant(said),
                    Message::user(rubric.remind()),
                ],
            };
        }
    }

    /// What a reply comes to, and its words.
    fn ask(
        &self,
        messages: &[Message],
        requests: &mut Vec<Fingerprint>,
    ) -> Result<(Outcome, String)> {
        let talk = Conversation {
            messages: messages.to_vec(),
            limit: Some(self.label.limit),
            temperature: self.label.temperature,
            ..Conversation::default()
        };
        let endpoint = &self.label.endpoint;
        let identity = self.caller.identity();
        requests.push(fingerprint(
            &identity,
            "chat/completions",
            &talk.body(endpoint)?,
        ));
        let choices = match chat(self.caller, endpoint, &talk) {
            Ok(choices) => choices,
            Err(error) => {
                let error = match error.downcast::<Garbled>() {
                    Ok(garbled) => return Ok((Outcome::Without(Why::NoReply), garbled.why)),
                    Err(error) => error,
                };
                let refused = error.downcast::<Refused>()?;
                return Ok((Outcome::Without(Why::Declined), refused.said));
            }
        };
        let choice = choices.into_iter().next();
        let (said, finish) = choice.map_or_else(Default::default, |choice| {
            (choice.said.content.unwrap_or_default(), choice.finish)
        });
        let outcome = match rubric::grade(&said) {
            Ok(grade) => Outcome::Grade(grade),
            Err(Bad::NoGrade) if finish == "length" => Outcome::Without(Why::CutShort),
            Err(bad) => Outcome::Without(Why::Reply(bad)),
        };
        Ok((outcome, said))
    }
}
