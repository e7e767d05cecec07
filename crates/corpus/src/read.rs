//! Reading files and folders of JSON lines, Parquet, plain text and Markdown as one stream of documents.
//!
//! The stream is in the order of the file names and holds one record at a time. A record that
//! cannot become a document is counted with its reason and skipped; a disk that fails, or more
//! bad records than the settings allow, is an error.

mod jsonl;
mod lines;
pub(crate) mod members;
mod parquet;
pub(crate) mod source;
mod text;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, Result, bail};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use unicode_normalization::{IsNormalized, UnicodeNormalization as _, is_nfc_quick};

pub use self::source::{Compression, Format, Skipped, Source, SourceFile};
pub use self::text::TextSplit;
use crate::{BadLine, BadLines, Document, Reason};

/// Before so many records the share of bad ones is judged only at the end.
const RECORDS_BEFORE_JUDGING: u64 = 10_000;

/// How records become documents.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ReadSettings {
    /// The field (or Parquet column) that holds the text.
    pub text_field: String,
    /// The field that holds the id; without it a document is called `file:line`.
    pub id_field: String,
    /// Which other fields to keep as metadata; all of them where nothing is said.
    pub metadata_fields: Option<Vec<String>>,
    /// Facts to state of every document (language, source, licence …); they win over its own.
    pub add: Map<String, Value>,
    /// Whether texts are brought to Unicode normalisation form C, so that a syllable that came as
    /// separate jamo is the syllable the tokenizer knows, and their line ends to line feeds.
    pub normalise: bool,
    /// Bytes of the longest line (or text file) that is read.
    pub longest: u64,
    /// Whether a second document of the same id is refused (16 bytes of memory a document).
    pub unique_ids: bool,
    /// How plain text and Markdown files become documents.
    pub text_files: TextSplit,
    /// The share of bad records above which reading is an error.
    pub stop_past_share: f64,
    /// How many bad records are kept as samples, for each reason.
    pub samples: usize,
}

impl Default for ReadSettings {
    fn default() -> Self {
        Self {
            text_field: "text".to_owned(),
            id_field: "id".to_owned(),
            metadata_fields: None,
            add: Map::new(),
            normalise: true,
            longest: 64 << 20,
            unique_ids: false,
            text_files: TextSplit::Whole,
            stop_past_share: 0.01,
            samples: 5,
        }
    }
}

/// What a record gives before the rules that hold for every format are applied.
struct Raw {
    /// Where it stands, for its name and for complaints.
    line: u64,
    id: Option<String>,
    text: String,
    metadata: Map<String, Value>,
}

/// One format being read. `None` is the end of the file; the outer error is the disk's.
trait Records: Send {
    fn next(&mut self) -> Result<Option<Result<Raw, BadLine>>>;
}

/// Documents out of a [`Source`], one at a time.
pub struct Reader {
    name: String,
    settings: ReadSettings,
    files: std::vec::IntoIter<SourceFile>,
    current: Option<(SourceFile, Box<dyn Records>)>,
    finished: bool,
    bad: BadLines,
    documents: u64,
    normalised: u64,
    ids: HashSet<[u8; 16]>,
    bytes_read: Arc<AtomicU64>,
    bytes_total: u64,
}

impl Reader {
    /// Reads all files of a source, in its order.
    pub fn new(source: &Source, settings: ReadSettings) -> Self {
        Self {
            name: source.name(),
            settings,
            bytes_total: source.bytes(),
            files: source.files.clone().into_iter(),
            current: None,
            finished: false,
            bad: BadLines::default(),
            documents: 0,
            normalised: 0,
            ids: HashSet::new(),
            bytes_read: Arc::default(),
        }
    }

    /// The next record: a document, or why there is none. Bad ones are counted already.
    ///
    /// # Errors
    /// The disk's, and a share of bad records above `stop_past_share`.
    pub fn next_record(&mut self) -> Result<Option<Result<Document, BadLine>>> {
        if self.finished {
            return Ok(None);
        }
        let record = self.advance();
        // After an error or the end there is nothing more to ask for.
        self.finished = !matches!(record, Ok(Some(_)));
        record
    }

    fn advance(&mut self) -> Result<Option<Result<Document, BadLine>>> {
        loop {
            let Some((file, records)) = &mut self.current else {
                let Some(file) = self.files.next() else {
                    self.judge(0)?;
                    return Ok(None);
                };
                let records = open(&file, &self.settings, &self.bytes_read)?;
                self.current = Some((file, records));
                continue;
            };
            let record = records
                .next()
                .with_context(|| format!("{} cannot be read", file.path.display()))?;
            let record = match record {
                None => {
                    self.current = None;
                    continue;
                }
                Some(Ok(raw)) => {
                    let name = file.name.clone();
                    self.document(&name, raw)
                }
                Some(Err(bad)) => Err(bad),
            };
            match &record {
                Ok(_) => self.documents += 1,
                Err(bad) => {
                    self.bad.add(bad.clone(), self.settings.samples);
                    self.judge(RECORDS_BEFORE_JUDGING)?;
                }
            }
            return Ok(Some(record));
        }
    }

