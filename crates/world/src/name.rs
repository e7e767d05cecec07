//! Invented names, each with a natural English and a natural Korean spelling.
//!
//! Names are put together from tables of syllables that carry both spellings, so that
//! thousands exist and none is looked up anywhere. The one rule of Korean spelling that a
//! table cannot hold is applied when syllables meet: an l between vowels is written twice
//! (Mila is 밀라, Mira is 미라; 외래어 표기법, chapter 3.1, section 6).

use crate::random::Random;
use std::collections::BTreeSet;

/// A name or a word in both languages.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Name {
    pub(crate) english: String,
    pub(crate) korean: String,
}

impl Name {
    pub(crate) fn new(english: impl Into<String>, korean: impl Into<String>) -> Name {
        Name {
            english: english.into(),
            korean: korean.into(),
        }
    }

    /// The English spelling as it stands alone: Montal River rather than the Montal River.
    pub(crate) fn english_alone(&self) -> &str {
        self.english.strip_prefix("the ").unwrap_or(&self.english)
    }

    pub(crate) fn in_language(&self, language: crate::Language) -> &str {
        match language {
            crate::Language::English => &self.english,
            crate::Language::Korean => &self.korean,
        }
    }
}

type Syllable = (&'static str, &'static str);

const GIVEN_STARTS: &[Syllable] = &[
    ("Mi", "미"),
    ("Ta", "타"),
    ("Ke", "케"),
    ("Lo", "로"),
    ("Be", "베"),
    ("No", "노"),
    ("Da", "다"),
    ("Ju", "주"),
    ("Se", "세"),
    ("Ri", "리"),
    ("Fa", "파"),
    ("Vi", "비"),
    ("Go", "고"),
    ("Ha", "하"),
    ("Ne", "네"),
    ("Pe", "페"),
    ("Ti", "티"),
    ("Ka", "카"),
    ("Do", "도"),
    ("Su", "수"),
    ("Yo", "요"),
    ("Ma", "마"),
    ("Bo", "보"),
    ("Ze", "제"),
    ("Ga", "가"),
];
const GIVEN_ENDS: &[Syllable] = &[
    ("ra", "라"),
    ("no", "노"),
    ("len", "렌"),
    ("mi", "미"),
    ("dor", "도르"),
    ("ko", "코"),
    ("san", "산"),
    ("vin", "빈"),
    ("tel", "텔"),
    ("rik", "릭"),
    ("mon", "몬"),
    ("la", "라"),
    ("ba", "바"),
    ("den", "덴"),
    ("su", "수"),
    ("ris", "리스"),
    ("nan", "난"),
    ("to", "토"),
    ("ven", "벤"),
    ("lis", "리스"),
    ("gar", "가르"),
    ("das", "다스"),
    ("mus", "무스"),
    ("pin", "핀"),
];
const FAMILY_STARTS: &[Syllable] = &[
    ("Hol", "홀"),
    ("Bar", "바"),
    ("Ven", "벤"),
    ("Kel", "켈"),
    ("Dor", "도"),
    ("Mar", "마"),
    ("Sten", "스텐"),
    ("Wal", "월"),
    ("Ash", "애시"),
    ("Bren", "브렌"),
    ("Cal", "칼"),
    ("Fen", "펜"),
    ("Gal", "갈"),
    ("Har", "하"),
    ("Kin", "킨"),
    ("Lan", "랜"),
    ("Mel", "멜"),
    ("Nor", "노"),
    ("Pel", "펠"),
    ("Quin", "퀸"),
    ("Ros", "로스"),
    ("Sel", "셀"),
    ("Tam", "탬"),
    ("Ul", "울"),
    ("Wes", "웨스"),
    ("Yar", "야"),
    ("Zel", "젤"),
    ("Dun", "던"),
];
const FAMILY_ENDS: &[Syllable] = &[
    ("ton", "턴"),
    ("ker", "커"),
    ("by", "비"),
    ("wick", "윅"),
    ("well", "웰"),
    ("mer", "머"),
    ("den", "든"),
    ("man", "먼"),
    ("gate", "게이트"),
    ("ford", "퍼드"),
    ("ham", "햄"),
    ("stone", "스톤"),
    ("field", "필드"),
    ("dale", "데일"),
    ("croft", "크로프트"),
    ("bury", "버리"),
    ("more", "모어"),
    ("son", "슨"),
    ("brook", "브룩"),
    ("combe", "콤"),
    ("hurst", "허스트"),
];
const PLACE_STARTS: &[Syllable] = &[
    ("Ar", "아르"),
    ("Bel", "벨"),
    ("Cor", "코르"),
    ("Es", "에스"),
    ("Fal", "팔"),
    ("Gra", "그라"),
    ("Kal", "칼"),
    ("Lor", "로르"),
    ("Mon", "몬"),
    ("Nar", "나르"),
    ("Or", "오르"),
    ("Pra", "프라"),
    ("Ris", "리스"),
    ("Sol", "솔"),
    ("Tor", "토르"),
    ("Ul", "울"),
    ("Ver", "베르"),
    ("Zan", "잔"),
    ("Hes", "헤스"),
    ("Dru", "드루"),
];
const PLACE_MIDDLES: &[Syllable] = &[
    ("", ""),
    ("va", "바"),
    ("mo", "모"),
    ("ne", "네"),
    ("si", "시"),
    ("ta", "타"),
    ("du", "두"),
];
const PLACE_ENDS: &[Syllable] = &[
    ("den", "덴"),
    ("mar", "마르"),
    ("vin", "빈"),
    ("tal", "탈"),
    ("na", "나"),
    ("bek", "베크"),
    ("dos", "도스"),
    ("ga", "가"),
    ("dun", "둔"),
    ("sen", "센"),
    ("mir", "미르"),
    ("ka", "카"),
    ("tom", "톰"),
    ("do", "도"),
    ("lin", "린"),
];
const TITLE_ADJECTIVES: &[Syllable] = &[
    ("Silent", "고요한"),
    ("Golden", "황금빛"),
    ("Hidden", "숨겨진"),
    ("Broken", "부서진"),
    ("Distant", "머나먼"),
    ("Blue", "푸른"),
    ("Frozen", "얼어붙은"),
    ("Burning", "불타는"),
    ("Forgotten", "잊힌"),
    ("White", "하얀"),
    ("Wandering", "떠도는"),
    ("Sleeping", "잠든"),
    ("Hollow", "텅 빈"),
    ("Bright", "빛나는"),
    ("Old", "오래된"),
    ("Lonely", "외로운"),
    ("Red", "붉은"),
    ("Deep", "깊은"),
    ("Crooked", "구부러진"),
    ("Singing", "노래하는"),
    ("Falling", "떨어지는"),
    ("Secret", "비밀스러운"),
    ("Warm", "따뜻한"),
    ("Strange", "낯선"),
    ("Small", "작은"),
    ("Endless", "끝없는"),
];
const TITLE_NOUNS: &[Syllable] = &[
    ("Lantern", "등불"),
    ("Harbor", "항구"),
    ("Garden", "정원"),
    ("Winter", "겨울"),
    ("Mirror", "거울"),
    ("Bridge", "다리"),
    ("Clock", "시계"),
    ("Forest", "숲"),
    ("Letter", "편지"),
    ("Road", "길"),
    ("Star", "별"),
    ("Window", "창문"),
    ("Bell", "종"),
    ("Sea", "바다"),
    ("Door", "문"),
    ("Rain", "비"),
    ("Shadow", "그림자"),
    ("Feather", "깃털"),
    ("Key", "열쇠"),
    ("Snow", "눈"),
    ("Candle", "촛불"),
    ("Ship", "배"),
    ("Field", "들판"),
    ("Stone", "돌"),
    ("Cloud", "구름"),
    ("Night", "밤"),
    ("Voice", "목소리"),
    ("Wheel", "바퀴"),
];

