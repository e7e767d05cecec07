//! One body per operation, run on every device: what it computes, its gradients, its threads.
//!
//! [`check`](check::check) takes an operation and holds three things to be true:
//! 1. on the f32 reference device, its gradients are those of central finite differences;
//! 2. every device agrees with the reference device of the same precision, forward and backward,
//!    within a stated relative distance, whatever lies in the unused tail of an array;
//! 3. every number is the same to the last bit for any number of threads.
//!
//! What has a formula of its own is held to it as well: the optimizer step, the inverse of a
//! rotation, attention over pages, the two ways to a log-likelihood.

mod attention;
mod check;
mod distillation;
mod head;
mod norm;
mod numbers;
mod optimizer;
mod paged;
mod product;
mod rotation;
mod storage;
mod swiglu;
