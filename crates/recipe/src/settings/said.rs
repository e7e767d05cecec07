//! The settings of a stage as its type says them: names, meanings, defaults, choices.
//!
//! All of it stands in the JSON schema of the type, whose descriptions are the doc comments of the fields.

use schemars::{JsonSchema, schema_for};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Number, Value};

use super::{Setting, resolve};

/// Tables lie no deeper in one another.
const DEEPEST: usize = 8;

/// Every setting of `S`, in the order of its fields, what holds others before these.
pub(crate) fn describe<S: JsonSchema + Serialize + DeserializeOwned>() -> Vec<Setting> {
    let schema = schema_for!(S).to_value();
    // Where nothing must be given the type itself says what everything is.
    let whole = serde_json::from_value::<S>(Value::Object(Map::new())).ok();
    let whole = whole.and_then(|stage| resolve(&stage).ok());
    let mut said = Said {
        definitions: &schema["$defs"],
        settings: Vec::new(),
    };
    said.table(said.meant(&schema), "", whole.as_ref(), 0);
    said.settings
}

struct Said<'s> {
    definitions: &'s Value,
    settings: Vec<Setting>,
}

impl<'s> Said<'s> {
    /// What a schema refers to; of what may be left out, what it is where it is given.
    fn meant(&self, mut schema: &'s Value) -> &'s Value {
        for _ in 0..DEEPEST {
            let only = ["anyOf", "allOf"].iter().find_map(|of| {
                let mut kinds = schema[*of].as_array()?.iter();
                let kind = kinds.find(|kind| kind["type"] != "null")?;
                kinds.all(|kind| kind["type"] == "null").then_some(kind)
            });
            let name = schema["$ref"]
                .as_str()
                .and_then(|path| path.rsplit('/').next());
            schema = match (name, only) {
                (Some(name), _) => &self.definitions[name],
                (None, Some(only)) => only,
                (None, None) => return schema,
            };
        }
        schema
    }

    /// The fields of a table; `given` is what it is as a whole where a recipe does not give it.
    fn table(&mut self, table: &'s Value, within: &str, given: Option<&Value>, depth: usize) {
        let required = |name: &str| {
            let required = table["required"].as_array();
            required.is_some_and(|required| required.iter().any(|one| one == name))
        };
        for (name, field) in table["properties"].as_object().into_iter().flatten() {
            let default = given.and_then(|given| given.get(name));
            let setting = Setting {
                name: format!("{within}{name}"),
                about: String::new(),
                required: required(name),
                default: default.or(field.get("default")).map(plain),
                choices: vec![],
            };
            self.field(setting, field, depth);
        }
    }

    fn field(&mut self, mut setting: Setting, field: &'s Value, depth: usize) {
        let meant = self.meant(field);
        let about = field["description"]
            .as_str()
            .or(meant["description"].as_str());
        setting.about = about.map(sentence).unwrap_or_default();
        let elements = self.meant(&meant["items"]);
        let default = setting.default.clone().filter(|default| !default.is_null());
        if meant["properties"].is_object() && depth < DEEPEST {
            let within = format!("{}.", setting.name);
            // Its parts say what they are; it says so itself only where it need not be there.
            if default.is_some() {
                setting.default = None;
            }
            self.settings.push(setting);
            self.table(meant, &within, default.as_ref(), depth + 1);
        } else if elements["properties"].is_object() && depth < DEEPEST {
            let within = format!("{}[].", setting.name);
            self.settings.push(setting);
            self.table(elements, &within, None, depth + 1);
        } else {
            setting.choices = self.choices(meant);
            if setting.choices.is_empty() {
                setting.choices = self.choices(elements);
            }
            let parts = default.as_ref().and_then(Value::as_object);
            match parts.filter(|parts| !parts.is_empty()) {
                Some(parts) => self.parts(setting, parts),
                None => self.settings.push(setting),
            }
        }
    }

    /// A table whose fields only its default knows.
    fn parts(&mut self, mut setting: Setting, parts: &Map<String, Value>) {
        setting.default = None;
        let within = setting.name.clone();
        self.settings.push(setting);
        for (name, value) in parts {
            self.settings.push(Setting {
                name: format!("{within}.{name}"),
                about: String::new(),
                required: false,
                default: Some(value.clone()),
                choices: vec![],
            });
        }
    }

    /// The words that can be said.
    fn choices(&self, meant: &Value) -> Vec<String> {
        let words = |list: &Value| -> Option<Vec<String>> {
            let words = list.as_array()?.iter();
            let words = words.filter(|word| !word.is_null());
            words.map(|word| word.as_str().map(str::to_owned)).collect()
        };
        let constants = |list: &Value| -> Option<Vec<String>> {
            let kinds = list.as_array()?.iter();
            let words = kinds.map(|kind| match &kind["const"] {
                Value::String(word) => Some(vec![word.clone()]),
                _ => words(&kind["enum"]),
            });
            Some(words.collect::<Option<Vec<_>>>()?.concat())
        };
        words(&meant["enum"])
            .or_else(|| constants(&meant["oneOf"]))
            .unwrap_or_default()
    }
}

/// A doc comment on one line, as people read it who see no code.
fn sentence(doc: &str) -> String {
    let words: Vec<&str> = doc.split_whitespace().collect();
    words.join(" ").replace("[`", "`").replace("`]", "`")
}

/// A number that was an f32 as it was written.
fn plain(value: &Value) -> Value {
    match value {
        Value::Number(number) => {
            let short = number
                .as_f64()
                .filter(|_| number.is_f64())
                .and_then(|long| {
                    let short = long as f32;
                    (f64::from(short) == long)
                        .then(|| short.to_string().parse().ok())
                        .flatten()
                });
            short
                .and_then(Number::from_f64)
                .map_or_else(|| value.clone(), Value::Number)
        }
        Value::Array(list) => list.iter().map(plain).collect(),
        Value::Object(fields) => {
            let fields = fields.iter();
            fields
                .map(|(name, value)| (name.clone(), plain(value)))
                .collect()
        }
        other => other.clone(),
    }
}
