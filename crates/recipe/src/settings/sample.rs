//! The settings of a stage and their defaults, from its type alone.
//!
//! An empty table is deserialised; whatever is then missed is given a sample of the type
//! asked for, until nothing is missed. What was given is required, the rest is default.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;

use serde::de::value::MapDeserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, VariantAccess,
    Visitor,
};
use serde::{Serialize, forward_to_deserialize_any};
use serde_json::Value;

use super::{Setting, resolve};

type Path = Vec<&'static str>;

/// The settings of `S`, or the names of its fields alone where its type cannot be
/// sampled (one that looks at what it is given before it chooses).
pub(crate) fn describe<S: DeserializeOwned + Serialize>() -> Vec<Setting> {
    let given = RefCell::new(BTreeSet::new());
    let fields = RefCell::new(Vec::new());
    // A type misses one field at a time.
    for _ in 0..256 {
        let sample = Sample {
            given: &given,
            fields: &fields,
            path: vec![],
        };
        match S::deserialize(sample) {
            Ok(stage) => match resolve(&stage) {
                Ok(value) => {
                    let mut settings = Vec::new();
                    flatten(&value, "", &given.borrow(), &mut settings);
                    return settings;
                }
                Err(_) => break,
            },
            Err(Missed(Some(path))) if given.borrow_mut().insert(path.clone()) => {}
            Err(_) => break,
        }
    }
    let fields = fields.into_inner();
    let names = fields.iter().map(|name| Setting {
        name: name.to_string(),
        required: given.borrow().contains(&vec![*name]),
        default: Value::Null,
    });
    names.collect()
}

fn flatten(value: &Value, prefix: &str, given: &BTreeSet<Path>, settings: &mut Vec<Setting>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (name, value) in fields {
                let path = match prefix {
                    "" => name.clone(),
                    prefix => format!("{prefix}.{name}"),
                };
                flatten(value, &path, given, settings);
            }
        }
        _ if prefix.is_empty() => {}
        leaf => settings.push(Setting {
            name: prefix.to_string(),
            required: given.iter().any(|path| path.join(".") == prefix),
            default: leaf.clone(),
        }),
    }
}

/// The only error that matters: which field was missed.
#[derive(Debug)]
struct Missed(Option<Path>);

impl fmt::Display for Missed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the settings cannot be described")
    }
}

impl std::error::Error for Missed {}

impl serde::de::Error for Missed {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Missed(None)
    }
    fn missing_field(field: &'static str) -> Self {
        Missed(Some(vec![field]))
    }
}

#[derive(Clone)]
struct Sample<'a> {
    given: &'a RefCell<BTreeSet<Path>>,
    /// The fields of the outermost struct.
    fields: &'a RefCell<Vec<&'static str>>,
    path: Path,
}

impl<'a> Sample<'a> {
    fn below(&self, field: &'static str) -> Sample<'a> {
        let mut below = self.clone();
        below.path.push(field);
        below
    }
}

macro_rules! answer {
    ($($method:ident $visit:ident $value:expr;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Missed> {
            visitor.$visit($value)
        }
    )*};
}

impl<'de> Deserializer<'de> for Sample<'_> {
    type Error = Missed;

    answer! {
        deserialize_bool visit_bool false;
        deserialize_i8 visit_i8 1;
        deserialize_i16 visit_i16 1;
        deserialize_i32 visit_i32 1;
        deserialize_i64 visit_i64 1;
        deserialize_i128 visit_i128 1;
        deserialize_u8 visit_u8 1;
        deserialize_u16 visit_u16 1;
        deserialize_u32 visit_u32 1;
        deserialize_u64 visit_u64 1;
        deserialize_u128 visit_u128 1;
        deserialize_f32 visit_f32 1.0;
        deserialize_f64 visit_f64 1.0;
        deserialize_char visit_char 'x';
        deserialize_str visit_str "";
        deserialize_string visit_str "";
        deserialize_identifier visit_str "";
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Missed> {
        Err(Missed(None))
    }
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Missed> {
        visitor.visit_none()
    }
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Missed> {
        visitor.visit_newtype_struct(self)
    }
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Missed> {
        visitor.visit_seq(serde::de::value::SeqDeserializer::new(std::iter::empty::<
            Sample,
        >()))
    }
    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Missed> {
        visitor.visit_map(MapDeserializer::new(std::iter::empty::<(&str, Sample)>()))
    }
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Missed> {
        if self.path.is_empty() {
            *self.fields.borrow_mut() = fields.to_vec();
        }
        let given = self.given.borrow();
        let samples: Vec<_> = fields
            .iter()
            .map(|field| (*field, self.below(field)))
            .filter(|(_, sample)| given.contains(&sample.path))
            .collect();
        drop(given);
        let depth = self.path.len();
        visitor
            .visit_map(MapDeserializer::new(samples.into_iter()))
            .map_err(|missed| match missed {
                // Named by its field alone until the first struct around it adds its path.
                Missed(Some(field)) if field.len() == 1 && depth > 0 => {
                    Missed(Some([self.path.clone(), field].concat()))
                }
                missed => missed,
            })
    }
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Missed> {
        let Some(variant) = variants.first() else {
            return Err(Missed(None));
        };
        visitor.visit_enum(Variant {
            name: variant,
            sample: self,
        })
    }
    forward_to_deserialize_any! { bytes byte_buf unit unit_struct tuple tuple_struct ignored_any }
}

impl<'de> IntoDeserializer<'de, Missed> for Sample<'_> {
    type Deserializer = Self;
    fn into_deserializer(self) -> Self {
        self
    }
}

/// The first variant stands for the rest.
struct Variant<'a> {
    name: &'static str,
    sample: Sample<'a>,
}

impl<'de> EnumAccess<'de> for Variant<'_> {
    type Error = Missed;
    type Variant = Self;
    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Self), Missed> {
        let name: serde::de::value::StrDeserializer<'_, Missed> = self.name.into_deserializer();
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_> {
    type Error = Missed;
    fn unit_variant(self) -> Result<(), Missed> {
        Ok(())
    }
    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Missed> {
        seed.deserialize(self.sample.below(self.name))
    }
    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Missed> {
        Err(Missed(None))
    }
    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Missed> {
        self.sample
            .below(self.name)
            .deserialize_struct(self.name, fields, visitor)
    }
}
