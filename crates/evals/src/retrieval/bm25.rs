//! Search by words, without any model: what a search by meaning has to be better than.
//!
//! `score = Σ over the question's terms: ln(1 + (N − n + ½)/(n + ½)) · f / (f + k₁(1 − b + b·l/l̄))`,
//! Okapi BM25 in Lucene's form, with BEIR's k₁ = 0.9 and b = 0.4. Terms are words in lower case; of
//! a word with Hangul in it every pair of neighbouring letters is one, so that a noun is found
//! whatever particle hangs on it. No stemming and no stop words, in neither language.

use std::collections::HashMap;

const K1: f32 = 0.9;
const B: f32 = 0.4;

/// Passages by their terms.
pub struct Bm25 {
    /// Term → passages that have it, with how often.
    postings: HashMap<String, Vec<(u32, f32)>>,
    /// Terms of each passage.
    lengths: Vec<f32>,
    mean: f32,
}

impl Bm25 {
    /// Indexes passages, in their order.
    pub fn new<'a>(passages: impl Iterator<Item = &'a str>) -> Self {
        let mut index = Bm25 {
            postings: HashMap::new(),
            lengths: Vec::new(),
            mean: 0.0,
        };
        for (passage, text) in passages.enumerate() {
            let mut counts: HashMap<String, f32> = HashMap::new();
            let mut length = 0.0;
            terms(text, |term| {
                *counts.entry(term).or_default() += 1.0;
                length += 1.0;
            });
            for (term, count) in counts {
                let passages = index.postings.entry(term).or_default();
                passages.push((passage as u32, count));
            }
            index.lengths.push(length);
        }
        let total: f64 = index.lengths.iter().map(|length| f64::from(*length)).sum();
        index.mean = (total / index.lengths.len().max(1) as f64) as f32;
        index
    }

    /// The score of every passage; −∞ where it has none of the question's terms.
    pub fn scores(&self, question: &str) -> Vec<f32> {
        let mut scores = vec![f32::NEG_INFINITY; self.lengths.len()];
        let mut asked: Vec<String> = Vec::new();
        terms(question, |term| asked.push(term));
        let all = self.lengths.len() as f32;
        for term in &asked {
            let Some(passages) = self.postings.get(term) else {
                continue;
            };
            let having = passages.len() as f32;
            let rarity = (1.0 + (all - having + 0.5) / (having + 0.5)).ln();
            for (passage, count) in passages {
                let length = self.lengths[*passage as usize] / self.mean;
                let score = rarity * count / (count + K1 * (1.0 - B + B * length));
                let sum = &mut scores[*passage as usize];
                *sum = sum.max(0.0) + score;
            }
        }
        scores
    }
}

/// Gives every term of a text.
fn terms(text: &str, mut give: impl FnMut(String)) {
    for word in text.split(|c: char| !c.is_alphanumeric()) {
        if word.is_empty() {
            continue;
        }
        let word = word.to_lowercase();
        if !word.chars().any(is_hangul) {
            give(word);
            continue;
        }
        let letters: Vec<char> = word.chars().collect();
        if letters.len() == 1 {
            give(word);
            continue;
        }
        for pair in letters.windows(2) {
            give(pair.iter().collect());
        }
    }
}

fn is_hangul(c: char) -> bool {
    matches!(c, '\u{AC00}'..='\u{D7A3}' | '\u{1100}'..='\u{11FF}' | '\u{3130}'..='\u{318F}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<String> {
        let mut found = Vec::new();
        terms(text, |term| found.push(term));
        found
    }

    #[test]
    fn korean_words_are_pairs_of_letters() {
        assert_eq!(
            of("학교에서 A4 용지를, Don't"),
            ["학교", "교에", "에서", "a4", "용지", "지를", "don", "t"]
        );
        assert_eq!(of("물 API를"), ["물", "ap", "pi", "i를"]);
        assert_eq!(of(" …!? "), Vec::<String>::new());
    }

    #[test]
    fn a_rare_word_outweighs_a_common_one() {
        let passages = [
            "세종대왕은 한글을 만들었다",
            "이순신은 거북선을 만들었다",
            "그는 집을 만들었다",
        ];
        let index = Bm25::new(passages.into_iter());
        let scores = index.scores("거북선은 누가 만들었나");
        assert!(scores[1] > scores[0], "{scores:?}");
        assert!(scores[0] > 0.0, "{scores:?}");
        assert_eq!(index.scores("zebra"), [f32::NEG_INFINITY; 3]);
        // One passage that has the term, of 1 of 3, at the mean length: ln(1 + 2.5/1.5) / (1 + 0.9).
        let even = Bm25::new(["a b", "b c", "c b"].into_iter());
        let score = even.scores("a")[0];
        assert!(
            (score - (1.0f32 + 2.5 / 1.5).ln() / 1.9).abs() < 1e-6,
            "{score}"
        );
    }

    #[test]
    fn nothing_to_search_in_is_no_error() {
        assert_eq!(Bm25::new([].into_iter()).scores("무엇"), Vec::<f32>::new());
        assert_eq!(
            Bm25::new(["", "…"].into_iter()).scores("무엇"),
            [f32::NEG_INFINITY; 2]
        );
    }
}
