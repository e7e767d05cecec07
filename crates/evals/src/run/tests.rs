mod quiz;

use super::*;
use crate::task::{About, Score};
use proptest::prelude::*;
use quiz::{Fake, Quiz, ask};

fn go(quiz: &Quiz, fake: &mut Fake, cache: &mut Cache, settings: Settings) -> Result<Outcome> {
    let mut judge = Fake {
        name: "judge",
        ..Fake::default()
    };
    run(quiz, fake, Some(&mut judge), cache, &settings, &mut Silent)
}

fn plain(quiz: &Quiz) -> Outcome {
    go(
        quiz,
        &mut Fake::default(),
        &mut Cache::in_memory(),
        Settings::default(),
    )
    .unwrap()
}

proptest! {
    #[test]
    fn nothing_depends_on_batches_or_order(batch in 1_usize..40, backwards: bool) {
        let quiz = Quiz::new();
        let mut fake = Fake { backwards, ..Fake::default() };
        let settings = Settings { batch: Some(batch), ..Settings::default() };
        let outcome = go(&quiz, &mut fake, &mut Cache::in_memory(), settings).unwrap();
        prop_assert_eq!(outcome, plain(&quiz));
    }

    #[test]
    fn a_run_that_died_goes_on_to_the_same_result(life in 0_usize..23, batch in 1_usize..30) {
        let quiz = Quiz::new();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("answers.jsonl");
        let settings = Settings { batch: Some(batch), ..Settings::default() };
        let mut dying = Fake { life: Some(life), ..Fake::default() };
        let error = go(&quiz, &mut dying, &mut Cache::open(&path).unwrap(), settings).unwrap_err();
        let said = format!("{error:#}");
        prop_assert!(said.contains("the server is gone") && said.contains("answers.jsonl"), "{said}");
        let mut second = Fake::default();
        let outcome = go(&quiz, &mut second, &mut Cache::open(&path).unwrap(), settings).unwrap();
        prop_assert_eq!(&outcome, &plain(&quiz));
        prop_assert_eq!(second.count(), 23 - life);
        let mut third = Fake::default();
        let again = go(&quiz, &mut third, &mut Cache::open(&path).unwrap(), settings).unwrap();
        prop_assert_eq!(again, outcome);
        prop_assert_eq!(third.count(), 0);
    }
}

#[test]
fn common_beginnings_are_neighbours() {
    let mut fake = Fake::default();
    go(
        &Quiz::new(),
        &mut fake,
        &mut Cache::in_memory(),
        Settings::default(),
    )
    .unwrap();
    let first: Vec<&str> = fake.asked[0]
        .iter()
        .filter_map(|(request, _)| match request {
            Request::Choose { context, .. } => Some(context.as_str()),
            _ => None,
        })
        .collect();
    let changes = first
        .windows(2)
        .filter(|pair| pair[0].chars().next() != pair[1].chars().next())
        .count();
    assert_eq!(
        (first.len(), changes),
        (14, 1),
        "the subjects are interleaved in the task"
    );
}

#[test]
fn half_a_line_is_dropped_and_nothing_else() {
    let quiz = Quiz::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("answers.jsonl");
    let settings = Settings::default();
    go(
        &quiz,
        &mut Fake::default(),
        &mut Cache::open(&path).unwrap(),
        settings,
    )
    .unwrap();
    let bytes = std::fs::read(&path).unwrap();
    disk::write(&path, &bytes[..bytes.len() - 9]).unwrap();
    let mut fake = Fake::default();
    let mut judge = Fake {
        name: "judge",
        ..Fake::default()
    };
    let mut cache = Cache::open(&path).unwrap();
    let outcome = run(
        &quiz,
        &mut fake,
        Some(&mut judge),
        &mut cache,
        &settings,
        &mut Silent,
    );
    assert_eq!(outcome.unwrap(), plain(&quiz));
    assert_eq!(
        (fake.count(), judge.count()),
        (0, 1),
        "the last line was a verdict"
    );
    // What was written after the half line is read again.
    let mut judge = Fake {
        name: "judge",
        ..Fake::default()
    };
    let mut cache = Cache::open(&path).unwrap();
    run(
        &quiz,
        &mut fake,
        Some(&mut judge),
        &mut cache,
        &settings,
        &mut Silent,
    )
    .unwrap();
    assert_eq!((fake.count(), judge.count()), (0, 0));
}

