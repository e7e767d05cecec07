//! Raw pages in, a corpus out, and for every page that is not in it the reason.
//!
//! The pages of all files are one stream in the order of the files. It is worked on in batches: read
//! by one thread, extracted by all, put in order again; what depends on the order (ids that came
//! before, full domains) is decided afterwards, so any number of threads writes the same bytes.
//! Memory holds one batch, whatever the files are.
//!
//! Batches add up to chunks. A finished chunk lies in the partial folder as a shard, the refusals of
//! its pages, and last an account that says where the stream stood: a harvest that was killed skips to
//! the end of the last account and goes on to the same bytes.

mod admission;
mod chunk;
mod document;

use std::collections::BTreeMap;
use std::io::BufRead as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use anyhow::{Context as _, Result, bail, ensure};
use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use self::admission::{Admission, Lists, Unlicensed, domain_of};
use self::chunk::{Account, Chunks, Place};
use self::document::{Made, Stopped};
use crate::pages::{PageSettings, pages};
use crate::{
    BadLine, BadLines, Caps, Entry, Extractor, Mode, Page, ReadSettings, Refusal, Refused, Repairs,
    Skipped, Source, Statistics,
};

/// How raw pages become documents.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HarvestSettings {
    /// Only files whose name begins so; all of them where nothing is said.
    pub only: Option<String>,
    /// How the main text of HTML is found.
    pub mode: Mode,
    /// Limits of a page.
    pub caps: Caps,
    /// Seconds of processor time that finding the main text of one page may take; with 0 any.
    pub page_seconds: u64,
    /// Whether texts are brought into their one spelling: damage undone, NFC, the invisible removed, white space
    /// calmed.
    pub normalise: bool,
    /// Which pages may come in.
    pub admit: Admission,
    /// The field of JSONL and Parquet that holds HTML.
    pub html_field: String,
    /// Facts to state of every document (source, licence …); they win over its own.
    pub add: Map<String, Value>,
    /// Whether a second document of the same id is refused (about 24 bytes of memory a document).
    pub unique_ids: bool,
    /// Bytes of raw pages that make a chunk: a shard of the corpus, and what a kill can cost.
    pub chunk_bytes: u64,
    /// The share of unreadable records above which a harvest is an error.
    pub stop_past_share: f64,
    /// How many unreadable records are kept as samples, for each reason.
    pub samples: usize,
}

impl Default for HarvestSettings {
    fn default() -> Self {
        Self {
            only: None,
            mode: Mode::default(),
            caps: Caps::default(),
            page_seconds: 60,
            normalise: true,
            admit: Admission::default(),
            html_field: "html".to_owned(),
            add: Map::new(),
            unique_ids: true,
            chunk_bytes: 256 << 20,
            stop_past_share: 0.01,
            samples: 5,
        }
    }
}

/// The account of a harvest: every page met is a document, refused, or unreadable.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Harvested {
    /// Files read, in order.
    pub files: Vec<String>,
    /// Files left out, and why.
    pub skipped: Vec<Skipped>,
    /// Pages and unreadable records met.
    pub records: u64,
    /// Pages refused, by reason.
    pub refused: BTreeMap<Refusal, u64>,
    /// Records that could not be read.
    pub bad: BadLines,
    /// What normalisation repaired.
    pub repairs: Repairs,
    /// Pages by the encoding that they were in.
    pub encodings: BTreeMap<String, u64>,
    /// What was written.
    pub statistics: Statistics,
}

/// One refused page, as it lies on a line of `refused-*.jsonl.zst`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedPage {
    /// Its id.
    pub id: String,
    /// Its address, where it has one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub url: Option<String>,
    /// The file that it was in.
    pub file: String,
    /// Why it was refused.
    pub reason: Refusal,
    /// What exactly was found.
    pub detail: String,
}

/// Bytes and pages of a batch: what lies in memory at once, undecoded.
const BATCH_BYTES: usize = 16 << 20;
const BATCH_PAGES: usize = 2_000;
/// Pages whose texts are in memory at once.
const PIECE_PAGES: usize = 64;

/// What a page became.
struct Worked {
    file: String,
    url: Option<String>,
    id: String,
    outcome: Result<Made, Stopped>,
}

