//! The one loop: batches in, stepped weights out; validated, guarded, saved on the way.
//!
//! A step takes `batch_tokens` targets as windows that touch, in micro-batches of so many
//! sequences as fit; the gradient is that of the mean loss over the whole batch, however it was
//! cut. The rate of a step is the schedule's at the middle of its tokens. After each step, in this
//! order: validate if due, save if due, stop if asked.
//!
//! It knows no recipe, clock or terminal ([`Watch`]), and no objective ([`Objective`]).

pub(crate) mod checks;
mod rewind;
mod validation;

use std::path::Path;

use anyhow::{Result, bail};
use model::{Decoder, Gradients, Tape};
use tensor::Backward;

use crate::amount::{crosses, every};
use crate::law::{self, Choice};
use crate::optimizer;
use crate::state::{Reason, States, Which};
use crate::{
    Cursor, Curve, Examples, Objective, Optimizer, Output, Point, Settings, Shards, State,
    StepRecord, Stream, Watch,
};

use rewind::Trip;
pub use validation::validate;

/// What a run needs.
pub struct Training<'a, D: Backward> {
    /// The weights, made for training; stepped in place.
    pub decoder: &'a mut Decoder<D>,
    /// What to train on.
    pub shards: &'a Shards,
    /// What to validate on.
    pub held_out: Option<&'a Shards>,
    /// What to do.
    pub settings: &'a Settings,
    /// Decides the order of the documents.
    pub seed: u64,
    /// Sequences that go through the decoder at once: memory and speed, nothing else.
    pub micro_batch: usize,
    /// Where states are kept between attempts; the folder exists.
    pub partial: &'a Path,
    /// Moments to begin with ([`Optimizer::save`]), instead of zeros.
    pub optimizer: Option<&'a Path>,
}

/// What a run ends with.
pub struct Outcome<D: Backward> {
    /// The record.
    pub curve: Curve,
    /// The moments, for a stage that continues.
    pub optimizer: Optimizer<D>,
    /// False when the run was asked to stop before its end; its state is saved.
    pub finished: bool,
}

/// Trains, from the newest state in `partial` if there is one.
///
/// # Errors
/// Settings that make no sense for the model or the data, disk trouble, and a guard that has given
/// up; each says what was wanted, what was found and what to do.
pub fn train<D: Backward, O: Objective<D>>(
    training: Training<'_, D>,
    objective: &mut O,
    watch: &mut dyn Watch,
) -> Result<Outcome<D>> {
    let mut run = Run::begin(training, objective, watch)?;
    let mut finished = true;
    while run.state.tokens < run.training.settings.tokens {
        if let Some(trip) = run.step()? {
            run.go_back(trip)?;
            continue;
        }
        let saved = run.after()?;
        if run.watch.stop() && run.state.tokens < run.training.settings.tokens {
            if !saved {
                run.save(Reason::Stopped)?;
            }
            finished = false;
            break;
        }
    }
    Ok(Outcome {
        curve: run.state.curve,
        optimizer: run.optimizer,
        finished,
    })
}

struct Run<'a, 'w, D: Backward, O> {
    training: Training<'a, D>,
    objective: &'w mut O,
    watch: &'w mut dyn Watch,
    stream: Stream<'a>,
    states: States,
    optimizer: Optimizer<D>,
    gradients: Gradients<D>,
    tape: Tape<D>,
    examples: Examples,
    choice: Choice,
    state: State,
}

impl<'a, 'w, D: Backward, O: Objective<D>> Run<'a, 'w, D, O> {
    fn begin(
        mut training: Training<'a, D>,
        objective: &'w mut O,
        watch: &'w mut dyn Watch,
    ) -> Result<Self> {
        checks::agree(&training)?;
        let settings = training.settings;
        let decoder = &mut *training.decoder;
        let choice = law::choose(
            decoder.shape.parameters() as u64,
            settings.tokens,
            settings.horizon(),
            settings.sequence,
            settings.schedule.peak,
            settings.batch_tokens,
        )?;
        watch.message(&format!("Training with {}.", choice.why));

        let sequences = choice.batch_tokens.div_ceil(settings.sequence as u64) as usize;
        training.micro_batch = training.micro_batch.min(sequences);
        let rows = training.micro_batch * settings.sequence;
        let tape = Tape::new(decoder, rows, settings.recompute, true);
        let gradients = decoder.gradients();
        let mut optimizer = Optimizer::new(decoder, settings.optimizer);
        if let Some(dir) = training.optimizer {
            optimizer.load(decoder, dir)?;
        }
        let states = States::new(training.partial, settings.keep);
        let mut stream = Stream::new(
            training.shards,
            settings.documents,
            settings.order,
            training.seed,
        );
        let fresh = State::new(settings, training.seed, training.shards.tokens());
        let saved = states.newest(Which::Any, &fresh, decoder, &mut optimizer, &mut |text| {
            watch.message(text);
        })?;
        let resumed = saved.is_some();
        let state = saved.unwrap_or(fresh);
        stream.skip(state.guard.skipped.clone())?;

        let mut run = Run {
            training,
            objective,
            watch,
            stream,
            states,
            optimizer,
            gradients,
            tape,
            examples: Examples::default(),
            choice,
            state,
        };
        if resumed {
            let (tokens, of) = (run.state.tokens, run.training.settings.tokens);
            run.watch
                .message(&format!("Continuing after {tokens} of {of} tokens."));
        } else {
            if every(settings.validate_every, settings.tokens).is_some() {
                run.validate()?;
            }
            if settings.guard.enabled {
                run.save(Reason::Due)?;
            }
        }
        Ok(run)
    }

