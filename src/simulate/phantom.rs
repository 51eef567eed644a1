//! A brain-like complex image: scalp, skull, fluid, folded cortex, white matter, ventricles, nuclei, vessels.
//!
//! Contrast is that of a T2-weighted spin echo. Every edge is antialiased over about a pixel, tissue has smooth
//! shading and fine texture, so that wavelet coefficients decay as those of a head do rather than as those of
//! a few flat ellipses.

use num_complex::Complex;
use rayon::prelude::*;

use super::anatomy::{Anatomy, Blob};
use super::field::{Draw, MM, Noise, Point, Stream, smoothstep};
use super::frame::{Clefts, Frame, Nearest};
use crate::array::{Grid, Image};

const SKIN: f64 = 0.45;
const FAT: f64 = 0.72;
const BONE: f64 = 0.04;
const MARROW: f64 = 0.3;
const FLUID: f64 = 0.92;
const GREY: f64 = 0.64;
const WHITE: f64 = 0.44;

/// Thickness of the cortex.
const CORTEX: f64 = 3.0 * MM;
/// Blur of edges inside the head, beyond the pixel's own: the thickness of a slice.
const PARTIAL_VOLUME: f64 = 0.7 * MM;

/// One axial slice of the head that `seed` draws, `(rows, cols)`, in arbitrary units.
///
/// `position` runs from 0, the basal ganglia, to 1, above the ventricles. Magnitudes reach about 1 in fluid and
/// are exactly 0 in air; the phase is smooth and turns by a few radians over the head.
pub fn phantom(grid: Grid, position: f64, seed: u64) -> Image<f32> {
    let z = 0.6 * position - 0.15;
    let anatomy = Anatomy::new(seed, z);
    let frame = Frame::new(grid);
    let sulci = Clefts::new(frame, &anatomy.sulci, CORTEX * 1.6 + PARTIAL_VOLUME);
    let ventricles = Clefts::new(frame, &anatomy.ventricles, PARTIAL_VOLUME);
    let noise = Noise::new(seed);
    let phase = Phase::new(seed, z);
    let pixel = |index: usize| {
        let (row, col) = (index / grid.cols, index % grid.cols);
        let [x, y] = frame.point(row, col);
        let head_point = HeadPoint {
            point: [x, y, z],
            noise,
            blur: frame.pixel + PARTIAL_VOLUME,
        };
        let magnitude = head_point.magnitude(
            &anatomy,
            &sulci.near[[row, col]],
            &ventricles.near[[row, col]],
            frame.pixel,
        );
        if magnitude == 0.0 {
            return Complex::ZERO;
        }
        let value = Complex::from_polar(magnitude, phase.at(x, y));
        Complex::new(value.re as f32, value.im as f32)
    };
    let pixels = (0..grid.len()).into_par_iter().map(pixel).collect();
    Image::from_shape_vec(grid.dim(), pixels).expect("one value for each pixel")
}

/// A point of the head, and how sharp edges are there.
struct HeadPoint {
    point: [f64; 3],
    noise: Noise,
    blur: f64,
}

impl HeadPoint {
    /// Layers painted from the skin inwards, each over the last by the share of the pixel it covers.
    fn magnitude(&self, anatomy: &Anatomy, sulcus: &Nearest, ventricle: &Nearest, pixel: f64) -> f64 {
        let [x, y, _] = self.point;
        let layers = anatomy.outline.layers(y.atan2(x));
        let depth = (layers.radius - x.hypot(y)) * layers.normal;
        let inside = ramp(depth / pixel);
        if inside == 0.0 {
            return 0.0;
        }
        let edge = |distance: f64| ramp(distance / self.blur);
        let mut paint = Paint { value: SKIN };
        let brain = depth - layers.brain;
        if edge(brain) < 1.0 {
            paint.over(edge(depth - 1.6 * MM), || {
                FAT * (1.0 + 0.22 * self.wave(7.0) + 0.12 * self.wave(2.5))
            });
            paint.over(edge(depth - layers.skull), || BONE);
            let marrow = Nearest {
                distance: depth - (layers.skull + layers.fluid) / 2.0,
                half_width: 0.22 * (layers.fluid - layers.skull),
            };
            paint.over(marrow.coverage(self.blur), || MARROW * (1.0 + 0.5 * self.wave(6.0)));
            paint.over(edge(depth - layers.fluid), || FLUID * (0.7 + 0.3 * self.wave(9.0)));
        }
        paint.over(edge(brain), || {
            GREY * (1.0 + 0.06 * self.wave(22.0) + 0.03 * self.wave(6.0))
        });
        if brain > 0.0 {
            self.inner_brain(&mut paint, anatomy, brain.min(sulcus.edge()));
            paint.over(ventricle.coverage(self.blur), || self.fluid());
        }
        paint.over(sulcus.coverage(self.blur) * edge(brain + 2.0 * MM), || self.fluid());
        for vessel in &anatomy.vessels {
            paint.over(edge(-vessel.distance([x, y])), || vessel.value);
        }
        inside * paint.value * self.shading()
    }

