use tensor::Forward;

use super::*;
use crate::toy::{self, Place};

#[test]
fn a_model_is_not_apart_from_itself() {
    let place = Place::new();
    let (one, other) = (toy::decoder(), toy::decoder());
    let found = apart(&one, &other, &place.held_out, u64::MAX, 16, 2).unwrap();
    assert_eq!(found.all.tokens, place.held_out.tokens() - 1);
    assert_eq!(found.groups.len(), 2);
    assert!(found.all.divergence.abs() < 1e-9, "{found:?}");
    assert_eq!(found.logit.value, 0.0);
    assert!((found.all.before - (toy::VOCABULARY as f64).ln()).abs() < 0.1);
    assert!((found.all.before - found.all.after).abs() < 1e-6);
}

#[test]
fn what_differs_is_found_where_it_is() {
    let place = Place::new();
    let before = toy::decoder();
    let mut after = toy::decoder();
    // One token is said more loudly: its row of the tied embedding is three times as long.
    let loud = 5;
    let mut values = before.device.values(before.head());
    let d = before.shape.width;
    values[loud * d..(loud + 1) * d]
        .iter_mut()
        .for_each(|x| *x *= 3.0);
    let device = after.device.clone();
    device.set(&mut after.weights.embed, &values);
    let found = apart(&before, &after, &place.held_out, u64::MAX, 16, 3).unwrap();
    assert!(found.all.divergence > 1e-4, "{found:?}");
    assert!(found.divergence.value >= found.all.divergence);
    assert_eq!(found.logit.id, loud as u32, "{found:?}");
    assert!(found.divergence.document.starts_with("문서-"), "{found:?}");
    // The mean over groups is the mean over tokens.
    let sum: f64 = found
        .groups
        .iter()
        .map(|g| g.divergence * g.tokens as f64)
        .sum();
    assert!((sum / found.all.tokens as f64 - found.all.divergence).abs() < 1e-12);
}

#[test]
fn nothing_to_compare_on_is_a_sentence() {
    let place = Place::new();
    let one = toy::decoder();
    let error = apart(&one, &one, &place.held_out, 0, 16, 1)
        .unwrap_err()
        .to_string();
    assert!(error.contains("nothing to compare on"), "{error}");
    let error = apart(&one, &one, &place.held_out, 9, 65, 1)
        .unwrap_err()
        .to_string();
    assert!(error.contains("65"), "{error}");
}