    /// One batch. Either the weights are stepped and the state moves on, or nothing has changed
    /// but the guard's list of batches.
    fn step(&mut self) -> Result<Option<Trip>> {
        let begun = self.watch.seconds();
        let settings = self.training.settings;
        let count = self
            .choice
            .batch_tokens
            .min(settings.tokens - self.state.tokens);
        self.state.guard.begin(self.state.cursor);
        let (loss, cursor) = self.gradient(count)?;
        let norm = optimizer::norm(&*self.training.decoder.device, &self.gradients);
        if let Some(first) = &settings.guard.first
            && let Some(evidence) = first.judge(&self.state.curve.points, loss, norm)
        {
            bail!(
                "training stops after {} tokens: {evidence}. Lower schedule.peak or lengthen \
                 schedule.warm_up, and look at what made the model (the `guard` stage compares it \
                 with the one before)",
                self.state.tokens
            );
        }
        if let Some(reason) = self.state.guard.judge(&settings.guard, loss, norm) {
            return Ok(Some(Trip { reason, to: cursor }));
        }

        let middle = self.state.tokens as f64 + 0.5 * count as f64;
        let factor = settings.schedule.factor(middle, settings.tokens);
        let rate = self.choice.peak * factor;
        let clipped = settings.clip > 0.0 && norm > settings.clip;
        let scale = if clipped { settings.clip / norm } else { 1.0 };
        let decoder = &mut *self.training.decoder;
        self.optimizer
            .step(decoder, &mut self.gradients, rate, factor, scale);

        let state = &mut self.state;
        state.guard.accept(&settings.guard, loss);
        state.cursor = cursor;
        state.tokens += count;
        state.steps += 1;
        state.curve.points.push(Point {
            tokens: state.tokens,
            loss,
            rate,
            gradient_norm: norm,
        });
        let record = StepRecord {
            step: state.steps,
            tokens: state.tokens,
            of: settings.tokens,
            loss,
            rate,
            gradient_norm: norm,
            epoch: cursor.epoch,
            batch: count,
            seconds: self.watch.seconds() - begun,
        };
        self.watch.step(&record);
        Ok(None)
    }

    /// Adds the gradient of the mean loss of the next `count` targets; the loss, and where they end.
    fn gradient(&mut self, count: u64) -> Result<(f64, Cursor)> {
        let mut cursor = self.state.cursor;
        let share = (1.0 / count as f64) as f32;
        let (mut left, mut sequences, mut sum) = (count, 0, 0.0);
        while left > 0 {
            let most = left.min(self.training.settings.sequence as u64) as usize;
            left -= self.stream.window(&mut cursor, most, &mut self.examples) as u64;
            sequences += 1;
            if sequences == self.training.micro_batch || left == 0 {
                sum = self.accumulate(share, sum)?;
                sequences = 0;
            }
        }
        Ok((sum / count as f64, cursor))
    }

    /// Adds the gradient of the examples and their losses, and empties them.
    fn accumulate(&mut self, share: f32, mut sum: f64) -> Result<f64> {
        checks::ids(&self.examples, self.training.shards)?;
        let decoder = &*self.training.decoder;
        decoder.forward(&self.examples.batch, &mut self.tape);
        let output = Output {
            decoder,
            tape: &mut self.tape,
            gradients: &mut self.gradients,
        };
        let losses = self.objective.losses(output, &self.examples, share)?;
        decoder.backward(&self.examples.batch, &mut self.tape, &mut self.gradients);
        for loss in losses.rows {
            sum += f64::from(loss);
        }
        self.examples.clear();
        Ok(sum)
    }

    /// What is due after a step; whether the state was saved.
    fn after(&mut self) -> Result<bool> {
        let settings = self.training.settings;
        let state = &self.state;
        let (now, end) = (state.tokens, state.tokens == settings.tokens);
        let before = match state.curve.points.len() {
            0 | 1 => 0,
            count => state.curve.points[count - 2].tokens,
        };
        if end || crosses(every(settings.validate_every, settings.tokens), before, now) {
            self.validate()?;
        }
        let due = !end && crosses(every(settings.save_every, settings.tokens), before, now);
        if due {
            self.save(Reason::Due)?;
        }
        Ok(due)
    }

    fn validate(&mut self) -> Result<()> {
        let Some(shards) = self.training.held_out else {
            return Ok(());
        };
        let validation = validation::measure(
            self.training.decoder,
            &mut self.tape,
            shards,
            self.training.settings,
            self.training.micro_batch,
            self.state.tokens,
        )?;
        self.watch.validation(&validation);
        self.state.curve.validations.push(validation);
        Ok(())
    }

    fn save(&mut self, reason: Reason) -> Result<()> {
        if reason == Reason::Due {
            self.state.guard.mark(self.state.tokens, self.state.cursor);
        }
        self.states
            .save(reason, &self.state, self.training.decoder, &self.optimizer)
    }
}

#[cfg(test)]
mod tests;
