use super::*;
use crate::sources::pretend::{Cell, written};

#[test]
fn rows_are_read_with_lists_and_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("시험.parquet");
    let rows = [
        vec![
            ("question", Cell::Text("하나는?")),
            ("choices", Cell::Texts(&["가", "나"])),
            ("answer", Cell::Number(1)),
        ],
        vec![
            ("question", Cell::Text("둘, \"셋\"\n?")),
            ("choices", Cell::Texts(&["다", ""])),
            ("answer", Cell::Number(0)),
        ],
    ];
    let bytes = written(&rows);
    disk::write(&path, &bytes).unwrap();
    let found = parquet(&path).unwrap();
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].value["choices"], serde_json::json!(["가", "나"]));
    assert_eq!(found[1].value["question"], "둘, \"셋\"\n?");
    assert_eq!(found[1].value["answer"], 0);
    assert!(found[1].place.to_string().ends_with("시험.parquet, row 2"));
    // Damage anywhere is damage.
    for cut in [0, 3, bytes.len() / 2, bytes.len() - 1] {
        disk::write(&path, &bytes[..cut]).unwrap();
        let error = format!("{:#}", parquet(&path).unwrap_err());
        assert!(error.contains("not a whole Parquet file"), "{cut}: {error}");
    }
}
