//! Files are whole or absent, whatever fails; maps check lengths; locks have one holder.

use std::io::{ErrorKind, Seek, SeekFrom, Write};
use std::path::Path;

use proptest::prelude::*;

use crate::fault::{Fault, Reach, arm};
use crate::*;

/// What a small writer does: a first file, a file over it, a rename, a removal.
fn script(folder: &Path) -> std::io::Result<()> {
    create_dir(&folder.join("하위"))?;
    write(&folder.join("하위/이름.txt"), b"old")?;
    let mut file = AtomicFile::create(&folder.join("하위/이름.txt"))?;
    file.write_all(b"....")?;
    file.write_all(&[7; 300_000])?;
    file.seek(SeekFrom::Start(0))?;
    file.write_all(b"new!")?;
    file.commit()?;
    write(&folder.join("a"), b"whole")?;
    rename(&folder.join("a"), &folder.join("b"))?;
    link(&folder.join("b"), &folder.join("c"))?;
    remove_file(&folder.join("b"))?;
    remove_dir(&folder.join("none"))?;
    create_dir(&folder.join("empty"))?;
    remove_empty_dir(&folder.join("empty"))
}

/// Every file under a final name is one of the whole versions.
fn check_whole(folder: &Path, clean: bool) {
    let new: Vec<u8> = [b"new!".as_slice(), &[7; 300_000]].concat();
    for (name, versions) in [
        ("하위/이름.txt", vec![b"old".to_vec(), new]),
        ("a", vec![b"whole".to_vec()]),
        ("b", vec![b"whole".to_vec()]),
        ("c", vec![b"whole".to_vec()]),
    ] {
        if let Ok(found) = std::fs::read(folder.join(name)) {
            assert!(versions.contains(&found), "{name} is half-written");
        }
        if clean {
            let pending = folder.join(format!("{name}{PENDING}"));
            assert!(!pending.exists(), "{name} left its pending file");
        }
    }
}

#[test]
fn a_folder_with_something_in_it_is_not_taken_for_empty() {
    let folder = tempfile::tempdir().unwrap();
    let full = folder.path().join("full");
    create_dir(&full).unwrap();
    write(&full.join("kept"), b"whole").unwrap();
    let error = remove_empty_dir(&full).unwrap_err();
    assert!(error.to_string().contains("cannot remove the folder"));
    assert_eq!(std::fs::read(full.join("kept")).unwrap(), b"whole");
    remove_file(&full.join("kept")).unwrap();
    remove_empty_dir(&full).unwrap();
    remove_empty_dir(&full).unwrap();
    assert!(!full.exists());
}

#[test]
fn every_event_may_fail_or_be_the_last() {
    let whole = tempfile::tempdir().unwrap();
    let count = arm(Fault::Count, 0, Reach::Thread);
    script(whole.path()).unwrap();
    let events = count.seen();
    drop(count);
    assert!(events > 20, "{events}");
    for fault in [
        Fault::Error(ErrorKind::StorageFull),
        Fault::Error(ErrorKind::Other),
        Fault::Stop,
    ] {
        for k in 1..=events {
            let folder = tempfile::tempdir().unwrap();
            let armed = arm(fault, k, Reach::Thread);
            let error = script(folder.path()).unwrap_err();
            drop(armed);
            if fault == Fault::Error(ErrorKind::StorageFull) {
                assert_eq!(error.kind(), ErrorKind::StorageFull, "event {k}: {error}");
                assert!(error.to_string().contains("No space left"), "{error}");
            }
            let place = folder.path().to_string_lossy().into_owned();
            assert!(error.to_string().contains(&place), "{k}: {error}");
            check_whole(folder.path(), fault != Fault::Stop);
            script(folder.path()).unwrap();
            check_whole(folder.path(), true);
        }
    }
}

#[test]
fn an_error_says_what_was_attempted() {
    let folder = tempfile::tempdir().unwrap();
    let _armed = arm(Fault::Error(ErrorKind::Other), 3, Reach::Thread);
    let error = write(&folder.path().join("x"), b"1").unwrap_err();
    assert!(error.to_string().starts_with("cannot sync"), "{error}");
}

#[test]
fn dropped_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    let mut file = AtomicFile::create(&path).unwrap();
    file.write_all(b"half").unwrap();
    drop(file);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_missing_folder_is_named() {
    let error = write(Path::new("/없는/곳/x"), b"1").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(
        error
            .to_string()
            .starts_with("cannot create /없는/곳/x.pending"),
        "{error}"
    );
}

