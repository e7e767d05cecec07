#![allow(clippy::print_stdout)] // figures, shown by --nocapture

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// The masked text.
fn check(text: &str, expected: &str) {
    let masked = mask(text, &Kind::ALL);
    assert_eq!(masked.text.as_deref().unwrap_or(text), expected);
}

#[test]
fn what_is_personal_is_masked() {
    check(
        "메일은kim.lee@naver.com입니다. a@b, @kim",
        "메일은<EMAIL>입니다. a@b, @kim",
    );
    check(
        "Write to <first.last+x@mail.example.co.kr>.",
        "Write to <<EMAIL>>.",
    );
    check(
        "주민번호 900101-1234567 또는 850229-2000000",
        "주민번호 <RESIDENT_NUMBER> 또는 <RESIDENT_NUMBER>",
    );
    check(
        "외국인 등록번호: 900101-5234567.",
        "외국인 등록번호: <FOREIGNER_NUMBER>.",
    );
    check(
        "전화 010-1234-5678, 02)123-4567, (031) 123 4567",
        "전화 <PHONE_NUMBER>, <PHONE_NUMBER>, (<PHONE_NUMBER>",
    );
    check(
        "+82-10-1234-5678 / +82 2 123 4567 / +1 415 555 2671",
        "<PHONE_NUMBER> / <PHONE_NUMBER> / <PHONE_NUMBER>",
    );
    check(
        "010.1234.5678 01012345678 070-1234-5678",
        "<PHONE_NUMBER> <PHONE_NUMBER> <PHONE_NUMBER>",
    );
    check(
        "카드 4111-1111-1111-1111, 378282246310005",
        "카드 <CARD_NUMBER>, <CARD_NUMBER>",
    );
    check(
        "접속 8.8.8.8 그리고 2001:4860:4860::8888",
        "접속 <IP_ADDRESS> 그리고 <IP_ADDRESS>",
    );
    check(
        "사업자등록번호 220-81-62517",
        "사업자등록번호 <BUSINESS_NUMBER>",
    );
    check("면허 11-12-123456-12", "면허 <LICENCE_NUMBER>");
    check(
        "국민은행 123456-01-123456 홍길동",
        "국민은행 <ACCOUNT_NUMBER> 홍길동",
    );
    check(
        "여권번호 M12345678, 여권 M123A4567",
        "여권번호 <PASSPORT_NUMBER>, 여권 <PASSPORT_NUMBER>",
    );
}

#[test]
fn accounts_as_people_name_their_banks() {
    for text in [
        "은행나무길 12, 국민은행 123456-01-123456",
        "ISBN 89-01-23456-7 국민은행 123456-01-123456",
        "신한 123456-01-123456 홍길동",
        "국민 123456-01-123456",
        "국민(홍길동)123456-01-123456",
        "국민123456-01-123456",
        "KB국민 123456-01-123456",
    ] {
        check(text, &text.replace("123456-01-123456", "<ACCOUNT_NUMBER>"));
    }
    check("신한 110-123-456789 홍길동", "신한 <ACCOUNT_NUMBER> 홍길동");
}

