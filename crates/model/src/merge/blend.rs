//! One tensor of the result: what must be known of its inputs as wholes, then its parts.
//!
//! Everything is computed in f32 in the order of the inputs; angles and sums of magnitudes in f64,
//! added part by part in their order. So the result is the same for any number of threads.

use super::largest::{Boundary, boundaries};
use super::numbers::round;
use super::parts::{Parts, in_order};
use super::plan::{Differences, Formula, Job, Thinning};
use super::{Masks, Place};
use crate::ParameterSpec;
use crate::checkpoint::encode;
use crate::checkpoint::{Sink, Stored};
use anyhow::Result;

/// A tensor about to be made.
pub(super) struct Blend<'a> {
    pub(super) job: &'a Job<'a>,
    pub(super) spec: &'a ParameterSpec,
    pub(super) masks: Option<&'a dyn Masks>,
    pub(super) parts: Parts,
    pub(super) threads: usize,
}

/// What is known of the inputs as wholes.
enum Facts {
    Nothing,
    /// What each of two inputs is multiplied by.
    Two(f32, f32),
    /// What each input's difference keeps and is multiplied by.
    Kept(Vec<Kept>),
    /// How far from the base to the mean of the others.
    Towards(f64),
}

/// What is kept of a difference.
#[derive(Clone, Debug)]
enum Kept {
    All,
    Nothing,
    Largest { boundary: Boundary, scale: f32 },
    Masked { density: f64, scale: f32 },
}

