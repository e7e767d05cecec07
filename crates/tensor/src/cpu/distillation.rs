//! Distillation over a vocabulary too large to keep: divergence of a student from its teacher.
//!
//! Formulas are in [`crate::distillation`]. Rows pass by both heads as in cross-entropy (`head.rs`);
//! a row's logits are whole on both sides, so one pass over them finds the normalisers and D
//! together, and a second the gradient. Jensen–Shannon needs D's parts in between, a third pass.
//! Differences of logarithms are taken of logits, never of probabilities, so that nothing underflows.

mod kept;
mod whole;

use super::Cpu;
use super::cross_entropy::inside;
use super::head::{Logits, Question, Side};
use super::kernels::Kernels;
use super::lanes::Element;
use crate::device::Grads;
use crate::distillation::{Distillation, Taught, Teacher};

/// What a call is about.
struct Lesson<'a> {
    student: Side<'a>,
    teacher: &'a Teacher<'a, Cpu>,
    /// Tokens kept of a row, where the teacher is known by its likeliest.
    k: usize,
    targets: &'a [u32],
    weights: &'a [f32],
    distillation: Distillation,
}

impl Cpu {
    pub(super) fn teach(
        &self,
        student: Side<'_>,
        teacher: &Teacher<'_, Cpu>,
        targets: &[u32],
        weights: &[f32],
        distillation: Distillation,
        grads: Option<Grads<'_, Cpu>>,
    ) -> Vec<Taught> {
        let (n, v) = (targets.len(), student.head.rows);
        assert_eq!(n, weights.len(), "targets and weights");
        inside(targets, student.head);
        let k = match teacher {
            Teacher::Whole { head, .. } => {
                assert_eq!(head.rows, v, "tokens of the teacher and of the student");
                0
            }
            Teacher::Likeliest(kept) => {
                let missing = kept.ids.iter().find(|&&id| id as usize >= v);
                assert!(
                    missing.is_none(),
                    "token {missing:?} of a vocabulary of {v}"
                );
                kept.tokens(n)
            }
        };
        let grads = grads.map(|grads| self.gradients(grads, n, student.head, weights));
        let lesson = Lesson {
            student,
            teacher,
            k,
            targets,
            weights,
            distillation,
        };
        self.answer(&lesson, n, grads)
    }
}

impl Question for Lesson<'_> {
    type Outcome = Taught;

    fn student(&self) -> Side<'_> {
        self.student
    }

    fn teacher(&self) -> Option<Side<'_>> {
        match self.teacher {
            Teacher::Whole { hidden, head } => Some(Side { hidden, head }),
            Teacher::Likeliest(_) => None,
        }
    }

    fn learns(&self, row: usize) -> bool {
        self.weights[row] != 0.0
    }

    fn judge<G: Element>(
        &self,
        kernels: Kernels,
        row: usize,
        logits: Logits<'_>,
        dlogits: Option<&mut [G]>,
    ) -> Taught {
        let held = Held {
            target: self.targets[row] as usize,
            weight: self.weights[row],
            to: self.distillation,
        };
        match self.teacher {
            Teacher::Whole { .. } => kernels.apply(whole::Compare {
                student: logits.student,
                teacher: logits.teacher,
                v: logits.v,
                held,
                dlogits,
            }),
            Teacher::Likeliest(kept) => {
                let part = row * self.k..(row + 1) * self.k;
                kernels.apply(kept::Compare {
                    student: logits.student,
                    v: logits.v,
                    ids: &kept.ids[part.clone()],
                    log_p: &kept.log_p[part],
                    rest: kept.rest[row],
                    held,
                    dlogits,
                })
            }
        }
    }
}

/// What a row is held to.
#[derive(Clone, Copy)]
struct Held {
    target: usize,
    weight: f32,
    to: Distillation,
}
