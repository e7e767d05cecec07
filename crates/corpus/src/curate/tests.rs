use super::*;
use crate::visit_ledger;
use anyhow::bail;

fn corpus(folder: &Path) -> Corpus {
    let mut writer = Writer::create(
        folder,
        WriteSettings {
            shard_bytes: 2_000,
            ..WriteSettings::default()
        },
    )
    .unwrap();
    for index in 0..200 {
        let language = if index % 3 == 0 { "ko" } else { "en" };
        writer
            .write(
                &Document::new(format!("문서-{index}"), format!("글 {index}"))
                    .with("language", language),
            )
            .unwrap();
    }
    writer.finish().unwrap();
    Corpus::open(folder).unwrap()
}

fn judge(place: u64, mut document: Document) -> Verdict {
    assert_eq!(document.id, format!("문서-{place}"));
    let mut entry = Entry::of(&document);
    entry.numbers = vec![place as f64];
    if place.is_multiple_of(5) {
        entry.drop("fifth");
        return Verdict {
            document: None,
            entry,
        };
    }
    document.text.push('!');
    entry.bytes_kept = document.text.len() as u64;
    Verdict {
        document: Some(document),
        entry,
    }
}

fn run(corpus: &Corpus, folder: &Path, name: &str, threads: usize, stop: u64) -> Result<Account> {
    let (partial, out) = (folder.join("partial").join(name), folder.join(name));
    disk::create_dir(&folder.join("partial"))?;
    disk::create_dir(&partial)?;
    disk::remove_dir(&out)?;
    disk::create_dir(&out)?;
    let curation = Curation {
        corpus,
        partial: &partial,
        out: &out,
        threads,
        names: &["place"],
    };
    curation.run(judge, |done, total| {
        if done >= stop && done < total {
            bail!("stopped")
        } else {
            Ok(())
        }
    })
}

fn bytes(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for folder in [folder.to_owned(), folder.join(LEDGER)] {
        for entry in std::fs::read_dir(folder)
            .unwrap()
            .flatten()
            .filter(|entry| entry.path().is_file())
        {
            files.push((
                entry.file_name().into_string().unwrap(),
                std::fs::read(entry.path()).unwrap(),
            ));
        }
    }
    files.sort();
    files
}

#[test]
fn workers_and_stops_leave_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = corpus(&folder.path().join("in"));
    assert!(corpus.index().shards.len() > 4);
    let account = run(&corpus, folder.path(), "one", 1, u64::MAX).unwrap();
    assert_eq!(account.total.came.documents, 200);
    assert_eq!(account.total.dropped["fifth"].documents, 40);
    assert_eq!(account.languages["ko"].came.documents, 67);
    let whole = bytes(&folder.path().join("one"));
    for (name, threads) in [("two", 2), ("seven", 7)] {
        assert_eq!(
            run(&corpus, folder.path(), name, threads, u64::MAX).unwrap(),
            account
        );
        assert_eq!(bytes(&folder.path().join(name)), whole, "{threads} threads");
    }
    let mut falls = 0;
    for stop in (1..200).step_by(30) {
        falls += usize::from(run(&corpus, folder.path(), "stopped", 2, stop).is_err());
    }
    assert!(falls > 2 && !parts(&folder.path().join("partial/stopped")).is_empty());
    assert_eq!(
        run(&corpus, folder.path(), "stopped", 2, u64::MAX).unwrap(),
        account
    );
    assert_eq!(
        bytes(&folder.path().join("stopped")),
        whole,
        "taken up again"
    );

    let kept = Corpus::open(&folder.path().join("one")).unwrap();
    assert_eq!(kept.len(), 160);
    assert!(
        kept.documents()
            .all(|document| document.unwrap().text.ends_with('!'))
    );
    let mut entries = 0;
    visit_ledger(&folder.path().join("one"), |names, entry| {
        assert_eq!(
            (names, entry.numbers[0]),
            (&["place".to_owned()][..], entries as f64)
        );
        assert_eq!(entry.kept(), entries % 5 != 0);
        entries += 1;
        Ok(())
    })
    .unwrap();
    assert_eq!(entries, 200);
}
