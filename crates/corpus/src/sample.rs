//! A fair sample of several corpora: each document is in it or not by the hash of its id.

use std::collections::{BTreeSet, BinaryHeap};

use anyhow::Result;

use crate::draw::hash;
use crate::{Corpus, Document};

/// About `bytes` of text out of all the corpora together, every document as likely as another,
/// in the order of the corpora; everything where there is no more than that.
///
/// Whether a document is drawn depends on its id and the seed alone, so that a corpus that grows
/// keeps its sample, and no thread or machine can change it. Of few documents, large beside `bytes`,
/// it may be none: whoever needs some has to look.
pub fn sample(corpora: &[Corpus], bytes: u64, seed: u64) -> impl Iterator<Item = Result<Document>> {
    let all: u64 = corpora
        .iter()
        .map(|corpus| corpus.statistics().total.bytes)
        .sum();
    let share = bytes as f64 / all.max(1) as f64;
    let purpose = format!("sample {seed}");
    let drawn =
        move |document: &Document| share >= 1.0 || below(hash(&purpose, &document.id), share);
    let documents: Vec<_> = corpora.iter().map(Corpus::documents).collect();
    documents
        .into_iter()
        .flatten()
        .filter(move |document| match document {
            Ok(document) => drawn(document),
            Err(_) => true,
        })
}

/// The places of exactly `count` documents of a corpus, counted from 0, every document as likely as
/// another; of all where there are no more. Two documents of one id are drawn apart by their places.
///
/// # Errors
/// A damaged corpus.
pub fn drawn(corpus: &Corpus, count: u64, seed: u64) -> Result<BTreeSet<u64>> {
    let purpose = format!("drawn {seed}");
    let mut least = BinaryHeap::new();
    for (place, document) in (0_u64..).zip(corpus.documents()) {
        least.push((hash(&purpose, &document?.id), place));
        if least.len() as u64 > count {
            least.pop();
        }
    }
    Ok(least.into_iter().map(|(_, place)| place).collect())
}

/// Whether a hash falls into the first `share` of all hashes.
pub(crate) fn below(hash: u64, share: f64) -> bool {
    // 53 bits are what a double holds exactly: the same answer on every machine.
    ((hash >> 11) as f64) < share * (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{WriteSettings, Writer};

    #[test]
    fn about_as_much_as_was_asked_and_always_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = Writer::create(folder.path(), WriteSettings::default()).unwrap();
        for number in 0..4000 {
            writer
                .write(&Document::new(format!("문서-{number}"), "가나다라"))
                .unwrap();
        }
        writer.finish().unwrap();
        let corpus = [Corpus::open(folder.path()).unwrap()];
        let ids = |bytes, seed| -> Vec<String> {
            sample(&corpus, bytes, seed)
                .map(|document| document.unwrap().id)
                .collect()
        };
        let quarter = ids(12_000, 1);
        assert!((900..1100).contains(&quarter.len()), "{}", quarter.len());
        assert_eq!(quarter, ids(12_000, 1));
        assert_ne!(quarter, ids(12_000, 2));
        assert_eq!(ids(u64::MAX, 1).len(), 4000);
        assert_eq!(ids(0, 1).len(), 0);

        let some = drawn(&corpus[0], 100, 1).unwrap();
        assert_eq!(some.len(), 100);
        assert!(some.iter().any(|place| *place < 400) && some.iter().any(|place| *place > 3600));
        assert!(some.is_subset(&drawn(&corpus[0], 200, 1).unwrap()));
        assert_ne!(some, drawn(&corpus[0], 100, 2).unwrap());
        assert_eq!(drawn(&corpus[0], 9999, 1).unwrap().len(), 4000);
    }
}
