//! Error bars: the predicted standard deviation of each pixel, held to the true error of a simulated scan.
//!
//!     cargo run --release --example error_bars

use ndarray::Axis;
use pvdamp::array::Grid;
use pvdamp::sampling::{Family, Request};
use pvdamp::simulate::{SimulationSettings, simulate_slice};
use pvdamp::{Acquisition, Settings, reconstruct};

fn main() -> pvdamp::Result<()> {
    let simulation = SimulationSettings {
        grid: Grid::new(192, 192),
        coils: 8,
        slices: 1,
        noise: 0.01,
        seed: 3,
    };
    let head = simulate_slice(&simulation, 0)?;
    let request = Request {
        seed: 4,
        ..Request::new(5.0)
    };
    let bernoulli = Family::find("bernoulli").expect("a family of the table");
    let maps = head.maps.insert_axis(Axis(0)); // (sets, coils, rows, cols); so that the phase is that of the truth
    let acquisition = Acquisition::new(&head.kspace).with_maps(maps);
    let acquisition = acquisition.undersampled(bernoulli, &request)?;

    for method in ["howl", "pvdamp"] {
        let mut settings = Settings::of_method(method)?;
        settings.tuning.error_bars = Some(0); // the seed of the samples that are held out
        let reconstruction = reconstruct(&acquisition, &settings, &mut ())?;
        let deviation = reconstruction.deviation.expect("error bars, since they were asked for");

        let (mut within, mut pixels) = (0, 0);
        for ((found, truth), &deviation) in reconstruction.image.iter().zip(&head.image).zip(&deviation) {
            if truth.norm() > 0.1 {
                let error = found - truth;
                within += usize::from(error.re.abs() <= 1.96 * deviation);
                within += usize::from(error.im.abs() <= 1.96 * deviation);
                pixels += 2;
            }
        }
        let share = 100.0 * f64::from(within as u32) / f64::from(pixels.max(1) as u32);
        let predicted = reconstruction.record.predicted_nmse.unwrap_or(f64::NAN);
        println!("{method}: predicted NMSE {predicted:.5};");
        println!("  within 1.96 predicted standard deviations {share:.1} % of the errors on the object, 95 % if right");
    }
    Ok(())
}
