//! What a crawl is full of: advertising, other languages, remarks, and texts that are nearly the same.

use crate::Language;
use crate::random::Random;

/// Good lines cut into pieces, with remarks between them.
pub(super) fn in_pieces(lines: &[String], language: Language, random: &mut Random) -> Vec<String> {
    let mut pieces = Vec::new();
    for line in lines {
        if random.below(3) == 0 {
            pieces.push(
                match language {
                    Language::Korean => random.pick(&[
                        "음, 그렇다고 한다.",
                        "아래 글 참고.",
                        "(계속)",
                        "다들 어떻게 생각하나요?",
                    ]),
                    Language::English => random.pick(&[
                        "Well, so they say.",
                        "See below.",
                        "(continued)",
                        "What do you think?",
                    ]),
                }
                .to_owned(),
            );
        }
        if random.below(4) > 0 {
            pieces.push(line.clone());
        }
    }
    if pieces.is_empty() {
        pieces.extend(lines.first().cloned());
    }
    pieces
}

/// The same text with a sentence more and a few words fewer.
pub(super) fn nearly(lines: &[String], language: Language, random: &mut Random) -> Vec<String> {
    let mut near: Vec<String> = lines.to_vec();
    let words: usize = lines
        .iter()
        .map(|line| line.split_whitespace().count())
        .sum();
    for _ in 0..1 + words / 60 {
        let at = random.below(near.len().max(1));
        let parts: Vec<&str> = near[at].split_whitespace().collect();
        if parts.len() > 4 {
            let gone = random.below(parts.len());
            let kept: Vec<&str> = parts
                .iter()
                .enumerate()
                .filter(|(place, _)| *place != gone)
                .map(|(_, word)| *word)
                .collect();
            near[at] = kept.join(" ");
        }
    }
    near.push(
        match language {
            Language::Korean => random.pick(&[
                "이 글은 다른 곳에서 옮겨 왔습니다.",
                "출처: 인터넷",
                "퍼온 글입니다.",
            ]),
            Language::English => random.pick(&[
                "This was reposted from elsewhere.",
                "Source: the internet.",
                "Copied with thanks.",
            ]),
        }
        .to_owned(),
    );
    near
}

/// A page of advertising.
pub(super) fn spam(language: Language, random: &mut Random) -> Vec<String> {
    const KOREAN: [&str; 8] = [
        "온라인 카지노 첫 충전 보너스 지급",
        "당일 대출 무직자 가능",
        "최저가 명품 레플리카 도매",
        "비아그라 정품 할인 판매",
        "먹튀 없는 안전 놀이터 추천",
        "지금 가입하면 3만 포인트",
        "24시간 상담 카톡 문의",
        "무료 쿠폰 받기 클릭 클릭",
    ];
    const ENGLISH: [&str; 8] = [
        "Online casino bonus for new players",
        "Instant payday loans, no questions asked",
        "Replica watches at the lowest price",
        "Cheap viagra without prescription",
        "Safe betting sites recommended",
        "Join now and get free coins",
        "Call us 24 hours a day",
        "Click here for your free coupon",
    ];
    let list = match language {
        Language::Korean => KOREAN,
        Language::English => ENGLISH,
    };
    let first = random.below(list.len());
    (0..6 + random.below(20))
        .map(|number| {
            let offer = list[(first + number * (1 + number % 2)) % list.len()];
            format!("{offer}{}", "!".repeat(random.below(4)))
        })
        .collect()
}

/// A page in a language that is neither Korean nor English.
pub(super) fn foreign(random: &mut Random) -> (&'static str, Vec<String>) {
    const LANGUAGES: [(&str, [&str; 6]); 4] = [
        (
            "ja",
            [
                "昨日は一日中雨が降っていました。",
                "駅前の図書館は月曜日が休みです。",
                "祖母は庭でたくさんの野菜を育てています。",
                "この町の歴史はとても古いと言われています。",
                "新しい橋は来年の春に完成する予定です。",
                "子どもたちは川で魚を捕まえて遊びました。",
            ],
        ),
        (
            "de",
            [
                "Gestern hat es den ganzen Tag geregnet.",
                "Die Bibliothek am Bahnhof ist montags geschlossen.",
                "Meine Großmutter zieht viel Gemüse in ihrem Garten.",
                "Die Geschichte dieser Stadt ist sehr alt.",
                "Die neue Brücke wird im nächsten Frühling fertig.",
                "Die Kinder fingen am Fluss kleine Fische.",
            ],
        ),
        (
            "fr",
            [
                "Hier, il a plu toute la journée.",
                "La bibliothèque de la gare est fermée le lundi.",
                "Ma grand-mère cultive beaucoup de légumes dans son jardin.",
                "L'histoire de cette ville est très ancienne.",
                "Le nouveau pont sera terminé au printemps prochain.",
                "Les enfants attrapaient des poissons dans la rivière.",
            ],
        ),
        (
            "zh",
            [
                "昨天下了一整天的雨。",
                "车站前的图书馆星期一休息。",
                "奶奶在院子里种了很多蔬菜。",
                "据说这座城市的历史非常悠久。",
                "新桥预计明年春天完工。",
                "孩子们在河边抓鱼玩耍。",
            ],
        ),
    ];
    let (name, sentences) = LANGUAGES[random.below(LANGUAGES.len())];
    let lines = (0..4 + random.below(6))
        .map(|_| {
            let mut line: Vec<&str> = (0..3)
                .map(|_| sentences[random.below(sentences.len())])
                .collect();
            line.dedup();
            line.join(" ")
        })
        .collect();
    (name, lines)
}
