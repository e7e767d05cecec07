//! Draws against their distribution, filters against what they say, settings against nonsense.

use super::*;

fn choose(sampling: Sampling, logits: &[f32], occurred: &[u32], position: u64) -> u32 {
    let occurred = Occurred::prompt(occurred);
    sampling
        .choose(&mut logits.to_vec(), &occurred, position)
        .unwrap()
}

/// How often each token is drawn over many positions.
fn frequencies(sampling: &Sampling, logits: &[f32]) -> Vec<f64> {
    let draws = 40_000;
    let mut counts = vec![0.0; logits.len()];
    for position in 0..draws {
        counts[choose(sampling.clone(), logits, &[], position) as usize] += 1.0 / draws as f64;
    }
    counts
}

fn softmax(logits: &[f32], temperature: f32) -> Vec<f64> {
    let weights: Vec<f64> = logits
        .iter()
        .map(|l| f64::from(l / temperature).exp())
        .collect();
    let sum: f64 = weights.iter().sum();
    weights.into_iter().map(|w| w / sum).collect()
}

#[test]
fn greedy_takes_the_greatest_and_the_first_of_equals() {
    assert_eq!(choose(Sampling::greedy(), &[0.0, 3.0, -1.0], &[], 0), 1);
    assert_eq!(choose(Sampling::greedy(), &[2.0, 3.0, 3.0], &[], 9), 1);
    assert_eq!(
        choose(Sampling::greedy(), &[f32::NEG_INFINITY, -5.0], &[], 0),
        1
    );
}

#[test]
fn draws_follow_the_distribution() {
    let logits = [1.0, 0.0, -1.0, 2.5, -30.0, 0.3];
    for temperature in [0.5, 1.0, 2.0] {
        let expected = softmax(&logits, temperature);
        let seen = frequencies(&Sampling::temperature(temperature, 7), &logits);
        for (seen, expected) in seen.iter().zip(&expected) {
            // Four standard deviations.
            let margin = 4.0 * (expected * (1.0 - expected) / 40_000.0).sqrt() + 1e-6;
            assert!(
                (seen - expected).abs() < margin,
                "{seen} against {expected} at {temperature}"
            );
        }
    }
}

#[test]
fn draws_over_many_groups_follow_the_distribution() {
    let logits: Vec<f32> = (0..70).map(|i| ((i * 37) % 11) as f32 / 4.0).collect();
    let expected = softmax(&logits, 1.0);
    let seen = frequencies(&Sampling::temperature(1.0, 11), &logits);
    for (seen, expected) in seen.iter().zip(&expected) {
        let margin = 5.0 * (expected * (1.0 - expected) / 40_000.0).sqrt();
        assert!(
            (seen - expected).abs() < margin,
            "{seen} against {expected}"
        );
    }
}

#[test]
fn a_draw_depends_on_seed_and_position_alone() {
    let logits: Vec<f32> = (0..500).map(|i| ((i * 37) % 101) as f32 / 40.0).collect();
    let text = |seed: u64| -> Vec<u32> {
        (0..64)
            .map(|p| choose(Sampling::temperature(1.0, seed), &logits, &[], p))
            .collect()
    };
    assert_eq!(text(1), text(1));
    assert_ne!(text(1), text(2));
    // Out of order, the same.
    assert_eq!(
        choose(Sampling::temperature(1.0, 1), &logits, &[], 40),
        text(1)[40]
    );
    // A filter that keeps the winner does not change it.
    for position in 0..64 {
        let free = choose(Sampling::temperature(1.0, 1), &logits, &[], position);
        let filtered = Sampling {
            min_p: 0.2,
            ..Sampling::temperature(1.0, 1)
        };
        let kept = choose(filtered, &logits, &[], position);
        let weight = (logits[free as usize] - 2.5f32).exp();
        assert!(kept == free || weight < 0.2);
    }
}

#[test]
fn close_distributions_draw_the_same_token() {
    // What speculation lives from: a draft with the same noise mostly guesses right.
    let target: Vec<f32> = (0..200).map(|i| ((i * 29) % 83) as f32 / 20.0).collect();
    let draft: Vec<f32> = target
        .iter()
        .enumerate()
        .map(|(i, l)| l + (i % 3) as f32 * 0.05)
        .collect();
    let same = (0..1000)
        .filter(|p| {
            let s = Sampling::temperature(1.0, 3);
            choose(s.clone(), &target, &[], *p) == choose(s.clone(), &draft, &[], *p)
        })
        .count();
    assert!(same > 900, "{same} of 1000");
}

#[test]
fn filters_keep_what_they_say() {
    let logits = [3.0, 2.0, 1.0, 0.0, -1.0]; // shares 0.636 0.234 0.086 0.032 0.012
    let base = Sampling::temperature(1.0, 11);
    let cases: [(Sampling, &[usize]); 8] = [
        (
            Sampling {
                top_k: 2,
                ..base.clone()
            },
            &[0, 1],
        ),
        (
            Sampling {
                top_k: 99,
                ..base.clone()
            },
            &[0, 1, 2, 3, 4],
        ),
        (
            Sampling {
                top_p: 0.6,
                ..base.clone()
            },
            &[0],
        ),
        (
            Sampling {
                top_p: 0.65,
                ..base.clone()
            },
            &[0, 1],
        ),
        (
            Sampling {
                top_p: 0.95,
                ..base.clone()
            },
            &[0, 1, 2],
        ),
        (
            Sampling {
                min_p: 0.1,
                ..base.clone()
            },
            &[0, 1, 2],
        ),
        (
            Sampling {
                min_p: 1.0,
                ..base.clone()
            },
            &[0],
        ),
        // Shares are taken again after top-k: 0.731 of the two that are left.
        (
            Sampling {
                top_k: 2,
                top_p: 0.7,
                ..base.clone()
            },
            &[0],
        ),
    ];
    for (sampling, expected) in cases {
        let seen = frequencies(&sampling, &logits);
        let kept: Vec<usize> = (0..5).filter(|i| seen[*i] > 0.0).collect();
        assert_eq!(kept, expected, "{sampling:?}");
    }
}

