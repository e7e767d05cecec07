//! What a plan knows before anything runs, and what it says of a recipe that is wrong.

use super::toy::*;
use crate::*;

/// The error of planning `recipe`, whole.
fn mistake(recipe: &str) -> String {
    let place = Place::new();
    match place.plan(recipe) {
        Ok(_) => "no mistake".to_string(),
        Err(error) => format!("{error:#}"),
    }
}

#[test]
fn mistakes_are_told_with_line_path_and_advice() {
    let check = |replace: &str, by: &str, expected: &str| {
        let recipe = RECIPE.replacen(replace, by, 1);
        assert_ne!(recipe, RECIPE, "{replace} is not in the recipe");
        assert_eq!(mistake(&recipe), format!("recipes/toy.toml:{expected}"));
    };
    // a misspelt setting, at the top and deeper
    check(
        "peak",
        "peek",
        r#"18: step "joined", with.schedule.peek: unknown field `peek`, expected `peak` or `warm_up`; did you mean `peak`?"#,
    );
    check(
        "times = 2",
        "tmies = 2",
        r#"7: step "가", with.tmies: unknown field `tmies`, expected `text` or `times`; did you mean `times`?"#,
    );
    check(
        r#"separator = "|""#,
        r#"separator = "|", mode = "backward""#,
        r#"18: step "joined", with.mode: unknown variant `backward`, expected `plain` or `backwards`; did you mean `backwards`?"#,
    );
    // a setting of the wrong type, out of range, missing, not finite, refused by the stage
    check(
        "times = 2",
        r#"times = "two""#,
        r#"7: step "가", with.times: invalid type: string "two", expected usize"#,
    );
    check(
        "times = 2",
        "times = -2",
        r#"7: step "가", with.times: invalid value: integer `-2`, expected usize"#,
    );
    check(
        r#"text = "안녕 " , "#,
        "",
        r#"7: step "가", with: missing field `text`"#,
    );
    check(
        "peak = 3e-4",
        "peak = nan",
        r#"18: step "joined", with.schedule.peak: a setting must be a finite number"#,
    );
    check(
        "times = 2",
        "times = 2000",
        r#"4: step "가": `times` is 2000, and 999 is enough"#,
    );
    check(
        "with = { rounds = 7, every = 2 }",
        "with = 7",
        r#"24: step "ground", with: invalid type: integer `7`, expected a map"#,
    );
    // names and stages
    check(
        r#"stage = "grind""#,
        r#"stage = "grnid""#,
        "22: step \"ground\", stage: there is no stage called `grnid`; did you mean `grind`?; the stages are grind, join, read, say",
    );
    check(
        r#"text = "joined""#,
        r#"text = "jioned""#,
        r#"23: step "ground", inputs.text: there is no step or input called "jioned"; did you mean `joined`?"#,
    );
    check(
        r#"texts = ["가", "b"]"#,
        r#"texts = ["가", "나"]"#,
        r#"17: step "joined", inputs.texts[1]: there is no step or input called "나""#,
    );
    check(
        r#"name = "b""#,
        r#"name = "가""#,
        r#"10: step "가", name: two steps or inputs are called "가": give one another name"#,
    );
    check(
        r#"name = "b""#,
        r#"name = "../b""#,
        r#"10: step "../b", name: "../b" cannot be a name: it may have letters of any script, digits, `-`, `_` and `.`, nothing else"#,
    );
    // inputs: unknown, missing, one for several, several for one, of the wrong kind
    check(
        r#"{ text = "joined" }"#,
        r#"{ txet = "joined" }"#,
        r#"23: step "ground", inputs.txet: unknown input; did you mean `text`?; this stage takes `text` (text)"#,
    );
    check(
        r#"{ texts = ["가", "b"] }"#,
        r#"{ suffix = "b" }"#,
        r#"17: step "joined", inputs: nothing is bound to `texts`; this stage takes `texts` (several text), `suffix` (text, optional)"#,
    );
    check(
        r#"["가", "b"]"#,
        r#""b""#,
        r#"17: step "joined", inputs.texts: wanted a list of artifacts, but found one: write ["b"]"#,
    );
    check(
        r#"text = "joined""#,
        r#"text = ["joined"]"#,
        r#"23: step "ground", inputs.text: wanted one artifact of kind `text`, but found a list of 1: write one name, without brackets"#,
    );
    check(
        r#"stage = "say"
with = { text = "hello" }"#,
        r#"stage = "say"
inputs = { a = "가" }
with = { text = "hello" }"#,
        r#"12: step "b", inputs.a: unknown input: this stage takes no inputs"#,
    );
    check(
        "every = 2 }",
        r#"every = 2 }

[[step]]
name = "again"
stage = "grind"
inputs = { text = "ground" }
with = { rounds = 1, every = 1 }"#,
        r#"29: step "again", inputs.text: wanted an artifact of kind `text`, but "ground" is of kind `count`"#,
    );
    // circles
    check(
        r#"["가", "b"]"#,
        r#"["joined"]"#,
        r#"17: step "joined", inputs: the recipe is circular, each step reading the next: joined → joined; a step cannot read what is made from it"#,
    );
    check(
        r#"with = { text = "hello" }"#,
        r#"inputs = { x = "ground" }"#,
        r#"12: step "b", inputs: the recipe is circular, each step reading the next: b → ground → joined → b; a step cannot read what is made from it"#,
    );
    // the frame
    check(
        "seed = 7",
        "sede = 7",
        "2: sede: unknown field `sede`, expected one of `seed`, `inputs`, `step`; did you mean `seed`?",
    );
    check("seed = 7", "", "1: missing field `seed`");
    check(
        r#"stage = "grind""#,
        r#"stage = "grind" grind"#,
        "22: not valid TOML: unexpected key or value, expected newline, `#`",
    );
    check(
        r#"stage = "grind""#,
        "",
        r#"20: step "ground": missing field `stage`"#,
    );
}

