//! Attention under every mask.

use crate::check::{Desk, Operation, Outcome, Tolerance, check};
use crate::numbers::Numbers;
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
