//! Attention over pages is attention, to the last bit, however sequences are cut, mixed and placed.

use crate::check::on_every_device;
use crate::numbers::{Numbers, distance};
use tensor::{Backward, Heads, Mask, POSITIONS, Precision, Reference, Stretch};

const HEADS: [Heads; 5] = [
    Heads {
        kv: 2,
        group: 3,
        dim: 6,
    },
    // Not a multiple of two, and more queries in a group than any tile has rows.
    Heads {
        kv: 1,
        group: 17,
        dim: 7,
    },
    Heads {
        kv: 3,
        group: 3,
        dim: 64,
    },
    Heads {
        kv: 2,
        group: 1,
        dim: 128,
    },
    Heads {
        kv: 1,
        group: 4,
        dim: 80,
    },
];

/// A sequence of a test: its rows of qkv, how it is cut, and where it lies.
struct Sequence {
    qkv: Vec<f32>,
    /// Ends of its stretches.
    cuts: Vec<usize>,
    pages: Vec<u32>,
    wanted: Vec<f32>,
}

/// What the operation without pages gives for a whole sequence.
fn whole<D: Backward>(device: &D, heads: Heads, qkv: &[f32]) -> Vec<f32> {
    let n = qkv.len() / heads.columns();
    let mut array = device.activation(qkv.len());
    device.write(qkv, &mut array);
    let mut out = device.activation(n * heads.query_columns());
    let mut lse = device.zeros(n * heads.query());
    let mask = Mask {
        starts: &[0, n as u32],
        causal: true,
    };
    device.attention(heads, mask, &array, &mut out, &mut lse);
    device.read(&out, n * heads.query_columns())
}

/// Sequences of several lengths and cuts, their pages dealt out of order from a larger lot.
fn sequences<D: Backward>(
    device: &D,
    heads: Heads,
    lengths: &[&[usize]],
) -> (Vec<Sequence>, usize) {
    let needed = |cuts: &[usize]| cuts.last().unwrap().div_ceil(POSITIONS);
    let count = lengths.iter().map(|cuts| needed(cuts)).sum::<usize>() + 3;
    // 7 has no factor in common with any count used here.
    let mut lot = (0..count).map(|i| (i * 7 + 5) as u32 % count as u32);
    assert_ne!(count % 7, 0);
    let deal = |(seed, cuts): (usize, &&[usize])| {
        let n = *cuts.last().unwrap();
        let mut numbers = Numbers::seeded(20 + seed as u64);
        let qkv = numbers.list(n * heads.columns(), 1.5);
        Sequence {
            wanted: whole(device, heads, &qkv),
            qkv,
            cuts: cuts.to_vec(),
            pages: lot.by_ref().take(needed(cuts)).collect(),
        }
    };
    (lengths.iter().enumerate().map(deal).collect(), count)
}

/// Steps through all sequences at once: step i takes the i-th stretch of each that has one.
fn steps<D: Backward>(device: &D, heads: Heads, lengths: &[&[usize]]) {
    let (sequences, count) = sequences(device, heads, lengths);
    let mut pages = device.pages(heads, count);
    // Whoever had the pages before left what is not a number.
    let width = heads.columns();
    let old: Vec<u32> = (0..count as u32).collect();
    let mut nan = device.activation(count * POSITIONS * width);
    device.write(&vec![f32::NAN; count * POSITIONS * width], &mut nan);
    let mut nowhere = device.activation(count * POSITIONS * heads.query_columns());
    let all = Stretch {
        rows: count * POSITIONS,
        past: 0,
        pages: &old,
    };
    if sequences.len() > 1 {
        device.attention_paged(heads, &[all], &nan, &mut pages, &mut nowhere);
    }
    let most = sequences.iter().map(|one| one.cuts.len()).max().unwrap();
    for step in 0..most {
        let taking: Vec<_> = sequences
            .iter()
            .filter(|one| step < one.cuts.len())
            .collect();
        let range = |one: &Sequence| {
            let start = if step == 0 { 0 } else { one.cuts[step - 1] };
            start..one.cuts[step]
        };
        let stretches: Vec<Stretch<'_>> = taking
            .iter()
            .map(|one| Stretch {
                rows: range(one).len(),
                past: range(one).start,
                pages: &one.pages,
            })
            .collect();
        let rows = taking.iter().flat_map(|one| {
            let range = range(one);
            one.qkv[range.start * width..range.end * width].to_vec()
        });
        let rows: Vec<f32> = rows.collect();
        let n = rows.len() / width;
        let mut qkv = device.activation(rows.len());
        device.write(&rows, &mut qkv);
        let mut out = device.activation(n * heads.query_columns());
        device.attention_paged(heads, &stretches, &qkv, &mut pages, &mut out);
        let found = device.read(&out, n * heads.query_columns());
        let wanted = taking.iter().flat_map(|one| {
            let range = range(one);
            let columns = heads.query_columns();
            one.wanted[range.start * columns..range.end * columns].to_vec()
        });
        for (at, (found, wanted)) in found.iter().zip(wanted).enumerate() {
            let same = found.to_bits() == wanted.to_bits();
            let device = device.describe();
            assert!(
                same,
                "{device}, {heads:?}, step {step}, number {at}: {found}, not {wanted}"
            );
        }
    }
}

