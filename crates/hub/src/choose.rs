//! Which files of a repository a model needs: its weights, its settings, its tokenizer and its template.
//!
//! Or those that the user's patterns name: `*` is any text, `?` any character, as in Hugging Face's
//! own tools (`*` passes over slashes).

use crate::registry::Entry;
use anyhow::{Result, bail, ensure};

/// The files to fetch.
pub(crate) fn choose(files: Vec<Entry>, include: &[String]) -> Result<Vec<Entry>> {
    if !include.is_empty() {
        let named = |file: &Entry| include.iter().any(|pattern| matches(pattern, &file.path));
        let (chosen, left): (Vec<_>, Vec<_>) = files.into_iter().partition(named);
        ensure!(
            !chosen.is_empty(),
            "no file there matches {}; there are {}",
            include.join(", "),
            listed(&left)
        );
        return Ok(chosen);
    }
    let (weights, rest): (Vec<_>, Vec<_>) = files
        .into_iter()
        .partition(|file| file.path.ends_with(".safetensors") && !file.path.contains('/'));
    let has = |path: &str| rest.iter().any(|file| file.path == path);
    if weights.is_empty() || !has("config.json") {
        let packed: Vec<_> = rest
            .iter()
            .filter(|file| file.path.ends_with(".gguf"))
            .cloned()
            .collect();
        match packed.len() {
            0 => bail!(
                "this is no model that can be read: wanted config.json and *.safetensors, or a *.gguf; \
                 there are {}",
                listed(&rest)
            ),
            1 => return Ok(packed),
            _ => bail!(
                "there is more than one GGUF file: say which with --include; there are {}",
                listed(&packed)
            ),
        }
    }
    // Some publish the same weights a second time, in the layout of another program.
    let twice = weights.iter().any(|file| file.path.starts_with("model"));
    let weights = weights
        .into_iter()
        .filter(|file| !twice || file.path.starts_with("model"));
    Ok(weights
        .chain(rest.iter().filter(|file| belongs(&file.path)).cloned())
        .collect())
}

/// Settings, tokenizers and templates at the top; nothing of other programs in folders.
fn belongs(path: &str) -> bool {
    match path.split_once('/') {
        None => [".json", ".jinja"].iter().any(|end| path.ends_with(end)),
        Some((folder, name)) => folder == "additional_chat_templates" && name.ends_with(".jinja"),
    }
}

fn listed(files: &[Entry]) -> String {
    const MOST: usize = 12;
    let names: Vec<_> = files
        .iter()
        .take(MOST)
        .map(|file| file.path.as_str())
        .collect();
    match files.len().checked_sub(MOST) {
        _ if files.is_empty() => "none at all".to_owned(),
        Some(more) if more > 0 => format!("{} and {more} more", names.join(", ")),
        _ => names.join(", "),
    }
}

/// Whether a pattern fits a whole path, in time that is the product of their lengths.
fn matches(pattern: &str, path: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    // fits[i]: the pattern so far fits the first i characters.
    let path: Vec<char> = path.chars().collect();
    let mut fits: Vec<bool> = std::iter::once(true)
        .chain(path.iter().map(|_| false))
        .collect();
    for wanted in pattern {
        let mut next = vec![false; fits.len()];
        next[0] = wanted == '*' && fits[0];
        for (i, found) in path.iter().enumerate() {
            next[i + 1] = match wanted {
                '*' => next[i] || fits[i + 1],
                '?' => fits[i],
                letter => fits[i] && letter == *found,
            };
        }
        fits = next;
    }
    fits.last().copied().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;

    fn check(files: &[&str], include: &[&str], wanted: Result<&[&str], &str>) {
        let entries = files.iter().map(|path| Entry {
            path: (*path).to_owned(),
            bytes: 1,
            digest: Digest::Git("0".repeat(40)),
        });
        let include: Vec<_> = include.iter().map(|word| (*word).to_owned()).collect();
        let found = choose(entries.collect(), &include);
        match (found, wanted) {
            (Ok(found), Ok(wanted)) => {
                let mut paths: Vec<_> = found.iter().map(|file| file.path.as_str()).collect();
                paths.sort_unstable();
                assert_eq!(paths, wanted);
            }
            (Err(error), Err(words)) => assert!(error.to_string().contains(words), "{error}"),
            (found, wanted) => panic!("{found:?}, but wanted {wanted:?}"),
        }
    }

    const LLAMA: [&str; 11] = [
        ".gitattributes",
        "README.md",
        "config.json",
        "consolidated.safetensors",
        "generation_config.json",
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
        "model.safetensors.index.json",
        "onnx/model.json",
        "pytorch_model.bin",
        "tokenizer.json",
    ];

    #[test]
    fn a_model_needs_few_of_the_files() {
        check(
            &LLAMA,
            &[],
            Ok(&[
                "config.json",
                "generation_config.json",
                "model-00001-of-00002.safetensors",
                "model-00002-of-00002.safetensors",
                "model.safetensors.index.json",
                "tokenizer.json",
            ]),
        );
        check(
            &["config.json", "pytorch_model.bin"],
            &[],
            Err("safetensors"),
        );
        check(&[], &[], Err("none at all"));
    }

    #[test]
    fn of_several_packed_files_the_user_chooses() {
        let files = ["README.md", "모델-Q4_0.gguf", "모델-Q8_0.gguf"];
        check(&files, &[], Err("--include"));
        check(&files, &["*Q4_0*"], Ok(&["모델-Q4_0.gguf"]));
        check(&files[..2], &[], Ok(&["모델-Q4_0.gguf"]));
        check(&files, &["*.bin"], Err("모델-Q8_0.gguf"));
    }

    #[test]
    fn patterns_fit_whole_paths() {
        for (pattern, path, wanted) in [
            ("*", "a/b", true),
            ("*.json", "a/b.json", true),
            ("a?c", "a한c", true),
            ("a?c", "ac", false),
            ("a*b*c", "axxbxxbc", true),
            ("a*b*c", "axxcxx", false),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(matches(pattern, path), wanted, "{pattern} {path}");
        }
        assert!(!matches(
            &"*a".repeat(50),
            &"a".repeat(2000).replace('a', "b")
        ));
    }
}
