//! Scans of HDF5 opened and read slice by slice, by the child process of the program at `target/release/pvdamp`, or by a
//! thread of this one where it is not built. Build it anew first: both must be of the same state. `tiny` is what opening
//! costs.

use std::path::{Path, PathBuf};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ndarray::Array4;
use num_complex::Complex;
use pvdamp_io::format::{Reading, Scan, ScanOptions};

const SHAPE: [usize; 4] = [4, 16, 320, 320];

/// How k-space is stored.
#[derive(Clone, Copy)]
enum Layout {
    Contiguous,
    /// A plane of a coil in a piece.
    Pieces,
    Gzip,
    /// With a sum of bytes, which only HDF5 knows how to check.
    Checked,
}

fn written(folder: &Path, name: &str, shape: [usize; 4], layout: Layout) -> PathBuf {
    let path = folder.join(format!("{name}.h5"));
    let file = hdf5::File::create(&path).expect("a file");
    // some of the bits are noise, as in a scan
    let value = |(s, c, y, x): (usize, usize, usize, usize)| {
        let noise = |salt: usize| ((s * 7 + c * 31 + y * 1009 + x * 9176 + salt) * 2_654_435_761 % 8191) as f32;
        Complex::new(noise(0) - 4095.0, noise(977) - 4095.0)
    };
    let kspace = Array4::from_shape_fn(shape, value);
    let set = file.new_dataset::<Complex<f32>>().shape(shape);
    let piece = [1, 1, shape[2], shape[3]];
    let set = match layout {
        Layout::Contiguous => set,
        Layout::Pieces => set.chunk(piece),
        Layout::Gzip => set.chunk(piece).deflate(1),
        Layout::Checked => set.chunk(piece).fletcher32(),
    };
    let set = set.create("kspace").expect("a dataset");
    set.write(&kspace).expect("room on disk");
    path
}

fn read(path: &Path) -> f32 {
    let scan = Scan::open(path, &ScanOptions::default()).expect("a scan");
    let first = |slice| scan.read_slice(slice).expect("a slice")[[0, 0, 0]].re;
    (0..scan.slices()).map(first).sum()
}

fn reading(criterion: &mut Criterion) {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/release/pvdamp");
    let program = program.exists().then(|| vec![program.into()]);
    println!(
        "read by {}",
        if program.is_some() {
            "a child process"
        } else {
            "a thread"
        }
    );
    let usual = Reading::default();
    Reading { program, ..usual }.begin();
    let folder = tempfile::tempdir().expect("a folder");
    let mut group = criterion.benchmark_group("reading");
    let tiny = written(folder.path(), "tiny", [1, 2, 64, 64], Layout::Contiguous);
    group.bench_function("tiny", |b| b.iter(|| read(&tiny)));
    group.throughput(Throughput::Bytes((8 * SHAPE.iter().product::<usize>()) as u64));
    for (name, layout) in [
        ("contiguous", Layout::Contiguous),
        ("pieces", Layout::Pieces),
        ("gzip", Layout::Gzip),
        ("checked", Layout::Checked),
    ] {
        let path = written(folder.path(), name, SHAPE, layout);
        group.bench_function(name, |b| b.iter(|| read(&path)));
    }
}

criterion_group! {
    name = benches;
    config = support::criterion();
    targets = reading
}
criterion_main!(benches);