/// As people write them: with whatever sign the keyboard has, glued to a word, in full width.
#[test]
fn telephone_numbers_in_every_dress() {
    for number in [
        "010-12345678",
        "010 12345678",
        "010. 1234. 5678",
        "010·1234·5678",
        "010ㆍ1234ㆍ5678",
        "010/1234/5678",
        "010—1234—5678",
        "010ㅡ1234ㅡ5678",
        "010 - 1234 - 5678",
        "011-123-4567",
        "0502-1234-5678",
        "050-1234-5678",
        "82-10-1234-5678",
        "+82 (0)10-1234-5678",
        "+82 (0)2 123 4567",
        "+82(0)2-123-4567",
        "+82 2 123 4567",
        "+1.415.555.2671",
        "+1 415.555.2671",
        "+1. 415. 555. 2671",
        "+1. 415 555 2671",
        "+82. 10.1234.5678",
        "+82. 212345678",
        "+82 10.1234.5678",
        "+82-10.1234.5678",
        "+82 10·1234·5678",
        "+82 (0)10. 1234. 5678",
        "+49 (0)89/1234567",
        "+49 711/12 34 56",
        "+33 1.23.45.67.89",
        "+82-0505-1234-5678",
        "+82 0502 1234 5678",
        "+82-0507-123-4567",
        "+82 0 505 1234 5678",
        "+82 (0)505-1234-5678",
        "+82-02-123-4567",
        "+1.4155552671",
        "+82.212345678",
        "+82.21234567",
        "+82.01012345678",
        "０１０－１２３４－５６７８",
        "０１０-１２３４-５６７８",
    ] {
        check(
            &format!("연락처 {number} 입니다"),
            "연락처 <PHONE_NUMBER> 입니다",
        );
        check(&format!("☎{number}로 주세요"), "☎<PHONE_NUMBER>로 주세요");
    }
    check(
        "(010)-1234-5678, (02)-123-4567",
        "(<PHONE_NUMBER>, (<PHONE_NUMBER>",
    );
    check(
        "Tel010-1234-5678 HP01012345678",
        "Tel<PHONE_NUMBER> HP<PHONE_NUMBER>",
    );
    check("+82 2 123 4567 20명", "<PHONE_NUMBER> 20명");
    check(
        "문의 kim＠naver．com, ＋82-10-1234-5678",
        "문의 <EMAIL>, <PHONE_NUMBER>",
    );
    check(
        "주민 ９００１０１－１２３４５６８",
        "주민 <RESIDENT_NUMBER>",
    );
    check("카드 4111－1111－1111－1111", "카드 <CARD_NUMBER>");
    check(
        "계좌 010-1234-5678-90, 신협 131-000-123456",
        "계좌 <ACCOUNT_NUMBER>, 신협 <ACCOUNT_NUMBER>",
    );
}

/// 법인 is in the names of foundations, and before the names of people.
#[test]
fn only_a_number_that_is_named_a_companys_is_no_residents() {
    for (text, expected) in [
        (
            "법인대표 홍길동 900101-1234568",
            "법인대표 홍길동 <RESIDENT_NUMBER>",
        ),
        (
            "재단법인 홍길동 900101-1234567",
            "재단법인 홍길동 <RESIDENT_NUMBER>",
        ),
        (
            "주민(법인)등록번호: 900101-1234567",
            "주민(법인)등록번호: <RESIDENT_NUMBER>",
        ),
        (
            "주민등록번호(법인등록번호) 900101-1234567",
            "주민등록번호(법인등록번호) <RESIDENT_NUMBER>",
        ),
        (
            "외국인등록번호/법인등록번호 900101-5234567",
            "외국인등록번호/법인등록번호 <FOREIGNER_NUMBER>",
        ),
        (
            "법인등록번호 110111-1234567, 대표 900101-1234567",
            "법인등록번호 110111-1234567, 대표 <RESIDENT_NUMBER>",
        ),
        (
            "주민 900101-1234567 법인번호 110111-1234567",
            "주민 <RESIDENT_NUMBER> 법인번호 110111-1234567",
        ),
        // The checksum of a resident's number holds.
        (
            "법인등록번호 110111-1234564",
            "법인등록번호 <RESIDENT_NUMBER>",
        ),
    ] {
        check(text, expected);
    }
    for text in [
        "법인 등록번호 : 110111-1234567",
        "법인등록번호([110111-1234567])",
        "**법인번호**: 110111-1234567",
        "재단법인 등록번호는 110111-1234567이다",
        "법인등록\n110111-1234567",
    ] {
        check(text, text);
    }
}

