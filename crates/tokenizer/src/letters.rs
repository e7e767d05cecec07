//! The bytes of byte-level BPE as printable characters (GPT-2's table), in which `tokenizer.json` writes tokens.
//!
//! Printable Latin-1 bytes stand for themselves, the other 68 for U+0100 onwards. The order of
//! these characters is the order of the first 256 ids.

use std::collections::HashMap;
use std::sync::LazyLock;

struct Letters {
    of_byte: [char; 256],
    to_byte: HashMap<char, u8>,
    /// Bytes in the order of their characters: the id of a byte in a vocabulary trained here.
    ordered: Vec<u8>,
}

static LETTERS: LazyLock<Letters> = LazyLock::new(|| {
    let mut of_byte = ['\0'; 256];
    let mut next = 256u32;
    for byte in 0..=255u8 {
        of_byte[byte as usize] = match byte {
            b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF => byte as char,
            _ => {
                next += 1;
                char::from_u32(next - 1).expect("below the surrogates")
            }
        };
    }
    let to_byte = (0..=255u8)
        .map(|byte| (of_byte[byte as usize], byte))
        .collect();
    let mut ordered: Vec<u8> = (0..=255).collect();
    ordered.sort_by_key(|byte| of_byte[*byte as usize]);
    Letters {
        of_byte,
        to_byte,
        ordered,
    }
});

/// Writes bytes in printable characters.
pub(crate) fn letters(bytes: &[u8]) -> String {
    bytes
        .iter()
        .map(|byte| LETTERS.of_byte[*byte as usize])
        .collect()
}

/// Reads them back; `None` where a character stands for no byte.
pub(crate) fn bytes(letters: &str) -> Option<Vec<u8>> {
    letters
        .chars()
        .map(|letter| LETTERS.to_byte.get(&letter).copied())
        .collect()
}

/// The bytes in the order of their ids in a vocabulary trained here.
pub(crate) fn ordered() -> &'static [u8] {
    &LETTERS.ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_its_letter() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(bytes(&letters(&all)), Some(all));
        assert_eq!(letters("가 \n".as_bytes()), "ê°ĢĠĊ");
        assert_eq!(bytes("▁"), None);
        // The first ids of Llama 3 and of GPT-2 alike.
        assert_eq!(&ordered()[..3], b"!\"#");
        assert_eq!(ordered()[188], 0);
        assert_eq!(ordered()[220], b' ');
    }
}
