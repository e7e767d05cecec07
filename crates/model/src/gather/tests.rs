//! Surgery against what it should be: nothing changed, nothing depending on the order, and cut
//! decoders that compute what the whole one computes with the rest masked out.

use super::{Choice, Gather, Selection, Source};
use crate::example::{batch, decoder, shape};
use crate::{Axis, Decoder, Numbers, ParameterSpec, Recompute, Shape, Tape, Use, table, upscale};
use anyhow::Result;
use proptest::prelude::*;
use proptest::sample::subsequence;
use std::collections::BTreeMap;
use std::sync::Arc;
use tensor::{Cpu, CpuOptions, Forward, Precision, Reference};

/// Weights in memory.
#[derive(Clone)]
struct Held(BTreeMap<String, Vec<f32>>);

impl Held {
    fn of<D: Forward>(decoder: &Decoder<D>) -> Self {
        let parameters = decoder.parameters();
        Held(
            parameters
                .map(|(spec, values)| (spec.name.clone(), values))
                .collect(),
        )
    }

    /// What a surgery makes of them.
    fn after(&self, gather: &Gather) -> Self {
        let parts = table(gather.shape()).into_iter().map(|spec| {
            let numbers = gather.parameter(&spec, self).unwrap();
            assert_eq!(numbers.values().len(), spec.len(), "{}", spec.name);
            (spec.name, numbers.into_f32())
        });
        Held(parts.collect())
    }

    fn decoder<D: Forward>(&self, shape: &Shape, device: D) -> Decoder<D> {
        Decoder::build(shape.clone(), Arc::new(device), Use::Infer, |spec| {
            Ok(Numbers::F32(self.0[&spec.name].clone()))
        })
        .unwrap()
    }
}

impl Source for Held {
    fn rows(&self, spec: &ParameterSpec, rows: &[usize]) -> Result<Numbers> {
        let values = &self.0[&spec.name];
        assert_eq!(values.len(), spec.len(), "the spec is of the source");
        let width = spec.len() / spec.dimensions[0];
        let rows = rows.iter().flat_map(|row| &values[row * width..][..width]);
        Ok(Numbers::F32(rows.copied().collect()))
    }
}

fn reference() -> Reference {
    Reference::new(Precision::F32)
}

/// Three layers, three kv heads of three query heads each, so that there is something to choose.
pub(super) fn roomy(tied: bool) -> Shape {
    Shape {
        layers: 3,
        kv_heads: 3,
        query_heads: 9,
        ..shape(tied)
    }
}

fn held(tied: bool) -> Held {
    Held::of(&decoder(roomy(tied), reference(), Use::Train))
}

pub(super) fn gather(selection: Selection) -> Gather {
    Gather::new(&roomy(false), selection).unwrap()
}

fn hidden<D: Forward>(decoder: &Decoder<D>) -> Vec<f32> {
    let batch = batch();
    let mut tape = Tape::new(decoder, batch.rows(), Recompute::None, false);
    decoder.forward(&batch, &mut tape);
    let len = batch.rows() * decoder.shape.width;
    decoder.device.read(&tape.hidden_nd, len)
}

/// Choices by the *source's* indices, from which a selection for any list of layers and kv heads
/// follows.
#[derive(Clone, Debug)]
struct Wanted {
    layers: Vec<usize>,
    width: Vec<usize>,
    kv_heads: Vec<usize>,
    vocabulary: Vec<usize>,
    /// Rotary pairs.
    pairs: Vec<usize>,
    /// By layer.
    neurons: Vec<Vec<usize>>,
    /// By layer and kv head, within the group.
    heads: Vec<Vec<Vec<usize>>>,
}

impl Wanted {
    fn everything() -> Self {
        let s = roomy(false);
        let all = |n: usize| (0..n).collect::<Vec<usize>>();
        Wanted {
            layers: all(s.layers),
            width: all(s.width),
            kv_heads: all(s.kv_heads),
            vocabulary: all(s.vocabulary),
            pairs: all(s.head_dim / 2),
            neurons: vec![all(s.ffn); s.layers],
            heads: vec![vec![all(3); s.kv_heads]; s.layers],
        }
    }

