use super::*;
use ndarray::Array3;
use num_complex::Complex;

pub(super) fn plan(grid: (usize, usize), acceleration: f64, acs: (usize, usize), seed: u64) -> MaskPlan {
    MaskPlan {
        grid: grid.into(),
        acceleration,
        acs: acs.into(),
        order: DEFAULT_ORDER,
        seed,
    }
}

fn draw(family: &str, plan: &MaskPlan) -> Drawn {
    (Family::find(family).unwrap().draw)(plan).unwrap()
}

#[test]
fn every_family_of_locations_meets_the_acceleration_and_samples_the_acs() {
    for family in FAMILIES.iter().filter(|family| !family.lines) {
        for (grid, r, acs) in [
            ((256, 256), 5.0, (24, 24)),
            ((230, 181), 10.0, (11, 20)),
            ((64, 320), 2.5, (0, 0)),
        ] {
            for order in [0.0, 1.0, 2.0, 5.0] {
                let plan = MaskPlan {
                    order,
                    ..plan(grid, r, acs, 7)
                };
                let n = plan.grid.len() as f64;
                let Drawn { mask, probability } = (family.draw)(&plan).unwrap();
                assert!(probability.iter().all(|&p| 0.0 < p && p <= 1.0));
                let expected = if family.name == "bernoulli" {
                    n / r
                } else {
                    (n / r).round()
                };
                assert!(
                    (probability.sum() / expected - 1.0).abs() < 1e-9,
                    "{}: {}",
                    family.name,
                    probability.sum()
                );
                for ((row, col), &p) in probability.indexed_iter() {
                    let in_acs = plan.in_acs(row, col);
                    assert!(p == 1.0 || !in_acs);
                    assert!(
                        p < 1.0 || in_acs || order > 2.0,
                        "{} {grid:?} order {order}",
                        family.name
                    );
                    assert!(mask.sampled[[row, col]] || !in_acs);
                }
                if family.name == "poisson-disc" {
                    assert_eq!(mask.count() as f64, expected);
                } else {
                    let sigma = probability.map(|p| p * (1.0 - p)).sum().sqrt();
                    assert!((mask.count() as f64 - expected).abs() < 4.0 * sigma);
                }
            }
        }
    }
}

#[test]
fn draws_depend_on_the_request_alone() {
    for family in FAMILIES {
        let first = plan((40, 52), 4.0, (8, 6), 1);
        let (a, b) = (draw(family.name, &first), draw(family.name, &first));
        assert_eq!((&a.mask, &a.probability), (&b.mask, &b.probability));
        let other = draw(family.name, &MaskPlan { seed: 2, ..first });
        assert_ne!(a.mask, other.mask);
        assert_eq!(
            a.probability, other.probability,
            "the seed belongs to the draw, not to the density"
        );
    }
}

#[test]
fn odd_and_tiny_grids_are_drawn_and_read() {
    for family in FAMILIES {
        for (grid, acs) in [
            ((1, 1), (1, 1)),
            ((1, 1), (0, 0)),
            ((1, 64), (1, 4)),
            ((65, 1), (3, 1)),
            ((2, 3), (1, 1)),
            ((5, 7), (5, 7)),
            ((20, 21), (0, 0)),
        ] {
            for (r, order) in [1.0, 1.3, 3.0, 50.0, 420.0]
                .into_iter()
                .flat_map(|r| [0.0, 2.0, 10.0].map(|o| (r, o)))
            {
                let plan = MaskPlan {
                    order,
                    ..plan(grid, r, acs, 0)
                };
                if family.validate(&plan).is_err() {
                    continue;
                }
                let Drawn { mask, probability } = (family.draw)(&plan).unwrap();
                assert!(probability.iter().all(|&p| 0.0 < p && p <= 1.0), "{grid:?}");
                let estimate = estimate_density(&mask, &Coverage::of(&mask, [None, None]));
                assert!(estimate.probability.iter().all(|&p| 0.0 < p && p <= 1.0), "{grid:?}");
                if family.name == "poisson-disc" {
                    assert_eq!(mask.count() as f64, (plan.grid.len() as f64 / r).round());
                }
                // fastMRI's equispaced masks never reach the last column.
                if r == 1.0 && family.name != "lines-equispaced" {
                    assert!(mask.is_full());
                    assert!(estimate.probability.iter().all(|&p| p == 1.0));
                }
            }
        }
    }
}

#[test]
fn impossible_requests_are_refused_by_name() {
    let good = plan((128, 128), 5.0, (24, 24), 0);
    let message = |bad: MaskPlan| {
        for family in FAMILIES {
            assert!((family.draw)(&bad).is_err());
        }
        bad.validate().unwrap_err().to_string()
    };
    for acceleration in [0.0, 0.9, -3.0, f64::NAN, f64::INFINITY] {
        let text = message(MaskPlan { acceleration, ..good });
        assert!(text.contains(&format!("acceleration {acceleration} ")), "{text}");
    }
    assert!(
        message(MaskPlan {
            acs: Grid::new(24, 129),
            ..good
        })
        .contains("ACS 24x129")
    );
    assert!(message(MaskPlan { order: -1.0, ..good }).contains("order -1"));
    assert!(
        message(MaskPlan {
            grid: Grid::new(0, 8),
            acs: Grid::new(0, 0),
            ..good
        })
        .contains("0x8")
    );
    let locations = || FAMILIES.iter().filter(|family| !family.lines);
    let unreachable = MaskPlan {
        acs: Grid::new(64, 64),
        ..good
    };
    assert!(locations().all(|family| (family.draw)(&unreachable).is_err()));
    let text = unreachable.validate().unwrap_err().to_string();
    assert!(text.contains("the largest is 3.99"), "{text}");
    let largest = MaskPlan {
        acs: Grid::new(64, 64),
        acceleration: 3.99,
        ..good
    };
    assert!(locations().all(|family| (family.draw)(&largest).is_ok()));
}

#[test]
fn a_location_is_sampled_if_any_coil_has_a_value() {
    let mut kspace = Array3::<Complex<f32>>::zeros((2, 3, 4));
    kspace[[0, 0, 1]].re = 1e-3;
    kspace[[1, 2, 3]].im = -2.0;
    kspace[[1, 1, 1]].re = -0.0;
    let mask = held_data(kspace.view()).mask;
    assert_eq!(mask.count(), 2);
    assert!(mask.sampled[[0, 1]] && mask.sampled[[2, 3]]);
}
