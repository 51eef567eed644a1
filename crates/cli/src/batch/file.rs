//! Records of files as they were read or written: size, time and checksum. A later file is compared with them.

use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::lock;
use pvdamp_io::error::{Error, Result};
use pvdamp_io::format::{ReadFiles, Stamp, open_regular};

/// Size, time and checksum of a file when it was read or written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    /// As the user gave it; for a result, relative to the folder of the batch.
    pub path: String,
    #[serde(flatten)]
    pub stamp: Stamp,
    /// SHA-256 of the content in hexadecimal, as `sha256sum` prints it.
    pub sha256: String,
}

impl FileRecord {
    /// Reads the whole file at `at`, to be recorded as `path`. Errors: a file that cannot be read, or that changes
    /// meanwhile.
    pub fn of(at: &Path, path: String) -> Result<Self> {
        let files = ReadFiles::of([at.to_path_buf()]);
        let stamp = stamp_of(at)?;
        let sha256 = sha256(at)?;
        files.check()?;
        Ok(Self { path, stamp, sha256 })
    }

    /// Whether the file at `at` is unchanged: it has the same size and time, or else the same content.
    pub fn is_unchanged(&self, at: &Path) -> bool {
        stamp_of(at).is_ok_and(|now| now == self.stamp) || self.has_content_of(at)
    }

    /// Whether the content of the file at `at` is the recorded one.
    pub fn has_content_of(&self, at: &Path) -> bool {
        let same_size = stamp_of(at).is_ok_and(|now| now.bytes == self.stamp.bytes);
        same_size && sha256(at).is_ok_and(|sum| sum == self.sha256)
    }
}

/// Errors: a file that is not there.
fn stamp_of(path: &Path) -> Result<Stamp> {
    Stamp::of(path).map_err(|e| unreadable(path, &e))
}

/// Checksums of files that several scans use. Each is computed once, unless the file changes.
#[derive(Default)]
pub struct ChecksumCache(Mutex<HashMap<PathBuf, FileRecord>>);

impl ChecksumCache {
    /// As [`FileRecord::of`], recorded under the given path.
    pub fn record(&self, path: &Path) -> Result<FileRecord> {
        let now = stamp_of(path)?;
        if let Some(cached) = lock(&self.0).get(path).filter(|cached| cached.stamp == now) {
            return Ok(cached.clone());
        }
        let record = FileRecord::of(path, path.display().to_string())?;
        lock(&self.0).insert(path.to_path_buf(), record.clone());
        Ok(record)
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    Error::data(
        path,
        format!("cannot be read ({error})"),
        "check that it is there and may be read",
    )
}

fn sha256(path: &Path) -> Result<String> {
    let failed = |e: std::io::Error| unreadable(path, &e);
    let mut file = open_regular(path).map_err(failed)?;
    let mut sum = Sha256::new();
    let mut block = vec![0; 1 << 20];
    loop {
        match file.read(&mut block).map_err(failed)? {
            0 => return Ok(hexadecimal(&sum.finalize())),
            read => sum.update(&block[..read]),
        }
    }
}

/// SHA-256 of a text in hexadecimal.
pub fn sha256_of(text: &str) -> String {
    hexadecimal(&Sha256::digest(text.as_bytes()))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The first 63 bits of a text's checksum. Seeds are stored as signed integers.
pub fn seed_of(text: &str) -> u64 {
    let digest = Sha256::digest(text.as_bytes());
    let first = digest
        .iter()
        .take(8)
        .fold(0, |seed: u64, &byte| seed << 8 | u64::from(byte));
    first >> 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_by_its_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, "abc").unwrap();
        let record = FileRecord::of(&path, "a".into()).unwrap();
        // of FIPS 180-2, appendix B
        assert_eq!(
            record.sha256,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        let same = |path: &Path| (record.is_unchanged(path), record.has_content_of(path));
        assert_eq!(same(&path), (true, true));
        let copy = folder.path().join("copy");
        std::fs::write(&copy, "abc").unwrap();
        assert_eq!(same(&copy), (true, true));
        std::fs::write(&copy, "abd").unwrap();
        assert_eq!(same(&copy), (false, false));
        std::fs::write(&copy, "abcd").unwrap();
        assert_eq!(same(&copy), (false, false));
        assert_eq!(same(&folder.path().join("no")), (false, false));
        assert!(FileRecord::of(folder.path(), String::new()).is_err());
    }

    #[test]
    fn seeds_differ_and_can_be_stored_as_signed_integers() {
        let seeds = ["0:a", "0:b", "1:a"].map(seed_of);
        assert!(seeds[0] != seeds[1] && seeds[0] != seeds[2]);
        assert!((0..100).all(|i| i64::try_from(seed_of(&i.to_string())).is_ok()));
    }
}