/// Names that the tables would make and the real map already has.
const EXISTING_PLACES: &[&str] = &["Essen", "Verden", "Arden"];

/// How many names of each sort the tables can make; [`crate::Settings::check`] asks.
pub(crate) const MOST_PEOPLE: usize = 4_000;
pub(crate) const MOST_PLACES: usize = 1_500;
pub(crate) const MOST_TITLES: usize = 700;

/// Gives out names, each once in either language.
pub(crate) struct Namer {
    people: Vec<Name>,
    places: Vec<Name>,
    titles: Vec<Name>,
}

impl Namer {
    pub(crate) fn new(seed: u64) -> Namer {
        let mut random = Random::new(seed, "names");
        let given: Vec<Name> = pairs(&mut random, GIVEN_STARTS, GIVEN_ENDS)
            .map(spell)
            .collect();
        let family: Vec<Name> = pairs(&mut random, FAMILY_STARTS, FAMILY_ENDS)
            .map(spell)
            .collect();
        // A given name comes round again only after all have been used, and then with
        // another family name.
        let people = (0..MOST_PEOPLE + 500)
            .map(|n| {
                let given = &given[n % given.len()];
                let family = &family[(n + n / GIVEN_STARTS.len()) % family.len()];
                Name::new(
                    format!("{} {}", given.english, family.english),
                    format!("{} {}", given.korean, family.korean),
                )
            })
            .collect();
        let roots: Vec<[Syllable; 2]> = pairs(&mut random, PLACE_STARTS, PLACE_ENDS).collect();
        let places = PLACE_MIDDLES
            .iter()
            .flat_map(|middle| {
                roots
                    .iter()
                    .map(|[start, end]| spell([*start, *middle, *end]))
            })
            .filter(|name| !EXISTING_PLACES.contains(&name.english.as_str()))
            .collect();
        let titles = pairs(&mut random, TITLE_ADJECTIVES, TITLE_NOUNS)
            .map(|[adjective, noun]| {
                Name::new(
                    format!("The {} {}", adjective.0, noun.0),
                    format!("{} {}", adjective.1, noun.1),
                )
            })
            .collect();
        let mut namer = Namer {
            people,
            places,
            titles,
        };
        for list in [&mut namer.people, &mut namer.places, &mut namer.titles] {
            once_each(list);
            list.reverse(); // so that `pop` gives the first
        }
        namer
    }

