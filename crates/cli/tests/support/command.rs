//! The program run as a user runs it, each test in a folder of its own, and the files it reads and writes.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use assert_cmd::cargo::cargo_bin_cmd;
use hdf5::H5Type;
use ndarray::{Array, ArrayD, Dimension};
use num_complex::Complex;

pub type C32 = Complex<f32>;

/// Exit code and output of a run.
pub struct ProgramOutput {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl ProgramOutput {
    pub fn new(output: &std::process::Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Self {
            code: output.status.code(),
            out: text(&output.stdout),
            err: text(&output.stderr),
        }
    }

    /// The lines with warnings.
    pub fn warnings(&self) -> Vec<&str> {
        let warns = |line: &&str| line.starts_with("pvdamp: warning: ");
        self.err.lines().filter(warns).collect()
    }
}

/// A folder in which the program is run; names of files are relative to it, `file:dataset` names a dataset.
pub struct Folder {
    folder: tempfile::TempDir,
}

impl Folder {
    pub fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// A folder with the simulated scan `full.h5`.
    pub fn with_scan(options: &str) -> Self {
        let folder = Self::new();
        folder.run_ok(&format!("simulate {options} -o full.h5"));
        folder
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs `pvdamp` with these arguments, separated by spaces.
    pub fn run(&self, words: &str) -> ProgramOutput {
        let mut command = cargo_bin_cmd!("pvdamp");
        let command = command.current_dir(self.folder.path()).args(words.split_whitespace());
        ProgramOutput::new(&command.timeout(Duration::from_secs(120)).output().unwrap())
    }

    /// Runs it and checks that it succeeds.
    pub fn run_ok(&self, words: &str) -> ProgramOutput {
        let output = self.run(words);
        assert_eq!(output.code, Some(0), "pvdamp {words}\n{}", output.err);
        output
    }

    /// Runs it and checks that it fails with one error line, which holds all of `parts`, and that no file is added,
    /// removed or changed.
    pub fn refused(&self, words: &str, code: i32, parts: &[&str]) {
        self.refuses(words, code, parts, || self.run(words));
    }

    pub fn refuses(&self, words: &str, code: i32, parts: &[&str], run: impl FnOnce() -> ProgramOutput) {
        let before = self.contents();
        let output = run();
        let context = format!("pvdamp {words}\n{}", output.err);
        assert_eq!(output.code, Some(code), "{context}");
        assert!(!output.err.contains("panicked"), "{context}");
        let errors: Vec<&str> = output
            .err
            .lines()
            .filter(|l| l.starts_with("pvdamp: error: "))
            .collect();
        assert_eq!(errors.len(), 1, "{context}");
        for part in parts {
            assert!(errors[0].contains(part), "'{part}' is not in\n{context}");
        }
        let after = self.contents();
        let names = |files: &BTreeMap<PathBuf, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&after), names(&before), "{context}");
        assert!(after == before, "a file was changed by {context}");
    }

