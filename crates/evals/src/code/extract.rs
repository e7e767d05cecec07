//! The program in an answer of words: what stands in fences, or what looks like code where nothing does.
//!
//! Models answer with one block, with several (an attempt, its tests, an example of use), with none, or
//! with one that they never close. The block that defines the wanted function is taken; of several, the
//! first, with the blocks before it that only import or define.

/// A fenced block.
#[derive(Clone, Debug, PartialEq)]
struct Block {
    /// What stands behind the opening fence.
    language: String,
    code: String,
}

/// The blocks between fences of three or more backticks or tildes; the last may lack its end.
fn blocks(text: &str) -> Vec<Block> {
    let mut found = Vec::new();
    let mut open: Option<(char, usize, usize, Block)> = None;
    for line in text.split_inclusive('\n') {
        let bare = line.trim();
        let indent = line.len() - line.trim_start_matches(' ').len();
        let mark = bare.chars().next().filter(|mark| "`~".contains(*mark));
        let length = mark.map_or(0, |mark| bare.chars().take_while(|c| *c == mark).count());
        match &mut open {
            None if length >= 3 => {
                let language = bare[length..].trim().to_lowercase();
                // `inline` code of three backticks is no fence
                if !language.contains('`') {
                    let code = String::new();
                    open = Some((
                        mark.unwrap_or('`'),
                        length,
                        indent,
                        Block { language, code },
                    ));
                }
            }
            None => {}
            Some((opened, least, _, _))
                if mark == Some(*opened) && length >= *least && bare.len() == length =>
            {
                found.extend(open.take().map(|(_, _, _, block)| block));
            }
            Some((_, _, indent, block)) => {
                // a block in a list is indented as a whole
                let line = line.replace("\r\n", "\n");
                let spaces = line.len() - line.trim_start_matches(' ').len();
                block.code += &line[spaces.min(*indent)..];
            }
        }
    }
    found.extend(open.map(|(_, _, _, block)| block));
    found
}

fn is_python(block: &Block) -> bool {
    let word = block
        .language
        .split([' ', '{', ','])
        .next()
        .unwrap_or_default();
    matches!(word, "" | "python" | "python3" | "py" | "py3" | "ipython")
}

/// Whether a line of `code` begins the definition of `name`; of anything where there is no name.
fn defines(code: &str, name: Option<&str>) -> bool {
    code.lines().any(|line| {
        let line = line.strip_prefix("async ").unwrap_or(line);
        let rest = line
            .strip_prefix("def ")
            .or_else(|| line.strip_prefix("class "));
        let Some(rest) = rest.map(str::trim_start) else {
            // `name = lambda …`
            return name.is_some_and(|name| {
                line.strip_prefix(name).is_some_and(|rest| {
                    rest.trim_start().starts_with('=') && !rest.trim_start().starts_with("==")
                })
            });
        };
        name.is_none_or(|name| {
            rest.strip_prefix(name)
                .is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
        })
    })
}

/// The code of an answer in which `name` is to be defined; empty where there is none.
pub(crate) fn program(answer: &str, name: Option<&str>) -> String {
    let blocks = blocks(answer);
    let python: Vec<&Block> = blocks.iter().filter(|block| is_python(block)).collect();
    if let Some(at) = python.iter().position(|block| defines(&block.code, name)) {
        let own = python[at];
        // helpers and imports of their own blocks come along; what prints or reads does not
        let before = python[..at]
            .iter()
            .filter(|block| only_defines(&block.code));
        let mut code: String = before.map(|block| block.code.as_str()).collect();
        code += &own.code;
        return code;
    }
    if !python.is_empty() {
        return python.iter().map(|block| block.code.as_str()).collect();
    }
    if let Some(block) = blocks.iter().find(|block| defines(&block.code, name)) {
        return block.code.clone();
    }
    bare(answer, name)
}

/// Whether everything that is not indented imports, defines or decorates.
fn only_defines(code: &str) -> bool {
    code.lines().all(|line| {
        line.is_empty()
            || line.starts_with([' ', '\t', '#', ')', ']', '}', '@'])
            || ["import ", "from ", "def ", "class ", "async def "]
                .iter()
                .any(|word| line.starts_with(word))
    })
}

/// Code that stands in an answer without fences: from its first line of code to its last.
fn bare(answer: &str, name: Option<&str>) -> String {
    if !defines(answer, name) {
        return String::new();
    }
    let begins = |line: &str| {
        ["import ", "from ", "def ", "class ", "@", "async def "]
            .iter()
            .any(|word| line.starts_with(word))
            && (!line.starts_with("from ") || line.contains(" import "))
    };
    let lines = answer.lines().skip_while(|line| !begins(line));
    let mut code: Vec<&str> = Vec::new();
    for line in lines {
        let belongs = line.trim().is_empty()
            || line.starts_with([' ', '\t', '#', ')', ']', '}'])
            || begins(line)
            || defines(line, name);
        // the first line of prose after the definition ends it
        if !belongs && defines(&code.join("\n"), name) {
            break;
        }
        code.push(line);
    }
    code.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(answer: &str, wanted: &str) {
        assert_eq!(program(answer, Some("f")), wanted, "{answer}");
    }

    #[test]
    fn one_block_is_taken_whatever_its_fence_says() {
        for fence in [
            "```python",
            "```",
            "```py",
            "~~~python",
            "````python3",
            "``` Python ",
        ] {
            let close = fence.trim_end_matches(|c: char| c.is_alphanumeric() || c == ' ');
            check(
                &format!("물론입니다.\n{fence}\ndef f(x):\n    return x\n{close}\n설명 def f"),
                "def f(x):\n    return x\n",
            );
        }
        check(
            "```python\r\ndef f():\r\n    return 1\r\n```",
            "def f():\n    return 1\n",
        );
    }

    #[test]
    fn of_several_blocks_the_first_that_defines_it_with_its_imports() {
        check(
            "먼저:\n```python\nimport math\n```\n그다음:\n```python\ndef f(x):\n    return math.floor(x)\n```\n예:\n```python\nprint(f(1))\n```\n",
            "import math\ndef f(x):\n    return math.floor(x)\n",
        );
        check(
            "```bash\npip install f\n```\n```python\ndef f(): pass\n```\n```python\ndef f(): return 2\n```",
            "def f(): pass\n",
        );
        check(
            "```python\nx = input()\n```\n```python\nf = lambda x: x\n```",
            "f = lambda x: x\n",
        );
        // `foo` is not `f`
        check(
            "```python\ndef foo(): pass\n```\n```python\ndef f(): pass\n```",
            "def foo(): pass\ndef f(): pass\n",
        );
    }

    #[test]
    fn an_indented_block_and_one_without_end() {
        check(
            "1. 이렇게:\n   ```python\n   def f():\n       return 1\n   ```\n2. 끝",
            "def f():\n    return 1\n",
        );
        check(
            "```python\ndef f():\n    return 1",
            "def f():\n    return 1",
        );
    }

    #[test]
    fn code_without_fences_ends_where_prose_begins() {
        check(
            "Here you are:\nfrom typing import List\n\ndef f(x):\n    return x\n\nThis returns x.",
            "from typing import List\n\ndef f(x):\n    return x\n\n",
        );
        check("def f(x):\n    return x", "def f(x):\n    return x\n");
        check("모르겠습니다.", "");
        check("from the start, def is a keyword.", "");
        check("", "");
    }

    #[test]
    fn a_body_alone_is_taken_as_it_stands() {
        check("```python\n    return x + 1\n```", "    return x + 1\n");
    }
}
