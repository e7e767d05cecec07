//! The shelf of tasks: one file each, one line here.

use crate::task::Kind;

pub mod bfcl;
pub mod bits_per_byte;
pub mod extractive_qa;
pub mod functionchat;
pub mod gsm8k;
pub mod haerae;
pub mod humaneval;
pub mod ifeval;
pub mod kmmlu;
pub mod kobest;
pub mod komt_bench;
pub mod math;
pub mod mbpp;
pub mod mmlu;
pub mod mt_bench;
pub mod own;
pub mod retrieval;
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
    mt_bench::KINDS,
    komt_bench::KINDS,
    functionchat::KINDS,
    bfcl::KINDS,
    retrieval::KINDS,
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

/// Which of a benchmark's categories lists this subject.
fn category_of(categories: &[(&'static str, &[&str])], subject: &str) -> Option<&'static str> {
    let same = |name: &&str| name.eq_ignore_ascii_case(subject);
    let mut all = categories.iter();
    let found = all.find(|(_, subjects)| subjects.iter().any(same));
    found.map(|(category, _)| *category)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::{Protocol, Setup};
    use std::path::Path;

    #[test]
    fn every_file_is_on_the_shelf() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/tasks");
        let list = std::fs::read_to_string(folder.with_extension("rs")).unwrap();
        let mut seen = 0;
        for file in std::fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            if text.contains("const KINDS: &[Kind]") {
                let name = path.file_stem().unwrap().to_string_lossy();
                assert!(list.contains(&format!("{name}::KINDS")), "{name}");
                seen += 1;
            }
        }
        assert!(seen >= 9);
        let mut names: Vec<&str> = KINDS
            .iter()
            .copied()
            .flatten()
            .map(|kind| kind.name)
            .collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(
            names.len(),
            KINDS.iter().map(|kinds| kinds.len()).sum::<usize>()
        );
    }

    /// The tasks that are told in TOML.
    #[test]
    fn recipes_of_tasks_are_whole() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../recipes/tasks");
        let setup = Setup {
            data: folder.clone(),
            protocol: Protocol::Base,
            shots: None,
            samples: 1,
        };
        let mut seen = 0;
        for file in std::fs::read_dir(&folder).unwrap() {
            let path = file.unwrap().path();
            let task = own::open(&path, &setup).unwrap();
            let error = task.asks().err().unwrap().to_string();
            assert!(error.contains("it is not there"), "{error}");
            assert_eq!(
                task.about().name,
                path.file_stem().unwrap().to_string_lossy()
            );
            seen += 1;
        }
        assert!(seen >= 2);
    }
}
