//! Jinja as `transformers` sets it up: Python's JSON, Python's methods, no escaping, blocks trimmed.
//!
//! `tojson` is `json.dumps(x, ensure_ascii=False)` with its spaces after `,` and `:`; tests for
//! sequences and iterables answer as in Python, where a string is both.

use super::Clock;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, State, Value as Jinja};
use serde_json::{Map, Value};
use std::fmt::Write as _;

/// Begins the detail of an error that the template raised itself.
pub(super) const RAISED: &str = "raised: ";

/// An environment without a template.
pub(super) fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    let syntax = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .build();
    environment.set_syntax(syntax.expect("the usual delimiters"));
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    environment.set_formatter(|out, state, value| {
        // A list that holds another twice, which holds another twice, prints without end.
        if matches!(value.kind(), ValueKind::Seq | ValueKind::Map) {
            plain(value, state, 0)?;
        }
        minijinja::escape_formatter(out, state, value)
    });
    environment.add_filter("tojson", to_json);
    environment.add_function("raise_exception", |message: String| {
        Err::<Jinja, _>(Error::new(
            ErrorKind::InvalidOperation,
            format!("{RAISED}{message}"),
        ))
    });
    environment.add_test("iterable", |value: &Jinja| {
        use ValueKind::{None, String, Undefined};
        match value.kind() {
            String | Undefined => true,
            // Here one may iterate over none, in Python not.
            None => false,
            _ => value.try_iter().is_ok(),
        }
    });
    environment.add_test("sequence", |value: &Jinja| {
        use ValueKind::{Map, Seq, String, Undefined};
        matches!(value.kind(), String | Seq | Map | Undefined)
    });
    environment
}

/// Adds `strftime_now`.
pub(super) fn lend_clock(environment: &mut Environment<'static>, clock: Clock) {
    environment.add_function("strftime_now", move |format: String| {
        jiff::fmt::strtime::format(&format, clock())
            .map_err(|error| Error::new(ErrorKind::InvalidOperation, error.to_string()))
    });
}

/// `{% generation %}` marks what an assistant wrote; for the text it means nothing.
pub(super) fn without_generation(source: &str) -> String {
    let mut text = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(at) = rest.find("{%") {
        let Some(length) = rest[at..].find("%}") else {
            break;
        };
        let tag = &rest[at + 2..at + length];
        let left = if tag.starts_with(['-', '+']) {
            &tag[..1]
        } else {
            ""
        };
        let right = if tag.ends_with(['-', '+']) {
            &tag[tag.len() - 1..]
        } else {
            ""
        };
        text.push_str(&rest[..at]);
        match tag.trim_matches(['-', '+']).trim() {
            "generation" => {
                let _ = write!(text, "{{%{left} if true {right}%}}");
            }
            "endgeneration" => {
                let _ = write!(text, "{{%{left} endif {right}%}}");
            }
            _ => text.push_str(&rest[at..at + length + 2]),
        }
        rest = &rest[at + length + 2..];
    }
    text + rest
}

fn invalid(what: &str) -> Error {
    Error::new(ErrorKind::InvalidOperation, what.to_owned())
}

/// A value as JSON, each thing in it paid for: a thing that occurs twice is paid for twice.
fn plain(value: &Jinja, state: &State, depth: usize) -> Result<Value, Error> {
    const DEEPEST: usize = 128;
    state.consume_fuel(1)?;
    if depth > DEEPEST {
        return Err(invalid("a value is nested too deeply for JSON"));
    }
    Ok(match value.kind() {
        ValueKind::None => Value::Null,
        ValueKind::Bool => Value::Bool(value.is_true()),
        ValueKind::Number => {
            serde_json::to_value(value).map_err(|error| invalid(&error.to_string()))?
        }
        ValueKind::String => Value::String(value.as_str().unwrap_or_default().to_owned()),
        ValueKind::Map => {
            let mut map = Map::new();
            for name in value.try_iter()? {
                let item = value.get_item(&name)?;
                map.insert(name.to_string(), plain(&item, state, depth + 1)?);
            }
            Value::Object(map)
        }
        ValueKind::Seq | ValueKind::Iterable => {
            let items = value.try_iter()?.map(|item| plain(&item, state, depth + 1));
            Value::Array(items.collect::<Result<_, _>>()?)
        }
        ValueKind::Undefined => return Err(invalid("a value that is not defined has no JSON")),
        other => return Err(invalid(&format!("a {other} has no JSON"))),
    })
}

