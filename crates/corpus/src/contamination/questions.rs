//! Questions of benchmarks in whatever format they come: every string of every row.
//!
//! JSON lines (also under the name `.json`), one JSON array of rows, CSV and TSV cell by cell, plain text by
//! paragraphs; each also with `.gz` or `.zst` after it. What the fields are called does not matter. A question
//! that cannot be read is an error here, for once: what is not read is not looked for, and nobody would know.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use serde_json::Value;

use super::Name;
use crate::read::{Compression, Format, Skipped, SourceFile, source};

/// A question to be looked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// Its task, and its file and line.
    pub name: Name,
    /// Its strings, each looked for on its own.
    pub texts: Vec<String>,
}

/// Bytes of the largest file that is read, unpacked.
const LARGEST: u64 = 4 << 30;

/// Visits every question below a folder (or in a file), in the order of the names of its files. The task is
/// the first folder below it, or the file's name without its ending. Returns the files that were not read.
///
/// # Errors
/// Files and rows that cannot be read; no question at all.
pub fn visit_questions(root: &Path, mut visit: impl FnMut(Question)) -> Result<Vec<Skipped>> {
    let mut files = Vec::new();
    list(root, root, 0, &mut files)?;
    let (mut skipped, mut found) = (Vec::new(), 0u64);
    for (path, name) in files {
        let Some((form, compression)) = form(&name) else {
            skipped.push(Skipped {
                name,
                reason: "questions are read from .jsonl, .json, .csv, .tsv and .txt (.gz, .zst)"
                    .to_owned(),
            });
            continue;
        };
        let text = unpack(&path, &name, compression)?;
        let task = task(&name);
        let each = |line: u64, texts: Vec<String>| {
            found += 1;
            visit(Question {
                name: Name {
                    task: task.clone(),
                    id: format!("{name}:{line}"),
                },
                texts,
            });
        };
        let read = match form {
            Form::JsonLines => json_lines(&text, each),
            Form::Json => json(&text, each),
            Form::Table(separator) => table(&text, separator, each),
            Form::Text => {
                paragraphs(&text, each);
                Ok(())
            }
        };
        read.with_context(|| {
            format!("{} cannot be read: mend it or take it away", path.display())
        })?;
    }
    ensure!(
        found > 0,
        "{}: wanted questions in .jsonl, .json, .csv, .tsv or .txt, and found none",
        root.display()
    );
    Ok(skipped)
}

#[derive(Clone, Copy)]
enum Form {
    JsonLines,
    Json,
    Table(u8),
    Text,
}

fn form(name: &str) -> Option<(Form, Compression)> {
    let lower = name.to_lowercase();
    let (stem, compression) = match lower.rsplit_once('.') {
        Some((stem, "gz")) => (stem, Compression::Gzip),
        Some((stem, "zst")) => (stem, Compression::Zstd),
        _ => (&*lower, Compression::None),
    };
    let form = match stem.rsplit_once('.')?.1 {
        "jsonl" | "ndjson" => Form::JsonLines,
        "json" => Form::Json,
        "csv" => Form::Table(b','),
        "tsv" => Form::Table(b'\t'),
        "txt" => Form::Text,
        _ => return None,
    };
    Some((form, compression))
}

fn task(name: &str) -> String {
    let first = name.split('/').next().unwrap_or(name);
    let task = if first == name {
        first.split('.').next().unwrap_or(first)
    } else {
        first
    };
    task.to_owned()
}

/// Files below a folder, by name, hidden ones left out, with their names below the root.
fn list(root: &Path, path: &Path, depth: usize, files: &mut Vec<(PathBuf, String)>) -> Result<()> {
    let context = || format!("{} cannot be looked at", path.display());
    ensure!(
        depth <= 64,
        "{} lies more than 64 folders deep: is there a loop?",
        path.display()
    );
    if !std::fs::metadata(path).with_context(context)?.is_dir() {
        let below = path.strip_prefix(root).unwrap_or(path);
        let name = match below.as_os_str().is_empty() {
            true => path.file_name().unwrap_or_default(),
            false => below.as_os_str(),
        };
        files.push((path.to_owned(), name.to_string_lossy().replace('\\', "/")));
        return Ok(());
    }
    let entries = std::fs::read_dir(path).with_context(context)?;
    let mut names = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()
        .with_context(context)?;
    names.sort();
    for entry in names {
        let hidden = entry
            .file_name()
            .is_none_or(|name| name.to_string_lossy().starts_with('.'));
        if !hidden {
            list(root, &entry, depth + 1, files)?;
        }
    }
    Ok(())
}

fn unpack(path: &Path, name: &str, compression: Compression) -> Result<String> {
    let file = SourceFile {
        path: path.to_owned(),
        name: name.to_owned(),
        format: Format::Text,
        compression,
        bytes: 0,
    };
    let context = || format!("{} cannot be read", path.display());
    let mut bytes = Vec::new();
    let input = source::open(&file, &Arc::default()).with_context(context)?;
    let read = input.take(LARGEST + 1).read_to_end(&mut bytes);
    ensure!(
        read.with_context(context)? as u64 <= LARGEST,
        "{} holds more than {} GiB: questions of a benchmark do not",
        path.display(),
        LARGEST >> 30
    );
    let text = String::from_utf8(bytes).map_err(|error| {
        let line = error.as_bytes()[..error.utf8_error().valid_up_to()]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count();
        anyhow!("{}, line {}: this is not UTF-8", path.display(), line + 1)
    })?;
    Ok(text
        .strip_prefix('\u{feff}')
        .map(str::to_owned)
        .unwrap_or(text))
}

