use std::sync::Arc;

use tensor::{Precision, Reference};

use super::*;
use crate::toy::{self, Memory, Place, settings};
use crate::{LessonSettings, Seen, Settings, Teaching, teach};

/// A teacher of the toy's vocabulary, twice as wide, that knows what it was told.
fn teacher(width: usize) -> Decoder<Reference> {
    let mut shape = toy::shape();
    shape.width = width;
    let device = Arc::new(Reference::new(Precision::F32));
    Decoder::init(shape, device, 11, 0.3).unwrap()
}

fn lessons(place: &Place, teacher: &Decoder<Reference>, k: usize, settings: &Settings) -> Lessons {
    lessons_at(1.0, place, teacher, k, settings)
}

fn lessons_at(
    temperature: f32,
    place: &Place,
    teacher: &Decoder<Reference>,
    k: usize,
    settings: &Settings,
) -> Lessons {
    let asked = LessonSettings {
        likeliest: k,
        temperature,
        seen: Seen::Windows,
        sequence: settings.sequence,
        documents: settings.documents,
        order: settings.order,
        seed: 7,
    };
    let name = format!("lessons-{k}-{temperature}");
    let dir = place.dir.path().join(name);
    std::fs::create_dir(&dir).unwrap();
    let teaching = Teaching {
        decoder: teacher,
        shards: &place.shards,
        settings: &asked,
        micro_batch: 2,
        dir: &dir,
        part_rows: Some(50),
    };
    teach(&teaching, &mut |_, _| true).unwrap().unwrap();
    Lessons::open(&dir).unwrap()
}

fn run(
    place: &Place,
    settings: &Settings,
    how: DistillationSettings,
    source: Source<'_, Reference>,
) -> toy::End {
    let partial = place.partial();
    std::fs::remove_dir_all(&partial).unwrap();
    std::fs::create_dir(&partial).unwrap();
    let mut objective =
        Distillation::new(how, 0.0, source, &toy::shape(), settings.sequence).unwrap();
    place
        .run_with(settings, &mut objective, 2, &mut Memory::default())
        .unwrap()
}

fn apart(a: &toy::End, b: &toy::End) -> f64 {
    let number = |bits: &u32| f64::from(f32::from_bits(*bits));
    let square = |x: f64| x * x;
    let apart: f64 = a
        .weights
        .iter()
        .zip(&b.weights)
        .map(|(a, b)| square(number(a) - number(b)))
        .sum();
    let length: f64 = b.weights.iter().map(|b| square(number(b))).sum();
    (apart / length).sqrt()
}

#[test]
fn a_student_comes_to_say_what_its_teacher_says() {
    let place = Place::new();
    let teacher = teacher(32);
    let mut settings = settings();
    settings.tokens = 960;
    settings.max_epochs = 20.0;
    for divergence in [
        Compared::Forward,
        Compared::Reverse,
        Compared::JensenShannon,
    ] {
        let how = DistillationSettings {
            divergence,
            ..DistillationSettings::default()
        };
        let end = run(&place, &settings, how, Source::Live(&teacher));
        let points = &end.curve.points;
        let (first, last) = (points[0].loss, points[points.len() - 1].loss);
        assert!(last < 0.8 * first, "{divergence:?}: {last} after {first}");
    }
}

#[test]
fn cross_entropy_alone_is_language_modelling() {
    let place = Place::new();
    let teacher = teacher(32);
    let mut settings = settings();
    settings.z_loss = 0.0;
    let how = DistillationSettings {
        cross_entropy: 1.0,
        ..DistillationSettings::default()
    };
    let distilled = run(&place, &settings, how, Source::Live(&teacher));
    std::fs::remove_dir_all(place.partial()).unwrap();
    std::fs::create_dir(place.partial()).unwrap();
    let plain = place.run(&settings, &mut Memory::default()).unwrap();
    assert!(
        apart(&distilled, &plain) < 1e-5,
        "{}",
        apart(&distilled, &plain)
    );
}

/// The loop and what it does with a teacher, live and kept: all tokens kept give the same run but for
/// the rounding of a log-probability (2⁻¹² of a nat); fewer, one that is further the more is left out.
#[test]
fn a_kept_teacher_is_a_live_one_but_for_what_was_left_out() {
    let place = Place::new();
    let teacher = teacher(32);
    let mut settings = settings();
    settings.tokens = place.shards.tokens() - 1;
    let how = DistillationSettings::default();
    let live = run(&place, &settings, how, Source::Live(&teacher));
    let mut before = 0.0;
    for k in [toy::VOCABULARY, 12, 3] {
        let lessons = lessons(&place, &teacher, k, &settings);
        let kept = run(
            &place,
            &settings,
            how,
            Source::Kept(&lessons, &place.shards),
        );
        let rest = lessons.description().rest;
        // The first step's loss is of the same weights: what is not kept is never more than this.
        let (of_live, of_kept) = (live.curve.points[0].loss, kept.curve.points[0].loss);
        if k == toy::VOCABULARY {
            assert!(rest < 1e-9, "{rest}");
            assert!((of_live - of_kept).abs() < 5e-4, "{of_live} {of_kept}");
            assert!(apart(&kept, &live) < 2e-3, "{}", apart(&kept, &live));
        } else {
            assert!(
                rest > 0.0 && of_kept < of_live + 5e-4,
                "{of_live} {of_kept}"
            );
        }
        assert!(apart(&kept, &live) >= before, "k = {k}");
        before = apart(&kept, &live);
    }
}

