//! The main text of pages on standard input, `{"id", "html"}` a line, as `{"id", "text"}` on standard output.
//!
//! `main_text quality|fast|none` is what `benches/extract` measures beside other extractors: extraction and
//! normalisation on one thread, without files, caches and ledgers around them. `none` only reads and writes
//! the lines, for what that costs.

use std::io::{BufRead as _, BufWriter, Write as _};

use corpus::{Caps, Mode, main_text, normalise};

fn main() -> std::io::Result<()> {
    let mode = match std::env::args().nth(1).as_deref() {
        Some("fast") => Some(Mode::Fast),
        Some("none") => None,
        _ => Some(Mode::Quality),
    };
    let mut out = BufWriter::new(std::io::stdout().lock());
    for line in std::io::stdin().lock().lines() {
        let page: serde_json::Value = serde_json::from_str(&line?)?;
        let html = page["html"].as_str().unwrap_or_default();
        let text = match mode {
            Some(mode) => main_text(html, mode, &Caps::default()).map(|page| page.text),
            None => Ok(String::new()),
        };
        let (text, refused) = match text {
            Ok(text) => (normalise(&text).0, String::new()),
            Err(refused) => (
                String::new(),
                format!("{}: {}", refused.refusal, refused.detail),
            ),
        };
        let answer = serde_json::json!({ "id": page["id"], "text": text, "refused": refused });
        writeln!(out, "{answer}")?;
    }
    out.flush()
}