#[test]
fn a_number_with_a_country_ends_where_its_joints_end() {
    for (text, expected) in [
        (
            "Call +1 415 555 2671. 3 rooms left",
            "Call <PHONE_NUMBER>. 3 rooms left",
        ),
        (
            "Call +1 415 555 2671 20 times",
            "Call <PHONE_NUMBER> 20 times",
        ),
        (
            "런던 +44 20 7946 0958. 2024년에",
            "런던 <PHONE_NUMBER>. 2024년에",
        ),
        (
            "런던 +442079460958. 2024년에",
            "런던 <PHONE_NUMBER>. 2024년에",
        ),
        ("런던 +44 2079460958. 300명", "런던 <PHONE_NUMBER>. 300명"),
        (
            "런던 +44 20 7946 0958.2024년에",
            "런던 <PHONE_NUMBER>.2024년에",
        ),
        ("런던 +44.20.7946.0958 300명", "런던 <PHONE_NUMBER> 300명"),
        (
            "싱가포르 +65 6123 4567/2024년",
            "싱가포르 <PHONE_NUMBER>/2024년",
        ),
        (
            "싱가포르 +65 6123 4567 2024.01.15",
            "싱가포르 <PHONE_NUMBER> 2024.01.15",
        ),
        (
            "+44 20 7946 0958. 010-1234-5678",
            "<PHONE_NUMBER>. <PHONE_NUMBER>",
        ),
        (
            "+44 20 7946 0958/010-1234-5678",
            "<PHONE_NUMBER>/<PHONE_NUMBER>",
        ),
        ("등록 +1.4155552671. 2024년", "등록 <PHONE_NUMBER>. 2024년"),
        ("등록 +44.2079460958 300명", "등록 <PHONE_NUMBER> 300명"),
        ("상담+010-1234-5678", "상담+<PHONE_NUMBER>"),
        ("Call +1 (415) 555-2671 now", "Call <PHONE_NUMBER> now"),
        ("Call +1(415)555-2671.", "Call <PHONE_NUMBER>."),
        ("전화 +82 (2) 123-4567", "전화 <PHONE_NUMBER>"),
        (
            "전화 +82 (10) 1234 5678 (평일)",
            "전화 <PHONE_NUMBER> (평일)",
        ),
        ("추천 +1 (2024) 조회 123", "추천 +1 (2024) 조회 123"),
        ("추천 +1 (2024-01-15) 3", "추천 +1 (2024-01-15) 3"),
    ] {
        check(text, expected);
    }
}

#[test]
fn what_only_looks_like_it_stays() {
    for text in [
        "코스피 +1.25 2345.67",
        "코스피 +1.25/2345.67",
        "코스피 +5 1234.5678",
        "기온 +15. 2024. 01. 15",
        "기온 +3.5. 2024. 1234",
        "기온 +15. 2024 1234",
        "추천 +1 2024-01-15",
        "추천 +1 2024.01.15 12:30",
        "추천 +1 2024/01/15",
        "원주율 +3.141592653",
        "위치 +37.566535123, +126.977969123",
        "표 0.010 12345678",
        "표 0.018 2034567",
        "표 1.018 2034567",
        "표 0.031 123 4567",
        "확률 0.01012345678",
        "변화량 +0.12345678",
        "국민서관 ISBN 978-89-11-12345-6",
        "은행나무출판사 ISBN 978-89-11-12345-6",
        "국민청원 게시글 2020123456",
        "국민청원 2020-12-123456",
        "대국민 110-123-456789",
        "신한 2020-123456",
        "은행나무길 123456-01-123456",
        "법인등록번호 110111-1234567",
        "logo@2x.png",
        "2024/01/15 12·12 사태",
        "SMART010-1234-5678",
        "전각 ＡＢＣ（１２）",
        "2024-01-15 12:30:45",
        "2024. 01. 15",
        "1,234,567원",
        "2001년 9월 11일",
        "3.14159265358979",
        "900101-1",
        "901301-1234567",
        "192.168.0.1 10.0.0.1 127.0.0.1",
        "version 1.2.3.4",
        "1.2.3.4.5",
        "4111-1111-1111-1112",
        "1588-1234",
        "ISBN 978-89-01-23456-7",
        "220-81-62518",
        "M12345678",
        "123456-01-123456",
        "ratio 16:9, 12:30",
        "a::b std::vec",
        "user@localhost",
        "1700000000000",
        "010-1234-5678901",
        "x@y.z1",
        "000000000000000000000000000000",
        "10:20:30:40",
        "제2024-12345호",
        "x010-1234-5678",
    ] {
        check(text, text);
    }
}

