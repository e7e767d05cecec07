//! What the environment says about the person at the terminal: their language, their folders, their colours.
//!
//! Nothing that is made depends on it; stages never see it.

use page::Language;

/// A variable of the environment, if it says anything.
pub(crate) fn word(name: &str) -> Option<String> {
    #[allow(clippy::disallowed_methods)] // the one home of the banned call
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The language of a page.
pub(crate) fn language() -> Language {
    match is_korean() {
        true => Language::Korean,
        false => Language::English,
    }
}

/// Whether to speak Korean.
pub(crate) fn is_korean() -> bool {
    let language = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(word);
    language.is_some_and(|language| language.starts_with("ko"))
}
