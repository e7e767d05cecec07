//! The report's figures, from the recipe of its family; and the rules on a small one.

use super::*;
use crate::stages;
use recipe::{Bindings, Recipe, Store};

fn account(recipe: &str) -> Account {
    counted(recipe).unwrap()
}

fn counted(recipe: &str) -> Result<Account> {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("store")).unwrap();
    let recipe = Recipe::parse(recipe, "family.toml").unwrap();
    Account::of(&Plan::new(&recipe, &stages::registry(), &Bindings::new(), &store).unwrap())
}

fn family() -> Account {
    account(include_str!("../../../../../../recipes/kanana.toml"))
}

/// A number as it is printed with so many digits that mean something.
fn digits(value: f64, decimals: usize) -> String {
    format!("{value:.decimals$e}")
}

#[test]
fn the_family_saves_what_the_report_says() {
    let account = family();
    let deeper = &account
        .comparisons
        .iter()
        .find(|one| one.derived_by == "upscale");
    let deeper = deeper.expect("models derived by upscale");
    assert_eq!(deeper.models, ["essence-9.8b", "flag-32.5b"]);
    let percent = |share: f64| format!("{:.2}", 100.0 * share);
    assert_eq!(percent(deeper.saving.nominal), "11.06");
    assert_eq!(percent(deeper.after_surgery_share.nominal), "6.67");
    // the published shapes counted, the unpublished at their published size
    assert_eq!(percent(deeper.saving.counted), "10.94");
    // every product and score: near, and not the same
    assert!((deeper.saving.exact - deeper.saving.counted).abs() < 0.01);
    assert!(deeper.saving.exact != deeper.saving.counted);
    // deepening asks no teacher
    assert_eq!(deeper.saving_with_teachers, deeper.saving);

    let smaller = account
        .comparisons
        .iter()
        .find(|one| one.derived_by == "prune")
        .unwrap();
    assert_eq!(smaller.models.len(), 6);
    let all = account.comparisons.last().unwrap();
    assert_eq!((all.derived_by.as_str(), all.models.len()), ("", 10));
    assert_eq!(all.spent, account.training);
    assert!(all.saving_with_teachers.nominal < all.saving.nominal);

    let stages: Vec<(&str, usize)> = account
        .stages
        .iter()
        .map(|one| (one.stage.as_str(), one.steps))
        .collect();
    assert_eq!(stages, [("pretrain", 8), ("distill", 6)]);
    let taught = &account.stages[1];
    assert_eq!(taught.teacher, account.teachers);
    // added in another order
    let together = (taught.training + account.stages[0].training).share(account.training);
    assert!((together.nominal - 1.0).abs() < 1e-12 && (together.counted - 1.0).abs() < 1e-12);
}

#[test]
fn models_cost_what_the_report_says() {
    let account = family();
    let model = |name: &str| {
        account
            .models
            .iter()
            .find(|model| model.name == name)
            .unwrap()
    };
    assert_eq!(digits(model("flag-32.5b").lineage.nominal, 2), "5.21e23");
    assert_eq!(digits(model("essence-9.8b").lineage.nominal, 2), "1.56e23");
    assert_eq!(digits(model("8b").lineage.nominal, 2), "1.44e23");
    assert_eq!(digits(model("4.5b").own.nominal, 1), "8.1e21");
    let nano = model("nano-2.1b");
    assert_eq!(digits(nano.own.nominal, 2), "3.78e21");
    // two teachers' forwards lie in its lineage, its own and that of 4.5B
    assert_eq!(digits(nano.teachers.nominal / 2.0, 1), "4.8e21");
    let lineage = model("8b").lineage.nominal + model("4.5b").own.nominal + nano.own.nominal;
    assert!((nano.lineage.nominal / lineage - 1.0).abs() < 1e-12);
    // shapes that are published count to their published sizes, those of ours near them
    for model in &account.models {
        let nominal = model.size.nominal.expect("the recipe declares it");
        let counted = model.size.shape.as_ref().unwrap().parameters() as f64;
        assert!(
            (counted / nominal - 1.0).abs() < 0.02,
            "{}: {counted}",
            model.name
        );
    }
}

