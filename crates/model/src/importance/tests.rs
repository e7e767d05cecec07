//! Importance against a plain calculation, its settings one by one, and a new axis.

use super::choose::{Aggregation, Layers, Norm, Swiglu};
use super::{BLOCKS, CHANNELS, Importance, Meter, NEURONS, QUERY_HEADS, RANKINGS, Ranking, Target};
use crate::example::{batch, decoder, shape};
use crate::gather::{Gather, Selection};
use crate::{Axis, Batch, Decoder, Place, Recompute, Shape, Tape, Use, upscale};
use std::ops::Range;
use tempfile::tempdir;
use tensor::{Cpu, CpuOptions, Forward, Kernels, Precision, Reference};

fn reference() -> Reference {
    Reference::new(Precision::F32)
}

/// The example's batch as two sequences, the first of two segments.
const SEQUENCES: [Range<usize>; 2] = [0..8, 8..13];

fn measured<D: Forward>(decoder: &Decoder<D>, rankings: &[Ranking]) -> Importance {
    let mut meter = Meter::new(decoder, rankings, None, 20).unwrap();
    meter.add(&batch(), &SEQUENCES);
    meter.importance().clone()
}

/// The largest difference of two measurements, as a share of the largest sum of its ranking.
fn apart(a: &Importance, b: &Importance) -> f64 {
    let mut apart = 0.0f64;
    for (a, b) in a.sums.iter().zip(&b.sums) {
        let size = a.values.iter().fold(0.0f64, |size, x| size.max(x.abs()));
        let off = a.values.iter().zip(&b.values).map(|(a, b)| (a - b).abs());
        apart = apart.max(off.fold(0.0, f64::max) / size);
    }
    apart
}

#[test]
fn sums_are_those_of_a_plain_calculation() {
    let s = shape(true);
    let (d, f) = (s.width, s.ffn);
    let decoder = decoder(s.clone(), reference(), Use::Infer);
    // A tape for training keeps every layer's activations until the end.
    let mut tape = Tape::new(&decoder, 13, Recompute::None, true);
    decoder.forward(&batch(), &mut tape);
    let read = |array: &_, width: usize| decoder.device.read(array, 13 * width);
    let t = &tape.buffers;
    let rows = |place: Place, l: usize| match place {
        Place::AttentionNorm => read(t.attn_norm_nd.of(l), d),
        Place::FeedForwardNorm => read(t.mlp_norm_nd.of(l), d),
        Place::LastNorm => read(&tape.hidden_nd, d),
        Place::AttentionOutput => read(t.out.of(l), 24),
        Place::GateUp => read(t.gate_up.of(l), 2 * f),
        Place::Swiglu => read(t.swiglu_nf.of(l), f),
        Place::Stream => read(t.x_nd.of(l), d),
    };
    let score = |name: &str, place, l: usize, row: usize, i: usize| -> f64 {
        let x = rows(place, l);
        let at = |width: usize, i: usize| f64::from(x[row * width + i]);
        match name {
            "channels" => at(d, i).abs(),
            "neurons" => at(f, i).abs(),
            "neurons_gate_up" => (at(2 * f, i).abs() + at(2 * f, f + i).abs()) / 2.0,
            "query_heads" => (0..6)
                .map(|e| at(24, 6 * i + e).powi(2))
                .sum::<f64>()
                .sqrt(),
            "blocks" => {
                let y = rows(place, l + 1);
                let y = |i: usize| f64::from(y[row * d + i]);
                let dot = |a: &dyn Fn(usize) -> f64, b: &dyn Fn(usize) -> f64| {
                    (0..d).map(|i| a(i) * b(i)).sum::<f64>()
                };
                let x = |i: usize| at(d, i);
                1.0 - dot(&x, &y) / (dot(&x, &x) * dot(&y, &y)).sqrt()
            }
            other => panic!("{other}"),
        }
    };
    let found = measured(&decoder, &RANKINGS);
    assert_eq!((found.sequences, found.tokens), (2, 13));
    for (ranking, sums) in RANKINGS.iter().zip(&found.sums) {
        let per_layer: Vec<Place> = ranking
            .places
            .iter()
            .copied()
            .filter(|p| *p != Place::LastNorm)
            .collect();
        let mut sites: Vec<(Place, usize)> = (0..2)
            .flat_map(|l| per_layer.iter().map(move |&p| (p, l)))
            .collect();
        if ranking.places.contains(&Place::LastNorm) {
            sites.push((Place::LastNorm, 2));
        }
        assert_eq!(
            sums.layers,
            sites.iter().map(|site| site.1).collect::<Vec<_>>()
        );
        for (site, &(place, l)) in sites.iter().enumerate() {
            for i in 0..sums.size {
                let mut expected = [0.0; 4];
                for rows in SEQUENCES {
                    let scores: Vec<f64> = rows
                        .map(|row| score(&sums.name, place, l, row, i))
                        .collect();
                    let m = scores.iter().sum::<f64>() / scores.len() as f64;
                    let q2 = scores.iter().map(|x| x * x).sum::<f64>();
                    for (sum, x) in expected.iter_mut().zip([m, m * m, q2.sqrt(), q2]) {
                        *sum += x;
                    }
                }
                for (which, expected) in expected.into_iter().enumerate() {
                    let found = sums.values[(site * 4 + which) * sums.size + i];
                    let off = (found - expected).abs();
                    assert!(
                        off < 1e-5 * expected.abs().max(1e-2),
                        "{} {place:?}",
                        sums.name
                    );
                }
            }
        }
    }
}

