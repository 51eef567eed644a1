//! The table of formats that scans are read from, and how a file finds its own.

use std::path::Path;

use super::super::source::container::{Container, files_of};
use super::super::stamp::ReadFiles;
use super::options::{Centre, ScanOptions};
use super::reader::{Outline, Scan, ScanFormat};
use super::recentre::Recentring;
use super::{bart, calgary, fastmri, ismrmrd, numpy};
use crate::error::{Error, Result};

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
    /// Opens a scan; its content says of which format it is. A few slices at most are read, to see where the origins
    /// lie; a volume whose planes do not lie together is read whole, and they are put in order on disk.
    ///
    /// # Errors
    /// A file that cannot be read or is of no known kind, and whatever its format refuses.
    pub fn open(path: &Path, options: &ScanOptions) -> Result<Self> {
        let files = ReadFiles::of(files_of(path)?);
        let opened = Self::recentred_of(path, options);
        files.check()?;
        Ok(Self { files, ..opened? })
    }

    /// The scan with its origins at the centre.
    fn recentred_of(path: &Path, options: &ScanOptions) -> Result<Self> {
        let mut found = Vec::new();
        // each time the centre along one axis more is stated, of two
        for _ in 0..=2 {
            let options = ScanOptions {
                centre: match &found[..] {
                    [] => options.centre.clone(),
                    found => options.centre.with(found.to_vec()),
                },
                ..options.clone()
            };
            let mut scan = match Self::prepared(path, &options)?.recentred(&options.centre)? {
                Recentring::Done(scan) => *scan,
                Recentring::OtherSteps(steps) => {
                    found.extend(steps);
                    continue;
                }
            };
            if !found.is_empty() {
                scan.warnings.push(format!(
                    "the header says otherwise, but the energy of k-space lies about {}: that is taken for zero frequency \
                     (--centre as-is takes the header's word)",
                    Centre::Stated(found)
                ));
            }
            return Ok(scan);
        }
        Err(Error::internal("the centre along both axes was stated"))
    }

    /// Ready to be read.
    fn prepared(path: &Path, options: &ScanOptions) -> Result<Self> {
        let mut scan = Self::unprepared(path, options)?;
        scan.warnings.extend(scan.planes.prepare()?);
        if let Some(calibration) = &mut scan.calibration {
            calibration.planes.prepare()?;
        }
        Ok(scan)
    }

    /// What [`Scan::open`] would open, by headers, masks and tables alone: planes of a volume are not put in order. Of
    /// raw data the noise scan is read.
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
        if options.directions.is_some() && format.name != ismrmrd::FORMAT.name {
            return Err(Error::setting(format!(
                "--directions means nothing to {}, which is no raw data and tells of no directions",
                path.display()
            )));
        }
        opened
    }
}
