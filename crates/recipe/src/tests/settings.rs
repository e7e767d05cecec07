//! What stages tell of their settings.

use super::toy::{Count, registry};
use crate::*;

#[test]
fn stages_describe_themselves() {
    let all: Vec<Description> = registry().descriptions().collect();
    let join = serde_json::to_value(&all[1]).unwrap();
    assert_eq!(
        join,
        serde_json::json!({
            "name": "join",
            "summary": "Joins texts.",
            "version": 1,
            "output": "text",
            "inputs": [
                { "name": "texts", "kind": "text", "many": true, "optional": false },
                { "name": "suffix", "kind": "text", "many": false, "optional": true },
            ],
            "settings": [
                { "name": "separator", "about": "What stands between two texts, see `Mode`.", "required": false, "default": "", "choices": [] },
                { "name": "schedule", "about": "언제 얼마나.", "required": true, "default": null, "choices": [] },
                { "name": "schedule.peak", "about": "", "required": true, "default": null, "choices": [] },
                { "name": "schedule.warm_up", "about": "", "required": false, "default": 0.01, "choices": [] },
                { "name": "mode", "about": "", "required": false, "default": "plain", "choices": ["plain", "backwards"] },
            ],
        })
    );
    let say = &all[3];
    assert_eq!(say.inputs, []);
    assert!(say.settings.iter().any(|s| s.name == "text" && s.required));
    assert!(
        say.settings
            .iter()
            .any(|s| s.name == "times" && s.default == Some(1.into()))
    );
}

/// Lists of tables, tables that may be missing and a table that is of one kind or another say their parts.
#[test]
fn settings_that_hold_others_are_told_with_their_parts() {
    /// How often.
    #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
    struct Part {
        share: f32,
        #[serde(default)]
        word: Option<String>,
    }
    #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
    #[serde(rename_all = "lowercase")]
    enum Either {
        Mild(f32),
        Strong(f32),
    }
    fn mild() -> Either {
        Either::Mild(0.1)
    }
    #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
    struct Told {
        /// 하나씩.
        parts: Vec<Part>,
        one: Option<Part>,
        #[serde(default = "mild")]
        either: Either,
    }
    impl Stage for Told {
        const NAME: &'static str = "told";
        const SUMMARY: &'static str = "";
        type Inputs = ();
        type Output = Count;
        fn run(&self, (): (), _: &mut Context<'_>, _: &mut Writer<Count>) -> anyhow::Result<()> {
            unreachable!()
        }
    }
    let registry = Registry::new().with::<Told>();
    let told = registry.descriptions().next().unwrap().settings;
    let lines: Vec<String> = told
        .iter()
        .map(|one| {
            let default = one.default.as_ref().map(ToString::to_string);
            let default = default.unwrap_or_default();
            format!("{} {} {default} {}", one.name, one.required, one.about)
        })
        .collect();
    assert_eq!(
        lines,
        [
            "parts true  하나씩.",
            "parts[].share true  ",
            "parts[].word false null ",
            "one false  How often.",
            "one.share true  ",
            "one.word false null ",
            "either false  ",
            "either.mild false 0.1 ",
        ]
    );
}