fn sequences(count: usize) -> Vec<Vec<u32>> {
    (0..count as u32)
        .map(|s| (0..9).map(|t| (s * 7 + t * t * 3 + 2) % 23).collect())
        .collect()
}

/// Measures `all` in batches of `at_once` sequences.
fn in_batches<D: Forward>(decoder: &Decoder<D>, all: &[Vec<u32>], at_once: usize) -> Importance {
    let mut meter = Meter::new(decoder, &RANKINGS, None, 9 * at_once).unwrap();
    for some in all.chunks(at_once) {
        let rows: Vec<Range<usize>> = (0..some.len()).map(|s| 9 * s..9 * (s + 1)).collect();
        meter.add(&Batch::segments(some), &rows);
    }
    meter.finish().unwrap()
}

fn cpu(precision: Precision, threads: usize) -> Cpu {
    Cpu::new(CpuOptions {
        precision,
        threads: Some(threads),
        kernels: Some(Kernels::detect()),
    })
}

#[test]
fn threads_change_no_bit_and_the_micro_batch_hardly_any() {
    let all = sequences(8);
    for (precision, tolerance) in [(Precision::F32, 1e-5), (Precision::Bf16, 2e-2)] {
        let of = |threads, at_once| {
            in_batches(
                &decoder(shape(false), cpu(precision, threads), Use::Infer),
                &all,
                at_once,
            )
        };
        let one = of(1, 8);
        assert!(one == of(2, 8) && one == of(3, 8));
        for at_once in [1, 3] {
            let off = apart(&one, &of(2, at_once));
            assert!(off < tolerance, "{at_once} at once in {precision:?}: {off}");
        }
    }
}

#[test]
fn gone_on_from_the_file_is_never_stopped() {
    let decoder = decoder(shape(true), reference(), Use::Infer);
    let whole = in_batches(&decoder, &sequences(8), 2);
    let mut meter = Meter::new(&decoder, &RANKINGS, None, 9).unwrap();
    for (at, sequence) in sequences(8).iter().enumerate() {
        if at == 5 {
            let folder = tempdir().unwrap();
            let path = folder.path().join("importance.safetensors");
            meter.importance().save(&path).unwrap();
            let begun = Importance::load(&path).unwrap();
            assert_eq!(begun, *meter.importance());
            meter = Meter::new(&decoder, &RANKINGS, Some(begun), 9).unwrap();
        }
        meter.add(&Batch::segments([sequence]), std::slice::from_ref(&(0..9)));
    }
    assert!(apart(&meter.finish().unwrap(), &whole) < 1e-12);
}

#[test]
fn a_damaged_file_is_a_sentence() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("importance.safetensors");
    let error = Importance::load(&path).unwrap_err();
    assert!(error.to_string().contains("stage `importance`"), "{error}");
    let importance = Importance::new(&shape(true), &RANKINGS);
    importance.save(&path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    for cut in [7, 300, bytes.len() - 1] {
        disk::write(&path, &bytes[..cut]).unwrap();
        let error = Importance::load(&path).unwrap_err().to_string();
        assert!(error.contains("is not importance"), "{error}");
    }
}

