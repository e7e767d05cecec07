//! Breaking the disk on purpose, so that tests can show that nothing is lost. Hidden from help.

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
}

impl Fault {
    /// Arms what was asked for, until the result is dropped.
    pub(crate) fn arm(&self) -> Result<Option<disk::fault::Armed>> {
        if let Some(k) = self.abort_at {
            disk::fault::arm_abort(k);
        }
        Ok(self
            .disk_full_at
            .map(|k| disk::fault::arm_error(k, std::io::ErrorKind::StorageFull)))
    }
}
