//! The metadata of a GGUF file: keys and typed values, and the questions that are asked of them.

use anyhow::{Result, bail};
use std::collections::BTreeMap;

/// A value. Numbers of every width are kept in the widest of their sort.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Of whatever width, with a sign or without.
    Integer(i64),
    /// One beyond what has a sign.
    Large(u64),
    /// Of 32 or 64 bits.
    Float(f64),
    /// Yes or no.
    Bool(bool),
    /// Text; what was no UTF-8 has U+FFFD.
    Text(String),
    /// A list of texts.
    Texts(Vec<String>),
    /// A list of integers.
    Integers(Vec<i64>),
    /// A list of numbers.
    Floats(Vec<f64>),
    /// A list of yes and no.
    Bools(Vec<bool>),
}

impl Value {
    /// What sort it is, for a sentence.
    fn sort(&self) -> &'static str {
        match self {
            Value::Integer(_) | Value::Large(_) => "an integer",
            Value::Float(_) => "a number",
            Value::Bool(_) => "yes or no",
            Value::Text(_) => "a text",
            Value::Texts(_) => "a list of texts",
            Value::Integers(_) => "a list of integers",
            Value::Floats(_) => "a list of numbers",
            Value::Bools(_) => "a list of yes and no",
        }
    }
}

/// Keys and their values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metadata(pub BTreeMap<String, Value>);

/// Asks for one sort of value.
macro_rules! ask {
    ($(#[$doc:meta])* $name:ident, $result:ty, $sort:literal, $($pattern:pat => $value:expr),+) => {
        $(#[$doc])*
        ///
        /// # Errors
        /// The value is of another sort.
        pub fn $name(&self, key: &str) -> Result<Option<$result>> {
            match self.0.get(key) {
                None => Ok(None),
                $(Some($pattern) => Ok(Some($value)),)+
                Some(other) => bail!("{key} is {}, and {} was wanted", other.sort(), $sort),
            }
        }
    };
}

impl Metadata {
    ask!(/// A text, if it is there.
        text, &str, "a text", Value::Text(x) => x.as_str());
    ask!(/// Yes or no, if it is there.
        flag, bool, "yes or no", Value::Bool(x) => *x);
    ask!(/// A number, if it is there.
        float, f64, "a number", Value::Float(x) => *x, Value::Integer(x) => *x as f64);
    ask!(/// A list of texts, if it is there.
        texts, &[String], "a list of texts", Value::Texts(x) => x.as_slice());
    ask!(/// A list of integers, if it is there.
        integers, &[i64], "a list of integers", Value::Integers(x) => x.as_slice());

    /// A size, if it is there; a list of equal ones counts as one.
    ///
    /// # Errors
    /// It is no integer of at least 0, or differs from layer to layer.
    pub fn size(&self, key: &str) -> Result<Option<usize>> {
        let of = |x: i64| usize::try_from(x).ok();
        let size = match self.0.get(key) {
            None => return Ok(None),
            Some(Value::Integer(x)) => of(*x),
            Some(Value::Integers(list)) => match list.as_slice() {
                [first, rest @ ..] if rest.iter().all(|x| x == first) => of(*first),
                _ => bail!("{key} differs from layer to layer, and all layers here are alike"),
            },
            Some(other) => bail!("{key} is {}, and an integer was wanted", other.sort()),
        };
        match size {
            Some(size) => Ok(Some(size)),
            None => bail!("{key} is below 0"),
        }
    }

    /// Sets a value.
    pub fn set(&mut self, key: impl Into<String>, value: Value) {
        self.0.insert(key.into(), value);
    }
}