#[test]
fn too_little_text_and_no_numbers_are_sentences() {
    let decoder = decoder(shape(true), reference(), Use::Infer);
    let mut meter = Meter::new(&decoder, &RANKINGS, None, 13).unwrap();
    meter.add(&batch(), &SEQUENCES);
    let error = meter.finish().unwrap_err().to_string();
    assert!(
        error.contains("13 tokens is too small") && error.contains("at least 14"),
        "{error}"
    );

    let broken = Decoder::build(shape(true), decoder.device.clone(), Use::Infer, |spec| {
        Ok(crate::Numbers::F32(vec![f32::NAN; spec.len()]))
    });
    let broken = broken.unwrap();
    let mut meter = Meter::new(&broken, &RANKINGS, None, 26).unwrap();
    meter.add(&batch(), &SEQUENCES);
    meter.add(&batch(), &SEQUENCES);
    let error = meter.finish().unwrap_err().to_string();
    assert!(error.contains("not finite"), "{error}");
    let other = Importance::new(
        &Shape {
            ffn: 15,
            ..shape(true)
        },
        &RANKINGS,
    );
    assert!(Meter::new(&decoder, &RANKINGS, Some(other), 9).is_err());
}

/// An importance of one sequence in which a score is what `of(layer, index)` says, under every
/// aggregation of tokens.
fn made(ranking: &Ranking, of: impl Fn(usize, usize) -> f64) -> Importance {
    let mut importance = Importance::new(&shape(false), &[*ranking]);
    importance.sequences = 1;
    let sums = &mut importance.sums[0];
    let sites: Vec<usize> = sums.layers.clone();
    for (site, layer) in sites.into_iter().enumerate() {
        for which in 0..4 {
            for i in 0..sums.size {
                let score = of(layer, i);
                let at = (site * 4 + which) * sums.size + i;
                sums.values[at] = if which % 2 == 0 { score } else { score * score };
            }
        }
    }
    importance
}

#[test]
fn channels_are_shared_or_every_layers_own() {
    // Layer 0 loves channel 1, layer 1 channel 2; all like channel 3 well enough.
    let importance = made(&CHANNELS, |layer, i| match (layer, i) {
        (0, 1) | (1, 2) => 5.0,
        (_, 3) => 4.0,
        _ => 1.0,
    });
    let choose = |layer| {
        let how = Aggregation {
            layer,
            ..Aggregation::default()
        };
        importance.choice(&CHANNELS, &how, &[0, 1], 1).unwrap()
    };
    let (shared, share) = choose(Layers::Sum);
    assert_eq!(shared.lists(), [[3]]);
    // Two sites in each layer and the last norm: 20 of 10·… in all.
    assert!(
        (share - 20.0 / (20.0 + 2.0 * 13.0 + 7.0 * 5.0)).abs() < 1e-12,
        "{share}"
    );
    let own = choose(Layers::PerLayer).0;
    assert_eq!(own.lists(), [[1], [2]]);
    let selection = Selection::everything().with(Axis::Width, own);
    assert_eq!(
        Gather::new(&shape(false), selection).unwrap().shape().width,
        1
    );
}

#[test]
fn tokens_and_sequences_are_aggregated_as_asked() {
    // Scores of three neurons over two sequences of two tokens each.
    let tokens = [
        [[3.0, 3.0], [3.0, 3.0]], // steady
        [[4.2, 0.0], [4.2, 3.0]], // bursts within sequences
        [[5.6, 5.6], [0.1, 0.1]], // one sequence alone
    ];
    let mut importance = Importance::new(&shape(false), &[NEURONS]);
    importance.sequences = 2;
    let sums = &mut importance.sums[0];
    for (i, sequences) in tokens.iter().enumerate() {
        for [a, b] in sequences {
            let (m, q2) = ((a + b) / 2.0, a * a + b * b);
            for (which, x) in [m, m * m, f64::sqrt(q2), q2].into_iter().enumerate() {
                sums.values[which * sums.size + i] += x;
            }
        }
    }
    let best = |batch, sequence| {
        let how = Aggregation {
            batch,
            sequence,
            ..Aggregation::default()
        };
        importance
            .choice(&NEURONS, &how, &[0], 1)
            .unwrap()
            .0
            .lists()[0][0]
    };
    assert_eq!(best(Norm::Mean, Norm::Mean), 0); // 3 against 2.85 and 2.85
    assert_eq!(best(Norm::L2, Norm::Mean), 2); // 5.6 against 4.2 and 4.2
    assert_eq!(best(Norm::Mean, Norm::L2), 1); // 4.7 against 4.2 and 4.0
    assert_eq!(best(Norm::L2, Norm::L2), 2); // 7.9 against 6.0 and 6.6
}

