//! A target for each parser of the program: whatever the bytes are, it must come back in time, in little memory, and
//! without a panic. What is read of a file of HDF5 is not here: it is tested through the program.

mod mutate;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use pvdamp::array::Grid;
use pvdamp::sampling::Family;
use pvdamp::solve::Method;
use pvdamp::wavelet::Wavelet;
use pvdamp_cli::batch::{BatchFolder, Journal, Shard};
use pvdamp_cli::compare::{Machine, Store};
use pvdamp_cli::report::{BatchPictures, batch_page};
use pvdamp_io::error::Place;
use pvdamp_io::format::{
    Axes, Header, Images, KspaceOrder, MapsOf, Role, Scan, ScanOptions, holds_images, read_covariance, read_list,
    read_maps, read_mask, read_noise, read_probability, read_table, read_volume,
};

pub use mutate::mutate;

/// A parser, and what it is given.
pub struct Target {
    /// That of its folder in `corpus/`.
    pub name: &'static str,
    pub run: fn(&[u8]),
}

pub static TARGETS: &[Target] = &[
    target("npy", npy),
    target("npz", npz),
    target("cfl", cfl),
    target("header", header),
    target("words", words),
    target("batch-journal", batch_journal),
    target("bench-journal", bench_journal),
    target("manifest", manifest),
];

const fn target(name: &'static str, run: fn(&[u8])) -> Target {
    Target { name, run }
}

/// An array of NumPy.
pub fn npy(input: &[u8]) {
    arrays(&written("input.npy", input));
}

/// An archive of NumPy.
pub fn npz(input: &[u8]) {
    arrays(&written("input.npz", input));
}

/// BART's pair: the header up to the first zero byte, then the values.
pub fn cfl(input: &[u8]) {
    let end = input.iter().position(|&byte| byte == 0).unwrap_or(input.len());
    let (header, values) = input.split_at(end);
    written("input.hdr", header);
    arrays(&written("input.cfl", values.get(1..).unwrap_or_default()));
}

/// The header of ISMRMRD.
pub fn header(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    for encoding in [0, 1] {
        if let Ok(header) = Header::parse_encoding(&text, encoding) {
            header.readout_oversampling();
            // what is kept of it is a header again
            Header::parse(&header.xml).expect("a header");
        }
    }
}

/// Words of the command line: axes, names of masks, wavelets and methods, shards, and datasets in files. Axes may come from
/// a file as well.
pub fn words(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    if let Ok(axes) = text.parse::<Axes>() {
        assert_eq!(axes.to_string().parse(), Ok(axes));
    }
    if let Ok(shard) = text.parse::<Shard>() {
        assert!((1..=shard.count).contains(&shard.index));
    }
    Family::find(&text);
    Wavelet::find(&text);
    Method::find(&text);
    let Ok(place) = text.parse::<Place>();
    assert!(place.file.as_os_str().len() <= text.len());
}

/// The journal of a batch.
pub fn batch_journal(input: &[u8]) {
    written("out/.pvdamp/journal.jsonl", input);
    written("out/.pvdamp/journal-1-of-2.jsonl", input);
    let journal = Journal::open(&folder().join("out"), None).expect("a journal of this process");
    assert!(journal.ended_runs.iter().all(|word| !word.contains(['/', '.'])));
}

/// The journal of a bench, behind the first line that a run on this machine writes. No line may remove what is not the
/// bench's.
pub fn bench_journal(input: &[u8]) {
    let (machine, journal) = (Machine::default(), folder().join("out/journal.jsonl"));
    let open = || Store::open(&folder().join("out"), &machine, &[]).expect("a journal");
    let _ = std::fs::remove_file(&journal);
    open();
    let first = std::fs::read(&journal).expect("a journal");
    written("out/journal.jsonl", &[&first, input].concat());
    let others = [written("other", b""), written("out/kept", b"")];
    let (store, aside) = open();
    assert!(aside.is_none() && store.runs.is_empty());
    others.iter().for_each(|other| assert!(other.exists()));
}

/// `batch.json` and, behind a zero byte, `batch.jsonl`, as a report reads them.
pub fn manifest(input: &[u8]) {
    let end = input.iter().position(|&byte| byte == 0).unwrap_or(input.len());
    let (manifest, lines) = input.split_at(end);
    written("out/batch.json", manifest);
    written("out/batch.jsonl", lines.get(1..).unwrap_or_default());
    let Ok(batch) = BatchFolder::open(&folder().join("out")) else {
        return;
    };
    let inside = |file: &PathBuf| file.starts_with(folder()) && file.components().all(|part| part.as_os_str() != "..");
    assert!(batch.files().iter().all(inside), "{:?}", batch.files());
    let pictures = BatchPictures::new(&batch.manifest, &batch.slices);
    let _ = batch_page(&batch.manifest, &batch.slices, &pictures, &batch.notes);
}

/// Everything that an array in a file may be taken for.
fn arrays(path: &Path) {
    const GRID: Grid = Grid::new(4, 3);
    let place = Place::from(path);
    let scan = |axes: Option<&str>| {
        let options = ScanOptions {
            axes: axes.map(|axes| axes.parse().expect("axes")),
            ..ScanOptions::default()
        };
        let _ = Scan::outline(path, &options);
        if let Ok(scan) = Scan::open(path, &options) {
            for slice in [0, scan.slices() - 1] {
                let _ = scan.read_slice(slice);
                let _ = scan.read_reference(slice);
            }
            scan.crop_size();
        }
    };
    scan(None);
    scan(Some("coil,kx,ky,kz"));
    holds_images(&place);
    if let Ok(images) = Images::open(&place) {
        images.series();
        let _ = images.read(0);
    }
    let order = KspaceOrder {
        columns_first: true,
        by_matlab: false,
    };
    let of = MapsOf {
        slices: 2,
        places: 1,
        coils: 2,
        grid: GRID,
        order,
    };
    if let Ok(maps) = read_maps(&place, of) {
        let _ = maps.slice(1, 0);
    }
    let _ = read_mask(&place, GRID, order);
    let _ = read_probability(&place, GRID, order);
    let _ = read_covariance(&place, 2);
    let _ = read_noise(&place, 2);
    let _ = read_volume(&place, Role::Target);
    let _ = read_list(&Place::new(path, "list"));
    let _ = read_table(&Place::new(path, "list"));
}

/// A folder of this process.
fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = std::env::temp_dir().join(format!("pvdamp-fuzz-{}", std::process::id()));
        for part in ["", "out", "out/.pvdamp"] {
            std::fs::create_dir_all(folder.join(part)).expect("a folder");
        }
        folder
    })
}

fn written(name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder().join(name);
    std::fs::write(&path, bytes).expect("a file");
    path
}

/// Removes what the targets wrote.
pub fn clean() {
    let _ = std::fs::remove_dir_all(folder());
}
