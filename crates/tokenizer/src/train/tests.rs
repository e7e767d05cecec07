use super::*;
use crate::special::END_OF_TEXT;

const TEXT: [&str; 4] = [
    "국회는 법률안을 심의하고 의결한다. 국회의원은 법률안을 제출할 수 있다.",
    "나는 학교에 간다. 너는 학교에 온다. 우리는 학교에서 만난다.",
    "The council debates the bill, and the bill is passed by the council.",
    "It's 2026; we'll meet at 10:30.\n\n\tfn main() {}\n",
];

fn texts() -> impl Iterator<Item = String> {
    (0..300).map(|number| format!("{} {number}", TEXT[number % 4]))
}

fn settings(vocabulary: usize) -> TrainSettings {
    TrainSettings {
        vocabulary,
        ..TrainSettings::default()
    }
}

#[test]
fn the_vocabulary_is_bytes_then_merges_then_special_tokens() {
    let trained = train(texts(), &settings(400)).unwrap();
    let tokenizer = &trained.tokenizer;
    assert_eq!(tokenizer.vocabulary(), 400);
    assert_eq!(
        (
            trained.training.vocabulary,
            trained.training.wanted_vocabulary
        ),
        (400, 400)
    );
    let bytes: Vec<u8> = (0..256).flat_map(|id| tokenizer.bytes_of(id)).collect();
    assert_eq!(bytes, crate::letters::ordered());
    assert_eq!((tokenizer.bos(), tokenizer.eos()), (Some(384), Some(385)));
    assert_eq!(tokenizer.id_of("<|eot_id|>"), Some(393));
    assert!(tokenizer.is_special(399) && !tokenizer.is_special(383));
    assert_eq!(tokenizer.encode_document("가").first(), Some(&384));
    assert_eq!(tokenizer.encode_document("").as_slice(), [384, 385]);
    assert_eq!(
        tokenizer.decode(&tokenizer.encode_document("학교에 간다")),
        "학교에 간다"
    );
}

#[test]
fn the_same_text_gives_the_same_bytes_on_any_number_of_threads() {
    let json = |threads: usize, texts: Vec<String>| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| train(texts, &settings(420)).unwrap().tokenizer.json)
    };
    let texts: Vec<String> = texts().collect();
    let expected = json(1, texts.clone());
    for threads in [1, 2, 3, 8] {
        assert!(
            json(threads, texts.clone()) == expected,
            "{threads} threads"
        );
    }
    let backwards: Vec<String> = texts.into_iter().rev().collect();
    assert!(
        json(2, backwards) == expected,
        "nor does the order of the texts matter"
    );
}

#[test]
fn where_text_is_short_the_vocabulary_is_smaller_and_says_so() {
    let trained = train(["가나 가나"], &settings(1000)).unwrap();
    assert_eq!(
        trained.tokenizer.vocabulary() as u64,
        trained.training.vocabulary
    );
    assert!(trained.training.vocabulary < trained.training.wanted_vocabulary);
    assert_eq!(
        trained.tokenizer.eos(),
        trained.tokenizer.id_of(END_OF_TEXT)
    );
}

#[test]
fn a_sample_ends_where_the_settings_say() {
    let mut trainer = Trainer::new(TrainSettings {
        sample_bytes: Some(10),
        ..settings(300)
    })
    .unwrap();
    assert!(trainer.add("가나다"));
    assert!(trainer.add("라마바"));
    assert!(!trainer.add("사아자"));
    assert_eq!(trainer.bytes(), 18);
    let training = trainer.finish(|_, _| Ok(())).unwrap().training;
    assert_eq!((training.texts, training.bytes, training.words), (2, 18, 2));
}

#[test]
fn a_line_of_a_million_letters_is_left_out_and_counted() {
    let line = "ACGT".repeat(250_000);
    let trained = train([line.as_str(), "가나 가나"], &settings(300)).unwrap();
    assert_eq!(trained.training.long_words, 1);
    assert_eq!(
        trained.tokenizer.encode(&line).len(),
        1_000_000,
        "no merge came of it"
    );
}

#[test]
fn what_cannot_be_is_said() {
    for (settings, texts, expected) in [
        (
            settings(200),
            vec!["가"],
            "a vocabulary of 200 is too small: 256 bytes and 16 special tokens need 272",
        ),
        (
            TrainSettings {
                specials: Some(3),
                ..settings(300)
            },
            vec!["가"],
            "3 special tokens are too few: 11 of them have a meaning",
        ),
        (
            settings(300),
            vec![],
            "there is no text to train a tokenizer on: the corpus is empty",
        ),
        (
            settings(300),
            vec![""],
            "there is no text to train a tokenizer on: the corpus is empty",
        ),
    ] {
        let error = train(texts, &settings).err().unwrap();
        assert_eq!(error.to_string(), expected);
    }
}