#[test]
fn heads_are_taken_from_every_group_alike_or_not() {
    // Both best heads of the layer are in the second group.
    let importance = made(&QUERY_HEADS, |_, i| [1.0, 2.0, 4.0, 3.0][i]);
    let choose = |align_groups| {
        let how = Aggregation {
            align_groups,
            ..Aggregation::default()
        };
        importance.choice(&QUERY_HEADS, &how, &[1, 0], 1).unwrap()
    };
    let (aligned, share) = choose(true);
    assert_eq!(aligned.lists(), [[1], [0], [1], [0]]);
    assert!((share - (2.0 / 3.0 + 4.0 / 7.0) / 2.0).abs() < 1e-12);
    assert_eq!(choose(false).0.lists(), [[2, 3], [2, 3]]);
    for align in [true, false] {
        let selection = Selection::everything().with(Axis::Group, choose(align).0);
        assert_eq!(
            Gather::new(&shape(false), selection)
                .unwrap()
                .shape()
                .query_heads,
            2
        );
    }
}

#[test]
fn neurons_are_judged_by_what_was_asked_and_layers_follow_blocks() {
    let decoder = decoder(shape(false), reference(), Use::Infer);
    let importance = measured(&decoder, &RANKINGS);
    let target = Target {
        ffn: Some(5),
        layers: Some(1),
        ..Target::default()
    };
    let of = |swiglu| {
        let how = Aggregation {
            swiglu,
            ..Aggregation::default()
        };
        importance.cut(&target, &how).unwrap()
    };
    let (a, b) = (of(Swiglu::Intermediate), of(Swiglu::GateUp));
    assert_ne!(a.gather.selection(), b.gather.selection());
    // The layer that stays brings its own neurons.
    let blocks = &importance.sums[4];
    assert_eq!(blocks.name, BLOCKS.name);
    let stays = usize::from(blocks.values[4] > blocks.values[0]);
    let along = |axis| a.gather.selection().along(axis).unwrap().lists().to_vec();
    assert_eq!(along(Axis::Layer), [[stays]]);
    let how = Aggregation::default();
    let neurons = importance.choice(&NEURONS, &how, &[stays], 5).unwrap().0;
    assert_eq!(along(Axis::Ffn), neurons.lists());
    assert!(a.share() > 0.0 && a.share() < 1.0);
    assert_eq!(a.kept.len(), 2);
}

