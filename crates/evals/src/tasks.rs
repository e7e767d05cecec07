//! The shelf of tasks: one file each, one line here.

use crate::task::Kind;

pub mod bits_per_byte;
pub mod extractive_qa;
pub mod gsm8k;
pub mod haerae;
pub mod humaneval;
pub mod ifeval;
pub mod kmmlu;
pub mod kobest;
pub mod math;
pub mod mbpp;
pub mod mmlu;
pub mod own;
pub mod world;

/// Every task, in the order of importance.
pub const KINDS: &[&[Kind]] = &[
    mmlu::KINDS,
    kmmlu::KINDS,
    haerae::KINDS,
    kobest::KINDS,
    gsm8k::KINDS,
    humaneval::KINDS,
    mbpp::KINDS,
    math::KINDS,
    ifeval::KINDS,
    extractive_qa::KINDS,
    bits_per_byte::KINDS,
    world::KINDS,
];

/// The task of this name.
pub fn find(name: &str) -> Option<&'static Kind> {
    KINDS
        .iter()
        .flat_map(|shelf| shelf.iter())
        .find(|kind| kind.name == name)
}
