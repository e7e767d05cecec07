use std::io::{Seek as _, Write as _};
use std::path::PathBuf;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;
use crate::Corpus;

/// Writes a file.
fn put(path: impl AsRef<std::path::Path>, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
    disk::write(path.as_ref(), bytes.as_ref())
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn record(id: &str, url: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let block = [format!("HTTP/1.1 200 OK\r\n{headers}\r\n").as_bytes(), body].concat();
    let head = format!(
        "WARC/1.0\r\nWARC-Type: response\r\nWARC-Record-ID: <{id}>\r\nWARC-Target-URI: {url}\r\nWARC-Date: 2024-05-18T01:58:10Z\r\n\
         Content-Type: application/http; msgtype=response\r\nContent-Length: {}\r\n\r\n",
        block.len()
    );
    gzip(&[head.as_bytes(), &block, b"\r\n\r\n"].concat())
}

fn page(topic: &str, licence: &str) -> String {
    format!(
        "<html lang=ko><head><title>{topic}</title>{licence}</head><body><nav><a href=/>처음으로 가기</a></nav><article><h1>{topic}</h1>\
         <p>{topic}에 대하여 아주 자세하게 설명하는 글이다. 이 문단은 본문이 되기에 넉넉할 만큼 길어야 한다.</p>\
         <p>두 번째 문단에서도 {topic}의 역사와 쓰임새를 차근차근 풀어서 이야기한다. 그리고 끝을 맺는다.</p></article></body></html>"
    )
}

const HTML: &str = "Content-Type: text/html; charset=utf-8\r\n";

struct Trial {
    folder: tempfile::TempDir,
    settings: HarvestSettings,
    threads: usize,
}

impl Trial {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("in")).unwrap();
        Self {
            folder,
            settings: HarvestSettings {
                mode: Mode::Fast,
                ..HarvestSettings::default()
            },
            threads: 2,
        }
    }

    fn put(&self, name: &str, bytes: impl AsRef<[u8]>) -> &Self {
        put(self.folder.path().join("in").join(name), bytes).unwrap();
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, name: &str, lists: &Lists) -> Result<Harvested> {
        let source = Source::discover_pages(&self.path("in"))?;
        let out = self.path(name);
        std::fs::create_dir_all(&out)?;
        let partial = self.path(&format!("{name}-partial"));
        harvest(
            &source,
            &self.settings,
            lists,
            &crate::Here,
            (&partial, &out),
            self.threads,
            &mut |_, _| Ok(()),
        )
    }

    fn documents(&self, name: &str) -> Vec<crate::Document> {
        Corpus::open(&self.path(name))
            .unwrap()
            .documents()
            .map(Result::unwrap)
            .collect()
    }

    /// Every file of a finished corpus.
    fn bytes(&self, name: &str) -> Vec<(String, Vec<u8>)> {
        let mut files: Vec<_> = std::fs::read_dir(self.path(name))
            .unwrap()
            .map(|file| file.unwrap())
            .map(|file| {
                (
                    file.file_name().into_string().unwrap(),
                    std::fs::read(file.path()).unwrap(),
                )
            })
            .collect();
        files.sort();
        files
    }
}

/// Forty pages in two crawls, with what crawls have in them.
fn crawl(trial: &Trial) {
    for (file, start) in [("a.warc.gz", 0), ("b.warc.gz", 20)] {
        let mut bytes = Vec::new();
        for number in start..start + 20 {
            let html = page(&format!("주제 {number}"), "");
            let url = format!("http://blog{}.example.co.kr/{number}", number % 3);
            bytes.extend(match number % 10 {
                3 => record(
                    &format!("urn:{number}"),
                    &url,
                    "Content-Encoding: gzip\r\nContent-Type: text/html\r\n",
                    &gzip(html.as_bytes()),
                ),
                5 => record(
                    &format!("urn:{number}"),
                    &url,
                    "Content-Type: image/png\r\n",
                    b"png",
                ),
                7 => record("urn:1", &url, HTML, html.as_bytes()),
                9 => {
                    let (euc, _, _) = encoding_rs::EUC_KR.encode(&html);
                    record(
                        &format!("urn:{number}"),
                        &url,
                        "Content-Type: text/html\r\n",
                        &euc,
                    )
                }
                _ => record(&format!("urn:{number}"), &url, HTML, html.as_bytes()),
            });
        }
        trial.put(file, bytes);
    }
}

