//! What can go wrong, in terms of the engine: no file and no command line.

use std::fmt;

/// The result of whatever can fail.
pub type Result<T> = std::result::Result<T, Error>;

/// Why something cannot be computed. `Display` is one sentence without a full stop.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting that makes no sense.
    #[error("{parameter} {value} {why}")]
    Setting {
        /// What was set.
        parameter: Parameter,
        /// The value.
        value: String,
        /// What is wrong with it and what to do, continuing "parameter value".
        why: String,
    },
    /// Data that do not fit, or cannot be.
    #[error("{what}: {found}; expected {expected}")]
    Data {
        /// Which of the inputs.
        what: Input,
        /// What it is.
        found: String,
        /// What it should be.
        expected: String,
    },
    /// Too little data for what was asked for.
    #[error("{what}: {found}; {needed}")]
    NotEnough {
        /// Which of the inputs.
        what: Input,
        /// What there is.
        found: String,
        /// What is needed.
        needed: String,
    },
    /// The observer asked to stop.
    #[error("cancelled")]
    Cancelled,
    /// A defect of this library.
    #[error("internal error: {0}; please report it")]
    Internal(String),
}

impl Error {
    /// [`Error::Setting`]; `why` continues the words "parameter value".
    pub fn setting(parameter: Parameter, value: impl ToString, why: impl Into<String>) -> Self {
        Self::Setting {
            parameter,
            value: value.to_string(),
            why: why.into(),
        }
    }

    /// [`Error::Data`].
    pub fn data(what: Input, found: impl Into<String>, expected: impl Into<String>) -> Self {
        Self::Data {
            what,
            found: found.into(),
            expected: expected.into(),
        }
    }

    /// [`Error::NotEnough`].
    pub fn not_enough(what: Input, found: impl Into<String>, needed: impl Into<String>) -> Self {
        Self::NotEnough {
            what,
            found: found.into(),
            needed: needed.into(),
        }
    }
}

/// What can be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Parameter {
    /// R of a mask.
    Acceleration,
    /// Size of the fully sampled centre.
    Acs,
    /// The same as a share of the lines.
    AcsFraction,
    /// Order of a sampling density.
    Order,
    /// Seed of a random draw.
    Seed,
    /// Size of a k-space plane.
    Size,
    /// Number of simulated coils.
    Coils,
    /// Number of simulated slices.
    Slices,
    /// Index of a slice.
    Slice,
    /// Standard deviation of simulated noise.
    NoiseLevel,
    /// ρ of P-VDAMP.
    Damping,
    /// The regularisation weight.
    Lambda,
    /// Scales of the wavelet transform.
    Scales,
    /// Iterations at most.
    Iterations,
    /// Sets of coil sensitivity maps.
    MapSets,
    /// Side of the ESPIRiT kernel.
    Kernel,
    /// Side of the calibration region.
    Calibration,
    /// Threshold of singular values in ESPIRiT.
    SingularThreshold,
    /// Eigenvalue at which ESPIRiT maps end.
    Crop,
    /// Number of virtual coils.
    VirtualCoils,
    /// Name of a method.
    Method,
}

impl fmt::Display for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Acceleration => "acceleration",
            Self::Acs => "ACS",
            Self::AcsFraction => "ACS fraction",
            Self::Order => "order",
            Self::Seed => "seed",
            Self::Size => "size",
            Self::Coils => "number of coils",
            Self::Slices => "number of slices",
            Self::Slice => "slice",
            Self::NoiseLevel => "noise",
            Self::Damping => "damping",
            Self::Lambda => "regularisation weight",
            Self::Scales => "scales",
            Self::Iterations => "iterations",
            Self::MapSets => "sets of coil sensitivity maps",
            Self::Kernel => "ESPIRiT kernel",
            Self::Calibration => "calibration region",
            Self::SingularThreshold => "singular value threshold",
            Self::Crop => "crop",
            Self::VirtualCoils => "virtual coils",
            Self::Method => "method",
        })
    }
}

/// What a reconstruction is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Input {
    /// k-space.
    Kspace,
    /// The sampling mask.
    Mask,
    /// The sampling probability.
    Probability,
    /// Which part of k-space was acquired.
    Acquired,
    /// Coil sensitivity maps.
    Maps,
    /// The noise covariance over coils.
    NoiseCovariance,
    /// Samples of noise.
    NoiseSamples,
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kspace => "k-space",
            Self::Mask => "sampling mask",
            Self::Probability => "sampling probability",
            Self::Acquired => "acquired part of k-space",
            Self::Maps => "coil sensitivity maps",
            Self::NoiseCovariance => "noise covariance",
            Self::NoiseSamples => "noise samples",
        })
    }
}
