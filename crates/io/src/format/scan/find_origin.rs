//! Where the energy of k-space lies, held against the origin.
//!
//! Nearly all energy of a magnetic resonance image lies near zero frequency. Where it lies elsewhere the file is not
//! what it is taken for: k-space whose zero frequency comes first, as FFTs give it, lines counted from another centre,
//! or images.

use ndarray::{Array1, Array2, ArrayView2, ArrayView3, Axis, s};
use num_complex::Complex;

use pvdamp::array::Grid;
use pvdamp::fourier::Fourier;

/// Shorter axes are not judged: too few samples are far from any place.
const SHORTEST: usize = 16;
/// Half the width of what is near a place, as a share of the axis.
const NEAR: f64 = 1.0 / 16.0;
/// Energy farther from the origin than this share of the axis is elsewhere. Echoes that are late, and phases of the
/// object, move it by less.
const FAR: f64 = 1.0 / 8.0;
/// Share of the energy near one place that makes k-space of an image.
const CONCENTRATED: f64 = 0.5;
/// What may be left near the origin, as a share of what lies elsewhere.
const LEFT: f64 = 0.1;
/// Share of the energy near one place, along both axes, above which nobody takes k-space for an image.
const SPREAD: f64 = 0.4;
/// Sides of the centre of k-space that a coarse image is made of.
const SIDES: [usize; 3] = [64, 32, 16];
/// Air: energy of lines of an image as a share of the mean over all lines.
const AIR: f64 = 0.05;
/// Energy of the quietest lines about an object, as a share of the mean.
const QUIET: f64 = 0.2;
/// The object lies about a place if its centre is no farther from it, as a share of the axis.
const ABOUT: f64 = 0.125;
/// Object: energy of lines of an image as a share of the mean, as of [`AIR`], but at least.
const OBJECT: f64 = 0.5;

/// How many lines on either side are near a place, of `n`.
fn width(n: usize) -> usize {
    ((NEAR * n as f64) as usize).max(1)
}

/// Where the energy of k-space lies along an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Energy {
    /// Near the origin, or nobody can tell.
    Central,
    /// Near the first sample, and the last.
    First,
    /// Near another sample.
    At(usize),
}

/// What a plane of k-space looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Look {
    /// Along rows and columns.
    pub energy: [Energy; 2],
    /// Whether it looks like images of coils, and its transform like k-space.
    pub images: bool,
    /// Whether anything can be told.
    pub clear: bool,
}

/// Coils that tell where energy lies, of arrays that are looked at in passing.
const FEW: usize = 2;

/// What looks wrong about k-space, which is taken to have zero frequency, and its image the object, in the middle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Oddities {
    /// Along rows and columns: whether zero frequency lies at the first sample, as FFTs leave it.
    pub first: [bool; 2],
    /// Along rows and columns: the sample with most energy, where that is neither in the middle nor the first.
    pub elsewhere: [Option<usize>; 2],
    /// Whether it looks like images of coils.
    pub images: bool,
    /// Whether the object lies about the first pixel of the image, and air in its middle.
    pub rolled: bool,
}

impl Oddities {
    /// Of k-space `(coils, rows, cols)` of one slice.
    pub fn of(kspace: ArrayView3<Complex<f32>>) -> Self {
        let (coils, rows, cols) = kspace.dim();
        let Look { energy, images, clear } = look(kspace.slice(s![..coils.min(FEW), .., ..]));
        let central = energy == [Energy::Central; 2];
        let along = |axis: usize, n: usize| match energy[axis] {
            Energy::Central => (false, None),
            Energy::First => (true, None),
            // few coils have more on one side
            Energy::At(at) if at.min(n - at) <= width(n) => (true, None),
            Energy::At(at) => (false, Some(at)),
        };
        let [down, across] = [along(0, rows), along(1, cols)];
        Self {
            first: [down.0, across.0],
            elsewhere: [down.1, across.1],
            images,
            rolled: clear && central && is_rolled(kspace) == [true; 2],
        }
    }
}

