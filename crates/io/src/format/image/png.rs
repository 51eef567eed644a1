//! Pictures: 8-bit grey PNG of a magnitude image.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};
use ndarray::{Array2, ArrayView2};
use num_complex::Complex;

use super::super::atomic_file::{AtomicFile, unwritable};
use super::super::reason::Reason;
use super::sink::{ImageFormat, ImageSink, numbered};
use crate::error::{Error, Result};

/// From 0, black, to the value that 99.5 % of the pixels do not exceed, white: a few bright pixels do not
/// darken the picture. NaN and Inf are passed over.
pub fn window(image: &Array2<f32>) -> (f32, f32) {
    let mut values: Vec<f32> = image.iter().copied().filter(|v| v.is_finite()).collect();
    if values.is_empty() {
        return (0.0, 0.0);
    }
    let rank = ((values.len() - 1) as f64 * 0.995).round() as usize;
    let (_, white, _) = values.select_nth_unstable_by(rank, f32::total_cmp);
    (0.0, white.max(0.0))
}

pub(super) const FORMAT: ImageFormat = ImageFormat {
    name: "png",
    title: "PNG",
    summary: "8-bit grey pictures of the magnitude, one a slice; \
        white is the value that 99.5 % of the pixels do not exceed",
    citation: "ISO/IEC 15948:2004",
    extensions: &["png"],
    complex: false,
    parts: false,
    files: numbered,
    create: |path, series| {
        Ok(Box::new(Pictures {
            names: numbered(path, series.slices),
            done: Vec::new(),
        }))
    },
    kspace: None,
};

/// Pictures that wait for their names until all are there.
struct Pictures {
    names: Vec<PathBuf>,
    done: Vec<AtomicFile>,
}

impl ImageSink for Pictures {
    fn write(&mut self, slice: usize, image: ArrayView2<Complex<f32>>) -> Result<()> {
        let magnitude = image.mapv(Complex::norm);
        let mut file = encode(&self.names[slice], magnitude.view(), window(&magnitude))?;
        file.close()?;
        self.done.push(file);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<()> {
        AtomicFile::commit_all(self.done)
    }
}

/// Writes `image` with `low` as black and `high` as white, values beyond them clipped, NaN black. Rows run down.
/// A window without width gives black up to it and white above.
pub fn write_png(path: &Path, image: ArrayView2<f32>, window: (f32, f32)) -> Result<()> {
    encode(path, image, window)?.commit()
}

/// The picture, still under its temporary name.
fn encode(path: &Path, image: ArrayView2<f32>, (low, high): (f32, f32)) -> Result<AtomicFile> {
    let (rows, cols) = image.dim();
    let (Ok(height), Ok(width), false) = (u32::try_from(rows), u32::try_from(cols), image.is_empty()) else {
        return Err(Error::data(
            path,
            format!("no picture can be {rows}x{cols}"),
            "give an image with pixels",
        ));
    };
    let pixels: Vec<u8> = image.iter().map(|&value| grey(value, low, high)).collect();
    let mut file = BufWriter::new(AtomicFile::create(path)?);
    let failed = |why: Reason| unwritable(path, why);
    PngEncoder::new(&mut file)
        .write_image(&pixels, width, height, ExtendedColorType::L8)
        .map_err(|e| failed(Reason::of(e)))?;
    file.flush().map_err(|e| failed(e.into()))?;
    file.into_inner().map_err(|e| failed(e.into_error().into()))
}

fn grey(value: f32, low: f32, high: f32) -> u8 {
    let (value, low, high) = (f64::from(value), f64::from(low), f64::from(high));
    let share = if high > low {
        (value - low) / (high - low)
    } else {
        f64::from(u8::from(value > high))
    };
    // casting saturates, and takes NaN to 0
    (share.clamp(0.0, 1.0) * 255.0).round() as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn the_window_ignores_few_bright_pixels() {
        let mut image = Array2::from_shape_fn((100, 100), |(r, c)| (100 * r + c) as f32);
        assert_eq!(window(&image), (0.0, 9949.0));
        image[[0, 0]] = 1e30;
        image[[0, 1]] = f32::INFINITY;
        image[[0, 2]] = f32::NAN;
        assert!((9940.0..9960.0).contains(&window(&image).1));
        assert_eq!(window(&Array2::zeros((4, 4))), (0.0, 0.0));
        assert_eq!(window(&Array2::from_elem((4, 4), -1.0)), (0.0, 0.0));
        assert_eq!(window(&Array2::from_elem((4, 4), f32::NAN)), (0.0, 0.0));
        assert_eq!(window(&Array2::zeros((0, 4))), (0.0, 0.0));
    }

    #[test]
    fn the_picture_can_be_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("picture.png");
        let image = array![[0.0, 0.5, 1.0], [-1.0, 2.0, f32::NAN]];
        write_png(&path, image.view(), (0.0, 1.0)).unwrap();
        let picture = image::open(&path).unwrap().into_luma8();
        assert_eq!(picture.dimensions(), (3, 2));
        assert_eq!(picture.into_raw(), [0, 128, 255, 0, 255, 0]);
        // a view that is not in standard layout
        write_png(&path, image.t(), (0.0, 1.0)).unwrap();
        assert_eq!(
            image::open(&path).unwrap().into_luma8().into_raw(),
            [0, 0, 128, 255, 255, 0]
        );
    }

    #[test]
    fn an_empty_window_is_no_trap() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("picture.png");
        let zero = Array2::zeros((2, 2));
        write_png(&path, zero.view(), window(&zero)).unwrap();
        assert_eq!(image::open(&path).unwrap().into_luma8().into_raw(), [0; 4]);
        assert!(write_png(&path, Array2::zeros((0, 2)).view(), (0.0, 1.0)).is_err());
    }
}
