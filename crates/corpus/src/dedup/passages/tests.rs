use super::*;
use crate::{Document, WriteSettings, Writer};
use proptest::prelude::*;

/// Every document is kept.
fn all(count: usize) -> Clustered {
    let own: Vec<u32> = (0..count as u32).collect();
    Clustered {
        root: own.clone(),
        best: own.clone(),
        size: vec![1; count],
        seen: vec![false; count],
        twin: own,
    }
}

fn find(texts: &[String], least: usize, threads: usize) -> Passages {
    let folder = tempfile::tempdir().expect("a folder");
    let small = WriteSettings {
        shard_bytes: 400,
        ..WriteSettings::default()
    };
    let mut writer = Writer::create(&folder.path().join("corpus"), small).expect("a corpus");
    for (number, text) in texts.iter().enumerate() {
        writer
            .write(&Document::new(number.to_string(), text.as_str()))
            .expect("written");
    }
    writer.finish().expect("finished");
    let corpus = Corpus::open(&folder.path().join("corpus")).expect("a corpus");
    let partial = folder.path().join("passages");
    Passages::find(&corpus, &all(texts.len()), least, &partial, threads).expect("found")
}

/// Which bytes of which text are cut, words or not.
fn marked(texts: &[String], found: &Passages) -> Vec<Vec<bool>> {
    let mut marks: Vec<Vec<bool>> = texts.iter().map(|text| vec![false; text.len()]).collect();
    for [from, to] in found.cuts.all() {
        let of = found.starts.partition_point(|start| start <= from) - 1;
        let start = found.starts[of];
        marks[of][(from - start) as usize..(to - start) as usize].fill(true);
    }
    marks
}

fn cut(texts: &[&str], least: usize) -> Vec<String> {
    let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
    let found = find(&texts, least, 2);
    let kept = texts.iter().enumerate().map(|(number, text)| {
        let mut kept = String::new();
        let mut at = 0;
        for range in found.of(number, text) {
            kept.push_str(&text[at..range.start]);
            kept.push('|');
            at = range.end;
        }
        kept + &text[at..]
    });
    kept.collect()
}

const QUOTED: &str =
    "나라의 말씀이 중국과 달라 문자로 서로 통하지 아니하므로 어리석은 백성이 말하고자 할 바 있어도";

#[test]
fn a_passage_stays_where_it_came_first() {
    let first = format!("훈민정음 머리말이다. {QUOTED} 마침내 제 뜻을 펴지 못한다.");
    let later = format!("세종은 이렇게 적었다 {QUOTED} 라고. The rest is new.");
    let quote = "아무 상관 없는 글이지만 조금은 길다. 나라의 말씀이 중국과 달라. 끝.";
    assert_eq!(
        cut(&[&first, &later, quote], 60),
        [
            first.clone(),
            "세종은 이렇게 적었다| 라고. The rest is new.".to_owned(),
            quote.to_owned()
        ]
    );
    // Twice in one document is that document's business.
    let refrain = format!("{QUOTED} 그리고 {QUOTED}");
    assert_eq!(cut(&[&refrain], 60), std::slice::from_ref(&refrain));
}

#[test]
fn what_one_document_repeats_hides_no_repetition_of_others() {
    // Shorter than the limit, so that what stands around it decides.
    let row = "이 글의 저작권은 지은이에게 있으며 허락 없이 옮겨 실을 수 없다";
    let passage = format!("「{row}」");
    let least = passage.len();
    let rows = (0..100).map(|number| format!("{number}째 줄: {row}\n"));
    let texts = [
        rows.collect::<String>(),
        format!("처음으로 나온 글이다. {passage} 여기까지가 그 글이다."),
        format!("나중에 나온 글도 이렇게 적는다. {passage} 그리고 말을 맺는다."),
    ];
    // The two share no anchor outside of the row, and the row's are all a hundred times in the first.
    let anchors = |text: &String| {
        let mut hashes = Vec::new();
        Winnow::new(least).anchors(text.as_bytes(), |hash, _| hashes.push(hash));
        hashes
    };
    let [first, second, third] = texts.each_ref().map(anchors);
    let mut shared = second.iter().filter(|hash| third.contains(hash)).peekable();
    assert!(shared.peek().is_some());
    for hash in shared {
        let often = first.iter().filter(|other| *other == hash).count();
        assert!(often > RIVALS, "{often}");
    }
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let kept = cut(&texts, least);
    assert_eq!(kept[..2], texts[..2]);
    assert_eq!(
        kept[2],
        "나중에 나온 글도 이렇게 적는다.| 그리고 말을 맺는다."
    );
}

