//! Placeholder colours: drawings use a fixed palette, which `theme.css` maps to the colours of the theme.

use plotters::style::{RGBColor, ShapeStyle};

/// Units of the drawing per CSS pixel at full size. Plotters rounds coordinates to whole units.
pub const UNITS_PER_PIXEL: i32 = 4;

/// Number of different series styles. Further series repeat them.
pub const SERIES_STYLES: usize = 16;

pub const INK: RGBColor = RGBColor(0x0a, 0, 0);
pub const GRID: RGBColor = RGBColor(0x0b, 0, 0);
pub const AXIS: RGBColor = RGBColor(0x0c, 0, 0);
pub const PAPER: RGBColor = RGBColor(0x0e, 0, 0);

/// The colour of a series: one of eight. From the ninth series on the theme dashes the line.
pub fn series(index: usize) -> RGBColor {
    RGBColor(0x0d, 0, (index % SERIES_STYLES + 1) as u8)
}

/// The colour of a series drawn as a level. The theme always dashes it.
pub fn level(index: usize) -> RGBColor {
    RGBColor(0x0f, 0, (index % SERIES_STYLES + 1) as u8)
}

/// A line `width` CSS pixels wide.
pub fn line(colour: RGBColor, width: f64) -> ShapeStyle {
    ShapeStyle {
        color: colour.into(),
        filled: false,
        stroke_width: (width * f64::from(UNITS_PER_PIXEL)) as u32,
    }
}

pub fn filled(colour: RGBColor) -> ShapeStyle {
    ShapeStyle {
        color: colour.into(),
        filled: true,
        stroke_width: 0,
    }
}

/// Corners of the marker of a series around its centre, in units of the drawing. The eight shapes differ even without
/// colour.
pub fn marker(index: usize) -> Vec<(i32, i32)> {
    let corners: &[(i32, i32)] = match index % 8 {
        0 => &[
            (-5, 13),
            (5, 13),
            (13, 5),
            (13, -5),
            (5, -13),
            (-5, -13),
            (-13, -5),
            (-13, 5),
        ],
        1 => &[(-12, -12), (12, -12), (12, 12), (-12, 12)],
        2 => &[(0, -17), (15, 11), (-15, 11)],
        3 => &[(0, -17), (17, 0), (0, 17), (-17, 0)],
        4 => &[(0, 17), (15, -11), (-15, -11)],
        5 => &[
            (-5, -17),
            (5, -17),
            (5, -5),
            (17, -5),
            (17, 5),
            (5, 5),
            (5, 17),
            (-5, 17),
            (-5, 5),
            (-17, 5),
            (-17, -5),
            (-5, -5),
        ],
        6 => &[(-16, -14), (16, 14), (16, -14), (-16, 14)],
        _ => &[
            (0, -19),
            (4, -6),
            (18, -6),
            (7, 2),
            (11, 15),
            (0, 7),
            (-11, 15),
            (-7, 2),
            (-18, -6),
            (-4, -6),
        ],
    };
    corners.to_vec()
}
