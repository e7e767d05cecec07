use super::*;

fn documents(count: usize) -> Vec<Document> {
    (0..count)
        .map(|number| {
            let language = if number % 3 == 0 { "en" } else { "ko" };
            Document::new(
                format!("문서-{number}"),
                format!("{number}번째 글\n{}", "한글 ".repeat(number % 7)),
            )
            .with("language", language)
        })
        .collect()
}

fn write(folder: &Path, documents: &[Document], shard_bytes: u64) -> Index {
    let mut writer = Writer::create(
        folder,
        WriteSettings {
            shard_bytes,
            ..WriteSettings::default()
        },
    )
    .unwrap();
    for document in documents {
        writer.write(document).unwrap();
    }
    writer.finish().unwrap()
}

#[test]
fn documents_come_back_in_order_over_shards() {
    let folder = tempfile::tempdir().unwrap();
    let written = documents(100);
    let index = write(folder.path(), &written, 1000);
    assert!(index.shards.len() > 3);
    assert_eq!(index.shards[1].name, "documents-00001.jsonl.zst");
    let corpus = Corpus::open(folder.path()).unwrap();
    assert_eq!(corpus.index(), &index);
    assert_eq!(corpus.statistics(), &Statistics::of(&written));
    assert_eq!((corpus.len(), corpus.is_empty()), (100, false));
    let read: Vec<Document> = corpus.documents().collect::<Result<_>>().unwrap();
    assert_eq!(read, written);
}

#[test]
fn the_same_documents_give_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = |name: &str| {
        let folder = folder.path().join(name);
        let index = write(&folder, &documents(300), 4000);
        let names = index.shards.iter().map(|shard| &*shard.name).chain([INDEX]);
        names
            .map(|name| std::fs::read(folder.join(name)).unwrap())
            .collect::<Vec<_>>()
    };
    assert!(bytes("one") == bytes("two"));
}

#[test]
fn a_selection_gives_the_documents_that_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let document =
        |id: &str, name: &str, language: &str| Document::new(id, "글").with(name, language);
    let written = [
        document("1", "language", "ko"),
        document("2", "lang", "ko").with("quality", "good"),
        document("3", "language", "en"),
        Document::new("4", "글"),
    ];
    write(folder.path(), &written, 1000);
    let select = |wanted: &[(&str, &str)]| -> Vec<String> {
        let wanted = wanted
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let corpus = Corpus::open(folder.path()).unwrap().select(wanted);
        corpus
            .documents()
            .map(|document| document.unwrap().id)
            .collect()
    };
    assert_eq!(select(&[]), ["1", "2", "3", "4"]);
    assert_eq!(select(&[("language", "ko")]), ["1", "2"]);
    assert_eq!(select(&[("language", "ko"), ("quality", "good")]), ["2"]);
    assert!(select(&[("quality", "poor")]).is_empty());
}

#[test]
fn a_corpus_of_nothing_is_a_corpus() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &[], 1000);
    let corpus = Corpus::open(folder.path()).unwrap();
    assert!(corpus.is_empty());
    assert_eq!(corpus.documents().count(), 0);
}

#[test]
fn what_is_not_whole_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let error = Corpus::open(folder.path()).unwrap_err();
    assert!(
        format!("{error:#}").contains("is no corpus: wanted the file index.json in it"),
        "{error:#}"
    );

    let index = write(folder.path(), &documents(200), 4000);
    let again = Writer::create(folder.path(), WriteSettings::default())
        .err()
        .unwrap();
    assert!(
        again.to_string().contains("holds a corpus already"),
        "{again}"
    );

    let shard = folder.path().join(&index.shards[1].name);
    let bytes = std::fs::read(&shard).unwrap();
    let complaint = |bytes: &[u8]| {
        disk::write(&shard, bytes).unwrap();
        let mut documents = Corpus::open(folder.path()).unwrap().documents();
        let error = documents.by_ref().find_map(Result::err).expect("an error");
        assert!(documents.next().is_none());
        format!("{error:#}")
    };
    let truncated = complaint(&bytes[..bytes.len() / 2]);
    assert!(
        truncated.contains("documents-00001.jsonl.zst is damaged after 0 of"),
        "{truncated}"
    );
    let shorter = complaint(&zstd::encode_all(&b""[..], 3).unwrap());
    assert!(
        shorter.contains("ends after 0 documents, and index.json says"),
        "{shorter}"
    );
    let strange = complaint(&zstd::encode_all(&b"{}\n"[..], 3).unwrap());
    assert!(
        strange.contains("line 1 of") && strange.contains("is no document"),
        "{strange}"
    );
    disk::remove_file(&shard).unwrap();
    let error = Corpus::open(folder.path()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("is missing, which index.json names"),
        "{error}"
    );
    disk::write(&folder.path().join(INDEX), b"{").unwrap();
    let error = Corpus::open(folder.path()).unwrap_err();
    assert!(
        error.to_string().ends_with("index.json is damaged"),
        "{error}"
    );
}
