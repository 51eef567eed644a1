use ndarray::Array2;

use pvdamp::array::Image;

/// The pictures of one case: the first of its group.
#[derive(Clone, Debug)]
pub struct CaseImages {
    pub case: String,
    pub reference: Option<Image<f32>>,
    /// Contender and its image, in the units of the reference and its phase aligned to it.
    pub images: Vec<(String, Image<f32>)>,
    pub residuals: Vec<ResidualImages>,
    /// Contender and its error bars, where they were held to the reference: the predicted standard deviation of one
    /// part of the error, in the units of the reference.
    pub deviations: Vec<(String, Array2<f32>)>,
}

/// `|Ψ(r − x0)|` and `√τ` of one iteration, laid out as the nested pyramid: coarsest subband top left.
#[derive(Clone, Debug)]
pub struct ResidualImages {
    pub contender: String,
    pub iteration: usize,
    pub error: Array2<f32>,
    pub predicted: Array2<f32>,
}
