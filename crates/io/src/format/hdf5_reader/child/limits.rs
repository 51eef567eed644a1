//! What the child may take of the machine.

use std::fs::File;

/// Bytes that HDF5 may take beside the values asked for.
const ROOM: u64 = 384 << 20;

/// Seconds of computing for a question, and bytes of values that it may last a second longer for.
const SECONDS: u64 = 2;
const BYTES_A_SECOND: u64 = 20 << 20;

/// Files that may be opened where links are followed.
const LINKED_FILES: u64 = 200;

/// Limits of this process, raised for a question that needs more. Nothing in them can be lowered again, as memory that
/// was freed may still count.
pub(super) struct Limits {
    /// Whether this process is the child.
    on: bool,
    /// What the program takes before HDF5 does anything.
    program: u64,
    /// The most asked for up to now.
    asked: u64,
}

impl Limits {
    /// Of a process that does other things too.
    pub fn none() -> Self {
        Self {
            on: false,
            program: 0,
            asked: 0,
        }
    }

    /// Of a child: it leaves no core behind and writes into no file.
    pub fn of_this_process() -> Self {
        system::set_for_good(system::CORE, 0);
        system::set_for_good(system::FILE_SIZE, 0);
        Self {
            on: true,
            program: system::address_space().unwrap_or(u64::MAX),
            asked: 0,
        }
    }

    /// From now on no other file than this can be opened; where links are followed, few.
    pub fn stop_opening(&self, opened: &File, follow_links: bool) {
        let next = system::next_descriptor(opened).filter(|_| self.on);
        let Some(next) = next else { return };
        system::set_for_good(system::FILES, next + if follow_links { LINKED_FILES } else { 0 });
    }

    /// Room for a question about `bytes` of values, and time for one that goes through so many bytes of `work`.
    pub fn allow(&mut self, bytes: u64, work: u64) {
        if !self.on {
            return;
        }
        self.asked = self.asked.max(bytes);
        let memory = self.program.saturating_add(self.asked).saturating_add(ROOM);
        system::set(system::MEMORY, memory);
        system::set(
            system::SECONDS,
            system::seconds_used() + 1 + SECONDS + work / BYTES_A_SECOND,
        );
    }
}

/// Ends the child at once, whatever HDF5 is at, and without what it would still do at a regular end.
pub(super) fn end_this_process() {
    system::end();
}

#[cfg(unix)]
mod system {
    use std::fs::File;
    use std::os::fd::AsRawFd;

    use rustix::process::{Resource, Rlimit, Signal, getpid, getrlimit, kill_process, setrlimit};
    use rustix::time::{ClockId, clock_gettime};

    pub const CORE: Resource = Resource::Core;
    pub const FILE_SIZE: Resource = Resource::Fsize;
    pub const FILES: Resource = Resource::Nofile;
    pub const MEMORY: Resource = Resource::As;
    pub const SECONDS: Resource = Resource::Cpu;

    /// A limit that may be raised again.
    pub fn set(what: Resource, most: u64) {
        limit(what, most, false);
    }

    pub fn set_for_good(what: Resource, most: u64) {
        limit(what, most, true);
    }

    /// As much of it as the limit of the system allows.
    fn limit(what: Resource, most: u64, for_good: bool) {
        let maximum = getrlimit(what).maximum;
        let current = Some(maximum.map_or(most, |maximum| most.min(maximum)));
        let limit = Rlimit {
            current,
            maximum: if for_good { current } else { maximum },
        };
        // a system that knows no such limit goes without
        let _ = setrlimit(what, limit);
    }

    /// Of this process, in bytes.
    pub fn address_space() -> Option<u64> {
        let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
        let pages: u64 = statm.split(' ').next()?.parse().ok()?;
        pages.checked_mul(rustix::param::page_size() as u64)
    }

    /// The number that the next file opened would have.
    pub fn next_descriptor(opened: &File) -> Option<u64> {
        u64::try_from(opened.try_clone().ok()?.as_raw_fd()).ok()
    }

    pub fn seconds_used() -> u64 {
        u64::try_from(clock_gettime(ClockId::ProcessCPUTime).tv_sec).unwrap_or(0)
    }

    pub fn end() {
        let _ = kill_process(getpid(), Signal::KILL);
    }
}

#[cfg(not(unix))]
mod system {
    pub const CORE: () = ();
    pub const FILE_SIZE: () = ();
    pub const FILES: () = ();
    pub const MEMORY: () = ();
    pub const SECONDS: () = ();

    pub fn set((): (), _: u64) {}

    pub fn set_for_good((): (), _: u64) {}

    pub fn address_space() -> Option<u64> {
        None
    }

    pub fn next_descriptor(_: &std::fs::File) -> Option<u64> {
        None
    }

    pub fn seconds_used() -> u64 {
        0
    }

    pub fn end() {
        std::process::abort();
    }
}
