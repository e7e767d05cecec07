//! The points of the crate `fail`, by name: they concern the whole process, so this test
//! has one of its own.

use std::io::ErrorKind;

#[test]
fn a_point_fails_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("이름");
    for (point, said) in [
        ("disk::create", "cannot create"),
        ("disk::write", "cannot write"),
        ("disk::sync", "cannot sync"),
        ("disk::rename", "cannot rename"),
    ] {
        fail::cfg(point, "return(ENOSPC)").unwrap();
        let error = disk::write(&path, b"1").unwrap_err();
        fail::remove(point);
        assert_eq!(error.kind(), ErrorKind::StorageFull);
        assert!(error.to_string().starts_with(said), "{error}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
    disk::write(&path, b"1").unwrap();
    fail::cfg("disk::remove", "return(EIO)").unwrap();
    let error = disk::remove_file(&path).unwrap_err();
    fail::remove("disk::remove");
    assert!(error.to_string().starts_with("cannot remove"), "{error}");
    assert!(path.exists());
}
