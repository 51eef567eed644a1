//! Arrays whose origin may lie elsewhere than in the middle: they are taken at their word, with a warning.

use ndarray::ArrayView3;
use num_complex::Complex;
use pvdamp_io::format::Oddities;

/// What looks wrong about k-space `(coils, rows, cols)`, a sentence each.
pub(crate) fn oddities(kspace: ArrayView3<'_, Complex<f32>>) -> Vec<String> {
    if kspace.is_empty() {
        return Vec::new();
    }
    let Oddities {
        first,
        elsewhere,
        images,
        rolled,
    } = Oddities::of(kspace);
    let axes = ["rows", "columns"];
    let (_, rows, cols) = kspace.dim();
    let mut sentences = Vec::new();
    let named: Vec<&str> = axes
        .into_iter()
        .zip(first)
        .filter(|(_, first)| *first)
        .map(|(axis, _)| axis)
        .collect();
    if !named.is_empty() {
        sentences.push(format!(
            "zero frequency lies at the first sample of {}, as an FFT leaves it, and is taken to be in the middle: the image \
             will be wrong. numpy.fft.fftshift over these axes of k-space mends it",
            named.join(" and ")
        ));
    }
    for ((axis, n), at) in axes.into_iter().zip([rows, cols]).zip(elsewhere) {
        sentences.extend(at.map(|at| {
            format!(
                "most energy of k-space lies at sample {at} of {n} along the {axis}, and zero frequency is taken to be at {}: \
                 the image may be wrong",
                n / 2
            )
        }));
    }
    if images {
        sentences.push(
            "k-space looks like images of the coils, and their Fourier transform like k-space: the image will be wrong if \
             it holds images; transform them before"
                .into(),
        );
    }
    if rolled {
        sentences.push(
            "the object lies about the first pixel of the image, as of images that were not shifted before the FFT: \
             numpy.fft.fftshift over both axes of the image brings it to the middle"
                .into(),
        );
    }
    sentences
}