#[test]
fn what_is_declared_and_what_is_counted_agree_on_teachers() {
    for step in family().steps.iter().filter(|step| step.stage == "distill") {
        let teacher = step.teacher_size.as_ref().unwrap();
        let counted = teacher.flops(2.0, step.tokens, step.sequence);
        assert!((step.teacher.exact / counted.exact - 1.0).abs() < 1e-12);
        assert!(step.trains && step.training.exact > step.training.counted);
    }
}

const SMALL: &str = r#"
seed = 1
[inputs]
text = { kind = "tokens", expected = { tokens = 1e9 } }
[[step]]
name = "seed"
stage = "init"
with = { shape = { layers = 2, width = 64, ffn = 128, query_heads = 2, vocabulary = 500 } }
[[step]]
name = "grown"
stage = "pretrain"
inputs = { model = "seed", tokens = "text" }
with = { train = { tokens = 1_000_000, sequence = 128 } }
"#;

#[test]
fn without_sizes_and_baselines_there_is_a_cost_all_the_same() {
    let account = account(SMALL);
    assert!(account.comparisons.is_empty() && account.unknown.is_empty());
    let [step] = &account.steps[..] else {
        panic!("one step trains: {:?}", account.steps)
    };
    let shape = step.size.shape.as_ref().unwrap();
    assert_eq!(step.training.nominal, shape.flops_6nd(1e6));
    assert_eq!(step.training.nominal, step.training.counted);
    assert_eq!(step.training.exact, shape.flops_per_token(128) * 1e6);
    assert_eq!(account.models.len(), 1);
}

#[test]
fn a_step_is_paid_for_once_however_many_models_come_of_it() {
    let twice = format!(
        "{SMALL}{}",
        ["one", "other"]
            .map(|name| {
                format!(
                    "[[step]]\nname = \"{name}-deep\"\nstage = \"upscale\"\ninputs = {{ model = \"grown\" }}\nwith = {{ plan = \"interleaved\", to = 3 }}\n\
                     [[step]]\nname = \"{name}\"\nstage = \"pretrain\"\ninputs = {{ model = \"{name}-deep\", tokens = \"text\" }}\n\
                     expected = {{ \"tokens from scratch\" = 1_000_000 }}\nwith = {{ train = {{ tokens = 1000, sequence = 128 }} }}\n"
                )
            })
            .concat()
    );
    let account = account(&twice);
    let [both] = &account.comparisons[..] else {
        panic!("{:?}", account.comparisons)
    };
    let base = account.steps[0].training;
    let each = account.steps[1].training;
    assert_eq!(both.spent.counted, base.counted + 2.0 * each.counted);
    assert_eq!(both.after_surgery.counted, 2.0 * each.counted);
    assert!((both.from_scratch.counted - 2000.0 * each.counted).abs() < 1e-3 * each.counted);
    // the parent is a model of the family too, though it has no baseline
    let names: Vec<&str> = account
        .models
        .iter()
        .map(|model| model.name.as_str())
        .collect();
    assert_eq!(names, ["grown", "one", "other"]);
}

/// A step of a recipe.
fn step(name: &str, stage: &str, rest: &str) -> String {
    format!("[[step]]\nname = \"{name}\"\nstage = \"{stage}\"\n{rest}\n")
}

const TRAIN: &str = "expected = { \"tokens from scratch\" = 1_000_000 }\nwith = { train = { tokens = 1000, sequence = 128 } }";
const SHAPE: &str =
    "with = { shape = { layers = 1, width = 32, ffn = 64, query_heads = 2, vocabulary = 500 } }";

fn model<'a>(account: &'a Account, name: &str) -> &'a ModelCost {
    let found = account.models.iter().find(|model| model.name == name);
    found.unwrap_or_else(|| panic!("{name} among {:?}", account.models))
}

fn training(account: &Account, name: &str) -> Flops {
    let found = account.steps.iter().find(|step| step.name == name);
    found
        .unwrap_or_else(|| panic!("{name} among {:?}", account.steps))
        .training
}

