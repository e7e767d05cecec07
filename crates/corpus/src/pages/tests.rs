mod damage;

use std::io::Write as _;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;
use crate::Source;

/// Writes a file.
fn put(path: impl AsRef<std::path::Path>, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
    disk::write(path.as_ref(), bytes.as_ref())
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn record(kind: &str, id: &str, content_type: &str, block: &[u8]) -> Vec<u8> {
    let head = format!(
        "WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Record-ID: <urn:{id}>\r\nWARC-Target-URI: http://가.kr/{id}\r\n\
         WARC-Date: 2024-05-18T01:58:10Z\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n",
        block.len()
    );
    [head.as_bytes(), block, b"\r\n\r\n"].concat()
}

fn response(id: &str) -> Vec<u8> {
    let block = format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<p>{id} 안녕</p>");
    record(
        "response",
        id,
        "application/http; msgtype=response",
        block.as_bytes(),
    )
}

/// Reads a file of these bytes under this name; pages' ids (with the refusal) and bad records.
fn read(name: &str, bytes: &[u8]) -> (Vec<String>, Vec<Reason>) {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path().join(name), bytes).unwrap();
    let (pages, bad) = read_all(folder.path());
    let ids = pages.into_iter().map(|page| match page.body {
        Body::Refused(refused) => format!("{} {}", page.id, refused.refusal),
        _ => page.id,
    });
    (ids.collect(), bad)
}

fn read_all(path: &Path) -> (Vec<Page>, Vec<Reason>) {
    let source = Source::discover_pages(path).unwrap();
    let settings = PageSettings {
        longest: 1 << 20,
        rows: ReadSettings {
            text_field: "html".to_owned(),
            ..ReadSettings::default()
        },
    };
    let (mut found, mut bad) = (Vec::new(), Vec::new());
    for file in &source.files {
        pages(file, &settings, &Arc::default(), &mut |page| {
            match page {
                Ok(page) => found.push(page),
                Err(line) => bad.push(line.reason),
            }
            Ok(())
        })
        .unwrap();
    }
    (found, bad)
}

#[test]
fn a_warc_is_read_plain_gzipped_by_record_and_in_zstandard() {
    let records = [
        record(
            "warcinfo",
            "info",
            "application/warc-fields",
            b"software: x",
        ),
        record(
            "request",
            "asked",
            "application/http",
            b"GET / HTTP/1.1\r\n\r\n",
        ),
        response("하나"),
        record("conversion", "둘", "text/plain", "둘째 글".as_bytes()),
    ];
    let plain = records.concat();
    let members: Vec<u8> = records.iter().flat_map(|record| gzip(record)).collect();
    let frames: Vec<u8> = records
        .iter()
        .flat_map(|record| zstd::encode_all(&record[..], 3).unwrap())
        .collect();
    for (name, bytes) in [
        ("a.warc", plain),
        ("a.warc.gz", members),
        ("a.warc.wet.zst", frames),
    ] {
        assert_eq!(
            read(name, &bytes),
            (vec!["urn:하나".to_owned(), "urn:둘".to_owned()], vec![]),
            "{name}"
        );
    }
}

#[test]
fn a_zstandard_warc_may_bring_its_dictionary() {
    let dictionary = response("사전").repeat(8);
    let mut bytes = vec![0x5D, 0x2A, 0x4D, 0x18];
    let compressed = zstd::encode_all(&dictionary[..], 3).unwrap();
    bytes.extend((compressed.len() as u32).to_le_bytes());
    bytes.extend(compressed);
    for id in ["하나", "둘"] {
        let mut encoder =
            zstd::stream::write::Encoder::with_dictionary(Vec::new(), 3, &dictionary).unwrap();
        encoder.write_all(&response(id)).unwrap();
        bytes.extend(encoder.finish().unwrap());
    }
    let expected = vec!["urn:하나".to_owned(), "urn:둘".to_owned()];
    assert_eq!(read("a.warc.zst", &bytes), (expected, vec![]));
}