    /// The choice along an axis for a result whose layers and kv heads are these of the source.
    fn choice(&self, axis: Axis, layers: &[usize], kv_heads: &[usize]) -> Choice {
        match axis {
            Axis::Layer => Choice::global(self.layers.clone()),
            Axis::Width => Choice::global(self.width.clone()),
            Axis::KvHead => Choice::global(self.kv_heads.clone()),
            Axis::Vocabulary => Choice::global(self.vocabulary.clone()),
            Axis::HeadDim => {
                let high = self.pairs.iter().map(|pair| pair + 3);
                Choice::global(self.pairs.iter().copied().chain(high).collect::<Vec<_>>())
            }
            Axis::Ffn => {
                let lists = layers.iter().map(|&l| self.neurons[l].clone());
                Choice::given([Axis::Layer], lists.collect())
            }
            Axis::Group => {
                let of = |&l: &usize| kv_heads.iter().map(move |&k| self.heads[l][k].clone());
                Choice::given(
                    [Axis::Layer, Axis::KvHead],
                    layers.iter().flat_map(of).collect(),
                )
            }
        }
    }

    fn all(&self) -> Selection {
        AXES.iter()
            .fold(Selection::everything(), |selection, &axis| {
                selection.with(axis, self.choice(axis, &self.layers, &self.kv_heads))
            })
    }
}

const AXES: [Axis; 7] = [
    Axis::Layer,
    Axis::Width,
    Axis::Ffn,
    Axis::KvHead,
    Axis::Group,
    Axis::HeadDim,
    Axis::Vocabulary,
];

fn wanted() -> impl Strategy<Value = Wanted> {
    let some = |n: usize, least: usize| subsequence((0..n).collect::<Vec<_>>(), least..=n);
    let neurons = (1..=14usize).prop_flat_map(|keep| {
        prop::collection::vec(subsequence((0..14).collect::<Vec<_>>(), keep), 3)
    });
    let heads = (1..=3usize).prop_flat_map(|keep| {
        let group = subsequence((0..3).collect::<Vec<_>>(), keep);
        prop::collection::vec(prop::collection::vec(group, 3), 3)
    });
    (
        prop::collection::vec(0..3usize, 1..6),
        some(10, 2),
        some(3, 1),
        some(3, 1),
        neurons,
        heads,
        some(23, 3),
    )
        .prop_map(
            |(layers, width, kv_heads, pairs, neurons, heads, vocabulary)| Wanted {
                layers,
                width,
                kv_heads,
                vocabulary,
                pairs,
                neurons,
                heads,
            },
        )
}

