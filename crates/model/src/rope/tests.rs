//! Frequencies, attention factors and cosines against `transformers` 5.23 on torch 2.15.

use super::{Rope, Scaling};

struct Golden {
    rope: Rope,
    attention_factor: f64,
    frequencies: &'static [f64],
    /// Cosines at position 8000.
    cos: &'static [f64],
}

#[rustfmt::skip]
fn golden() -> Vec<Golden> {
    let rope = |base, scaling| Rope { base, scaling };
    vec![
        Golden {
            rope: rope(500_000.0, None),
            attention_factor: 1.0,
            frequencies: &[1.0, 0.193922758, 0.0376060307, 0.00729266508, 0.00141421345, 0.000274248188, 5.31829573e-05, 1.03133852e-05],
            cos: &[0.0656451285, 0.8447541, 0.735319257, -0.220040455, 0.312793851, -0.58362776, 0.910847485, 0.996598244],
        },
        Golden {
            rope: rope(10_000.0, Some(Scaling::Linear { factor: 4.0 })),
            attention_factor: 1.0,
            frequencies: &[0.25, 0.079056941, 0.0250000004, 0.00790569466, 0.00249999994, 0.000790569466, 0.000250000012, 7.90569466e-05],
            cos: &[-0.367459565, -0.54418242, 0.487187684, 0.915638566, 0.408082068, 0.999144375, -0.416146845, 0.806578398],
        },
        Golden {
            rope: rope(500_000.0, Some(Scaling::Llama3 { factor: 8.0, low_frequency_factor: 1.0, high_frequency_factor: 4.0, original_context: 8192 })),
            attention_factor: 1.0,
            frequencies: &[1.0, 0.440366626, 0.193922758, 0.0853971019, 0.0376060307, 0.0165604409, 0.00729266508, 0.00321144611, 0.000524846022, 7.78465546e-05, 3.42810235e-05, 1.50962178e-05, 6.64786967e-06, 2.92749974e-06, 1.28917316e-06, 5.6770881e-07],
            cos: &[0.0656451285, -0.355132252, 0.8447541, -0.119298503, 0.735319257, 0.859436929, -0.220040455, 0.847877502, -0.49133411, 0.812264442, 0.96262908, 0.992716193, 0.998586118, 0.999725759, 0.999946833, 0.999989688],
        },
        Golden {
            rope: rope(500_000.0, Some(Scaling::Yarn { factor: 4.0, original_context: 8192, beta_fast: 32.0, beta_slow: 1.0, attention_factor: None, mscale: None, mscale_all_dim: None, truncate: true })),
            attention_factor: 1.138629436111989,
            frequencies: &[1.0, 0.440366626, 0.193922758, 0.0853971019, 0.0376060307, 0.0140763754, 0.00510486588, 0.00176629529, 0.000565685332, 0.000155693109, 6.85620471e-05, 3.01924356e-05, 1.32957393e-05, 5.85499947e-06, 2.57834631e-06, 1.13541762e-06],
            cos: &[0.0747454762, -0.404364049, 0.961861908, -0.13583678, 0.837256134, 1.00660717, -1.13862765, 0.00774766505, -0.211580127, 0.363845646, 0.971603334, 1.10557604, 1.1321944, 1.1373806, 1.1383872, 1.13858247],
        },
        Golden {
            rope: rope(10_000.0, Some(Scaling::Yarn { factor: 8.0, original_context: 4096, beta_fast: 16.0, beta_slow: 2.0, attention_factor: None, mscale: Some(1.0), mscale_all_dim: Some(0.5), truncate: false })),
            attention_factor: 1.094179988101349,
            frequencies: &[1.0, 0.562341332, 0.316227764, 0.177827939, 0.100000001, 0.0562341288, 0.0316227786, 0.0153716765, 0.00622188905, 0.00213670032, 0.000435575581, 0.000222284929, 0.000125000006, 7.02926627e-05, 3.95284733e-05, 2.22284925e-05],
            cos: &[0.071827583, 1.09368062, -0.730377138, -0.950670004, -0.490332156, -0.887168705, -0.0918193161, -0.984632552, 0.96524018, -0.201438904, -1.03043962, -0.225398481, 0.591188014, 0.92568624, 1.03992534, 1.07692504],
        },
    ]
}

#[test]
fn frequencies_and_tables_are_those_of_transformers() {
    for golden in golden() {
        let (rope, half) = (&golden.rope, golden.frequencies.len());
        rope.check().unwrap();
        assert!((rope.attention_factor() - golden.attention_factor).abs() < 1e-12);
        let frequencies = rope.frequencies(2 * half);
        for (found, expected) in frequencies.iter().zip(golden.frequencies) {
            let off = (f64::from(*found) / expected - 1.0).abs();
            assert!(off <= 1.3e-7, "{rope:?}: {found} {expected}");
        }
        let table = rope.rotation(2 * half, 8001);
        assert_eq!((table.half, table.cos.len()), (half, 8001 * half));
        for (i, expected) in golden.cos.iter().enumerate() {
            // One unit in the last place of a frequency is 6e-8 of an angle of up to 8000.
            let found = f64::from(table.cos[8000 * half + i]);
            assert!(
                (found - expected).abs() < 6e-4,
                "{rope:?} pair {i}: {found} {expected}"
            );
        }
    }
}

#[test]
fn a_given_attention_factor_wins() {
    let Some(Golden { mut rope, .. }) = golden().pop() else {
        unreachable!()
    };
    if let Some(Scaling::Yarn {
        attention_factor, ..
    }) = &mut rope.scaling
    {
        *attention_factor = Some(1.5);
    }
    assert_eq!(rope.attention_factor(), 1.5);
    assert_eq!(rope.rotation(4, 1).cos, [1.5, 1.5]);
}
