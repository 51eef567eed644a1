use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

use crate::report::number::{decimals_for, fixed, superscript};

/// An axis of a plot. Range and ticks are in its coordinate: the value, or its log₁₀.
#[derive(Clone, Debug)]
pub struct Axis {
    /// With the unit.
    pub title: String,
    pub low: f64,
    pub high: f64,
    /// Coordinate and label.
    pub ticks: Vec<(f64, String)>,
    log: bool,
}

/// Larger values are errors, and their squares overflow.
const LARGEST_DRAWN: f64 = 1e100;

impl Axis {
    /// Over all finite values, with a margin. `None` without any.
    pub fn linear(title: &str, values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let (low, high) = range(values.into_iter().filter(|v| v.abs() < LARGEST_DRAWN))?;
        let margin = if high > low {
            0.03 * (high - low)
        } else {
            (0.05 * high.abs()).max(0.5)
        };
        Some(Self::between(title, low - margin, high + margin))
    }

    /// From `low` to `high`, which are finite and in this order.
    pub fn between(title: &str, low: f64, high: f64) -> Self {
        Self {
            title: title.into(),
            low,
            high,
            ticks: linear_ticks(low, high),
            log: false,
        }
    }

    /// Logarithmic, over all finite values above 0. `None` without any.
    pub fn logarithmic(title: &str, values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let positive = values.into_iter().filter(|&v| v > 0.0 && v.is_finite());
        let (low, high) = range(positive.map(f64::log10))?;
        // at least a tick of 1, 2, 5 falls within
        let margin = (0.03 * (high - low)).max(if high - low < 0.4 { 0.2 } else { 0.0 });
        let (low, high) = (low - margin, high + margin);
        Some(Self {
            title: title.into(),
            low,
            high,
            ticks: log_ticks(low, high),
            log: true,
        })
    }

    /// The coordinate of a value; `None` if it has none on this axis.
    pub fn coordinate(&self, value: f64) -> Option<f64> {
        let at = if self.log { value.log10() } else { value };
        (at.abs() < LARGEST_DRAWN).then_some(at)
    }
}

/// Makes plotters draw gridlines at the ticks only.
impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, at: &f64, (first, last): (i32, i32)) -> i32 {
        let share = (at - self.low) / (self.high - self.low);
        (f64::from(first) + share * f64::from(last - first)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        if hint.weight().allow_light_points() {
            return Vec::new();
        }
        self.ticks.iter().map(|tick| tick.0).collect()
    }

    fn range(&self) -> Range<f64> {
        self.low..self.high
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, at: &f64) -> String {
        let tick = self.ticks.iter().find(|tick| tick.0 == *at);
        tick.map(|tick| tick.1.clone()).unwrap_or_default()
    }
}

fn range(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.fold(None, |found, v| {
        let (low, high) = found.unwrap_or((v, v));
        Some((low.min(v), high.max(v)))
    })
}

/// Three to seven ticks at multiples of 1, 2 or 5 times a power of ten.
fn linear_ticks(low: f64, high: f64) -> Vec<(f64, String)> {
    let rough = (high - low) / 7.0;
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|m| m * power);
    let step = step.into_iter().find(|&step| step >= rough).unwrap_or(10.0 * power);
    let decimals = decimals_for(step, 1);
    let (first, last) = ((low / step).ceil(), (high / step).floor());
    let at = |i: f64| (i * step, fixed(i * step, decimals));
    (0..=(last - first).clamp(0.0, 20.0) as usize)
        .map(|i| at(first + i as f64))
        .collect()
}

/// Powers of ten; of less than two decades also 2 and 5 times them; of many every second, third, …
fn log_ticks(low: f64, high: f64) -> Vec<(f64, String)> {
    let mantissas: &[f64] = if high - low < 1.7 { &[1.0, 2.0, 5.0] } else { &[1.0] };
    let every = ((high - low) / 6.0).ceil().max(1.0) as i64;
    let decades = (low.floor() as i64)..=(high.ceil() as i64);
    let decades = decades.filter(|decade| decade.rem_euclid(every) == 0);
    let ticks = decades.flat_map(|decade| mantissas.iter().map(move |&m| (decade, m)));
    ticks
        .map(|(decade, m)| (decade as f64 + m.log10(), power_of_ten(m, decade)))
        .filter(|(at, _)| (low..=high).contains(at))
        .collect()
}

/// `0.05`, `200`, `10⁻⁷`, `2×10⁻⁷`.
fn power_of_ten(mantissa: f64, decade: i64) -> String {
    match decade {
        -3..0 => fixed(mantissa * 10f64.powi(decade as i32), decade.unsigned_abs() as usize),
        0..=3 => fixed(mantissa * 10f64.powi(decade as i32), 0),
        _ => {
            let factor = if mantissa == 1.0 {
                String::new()
            } else {
                format!("{mantissa}×")
            };
            format!("{factor}10{}", superscript(&decade.to_string()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|(_, text)| text.as_str()).collect()
    }

    #[test]
    fn ticks_are_round_numbers_inside() {
        let axis = Axis::linear("x", [-24.3, f64::NAN, -3.0, f64::INFINITY]).unwrap();
        assert_eq!(labels(&axis), ["−20", "−15", "−10", "−5"]);
        let axis = Axis::linear("x", [0.0, 1.0]).unwrap();
        assert_eq!(labels(&axis), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        let axis = Axis::logarithmic("s", [0.02, 30.0, 0.0, -1.0, f64::INFINITY]).unwrap();
        assert_eq!(labels(&axis), ["0.1", "1", "10"]);
        let axis = Axis::logarithmic("v", [2e-9, 1e-8]).unwrap();
        assert_eq!(labels(&axis), ["2×10⁻⁹", "5×10⁻⁹", "10⁻⁸"]);
    }

    #[test]
    fn a_single_value_still_has_a_width_and_a_tick() {
        for value in [0.0, -7.25, 1e-30, 1e90] {
            let axis = Axis::linear("x", [value]).unwrap();
            assert!(
                axis.low < value && value < axis.high && !axis.ticks.is_empty(),
                "{value}"
            );
        }
        for value in [3.0, 1e-30, 1e90] {
            let axis = Axis::logarithmic("x", [value]).unwrap();
            assert!(axis.low < axis.high && !axis.ticks.is_empty(), "{value}");
        }
    }

    #[test]
    fn no_value_is_no_axis() {
        assert!(Axis::linear("x", [f64::NAN, f64::INFINITY, 1e300]).is_none());
        assert!(Axis::logarithmic("x", [0.0, -1.0, f64::NAN]).is_none());
        let axis = Axis::logarithmic("x", [1.0, 10.0]).unwrap();
        assert_eq!(axis.coordinate(0.0), None);
        assert_eq!(axis.coordinate(10.0), Some(1.0));
    }
}