#[test]
fn what_does_nothing_is_cut_first_and_not_missed() {
    // Three neurons of each layer are dead, and so is the copied block.
    let living = decoder(shape(false), reference(), Use::Train);
    let values: std::collections::BTreeMap<String, Vec<f32>> = living
        .parameters()
        .map(|(spec, mut values)| {
            if spec.name.ends_with("gate") {
                for dead in [2, 5, 11] {
                    values[dead * 10..][..10].fill(0.0);
                }
            }
            (spec.name.clone(), values)
        })
        .collect();
    struct Values(std::collections::BTreeMap<String, Vec<f32>>);
    impl crate::gather::Source for Values {
        fn rows(
            &self,
            spec: &crate::ParameterSpec,
            rows: &[usize],
        ) -> anyhow::Result<crate::Numbers> {
            let width = spec.len() / spec.dimensions[0];
            let values = &self.0[&spec.name];
            let taken = rows.iter().flat_map(|row| &values[row * width..][..width]);
            Ok(crate::Numbers::F32(taken.copied().collect()))
        }
    }
    let source = Values(values);
    let build = |gather: &Gather, source: &Values| {
        Decoder::build(
            gather.shape().clone(),
            living.device.clone(),
            Use::Infer,
            |spec| gather.parameter(spec, source),
        )
        .unwrap()
    };
    let up = upscale::gather(&shape(false), &[0, 1, 1], true).unwrap();
    let deep = build(&up, &source);
    let importance = measured(&deep, &RANKINGS);
    let target = Target {
        layers: Some(2),
        ffn: Some(11),
        ..Target::default()
    };
    let cut = importance.cut(&target, &Aggregation::default()).unwrap();
    assert!(
        cut.kept.iter().all(|(_, share)| *share > 1.0 - 1e-6),
        "{:?}",
        cut.kept
    );
    let deep_source = Values(
        deep.parameters()
            .map(|(spec, values)| (spec.name.clone(), values))
            .collect(),
    );
    let small = build(&cut.gather, &deep_source);
    let hidden = |decoder: &Decoder<Reference>| {
        let mut tape = Tape::new(decoder, 13, Recompute::None, false);
        decoder.forward(&batch(), &mut tape);
        decoder.device.read(&tape.hidden_nd, 130)
    };
    for (a, b) in hidden(&small).iter().zip(hidden(&deep)) {
        assert!((a - b).abs() < 1e-5, "{a} {b}");
    }
}

/// A new axis, as promised: one line …
const KV_HEADS: Ranking = Ranking {
    name: "kv_heads",
    axis: Axis::KvHead,
    given: &[],
    places: &[Place::AttentionOutput],
    score: loudest_of_group,
};

/// … and one function.
fn loudest_of_group(shape: &Shape, row: &[f32], scores: &mut [f32]) {
    let group = shape.size(Axis::Group) * shape.head_dim;
    for (score, heads) in scores.iter_mut().zip(row.chunks_exact(group)) {
        *score = heads.iter().fold(0.0, |most, x| most.max(x.abs()));
    }
}

#[test]
fn a_new_axis_is_one_function_and_one_line() {
    let decoder = decoder(shape(false), reference(), Use::Infer);
    let importance = measured(&decoder, &[KV_HEADS]);
    let how = Aggregation::default();
    let (choice, share) = importance.choice(&KV_HEADS, &how, &[0, 1], 1).unwrap();
    assert!((0.5..1.0).contains(&share));
    let gather = Gather::new(
        &shape(false),
        Selection::everything().with(Axis::KvHead, choice),
    );
    let cut = gather.unwrap();
    assert_eq!((cut.shape().kv_heads, cut.shape().query_heads), (1, 2));
}

#[test]
fn targets_that_cannot_be_are_sentences() {
    let nano = Shape::named("2.1b").unwrap();
    let untied = Shape {
        tied: false,
        ..nano.clone()
    };
    let nothing = Target::default;
    for (target, shape, words) in [
        (
            Target {
                width: Some(2048),
                ..nothing()
            },
            &nano,
            "ask for 1 to 1792",
        ),
        (
            Target {
                layers: Some(33),
                ..nothing()
            },
            &nano,
            "ask for 1 to 32",
        ),
        (
            Target {
                ffn: Some(0),
                ..nothing()
            },
            &nano,
            "ask for 1 to 8064",
        ),
        (
            Target {
                query_heads: Some(32),
                ..nothing()
            },
            &nano,
            "ask for 1 to 24",
        ),
        (
            Target {
                query_heads: Some(12),
                ..nothing()
            },
            &nano,
            "ask for 8 or 16 or 24",
        ),
        (
            Target {
                tied: Some(false),
                ..nothing()
            },
            &nano,
            "leave it out",
        ),
    ] {
        let error = target.shape(shape).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    let tied = Target {
        tied: Some(true),
        ..nothing()
    };
    assert_eq!(tied.shape(&untied).unwrap(), nano);
    assert_eq!(tied.shape(&nano).unwrap(), nano);
    let importance = Importance::new(&shape(false), &[CHANNELS]);
    let target = Target {
        ffn: Some(3),
        ..nothing()
    };
    let error = importance
        .cut(&target, &Aggregation::default())
        .unwrap_err()
        .to_string();
    assert!(error.contains("neurons was not measured"), "{error}");
}
