//! Compares methods on the same data: cases, runs, searches for λ, and their records.

mod bench;
mod calibration;
mod case_images;
mod contender;
mod csv_tables;
mod evolution_check;
mod peers;
mod plan;
mod record;
mod reference_metrics;
mod run;
mod shared_lambda;
mod store;

pub use bench::{Bench, Listener};
pub use case_images::{CaseImages, ResidualImages};
pub use contender::{Contender, Weight};
pub use csv_tables::{calibration_csv, results_csv};
pub use plan::{Case, Common, Drawing, Slices, Undersampling, cases};
pub use pvdamp_io::recon::Machine;
pub use record::{
    CalibrationBin, CalibrationRecord, CaseRecord, ContenderRecord, EvolutionRecord, EvolutionStep, ResidualRecord,
    Results, RunMetrics, RunRecord, SensitivityRecord, TracePoint,
};
pub use run::Outcome;
pub use store::Store;
