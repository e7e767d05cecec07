//! The rules; agreement with lm-eval's checker on 500 answers is in `tests/ifeval.rs`.

use super::*;
use serde_json::json;

fn check(id: &str, arguments: Value, prompt: &str, answer: &str, wanted: bool) {
    let row = Row {
        key: json!(1),
        prompt: prompt.to_owned(),
        instruction_id_list: vec![id.to_owned()],
        kwargs: vec![arguments.as_object().cloned()],
    };
    let followed = demands(&row).unwrap().followed(answer);
    assert_eq!(followed.strict, [wanted], "{id} {arguments}: {answer}");
}

/// 500 answers and the verdicts of lm-eval's checker, by `fixtures/ifeval.py`.
#[test]
fn verdicts_are_those_of_lm_eval() {
    #[derive(Deserialize)]
    struct Case {
        ids: Vec<String>,
        kwargs: Vec<Option<Map<String, Value>>>,
        response: String,
        strict: Vec<bool>,
        loose: Vec<bool>,
    }
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../fixtures/ifeval/answers.jsonl.gz"
    );
    let cases = json_lines::<Case>(file.as_ref()).unwrap();
    assert_eq!(cases.len(), 500);
    let mut kinds = std::collections::BTreeSet::new();
    let mut wrong = Vec::new();
    for case in cases {
        let case = case.value;
        let row = Row {
            key: json!(0),
            prompt: "A prompt in English.".to_owned(),
            instruction_id_list: case.ids.clone(),
            kwargs: case.kwargs.clone(),
        };
        let followed = demands(&row).unwrap().followed(&case.response);
        if followed.strict != case.strict || followed.loose != case.loose {
            wrong.push(format!(
                "{:?} {:?}\n  {:?}\n  strict {:?}, wanted {:?}; loose {:?}, wanted {:?}",
                case.ids,
                case.kwargs,
                case.response,
                followed.strict,
                case.strict,
                followed.loose,
                case.loose
            ));
        }
        kinds.extend(case.ids);
    }
    assert_eq!(kinds.len(), 25);
    assert!(
        wrong.is_empty(),
        "{} differ\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn a_korean_prompt_is_judged_as_korean() {
    let prompt = "한국의 가을을 소개하는 글을 써 주세요.";
    let check = |id: &str, arguments: Value, answer: &str, wanted: bool| {
        check(id, arguments, prompt, answer, wanted)
    };
    let words = |n: usize| json!({"relation": "at least", "num_words": n});
    check(
        "length_constraints:number_words",
        words(4),
        "가을은 하늘이 높고, 맑다.",
        true,
    );
    check(
        "length_constraints:number_words",
        words(5),
        "가을은 하늘이 높고, 맑다 !",
        false,
    );
    let sentences = |n: usize| json!({"relation": "less than", "num_sentences": n});
    check(
        "length_constraints:number_sentences",
        sentences(3),
        "단풍이 들었다.바람이 분다.",
        true,
    );
    check(
        "length_constraints:number_sentences",
        sentences(3),
        "단풍이 들었어요. 바람이 불어요! 좋죠?",
        false,
    );
    check(
        "keywords:forbidden_words",
        json!({"forbidden_words": ["단풍"]}),
        "단풍이 들었다.",
        false,
    );
    check(
        "keywords:forbidden_words",
        json!({"forbidden_words": ["단풍"]}),
        "단풍나무가 있다.",
        true,
    );
    check(
        "keywords:existence",
        json!({"keywords": ["단풍", "하늘"]}),
        "단풍이 들고 하늘은 높다.",
        true,
    );
    let often = json!({"keyword": "단풍", "relation": "at least", "frequency": 2});
    check("keywords:frequency", often, "단풍, 또 단풍잎.", true);
    let letter = |letter: &str, n: usize| json!({"letter": letter, "let_relation": "at least", "let_frequency": n});
    check(
        "keywords:letter_frequency",
        letter("가", 2),
        "가을 가을",
        true,
    );
    check(
        "keywords:letter_frequency",
        letter("ㄱ", 3),
        "가을 국",
        true,
    );
    check(
        "language:response_language",
        json!({"language": "ko"}),
        "GPU에서 CUDA로 돌아가는 가을 풍경입니다.",
        true,
    );
    check(
        "language:response_language",
        json!({"language": "ko"}),
        "Autumn in Korea is lovely (가을).",
        false,
    );
    check("punctuation:no_comma", json!({}), "가을、하늘", false);
    check("punctuation:no_comma", json!({}), "가을 하늘", true);
    check("startend:quotation", json!({}), "“가을입니다.”", true);
    let first = json!({"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "오늘"});
    check(
        "length_constraints:nth_paragraph_first_word",
        first.clone(),
        "어제.\n\n오늘은 맑다.",
        true,
    );
    check(
        "length_constraints:nth_paragraph_first_word",
        first,
        "어제.\n\n오늘날은 다르다.",
        false,
    );
    check(
        "detectable_content:postscript",
        json!({"postscript_marker": "추신"}),
        "안녕.\n추신: 또 봐요.",
        true,
    );
    check(
        "detectable_format:multiple_sections",
        json!({"section_spliter": "섹션", "num_sections": 2}),
        "섹션 1\n가\n섹션 2\n나",
        true,
    );
    let options = json!({"options": ["네.", "아니요."]});
    check(
        "detectable_format:constrained_response",
        options.clone(),
        "제 답은 네.",
        true,
    );
    check(
        "detectable_format:constrained_response",
        options,
        "My answer is yes.",
        false,
    );
    check(
        "startend:end_checker",
        json!({"end_phrase": "감사합니다."}),
        "여기까지입니다. 감사합니다.\n",
        true,
    );
    check(
        "change_case:capital_word_frequency",
        json!({"capital_relation": "at least", "capital_frequency": 2}),
        "NASA는 GPU를 쓴다.",
        true,
    );
    check(
        "combination:repeat_prompt",
        json!({"prompt_to_repeat": prompt}),
        &format!("{prompt}\n\n가을은…"),
        true,
    );
    check(
        "detectable_format:json_format",
        json!({}),
        "```json\n{\"가을\": [\"단풍\"]}\n```",
        true,
    );
    check("detectable_format:title", json!({}), "<<가을>>\n단풍", true);
}

#[test]
fn a_row_that_is_not_whole_is_named() {
    let refused = |id: &str, arguments: Value| {
        let row = Row {
            key: json!(1),
            prompt: String::new(),
            instruction_id_list: vec![id.to_owned()],
            kwargs: vec![arguments.as_object().cloned()],
        };
        format!("{:#}", demands(&row).err().unwrap())
    };
    let unknown = refused("keywords:unheard_of", json!({}));
    assert!(
        unknown.contains("`keywords:unheard_of`") && unknown.contains("25 kinds"),
        "{unknown}"
    );
    let missing = refused(
        "length_constraints:number_words",
        json!({"relation": "at least", "num_words": null}),
    );
    assert!(missing.contains("wanted `num_words`"), "{missing}");
    let relation = refused(
        "length_constraints:number_words",
        json!({"relation": "at most", "num_words": 3}),
    );
    assert!(relation.contains("`at most`"), "{relation}");
    let nth = refused(
        "length_constraints:nth_paragraph_first_word",
        json!({"num_paragraphs": 2, "nth_paragraph": 3, "first_word": "a"}),
    );
    assert!(nth.contains("3 of 2"), "{nth}");
}

#[test]
fn scores_count_prompts_and_instructions() {
    let folder = tempfile::tempdir().unwrap();
    let rows = "{\"key\": 7, \"prompt\": \"Say no comma.\", \"instruction_id_list\": [\"punctuation:no_comma\", \"detectable_format:title\"], \"kwargs\": [{}, null]}\n";
    std::fs::create_dir(folder.path().join("ifeval")).unwrap();
    disk::write(
        &folder.path().join("ifeval/input_data.jsonl"),
        rows.as_bytes(),
    )
    .unwrap();
    let setup = Setup {
        data: folder.path().to_owned(),
        protocol: Protocol::Instruct,
        shots: None,
        samples: 1,
    };
    let task = (crate::tasks::find("ifeval").unwrap().open)(&setup).unwrap();
    let asks = task.asks().unwrap();
    assert_eq!((asks[0].id.as_str(), asks[0].group.as_str()), ("7", "en"));
    let answers = [Answer::Texts(vec!["Sure, here:\nno comma".to_owned()])];
    let score = task.score(&asks[0], &answers, &[]);
    assert_eq!(score.values["prompt_level_strict_acc"], 0.0);
    assert_eq!(score.values["inst_level_strict_acc"], 0.0);
    // without its first line the answer follows one of two
    assert_eq!(score.values["inst_level_loose_acc"], 0.5);
    assert_eq!(score.weights["inst_level_loose_acc"], 2.0);
    assert!(!score.weights.contains_key("prompt_level_strict_acc"));
    assert!(
        score.note.contains("detectable_format:title"),
        "{}",
        score.note
    );
    let asked = [crate::Asked {
        ask: &asks[0],
        answers: &answers,
        judged: &[],
    }];
    assert!(task.remarks(&asked)[0].contains("0.0000"));
}

#[test]
fn punkt_finds_the_ends_of_english_sentences() {
    let check = |text: &str, wanted: &[&str]| assert_eq!(sentences::split(text), wanted);
    check(
        "Dr. Kim left at 5 p.m. on Monday. It rained.",
        &["Dr. Kim left at 5 p.m. on Monday.", "It rained."],
    );
    check(
        "(He left.) \"Why?\" she asked.",
        &["(He left.)", "\"Why?\"", "she asked."],
    );
    check(
        "J. R. Smith lives in the U.S. now",
        &["J. R. Smith lives in the U.S. now"],
    );
    check("그는 갔다. 나는 남았다.", &["그는 갔다.", "나는 남았다."]);
    check("", &[]);
}
