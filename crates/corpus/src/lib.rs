//! Documents, and what is done to them before they become tokens: reading, counting, mixing, writing.
//!
//! A [`Document`] has an id, a text and metadata, in the shape that Dolma and datatrove share.
//! [`Reader`] takes them out of JSON lines, Parquet, plain text and Markdown, [`Writer`] keeps
//! them as compressed shards, [`Corpus`] reads those shards back, [`mix`](mix()) draws a mixture
//! from several corpora, and [`ingest`](ingest()) is reading and writing in one go.
//!
//! What is not text yet comes as [`Page`]s, out of crawls, dumps of Wikipedia and archives of TeX.
//! [`main_text`] finds the text of HTML, [`normalise`](normalise()) gives it its one spelling, and
//! [`harvest`](harvest()) makes a corpus of it with the reason for every page that is not in it.
//!
//! Bad data is never an error here: a line that cannot be read becomes a [`BadLine`] with a
//! reason, counted and sampled, and only too large a share of them stops the work.
//!
//! Deliberately absent: tokens (a mixture by tokens is handed a counting function) and networks.

mod bad;
mod card;
pub mod classify;
pub mod contamination;
mod curate;
mod dedup;
mod document;
mod draw;
mod extract;
pub mod filter;
mod harvest;
mod ingest;
mod language;
mod ledger;
mod mix;
#[cfg(test)]
mod mutate;
mod normalise;
mod pages;
pub mod pii;
mod read;
pub mod rubric;
mod sample;
mod statistics;
mod tally;
mod tex;
mod warc;
mod wikitext;
mod words;
mod write;

pub use bad::{BadLine, BadLines, Reason};
pub use card::{Card, licences};
pub use curate::{Account, Amount, Curation, Flow, Verdict, pool};
pub use dedup::{
    Dedup, DedupSettings, Keep, ShingleSettings, Sketch, Sketcher, Unit as ShingleUnit,
};
pub use document::Document;
pub use extract::charset::{Decoded, Sniffed, decode};
pub use extract::{
    About, Caps, Extracted, Extractor, Here, Mode, Refusal, Refused, longest_text, main_text,
};
pub use filter::{FilterSettings, Given, Limits, WordLists};
pub use harvest::{
    Admission, HarvestSettings, Harvested, Lists, RefusedPage, Unlicensed, domain_of, harvest,
    refuses, visit_refused,
};
pub use ingest::{Ingested, ingest};
pub use language::{Guess, Identified, Language, LanguageModel, identify, identify_by};
pub use ledger::{
    Entry, LEDGER, LedgerReader, LedgerWriter, is_ledger_column, ledger_files, visit_ledger,
};
pub use mix::{MixReport, MixSettings, Part, PartReport, Short, Unit, held_out, mix};
pub use normalise::{Repairs, normalise};
pub use pages::{Body, Page};
pub use rayon::ThreadPool as Threads;
pub use read::{Compression, Format, ReadSettings, Reader, Skipped, Source, SourceFile, TextSplit};
pub use sample::{drawn, sample};
pub use statistics::{Group, Statistics};
pub use tex::{Paper, paper};
pub use warc::WarcWriter;
pub use wikitext::{Article, article};
pub use words::words;
pub use write::{Corpus, Documents, INDEX, Index, Shard, WriteSettings, Writer};
