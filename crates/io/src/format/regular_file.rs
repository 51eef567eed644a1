//! Opening what is read, or written behind. A named pipe, a socket or a device would be waited for, and a folder is no
//! file.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{Error, ErrorKind, Read, Result};
use std::path::Path;

/// Opens a file for reading.
///
/// # Errors
/// What is no regular file is refused before it is opened.
pub fn open_regular(path: &Path) -> Result<File> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(Error::new(ErrorKind::InvalidInput, "this is not a regular file"));
    }
    File::open(path)
}

/// What names a file on its machine, whatever path leads there: device and number, where the system tells.
pub fn identity(metadata: &Metadata) -> Option<[u64; 2]> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        Some([metadata.dev(), metadata.ino()])
    }
    #[cfg(not(unix))]
    {
        let _ = metadata;
        None
    }
}

/// Journals, manifests and lists are read whole, and none of this program is longer than this, in bytes.
const LONGEST: u64 = 1 << 30;

/// The whole of such a file.
///
/// # Errors
/// As [`open_regular`], and a file of more than a gigabyte.
pub fn read_regular(path: &Path) -> Result<Vec<u8>> {
    read_up_to(path, LONGEST)
}

fn read_up_to(path: &Path, longest: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_regular(path)?.take(longest + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > longest {
        let problem = format!("it is longer than the {longest} bytes that are read of a text");
        return Err(Error::new(ErrorKind::FileTooLarge, problem));
    }
    Ok(bytes)
}

/// Opens a file to read it and to write behind what it holds; makes it where it is not there.
///
/// # Errors
/// What is no regular file. A link is none: it may lead to a file of somebody else.
pub fn append_regular(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true);
    match options.clone().create_new(true).open(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        opened => return opened,
    }
    if !path.symlink_metadata()?.is_file() {
        return Err(Error::new(ErrorKind::InvalidInput, "this is not a regular file"));
    }
    options.open(path)
}

/// The same as text; what is no UTF-8 in it is replaced.
///
/// # Errors
/// Those of [`read_regular`].
pub fn read_text(path: &Path) -> Result<String> {
    let lossy = |e: std::string::FromUtf8Error| String::from_utf8_lossy(e.as_bytes()).into_owned();
    Ok(String::from_utf8(read_regular(path)?).unwrap_or_else(lossy))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn only_files_are_opened() {
        use std::os::unix::net::UnixListener;
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let _socket = UnixListener::bind(path("socket")).unwrap();
        let made = std::process::Command::new("mkfifo").arg(path("pipe")).status();
        assert!(made.unwrap().success());
        for other in [path("socket"), path("pipe"), path(""), "/dev/zero".into()] {
            let error = read_regular(&other).unwrap_err().to_string();
            assert!(error.contains("not a regular file"), "{other:?}: {error}");
        }
        std::fs::write(path("file"), "text").unwrap();
        std::os::unix::fs::symlink(path("file"), path("link")).unwrap();
        assert_eq!(read_regular(&path("link")).unwrap(), b"text");
        assert_eq!(read_regular(&path("none")).unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(read_up_to(&path("file"), 4).unwrap(), b"text");
        let error = read_up_to(&path("file"), 3).unwrap_err().to_string();
        assert!(error.contains("longer than the 3 bytes"), "{error}");
        std::fs::write(path("latin"), b"\xe9").unwrap();
        assert_eq!(read_text(&path("latin")).unwrap(), "\u{fffd}");
    }

    #[test]
    #[cfg(unix)]
    fn nothing_is_written_behind_what_lies_elsewhere() {
        use std::io::Write;
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for text in ["one ", "two"] {
            append_regular(&path("file"))
                .unwrap()
                .write_all(text.as_bytes())
                .unwrap();
        }
        for (name, to) in [("link", "file"), ("lost", "nowhere")] {
            std::os::unix::fs::symlink(path(to), path(name)).unwrap();
            let error = append_regular(&path(name)).unwrap_err().to_string();
            assert!(error.contains("not a regular file"), "{error}");
        }
        assert_eq!(read_regular(&path("file")).unwrap(), b"one two");
        assert!(!path("nowhere").exists());
    }
}
