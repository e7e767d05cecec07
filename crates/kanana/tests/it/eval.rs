//! `kanana eval` and `kanana evals` as their user types them, and benchmarks as a step of a recipe.

use crate::serve::{end, start};
use crate::trial::{LIFE, Trial};
use remote::pretend::{Act, Pretend};
use serde_json::Value;
use std::fs;

/// An untrained model with a context that examples fit, and benchmarks in their original formats.
fn trial() -> Trial {
    trial_with("context = 512")
}

fn trial_with(context: &str) -> Trial {
    let trial = Trial::new();
    let life = LIFE.replacen("context = 64", context, 1);
    trial.write("life.toml", life);
    trial.ok(&["run", "life.toml", "--only", "untrained"]);
    let rows = |subject: &str, count: usize| -> String {
        (0..count)
            .map(|at| {
                format!(
                    "{subject} 질문 {at}?,하나,둘,\"셋, 넷\",다섯,{}\n",
                    ["A", "B", "C", "D"][at % 4]
                )
            })
            .collect()
    };
    for subject in ["역사", "law"] {
        trial.write(
            &format!("data/mmlu/dev/{subject}_dev.csv"),
            rows(subject, 5),
        );
        trial.write(
            &format!("data/mmlu/test/{subject}_test.csv"),
            rows(subject, 9),
        );
    }
    trial.write(
        "data/수도.jsonl",
        "{\"q\": \"한국의 수도\", \"a\": \"서울\"}\n{\"q\": \"France\", \"a\": \"Paris\"}\n",
    );
    trial.write(
        "data/수도-dev.jsonl",
        "{\"q\": \"일본의 수도\", \"a\": \"도쿄\"}\n{\"q\": \"Italy\", \"a\": \"Rome\"}\n",
    );
    trial.write(
        "data/capitals.toml",
        "name = \"capitals\"\nkind = \"complete\"\ndata = \"수도.jsonl\"\nprompt = \"{{ q }}:\"\nanswer = \"{{ a }}\"\nexamples = \"수도-dev.jsonl\"\nlimit = 8\n",
    );
    trial
}

const EVAL: [&str; 8] = [
    "eval",
    "untrained",
    "--tasks",
    "mmlu,data/capitals.toml",
    "--data",
    "data",
    "--shots",
    "2",
];

fn eval(trial: &Trial, more: &[&str]) -> String {
    trial.ok(&[&EVAL, more].concat())
}

fn json(trial: &Trial, path: &str) -> Value {
    let text = fs::read_to_string(trial.path(path)).expect("a file");
    serde_json::from_str(&text).expect("JSON")
}