/// Looks at k-space `(coils, rows, cols)` of one slice.
pub(super) fn look(kspace: ArrayView3<Complex<f32>>) -> Look {
    let (_, rows, cols) = kspace.dim();
    let mut along_rows = vec![0.0; rows];
    let mut along_cols = vec![0.0; cols];
    let mut of_coils = Vec::new();
    for plane in kspace.outer_iter() {
        let before: f64 = along_rows.iter().sum();
        for (row, line) in plane.outer_iter().enumerate() {
            let mut sum = 0.0;
            for (value, col) in line.iter().zip(&mut along_cols) {
                let energy = f64::from(value.norm_sqr());
                sum += energy;
                *col += energy;
            }
            along_rows[row] += sum;
        }
        of_coils.push(along_rows.iter().sum::<f64>() - before);
    }
    let along = [&along_rows, &along_cols];
    let spread = along.iter().all(|energy| is_spread(energy)) && along.iter().any(|energy| has_air(energy));
    let lines = [Lines::new(along_rows), Lines::new(along_cols)];
    let energy = [lines[0].energy(), lines[1].energy()];
    let strongest = (0..of_coils.len()).max_by(|&a, &b| of_coils[a].total_cmp(&of_coils[b]));
    let images = spread && strongest.is_some_and(|coil| is_kspace_of_image(kspace.index_axis(Axis(0), coil)));
    let clear = lines
        .iter()
        .all(|lines| lines.reaches_origin && lines.is_concentrated());
    Look { energy, images, clear }
}

/// Whether energy is spread along an axis, as that of images is.
fn is_spread(energy: &[f64]) -> bool {
    energy.len() >= SHORTEST && near(energy, peak(energy)) < SPREAD
}

/// Whether some lines have hardly any energy, as air about an object has; noise has the same everywhere.
fn has_air(energy: &[f64]) -> bool {
    let mut sorted = energy.to_vec();
    sorted.sort_by(f64::total_cmp);
    let mean = sorted.iter().sum::<f64>() / sorted.len().max(1) as f64;
    sorted.get(sorted.len() / 20).is_some_and(|&quiet| quiet < QUIET * mean)
}

/// Whether the transform of a plane has its energy at one place, as that of an image has.
fn is_kspace_of_image(plane: ArrayView2<Complex<f32>>) -> bool {
    let mut transformed = plane.as_standard_layout().into_owned();
    let fourier = Fourier::new(Grid::from(transformed.dim()));
    if let Some(values) = transformed.as_slice_mut() {
        fourier.forward(values, &mut fourier.scratch());
    }
    let energy = transformed.mapv(|v| f64::from(v.norm_sqr()));
    let along = |axis: usize| Lines::new(energy.sum_axis(Axis(1 - axis)).to_vec());
    [along(0), along(1)].iter().all(Lines::is_concentrated)
}

/// Where there is most.
fn peak(energy: &[f64]) -> usize {
    let strongest = (0..energy.len()).max_by(|&a, &b| energy[a].total_cmp(&energy[b]));
    strongest.unwrap_or(0)
}

/// Share of the energy near a place; the axis is a circle.
fn near(energy: &[f64], place: usize) -> f64 {
    let (n, width) = (energy.len(), width(energy.len()));
    let total: f64 = energy.iter().sum();
    let near: f64 = (0..=2 * width).map(|i| energy[(place + n + i - width) % n]).sum();
    if total > 0.0 { near / total } else { 0.0 }
}

/// Energy of the lines along an axis, without what all lines have, as noise.
struct Lines {
    energy: Vec<f64>,
    /// Whether anything was sampled near the origin.
    reaches_origin: bool,
}

impl Lines {
    fn new(mut energy: Vec<f64>) -> Self {
        let n = energy.len();
        let width = width(n);
        let about = n / 2 - width.min(n / 2)..(n / 2 + width + 1).min(n);
        let reaches_origin = energy[about].iter().any(|&e| e > 0.0);
        let mut sorted = energy.clone();
        sorted.sort_by(f64::total_cmp);
        let floor = sorted.get(sorted.len() / 2).copied().unwrap_or(0.0);
        energy.iter_mut().for_each(|e| *e = (*e - floor).max(0.0));
        Self { energy, reaches_origin }
    }

    fn is_long(&self) -> bool {
        self.energy.len() >= SHORTEST
    }

    /// Whether it lies near one place.
    fn is_concentrated(&self) -> bool {
        near(&self.energy, peak(&self.energy)) >= CONCENTRATED
    }

    /// Whether energy lies at the beginning and at the end, as about a first sample that is zero frequency.
    fn has_both_ends(&self) -> bool {
        let (n, width) = (self.energy.len(), width(self.energy.len()));
        let ends: [f64; 2] = [
            self.energy[1..=width].iter().sum(),
            self.energy[n - width..].iter().sum(),
        ];
        ends[0].min(ends[1]) >= LEFT * ends[0].max(ends[1])
    }

