//! The readout gradient of an EPI scan, as `trajectoryDescription` tells it.

use roxmltree::Node;

use super::xml::{child, text};

/// No gradient rises in less than this, and no readout takes longer, in µs.
const SHORTEST: f64 = 1.0;
const LONGEST: f64 = 1e6;

/// A trapezoid, and when samples are taken on it, in µs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ramps {
    /// `rampUpTime`, `flatTopTime` and `rampDownTime`.
    pub up: f64,
    pub flat: f64,
    pub down: f64,
    /// `acqDelayTime`: from the beginning of the ramp to the first sample.
    pub delay: Option<f64>,
    /// `dwellTime`: of a sample.
    pub dwell: Option<f64>,
}

impl Ramps {
    /// Of an encoding whose description has them.
    pub(super) fn read(encoding: Node) -> Option<Self> {
        let description = child(encoding, "trajectoryDescription")?;
        let value = |name: &str| {
            let named = |node: &Node| text(*node, "name").is_some_and(|n| n.eq_ignore_ascii_case(name));
            let number: f64 = text(description.children().find(named)?, "value")?.parse().ok()?;
            (0.0..LONGEST).contains(&number).then_some(number)
        };
        let up = value("rampUpTime").filter(|&up| up >= SHORTEST)?;
        Some(Self {
            up,
            flat: value("flatTopTime")?,
            down: value("rampDownTime").filter(|&down| down >= SHORTEST).unwrap_or(up),
            delay: value("acqDelayTime"),
            dwell: value("dwellTime").filter(|&dwell| dwell > 0.0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_by_name_whatever_their_type() {
        let xml = "<encoding><trajectoryDescription><identifier>ConventionalEPI</identifier>\
            <userParameterLong><name>rampUpTime</name><value>120</value></userParameterLong>\
            <userParameterLong><name>flatTopTime</name><value>220</value></userParameterLong>\
            <userParameterDouble><name>dwellTime</name><value>2.5</value></userParameterDouble>\
            </trajectoryDescription></encoding>";
        let of = |xml: &str| Ramps::read(roxmltree::Document::parse(xml).unwrap().root_element());
        let ramps = of(xml).unwrap();
        assert_eq!((ramps.up, ramps.flat, ramps.down), (120.0, 220.0, 120.0));
        assert_eq!((ramps.delay, ramps.dwell), (None, Some(2.5)));
        for none in ["0", "1e-300", "1e300", "-5", "NaN"] {
            assert_eq!(of(&xml.replace(">120<", &format!(">{none}<"))), None, "{none}");
        }
        assert_eq!(of("<encoding/>"), None);
    }
}
