//! The value of an expression as it is written in LaTeX: numbers, letters, + − × ÷, powers, roots, fractions.
//!
//! Letters are given two sets of numbers that satisfy nothing by accident; expressions whose values
//! agree in both are taken to be the same. What is not such an expression has no value.

use std::iter::Peekable;
use std::str::Chars;

/// How far apart, by their size, values of the same expression may come out.
const TOLERANCE: f64 = 1e-9;

/// How deep brackets, exponents and commands may be nested.
const DEPTH: usize = 64;

/// Whether both have a value, and the same.
pub(super) fn equal(a: &str, b: &str) -> bool {
    // Long ones differ by less than the tolerance.
    if let (Ok(a), Ok(b)) = (a.trim().parse::<i128>(), b.trim().parse::<i128>()) {
        return a == b;
    }
    [0.618_033_988_75, 1.324_717_957_24].iter().all(|&seed| {
        let (Some(a), Some(b)) = (value(a, seed), value(b, seed)) else {
            return false;
        };
        (a - b).abs() <= TOLERANCE * a.abs().max(b.abs())
    })
}

/// The value with the letters' numbers made from `seed`; never infinite.
fn value(text: &str, seed: f64) -> Option<f64> {
    // `blue` is a word and no product
    let mut in_a_row = 0;
    for letter in text.chars() {
        in_a_row = match letter {
            '\\' => i32::MIN,
            _ if letter.is_ascii_alphabetic() => in_a_row + 1,
            _ => 0,
        };
        if in_a_row > 2 {
            return None;
        }
    }
    let plain = text
        .replace("\\left", "")
        .replace("\\right", "")
        .replace("\\dfrac", "\\frac")
        .replace("\\tfrac", "\\frac")
        .replace("\\cdot", "*")
        .replace("\\times", "*")
        .replace("\\div", "/")
        .replace("\\,", "")
        .replace("\\%", "");
    let mut reader = Reader {
        letters: plain.chars().peekable(),
        seed,
        depth: 0,
    };
    let value = reader.deeper(Reader::sum)?;
    (reader.peek().is_none() && value.is_finite()).then_some(value)
}

struct Reader<'a> {
    letters: Peekable<Chars<'a>>,
    seed: f64,
    depth: usize,
}

impl Reader<'_> {
    /// The next letter that is no space.
    fn peek(&mut self) -> Option<char> {
        while self
            .letters
            .next_if(|letter| letter.is_whitespace())
            .is_some()
        {}
        self.letters.peek().copied()
    }

    fn take(&mut self, wanted: char) -> Option<()> {
        (self.peek() == Some(wanted)).then(|| {
            self.letters.next();
        })
    }

    /// Reads what is nested one deeper.
    fn deeper(&mut self, read: fn(&mut Self) -> Option<f64>) -> Option<f64> {
        self.depth += 1;
        if self.depth > DEPTH {
            return None;
        }
        let value = read(self)?;
        self.depth -= 1;
        Some(value)
    }

    fn sum(&mut self) -> Option<f64> {
        let mut total = self.product()?;
        loop {
            total += match self.peek() {
                Some('+') => {
                    self.letters.next();
                    self.product()?
                }
                Some('-' | '−') => {
                    self.letters.next();
                    -self.product()?
                }
                _ => break,
            };
        }
        Some(total)
    }

    fn product(&mut self) -> Option<f64> {
        let mut total = self.signed()?;
        loop {
            match self.peek() {
                Some('*' | '×') => {
                    self.letters.next();
                    total *= self.signed()?;
                }
                Some('/' | '÷') => {
                    self.letters.next();
                    total /= self.signed()?;
                }
                // nothing between two factors: `2x`, `3\sqrt{2}`, `(x+1)(x-1)`
                Some(letter) if letter.is_ascii_alphabetic() || "\\({".contains(letter) => {
                    total *= self.power()?;
                }
                _ => return Some(total),
            }
        }
    }

    fn signed(&mut self) -> Option<f64> {
        match self.peek()? {
            '-' | '−' => {
                self.letters.next();
                Some(-self.power()?)
            }
            '+' => {
                self.letters.next();
                self.power()
            }
            _ => self.power(),
        }
    }

    fn power(&mut self) -> Option<f64> {
        let mut root = self.atom()?;
        while self.take('!').is_some() {
            root = factorial(root)?;
        }
        if self.take('^').is_none() {
            return Some(root);
        }
        let exponent = match self.peek()? {
            '-' => self.deeper(Self::signed)?,
            _ => self.argument()?,
        };
        Some(root.powf(exponent))
    }

    fn atom(&mut self) -> Option<f64> {
        match self.peek()? {
            '(' => self.bracketed('(', ')'),
            '{' => self.bracketed('{', '}'),
            '\\' => self.command(),
            letter if letter.is_ascii_digit() || letter == '.' => self.number(),
            letter if letter.is_ascii_alphabetic() => {
                self.letters.next();
                Some(self.letter(letter))
            }
            _ => None,
        }
    }

    fn bracketed(&mut self, open: char, close: char) -> Option<f64> {
        self.take(open)?;
        let value = self.deeper(Self::sum)?;
        self.take(close)?;
        Some(value)
    }

    fn number(&mut self) -> Option<f64> {
        let mut digits = String::new();
        while let Some(digit) = self
            .letters
            .next_if(|letter| letter.is_ascii_digit() || *letter == '.')
        {
            digits.push(digit);
        }
        digits.parse().ok()
    }

    /// What a command takes: a group, or one digit or letter.
    fn argument(&mut self) -> Option<f64> {
        match self.peek()? {
            '{' => self.bracketed('{', '}'),
            digit @ '0'..='9' => {
                self.letters.next();
                digit.to_digit(10).map(f64::from)
            }
            _ => self.deeper(Self::atom),
        }
    }

    fn command(&mut self) -> Option<f64> {
        self.take('\\')?;
        let mut name = String::new();
        while let Some(letter) = self.letters.next_if(char::is_ascii_alphabetic) {
            name.push(letter);
        }
        match name.as_str() {
            "frac" => Some(self.argument()? / self.argument()?),
            "sqrt" => {
                let degree = match self.peek() {
                    Some('[') => self.bracketed('[', ']')?,
                    _ => 2.0,
                };
                Some(self.argument()?.powf(1.0 / degree))
            }
            "pi" => Some(std::f64::consts::PI),
            "alpha" | "beta" | "gamma" | "theta" | "phi" | "lambda" | "mu" | "omega" => {
                let sum = name.bytes().map(u32::from).sum::<u32>();
                Some(self.letter(char::from_u32(sum)?))
            }
            _ => None,
        }
    }

    /// A number of a letter's own, between 0.5 and 2.5.
    fn letter(&self, letter: char) -> f64 {
        0.5 + 2.0 * (f64::from(letter as u32) * self.seed).sin().abs()
    }
}

fn factorial(number: f64) -> Option<f64> {
    let whole = (0.0..=170.0).contains(&number) && number.fract() == 0.0;
    whole.then(|| (1..=number as u32).map(f64::from).product())
}
