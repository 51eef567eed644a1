//! From k-space in an array to an image, with nothing to choose.
//!
//!     cargo run --release --example from_arrays

use ndarray::{Array2, Array3};
use pvdamp::array::Grid;
use pvdamp::quality::{complex_nmse, decibel};
use pvdamp::sampling::{Family, Request};
use pvdamp::simulate::{SimulationSettings, simulate_slice};
use pvdamp::{Acquisition, Complex32, Settings, reconstruct};

fn main() -> pvdamp::Result<()> {
    let (kspace, truth) = undersampled_head()?;

    // (coils, rows, cols), the origin of each axis of n samples at n / 2, zero where nothing was sampled.
    let acquisition = Acquisition::new(&kspace);
    for name in ["pvdamp", "howl"] {
        let settings = Settings::of_method(name)?;
        let reconstruction = reconstruct(&acquisition, &settings, &mut ())?;
        let record = &reconstruction.record;
        let error = magnitude_nmse(&truth, &reconstruction.image);
        println!(
            "{name}: R = {:.2}, {} iterations, {:.2} s, NMSE {error:.1} dB",
            record.sampling.acceleration,
            record.history.as_ref().map_or(0, |history| history.iterations.len()),
            record.seconds,
        );
        for warning in &record.warnings {
            eprintln!("warning: {warning}");
        }
    }
    Ok(())
}

/// In dB, of magnitudes: the phase of an image is that of its coil maps, and calibrated maps have one of their own.
fn magnitude_nmse(truth: &Array2<Complex32>, image: &Array2<Complex32>) -> f64 {
    let magnitude = |image: &Array2<Complex32>| image.mapv(|v| Complex32::new(v.norm(), 0.0));
    complex_nmse(&magnitude(truth), &magnitude(image), None).map_or(f64::NAN, decibel)
}

/// A simulated scan of 8 coils, 256 x 256, at R = 5, and its true image.
fn undersampled_head() -> pvdamp::Result<(Array3<Complex32>, Array2<Complex32>)> {
    let grid = Grid::new(256, 256);
    let simulation = SimulationSettings {
        grid,
        coils: 8,
        slices: 1,
        noise: 0.005,
        seed: 1,
    };
    let head = simulate_slice(&simulation, 0)?;
    let request = Request {
        seed: 2,
        ..Request::new(5.0)
    };
    let bernoulli = Family::find("bernoulli").expect("a family of the table");
    let mask = bernoulli.draw(&request, grid)?.mask;
    let mut kspace = head.kspace;
    for mut coil in kspace.outer_iter_mut() {
        coil.zip_mut_with(&mask.sampled, |value, &sampled| {
            if !sampled {
                *value = Complex32::ZERO;
            }
        });
    }
    Ok((kspace, head.image))
}
