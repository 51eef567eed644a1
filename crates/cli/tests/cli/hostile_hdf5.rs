//! Files of HDF5 that are damaged or made to harm: each is one sentence about that file, and reads no other.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::command::*;
use ndarray::Array4;

const DATA: i32 = 1;
const NOT_FOLLOWED: &str = "and links are not followed; --follow-links reads";

/// A small scan, accelerated.
fn scan() -> Folder {
    let folder = Folder::with_scan("--size 40x32 --coils 3 --slices 2 --seed 5");
    folder.undersample("--accel 3 --acs 14");
    folder
}

/// Changes a file, given where `mark` lies in it.
fn patch(path: &Path, mark: &[u8], change: impl FnOnce(&mut [u8])) {
    let mut bytes = std::fs::read(path).unwrap();
    let at = bytes.windows(mark.len()).position(|window| window == mark).unwrap();
    change(&mut bytes[at..]);
    std::fs::write(path, bytes).unwrap();
}

/// On this file HDF5 works for ever: the heap with its strings goes on with an object of no length.
fn endless(folder: &Folder, name: &str) {
    std::fs::copy(folder.path("under.h5"), folder.path(name)).unwrap();
    endless_text(folder, name, "ismrmrd_header");
}

fn endless_text(folder: &Folder, name: &str, dataset: &str) {
    let text: hdf5::types::VarLenUnicode = "<ismrmrdHeader/>".parse().unwrap();
    folder.write(&format!("{name}:{dataset}"), &ndarray::arr0(text));
    patch(&folder.path(name), b"GCOL", |heap| {
        let length = u64::from_le_bytes(heap[24..32].try_into().unwrap()) as usize;
        let next = 32 + length.next_multiple_of(8);
        heap[next..next + 16].fill(0);
    });
}

/// On this file HDF5 crashes: a piece of the k-space is shorter than its sum of bytes.
fn crashing(folder: &Folder, name: &str) {
    let kspace = folder.complex("under.h5:kspace");
    let mut options = hdf5::File::with_options();
    options.fapl().libver_earliest();
    let file = options.create(folder.path(name)).unwrap();
    let pieces = [1, 3, 20, 16];
    let set = file
        .new_dataset::<C32>()
        .shape(kspace.shape())
        .chunk(pieces)
        .fletcher32();
    set.create("kspace").unwrap().write(&kspace).unwrap();
    drop((set, file));
    let stored = (8 * pieces.iter().product::<usize>() + 4) as u32;
    patch(&folder.path(name), b"TREE\x01", |tree| {
        let mark = stored.to_le_bytes();
        let at = tree.windows(4).position(|window| window == mark).unwrap();
        tree[at..at + 4].fill(0);
    });
}

#[test]
fn a_file_that_breaks_hdf5_is_one_error() {
    let folder = scan();
    endless(&folder, "endless.h5");
    crashing(&folder, "crashing.h5");
    let cases = [
        ("crashing.h5", "HDF5 crashed on it", "recon crashing.h5 -o out.h5"),
        ("crashing.h5", "HDF5 crashed on it", "maps crashing.h5 -o out.h5"),
        ("crashing.h5", "HDF5 crashed on it", "convert crashing.h5 out.npy"),
        (
            "endless.h5",
            "HDF5 worked on it for too long",
            "recon endless.h5 -o out.h5",
        ),
        ("endless.h5", "HDF5 worked on it for too long", "info endless.h5"),
    ];
    for (name, problem, words) in cases {
        folder.refused(words, DATA, &[name, problem, "copy or download it again"]);
    }
}

#[test]
fn a_batch_goes_on_after_files_that_break_hdf5() {
    let folder = scan();
    std::fs::create_dir(folder.path("in")).unwrap();
    for good in ["b", "d", "z"] {
        std::fs::copy(folder.path("under.h5"), folder.path(&format!("in/{good}.h5"))).unwrap();
    }
    endless(&folder, "in/c.h5");
    crashing(&folder, "in/a.h5");
    let output = folder.run("batch in -o out --iterations 3");
    assert_eq!(output.code, Some(3), "{}", output.err);
    for (name, problem) in [
        ("a.h5", "HDF5 crashed on it"),
        ("c.h5", "HDF5 worked on it for too long"),
    ] {
        let told = output
            .err
            .lines()
            .any(|line| line.contains(name) && line.contains(problem));
        assert!(told, "{}", output.err);
    }
    for good in ["b", "d", "z"] {
        assert_eq!(folder.shape(&format!("out/{good}.h5:reconstruction")), [2, 40, 32]);
    }
    let failed = ["a", "c"].map(|name| folder.path(&format!("out/{name}.h5")).exists());
    assert_eq!(failed, [false, false]);
}

/// Stopped while HDF5 works for ever, at once.
#[test]
#[cfg(unix)]
fn an_interrupt_is_obeyed_while_hdf5_hangs() {
    let folder = scan();
    endless(&folder, "endless.h5");
    let mut run = Command::new(env!("CARGO_BIN_EXE_pvdamp"));
    let run = run
        .args(["batch", "endless.h5", "-o", "out"])
        .current_dir(folder.path(""));
    let run = run.stderr(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(1500));
    let began = Instant::now();
    let id = run.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    let output = ProgramOutput::new(&run.wait_with_output().unwrap());
    assert_eq!(output.code, Some(130), "{}", output.err);
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
}