/// Harvests a source into `out`, by way of `partial`, where an earlier attempt may have left chunks.
/// By so many `threads`, whose number changes no byte; main texts are found by `extractor`. `progress` hears bytes
/// read and bytes in all; its error stops the harvest.
///
/// # Errors
/// The disk's; the extractor's; too large a share of unreadable records; a source without one document.
pub fn harvest(
    source: &Source,
    settings: &HarvestSettings,
    lists: &Lists,
    extractor: &dyn Extractor,
    (partial, out): (&Path, &Path),
    threads: usize,
    progress: &mut dyn FnMut(u64, u64) -> Result<()>,
) -> Result<Harvested> {
    let lists = &lists.with(&settings.admit);
    let pool = crate::curate::pool(threads)?;
    let mut chunks = Chunks::open(partial, settings)?;
    let resume = chunks.place();
    let read = Arc::new(AtomicU64::new(0));
    let total = source.bytes();
    let page_settings = PageSettings {
        // A response has a header, and a compressed body may not shrink.
        longest: settings.caps.bytes + (256 << 10),
        rows: ReadSettings {
            text_field: settings.html_field.clone(),
            ..ReadSettings::default()
        },
    };
    let maker = Maker {
        settings,
        lists,
        extractor,
        pool,
    };
    let mut batch = Batch::default();
    for (number, file) in source.files.iter().enumerate() {
        if number < resume.file {
            read.fetch_add(file.bytes, std::sync::atomic::Ordering::Relaxed);
            continue;
        }
        let mut met = 0u64;
        let skip = if number == resume.file {
            resume.records
        } else {
            0
        };
        pages(file, &page_settings, &read, &mut |page| {
            met += 1;
            if met <= skip {
                return Ok(());
            }
            batch.add(
                &file.name,
                page,
                Place {
                    file: number,
                    records: met,
                },
            );
            if batch.is_full() {
                progress(crate::pages::bytes_read(&read).min(total), total)?;
                maker.work(&mut batch, &mut chunks)?;
            }
            Ok(())
        })?;
        batch.place = Place {
            file: number + 1,
            records: 0,
        };
    }
    maker.work(&mut batch, &mut chunks)?;
    progress(total, total)?;
    let mut account = chunks.finish(out)?;
    account.files = source.files.iter().map(|file| file.name.clone()).collect();
    account.skipped = source.skipped.clone();
    judge(&account, settings, source)?;
    Ok(account)
}

/// Pages that are read and not yet worked on.
#[derive(Default)]
struct Batch {
    waiting: Vec<(String, Result<Page, BadLine>)>,
    bytes: usize,
    /// Where the stream stands behind the last of them.
    place: Place,
}

impl Batch {
    fn add(&mut self, file: &str, page: Result<Page, BadLine>, place: Place) {
        self.bytes += page.as_ref().map_or(0, |page| page.body.bytes());
        self.waiting.push((file.to_owned(), page));
        self.place = place;
    }

    fn is_full(&self) -> bool {
        self.bytes >= BATCH_BYTES || self.waiting.len() >= BATCH_PAGES
    }
}

/// What makes documents of pages.
struct Maker<'a> {
    settings: &'a HarvestSettings,
    lists: &'a Lists,
    extractor: &'a dyn Extractor,
    pool: rayon::ThreadPool,
}

impl Maker<'_> {
    /// Works on a batch with all threads, then settles in order what depends on the order.
    fn work(&self, batch: &mut Batch, chunks: &mut Chunks) -> Result<()> {
        let mut waiting = std::mem::take(&mut batch.waiting).into_iter();
        let bytes = std::mem::take(&mut batch.bytes) as u64;
        // Piece by piece, because what was packed small may be a thousand times as large when it is text.
        loop {
            let piece: Vec<_> = waiting.by_ref().take(PIECE_PAGES).collect();
            if piece.is_empty() {
                break;
            }
            let made = |(file, page): (String, Result<Page, BadLine>)| Ok(self.made(file, page?));
            let worked: Vec<Result<Worked, BadLine>> = self
                .pool
                .install(|| piece.into_par_iter().map(made).collect());
            settle(worked, self.settings, chunks)?;
        }
        chunks.advance(bytes, batch.place)
    }

    fn made(&self, file: String, page: Page) -> Worked {
        let (id, url) = (page.id.clone(), page.url.clone());
        // A page that a parser of ours does not survive is refused as any other.
        let make =
            AssertUnwindSafe(|| document::make(page, self.settings, self.lists, self.extractor));
        let outcome = catch_unwind(make)
            .unwrap_or_else(|_| Err(Refused::new(Refusal::ExtractorFailed, "it panicked").into()));
        Worked {
            file,
            url,
            id,
            outcome,
        }
    }
}

