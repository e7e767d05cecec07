//! Orders in a conversation: a slash and a word, in English or in Korean, and what the program says in either.

use super::talk::{Answer, Count};
use anyhow::{Result, bail, ensure};
use std::path::{Path, PathBuf};

/// What the user wants done instead of answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Help(Option<Speech>),
    Reset,
    /// Nothing: show it. `-`: none.
    System(Option<String>),
    Save(PathBuf),
    Load(PathBuf),
    Again,
    Undo,
    Set(Option<(String, String)>),
    Tokens,
    Exit,
}

/// An order as it is typed and explained.
struct Row {
    words: &'static [&'static str],
    takes: [&'static str; 2],
    means: [&'static str; 2],
}

static ROWS: [Row; 10] = [
    Row {
        words: &["help", "도움말", "?"],
        takes: ["[ko|en]", "[ko|en]"],
        means: ["this list, also in Korean", "이 목록, 영어로도"],
    },
    Row {
        words: &["reset", "새로"],
        takes: ["", ""],
        means: [
            "begin again; the system message stays",
            "대화를 새로 시작 (시스템 메시지는 그대로)",
        ],
    },
    Row {
        words: &["system", "시스템"],
        takes: ["[TEXT|-]", "[글|-]"],
        means: [
            "show, set or remove the system message",
            "시스템 메시지 보기, 정하기, 없애기(-)",
        ],
    },
    Row {
        words: &["save", "저장"],
        takes: ["FILE", "파일"],
        means: ["write the conversation as JSON", "대화를 JSON으로 저장"],
    },
    Row {
        words: &["load", "열기"],
        takes: ["FILE", "파일"],
        means: ["go on with a saved conversation", "저장한 대화 이어 하기"],
    },
    Row {
        words: &["regenerate", "다시"],
        takes: ["", ""],
        means: [
            "another answer to the last message",
            "마지막 답을 다시 생성",
        ],
    },
    Row {
        words: &["undo", "취소"],
        takes: ["", ""],
        means: [
            "take back the last message and its answer",
            "마지막 메시지와 답을 되돌리기",
        ],
    },
    Row {
        words: &["set", "설정"],
        takes: ["[NAME VALUE]", "[이름 값]"],
        means: [
            "show settings, or change one: /set temperature 0.7",
            "설정 보기, 바꾸기: /설정 temperature 0.7",
        ],
    },
    Row {
        words: &["tokens", "토큰"],
        takes: ["", ""],
        means: ["how much of the context is used", "문맥을 얼마나 썼는지"],
    },
    Row {
        words: &["exit", "끝", "quit", "bye"],
        takes: ["", ""],
        means: ["leave (also Ctrl-D)", "끝내기 (Ctrl-D도 됩니다)"],
    },
];

/// Every order as it can be typed, slash included.
pub(super) fn words() -> impl Iterator<Item = String> {
    ROWS.iter()
        .flat_map(|row| row.words.iter().take(2))
        .map(|word| format!("/{word}"))
}

/// Reads an order; a message is none. Two slashes begin a message that begins with one, which
/// [`message`] takes off.
///
/// # Errors
/// A slash before a word that is no order, or an order without what it needs.
pub(super) fn parse(text: &str) -> Result<Option<Order>> {
    let Some(rest) = text.strip_prefix('/') else {
        return Ok(None);
    };
    if rest.starts_with('/') {
        return Ok(None);
    }
    let (word, said) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let said = said.trim();
    let known = ROWS.iter().find(|row| row.words.contains(&word));
    let file = || {
        ensure!(!said.is_empty(), "/{word} needs the name of a file");
        Ok(PathBuf::from(said))
    };
    let some = (!said.is_empty()).then(|| said.to_owned());
    let order = match known.map(|row| row.words[0]) {
        Some("help") => Order::Help(match said {
            "" => None,
            "ko" => Some(Speech::of(true)),
            "en" => Some(Speech::of(false)),
            other => bail!("help is there in ko and en, not in {other:?}"),
        }),
        Some("system") => Order::System(some),
        Some("save") => Order::Save(file()?),
        Some("load") => Order::Load(file()?),
        Some("set") => Order::Set(match said.split_once(char::is_whitespace) {
            Some((name, value)) => Some((name.to_owned(), value.trim().to_owned())),
            None if said.is_empty() => None,
            None => bail!("/{word} {said} needs a value as well"),
        }),
        Some(other) => {
            ensure!(
                said.is_empty(),
                "/{word} takes nothing after it; found {said:?}"
            );
            match other {
                "reset" => Order::Reset,
                "regenerate" => Order::Again,
                "undo" => Order::Undo,
                "tokens" => Order::Tokens,
                _ => Order::Exit,
            }
        }
        None => bail!(
            "there is no order /{word}; there are {}. A message that begins with a slash is written with two",
            words().step_by(2).collect::<Vec<_>>().join(" ")
        ),
    };
    Ok(Some(order))
}

/// A message without the slash that says it is none of the orders.
pub(super) fn message(text: &str) -> &str {
    match text.starts_with("//") {
        true => &text[1..],
        false => text,
    }
}

/// The list of orders.
pub(super) fn help(speech: Speech) -> String {
    let which = usize::from(speech.korean);
    let name = |row: &Row| format!("/{} {}", row.words[which], row.takes[which]);
    let widest = ROWS.iter().map(|row| page::width(&name(row))).max();
    let mut lines: Vec<String> = ROWS
        .iter()
        .map(|row| {
            let name = name(row);
            let gap = widest.unwrap_or(0) - page::width(&name) + 2;
            format!("  {name}{}{}", " ".repeat(gap), row.means[which])
        })
        .collect();
    lines.push(speech.typing().to_owned());
    lines.join("\n")
}

/// The language in which the program speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Speech {
    korean: bool,
}

