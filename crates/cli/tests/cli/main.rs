//! The program as a user runs it.

#[path = "../support/mod.rs"]
mod support;

mod acquired;
mod acquisitions;
mod bad_input;
mod batch;
mod bench;
mod calibration;
mod choice;
mod client_ismrmrd;
mod clients;
mod coils;
mod commands;
mod convert;
mod docs;
mod error_bars;
mod eval;
mod frames;
mod hostile_hdf5;
mod mutated;
mod one_path;
mod origins;
mod own_files;
mod patients;
mod report;
mod shapes;
mod volumes;
