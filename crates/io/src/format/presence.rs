//! Who writes into a folder: a locked file, by which others see that what is not finished there is not left over.

use std::collections::{HashMap, HashSet};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Result, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use super::temporary_name::{LOCK, names_in, new_name, process_word};

/// A hidden, locked file in a folder, as long as this process has unfinished files there. It holds the name of the
/// computer. The system frees the lock when a process ends, however it does.
pub(super) struct Presence {
    path: PathBuf,
    _locked: File,
}

impl Presence {
    /// That of this process in `folder`, the same for all of its files there. The first removes what processes that are
    /// at work no more have left there.
    ///
    /// # Errors
    /// A folder in which nothing can be written. One without locks is no error: nothing is ever removed there.
    pub fn in_folder(folder: &Path) -> Result<Arc<Self>> {
        static PRESENT: OnceLock<Mutex<HashMap<PathBuf, Weak<Presence>>>> = OnceLock::new();
        let present = PRESENT.get_or_init(Mutex::default).lock();
        let mut present = present.unwrap_or_else(PoisonError::into_inner);
        let known = present.get(folder);
        if let Some(presence) = known.and_then(Weak::upgrade) {
            return Ok(presence);
        }
        if known.is_none() {
            remove_abandoned(folder);
        }
        let presence = Arc::new(Self::new(folder)?);
        present.insert(folder.to_path_buf(), Arc::downgrade(&presence));
        Ok(presence)
    }

