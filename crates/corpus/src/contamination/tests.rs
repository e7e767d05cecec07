use super::*;
use crate::{Document, WriteSettings, Writer};
use std::path::Path;

const ENGLISH: &str = "Natalia sold clips to 48 of her friends in April, and then she sold half as many clips in May. How many clips did Natalia sell altogether in April and May?";
const KOREAN: &str = "다음 중 우리나라에서 가장 먼저 만들어진 저수지로 알려진 것은 무엇인지 고르고 그 까닭을 간단히 설명하시오.";

fn question(task: &str, id: usize, texts: &[&str]) -> Question {
    Question {
        name: Name {
            task: task.to_owned(),
            id: format!("{task}/test.csv:{id}"),
        },
        texts: texts.iter().map(|text| (*text).to_owned()).collect(),
    }
}

fn index(questions: Vec<Question>, settings: OverlapSettings) -> Index {
    let mut indexer = Indexer::new(settings);
    questions
        .into_iter()
        .for_each(|question| indexer.add(question));
    indexer.finish()
}

fn shares(index: &Index, text: &str) -> Vec<(u32, f64)> {
    index
        .find(text)
        .iter()
        .map(|hit| (hit.question, hit.share))
        .collect()
}

#[test]
fn a_planted_question_is_found_whatever_stands_around_it() {
    let index = index(
        vec![
            question("gsm8k", 1, &[ENGLISH, "72"]),
            question("kmmlu", 1, &["B", KOREAN]),
        ],
        OverlapSettings::default(),
    );
    let english = format!(
        "Homework!\n\n{}\n\nThanks.",
        ENGLISH.to_uppercase().replace(", ", " — ")
    );
    assert_eq!(shares(&index, &english), [(0, 1.0)]);
    let korean = format!(
        "시험 문제: {}",
        KOREAN.replace(' ', "").replace("무엇인지", "무엇인지\n")
    );
    assert_eq!(shares(&index, &korean), [(1, 1.0)]);
    assert_eq!(
        shares(&index, &format!("{KOREAN} {ENGLISH}")),
        [(0, 1.0), (1, 1.0)]
    );
    // Twice the same is not more.
    assert_eq!(shares(&index, &format!("{ENGLISH} {ENGLISH}")), [(0, 1.0)]);
    // As conjoining jamo, as some files have it.
    let jamo: String = KOREAN.nfd().collect();
    let from_jamo = super::tests::index(
        vec![question("kmmlu", 1, &[&jamo])],
        OverlapSettings::default(),
    );
    assert_eq!(shares(&from_jamo, KOREAN), [(0, 1.0)]);
}

#[test]
fn a_part_is_found_to_its_share_and_other_texts_not_at_all() {
    let index = index(
        vec![
            question("gsm8k", 1, &[ENGLISH]),
            question("kmmlu", 1, &[KOREAN]),
        ],
        OverlapSettings::default(),
    );
    // 31 words have 19 runs of 13; the first 20 words have 8 of them.
    let words: Vec<&str> = ENGLISH.split(' ').collect();
    assert_eq!(words.len(), 31);
    assert_eq!(shares(&index, &words[..20].join(" ")), [(0, 8.0 / 19.0)]);
    assert_eq!(shares(&index, &words[..12].join(" ")), []);
    for other in [
        "She sold her clips to friends in May and bought 48 others in April because they were cheaper.",
        "우리나라에서 가장 오래된 저수지는 김제 벽골제로 알려져 있으며 그 까닭은 기록에 남아 있다.",
        "Natalia sold clips to 49 of her friends in April, and then she sold twice as many clips in June.",
        "",
    ] {
        assert_eq!(shares(&index, other), [], "{other}");
    }
}

#[test]
fn what_many_questions_share_says_nothing_of_one() {
    let instruction = "Read the following passage with care and answer the question below in one sentence of your own.";
    let questions = |count: usize| {
        (0..count)
            .map(|at| question("qa", at, &[instruction, ENGLISH]))
            .collect()
    };
    let few = index(questions(10), OverlapSettings::default());
    assert_eq!(shares(&few, instruction).len(), 10);
    let mut many: Vec<Question> = (0..11)
        .map(|at| question("qa", at, &[instruction]))
        .collect();
    many.push(question("gsm8k", 1, &[instruction, ENGLISH]));
    let many = index(many, OverlapSettings::default());
    assert_eq!(shares(&many, instruction), []);
    assert_eq!(shares(&many, ENGLISH), [(11, 1.0)]);
    assert!(!many.can_be_found(0) && many.can_be_found(11));
}

