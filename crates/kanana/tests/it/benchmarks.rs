//! Benchmarks pulled by name, answers that were made elsewhere, and the folder of an evaluation: one run at a
//! time, stopped and gone on with, the recipe or why there is none.

use crate::trial::{LIFE, Said, Trial, said};
use evals::sources::pretend::{Cell, written};
use hub::pretend::Pretend as Hub;
use remote::pretend::{Act, Pretend};
use serde_json::Value;
use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

const KMMLU: &str = "question,answer,A,B,C,D,Category,Human Accuracy\n가?,1,하나,둘,셋,넷,x,0.5\n나?,4,하나,\"둘, 셋\",셋,넷,x,0.5\n다?,2,가,나,다,라,x,0.5\n라?,2,가,나,다,라,x,0.5\n마?,2,가,나,다,라,x,0.5\n";

fn pulling(trial: &Trial, hub: &Hub, words: &[&str]) -> Said {
    let mut command = trial.command(words);
    command
        .env("HF_HOME", trial.path("집"))
        .env("HF_ENDPOINT", hub.endpoint())
        .env_remove("HF_HUB_OFFLINE")
        .env_remove("HF_TOKEN");
    said(&command.output().expect("the program starts"))
}

fn there(trial: &Trial, task: &str) -> bool {
    let listed = trial.ok(&["evals", "--data", "시험", "--json"]);
    let listed: Value = serde_json::from_str(&listed).expect("JSON");
    let mut all = listed.as_array().expect("a list").iter();
    all.find(|one| one["name"] == task).expect("a task")["there"] == true
}

#[test]
fn a_benchmark_is_pulled_by_its_name() {
    let trial = Trial::new();
    let files: [(&str, &[u8]); 4] = [
        ("README.md", b"read"),
        ("data/Law-dev.csv", KMMLU.as_bytes()),
        ("data/Law-test.csv", KMMLU.as_bytes()),
        ("data/Law-train.csv", b"much"),
    ];
    let hub = Hub::dataset("HAERAE-HUB/KMMLU", "cc-by-nd-4.0", &files);
    let pull = ["evals", "pull", "kmmlu", "--data", "시험"];
    // Killed on the way, nothing has its name that is not whole.
    for at in ["4", "12", "20", "24", "28", "32"] {
        let fallen = pulling(&trial, &hub, &[&pull[..], &["--abort-at", at]].concat());
        let place = trial.path("시험/kmmlu");
        assert!(
            !place.exists() || place.join("SOURCE.txt").is_file(),
            "at event {at}"
        );
        assert_eq!(there(&trial, "kmmlu"), place.exists());
        if fallen.ok {
            assert!(at != "4", "it was to fall at least once");
        }
        let _ = fs::remove_dir_all(place);
    }
    let pulled = pulling(&trial, &hub, &pull);
    assert!(pulled.ok, "{}", pulled.err);
    let (licence, fetched) = (
        pulled.err.find("licence cc-by-nd-4.0").expect("it is said"),
        pulled.err.find("2 files").expect("a plan"),
    );
    assert!(licence < fetched, "before anything comes: {}", pulled.err);
    assert!(pulled.err.contains("kmmlu: 5 questions"), "{}", pulled.err);
    assert!(pulled.out.trim().ends_with("kmmlu"), "{}", pulled.out);
    assert!(there(&trial, "kmmlu"));
    let origin = fs::read_to_string(trial.path("시험/kmmlu/SOURCE.txt")).expect("its origin");
    assert!(
        origin.contains("HAERAE-HUB/KMMLU") && origin.contains("commit 0123"),
        "{origin}"
    );
    assert!(!trial.path("시험/kmmlu/Law-train.csv").exists());
    hub.seen();
    let again = pulling(&trial, &hub, &pull);
    assert!(
        again.ok && again.err.contains("there already"),
        "{}",
        again.err
    );
    assert!(hub.seen().is_empty(), "nothing is asked for");

    let fails = |words: &[&str]| {
        let said = pulling(&trial, &hub, &[&["evals", "pull"], words].concat());
        assert!(
            !said.ok && !said.err.contains("panicked"),
            "{words:?}: {}",
            said.out
        );
        said.err
    };
    assert!(fails(&["kmlu"]).contains("did you mean `kmmlu`"));
    assert!(fails(&["mt_bench"]).contains("on no hub"));
    assert!(fails(&["gsm8k", "--data", "시험"]).contains("has no data set openai/gsm8k"));
    trial.write(
        "답.jsonl",
        "{\"task\": \"gsm8k\", \"id\": \"0\", \"answer\": \"1\"}\n",
    );
    let words = trial.fails(&[
        "eval",
        "x",
        "--answers",
        "답.jsonl",
        "--tasks",
        "gsm8k",
        "--data",
        "시험",
    ]);
    assert!(words.contains("kanana evals pull gsm8k"), "{words}");
    // A folder that is there is not yet a benchmark.
    trial.write("시험/gsm8k/train.jsonl", "");
    hub.seen();
    let partial = fails(&["gsm8k", "--data", "시험"]);
    assert!(
        partial.contains("gsm8k/test.jsonl") && partial.contains("to have it pulled anew"),
        "{partial}"
    );
    assert!(hub.seen().is_empty(), "nothing is asked for");
}