#[test]
fn a_checksum_is_a_score() {
    let digits = |text: &str| text.bytes().map(|byte| byte - b'0').collect::<Vec<_>>();
    // 2·9+3·0+4·0+5·1+6·0+7·1+8·1+9·2+2·3+3·4+4·5+5·6 = 124; (11 − 124 mod 11) mod 10 = 8.
    assert!(super::korean::resident_checksum(&digits("9001011234568")));
    assert!(!super::korean::resident_checksum(&digits("9001011234567")));
    assert_eq!(mask("900101-1234568 900101-1234567", &Kind::ALL).checked, 1);
    assert!(super::card::luhn(&digits("4111111111111111")));
    check(
        "9001011234568 9001011234567",
        "<RESIDENT_NUMBER> 9001011234567",
    );
}

#[test]
fn only_the_kinds_that_are_wanted() {
    let masked = mask("kim@naver.com 8.8.8.8", &[Kind::Ip]);
    assert_eq!(masked.text.unwrap(), "kim@naver.com <IP_ADDRESS>");
    assert_eq!(masked.counts.iter().sum::<u32>(), 1);
    assert_eq!(mask("nothing here", &Kind::ALL), Masked::default());
}

/// Numbers as people write them, in sentences of both languages, beside others that look alike.
struct Draw(u64);

impl Draw {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (x ^ (x >> 31)) % limit
    }
    fn digits(&mut self, count: usize) -> String {
        (0..count)
            .map(|_| char::from(b'0' + self.below(10) as u8))
            .collect()
    }
    fn pick<'a>(&mut self, options: &[&'a str]) -> &'a str {
        options[self.below(options.len() as u64) as usize]
    }
    fn birth(&mut self) -> String {
        format!(
            "{:02}{:02}{:02}",
            self.below(100),
            1 + self.below(12),
            1 + self.below(28)
        )
    }
    fn personal(&mut self) -> (Kind, String) {
        let joint = self.pick(&["-", "-", "-", " ", ".", "", "·", "/", "—", "ㅡ", ". ", "－"]);
        match self.below(8) {
            0 => (
                Kind::Email,
                format!(
                    "{}{}@{}",
                    self.pick(&["kim", "lee.js", "hong_gd", "a-b"]),
                    self.below(999),
                    self.pick(&["naver.com", "gmail.com", "snu.ac.kr", "x-y.co.uk"])
                ),
            ),
            1 => (
                Kind::Resident,
                format!("{}-{}{}", self.birth(), 1 + self.below(4), self.digits(6)),
            ),
            2 => (
                Kind::Foreigner,
                format!("{}-{}{}", self.birth(), 5 + self.below(4), self.digits(6)),
            ),
            3 => (
                Kind::Phone,
                format!(
                    "010{joint}{}{}{joint}{}",
                    1 + self.below(9),
                    self.digits(3),
                    self.digits(4)
                ),
            ),
            4 => {
                let joint = if joint.is_empty() { "-" } else { joint };
                let area = self.pick(&["02", "031", "051", "064", "070"]);
                (
                    Kind::Phone,
                    format!(
                        "{area}{joint}{}{}{joint}{}",
                        1 + self.below(9),
                        self.digits(2),
                        self.digits(4)
                    ),
                )
            }
            5 => {
                let mut number =
                    format!("{}{}", self.pick(&["4", "5", "9", "35"]), self.digits(14));
                number.truncate(15);
                let digits: Vec<u8> = number.bytes().map(|byte| byte - b'0').collect();
                let last = (0..10)
                    .find(|last| super::card::luhn(&[&digits[..], &[*last]].concat()))
                    .unwrap();
                number.push(char::from(b'0' + last));
                let joint = self.pick(&["-", " ", ""]);
                (
                    Kind::Card,
                    [&number[..4], &number[4..8], &number[8..12], &number[12..]].join(joint),
                )
            }
            6 => (
                Kind::Ip,
                format!(
                    "{}.{}.{}.{}",
                    self.pick(&["8", "121", "203", "211"]),
                    self.below(256),
                    1 + self.below(255),
                    1 + self.below(254)
                ),
            ),
            _ => (
                Kind::Account,
                format!(
                    "{} {}-{}-{}",
                    self.pick(&["국민은행", "계좌번호", "Account"]),
                    self.digits(6),
                    self.digits(2),
                    self.digits(6)
                ),
            ),
        }
    }
    fn impersonal(&mut self) -> String {
        match self.below(7) {
            0 => format!(
                "20{}-{:02}-{:02}",
                self.digits(2),
                1 + self.below(12),
                1 + self.below(28)
            ),
            1 => format!("{},{}원", 1 + self.below(999), self.digits(3)),
            2 => format!("제20{}-{}호", self.digits(2), self.digits(5)),
            3 => format!("{}.{}%", self.below(99), self.digits(2)),
            4 => format!("{}:{}", 10 + self.below(13), 10 + self.below(49)),
            5 => format!(
                "ISBN 978-89-{}-{}-{}",
                self.digits(4),
                self.digits(3),
                self.digits(1)
            ),
            _ => format!("v{}.{}.{}", self.below(9), self.below(20), self.below(9)),
        }
    }
}

