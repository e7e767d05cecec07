//! How many bits a model needs for a byte of text: −Σ ln p / (ln 2 · bytes), over whole texts.
//!
//! `bits_per_byte/*.jsonl` (or `.jsonl.gz`) with `text` and, where it is there, `language`, `lang` or
//! `source`, by which texts are grouped; otherwise by file. As lm-eval's `bits_per_byte`: the mean is
//! weighted by bytes, so that it is that of all texts put end to end.

use crate::ask::{Answer, Ask, Draw, Request};
use crate::prepared::{Benchmark, Prepared, likelihoods, wrong};
use crate::read;
use crate::task::{About, Aggregate, Kind, Metric, Score, Setup, Task};
use anyhow::{Result, ensure};
use serde::Deserialize;
use std::path::PathBuf;

/// On the shelf.
pub const KINDS: &[Kind] = &[Kind {
    name: "bits_per_byte",
    needs: &["bits_per_byte"],
    open,
}];

struct BitsPerByte {
    folder: PathBuf,
    metrics: Vec<Metric>,
}

#[derive(Deserialize)]
struct Row {
    text: String,
    language: Option<String>,
    lang: Option<String>,
    source: Option<String>,
}

fn open(setup: &Setup) -> Result<Box<dyn Task>> {
    ensure!(
        setup.shots.unwrap_or(0) == 0,
        "wanted examples before texts that are measured whole: leave the number out"
    );
    let metrics = vec![Metric {
        name: "bits_per_byte".into(),
        aggregate: Aggregate::Mean,
        higher_is_better: false,
    }];
    let about = About {
        name: "bits_per_byte".into(),
        summary: "bits that a byte of text costs the model".into(),
        language: "any".into(),
        protocol: "log-likelihood of whole texts".into(),
        source: "JSON lines of one's own".into(),
        version: 1,
        metrics: metrics.clone(),
    };
    let benchmark = BitsPerByte {
        folder: setup.data.join("bits_per_byte"),
        metrics,
    };
    Ok(Prepared::task(about, benchmark))
}

impl Benchmark for BitsPerByte {
    /// Bytes of the text.
    type Key = usize;

    fn questions(&self) -> Result<Vec<(Ask, usize)>> {
        let mut questions = Vec::new();
        for file in read::folder(&self.folder, &[".jsonl", ".jsonl.gz"])? {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            let name = name.split('.').next().unwrap_or_default().to_owned();
            for (place, row) in read::json_lines::<Row>(&file)?.into_iter().enumerate() {
                let Row {
                    text,
                    language,
                    lang,
                    source,
                } = row.value;
                ensure!(!text.is_empty(), "{}: wanted a text, found none", row.place);
                let bytes = text.len();
                let ask = Ask {
                    id: format!("{name}/{place}"),
                    group: language.or(lang).or(source).unwrap_or_else(|| name.clone()),
                    request: Request::Measure { text },
                    draw: Draw::default(),
                };
                questions.push((ask, bytes));
            }
        }
        Ok(questions)
    }

    fn score(&self, _ask: &Ask, bytes: &usize, answers: &[Answer]) -> Score {
        let bytes = *bytes as f64;
        match likelihoods(answers, 1) {
            Ok(found) => {
                let bits = -found[0].sum / (std::f64::consts::LN_2 * bytes);
                Score {
                    values: [("bits_per_byte".to_owned(), bits)].into(),
                    weight: Some(bytes),
                    taken: format!("{bits:.4} bits a byte"),
                    ..Score::default()
                }
            }
            // no bits at all would be the best there is: a text without a measure is left out
            Err(why) => Score {
                values: [].into(),
                ..wrong(&self.metrics, why)
            },
        }
    }
}
