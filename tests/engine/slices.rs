//! Slices that share what decides the shape of their results.

use ndarray::Array3;
use pvdamp::coil::MapSets;
use pvdamp::reconstruct::Slices;
use pvdamp::sampling::{Family, Request};
use pvdamp::simulate::{SimulationSettings, simulate_slice};
use pvdamp::solve::Tuning;
use pvdamp::{Acquisition, Complex32, Reconstruction, Result, Settings, reconstruct};

const SETTINGS: SimulationSettings = SimulationSettings {
    grid: pvdamp::array::Grid::new(64, 56),
    coils: 4,
    slices: 4,
    noise: 0.005,
    seed: 3,
};

/// A slice of a head, zero where the mask of this seed does not sample it.
fn slice(index: usize, mask: u64) -> Array3<Complex32> {
    let mut kspace = simulate_slice(&SETTINGS, index).unwrap().kspace;
    let request = Request {
        seed: mask,
        ..Request::new(2.5)
    };
    let drawn = Family::find("bernoulli").unwrap().draw(&request, SETTINGS.grid);
    let sampled = drawn.unwrap().mask.sampled;
    for mut coil in kspace.outer_iter_mut() {
        coil.zip_mut_with(&sampled, |v, &s| *v = if s { *v } else { Complex32::ZERO });
    }
    kspace
}

fn settings() -> Settings {
    Settings {
        keep_maps: true,
        tuning: Tuning {
            iterations: Some(6),
            ..Tuning::default()
        },
        ..Settings::default()
    }
}

fn all(slices: &[Array3<Complex32>], settings: &Settings) -> Result<(Slices, Vec<Reconstruction>)> {
    let of = |index: usize| Acquisition::new(&slices[index]);
    let settled = Slices::settle(slices.len(), of, settings, &mut ())?;
    let found = (0..slices.len()).map(|index| settled.reconstruct(of(index), &mut ()));
    let found = found.collect::<Result<Vec<_>>>()?;
    Ok((settled, found))
}

#[test]
fn each_slice_is_what_it_is_by_itself() {
    let slices: Vec<_> = (0..3).map(|index| slice(index, 1)).collect();
    let (settled, found) = all(&slices, &settings()).unwrap();
    assert!(settled.second_set().is_none() && settled.choice().why.is_some());
    for (kspace, found) in slices.iter().zip(&found) {
        let alone = reconstruct(&Acquisition::new(kspace), &settings(), &mut ()).unwrap();
        assert_eq!(found.image, alone.image);
        assert_eq!(found.maps, alone.maps);
        assert_eq!(found.record.choice, settled.choice().why);
    }
}

#[test]
fn a_slice_may_be_empty_or_sampled_elsewhere() {
    let mut slices: Vec<_> = (0..4).map(|index| slice(index, 1)).collect();
    slices[0].fill(Complex32::ZERO);
    slices[3] = slice(3, 2);
    let (settled, found) = all(&slices, &settings()).unwrap();
    assert!(found[0].image.iter().all(|v| *v == Complex32::ZERO));
    assert_eq!(
        found[0].maps.as_ref().unwrap().dim(),
        found[1].maps.as_ref().unwrap().dim()
    );
    assert!(
        found[0].record.warnings[0].contains("all zero"),
        "{:?}",
        found[0].record.warnings
    );
    let samples = |slice: usize| found[slice].record.sampling.samples;
    assert_eq!(samples(1), settled.sampling().record.samples);
    assert_ne!(samples(3), samples(1));
    let alone = reconstruct(&Acquisition::new(&slices[3]), &settings(), &mut ()).unwrap();
    assert_eq!(found[3].image, alone.image);
}

/// One slice whose coils saw two images of different phase: the others have two sets of maps because of it.
#[test]
fn what_one_slice_needs_all_have() {
    let doubled = |index: usize, turn: f32| {
        let first = slice(index, 1);
        let turned = first.mapv(|v| v * Complex32::from_polar(1.0, turn));
        let mut both = Array3::zeros((8, 64, 56));
        both.slice_mut(ndarray::s![..4, .., ..]).assign(&first);
        both.slice_mut(ndarray::s![4.., .., ..]).assign(&turned);
        both
    };
    let mut slices: Vec<_> = (0..4).map(|index| doubled(index, 0.3)).collect();
    // another object in the other half of the coils
    let other = slice(0, 1);
    slices[1].slice_mut(ndarray::s![4.., .., ..]).assign(&other);
    let (settled, found) = all(&slices, &settings()).unwrap();
    assert_eq!(settled.second_set().map(|(slice, _)| slice), Some(1));
    assert!(found.iter().all(|found| found.maps.as_ref().unwrap().dim().0 == 2));
    let mut one = settings();
    one.espirit.sets = MapSets::Fixed(1);
    let (_, found) = all(&slices, &one).unwrap();
    assert!(found.iter().all(|found| found.maps.as_ref().unwrap().dim().0 == 1));
}

#[test]
fn no_slice_holds_data() {
    let nothing = vec![Array3::zeros((4, 64, 56)); 2];
    let (_, found) = all(&nothing, &settings()).unwrap();
    assert!(
        found
            .iter()
            .all(|found| found.image.iter().all(|v| *v == Complex32::ZERO))
    );
}
