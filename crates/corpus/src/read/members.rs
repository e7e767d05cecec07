//! Gzip member by member, as web archives compress their records: a damaged one costs itself, not what follows.

use std::fmt;
use std::io::{self, BufRead, Chain, Cursor, Read};

use flate2::bufread::GzDecoder;

/// What every member begins with: the format's two bytes, and deflate.
const MAGIC: [u8; 3] = [0x1F, 0x8B, 0x08];

/// Said once, as the cause of an error of reading; the next read goes on behind the damage.
#[derive(Debug)]
pub(crate) struct Damage {
    /// Whether bytes of the damaged member were given already.
    pub(crate) begun: bool,
    what: String,
}

impl Damage {
    /// The damage that an error tells of, if it does.
    pub(crate) fn of(error: &io::Error) -> Option<&Damage> {
        error.get_ref()?.downcast_ref()
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Damage {}

type Member<R> = GzDecoder<Chain<Cursor<[u8; 3]>, R>>;

enum State<R> {
    Between(R),
    Inside(Box<Member<R>>),
    End,
}

/// The contents of all members, one after the other.
pub(crate) struct Members<R> {
    state: State<R>,
    /// Whether the member has given bytes.
    begun: bool,
    /// Whether the bytes before the next member are what is left of a damaged one.
    damaged: bool,
}

impl<R: BufRead> Members<R> {
    pub(crate) fn new(input: R) -> Self {
        Self {
            state: State::Between(input),
            begun: false,
            damaged: false,
        }
    }

    fn between(member: Member<R>) -> State<R> {
        State::Between(member.into_inner().into_inner().1)
    }
}

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            match std::mem::replace(&mut self.state, State::End) {
                State::End => return Ok(0),
                State::Between(mut input) => {
                    let passed = match seek(&mut input) {
                        Ok(passed) => passed,
                        Err(error) => {
                            self.state = State::Between(input);
                            return Err(error);
                        }
                    };
                    let foreign = passed.foreign && !std::mem::take(&mut self.damaged);
                    self.begun = false;
                    if passed.found {
                        let member = GzDecoder::new(Cursor::new(MAGIC).chain(input));
                        self.state = State::Inside(Box::new(member));
                    }
                    if foreign {
                        let what = "bytes between two members that are neither".to_owned();
                        let damage = Damage { begun: false, what };
                        return Err(io::Error::new(io::ErrorKind::InvalidData, damage));
                    }
                }
                State::Inside(mut member) => match member.read(buffer) {
                    Ok(0) => self.state = Self::between(*member),
                    Ok(count) => {
                        self.begun = true;
                        self.state = State::Inside(member);
                        return Ok(count);
                    }
                    Err(error) if error.raw_os_error().is_some() => {
                        self.state = State::Inside(member);
                        return Err(error);
                    }
                    Err(error) => {
                        self.damaged = true;
                        self.state = Self::between(*member);
                        let damage = Damage {
                            begun: self.begun,
                            what: format!("a damaged member: {error}"),
                        };
                        return Err(io::Error::new(error.kind(), damage));
                    }
                },
            }
        }
    }
}

struct Passed {
    /// Whether a member begins here; its first three bytes are taken.
    found: bool,
    /// Whether something else than padding stood before it.
    foreign: bool,
}

/// Goes to the beginning of the next member, or to the end.
fn seek(input: &mut impl BufRead) -> io::Result<Passed> {
    let (mut matched, mut foreign) = (0, false);
    loop {
        let next = match input.fill_buf() {
            // What was matched so far is not to be forgotten.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            next => next?.first().copied(),
        };
        let Some(byte) = next else {
            let foreign = foreign || matched > 0;
            return Ok(Passed {
                found: false,
                foreign,
            });
        };
        input.consume(1);
        match byte {
            byte if byte == MAGIC[matched] => matched += 1,
            byte => {
                foreign |= byte != 0 || matched > 0;
                matched = usize::from(byte == MAGIC[0]);
            }
        }
        if matched == MAGIC.len() {
            return Ok(Passed {
                found: true,
                foreign,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write as _;

    /// Gives a byte at a time, and is interrupted by a signal before each.
    struct Interrupted<'a> {
        rest: &'a [u8],
        again: bool,
    }

    impl Read for Interrupted<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let mut bytes = self.fill_buf()?;
            let count = bytes.read(buffer)?;
            self.consume(count);
            Ok(count)
        }
    }

    impl BufRead for Interrupted<'_> {
        fn fill_buf(&mut self) -> io::Result<&[u8]> {
            self.again = !self.again;
            if self.again {
                const EINTR: i32 = 4;
                return Err(io::Error::from_raw_os_error(EINTR));
            }
            Ok(&self.rest[..self.rest.len().min(1)])
        }
        fn consume(&mut self, count: usize) {
            self.rest = &self.rest[count..];
        }
    }

    #[test]
    fn a_signal_between_two_members_ends_nothing() {
        let mut bytes = Vec::new();
        for text in ["하나\n", "둘\n", "셋\n"] {
            let mut member = GzEncoder::new(&mut bytes, Compression::default());
            member.write_all(text.as_bytes()).unwrap();
            member.finish().unwrap();
        }
        let mut found = String::new();
        let input = Interrupted {
            rest: &bytes,
            again: false,
        };
        Members::new(input).read_to_string(&mut found).unwrap();
        assert_eq!(found, "하나\n둘\n셋\n");
    }
}