#[test]
fn words_and_letters_stay_whole() {
    let shared = "the quick brown fox jumps over the lazy dog and runs";
    let found = cut(
        &[
            &format!("A {shared}ning {shared}"),
            &format!("Bee{shared}ty"),
        ],
        40,
    );
    assert_eq!(found[1], "Beethe| runsty", "{found:?}");
    // Without a space anywhere, letters are what is left whole.
    let long = "가나다라마바사아자차카타파하거너더러머버서어저처커터퍼허";
    let found = cut(&[&format!("{long}고"), &format!("각{long}곡")], 60);
    assert_eq!(found[1], "각|곡", "{found:?}");
}

#[test]
fn a_long_copy_is_cut_whole_and_threads_change_nothing() {
    let mut state = 7_u64;
    let mut word = || {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(99);
        char::from_u32(0xac00 + (state >> 40) as u32 % 9000)
            .expect("a syllable")
            .to_string()
    };
    let mut text = |count: usize| {
        (0..count)
            .map(|_| word() + if count.is_multiple_of(3) { " " } else { "" })
            .collect::<String>()
    };
    let passage = text(3000);
    let texts = [
        text(300) + &passage,
        text(100) + &passage + &text(100),
        text(90),
        passage.clone(),
    ];
    let found = find(&texts, 200, 1);
    let again = find(&texts, 200, 3);
    assert_eq!(
        (found.cuts.all(), &found.starts),
        (again.cuts.all(), &again.starts)
    );
    let marks = marked(&texts, &found);
    let cut: Vec<usize> = marks
        .iter()
        .map(|marks| marks.iter().filter(|mark| **mark).count())
        .collect();
    assert_eq!(cut, [0, passage.len(), 0, passage.len()]);
}

/// Whether `least` bytes from `at` on stand in an earlier text, in which none of them is cut where
/// `uncut` is asked for.
fn earlier(
    texts: &[String],
    marks: &[Vec<bool>],
    of: usize,
    at: usize,
    least: usize,
    uncut: bool,
) -> bool {
    let window = &texts[of].as_bytes()[at..at + least];
    texts[..of].iter().zip(marks).any(|(text, marks)| {
        let places = text.as_bytes().windows(least).enumerate();
        places
            .filter(|(_, other)| *other == window)
            .any(|(place, _)| !uncut || marks[place..place + least].iter().all(|mark| !mark))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn all_that_stays_elsewhere_is_cut_and_nothing_else(
        pieces in proptest::collection::vec("[가나다a-c ]{6,30}", 4),
        plan in proptest::collection::vec(proptest::collection::vec((0_usize..4, "[가-힣a-z]{0,6}"), 1..5), 2..6),
        least in 12_usize..40,
    ) {
        let texts: Vec<String> = plan.iter().map(|parts| {
            parts.iter().map(|(piece, between)| format!("{}{between}", pieces[*piece])).collect()
        }).collect();
        let found = find(&texts, least, 2);
        let marks = marked(&texts, &found);
        for (of, text) in texts.iter().enumerate() {
            let windows = text.len().saturating_sub(least - 1);
            let mut covered = vec![false; text.len()];
            for at in 0..windows {
                if earlier(&texts, &marks, of, at, least, false) {
                    covered[at..at + least].fill(true);
                }
                if earlier(&texts, &marks, of, at, least, true) {
                    prop_assert!(marks[of][at..at + least].iter().all(|mark| *mark), "{of} {at} {text:?} of {texts:?}");
                }
            }
            for at in 0..text.len() {
                prop_assert!(!marks[of][at] || covered[at], "{of} {at} {text:?} of {texts:?}");
            }
            for range in found.of(of, text) {
                prop_assert!(text.get(range).is_some());
            }
        }
    }
}
