//! The shelf of tasks: one file each, one line here.

use crate::task::Kind;

/// Every task, in the order of importance.
pub const KINDS: &[&[Kind]] = &[];

/// The task of this name.
pub fn find(name: &str) -> Option<&'static Kind> {
    KINDS
        .iter()
        .flat_map(|shelf| shelf.iter())
        .find(|kind| kind.name == name)
}
