//! One question on the page: what was asked, what came back, what it is worth.

use super::words::Words;
use evals::{Answer, Group, Likelihood, Outcome, Question, Request};
use page::{Cell, Column, Page, Sample, Table};

/// Shorter beginnings are not worth being taken out.
const SHARED: usize = 80;
/// Characters of an answer in a heading.
const GLIMPSE: usize = 60;

pub(super) fn questions(
    page: &mut Page,
    outcome: &Outcome,
    group: &Group,
    words: &Words,
    left: &mut usize,
) {
    let of: Vec<&Question> = outcome
        .questions
        .iter()
        .filter(|one| one.ask.group == group.name)
        .collect();
    let asked: Vec<String> = of.iter().map(|one| text(&one.ask.request)).collect();
    let shared = shared(&asked);
    if shared > 0 {
        page.fold(words.before_every, |page| {
            page.samples([Sample::new("", &asked[0][..shared], "")]);
        });
    }
    for (question, asked) in of.iter().zip(&asked) {
        if *left == 0 {
            page.paragraph(words.elsewhere(&outcome.about.name));
            return;
        }
        *left -= 1;
        let summary = summary(question, outcome, words);
        page.fold(summary, |page| {
            one(page, question, &asked[shared..], words);
        });
    }
}

/// What stands at the beginning of all of them, in bytes, up to the end of a line.
fn shared(asked: &[String]) -> usize {
    let Some((first, rest)) = asked.split_first() else {
        return 0;
    };
    let mut length = first.len();
    for other in rest {
        let same = first.bytes().zip(other.bytes()).take(length);
        length = same.take_while(|(a, b)| a == b).count();
    }
    if rest.is_empty() {
        return 0;
    }
    // A line's end is never within a character.
    match first.as_bytes()[..length]
        .iter()
        .rposition(|byte| *byte == b'\n')
    {
        Some(at) if at + 1 >= SHARED => at + 1,
        _ => 0,
    }
}

/// A request as one text.
fn text(request: &Request) -> String {
    match request {
        Request::Choose { context, .. } => context.clone(),
        Request::Measure { text } | Request::Embed { text, .. } => text.clone(),
        Request::Complete { prompt, .. } => prompt.clone(),
        Request::Converse {
            messages, tools, ..
        } => {
            let tools = tools
                .iter()
                .map(|tool| format!("[{}]", serde_json::json!(tool)));
            let said = messages.iter().map(|one| {
                let calls = one
                    .tool_calls
                    .iter()
                    .map(|call| format!("\n→ {}({})", call.function.name, call.function.arguments));
                let calls: String = calls.collect();
                format!(
                    "{}: {}{calls}",
                    one.role.as_str(),
                    one.content.as_deref().unwrap_or_default()
                )
            });
            tools.chain(said).collect::<Vec<_>>().join("\n\n")
        }
    }
}

fn summary(question: &Question, outcome: &Outcome, words: &Words) -> String {
    let first = outcome.about.metrics.first();
    let value = first.and_then(|metric| question.score.values.get(&metric.name));
    let mark = match value {
        _ if question.failure().is_some() => "–".to_owned(),
        Some(value) if *value == 1.0 => "✓".to_owned(),
        Some(value) if *value == 0.0 => "✗".to_owned(),
        Some(value) => page::quantity(*value),
        None => match question.score.classes {
            Some((right, chosen)) if right == chosen => "✓".to_owned(),
            Some(_) => "✗".to_owned(),
            None => "–".to_owned(),
        },
    };
    let taken = glimpse(&question.score.taken);
    let taken = match taken.is_empty() {
        true => words.nothing.to_owned(),
        false => taken,
    };
    let right = &question.score.expected;
    match right.is_empty() || *right == question.score.taken {
        true => format!("{mark} {} · {taken}", question.ask.id),
        false => format!(
            "{mark} {} · {taken} ({} {})",
            question.ask.id,
            words.right,
            glimpse(right)
        ),
    }
}

fn glimpse(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(GLIMPSE) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}

