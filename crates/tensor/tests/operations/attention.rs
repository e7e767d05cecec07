//! Attention under every mask, and attention over a cache.

use crate::check::{Desk, Operation, Outcome, Tolerance, check, on_every_device};
use crate::numbers::{Numbers, distance};
use tensor::{Backward, Heads, Mask};

struct Attention {
    heads: Heads,
    starts: Vec<u32>,
    causal: bool,
    /// The largest query, key or value: scores grow with its square.
    size: f32,
}

impl Attention {
    fn n(&self) -> usize {
        *self.starts.last().unwrap() as usize
    }

    fn mask(&self) -> Mask<'_> {
        Mask {
            starts: &self.starts,
            causal: self.causal,
        }
    }

    fn attend<D: Backward>(&self, desk: &Desk<'_, D>, qkv: &[f32]) -> [D::Array; 3] {
        let qkv = desk.place(qkv);
        let mut out = desk.room(self.n() * self.heads.query_columns());
        let mut lse = desk.full(&vec![0.0; self.n() * self.heads.query()]);
        desk.device
            .attention(self.heads, self.mask(), &qkv, &mut out, &mut lse);
        [qkv, out, lse]
    }
}

impl Operation for Attention {
    fn name(&self) -> String {
        let Attention {
            heads,
            starts,
            causal,
            size,
        } = self;
        format!("attention, {heads:?}, segments {starts:?}, causal: {causal}, numbers to {size}")
    }

    fn tolerance(&self) -> Tolerance {
        // probabilities near one-hot magnify the last bit of a large score
        let sharp = if self.size > 3.0 { 20.0 } else { 1.0 };
        Tolerance {
            f32: 3e-6 * sharp,
            bf16: 5e-3 * sharp,
        }
    }

    fn inputs(&self) -> Vec<Vec<f32>> {
        vec![Numbers::seeded(4).list(self.n() * self.heads.columns(), self.size)]
    }

    fn forward<D: Backward>(&self, desk: &Desk<'_, D>, inputs: &[Vec<f32>]) -> Outcome {
        let [_, out, lse] = self.attend(desk, &inputs[0]);
        let outputs = vec![desk.take(&out, self.n() * self.heads.query_columns())];
        Outcome {
            outputs,
            kept: vec![desk.take(&lse, self.n() * self.heads.query())],
        }
    }

    fn backward<D: Backward>(
        &self,
        desk: &Desk<'_, D>,
        inputs: &[Vec<f32>],
        doutputs: &[Vec<f32>],
    ) -> Vec<Vec<f32>> {
        let [qkv, out, lse] = self.attend(desk, &inputs[0]);
        let dout = desk.place(&doutputs[0]);
        let mut dqkv = desk.room(inputs[0].len());
        let (heads, mask) = (self.heads, self.mask());
        desk.device
            .attention_backward(heads, mask, &qkv, &out, &lse, &dout, &mut dqkv);
        vec![desk.take(&dqkv, inputs[0].len())]
    }

    fn is_small(&self) -> bool {
        self.n() < 12 && self.size < 3.0
    }
}

const ODD: Heads = Heads {
    kv: 2,
    group: 3,
    dim: 6,
};

#[test]
fn small_attention_agrees_under_every_mask() {
    let one = Heads {
        kv: 1,
        group: 1,
        dim: 4,
    };
    let ungrouped = Heads {
        kv: 3,
        group: 1,
        dim: 2,
    };
    let segments: [&[u32]; 5] = [
        &[0, 1],
        &[0, 7],
        &[0, 1, 2, 5],
        &[0, 3, 3, 7],
        &[0, 1, 2, 3, 4, 9],
    ];
    for heads in [ODD, one, ungrouped] {
        for starts in segments {
            for causal in [true, false] {
                check(Attention {
                    heads,
                    starts: starts.to_vec(),
                    causal,
                    size: 1.5,
                });
            }
        }
    }
}

#[test]
fn attention_longer_than_a_tile_agrees() {
    let wide = Heads {
        kv: 2,
        group: 2,
        dim: 64,
    };
    let nano = Heads {
        kv: 1,
        group: 3,
        dim: 128,
    };
    let segments: [&[u32]; 4] = [
        &[0, 150],
        &[0, 1, 64, 129, 150],
        &[0, 31, 97, 98],
        &[0, 130, 131],
    ];
    for heads in [ODD, wide, nano] {
        for starts in segments {
            for causal in [true, false] {
                check(Attention {
                    heads,
                    starts: starts.to_vec(),
                    causal,
                    size: 1.5,
                });
            }
        }
    }
}

#[test]
fn large_scores_do_not_overflow() {
    for causal in [true, false] {
        check(Attention {
            heads: ODD,
            starts: vec![0, 5, 40],
            causal,
            size: 30.0,
        });
    }
}

#[test]
fn cached_attention_is_attention_row_by_row() {
    fn body<D: Backward>(device: &D) {
        for heads in [
            ODD,
            Heads {
                kv: 1,
                group: 4,
                dim: 64,
            },
            Heads {
                kv: 2,
                group: 1,
                dim: 128,
            },
        ] {
            let (n, columns, width) = (83, heads.columns(), heads.query_columns());
            let values = Numbers::seeded(5).list(n * columns, 1.5);
            let mut whole = device.activation(n * columns);
            device.write(&values, &mut whole);
            let mut out = device.activation(n * width);
            let mut lse = device.zeros(n * heads.query());
            let mask = Mask {
                starts: &[0, n as u32],
                causal: true,
            };
            device.attention(heads, mask, &whole, &mut out, &mut lse);
            let wanted = device.read(&out, n * width);

            let mut cache = device.key_value(heads, n + 9);
            assert_eq!((cache.capacity, cache.length), (n + 9, 0));
            // rows by ones and in pieces; then some are forgotten and seen again
            for (from, to) in [(0, 1), (1, 2), (2, 19), (19, 20), (20, 60), (41, 83)] {
                cache.length = from;
                let rows = to - from;
                let mut piece = device.activation(rows * columns);
                device.write(&values[from * columns..to * columns], &mut piece);
                let mut out = device.activation(rows * width);
                device.attention_cached(heads, rows, &piece, &mut cache, &mut out);
                assert_eq!(cache.length, to);
                let found = device.read(&out, rows * width);
                let apart = distance(&found, &wanted[from * width..to * width]);
                let allowed = Tolerance {
                    f32: 1e-6,
                    bf16: 5e-3,
                }
                .of(device.precision());
                let device = device.describe();
                assert!(
                    apart <= allowed,
                    "{device}: rows {from}..{to} are {apart:.2e} apart"
                );
            }
        }
    }
    on_every_device!(body);
}

#[test]
#[should_panic(expected = "do not fit a cache of 2")]
fn a_full_cache_is_refused() {
    let device = tensor::Reference::new(tensor::Precision::F32);
    let qkv = tensor::Forward::zeros(&device, 3 * ODD.columns());
    let mut out = tensor::Forward::zeros(&device, 3 * ODD.query_columns());
    let mut cache = tensor::Forward::key_value(&device, ODD, 2);
    tensor::Forward::attention_cached(&device, ODD, 3, &qkv, &mut cache, &mut out);
}
