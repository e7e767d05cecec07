//! Pieces of bytes through a pipe: the length (eight bytes, little-endian), then the bytes.

use std::io::{self, ErrorKind, Read, Write};

/// Writes a piece.
pub(super) fn write(to: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    to.write_all(&(bytes.len() as u64).to_le_bytes())?;
    to.write_all(bytes)
}

/// Reads a piece of at most so many bytes; `None` where the pipe ends before it.
///
/// # Errors
/// The pipe's; one that ends within a piece; a longer piece, as [`ErrorKind::InvalidData`]: who says so does not
/// speak this language.
pub(super) fn read(from: &mut impl Read, most: u64) -> io::Result<Option<Vec<u8>>> {
    let mut length = Vec::new();
    from.by_ref().take(8).read_to_end(&mut length)?;
    if length.is_empty() {
        return Ok(None);
    }
    let length = <[u8; 8]>::try_from(length).map_err(|_| ErrorKind::UnexpectedEof)?;
    let length = u64::from_le_bytes(length);
    if length > most {
        return Err(ErrorKind::InvalidData.into());
    }
    // Nothing is reserved that was only promised.
    let mut bytes = Vec::new();
    from.by_ref().take(length).read_to_end(&mut bytes)?;
    match bytes.len() as u64 == length {
        true => Ok(Some(bytes)),
        false => Err(ErrorKind::UnexpectedEof.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out() {
        let mut pipe = Vec::new();
        for piece in ["", "가나다", "끝"] {
            write(&mut pipe, piece.as_bytes()).expect("memory");
        }
        let mut from = pipe.as_slice();
        let mut pieces = Vec::new();
        while let Some(piece) = read(&mut from, 9).expect("whole") {
            pieces.push(String::from_utf8(piece).expect("text"));
        }
        assert_eq!(pieces, ["", "가나다", "끝"]);
        for cut in [3, 8 + 8 + 2] {
            let mut from = &pipe[..cut];
            let broken = std::iter::repeat_with(|| read(&mut from, 9)).find(|piece| piece.is_err());
            assert!(broken.is_some(), "cut at {cut}");
        }
        for (mut from, most) in [(&[0xff; 20][..], 1 << 30), (&pipe[8..], 8)] {
            let error = read(&mut from, most).expect_err("too long");
            assert_eq!(error.kind(), ErrorKind::InvalidData);
        }
    }
}
