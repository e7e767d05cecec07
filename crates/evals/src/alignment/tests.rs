//! Known values, numpy's values, planted translations, and what the interval of CKA promises.

use super::*;
use crate::estimate::bootstrap::{Strata, interval};
use serde::Deserialize;

/// Numbers that are nearly normal: twelve uniform ones less six.
fn normal(random: &mut Random) -> f64 {
    let uniform = |random: &mut Random| random.below(1 << 40) as f64 / (1_u64 << 40) as f64;
    (0..12).map(|_| uniform(random)).sum::<f64>() - 6.0
}

fn noise(random: &mut Random, numbers: usize) -> Vec<f32> {
    (0..numbers).map(|_| normal(random) as f32).collect()
}

fn near(a: f64, b: f64, what: &str) {
    assert!((a - b).abs() < 1e-9, "{what}: {a} for {b}");
}

#[derive(Deserialize)]
struct Golden {
    columns: usize,
    first: Vec<f32>,
    second: Vec<f32>,
    cka: f64,
    cka_error: f64,
    cka_biased: f64,
    recall: [f64; 2],
    reciprocal: [f64; 2],
}

/// `fixtures/alignment.py`, by other formulas than ours.
#[test]
fn figures_are_those_of_numpy() {
    let text = include_str!("../../../../fixtures/alignment/golden.json");
    let golden: Vec<Golden> = serde_json::from_str(text).unwrap();
    assert_eq!(golden.len(), 4);
    for case in golden {
        let found = align(&case.first, &case.second, case.columns, None, 1).unwrap();
        let cka = found.cka.unwrap();
        near(cka.value, case.cka, "CKA");
        let half = 1.959_964 * case.cka_error;
        near(cka.low, (case.cka - half).max(-1.0), "its interval");
        near(cka.high, (case.cka + half).min(1.0), "its interval");
        near(found.cka_biased.unwrap().value, case.cka_biased, "biased");
        for (at, way) in [found.forth, found.back].into_iter().enumerate() {
            near(way.recall.value, case.recall[at], "recall");
            near(way.reciprocal.value, case.reciprocal[at], "reciprocal");
        }
    }
}

#[test]
fn turned_scaled_and_moved_rows_are_the_same_and_unrelated_ones_are_not() {
    let (n, d) = (60, 4);
    let mut random = Random::new(3);
    let rows = noise(&mut random, n * d);
    // A rotation in the planes (0, 1) and (2, 3), three times as long, moved.
    let turned: Vec<f32> = rows
        .chunks_exact(2)
        .flat_map(|pair| [0.6 * pair[0] - 0.8 * pair[1], 0.8 * pair[0] + 0.6 * pair[1]])
        .map(|x| 3.0 * x + 5.0)
        .collect();
    for other in [&rows, &turned] {
        let found = align(&rows, other, d, None, 1).unwrap();
        let cka = found.cka.unwrap();
        assert!((cka.value - 1.0).abs() < 1e-6 && cka.high <= 1.0, "{cka:?}");
        assert!((found.cka_biased.unwrap().value - 1.0).abs() < 1e-6);
        assert!(cka.shuffled.high < 0.2, "{cka:?}");
    }
    assert_eq!(
        align(&rows, &rows, d, None, 1).unwrap().forth.recall.value,
        1.0
    );

    // More columns than pairs: the biased figure is high for nothing at all, the other is not.
    let (n, d) = (40, 200);
    let (a, b) = (noise(&mut random, n * d), noise(&mut random, n * d));
    let found = align(&a, &b, d, None, 1).unwrap();
    let (cka, biased) = (found.cka.unwrap(), found.cka_biased.unwrap());
    assert!(
        cka.value.abs() < 0.15 && cka.low < 0.0 && cka.high > 0.0,
        "{cka:?}"
    );
    assert!(
        biased.value > 0.7 && biased.shuffled.mean > 0.7,
        "{biased:?}"
    );
    assert!((cka.shuffled.mean).abs() < 0.02, "{cka:?}");
}

/// A third of the pairs are translations, the others have nothing in common.
#[test]
fn planted_translations_are_found() {
    let (n, d) = (90, 32);
    let mut random = Random::new(5);
    let first = noise(&mut random, n * d);
    let mut second = noise(&mut random, n * d);
    for at in 0..n / 3 * d {
        second[at] = first[at] + 0.3 * second[at];
    }
    // A language of its own: moved as a whole, which centring takes back.
    second.iter_mut().for_each(|x| *x += 40.0);
    let found = align(&first, &second, d, None, 1).unwrap();
    for way in [found.forth, found.back] {
        let recall = way.recall;
        assert!((recall.value - 1.0 / 3.0).abs() < 0.06, "{recall:?}");
        assert!(recall.low < recall.value && recall.value < recall.high);
        assert!(recall.high - recall.low < 0.25, "{recall:?}");
        assert!(way.reciprocal.value > recall.value);
        let chance = chance(n);
        assert!(
            (recall.shuffled.mean - chance.recall).abs() < 0.01,
            "{recall:?}"
        );
        let reciprocal = way.reciprocal.shuffled;
        assert!(
            (reciprocal.mean - chance.reciprocal).abs() < 0.01,
            "{reciprocal:?}"
        );
        assert!(recall.shuffled.high < recall.low);
    }
    assert_eq!(found, align(&first, &second, d, None, 1).unwrap());
    assert_ne!(found, align(&first, &second, d, None, 2).unwrap());
}