#[test]
fn every_page_is_a_document_or_refused_with_a_reason() {
    let trial = Trial::new();
    crawl(&trial);
    let account = trial.run("out", &Lists::default()).unwrap();
    assert_eq!(account.records, 40);
    assert_eq!(account.refused[&Refusal::NotAPage], 4);
    assert_eq!(account.refused[&Refusal::DuplicateId], 4);
    assert_eq!(account.encodings["EUC-KR"], 4);
    let documents = trial.documents("out");
    assert_eq!(documents.len(), 32);
    let first = &documents[0];
    assert_eq!(
        (first.id.as_str(), first.string("url")),
        ("urn:0", Some("http://blog0.example.co.kr/0"))
    );
    assert_eq!(
        (first.string("title"), first.string("date")),
        (Some("주제 0"), Some("2024-05-18T01:58:10Z"))
    );
    assert!(
        first.text.contains("차근차근") && !first.text.contains("처음으로"),
        "{}",
        first.text
    );
    let refused =
        zstd::decode_all(&std::fs::read(trial.path("out/refused-00000.jsonl.zst")).unwrap()[..])
            .unwrap();
    let first: RefusedPage =
        serde_json::from_slice(refused.split(|byte| *byte == b'\n').next().unwrap()).unwrap();
    assert_eq!(
        (first.id.as_str(), first.reason, first.file.as_str()),
        ("urn:5", Refusal::NotAPage, "a.warc.gz")
    );
}

#[test]
fn any_number_of_threads_and_any_kill_give_the_same_bytes() {
    let mut trial = Trial::new();
    crawl(&trial);
    trial.settings.chunk_bytes = 1; // a chunk for every batch
    trial.settings.admit.most_of_a_domain = Some(20);
    let mut runs = Vec::new();
    for threads in [1, 2, 7] {
        let name = format!("out{threads}");
        trial.threads = threads;
        trial.run(&name, &Lists::default()).unwrap();
        runs.push(trial.bytes(&name));
    }
    assert!(runs[0] == runs[1] && runs[1] == runs[2]);
    assert_eq!(trial.documents("out1").len(), 20);
    // Stopped at every event of the disk in turn, and started again.
    let name = "killed";
    let mut kills = 0;
    for event in 1..200 {
        let armed = disk::fault::arm(disk::fault::Fault::Stop, event, disk::fault::Reach::Thread);
        let outcome = trial.run(name, &Lists::default());
        drop(armed);
        if outcome.is_ok() {
            break;
        }
        kills += 1;
        for file in std::fs::read_dir(trial.path(name)).unwrap() {
            std::fs::remove_file(file.unwrap().path()).unwrap(); // the runner begins with an empty folder
        }
        for file in std::fs::read_dir(trial.path("killed-partial"))
            .into_iter()
            .flatten()
            .flatten()
        {
            if file.file_name().to_string_lossy().ends_with(disk::PENDING) {
                std::fs::remove_file(file.path()).unwrap();
            }
        }
    }
    assert!(kills > 5, "{kills}");
    assert_eq!(trial.bytes(name), runs[0]);
}

#[test]
fn admission_is_by_domain_word_licence_and_request() {
    let mut trial = Trial::new();
    let by = "<link rel=license href=https://creativecommons.org/licenses/by/4.0/>";
    let nc = "<link rel=license href=https://creativecommons.org/licenses/by-nc/4.0/>";
    let robots = "<meta name=robots content='noindex, nofollow'>";
    let pages = [
        ("하나", "http://a.kr/1", by),
        ("둘", "http://a.kr/2", nc),
        ("셋", "http://a.kr/3", ""),
        ("넷", "http://spam.kr/4", by),
        ("다섯", "http://a.kr/casino/5", by),
        ("여섯", "http://a.kr/6", by),
        ("일곱", "http://b.kr/7", &format!("{by}{robots}")),
        ("여덟", "http://b.kr/8", by),
    ];
    let bytes: Vec<u8> = pages
        .iter()
        .flat_map(|(id, url, head)| record(id, url, HTML, page(id, head).as_bytes()))
        .collect();
    trial.put("a.warc.gz", bytes);
    let lists = trial.path("lists");
    std::fs::create_dir(&lists).unwrap();
    put(lists.join("domains.txt"), "spam.kr\n").unwrap();
    put(lists.join("words.txt"), "casino\n").unwrap();
    put(lists.join("remove.txt"), "http://a.kr/6\n").unwrap();
    trial.settings.admit.licences = vec!["CC-BY".to_owned()];
    trial.settings.admit.without_licence = Unlicensed::Refuse;
    let account = trial.run("out", &Lists::load(&lists).unwrap()).unwrap();
    let ids: Vec<String> = trial
        .documents("out")
        .into_iter()
        .map(|document| document.id)
        .collect();
    assert_eq!(ids, ["하나", "여덟"]);
    let expected = [
        (Refusal::BlockedDomain, 1),
        (Refusal::BlockedWord, 1),
        (Refusal::Licence, 2),
        (Refusal::Removed, 1),
        (Refusal::OptedOut, 1),
    ];
    assert_eq!(account.refused, expected.into_iter().collect());
}