/// What the first step of a run with forward KL gives the decoder's output and the head, kept against
/// live: a row's logits are off by at most 2·rest / T in sum and what rounding does, so its output by
/// that times the longest row of the head, and the head by the sum of that times each row's output.
#[test]
fn what_is_left_out_bounds_the_first_gradient() {
    let place = Place::new();
    let teacher = teacher(32);
    let settings = settings();
    let mut examples = Examples::default();
    let stream = crate::Stream::new(&place.shards, settings.documents, settings.order, 7);
    let mut cursor = crate::Cursor::default();
    for _ in 0..3 {
        stream.window(&mut cursor, settings.sequence, &mut examples);
    }
    let (n, student) = (examples.rows(), toy::decoder());
    let (d, v) = (student.shape.width, student.shape.vocabulary);
    let share = 1.0 / n as f32;
    let device = &student.device;
    let length = |x: &[f32]| -> f64 {
        let squares = x.iter().map(|&x| f64::from(x).powi(2));
        squares.sum::<f64>().sqrt()
    };
    let head = student.parameters().find(|(spec, _)| spec.name == "embed");
    let (_, head) = head.expect("a tied head");
    let longest = head.chunks(d).map(length).fold(0.0, f64::max);
    for temperature in [1.0, 2.0] {
        let how = DistillationSettings {
            temperature,
            temperature_squared: false,
            ..DistillationSettings::default()
        };
        // The gradients of the output and of the head, and the output.
        let first = |source: Source<'_, Reference>| -> [Vec<f32>; 3] {
            let mut tape = Tape::new(&student, n, Recompute::None, true);
            let mut gradients = student.gradients();
            student.forward(&examples.batch, &mut tape);
            let mut objective =
                Distillation::new(how, 0.0, source, &student.shape, settings.sequence).unwrap();
            let output = Output {
                decoder: &student,
                tape: &mut tape,
                gradients: &mut gradients,
            };
            objective.losses(output, &examples, share).unwrap();
            [
                device.read(&tape.dhidden_nd, n * d),
                device.read(gradients.head_mut(), v * d),
                device.read(&tape.hidden_nd, n * d),
            ]
        };
        let live = first(Source::Live(&teacher));
        for k in [20, 12, 3] {
            let lessons = lessons_at(temperature, &place, &teacher, k, &settings);
            let kept = first(Source::Kept(&lessons, &place.shards));
            let rests = lessons.read(&place.shards, &examples.fed).unwrap().rest;
            let apart = |of: usize, part: std::ops::Range<usize>| -> f64 {
                let pairs = live[of][part.clone()].iter().zip(&kept[of][part]);
                length(&pairs.map(|(a, b)| a - b).collect::<Vec<f32>>())
            };
            let (mut of_head, mut beyond) = (0.0, false);
            for (row, rest) in rests.iter().enumerate() {
                let part = row * d..(row + 1) * d;
                // Of log-probabilities kept to 2⁻¹² of a nat: the kept, and the sum of the row.
                let off = 2.0 * f64::from(*rest).exp() + 1.0 / 1024.0;
                let off = f64::from(share) * off / f64::from(temperature);
                let (found, bound) = (apart(0, part.clone()), off * longest + 1e-7);
                assert!(found <= bound, "k = {k}, row {row}: {found} of {bound}");
                beyond |= found > 10.0 * f64::from(share) / 1024.0 * longest;
                of_head += off * length(&live[2][part]);
            }
            let found = apart(1, 0..v * d);
            assert!(found <= of_head + 1e-7, "k = {k}: {found} of {of_head}");
            // It is what was left out, and not rounding, that the bound is needed for.
            assert!(k > 3 || beyond, "k = {k}: all within what rounding does");
        }
    }
}

#[test]
fn hidden_states_come_nearer() {
    let place = Place::new();
    let teacher = teacher(16);
    let mut settings = settings();
    settings.tokens = 1920;
    settings.max_epochs = 20.0;
    for hidden_of in [Hidden::Output, Hidden::Blocks] {
        let how = DistillationSettings {
            hidden: 1.0,
            hidden_of,
            ..DistillationSettings::default()
        };
        let with = run(&place, &settings, how, Source::Live(&teacher));
        let losses: Vec<f64> = with.curve.points.iter().map(|point| point.loss).collect();
        let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len() as f64;
        let (first, last) = (mean(&losses[..8]), mean(&losses[losses.len() - 8..]));
        assert!(last < 0.8 * first, "{hidden_of:?}: {last} after {first}");
    }
}

