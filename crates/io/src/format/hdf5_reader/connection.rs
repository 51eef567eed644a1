//! The side of the wall that asks.

use std::ffi::OsString;
use std::io::{ErrorKind, PipeReader, PipeWriter, Read, Result as IoResult, pipe};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;

use super::child::serve_in_thread;
use super::failure::Failure;
use super::question::{Question, Reply, read_message, write_message};
use super::reading::{COMMAND, Reading};

/// The child counts its own computing time; this is for a disk that does not answer.
const LONGEST_SILENCE: Duration = Duration::from_secs(300);
/// How often the user's wish to stop is looked for.
#[cfg(unix)]
const LOOK: Duration = Duration::from_millis(100);
/// Bytes that a pipe holds, where the system lets them be chosen.
#[cfg(target_os = "linux")]
const PIPE: usize = 1 << 20;

/// Someone who reads a file of HDF5 and answers questions about it.
pub(super) struct Connection {
    questions: Option<PipeWriter>,
    answers: Answers,
    reader: Reader,
    /// The process that started the reader. One that is forked from it has no say in the reader.
    owner: u32,
    /// Why there are no more answers.
    lost: Option<Failure>,
}

enum Reader {
    Process(Child),
    Thread(Option<JoinHandle<()>>),
}

/// What the reader says, waited for no longer than for ever.
struct Answers {
    pipe: PipeReader,
    /// Why waiting was given up.
    given_up: Option<Failure>,
}

impl Connection {
    /// Starts a reader that has nothing open.
    pub fn start() -> Result<Self, Failure> {
        let failed = |e: std::io::Error| Failure::NoChild(e.to_string());
        let (their_questions, questions) = pipe().map_err(failed)?;
        let (answers, their_answers) = pipe().map_err(failed)?;
        #[cfg(target_os = "linux")]
        // a smaller one only takes longer
        let _ = rustix::pipe::fcntl_setpipe_size(&answers, PIPE);
        let reader = match &Reading::now().program {
            Some(program) => Reader::Process(child(program, their_questions, their_answers).map_err(failed)?),
            None => {
                let read = move || serve_in_thread(their_questions, their_answers);
                Reader::Thread(Some(std::thread::Builder::new().spawn(read).map_err(failed)?))
            }
        };
        Ok(Self {
            questions: Some(questions),
            answers: Answers {
                pipe: answers,
                given_up: None,
            },
            reader,
            owner: std::process::id(),
            lost: None,
        })
    }

    /// Asks, and waits for the answer.
    pub fn ask<T: DeserializeOwned>(&mut self, question: &Question) -> Result<T, Failure> {
        self.send(question)?;
        let (answer, numbers) = self.receive()?;
        if numbers > 0 {
            return Err(self.lose("its reader sent numbers unasked"));
        }
        Ok(answer)
    }

    /// The same of an answer with numbers: `room` makes place for as many bytes as follow.
    pub fn ask_numbers<T: DeserializeOwned>(
        &mut self,
        question: &Question,
        room: impl FnOnce(&T, u64) -> Option<Vec<f32>>,
    ) -> Result<(T, Vec<f32>), Failure> {
        self.send(question)?;
        let (answer, numbers) = self.receive()?;
        let Some(mut values) = room(&answer, numbers) else {
            return Err(self.lose("its reader sent other numbers than were asked for"));
        };
        self.fill(bytemuck::cast_slice_mut(&mut values))?;
        Ok((answer, values))
    }

    /// Asks for numbers piece by piece, the next one before the last has come, so that reading and handing over go side by
    /// side. `into` takes them one after the other.
    pub fn ask_pieces(&mut self, pieces: &[(Question, usize)], mut into: &mut [u8]) -> Result<(), Failure> {
        let mut failed = None;
        if let Some((first, _)) = pieces.first() {
            self.send(first)?;
        }
        for (at, (_, bytes)) in pieces.iter().enumerate() {
            if let Some((next, _)) = pieces.get(at + 1) {
                self.send(next)?;
            }
            match self.receive::<()>() {
                Ok(((), numbers)) if numbers == *bytes as u64 && failed.is_none() => {
                    let (piece, rest) = into.split_at_mut(*bytes);
                    self.fill(piece)?;
                    into = rest;
                }
                // after a failure what comes is passed over
                Ok(((), numbers)) if failed.is_some() => self.pass_over(numbers)?,
                Ok(_) => return Err(self.lose("its reader sent other numbers than were asked for")),
                Err(failure) if self.lost.is_some() => return Err(failure),
                Err(failure) => failed = failed.or(Some(failure)),
            }
        }
        failed.map_or(Ok(()), Err)
    }

    fn send(&mut self, question: &Question) -> Result<(), Failure> {
        if let Some(lost) = &self.lost {
            return Err(lost.clone());
        }
        let sent = self.questions.as_mut().map(|to| write_message(to, question));
        match sent {
            Some(Ok(())) => Ok(()),
            _ => Err(self.lose("its reader ended")),
        }
    }

