use super::*;
use crate::{Spent, in_order};
use serde_json::json;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Answers with what was asked, counts, and fails where told.
#[derive(Default)]
struct Echo {
    calls: AtomicUsize,
    silent: bool,
}

impl Caller for &Echo {
    fn call(&self, _: &str, body: &Value) -> Result<Value> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(2));
        match body["질문"].as_str() {
            Some("없는 것") => bail!("the line is dead"),
            Some("긴 것") => {
                let who = self.identity();
                Err(anyhow!(Refused {
                    who,
                    status: 400,
                    said: "길다".into()
                }))
            }
            _ if self.silent => Ok(json!({ "echo": body })),
            _ => Ok(json!({ "echo": body, "usage": {"prompt_tokens": 7, "completion_tokens": 3} })),
        }
    }
    fn identity(&self) -> String {
        "http://메아리/v1".to_owned()
    }
}

fn question(text: &str) -> Value {
    json!({ "질문": text })
}

fn open<'a>(echo: &'a Echo, path: &Path, budget: Budget) -> Recorded<&'a Echo> {
    Recorded::open(echo, path, budget).expect("a transcript")
}

fn folder() -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("transcript.jsonl");
    (folder, path)
}

#[test]
fn what_was_asked_is_never_asked_again() {
    let (_folder, path) = folder();
    let echo = Echo::default();
    for _ in 0..2 {
        let recorded = open(&echo, &path, Budget::default());
        for text in ["하나", "둘", "하나"] {
            let reply = recorded
                .call("/chat/completions", &question(text))
                .expect("a reply");
            assert_eq!(reply["echo"], question(text));
        }
        assert_eq!(
            recorded.usage(),
            Usage {
                calls: 2,
                read: 14,
                written: 6
            }
        );
    }
    assert_eq!(echo.calls.load(Ordering::SeqCst), 2);

    let replay: Recorded<&Echo> =
        Recorded::replay("http://메아리/v1", &path).expect("a transcript");
    assert!(replay.call("chat/completions", &question("둘")).is_ok());
    for (caller, path_, text) in [
        (&replay, "chat/completions", "셋"),
        (&replay, "completions", "둘"),
    ] {
        let told = caller
            .call(path_, &question(text))
            .expect_err("not in it")
            .to_string();
        assert!(told.contains("holds no reply"), "{told}");
    }
    let other: Recorded<&Echo> =
        Recorded::replay("http://다른 곳/v1", &path).expect("a transcript");
    assert!(other.call("chat/completions", &question("둘")).is_err());
}

#[test]
fn refusals_are_kept_and_faults_are_not() {
    let (_folder, path) = folder();
    let echo = Echo::default();
    for calls in [3, 4] {
        let recorded = open(&echo, &path, Budget::default());
        for _ in 0..2 {
            let error = recorded
                .call("completions", &question("긴 것"))
                .expect_err("declined");
            assert!(error.is::<Refused>());
        }
        if calls == 3 {
            assert!(recorded.call("completions", &question("없는 것")).is_err());
        }
        assert!(recorded.call("completions", &question("없는 것")).is_err());
        assert_eq!(echo.calls.load(Ordering::SeqCst), calls);
    }
}

#[test]
fn a_kill_at_any_byte_costs_one_answer_at_most() {
    let (_folder, path) = folder();
    let echo = Echo::default();
    let ask = |path: &Path| {
        let recorded = open(&echo, path, Budget::default());
        for text in ["하나", "둘", "셋"] {
            recorded
                .call("completions", &question(text))
                .expect("a reply");
        }
        (recorded.asked(), recorded.usage().calls)
    };
    assert_eq!(ask(&path), (3, 3));
    let whole = std::fs::read(&path).expect("readable");
    let ends: Vec<usize> = (0..whole.len()).filter(|at| whole[*at] == b'\n').collect();
    let near = ends
        .iter()
        .flat_map(|end| end - 1..=(end + 2).min(whole.len()));
    for cut in (0..whole.len()).step_by(41).chain(near) {
        disk::write(&path, &whole[..cut]).expect("written");
        // A line that lacks nothing but its end is whole.
        let kept = ends.iter().filter(|end| cut >= **end).count() as u64;
        assert_eq!(ask(&path), (3 - kept, 3), "cut at {cut}");
        assert_eq!(ask(&path), (0, 3), "cut at {cut}, again");
    }
}

