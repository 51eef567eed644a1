//! Memory that a reconstruction takes at its peak: a formula from what it holds, with factors that were fitted to
//! measured peaks (x86-64 Linux, GNU C library) and are held to them by the tests.

use super::{MapsSource, SamplingSource, ScanSettings};
use pvdamp::array::Grid;
use pvdamp::coil::{MOST_PRINCIPAL_IMAGES, MapSets};
use pvdamp::reconstruct::{Choice, Recalibration};
use pvdamp::solve::Footprint;

/// Bytes of the program itself, with its libraries and their buffers.
pub const PROGRAM_MEMORY: u64 = 18_500_000;

/// Bytes of the process that reads an open scan of HDF5, beside what it shares with the program.
const READER_MEMORY: u64 = 4_000_000;

/// Freed memory between what is in use, which the allocator cannot give to others: this share on top.
const HOLES: f64 = 1.125;
/// Complex images beside k-space and maps while a problem is posed, and more for each set: masks, probabilities,
/// eigenvalues.
const POSED: [f64; 2] = [2.0, 2.5];
/// Bytes for each sampled location that the estimate of the noise takes.
const BYTES_A_SAMPLE: f64 = 32.0;
/// Hermitian matrices, of the size of the smaller Gram matrix, in the search for a signal space.
const EIGEN: f64 = 6.0;
/// Stacks of coil images while frames are added up: a frame, their sum, and that of another image.
const STACKS: f64 = 3.0;
/// The wavelet transform pads to a multiple of a power of two, this one at most unless scales are many.
const PADDING: usize = 32;

/// What the memory of a slice depends on.
#[derive(Clone)]
pub struct Workload {
    pub grid: Grid,
    pub coils: usize,
    /// Coils that it is reconstructed in.
    pub used: usize,
    /// Of maps.
    pub sets: usize,
    /// Of the method.
    pub footprint: Footprint,
    /// Share of k-space that is known: one over the acceleration, and the padding.
    pub sampled: f64,
    /// Of the pool that all slices at work share.
    pub threads: usize,
    /// Sides of the calibration region and of the kernel, where maps are calibrated.
    pub calibration: Option<[usize; 2]>,
    pub error_bars: bool,
    /// Whether maps may be calibrated again from a first reconstruction.
    pub recalibrates: bool,
    /// Whether maps are written.
    pub keep_maps: bool,
    /// Whether slices share maps that are calibrated on all of a place.
    pub shared: bool,
    /// Whether all that a complete scan holds is kept beside what the mask leaves of it.
    pub reference: bool,
}

impl Workload {
    /// Of a scan of which only the size is known. What is not known is taken for the worst: two sets of maps, and nothing
    /// missing. On the pool of this thread.
    pub fn planned(grid: Grid, coils: usize, settings: &ScanSettings) -> Self {
        let engine = &settings.engine;
        let (calibration, sets) = match (&settings.maps, engine.espirit.sets) {
            (MapsSource::Espirit, sets) => (
                Some([engine.espirit.calibration, engine.espirit.largest_kernel()]),
                match sets {
                    MapSets::Fixed(sets) => sets,
                    MapSets::Auto => 2.min(coils),
                },
            ),
            (MapsSource::File(_), _) => (None, 2),
        };
        Self {
            grid,
            coils,
            used: engine.compression.most(coils),
            sets,
            footprint: Choice::footprint(engine.method),
            sampled: match &settings.sampling {
                SamplingSource::Draw { request, .. } => (1.0 / request.acceleration).min(1.0),
                SamplingSource::Scan | SamplingSource::File(_) => 1.0,
            },
            threads: rayon::current_num_threads(),
            calibration: calibration.filter(|_| coils > 1),
            error_bars: engine.has_error_bars(),
            recalibrates: coils > 1 && calibration.is_some() && engine.recalibration != Recalibration::Passes(0),
            keep_maps: engine.keep_maps,
            shared: false,
            reference: settings.wants_reference(),
        }
    }

