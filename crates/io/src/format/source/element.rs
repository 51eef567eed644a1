//! What one value of an array is.

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::format) enum Element {
    /// A number, a bool or an enum. `wide` if it does not fit f32.
    Real {
        wide: bool,
    },
    /// A pair of numbers.
    Complex {
        wide: bool,
    },
    Other,
}

impl Element {
    pub fn is_complex(self) -> bool {
        matches!(self, Self::Complex { .. })
    }

    pub fn is_number(self) -> bool {
        self != Self::Other
    }
}
