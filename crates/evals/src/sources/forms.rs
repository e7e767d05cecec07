//! From the tables of a hub to the files that a benchmark's authors published, one function for each.

use crate::read::{self, Row};
use anyhow::{Context as _, Result, anyhow, bail, ensure};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

type Fields = Map<String, Value>;

/// Six cells without a heading, by subject: question, four options, the letter of the right one.
pub(super) fn mmlu(from: &Path, into: &Path) -> Result<()> {
    for split in ["dev", "test"] {
        let mut subjects: BTreeMap<String, Vec<Vec<String>>> = BTreeMap::new();
        for row in table(&from.join("all"), split)? {
            let Some(Value::Array(options)) = row.value.get("choices") else {
                bail!("{}: wanted four `choices`", row.place);
            };
            let options: Vec<&str> = options.iter().filter_map(Value::as_str).collect();
            let letter = ["A", "B", "C", "D"].get(index(&row, "answer")?);
            let (4, Some(letter)) = (options.len(), letter) else {
                bail!(
                    "{}: wanted four `choices`, and an `answer` among them",
                    row.place
                );
            };
            let mut cells = vec![text(&row, "question")?.to_owned()];
            cells.extend(options.into_iter().map(str::to_owned));
            cells.push((*letter).to_owned());
            let subject = text(&row, "subject")?;
            ensure!(
                subject.chars().all(|c| c.is_alphanumeric() || c == '_'),
                "{}: the subject {subject:?} is no name of a file",
                row.place
            );
            subjects.entry(subject.to_owned()).or_default().push(cells);
        }
        let folder = into.join(split);
        disk::create_dir(&folder)?;
        for (subject, rows) in subjects {
            let path = folder.join(format!("{subject}_{split}.csv"));
            cells(&path, b',', rows)?;
        }
    }
    Ok(())
}

/// The hub has the files themselves.
pub(super) fn kmmlu(from: &Path, into: &Path) -> Result<()> {
    for file in read::folder(&from.join("data"), &["-dev.csv", "-test.csv"])? {
        copy(&file, &into.join(name(&file)))?;
    }
    Ok(())
}

/// A file for each subset.
pub(super) fn haerae(from: &Path, into: &Path) -> Result<()> {
    for subset in [
        "general_knowledge",
        "history",
        "loan_words",
        "rare_words",
        "standard_nomenclature",
    ] {
        let mut found = below(from)?;
        found.retain(|path| {
            // By its place in the data set: folders above that have names of their own.
            let place = path.strip_prefix(from).unwrap_or(path);
            place.to_string_lossy().contains(subset) && is_table(path)
        });
        ensure!(!found.is_empty(), "there is no file of {subset}");
        let mut rows = vec![];
        for file in found {
            for row in fields(&file)? {
                text(&row, "query")?;
                text(&row, "answer")?;
                rows.push(Value::Object(row.value));
            }
        }
        lines(&into.join(format!("{subset}.jsonl")), rows)?;
    }
    Ok(())
}

pub(super) fn boolq(from: &Path, into: &Path) -> Result<()> {
    kobest(
        from,
        "boolq",
        into,
        &["Text", "Question", "Answer"],
        |row| {
            Ok(vec![
                text(row, "paragraph")?.to_owned(),
                text(row, "question")?.to_owned(),
                truth(row)?,
            ])
        },
    )
}

pub(super) fn copa(from: &Path, into: &Path) -> Result<()> {
    let heading = ["sentence", "question", "1", "2", "Answer"];
    kobest(from, "copa", into, &heading, |row| {
        let mut cells = vec![];
        for field in ["premise", "question", "alternative_1", "alternative_2"] {
            cells.push(text(row, field)?.to_owned());
        }
        cells.push((label(row, 2)? + 1).to_string());
        Ok(cells)
    })
}