    /// Bytes of one slice while it is at work, whatever the number of slices that are: the program is not counted.
    ///
    /// The most of five times: frames that are added up; k-space and the matrices that maps are calibrated with; k-space,
    /// and what the reconstruction holds that maps are calibrated from again; k-space, maps and samples, where the problem
    /// is posed; maps, samples, residual and what the method holds.
    pub fn slice(&self) -> u64 {
        let image = self.image();
        let [coils, used, sets] = [self.coils, self.used, self.sets].map(|n| n as f64);
        let threads = self.threads as f64;
        let kspace = coils * image * if self.reference { 2.0 } else { 1.0 };
        let maps = sets * used * image;
        let products = sets * sets * image;
        let samples = used * self.sampled * image;
        let kept_maps = if self.keep_maps { sets * coils * image } else { 0.0 };

        let (shared_maps, adding) = if self.shared {
            (sets * coils * image, (STACKS * coils + 4.0) * image)
        } else {
            (0.0, 0.0)
        };
        // All frames of a place together may have sampled everything.
        let posed = if self.shared { 1.0 } else { self.sampled };
        let calibrating = kspace + self.signal_space();
        let posing = kspace
            + maps
            + products
            + used * posed * image
            + BYTES_A_SAMPLE * posed * self.grid.len() as f64
            + (POSED[0] + POSED[1] * sets) * image
            + threads * self.eigenmaps()
            + 2.0 * (kept_maps + shared_maps);
        let Footprint {
            images,
            frames,
            thread,
            xi,
            error_bars,
        } = self.footprint;
        let (bars, second_run) = if self.error_bars {
            (error_bars, samples)
        } else {
            ([0.0; 2], 0.0)
        };
        let solving = maps
            + products
            + 2.0 * samples
            + second_run
            // Of methods with a state evolution: ξ, and the residual of a probe.
            + if xi { sets * used * self.padded() + samples } else { 0.0 }
            + ((images + bars[0]) * sets + frames + (thread + bars[1]) * threads) * image
            + kept_maps;
        let first = Recalibration::footprint();
        let recalibrating = if self.recalibrates {
            // Two sets are tried where one leaves doubt: the maps of that wait.
            let waiting = if self.sets > 1 { used * image } else { 0.0 };
            kspace
                + maps
                + waiting
                + products
                + 2.0 * samples
                + (first.images * sets + first.frames + first.thread * threads) * image
        } else {
            0.0
        };
        let times = [adding, calibrating, recalibrating, posing, solving];
        (HOLES * times.into_iter().fold(0.0, f64::max)) as u64
    }

    /// Bytes of one slice of a scan of so many, among many scans. The only slice of a scan is prepared when the scan is
    /// opened, and may wait so for its turn.
    pub fn in_batch(&self, slices: usize) -> u64 {
        if slices > 1 {
            return READER_MEMORY + self.slice();
        }
        let [coils, used, sets] = [self.coils, self.used, self.sets].map(|n| n as f64);
        let kept_maps = if self.keep_maps { sets * coils } else { 0.0 };
        let waiting = sets * used + sets * sets + used * self.sampled + kept_maps;
        READER_MEMORY + self.slice() + (HOLES * waiting * self.image()) as u64
    }

    /// Bytes of a program that takes one slice of a scan after the other, in one thread. Of several slices the allocator
    /// keeps as much as a stack of coil images more.
    pub fn alone(&self, slices: usize) -> u64 {
        let kept = HOLES * self.used as f64 * self.image();
        let kept = if slices > 1 { kept as u64 } else { 0 };
        PROGRAM_MEMORY + kept + self.slice()
    }

    /// Bytes of a program that works on so many slices of a scan at once, each in a thread of its own.
    pub fn together(&self, at_once: usize, slices: usize) -> u64 {
        self.alone(slices) + (at_once.clamp(1, slices.max(1)) as u64 - 1) * self.slice()
    }

    /// One complex image in single precision.
    fn image(&self) -> f64 {
        8.0 * self.grid.len() as f64
    }

    /// The same, padded for the wavelet transform.
    fn padded(&self) -> f64 {
        let padded = |n: usize| n.next_multiple_of(PADDING) as f64;
        8.0 * padded(self.grid.rows) * padded(self.grid.cols)
    }

    /// The calibration matrix, twice, and the eigenvectors of its Gram matrix, in double precision.
    fn signal_space(&self) -> f64 {
        let Some([side, kernel]) = self.calibration else {
            return 0.0;
        };
        let windows = |n: usize| (side.min(n) + 1).saturating_sub(kernel) as f64;
        let images = if self.shared { MOST_PRINCIPAL_IMAGES as f64 } else { 1.0 };
        let windows = images * windows(self.grid.rows) * windows(self.grid.cols);
        let length = (self.used * kernel * kernel) as f64;
        16.0 * (2.0 * length * windows + EIGEN * length.min(windows).powi(2))
    }

    /// Of one thread: the coil matrices of a row of pixels, and the projection of one coil.
    fn eigenmaps(&self) -> f64 {
        let Some([_, kernel]) = self.calibration else {
            return 0.0;
        };
        let used = self.used as f64;
        let row = 8.0 * used * (used + 1.0) / 2.0 * self.grid.cols as f64;
        2.0 * (row + 16.0 * used * (kernel as f64).powi(4))
    }
}

#[cfg(test)]
mod tests;