#[test]
fn tables_of_a_hub_become_the_original_format_or_nothing() {
    let trial = Trial::new();
    let row = |subject: &'static str, answer: i64| {
        vec![
            ("question", Cell::Text("가, \"나\"?")),
            ("subject", Cell::Text(subject)),
            ("choices", Cell::Texts(&["하나", "둘", "셋", "넷"])),
            ("answer", Cell::Number(answer)),
        ]
    };
    let rows: Vec<_> = (0..5).map(|at| row("법학", at % 4)).collect();
    let good = written(&rows);
    let bad = written(&[vec![("말", Cell::Text("뜻"))]]);
    for (table, wanted) in [(&bad, false), (&good, true)] {
        let files: [(&str, &[u8]); 3] = [
            ("all/dev-00000-of-00001.parquet", &good),
            ("all/test-00000-of-00001.parquet", table),
            ("all/validation-00000-of-00001.parquet", b"x"),
        ];
        let hub = Hub::dataset("cais/mmlu", "mit", &files);
        let said = pulling(&trial, &hub, &["evals", "pull", "mmlu", "--data", "시험"]);
        assert_eq!(said.ok, wanted, "{}", said.err);
        assert_eq!(there(&trial, "mmlu"), wanted);
        if !wanted {
            assert!(
                said.err.contains("mmlu was not pulled") && said.err.contains("`choices`"),
                "{}",
                said.err
            );
        }
        let _ = fs::remove_dir_all(trial.path("집"));
    }
}

const MMLU: &str = "질문?,하나,둘,\"셋, 넷\",다섯,B\n다른 질문?,하나,둘,셋,넷,A\n";

fn with_mmlu() -> Trial {
    let trial = Trial::new();
    trial.write("data/mmlu/test/역사_test.csv", MMLU);
    trial.write("data/mmlu/dev/역사_dev.csv", MMLU);
    trial.write(
        "data/수도.jsonl",
        "{\"q\": \"한국의 수도\", \"a\": \"서울\"}\n{\"q\": \"France\", \"a\": \"Paris\"}\n",
    );
    trial.write(
        "data/capitals.toml",
        "name = \"capitals\"\nkind = \"complete\"\ndata = \"수도.jsonl\"\nprompt = \"{{ q }}:\"\nanswer = \"{{ a }}\"\nlimit = 8\n",
    );
    trial
}

#[test]
fn answers_that_were_made_elsewhere_are_scored() {
    let trial = with_mmlu();
    let lines = r#"{"task": "mmlu", "id": "역사/0", "likelihoods": [-3, -1, -2, -4.5]}
{"task": "mmlu", "id": "역사/1", "likelihoods": [-3, -1, -2, -4]}
{"task": "mmlu", "id": "역사/1", "likelihoods": [-1, -2, -3, -4]}
{"task": "capitals", "id": "0", "answer": " 서울"}
{"task": "gsm8k", "id": "0", "answer": "1"}
"#;
    trial.write("답.jsonl", lines);
    let words = [
        "eval",
        "남의모형",
        "--answers",
        "답.jsonl",
        "--tasks",
        "mmlu,data/capitals.toml",
        "--data",
        "data",
        "--protocol",
        "base",
        "--shots",
        "0",
        "--out",
        "out",
    ];
    let said = trial.run(&words);
    assert!(said.ok, "{}", said.err);
    assert!(
        said.err
            .contains("1 lines of 답.jsonl are answers to other tasks"),
        "{}",
        said.err
    );
    for part in [
        "1 questions have no answer and count as wrong; the first, 1,",
        "1 further answers",
        "line 3",
    ] {
        let flat: String = said.out.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains(part), "{part:?} is not in:\n{}", said.out);
    }
    let results = fs::read_to_string(trial.path("out/results.json")).expect("results");
    let results: Value = serde_json::from_str(&results).expect("JSON");
    assert_eq!(results["results"]["mmlu"]["acc,none"], 0.5);
    assert_eq!(results["results"]["capitals"]["exact_match,none"], 0.5);
    let recipe = fs::read_to_string(trial.path("out/eval.toml")).expect("a file");
    assert!(
        recipe.contains("cannot be a recipe") && recipe.contains("답.jsonl"),
        "{recipe}"
    );
    assert!(!trial.path("out/.lock").exists(), "the lock is gone");

    trial.write(
        "답.jsonl",
        format!("{lines}{{\"task\": \"mmlu\", \"id\": \"역사/9\"}}\n"),
    );
    assert!(
        trial
            .fails(&words)
            .contains("line 6: mmlu has no question `역사/9`")
    );
    trial.write("답.jsonl", format!("{lines}{{\"task\": \"mm"));
    assert!(trial.fails(&words).contains("line 6: not a row"));
    assert!(
        trial
            .fails(&[&words[..3], &["없음.jsonl"], &words[4..]].concat())
            .contains("없음.jsonl")
    );
    trial.write("out/answers.jsonl", lines);
    let own = [&words[..3], &["out/answers.jsonl"], &words[4..]].concat();
    assert!(trial.fails(&own).contains("choose another folder"));
}