    fn new(folder: &Path) -> Result<Self> {
        loop {
            let path = folder.join(new_name("".as_ref(), LOCK));
            let mut file = File::create_new(&path)?;
            let taken = matches!(file.try_lock(), Err(TryLockError::WouldBlock));
            // another process may have found it before it was locked, and removed it as left over
            if !taken && path.symlink_metadata().is_ok() {
                if let Err(error) = file.write_all(this_computer().as_bytes()) {
                    let _ = std::fs::remove_file(&path);
                    return Err(error);
                }
                return Ok(Self { path, _locked: file });
            }
            let _ = std::fs::remove_file(&path);
        }
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        // while it is locked, so that nobody finds it free
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Its name in the network; empty where there is none.
fn this_computer() -> String {
    #[cfg(unix)]
    return rustix::system::uname().nodename().to_string_lossy().into_owned();
    #[cfg(not(unix))]
    return std::env::var("COMPUTERNAME").unwrap_or_default();
}

/// Removes the unfinished files of every process of this computer whose locks in `folder` are all free. Without a lock
/// it is not known whether a process is at work, and its files stay. So do those of other computers: some mounts of
/// network file systems keep locks to the computer that takes them, and a lock held elsewhere looks free.
fn remove_abandoned(folder: &Path) {
    let names = names_in(folder);
    let mut locks: HashMap<&str, Vec<Option<File>>> = HashMap::new();
    for name in names
        .iter()
        .filter(|name| name.is_lock() && name.word() != process_word())
    {
        let lock = lock_if_free(&folder.join(name.as_str())).filter(is_of_this_computer);
        locks.entry(name.word()).or_default().push(lock);
    }
    locks.retain(|_, locks| locks.iter().all(Option::is_some));
    let ended: HashSet<&str> = locks.keys().copied().collect();
    // locks last: where this is cut off, they tell the next process of the rest
    let (of_locks, others): (Vec<_>, Vec<_>) = names.iter().partition(|name| name.is_lock());
    for name in others
        .into_iter()
        .chain(of_locks)
        .filter(|name| ended.contains(name.word()))
    {
        // one that stays does no harm
        let _ = std::fs::remove_file(folder.join(name.as_str()));
    }
}

/// The file, locked, if no other process has it locked. Nothing but a file is opened: a pipe would wait.
fn lock_if_free(path: &Path) -> Option<File> {
    if !path.symlink_metadata().ok()?.is_file() {
        return None;
    }
    // over a network some locks need a file that may be written
    let file = OpenOptions::new().read(true).write(true).open(path).ok()?;
    file.try_lock().is_ok().then_some(file)
}

fn is_of_this_computer(mut lock: &File) -> bool {
    /// More than a name of a computer has.
    const LONGEST: u64 = 1024;
    let (this, mut name) = (this_computer(), String::new());
    let read = Read::by_ref(&mut lock).take(LONGEST).read_to_string(&mut name);
    read.is_ok() && !this.is_empty() && name == this
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_process_is_present_while_it_writes() {
        let folder = tempfile::tempdir().unwrap();
        let first = Presence::in_folder(folder.path()).unwrap();
        let second = Presence::in_folder(folder.path()).unwrap();
        let there = names(folder.path());
        assert!(
            there.len() == 1 && there[0].starts_with(".~") && there[0].ends_with(".lock"),
            "{there:?}"
        );
        assert!(lock_if_free(&first.path).is_none());
        drop(first);
        assert_eq!(names(folder.path()), there);
        drop(second);
        assert!(names(folder.path()).is_empty());
        drop(Presence::in_folder(folder.path()).unwrap());
        assert!(Presence::in_folder(&folder.path().join("no")).is_err());
    }

    #[test]
    fn only_what_ended_processes_left_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str| {
            std::fs::write(folder.path().join(name), this_computer()).unwrap();
            File::open(folder.path().join(name)).unwrap()
        };
        let (dead, alive) = ("0123456789ab", "ba9876543210");
        let abandoned = [".out.h5~{}-1.part", ".a~b~{}-7.part", ".~{}-0.lock"].map(|name| name.replace("{}", dead));
        let used = [".out.h5~{}-1.part", ".~{}-0.lock", ".~{}-2.lock"].map(|name| name.replace("{}", alive));
        // no lock tells of the first two, the others have other names
        let kept = [
            ".out.h5~aaaaaaaaaaaa-1.part",
            ".out.h5~-1.part",
            ".out.h5.part",
            "out.h5",
            ".~x.lock",
        ];
        abandoned.iter().for_each(|name| drop(write(name)));
        kept.iter().for_each(|name| drop(write(name)));
        let held: Vec<File> = used.iter().map(|name| write(name)).collect();
        held[1].lock().unwrap();
        remove_abandoned(folder.path());
        let mut expected: Vec<String> = used.into_iter().chain(kept.map(String::from)).collect();
        expected.sort();
        assert_eq!(names(folder.path()), expected);
    }

    #[test]
    fn what_another_computer_left_stays() {
        let folder = tempfile::tempdir().unwrap();
        let (lock, part) = (".~0123456789ab-0.lock", ".out.h5~0123456789ab-1.part");
        std::fs::write(folder.path().join(part), "").unwrap();
        let left_after = |computer: &str| {
            std::fs::write(folder.path().join(lock), computer).unwrap();
            remove_abandoned(folder.path());
            names(folder.path()).len()
        };
        assert_eq!(left_after(""), 2);
        assert_eq!(left_after(&format!("{}-2", this_computer())), 2);
        assert_eq!(left_after(&this_computer()), 0);
        let present = Presence::in_folder(folder.path()).unwrap();
        assert!(is_of_this_computer(&File::open(&present.path).unwrap()));
    }

    #[test]
    fn files_of_other_programs_stay() {
        let folder = tempfile::tempdir().unwrap();
        let others = [
            ".notes~backup-2.part",
            ".~backup-1.lock",
            ".~0123456789AB-0.lock",
            ".~0123456789ab-x.lock",
            ".a~0123456789ab-.part",
        ];
        for name in others {
            std::fs::write(folder.path().join(name), this_computer()).unwrap();
        }
        remove_abandoned(folder.path());
        assert_eq!(names(folder.path()).len(), others.len());
    }

    #[test]
    #[cfg(unix)]
    fn what_is_no_lock_is_not_opened() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let made = std::process::Command::new("mkfifo")
            .arg(path(".~0123456789ab-0.lock"))
            .status();
        assert!(made.unwrap().success());
        std::fs::write(path("other"), this_computer()).unwrap();
        std::os::unix::fs::symlink(path("other"), path(".~ba9876543210-0.lock")).unwrap();
        std::fs::write(path(".out.h5~ba9876543210-0.part"), "").unwrap();
        remove_abandoned(folder.path());
        assert_eq!(names(folder.path()).len(), 4);
    }
}
