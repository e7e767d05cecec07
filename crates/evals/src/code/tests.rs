//! Numbers; what needs the sandbox itself is in `tests/code.rs`.

use super::*;

#[test]
fn an_answer_that_breaks_the_solution_has_failed() {
    let tests = Tests::Compare {
        row: String::new(),
        reference: "right".to_owned(),
        mbpp: false,
    };
    let put = |code: &str, tests: &Tests, holds: bool| {
        broken("it failed".to_owned(), code, tests, |reference| {
            assert_eq!(reference, "right");
            holds
        })
    };
    let failed = Verdict {
        why: "it failed".to_owned(),
        ..Verdict::default()
    };
    assert_eq!(put("an answer", &tests, true).unwrap(), failed);
    // the problem is broken by itself, not by the answer
    assert!(put("an answer", &tests, false).is_err());
    assert!(put("right", &tests, true).is_err());
    assert!(put("an answer", &Tests::asserts(String::new()), true).is_err());
}

#[test]
fn pass_at_k_is_the_share_of_draws_that_hold_a_right_one() {
    // every choice of 2 out of 4 answers, of which 1 is right: 3 of 6 hold it
    assert!((pass_at(2, 4, 1) - 0.5).abs() < 1e-12);
    assert_eq!(pass_at(1, 5, 0), 0.0);
    assert_eq!(pass_at(1, 5, 5), 1.0);
    assert_eq!(pass_at(3, 5, 3), 1.0);
    for right in 0..=10 {
        assert!((pass_at(1, 10, right) - right as f64 / 10.0).abs() < 1e-12);
    }
}

#[test]
fn ks_are_told_as_far_as_answers_reach() {
    let names = |samples, plus| -> Vec<String> {
        metrics(samples, plus)
            .into_iter()
            .map(|it| it.name)
            .collect()
    };
    assert_eq!(names(1, false), ["pass@1"]);
    assert_eq!(
        names(8, true),
        [
            "pass@1",
            "pass@2",
            "pass@8",
            "pass@1,base",
            "pass@2,base",
            "pass@8,base"
        ]
    );
    assert_eq!(draw(1), Draw::default());
    assert_eq!((draw(8).samples, draw(8).temperature), (8, 0.2));
}
