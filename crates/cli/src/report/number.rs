//! Numbers as text: a real minus sign, a fixed number of digits, a dash for a missing value.

pub use pvdamp::quality::Spread;

/// Text for a missing value.
pub const NONE: &str = "–";

/// With `decimals` digits after the point. Infinity as `∞`, NaN as a dash, and no negative zero.
pub fn fixed(value: f64, decimals: usize) -> String {
    if value.is_nan() {
        return NONE.into();
    }
    let size = if value.is_infinite() {
        "∞".into()
    } else {
        format!("{:.decimals$}", value.abs())
    };
    let is_zero = size.chars().all(|c| matches!(c, '0' | '.'));
    if value < 0.0 && !is_zero {
        format!("−{size}")
    } else {
        size
    }
}

/// Decibels: two decimals.
pub fn decibels(value: f64) -> String {
    fixed(value, 2)
}

/// Decimals that leave `digits` significant digits.
pub fn decimals_for(value: f64, digits: i32) -> usize {
    if value == 0.0 || !value.is_finite() {
        return 0;
    }
    // rounded first, so that 9.999 counts as 10.0
    let rounded = format!("{:.*e}", (digits - 1).max(0) as usize, value.abs());
    let exponent = rounded.split_once('e').and_then(|(_, e)| e.parse().ok()).unwrap_or(0);
    (digits - 1 - exponent).clamp(0, 12) as usize
}

/// With as many decimals as three significant digits of `scale` have, as for a standard deviation beside its mean.
pub fn as_precise(value: f64, scale: f64) -> String {
    fixed(value, decimals_for(scale, 3))
}

/// Three significant digits. Very small and very large values get a power of ten.
pub fn significant(value: f64) -> String {
    let size = value.abs();
    if size.is_finite() && size != 0.0 && !(1e-4..1e6).contains(&size) {
        let text = format!("{size:.2e}");
        let (digits, exponent) = text.split_once('e').expect("the form of e");
        let sign = if value < 0.0 { "−" } else { "" };
        return format!("{sign}{digits}×10{}", superscript(exponent));
    }
    fixed(value, decimals_for(value, 3))
}

/// At most two decimals, without trailing zeros, as for R of a mask.
pub fn short(value: f64) -> String {
    let text = fixed(value, 2);
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').into()
    } else {
        text
    }
}

/// An integer in superscript digits.
pub fn superscript(integer: &str) -> String {
    let raised = |c| match c {
        '-' | '−' => '⁻',
        '0'..='9' => ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'][c as usize - '0' as usize],
        other => other,
    };
    integer.chars().map(raised).collect()
}

/// `one case`, `3 cases`.
pub fn counted(count: usize, noun: &str) -> String {
    match count {
        1 => format!("one {noun}"),
        _ => format!("{count} {noun}s"),
    }
}

/// With a capital first letter.
pub fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Distinct values in the order of their first occurrence.
pub fn distinct<T: PartialEq>(values: impl IntoIterator<Item = T>) -> Vec<T> {
    values.into_iter().fold(Vec::new(), |mut seen, value| {
        if !seen.contains(&value) {
            seen.push(value);
        }
        seen
    })
}

/// `a`, `a and b`, `a, b and c`.
pub fn joined_with_and<S: AsRef<str>>(words: &[S]) -> String {
    match words {
        [] => String::new(),
        [one] => one.as_ref().into(),
        [first @ .., last] => {
            let first: Vec<&str> = first.iter().map(AsRef::as_ref).collect();
            format!("{} and {}", first.join(", "), last.as_ref())
        }
    }
}

/// A time in seconds as text in its two largest units: `0.52 s`, `4 min 05 s`, `3 h 12 min`, `2 d 4 h`.
pub fn duration(seconds: f64) -> String {
    if !(seconds.is_finite() && seconds >= 59.95) {
        return format!("{} s", fixed(seconds, decimals_for(seconds, 3).min(2)));
    }
    let whole = seconds.round() as u64;
    let minutes = whole.saturating_add(30) / 60;
    let hours = (minutes + 30) / 60;
    match (whole, minutes) {
        (0..3600, _) => format!("{} min {:02} s", whole / 60, whole % 60),
        (_, 0..2880) => format!("{} h {:02} min", minutes / 60, minutes % 60),
        _ => format!("{} d {} h", hours / 24, hours % 24),
    }
}

/// `0 to 5, 9`.
pub fn ranges(mut numbers: Vec<usize>) -> String {
    numbers.sort_unstable();
    numbers.dedup();
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for number in numbers {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => runs.push((number, number)),
        }
    }
    let text = |&(first, last): &(usize, usize)| match last - first {
        0 => first.to_string(),
        1 => format!("{first}, {last}"),
        _ => format!("{first} to {last}"),
    };
    runs.iter().map(text).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_a_row_are_one_range() {
        assert_eq!(ranges(vec![9, 0, 1, 2, 3, 5, 6, 3]), "0 to 3, 5, 6, 9");
        assert_eq!(ranges(vec![]), "");
    }

    #[test]
    fn figures_have_a_real_minus_and_no_negative_zero() {
        assert_eq!(decibels(-23.456), "−23.46");
        assert_eq!(decibels(-0.001), "0.00");
        assert_eq!(decibels(f64::NEG_INFINITY), "−∞");
        assert_eq!(decibels(f64::NAN), NONE);
    }

    #[test]
    fn three_digits_stay_significant() {
        for (value, text) in [
            (0.0, "0"),
            (0.012345, "0.0123"),
            (9.999, "10.0"),
            (1234.5, "1234"),
            (-2.5e-7, "−2.50×10⁻⁷"),
            (3.21e12, "3.21×10¹²"),
            (f64::INFINITY, "∞"),
        ] {
            assert_eq!(significant(value), text);
        }
        assert_eq!(as_precise(1e-17, 7.2), "0.00");
        assert_eq!(as_precise(0.51, 18.2), "0.5");
        assert_eq!(short(4.0), "4");
        assert_eq!(short(100.0), "100");
        assert_eq!(short(4.5), "4.5");
    }

    #[test]
    fn the_spread_is_that_of_a_sample() {
        let spread = Spread::of([1.0, 2.0, 3.0, f64::NAN]).unwrap();
        assert_eq!((spread.mean, spread.sd, spread.count), (2.0, Some(1.0), 3));
        assert_eq!(Spread::of([5.0]).unwrap().sd, None);
        assert_eq!(Spread::of([f64::NAN]), None);
        let perfect = Spread::of([f64::INFINITY, 40.0]).unwrap();
        assert_eq!((perfect.mean, perfect.sd), (f64::INFINITY, None));
    }

    #[test]
    fn times_have_suitable_units() {
        for (seconds, text) in [
            (0.0, "0 s"),
            (0.519, "0.52 s"),
            (7.25, "7.25 s"),
            (59.9, "59.9 s"),
            (59.97, "1 min 00 s"),
            (245.0, "4 min 05 s"),
            (3599.7, "1 h 00 min"),
            (11_520.0, "3 h 12 min"),
            (187_200.0, "2 d 4 h"),
            (f64::NAN, "– s"),
        ] {
            assert_eq!(duration(seconds), text);
        }
    }

    #[test]
    fn words_are_joined() {
        assert_eq!(joined_with_and(&["a", "b", "c"]), "a, b and c");
        assert_eq!(joined_with_and::<&str>(&[]), "");
        assert_eq!(counted(1, "case"), "one case");
    }
}
