//! The engine's thread: jobs go in by a channel, events come out by a bounded one for each job.
//!
//! The thread sleeps when there is nothing to do. A job is one or several requests that end
//! together: when whoever listens goes away, all of them are cancelled; so are they when more
//! events lie unread than are allowed, and then only that job suffers.

use crate::refusal::Refusal;
use generate::{Engine, Event, Request, Statistics, Ticket};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use tensor::Forward;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

/// A job as it is numbered here.
type Number = u64;

/// Why a job was broken off, if it was.
type Broken = Arc<OnceLock<Refusal>>;

enum Command {
    Start {
        number: Number,
        requests: Vec<Request>,
        events: mpsc::Sender<(usize, Event)>,
        broken: Broken,
        taken: oneshot::Sender<Result<(), String>>,
    },
    Cancel(Number),
}

/// The asynchronous side of the thread.
pub(crate) struct Runner {
    commands: Sender<Command>,
    numbers: AtomicU64,
    room: Arc<Semaphore>,
    queue: usize,
    lag: usize,
    statistics: Arc<Mutex<Statistics>>,
    alive: Arc<AtomicBool>,
}

/// A job that runs or waits. Dropped, it is cancelled.
pub(crate) struct Job {
    number: Number,
    events: mpsc::Receiver<(usize, Event)>,
    commands: Sender<Command>,
    broken: Broken,
    unfinished: usize,
    _room: OwnedSemaphorePermit,
}

impl Runner {
    /// Starts the thread.
    pub(crate) fn start<D: Forward>(
        engine: Engine<D>,
        queue: usize,
        lag: usize,
    ) -> std::io::Result<Self> {
        let (commands, orders) = channel();
        let statistics = Arc::new(Mutex::new(engine.statistics()));
        let alive = Arc::new(AtomicBool::new(true));
        let (told, living) = (Arc::clone(&statistics), Arc::clone(&alive));
        std::thread::Builder::new()
            .name("engine".to_owned())
            .spawn(move || {
                // However the thread ends, a panic included, it is known.
                let _guard = Living(living);
                Thread {
                    engine,
                    jobs: HashMap::new(),
                    tickets: HashMap::new(),
                    told,
                }
                .run(&orders);
            })?;
        Ok(Runner {
            commands,
            numbers: AtomicU64::new(0),
            room: Arc::new(Semaphore::new(queue)),
            queue,
            lag,
            statistics,
            alive,
        })
    }

    /// Hands requests to the engine, which checks them before this returns.
    ///
    /// # Errors
    /// No room, a request that makes no sense, an engine that has ended.
    pub(crate) async fn submit(&self, requests: Vec<Request>) -> Result<Job, Refusal> {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let wanted = requests.len() as u32;
        let Ok(room) = Arc::clone(&self.room).try_acquire_many_owned(wanted) else {
            return Err(Refusal::full(self.queue, self.patience()));
        };
        let (sender, events) = mpsc::channel(self.lag * requests.len());
        let (taken, answer) = oneshot::channel();
        let job = Job {
            number,
            events,
            commands: self.commands.clone(),
            broken: Broken::default(),
            unfinished: requests.len(),
            _room: room,
        };
        let broken = Arc::clone(&job.broken);
        let start = Command::Start {
            number,
            requests,
            events: sender,
            broken,
            taken,
        };
        self.commands.send(start).map_err(|_| dead())?;
        match answer.await {
            Ok(Ok(())) => Ok(job),
            Ok(Err(sentence)) => Err(Refusal::bad(sentence)),
            Err(_) => Err(dead()),
        }
    }

    /// Seconds after which there may be room: longer, the more wait.
    fn patience(&self) -> u64 {
        let statistics = self.statistics();
        let rounds = statistics.waiting / statistics.running.max(1);
        (1 + rounds as u64).min(60)
    }

