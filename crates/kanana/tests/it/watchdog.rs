//! Pages that never end and pages that end their process: each costs itself, and nothing else changes by a byte.

use crate::trial::{Trial, contents};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

/// A recipe that extracts with these settings.
fn recipe(settings: &str) -> String {
    format!(
        "seed = 5\n[inputs]\npages = {{ kind = \"files\" }}\n[[step]]\nname = \"corpus\"\nstage = \"extract\"\n\
         inputs = {{ files = \"pages\" }}\nwith = {{ {settings} }}\n"
    )
}

fn page(number: usize, more: &str) -> String {
    let said = format!(
        "{number}번째 글은 바닷가 마을의 등대와 그 불빛을 지키던 사람에 대한 아주 긴 이야기이다. "
    );
    format!(
        "<html lang=ko><head><title>글 {number}</title></head><body><nav><a href=/>처음으로</a></nav><article><h1>글 {number}</h1>\
         <p>{}</p>{more}<table><tr><th>해</th><td>{}</td></tr></table><p>{}</p></article></body></html>",
        said.repeat(4),
        1900 + number,
        said.repeat(3)
    )
}

/// Two hundred pages, some of them broken; page 7 says "끝없이", page 11 "와르르".
fn pages(trial: &Trial) {
    for number in 0..200 {
        let more = match number {
            7 => "<p>이 글은 끝없이 이어진다.</p>".to_owned(),
            11 => "<p>이 글은 와르르 무너진다.</p>".to_owned(),
            13 => "<div>".repeat(300),
            17 => "<p>닫히지 않은 <b>글\0".to_owned(),
            19 => "<table><tr><td>".repeat(900),
            _ => String::new(),
        };
        trial.write(&format!("pages/{number:03}.html"), page(number, &more));
    }
    trial.write("pages/empty.html", "");
}

fn run<'a>(recipe: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["run", recipe, "--input", "pages=pages"], more].concat()
}

/// The account of a finished extraction.
fn account(trial: &Trial) -> Value {
    let text = fs::read_to_string(trial.artifact("corpus").join("extracted.json")).expect("there");
    serde_json::from_str(&text).expect("JSON")
}

/// Everything of the artifact but its manifest, which says the settings, and takes it away.
fn taken(trial: &Trial) -> Vec<(String, Vec<u8>)> {
    let mut files = contents(&trial.artifact("corpus"));
    files.retain(|(name, _)| name != "manifest.json");
    fs::remove_dir_all(trial.path("store")).expect("a store");
    files
}

#[test]
fn a_page_that_ends_gives_the_same_bytes_wherever_it_is_read() {
    let trial = Trial::new();
    pages(&trial);
    let mut all = Vec::new();
    for mode in ["fast", "quality"] {
        for (seconds, threads) in [(0, "2"), (600, "1"), (600, "2"), (600, "7")] {
            trial.write(
                "r.toml",
                recipe(&format!("mode = \"{mode}\", page_seconds = {seconds}")),
            );
            trial.ok(&run("r.toml", &["--threads", threads]));
            let refused = &account(&trial)["refused"];
            assert_eq!(refused["too_deep"], 1, "{refused}");
            assert_eq!(refused["no_text"], 1, "{refused}");
            all.push(taken(&trial));
        }
    }
    let (fast, quality) = all.split_at(4);
    assert!(fast.iter().all(|bytes| bytes == &fast[0]));
    assert!(quality.iter().all(|bytes| bytes == &quality[0]));
    assert!(fast[0] != quality[0]);
}

#[test]
fn a_page_that_never_ends_and_one_that_kills_are_refused_by_name() {
    let trial = Trial::new();
    pages(&trial);
    trial.write("r.toml", recipe("mode = \"fast\", page_seconds = 1"));
    let spoilt = ["--hang-on", "끝없이", "--crash-on", "와르르"];
    trial.ok(&run("r.toml", &spoilt));
    let account = account(&trial);
    let refused = &account["refused"];
    assert_eq!(refused["timed_out"], 1, "{refused}");
    assert_eq!(refused["crashed"], 1, "{refused}");
    assert_eq!(account["records"], 201);
    assert_eq!(account["statistics"]["total"]["documents"], 197);
    // Whoever looks at it can tell that it was made so.
    let manifest =
        fs::read_to_string(trial.artifact("corpus").join("manifest.json")).expect("there");
    assert!(
        manifest.contains("--hang-on 끝없이 --crash-on 와르르"),
        "{manifest}"
    );
    for (id, reason) in [("007.html", "timed_out"), ("011.html", "crashed")] {
        let answer = trial.ok(&["why-dropped", "corpus", "--id", id]);
        assert!(answer.contains(reason), "{answer}");
    }
}

