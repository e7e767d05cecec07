//! Headers that lie, each with its sentence.

use serde_json::{Value, json};

/// A file of this header and so many bytes of data.
pub(crate) fn file(header: &Value, data: usize) -> Vec<u8> {
    let header = serde_json::to_vec(header).unwrap();
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header);
    file.resize(file.len() + data, 0);
    file
}

fn tensor(dtype: &str, shape: &[u64], start: u64, end: u64) -> Value {
    json!({ "dtype": dtype, "shape": shape, "data_offsets": [start, end] })
}

#[test]
fn an_honest_header_is_read() {
    let header = json!({
        "__metadata__": { "format": "pt" },
        "가중치": tensor("BF16", &[3, 2], 4, 16),
        "scalar": tensor("F32", &[], 0, 4),
        "nothing": tensor("F32", &[0, 7], 16, 16),
    });
    let bytes = file(&header, 16);
    let entries = super::read(&bytes).unwrap();
    assert_eq!(entries.len(), 3);
    let data = bytes.len() - 16;
    assert_eq!(entries["가중치"].range, data + 4..data + 16);
    assert_eq!(entries["가중치"].shape, [3, 2]);
    assert_eq!(entries["scalar"].range, data..data + 4);
}

#[test]
fn lies_are_named() {
    let two = |a: Value, b: Value| json!({ "a": a, "b": b });
    let four = || tensor("F32", &[1], 0, 4);
    for (header, data, expected) in [
        (json!([1, 2]), 0, "no JSON object"),
        (
            two(four(), tensor("F32", &[1], 4, 8)),
            6,
            "b: its data should reach to byte 8, but the file has 6",
        ),
        (
            two(four(), tensor("F32", &[1], 2, 6)),
            6,
            "b: its data overlaps that of a",
        ),
        (
            two(four(), tensor("F32", &[1], 6, 10)),
            10,
            "b: 2 bytes before it belong to no tensor",
        ),
        (
            two(four(), tensor("F32", &[1], 4, 8)),
            11,
            "3 bytes at the end belong to no tensor",
        ),
        (
            two(four(), tensor("F32", &[1], 8, 4)),
            8,
            "b: its data ends (4) before it starts (8)",
        ),
        (
            two(four(), tensor("F32", &[3], 4, 8)),
            8,
            "b: [3] of type F32 does not take the 4 bytes",
        ),
        (
            two(four(), tensor("F32", &[u64::MAX, 8], 4, 8)),
            8,
            "does not take the 4 bytes",
        ),
        (
            two(four(), tensor("F3", &[1], 4, 8)),
            8,
            "b: its type F3 is not known",
        ),
        (
            two(four(), json!({ "dtype": "F32" })),
            4,
            "b: its entry cannot be read",
        ),
        (
            two(four(), tensor("F32", &[1], 0, u64::MAX)),
            8,
            "should reach to byte 18446744073709551615",
        ),
    ] {
        let error = format!("{:#}", super::read(&file(&header, data)).unwrap_err());
        assert!(
            error.contains(expected),
            "{error:?} should say {expected:?}"
        );
    }
}

#[test]
fn all_that_is_wrong_is_named_at_once() {
    let header = json!({
        "a": tensor("F32", &[2], 0, 4),
        "b": tensor("F32", &[1], 90, 94),
        "c": tensor("X", &[1], 0, 4),
    });
    let error = super::read(&file(&header, 8)).unwrap_err().to_string();
    for name in ["a:", "b:", "c:"] {
        assert!(error.contains(name), "{error}");
    }
}

#[test]
fn a_file_cut_anywhere_is_an_error_and_no_panic() {
    let header = json!({ "a": tensor("F32", &[4], 0, 16) });
    let whole = file(&header, 16);
    assert!(super::read(&whole).is_ok());
    for length in 0..whole.len() {
        assert!(super::read(&whole[..length]).is_err(), "{length}");
    }
    // A length that reaches beyond the end, or beyond any sense.
    for length in [whole.len() as u64, u64::MAX] {
        let mut lying = whole.clone();
        lying[..8].copy_from_slice(&length.to_le_bytes());
        let error = super::read(&lying).unwrap_err().to_string();
        assert!(error.contains("its header claims"), "{error}");
    }
}

/// Bytes changed by chance: an error, or tensors that lie inside the file and cover it.
#[test]
fn mutations_never_panic() {
    let header = json!({
        "__metadata__": { "format": "pt" },
        "가중치": tensor("BF16", &[3, 2], 4, 16),
        "scalar": tensor("F32", &[], 0, 4),
        "half": tensor("F16", &[2, 1, 4], 16, 32),
    });
    let good = file(&header, 32);
    let mut state = 7u64;
    let mut chance = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) as usize % below
    };
    let (mut read, mut refused) = (0, 0);
    for _ in 0..20_000 {
        let mut bytes = good.clone();
        for _ in 0..1 + chance(3) {
            let at = chance(bytes.len());
            match chance(4) {
                0 => bytes[at] ^= 1 << chance(8),
                1 => bytes[at] = b"0123456789\",[]{}:e-"[chance(19)],
                2 => bytes.truncate(at.max(1)),
                _ => {
                    let piece = bytes[at..bytes.len().min(at + chance(12))].to_vec();
                    let to = chance(bytes.len());
                    bytes.splice(to..to, piece);
                }
            }
        }
        match super::read(&bytes) {
            Err(_) => refused += 1,
            Ok(entries) => {
                read += 1;
                assert!(entries.values().all(|entry| entry.range.end <= bytes.len()));
            }
        }
    }
    assert!(
        read > 100 && refused > 1000,
        "{read} read, {refused} refused"
    );
}
