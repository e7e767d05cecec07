//! Which smaller shapes fit a budget of parameters.
//!
//! The report's small architecture search (Table 16): every combination of stated widths, multiples
//! of the width for the feed-forward half, and query heads whose count lies within a tolerance of
//! the budget. Ranking them is for others: by kept importance (`importance::choose`), then by a
//! short distillation of each.

use crate::Shape;
use crate::importance::Target;
use anyhow::{Result, bail, ensure};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Count {
    /// All parameters.
    #[default]
    All,
    /// Those of neither embedding nor head, as the report's Table 16 counts.
    WithoutEmbedding,
}

impl Count {
    /// How many a shape has.
    pub fn of(self, shape: &Shape) -> usize {
        match self {
            Count::All => shape.parameters(),
            Count::WithoutEmbedding => shape.parameters_without_embedding(),
        }
    }
}

/// A budget, and where to look for shapes that fit it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// Parameters wanted.
    pub parameters: f64,
    /// How far off a shape may be, as a share of the budget. Default 0.05.
    #[serde(default = "tolerance")]
    pub tolerance: f64,
    /// What is counted. Default all parameters.
    #[serde(default)]
    pub count: Count,
    /// Widths to try.
    pub width: Vec<usize>,
    /// Neurons of a block to try, as multiples of the width.
    pub ffn: Vec<f64>,
    /// Query heads to try.
    pub query_heads: Vec<usize>,
    /// Layers to try. Default those of the model.
    #[serde(default)]
    pub layers: Vec<usize>,
    /// Whether the result ties embedding and head. Default as the model.
    #[serde(default)]
    pub tied: Option<bool>,
}

fn tolerance() -> f64 {
    0.05
}

/// A shape that fits.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// What to ask for.
    pub target: Target,
    /// What comes out.
    pub shape: Shape,
    /// Its parameters, as the budget counts.
    pub parameters: usize,
}

impl Budget {
    /// Every shape in the ranges that follows from `from` and fits, in the order of the ranges.
    ///
    /// # Errors
    /// A range with nothing in it, a multiple that makes no whole number of neurons of any width, or
    /// nothing that fits: the sentence says what is nearest.
    pub fn candidates(&self, from: &Shape) -> Result<Vec<Candidate>> {
        self.check()?;
        let all = self.all(from)?;
        let off = |c: &Candidate| (c.parameters as f64 - self.parameters).abs();
        let fit: Vec<Candidate> = all
            .iter()
            .filter(|candidate| off(candidate) <= self.tolerance * self.parameters)
            .cloned()
            .collect();
        if fit.is_empty() {
            let nearest = all.iter().min_by(|a, b| off(a).total_cmp(&off(b)));
            let Some(nearest) = nearest else {
                bail!(
                    "no shape in the ranges is smaller than the model on every axis (width {}, ffn \
                     {}, query_heads {} in {} groups, layers {}); widen the ranges",
                    from.width,
                    from.ffn,
                    from.query_heads,
                    from.kv_heads,
                    from.layers
                );
            };
            bail!(
                "no shape in the ranges fits a budget of {:.0} parameters within {} %; the nearest \
                 is {} with {}: ask for that, or widen the ranges or the tolerance",
                self.parameters,
                100.0 * self.tolerance,
                describe(&nearest.shape),
                nearest.parameters
            );
        }
        Ok(fit)
    }

    fn check(&self) -> Result<()> {
        ensure!(
            self.parameters >= 1.0 && self.tolerance.is_finite() && self.tolerance >= 0.0,
            "a budget needs parameters of at least 1 and a tolerance of at least 0; found {} and {}",
            self.parameters,
            self.tolerance
        );
        ensure!(
            !self.width.is_empty() && !self.ffn.is_empty() && !self.query_heads.is_empty(),
            "a budget needs at least one `width`, one `ffn` multiple and one of `query_heads` to try"
        );
        for &multiple in &self.ffn {
            ensure!(
                self.width
                    .iter()
                    .any(|&width| neurons(width, multiple).is_some()),
                "an ffn of {multiple} times a width is no whole number of neurons for any width of \
                 {:?}; choose another multiple",
                self.width
            );
        }
        Ok(())
    }