/// Whoever reads for the program does not outlive it, even where HDF5 works for ever.
#[test]
#[cfg(target_os = "linux")]
fn the_reader_ends_with_the_program() {
    let folder = scan();
    endless(&folder, "endless.h5");
    let mut run = Command::new(env!("CARGO_BIN_EXE_pvdamp"));
    let run = run.args(["info", "endless.h5"]).current_dir(folder.path(""));
    let mut run = run.stderr(Stdio::null()).spawn().unwrap();
    let wait = |until: &dyn Fn() -> bool| {
        let began = Instant::now();
        while !until() && began.elapsed() < Duration::from_secs(3) {
            std::thread::sleep(Duration::from_millis(10));
        }
        until()
    };
    let id = run.id();
    let readers = || std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
    assert!(wait(&|| !readers().trim().is_empty()));
    let reader = readers().trim().to_string();
    run.kill().unwrap();
    run.wait().unwrap();
    // gone, or waiting for the machine to notice
    let state = || std::fs::read_to_string(format!("/proc/{reader}/stat")).unwrap_or_default();
    assert!(wait(&|| state().is_empty() || state().contains(") Z ")), "{}", state());
}

#[test]
fn no_other_file_is_read() {
    let folder = scan();
    std::fs::create_dir(folder.path("elsewhere")).unwrap();
    let kspace = folder.complex("under.h5:kspace");
    let bytes: Vec<u8> = kspace
        .iter()
        .flat_map(|v| [v.re.to_le_bytes(), v.im.to_le_bytes()])
        .flatten()
        .collect();
    std::fs::write(folder.path("values"), &bytes).unwrap();
    let new = |name: &str| hdf5::File::create(folder.path(name)).unwrap();
    new("link.h5").link_external("under.h5", "kspace", "kspace").unwrap();
    new("elsewhere/far.h5")
        .link_external("../under.h5", "kspace", "kspace")
        .unwrap();
    new("gone.h5").link_external("gone-too.h5", "kspace", "kspace").unwrap();
    let external = |name: &str, values: &str| {
        let set = new(name)
            .new_dataset::<C32>()
            .shape(kspace.shape())
            .external(values, 0, bytes.len());
        set.create("kspace").unwrap();
    };
    external("raw.h5", "values");
    external("raw-gone.h5", "no-values");
    let made_up = |name: &str, source: &str| {
        let shape = kspace.shape();
        let set = new(name).new_dataset::<C32>().shape(shape);
        let set = set.virtual_map(source, "kspace", shape, .., shape, ..);
        set.create("kspace").unwrap();
    };
    made_up("virtual.h5", "under.h5");
    made_up("virtual-gone.h5", "no.h5");
    // a slice each of two files, as h5py writes them
    let halves = |name: &str, first: &str| {
        let [slices, coils, rows, cols] = kspace.shape()[..] else {
            unreachable!()
        };
        let whole = (slices, coils, rows, cols);
        let mut set = new(name).new_dataset::<C32>().shape(whole);
        for (slice, source) in [first, "under.h5"].into_iter().enumerate() {
            set = set.virtual_map(source, "kspace", whole, (slice, .., .., ..), whole, (slice, .., .., ..));
        }
        set.create("kspace").unwrap();
    };
    halves("halves.h5", "copy.h5");
    std::fs::copy(folder.path("under.h5"), folder.path("copy.h5")).unwrap();
    external("raw-short.h5", "few-values");
    std::fs::write(folder.path("few-values"), &bytes[..bytes.len() - 1]).unwrap();
    new("soft.h5").link_external("under.h5", "kspace", "there").unwrap();
    folder.append("soft.h5").link_soft("there", "kspace").unwrap();
    new("chain.h5").link_external("link.h5", "kspace", "kspace").unwrap();
    for name in [
        "link.h5",
        "elsewhere/far.h5",
        "gone.h5",
        "raw.h5",
        "raw-gone.h5",
        "virtual.h5",
        "virtual-gone.h5",
        "soft.h5",
        "chain.h5",
        "halves.h5",
    ] {
        for command in ["recon", "convert"] {
            let output = if command == "recon" { "-o out.h5" } else { "out.npy" };
            folder.refused(&format!("{command} {name} {output}"), DATA, &[name, NOT_FOLLOWED]);
        }
    }
    // asked for, those in its own folder are read
    folder.run_ok("recon under.h5 -o plain.h5 --iterations 3");
    let plain = folder.complex("plain.h5:image");
    for name in ["link.h5", "soft.h5", "chain.h5", "raw.h5", "virtual.h5", "halves.h5"] {
        folder.run_ok(&format!("recon {name} -o {name}.out --follow-links --iterations 3"));
        assert_eq!(folder.complex(&format!("{name}.out:image")), plain, "{name}");
    }
    for (name, problem) in [
        ("elsewhere/far.h5", "outside the folder"),
        ("gone.h5", "not there"),
        ("raw-gone.h5", "not there"),
        ("virtual-gone.h5", "not there"),
        ("raw-short.h5", "shorter"),
    ] {
        folder.refused(
            &format!("recon {name} -o out.h5 --follow-links"),
            DATA,
            &[name, problem],
        );
    }
    // and are inputs then
    let input = "is an input of this run";
    folder.refused("recon link.h5 -o under.h5 --follow-links", DATA, &["under.h5", input]);
    folder.refused("recon raw.h5 -o values --follow-links", DATA, &["values", input]);
    folder.refused("recon chain.h5 -o link.h5 --follow-links", DATA, &["link.h5", input]);
    folder.refused("convert halves.h5 copy.h5 --follow-links", DATA, &["copy.h5", input]);
    folder.run_ok("batch link.h5 -o batched --follow-links --iterations 3");
    let manifest = std::fs::read_to_string(folder.path("batched/batch.json")).unwrap();
    assert!(manifest.contains("under.h5"), "{manifest}");
}

