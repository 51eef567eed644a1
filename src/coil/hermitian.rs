//! Gram matrices and eigenvectors of Hermitian matrices, on one thread: results do not depend on the number of threads.

use faer::diag::Diag;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::evd::tridiag::tridiag_in_place;
use faer::linalg::evd::{
    ComputeEigenvectors, SelfAdjointEvdParams, self_adjoint_evd_scratch, tridiagonal_self_adjoint_evd,
};
use faer::linalg::householder::apply_block_householder_sequence_on_the_left_in_place_with_conj;
use faer::linalg::matmul::triangular;
use faer::linalg::qr::no_pivoting::factor::recommended_block_size;
use faer::{Accum, Auto, Conj, Mat, MatRef, Par};
use ndarray::ArrayView2;
use num_complex::Complex;

use crate::error::{Error, Input, Result};

type C64 = Complex<f64>;

/// Tridiagonal matrices below this size are not divided further.
const LEAF: usize = 32;

/// The lower triangle of `A Aᴴ`; the rest is zero.
pub(super) fn gram(matrix: MatRef<C64>) -> Mat<C64> {
    use triangular::BlockStructure::{Rectangular, TriangularLower};
    let size = matrix.nrows();
    let mut gram = Mat::zeros(size, size);
    let one = C64::new(1.0, 0.0);
    triangular::matmul(
        &mut gram,
        TriangularLower,
        Accum::Replace,
        matrix,
        Rectangular,
        matrix.adjoint(),
        Rectangular,
        one,
        Par::Seq,
    );
    gram
}

/// The eigenvalues, rising, of a Hermitian matrix, of which only the lower triangle is read.
///
/// # Errors
/// Values that are not finite.
pub fn eigenvalues(hermitian: ArrayView2<C64>) -> Result<Vec<f64>> {
    let (rows, cols) = hermitian.dim();
    Ok(eigen(Mat::from_fn(rows, cols, |i, j| hermitian[[i, j]]))?.0)
}

/// Eigenvalues, rising, and eigenvectors of the Hermitian matrix of which `lower` is the lower triangle.
pub(super) fn eigen(lower: Mat<C64>) -> Result<(Vec<f64>, Mat<C64>)> {
    eigen_from(lower, |_| 0)
}

/// [`eigen`] with the eigenvectors of the largest eigenvalues alone, from the `first(values)`th on, as the columns.
///
/// The eigenvectors of the tridiagonal matrix that `lower` is reduced to come all at once; only those wanted are turned
/// back.
pub(super) fn eigen_from(mut lower: Mat<C64>, first: impl Fn(&[f64]) -> usize) -> Result<(Vec<f64>, Mat<C64>)> {
    let size = lower.nrows();
    let params = SelfAdjointEvdParams {
        recursion_threshold: LEAF,
        ..Auto::<C64>::auto()
    };
    let scratch = self_adjoint_evd_scratch::<C64>(size, ComputeEigenvectors::Yes, Par::Seq, params.into());
    let mut memory = MemBuffer::new(scratch);
    let stack = MemStack::new(&mut memory);

    let below = size.saturating_sub(1);
    let mut factors = Mat::zeros(recommended_block_size::<C64>(size, size), below);
    tridiag_in_place(lower.as_mut(), factors.as_mut(), Par::Seq, stack, Default::default());
    let offdiagonal = |i: usize| {
        if i < below {
            lower[(i + 1, i)]
        } else {
            C64::new(0.0, 0.0)
        }
    };
    let (mut diagonal, mut beside) = (Diag::zeros(size), Diag::zeros(size));
    for i in 0..size {
        diagonal[i] = lower[(i, i)].re;
        beside[i] = offdiagonal(i).norm();
    }
    let mut values = Diag::zeros(size);
    let mut real = Mat::<f64>::zeros(size, size);
    tridiagonal_self_adjoint_evd(
        diagonal.as_ref(),
        beside.as_ref(),
        values.as_mut(),
        Some(real.as_mut()),
        Par::Seq,
        stack,
        params.into(),
    )
    .map_err(|_| Error::data(Input::Kspace, "coils without eigenvectors", "finite values"))?;

    let values: Vec<f64> = (0..size).map(|i| values[i]).collect();
    let first = first(&values);
    // The phases that make the tridiagonal matrix real.
    let mut phases = vec![C64::new(1.0, 0.0); size];
    for i in 0..below {
        let turned = offdiagonal(i) * phases[i];
        if turned.norm() > 0.0 {
            phases[i + 1] = turned / turned.norm();
        }
    }
    let mut vectors = Mat::from_fn(size, size - first, |i, j| phases[i] * real[(i, first + j)]);
    if below > 0 {
        apply_block_householder_sequence_on_the_left_in_place_with_conj(
            lower.submatrix(1, 0, below, below),
            factors.as_ref(),
            Conj::No,
            vectors.subrows_mut(1, below),
            Par::Seq,
            stack,
        );
    }
    Ok((values, vectors))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eigenvectors_are_orthonormal_and_those_of_the_largest_values_are_the_last() {
        for size in [1, 2, 7, 90] {
            let entry = |i: usize, j: usize| C64::from_polar(1.0 / (1.0 + (i + j) as f64), (3 * i + i * j) as f64);
            let matrix = gram(Mat::from_fn(size, size + 3, entry).as_ref());
            let (values, all) = eigen(matrix.clone()).unwrap();
            assert!(values.is_sorted());
            let kept = size.div_ceil(3);
            let (same, last) = eigen_from(matrix.clone(), |_| size - kept).unwrap();
            assert_eq!((same, last.shape()), (values.clone(), (size, kept)));
            assert!((&last - all.get(.., size - kept..)).norm_l2() < 1e-12);
            let whole = Mat::from_fn(
                size,
                size,
                |i, j| {
                    if i < j { matrix[(j, i)].conj() } else { matrix[(i, j)] }
                },
            );
            let products = &whole * &all;
            let scaled = Mat::from_fn(size, size, |i, j| all[(i, j)] * values[j]);
            let largest = values[size - 1];
            assert!((products - scaled).norm_l2() < 1e-12 * size as f64 * largest);
            let identity = all.adjoint() * &all - Mat::<C64>::identity(size, size);
            assert!(identity.norm_l2() < 1e-12 * size as f64);
        }
    }
}
