//! Whether a function was called as it should have been, by rule.
//!
//! FunctionChat-Bench's exact match: the right name; no argument that the right call has not; every argument
//! equal, strings without spaces and case, or equal to an acceptable one. Numbers are equal by value, as in
//! Python (`175` and `175.0`). Where several calls are right, each has to be made, in any order, and no other.
//! It differs in one thing: an acceptable argument that is a number is accepted too, where the original looks
//! at lists and strings alone.

use chat::{Function, ToolCall};
use serde_json::{Map, Value};

/// The call or calls that are right.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Right {
    pub(super) calls: Vec<Function>,
    /// Argument → what else is accepted.
    pub(super) acceptable: Map<String, Value>,
}

impl Right {
    /// Why what was called is not right; `None` where it is.
    pub(super) fn wrong(&self, called: &[ToolCall]) -> Option<String> {
        let Some(first) = called.first() else {
            return Some("no function was called".to_owned());
        };
        if let [right] = &self.calls[..] {
            // The original looks at the first call alone.
            return self.differs(right, &first.function);
        }
        if called.len() != self.calls.len() {
            return Some(format!("{} calls for {}", called.len(), self.calls.len()));
        }
        let mut left: Vec<&Function> = called.iter().map(|call| &call.function).collect();
        for right in &self.calls {
            let same = |call: &&Function| self.differs(right, call).is_none();
            match left.iter().position(same) {
                Some(at) => drop(left.swap_remove(at)),
                None => return Some(format!("no call is {} {}", right.name, right.arguments)),
            }
        }
        None
    }

    fn differs(&self, right: &Function, called: &Function) -> Option<String> {
        if right.name != called.name {
            return Some(format!("{} was called, not {}", called.name, right.name));
        }
        if right.arguments == called.arguments {
            return None;
        }
        let Ok(wanted) = serde_json::from_str::<Map<String, Value>>(&right.arguments) else {
            return Some("the right arguments are no JSON object".to_owned());
        };
        let Ok(found) = serde_json::from_str::<Map<String, Value>>(&called.arguments) else {
            return Some("the arguments are no JSON object".to_owned());
        };
        if let Some(name) = found.keys().find(|name| !wanted.contains_key(*name)) {
            return Some(format!("{name} is no argument of the right call"));
        }
        let wrong = |(name, value): &(&String, &Value)| {
            let given = found.get(*name).unwrap_or(&Value::Null);
            (found.get(*name).is_none() && !value.is_null())
                || (!equal(given, value) && !self.accepts(name, given))
        };
        let (name, value) = wanted.iter().find(wrong)?;
        Some(match found.get(name) {
            Some(given) => format!("{name} is {given}, not {value}"),
            None => format!("{name} is missing"),
        })
    }

    fn accepts(&self, name: &str, given: &Value) -> bool {
        match self.acceptable.get(name) {
            Some(Value::Array(values)) => values.iter().any(|value| equal(given, value)),
            Some(value) => equal(given, value),
            None => false,
        }
    }
}

/// What else is accepted, from the file: JSON in a string, an object, or a sentence that accepts nothing more.
pub(super) fn acceptable(from: &Value) -> Map<String, Value> {
    match from {
        Value::Object(names) => names.clone(),
        Value::String(text) => serde_json::from_str(text).unwrap_or_default(),
        _ => Map::new(),
    }
}

/// Strings without spaces and case; numbers by value.
fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::String(a), Value::String(b)) => {
            let plain = |text: &str| text.replace(' ', "").to_lowercase();
            plain(a) == plain(b)
        }
        _ => same(a, b),
    }
}

/// Equal values of JSON; numbers by value.
pub(crate) fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            let found = |(name, a): (&String, &Value)| b.get(name).is_some_and(|b| same(a, b));
            a.len() == b.len() && a.iter().all(found)
        }
        _ => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn function(name: &str, arguments: &Value) -> Function {
        Function {
            name: name.to_owned(),
            arguments: arguments.to_string(),
        }
    }

    fn call(name: &str, arguments: &Value) -> ToolCall {
        ToolCall {
            id: String::new(),
            kind: "function".to_owned(),
            function: function(name, arguments),
        }
    }

    fn right(arguments: &Value, acceptable: Value) -> Right {
        Right {
            calls: vec![function("informWeather", arguments)],
            acceptable: super::acceptable(&acceptable),
        }
    }

    #[test]
    fn spaces_case_and_acceptable_values_do_not_matter() {
        let right = right(
            &json!({"location": "제주도 서귀포시", "days": 3}),
            json!("{\"location\":[\"서귀포\", \"Jeju, Seogwipo\"], \"days\": 4}"),
        );
        for arguments in [
            json!({"location": "제주도서귀포시", "days": 3}),
            json!({"days": 3.0, "location": "서귀포"}),
            json!({"location": "jeju,seogwipo", "days": 4}),
        ] {
            assert_eq!(
                right.wrong(&[call("informWeather", &arguments)]),
                None,
                "{arguments}"
            );
        }
        for (arguments, why) in [
            (
                json!({"location": "제주", "days": 3}),
                "location is \"제주\"",
            ),
            (json!({"location": "서귀포"}), "days is missing"),
            (json!({"location": "서귀포", "days": "3"}), "days is \"3\""),
            (
                json!({"location": "서귀포", "days": 3, "unit": "C"}),
                "unit is no argument",
            ),
            (json!("서귀포"), "no JSON object"),
        ] {
            let wrong = right.wrong(&[call("informWeather", &arguments)]).unwrap();
            assert!(wrong.contains(why), "{wrong}");
        }
        assert!(
            right
                .wrong(&[call("weather", &json!({}))])
                .unwrap()
                .contains("not informWeather")
        );
        assert!(right.wrong(&[]).unwrap().contains("no function"));
    }

    #[test]
    fn only_null_may_be_left_out() {
        let accepting = json!({"days": [null, 3]});
        let optional = right(&json!({"location": "서귀포", "unit": null}), json!({}));
        let needed = right(&json!({"location": "서귀포", "days": 3}), accepting);
        let called = [call("informWeather", &json!({"location": "서귀포"}))];
        assert_eq!(optional.wrong(&called), None);
        assert_eq!(needed.wrong(&called).unwrap(), "days is missing");
        let said = json!({"location": "서귀포", "days": null});
        assert_eq!(needed.wrong(&[call("informWeather", &said)]), None);
    }

    #[test]
    fn a_sentence_accepts_nothing_more() {
        let right = right(
            &json!({"name": "김예린"}),
            json!("Only ground truth is allowed."),
        );
        assert!(right.acceptable.is_empty());
        assert!(
            right
                .wrong(&[call("informWeather", &json!({"name": "예린"}))])
                .is_some()
        );
    }

    #[test]
    fn several_calls_are_made_in_any_order() {
        let right = Right {
            calls: vec![
                function("a", &json!({"x": 1})),
                function("b", &json!({"y": [1, "나"]})),
            ],
            acceptable: Map::new(),
        };
        let (a, b) = (
            call("a", &json!({"x": 1.0})),
            call("b", &json!({"y": [1.0, "나"]})),
        );
        assert_eq!(right.wrong(&[b.clone(), a.clone()]), None);
        assert!(
            right
                .wrong(std::slice::from_ref(&a))
                .unwrap()
                .contains("1 calls for 2")
        );
        assert!(
            right
                .wrong(&[a.clone(), a])
                .unwrap()
                .contains("no call is b")
        );
        let _ = b;
    }
}
