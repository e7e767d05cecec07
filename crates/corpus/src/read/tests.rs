use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn put(folder: &Path, name: &str, bytes: &[u8]) {
    let path = folder.join(name);
    disk::create_dir(path.parent().unwrap()).unwrap();
    disk::write(&path, bytes).unwrap();
}

fn zst(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).unwrap()
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn lenient() -> ReadSettings {
    ReadSettings {
        stop_past_share: 1.0,
        ..ReadSettings::default()
    }
}

/// Everything a folder of one file gives: documents, and `line: reason` of the rest.
fn read(name: &str, bytes: &[u8], settings: ReadSettings) -> (Vec<Document>, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), name, bytes);
    let mut reader = Reader::new(&Source::discover(folder.path()).unwrap(), settings);
    let (mut documents, mut bad) = (Vec::new(), Vec::new());
    while let Some(record) = reader.next_record().unwrap() {
        match record {
            Ok(document) => documents.push(document),
            Err(line) => bad.push(format!("{}: {} ({})", line.line, line.reason, line.detail)),
        }
    }
    assert_eq!(reader.bad().total, bad.len() as u64);
    assert_eq!(reader.records(), (documents.len() + bad.len()) as u64);
    (documents, bad)
}

fn texts(documents: &[Document]) -> Vec<&str> {
    documents.iter().map(|document| &*document.text).collect()
}

#[test]
fn a_line_that_cannot_be_read_is_counted_with_its_reason() {
    let syllable_cut = [r#"{"text":"하"#.as_bytes(), &"늘".as_bytes()[..2], br#""}"#].concat();
    let deep = format!("{{\"text\":{}1{}}}", "[".repeat(300), "]".repeat(300));
    for (line, expected) in [
        (
            &syllable_cut[..],
            "1: invalid_utf8 (not UTF-8 at byte 12 of the record (byte 12 of the file): EB 8A 22)",
        ),
        (
            br#"{"text":"a""#,
            "1: broken_json (EOF while parsing an object at line 1 column 11)",
        ),
        (
            br#"{"text":"\ud83d"}"#,
            "1: broken_json (unexpected end of hex escape at line 1 column 16)",
        ),
        (
            deep.as_bytes(),
            "1: broken_json (recursion limit exceeded at line 1 column 135)",
        ),
        (b"[1]", "1: not_an_object (the line is an array)"),
        (
            b"\"\xEA\xB0\x80\"",
            "1: not_an_object (the line is a string)",
        ),
        (
            br#"{"txt":"a","lang":"ko"}"#,
            "1: missing_text (no field \"text\" among lang, txt)",
        ),
        (
            br#"{"text":null}"#,
            "1: missing_text (no field \"text\" among )",
        ),
        (
            br#"{"text":3}"#,
            "1: text_not_a_string (the field \"text\" is a number)",
        ),
        (
            br#"{"text":" \n\u3000"}"#,
            "1: empty_text (5 bytes, all white space)",
        ),
    ] {
        let (documents, bad) = read("a.jsonl", line, lenient());
        assert_eq!(
            (documents.len(), bad),
            (0, vec![expected.to_owned()]),
            "{}",
            String::from_utf8_lossy(line)
        );
    }
}

#[test]
fn what_follows_a_bad_line_is_read() {
    let lines = b"\xEF\xBB\xBF{\"text\":\"one\"}\r\n\n  \n{\"text\":\"\xFF\"}\n{\"text\":\"two\"}";
    let (documents, bad) = read("a.jsonl", lines, lenient());
    assert_eq!(texts(&documents), ["one", "two"]);
    assert_eq!(documents[1].id, "a.jsonl:5");
    assert_eq!(
        bad,
        ["4: invalid_utf8 (not UTF-8 at byte 9 of the record (byte 32 of the file): FF 22 7D)"]
    );
}

#[test]
fn fields_become_id_text_and_metadata() {
    let line = r#"{"id":7,"body":"가나","lang":"ko","rating":3,"metadata":{"rating":1,"date":"2017-08-25"},"text":"x"}"#;
    let settings = ReadSettings {
        text_field: "body".to_owned(),
        metadata_fields: Some(vec![
            "lang".to_owned(),
            "rating".to_owned(),
            "date".to_owned(),
        ]),
        add: json!({"source": "청원", "lang": "kor"})
            .as_object()
            .unwrap()
            .clone(),
        ..lenient()
    };
    let (documents, bad) = read("a.ndjson", line.as_bytes(), settings);
    assert!(bad.is_empty());
    let expected = json!({"date": "2017-08-25", "lang": "kor", "rating": 3, "source": "청원"});
    assert_eq!(
        json!(documents[0].metadata),
        expected,
        "outer fields win over inner ones, ours over both"
    );
    assert_eq!((&*documents[0].id, &*documents[0].text), ("7", "가나"));
    let (documents, _) = read(
        "a.jsonl",
        br#"{"text":"a","metadata":"x","other":[1]}"#,
        lenient(),
    );
    assert_eq!(
        json!(documents[0].metadata),
        json!({"metadata": "x", "other": [1]})
    );
}

#[test]
fn separate_jamo_become_syllables_and_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let decomposed = "\u{1112}\u{1161}\u{11AB}\u{1100}\u{1173}\u{11AF}\u{a0}ㄱ"; // conjoining jamo; ㄱ is a letter of its own
    let line = |text: &str| format!("{{\"text\":\"{text}\"}}\n");
    put(
        folder.path(),
        "a.jsonl",
        (line(decomposed) + &line("한글")).as_bytes(),
    );
    let source = Source::discover(folder.path()).unwrap();
    let mut reader = Reader::new(&source, ReadSettings::default());
    let read: Vec<String> = reader
        .by_ref()
        .map(|document| document.unwrap().text)
        .collect();
    assert_eq!(
        read,
        ["한글\u{a0}ㄱ", "한글"],
        "normalised, and nothing else changed"
    );
    assert_eq!(reader.normalised(), 1);
    let as_it_is = ReadSettings {
        normalise: false,
        ..ReadSettings::default()
    };
    let mut reader = Reader::new(&source, as_it_is);
    assert_eq!(reader.next().unwrap().unwrap().text, decomposed);
    assert_eq!(reader.normalised(), 0);
}

