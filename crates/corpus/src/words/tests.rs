use super::*;
use proptest::prelude::*;

fn check(text: &str, expected: &str) {
    assert_eq!(words(text, Language::English).join(" "), expected);
}

#[test]
fn english_is_cut_like_spacy() {
    check("Don't panic, Mr. O'Neil!", "Do n't panic , Mr. O'Neil !");
    check("(e.g. 10km at 5pm.)", "( e.g. 10 km at 5 pm . )");
    check(
        "well-known end.Next a,b 3-4 x=y",
        "well - known end . Next a , b 3 - 4 x = y",
    );
    check(
        "see https://example.com/a?b=c, or www.kanana.org.",
        "see https://example.com/a?b=c , or www.kanana.org .",
    );
    check(
        "\"It’s U.S. money…\" he’d said...",
        "\" It ’s U.S. money … \" he ’d said ...",
    );
    check(
        "$5.50 100% a--b ‘quoted’ thats",
        "$ 5.50 100 % a -- b ‘ quoted ’ that s",
    );
}

#[test]
fn korean_is_cut_at_spaces() {
    assert_eq!(
        words("나는  학교에\n간다.\u{3000}(정말)", Language::Korean),
        ["나는", "학교에", "간다.", "(정말)"]
    );
}

#[test]
fn sentences_end_where_marks_stand_alone() {
    let english = |text| sentences(&words(text, Language::English), Language::English);
    assert_eq!(
        english("Mr. Kim paid 3.5 won. \"Why?\" he asked. Nobody knew"),
        4
    );
    assert_eq!(english(""), 0);
    let korean = |text| sentences(&words(text, Language::Korean), Language::Korean);
    assert_eq!(korean("그는 말했다. \"왜?\" 아무도 몰랐다"), 3);
}

proptest! {
    #[test]
    fn words_leave_out_nothing_but_white_space(
        text in "([a-zA-Z0-9가-힣 .,'’\\-@:/()$%+_#…“”\n\u{a0}]{0,60}|\\PC{0,30}|(Mr\\.|don't|I'd've|10km|http://a\\.bc|\\.\\.\\.| )*)"
    ) {
        let bare: String = text.chars().filter(|c| !signs::space(*c)).collect();
        for language in Language::ALL {
            let words = words(&text, language);
            prop_assert_eq!(&words.concat(), &bare);
            prop_assert!(words.iter().all(|word| !word.is_empty()));
            prop_assert!(sentences(&words, language) <= words.len());
        }
    }
}
