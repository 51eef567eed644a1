//! Gram matrices and eigenvectors of Hermitian matrices, on one thread: the number of threads shows in no result.

use faer::diag::Diag;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::evd::{ComputeEigenvectors, self_adjoint_evd, self_adjoint_evd_scratch};
use faer::linalg::matmul::triangular;
use faer::{Accum, Mat, MatRef, Par};
use num_complex::Complex;

use crate::error::{Error, Result};

type C64 = Complex<f64>;

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

/// Eigenvalues, rising, and eigenvectors of the Hermitian matrix of which `lower` is the lower triangle.
pub(super) fn eigen(lower: Mat<C64>) -> Result<(Vec<f64>, Mat<C64>)> {
    let size = lower.nrows();
    let mut values = Diag::zeros(size);
    let mut vectors = Mat::zeros(size, size);
    let scratch = self_adjoint_evd_scratch::<C64>(size, ComputeEigenvectors::Yes, Par::Seq, Default::default());
    self_adjoint_evd(
        lower.as_ref(),
        values.as_mut(),
        Some(vectors.as_mut()),
        Par::Seq,
        MemStack::new(&mut MemBuffer::new(scratch)),
        Default::default(),
    )
    .map_err(|_| Error::setting("the coils of the scan have no eigenvectors: are its values finite?"))?;
    Ok(((0..size).map(|i| values.column_vector()[i].re).collect(), vectors))
}