/// The decoder with everything that is not wanted set to zero by hand, layer by layer as wanted. Norms
/// divide by the mean over d channels here and over d' after the cut, so gains and epsilon make up
/// for that: y = x·g / √(S/d' + ε) = x·g·√(d'/d) / √(S/d + ε·d'/d). Scores are scaled by 1/√e here and
/// by 1/√e' after; queries make up for that.
fn masked(whole: &Held, wanted: &Wanted) -> Decoder<Reference> {
    let s = roomy(false);
    let (d, e) = (s.width, s.head_dim);
    let kept = wanted.width.len() as f32 / d as f32;
    let stretch = (e as f32 / (2 * wanted.pairs.len()) as f32).sqrt();
    let channel = |i: usize| wanted.width.contains(&i);
    let number = |i: usize| wanted.pairs.contains(&(i % 3));
    let kv = |row: usize| wanted.kv_heads.contains(&(row / e)) && number(row % e);
    let shape = Shape {
        layers: wanted.layers.len(),
        norm_epsilon: s.norm_epsilon * kept,
        ..s.clone()
    };
    Decoder::build(shape, Arc::new(reference()), Use::Infer, |spec| {
        let layer = spec.layer.map(|l| wanted.layers[l]);
        let name = match (spec.layer, layer) {
            (Some(l), Some(source)) => spec
                .name
                .replace(&format!("layers.{l}."), &format!("layers.{source}.")),
            _ => spec.name.clone(),
        };
        let query = |row: usize| {
            let (head, within) = (row / e, row % e);
            let (k, g) = (head / 3, head % 3);
            kv(k * e + within) && wanted.heads[layer.unwrap()][k].contains(&g)
        };
        let neuron = |i: usize| wanted.neurons[layer.unwrap()].contains(&i);
        let mut values = whole.0[&name].clone();
        let width = spec.dimensions.get(1).copied().unwrap_or(1);
        for (at, value) in values.iter_mut().enumerate() {
            let (row, column) = (at / width, at % width);
            let keeps = match name.rsplit('.').next().unwrap() {
                "embed" | "head" => channel(column),
                "norm" => channel(row),
                "q" => query(row) && channel(column),
                "k" | "v" => kv(row) && channel(column),
                "o" => channel(row) && query(column),
                "gate" | "up" => neuron(row) && channel(column),
                "down" => channel(row) && neuron(column),
                other => panic!("{other}"),
            };
            *value = match (keeps, name.ends_with("norm"), name.ends_with(".q")) {
                (false, _, _) => 0.0,
                (true, true, _) => *value * kept.sqrt(),
                (true, _, true) => *value * stretch,
                (true, _, _) => *value,
            };
        }
        Ok(Numbers::F32(values))
    })
    .unwrap()
}

