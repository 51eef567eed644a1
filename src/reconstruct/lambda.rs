//! The λ of least error, for a method that has one and a slice that has a reference.

use super::prepared::Prepared;
use crate::error::Result;
use crate::quality::{complex_nmse, decibel, object_mask};
use crate::solve::{Lambda, LambdaCurve, Limits, Method, StepObserver, Tuning, drive, search_lambda};

/// NMSE of the object in dB against λ, with `reach` lattice points on both sides of the best, see
/// [`search_lambda`].
///
/// `None` without a reference that is not zero.
///
/// # Errors
/// [`Error::Cancelled`](crate::Error::Cancelled) when `observe` breaks off.
pub fn lambda_curve(
    prepared: &Prepared,
    method: &Method,
    tuning: &Tuning,
    limits: Limits,
    reach: i32,
    observe: &mut StepObserver<f32>,
) -> Result<Option<LambdaCurve>> {
    let Some(reference) = prepared.reference() else {
        return Ok(None);
    };
    let object = object_mask(&reference);
    if !object.iter().any(|&inside| inside) {
        return Ok(None);
    }
    let curve = search_lambda(reach, &mut |lambda| {
        let tuning = Tuning {
            lambda: Lambda::Value(lambda),
            error_bars: None,
            ..tuning.clone()
        };
        let mut solver = method.solver(&prepared.problem, &tuning);
        drive(solver.as_mut(), limits, observe)?;
        let nmse = complex_nmse(&reference, &prepared.image(solver.image()), Some(&object));
        Ok(nmse.map_or(f64::NAN, decibel))
    });
    Ok(Some(curve?))
}
