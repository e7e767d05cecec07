//! One binary of integration tests: the house, the program as its user types it, its disasters.

mod align;
mod bad_input;
mod benchmarks;
mod chat;
mod classify;
mod compare;
mod convert;
mod cost;
mod curation;
mod decontaminate;
mod distill;
mod eval;
mod experiment;
mod guard;
mod kill;
mod label;
mod merge;
mod program;
mod pull;
mod pulled;
mod serve;
mod stages;
mod surgery;
mod tidy;
mod trial;
mod watchdog;
