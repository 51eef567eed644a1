//! Every location by itself: the sampling for which P-VDAMP's state evolution is stated (arXiv:2203.04180).

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Drawn, Request, variable};
use crate::array::Mask;
use crate::error::Result;

pub(super) fn draw(request: &Request) -> Result<Drawn> {
    request.validate()?;
    let probability = variable::density(request);
    let mut rng = ChaCha8Rng::seed_from_u64(request.seed);
    let mask = Mask::new(probability.map(|&p| rng.random::<f64>() < p));
    Ok(Drawn { mask, probability })
}
