//! Tasks whose answers may have another number of tokens than the tasks give them: `kanana eval --max-tokens`.
//!
//! The limit is part of every request, and with that of what an answer is kept under and of what two results are
//! compared by.

use anyhow::Result;
use evals::{About, Answer, Ask, Asked, Request, Score, Task, Told};

/// A task with another limit.
struct Room {
    task: Box<dyn Task>,
    limit: usize,
}

/// The tasks with another limit for every answer in words; as they are where none is given.
pub(crate) fn limited(tasks: Vec<Box<dyn Task>>, limit: Option<usize>) -> Vec<Box<dyn Task>> {
    let Some(limit) = limit else { return tasks };
    let room = |task: Box<dyn Task>| -> Box<dyn Task> { Box::new(Room { task, limit }) };
    tasks.into_iter().map(room).collect()
}

impl Room {
    fn give(&self, request: &mut Request) {
        match request {
            Request::Complete { limit, .. } | Request::Converse { limit, .. } => {
                *limit = self.limit;
            }
            Request::Choose { .. } | Request::Measure { .. } | Request::Embed { .. } => {}
        }
    }
}

impl Task for Room {
    fn about(&self) -> &About {
        self.task.about()
    }

    fn asks(&self) -> Result<Vec<Ask>> {
        let mut asks = self.task.asks()?;
        for ask in &mut asks {
            self.give(&mut ask.request);
        }
        Ok(asks)
    }

    fn next(&self, ask: &Ask, answers: &[Answer]) -> Option<Request> {
        let mut request = self.task.next(ask, answers)?;
        self.give(&mut request);
        Some(request)
    }

    fn judge(&self, ask: &Ask, answers: &[Answer]) -> Vec<Request> {
        self.task.judge(ask, answers)
    }

    fn score(&self, ask: &Ask, answers: &[Answer], judged: &[Answer]) -> Score {
        self.task.score(ask, answers, judged)
    }

    fn ground(&self) -> Result<Vec<Ask>> {
        self.task.ground()
    }

    fn scores(
        &self,
        ground: &[Answer],
        asked: &[Asked<'_>],
        told: &mut Told<'_>,
    ) -> Result<Vec<Score>> {
        self.task.scores(ground, asked, told)
    }

    fn remarks(&self, asked: &[Asked<'_>]) -> Vec<String> {
        self.task.remarks(asked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chat::Message;
    use evals::Draw;

    /// One question with options, one conversation of two turns that is judged.
    struct Talk(About);

    fn converse(limit: usize) -> Request {
        Request::Converse {
            messages: vec![Message::user("안녕?")],
            tools: vec![],
            limit,
        }
    }

    impl Task for Talk {
        fn about(&self) -> &About {
            &self.0
        }
        fn asks(&self) -> Result<Vec<Ask>> {
            let choose = Request::Choose {
                context: "정답:".to_owned(),
                options: vec![" 가".to_owned()],
            };
            let ask = |id: &str, request: Request| Ask {
                id: id.to_owned(),
                group: String::new(),
                request,
                draw: Draw::default(),
            };
            Ok(vec![ask("0", choose), ask("1", converse(8))])
        }
        fn next(&self, _: &Ask, answers: &[Answer]) -> Option<Request> {
            (answers.len() < 2).then(|| converse(16))
        }
        fn judge(&self, _: &Ask, _: &[Answer]) -> Vec<Request> {
            vec![converse(2048)]
        }
        fn score(&self, _: &Ask, _: &[Answer], _: &[Answer]) -> Score {
            Score::default()
        }
    }

    #[test]
    fn every_answer_in_words_has_the_limit_and_a_judge_his_own() {
        let talk = || -> Vec<Box<dyn Task>> {
            vec![Box::new(Talk(About {
                name: "talk".to_owned(),
                summary: String::new(),
                language: "ko".to_owned(),
                protocol: String::new(),
                source: String::new(),
                version: 1,
                metrics: vec![],
            }))]
        };
        let plain = limited(talk(), None).remove(0);
        let asks = plain.asks().unwrap();
        assert_eq!(asks[1].request, converse(8));
        let more = limited(talk(), Some(99)).remove(0);
        let given = more.asks().unwrap();
        assert_eq!(given[0], asks[0], "nothing is written there");
        assert_eq!(given[1].request, converse(99));
        assert_eq!(more.next(&given[1], &[]), Some(converse(99)));
        assert_eq!(more.judge(&given[1], &[]), [converse(2048)]);
        assert_eq!(more.about().name, "talk");
    }
}
