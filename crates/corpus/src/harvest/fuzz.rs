//! Hostile files of every kind all the way from the disk to a document, always the same ones: no panic, an end, and
//! no more text than a multiple of what came in.
//!
//! Two ways of hostility. *Broken*: a sound file with pieces of it exchanged, cut, repeated and put in, so that
//! containers lie about what is in them. *Soup*: pieces of a format's own grammar in any order and number in a sound
//! container, so that parsers see depth, openings without ends and ends without openings. `PROPTEST_CASES` says how
//! many of each are tried; a case that fails is printed whole.

use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::RngSeed;

use super::*;
use crate::{Here, longest_text};

/// How long a text may be whose page or paper has so many bytes in this file.
fn most(name: &str, page: usize) -> usize {
    match name.rsplit_once('.').map_or("", |(_, ending)| ending) {
        // A byte of another encoding may become three, and these are pages all.
        "html" => longest_text(3 * page),
        // An answer may be compressed.
        "warc" | "gz" | "zst" => longest_text(4 * page),
        // Templates are not expanded.
        "xml" | "bz2" => 4 * page + (4 << 10),
        // Macros multiply within the room that they have.
        _ => 64 * page + (2 << 20),
    }
}

fn settings() -> ProptestConfig {
    ProptestConfig {
        rng_seed: RngSeed::Fixed(20_260),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

#[derive(Clone, Debug)]
enum Edit {
    Put(Index, Vec<u8>),
    Exchange(Index, u8),
    Leave(Index, usize),
    Repeat(Index, usize, usize),
    End(Index),
}

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let at = any::<Index>;
    let edit = prop_oneof![
        4 => (at(), any::<u8>()).prop_map(|(at, byte)| Edit::Exchange(at, byte)),
        3 => (at(), prop::collection::vec(any::<u8>(), 1..9)).prop_map(|(at, bytes)| Edit::Put(at, bytes)),
        3 => (at(), 1_usize..60).prop_map(|(at, length)| Edit::Leave(at, length)),
        2 => (at(), 1_usize..200, 1_usize..40).prop_map(|(at, length, times)| Edit::Repeat(at, length, times)),
        1 => at().prop_map(Edit::End),
    ];
    prop::collection::vec(edit, 1..12)
}

fn broken(mut bytes: Vec<u8>, edits: &[Edit]) -> Vec<u8> {
    for edit in edits {
        if bytes.is_empty() {
            break;
        }
        let length = bytes.len();
        match edit {
            Edit::Put(at, more) => {
                let at = at.index(length);
                bytes.splice(at..at, more.iter().copied());
            }
            Edit::Exchange(at, byte) => bytes[at.index(length)] = *byte,
            Edit::Leave(at, count) => {
                let at = at.index(length);
                bytes.drain(at..(at + count).min(length));
            }
            Edit::Repeat(at, count, times) => {
                let at = at.index(length);
                let piece = bytes[at..(at + count).min(length)].repeat(*times);
                bytes.splice(at..at, piece);
            }
            Edit::End(at) => bytes.truncate(at.index(length)),
        }
    }
    bytes
}

/// Pieces of a grammar, which stand between dots there, some of them many times over.
fn soup(grammar: &'static str) -> impl Strategy<Value = String> {
    let pieces: Vec<&str> = grammar.split('·').collect();
    let times = prop_oneof![8 => Just(1_usize), 2 => 2_usize..9, 1 => 50_usize..600];
    let piece = (select(pieces), times).prop_map(|(piece, times)| piece.repeat(times));
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

/// Reads a file of this name to its end and makes documents of its pages, both ways; how many there are.
fn check(name: &str, bytes: &[u8]) -> usize {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), name, bytes);
    let source = Source::discover_pages(folder.path()).unwrap();
    assert_eq!(source.files.len(), 1, "{name} is read");
    let page_settings = PageSettings {
        longest: 1 << 20,
        rows: ReadSettings::default(),
    };
    let (mut met, mut documents) = (0, 0);
    pages(
        &source.files[0],
        &page_settings,
        &Arc::default(),
        &mut |page| {
            met += 1;
            let Ok(page) = page else {
                return Ok(());
            };
            let size = page.body.bytes();
            for mode in [Mode::Fast, Mode::Quality] {
                let settings = HarvestSettings {
                    mode,
                    caps: Caps {
                        bytes: 1 << 20,
                        ..Caps::default()
                    },
                    ..HarvestSettings::default()
                };
                let made = document::make(page.clone(), &settings, &Lists::default(), &Here);
                let length = match made {
                    Ok(made) => {
                        documents += 1;
                        made.document.text.len()
                    }
                    Err(Stopped::Refused(refused)) => {
                        assert!(
                            refused.refusal != Refusal::ExtractorFailed,
                            "{name}: {}",
                            refused.detail
                        );
                        0
                    }
                    Err(Stopped::Failed(error)) => return Err(error),
                };
                assert!(
                    length <= most(name, size),
                    "{name}: {length} bytes out of {size}"
                );
            }
            Ok(())
        },
    )
    .unwrap();
    assert!(
        met <= bytes.len() + 1,
        "{met} pages in {} bytes",
        bytes.len()
    );
    documents
}

