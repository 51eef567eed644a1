use ndarray::Array2;

use pvdamp::array::Image;

/// Images of one case for the report: the first case of its group.
#[derive(Clone, Debug)]
pub struct CaseImages {
    pub case: String,
    pub reference: Option<Image<f32>>,
    /// Contender and image, in the units of the reference and with its phase aligned to it.
    pub images: Vec<(String, Image<f32>)>,
    pub residuals: Vec<ResidualImages>,
    /// Contender and error bars, if they were compared with the reference: the predicted standard deviation of the real
    /// or imaginary part of the error, in the units of the reference.
    pub deviations: Vec<(String, Array2<f32>)>,
}

/// `|Ψ(r − x0)|` and `√τ` of one iteration, arranged as nested subbands with the coarsest at the top left.
#[derive(Clone, Debug)]
pub struct ResidualImages {
    pub contender: String,
    pub iteration: usize,
    pub error: Array2<f32>,
    pub predicted: Array2<f32>,
}
