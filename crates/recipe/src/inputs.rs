//! From the names in a recipe to the struct of artifacts that a stage asked for.
//!
//! Serde is the type checker: a stage's `Inputs` is deserialised from the bindings, and
//! this deserializer knows the field's name, whether one or several are wanted, and the
//! kind.

mod describe;

use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{DeserializeOwned, Deserializer, Error as _, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

use crate::artifact::Reference;
use crate::suggest::{did_you_mean, list};

pub use describe::InputField;
pub(crate) use describe::describe;

/// What a recipe bound to one name: `"a"` or `["a", "b"]`.
#[derive(Clone, Debug)]
pub(crate) enum Bound {
    One(Reference),
    Many(Vec<Reference>),
}

impl Bound {
    pub(crate) fn references(&self) -> &[Reference] {
        match self {
            Bound::One(one) => std::slice::from_ref(one),
            Bound::Many(many) => many,
        }
    }
}

/// Makes a stage's inputs of what is bound, or says in which binding the mistake lies.
pub(crate) fn bind<I: DeserializeOwned>(
    bound: &BTreeMap<String, Bound>,
) -> Result<I, InputMistake> {
    I::deserialize(Whole { bound }).map_err(|mut mistake| {
        if mistake.list_wanted {
            let fields = describe::<I>();
            let wanted = fields.iter().map(InputField::to_string);
            mistake.message += &match fields.is_empty() {
                true => ": this stage takes no inputs".to_string(),
                false => format!("; this stage takes {}", list(wanted)),
            };
        }
        mistake
    })
}

/// What is wrong with the inputs of a step, and below which binding.
#[derive(Debug)]
pub(crate) struct InputMistake {
    pub(crate) binding: Option<(String, Option<usize>)>,
    pub(crate) message: String,
    list_wanted: bool,
}

impl InputMistake {
    fn at(name: &str, index: Option<usize>, message: String) -> Self {
        Self {
            binding: Some((name.to_string(), index)),
            message,
            list_wanted: false,
        }
    }
}

impl fmt::Display for InputMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for InputMistake {}

impl serde::de::Error for InputMistake {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self {
            binding: None,
            message: message.to_string(),
            list_wanted: false,
        }
    }
    fn missing_field(field: &'static str) -> Self {
        Self {
            list_wanted: true,
            ..Self::custom(format!("nothing is bound to `{field}`"))
        }
    }
}

/// All bindings of a step.
#[derive(Clone, Copy)]
struct Whole<'a> {
    bound: &'a BTreeMap<String, Bound>,
}

impl<'a> Whole<'a> {
    fn map<'de>(
        self,
    ) -> MapDeserializer<'de, impl Iterator<Item = (&'a str, One<'a>)>, InputMistake> {
        MapDeserializer::new(self.bound.iter().map(|(name, bound)| {
            let one = One {
                name,
                index: None,
                bound: bound.into(),
            };
            (name.as_str(), one)
        }))
    }

    fn none_left(self, wanted: &[&str]) -> Result<(), InputMistake> {
        match self
            .bound
            .keys()
            .find(|name| !wanted.contains(&name.as_str()))
        {
            None => Ok(()),
            Some(name) => Err(InputMistake {
                list_wanted: true,
                ..InputMistake::at(
                    name,
                    None,
                    format!(
                        "unknown input{}",
                        did_you_mean(name, wanted.iter().copied())
                    ),
                )
            }),
        }
    }
}

impl<'de> Deserializer<'de> for Whole<'_> {
    type Error = InputMistake;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, InputMistake> {
        visitor.visit_map(self.map())
    }
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, InputMistake> {
        self.none_left(fields)?;
        visitor.visit_map(self.map())
    }
    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, InputMistake> {
        self.none_left(&[])?;
        visitor.visit_unit()
    }
    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, InputMistake> {
        self.deserialize_unit(visitor)
    }
    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        option newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

/// One binding, or one element of a list of them.
#[derive(Clone, Copy)]
struct One<'a> {
    name: &'a str,
    index: Option<usize>,
    bound: BoundRef<'a>,
}

#[derive(Clone, Copy)]
enum BoundRef<'a> {
    One(&'a Reference),
    Many(&'a [Reference]),
}

impl<'a> From<&'a Bound> for BoundRef<'a> {
    fn from(bound: &'a Bound) -> Self {
        match bound {
            Bound::One(one) => BoundRef::One(one),
            Bound::Many(many) => BoundRef::Many(many),
        }
    }
}

impl One<'_> {
    fn mistake(&self, message: String) -> InputMistake {
        InputMistake::at(self.name, self.index, message)
    }
}

impl<'de> IntoDeserializer<'de, InputMistake> for One<'_> {
    type Deserializer = Self;
    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for One<'_> {
    type Error = InputMistake;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, InputMistake> {
        Err(self.mistake(
            "a stage may ask for artifacts here, nothing else (a bug of the stage)".into(),
        ))
    }
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, InputMistake> {
        visitor.visit_some(self)
    }
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        kind: &'static str,
        visitor: V,
    ) -> Result<V::Value, InputMistake> {
        match self.bound {
            BoundRef::One(reference) if reference.is(kind) => {
                let text = serde_json::to_string(reference).map_err(InputMistake::custom)?;
                visitor.visit_str(&text)
            }
            BoundRef::One(Reference { name, kind: found, .. }) => Err(self.mistake(format!(
                "wanted an artifact of kind `{kind}`, but \"{name}\" is of kind `{found}`"
            ))),
            BoundRef::Many(many) => Err(self.mistake(format!(
                "wanted one artifact of kind `{kind}`, but found a list of {}: write one name, without brackets",
                many.len()
            ))),
        }
    }
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, InputMistake> {
        match self.bound {
            BoundRef::Many(many) => visitor.visit_seq(SeqDeserializer::new(
                many.iter().enumerate().map(|(index, reference)| One {
                    name: self.name,
                    index: Some(index),
                    bound: BoundRef::One(reference),
                }),
            )),
            BoundRef::One(one) => Err(self.mistake(format!(
                "wanted a list of artifacts, but found one: write [\"{}\"]",
                one.name
            ))),
        }
    }
    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit unit_struct tuple tuple_struct map struct enum identifier ignored_any
    }
}
