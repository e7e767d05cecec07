//! The order in which steps run: that of the recipe, except that a step comes after what
//! it reads. A circle is an error that goes round it once.

use anyhow::Result;

use crate::Recipe;
use crate::mistake::Part;
use crate::suggest::did_you_mean;
use crate::text::Names;

/// The indices of the steps in running order. Every name that a step reads exists.
pub(super) fn order(recipe: &Recipe) -> Result<Vec<usize>> {
    let mut order = Vec::new();
    let mut state = vec![State::Untouched; recipe.steps.len()];
    for index in 0..recipe.steps.len() {
        visit(recipe, index, &mut state, &mut vec![], &mut order)?;
    }
    Ok(order)
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Untouched,
    Underway,
    Done,
}

fn visit(
    recipe: &Recipe,
    index: usize,
    state: &mut [State],
    trail: &mut Vec<usize>,
    order: &mut Vec<usize>,
) -> Result<()> {
    match state[index] {
        State::Done => return Ok(()),
        State::Underway => {
            let start = trail.iter().position(|step| *step == index).unwrap_or(0);
            let names = trail[start..].iter().chain([&index]);
            let names: Vec<&str> = names
                .map(|step| recipe.steps[*step].name.as_str())
                .collect();
            let path = [Part::name("step"), Part::Index(index), Part::name("inputs")];
            let message = format!(
                "the recipe is circular, each step reading the next: {}; a step cannot read what \
                 is made from it",
                names.join(" → ")
            );
            return Err(recipe.mistake(&path, &message));
        }
        State::Untouched => {}
    }
    state[index] = State::Underway;
    trail.push(index);
    for (binding, names) in &recipe.steps[index].inputs {
        for (position, name) in names.list().iter().enumerate() {
            if recipe.inputs.contains_key(name) {
                continue;
            }
            match recipe.steps.iter().position(|step| step.name == *name) {
                Some(step) => visit(recipe, step, state, trail, order)?,
                None => {
                    let mut path = vec![
                        Part::name("step"),
                        Part::Index(index),
                        Part::name("inputs"),
                        Part::name(binding),
                    ];
                    if let Names::Many(_) = names {
                        path.push(Part::Index(position));
                    }
                    let steps = recipe.steps.iter().map(|step| step.name.as_str());
                    let inputs = recipe.inputs.keys().map(String::as_str);
                    let message = format!(
                        "there is no step or input called \"{name}\"{}",
                        did_you_mean(name, steps.chain(inputs))
                    );
                    return Err(recipe.mistake(&path, &message));
                }
            }
        }
    }
    trail.pop();
    state[index] = State::Done;
    order.push(index);
    Ok(())
}
