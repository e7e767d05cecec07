//! The child that reads pages: takes them from standard input, answers on standard output, and ends with its input.
//!
//! Before each page the limit of processor time is set so many seconds ahead of what is used up, in whole seconds
//! as the kernel counts them: a page has at least what it is allowed, and less than two more. After it the limit is
//! lifted again.
//!
//! Questions are heard by a thread of their own, also while a page is read: the input ends with whoever asks, though
//! it were killed, and this process ends with its input.

use std::ffi::OsStr;
use std::io::{self, BufReader, BufWriter, Read, Write as _};
use std::sync::mpsc::{Receiver, Sender, channel};

use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage, setrlimit};
use nix::sys::time::TimeValLike as _;

use super::child::{LONGEST_QUESTION, READY, TAKEN};
use super::{Order, Question, Spoil, frame};

/// The first word on the command line of a child. No command is called so.
pub(super) const WORD: &str = "\u{1}pages";

/// The way in: near the beginning of `main`. Started as a child that reads pages, this does so and does not
/// return; started otherwise it does nothing.
pub(crate) fn door() {
    let mut words = std::env::args_os().skip(1);
    if words.next().as_deref() != Some(OsStr::new(WORD)) {
        return;
    }
    let order = words.next().unwrap_or_default();
    let order = serde_json::from_str(&order.to_string_lossy());
    let served = order
        .map_err(io::Error::from)
        .and_then(|order| serve(&order));
    std::process::exit(i32::from(served.is_err()));
}

/// Answers until the input ends.
fn serve(order: &Order) -> io::Result<()> {
    // A child that is ended at its limit leaves no picture of its memory behind.
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    let questions = listen()?;
    let mut output = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    frame::write(&mut output, READY)?;
    output.flush()?;
    for (Question { mode, caps }, html) in questions {
        frame::write(&mut output, TAKEN)?;
        output.flush()?;
        allow(order.seconds)?;
        spoil(&order.spoil, &html);
        let answer = corpus::main_text(&html, mode, &caps);
        lift()?;
        frame::write(&mut output, &serde_json::to_vec(&answer)?)?;
        output.flush()?;
    }
    Ok(())
}

/// Hears questions, and ends this process where there are no more. None is asked before the last is answered: an
/// input that ends while a page is read has nobody left who waits for the answer.
fn listen() -> io::Result<Receiver<(Question, String)>> {
    let (tell, questions) = channel();
    std::thread::Builder::new()
        .name("questions".to_owned())
        .spawn(move || {
            let heard = hear(&mut BufReader::with_capacity(1 << 16, io::stdin()), &tell);
            std::process::exit(i32::from(heard.is_err()));
        })?;
    Ok(questions)
}

fn hear(input: &mut impl Read, tell: &Sender<(Question, String)>) -> io::Result<()> {
    while let Some(question) = frame::read(input, LONGEST_QUESTION)? {
        let question: Question = serde_json::from_slice(&question)?;
        let html = frame::read(input, question.caps.bytes)?;
        let html = html.ok_or(io::ErrorKind::UnexpectedEof)?;
        let html = String::from_utf8(html).map_err(io::Error::other)?;
        if tell.send((question, html)).is_err() {
            break; // it could not answer the last
        }
    }
    Ok(())
}

/// Lets the kernel end this process when it has used so many more seconds.
fn allow(seconds: u64) -> io::Result<()> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    let used = (usage.user_time() + usage.system_time()).num_seconds();
    let (_, most) = getrlimit(Resource::RLIMIT_CPU)?;
    let wanted = (used.unsigned_abs() + 1).saturating_add(seconds);
    Ok(setrlimit(Resource::RLIMIT_CPU, wanted.min(most), most)?)
}

/// Takes that limit away: what is left to do, and waiting for the next page, is no page's time.
fn lift() -> io::Result<()> {
    let (_, most) = getrlimit(Resource::RLIMIT_CPU)?;
    Ok(setrlimit(Resource::RLIMIT_CPU, most, most)?)
}

/// Goes wrong where a test said so.
fn spoil(spoil: &Spoil, html: &str) {
    let has = |word: &Option<String>| word.as_ref().is_some_and(|word| html.contains(word));
    while has(&spoil.hang_on) {
        std::hint::spin_loop();
    }
    if has(&spoil.crash_on) {
        std::process::abort();
    }
}
