//! Files that appear whole or not at all.

use std::collections::HashSet;
use std::fs::{File, Permissions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::presence::Presence;
use super::reason::Reason;
use super::temporary_name::{PART, names_in, new_name, process_word};
use crate::error::{Error, Result};

/// A file under a temporary name in the folder of the final one, renamed when it is complete. Dropped without
/// [`AtomicFile::commit`], it leaves nothing behind, and what had the final name before stays as it was.
pub struct AtomicFile {
    /// `None` once it is on disk.
    file: Option<File>,
    temporary: PathBuf,
    target: PathBuf,
    /// Of the file that is replaced, to be kept.
    permissions: Option<Permissions>,
    committed: bool,
    /// Tells other processes that the temporary file is not left over, while it has no name and may not be open.
    _presence: Arc<Presence>,
}

impl AtomicFile {
    /// Creates the temporary file, hidden, so that an output that cannot be written is known before anything is
    /// computed. What killed processes left in the folder is removed.
    ///
    /// # Errors
    /// A folder that is missing or cannot be written, or a target that is there and is not a regular file. A link is
    /// none: somebody else may have put it there, and what it leads to may be shared.
    pub fn create(path: &Path) -> Result<Self> {
        let error = |problem: &str, mend: &str| Err(Error::data(path, problem, mend));
        let Some(name) = path.file_name() else {
            return error("this is not a file name", "name the output file");
        };
        let there = path.symlink_metadata();
        let permissions = there.as_ref().ok().map(std::fs::Metadata::permissions);
        match there {
            Ok(m) if m.is_symlink() => {
                let problem = "this is a link, and what it leads to is not replaced";
                return error(problem, "remove the link, or name another output");
            }
            Ok(m) if m.is_dir() => return error("this is a folder", "name a file in it"),
            Ok(m) if !m.is_file() => return error("this is not a regular file", "name another output"),
            _ => {}
        }
        let folder = folder_of(path);
        if !folder.is_dir() {
            let problem = format!("the folder {} does not exist", folder.display());
            return error(&problem, "create it, or choose another output");
        }
        let refused = |e: std::io::Error| {
            let problem = format!("nothing can be written in {} ({e})", folder.display());
            Error::data(path, problem, "choose a folder you may write to").caused_by(e)
        };
        let presence = Presence::in_folder(folder).map_err(refused)?;
        let temporary = folder.join(new_name(name, PART));
        // a name that is there already is not followed, whatever lies behind it
        let file = File::create_new(&temporary).map_err(refused)?;
        let created = Self {
            file: Some(file),
            temporary,
            target: path.to_path_buf(),
            permissions,
            committed: false,
            _presence: presence,
        };
        // Others must not read meanwhile what they may not read afterwards.
        created.permit(true).map_err(|e| unwritable(path, e))?;
        Ok(created)
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
        &self.target
    }

    /// Puts the file on disk and lets go of it, so that many can wait for their names. It cannot be written any more.
    pub fn close(&mut self) -> Result<()> {
        let synced = self.file.take().map_or(Ok(()), |file| file.sync_all());
        synced.map_err(|e| unwritable(&self.target, e))
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
                Err(e) if at == 0 => return Err(unwritable(&file.target, e)),
                Err(e) => {
                    let problem = format!("cannot be given its name ({e})");
                    let first = files[0].target.display();
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
        process_word()
    }

    /// Removes what processes with these words left in `folder` when they were killed. Only for one who knows that none
    /// of them is at work; where the file system has locks, [`AtomicFile::create`] sees that by itself.
    pub fn remove_leftovers(folder: &Path, words: &HashSet<String>) {
        for name in names_in(folder).iter().filter(|name| words.contains(name.word())) {
            // one that stays does no harm
            let _ = std::fs::remove_file(folder.join(name.as_str()));
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
        // itself, and the lock that tells others of it
        let hidden = names(folder.path());
        let is_ours = |name: &String| name.starts_with('.') && name.contains(AtomicFile::word());
        assert!(hidden.len() == 2 && hidden.iter().all(is_ours), "{hidden:?}");
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
    fn a_link_is_not_written_through() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("real"), "old").unwrap();
        for (name, to) in [("link", "real"), ("lost", "nowhere")] {
            std::os::unix::fs::symlink(path(to), path(name)).unwrap();
            let refused = AtomicFile::create(&path(name)).err().unwrap().to_string();
            assert!(
                refused.contains(name) && refused.contains("this is a link"),
                "{refused}"
            );
        }
        // one that is put there meanwhile is replaced, not followed
        let file = AtomicFile::create(&path("new")).unwrap();
        std::os::unix::fs::symlink(path("real"), path("new")).unwrap();
        file.commit().unwrap();
        assert_eq!(std::fs::read(path("real")).unwrap(), b"old");
        assert!(!path("new").is_symlink() && !path("nowhere").exists());
    }
}