/// The gradients of the hidden-state terms and of D together, by finite differences of the loss: of
/// the last norm's gain, which every output goes through, and of the first block's, below all states.
#[test]
fn gradients_are_those_of_the_loss() {
    let place = Place::new();
    let teacher = teacher(16);
    let mut examples = Examples::default();
    let stream = crate::Stream::new(&place.shards, Default::default(), Default::default(), 7);
    stream.window(&mut crate::Cursor::default(), 12, &mut examples);
    let share = 1.0 / examples.rows() as f32;
    for hidden_of in [Hidden::Output, Hidden::Blocks] {
        let how = DistillationSettings {
            divergence: Compared::JensenShannon,
            temperature: 1.5,
            cross_entropy: 0.3,
            hidden: 0.7,
            hidden_of,
            ..DistillationSettings::default()
        };
        let mut student = toy::decoder();
        let device = student.device.clone();
        let loss = |student: &Decoder<Reference>| -> (f64, [Vec<f32>; 2]) {
            let mut tape = Tape::new(student, 12, Recompute::None, true);
            let mut gradients = student.gradients();
            student.forward(&examples.batch, &mut tape);
            let mut objective =
                Distillation::new(how, 0.0, Source::Live(&teacher), &student.shape, 12).unwrap();
            let output = Output {
                decoder: student,
                tape: &mut tape,
                gradients: &mut gradients,
            };
            let rows = objective.losses(output, &examples, share).unwrap().rows;
            student.backward(&examples.batch, &mut tape, &mut gradients);
            let read = |array| device.read(array, student.shape.width);
            let gains = [read(&gradients.norm), read(&gradients.layers[0].attn_norm)];
            let sum: f64 = rows.iter().map(|&row| f64::from(row)).sum();
            (sum * f64::from(share), gains)
        };
        let (_, gradients) = loss(&student);
        for (gain, gradient) in gradients.iter().enumerate() {
            for at in [0, 5, 15] {
                let mut moved = |by: f32| {
                    let array = |student: &mut Decoder<Reference>, by: f32| {
                        let array = match gain {
                            0 => &mut student.weights.norm,
                            _ => &mut student.weights.layers[0].attn_norm,
                        };
                        let mut values = device.read(array, 16);
                        values[at] += by;
                        device.write(&values, array);
                    };
                    array(&mut student, by);
                    let found = loss(&student).0;
                    array(&mut student, -by);
                    found
                };
                let slope = (moved(0.02) - moved(-0.02)) / 0.04;
                let found = f64::from(gradient[at]);
                let allowed = 2e-3 * slope.abs().max(0.02);
                assert!(
                    (slope - found).abs() < allowed,
                    "{hidden_of:?}, gain {gain}, {at}: {found} for {slope}"
                );
            }
        }
    }
}

#[test]
fn what_does_not_fit_is_a_sentence() {
    let place = Place::new();
    let (wide, settings) = (teacher(32), settings());
    let complaint = |how: DistillationSettings, source: Source<'_, Reference>, sequence: usize| {
        let found = Distillation::new(how, 0.0, source, &toy::shape(), sequence);
        found
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default()
    };
    let plain = DistillationSettings::default();
    let mut shape = toy::shape();
    shape.vocabulary = 30;
    let device = Arc::new(Reference::new(Precision::F32));
    let stranger = Decoder::init(shape, device, 1, 0.05).unwrap();
    let said = complaint(plain, Source::Live(&stranger), 16);
    assert!(said.contains("30") && said.contains("tokenizer"), "{said}");
    let hidden = DistillationSettings {
        hidden: 1.0,
        ..plain
    };
    let said = complaint(hidden, Source::Live(&wide), 16);
    assert!(said.contains("projection") && said.contains("32"), "{said}");
    let said = complaint(plain, Source::Live(&wide), 65);
    assert!(said.contains("65"), "{said}");
    for (how, word) in [
        (
            DistillationSettings {
                temperature: 0.0,
                ..plain
            },
            "temperature",
        ),
        (DistillationSettings { beta: 1.0, ..plain }, "beta"),
        (
            DistillationSettings {
                cross_entropy: 1.5,
                ..plain
            },
            "cross_entropy",
        ),
        (
            DistillationSettings {
                hidden: -1.0,
                ..plain
            },
            "hidden",
        ),
    ] {
        let said = complaint(how, Source::Live(&wide), 16);
        assert!(said.contains(word), "{said}");
    }
    let kept = lessons(&place, &wide, 4, &settings);
    let warm = DistillationSettings {
        temperature: 2.0,
        ..plain
    };
    let said = complaint(warm, Source::Kept(&kept, &place.shards), 16);
    assert!(said.contains("temperature"), "{said}");
    let said = complaint(hidden, Source::Kept(&kept, &place.shards), 16);
    assert!(said.contains("hidden"), "{said}");
    let said = complaint(plain, Source::Kept(&kept, &place.held_out), 16);
    assert!(said.contains("other tokens"), "{said}");
}