#[test]
fn paged_attention_is_attention_to_the_last_bit() {
    fn body<D: Backward>(device: &D) {
        for heads in HEADS {
            // A token at a time, chunks that end anywhere, a page exactly, several at once.
            steps(device, heads, &[&[1, 2, 3, 4, 5]]);
            steps(
                device,
                heads,
                &[
                    &[31, 32, 33, 34],
                    &[1, 33, 64, 65],
                    &[32, 64, 70],
                    &[5],
                    &[90, 91, 97],
                ],
            );
        }
    }
    on_every_device!(body);
}

#[test]
fn long_sequences_agree_across_blocks_of_keys() {
    fn body<D: Backward>(device: &D) {
        let heads = Heads {
            kv: 1,
            group: 3,
            dim: 16,
        };
        steps(device, heads, &[&[511, 512, 513, 700], &[600, 601, 1030]]);
    }
    for kernels in tensor::Kernels::available() {
        for precision in [Precision::F32, Precision::Bf16] {
            body(&crate::check::cpu(kernels, precision, 2));
        }
    }
    body(&Reference::new(Precision::F32));
}

#[test]
fn a_page_is_read_by_many_while_it_is_written() {
    // Two sequences begin alike: the second reads the page that the first writes in this very step.
    fn body<D: Backward>(device: &D) {
        let heads = HEADS[0];
        let (columns, width) = (heads.columns(), heads.query_columns());
        let alike = Numbers::seeded(3).list(POSITIONS * columns, 1.5);
        let rest = |seed| Numbers::seeded(seed).list(9 * columns, 1.5);
        let first = [&alike[..], &rest(4)].concat();
        let second = [&alike[..], &rest(5)].concat();
        let mut pages = device.pages(heads, 3);
        let rows = [&first[..], &second[POSITIONS * columns..]].concat();
        let n = rows.len() / columns;
        let mut qkv = device.activation(rows.len());
        device.write(&rows, &mut qkv);
        let mut out = device.activation(n * width);
        let stretches = [
            Stretch {
                rows: POSITIONS + 9,
                past: 0,
                pages: &[1, 0],
            },
            Stretch {
                rows: 9,
                past: POSITIONS,
                pages: &[1, 2],
            },
        ];
        device.attention_paged(heads, &stretches, &qkv, &mut pages, &mut out);
        let found = device.read(&out, n * width);
        let (of_first, of_second) = found.split_at((POSITIONS + 9) * width);
        assert_eq!(of_first, whole(device, heads, &first));
        assert_eq!(
            of_second,
            &whole(device, heads, &second)[POSITIONS * width..]
        );
    }
    on_every_device!(body);
}

#[test]
fn the_reference_agrees() {
    let heads = HEADS[2];
    let qkv = Numbers::seeded(8).list(40 * heads.columns(), 1.5);
    let wanted = whole(&Reference::new(Precision::F32), heads, &qkv);
    for kernels in tensor::Kernels::available() {
        let found = whole(&crate::check::cpu(kernels, Precision::F32, 1), heads, &qkv);
        assert!(distance(&found, &wanted) < 1e-6);
    }
}

#[test]
fn threads_change_no_bit() {
    let heads = HEADS[2];
    let run = |threads: usize| {
        let device = crate::check::cpu(tensor::Kernels::detect(), Precision::Bf16, threads);
        steps(&device, heads, &[&[200, 201, 202], &[1, 2], &[64, 150]]);
    };
    [1, 2, 3].into_iter().for_each(run);
}

#[test]
#[should_panic(expected = "written twice")]
fn a_page_that_two_would_write_is_refused() {
    let device = crate::check::cpu(tensor::Kernels::detect(), Precision::F32, 1);
    let heads = HEADS[0];
    let qkv = tensor::Forward::zeros(&device, 2 * heads.columns());
    let mut out = tensor::Forward::zeros(&device, 2 * heads.query_columns());
    let mut pages = tensor::Forward::pages(&device, heads, 1);
    let one = Stretch {
        rows: 1,
        past: 0,
        pages: &[0],
    };
    tensor::Forward::attention_paged(&device, heads, &[one, one], &qkv, &mut pages, &mut out);
}
