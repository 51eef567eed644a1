//! Numbers as they lie in a file of raw arrays.

use num_complex::Complex;

/// The kind of a stored number, with its width in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    Signed(usize),
    Unsigned(usize),
    Float(usize),
    /// The width of both parts together.
    Complex(usize),
}

/// A stored number: its kind and the order of its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Number {
    pub kind: Kind,
    pub big_endian: bool,
}

impl Number {
    /// complex64 of little-endian bytes.
    pub const COMPLEX64: Self = Self {
        kind: Kind::Complex(8),
        big_endian: false,
    };

    /// NumPy's description of a type, as `<c8`; `None` for what is no number here.
    pub fn of_numpy(description: &str) -> Option<Self> {
        let mut letters = description.chars();
        let big_endian = match letters.next()? {
            '<' | '|' => false,
            '>' => true,
            '=' => cfg!(target_endian = "big"),
            _ => return None,
        };
        let (kind, width) = (letters.next()?, letters.as_str().parse::<usize>().ok()?);
        let kind = match (kind, width) {
            ('b', 1) => Kind::Bool,
            ('i', 1 | 2 | 4 | 8) => Kind::Signed(width),
            ('u', 1 | 2 | 4 | 8) => Kind::Unsigned(width),
            ('f', 4 | 8) => Kind::Float(width),
            ('c', 8 | 16) => Kind::Complex(width),
            _ => return None,
        };
        Some(Self { kind, big_endian })
    }

    /// In bytes.
    pub fn width(self) -> usize {
        match self.kind {
            Kind::Bool => 1,
            Kind::Signed(width) | Kind::Unsigned(width) | Kind::Float(width) | Kind::Complex(width) => width,
        }
    }

    pub fn is_complex(self) -> bool {
        matches!(self.kind, Kind::Complex(_))
    }

    /// Whether it can exceed the range of f32.
    pub fn is_wide(self) -> bool {
        matches!(self.kind, Kind::Float(8) | Kind::Complex(16))
    }

    /// `complex64`, `int16`, ...
    pub fn name(self) -> String {
        let bits = 8 * self.width();
        match self.kind {
            Kind::Bool => "bool".into(),
            Kind::Signed(_) => format!("int{bits}"),
            Kind::Unsigned(_) => format!("uint{bits}"),
            Kind::Float(_) => format!("float{bits}"),
            Kind::Complex(_) => format!("complex{bits}"),
        }
    }

    /// The value of `width` bytes. Integers above 2^53 are rounded.
    pub fn value(self, bytes: &[u8]) -> Complex<f64> {
        let real = |value: f64| Complex::new(value, 0.0);
        match self.kind {
            Kind::Bool => real(f64::from(u8::from(bytes[0] != 0))),
            Kind::Unsigned(_) => real(self.bits(bytes) as f64),
            Kind::Signed(width) => {
                let unused = 64 - 8 * width as u32;
                real(((self.bits(bytes) << unused) as i64 >> unused) as f64)
            }
            Kind::Float(_) => real(self.float(bytes)),
            Kind::Complex(width) => {
                let (re, im) = bytes.split_at(width / 2);
                Complex::new(self.float(re), self.float(im))
            }
        }
    }

    fn float(self, bytes: &[u8]) -> f64 {
        match bytes.len() {
            4 => f64::from(f32::from_bits(self.bits(bytes) as u32)),
            _ => f64::from_bits(self.bits(bytes)),
        }
    }

    /// At most eight bytes, the least significant first.
    fn bits(self, bytes: &[u8]) -> u64 {
        let mut little = [0; 8];
        little[..bytes.len()].copy_from_slice(bytes);
        if self.big_endian {
            little[..bytes.len()].reverse();
        }
        u64::from_le_bytes(little)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_kind_and_order() {
        let cases: [(&str, &[u8], f64, f64); 9] = [
            ("|b1", &[7], 1.0, 0.0),
            ("<i2", &[0xfe, 0xff], -2.0, 0.0),
            (">i2", &[0xff, 0xfe], -2.0, 0.0),
            ("|u1", &[200], 200.0, 0.0),
            (">u4", &[0, 0, 1, 1], 257.0, 0.0),
            ("<i8", &[0xff; 8], -1.0, 0.0),
            (">f4", &1.5f32.to_be_bytes(), 1.5, 0.0),
            ("<f8", &(-0.25f64).to_le_bytes(), -0.25, 0.0),
            (">c8", &[0x3f, 0x80, 0, 0, 0xc0, 0, 0, 0], 1.0, -2.0),
        ];
        for (description, bytes, re, im) in cases {
            let number = Number::of_numpy(description).unwrap();
            assert_eq!(number.width(), bytes.len());
            assert_eq!(number.value(bytes), Complex::new(re, im), "{description}");
        }
        assert_eq!(Number::of_numpy("<c16").unwrap().name(), "complex128");
        for none in ["|O", "<U4", "<f2", "c8", "", "<c", "<M8[ns]", "µ"] {
            assert_eq!(Number::of_numpy(none), None, "{none}");
        }
    }
}
