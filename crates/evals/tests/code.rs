//! Programs of models run against tests, in the sandbox. This file has its own `main`: the sandbox starts
//! this very program again. Needs Linux with Landlock, and Python 3, which a machine that builds kanana may
//! lack: it runs with `--include-ignored`, as in `.ci/run`, and fails where either is missing.
#![allow(clippy::print_stdout)]

use evals::{Answer, Ask, Kind, Protocol, Score, Setup, Task};
use std::io::Write as _;
use std::path::Path;

fn main() {
    sandbox::door();
    let tests: &[(&str, fn())] = &[
        (
            "humaneval_runs_the_released_tests",
            humaneval_runs_the_released_tests,
        ),
        (
            "what_an_answer_tries_is_a_failure_and_nothing_else",
            what_an_answer_tries_is_a_failure_and_nothing_else,
        ),
        (
            "humaneval_plus_compares_with_the_solution",
            humaneval_plus_compares_with_the_solution,
        ),
        (
            "mbpp_plus_knows_tuples_and_sets",
            mbpp_plus_knows_tuples_and_sets,
        ),
        (
            "chat_answers_are_searched_for_their_program",
            chat_answers_are_searched_for_their_program,
        ),
        (
            "several_answers_give_pass_at_k",
            several_answers_give_pass_at_k,
        ),
        (
            "a_broken_problem_is_no_fault_of_the_model",
            a_broken_problem_is_no_fault_of_the_model,
        ),
        ("answers_of_a_file_are_scored", answers_of_a_file_are_scored),
        (
            "rows_that_are_not_whole_are_named",
            rows_that_are_not_whole_are_named,
        ),
    ];
    let words: Vec<String> = std::env::args().skip(1).collect();
    let wanted = words.iter().find(|word| !word.starts_with('-'));
    let ignored = |word: &String| word == "--include-ignored" || word == "--ignored";
    if !words.iter().any(ignored) {
        println!(
            "{} tests ignored: they need Python 3 and Landlock (--include-ignored, as .ci/run does)",
            tests.len()
        );
        return;
    }
    let mut failed = 0;
    for (name, test) in tests {
        if wanted.is_some_and(|wanted| !name.contains(wanted.as_str())) {
            continue;
        }
        let ended = std::panic::catch_unwind(test);
        println!(
            "test {name} ... {}",
            if ended.is_ok() { "ok" } else { "FAILED" }
        );
        failed += usize::from(ended.is_err());
    }
    std::process::exit(i32::from(failed > 0));
}

const HUMANEVAL: &str = r#"{"task_id":"HumanEval/0","prompt":"from typing import List\n\n\ndef total(x: List[int]) -> int:\n    \"\"\" 합을 구한다. \"\"\"\n","entry_point":"total","canonical_solution":"    return sum(x)\n","test":"def check(candidate):\n    assert candidate([1, 2]) == 3\n    assert candidate([]) == 0\n"}"#;
const HUMANEVAL_PLUS: &str = r#"{"task_id":"HumanEval/0","prompt":"def mean(x):\n    \"\"\" 평균 \"\"\"\n","entry_point":"mean","canonical_solution":"    return sum(x) / len(x) if x else 0.0\n","test":"","base_input":[[[1, 2]]],"plus_input":[[[]],[[0.1, 0.2, 0.3]],[[123456789012345678901234567890]]],"atol":0}"#;
const MBPP_PLUS: &str = r#"{"task_id":"Mbpp/2","prompt":"\"\"\"\nWrite a function to find the elements both tuples have.\nassert set(similar_elements((1, 2),(2, 3))) == set((2,))\n\"\"\"\n","entry_point":"similar_elements","canonical_solution":"def similar_elements(a, b):\n    assert isinstance(a, tuple)\n    return tuple(set(a) & set(b))\n","base_input":[[[1,2],[2,3]]],"plus_input":[[[3,4,5,6],[5,7,4,10]]],"atol":0,"assertion":"\nassert set(similar_elements((1, 2),(2, 3))) == set((2,))\nassert similar_elements((), ()) == ()\nassert similar_elements((1,), ()) == ()\n"}
{"task_id":"Mbpp/9999","prompt":"\"\"\"\nWrite a function that doubles.\nassert twice(1.0) == 2.0\n\"\"\"\n","entry_point":"twice","canonical_solution":"def twice(x):\n    return x * 2\n","base_input":[[1.0]],"plus_input":[[[1, 2]]],"atol":0,"assertion":"assert twice(1.0) == 2.0\nassert twice(0.5) == 1.0\nassert twice(0.0) == 0.0\n"}"#;

