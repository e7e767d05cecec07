//! What hostile programs are let loose near: a secret, things that could be spoilt, ears on the
//! network, a process that could be killed, and the means to see that none of it was touched.

use sandbox::{Limits, Outcome};
use std::collections::BTreeMap;
use std::io::Write;
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::{SocketAddr, UnixListener};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// What stands in the file that everybody may read and the sandbox may not.
pub(crate) const SECRET: &str = "the-cat-is-in-the-cellar";
const NOBODY: u32 = 65534;

/// Who starts the sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum User {
    Root,
    /// Root becomes `nobody` before it starts the program.
    Ordinary,
    /// Whoever runs the tests, who is not root.
    Myself,
}

pub(crate) fn is_root() -> bool {
    nix_free_user() == 0
}

/// The user's number, without a library for it.
fn nix_free_user() -> u32 {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").expect("/proc").uid()
}

pub(crate) struct Scene {
    user: User,
    folder: tempfile::TempDir,
    door: PathBuf,
    tcp: TcpListener,
    unix: UnixListener,
    hidden: UnixListener,
    hidden_name: String,
    victim: Child,
}

impl Scene {
    pub(crate) fn new(user: User) -> Scene {
        let folder = tempfile::Builder::new().prefix("scene-").tempdir().unwrap();
        let path = folder.path();
        let open = |name: &str, mode| {
            let path = path.join(name);
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            if is_root() {
                // what guards them is the sandbox alone, not whose they are
                chown(&path, Some(NOBODY), Some(NOBODY)).unwrap();
            }
        };
        for (name, text) in [("secret", SECRET), ("canary", "alive")] {
            let mut file = tempfile::NamedTempFile::new_in(path).unwrap();
            file.write_all(text.as_bytes()).unwrap();
            file.persist(path.join(name)).unwrap();
            open(name, 0o666);
        }
        std::fs::create_dir(path.join("folder")).unwrap();
        open("folder", 0o777);
        std::fs::create_dir(path.join("tmp")).unwrap();
        open("tmp", 0o777);
        // the build's folder may be closed to others
        let door = path.join("door");
        std::fs::copy(env!("CARGO_BIN_EXE_sandbox-door"), &door).unwrap();
        std::fs::set_permissions(&door, std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();

        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        tcp.set_nonblocking(true).unwrap();
        let unix = UnixListener::bind(path.join("socket")).unwrap();
        unix.set_nonblocking(true).unwrap();
        open("socket", 0o777);
        let hidden_name = format!("kanana-scene-{}", path.display());
        let address = SocketAddr::from_abstract_name(&hidden_name).unwrap();
        let hidden = UnixListener::bind_addr(&address).unwrap();
        hidden.set_nonblocking(true).unwrap();
        let mut victim = Command::new("sleep");
        victim.arg("600").stdin(Stdio::null());
        if is_root() {
            victim.uid(NOBODY).gid(NOBODY);
        }
        let victim = victim.spawn().unwrap();
        Scene {
            user,
            door,
            tcp,
            unix,
            hidden,
            hidden_name,
            victim,
            folder,
        }
    }

    /// Runs all of them, four at a time, in one process.
    pub(crate) fn run<'a>(
        &self,
        programs: impl Iterator<Item = (&'a str, &'a str, Limits)>,
    ) -> BTreeMap<String, Result<Outcome, String>> {
        let output = self.start(programs).wait_with_output().unwrap();
        assert!(
            output.status.success(),
            "the sandbox refused to work; these tests need Linux with Landlock, and Python 3 (see above)"
        );
        String::from_utf8(output.stdout)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Starts that process.
    pub(crate) fn start<'a>(
        &self,
        programs: impl Iterator<Item = (&'a str, &'a str, Limits)>,
    ) -> Child {
        let path = self.folder.path().display().to_string();
        let mut jobs = String::new();
        for (name, program, limits) in programs {
            let program = program
                .replace("{path}", &path)
                .replace("{port}", &self.tcp.local_addr().unwrap().port().to_string())
                .replace("{hidden}", &self.hidden_name)
                .replace("{victim}", &self.victim.id().to_string())
                .replace("{tests}", &std::process::id().to_string());
            let job = serde_json::json!({
                "name": name, "program": program, "stdin": "하나\n둘\n", "limits": limits,
            });
            jobs += &format!("{job}\n");
        }
        // a shell, which leaves a secret file and one that can be written open for whoever comes
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", r#"exec 7<"$1/secret" 8>>"$1/canary" && exec "$0""#])
            .args([self.door.as_path(), self.folder.path()])
            .env("TMPDIR", self.folder.path().join("tmp"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        if self.user == User::Ordinary {
            command.uid(NOBODY).gid(NOBODY);
        }
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        std::thread::spawn(move || stdin.write_all(jobs.as_bytes()).unwrap());
        child
    }

    /// Processes of this scene whose command line has this word, and their numbers.
    pub(crate) fn processes(&self, word: &str) -> Vec<(u32, String)> {
        let mark = self.folder.path().display().to_string();
        commands()
            .into_iter()
            .filter(|(_, line)| line.contains(&mark) && line.contains(word))
            .collect()
    }

    /// Waits, however busy the machine is, until the door has such a process.
    pub(crate) fn await_process(&self, word: &str, mut door: Child) -> Child {
        while self.processes(word).is_empty() {
            if door.try_wait().unwrap().is_some() {
                let output = door.wait_with_output().unwrap();
                let said = String::from_utf8_lossy(&output.stdout).into_owned();
                panic!("all ended before there was a process {word:?}: {said}");
            }
            pause();
        }
        door
    }

    /// Waits until every process of this scene is gone: one that was killed may need a moment.
    pub(crate) fn await_nobody(&self) {
        for _ in 0..1_500 {
            if self.processes("").is_empty() {
                return;
            }
            pause();
        }
        panic!("processes were left behind: {:?}", self.processes(""));
    }

    /// Nothing was read, written, reached, killed or left behind.
    pub(crate) fn has_not_changed(mut self, place: &str) {
        let path = self.folder.path();
        let read = |name: &str| std::fs::read_to_string(path.join(name)).unwrap_or_default();
        assert_eq!(
            read("canary"),
            "alive",
            "{place}: a file outside was changed"
        );
        assert_eq!(
            read("secret"),
            SECRET,
            "{place}: a file outside was changed"
        );
        let mode = std::fs::metadata(path.join("canary"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o666, "{place}: rights outside were changed");
        let entries = |name: &str| -> Vec<_> {
            let entries = std::fs::read_dir(path.join(name)).unwrap().flatten();
            entries.map(|entry| entry.file_name()).collect()
        };
        assert!(
            entries("folder").is_empty(),
            "{place}: something was written outside"
        );
        assert!(
            entries("tmp").is_empty(),
            "{place}: a room was left behind: {:?}",
            entries("tmp")
        );
        assert!(
            self.tcp.accept().is_err(),
            "{place}: somebody called over TCP"
        );
        assert!(
            self.unix.accept().is_err(),
            "{place}: somebody called over a socket"
        );
        assert!(
            self.hidden.accept().is_err(),
            "{place}: somebody called over a nameless socket"
        );
        assert!(
            self.victim.try_wait().unwrap().is_none(),
            "{place}: a process outside was killed"
        );
        self.await_nobody();
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.victim.kill().ok();
        self.victim.wait().ok();
    }
}

fn pause() {
    std::thread::sleep(std::time::Duration::from_millis(40));
}

/// The command lines of all processes, by their numbers.
fn commands() -> Vec<(u32, String)> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    entries
        .filter_map(|entry| {
            let number = entry.file_name().to_str()?.parse().ok()?;
            let line = std::fs::read(entry.path().join("cmdline")).ok()?;
            Some((number, String::from_utf8_lossy(&line).replace('\0', " ")))
        })
        .collect()
}

/// Kills one process, as the kernel does when memory runs out.
pub(crate) fn kill(process: u32) {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "kill -KILL $0", &process.to_string()]);
    assert!(command.status().unwrap().success());
}
