//! Questions with options: scored by the options' likelihoods, or by the letter that was said.
//!
//! As lm-eval has it: `acc` takes the greatest log-likelihood, the first of equals; `acc_norm` divides by
//! the option's characters, `acc_bytes` by its UTF-8 bytes, the space before it not counted; F1 is of the
//! classes (right, chosen) over all questions.

use crate::ask::{Answer, Ask, Draw, Request};
use crate::letter;
use crate::prepared::{likelihoods, said, wrong};
use crate::task::{Aggregate, Metric, Score};
use chat::Message;

/// What is known of a question with options.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Options {
    /// As they are written, without the space before them.
    pub(crate) texts: Vec<String>,
    /// The right one.
    pub(crate) right: usize,
}

/// Tokens of an answer in words.
const WORDS: usize = 2048;

/// Which letters name the options.
pub(crate) const LETTERS: [&str; 5] = ["A", "B", "C", "D", "E"];

impl Options {
    /// Options that are letters.
    pub(crate) fn letters(count: usize, right: usize) -> Options {
        Options {
            texts: LETTERS[..count].iter().map(|&text| text.into()).collect(),
            right,
        }
    }

    /// The question put by likelihood; `delimiter` stands before each option.
    pub(crate) fn ask(&self, id: String, group: String, context: String, delimiter: &str) -> Ask {
        let options = self.texts.iter();
        Ask {
            id,
            group,
            request: Request::Choose {
                context,
                options: options.map(|text| format!("{delimiter}{text}")).collect(),
            },
            draw: Draw::default(),
        }
    }

    /// What the answer is worth in each of `metrics`, whichever way the question was put.
    pub(crate) fn score(&self, ask: &Ask, answers: &[Answer], metrics: &[Metric]) -> Score {
        match ask.request {
            Request::Choose { .. } => self.by_likelihood(answers, metrics),
            _ => self.by_letter(answers, metrics),
        }
    }

    fn by_likelihood(&self, answers: &[Answer], metrics: &[Metric]) -> Score {
        let found = match likelihoods(answers, self.texts.len()) {
            Ok(found) => found,
            Err(why) => return self.unanswered(metrics, why),
        };
        let chosen = |weight: fn(&str) -> f64| {
            greatest(
                found
                    .iter()
                    .zip(&self.texts)
                    .map(|(one, text)| one.sum / weight(text)),
            )
        };
        let plain = chosen(|_| 1.0);
        let value = |metric: &Metric| {
            let taken = match metric.name.as_str() {
                "acc_norm" => chosen(|text| text.chars().count() as f64),
                "acc_bytes" => chosen(|text| text.len() as f64),
                _ => plain,
            };
            (metric.name.clone(), f64::from(taken == self.right))
        };
        Score {
            values: metrics
                .iter()
                .filter(|metric| averaged(metric))
                .map(value)
                .collect(),
            classes: Some((self.right, plain)),
            expected: self.texts[self.right].clone(),
            taken: self.texts[plain].clone(),
            ..Score::default()
        }
    }

    fn by_letter(&self, answers: &[Answer], metrics: &[Metric]) -> Score {
        let texts = match said(answers) {
            Ok(texts) => texts,
            Err(why) => return self.unanswered(metrics, why),
        };
        let letters = self.texts.len();
        let taken: Vec<Option<usize>> = texts
            .iter()
            .map(|text| letter::said(text, letters))
            .collect();
        let right = taken
            .iter()
            .filter(|taken| **taken == Some(self.right))
            .count();
        let value = right as f64 / taken.len() as f64;
        Score {
            values: metrics
                .iter()
                .filter(|metric| averaged(metric))
                .map(|metric| (metric.name.clone(), value))
                .collect(),
            classes: Some((self.right, taken[0].unwrap_or(letters))),
            expected: LETTERS[self.right].to_owned(),
            taken: taken[0].map_or(String::new(), |at| LETTERS[at].to_owned()),
            note: match taken[0] {
                Some(_) => String::new(),
                None => "no option is named as the answer".to_owned(),
            },
            ..Score::default()
        }
    }

    /// Wrong, and of no class that there is.
    fn unanswered(&self, metrics: &[Metric], why: String) -> Score {
        Score {
            classes: Some((self.right, self.texts.len())),
            expected: self.texts[self.right].clone(),
            ..wrong(metrics, why)
        }
    }
}