#[test]
fn top_p_over_many_equal_tokens_keeps_the_share() {
    let logits = vec![0.0f32; 10_000];
    let sampling = Sampling {
        top_p: 0.5,
        ..Sampling::temperature(1.0, 0)
    };
    let kept = sampling.kept(&logits, logits[0]).unwrap();
    assert_eq!(kept.len(), 5000);
    // Equals are ranked by id.
    assert!(kept.iter().all(|id| *id < 5000));
}

#[test]
fn repetition_is_penalised_once_for_each_token() {
    let sampling = Sampling {
        repetition_penalty: 2.0,
        ..Sampling::greedy()
    };
    let mut logits = vec![4.0, 3.0, -1.0];
    let occurred = Occurred::prompt(&[0, 0, 2, 0]);
    let id = sampling.choose(&mut logits, &occurred, 0).unwrap();
    assert_eq!(logits, [2.0, 3.0, -2.0]);
    assert_eq!(id, 1);
}

#[test]
fn presence_and_frequency_count_what_was_written_alone() {
    let mut occurred = Occurred::prompt(&[3, 3, 3]);
    [1, 1, 2].iter().for_each(|id| occurred.write(*id));
    let sampling = Sampling {
        presence_penalty: 0.5,
        frequency_penalty: 0.25,
        ..Sampling::greedy()
    };
    let mut logits = vec![1.0; 5];
    assert_eq!(sampling.choose(&mut logits, &occurred, 0).unwrap(), 0);
    assert_eq!(logits, [1.0, 0.0, 0.25, 1.0, 1.0]);
    // Negative ones reward: the most frequent token wins.
    let sampling = Sampling {
        frequency_penalty: -2.0,
        ..Sampling::greedy()
    };
    assert_eq!(sampling.choose(&mut [1.0; 5], &occurred, 0).unwrap(), 1);
}

#[test]
fn a_bias_moves_its_token_alone() {
    let biased = |bias: &[(u32, f32)]| Sampling {
        logit_bias: bias.to_vec(),
        ..Sampling::greedy()
    };
    let logits = [0.0, 3.0, -1.0, 2.0];
    assert_eq!(choose(biased(&[(2, 100.0)]), &logits, &[], 0), 2);
    assert_eq!(choose(biased(&[(1, -100.0)]), &logits, &[], 0), 3);
    assert_eq!(choose(biased(&[(1, -1.0), (0, 1.5)]), &logits, &[], 0), 1);
}

#[test]
fn logits_that_are_no_numbers_are_an_error() {
    for (logits, words) in [
        (vec![0.0, f32::NAN], "token 1 is NaN"),
        (vec![f32::INFINITY, 0.0], "token 0 is inf"),
        (vec![f32::NEG_INFINITY; 3], "no logit is finite"),
        (vec![], "no logit is finite"),
    ] {
        for sampling in [Sampling::greedy(), Sampling::temperature(1.0, 0)] {
            let error = sampling
                .choose(&mut logits.clone(), &Occurred::default(), 0)
                .unwrap_err()
                .to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}

#[test]
fn settings_without_meaning_are_refused() {
    let base = Sampling::greedy();
    assert!(base.check(9).is_ok());
    for (sampling, word) in [
        (
            Sampling {
                temperature: -1.0,
                ..base.clone()
            },
            "temperature",
        ),
        (
            Sampling {
                temperature: f32::NAN,
                ..base.clone()
            },
            "temperature",
        ),
        (
            Sampling {
                top_p: 0.0,
                ..base.clone()
            },
            "top_p",
        ),
        (
            Sampling {
                top_p: 1.1,
                ..base.clone()
            },
            "top_p",
        ),
        (
            Sampling {
                min_p: f32::NAN,
                ..base.clone()
            },
            "min_p",
        ),
        (
            Sampling {
                repetition_penalty: 0.0,
                ..base.clone()
            },
            "repetition_penalty",
        ),
        (
            Sampling {
                frequency_penalty: f32::INFINITY,
                ..base.clone()
            },
            "frequency_penalty",
        ),
        (
            Sampling {
                logit_bias: vec![(9, 1.0)],
                ..base.clone()
            },
            "logit_bias",
        ),
        (
            Sampling {
                logit_bias: vec![(3, 1.0), (2, 0.0), (3, 2.0)],
                ..base.clone()
            },
            "logit_bias names token 3 twice",
        ),
    ] {
        let error = sampling.check(9).unwrap_err().to_string();
        assert!(error.starts_with(word), "{error}");
    }
}

#[test]
fn extreme_temperatures_still_draw() {
    let logits = [0.0, 1.0, 2.0];
    assert_eq!(choose(Sampling::temperature(1e-30, 0), &logits, &[], 0), 2);
    assert!(
        frequencies(&Sampling::temperature(1e30, 0), &logits)
            .iter()
            .all(|f| *f > 0.3)
    );
}