    /// White matter and what lies in it, `depth` below the surface of the folded cortex. Their borders are gradual.
    fn inner_brain(&self, paint: &mut Paint, anatomy: &Anatomy, depth: f64) {
        let [x, y, _] = self.point;
        let gradual = |distance: f64| smoothstep(0.5 + distance / (self.blur + 1.2 * MM));
        let cortex = CORTEX * (1.0 + 0.25 * self.wave(8.0));
        let white = || WHITE * (1.0 + 0.06 * self.wave(35.0) + 0.05 * self.wave(14.0) + 0.02 * self.wave(6.0));
        paint.over(gradual(depth - cortex), white);
        for nucleus in &anatomy.nuclei {
            paint.over(gradual(-nucleus.distance([x, y])), || {
                nucleus.value * (1.0 + 0.05 * self.wave(5.0))
            });
        }
    }

    fn fluid(&self) -> f64 {
        FLUID * (1.0 + 0.06 * self.wave(13.0))
    }

    /// Slow shading, as of the transmit field, and fine texture.
    fn shading(&self) -> f64 {
        let texture = 0.012 * self.wave(4.0) + 0.012 * self.wave(2.1) + 0.01 * self.wave(1.1);
        (1.0 + 0.08 * self.wave(90.0)) * (1.0 + texture)
    }

    /// Noise of a wavelength in millimetres.
    fn wave(&self, millimetres: f64) -> f64 {
        self.noise.at(self.point, millimetres * MM)
    }
}

/// The value of a pixel while it is painted.
struct Paint {
    value: f64,
}

impl Paint {
    fn over(&mut self, share: f64, tissue: impl FnOnce() -> f64) {
        if share > 0.0 {
            self.value += share * (tissue() - self.value);
        }
    }
}

impl Blob {
    /// Signed distance to the edge, to first order; a blob of no size is infinitely far.
    fn distance(&self, [x, y]: Point) -> f64 {
        let [cos, sin] = self.turn;
        let (x, y) = (x - self.centre[0], y - self.centre[1]);
        let [a, b] = self.axes;
        if a < 1e-6 || b < 1e-6 {
            return f64::INFINITY;
        }
        let (u, v) = ((x * cos + y * sin) / a, (y * cos - x * sin) / b);
        let radius = u.hypot(v);
        let steepness = (u / a).hypot(v / b).max(1e-12);
        ((radius - 1.0) * radius / steepness).max(-a.min(b))
    }
}

/// A linear edge of width 1: 0 below −½, 1 above ½.
fn ramp(distance: f64) -> f64 {
    (distance + 0.5).clamp(0.0, 1.0)
}

/// A phase of low order, as field inhomogeneity leaves it, with a hump above the sinuses in front.
struct Phase {
    /// Of 1, x, y, x², xy, y², in radians.
    terms: [f64; 6],
    hump: f64,
}

impl Phase {
    fn new(seed: u64, z: f64) -> Self {
        let mut draw = Draw::new(seed, Stream::Phase, z);
        let constant = draw.between(-3.0, 3.0);
        let mut term = |spread: f64| draw.between(-spread, spread) + draw.drift(0.0, 0.2);
        Self {
            terms: [constant, term(1.5), term(1.5), term(0.8), term(0.8), term(0.8)],
            hump: term(0.8),
        }
    }