    fn energy(&self) -> Energy {
        let (n, peak) = (self.energy.len(), peak(&self.energy));
        let apart = |from: usize| {
            let straight = peak.abs_diff(from);
            straight.min(n - straight)
        };
        let there = near(&self.energy, peak);
        let elsewhere = apart(n / 2) as f64 > FAR * n as f64;
        // lines that pass by the origin tell nothing, as of a frame of a dynamic scan
        if !self.is_long()
            || !self.reaches_origin
            || !elsewhere
            || there < CONCENTRATED
            || near(&self.energy, n / 2) > LEFT * there
        {
            Energy::Central
        } else if apart(0) <= width(n) && self.has_both_ends() {
            Energy::First
        } else {
            Energy::At(peak)
        }
    }
}

/// Along rows and columns: whether the object lies about the first pixel of the image and air in its middle, as of
/// k-space whose image was not centred. By a coarse image of the centre of k-space, where that is sampled.
pub(super) fn is_rolled(kspace: ArrayView3<Complex<f32>>) -> [bool; 2] {
    let (coils, rows, cols) = kspace.dim();
    let centre = SIDES.iter().find_map(|&side| {
        let (high, wide) = (side.min(rows), side.min(cols));
        let (row, col) = Grid::new(rows, cols).centred_offset(Grid::new(high, wide));
        let centre = kspace.slice(s![.., row..row + high, col..col + wide]);
        let zeros = centre.iter().filter(|v| v.norm_sqr() == 0.0).count();
        (high.min(wide) >= SHORTEST && zeros * 10 <= centre.len()).then_some(centre)
    });
    let Some(centre) = centre else { return [false; 2] };
    let (_, high, wide) = centre.dim();
    let fourier = Fourier::new(Grid::new(high, wide));
    let (down, across) = (bell(high), bell(wide));
    let mut energy = Array2::<f64>::zeros((high, wide));
    for coil in 0..coils {
        let plane = centre.index_axis(Axis(0), coil);
        let mut image = Array2::from_shape_fn((high, wide), |at| plane[at] * down[at.0] * across[at.1]);
        if let Some(values) = image.as_slice_mut() {
            fourier.inverse(values, &mut fourier.scratch());
        }
        energy.zip_mut_with(&image, |sum, value| *sum += f64::from(value.norm_sqr()));
    }
    [1, 0].map(|across| lies_about_first(&energy.sum_axis(Axis(across))))
}

/// A Hann window, which keeps the object from ringing into the air.
fn bell(n: usize) -> Vec<f32> {
    let at = |i: usize| (i as f64 - (n / 2) as f64) / n as f64;
    (0..n)
        .map(|i| (0.5 + 0.5 * (std::f64::consts::TAU * at(i)).cos()) as f32)
        .collect()
}