impl Blend<'_> {
    /// How many numbers the tensor has.
    pub(super) fn numbers(&self) -> usize {
        self.spec.len()
    }

    /// Makes the tensor and hands over its bytes in order.
    pub(super) fn write(&self, stored: Stored, sink: &mut Sink<'_>) -> Result<()> {
        let facts = self.facts()?;
        let copies = matches!(self.job.formula, Formula::Passthrough { scale: None })
            && self.job.rounding == stored
            && self.stored(0)? == stored;
        in_order(
            self.threads,
            self.parts.count(),
            |part| {
                if copies {
                    let input = &self.job.inputs[0];
                    return input
                        .checkpoint
                        .copy_part(&input.spec, self.parts.range(part));
                }
                let mut values = self.part(&facts, part)?;
                round(&mut values, self.job.rounding);
                Ok(encode(&values, stored))
            },
            |bytes| sink.push(&bytes),
        )
    }

    fn stored(&self, input: usize) -> Result<Stored> {
        let input = &self.job.inputs[input];
        input.checkpoint.stored(&input.spec)
    }

    /// Numbers of one part of one input, rounded as the merge wants its inputs.
    fn load(&self, input: usize, part: usize) -> Result<Vec<f32>> {
        let range = self.parts.range(part);
        let mut values = vec![0.0; range.len()];
        let from = &self.job.inputs[input];
        from.checkpoint
            .read_part(&from.spec, range.start, &mut values)?;
        if self.stored(input)? != self.job.rounding {
            round(&mut values, self.job.rounding);
        }
        Ok(values)
    }

    fn load_all(&self, part: usize) -> Result<Vec<Vec<f32>>> {
        let inputs = 0..self.job.inputs.len();
        inputs.map(|input| self.load(input, part)).collect()
    }

    /// The inputs that are not the base.
    fn others(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.job.inputs.len()).filter(|input| Some(*input) != self.job.base)
    }

    /// The base; a checked plan has one wherever this is asked.
    fn base(&self) -> usize {
        self.job.base.expect("the plan was checked for a base")
    }

    /// Calls `see` with the difference of each of some inputs from the base, in one part.
    pub(super) fn each_difference(
        &self,
        inputs: &[usize],
        part: usize,
        mut see: impl FnMut(usize, &[f32]),
    ) -> Result<()> {
        let base = self.load(self.base(), part)?;
        for (which, input) in inputs.iter().enumerate() {
            let mut values = self.load(*input, part)?;
            subtract(&mut values, &base);
            see(which, &values);
        }
        Ok(())
    }

    fn facts(&self) -> Result<Facts> {
        match &self.job.formula {
            Formula::Linear { .. } | Formula::Passthrough { .. } => Ok(Facts::Nothing),
            Formula::ModelStock { by_row: true } => Ok(Facts::Nothing),
            Formula::Slerp { t } => self.arc(*t),
            Formula::ModelStock { by_row: false } => {
                let sums = self.summed(|part| {
                    let values = self.load_all(part)?;
                    Ok(self.agreement_sums(&values, 0..values[0].len()))
                })?;
                Ok(Facts::Towards(self.towards(&sums)))
            }
            Formula::Differences(differences) => self.kept(differences).map(Facts::Kept),
        }
    }

    /// Sums over all parts, added in their order.
    fn summed(&self, sums: impl Fn(usize) -> Result<Vec<f64>> + Sync) -> Result<Vec<f64>> {
        let mut whole = Vec::new();
        in_order(self.threads, self.parts.count(), sums, |part: Vec<f64>| {
            whole.resize(part.len(), 0.0);
            for (whole, part) in whole.iter_mut().zip(part) {
                *whole += part;
            }
            Ok(())
        })?;
        Ok(whole)
    }

    /// Coefficients of the base and of the other: sin((1−t)θ)/sin θ and sin(tθ)/sin θ, or 1−t and t
    /// where the two point (almost) the same or opposite ways.
    fn arc(&self, t: f64) -> Result<Facts> {
        const ALMOST_A_LINE: f64 = 0.9995;
        let other = self.others().next().expect("the plan was checked for two");
        let sums = self.summed(|part| {
            let (a, b) = (self.load(self.base(), part)?, self.load(other, part)?);
            Ok(vec![dot(&a, &a), dot(&b, &b), dot(&a, &b)])
        })?;
        let length = |square: f64| match square.sqrt() {
            small if small <= 1e-8 => 1.0,
            length => length,
        };
        let cosine = (sums[2] / (length(sums[0]) * length(sums[1]))).clamp(-1.0, 1.0);
        if cosine.abs() > ALMOST_A_LINE {
            return Ok(Facts::Two((1.0 - t) as f32, t as f32));
        }
        let angle = cosine.acos();
        let share = |t: f64| ((t * angle).sin() / angle.sin()) as f32;
        Ok(Facts::Two(share(1.0 - t), share(t)))
    }

    /// For Model Stock: squares of each difference, then products of each pair of them.
    fn agreement_sums(&self, values: &[Vec<f32>], range: std::ops::Range<usize>) -> Vec<f64> {
        let base = &values[self.base()][range.clone()];
        let differences: Vec<Vec<f32>> = self
            .others()
            .map(|input| {
                let mut difference = values[input][range.clone()].to_vec();
                subtract(&mut difference, base);
                difference
            })
            .collect();
        let squares = differences.iter().map(|one| dot(one, one));
        let pairs = differences.iter().enumerate().flat_map(|(index, one)| {
            let after = differences[index + 1..].iter();
            after.map(move |other| dot(one, other))
        });
        squares.chain(pairs).collect()
    }

    /// t = n·cos θ / (1 + (n − 1)·cos θ), cos θ the mean over pairs (Jang 2024, equation 7).
    fn towards(&self, sums: &[f64]) -> f64 {
        let count = self.others().count();
        let (squares, products) = sums.split_at(count);
        let pairs = (0..count).flat_map(|one| (one + 1..count).map(move |other| (one, other)));
        let cosines = pairs.zip(products).map(|((one, other), product)| {
            let lengths = (squares[one] * squares[other]).sqrt();
            (product / lengths.max(1e-6)).clamp(-1.0, 1.0)
        });
        let cosine = cosines.sum::<f64>() / products.len() as f64;
        let below = 1.0 + (count as f64 - 1.0) * cosine;
        // Where the models pull apart no mean is better than the base.
        if below.abs() < 1e-6 {
            return 0.0;
        }
        count as f64 * cosine / below
    }

    /// What each input keeps of its difference.
    fn kept(&self, differences: &Differences) -> Result<Vec<Kept>> {
        let mut kept = vec![Kept::All; self.job.inputs.len()];
        let mut trimmed = Vec::new();
        for input in self.others() {
            let density = differences.densities[input];
            kept[input] = match differences.thinning {
                Thinning::None => Kept::All,
                _ if density >= 1.0 => Kept::All,
                Thinning::Largest if density <= 0.0 => Kept::Nothing,
                Thinning::Largest => {
                    trimmed.push((input, density));
                    Kept::Nothing
                }
                Thinning::Masked => Kept::Masked {
                    density,
                    scale: 1.0,
                },
            };
        }
        if !trimmed.is_empty() {
            for (boundary, (input, _)) in boundaries(self, &trimmed)?.into_iter().zip(&trimmed) {
                kept[*input] = Kept::Largest {
                    boundary,
                    scale: 1.0,
                };
            }
        }
        if differences.rescale {
            self.rescale(&mut kept)?;
        }
        Ok(kept)
    }

    /// Gives what is kept of each difference the sum of magnitudes of the whole. That is mergekit's
    /// rule; DARE's paper divides by the density, which is the same where chance is even.
    fn rescale(&self, kept: &mut [Kept]) -> Result<()> {
        let thinned: Vec<usize> = (0..kept.len())
            .filter(|input| matches!(kept[*input], Kept::Largest { .. } | Kept::Masked { .. }))
            .collect();
        if thinned.is_empty() {
            return Ok(());
        }
        let sums = self.summed(|part| {
            let base = self.load(self.base(), part)?;
            let mut sums = Vec::new();
            for &input in &thinned {
                let mut difference = self.load(input, part)?;
                subtract(&mut difference, &base);
                sums.push(magnitudes(&difference));
                self.thin(&kept[input], input, part, &mut difference);
                sums.push(magnitudes(&difference));
            }
            Ok(sums)
        })?;
        for (input, sums) in thinned.into_iter().zip(sums.chunks_exact(2)) {
            if sums[0] < 1e-7 || sums[1] < 1e-7 {
                continue;
            }
            if let Kept::Largest { scale, .. } | Kept::Masked { scale, .. } = &mut kept[input] {
                *scale = (sums[0] / sums[1]) as f32;
            }
        }
        Ok(())
    }

    /// Leaves of a part of a difference what is kept of it.
    fn thin(&self, kept: &Kept, input: usize, part: usize, difference: &mut [f32]) {
        let scale = match kept {
            Kept::All => return,
            Kept::Nothing => return difference.fill(0.0),
            Kept::Largest { boundary, scale } => {
                boundary.apply(part, difference);
                *scale
            }
            Kept::Masked { density, scale } => {
                let place = Place {
                    tensor: &self.spec.hugging_face,
                    model: self.job.inputs[input].model,
                    start: self.parts.range(part).start,
                };
                let mut keep = vec![true; difference.len()];
                let masks = self.masks.expect("asked for before anything is written");
                masks.fill(place, *density, &mut keep);
                for (x, keep) in difference.iter_mut().zip(keep) {
                    *x = if keep { *x } else { 0.0 };
                }
                *scale
            }
        };
        if scale != 1.0 {
            difference.iter_mut().for_each(|x| *x *= scale);
        }
    }

    /// The numbers of one part of the result, before the last rounding.
    fn part(&self, facts: &Facts, part: usize) -> Result<Vec<f32>> {
        match (&self.job.formula, facts) {
            (Formula::Passthrough { scale }, _) => {
                let mut values = self.load(0, part)?;
                if let Some(scale) = scale {
                    values.iter_mut().for_each(|x| *x *= scale);
                }
                Ok(values)
            }
            (Formula::Linear { weights, normalize }, _) => {
                let mut sum = vec![0.0; self.parts.range(part).len()];
                for (input, weight) in weights.iter().enumerate() {
                    for (sum, x) in sum.iter_mut().zip(self.load(input, part)?) {
                        // The product is exact; the sum is rounded alike on any processor.
                        *sum = (f64::from(*sum) + f64::from(x) * f64::from(*weight)) as f32;
                    }
                }
                if *normalize {
                    let divisor: f32 = weights.iter().sum();
                    sum.iter_mut().for_each(|x| *x /= divisor);
                }
                Ok(sum)
            }
            (Formula::Slerp { .. }, Facts::Two(of_base, of_other)) => {
                let other = self.others().next().expect("the plan was checked for two");
                let mut values = self.load(self.base(), part)?;
                for (x, y) in values.iter_mut().zip(self.load(other, part)?) {
                    *x = of_base * *x + of_other * y;
                }
                Ok(values)
            }
            (Formula::ModelStock { .. }, Facts::Towards(t)) => {
                let values = self.load_all(part)?;
                let all = 0..values[0].len();
                let mut made = vec![0.0; all.len()];
                self.between(&values, all, *t, &mut made);
                Ok(made)
            }
            (Formula::ModelStock { .. }, _) => {
                let values = self.load_all(part)?;
                let mut made = vec![0.0; values[0].len()];
                for start in (0..made.len()).step_by(self.parts.row) {
                    let row = start..start + self.parts.row;
                    let t = self.towards(&self.agreement_sums(&values, row.clone()));
                    self.between(&values, row, t, &mut made);
                }
                Ok(made)
            }
            (Formula::Differences(differences), Facts::Kept(kept)) => {
                self.deltas_added(differences, kept, part)
            }
            _ => unreachable!("facts are those of the formula"),
        }
    }

    /// t of the mean of the others and 1 − t of the base.
    fn between(
        &self,
        values: &[Vec<f32>],
        range: std::ops::Range<usize>,
        t: f64,
        made: &mut [f32],
    ) {
        let count = self.others().count() as f32;
        let (t, rest) = (t as f32, (1.0 - t) as f32);
        for index in range {
            let sum: f32 = self.others().map(|input| values[input][index]).sum();
            made[index] = t * (sum / count) + rest * values[self.base()][index];
        }
    }

    /// The base and the weighted sum of what is kept of the differences.
    fn deltas_added(&self, how: &Differences, kept: &[Kept], part: usize) -> Result<Vec<f32>> {
        let mut made = self.load(self.base(), part)?;
        let others: Vec<usize> = self.others().collect();
        let mut deltas = Vec::with_capacity(others.len());
        for &input in &others {
            let mut delta = self.load(input, part)?;
            subtract(&mut delta, &made);
            self.thin(&kept[input], input, part, &mut delta);
            let weight = how.weights[input];
            delta.iter_mut().for_each(|x| *x *= weight);
            deltas.push((weight, delta));
        }
        let mut sum = vec![0.0f32; made.len()];
        for (_, delta) in &deltas {
            sum.iter_mut().zip(delta).for_each(|(sum, x)| *sum += x);
        }
        let whole: f32 = deltas.iter().map(|(weight, _)| weight).sum();
        let whole = if whole.abs() < 1e-8 { 1.0 } else { whole };
        let (mut mixed, divisors) = match how.elect {
            false => (sum, vec![whole; made.len()]),
            true => elected(&deltas, &sum),
        };
        if how.normalize {
            let divided = mixed.iter_mut().zip(&divisors);
            divided.for_each(|(x, divisor)| *x /= divisor);
        }
        for (made, mixed) in made.iter_mut().zip(mixed) {
            *made += mixed * how.lambda;
        }
        Ok(made)
    }
}

