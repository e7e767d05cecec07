use std::path::PathBuf;

use std::sync::Arc;

use model::Decoder;
use tensor::{Cpu, CpuOptions, Forward, Reference};

use super::*;
use crate::toy::{self, Place};
use crate::{Cursor, Examples, Stream};

fn settings(seen: Seen, likeliest: usize) -> LessonSettings {
    LessonSettings {
        likeliest,
        temperature: 1.0,
        seen,
        sequence: 16,
        documents: Documents::Packed,
        order: Order::Shuffled,
        seed: 7,
    }
}

fn folder(place: &Place, name: &str) -> PathBuf {
    let dir = place.dir.path().join(name);
    std::fs::create_dir(&dir).unwrap();
    dir
}

fn make(
    place: &Place,
    dir: &Path,
    settings: &LessonSettings,
    watch: &mut dyn FnMut(u64, u64) -> bool,
) -> Result<Option<Description>> {
    let decoder: Decoder<Reference> = toy::decoder();
    let teaching = Teaching {
        decoder: &decoder,
        shards: &place.shards,
        settings,
        micro_batch: 2,
        dir,
        part_rows: Some(60),
    };
    teach(&teaching, watch)
}

fn files(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .flatten()
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, std::fs::read(entry.path()).unwrap())
        })
        .collect();
    found.sort();
    found
}

/// Every token of a document, in its own context and in a window's, against the decoder asked then.
#[test]
fn lessons_are_what_the_teacher_says() {
    let place = Place::new();
    let decoder = toy::decoder();
    let k = 5;
    for seen in [Seen::Documents, Seen::Windows] {
        let dir = folder(&place, &format!("{seen:?}"));
        let description = make(&place, &dir, &settings(seen, k), &mut |_, _| true)
            .unwrap()
            .unwrap();
        assert!(description.parts.len() > 3, "{description:?}");
        let lessons = Lessons::open(&dir).unwrap();
        lessons.fits(&place.shards).unwrap();
        assert_eq!(lessons.description(), &description);
        let mut examples = Examples::default();
        match seen {
            Seen::Documents => {
                for document in [3, 7] {
                    let tokens = place.shards.length(document);
                    let piece = crate::Piece {
                        document,
                        from: 0,
                        to: tokens,
                    };
                    examples.segment(&place.shards, piece);
                }
            }
            Seen::Windows => {
                let stream = Stream::new(&place.shards, Documents::Packed, Order::Shuffled, 7);
                let mut cursor = Cursor::default();
                for _ in 0..3 {
                    stream.window(&mut cursor, 16, &mut examples);
                }
            }
        }
        let n = examples.fed.len();
        let mut tape = model::Tape::new(&decoder, n, model::Recompute::None, false);
        decoder.forward(&examples.batch, &mut tape);
        let wanted = decoder
            .device
            .likeliest(n, &tape.hidden_nd, decoder.head(), k, 1.0);
        let found = lessons.read(&place.shards, &examples.fed).unwrap();
        assert_eq!(found.ids, wanted.ids);
        for (found, wanted) in found.log_p.iter().zip(&wanted.log_p) {
            assert!((found - wanted).abs() < 1.0 / 2048.0, "{found} {wanted}");
        }
        for (row, rest) in found.rest.iter().enumerate() {
            let kept = &found.log_p[row * k..(row + 1) * k];
            let total: f64 = kept.iter().chain([rest]).map(|&x| f64::from(x).exp()).sum();
            assert!((total - 1.0).abs() < 1e-6, "a distribution: {total}");
        }
        // Any token, in any order; a document read from its middle.
        let some = [examples.fed[n - 1], examples.fed[2], examples.fed[3]];
        let found = lessons.read(&place.shards, &some).unwrap();
        assert_eq!(found.ids[k..2 * k], wanted.ids[2 * k..3 * k]);
    }
}