#[allow(clippy::disallowed_methods)] // hundreds of files that nobody needs to be on a disk
fn put(folder: &Path, name: &str, bytes: &[u8]) {
    std::fs::write(folder.join(name), bytes).unwrap();
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

const HTML: &str = "<!DOCTYPE html><html lang=ko><head><meta charset=euc-kr><title>김치</title><link rel=license href=//a></head><body>\
    <nav><a href=/>처음</a></nav><article><h1>김치 담그는 법</h1><p>배추김치는 겨울이 오기 전에 온 가족이 모여서 함께 담그는 음식이다.</p>\
    <table><tr><th>재료<td>배추<tr><td colspan=3>소금</table><ul><li>하나<li>둘<ol><li>셋</ol></ul><pre class=language-py>def f():\n  x</pre>\
    <p>식은 <math><mfrac><mi>x</mi><mn>2</mn></mfrac></math> 이고 <script type='math/tex'>e=mc^2</script> 이다.</p></article></body></html>";

const TAGS: &str = concat!(
    "<p>·</p>·<div>·</div>·<table>·<tr>·<td>·</table>·<ul>·<li>·</ul>·<b>·</b>·<a href='x'>·</a>·<pre>·<code>·",
    "</code>·</pre>·<math>·<mfrac>·<msup>·</math>·<svg>·<template>·<select>·<option>·<iframe>·<noscript>·",
    "<textarea>·</textarea>·<script>·</script>·<style>·<!--·-->·<![CDATA[·]]>·&amp;·&#x110000;·&#0;·&nbsp·<h1>·",
    "</h2>·<blockquote>·<form>·<frameset>·<body>·</html>·<p class=\"·\">·'·=·<·>·\0·\u{feff}·가나다라 마바사 아자차카. ·글·",
    "long words of a text, here. ·\n·<span class=katex>·<annotation encoding='application/x-tex'>·<dl><dt>·<dd>·",
    "<caption>·<font color=red>·<img src=x>·<meta charset=x>·<base href=//>·<article>·<main>·</main>·<sup>·<br/>·",
    "<p/>·<figure>·</figure>·<figcaption>·</figcaption>·<pre>a\nb</pre>·&#57344;·&#57344;0&#57345;·&#xE000;1&#xE001;a·",
    "&#57346;·\u{e000}0\u{e001}·<math alttext='&#57344;0&#57345;'>·<blockquote><p>a·<td colspan=64>a",
);

const DUMP: &str = "<mediawiki xml:lang=\"ko\"><siteinfo><base>https://ko.wikipedia.org/wiki/가</base></siteinfo>\
    <page><title>서울</title><ns>0</ns><id>5</id><revision><timestamp>2024</timestamp><text>{{정보|이름=서울}}\n'''서울'''은 [[대한민국|한국]]의\
    &lt;ref name=\"a\"&gt;주&lt;/ref&gt; 수도이다.\n== 역사 ==\n{| class=\"a\"\n|-\n! 해 !! 일\n|-\n| 1 || 2\n|}\n* 하나\n** 둘\n&lt;math&gt;x^2&lt;/math&gt;</text></revision></page>\
    <page><title>A &amp; B</title><ns>0</ns><id>6</id><redirect title=\"서울\"/><revision><text><![CDATA[글]]></text></revision></page></mediawiki>";

const WIKI: &str = concat!(
    "{{·}}·{{{·}}}·[[·]]·[http://a ·]·|·||·|-·{|·|}·!·!!·'''·''·==·\n== · ==\n·\n* ·\n# ·\n: ·\n·&lt;ref&gt;·",
    "&lt;/ref&gt;·&lt;ref name=a/&gt;·&lt;math&gt;·&lt;/math&gt;·&lt;nowiki&gt;·&lt;/nowiki&gt;·&lt;!--·--&gt;·",
    "&lt;pre&gt;·&lt;gallery&gt;·&lt;table&gt;·&lt;br/&gt;·&amp;nbsp;·&amp;#x;·[[파일:a.png|섬네일|·[[분류:·{{lang|en|·",
    "{{수학|·__TOC__·~~~~·가나다 ·text ·=·:·;·http://가.kr ·<text>·</text>·<page>·&unknown;·&#1114112;·<![CDATA[·]]>·",
    "<!-- ",
);

const PAPER: &str = "\\documentclass{article}\n\\newcommand{\\R}[1][x]{\\mathbb{R}^{#1}}\\def\\a#1.{b#1}\n\\title{제목}\\begin{document}\\maketitle\n\
    \\section{서론} 글 $x \\in \\R[2]$ 이다. % 메모\n\\input{sections/b}\\begin{itemize}\\item 하나\\item 둘\\end{itemize}\n\\[ E = mc^2 \\]\n\
    \\begin{tabular}{ll} a & b \\\\ c & d \\end{tabular}\\footnote{주석}\\cite{a}\\end{document}";

const TEX: &str = concat!(
    "\\section{·\\textbf{·{·}·[·]·$·$$·\\[·\\]·\\(·\\)·\\begin{·\\end{·\\begin{equation}·\\end{equation}·",
    "\\begin{itemize}·\\item ·\\end{itemize}·\\begin{tabular}{ll}·&·\\\\·\\hline·\\end{tabular}·",
    "\\begin{verbatim}·\\end{verbatim}·\\input{b}·\\input{../../etc/passwd}·\\include{main}·",
    "\\newcommand{\\x}[2][a]{·#1·#2·##·\\x·\\x{a}·\\def\\y#1{\\y#1\\y#1}·\\y{a}·\\let\\z=\\y·\\z·\\iffalse·\\fi·",
    "\\else·%·\n·\n\n·~·--·``·''·\\'e·\\\"{o}·\\c c·\\verb|·|·\\footnote{·\\cite{a}·\\ref{·\\frac{1}·^·_·\\left(·",
    "\\right.·\\documentclass{a}·\\begin{document}·\\end{document}·\\usepackage{b}·\\newenvironment{e}{·",
    "\\begin{e}·\\newtheorem{t}{·\\begin{t}·글이다. ·text ·\0·\\·\\ ·\\char`·\\begin{comment}·\\caption{·\\href{a}{·",
    "\\url{",
);

fn record(headers: &str, body: &[u8]) -> Vec<u8> {
    let block = [
        format!("HTTP/1.1 200 OK\r\n{headers}\r\n\r\n").as_bytes(),
        body,
    ]
    .concat();
    let head = format!(
        "WARC/1.0\r\nWARC-Type: response\r\nWARC-Record-ID: <urn:{}>\r\nWARC-Target-URI: http://가.kr/\r\n\
         Content-Type: application/http; msgtype=response\r\nContent-Length: {}\r\n\r\n",
        headers.len(),
        block.len()
    );
    [head.as_bytes(), &block, b"\r\n\r\n"].concat()
}

/// Records of all codings.
fn crawl() -> Vec<Vec<u8>> {
    let (euc, _, _) = encoding_rs::EUC_KR.encode(HTML);
    let size = format!("{:x}\r\n", euc.len() - 5);
    let (first, last) = euc.split_at(5);
    let chunked = [
        b"5;a=b\r\n",
        first,
        b"\r\n",
        size.as_bytes(),
        last,
        b"\r\n0\r\n\r\n",
    ]
    .concat();
    vec![
        record("Content-Type: text/html; charset=utf-8", HTML.as_bytes()),
        record(
            "Content-Type: text/html\r\nContent-Encoding: gzip",
            &gzip(&euc),
        ),
        record("Transfer-Encoding: chunked", &chunked),
        record("Content-Encoding: deflate", &gzip(HTML.as_bytes())[10..]),
        record("Content-Type: text/plain", "글".as_bytes()),
    ]
}

/// A tar of these members.
fn tarball(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, bytes) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, *bytes).unwrap();
    }
    builder.into_inner().unwrap()
}

