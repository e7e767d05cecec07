//! Bit for bit what the Python package `gguf` makes of the same blocks (fixtures/ggml.py).

use super::Blocks;
use proptest::prelude::*;
use std::path::Path;

fn fixture(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/gguf/blocks");
    std::fs::read(folder.join(name)).unwrap()
}

fn numbers(name: &str) -> Vec<f32> {
    let bytes = fixture(name);
    let words = bytes.as_chunks::<4>().0.iter();
    words.map(|b| f32::from_le_bytes(*b)).collect()
}

#[test]
fn dequantised_numbers_have_the_bits_of_gguf() {
    for format in Blocks::ALL {
        let bytes = fixture(&format!("{}.bin", format.name()));
        let wanted = numbers(&format!("{}.f32", format.name()));
        let mut found = vec![f32::NAN; bytes.len() / format.bytes() * format.numbers()];
        format.dequantise(&bytes, &mut found);
        assert_eq!(found.len(), wanted.len());
        for (i, (found, wanted)) in found.iter().zip(&wanted).enumerate() {
            let same = found.to_bits() == wanted.to_bits() || found.is_nan() && wanted.is_nan();
            assert!(
                same,
                "{}: number {i} is {found}, not {wanted}",
                format.name()
            );
        }
    }
}

#[test]
fn quantised_bytes_are_those_of_gguf() {
    let numbers = numbers("numbers.f32");
    for format in [Blocks::Q8_0, Blocks::Q4_0] {
        let wanted = fixture(&format!("{}.made", format.name()));
        assert_eq!(format.quantise(&numbers), Some(wanted), "{}", format.name());
    }
    assert_eq!(Blocks::Q6K.quantise(&[]), None);
}

#[test]
fn what_is_no_number_stays_none() {
    for format in [Blocks::Q8_0, Blocks::Q4_0] {
        // the last is one, and its scale is not
        for bad in [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e9] {
            for at in [0, 17, 31] {
                let mut numbers = [0.5; 64];
                numbers[at] = bad;
                let bytes = format.quantise(&numbers).unwrap();
                let (one, other) = bytes.split_at(format.bytes());
                assert!(!format.is_finite(&bytes));
                assert!(!format.is_finite(one));
                assert!(format.is_finite(other));
                let mut back = [0.0f32; 64];
                format.dequantise(&bytes, &mut back);
                let (one, other) = back.split_at(32);
                assert!(
                    one.iter().all(|x| !x.is_finite()),
                    "{}: {bad} at {at} became {one:?}",
                    format.name()
                );
                assert!(other.iter().all(|x| (x - 0.5).abs() < 1e-2), "{other:?}");
            }
        }
    }
}

proptest! {
    #[test]
    fn what_is_quantised_comes_back_near(numbers in proptest::collection::vec(-3f32..3.0, 32)) {
        let largest = numbers.iter().fold(0f32, |m, x| m.max(x.abs()));
        for (format, steps) in [(Blocks::Q8_0, 127.0), (Blocks::Q4_0, 8.0)] {
            let bytes = format.quantise(&numbers).unwrap();
            let mut back = [0.0; 32];
            format.dequantise(&bytes, &mut back);
            // half a step, the f16 of the scale; the largest of the other sign is a step short in Q4_0
            let allowed = largest / steps * if format == Blocks::Q4_0 { 1.01 } else { 0.6 };
            for (x, y) in numbers.iter().zip(back) {
                prop_assert!((x - y).abs() <= allowed + 1e-7, "{x} became {y}");
            }
        }
    }
}
