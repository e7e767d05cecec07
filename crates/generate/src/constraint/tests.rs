//! What is constrained is what was asked for: schemas, expressions, grammars, from a model that knows nothing.

use crate::tiny::{inference, shape, tokenizer};
use crate::{Constraint, Engine, Finish, Generation, Limits, Request, Sampling};
use serde_json::{Value, json};
use std::ops::ControlFlow;
use std::sync::Arc;
use tensor::{Cpu, CpuOptions};

/// A decoder that has learned nothing: every token is about as likely as every other.
fn engine() -> Engine<Cpu> {
    let shape = model::Shape {
        context: 1024,
        ..shape(320)
    };
    let decoder = inference(shape, CpuOptions::default(), 7, 0.05);
    Engine::new(Arc::new(decoder), Arc::new(tokenizer()), Limits::default()).unwrap()
}

/// So many texts under a constraint, at temperature 1.5.
fn texts(engine: &mut Engine<Cpu>, constraint: &Constraint, number: u64) -> Vec<Generation> {
    let requests = (0..number).map(|seed| Request {
        constraint: Some(constraint.clone()),
        ..engine.request("답:", 600, Sampling::temperature(1.5, seed))
    });
    let requests: Vec<Request> = requests.collect();
    engine
        .generate_all(requests, |_, _| ControlFlow::Continue(()))
        .unwrap()
}

/// Bounded strings and arrays, Korean keys and values among them.
fn schemas() -> Vec<Value> {
    let text = |most: usize| json!({ "type": "string", "maxLength": most });
    let object = |properties: Value, required: &[&str]| {
        json!({
            "type": "object", "properties": properties, "required": required,
            "additionalProperties": false,
        })
    };
    vec![
        json!({ "type": "boolean" }),
        json!({ "type": "null" }),
        json!({ "enum": ["감귤", "한라봉", "오미자"] }),
        json!({ "const": { "마을": "하늬", "해": 1931 } }),
        text(12),
        json!({ "type": "string", "minLength": 3, "maxLength": 5 }),
        json!({ "type": "string", "pattern": "^[0-9]{3}-[0-9]{4}$" }),
        json!({ "type": "string", "pattern": "^[가-힣]{2,4}$" }),
        json!({ "type": "integer", "minimum": -5, "maximum": 12345 }),
        json!({ "type": "integer", "minimum": 0, "maximum": 255 }),
        json!({ "type": "array", "items": { "type": "boolean" }, "maxItems": 4 }),
        json!({ "type": "array", "items": text(6), "minItems": 2, "maxItems": 3 }),
        object(
            json!({ "이름": text(8), "나이": { "type": "integer", "minimum": 0, "maximum": 150 } }),
            &["이름", "나이"],
        ),
        object(json!({ "name": text(10), "nickname": text(4) }), &["name"]),
        object(
            json!({ "도시": { "enum": ["서울", "부산", "Jeju"] }, "단위": { "enum": ["섭씨", "화씨"] } }),
            &["도시", "단위"],
        ),
        object(
            json!({ "태그": { "type": "array", "items": { "enum": ["산", "바다", "숲"] }, "maxItems": 3 } }),
            &["태그"],
        ),
        object(
            json!({ "place": object(json!({ "위도": { "type": "integer", "minimum": -90, "maximum": 90 } }), &["위도"]), "ok": { "type": "boolean" } }),
            &["place", "ok"],
        ),
        json!({ "anyOf": [{ "type": "integer", "minimum": 1, "maximum": 9 }, { "enum": ["없음"] }] }),
        json!({
            "$defs": { "point": object(json!({ "x": { "type": "integer", "minimum": 0, "maximum": 9 } }), &["x"]) },
            "type": "array", "items": { "$ref": "#/$defs/point" }, "minItems": 1, "maxItems": 2,
        }),
        object(
            json!({ "query": text(10), "limit": { "type": ["integer", "null"], "minimum": 1, "maximum": 20 } }),
            &["query", "limit"],
        ),
    ]
}

