//! Who was scanned: what results keep of it, and what `--anonymize` takes out.

use std::path::Path;

use crate::support::command::Folder;

/// In every field, in no two of them the same, and in nothing that is typed.
const TOKEN: &str = "OTHER^PATIENT";

/// A header with the token in every field of ISMRMRD's that is text.
fn header(rows: usize, cols: usize) -> String {
    let leaves = |names: &[&str]| -> String {
        let leaf = |name: &&str| format!("<{name}>{TOKEN} {name}</{name}>");
        names.iter().map(leaf).collect()
    };
    let subject = leaves(&["patientName", "patientID", "patientBirthdate", "patientGender"]);
    let study = leaves(&[
        "studyDate",
        "studyTime",
        "studyID",
        "accessionNumber",
        "referringPhysicianName",
        "studyDescription",
        "bodyPartExamined",
    ]);
    let measurement = leaves(&[
        "measurementID",
        "seriesDate",
        "protocolName",
        "sequenceName",
        "seriesDescription",
    ]);
    let system = leaves(&[
        "systemVendor",
        "systemModel",
        "institutionName",
        "stationName",
        "deviceSerialNumber",
    ]);
    let space = format!(
        "<matrixSize><x>{rows}</x><y>{cols}</y><z>1</z></matrixSize>\
         <fieldOfView_mm><x>220</x><y>220</y><z>5</z></fieldOfView_mm>"
    );
    format!(
        "<!-- {TOKEN} comment --><ismrmrdHeader xmlns=\"http://www.ismrm.org/ISMRMRD\">\
         <subjectInformation>{subject}</subjectInformation><studyInformation>{study}\
         <studyInstanceUID>1.2.840.99999.7</studyInstanceUID></studyInformation><measurementInformation>{measurement}\
         <frameOfReferenceUID>1.2.840.99999.8</frameOfReferenceUID></measurementInformation>\
         <acquisitionSystemInformation>{system}<receiverChannels>4</receiverChannels></acquisitionSystemInformation>\
         <encoding><encodedSpace>{space}</encodedSpace><reconSpace>{space}</reconSpace>\
         <trajectory>cartesian</trajectory></encoding><userParameters><userParameterString><name>{TOKEN} user</name>\
         <value>{TOKEN} value</value></userParameterString></userParameters></ismrmrdHeader>"
    )
}

/// `NAME.h5`: a scan of two slices that tells everything of a patient with this id, where it lies too.
fn write_scan(folder: &Folder, name: &str, patient: &str) {
    folder.run_ok(&format!(
        "simulate --size 48x40 --coils 4 --slices 2 --seed 1 -o {name}"
    ));
    let header = header(48, 40).replace(&format!("{TOKEN} patientID"), patient);
    let file = folder.append(name);
    file.unlink("ismrmrd_header").unwrap();
    let text = |text: &str| text.parse::<hdf5::types::VarLenUnicode>().unwrap();
    let dataset = file
        .new_dataset::<hdf5::types::VarLenUnicode>()
        .create("ismrmrd_header");
    dataset.unwrap().write_scalar(&text(&header)).unwrap();
    file.delete_attr("patient_id").unwrap();
    file.delete_attr("acquisition").unwrap();
    for (name, value) in [
        ("patient_id", patient.to_string()),
        ("acquisition", format!("{TOKEN} acquisition")),
        ("operator", format!("{TOKEN} operator")),
    ] {
        let attribute = file.new_attr::<hdf5::types::VarLenUnicode>().create(name).unwrap();
        attribute.write_scalar(&text(&value)).unwrap();
    }
    // what is not read is warned of: a name of an attribute, of a dataset, and axes that are none
    let attribute = file.new_attr::<[i32; 2]>().shape(2).create(TOKEN).unwrap();
    attribute.write(&ndarray::arr1(&[[1, 2], [3, 4]])).unwrap();
    file.new_dataset::<i32>().create(TOKEN).unwrap();
    let kspace = file.dataset("kspace").unwrap();
    let axes = kspace.new_attr::<hdf5::types::VarLenUnicode>().create("axes").unwrap();
    axes.write_scalar(&text(&format!("slice,{TOKEN}"))).unwrap();
    drop((file, attribute, kspace, axes));
    let vectors = ndarray::Array3::from_shape_fn((2, 4, 3), |(slice, vector, axis)| match vector {
        0 => [0.0, 0.0, 5.0 * slice as f64][axis],
        _ => f64::from(u8::from(axis == vector - 1)),
    });
    folder.write_geometry(name, &vectors, [4.0, 4.0, 5.0]);
}