    fn at(&self, x: f64, y: f64) -> f64 {
        let monomials = [1.0, x, y, x * x, x * y, y * y];
        let smooth: f64 = self.terms.iter().zip(monomials).map(|(c, m)| c * m).sum();
        smooth + self.hump * (-(x * x + (y + 0.7).powi(2)) / 0.1).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::array::energy;
    use ndarray::{Array2, s};

    fn magnitude(grid: Grid, position: f64, seed: u64) -> Array2<f32> {
        phantom(grid, position, seed).mapv(|v| v.norm())
    }

    fn distance(a: &Image<f32>, b: &Image<f32>) -> f64 {
        (energy(&(a - b)) / energy(a)).sqrt()
    }

    #[test]
    fn air_is_zero_and_the_peak_about_one_at_every_size() {
        for (rows, cols) in [(16, 16), (17, 23), (64, 64), (101, 77), (160, 92), (33, 128)] {
            for position in [0.0, 0.5, 1.0] {
                let image = magnitude(Grid::new(rows, cols), position, 5);
                let peak = image.iter().copied().fold(0.0, f32::max);
                assert!((0.7..1.15).contains(&peak), "{rows}x{cols} at {position}: peak {peak}");
                for corner in [[0, 0], [0, cols - 1], [rows - 1, 0], [rows - 1, cols - 1]] {
                    assert_eq!(image[corner], 0.0, "{rows}x{cols}: a corner is air");
                }
                let head = image.iter().filter(|&&m| m > 0.0).count() as f64;
                let side = rows.min(cols) as f64;
                let share = head / (side * side);
                assert!(
                    (0.35..0.7).contains(&share),
                    "{rows}x{cols} at {position}: the head fills {share:.2}"
                );
            }
        }
        for (rows, cols) in [(1, 1), (1, 9), (2, 3)] {
            assert!(phantom(Grid::new(rows, cols), 0.5, 5).iter().all(|v| v.is_finite()));
        }
    }

    #[test]
    fn a_longer_side_shows_more_air_and_the_same_head() {
        let square = phantom(Grid::new(48, 48), 0.3, 2);
        let wide = phantom(Grid::new(48, 81), 0.3, 2);
        assert_eq!(wide.slice(s![.., 16..64]), square);
        assert_eq!(energy(&wide), energy(&square));
    }

    /// The same head at another resolution: pixels of a coarse grid are averages of those of a fine one.
    #[test]
    fn coordinates_scale_with_the_grid() {
        let coarse = magnitude(Grid::new(85, 85), 0.5, 4);
        let fine = magnitude(Grid::new(255, 255), 0.5, 4);
        let mean = Array2::from_shape_fn(coarse.dim(), |(r, c)| {
            fine.slice(s![3 * r..3 * r + 3, 3 * c..3 * c + 3]).mean().unwrap()
        });
        let size = |a: &Array2<f32>| a.iter().map(|v| v * v).sum::<f32>().sqrt();
        let error = size(&(&mean - &coarse)) / size(&mean);
        assert!(error < 0.1, "fine and coarse differ by {error:.3}");
    }

    #[test]
    fn slices_vary_smoothly_and_seeds_differ() {
        let grid = Grid::new(96, 96);
        let slice = |position| phantom(grid, position, 7);
        let near = distance(&slice(0.5), &slice(0.505));
        let apart = distance(&slice(0.5), &slice(0.7));
        let ends = distance(&slice(0.0), &slice(1.0));
        assert!(near > 0.0 && near < 0.12, "neighbouring slices differ by {near:.3}");
        assert!(near < 0.5 * apart && apart < ends, "{near:.3}, {apart:.3}, {ends:.3}");
        assert!(distance(&slice(0.5), &phantom(grid, 0.5, 8)) > 0.2);
    }

    /// Compressible as an image of a head is: edges hold most of the gradient, yet not all of it.
    #[test]
    fn gradients_are_sparse_but_not_piecewise_constant() {
        for seed in [1, 2] {
            let image = magnitude(Grid::new(256, 256), 0.5, seed);
            let mut gradients: Vec<f64> = image
                .slice(s![..255, ..255])
                .indexed_iter()
                .map(|((r, c), m)| f64::from((image[[r + 1, c]] - m).powi(2) + (image[[r, c + 1]] - m).powi(2)))
                .collect();
            gradients.sort_by(|a, b| b.total_cmp(a));
            let total: f64 = gradients.iter().sum();
            let share = |part: f64| {
                gradients
                    .iter()
                    .take((gradients.len() as f64 * part) as usize)
                    .sum::<f64>()
                    / total
            };
            assert!((0.8..0.97).contains(&share(0.1)), "top tenth: {:.4}", share(0.1));
            assert!(share(0.3) < 0.99995, "top three tenths: {:.6}", share(0.3));
        }
    }

    #[test]
    fn the_phase_is_smooth_and_turns_by_radians() {
        let image = phantom(Grid::new(128, 128), 0.5, 3);
        let mut turned: f32 = 0.0;
        for (a, b) in image.slice(s![.., ..127]).iter().zip(image.slice(s![.., 1..])) {
            if a.norm() > 0.0 && b.norm() > 0.0 {
                assert!((b * a.conj()).arg().abs() < 0.2);
                turned += (b * a.conj()).arg().abs();
            }
        }
        let lines = 128.0 * 0.8;
        assert!(
            (0.2..10.0).contains(&(turned / lines)),
            "{} rad across the head",
            turned / lines
        );
    }
}
