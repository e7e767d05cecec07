//! An experiment from its file to its findings.

use crate::*;
use proptest::prelude::*;
use serde_json::json;
use std::collections::BTreeMap;
use toml::{Table, Value};

const EXPERIMENT: &str = r#"
question = "더 깊으면 더 나은가?"
report = "section 5"
seeds = [1, 2, 3, 4, 5]
budget = { equal = "flops" }

[inputs]
raw = { kind = "files" }

[[shared]]
name = "world"
stage = "world"

[[step]]
name = "untrained"
stage = "init"
with = { shape = { layers = 4, width = 128 } }

[[step]]
name = "model"
stage = "pretrain"
inputs = { model = "untrained" }

[[arm]]
name = "shallow"

[[arm]]
name = "deep"
says = "twice the layers"
change.untrained.with.shape.layers = 8
step = [{ name = "answers", stage = "evaluate" }]

[[outcome]]
name = "loss"
step = "model"
file = "training.json"
at = "/last"
better = "lower"

[[contrast]]
of = ["deep"]
against = ["shallow"]
outcomes = ["loss"]
expect = "lower"
"#;

fn experiment() -> Experiment {
    Experiment::parse(EXPERIMENT, "recipes/experiments/depth.toml").expect("a sound experiment")
}

#[test]
fn an_arm_is_a_recipe_with_its_differences() {
    let experiment = experiment();
    assert_eq!(experiment.name(), "depth");
    let recipe = |arm: &str, seed| -> Table {
        let text = experiment
            .recipe(experiment.arm(arm).expect("an arm"), seed)
            .expect("a recipe");
        text.parse().expect("TOML")
    };
    let (shallow, deep) = (recipe("shallow", 3), recipe("deep", 3));
    assert_eq!(shallow["seed"], Value::Integer(3));
    assert_eq!(shallow["inputs"], deep["inputs"]);
    let step = |recipe: &Table, place: usize| recipe["step"][place].clone();
    // What is shared keeps one seed, so that it is one artifact.
    assert_eq!(step(&shallow, 0)["seed"], Value::Integer(1));
    assert_eq!(step(&shallow, 0), step(&recipe("deep", 5), 0));
    assert_eq!(
        step(&shallow, 1)["with"]["shape"]["layers"],
        Value::Integer(4)
    );
    assert_eq!(step(&deep, 1)["with"]["shape"]["layers"], Value::Integer(8));
    assert_eq!(
        step(&deep, 1)["with"]["shape"]["width"],
        Value::Integer(128)
    );
    assert_eq!(step(&deep, 3)["name"].as_str(), Some("answers"));
    let deep = experiment.arm("deep").expect("an arm");
    assert_eq!(
        deep.differences(),
        [
            "untrained.with.shape.layers = 8",
            "answers.stage = \"evaluate\""
        ]
    );
    assert_eq!(experiment.measured_in(deep).expect("steps"), ["model"]);
}

#[test]
fn words_of_several_lines_stay_a_comment() {
    let says = "says = \"\"\"twice the layers\nnote = 1\r\n[[step]]\\u0001\n\"\"\"";
    let name = "name = \"깊은\\n것\"";
    let text = EXPERIMENT
        .replace("says = \"twice the layers\"", says)
        .replace("name = \"deep\"", name)
        .replace("of = [\"deep\"]", "of = [\"깊은\\n것\"]");
    let experiment = Experiment::parse(&text, "x.toml").expect("sound");
    let written = experiment.recipe(&experiment.arms[1], 3).expect("a recipe");
    let first = written.lines().next().expect("a line");
    assert!(
        first.starts_with("# The arm \"깊은 것\" of x with seed 3. twice the layers note = 1"),
        "{first}"
    );
    let recipe: Table = written.parse().expect("TOML");
    let mut keys: Vec<&str> = recipe.keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["inputs", "seed", "step"]);
    assert_eq!(recipe["step"].as_array().expect("steps").len(), 4);
}

