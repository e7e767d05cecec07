use std::fs::File;
use std::time::Duration;

use serde_json::json;

use super::*;

/// The time of the files here, in nanoseconds since 1970.
const TIME: &str = "1000000000000000000";

/// Puts a file there that was last written long ago, by its time.
fn old(path: &Path, text: &str) {
    disk::write(path, text.as_bytes()).unwrap();
    let time = UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    File::open(path).unwrap().set_modified(time).unwrap();
}

fn hash(hashes: &mut Hashes, path: &Path) -> String {
    hashes.file(path, "a.txt".to_string()).unwrap().blake3
}

fn hash_of(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex().to_string()
}

#[test]
fn a_file_is_known_again_by_more_than_its_length_and_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.txt");
    old(&path, "one");
    // As if it had been hashed when it had lain there for long.
    let known = Known {
        bytes: 3,
        changed: TIME.to_string(),
        identity: identity_of(&std::fs::metadata(&path).unwrap()).0,
        blake3: "remembered".to_string(),
    };
    let mut hashes = Hashes::default();
    hashes
        .known
        .insert(path.to_string_lossy().into_owned(), known);
    assert_eq!(hash(&mut hashes, &path), "remembered");
    old(&path, "two");
    assert_eq!(hash(&mut hashes, &path), hash_of("two"));
}

#[test]
fn what_was_just_put_there_is_not_remembered_however_old_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.txt");
    let mut hashes = Hashes::default();
    old(&path, "one");
    assert_eq!(hash(&mut hashes, &path), hash_of("one"));
    assert!(hashes.known.is_empty());
}

#[test]
fn the_memory_of_an_older_program_is_read_and_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("store")).unwrap();
    let path = folder.path().join("a.txt");
    old(&path, "one");
    let known = json!({ "bytes": 3, "changed": TIME, "blake3": "stale" });
    let memory = json!({ path.to_string_lossy(): known });
    let memory = memory.to_string();
    disk::write(&store.root().join("hashes.json"), memory.as_bytes()).unwrap();
    let mut hashes = Hashes::open(&store);
    assert_eq!(hashes.known.len(), 1);
    assert_eq!(hash(&mut hashes, &path), hash_of("one"));
}
