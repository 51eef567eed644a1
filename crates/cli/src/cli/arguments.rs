//! Groups of options that several commands share, turned into settings once.

use std::path::{Path, PathBuf};

use clap::Args;

use pvdamp::Settings;
use pvdamp::array::Grid;
use pvdamp::coil::{EspiritSettings, MapSets};
use pvdamp::reconstruct::Recalibration;
use pvdamp::sampling::{Acs, FAMILIES, Family, Request};
use pvdamp_io::error::{Error, Place, Result};
use pvdamp_io::format::{Axes, Centre, Directions, ImageFormat, Part, Scan, ScanOptions, files_of, identity};
use pvdamp_io::recon::{MapsSource, ScanSettings};

/// A choice from a table, by name.
macro_rules! one_of {
    ($table:expr) => {
        clap::builder::PossibleValuesParser::new(
            $table
                .iter()
                .map(|row| clap::builder::PossibleValue::new(row.name).help(row.summary)),
        )
    };
}
pub(super) use one_of;

/// The scan and where its k-space lies.
#[derive(Args)]
pub struct ScanArguments {
    /// Scan with k-space
    #[arg(value_name = "SCAN")]
    pub scan: PathBuf,

    #[command(flatten)]
    pub options: ScanOptionArguments,
}

impl ScanArguments {
    pub fn open(&self) -> Result<Scan> {
        Scan::open(&self.scan, &self.options.options())
    }
}

/// How k-space lies in its file.
#[derive(Args)]
pub struct ScanOptionArguments {
    /// Dataset of the k-space [default: kspace]
    #[arg(long, value_name = "DATASET")]
    kspace: Option<String>,

    /// What the axes of k-space mean, slowest first: slice, frame, echo, coil, kx, x (a readout that is transformed
    /// already), ky, kz [default: as the format has them]
    #[arg(long, value_name = "AXES")]
    axes: Option<Axes>,

    /// Where zero frequency lies: auto, held against the energy of k-space; as-is, as the file says; or indices along kx, ky,
    /// kz, as ky=32, of raw data encoding steps
    #[arg(long, value_name = "auto|as-is|ky=N", default_value = "auto")]
    centre: Centre,

    /// Whether images run along the directions of raw data (read_dir, phase_dir, slice_dir) or against them [default: by
    /// the vendor]
    #[arg(long, value_name = "along|against")]
    directions: Option<Directions>,
}

impl ScanOptionArguments {
    pub fn options(&self) -> ScanOptions {
        ScanOptions {
            dataset: self.kspace.clone(),
            axes: self.axes.clone(),
            centre: self.centre.clone(),
            directions: self.directions,
        }
    }
}

/// Drawing a mask.
#[derive(Args, Clone)]
#[command(next_help_heading = "Undersampling a fully sampled scan")]
pub struct DrawArguments {
    /// Acceleration R: draw a mask that keeps 1/R of k-space
    #[arg(long, value_name = "R")]
    pub accel: Option<f64>,

    /// How the mask is drawn
    #[arg(long, value_name = "FAMILY", requires = "accel", default_value = "bernoulli", value_parser = one_of!(FAMILIES))]
    pub sampling: String,

    /// Fully sampled centre (ACS), N or ROWSxCOLS; of masks of phase-encode lines N of them [default: 24, or the axis where that is shorter]
    #[arg(long, value_name = "N", requires = "accel", value_parser = parse_acs)]
    pub acs: Option<Acs>,

    /// For masks of phase-encode lines, in place of --acs: share of the lines in the fully sampled centre [default: 0.32/R]
    #[arg(long, value_name = "SHARE", requires = "accel", conflicts_with = "acs")]
    pub acs_fraction: Option<f64>,

    /// How steeply the sampling density falls from the centre; 0 is uniform. Not for masks of phase-encode lines [default: 2]
    #[arg(long, value_name = "ORDER", requires = "accel")]
    pub order: Option<f64>,

    /// Seed of the mask
    #[arg(long, value_name = "SEED", requires = "accel", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    pub seed: u64,
}

impl DrawArguments {
    pub fn family(&self) -> Result<&'static Family> {
        Family::find(&self.sampling).ok_or_else(|| unknown("--sampling", &self.sampling))
    }

    pub fn request(&self, acceleration: f64) -> Request {
        Request {
            acceleration,
            acs: self.acs.or(self.acs_fraction.map(Acs::Fraction)),
            order: self.order,
            seed: self.seed,
        }
    }
}

