//! Pictures in a page: 8-bit grey PNG as data URIs, or JPEG if there are many; windowing; and the choice of the region
//! that is enlarged.

use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};
use ndarray::{Array2, ArrayView2, s};

use pvdamp::array::Image;
use pvdamp::quality::object_mask;
use pvdamp_io::error::{Error, Result};

/// How values are mapped to grey levels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Tone {
    /// From 0 (black) to this value (white).
    Linear(f32),
    /// Logarithmic from the first value (black) to the second (white). Both are above 0.
    Logarithmic(f32, f32),
}

impl Tone {
    fn grey(self, value: f32) -> u8 {
        let share = match self {
            Self::Linear(white) if white > 0.0 => value / white,
            Self::Logarithmic(black, white) if white > black => (value / black).ln() / (white / black).ln(),
            _ => 0.0,
        };
        // the cast saturates and maps NaN to 0
        (share.clamp(0.0, 1.0) * 255.0).round() as u8
    }
}

/// A picture as the value of `src`, one pixel per value.
///
/// # Errors
/// A picture without pixels, or with more than PNG allows.
pub fn data_uri(values: ArrayView2<f32>, tone: Tone) -> Result<String> {
    let mut png = Vec::new();
    let encoder = PngEncoder::new_with_quality(&mut png, CompressionType::Best, FilterType::Adaptive);
    encode(values, tone, encoder)?;
    Ok(format!("data:image/png;base64,{}", STANDARD.encode(png)))
}

/// A picture as JPEG in base64. The quality is from 1 to 100.
///
/// # Errors
/// A picture without pixels, or with more than JPEG allows.
pub fn jpeg(values: ArrayView2<f32>, tone: Tone, quality: u8) -> Result<String> {
    let mut jpeg = Vec::new();
    encode(values, tone, JpegEncoder::new_with_quality(&mut jpeg, quality))?;
    Ok(STANDARD.encode(jpeg))
}

fn encode(values: ArrayView2<f32>, tone: Tone, encoder: impl ImageEncoder) -> Result<()> {
    let (rows, cols) = values.dim();
    let refused = |why: String| Error::internal(format!("no picture can be made of {rows}x{cols} pixels: {why}"));
    if values.is_empty() {
        return Err(refused("it has none".into()));
    }
    let size = u32::try_from(cols).ok().zip(u32::try_from(rows).ok());
    let (width, height) = size.ok_or_else(|| refused("it is too large".into()))?;
    let pixels: Vec<u8> = values.iter().map(|&value| tone.grey(value)).collect();
    encoder
        .write_image(&pixels, width, height, ExtendedColorType::L8)
        .map_err(|e| refused(e.to_string()))
}

/// The image with fewer pixels, each the mean over the area that it covers. `height` and `width` are at least 1 and at
/// most those of the image.
pub fn downsampled(image: ArrayView2<f32>, height: usize, width: usize) -> Array2<f32> {
    let along_rows = downsampled_rows(image, height);
    downsampled_rows(along_rows.t(), width)
        .reversed_axes()
        .as_standard_layout()
        .into_owned()
}

fn downsampled_rows(image: ArrayView2<f32>, height: usize) -> Array2<f32> {
    let (rows, cols) = image.dim();
    let pitch = rows as f64 / height as f64;
    let mut out = Array2::zeros((height, cols));
    for (i, mut to) in out.outer_iter_mut().enumerate() {
        let (start, end) = (i as f64 * pitch, (i + 1) as f64 * pitch);
        for r in start as usize..(end.ceil() as usize).min(rows) {
            let covered = end.min((r + 1) as f64) - start.max(r as f64);
            to.scaled_add((covered / pitch) as f32, &image.row(r));
        }
    }
    out
}

/// The value that a `share` of the pixels do not exceed. NaN and infinities are ignored. 0 without finite values.
pub fn percentile<'a>(values: impl IntoIterator<Item = &'a f32>, share: f64) -> f32 {
    let mut finite: Vec<f32> = values.into_iter().copied().filter(|v| v.is_finite()).collect();
    if finite.is_empty() {
        return 0.0;
    }
    let rank = ((finite.len() - 1) as f64 * share).round() as usize;
    *finite.select_nth_unstable_by(rank, f32::total_cmp).1
}