#[test]
fn another_model_or_another_draw_asks_anew() {
    let quiz = Quiz::new();
    let mut cache = Cache::in_memory();
    let mut count = |name: &'static str, temperature: Option<f32>| {
        let mut fake = Fake {
            name,
            ..Fake::default()
        };
        let settings = Settings {
            temperature,
            ..Settings::default()
        };
        go(&quiz, &mut fake, &mut cache, settings).unwrap();
        fake.count()
    };
    assert_eq!(count("a", None), 23);
    assert_eq!(count("a", None), 0);
    assert_eq!(count("b", None), 23);
    assert_eq!(
        count("a", Some(0.8)),
        9,
        "what is drawn, not what is measured"
    );
}

#[test]
fn what_fails_is_wrong_and_tried_again() {
    let quiz = Quiz::new();
    let mut cache = Cache::in_memory();
    let mut fake = Fake {
        fails: Some("안녕, 1"),
        ..Fake::default()
    };
    let outcome = go(&quiz, &mut fake, &mut cache, Settings::default()).unwrap();
    assert_eq!(outcome.failed(), 1);
    let failed = &outcome.questions[18];
    assert_eq!(failed.failure(), Some("it does not fit"));
    assert_eq!(failed.score.values["acc"], 0.0);
    assert_eq!(failed.requests.len(), 1, "nothing follows");
    let mut healed = Fake::default();
    let outcome = go(&quiz, &mut healed, &mut cache, Settings::default()).unwrap();
    assert_eq!(outcome, plain(&quiz));
    assert_eq!(healed.count(), 2, "its two turns alone");
}

#[test]
fn what_the_limit_of_tokens_cut_off_is_said_and_kept() {
    let quiz = Quiz::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("answers.jsonl");
    let mut fake = Fake {
        cuts: Some("안녕, 1"),
        ..Fake::default()
    };
    let settings = Settings::default();
    let outcome = go(&quiz, &mut fake, &mut Cache::open(&path).unwrap(), settings).unwrap();
    // Both turns of one conversation.
    let cut = &outcome.questions[18];
    assert_eq!((outcome.cut(), cut.cut), (2, 2));
    assert_eq!(cut.notes, ["cut off at 8 tokens"; 2]);
    let [remark] = &outcome.remarks[..] else {
        panic!("{:?}", outcome.remarks)
    };
    assert!(
        remark.starts_with("2 of 9 answers were cut off by the limit of tokens")
            && remark.contains("--max-tokens"),
        "{remark}"
    );
    let mut cache = Cache::open(&path).unwrap();
    let again = go(&quiz, &mut Fake::default(), &mut cache, settings).unwrap();
    assert_eq!(again, outcome, "what is read from the file says it too");
    assert_eq!(plain(&quiz).remarks, Vec::<String>::new());
}

#[test]
fn what_the_context_cut_off_is_not_put_down_to_the_limit() {
    let quiz = Quiz::new();
    let mut cache = Cache::in_memory();
    let mut fake = Fake {
        cuts: Some("안녕, 1"),
        room: Some(6),
        ..Fake::default()
    };
    let outcome = go(&quiz, &mut fake, &mut cache, Settings::default()).unwrap();
    assert_eq!(outcome.questions[18].notes, ["cut off at 6 tokens"; 2]);
    let [remark] = &outcome.remarks[..] else {
        panic!("{:?}", outcome.remarks)
    };
    assert!(
        remark.starts_with("2 of 9 answers were cut off where the model's context ends")
            && !remark.contains("--max-tokens"),
        "{remark}"
    );
    let again = go(&quiz, &mut Fake::default(), &mut cache, Settings::default());
    assert_eq!(again.unwrap(), outcome, "what was kept says it too");

    // One conversation may have both: its later turns have less of the context left.
    let request = Request::Converse {
        messages: vec![chat::Message::user("더 말해 줘")],
        tools: vec![],
        limit: 16,
    };
    let mut cut = Cut::default();
    for (count, tokens) in [(2, 16), (0, 16), (3, 6)] {
        let texts = Answer::Texts(vec![String::new(); 4]);
        cut.add(&request, &Reply::from(texts).cut_off(count, tokens));
    }
    let wanted = Cut {
        limit: 2,
        context: 3,
    };
    assert_eq!(cut, wanted);
    assert_eq!(cut.remarks(&[]).len(), 2);
}

