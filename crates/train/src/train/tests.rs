use std::collections::BTreeSet;

use tensor::{Forward, Reference};

use super::*;
use crate::toy::{self, Memory, Place, settings};
use crate::{LanguageModel, Losses};

#[test]
fn the_gradient_does_not_depend_on_the_micro_batch() {
    let place = Place::new();
    let settings = settings();
    let gradient = |micro_batch: usize| {
        let mut decoder = toy::decoder();
        let device = decoder.device.clone();
        let (mut watch, mut objective) = (Memory::default(), LanguageModel::new(5e-6));
        let partial = place.dir.path().join(format!("partial-{micro_batch}"));
        std::fs::create_dir(&partial).unwrap();
        let training = Training {
            decoder: &mut decoder,
            shards: &place.shards,
            held_out: None,
            settings: &settings,
            seed: 7,
            micro_batch,
            partial: &partial,
            optimizer: None,
        };
        let mut run = Run::begin(training, &mut objective, &mut watch).unwrap();
        // 75: the last window is shorter than the others.
        let (loss, cursor) = run.gradient(75).unwrap();
        let lengths = run.training.decoder.table().iter().map(|spec| spec.len());
        let arrays: Vec<Vec<f32>> = lengths
            .zip(run.gradients.arrays())
            .map(|(len, array)| device.read(array, len))
            .collect();
        (loss, cursor, arrays)
    };
    let (loss, cursor, arrays) = gradient(1);
    for micro_batch in [2, 3, 4, 100] {
        let (other_loss, other_cursor, other) = gradient(micro_batch);
        assert_eq!(cursor, other_cursor);
        assert!((loss - other_loss).abs() < 1e-6 * loss);
        for (one, other) in arrays.iter().zip(&other) {
            let norm = |values: &mut dyn Iterator<Item = f32>| {
                values.map(|x| f64::from(x).powi(2)).sum::<f64>().sqrt()
            };
            let apart = norm(&mut one.iter().zip(other).map(|(a, b)| a - b));
            let whole = norm(&mut one.iter().copied());
            assert!(
                apart <= 1e-5 * whole,
                "micro-batch {micro_batch}: {apart} of {whole}"
            );
        }
    }
}

#[test]
fn a_toy_is_learned() {
    let place = Place::new();
    let mut settings = settings();
    settings.tokens = 2400;
    settings.max_epochs = 20.0;
    let mut watch = Memory::default();
    let end = place.run(&settings, &mut watch).unwrap();
    let (first, last) = (
        &end.curve.validations[0],
        end.curve.validations.last().unwrap(),
    );
    assert_eq!((first.tokens, last.tokens), (0, 2400));
    assert!(
        (first.total.loss - (toy::VOCABULARY as f64).ln()).abs() < 0.1,
        "{first:?}"
    );
    assert!(last.total.loss < 0.6 * first.total.loss, "{last:?}");
    assert!(last.total.accuracy > 0.3, "{last:?}");
    assert_eq!(watch.steps.len(), 50);
    assert_eq!(end.curve.points.len(), 50);
    assert_eq!(watch.validations, end.curve.validations);
    assert!(watch.steps.last().unwrap().epoch > 0);

    // Bits per byte by group, from the definition.
    assert_eq!(last.groups.len(), 2);
    let ko = &last.groups[0];
    assert_eq!(ko.name, "ko/시");
    let held = &place.held_out.groups()[0];
    assert_eq!(
        (ko.score.documents, ko.score.bytes),
        (held.documents, held.bytes)
    );
    let bits = ko.score.loss * ko.score.tokens as f64 / 2f64.ln() / held.bytes as f64;
    assert!((ko.score.bits_per_byte - bits).abs() < 1e-12);
    let tokens: u64 = last.groups.iter().map(|group| group.score.tokens).sum();
    assert_eq!(
        (tokens, last.total.tokens),
        (tokens, place.held_out.tokens() - 1)
    );
}

