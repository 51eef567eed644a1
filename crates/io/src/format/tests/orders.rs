//! Arrays that go with k-space, whichever way round their axes lie.

use std::path::Path;

use hdf5::types::VarLenUnicode;
use ndarray::{Array2, Array4, ArrayD, Axis, IxDyn};
use num_complex::Complex;

use super::{assert_says, file, maps_of, message, put};
use crate::error::{Place, Result};
use crate::format::{Alternatives, First, KspaceOrder, MapsFile, MapsOf, Scan, ScanOptions, read_maps, read_mask};
use pvdamp::array::{Grid, Mask};

type C32 = Complex<f32>;

const GRID: Grid = Grid::new(4, 3);
const SQUARE: Grid = Grid::new(5, 5);
const SWAPPED: KspaceOrder = KspaceOrder {
    columns_first: true,
    by_matlab: false,
};

fn attribute(of: &hdf5::Dataset, name: &str, text: &str) -> hdf5::Result<()> {
    let text: VarLenUnicode = text.parse().unwrap();
    of.new_attr::<VarLenUnicode>().create(name)?.write_scalar(&text)
}

fn pattern(grid: Grid) -> Array2<bool> {
    Array2::from_shape_fn(grid.dim(), |(row, col)| row == 0 || col == 1 && row < 3)
}

fn mask_in(path: &Path, grid: Grid, order: KspaceOrder) -> Result<Alternatives<Mask>> {
    read_mask(&Place::new(path, "mask"), grid, order)
}

#[test]
fn a_mask_of_any_shape_without_doubt() {
    let right = pattern(GRID);
    let as_numbers = right.mapv(|v| f64::from(u8::from(v)));
    let complex = as_numbers.mapv(|v| Complex::new(v as f32, 0.0));
    let reversed = as_numbers.t().as_standard_layout().into_owned();
    let reshaped = |shape: &[usize]| as_numbers.clone().into_shape_with_order(IxDyn(shape)).unwrap();
    let (_folder, path) = file(|f| {
        put(f, "single", &reshaped(&[1, 4, 3, 1]))?;
        put(f, "between", &reshaped(&[1, 1, 4, 1, 3]))?;
        put(f, "complex", &complex)?;
        put(f, "reversed", &reversed)?;
        put(
            f,
            "lines",
            &ArrayD::from_shape_vec(IxDyn(&[1, 1, 3, 1]), vec![1.0, 0.0, 1.0]).unwrap(),
        )?;
        put(
            f,
            "column",
            &ArrayD::from_shape_vec(IxDyn(&[3, 1]), vec![1.0, 0.0, 1.0]).unwrap(),
        )?;
        put(f, "imaginary", &complex.mapv(|v| v * C32::i()))?;
        put(f, "other", &ArrayD::from_elem(IxDyn(&[4, 3, 2]), 1.0))
    });
    for order in [KspaceOrder::default(), SWAPPED] {
        let read = |name: &str| read_mask(&Place::new(&path, name), GRID, order);
        for name in ["single", "between", "complex", "reversed"] {
            let found = read(name).unwrap();
            assert!(found.likely.sampled == right && found.other.is_none(), "{name}");
        }
        for name in ["lines", "column"] {
            let lines = Array2::from_shape_fn(GRID.dim(), |(_, col)| col != 1);
            assert_eq!(read(name).unwrap().likely.sampled, lines, "{name}");
        }
        assert_says(&message(read("imaginary")), &path, &["'imaginary'", "not real"]);
        assert_says(
            &message(read("other")),
            &path,
            &["'other'", "(4, 3, 2)", "(3) or (4, 3)"],
        );
    }
}

#[test]
fn a_square_mask_is_doubtful_unless_something_tells() {
    let stored = pattern(SQUARE);
    let turned = stored.t().to_owned();
    let with = |name: &str, text: &str| {
        file(|f| {
            put(f, "mask", &stored)?;
            if name.is_empty() {
                return Ok(());
            }
            attribute(&f.dataset("mask")?, name, text)
        })
    };
    let (_folder, path) = with("", "");
    let found = mask_in(&path, SQUARE, KspaceOrder::default()).unwrap();
    assert!(found.likely.sampled == stored && found.other.is_none());
    let found = mask_in(&path, SQUARE, SWAPPED).unwrap();
    assert!(found.likely.sampled == turned && found.other.unwrap().sampled == stored);
    let (_folder, path) = with("MATLAB_class", "double");
    let found = mask_in(&path, SQUARE, KspaceOrder::default()).unwrap();
    assert!(found.likely.sampled == stored && found.other.unwrap().sampled == turned);
    for (axes, right) in [
        ("rows,cols", &stored),
        ("ky, kx", &turned),
        ("kx,ky", &stored),
        ("kz,ky", &turned),
    ] {
        let (_folder, path) = with("axes", axes);
        for order in [KspaceOrder::default(), SWAPPED] {
            let found = mask_in(&path, SQUARE, order).unwrap();
            assert!(found.likely.sampled == *right && found.other.is_none(), "{axes}");
        }
    }
}

