//! The system calls that are left, by seccomp.
//!
//! Three filters, each inherited by everything that is started: a list of what is allowed, where all
//! else does not exist (`ENOSYS`, which libraries know how to do without); a list of what is refused
//! in words a program understands (`EPERM`); and a list of what is said to have been done and is not
//! (`chmod` and the like, which Landlock does not see, and which copying a file ends with). Between
//! two refusals the kernel returns that of the filter installed last.

use anyhow::{Context, Result, bail};
use libc::c_long;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, apply_filter,
};
use std::collections::BTreeMap;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Confines this process and its children to the list. `confined` says whether they live in a process
/// namespace of their own, `held` whether the kernel keeps their signals among themselves.
pub(super) fn filter(confined: bool, held: bool) -> Result<()> {
    let errno = |number: i32| SeccompAction::Errno(number.unsigned_abs());
    let allow = SeccompAction::Allow;
    let mut refused = plain(REFUSED);
    let mut allowed = allowed()?;
    for (calls, harmless) in [(LEAVING, confined), (SIGNALLING, held)] {
        let rules = if harmless { &mut allowed } else { &mut refused };
        rules.extend(plain(calls));
    }
    // the list itself comes first: it leaves `seccomp` to be called, the others take it away no more
    for (rules, otherwise, matched) in [
        (allowed, errno(libc::ENOSYS), allow.clone()),
        (refused, allow.clone(), errno(libc::EPERM)),
        (plain(PRETENDED), allow, errno(0)),
    ] {
        let filter = SeccompFilter::new(rules, otherwise, matched, architecture()?)?;
        let program: BpfProgram = filter.try_into()?;
        apply_filter(&program).context(
            "this kernel does not confine system calls (seccomp), and code that a model wrote is \
             not run without",
        )?;
    }
    Ok(())
}

fn architecture() -> Result<seccompiler::TargetArch> {
    match std::env::consts::ARCH.try_into() {
        Ok(architecture) => Ok(architecture),
        Err(_) => bail!(
            "system calls of {} are not known here; code that a model wrote runs on x86_64 and aarch64",
            std::env::consts::ARCH
        ),
    }
}

fn plain(calls: &[c_long]) -> Rules {
    calls.iter().map(|&call| (call, vec![])).collect()
}