/// Processes whose parent is this one.
#[cfg(target_os = "linux")]
fn children(parent: u32) -> Vec<String> {
    let processes = fs::read_dir("/proc").expect("/proc").flatten();
    let of = |path: &Path| -> Option<u32> {
        let stat = fs::read_to_string(path.join("stat")).ok()?;
        stat.rsplit_once(')')?
            .1
            .split_whitespace()
            .nth(1)?
            .parse()
            .ok()
    };
    processes
        .filter(|process| of(&process.path()) == Some(parent))
        .map(|process| process.file_name().to_string_lossy().into_owned())
        .collect()
}

#[test]
#[cfg(target_os = "linux")]
fn readers_killed_at_random_moments_change_nothing_and_none_is_left() {
    let trial = Trial::new();
    pages(&trial);
    trial.write("r.toml", recipe("mode = \"quality\", page_seconds = 600"));
    trial.ok(&run("r.toml", &[]));
    let wanted = taken(&trial);
    let mut running = trial
        .command(&run("r.toml", &["--threads", "2"]))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("starts");
    let mut kills = 0_u64;
    while running.try_wait().expect("a process").is_none() {
        // One of them and then the other, at moments that depend on the machine, and more and more seldom: where the
        // readers of one page are all killed, the run ends with an error.
        let children = children(running.id());
        if let Some(child) = children.get(kills as usize % children.len().max(1)) {
            let killed = Command::new("kill").args(["-9", child]).output();
            kills += u64::from(killed.is_ok_and(|said| said.status.success()));
        }
        sleep(Duration::from_millis(20 + 15 * kills));
    }
    assert!(kills > 0, "no reader was seen");
    assert!(
        running.wait().expect("a status").success(),
        "it failed after {kills} kills"
    );
    assert!(taken(&trial) == wanted, "after {kills} kills");
    // The whole run is killed, readers and all, and goes on.
    let mut running = trial
        .command(&run("r.toml", &["--threads", "2"]))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("starts");
    let mut readers = Vec::new();
    while readers.is_empty() && running.try_wait().expect("a process").is_none() {
        readers = children(running.id());
    }
    assert!(!readers.is_empty(), "no reader was seen");
    running.kill().expect("SIGKILL");
    running.wait().expect("gone");
    for _ in 0..500 {
        readers.retain(|reader| {
            let words = fs::read_to_string(format!("/proc/{reader}/cmdline"));
            words.is_ok_and(|words| words.contains("pages"))
        });
        if readers.is_empty() {
            break;
        }
        sleep(Duration::from_millis(20));
    }
    assert!(readers.is_empty(), "readers outlive their run: {readers:?}");
    trial.ok(&run("r.toml", &[]));
    assert!(taken(&trial) == wanted);
}

/// Seconds of processor time that a process has used, in hundredths.
#[cfg(target_os = "linux")]
fn used(process: &str) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let mut fields = fields.split_whitespace().skip(11);
    fields
        .next()
        .and_then(|used| used.parse().ok())
        .unwrap_or(0)
}

#[test]
#[cfg(target_os = "linux")]
fn a_reader_that_hangs_does_not_outlive_its_run() {
    let trial = Trial::new();
    pages(&trial);
    trial.write("r.toml", recipe("mode = \"fast\", page_seconds = 600"));
    let spoilt = ["--threads", "1", "--hang-on", "끝없이"];
    let mut running = trial
        .command(&run("r.toml", &spoilt))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("starts");
    // Two hundred such pages do not take a second: one that has used up two is at the page that never ends.
    let reader = loop {
        assert!(running.try_wait().expect("a process").is_none(), "it ended");
        let readers = children(running.id());
        if let Some(reader) = readers.into_iter().find(|reader| used(reader) > 200) {
            break reader;
        }
        sleep(Duration::from_millis(20));
    };
    running.kill().expect("SIGKILL");
    running.wait().expect("gone");
    let reads = || {
        let words = fs::read_to_string(format!("/proc/{reader}/cmdline"));
        words.is_ok_and(|words| words.contains("pages"))
    };
    for _ in 0..500 {
        if !reads() {
            return;
        }
        sleep(Duration::from_millis(20));
    }
    // Nobody else would end it.
    let _ = Command::new("kill").args(["-9", &reader]).output();
    panic!("reader {reader} outlives its run");
}

#[test]
fn a_limit_that_cannot_be_is_a_sentence() {
    let trial = Trial::new();
    pages(&trial);
    trial.write("r.toml", recipe("page_seconds = 1_000_000"));
    let complaint = trial.fails(&run("r.toml", &[]));
    assert!(complaint.contains("page_seconds"), "{complaint}");
}
