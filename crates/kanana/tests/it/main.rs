//! One binary of integration tests: the house, the program as its user types it, its disasters.

mod bad_input;
mod cost;
mod kill;
mod merge;
mod program;
mod stages;
mod surgery;
mod tidy;
mod trial;