#[test]
fn a_model_is_asked_once() {
    let trial = trial();
    let said = trial.run(&[&EVAL[..], &["--out", "first"]].concat());
    assert!(said.ok, "{}", said.err);
    assert!(
        said.err
            .contains("protocol base, as the model has no chat template"),
        "{}",
        said.err
    );
    assert!(
        said.out.contains("mmlu") && said.out.contains("capitals") && said.out.contains("acc"),
        "{}",
        said.out
    );
    let results = json(&trial, "first/results.json");
    let acc = results["results"]["mmlu"]["acc,none"]
        .as_f64()
        .expect("a figure");
    assert!((0.0..=1.0).contains(&acc));
    assert!(
        results["results"]["mmlu"]["acc_stderr,none"]
            .as_f64()
            .expect("a figure")
            > 0.0
    );
    assert_eq!(results["n-shot"]["mmlu"], 2);
    assert_eq!(results["n-samples"]["mmlu"]["effective"], 18);
    assert_eq!(
        results["group_subtasks"]["mmlu"]
            .as_array()
            .expect("subjects")
            .len(),
        2
    );
    let samples = fs::read_to_string(trial.path("first/samples_mmlu.jsonl")).expect("samples");
    assert_eq!(samples.lines().count(), 18);
    let page = fs::read_to_string(trial.path("first/evaluation.html")).expect("a page");
    assert!(page.contains("law 질문 8?") && page.contains("서울"));

    // Again: nothing is asked.
    let answers = fs::read(trial.path("first/answers.jsonl")).expect("answers");
    let again = trial.run(&[&EVAL[..], &["--out", "first"]].concat());
    assert!(
        again.ok && again.err.contains("20 answers of earlier runs"),
        "{}",
        again.err
    );
    assert_eq!(
        fs::read(trial.path("first/answers.jsonl")).expect("answers"),
        answers
    );
    assert_eq!(json(&trial, "first/results.json"), results);

    // In three threads: the same to the bit.
    eval(&trial, &["--out", "second", "--threads", "3"]);
    assert_eq!(json(&trial, "second/results.json"), results);
    assert_eq!(
        fs::read(trial.path("second/samples_mmlu.jsonl")).expect("samples"),
        samples.as_bytes()
    );

    // As a recipe.
    trial.ok(&[
        "eval",
        "untrained",
        "--tasks",
        "mmlu,capitals.toml",
        "--data",
        "data",
        "--shots",
        "2",
        "--out",
        "third",
    ]);
    let recipe = |folder: &str| {
        let path = trial.path(&format!("{folder}/eval.toml"));
        fs::read_to_string(path).expect("a recipe")
    };
    assert_eq!(recipe("first"), recipe("third"), "named from here or there");
    trial.ok(&["run", "third/eval.toml"]);
    let made = trial.artifact("evaluation");
    let in_store = fs::read_to_string(made.join("results.json")).expect("results");
    let in_store: Value = serde_json::from_str(&in_store).expect("JSON");
    assert_eq!(in_store["results"], results["results"]);
    assert!(made.join("evaluation.html").is_file());
    let shown = trial.ok(&["show", "evaluation", "--json"]);
    assert!(shown.contains("mmlu acc"), "{shown}");

    // Against itself: no difference.
    let compared = trial.ok(&["eval", "compare", "first", "second", "--json"]);
    let compared: Value = serde_json::from_str(&compared).expect("JSON");
    assert_eq!(compared["comparisons"][0]["p"], 1.0);
    let text = trial.ok(&[
        "eval",
        "compare",
        "first",
        "second",
        "--page",
        "compared.html",
    ]);
    assert!(text.contains("not told apart") && trial.path("compared.html").is_file());
}

#[test]
fn killed_anywhere_it_goes_on_to_the_same() {
    let trial = trial();
    eval(&trial, &["--out", "never-stopped"]);
    let words = [&EVAL[..], &["--out", "stopped"]].concat();
    let falls = trial.fall(&words, |n| 3 + 3 * n, 40);
    assert!(falls >= 3, "it was to fall a few times: {falls}");
    assert_eq!(
        json(&trial, "stopped/results.json"),
        json(&trial, "never-stopped/results.json")
    );
    let answers = fs::read_to_string(trial.path("stopped/answers.jsonl")).expect("answers");
    assert_eq!(
        answers.lines().filter(|line| line.contains("key")).count(),
        20,
        "nothing was asked twice"
    );
}

#[test]
fn a_server_is_asked_the_same() {
    let trial = trial();
    eval(
        &trial,
        &["--out", "here", "--protocol", "base", "--precision", "f32"],
    );
    let (child, address, _) = start(&trial, &["--name", "마을", "--precision", "f32"]);
    let url = format!("http://{address}/v1");
    let said = trial.ok(&[
        "eval",
        "마을",
        "--server",
        &url,
        "--tasks",
        "mmlu,data/capitals.toml",
        "--data",
        "data",
        "--shots",
        "2",
        "--protocol",
        "base",
        "--out",
        "there",
    ]);
    end(child, "-INT");
    assert!(said.contains("mmlu"), "{said}");
    let identity = json(&trial, "there/results.json")["run"]["identity"].clone();
    let identity = identity.as_str().expect("a name").to_owned();
    assert!(
        identity.starts_with(&format!("마을 at {url}, weights ")),
        "{identity}"
    );
    let likelihoods = |folder: &str| -> Vec<f64> {
        let text = fs::read_to_string(trial.path(&format!("{folder}/samples_mmlu.jsonl")))
            .expect("samples");
        text.lines()
            .flat_map(|line| {
                let line: Value = serde_json::from_str(line).expect("JSON");
                let all = line["resps"].as_array().expect("likelihoods").clone();
                all.into_iter().map(|one| {
                    one[0][0]
                        .as_str()
                        .expect("a number")
                        .parse::<f64>()
                        .expect("a number")
                })
            })
            .collect()
    };
    let (here, there) = (likelihoods("here"), likelihoods("there"));
    assert_eq!(here.len(), 72);
    for (here, there) in here.iter().zip(&there) {
        assert!((here - there).abs() < 1e-3, "{here} here, {there} there");
    }
    let words = |folder: &str| {
        let text = fs::read_to_string(trial.path(&format!("{folder}/samples_capitals.jsonl")))
            .expect("samples");
        let lines = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).expect("JSON")["resps"].clone());
        lines.collect::<Vec<_>>()
    };
    assert_eq!(words("here"), words("there"));
    // It is gone now; what it said is kept.
    let again = [
        "eval",
        "마을",
        "--server",
        &url,
        "--tasks",
        "mmlu",
        "--data",
        "data",
        "--shots",
        "2",
        "--protocol",
        "base",
        "--out",
        "there",
    ];
    let said = trial.run(&again);
    assert!(
        said.ok
            && said
                .err
                .contains("what it answered before is taken as it is"),
        "{}",
        said.err
    );
    assert_eq!(
        json(&trial, "there/results.json")["run"]["identity"],
        identity.as_str()
    );
}

