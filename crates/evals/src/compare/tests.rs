use super::*;
use crate::outcome::RunAbout;
use crate::task::{About, Protocol, Score};

fn task(name: &str, version: u32, aggregate: Aggregate, values: &[f64]) -> SavedTask {
    let questions = values.iter().enumerate().map(|(at, value)| SavedQuestion {
        id: format!("질문/{at}"),
        group: ["역사", "law"][at % 2].to_owned(),
        prompt: at.to_string(),
        score: Score {
            values: [("acc".to_owned(), *value)].into(),
            classes: Some((at % 2, (at + *value as usize) % 2)),
            ..Score::default()
        },
    });
    SavedTask {
        about: About {
            name: name.to_owned(),
            summary: String::new(),
            language: "ko".to_owned(),
            protocol: String::new(),
            source: String::new(),
            version,
            metrics: vec![Metric {
                name: "acc".to_owned(),
                aggregate,
                higher_is_better: true,
            }],
        },
        questions: questions.collect(),
        judge: None,
        votes: 0,
    }
}

fn saved(tasks: Vec<SavedTask>) -> Saved {
    Saved {
        about: RunAbout {
            model: "m".to_owned(),
            identity: "m".to_owned(),
            tokenizer: None,
            chat_template: None,
            protocol: Protocol::Base,
            limit: None,
            samples: 1,
            temperature: None,
            max_tokens: None,
            judge: None,
            version: String::new(),
        },
        tasks,
    }
}

/// `both`, `a` alone, `b` alone and neither, so many times each.
fn answers(both: usize, a: usize, b: usize, neither: usize) -> (Vec<f64>, Vec<f64>) {
    let counts = [
        (both, 1.0, 1.0),
        (a, 1.0, 0.0),
        (b, 0.0, 1.0),
        (neither, 0.0, 0.0),
    ];
    counts
        .iter()
        .flat_map(|(count, a, b)| std::iter::repeat_n((*a, *b), *count))
        .unzip()
}

#[test]
fn mcnemar_is_exact() {
    // scipy.stats.binomtest(3, 13).pvalue, and (0, 6), (5, 5), (1400, 1600).
    for (b, c, wanted) in [
        (3, 10, 0.092_285_156_25),
        (0, 6, 0.031_25),
        (5, 5, 1.0),
        (0, 0, 1.0),
        (1400, 1600, 0.000_278_564),
    ] {
        let found = mcnemar(b, c);
        assert!(
            (found - wanted).abs() < 1e-6,
            "{b}, {c}: {found} instead of {wanted}"
        );
    }
}

#[test]
fn two_models_are_compared_pair_by_pair() {
    let (a, b) = answers(40, 3, 10, 47);
    let of = |values: &[f64]| saved(vec![task("quiz", 1, Aggregate::Mean, values)]);
    let compared = compare(&of(&a), &of(&b));
    assert_eq!(compared.left_out, Vec::<String>::new());
    let found = &compared.comparisons[0];
    assert_eq!((found.a, found.b, found.questions), (0.43, 0.5, 100));
    assert_eq!(
        (found.a_higher, found.b_higher, found.test),
        (3, 10, Test::McNemar)
    );
    assert!((found.difference - 0.07).abs() < 1e-12);
    assert!(found.low < 0.07 && found.high > 0.07 && found.low > -0.05 && found.high < 0.2);
    let same = compare(&of(&a), &of(&a));
    assert_eq!(
        (same.comparisons[0].p, same.comparisons[0].difference),
        (1.0, 0.0)
    );
}

#[test]
fn values_between_are_compared_by_the_bootstrap() {
    let a: Vec<f64> = (0..60).map(|at| f64::from(at % 7) / 10.0).collect();
    let b: Vec<f64> = a.iter().map(|value| value + 0.1).collect();
    let of = |values: &[f64]| saved(vec![task("quiz", 1, Aggregate::Mean, values)]);
    let found = compare(&of(&a), &of(&b)).comparisons.remove(0);
    assert_eq!(found.test, Test::Bootstrap);
    assert!(
        found.p < 0.01 && (found.difference - 0.1).abs() < 1e-9,
        "{found:?}"
    );
    let same = compare(&of(&a), &of(&a)).comparisons.remove(0);
    assert_eq!(same.p, 1.0);
}

/// How often p is below 0.05 for two models that are equally good, so many questions in each of so many groups.
fn false_alarms(groups: usize, each: usize) -> f64 {
    const RUNS: usize = 200;
    let names: Vec<String> = (0..groups).map(|at| format!("갈래 {at:02}")).collect();
    let metric = task("quiz", 1, Aggregate::Mean, &[])
        .about
        .metrics
        .remove(0);
    let mut random = bootstrap::Random::new(1);
    let mut item = || Item {
        value: random.below(1000) as f64 / 1000.0,
        weight: 1.0,
        classes: (0, 0),
    };
    let alarms = (0..RUNS).filter(|_| {
        let pairs = (0..groups * each).map(|at| Pair {
            group: &names[at / each],
            a: item(),
            b: item(),
        });
        one("quiz", &metric, pairs.collect()).p < 0.05
    });
    alarms.count() as f64 / RUNS as f64
}