pub(super) fn hellaswag(from: &Path, into: &Path) -> Result<()> {
    let heading = [
        "context", "choice1", "choice2", "choice3", "choice4", "label",
    ];
    kobest(from, "hellaswag", into, &heading, |row| {
        let mut cells = vec![text(row, "context")?.to_owned()];
        for number in 1..=4 {
            cells.push(text(row, &format!("ending_{number}"))?.to_owned());
        }
        cells.push(label(row, 4)?.to_string());
        Ok(cells)
    })
}

pub(super) fn sentineg(from: &Path, into: &Path) -> Result<()> {
    kobest(from, "sentineg", into, &["Text", "Label"], |row| {
        Ok(vec![
            text(row, "sentence")?.to_owned(),
            label(row, 2)?.to_string(),
        ])
    })
}

pub(super) fn wic(from: &Path, into: &Path) -> Result<()> {
    let heading = ["Target", "SENTENCE1", "SENTENCE2", "ANSWER"];
    kobest(from, "wic", into, &heading, |row| {
        let mut cells = vec![];
        for field in ["word", "context_1", "context_2"] {
            cells.push(text(row, field)?.to_owned());
        }
        cells.push(truth(row)?);
        Ok(cells)
    })
}

/// `train.tsv`, `dev.tsv`, `test.tsv` with the columns of the original.
fn kobest(
    from: &Path,
    part: &str,
    into: &Path,
    heading: &[&str],
    row: impl Fn(&Row<Fields>) -> Result<Vec<String>>,
) -> Result<()> {
    for (split, written) in [("train", "train"), ("validation", "dev"), ("test", "test")] {
        let heading: Vec<String> = heading.iter().map(|&name| name.to_owned()).collect();
        let mut rows = vec![heading];
        for one in table(&from.join(part), split)? {
            rows.push(row(&one)?);
        }
        cells(&into.join(format!("{written}.tsv")), b'\t', rows)?;
    }
    Ok(())
}

pub(super) fn gsm8k(from: &Path, into: &Path) -> Result<()> {
    for split in ["train", "test"] {
        let rows = chosen(table(&from.join("main"), split)?, &["question", "answer"])?;
        lines(&into.join(format!("{split}.jsonl")), rows)?;
    }
    Ok(())
}

pub(super) fn humaneval(from: &Path, into: &Path) -> Result<()> {
    let rows = table(&from.join("openai_humaneval"), "test")?;
    let columns = [
        "task_id",
        "prompt",
        "entry_point",
        "canonical_solution",
        "test",
    ];
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    for row in chosen(rows, &columns)? {
        writeln!(packed, "{row}")?;
    }
    let path = into.join("HumanEval.jsonl.gz");
    Ok(disk::write(&path, &packed.finish()?)?)
}

/// All splits in the order of the problems' numbers, as the authors' one file has them.
pub(super) fn mbpp(from: &Path, into: &Path) -> Result<()> {
    let mut rows = vec![];
    for file in read::folder(&from.join("full"), &[".parquet"])? {
        rows.extend(fields(&file)?);
    }
    let mut numbered = vec![];
    for row in rows {
        numbered.push((index(&row, "task_id")?, row));
    }
    numbered.sort_by_key(|(number, _)| *number);
    let rows = numbered.into_iter().map(|(_, row)| row).collect();
    let columns = [
        "text",
        "code",
        "task_id",
        "test_setup_code",
        "test_list",
        "challenge_test_list",
    ];
    lines(&into.join("mbpp.jsonl"), chosen(rows, &columns)?)
}

/// The subjects one after the other.
pub(super) fn math(from: &Path, into: &Path) -> Result<()> {
    let mut rows = vec![];
    for file in below(from)? {
        if name(&file).starts_with("test-") {
            let columns = ["problem", "level", "type", "solution"];
            rows.extend(chosen(fields(&file)?, &columns)?);
        }
    }
    ensure!(!rows.is_empty(), "there is no file of a subject's test");
    lines(&into.join("test.jsonl"), rows)
}

pub(super) fn ifeval(from: &Path, into: &Path) -> Result<()> {
    copy(
        &from.join("ifeval_input_data.jsonl"),
        &into.join("input_data.jsonl"),
    )
}

