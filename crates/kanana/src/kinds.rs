//! What artifacts are: the nouns that edges of a recipe are checked by.

use anyhow::{Context as _, Result, ensure};
use recipe::Kind;
use std::path::{Path, PathBuf};

/// Raw files from outside, in any format that `ingest` reads.
pub(crate) struct Files;

impl Kind for Files {
    const NAME: &'static str = "files";
}

/// A crawl of an invented web: raw files, and the truth of every page.
pub(crate) struct Crawl;

impl Crawl {
    /// A line of JSON a page: what was planted in it.
    pub(crate) const TRUTH: &'static str = "planted.json";

    /// Where the raw pages of an input lie: of a crawl of ours in a folder of their own, beside which
    /// are its truth and its record.
    pub(crate) fn pages(path: &Path) -> PathBuf {
        match path.join(Self::TRUTH).is_file() {
            true => path.join("pages"),
            false => path.to_owned(),
        }
    }
}

impl Kind for Crawl {
    const NAME: &'static str = "crawl";
    const ALSO: &'static [&'static str] = &[Files::NAME];
    fn check(path: &Path) -> Result<()> {
        let file = path.join(Self::TRUTH);
        std::fs::metadata(&file)
            .with_context(|| format!("wanted the truth of a crawl in {}", file.display()))?;
        Ok(())
    }
}

/// Documents: `documents-*.jsonl.zst` and `index.json`.
pub(crate) struct Corpus;

impl Kind for Corpus {
    const NAME: &'static str = "corpus";
    fn check(path: &Path) -> Result<()> {
        corpus::Corpus::open(path).map(drop)
    }
}

/// Questions with options and answers: `questions.jsonl`.
pub(crate) struct Questions;

impl Questions {
    pub(crate) const FILE: &'static str = "questions.jsonl";
}

impl Kind for Questions {
    const NAME: &'static str = "questions";
    fn check(path: &Path) -> Result<()> {
        let file = path.join(Self::FILE);
        ensure!(
            file.is_file(),
            "wanted questions in {}, and it is not there",
            file.display()
        );
        Ok(())
    }
}

/// Pairs of translations: the facts of a world, or lines of JSON that hold both texts, in a file or the
/// files of a folder.
pub(crate) struct Pairs;

impl Pairs {
    /// What is true in a world, from which its pairs follow.
    pub(crate) const FACTS: &'static str = "facts.jsonl";
}

impl Kind for Pairs {
    const NAME: &'static str = "pairs";
    fn check(path: &Path) -> Result<()> {
        match path.join(Self::FACTS).is_file() {
            true => Ok(()),
            false => corpus::Source::discover(path).map(drop),
        }
    }
}

/// A fictional world: a corpus, the questions about it, and its facts in two languages.
pub(crate) struct World;

impl Kind for World {
    const NAME: &'static str = "world";
    const ALSO: &'static [&'static str] = &[Corpus::NAME, Questions::NAME, Pairs::NAME];
    fn check(path: &Path) -> Result<()> {
        Corpus::check(path)?;
        Questions::check(path)
    }
}

/// A folder with `tokenizer.json`.
pub(crate) struct Tokenizer;

impl Tokenizer {
    /// Copies what a folder has of one, for a model that may have none, as one from outside may.
    /// Where one is wanted it is `stages::copy_tokenizer` that copies.
    pub(crate) fn copy_if_any(from: &Path, to: &Path) -> Result<()> {
        for name in [
            tokenizer::TOKENIZER,
            tokenizer::CONFIG,
            tokenizer::SPECIAL_TOKENS_MAP,
        ] {
            copy_file(&from.join(name), &to.join(name))?;
        }
        Self::copy_templates(from, to)
    }

    /// Copies the chat templates that a folder has in files of their own.
    pub(crate) fn copy_templates(from: &Path, to: &Path) -> Result<()> {
        let usual = tokenizer::CHAT_TEMPLATE;
        copy_file(&from.join(usual), &to.join(usual))?;
        for file in Self::more_templates(from)? {
            let more = to.join(tokenizer::MORE_TEMPLATES);
            disk::create_dir(&more)?;
            copy_file(&file, &more.join(file.file_name().unwrap_or_default()))?;
        }
        Ok(())
    }

    /// The files of the chat templates that have names, such as that for tools, in their order.
    pub(crate) fn more_templates(folder: &Path) -> Result<Vec<PathBuf>> {
        let more = folder.join(tokenizer::MORE_TEMPLATES);
        if !more.is_dir() {
            return Ok(Vec::new());
        }
        let unread = || format!("{} cannot be read", more.display());
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(&more).with_context(unread)? {
            paths.push(entry.with_context(unread)?.path());
        }
        let template = |path: &PathBuf| {
            let jinja = path.extension().is_some_and(|ending| ending == "jinja");
            jinja && !disk::is_hidden(path) && path.is_file()
        };
        paths.retain(template);
        paths.sort();
        Ok(paths)
    }
}

/// Copies a file if it is there.
fn copy_file(from: &Path, to: &Path) -> Result<()> {
    if from.is_file() {
        let bytes =
            std::fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
        disk::write(to, &bytes)?;
    }
    Ok(())
}

impl Kind for Tokenizer {
    const NAME: &'static str = "tokenizer";
    fn check(path: &Path) -> Result<()> {
        // Of a file, what lies beside it and is read with it would enter no key.
        ensure!(
            !path.is_file(),
            "wanted a folder that holds {}, and {} is a file: bind the folder that it lies in",
            tokenizer::TOKENIZER,
            path.display()
        );
        tokenizer::Tokenizer::load(path).map(drop)
    }
}