    /// Every file in the folder and below it.
    pub fn contents(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        let mut folders = vec![self.folder.path().to_path_buf()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path.clone());
                    found.insert(path, Vec::new());
                } else {
                    found.insert(path.clone(), std::fs::read(path).unwrap());
                }
            }
        }
        found
    }

    pub fn open(&self, name: &str) -> hdf5::File {
        super::open(self.path(name))
    }

    pub fn dataset(&self, place: &str) -> hdf5::Dataset {
        let (name, dataset) = place.split_once(':').unwrap();
        let opened = self.open(name).dataset(dataset);
        opened.unwrap_or_else(|e| panic!("{place}: {e}"))
    }

    pub fn shape(&self, place: &str) -> Vec<usize> {
        self.dataset(place).shape()
    }

    pub fn has(&self, place: &str) -> bool {
        let (name, dataset) = place.split_once(':').unwrap();
        self.open(name).link_exists(dataset)
    }

    /// Reads a whole dataset, which must be stored as `T`.
    pub fn read<T: H5Type>(&self, place: &str) -> ArrayD<T> {
        let dataset = self.dataset(place);
        assert_eq!(
            dataset.dtype().unwrap().to_descriptor().unwrap(),
            T::type_descriptor(),
            "{place}"
        );
        dataset.read_dyn().unwrap_or_else(|e| panic!("{place}: {e}"))
    }

    pub fn complex(&self, place: &str) -> ArrayD<C32> {
        self.read(place)
    }

    /// Opens a file to write into it.
    pub fn append(&self, name: &str) -> hdf5::File {
        // without a lock: a program started by another test would inherit it and hold it while it runs
        let mut options = hdf5::File::with_options();
        options.fapl().file_locking(false);
        options.append(self.path(name)).unwrap()
    }

    /// Writes `geometry`, of slices whose rows are the readout.
    pub fn write_geometry(&self, name: &str, vectors: &ndarray::Array3<f64>, voxel_mm: [f64; 3]) {
        self.write(&format!("{name}:geometry"), vectors);
        let dataset = self.append(name).dataset("geometry").unwrap();
        let plane: hdf5::types::VarLenUnicode = "xy".parse().unwrap();
        let attribute = dataset.new_attr::<hdf5::types::VarLenUnicode>().create("plane");
        attribute.unwrap().write_scalar(&plane).unwrap();
        let attribute = dataset.new_attr::<f64>().shape(3).create("voxel_mm").unwrap();
        attribute.write(&ndarray::arr1(&voxel_mm)).unwrap();
    }

    /// Writes a dataset into a file, which is created if necessary. Replaces a dataset of the same name.
    pub fn write<T: H5Type + Clone, D: Dimension>(&self, place: &str, values: &Array<T, D>) {
        let (name, dataset) = place.split_once(':').unwrap();
        let file = self.append(name);
        if file.link_exists(dataset) {
            file.unlink(dataset).unwrap();
        }
        let values = values.as_standard_layout();
        let builder = file.new_dataset_builder().with_data(values.view());
        builder.create(dataset).unwrap();
    }

    /// `pvdamp eval --json`.
    pub fn eval(&self, target: &str, result: &str) -> serde_json::Value {
        let output = self.run_ok(&format!("eval --json --target {target} {result}"));
        serde_json::from_str(&output.out).unwrap()
    }

    pub fn ssim(&self, target: &str, result: &str) -> f64 {
        self.eval(target, result)["ssim"].as_f64().unwrap()
    }

    /// The records of a trace, one a slice.
    pub fn trace(&self, name: &str) -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(self.path(name)).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The bits of all computed values in a result: every dataset except texts, which hold times.
    pub fn bits(&self, name: &str) -> BTreeMap<String, Vec<u64>> {
        let file = self.open(name);
        let evolution = file.group("state_evolution").unwrap();
        let datasets = [file.datasets().unwrap(), evolution.datasets().unwrap()].concat();
        let bits = |set: &hdf5::Dataset| Some((set.name(), bits_of(set)?));
        datasets.iter().filter_map(bits).collect()
    }

    /// Draws `mask.h5`, and writes `under.h5`: the k-space of `full.h5` where the mask samples, and zero elsewhere.
    pub fn undersample(&self, draw: &str) {
        let mut kspace = self.complex("full.h5:kspace");
        let [.., rows, cols] = kspace.shape()[..] else {
            panic!("k-space of {} axes", kspace.ndim())
        };
        self.run_ok(&format!("mask --size {rows}x{cols} {draw} -o mask.h5"));
        kspace *= &self.read::<bool>("mask.h5:mask").mapv(|s| C32::from(f32::from(s)));
        self.write("under.h5:kspace", &kspace);
    }
}

fn bits_of(set: &hdf5::Dataset) -> Option<Vec<u64>> {
    use hdf5::types::{FloatSize, TypeDescriptor as T};
    let single = |v: &f32| v.to_bits().into();
    Some(match set.dtype().unwrap().to_descriptor().unwrap() {
        T::Float(FloatSize::U4) => set.read_raw::<f32>().unwrap().iter().map(single).collect(),
        T::Float(_) => set.read_raw::<f64>().unwrap().iter().map(|v| v.to_bits()).collect(),
        T::Boolean => set.read_raw::<bool>().unwrap().iter().map(|&v| v.into()).collect(),
        T::Integer(_) => set.read_raw::<i64>().unwrap().iter().map(|&v| v as u64).collect(),
        T::Compound(_) => {
            let values = set.read_raw::<C32>().unwrap();
            values.iter().flat_map(|v| [v.re, v.im]).map(|v| single(&v)).collect()
        }
        _ => return None,
    })
}

/// `‖x − x0‖² / ‖x0‖²` of complex volumes, nothing fitted.
pub fn nmse(x: &ArrayD<C32>, x0: &ArrayD<C32>) -> f64 {
    assert_eq!(x.shape(), x0.shape());
    let widen = |v: &C32| Complex::new(f64::from(v.re), f64::from(v.im));
    super::relative(&x.map(widen), &x0.map(widen)).powi(2)
}

/// `|x|`.
pub fn magnitude(x: &ArrayD<C32>) -> ArrayD<C32> {
    x.mapv(|v| v.norm().into())
}
