//! Teaches a student what a teacher knows: the report's way from a pruned model back to a good one.
//!
//! Reads: a student; its teacher, or the lessons that one has left for these tokens; token shards
//! made with the tokenizer of both, held-out shards for validation.
//! Writes: the student, trained, as a Hugging Face directory, with `training.json`; as `pretrain`.
//! Mathematics in `train` (objective: distillation) and `tensor` (divergence over chunked heads).
//! Defaults are the report's (section on pruning and distillation): forward KL on final logits alone,
//! cosine schedule, and its peak of 1.2e-4, which it states for 2.1B parameters and 0.3T tokens, is
//! carried to other budgets by the power law that rates follow (C^−0.125). A chain of ever smaller
//! students names the first teacher every time.

use crate::forecast;
use crate::kinds::{Lessons, Model, Tokens};
use crate::stages::pretrain::{self, Course};
use anyhow::{Context as _, Result, ensure};
use model::{Decoder, Dtype, Use};
use recipe::{Artifact, Context, Quantity, Stage, Writer};
use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::json;
use tensor::Precision;
use train::{
    Compared, Distillation, DistillationSettings, Hidden, ScheduleShape, Seen, Settings, Source,
    law,
};

/// Settings: those of training, of the loss, and these.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Distill {
    /// How to train, as in `pretrain`; the schedule is a cosine unless another is given.
    #[serde(deserialize_with = "cosine")]
    #[schemars(transform = told)]
    train: Settings,
    /// `forward` (default: KL from teacher to student), `reverse` or `jensen-shannon`.
    #[serde(default)]
    divergence: Compared,
    /// The teacher's part in Jensen–Shannon, between 0 and 1. Default 0.5.
    #[serde(default = "half")]
    beta: f32,
    /// Both sides' logits are divided by it. Default 1.
    #[serde(default = "one")]
    temperature: f32,
    /// Whether the divergence is multiplied by its square, as Hinton et al. do. Default true.
    #[serde(default = "yes")]
    temperature_squared: bool,
    /// Share of cross-entropy with the next token (with `train.z_loss`), 0 to 1. Default 0.
    #[serde(default)]
    cross_entropy: f32,
    /// What multiplies the squared distance of hidden states, of equal width. Default 0.
    #[serde(default)]
    hidden: f32,
    /// Which these are: the decoders' `output` (default), or the residual streams after their `blocks`.
    #[serde(default)]
    hidden_of: Hidden,
    /// What products read: `bf16` (default) or `f32`.
    #[serde(default = "pretrain::bf16")]
    precision: Precision,
    /// How the trained weights are stored. Default f32.
    #[serde(default = "pretrain::f32")]
    dtype: Dtype,
    /// Keep the optimizer's moments with the model. Default false.
    #[serde(default)]
    keep_optimizer: bool,
    /// Start from the moments kept with the student. Default false: fresh ones.
    #[serde(default)]
    continue_optimizer: bool,
}

fn cosine<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Settings, D::Error> {
    let mut settings = Settings::deserialize(deserializer)?;
    settings.schedule.shape = settings.schedule.shape.or(ScheduleShape::Cosine);
    Ok(settings)
}

/// So that it is told as well.
fn told(schema: &mut Schema) {
    let default = json!({ "schedule": { "shape": ScheduleShape::Cosine } });
    schema.insert("default".to_owned(), default);
}

fn half() -> f32 {
    0.5
}

fn one() -> f32 {
    1.0
}

fn yes() -> bool {
    true
}

/// The report's peak rate, and what it was used for: parameters of the student and tokens.
const REPORTED: (f64, u64, u64) = (1.2e-4, 2_087_000_000, 300_000_000_000);

/// The report's peak rate, carried to another budget.
fn peak(parameters: u64, tokens: u64) -> f64 {
    let (reported, its_parameters, its_tokens) = REPORTED;
    let ours = law::peak(law::flops(parameters, tokens));
    reported * ours / law::peak(law::flops(its_parameters, its_tokens))
}