/// For each number the sum of those that have the elected sign, that of the sum of all, and of their
/// weights; 1 where none has it.
fn elected(deltas: &[(f32, Vec<f32>)], sum: &[f32]) -> (Vec<f32>, Vec<f32>) {
    let mut mixed = vec![0.0f32; sum.len()];
    let mut divisors = vec![0.0f32; sum.len()];
    for (weight, delta) in deltas {
        for (((mixed, divisor), &sum), &x) in
            mixed.iter_mut().zip(&mut divisors).zip(sum).zip(delta)
        {
            // without branches, so that many are done at once
            let agrees = (x > 0.0) & (sum >= 0.0) | (x < 0.0) & (sum < 0.0);
            *mixed += if agrees { x } else { 0.0 };
            *divisor += if agrees { *weight } else { 0.0 };
        }
    }
    for divisor in &mut divisors {
        *divisor = if *divisor == 0.0 { 1.0 } else { *divisor };
    }
    (mixed, divisors)
}

fn subtract(values: &mut [f32], base: &[f32]) {
    for (x, base) in values.iter_mut().zip(base) {
        *x -= base;
    }
}

/// In eight lanes, so that the compiler can add many at a time; the order is fixed all the same.
fn dot(a: &[f32], b: &[f32]) -> f64 {
    let (mut lanes, (a8, a_rest)) = ([0.0f64; 8], a.as_chunks::<8>());
    let (b8, b_rest) = b.as_chunks::<8>();
    for (a, b) in a8.iter().zip(b8) {
        for (lane, (a, b)) in lanes.iter_mut().zip(a.iter().zip(b)) {
            *lane += f64::from(*a) * f64::from(*b);
        }
    }
    let rest = a_rest.iter().zip(b_rest);
    lanes.iter().sum::<f64>()
        + rest
            .map(|(a, b)| f64::from(*a) * f64::from(*b))
            .sum::<f64>()
}

fn magnitudes(values: &[f32]) -> f64 {
    let (mut lanes, (eights, rest)) = ([0.0f64; 8], values.as_chunks::<8>());
    for eight in eights {
        for (lane, x) in lanes.iter_mut().zip(eight) {
            *lane += f64::from(x.abs());
        }
    }
    lanes.iter().sum::<f64>() + rest.iter().map(|x| f64::from(x.abs())).sum::<f64>()
}