/// k-space of one slice with ky before kx, as MATLAB writes it, and arrays that lie alike.
#[test]
fn arrays_of_the_scans_own_file_lie_as_its_kspace() {
    for grid in [GRID, SQUARE] {
        let right = pattern(grid);
        let probability = Array2::from_shape_fn(grid.dim(), |(row, col)| (row + 1) as f64 / 8.0 + col as f64 / 64.0);
        let kspace = Array4::from_shape_fn((1, 2, grid.cols, grid.rows), |(_, coil, col, row)| {
            C32::new(coil as f32 + 1.0, (10 * row + col) as f32)
        });
        for axes in [None, Some("rows,cols")] {
            let stored = |values: &Array2<f64>| match axes {
                Some(_) => values.clone(),
                None => values.t().as_standard_layout().into_owned(),
            };
            let (_folder, path) = file(|f| {
                put(f, "kspace", &kspace)?;
                put(f, "mask", &stored(&right.mapv(|v| f64::from(u8::from(v)))))?;
                put(f, "prob_map", &stored(&probability))?;
                let all = ["mask", "prob_map"].into_iter();
                axes.map_or(Ok(()), |axes| {
                    all.clone()
                        .try_for_each(|name| attribute(&f.dataset(name)?, "axes", axes))
                })
            });
            let options = ScanOptions {
                axes: Some("slice,coil,ky,kx".parse().unwrap()),
                ..ScanOptions::default()
            };
            let scan = Scan::open(&path, &options).unwrap();
            assert_eq!(scan.mask.as_ref().unwrap().sampled, right);
            assert_eq!(scan.probability.as_ref().unwrap(), &probability);
        }
    }
}

/// Maps that tell where each value belongs, `(coils, rows, cols)`.
fn maps(coils: usize, grid: Grid) -> ArrayD<C32> {
    ArrayD::from_shape_fn(IxDyn(&[coils, grid.rows, grid.cols]), |at| {
        C32::new((at[0] + 1) as f32, (10 * at[1] + at[2]) as f32)
    })
}

fn read(stored: &ArrayD<C32>, attributes: &[(&str, &str)], fits: MapsOf) -> Result<MapsFile> {
    let (_folder, path) = file(|f| {
        put(f, "maps", &stored.as_standard_layout().into_owned())?;
        let set = |(name, text): &(&str, &str)| attribute(&f.dataset("maps")?, name, text);
        attributes.iter().try_for_each(set)
    });
    let found = read_maps(&path.as_path().into(), fits)?;
    // values are read while the file is there
    let found_maps = found.slice(0, 0)?.index_axis_move(Axis(0), 0).into_dyn();
    let right = maps(fits.coils, fits.grid);
    let turned = right.view().permuted_axes(vec![0, 2, 1]);
    assert!(found_maps == right || fits.grid == SQUARE && found_maps == turned);
    Ok(found)
}

#[test]
fn maps_with_coils_last_or_reversed_where_the_shape_tells() {
    let right = maps(2, GRID);
    for order in [KspaceOrder::default(), SWAPPED] {
        for (axes, singles) in [
            ([0, 1, 2], &[][..]),
            ([0, 2, 1], &[]),
            ([1, 2, 0], &[]),
            ([2, 1, 0], &[]),
            ([1, 2, 0], &[0]),
            ([0, 2, 1], &[1]),
            ([2, 1, 0], &[2, 4]),
        ] {
            let mut stored = right.view().permuted_axes(axes.to_vec());
            singles.iter().for_each(|&at| stored.insert_axis_inplace(Axis(at)));
            let found = read(
                &stored.to_owned(),
                &[],
                MapsOf {
                    order,
                    ..maps_of(1, 2, GRID)
                },
            )
            .unwrap();
            assert!(!found.is_doubtful());
            let said = axes.iter().position(|a| *a == 2) < axes.iter().position(|a| *a == 1) && !order.columns_first;
            assert_eq!(found.told().is_some(), said, "{axes:?} {singles:?}");
        }
        // SSDU's, a set of them for each slice
        let slices = ndarray::stack(Axis(0), &[right.view(), right.view()]).unwrap();
        let stored = slices.permuted_axes(vec![0, 2, 3, 1]).to_owned();
        let found = read(
            &stored,
            &[],
            MapsOf {
                order,
                ..maps_of(2, 2, GRID)
            },
        )
        .unwrap();
        assert_eq!(found.first(), First::Slices);
    }
}

#[test]
fn square_maps_are_doubtful_unless_something_tells() {
    let stored = maps(2, SQUARE);
    let of = |attributes: &[(&str, &str)], order| {
        let fits = MapsOf {
            order,
            ..maps_of(1, 2, SQUARE)
        };
        read(&stored, attributes, fits).unwrap()
    };
    assert!(!of(&[], KspaceOrder::default()).is_doubtful());
    assert!(of(&[], SWAPPED).is_doubtful());
    assert!(of(&[("MATLAB_class", "single")], KspaceOrder::default()).is_doubtful());
    for axes in ["coils,rows,cols", "coil,ky,kx"] {
        assert!(!of(&[("axes", axes)], SWAPPED).is_doubtful(), "{axes}");
    }
}
