//! Products of images and coil sensitivity maps, in panels.

use crate::array::{LANES, Real, vectorised};

type Parts<'a, T> = (&'a [T], &'a [T]);
type PartsMut<'a, T> = (&'a mut [T], &'a mut [T]);

/// `a b` into `out`, or added to it.
pub(super) fn multiply<T: Real>(a: Parts<T>, b: Parts<T>, (re, im): PartsMut<T>, add: bool) {
    let (are, aim, bre, bim) = (vectors(a.0), vectors(a.1), vectors(b.0), vectors(b.1));
    let (re, im) = (vectors_mut(re), vectors_mut(im));
    vectorised(
        #[inline(always)]
        || {
            let factors = are.iter().zip(aim).zip(bre.iter().zip(bim));
            for ((re, im), ((ar, ai), (br, bi))) in re.iter_mut().zip(im.iter_mut()).zip(factors) {
                let mut product = [[T::zero(); LANES]; 2];
                for l in 0..LANES {
                    product[0][l] = ar[l] * br[l] - ai[l] * bi[l];
                    product[1][l] = ar[l] * bi[l] + ai[l] * br[l];
                }
                if add {
                    for l in 0..LANES {
                        product[0][l] += re[l];
                        product[1][l] += im[l];
                    }
                }
                [*re, *im] = product;
            }
        },
    );
}

/// `sum += conj(map) x`, with vector t of `map` and of `sum` for vector `places[t]` of `x`.
pub(super) fn accumulate_conjugate<T: Real>(map: Parts<T>, x: Parts<T>, places: &[u32], (re, im): PartsMut<T>) {
    let (sre, sim, xre, xim) = (vectors(map.0), vectors(map.1), vectors(x.0), vectors(x.1));
    let (re, im) = (vectors_mut(re), vectors_mut(im));
    vectorised(
        #[inline(always)]
        || {
            let sums = re.iter_mut().zip(im.iter_mut());
            for (((re, im), (sr, si)), &place) in sums.zip(sre.iter().zip(sim)).zip(places) {
                let (xr, xi) = (&xre[place as usize], &xim[place as usize]);
                let mut sum = [*re, *im];
                for l in 0..LANES {
                    sum[0][l] += sr[l] * xr[l] + si[l] * xi[l];
                    sum[1][l] += sr[l] * xi[l] - si[l] * xr[l];
                }
                [*re, *im] = sum;
            }
        },
    );
}

fn vectors<T>(values: &[T]) -> &[[T; LANES]] {
    values.as_chunks().0
}

fn vectors_mut<T>(values: &mut [T]) -> &mut [[T; LANES]] {
    values.as_chunks_mut().0
}
