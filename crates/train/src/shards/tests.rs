use std::path::Path;

use super::*;

fn write(dir: &Path, shard_tokens: u64) -> Description {
    let mut settings = ShardSettings::new(100);
    settings.shard_tokens = shard_tokens;
    settings.separators.insert("begin".into(), 1);
    let mut writer = ShardWriter::create(dir, settings).unwrap();
    for (tokens, group, text, id) in [
        (&[1, 5, 6, 7][..], "ko/법안", "국회는", "법안-1"),
        (&[1, 8], "en/docs", "ok", "doc-1"),
        (&[], "en/docs", "", "doc-empty"),
        (&[1, 9, 10], "ko/법안", "제안", "법안-2"),
    ] {
        let bytes = text.len() as u64;
        writer
            .document(&Document {
                tokens,
                group,
                bytes,
                id,
            })
            .unwrap();
    }
    writer.finish().unwrap()
}

#[test]
fn what_is_written_is_read() {
    for shard_tokens in [1, 5, 1000] {
        let dir = tempfile::tempdir().unwrap();
        let description = write(dir.path(), shard_tokens);
        let shards = Shards::open(dir.path()).unwrap();
        assert_eq!(*shards.description(), description);
        assert_eq!((shards.documents(), shards.tokens()), (3, 9));
        assert_eq!(description.empty, 1);
        let last = shards.document(2);
        assert_eq!(last.tokens, [1, 9, 10]);
        assert_eq!(last.id, "법안-2");
        assert_eq!(last.bytes, 6);
        assert_eq!(shards.groups()[last.group].name, "ko/법안");
        assert_eq!(shards.document(1).tokens, [1, 8]);
        let ko = &shards.groups()[0];
        assert_eq!((ko.documents, ko.tokens, ko.bytes), (2, 7, 15));
    }
}

#[test]
fn damage_is_named() {
    let cut = |file: &str, by: usize| {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), 1000);
        let path = dir.path().join(file);
        let bytes = std::fs::read(&path).unwrap();
        disk::write(&path, &bytes[..bytes.len() - by]).unwrap();
        let error = format!("{:#}", Shards::open(dir.path()).err().unwrap());
        assert!(error.contains(file), "{error}");
        error
    };
    let error = cut("tokens-00000.u32", 8);
    assert!(error.contains("wanted 36 bytes, found 28"), "{error}");
    cut("tokens-00000.u32", 1);
    cut("documents.table", 1);
    cut("shards.json", 10);

    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), 1000);
    let path = dir.path().join(TABLE);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[ROW + 24] = 9;
    disk::write(&path, &bytes).unwrap();
    let error = format!("{:#}", Shards::open(dir.path()).err().unwrap());
    assert!(
        error.contains("document 1") && error.contains("group 9"),
        "{error}"
    );

    let error = format!("{:#}", Shards::open(Path::new("없는 폴더")).err().unwrap());
    assert!(error.contains("없는 폴더"), "{error}");
}

#[test]
fn nothing_and_nonsense_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let writer = ShardWriter::create(dir.path(), ShardSettings::new(10)).unwrap();
    let error = writer.finish().unwrap_err().to_string();
    assert!(error.contains("at least one document"), "{error}");

    let mut writer = ShardWriter::create(dir.path(), ShardSettings::new(10)).unwrap();
    let tokens = &[1, 10];
    let error = writer.document(&Document {
        tokens,
        group: "ko",
        bytes: 3,
        id: "글",
    });
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("글") && error.contains("token 10"),
        "{error}"
    );
}