/// The calls of [`ALLOWED`], and those that are allowed with certain arguments only.
fn allowed() -> Result<Rules> {
    use SeccompCmpOp::{Eq, MaskedEq, Ne};
    let mut rules = plain(ALLOWED);
    rules.extend(plain(OLD));
    let mut with = |call: c_long, conditions: Vec<(u8, SeccompCmpOp, u64)>| -> Result<()> {
        let conditions = conditions
            .into_iter()
            .map(|(argument, comparison, value)| {
                SeccompCondition::new(argument, SeccompCmpArgLen::Dword, comparison, value)
            })
            .collect::<Result<Vec<_>, _>>()?;
        let rule = SeccompRule::new(conditions)?;
        rules.entry(call).or_default().push(rule);
        Ok(())
    };
    // threads and processes, but no namespaces
    let namespaces = libc::CLONE_NEWNS
        | libc::CLONE_NEWCGROUP
        | libc::CLONE_NEWUTS
        | libc::CLONE_NEWIPC
        | libc::CLONE_NEWUSER
        | libc::CLONE_NEWPID
        | libc::CLONE_NEWNET;
    with(
        libc::SYS_clone,
        vec![(0, MaskedEq(u64::from(namespaces.unsigned_abs())), 0)],
    )?;
    // memory of a file, or of oneself alone: what is shared and of no file stays in use when it is
    // no longer counted as resident
    for flag in [libc::MAP_ANONYMOUS, libc::MAP_SHARED] {
        with(
            libc::SYS_mmap,
            vec![(3, MaskedEq(u64::from(flag.unsigned_abs())), 0)],
        )?;
    }
    // limits of oneself
    with(libc::SYS_prlimit64, vec![(0, Eq, 0)])?;
    // pairs of connected sockets: a datagram socket could still be sent elsewhere by address
    for kind in [libc::SOCK_STREAM, libc::SOCK_SEQPACKET] {
        with(
            libc::SYS_socketpair,
            vec![
                (0, Eq, u64::from(libc::AF_UNIX.unsigned_abs())),
                (1, MaskedEq(0xf), u64::from(kind.unsigned_abs())),
            ],
        )?;
    }
    // no signal to others by way of a file's owner
    let owner = [8, 10, 15]; // F_SETOWN, F_SETSIG, F_SETOWN_EX
    with(
        libc::SYS_fcntl,
        owner.map(|command| (1, Ne, command)).to_vec(),
    )?;
    // asking a terminal whether it is one, and closing on exec; never putting letters into one
    for request in [
        0x5401u64, // TCGETS
        0x5413,    // TIOCGWINSZ
        0x541b,    // FIONREAD
        0x5421,    // FIONBIO
        0x5450,    // FIONCLEX
        0x5451,    // FIOCLEX
    ] {
        with(libc::SYS_ioctl, vec![(1, Eq, request)])?;
    }
    for option in [
        libc::PR_SET_PDEATHSIG,
        libc::PR_GET_PDEATHSIG,
        libc::PR_SET_NAME,
        libc::PR_GET_NAME,
        libc::PR_GET_DUMPABLE,
        libc::PR_SET_NO_NEW_PRIVS,
        libc::PR_GET_NO_NEW_PRIVS,
        libc::PR_SET_VMA,
        libc::PR_SET_SECCOMP,
    ] {
        with(
            libc::SYS_prctl,
            vec![(0, Eq, u64::from(option.unsigned_abs()))],
        )?;
    }
    Ok(rules)
}

/// To leave the process group, which is what is killed in the end: harmless in a process namespace.
const LEAVING: &[c_long] = &[libc::SYS_setsid, libc::SYS_setpgid];

/// To signal others: harmless in a process namespace, and where Landlock holds signals.
const SIGNALLING: &[c_long] = &[
    libc::SYS_kill,
    libc::SYS_tkill,
    libc::SYS_tgkill,
    libc::SYS_rt_sigqueueinfo,
    libc::SYS_rt_tgsigqueueinfo,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_send_signal,
];

