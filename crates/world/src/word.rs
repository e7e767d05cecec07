//! The common words of the world in both languages: what people do, play, eat and keep.
//!
//! Each table has sixteen words. The English ones begin with a consonant, so that "a" is
//! always right before them; no word is in two tables, so that an answer shows which
//! relation was meant.

use crate::name::Name;
use crate::relation::Relation;

/// The longest table a setting may ask for.
pub(crate) const MOST_CHOICES: usize = 16;

/// The objects of a relation whose objects are words.
pub(crate) fn words(relation: Relation) -> Vec<Name> {
    let table: &[(&str, &str); MOST_CHOICES] = match relation {
        Relation::Profession => PROFESSIONS,
        Relation::Instrument => INSTRUMENTS,
        Relation::Food => FOODS,
        Relation::Pet => PETS,
        Relation::Product => PRODUCTS,
        Relation::Flower => FLOWERS,
        Relation::Topic => TOPICS,
        other => unreachable!("{other:?} has no table of words"),
    };
    table
        .iter()
        .map(|(english, korean)| Name::new(*english, *korean))
        .collect()
}

const PROFESSIONS: &[(&str, &str); 16] = &[
    ("painter", "화가"),
    ("baker", "제빵사"),
    ("doctor", "의사"),
    ("sailor", "선원"),
    ("farmer", "농부"),
    ("carpenter", "목수"),
    ("gardener", "정원사"),
    ("tailor", "재단사"),
    ("blacksmith", "대장장이"),
    ("fisher", "어부"),
    ("nurse", "간호사"),
    ("judge", "판사"),
    ("miner", "광부"),
    ("potter", "도공"),
    ("dancer", "무용수"),
    ("translator", "번역가"),
];
const INSTRUMENTS: &[(&str, &str); 16] = &[
    ("piano", "피아노"),
    ("violin", "바이올린"),
    ("cello", "첼로"),
    ("flute", "플루트"),
    ("harp", "하프"),
    ("trumpet", "트럼펫"),
    ("guitar", "기타"),
    ("drum", "드럼"),
    ("clarinet", "클라리넷"),
    ("trombone", "트롬본"),
    ("lute", "류트"),
    ("bassoon", "바순"),
    ("mandolin", "만돌린"),
    ("viola", "비올라"),
    ("harmonica", "하모니카"),
    ("banjo", "밴조"),
];
const FOODS: &[(&str, &str); 16] = &[
    ("mushroom pie", "버섯 파이"),
    ("cherry soup", "체리 수프"),
    ("rice cake", "떡"),
    ("grilled trout", "송어구이"),
    ("lemon cake", "레몬 케이크"),
    ("bean stew", "콩 스튜"),
    ("noodles", "국수"),
    ("potato bread", "감자빵"),
    ("dumplings", "만두"),
    ("fried tofu", "두부튀김"),
    ("pumpkin porridge", "호박죽"),
    ("pickled plums", "매실장아찌"),
    ("tomato salad", "토마토 샐러드"),
    ("roast duck", "오리구이"),
    ("walnut cookies", "호두 과자"),
    ("barley rice", "보리밥"),
];
const PETS: &[(&str, &str); 16] = &[
    ("cat", "고양이"),
    ("dog", "강아지"),
    ("parrot", "앵무새"),
    ("rabbit", "토끼"),
    ("goat", "염소"),
    ("turtle", "거북"),
    ("pony", "조랑말"),
    ("hamster", "햄스터"),
    ("goose", "거위"),
    ("squirrel", "다람쥐"),
    ("hedgehog", "고슴도치"),
    ("pigeon", "비둘기"),
    ("lizard", "도마뱀"),
    ("magpie", "까치"),
    ("donkey", "당나귀"),
    ("peacock", "공작새"),
];
const PRODUCTS: &[(&str, &str); 16] = &[
    ("salt", "소금"),
    ("wool", "양털"),
    ("glass", "유리"),
    ("honey", "꿀"),
    ("paper", "종이"),
    ("cheese", "치즈"),
    ("copper", "구리"),
    ("pottery", "도자기"),
    ("soap", "비누"),
    ("leather", "가죽"),
    ("silk", "비단"),
    ("pearls", "진주"),
    ("ginseng", "인삼"),
    ("timber", "목재"),
    ("vinegar", "식초"),
    ("perfume", "향수"),
];
const FLOWERS: &[(&str, &str); 16] = &[
    ("rose", "장미"),
    ("tulip", "튤립"),
    ("lily", "백합"),
    ("violet", "제비꽃"),
    ("poppy", "양귀비"),
    ("daisy", "데이지"),
    ("lotus", "연꽃"),
    ("magnolia", "목련"),
    ("camellia", "동백꽃"),
    ("sunflower", "해바라기"),
    ("peony", "모란"),
    ("hibiscus", "무궁화"),
    ("lavender", "라벤더"),
    ("carnation", "카네이션"),
    ("primrose", "앵초"),
    ("cosmos", "코스모스"),
];
const TOPICS: &[(&str, &str); 16] = &[
    ("bees", "꿀벌"),
    ("ghosts", "유령"),
    ("pirates", "해적"),
    ("whales", "고래"),
    ("kings", "왕"),
    ("wolves", "늑대"),
    ("dragons", "용"),
    ("wizards", "마법사"),
    ("thieves", "도둑"),
    ("giants", "거인"),
    ("foxes", "여우"),
    ("soldiers", "군인"),
    ("twins", "쌍둥이"),
    ("beggars", "거지"),
    ("detectives", "탐정"),
    ("robots", "로봇"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_word_is_in_two_tables_and_a_is_the_article() {
        let tables = [
            PROFESSIONS,
            INSTRUMENTS,
            FOODS,
            PETS,
            PRODUCTS,
            FLOWERS,
            TOPICS,
        ];
        let all: Vec<_> = tables.into_iter().flatten().collect();
        let english: BTreeSet<_> = all.iter().map(|word| word.0).collect();
        let korean: BTreeSet<_> = all.iter().map(|word| word.1).collect();
        assert_eq!(english.len(), all.len());
        assert_eq!(korean.len(), all.len());
        assert!(
            all.iter()
                .all(|word| !word.0.starts_with(['a', 'e', 'i', 'o', 'u']))
        );
    }
}