/// Where a window begins a document, both contexts say the same; where it cuts one, a teacher that saw
/// the document from its beginning says something else, and that is all the difference there is.
#[test]
fn contexts_differ_where_a_window_cuts_a_document_and_nowhere_else() {
    let place = Place::new();
    let k = toy::VOCABULARY;
    let [documents, windows] = [Seen::Documents, Seen::Windows].map(|seen| {
        let dir = folder(&place, &format!("{seen:?}"));
        make(&place, &dir, &settings(seen, k), &mut |_, _| true).unwrap();
        Lessons::open(&dir).unwrap()
    });
    let stream = Stream::new(&place.shards, Documents::Packed, Order::Shuffled, 7);
    let (mut cursor, mut examples) = (Cursor::default(), Examples::default());
    let (mut rows, mut cut, mut apart) = (0, 0, 0.0);
    while rows + 16 < place.shards.tokens() {
        examples.clear();
        rows += stream.window(&mut cursor, 16, &mut examples) as u64;
        let [whole, part] =
            [&documents, &windows].map(|it| it.read(&place.shards, &examples.fed).unwrap());
        for (row, &(_, token)) in examples.fed.iter().enumerate() {
            let of = row * k..(row + 1) * k;
            let pairs = whole.log_p[of.clone()].iter().zip(&part.log_p[of]);
            let divergence: f64 = pairs
                .map(|(&p, &q)| f64::from(p).exp() * f64::from(p - q))
                .sum();
            if u64::from(examples.batch.positions[row]) == token {
                assert!(divergence.abs() < 1e-6, "{divergence}");
            } else {
                cut += 1;
                apart += divergence;
            }
        }
    }
    assert!(cut > 20 && apart / f64::from(cut) > 1e-7, "{cut} {apart}");
}

#[test]
fn a_pass_that_was_stopped_ends_with_the_same_bytes() {
    let place = Place::new();
    for seen in [Seen::Documents, Seen::Windows] {
        let (whole, broken) = (
            folder(&place, &format!("whole-{seen:?}")),
            folder(&place, &format!("broken-{seen:?}")),
        );
        let settings = settings(seen, 3);
        make(&place, &whole, &settings, &mut |_, _| true).unwrap();
        let mut stops = 0;
        loop {
            let mut asked = 0;
            let done = make(&place, &broken, &settings, &mut |_, _| {
                asked += 1;
                asked <= 3
            })
            .unwrap();
            if done.is_some() {
                break;
            }
            stops += 1;
            assert!(stops < 50, "it never gets through");
        }
        assert!(stops > 3, "{stops}");
        assert_eq!(files(&whole), files(&broken));
        let other = LessonSettings {
            likeliest: 4,
            ..settings
        };
        let error = make(&place, &broken, &other, &mut |_, _| true).unwrap_err();
        assert!(error.to_string().contains("other settings"), "{error}");
    }
}

/// As [`Teaching::micro_batch`] says: other bytes, the same lessons but for rounding.
#[test]
fn another_micro_batch_says_the_same() {
    let place = Place::new();
    let device = Arc::new(Cpu::new(CpuOptions::default()));
    let decoder = Decoder::init(toy::shape(), device, 7, 0.3).unwrap();
    for seen in [Seen::Documents, Seen::Windows] {
        let settings = settings(seen, 5);
        let made = [1, 5].map(|micro_batch| {
            let dir = folder(&place, &format!("{seen:?}-{micro_batch}"));
            let teaching = Teaching {
                decoder: &decoder,
                shards: &place.shards,
                settings: &settings,
                micro_batch,
                dir: &dir,
                part_rows: Some(60),
            };
            let made = teach(&teaching, &mut |_, _| true).unwrap().unwrap();
            (made, Lessons::open(&dir).unwrap())
        });
        let [(one, ones), (five, fives)] = &made;
        assert!(one.parts.len() > five.parts.len(), "parts end with batches");
        assert_eq!(one.rows, five.rows);
        assert!(
            (one.rest - five.rest).abs() < 1e-5,
            "{} {}",
            one.rest,
            five.rest
        );
        let stream = Stream::new(&place.shards, Documents::Packed, Order::Shuffled, 7);
        let (mut cursor, mut examples) = (Cursor::default(), Examples::default());
        while (examples.fed.len() as u64) + 16 < one.rows {
            stream.window(&mut cursor, 16, &mut examples);
        }
        let [a, b] = [ones, fives].map(|it| it.read(&place.shards, &examples.fed).unwrap());
        assert_eq!(a.ids, b.ids);
        let pairs = a.log_p.iter().zip(&b.log_p);
        for (a, b) in pairs.chain(a.rest.iter().zip(&b.rest)) {
            // Where rounding falls to the other side, a step of 2⁻¹¹, and what the row's sum shifts.
            assert!((a - b).abs() < 1.0 / 1024.0, "{a} {b}");
        }
    }
}

