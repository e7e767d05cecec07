//! That the beginning is normal, repeatable, and each parameter's own.

use super::{Initial, inverse_normal, normal, stream};
use crate::{example, table};

#[test]
fn numbers_are_standard_normal() {
    let key = stream(7, "embed");
    let n = 200_000;
    let moments = (0..n).fold([0.0; 4], |mut m, i| {
        let x = normal(key, i);
        for (power, sum) in m.iter_mut().enumerate() {
            *sum += x.powi(power as i32 + 1) / n as f64;
        }
        m
    });
    // Standard errors: 1/√n, √2/√n, √15/√n, √96/√n; four of each.
    let root = (n as f64).sqrt();
    for ((found, expected), error) in moments
        .iter()
        .zip([0.0, 1.0, 0.0, 3.0])
        .zip([1.0, 1.4143, 3.873, 9.798])
    {
        assert!((found - expected).abs() < 4.0 * error / root, "{moments:?}");
    }
}

#[test]
fn the_inverse_is_the_inverse() {
    // Quantiles of the normal distribution from tables.
    for (p, x) in [
        (0.5, 0.0),
        (0.975, 1.959_963_984_540_054),
        (0.01, -2.326_347_874_040_841),
        (0.999_9, 3.719_016_485_455_709),
        (1e-12, -7.034_483_825_301_131),
    ] {
        assert!(
            (inverse_normal(p) - x).abs() <= 2e-9 * (1.0 + f64::abs(x)),
            "{p}"
        );
    }
}

#[test]
fn a_parameter_depends_on_its_name_and_the_seed_alone() {
    let initial = Initial::default();
    let (small, large) = (example::shape(true), example::shape(false));
    for spec in table(&small) {
        let other = table(&large)
            .into_iter()
            .find(|p| p.name == spec.name)
            .unwrap();
        assert_eq!(
            initial.values(7, &small, &spec),
            initial.values(7, &large, &other)
        );
        if spec.is_matrix() {
            assert_ne!(
                initial.values(7, &small, &spec),
                initial.values(8, &small, &spec)
            );
        }
    }
    // Pinned: another machine, or a later version, must begin with the same numbers.
    let embed = initial.values(7, &small, &table(&small)[0]);
    assert_eq!(embed[..3], PINNED);
}

const PINNED: [f32; 3] = [0.0019946145, -0.029004185, -0.009816472];

#[test]
fn depth_scaling_touches_what_writes_to_the_residual_stream() {
    let shape = example::shape(true);
    let scaled = Initial {
        standard_deviation: 0.02,
        depth_scaled: true,
    };
    for spec in table(&shape) {
        let plain = Initial::default().values(7, &shape, &spec);
        let ratio = scaled.values(7, &shape, &spec)[0] / plain[0];
        let expected = if spec.name.ends_with(".o") || spec.name.ends_with(".down") {
            1.0 / (2.0 * shape.layers as f32).sqrt()
        } else {
            1.0
        };
        assert!((ratio - expected).abs() < 1e-6, "{}", spec.name);
    }
}
