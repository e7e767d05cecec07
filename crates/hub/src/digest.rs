//! What a file must hash to: SHA-256 where it is kept as a large file, git's blob hash where it lies in the repository.
//!
//! git hashes `blob LENGTH\0` and then the bytes, by SHA-1. It names what git has; against someone
//! who forges small files it protects no better than git does.

use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256};

/// The hash that a file must have, in lower-case hexadecimal digits. Also its name in the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Digest {
    /// SHA-256 of the bytes.
    Sha256(String),
    /// The name of the git blob.
    Git(String),
}

impl Digest {
    /// A SHA-256, if the digits are those of one.
    pub(crate) fn sha256(digits: &str) -> Option<Self> {
        hexadecimal(digits, 64).map(Digest::Sha256)
    }

    /// A git hash, if the digits are those of one.
    pub(crate) fn git(digits: &str) -> Option<Self> {
        hexadecimal(digits, 40).map(Digest::Git)
    }

    /// The digits.
    pub(crate) fn digits(&self) -> &str {
        match self {
            Digest::Sha256(digits) | Digest::Git(digits) => digits,
        }
    }

    /// Begins to hash a file of so many bytes.
    pub(crate) fn begin(&self, length: u64) -> Sum {
        match self {
            Digest::Sha256(_) => Sum(Context::new(&SHA256)),
            Digest::Git(_) => {
                let mut context = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
                context.update(format!("blob {length}\0").as_bytes());
                Sum(context)
            }
        }
    }

    /// The digest of some bytes, of the same kind as this one.
    #[cfg(any(test, feature = "pretend"))]
    pub(crate) fn of(&self, bytes: &[u8]) -> String {
        let mut sum = self.begin(bytes.len() as u64);
        sum.add(bytes);
        sum.digits()
    }
}

/// Lower-case hexadecimal digits, exactly so many.
pub(crate) fn hexadecimal(digits: &str, length: usize) -> Option<String> {
    let digit = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
    (digits.len() == length && digits.bytes().all(digit)).then(|| digits.to_owned())
}

/// A hash under way.
pub(crate) struct Sum(Context);

impl Sum {
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn digits(self) -> String {
        let bytes = self.0.finish();
        bytes
            .as_ref()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_sha256sum_and_git() {
        // printf '안녕\n' | sha256sum; printf '안녕\n' | git hash-object --stdin
        let text = "안녕\n".as_bytes();
        assert_eq!(
            Digest::Sha256(String::new()).of(text),
            "a18d1246e678d817acc73b03e0ca94f20ea2c5283006da2fc293cb48000fb379"
        );
        assert_eq!(
            Digest::Git(String::new()).of(text),
            "f11e853aef637e047f1436e6143f83310b3e7540"
        );
    }

    #[test]
    fn only_digits_are_digests() {
        assert!(Digest::git(&"a".repeat(40)).is_some());
        for bad in ["", "../../x", &"A".repeat(40), &"a".repeat(41)] {
            assert!(
                Digest::git(bad).is_none() && Digest::sha256(bad).is_none(),
                "{bad}"
            );
        }
    }
}
