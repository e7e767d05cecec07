//! What cannot be merged is told in a sentence that says what could.

use super::*;
use serde_json::json;

#[test]
fn mistakes_are_sentences() {
    let bench = Bench::new();
    let small = Shape {
        vocabulary: 23,
        ..shape()
    };
    let wider = Shape {
        vocabulary: 24,
        ..small.clone()
    };
    let deeper = Shape {
        layers: 3,
        ..small.clone()
    };
    let fatter = Shape {
        ffn: 16,
        ..small.clone()
    };
    // matrices of the same dimensions, cut into heads otherwise
    let recut = Shape {
        query_heads: 2,
        kv_heads: 1,
        head_dim: 12,
        ..small.clone()
    };
    let given = models([
        ("recut", bench.random("recut", &recut, 6)),
        ("a", bench.random("a", &small, 1)),
        ("b", bench.random("b", &small, 2)),
        ("c", bench.random("c", &small, 3)),
        ("wider", bench.random("wider", &wider, 4)),
        ("deeper", bench.random("deeper", &deeper, 5)),
        ("fatter", bench.random("fatter", &fatter, 5)),
    ]);
    let check = |config: Value, expected: &str| {
        let error = match serde_json::from_value::<Config>(config) {
            Ok(config) => format!("{:#}", super::check(&config, &given).unwrap_err()),
            Err(error) => error.to_string(),
        };
        assert!(error.contains(expected), "wanted {expected:?} in {error:?}");
    };
    let with =
        |name: &str, weight: f64| json!({ "model": name, "parameters": { "weight": weight } });
    check(
        json!({ "merge_method": "linear", "models": [with("a", 1.0), with("wider", 1.0)] }),
        "model.embed_tokens.weight is [23, 10] in a and model.embed_tokens.weight is [24, 10] in wider: only models of one shape",
    );
    check(
        json!({ "merge_method": "linear", "models": [with("a", 1.0), with("fatter", 1.0)] }),
        "is [14, 10] in a",
    );
    check(
        json!({ "merge_method": "linear", "models": [with("a", 1.0), with("deeper", 1.0)] }),
        "a has 2 layers and deeper has 3: merge slices",
    );
    check(
        json!({ "merge_method": "linear", "models": [with("a", 1.0), with("d", 1.0)] }),
        "names a model d, which is not given; given are a, b, c",
    );
    check(
        json!({ "merge_method": "linear", "models": [with("a", 1.0), with("recut", 1.0)] }),
        "a has 4 query heads for 2 key–value heads of 6 numbers and recut has 2 query heads for 1 key–value heads of 12 numbers: only models of one shape",
    );
    check(
        json!({ "merge_method": "linear", "models": [with("a", 1.0), with("b", -1.0)] }),
        "the weights of model.embed_tokens.weight sum to 0",
    );
    for density in [-0.1, 1.5] {
        check(
            json!({ "merge_method": "ties", "base_model": "a", "models": [{ "model": "b", "parameters": { "weight": 1, "density": density } }] }),
            &format!("the density of b is {density}: a share"),
        );
    }
    check(
        json!({ "merge_method": "linear", "models": [with("a", 1.0), with("a", 1.0)] }),
        "a is merged with itself",
    );
    check(
        json!({ "merge_method": "linear", "models": [with("a", 1.0), { "model": "b" }] }),
        "the parameter `weight` is not given for b, and has no default",
    );
    check(
        json!({ "merge_method": "linear", "models": [with("a", 1.0)], "parameters": { "wieght": 1 } }),
        "no merge method here has a parameter called `wieght`; there are weight,",
    );
    check(
        json!({ "merge_method": "linear", "models": [with("a", 1.0)], "parameters": { "normalize": "maybe" } }),
        "the parameter `normalize`: \"maybe\" was found where true or false was wanted",
    );
    check(
        json!({ "merge_method": "linear", "models": [{ "model": "a", "parameters": { "weight": "heavy" } }] }),
        "\"heavy\" was found where a number was wanted",
    );
    check(
        json!({ "merge_method": "linear", "models": [{ "model": "a", "parameters": { "weight": [] } }] }),
        "a gradient needs at least one value",
    );
    check(
        json!({ "merge_method": "linear", "models": [{ "model": "a", "parameters": { "weight": [{ "filter": "mlp" }] } }] }),
        "a parameter with a `filter` needs a `value`",
    );
    check(
        json!({ "merge_method": "linear", "models": [{ "model": "a", "parameters": { "weight": [{ "value": 1 }, 2] } }] }),
        "wanted all of one kind",
    );
    check(
        json!({ "merge_method": "slerp", "models": [{ "model": "a" }, { "model": "b" }], "parameters": { "t": 0.5 } }),
        "slerp merges differences from a base: give `base_model`",
    );
    check(
        json!({ "merge_method": "slerp", "base_model": "a", "models": [{ "model": "b" }] }),
        "slerp needs the parameter `t`",
    );
    check(
        json!({ "merge_method": "slerp", "base_model": "a", "models": [{ "model": "b" }, { "model": "c" }] }),
        "slerp takes exactly 2 models, the base included, and 3 are given (b, c, a)",
    );
    check(
        json!({ "merge_method": "model_stock", "base_model": "a", "models": [{ "model": "b" }] }),
        "model_stock takes at least 3 models",
    );
    check(
        json!({ "merge_method": "passthrough", "slices": [] }),
        "of `models` or of `slices`, one of the two; neither is given",
    );
    let slice = |first: usize, last: usize| json!({ "merge_method": "passthrough", "slices": [{ "sources": [{ "model": "a", "layer_range": [first, last] }] }] });
    check(
        slice(1, 3),
        "layer_range [1, 3] reaches beyond a, which has 2 layers: the last that fits is [0, 2]",
    );
    check(slice(1, 1), "at least one");
    check(
        json!({ "merge_method": "passthrough", "slices": [{ "sources": [] }] }),
        "`sources` is empty in slices[0]",
    );
    let whole = json!({ "sources": [{ "model": "a", "layer_range": [0, 2] }] });
    check(
        json!({ "merge_method": "passthrough", "slices": vec![whole; 5001] }),
        "a decoder of 10002 layers was wanted",
    );
    check(
        json!({ "merge_method": "ties", "base_model": "b", "slices": [{ "sources": [{ "model": "a", "layer_range": [0, 2] }] }] }),
        "ties needs the layers of its base_model in slices[0]",
    );
    check(
        json!({ "merge_method": "linear", "slices": [{ "sources": [
            { "model": "a", "layer_range": [0, 2] }, { "model": "b", "layer_range": [0, 1] },
        ] }] }),
        "the same number of layers",
    );
    check(json!({ "merge_method": "stir" }), "unknown variant `stir`");
    check(
        json!({ "merge_method": "linear", "models": [], "tokenizer_source": "union" }),
        "unknown variant `union`",
    );
    // DARE without a mask is refused before anything is written
    let config = json!({
        "merge_method": "dare_ties", "base_model": "a",
        "models": [{ "model": "b", "parameters": { "weight": 1, "density": 0.5 } }],
    });
    let error = bench.merge(config, &given, None, 1).unwrap_err();
    assert!(
        error.to_string().contains("keeps numbers by a mask"),
        "{error}"
    );
}

