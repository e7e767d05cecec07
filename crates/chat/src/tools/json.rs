//! One JSON object as it comes, byte by byte (RFC 8259): whether it can still become valid, and when it is whole.
//!
//! Stricter than the grammar of the RFC in one point, as readers are: a surrogate escape must be
//! one of a pair. Nothing is stored of the object but how it is nested.

/// Nesting beyond this is an error, as it is for most readers.
const DEEPEST: usize = 120;

/// Where reading stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expect {
    /// The `{` that everything is in.
    Root,
    /// A name or `}`.
    FirstName,
    /// A name, after a comma.
    Name,
    Colon,
    Value,
    /// A value or `]`.
    FirstItem,
    /// `,` or what closes.
    Next,
    /// Inside a string; `name` if it is one.
    Text {
        name: bool,
    },
    /// After `\`.
    Escape {
        name: bool,
    },
    /// In `\uXXXX`: how many digits came, what they say.
    Unicode {
        name: bool,
        digits: u8,
        value: u16,
    },
    /// After a high surrogate: `\`, then `u`.
    Pair {
        name: bool,
        backslash: bool,
    },
    /// Inside `true`, `false` or `null`: what is still to come.
    Word(&'static [u8]),
    Number(Number),
    Whole,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Number {
    Minus,
    Zero,
    Digits,
    Point,
    Fraction,
    Exponent,
    Sign,
    Power,
}

/// What a byte did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// More is to come.
    More,
    /// The object is whole.
    Whole,
    /// No JSON goes on like this.
    Broken,
}

/// A reader of one object.
#[derive(Clone, Debug)]
pub(super) struct Object {
    expect: Expect,
    /// Whether each open bracket is one of an object.
    open: Vec<bool>,
    /// Whether the digits being read are the second of a pair.
    low: bool,
}

impl Object {
    pub(super) fn new() -> Self {
        Object {
            expect: Expect::Root,
            open: Vec::new(),
            low: false,
        }
    }

    /// Whether anything but white space has come.
    pub(super) fn begun(&self) -> bool {
        self.expect != Expect::Root
    }

    pub(super) fn push(&mut self, byte: u8) -> Step {
        match self.next(byte) {
            Some(Expect::Whole) => {
                self.expect = Expect::Whole;
                Step::Whole
            }
            Some(expect) => {
                self.expect = expect;
                Step::More
            }
            None => Step::Broken,
        }
    }

    fn next(&mut self, byte: u8) -> Option<Expect> {
        use Expect::*;
        let space = matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        Some(match self.expect {
            Root | FirstName | Name | Colon | Value | FirstItem | Next if space => self.expect,
            Root if byte == b'{' => self.enter(true)?,
            FirstName | Name if byte == b'"' => Text { name: true },
            FirstName if byte == b'}' => self.leave(true)?,
            Colon if byte == b':' => Value,
            FirstItem if byte == b']' => self.leave(false)?,
            Value | FirstItem => self.value(byte)?,
            Next => self.after(byte)?,
            Text { name } => match byte {
                b'"' if name => Colon,
                b'"' => Next,
                b'\\' => Escape { name },
                0..0x20 => return None,
                _ => Text { name },
            },
            Escape { name } => match byte {
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Text { name },
                b'u' => Unicode {
                    name,
                    digits: 0,
                    value: 0,
                },
                _ => return None,
            },
            Unicode {
                name,
                digits,
                value,
            } => {
                let digit = (byte as char).to_digit(16)? as u16;
                self.unicode(name, digits + 1, value << 4 | digit)?
            }
            Pair {
                name,
                backslash: false,
            } if byte == b'\\' => Pair {
                name,
                backslash: true,
            },
            Pair {
                name,
                backslash: true,
            } if byte == b'u' => {
                self.low = true;
                Unicode {
                    name,
                    digits: 0,
                    value: 0,
                }
            }
            Word([last]) if byte == *last => Next,
            Word([first, rest @ ..]) if byte == *first => Word(rest),
            Number(state) => self.number(state, byte)?,
            _ => return None,
        })
    }

    fn enter(&mut self, object: bool) -> Option<Expect> {
        if self.open.len() == DEEPEST {
            return None;
        }
        self.open.push(object);
        Some(if object {
            Expect::FirstName
        } else {
            Expect::FirstItem
        })
    }

    fn leave(&mut self, object: bool) -> Option<Expect> {
        if self.open.pop()? != object {
            return None;
        }
        Some(if self.open.is_empty() {
            Expect::Whole
        } else {
            Expect::Next
        })
    }

    fn value(&mut self, byte: u8) -> Option<Expect> {
        Some(match byte {
            b'{' => self.enter(true)?,
            b'[' => self.enter(false)?,
            b'"' => Expect::Text { name: false },
            b't' => Expect::Word(b"rue"),
            b'f' => Expect::Word(b"alse"),
            b'n' => Expect::Word(b"ull"),
            b'-' => Expect::Number(Number::Minus),
            b'0' => Expect::Number(Number::Zero),
            b'1'..=b'9' => Expect::Number(Number::Digits),
            _ => return None,
        })
    }