const WITH_INPUT: &str = r#"
seed = 7
[inputs]
bills = { kind = "files", path = "none/here" }
[[step]]
name = "text"
stage = "read"
inputs = { files = "bills" }
"#;

#[test]
fn inputs_from_outside_are_bound_checked_and_hashed() {
    let place = Place::new();
    let plan = |recipe: &str, bindings: Bindings| {
        let recipe = Recipe::parse(recipe, "recipes/toy.toml")?;
        Plan::new(&recipe, &registry(), &bindings, &place.store)
    };
    let error = |recipe: &str, bindings: Bindings| {
        let error = plan(recipe, bindings).err().expect("a mistake");
        format!("{error:#}").replace(&place.folder.path().display().to_string(), "…")
    };
    let folder = place.raw("법안 모음", &[("1.txt", "가"), ("더/2.txt", "나")]);
    let none = Bindings::new;
    assert_eq!(
        error(WITH_INPUT, none()),
        "recipes/toy.toml: the input \"bills\" should lie at recipes/none/here, and nothing is there: \
         add --input bills=PATH"
    );
    assert_eq!(
        error(&WITH_INPUT.replace(", path = \"none/here\"", ""), none()),
        "recipes/toy.toml: the input \"bills\" (of kind `files`) is not bound: add --input bills=PATH"
    );
    assert_eq!(
        error(WITH_INPUT, none().bind("bils", &folder)),
        "--input bils=…: the recipe recipes/toy.toml has no input called \"bils\"; did you mean `bills`?; \
         its inputs are bills"
    );
    assert_eq!(
        error(WITH_INPUT, none().bind("bills", folder.join("1.txt"))),
        "the input \"bills\" should be of kind `files`, at …/법안 모음/1.txt: …/법안 모음/1.txt is no folder"
    );
    assert_eq!(
        error(&WITH_INPUT.replace("\"files\",", "\"fiels\","), none()),
        "recipes/toy.toml:4: inputs.bills.kind: there is no kind of artifact called `fiels`; \
         did you mean `files`?; the kinds are count, files, text"
    );
    assert_eq!(
        error(
            &WITH_INPUT.replace("kind = \"files\"", "kind = \"text\""),
            none()
        ),
        "recipes/toy.toml:8: step \"text\", inputs.files: wanted an artifact of kind `files`, \
         but \"bills\" is of kind `text`"
    );
    assert_eq!(
        format!("{:#}", Bindings::parse(["bills"]).unwrap_err()),
        "--input bills: wanted NAME=PATH, and found no `=`"
    );
    // the key follows contents and names, not the place
    let bound = Bindings::parse([format!("bills={}", folder.display()).as_str()]).unwrap();
    let key = |bindings| plan(WITH_INPUT, bindings).unwrap().keys();
    let first = key(bound.clone());
    assert_eq!(first, key(bound.clone()));
    let copy = place.raw("copy", &[("1.txt", "가"), ("더/2.txt", "나")]);
    assert_eq!(first, key(none().bind("bills", copy)));
    let renamed = place.raw("renamed", &[("1.txt", "가"), ("더/3.txt", "나")]);
    assert_ne!(first, key(none().bind("bills", renamed)));
    place.raw("법안 모음", &[("1.txt", "다")]);
    assert_ne!(first, key(bound));
}