fn paper(main: &str, second: &str) -> Vec<u8> {
    let members = [
        ("main.tex", main.as_bytes()),
        ("sections/b.tex", second.as_bytes()),
        ("b.tex", second.as_bytes()),
    ];
    gzip(&tarball(&members))
}

/// A month of papers: this one, one of a single file, and a stray member with a long name.
fn archive(paper: &[u8]) -> Vec<u8> {
    let single = gzip(PAPER.as_bytes());
    let long = format!("{}.tex", "깊/".repeat(60));
    let papers = [
        ("2101/2101.00001.gz", paper),
        ("2101/math0301001.gz", &single),
    ];
    tarball(&[papers[0], papers[1], (&long, b"x")])
}

/// What a tar says its checksum is, made true again, so that lies in its fields are believed.
fn believed(mut bytes: Vec<u8>) -> Vec<u8> {
    for block in bytes.chunks_exact_mut(512) {
        if &block[257..262] != b"ustar" {
            continue;
        }
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
    bytes
}

/// What is broken below is sound to begin with.
#[test]
fn sound_files_are_documents() {
    let sound = [
        ("a.warc", crawl().concat(), 5),
        ("a.html", HTML.as_bytes().to_vec(), 1),
        ("ko-pages-articles.xml", DUMP.as_bytes().to_vec(), 1),
        (
            "arXiv_src_2101_001.tar",
            archive(&paper(PAPER, "둘째 글")),
            2,
        ),
    ];
    for (name, bytes, documents) in sound {
        assert_eq!(check(name, &bytes), 2 * documents, "{name}");
    }
}

proptest! {
    #![proptest_config(settings())]

    #[test]
    fn broken_crawls(edits in edits(), packing in 0..4) {
        let records = crawl();
        let (name, bytes) = match packing {
            0 => ("a.warc", broken(records.concat(), &edits)),
            1 => ("a.warc.gz", gzip(&broken(records.concat(), &edits))),
            2 => ("a.warc.gz", broken(records.iter().flat_map(|record| gzip(record)).collect(), &edits)),
            _ => ("a.warc.zst", broken(zstd::encode_all(&*records.concat(), 1).unwrap(), &edits)),
        };
        check(name, &bytes);
    }

    #[test]
    fn broken_pages(edits in edits(), korean in any::<bool>()) {
        let bytes = if korean { encoding_rs::EUC_KR.encode(HTML).0.into_owned() } else { HTML.as_bytes().to_vec() };
        check("a.html", &broken(bytes, &edits));
    }

    #[test]
    fn soup_of_tags(soup in soup(TAGS)) {
        check("a.html", soup.as_bytes());
    }

    #[test]
    fn bytes_of_no_format(bytes in prop::collection::vec(any::<u8>(), 0..600), name in select(vec!["a.html", "a.warc", "a.warc.gz", "a.xml.bz2", "wiki.xml", "a.tar"])) {
        let folder = tempfile::tempdir().unwrap();
        put(folder.path(), name, &bytes);
        if Source::discover_pages(folder.path()).is_ok_and(|source| source.files.len() == 1) {
            check(name, &bytes);
        }
    }

    #[test]
    fn broken_dumps(edits in edits(), packed in any::<bool>()) {
        use std::io::Write as _;
        let bytes = if packed {
            let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
            encoder.write_all(DUMP.as_bytes()).unwrap();
            broken(encoder.finish().unwrap(), &edits)
        } else {
            broken(DUMP.as_bytes().to_vec(), &edits)
        };
        check(if packed { "ko-pages-articles.xml.bz2" } else { "ko-pages-articles.xml" }, &bytes);
    }

    #[test]
    fn soup_of_wikitext(soup in soup(WIKI)) {
        let dump = DUMP.replacen("{{정보|이름=서울}}", &soup, 1);
        check("ko-pages-articles.xml", dump.as_bytes());
    }

    #[test]
    fn broken_archives(edits in edits(), inner in any::<bool>(), checked in any::<bool>()) {
        let paper = paper(PAPER, "둘째 \\input{main} 글");
        let paper = if inner { broken(paper, &edits) } else { paper };
        let bytes = archive(&paper);
        let bytes = if inner { bytes } else { broken(bytes, &edits) };
        check("arXiv_src_2101_001.tar", &if checked { believed(bytes) } else { bytes });
    }

    #[test]
    fn soup_of_tex(main in soup(TEX), second in soup(TEX)) {
        let main = format!("\\documentclass{{a}}{}\\begin{{document}} {main}", &second[..second.find('\n').unwrap_or(0)]);
        check("arXiv_src_2101_001.tar", &tarball(&[("2101/2101.00001.gz", &paper(&main, &second))]));
    }
}
