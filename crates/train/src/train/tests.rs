use std::collections::{BTreeMap, BTreeSet};

use disk::fault::{Fault, Reach, arm};
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
fn what_was_saved_last_is_gone_on_from_though_another_had_come_further() {
    let mut settings = settings();
    settings.save_every = crate::Amount::Tokens(400);
    let mut poison = Poisoned {
        documents: lingering().documents,
        ..poisons()[0]
    };
    let undisturbed = Place::new().run_with(&settings, &mut poison, 3, &mut Memory::default());
    let place = Place::new();
    let mut life = |watch: &mut Memory| place.run_with(&settings, &mut poison, 3, watch).unwrap();
    let stops = || {
        let entries = std::fs::read_dir(place.partial()).unwrap().flatten();
        let names = entries.map(|entry| entry.file_name().into_string().unwrap());
        names
            .filter(|name| name.starts_with("stop-"))
            .collect::<Vec<_>>()
    };
    let mut watch = Memory {
        stop_after: Some(4),
        ..Memory::default()
    };
    assert!(!life(&mut watch).finished);
    assert_eq!(stops(), ["stop-000000000000192"]);
    let mut watch = Memory {
        stop_when_back: true,
        ..Memory::default()
    };
    assert!(!life(&mut watch).finished);
    assert_eq!(stops(), ["stop-000000000000048"]);
    let mut watch = Memory::default();
    assert_same(&life(&mut watch), &undisturbed.unwrap(), "stopped twice");
    let told = |words: &str| watch.messages.iter().any(|text| text.contains(words));
    assert!(told("Continuing after 48 of 480"), "{:?}", watch.messages);
}

/// A batch with certain documents spoils the weights for good, which shows two steps later: the
/// state that is saved between looks well.
#[derive(Default)]
struct Lingering {
    documents: BTreeSet<u64>,
    /// How many steps after the harm weights are; 0 for sound ones.
    ages: BTreeMap<Vec<u32>, u32>,
    last: (u32, bool),
}

impl Lingering {
    /// Whether losses can be taken any more.
    fn sound(&mut self, weights: Vec<u32>, documents: &[u64]) -> bool {
        let (age, harmed) = self.last;
        let new = if age > 0 { age + 1 } else { u32::from(harmed) };
        let age = *self.ages.entry(weights).or_insert(new);
        let harm = documents.iter().any(|it| self.documents.contains(it));
        self.last = (age, harm);
        age < 2
    }
}

/// One whose harm is done by the fifth step, after which a state is saved.
fn lingering() -> Lingering {
    let place = Place::new();
    let stream = Stream::new(&place.shards, Default::default(), Default::default(), 7);
    let (mut cursor, mut examples) = (Cursor::default(), Examples::default());
    let mut batch = || {
        examples.clear();
        for _ in 0..3 {
            stream.window(&mut cursor, 16, &mut examples);
        }
        examples
            .documents
            .iter()
            .copied()
            .collect::<BTreeSet<u64>>()
    };
    let batches: Vec<BTreeSet<u64>> = (0..6).map(|_| batch()).collect();
    // one document may lie in two batches
    let around = &batches[3] | &batches[5];
    Lingering {
        documents: &batches[4] - &around,
        ..Lingering::default()
    }
}

/// Compares without printing some thousand weights.
fn assert_same(end: &toy::End, wanted: &toy::End, when: &str) {
    let (found, events) = (&end.curve.events, &wanted.curve.events);
    assert!(end == wanted, "{when}: {found:?}, wanted {events:?}");
}

impl Objective<Reference> for Lingering {
    fn losses(
        &mut self,
        output: Output<'_, Reference>,
        examples: &Examples,
        share: f32,
    ) -> Result<Losses> {
        let sound = self.sound(toy::weights(output.decoder), &examples.documents);
        let mut losses = LanguageModel::new(0.0).losses(output, examples, share)?;
        if !sound {
            losses.rows[0] = f32::NAN;
        }
        Ok(losses)
    }
}

#[test]
fn a_saved_state_that_is_spoilt_is_given_up() {
    let mut settings = settings();
    settings.guard.attempts = 2;
    let place = Place::new();
    let mut spoiler = lingering();
    let mut watch = Memory::default();
    let end = place.run_with(&settings, &mut spoiler, 3, &mut watch);
    let end = end.unwrap();
    assert!(end.finished);
    assert_eq!(end.curve.points.len(), 10);
    assert!(end.curve.points.iter().all(|point| point.loss < 5.0));
    let back: Vec<u64> = end.curve.events.iter().map(|it| it.back_to).collect();
    assert_eq!(back, [240, 240, 144]);
    let last = &end.curve.events[2].skipped;
    for document in &spoiler.documents {
        let id = format!("문서-{document}");
        assert!(last.iter().any(|skipped| skipped.id == id), "{id} {last:?}");
    }

    // Stopped and killed in between, it ends the same.
    for stop in [3, 4, 5, 6, 8] {
        let place = Place::new();
        let mut spoiler = lingering();
        let mut watch = Memory {
            stop_after: Some(stop),
            ..Memory::default()
        };
        let stopped = place.run_with(&settings, &mut spoiler, 3, &mut watch);
        assert!(!stopped.unwrap().finished);
        let again = place.run_with(&settings, &mut spoiler, 3, &mut Memory::default());
        assert_same(
            &again.unwrap(),
            &end,
            &format!("stopped after {stop} steps"),
        );
    }

    // Where no older state is kept, it says so.
    settings.keep = 1;
    let mut spoiler = lingering();
    let error = Place::new().run_with(&settings, &mut spoiler, 3, &mut Memory::default());
    let error = error.unwrap_err().to_string();
    for wanted in ["gives up", "no state before it is kept", "or keep"] {
        assert!(error.contains(wanted), "{error}");
    }
}

#[test]
fn a_run_that_gets_no_further_gives_up() {
    let mut settings = settings();
    settings.guard.attempts = 1;
    let place = Place::new();
    let stream = Stream::new(&place.shards, Default::default(), Default::default(), 7);
    let mut spoiler = Lingering {
        // whatever comes after the first saved state does harm: leaving out some of it is no help
        documents: stream.epoch(0).skip(18).collect(),
        ..Lingering::default()
    };
    let mut watch = Memory::default();
    let error = place.run_with(&settings, &mut spoiler, 3, &mut watch);
    let error = error.unwrap_err().to_string();
    let back: Vec<u64> = watch.events.iter().map(|it| it.back_to).collect();
    assert!(
        error.contains("without getting any further"),
        "{back:?} {error}"
    );
}

#[test]
fn killed_while_it_goes_back_it_ends_the_same() {
    let mut settings = settings();
    settings.guard.attempts = 2;
    let mut spoiler = lingering();
    let place = Place::new();
    let counted = arm(Fault::Count, 0, Reach::Thread);
    let undisturbed = place.run_with(&settings, &mut spoiler, 3, &mut Memory::default());
    let undisturbed = undisturbed.unwrap();
    let events = counted.seen();
    drop(counted);
    for at in (1..events).step_by(5) {
        let place = Place::new();
        let mut spoiler = lingering();
        let armed = arm(Fault::Stop, at, Reach::Thread);
        let killed = place.run_with(&settings, &mut spoiler, 3, &mut Memory::default());
        drop(armed);
        assert!(killed.is_err(), "event {at} of {events}");
        let end = place.run_with(&settings, &mut spoiler, 3, &mut Memory::default());
        let when = format!("killed at event {at} of {events}");
        assert_same(&end.unwrap(), &undisturbed, &when);
    }
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
