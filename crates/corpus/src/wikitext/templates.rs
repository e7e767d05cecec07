//! The few dozen templates whose arguments are what a reader reads; all others give nothing.

/// What a template shows: `이름|인자|…`, its inside resolved already.
pub(super) fn text(inside: &str) -> String {
    let mut parts = inside.split('|');
    let name = parts.next().unwrap_or_default().trim().replace('_', " ");
    let name = name
        .strip_prefix("틀:")
        .or_else(|| name.strip_prefix("Template:"))
        .unwrap_or(&name)
        .to_lowercase();
    let mut named: Vec<(&str, &str)> = Vec::new();
    let mut given: Vec<&str> = Vec::new();
    for part in parts {
        match part.split_once('=') {
            Some((key, value)) if key.trim().parse::<usize>().is_ok() => given.push(value.trim()),
            Some((key, value))
                if !key.trim().is_empty()
                    && key
                        .trim()
                        .chars()
                        .all(|letter| letter.is_alphanumeric() || " -_".contains(letter)) =>
            {
                named.push((key.trim(), value.trim()));
            }
            _ => given.push(part.trim()),
        }
    }
    let argument = |at: usize| given.get(at).copied().unwrap_or("").to_owned();
    let named = |key: &str| {
        named
            .iter()
            .find(|(name, _)| *name == key)
            .map(|(_, value)| *value)
    };
    if name.starts_with("lang-") || name.starts_with("llang-") {
        return argument(0);
    }
    // A function of the parser: its first argument stands behind a colon.
    if let Some(number) = name.strip_prefix("formatnum:") {
        return number.trim().to_owned();
    }
    match name.as_str() {
        "!" => "|".to_owned(),
        "=" => "=".to_owned(),
        "·" | "•" | "ㆍ" | "dot" | "가운뎃점" => " · ".to_owned(),
        "nbsp" | "spaces" | "공백" => " ".to_owned(),
        "ndash" | "–" => "–".to_owned(),
        "mdash" | "—" => "—".to_owned(),
        // Text in another language, or in another dress.
        "lang" | "llang" | "언어" | "언어링크" | "색" | "color" | "font color" | "글자색"
        | "tooltip2" => given
            .get(1)
            .or(given.first())
            .copied()
            .unwrap_or("")
            .to_owned(),
        "nowrap" | "nobr" | "줄바꿈 방지" | "small" | "작은 글씨" | "big" | "math" | "수학"
        | "mvar" | "수학 변수" | "var" | "abbr" | "약어" | "툴팁" | "tooltip" | "한자" | "zh"
        | "ill" | "interlanguage link" | "임시링크" | "임시 링크" | "번역" | "link-en" | "음역"
        | "transl" | "code" | "코드" | "samp" | "kbd" | "strong" | "em" | "u" | "s" | "ipa"
        | "ipac-ko" | "한국어" | "url" | "통화" | "밑줄" | "굵게" | "기울임" | "noitalic"
        | "sup" | "sub" | "위첨자" | "아래첨자" | "첨자" | "전체이름" | "작품명" | "서적"
        | "영화" | "음반" => argument(0),
        "ruby" | "루비" | "ruby-ja" => match (argument(0), argument(1)) {
            (text, reading) if reading.is_empty() => text,
            (text, reading) => format!("{text}({reading})"),
        },
        "frac" | "분수" | "sfrac" => match given.as_slice() {
            [lower] => format!("1/{lower}"),
            [upper, lower] => format!("{upper}/{lower}"),
            [whole, upper, lower, ..] => format!("{whole} {upper}/{lower}"),
            [] => String::new(),
        },
        "convert" | "단위 변환" | "단위변환" | "cvt" => quantity(&given),
        "circa" | "c." => match argument(0) {
            year if year.is_empty() => String::new(),
            year => format!("c. {year}"),
        },
        "val" | "값" => {
            let unit = named("u").or_else(|| named("ul")).unwrap_or_default();
            let power = named("e").map_or(String::new(), |power| format!("×10^{power}"));
            format!("{}{power} {unit}", argument(0)).trim().to_owned()
        }
        "날짜" | "date" | "시작일" | "start date" | "출생일" | "birth date" | "사망일" =>
        {
            let words: Vec<String> = given
                .iter()
                .zip(["년", "월", "일"])
                .filter(|(number, _)| number.parse::<u32>().is_ok())
                .map(|(number, unit)| format!("{number}{unit}"))
                .collect();
            words.join(" ")
        }
        "인용문" | "인용문2" | "인용" | "인용구" | "quote" | "blockquote" | "cquote"
        | "quotation" => {
            let said = named("text").or_else(|| named("quote")).unwrap_or_default();
            let said = if said.is_empty() {
                argument(0)
            } else {
                said.to_owned()
            };
            let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
            match said.is_empty() {
                true => String::new(),
                false => format!("\n\n> {said}\n\n"),
            }
        }
        _ => String::new(),
    }
}

/// `5|km` is "5 km", `5|to|10|km` "5 to 10 km", `6|ft|2|in` "6 ft 2 in"; what they are converted to is left out.
fn quantity(given: &[&str]) -> String {
    const BETWEEN: [&str; 12] = [
        "to", "and", "or", "by", "x", "×", "-", "–", "to(-)", "+/-", "±", "~",
    ];
    let is_number = |word: &&str| {
        word.starts_with(|letter: char| letter.is_ascii_digit() || "+-−.".contains(letter))
    };
    match given {
        [low, between, high, unit, ..] if BETWEEN.contains(between) => match *between {
            "-" | "–" | "to(-)" | "~" => format!("{low}–{high} {unit}"),
            between => format!("{low} {between} {high} {unit}"),
        },
        [whole, unit, part, smaller, ..] if is_number(part) && !is_number(smaller) => {
            format!("{whole} {unit} {part} {smaller}")
        }
        [number, unit, ..] => format!("{number} {unit}"),
        [number] => (*number).to_owned(),
        [] => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn numbers_keep_what_belongs_to_them() {
        for (inside, shown) in [
            ("convert|5|km", "5 km"),
            ("convert|5|km|mi|1", "5 km"),
            ("convert|5|to|10|km|mi", "5 to 10 km"),
            ("convert|5|-|10|km|abbr=on", "5–10 km"),
            ("convert|6|ft|2|in|m", "6 ft 2 in"),
            ("단위 변환|5|km|mi", "5 km"),
            ("formatnum:123456", "123456"),
            ("circa|1900", "c. 1900"),
            ("convert", ""),
        ] {
            assert_eq!(text(inside), shown, "{inside}");
        }
    }
}