impl Speech {
    pub(super) fn of(korean: bool) -> Self {
        Speech { korean }
    }

    fn choose<T>(self, korean: T, english: T) -> T {
        match self.korean {
            true => korean,
            false => english,
        }
    }

    pub(super) fn welcome(self, model: &str, context: usize, origin: &str) -> String {
        self.choose(
            format!(
                "{model} · 문맥 {context}토큰 · 대화 형식: {origin} · /도움말, 끝내려면 Ctrl-D"
            ),
            format!("{model} · context {context} tokens · format: {origin} · /help, Ctrl-D leaves"),
        )
    }

    pub(super) fn leave(self) -> &'static str {
        self.choose(
            "끝내려면 Ctrl-D, /끝, 또는 Ctrl-C를 한 번 더",
            "Ctrl-D, /exit or Ctrl-C once more leaves",
        )
    }

    fn typing(self) -> &'static str {
        self.choose(
            "  Enter 보내기 · Alt-Enter, 줄 끝의 \\, 또는 \"\"\" 로 여러 줄 · Ctrl-C 답 멈추기 · ↑ 이전 입력",
            "  Enter sends · Alt-Enter, \\ at the end of a line or \"\"\" for several lines · Ctrl-C stops an answer · ↑ earlier input",
        )
    }

    pub(super) fn stopped(self, kept: bool) -> &'static str {
        match kept {
            true => self.choose("멈췄습니다", "stopped"),
            false => self.choose(
                "멈췄습니다. 답이 시작되지 않아 메시지도 되돌렸습니다",
                "stopped before the answer began; the message was taken back",
            ),
        }
    }

    pub(super) fn longest(self) -> &'static str {
        self.choose(
            "최대 토큰 수에 닿았습니다 (/설정 tokens)",
            "the most tokens were reached (/set tokens)",
        )
    }

    pub(super) fn full(self) -> &'static str {
        self.choose("문맥이 가득 찼습니다", "the context is full")
    }

    pub(super) fn left_out(self, messages: usize) -> String {
        self.choose(
            format!("문맥에 들어가지 않아 처음 메시지 {messages}개를 뺐습니다"),
            format!("the first {messages} messages no longer fit and were left out"),
        )
    }

    pub(super) fn facts(self, answer: &Answer) -> String {
        let usage = answer.usage;
        let speed = answer.tokens_per_second();
        let first = answer.first;
        self.choose(
            format!(
                "토큰 {}개 · 초당 {speed:.1}토큰 · 첫 토큰까지 {first:.2}초 · 입력 {}토큰 (재사용 {})",
                usage.generated, usage.prompt, usage.reused
            ),
            format!(
                "{} tokens · {speed:.1} tokens/s · first after {first:.2} s · prompt {} tokens ({} reused)",
                usage.generated, usage.prompt, usage.reused
            ),
        )
    }

    pub(super) fn tokens(self, count: &Count) -> String {
        let Count {
            messages,
            tokens,
            context,
            left_out,
        } = count;
        let mut said = self.choose(
            format!("메시지 {messages}개, 문맥 {context}토큰 가운데 {tokens}토큰"),
            format!("{messages} messages, {tokens} of {context} tokens of context"),
        );
        if *left_out > 0 {
            said.push_str(" · ");
            said.push_str(&self.left_out(*left_out));
        }
        said
    }

    pub(super) fn saved(self, path: &Path) -> String {
        let path = path.display();
        self.choose(format!("{path}에 저장했습니다"), format!("saved in {path}"))
    }

    pub(super) fn loaded(self, messages: usize) -> String {
        self.choose(
            format!("메시지 {messages}개를 불러왔습니다"),
            format!("{messages} messages loaded"),
        )
    }

    pub(super) fn reset(self) -> &'static str {
        self.choose("대화를 새로 시작합니다", "a new conversation")
    }

    pub(super) fn nothing(self) -> &'static str {
        self.choose("시스템 메시지가 없습니다", "there is no system message")
    }

    pub(super) fn done(self) -> &'static str {
        self.choose("그렇게 했습니다", "done")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_read_in_both_languages() {
        let set = |name: &str, value: &str| Order::Set(Some((name.to_owned(), value.to_owned())));
        for (text, wanted) in [
            ("/reset", Order::Reset),
            ("/새로", Order::Reset),
            ("/help", Order::Help(None)),
            ("/도움말 en", Order::Help(Some(Speech::of(false)))),
            (
                "/system  친절하게, 짧게. ",
                Order::System(Some("친절하게, 짧게.".to_owned())),
            ),
            ("/system", Order::System(None)),
            ("/save 내 대화.json", Order::Save("내 대화.json".into())),
            ("/열기 a", Order::Load("a".into())),
            ("/다시", Order::Again),
            ("/undo", Order::Undo),
            ("/set temperature 0.7", set("temperature", "0.7")),
            ("/설정  seed   3", set("seed", "3")),
            ("/set", Order::Set(None)),
            ("/토큰", Order::Tokens),
            ("/quit", Order::Exit),
        ] {
            assert_eq!(parse(text).expect(text), Some(wanted), "{text}");
        }
    }

    #[test]
    fn messages_are_no_orders() {
        for text in ["안녕", "", "a/b", "//home 은 무엇인가요", " /reset"] {
            assert_eq!(parse(text).expect(text), None, "{text}");
        }
        assert_eq!(message("//home"), "/home");
        assert_eq!(message("집"), "집");
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, words) in [
            ("/", "there is no order"),
            ("/home 은", "written with two"),
            ("/save", "needs the name of a file"),
            ("/set temperature", "needs a value"),
            ("/reset now", "takes nothing"),
            ("/help fr", "ko and en"),
        ] {
            let error = parse(text).expect_err(text).to_string();
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn help_lists_every_order_in_its_language() {
        let [korean, english] = [true, false].map(|korean| help(Speech::of(korean)));
        assert!(english.contains("/set [NAME VALUE]") && !english.contains("/설정 ["));
        assert!(korean.contains("/설정 [이름 값]") && korean.contains("/끝"));
        assert_eq!(korean.lines().count(), english.lines().count());
    }
}