pub fn magnitude(image: &Image<f32>) -> Array2<f32> {
    image.mapv(|v| v.norm())
}

/// A part of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    pub rows: Range<usize>,
    pub cols: Range<usize>,
}

impl Region {
    pub fn height(&self) -> usize {
        self.rows.len()
    }

    pub fn width(&self) -> usize {
        self.cols.len()
    }

    pub fn of<'a>(&self, image: ArrayView2<'a, f32>) -> ArrayView2<'a, f32> {
        image.slice_move(s![self.rows.clone(), self.cols.clone()])
    }
}

/// The bounding box of the object, with a margin.
pub fn object_region(image: &Image<f32>) -> Region {
    region_of(&object_mask(image))
}

/// The same for a magnitude image.
pub fn object_region_of(magnitude: ArrayView2<f32>) -> Region {
    let threshold = magnitude.iter().copied().fold(0.0, f32::max) / 20.0;
    region_of(&magnitude.mapv(|m| m > threshold))
}

/// The bounding box of a mask, with a margin; everything if the mask is empty.
fn region_of(mask: &Array2<bool>) -> Region {
    let (rows, cols) = mask.dim();
    let extent = |n: usize, is_object: &dyn Fn(usize) -> bool| {
        let margin = n / 32 + 1;
        let first = (0..n).find(|&i| is_object(i)).unwrap_or(0);
        let last = (0..n).rev().find(|&i| is_object(i)).unwrap_or(n.saturating_sub(1));
        first.saturating_sub(margin)..(last + 1 + margin).min(n)
    };
    Region {
        rows: extent(rows, &|r| mask.row(r).iter().any(|&m| m)),
        cols: extent(cols, &|c| mask.column(c).iter().any(|&m| m)),
    }
}

/// The square with the most gradient energy, or the first of equals. Its side is a third of the shorter side of
/// `region`. Its centre lies in the inner quarter, because the rim of the object always has the most energy.
pub fn most_detailed_square(image: ArrayView2<f32>, region: &Region) -> Region {
    let side = (region.height().min(region.width()) / 3).max(1);
    let sums = integral_image(&gradient_energy(region.of(image)));
    let starts = |n: usize| {
        let first = (3 * n / 8).saturating_sub(side / 2).min(n - side);
        first..=(5 * n / 8).saturating_sub(side / 2).clamp(first, n - side)
    };
    let mut best = (f64::NEG_INFINITY, 0, 0);
    for r in starts(region.height()) {
        for c in starts(region.width()) {
            let energy = sums[[r + side, c + side]] - sums[[r, c + side]] - sums[[r + side, c]] + sums[[r, c]];
            if energy > best.0 {
                best = (energy, r, c);
            }
        }
    }
    let (row, col) = (region.rows.start + best.1, region.cols.start + best.2);
    Region {
        rows: row..row + side,
        cols: col..col + side,
    }
}

/// Squared forward differences along both axes. Values that are not finite count as 0.
fn gradient_energy(image: ArrayView2<f32>) -> Array2<f64> {
    let (rows, cols) = image.dim();
    Array2::from_shape_fn((rows, cols), |(r, c)| {
        let here = f64::from(image[[r, c]]);
        let down = f64::from(image[[(r + 1).min(rows - 1), c]]) - here;
        let right = f64::from(image[[r, (c + 1).min(cols - 1)]]) - here;
        let energy = down * down + right * right;
        if energy.is_finite() { energy } else { 0.0 }
    })
}

