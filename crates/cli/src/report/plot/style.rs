//! Colours that stand for others: what is drawn has a fixed palette, which `theme.css` maps to that of the theme.

use plotters::style::{RGBColor, ShapeStyle};

/// Units of the drawing for one CSS pixel at full size: plotters rounds coordinates to whole units.
pub const FINE: i32 = 4;

/// Series with a look of their own; further ones begin again.
pub const LOOKS: usize = 16;

pub const INK: RGBColor = RGBColor(0x0a, 0, 0);
pub const GRID: RGBColor = RGBColor(0x0b, 0, 0);
pub const AXIS: RGBColor = RGBColor(0x0c, 0, 0);
pub const PAPER: RGBColor = RGBColor(0x0e, 0, 0);

/// Of a series: eight colours; from the ninth on the theme dashes the line.
pub fn series(index: usize) -> RGBColor {
    RGBColor(0x0d, 0, (index % LOOKS + 1) as u8)
}

/// Of the same series where it is a level and not a curve: the theme always dashes it.
pub fn level(index: usize) -> RGBColor {
    RGBColor(0x0f, 0, (index % LOOKS + 1) as u8)
}

/// A line `width` CSS pixels wide.
pub fn line(colour: RGBColor, width: f64) -> ShapeStyle {
    ShapeStyle {
        color: colour.into(),
        filled: false,
        stroke_width: (width * f64::from(FINE)) as u32,
    }
}

pub fn filled(colour: RGBColor) -> ShapeStyle {
    ShapeStyle {
        color: colour.into(),
        filled: true,
        stroke_width: 0,
    }
}

/// Corners of the marker of a series, in units of the drawing around its centre. Eight forms that differ without
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
