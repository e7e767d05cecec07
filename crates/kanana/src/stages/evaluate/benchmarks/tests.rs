use super::*;
use chat::Message;
use evals::{
    About, Aggregate, Answer, Ask, Draw, Metric, Reply, Request, Respondent, Score, Settings,
    Silent, Task,
};
use remote::pretend::{Act, Pretend};
use remote::{Budget, Patience};
use serde_json::{Map, json};

/// Three questions, the answers to which a judge rates.
struct Rated(About);

impl Rated {
    fn new() -> Self {
        Rated(About {
            name: "rated".to_owned(),
            summary: String::new(),
            language: "ko".to_owned(),
            protocol: "0-shot".to_owned(),
            source: String::new(),
            version: 1,
            metrics: vec![Metric {
                name: "rating".to_owned(),
                aggregate: Aggregate::Mean,
                higher_is_better: true,
            }],
        })
    }
}

impl Task for Rated {
    fn about(&self) -> &About {
        &self.0
    }
    fn asks(&self) -> Result<Vec<Ask>> {
        let ask = |at: usize| Ask {
            id: at.to_string(),
            group: String::new(),
            request: Request::Complete {
                prompt: format!("질문 {at}:"),
                stops: vec![],
                limit: 8,
            },
            draw: Draw::default(),
        };
        Ok((0..3).map(ask).collect())
    }
    fn judge(&self, ask: &Ask, _: &[Answer]) -> Vec<Request> {
        vec![Request::Converse {
            messages: vec![Message::user(format!("{}번 답을 평가하라", ask.id))],
            tools: vec![],
            limit: 8,
        }]
    }
    fn score(&self, _: &Ask, _: &[Answer], judged: &[Answer]) -> Score {
        let said = match judged {
            [Answer::Messages(all)] => all[0].content.as_deref(),
            _ => None,
        };
        let rating = said.and_then(|said| said.parse::<f64>().ok());
        Score {
            values: rating
                .map(|rating| ("rating".to_owned(), rating))
                .into_iter()
                .collect(),
            ..Score::default()
        }
    }
}

/// Says the same to everything, or can say nothing.
struct Parrot {
    says: Option<&'static str>,
    asked: usize,
}

