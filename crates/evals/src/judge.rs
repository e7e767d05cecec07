//! What a judge's words say: ratings, verdicts between two answers, passes; and the prompts they answer.
//!
//! Extraction is the benchmarks' own. A rating is the first `[[7]]` or `[[7.5]]`, else the first `[7]`
//! (FastChat), and is none outside 1 to 10, where FastChat would count it. A verdict is `[[A]]`, `[[B]]` or
//! `[[C]]`, looked for in that order. A pass stands in the last two lines (FunctionChat-Bench); what it
//! does not do as FunctionChat-Bench does is to take 불합격, a failure, for a pass because of 합격 in it.
//! A judge whose words say none of these has given no vote: it is counted, never guessed.

pub mod agreement;
pub mod duel;
pub mod language;
pub mod pairs;
mod prompts;

pub(crate) use prompts::{Prompts, fill};

use crate::ask::{Answer, Request};
use chat::Message;

/// Tokens that a judge may write.
pub(crate) const LIMIT: usize = 2048;

/// Which of two answers is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The one shown as A.
    First,
    /// The one shown as B.
    Second,
    /// Neither.
    Tie,
}

/// The rating in a judge's words, from 1 to 10; `None` where there is none.
pub fn rating(words: &str) -> Option<f64> {
    let found = bracketed(words, "[[", "]]").or_else(|| bracketed(words, "[", "]"))?;
    (1.0..=10.0).contains(&found).then_some(found)
}

/// The first number between brackets: digits, maybe a full stop, maybe digits.
fn bracketed(words: &str, open: &str, close: &str) -> Option<f64> {
    for (at, _) in words.match_indices(open) {
        let rest = &words[at + open.len()..];
        let number = rest.split_once(close).map_or("", |(number, _)| number);
        let (whole, part) = number.split_once('.').unwrap_or((number, ""));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if !whole.is_empty() && digits(whole) && digits(part) {
            return format!("{whole}.{part}0").parse().ok();
        }
    }
    None
}

/// The verdict in a judge's words.
pub fn verdict(words: &str) -> Option<Verdict> {
    let marks = [
        ("[[A]]", Verdict::First),
        ("[[B]]", Verdict::Second),
        ("[[C]]", Verdict::Tie),
    ];
    let mut said = marks.iter().filter(|(mark, _)| words.contains(mark));
    said.next().map(|(_, verdict)| *verdict)
}

/// Whether a judge lets it pass, from the last two lines.
pub fn passes(words: &str) -> Option<bool> {
    let lines: Vec<&str> = words.trim().split('\n').collect();
    let last = |count: usize| lines[lines.len().saturating_sub(count)..].concat();
    let end = last(2);
    match said(&end) {
        None if end == "입니다." => said(&last(4)),
        found => found,
    }
}

fn said(words: &str) -> Option<bool> {
    let words = words.to_lowercase();
    let has = |any: &[&str]| any.iter().any(|word| words.contains(word));
    // The order of the benchmark: a line that says both is a pass.
    if has(&["pass"]) {
        Some(true)
    } else if has(&["fail", "불합격", "불통과"]) {
        Some(false)
    } else if has(&["패스", "패쓰", "통과", "합격"]) {
        Some(true)
    } else {
        None
    }
}

/// A question to a judge.
pub(crate) fn request(system: &str, words: String) -> Request {
    let mut messages = Vec::with_capacity(2);
    if !system.is_empty() {
        messages.push(Message::system(system));
    }
    messages.push(Message::user(words));
    Request::Converse {
        messages,
        tools: vec![],
        limit: LIMIT,
    }
}

/// What a judge said, one text a vote; a failure is one text that says nothing.
pub(crate) fn votes(judged: &Answer) -> Vec<&str> {
    match judged {
        Answer::Messages(messages) => messages
            .iter()
            .map(|message| message.content.as_deref().unwrap_or_default())
            .collect(),
        Answer::Texts(texts) => texts.iter().map(String::as_str).collect(),
        _ => vec![""],
    }
}

/// Whether nobody judged: no judgement came, or every one failed.
pub(crate) fn nobody<'a>(mut judged: impl Iterator<Item = &'a Answer>) -> bool {
    judged.all(|judged| matches!(judged, Answer::Failed(_)))
}

/// Why nobody judged, as the first judgement has it; `None` where somebody did or nobody was asked.
pub fn silent<'a>(judged: impl Iterator<Item = &'a Answer> + Clone) -> Option<&'a str> {
    match judged.clone().next() {
        Some(Answer::Failed(why)) if nobody(judged) => Some(why.as_str()),
        _ => None,
    }
}

/// Why nobody judged, for a reader; nothing where somebody did or nobody was asked.
pub(crate) fn unjudged<'a>(judged: impl Iterator<Item = &'a Answer> + Clone) -> Vec<String> {
    let why = silent(judged);
    let told = why.map(|why| format!("a judge's figures are missing: {why}"));
    told.into_iter().collect()
}

/// What a model said; `None` where there is no answer.
pub(crate) fn said_by_model(answer: &Answer) -> Option<&str> {
    match answer {
        Answer::Messages(messages) => Some(messages.first()?.content.as_deref().unwrap_or("")),
        Answer::Texts(texts) => texts.first().map(String::as_str),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rating_is_the_first_in_two_brackets() {
        for (words, wanted) in [
            ("Rating: [[7]]", Some(7.0)),
            ("점수: [[10]]", Some(10.0)),
            ("점수: [[7.5]]입니다.", Some(7.5)),
            ("\"[[rating]]\"에 따라 [[6]]점", Some(6.0)),
            ("[[5]] and then [[9]]", Some(5.0)),
            ("평점 [8]", Some(8.0)),
            ("as in [3], so [[4]]", Some(4.0)),
            ("[[8.]]", Some(8.0)),
            ("[[1]]", Some(1.0)),
        ] {
            assert_eq!(rating(words), wanted, "{words}");
        }
    }

    #[test]
    fn nonsense_and_what_is_out_of_range_is_no_rating() {
        for words in [
            "",
            "훌륭한 답변입니다!",
            "[[0]]",
            "[[11]]",
            "[[100]]",
            "[[-3]]",
            "[[칠]]",
            "[[7/10]]",
            "[[ 7 ]]",
            "[[.5]]",
            "[[7,5]]",
            "[[",
            "[[]]",
            "[]",
            "10/10",
            "[[1e1]]",
            "[[١]]",
        ] {
            assert_eq!(rating(words), None, "{words}");
        }
    }

    #[test]
    fn a_verdict_is_a_letter_in_brackets() {
        assert_eq!(verdict("A가 낫다. [[A]]"), Some(Verdict::First));
        assert_eq!(verdict("비서 B: [[B]]"), Some(Verdict::Second));
        assert_eq!(verdict("동점이다. [[C]]"), Some(Verdict::Tie));
        assert_eq!(verdict("[[D]] [A] A"), None);
    }

    #[test]
    fn a_pass_stands_at_the_end() {
        for (words, wanted) in [
            ("설명\n\npass\npass", Some(true)),
            ("It does not pass because …\n...\nfail\nfail", Some(false)),
            ("따라서 이 답변은 **통과**입니다.", Some(true)),
            ("판정: 불합격", Some(false)),
            ("판정: 합격", Some(true)),
            ("pass\n최종 판정은\n\n입니다.", Some(true)),
            ("Fail", Some(false)),
            ("pass\n잘 모르겠다\n정말로", None),
            ("", None),
        ] {
            assert_eq!(passes(words), wanted, "{words}");
        }
    }
}
