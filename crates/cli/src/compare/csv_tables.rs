//! `results.csv` and `calibration.csv`: one row per run.

use serde::Serialize;

use super::{CalibrationRecord, CaseRecord, Results};
use pvdamp_io::error::{Error, Result};
use pvdamp_io::evaluate::TextCell;

#[derive(Serialize)]
struct ResultRow<'a> {
    case: TextCell<'a>,
    scan: TextCell<'a>,
    slice: usize,
    sampling: TextCell<'a>,
    acceleration: f64,
    seed: Option<u64>,
    method: TextCell<'a>,
    program: TextCell<'a>,
    oracle: TextCell<'a>,
    lambda: Option<f64>,
    threads: usize,
    iterations: usize,
    kept: usize,
    stop: TextCell<'a>,
    seconds: f64,
    converged_seconds: Option<f64>,
    converged_iteration: Option<usize>,
    nmse_db: Option<f64>,
    nmse_object_db: Option<f64>,
    psnr_db: Option<f64>,
    ssim: Option<f64>,
    hfen_db: Option<f64>,
}

/// The runs as a table with a header. Missing figures are empty.
pub fn results_csv(results: &Results) -> Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for run in &results.runs {
        let case = results.cases.iter().find(|case| case.id == run.case);
        let contender = results
            .contenders
            .iter()
            .find(|contender| contender.id == run.contender);
        let (Some(case), Some(contender)) = (case, contender) else {
            continue;
        };
        let metrics = run.metrics.unwrap_or_default();
        let row = ResultRow {
            case: TextCell(&case.id),
            scan: TextCell(&case.scan),
            slice: case.slice,
            sampling: TextCell(&case.sampling),
            acceleration: case.acceleration,
            seed: case.seed,
            method: TextCell(&run.contender),
            program: TextCell(&contender.program),
            oracle: TextCell(&contender.oracle),
            lambda: run.lambda,
            threads: run.threads,
            iterations: run.iterations,
            kept: run.kept,
            stop: TextCell(&run.stop),
            seconds: run.seconds,
            converged_seconds: run.converged_seconds,
            converged_iteration: run.converged_iteration,
            nmse_db: metrics.nmse_db,
            nmse_object_db: metrics.nmse_object_db,
            psnr_db: metrics.psnr_db,
            ssim: metrics.ssim,
            hfen_db: metrics.hfen_db,
        };
        writer.serialize(row).map_err(table_error)?;
    }
    writer.into_inner().map_err(table_error)
}

#[derive(Serialize)]
struct CalibrationRow<'a> {
    case: TextCell<'a>,
    scan: TextCell<'a>,
    slice: usize,
    sampling: TextCell<'a>,
    acceleration: f64,
    seed: Option<u64>,
    method: TextCell<'a>,
    pixels: usize,
    within_68: f64,
    within_95: f64,
    energy_ratio: Option<f64>,
}

/// The runs whose error bars were compared with a reference, as a table with a header; `None` if there are none.
pub fn calibration_csv(results: &Results) -> Result<Option<Vec<u8>>> {
    if results.calibrations.is_empty() {
        return Ok(None);
    }
    let mut writer = csv::Writer::from_writer(Vec::new());
    let case_of = |record: &CalibrationRecord| results.cases.iter().find(|case| case.id == record.case);
    let pairs = results
        .calibrations
        .iter()
        .filter_map(|record| Some((case_of(record)?, record)));
    for (case, record) in pairs {
        let CaseRecord {
            id,
            scan,
            slice,
            sampling,
            acceleration,
            seed,
            ..
        } = case;
        let row = CalibrationRow {
            case: TextCell(id),
            scan: TextCell(scan),
            slice: *slice,
            sampling: TextCell(sampling),
            acceleration: *acceleration,
            seed: *seed,
            method: TextCell(&record.contender),
            pixels: record.pixels,
            within_68: record.within_68,
            within_95: record.within_95,
            energy_ratio: record.energy_ratio,
        };
        writer.serialize(row).map_err(table_error)?;
    }
    Ok(Some(writer.into_inner().map_err(table_error)?))
}

fn table_error(e: impl std::fmt::Display) -> Error {
    Error::internal(format!("the results cannot be put as a table ({e})"))
}