/// A classifier of texts in the format of fastText: one of ours, or a published `.bin` or `.ftz`.
pub(crate) struct Classifier;

impl Classifier {
    pub(crate) const FILE: &'static str = "classifier.bin";
    /// What it is made of, and how it does on held-out documents, where it was trained here.
    pub(crate) const ABOUT: &'static str = "classifier.json";

    /// The file itself: what was bound, or the one in the folder.
    pub(crate) fn file(path: &Path) -> Result<PathBuf> {
        if path.is_file() {
            return Ok(path.to_owned());
        }
        let own = path.join(Self::FILE);
        if own.is_file() {
            return Ok(own);
        }
        let entries = std::fs::read_dir(path)
            .with_context(|| format!("{} cannot be read", path.display()))?;
        let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
        let known = |path: &PathBuf| {
            let extension = path.extension().and_then(|extension| extension.to_str());
            !disk::is_hidden(path) && matches!(extension, Some("bin" | "ftz"))
        };
        let mut found: Vec<PathBuf> = paths.filter(known).collect();
        ensure!(
            found.len() == 1,
            "wanted one classifier (.bin or .ftz) in {}, and found {}",
            path.display(),
            found.len()
        );
        Ok(found.remove(0))
    }
}

impl Kind for Classifier {
    const NAME: &'static str = "classifier";
    fn check(path: &Path) -> Result<()> {
        corpus::classify::Classifier::open(&Self::file(path)?).map(drop)
    }
}

/// Token shards, and the tokenizer that made them.
pub(crate) struct Tokens;

impl Kind for Tokens {
    const NAME: &'static str = "tokens";
    fn check(path: &Path) -> Result<()> {
        train::Shards::open(path).map(drop)
    }
}

/// A Hugging Face directory of the Llama family. A model is also a tokenizer when its
/// directory has one, which all of ours have; a stage that needs it says so if not.
pub(crate) struct Model;

impl Model {
    /// The course of the training that made it, where it was made here.
    pub(crate) const TRAINING: &'static str = "training.json";
    /// Where its every layer, head, channel and neuron came from, where it was cut or deepened here.
    pub(crate) const SURGERY: &'static str = "surgery.json";
}

impl Kind for Model {
    const NAME: &'static str = "model";
    const ALSO: &'static [&'static str] = &[Tokenizer::NAME];
    fn check(path: &Path) -> Result<()> {
        model::checkpoint::Checkpoint::open(path).map(drop)
    }
}

/// What matters in a model: `importance.safetensors`, and `importance.json` says in which.
pub(crate) struct Importance;

impl Importance {
    pub(crate) const FILE: &'static str = "importance.safetensors";
    pub(crate) const ABOUT: &'static str = "importance.json";
}

impl Kind for Importance {
    const NAME: &'static str = "importance";
    fn check(path: &Path) -> Result<()> {
        model::importance::Importance::load(&path.join(Self::FILE)).map(drop)
    }
}

/// What a teacher says of every token of some shards.
pub(crate) struct Lessons;

impl Kind for Lessons {
    const NAME: &'static str = "lessons";
    fn check(path: &Path) -> Result<()> {
        train::Lessons::open(path).map(drop)
    }
}

/// What a guard looked at, and found within its limits: `evidence.json`.
pub(crate) struct Evidence;

impl Evidence {
    pub(crate) const FILE: &'static str = "evidence.json";
}

impl Kind for Evidence {
    const NAME: &'static str = "evidence";
    fn check(path: &Path) -> Result<()> {
        let file = path.join(Self::FILE);
        std::fs::metadata(&file)
            .with_context(|| format!("wanted evidence in {}", file.display()))?;
        Ok(())
    }
}

/// What a model answered: `scores.json`.
pub(crate) struct Scores;

impl Scores {
    pub(crate) const FILE: &'static str = "scores.json";
}

impl Kind for Scores {
    const NAME: &'static str = "scores";
    fn check(path: &Path) -> Result<()> {
        let file = path.join(Self::FILE);
        std::fs::metadata(&file).with_context(|| format!("wanted scores in {}", file.display()))?;
        Ok(())
    }
}

/// How far two languages meet inside models: `alignment.json`, and the same as pictures.
pub(crate) struct Alignment;

impl Alignment {
    pub(crate) const FILE: &'static str = "alignment.json";
    pub(crate) const PAGE: &'static str = "alignment.html";
    /// The same for a terminal.
    pub(crate) const TEXT: &'static str = "alignment.txt";
}

impl Kind for Alignment {
    const NAME: &'static str = "alignment";
    fn check(path: &Path) -> Result<()> {
        let file = path.join(Self::FILE);
        std::fs::metadata(&file)
            .with_context(|| format!("wanted an alignment in {}", file.display()))?;
        Ok(())
    }
}

/// One self-contained HTML page.
pub(crate) struct Page;

impl Page {
    pub(crate) const FILE: &'static str = "report.html";
    /// The same for a terminal.
    pub(crate) const TEXT: &'static str = "report.txt";
}

impl Kind for Page {
    const NAME: &'static str = "page";
    fn check(path: &Path) -> Result<()> {
        let file = path.join(Self::FILE);
        ensure!(
            file.is_file(),
            "wanted a page in {}, and it is not there",
            file.display()
        );
        Ok(())
    }
}

/// The page that an artifact of this kind has, and the same for a terminal.
pub(crate) fn pictures(kind: &str) -> Option<[&'static str; 2]> {
    match kind {
        Page::NAME => Some([Page::FILE, Page::TEXT]),
        Alignment::NAME => Some([Alignment::PAGE, Alignment::TEXT]),
        _ => None,
    }
}