fn put(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(text.as_bytes()).unwrap();
    let bytes = match name.ends_with(".gz") {
        true => packed.finish().unwrap(),
        false => text.as_bytes().to_vec(),
    };
    disk::write(&path, &bytes).unwrap();
}

fn data() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "humaneval/HumanEval.jsonl.gz", HUMANEVAL);
    put(
        folder.path(),
        "humaneval_plus/HumanEvalPlus.jsonl.gz",
        HUMANEVAL_PLUS,
    );
    put(folder.path(), "mbpp_plus/MbppPlus.jsonl.gz", MBPP_PLUS);
    folder
}

fn open(name: &str, folder: &Path, protocol: Protocol, samples: usize) -> Box<dyn Task> {
    let kind: &Kind = evals::tasks::find(name).expect("a task of ours");
    let setup = Setup {
        data: folder.to_owned(),
        protocol,
        shots: None,
        samples,
    };
    let task = (kind.open)(&setup).unwrap();
    assert!(task.ground().unwrap().is_empty(), "the sandbox is there");
    task
}

fn score(task: &dyn Task, ask: &Ask, texts: &[&str]) -> Score {
    let texts = texts.iter().map(|text| (*text).to_owned()).collect();
    task.score(ask, &[Answer::Texts(texts)], &[])
}

/// Whether one answer to the first question of a task in the base protocol is right.
fn right(task: &dyn Task, answer: &str) -> (f64, String) {
    let asks = task.asks().unwrap();
    let score = score(task, &asks[0], &[answer]);
    (score.values["pass@1"], score.note)
}

fn humaneval_runs_the_released_tests() {
    let folder = data();
    let task = open("humaneval", folder.path(), Protocol::Base, 1);
    let asks = task.asks().unwrap();
    assert!(
        matches!(&asks[0].request, evals::Request::Complete { prompt, stops, .. }
        if prompt.ends_with("\"\"\" 합을 구한다. \"\"\"\n") && stops.len() == 5)
    );
    assert_eq!(
        right(task.as_ref(), "    return sum(x)\n"),
        (1.0, String::new())
    );
    let (value, why) = right(task.as_ref(), "    return len(x)\n");
    assert_eq!(value, 0.0);
    assert!(why.contains("AssertionError"), "{why}");
    let (value, why) = right(task.as_ref(), "    return summ(x)\n");
    assert!(value == 0.0 && why.contains("NameError"), "{why}");
    // what a main block does is not looked at
    assert_eq!(
        right(
            task.as_ref(),
            "    return sum(x)\n\nif __name__ == '__main__':\n    raise SystemExit"
        )
        .0,
        1.0
    );
}

fn what_an_answer_tries_is_a_failure_and_nothing_else() {
    let folder = data();
    let task = open("humaneval", folder.path(), Protocol::Base, 1);
    for answer in [
        "    while True: pass\n",
        "    import os; os._exit(0)\n",
        "    import sys; sys.exit(0)\n",
        "    import os; os.kill(os.getpid(), 9)\n",
        "    import os; os.write(1, b'{\"mark\": \"\", \"base\": \"pass\", \"why\": \"\"}\\n'); os._exit(0)\n",
        "    return [0] * 10 ** 12\n",
        "    return open('/etc/passwd').read()\n",
        "    return input()\n",
        "    return total(x)\n",
        "   return sum(x)\n  x = \n",
        "",
    ] {
        let (value, why) = right(task.as_ref(), answer);
        assert_eq!(value, 0.0, "{answer}");
        assert!(!why.is_empty(), "{answer}");
    }
    // printing is nobody's fault
    assert_eq!(
        right(
            task.as_ref(),
            "    print('x' * 10 ** 7)\n    return sum(x)\n"
        )
        .0,
        1.0
    );
}

