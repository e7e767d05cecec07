use disk::fault::{Fault, Reach, arm};
use proptest::prelude::*;

use super::*;
use crate::toy::{Memory, Place, settings};

fn states(place: &Place) -> Vec<String> {
    names(&place.partial()).unwrap()
}

#[test]
fn the_newest_are_kept() {
    let place = Place::new();
    let settings = settings();
    let end = place.run(&settings, &mut Memory::default()).unwrap();
    assert!(end.finished);
    // Batches are 48 tokens; a multiple of 100 was passed at 144, 240, 336 and 432.
    assert_eq!(
        states(&place),
        ["state-000000000000336", "state-000000000000432"]
    );
}

#[test]
fn a_damaged_state_gives_way_to_the_one_before() {
    let undisturbed = Place::new()
        .run(&settings(), &mut Memory::default())
        .unwrap();
    let place = Place::new();
    let mut watch = Memory {
        stop_after: Some(6),
        ..Memory::default()
    };
    assert!(!place.run(&settings(), &mut watch).unwrap().finished);
    let kept = [
        "state-000000000000144",
        "state-000000000000240",
        "stop-000000000000288",
    ];
    assert_eq!(states(&place), kept);
    for (state, file) in [(kept[2], "model.safetensors"), (kept[1], "state.json")] {
        let path = place.partial().join(state).join(file);
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        disk::write(&path, &bytes).unwrap();
    }
    let mut watch = Memory::default();
    let end = place.run(&settings(), &mut watch).unwrap();
    let damaged = watch
        .messages
        .iter()
        .filter(|text| text.contains("is damaged"));
    let damaged: Vec<_> = damaged.collect();
    assert_eq!(damaged.len(), 2, "{damaged:?}");
    assert!(damaged[0].contains("model.safetensors") && damaged[0].contains(kept[2]));
    assert!(
        watch
            .messages
            .iter()
            .any(|text| text.contains("Continuing after 144 of 480"))
    );
    assert_eq!(end, undisturbed);
}

/// Runs until it is asked to stop, which leaves three states; where the newest lies.
fn stopped(place: &Place) -> PathBuf {
    let mut watch = Memory {
        stop_after: Some(6),
        ..Memory::default()
    };
    assert!(!place.run(&settings(), &mut watch).unwrap().finished);
    place.partial().join("stop-000000000000288")
}

/// Why a run does not go on.
fn complaint(place: &Place) -> String {
    let error = place.run(&settings(), &mut Memory::default()).unwrap_err();
    format!("{error:#}")
}

#[test]
fn a_state_that_lacks_a_file_gives_way_to_the_one_before() {
    let place = Place::new();
    let state = stopped(&place);
    disk::remove_file(&state.join(STATE)).unwrap();
    let mut watch = Memory::default();
    assert!(place.run(&settings(), &mut watch).unwrap().finished);
    let told = |words: &str| watch.messages.iter().any(|text| text.contains(words));
    assert!(
        told("is damaged (state.json is missing)") && told("Continuing after 240 of 480"),
        "{:?}",
        watch.messages
    );
}

#[test]
fn a_state_that_cannot_be_read_is_kept_and_used_once_it_can() {
    let undisturbed = Place::new()
        .run(&settings(), &mut Memory::default())
        .unwrap();
    let place = Place::new();
    let state = stopped(&place);
    let kept = states(&place);
    // With a folder in its place nobody can say whether the file is whole.
    let (file, aside) = (
        state.join("model.safetensors"),
        place.dir.path().join("aside"),
    );
    disk::rename(&file, &aside).unwrap();
    disk::create_dir(&file).unwrap();
    let error = complaint(&place);
    assert!(
        error.contains("stop-000000000000288 cannot be read; it is kept")
            && error.contains("model.safetensors"),
        "{error}"
    );
    assert_eq!(states(&place), kept);
    disk::remove_dir(&file).unwrap();
    disk::rename(&aside, &file).unwrap();
    let end = place.run(&settings(), &mut Memory::default()).unwrap();
    assert_eq!(end, undisturbed);
}

#[test]
fn a_state_of_another_version_of_the_program_is_kept() {
    let place = Place::new();
    let state = stopped(&place);
    let kept = states(&place);
    let path = state.join(MANIFEST);
    let text = std::fs::read_to_string(&path).unwrap();
    let other = text.replacen("\"format\": 1", "\"format\": 2, \"more\": []", 1);
    assert_ne!(other, text);
    for (manifest, words) in [
        (
            other.as_str(),
            "is of format 2, and this version of the program reads format 1; it is kept",
        ),
        ("{", "cannot be read; it is kept"),
    ] {
        disk::write(&path, manifest.as_bytes()).unwrap();
        let error = complaint(&place);
        assert!(error.contains(words), "{error}");
        assert_eq!(states(&place), kept);
    }
    disk::remove_dir(&state).unwrap();
    let mut watch = Memory::default();
    assert!(place.run(&settings(), &mut watch).unwrap().finished);
    let mut messages = watch.messages.iter();
    assert!(messages.any(|text| text.contains("Continuing after 240 of 480")));
}

#[test]
fn a_state_of_another_run_is_refused() {
    let place = Place::new();
    let mut watch = Memory {
        stop_after: Some(4),
        ..Memory::default()
    };
    place.run(&settings(), &mut watch).unwrap();
    let mut other = settings();
    other.clip = 2.0;
    let error = place.run(&other, &mut Memory::default()).unwrap_err();
    assert!(format!("{error:#}").contains("other settings"), "{error:#}");
}

/// As often as the run touches the disk, each time it can be killed.
#[test]
fn killed_at_any_event_it_ends_the_same() {
    let counted = arm(Fault::Count, 0, Reach::Thread);
    let undisturbed = Place::new()
        .run(&settings(), &mut Memory::default())
        .unwrap();
    let events = counted.seen();
    drop(counted);
    assert!(events > 50, "{events}");
    let cases = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(12)
    };
    proptest!(cases, |(first in 1..events, second in 1..events)| {
        let place = Place::new();
        for at in [first, second] {
            let armed = arm(Fault::Stop, at, Reach::Thread);
            // The second life is shorter, so its fault may never come.
            let _ = place.run(&settings(), &mut Memory::default());
            drop(armed);
        }
        let end = place.run(&settings(), &mut Memory::default()).unwrap();
        prop_assert_eq!(&end, &undisturbed);
    });
}

/// As often as it is asked to stop, in between.
#[test]
fn stopped_anywhere_it_ends_the_same() {
    let undisturbed = Place::new()
        .run(&settings(), &mut Memory::default())
        .unwrap();
    let cases = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(8)
    };
    proptest!(cases, |(stops in prop::collection::btree_set(1u64..10, 1..4))| {
        let place = Place::new();
        for stop in stops {
            let mut watch = Memory { stop_after: Some(stop), ..Memory::default() };
            prop_assert!(!place.run(&settings(), &mut watch).unwrap().finished);
        }
        let end = place.run(&settings(), &mut Memory::default()).unwrap();
        prop_assert_eq!(&end, &undisturbed);
    });
}

#[test]
fn a_full_disk_is_a_sentence() {
    let place = Place::new();
    let armed = arm(
        Fault::Error(std::io::ErrorKind::StorageFull),
        9,
        Reach::Thread,
    );
    let error = format!(
        "{:#}",
        place.run(&settings(), &mut Memory::default()).unwrap_err()
    );
    drop(armed);
    assert!(
        error.contains("cannot save the run's state to") && error.contains("No space"),
        "{error}"
    );
}
