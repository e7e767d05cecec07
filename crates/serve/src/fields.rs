//! The fields of a request, taken one by one, so that what is left over is an error with a name.
//!
//! As OpenAI does, a field that nobody knows is refused ("did you misspell it?") rather than ignored:
//! a misspelt `temprature` is found at once. Fields that OpenAI knows and that mean nothing here are
//! accepted; null is the same as absent.

use crate::refusal::Refusal;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::ops::RangeInclusive;

/// What OpenAI's clients may send and this server has no use for.
const WITHOUT_MEANING: [&str; 10] = [
    "metadata",
    "prompt_cache_key",
    "prompt_cache_retention",
    "reasoning_effort",
    "safety_identifier",
    "service_tier",
    "store",
    "user",
    "verbosity",
    "prediction",
];

/// Fields that have not been taken yet.
pub(crate) struct Fields(Map<String, Value>);

impl Fields {
    /// A body that should be a JSON object.
    pub(crate) fn read(body: &[u8]) -> Result<Self, Refusal> {
        match serde_json::from_slice(body) {
            Ok(Value::Object(fields)) => Ok(Fields(fields)),
            Ok(_) => Err(Refusal::bad(
                "the request is JSON, but no object; wanted {…}",
            )),
            Err(error) => Err(Refusal::bad(format!("the request is no JSON: {error}"))),
        }
    }

    /// A field as it is.
    pub(crate) fn value(&mut self, name: &str) -> Option<Value> {
        self.0.shift_remove(name).filter(|value| !value.is_null())
    }

    /// A field of a type; `wanted` says which, for the error.
    pub(crate) fn take<T: DeserializeOwned>(
        &mut self,
        name: &str,
        wanted: &str,
    ) -> Result<Option<T>, Refusal> {
        let Some(value) = self.value(name) else {
            return Ok(None);
        };
        let shown = shortened(&value);
        match serde_json::from_value(value) {
            Ok(value) => Ok(Some(value)),
            Err(_) => Err(Refusal::field(
                name,
                format!("{name} is {shown}; wanted {wanted}"),
            )),
        }
    }

    /// A field whose type has sentences of its own for what is wrong.
    pub(crate) fn said<T: DeserializeOwned>(&mut self, name: &str) -> Result<Option<T>, Refusal> {
        let Some(value) = self.value(name) else {
            return Ok(None);
        };
        serde_json::from_value(value)
            .map(Some)
            .map_err(|error| Refusal::field(name, format!("{name}: {error}")))
    }

    /// A number within a range.
    pub(crate) fn number(
        &mut self,
        name: &str,
        range: RangeInclusive<f32>,
    ) -> Result<Option<f32>, Refusal> {
        let (low, high) = (range.start(), range.end());
        let wanted = format!("a number from {low} to {high}");
        match self.take::<f64>(name, &wanted)? {
            Some(number) if !range.contains(&(number as f32)) => Err(Refusal::field(
                name,
                format!("{name} is {number}; wanted {wanted}"),
            )),
            number => Ok(number.map(|number| number as f32)),
        }
    }

    /// A count of at least `least`. However large: what is too much is for the caller to say.
    pub(crate) fn count(&mut self, name: &str, least: usize) -> Result<Option<usize>, Refusal> {
        let wanted = format!("a whole number of at least {least}");
        let Some(value) = self.value(name) else {
            return Ok(None);
        };
        let read = match &value {
            // Beyond 64 bits, or written with an exponent: as good as endless.
            Value::Number(number) => match (number.as_u64(), number.as_f64()) {
                (Some(count), _) => usize::try_from(count).ok(),
                (None, Some(huge)) if huge >= u64::MAX as f64 => Some(usize::MAX),
                (None, Some(whole)) if whole >= 0.0 && whole.fract() == 0.0 => Some(whole as usize),
                _ => None,
            },
            _ => None,
        };
        match read.filter(|count| *count >= least) {
            Some(count) => Ok(Some(count)),
            None => Err(Refusal::field(
                name,
                format!("{name} is {}; wanted {wanted}", shortened(&value)),
            )),
        }
    }

    /// A truth, false where nothing is said.
    pub(crate) fn flag(&mut self, name: &str) -> Result<bool, Refusal> {
        Ok(self.take(name, "true or false")?.unwrap_or(false))
    }

    /// Nothing may be left.
    pub(crate) fn finish(mut self) -> Result<(), Refusal> {
        for name in WITHOUT_MEANING {
            self.0.shift_remove(name);
        }
        // A field with null says nothing, whatever it is called.
        match self.0.iter().find(|(_, value)| !value.is_null()) {
            None => Ok(()),
            Some((name, _)) => {
                let shown: String = name.chars().take(80).collect();
                Err(Refusal::field(
                    &shown,
                    format!(
                        "nothing here is called {shown:?}; leave it out, or look whether it is misspelt"
                    ),
                ))
            }
        }
    }
}

/// A value short enough for a sentence.
fn shortened(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(60) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(text: &str) -> Fields {
        Fields::read(text.as_bytes()).unwrap_or_else(|refusal| panic!("{refusal:?}"))
    }

    fn message(refusal: Refusal) -> String {
        refusal.json()["error"]["message"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    #[test]
    fn bodies_that_are_no_objects_are_refused() {
        for (body, sentence) in [
            ("", "no JSON"),
            ("{", "no JSON"),
            ("[1]", "no object"),
            ("\u{feff}{}", "no JSON"),
            ("{\"a\":1}x", "no JSON"),
        ] {
            assert!(
                message(Fields::read(body.as_bytes()).err().unwrap()).contains(sentence),
                "{body}"
            );
        }
        assert!(Fields::read(b"{\"a\":\"\xff\"}").is_err());
        let deep = "[".repeat(100_000);
        assert!(Fields::read(deep.as_bytes()).is_err());
    }

    #[test]
    fn numbers_have_ranges_and_counts_may_be_enormous() {
        let text = r#"{"t": 0.5, "hot": 3, "word": "x", "n": -1, "m": 1e300, "k": 99999999999999999999999, "h": 1.5, "z": null}"#;
        let mut all = fields(text);
        assert_eq!(all.number("t", 0.0..=2.0).unwrap(), Some(0.5));
        assert!(
            message(all.number("hot", 0.0..=2.0).unwrap_err())
                .contains("hot is 3; wanted a number from 0 to 2")
        );
        assert!(
            message(all.number("word", 0.0..=2.0).unwrap_err())
                .contains("word is \"x\"; wanted a number")
        );
        assert!(
            message(all.count("n", 0).unwrap_err())
                .contains("n is -1; wanted a whole number of at least 0")
        );
        assert_eq!(all.count("m", 1).unwrap(), Some(usize::MAX));
        assert_eq!(all.count("k", 1).unwrap(), Some(usize::MAX));
        assert!(all.count("h", 1).is_err());
        assert_eq!(all.count("z", 1).unwrap(), None);
        assert!(all.finish().is_ok());
    }

    #[test]
    fn what_nobody_knows_is_refused_by_name() {
        let refusal = fields(r#"{"user": "u", "store": true, "temprature": 1}"#)
            .finish()
            .unwrap_err();
        assert_eq!(refusal.json()["error"]["param"], "temprature");
        assert!(
            fields(r#"{"user": "u", "functions": null}"#)
                .finish()
                .is_ok()
        );
    }
}
