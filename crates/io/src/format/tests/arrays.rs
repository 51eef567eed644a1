//! Masks, probabilities, maps, covariances and volumes by `FILE[:dataset]`.

use std::path::Path;

use ndarray::{Array2, Array3, ArrayD, Axis, IxDyn, array};
use num_complex::Complex;

use super::{assert_says, file, maps_of, message, put, read_mask, read_probability};
use crate::error::Place;
use crate::format::{First, MapsOf, Role, Volume, read_covariance, read_maps, read_volume};
use pvdamp::array::Grid;

const GRID: Grid = Grid::new(4, 3);

fn place(path: &Path, dataset: &str) -> Place {
    if dataset.is_empty() {
        path.into()
    } else {
        Place::new(path, dataset)
    }
}

#[test]
fn a_mask_is_found_by_name_group_or_shape() {
    let mask = Array2::from_shape_fn(GRID.dim(), |(row, col)| row == col);
    let probability = Array2::from_elem(GRID.dim(), 0.25f32);
    let (_folder, path) = file(|f| {
        put(f, "case/a/mask", &mask)?;
        put(f, "case/a/prob_map", &probability)?;
        put(f, "other", &array![1.0])
    });
    for name in ["case/a/mask", "/case/a/mask", "case/a"] {
        assert_eq!(read_mask(&place(&path, name), GRID).unwrap().sampled, mask, "{name}");
    }
    assert_eq!(
        read_probability(&place(&path, "case/a"), GRID).unwrap(),
        Array2::from_elem(GRID.dim(), 0.25)
    );
    let text = message(read_mask(&place(&path, ""), GRID));
    assert_says(
        &text,
        &path,
        &["more than one dataset fits", "case/a/mask (4, 3) bool", ":dataset"],
    );
    assert_says(
        &message(read_mask(&place(&path, "case/b"), GRID)),
        &path,
        &["'case/b'", "is not there", "case/a/mask"],
    );
    assert_says(
        &message(read_mask(&place(&path, "other"), GRID)),
        &path,
        &["'other'", "(1)", "(3) or (4, 3)"],
    );
    assert_says(
        &message(read_mask(&place(&path, ""), Grid::new(9, 9))),
        &path,
        &["no dataset fits", "other (1)"],
    );

    let (_folder, path) = file(|f| put(f, "sampling", &mask).and(put(f, "other", &array![1.0])));
    assert_eq!(read_mask(&place(&path, ""), GRID).unwrap().sampled, mask);
}

fn numbered(shape: &[usize]) -> ArrayD<Complex<f32>> {
    let mut next = 0f32;
    ArrayD::from_shape_simple_fn(IxDyn(shape), || {
        next += 1.0;
        Complex::new(next, -next)
    })
}

#[test]
fn maps_of_every_layout() {
    use First::{All, Places, Slices};
    // sets and what they are of: for a scan of 2 coils, of 3 slices or of 6 that show 3 places or one
    let named = Some("sets,coils,rows,cols");
    type Case<'a> = (&'a [usize], Option<&'a str>, [usize; 2], usize, First);
    let cases: [Case; 13] = [
        (&[2, 4, 3], None, [3, 3], 1, All),
        (&[3, 2, 4, 3], None, [3, 3], 1, Slices),
        (&[2, 2, 4, 3], None, [3, 3], 2, All),
        (&[3, 2, 4, 3], named, [3, 3], 3, All),
        (&[3, 2, 4, 3], Some("slices, coils, rows, cols"), [3, 3], 1, Slices),
        (&[3, 1, 2, 4, 3], None, [3, 3], 1, Slices),
        (&[3, 2, 2, 4, 3], None, [3, 3], 2, Slices),
        (&[3, 2, 4, 3], None, [6, 3], 1, Places),
        (&[3, 2, 2, 4, 3], Some("places,sets,coils,rows,cols"), [6, 3], 2, Places),
        (&[6, 2, 2, 4, 3], None, [6, 3], 2, Slices),
        (&[2, 2, 4, 3], None, [6, 3], 2, All),
        (&[1, 2, 2, 4, 3], None, [6, 1], 2, Places),
        (&[1, 2, 4, 3], None, [6, 1], 1, Places),
    ];
    for (shape, axes, [slices, places], sets, first) in cases {
        let stored = numbered(shape);
        let (_folder, path) = file(|f| {
            put(f, "smaps", &stored)?;
            let text = axes.map(|a| a.parse::<hdf5::types::VarLenUnicode>().unwrap());
            text.map_or(Ok(()), |a| {
                f.dataset("smaps")?
                    .new_attr::<hdf5::types::VarLenUnicode>()
                    .create("axes")?
                    .write_scalar(&a)
            })
        });
        let fits = MapsOf {
            places,
            ..maps_of(slices, 2, GRID)
        };
        let maps = read_maps(&place(&path, ""), fits).unwrap();
        assert_eq!((maps.sets(), maps.first()), (sets, first), "{shape:?}");
        for slice in 0..slices {
            let index = match first {
                All => None,
                Slices => Some(slice),
                Places => Some(slice % places),
            };
            let expected = index.map_or(stored.clone(), |index| stored.index_axis(Axis(0), index).to_owned());
            let expected = expected.into_shape_with_order((sets, 2, 4, 3)).unwrap();
            assert_eq!(maps.slice(slice, slice % places).unwrap(), expected);
        }
        assert_eq!(maps.slice(slices, places).is_err(), first != All);
    }
}