#[test]
fn an_arm_of_its_own_seed_shares_what_is_shared() {
    let text = EXPERIMENT.replace("name = \"shallow\"", "name = \"shallow\"\nown_seed = true");
    let experiment = Experiment::parse(&text, "x.toml").expect("sound");
    let recipe: Table = experiment
        .recipe(&experiment.arms[0], 3)
        .expect("a recipe")
        .parse()
        .expect("TOML");
    assert_ne!(recipe["seed"], Value::Integer(3));
    assert_eq!(recipe["step"][0]["seed"], Value::Integer(1));
}

fn check_mistake(from: &str, to: &str, expected: &str) {
    assert!(EXPERIMENT.contains(from), "{from}");
    let text = EXPERIMENT.replacen(from, to, 1);
    let error = Experiment::parse(&text, "x.toml").expect_err(expected);
    let said = format!("{error:#}");
    assert!(
        said.contains(expected) && said.contains("x.toml"),
        "{said:?} does not say {expected:?}"
    );
}

#[test]
fn mistakes_are_told_with_what_would_do() {
    check_mistake(
        "seeds = [1, 2, 3, 4, 5]",
        "seeds = [1, 9223372036854775807]",
        "a seed is 9223372036854775807: wanted numbers below 4294967296",
    );
    check_mistake(
        "seeds = [1, 2, 3, 4, 5]",
        "seeds = [1]",
        "needs at least two",
    );
    check_mistake(
        "seeds = [1, 2, 3, 4, 5]",
        "seeds = [1, 1]",
        "names one seed twice",
    );
    check_mistake("equal = \"flops\"", "equal = \"watts\"", "budget.equal");
    check_mistake("question", "qestion", "unknown field `qestion`");
    check_mistake("seeds", "seeds = = 3", "not valid TOML");
    check_mistake(
        "change.untrained",
        "change.untained",
        "changes the step \"untained\", which is not there; there are world, untrained, model",
    );
    check_mistake(
        "layers = 8",
        "layers = 4",
        "changes nothing in the step \"untrained\"",
    );
    check_mistake(
        "change.untrained.with.shape.layers = 8",
        "change.untrained = 8",
        "wanted a table",
    );
    check_mistake(
        "step = \"model\"",
        "step = \"modl\"",
        "has none of the steps",
    );
    check_mistake("at = \"/last\"\n", "", "needs `at`");
    check_mistake(
        "of = [\"deep\"]",
        "of = [\"dep\"]",
        "there is no arm \"dep\"; there are shallow, deep",
    );
    check_mistake(
        "of = [\"deep\"]",
        "of = [\"deep\", \"deep\"]",
        "equally long; they have 2 and 1",
    );
    check_mistake(
        "outcomes = [\"loss\"]",
        "outcomes = [\"los\"]",
        "there is no outcome \"los\"; there are loss",
    );
    check_mistake(
        "name = \"deep\"",
        "name = \"shallow\"",
        "two arms are called \"shallow\"",
    );
}

/// The findings of two arms whose values are given.
fn findings(shallow: &[f64], deep: &[f64]) -> Findings {
    let readings = |of: &[f64]| of.iter().copied().map(Reading::from).collect::<Vec<_>>();
    found(&readings(shallow), &readings(deep))
}

/// The findings of two arms whose readings are given.
fn found(shallow: &[Reading], deep: &[Reading]) -> Findings {
    let values = |of: &[Reading]| of.iter().copied().map(Some).collect::<Vec<_>>();
    let both = [("shallow", values(shallow)), ("deep", values(deep))];
    let values = both.map(|(arm, values)| ((arm.to_owned(), "loss".to_owned()), values));
    Findings::new(
        &experiment(),
        &BTreeMap::new(),
        &BTreeMap::from(values),
        Vec::new(),
        String::new(),
    )
}

/// What a seed does to both arms, and a little noise of each value's own.
fn noise(seed: u64, scale: f64) -> f64 {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    state ^= state >> 29;
    state = state.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    scale * ((state >> 11) as f64 / (1_u64 << 53) as f64 - 0.5)
}

