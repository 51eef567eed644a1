use super::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// `|w_j|` and τ_j, ascending.
fn sorted<T: Real>(w: &[Complex<T>], tau: &[T]) -> Vec<(f64, f64)> {
    let magnitude = |w: &Complex<T>| (w.re * w.re + w.im * w.im).sqrt().wide();
    let mut pairs: Vec<_> = w.iter().zip(tau).map(|(w, tau)| (magnitude(w), tau.wide())).collect();
    pairs.sort_by(|a, b| a.partial_cmp(b).unwrap());
    pairs
}

/// The risk charged for every candidate, by the definition of SURE: a magnitude, its risk and its charged risk.
fn charges(sorted: &[(f64, f64)]) -> Vec<[f64; 3]> {
    let len = sorted.len();
    let ends = (0..len).filter(|&i| i + 1 == len || sorted[i + 1].0 > sorted[i].0);
    let charge = |i: usize| {
        let (lambda, tau) = sorted[i];
        let below: f64 = sorted[..=i].iter().map(|(m, tau)| m * m - tau).sum();
        let above = sorted[i + 1..].iter();
        let above: f64 = above.map(|(m, tau)| lambda * lambda + tau * (1.0 - lambda / m)).sum();
        [lambda, below + above, below + above + lambda * lambda + tau]
    };
    ends.map(charge).collect()
}

/// Of the terms that the risks are made of, to measure rounding by.
fn size(sorted: &[(f64, f64)], lambda: f64) -> f64 {
    sorted.iter().map(|(m, tau)| m.min(lambda).powi(2) + tau).sum()
}

/// Subbands of many kinds: `kind` says how sparse, how far apart, how many equal.
fn scene(rng: &mut ChaCha8Rng, len: usize, kind: u32) -> (Vec<Complex<f64>>, Vec<f64>) {
    let mut uniform = || (f64::from(rng.next_u32()) + 0.5) / 4_294_967_296.0;
    let draw = |_| {
        let [u, v, spread, which, tau] = [(); 5].map(|()| uniform());
        let noise = Complex::from_polar((-u.ln()).sqrt(), 6.3 * v);
        let w = match kind {
            0 => noise,
            1 => noise * if which < 0.1 { 30.0 } else { 1.0 },
            2 => noise * 10f64.powf(24.0 * (spread - 0.5)),
            3 => Complex::new((4.0 * spread).floor(), 0.0),
            4 => Complex::new(0.0, 3.0),
            5 => noise * if which < 0.5 { 0.0 } else { 1.0 },
            6 => noise * 1e-6 + 1.0,
            _ => noise * 1000.0,
        };
        (w, if kind.is_multiple_of(2) { 1.0 } else { 0.2 + 3.0 * tau })
    };
    (0..len).map(draw).unzip()
}

const KINDS: u32 = 8;

fn check<T: Real>(w: &[Complex<T>], tau: &[T], work: &mut Workspace<T>, tolerance: f64, what: &str) {
    let found = sure_threshold(w, tau, work);
    let sorted = sorted(w, tau);
    let charges = charges(&sorted);
    let least = charges.iter().map(|c| c[2]).fold(f64::INFINITY, f64::min);
    let [_, risk, charged] = *charges.iter().find(|c| c[0] == found.threshold).expect("a candidate");
    let allowed = tolerance * size(&sorted, found.threshold);
    assert!(charged - least <= allowed, "{what}: {charged} against {least}");
    assert!((found.risk - risk).abs() <= allowed, "{what}: {found:?} against {risk}");
}

#[test]
fn finds_the_minimum_of_a_plain_search() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let (mut work, mut single) = (Workspace::default(), Workspace::default());
    for len in [1, 2, 3, 17, 160, 500, 3000] {
        for kind in 0..KINDS {
            let (w, tau) = scene(&mut rng, len, kind);
            check(&w, &tau, &mut work, 1e-12, &format!("f64, {len} of kind {kind}"));
            let w: Vec<_> = w.iter().map(|w| Complex::new(w.re as f32, w.im as f32)).collect();
            let tau: Vec<_> = tau.iter().map(|&tau| tau as f32).collect();
            check(&w, &tau, &mut single, 1e-7, &format!("f32, {len} of kind {kind}"));
        }
    }
}

/// Without noise nothing is to be thresholded, and with nothing but noise everything.
#[test]
fn extremes() {
    let mut work = Workspace::<f32>::default();
    let w: Vec<_> = (0..1000).map(|i| Complex::new(0.0, 1.0 + i as f32)).collect();
    assert_eq!(sure_threshold(&w, &[0.0; 1000], &mut work).threshold, 1.0);
    assert_eq!(sure_threshold(&w, &[1e9; 1000], &mut work).threshold, 1000.0);
    assert_eq!(sure_threshold::<f32>(&[], &[], &mut work), SureThreshold::default());
}

/// What a bin is dropped by.
#[test]
fn bounds_hold() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    for (kind, bins) in (0..KINDS).flat_map(|kind| [1, 7, 60].map(|bins| (kind, bins))) {
        let (w, tau) = scene(&mut rng, 600, kind);
        let sorted = sorted(&w, &tau);
        let (magnitudes, taus): (Vec<f64>, Vec<f64>) = sorted.iter().copied().unzip();
        let (most, all_tau) = (magnitudes[599], sum(&taus));
        let scale = Scale::<f64>::new([0.0, most], most.min(4.0), bins);
        let mut places = vec![0; 600];
        scale.place(magnitudes.iter().copied(), &mut places);
        let mut sums = vec![Sums::default(); bins];
        for (&(magnitude, tau), &place) in sorted.iter().zip(&places) {
            let ratio = if magnitude > 0.0 { tau / magnitude } else { 0.0 };
            sums[place as usize] += Coefficient { magnitude, tau, ratio }.into();
        }
        let search = Search {
            below: 0.0,
            above: Sums::default(),
            most_tau: greatest(&taus),
        };
        let mut bounds = Vec::new();
        let least = search.bound(scale, &sums, &mut bounds);
        let charges = charges(&sorted);
        let mut known = f64::INFINITY;
        for [magnitude, _, charged] in charges {
            let place = places[magnitudes.partition_point(|&m| m < magnitude)] as usize;
            let charged = charged + all_tau;
            assert!(
                bounds[place][0] <= charged,
                "kind {kind}, bin {place}: {:?} {charged}",
                bounds[place]
            );
            known = known.min(charged);
        }
        assert!(least >= known, "kind {kind}: {least} under {known}");
    }
}

#[test]
fn what_is_not_a_number_ends() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let mut work = Workspace::default();
    for (kind, value) in (0..KINDS).flat_map(|kind| [f64::NAN, f64::INFINITY].map(|value| (kind, value))) {
        let (mut w, mut tau) = scene(&mut rng, 700, kind);
        w[5].re = value;
        sure_threshold(&w, &tau, &mut work);
        tau[600] = value;
        sure_threshold(&w, &tau, &mut work);
    }
}
