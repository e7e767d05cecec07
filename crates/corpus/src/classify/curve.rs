//! Precision, recall and retention by threshold, and thresholds to a stated precision or retention.
//!
//! Of judged documents, with scores s and truths y: at a threshold t, precision = P(y | s ≥ t),
//! recall = P(s ≥ t | y), retention = P(s ≥ t). Average precision is Σ precision · Δrecall over the
//! documents from the highest score down (Manning et al. 2008, section 8.4), ties taken together.

use anyhow::{Result, ensure};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A document's score, and whether it should have been selected.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judged {
    /// What the classifier says.
    pub score: f32,
    /// The truth.
    pub positive: bool,
}

/// How a threshold is found.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Calibrate {
    /// This one.
    Threshold(f32),
    /// The lowest at which so large a share of what is selected is right.
    Precision(f64),
    /// The one that keeps this share of all documents.
    Retention(f64),
}

/// What a threshold does.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// Selected is what scores at least this much.
    pub threshold: f32,
    /// Share of the selected that is right; 1 where nothing is selected.
    pub precision: f64,
    /// Share of what is right that is selected.
    pub recall: f64,
    /// Share of all that is selected.
    pub retention: f64,
}

/// What every threshold does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// Documents that should be selected, and all.
    pub positives: u64,
    /// All documents.
    pub documents: u64,
    /// One for every distinct score, the highest first.
    points: Vec<CurvePoint>,
}

impl Curve {
    /// Sorts the judged; scores that are no numbers count as 0.
    ///
    /// # Errors
    /// Nothing judged.
    pub fn new(mut judged: Vec<Judged>) -> Result<Self> {
        ensure!(
            !judged.is_empty(),
            "there is no judged document to find a threshold with"
        );
        for one in &mut judged {
            if !one.score.is_finite() {
                one.score = 0.0;
            }
        }
        judged.sort_by(|a, b| b.score.total_cmp(&a.score));
        let documents = judged.len();
        let positives = judged.iter().filter(|one| one.positive).count();
        let (mut points, mut selected, mut right) = (Vec::new(), 0, 0);
        for same in judged.chunk_by(|a, b| a.score == b.score) {
            selected += same.len();
            right += same.iter().filter(|one| one.positive).count();
            points.push(CurvePoint {
                threshold: same[0].score,
                precision: right as f64 / selected as f64,
                recall: right as f64 / positives.max(1) as f64,
                retention: selected as f64 / documents as f64,
            });
        }
        Ok(Curve {
            positives: positives as u64,
            documents: documents as u64,
            points,
        })
    }

    /// What a threshold does.
    pub fn at(&self, threshold: f32) -> CurvePoint {
        let selected = self.points.iter().rev();
        let found = selected
            .clone()
            .find(|point| point.threshold >= threshold)
            .copied();
        let nothing = CurvePoint {
            threshold,
            precision: 1.0,
            recall: 0.0,
            retention: 0.0,
        };
        CurvePoint {
            threshold,
            ..found.unwrap_or(nothing)
        }
    }

    /// The threshold that does as is asked.
    ///
    /// # Errors
    /// A share outside 0 to 1, or a precision that no threshold reaches; the best there is is named.
    pub fn threshold(&self, how: Calibrate) -> Result<f32> {
        match how {
            Calibrate::Threshold(threshold) => Ok(threshold),
            Calibrate::Precision(wanted) => {
                share("precision", wanted)?;
                let reached = self.points.iter().filter(|point| point.precision >= wanted);
                let best = |a: &&CurvePoint, b: &&CurvePoint| a.recall.total_cmp(&b.recall);
                match reached.max_by(best) {
                    Some(point) => Ok(point.threshold),
                    None => {
                        let most = self.points.iter().map(|point| point.precision);
                        anyhow::bail!(
                            "no threshold reaches a precision of {wanted}; the most there is is {:.3}: ask \
                             for less, or train a better classifier",
                            most.fold(0.0, f64::max)
                        )
                    }
                }
            }
            Calibrate::Retention(wanted) => {
                share("retention", wanted)?;
                // As near as ties allow, and rather a little more than less.
                let enough = self.points.iter().find(|point| point.retention >= wanted);
                Ok(enough
                    .or(self.points.last())
                    .map_or(0.0, |point| point.threshold))
            }
        }
    }

    /// Average precision, 0 to 1; as much as the share of positives where scores say nothing.
    pub fn average_precision(&self) -> f64 {
        let mut before = 0.0;
        let mut sum = 0.0;
        for point in &self.points {
            sum += point.precision * (point.recall - before);
            before = point.recall;
        }
        sum
    }

    /// At most `count` of its points, evenly by retention, for pictures and records.
    pub fn points(&self, count: usize) -> Vec<CurvePoint> {
        let mut points: Vec<CurvePoint> = Vec::new();
        for point in &self.points {
            let due = (points.len() + 1) as f64 / count.max(1) as f64;
            if point.retention >= due || points.is_empty() {
                points.push(*point);
            }
        }
        points
    }
}

fn share(what: &str, value: f64) -> Result<()> {
    ensure!(
        (0.0..=1.0).contains(&value),
        "a {what} of {value} was asked for: wanted a share from 0 to 1"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(judged: &[(f32, bool)]) -> Curve {
        let judged = judged.iter();
        let judged = judged.map(|(score, positive)| Judged {
            score: *score,
            positive: *positive,
        });
        Curve::new(judged.collect()).unwrap()
    }

    #[test]
    fn thresholds_do_what_was_asked() {
        let curve = curve(&[
            (0.9, true),
            (0.8, true),
            (0.7, false),
            (0.6, true),
            (0.2, false),
            (0.2, true),
            (0.1, false),
            (f32::NAN, false),
        ]);
        assert_eq!((curve.positives, curve.documents), (4, 8));
        let at = curve.at(0.65);
        assert_eq!(
            (at.precision, at.recall, at.retention),
            (2.0 / 3.0, 0.5, 3.0 / 8.0)
        );
        // The lowest threshold counts, though the precision dips on the way.
        assert_eq!(curve.threshold(Calibrate::Precision(0.75)).unwrap(), 0.6);
        assert_eq!(curve.threshold(Calibrate::Precision(0.9)).unwrap(), 0.8);
        assert_eq!(curve.threshold(Calibrate::Retention(0.5)).unwrap(), 0.6);
        // Ties go together.
        assert_eq!(curve.threshold(Calibrate::Retention(0.6)).unwrap(), 0.2);
        assert_eq!(curve.threshold(Calibrate::Retention(1.0)).unwrap(), 0.0);
        assert_eq!(curve.at(2.0).retention, 0.0);
        let expected = 0.25 * (1.0 + 1.0 + 0.75 + 4.0 / 6.0);
        assert!((curve.average_precision() - expected).abs() < 1e-12);
        assert!(curve.points(3).len() <= 4);
    }

    #[test]
    fn what_cannot_be_reached_is_said() {
        let curve = curve(&[(0.9, false), (0.1, true)]);
        let error = curve.threshold(Calibrate::Precision(0.9)).unwrap_err();
        assert!(error.to_string().contains("0.500"), "{error}");
        assert!(curve.threshold(Calibrate::Retention(1.5)).is_err());
        assert!(Curve::new(vec![]).is_err());
    }
}