#[test]
fn a_teacher_that_says_no_number_teaches_nothing() {
    let place = Place::new();
    let dir = folder(&place, "broken");
    let mut decoder = toy::decoder();
    let device = decoder.device.clone();
    device.write(&[f32::NAN; 16], &mut decoder.weights.norm);
    let settings = settings(Seen::Documents, 3);
    let teaching = Teaching {
        decoder: &decoder,
        shards: &place.shards,
        settings: &settings,
        micro_batch: 2,
        dir: &dir,
        part_rows: Some(60),
    };
    let error = teach(&teaching, &mut |_, _| true).unwrap_err().to_string();
    assert!(error.contains("token 0 of document 0 (문서-0)"), "{error}");
    assert!(files(&dir).is_empty(), "nothing is left of it");
}

#[test]
fn damage_is_a_sentence_and_never_a_number() {
    let place = Place::new();
    let dir = folder(&place, "sound");
    make(&place, &dir, &settings(Seen::Documents, 3), &mut |_, _| {
        true
    })
    .unwrap();
    let sound = files(&dir);
    let part = dir.join(part_file(0));
    let bytes = std::fs::read(&part).unwrap();
    let all: Vec<(u64, u64)> = (0..place.shards.documents())
        .flat_map(|document| (0..place.shards.length(document)).map(move |token| (document, token)))
        .collect();
    let read = || -> Result<()> {
        let lessons = Lessons::open(&dir)?;
        lessons.fits(&place.shards)?;
        lessons.read(&place.shards, &all).map(drop)
    };
    read().unwrap();
    #[allow(clippy::disallowed_methods)] // the test plays the damage
    let put = |bytes: &[u8]| std::fs::write(&part, bytes).unwrap();
    for cut in [0, 1, 100, bytes.len() / 2, bytes.len() - 1] {
        put(&bytes[..cut]);
        let error = read().unwrap_err().to_string();
        assert!(error.contains("lessons-00000.part"), "{cut}: {error}");
    }
    for at in (0..bytes.len()).step_by(37) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        put(&damaged);
        assert!(read().is_err(), "a bit at {at} of {}", bytes.len());
    }
    put(&bytes);
    assert_eq!(files(&dir), sound);
    // Other tokens of the same lengths.
    let other = folder(&place, "other");
    let error = Lessons::open(&other).err().unwrap().to_string();
    assert!(error.contains("lessons.json"), "{error}");
    let lessons = Lessons::open(&dir).unwrap();
    let error = lessons.fits(&place.held_out).unwrap_err().to_string();
    assert!(error.contains("other tokens"), "{error}");
    let changed = folder(&place, "changed");
    for (name, bytes) in files(place.shards.dir()) {
        let mut bytes = bytes;
        if name == "tokens-00000.u32" {
            bytes[4] ^= 1;
        }
        #[allow(clippy::disallowed_methods)] // the test plays the damage
        std::fs::write(changed.join(name), bytes).unwrap();
    }
    let changed = Shards::open(&changed).unwrap();
    lessons.fits(&changed).unwrap();
    let error = lessons.read(&changed, &[(0, 1)]).unwrap_err().to_string();
    assert!(error.contains("other tokens"), "{error}");
}

#[test]
fn what_was_not_seen_is_a_sentence() {
    let place = Place::new();
    let dir = folder(&place, "windows");
    make(&place, &dir, &settings(Seen::Windows, 3), &mut |_, _| true).unwrap();
    let lessons = Lessons::open(&dir).unwrap();
    let stream = Stream::new(&place.shards, Documents::Packed, Order::Shuffled, 7);
    let last = stream.epoch(0).last().unwrap();
    let token = place.shards.length(last) - 1;
    let error = lessons.read(&place.shards, &[(last, token)]).unwrap_err();
    assert!(error.to_string().contains("other windows"), "{error}");
    for (settings, word) in [
        (
            LessonSettings {
                likeliest: 0,
                ..settings(Seen::Windows, 3)
            },
            "likeliest",
        ),
        (
            LessonSettings {
                likeliest: 25,
                ..settings(Seen::Windows, 3)
            },
            "likeliest",
        ),
        (
            LessonSettings {
                sequence: 65,
                ..settings(Seen::Windows, 3)
            },
            "sequence",
        ),
        (
            LessonSettings {
                temperature: 0.0,
                ..settings(Seen::Windows, 3)
            },
            "temperature",
        ),
    ] {
        let dir = folder(
            &place,
            &format!("bad-{word}-{}-{}", settings.likeliest, settings.sequence),
        );
        let error = make(&place, &dir, &settings, &mut |_, _| true).unwrap_err();
        assert!(error.to_string().contains(word), "{error}");
    }
}
