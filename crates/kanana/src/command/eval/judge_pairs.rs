//! `kanana eval judge-pairs`: two evaluated models' answers side by side before a judge, in both orders.

use super::servers::Judging;
use crate::environment;
use crate::evaluation::{self, ANSWERS, Judge, Wanted, Who};
use crate::terminal::{self, Questions};
use anyhow::{Context as _, Result, bail};
use clap::Args;
use evals::judge::duel::{Duel, answers};
use evals::{Cache, Protocol, Respondent as _, Setup, Stopped, Task};
use page::terminal::Ink;
use std::path::PathBuf;

/// Have a judge compare the answers of two evaluations.
#[derive(Args)]
pub(super) struct JudgePairs {
    /// The folder of the first evaluation
    a: PathBuf,
    /// The folder of the second
    b: PathBuf,
    /// Which benchmark: mt_bench or komt_bench
    #[arg(long, value_name = "TASK", default_value = "mt_bench")]
    task: String,
    /// The folder that holds a folder for each benchmark, in its original format
    #[arg(long, value_name = "FOLDER", default_value = super::DATA)]
    data: PathBuf,
    #[command(flatten)]
    judging: Judging,
    /// The folder to write results, verdicts and the page into
    #[arg(long, value_name = "FOLDER", default_value = "pairs")]
    out: PathBuf,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

impl JudgePairs {
    pub(super) fn run(self) -> Result<()> {
        let setup = Setup {
            data: self.data.clone(),
            protocol: Protocol::Instruct,
            shots: None,
            samples: 1,
        };
        let (a, b) = (answers(&self.a, &self.task)?, answers(&self.b, &self.task)?);
        let duel = Duel::new(&self.task, &setup, a, b)?;
        let mut recorded = duel.recorded()?;
        let cancel = super::cancelled_by_hand()?;
        let judge = self.judging.judge(&cancel)?;
        let judge =
            judge.context("nobody judges: name a judge with --judge URL --judge-model NAME")?;
        let lock = super::alone(&self.out)?;
        let mut judge = super::known(&self.out, judge)?;
        let judged_by = judge.identity();
        let mut cache = Cache::open(&self.out.join(ANSWERS))?;
        let wanted = Wanted {
            tasks: vec![],
            draws: 1,
            ..Wanted::default()
        };
        let names = format!("{} against {}", self.a.display(), self.b.display());
        let identity = recorded.identity();
        let mut watch = Questions::new(self.json, cancel);
        let tasks: [Box<dyn Task>; 1] = [Box::new(duel)];
        let outcomes = evaluation::examine(
            &wanted,
            &tasks,
            Who::Asked(&mut recorded),
            Some(Judge {
                respondent: &mut judge,
                votes: self.judging.votes(),
            }),
            &mut cache,
            &mut watch,
        );
        watch.end();
        let outcomes = match outcomes {
            Err(error) if error.is::<Stopped>() => {
                bail!("stopped {}", watch.stopped())
            }
            outcomes => outcomes?,
        };
        outcomes.iter().try_for_each(evaluation::judged)?;
        let about = evaluation::about(
            &wanted,
            &names,
            Protocol::Instruct,
            identity,
            Some(judged_by),
        );
        let language = environment::language();
        evaluation::write(&self.out, &about, &outcomes, language)?;
        lock.remove()?;
        if self.json {
            return terminal::json(&evals::results(&about, &outcomes));
        }
        let page = evaluation::sheet::brief(&about, &outcomes, language);
        terminal::say(page.terminal(evaluation::COLUMNS, Ink::Plain).trim_end());
        Ok(())
    }
}
