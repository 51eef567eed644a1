//! Every location by itself: the sampling for which P-VDAMP's state evolution is stated (arXiv:2203.04180).

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Drawn, MaskPlan, variable};
use crate::array::Mask;
use crate::error::Result;

pub(super) fn draw(plan: &MaskPlan) -> Result<Drawn> {
    plan.validate()?;
    let probability = variable::density(plan);
    let mut rng = ChaCha8Rng::seed_from_u64(plan.seed);
    let mask = Mask::new(probability.map(|&p| rng.random::<f64>() < p));
    Ok(Drawn { mask, probability })
}
