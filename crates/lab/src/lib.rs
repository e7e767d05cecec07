//! Experiments: one question, several arms over several seeds, a budget, outcomes, and what the report
//! says should come out.
//!
//! An [`Experiment`] is read from a TOML file. Each arm with each seed *is* a recipe, written out by
//! [`Experiment::recipe`]: the steps of the file with the arm's stated differences in them. Whoever runs the
//! recipes hands the artifacts' files back, [`Outcome::measure`] takes a number from each, and
//! [`Findings`] holds the means, the paired intervals and a verdict in words.
//!
//! It deliberately knows neither what a model is nor how a recipe runs: a step is a table with a name, an
//! outcome is a place in a JSON file, a budget is a number that somebody else counted.

mod arm;
mod claim;
mod contrast;
mod file;
mod findings;
mod outcome;
pub mod statistics;
#[cfg(test)]
mod tests;

pub use arm::Arm;
pub use claim::{Claim, Claims};
pub use contrast::{Contrast, Expected, Verdict};
pub use file::{Budget, Count, Experiment};
pub use findings::{
    ArmFindings, CurveFindings, Drawn, Findings, Line, Measured, OutcomeFindings, Spent,
};
pub use outcome::{Better, Curve, Outcome, Picture, Place, Reading, Unit, Until};