/// A text of another system is the text; where nothing is normalised, it is the bytes.
#[test]
fn line_ends_are_line_feeds() {
    let feeds = "# 제목\n\n그는 학교에 갔다.\n나는 집에 있었다.\n\n\n비가 왔다.\x0c다음 쪽이다.\n";
    let jamo = feeds.replace('갔', "\u{1100}\u{1161}\u{11BB}");
    let as_it_is = ReadSettings {
        normalise: false,
        ..lenient()
    };
    for text in [feeds, jamo.as_str()] {
        for (ends, splits) in [
            (
                "\r\n",
                &[TextSplit::Whole, TextSplit::Paragraphs, TextSplit::Pages][..],
            ),
            ("\r", &[TextSplit::Whole, TextSplit::Pages]),
        ] {
            let other = text.replace('\n', ends);
            let line = json!({ "text": other }).to_string();
            let (documents, _) = read("a.jsonl", line.as_bytes(), lenient());
            assert_eq!(texts(&documents), [feeds]);
            let (documents, _) = read("a.jsonl", line.as_bytes(), as_it_is.clone());
            assert_eq!(texts(&documents), [&other]);
            for split in splits {
                let with = |text_files| ReadSettings {
                    text_files,
                    ..lenient()
                };
                let (expected, _) = read("a.txt", feeds.as_bytes(), with(*split));
                let (documents, _) = read("a.txt", other.as_bytes(), with(*split));
                assert_eq!(documents, expected, "{split:?}");
            }
            let (documents, _) = read("a.txt", other.as_bytes(), as_it_is.clone());
            assert_eq!(texts(&documents), [&other]);
        }
    }
    assert_eq!(normalised("가\r\r\n\n\r").as_deref(), Some("가\n\n\n\n"));
    assert_eq!(normalised(feeds), None);
}

#[test]
fn compressed_files_read_alike_and_a_lost_tail_is_counted() {
    let lines: String = (0..2000).fold(String::new(), |mut all, number| {
        let _ = writeln!(
            all,
            "{{\"id\":\"{number}\",\"text\":\"{}번째 문서 {}\"}}",
            number,
            number * number * 7919
        );
        all
    });
    let (plain, _) = read("a.jsonl", lines.as_bytes(), lenient());
    assert_eq!(plain.len(), 2000);
    for (name, packed) in [
        ("a.jsonl.zst", zst(lines.as_bytes())),
        ("a.jsonl.gz", gz(lines.as_bytes())),
    ] {
        assert_eq!(
            read(name, &packed, lenient()),
            (plain.clone(), vec![]),
            "{name}"
        );
        let twice = [packed.clone(), packed.clone()].concat();
        assert_eq!(
            read(name, &twice, lenient()).0.len(),
            4000,
            "{name}: two members one after the other"
        );
        let (documents, bad) = read(name, b"", lenient());
        assert!(documents.is_empty(), "{name}");
        assert!(
            bad[0].starts_with("1: truncated_file"),
            "{name}: not even a header: {bad:?}"
        );

        let (documents, bad) = read(name, &packed[..packed.len() * 2 / 3], lenient());
        assert!(
            documents.len() < 2000 && documents == plain[..documents.len()],
            "{name}"
        );
        assert_eq!(bad.len(), 1);
        assert!(
            bad[0].starts_with(&format!("{}: truncated_file", documents.len() + 1)),
            "{bad:?}"
        );

        let mut damaged = packed.clone();
        let middle = damaged.len() / 2;
        damaged[middle..middle + 64].fill(0xFF);
        let (_, bad) = read(name, &damaged, lenient());
        assert!(!bad.is_empty(), "{name}: damage in the middle is noticed");
        let (_, bad) = read(name, b"{\"text\":\"not packed\"}", lenient());
        assert!(bad[0].contains("corrupt_file"), "{name}: {bad:?}");
    }
}

