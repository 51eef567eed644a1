//! One contender on one case.

use std::ops::ControlFlow;
use std::time::Instant;

use ndarray::{Array2, Axis};

use super::calibration::calibration;
use super::evolution_check::EvolutionCheck;
use super::reference_metrics::{ReferenceMetrics, converged};
use super::{CalibrationRecord, Contender, EvolutionRecord, ResidualImages, RunRecord, TracePoint};
use pvdamp::array::Image;
use pvdamp::quality::align_phase;
use pvdamp::reconstruct::Prepared;
use pvdamp::solve::{IterationRecord, Solver, Tuning, drive};
use pvdamp_io::error::Result;
use pvdamp_io::recon::ScanReconstruction;

/// A case, ready to be run.
pub struct PreparedCase<'a> {
    pub case: &'a str,
    pub reconstruction: &'a ScanReconstruction,
    pub prepared: &'a Prepared,
    /// Where there is a reference.
    pub reference_metrics: Option<ReferenceMetrics>,
}

/// What came of a run.
pub struct Outcome {
    pub record: RunRecord,
    /// In the units of the scan, its phase aligned to the reference.
    pub image: Image<f32>,
    pub evolution: Option<(EvolutionRecord, Vec<ResidualImages>)>,
    /// Error bars held to the reference, and themselves, in the units of the scan.
    pub calibration: Option<(CalibrationRecord, Array2<f32>)>,
}

impl<'a> PreparedCase<'a> {
    pub fn new(case: &'a str, reconstruction: &'a ScanReconstruction, prepared: &'a Prepared) -> Self {
        let reference = prepared.reference();
        Self {
            case,
            reconstruction,
            prepared,
            reference_metrics: reference.map(ReferenceMetrics::new),
        }
    }

    /// What all contenders are given.
    pub fn tuning(&self) -> Tuning {
        self.reconstruction.settings().engine.tuning()
    }

    /// What there is to warn of, whatever the contender.
    pub fn warnings(&self) -> Vec<String> {
        self.prepared.warnings(&self.reconstruction.settings().engine)
    }

    /// The image in the units of the scan.
    pub fn unscaled(&self, image: &Image<f32>) -> Image<f32> {
        image.mapv(|v| v / self.prepared.scale)
    }

    /// Runs `contender` at `lambda`. The time is that of setting up, iterations and the final image; what the metrics and
    /// `closely` look at after each iteration does not count, nor does reading error bars off at the end. `closely`
    /// holds the state evolution to the reference.
    pub fn run(
        &self,
        contender: &Contender,
        lambda: f64,
        closely: bool,
        going: &mut dyn FnMut() -> ControlFlow<()>,
    ) -> Result<Outcome> {
        let method = contender.method;
        let tuning = contender.tuning(&self.tuning(), lambda);
        let limits = contender.limits(&self.prepared.sampling.known(), &tuning);
        let start = Instant::now();
        let mut solver = method.solver(&self.prepared.problem, &tuning);
        let setup = start.elapsed().as_secs_f64();

        let mut trace = Vec::new();
        let reference_metrics = self.reference_metrics.as_ref();
        // In the units that the solver has.
        let reference = self.prepared.problem.reference.as_ref().filter(|_| closely);
        let reference = reference.map(|sets| sets.index_axis(Axis(0), 0).to_owned());
        let mut evolution_check = reference.as_ref().map(EvolutionCheck::new);
        let look = |evolution_check: &mut Option<EvolutionCheck>, solver: &dyn Solver<f32>| {
            if let (Some(evolution_check), Some(tracked)) = (evolution_check, solver.tracked()) {
                evolution_check.record(&tracked);
            }
        };
        look(&mut evolution_check, solver.as_ref());
        let mut observe = |step: &IterationRecord, solver: &mut dyn Solver<f32>| {
            trace.push(TracePoint {
                seconds: setup + step.seconds,
                nmse_object_db: reference_metrics
                    .and_then(|metrics| metrics.nmse_object_db(&self.prepared.image(solver.image()))),
                tau: step.tau,
            });
            look(&mut evolution_check, solver);
            going()
        };
        let history = drive(solver.as_mut(), limits, &mut observe)?;
        let end = Instant::now();
        let images = solver.image();
        let finishing = end.elapsed().as_secs_f64();
        let wanted = contender.error_bars.is_some();
        let deviation = wanted
            .then(|| self.prepared.deviation(solver.as_mut(), &images))
            .flatten();
        let image = self.prepared.image(images);
        // When the image of an iteration could have been there.
        trace
            .iter_mut()
            .for_each(|point: &mut TracePoint| point.seconds += finishing);
        let mut notes = solver.notes();
        if wanted && deviation.is_none() {
            notes.push("its error bars cannot be estimated".into());
        }
        let image = if image.iter().all(|v| v.is_finite()) {
            image
        } else {
            notes.push("the image is not finite: zero was judged in its place".into());
            Image::zeros(image.dim())
        };

        let scale = f64::from(self.prepared.scale);
        let power = scale * scale;
        let evolution = evolution_check.filter(EvolutionCheck::holds_any);
        // With shifts at random the last iterate is one of many, and to come near it by chance is no convergence.
        let at = converged(&trace).filter(|_| !contender.has_shifts());
        let record = RunRecord {
            case: self.case.into(),
            contender: contender.id.clone(),
            lambda: contender.recorded(lambda),
            threads: rayon::current_num_threads(),
            iterations: history.iterations.len(),
            kept: history.kept,
            stop: history.stop.name().into(),
            seconds: setup + history.seconds + finishing,
            converged_seconds: at.map(|i| trace[i].seconds),
            converged_iteration: at.map(|i| i + 1),
            metrics: reference_metrics
                .map(|metrics| metrics.metrics(&image, |image| self.reconstruction.cropped_magnitude(image))),
            trace: trace
                .into_iter()
                .map(|point| TracePoint {
                    tau: point.tau / power,
                    ..point
                })
                .collect(),
            notes,
        };
        let image = self.aligned(image);
        let calibration = reference_metrics.zip(deviation).and_then(|(metrics, deviation)| {
            let names = [self.case, contender.id.as_str()];
            let record = calibration(metrics, &image, &deviation, scale, names)?;
            Some((record, deviation.mapv_into(|v| v / self.prepared.scale)))
        });
        Ok(Outcome {
            evolution: evolution.map(|evolution_check| evolution_check.finish(self.case, &contender.id, power)),
            image: self.unscaled(&image),
            calibration,
            record,
        })
    }

    /// Turned to the phase of the reference.
    pub fn aligned(&self, image: Image<f32>) -> Image<f32> {
        match &self.reference_metrics {
            Some(metrics) => {
                let phase = align_phase(&metrics.reference, &image, None);
                let phase = num_complex::Complex::new(phase.re as f32, phase.im as f32);
                image.mapv_into(|v| v * phase)
            }
            None => image,
        }
    }
}
