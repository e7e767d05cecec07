//! Everything a recipe may say about a training run, with what is used when it says nothing.
//!
//! Only what the result depends on: where to run (device, threads, rows in a micro-batch) is not
//! here, and the seed comes from the caller.

use anyhow::{Result, ensure};
use model::Recompute;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Amount, Documents, GuardSettings, OptimizerSettings, Order, Schedule};

/// Settings of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Tokens (targets) to train on; exactly so many.
    pub tokens: u64,
    /// Tokens in a sequence.
    pub sequence: usize,
    /// Tokens in a batch, rounded up to whole sequences; not given, DeepSeek's law chooses.
    #[serde(default)]
    pub batch_tokens: Option<u64>,
    /// Peak rate and its course.
    #[serde(default)]
    pub schedule: Schedule,
    /// AdamW's constants and weight decay.
    #[serde(default)]
    pub optimizer: OptimizerSettings,
    /// Coefficient of `log²Z` in the loss. Default 5e-6 (the report).
    #[serde(default = "z_loss")]
    pub z_loss: f32,
    /// The gradient's norm is held below this; 0 does not hold it. Default 1.0.
    #[serde(default = "clip")]
    pub clip: f64,
    /// `packed` (default): attention and positions start again with each document; `joined`: not.
    #[serde(default)]
    pub documents: Documents,
    /// `shuffled` (default) or `written`.
    #[serde(default)]
    pub order: Order,
    /// How often the corpus may be gone through. Default 4: up to there repeated text is worth
    /// almost as much as new text (Muennighoff et al. 2023).
    #[serde(default = "max_epochs")]
    pub max_epochs: f64,
    /// Between validations, tokens or a share of `tokens`; 0 validates only at the end.
    /// Default 0.05.
    #[serde(default = "validate_every")]
    pub validate_every: Amount,
    /// Tokens of held-out documents to validate on (whole documents); not given, all of them.
    #[serde(default)]
    pub validate_tokens: Option<u64>,
    /// Between saved states, tokens or a share of `tokens`; 0 saves only when stopped.
    /// The guard, when enabled, has one saved at the start. Default 0.1.
    #[serde(default = "save_every")]
    pub save_every: Amount,
    /// How many saved states are kept: a disk budget of `keep · 12` bytes a parameter, and one
    /// more state while the next is being written. Default 2.
    #[serde(default = "keep")]
    pub keep: usize,
    /// What to do about a loss that explodes.
    #[serde(default)]
    pub guard: GuardSettings,
    /// What backward computes again instead of keeping: `none`, `light` (default), `block`.
    #[serde(default)]
    pub recompute: Recompute,
}

impl Settings {
    /// All defaults.
    pub fn new(tokens: u64, sequence: usize) -> Self {
        Settings {
            tokens,
            sequence,
            batch_tokens: None,
            schedule: Schedule::default(),
            optimizer: OptimizerSettings::default(),
            z_loss: z_loss(),
            clip: clip(),
            documents: Documents::default(),
            order: Order::default(),
            max_epochs: max_epochs(),
            validate_every: validate_every(),
            validate_tokens: None,
            save_every: save_every(),
            keep: keep(),
            guard: GuardSettings::default(),
            recompute: Recompute::default(),
        }
    }

    /// Tokens of the whole plan that this run is a part of.
    pub fn horizon(&self) -> u64 {
        self.schedule.horizon(self.tokens)
    }

    /// Whether the settings make sense together; what depends on the data is checked by the run.
    pub fn check(&self) -> Result<()> {
        ensure!(
            self.tokens > 0,
            "tokens = 0: wanted at least one token to train on"
        );
        ensure!(
            self.sequence > 0,
            "sequence = 0: wanted at least one token in a sequence"
        );
        ensure!(
            self.batch_tokens != Some(0),
            "batch_tokens = 0: wanted at least one token; leave it out and a law chooses"
        );
        ensure!(
            self.z_loss.is_finite() && self.z_loss >= 0.0,
            "z_loss = {}: wanted a number from 0",
            self.z_loss
        );
        ensure!(
            self.clip.is_finite() && self.clip >= 0.0,
            "clip = {}: wanted a norm above 0, or 0 for no clipping",
            self.clip
        );
        ensure!(
            self.max_epochs > 0.0,
            "max_epochs = {}: wanted a number above 0",
            self.max_epochs
        );
        ensure!(
            self.keep >= 1,
            "keep = 0: at least one saved state must be kept"
        );
        self.validate_every.check("validate_every")?;
        self.save_every.check("save_every")?;
        self.schedule.check(self.tokens)?;
        self.optimizer.check()?;
        self.guard.check()
    }
}

fn z_loss() -> f32 {
    5e-6
}

fn clip() -> f64 {
    1.0
}

fn max_epochs() -> f64 {
    4.0
}

fn validate_every() -> Amount {
    Amount::Share(0.05)
}

fn save_every() -> Amount {
    Amount::Share(0.1)
}

fn keep() -> usize {
    2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_numbers_are_enough() {
        let read: Settings = serde_json::from_str(r#"{"tokens": 100, "sequence": 8}"#).unwrap();
        assert_eq!(read, Settings::new(100, 8));
        read.check().unwrap();
        let text = serde_json::to_string(&read).unwrap();
        assert_eq!(serde_json::from_str::<Settings>(&text).unwrap(), read);
    }

    #[test]
    fn misspelt_settings_are_refused() {
        for (text, word) in [
            (r#"{"tokens": 100, "sequence": 8, "warmup": 1}"#, "warmup"),
            (
                r#"{"tokens": 100, "sequence": 8, "schedule": {"warmup": 1}}"#,
                "warmup",
            ),
            (
                r#"{"tokens": 100, "sequence": 8, "optimizer": {"betas": 1}}"#,
                "betas",
            ),
            (r#"{"tokens": 100, "sequence": 8, "guard": {"z": 1}}"#, "z"),
            (r#"{"sequence": 8}"#, "tokens"),
        ] {
            let error = serde_json::from_str::<Settings>(text)
                .unwrap_err()
                .to_string();
            assert!(error.contains(word), "{text}: {error}");
        }
        let mut settings = Settings::new(100, 8);
        settings.keep = 0;
        assert!(settings.check().unwrap_err().to_string().contains("keep"));
    }
}
