//! Breaking the disk and the readers of pages on purpose, so that tests can show that nothing is lost. Hidden from
//! help.
//!
//! A broken disk changes no byte of what is made in the end. Pages that are spoilt are refused, under the key of a run
//! that refuses none of them: the run says so aloud, and the manifest keeps it.

use crate::extractor::{self, Spoil};
use anyhow::Result;
use clap::Args;

/// Where to break.
#[derive(Args)]
pub(crate) struct Fault {
    /// Abort the process at the k-th write, rename or fsync
    #[arg(long, global = true, hide = true, value_name = "K")]
    abort_at: Option<u64>,
    /// Let the k-th write, rename or fsync fail as a full disk does
    #[arg(long, global = true, hide = true, value_name = "K")]
    disk_full_at: Option<u64>,
    /// Let the reading of a page with this word in it never end: what is made is for a test only, and says so
    #[arg(long, global = true, hide = true, value_name = "WORD")]
    hang_on: Option<String>,
    /// Let the process that reads a page with this word in it die: what is made is for a test only, and says so
    #[arg(long, global = true, hide = true, value_name = "WORD")]
    crash_on: Option<String>,
}

impl Fault {
    /// Arms what was asked for, until the result is dropped.
    pub(crate) fn arm(&self) -> Result<Option<disk::fault::Armed>> {
        if let Some(k) = self.abort_at {
            disk::fault::arm_abort(k);
        }
        extractor::arm(Spoil {
            hang_on: self.hang_on.clone(),
            crash_on: self.crash_on.clone(),
        });
        Ok(self
            .disk_full_at
            .map(|k| disk::fault::arm_error(k, std::io::ErrorKind::StorageFull)))
    }
}
