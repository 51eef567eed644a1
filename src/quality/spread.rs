/// Mean and standard deviation of a figure that was measured several times, such as a metric over volumes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The mean of the values.
    pub mean: f64,
    /// Sample standard deviation, with n − 1 degrees of freedom; `None` for a single value or where one is infinite.
    pub sd: Option<f64>,
    /// Number of values n.
    pub count: usize,
}

impl Spread {
    /// The spread of `values` without NaN, which counts as not measured. `None` if no value is left.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let values: Vec<f64> = values.into_iter().filter(|v| !v.is_nan()).collect();
        let count = values.len();
        let mean = values.iter().sum::<f64>() / count as f64;
        if mean.is_nan() {
            return None;
        }
        let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
        let sd = (count > 1).then(|| (squares / (count - 1) as f64).sqrt());
        Some(Self {
            mean,
            sd: sd.filter(|sd| sd.is_finite()),
            count,
        })
    }
}
