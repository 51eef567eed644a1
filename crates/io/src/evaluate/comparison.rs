//! Two volumes compared.

use ndarray::{Array3, Axis};
use num_complex::Complex;
use serde::Serialize;

use crate::error::{Error, Place, Result};
use crate::format::{Role, Volume, read_volume};
use pvdamp::array::Grid;
use pvdamp::quality::{
    Calgary, calgary_metrics, common_region, complex_nmse, crop, decibel, fastmri_metrics, hfen, object_mask,
};

/// Figures of a volume; `None` where a figure has no meaning, as for a target that is zero.
#[derive(Debug, Serialize)]
pub struct Comparison {
    pub nmse: Option<f64>,
    pub psnr_db: Option<f64>,
    pub ssim: Option<f64>,
    pub data_range: f64,
    pub data_range_is: &'static str,
    pub slices: usize,
    /// The part that was compared, `ROWSxCOLS` at the centre.
    pub region: String,
    /// By the definitions of the Calgary-Campinas challenge, of whole slices, where they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calgary: Option<Calgary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub complex: Option<ComplexComparison>,
}

/// Means over slices, each with its own phase; slices whose target is zero are left out.
#[derive(Debug, Serialize)]
pub struct ComplexComparison {
    pub nmse_db: Option<f64>,
    pub nmse_object_db: Option<f64>,
    pub hfen_db: Option<f64>,
}

/// Compares two volumes, with the figures of the Calgary-Campinas challenge if `calgary`. Errors: what cannot be read, and
/// shapes that do not meet.
pub fn compare(target: &Place, result: &Place, calgary: bool) -> Result<Comparison> {
    let (x0, x) = (read_volume(target, Role::Target)?, read_volume(result, Role::Result)?);
    let (a, b) = (x0.dim(), x.dim());
    if a.0 != b.0 {
        let problem = format!("holds {} slice(s), the target {} {}", b.0, target, a.0);
        return Err(Error::data(result.clone(), problem, "compare volumes of the same scan"));
    }
    let complex = match (&x0, &x) {
        (Volume::Complex(x0), Volume::Complex(x)) if a == b => Some(compare_complex(x0, x)),
        _ => None,
    };
    let region = common_region(Grid::new(a.1, a.2), Grid::new(b.1, b.2));
    let (x0, x) = (x0.into_magnitude(), x.into_magnitude());
    let metrics = fastmri_metrics(crop(x0.view(), region), crop(x.view(), region));
    let calgary = calgary.then(|| {
        let whole = Grid::new(a.1.min(b.1), a.2.min(b.2));
        calgary_metrics(crop(x0.view(), whole), crop(x.view(), whole))
    });
    Ok(Comparison {
        calgary,
        nmse: metrics.nmse,
        psnr_db: metrics.psnr,
        ssim: metrics.ssim,
        data_range: metrics.data_range,
        data_range_is: "maximum of the target volume",
        slices: a.0,
        region: region.to_string(),
        complex,
    })
}

fn compare_complex(x0: &Array3<Complex<f32>>, x: &Array3<Complex<f32>>) -> ComplexComparison {
    let pairs = x0.axis_iter(Axis(0)).zip(x.axis_iter(Axis(0)));
    let (mut whole, mut object, mut high) = (Vec::new(), Vec::new(), Vec::new());
    for (x0, x) in pairs.map(|(x0, x)| (x0.to_owned(), x.to_owned())) {
        whole.extend(complex_nmse(&x0, &x, None));
        object.extend(complex_nmse(&x0, &x, Some(&object_mask(&x0))));
        high.extend(hfen(&x0, &x));
    }
    let mean = |figures: Vec<f64>| (!figures.is_empty()).then(|| figures.iter().sum::<f64>() / figures.len() as f64);
    ComplexComparison {
        nmse_db: mean(whole).map(decibel),
        nmse_object_db: mean(object).map(decibel),
        hfen_db: mean(high),
    }
}
