//! "Did you mean …?": the nearest of the names that would have been right.

/// `; did you mean "x"?`, or nothing where no name is near.
pub fn did_you_mean<'a>(wrong: &str, right: impl IntoIterator<Item = &'a str>) -> String {
    let length = wrong.chars().count();
    right
        .into_iter()
        .map(|name| (distance(wrong, name), name))
        // One letter in three may be wrong, but not all of them.
        .filter(|&(distance, _)| distance <= length.max(3).div_ceil(3) && distance < length)
        .min()
        .map_or(String::new(), |(_, name)| {
            format!("; did you mean `{name}`?")
        })
}

/// `a, b, c`, or "none" where there is nothing to list.
pub(crate) fn list(names: impl IntoIterator<Item = impl Into<String>>) -> String {
    let names: Vec<String> = names.into_iter().map(Into::into).collect();
    match names.is_empty() {
        true => "none".to_string(),
        false => names.join(", "),
    }
}

/// Levenshtein's distance in characters, a swap of neighbours counting as one.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let change = usize::from(a[i - 1] != b[j - 1]);
                let mut best = (rows[i - 1][j] + 1)
                    .min(rows[i][j - 1] + 1)
                    .min(rows[i - 1][j - 1] + change);
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    best = best.min(rows[i - 2][j - 2] + 1);
                }
                best
            };
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::did_you_mean;

    #[test]
    fn near_names_are_offered() {
        let check = |wrong: &str, right: &[&str], expected: &str| {
            let found = did_you_mean(wrong, right.iter().copied());
            let expected = match expected {
                "" => String::new(),
                name => format!("; did you mean `{name}`?"),
            };
            assert_eq!(found, expected, "{wrong}");
        };
        check("peek", &["peak", "warm_up"], "peak");
        check("sede", &["seed", "step"], "seed");
        check("말뭉지", &["말뭉치", "토큰"], "말뭉치");
        check("tokenizer", &["peak"], "");
        check("x", &[], "");
        check("나", &["b", "가"], "");
    }
}
