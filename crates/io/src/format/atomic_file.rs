//! Files that appear whole or not at all.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{File, Permissions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::reason::Reason;
use crate::error::{Error, Result};

/// A file under a temporary name in the folder of the final one, renamed when it is complete. Dropped without
/// [`AtomicFile::commit`], it leaves nothing behind, and what had the final name before stays as it was.
pub struct AtomicFile {
    /// `None` once it is on disk.
    file: Option<File>,
    temporary: PathBuf,
    target: PathBuf,
    named: PathBuf,
    /// Of the file that is replaced, to be kept.
    permissions: Option<Permissions>,
    committed: bool,
}

impl AtomicFile {
    /// Creates the temporary file, hidden, so that an output that cannot be written is known before anything is
    /// computed.
    ///
    /// # Errors
    /// A folder that is missing or cannot be written, or a target that is there and is not a regular file.
    pub fn create(path: &Path) -> Result<Self> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let error = |problem: &str, mend: &str| Err(Error::data(path, problem, mend));
        if path.file_name().is_none() {
            return error("this is not a file name", "name the output file");
        }
        let there = std::fs::metadata(path);
        let permissions = there.as_ref().ok().map(std::fs::Metadata::permissions);
        // a link is written through, not replaced
        let target = match there {
            Ok(m) if m.is_dir() => return error("this is a folder", "name a file in it"),
            Ok(m) if !m.is_file() => return error("this is not a regular file", "name another output"),
            Ok(_) => std::fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf()),
            Err(_) => path.to_path_buf(),
        };
        let folder = folder_of(&target);
        if !folder.is_dir() {
            let problem = format!("the folder {} does not exist", folder.display());
            return error(&problem, "create it, or choose another output");
        }
        loop {
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let temporary = folder.join(temporary_name(&target, count));
            match File::create_new(&temporary) {
                Ok(file) => {
                    let created = Self {
                        file: Some(file),
                        temporary,
                        target,
                        named: path.to_path_buf(),
                        permissions,
                        committed: false,
                    };
                    // Others must not read meanwhile what they may not read afterwards.
                    created.permit(true).map_err(|e| unwritable(path, e))?;
                    return Ok(created);
                }
                Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(e) => {
                    let problem = format!("nothing can be written in {} ({e})", folder.display());
                    return Err(Error::data(path, problem, "choose a folder you may write to").caused_by(e));
                }
            }
        }
    }

    /// Writes a file whole.
    ///
    /// # Errors
    /// As for [`AtomicFile::create`], and a full disk; what had the name before stays as it was.
    pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
        let mut file = Self::create(path)?;
        file.write_all(bytes).map_err(|e| unwritable(path, e))?;
        file.commit()
    }

    /// Where the file is until it is committed, for a library that opens files by name.
    pub fn temporary(&self) -> &Path {
        &self.temporary
    }

    /// The name the user gave.
    pub fn path(&self) -> &Path {
        &self.named
    }

    /// Puts the file on disk and lets go of it, so that many can wait for their names. It cannot be written any more.
    pub fn close(&mut self) -> Result<()> {
        let synced = self.file.take().map_or(Ok(()), |file| file.sync_all());
        synced.map_err(|e| unwritable(&self.named, e))
    }

    /// Puts the file on disk and gives it its name, replacing what had it.
    pub fn commit(self) -> Result<()> {
        Self::commit_all(vec![self])
    }

    /// Gives several files their names, one right after the other, once all are on disk.
    ///
    /// # Errors
    /// A file that cannot get its name: those before it keep theirs, which is said, and the others are gone.
    pub fn commit_all(mut files: Vec<Self>) -> Result<()> {
        files.iter_mut().try_for_each(Self::close)?;
        for at in 0..files.len() {
            let file = &mut files[at];
            let renamed = file
                .permit(false)
                .and_then(|()| std::fs::rename(&file.temporary, &file.target));
            match renamed {
                Ok(()) => file.committed = true,
                Err(e) if at == 0 => return Err(unwritable(&file.named, e)),
                Err(e) => {
                    let problem = format!("cannot be given its name ({e})");
                    let first = files[0].named.display();
                    let mend = format!(
                        "write it all again; {at} of {} files are new, from {first} on",
                        files.len()
                    );
                    return Err(Error::data(files[at].path(), problem, mend).caused_by(e));
                }
            }
        }
        let folders: HashSet<&Path> = files.iter().map(|file| folder_of(&file.target)).collect();
        folders.into_iter().for_each(sync_folder);
        Ok(())
    }

    /// Gives the temporary file the permissions of the file that it replaces; while it is `unfinished`, its owner may
    /// write it.
    fn permit(&self, unfinished: bool) -> std::io::Result<()> {
        let Some(permissions) = &self.permissions else {
            return Ok(());
        };
        let mut permissions = permissions.clone();
        if unfinished {
            writable_by_owner(&mut permissions);
        }
        // Not every file system has them changed.
        if std::fs::metadata(&self.temporary)?.permissions() == permissions {
            return Ok(());
        }
        std::fs::set_permissions(&self.temporary, permissions)
    }

    /// A random word in the temporary names of this process, which no other has.
    pub fn word() -> &'static str {
        static WORD: OnceLock<String> = OnceLock::new();
        WORD.get_or_init(|| uuid::Uuid::new_v4().simple().to_string()[..12].to_string())
    }

    /// Removes what processes with these words left in `folder` when they were killed. Only for one who knows that none
    /// of them is at work.
    pub fn remove_leftovers(folder: &Path, words: &HashSet<String>) {
        let Ok(entries) = std::fs::read_dir(folder) else {
            return;
        };
        for entry in entries.flatten() {
            let name = entry.file_name();
            if name.to_str().and_then(word_of).is_some_and(|word| words.contains(word)) {
                // one that stays does no harm
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }

    fn open(&mut self) -> std::io::Result<&mut File> {
        let closed = || std::io::Error::other("the file was closed");
        self.file.as_mut().ok_or_else(closed)
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.open()?.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.open()?.flush()
    }
}

impl Seek for AtomicFile {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.open()?.seek(to)
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        if !self.committed {
            // a library may still hold the file open, and with it the room it takes;
            // nothing more can be done about a file that cannot be removed
            let _ = self.file.take().map(|file| file.set_len(0));
            let _ = std::fs::remove_file(&self.temporary);
        }
    }
}

