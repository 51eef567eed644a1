//! Methods compared on the same data: cases, runs, searches for λ, and the record of it all.

mod calibration;
mod contender;
mod judge;
mod peers;
mod plan;
mod record;
mod run;
mod shared;
mod shown;
mod store;
mod table;
mod watch;
mod whole;

pub use contender::{Contender, Weight};
pub use plan::{Case, Common, Drawing, Slices, Undersampling, cases};
pub use pvdamp_io::recon::Machine;
pub use record::{
    CalibrationBin, CalibrationRecord, CaseRecord, ContenderRecord, EvolutionRecord, EvolutionStep, Metrics,
    ResidualRecord, Results, RunRecord, SensitivityRecord, TracePoint,
};
pub use run::Outcome;
pub use shown::{Shown, ShownResidual};
pub use table::{calibration_csv, results_csv};
pub use whole::{Bench, Listener};
