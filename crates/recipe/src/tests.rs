//! Recipes over toy stages: what they say when wrong, and that stopping them anywhere
//! changes nothing.

mod outside;
mod planning;
mod property;
mod resume;
mod running;
mod settings;
mod store;
mod toy;
