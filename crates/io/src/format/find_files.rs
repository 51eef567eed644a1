//! The files that a folder and its subfolders hold.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// The files below a folder with one of these `endings`, in either case, as paths seen from it, in order. What is
/// hidden is passed over, and so is the folder `but`, which may be not there. A link that leads nowhere counts as a
/// file, and so does a subfolder that cannot be listed: it is missed when it is read.
///
/// # Errors
/// A folder that cannot be listed.
pub fn files_below(folder: &Path, endings: &[&str], but: &Path) -> Result<Vec<PathBuf>> {
    let mut closed = vec![canonical(folder)?];
    closed.extend(but.canonicalize().ok());
    let mut found = Vec::new();
    collect(folder, Path::new(""), endings, &mut closed, &mut found)?;
    found.sort();
    Ok(found)
}

/// Adds the files in `root/below` to `found`. Folders that are `closed` are not entered, nor, since a link may lead
/// back up, those on the way here.
fn collect(
    root: &Path,
    below: &Path,
    endings: &[&str],
    closed: &mut Vec<PathBuf>,
    found: &mut Vec<PathBuf>,
) -> Result<()> {
    let folder = root.join(below);
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        // reading it as a file is the error
        Err(_) if below != Path::new("") => {
            found.push(below.to_path_buf());
            return Ok(());
        }
        Err(e) => return Err(unlisted(&folder, e)),
    };
    for entry in entries {
        let name = entry.map_err(|e| unlisted(&folder, e))?.file_name();
        if name.to_string_lossy().starts_with('.') {
            continue;
        }
        let (path, file) = (folder.join(&name), below.join(&name));
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_dir() => {
                let real = canonical(&path)?;
                if !closed.contains(&real) {
                    closed.push(real);
                    collect(root, &file, endings, closed, found)?;
                    closed.pop();
                }
            }
            Ok(metadata) if !metadata.is_file() => {}
            _ if has_ending(&file, endings) => found.push(file),
            _ => {}
        }
    }
    Ok(())
}

/// Whether a file has one of these endings, in either case.
pub fn has_ending(file: &Path, endings: &[&str]) -> bool {
    let ending = file.extension().map(|e| e.to_string_lossy().to_lowercase());
    ending.is_some_and(|ending| endings.contains(&ending.as_str()))
}

fn canonical(folder: &Path) -> Result<PathBuf> {
    folder.canonicalize().map_err(|e| unlisted(folder, e))
}

fn unlisted(folder: &Path, error: std::io::Error) -> Error {
    let problem = format!("cannot be listed ({error})");
    Error::data(folder, problem, "name a folder you may read").caused_by(error)
}
