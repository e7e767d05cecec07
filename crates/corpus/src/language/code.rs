//! Whether a text is program code, by the share of its lines that only a program would have.

/// This share of the lines (and at least three of them) must look like code.
const SHARE: f64 = 0.4;

/// A line that is code by its beginning has no more words.
const WORDS: usize = 8;

const BEGINNINGS: [&str; 47] = [
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
    "extern ",
    "typedef ",
    "unsigned ",
    "volatile ",
    "SELECT ",
    "INSERT INTO ",
    "DELETE FROM ",
    "CREATE TABLE ",
    "CREATE INDEX ",
    "CREATE VIEW ",
    "ALTER TABLE ",
    "DROP TABLE ",
    "DROP INDEX ",
    "DROP VIEW ",
];

/// First words of declarations. Prose begins with some of them too, and seldom ends in a semicolon then.
const TYPES: [&str; 11] = [
    "int", "char", "bool", "boolean", "byte", "float", "double", "long", "short", "signed", "final",
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

/// Of a line that ends in a semicolon: `int a, b;`, `long long count;`, not `long dresses 20;`.
fn is_declaration(line: &str) -> bool {
    let mut words = line.split_ascii_whitespace();
    let (first, name) = (words.next(), words.next_back());
    let named = |name: &str| name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    first.is_some_and(|first| TYPES.contains(&first))
        && name.is_some_and(named)
        && words.count() <= WORDS - 2
}

fn looks_like_code(line: &str) -> bool {
    let Some(last) = line.bytes().next_back() else {
        return false;
    };
    if matches!(last, b'{' | b'}') {
        return true;
    }
    let words = || line.split_ascii_whitespace().count();
    // Lists of wares end in semicolons too; a statement has other signs, or is a word or two, or begins as one does,
    // of which the keywords are looked for below.
    if last == b';' {
        let signs = line
            .bytes()
            .any(|byte| b"=(){}[]<>*&|+:\"'".contains(&byte));
        if signs || (line.is_ascii() && words() <= 2) || is_declaration(line) {
            return true;
        }
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
    // The first byte alone rules most of them out, and quickly.
    let first = line.as_bytes().first();
    let begins = |word: &&str| word.as_bytes().first() == first && line.starts_with(*word);
    let keyword = BEGINNINGS.iter().any(begins) && words() <= WORDS;
    let assigns = line.split_once(" = ").is_some_and(|(name, _)| {
        !name.is_empty()
            && name.split(' ').count() <= 3
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"_.[]: *&".contains(&byte))
    });
    opens || keyword || assigns || has_operator(line)
}

#[cfg(test)]
mod tests {
    use super::is_code;

    #[test]
    fn a_class_of_fields_is_a_program() {
        let fields = "package kr.shop.member;\n\n// 회원\npublic class Member {\n    private Long id;\n    \
                      private String name;\n    private String   email;\n    protected LocalDate birthday;\n    \
                      private static final String KIND;\n\n    private Address address;\n    \
                      private Grade grade;\n    private Integer point;\n    public boolean active;\n}\n";
        assert!(is_code(fields));
    }

    #[test]
    fn statements_of_words_alone_are_a_program() {
        for line in [
            "import static org.junit.Assert.assertTrue;",
            "return a - b;",
            "DROP TABLE users;",
            "SELECT name, point FROM member;",
            "extern int count;",
            "unsigned long size, offset;",
            "int      width, height;",
            "long long total;",
            "final String userName;",
            "// 회원의 이름을 적는다;",
            "count;",
        ] {
            assert!(is_code(&format!("{line}\n").repeat(5)), "{line}");
        }
    }

    /// Prices and wares are none, whatever words they begin with.
    #[test]
    fn lists_that_end_in_semicolons_are_no_program() {
        for line in [
            "cheap viagra 7;",
            "cheap\tviagra\t7;",
            "long summer dresses 20;",
            "double rooms 50;",
            "여름 원피스 20벌;",
            "사과 세 상자, 배 두 상자;",
            "@everyone look here;",
        ] {
            assert!(!is_code(&format!("{line}\n").repeat(40)), "{line}");
        }
    }
}
