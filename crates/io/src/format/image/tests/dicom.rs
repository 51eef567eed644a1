//! DICOM: values, places and what describes the scan.

use super::*;

/// What a file says of itself may hold anything.
#[test]
fn dicom_keeps_no_text_that_it_does_not_allow() {
    let mut series = series(Vec::new(), 1);
    series.method = "a\\b\u{1b}".repeat(100);
    series.description = format!("line\n{}", "x".repeat(5000));
    series.geometry.names = vec!["slice\u{0}\\1".into()];
    let (folder, _) = written("out.dcm", &series);
    let object = dicom(&folder, "out.dcm");
    let text = |tag| object.element(tag).unwrap().to_str().unwrap().trim().to_string();
    assert_eq!(text(tags::IMAGE_COMMENTS), "slice1");
    assert_eq!(text(tags::DERIVATION_DESCRIPTION).len(), 1024);
    let description = text(tags::SERIES_DESCRIPTION);
    assert!(
        description.starts_with("pvdamp ababab") && description.len() == 64,
        "{description}"
    );
}

fn dicom(folder: &tempfile::TempDir, name: &str) -> dicom_object::DefaultDicomObject {
    dicom_object::open_file(folder.path().join(name)).unwrap()
}

#[test]
fn dicom_gives_values_and_places_back() {
    let heights = [5.0, 0.0];
    let (folder, _) = written("out.dcm", &series(placements(&heights), 2));
    let images = images(2).mapv(|v| f64::from(v.norm()));
    let largest = images.iter().copied().fold(0.0, f64::max);
    let mut uids = Vec::new();
    for (slice, placement) in placements(&heights).iter().enumerate() {
        let object = dicom(&folder, &format!("out_00{slice}.dcm"));
        let number = |tag| object.element(tag).unwrap().to_multi_float64().unwrap();
        let text = |tag| object.element(tag).unwrap().to_str().unwrap().into_owned();
        assert_eq!(text(tags::SOP_CLASS_UID), uids::MR_IMAGE_STORAGE);
        assert_eq!(text(tags::DERIVATION_DESCRIPTION).trim(), "made by a test");
        let (slope, offset) = (number(tags::RESCALE_SLOPE)[0], number(tags::RESCALE_INTERCEPT)[0]);
        assert!(
            (slope * 65535.0 / largest - 1.0).abs() < 1e-8,
            "one slope for the series"
        );
        let stored = object.element(tags::PIXEL_DATA).unwrap().to_multi_int::<u16>().unwrap();
        let stored = Array2::from_shape_vec((5, 4), stored).unwrap();
        let position = number(tags::IMAGE_POSITION_PATIENT);
        let along = number(tags::IMAGE_ORIENTATION_PATIENT);
        let spacing = number(tags::PIXEL_SPACING);
        for ((r, c), &value) in stored.indexed_iter() {
            let error = f64::from(value) * slope + offset - images[[slice, r, c]];
            assert!(error.abs() <= 0.5001 * slope, "{error}");
            // PS3.3, C.7.6.2.1.1
            let at = |i: usize| position[i] + along[i] * spacing[1] * c as f64 + along[3 + i] * spacing[0] * r as f64;
            let rows = scaled(placement.rows, VOXEL[0] * (r as f64 - 2.0));
            let cols = scaled(placement.cols, VOXEL[1] * (c as f64 - 2.0));
            let expected = add(placement.centre_mm, add(rows, cols));
            assert!(norm(minus([at(0), at(1), at(2)], expected)) < 1e-6);
        }
        uids.push(
            [
                tags::SOP_INSTANCE_UID,
                tags::SERIES_INSTANCE_UID,
                tags::STUDY_INSTANCE_UID,
            ]
            .map(text),
        );
    }
    assert!(uids[0][0] != uids[1][0] && uids[0][1..] == uids[1][1..]);
}

