//! New ids: hashes with a key, without which nobody can find the old ones by trying.

use std::io::{Read, Write};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::super::regular_file::open_regular;
use crate::error::{Error, Result};

/// Of a key in a file, in bytes. A short one could be tried.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 16..=4096;

/// Gives new ids for old ones, the same for the same.
pub struct Anonymizer {
    key: Vec<u8>,
}

impl Anonymizer {
    /// With a random key that is kept nowhere: nobody can tell later which patient was which.
    pub fn new() -> Self {
        Self {
            key: random_key().into_bytes(),
        }
    }

    /// With the key in a file, which is made with a random key where it is not there; and whether it was.
    ///
    /// # Errors
    /// A file that cannot be read or made, and one that is too short to be a secret or too long to be a key.
    pub fn with_key_of(path: &Path) -> Result<(Self, bool)> {
        let made = !path.exists() && make(path)?;
        let mut key = Vec::new();
        let read = open_regular(path).and_then(|file| file.take(*KEY_BYTES.end() as u64 + 1).read_to_end(&mut key));
        read.map_err(|e| {
            let problem = format!("this key cannot be read ({e})");
            Error::data(path, problem, "name a file you may read").caused_by(e)
        })?;
        // an editor may have put a line's end behind it
        let key = key.trim_ascii().to_vec();
        if !KEY_BYTES.contains(&key.len()) {
            let (least, most) = (KEY_BYTES.start(), KEY_BYTES.end());
            let problem = format!("is no key for new ids, which has {least} to {most} bytes");
            let mend = "name a file that is not there: it is made, with a random key";
            return Err(Error::data(path, problem, mend));
        }
        Ok((Self { key }, made))
    }

    /// A word that tells two keys apart, and tells nothing of a random one.
    pub fn fingerprint(&self) -> String {
        hexadecimal(&self.hash("key", "")[..8])
    }

    pub(super) fn patient(&self, id: &str) -> String {
        hexadecimal(&self.hash("patient", id)[..8])
    }

    /// Under the root for UUIDs (PS3.5, B.2).
    pub(super) fn uid(&self, uid: &str) -> String {
        let first = self.hash("uid", uid)[..16].try_into().expect("a hash of 32 bytes");
        format!("2.25.{}", uuid::Builder::from_custom_bytes(first).into_uuid().as_u128())
    }

    /// Key and value have their lengths before them, so that no two pairs are hashed alike.
    fn hash(&self, kind: &str, value: &str) -> [u8; 32] {
        let mut sum = Sha256::new();
        for part in [kind.as_bytes(), &self.key, value.trim().as_bytes()] {
            sum.update((part.len() as u64).to_le_bytes());
            sum.update(part);
        }
        sum.finalize().into()
    }
}

impl Default for Anonymizer {
    fn default() -> Self {
        Self::new()
    }
}

/// 244 random bits.
fn random_key() -> String {
    let half = || uuid::Uuid::new_v4().simple();
    format!("{}{}", half(), half())
}

/// Makes a file with a random key, whole, for its owner alone. Whether it did: another process may have been first.
fn make(path: &Path) -> Result<bool> {
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    let written = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new("."))).and_then(|mut file| {
        writeln!(file, "{}", random_key())?;
        file.as_file().sync_all()?;
        match file.persist_noclobber(path) {
            Err(error) if error.error.kind() != std::io::ErrorKind::AlreadyExists => Err(error.error),
            made => Ok(made.is_ok()),
        }
    });
    written.map_err(|e| {
        let problem = format!("this key cannot be written ({e})");
        Error::data(path, problem, "name a file in a folder you may write to").caused_by(e)
    })
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_follow_from_key_and_old_id() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let (first, made) = Anonymizer::with_key_of(&path).unwrap();
        let (again, made_again) = Anonymizer::with_key_of(&path).unwrap();
        assert_eq!((made, made_again), (true, false));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        let ids = |by: &Anonymizer| [by.patient("p-7"), by.uid("1.2.3"), by.fingerprint()];
        assert_eq!(ids(&first), ids(&again));
        assert_eq!(first.patient(" p-7\n"), first.patient("p-7"));
        let others = [Anonymizer::new(), Anonymizer::new()].map(|by| ids(&by));
        for (i, id) in ids(&first).iter().enumerate() {
            assert!(*id != others[0][i] && *id != others[1][i] && others[0][i] != others[1][i]);
        }
        assert!(first.patient("p-7") != first.patient("p-8") && first.uid("1.2.3") != first.uid("1.2.4"));
        let uid = first.uid("1.2.3");
        assert!(uid.len() <= 64 && uid.starts_with("2.25.") && uid.bytes().all(|b| b == b'.' || b.is_ascii_digit()));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let refused = |text: &str| {
            let path = folder.path().join("key");
            std::fs::write(&path, text).unwrap();
            let refused = Anonymizer::with_key_of(&path).err();
            refused.map(|error| error.to_string())
        };
        for short in ["", "123", "fifteen bytes..\n"] {
            assert!(refused(short).unwrap().contains("16 to 4096 bytes"), "{short}");
        }
        assert!(refused(&"x".repeat(4097)).unwrap().contains("is no key"));
        assert!(refused("sixteen bytes...\n").is_none());
        let nowhere = Anonymizer::with_key_of(&folder.path().join("no/key")).err().unwrap();
        assert!(nowhere.to_string().contains("cannot be written"));
        assert!(Anonymizer::with_key_of(folder.path()).is_err());
    }
}
