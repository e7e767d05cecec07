//! Dealing texts out in the drawn order without holding them all: heaps on the disk, one in memory.
//!
//! The order is cut into runs of as many documents each; a text that is read goes to the heap of
//! every run it has a place in. Then heap after heap is read, put in order and written. Where all
//! texts fit into the memory there is one heap, which never sees the disk.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use disk::AtomicFile;

use super::choose::Choice;
use super::{Document, MixSettings, Writer};

/// More heaps than this would be more open files and buffers than a machine likes; beyond it,
/// heaps grow instead.
const MOST_HEAPS: u64 = 256;

pub(super) struct Deal {
    /// Corpus, place, and position in the order; sorted, so that a cursor follows the reading.
    positions: Vec<(u32, u32, u64)>,
    cursor: usize,
    heaps: Heaps,
    run: u64,
    line: Vec<u8>,
}

enum Heaps {
    Memory(Vec<(u64, Box<[u8]>)>),
    Disk(
        Vec<(
            PathBuf,
            zstd::stream::write::Encoder<'static, BufWriter<AtomicFile>>,
        )>,
    ),
}

impl Deal {
    pub(super) fn new(choice: &Choice, settings: &MixSettings, scratch: &Path) -> Result<Self> {
        let mut positions: Vec<(u32, u32, u64)> = choice
            .order
            .iter()
            .zip(0..)
            .map(|((corpus, place), position)| (*corpus, *place, position))
            .collect();
        positions.sort_unstable();
        let documents = positions.len() as u64;
        let count = choice
            .bytes
            .div_ceil(settings.memory.max(1))
            .clamp(1, MOST_HEAPS.min(documents.max(1)));
        let heaps = if count == 1 {
            Heaps::Memory(Vec::with_capacity(positions.len()))
        } else {
            let heap = |number: u64| -> Result<_> {
                let path = scratch.join(format!("heap-{number:03}.zst"));
                let file = AtomicFile::create(&path)
                    .with_context(|| format!("the heap {} cannot be created", path.display()))?;
                Ok((
                    path,
                    zstd::stream::write::Encoder::new(BufWriter::new(file), 1)?,
                ))
            };
            Heaps::Disk((0..count).map(heap).collect::<Result<_>>()?)
        };
        Ok(Self {
            positions,
            cursor: 0,
            heaps,
            run: documents.div_ceil(count).max(1),
            line: Vec::new(),
        })
    }

    /// Takes the next document as it is read; documents come by corpus and place.
    pub(super) fn put(&mut self, corpus: usize, place: usize, document: &Document) -> Result<()> {
        self.line.clear();
        while let Some((at_corpus, at_place, position)) = self.positions.get(self.cursor).copied() {
            if (at_corpus as usize, at_place as usize) != (corpus, place) {
                break;
            }
            self.cursor += 1;
            if self.line.is_empty() {
                serde_json::to_writer(&mut self.line, document)?;
            }
            match &mut self.heaps {
                Heaps::Memory(texts) => texts.push((position, self.line.as_slice().into())),
                Heaps::Disk(heaps) => {
                    let (path, heap) = &mut heaps[(position / self.run) as usize];
                    heap.write_all(&position.to_le_bytes())
                        .and_then(|()| heap.write_all(&(self.line.len() as u64).to_le_bytes()))
                        .and_then(|()| heap.write_all(&self.line))
                        .with_context(|| {
                            format!("the heap {} cannot be written", path.display())
                        })?;
                }
            }
        }
        Ok(())
    }

    /// Writes everything in its order.
    pub(super) fn finish(self, train: &mut Writer) -> Result<()> {
        match self.heaps {
            Heaps::Memory(texts) => write(texts, train),
            Heaps::Disk(heaps) => {
                let mut paths = Vec::new();
                for (path, heap) in heaps {
                    let close = || -> std::io::Result<()> {
                        heap.finish()?
                            .into_inner()
                            .map_err(std::io::IntoInnerError::into_error)?
                            .commit()
                    };
                    close().with_context(|| {
                        format!("the heap {} cannot be finished", path.display())
                    })?;
                    paths.push(path);
                }
                for path in paths {
                    let texts = read(&path)
                        .with_context(|| format!("the heap {} cannot be read", path.display()))?;
                    write(texts, train)?;
                    disk::remove_file(&path).with_context(|| {
                        format!("the heap {} cannot be removed", path.display())
                    })?;
                }
                Ok(())
            }
        }
    }
}

fn read(path: &Path) -> Result<Vec<(u64, Box<[u8]>)>> {
    let mut heap = BufReader::new(zstd::stream::read::Decoder::new(File::open(path)?)?);
    let mut texts = Vec::new();
    let mut number = [0; 8];
    while heap.read(&mut number[..1])? == 1 {
        heap.read_exact(&mut number[1..])?;
        let position = u64::from_le_bytes(number);
        heap.read_exact(&mut number)?;
        let mut text = vec![0; usize::try_from(u64::from_le_bytes(number))?];
        heap.read_exact(&mut text)?;
        texts.push((position, text.into_boxed_slice()));
    }
    Ok(texts)
}

fn write(mut texts: Vec<(u64, Box<[u8]>)>, train: &mut Writer) -> Result<()> {
    texts.sort_unstable_by_key(|(position, _)| *position);
    for (_, text) in texts {
        train.write(&serde_json::from_slice(&text)?)?;
    }
    Ok(())
}
