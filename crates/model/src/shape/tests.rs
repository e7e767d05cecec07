//! Counts against the published totals, and the two ways in which a recipe gives a shape.

use crate::{Shape, table};
use serde_json::json;

/// P = V·h·(1 or 2) + L·(2·h·H·e + 2·h·KV·e + 3·h·f + 2·h) + h, written out by hand.
fn by_formula(s: &Shape) -> usize {
    let (h, e) = (s.width, s.head_dim);
    let heads = 2 * h * s.query_heads * e + 2 * h * s.kv_heads * e;
    s.vocabulary * h * (if s.tied { 1 } else { 2 }) + s.layers * (heads + 3 * h * s.ffn + 2 * h) + h
}

#[test]
fn the_family_has_the_published_sizes() {
    for (name, billions, without_embedding) in [
        ("8b", "8.030", None),
        ("9.8b", "9.775", None),
        ("4.5b", "4.513", None),
        ("2.1b", "2.087", Some("1.857")),
        ("1.3b", "1.279", Some("1.082")),
        // The report prints 504M without embeddings; its own shape gives 503.4M.
        ("635m", "0.635", Some("0.503")),
        ("3b-1.5", "3.008", None),
        ("26.8b", "26.794", None),
        ("32.5b", "32.457", None),
    ] {
        let shape = Shape::named(name).unwrap();
        shape.check().unwrap();
        let printed = |count: usize| format!("{:.3}", count as f64 / 1e9);
        assert_eq!(printed(shape.parameters()), billions, "{name}");
        assert_eq!(shape.parameters(), by_formula(&shape), "{name}");
        if let Some(expected) = without_embedding {
            assert_eq!(
                printed(shape.parameters_without_embedding()),
                expected,
                "{name}"
            );
        }
    }
    assert_eq!(Shape::family().count(), 9);
    let error = Shape::named("7b").unwrap_err().to_string();
    assert!(
        error.contains("\"7b\"") && error.contains("2.1b"),
        "{error}"
    );
}

#[test]
fn the_table_is_the_formula_for_odd_shapes_too() {
    for tied in [true, false] {
        let shape = crate::example::shape(tied);
        assert_eq!(shape.parameters(), by_formula(&shape));
        let names: Vec<String> = table(&shape).into_iter().map(|p| p.hugging_face).collect();
        assert_eq!(names[0], "model.embed_tokens.weight");
        assert_eq!(names[11], "model.layers.1.self_attn.q_proj.weight");
        assert_eq!(names.last().unwrap() == "lm_head.weight", !tied);
        assert_eq!(names.len(), 1 + 9 * shape.layers + 1 + usize::from(!tied));
    }
}

#[test]
fn only_matrices_decay() {
    for spec in table(&crate::example::shape(false)) {
        assert_eq!(spec.decays(), !spec.name.contains("norm"), "{}", spec.name);
    }
}

#[test]
fn flops_of_the_report_and_of_the_products() {
    // 8.03B parameters, 3T tokens: 1.445e23; with its nominal 8B the report writes 1.44e23.
    let eight = Shape::named("8b").unwrap();
    assert!((eight.flops_6nd(3e12) / 1.4454e23 - 1.0).abs() < 1e-4);
    // By hand: 2·(matrices without the embedding) + 4·layers·h·e·(context + 1)/2, times three.
    let products = 8_030_261_248f64 - 128_256. * 4096. - 65. * 4096.;
    let scores = 4. * 32. * 4096. * 8193. / 2.;
    let exact = 3.0 * (2.0 * products + scores);
    assert!((eight.flops_per_token(8192) / exact - 1.0).abs() < 1e-12);
    // Tied, the embedding is the head's product.
    let nano = Shape::named("2.1b").unwrap();
    let products = nano.parameters() as f64 - 65. * 1792.;
    let scores = 4. * 32. * 3072. * 513. / 2.;
    assert!((nano.forward_flops_per_token(512) / (2.0 * products + scores) - 1.0).abs() < 1e-12);
}

#[test]
fn a_recipe_gives_a_name_or_numbers() {
    let named: Shape = serde_json::from_value(json!({ "name": "2.1b" })).unwrap();
    assert_eq!(named, Shape::named("2.1b").unwrap());
    let numbers = json!({
        "layers": 2, "width": 64, "ffn": 96, "query_heads": 4, "kv_heads": 2, "vocabulary": 300,
        "rope": { "base": 10000.0, "scaling": { "kind": "linear", "factor": 2.0 } },
    });
    let given: Shape = serde_json::from_value(numbers).unwrap();
    assert_eq!(
        (given.head_dim, given.tied, given.context),
        (16, true, 8192)
    );
    assert_eq!(given.norm_epsilon, 1e-5);
    // What is written out in full reads back the same.
    for shape in [named, given] {
        let text = serde_json::to_string(&shape).unwrap();
        assert_eq!(serde_json::from_str::<Shape>(&text).unwrap(), shape);
    }
}

#[test]
fn mistakes_in_a_recipe_are_sentences() {
    let tiny = json!({ "layers": 2, "width": 64, "ffn": 96, "query_heads": 4, "vocabulary": 300 });
    let with = |what: &str, value: serde_json::Value| {
        let mut shape = tiny.clone();
        shape[what] = value;
        shape
    };
    for (given, expected) in [
        (json!({ "name": "2.1b", "layers": 3 }), "not by both"),
        (
            json!({ "name": "2b" }),
            "there is no shape of the name \"2b\"",
        ),
        (json!({ "layers": 2 }), "needs `width`"),
        (with("heads", json!(4)), "unknown field `heads`"),
        (
            with("kv_heads", json!(3)),
            "must be a multiple of kv_heads (3)",
        ),
        (with("query_heads", json!(5)), "give `head_dim`"),
        (with("head_dim", json!(7)), "head_dim (7) must be even"),
        (with("layers", json!(0)), "`layers` must be at least 1"),
        (with("rope", json!({ "base": 0.5 })), "base of the rotation"),
        (
            with(
                "rope",
                json!({ "scaling": { "kind": "yarn", "factor": 4.0 } }),
            ),
            "original_context",
        ),
        (
            with(
                "rope",
                json!({ "scaling": { "kind": "linear", "factor": 0.5 } }),
            ),
            "must be at least 1",
        ),
    ] {
        let error = serde_json::from_value::<Shape>(given)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains(expected),
            "{error:?} should say {expected:?}"
        );
    }
}
