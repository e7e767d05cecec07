//! Brings together what has one key, on the disk: records go into sorted runs, runs are merged.
//!
//! This is the only place where curation needs to see all documents at once, and the only one that a
//! runner on many machines has to replace: [`Shuffle`] is all of it. A run is one piece of the input,
//! written atomically; so a killed run loses the piece it was at. Layout of a run: for each partition its
//! records (key and value, 8 bytes each, little-endian) in order; then for each partition their number and
//! their BLAKE3; then the number of partitions and a magic word.
//!
//! At most [`OPEN`] runs are open at once: where there are more, so many at a time are first folded into one,
//! which takes as much of the disk again as the partition has.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use disk::AtomicFile;

/// A key and what it belongs to.
pub(crate) type Record = (u64, u64);

/// Records by key: many pieces in, groups of one key out.
pub(crate) trait Shuffle {
    /// Adds the records of one piece of the input, a list for each partition; lists are taken.
    fn add(&mut self, partitions: &mut [Vec<Record>]) -> Result<()>;
    /// Visits the keys of a partition in order, each with its values in order.
    fn groups(
        &self,
        partition: usize,
        visit: &mut dyn FnMut(u64, &[u64]) -> Result<()>,
    ) -> Result<()>;
}

const MAGIC: &[u8; 8] = b"shuffle1";
const RECORD: u64 = 16;
const ENTRY: u64 = 40;
/// Runs that are merged at once. Each is an open file, of which some systems allow 256.
const OPEN: usize = 200;

/// Runs in a folder.
pub(crate) struct DiskShuffle {
    folder: PathBuf,
    runs: Vec<PathBuf>,
    at_once: usize,
}

impl DiskShuffle {
    /// Opens a folder with whatever runs an earlier attempt has finished there.
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        disk::create_dir(folder)?;
        let mut shuffle = Self {
            folder: folder.to_owned(),
            runs: Vec::new(),
            at_once: OPEN,
        };
        while shuffle.next().is_file() {
            shuffle.runs.push(shuffle.next());
        }
        Ok(shuffle)
    }

    fn next(&self) -> PathBuf {
        self.folder.join(format!("run-{:05}", self.runs.len()))
    }

    /// How many records a partition has in all runs together.
    pub(crate) fn records(&self, partition: usize) -> Result<u64> {
        self.runs
            .iter()
            .map(|path| Ok(Run::open(path, partition)?.left()))
            .sum()
    }

    /// Runs of one partition in which all records of this one are, few enough to be merged at once.
    fn fold(&self, partition: usize, folder: &Path) -> Result<Vec<PathBuf>> {
        let (mut paths, mut from) = (Vec::new(), self.runs.as_slice());
        let mut partition = partition;
        for level in 0.. {
            let folded = folder.join(level.to_string());
            disk::create_dir(&folded)?;
            let mut next = Vec::new();
            for some in from.chunks(self.at_once) {
                let path = folded.join(format!("run-{:05}", next.len()));
                let mut file = AtomicFile::create(&path)?;
                let mut section = Section::default();
                merge(some, partition, &mut |record| {
                    section.write(&mut file, record)
                })?;
                finish(file, vec![section])?;
                next.push(path);
            }
            if level > 0 {
                disk::remove_dir(&folder.join((level - 1).to_string()))?;
            }
            (paths, partition) = (next, 0);
            from = &paths;
            if from.len() <= self.at_once {
                break;
            }
        }
        Ok(paths)
    }

    /// Merges all runs into one file in which every key stands once, with its first value.
    pub(crate) fn merge_into(&self, path: &Path, partitions: usize) -> Result<()> {
        let mut file = AtomicFile::create(path)?;
        let mut entries = Vec::new();
        for partition in 0..partitions {
            let mut section = Section::default();
            self.groups(partition, &mut |key, values| {
                section.write(&mut file, (key, values[0]))
            })?;
            entries.push(section);
        }
        finish(file, entries)
    }
}

impl Shuffle for DiskShuffle {
    fn add(&mut self, partitions: &mut [Vec<Record>]) -> Result<()> {
        let path = self.next();
        let mut file = AtomicFile::create(&path)?;
        let mut entries = Vec::new();
        for records in partitions {
            records.sort_unstable();
            let mut section = Section::default();
            for record in &*records {
                section.write(&mut file, *record)?;
            }
            records.clear();
            entries.push(section);
        }
        finish(file, entries)?;
        self.runs.push(path);
        Ok(())
    }

