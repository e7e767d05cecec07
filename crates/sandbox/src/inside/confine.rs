//! Resource limits and Landlock: how much, and which files.

use super::Plan;
use anyhow::{Context, Result, ensure};
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, LandlockStatus, Ruleset,
    RulesetAttr, RulesetCreatedAttr, RulesetStatus, Scope, path_beneath_rules,
};
use nix::sys::resource::{Resource, setrlimit};
use std::path::Path;

/// Sets every limit, for good: none can be raised again without being root.
pub(super) fn limit(plan: &Plan) -> Result<()> {
    let limits = &plan.limits;
    // without a namespace of users the kernel counts all that this user runs
    let others = if plan.confined {
        0
    } else {
        threads_of_this_user()
    };
    for (resource, value) in [
        (Resource::RLIMIT_AS, limits.addresses),
        (Resource::RLIMIT_CPU, limits.processor.max(1)),
        (Resource::RLIMIT_NPROC, others + limits.processes + 1),
        (Resource::RLIMIT_FSIZE, limits.files),
        (Resource::RLIMIT_NOFILE, limits.open_files),
        (Resource::RLIMIT_STACK, 8 << 20),
        (Resource::RLIMIT_MEMLOCK, 64 << 10),
        (Resource::RLIMIT_SIGPENDING, 256),
        (Resource::RLIMIT_MSGQUEUE, 0),
        (Resource::RLIMIT_CORE, 0),
    ] {
        setrlimit(resource, value, value)
            .with_context(|| format!("the limit {resource:?} could not be set to {value}"))?;
    }
    Ok(())
}

fn threads_of_this_user() -> u64 {
    let user = nix::unistd::getuid().to_string();
    let mut threads = 0;
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let text = std::fs::read_to_string(entry.path().join("status")).unwrap_or_default();
        let field = |name: &str| {
            text.lines()
                .find_map(|line| line.strip_prefix(name))
                .and_then(|rest| rest.split_whitespace().next())
        };
        if field("Uid:") == Some(&user) {
            threads += field("Threads:")
                .and_then(|n| n.parse::<u64>().ok())
                .unwrap_or(0);
        }
    }
    threads
}

/// Files a program of any language reads to start.
const SYSTEM: &[&str] = &[
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/nix/store",
];
/// Devices without memory of anybody; `/dev/zero`, mapped, would be memory that is not counted.
const DEVICES: &[&str] = &["/dev/null", "/dev/full", "/dev/random", "/dev/urandom"];

/// Gives up every file but those, the network over TCP, and signals to whoever is outside; says
/// whether this kernel (Landlock 6, Linux 6.12) holds the signals.
///
/// # Errors
/// A kernel without Landlock 3: older ones let a file be emptied that may not be written.
pub(super) fn lock(plan: &Plan) -> Result<bool> {
    let (least, most) = (ABI::V3, ABI::V6);
    let read = AccessFs::Execute | AccessFs::ReadFile | AccessFs::ReadDir;
    let look: BitFlags<AccessFs> = AccessFs::ReadFile | AccessFs::ReadDir;
    let device: BitFlags<AccessFs> = AccessFs::ReadFile | AccessFs::WriteFile;
    let everything = AccessFs::from_all(most);
    let mut rooms = vec![plan.room.as_path()];
    if own_memory(plan) {
        rooms.push(Path::new("/dev/shm"));
    }
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(least))
        .context(
            "this kernel does not confine files for programs (Landlock 3, Linux 6.2 or newer, \
             enabled at boot with lsm=landlock,…), and code that a model wrote is not run without",
        )?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(everything)?
        .handle_access(AccessNet::from_all(most))?
        .scope(Scope::from_all(most))?
        .create()?
        .add_rules(path_beneath_rules(SYSTEM, read))?
        .add_rules(path_beneath_rules(&plan.python.reads, read))?
        .add_rules(path_beneath_rules(["/usr/share/zoneinfo"], look))?
        .add_rules(path_beneath_rules(DEVICES, device))?
        .add_rules(path_beneath_rules(rooms, everything))?
        .restrict_self()?;
    ensure!(
        status.ruleset != RulesetStatus::NotEnforced && status.no_new_privs,
        "this kernel has no Landlock, and code that a model wrote is not run without"
    );
    Ok(matches!(
        status.landlock,
        LandlockStatus::Available { effective_abi, .. } if effective_abi >= ABI::V6
    ))
}

/// Whether `/dev/shm` is this run's own file system, as `namespaces` makes it.
fn own_memory(plan: &Plan) -> bool {
    use std::os::unix::fs::MetadataExt;
    let owner = |path: &Path| {
        std::fs::metadata(path)
            .ok()
            .map(|about| (about.uid(), about.mode()))
    };
    plan.confined
        && owner(Path::new("/dev/shm")).is_some_and(|(user, mode)| {
            user == nix::unistd::getuid().as_raw() && mode & 0o777 == 0o700
        })
}
