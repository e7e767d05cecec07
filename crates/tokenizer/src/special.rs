//! The special tokens of Llama 3.1: after the base vocabulary, in this order, the rest reserved.
//!
//! At full size there are 256 of them (128,000 to 128,255). Small vocabularies keep the named ones
//! at the same places after their own base vocabulary, with fewer reserved ones behind.

/// What every document begins with.
pub const BEGIN_OF_TEXT: &str = "<|begin_of_text|>";
/// What every document ends with.
pub const END_OF_TEXT: &str = "<|end_of_text|>";

/// The names up to the last one that has a meaning; fewer special tokens than these there cannot be.
pub const NAMED_SPECIALS: [&str; 11] = [
    BEGIN_OF_TEXT,
    END_OF_TEXT,
    "<|reserved_special_token_0|>",
    "<|reserved_special_token_1|>",
    "<|finetune_right_pad_id|>",
    "<|reserved_special_token_2|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eom_id|>",
    "<|eot_id|>",
    "<|python_tag|>",
];

/// The first `count` special tokens of Llama 3.1 in the order of their ids.
pub fn special_tokens(count: usize) -> Vec<String> {
    let named = NAMED_SPECIALS.iter().map(|name| (*name).to_owned());
    let reserved = (3..).map(|number| format!("<|reserved_special_token_{number}|>"));
    named.chain(reserved).take(count).collect()
}

/// How many special tokens a vocabulary of this size has where nothing is said.
pub(crate) fn usual_count(vocabulary: usize) -> usize {
    if vocabulary < 32_000 { 16 } else { 256 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbering_is_that_of_llama_3_1() {
        let tokens = special_tokens(256);
        let id = |name: &str| 128_000 + tokens.iter().position(|token| token == name).unwrap();
        for (name, expected) in [
            (BEGIN_OF_TEXT, 128_000),
            (END_OF_TEXT, 128_001),
            ("<|start_header_id|>", 128_006),
            ("<|end_header_id|>", 128_007),
            ("<|eom_id|>", 128_008),
            ("<|eot_id|>", 128_009),
            ("<|python_tag|>", 128_010),
            ("<|reserved_special_token_3|>", 128_011),
            ("<|reserved_special_token_247|>", 128_255),
        ] {
            assert_eq!(id(name), expected, "{name}");
        }
    }
}