#[test]
fn a_line_that_was_changed_is_an_error() {
    let (_folder, path) = folder();
    let echo = Echo::default();
    open(&echo, &path, Budget::default())
        .call("completions", &question("하나"))
        .expect("a reply");
    let text = std::fs::read_to_string(&path).expect("readable");
    disk::write(&path, text.replace("하나", "둘").as_bytes()).expect("written");
    let Err(error) = Recorded::open(&echo, &path, Budget::default()) else {
        panic!("changed")
    };
    let told = format!("{error:#}");
    assert!(told.contains("line 1 was changed"), "{told}");
}

#[test]
fn damaged_lines_are_counted_and_lines_of_another_form_are_errors() {
    let (_folder, path) = folder();
    let echo = Echo::default();
    let recorded = open(&echo, &path, Budget::default());
    for text in ["하나", "둘", "셋"] {
        recorded
            .call("completions", &question(text))
            .expect("a reply");
    }
    assert_eq!(recorded.damaged(), 0);
    let whole = std::fs::read_to_string(&path).expect("readable");
    let lines: Vec<&str> = whole.lines().collect();
    let put = |second: &str, end: &str| {
        let text = format!("{}\n{second}\n{}{end}", lines[0], lines[2]);
        disk::write(&path, text.as_bytes()).expect("written");
    };
    // The second has lost its last byte; after the third comes half a line, as a kill leaves it.
    put(&lines[1][..lines[1].len() - 1], "\n\n{\"request\":\"12");
    let replay: Recorded<&Echo> =
        Recorded::replay("http://메아리/v1", &path).expect("a transcript");
    assert_eq!(replay.damaged(), 1);
    assert!(replay.call("completions", &question("셋")).is_ok());
    let told = replay
        .call("completions", &question("둘"))
        .expect_err("damaged")
        .to_string();
    assert!(told.contains("damaged, 1 of its lines"), "{told}");
    // It is asked again.
    let again = open(&echo, &path, Budget::default());
    assert!(again.call("completions", &question("둘")).is_ok());
    assert_eq!((again.damaged(), again.asked()), (1, 1));
    for other in ["{}", "12", &lines[1].replace("\"reply\"", "\"answer\"")] {
        put(other, "\n");
        let Err(error) = Recorded::open(&echo, &path, Budget::default()) else {
            panic!("{other} is no line of a transcript")
        };
        let told = format!("{error:#}");
        assert!(
            told.contains("line 2 is not of a transcript's form")
                && told.contains(&path.display().to_string()),
            "{told}"
        );
    }
}

#[test]
fn the_same_question_at_once_is_asked_once() {
    let (_folder, path) = folder();
    let echo = Echo::default();
    let recorded = open(&echo, &path, Budget::default());
    let tasks = (0..64).map(|task| question(&(task % 3).to_string()));
    in_order(
        8,
        tasks,
        |body| recorded.call("completions", &body),
        |reply| reply.map(drop),
    )
    .expect("replies");
    assert_eq!(echo.calls.load(Ordering::SeqCst), 3);
    // A caller that fails lets the one that waits try for itself.
    let tasks = (0..4).map(|_| question("없는 것"));
    let work = |body| recorded.call("completions", &body).is_err();
    in_order(4, tasks, work, |failed| {
        assert!(failed);
        Ok(())
    })
    .expect("no hang");
}

