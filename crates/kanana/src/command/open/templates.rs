//! The chat templates of a model: the usual one, and others by their names, such as the one for tools.
//!
//! A Hugging Face directory has them in files of their own or in the tokenizer's settings; a GGUF file
//! has them in its metadata, where gguf-py writes them and llama.cpp reads them.

use crate::kinds;
use ::chat::{TOOL_USE, Template};
use anyhow::{Context as _, Result};
use model::gguf::{Metadata, Value};
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;
use std::path::Path;

/// Where a GGUF file has the usual one; the others lie below it by their names.
const KEY: &str = "tokenizer.chat_template";
/// Where it has the names of the others.
const NAMES: &str = "tokenizer.chat_templates";
/// What the usual one is called among several.
const USUAL: &str = "default";

/// The Jinja sources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Templates {
    usual: String,
    /// By names that can be those of files.
    named: BTreeMap<String, String>,
}

impl Templates {
    /// Those of a GGUF file, if it has the usual one.
    pub(crate) fn of_gguf(metadata: &Metadata) -> Result<Option<Self>> {
        let Some(usual) = metadata.text(KEY)? else {
            return Ok(None);
        };
        let named = metadata.0.iter().filter_map(|(key, value)| {
            let name = key.strip_prefix(KEY)?.strip_prefix('.')?;
            match value {
                Value::Text(source) => Some((name, source.as_str())),
                _ => None,
            }
        });
        Ok(Some(Self::new(usual, named)))
    }

    /// Those of a Hugging Face directory, if it has the usual one: in files of their own, or in the
    /// tokenizer's settings, which count only where there is no such file.
    pub(crate) fn of_folder(folder: &Path) -> Result<Option<Self>> {
        let read = |path: &Path| {
            std::fs::read_to_string(path)
                .with_context(|| format!("{} cannot be read", path.display()))
        };
        let file = folder.join(tokenizer::CHAT_TEMPLATE);
        if file.is_file() {
            let mut more = Vec::new();
            for path in kinds::Tokenizer::more_templates(folder)? {
                let name = path.file_stem().unwrap_or_default().to_string_lossy();
                more.push((name.into_owned(), read(&path)?));
            }
            let named = more
                .iter()
                .map(|(name, source)| (name.as_str(), source.as_str()));
            return Ok(Some(Self::new(&read(&file)?, named)));
        }
        let Ok(text) = std::fs::read(folder.join(tokenizer::CONFIG)) else {
            return Ok(None);
        };
        let config: Json = serde_json::from_slice(&text)
            .with_context(|| format!("{} in {} is no JSON", tokenizer::CONFIG, folder.display()))?;
        let Some(several) = config["chat_template"].as_array() else {
            let usual = config["chat_template"].as_str();
            return Ok(usual.map(|usual| Self::new(usual, [])));
        };
        let text = |one: &Json, field: &str| one[field].as_str().map(str::to_owned);
        let all: Vec<(String, String)> = several
            .iter()
            .filter_map(|one| Some((text(one, "name")?, text(one, "template")?)))
            .collect();
        let all = all
            .iter()
            .map(|(name, source)| (name.as_str(), source.as_str()));
        let usual = all.clone().find(|(name, _)| *name == USUAL);
        Ok(usual.map(|(_, usual)| Self::new(usual, all)))
    }