#[test]
fn groups_of_few_questions_raise_no_false_alarms() {
    // 20 % and 19 % where each group is drawn within itself.
    for (groups, each) in [(8, 2), (57, 2), (8, 10)] {
        let found = false_alarms(groups, each);
        assert!(
            found <= 0.1,
            "{groups} groups of {each}: {found} of p are below 0.05"
        );
    }
}

#[test]
fn few_questions_tell_no_models_apart() {
    let metric = task("글", 1, Aggregate::Mean, &[]).about.metrics.remove(0);
    let item = |value| Item {
        value,
        weight: 1.0,
        classes: (0, 0),
    };
    let of = |count: usize| {
        let names: Vec<String> = (0..count).map(|at| format!("출처 {at}")).collect();
        let pairs = names.iter().enumerate().map(|(at, group)| Pair {
            group: group.as_str(),
            a: item(1.0 + at as f64 / 100.0),
            b: item(1.5 + at as f64 / 50.0),
        });
        one("글", &metric, pairs.collect())
    };
    let single = of(1);
    assert_eq!((single.p, single.test), (1.0, Test::Bootstrap));
    assert_eq!((of(2).p, of(5).p), (0.5, 0.0625));
    let many = of(12);
    assert!(
        many.p < 0.01 && many.low < many.difference && many.difference < many.high,
        "{many:?}"
    );
}

#[test]
fn what_cannot_be_compared_is_said() {
    let values = [1.0, 0.0, 1.0];
    let one = |name: &str, version: u32| task(name, version, Aggregate::Mean, &values);
    let mut other = one("changed", 1);
    other.questions[0].prompt = "in other words".to_owned();
    other.questions.pop();
    let a = saved(vec![one("only_a", 1), one("newer", 1), one("changed", 1)]);
    let b = saved(vec![one("newer", 2), other, one("only_b", 1)]);
    let compared = compare(&a, &b);
    let said = compared.left_out.join("\n");
    for words in [
        "only_a: only the first",
        "only_b: only the second",
        "newer: versions 1 and 2",
        "changed: 1 questions were put in other words",
        "changed: 1 questions were put to one",
    ] {
        assert!(said.contains(words), "{words:?} is not in\n{said}");
    }
    assert_eq!(compared.comparisons.len(), 1);
    assert_eq!(compared.comparisons[0].questions, 1);
}

#[test]
fn answers_that_were_judged_otherwise_are_not_compared() {
    let values = [1.0, 0.0, 1.0];
    let judged = |judge: Option<&str>, votes: usize| {
        let mut talk = task("talk", 1, Aggregate::Mean, &values);
        talk.judge = judge.map(str::to_owned);
        talk.votes = votes;
        saved(vec![talk, task("quiz", 1, Aggregate::Mean, &values)])
    };
    let one = judged(Some("심판 at http://here/v1"), 1);
    let same = compare(&one, &judged(Some("심판 at http://here/v1"), 1));
    assert_eq!((same.comparisons.len(), same.left_out.len()), (2, 0));
    for (other, said) in [
        (
            judged(Some("other at http://here/v1"), 1),
            "other at http://here/v1 (1 vote each)",
        ),
        (
            judged(Some("심판 at http://here/v1"), 3),
            "심판 at http://here/v1 (3 votes each)",
        ),
        (judged(None, 0), "the second's by nobody"),
    ] {
        let compared = compare(&one, &other);
        let tasks: Vec<&str> = compared.comparisons.iter().map(|one| &*one.task).collect();
        assert_eq!(tasks, ["quiz"], "what nobody judges is compared");
        let [why] = &compared.left_out[..] else {
            panic!("{:?}", compared.left_out)
        };
        assert!(why.starts_with("talk: ") && why.contains(said), "{why}");
    }
}

#[test]
fn several_comparisons_adjust_each_other() {
    let (a, b) = answers(40, 0, 6, 47);
    let (c, d) = answers(40, 3, 10, 40);
    let of = |x: &[f64], y: &[f64]| {
        let one = |name: &str, values: &[f64]| task(name, 1, Aggregate::Mean, values);
        saved(vec![one("x", x), one("y", y)])
    };
    let found = compare(&of(&a, &c), &of(&b, &d)).comparisons;
    assert!((found[0].p - 0.03125).abs() < 1e-9 && (found[0].adjusted - 0.0625).abs() < 1e-9);
    assert!(
        (found[1].adjusted - found[1].p).abs() < 1e-12,
        "the larger of two"
    );
}

#[test]
fn classes_are_compared_too() {
    let of = |values: &[f64]| saved(vec![task("quiz", 1, Aggregate::MacroF1, values)]);
    let (right, half): (Vec<f64>, Vec<f64>) = (0..40)
        .map(|at| (0.0, f64::from(u8::from(at % 4 == 0))))
        .unzip();
    let found = compare(&of(&half), &of(&right)).comparisons.remove(0);
    assert_eq!(
        (found.b, found.b_higher, found.test),
        (1.0, 10, Test::Bootstrap)
    );
    assert!(found.p < 0.01, "{found:?}");
}