/// Inputs.
#[derive(Deserialize)]
pub(crate) struct Inputs {
    student: Artifact<Model>,
    teacher: Option<Artifact<Model>>,
    lessons: Option<Artifact<Lessons>>,
    tokens: Artifact<Tokens>,
    validation: Option<Artifact<Tokens>>,
}

impl Inputs {
    /// What a complaint of what does not fit begins with.
    fn strangers(&self) -> String {
        let of = self.teacher.as_ref().map(Artifact::name);
        let of = of.or(self.lessons.as_ref().map(Artifact::name));
        format!(
            "{} cannot learn from {}",
            self.student.name(),
            of.unwrap_or_default()
        )
    }
}

impl Stage for Distill {
    const NAME: &'static str = "distill";
    const SUMMARY: &'static str = "trains a student to say what its teacher says";
    type Inputs = Inputs;
    type Output = Model;

    fn estimate(&self, inputs: &Inputs) -> Vec<Quantity> {
        let mut quantities = self.course(inputs, &self.train).estimate();
        let Some(teacher) = &inputs.teacher else {
            return quantities;
        };
        let tokens = self.train.tokens as f64;
        let rows = [self.train.sequence, pretrain::rows(None, &self.train)];
        if let Some(asked) = forecast::asked(teacher, tokens, rows, self.precision) {
            // The report counts the student's training alone, so that the two stay apart.
            quantities.push(Quantity::new(forecast::TEACHER, asked.flops));
            for quantity in &mut quantities {
                if quantity.name == "bytes of memory" {
                    quantity.value += asked.bytes;
                }
            }
        }
        quantities
    }

    fn check(&self, inputs: &Inputs) -> Result<()> {
        ensure!(
            inputs.teacher.is_some() != inputs.lessons.is_some(),
            "a student learns from `teacher = …` (asked in every step) or from `lessons = …` (what \
             `teach` has kept of one), and {} given: give one of the two",
            match inputs.teacher.is_some() {
                true => "both are",
                false => "neither is",
            }
        );
        self.settings().check().context("with")?;
        ensure!(
            self.hidden == 0.0 || inputs.lessons.is_none(),
            "hidden = {} compares hidden states, and lessons hold none: set hidden = 0, or give \
             `teacher`",
            self.hidden
        );
        let student = forecast::shape_of(&inputs.student);
        let teacher = inputs.teacher.as_ref().and_then(forecast::shape_of);
        if let (Some(student), Some(teacher)) = (student, teacher) {
            self.settings()
                .fits(&teacher, &student, self.train.sequence)
                .with_context(|| inputs.strangers())?;
        }
        self.course(inputs, &self.train).check()
    }

    fn run(
        &self,
        inputs: Inputs,
        context: &mut Context<'_>,
        out: &mut Writer<Model>,
    ) -> Result<()> {
        let mut settings = self.train.clone();
        let (decoder, data) = self.course(&inputs, &settings).begin(context)?;
        let mut seed = context.seed();
        let teacher = match &inputs.teacher {
            Some(teacher) => {
                pretrain::same_tokenizer(teacher, &inputs.tokens)?;
                let device = decoder.device.clone();
                Some(Decoder::load(teacher.path(), device, Use::Infer)?)
            }
            None => None,
        };
        let lessons = inputs.lessons.as_ref();
        let lessons = lessons
            .map(|lessons| train::Lessons::open(lessons.path()))
            .transpose()?;
        let source = match (&teacher, &lessons) {
            (Some(teacher), _) => Source::Live(teacher),
            (None, Some(lessons)) => {
                seed = same_windows(lessons, &settings, data.shards.tokens(), seed)?;
                Source::Kept(lessons, &data.shards)
            }
            (None, None) => unreachable!("one of the two was checked to be there"),
        };
        if settings.schedule.peak.is_none() {
            let parameters = decoder.shape.parameters() as u64;
            settings.schedule.peak = Some(peak(parameters, settings.horizon()));
        }
        let mut objective = Distillation::new(
            self.settings(),
            settings.z_loss,
            source,
            &decoder.shape,
            settings.sequence,
        )
        .with_context(|| inputs.strangers())?;
        let course = self.course(&inputs, &settings);
        course.run(decoder, &data, seed, &mut objective, context, out)
    }
}