#[test]
fn a_file_of_packed_weights_is_no_recipe_and_its_folder_says_so() {
    let trial = with_mmlu();
    let life = LIFE.replacen("context = 64", "context = 512", 1);
    trial.write("life.toml", life);
    trial.ok(&["run", "life.toml", "--only", "untrained"]);
    trial.ok(&["convert", "untrained", "model.gguf", "--type", "f32"]);
    let words = [
        "eval",
        "model.gguf",
        "--tasks",
        "mmlu",
        "--data",
        "data",
        "--protocol",
        "base",
        "--shots",
        "1",
        "--out",
        "out",
    ];
    // Another run holds the folder.
    fs::create_dir(trial.path("out")).expect("a folder");
    let lock = disk::Lock::try_new(&trial.path("out/.lock")).expect("a lock");
    let busy = trial.fails(&words);
    assert!(
        busy.contains("out is being written by process") && busy.contains("--out"),
        "{busy}"
    );
    drop(lock);
    let said = trial.run(&words);
    assert!(said.ok, "{}", said.err);
    assert!(
        said.err.contains("mmlu: 2 of 2 answers") && said.err.contains("mmlu: 2 of 2 scores"),
        "plain lines where there is no terminal: {}",
        said.err
    );
    let recipe = fs::read_to_string(trial.path("out/eval.toml")).expect("a file");
    assert!(
        recipe.contains("GGUF")
            && recipe.contains("kanana convert")
            && recipe.contains("#   shots = 1"),
        "{recipe}"
    );
    assert!(recipe.lines().all(|line| line.starts_with('#')), "{recipe}");
}

