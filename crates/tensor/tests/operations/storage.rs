//! Arrays and matrices: what goes in comes out, and what gathers rows.

use crate::check::{Desk, Operation, Outcome, Tolerance, check, on_every_device};
use crate::numbers::Numbers;
use tensor::{Backward, Precision, Values};

struct Embed {
    ids: Vec<u32>,
    v: usize,
    d: usize,
}

impl Operation for Embed {
    fn name(&self) -> String {
        format!("embedding of {:?} in {} × {}", self.ids, self.v, self.d)
    }

    fn tolerance(&self) -> Tolerance {
        // in bf16 a device may keep only a rounded table for rows
        Tolerance {
            f32: 1e-6,
            bf16: 3e-3,
        }
    }

    fn inputs(&self) -> Vec<Vec<f32>> {
        vec![Numbers::seeded(14).list(self.v * self.d, 1.0)]
    }

    fn forward<D: Backward>(&self, desk: &Desk<'_, D>, inputs: &[Vec<f32>]) -> Outcome {
        let table = desk
            .device
            .trainable(self.v, self.d, Values::F32(&inputs[0]));
        let mut x = desk.room(self.ids.len() * self.d);
        desk.device.embed(&table, &self.ids, &mut x);
        vec![desk.take(&x, self.ids.len() * self.d)].into()
    }

    fn backward<D: Backward>(
        &self,
        desk: &Desk<'_, D>,
        inputs: &[Vec<f32>],
        doutputs: &[Vec<f32>],
    ) -> Vec<Vec<f32>> {
        let mut dtable = desk.full(&vec![0.5; inputs[0].len()]);
        desk.device
            .embed_backward(&self.ids, self.d, &desk.place(&doutputs[0]), &mut dtable);
        vec![
            desk.take(&dtable, inputs[0].len())
                .iter()
                .map(|x| x - 0.5)
                .collect(),
        ]
    }

    fn is_small(&self) -> bool {
        self.v * self.d < 100
    }
}

#[test]
fn embeddings_agree_where_tokens_repeat() {
    check(Embed {
        ids: vec![0],
        v: 1,
        d: 3,
    });
    check(Embed {
        ids: vec![4, 0, 4, 4, 2],
        v: 6,
        d: 7,
    });
    check(Embed {
        ids: Numbers::seeded(15).below(200, 37),
        v: 37,
        d: 50,
    });
}

#[test]
fn numbers_come_back() {
    fn body<D: Backward>(device: &D) {
        let name = device.describe();
        let rounded = device.precision() == Precision::Bf16;
        // 1 + 2⁻⁹ lies between two bfloat16 numbers and goes to the even one
        let (fine, coarse) = (
            1.0 + 2f32.powi(-9),
            if rounded { 1.0 } else { 1.0 + 2f32.powi(-9) },
        );
        let mut array = device.upload(&[fine, 2.0, 3.0]);
        assert_eq!(device.read(&array, 3), [fine, 2.0, 3.0], "{name}");
        assert_eq!(device.read(&array, 1), [fine], "{name}");
        device.write(&[5.0], &mut array);
        assert_eq!(device.read(&array, 3), [5.0, 2.0, 3.0], "{name}");
        assert_eq!(device.read(&device.zeros(2), 2), [0.0; 2], "{name}");

        let mut activation = device.activation(3);
        assert_eq!(device.read(&activation, 3), [0.0; 3], "{name}");
        device.copy(&device.upload(&[fine, 4.0, 9.0]), &mut activation, 2);
        assert_eq!(device.read(&activation, 3), [coarse, 4.0, 0.0], "{name}");
        device.copy(&activation, &mut array, 2);
        assert_eq!(device.read(&array, 3), [coarse, 4.0, 3.0], "{name}");
        device.clear(&mut array);
        assert_eq!(device.read(&array, 3), [0.0; 3], "{name}");
    }
    on_every_device!(body);
}

#[test]
fn matrices_keep_their_master() {
    fn body<D: Backward>(device: &D) {
        let name = device.describe();
        let values = Numbers::seeded(16).list(7 * 5, 1.0);
        let mut trainable = device.trainable(7, 5, Values::F32(&values));
        assert_eq!(device.shape(&trainable), [7, 5], "{name}");
        assert_eq!(device.values(&trainable), values, "{name}");
        assert!(device.matrix_bytes(&trainable) >= 7 * 5 * 4, "{name}");
        let other: Vec<f32> = values.iter().map(|x| x * 0.3).collect();
        device.set(&mut trainable, &other);
        assert_eq!(device.values(&trainable), other, "{name}");

        // −1.5 and 0.09375 in bfloat16, as a safetensors file has them
        let bits = [0xbfc0, 0x3dc0];
        for matrix in [
            device.matrix(2, 1, Values::Bf16(&bits)),
            device.trainable(1, 2, Values::Bf16(&bits)),
            device.matrix(1, 2, Values::F32(&[-1.5, 0.09375])),
        ] {
            assert_eq!(device.values(&matrix), [-1.5, 0.09375], "{name}");
        }
    }
    on_every_device!(body);
}

#[test]
fn rows_are_gathered() {
    fn body<D: Backward>(device: &D) {
        let from = device.upload(&[0.0, 1.0, 10.0, 11.0, 20.0, 21.0]);
        let mut to = device.upload(&[9.0; 8]);
        device.rows(&from, &[2, 0, 2], 2, &mut to);
        let found = device.read(&to, 8);
        assert_eq!(
            found,
            [20.0, 21.0, 0.0, 1.0, 20.0, 21.0, 9.0, 9.0],
            "{}",
            device.describe()
        );
    }
    on_every_device!(body);
}
