//! Published models: how much they were trained, and what they score.

use anyhow::{Context as _, Result};
use serde::Deserialize;

/// The list, and where it was taken from.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Published {
    pub(super) source: String,
    pub(super) models: Vec<Scored>,
}

/// One model.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Scored {
    pub(super) family: String,
    pub(super) name: String,
    pub(super) mmlu: f64,
    /// Parameters and tokens of each stretch of its training.
    training: Vec<(f64, f64)>,
}

impl Scored {
    /// 6·N·D, over all stretches.
    pub(super) fn flops(&self) -> f64 {
        let stretches = self.training.iter();
        stretches
            .map(|(parameters, tokens)| 6.0 * parameters * tokens)
            .sum()
    }
}

pub(super) fn read() -> Result<Published> {
    serde_json::from_str(include_str!("../../../data/published.json"))
        .context("data/published.json, inside the program, is damaged (a bug of the program)")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Section on compute of the report, as far as it says them.
    #[test]
    fn costs_are_those_of_the_report() {
        let all = read().unwrap().models;
        for (family, name, flops) in [
            ("Kanana", "Flag 32.5B", 5.21e23),
            ("Kanana", "Essence 9.8B", 1.56e23),
            ("Kanana", "Nano 2.1B", 3.78e21),
            ("Llama 3", "3.1 70B", 6.3e24),
            ("Llama 3", "3.1 8B", 7.2e23),
            ("Llama 3", "3.2 3B", 1.62e23),
            ("Qwen2.5", "32B", 3.46e24),
            ("Gemma 2", "27B", 2.11e24),
            ("EXAONE 3.5", "2.4B", 9.36e22),
        ] {
            let found = all
                .iter()
                .find(|one| one.family == family && one.name == name);
            let ratio = found.unwrap().flops() / flops;
            assert!((ratio - 1.0).abs() < 4e-3, "{family} {name}: {ratio}");
        }
    }
}
