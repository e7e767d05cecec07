//! Sentences by Punkt (Kiss and Strunk 2006), with what it learnt of English: NLTK's `sent_tokenize`.
//!
//! Every `.`, `?`, `!` that white space or closing punctuation follows is a candidate. It ends a sentence
//! unless its word is a known abbreviation, an ellipsis, an initial or a number and what follows does not
//! look like a beginning: by the case in which the next word was ever seen at beginnings and within
//! sentences. The parameters are in `english.tsv.gz`, made by `fixtures/sentences.py`; training is not here.

use fancy_regex::Regex;
use std::collections::{HashMap, HashSet};
use std::io::Read as _;
use std::ops::Range;
use std::sync::LazyLock;

const NON_WORD: &str = "[)\";}\\]*:@'({\\[‘’“”«»?!]";
const SEVERAL: &str = r"(?:\-{2,}|\.{2,}|(?:\.\s){2,}\.)";

/// Contexts of a word: bits of `english.tsv.gz`.
const BEGINNING_LOWER: u8 = 16;
const WITHIN_UPPER: u8 = 4;
const UPPER: u8 = 2 | 4 | 8;
const LOWER: u8 = 16 | 32 | 64;

struct English {
    abbreviations: HashSet<String>,
    starters: HashSet<String>,
    collocations: HashSet<(String, String)>,
    contexts: HashMap<String, u8>,
}

static ENGLISH: LazyLock<English> = LazyLock::new(|| {
    let mut text = String::new();
    flate2::read::GzDecoder::new(&include_bytes!("english.tsv.gz")[..])
        .read_to_string(&mut text)
        .expect("a file of ours");
    let mut english = English {
        abbreviations: HashSet::new(),
        starters: HashSet::new(),
        collocations: HashSet::new(),
        contexts: HashMap::new(),
    };
    for line in text.lines() {
        let mut cells = line.split('\t').map(str::to_owned);
        let kind = cells.next().unwrap_or_default();
        let (word, value) = (cells.next().unwrap_or_default(), cells.next());
        match (kind.as_str(), value) {
            ("a", _) => drop(english.abbreviations.insert(word)),
            ("s", _) => drop(english.starters.insert(word)),
            ("c", Some(next)) => drop(english.collocations.insert((word, next))),
            (_, value) => {
                let bits = value.and_then(|bits| bits.parse().ok()).unwrap_or_default();
                english.contexts.insert(word, bits);
            }
        }
    }
    english
});

/// A candidate for an end.
static CANDIDATE: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = format!(r"[.?!](?=(?P<after>{NON_WORD}|\s+(?P<next>\S+)))");
    Regex::new(&pattern).expect("a pattern of ours")
});
static TOKEN: LazyLock<Regex> = LazyLock::new(|| {
    let start = "[^(\"`{\\[:;&#*@)}\\]\\-,]";
    let pattern = format!(
        r"{SEVERAL}|(?={start})\S+?(?=\s|$|{NON_WORD}|{SEVERAL}|,(?=$|\s|{NON_WORD}|{SEVERAL}))|\S"
    );
    Regex::new(&pattern).expect("a pattern of ours")
});
/// Closing punctuation at the beginning of what follows belongs to what came before.
static CLOSING: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new("(?m)\\A[\"')\\]}‘’“”«»]+?(?:\\s+|(?=--)|$)").expect("a pattern of ours")
});
static NUMBER: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^-?[\.,]?\d[\d,\.-]*\.?$").expect("a pattern of ours"));

struct Token {
    text: String,
    /// Lower case; numbers are all one.
    kind: String,
    ends: bool,
    abbreviation: bool,
    ellipsis: bool,
}

impl Token {
    fn new(text: &str, english: &English) -> Token {
        let lower = text.to_lowercase();
        let kind = match NUMBER.is_match(&lower).unwrap_or(false) {
            true => "##number##".to_owned(),
            false => lower.clone(),
        };
        let mut token = Token {
            text: text.to_owned(),
            kind,
            ends: false,
            abbreviation: false,
            ellipsis: false,
        };
        if matches!(text, "." | "?" | "!") {
            token.ends = true;
        } else if text.len() > 1 && text.chars().all(|c| c == '.') {
            token.ellipsis = true;
        } else if text.ends_with('.') && !text.ends_with("..") {
            let stem = &lower[..lower.len() - 1];
            let last = stem.rsplit('-').next().unwrap_or(stem);
            token.abbreviation = [stem, last]
                .iter()
                .any(|it| english.abbreviations.contains(*it));
            token.ends = !token.abbreviation;
        }
        token
    }

    fn without_period(&self) -> &str {
        match self.kind.strip_suffix('.') {
            Some(rest) if !rest.is_empty() => rest,
            _ => &self.kind,
        }
    }

    /// Without the period that ends a sentence.
    fn stem(&self) -> &str {
        match self.ends {
            true => self.without_period(),
            false => &self.kind,
        }
    }

    /// `A.`: one letter and a period.
    fn is_initial(&self) -> bool {
        let mut letters = self.text.chars();
        let first = letters
            .next()
            .is_some_and(|c| c.is_alphabetic() || c == '_');
        first && letters.next() == Some('.') && letters.next().is_none()
    }

