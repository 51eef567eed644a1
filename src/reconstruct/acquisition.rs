use std::ops::Range;
use std::sync::Arc;

use ndarray::{Array2, Array4, CowArray, Ix3};
use num_complex::Complex;

use super::held_data::HeldData;
use super::noise::Noise;
use super::shared_maps::SharedMaps;
use super::sourced::Sourced;
use crate::array::{CoilStack, Grid, Maps, Mask};
use crate::error::{Error, Input, Result};
use crate::sampling::{Family, Request};

/// One slice as it was measured: k-space, and what is known of it.
#[derive(Clone, Debug)]
pub struct Acquisition<'a> {
    /// `(coils, rows, cols)`, the origin of each axis of n samples at index `n / 2`. Rows are the readout, or any axis
    /// where both are phase encodes. Where the mask samples nothing, values serve as the
    /// reference for what needs one, and for nothing else.
    pub kspace: CowArray<'a, Complex<f32>, Ix3>,
    /// `(rows, cols)`; where k-space is not zero, if it is `None`.
    pub mask: Option<Sourced<Mask>>,
    /// Where samples were acquired, `(rows, cols)`, whatever their values; where k-space is not zero, if it is `None`.
    pub held: Option<Mask>,
    /// With which probability each location is sampled, `(rows, cols)`, above 0 where the mask samples; estimated from the
    /// mask where `None`.
    pub probability: Option<Sourced<Array2<f64>>>,
    /// Coil sensitivity maps `(sets, coils, rows, cols)`; calibrated on the sampled centre where `None`. They are scaled to
    /// a sum of squares over coils of 1.
    pub maps: Option<Sourced<Maps<f32>>>,
    /// Maps that were calibrated on this slice and others of the same place; used where [`Self::maps`] are `None`.
    pub shared_maps: Option<Arc<SharedMaps>>,
    /// Other images of this slice by the same coils, such as echoes, whose phases may differ: the centre of k-space of each,
    /// `(coils, rows, cols)`, at least as large as the part of it that maps are calibrated on. They take part in that.
    pub other_images: Vec<CoilStack<f32>>,
    /// Of one k-space sample.
    pub noise: Noise,
    /// The first and last rows and the first and last columns that were acquired, partial Fourier and zero padding left
    /// out, where that is known: `start..end` with the origin inside. Found out from the data where `None`.
    pub acquired: [Option<Range<usize>>; 2],
}

impl<'a> Acquisition<'a> {
    /// K-space `(coils, rows, cols)` of which nothing else is known: an array, a reference to one, or a view.
    pub fn new(kspace: impl Into<CowArray<'a, Complex<f32>, Ix3>>) -> Self {
        Self {
            kspace: kspace.into(),
            mask: None,
            held: None,
            probability: None,
            maps: None,
            shared_maps: None,
            other_images: Vec::new(),
            noise: Noise::Estimate,
            acquired: [None, None],
        }
    }

    /// With the mask `(rows, cols)` it was sampled with.
    pub fn with_mask(mut self, mask: Array2<bool>) -> Self {
        self.mask = Some(Mask::new(mask).into());
        self
    }

    /// With the probability `(rows, cols)` the mask was drawn with.
    pub fn with_probability(mut self, probability: Array2<f64>) -> Self {
        self.probability = Some(probability.into());
        self
    }

    /// With coil sensitivity maps `(sets, coils, rows, cols)`.
    pub fn with_maps(mut self, maps: Array4<Complex<f32>>) -> Self {
        self.maps = Some(maps.into());
        self
    }

    /// With its noise.
    pub fn with_noise(mut self, noise: Noise) -> Self {
        self.noise = noise;
        self
    }

    /// With the first and last rows and columns that were acquired, see [`Self::acquired`].
    pub fn with_acquired(mut self, rows: Range<usize>, cols: Range<usize>) -> Self {
        self.acquired = [Some(rows), Some(cols)];
        self
    }

    /// Undersamples fully sampled k-space: with a mask drawn here, and its probability.
    ///
    /// # Errors
    /// [`Error::Data`] where k-space is not fully sampled, and the errors of [`Family::plan`].
    pub fn undersampled(self, family: &Family, request: &Request) -> Result<Self> {
        self.undersampled_if(HeldData::is_complete, family, request)
    }

