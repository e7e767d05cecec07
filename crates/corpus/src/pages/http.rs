//! An HTTP response as crawlers keep it: status, headers, and the body with its codings undone.
//!
//! Chunked transfer, gzip, deflate and Brotli are undone up to a cap, so a bomb costs no more than the
//! cap. Many crawls keep the header of a coding that they have already undone: a body that does not
//! begin as its coding does is taken as it is.

use std::io::Read;

use crate::{Refusal, Refused};

/// A response whose body is plain bytes.
pub(crate) struct Response {
    /// `text/html` and the like, lower-case; empty where the server did not say.
    pub(crate) content_type: String,
    /// The `charset` of the content type.
    pub(crate) charset: Option<String>,
    /// When it was last changed, as the server says.
    pub(crate) last_modified: Option<String>,
    pub(crate) body: Vec<u8>,
}

/// Takes a response apart.
///
/// # Errors
/// The refusal: another status than 200, too large, not HTTP.
pub(crate) fn response(block: &[u8], longest: u64) -> Result<Response, Refused> {
    let (head, body) = split(block).ok_or_else(|| broken("no blank line ends the header"))?;
    let head = String::from_utf8_lossy(head);
    let mut lines = head.lines();
    let status = lines.next().unwrap_or_default();
    if !status.starts_with("HTTP/") {
        return Err(broken("the first line is no status"));
    }
    let code = status.split_ascii_whitespace().nth(1).unwrap_or_default();
    if code != "200" {
        return Err(Refused::new(Refusal::HttpStatus, code.to_owned()));
    }
    let mut response = Response {
        content_type: String::new(),
        charset: None,
        last_modified: None,
        body: Vec::new(),
    };
    let (mut coding, mut chunked) = (String::new(), false);
    for line in lines {
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        let value = value.trim();
        match name.trim().to_ascii_lowercase().as_str() {
            "content-type" => {
                let value = value.to_ascii_lowercase();
                let mut parts = value.split(';');
                response.content_type = parts.next().unwrap_or_default().trim().to_owned();
                response.charset =
                    parts.find_map(|part| part.trim().strip_prefix("charset=").map(str::to_owned));
            }
            "content-encoding" => coding = value.to_ascii_lowercase(),
            "transfer-encoding" => chunked = value.to_ascii_lowercase().contains("chunked"),
            "last-modified" => response.last_modified = Some(value.to_owned()),
            _ => {}
        }
    }
    let unchunked = chunked.then(|| unchunk(body)).flatten();
    let body = unchunked.as_deref().unwrap_or(body);
    response.body = decode(body, &coding, longest)?.unwrap_or_else(|| body.to_owned());
    Ok(response)
}

fn broken(detail: &str) -> Refused {
    Refused::new(Refusal::BrokenHttp, detail)
}

/// Header and body, parted by the first blank line.
fn split(block: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut at = 0;
    loop {
        let end = at + memchr::memchr(b'\n', &block[at..])?;
        let line = block[at..end]
            .strip_suffix(b"\r")
            .unwrap_or(&block[at..end]);
        if line.is_empty() {
            return Some((&block[..at], &block[end + 1..]));
        }
        at = end + 1;
    }
}

/// The chunks put together; `None` where the body does not consist of chunks. One that breaks off
/// gives what there was.
fn unchunk(mut body: &[u8]) -> Option<Vec<u8>> {
    let mut whole = Vec::with_capacity(body.len());
    loop {
        let end = memchr::memchr(b'\n', &body[..body.len().min(64)]);
        let size = end.and_then(|end| {
            let line = std::str::from_utf8(&body[..end]).ok()?;
            usize::from_str_radix(line.split(';').next()?.trim(), 16).ok()
        });
        let (Some(end), Some(size)) = (end, size) else {
            return (!whole.is_empty()).then_some(whole);
        };
        body = &body[end + 1..];
        if size == 0 {
            return Some(whole);
        }
        let take = size.min(body.len());
        whole.extend_from_slice(&body[..take]);
        body = &body[take..];
        body = body
            .strip_prefix(b"\r\n")
            .or_else(|| body.strip_prefix(b"\n"))
            .unwrap_or(body);
    }
}