/// The rows of a split, whose files begin with its name, in whichever of the forms a hub has them.
fn table(folder: &Path, split: &str) -> Result<Vec<Row<Fields>>> {
    let mut rows = vec![];
    for file in below(folder)? {
        let name = name(&file);
        let rest = name.strip_prefix(split).unwrap_or("x");
        if (rest.starts_with('.') || rest.starts_with('-')) && is_table(&file) {
            rows.extend(fields(&file)?);
        }
    }
    ensure!(
        !rows.is_empty(),
        "{}: wanted a table called {split}, found none",
        folder.display()
    );
    Ok(rows)
}

fn is_table(path: &Path) -> bool {
    let ending = path.extension().unwrap_or_default();
    ["parquet", "jsonl", "csv"]
        .iter()
        .any(|known| ending == *known)
}

/// Fields by name, whatever the form.
fn fields(path: &Path) -> Result<Vec<Row<Fields>>> {
    read::objects(path, true)
}

/// The files below a folder, by name.
fn below(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder)
        .map_err(|error| anyhow!("wanted the folder {}: {error}", folder.display()))?;
    let mut files = vec![];
    for entry in entries {
        let path = entry
            .with_context(|| format!("cannot list {}", folder.display()))?
            .path();
        match path.is_dir() {
            true => files.extend(below(&path)?),
            false => files.push(path),
        }
    }
    files.sort();
    Ok(files)
}

fn name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

fn text<'a>(row: &'a Row<Fields>, field: &str) -> Result<&'a str> {
    let found = row.value.get(field).and_then(Value::as_str);
    found.with_context(|| format!("{}: wanted a text `{field}`, found {}", row.place, has(row)))
}

fn index(row: &Row<Fields>, field: &str) -> Result<usize> {
    let found = row.value.get(field).and_then(Value::as_u64);
    let found = found.and_then(|number| usize::try_from(number).ok());
    found.with_context(|| {
        format!(
            "{}: wanted a number `{field}`, found {}",
            row.place,
            has(row)
        )
    })
}

fn has(row: &Row<Fields>) -> String {
    let names: Vec<&str> = row.value.keys().map(String::as_str).collect();
    names.join(", ")
}

fn label(row: &Row<Fields>, options: usize) -> Result<usize> {
    let label = index(row, "label")?;
    ensure!(
        label < options,
        "{}: the `label` is {label}, and there are {options} options",
        row.place
    );
    Ok(label)
}

/// 1 is true.
fn truth(row: &Row<Fields>) -> Result<String> {
    Ok(match label(row, 2)? {
        0 => "False".to_owned(),
        _ => "True".to_owned(),
    })
}

/// Only these columns of each row, which must have them.
fn chosen(rows: Vec<Row<Fields>>, columns: &[&str]) -> Result<Vec<Value>> {
    let one = |row: Row<Fields>| {
        let mut kept = Fields::new();
        for column in columns {
            let cell = row.value.get(*column).filter(|cell| !cell.is_null());
            let cell = cell.with_context(|| {
                format!("{}: wanted `{column}`, found {}", row.place, has(&row))
            })?;
            kept.insert((*column).to_owned(), cell.clone());
        }
        Ok(json!(kept))
    };
    rows.into_iter().map(one).collect()
}

fn lines(path: &Path, rows: Vec<Value>) -> Result<()> {
    let mut text = String::new();
    for row in rows {
        text += &row.to_string();
        text.push('\n');
    }
    Ok(disk::write(path, text.as_bytes())?)
}

fn cells(path: &Path, delimiter: u8, rows: Vec<Vec<String>>) -> Result<()> {
    let mut writer = csv::WriterBuilder::new()
        .delimiter(delimiter)
        .from_writer(Vec::new());
    for row in rows {
        writer.write_record(row)?;
    }
    let bytes = writer.into_inner().map_err(|error| anyhow!("{error}"))?;
    Ok(disk::write(path, &bytes)?)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let bytes = std::fs::read(from)
        .with_context(|| format!("wanted {}, and it cannot be read", from.display()))?;
    Ok(disk::write(to, &bytes)?)
}
