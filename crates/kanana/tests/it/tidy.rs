//! The rules of the house, held by a test: walls, shelves, names, headers, lengths.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .expect("the workspace root")
}

/// Every Rust file of the project, relative to the root.
fn sources() -> Vec<PathBuf> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).expect("readable folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                if path.file_name().is_some_and(|name| name != "target") {
                    walk(&path, found);
                }
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let root = root();
    let mut found = Vec::new();
    walk(&root.join("crates"), &mut found);
    found.sort();
    found
        .into_iter()
        .map(|path| path.strip_prefix(&root).expect("inside").to_owned())
        .collect()
}

fn text(relative: impl AsRef<Path>) -> String {
    let path = root().join(relative);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Rows of the Markdown table whose first cell is a crate: name → crates it may use.
fn edges_in_architecture() -> BTreeMap<String, BTreeSet<String>> {
    let mut rows = BTreeMap::new();
    for line in text("ARCHITECTURE.md").lines() {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let Some(name) = cells
            .first()
            .and_then(|cell| cell.strip_prefix('`'))
            .and_then(|cell| cell.strip_suffix('`'))
        else {
            continue;
        };
        if cells.len() == 3 && root().join("crates").join(name).is_dir() {
            let uses = cells[2]
                .split([' ', ','])
                .map(|word| word.trim_matches('`'))
                .filter(|word| !word.is_empty() && *word != "–");
            rows.insert(name.to_owned(), uses.map(str::to_owned).collect());
        }
    }
    rows
}

#[test]
fn crate_edges_are_those_of_the_architecture() {
    let drawn = edges_in_architecture();
    let mut built = BTreeMap::new();
    for entry in fs::read_dir(root().join("crates"))
        .expect("crates")
        .flatten()
    {
        let name = entry.file_name().into_string().expect("ASCII");
        let manifest = text(format!("crates/{name}/Cargo.toml"));
        let dependencies = manifest
            .split("[dependencies]")
            .nth(1)
            .unwrap_or("")
            .split("\n[")
            .next()
            .unwrap_or("");
        let uses: BTreeSet<String> = dependencies
            .lines()
            .filter_map(|line| line.split(['.', ' ', '=']).next())
            .filter(|word| !word.is_empty() && root().join("crates").join(word).is_dir())
            .map(str::to_owned)
            .collect();
        built.insert(name, uses);
    }
    assert_eq!(
        drawn, built,
        "left: the table in ARCHITECTURE.md; right: the Cargo.toml files"
    );
}

#[test]
fn every_file_opens_with_a_sentence() {
    // A `tests.rs` is the second half of the file it belongs to.
    let silent: Vec<_> = sources()
        .into_iter()
        .filter(|path| !path.ends_with("tests.rs") && !text(path).starts_with("//!"))
        .collect();
    assert!(
        silent.is_empty(),
        "these files do not open with `//!`: {silent:?}"
    );
}

#[test]
fn no_file_is_over_six_hundred_lines() {
    // Tables of phrasings: a line each, nothing to split by.
    let tables = [
        "crates/world/src/phrase/english.rs",
        "crates/world/src/phrase/korean.rs",
    ]
    .map(PathBuf::from);
    let long: Vec<_> = sources()
        .into_iter()
        .filter(|path| !tables.contains(path))
        .map(|path| (text(&path).lines().count(), path))
        .filter(|(lines, _)| *lines > 600)
        .collect();
    assert!(long.is_empty(), "split these by idea: {long:?}");
}

#[test]
fn no_file_has_a_name_that_says_nothing() {
    const BANNED: [&str; 13] = [
        "core",
        "common",
        "util",
        "utils",
        "helper",
        "helpers",
        "base",
        "misc",
        "manager",
        "handler",
        "processor",
        "wrapper",
        "mod",
    ];
    let bad: Vec<_> = sources()
        .into_iter()
        .filter(|path| {
            path.file_stem()
                .and_then(|stem| stem.to_str())
                .is_some_and(|stem| BANNED.contains(&stem) || stem.starts_with("new_"))
        })
        .collect();
    assert!(bad.is_empty(), "rename these: {bad:?}");
}

#[test]
fn unsafe_stays_in_tensor_and_disk() {
    for entry in fs::read_dir(root().join("crates"))
        .expect("crates")
        .flatten()
    {
        let name = entry.file_name().into_string().expect("ASCII");
        let inherits =
            text(format!("crates/{name}/Cargo.toml")).contains("[lints]\nworkspace = true");
        let may = name == "tensor" || name == "disk";
        assert!(
            inherits || may,
            "crates/{name} must take the workspace's lints, which forbid `unsafe`"
        );
    }
    assert!(text("Cargo.toml").contains("unsafe_code = \"forbid\""));
}

/// `train-tokenizer` → (`train_tokenizer`, `TrainTokenizer`).
fn spellings(stage: &str) -> (String, String) {
    let words = stage.split('-');
    let camel = words
        .clone()
        .map(|word| word[..1].to_uppercase() + &word[1..])
        .collect();
    (words.collect::<Vec<_>>().join("_"), camel)
}

#[test]
fn a_stage_has_one_name_in_five_places() {
    let list = text("crates/kanana/src/stages.rs");
    let docs = text("docs/stages.md");
    let mut files = 0;
    for entry in fs::read_dir(root().join("crates/kanana/src/stages"))
        .expect("stages")
        .flatten()
    {
        let path = entry.path();
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        files += 1;
        let stem = path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .expect("UTF-8")
            .to_owned();
        let name = stem.replace('_', "-");
        let (snake, camel) = spellings(&name);
        let source = fs::read_to_string(&path).expect("readable");
        assert!(
            source.contains(&format!("const NAME: &'static str = \"{name}\"")),
            "{stem}.rs: the recipe's word should be \"{name}\""
        );
        assert!(
            source.contains(&format!("pub(crate) struct {camel}")),
            "{stem}.rs: the type should be {camel}"
        );
        assert!(
            list.contains(&format!("mod {snake};")) && list.contains(&format!("{snake}::{camel}")),
            "stages.rs does not list {camel}"
        );
        assert!(
            docs.contains(&format!("## `{name}`")),
            "docs/stages.md has no heading for `{name}`: run `kanana stages --markdown`"
        );
        for word in ["Reads:", "Writes:"] {
            assert!(
                source.contains(word),
                "{stem}.rs does not say `{word}` in its header"
            );
        }
    }
    assert_eq!(
        files,
        list.matches(".with::<").count(),
        "a stage is listed twice, or has no file"
    );
}

#[test]
fn nothing_names_a_machine_or_a_registry() {
    let mut texts = sources();
    texts.extend(
        [
            "README.md",
            "README.ko.md",
            "ARCHITECTURE.md",
            "CONTRIBUTING.md",
            "LOG.md",
            ".ci/run",
        ]
        .map(PathBuf::from),
    );
    for path in texts {
        if path.ends_with("tidy.rs") {
            continue;
        }
        let text = text(&path);
        for word in [
            "/root/",
            "/work/",
            "index.crates.io",
            "pypi.org",
            "static.crates.io",
        ] {
            assert!(!text.contains(word), "{} says {word:?}", path.display());
        }
    }
}