#[test]
fn a_planted_effect_is_found_with_its_sign_and_size() {
    // Seeds differ by far more than the effect: only pairing finds it.
    let shallow: Vec<f64> = (0..5)
        .map(|seed| 2.0 + noise(seed, 1.0) + noise(seed + 100, 0.02))
        .collect();
    let deep: Vec<f64> = (0..5)
        .map(|seed| 1.9 + noise(seed, 1.0) + noise(seed + 200, 0.02))
        .collect();
    let found = findings(&shallow, &deep);
    let drawn = &found.contrasts[0];
    let interval = drawn.difference.expect("five seeds");
    assert!(
        interval.holds(-0.1) && interval.high < 0.0 && interval.low > -0.15,
        "{interval:?}"
    );
    assert_eq!(drawn.verdict, Verdict::Reproduced);
    assert_eq!(found.verdict(), "reproduced");
    assert_eq!(findings(&deep, &shallow).verdict(), "not reproduced");
}

#[test]
fn nothing_is_found_where_nothing_is() {
    let one: Vec<f64> = (0..5).map(|seed| 2.0 + noise(seed + 300, 0.1)).collect();
    let other: Vec<f64> = (0..5).map(|seed| 2.0 + noise(seed + 400, 0.1)).collect();
    let found = findings(&one, &other);
    assert!(
        found.contrasts[0]
            .difference
            .expect("five seeds")
            .holds(0.0)
    );
    assert_eq!(found.verdict(), "not visible at this scale");
    // The very same values differ by exactly nothing.
    let same = findings(&one, &one).contrasts[0]
        .difference
        .expect("five seeds");
    assert_eq!((same.low, same.high), (0.0, 0.0));
}

/// As of two seeds that come to another's loss before they begin, while the other comes there where it ends.
#[test]
fn equal_differences_are_not_visible_and_the_page_says_why() {
    let found = findings(&[2.5165e12; 5], &[0.0; 5]);
    assert_eq!(found.contrasts[0].verdict, Verdict::NotVisible);
    assert_eq!(found.verdict(), "not visible at this scale");
    // Findings that an earlier program judged are judged anew.
    let mut written = serde_json::to_value(&found).expect("JSON");
    written["contrasts"][0]["verdict"] = json!("reproduced");
    let read: Findings = serde_json::from_value(written).expect("the same");
    assert_eq!(read.verdict(), "not visible at this scale");
    let claims = "[[claim]]\nsays = \"깊이\"\nreport = \"참\"\nexperiments = [\"depth\"]\n";
    let claims: Claims = toml::from_str(claims).expect("claims");
    let page = claims.markdown(
        &BTreeMap::from([("depth".to_owned(), read)]),
        &BTreeMap::new(),
    );
    let told = "not visible at this scale (no spread to judge by)";
    assert_eq!(page.matches(told).count(), 2, "{page}");
}

#[test]
fn a_value_that_may_be_less_opens_the_interval_on_its_side() {
    let exact = [10.0, 11.0, 12.0, 11.0, 10.5].map(Reading::from);
    let lower = [5.0, 5.5, 6.5, 5.5, 5.0].map(Reading::from);
    let mut bounds = lower;
    bounds[3].at_most = true;
    // Lower still: what is expected of `deep` stands.
    let one = found(&exact, &bounds);
    assert_eq!(one.contrasts[0].verdict, Verdict::Reproduced);
    assert!(
        one.contrasts[0].written(&one).starts_with("at most −"),
        "{:?}",
        one.contrasts[0]
    );
    assert_eq!(
        one.outcomes[0].arms[1].at_most,
        [false, false, false, true, false]
    );
    assert_eq!(one.outcomes[0].arms[1].before(3), "at most ");
    assert_eq!(one.outcomes[0].arms[0].before_mean(), "");
    // The other side may be lower too, and then nobody knows.
    let mut perhaps = exact;
    perhaps[0].at_most = true;
    let other = found(&perhaps, &lower);
    assert_eq!(other.contrasts[0].verdict, Verdict::NotVisible);
    assert!(other.contrasts[0].written(&other).starts_with("at least −"));
    let both = found(&perhaps, &bounds);
    assert_eq!(
        both.contrasts[0].came_out(&both),
        "not visible at this scale (values of both sides may be less)"
    );
    // What holds no bound is written down as it always was.
    let plain = serde_json::to_string(&found(&exact, &lower)).expect("JSON");
    assert!(!plain.contains("at_most") && !plain.contains("at_least"));
}

