//! What follows for a document from the cluster it is in: kept, or dropped for one of a few reasons.

use super::Cuts;
use crate::{Document, Entry, Verdict};

/// Clusters, and what is kept of each.
pub(super) struct Clustered {
    /// The cluster of a document: its smallest member.
    pub(super) root: Vec<u32>,
    /// Of a cluster, by its root: which member is kept, how many there are, whether an earlier crawl had one.
    pub(super) best: Vec<u32>,
    pub(super) size: Vec<u32>,
    pub(super) seen: Vec<bool>,
    /// The first document with exactly this text, white space and the case of letters apart.
    pub(super) twin: Vec<u32>,
}

impl Clustered {
    /// Whether a document is the one that is kept of its cluster.
    pub(super) fn keeps(&self, place: usize) -> bool {
        let root = self.root[place] as usize;
        !self.seen[root] && self.best[root] as usize == place
    }

    pub(super) fn judge(&self, place: usize, mut document: Document, cuts: &Cuts) -> Verdict {
        let root = self.root[place] as usize;
        let best = self.best[root] as usize;
        let mut entry = Entry::of(&document);
        entry.cluster = Some(best as u64);
        entry.cluster_size = Some(u64::from(self.size[root]));
        entry.numbers = vec![0.0, 0.0];
        let reason = match () {
            () if self.seen[root] => "seen_before",
            () if best == place => {
                let mut repeated = "only_repeated_paragraphs";
                if let Some(cut) = cuts.apply(place, &document.text) {
                    entry.numbers = vec![cut.paragraphs as f64, cut.passages as f64];
                    entry.bytes_kept = cut.text.len() as u64;
                    document.text = cut.text;
                    if cut.passages > 0 {
                        repeated = "only_repeated_passages";
                    }
                }
                if document.text.trim().is_empty() {
                    entry.drop(repeated);
                    return Verdict {
                        document: None,
                        entry,
                    };
                }
                let document = document.with("cluster_size", self.size[root]);
                return Verdict {
                    document: Some(document),
                    entry,
                };
            }
            () if self.twin[place] == self.twin[best] => "exact_duplicate",
            () => "near_duplicate",
        };
        entry.drop(reason);
        Verdict {
            document: None,
            entry,
        }
    }
}