/// What Python, its library and the usual small programs need. All of it acts on oneself, on files
/// (where Landlock decides) or on time.
#[rustfmt::skip]
const ALLOWED: &[c_long] = &[
    // files
    libc::SYS_read, libc::SYS_write, libc::SYS_readv, libc::SYS_writev, libc::SYS_pread64,
    libc::SYS_pwrite64, libc::SYS_preadv, libc::SYS_pwritev, libc::SYS_preadv2, libc::SYS_pwritev2,
    libc::SYS_close, libc::SYS_close_range, libc::SYS_lseek, libc::SYS_openat, libc::SYS_fstat,
    libc::SYS_newfstatat, libc::SYS_statx, libc::SYS_statfs, libc::SYS_fstatfs, libc::SYS_faccessat,
    libc::SYS_faccessat2, libc::SYS_readlinkat, libc::SYS_getdents64, libc::SYS_mkdirat,
    libc::SYS_mknodat, libc::SYS_unlinkat, libc::SYS_renameat, libc::SYS_renameat2, libc::SYS_linkat,
    libc::SYS_symlinkat, libc::SYS_truncate, libc::SYS_ftruncate, libc::SYS_fallocate,
    libc::SYS_fsync, libc::SYS_fdatasync, libc::SYS_sendfile, libc::SYS_copy_file_range,
    libc::SYS_splice, libc::SYS_tee, libc::SYS_dup, libc::SYS_dup3, libc::SYS_pipe2, libc::SYS_flock,
    libc::SYS_getcwd, libc::SYS_chdir, libc::SYS_fchdir, libc::SYS_umask, libc::SYS_fadvise64,
    libc::SYS_getxattr, libc::SYS_lgetxattr, libc::SYS_fgetxattr, libc::SYS_listxattr,
    libc::SYS_llistxattr, libc::SYS_flistxattr,
    // waiting for them
    libc::SYS_eventfd2, libc::SYS_epoll_create1, libc::SYS_epoll_ctl, libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2, libc::SYS_ppoll, libc::SYS_pselect6, libc::SYS_timerfd_create,
    libc::SYS_timerfd_settime, libc::SYS_timerfd_gettime, libc::SYS_signalfd4,
    // ends of a pair of sockets
    libc::SYS_sendmsg, libc::SYS_recvmsg, libc::SYS_recvfrom, libc::SYS_sendto, libc::SYS_shutdown,
    libc::SYS_getsockopt, libc::SYS_setsockopt, libc::SYS_getsockname, libc::SYS_getpeername,
    // memory
    libc::SYS_munmap, libc::SYS_mprotect, libc::SYS_mremap, libc::SYS_brk,
    libc::SYS_madvise, libc::SYS_mincore, libc::SYS_msync, libc::SYS_mlock, libc::SYS_mlock2,
    libc::SYS_munlock, libc::SYS_membarrier,
    // signals
    libc::SYS_rt_sigaction, libc::SYS_rt_sigprocmask, libc::SYS_rt_sigreturn,
    libc::SYS_rt_sigpending, libc::SYS_rt_sigtimedwait, libc::SYS_rt_sigsuspend,
    libc::SYS_sigaltstack, libc::SYS_restart_syscall,
    // processes and threads
    libc::SYS_execve, libc::SYS_exit, libc::SYS_exit_group, libc::SYS_wait4, libc::SYS_waitid,
    libc::SYS_getpid, libc::SYS_getppid, libc::SYS_gettid, libc::SYS_getuid, libc::SYS_geteuid,
    libc::SYS_getgid, libc::SYS_getegid, libc::SYS_getresuid, libc::SYS_getresgid,
    libc::SYS_getgroups, libc::SYS_getpgid, libc::SYS_getsid, libc::SYS_getpriority,
    libc::SYS_set_tid_address, libc::SYS_set_robust_list, libc::SYS_rseq, libc::SYS_futex,
    libc::SYS_sched_yield, libc::SYS_sched_getaffinity, libc::SYS_sched_getparam,
    libc::SYS_sched_getscheduler, libc::SYS_sched_get_priority_max,
    libc::SYS_sched_get_priority_min, libc::SYS_getcpu, libc::SYS_seccomp,
    // time
    libc::SYS_nanosleep, libc::SYS_clock_nanosleep, libc::SYS_clock_gettime,
    libc::SYS_clock_getres, libc::SYS_gettimeofday, libc::SYS_times, libc::SYS_getitimer,
    libc::SYS_setitimer, libc::SYS_timer_create, libc::SYS_timer_settime, libc::SYS_timer_gettime,
    libc::SYS_timer_getoverrun, libc::SYS_timer_delete,
    // what the machine is
    libc::SYS_getrusage, libc::SYS_getrlimit, libc::SYS_setrlimit, libc::SYS_uname,
    libc::SYS_sysinfo, libc::SYS_getrandom,
];

