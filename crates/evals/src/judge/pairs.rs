//! Two models' answers to one question, put before a judge in both orders (MT-Bench's pairwise form).
//!
//! As FastChat counts: an answer wins a turn when the judge prefers it in both orders; a judge who says a
//! tie or changes his mind with the order has said a tie. Where one order has no verdict the vote is
//! undecided and counts for nothing. An answer that never came loses to one that did. How often both
//! orders agree is the measure of a judge's bias by position.

use super::agreement::{self, Share};
use super::{Verdict, verdict, votes};
use crate::ask::{Answer, Ask, Request};
use crate::task::{Setup, Task};
use crate::tasks::{komt_bench, mt_bench};
use anyhow::{Result, bail};

/// A benchmark whose answers can be compared in pairs.
pub struct Pairs {
    bench: mt_bench::Bench,
}

/// What came of one turn of one question.
#[derive(Clone, Debug, PartialEq)]
pub enum Turn {
    /// One of the two did not answer, or neither; no judge was needed.
    Forfeit(Verdict),
    /// The judge's votes: what he said of the answers in their order, and swapped; both in the words of the
    /// first order.
    Judged(Vec<[Option<Verdict>; 2]>),
}

/// What a comparison came to, over questions.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// Votes for the first model, in both orders.
    pub wins: usize,
    /// Votes for the second.
    pub losses: usize,
    /// Ties, and votes that changed with the order.
    pub ties: usize,
    /// Votes without a verdict in one of the orders.
    pub undecided: usize,
    /// Share of points of the first model, a tie being half a point, over questions; `None` where no vote
    /// was decided.
    pub rate: Option<Share>,
    /// Share of votes that were the same in both orders.
    pub consistent: Option<Share>,
    /// Cohen's κ between the orders.
    pub kappa: Option<f64>,
}

impl Pairs {
    /// By the task's name.
    ///
    /// # Errors
    /// The task is not one whose answers are compared in pairs.
    pub fn open(name: &str, setup: &Setup) -> Result<Self> {
        let bench = match name {
            "mt_bench" => mt_bench::english(setup),
            "komt_bench" => komt_bench::korean(setup),
            _ => bail!("answers to {name} are not compared in pairs; mt_bench and komt_bench are"),
        };
        Ok(Pairs { bench })
    }

    /// The task whose questions both models answer.
    pub fn task(&self) -> &dyn Task {
        &self.bench
    }

    /// What the judge is asked about the answers of a first and a second model: for each turn that both
    /// answered, the answers in their order and swapped.
    ///
    /// # Errors
    /// The benchmark's files cannot be read, or know no such question.
    pub fn requests(&self, ask: &Ask, first: &[Answer], second: &[Answer]) -> Result<Vec<Request>> {
        let read = self.bench.read()?;
        let Some(question) = read.question(&ask.id) else {
            bail!("{} has no question {}", self.bench.about().name, ask.id)
        };
        let (first, second) = (mt_bench::answered(first), mt_bench::answered(second));
        in_both_orders(&read, question, &first, &second)
    }

    /// Puts every turn of a question once with nothing for answers, so that a prompt that is missing or lacks a
    /// place is an error before a judge is paid.
    ///
    /// # Errors
    /// As [`Pairs::requests`].
    pub(super) fn check(&self, ask: &Ask) -> Result<()> {
        let read = self.bench.read()?;
        let Some(question) = read.question(&ask.id) else {
            bail!("{} has no question {}", self.bench.about().name, ask.id)
        };
        let nothing = vec![""; question.turns()];
        in_both_orders(&read, question, &nothing, &nothing).map(drop)
    }

    /// What came of each turn; `judged` holds an answer for each of [`Pairs::requests`].
    ///
    /// # Errors
    /// As [`Pairs::requests`].
    pub fn turns(
        &self,
        ask: &Ask,
        first: &[Answer],
        second: &[Answer],
        judged: &[Answer],
    ) -> Result<Vec<Turn>> {
        let read = self.bench.read()?;
        let Some(question) = read.question(&ask.id) else {
            bail!("{} has no question {}", self.bench.about().name, ask.id)
        };
        let (first, second) = (
            mt_bench::answered(first).len(),
            mt_bench::answered(second).len(),
        );
        let of = |turn: usize| match (turn < first, turn < second) {
            (true, true) => Turn::Judged(both_orders(&judged[(2 * turn).min(judged.len())..])),
            (true, false) => Turn::Forfeit(Verdict::First),
            (false, true) => Turn::Forfeit(Verdict::Second),
            (false, false) => Turn::Forfeit(Verdict::Tie),
        };
        Ok((0..question.turns()).map(of).collect())
    }
}

/// The requests to a judge for each turn that both answered.
fn in_both_orders(
    read: &mt_bench::Read,
    question: &mt_bench::Question,
    first: &[&str],
    second: &[&str],
) -> Result<Vec<Request>> {
    let turns = first.len().min(second.len()).min(question.turns());
    let mut requests = Vec::with_capacity(2 * turns);
    for turn in 0..turns {
        for (a, b) in [(first, second), (second, first)] {
            let answers = [("answer_a", a), ("answer_b", b)];
            requests.push(read.prompt("pair", question, turn, &answers)?);
        }
    }
    Ok(requests)
}