#[test]
fn a_truncated_member_keeps_everything_before_it() {
    let whole = gzip(&response("하나"));
    let last = gzip(&response("둘"));
    for cut in [1, 11, last.len() / 2, last.len() - 1] {
        let bytes = [&whole[..], &last[..cut]].concat();
        let (ids, bad) = read("a.warc.gz", &bytes);
        assert_eq!(ids[0], "urn:하나");
        assert_eq!(bad.len(), 1, "cut after {cut}: {bad:?}");
    }
    let plain = [response("하나"), response("둘")].concat();
    assert_eq!(
        read("a.warc", &plain[..plain.len() - 20]).1,
        [Reason::TruncatedFile]
    );
}

/// Members that are cut, changed or followed by padding and rubbish cost themselves, not the archive behind them.
#[test]
fn a_damaged_member_costs_itself_only() {
    let ids = ["하나", "둘", "셋", "넷", "다섯", "여섯"];
    let members: Vec<Vec<u8>> = ids.iter().map(|id| gzip(&response(id))).collect();
    let all = |damage: &dyn Fn(&mut Vec<Vec<u8>>)| {
        let mut members = members.clone();
        damage(&mut members);
        read("a.warc.gz", &members.concat())
    };
    let (found, bad) = all(&|members| members[1].extend([0; 512]));
    assert_eq!((found.len(), bad), (6, vec![]), "padding is no damage");
    let (found, bad) = all(&|members| members[1].extend(*b"rubbish \x1f\x8b"));
    assert_eq!((found.len(), bad.len()), (6, 1));
    for place in [12, 20, 40] {
        let (found, bad) = all(&|members| {
            let keep = members[1].len() * place / 60;
            members[1].truncate(keep);
        });
        assert!(
            found.first().is_some_and(|id| id == "urn:하나"),
            "{found:?}"
        );
        // What the decoder took for the rest of the second may have been the third.
        for id in ["urn:넷", "urn:다섯", "urn:여섯"] {
            assert!(found.iter().any(|found| found == id), "{place}: {found:?}");
        }
        assert!(
            !found.iter().any(|id| id == "urn:둘") && !bad.is_empty(),
            "{place}: {found:?} {bad:?}"
        );
    }
    // A wrong checksum: the bytes were all there, and are not believed.
    let (found, bad) = all(&|members| {
        let at = members[1].len() - 6;
        members[1][at] ^= 1;
    });
    assert_eq!(
        found,
        ["urn:하나", "urn:셋", "urn:넷", "urn:다섯", "urn:여섯"]
    );
    assert_eq!(bad.len(), 1);
}

#[test]
fn a_broken_record_costs_itself_only() {
    let broken = response("둘");
    let broken = String::from_utf8(broken)
        .unwrap()
        .replace("Content-Length: ", "Content-Length: x");
    let bytes = [response("하나"), broken.into_bytes(), response("셋")].concat();
    let expected = vec!["urn:하나".to_owned(), "urn:셋".to_owned()];
    assert_eq!(
        read("a.warc", &bytes),
        (expected, vec![Reason::BrokenRecord])
    );
    let large = record("response", "큰", "application/http", &vec![b'x'; 2 << 20]);
    let bytes = [large, response("하나")].concat();
    assert_eq!(read("a.warc", &bytes).0, ["urn:큰 too_large", "urn:하나"]);
}

#[test]
fn html_and_rows_are_pages() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("하위")).unwrap();
    put(folder.path().join("하위/글.html"), "<p>안녕</p>").unwrap();
    put(folder.path().join("너무.htm"), vec![b'a'; 3 << 20]).unwrap();
    put(
        folder.path().join("줄.jsonl"),
        "{\"id\":\"7\",\"html\":\"<p>줄</p>\",\"url\":\"http://a.kr\"}\n{\"html\":3}\n",
    )
    .unwrap();
    let (pages, bad) = read_all(folder.path());
    let ids: Vec<&str> = pages.iter().map(|page| page.id.as_str()).collect();
    assert_eq!(
        ids,
        [
            "너무.htm",
            "줄.jsonl:1".replace("줄.jsonl:1", "7").as_str(),
            "하위/글.html"
        ]
    );
    assert!(
        matches!(&pages[0].body, Body::Refused(refused) if refused.refusal == Refusal::TooLarge)
    );
    assert_eq!(pages[1].url.as_deref(), Some("http://a.kr"));
    assert_eq!(bad, [Reason::TextNotAString]);
}

