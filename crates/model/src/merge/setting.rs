//! A parameter of a merge: one value, a gradient over the layers, or values by a part of the name.
//!
//! `0.5` · `[0, 0.3, 1]`, which is interpolated over the layers of a slice · `[{ filter = "mlp",
//! value = 0.3 }, { value = 0.5 }]`, of which the first that fits the tensor's name counts. A list
//! of words or truth values is stepped through instead. The rules are mergekit's.

use anyhow::{Result, bail, ensure};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Scalar {
    Flag(bool),
    Number(f64),
    /// Numbers may be written as text, as YAML leaves `1e-3`.
    Text(String),
}

/// A parameter as it is given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "Value", into = "Value")]
pub struct Setting(#[schemars(with = "Value")] Vec<Condition>);

/// What holds where the filter is a part of the tensor's name.
#[derive(Clone, Debug, PartialEq)]
struct Condition {
    filter: Option<String>,
    /// One value, or a gradient.
    values: Vec<Scalar>,
    gradient: bool,
    /// Whether it stood in a `{ value = … }`.
    spelt: bool,
}

impl Setting {
    /// A number that holds everywhere.
    pub fn number(number: f64) -> Self {
        Setting(vec![Condition {
            filter: None,
            values: vec![Scalar::Number(number)],
            gradient: false,
            spelt: false,
        }])
    }

    /// The number for a tensor at `at` (0 to 1) of its slice; `None` where no filter fits.
    ///
    /// # Errors
    /// The value is no number.
    pub(super) fn number_for(&self, tensor: &str, at: f64) -> Result<Option<f64>> {
        let Some(condition) = self.fitting(tensor) else {
            return Ok(None);
        };
        let numbers = condition
            .values
            .iter()
            .map(Scalar::number)
            .collect::<Result<Vec<f64>>>()?;
        let scaled = at * (numbers.len() - 1) as f64;
        let lower = scaled as usize;
        let upper = (lower + 1).min(numbers.len() - 1);
        let part = scaled - lower as f64;
        Ok(Some(match condition.gradient {
            true => (1.0 - part) * numbers[lower] + part * numbers[upper],
            false => numbers[0],
        }))
    }

    /// The truth value for a tensor.
    ///
    /// # Errors
    /// The value is neither true nor false.
    pub(super) fn flag_for(&self, tensor: &str, at: f64) -> Result<Option<bool>> {
        let Some(condition) = self.fitting(tensor) else {
            return Ok(None);
        };
        let step = (at * (condition.values.len() - 1) as f64) as usize;
        condition.values[step].flag().map(Some)
    }

    fn fitting(&self, tensor: &str) -> Option<&Condition> {
        self.0.iter().find(|condition| match &condition.filter {
            None => true,
            Some(filter) => filter == "*" || tensor.contains(filter.as_str()),
        })
    }
}

impl Scalar {
    fn number(&self) -> Result<f64> {
        let number = match self {
            Scalar::Flag(flag) => f64::from(u8::from(*flag)),
            Scalar::Number(number) => *number,
            Scalar::Text(text) => match text.trim().parse() {
                Ok(number) => number,
                Err(_) => bail!("\"{text}\" was found where a number was wanted"),
            },
        };
        ensure!(number.is_finite(), "a parameter must be a finite number");
        Ok(number)
    }

    fn flag(&self) -> Result<bool> {
        match self {
            Scalar::Flag(flag) => Ok(*flag),
            Scalar::Number(number) if *number == 0.0 => Ok(false),
            Scalar::Number(number) if *number == 1.0 => Ok(true),
            Scalar::Text(text) if text.eq_ignore_ascii_case("true") => Ok(true),
            Scalar::Text(text) if text.eq_ignore_ascii_case("false") => Ok(false),
            other => bail!("{} was found where true or false was wanted", other.value()),
        }
    }

    fn read(value: Value) -> Result<Self> {
        Ok(match value {
            Value::Bool(flag) => Scalar::Flag(flag),
            Value::Number(number) => Scalar::Number(number.as_f64().unwrap_or(f64::NAN)),
            Value::String(text) => Scalar::Text(text),
            other => bail!("{other} was found where one value was wanted"),
        })
    }

    fn value(&self) -> Value {
        match self {
            Scalar::Flag(flag) => json!(flag),
            Scalar::Number(number) => json!(number),
            Scalar::Text(text) => json!(text),
        }
    }
}

impl TryFrom<Value> for Setting {
    type Error = anyhow::Error;

    fn try_from(value: Value) -> Result<Self> {
        match value {
            Value::Array(list) if list.iter().any(Value::is_object) => {
                let conditions = list.into_iter().map(|value| match value {
                    Value::Object(map) => conditional(map),
                    other => bail!(
                        "a parameter's list mixes {other} with `{{ value, filter }}`: wanted all of one kind"
                    ),
                });
                Ok(Setting(conditions.collect::<Result<_>>()?))
            }
            Value::Object(map) => Ok(Setting(vec![conditional(map)?])),
            plain => Ok(Setting(vec![plain_condition(plain, None, false)?])),
        }
    }
}

fn conditional(mut map: Map<String, Value>) -> Result<Condition> {
    let filter = match map.remove("filter") {
        None | Some(Value::Null) => None,
        Some(Value::String(filter)) => Some(filter),
        Some(other) => bail!("a `filter` is a part of a tensor's name, and {other} was found"),
    };
    let Some(value) = map.remove("value") else {
        bail!("a parameter with a `filter` needs a `value`");
    };
    if let Some(key) = map.keys().next() {
        bail!("`{key}` was found beside a parameter's `value`; only `filter` may stand there");
    }
    plain_condition(value, filter, true)
}

fn plain_condition(value: Value, filter: Option<String>, spelt: bool) -> Result<Condition> {
    let (values, gradient) = match value {
        Value::Array(list) => {
            ensure!(!list.is_empty(), "a gradient needs at least one value");
            let values = list.into_iter().map(Scalar::read);
            (values.collect::<Result<Vec<_>>>()?, true)
        }
        one => (vec![Scalar::read(one)?], false),
    };
    Ok(Condition {
        filter,
        values,
        gradient,
        spelt,
    })
}

impl From<Setting> for Value {
    fn from(setting: Setting) -> Self {
        let plain = |condition: &Condition| match condition.gradient {
            true => Value::Array(condition.values.iter().map(Scalar::value).collect()),
            false => condition.values[0].value(),
        };
        if let [only] = &setting.0[..]
            && !only.spelt
        {
            return plain(only);
        }
        let spelt = setting.0.iter().map(|condition| {
            let mut map = json!({ "value": plain(condition) });
            if let Some(filter) = &condition.filter {
                map["filter"] = json!(filter);
            }
            map
        });
        Value::Array(spelt.collect())
    }
}