#[test]
fn keys_are_what_they_were() {
    // A change here makes every artifact of every user be made again. If it is meant,
    // raise STORE_VERSION.
    let place = Place::new();
    let keys: Vec<String> = place
        .plan(RECIPE)
        .unwrap()
        .steps()
        .iter()
        .map(Step::folder)
        .collect();
    assert_eq!(
        keys,
        [
            "가-49a82a1b7d27",
            "b-20e5789c98f1",
            "joined-bade447280c6",
            "ground-eb8a39c04b63"
        ]
    );
}

#[test]
fn defaults_are_filled_in() {
    let place = Place::new();
    let plan = place.plan(RECIPE).unwrap();
    assert_eq!(
        plan.step("joined").unwrap().settings,
        serde_json::json!({
            "separator": "|", "mode": "plain", "schedule": { "peak": 0.0003, "warm_up": 0.01 }
        })
    );
    // What is written out in full is the same request.
    let full = RECIPE.replace("peak = 3e-4", "warm_up = 0.01, peak = 0.0003");
    assert_eq!(plan.keys(), place.plan(&full).unwrap().keys());
}

#[test]
fn a_change_reaches_what_depends_on_it_and_nothing_else() {
    let place = Place::new();
    let keys = |recipe: &str| -> Vec<(String, String)> {
        let plan = place.plan(recipe).unwrap();
        let steps = plan.steps().iter();
        steps
            .map(|step| (step.name.clone(), step.key.clone()))
            .collect()
    };
    let changed = |recipe: &str| -> Vec<String> {
        let old = keys(RECIPE);
        let new = keys(recipe).into_iter();
        new.filter(|step| !old.contains(step))
            .map(|(name, _)| name)
            .collect()
    };
    assert_eq!(changed(RECIPE), [""; 0]);
    assert_eq!(
        changed(&RECIPE.replace("hello", "hi")),
        ["b", "joined", "ground"]
    );
    assert_eq!(
        changed(&RECIPE.replace("rounds = 7", "rounds = 8")),
        ["ground"]
    );
    assert_eq!(changed(&RECIPE.replace("seed = 7", "seed = 8")).len(), 4);
    assert_eq!(
        changed(&RECIPE.replace(r#"["가", "b"]"#, r#"["b", "가"]"#)),
        ["joined", "ground"]
    );
    // A step put in between, anywhere, disturbs no other.
    let inserted = RECIPE.replacen(
        "[[step]]",
        "[[step]]\nname = \"new\"\nstage = \"say\"\nwith = { text = \"x\" }\n[[step]]",
        1,
    );
    assert_eq!(changed(&inserted), ["new"]);
}

#[test]
fn steps_run_after_what_they_read_in_whatever_order_they_stand() {
    let place = Place::new();
    let (head, steps) = RECIPE.split_once("[[step]]").unwrap();
    let mut steps: Vec<&str> = steps.split("[[step]]").collect();
    steps.reverse();
    let recipe = format!("{head}[[step]]{}", steps.join("[[step]]"));
    let plan = place.plan(&recipe).unwrap();
    let names: Vec<&str> = plan.steps().iter().map(|step| step.name.as_str()).collect();
    assert_eq!(names, ["가", "b", "joined", "ground"]);
    assert_eq!(plan.keys().len(), 4);
    let some = plan.only(&["b"]).unwrap();
    assert_eq!(some.steps().len(), 1);
    let error = place.plan(RECIPE).unwrap().only(&["groud"]).err().unwrap();
    assert_eq!(
        error.to_string(),
        "the recipe toy has no step called \"groud\"; did you mean `ground`?; its steps are 가, b, joined, ground"
    );
}

#[test]
fn a_plan_tells_costs_and_states() {
    let place = Place::new();
    let states = || -> Vec<State> {
        let plan = place.plan(RECIPE).unwrap();
        plan.steps().iter().map(|step| step.state.clone()).collect()
    };
    assert_eq!(states(), [const { State::Missing }; 4]);
    let plan = place.plan(RECIPE).unwrap();
    assert_eq!(plan.steps()[0].quantities[0], Quantity::new("bytes", 14.0));
    assert_eq!(plan.steps()[2].quantities[0].value, 0.0);
    place.run(RECIPE).unwrap();
    assert_eq!(states(), [const { State::Cached }; 4]);
    let plan = place.plan(RECIPE).unwrap();
    assert_eq!(plan.steps()[2].quantities[0].value, 2.0);
    let folder = place.find("ground").path;
    disk::remove_file(&folder.join("manifest.json")).unwrap();
    assert_eq!(states()[3], State::Partial);
    disk::write(&place.find("b").path.join("text.txt"), b"x").unwrap();
    assert_eq!(
        states()[1],
        State::Damaged("text.txt has 1 bytes and should have 5".into())
    );
}

/// A stage whose setting would be lost on the way into the key is refused.
#[test]
fn a_setting_outside_the_key_is_refused() {
    #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
    struct Forgetful {
        #[serde(default, skip_serializing)]
        secret: u32,
    }
    impl Stage for Forgetful {
        const NAME: &'static str = "forgetful";
        const SUMMARY: &'static str = "";
        type Inputs = ();
        type Output = Count;
        fn run(&self, (): (), _: &mut Context<'_>, _: &mut Writer<Count>) -> anyhow::Result<()> {
            anyhow::bail!("{}", self.secret)
        }
    }
    let place = Place::new();
    let text = "seed = 1\n[[step]]\nname = \"x\"\nstage = \"forgetful\"\nwith = { secret = 3 }";
    let recipe = Recipe::parse(text, "x.toml").unwrap();
    let registry = Registry::new().with::<Forgetful>();
    let plan = Plan::new(&recipe, &registry, &Bindings::new(), &place.store);
    assert_eq!(
        plan.err().unwrap().to_string(),
        "x.toml:5: step \"x\", with.secret: the stage reads this setting and does not write it back, \
         so it would not enter the key (a bug of the stage)"
    );
}

/// A story is a text as well; what it is expected to amount to is known before it is there.
#[test]
fn an_artifact_may_be_of_several_kinds() {
    struct Story;
    impl Kind for Story {
        const NAME: &'static str = "story";
        const ALSO: &'static [&'static str] = &["text"];
    }
    #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
    struct Tell {}
    impl Stage for Tell {
        const NAME: &'static str = "tell";
        const SUMMARY: &'static str = "";
        type Inputs = ();
        type Output = Story;
        fn estimate(&self, (): &()) -> Vec<Quantity> {
            vec![Quantity::new("words", 2.0), Quantity::seconds(f64::NAN)]
        }
        fn run(&self, (): (), _: &mut Context<'_>, _: &mut Writer<Story>) -> anyhow::Result<()> {
            unreachable!()
        }
    }
    #[derive(serde::Deserialize)]
    struct Heard {
        text: Artifact<Text>,
    }
    #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
    struct Listen {}
    impl Stage for Listen {
        const NAME: &'static str = "listen";
        const SUMMARY: &'static str = "";
        type Inputs = Heard;
        type Output = Story;
        fn estimate(&self, inputs: &Heard) -> Vec<Quantity> {
            assert_eq!(inputs.text.expected("seconds"), None);
            let words = inputs.text.expected("words").unwrap_or(0.0);
            vec![Quantity::new("words", 2.0 * words)]
        }
        fn run(&self, _: Heard, _: &mut Context<'_>, _: &mut Writer<Story>) -> anyhow::Result<()> {
            unreachable!()
        }
    }
    let place = Place::new();
    let text = "seed = 1\n[[step]]\nname = \"a\"\nstage = \"tell\"\n\
                [[step]]\nname = \"b\"\nstage = \"listen\"\ninputs = { text = \"a\" }";
    let recipe = Recipe::parse(text, "x.toml").unwrap();
    let registry = Registry::new().with::<Tell>().with::<Listen>();
    let plan = Plan::new(&recipe, &registry, &Bindings::new(), &place.store).unwrap();
    assert_eq!(plan.steps()[1].quantities, [Quantity::new("words", 4.0)]);
}

/// An input that a recipe only expects is enough to plan with, and no more.
#[test]
fn what_is_expected_is_planned_with_and_never_enters_a_key() {
    let recipe = |expected: &str, of_step: &str| {
        format!(
            "seed = 7\n[inputs]\nraw = {{ kind = \"files\"{expected} }}\n[[step]]\nname = \"read\"\nstage = \"read\"\ninputs = {{ files = \"raw\" }}\n{of_step}\
             [[step]]\nname = \"said\"\nstage = \"say\"\nwith = {{ text = \"ab\" }}\n{of_step}"
        )
    };
    let place = Place::new();
    let error = place
        .plan(&recipe("", ""))
        .map(drop)
        .unwrap_err()
        .to_string();
    assert!(error.contains("is not bound"), "{error}");

    let plan = place
        .plan(&recipe(", expected = { bytes = 5e9 }", ""))
        .unwrap();
    let [planned] = plan.planned() else {
        panic!("one input is planned")
    };
    assert_eq!(
        (planned.name.as_str(), planned.kind.as_str()),
        ("raw", "files")
    );
    assert_eq!(planned.expected, [Quantity::new("bytes", 5e9)]);
    assert_eq!(plan.step("read").unwrap().state, State::Missing);
    let error = run(&plan, &place.store, &mut Silent, &Resources::new());
    let error = error.unwrap_err().to_string();
    assert!(error.contains("is planned and not there"), "{error}");
    // another size expected: the same keys
    let larger = place.plan(&recipe(", expected = { bytes = 6e9, words = 1 }", ""));
    assert_eq!(larger.unwrap().keys(), plan.keys());
    // what does not need it runs all the same
    let plan = plan.only(&["said"]).unwrap();
    assert!(plan.planned().is_empty());
    run(&plan, &place.store, &mut Silent, &Resources::new()).unwrap();

    // bound, it is an input like any other
    let raw = place.raw("raw", &[("a", "text")]);
    let key = |expected: &str, of_step: &str| {
        let recipe = Recipe::parse(&recipe(expected, of_step), "r.toml").unwrap();
        let bound = Bindings::new().bind("raw", &raw);
        let plan = Plan::new(&recipe, &registry(), &bound, &place.store).unwrap();
        assert!(plan.planned().is_empty());
        let quantities = plan.step("said").unwrap().quantities.clone();
        (plan.keys(), quantities)
    };
    let (plain, estimated) = key("", "");
    let (expected, declared) = key(
        ", expected = { bytes = 1 }",
        "expected = { bytes = 3, words = 4 }\n",
    );
    assert_eq!(plain, expected);
    assert_eq!(estimated[0], Quantity::new("bytes", 2.0));
    // what is declared takes the place of the estimate of that name
    let bytes: Vec<_> = declared.iter().filter(|one| one.name == "bytes").collect();
    assert_eq!(bytes, [&Quantity::new("bytes", 3.0)]);
    assert!(declared.contains(&Quantity::new("words", 4.0)));
    assert!(declared.iter().any(|one| one.name == Quantity::DISK));
}

#[test]
fn what_is_expected_is_a_count() {
    for (text, path) in [
        (
            "[inputs]\nraw = { kind = \"files\", expected = { bytes = -1 } }\n",
            "inputs.raw.expected.bytes",
        ),
        (
            "[inputs]\nraw = { kind = \"files\", expected = { bytes = nan } }\n",
            "inputs.raw.expected.bytes",
        ),
    ] {
        let recipe = format!(
            "seed = 7\n{text}[[step]]\nname = \"a\"\nstage = \"say\"\nwith = {{ text = \"a\" }}\n"
        );
        let said = mistake(&recipe);
        assert!(
            said.contains(path) && said.contains("wanted a number from 0"),
            "{said}"
        );
    }
    let said = mistake(
        "seed = 7\n[[step]]\nname = \"a\"\nstage = \"say\"\nexpected = { bytes = -2 }\nwith = { text = \"a\" }\n",
    );
    assert!(
        said.contains("step \"a\", expected.bytes: wanted a number from 0, and found -2"),
        "{said}"
    );
}

#[test]
fn a_step_may_name_its_own_seed() {
    let place = Place::new();
    let of = |recipe: &str, step: &str| place.plan(recipe).unwrap().step(step).unwrap().seed;
    let own = RECIPE.replacen("name = \"b\"", "name = \"b\"\nseed = 8", 1);
    let other = RECIPE.replace("seed = 7", "seed = 8");
    assert_eq!(of(&own, "b"), of(&other, "b"));
    assert_eq!(of(&own, "ground"), of(RECIPE, "ground"));
    // What several recipes share is made once, whatever their seeds.
    let shared = other.replacen("name = \"b\"", "name = \"b\"\nseed = 7", 1);
    let key = |recipe: &str| place.plan(recipe).unwrap().step("b").unwrap().key.clone();
    assert_eq!(key(&shared), key(RECIPE));
}