#[test]
fn a_budget_ends_it_and_a_larger_one_goes_on() {
    let (_folder, path) = folder();
    let echo = Echo::default();
    let ask = |budget, texts: std::ops::Range<u32>| -> Result<()> {
        let recorded = open(&echo, &path, budget);
        let work = |text: u32| recorded.call("completions", &question(&text.to_string()));
        in_order(4, texts, work, |reply| reply.map(drop))
    };
    let error = ask(
        Budget {
            calls: Some(5),
            tokens: None,
        },
        0..20,
    )
    .expect_err("spent");
    let spent = error.downcast_ref::<Spent>().expect("typed");
    assert_eq!((spent.what, spent.limit), ("calls", 5));
    assert_eq!(echo.calls.load(Ordering::SeqCst), 5);
    let more = ask(
        Budget {
            calls: None,
            tokens: Some(100),
        },
        0..20,
    )
    .expect_err("spent");
    assert_eq!(more.downcast_ref::<Spent>().expect("typed").what, "tokens");
    // Ten tokens a call: those under way when the hundredth came were paid too.
    assert!((10..=13).contains(&echo.calls.load(Ordering::SeqCst)));
    ask(Budget::default(), 0..20).expect("all");
    ask(
        Budget {
            calls: Some(1),
            tokens: None,
        },
        0..20,
    )
    .expect("all is in the transcript");
    assert_eq!(echo.calls.load(Ordering::SeqCst), 20);
}

#[test]
fn tokens_that_nobody_counts_are_no_budget() {
    let (_folder, path) = folder();
    let echo = Echo {
        silent: true,
        ..Echo::default()
    };
    let recorded = open(
        &echo,
        &path,
        Budget {
            calls: None,
            tokens: Some(9),
        },
    );
    let told = recorded
        .call("completions", &question("하나"))
        .expect_err("uncounted")
        .to_string();
    assert!(told.contains("does not report `usage`"), "{told}");
}

/// Whatever order the replies came in, the transcript of an artifact is the same bytes.
#[test]
fn a_transcript_is_written_in_the_order_of_the_work() {
    let echo = Echo::default();
    let texts = ["다", "가", "나", "가"];
    let write = |turned: bool| {
        let (folder, path) = folder();
        let recorded = open(&echo, &path, Budget::default());
        let mut turn: Vec<_> = texts.iter().collect();
        if turned {
            turn.reverse();
        }
        for text in turn {
            recorded
                .call("completions", &question(text))
                .expect("a reply");
        }
        let order =
            texts.map(|text| fingerprint(&recorded.identity(), "completions", &question(text)));
        let out = folder.path().join("out.jsonl");
        recorded.write(order, &out).expect("written");
        let never = fingerprint("", "", &Value::Null);
        assert!(
            recorded
                .write([never], &folder.path().join("none"))
                .is_err()
        );
        std::fs::read_to_string(out).expect("readable")
    };
    let text = write(false);
    assert_eq!(text, write(true));
    assert_eq!(text.lines().count(), 3);
}

#[test]
fn a_disk_that_fails_loses_the_answer_and_says_so() {
    let (_folder, path) = folder();
    let echo = Echo::default();
    let recorded = open(&echo, &path, Budget::default());
    recorded
        .call("completions", &question("하나"))
        .expect("a reply");
    {
        let _full = disk::fault::arm(
            disk::fault::Fault::Error(std::io::ErrorKind::StorageFull),
            1,
            disk::fault::Reach::Thread,
        );
        let told = format!(
            "{:#}",
            recorded
                .call("completions", &question("둘"))
                .expect_err("full")
        );
        assert!(told.contains("transcript.jsonl"), "{told}");
    }
    assert!(recorded.call("completions", &question("셋")).is_err());
    let again = open(&echo, &path, Budget::default());
    assert!(again.call("completions", &question("둘")).is_ok());
    assert_eq!(again.usage().calls, 2);
}
