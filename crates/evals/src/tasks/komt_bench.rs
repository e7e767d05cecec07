//! KoMT-Bench: MT-Bench in Korean, with questions of its own and a penalty for answers in another language.
//!
//! Of an answer that is not in Korean the square root of the rating counts, as its authors have it (LG AI
//! Research, arXiv 2408.03541); questions 138 and 140, whose answers are JSON, are exempt. What language an
//! answer is in is told by `judge/language.rs`, not by the authors' detector. The judge's prompts are the
//! authors' Korean ones, read from `judge_prompts_ko.jsonl` of their repository: their licence (LGPL) is not ours.

use super::mt_bench::{Bench, about};
use crate::task::{Kind, Setup};
use std::sync::OnceLock;

/// The shelf's lines.
pub const KINDS: &[Kind] = &[Kind {
    name: "komt_bench",
    needs: &[
        "komt_bench/question_ko.jsonl",
        "komt_bench/reference_answer_ko",
        "komt_bench/judge_prompts_ko.jsonl",
    ],
    open: |setup| Ok(Box::new(korean(setup))),
}];

pub(crate) fn korean(setup: &Setup) -> Bench {
    let folder = setup.data.join("komt_bench");
    let more = ["score_without_penalty", "korean"];
    Bench {
        about: about("komt_bench", "ko", "LG-AI-EXAONE/KoMT-Bench", &more),
        questions: folder.join("question_ko.jsonl"),
        references: folder.join("reference_answer_ko"),
        prompts: folder.join("judge_prompts_ko.jsonl"),
        other_languages: Some(&["138", "140"]),
        read: OnceLock::new(),
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests write files of their own")]
mod tests {
    use super::super::mt_bench::tests::{PROMPTS, folder, put, said, setup};
    use super::*;

    const QUESTIONS: &str = r#"{"question_id": 81, "category": "writing", "turns": ["하와이 여행기를 써 주세요.", "ㄱ으로 시작하게 고쳐 쓰세요."]}
{"question_id": 138, "category": "extraction", "turns": ["JSON으로 뽑아 주세요.", "더 짧게."]}
{"question_id": 111, "category": "math", "turns": ["넓이는?", "둘레는?"]}
"#;
    const REFERENCES: &str = r#"{"question_id": 111, "choices": [{"turns": ["넓이는 3이다.", "둘레는 9이다."]}]}
"#;

    #[test]
    fn the_root_counts_where_the_language_is_wrong() {
        let data = folder(
            "komt_bench",
            &[
                ("question_ko.jsonl", QUESTIONS),
                ("reference_answer_ko/gpt-4.jsonl", REFERENCES),
                ("judge_prompts_ko.jsonl", PROMPTS),
            ],
        );
        let task = korean(&setup(data.path()));
        let english = "Hawaii is a wonderful place.";
        let scores = put(&task, |ask| match &*ask.id {
            "81" => (
                vec![said("하와이는 아름답습니다."), said(english)],
                vec![said("[[9]]"), said("점수: [[9]]")],
            ),
            "138" => (
                vec![said("{\"name\": \"Kim\"}"), said(english)],
                vec![said("[[4]]"), said("[[4]]")],
            ),
            _ => (
                vec![said("답은 3입니다."), said("42")],
                vec![said("[[10]]"), said("[[7.5]]")],
            ),
        });
        assert_eq!(scores[0].values["score"], 6.0, "{:?}", scores[0]);
        assert_eq!(scores[0].values["score_without_penalty"], 9.0);
        assert_eq!(scores[0].values["korean"], 0.5);
        assert_eq!(scores[0].taken, "9 · √9");
        assert!(
            scores[0].note.contains("turn 2 is not in Korean"),
            "{}",
            scores[0].note
        );
        assert_eq!(scores[1].values["score"], 4.0, "138 may be in English");
        assert_eq!(scores[2].values["score"], 8.75);
        assert_eq!(scores[2].expected, "넓이는 3이다.\n\n둘레는 9이다.");
        // What nobody judged, and nobody answered, counts in both means.
        let scores = put(&task, |ask| match &*ask.id {
            "81" => (
                vec![said("하와이는 아름답습니다."), said(english)],
                vec![said("[[9]]"), said("[[9]]")],
            ),
            _ => (vec![crate::ask::Answer::Failed("full".to_owned())], vec![]),
        });
        assert_eq!(scores[2].values["score"], 1.0);
        assert_eq!(scores[2].values["score_without_penalty"], 1.0);
        assert_eq!(scores[2].weights["score_without_penalty"], 2.0);
        assert!(!scores[2].values.contains_key("korean"));
    }
}