/// Coil maps.
#[derive(Args)]
#[command(next_help_heading = "Coil sensitivity maps")]
pub struct EspiritArguments {
    /// Sets of ESPIRiT maps, 1 or 2: auto takes 2 where one does not explain the scan, as with an object larger than the
    /// field of view
    #[arg(long, value_name = "auto|N", default_value = "auto", value_parser = parse_map_sets)]
    pub map_sets: MapSets,

    /// Scan to calibrate the maps on, by the same coils, in any format [default: the scan itself]
    #[arg(long, value_name = "FILE[:DATASET]")]
    pub calibrate_on: Option<Place>,

    /// Side of the calibration region, at most, up to 1024 [samples]
    #[arg(long, value_name = "N", default_value_t = 24)]
    pub calibration: usize,

    /// Side of the ESPIRiT kernel, 3 to 24 [samples] [default: 6, less where the sampled centre is small]
    #[arg(long, value_name = "N")]
    pub kernel: Option<usize>,

    /// How often coil maps are calibrated again from a short reconstruction, 0 to 10: auto does it where the sampled
    /// centre is narrower than 18
    #[arg(long, value_name = "auto|off|N", default_value = "auto", value_parser = parse_recalibration)]
    pub recalibrate: Recalibration,

    /// ESPIRiT eigenvalue below which a pixel counts as outside the object; 0 keeps all [default: 0.8, of two sets 0.5]
    #[arg(long, value_name = "EIGENVALUE")]
    pub crop: Option<f64>,
}

impl EspiritArguments {
    /// Settings that are otherwise those of the scan.
    pub fn settings(&self) -> ScanSettings {
        let espirit = EspiritSettings {
            kernel: self.kernel,
            calibration: self.calibration,
            crop: self.crop,
            sets: self.map_sets,
            ..EspiritSettings::default()
        };
        let engine = Settings {
            espirit,
            recalibration: self.recalibrate,
            ..Settings::default()
        };
        ScanSettings {
            engine,
            calibration: self.calibrate_on.clone(),
            ..ScanSettings::default()
        }
    }
}

/// Coil maps, given or to be estimated.
#[derive(Args)]
pub struct MapsArguments {
    /// Coil maps [default: ESPIRiT from the sampled centre]
    #[arg(
        long,
        value_name = "FILE[:DATASET]",
        conflicts_with = "EspiritArguments",
        help_heading = "Coil sensitivity maps"
    )]
    pub maps: Option<Place>,

    #[command(flatten)]
    espirit: EspiritArguments,
}

impl MapsArguments {
    /// The scan that maps are calibrated on, where it is another.
    pub fn calibrated_on(&self) -> &Option<Place> {
        &self.espirit.calibrate_on
    }

    /// Settings that are otherwise those of the scan.
    pub fn settings(&self) -> ScanSettings {
        ScanSettings {
            maps: self.maps.clone().map_or(MapsSource::Espirit, MapsSource::File),
            ..self.espirit.settings()
        }
    }
}

/// Real images of complex ones.
#[derive(Args)]
pub struct PartArguments {
    /// What .nii, .nii.gz and .dcm are to hold of complex images: mag, phase (in radians), real or imag, or several, each in
    /// a file of its own, as NAME_part-phase.nii [default: the magnitude]
    #[arg(long, value_name = "PART,...", value_delimiter = ',')]
    part: Vec<Part>,
}

impl PartArguments {
    /// The parts asked for, none where the magnitude is meant.
    ///
    /// # Errors
    /// A format that has no parts, and a part that is named twice.
    pub fn of_format(&self, format: Option<&ImageFormat>) -> Result<&[Part]> {
        if let Some(part) = self
            .part
            .iter()
            .enumerate()
            .find(|(i, part)| self.part[..*i].contains(part))
        {
            let name = part.1.name();
            return Err(Error::setting(format!("--part names {name} twice: leave one out")));
        }
        let why = match format {
            _ if self.part.is_empty() => return Ok(&[]),
            Some(format) if format.parts => return Ok(&self.part),
            Some(format) if format.complex => format!("{}, which holds complex images whole", format.title),
            Some(format) => format!("{}, which shows the magnitude alone", format.title),
            None => "HDF5, which holds complex images whole".into(),
        };
        Err(Error::setting(format!(
            "--part means nothing to {why}: name the output .nii, .nii.gz or .dcm, or leave --part out"
        )))
    }

