use std::fmt;

use crate::array::Grid;
use crate::error::{Error, Parameter, Result};

/// The smallest kernel whose windows still distinguish the coils.
pub(super) const SMALLEST_KERNEL: usize = 3;
/// The largest that is taken unless asked for.
pub(super) const USUAL_KERNEL: usize = 6;

/// Crop of one set, unless asked for.
const ONE_SET_CROP: f64 = 0.8;
/// That of two.
const TWO_SETS_CROP: f64 = 0.5;

/// How many sets of coil sensitivity maps are calibrated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MapSets {
    /// Two where one is not enough, as where the object is larger than the field of view. What has to choose, as
    /// [`espirit`](super::espirit()) itself, takes one, and reports whether that is enough.
    #[default]
    Auto,
    /// So many, 1 or 2.
    Fixed(usize),
}

impl fmt::Display for MapSets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Fixed(sets) => write!(f, "{sets}"),
        }
    }
}

impl MapSets {
    /// How many sets; one where that is left open.
    pub fn count(self) -> usize {
        match self {
            Self::Auto => 1,
            Self::Fixed(sets) => sets,
        }
    }
}

/// How ESPIRiT calibrates maps.
#[derive(Clone, Debug, PartialEq)]
pub struct EspiritSettings {
    /// Side of the k-space window, in samples; `None` for one that fits the centre: 6, less where fewer than 16 samples lie
    /// side by side, and maps of low resolution where there are fewer than 5, or than 7 along both axes.
    pub kernel: Option<usize>,
    /// The calibration region is at most this many samples along each axis.
    pub calibration: usize,
    /// Sets of maps, 1 or 2.
    pub sets: MapSets,
    /// Singular values of the calibration matrix above this fraction of the largest are signal; above those that noise
    /// reaches, where it is known and reaches further.
    pub singular_threshold: f64,
    /// Eigenvalue, between 0 and 1, around which a pixel is taken to hold signal. 0 keeps every pixel.
    /// The weight of a pixel rises smoothly from 0 at `crop − 0.1` to 1 at `crop + 0.05`.
    /// `None` for 0.8 of one set and 0.5 of two.
    pub crop: Option<f64>,
}

impl Default for EspiritSettings {
    fn default() -> Self {
        Self {
            kernel: None,
            calibration: 24,
            sets: MapSets::Auto,
            singular_threshold: 0.02,
            crop: None,
        }
    }
}

impl EspiritSettings {
    /// The part of a fully sampled centre that is used.
    pub fn window(&self, centre: Grid) -> Grid {
        Grid::new(centre.rows.min(self.calibration), centre.cols.min(self.calibration))
    }

    /// The crop for so many sets. The second eigenvalue is smaller where the two sets change fast, as with echoes stacked as
    /// coils: what is cropped there is explained by neither.
    pub fn crop_for(&self, sets: usize) -> f64 {
        self.crop.unwrap_or(if sets > 1 { TWO_SETS_CROP } else { ONE_SET_CROP })
    }

    /// The kernel of a large region.
    pub fn largest_kernel(&self) -> usize {
        self.kernel.unwrap_or(USUAL_KERNEL)
    }

    /// The kernel that a calibration region of this size is to have.
    ///
    /// One that fits has at least `2k − 1` places along the shorter axis. In fewer windows the signal space is what their
    /// noise and their truncation make it: with 10 columns, maps by a kernel of 6 cost an image 5 dB that one of 4 does not.
    pub fn kernel_for(&self, region: Grid) -> usize {
        let fitting = || region.rows.min(region.cols).div_ceil(3);
        self.kernel
            .unwrap_or_else(|| fitting().clamp(SMALLEST_KERNEL, USUAL_KERNEL))
    }

    /// # Errors
    /// [`Error::Setting`] where a value makes no sense.
    pub fn validate(&self) -> Result<()> {
        if !(1..=2).contains(&self.sets.count()) {
            let why = "cannot be estimated; ask for 1 or 2";
            return Err(Error::setting(Parameter::MapSets, self.sets, why));
        }
        if let Some(kernel) = self.kernel.filter(|&kernel| kernel < SMALLEST_KERNEL) {
            let why = format!("is too small; give at least {SMALLEST_KERNEL}, {USUAL_KERNEL} is usual");
            return Err(Error::setting(Parameter::Kernel, kernel, why));
        }
        if self.calibration == 0 {
            let why = "holds no samples; 24 is usual";
            return Err(Error::setting(Parameter::Calibration, self.calibration, why));
        }
        if !(0.0..1.0).contains(&self.singular_threshold) {
            let why = "is no fraction of the largest singular value; give 0 to 1, 0.02 is usual";
            return Err(Error::setting(
                Parameter::SingularThreshold,
                self.singular_threshold,
                why,
            ));
        }
        if let Some(crop) = self.crop.filter(|crop| !(0.0..1.0).contains(crop)) {
            let why = "is no eigenvalue; give 0 to 1, 0.8 is usual";
            return Err(Error::setting(Parameter::Crop, crop, why));
        }
        Ok(())
    }
}