/// The body with its coding undone; `None` where it has none, or does not look like it.
fn decode(body: &[u8], coding: &str, longest: u64) -> Result<Option<Vec<u8>>, Refused> {
    let coding = coding.rsplit(',').next().unwrap_or_default().trim();
    match coding {
        "gzip" | "x-gzip" if body.starts_with(&[0x1F, 0x8B]) => {
            limited(flate2::read::MultiGzDecoder::new(body), longest).map(Some)
        }
        // Some servers send zlib, as the standard says, and some send bare deflate.
        "deflate" => match limited(flate2::read::ZlibDecoder::new(body), longest) {
            Err(refused) if refused.refusal == Refusal::TooLarge => Err(refused),
            Ok(decoded) => Ok(Some(decoded)),
            Err(_) => match limited(flate2::read::DeflateDecoder::new(body), longest) {
                Err(refused) if refused.refusal == Refusal::TooLarge => Err(refused),
                outcome => Ok(outcome.ok()),
            },
        },
        "br" => match limited(
            brotli_decompressor::Decompressor::new(body, 16 << 10),
            longest,
        ) {
            Err(refused) if refused.refusal == Refusal::TooLarge => Err(refused),
            outcome => Ok(outcome.ok()),
        },
        _ => Ok(None),
    }
}

/// Reads no more than the cap; a stream that breaks off gives what there was, if it is something.
fn limited(decoder: impl Read, longest: u64) -> Result<Vec<u8>, Refused> {
    let mut decoded = Vec::new();
    let outcome = decoder.take(longest + 1).read_to_end(&mut decoded);
    if decoded.len() as u64 > longest {
        let detail = format!("more than {longest} bytes when decompressed");
        return Err(Refused::new(Refusal::TooLarge, detail));
    }
    match outcome {
        Err(error) if decoded.is_empty() => Err(broken(&format!("decompression failed: {error}"))),
        _ => Ok(decoded),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::{GzEncoder, ZlibEncoder};
    use std::io::Write as _;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn answer(headers: &str, body: &[u8]) -> Vec<u8> {
        [format!("HTTP/1.1 200 OK\r\n{headers}\r\n").as_bytes(), body].concat()
    }

    #[test]
    fn codings_are_undone() {
        let text = "<p>안녕하세요</p>".as_bytes();
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
        zlib.write_all(text).unwrap();
        let chunked = [
            b"5\r\n".as_slice(),
            &text[..5],
            b"\r\nff;x=y\r\n",
            &text[5..],
        ]
        .concat();
        for block in [
            answer("Content-Type: text/html; charset=UTF-8\r\n", text),
            answer("Content-Encoding: gzip\r\n", &gzip(text)),
            answer("Content-Encoding: gzip\r\n", text), // undone before, header kept
            answer("Content-Encoding: deflate\r\n", &zlib.finish().unwrap()),
            answer("Transfer-Encoding: chunked\r\n", &chunked),
            answer("Transfer-Encoding: chunked\r\n", text),
        ] {
            assert_eq!(response(&block, 1000).unwrap().body, text);
        }
        let block = answer("Content-Type: text/HTML; Charset=EUC-KR\n", text);
        let response = response(&block, 1000).unwrap();
        assert_eq!(response.content_type, "text/html");
        assert_eq!(response.charset.as_deref(), Some("euc-kr"));
    }

    #[test]
    fn bombs_and_errors_are_refused() {
        let refusal = |block: &[u8]| {
            response(block, 1 << 20)
                .err()
                .map(|refused| refused.refusal)
        };
        let bomb = gzip(&vec![b'a'; 50 << 20]);
        assert!(bomb.len() < 1 << 20);
        assert_eq!(
            refusal(&answer("Content-Encoding: gzip\r\n", &bomb)),
            Some(Refusal::TooLarge)
        );
        assert_eq!(
            refusal(b"HTTP/1.1 404 Not Found\r\n\r\n"),
            Some(Refusal::HttpStatus)
        );
        assert_eq!(refusal(b"no header at all"), Some(Refusal::BrokenHttp));
        assert_eq!(
            refusal(b"GET / HTTP/1.1\r\n\r\n"),
            Some(Refusal::BrokenHttp)
        );
    }
}