impl Respondent for Parrot {
    fn identity(&self) -> String {
        "앵무새".to_owned()
    }
    fn answer(
        &mut self,
        put: &[Put<'_>],
        deliver: &mut dyn FnMut(usize, Reply) -> Result<()>,
    ) -> Result<()> {
        for at in 0..put.len() {
            self.asked += 1;
            let answer = match self.says {
                Some(text) => Answer::Texts(vec![text.to_owned()]),
                None => Answer::Failed("문맥보다 길다".to_owned()),
            };
            deliver(at, answer.into())?;
        }
        Ok(())
    }
}

#[test]
fn a_verdict_that_the_transcript_has_lost_is_asked_for_again() {
    // The judge never says the same twice.
    let server = Pretend::new(|asked| Act::says(&asked.number.to_string()));
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join(VERDICTS);
    let answers = folder.path().join(ANSWERS);
    let mut parrot = Parrot {
        says: Some("서울"),
        asked: 0,
    };
    // The sum of the ratings, and the transcript.
    let mut heard = || -> (f64, String) {
        let endpoint = Endpoint::new(&server.url(), None, Patience::default()).unwrap();
        let recorder = Recorder {
            caller: Recorded::open(endpoint, &journal, Budget::default()).unwrap(),
            address: address(&server),
            parallel: 1,
            over: Arc::new(AtomicBool::new(false)),
        };
        let mut judge = recorder.respondent();
        let settings = Settings {
            votes: evaluation::voted(1),
            ..Settings::default()
        };
        let examine = || -> Result<Vec<Outcome>> {
            let outcome = evals::run(
                &Rated::new(),
                &mut parrot,
                Some(&mut judge),
                &mut Cache::open(&answers)?,
                &settings,
                &mut Silent,
            )?;
            Ok(vec![outcome])
        };
        let outcomes = recorder.heard(&answers, 1, examine).unwrap();
        let out = folder.path().join("out.jsonl");
        recorder.write(&outcomes, 1, &out).unwrap();
        let ratings = outcomes[0].questions.iter();
        let sum: f64 = ratings.map(|one| one.score.values["rating"]).sum();
        (sum, std::fs::read_to_string(out).unwrap())
    };
    let (sum, whole) = heard();
    assert_eq!((sum, whole.lines().count()), (3.0, 3));
    assert_eq!(server.asked().len(), 3);
    // A power cut: the answers came to the disk, and of the transcript its first line.
    let first = std::fs::read_to_string(&journal).unwrap();
    let first = first.lines().next().unwrap().to_owned() + "\n";
    disk::write(&journal, first.as_bytes()).unwrap();
    // The verdicts that count are those that the transcript has: 0, 3 and 4.
    let (sum, again) = heard();
    assert_eq!((sum, again.lines().count()), (7.0, 3));
    assert!(
        again.contains("\"content\":\"3\"") && again.contains("\"content\":\"4\""),
        "{again}"
    );
    assert_eq!(server.asked().len(), 5);
    assert_eq!(heard(), (7.0, again));
    assert_eq!(server.asked().len(), 5);
    assert_eq!(parrot.asked, 3, "the model's answers are kept");
}

/// What comes of the answers of one parrot and the verdicts of another.
fn outcome(says: Option<&'static str>, judge: Option<&mut dyn Respondent>) -> Outcome {
    let mut parrot = Parrot { says, asked: 0 };
    let (settings, mut cache) = (Settings::default(), Cache::in_memory());
    let task = Rated::new();
    evals::run(
        &task,
        &mut parrot,
        judge,
        &mut cache,
        &settings,
        &mut Silent,
    )
    .unwrap()
}

#[test]
fn a_task_that_nobody_answered_has_no_scores() {
    assert!(answered(&outcome(Some("서울"), None)).is_ok());
    let said = answered(&outcome(None, None)).unwrap_err().to_string();
    assert!(
        said.contains("no question of rated was answered")
            && said.contains("the first, 0, because: 문맥보다 길다")
            && said.contains("begins again"),
        "{said}"
    );
}

#[test]
fn a_task_that_the_judge_said_nothing_of_has_no_scores() {
    let mut mute = Parrot {
        says: None,
        asked: 0,
    };
    let said = answered(&outcome(Some("서울"), Some(&mut mute)));
    let said = said.unwrap_err().to_string();
    assert!(
        said.contains("앵무새 gave no verdict at all on rated")
            && said.contains("because: 문맥보다 길다"),
        "{said}"
    );
    // Words without a rating are a verdict that counts as none, which the figures say.
    let server = Pretend::new(|_| Act::says("훌륭하다"));
    let mut judge = judge(&server);
    assert!(answered(&outcome(Some("서울"), Some(&mut judge))).is_ok());
}

/// A judge without a transcript.
fn judge(server: &Pretend) -> Remote<Endpoint> {
    let endpoint = Endpoint::new(&server.url(), None, Patience::default()).unwrap();
    Remote::new(
        endpoint,
        address(server),
        1,
        Arc::new(AtomicBool::new(false)),
    )
}

fn address(server: &Pretend) -> Address {
    Address {
        url: server.url(),
        model: "심판".to_owned(),
        extra: Map::new(),
    }
}

#[test]
fn a_task_that_nobody_answered_ends_it_before_the_next_is_asked() {
    let mut parrot = Parrot {
        says: None,
        asked: 0,
    };
    let tasks: [Box<dyn Task>; 2] = [Box::new(Rated::new()), Box::new(Rated::new())];
    let wanted = evaluation::Wanted {
        draws: 1,
        ..evaluation::Wanted::default()
    };
    let outcomes = evaluation::examine_each(
        &wanted,
        &tasks,
        Who::Asked(&mut parrot),
        None,
        &mut Cache::in_memory(),
        &mut Silent,
        &mut answered,
    );
    assert!(outcomes.is_err());
    assert_eq!(parrot.asked, 3);
}

#[test]
fn what_an_earlier_attempt_got_no_verdict_to_is_asked_again() {
    // One is declined, and the next is no reply at all; then the server is mended.
    let server = Pretend::new(|asked| match asked.number {
        0 => Act::status(400, "너무 길다"),
        1 => Act::Reply(json!({"detail": "모형이 없다"})),
        _ => Act::says("7"),
    });
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join(VERDICTS);
    let attempt = || -> Result<Outcome> {
        drop_unheard(&journal, &address(&server), 1)?;
        let endpoint = Endpoint::new(&server.url(), None, Patience::default())?;
        let recorder = Recorder {
            caller: Recorded::open(endpoint, &journal, Budget::default())?,
            address: address(&server),
            parallel: 1,
            over: Arc::new(AtomicBool::new(false)),
        };
        let settings = Settings {
            votes: evaluation::voted(1),
            ..Settings::default()
        };
        let mut judge = recorder.respondent();
        let mut parrot = Parrot {
            says: Some("서울"),
            asked: 0,
        };
        evals::run(
            &Rated::new(),
            &mut parrot,
            Some(&mut judge),
            &mut Cache::in_memory(),
            &settings,
            &mut Silent,
        )
    };
    let said = format!("{:#}", attempt().unwrap_err());
    assert!(said.contains("no `choices`"), "{said}");
    assert_eq!(server.asked().len(), 2);
    for _ in 0..2 {
        let ratings = attempt().unwrap().questions;
        assert!(ratings.iter().all(|one| one.score.values["rating"] == 7.0));
        assert_eq!(
            server.asked().len(),
            5,
            "a verdict is never asked for twice"
        );
    }
}
