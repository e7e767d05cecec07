//! What a stage takes, for `kanana stages` and for error sentences: its `Inputs` is
//! deserialised from dummies that write down what is asked of them.

use std::cell::RefCell;
use std::fmt;
use std::path::PathBuf;

use serde::de::value::{MapDeserializer, SeqDeserializer, StrDeserializer};
use serde::de::{DeserializeOwned, Deserializer, Error as _, IntoDeserializer, Visitor};
use serde::{Serialize, forward_to_deserialize_any};

use super::InputMistake;
use crate::artifact::Reference;

/// One input that a stage takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InputField {
    /// What the recipe binds it by.
    pub name: String,
    /// The kind of artifact wanted.
    pub kind: String,
    /// Whether it is a list.
    pub many: bool,
    /// Whether it may be left out.
    pub optional: bool,
}

impl fmt::Display for InputField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let many = if self.many { "several " } else { "" };
        let optional = if self.optional { ", optional" } else { "" };
        write!(f, "`{}` ({many}{}{optional})", self.name, self.kind)
    }
}

/// The inputs that a stage takes, from their type alone.
pub(crate) fn describe<I: DeserializeOwned>() -> Vec<InputField> {
    let fields = RefCell::new(Vec::new());
    // A type that is no struct of artifacts describes itself as taking nothing.
    let _ = I::deserialize(Probe {
        fields: &fields,
        leave_out: None,
    });
    let mut fields = fields.into_inner();
    for field in &mut fields {
        field.optional = I::deserialize(Probe {
            fields: &RefCell::new(Vec::new()),
            leave_out: Some(&field.name),
        })
        .is_ok();
    }
    fields
}

/// Feeds a stage's inputs with dummies and writes down what they ask for.
#[derive(Clone, Copy)]
struct Probe<'a> {
    fields: &'a RefCell<Vec<InputField>>,
    leave_out: Option<&'a str>,
}

impl<'de> Deserializer<'de> for Probe<'_> {
    type Error = InputMistake;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, InputMistake> {
        visitor.visit_unit()
    }
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, InputMistake> {
        let given = fields.iter().filter(|name| Some(**name) != self.leave_out);
        visitor.visit_map(MapDeserializer::new(given.map(|name| {
            let field = ProbeField {
                fields: self.fields,
                name,
                many: false,
            };
            (*name, field)
        })))
    }
    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        option unit unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

#[derive(Clone, Copy)]
struct ProbeField<'a> {
    fields: &'a RefCell<Vec<InputField>>,
    name: &'a str,
    many: bool,
}

impl<'de> IntoDeserializer<'de, InputMistake> for ProbeField<'_> {
    type Deserializer = Self;
    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for ProbeField<'_> {
    type Error = InputMistake;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, InputMistake> {
        visitor.visit_unit()
    }
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, InputMistake> {
        visitor.visit_some(self)
    }
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        kind: &'static str,
        visitor: V,
    ) -> Result<V::Value, InputMistake> {
        self.fields.borrow_mut().push(InputField {
            name: self.name.to_string(),
            kind: kind.to_string(),
            many: self.many,
            optional: false,
        });
        let dummy = Reference {
            name: String::new(),
            key: String::new(),
            kind: kind.to_string(),
            also: vec![],
            expected: vec![],
            path: PathBuf::new(),
            record: PathBuf::new(),
        };
        let text = serde_json::to_string(&dummy).map_err(InputMistake::custom)?;
        StrDeserializer::new(&text).deserialize_str(visitor)
    }
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, InputMistake> {
        let one = ProbeField { many: true, ..self };
        visitor.visit_seq(SeqDeserializer::new(std::iter::once(one)))
    }
    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit unit_struct tuple tuple_struct map struct enum identifier ignored_any
    }
}