#[test]
fn a_missing_value_leaves_its_seed_out_and_says_so() {
    let mut values = BTreeMap::new();
    let of = |list: [Option<f64>; 5]| list.map(|one| one.map(Reading::from)).to_vec();
    values.insert(
        ("shallow".to_owned(), "loss".to_owned()),
        of([Some(1.0), None, Some(1.2), Some(1.1), Some(1.0)]),
    );
    values.insert(
        ("deep".to_owned(), "loss".to_owned()),
        of([Some(0.9), Some(0.5), Some(1.15), None, Some(0.85)]),
    );
    let found = Findings::new(
        &experiment(),
        &BTreeMap::new(),
        &values,
        Vec::new(),
        String::new(),
    );
    assert_eq!(found.contrasts[0].seeds, 3);
    // The seed that is missing may be the worst of all.
    assert_eq!(found.contrasts[0].verdict, Verdict::NotVisible);
    assert!((found.contrasts[0].difference.expect("three").mean + 0.1).abs() < 1e-12);
    // Nothing measured at all: no interval and no verdict that says more.
    let empty = Findings::new(
        &experiment(),
        &BTreeMap::new(),
        &BTreeMap::new(),
        Vec::new(),
        String::new(),
    );
    assert_eq!(
        (empty.contrasts[0].difference, empty.contrasts[0].verdict),
        (None, Verdict::NotVisible)
    );
}

#[test]
fn claims_say_what_the_findings_say() {
    let claims: Claims = toml::from_str(
        "[[claim]]\nsays = \"depth | helps\"\nreport = \"true\"\nexperiments = [\"depth\", \"width\"]\n\
         [[claim]]\nsays = \"11.06 %\"\nreport = \"true\"\nnote = \"`kanana cost` prints it\"\n",
    )
    .expect("claims");
    assert_eq!(claims.experiments(), ["depth", "width"]);
    let found = findings(&[1.0, 1.1, 1.2, 1.3, 1.4], &[0.9, 1.0, 1.1, 1.2, 1.2]);
    let written = serde_json::to_value(&found).expect("JSON");
    let read: Findings = serde_json::from_value(written).expect("the same");
    let page = claims.markdown(
        &BTreeMap::from([("depth".to_owned(), read)]),
        &BTreeMap::from([("width".to_owned(), vec!["text".to_owned()])]),
    );
    for part in [
        "| 1 | depth \\| helps | true | [depth](#depth): deep − shallow, loss: −0.1200 (−0.1755 to −0.0645), reproduced. [width](#width): not run yet |",
        "| 2 | 11.06 % | true | `kanana cost` prints it |",
        "### depth",
        "더 깊으면 더 나은가?",
        "| deep − shallow | loss | −0.1200 (−0.1755 to −0.0645) | the report: lower | reproduced |",
        "`kanana experiment recipes/experiments/depth.toml`, 5 seeds",
        "Not run yet: `kanana experiment recipes/experiments/width.toml --input text=PATH`",
    ] {
        assert!(page.contains(part), "{part}\n{page}");
    }
}

proptest! {
    /// Contrasts are antisymmetric, and shift with what is added to one side.
    #[test]
    fn contrasts_shift_with_an_arm(values in prop::collection::vec((-5.0..5.0f64, -5.0..5.0f64), 5), by in -3.0..3.0f64) {
        let (a, b): (Vec<f64>, Vec<f64>) = values.into_iter().unzip();
        let moved: Vec<f64> = b.iter().map(|value| value + by).collect();
        let plain = findings(&a, &b).contrasts[0].difference.expect("five");
        let back = findings(&b, &a).contrasts[0].difference.expect("five");
        let shifted = findings(&a, &moved).contrasts[0].difference.expect("five");
        prop_assert!((plain.mean + back.mean).abs() < 1e-9);
        prop_assert!((plain.low + back.high).abs() < 1e-9);
        prop_assert!((shifted.mean - plain.mean - by).abs() < 1e-9);
        prop_assert!((shifted.high - plain.high - by).abs() < 1e-9);
    }
}

