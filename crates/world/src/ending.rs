//! Korean sentence endings: turns "…했다." into "…했으며" so that a second clause can follow.

/// The connecting form (-며/-으며) of a sentence in the plain style, without its full stop.
///
/// Returns none where the sentence does not end in "다.", so that a phrasing in another
/// style is simply not joined.
pub(crate) fn linked(sentence: &str) -> Option<String> {
    let stem = sentence.strip_suffix("다.")?;
    let last = stem.chars().next_back()?;
    let head = &stem[..stem.len() - last.len_utf8()];
    if !('가'..='힣').contains(&last) {
        return None;
    }
    let coda = (last as u32 - '가' as u32) % 28;
    Some(match (last, coda) {
        // 먹는다: the stem ends before 는
        ('는', _) => format!("{head}으며"),
        // 산다, 연다, 든다: stems in ㄹ that lose it before ㄴ and keep it before 며
        ('산' | '연' | '든', _) => {
            let stem = char::from_u32(last as u32 + 4).expect("ㄴ and ㄹ are four codas apart");
            format!("{head}{stem}며")
        }
        // 한다, 기른다, 시작된다: the present tense's ㄴ goes
        (_, 4) => {
            let stem = char::from_u32(last as u32 - 4).expect("the same syllable without ㄴ");
            format!("{head}{stem}며")
        }
        // 이다, 길다: a vowel or ㄹ takes 며
        (_, 0 | 8) => format!("{stem}며"),
        // 있다, 태어났다, 높다
        _ => format!("{stem}으며"),
    })
}

#[cfg(test)]
mod tests {
    use super::linked;

    #[test]
    fn sentences_are_linked_as_they_are_written() {
        for (sentence, clause) in [
            ("미라 홀트는 화가이다.", "미라 홀트는 화가이며"),
            ("그는 아르덴에서 태어났다.", "그는 아르덴에서 태어났으며"),
            ("그는 병원에서 일한다.", "그는 병원에서 일하며"),
            ("그는 고양이를 기른다.", "그는 고양이를 기르며"),
            ("그는 버섯 파이를 먹는다.", "그는 버섯 파이를 먹으며"),
            ("그는 고양이와 함께 산다.", "그는 고양이와 함께 살며"),
            (
                "이 강은 토랄산에서 시작된다.",
                "이 강은 토랄산에서 시작되며",
            ),
            (
                "이 산은 베로섬에 솟아 있다.",
                "이 산은 베로섬에 솟아 있으며",
            ),
            (
                "이 섬에서는 해마다 장미가 핀다.",
                "이 섬에서는 해마다 장미가 피며",
            ),
            ("이 산은 높다.", "이 산은 높으며"),
            ("이 강은 길다.", "이 강은 길며"),
        ] {
            assert_eq!(linked(sentence).as_deref(), Some(clause));
        }
        assert_eq!(linked("미라는 화가예요."), None);
        assert_eq!(linked("Mira paints."), None);
    }
}
