//! Which files there are to read: found in a file or folder, sorted by name, hidden ones left out.

use super::members::Members;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

/// How the records of a file are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// One JSON object a line.
    JsonLines,
    /// Parquet.
    Parquet,
    /// Plain text or Markdown.
    Text,
    /// Records of a crawl: WARC or WET.
    Warc,
    /// One page of HTML.
    Html,
    /// A dump of Wikipedia.
    Wikipedia,
    /// TeX sources in a tar, as arXiv hands them out.
    Arxiv,
}

/// What a source is looked through for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    /// Documents: text that is text already.
    Documents,
    /// Pages: text that has to be extracted first.
    Pages,
}

/// How the file is compressed as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    /// It is not (Parquet compresses within).
    None,
    /// Zstandard.
    Zstd,
    /// Gzip, of one or several members.
    Gzip,
    /// Bzip2, of one or several streams.
    Bzip2,
}

/// A file to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// Where it lies.
    pub path: PathBuf,
    /// What it is called in ids and reports: its path below the folder that was named, with `/`.
    pub name: String,
    /// How its records are written.
    pub format: Format,
    /// How it is compressed.
    pub compression: Compression,
    /// Its size on the disk.
    pub bytes: u64,
}

/// A file or folder that is not read, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// Its path below the folder that was named.
    pub name: String,
    /// Why it is not read.
    pub reason: String,
}

/// All files to read, in the order in which they are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The file or folder that was named.
    pub root: PathBuf,
    /// What is read.
    pub files: Vec<SourceFile>,
    /// What is not.
    pub skipped: Vec<Skipped>,
}

const KNOWN: &str = ".jsonl .ndjson .txt .md (each also with .zst or .gz after it) and .parquet";
const KNOWN_PAGES: &str = ".warc .wet .html .htm .jsonl .ndjson (each also with .gz or .zst after it), \
    .parquet, .xml of Wikipedia (.bz2, .gz, .zst) and .tar of TeX (.tar.gz, .tgz)";

impl Source {
    /// Looks for files at `path`: itself, or everything below it, sorted by name. Hidden files
    /// are left out, files of other kinds are listed in `skipped`.
    ///
    /// # Errors
    /// When there is nothing at the path, a folder cannot be listed, or no file in it is of a kind
    /// that is read.
    pub fn discover(path: &Path) -> Result<Self> {
        Self::look(path, Wanted::Documents)
    }

    /// Looks for files of raw pages in the same way: crawls, HTML, dumps of Wikipedia, TeX sources,
    /// and rows whose text is HTML.
    ///
    /// # Errors
    /// As [`Self::discover`].
    pub fn discover_pages(path: &Path) -> Result<Self> {
        Self::look(path, Wanted::Pages)
    }

    fn look(path: &Path, wanted: Wanted) -> Result<Self> {
        let metadata = std::fs::metadata(path)
            .with_context(|| format!("there is no file or folder to read at {}", path.display()))?;
        let mut source = Self {
            root: path.to_owned(),
            files: Vec::new(),
            skipped: Vec::new(),
        };
        if metadata.is_dir() {
            source.folder(path, "", 0, wanted)?;
        } else {
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            source.file(path, name, metadata.len(), wanted);
        }
        if source.files.is_empty() {
            let named: Vec<String> = source
                .skipped
                .iter()
                .take(5)
                .map(|skipped| format!("{} ({})", skipped.name, skipped.reason))
                .collect();
            let found = match named.is_empty() {
                true => "it holds no files".to_owned(),
                false => format!("found {}", named.join(", ")),
            };
            bail!(
                "nothing to read in {}: wanted {}; {found}",
                path.display(),
                match wanted {
                    Wanted::Documents => KNOWN,
                    Wanted::Pages => KNOWN_PAGES,
                }
            );
        }
        Ok(source)
    }

