//! Methods compared on the same data: cases, runs, searches for λ, and the record of it all.

mod record;
mod shown;

pub use record::{
    CaseRecord, ContenderRecord, EvolutionRecord, EvolutionStep, Machine, Metrics, ResidualRecord, Results, RunRecord,
    SensitivityRecord, TracePoint,
};
pub use shown::{Shown, ShownResidual};