/// What depends on the pages before: admits, refuses and writes in order.
fn settle(
    worked: Vec<Result<Worked, BadLine>>,
    settings: &HarvestSettings,
    chunks: &mut Chunks,
) -> Result<()> {
    for page in worked {
        let page = match page {
            Ok(page) => page,
            Err(bad) => {
                chunks.bad(bad)?;
                continue;
            }
        };
        let made = match page.outcome {
            Ok(made) => chunks.admit(made, page.url.as_deref(), settings),
            Err(Stopped::Refused(refused)) => Err(refused),
            Err(Stopped::Failed(error)) => {
                return Err(error.context(format!("{} of {} was not read", page.id, page.file)));
            }
        };
        match made {
            Ok(made) => chunks.document(&made)?,
            Err(refused) => chunks.refuse(&RefusedPage {
                id: page.id,
                url: page.url,
                file: page.file,
                reason: refused.refusal,
                detail: refused.detail,
            })?,
        }
    }
    Ok(())
}

/// Visits every page that `extract` refused, as an entry of a ledger with its reason; none where the artifact
/// is of another stage.
///
/// # Errors
/// A file that is damaged, and the visitor's.
pub fn visit_refused(artifact: &Path, mut visit: impl FnMut(Entry) -> Result<()>) -> Result<()> {
    for path in (0..).map(|number| artifact.join(refused_file(number))) {
        if !path.is_file() {
            break;
        }
        let damaged = || format!("{} is damaged: extract again", path.display());
        let input = zstd::stream::read::Decoder::new(std::fs::File::open(&path)?)?;
        for line in std::io::BufReader::new(input).lines() {
            let line = line.with_context(damaged)?;
            let page: RefusedPage = serde_json::from_str(&line).with_context(damaged)?;
            let mut entry = Entry {
                id: page.id,
                url: page.url,
                ..Entry::default()
            };
            entry.drop(page.reason.name());
            visit(entry)?;
        }
    }
    Ok(())
}

/// Whether an artifact says which pages it refused: whether it is of `extract`.
pub fn refuses(artifact: &Path) -> bool {
    artifact.join(refused_file(0)).is_file()
}

/// The file of the refusals of a chunk.
fn refused_file(number: usize) -> String {
    format!("refused-{number:05}.jsonl.zst")
}

/// Whether the whole is worth keeping.
fn judge(account: &Harvested, settings: &HarvestSettings, source: &Source) -> Result<()> {
    let bad = account.bad.total;
    if bad as f64 > settings.stop_past_share * account.records as f64 {
        let first = account.bad.samples.first().map(ToString::to_string);
        bail!(
            "{bad} of {} records of {} cannot be read, more than the {:.2} % that `stop_past_share` \
             allows: {}. The first: {}. Mend the files, or allow a larger share",
            account.records,
            source.root.display(),
            100.0 * settings.stop_past_share,
            account.bad.summary(),
            first.unwrap_or_default()
        );
    }
    let reasons: Vec<String> = account
        .refused
        .iter()
        .map(|(reason, count)| format!("{reason} {count}"))
        .collect();
    ensure!(
        account.statistics.total.documents > 0,
        "{} gives an empty corpus: {} pages were met and all of them refused ({})",
        source.root.display(),
        account.records,
        reasons.join(", ")
    );
    Ok(())
}

/// What the chunks and this file share of an account.
impl Harvested {
    fn add(&mut self, account: &Account, samples: usize) {
        self.records += account.records;
        for (reason, count) in &account.refused {
            *self.refused.entry(*reason).or_default() += count;
        }
        self.bad.merge(&account.bad, samples);
        self.repairs.add(&account.repairs);
        for (encoding, count) in &account.encodings {
            *self.encodings.entry(encoding.clone()).or_default() += count;
        }
        self.statistics.merge(&account.statistics);
    }
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
