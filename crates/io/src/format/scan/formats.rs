//! The table of formats that scans are read from, and how a file finds its own.

use std::path::Path;

use super::super::source::container::{Container, files_of};
use super::super::stamp::ReadFiles;
use super::reader::{Outline, Scan, ScanFormat, ScanOptions};
use super::{bart, calgary, fastmri, ismrmrd, numpy};
use crate::error::Result;

/// Every kind of file that scans are read from. The first that recognises a file opens it; a file that none of them
/// recognises goes to the last, which says what is wrong.
pub static SCAN_FORMATS: &[ScanFormat] = &[
    bart::FORMAT,
    numpy::FORMAT,
    ismrmrd::FORMAT,
    calgary::FORMAT,
    fastmri::FORMAT,
];

impl ScanFormat {
    /// The row of that name.
    pub fn find(name: &str) -> Option<&'static ScanFormat> {
        SCAN_FORMATS.iter().find(|format| format.name == name)
    }
}

impl Scan {
    /// Opens a scan; its content says of which format it is. Of a two-dimensional scan no k-space is read yet; a volume
    /// whose planes do not lie together is read whole, and they are put in order on disk.
    ///
    /// # Errors
    /// A file that cannot be read or is of no known kind, and whatever its format refuses.
    pub fn open(path: &Path, options: &ScanOptions) -> Result<Self> {
        let files = ReadFiles::of(files_of(path)?);
        let opened = Self::unprepared(path, options).and_then(|mut scan| {
            scan.warnings.extend(scan.planes.prepare()?);
            Ok(scan)
        });
        files.check()?;
        Ok(Self { files, ..opened? })
    }

    /// What [`Scan::open`] would open, by headers, masks and tables alone: planes of a volume are not put in order. Of
    /// raw data the noise scan is read, of Calgary-Campinas' one slice.
    ///
    /// # Errors
    /// Those of [`Scan::open`], but for those of k-space that only opening reads.
    pub fn outline(path: &Path, options: &ScanOptions) -> Result<Outline> {
        let scan = Self::unprepared(path, options)?;
        let acquisition = scan.attributes.iter().find(|a| a.name == "acquisition");
        Ok(Outline {
            format: scan.format,
            slices: scan.slices,
            places: scan.places.count(),
            coils: scan.coils,
            grid: scan.grid,
            acquisition: acquisition.and_then(|a| a.text()).map(str::to_string),
        })
    }

    /// All but planes to read.
    fn unprepared(path: &Path, options: &ScanOptions) -> Result<Self> {
        let file = Container::open(path)?;
        let known = SCAN_FORMATS.iter().find(|format| (format.recognise)(&file, options));
        let format = known.or(SCAN_FORMATS.last()).expect("a format");
        let opened = (format.open)(&file, options);
        file.check()?;
        opened
    }
}
