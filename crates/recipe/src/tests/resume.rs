//! Stopped at any event of the disk and started again, a run leaves the same bytes as
//! one never stopped.

use std::io::ErrorKind;

use disk::fault::{Fault, Reach, arm};
use proptest::prelude::*;

use super::toy::*;
use crate::*;

/// A run in one fresh store, and how many events of the disk it took.
fn undisturbed() -> (Vec<(String, Vec<u8>)>, u64) {
    let place = Place::new();
    let plan = place.plan(RECIPE).unwrap();
    let counting = arm(Fault::Count, 0, Reach::Thread);
    run(&plan, &place.store, &mut Silent, &Resources::new()).unwrap();
    let events = counting.seen();
    drop(counting);
    (place.contents(), events)
}

/// Nothing in the store carries a final name without being whole.
fn check_store(place: &Place, when: &str) {
    for artifact in place.store.artifacts().unwrap() {
        let finished = artifact.path.join("manifest.json").exists();
        let problems = verify(&artifact, &registry()).unwrap();
        let expected = if finished {
            vec![]
        } else {
            vec![Problem::Unfinished]
        };
        assert_eq!(problems, expected, "{when}: {}", artifact.folder());
    }
}

fn check_same(place: &Place, whole: &[(String, Vec<u8>)], when: &str) {
    place
        .run(RECIPE)
        .unwrap_or_else(|error| panic!("{when}: {error:#}"));
    assert_eq!(place.contents(), whole, "{when}");
    let metrics = read_metrics(&place.find("ground").provenance_dir()).unwrap();
    let at: Vec<_> = metrics
        .iter()
        .map(|line| line["at"].as_u64().unwrap())
        .collect();
    assert_eq!(at, [1, 2, 3, 4, 5, 6, 7], "{when}");
}

#[test]
fn stopped_at_every_event() {
    let (whole, events) = undisturbed();
    assert!(events > 50, "{events}");
    for fault in [Fault::Stop, Fault::Error(ErrorKind::StorageFull)] {
        for k in 1..=events {
            let place = Place::new();
            let plan = place.plan(RECIPE).unwrap();
            let armed = arm(fault, k, Reach::Thread);
            // A few of the events (the journal's last line, tidying up) may fail without
            // harm; most end the run.
            let _ = run(&plan, &place.store, &mut Silent, &Resources::new());
            drop(armed);
            let when = format!("{fault:?} at event {k}");
            check_store(&place, &when);
            check_same(&place, &whole, &when);
        }
    }
}

#[test]
fn even_the_first_opening_of_a_store_may_be_stopped() {
    for k in 1..20 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        let armed = arm(Fault::Stop, k, Reach::Thread);
        let opened = Store::open(&path);
        drop(armed);
        if opened.is_ok() {
            assert!(k > 5);
            return;
        }
        Store::open(&path).unwrap();
    }
    panic!("opening never succeeded");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    /// Stopped again and again, at any distance, gc between.
    #[test]
    fn stopped_several_times(stops in proptest::collection::vec(1u64..80, 1..5)) {
        let (whole, _) = undisturbed();
        let place = Place::new();
        for k in &stops {
            let plan = place.plan(RECIPE).unwrap();
            let armed = arm(Fault::Stop, *k, Reach::Thread);
            let _ = run(&plan, &place.store, &mut Silent, &Resources::new());
            drop(armed);
            check_store(&place, &format!("{stops:?}"));
            gc(&place.store, &plan.keys(), false).unwrap();
        }
        check_same(&place, &whole, &format!("{stops:?}"));
    }
}

/// Not a test by itself: the process that the next one kills.
#[test]
#[ignore = "run by killed_for_real in a process of its own"]
#[expect(
    clippy::disallowed_methods,
    reason = "how a test tells its child where to work"
)]
fn victim() {
    let Ok(place) = std::env::var("RECIPE_VICTIM") else {
        return;
    };
    let (store, k) = place.split_once('|').unwrap();
    let store = Store::open(std::path::Path::new(store)).unwrap();
    let recipe = Recipe::parse(RECIPE, "recipes/toy.toml").unwrap();
    let plan = Plan::new(&recipe, &registry(), &Bindings::new(), &store).unwrap();
    disk::fault::arm_abort(k.parse().unwrap());
    run(&plan, &store, &mut Silent, &Resources::new()).unwrap();
}

#[test]
fn killed_for_real() {
    let (whole, events) = undisturbed();
    for k in (1..events).step_by(events as usize / 6) {
        let place = Place::new();
        let child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["tests::resume::victim", "--exact", "--ignored"])
            .env(
                "RECIPE_VICTIM",
                format!("{}|{k}", place.store.root().display()),
            )
            .output()
            .unwrap();
        assert!(!child.status.success(), "the process outlived event {k}");
        let when = format!("killed at event {k}");
        check_store(&place, &when);
        check_same(&place, &whole, &when);
    }
}
