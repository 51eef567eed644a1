//! The side of the wall that calls HDF5.

mod acquisitions;
mod arrays;
mod attributes;
mod library;
mod limits;
mod links;
mod reach;
mod text;
mod words;

use std::io::{BufWriter, Result, Write};
use std::sync::mpsc::channel;

use self::library::{Answer, Library};
use self::limits::Limits;
pub(in crate::format) use self::words::words;
use super::question::{Question, Reply, read_message, write_message};

/// Answers the parent's questions on standard input, on standard output, and ends with them. For a process that does
/// nothing else.
///
/// # Errors
/// No thread can be started, or the parent does not take the answers.
pub fn read_for_parent() -> Result<()> {
    let limits = Limits::of_this_process();
    let (send, questions) = channel();
    // Waits for the end of the questions beside HDF5, which may be at work for ever.
    let listen = move || {
        let mut stdin = std::io::stdin().lock();
        while let Ok(question) = read_message(&mut stdin) {
            if send.send(question).is_err() {
                break;
            }
        }
        limits::end_this_process();
    };
    std::thread::Builder::new().spawn(listen)?;
    serve(questions.into_iter(), std::io::stdout().lock(), limits)
}

/// Answers questions from `from` until they end, in a thread of a process that does other things too.
pub(super) fn serve_in_thread(mut from: impl std::io::Read, to: impl Write) {
    let questions = std::iter::from_fn(|| read_message(&mut from).ok());
    // Who asks finds the end of the answers.
    let _ = serve(questions, to, Limits::none());
}

fn serve(questions: impl Iterator<Item = Question>, to: impl Write, limits: Limits) -> Result<()> {
    let mut to = BufWriter::new(to);
    let mut library = Library::new(limits);
    for question in questions {
        let (answer, numbers) = match library.answer(question) {
            Ok(Answer { said, numbers }) => (Ok(said), numbers),
            Err(failure) => (Err(failure), Default::default()),
        };
        let bytes = numbers.bytes();
        let reply = Reply {
            answer,
            numbers: bytes.len() as u64,
        };
        write_message(&mut to, &reply)?;
        to.write_all(bytes)?;
        to.flush()?;
    }
    Ok(())
}