    /// The same of k-space that lacks nothing but a side that was never acquired, as volumes lack slice encodes. That side
    /// stays unsampled.
    ///
    /// # Errors
    /// Those of [`Self::undersampled`].
    pub fn undersampled_within(self, family: &Family, request: &Request) -> Result<Self> {
        self.undersampled_if(HeldData::is_complete_within, family, request)
    }

    fn undersampled_if(
        mut self,
        complete: impl Fn(&HeldData) -> bool,
        family: &Family,
        request: &Request,
    ) -> Result<Self> {
        self.check()?;
        let held = HeldData::of(self.kspace.view(), &self.acquired, self.held.as_ref());
        if !complete(&held) {
            let expected = "fully sampled k-space to draw a mask for";
            return Err(Error::data(Input::Kspace, held.lack(), expected));
        }
        let drawn = family.draw(request, self.grid())?;
        let origin = format!(
            "drawn: {} R={} seed={}",
            family.name, request.acceleration, request.seed
        );
        self.mask = Some(Sourced::new(drawn.mask, origin));
        self.probability = Some(Sourced::new(drawn.probability, "known: drawn here"));
        Ok(self)
    }

    /// Size of the k-space plane and of the image, `(rows, cols)`.
    pub fn grid(&self) -> Grid {
        let (_, rows, cols) = self.kspace.dim();
        Grid::new(rows, cols)
    }

    /// Number of coils.
    pub fn coils(&self) -> usize {
        self.kspace.dim().0
    }

    /// Whether any sample is not zero.
    pub fn holds_data(&self) -> bool {
        self.kspace.iter().any(|v| v.re != 0.0 || v.im != 0.0)
    }

    /// Whether the arrays fit each other.
    ///
    /// # Errors
    /// [`Error::Data`] with what was found and expected.
    pub fn check(&self) -> Result<()> {
        let (coils, grid) = (self.coils(), self.grid());
        if coils == 0 || grid.is_empty() {
            let found = format!("{coils} coils of {grid}");
            return Err(Error::data(Input::Kspace, found, "at least one coil and one location"));
        }
        let plane = |what, found: Grid| {
            if found == grid {
                return Ok(());
            }
            Err(Error::data(what, found.to_string(), format!("{grid} as k-space has")))
        };
        if let Some(mask) = &self.mask {
            plane(Input::Mask, mask.value.grid())?;
        }
        if let Some(held) = &self.held {
            plane(Input::Kspace, held.grid())?;
        }
        if let Some(probability) = &self.probability {
            plane(Input::Probability, Grid::from(probability.value.dim()))?;
            if probability.value.iter().any(|p| !(0.0..=1.0).contains(p)) {
                let found = "values that are not between 0 and 1";
                return Err(Error::data(Input::Probability, found, "probabilities"));
            }
        }
        if let Some(maps) = &self.maps {
            check_maps(&maps.value, coils, grid)?;
        }
        if let Some(shared) = &self.shared_maps {
            check_maps(&shared.maps, coils, grid)?;
        }
        let within = |lines: &Option<Range<usize>>, n: usize| {
            let inside = |lines: &Range<usize>| lines.contains(&(n / 2)) && lines.end <= n;
            lines.as_ref().is_none_or(inside)
        };
        let [rows, cols] = &self.acquired;
        if !within(rows, grid.rows) || !within(cols, grid.cols) {
            let found = format!("{rows:?} and {cols:?}");
            let expected = format!("lines of {grid} with the origin among them");
            return Err(Error::data(Input::Acquired, found, expected));
        }
        self.noise.check(coils)
    }
}

/// Whether maps `(sets, coils, rows, cols)` are of so many coils on this grid.
pub(super) fn check_maps(maps: &Maps<f32>, coils: usize, grid: Grid) -> Result<()> {
    let (sets, of_coils, rows, cols) = maps.dim();
    if sets > 0 && of_coils == coils && Grid::new(rows, cols) == grid {
        return Ok(());
    }
    let found = format!("{sets} set(s) of {of_coils} coils, {rows}x{cols}");
    Err(Error::data(
        Input::Maps,
        found,
        format!("sets of {coils} coils, {grid}"),
    ))
}