/// Sums over all rows above and all columns to the left. It has one more row and column than `values`.
fn integral_image(values: &Array2<f64>) -> Array2<f64> {
    let (rows, cols) = values.dim();
    let mut sums = Array2::zeros((rows + 1, cols + 1));
    for r in 0..rows {
        for c in 0..cols {
            sums[[r + 1, c + 1]] = values[[r, c]] + sums[[r, c + 1]] + sums[[r + 1, c]] - sums[[r, c]];
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;
    use num_complex::Complex;

    #[test]
    fn the_picture_can_be_read_back() {
        let values = array![[0.0, 1.0, 2.0], [-1.0, f32::NAN, f32::INFINITY]];
        let uri = data_uri(values.view(), Tone::Linear(2.0)).unwrap();
        let png = STANDARD
            .decode(uri.strip_prefix("data:image/png;base64,").unwrap())
            .unwrap();
        let picture = image::load_from_memory(&png).unwrap().into_luma8();
        assert_eq!(picture.dimensions(), (3, 2));
        assert_eq!(picture.into_raw(), [0, 128, 255, 0, 0, 255]);
        assert!(data_uri(Array2::zeros((0, 3)).view(), Tone::Linear(1.0)).is_err());
    }

    #[test]
    fn a_logarithm_spreads_what_is_small() {
        let tone = Tone::Logarithmic(0.01, 1.0);
        assert_eq!([0.0, 0.01, 0.1, 1.0, 5.0].map(|v| tone.grey(v)), [0, 0, 128, 255, 255]);
        assert_eq!(Tone::Linear(0.0).grey(1.0), 0);
        assert_eq!(Tone::Logarithmic(1.0, 1.0).grey(f32::NAN), 0);
    }

    #[test]
    fn a_jpeg_is_close_to_its_values() {
        let values = Array2::from_shape_fn((40, 30), |(r, c)| (r + c) as f32);
        let jpeg = STANDARD
            .decode(jpeg(values.view(), Tone::Linear(70.0), 90).unwrap())
            .unwrap();
        let picture = image::load_from_memory(&jpeg).unwrap().into_luma8();
        assert_eq!(picture.dimensions(), (30, 40));
        for (value, grey) in values.iter().zip(picture.into_raw()) {
            assert!((value / 70.0 * 255.0 - f32::from(grey)).abs() < 6.0);
        }
    }

    #[test]
    fn a_smaller_image_has_the_same_mean_and_every_pixel_counts() {
        let values = Array2::from_shape_fn((7, 11), |(r, c)| (r * 11 + c) as f32);
        let mean = |a: &Array2<f32>| a.iter().sum::<f32>() / a.len() as f32;
        for (height, width) in [(7, 11), (3, 4), (1, 1), (2, 11), (5, 7)] {
            let small = downsampled(values.view(), height, width);
            assert_eq!(small.dim(), (height, width));
            assert!((mean(&small) - mean(&values)).abs() < 1e-4);
        }
        assert_eq!(downsampled(values.view(), 7, 11), values);
        for at in 0..77 {
            let mut dot = Array2::zeros((7, 11));
            dot[[at / 11, at % 11]] = 77.0;
            let small = downsampled(dot.view(), 2, 3);
            assert!((small.sum() - 6.0).abs() < 1e-4, "{at}");
        }
    }

    #[test]
    fn the_percentile_ignores_values_that_are_not_finite() {
        let values: Vec<f32> = (0..=1000).map(|i| i as f32).chain([f32::NAN, f32::INFINITY]).collect();
        assert_eq!(percentile(&values, 0.995), 995.0);
        assert_eq!(percentile(&[f32::NAN], 0.5), 0.0);
    }

    #[test]
    fn the_square_of_most_detail_is_found() {
        let mut image = Array2::zeros((60, 90));
        // a strong edge at the rim, which must be ignored, and detail left of the middle
        image.column_mut(0).fill(100.0);
        for r in 25..35 {
            for c in 33..43 {
                image[[r, c]] = ((r + c) % 2) as f32;
            }
        }
        let whole = Region {
            rows: 0..60,
            cols: 0..90,
        };
        let square = most_detailed_square(image.view(), &whole);
        assert_eq!((square.height(), square.width()), (20, 20));
        assert!(square.rows.start <= 24 && square.rows.end >= 35 && square.cols.start <= 32 && square.cols.end >= 43);
        let dot = Region { rows: 0..1, cols: 0..1 };
        assert_eq!(most_detailed_square(array![[1.0]].view(), &dot), dot);
    }

    #[test]
    fn air_is_cropped() {
        let mut image: Image<f32> = Array2::zeros((64, 64));
        image.slice_mut(s![20..40, 10..30]).fill(Complex::ONE);
        let region = object_region(&image);
        assert_eq!((region.rows, region.cols), (17..43, 7..33));
        let empty = object_region(&Array2::zeros((8, 8)));
        assert_eq!((empty.rows, empty.cols), (0..8, 0..8));
    }
}