#[test]
fn precision_and_recall_on_labelled_text() {
    let mut draw = Draw(1);
    let mut counts: BTreeMap<Kind, [u32; 3]> = BTreeMap::new(); // right, missed, false
    for _ in 0..4000 {
        let mut text = String::new();
        let mut truth = Vec::new();
        for _ in 0..6 {
            text.push_str(draw.pick(&[
                "문의는 ",
                "연락처: ",
                "see ",
                "그는 (",
                "값은 ",
                "call me at ",
            ]));
            if draw.below(2) == 0 {
                let (kind, number) = draw.personal();
                let named = number
                    .rfind(' ')
                    .filter(|_| kind == Kind::Account)
                    .map_or(0, |at| at + 1);
                truth.push((text.len() + named, text.len() + number.len(), kind));
                text.push_str(&number);
            } else {
                text.push_str(&draw.impersonal());
            }
            text.push_str(draw.pick(&[
                "입니다. ",
                "로 주세요.\n",
                ", and then ",
                ") 했다. ",
                " 또는 ",
            ]));
        }
        let found: Vec<_> = find(&text)
            .into_iter()
            .map(|found| (found.start, found.end, found.kind))
            .collect();
        for item in &truth {
            counts.entry(item.2).or_default()[usize::from(!found.contains(item))] += 1;
        }
        for item in found.iter().filter(|item| !truth.contains(item)) {
            counts.entry(item.2).or_default()[2] += 1;
        }
    }
    for (kind, [right, missed, wrong]) in &counts {
        let recall = f64::from(*right) / f64::from(right + missed).max(1.0);
        let precision = f64::from(*right) / f64::from(right + wrong).max(1.0);
        println!(
            "{}: precision {precision:.4}, recall {recall:.4} of {}",
            kind.name(),
            right + missed
        );
        assert!(
            recall > 0.99 && precision > 0.99,
            "{}: precision {precision}, recall {recall}",
            kind.name()
        );
    }
}

proptest! {
    #[test]
    fn what_is_found_lies_in_the_text_in_order(text in "([0-9a-fM:.@+() 가-힣-]{0,80}|\\PC{0,60}|(010-|900101-1|1234|@a\\.kr|여권 M|::|은행 )*)") {
        let found = find(&text);
        for pair in found.windows(2) {
            prop_assert!(pair[0].end <= pair[1].start);
        }
        prop_assert!(found.iter().all(|found| found.start < found.end && text.get(found.start..found.end).is_some()));
        let masked = mask(&text, &Kind::ALL);
        prop_assert_eq!(masked.text.is_some(), !found.is_empty());
        prop_assert_eq!(masked.counts.iter().sum::<u32>() as usize, found.len());
    }
}

/// More digits behind a plus than any number has: nothing to find, and nothing to stumble over.
#[test]
fn a_plus_before_too_many_digits() {
    for text in ["x +12345678901234567 y", "주소 +1234567890123456 끝", "+"] {
        assert!(mask(text, &Kind::ALL).text.is_none(), "{text}");
    }
}
