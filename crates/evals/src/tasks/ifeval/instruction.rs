//! The 25 kinds of instruction with what each is given, read from a row's `instruction_id_list` and `kwargs`.
//!
//! Where a row leaves out a value, lm-eval draws one at random; here it is an error that names it.

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Map, Value};

/// More or fewer than a number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Count {
    /// `at least` this many, or `less than`.
    pub(super) at_least: bool,
    pub(super) number: usize,
}

impl Count {
    pub(super) fn holds(self, found: usize) -> bool {
        (found >= self.number) == self.at_least
    }
}

/// What an answer must do.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Instruction {
    Keywords(Vec<String>),
    KeywordFrequency(String, Count),
    ForbiddenWords(Vec<String>),
    LetterFrequency(char, Count),
    Language(String),
    Sentences(Count),
    Paragraphs(usize),
    Words(Count),
    /// So many paragraphs, of which the nth begins with a word.
    FirstWord {
        paragraphs: usize,
        nth: usize,
        word: String,
    },
    Placeholders(usize),
    Postscript(String),
    Bullets(usize),
    /// One of these must stand in the answer; none given: the benchmark's own three.
    Constrained(Vec<String>),
    Highlights(usize),
    Sections(String, usize),
    Json,
    Title,
    TwoResponses,
    RepeatPrompt(String),
    End(String),
    CapitalWords(Count),
    EnglishCapital,
    EnglishLowercase,
    NoComma,
    Quotation,
}

impl Instruction {
    pub(super) fn read(id: &str, given: &Map<String, Value>) -> Result<Instruction> {
        use Instruction as I;
        let given = Given(given);
        Ok(match id {
            "keywords:existence" => I::Keywords(given.texts("keywords")?),
            "keywords:frequency" => I::KeywordFrequency(
                given.text("keyword")?.trim().to_owned(),
                given.count("relation", "frequency")?,
            ),
            "keywords:forbidden_words" => I::ForbiddenWords(given.texts("forbidden_words")?),
            "keywords:letter_frequency" => {
                let text = given.text("letter")?.to_lowercase();
                let mut letters = text.trim().chars();
                let (Some(letter), None) = (letters.next(), letters.next()) else {
                    bail!("wanted one `letter`, found `{text}`");
                };
                I::LetterFrequency(letter, given.count("let_relation", "let_frequency")?)
            }
            "language:response_language" => I::Language(given.text("language")?),
            "length_constraints:number_sentences" => {
                I::Sentences(given.count("relation", "num_sentences")?)
            }
            "length_constraints:number_paragraphs" => {
                I::Paragraphs(given.number("num_paragraphs")?)
            }
            "length_constraints:number_words" => I::Words(given.count("relation", "num_words")?),
            "length_constraints:nth_paragraph_first_word" => {
                let (paragraphs, nth) = (
                    given.number("num_paragraphs")?,
                    given.number("nth_paragraph")?,
                );
                ensure!(
                    (1..=paragraphs).contains(&nth),
                    "wanted `nth_paragraph` between 1 and `num_paragraphs`, found {nth} of {paragraphs}"
                );
                I::FirstWord {
                    paragraphs,
                    nth,
                    word: given.text("first_word")?.to_lowercase(),
                }
            }
            "detectable_content:number_placeholders" => {
                I::Placeholders(given.number("num_placeholders")?)
            }
            "detectable_content:postscript" => {
                I::Postscript(given.text("postscript_marker")?.trim().to_owned())
            }
            "detectable_format:number_bullet_lists" => I::Bullets(given.number("num_bullets")?),
            "detectable_format:constrained_response" => {
                I::Constrained(match given.0.get("options") {
                    Some(_) => given.texts("options")?,
                    None => vec![],
                })
            }
            "detectable_format:number_highlighted_sections" => {
                I::Highlights(given.number("num_highlights")?)
            }
            "detectable_format:multiple_sections" => I::Sections(
                given.text("section_spliter")?.trim().to_owned(),
                given.number("num_sections")?,
            ),
            "detectable_format:json_format" => I::Json,
            "detectable_format:title" => I::Title,
            "combination:two_responses" => I::TwoResponses,
            "combination:repeat_prompt" => I::RepeatPrompt(given.text("prompt_to_repeat")?),
            "startend:end_checker" => I::End(given.text("end_phrase")?.trim().to_owned()),
            "startend:quotation" => I::Quotation,
            "change_case:capital_word_frequency" => {
                I::CapitalWords(given.count("capital_relation", "capital_frequency")?)
            }
            "change_case:english_capital" => I::EnglishCapital,
            "change_case:english_lowercase" => I::EnglishLowercase,
            "punctuation:no_comma" => I::NoComma,
            _ => bail!("wanted one of the 25 kinds of IFEval, found another"),
        })
    }
}

/// The values of a row, with sentences for those that are not there.
struct Given<'a>(&'a Map<String, Value>);

impl Given<'_> {
    fn value(&self, name: &str) -> Result<&Value> {
        let value = self.0.get(name).filter(|value| !value.is_null());
        value.with_context(|| format!("wanted `{name}` in `kwargs`, found none"))
    }

    fn text(&self, name: &str) -> Result<String> {
        let value = self.value(name)?;
        let text = value.as_str().filter(|text| !text.is_empty());
        let text = text.with_context(|| format!("wanted a text as `{name}`, found {value}"))?;
        Ok(text.to_owned())
    }

    fn texts(&self, name: &str) -> Result<Vec<String>> {
        let value = self.value(name)?;
        let texts = value.as_array().filter(|all| !all.is_empty());
        let texts = texts.and_then(|all| {
            let texts = all.iter().map(|it| it.as_str().map(str::to_owned));
            texts.collect::<Option<Vec<_>>>()
        });
        texts.with_context(|| format!("wanted a list of texts as `{name}`, found {value}"))
    }

    fn number(&self, name: &str) -> Result<usize> {
        let value = self.value(name)?;
        // copies of the data write 3.0
        let number = value
            .as_f64()
            .filter(|n| n.fract() == 0.0 && (0.0..1e9).contains(n));
        let number =
            number.with_context(|| format!("wanted a number as `{name}`, found {value}"))?;
        Ok(number as usize)
    }

    fn count(&self, relation: &str, number: &str) -> Result<Count> {
        let number = self.number(number)?;
        let at_least = match self.text(relation)?.as_str() {
            "at least" => true,
            "less than" => false,
            other => bail!("wanted `at least` or `less than` as `{relation}`, found `{other}`"),
        };
        Ok(Count { at_least, number })
    }
}
