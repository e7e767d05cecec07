//! E-mail addresses: around every `@`, as far as the characters of a mailbox and of a host reach.

use super::{Found, Kind};

pub(super) fn find(text: &str, found: &mut Vec<Found>) {
    let bytes = text.as_bytes();
    for at in memchr::memchr_iter(b'@', bytes) {
        let before = bytes[..at]
            .iter()
            .rev()
            .take(64)
            .take_while(|byte| mailbox(**byte))
            .count();
        let mut start = at - before;
        // A mailbox does not begin with a dot, nor with the hyphen of a list.
        while start < at && matches!(bytes[start], b'.' | b'-' | b'+') {
            start += 1;
        }
        let reach = bytes[at + 1..]
            .iter()
            .take(253)
            .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'))
            .count();
        let Some(end) = host_end(&bytes[at + 1..at + 1 + reach]) else {
            continue;
        };
        let host = &bytes[at + 1..at + 1 + end];
        if start < at && bytes[at - 1] != b'.' && !is_picture(host) {
            found.push(Found {
                start,
                end: at + 1 + end,
                kind: Kind::Email,
                checked: false,
            });
        }
    }
}

/// `logo@2x.png`: a picture for screens of twice as many dots.
fn is_picture(host: &[u8]) -> bool {
    let ends = |name: &&[u8]| host.to_ascii_lowercase().ends_with(name);
    [&b".png"[..], b".jpg", b".jpeg", b".gif", b".webp", b".svg"]
        .iter()
        .any(ends)
}

fn mailbox(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'%' | b'+' | b'-')
}

/// Where a host name ends: after the last label of at least two letters that another label stands before.
fn host_end(host: &[u8]) -> Option<usize> {
    let (mut end, mut at, mut labels) = (None, 0, 0);
    for label in host.split(|byte| *byte == b'.') {
        let bare = label.len() - label.iter().rev().take_while(|byte| **byte == b'-').count();
        if bare == 0 || label[0] == b'-' {
            break;
        }
        labels += 1;
        if labels > 1 && bare >= 2 && label[..bare].iter().all(u8::is_ascii_alphabetic) {
            end = Some(at + bare);
        }
        at += label.len() + 1;
    }
    end
}
