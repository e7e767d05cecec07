//! Whether two models' tokens mean the same.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use std::path::Path;

/// In what two tokenizers differ; `None` where they do not, or where one of the two has none.
pub(super) fn difference(one: &Path, other: &Path) -> Result<Option<String>> {
    let files = [one, other].map(|folder| folder.join(tokenizer::TOKENIZER));
    if !files.iter().all(|file| file.is_file()) {
        return Ok(None);
    }
    let [one, other] = files.map(|file| {
        let bytes =
            std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        serde_json::from_slice::<Value>(&bytes)
            .with_context(|| format!("{} is no tokenizer", file.display()))
    });
    let (one, other) = (one?, other?);
    // Truncation, padding and templates may differ; what an id stands for may not.
    for (what, path) in [
        ("the vocabulary", "/model/vocab"),
        ("the merges", "/model/merges"),
        ("the added tokens", "/added_tokens"),
    ] {
        if one.pointer(path).map(ids) != other.pointer(path).map(ids) {
            return Ok(Some(format!("{what} is not the same")));
        }
    }
    Ok(None)
}

/// Of added tokens their ids and texts, of a merge its two halves, however it is spelt; of everything
/// else all.
fn ids(value: &Value) -> Value {
    let Value::Array(list) = value else {
        return value.clone();
    };
    list.iter()
        .map(|one| match one {
            Value::Object(token) => json!([token.get("id"), token.get("content")]),
            Value::String(halves) => halves.split(' ').collect(),
            other => other.clone(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::difference;
    use serde_json::{Value, json};
    use tempfile::TempDir;

    /// A folder with a tokenizer of two letters and one merge.
    fn folder(merge: Value, special: Value) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        let tokenizer = json!({
            "model": { "vocab": { "a": 0, "b": 1, "ab": 2 }, "merges": [merge] },
            "added_tokens": [special],
        });
        let bytes = serde_json::to_vec(&tokenizer).unwrap();
        disk::write(&folder.path().join(tokenizer::TOKENIZER), &bytes).unwrap();
        folder
    }

    #[test]
    fn what_ids_stand_for_is_compared_and_not_how_it_is_spelt() {
        let end = |id: u32| json!({ "id": id, "content": "<end>", "lstrip": id == 3 });
        let one = folder(json!("a b"), end(3));
        let compare = |other: &TempDir| difference(one.path(), other.path()).unwrap();
        let mut spelt = end(3);
        spelt["lstrip"] = json!(false);
        assert_eq!(compare(&folder(json!(["a", "b"]), spelt)), None);
        for (other, what) in [
            (folder(json!(["b", "a"]), end(3)), "the merges"),
            (folder(json!("a b"), end(4)), "the added tokens"),
        ] {
            let found = compare(&other).unwrap();
            assert!(found.starts_with(what), "{found}");
        }
        assert_eq!(compare(&tempfile::tempdir().unwrap()), None);
    }
}