    fn begins_upper(&self) -> bool {
        self.text.starts_with(char::is_uppercase)
    }

    /// Whether the word looks like the first of a sentence; `None` where its letters do not tell.
    fn starts(&self, english: &English) -> Option<bool> {
        if matches!(self.text.as_str(), ";" | ":" | "," | "." | "!" | "?") {
            return Some(false);
        }
        let seen = english
            .contexts
            .get(self.stem())
            .copied()
            .unwrap_or_default();
        if self.begins_upper() && seen & LOWER != 0 && seen & WITHIN_UPPER == 0 {
            return Some(true);
        }
        let lower = self.text.starts_with(char::is_lowercase);
        if lower && (seen & UPPER != 0 || seen & BEGINNING_LOWER == 0) {
            return Some(false);
        }
        None
    }
}

/// Looks at a word with the next.
fn settle(one: &mut Token, next: &Token, english: &English) {
    if !one.text.ends_with('.') {
        return;
    }
    let (word, following) = (one.without_period().to_owned(), next.stem().to_owned());
    let initial = one.is_initial();
    if english
        .collocations
        .contains(&(word.clone(), following.clone()))
    {
        one.ends = false;
        one.abbreviation = true;
        return;
    }
    let starts = next.starts(english);
    if (one.abbreviation || one.ellipsis) && !initial {
        let usual = next.begins_upper() && english.starters.contains(&following);
        if starts == Some(true) || usual {
            one.ends = true;
            return;
        }
    }
    if initial || word == "##number##" {
        let never_lower = english
            .contexts
            .get(&following)
            .is_none_or(|seen| seen & LOWER == 0);
        if starts == Some(false)
            || (starts.is_none() && initial && next.begins_upper() && never_lower)
        {
            one.ends = false;
            one.abbreviation = true;
        }
    }
}

/// Whether a sentence ends within these few words, before the last of them.
fn has_end(context: &str, english: &English) -> bool {
    let lines = context.split('\n').filter(|line| !line.trim().is_empty());
    let words = lines.flat_map(|line| TOKEN.find_iter(line).flatten());
    let mut tokens: Vec<Token> = words
        .map(|word| Token::new(word.as_str(), english))
        .collect();
    for at in 1..tokens.len() {
        let (before, rest) = tokens.split_at_mut(at);
        settle(&mut before[at - 1], &rest[0], english);
    }
    let all = tokens.len();
    tokens
        .iter()
        .take(all.saturating_sub(1))
        .any(|token| token.ends)
}

/// A candidate with what must be looked at to decide it.
struct Candidate {
    end: usize,
    /// Where the next word begins, if white space comes first.
    next: Option<usize>,
    word: Range<usize>,
    after: Range<usize>,
}

/// The last candidate of every word that has one.
fn candidates(text: &str) -> Vec<Candidate> {
    let mut found: Vec<Candidate> = Vec::new();
    let mut before = 0..0;
    for hit in CANDIDATE.captures_iter(text).flatten() {
        let (Some(mark), Some(after)) = (hit.get(0), hit.name("after")) else {
            continue;
        };
        let gap = &text[before.end..mark.start()];
        let space = |c: char| matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c');
        let start = match gap.rfind(space) {
            Some(at) if at > 0 => before.end + at + 1,
            _ => before.start,
        };
        let word = start..mark.start();
        // a word with several marks is looked at once, at the last of them
        if !found.is_empty() && before.end > word.start {
            found.pop();
        }
        found.push(Candidate {
            end: mark.end(),
            next: hit.name("next").map(|next| next.start()),
            word: word.clone(),
            after: after.start()..after.end(),
        });
        before = word;
    }
    found
}

/// The sentences of a text, in order.
pub(super) fn split(text: &str) -> Vec<&str> {
    let english = &*ENGLISH;
    let mut slices: Vec<Range<usize>> = Vec::new();
    let mut last = 0;
    for candidate in candidates(text) {
        let context = format!(
            "{}{}{}",
            &text[candidate.word.clone()],
            &text[candidate.end - 1..candidate.end],
            &text[candidate.after.clone()]
        );
        if has_end(&context, english) {
            slices.push(last..candidate.end);
            last = candidate.next.unwrap_or(candidate.end);
        }
    }
    slices.push(last..text.trim_end().len().max(last));
    let mut sentences = Vec::new();
    let mut moved = 0;
    for at in 0..slices.len() {
        let start = slices[at].start + moved;
        let own = start..slices[at].end.max(start);
        let Some(next) = slices.get(at + 1) else {
            sentences.push(&text[own]);
            continue;
        };
        match CLOSING.find(&text[next.clone()]).ok().flatten() {
            Some(closing) => {
                let kept = closing.as_str().trim_end().len();
                sentences.push(&text[start..next.start + kept]);
                moved = closing.end();
            }
            None => {
                moved = 0;
                sentences.push(&text[own]);
            }
        }
    }
    sentences.retain(|sentence| !sentence.is_empty());
    sentences
}
