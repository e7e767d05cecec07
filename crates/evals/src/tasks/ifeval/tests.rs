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
