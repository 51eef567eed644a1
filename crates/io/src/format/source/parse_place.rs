//! `FILE` or `FILE:dataset`, as written on a command line.

use std::convert::Infallible;
use std::path::Path;
use std::str::FromStr;

use crate::error::Place;

impl FromStr for Place {
    type Err = Infallible;

    /// Splits `FILE:dataset` at a colon. The dataset may hold slashes (`masks.h5:bern_r5/mask`).
    ///
    /// A path that exists as written is a file, whatever colons it holds; of several colons the one that
    /// leaves an existing file before it wins, else the last. The colon of a Windows drive (`C:\scan.h5`)
    /// is part of the path.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        if Path::new(text).exists() {
            return Ok(Path::new(text).into());
        }
        let splits: Vec<(&str, &str)> = text
            .match_indices(':')
            .filter(|&(at, _)| !is_drive(text, at))
            .map(|(at, _)| (&text[..at], &text[at + 1..]))
            .filter(|(file, dataset)| !file.is_empty() && !dataset.is_empty())
            .collect();
        let existing = splits.iter().rfind(|(file, _)| Path::new(file).exists());
        Ok(match existing.or(splits.last()) {
            Some((file, dataset)) => Self::new(file, *dataset),
            None => Path::new(text).into(),
        })
    }
}

fn is_drive(text: &str, colon: usize) -> bool {
    colon == 1 && text.as_bytes()[0].is_ascii_alphabetic() && matches!(text.as_bytes().get(2), Some(b'\\' | b'/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str) -> (String, Option<String>) {
        let Ok(place) = text.parse::<Place>();
        (place.file.to_str().unwrap().to_string(), place.dataset)
    }

    fn split(file: &str, dataset: &str) -> (String, Option<String>) {
        (file.to_string(), Some(dataset.to_string()))
    }

    #[test]
    fn a_colon_parts_file_and_dataset() {
        assert_eq!(place("scan.h5"), ("scan.h5".into(), None));
        assert_eq!(place("masks.h5:bern_r5/mask"), split("masks.h5", "bern_r5/mask"));
        assert_eq!(place("/a/b.h5:/mask"), split("/a/b.h5", "/mask"));
        assert_eq!(place("scan.h5:"), ("scan.h5:".into(), None));
        assert_eq!(place(":mask"), (":mask".into(), None));
        assert_eq!(place(""), (String::new(), None));
        assert_eq!(place("µ:µ"), split("µ", "µ"));
    }

    #[test]
    fn a_drive_letter_is_not_a_file() {
        assert_eq!(place(r"C:\data\scan.h5"), (r"C:\data\scan.h5".into(), None));
        assert_eq!(place("d:/scan.h5:maps"), split("d:/scan.h5", "maps"));
        assert_eq!(place("m:maps"), split("m", "maps"));
    }

    #[test]
    fn what_exists_wins() {
        let folder = tempfile::tempdir().unwrap();
        let timed = folder.path().join("scan_12:30.h5");
        std::fs::write(&timed, "x").unwrap();
        let timed = timed.to_str().unwrap();
        assert_eq!(place(timed), (timed.to_string(), None));
        assert_eq!(place(&format!("{timed}:mask")), split(timed, "mask"));
        assert_eq!(place(&format!("{timed}:odd:name")), split(timed, "odd:name"));
    }
}