/// The older names of the same, which newer machines do not have.
#[cfg(target_arch = "x86_64")]
#[rustfmt::skip]
const OLD: &[c_long] = &[
    libc::SYS_open, libc::SYS_creat, libc::SYS_stat, libc::SYS_lstat, libc::SYS_access,
    libc::SYS_readlink, libc::SYS_getdents, libc::SYS_mkdir, libc::SYS_rmdir, libc::SYS_unlink,
    libc::SYS_rename, libc::SYS_link, libc::SYS_symlink, libc::SYS_mknod, libc::SYS_pipe,
    libc::SYS_dup2, libc::SYS_poll, libc::SYS_select, libc::SYS_epoll_create, libc::SYS_epoll_wait,
    libc::SYS_eventfd, libc::SYS_signalfd, libc::SYS_fork, libc::SYS_vfork, libc::SYS_getpgrp,
    libc::SYS_alarm, libc::SYS_pause, libc::SYS_time, libc::SYS_arch_prctl,
];
#[cfg(not(target_arch = "x86_64"))]
const OLD: &[c_long] = &[];

/// What a program may well try, and is told that it may not.
#[rustfmt::skip]
const REFUSED: &[c_long] = &[
    libc::SYS_socket, libc::SYS_connect, libc::SYS_bind, libc::SYS_listen, libc::SYS_accept,
    libc::SYS_accept4, libc::SYS_ptrace, libc::SYS_process_vm_readv, libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd, libc::SYS_mount, libc::SYS_umount2, libc::SYS_pivot_root, libc::SYS_chroot,
    libc::SYS_unshare, libc::SYS_setns, libc::SYS_io_uring_setup, libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register, libc::SYS_bpf, libc::SYS_perf_event_open, libc::SYS_memfd_create,
    libc::SYS_execveat, libc::SYS_userfaultfd, libc::SYS_keyctl, libc::SYS_add_key,
    libc::SYS_request_key, libc::SYS_init_module, libc::SYS_finit_module, libc::SYS_reboot,
    libc::SYS_swapon, libc::SYS_swapoff, libc::SYS_sethostname, libc::SYS_settimeofday,
    libc::SYS_clock_settime, libc::SYS_setuid, libc::SYS_setgid, libc::SYS_setreuid,
    libc::SYS_setregid, libc::SYS_setresuid, libc::SYS_setresgid, libc::SYS_setgroups,
    libc::SYS_setfsuid, libc::SYS_setfsgid, libc::SYS_capset, libc::SYS_setpriority,
    libc::SYS_sched_setaffinity, libc::SYS_sched_setscheduler, libc::SYS_sched_setparam,
    libc::SYS_personality, libc::SYS_open_by_handle_at, libc::SYS_shmget, libc::SYS_shmat,
    libc::SYS_msgget, libc::SYS_semget, libc::SYS_mq_open, libc::SYS_inotify_init1,
    libc::SYS_fanotify_init, libc::SYS_quotactl, libc::SYS_syslog, libc::SYS_acct,
];

/// What is answered with success and not done.
#[cfg(target_arch = "x86_64")]
#[rustfmt::skip]
const PRETENDED: &[c_long] = &[
    libc::SYS_chmod, libc::SYS_fchmod, libc::SYS_fchmodat, FCHMODAT2, libc::SYS_chown,
    libc::SYS_lchown, libc::SYS_fchown, libc::SYS_fchownat, libc::SYS_utime, libc::SYS_utimes,
    libc::SYS_futimesat, libc::SYS_utimensat, libc::SYS_setxattr, libc::SYS_lsetxattr,
    libc::SYS_fsetxattr, libc::SYS_removexattr, libc::SYS_lremovexattr, libc::SYS_fremovexattr,
];
#[cfg(not(target_arch = "x86_64"))]
#[rustfmt::skip]
const PRETENDED: &[c_long] = &[
    libc::SYS_fchmod, libc::SYS_fchmodat, FCHMODAT2, libc::SYS_fchown, libc::SYS_fchownat,
    libc::SYS_utimensat, libc::SYS_setxattr, libc::SYS_lsetxattr, libc::SYS_fsetxattr,
    libc::SYS_removexattr, libc::SYS_lremovexattr, libc::SYS_fremovexattr,
];
/// Linux 6.6; the same number on every machine.
const FCHMODAT2: c_long = 452;