/// Lessons of windows are of certain windows: their seed is the run's, and the rest must be equal.
fn same_windows(
    lessons: &train::Lessons,
    settings: &Settings,
    tokens: u64,
    seed: u64,
) -> Result<u64> {
    let made = &lessons.description().settings;
    if made.seen == Seen::Documents {
        return Ok(seed);
    }
    let (wanted, found) = (
        (made.sequence, made.documents, made.order),
        (settings.sequence, settings.documents, settings.order),
    );
    ensure!(
        wanted == found,
        "the lessons in {} were made for windows of {} tokens, {:?}, in the order {:?}, and this run \
         has {}, {:?}, {:?}: train on such windows, or make lessons with seen = \"documents\", which \
         serve all",
        lessons.dir().display(),
        wanted.0,
        wanted.1,
        wanted.2,
        found.0,
        found.1,
        found.2
    );
    ensure!(
        settings.tokens < tokens,
        "the lessons in {} are of one pass over {tokens} tokens, and train.tokens = {} asks for more: \
         lower it to {}, or make lessons with seen = \"documents\", which serve every pass",
        lessons.dir().display(),
        settings.tokens,
        tokens - 1
    );
    Ok(made.seed)
}

impl Distill {
    fn settings(&self) -> DistillationSettings {
        DistillationSettings {
            divergence: self.divergence,
            beta: self.beta,
            temperature: self.temperature,
            temperature_squared: self.temperature_squared,
            cross_entropy: self.cross_entropy,
            hidden: self.hidden,
            hidden_of: self.hidden_of,
        }
    }

    fn course<'a>(&self, inputs: &'a Inputs, train: &'a Settings) -> Course<'a> {
        Course {
            train,
            precision: self.precision,
            dtype: self.dtype,
            keep_optimizer: self.keep_optimizer,
            continue_optimizer: self.continue_optimizer,
            model: &inputs.student,
            tokens: &inputs.tokens,
            validation: inputs.validation.as_ref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reported_rate_is_carried_to_other_budgets() {
        assert!((peak(REPORTED.1, REPORTED.2) / 1.2e-4 - 1.0).abs() < 1e-12);
        // 2^24 times less compute, 2^3 times the rate.
        let less = peak(REPORTED.1 >> 12, REPORTED.2 >> 12);
        assert!((less / 1.2e-4 - 8.0).abs() < 0.01, "{less}");
    }

    #[test]
    fn the_cosine_is_told() {
        let stages = crate::stages::registry();
        let mut stages = stages.descriptions();
        let shape = |name: &str| {
            let stage = stages.find(|stage| stage.name == name).expect(name);
            let mut settings = stage.settings.into_iter();
            let shape = settings.find(|one| one.name == "train.schedule.shape");
            shape.expect("a schedule").default
        };
        let told = ["distill", "pretrain"].map(shape);
        assert_eq!(told, [Some("cosine".into()), Some("multi-step".into())]);
    }

    #[test]
    fn a_cosine_unless_another_is_given() {
        let read = |schedule: &str| -> ScheduleShape {
            let text = format!(r#"{{"train": {{"tokens": 9, "sequence": 3{schedule}}}}}"#);
            let read: Distill = serde_json::from_str(&text).unwrap();
            read.train.schedule.shape.shape()
        };
        assert_eq!(read(""), ScheduleShape::Cosine);
        assert_eq!(
            read(r#", "schedule": {"peak": 1e-3}"#),
            ScheduleShape::Cosine
        );
        assert_eq!(
            read(r#", "schedule": {"shape": "constant"}"#),
            ScheduleShape::Constant
        );
    }
}