#[test]
fn benchmarks_are_listed_with_what_is_missing() {
    let trial = trial();
    let listed: Value =
        serde_json::from_str(&trial.ok(&["evals", "--data", "data", "--json"])).expect("JSON");
    let of = |name: &str| {
        let all = listed.as_array().expect("a list");
        all.iter()
            .find(|one| one["name"] == name)
            .expect("a task")
            .clone()
    };
    assert_eq!(of("mmlu")["there"], true);
    assert_eq!(of("kmmlu")["there"], false);
    assert_eq!(of("kmmlu")["missing"][0], "kmmlu");
    assert_eq!(of("mmlu")["about"]["metrics"][0]["name"], "acc");
    let text = trial.ok(&["evals", "--data", "data"]);
    assert!(
        text.contains("gsm8k") && text.contains('✓') && text.contains('✗'),
        "{text}"
    );
}

#[test]
fn mistakes_are_sentences() {
    let trial = trial();
    let check = |words: &[&str], wanted: &[&str]| {
        let complaint = trial.fails(&[&["eval"], words].concat());
        for word in wanted {
            assert!(complaint.contains(word), "{word:?} is not in:\n{complaint}");
        }
    };
    let mmlu = ["untrained", "--tasks", "mmlu", "--data", "data"];
    let with = |more: &[&'static str]| [&mmlu[..], more].concat();
    check(
        &["untrained", "--tasks", "mmlv"],
        &["mmlv", "did you mean `mmlu`", "kanana evals"],
    );
    check(
        &["untrained", "--tasks", "mmlu"],
        &["benchmarks", "is not there"],
    );
    check(
        &["untrained", "--tasks", "gsm8k", "--data", "data"],
        &["gsm8k/test.jsonl", "in data"],
    );
    check(
        &["untrained", "--tasks", "mmlu,mmlu", "--data", "data"],
        &["named twice"],
    );
    check(
        &with(&["--protocol", "instruct"]),
        &["no chat template", "--protocol base"],
    );
    check(&with(&["--limit", "0"]), &["leaves no questions"]);
    check(
        &with(&["--samples", "4", "--temperature", "0"]),
        &["temperature"],
    );
    check(
        &with(&["--judge", "not a url", "--judge-model", "j"]),
        &["wanted an address"],
    );
    check(
        &["nobody", "--tasks", "mmlu", "--data", "data"],
        &["no artifact called \"nobody\""],
    );
    check(
        &[
            "x",
            "--server",
            "http://127.0.0.1:9/v1",
            "--api-key-file",
            "none",
            "--tasks",
            "mmlu",
            "--data",
            "data",
        ],
        &["none"],
    );
    check(
        &[
            "x",
            "--server",
            "http://127.0.0.1:9/v1",
            "--tokenizer",
            "untrained",
            "--context",
            "64",
            "--tasks",
            "mmlu",
            "--data",
            "data",
        ],
        &["--tokenizer", "--protocol base"],
    );
    check(&["compare", "data", "data"], &["has no results"]);
    trial.write("data/mmlu/test/law_test.csv", "질문?,하나,둘\n");
    check(&mmlu, &["law_test.csv"]);
}

#[test]
fn a_recipe_names_benchmarks_that_are_bound() {
    let trial = trial();
    let recipe = |with: &str, inputs: &str| {
        format!(
            "{}\n[inputs]\ndata = {{ kind = \"files\", path = \"data\" }}\n[[step]]\nname = \"marks\"\nstage = \"evaluate\"\ninputs = {{ model = \"untrained\"{inputs} }}\nwith = {{ {with} }}\n",
            LIFE.replacen("context = 64", "context = 512", 1)
        )
    };
    let fails = |with: &str, inputs: &str| {
        trial.write("r.toml", recipe(with, inputs));
        trial.fails(&["run", "r.toml", "--only", "marks"])
    };
    let bound = ", data = \"data\"";
    assert!(fails("tasks = [\"mmlu\"]", "").contains("bind the folder of benchmarks"));
    assert!(fails("tasks = [\"kmlu\"]", bound).contains("did you mean `kmmlu`"));
    assert!(fails("tasks = [\"../mine.toml\"]", bound).contains("outside"));
    assert!(fails("", bound).contains("nothing to evaluate"));
    trial.write(
        "r.toml",
        recipe("tasks = [\"mmlu\"], limit = 2, shots = 1", bound),
    );
    trial.ok(&["run", "r.toml", "--only", "marks"]);
    let scores = trial.artifact("marks").join("scores.json");
    let scores: Value =
        serde_json::from_str(&fs::read_to_string(scores).expect("scores")).expect("JSON");
    assert_eq!(scores["benchmarks"][0]["task"], "mmlu");
    assert_eq!(scores["benchmarks"][0]["estimate"]["questions"], 4);
}

#[test]
fn a_judge_is_asked_once_and_its_words_are_part_of_the_artifact() {
    let trial = trial_with("context = 2048");
    let model = trial.artifact("untrained");
    for name in ["config.json", "model.safetensors", "tokenizer.json"] {
        trial.write(
            &format!("tuned/{name}"),
            fs::read(model.join(name)).expect("a file"),
        );
    }
    trial.write(
        "tuned/chat_template.jinja",
        "{% for m in messages %}<{{ m.role }}>{{ m.content }}\n{% endfor %}<assistant>",
    );
    trial.write(
        "data/komt_bench/question_ko.jsonl",
        "{\"question_id\": 81, \"category\": \"writing\", \"turns\": [\"여행기를 써 주세요.\", \"더 짧게.\"]}\n",
    );
    trial.write(
        "data/komt_bench/reference_answer_ko/gpt-4.jsonl",
        "{\"question_id\": 111, \"choices\": [{\"turns\": [\"넓이는 3이다.\", \"둘레는 9이다.\"]}]}\n",
    );
    let prompts: Vec<String> = [("", "{question} {answer}"), ("-multi-turn", "{question_1} {answer_1} {question_2} {answer_2}")]
        .iter()
        .map(|(end, form)| {
            format!(
                "{{\"name\": \"single-v1{end}\", \"system_prompt\": \"심판\", \"prompt_template\": \"{form}\"}}"
            )
        })
        .collect();
    trial.write("data/komt_bench/judge_prompts_ko.jsonl", prompts.join("\n"));
    let judge = Pretend::new(|_| Act::says("좋습니다. 평가: [[7]]"));
    let url = judge.url();
    let words = [
        "eval",
        "tuned",
        "--tasks",
        "komt_bench",
        "--data",
        "data",
        "--out",
        "out",
        "--judge",
        &url,
        "--judge-model",
        "심판",
    ];
    let said = trial.run(&words);
    assert!(said.ok, "{}", said.err);
    assert!(said.err.contains("protocol instruct"), "{}", said.err);
    let results = json(&trial, "out/results.json");
    assert_eq!(
        results["results"]["komt_bench"]["score_without_penalty,none"],
        7.0
    );
    assert_eq!(results["run"]["judge"], format!("심판 at {url}"));
    let asked = judge.asked().len();
    assert_eq!(asked, 2, "one question for each turn");
    trial.ok(&words);
    assert_eq!(judge.asked().len(), asked, "nothing is asked again");

    trial.ok(&["run", "out/eval.toml"]);
    let made = trial.artifact("evaluation");
    let verdicts = fs::read_to_string(made.join("verdicts.jsonl")).expect("a transcript");
    assert_eq!(verdicts.lines().count(), 2);
    assert!(verdicts.contains("[[7]]") && verdicts.contains("심판"));
    let in_store = fs::read_to_string(made.join("results.json")).expect("results");
    let in_store: Value = serde_json::from_str(&in_store).expect("JSON");
    assert_eq!(in_store["results"], results["results"]);

    // Without a judge it is said.
    let alone = trial.ok(&[
        "eval",
        "tuned",
        "--tasks",
        "komt_bench",
        "--data",
        "data",
        "--out",
        "alone",
    ]);
    assert!(alone.contains("a judge's figures are missing"), "{alone}");
}