    fn groups(
        &self,
        partition: usize,
        visit: &mut dyn FnMut(u64, &[u64]) -> Result<()>,
    ) -> Result<()> {
        let mut values: Vec<u64> = Vec::new();
        let mut current = None;
        let mut take = |(key, value): Record| {
            if current != Some(key) {
                if let Some(key) = current {
                    visit(key, &values)?;
                }
                values.clear();
                current = Some(key);
            }
            values.push(value);
            Ok(())
        };
        if self.runs.len() <= self.at_once {
            merge(&self.runs, partition, &mut take)?;
        } else {
            let folder = self.folder.join("folded");
            // What a killed attempt left.
            disk::remove_dir(&folder)?;
            merge(&self.fold(partition, &folder)?, 0, &mut take)?;
            disk::remove_dir(&folder)?;
        }
        current.map_or(Ok(()), |key| visit(key, &values))
    }
}

/// Visits the records of a partition of some runs in order.
fn merge(
    runs: &[PathBuf],
    partition: usize,
    visit: &mut dyn FnMut(Record) -> Result<()>,
) -> Result<()> {
    let mut runs = runs
        .iter()
        .map(|path| Run::open(path, partition))
        .collect::<Result<Vec<_>>>()?;
    let mut heap = BinaryHeap::new();
    for (index, run) in runs.iter_mut().enumerate() {
        heap.extend(run.next()?.map(|record| Reverse((record, index))));
    }
    while let Some(Reverse((record, index))) = heap.pop() {
        visit(record)?;
        heap.extend(runs[index].next()?.map(|record| Reverse((record, index))));
    }
    Ok(())
}

/// One partition of a run while it is written.
#[derive(Default)]
struct Section {
    records: u64,
    hasher: blake3::Hasher,
}

impl Section {
    fn write(&mut self, file: &mut AtomicFile, record: Record) -> Result<()> {
        let bytes = bytes(record);
        self.hasher.update(&bytes);
        self.records += 1;
        Ok(file.write_all(&bytes)?)
    }
}

fn bytes((key, value): Record) -> [u8; RECORD as usize] {
    let mut bytes = [0; RECORD as usize];
    bytes[..8].copy_from_slice(&key.to_le_bytes());
    bytes[8..].copy_from_slice(&value.to_le_bytes());
    bytes
}

fn finish(mut file: AtomicFile, entries: Vec<Section>) -> Result<()> {
    for entry in &entries {
        file.write_all(&entry.records.to_le_bytes())?;
        file.write_all(entry.hasher.finalize().as_bytes())?;
    }
    file.write_all(&(entries.len() as u64).to_le_bytes())?;
    file.write_all(MAGIC)?;
    Ok(file.commit()?)
}

/// One partition of a run while it is read; what it gives is checked when it ends.
pub(crate) struct Run {
    path: PathBuf,
    input: BufReader<std::fs::File>,
    left: u64,
    hasher: blake3::Hasher,
    expected: [u8; 32],
}

impl Run {
    pub(crate) fn open(path: &Path, partition: usize) -> Result<Self> {
        let read = || -> Result<Self> {
            let mut file = std::fs::File::open(path)?;
            let mut word = [0; 8];
            let mut tail = [0; 16];
            let length = file.seek(SeekFrom::End(0))?;
            ensure!(length >= 16, "it is too short");
            file.seek(SeekFrom::Start(length - 16))?;
            file.read_exact(&mut tail)?;
            ensure!(&tail[8..] == MAGIC, "it does not end as such a file ends");
            word.copy_from_slice(&tail[..8]);
            let partitions = u64::from_le_bytes(word);
            let footer = partitions
                .checked_mul(ENTRY)
                .and_then(|bytes| bytes.checked_add(16))
                .filter(|bytes| *bytes <= length);
            let footer = footer.context("its list of partitions is longer than itself")?;
            ensure!(
                (partition as u64) < partitions,
                "it has {partitions} partitions, and number {partition} was wanted"
            );
            file.seek(SeekFrom::Start(length - footer))?;
            let (mut before, mut all, mut left, mut expected) = (0u64, 0u64, 0, [0; 32]);
            for index in 0..partitions {
                file.read_exact(&mut word)?;
                let records = u64::from_le_bytes(word);
                let mut hash = [0; 32];
                file.read_exact(&mut hash)?;
                if index < partition as u64 {
                    before += records;
                } else if index == partition as u64 {
                    (left, expected) = (records, hash);
                }
                all = all.saturating_add(records);
            }
            ensure!(
                all.checked_mul(RECORD) == Some(length - footer),
                "its length is not that of its records"
            );
            file.seek(SeekFrom::Start(before * RECORD))?;
            let input = BufReader::with_capacity(64 << 10, file);
            Ok(Self {
                path: path.to_owned(),
                input,
                left,
                hasher: blake3::Hasher::new(),
                expected,
            })
        };
        read().with_context(|| format!("{} cannot be read as a run of keys", path.display()))
    }

