//! A toy to test with: a decoder of some thousand weights, a corpus that can be learned, a watch
//! that remembers.

use std::path::Path;
use std::sync::Arc;

use model::{Decoder, Shape};
use tensor::{Forward, Precision, Reference};

use crate::{
    Amount, Curve, Document, Event, LanguageModel, Objective, Outcome, Settings, ShardSettings,
    ShardWriter, Shards, StepRecord, Training, Validation, Watch, train,
};

pub(crate) const VOCABULARY: usize = 24;

pub(crate) fn shape() -> Shape {
    let text = format!(
        r#"{{"layers": 2, "width": 16, "ffn": 24, "query_heads": 4, "kv_heads": 2, "head_dim": 4,
            "vocabulary": {VOCABULARY}, "tied": true, "context": 64}}"#
    );
    serde_json::from_str(&text).unwrap()
}

pub(crate) fn decoder() -> Decoder<Reference> {
    let device = Arc::new(Reference::new(Precision::F32));
    Decoder::init(shape(), device, 7, 0.05).unwrap()
}

/// Documents that count up from some token in steps of 1 (`ko/시`) or 2 (`en/docs`).
pub(crate) fn shards(dir: &Path, documents: u64) -> Shards {
    let mut settings = ShardSettings::new(VOCABULARY);
    settings.shard_tokens = 100;
    let mut writer = ShardWriter::create(dir, settings).unwrap();
    for index in 0..documents {
        let step = 1 + index % 2;
        let length = 5 + index * 7 % 9;
        let counted = (0..length).map(|i| 2 + ((index * 5 + i * step) % 22) as u32);
        let tokens: Vec<u32> = [0].into_iter().chain(counted).chain([1]).collect();
        let group = ["ko/시", "en/docs"][index as usize % 2];
        let id = format!("문서-{index}");
        writer
            .document(&Document {
                tokens: &tokens,
                group,
                bytes: 3 * length,
                id: &id,
            })
            .unwrap();
    }
    writer.finish().unwrap();
    Shards::open(dir).unwrap()
}

/// 12 steps of 40 tokens, three sequences each; saved after every 100 tokens.
pub(crate) fn settings() -> Settings {
    let mut settings = Settings::new(480, 16);
    settings.batch_tokens = Some(48);
    settings.schedule.peak = Some(1e-2);
    settings.schedule.warm_up = Amount::Share(0.1);
    settings.save_every = Amount::Tokens(100);
    settings.validate_every = Amount::Tokens(150);
    settings.max_epochs = 10.0;
    settings.guard.warm_up = 3;
    settings
}

/// Remembers everything, and asks to stop after some step, or once the guard has gone back.
#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) steps: Vec<StepRecord>,
    pub(crate) validations: Vec<Validation>,
    pub(crate) events: Vec<Event>,
    pub(crate) messages: Vec<String>,
    pub(crate) stop_after: Option<u64>,
    pub(crate) stop_when_back: bool,
}

impl Watch for Memory {
    fn step(&mut self, record: &StepRecord) {
        self.steps.push(*record);
    }
    fn validation(&mut self, validation: &Validation) {
        self.validations.push(validation.clone());
    }
    fn event(&mut self, event: &Event) {
        self.events.push(event.clone());
    }
    fn message(&mut self, text: &str) {
        self.messages.push(text.to_owned());
    }
    fn stop(&mut self) -> bool {
        let done = self.steps.last().map(|record| record.step);
        let back = self.stop_when_back && !self.events.is_empty();
        back || self.stop_after.is_some() && done >= self.stop_after
    }
}

/// A place to run in.
pub(crate) struct Place {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) shards: Shards,
    pub(crate) held_out: Shards,
}

impl Place {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let folder = |name: &str| {
            let path = dir.path().join(name);
            std::fs::create_dir(&path).unwrap();
            path
        };
        let shards = shards(&folder("train"), 40);
        let held_out = self::shards(&folder("held-out"), 5);
        folder("partial");
        Place {
            dir,
            shards,
            held_out,
        }
    }

    pub(crate) fn partial(&self) -> std::path::PathBuf {
        self.dir.path().join("partial")
    }

    /// Runs a fresh decoder, language modelling, and says where its weights ended.
    pub(crate) fn run(&self, settings: &Settings, watch: &mut Memory) -> anyhow::Result<End> {
        self.run_with(settings, &mut LanguageModel::new(settings.z_loss), 2, watch)
    }

    pub(crate) fn run_with(
        &self,
        settings: &Settings,
        objective: &mut impl Objective<Reference>,
        micro_batch: usize,
        watch: &mut Memory,
    ) -> anyhow::Result<End> {
        let mut decoder = decoder();
        let partial = self.partial();
        let training = Training {
            decoder: &mut decoder,
            shards: &self.shards,
            held_out: Some(&self.held_out),
            settings,
            seed: 7,
            micro_batch,
            partial: &partial,
            optimizer: None,
        };
        let Outcome {
            curve, finished, ..
        } = train(training, objective, watch)?;
        Ok(End {
            weights: weights(&decoder),
            curve,
            finished,
        })
    }
}

/// What a run left.
#[derive(Debug, PartialEq)]
pub(crate) struct End {
    pub(crate) weights: Vec<u32>,
    pub(crate) curve: Curve,
    pub(crate) finished: bool,
}

/// Every weight, as bits.
pub(crate) fn weights<D: Forward>(decoder: &Decoder<D>) -> Vec<u32> {
    let values = decoder.parameters().flat_map(|(_, values)| values);
    values.map(f32::to_bits).collect()
}
