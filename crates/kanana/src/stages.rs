//! The shelf of stages, in the order of the life cycle: one file each, one line here.

mod align;
mod classify;
mod crawl;
mod decontaminate;
mod dedup;
mod distill;
mod edu_filter;
mod evaluate;
mod extract;
mod filter;
mod guard;
mod importance;
mod ingest;
pub(crate) mod init;
mod label;
mod merge;
mod mix;
mod pii;
mod pretrain;
mod prune;
mod rank;
mod report;
mod teach;
mod tokenize;
mod train_classifier;
mod train_tokenizer;
mod upscale;
mod world;

pub(crate) use decontaminate::{CONTAMINATION, QUESTION, REASON as CONTAMINATED};
pub(crate) use evaluate::{Accuracy, Scores};
pub(crate) use filter::ACCOUNT;
pub(crate) use mix::HELD_OUT;
pub(crate) use pretrain::copy_tokenizer;

use crate::kinds;
use recipe::Registry;

/// Every stage that a recipe can name.
pub(crate) fn registry() -> Registry {
    Registry::new()
        // what comes from outside
        .kind::<kinds::Files>()
        .kind::<kinds::Questions>()
        .kind::<kinds::Pairs>()
        // data
        .with::<world::World>()
        .with::<crawl::Crawl>()
        .with::<ingest::Ingest>()
        .with::<extract::Extract>()
        .with::<filter::Filter>()
        .with::<dedup::Dedup>()
        .with::<pii::Pii>()
        .with::<label::Label>()
        .with::<train_classifier::TrainClassifier>()
        .with::<edu_filter::EduFilter>()
        .with::<classify::Classify>()
        .with::<decontaminate::Decontaminate>()
        .with::<mix::Mix>()
        // tokens
        .with::<train_tokenizer::TrainTokenizer>()
        .with::<tokenize::Tokenize>()
        // base model
        .with::<init::Init>()
        .with::<pretrain::Pretrain>()
        .with::<upscale::Upscale>()
        .with::<importance::Importance>()
        .with::<prune::Prune>()
        .with::<merge::Merge>()
        .with::<teach::Teach>()
        .with::<distill::Distill>()
        .with::<rank::Rank>()
        .with::<guard::Guard>()
        // out
        .with::<evaluate::Evaluate>()
        .with::<align::Align>()
        .with::<report::Report>()
}
