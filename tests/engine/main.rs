//! The engine as a library user meets it: against reference runs, against fresh draws, and every row of its tables.

mod architecture;
mod conformance;
mod error_bars;
mod evolution;
mod golden;
mod howl;
mod maps;
mod reconstruct;
mod second_edition;
mod slices;
mod solvers;
mod transforms;
