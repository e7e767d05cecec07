//! Word lists, English beside Korean: the only thing besides glosses that ties the languages.
//!
//! Names and values are listed, never facts, so that where a fact was told stays clean.

use super::{Draft, Teller, bytes_of};
use crate::fact::Language;
use crate::name::Name;
use crate::relation::{Objects, Relation};

impl Teller<'_> {
    /// Writes word lists until `bytes` are full.
    pub(super) fn dictionary(&mut self, bytes: usize, drafts: &mut Vec<Draft>) {
        let mut words: Vec<&Name> = self.truth.things.iter().map(|thing| &thing.name).collect();
        for (relation, values) in Relation::ALL.into_iter().zip(&self.truth.values) {
            // "six" alone is neither 여섯 명 nor 6층.
            if !matches!(relation.objects(), Objects::People | Objects::Floors) {
                words.extend(values);
            }
        }
        // Numbers that are written alike in both languages teach nothing here.
        words.retain(|word| word.english != word.korean);
        words.sort_unstable();
        words.dedup();
        if words.is_empty() {
            return;
        }
        let begin = drafts.len();
        while bytes_of(&drafts[begin..]) < bytes {
            self.random.shuffle(&mut words);
            for page in words.chunks(12) {
                if bytes_of(&drafts[begin..]) >= bytes {
                    break;
                }
                let mut lines = Vec::new();
                if self.random.chance(0.5) {
                    let heading = self.choose(&["English and Korean"], &["한국어와 영어"]);
                    lines.push(heading.to_string());
                }
                lines.extend(page.iter().map(|word| match self.language {
                    Language::English => format!("{} - {}", word.english_alone(), word.korean),
                    Language::Korean => format!("{} - {}", word.korean, word.english_alone()),
                }));
                drafts.push(Draft::new("dictionary", lines.join("\n"), Vec::new()));
            }
        }
    }
}
