use super::*;

/// A shell that speaks as a child does, and then does something else.
fn watched(script: &str) -> Watched {
    let ready = r"printf '\005\000\000\000\000\000\000\000ready'";
    Watched {
        program: "/bin/sh".into(),
        words: vec!["-c".to_owned(), format!("{ready}; {script}")],
        seconds: 1,
        wall: Duration::from_secs(1),
        idle: Mutex::default(),
    }
}

fn refused(script: &str) -> Refused {
    watched(script)
        .main_text("<p>글</p>", Mode::Fast, &Caps::default())
        .expect("a child")
        .expect_err("a refusal")
}

#[test]
fn a_child_that_waits_and_does_not_answer_is_ended_by_the_clock() {
    let refused = refused("while read x; do :; done; exec sleep 1000");
    assert_eq!(refused.refusal, Refusal::TimedOut);
    assert_eq!(refused.detail, "no answer within 1 s");
}

#[test]
fn a_child_that_computes_is_ended_by_the_kernel() {
    let mut watched = watched("ulimit -S -t 1; while :; do :; done");
    watched.wall = Duration::from_secs(1000);
    let refused = watched.main_text("<p>글</p>", Mode::Fast, &Caps::default());
    let refused = refused.expect("a child").expect_err("a refusal");
    assert_eq!(refused.refusal, Refusal::TimedOut);
    assert_eq!(refused.detail, "more than 1 s of processor time");
}

#[test]
fn a_child_that_dies_again_and_again_is_the_pages_fault() {
    let refused = refused("kill -SEGV $$");
    assert_eq!(refused.refusal, Refusal::Crashed);
    assert_eq!(
        refused.detail,
        "the process that read it died 3 times, the last time of SIGSEGV"
    );
    let refused = self::refused("kill -KILL $$");
    assert!(refused.detail.contains("killed 10 times"), "{refused:?}");
    // One that ends by itself, or says half a word.
    for script in ["exit 0", "exit 3", r"printf '\007\000'"] {
        assert_eq!(self::refused(script).refusal, Refusal::Crashed, "{script}");
    }
}

#[test]
fn what_cannot_be_started_is_an_error_and_no_verdict() {
    let check = |watched: Watched, words: &str| {
        let outcome = watched.main_text("<p>글</p>", Mode::Fast, &Caps::default());
        let error = format!("{:#}", outcome.expect_err("an error"));
        assert!(
            error.contains(words) && error.contains("page_seconds"),
            "{error}"
        );
    };
    let mut absent = watched("");
    absent.program = "/there/is/none".into();
    check(absent, "could not be started");
    let mut other = watched("");
    other.words[1] = r"printf '\001\000\000\000\000\000\000\000x'; sleep 1000".to_owned();
    check(other, "another program");
    let mut brief = watched("");
    brief.words[1] = "exit 1".to_owned();
    check(brief, "ended at once");
    let mut killed = watched("");
    killed.words[1] = "kill -KILL $$".to_owned();
    check(killed, "killed 10 times before it was ready");
}