#[test]
fn several_samples_say_how_many_of_them_were_cut_off() {
    let texts = Reply {
        note: "the prompt was cut".to_owned(),
        ..Reply::from(Answer::Texts(vec![String::new(); 5]))
    };
    assert_eq!(texts.clone().cut_off(0, 7), texts);
    let cut = texts.cut_off(3, 7);
    assert_eq!(cut.cut, 3);
    assert_eq!(cut.note, "the prompt was cut; 3 of 5 cut off at 7 tokens");
}

#[test]
fn a_limit_counts_by_group() {
    let settings = Settings {
        limit: Some(2),
        ..Settings::default()
    };
    let mut fake = Fake::default();
    let outcome = go(&Quiz::new(), &mut fake, &mut Cache::in_memory(), settings).unwrap();
    let ids: Vec<&str> = outcome
        .questions
        .iter()
        .map(|one| one.ask.id.as_str())
        .collect();
    assert_eq!(
        ids,
        [
            "역사/0", "law/0", "역사/1", "law/1", "sum/0", "sum/1", "talk/0", "talk/1"
        ]
    );
    assert_eq!(outcome.total, 20);
}

#[test]
fn votes_are_samples_and_a_missing_judge_is_said() {
    let quiz = Quiz::new();
    let mut judge = Fake {
        name: "judge",
        ..Fake::default()
    };
    let settings = Settings {
        votes: Draw {
            samples: 3,
            ..Draw::default()
        },
        ..Settings::default()
    };
    let (mut fake, mut cache) = (Fake::default(), Cache::in_memory());
    let judged = run(
        &quiz,
        &mut fake,
        Some(&mut judge),
        &mut cache,
        &settings,
        &mut Silent,
    );
    let judged = judged.unwrap();
    let last = judged.questions.last().unwrap();
    assert!(
        matches!(&last.judged[..], [Answer::Texts(votes)] if votes.len() == 3),
        "{:?}",
        last.judged
    );
    assert_eq!(judged.judge.as_deref(), Some("fake judge"));
    let alone = run(&quiz, &mut fake, None, &mut cache, &settings, &mut Silent).unwrap();
    assert_eq!(alone.judge, None);
    let last = &alone.questions.last().unwrap().judged;
    assert!(
        matches!(&last[..], [Answer::Failed(why)] if why.contains("--judge")),
        "{last:?}"
    );
}

