//! Rotary position embedding.

use crate::check::{Desk, Operation, Outcome, Tolerance, check, on_every_device};
use crate::numbers::{Numbers, distance};
use tensor::{Backward, Heads, Rotation};

const HEADS: Heads = Heads {
    kv: 2,
    group: 2,
    dim: 6,
};

/// Tables for 40 positions, all numbers times `factor` (YaRN's attention factor).
fn rotation(half: usize, factor: f32) -> Rotation {
    let angle = |at: usize| (at / half) as f32 * 100f32.powf(-((at % half) as f32) / half as f32);
    let table = |f: fn(f32) -> f32| (0..40 * half).map(|at| f(angle(at)) * factor).collect();
    Rotation {
        cos: table(f32::cos),
        sin: table(f32::sin),
        half,
    }
}

struct Rope {
    heads: Heads,
    positions: Vec<u32>,
    factor: f32,
}

impl Rope {
    fn turn<D: Backward>(&self, desk: &Desk<'_, D>, qkv: &[f32], inverse: bool) -> Vec<f32> {
        let rotation = rotation(self.heads.dim / 2, self.factor);
        let mut array = desk.reuse(qkv);
        desk.device
            .rope(self.heads, &rotation, &self.positions, &mut array, inverse);
        desk.take(&array, qkv.len())
    }
}

impl Operation for Rope {
    fn name(&self) -> String {
        format!(
            "rope, {:?}, positions {:?}, factor {}",
            self.heads, self.positions, self.factor
        )
    }

    fn tolerance(&self) -> Tolerance {
        Tolerance {
            f32: 1e-6,
            bf16: 1e-3,
        }
    }

    fn inputs(&self) -> Vec<Vec<f32>> {
        vec![Numbers::seeded(6).list(self.positions.len() * self.heads.columns(), 1.0)]
    }

    fn forward<D: Backward>(&self, desk: &Desk<'_, D>, inputs: &[Vec<f32>]) -> Outcome {
        vec![self.turn(desk, &inputs[0], false)].into()
    }

    fn backward<D: Backward>(
        &self,
        desk: &Desk<'_, D>,
        _: &[Vec<f32>],
        doutputs: &[Vec<f32>],
    ) -> Vec<Vec<f32>> {
        vec![self.turn(desk, &doutputs[0], true)]
    }

    fn is_small(&self) -> bool {
        self.positions.len() < 6
    }
}

#[test]
fn rotations_agree() {
    for factor in [1.0, 1.14] {
        for positions in [
            vec![0],
            vec![0, 1, 2, 0, 39],
            (0..37).map(|r| (r * 7) % 40).collect(),
        ] {
            for heads in [
                HEADS,
                Heads {
                    kv: 1,
                    group: 3,
                    dim: 64,
                },
            ] {
                check(Rope {
                    heads,
                    positions: positions.clone(),
                    factor,
                });
            }
        }
    }
}

#[test]
fn rotating_back_undoes_it_and_values_stay() {
    fn body<D: Backward>(device: &D) {
        let values = Numbers::seeded(7).list(5 * HEADS.columns(), 1.0);
        let rotation = rotation(HEADS.dim / 2, 1.0);
        let positions = [3, 0, 17, 39, 1];
        let mut qkv = device.upload(&values);
        device.rope(HEADS, &rotation, &positions, &mut qkv, false);
        let turned = device.read(&qkv, values.len());
        let rotated = HEADS.query_columns() + HEADS.kv * HEADS.dim;
        for (r, position) in positions.iter().enumerate() {
            let [before, after] = [&values, &turned].map(|x| &x[r * HEADS.columns()..]);
            assert_eq!(
                before[rotated..HEADS.columns()],
                after[rotated..HEADS.columns()]
            );
            let moved = before[..rotated] != after[..rotated];
            assert_eq!(
                moved,
                *position != 0,
                "{}: position {position}",
                device.describe()
            );
        }
        device.rope(HEADS, &rotation, &positions, &mut qkv, true);
        let apart = distance(&device.read(&qkv, values.len()), &values);
        assert!(
            apart < 1e-6,
            "{}: {apart:.2e} from where it began",
            device.describe()
        );
    }
    on_every_device!(body);
}

#[test]
fn a_head_is_rotated_in_halves() {
    // Hugging Face's layout: number i turns with number i + e/2, not with its neighbour
    fn body<D: Backward>(device: &D) {
        let heads = Heads {
            kv: 1,
            group: 1,
            dim: 4,
        };
        let rotation = Rotation {
            cos: vec![0.0, 1.0],
            sin: vec![1.0, 0.0],
            half: 2,
        };
        let mut qkv = device.upload(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 9.0, 9.0, 9.0]);
        device.rope(heads, &rotation, &[0], &mut qkv, false);
        let wanted = [-3.0, 2.0, 1.0, 4.0, -7.0, 6.0, 5.0, 8.0, 9.0, 9.0, 9.0, 9.0];
        assert_eq!(device.read(&qkv, 12), wanted, "{}", device.describe());
    }
    on_every_device!(body);
}
