use std::path::Path;
use std::sync::Arc;

use parquet::basic::{Compression, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int32Type, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use serde_json::json;

use crate::{Document, ReadSettings, Reader, Source};

const SCHEMA: &str = "message schema {
    REQUIRED INT64 id;
    OPTIONAL BYTE_ARRAY text (UTF8);
    OPTIONAL INT32 day (DATE);
    REQUIRED DOUBLE score;
    OPTIONAL group meta { REQUIRED BYTE_ARRAY lang (UTF8); }
    OPTIONAL group tags (LIST) { REPEATED group list { REQUIRED BYTE_ARRAY element (UTF8); } }
}";

/// Rows of a text (or none), all with the same other columns.
fn parquet(texts: &[Option<&str>], compression: Compression) -> Vec<u8> {
    let schema = Arc::new(parse_message_type(SCHEMA).unwrap());
    let properties = WriterProperties::builder()
        .set_compression(compression)
        .build();
    let mut bytes = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut bytes, schema, Arc::new(properties)).unwrap();
    let rows = texts.len();
    let some = |text: &str| ByteArray::from(text.as_bytes().to_vec());
    let mut group = writer.next_row_group().unwrap();
    for column in 0.. {
        let Some(mut next) = group.next_column().unwrap() else {
            break;
        };
        match column {
            0 => next.typed::<Int64Type>().write_batch(
                &(1..=rows as i64).collect::<Vec<_>>(),
                None,
                None,
            ),
            1 => {
                let values: Vec<ByteArray> =
                    texts.iter().flatten().map(|text| some(text)).collect();
                let levels: Vec<i16> = texts.iter().map(|text| i16::from(text.is_some())).collect();
                next.typed::<ByteArrayType>()
                    .write_batch(&values, Some(&levels), None)
            }
            2 => next.typed::<Int32Type>().write_batch(
                &vec![17_403; rows],
                Some(&vec![1; rows]),
                None,
            ),
            3 => next
                .typed::<DoubleType>()
                .write_batch(&vec![0.5; rows], None, None),
            4 => next.typed::<ByteArrayType>().write_batch(
                &vec![some("ko"); rows],
                Some(&vec![1; rows]),
                None,
            ),
            _ => next.typed::<ByteArrayType>().write_batch(
                &vec![some("꼬리표"); 2 * rows],
                Some(&vec![2; 2 * rows]),
                Some(&[0, 1].repeat(rows)),
            ),
        }
        .unwrap();
        next.close().unwrap();
    }
    group.close().unwrap();
    writer.close().unwrap();
    bytes
}

fn read(bytes: &[u8], settings: ReadSettings) -> (Vec<Document>, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("행.parquet");
    disk::write(&path, bytes).unwrap();
    read_path(&path, settings)
}

fn read_path(path: &Path, settings: ReadSettings) -> (Vec<Document>, Vec<String>) {
    let mut reader = Reader::new(&Source::discover(path).unwrap(), settings);
    let (mut documents, mut bad) = (Vec::new(), Vec::new());
    while let Some(record) = reader.next_record().unwrap() {
        match record {
            Ok(document) => documents.push(document),
            Err(line) => bad.push(line.to_string()),
        }
    }
    (documents, bad)
}

fn lenient() -> ReadSettings {
    ReadSettings {
        stop_past_share: 1.0,
        ..ReadSettings::default()
    }
}

#[test]
fn rows_are_documents_and_columns_metadata() {
    let texts = [Some("가나다"), None, Some(""), Some("라")];
    for compression in [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(Default::default()),
        Compression::ZSTD(ZstdLevel::default()),
    ] {
        let (documents, bad) = read(&parquet(&texts, compression), lenient());
        assert_eq!(documents.len(), 2, "{compression:?}: {bad:?}");
        let expected = json!({
            "id": "1", "text": "가나다",
            "metadata": {"day": "2017-08-25", "score": 0.5, "meta": {"lang": "ko"}, "tags": ["꼬리표", "꼬리표"]},
        });
        assert_eq!(json!(documents[0]), expected);
        assert_eq!(documents[1].id, "4");
        assert_eq!(bad.len(), 2);
        assert!(
            bad[0].starts_with("행.parquet, line 2: missing_text (no field \"text\" among"),
            "{bad:?}"
        );
        assert!(
            bad[1].starts_with("행.parquet, line 3: empty_text"),
            "{bad:?}"
        );
    }
}

#[test]
fn only_the_columns_that_are_wanted_are_read() {
    let bytes = parquet(&[Some("가")], Compression::SNAPPY);
    let settings = ReadSettings {
        metadata_fields: Some(vec!["score".to_owned()]),
        ..lenient()
    };
    let (documents, _) = read(&bytes, settings);
    assert_eq!(
        json!(documents[0]),
        json!({"id": "1", "text": "가", "metadata": {"score": 0.5}})
    );
    let settings = ReadSettings {
        text_field: "본문".to_owned(),
        metadata_fields: Some(vec![]),
        ..lenient()
    };
    let (documents, bad) = read(&bytes, settings);
    assert!(
        documents.is_empty() && bad[0].contains("missing_text"),
        "{bad:?}"
    );
}

#[test]
fn damaged_files_are_one_bad_record_each() {
    let texts: Vec<Option<&str>> = vec![Some("가나다라마바사"); 5000];
    let whole = parquet(&texts, Compression::ZSTD(ZstdLevel::default()));
    for (bytes, expected) in [
        (&whole[..whole.len() / 2], "line 0: corrupt_parquet"),
        (&whole[..0], "line 0: corrupt_parquet"),
        (b"{\"text\":\"no\"}", "line 0: corrupt_parquet"),
    ] {
        let (documents, bad) = read(bytes, lenient());
        assert_eq!((documents.len(), bad.len()), (0, 1));
        assert!(bad[0].contains(expected), "{bad:?}");
    }
    // Wherever a byte is wrong, every row is either given or said to be lost.
    for at in (8..whole.len()).step_by(whole.len() / 24) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x55;
        let (documents, bad) = read(&damaged, lenient());
        assert!(
            documents.len() == texts.len() || !bad.is_empty(),
            "byte {at}"
        );
    }
}