    /// The rules that hold whatever the format: normalisation, emptiness, names.
    fn document(&mut self, file: &str, raw: Raw) -> Result<Document, BadLine> {
        let Raw {
            line,
            id,
            mut text,
            mut metadata,
        } = raw;
        let bad = |reason, detail: String, text: &str| {
            Err(BadLine::new(file, line, reason, detail, text.as_bytes()))
        };
        if text.trim().is_empty() {
            return bad(
                Reason::EmptyText,
                format!("{} bytes, all white space", text.len()),
                "",
            );
        }
        if self.settings.normalise
            && let Some(normalised) = normalised(&text)
        {
            text = normalised;
            self.normalised += 1;
        }
        let id = id.unwrap_or_else(|| format!("{file}:{line}"));
        if self.settings.unique_ids {
            let hash = blake3::hash(id.as_bytes());
            let short: [u8; 16] = hash.as_bytes()[..16]
                .try_into()
                .expect("a hash has 32 bytes");
            if !self.ids.insert(short) {
                return bad(Reason::DuplicateId, format!("{id} came before"), &text);
            }
        }
        for (name, value) in &self.settings.add {
            metadata.insert(name.clone(), value.clone());
        }
        Ok(Document { id, text, metadata })
    }

    /// Whether too many were bad. Judged at the end, and on the way once there is enough to judge by.
    fn judge(&self, at_least: u64) -> Result<()> {
        let records = self.records();
        let allowed = self.settings.stop_past_share;
        if records < at_least || self.bad.total as f64 <= allowed * records as f64 {
            return Ok(());
        }
        let first = self
            .bad
            .samples
            .first()
            .map(ToString::to_string)
            .unwrap_or_default();
        bail!(
            "{} of {records} records of {} cannot be read ({:.2} %), more than the {:.2} % that \
             `stop_past_share` allows: {}. The first: {first}. Mend the files, check `text_field`, \
             or allow a larger share",
            self.bad.total,
            self.name,
            100.0 * self.bad.total as f64 / records as f64,
            100.0 * allowed,
            self.bad.summary(),
        )
    }

    /// Records met so far, good and bad.
    pub fn records(&self) -> u64 {
        self.documents + self.bad.total
    }

    /// The bad ones so far.
    pub fn bad(&self) -> &BadLines {
        &self.bad
    }

    /// How many texts normalisation changed so far.
    pub fn normalised(&self) -> u64 {
        self.normalised
    }

    /// Bytes of the files read so far and in all, as they lie on the disk: for progress.
    pub fn progress(&self) -> (u64, u64) {
        (
            self.bytes_read
                .load(Ordering::Relaxed)
                .min(self.bytes_total),
            self.bytes_total,
        )
    }
}

impl Iterator for Reader {
    type Item = Result<Document>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.next_record() {
                Ok(Some(Ok(document))) => return Some(Ok(document)),
                Ok(Some(Err(_bad))) => {} // counted already
                Ok(None) => return None,
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

fn open(
    file: &SourceFile,
    settings: &ReadSettings,
    read: &Arc<AtomicU64>,
) -> Result<Box<dyn Records>> {
    let context = || format!("{} cannot be opened", file.path.display());
    Ok(match file.format {
        Format::JsonLines => {
            let input = source::open(file, read).with_context(context)?;
            Box::new(jsonl::JsonLines::new(&file.name, input, settings))
        }
        Format::Text => {
            let input = source::open(file, read).with_context(context)?;
            Box::new(text::Text::new(&file.name, input, settings))
        }
        Format::Parquet => {
            let input = std::fs::File::open(&file.path).with_context(context)?;
            read.fetch_add(file.bytes, Ordering::Relaxed);
            Box::new(parquet::Rows::new(&file.name, input, settings))
        }
        Format::Warc | Format::Html | Format::Wikipedia | Format::Arxiv => anyhow::bail!(
            "{} holds raw pages, whose text has to be extracted first: the stage `extract` reads it",
            file.path.display()
        ),
    })
}

/// A text in form C, with a line feed for every line end; `None` where it is so already.
fn normalised(text: &str) -> Option<String> {
    let composed = is_nfc_quick(text.chars()) == IsNormalized::Yes;
    if composed && memchr::memchr(b'\r', text.as_bytes()).is_none() {
        return None;
    }
    let mut returned = false;
    // No carriage return has a part in what form C puts together.
    let letters = text.chars().filter_map(|letter| {
        let ended = returned && letter == '\n';
        returned = letter == '\r';
        (!ended).then_some(if returned { '\n' } else { letter })
    });
    let normalised: String = if composed {
        letters.collect()
    } else {
        letters.nfc().collect()
    };
    (normalised != text).then_some(normalised)
}

/// Takes the settings' fields out of an object; the rest becomes metadata, `metadata` itself flattened.
fn from_object(
    mut object: Map<String, Value>,
    settings: &ReadSettings,
    line: u64,
) -> Result<Raw, (Reason, String)> {
    let text = match object.remove(&settings.text_field) {
        Some(Value::String(text)) => text,
        None | Some(Value::Null) => {
            let mut names: Vec<&str> = object.keys().map(String::as_str).collect();
            names.sort_unstable();
            names.truncate(8);
            let detail = format!(
                "no field {:?} among {}",
                settings.text_field,
                names.join(", ")
            );
            return Err((Reason::MissingText, detail));
        }
        Some(other) => {
            let detail = format!("the field {:?} is {}", settings.text_field, kind(&other));
            return Err((Reason::TextNotAString, detail));
        }
    };
    let id = match object.remove(&settings.id_field) {
        Some(Value::String(id)) if !id.is_empty() => Some(id),
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    let mut metadata = match object.remove("metadata") {
        Some(Value::Object(metadata)) => metadata,
        Some(other) => {
            object.insert("metadata".to_owned(), other);
            Map::new()
        }
        None => Map::new(),
    };
    metadata.append(&mut object);
    if let Some(fields) = &settings.metadata_fields {
        metadata.retain(|name, _| fields.contains(name));
    }
    // So that the same data is the same bytes, whichever order its fields came in.
    metadata.sort_keys();
    Ok(Raw {
        line,
        id,
        text,
        metadata,
    })
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests;