#[test]
fn dicom_makes_no_place_up_and_holds_any_scale() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.dcm");
    for scale in [0.0, 1e-30, 1e-7, 1e13, 3e38] {
        let series = series(Vec::new(), 1);
        let mut sink = ImageFormat::of(&path).unwrap().create(&path, &series).unwrap();
        let image = Array2::from_shape_fn((5, 4), |(r, c)| C32::from(scale * ((r * c) as f32 / 12.0)));
        sink.write(0, image.view()).unwrap();
        sink.finish().unwrap();
        let object = dicom(&folder, "out.dcm");
        assert_eq!(
            object.meta().media_storage_sop_class_uid(),
            uids::SECONDARY_CAPTURE_IMAGE_STORAGE
        );
        assert!(object.element(tags::IMAGE_POSITION_PATIENT).is_err());
        let slope = object.element(tags::RESCALE_SLOPE).unwrap().to_float64().unwrap();
        let stored = object.element(tags::PIXEL_DATA).unwrap().to_multi_int::<u16>().unwrap();
        for (value, expected) in stored.iter().zip(&image) {
            let expected = f64::from(expected.re);
            assert!(
                (f64::from(*value) * slope - expected).abs() <= 1e-5 * f64::from(scale),
                "{scale:e}"
            );
        }
    }
}

/// What the header tells of the patient is kept, and without it nobody is named.
#[test]
fn dicom_names_the_patient_of_the_header() {
    let xml = "<ismrmrdHeader><subjectInformation><patientName>Grün^Zoë</patientName><patientID>p-7</patientID>\
        <patientBirthdate>1970-02-03</patientBirthdate></subjectInformation>\
        <studyInformation><studyDate>2019-03-04</studyDate>\
        <studyInstanceUID>1.2.3.4</studyInstanceUID></studyInformation>\
        <measurementInformation><patientPosition>HFS</patientPosition></measurementInformation>\
        <sequenceParameters><TR>500</TR><TE>12.5</TE></sequenceParameters>\
        <encoding><trajectory>cartesian</trajectory></encoding></ismrmrdHeader>";
    for placed in [placements(&[0.0]), Vec::new()] {
        let mut series = series(placed, 1);
        for header in [None, Some(Header::parse(xml).unwrap())] {
            series.header = header;
            let (folder, _) = written("out.dcm", &series);
            let object = dicom(&folder, "out.dcm");
            let text = |tag| object.element(tag).unwrap().to_str().unwrap().trim().to_string();
            let patient = [
                tags::PATIENT_NAME,
                tags::PATIENT_ID,
                tags::PATIENT_BIRTH_DATE,
                tags::STUDY_DATE,
            ]
            .map(text);
            if series.header.is_none() {
                assert_eq!(patient, ["Anonymous", "anonymous", "", ""]);
                assert!(text(tags::STUDY_INSTANCE_UID).starts_with("2.25."));
                continue;
            }
            assert_eq!(patient, ["Grün^Zoë", "p-7", "19700203", "20190304"]);
            assert_eq!(text(tags::STUDY_INSTANCE_UID), "1.2.3.4");
            if !series.geometry.placements.is_empty() {
                let acquired = [tags::ECHO_TIME, tags::REPETITION_TIME, tags::PATIENT_POSITION].map(text);
                assert_eq!(acquired, ["12.5", "500", "HFS"]);
            }
        }
    }
}