const DUMP: &str = r#"<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" version="0.11" xml:lang="ko">
<siteinfo><sitename>위키백과</sitename><base>https://ko.wikipedia.org/wiki/%EC%9C%84%ED%82%A4</base></siteinfo>
<page><title>지미 카터</title><ns>0</ns><id>5</id><revision><id>9</id><timestamp>2024-01-01T00:00:00Z</timestamp>
<contributor><username>가</username><id>77</id></contributor><text bytes="9" xml:space="preserve">'''지미 카터'''는 &lt;ref&gt;x&lt;/ref&gt;대통령 &amp;amp; 농부다.</text></revision></page>
<page><title>카터</title><ns>0</ns><id>6</id><redirect title="지미 카터" /><revision><text>#넘겨주기 [[지미 카터]]</text></revision></page>
<page><title>틀:가</title><ns>10</ns><id>7</id><revision><text>틀</text></revision></page>
</mediawiki>"#;

#[test]
fn a_dump_gives_its_articles_even_when_it_breaks_off() {
    let folder = tempfile::tempdir().unwrap();
    // Two streams, as in a multistream dump.
    let (first, second) = DUMP.split_at(DUMP.find("<page><title>카터").unwrap());
    let mut bytes = Vec::new();
    for part in [first, second] {
        let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        encoder.write_all(part.as_bytes()).unwrap();
        bytes.extend(encoder.finish().unwrap());
    }
    let path = folder
        .path()
        .join("kowiki-pages-articles-multistream.xml.bz2");
    put(&path, &bytes).unwrap();
    let (pages, bad) = read_all(&path);
    assert_eq!((pages.len(), bad.len()), (3, 0));
    let page = &pages[0];
    assert_eq!(
        (page.id.as_str(), page.url.as_deref()),
        (
            "ko.wikipedia.org:5",
            Some("https://ko.wikipedia.org/wiki/지미_카터")
        )
    );
    assert_eq!(page.metadata["language"], "ko");
    assert_eq!(page.date.as_deref(), Some("2024-01-01T00:00:00Z"));
    match &page.body {
        Body::Wikitext { source, .. } => {
            assert_eq!(source, "'''지미 카터'''는 <ref>x</ref>대통령 &amp; 농부다.")
        }
        other => panic!("{other:?}"),
    }
    let refusals: Vec<_> = pages[1..]
        .iter()
        .map(|page| match &page.body {
            Body::Refused(refused) => refused.refusal,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(refusals, [Refusal::Redirect, Refusal::NotAnArticle]);
    put(&path, &bytes[..bytes.len() - 30]).unwrap();
    let (pages, bad) = read_all(&path);
    assert!(!pages.is_empty() && bad.len() == 1, "{bad:?}");
}

#[test]
fn articles_of_two_wikis_with_one_number_have_two_ids() {
    let folder = tempfile::tempdir().unwrap();
    let named = |database: &str, host: &str| {
        let site = format!(
            "<dbname>{database}</dbname><base>https://{host}/wiki/Main_Page</base></siteinfo>"
        );
        let (head, pages) = DUMP.split_once("<page>").unwrap();
        let head = head.split_once("<base>").unwrap().0;
        format!("{head}{site}<page>{pages}")
    };
    let bare = DUMP.split_once("<siteinfo>").unwrap();
    let pages_only = bare.1.split_once("</siteinfo>").unwrap().1;
    for (name, dump) in [
        (
            "enwiki-pages-articles.xml",
            named("enwiki", "en.wikipedia.org"),
        ),
        (
            "kowiki-pages-articles.xml",
            named("kowiki", "ko.wikipedia.org"),
        ),
        ("낱말.xml", DUMP.replace("ko.wikipedia", "ko.wiktionary")),
        ("모음.xml", format!("{}{pages_only}", bare.0)),
        ("큰.xml", named(&"가".repeat(1_000), "a.kr")),
    ] {
        put(folder.path().join(name), dump).unwrap();
    }
    let (pages, bad) = read_all(folder.path());
    assert!(bad.is_empty(), "{bad:?}");
    let ids: Vec<&str> = pages.iter().map(|page| page.id.as_str()).collect();
    let first = |name: &str| ids.iter().filter(|id| **id == format!("{name}:5")).count();
    for name in ["enwiki", "kowiki", "ko.wiktionary.org", "모음.xml", "a.kr"] {
        assert_eq!(first(name), 1, "{name}: {ids:?}");
    }
    let distinct: std::collections::BTreeSet<&&str> = ids.iter().collect();
    assert_eq!((ids.len(), distinct.len()), (15, 15), "{ids:?}");
}

fn tarball(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, bytes) in members {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        // Written raw: the crate itself refuses names that climb.
        let field = &mut header.as_mut_bytes()[..name.len()];
        field.copy_from_slice(name.as_bytes());
        header.set_cksum();
        builder.append(&header, *bytes).unwrap();
    }
    builder.into_inner().unwrap()
}

#[test]
fn papers_come_out_of_nested_archives_and_nothing_from_outside() {
    let paper = gzip(&tarball(&[
        ("main.tex", b"\\documentclass{article}".as_slice()),
        ("figures/a.png", b"png"),
        ("../../etc/passwd.tex", b"outside"),
        ("/etc/shadow.tex", b"outside"),
        ("sections/b.tex", b"b"),
    ]));
    let single = gzip(b"\\documentstyle{article}");
    let bytes = tarball(&[
        ("2101/2101.00001.gz", &paper),
        ("2101/math0301001.gz", &single),
        ("2101/2101.00003.pdf", b"%PDF"),
        ("../2101.00004.gz", &single),
    ]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("arXiv_src_2101_001.tar");
    put(&path, &bytes).unwrap();
    let (pages, bad) = read_all(&path);
    assert_eq!(bad, [Reason::OutsideArchive]);
    let ids: Vec<&str> = pages.iter().map(|page| page.id.as_str()).collect();
    assert_eq!(ids, ["2101.00001", "math/0301001", "2101.00003"]);
    match &pages[0].body {
        Body::Tex(files) => {
            let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(names, ["main.tex", "sections/b.tex"]);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(
        pages[0].url.as_deref(),
        Some("https://arxiv.org/abs/2101.00001")
    );
    assert!(
        matches!(&pages[2].body, Body::Refused(refused) if refused.refusal == Refusal::NoSource)
    );
}

/// A member of this kind, which says that it has so many bytes.
fn header(kind: tar::EntryType, name: &str, size: u64) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_path(name).unwrap();
    header.set_size(size);
    header.set_mode(0o644);
    header.set_cksum();
    header.as_bytes().to_vec()
}

#[test]
fn a_name_that_never_ends_is_no_way_to_fill_memory() {
    let single = gzip(b"\\documentstyle{article}");
    let first = tarball(&[("2101/2101.00001.gz", &single)]);
    let first = &first[..first.len() - 1024];
    let read = |input: Box<dyn std::io::BufRead + Send>| {
        let (mut pages, mut bad) = (Vec::new(), Vec::new());
        let settings = PageSettings {
            longest: 8 << 20,
            rows: ReadSettings::default(),
        };
        arxiv::papers("a.tar", input, &settings, &mut |page| {
            match page {
                Ok(page) => pages.push(page.id),
                Err(line) => bad.push((line.reason, line.detail)),
            }
            Ok(())
        })
        .unwrap();
        (pages, bad)
    };
    for kind in [
        tar::EntryType::GNULongName,
        tar::EntryType::GNULongLink,
        tar::EntryType::XHeader,
    ] {
        let endless = std::io::Cursor::new([first, &header(kind, "name", 1 << 33)].concat());
        let input = std::io::BufReader::new(std::io::Read::chain(endless, std::io::repeat(b'a')));
        let (pages, bad) = read(Box::new(input));
        assert_eq!(pages, ["2101.00001"]);
        assert_eq!(bad.len(), 1, "{bad:?}");
        assert!(bad[0].1.contains("names before a member"), "{bad:?}");
    }
    // A long name that ends, and a member that is larger than all names may be, are as they were.
    let long = format!("{}/2101.00002.gz", "깊".repeat(200));
    let mut builder = tar::Builder::new(first.to_vec());
    let noise: Vec<u8> = (0..3_000_000_u32)
        .map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let mut head = tar::Header::new_gnu();
    head.set_size(noise.len() as u64);
    builder
        .append_data(&mut head, "notes.png", &*noise)
        .unwrap();
    head.set_size(single.len() as u64);
    builder.append_data(&mut head, &long, &*single).unwrap();
    let whole = builder.into_inner().unwrap();
    let (pages, bad) = read(Box::new(std::io::Cursor::new(whole)));
    assert_eq!(
        (pages, bad),
        (
            vec!["2101.00001".to_owned(), "2101.00002".to_owned()],
            vec![]
        )
    );
}

#[test]
fn a_file_that_is_gone_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.warc");
    put(&path, response("하나")).unwrap();
    let source = Source::discover_pages(folder.path()).unwrap();
    std::fs::remove_file(&path).unwrap();
    let settings = PageSettings {
        longest: 10,
        rows: ReadSettings::default(),
    };
    let error = pages(
        &source.files[0],
        &settings,
        &Arc::default(),
        &mut |_| Ok(()),
    )
    .unwrap_err();
    assert!(
        format!("{error:#}").contains("a.warc cannot be read: is it still there"),
        "{error:#}"
    );
}

/// Records broken at random, from a fixed seed: no panic, and an end.
#[test]
fn mutated_warcs_never_panic() {
    let whole = [
        response("하나"),
        record("conversion", "둘", "text/plain", "둘째 글".as_bytes()),
        response("셋"),
    ]
    .concat();
    let mut state = 5u64;
    let mut random = move |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) as usize % below.max(1)
    };
    let settings = PageSettings {
        longest: 1 << 20,
        rows: ReadSettings::default(),
    };
    for round in 0..4_000 {
        let mut bytes = if round % 4 == 0 {
            gzip(&whole)
        } else {
            whole.clone()
        };
        for _ in 0..1 + random(12) {
            if bytes.is_empty() {
                break;
            }
            let at = random(bytes.len());
            match random(3) {
                0 => bytes[at] = random(256) as u8,
                1 => drop(bytes.drain(at..(at + random(30)).min(bytes.len()))),
                _ => bytes.truncate(at.max(1)),
            }
        }
        let input: Box<dyn std::io::BufRead + Send> = match round % 4 {
            0 => Box::new(std::io::BufReader::new(
                flate2::bufread::MultiGzDecoder::new(std::io::Cursor::new(bytes)),
            )),
            _ => Box::new(std::io::Cursor::new(bytes)),
        };
        let mut taken = 0;
        warc::records("a", input, &settings, &mut |page| {
            taken += 1;
            if let Ok(Page {
                body: Body::Http(block),
                ..
            }) = page
            {
                let _ = http::response(&block, 1 << 20);
            }
            Ok(())
        })
        .unwrap();
        assert!(taken < 100);
    }
}

/// A text that never ends is held until it is plain that it does not, and no longer.
#[test]
fn an_element_without_end_is_a_broken_file() {
    let folder = tempfile::tempdir().unwrap();
    let begun = DUMP.split("</mediawiki>").next().unwrap();
    let endless = format!("{begun}<page><text>{}", "a".repeat(40 << 20));
    let packed = zstd::encode_all(endless.as_bytes(), 1).unwrap();
    put(folder.path().join("wiki.xml.zst"), packed).unwrap();
    let (pages, bad) = read_all(folder.path());
    assert_eq!(pages.len(), 3);
    assert_eq!(bad, [Reason::CorruptFile]);
}
