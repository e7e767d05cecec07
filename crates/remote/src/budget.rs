//! An end to spending: so many calls, so many tokens.
//!
//! A budget says where to stop, never what comes out: work that it ends is gone on with under a larger
//! one, from the transcript. Tokens are those that the endpoint reports in `usage`; calls under way when
//! they run out are still paid, and kept.

use anyhow::{Result, ensure};
use serde_json::Value;

/// What may be spent; `None` is without end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    /// Requests that are answered, of this attempt and those before it on the same transcript.
    pub calls: Option<u64>,
    /// Tokens read and written.
    pub tokens: Option<u64>,
}

/// What has been spent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Requests answered, declined ones included.
    pub calls: u64,
    /// Tokens of the prompts, as reported.
    pub read: u64,
    /// Tokens of the answers, as reported.
    pub written: u64,
}

/// The budget is used up. What came is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the budget of {limit} {what} is spent: {} calls were answered, {} tokens read and {} written. What came \
     is kept: the same command with a larger budget goes on from here", .usage.calls, .usage.read, .usage.written
)]
pub struct Spent {
    /// `calls` or `tokens`.
    pub what: &'static str,
    /// How many were allowed.
    pub limit: u64,
    /// What was spent.
    pub usage: Usage,
}

impl Budget {
    /// Whether one more call may be made while `flying` others are under way.
    pub(crate) fn allows(&self, usage: Usage, flying: u64) -> std::result::Result<(), Spent> {
        let over = |what, limit, spent: u64| match limit {
            Some(limit) if spent >= limit => Err(Spent { what, limit, usage }),
            _ => Ok(()),
        };
        over("calls", self.calls, usage.calls.saturating_add(flying))?;
        over(
            "tokens",
            self.tokens,
            usage.read.saturating_add(usage.written),
        )
    }

    /// Refuses to go on by tokens with an endpoint that does not count them.
    pub(crate) fn can_count(&self, reply: &Value) -> Result<()> {
        ensure!(
            self.tokens.is_none() || Usage::of(reply).is_some(),
            "the endpoint does not report `usage`, so that a budget of tokens cannot be kept: limit the calls"
        );
        Ok(())
    }
}

impl Usage {
    /// What a reply reports; `None` where it reports nothing.
    pub fn of(reply: &Value) -> Option<Usage> {
        let usage = reply.get("usage")?;
        let count = |name: &str| usage.get(name)?.as_u64();
        let total = count("total_tokens");
        // A reply to `embeddings` reports no completion; some servers report a total alone.
        let read = count("prompt_tokens").or(total)?;
        let rest = total.map_or(0, |total| total.saturating_sub(read));
        Some(Usage {
            calls: 1,
            read,
            written: count("completion_tokens").unwrap_or(rest),
        })
    }

    pub(crate) fn add(&mut self, other: Usage) {
        self.calls += other.calls;
        self.read = self.read.saturating_add(other.read);
        self.written = self.written.saturating_add(other.written);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn usage_is_read_as_servers_write_it() {
        let of = |usage: Value| {
            Usage::of(&json!({ "usage": usage })).map(|usage| (usage.read, usage.written))
        };
        let whole = json!({"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10});
        assert_eq!(of(whole), Some((7, 3)));
        assert_eq!(
            of(json!({"prompt_tokens": 7, "total_tokens": 7})),
            Some((7, 0))
        );
        assert_eq!(
            of(json!({"prompt_tokens": 7, "total_tokens": 10})),
            Some((7, 3))
        );
        assert_eq!(of(json!({"total_tokens": 10})), Some((10, 0)));
        assert_eq!(of(json!({"prompt_tokens": "7"})), None);
        assert_eq!(of(Value::Null), None);
        assert_eq!(Usage::of(&json!([])), None);
    }

    #[test]
    fn calls_under_way_count_and_tokens_do_when_they_are_known() {
        let usage = Usage {
            calls: 3,
            read: 50,
            written: 10,
        };
        let calls = Budget {
            calls: Some(5),
            tokens: None,
        };
        assert!(calls.allows(usage, 1).is_ok());
        assert_eq!(
            calls.allows(usage, 2).map_err(|spent| spent.what),
            Err("calls")
        );
        let tokens = Budget {
            calls: None,
            tokens: Some(60),
        };
        let spent = tokens.allows(usage, 0).expect_err("spent").to_string();
        assert!(spent.contains("60 tokens is spent: 3 calls"), "{spent}");
        assert!(Budget::default().allows(usage, u64::MAX).is_ok());
        assert!(tokens.can_count(&json!({})).is_err());
        assert!(calls.can_count(&json!({})).is_ok());
    }
}
