//! A container with one place for every parameter, whatever is kept there: weights, gradients, moments.
//!
//! `M` stands in the place of matrices and `V` in that of vectors; iteration is in the order of
//! [`table`](crate::table), so that specs, weights, gradients and moments can be zipped.
//! It deliberately does no arithmetic.

use crate::{ParameterSpec, Shape, table};
use anyhow::Result;
use tensor::Forward;

/// What one decoder block holds. Matrices are `[outputs, inputs]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Block<M, V> {
    /// Gain of the norm before attention, `[d]`.
    pub attn_norm: V,
    /// Queries, `[h·e, d]`.
    pub q: M,
    /// Keys, `[k·e, d]`.
    pub k: M,
    /// Values, `[k·e, d]`.
    pub v: M,
    /// Output of attention, `[d, h·e]`.
    pub o: M,
    /// Gain of the norm before the feed-forward half, `[d]`.
    pub mlp_norm: V,
    /// Gate, `[f, d]`.
    pub gate: M,
    /// Up, `[f, d]`.
    pub up: M,
    /// Down, `[d, f]`.
    pub down: M,
}

/// One place for every parameter of a decoder.
#[derive(Clone, Debug, PartialEq)]
pub struct Weights<M, V> {
    /// `[v, d]`.
    pub embed: M,
    /// One for every layer, from the bottom up.
    pub layers: Vec<Block<M, V>>,
    /// Gain of the last norm, `[d]`.
    pub norm: V,
    /// `[v, d]`; `None` when tied to the embedding.
    pub head: Option<M>,
}

/// One f32 array for every parameter.
pub type Gradients<D> = Weights<<D as Forward>::Array, <D as Forward>::Array>;

/// What stands in one place: in that of a matrix or of a vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot<M, V> {
    /// A matrix's.
    Matrix(M),
    /// A vector's.
    Vector(V),
}

impl<A> Slot<A, A> {
    /// Whichever it is.
    pub fn either(self) -> A {
        match self {
            Slot::Matrix(x) | Slot::Vector(x) => x,
        }
    }
}

impl<M, V> Block<M, V> {
    /// In table order.
    pub fn iter(&self) -> impl Iterator<Item = Slot<&M, &V>> {
        [
            Slot::Vector(&self.attn_norm),
            Slot::Matrix(&self.q),
            Slot::Matrix(&self.k),
            Slot::Matrix(&self.v),
            Slot::Matrix(&self.o),
            Slot::Vector(&self.mlp_norm),
            Slot::Matrix(&self.gate),
            Slot::Matrix(&self.up),
            Slot::Matrix(&self.down),
        ]
        .into_iter()
    }

    /// In table order.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = Slot<&mut M, &mut V>> {
        [
            Slot::Vector(&mut self.attn_norm),
            Slot::Matrix(&mut self.q),
            Slot::Matrix(&mut self.k),
            Slot::Matrix(&mut self.v),
            Slot::Matrix(&mut self.o),
            Slot::Vector(&mut self.mlp_norm),
            Slot::Matrix(&mut self.gate),
            Slot::Matrix(&mut self.up),
            Slot::Matrix(&mut self.down),
        ]
        .into_iter()
    }
}

impl<M, V> Weights<M, V> {
    /// Fills every place from its line of the table, in table order; `make` answers with
    /// [`Slot::Matrix`] where [`ParameterSpec::is_matrix`] and with [`Slot::Vector`] elsewhere.
    ///
    /// # Errors
    /// The first that `make` gives.
    pub fn build(
        shape: &Shape,
        make: impl FnMut(&ParameterSpec) -> Result<Slot<M, V>>,
    ) -> Result<Self> {
        let slots: Vec<Slot<M, V>> = table(shape).iter().map(make).collect::<Result<_>>()?;
        let slots = &mut slots.into_iter();
        Ok(Weights {
            embed: matrix(slots),
            layers: (0..shape.layers)
                .map(|_| Block {
                    attn_norm: vector(slots),
                    q: matrix(slots),
                    k: matrix(slots),
                    v: matrix(slots),
                    o: matrix(slots),
                    mlp_norm: vector(slots),
                    gate: matrix(slots),
                    up: matrix(slots),
                    down: matrix(slots),
                })
                .collect(),
            norm: vector(slots),
            head: (!shape.tied).then(|| matrix(slots)),
        })
    }