fn humaneval_plus_compares_with_the_solution() {
    let folder = data();
    let task = open("humaneval_plus", folder.path(), Protocol::Base, 1);
    let asks = task.asks().unwrap();
    let of = |answer: &str| {
        let score = score(task.as_ref(), &asks[0], &[answer]);
        (
            score.values["pass@1"],
            score.values["pass@1,base"],
            score.note,
        )
    };
    assert_eq!(
        of("    return sum(x) / len(x) if x else 0.0\n"),
        (1.0, 1.0, String::new())
    );
    // HumanEval's own input is passed, an empty list is not
    let (plus, base, why) = of("    return sum(x) / len(x)\n");
    assert_eq!((plus, base), (0.0, 1.0));
    assert!(
        why.contains("mean([])") && why.contains("ZeroDivisionError"),
        "{why}"
    );
    // a millionth is close enough for floats, a thousandth is not
    assert_eq!(
        of("    return sum(x) / len(x) + 1e-8 if x else 0.0\n").0,
        1.0
    );
    assert_eq!(
        of("    return sum(x) / len(x) + 1e-3 if x else 0.0\n").0,
        0.0
    );
    assert_eq!(of("    return 0\n").1, 0.0);
}

fn mbpp_plus_knows_tuples_and_sets() {
    let folder = data();
    let task = open("mbpp_plus", folder.path(), Protocol::Base, 1);
    let asks = task.asks().unwrap();
    let of =
        |place: usize, answer: &str| score(task.as_ref(), &asks[place], &[answer]).values["pass@1"];
    assert_eq!(
        of(
            0,
            "def similar_elements(a, b):\n    return tuple(set(a) & set(b))"
        ),
        1.0
    );
    // the order does not matter, but tuples must have come
    assert_eq!(
        of(
            0,
            "def similar_elements(a, b):\n    assert type(a) is tuple\n    return sorted(set(a) & set(b), reverse=True)"
        ),
        1.0
    );
    assert_eq!(of(0, "def similar_elements(a, b):\n    return a"), 0.0);
    assert_eq!(of(1, "def twice(x):\n    return x + x"), 1.0);
    assert_eq!(of(1, "def twice(x):\n    return 2.0000000001 * x"), 0.0);
    let evals::Request::Complete { prompt, .. } = &asks[0].request else {
        panic!("a base model goes on")
    };
    assert!(prompt.ends_with("have. Your code should pass these tests:\n\nassert set(similar_elements((1, 2),(2, 3))) == set((2,))\nassert similar_elements((), ()) == ()\nassert similar_elements((1,), ()) == ()\n[BEGIN]\n"), "{prompt}");
    assert_eq!(prompt.matches("[DONE]").count(), 3);
}

fn chat_answers_are_searched_for_their_program() {
    let folder = data();
    let task = open("humaneval", folder.path(), Protocol::Instruct, 1);
    for answer in [
        "네, 여기 있습니다.\n\n```python\nfrom typing import List\n\ndef total(x: List[int]) -> int:\n    return sum(x)\n```\n`sum`을 썼습니다.",
        "```python\ndef total(x: List[int]) -> int:\n    return sum(x)\n```\n```python\nassert total([1]) == 2\n```",
        "<think>```python\ndef total(x): return 0\n```</think>```python\ndef total(x):\n    return sum(x)\n```",
        "def total(x):\n    return sum(x)",
        "```python\n    return sum(x)\n```",
    ] {
        assert_eq!(right(task.as_ref(), answer).0, 1.0, "{answer}");
    }
    assert_eq!(right(task.as_ref(), "모르겠습니다.").0, 0.0);
}

fn several_answers_give_pass_at_k() {
    let folder = data();
    let task = open("humaneval", folder.path(), Protocol::Base, 2);
    let ask = &task.asks().unwrap()[0];
    assert_eq!((ask.draw.samples, ask.draw.temperature), (2, 0.2));
    let score = score(
        task.as_ref(),
        ask,
        &["    return sum(x)\n", "    return 1\n"],
    );
    assert_eq!((score.values["pass@1"], score.values["pass@2"]), (0.5, 1.0));
}

