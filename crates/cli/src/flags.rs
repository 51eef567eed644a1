//! The engine's parameters as a user types them.

use pvdamp::{Error as Engine, Parameter};
use pvdamp_io::error::Error;

/// The option that sets a parameter; `None` where none does.
fn flag(parameter: Parameter) -> Option<&'static str> {
    Some(match parameter {
        Parameter::Acceleration => "--accel",
        Parameter::Acs => "--acs",
        Parameter::AcsFraction => "--acs-fraction",
        Parameter::Order => "--order",
        Parameter::Seed => "--seed",
        Parameter::Size => "--size",
        Parameter::Coils => "--coils",
        Parameter::Slices => "--slices",
        Parameter::NoiseLevel => "--noise",
        Parameter::Damping => "--damping",
        Parameter::Lambda => "--lambda",
        Parameter::Scales => "--scales",
        Parameter::Iterations => "--iterations",
        Parameter::MapSets => "--map-sets",
        Parameter::Kernel => "--kernel",
        Parameter::Calibration => "--calibration",
        Parameter::Crop => "--crop",
        Parameter::VirtualCoils => "--virtual-coils",
        Parameter::Method => "--method",
        _ => return None,
    })
}

/// An error in the words of the command line.
pub fn in_flags(error: &Error) -> String {
    match error {
        Error::Engine(Engine::Setting { parameter, value, why }) => match flag(*parameter) {
            Some(flag) => format!("{flag} {value} {why}"),
            None => error.to_string(),
        },
        _ => error.to_string(),
    }
}
