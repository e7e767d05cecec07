//! Whether a text is program code, by the share of its lines that only a program would have.

/// This share of the lines (and at least three of them) must look like code.
const SHARE: f64 = 0.4;

const BEGINNINGS: [&str; 33] = [
    "#include",
    "#define",
    "import ",
    "from ",
    "def ",
    "class ",
    "return ",
    "if (",
    "for (",
    "while (",
    "} else",
    "public ",
    "private ",
    "protected ",
    "static ",
    "const ",
    "let ",
    "var ",
    "fn ",
    "pub ",
    "use ",
    "func ",
    "function ",
    "package ",
    "using ",
    "namespace ",
    "struct ",
    "enum ",
    "impl ",
    "//",
    "/*",
    "elif ",
    "try:",
];

/// Pairs of signs that prose does not have, found in one pass over a line.
fn has_operator(line: &str) -> bool {
    line.as_bytes().windows(2).any(|pair| {
        matches!(
            pair,
            b"=>" | b"->" | b"==" | b"!=" | b"&&" | b"||" | b"::" | b");" | b"+=" | b":="
        )
    })
}

/// Whether most of a text's lines are a program's.
pub(super) fn is_code(text: &str) -> bool {
    let (mut lines, mut like) = (0u64, 0u64);
    for line in text.lines() {
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        lines += 1;
        like += u64::from(looks_like_code(line));
    }
    like >= 3 && like as f64 >= SHARE * lines as f64
}

/// `@name`, `@a.name`, `@name(…`; not a word to somebody.
fn is_decorator(line: &str) -> bool {
    let name = line[1..].split('(').next().unwrap_or_default();
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.';
    !name.is_empty() && name.bytes().all(word)
}

fn looks_like_code(line: &str) -> bool {
    let Some(last) = line.bytes().next_back() else {
        return false;
    };
    if matches!(last, b'{' | b'}') {
        return true;
    }
    // Lists of wares end in semicolons too; a statement has other signs, or is a word or two.
    if last == b';' {
        let signs = line
            .bytes()
            .any(|byte| b"=(){}[]<>*&|+:\"'".contains(&byte));
        return signs || (line.is_ascii() && line.split(' ').count() <= 2);
    }
    if line.starts_with('@') {
        return is_decorator(line);
    }
    // Sentences begin with "from", "use" and "class" too, and end otherwise.
    let sentence = matches!(last, b'.' | b'?' | b'!' | b',') || line.len() > 160;
    if sentence {
        return false;
    }
    let opens = last == b':'
        && (line.contains('(')
            || line.starts_with("class ")
            || line.starts_with("else")
            || line.starts_with("try"));
    let keyword =
        BEGINNINGS.iter().any(|word| line.starts_with(word)) && line.split(' ').count() <= 8;
    let assigns = line.split_once(" = ").is_some_and(|(name, _)| {
        !name.is_empty()
            && name.split(' ').count() <= 3
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"_.[]: *&".contains(&byte))
    });
    opens || keyword || assigns || has_operator(line)
}
