//! Waits for a run's end, and looks meanwhile at what the kernel does not add up: time on the
//! clock, memory over all processes, the room's size where it is a folder of the disk.
#![allow(
    clippy::disallowed_methods,
    reason = "how long a foreign program runs is measured here, and nothing else is"
)]

use crate::Bound;
use crate::inside::Plan;
use anyhow::Result;
use std::path::Path;
use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The longest time between two looks.
const PAUSE: Duration = Duration::from_millis(20);
/// Entries of a room that are counted before it is called full, and folders in folders likewise.
const ENTRIES: usize = 10_000;
const DEPTH: usize = 100;
/// Bytes of a room beside what a program may fill.
const SLACK: u64 = 1 << 20;

/// What the child was to be stopped for; `None` when it has ended by itself. Stopping is the caller's.
pub(crate) fn until_it_ends(
    child: &mut Child,
    plan: &Plan,
    full: &AtomicBool,
) -> Result<Option<Bound>> {
    let begun = Instant::now();
    let mut pause = Duration::from_millis(1);
    let mut looks = 0usize;
    loop {
        if child.try_wait()?.is_some() {
            return Ok(None);
        }
        if begun.elapsed() > plan.limits.wall {
            return Ok(Some(Bound::Wall));
        }
        if full.load(Ordering::Relaxed) {
            return Ok(Some(Bound::Output));
        }
        if occupied(child.id(), plan.limits.processes) > plan.limits.memory {
            return Ok(Some(Bound::Memory));
        }
        looks += 1;
        // in a namespace the room is a file system of its own size, and seen as empty from here;
        // a single file ends at the limit by itself, and the program has room beside it
        if looks.is_multiple_of(8) && size(&plan.room) > plan.limits.files + SLACK {
            return Ok(Some(Bound::Files));
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(PAUSE);
    }
}

/// Bytes of memory, resident or swapped out, of a process and all that descend from it.
fn occupied(root: u32, processes: u64) -> u64 {
    let mut bytes = 0;
    let mut rest = vec![root];
    let mut seen = 0;
    while let Some(process) = rest.pop() {
        seen += 1;
        if seen > 4 * processes {
            break;
        }
        let folder = format!("/proc/{process}");
        let status = std::fs::read_to_string(format!("{folder}/status")).unwrap_or_default();
        for line in status.lines() {
            let rest = line
                .strip_prefix("VmRSS:")
                .or_else(|| line.strip_prefix("VmSwap:"));
            if let Some(text) = rest.and_then(|rest| rest.split_whitespace().next()) {
                bytes += text.parse::<u64>().unwrap_or(0) * 1024;
            }
        }
        // children hang on the thread that made them
        for thread in std::fs::read_dir(format!("{folder}/task"))
            .into_iter()
            .flatten()
            .flatten()
        {
            let text = std::fs::read_to_string(thread.path().join("children")).unwrap_or_default();
            rest.extend(
                text.split_whitespace()
                    .filter_map(|id| id.parse::<u32>().ok()),
            );
        }
    }
    bytes
}

/// Bytes of a room; without end where it has more entries than are worth counting.
fn size(room: &Path) -> u64 {
    let mut bytes = 0;
    let mut entries = 0;
    let mut folders = vec![(room.to_owned(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            entries += 1;
            if entries > ENTRIES || depth > DEPTH {
                return u64::MAX;
            }
            if let Ok(about) = entry.metadata() {
                bytes += about.len();
                if about.is_dir() {
                    folders.push((entry.path(), depth + 1));
                }
            }
        }
    }
    bytes
}
