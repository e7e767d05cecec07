//! Judges documents by a linear model of their words and n-grams, in the format of fastText.
//!
//! p(label | text) = softmax(B · mean of the rows of A that the text's words and n-grams name)
//! (Joulin et al. 2017, "Bag of tricks for efficient text classification"). The report filters
//! English by the public DCLM classifier, which is such a file, and Korean by one of its own that is
//! trained in rounds (section on data curation).
//!
//! [`Classifier`] reads what the C++ original writes, [`Examples`] makes such files, [`Curve`] finds
//! thresholds, [`rounds`](rounds()) is the report's iteration. Deliberately absent: word vectors for
//! their own sake, autotuning, and asking a language model for labels.

mod curve;
mod matrix;
mod model;
mod rounds;
mod train;
mod words;

pub use curve::{Calibrate, Curve, CurvePoint, Judged};
pub use model::{Classifier, Prediction};
pub use rounds::{Round, RoundSettings, Rounds, rounds};
pub use train::{Examples, TrainSettings};

/// What the name of a label begins with in files of fastText.
pub const LABEL_PREFIX: &str = "__label__";
