//! The peak learning rate and the batch that suit a budget of compute.
//!
//! DeepSeek LLM (2024), section 3.1, fitted from 1e17 to 2e19 FLOPs:
//! `rate = 0.3118 · C^−0.1250`, `batch = 0.2920 · C^0.3271` tokens. The report uses the law for
//! all its sizes; compute is counted as the report counts it, `C = 6 · N · D`, N all parameters
//! and D the tokens of the whole plan.
//!
//! The law is the default where a recipe gives no peak or no batch, never an override.

use anyhow::{Result, ensure};

/// Peak rate that the law gives for `flops` of compute.
pub fn peak(flops: f64) -> f64 {
    0.3118 * flops.powf(-0.1250)
}

/// Tokens in a batch that the law gives for `flops` of compute.
pub fn batch_tokens(flops: f64) -> f64 {
    0.2920 * flops.powf(0.3271)
}

/// `C = 6 · N · D`.
pub fn flops(parameters: u64, tokens: u64) -> f64 {
    6.0 * parameters as f64 * tokens as f64
}

/// The law gives 2.3e-3 at 1e17 FLOPs, the smallest budget it was fitted on, and goes on rising
/// below; far above that, small models are at the mercy of their seed.
const HIGHEST_PEAK: f64 = 4e-3;

/// Fewer updates than this and a warm-up, a plateau and a decay have no room.
const FEWEST_STEPS: u64 = 100;

/// What a run will use.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// Peak rate.
    pub peak: f64,
    /// Tokens in a batch, whole sequences.
    pub batch_tokens: u64,
    /// What was chosen and why, one sentence for the log.
    pub why: String,
}

/// Fills in what is not given. `tokens` are this stage's, `horizon` those of the whole plan.
pub fn choose(
    parameters: u64,
    tokens: u64,
    horizon: u64,
    sequence: usize,
    given_peak: Option<f64>,
    given_batch: Option<u64>,
) -> Result<Choice> {
    ensure!(sequence > 0, "sequence = 0: wanted at least one token");
    let sequence = sequence as u64;
    let flops = flops(parameters, horizon);
    let mut why = Vec::new();

    let peak = given_peak.unwrap_or_else(|| {
        let law = peak(flops);
        if law > HIGHEST_PEAK {
            why.push(format!(
                "peak rate {HIGHEST_PEAK:.3e} (DeepSeek's law says {law:.3e} for {flops:.2e} FLOPs; \
                 held down, because so small a budget lies below what the law was fitted on)"
            ));
            HIGHEST_PEAK
        } else {
            why.push(format!(
                "peak rate {law:.3e} by DeepSeek's law for {flops:.2e} FLOPs"
            ));
            law
        }
    });

    let batch = match given_batch {
        Some(given) => {
            ensure!(given > 0, "batch_tokens = 0: wanted at least one token");
            let whole = given.div_ceil(sequence) * sequence;
            if whole != given {
                why.push(format!(
                    "a batch of {whole} tokens ({given} rounded up to whole sequences of {sequence})"
                ));
            }
            whole
        }
        None => {
            let law = batch_tokens(flops);
            let wanted = ((law / sequence as f64).round() as u64).max(1);
            let most = (tokens / FEWEST_STEPS / sequence).max(1);
            let rows = wanted.min(most);
            let mut reason = format!(
                "a batch of {} tokens ({rows} sequences of {sequence}; DeepSeek's law says {law:.0} \
                 for {flops:.2e} FLOPs",
                rows * sequence
            );
            if rows < wanted {
                reason.push_str(&format!(
                    "; held down so that {tokens} tokens make at least {FEWEST_STEPS} steps"
                ));
            }
            why.push(reason + ")");
            rows * sequence
        }
    };
    let why = if why.is_empty() {
        format!("peak rate {peak:.3e} and a batch of {batch} tokens, as given")
    } else {
        why.join("; ")
    };
    Ok(Choice {
        peak,
        batch_tokens: batch,
        why,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_s_sizes() {
        // parameters, tokens, peak rate, millions of tokens in a batch
        for (parameters, tokens, rate, batch) in [
            (8.03e9, 3e12, 3.97e-4, 11.0),
            (26.8e9, 3e12, 3.42e-4, 16.3),
            (2.087e9, 3e12, 4.70e-4, 7.1),
        ] {
            let flops = flops(parameters as u64, tokens as u64);
            assert!((peak(flops) - rate).abs() < 0.005e-4, "{}", peak(flops));
            assert!((batch_tokens(flops) / 1e6 - batch).abs() < 0.05);
        }
        let choice = choose(
            8_030_261_248,
            3_000_000_000_000,
            3_000_000_000_000,
            8192,
            None,
            None,
        );
        assert_eq!(choice.unwrap().batch_tokens / 8192, 1342);
    }

    #[test]
    fn small_runs_are_held_within_reason() {
        let tiny = choose(1_000_000, 1_000_000, 1_000_000, 256, None, None).unwrap();
        assert_eq!(tiny.peak, HIGHEST_PEAK);
        assert_eq!(tiny.batch_tokens, 4352);
        assert!(tiny.why.contains("held down"), "{}", tiny.why);
        let least = choose(1_000, 1_000, 1_000, 256, None, None).unwrap();
        assert_eq!(least.batch_tokens, 256);
        let given = choose(1_000, 1_000, 1_000, 256, Some(1e-3), Some(1000)).unwrap();
        assert_eq!((given.peak, given.batch_tokens), (1e-3, 1024));
        assert!(given.why.contains("rounded up"), "{}", given.why);
    }
}
