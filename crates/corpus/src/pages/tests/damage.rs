//! Every way in which a member of a web archive can be cut, and every bit of it that can be wrong.

use std::io::{BufReader, Cursor};

use super::*;
use crate::read::members::Members;

const IDS: [&str; 6] = ["하나", "둘", "셋", "넷", "다섯", "여섯"];
const SENTENCES: [&str; 6] = [
    "내일 아침 시장에서 새 도서관이 문을 연다.",
    "강가의 공원에는 오래된 나무가 많다.",
    "회의는 오후 세 시에 끝날 것으로 보인다.",
    "아이들은 바닷가에서 조개껍데기를 주웠다.",
    "편지는 사흘 뒤에야 서울에 닿았다.",
    "봄비가 그치자 산책하는 사람이 늘었다.",
];

/// A member with one page, which has these sentences so many times.
fn member(first: usize, times: usize) -> Vec<u8> {
    let id = IDS[first];
    let sentences = SENTENCES.iter().cycle().skip(first).take(5).copied();
    let text = sentences.collect::<Vec<_>>().join(" ").repeat(times);
    let block = format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<p>{id} {text}</p>")
        .into_bytes();
    gzip(&record(
        "response",
        id,
        "application/http; msgtype=response",
        &block,
    ))
}

/// The pages of members that lie one behind the other, and how many losses were counted.
fn read_members(members: &[Vec<u8>]) -> (Vec<Page>, usize) {
    let input = Members::new(Cursor::new(members.concat()));
    let input = Box::new(BufReader::with_capacity(256 << 10, input));
    let settings = PageSettings {
        longest: 4 << 20,
        rows: ReadSettings::default(),
    };
    let (mut found, mut bad) = (Vec::new(), 0);
    warc::records("a", input, &settings, &mut |page| {
        match page {
            Ok(page) => found.push(page),
            Err(_) => bad += 1,
        }
        Ok(())
    })
    .unwrap();
    (found, bad)
}

/// Puts each of these in the place of a member: what is handed on was there, what lies before the damage is
/// handed on, and what is lost is counted.
fn check(at: usize, damages: impl Iterator<Item = (String, Vec<u8>)>) {
    let whole: Vec<Vec<u8>> = (0..IDS.len()).map(|first| member(first, 1)).collect();
    let (pages, bad) = read_members(&whole);
    assert_eq!((pages.len(), bad), (IDS.len(), 0));
    let (mut damaged, mut far) = (0, 0);
    for (how, bytes) in damages {
        let mut members = whole.clone();
        members[at] = bytes;
        let (found, bad) = read_members(&members);
        for page in &found {
            assert!(pages.contains(page), "{how}: {page:?}");
        }
        let lost = |page: &&Page| !found.contains(page);
        assert_eq!(pages[..at].iter().find(lost), None, "{how}");
        assert!(found.len() == pages.len() || bad > 0, "{how}: {found:?}");
        damaged += 1;
        far += pages.iter().skip(at + 3).filter(lost).count();
    }
    // A decoder takes a member or two for the rest of a cut one, and seldom more than that.
    assert!(
        damaged > 300 && 50 * far < damaged,
        "{far} pages of {damaged} archives"
    );
}

#[test]
fn no_cut_of_a_member_makes_a_page_that_was_not_there() {
    for at in [2, 5] {
        let whole = member(at, 1);
        let cuts = (1..whole.len()).map(|cut| (format!("{at}: {cut}"), whole[..cut].to_vec()));
        check(at, cuts);
    }
}

#[test]
fn no_wrong_bit_of_a_member_makes_a_page_that_was_not_there() {
    for at in [2, 5] {
        let whole = member(at, 1);
        let flips = (0..8 * whole.len()).map(|bit| {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            (format!("{at}: bit {bit}"), bytes)
        });
        check(at, flips);
    }
}

/// A page that is longer than what is read of a member at once, with a wrong checksum.
#[test]
fn a_long_page_is_not_believed_either() {
    let mut members = [member(0, 1), member(1, 4_000), member(2, 1)];
    assert_eq!(read_members(&members).1, 0);
    let at = members[1].len() - 6;
    members[1][at] ^= 1;
    let (found, bad) = read_members(&members);
    let ids: Vec<&str> = found.iter().map(|page| page.id.as_str()).collect();
    assert_eq!((ids, bad), (vec!["urn:하나", "urn:셋"], 1));
}

/// Rubbish behind a record is no damage: the page before it is handed on, at the end of a file too.
#[test]
fn rubbish_behind_a_record_does_not_cost_the_record() {
    let plain = [&response("하나")[..], "쓰레기\r\n".as_bytes()].concat();
    let packed = gzip(&plain);
    for (name, bytes) in [("a.warc", &plain), ("a.warc.gz", &packed)] {
        let expected = (vec!["urn:하나".to_owned()], vec![Reason::BrokenRecord]);
        assert_eq!(read(name, bytes), expected, "{name}");
        let more = match name {
            "a.warc" => response("둘"),
            _ => gzip(&response("둘")),
        };
        let (found, bad) = read(name, &[&bytes[..], &more].concat());
        assert_eq!((found.len(), bad.len()), (2, 1), "{name}");
    }
}