/// The votes of the two requests that begin here.
fn both_orders(judged: &[Answer]) -> Vec<[Option<Verdict>; 2]> {
    let of = |at: usize| judged.get(at).map_or(vec![""], votes);
    let (straight, swapped) = (of(0), of(1));
    let turned = |verdict: Verdict| match verdict {
        Verdict::First => Verdict::Second,
        Verdict::Second => Verdict::First,
        Verdict::Tie => Verdict::Tie,
    };
    (0..straight.len().max(swapped.len()))
        .map(|vote| {
            let said = |votes: &[&str]| votes.get(vote).and_then(|words| verdict(words));
            [said(&straight), said(&swapped).map(turned)]
        })
        .collect()
}

/// The verdict of a vote in both orders.
fn settled(vote: &[Option<Verdict>; 2]) -> Option<Verdict> {
    match *vote {
        [Some(a), Some(b)] if a == b => Some(a),
        [Some(_), Some(_)] => Some(Verdict::Tie),
        _ => None,
    }
}

impl Turn {
    fn verdicts(&self) -> Vec<Option<Verdict>> {
        match self {
            Turn::Forfeit(verdict) => vec![Some(*verdict)],
            Turn::Judged(votes) => votes.iter().map(settled).collect(),
        }
    }
}

/// What the turns of all questions come to.
pub fn compare(questions: &[Vec<Turn>]) -> Comparison {
    let verdicts: Vec<Option<Verdict>> = questions
        .iter()
        .flatten()
        .flat_map(Turn::verdicts)
        .collect();
    let count = |wanted| {
        verdicts
            .iter()
            .filter(|verdict| **verdict == wanted)
            .count()
    };
    let orders: Vec<(usize, usize)> = questions.iter().flatten().flat_map(both).collect();
    Comparison {
        wins: count(Some(Verdict::First)),
        losses: count(Some(Verdict::Second)),
        ties: count(Some(Verdict::Tie)),
        undecided: count(None),
        rate: agreement::interval(questions, rate),
        consistent: agreement::interval(&orders, |orders| {
            let same = orders.iter().filter(|(a, b)| a == b).count();
            (!orders.is_empty()).then(|| same as f64 / orders.len() as f64)
        }),
        kappa: agreement::cohen(&orders),
    }
}

/// Points of the first model over decided votes.
fn rate(questions: &[Vec<Turn>]) -> Option<f64> {
    let points = questions
        .iter()
        .flatten()
        .flat_map(Turn::verdicts)
        .flatten();
    let points: Vec<f64> = points
        .map(|verdict| match verdict {
            Verdict::First => 1.0,
            Verdict::Tie => 0.5,
            Verdict::Second => 0.0,
        })
        .collect();
    (!points.is_empty()).then(|| points.iter().sum::<f64>() / points.len() as f64)
}

/// Verdicts of both orders as classes, of votes that have both.
fn both(turn: &Turn) -> Vec<(usize, usize)> {
    match turn {
        Turn::Forfeit(_) => vec![],
        Turn::Judged(votes) => votes
            .iter()
            .filter_map(|[a, b]| Some((*a.as_ref()? as usize, *b.as_ref()? as usize)))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::mt_bench::tests::{bench, said, votes};

    fn words(request: &Request) -> &str {
        let Request::Converse { messages, .. } = request else {
            panic!("wanted a conversation")
        };
        messages.last().unwrap().content.as_deref().unwrap()
    }

    #[test]
    fn both_orders_are_put_and_a_change_of_mind_is_a_tie() {
        let (_data, bench) = bench();
        let pairs = Pairs { bench };
        let asks = pairs.task().asks().unwrap();
        let first = [said(" 가1\n"), said("가2")];
        let second = [said("나1"), said("\n나2 ")];
        let put = pairs.requests(&asks[1], &first, &second).unwrap();
        assert_eq!(words(&put[0]), "추월하면 몇 등인가?|2등이다.|가1|나1");
        assert_eq!(words(&put[1]), "추월하면 몇 등인가?|2등이다.|나1|가1");
        assert!(words(&put[2]).ends_with("|가1|가2|나1|나2"));
        assert!(words(&put[3]).ends_with("|나1|나2|가1|가2"));
        let judged = [
            votes(&["[[A]]", "[[A]]", "[[B]]"]),
            votes(&["[[B]]", "[[A]]", "[[A]]"]),
            votes(&["[[C]]", "둘 다 좋다"]),
            votes(&["[[C]]", "[[A]]"]),
        ];
        let turns = pairs.turns(&asks[1], &first, &second, &judged).unwrap();
        let found = compare(&[turns]);
        assert_eq!(
            (found.wins, found.losses, found.ties, found.undecided),
            (1, 1, 2, 1)
        );
        assert_eq!(found.rate.unwrap().value, 0.5);
        assert_eq!(found.consistent.unwrap().value, 0.75);
    }

    #[test]
    fn who_does_not_answer_loses() {
        let (_data, bench) = bench();
        let pairs = Pairs { bench };
        let asks = pairs.task().asks().unwrap();
        let failed = [Answer::Failed("full".to_owned())];
        let whole = [said("가"), said("나")];
        assert_eq!(pairs.requests(&asks[0], &whole, &failed).unwrap(), []);
        let turns = pairs.turns(&asks[0], &whole, &failed, &[]).unwrap();
        assert_eq!(compare(&[turns]).wins, 2);
        let turns = pairs.turns(&asks[0], &failed, &failed, &[]).unwrap();
        assert_eq!(compare(&[turns]).ties, 2);
        // A judge of whom nothing came.
        let turns = pairs.turns(&asks[0], &whole, &whole, &[]).unwrap();
        let found = compare(&[turns]);
        assert_eq!((found.undecided, found.rate), (2, None));
        let setup = mt_bench::tests::setup(std::path::Path::new("x"));
        assert!(Pairs::open("mmlu", &setup).is_err());
    }
}