    pub fn are_given(&self) -> bool {
        !self.part.is_empty()
    }
}

fn parse_map_sets(text: &str) -> std::result::Result<MapSets, String> {
    match text {
        "auto" => Ok(MapSets::Auto),
        "1" => Ok(MapSets::Fixed(1)),
        "2" => Ok(MapSets::Fixed(2)),
        _ => Err("it is auto, 1 or 2".into()),
    }
}

fn parse_recalibration(text: &str) -> std::result::Result<Recalibration, String> {
    match text {
        "auto" => Ok(Recalibration::Auto),
        "off" => Ok(Recalibration::Passes(0)),
        _ => match text.parse() {
            Ok(passes @ 0..=10) => Ok(Recalibration::Passes(passes)),
            _ => Err("it is auto, off or a number from 0 to 10".into()),
        },
    }
}

pub fn unknown(option: &str, name: &str) -> Error {
    Error::setting(format!("{option} {name}: there is no such name, see --help"))
}

/// Makes a folder for output, where it is not there yet.
pub fn make_folder(folder: &Path, mend: &str) -> Result<()> {
    let failed = |e: std::io::Error| Error::data(folder, format!("this folder cannot be made ({e})"), mend);
    std::fs::create_dir_all(folder).map_err(failed)
}

/// `N` or `ROWSxCOLS`.
pub fn parse_grid(text: &str) -> std::result::Result<Grid, String> {
    let number = |part: &str| {
        part.parse::<usize>()
            .map_err(|_| format!("'{text}' is not N or ROWSxCOLS"))
    };
    match text.split_once(['x', 'X']) {
        Some((rows, cols)) => Ok(Grid::new(number(rows)?, number(cols)?)),
        None => number(text).map(|n| Grid::new(n, n)),
    }
}

/// `N` or `ROWSxCOLS`.
pub fn parse_acs(text: &str) -> std::result::Result<Acs, String> {
    let grid = parse_grid(text)?;
    Ok(if text.contains(['x', 'X']) {
        Acs::Rectangle(grid)
    } else {
        Acs::Side(grid.rows)
    })
}

/// Refuses an output that would replace a file being read.
pub fn refuse_overwrite<'a>(output: &Path, inputs: impl IntoIterator<Item = &'a Path>) -> Result<()> {
    let files = inputs.into_iter().map(files_of).collect::<Result<Vec<_>>>()?;
    let mut files = files.into_iter().flatten();
    if files.any(|input| same_file(output, &input)) {
        return Err(Error::data(output, "is an input of this run", "choose another output"));
    }
    Ok(())
}

/// The files that a result of this name is made of.
pub fn written_files(format: Option<&ImageFormat>, output: &Path, slices: usize, parts: &[Part]) -> Vec<PathBuf> {
    match format {
        Some(format) => format.files(output, slices, parts),
        None => vec![output.to_path_buf()],
    }
}

/// The same for several outputs.
pub fn refuse_inputs(outputs: &[PathBuf], inputs: &[PathBuf]) -> Result<()> {
    let read = || inputs.iter().map(PathBuf::as_path);
    outputs.iter().try_for_each(|output| refuse_overwrite(output, read()))
}

/// Whether two paths lead to one file, also by links of either kind; it need not be there yet.
pub fn same_file(a: &Path, b: &Path) -> bool {
    // a file is not opened for it: a pipe would wait
    let identified = |path: &Path| path.metadata().ok().and_then(|metadata| identity(&metadata));
    if identified(a).is_some_and(|a| Some(a) == identified(b)) {
        return true;
    }
    let place = |path: &Path| {
        path.canonicalize().ok().or_else(|| {
            let folder = path.parent().filter(|folder| *folder != Path::new(""));
            let folder = folder.unwrap_or(Path::new(".")).canonicalize().ok()?;
            Some(folder.join(path.file_name()?))
        })
    };
    place(a).is_some_and(|a| Some(a) == place(b))
}
