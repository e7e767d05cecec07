//! Toy stages over text: joining, counting, and a slow one that resumes.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use anyhow::{Context as _, Result, ensure};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tempfile::TempDir;

use crate::*;

pub(super) struct Files;
impl Kind for Files {
    const NAME: &'static str = "files";
    fn check(path: &Path) -> Result<()> {
        ensure!(path.is_dir(), "{} is no folder", path.display());
        Ok(())
    }
}

pub(super) struct Text;
impl Kind for Text {
    const NAME: &'static str = "text";
    fn check(path: &Path) -> Result<()> {
        let path = path.join("text.txt");
        std::fs::read_to_string(&path).with_context(|| format!("no text in {}", path.display()))?;
        Ok(())
    }
}

pub(super) struct Count;
impl Kind for Count {
    const NAME: &'static str = "count";
}

fn text_of(text: &Artifact<Text>) -> Result<String> {
    Ok(std::fs::read_to_string(text.file("text.txt"))?)
}

/// Every file of a folder, one after another.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Read {
    #[serde(default)]
    pub(super) upper: bool,
}

#[derive(Deserialize)]
pub(super) struct FilesIn {
    files: Artifact<Files>,
}

impl Stage for Read {
    const NAME: &'static str = "read";
    const SUMMARY: &'static str = "Reads the files of a folder into one text.";
    type Inputs = FilesIn;
    type Output = Text;
    fn run(&self, inputs: FilesIn, _: &mut Context<'_>, out: &mut Writer<Text>) -> Result<()> {
        let mut names: Vec<_> = std::fs::read_dir(inputs.files.path())?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<_, _>>()?;
        names.sort();
        let mut text = String::new();
        for name in names {
            text += &std::fs::read_to_string(name)?;
        }
        if self.upper {
            text = text.to_uppercase();
        }
        out.note("bytes", text.len());
        out.note("from", inputs.files.name());
        write_text(out, &text)
    }
}

fn write_text(out: &Writer<Text>, text: &str) -> Result<()> {
    use std::io::Write;
    let mut file = out.file("text.txt")?;
    file.write_all(text.as_bytes())?;
    Ok(file.commit()?)
}

/// A text out of nothing.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Say {
    text: String,
    #[serde(default = "one")]
    times: usize,
}

fn one() -> usize {
    1
}

impl Stage for Say {
    const NAME: &'static str = "say";
    const SUMMARY: &'static str = "Says a text some times over.";
    type Inputs = ();
    type Output = Text;
    fn check(&self, (): &()) -> Result<()> {
        ensure!(
            self.times < 1000,
            "`times` is {}, and 999 is enough",
            self.times
        );
        Ok(())
    }
    fn estimate(&self, (): &()) -> Vec<Quantity> {
        let bytes = (self.times * self.text.len()) as f64;
        vec![Quantity::new("bytes", bytes), Quantity::disk(bytes)]
    }
    fn run(&self, (): (), context: &mut Context<'_>, out: &mut Writer<Text>) -> Result<()> {
        ensure!(self.text != "fail", "there is nothing to say");
        context.message("말합니다");
        write_text(out, &self.text.repeat(self.times))
    }
}

/// Several texts into one.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Join {
    /// What stands between two texts,
    /// see [`Mode`].
    #[serde(default)]
    separator: String,
    /// 언제 얼마나.
    schedule: Schedule,
    #[serde(default)]
    mode: Mode,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Schedule {
    peak: f32,
    #[serde(default = "warm_up")]
    warm_up: f64,
}

fn warm_up() -> f64 {
    0.01
}

#[derive(Serialize, Deserialize, JsonSchema, Default)]
#[serde(rename_all = "kebab-case")]
enum Mode {
    #[default]
    Plain,
    Backwards,
}

#[derive(Deserialize)]
pub(super) struct Texts {
    texts: Vec<Artifact<Text>>,
    suffix: Option<Artifact<Text>>,
}

impl Stage for Join {
    const NAME: &'static str = "join";
    const SUMMARY: &'static str = "Joins texts.";
    type Inputs = Texts;
    type Output = Text;
    fn estimate(&self, inputs: &Texts) -> Vec<Quantity> {
        let there = inputs.texts.iter().filter(|text| text.exists());
        vec![Quantity::new("texts that are there", there.count() as f64)]
    }
    fn run(&self, inputs: Texts, context: &mut Context<'_>, out: &mut Writer<Text>) -> Result<()> {
        let texts = inputs.texts.iter().chain(&inputs.suffix);
        let mut texts = texts.map(text_of).collect::<Result<Vec<_>>>()?;
        if let Mode::Backwards = self.mode {
            texts.reverse();
        }
        std::fs::read_dir(context.scratch()?)?;
        out.json(
            "한글/about.json",
            &json!({ "seed": context.seed(), "peak": self.schedule.peak }),
        )?;
        write_text(out, &texts.join(&self.separator))
    }
}