#[test]
fn what_scores_stand_on_is_asked_first_and_whatever_the_limit() {
    /// How many of all passages are longer than the question's answer.
    struct Search(Quiz);
    impl Task for Search {
        fn about(&self) -> &About {
            &self.0.about
        }
        fn asks(&self) -> Result<Vec<Ask>> {
            self.0.asks()
        }
        fn ground(&self) -> Result<Vec<Ask>> {
            let passage = |at: usize| {
                let prompt = format!("passage {at}");
                let (stops, limit) = (vec![], 4);
                ask(
                    &at.to_string(),
                    "",
                    Request::Complete {
                        prompt,
                        stops,
                        limit,
                    },
                )
            };
            Ok((0..5).map(passage).collect())
        }
        fn score(&self, _: &Ask, _: &[Answer], _: &[Answer]) -> Score {
            panic!("whoever runs a task calls `scores`")
        }
        fn scores(
            &self,
            ground: &[Answer],
            asked: &[crate::task::Asked<'_>],
            _: &mut crate::task::Told<'_>,
        ) -> Result<Vec<Score>> {
            let values = [("acc".to_owned(), ground.len() as f64)];
            let score = Score {
                values: values.into(),
                ..Score::default()
            };
            Ok(vec![score; asked.len()])
        }
        fn remarks(&self, asked: &[crate::task::Asked<'_>]) -> Vec<String> {
            vec![format!("{} questions", asked.len())]
        }
    }
    let mut fake = Fake::default();
    let settings = Settings {
        limit: Some(1),
        ..Settings::default()
    };
    let outcome = run(
        &Search(Quiz::new()),
        &mut fake,
        None,
        &mut Cache::in_memory(),
        &settings,
        &mut Silent,
    );
    let outcome = outcome.unwrap();
    assert_eq!(fake.asked[0].len(), 5);
    assert_eq!(outcome.questions.len(), 4);
    assert_eq!(outcome.headline().unwrap().value, 5.0);
    assert_eq!(outcome.remarks, ["4 questions"]);
}

#[test]
fn the_same_question_is_asked_once() {
    let mut quiz = Quiz::new();
    let mut twin = quiz.asks[0].clone();
    twin.id = "역사/twin".to_owned();
    quiz.asks.push(twin);
    let mut fake = Fake::default();
    let outcome = go(
        &quiz,
        &mut fake,
        &mut Cache::in_memory(),
        Settings::default(),
    )
    .unwrap();
    assert_eq!(fake.count(), 23);
    let (first, last) = (&outcome.questions[0], outcome.questions.last().unwrap());
    assert_eq!(first.answers, last.answers);
}

#[test]
fn mistakes_of_tasks_and_respondents_are_sentences() {
    fn check(change: impl FnOnce(&mut Quiz), words: &str) {
        let mut quiz = Quiz::new();
        change(&mut quiz);
        let error = go(
            &quiz,
            &mut Fake::default(),
            &mut Cache::in_memory(),
            Settings::default(),
        );
        let said = format!("{:#}", error.unwrap_err());
        assert!(said.contains(words), "{said}");
    }
    check(|quiz| quiz.asks.clear(), "has no questions");
    check(
        |quiz| quiz.asks[3].id = "역사/0".to_owned(),
        "two questions called \"역사/0\"",
    );

    struct Wrong(&'static str);
    impl Respondent for Wrong {
        fn identity(&self) -> String {
            "wrong".to_owned()
        }
        fn answer(
            &mut self,
            put: &[Put<'_>],
            deliver: &mut dyn FnMut(usize, Reply) -> Result<()>,
        ) -> Result<()> {
            match self.0 {
                "kind" => deliver(0, Answer::Texts(vec![]).into()),
                "index" => deliver(put.len(), Answer::Texts(vec![]).into()),
                _ => Ok(()),
            }
        }
    }
    for (how, words) in [
        ("kind", "something else than was asked for"),
        ("index", "question number 21 of 20"),
        ("silence", "left 20 of 20 questions unanswered"),
    ] {
        let error = run(
            &Quiz::new(),
            &mut Wrong(how),
            None,
            &mut Cache::in_memory(),
            &Settings::default(),
            &mut Silent,
        );
        let said = format!("{:#}", error.unwrap_err());
        assert!(said.contains(words), "{said}");
    }
}

#[test]
fn whoever_watches_can_stop_it() {
    struct Impatient(usize);
    impl Watch for Impatient {
        fn progress(&mut self, _: &str, _: Phase, done: usize, _: usize) -> Result<()> {
            ensure!(done < self.0, Stopped);
            Ok(())
        }
    }
    let quiz = Quiz::new();
    let mut cache = Cache::in_memory();
    let mut fake = Fake::default();
    let settings = Settings::default();
    let stopped = run(
        &quiz,
        &mut fake,
        None,
        &mut cache,
        &settings,
        &mut Impatient(5),
    );
    assert!(stopped.unwrap_err().is::<Stopped>());
    assert_eq!(cache.len(), 5, "what came before is kept");
}

/// Hears everything, and stops when the scores have come so far.
struct Hears {
    scores: Vec<(usize, usize)>,
    stop: usize,
}

impl Watch for Hears {
    fn progress(&mut self, _: &str, phase: Phase, done: usize, total: usize) -> Result<()> {
        if phase == Phase::Scores {
            self.scores.push((done, total));
            ensure!(done < self.stop, Stopped);
        }
        Ok(())
    }
}

#[test]
fn scoring_is_told_and_can_be_stopped() {
    let quiz = Quiz::new();
    let mut cache = Cache::in_memory();
    let mut go = |stop: usize| {
        let mut hears = Hears {
            scores: vec![],
            stop,
        };
        let (mut fake, mut judge) = (Fake::default(), Fake::default());
        let outcome = run(
            &quiz,
            &mut fake,
            Some(&mut judge),
            &mut cache,
            &Settings::default(),
            &mut hears,
        );
        (outcome, hears.scores, fake.count())
    };
    let (outcome, scores, asked) = go(7);
    assert!(outcome.unwrap_err().is::<Stopped>());
    assert_eq!(scores, (0..=7).map(|done| (done, 20)).collect::<Vec<_>>());
    assert!(asked > 0);
    // Every answer is kept; only the scoring is done again.
    let (outcome, scores, asked) = go(usize::MAX);
    assert_eq!(outcome.unwrap().questions.len(), 20);
    assert_eq!((scores.last(), asked), (Some(&(20, 20)), 0));
}