fn scan_of(patient: &str) -> Folder {
    let folder = Folder::new();
    write_scan(&folder, "scan.h5", patient);
    folder
}

/// The files below a folder that hold a text, compressed ones unpacked.
fn files_with(folder: &Folder, below: &str, text: &str) -> Vec<String> {
    let holds = |bytes: &[u8]| bytes.windows(text.len()).any(|part| part == text.as_bytes());
    let inside = |path: &Path, bytes: &[u8]| {
        if path.extension().is_none_or(|e| e != "gz") {
            return holds(bytes);
        }
        let mut plain = Vec::new();
        std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(bytes), &mut plain).unwrap();
        holds(&plain)
    };
    let found = folder
        .contents()
        .into_iter()
        .filter(|(path, bytes)| path.strip_prefix(folder.path("")).unwrap().starts_with(below) && inside(path, bytes));
    found.map(|(path, _)| path.display().to_string()).collect()
}

/// Files come out of everything that writes, and the token is in none.
#[test]
fn nothing_that_is_written_tells_who_was_scanned() {
    let folder = scan_of(&format!("{TOKEN} patientID"));
    std::fs::create_dir(folder.path("out")).unwrap();
    let mut said = String::new();
    let mut run = |words: &str| {
        let output = folder.run_ok(words);
        said += &(output.out + &output.err);
    };
    for ending in ["h5", "dcm", "nii", "nii.gz", "npy", "cfl", "png"] {
        run(&format!(
            "recon scan.h5 --method zero-filled -o out/a.{ending} --anonymize --trace out/a.{ending}.jsonl \
             --png out/pictures -v"
        ));
        run(&format!(
            "convert scan.h5:reconstruction_rss out/b.{ending} --anonymize"
        ));
    }
    for ending in ["h5", "npy", "cfl"] {
        run(&format!("convert scan.h5 out/k.{ending} --anonymize"));
    }
    run("batch scan.h5 -o out/batch --method zero-filled --anonymize");
    run("report out/batch");
    assert!(said.contains("attribute … is not kept"), "{said}");
    assert!(!said.contains(TOKEN), "{said}");
    for text in [TOKEN, "1.2.840.99999"] {
        assert_eq!(files_with(&folder, "out", text), [""; 0]);
        assert_eq!(files_with(&folder, "scan.h5", text).len(), 1);
    }
    assert_eq!(
        files_with(&folder, "out/batch/batch.json", "attribute … is not kept").len(),
        1
    );
    let whole = files_with(&folder, "out", "ismrmrdHeader");
    assert_eq!(whole.len(), 4, "{whole:?}");
}

/// Names of files may be those of patients: results do not tell them.
#[test]
fn results_name_no_file() {
    let folder = scan_of("7");
    folder.run_ok("mask --size 48x40 --accel 2 --acs 16 -o doe.h5");
    folder.run_ok("maps scan.h5 -o doe-maps.h5");
    folder.write(
        "doe-noise.h5:noise_covariance",
        &ndarray::Array2::from_diag_elem(4, 1e-4),
    );
    std::fs::create_dir(folder.path("out")).unwrap();
    let run = |anonymize: &str| {
        folder.run_ok(&format!(
            "recon scan.h5 --mask doe.h5 --prob-map doe.h5 --maps doe-maps.h5 --noise-covariance doe-noise.h5 \
             -o out/a.h5 --trace out/a.jsonl {anonymize}"
        ));
        files_with(&folder, "out", "doe").len()
    };
    assert_eq!((run("--anonymize"), run("")), (0, 2));
}

/// Where it is not asked for, nothing changes.
#[test]
fn results_keep_the_patient_unless_asked() {
    let folder = scan_of("p-7");
    folder.run_ok("recon scan.h5 --method zero-filled -o out.h5");
    let text = |name: &str, dataset: &str| {
        let read = folder
            .open(name)
            .dataset(dataset)
            .unwrap()
            .read_scalar::<hdf5::types::VarLenUnicode>();
        read.unwrap().to_string()
    };
    assert_eq!(text("out.h5", "ismrmrd_header"), text("scan.h5", "ismrmrd_header"));
    let attribute = |file: &str, name: &str| {
        let read = folder
            .open(file)
            .attr(name)
            .unwrap()
            .read_scalar::<hdf5::types::VarLenUnicode>();
        read.unwrap().to_string()
    };
    for name in ["patient_id", "acquisition", "operator"] {
        assert_eq!(attribute("out.h5", name), attribute("scan.h5", name));
    }
    folder.run_ok("convert out.h5 out.dcm");
    assert!(files_with(&folder, "out_000.dcm", "p-7").len() == 1);
    assert!(files_with(&folder, "out_000.dcm", &format!("{TOKEN} patientName")).len() == 1);
    assert!(files_with(&folder, "out_000.dcm", "YES").is_empty());
}