/// A student that begins untrained was not operated on; one that was cut counts its own training
/// alone, whoever taught it.
#[test]
fn what_a_teacher_learnt_is_not_the_student_s_own() {
    let student = |name: &str, from: &str| {
        let inputs = format!(
            "inputs = {{ student = \"{from}\", teacher = \"grown\", tokens = \"text\" }}\n{TRAIN}"
        );
        step(name, "distill", &inputs)
    };
    let young = format!(
        "{SMALL}{}{}",
        step("small", "init", SHAPE),
        student("young", "small")
    );
    let account = account(&young);
    let own = training(&account, "young");
    let costs = model(&account, "young");
    assert_eq!(costs.own, Flops::default());
    assert_eq!(costs.lineage, training(&account, "grown") + own);
    let [all] = &account.comparisons[..] else {
        panic!("{:?}", account.comparisons)
    };
    assert_eq!((all.derived_by.as_str(), all.spent), ("", account.training));
    assert_eq!(all.after_surgery, Flops::default());

    let cut = [
        step(
            "parent",
            "pretrain",
            &format!("inputs = {{ model = \"small\", tokens = \"text\" }}\n{TRAIN}"),
        ),
        step(
            "deep",
            "upscale",
            "inputs = { model = \"parent\" }\nwith = { plan = \"interleaved\", to = 2 }",
        ),
        student("deeper", "deep"),
    ];
    let account = counted(&format!("{young}{}", cut.concat())).unwrap();
    assert_eq!(model(&account, "deeper").own, training(&account, "deeper"));
    let [by_upscale, all] = &account.comparisons[..] else {
        panic!("{:?}", account.comparisons)
    };
    assert_eq!(by_upscale.models, ["deeper"]);
    let parent = training(&account, "parent");
    let grown = training(&account, "grown");
    let deeper = training(&account, "deeper");
    let spent = parent.counted + grown.counted + deeper.counted;
    assert!((by_upscale.spent.counted / spent - 1.0).abs() < 1e-12);
    assert_eq!(by_upscale.after_surgery, deeper);
    assert_eq!((all.models.len(), all.after_surgery), (3, deeper));
}

/// A teacher from outside counts as large as the recipe expects it; where it expects nothing, the
/// student's part is counted and the rest is told.
#[test]
fn a_teacher_from_outside_is_counted_or_told() {
    let recipe = |expected: &str| {
        let given = format!("[inputs]\nmaster = {{ kind = \"model\", expected = {expected} }}");
        format!(
            "{}{}{}",
            SMALL.replace("[inputs]", &given),
            step(
                "young",
                "distill",
                &format!(
                    "inputs = {{ student = \"seed\", teacher = \"master\", tokens = \"text\" }}\n{TRAIN}"
                )
            ),
            step(
                "lessons",
                "teach",
                "inputs = { teacher = \"master\", tokens = \"text\" }\nwith = { likeliest = 8, sequence = 128 }"
            )
        )
    };
    let known = account(&recipe(
        "{ parameters = 1e6, \"nominal parameters\" = 2e6 }",
    ));
    assert!(known.unknown.is_empty(), "{:?}", known.unknown);
    let teachers: Vec<(&str, Flops)> = known.steps[1..]
        .iter()
        .map(|step| (step.name.as_str(), step.teacher))
        .collect();
    let asked = |tokens: f64| Flops {
        nominal: 4e6 * tokens,
        counted: 2e6 * tokens,
        exact: 2e6 * tokens,
        by_size: true,
    };
    assert_eq!(
        teachers,
        [("young", asked(1000.0)), ("lessons", asked(1e9))]
    );

    let unknown = account(&recipe("{}"));
    assert_eq!(unknown.unknown, ["young", "lessons"]);
    assert_eq!(training(&unknown, "young"), training(&known, "young"));
    assert_eq!(unknown.teachers, Flops::default());
    let said = unknown.unknown_sentence();
    assert!(
        said.contains("in young, lessons: give the step or input"),
        "{said}"
    );
}

