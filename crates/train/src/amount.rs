//! How long something lasts: a number of tokens, or a share of the whole.
//!
//! Durations of training are in tokens, never in steps, so that they mean the same for every
//! batch size. In a recipe a whole number is tokens and a decimal is a share:
//! `warm_up = 2_000_000` or `warm_up = 0.01`.

use anyhow::{Result, ensure};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A number of tokens, or a share (0 to 1) of a whole that the setting names.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Amount {
    /// So many tokens.
    Tokens(u64),
    /// This share of the whole.
    Share(f64),
}

impl Amount {
    /// In tokens, of a whole of `whole` tokens.
    pub fn tokens(self, whole: u64) -> u64 {
        match self {
            Amount::Tokens(tokens) => tokens,
            Amount::Share(share) => (share * whole as f64).round() as u64,
        }
    }

    /// A share must lie within 0 and 1; `name` is the setting, for the error.
    pub(crate) fn check(self, name: &str) -> Result<()> {
        if let Amount::Share(share) = self {
            ensure!(
                (0.0..=1.0).contains(&share),
                "{name} = {share}: a decimal is a share of the whole and lies within 0.0 and 1.0; \
                 for a number of tokens write a whole number"
            );
        }
        Ok(())
    }
}

/// How often something happens: `None` when the amount is nothing.
pub(crate) fn every(amount: Amount, whole: u64) -> Option<u64> {
    match amount {
        Amount::Tokens(0) => None,
        Amount::Share(share) if share <= 0.0 => None,
        amount => Some(amount.tokens(whole).max(1)),
    }
}

/// Whether a multiple of `every` lies in `(before, after]`.
pub(crate) fn crosses(every: Option<u64>, before: u64, after: u64) -> bool {
    every.is_some_and(|every| before / every != after / every)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_tokens_and_decimals_are_shares() {
        let read = |text: &str| serde_json::from_str::<Amount>(text).unwrap();
        assert_eq!(read("2000"), Amount::Tokens(2000));
        assert_eq!(read("0.25"), Amount::Share(0.25));
        assert_eq!(read("1.0"), Amount::Share(1.0));
        assert_eq!(read("0.25").tokens(1000), 250);
        assert_eq!(serde_json::to_string(&Amount::Share(1.0)).unwrap(), "1.0");
        assert!(Amount::Share(1.5).check("warm_up").is_err());
    }

    #[test]
    fn multiples_are_crossed_once() {
        assert!(crosses(Some(100), 90, 100));
        assert!(!crosses(Some(100), 100, 199));
        assert!(crosses(Some(100), 199, 450));
        assert!(!crosses(None, 0, 450));
        assert_eq!(every(Amount::Share(0.0), 10), None);
        assert_eq!(every(Amount::Tokens(0), 10), None);
        assert_eq!(every(Amount::Share(0.1), 1000), Some(100));
    }
}
