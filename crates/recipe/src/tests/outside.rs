//! What of a folder outside the store enters a key, and what does not.

use std::fs::File;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use serde_json::json;

use super::toy::*;
use crate::*;

const READS: &str = r#"
seed = 7
[inputs]
raw = { kind = "files" }
[[step]]
name = "text"
stage = "read"
inputs = { files = "raw" }
"#;

fn planned(folder: &Path, store: &Store) -> anyhow::Result<Plan> {
    let recipe = Recipe::parse(READS, "recipes/toy.toml")?;
    let bindings = Bindings::new().bind("raw", folder);
    Plan::new(&recipe, &registry(), &bindings, store)
}

/// The key of the folder.
fn key_of(folder: &Path, store: &Store) -> String {
    let plan = planned(folder, store).unwrap();
    let (_, key, ..) = plan.outside().next().unwrap();
    key.to_string()
}

#[test]
fn a_key_is_made_of_names_and_contents() {
    let place = Place::new();
    let folder = place.raw("raw", &[("a.txt", "가나다"), ("더/b.txt", "라")]);
    let hash = |text: &str| blake3::hash(text.as_bytes()).to_hex().to_string();
    let files = json!([["a.txt", hash("가나다")], ["더/b.txt", hash("라")]]);
    assert_eq!(
        key_of(&folder, &place.store),
        key::short(files.to_string().as_bytes())
    );
}

#[cfg(unix)]
#[test]
fn what_no_reader_reads_changes_no_key() {
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::net::UnixListener;

    let place = Place::new();
    let folder = place.raw("raw", &[("a.txt", "가나다"), ("더/b.txt", "라")]);
    let key = || key_of(&folder, &place.store);
    let link = |at: &str, to: &str| disk::point(&folder.join(at), Path::new(to)).unwrap();
    let before = key();

    let hidden = [
        (".DS_Store", ""),
        (".git/HEAD", "main"),
        ("더/.b.txt.swp", "라"),
    ];
    place.raw("raw", &hidden);
    assert_eq!(key(), before, "hidden files");
    let name = std::ffi::OsStr::from_bytes(b".\xff");
    std::fs::create_dir(folder.join(name)).unwrap();
    let _hidden = UnixListener::bind(folder.join(".socket")).unwrap();
    link(".link", "nowhere");
    assert_eq!(key(), before, "hidden things of all kinds");
    let _socket = UnixListener::bind(folder.join("socket")).unwrap();
    assert_eq!(key(), before, "a socket");
    link("broken", "nowhere");
    link("below-a-file", "a.txt/b");
    assert_eq!(key(), before, "links that lead nowhere");
    link("itself", "itself");
    link("here", ".");
    link("더/up", "..");
    link("더/out", "../..");
    assert_eq!(key(), before, "links that go round in a circle");

    // Links that lead somewhere count, as they always did.
    link("c.txt", "a.txt");
    let linked = key();
    assert_ne!(linked, before);
    place.raw("elsewhere", &[("d.txt", "마"), ("deeper/e.txt", "바")]);
    link("folder", "../elsewhere");
    let followed = key();
    assert_ne!(followed, linked);
    place.raw("elsewhere", &[("deeper/e.txt", "사")]);
    assert_ne!(key(), followed);
}

#[test]
fn hidden_files_do_not_come_between_an_input_and_its_record() {
    let place = Place::new();
    let folder = place.raw("raw", &[("a.txt", "가나다")]);
    let plan = planned(&folder, &place.store).unwrap();
    run(&plan, &place.store, &mut Silent, &Resources::new()).unwrap();
    place.raw("raw", &[(".DS_Store", "x")]);
    let problems = || verify(&place.find("raw"), &registry()).unwrap();
    assert!(problems().is_empty(), "{:?}", problems());
    place.raw("raw", &[("b.txt", "x")]);
    assert_eq!(problems(), [Problem::Extra("b.txt".to_string())]);
}

#[test]
fn a_store_inside_an_input_is_refused() {
    let place = Place::new();
    let folder = place.raw("raw", &[("a.txt", "가나다")]);
    let real = folder.canonicalize().unwrap();
    for (bound, below) in [
        ("raw", "저장소"),
        ("raw", "더/저장소"),
        ("raw/저장소", "저장소"),
    ] {
        let store = Store::open(&folder.join(below)).unwrap();
        let error = planned(&place.folder.path().join(bound), &store);
        assert_eq!(
            error.err().unwrap().to_string(),
            format!(
                "the store {} lies inside the input \"raw\" ({}), so every run would change what it \
                 reads: bind a folder that does not hold the store, or name a store elsewhere with --store",
                real.join(below).display(),
                real.parent().unwrap().join(bound).display()
            )
        );
    }
    // A hidden one is not read, and what lies in a store may be read.
    let apart = place.raw("apart", &[("a.txt", "가나다")]);
    let hidden = Store::open(&apart.join(".kanana/store")).unwrap();
    assert_eq!(key_of(&apart, &hidden), key_of(&apart, &hidden));
    place.run(RECIPE).unwrap();
    planned(&place.find("joined").path, &place.store).unwrap();
}

#[test]
fn a_file_replaced_by_one_of_the_same_length_and_time_gives_another_key() {
    let place = Place::new();
    let put = |text: &str| {
        let folder = place.raw("raw", &[("a.txt", text)]);
        let time = UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        let file = File::open(folder.join("a.txt")).unwrap();
        file.set_modified(time).unwrap();
        key_of(&folder, &place.store)
    };
    assert_ne!(put("하나"), put("하루"));
}