#[test]
fn too_long_a_line_is_passed_over_without_being_held() {
    let long = format!(
        "{{\"text\":\"{}\"}}\n{{\"text\":\"짧다\"}}\n",
        "가".repeat(1000)
    );
    let (documents, bad) = read(
        "a.jsonl",
        long.as_bytes(),
        ReadSettings {
            longest: 100,
            ..lenient()
        },
    );
    assert_eq!(texts(&documents), ["짧다"]);
    assert_eq!(bad, ["1: too_long (3011 bytes, and at most 100 are read)"]);
}

#[test]
fn a_second_document_of_an_id_is_refused_where_asked() {
    let lines = b"{\"id\":\"a\",\"text\":\"1\"}\n{\"id\":\"a\",\"text\":\"2\"}\n{\"text\":\"3\"}";
    assert_eq!(read("a.jsonl", lines, lenient()).0.len(), 3);
    let (documents, bad) = read(
        "a.jsonl",
        lines,
        ReadSettings {
            unique_ids: true,
            ..lenient()
        },
    );
    assert_eq!(texts(&documents), ["1", "3"]);
    assert_eq!(bad, ["2: duplicate_id (a came before)"]);
}

#[test]
fn text_files_whole_by_paragraph_and_by_page() {
    let text = "# 제목\n첫 문단\n둘째 줄\n\n \n둘째 문단\x0c다음 쪽\n\x0c\n";
    let with = |split| ReadSettings {
        text_files: split,
        ..lenient()
    };
    let (whole, _) = read("책/장.md", text.as_bytes(), with(TextSplit::Whole));
    assert_eq!((&*whole[0].id, &*whole[0].text), ("책/장.md", text));
    let (paragraphs, _) = read("a.txt", text.as_bytes(), with(TextSplit::Paragraphs));
    assert_eq!(texts(&paragraphs)[0], "# 제목\n첫 문단\n둘째 줄");
    assert_eq!(paragraphs[1].id, "a.txt:6");
    let (pages, bad) = read("a.txt.gz", &gz(text.as_bytes()), with(TextSplit::Pages));
    assert_eq!((pages.len(), bad.len()), (2, 0));
    assert_eq!(
        (&*pages[1].id, &*pages[1].text),
        ("a.txt.gz:2", "다음 쪽\n")
    );

    assert_eq!(
        read("a.txt", b"", with(TextSplit::Whole)).1,
        ["1: empty_text (the file is empty)"]
    );
    assert_eq!(read("a.txt", b"", with(TextSplit::Pages)), (vec![], vec![]));
    assert_eq!(
        read("a.txt", b"\n\n", with(TextSplit::Whole)).1,
        ["1: empty_text (2 bytes, all white space)"]
    );
    let (documents, bad) = read(
        "a.txt",
        b"good\n\nbad \xFF\n\ngood",
        with(TextSplit::Paragraphs),
    );
    assert_eq!(documents.len(), 2);
    assert_eq!(
        bad,
        ["3: invalid_utf8 (not UTF-8 at byte 4 of the record (byte 10 of the file): FF)"]
    );
    let small = ReadSettings {
        longest: 8,
        ..with(TextSplit::Whole)
    };
    assert_eq!(read("a.txt", b"12345678", small.clone()).0.len(), 1);
    assert!(read("a.txt", b"123456\n89", small).1[0].starts_with("1: too_long"));
    let half = zst(text.repeat(200).as_bytes());
    let (documents, bad) = read("a.md.zst", &half[..half.len() - 5], with(TextSplit::Whole));
    assert_eq!(
        (documents.len(), bad[0].contains("truncated_file")),
        (0, true)
    );
}