    pub(crate) fn person(&mut self) -> Name {
        self.people
            .pop()
            .expect("Settings::check bounds the number of people")
    }

    /// The root of a place's name, such as Arden, 아르덴.
    pub(crate) fn place(&mut self) -> Name {
        self.places
            .pop()
            .expect("Settings::check bounds the number of places")
    }

    /// A title without marks, such as The Silent Lantern, 고요한 등불.
    pub(crate) fn title(&mut self) -> Name {
        self.titles
            .pop()
            .expect("Settings::check bounds the number of titles")
    }
}

/// All pairs, those first that share neither half with their neighbours: the beginning of
/// the list is as easy to tell apart as the tables allow.
fn pairs(
    random: &mut Random,
    firsts: &[Syllable],
    seconds: &[Syllable],
) -> impl Iterator<Item = [Syllable; 2]> + use<> {
    let (mut firsts, mut seconds) = (firsts.to_vec(), seconds.to_vec());
    random.shuffle(&mut firsts);
    random.shuffle(&mut seconds);
    (0..firsts.len() * seconds.len()).map(move |n| {
        let (row, column) = (n / firsts.len(), n % firsts.len());
        [firsts[column], seconds[(row + column) % seconds.len()]]
    })
}

fn spell<const N: usize>(syllables: [Syllable; N]) -> Name {
    let mut name = Name::new("", "");
    for (english, korean) in syllables {
        if english.starts_with('l') {
            double_rieul(&mut name.korean);
        }
        name.english.push_str(english);
        name.korean.push_str(korean);
    }
    name
}

/// Closes an open last syllable with ㄹ: 미 + la is 밀라.
fn double_rieul(korean: &mut String) {
    const RIEUL: u32 = 8;
    if let Some(last) = korean.pop() {
        let closed = match last {
            '가'..='힣' if (last as u32 - '가' as u32).is_multiple_of(28) => {
                char::from_u32(last as u32 + RIEUL).expect("a syllable with another coda")
            }
            other => other,
        };
        korean.push(closed);
    }
}

/// Keeps of names that share a spelling in either language only the first.
fn once_each(names: &mut Vec<Name>) {
    let (mut english, mut korean) = (BTreeSet::new(), BTreeSet::new());
    names.retain(|name| {
        !english.contains(&name.english)
            && !korean.contains(&name.korean)
            && english.insert(name.english.clone())
            && korean.insert(name.korean.clone())
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_l_between_vowels_is_written_twice() {
        assert_eq!(
            spell([("Mi", "미"), ("la", "라")]),
            Name::new("Mila", "밀라")
        );
        assert_eq!(
            spell([("Mi", "미"), ("ra", "라")]),
            Name::new("Mira", "미라")
        );
        assert_eq!(
            spell([("Kal", "칼"), ("lin", "린")]),
            Name::new("Kallin", "칼린")
        );
    }

    #[test]
    fn thousands_of_names_and_none_twice() {
        for seed in [1, 7] {
            let mut namer = Namer::new(seed);
            let mut names = Vec::new();
            names.extend((0..MOST_PEOPLE).map(|_| namer.person()));
            names.extend((0..MOST_PLACES).map(|_| namer.place()));
            names.extend((0..MOST_TITLES).map(|_| namer.title()));
            let count = names.len();
            once_each(&mut names);
            assert_eq!(names.len(), count);
        }
    }

    #[test]
    fn the_first_people_share_no_given_name() {
        let mut namer = Namer::new(5);
        let given: BTreeSet<String> = (0..500)
            .map(|_| {
                namer
                    .person()
                    .english
                    .split(' ')
                    .next()
                    .expect("a given name")
                    .to_string()
            })
            .collect();
        assert_eq!(given.len(), 500);
    }
}