/// The question put in words: reasons first, then a marked letter (report, section 10).
pub(crate) fn in_words(
    id: String,
    group: String,
    korean: bool,
    question: &str,
    letters: usize,
) -> Ask {
    let names = LETTERS[..letters].join(", ");
    let request = match korean {
        true => format!(
            "다음 객관식 문제를 푸세요. 간결하게 추론한 뒤, 마지막 줄을 \"따라서, 정답은: X\"로 끝내세요. \
             X는 {names} 가운데 하나입니다.\n\n{question}"
        ),
        false => format!(
            "Answer the following multiple-choice question. Reason concisely, and end with the line \
             \"Therefore, the answer is: X\", where X is one of {names}.\n\n{question}"
        ),
    };
    converse(id, group, request)
}

/// One message, one answer.
pub(crate) fn converse(id: String, group: String, text: String) -> Ask {
    Ask {
        id,
        group,
        request: Request::Converse {
            messages: vec![Message::user(text)],
            tools: vec![],
            limit: WORDS,
        },
        draw: Draw::default(),
    }
}

fn averaged(metric: &Metric) -> bool {
    metric.aggregate == Aggregate::Mean
}

/// The place of the greatest, the first of equals (`numpy.argmax`).
fn greatest(values: impl Iterator<Item = f64>) -> usize {
    let mut best = (0, f64::NEG_INFINITY);
    for (place, value) in values.enumerate() {
        if value > best.1 {
            best = (place, value);
        }
    }
    best.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ask::Likelihood;
    use crate::prepared::mean;

    fn likelihoods(sums: &[f64]) -> Vec<Answer> {
        let one = |&sum: &f64| Likelihood {
            sum,
            tokens: 1,
            greedy: false,
        };
        vec![Answer::Likelihoods(sums.iter().map(one).collect())]
    }

    #[test]
    fn lengths_are_characters_or_bytes() {
        let options = Options {
            texts: vec!["예".into(), "abcd".into()],
            right: 1,
        };
        let metrics = [mean("acc"), mean("acc_norm"), mean("acc_bytes")];
        let ask = options.ask("1".into(), String::new(), "물음".into(), " ");
        assert!(matches!(&ask.request, Request::Choose { options, .. } if options[0] == " 예"));
        // by characters -2/1 < -6/4; by bytes -2/3 > -6/4
        let score = options.score(&ask, &likelihoods(&[-2.0, -6.0]), &metrics);
        let values: Vec<f64> = ["acc", "acc_norm", "acc_bytes"]
            .map(|n| score.values[n])
            .into();
        assert_eq!(values, [0.0, 1.0, 0.0]);
        assert_eq!(score.classes, Some((1, 0)));
        assert_eq!(
            (score.expected.as_str(), score.taken.as_str()),
            ("abcd", "예")
        );
    }

    #[test]
    fn the_first_of_equals_is_taken() {
        let options = Options::letters(3, 0);
        let ask = options.ask("1".into(), String::new(), String::new(), " ");
        let score = options.score(&ask, &likelihoods(&[-1.0, -1.0, -2.0]), &[mean("acc")]);
        assert_eq!(score.values["acc"], 1.0);
    }

    #[test]
    fn an_answer_that_failed_is_wrong_and_says_why() {
        let options = Options::letters(4, 2);
        let ask = options.ask("1".into(), String::new(), String::new(), " ");
        let failed = [Answer::Failed("the prompt does not fit".into())];
        let score = options.score(&ask, &failed, &[mean("acc")]);
        assert_eq!(score.values["acc"], 0.0);
        assert_eq!(score.classes, Some((2, 4)));
        assert_eq!(score.note, "the prompt does not fit");
        let score = options.score(&ask, &likelihoods(&[-1.0]), &[mean("acc")]);
        assert!(score.note.contains("wanted 4 likelihoods, found 1"));
    }

    #[test]
    fn words_are_read() {
        let options = Options::letters(4, 1);
        let ask = in_words("1".into(), String::new(), true, "물음", 4);
        let answer = |text: &str| [Answer::Messages(vec![Message::assistant(text)])];
        let metrics = [mean("acc")];
        let score = options.score(
            &ask,
            &answer("<think>정답은: A</think>정답은: (B)입니다."),
            &metrics,
        );
        assert_eq!((score.values["acc"], score.taken.as_str()), (1.0, "B"));
        let score = options.score(&ask, &answer("모르겠습니다."), &metrics);
        assert_eq!(score.values["acc"], 0.0);
        assert!(score.note.contains("no option is named"));
    }
}