/// What was anonymized says so, and what the profile has taken out is not there, whatever the header says.
#[test]
fn dicom_of_an_anonymized_scan_keeps_to_the_profile() {
    let xml = "<ismrmrdHeader><subjectInformation><patientName>Doe</patientName><patientID>0123</patientID>\
        <patientWeight_kg>70</patientWeight_kg></subjectInformation><studyInformation><studyDate>2019-03-04</studyDate>\
        <accessionNumber>9</accessionNumber><studyInstanceUID>1.2.3.4</studyInstanceUID></studyInformation>\
        <acquisitionSystemInformation><institutionName>Doe</institutionName></acquisitionSystemInformation>\
        <encoding/></ismrmrdHeader>";
    for placed in [placements(&[0.0]), Vec::new()] {
        let mut series = series(placed, 1);
        (series.header, series.anonymized) = (Some(Header::parse(xml).unwrap()), true);
        let (folder, _) = written("out.dcm", &series);
        let object = dicom(&folder, "out.dcm");
        let text = |tag| object.element(tag).unwrap().to_str().unwrap().trim().to_string();
        for tag in [
            tags::PATIENT_BIRTH_DATE,
            tags::PATIENT_SEX,
            tags::STUDY_DATE,
            tags::ACCESSION_NUMBER,
            tags::REFERRING_PHYSICIAN_NAME,
            tags::CONTENT_DATE,
        ] {
            assert_eq!(text(tag), "", "{tag}");
        }
        for tag in [
            tags::PATIENT_WEIGHT,
            tags::INSTITUTION_NAME,
            tags::SERIES_DATE,
            tags::INSTANCE_CREATION_TIME,
        ] {
            assert!(object.element(tag).is_err(), "{tag}");
        }
        assert_eq!(text(tags::PATIENT_IDENTITY_REMOVED), "YES");
        assert!(text(tags::DEIDENTIFICATION_METHOD).starts_with("Basic Application Confidentiality Profile"));
        assert_eq!(text(tags::LONGITUDINAL_TEMPORAL_INFORMATION_MODIFIED), "REMOVED");
    }
}

/// A series each, of one study, in which the numbers come back with their signs.
#[test]
fn dicom_holds_the_parts_in_series_of_their_own() {
    let xml = "<ismrmrdHeader><measurementInformation><initialSeriesNumber>7</initialSeriesNumber></measurementInformation>\
        <encoding><trajectory>cartesian</trajectory></encoding></ismrmrdHeader>";
    for header in [None, Some(Header::parse(xml).unwrap())] {
        let first = if header.is_some() { 1007 } else { 1 };
        let next = if header.is_some() { 1000 } else { 1 };
        let series = Series {
            parts: Part::ALL.to_vec(),
            header,
            ..series(placements(&[0.0, 4.0]), 2)
        };
        let (folder, names) = written("out.dcm", &series);
        assert_eq!(names.len(), 8);
        let mut of_series = Vec::new();
        for (at, (part, kind)) in Part::ALL.into_iter().zip(["M", "P", "R", "I"]).enumerate() {
            for slice in 0..2 {
                let object = dicom(&folder, &format!("out_part-{}_00{slice}.dcm", part.name()));
                let number = |tag| object.element(tag).unwrap().to_float64().unwrap();
                let text = |tag| object.element(tag).unwrap().to_str().unwrap().trim().to_string();
                assert_eq!(text(tags::IMAGE_TYPE), format!("DERIVED\\PRIMARY\\{kind}"));
                assert_eq!(text(tags::SERIES_NUMBER), (first + at * next).to_string());
                let (slope, offset) = (number(tags::RESCALE_SLOPE), number(tags::RESCALE_INTERCEPT));
                let stored = object.element(tags::PIXEL_DATA).unwrap().to_multi_int::<u16>().unwrap();
                let images = images(2);
                let values = images.index_axis(Axis(0), slice);
                for (stored, value) in stored.into_iter().zip(values) {
                    let expected = match part {
                        Part::Magnitude => value.norm(),
                        Part::Phase => value.arg(),
                        Part::Real => value.re,
                        Part::Imaginary => value.im,
                    };
                    let error = f64::from(stored) * slope + offset - f64::from(expected);
                    assert!(error.abs() <= 0.501 * slope, "{part:?}: {error}");
                }
                if part == Part::Phase {
                    assert!((slope * 32767.0 - std::f64::consts::PI).abs() < 1e-6, "{slope}");
                    assert_eq!(text(tags::RESCALE_TYPE), "rad");
                }
                of_series.push(
                    [
                        tags::SERIES_INSTANCE_UID,
                        tags::STUDY_INSTANCE_UID,
                        tags::FRAME_OF_REFERENCE_UID,
                    ]
                    .map(text),
                );
            }
        }
        assert!(of_series.iter().all(|uids| uids[1..] == of_series[0][1..]));
        let mut uids: Vec<&String> = of_series.iter().map(|uids| &uids[0]).collect();
        uids.dedup();
        assert_eq!(uids.len(), 4);
    }
}
