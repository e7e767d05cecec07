use super::*;
use anyhow::Result;
use evals::{
    About, Aggregate, Answer, Ask, Cache, Draw, Likelihood, Metric, Put, Reply, Request,
    Respondent, Score, Settings, Silent, Task,
};

/// Two subjects, hostile names.
struct Quiz(About);

impl Task for Quiz {
    fn about(&self) -> &About {
        &self.0
    }
    fn asks(&self) -> Result<Vec<Ask>> {
        let ask = |at: usize| {
            let group = ["역사 & <b>law</b>", "수학"][at % 2];
            let examples =
                "다음은 문제입니다. 보기에서 고르세요.\n질문: 처음은 무엇입니까?\n정답: A\n\n";
            Ask {
                id: format!("{group}/{at}"),
                group: group.to_owned(),
                request: Request::Choose {
                    context: format!("{examples}질문: <script>alert({at})</script>\n정답:"),
                    options: vec![" A".to_owned(), " <i>B</i>".to_owned()],
                },
                draw: Draw::default(),
            }
        };
        Ok((0..6).map(ask).collect())
    }
    fn score(&self, _: &Ask, answers: &[Answer], _: &[Answer]) -> Score {
        let right = matches!(&answers[0], Answer::Likelihoods(all) if all[0].sum > all[1].sum);
        Score {
            values: [("acc".to_owned(), f64::from(u8::from(right)))].into(),
            classes: Some((0, usize::from(!right))),
            expected: "A".to_owned(),
            taken: if right { "A" } else { "<i>B</i>" }.to_owned(),
            ..Score::default()
        }
    }
    fn remarks(&self, _: &[evals::Asked<'_>]) -> Vec<String> {
        vec!["the judge agreed with himself".to_owned()]
    }
}

struct Fake;

impl Respondent for Fake {
    fn identity(&self) -> String {
        "fake".to_owned()
    }
    fn answer(
        &mut self,
        put: &[Put<'_>],
        deliver: &mut dyn FnMut(usize, Reply) -> Result<()>,
    ) -> Result<()> {
        for at in 0..put.len() {
            let one = |sum: f64| Likelihood {
                sum,
                tokens: 1,
                greedy: false,
            };
            let answer = match at {
                0 => Answer::Failed("it does not fit".to_owned()),
                _ => Answer::Likelihoods(vec![one(-1.0), one(-(at as f64) / 2.0)]),
            };
            deliver(at, answer.into())?;
        }
        Ok(())
    }
}

fn sheet(language: Language) -> (Page, Page) {
    let about = About {
        name: "quiz".to_owned(),
        summary: "A quiz.".to_owned(),
        language: "ko".to_owned(),
        protocol: "1-shot log-likelihood".to_owned(),
        source: "nowhere".to_owned(),
        version: 1,
        metrics: vec![Metric {
            name: "acc".to_owned(),
            aggregate: Aggregate::Mean,
            higher_is_better: true,
        }],
    };
    let mut cache = Cache::in_memory();
    let settings = Settings::default();
    let outcome = evals::run(
        &Quiz(about),
        &mut Fake,
        None,
        &mut cache,
        &settings,
        &mut Silent,
    );
    let outcomes = [outcome.unwrap()];
    let wanted = crate::evaluation::Wanted {
        draws: 1,
        limit: Some(3),
        ..Default::default()
    };
    let about = crate::evaluation::about(
        &wanted,
        "작은 모델",
        Protocol::Base,
        "fake".to_owned(),
        None,
    );
    (
        brief(&about, &outcomes, language),
        whole(&about, &outcomes, language),
    )
}

#[test]
fn every_question_is_on_the_page_and_every_text_is_escaped() {
    let html = sheet(Language::English).1.finish();
    for at in 0..6 {
        assert!(
            html.contains(&format!("&lt;script&gt;alert({at})")),
            "question {at}"
        );
    }
    assert!(!html.contains("<script") && !html.contains("<i>B") && !html.contains("<b>law"));
    // The examples of a group are there once.
    assert_eq!(html.matches("처음은 무엇입니까?").count(), 2);
    for words in [
        "By subject",
        "it does not fit",
        "What stands before every question",
        "the judge agreed with himself",
        "not looked for",
        "the first 3 questions of each subject",
        "ln p per byte",
    ] {
        assert!(html.contains(words), "{words:?} is missing");
    }
}

#[test]
fn the_page_speaks_korean() {
    let html = sheet(Language::Korean).1.finish();
    for words in [
        "lang=\"ko\"",
        "작은 모델 평가",
        "과목별",
        "정답",
        "표준오차",
    ] {
        assert!(html.contains(words), "{words:?} is missing");
    }
}

#[test]
fn a_terminal_shows_figures_and_no_questions() {
    let text = sheet(Language::English)
        .0
        .terminal(100, page::terminal::Ink::Plain);
    assert!(
        text.contains("acc") && text.contains("quiz") && text.contains('±'),
        "{text}"
    );
    assert!(!text.contains("alert"), "{text}");
}