/// A symbolic link inside the folder leads out of it.
#[test]
#[cfg(unix)]
fn a_link_out_of_the_folder_is_not_followed() {
    let folder = scan();
    std::fs::create_dir(folder.path("own")).unwrap();
    std::os::unix::fs::symlink(folder.path("under.h5"), folder.path("own/there.h5")).unwrap();
    let file = hdf5::File::create(folder.path("own/link.h5")).unwrap();
    file.link_external("there.h5", "kspace", "kspace").unwrap();
    drop(file);
    folder.refused(
        "recon own/link.h5 -o out.h5 --follow-links",
        DATA,
        &["link.h5", "outside the folder"],
    );
}

/// A link to a pipe, which would be waited for.
#[test]
#[cfg(unix)]
fn a_link_to_a_pipe_is_not_opened() {
    let folder = scan();
    let made = Command::new("mkfifo").arg(folder.path("pipe.h5")).status();
    assert!(made.unwrap().success());
    let file = hdf5::File::create(folder.path("link.h5")).unwrap();
    file.link_external("pipe.h5", "kspace", "kspace").unwrap();
    drop(file);
    let began = Instant::now();
    let output = folder.run("convert link.h5 out.npy --follow-links");
    assert_eq!(output.code, Some(DATA), "{}", output.err);
    assert!(output.err.contains("pipe.h5, which is not there"), "{}", output.err);
    assert!(began.elapsed() < Duration::from_secs(5));
}

/// What a lost reader cannot tell is not taken for what is not there.
#[test]
fn images_with_damaged_attributes_are_refused() {
    let folder = scan();
    folder.run_ok("recon under.h5 -o image.h5 --iterations 2");
    endless_text(&folder, "image.h5", "ismrmrd_header");
    folder.refused(
        "convert image.h5 other.h5",
        DATA,
        &["image.h5", "HDF5 worked on it for too long"],
    );
    folder.refused("recon under.h5 --maps image.h5:image -o out.h5", DATA, &["image.h5"]);
}

#[test]
fn what_a_file_claims_is_not_taken_from_the_memory() {
    let folder = scan();
    // the length of the text that is stored in the dataset itself
    let text = "<ismrmrdHeader>".to_string() + &" ".repeat(777) + "</ismrmrdHeader>";
    let value: hdf5::types::VarLenUnicode = text.parse().unwrap();
    folder.write("under.h5:ismrmrd_header", &ndarray::arr0(value));
    std::fs::copy(folder.path("under.h5"), folder.path("long.h5")).unwrap();
    let length = (text.len() as u32).to_le_bytes();
    patch(&folder.path("long.h5"), &length, |bytes| bytes[..4].fill(0xff));
    let output = folder.run_ok("info long.h5");
    assert!(output.err.contains("ismrmrd_header is not used"), "{}", output.err);
    let large = Array4::<C32>::zeros((1, 2, 300, 300));
    folder.write("large.h5:kspace", &large);
    let problem = ["large.h5", "needs about", "raise --memory"];
    folder.refused("recon large.h5 -o out.h5 --memory 4M", DATA, &problem);
    folder.refused(
        "convert large.h5 out.npy --memory 1M",
        DATA,
        &["large.h5", "kspace", "of memory"],
    );
}

/// HDF5 would take drivers and plugins from its environment.
#[test]
fn the_environment_of_hdf5_does_not_count() {
    let folder = scan();
    folder.run_ok("recon under.h5 -o plain.h5 --iterations 2");
    for (name, value) in [
        ("HDF5_DRIVER", "none"),
        ("HDF5_VOL_CONNECTOR", "none"),
        ("HDF5_PLUGIN_PATH", "."),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pvdamp"));
        let words = ["recon", "under.h5", "-o", "out.h5", "--iterations", "2"];
        let command = command.env(name, value).args(words).current_dir(folder.path(""));
        let output = ProgramOutput::new(&command.output().unwrap());
        assert_eq!(output.code, Some(0), "{name}\n{}", output.err);
        assert_eq!(folder.complex("out.h5:image"), folder.complex("plain.h5:image"));
    }
}
