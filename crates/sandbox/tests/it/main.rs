//! Hostile programs that must be contained and honest ones that must run, in four ways: started by
//! root and by an ordinary user, with namespaces and without.
//!
//! These tests need Linux with Landlock, and Python 3, which a machine that builds kanana may lack: they run
//! with `--include-ignored`, as in `.ci/run`, and fail where either is missing.
//! As root they run in all four ways; as an ordinary user, in the two that are left.

mod honest;
mod hostile;
mod scene;

use sandbox::{Bound, Limits, Outcome, Status};
use scene::{Scene, User};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

/// Narrow ones; only what never ends by itself is stopped by the clock, and soon.
fn limits(namespaces: bool, endless: bool) -> Limits {
    Limits {
        wall: Duration::from_millis(if endless { 700 } else { 20_000 }),
        processor: 2,
        memory: 200 << 20,
        addresses: 1 << 30,
        processes: 24,
        files: 8 << 20,
        open_files: 64,
        output: 100_000,
        namespaces,
    }
}

/// Every way the tests can be run by whoever runs them.
fn users() -> Vec<User> {
    if scene::is_root() {
        vec![User::Root, User::Ordinary]
    } else {
        vec![User::Myself]
    }
}

/// Without namespaces the kernel counts all processes of a user together, also those of other programs
/// and those inside of namespaces: a fork bomb of one test would be felt by an honest program of
/// another. Whoever has none runs alone, whoever has some beside others that have.
fn turn(namespaces: bool) -> Turn {
    static ALONE: RwLock<()> = RwLock::new(());
    if namespaces {
        Turn::Shared(ALONE.read().unwrap_or_else(PoisonError::into_inner))
    } else {
        Turn::Alone(ALONE.write().unwrap_or_else(PoisonError::into_inner))
    }
}

