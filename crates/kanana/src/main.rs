//! The program: what the user types, and the stages that recipes name.

mod command;
mod device;
mod environment;
mod evaluation;
mod extractor;
mod forecast;
mod kinds;
mod stages;
mod surgery;
mod terminal;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    // code that a model wrote runs in children of this program
    sandbox::door();
    // and so do the extractors of pages
    extractor::door();
    let line = command::Line::parse();
    match line.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            terminal::error(&error);
            ExitCode::FAILURE
        }
    }
}