fn lies_about_first(lines: &Array1<f64>) -> bool {
    let n = lines.len();
    let width = (n / 16).max(1);
    let mean = lines.mean().unwrap_or(0.0);
    let about = |place: usize| {
        let sum: f64 = (0..2 * width).map(|i| lines[(place + n + i - width) % n]).sum();
        sum / (2 * width) as f64
    };
    let turn = |i: usize| Complex::from_polar(lines[i], std::f64::consts::TAU * i as f64 / n as f64);
    let centre = (0..n).map(turn).sum::<Complex<f64>>().arg() / std::f64::consts::TAU;
    mean > 0.0 && about(0) > OBJECT * mean && about(n / 2) < AIR * mean && centre.abs() < ABOUT
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array3;
    use pvdamp::array::CoilStack;

    /// An ellipse, its centre at these shares of the axes, seen by two coils.
    fn images(rows: usize, cols: usize, [down, across]: [f64; 2]) -> CoilStack<f32> {
        Array3::from_shape_fn((2, rows, cols), |(coil, row, col)| {
            let wrapped = |i: usize, n: usize, at: f64| (i as f64 / n as f64 - at + 1.5).rem_euclid(1.0) - 0.5;
            let (r, c) = (wrapped(row, rows, down), wrapped(col, cols, across));
            let inside = (r / 0.38).powi(2) + (c / 0.3).powi(2) < 1.0;
            let weight = if coil == 0 { 1.0 - r } else { 1.0 + c };
            Complex::from_polar(if inside { weight as f32 } else { 0.0 }, (2.0 * r - c) as f32)
        })
    }

    fn kspace_of(mut images: CoilStack<f32>) -> CoilStack<f32> {
        let (_, rows, cols) = images.dim();
        let fourier = Fourier::new(Grid::new(rows, cols));
        for mut plane in images.outer_iter_mut() {
            fourier.forward(plane.as_slice_mut().unwrap(), &mut fourier.scratch());
        }
        images
    }

    fn rolled(kspace: &CoilStack<f32>, by: [usize; 2]) -> CoilStack<f32> {
        let (_, rows, cols) = kspace.dim();
        Array3::from_shape_fn(kspace.dim(), |(coil, row, col)| {
            kspace[[coil, (row + by[0]) % rows, (col + by[1]) % cols]]
        })
    }

    #[test]
    fn the_energy_of_kspace_lies_at_its_origin() {
        for (rows, cols) in [(64, 64), (63, 80), (96, 41)] {
            let kspace = kspace_of(images(rows, cols, [0.5, 0.5]));
            let look_at = |by| look(rolled(&kspace, by).view());
            assert_eq!(look_at([0, 0]).energy, [Energy::Central; 2]);
            assert_eq!(look_at([2, cols - 2]).energy, [Energy::Central; 2]);
            assert_eq!(look_at([rows / 2, cols / 2]).energy, [Energy::First; 2]);
            assert_eq!(look_at([rows / 2, 0]).energy, [Energy::First, Energy::Central]);
            let Energy::At(near) = look_at([0, cols / 4]).energy[1] else {
                panic!("{cols}")
            };
            assert!(near.abs_diff(cols / 2 - cols / 4) <= 1);
            assert!(look_at([0, 0]).clear && !look_at([0, 0]).images);
        }
    }

    #[test]
    fn lines_that_pass_by_the_origin_tell_nothing() {
        let mut outer = kspace_of(images(64, 64, [0.5, 0.5]));
        outer.slice_mut(s![.., .., 20..44]).fill(Complex::new(0.0, 0.0));
        let seen = look(outer.view());
        assert_eq!((seen.energy, seen.clear), ([Energy::Central; 2], false));
    }

    #[test]
    fn images_are_no_kspace() {
        assert!(look(images(64, 80, [0.5, 0.5]).view()).images);
        assert!(look(images(64, 80, [0.0, 0.0]).view()).images);
        // noise is neither
        let mut state = 1u32;
        let noise = Array3::from_shape_simple_fn((2, 64, 64), || {
            let mut next = || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 8) as f32 / (1 << 24) as f32 - 0.5
            };
            Complex::new(next(), next())
        });
        let seen = look(noise.view());
        assert_eq!(
            (seen.energy, seen.images, seen.clear),
            ([Energy::Central; 2], false, false)
        );
    }

    #[test]
    fn what_is_odd_is_one_thing_at_a_time() {
        let sound = kspace_of(images(64, 80, [0.5, 0.5]));
        assert_eq!(Oddities::of(sound.view()), Oddities::default());
        assert_eq!(Oddities::of(rolled(&sound, [32, 0]).view()).first, [true, false]);
        let elsewhere = Oddities::of(rolled(&sound, [0, 20]).view()).elsewhere;
        assert!(elsewhere[0].is_none() && elsewhere[1].is_some_and(|at| at.abs_diff(20) <= 1));
        assert!(Oddities::of(images(64, 80, [0.5, 0.5]).view()).images);
        assert!(Oddities::of(kspace_of(images(64, 80, [0.0, 0.0])).view()).rolled);
        let nothing = CoilStack::zeros((2, 64, 80));
        assert_eq!(Oddities::of(nothing.view()), Oddities::default());
    }

    #[test]
    fn an_object_about_the_first_pixel_is_rolled() {
        for (rows, cols) in [(64, 64), (63, 80), (200, 41)] {
            let of = |at| is_rolled(kspace_of(images(rows, cols, at)).view());
            assert_eq!(of([0.5, 0.5]), [false; 2]);
            assert_eq!(of([0.4, 0.65]), [false; 2]);
            assert_eq!(of([0.0, 0.0]), [true; 2]);
            assert_eq!(of([0.0, 0.5]), [true, false]);
            // one that only reaches into the corner
            assert_eq!(of([0.8, 0.8]), [false; 2]);
        }
    }
}
