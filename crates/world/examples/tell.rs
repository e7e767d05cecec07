//! Prints a few documents and questions of a world, so that a person can judge its language.
//!
//! `cargo run --release -p world --example tell -- [seed] [how many of each kind]`

// An example is read on a terminal.
#![allow(clippy::print_stdout)]

use std::collections::BTreeMap;
use world::{Document, Settings, World};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let seed = arguments.next().map_or(Ok(7), |text| text.parse())?;
    let many = arguments.next().map_or(Ok(2), |text| text.parse())?;
    let world = World::new(seed, &Settings::default())?;
    let mut kinds: BTreeMap<(&str, &str, &str), Vec<&Document>> = BTreeMap::new();
    for document in world.documents() {
        let key = (
            document.language.code(),
            document.quality.code(),
            document.kind.as_str(),
        );
        kinds.entry(key).or_default().push(document);
    }
    for ((language, quality, kind), documents) in &kinds {
        let bytes: usize = documents.iter().map(|document| document.text.len()).sum();
        println!(
            "== {language} {quality} {kind}: {} documents, {bytes} bytes",
            documents.len()
        );
        for document in documents.iter().take(many) {
            println!("{}\n", document.text);
        }
    }
    for question in world
        .questions()
        .iter()
        .step_by(world.questions().len() / (10 * many) + 1)
    {
        println!(
            "{} | {}",
            question.prompt,
            question.continuations.join(" |")
        );
        println!(
            "{} {}\n",
            question.asked(),
            question.free_answer.join(" / ")
        );
    }
    let bytes: usize = world.documents().map(|document| document.text.len()).sum();
    println!(
        "{} facts, {} documents, {:.2} MB, {} questions",
        world.facts().len(),
        world.documents().len(),
        bytes as f64 / 1e6,
        world.questions().len()
    );
    Ok(())
}