#[test]
fn all_that_finishes_validates() {
    let mut engine = engine();
    let schemas = schemas();
    assert_eq!(schemas.len(), 20);
    let (mut number, mut too_long) = (0, 0);
    for schema in schemas {
        let (mut known, mut compiler) = (boon::Schemas::new(), boon::Compiler::new());
        compiler
            .add_resource("file:///schema.json", schema.clone())
            .unwrap();
        let index = compiler.compile("file:///schema.json", &mut known).unwrap();
        let generations = texts(&mut engine, &Constraint::JsonSchema(schema.clone()), 50);
        let mut different: Vec<&str> = generations.iter().map(|one| &*one.text).collect();
        different.sort_unstable();
        different.dedup();
        let single = ["const", "null"]
            .iter()
            .any(|word| schema.to_string().starts_with(&format!("{{\"{word}")));
        assert!(
            single || schema["type"] == "null" || different.len() > 1,
            "{schema}: {different:?}"
        );
        for Generation { text, finish, .. } in &generations {
            number += 1;
            if finish.reason() == "length" {
                too_long += 1;
                continue;
            }
            assert_eq!(finish.reason(), "stop", "{schema}: {text}");
            let value: Value = serde_json::from_str(text)
                .unwrap_or_else(|error| panic!("{schema}: {text}: {error}"));
            if let Err(error) = known.validate(&value, index) {
                panic!("{schema}: {text}: {error}");
            }
        }
    }
    assert_eq!(number, 1000);
    assert!(too_long < 10, "{too_long} of {number} ended for length");
}

#[test]
fn expressions_and_grammars_are_followed() {
    let mut engine = engine();
    let number = regex_of("[0-9]{2,3}(시|분)");
    for one in texts(&mut engine, &number, 20) {
        let digits = one.text.trim_end_matches(['시', '분']);
        assert!(
            (2..=3).contains(&digits.len()) && digits.parse::<u32>().is_ok(),
            "{}",
            one.text
        );
        assert_eq!(one.finish, Finish::Complete);
    }
    let lark =
        "start: greeting \" \" name \"!\"\ngreeting: \"안녕\" | \"hello\"\nname: /[가-힣]{1,3}/";
    for one in texts(&mut engine, &Constraint::Lark(lark.to_owned()), 20) {
        assert!(
            one.text.starts_with("안녕 ") || one.text.starts_with("hello "),
            "{}",
            one.text
        );
        assert!(one.text.ends_with('!'), "{}", one.text);
    }
    for one in texts(&mut engine, &Constraint::Json, 5) {
        if one.finish.reason() == "stop" {
            let value: Value = serde_json::from_str(&one.text).unwrap();
            assert!(value.is_object());
        }
    }
}

fn regex_of(regex: &str) -> Constraint {
    Constraint::Regex(regex.to_owned())
}

#[test]
fn a_text_may_end_only_where_the_constraint_accepts() {
    let mut engine = engine();
    let end = engine.end_tokens();
    assert!(!end.is_empty());
    // The end is far likelier than anything else, wherever it is allowed.
    let sampling = Sampling {
        logit_bias: end.iter().map(|id| (*id, 50.0)).collect(),
        ..Sampling::temperature(1.0, 3)
    };
    let request = Request {
        constraint: Some(regex_of("가나(다|라)*")),
        ..engine.request("답:", 100, sampling)
    };
    let one = engine
        .generate(request, |_| ControlFlow::Continue(()))
        .unwrap();
    // A token may hold the end of one syllable and the beginning of the next: then the text ends a
    // syllable later.
    let ends = ["가나", "가나다", "가나라"];
    assert!(ends.contains(&&*one.text), "{}", one.text);
    assert_eq!(one.finish, Finish::EndToken(end[0]));
    // Without end tokens nothing can end it but its length.
    let request = Request {
        constraint: Some(regex_of("가나(다|라)*")),
        end_tokens: vec![],
        ..engine.request("답:", 40, Sampling::temperature(1.0, 3))
    };
    let one = engine
        .generate(request, |_| ControlFlow::Continue(()))
        .unwrap();
    assert_eq!((one.ids.len(), one.finish), (40, Finish::MaxTokens));
}

#[test]
fn a_constraint_that_allows_nothing_ends_at_once() {
    let mut engine = engine();
    let request = Request {
        constraint: Some(regex_of("")),
        ..engine.request("답:", 5, Sampling::greedy())
    };
    let go = |_: &str| ControlFlow::Continue(());
    let one = engine.generate(request.clone(), go).unwrap();
    assert_eq!((&*one.text, one.finish.reason()), ("", "stop"));
    let nothing = Request {
        end_tokens: vec![],
        ..request
    };
    let error = format!("{:#}", engine.generate(nothing, go).unwrap_err());
    assert!(error.contains("allows no further token"), "{error}");
}