/// What only looks at a model, later, does not undo that it was trained further; and a teacher known
/// by nothing but its FLOPs is counted by them.
#[test]
fn a_look_at_a_model_is_no_end_of_its_line() {
    let more = [
        step(
            "more",
            "pretrain",
            &format!("inputs = {{ model = \"grown\", tokens = \"text\" }}\n{TRAIN}"),
        ),
        step(
            "look",
            "importance",
            "inputs = { model = \"grown\", tokens = \"text\" }\nexpected = { \"teacher FLOPs\" = 5e9 }\n\
             with = { sequence = 128 }",
        ),
    ];
    let account = account(&format!("{SMALL}{}", more.concat()));
    let names: Vec<&str> = account
        .models
        .iter()
        .map(|model| model.name.as_str())
        .collect();
    assert_eq!(names, ["more"]);
    let look = &account.steps[2];
    assert_eq!((look.name.as_str(), look.trains), ("look", false));
    assert_eq!(look.teacher.exact, 5e9);
    assert!((look.teacher.counted - 5e9).abs() < 1.0);
}

/// Choosing among candidates is no surgery: the best one is what was cut, and what was taught to choose by
/// was taught since. Its shape is not known before it is chosen, its size is.
#[test]
fn what_was_trained_to_choose_by_counts_too() {
    let recipe = include_str!("../../../../../../recipes/prune.toml");
    let best = "name = \"best-taught\"\n";
    assert!(recipe.contains(best));
    let compared = format!("{best}expected = {{ \"tokens from scratch\" = 1e9 }}\n");
    let account = account(&recipe.replace(best, &compared));
    assert!(account.unknown.is_empty(), "{:?}", account.unknown);
    let [by_prune, ..] = &account.comparisons[..] else {
        panic!("{:?}", account.comparisons)
    };
    assert_eq!(
        (by_prune.derived_by.as_str(), &by_prune.models[..]),
        ("prune", &["best-taught".to_owned()][..])
    );
    let since = ["short-1", "short-2", "short-3", "best-taught"];
    let since = since
        .iter()
        .fold(Flops::default(), |sum, name| sum + training(&account, name));
    assert!(since.counted > 0.0 && since.by_size);
    assert!((by_prune.after_surgery.counted / since.counted - 1.0).abs() < 1e-12);
    assert!(!training(&account, "thin-trained").by_size);
}

/// What is not trained, a merge, can be compared with training from scratch as well.
#[test]
fn a_merge_is_compared_with_training_from_scratch() {
    let more = [
        step(
            "other",
            "pretrain",
            "inputs = { model = \"seed\", tokens = \"text\" }\nwith = { train = { tokens = 1000, sequence = 128 } }",
        ),
        step(
            "both",
            "merge",
            "inputs = { models = [\"seed\", \"grown\", \"other\"] }\nexpected = { \"tokens from scratch\" = 1e9 }\n\
             with = { merge_method = \"linear\", models = [{ model = \"seed\" }, { model = \"grown\" }, { model = \"other\" }] }",
        ),
    ];
    let account = account(&format!("{SMALL}{}", more.concat()));
    let [by_merge] = &account.comparisons[..] else {
        panic!("{:?}", account.comparisons)
    };
    assert_eq!(
        (by_merge.derived_by.as_str(), &by_merge.models[..]),
        ("merge", &["both".to_owned()][..])
    );
    assert_eq!(by_merge.spent, account.training);
    assert!(model(&account, "both").from_scratch.is_some());
}

#[test]
fn training_that_costs_nothing_is_nothing_to_compare_with() {
    let check = |expected: &str, said: &str| {
        let recipe = format!("{SMALL}expected = {{ {expected} }}\n");
        let error = counted(&recipe).map(drop).unwrap_err().to_string();
        assert!(error.starts_with(said), "{error}");
    };
    check(
        "\"tokens from scratch\" = 0",
        "step \"grown\", expected: \"tokens from scratch\" = 0 for ",
    );
    check(
        "\"tokens from scratch\" = 5, \"nominal parameters\" = 0",
        "step \"grown\", expected: \"tokens from scratch\" = 5 for 0 parameters costs nothing",
    );
}
