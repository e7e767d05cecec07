//! Who may run, and whose rows the next step takes.

use super::Engine;
use crate::pages::Beginning;
use crate::sequence::Sequence;
use tensor::{Forward, POSITIONS};

/// While texts are being written, chunks of prompts take this share of a step's rows at most, so that
/// a long prompt does not hold up those who are reading.
const SHARE: usize = 4;

/// Rows that are no dearer than one: the weights are read anyway.
const LEAST: usize = 32;

impl<D: Forward> Engine<D> {
    /// Lets waiting sequences run, in order, while there is room for their prompts.
    pub(super) fn admit(&mut self) {
        while self.running.len() < self.limits.sequences {
            let Some(next) = self.waiting.front() else {
                return;
            };
            let pages = |tokens: usize| tokens.div_ceil(POSITIONS);
            // What running prompts will still take, and a page for every text to go on with.
            let promised =
                |one: &Sequence| pages(one.ids.len()).saturating_sub(one.pages.len()) + 1;
            let promised: usize = self.running.iter().map(promised).sum();
            let needed = pages(next.ids.len()) + 1 - self.held_already(next);
            if !self.running.is_empty() && needed + promised > self.book.available() {
                return;
            }
            let next = self.waiting.pop_front().expect("looked at just now");
            let at = self.running.partition_point(|one| one.ticket < next.ticket);
            self.running.insert(at, next);
        }
    }

    /// Pages of a prompt that others hold at this moment.
    fn held_already(&self, sequence: &Sequence) -> usize {
        let mut beginning = Beginning::EMPTY;
        let whole = sequence.ids.chunks_exact(POSITIONS);
        let held = whole.map_while(|tokens| {
            let (page, completed) = self.book.find(beginning, tokens)?;
            beginning = completed;
            self.book.is_held(page).then_some(())
        });
        if sequence.to_judge() > 0 {
            0
        } else {
            held.count()
        }
    }

    /// How many rows of each running sequence the next step takes; all have pages.
    pub(super) fn plan(&mut self) -> Vec<usize> {
        loop {
            let mut rows = self.plan_writing();
            self.plan_prompts(&mut rows);
            if self.running.is_empty() || rows.iter().any(|rows| *rows > 0) {
                return rows;
            }
            // Prompts hold all pages and none can go on: the youngest gives way.
            self.put_back();
        }
    }

    /// A row for every text that is being written. Where one finds no page, the youngest gives way.
    fn plan_writing(&mut self) -> Vec<usize> {
        let mut rows = Vec::with_capacity(self.running.len());
        while rows.len() < self.running.len() {
            let at = rows.len();
            let wanted = usize::from(self.running[at].is_writing());
            while at < self.running.len() && self.make_room(at, wanted) < wanted {
                self.put_back();
            }
            if at < self.running.len() {
                self.make_known(at, wanted);
                rows.push(wanted);
            }
        }
        rows
    }

    /// Chunks of prompts, of equal size where not all fit: short prompts are soon through.
    fn plan_prompts(&mut self, rows: &mut [usize]) {
        let writing: usize = rows.iter().sum();
        let mut left = self.limits.rows - writing;
        if writing > 0 {
            left = left.min((self.limits.rows / SHARE).max(LEAST));
        }
        let mut reading: Vec<usize> = (0..rows.len()).filter(|i| rows[*i] == 0).collect();
        reading.retain(|i| !self.running[*i].is_writing());
        for i in &reading {
            self.adopt(*i);
        }
        // With fewer rows than readers the oldest come first, so that none waits for ever.
        if reading.len() <= left {
            reading.sort_by_key(|i| self.running[*i].fresh());
        }
        for (nth, i) in reading.iter().enumerate() {
            // What the ones before have just been given may be shared already.
            self.adopt(*i);
            let share = left.div_ceil(reading.len() - nth);
            let wanted = self.running[*i].fresh().min(share);
            rows[*i] = self.make_room(*i, wanted);
            self.make_known(*i, rows[*i]);
            left -= rows[*i];
        }
    }

    /// Takes over pages that hold what the sequence would compute next. Its last token is computed
    /// in any case, because somebody must say what comes after it.
    fn adopt(&mut self, at: usize) {
        let one = &mut self.running[at];
        if one.judged() < one.to_judge() {
            return;
        }
        let whole = |one: &Sequence| {
            one.pages.len() * POSITIONS == one.done && one.known == one.pages.len()
        };
        while whole(one) && one.fresh() > POSITIONS {
            let tokens = &one.ids[one.done..][..POSITIONS];
            let Some((page, completed)) = self.book.find(one.beginning, tokens) else {
                return;
            };
            self.book.hold(page);
            if !one.again {
                let of_prompt = one.request.prompt.len().saturating_sub(one.done);
                one.reused += of_prompt.min(POSITIONS);
                self.statistics.prompt_reused += of_prompt.min(POSITIONS) as u64;
            }
            one.pages.push(page);
            one.known += 1;
            one.beginning = completed;
            one.done += POSITIONS;
        }
    }

    /// Pages for `rows` more rows of a sequence; for how many they are enough.
    fn make_room(&mut self, at: usize, rows: usize) -> usize {
        let one = &mut self.running[at];
        while one.pages.len() * POSITIONS < one.done + rows {
            let Some(page) = self.book.take() else {
                break;
            };
            one.pages.push(page);
        }
        rows.min(one.pages.len() * POSITIONS - one.done)
    }

    /// Makes the pages known that the next `rows` rows of a sequence complete: whoever comes later in
    /// this very step may read them.
    fn make_known(&mut self, at: usize, rows: usize) {
        let one = &mut self.running[at];
        while (one.known + 1) * POSITIONS <= one.done + rows {
            let tokens = &one.ids[one.known * POSITIONS..][..POSITIONS];
            let page = one.pages[one.known];
            one.beginning = self.book.register(page, one.beginning, tokens);
            one.known += 1;
        }
    }

    /// The youngest gives its pages back, and waits before all that were never begun.
    fn put_back(&mut self) {
        if let Some(mut youngest) = self.running.pop() {
            self.book.release(youngest.start_over());
            self.waiting.push_front(youngest);
            self.statistics.put_back += 1;
        }
    }
}
