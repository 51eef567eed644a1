use num_complex::Complex;

/// `‖a − b‖ / ‖b‖`.
pub(crate) fn relative<'a, A: Into<Complex<f64>> + Copy + 'a>(
    a: impl IntoIterator<Item = &'a A>,
    b: impl IntoIterator<Item = &'a A>,
) -> f64 {
    let (mut error, mut power) = (0.0, 0.0);
    for (&a, &b) in a.into_iter().zip(b) {
        let (a, b): (Complex<f64>, Complex<f64>) = (a.into(), b.into());
        error += (a - b).norm_sqr();
        power += b.norm_sqr();
    }
    (error / power).sqrt()
}