    pub(crate) fn statistics(&self) -> Statistics {
        *self
            .statistics
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the thread still works.
    pub(crate) fn alive(&self) -> bool {
        self.alive.load(Ordering::Acquire)
    }

    /// Answers being made or waiting.
    pub(crate) fn taken(&self) -> usize {
        self.queue - self.room.available_permits()
    }
}

fn dead() -> Refusal {
    Refusal::internal("the engine has stopped; the server has to be started again")
}

impl Job {
    /// The next event, with the index of the request it belongs to; none when all have ended.
    pub(crate) async fn next(&mut self) -> Result<Option<(usize, Event)>, Refusal> {
        if self.unfinished == 0 {
            return Ok(None);
        }
        match self.events.recv().await {
            Some((index, event)) => {
                self.unfinished -= usize::from(matches!(event, Event::End(_)));
                Ok(Some((index, event)))
            }
            None => Err(self.broken.get().cloned().unwrap_or_else(dead)),
        }
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        if self.unfinished > 0 {
            // If the thread has ended, there is nothing to cancel.
            let _ = self.commands.send(Command::Cancel(self.number));
        }
    }
}

struct Living(Arc<AtomicBool>);

impl Drop for Living {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// What the thread owns.
struct Thread<D: Forward> {
    engine: Engine<D>,
    jobs: HashMap<Number, Vec<Ticket>>,
    tickets: HashMap<Ticket, Listener>,
    told: Arc<Mutex<Statistics>>,
}

struct Listener {
    number: Number,
    index: usize,
    events: mpsc::Sender<(usize, Event)>,
    broken: Broken,
}

impl<D: Forward> Thread<D> {
    /// Works until nobody can send commands any more.
    fn run(mut self, orders: &Receiver<Command>) {
        loop {
            if self.engine.is_idle() {
                self.publish();
                match orders.recv() {
                    Ok(command) => self.obey(command),
                    Err(_) => return,
                }
            }
            while let Ok(command) = orders.try_recv() {
                self.obey(command);
            }
            self.step();
        }
    }

    fn publish(&self) {
        *self.told.lock().unwrap_or_else(PoisonError::into_inner) = self.engine.statistics();
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Start {
                number,
                requests,
                events,
                broken,
                taken,
            } => {
                let result = self.begin(number, requests, &events, &broken);
                // Whoever asked may be gone already; then the events have nobody either.
                if taken.send(result).is_err() {
                    self.cancel(number);
                }
            }
            Command::Cancel(number) => self.cancel(number),
        }
    }

    fn begin(
        &mut self,
        number: Number,
        requests: Vec<Request>,
        events: &mpsc::Sender<(usize, Event)>,
        broken: &Broken,
    ) -> Result<(), String> {
        for (index, request) in requests.into_iter().enumerate() {
            match self.engine.submit(request) {
                Ok(ticket) => {
                    let (events, broken) = (events.clone(), Arc::clone(broken));
                    self.tickets.insert(
                        ticket,
                        Listener {
                            number,
                            index,
                            events,
                            broken,
                        },
                    );
                    self.jobs.entry(number).or_default().push(ticket);
                }
                Err(error) => {
                    self.cancel(number);
                    return Err(format!("{error:#}"));
                }
            }
        }
        Ok(())
    }

    fn cancel(&mut self, number: Number) {
        for ticket in self.jobs.remove(&number).unwrap_or_default() {
            if self.tickets.remove(&ticket).is_some() {
                self.engine.cancel(ticket);
            }
        }
    }

    fn step(&mut self) {
        let mut happened = Vec::new();
        let stepped = (self.engine).step(|ticket, event| happened.push((ticket, event)));
        // Whoever hears the end of an answer finds it counted as ended.
        self.publish();
        let (tickets, jobs) = (&mut self.tickets, &mut self.jobs);
        let mut gone = Vec::new();
        for (ticket, event) in happened {
            let Some(listener) = tickets.get(&ticket) else {
                continue;
            };
            let (number, last) = (listener.number, matches!(event, Event::End(_)));
            if listener.events.try_send((listener.index, event)).is_err() {
                // Full, or nobody is there; in the second case nobody reads this.
                let _ = listener.broken.set(Refusal::slow_reader());
                gone.push(number);
            } else if last {
                tickets.remove(&ticket);
                if let Some(all) = jobs.get_mut(&number) {
                    all.retain(|other| *other != ticket);
                    if all.is_empty() {
                        jobs.remove(&number);
                    }
                }
            }
        }
        if let Err(error) = stepped {
            // What concerns all ends all.
            let refusal = Refusal::internal(format!("the engine could not go on: {error:#}"));
            for listener in self.tickets.values() {
                let _ = listener.broken.set(refusal.clone());
            }
            gone.extend(self.jobs.keys());
        }
        for number in gone {
            self.cancel(number);
        }
    }
}
