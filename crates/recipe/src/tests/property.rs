//! What holds for any input: no recipe makes the planner panic, and keys do not depend
//! on how a thing was written down.

use proptest::prelude::*;
use serde_json::Value;

use super::toy::*;
use crate::Recipe;
use crate::key::{canonical, seed};

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>()
            .prop_filter("finite", |x| x.is_finite())
            .prop_map(Value::from),
        "[가-힣a-z\"\\\\ ]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map("[가-힣a-z]{0,3}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn canonical_json_survives_being_read(value in json()) {
        let text = canonical(&value);
        let pretty = serde_json::to_string_pretty(&value).unwrap();
        let again: Value = serde_json::from_str(&pretty).unwrap();
        prop_assert_eq!(&text, &canonical(&again));
        prop_assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }

    #[test]
    fn seeds_of_other_names_or_recipes_differ(a in "[가-힣a-z]{1,8}", b in "[가-힣a-z]{1,8}", s in any::<u64>()) {
        prop_assert_eq!(seed(s, &a), seed(s, &a));
        prop_assert!(a == b || seed(s, &a) != seed(s, &b));
        prop_assert_ne!(seed(s, &a), seed(s ^ 1, &a));
    }

    #[test]
    fn any_text_is_a_recipe_or_a_mistake(text in ".{0,200}") {
        if let Err(error) = Recipe::parse(&text, "x.toml") {
            prop_assert!(error.to_string().starts_with("x.toml:"));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// A piece of the recipe replaced by another piece or by rubbish.
    #[test]
    fn a_garbled_recipe_never_panics(
        from in 0usize..400, length in 0usize..40, other in 0usize..400, rubbish in "[가a=\"\\[\\]{}.,0-9\n ]{0,8}",
    ) {
        let characters: Vec<char> = RECIPE.chars().collect();
        let at = |i: usize| i.min(characters.len());
        let piece = &characters[at(other)..at(other + length / 2)];
        let garbled: String = characters[..at(from)]
            .iter().chain(piece).copied()
            .chain(rubbish.chars())
            .chain(characters[at(from + length)..].iter().copied())
            .collect();
        thread_local! { static PLACE: Place = Place::new(); }
        PLACE.with(|place| {
            if let Err(error) = place.plan(&garbled) {
                let text = format!("{error:#}");
                assert!(text.starts_with("recipes/toy.toml:"), "{text}");
            }
        });
    }
}