fn one(page: &mut Page, question: &Question, asked: &str, words: &Words) {
    let turns = question.requests.iter().zip(&question.answers).enumerate();
    for (turn, (request, answer)) in turns {
        // Of later turns only what is new: the last message.
        let prompt = match (turn, request) {
            (0, _) => asked.to_owned(),
            (_, Request::Converse { messages, .. }) => messages
                .last()
                .and_then(|last| last.content.clone())
                .unwrap_or_default(),
            (_, other) => text(other),
        };
        let note = question.notes.get(turn).filter(|note| !note.is_empty());
        match answer {
            Answer::Likelihoods(all) => {
                page.samples([noted(Sample::new(words.question, prompt, ""), note)]);
                page.table(likelihoods(request, all, question, words));
            }
            Answer::Texts(all) => {
                page.samples(said(&prompt, all, words).map(|sample| noted(sample, note)));
            }
            Answer::Messages(all) => {
                let texts: Vec<String> = all
                    .iter()
                    .map(|one| {
                        let request = Request::Converse {
                            messages: vec![one.clone()],
                            tools: vec![],
                            limit: 0,
                        };
                        format!("\n\n{}", text(&request))
                    })
                    .collect();
                page.samples(said(&prompt, &texts, words).map(|sample| noted(sample, note)));
            }
            Answer::Vector(vector) => {
                let length = words.vector(vector.len());
                page.samples([Sample::new(words.question, prompt, "").note(length)]);
            }
            Answer::Failed(why) => {
                page.samples([Sample::new(words.question, prompt, "").note(why)]);
            }
        }
    }
    for (request, answer) in question.judge_requests.iter().zip(&question.judged) {
        let asked = text(request);
        let verdicts = match answer {
            Answer::Texts(all) => all.clone(),
            Answer::Messages(all) => all.iter().filter_map(|one| one.content.clone()).collect(),
            Answer::Failed(why) => vec![why.clone()],
            _ => vec![],
        };
        page.fold(words.verdict, |page| {
            let sample =
                |verdict: &String| Sample::new(words.verdict, &asked, format!("\n\n{verdict}"));
            page.samples(verdicts.iter().map(sample));
        });
    }
    page.table(score(question, words));
}

fn noted(sample: Sample, note: Option<&String>) -> Sample {
    match note {
        Some(note) => sample.note(note),
        None => sample,
    }
}

/// The prompt with each answer; with several, the prompt stands at the first.
fn said<'a>(
    prompt: &'a str,
    answers: &'a [String],
    words: &'a Words,
) -> impl Iterator<Item = Sample> + 'a {
    answers.iter().enumerate().map(move |(number, answer)| {
        let prompt = if number == 0 { prompt } else { "" };
        Sample::new(words.answer, prompt, answer)
    })
}

fn likelihoods(request: &Request, all: &[Likelihood], question: &Question, words: &Words) -> Table {
    let options: &[String] = match request {
        Request::Choose { options, .. } => options,
        _ => &[],
    };
    let mut table = Table::new([
        Column::text(words.option),
        Column::number("ln p", 3),
        Column::number(words.per_byte, 4),
        Column::number(words.tokens, 0),
    ]);
    for (at, one) in all.iter().enumerate() {
        let option = options.get(at).map_or("", String::as_str);
        let is = |text: &str| !text.is_empty() && option.trim() == text.trim();
        let (right, chosen) = match question.score.classes {
            Some((right, chosen)) => (at == right, at == chosen),
            None => (is(&question.score.expected), is(&question.score.taken)),
        };
        let mark = match (right, chosen) {
            (true, true) => " ✓",
            (true, false) => " ←",
            (false, true) => " ✗",
            (false, false) => "",
        };
        let bytes = option.len();
        table.row([
            Cell::from(format!("{option}{mark}")),
            Cell::from(one.sum),
            Cell::from((bytes > 0).then(|| one.sum / bytes as f64)),
            Cell::from(one.tokens),
        ]);
    }
    table
}

fn score(question: &Question, words: &Words) -> Table {
    let mut table = Table::new([Column::text(words.score), Column::text("")]);
    let score = &question.score;
    if !score.expected.is_empty() {
        table.row([Cell::from(words.right), Cell::from(score.expected.as_str())]);
    }
    let taken = match score.taken.is_empty() {
        true => words.nothing,
        false => score.taken.as_str(),
    };
    table.row([Cell::from(words.taken), Cell::from(taken)]);
    for (name, value) in &score.values {
        table.row([
            Cell::from(name.as_str()),
            Cell::from(page::quantity(*value)),
        ]);
    }
    if !score.note.is_empty() {
        table.row([Cell::from(words.note), Cell::from(score.note.as_str())]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::shared;

    #[test]
    fn what_all_begin_with_is_whole_lines() {
        fn check(asked: &[&str], wanted: &str) {
            let asked: Vec<String> = asked.iter().map(|text| (*text).to_owned()).collect();
            assert_eq!(&asked[0][..shared(&asked)], wanted);
        }
        let examples = "다음은 역사에 대한 문제입니다.\n질문: 첫 왕조는?\n정답: A\n\n질문: 둘째 왕조는?\n정답: B\n\n";
        let (first, second) = (
            format!("{examples}질문: 가\n"),
            format!("{examples}질문: 각\n"),
        );
        check(&[&first, &second], examples);
        check(&[&first], "");
        check(&["질문: 가\n", "질문: 각\n"], "");
        assert_eq!(shared(&[]), 0);
    }
}
