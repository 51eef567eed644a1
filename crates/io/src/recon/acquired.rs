//! Where slices were acquired, where that does not have to be found out from their values alone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use ndarray::{Array2, Axis};

use crate::error::Result;
use crate::format::Scan;
use pvdamp::array::{CoilStack, Mask, energy_over_coils};
use pvdamp::sampling::held_energy;

/// Of raw data the lines of a slice tell, whatever their values. All planes of a volume were sampled alike, because its
/// readout was: where, planes in the object tell, and not those in the air, which may hold rounding errors alone.
#[derive(Default)]
pub(super) struct Acquired {
    /// Of each volume that was asked for; `None` where planes in its object hold no data.
    volumes: Mutex<HashMap<usize, Option<Arc<Mask>>>>,
}

impl Acquired {
    /// Where a slice was acquired; `None` where its values have to tell.
    ///
    /// # Errors
    /// Planes that cannot be read.
    pub fn of_slice(&self, scan: &Scan, slice: usize, kspace: &CoilStack<f32>) -> Result<Option<Arc<Mask>>> {
        let planes = scan.planes_of_volume();
        if planes == 1 {
            let acquired = scan.acquired(slice);
            return Ok(acquired.map(|acquired| Arc::new(without_empty_lines(acquired, kspace))));
        }
        let mut volumes = self.volumes.lock().unwrap_or_else(PoisonError::into_inner);
        let volume = slice / planes;
        if let Some(known) = volumes.get(&volume) {
            return Ok(known.clone());
        }
        let mut energy = Array2::<f64>::zeros(scan.grid().dim());
        for quarter in 1..=3 {
            let kspace = scan.read_slice(volume * planes + planes * quarter / 4)?;
            energy += &energy_over_coils(kspace.view());
        }
        let held = held_energy(&energy).mask;
        let mask = (held.count() > 0).then(|| Arc::new(held));
        volumes.insert(volume, mask.clone());
        Ok(mask)
    }
}

/// Lines that were written as zeros were not acquired, whoever wrote them; nor were rows that are zero in all lines, as of a
/// readout whose beginning was cut off.
fn without_empty_lines(mut acquired: Mask, kspace: &CoilStack<f32>) -> Mask {
    for axis in [0, 1] {
        for (at, mut line) in acquired.sampled.axis_iter_mut(Axis(axis)).enumerate() {
            let values = kspace.index_axis(Axis(axis + 1), at);
            if values.iter().all(|v| v.re == 0.0 && v.im == 0.0) {
                line.fill(false);
            }
        }
    }
    acquired
}

#[cfg(test)]
mod tests {
    use super::*;
    use num_complex::Complex;
    use pvdamp::array::Grid;

    #[test]
    fn lines_and_rows_of_zeros_were_not_acquired() {
        let mut kspace = CoilStack::from_elem((2, 6, 5), Complex::new(1.0, 0.0));
        kspace.slice_mut(ndarray::s![.., ..2, ..]).fill(Complex::ZERO);
        kspace.slice_mut(ndarray::s![.., .., 3]).fill(Complex::ZERO);
        // one coil that is silent there is none
        kspace.slice_mut(ndarray::s![0, 4, ..]).fill(Complex::ZERO);
        let found = without_empty_lines(Mask::full(Grid::new(6, 5)), &kspace);
        let expected = Array2::from_shape_fn((6, 5), |(row, col)| row >= 2 && col != 3);
        assert_eq!(found.sampled, expected);
    }
}