#[test]
fn exactly_so_many_tokens() {
    let place = Place::new();
    let mut settings = settings();
    settings.tokens = 101;
    let end = place.run(&settings, &mut Memory::default()).unwrap();
    let tokens: Vec<u64> = end.curve.points.iter().map(|point| point.tokens).collect();
    assert_eq!(tokens, [48, 96, 101]);
    // Warm-up of 10.1 tokens; the middles of the steps lie at 24, 72 and 98.5 tokens.
    let rates: Vec<f64> = end.curve.points.iter().map(|point| point.rate).collect();
    assert_eq!(rates, [1e-2, 1e-2, 1e-2 * 0.1]);
}

#[test]
fn the_law_chooses_where_nothing_is_given() {
    let place = Place::new();
    let mut settings = settings();
    (settings.batch_tokens, settings.schedule.peak) = (None, None);
    let mut watch = Memory {
        stop_after: Some(1),
        ..Memory::default()
    };
    place.run(&settings, &mut watch).unwrap();
    assert!(
        watch.messages[0].contains("DeepSeek"),
        "{}",
        watch.messages[0]
    );
}

/// Spoils every batch that holds a target of certain documents.
struct Poisoned {
    documents: BTreeSet<u64>,
    how: fn(&mut Losses, &Reference, &mut <Reference as Forward>::Array),
}

impl Objective<Reference> for Poisoned {
    fn losses(
        &mut self,
        output: Output<'_, Reference>,
        examples: &Examples,
        share: f32,
    ) -> Result<Losses> {
        let Output {
            decoder,
            tape,
            gradients,
        } = output;
        let inner = Output {
            decoder,
            tape: &mut *tape,
            gradients: &mut *gradients,
        };
        let mut losses = LanguageModel::new(0.0).losses(inner, examples, share)?;
        if examples
            .documents
            .iter()
            .any(|document| self.documents.contains(document))
        {
            (self.how)(&mut losses, &decoder.device, &mut tape.dhidden_nd);
        }
        Ok(losses)
    }
}

/// Two documents that come after the guard has warmed up.
fn late(shards: &Shards) -> BTreeSet<u64> {
    let stream = Stream::new(shards, Default::default(), Default::default(), 7);
    stream.epoch(0).skip(20).take(2).collect()
}

fn poisons() -> [Poisoned; 3] {
    let of = |how| Poisoned {
        documents: late(&Place::new().shards),
        how,
    };
    [
        of(|losses, _, _| losses.rows[0] = f32::NAN),
        of(|losses, _, _| losses.rows.iter_mut().for_each(|loss| *loss += 20.0)),
        of(|_, device, dhidden| device.write(&[f32::NAN], dhidden)),
    ]
}

#[test]
fn the_guard_goes_back_and_leaves_out() {
    for mut poison in poisons() {
        let place = Place::new();
        let mut settings = settings();
        settings.guard.attempts = 6;
        let mut watch = Memory::default();
        let end = place
            .run_with(&settings, &mut poison, 2, &mut watch)
            .unwrap();
        assert!(end.finished);
        assert!(!end.curve.events.is_empty());
        assert_eq!(end.curve.events, watch.events);
        assert!(end.curve.points.iter().all(|point| point.loss < 5.0));
        assert_eq!(end.curve.points.len(), 10);
        let named: BTreeSet<&str> = watch
            .events
            .iter()
            .flat_map(|event| &event.skipped)
            .map(|document| document.id.as_str())
            .collect();
        for document in &poison.documents {
            assert!(named.contains(&*format!("문서-{document}")), "{named:?}");
        }
        assert!(
            watch
                .messages
                .iter()
                .any(|text| text.contains("going back to"))
        );

        // Stopped and killed in between, it ends the same.
        for stop in [2, 4, 7] {
            let place = Place::new();
            let mut watch = Memory {
                stop_after: Some(stop),
                ..Memory::default()
            };
            place
                .run_with(&settings, &mut poison, 2, &mut watch)
                .unwrap();
            let again = place.run_with(&settings, &mut poison, 2, &mut Memory::default());
            assert_eq!(again.unwrap(), end);
        }
    }
}