    /// How many records are left.
    pub(crate) fn left(&self) -> u64 {
        self.left
    }

    pub(crate) fn next(&mut self) -> Result<Option<Record>> {
        if self.left == 0 {
            return Ok(None);
        }
        let mut bytes = [0; RECORD as usize];
        self.input
            .read_exact(&mut bytes)
            .with_context(|| format!("{} cannot be read", self.path.display()))?;
        self.hasher.update(&bytes);
        self.left -= 1;
        ensure!(
            self.left > 0 || *self.hasher.finalize().as_bytes() == self.expected,
            "{} is damaged: its checksum is wrong. Delete the folder it lies in and run again",
            self.path.display()
        );
        let half = |from: usize| u64::from_le_bytes(std::array::from_fn(|at| bytes[from + at]));
        Ok(Some((half(0), half(8))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn groups(shuffle: &DiskShuffle, partition: usize) -> Vec<(u64, Vec<u64>)> {
        let mut all = Vec::new();
        shuffle
            .groups(partition, &mut |key, values| {
                all.push((key, values.to_vec()));
                Ok(())
            })
            .unwrap();
        all
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn what_goes_in_comes_out_by_key(pieces in proptest::collection::vec(proptest::collection::vec((0u64..9, 0u64..99), 0..20), 0..5)) {
            let folder = tempfile::tempdir().unwrap();
            let mut shuffle = DiskShuffle::open(folder.path()).unwrap();
            let mut expected: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
            for piece in &pieces {
                piece.iter().for_each(|(key, value)| expected.entry(*key).or_default().push(*value));
                shuffle.add(&mut [vec![], piece.clone()]).unwrap();
            }
            expected.values_mut().for_each(|values| values.sort_unstable());
            let expected: Vec<_> = expected.into_iter().collect();
            prop_assert_eq!(&groups(&shuffle, 1), &expected);
            let mut again = DiskShuffle::open(folder.path()).unwrap();
            prop_assert_eq!(again.records(1).unwrap(), pieces.iter().map(|piece| piece.len() as u64).sum::<u64>());
            prop_assert_eq!(&groups(&again, 1), &expected);
            // As with more runs than may be open at once.
            again.at_once = 2;
            prop_assert_eq!(&groups(&again, 1), &expected);
            prop_assert!(!folder.path().join("folded").exists());
            again.merge_into(&folder.path().join("all"), 2).unwrap();
            let mut run = Run::open(&folder.path().join("all"), 1).unwrap();
            let mut keys = Vec::new();
            while let Some((key, _)) = run.next().unwrap() { keys.push(key); }
            prop_assert_eq!(keys, expected.iter().map(|(key, _)| *key).collect::<Vec<_>>());
        }
    }

    #[test]
    #[allow(clippy::disallowed_methods)] // the test spoils a file
    fn a_damaged_run_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let mut shuffle = DiskShuffle::open(folder.path()).unwrap();
        shuffle
            .add(&mut [(0..50).map(|key| (key, key)).collect()])
            .unwrap();
        let path = folder.path().join("run-00000");
        let whole = std::fs::read(&path).unwrap();
        for (spoil, word) in [
            (7, "checksum"),
            (whole.len() - 3, "does not end"),
            (whole.len() - 12, "list of partitions"),
        ] {
            let mut bytes = whole.clone();
            bytes[spoil] ^= 0x40;
            std::fs::write(&path, &bytes).unwrap();
            let error = format!("{:#}", shuffle.groups(0, &mut |_, _| Ok(())).unwrap_err());
            assert!(error.contains(word), "{error}");
        }
        std::fs::write(&path, &whole[..100]).unwrap();
        assert!(shuffle.groups(0, &mut |_, _| Ok(())).is_err());
    }
}
