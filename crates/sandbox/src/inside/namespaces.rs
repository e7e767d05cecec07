//! Namespaces: no other process, no network, no mount of the machine is to be seen.
//!
//! An ordinary user may make them where the kernel lets users have namespaces of their own; many
//! containers and some distributions do not. The rest of the sandbox stands without them.

use super::Plan;
use anyhow::{Context, Result};
use nix::fcntl::OFlag;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::stat::Mode;
use nix::unistd::{getgid, getuid};
use std::path::Path;

/// Leaves them and makes the room a file system of its own, which vanishes with the run.
///
/// `false` where the kernel does not allow it.
pub(super) fn leave(plan: &Plan) -> Result<bool> {
    let (user, group) = (getuid(), getgid());
    let all = CloneFlags::CLONE_NEWUSER
        | CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWNET
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWUTS
        | CloneFlags::CLONE_NEWNS;
    if unshare(all).is_err() {
        return Ok(false);
    }
    // a user who is the same inside: whoever comes after an `exec` has no capability left
    put("/proc/self/setgroups", "deny")?;
    put("/proc/self/uid_map", &format!("{user} {user} 1"))?;
    put("/proc/self/gid_map", &format!("{group} {group} 1"))?;
    // where mounting is forbidden all the same (AppArmor), the room stays a folder of the disk
    let none = None::<&str>;
    let private = mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none);
    if private.is_ok() {
        let size = plan.limits.files;
        room(
            &plan.room,
            &format!("size={size},nr_inodes=20000,mode=0700"),
        );
        room(
            Path::new("/dev/shm"),
            &format!("size={size},nr_inodes=2000,mode=0700"),
        );
    }
    Ok(true)
}

fn room(at: &Path, options: &str) {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some("tmpfs"), at, Some("tmpfs"), flags, Some(options)).ok();
}

/// Writes a file that is the kernel's, not ours.
fn put(path: &str, text: &str) -> Result<()> {
    let file = nix::fcntl::open(path, OFlag::O_WRONLY | OFlag::O_CLOEXEC, Mode::empty())
        .with_context(|| format!("{path} could not be opened"))?;
    nix::unistd::write(file, text.as_bytes()).with_context(|| {
        format!("{path} did not take `{text}`: user namespaces are half allowed here")
    })?;
    Ok(())
}
