use super::*;

fn metric(aggregate: Aggregate) -> Metric {
    Metric {
        name: "x".to_owned(),
        aggregate,
        higher_is_better: true,
    }
}

fn value(x: f64) -> Score {
    Score {
        values: [("x".to_owned(), x)].into(),
        ..Score::default()
    }
}

fn class(right: usize, chosen: usize) -> Score {
    Score {
        classes: Some((right, chosen)),
        ..Score::default()
    }
}

fn of(aggregate: Aggregate, scores: &[(&str, Score)]) -> Estimate {
    let scores = scores.iter().map(|(group, score)| (*group, score));
    estimate(&metric(aggregate), scores).unwrap()
}

fn near(found: f64, wanted: f64, tolerance: f64) {
    assert!(
        (found - wanted).abs() <= tolerance,
        "{found} instead of {wanted}"
    );
}

#[test]
fn a_mean_has_the_standard_error_of_its_sample() {
    let values = [1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0, 0.0];
    let scores: Vec<_> = values.iter().map(|x| ("", value(*x))).collect();
    let found = of(Aggregate::Mean, &scores);
    near(found.value, 0.625, 1e-12);
    // statistics.stdev(values) / math.sqrt(8)
    near(found.error.unwrap(), 0.182_981_264_2, 1e-9);
    assert!(found.low < 0.625 && found.high > 0.625 && found.low >= 0.0 && found.high <= 1.0);
    near(found.high - found.low, 2.0 * 1.96 * 0.171, 0.08);
}

#[test]
fn groups_are_pooled_as_lm_eval_pools_them() {
    let values = [
        ("a", 1.0),
        ("a", 0.0),
        ("a", 1.0),
        ("b", 0.0),
        ("b", 0.0),
        ("b", 1.0),
        ("b", 0.0),
        ("b", 1.0),
    ];
    let scores: Vec<_> = values
        .iter()
        .map(|(group, x)| (*group, value(*x)))
        .collect();
    let found = of(Aggregate::Mean, &scores);
    near(found.value, 0.5, 1e-12);
    // lm_eval.api.metrics.pooled_sample_stderr([mean_stderr(a), mean_stderr(b)], [3, 5])
    near(found.error.unwrap(), 0.197_202_659_4, 1e-9);
}

#[test]
fn weights_weigh() {
    let weighted = |x: f64, weight: f64| Score {
        weight: Some(weight),
        ..value(x)
    };
    let found = of(
        Aggregate::Mean,
        &[
            ("", weighted(1.0, 1.0)),
            ("", weighted(0.5, 3.0)),
            ("", weighted(2.0, 2.0)),
        ],
    );
    near(found.value, (1.0 + 1.5 + 4.0) / 6.0, 1e-12);
    let mean: f64 = 6.5 / 6.0;
    let squares =
        (1.0 - mean).powi(2) + (3.0 * (0.5 - mean)).powi(2) + (2.0 * (2.0 - mean)).powi(2);
    near(found.error.unwrap(), (1.5 * squares).sqrt() / 6.0, 1e-12);
}

#[test]
fn macro_f1_is_that_of_scikit_learn() {
    // f1_score([0,0,1,1,1,2], [0,1,1,1,0,2], average="macro") = 0.7222…, and with an answer that no
    // class has, f1_score([0,0,1], [0,7,1], average="macro") = 0.5555…
    let pairs = |all: &[(usize, usize)]| -> Vec<_> {
        all.iter()
            .map(|(right, chosen)| ("", class(*right, *chosen)))
            .collect()
    };
    let found = of(
        Aggregate::MacroF1,
        &pairs(&[(0, 0), (0, 1), (1, 1), (1, 1), (1, 0), (2, 2)]),
    );
    near(found.value, 0.722_222_222, 1e-9);
    assert!(found.error.unwrap() > 0.0 && found.low <= found.value && found.value <= found.high);
    near(
        of(Aggregate::MacroF1, &pairs(&[(0, 0), (0, 7), (1, 1)])).value,
        0.555_555_555,
        1e-8,
    );
}

#[test]
fn all_right_is_not_all_certain() {
    let scores: Vec<_> = (0..20).map(|_| ("", value(1.0))).collect();
    let found = of(Aggregate::Mean, &scores);
    assert_eq!((found.value, found.error), (1.0, Some(0.0)));
    near(found.low, 0.8389, 1e-3);
    assert_eq!(found.high, 1.0);
}

#[test]
fn one_question_has_no_standard_error_and_none_has_no_figure() {
    let found = of(Aggregate::Mean, &[("", value(0.5))]);
    assert_eq!((found.value, found.error, found.questions), (0.5, None, 1));
    let unscored = Score::default();
    assert_eq!(estimate(&metric(Aggregate::Mean), [("", &unscored)]), None);
    let two = of(Aggregate::Mean, &[("a", value(0.0)), ("b", value(1.0))]);
    assert_eq!(two.error, None, "two groups of one question each");
    assert_eq!((two.low, two.high), (0.0, 1.0));
}

#[test]
fn groups_of_few_questions_are_not_certain() {
    let names: Vec<String> = (0..12).map(|at| format!("출처 {at:02}")).collect();
    for each in [1, 2, 10] {
        let scores: Vec<_> = (0..12 * each)
            .map(|at| {
                let score = Score {
                    weight: Some(f64::from(100 + at % 3)),
                    ..value(1.0 + f64::from(at * 7 % 12) / 10.0)
                };
                (names[(at / each) as usize].as_str(), score)
            })
            .collect();
        let found = of(Aggregate::Mean, &scores);
        assert!(
            found.low < found.value && found.value < found.high,
            "{each} in each of 12 groups: {found:?}"
        );
        let error = found.error.unwrap();
        near(found.high - found.low, 2.0 * 1.96 * error, 0.5 * error);
    }
    // Two questions beside many are not certain either.
    let mut scores: Vec<_> = (0..40).map(|_| ("많음", value(0.5))).collect();
    scores.extend([("하나", value(0.0)), ("둘", value(1.0))]);
    let found = of(Aggregate::Mean, &scores);
    assert!(found.low < 0.5 && found.high > 0.5, "{found:?}");
}

#[test]
fn a_question_without_the_metric_is_not_counted() {
    let found = of(
        Aggregate::Mean,
        &[("", value(1.0)), ("", Score::default()), ("", value(0.0))],
    );
    assert_eq!((found.value, found.questions), (0.5, 2));
}

#[test]
fn the_same_scores_give_the_same_interval() {
    let scores: Vec<_> = (0..50).map(|at| ("", value(f64::from(at % 3)))).collect();
    assert_eq!(of(Aggregate::Mean, &scores), of(Aggregate::Mean, &scores));
}
