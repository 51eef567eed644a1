//! Noise scans in files of their own.

use std::path::Path;

use ndarray::Array4;

use super::scans::noise;
use super::*;
use crate::error::{Place, Result};
use crate::format::{NoiseScan, read_noise_scan};

fn read(path: &Path, dataset: Option<&str>, scan: &Scan) -> Result<NoiseScan> {
    let mut place = Place::from(path);
    place.dataset = dataset.map(str::to_string);
    read_noise_scan(&place, scan).map(|read| read.expect("raw data"))
}

fn message(read: Result<NoiseScan>) -> String {
    read.map(|noise| noise.acquisitions).unwrap_err().to_string()
}

/// As `siemens_to_ismrmrd` writes it: noise alone, with a header that may tell of no matrix.
fn noise_file(acquisitions: Vec<Acquisition>, xml: String) -> Raw {
    Raw {
        xml,
        readouts: acquisitions,
    }
}

/// A scan whose readout oversampling is taken out.
fn oversampled(bandwidth: &str) -> Raw {
    let mut rng = random(5);
    let system = format!(
        "<acquisitionSystemInformation><relativeReceiverNoiseBandwidth>{bandwidth}</relativeReceiverNoiseBandwidth>\
         </acquisitionSystemInformation>"
    );
    let readouts = (0..6).map(|column| readout(step(column), &line(&mut rng, 3, 16), &[]));
    Raw {
        xml: header([16, 6, 1], [8, 6, 1], [3, 0], "").replace("<encoding>", &format!("{system}<encoding>")),
        readouts: readouts.collect(),
    }
}

#[test]
fn a_noise_scan_beside_the_scan_counts_as_one_in_it() {
    for mut raw in [plain(), oversampled("0.6")] {
        let alone = raw.scan();
        let acquisitions = noise(3, 100);
        for xml in [&raw.xml, "<ismrmrdHeader/>"] {
            let (_folder, path) = noise_file(acquisitions.clone(), xml.to_string()).write();
            let mut both = raw.clone();
            both.readouts.extend(acquisitions.clone());
            let within = both.scan().noise_covariance.clone().unwrap();
            for dataset in [None, Some("dataset"), Some("dataset/data"), Some("/dataset/")] {
                let found = read(&path, dataset, &alone).unwrap();
                assert_eq!((&found.covariance, found.acquisitions), (&within, 100));
                assert_eq!(found.warnings, [""; 0]);
            }
        }
        // both in one file, and the noise in a group of its own
        raw.readouts.extend(acquisitions.clone());
        let within = raw.scan().noise_covariance.clone().unwrap();
        let (_folder, path) = raw.write();
        assert_eq!(read(&path, None, &alone).unwrap().covariance, within);
        let (_folder, path) = plain().write_as("dataset_2");
        let file = opened(&path, hdf5::OpenMode::ReadWrite);
        noise_file(acquisitions, raw.xml.clone()).add_to(&file, "noise");
        drop(file);
        assert_eq!(read(&path, None, &alone).unwrap().covariance, within);
        assert_eq!(read(&path, Some("noise"), &alone).unwrap().covariance, within);
    }
}

#[test]
fn noise_that_no_flag_tells_of_is_told_by_the_data() {
    let scan = plain().scan();
    let mut acquisitions = noise(3, 40);
    acquisitions.iter_mut().for_each(|a| a.head.flags = 0);
    let (_folder, path) = noise_file(acquisitions.clone(), plain().xml).write();
    let found = read(&path, None, &scan).unwrap();
    assert!(
        found.warnings[0].contains("flagged as noise: all 40"),
        "{:?}",
        found.warnings
    );
    // the centre of k-space of an object is no noise
    let mut rng = random(3);
    let mut lines = line(&mut rng, 3, 64);
    lines.iter_mut().for_each(|coil| coil[32] *= 500.0);
    acquisitions.push(readout(step(1), &lines, &[]));
    acquisitions.iter_mut().for_each(|a| a.head.sample_time_us = 2.0);
    let (_folder, path) = noise_file(acquisitions, plain().xml).write();
    let text = message(read(&path, None, &scan));
    assert!(text.contains("flagged as noise") && text.contains("signal"), "{text}");
}

#[test]
fn dwell_times_that_are_not_known_are_told() {
    let acquisitions = noise(3, 100);
    let raw = noise_file(acquisitions.clone(), plain().xml);
    let (_folder, path) = raw.write();
    let mut untold = raw.clone();
    untold.readouts.iter_mut().for_each(|a| a.head.sample_time_us = 0.0);
    let (_other, without) = untold.write();
    let array = {
        let folder = tempfile::tempdir().unwrap();
        let scan = folder.path().join("scan.h5");
        let file = opened(&scan, hdf5::OpenMode::Create);
        crate::format::tests::put(&file, "kspace", &Array4::from_elem((1, 3, 8, 6), C32::new(1.0, 0.0))).unwrap();
        drop(file);
        open(&scan).unwrap()
    };
    let known = read(&path, None, &plain().scan()).unwrap();
    for (path, scan) in [(&path, &array), (&without, &*plain().scan())] {
        let found = read(path, None, scan).unwrap();
        assert!(found.warnings[0].contains("dwell times"), "{:?}", found.warnings);
        // 4 µs against 2 µs double the variance where they are known
        let doubled = found.covariance.mapv(|v| v * 2.0);
        assert!((&doubled - &known.covariance).iter().all(|v| v.norm() < 1e-9));
    }
}

#[test]
fn what_is_no_noise_of_the_scan_is_an_error() {
    let scan = plain().scan();
    let said = |raw: Raw| {
        let (_folder, path) = raw.write();
        message(read(&path, None, &scan))
    };
    let text = said(noise_file(noise(2, 40), plain().xml));
    assert!(text.contains("not 3 coils") && text.contains("dataset/data"), "{text}");
    let text = said(noise_file(noise(3, 1)[..1].to_vec(), plain().xml).discarding(60));
    assert!(text.contains("too few"), "{text}");
    let (_folder, path) = noise_file(noise(3, 40), plain().xml).write_as("one");
    let file = opened(&path, hdf5::OpenMode::ReadWrite);
    noise_file(noise(3, 40), plain().xml).add_to(&file, "two");
    drop(file);
    let text = message(read(&path, None, &scan));
    assert!(text.contains("several measurements: one, two"), "{text}");
    // an array is none of this
    let array: Result<Option<NoiseScan>> = read_noise_scan(&Place::new(&path, "one/xml"), &scan);
    assert!(array.unwrap().is_none());
}

impl Raw {
    fn discarding(mut self, samples: u16) -> Self {
        self.readouts
            .iter_mut()
            .for_each(|readout| readout.head.discard_post = samples);
        self
    }
}
