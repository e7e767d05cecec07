//! Tables as a hub stores them, for tests: Parquet files of texts, numbers and lists of texts.

use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use std::sync::Arc;

/// A cell.
#[derive(Clone, Copy, Debug)]
pub enum Cell<'a> {
    /// A text.
    Text(&'a str),
    /// A number.
    Number(i64),
    /// A list of texts.
    Texts(&'a [&'a str]),
}

/// The bytes of a Parquet file with these rows, all with the same columns.
///
/// # Panics
/// Where there is no row, or a column's cells are not of one sort.
pub fn written(rows: &[Vec<(&str, Cell<'_>)>]) -> Vec<u8> {
    let fields: String = rows[0]
        .iter()
        .map(|(name, cell)| match cell {
            Cell::Text(_) => format!("OPTIONAL BYTE_ARRAY {name} (UTF8); "),
            Cell::Number(_) => format!("REQUIRED INT64 {name}; "),
            Cell::Texts(_) => format!(
                "REQUIRED group {name} (LIST) {{ REPEATED group list {{ REQUIRED BYTE_ARRAY element (UTF8); }} }} "
            ),
        })
        .collect();
    let schema = parse_message_type(&format!("message schema {{ {fields}}}")).expect("a schema");
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY);
    let mut bytes = Vec::new();
    let properties = Arc::new(properties.build());
    let mut writer =
        SerializedFileWriter::new(&mut bytes, Arc::new(schema), properties).expect("a writer");
    let mut group = writer.next_row_group().expect("a group");
    let some = |text: &str| ByteArray::from(text.as_bytes().to_vec());
    for column in 0..rows[0].len() {
        let mut next = group.next_column().expect("a column").expect("another one");
        let cells = rows.iter().map(|row| row[column].1);
        match rows[0][column].1 {
            Cell::Text(_) => {
                let texts: Vec<ByteArray> = cells
                    .map(|cell| match cell {
                        Cell::Text(text) => some(text),
                        other => panic!("wanted a text, found {other:?}"),
                    })
                    .collect();
                let levels = vec![1; texts.len()];
                let column = next.typed::<ByteArrayType>();
                column.write_batch(&texts, Some(&levels), None)
            }
            Cell::Number(_) => {
                let numbers: Vec<i64> = cells
                    .map(|cell| match cell {
                        Cell::Number(number) => number,
                        other => panic!("wanted a number, found {other:?}"),
                    })
                    .collect();
                next.typed::<Int64Type>().write_batch(&numbers, None, None)
            }
            Cell::Texts(_) => {
                let (mut texts, mut repeated) = (vec![], vec![]);
                for cell in cells {
                    let Cell::Texts(list) = cell else {
                        panic!("wanted a list, found {cell:?}")
                    };
                    assert!(!list.is_empty(), "lists of nothing are not written");
                    texts.extend(list.iter().map(|text| some(text)));
                    repeated.extend((0..list.len()).map(|at| i16::from(at > 0)));
                }
                let levels = vec![1; texts.len()];
                let column = next.typed::<ByteArrayType>();
                column.write_batch(&texts, Some(&levels), Some(&repeated))
            }
        }
        .expect("written");
        next.close().expect("closed");
    }
    group.close().expect("closed");
    writer.close().expect("closed");
    bytes
}