    /// Bytes of all files on the disk.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    pub(super) fn name(&self) -> String {
        self.root.display().to_string()
    }

    fn folder(&mut self, path: &Path, prefix: &str, depth: usize, wanted: Wanted) -> Result<()> {
        if depth > 64 {
            bail!(
                "{} lies more than 64 folders deep: is there a loop?",
                path.display()
            );
        }
        let context = || format!("the folder {} cannot be listed", path.display());
        let mut entries = std::fs::read_dir(path)
            .and_then(Iterator::collect::<io::Result<Vec<_>>>)
            .with_context(context)?;
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with('.') {
                continue;
            }
            let (path, name) = (entry.path(), format!("{prefix}{name}"));
            let link = entry.file_type().with_context(context)?.is_symlink();
            match std::fs::metadata(&path) {
                Err(error) => self.skip(name, &format!("it cannot be looked at: {error}")),
                Ok(metadata) if metadata.is_dir() && link => {
                    self.skip(name, "a link to a folder is not followed");
                }
                Ok(metadata) if metadata.is_dir() => {
                    self.folder(&path, &format!("{name}/"), depth + 1, wanted)?;
                }
                Ok(metadata) if metadata.is_file() => {
                    self.file(&path, name, metadata.len(), wanted)
                }
                Ok(_) => self.skip(name, "neither a file nor a folder"),
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path, name: String, bytes: u64, wanted: Wanted) {
        let lower = name.to_lowercase();
        let (stem, compression) = if let Some(stem) = lower.strip_suffix(".zst") {
            (stem, Compression::Zstd)
        } else if let Some(stem) = lower.strip_suffix(".gz") {
            (stem, Compression::Gzip)
        } else if let Some(stem) = lower.strip_suffix(".bz2") {
            (stem, Compression::Bzip2)
        } else if lower.ends_with(".tgz") {
            (&*lower, Compression::Gzip)
        } else {
            (&*lower, Compression::None)
        };
        let extension = stem
            .rsplit('/')
            .next()
            .and_then(|last| last.rsplit_once('.'))
            .map(|(_, after)| after);
        let pages = wanted == Wanted::Pages;
        let format = match extension {
            Some("warc" | "wet") if pages => Format::Warc,
            Some("html" | "htm" | "xhtml") if pages => Format::Html,
            Some("xml") if pages => Format::Wikipedia,
            Some("tar" | "tgz") if pages => Format::Arxiv,
            Some("warc" | "wet" | "html" | "htm" | "xhtml" | "xml" | "tar" | "tgz") => {
                return self.skip(name, "it holds raw pages: the stage `extract` reads it");
            }
            Some("jsonl" | "ndjson") => Format::JsonLines,
            Some("txt" | "md") if pages => {
                return self.skip(name, "it is text already: the stage `ingest` reads it");
            }
            Some("txt" | "md") => Format::Text,
            Some("parquet") if compression == Compression::None => Format::Parquet,
            Some("json") => {
                return self.skip(
                    name,
                    "a .json file may be one value: call it .jsonl if each line is an object",
                );
            }
            Some(other) => return self.skip(name, &format!("files of kind .{other} are not read")),
            None => return self.skip(name, "without an extension its kind is unknown"),
        };
        self.files.push(SourceFile {
            path: path.to_owned(),
            name,
            format,
            compression,
            bytes,
        });
    }

    fn skip(&mut self, name: String, reason: &str) {
        self.skipped.push(Skipped {
            name,
            reason: reason.to_owned(),
        });
    }
}

/// Opens a file of lines, decompressing on the way and counting the bytes taken from the disk.
pub(crate) fn open(
    file: &SourceFile,
    read: &Arc<AtomicU64>,
) -> io::Result<Box<dyn BufRead + Send>> {
    const BUFFER: usize = 256 << 10;
    let input = Counted {
        file: File::open(&file.path)?,
        read: Arc::clone(read),
    };
    let input = BufReader::with_capacity(BUFFER, input);
    Ok(match file.compression {
        Compression::None => Box::new(input),
        Compression::Gzip if file.format == Format::Warc => {
            Box::new(BufReader::with_capacity(BUFFER, Members::new(input)))
        }
        Compression::Gzip => Box::new(BufReader::with_capacity(
            BUFFER,
            flate2::bufread::MultiGzDecoder::new(input),
        )),
        Compression::Bzip2 => Box::new(BufReader::with_capacity(
            BUFFER,
            bzip2::bufread::MultiBzDecoder::new(input),
        )),
        Compression::Zstd => {
            let mut input = input;
            let dictionary = dictionary(&mut input)?.unwrap_or_default();
            let mut decoder = zstd::stream::read::Decoder::with_dictionary(input, &dictionary)?;
            decoder.window_log_max(31)?; // what `zstd --long=31` writes, big corpora often
            Box::new(BufReader::with_capacity(BUFFER, decoder))
        }
    })
}

/// The dictionary that web archives put into a skippable frame before all others, itself compressed
/// or not. It is taken from the input.
fn dictionary(input: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    const FRAME: [u8; 4] = [0x5D, 0x2A, 0x4D, 0x18];
    const COMPRESSED: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];
    const LONGEST: u64 = 16 << 20;
    if !input.fill_buf()?.starts_with(&FRAME) {
        return Ok(None);
    }
    let mut head = [0; 8];
    input.read_exact(&mut head)?;
    let length = u64::from(u32::from_le_bytes([head[4], head[5], head[6], head[7]]));
    let too_long = || {
        io::Error::new(
            io::ErrorKind::InvalidData,
            "a dictionary of more than 16 MiB",
        )
    };
    if length > LONGEST {
        return Err(too_long());
    }
    let mut bytes = Vec::new();
    input.take(length).read_to_end(&mut bytes)?;
    if !bytes.starts_with(&COMPRESSED) {
        return Ok(Some(bytes));
    }
    let mut plain = Vec::new();
    let decoder = zstd::stream::read::Decoder::new(&bytes[..])?;
    decoder.take(LONGEST + 1).read_to_end(&mut plain)?;
    if plain.len() as u64 > LONGEST {
        return Err(too_long());
    }
    Ok(Some(plain))
}

struct Counted {
    file: File,
    read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.file.read(buffer)?;
        self.read.fetch_add(bytes as u64, Ordering::Relaxed);
        Ok(bytes)
    }
}