#[test]
fn the_error_names_the_shapes_of_maps_that_fit() {
    let (_folder, path) = file(|f| put(f, "maps", &numbered(&[1, 2, 2, 4, 3])));
    let text = message(read_maps(&place(&path, ""), maps_of(3, 2, GRID)).map(drop));
    for part in [
        "(1, 2, 2, 4, 3)",
        "(2, 4, 3) or (3, 2, 4, 3)",
        "(sets, 2, 4, 3) or (3, sets, 2, 4, 3)",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    let of_places = MapsOf {
        places: 2,
        ..maps_of(6, 2, GRID)
    };
    let text = message(read_maps(&place(&path, ""), of_places).map(drop));
    for part in [
        "(2, 2, 4, 3) or (6, 2, 4, 3)",
        "(2, sets, 2, 4, 3) or (6, sets, 2, 4, 3)",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
}

#[test]
fn maps_that_do_not_fit() {
    for (shape, word) in [
        (&[4, 4, 2][..], "made from this scan"),
        (&[5, 2, 4, 3], "made from this scan"),
        (&[2, 3, 2, 4, 3], "made from this scan"),
        (&[4, 3], "made from this scan"),
    ] {
        let (_folder, path) = file(|f| put(f, "maps", &numbered(shape)));
        let text = message(read_maps(&place(&path, "maps"), maps_of(3, 2, GRID)).map(drop));
        assert_says(&text, &path, &["'maps'", "(2, 4, 3) or (3, 2, 4, 3)", word]);
    }
}

#[test]
fn covariances() {
    let i = Complex::new(0.0, 1.0);
    let one = Complex::new(1.0, 0.0);
    let good = array![[one * 2.0, i], [-i, one]];
    let read = |stored: &Array2<Complex<f64>>| {
        let (folder, path) = file(|f| put(f, "noise_covariance", stored));
        let read = read_covariance(&place(&path, ""), 2);
        (folder, path, read)
    };
    assert_eq!(read(&good).2.unwrap(), good);
    let (_folder, path) = file(|f| put(f, "any", &array![[2f32, 0.5], [0.5, 1.0]]));
    assert_eq!(
        read_covariance(&place(&path, ""), 2).unwrap(),
        array![[one * 2.0, one * 0.5], [one * 0.5, one]]
    );
    assert_says(
        &message(read_covariance(&place(&path, "any"), 3)),
        &path,
        &["(2, 2)", "3 coils need (3, 3)"],
    );
    for (bad, word) in [
        (array![[one, i], [i, one]], "not Hermitian"),
        (array![[one, i * 2.0], [-i * 2.0, one]], "negative eigenvalue -1.000e0"),
        (array![[one * 0.0, one * 0.0], [one * 0.0, one * 0.0]], "is zero"),
        (array![[one * f64::NAN, one], [one, one]], "NaN"),
    ] {
        let (_folder, path, result) = read(&bad);
        assert_says(&message(result), &path, &["'noise_covariance'", word]);
    }
}

#[test]
fn volumes() {
    let real = Array3::from_shape_fn((2, 4, 3), |(s, r, c)| (s + r + c) as f32);
    let complex = real.mapv(|v| Complex::new(0.0, -v));
    let (_folder, path) = file(|f| {
        put(f, "reconstruction", &complex)?;
        put(f, "reconstruction_rss", &real.mapv(f64::from))?;
        put(f, "plane", &real.index_axis(Axis(0), 1).to_owned())?;
        put(f, "line", &array![1.0])
    });
    let volume = |dataset: &str, role| read_volume(&place(&path, dataset), role);
    assert_eq!(volume("", Role::Target).unwrap(), Volume::Real(real.clone()));
    assert_eq!(volume("", Role::Result).unwrap(), Volume::Complex(complex.clone()));
    assert_eq!(volume("", Role::Result).unwrap().into_magnitude(), real);
    assert_eq!(volume("plane", Role::Result).unwrap().dim(), (1, 4, 3));
    assert_says(
        &message(volume("line", Role::Result)),
        &path,
        &["'line'", "(1)", "(slices, rows, cols)"],
    );
    let (_folder, path) = file(|f| put(f, "reconstruction", &real.mapv(|v| v / 0.0)));
    assert_says(
        &message(read_volume(&place(&path, ""), Role::Target)),
        &path,
        &["24 values are NaN or infinite"],
    );
}