/// Sentences of three forms: what lies together is the form and nothing else.
#[test]
fn what_groups_alone_give_is_in_a_control_that_keeps_them() {
    let (n, d) = (60, 8);
    let mut random = Random::new(4);
    let groups: Vec<usize> = (0..n).map(|pair| pair % 3).collect();
    let mut side = || -> Vec<f32> {
        let centres = noise(&mut random, 3 * d);
        let centre = |pair: usize| &centres[pair % 3 * d..][..d];
        let noise = noise(&mut random, n * d);
        let rows = noise.chunks_exact(d).enumerate();
        rows.flat_map(|(pair, row)| row.iter().zip(centre(pair)).map(|(x, c)| 0.5 * x + 2.0 * c))
            .collect()
    };
    let (first, second) = (side(), side());
    let among_all = align(&first, &second, d, None, 1).unwrap().cka.unwrap();
    let within = align(&first, &second, d, Some(&groups), 1).unwrap();
    let cka = within.cka.unwrap();
    assert_eq!(cka.value, among_all.value);
    assert!(
        cka.value > 0.3 && among_all.shuffled.mean < 0.05,
        "{among_all:?}"
    );
    assert!((cka.shuffled.mean - cka.value).abs() < 0.05, "{cka:?}");
    let error = align(&first, &second, d, Some(&groups[1..]), 1).unwrap_err();
    assert!(error.to_string().contains("a group for each"), "{error}");
}

#[test]
fn equals_are_worth_what_guessing_among_them_is() {
    let (n, d) = (12, 3);
    let mut random = Random::new(6);
    let some = noise(&mut random, n * d);
    let alike = [2.0_f32, -1.0, 0.5].repeat(n);
    let found = align(&some, &alike, d, None, 1).unwrap();
    assert_eq!((found.cka, found.cka_biased), (None, None));
    let chance = chance(n);
    near(found.forth.recall.value, chance.recall, "recall");
    near(found.back.reciprocal.value, chance.reciprocal, "reciprocal");
    near(chance.recall, 1.0 / 12.0, "one in twelve");
    near(super::chance(2).reciprocal, 0.75, "(1 + 1/2) / 2");
}

#[test]
fn what_cannot_be_measured_is_refused_in_a_sentence() {
    let mut random = Random::new(8);
    let rows = noise(&mut random, 20 * 3);
    for (first, second, sentence) in [
        (
            &rows[..27],
            &rows[..27],
            "9 pairs of translations are too few",
        ),
        (&rows[..], &rows[..30], "as many rows"),
        (&rows[..31], &rows[..31], "as many rows"),
    ] {
        let error = align(first, second, 3, None, 1).unwrap_err().to_string();
        assert!(error.contains(sentence), "{error}");
    }
    let mut broken = rows.clone();
    broken[7] = f32::NAN;
    let error = align(&rows, &broken, 3, None, 1).unwrap_err().to_string();
    assert!(error.contains("not finite"), "{error}");
}

/// Two languages that share as much as this: how often the interval holds what there is in truth, and
/// how often that of pairs drawn again with replacement would.
#[test]
fn the_interval_of_cka_holds_what_is_true_where_a_bootstrap_would_not() {
    let d = 16;
    let draw = |random: &mut Random, n: usize| -> [Vec<f32>; 2] {
        let mut sides = [vec![], vec![]];
        for _ in 0..n * d {
            let common = 0.5 * normal(random);
            sides
                .iter_mut()
                .for_each(|side| side.push((common + normal(random)) as f32));
        }
        sides
    };
    let mut random = Random::new(9);
    // In the limit CKA is (0.25 / 1.25)²: both covariances are multiples of the identity.
    let truth = (0.25_f64 / 1.25).powi(2);
    let (mut held, mut held_by_bootstrap, mut width) = (0, 0, 0.0);
    for _ in 0..100 {
        let [a, b] = draw(&mut random, 60);
        let (k, l) = (Rows::centred(&a, d), Rows::centred(&b, d));
        let (found, _) = cka::agree(&k, &l, &[(0..60).collect()]);
        let found = found.unwrap();
        held += usize::from(found.low <= truth && truth <= found.high);
        width += (found.high - found.low) / 100.0;
    }
    for _ in 0..10 {
        let [a, b] = draw(&mut random, 60);
        let mut times = 0;
        let draws = Strata::new(vec![60]).draws(|indices| {
            times += 1;
            if times > 100 {
                return f64::NAN;
            }
            let again = |rows: &[f32]| -> Vec<f32> {
                let row = |at: &usize| rows[at * d..(at + 1) * d].to_vec();
                indices.iter().flat_map(row).collect()
            };
            let (k, l) = (again(&a), again(&b));
            let (k, l) = (Rows::centred(&k, d), Rows::centred(&l, d));
            let (found, _) = cka::agree(&k, &l, &[(0..60).collect()]);
            found.map_or(f64::NAN, |found| found.value)
        });
        let (low, high) = interval(&draws);
        held_by_bootstrap += usize::from(low <= truth && truth <= high);
    }
    assert!(held >= 88 && width < 0.25, "{held} of 100, {width} wide");
    assert!(held_by_bootstrap <= 3, "{held_by_bootstrap} of 10");
}
