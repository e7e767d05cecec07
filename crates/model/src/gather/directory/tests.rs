//! Directories cut into directories: the same bytes, the same cuts as in memory, stopped when told.

use crate::checkpoint::{self, Checkpoint, Dtype, Stored};
use crate::example::shape;
use crate::gather::tests::{gather, roomy};
use crate::gather::{Choice, Gather, Selection};
use crate::{Axis, Initial, SpecialTokens, table};
use std::collections::BTreeMap;
use std::path::Path;
use tempfile::tempdir;

/// A checkpoint of the roomy shape.
fn written(directory: &Path, tied: bool, settings: checkpoint::Settings) {
    let shape = roomy(tied);
    let special = SpecialTokens {
        bos: Some(1),
        ..SpecialTokens::default()
    };
    checkpoint::write(directory, &shape, &special, settings, |spec| {
        Initial::from(0.4).values(11, &shape, spec)
    })
    .unwrap();
}

fn files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(directory).unwrap();
    let read = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        (name, std::fs::read(path).unwrap())
    };
    entries.map(read).collect()
}

#[test]
fn directories_come_out_as_they_went_in() {
    for (tied, dtype, shard_bytes) in [
        (true, Dtype::Bf16, usize::MAX),
        (false, Dtype::F32, usize::MAX),
        (false, Dtype::Bf16, 1000),
    ] {
        let (from, to) = (tempdir().unwrap(), tempdir().unwrap());
        written(
            from.path(),
            tied,
            checkpoint::Settings { dtype, shard_bytes },
        );
        let checkpoint = Checkpoint::open(from.path()).unwrap();
        let stored = checkpoint.stored_all().unwrap();
        assert_eq!(stored, Stored::from(dtype));
        let gather = Gather::new(&roomy(tied), Selection::everything()).unwrap();
        let mut told = 0;
        gather
            .directory(&checkpoint, to.path(), (stored, shard_bytes), |done, of| {
                assert!(done > told && done <= of);
                told = done;
                Ok(())
            })
            .unwrap();
        assert_eq!(told, roomy(tied).parameters() as u64);
        assert!(files(from.path()) == files(to.path()));
    }
}

#[test]
fn a_directory_is_cut_as_in_memory_and_stops_when_told() {
    let from = tempdir().unwrap();
    written(from.path(), false, checkpoint::Settings::of(Dtype::Bf16));
    let checkpoint = Checkpoint::open(from.path()).unwrap();
    let selection = Selection::everything()
        .with(Axis::Layer, Choice::global([0, 2, 2, 1]))
        .with(Axis::Width, Choice::global([1, 4, 5, 9]))
        .with(Axis::Group, Choice::global([2, 0]));
    let gather = gather(selection).tied().unwrap().silent([2]).unwrap();
    let settings = (Stored::F32, 2000);
    // A block of all, and blocks of a few numbers: some rows of what is narrow, one of what is wide.
    let [to, piecemeal] = [super::BLOCK, 7].map(|block| {
        let to = tempdir().unwrap();
        gather
            .in_blocks(block, &checkpoint, to.path(), settings, |_, _| Ok(()))
            .unwrap();
        to
    });
    assert!(files(to.path()) == files(piecemeal.path()));
    let result = Checkpoint::open(to.path()).unwrap();
    assert_eq!(
        (&result.shape, &result.special),
        (gather.shape(), &checkpoint.special)
    );
    for spec in table(gather.shape()) {
        let expected = gather.parameter(&spec, &checkpoint).unwrap().into_f32();
        assert!(
            result.read(&spec).unwrap().into_f32() == expected,
            "{}",
            spec.name
        );
    }
    let stopped = tempdir().unwrap();
    let error = gather.directory(&checkpoint, stopped.path(), settings, |done, _| {
        anyhow::ensure!(done < 1000, "enough");
        Ok(())
    });
    assert_eq!(error.unwrap_err().root_cause().to_string(), "enough");
    assert!(Checkpoint::open(stopped.path()).is_err());
    let other = Gather::new(&shape(false), Selection::everything()).unwrap();
    let error = other.directory(&checkpoint, stopped.path(), settings, |_, _| Ok(()));
    assert!(error.unwrap_err().to_string().contains("another shape"));
}

#[test]
fn half_precision_keeps_its_bits_too() {
    let [full, half, again] = [(); 3].map(|()| tempdir().unwrap());
    written(full.path(), true, checkpoint::Settings::of(Dtype::F32));
    let everything = Gather::new(&roomy(true), Selection::everything()).unwrap();
    for (from, to) in [(&full, &half), (&half, &again)] {
        let checkpoint = Checkpoint::open(from.path()).unwrap();
        let into = (Stored::F16, usize::MAX);
        everything
            .directory(&checkpoint, to.path(), into, |_, _| Ok(()))
            .unwrap();
    }
    assert!(files(half.path()) == files(again.path()));
    let stored = Checkpoint::open(again.path())
        .unwrap()
        .stored_all()
        .unwrap();
    assert_eq!(stored, Stored::F16);
}