#[test]
fn a_way_along_a_curve_is_measured_against_another_arm() {
    let text = EXPERIMENT.replace("at = \"/last\"", "at = \"/last\"\n[[outcome]]\nname = \"FLOPs\"\nstep = \"model\"\nfile = \"training.json\"\nbetter = \"lower\"\nuntil = { curve = { list = \"/points\", x = \"/tokens\", y = \"/loss\" }, arm = \"shallow\", outcome = \"loss\" }\n[[outcome]]\nname = \"other\"\nstep = \"model\"\nfile = \"training.json\"\nat = \"/last\"");
    let experiment = Experiment::parse(&text, "x.toml").expect("sound");
    let outcome = experiment.outcome("FLOPs").expect("an outcome");
    let file = json!({ "points": [{ "tokens": 0, "loss": 4.0 }, { "tokens": 100, "loss": 2.0 }] });
    assert_eq!(
        outcome.measure(&file, Some(3.0)).expect("a number"),
        Some(Reading::from(50.0))
    );
    // It begins there: with nothing, or nobody knows how much less would have done.
    let begins = |tokens: u64| {
        let file = json!({ "points": [{ "tokens": tokens, "loss": 4.0 }] });
        let begun = outcome.measure(&file, Some(5.0)).expect("a number");
        begun.map(|one| (one.value, one.at_most))
    };
    assert_eq!(begins(0), Some((0.0, false)));
    assert_eq!(begins(50), Some((50.0, true)));
    assert_eq!(outcome.measure(&file, Some(1.0)).expect("a number"), None);
    let error = outcome.measure(&file, None).expect_err("nothing to reach");
    assert!(
        error.to_string().contains("has nothing to reach"),
        "{error}"
    );
}

#[test]
fn a_line_is_the_mean_of_its_seeds() {
    let line = Line::new("deep", &[vec![(0.0, 1.0), (9.0, 3.0)], vec![(0.0, 3.0)]]);
    assert_eq!(line.points.len(), 1);
    assert_eq!((line.points[0].0, line.points[0].1), (0.0, 2.0));
    assert!(line.points[0].2 < 1.0 && line.points[0].3 > 3.0);
}

#[test]
fn a_share_is_taken_above_chance() {
    let share = "at = \"/acc\"\nchance = 0.25\nshare_of = { step = \"untrained\", file = \"x.json\", at = \"/acc\" }";
    let text = EXPERIMENT.replace("at = \"/last\"", share);
    let experiment = Experiment::parse(&text, "x.toml").expect("sound");
    let outcome = &experiment.outcomes[0];
    let measure = |acc, whole| {
        outcome
            .measure(&json!({ "acc": acc }), whole)
            .expect("a number")
            .map(|reading| reading.value)
    };
    assert_eq!(measure(0.5, Some(0.75)), Some(0.5));
    assert_eq!(measure(0.5, None), None);
    // What knows nothing itself has no shares.
    assert_eq!(measure(0.5, Some(0.25)), None);
    let shallow = experiment.arm("shallow").expect("an arm");
    assert_eq!(
        experiment.measured_in(shallow).expect("steps"),
        ["model", "untrained"]
    );
    check_mistake(
        "at = \"/last\"",
        &share.replace("untrained", "nowhere"),
        "a step that an arm has",
    );
}

#[test]
fn paths_of_inputs_can_be_read_from_anywhere() {
    let bring = Experiment::parse(EXPERIMENT, "x.toml").expect("sound");
    assert_eq!(bring.to_bring(), ["raw"]);
    let text = EXPERIMENT.replace("kind = \"files\"", "kind = \"files\", path = \"texts\"");
    let experiment = Experiment::parse(&text, "some/where/x.toml").expect("sound");
    assert!(experiment.to_bring().is_empty());
    let recipe: Table = experiment
        .recipe(&experiment.arms[0], 1)
        .expect("a recipe")
        .parse()
        .expect("TOML");
    let path = recipe["inputs"]["raw"]["path"].as_str().expect("a path");
    assert!(
        std::path::Path::new(path).is_absolute() && path.ends_with("texts"),
        "{path}"
    );
}
