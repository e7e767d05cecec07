//! Killed at any moment, a run goes on to the very same bytes.

use crate::trial::{LIFE, Trial, contents};
use std::process::Stdio;
use std::thread::sleep;
use std::time::Duration;

const ONLY: [&str; 4] = ["run", "life.toml", "--only", "second"];

/// What must be the same: everything of every artifact but times.
fn outcome(trial: &Trial) -> Vec<(String, Vec<u8>)> {
    ["mixture", "tokens", "first", "second"]
        .iter()
        .flat_map(|name| contents(&trial.artifact(name)))
        .collect()
}

fn undisturbed() -> Vec<(String, Vec<u8>)> {
    let trial = Trial::new();
    trial.write("life.toml", LIFE).ok(&ONLY);
    outcome(&trial)
}

#[test]
fn aborted_at_writes_renames_and_fsyncs() {
    let wanted = undisturbed();
    let trial = Trial::new();
    trial.write("life.toml", LIFE);
    // Spread over the run by a rule, so that a failure can be repeated; each attempt starts
    // where the one before it fell, until one gets through.
    let falls = trial.fall(&ONLY, |n| 3 + 17 * n + n * n * 7, 60);
    assert!(
        falls >= 6,
        "only {falls} aborts: the points lie too far apart"
    );
    assert!(
        outcome(&trial) == wanted,
        "after {falls} aborts the bytes differ"
    );
}

#[test]
fn killed_from_outside() {
    let wanted = undisturbed();
    let trial = Trial::new();
    trial.write("life.toml", LIFE);
    let mut kills = 0;
    for attempt in 0_u64..40 {
        let mut child = trial
            .command(&ONLY)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("starts");
        sleep(Duration::from_millis(40 + 90 * attempt));
        if child.try_wait().expect("a child").is_some() {
            break;
        }
        child.kill().expect("SIGKILL");
        child.wait().expect("gone");
        kills += 1;
    }
    trial.ok(&ONLY);
    assert!(
        outcome(&trial) == wanted,
        "after {kills} kills the bytes differ"
    );
}

#[test]
fn a_full_disk_is_a_sentence_and_loses_nothing() {
    let wanted = undisturbed();
    let trial = Trial::new();
    trial.write("life.toml", LIFE);
    for at in ["5", "60", "160"] {
        let complaint = trial.fails(&[&ONLY[..], &["--disk-full-at", at]].concat());
        assert!(
            complaint.contains("store"),
            "it names the place: {complaint}"
        );
    }
    trial.ok(&ONLY);
    assert!(outcome(&trial) == wanted);
}