#[expect(dead_code, reason = "held, not read")]
enum Turn {
    Shared(RwLockReadGuard<'static, ()>),
    Alone(RwLockWriteGuard<'static, ()>),
}

#[test]
#[ignore = "needs Python 3 and Landlock: --include-ignored, as .ci/run does"]
fn hostile_programs_are_contained() {
    assert_eq!(hostile::PROGRAMS.len(), 43);
    for user in users() {
        for namespaces in [true, false] {
            let _turn = turn(namespaces);
            let scene = Scene::new(user);
            let outcomes = scene.run(hostile::PROGRAMS.iter().map(|it| {
                let endless = it.stopped == Some(Bound::Wall);
                (it.name, it.program, limits(namespaces, endless))
            }));
            let wrong: Vec<String> = hostile::PROGRAMS
                .iter()
                .filter_map(|it| {
                    let outcome = outcomes[it.name].clone();
                    let fault = outcome.map_or_else(Some, |outcome| fault(it, &outcome))?;
                    Some(format!("{}: {fault}", it.name))
                })
                .collect();
            assert!(
                wrong.is_empty(),
                "{user:?}, namespaces {namespaces}:\n{}",
                wrong.join("\n")
            );
            scene.has_not_changed(&format!("{user:?}, namespaces {namespaces}"));
        }
    }
}

/// What is wrong about a hostile program's end.
fn fault(it: &hostile::Hostile, outcome: &Outcome) -> Option<String> {
    let said = format!("{}{}", outcome.stdout, outcome.stderr);
    let contained = !outcome.stdout.contains("ESCAPED")
        && !said.contains(scene::SECRET)
        && said.len() <= 2 * limits(true, false).output
        && (!it.says_so || outcome.stdout.contains("HELD"))
        && it
            .stopped
            .is_none_or(|bound| outcome.status == Status::Stopped(bound));
    (!contained).then(|| {
        let said: String = said.chars().take(600).collect();
        format!("{:?} {} {said}", outcome.status, outcome.why)
    })
}

#[test]
#[ignore = "needs Python 3 and Landlock: --include-ignored, as .ci/run does"]
fn twenty_honest_programs_run() {
    assert_eq!(honest::PROGRAMS.len(), 20);
    for user in users() {
        for namespaces in [true, false] {
            let _turn = turn(namespaces);
            let scene = Scene::new(user);
            let limits = Limits {
                wall: Duration::from_secs(20),
                processor: 20,
                ..limits(namespaces, false)
            };
            let outcomes = scene.run(
                honest::PROGRAMS
                    .iter()
                    .map(|it| (it.name, it.program, limits.clone())),
            );
            let mut wrong = Vec::new();
            for it in honest::PROGRAMS {
                // locks between processes live in /dev/shm, which only a namespace gives
                if it.shared_memory && !namespaces {
                    continue;
                }
                let outcome = outcomes[it.name].as_ref().expect("the sandbox works");
                if (outcome.status, outcome.stdout.trim()) != (Status::Ended(0), it.prints) {
                    wrong.push(format!("{}: {outcome:?}", it.name));
                }
            }
            assert!(
                wrong.is_empty(),
                "{user:?}, namespaces {namespaces}:\n{}",
                wrong.join("\n")
            );
            scene.has_not_changed("after honest programs");
        }
    }
}

#[test]
#[ignore = "needs Python 3 and Landlock: --include-ignored, as .ci/run does"]
fn a_program_ends_with_whoever_watches_over_it() {
    let program = "
import subprocess, sys
subprocess.run([sys.executable, '-c', 'import time; time.sleep(60)', '{path}', 'begun'])";
    for user in users() {
        for namespaces in [true, false] {
            for whom in ["/door", "--sandbox-first"] {
                let _turn = turn(namespaces);
                let scene = Scene::new(user);
                let job = ("long", program, limits(namespaces, false));
                let door = scene.start(std::iter::once(job));
                let mut door = scene.await_process("begun", door);
                let victims = scene.processes(whom);
                assert_eq!(victims.len(), 1, "{victims:?}");
                scene::kill(victims[0].0);
                let place = format!("{user:?}, namespaces {namespaces}, without {whom}");
                if whom == "/door" {
                    door.wait().unwrap();
                    scene.await_nobody();
                } else {
                    let output = door.wait_with_output().unwrap();
                    let said = String::from_utf8(output.stdout).unwrap();
                    assert!(said.contains("vanished"), "{place}: {said}");
                    scene.has_not_changed(&place);
                }
            }
        }
    }
}

#[test]
#[ignore = "needs Python 3 and Landlock: --include-ignored, as .ci/run does"]
fn the_end_of_a_program_is_told_in_words() {
    let _turn = turn(true);
    let scene = Scene::new(users()[0]);
    let programs = [
        ("well", "print('가나다')"),
        ("code", "import sys; sys.exit(3)"),
        ("error", "raise ValueError('값이 틀렸다')"),
        (
            "signal",
            "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
        ),
        ("syntax", "def ("),
    ];
    let programs = programs.map(|(name, program)| (name, program, limits(true, false)));
    let outcomes = scene.run(programs.into_iter());
    let of = |name: &str| outcomes[name].clone().expect("the sandbox works");
    assert_eq!(of("well").stdout, "가나다\n");
    assert_eq!(
        (of("well").status, of("well").why.as_str()),
        (Status::Ended(0), "")
    );
    assert_eq!(of("code").status, Status::Ended(3));
    assert!(of("code").why.contains("code 3"), "{:?}", of("code"));
    assert_eq!(of("error").why, "ValueError: 값이 틀렸다");
    assert_eq!(of("signal").status, Status::Killed(15));
    assert!(
        of("syntax").why.contains("SyntaxError"),
        "{:?}",
        of("syntax")
    );
}

#[test]
fn a_main_without_the_door_is_refused() {
    // this test program has a `main` of its own that does not begin with `door`
    let error = sandbox::Sandbox::new(Limits::default())
        .unwrap_err()
        .to_string();
    assert!(error.contains("sandbox::door()"), "{error}");
}
