//! A conversation in a file: `{"messages": […]}` as the OpenAI interface has them; a bare list is read as well.

use ::chat::Message;
use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use std::path::Path;

#[derive(Serialize)]
struct Written<'a> {
    messages: &'a [Message],
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Read {
    Object { messages: Vec<Message> },
    List(Vec<Message>),
}

/// Writes a conversation.
pub(super) fn save(path: &Path, messages: &[Message]) -> Result<()> {
    let mut text = serde_json::to_string_pretty(&Written { messages })?;
    text.push('\n');
    Ok(disk::write(path, text.as_bytes())?)
}

/// Reads a conversation.
pub(super) fn load(path: &Path) -> Result<Vec<Message>> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("{} cannot be read", path.display()))?;
    let read: Read = serde_json::from_str(&text).with_context(|| {
        format!(
            "{} is no saved conversation: wanted JSON, {{\"messages\": […]}}",
            path.display()
        )
    })?;
    Ok(match read {
        Read::Object { messages } | Read::List(messages) => messages,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_comes_back_as_it_was() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("대화.json");
        let messages = [Message::system("짧게."), Message::user("안녕 👋\n둘째 줄")];
        save(&path, &messages).expect("saved");
        assert_eq!(load(&path).expect("loaded"), messages);
        disk::write(&path, br#"[{"role": "user", "content": "hi"}]"#).expect("written");
        assert_eq!(load(&path).expect("a bare list").len(), 1);
        for bad in ["", "{}", "[1]", r#"[{"role": "nobody", "content": "x"}]"#] {
            disk::write(&path, bad.as_bytes()).expect("written");
            let error = format!("{:#}", load(&path).expect_err(bad));
            assert!(error.contains("no saved conversation"), "{error}");
        }
    }
}
