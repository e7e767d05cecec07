//! The kanana program.
fn main() {}
