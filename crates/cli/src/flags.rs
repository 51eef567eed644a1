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

#[cfg(test)]
mod tests {
    use super::*;
    use pvdamp::Settings;
    use pvdamp::array::Grid;
    use pvdamp::sampling::{Family, Request};

    #[test]
    fn a_parameter_is_named_as_its_option() {
        let bernoulli = Family::find("bernoulli").unwrap();
        let error = bernoulli.plan(&Request::new(0.5), Grid::new(32, 32)).unwrap_err();
        let sentence = in_flags(&error.into());
        assert!(sentence.starts_with("--accel 0.5 is not an acceleration"), "{sentence}");
        let mut settings = Settings::default();
        settings.espirit.singular_threshold = 2.0;
        let error = settings.validate(Grid::new(32, 32)).unwrap_err();
        let sentence = in_flags(&error.into());
        assert!(
            sentence.starts_with("singular value threshold 2 "),
            "no option sets it: {sentence}"
        );
    }
}