#[test]
fn the_guard_gives_up() {
    let place = Place::new();
    let mut settings = settings();
    settings.guard.attempts = 2;
    let mut poison = Poisoned {
        documents: (0..40).collect(),
        ..poisons()[0]
    };
    let mut watch = Memory::default();
    let error = place
        .run_with(&settings, &mut poison, 2, &mut watch)
        .unwrap_err()
        .to_string();
    assert_eq!(watch.events.len(), 2);
    for wanted in ["gives up", "NaN", "2 times", "문서-", "guard.attempts"] {
        assert!(error.contains(wanted), "{error}");
    }

    settings.guard.enabled = false;
    let error = Place::new().run_with(&settings, &mut poison, 2, &mut Memory::default());
    let error = error.unwrap_err().to_string();
    assert!(error.contains("guard is off"), "{error}");
}

#[test]
fn what_does_not_fit_is_a_sentence() {
    let place = Place::new();
    let check = |change: &dyn Fn(&mut Settings), words: &[&str]| {
        let mut settings = settings();
        change(&mut settings);
        let error = place
            .run(&settings, &mut Memory::default())
            .unwrap_err()
            .to_string();
        for word in words {
            assert!(error.contains(word), "{error}");
        }
    };
    let found = place.shards.tokens().to_string();
    check(
        &|s| s.max_epochs = 1.0,
        &["wanted 480 tokens", &found, "max_epochs"],
    );
    check(&|s| s.sequence = 65, &["sequence = 65", "context of 64"]);
    check(&|s| s.schedule.horizon = Some(10), &["schedule.horizon"]);

    let dir = tempfile::tempdir().unwrap();
    let mut writer =
        crate::ShardWriter::create(dir.path(), crate::ShardSettings::new(100)).unwrap();
    let document = crate::Document {
        tokens: &[3; 900],
        group: "ko",
        bytes: 9,
        id: "글",
    };
    writer.document(&document).unwrap();
    writer.finish().unwrap();
    let place = Place {
        shards: Shards::open(dir.path()).unwrap(),
        ..place
    };
    let error = place
        .run(&settings(), &mut Memory::default())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("vocabulary of 100") && error.contains("24"),
        "{error}"
    );
}

#[test]
fn a_damaged_token_is_named_before_it_is_used() {
    let place = Place::new();
    let path = place.dir.path().join("train/tokens-00000.u32");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes
        .iter_mut()
        .skip(3)
        .step_by(4)
        .for_each(|byte| *byte = 1);
    disk::write(&path, &bytes).unwrap();
    let shards = Shards::open(&place.dir.path().join("train")).unwrap();
    let place = Place { shards, ..place };
    let error = place
        .run(&settings(), &mut Memory::default())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("holds token") && error.contains("damaged"),
        "{error}"
    );
}

#[test]
fn a_second_stage_goes_on() {
    let place = Place::new();
    let (one, two) = (place.dir.path().join("one"), place.dir.path().join("two"));
    let moments = place.dir.path().join("moments");
    for dir in [&one, &two, &moments] {
        std::fs::create_dir(dir).unwrap();
    }
    let mut first = settings();
    first.schedule.horizon = Some(960);
    let mut second = first.clone();
    second.schedule.offset = 480;
    let mut decoder = toy::decoder();
    let mut stage = |settings: &Settings, partial: &Path, optimizer: Option<&Path>| {
        let training = Training {
            decoder: &mut decoder,
            shards: &place.shards,
            held_out: None,
            settings,
            seed: 7,
            micro_batch: 2,
            partial,
            optimizer,
        };
        let outcome = train(
            training,
            &mut LanguageModel::new(0.0),
            &mut crate::Unwatched,
        )
        .unwrap();
        outcome.optimizer.save(&decoder, &moments).unwrap();
        outcome
    };
    let before = stage(&first, &one, None);
    let after = stage(&second, &two, Some(&moments));
    assert_eq!(after.optimizer.steps(), 20);
    let rate = |outcome: &Outcome<Reference>, step: usize| outcome.curve.points[step].rate;
    assert_eq!(rate(&before, 9), 1e-2);
    assert_eq!(rate(&after, 0), 1e-2);
    assert!(rate(&after, 6) < 0.4e-2 && rate(&after, 9) < 0.2e-2);
}
