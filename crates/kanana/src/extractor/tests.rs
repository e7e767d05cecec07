use super::*;

const PAGE: &str = "<p>글</p>";
const READY: &str = r"printf '\005\000\000\000\000\000\000\000ready'";
/// An answer: the refusal `no_text`.
const ANSWER: &str = r#"printf '\071\000\000\000\000\000\000\000%s' '{"Err":{"refusal":"no_text","detail":"0123456789abcdef"}}'"#;

/// What a child does with a question: it reads all of it and says so.
fn take() -> String {
    let question = Question {
        mode: Mode::Fast,
        caps: Caps::default(),
    };
    let question = serde_json::to_vec(&question).expect("JSON");
    let bytes = 8 + question.len() + 8 + PAGE.len();
    format!(r"head -c {bytes} > /dev/null; printf '\005\000\000\000\000\000\000\000taken'")
}

/// A shell that gets ready as a child does, and then does something else.
fn ready(script: &str) -> Watched {
    Watched {
        program: "/bin/sh".into(),
        words: vec!["-c".to_owned(), format!("{READY}; {script}")],
        seconds: 1,
        wall: Duration::from_secs(1),
        pause: Duration::from_millis(1),
        idle: Mutex::default(),
    }
}

/// One that takes a page as well.
fn watched(script: &str) -> Watched {
    ready(&format!("{}; {script}", take()))
}

/// What reading the page comes to.
fn outcome(watched: &Watched) -> Result<Refused> {
    let outcome = watched.main_text(PAGE, Mode::Fast, &Caps::default());
    outcome.map(|answer| answer.expect_err("a refusal"))
}

fn refused(script: &str) -> Refused {
    outcome(&watched(script)).expect("a verdict")
}

#[test]
fn children_that_wait_and_do_not_answer_are_an_error_and_no_verdict() {
    let error = outcome(&watched("exec sleep 1000")).expect_err("no verdict");
    let error = format!("{error:#}");
    assert!(
        error.contains("neither answered nor used up 1 s of processor time within 1 s"),
        "{error}"
    );
}

#[test]
fn a_child_that_waited_once_is_no_verdict() {
    let folder = tempfile::tempdir().expect("a folder");
    let once = folder.path().join("once");
    let script = format!("mkdir {} && exec sleep 1000; {ANSWER}", once.display());
    assert_eq!(refused(&script).refusal, Refusal::NoText);
    assert!(once.is_dir());
}

#[test]
fn a_child_that_computes_is_ended_by_the_kernel() {
    let mut watched = watched("ulimit -S -t 1; while :; do :; done");
    watched.wall = Duration::from_secs(1000);
    let refused = outcome(&watched).expect("a verdict");
    assert_eq!(refused.refusal, Refusal::TimedOut);
    assert_eq!(refused.detail, "more than 1 s of processor time");
}

/// What it read before may have cost it the time: the page is asked for again where nothing was read before.
#[test]
fn a_child_that_read_other_pages_does_not_condemn_one() {
    let second = "ulimit -S -t 1; while :; do :; done";
    let mut watched = watched(&format!("{ANSWER}; {}; {second}", take()));
    watched.wall = Duration::from_secs(1000);
    for _ in 0..2 {
        let refused = outcome(&watched).expect("a verdict");
        assert_eq!(refused.refusal, Refusal::NoText);
    }
}

#[test]
fn a_child_that_dies_again_and_again_is_the_pages_fault() {
    let refused = refused("kill -SEGV $$");
    assert_eq!(refused.refusal, Refusal::Crashed);
    assert_eq!(
        refused.detail,
        "the process that read it died 3 times, the last time of SIGSEGV"
    );
    // One that ends by itself, or says half a word.
    for script in ["exit 0", "exit 3", r"printf '\007\000'"] {
        assert_eq!(self::refused(script).refusal, Refusal::Crashed, "{script}");
    }
    // One that says what is no answer, and goes on.
    for script in [
        r"printf '\377\377\377\377\377\377\377\377'; exec sleep 1000",
        r"printf '\002\000\000\000\000\000\000\000{]'; exec sleep 1000",
    ] {
        let refused = self::refused(script);
        assert_eq!(refused.refusal, Refusal::Crashed, "{script}");
        assert!(refused.detail.ends_with("an answer that is none"));
    }
}

#[test]
fn a_child_that_is_ended_by_others_is_no_verdict() {
    for ended in [
        watched("kill -KILL $$"),
        watched("kill -TERM $$"),
        // Gone before they had the page, of whatever it was.
        ready("exit 3"),
        ready("kill -SEGV $$"),
    ] {
        let error = format!("{:#}", outcome(&ended).expect_err("an error"));
        assert!(error.contains("ended 10 times"), "{error}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn whom_a_child_started_goes_with_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let said = folder.path().join("number");
    let script = format!("sleep 1000 & echo $! > {}; wait", said.display());
    outcome(&watched(&script)).expect_err("it never answers");
    let number = std::fs::read_to_string(&said).expect("a number");
    let stat = format!("/proc/{}/stat", number.trim());
    // It may stay as a zombie until somebody takes it in.
    let lives = || std::fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z "));
    for _ in 0..500 {
        if !lives() {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(!lives(), "{stat}");
}

#[test]
fn what_cannot_be_started_is_an_error_and_no_verdict() {
    let check = |watched: Watched, words: &str| {
        let error = format!("{:#}", outcome(&watched).expect_err("an error"));
        assert!(
            error.contains(words) && error.contains("page_seconds"),
            "{error}"
        );
    };
    let mut absent = watched("");
    absent.program = "/there/is/none".into();
    check(absent, "could not be started");
    for said in [r"\001\000\000\000\000\000\000\000x", "Usage: another"] {
        let mut other = watched("");
        other.words[1] = format!("printf '{said}'; exec sleep 1000");
        check(other, "another program");
    }
    let mut brief = watched("");
    brief.words[1] = "exit 1".to_owned();
    check(brief, "ended at once");
    let mut killed = watched("");
    killed.words[1] = "kill -KILL $$".to_owned();
    check(killed, "killed 10 times before it was ready");
}