fn a_broken_problem_is_no_fault_of_the_model() {
    let folder = data();
    let broken = HUMANEVAL_PLUS.replace("sum(x) / len(x) if x else 0.0", "nonsense");
    put(
        folder.path(),
        "humaneval_plus/HumanEvalPlus.jsonl.gz",
        &broken,
    );
    let task = open("humaneval_plus", folder.path(), Protocol::Base, 1);
    let score = score(task.as_ref(), &task.asks().unwrap()[0], &["    return 1\n"]);
    assert!(score.values.is_empty(), "{score:?}");
    assert!(
        score.note.contains("own solution") && score.note.contains("nonsense"),
        "{score:?}"
    );
}

fn answers_of_a_file_are_scored() {
    let folder = data();
    let file = folder.path().join("answers.jsonl");
    let write = |text: &str| disk::write(&file, text.as_bytes()).unwrap();
    let task = open("humaneval_plus", folder.path(), Protocol::Instruct, 1);
    write(
        "{\"task_id\": \"HumanEval/0\", \"solution\": \"def mean(x):\\n    return sum(x) / max(len(x), 1)\"}\n",
    );
    let outcome = |task: &dyn Task| {
        evals::Given::read(&file)?.outcome(
            task,
            true,
            None,
            &mut evals::Cache::in_memory(),
            &evals::Settings::default(),
            &mut evals::Silent,
        )
    };
    let scored = outcome(task.as_ref()).unwrap();
    let first = &scored.questions[0];
    assert_eq!(
        (first.ask.id.as_str(), first.score.values["pass@1"]),
        ("HumanEval/0", 1.0),
        "{first:?}"
    );
    let refused = |text: &str, task: &dyn Task| {
        write(text);
        format!("{:#}", outcome(task).unwrap_err())
    };
    let unknown = refused(
        "{\"task_id\": \"HumanEval/7\", \"answer\": \"\"}\n",
        task.as_ref(),
    );
    assert!(unknown.contains("no question `HumanEval/7`"), "{unknown}");
    let empty = refused("{\"task_id\": \"HumanEval/0\"}\n", task.as_ref());
    assert!(empty.contains("wanted one of `answer`"), "{empty}");
    let base = open("humaneval_plus", folder.path(), Protocol::Base, 1);
    let whole = refused(
        "{\"task_id\": \"HumanEval/0\", \"solution\": \"x\"}\n",
        base.as_ref(),
    );
    assert!(whole.contains("instruct protocol"), "{whole}");
}

fn rows_that_are_not_whole_are_named() {
    let folder = data();
    let refused = |name: &str, file: &str, text: &str| {
        put(folder.path(), file, text);
        let task = open(name, folder.path(), Protocol::Base, 1);
        format!("{:#}", task.asks().unwrap_err())
    };
    let plus = "humaneval_plus/HumanEvalPlus.jsonl.gz";
    let half = refused("humaneval_plus", plus, &HUMANEVAL_PLUS[..200]);
    assert!(half.contains("HumanEvalPlus.jsonl.gz, line 1"), "{half}");
    let bare = refused("humaneval_plus", plus, HUMANEVAL);
    assert!(bare.contains("base_input"), "{bare}");
    let few = refused(
        "mbpp",
        "mbpp/mbpp.jsonl",
        "{\"task_id\": 11, \"text\": \"x\", \"code\": \"y\", \"test_list\": [\"assert f()\"]}",
    );
    assert!(few.contains("wanted three asserts, found 1"), "{few}");
    let missing = (evals::tasks::find("mbpp").unwrap().open)(&Setup {
        data: "/nowhere".into(),
        protocol: Protocol::Base,
        shots: None,
        samples: 1,
    });
    let missing = format!("{:#}", missing.unwrap().asks().unwrap_err());
    assert!(missing.contains("it is not there"), "{missing}");
}