fn to_json(state: &State, value: Jinja, options: Kwargs) -> Result<String, Error> {
    let indent: Option<Jinja> = options.get("indent")?;
    let indent = match indent {
        Some(indent) if indent.is_none() => None,
        Some(indent) => match (indent.as_str(), indent.as_usize()) {
            (Some(text), _) => Some(text.to_owned()),
            (None, Some(spaces)) if spaces <= 64 => Some(" ".repeat(spaces)),
            _ => {
                return Err(invalid(
                    "indent of tojson is neither a text nor a small number",
                ));
            }
        },
        None => None,
    };
    let separators: Option<Vec<String>> = options.get("separators")?;
    let (between, colon) = match separators.as_deref() {
        Some([between, colon]) => (between.clone(), colon.clone()),
        Some(_) => return Err(invalid("separators of tojson are not two")),
        None if indent.is_some() => (",".to_owned(), ": ".to_owned()),
        None => (", ".to_owned(), ": ".to_owned()),
    };
    let writer = Json {
        indent,
        between,
        colon,
        ascii: options
            .get::<Option<bool>>("ensure_ascii")?
            .unwrap_or(false),
        sorted: options.get::<Option<bool>>("sort_keys")?.unwrap_or(false),
    };
    options.assert_all_used()?;
    let value = plain(&value, state, 0)?;
    let mut text = String::new();
    writer.write(&value, 0, &mut text);
    Ok(text)
}

/// `json.dumps` with its options.
struct Json {
    indent: Option<String>,
    between: String,
    colon: String,
    ascii: bool,
    sorted: bool,
}

impl Json {
    fn write(&self, value: &Value, depth: usize, text: &mut String) {
        match value {
            Value::Array(items) => {
                let one = |item: &Value, text: &mut String| self.write(item, depth + 1, text);
                self.list(['[', ']'], items.iter(), depth, text, one);
            }
            Value::Object(map) => {
                let mut pairs: Vec<_> = map.iter().collect();
                if self.sorted {
                    pairs.sort_by(|a, b| a.0.cmp(b.0));
                }
                let one = |(name, item): (&String, &Value), text: &mut String| {
                    self.string(name, text);
                    text.push_str(&self.colon);
                    self.write(item, depth + 1, text);
                };
                self.list(['{', '}'], pairs.into_iter(), depth, text, one);
            }
            Value::String(string) => self.string(string, text),
            Value::Number(number) if number.is_f64() => {
                text.push_str(&float(number.as_f64().expect("asked")));
            }
            other => text.push_str(&other.to_string()),
        }
    }

    fn list<T>(
        &self,
        [open, close]: [char; 2],
        items: impl ExactSizeIterator<Item = T>,
        depth: usize,
        text: &mut String,
        one: impl Fn(T, &mut String),
    ) {
        text.push(open);
        let any = items.len() > 0;
        for (i, item) in items.enumerate() {
            if i > 0 {
                text.push_str(&self.between);
            }
            self.line(depth + 1, text);
            one(item, text);
        }
        if any {
            self.line(depth, text);
        }
        text.push(close);
    }

    fn line(&self, depth: usize, text: &mut String) {
        if let Some(indent) = &self.indent {
            text.push('\n');
            text.push_str(&indent.repeat(depth));
        }
    }

    fn string(&self, string: &str, text: &mut String) {
        let quoted = Value::String(string.to_owned()).to_string();
        if !self.ascii {
            return text.push_str(&quoted);
        }
        for c in quoted.chars() {
            if c.is_ascii() {
                text.push(c);
            } else {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(text, "\\u{unit:04x}");
                }
            }
        }
    }
}

/// `repr` of a Python float: the shortest digits, an exponent below 1e-4 and from 1e16.
fn float(number: f64) -> String {
    let scientific = format!("{number:e}");
    let (digits, exponent) = scientific.split_once('e').expect("an exponent");
    let exponent: i32 = exponent.parse().expect("a number");
    if (-4..16).contains(&exponent) {
        let text = number.to_string();
        return if text.contains('.') {
            text
        } else {
            text + ".0"
        };
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_written_as_python_writes_them() {
        for (number, text) in [
            (1.0, "1.0"),
            (0.1, "0.1"),
            (-2.5, "-2.5"),
            (1e-4, "0.0001"),
            (1.5e-5, "1.5e-05"),
            (1e16, "1e+16"),
            (123456789012345.6, "123456789012345.6"),
            (1e300, "1e+300"),
        ] {
            assert_eq!(float(number), text);
        }
    }

    #[test]
    fn generation_is_no_more_than_its_text() {
        for (source, expected) in [
            (
                "a{% generation %}b{% endgeneration %}c",
                "a{% if true %}b{% endif %}c",
            ),
            (
                "{%- generation -%}b{%- endgeneration %}",
                "{%- if true -%}b{%- endif %}",
            ),
            ("{% if x %}한{% endif %}{% ", "{% if x %}한{% endif %}{% "),
        ] {
            assert_eq!(without_generation(source), expected);
        }
    }
}