#[test]
fn korean_can_be_compared_by_eojeol() {
    let settings = OverlapSettings {
        korean: Unit::Words,
        korean_length: 8,
        ..OverlapSettings::default()
    };
    let index = index(vec![question("kmmlu", 1, &[KOREAN])], settings);
    assert_eq!(shares(&index, KOREAN), [(0, 1.0)]);
    assert_eq!(shares(&index, &KOREAN.replace(' ', "")), []);
}

#[test]
fn settings_without_sense_are_refused() {
    for (settings, wanted) in [
        (
            OverlapSettings {
                words: 0,
                ..OverlapSettings::default()
            },
            "words = 0",
        ),
        (
            OverlapSettings {
                share: 0.0,
                ..OverlapSettings::default()
            },
            "share = 0",
        ),
        (
            OverlapSettings {
                share: f64::NAN,
                ..OverlapSettings::default()
            },
            "share = NaN",
        ),
        (
            OverlapSettings {
                common: 0,
                ..OverlapSettings::default()
            },
            "common = 0",
        ),
    ] {
        assert!(settings.check().unwrap_err().to_string().contains(wanted));
    }
    OverlapSettings::default().check().unwrap();
}

fn corpus(folder: &Path) -> Corpus {
    let small = WriteSettings {
        shard_bytes: 3_000,
        ..WriteSettings::default()
    };
    let mut writer = Writer::create(folder, small).unwrap();
    for at in 0..120 {
        let text = match at {
            17 | 90 => format!("앞의 글. {KOREAN} 뒤의 글."),
            40 => format!("{ENGLISH} {KOREAN}"),
            41 => ENGLISH.split(' ').take(20).collect::<Vec<_>>().join(" "),
            _ => format!("문서 {at}번은 아무 시험에도 나오지 않는 글이다. 그러니 {at}번은 남는다."),
        };
        writer
            .write(&Document::new(format!("문서-{at}"), text))
            .unwrap();
    }
    writer.finish().unwrap();
    Corpus::open(folder).unwrap()
}

use crate::Corpus;

#[test]
fn a_survey_is_the_same_for_any_number_of_threads_and_after_a_stop() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = corpus(&folder.path().join("corpus"));
    assert!(corpus.index().shards.len() > 2);
    let index = index(
        vec![
            question("gsm8k", 1, &[ENGLISH]),
            question("kmmlu", 1, &[KOREAN]),
            question("kmmlu", 2, &["짧다"]),
        ],
        OverlapSettings::default(),
    );
    let run = |name: &str, threads: usize, stop: u64| {
        let partial = folder.path().join(name);
        disk::create_dir(&partial).unwrap();
        let survey = Survey {
            corpus: &corpus,
            index: &index,
            partial: &partial,
            threads,
        };
        survey.run(|done, total| {
            ensure!(done < stop || done == total, "stopped");
            Ok(())
        })
    };
    let found = run("one", 1, u64::MAX).unwrap();
    assert_eq!(run("three", 3, u64::MAX).unwrap(), found);
    run("broken", 2, 60).unwrap_err();
    assert_eq!(run("broken", 2, u64::MAX).unwrap(), found);

    let places: Vec<u64> = found.documents.keys().copied().collect();
    assert_eq!(places, [17, 40, 90], "document 41 has too small a share");
    let (report, numbers) = found.sum_up(&index, vec![]);
    assert_eq!(numbers[&1], 1);
    let [gsm8k, kmmlu] = &report.tasks[..] else {
        panic!("two tasks: {report:?}")
    };
    assert_eq!((gsm8k.questions, gsm8k.held, gsm8k.documents), (1, 1, 1));
    assert_eq!(
        (
            kmmlu.questions,
            kmmlu.looked_for,
            kmmlu.held,
            kmmlu.documents
        ),
        (2, 1, 1, 3)
    );
    assert_eq!(kmmlu.share, 1.0);
    assert_eq!(report.of(&["kmmlu"]), Some((1, 1)));
    assert_eq!(report.of(&["gsm8k/test.csv", "kmmlu"]), Some((2, 2)));
    assert_eq!(report.of(&["kmm", "kmmlu/test"]), None);
    assert_eq!(report.held[1].document, "문서-17", "the first of equals");
    assert_eq!(report.held[1].documents, 3);
}