fn patient_of(folder: &Folder, name: &str) -> String {
    let file = folder.open(name);
    let text = |read: hdf5::Result<hdf5::types::VarLenUnicode>| read.unwrap().to_string();
    let id = text(file.attr("patient_id").unwrap().read_scalar());
    let header = text(file.dataset("ismrmrd_header").unwrap().read_scalar());
    assert!(header.contains(&format!("<patientID>{id}</patientID>")), "{header}");
    id
}

#[test]
fn new_ids_follow_from_the_key() {
    let folder = scan_of("p-7");
    let id = |option: &str| {
        folder.run_ok(&format!("recon scan.h5 --method zero-filled -o out.h5 {option}"));
        patient_of(&folder, "out.h5")
    };
    let ids = ["--anonymize", "--anonymize", "--anonymize=a.key", "--anonymize=b.key"].map(id);
    let different: std::collections::BTreeSet<&String> = ids.iter().collect();
    assert_eq!(different.len(), ids.len(), "{ids:?}");
    assert_eq!(id("--anonymize=a.key"), ids[2]);
    folder.run_ok("convert scan.h5 k.h5 --anonymize=a.key");
    assert_eq!(patient_of(&folder, "k.h5"), ids[2]);
    folder.refused(
        "recon scan.h5 -o a.key --anonymize=a.key",
        1,
        &["is an input of this run"],
    );
    std::fs::write(folder.path("short.key"), "secret").unwrap();
    folder.refused(
        "recon scan.h5 -o out.h5 --anonymize=short.key",
        1,
        &["short.key", "no key"],
    );
}

/// Scans of a patient stay together, also when the batch goes on later, and the key lies outside of the results.
#[test]
fn a_batch_gives_one_id_to_each_patient() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path("in")).unwrap();
    for (name, patient) in [("a", "p-7"), ("b", "p-7"), ("c", "p-8")] {
        write_scan(&folder, &format!("in/{name}.h5"), patient);
    }
    let batch = "batch in -o out --method zero-filled";
    folder.run_ok(&format!("{batch} --anonymize --dry-run"));
    assert!(!folder.path("out.key").exists());
    folder.run_ok(&format!("{batch} --anonymize"));
    let ids = || ["a", "b", "c"].map(|name| patient_of(&folder, &format!("out/{name}.h5")));
    let first = ids();
    assert!(first[0] == first[1] && first[0] != first[2], "{first:?}");
    let key = std::fs::read_to_string(folder.path("out.key")).unwrap();
    assert!(files_with(&folder, "out", key.trim()).is_empty());
    std::fs::remove_file(folder.path("out/b.h5")).unwrap();
    folder.run_ok(&format!("{batch} --anonymize"));
    assert_eq!(ids(), first);
    // another key would give other ids to the same patients
    std::fs::write(folder.path("other.key"), "another secret than that").unwrap();
    folder.refused(
        &format!("{batch} --anonymize=other.key"),
        1,
        &["other settings", "--anonymize"],
    );
}

#[test]
fn info_tells_the_names_of_fields_and_not_what_is_in_them() {
    let folder = scan_of("p-7");
    let told = folder.run_ok("info scan.h5").out;
    for name in [
        "patientName",
        "accessionNumber",
        "userParameters",
        "attribute patient_id",
        "attribute operator",
    ] {
        assert!(told.contains(name), "{name}: {told}");
    }
    assert!(!told.contains(TOKEN) && !told.contains("p-7"), "{told}");
    folder.run_ok("convert scan.h5 k.h5 --anonymize");
    let told: serde_json::Value = serde_json::from_str(&folder.run_ok("info k.h5 --json").out).unwrap();
    let left = [
        "patientID",
        "studyInstanceUID",
        "frameOfReferenceUID",
        "attribute patient_id",
    ];
    assert_eq!(told["identifying_fields"], serde_json::json!(left));
}
