//! Where main texts are found: in this process, or outside of it.
//!
//! A harvest needs to know only this much, so that who starts processes, and who looks at a clock, is no business
//! of this crate. Both ways must give the same for every page that both of them finish.

use anyhow::Result;

use super::{Caps, Extracted, Mode, Refused, main_text};

/// A place where main texts are found; any number of threads ask at once.
pub trait Extractor: Sync {
    /// [`main_text`] of a page, or the refusal.
    ///
    /// # Errors
    /// Those of the machine, which say nothing of the page: no process could be started.
    fn main_text(&self, html: &str, mode: Mode, caps: &Caps) -> Result<Result<Extracted, Refused>>;
}

/// This process: no clock, and a page that ends the process ends the harvest.
#[derive(Clone, Copy, Debug, Default)]
pub struct Here;

impl Extractor for Here {
    fn main_text(&self, html: &str, mode: Mode, caps: &Caps) -> Result<Result<Extracted, Refused>> {
        Ok(main_text(html, mode, caps))
    }
}
