//! From a selection along axes to indices of dimensions, and what a selection must be for that.
//!
//! A dimension that runs along several axes, outermost first, is a number in mixed radix; its indices
//! are made digit by digit. A choice may look at the layer and at the digits before its own.

use super::{Choice, Selection};
use crate::table::lines;
use crate::{Axis, Shape};
use anyhow::{Result, bail, ensure};
use std::borrow::Cow;

/// The shape that a selection makes of `from`.
///
/// # Errors
/// A sentence that says which choice cannot be taken and why.
pub(super) fn check(selection: &Selection, from: &Shape) -> Result<Shape> {
    let mut to = from.clone();
    let mut group = from.size(Axis::Group);
    for (&axis, choice) in &selection.choices {
        let taken = check_lists(axis, choice, from)?;
        match axis {
            Axis::Layer => to.layers = taken,
            Axis::Width => to.width = taken,
            Axis::Ffn => to.ffn = taken,
            Axis::KvHead => to.kv_heads = taken,
            Axis::Group if choice.ungrouped => {
                ensure!(
                    taken.is_multiple_of(to.kv_heads),
                    "{taken} query heads were chosen in each layer, but {} key–value heads must \
                     serve equally many; choose a multiple of {}",
                    to.kv_heads,
                    to.kv_heads
                );
                group = taken / to.kv_heads;
            }
            Axis::Group => group = taken,
            Axis::HeadDim => to.head_dim = taken,
            Axis::Vocabulary => to.vocabulary = taken,
        }
    }
    to.query_heads = to.kv_heads * group;
    to.check()?;
    for (&axis, choice) in &selection.choices {
        let combinations: usize = choice.given.iter().map(|&axis| to.size(axis)).product();
        ensure!(
            choice.lists.len() == combinations,
            "the choice along {axis:?} depends on {:?}, of which the result has {combinations} \
             combinations, but there are {} lists; give one for each",
            choice.given,
            choice.lists.len()
        );
        check_given(axis, choice)?;
    }
    Ok(to)
}

/// How many indices every list takes.
fn check_lists(axis: Axis, choice: &Choice, from: &Shape) -> Result<usize> {
    ensure!(
        !choice.ungrouped || axis == Axis::Group,
        "only query heads can be chosen without regard to groups; {axis:?} cannot"
    );
    let size = match choice.ungrouped {
        true => from.query_heads,
        false => from.size(axis),
    };
    let taken = choice.lists.first().map_or(0, Vec::len);
    ensure!(
        taken > 0,
        "nothing was chosen along {axis:?}; at least one index must be"
    );
    for list in choice.lists.iter().chain(&choice.otherwise) {
        ensure!(
            list.len() == taken,
            "along {axis:?} equally many indices must be chosen everywhere; there are lists of \
             {taken} and of {}",
            list.len()
        );
        if let Some(index) = list.iter().find(|&&index| index >= size) {
            bail!(
                "index {index} was chosen along {axis:?}, but the source has {size} there, counted \
                 from 0"
            );
        }
        if axis == Axis::HeadDim {
            check_pairs(list, size)?;
        }
    }
    Ok(taken)
}

/// Rotation turns number i with number i + e/2, so the two stay together and stay half a head apart.
/// (A rotation's speed is that of its place: unless the pairs kept are every r-th, they turn at
/// other speeds than they learned with, which is the caller's to know.)
fn check_pairs(list: &[usize], size: usize) -> Result<()> {
    let (low, high) = list.split_at(list.len() / 2);
    let paired = low.len() == high.len()
        && low
            .iter()
            .zip(high)
            .all(|(&low, &high)| low < size / 2 && high == low + size / 2);
    ensure!(
        paired,
        "along HeadDim numbers must be chosen in rotary pairs: the first half of the list from \
         0..{}, the second half the same plus {}; found {list:?}",
        size / 2,
        size / 2
    );
    Ok(())
}

/// Every parameter along `axis` must know what the choice is given, or be told what to do otherwise.
fn check_given(axis: Axis, choice: &Choice) -> Result<()> {
    ensure!(
        choice.given.is_sorted() && !choice.given.contains(&axis),
        "the choice along {axis:?} depends on {:?}: wanted other axes, outermost first",
        choice.given
    );
    for line in lines() {
        for dimension in line.axes.iter().filter(|axes| axes.contains(&axis)) {
            let before = dimension.iter().take_while(|&&other| other != axis);
            let known = |wanted: &Axis| match wanted {
                Axis::Layer => line.is_of_a_layer(),
                other => before.clone().any(|before| before == other),
            };
            ensure!(
                choice.given.iter().all(known) || choice.otherwise.is_some(),
                "the choice along {axis:?} depends on {:?}, but {} lies along {axis:?} without \
                 them; make a choice that holds everywhere, or say what is taken otherwise",
                choice.given,
                line.name
            );
        }
    }
    // The layer alone says what any other parameter takes.
    ensure!(
        axis != Axis::Layer || choice.given.is_empty(),
        "layers are chosen once, for everything in them"
    );
    Ok(())
}

/// The source's indices of a dimension along `axes`, in layer `layer` of the result.
pub(super) fn of(
    selection: &Selection,
    from: &Shape,
    to: &Shape,
    axes: &[Axis],
    layer: Option<usize>,
) -> Vec<usize> {
    let mut walk = Walk {
        selection,
        from,
        to,
        at: layer.map(|l| (Axis::Layer, l)).into_iter().collect(),
        found: Vec::new(),
    };
    walk.down(axes, 0);
    walk.found
}

/// The walk over all digits of a dimension.
struct Walk<'a> {
    selection: &'a Selection,
    from: &'a Shape,
    to: &'a Shape,
    /// Axes passed on the way, each with the result's index.
    at: Vec<(Axis, usize)>,
    found: Vec<usize>,
}

impl Walk<'_> {
    /// `offset` is the source's index so far.
    fn down(&mut self, axes: &[Axis], offset: usize) {
        let Some((&axis, rest)) = axes.split_first() else {
            self.found.push(offset);
            return;
        };
        let across = self.selection.along(Axis::Group).filter(|c| c.ungrouped);
        if let (Axis::KvHead, [Axis::Group, rest @ ..], Some(choice)) = (axis, rest, across) {
            // Heads of the whole layer: two digits are taken at once.
            let group = self.to.size(Axis::Group);
            for (to, &head) in self.list(choice).iter().enumerate() {
                let digits = [(Axis::KvHead, to / group), (Axis::Group, to % group)];
                self.step(&digits, rest, offset * self.from.query_heads + head);
            }
            return;
        }
        let size = self.from.size(axis);
        let list = match self.selection.along(axis) {
            Some(choice) => self.list(choice),
            None => Cow::Owned((0..size).collect()),
        };
        for (to, &index) in list.iter().enumerate() {
            self.step(&[(axis, to)], rest, offset * size + index);
        }
    }

    fn step(&mut self, digits: &[(Axis, usize)], rest: &[Axis], offset: usize) {
        self.at.extend_from_slice(digits);
        self.down(rest, offset);
        self.at.truncate(self.at.len() - digits.len());
    }

    /// The list that holds here.
    fn list<'c>(&self, choice: &'c Choice) -> Cow<'c, [usize]> {
        let mut which = 0;
        for &given in &choice.given {
            let Some((_, index)) = self.at.iter().find(|(axis, _)| *axis == given) else {
                let otherwise = choice.otherwise.as_ref();
                return Cow::Borrowed(otherwise.expect("checked: said what is taken otherwise"));
            };
            which = which * self.to.size(given) + index;
        }
        Cow::Borrowed(&choice.lists[which])
    }
}