    fn after(&mut self, byte: u8) -> Option<Expect> {
        Some(match byte {
            b',' if *self.open.last()? => Expect::Name,
            b',' => Expect::Value,
            b'}' => self.leave(true)?,
            b']' => self.leave(false)?,
            b' ' | b'\t' | b'\n' | b'\r' => Expect::Next,
            _ => return None,
        })
    }

    fn number(&mut self, state: Number, byte: u8) -> Option<Expect> {
        use Number::*;
        let next = match (state, byte) {
            (Minus, b'0') => Zero,
            (Minus, b'1'..=b'9') | (Digits, b'0'..=b'9') => Digits,
            (Zero | Digits, b'.') => Point,
            (Point | Fraction, b'0'..=b'9') => Fraction,
            (Zero | Digits | Fraction, b'e' | b'E') => Exponent,
            (Exponent, b'+' | b'-') => Sign,
            (Exponent | Sign | Power, b'0'..=b'9') => Power,
            (Zero | Digits | Fraction | Power, _) => return self.after(byte),
            _ => return None,
        };
        Some(Expect::Number(next))
    }

    fn unicode(&mut self, name: bool, digits: u8, value: u16) -> Option<Expect> {
        if digits < 4 {
            return Some(Expect::Unicode {
                name,
                digits,
                value,
            });
        }
        let low = std::mem::take(&mut self.low);
        match (value, low) {
            (0xDC00..0xE000, true) => Some(Expect::Text { name }),
            (_, true) | (0xDC00..0xE000, false) => None,
            (0xD800..0xDC00, false) => Some(Expect::Pair {
                name,
                backslash: false,
            }),
            _ => Some(Expect::Text { name }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    /// How many bytes make a whole object, if they do.
    fn whole(text: &[u8]) -> Result<Option<usize>, usize> {
        let mut object = Object::new();
        for (at, byte) in text.iter().enumerate() {
            match object.push(*byte) {
                Step::More => {}
                Step::Whole => return Ok(Some(at + 1)),
                Step::Broken => return Err(at),
            }
        }
        Ok(None)
    }

    #[test]
    fn objects_are_whole_at_their_last_brace() {
        for text in [
            "{}",
            " {\"a\" : [ ] , \"b\":{\"c\":null}}",
            r#"{"수":-0.5e+10,"글":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00😀","예":[true,false,0,10,[{}]]}"#,
        ] {
            assert_eq!(whole(text.as_bytes()), Ok(Some(text.len())), "{text}");
            assert!(serde_json::from_str::<Value>(text).is_ok());
        }
    }

    #[test]
    fn what_no_object_begins_with_is_broken_at_once() {
        for (text, at) in [
            ("[1]", 0),
            ("{a", 1),
            ("{\"a\":01", 6),
            ("{\"a\":1,}", 7),
            ("{\"a\":[1,]", 8),
            ("{\"a\":tru}", 8),
            ("{\"a\":1.}", 7),
            ("{\"a\":-}", 6),
            ("{\"a\":\"\n", 6),
            ("{\"a\":\"\\x", 7),
            ("{\"a\":\"\\udc00", 11),
            ("{\"a\":\"\\ud800x", 12),
            ("{\"a\":\"\\ud800\\u0041", 17),
            ("{\"a\":[1}", 7),
            ("{\"a\" 1", 5),
        ] {
            assert_eq!(whole(text.as_bytes()), Err(at), "{text}");
        }
        let deep = "{\"a\":".repeat(DEEPEST + 1);
        assert!(whole(deep.as_bytes()).is_err());
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "\\PC{0,6}|[가-힣\"\\\\\n]{0,6}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec(("[a가\"]{0,3}", inner), 0..4)
                    .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn every_object_is_read(a in value(), pretty: bool) {
            let object = serde_json::json!({"값": a});
            let text = if pretty { serde_json::to_string_pretty(&object) } else { serde_json::to_string(&object) }.unwrap();
            prop_assert_eq!(whole(text.as_bytes()), Ok(Some(text.len())));
        }

        #[test]
        fn what_is_whole_is_valid(a in value(), at: prop::sample::Index, with in prop::sample::select(b"{}[]\",:\\u0e-.tnd 1".to_vec()), insert: bool) {
            let mut text = serde_json::json!({"값": a}).to_string().into_bytes();
            let at = at.index(text.len());
            if insert { text.insert(at, with) } else { text[at] = with }
            // A character cut in two is not for this reader: texts are UTF-8 before they come here.
            if std::str::from_utf8(&text).is_ok() {
                match whole(&text) {
                    Ok(Some(length)) => {
                        let read = serde_json::from_slice::<Value>(&text[..length]);
                        // The only thing that is more than grammar: a number too large.
                        prop_assert!(read.is_ok() || read.unwrap_err().to_string().contains("out of range"));
                    }
                    Err(at) => prop_assert!(serde_json::from_slice::<Value>(&text).is_err() || at > text.len()),
                    Ok(None) => prop_assert!(serde_json::from_slice::<Value>(&text).is_err()),
                }
            }
        }
    }
}