#[test]
fn what_is_computed_otherwise_is_told_and_no_mistake() {
    let bench = Bench::new();
    let small = Shape {
        vocabulary: 23,
        ..shape()
    };
    let turned = Shape {
        norm_epsilon: 1e-6,
        rope: Rope {
            base: 10_000.0,
            ..small.rope.clone()
        },
        ..small.clone()
    };
    let given = models([
        ("a", bench.random("a", &small, 1)),
        ("b", bench.random("b", &small, 2)),
        ("turned", bench.random("turned", &turned, 3)),
    ]);
    let told = |other: &str| {
        let config = json!({
            "merge_method": "linear", "parameters": { "weight": 1 },
            "models": [{ "model": "a" }, { "model": other }],
        });
        let config = serde_json::from_value(config).unwrap();
        check(&config, &given).unwrap().differences
    };
    assert!(told("b").is_empty());
    assert_eq!(
        told("turned"),
        [
            "turned has another rotation of positions and another epsilon of the norms than a: the result has that of a"
        ]
    );
}

#[test]
fn settings_are_written_as_they_are_read() {
    for text in [
        "0.5",
        "[0.0,0.5,1.0]",
        "true",
        r#"[{"filter":"mlp","value":[0.1,0.2]},{"value":0.5}]"#,
        r#"[{"value":0.5}]"#,
        r#""1e-3""#,
    ] {
        let setting: Setting = serde_json::from_str(text).unwrap();
        // Fields of a map are in an order that depends on who else is built.
        let written = serde_json::to_value(&setting).unwrap();
        assert_eq!(
            written,
            serde_json::from_str::<serde_json::Value>(text).unwrap()
        );
    }
    let one: Setting = serde_json::from_str(r#"{"value": 1}"#).unwrap();
    assert_eq!(serde_json::to_string(&one).unwrap(), r#"[{"value":1.0}]"#);
}