/// Hashes a text over and over, slowly, saving its state every few rounds.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Grind {
    rounds: u64,
    every: u64,
}

#[derive(Deserialize)]
pub(super) struct OneText {
    text: Artifact<Text>,
}

/// Called at every round, where a test handed one in.
pub(super) type Hook = Box<dyn Fn(&Context<'_>, u64) + Send + Sync>;
/// The rounds that were ground, over all attempts.
#[derive(Default)]
pub(super) struct Ground(pub(super) Mutex<Vec<u64>>);

impl Stage for Grind {
    const NAME: &'static str = "grind";
    const SUMMARY: &'static str = "Grinds a text, resumably.";
    type Inputs = OneText;
    type Output = Count;
    fn run(
        &self,
        inputs: OneText,
        context: &mut Context<'_>,
        out: &mut Writer<Count>,
    ) -> Result<()> {
        let state_path = context.partial()?.join("state.json");
        let shard_path = context.partial()?.join("조각.bin");
        let (mut round, mut state): (u64, u64) = match std::fs::read(&state_path) {
            Ok(bytes) => serde_json::from_slice(&bytes)?,
            Err(_) => (0, text_of(&inputs.text)?.len() as u64 ^ context.seed()),
        };
        if !shard_path.exists() {
            disk::write(&shard_path, &context.seed().to_le_bytes())?;
        }
        while round < self.rounds {
            round += 1;
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            context.metrics(round, json!({ "state": state }))?;
            context.progress(round, self.rounds, "rounds", "");
            if let Ok(ground) = context.resource::<Ground>() {
                ground.0.lock().unwrap().push(round);
            }
            if let Ok(hook) = context.resource::<Hook>() {
                hook(context, round);
            }
            if round.is_multiple_of(self.every) || context.cancelled() {
                disk::write(
                    &state_path,
                    serde_json::to_string(&(round, state))?.as_bytes(),
                )?;
                context.check_cancelled()?;
            }
        }
        out.adopt(&shard_path, "shards/조각.bin")?;
        out.json("count.json", &state)?;
        out.note("rounds", round);
        Ok(())
    }
}

pub(super) fn registry() -> Registry {
    Registry::new()
        .with::<Read>()
        .with::<Say>()
        .with::<Join>()
        .with::<Grind>()
        .kind::<Files>()
}

/// A store in a folder of its own.
pub(super) struct Place {
    pub(super) folder: TempDir,
    pub(super) store: Store,
}

impl Place {
    pub(super) fn new() -> Self {
        // In memory where there is such a place: thousands of fsyncs are waited for here.
        let memory = Path::new("/dev/shm");
        let folder = match memory.is_dir() {
            true => tempfile::tempdir_in(memory).unwrap(),
            false => tempfile::tempdir().unwrap(),
        };
        let store = Store::open(&folder.path().join("저장소")).unwrap();
        Self { folder, store }
    }

    /// Writes raw files into a folder beside the store.
    pub(super) fn raw(&self, name: &str, files: &[(&str, &str)]) -> PathBuf {
        let folder = self.folder.path().join(name);
        for (name, text) in files {
            let path = folder.join(name);
            disk::create_dir(path.parent().unwrap()).unwrap();
            disk::write(&path, text.as_bytes()).unwrap();
        }
        folder
    }

    pub(super) fn plan(&self, recipe: &str) -> Result<Plan> {
        let recipe = Recipe::parse(recipe, "recipes/toy.toml")?;
        Plan::new(&recipe, &registry(), &Bindings::new(), &self.store)
    }

    pub(super) fn run(&self, recipe: &str) -> Result<()> {
        run(
            &self.plan(recipe)?,
            &self.store,
            &mut Silent,
            &Resources::new(),
        )
    }

    pub(super) fn find(&self, name: &str) -> Stored {
        self.store.find(name).unwrap()
    }

    pub(super) fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.find(name).path.join("text.txt")).unwrap()
    }

    /// Every file of every artifact with its bytes, provenance left out.
    pub(super) fn contents(&self) -> Vec<(String, Vec<u8>)> {
        let mut found = Vec::new();
        for artifact in self.store.artifacts().unwrap() {
            let files = manifest::files_below(&artifact.path, &[manifest::PROVENANCE]);
            for (name, _) in files.unwrap() {
                let bytes = std::fs::read(artifact.path.join(&name)).unwrap();
                found.push((format!("{}/{name}", artifact.folder()), bytes));
            }
        }
        found
    }
}

/// Two texts, joined and ground.
pub(super) const RECIPE: &str = r#"
seed = 7

[[step]]
name = "가"
stage = "say"
with = { text = "안녕 " , times = 2 }

[[step]]
name = "b"
stage = "say"
with = { text = "hello" }

[[step]]
name = "joined"
stage = "join"
inputs = { texts = ["가", "b"] }
with = { separator = "|", schedule = { peak = 3e-4 } }

[[step]]
name = "ground"
stage = "grind"
inputs = { text = "joined" }
with = { rounds = 7, every = 2 }
"#;