#[test]
fn maps_check_lengths() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ids");
    for (bytes, numbers) in [
        (vec![], Some(vec![])),
        (
            vec![1, 0, 0, 0, 255, 255, 255, 255],
            Some(vec![1, u32::MAX]),
        ),
        (vec![1, 0, 0, 0, 2], None),
        (vec![1], None),
    ] {
        write(&path, &bytes).unwrap();
        let map = Map::open(&path).unwrap();
        assert_eq!(map.bytes(), bytes);
        match numbers {
            Some(numbers) => assert_eq!(map.u32s().unwrap(), numbers),
            None => {
                let error = map.u32s().unwrap_err().to_string();
                assert!(error.contains("should hold 32-bit numbers"), "{error}");
                assert!(error.contains("1 too many"), "{error}");
            }
        }
    }
    assert!(Map::open(&path).unwrap().u64s().is_err());
    assert!(Map::open(&folder.path().join("none")).is_err());
}

#[test]
fn one_holder_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.lock");
    let first = Lock::try_new(&path).unwrap().unwrap();
    assert!(Lock::try_new(&path).unwrap().is_none());
    let holder = Lock::holder(&path);
    assert!(
        holder.starts_with(&format!("process {}, started as `", std::process::id())),
        "{holder}"
    );
    drop(first);
    let second = Lock::wait(&path).unwrap();
    second.remove().unwrap();
    assert!(!path.exists());
    assert!(Lock::try_new(&path).unwrap().is_some());
}

#[test]
fn a_lock_removed_while_waited_for_is_taken_afresh() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.lock");
    let first = Lock::try_new(&path).unwrap().unwrap();
    let waiting = std::thread::spawn({
        let path = path.clone();
        move || Lock::wait(&path).unwrap()
    });
    first.remove().unwrap();
    let second = waiting.join().unwrap();
    assert!(Lock::try_new(&path).unwrap().is_none(), "two hold it");
    drop(second);
}

#[test]
fn appended_lines_are_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.jsonl");
    Append::open(&path).unwrap().line("하나").unwrap();
    Append::open(&path).unwrap().line("둘").unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "하나\n둘\n");
}

#[test]
fn there_is_free_space() {
    assert!(free_space(Path::new(".")).unwrap() > 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn what_is_written_is_read_and_hashed(bytes in proptest::collection::vec(any::<u8>(), 0..3000)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        write(&path, &bytes).unwrap();
        let map = Map::open(&path).unwrap();
        prop_assert_eq!(map.bytes(), &bytes[..]);
        prop_assert_eq!(hash_file(&path).unwrap(), blake3::hash(&bytes).to_hex().to_string());
    }
}

#[test]
fn a_partial_file_goes_on_where_it_stopped() {
    let folder = tempfile::tempdir().expect("a folder");
    let [partial, whole] = ["file.incomplete", "file"].map(|name| folder.path().join(name));
    let mut first = Partial::open(&partial).expect("opens");
    first.write_all("한".as_bytes()).expect("writes");
    drop(first);
    let mut second = Partial::open(&partial).expect("opens again");
    assert_eq!(second.length(), 3);
    second.write_all("글".as_bytes()).expect("writes");
    second.commit(&whole).expect("commits");
    assert_eq!(std::fs::read_to_string(&whole).expect("whole"), "한글");
    assert!(!partial.exists());
    let mut third = Partial::open(&partial).expect("begins");
    third.write_all(b"x").expect("writes");
    third.clear().expect("clears");
    assert_eq!(third.length(), 0);
}

#[test]
fn a_pointer_is_made_once_and_replaced() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path().join("name");
    for text in ["one", "two", "two"] {
        write(&folder.path().join(text), text.as_bytes()).expect("a file");
        point(&at, Path::new(text)).expect("points");
        assert_eq!(std::fs::read_to_string(&at).expect("there"), text);
    }
}

/// Downloaded models lie behind relative links, which lead nowhere from another folder.
#[cfg(unix)]
#[test]
fn a_link_is_followed_to_the_file_at_its_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let [blobs, snapshot, other] =
        ["blobs", "snapshots/하나", "다른/곳"].map(|name| folder.path().join(name));
    for folder in [&blobs, &snapshot, &other] {
        create_dir(folder).expect("a folder");
    }
    let (blob, pointer, name) = (
        blobs.join("0a"),
        snapshot.join("weights"),
        other.join("weights"),
    );
    write(&blob, "가중치".as_bytes()).expect("a file");
    point(&pointer, Path::new("../../blobs/0a")).expect("points");
    link(&pointer, &name).expect("links");
    let there = || std::fs::read_to_string(&name).expect("there");
    let about = std::fs::symlink_metadata(&name).expect("there");
    assert!(about.is_file(), "no link in its turn");
    assert_eq!(there(), "가중치");
    // One that leads nowhere is said, and costs nothing.
    remove_file(&blob).expect("removes");
    let error = link(&pointer, &name).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().starts_with("cannot link"), "{error}");
    assert_eq!(there(), "가중치");
}
