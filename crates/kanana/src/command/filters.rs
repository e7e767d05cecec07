//! `kanana filters`: what documents are dropped for, with limits by language and where they come from.

use crate::terminal;
use anyhow::{Result, bail};
use clap::Args;
use corpus::filter::{FILTERS, Rule, Side};
use serde_json::json;
use std::fmt::Write as _;

/// Explain the filters.
#[derive(Args)]
pub(crate) struct Filters {
    /// Only this filter, or this reason
    name: Option<String>,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

impl Filters {
    pub(crate) fn run(self) -> Result<()> {
        let wanted = |filter: &str, rule: &Rule| {
            self.name
                .as_deref()
                .is_none_or(|name| name == filter || name == rule.reason)
        };
        let (mut text, mut rows) = (String::new(), Vec::new());
        for filter in FILTERS {
            let rules: Vec<_> = filter
                .rules()
                .iter()
                .filter(|rule| wanted(filter.name(), rule))
                .collect();
            if rules.is_empty() {
                continue;
            }
            let _ = writeln!(text, "{} — {}", filter.name(), filter.about());
            for rule in rules {
                let _ = writeln!(text, "  {}: dropped because {}", rule.reason, rule.says);
                let _ = writeln!(
                    text,
                    "      English {}; Korean {} ({})",
                    limit(rule, rule.english),
                    limit(rule, rule.korean),
                    rule.korean_from
                );
                rows.push(json!({
                    "filter": filter.name(), "source": filter.about(), "reason": rule.reason, "signal": rule.signal,
                    "side": match rule.side { Side::Below => "below", Side::Above => "above" },
                    "english": rule.english, "korean": rule.korean, "korean_from": rule.korean_from, "says": rule.says,
                }));
            }
            text.push('\n');
        }
        if rows.is_empty() {
            let names: Vec<_> = FILTERS.iter().map(|filter| filter.name()).collect();
            bail!(
                "there is no filter or reason {:?}; filters are {}",
                self.name.unwrap_or_default(),
                names.join(", ")
            );
        }
        if self.json {
            return terminal::json(&rows);
        }
        text.push_str("A limit is set in the recipe: with = { korean = { few_words = 20, list_like = false } }\n");
        terminal::say(text.trim_end());
        Ok(())
    }
}

/// `below 50 words`, or that the rule is off.
fn limit(rule: &Rule, limit: Option<f64>) -> String {
    match (limit, rule.side) {
        (None, _) => "off".to_owned(),
        (Some(limit), Side::Below) => format!("{} below {limit}", rule.signal),
        (Some(limit), Side::Above) => format!("{} above {limit}", rule.signal),
    }
}
