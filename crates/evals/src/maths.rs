//! Whether two mathematical answers are the same.
//!
//! Three forms of an answer are compared, and any one of them is enough: lm-eval's `hendrycks_math`
//! (`strip_string`), its `minerva_math` (`normalize_final_answer`, Lewkowycz et al. 2022, appendix D), and
//! the value of the expression (`maths/value.rs`). lm-eval asks SymPy for the last; here expressions that
//! agree at two places count as the same, and what is not an expression (a tuple, an interval, a matrix)
//! is compared as text alone.

mod hendrycks;
mod minerva;
mod value;

pub(crate) use minerva::normal;

/// Whether the answer is the wanted one.
pub(crate) fn equal(answer: &str, wanted: &str) -> bool {
    let (found, right) = (minerva::normal(answer), minerva::normal(wanted));
    hendrycks::equal(answer, wanted)
        || (!right.is_empty() && found == right)
        || value::equal(&found, &right)
}

/// What stands in the last `\boxed{…}` (or `\fbox{…}`, or behind `\boxed `), with its braces balanced.
pub(crate) fn boxed(text: &str) -> Option<&str> {
    if let Some((_, rest)) = text.rsplit_once("\\boxed ")
        && !rest.trim_start().starts_with('{')
        && !rest.contains("\\boxed{")
    {
        return rest.split('$').next();
    }
    let start = text.rfind("\\boxed").or_else(|| text.rfind("\\fbox"))?;
    let open = start + text[start..].find('{')?;
    let mut depth = 0usize;
    for (place, letter) in text[open..].char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(&text[open + 1..open + place]);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_last_box_is_opened() {
        assert_eq!(
            boxed("so $\\boxed{1}$, no, $\\boxed{\\frac{1}{2}}$."),
            Some("\\frac{1}{2}")
        );
        assert_eq!(boxed("so $\\boxed 7$ it is"), Some("7"));
        assert_eq!(boxed("답은 \\fbox{삼}"), Some("삼"));
        assert_eq!(boxed("so $\\boxed {7}$, dear"), Some("7"));
        assert_eq!(boxed("a \\boxed answer: $\\boxed{7}$"), Some("7"));
        assert_eq!(boxed("\\boxed{1"), None);
        assert_eq!(boxed("\\boxed"), None);
        assert_eq!(boxed("none"), None);
    }

    #[test]
    fn what_is_the_same() {
        for (answer, wanted) in [
            ("\\frac12", "\\frac{1}{2}"),
            ("0.5", "\\frac{1}{2}"),
            ("1/2", "\\dfrac{1}{2}"),
            ("1,000", "1000"),
            ("\\text{even}", "even"),
            ("18\\%", "18"),
            ("x=5", "5"),
            ("90^\\circ", "90"),
            ("2\\sqrt{3}", "\\sqrt{12}"),
            ("x+1", "1+x"),
            ("(x-1)(x+1)", "x^2-1"),
            ("\\frac{\\pi}{4}", "0.25\\pi"),
            ("(3,4)", "(3, 4)"),
            ("5\\text{ cm}", "5"),
            ("\\left(1,\\infty\\right)", "(1,\\infty)"),
        ] {
            assert!(equal(answer, wanted), "{answer} and {wanted}");
        }
    }

    #[test]
    fn what_is_not() {
        for (answer, wanted) in [
            ("", "0"),
            ("1", "2"),
            ("(3,4)", "(4,3)"),
            ("[1,2)", "(1,2)"),
            ("0,1", "1"),
            ("x+1", "x-1"),
            ("\\sqrt{2}", "1.414"),
            ("[invalidanswer]", "1"),
            ("\\frac{1}{0}", "0"),
            ("lube", "blue"),
            ("1234567890", "1234567891"),
            ("-12345678901234567890", "-12345678901234567891"),
        ] {
            assert!(!equal(answer, wanted), "{answer} and {wanted}");
        }
    }

    #[test]
    fn what_is_nested_too_deep_has_no_value() {
        for part in ["x^-", "\\sqrt", "\\frac1", "x^\\sqrt", "(", "{"] {
            let deep = format!("{}x", part.repeat(100_000));
            assert!(!value::equal(&deep, "1"), "{part}");
        }
        assert!(value::equal("2^-2^-1", "2^{-\\sqrt{\\frac{1}{4}}}"));
        assert!(value::equal("\\sqrt\\frac14", "0.5"));
    }

    #[derive(serde::Deserialize)]
    struct Expected {
        normal: Vec<(String, String)>,
        stripped: Vec<(String, Option<String>)>,
        pairs: Vec<Pair>,
    }

    #[derive(serde::Deserialize)]
    struct Pair {
        answer: String,
        wanted: String,
        hendrycks: bool,
        minerva: bool,
    }

    /// Against lm-eval 0.4.13 with SymPy (`fixtures/evals.py`).
    #[test]
    fn the_same_as_lm_eval() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../fixtures/evals/maths.json"
        );
        let expected: Expected = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        for (text, wanted) in &expected.normal {
            assert_eq!(&minerva::normal(text), wanted, "{text:?}");
        }
        for (text, wanted) in &expected.stripped {
            assert_eq!(&hendrycks::stripped(text), wanted, "{text:?}");
        }
        assert!(expected.pairs.len() > 500);
        let mut apart = Vec::new();
        for pair in &expected.pairs {
            let found = hendrycks::equal(&pair.answer, &pair.wanted);
            assert_eq!(found, pair.hendrycks, "{} and {}", pair.answer, pair.wanted);
            if equal(&pair.answer, &pair.wanted) != (pair.hendrycks || pair.minerva) {
                apart.push((&pair.answer, &pair.wanted, pair.minerva));
            }
        }
        // equal, and SymPy's reader of LaTeX gives up on one of them
        let given_up = [(".5", "\\tfrac{2}{4}"), ("007", "7")];
        apart.retain(|&(a, b, lm_eval)| {
            let (a, b) = (a.as_str(), b.as_str());
            lm_eval || !(given_up.contains(&(a, b)) || given_up.contains(&(b, a)))
        });
        assert!(apart.is_empty(), "{apart:#?}");
    }

    proptest! {
        #[test]
        fn anything_is_compared(a in "(\\PC|\\\\|frac|sqrt|\\{|\\}|1|/)*", b in "(\\PC|\\\\|frac|text\\{ )*") {
            equal(&a, &b);
            boxed(&a);
        }

        #[test]
        fn whole_numbers_are_equal_to_themselves_alone(a in -10_000i64..10_000, b in -10_000i64..10_000) {
            prop_assert_eq!(equal(&a.to_string(), &format!("${b}$")), a == b);
        }
    }
}
