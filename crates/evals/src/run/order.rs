//! In which order questions are put: those with a common beginning beside each other.
//!
//! Few-shot examples stand at the beginning, so the order of the texts brings them together; whoever
//! answers then finds the keys and values of the examples where the question before left them.

use crate::ask::Request;
use std::borrow::Cow;

/// Sorts by kind of request, then by text; equals keep their order.
pub(super) fn sort<'a, T>(all: &mut [T], request: impl Fn(&T) -> &'a Request) {
    all.sort_by_cached_key(|one| key(request(one)));
}

fn key(request: &Request) -> (u8, Cow<'_, str>) {
    match request {
        Request::Choose { context, .. } => (0, Cow::Borrowed(context)),
        Request::Measure { text } => (1, Cow::Borrowed(text)),
        Request::Embed { text, .. } => (2, Cow::Borrowed(text)),
        Request::Complete { prompt, .. } => (3, Cow::Borrowed(prompt)),
        Request::Converse {
            messages, tools, ..
        } => {
            // Templates write the tools first.
            let text = serde_json::to_string(&(tools, messages)).unwrap_or_default();
            (4, Cow::Owned(text))
        }
    }
}
