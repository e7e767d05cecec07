//! Whether a call is among the possible answers, as the leaderboard compares them.
//!
//! Every argument has a list of what it may be, in which an empty string says that it may be left out. Strings
//! are compared without case, spaces and `,./-_*^`, single quotation marks as double ones; in lists and in the
//! fields of objects too. A value must have the type of the function's description, an integer being a float
//! where one is wanted, or the type of the possible answers. Types in a list are looked at one level deep.

use crate::tasks::functionchat::same;
use serde::Deserialize;
use serde_json::{Map, Value};

/// A function as the leaderboard describes it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Function {
    pub(super) name: String,
    parameters: Parameters,
}

#[derive(Clone, Debug, Deserialize)]
struct Parameters {
    #[serde(default)]
    properties: Map<String, Value>,
    #[serde(default)]
    required: Vec<String>,
}

/// The types of Python that a value can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    Text,
    Integer,
    Float,
    Boolean,
    List,
    Object,
    Null,
}

impl Type {
    fn named(name: &str) -> Option<Type> {
        Some(match name {
            "string" | "any" => Type::Text,
            "integer" => Type::Integer,
            "float" => Type::Float,
            "boolean" => Type::Boolean,
            "array" | "tuple" => Type::List,
            "dict" => Type::Object,
            _ => return None,
        })
    }

    fn of(value: &Value) -> Type {
        match value {
            Value::String(_) => Type::Text,
            Value::Number(number) if number.is_f64() => Type::Float,
            Value::Number(_) => Type::Integer,
            Value::Bool(_) => Type::Boolean,
            Value::Array(_) => Type::List,
            Value::Object(_) => Type::Object,
            Value::Null => Type::Null,
        }
    }
}

impl Function {
    /// Why a call is none of the possible ones; `None` where it is.
    pub(super) fn wrong(&self, call: &chat::Function, possible: &Value) -> Option<String> {
        if call.name != self.name && call.name != self.name.replace('.', "_") {
            return Some(format!("{} was called, not {}", call.name, self.name));
        }
        let Ok(given) = serde_json::from_str::<Map<String, Value>>(&call.arguments) else {
            return Some("the arguments are no JSON object".to_owned());
        };
        let missing = self
            .parameters
            .required
            .iter()
            .find(|name| !given.contains_key(*name));
        if let Some(name) = missing {
            return Some(format!("{name} is missing"));
        }
        for (name, value) in &given {
            let (Some(about), Some(allowed)) = (
                self.parameters.properties.get(name),
                possible[name].as_array(),
            ) else {
                return Some(format!("{name} is no argument of a possible answer"));
            };
            if let Some(why) = wrong(value, about, allowed) {
                return Some(format!("{name} is {value}: {why}"));
            }
        }
        let mut possible = possible.as_object()?.iter();
        let needed =
            possible.find(|(name, allowed)| !given.contains_key(*name) && !optional(allowed));
        needed.map(|(name, _)| format!("{name} is missing and has no default"))
    }
}

/// Whether an argument may be left out.
fn optional(allowed: &Value) -> bool {
    allowed
        .as_array()
        .is_some_and(|allowed| may_be_missing(allowed))
}

fn may_be_missing(allowed: &[Value]) -> bool {
    allowed.iter().any(|value| value.as_str() == Some(""))
}

fn wrong(value: &Value, about: &Value, allowed: &[Value]) -> Option<String> {
    let name = about["type"].as_str().unwrap_or_default();
    let Some(expected) = Type::named(name) else {
        return Some(format!("its description has no known type, but `{name}`"));
    };
    let inner = match expected {
        Type::List => about["items"]["type"].as_str().and_then(Type::named),
        _ => None,
    };
    let whole = match value.as_f64() {
        Some(number) if expected == Type::Float => Value::from(number),
        _ => value.clone(),
    };
    let Some(otherwise) = typed(&whole, allowed, expected, inner) else {
        return Some(format!("wanted {name}"));
    };
    // To the leaderboard the empty string is an empty list here.
    let empty = whole.as_array().is_some_and(Vec::is_empty);
    if !otherwise && expected == Type::List && empty && may_be_missing(allowed) {
        return None;
    }
    let fits = match (otherwise, expected) {
        (false, Type::Object) => object(&whole, allowed),
        (false, Type::List) if inner == Some(Type::Object) => objects(&whole, allowed),
        (false, Type::Text | Type::List) => plainly(&whole, allowed),
        _ => allowed.iter().any(|one| same(&whole, one)),
    };
    (!fits).then(|| format!("wanted one of {}", Value::from(allowed.to_vec())))
}

/// Whether a value has a type that it may have; within, whether the possible answers are of another type than the
/// description's. `None` where it has not.
fn typed(value: &Value, allowed: &[Value], expected: Type, inner: Option<Type>) -> Option<bool> {
    let first = allowed.iter().find(|one| one.as_str() != Some(""));
    let possible = first.map(Type::of);
    let otherwise = possible.is_some_and(|possible| possible != expected);
    if Type::of(value) == expected {
        let Some(inner) = inner else {
            return Some(otherwise);
        };
        let each = |one: &Value| match (one, value) {
            (Value::Array(one), Value::Array(values)) => values
                .iter()
                .all(|value| typed(value, one, inner, None).is_some()),
            _ => true,
        };
        return allowed.iter().any(each).then_some(otherwise);
    }
    (possible == Some(Type::of(value))).then_some(true)
}

/// Strings in their plain form, also in lists; all else as it is.
fn plain(value: &Value) -> Value {
    match value {
        Value::String(text) => {
            let kept = text.chars().filter(|c| !" ,./-_*^".contains(*c));
            kept.collect::<String>()
                .to_lowercase()
                .replace('\'', "\"")
                .into()
        }
        Value::Array(values) => values.iter().map(plain).collect(),
        other => other.clone(),
    }
}

fn plainly(value: &Value, allowed: &[Value]) -> bool {
    let value = plain(value);
    allowed.iter().any(|one| same(&value, &plain(one)))
}

fn object(value: &Value, allowed: &[Value]) -> bool {
    let Some(fields) = value.as_object() else {
        return false;
    };
    allowed.iter().filter_map(Value::as_object).any(|possible| {
        let known = fields.iter().all(|(name, value)| {
            let allowed = possible.get(name).and_then(Value::as_array);
            allowed.is_some_and(|allowed| plainly(value, allowed))
        });
        let whole = possible
            .iter()
            .all(|(name, allowed)| fields.contains_key(name) || optional(allowed));
        known && whole
    })
}

/// A list of objects, each in its place.
fn objects(value: &Value, allowed: &[Value]) -> bool {
    let Some(values) = value.as_array() else {
        return false;
    };
    allowed.iter().filter_map(Value::as_array).any(|possible| {
        let each = values.iter().zip(possible);
        values.len() == possible.len()
            && each
                .into_iter()
                .all(|(value, one)| object(value, std::slice::from_ref(one)))
    })
}
