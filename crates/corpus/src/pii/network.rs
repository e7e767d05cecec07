//! IP addresses that are reachable from outside: private, local and reserved ones tell nothing of a person.

use super::number::{Chain, Joint};
use super::{Found, Kind};
use std::net::{Ipv4Addr, Ipv6Addr};

/// Version 4: four groups of at most three digits, no more, with dots.
pub(super) fn four(chain: &Chain<'_>) -> Option<Found> {
    let lengths = chain.lengths::<4>()?;
    let dots = |groups: usize| chain.joined(groups, &[Joint::Dot]);
    if lengths.iter().any(|length| *length > 3)
        || !dots(4)
        || (chain.groups.len() > 4 && dots(5))
        || chain.groups[0].joint == Some(Joint::Dot)
    {
        return None;
    }
    let address: Ipv4Addr = chain.text[chain.groups[0].start..chain.groups[3].end]
        .parse()
        .ok()?;
    let versions = ["v", "version", "ver.", "버전", "release"];
    let before = chain.before(9).trim_end().to_lowercase();
    let local = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_unspecified()
        || address.is_broadcast()
        || address.is_documentation()
        || address.is_multicast()
        || address.octets()[0] == 0;
    (!local && !versions.iter().any(|word| before.ends_with(word)))
        .then(|| chain.found(4, Kind::Ip, false))
}

/// Version 6: around a colon, as far as hexadecimal digits and colons reach.
pub(super) fn find_six(text: &str, found: &mut Vec<Found>) {
    let bytes = text.as_bytes();
    let of = |byte: &u8| byte.is_ascii_hexdigit() || *byte == b':';
    let mut done = 0;
    for at in memchr::memchr_iter(b':', bytes) {
        if at < done {
            continue;
        }
        let start = at
            - bytes[done..at]
                .iter()
                .rev()
                .take(4)
                .take_while(|byte| of(byte))
                .count();
        let mut end = at
            + bytes[at..]
                .iter()
                .take(40)
                .take_while(|byte| of(byte))
                .count();
        done = end;
        let glued = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        if glued(bytes[..start].last()) || glued(bytes.get(end)) {
            continue;
        }
        // A colon that ends a clause is not the address's.
        if bytes[start..end].ends_with(b":") && !bytes[start..end].ends_with(b"::") {
            end -= 1;
        }
        let Ok(address) = text[start..end].parse::<Ipv6Addr>() else {
            continue;
        };
        let first = address.segments()[0];
        let public = first & 0xe000 == 0x2000 && address.segments()[..2] != [0x2001, 0xdb8];
        if public {
            found.push(Found {
                start,
                end,
                kind: Kind::Ip,
                checked: false,
            });
        }
    }
}