#[test]
fn files_are_found_in_order_and_the_others_named() {
    let folder = tempfile::tempdir().unwrap();
    for name in [
        "b.jsonl",
        "a/가.txt",
        "a/2.md",
        ".hidden.jsonl",
        ".git/x.txt",
        "c.pdf",
        "d.json",
        "README",
        "e.parquet.gz",
    ] {
        put(folder.path(), name, b"{\"text\":\"x\"}");
    }
    let source = Source::discover(folder.path()).unwrap();
    let names: Vec<&str> = source.files.iter().map(|file| &*file.name).collect();
    assert_eq!(names, ["a/2.md", "a/가.txt", "b.jsonl"]);
    let skipped: Vec<String> = source
        .skipped
        .iter()
        .map(|skipped| format!("{}: {}", skipped.name, skipped.reason))
        .collect();
    assert_eq!(
        skipped[0],
        "README: without an extension its kind is unknown"
    );
    assert_eq!(skipped[1], "c.pdf: files of kind .pdf are not read");
    assert_eq!(skipped.len(), 4);
    assert_eq!(source.bytes(), 36);
    let mut reader = Reader::new(&source, lenient());
    assert_eq!(reader.by_ref().count(), 3);
    assert_eq!(reader.progress(), (36, 36));

    let single = Source::discover(&folder.path().join("b.jsonl")).unwrap();
    assert_eq!(single.files[0].name, "b.jsonl");
    let error = Source::discover(&folder.path().join("없음")).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("there is no file or folder to read at"),
        "{error}"
    );
    let error = Source::discover(&folder.path().join("c.pdf")).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("found c.pdf (files of kind .pdf are not read)"),
        "{error}"
    );
}

#[test]
fn too_large_a_share_of_bad_lines_stops_the_work() {
    let folder = tempfile::tempdir().unwrap();
    let mut lines = "{\"text\":\"좋다\"}\n".repeat(97) + "{\"text\":\"\"}\n" + "{\n{\n";
    let with = |share| ReadSettings {
        stop_past_share: share,
        samples: 1,
        ..ReadSettings::default()
    };
    put(folder.path(), "a.jsonl", lines.as_bytes());
    let source = Source::discover(folder.path()).unwrap();
    let mut reader = Reader::new(&source, with(0.03));
    assert_eq!(reader.by_ref().filter(Result::is_ok).count(), 97);
    assert_eq!(
        (reader.bad().total, reader.bad().samples.len()),
        (3, 2),
        "three, and one of each kind kept"
    );

    let mut reader = Reader::new(&source, with(0.01));
    let error = reader.by_ref().find_map(Result::err).unwrap().to_string();
    assert!(error.starts_with("3 of 100 records of "), "{error}");
    assert!(error.contains(
        "(3.00 %), more than the 1.00 % that `stop_past_share` allows: broken_json 2, empty_text 1"
    ));
    assert!(
        error.contains("The first: a.jsonl, line 98: empty_text (0 bytes, all white space)"),
        "{error}"
    );
    assert!(
        reader.next().is_none(),
        "after an error there is nothing more"
    );

    // With enough to judge by, the work stops on the way.
    lines = "{\n".repeat(10_000) + &lines.repeat(1000);
    put(folder.path(), "a.jsonl", lines.as_bytes());
    let mut reader = Reader::new(&Source::discover(folder.path()).unwrap(), with(0.2));
    assert!(reader.by_ref().next().unwrap().is_err());
    assert_eq!(reader.records(), 10_000);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_it_fall_over(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
        name in proptest::sample::select(vec!["a.jsonl", "a.jsonl.zst", "a.jsonl.gz", "a.txt", "a.md.gz", "a.txt.zst"]),
        pages in any::<bool>(),
    ) {
        let text_files = if pages { TextSplit::Pages } else { TextSplit::Paragraphs };
        read(name, &bytes, ReadSettings { text_files, ..lenient() });
    }

    #[test]
    fn any_text_in_a_line_comes_back(texts in proptest::collection::vec("\\PC{1,30}|[가-힣ᄀ-ᇿ👍\n]{1,9}", 1..8)) {
        let lines: String = texts.iter().map(|text| json!({"text": text}).to_string() + "\n").collect();
        let settings = ReadSettings { normalise: false, ..lenient() };
        let (documents, bad) = read("a.jsonl.zst", &zst(lines.as_bytes()), settings);
        let kept: Vec<&String> = texts.iter().filter(|text| !text.trim().is_empty()).collect();
        prop_assert_eq!(documents.iter().map(|document| &document.text).collect::<Vec<_>>(), kept);
        prop_assert_eq!(bad.len(), texts.len() - documents.len());
    }
}