#[test]
fn stopped_by_hand_it_says_how_to_go_on_and_does() {
    let trial = with_mmlu();
    let rows: String = (0..40)
        .map(|at| format!("{{\"q\": \"{at}번째 수도\", \"a\": \"서울\"}}\n"))
        .collect();
    trial.write("data/수도.jsonl", rows);
    let server = Pretend::new(|_| {
        std::thread::sleep(Duration::from_millis(60));
        Act::Reply(
            serde_json::json!({"choices": [{"index": 0, "text": " 서울", "finish_reason": "stop"}]}),
        )
    });
    let url = server.url();
    let words = [
        "eval",
        "모형",
        "--server",
        &url,
        "--tasks",
        "data/capitals.toml",
        "--data",
        "data",
        "--protocol",
        "base",
        "--parallel-calls",
        "2",
        "--out",
        "out",
    ];
    let mut command = trial.command(&words);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    while server.asked().is_empty() {
        assert!(child.try_wait().expect("a state").is_none(), "it ended");
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(Duration::from_millis(200));
    let kill = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(kill.expect("there is a kill").success());
    let stopped = said(&child.wait_with_output().expect("it ends"));
    assert!(!stopped.ok);
    for part in [
        "stopped after",
        "of 40 answers of capitals",
        "they are kept",
        "goes on from there",
    ] {
        assert!(
            stopped.err.contains(part),
            "{part:?} is not in:\n{}",
            stopped.err
        );
    }
    let kept = fs::read_to_string(trial.path("out/answers.jsonl")).expect("answers");
    let kept = kept.lines().count();
    assert!((1..40).contains(&kept), "{kept}");
    let before = server.asked().len();
    trial.ok(&words);
    assert_eq!(server.asked().len() - before, 40 - kept, "the rest alone");
    let recipe = fs::read_to_string(trial.path("out/eval.toml")).expect("a file");
    assert!(recipe.contains("behind the server"), "{recipe}");
}

/// What a server answers to whatever it is asked.
fn parrot(finish: &'static str) -> Pretend {
    Pretend::new(move |_| {
        Act::Reply(
            serde_json::json!({"choices": [{"index": 0, "text": " 서울", "finish_reason": finish}]}),
        )
    })
}

fn of_server<'a>(url: &'a str, out: &'a str) -> Vec<&'a str> {
    let tasks = ["--tasks", "data/capitals.toml", "--data", "data"];
    let server = ["eval", "모형", "--server", url, "--protocol", "base"];
    [&server[..], &tasks, &["--out", out]].concat()
}

#[test]
fn another_model_behind_the_same_name_is_asked_anew() {
    let trial = with_mmlu();
    let server = parrot("stop");
    let url = server.url();
    let words = of_server(&url, "out");
    let asked = |wanted: usize, note: &str| {
        let said = trial.run(&words);
        assert!(said.ok && said.err.contains(note), "{note:?}: {}", said.err);
        assert_eq!(server.asked().len(), wanted, "{}", said.err);
        said.err
    };
    // A server that does not say which model it has: what was there is said.
    let already = "2 of 2 answers were there already and were not asked for";
    assert!(!asked(2, "").contains(already));
    asked(2, already);
    let recipe = fs::read_to_string(trial.path("out/eval.toml")).expect("a file");
    assert!(recipe.contains("not in answers.jsonl"), "{recipe}");
    // One that says it.
    let list = |print: &str| {
        let model = serde_json::json!({"id": "모형", "fingerprint": print});
        server.lists(serde_json::json!({"data": [model]}));
    };
    list("0123456789abcdef");
    asked(4, "");
    assert!(!asked(4, "").contains(already));
    let results = fs::read_to_string(trial.path("out/results.json")).expect("results");
    assert!(results.contains(", weights 0123456789abcdef"), "{results}");
    list("fedcba9876543210");
    asked(6, "the model is another one than before");
}

#[test]
fn a_server_that_refuses_every_question_has_no_score() {
    let trial = with_mmlu();
    let server = Pretend::new(|_| Act::status(400, "this model takes no such thing"));
    let url = server.url();
    let said = trial.fails(&of_server(&url, "out"));
    for part in [
        "no question of capitals was answered",
        "no results were written",
        "takes no such thing",
    ] {
        assert!(said.contains(part), "{part:?} is not in:\n{said}");
    }
    for file in ["results.json", "samples_capitals.jsonl", "evaluation.html"] {
        assert!(!trial.path(&format!("out/{file}")).exists(), "{file}");
    }
}

#[test]
fn answers_may_have_another_limit_and_what_it_cuts_off_is_said() {
    let trial = with_mmlu();
    let server = parrot("length");
    let url = server.url();
    let limits = || -> Vec<u64> {
        let asked = server.asked();
        let limits = asked.iter().map(|one| one.body["max_tokens"].as_u64());
        limits.map(|limit| limit.expect("a limit")).collect()
    };
    let words = of_server(&url, "out");
    let said = trial.ok(&words);
    let flat = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains("2 of 2 answers were cut off"), "{said}");
    assert_eq!(limits(), [8, 8]);
    let more = [&words[..], &["--max-tokens", "64"]].concat();
    trial.ok(&more);
    assert_eq!(limits(), [8, 8, 64, 64], "another limit, another question");
    trial.ok(&more);
    trial.ok(&words);
    assert_eq!(limits().len(), 4, "both are kept");
    trial.ok(&more);
    let results = fs::read_to_string(trial.path("out/results.json")).expect("results");
    let results: Value = serde_json::from_str(&results).expect("JSON");
    assert_eq!(results["run"]["max_tokens"], 64);
    assert_eq!(results["kanana"]["capitals"]["cut"], 2);
    let samples = fs::read_to_string(trial.path("out/samples_capitals.jsonl")).expect("samples");
    assert!(samples.contains("cut off at 64 tokens"), "{samples}");
    let recipe = fs::read_to_string(trial.path("out/eval.toml")).expect("a file");
    assert!(recipe.contains("max_tokens = 64"), "{recipe}");
    let error = trial.fails(&[&words[..], &["--max-tokens", "0"]].concat());
    assert!(error.contains("--max-tokens"), "{error}");
}