#[test]
fn constraints_that_make_no_sense_are_sentences() {
    let mut engine = engine();
    for (constraint, words) in [
        (
            Constraint::JsonSchema(json!([1])),
            "a JSON schema is an object",
        ),
        (
            Constraint::JsonSchema(json!({ "type": "strin" })),
            "JSON schema that the text must follow was refused",
        ),
        (
            Constraint::JsonSchema(
                json!({ "type": "object", "properties": { "a": { "type": "integer", "minimum": 3, "maximum": 1 } }, "required": ["a"] }),
            ),
            "JSON schema that the text must follow was refused",
        ),
        (
            Constraint::JsonSchema(json!(false)),
            "a JSON schema is an object",
        ),
        (
            regex_of("(가"),
            "regular expression that the text must follow was refused",
        ),
        (Constraint::Lark("start: missing".to_owned()), "missing"),
    ] {
        let request = Request {
            constraint: Some(constraint.clone()),
            ..engine.request("답:", 5, Sampling::greedy())
        };
        match engine.submit(request) {
            Ok(_) => panic!("{constraint:?} was taken"),
            Err(error) => {
                let error = format!("{error:#}");
                assert!(error.contains(words), "{constraint:?}: {error}");
            }
        }
    }
    assert!(engine.is_idle());
}

/// The refused one and those of many names were more than a stack of 2 MiB holds, as threads have it here and in the server.
#[test]
fn no_description_is_too_deep_for_the_stack() {
    let mut engine = engine();
    let conditions = |deep: usize| {
        let (open, close) = ("not(".repeat(deep), ")".repeat(deep));
        Constraint::Lark(format!(
            "start: a::0\na::_: \"감귤\" %if {open}eq(_, 0){close}\n"
        ))
    };
    let error = engine.compiler().compile(&conditions(6000)).unwrap_err();
    let sentence = "its parentheses are nested 6001 deep; at most 200";
    assert!(format!("{error:#}").contains(sentence), "{error:#}");

    // A name leads to the next, and the last to a text.
    let last = 2000;
    let definitions = (0..=last).map(|i| match i {
        i if i == last => (format!("말{i}"), json!({ "const": "감귤" })),
        i => (
            format!("말{i}"),
            json!({ "$ref": format!("#/$defs/말{}", i + 1) }),
        ),
    });
    let definitions: serde_json::Map<String, Value> = definitions.collect();
    let schema = json!({ "$ref": "#/$defs/말0", "$defs": definitions });
    let rule = |i: usize| format!("a{i}: (a{})\n", i + 1);
    let rules: String = (0..4000).map(rule).collect();
    let token = |i: usize| format!("A{i}: (A{})\n", i + 1);
    let tokens: String = (0..4000).map(token).collect();
    for (constraint, expected) in [
        (Constraint::JsonSchema(schema), "\"감귤\""),
        (
            Constraint::Lark(format!("start: a0\n{rules}a4000: \"감귤\"\n")),
            "감귤",
        ),
        (
            Constraint::Lark(format!("start: A0\n{tokens}A4000: \"감귤\"\n")),
            "감귤",
        ),
        (conditions(100), "감귤"),
    ] {
        for one in texts(&mut engine, &constraint, 2) {
            assert_eq!(one.text, expected);
        }
    }
}

/// Compiled once, on another thread, a constraint makes the same texts as one that each request brings.
#[test]
fn compiled_elsewhere_it_asks_for_the_same() {
    let mut engine = engine();
    let schema = json!({
        "type": "object", "additionalProperties": false, "required": ["도시"],
        "properties": { "도시": { "enum": ["서울", "부산", "Jeju"] }, "수": { "type": "integer", "maximum": 99 } },
    });
    let plain = Constraint::JsonSchema(schema);
    let compiler = engine.compiler();
    let (own, given) = (compiler.clone(), plain.clone());
    let compiled = std::thread::spawn(move || own.compile(&given)).join();
    let compiled = compiled.unwrap().unwrap();
    assert_eq!(compiled, compiled.clone());
    let wanted = texts(&mut engine, &plain, 6);
    // Twice: a text leaves the constraint at its beginning.
    for _ in 0..2 {
        let found = texts(&mut engine, &compiled, 6);
        let words = |all: &[Generation]| all.iter().map(|one| one.text.clone()).collect::<Vec<_>>();
        assert_eq!(words(&found), words(&wanted));
    }
    assert_eq!(
        compiler
            .compile(&compiled)
            .map(drop)
            .err()
            .map(|error| error.to_string()),
        None
    );
    let bad = compiler
        .compile(&Constraint::Regex("(".into()))
        .unwrap_err();
    assert!(format!("{bad:#}").contains("regular expression"), "{bad:#}");
}