    fn receive<T: DeserializeOwned>(&mut self) -> Result<(T, u64), Failure> {
        let Ok(Reply { answer, numbers }) = read_message(&mut self.answers) else {
            return Err(self.lose("its reader ended"));
        };
        let answer = match answer {
            Ok(answer) => answer,
            Err(failure) if numbers == 0 && !failure.is_loss() => return Err(failure),
            Err(_) => return Err(self.lose("its reader gave an answer that is none")),
        };
        match postcard::from_bytes(&answer) {
            Ok(answer) => Ok((answer, numbers)),
            Err(_) => Err(self.lose("its reader gave an answer that is none")),
        }
    }

    fn fill(&mut self, values: &mut [u8]) -> Result<(), Failure> {
        let read = self.answers.read_exact(values);
        read.map_err(|_| self.lose("its reader ended"))
    }

    fn pass_over(&mut self, bytes: u64) -> Result<(), Failure> {
        let passed = std::io::copy(&mut (&mut self.answers).take(bytes), &mut std::io::sink());
        passed.map(drop).map_err(|_| self.lose("its reader ended"))
    }

    /// Ends the reader and finds out what became of it.
    fn lose(&mut self, what: &str) -> Failure {
        let given_up = self.answers.given_up.take();
        if given_up.is_some() {
            self.lost.clone_from(&given_up);
            self.end();
        }
        self.questions = None;
        let ended = match &mut self.reader {
            // it has ended by itself, or its next word tells it to
            Reader::Process(child) if given_up.is_none() => match wait_for(child) {
                Some(status) => cause_of_death(status),
                None => {
                    self.end();
                    Failure::Crashed(what.into())
                }
            },
            _ => Failure::Crashed(what.into()),
        };
        let failure = given_up.unwrap_or(ended);
        self.lost = Some(failure.clone());
        failure
    }

    fn end(&mut self) {
        self.questions = None;
        match &mut self.reader {
            Reader::Process(child) => {
                let _ = child.kill();
                wait_for(child);
            }
            // one that is waited for in vain cannot be ended
            Reader::Thread(thread) => {
                if let Some(thread) = thread.take()
                    && self.lost.is_none()
                {
                    let _ = thread.join();
                }
            }
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if self.owner == std::process::id() {
            self.end();
        }
    }
}

/// Starts the program that reads, and nothing of the environment that HDF5 looks at comes along, but for locking.
fn child(program: &[OsString], questions: PipeReader, answers: PipeWriter) -> IoResult<Child> {
    let (program, arguments) = program.split_first().ok_or(ErrorKind::InvalidInput)?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .arg(COMMAND)
        .env_clear()
        // no plugins
        .env("HDF5_PLUGIN_PRELOAD", "::")
        .stdin(questions)
        .stdout(answers)
        .stderr(Stdio::null());
    // relative names are those of the file's own folder
    for what in ["HDF5_EXTFILE_PREFIX", "HDF5_VDS_PREFIX"] {
        command.env(what, "${ORIGIN}");
    }
    for kept in ["HDF5_USE_FILE_LOCKING", "LD_LIBRARY_PATH"] {
        if let Some(value) = std::env::var_os(kept) {
            command.env(kept, value);
        }
    }
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt;
        // as lists of processes show it; an interpreter finds its library by the name it is called by
        if arguments.is_empty() {
            command.arg0("pvdamp");
        }
        // an interrupt from the keyboard is for the parent, which decides
        command.process_group(0);
        // results that HDF5 writes here are no concern of the child's
        close_fds::set_fds_cloexec_threadsafe(3, &[]);
    }
    command.spawn()
}

/// Waits for a process that is about to end; `None` where it does not.
fn wait_for(child: &mut Child) -> Option<ExitStatus> {
    const LONGEST: Duration = Duration::from_secs(2);
    let began = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if began.elapsed() < LONGEST => std::thread::sleep(Duration::from_millis(1)),
            _ => return None,
        }
    }
}

fn cause_of_death(status: ExitStatus) -> Failure {
    #[cfg(unix)]
    {
        use rustix::process::Signal;
        use std::os::unix::process::ExitStatusExt;
        let signal = status.signal().and_then(Signal::from_named_raw);
        match signal {
            Some(Signal::XCPU) => return Failure::Endless,
            Some(Signal::KILL | Signal::TERM) => return Failure::Killed,
            _ => {}
        }
    }
    Failure::Crashed(status.to_string())
}

impl Read for Answers {
    #[cfg(unix)]
    fn read(&mut self, bytes: &mut [u8]) -> IoResult<usize> {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        let look = Timespec::try_from(LOOK).expect("a short time");
        let began = Instant::now();
        loop {
            let mut waited = [PollFd::new(&self.pipe, PollFlags::IN)];
            match poll(&mut waited, Some(&look)) {
                Ok(0) => {}
                Ok(_) => return self.pipe.read(bytes),
                Err(rustix::io::Errno::INTR) => {}
                Err(e) => return Err(e.into()),
            }
            if (Reading::now().interrupted)() {
                self.given_up = Some(Failure::Interrupted);
            } else if began.elapsed() > LONGEST_SILENCE {
                self.given_up = Some(Failure::Stalled(LONGEST_SILENCE.as_secs()));
            }
            if self.given_up.is_some() {
                return Err(ErrorKind::TimedOut.into());
            }
        }
    }

    #[cfg(not(unix))]
    fn read(&mut self, bytes: &mut [u8]) -> IoResult<usize> {
        self.pipe.read(bytes)
    }
}