    /// In table order.
    pub fn iter(&self) -> impl Iterator<Item = Slot<&M, &V>> {
        std::iter::once(Slot::Matrix(&self.embed))
            .chain(self.layers.iter().flat_map(Block::iter))
            .chain([Slot::Vector(&self.norm)])
            .chain(self.head.as_ref().map(Slot::Matrix))
    }

    /// In table order.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = Slot<&mut M, &mut V>> {
        std::iter::once(Slot::Matrix(&mut self.embed))
            .chain(self.layers.iter_mut().flat_map(Block::iter_mut))
            .chain([Slot::Vector(&mut self.norm)])
            .chain(self.head.as_mut().map(Slot::Matrix))
    }

    /// The head's place: the embedding's when the two are tied.
    pub fn head(&self) -> &M {
        self.head.as_ref().unwrap_or(&self.embed)
    }

    /// The head's place: the embedding's when the two are tied.
    pub fn head_mut(&mut self) -> &mut M {
        self.head.as_mut().unwrap_or(&mut self.embed)
    }
}

impl<A> Weights<A, A> {
    /// One array for every parameter, made from its line of the table.
    pub fn of_arrays(shape: &Shape, mut make: impl FnMut(&ParameterSpec) -> A) -> Self {
        Weights::build(shape, |spec| {
            let array = make(spec);
            Ok(if spec.is_matrix() {
                Slot::Matrix(array)
            } else {
                Slot::Vector(array)
            })
        })
        .expect("making an array cannot fail")
    }

    /// In table order, matrices and vectors alike.
    pub fn arrays(&self) -> impl Iterator<Item = &A> {
        self.iter().map(Slot::either)
    }

    /// In table order, matrices and vectors alike.
    pub fn arrays_mut(&mut self) -> impl Iterator<Item = &mut A> {
        self.iter_mut().map(Slot::either)
    }
}

fn matrix<M, V>(slots: &mut impl Iterator<Item = Slot<M, V>>) -> M {
    match slots.next() {
        Some(Slot::Matrix(matrix)) => matrix,
        _ => unreachable!("the table declares a matrix here"),
    }
}

fn vector<M, V>(slots: &mut impl Iterator<Item = Slot<M, V>>) -> V {
    match slots.next() {
        Some(Slot::Vector(vector)) => vector,
        _ => unreachable!("the table declares a vector here"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Slot, Weights};
    use crate::{example::shape, table};

    #[test]
    fn every_place_holds_its_own_line_of_the_table() {
        for tied in [true, false] {
            let names = Weights::of_arrays(&shape(tied), |spec| spec.name.clone());
            let expected: Vec<String> = table(&shape(tied)).into_iter().map(|p| p.name).collect();
            assert!(names.arrays().eq(&expected));
            assert_eq!((&*names.embed, &*names.norm), ("embed", "norm"));
            assert_eq!(names.head(), if tied { "embed" } else { "head" });
            let block = &names.layers[1];
            for (place, name) in [
                (&block.attn_norm, "attn.norm"),
                (&block.q, "attn.q"),
                (&block.k, "attn.k"),
                (&block.v, "attn.v"),
                (&block.o, "attn.o"),
                (&block.mlp_norm, "mlp.norm"),
                (&block.gate, "mlp.gate"),
                (&block.up, "mlp.up"),
                (&block.down, "mlp.down"),
            ] {
                assert_eq!(*place, format!("layers.1.{name}"));
            }
            for (slot, spec) in names.iter().zip(table(&shape(tied))) {
                assert_eq!(matches!(slot, Slot::Matrix(_)), spec.is_matrix());
            }
        }
    }
}