fn json_lines(text: &str, mut give: impl FnMut(u64, Vec<String>)) -> Result<()> {
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim().is_empty() {
            continue;
        }
        let value: Value = serde_json::from_str(line)
            .map_err(|error| anyhow!("line {number}: no JSON: {error}"))?;
        give(number, strings(value));
    }
    Ok(())
}

/// One array of rows, one object, or JSON lines under another name.
fn json(text: &str, mut give: impl FnMut(u64, Vec<String>)) -> Result<()> {
    match serde_json::from_str::<Value>(text) {
        Ok(Value::Array(rows)) => {
            (1..)
                .zip(rows)
                .for_each(|(number, row)| give(number, strings(row)));
            Ok(())
        }
        Ok(value) => {
            give(1, strings(value));
            Ok(())
        }
        Err(whole) => match json_lines(text, give) {
            Ok(()) => Ok(()),
            Err(lines) => bail!("neither one value ({whole}) nor one a line ({lines:#})"),
        },
    }
}

fn strings(value: Value) -> Vec<String> {
    fn gather(value: Value, to: &mut Vec<String>) {
        match value {
            Value::String(text) => to.push(text),
            Value::Array(values) => values.into_iter().for_each(|value| gather(value, to)),
            Value::Object(fields) => fields.into_iter().for_each(|(_, value)| gather(value, to)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    gather(value, &mut found);
    found
}

fn table(text: &str, separator: u8, mut give: impl FnMut(u64, Vec<String>)) -> Result<()> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(separator)
        // In tables with tabs quotation marks are quotation marks.
        .quoting(separator == b',')
        .from_reader(text.as_bytes());
    for row in reader.records() {
        let row = row?;
        let line = row.position().map_or(0, csv::Position::line);
        give(line, row.iter().map(str::to_owned).collect());
    }
    Ok(())
}

fn paragraphs(text: &str, mut give: impl FnMut(u64, Vec<String>)) {
    let (mut begin, mut lines) = (0, Vec::new());
    let mut end = |begin: u64, lines: &mut Vec<&str>| {
        if !lines.is_empty() {
            give(begin, vec![lines.join("\n")]);
            lines.clear();
        }
    };
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim().is_empty() {
            end(begin, &mut lines);
        } else {
            if lines.is_empty() {
                begin = number;
            }
            lines.push(line);
        }
    }
    end(begin, &mut lines);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(files: &[(&str, &[u8])]) -> Result<(Vec<Question>, Vec<Skipped>)> {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            let path = folder.path().join(name);
            disk::create_dir(path.parent().unwrap()).unwrap();
            disk::write(&path, bytes).unwrap();
        }
        let mut questions = Vec::new();
        let skipped = visit_questions(folder.path(), |question| questions.push(question))?;
        Ok((questions, skipped))
    }

    #[test]
    fn every_format_is_questions_of_strings() {
        let packed =
            zstd::encode_all(&b"{\"a\": [\"x\", {\"b\": \"y\"}], \"n\": 3}\n"[..], 1).unwrap();
        let (questions, skipped) = read(&[
            ("arc/a.jsonl.zst", &packed),
            (
                "klue/b.json",
                "[{\"q\": \"가\"}, {\"q\": \"나\"}]".as_bytes(),
            ),
            ("bfcl.json", b"{\"q\": \"one\"}\n{\"q\": \"two\"}\n"),
            ("mmlu/c.csv", "\"a, b\",\"가\n나\",A\nq,w,B\n".as_bytes()),
            ("kobest/d.tsv", "그는 \"왜\t그래\n".as_bytes()),
            ("text.txt", "첫째\n줄\n\n\n둘째\n".as_bytes()),
            ("mmlu/README.md", b"# about"),
        ])
        .unwrap();
        let all: Vec<(&str, &str, Vec<&str>)> = questions
            .iter()
            .map(|q| {
                (
                    &*q.name.task,
                    &*q.name.id,
                    q.texts.iter().map(|text| &**text).collect(),
                )
            })
            .collect();
        assert_eq!(
            all,
            [
                ("arc", "arc/a.jsonl.zst:1", vec!["x", "y"]),
                ("bfcl", "bfcl.json:1", vec!["one"]),
                ("bfcl", "bfcl.json:2", vec!["two"]),
                ("klue", "klue/b.json:1", vec!["가"]),
                ("klue", "klue/b.json:2", vec!["나"]),
                ("kobest", "kobest/d.tsv:1", vec!["그는 \"왜", "그래"]),
                ("mmlu", "mmlu/c.csv:1", vec!["a, b", "가\n나", "A"]),
                ("mmlu", "mmlu/c.csv:3", vec!["q", "w", "B"]),
                ("text", "text.txt:1", vec!["첫째\n줄"]),
                ("text", "text.txt:5", vec!["둘째"]),
            ]
        );
        assert_eq!(skipped[0].name, "mmlu/README.md");
    }

    #[test]
    fn what_cannot_be_read_is_an_error() {
        for (files, wanted) in [
            (
                vec![("a/b.jsonl", &b"{\"q\": \"x\"}\n{\"q\": \n"[..])],
                "line 2: no JSON",
            ),
            (vec![("b.json", &b"{\"q\""[..])], "neither one value"),
            (
                vec![("b.txt", &b"good\n\xff\xfe"[..])],
                "line 2: this is not UTF-8",
            ),
            (vec![("b.md", &b"x"[..])], "found none"),
            (
                vec![("b.jsonl.gz", &b"not gzip"[..])],
                "b.jsonl.gz cannot be read",
            ),
        ] {
            let error = format!("{:#}", read(&files).unwrap_err());
            assert!(error.contains(wanted), "{error}");
        }
    }
}
