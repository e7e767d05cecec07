//! The letters that macros are read from: a paper's own, and in front of them what expansions put there.

/// Letters that are searched for the end of what `\lstinline` shows: without a bound, brackets that never close would
/// cost their square.
const SHOWN: usize = 2_000;

/// Characters with what expansions put before them.
pub(super) struct Reader {
    stack: Vec<(Vec<char>, usize)>,
}

impl Reader {
    pub(super) fn new(text: &str) -> Self {
        let text = text.chars().collect();
        Self {
            stack: vec![(text, 0)],
        }
    }

    /// How many expansions are unfinished.
    pub(super) fn depth(&self) -> usize {
        self.stack.len()
    }

    pub(super) fn push(&mut self, text: &str) {
        self.stack.push((text.chars().collect(), 0));
    }

    pub(super) fn peek(&mut self) -> Option<char> {
        loop {
            let (text, at) = self.stack.last()?;
            if let Some(letter) = text.get(*at) {
                return Some(*letter);
            }
            if self.stack.len() == 1 {
                return None;
            }
            self.stack.pop();
        }
    }

    pub(super) fn next(&mut self) -> Option<char> {
        let letter = self.peek()?;
        if let Some((_, at)) = self.stack.last_mut() {
            *at += 1;
        }
        Some(letter)
    }

    pub(super) fn spaces(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.next();
        }
    }

    pub(super) fn star(&mut self) -> bool {
        let star = self.peek() == Some('*');
        if star {
            self.next();
        }
        star
    }

    /// An equals sign, if it stands here, and the spaces around it.
    pub(super) fn equals(&mut self) -> bool {
        self.spaces();
        let equals = self.peek() == Some('=');
        if equals {
            self.next();
            self.spaces();
        }
        equals
    }

    /// A command's name behind its backslash: letters, or one other sign. It ends where an expansion ends:
    /// of `\alpha` out of a macro and the `x` behind that macro TeX makes no `\alphax`.
    pub(super) fn name(&mut self) -> String {
        let mut name = String::new();
        if let Some((text, at)) = self.stack.last_mut() {
            while let Some(letter) = text.get(*at)
                && (letter.is_ascii_alphabetic() || *letter == '@')
            {
                name.push(*letter);
                *at += 1;
            }
        }
        if name.is_empty() {
            name.extend(self.next());
        }
        name
    }

    /// `{\name}` or `\name`: the name that is defined.
    pub(super) fn defined(&mut self) -> Option<String> {
        self.spaces();
        let braces = self.peek() == Some('{');
        if braces {
            self.next();
            self.spaces();
        }
        if self.peek() != Some('\\') {
            if braces {
                self.push("{"); // a group like any other, and its end is there to come
            }
            return None;
        }
        self.next();
        let name = self.name();
        if braces {
            self.spaces();
            if self.peek() == Some('}') {
                self.next();
            }
        }
        Some(name)
    }

    /// `[…]` if it stands here.
    pub(super) fn bracketed(&mut self) -> Option<String> {
        self.spaces();
        if self.peek() != Some('[') {
            return None;
        }
        self.next();
        let (mut text, mut depth) = (String::new(), 0usize);
        while let Some(letter) = self.next() {
            match letter {
                ']' if depth == 0 => break,
                '{' => depth += 1,
                '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            text.push(letter);
            if text.len() > 100_000 {
                break;
            }
        }
        Some(text)
    }

    /// The argument here: a group, a command, or one letter.
    pub(super) fn group(&mut self) -> Option<String> {
        self.spaces();
        match self.next()? {
            '{' => {
                let (mut text, mut depth) = (String::new(), 0usize);
                while let Some(letter) = self.next() {
                    match letter {
                        '}' if depth == 0 => break,
                        '{' => depth += 1,
                        '}' => depth -= 1,
                        '\\' => {
                            text.push('\\');
                            text.extend(self.next());
                            continue;
                        }
                        _ => {}
                    }
                    text.push(letter);
                    if text.len() > 1 << 20 {
                        break;
                    }
                }
                Some(text)
            }
            '\\' => Some(format!("\\{} ", self.name())),
            letter => Some(letter.to_string()),
        }
    }

    /// The name between braces here, without taking it.
    pub(super) fn ahead(&mut self) -> Option<String> {
        if self.peek() != Some('{') {
            return None;
        }
        let (text, at) = self.stack.last()?;
        let name: String = text[at + 1..]
            .iter()
            .take(30)
            .take_while(|letter| **letter != '}')
            .collect();
        Some(name)
    }

    /// What `\verb` shows here, with its star and its signs, or `\lstinline` with its options, between braces too;
    /// `None` where it does not end on its line.
    pub(super) fn shown(&mut self, listing: bool) -> Option<String> {
        self.peek()?;
        let (text, at) = self.stack.last_mut()?;
        let rest = text.get(*at..)?;
        let behind = |from: usize, sign: char| {
            let length = rest
                .get(from..)?
                .iter()
                .take(SHOWN)
                .take_while(|letter| **letter != '\n')
                .position(|letter| *letter == sign)?;
            Some(from + length + 1)
        };
        let start = match rest.first() {
            Some('*') => 1,
            Some('[') if listing => behind(1, ']')?,
            _ => 0,
        };
        let sign = *rest.get(start).filter(|sign| sign.is_ascii_punctuation())?;
        let close = if listing && sign == '{' { '}' } else { sign };
        let taken = behind(start + 1, close)?;
        *at += taken;
        Some(rest[..taken].iter().collect())
    }
}