#[test]
fn bombs_giants_and_nul_bytes_cost_themselves_only() {
    let trial = Trial::new();
    let bomb = gzip(&vec![b' '; 100 << 20]);
    let nul = page("널", "").replace("자세하게", "자세\0하게");
    let bytes = [
        record(
            "bomb",
            "http://a.kr/1",
            "Content-Type: text/html\r\nContent-Encoding: gzip\r\n",
            &bomb,
        ),
        record("nul", "http://a.kr/2", HTML, nul.as_bytes()),
    ];
    trial.put("a.warc.gz", bytes.concat());
    let mut giant = disk::AtomicFile::create(&trial.path("in/giant.html")).unwrap();
    giant.seek(std::io::SeekFrom::Start(200 << 20)).unwrap();
    giant.write_all(b"</html>").unwrap();
    giant.commit().unwrap();
    trial.put("nested.html", "<table><tr><td>".repeat(1_000));
    let account = trial.run("out", &Lists::default()).unwrap();
    assert_eq!(
        account.refused,
        [(Refusal::TooLarge, 2), (Refusal::TooDeep, 1)]
            .into_iter()
            .collect()
    );
    assert!(trial.documents("out")[0].text.contains("자세하게"));
}

#[test]
fn a_shard_that_disappears_is_named_and_what_was_done_is_kept() {
    let mut trial = Trial::new();
    crawl(&trial);
    trial.settings.chunk_bytes = 1;
    let source = Source::discover_pages(&trial.path("in")).unwrap();
    let whole = std::fs::read(trial.path("in/b.warc.gz")).unwrap();
    std::fs::remove_file(trial.path("in/b.warc.gz")).unwrap();
    let (partial, out) = (trial.path("partial"), trial.path("out"));
    std::fs::create_dir(&out).unwrap();
    let run = || {
        harvest(
            &source,
            &trial.settings,
            &Lists::default(),
            &crate::Here,
            (&partial, &out),
            trial.threads,
            &mut |_, _| Ok(()),
        )
    };
    let error = format!("{:#}", run().unwrap_err());
    assert!(
        error.contains("b.warc.gz") && error.contains("still there"),
        "{error}"
    );
    put(trial.path("in/b.warc.gz"), whole).unwrap();
    assert_eq!(run().unwrap().records, 40);
}

#[test]
fn a_crawl_of_nothing_but_refusals_says_so() {
    let trial = Trial::new();
    trial.put("a.html", "");
    let error = trial.run("out", &Lists::default()).unwrap_err().to_string();
    assert!(
        error.contains("1 pages were met and all of them refused (no_text 1)"),
        "{error}"
    );
}

/// Dies of one page in two ways, as something outside might.
struct Frail;

impl Extractor for Frail {
    fn main_text(
        &self,
        html: &str,
        mode: Mode,
        caps: &Caps,
    ) -> Result<Result<crate::Extracted, Refused>> {
        ensure!(!html.contains("기계가 고장"), "no process could be started");
        if html.contains("끝나지 않는") {
            return Ok(Err(Refused::new(
                Refusal::TimedOut,
                "more than 3 s of processor time",
            )));
        }
        crate::Here.main_text(html, mode, caps)
    }
}

#[test]
fn what_an_extractor_outside_refuses_is_a_verdict_and_what_its_machine_fails_of_an_error() {
    let trial = Trial::new();
    trial.put("a.html", page("좋은 글", ""));
    trial.put("b.html", page("끝나지 않는 글", ""));
    let source = Source::discover_pages(&trial.path("in")).unwrap();
    let (partial, out) = (trial.path("partial"), trial.path("out"));
    std::fs::create_dir(&out).unwrap();
    let run = |source: &Source| {
        let folders = (partial.as_path(), out.as_path());
        let (settings, lists) = (&trial.settings, Lists::default());
        harvest(source, settings, &lists, &Frail, folders, 2, &mut |_, _| {
            Ok(())
        })
    };
    let account = run(&source).unwrap();
    assert_eq!(
        account.refused,
        [(Refusal::TimedOut, 1)].into_iter().collect()
    );
    let mut refused = Vec::new();
    visit_refused(&out, |entry| {
        refused.push((entry.id.clone(), entry.reason.clone()));
        Ok(())
    })
    .unwrap();
    assert_eq!(
        refused,
        [("b.html".to_owned(), Some("timed_out".to_owned()))]
    );
    trial.put("c.html", page("기계가 고장 난 글", ""));
    std::fs::remove_dir_all(&partial).unwrap();
    let source = Source::discover_pages(&trial.path("in")).unwrap();
    let error = format!("{:#}", run(&source).unwrap_err());
    assert!(
        error.contains("c.html") && error.contains("no process could be started"),
        "{error}"
    );
}