/// To rounding, which a norm over two channels that are next to nothing makes larger, block by block; what is cut
/// wrongly differs by the size of the numbers.
fn check_close(found: &[f32], expected: &[f32]) -> std::result::Result<(), TestCaseError> {
    prop_assert_eq!(found.len(), expected.len());
    let size = expected.iter().fold(1e-3f32, |size, x| size.max(x.abs()));
    for (a, b) in found.iter().zip(expected) {
        prop_assert!((a - b).abs() <= 5e-4 * size, "{a} and {b}, of {size}");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn gathers_on_different_axes_commute(wanted in wanted(), a in 0..7usize, b in 0..7usize) {
        let (a, b) = (AXES[a], AXES[b]);
        if a == b {
            return Ok(());
        }
        let whole = held(false);
        let all = Wanted::everything();
        // What a choice may depend on is cut already or it is not.
        let one = |source: &Shape, axis, cut: Option<Axis>| {
            let layers = if cut == Some(Axis::Layer) { &wanted.layers } else { &all.layers };
            let heads = if cut == Some(Axis::KvHead) { &wanted.kv_heads } else { &all.kv_heads };
            let choice = wanted.choice(axis, layers, heads);
            Gather::new(source, Selection::everything().with(axis, choice)).unwrap()
        };
        let both = |first, second| {
            let begun = one(&roomy(false), first, None);
            let then = one(begun.shape(), second, Some(first));
            (then.shape().clone(), whole.after(&begun).after(&then))
        };
        let (ab, ba) = (both(a, b), both(b, a));
        prop_assert_eq!(&ab.0, &ba.0);
        prop_assert!(ab.1.0 == ba.1.0, "{:?} and {:?}", a, b);
    }

    #[test]
    fn everything_at_once_is_one_axis_after_the_other(wanted in wanted()) {
        let whole = held(false);
        let at_once = gather(wanted.all());
        let (mut shape, mut weights) = (roomy(false), whole.clone());
        for &axis in &AXES {
            // Layers and kv heads come before the axes that depend on them.
            let choice = wanted.choice(axis, &wanted.layers, &wanted.kv_heads);
            let step = Gather::new(&shape, Selection::everything().with(axis, choice)).unwrap();
            weights = weights.after(&step);
            shape = step.shape().clone();
        }
        prop_assert_eq!(&shape, at_once.shape());
        prop_assert!(whole.after(&at_once).0 == weights.0);
    }

    #[test]
    fn cut_is_masked_out(wanted in wanted()) {
        // Rotations keep their speed only where every r-th pair stays; the first alone does.
        let pairs = if wanted.pairs.len() < 3 { vec![0] } else { vec![0, 1, 2] };
        let vocabulary = Wanted::everything().vocabulary;
        let wanted = Wanted { pairs, vocabulary, ..wanted };
        let whole = held(false);
        let gather = gather(wanted.all());
        let cut = whole.after(&gather).decoder(gather.shape(), reference());
        let masked = masked(&whole, &wanted);
        let expected: Vec<f32> = hidden(&masked)
            .chunks_exact(10)
            .flat_map(|row| wanted.width.iter().map(|&i| row[i]))
            .collect();
        check_close(&hidden(&cut), &expected)?;
    }

    #[test]
    fn rows_in_blocks_are_rows(wanted in wanted(), block in 1..7usize, tie: bool) {
        let whole = held(false);
        let gather = gather(wanted.all());
        let gather = if tie { gather.tied().unwrap() } else { gather };
        for spec in table(gather.shape()) {
            let part = gather.part(&spec);
            let mut found = Vec::new();
            for start in (0..part.rows()).step_by(block) {
                let rows = start..part.rows().min(start + block);
                found.extend(part.fetch(rows, &whole).unwrap().into_f32());
            }
            prop_assert!(found == gather.parameter(&spec, &whole).unwrap().into_f32());
        }
    }

    #[test]
    fn the_record_makes_the_same_cut_again(wanted in wanted()) {
        let selection = wanted.all();
        let text = serde_json::to_string(&selection).unwrap();
        prop_assert_eq!(serde_json::from_str::<Selection>(&text).unwrap(), selection);
    }
}

#[test]
fn everything_changes_no_bit() {
    for tied in [true, false] {
        let whole = held(tied);
        for selection in [Selection::everything(), Wanted::everything().all()] {
            let gather = Gather::new(&roomy(tied), selection).unwrap();
            assert_eq!(*gather.shape(), roomy(tied));
            assert!(whole.after(&gather).0 == whole.0);
        }
    }
}

#[test]
fn a_preserving_up_scale_computes_the_very_same() {
    let devices = [Precision::F32, Precision::Bf16];
    for (precision, layers) in devices.into_iter().flat_map(|precision| {
        let lists = [
            upscale::Plan::Preserving.layers(3, 5).unwrap(),
            upscale::Plan::Preserving.layers(3, 9).unwrap(),
            vec![0, 1, 1, 2, 0, 1],
        ];
        lists.map(|list| (precision, list))
    }) {
        let whole = held(false);
        let gather = upscale::gather(&roomy(false), &layers, true).unwrap();
        let deep = whole.after(&gather);
        let device = || {
            Cpu::new(CpuOptions {
                precision,
                ..CpuOptions::default()
            })
        };
        let [before, after] = [
            hidden(&whole.decoder(&roomy(false), device())),
            hidden(&deep.decoder(gather.shape(), device())),
        ];
        assert!(before == after, "{layers:?} in {precision:?}");
        // Copies that speak do change it.
        let loud = upscale::gather(&roomy(false), &layers, false).unwrap();
        let loud = whole.after(&loud).decoder(loud.shape(), device());
        assert!(hidden(&loud) != before);
    }
}

#[test]
fn tying_takes_the_mean_and_the_cut() {
    let whole = held(false);
    let selection = Selection::everything().with(Axis::Width, Choice::global([7, 2]));
    let gather = gather(selection).tied().unwrap();
    let tied = whole.after(&gather);
    assert!(gather.shape().tied && !tied.0.contains_key("head"));
    for (row, found) in tied.0["embed"].chunks(2).enumerate() {
        let mean =
            |i: usize| 0.5 * (whole.0["embed"][row * 10 + i] + whole.0["head"][row * 10 + i]);
        assert_eq!(found, [mean(7), mean(2)]);
    }
}

#[test]
fn heads_without_regard_to_groups_are_counted_through_the_layer() {
    let whole = held(false);
    let lists = vec![vec![0, 1, 2], vec![2, 3, 8], vec![6, 7, 8]];
    let selection = Selection::everything().with(Axis::Group, Choice::ungrouped(lists.clone()));
    let gather = gather(selection);
    assert_eq!(
        (gather.shape().query_heads, gather.shape().kv_heads),
        (3, 3)
    );
    let cut = whole.after(&gather);
    for (l, heads) in lists.iter().enumerate() {
        let (q, o) = (format!("layers.{l}.attn.q"), format!("layers.{l}.attn.o"));
        for (to, head) in heads.iter().enumerate() {
            assert_eq!(cut.0[&q][to * 60..][..60], whole.0[&q][head * 60..][..60]);
            for row in 0..10 {
                let found = &cut.0[&o][row * 18 + to * 6..][..6];
                assert_eq!(found, &whole.0[&o][row * 54 + head * 6..][..6]);
            }
        }
        let k = format!("layers.{l}.attn.k");
        assert_eq!(cut.0[&k], whole.0[&k]);
    }
}

#[test]
fn channels_of_each_layer_need_a_choice_for_what_has_no_layer() {
    let lists = vec![vec![0, 1], vec![2, 3], vec![4, 5]];
    let choice = Choice::given([Axis::Layer], lists);
    let refused = Gather::new(
        &roomy(false),
        Selection::everything().with(Axis::Width, choice.clone()),
    );
    let error = refused.unwrap_err().to_string();
    assert!(
        error.contains("embed") && error.contains("otherwise"),
        "{error}"
    );
    let gather = gather(Selection::everything().with(Axis::Width, choice.otherwise([8, 9])));
    let (whole, cut) = (held(false), held(false).after(&gather));
    assert_eq!(cut.0["norm"], whole.0["norm"][8..10]);
    assert_eq!(
        cut.0["layers.1.attn.norm"],
        whole.0["layers.1.attn.norm"][2..4]
    );
}

#[test]
fn what_cannot_be_taken_is_a_sentence() {
    let check = |axis, choice: Choice, words: &str| {
        let selection = Selection::everything().with(axis, choice);
        let error = Gather::new(&roomy(false), selection)
            .unwrap_err()
            .to_string();
        assert!(error.contains(words), "{error}");
    };
    let layer = [Axis::Layer];
    check(Axis::Ffn, Choice::global([0, 14]), "index 14");
    check(Axis::Ffn, Choice::global(Vec::new()), "nothing was chosen");
    check(Axis::Ffn, Choice::given(layer, vec![vec![0]; 2]), "2 lists");
    check(
        Axis::Ffn,
        Choice::given(layer, vec![vec![0], vec![1], vec![1, 2]]),
        "lists of 1 and of 2",
    );
    check(
        Axis::Ffn,
        Choice::given([Axis::KvHead], vec![vec![0]; 3]),
        "mlp.gate lies along Ffn without",
    );
    check(
        Axis::Group,
        Choice::given([Axis::KvHead, Axis::Layer], vec![vec![0]; 9]),
        "outermost first",
    );
    check(
        Axis::Layer,
        Choice::given(layer, vec![vec![0]]),
        "outermost first",
    );
    check(Axis::HeadDim, Choice::global([0, 1]), "rotary pairs");
    check(Axis::HeadDim, Choice::global([0, 3, 4]), "rotary pairs");
    check(
        Axis::Group,
        Choice::ungrouped(vec![vec![0, 1]; 3]),
        "a multiple of 3",
    );
    let stray = Choice::ungrouped(vec![vec![0]; 3]);
    check(Axis::Ffn, stray, "only query heads");
    let whole = gather(Selection::everything());
    let error = whole.clone().silent([3]).unwrap_err().to_string();
    assert!(error.contains("3 layers"), "{error}");
    let tied = Gather::new(&roomy(true), Selection::everything()).unwrap();
    assert!(tied.tied().unwrap_err().to_string().contains("already"));
}