/// Bytes of the final name that a temporary one holds: names have a length that file systems limit.
const NAMED: usize = 150;
const PART: &str = ".part";

/// `.NAME~WORD-COUNT.part`.
fn temporary_name(target: &Path, count: usize) -> String {
    let name = cut(target.file_name().unwrap_or_default());
    format!(".{name}~{}-{count}{PART}", AtomicFile::word())
}

/// The word in a temporary name.
fn word_of(temporary: &str) -> Option<&str> {
    let inner = temporary.strip_prefix('.')?.strip_suffix(PART)?;
    Some(inner.rsplit_once('~')?.1.split_once('-')?.0)
}

fn cut(name: &OsStr) -> String {
    let name = name.to_string_lossy();
    let end = (0..=NAMED.min(name.len()))
        .rev()
        .find(|&end| name.is_char_boundary(end));
    name[..end.unwrap_or(0)].to_string()
}

fn folder_of(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

#[cfg(unix)]
fn writable_by_owner(permissions: &mut Permissions) {
    use std::os::unix::fs::PermissionsExt;
    permissions.set_mode(permissions.mode() | 0o600);
}

#[cfg(not(unix))]
fn writable_by_owner(permissions: &mut Permissions) {
    permissions.set_readonly(false);
}

/// So that a new name outlives a loss of power. File systems that cannot have it done otherwise.
fn sync_folder(folder: &Path) {
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
}

/// Writing failed half-way.
pub(super) fn unwritable(path: &Path, why: impl Into<Reason>) -> Error {
    let why = why.into();
    let problem = format!("cannot be written ({why})");
    let mend = "make room, or choose another output; nothing was left there";
    why.cause_of(Error::data(path, problem, mend))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn appears_on_commit_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.txt");
        let mut file = AtomicFile::create(&path).unwrap();
        file.write_all(b"new").unwrap();
        assert!(!path.exists());
        let hidden = names(folder.path());
        assert!(hidden.len() == 1 && hidden[0].starts_with('.') && hidden[0].contains(AtomicFile::word()));
        file.commit().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(names(folder.path()), ["out.txt"]);
    }

    #[test]
    fn leaves_the_old_file_when_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.txt");
        std::fs::write(&path, "old").unwrap();
        for committed in [false, true] {
            let mut file = AtomicFile::create(&path).unwrap();
            let second = AtomicFile::create(&path).unwrap();
            file.write_all(b"new").unwrap();
            if committed {
                file.commit().unwrap();
            } else {
                drop(file);
            }
            drop(second);
            assert_eq!(std::fs::read(&path).unwrap(), if committed { b"new" } else { b"old" });
            assert_eq!(names(folder.path()), ["out.txt"]);
        }
    }

    #[test]
    fn what_cannot_be_an_output_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let refused = |path: &Path| AtomicFile::create(path).err().unwrap().to_string();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(refused(folder.path()).contains("this is a folder"));
        assert!(refused(&folder.path().join("no/out.h5")).contains("does not exist"));
        assert!(refused(&file.join("out.h5")).contains("does not exist"));
        assert!(refused(Path::new("")).contains("not a file name"));
        assert!(refused(&folder.path().join("..")).contains("not a file name"));
        #[cfg(unix)]
        assert!(refused(Path::new("/dev/null")).contains("not a regular file"));
        assert_eq!(names(folder.path()), ["file"]);
    }

    #[test]
    fn what_a_killed_writer_left_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let long = "ä".repeat(120);
        for name in ["a~b.h5", long.as_str()] {
            // as a process that is killed does
            std::mem::forget(AtomicFile::create(&folder.path().join(name)).unwrap());
        }
        for other in [".a.h5~0123456789ab-1.part", ".a.h5.part", "a.h5"] {
            std::fs::write(folder.path().join(other), "").unwrap();
        }
        let words = HashSet::from([AtomicFile::word().to_string()]);
        AtomicFile::remove_leftovers(folder.path(), &words);
        let mut there = names(folder.path());
        there.sort();
        assert_eq!(there, [".a.h5.part", ".a.h5~0123456789ab-1.part", "a.h5"]);
        AtomicFile::remove_leftovers(&folder.path().join("no"), &words);
    }

    #[test]
    fn several_appear_together() {
        let folder = tempfile::tempdir().unwrap();
        let create = |name: &str| {
            let mut file = AtomicFile::create(&folder.path().join(name)).unwrap();
            file.write_all(name.as_bytes()).unwrap();
            file.close().unwrap();
            assert!(file.write_all(b"more").is_err());
            file
        };
        drop(vec![create("a"), create("b")]);
        assert!(names(folder.path()).is_empty());
        AtomicFile::commit_all(vec![create("a"), create("b")]).unwrap();
        let mut there = names(folder.path());
        there.sort();
        assert_eq!(there, ["a", "b"]);
        assert_eq!(std::fs::read(folder.path().join("b")).unwrap(), b"b");
    }

    #[test]
    fn what_is_there_is_told_where_a_later_name_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let create = |name: &str| AtomicFile::create(&folder.path().join(name)).unwrap();
        let files = ["a", "b", "c"].map(create);
        std::fs::create_dir_all(folder.path().join("b/taken")).unwrap();
        let error = AtomicFile::commit_all(files.into()).unwrap_err().to_string();
        assert!(
            error.contains("1 of 3 files are new, from") && !error.contains("nothing was left"),
            "{error}"
        );
        let mut there = names(folder.path());
        there.sort();
        assert_eq!(there, ["a", "b"]);
        // the first of them leaves nothing
        let error = AtomicFile::create(&folder.path().join("d")).map(|file| {
            std::fs::create_dir_all(folder.path().join("d/taken")).unwrap();
            file.commit().unwrap_err().to_string()
        });
        assert!(error.unwrap().contains("nothing was left"));
    }

    #[test]
    #[cfg(unix)]
    fn the_mode_of_what_is_replaced_is_kept() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        for kept in [0o600, 0o640, 0o400, 0o666] {
            std::fs::write(&path, "old").unwrap();
            std::fs::set_permissions(&path, Permissions::from_mode(kept)).unwrap();
            let mut file = AtomicFile::create(&path).unwrap();
            assert_eq!(mode(file.temporary()), kept | 0o600);
            file.write_all(b"new").unwrap();
            file.commit().unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), b"new");
            assert_eq!(mode(&path), kept);
            std::fs::remove_file(&path).unwrap();
        }
    }

    #[test]
    #[cfg(unix)]
    fn a_link_is_written_through() {
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real"), folder.path().join("link"));
        std::fs::write(&real, "old").unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let mut file = AtomicFile::create(&link).unwrap();
        file.write_all(b"new").unwrap();
        file.commit().unwrap();
        assert_eq!(std::fs::read(&real).unwrap(), b"new");
        assert!(link.is_symlink());
    }
}