    fn new<'a>(usual: &str, named: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let named = named
            .into_iter()
            .filter(|(name, _)| !name.is_empty() && *name != USUAL);
        // As gguf-py writes names, which keeps a file's metadata from naming files anywhere else.
        let plain = |sign: char| match sign.is_ascii_alphanumeric() {
            true => sign,
            false => '_',
        };
        Templates {
            usual: usual.to_owned(),
            named: named
                .map(|(name, source)| (name.chars().map(plain).collect(), source.to_owned()))
                .collect(),
        }
    }

    /// The template that those of a GGUF file are.
    ///
    /// # Errors
    /// A usual one that is no template.
    pub(crate) fn template(&self, specials: Map<String, Json>) -> Result<Template> {
        let template = Template::new(&self.usual, specials)
            .with_context(|| format!("the chat template, {KEY} in the GGUF file"))?;
        Ok(match self.named.get(TOOL_USE) {
            Some(source) => {
                template.for_tools(source, &format!("{KEY}.{TOOL_USE} in the GGUF file"))
            }
            None => template,
        })
    }

    /// Puts them where a GGUF file has them.
    pub(crate) fn describe(self, metadata: &mut Metadata) {
        metadata.set(KEY, Value::Text(self.usual));
        if self.named.is_empty() {
            return;
        }
        let names = self.named.keys().cloned().collect();
        metadata.set(NAMES, Value::Texts(names));
        for (name, source) in self.named {
            metadata.set(format!("{KEY}.{name}"), Value::Text(source));
        }
    }

    /// Writes them into a Hugging Face directory, in files of their own.
    pub(crate) fn save(&self, folder: &Path) -> Result<()> {
        disk::write(
            &folder.join(tokenizer::CHAT_TEMPLATE),
            self.usual.as_bytes(),
        )?;
        let more = folder.join(tokenizer::MORE_TEMPLATES);
        for (name, source) in &self.named {
            disk::create_dir(&more)?;
            disk::write(&more.join(format!("{name}.jinja")), source.as_bytes())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::chat::{Message, Tool};
    use serde_json::json;

    /// What a conversation looks like, without tools and with one.
    fn rendered(templates: &Templates) -> [String; 2] {
        let template = templates.template(Map::new()).unwrap();
        let tool: Tool =
            serde_json::from_value(json!({"type": "function", "function": {"name": "weather"}}))
                .unwrap();
        let said = [Message::user("비가 오나요?")];
        let render = |tools: Vec<Tool>| template.render(&said, &tools, false, &Map::new());
        [vec![], vec![tool]].map(|tools| render(tools).unwrap())
    }

    #[test]
    fn the_template_for_tools_goes_from_a_folder_to_a_file_and_back() {
        let place = tempfile::tempdir().unwrap();
        let [listed, saved] = ["listed", "saved"].map(|name| place.path().join(name));
        disk::create_dir(&listed).unwrap();
        let config = json!({"chat_template": [
            {"name": "default", "template": "말 {{ messages[0].content }}"},
            {"name": "tool_use", "template": "도구 {{ tools[0].function.name }}"},
            {"name": "rag", "template": "글"},
        ]});
        let config = config.to_string();
        disk::write(&listed.join(tokenizer::CONFIG), config.as_bytes()).unwrap();
        let templates = Templates::of_folder(&listed).unwrap().unwrap();
        let expected = ["말 비가 오나요?", "도구 weather"];
        assert_eq!(rendered(&templates), expected);

        let mut metadata = Metadata::default();
        templates.clone().describe(&mut metadata);
        let tools = metadata.text("tokenizer.chat_template.tool_use").unwrap();
        assert_eq!(tools, Some("도구 {{ tools[0].function.name }}"));
        let names = metadata.texts("tokenizer.chat_templates").unwrap();
        assert_eq!(names, Some(&["rag".to_owned(), "tool_use".to_owned()][..]));
        let read = Templates::of_gguf(&metadata).unwrap().unwrap();
        assert_eq!(read, templates);
        assert_eq!(rendered(&read), expected);

        disk::create_dir(&saved).unwrap();
        read.save(&saved).unwrap();
        assert_eq!(Templates::of_folder(&saved).unwrap(), Some(templates));
        let copied = place.path().join("copied");
        disk::create_dir(&copied).unwrap();
        kinds::Tokenizer::copy_if_any(&saved, &copied).unwrap();
        assert_eq!(Templates::of_folder(&copied).unwrap(), Some(read));
        assert!(
            Template::load(&copied)
                .unwrap()
                .unwrap()
                .source()
                .contains("도구")
        );
    }

    #[test]
    fn a_broken_template_is_named_by_its_key_and_one_for_tools_stops_nobody_else() {
        let mut metadata = Metadata::default();
        metadata.set(KEY, Value::Text("말 {{ messages[0].content }}".to_owned()));
        let broken = "{% if %}";
        let key = "tokenizer.chat_template.tool_use";
        metadata.set(key, Value::Text(broken.to_owned()));
        let templates = Templates::of_gguf(&metadata).unwrap().unwrap();
        let template = templates.template(Map::new()).unwrap();
        let said = [Message::user("비가 오나요?")];
        let render = |tools: &[Tool]| template.render(&said, tools, false, &Map::new());
        assert_eq!(render(&[]).unwrap(), "말 비가 오나요?");
        let tool = json!({"type": "function", "function": {"name": "weather"}});
        let error = render(&[serde_json::from_value(tool).unwrap()]).unwrap_err();
        assert!(error.to_string().contains(key), "{error}");

        metadata.set(KEY, Value::Text(broken.to_owned()));
        let templates = Templates::of_gguf(&metadata).unwrap().unwrap();
        let error = templates.template(Map::new()).err().unwrap();
        let error = format!("{error:#}");
        assert!(error.contains("tokenizer.chat_template in"), "{error}");
    }

    #[test]
    fn one_template_alone_is_the_usual_one() {
        let place = tempfile::tempdir().unwrap();
        assert_eq!(Templates::of_folder(place.path()).unwrap(), None);
        let config = place.path().join(tokenizer::CONFIG);
        disk::write(&config, r#"{"chat_template": "가"}"#.as_bytes()).unwrap();
        let templates = Templates::of_folder(place.path()).unwrap().unwrap();
        assert_eq!(rendered(&templates), ["가", "가"]);
        let mut metadata = Metadata::default();
        assert_eq!(Templates::of_gguf(&metadata).unwrap(), None);
        templates.describe(&mut metadata);
        assert_eq!(metadata.0.len(), 1);
        // A file of its own counts more than the settings.
        let file = place.path().join(tokenizer::CHAT_TEMPLATE);
        disk::write(&file, "나".as_bytes()).unwrap();
        let templates = Templates::of_folder(place.path()).unwrap().unwrap();
        assert_eq!(rendered(&templates), ["나", "나"]);
    }

    #[test]
    fn a_name_in_a_file_leads_nowhere_else() {
        let place = tempfile::tempdir().unwrap();
        let mut metadata = Metadata::default();
        metadata.set(KEY, Value::Text("가".to_owned()));
        metadata.set(
            "tokenizer.chat_template.../../나",
            Value::Text("나".to_owned()),
        );
        metadata.set("tokenizer.chat_template.", Value::Text("다".to_owned()));
        metadata.set("tokenizer.chat_template.number", Value::Integer(1));
        let templates = Templates::of_gguf(&metadata).unwrap().unwrap();
        templates.save(place.path()).unwrap();
        let files = kinds::Tokenizer::more_templates(place.path()).unwrap();
        let more = place.path().join(tokenizer::MORE_TEMPLATES);
        assert_eq!(files, [more.join("_______.jinja")]);
    }
}