    /// Every combination that the model can be cut to.
    fn all(&self, from: &Shape) -> Result<Vec<Candidate>> {
        let layers = match self.layers.is_empty() {
            true => vec![from.layers],
            false => self.layers.clone(),
        };
        let mut found: Vec<Candidate> = Vec::new();
        for &layers in &layers {
            for &width in &self.width {
                for &multiple in &self.ffn {
                    // Widths and multiples that do not go together leave those that do.
                    let Some(ffn) = neurons(width, multiple) else {
                        continue;
                    };
                    for &query_heads in &self.query_heads {
                        let target = Target {
                            layers: Some(layers),
                            width: Some(width),
                            ffn: Some(ffn),
                            query_heads: Some(query_heads),
                            tied: self.tied,
                        };
                        // Ranges may reach beyond the model: the rest of them is still of use.
                        let Ok(shape) = target.shape(from) else {
                            continue;
                        };
                        let parameters = self.count.of(&shape);
                        let candidate = Candidate {
                            target,
                            shape,
                            parameters,
                        };
                        if !found.contains(&candidate) {
                            found.push(candidate);
                        }
                    }
                }
            }
        }
        Ok(found)
    }
}

/// So many times a width, if that is a whole number; 1.1 is no binary fraction, and 1600 times it is
/// meant to be 1760.
fn neurons(width: usize, multiple: f64) -> Option<usize> {
    let ffn = width as f64 * multiple;
    let whole = ffn.round();
    (whole >= 1.0 && (ffn - whole).abs() <= 1e-9 * whole).then_some(whole as usize)
}

/// A shape in a few words.
pub fn describe(shape: &Shape) -> String {
    format!(
        "{} layers, width {}, ffn {}, {} query heads{}",
        shape.layers,
        shape.width,
        shape.ffn,
        shape.query_heads,
        if shape.tied { ", tied" } else { "" }
    )
}

#[cfg(test)]
mod tests {
    use super::{Budget, Count};
    use crate::Shape;

    /// The ranges of Table 16, about a billion parameters without embedding.
    fn table_16() -> Budget {
        Budget {
            parameters: 1.04e9,
            tolerance: 0.08,
            count: Count::WithoutEmbedding,
            width: vec![1280, 1536, 1792],
            ffn: vec![3.0, 3.5, 4.0, 4.5],
            query_heads: vec![24, 16, 8],
            layers: vec![],
            tied: None,
        }
    }

    #[test]
    fn the_rows_of_table_16_are_candidates_of_its_ranges() {
        let nano = Shape::named("2.1b").unwrap();
        let candidates = table_16().candidates(&nano).unwrap();
        for (width, ffn, heads, billions) in [
            (1280, 5120, 24, "0.96"),
            (1280, 5760, 16, "0.96"),
            (1280, 5760, 24, "1.04"),
            (1536, 4608, 16, "0.98"),
            (1536, 4608, 24, "1.08"),
            (1536, 5376, 8, "0.99"),
            (1536, 5376, 16, "1.09"),
            (1536, 6144, 8, "1.11"),
        ] {
            let found = candidates.iter().find(|candidate| {
                let s = &candidate.shape;
                (s.width, s.ffn, s.query_heads) == (width, ffn, heads)
            });
            let found = found.unwrap_or_else(|| panic!("{width} {ffn} {heads} is missing"));
            let printed = format!("{:.2}", found.parameters as f64 / 1e9);
            assert_eq!(printed, billions);
        }
        for candidate in &candidates {
            let off = (candidate.parameters as f64 / 1.04e9 - 1.0).abs();
            assert!(off <= 0.08 && candidate.shape.layers == 32);
        }
    }

    #[test]
    fn multiples_are_decimal_and_go_with_the_widths_that_they_fit() {
        let nano = Shape::named("2.1b").unwrap();
        let budget = Budget {
            width: vec![1600, 1601],
            ffn: vec![1.1, 2.0],
            query_heads: vec![24],
            tolerance: 1.0,
            ..table_16()
        };
        let candidates = budget.candidates(&nano).unwrap();
        let found: Vec<_> = candidates
            .iter()
            .map(|c| (c.shape.width, c.shape.ffn))
            .collect();
        assert_eq!(found, [(1600, 1760), (1600, 3200), (1601, 3202)]);
    }

    #[test]
    fn what_does_not_fit_says_what_would() {
        let nano = Shape::named("2.1b").unwrap();
        let check = |change: fn(&mut Budget), words: &str| {
            let mut budget = table_16();
            change(&mut budget);
            let error = budget.candidates(&nano).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        };
        check(
            |b| b.parameters = 0.1e9,
            "the nearest is 32 layers, width 1280, ffn 3840, 8 query heads, tied with 6",
        );
        check(|b| b.ffn = vec![3.0, 3.0003], "an ffn of 3.0003 times");
        check(
            |b| b.ffn = vec![f64::INFINITY],
            "no whole number of neurons",
        );
        check(|b| b.width = vec![], "at least one `width`");
        check(
            |b| b.width = vec![4096],
            "no shape in the ranges is smaller",
        );
        check(|b| b.query_heads = vec![12], "24 in 8 groups");
        check(|b| b.parameters = f64::NAN, "at least 1");
    }
}
