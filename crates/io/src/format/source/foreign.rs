//! Files that hold no array that can be read here, told by their first bytes: what they are, and what to do.

use std::io::Read;
use std::path::Path;

use super::super::regular_file::open_regular;
use crate::error::Error;

/// Bytes at the beginning that tell what a file is.
const START: u64 = 1100;

const HDF5: &[u8] = b"\x89HDF\r\n\x1a\n";
/// Where HDF5 may begin, of those within [`START`].
const HDF5_AT: [usize; 3] = [0, 512, 1024];

const CONVERTERS: &str = "ISMRMRD raw data, NumPy, BART or fastMRI's HDF5 are read";

/// A kind of file.
struct Foreign {
    /// "is ...".
    is: &'static str,
    mend: &'static str,
    /// Whether a file that begins with these bytes is of this kind; the path may help.
    recognise: fn(&[u8], &Path) -> bool,
}

/// Every kind that is told, the first that recognises a file.
const KINDS: &[Foreign] = &[
    Foreign {
        is: "a Git LFS pointer, not the file that it stands for",
        mend: "fetch the file with git lfs pull",
        recognise: |start, _| start.starts_with(b"version https://git-lfs"),
    },
    Foreign {
        is: "a git-annex pointer, not the file that it stands for",
        mend: "fetch the file with git annex get",
        recognise: |start, _| start.starts_with(b"/annex/objects/") || start.starts_with(b"../.git/annex"),
    },
    Foreign {
        is: "a MATLAB file of before version 7.3",
        mend: "save it as HDF5 in MATLAB: save('scan.mat', 'kspace', '-v7.3'); or with scipy.io.loadmat and numpy.save",
        recognise: |start, _| {
            start.starts_with(b"MATLAB 5.0 MAT-file") || start.starts_with(b"MATLAB 7.0") || is_level_5(start)
        },
    },
    Foreign {
        is: "Siemens raw data (twix)",
        mend: "convert it with siemens_to_ismrmrd",
        recognise: |start, _| is_twix(start),
    },
    Foreign {
        is: "GE raw data (P-file)",
        mend: "convert it with ge_to_ismrmrd",
        recognise: |start, _| {
            let logo = start.get(34..44).unwrap_or_default();
            logo.starts_with(b"GE_MED_NMR") || logo.starts_with(b"INVALIDNMR")
        },
    },
    Foreign {
        is: "Philips raw data",
        mend: "convert it with philips_to_ismrmrd",
        recognise: |start, path| {
            start.starts_with(b"# === DATA DESCRIPTION FILE")
                || has_beside(path, &["raw"], &["lab", "sin"])
                || has_beside(path, &["lab", "sin"], &["raw"])
                || has_beside(path, &["data"], &["list"])
        },
    },
    Foreign {
        is: "raw data of Bruker (ParaVision)",
        mend: "convert it with bruker_to_ismrmrd",
        recognise: |start, path| {
            let named = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let raw = named == "fid" || named == "ser" || named.starts_with("rawdata.job");
            start.starts_with(b"##TITLE=") || raw && path.with_file_name("acqp").exists()
        },
    },
    Foreign {
        is: "raw data of Varian or Agilent (fid)",
        mend: CONVERTERS,
        recognise: |_, path| path.file_name().is_some_and(|n| n == "fid") && path.with_file_name("procpar").exists(),
    },
    Foreign {
        is: "an MRD stream of version 2",
        mend: "convert it to ISMRMRD's HDF5: mrd_to_ismrmrd, then ismrmrd_stream_to_hdf5",
        recognise: |start, _| {
            start.starts_with(b"yardl") || start.starts_with(b"{\"yardl\"") || start.starts_with(b"{ \"yardl\"")
        },
    },
    Foreign {
        is: "an ISMRMRD (MRD) stream of version 1",
        mend: "write it as HDF5 with ismrmrd_stream_to_hdf5, or receive it with an MRD server that saves it",
        recognise: |start, _| is_mrd_stream(start),
    },
    Foreign {
        is: "a DICOM image",
        mend: "give raw data: images hold no k-space",
        recognise: |start, _| start.get(128..132) == Some(b"DICM"),
    },
    Foreign {
        is: "a NIfTI image",
        mend: "give raw data, or images as HDF5 or NumPy",
        recognise: |start, _| {
            let magic = start.get(344..348).unwrap_or_default();
            magic == b"n+1\0" || magic == b"ni1\0" || start.get(4..7) == Some(b"n+2")
        },
    },
    Foreign {
        is: "compressed by gzip",
        mend: "unpack it first (gunzip)",
        recognise: |start, _| start.starts_with(b"\x1f\x8b"),
    },
    Foreign {
        is: "compressed by bzip2",
        mend: "unpack it first (bunzip2)",
        recognise: |start, _| start.starts_with(b"BZh"),
    },
    Foreign {
        is: "compressed by xz",
        mend: "unpack it first (unxz)",
        recognise: |start, _| start.starts_with(b"\xfd7zXZ\0"),
    },
    Foreign {
        is: "compressed by Zstandard",
        mend: "unpack it first (unzstd)",
        recognise: |start, _| start.starts_with(b"\x28\xb5\x2f\xfd"),
    },
    Foreign {
        is: "a 7z archive",
        mend: "unpack it first",
        recognise: |start, _| start.starts_with(b"7z\xbc\xaf\x27\x1c"),
    },
    Foreign {
        is: "a tar archive",
        mend: "unpack it first (tar xf)",
        recognise: |start, _| start.get(257..262) == Some(b"ustar"),
    },
    Foreign {
        is: "a Python pickle, as torch and pickle write them",
        mend: "save the array with numpy.save",
        recognise: |start, _| matches!(start, [0x80, 2..=5, b'c' | b'}' | b']' | b'(' | b'\x8a' | b'\x95', ..]),
    },
    Foreign {
        is: "a picture",
        mend: "give raw data: pictures hold no k-space",
        recognise: |start, _| {
            start.starts_with(b"\x89PNG") || start.starts_with(b"\xff\xd8\xff") || start.starts_with(b"%PDF")
        },
    },
    Foreign {
        is: "an MRtrix image",
        mend: "give raw data, or images as HDF5 or NumPy",
        recognise: |start, _| start.starts_with(b"mrtrix image"),
    },
    Foreign {
        is: "a web page: the download went wrong",
        mend: "download it again, logged in where that is asked for",
        recognise: |start, _| {
            let text = String::from_utf8_lossy(start).trim_start().to_ascii_lowercase();
            text.starts_with("<!doctype html") || text.starts_with("<html")
        },
    },
    Foreign {
        is: "an ISMRMRD header alone (XML), without acquisitions",
        mend: "give the HDF5 file that holds the acquisitions too",
        recognise: |start, _| {
            let text = String::from_utf8_lossy(start);
            text.trim_start_matches('\u{feff}').trim_start().starts_with('<') && text.contains("ismrmrdHeader")
        },
    },
];

/// The error of a file that is known to be something else; `None` of HDF5 and of what nobody knows.
pub(super) fn told(path: &Path) -> Option<Error> {
    let mut start = Vec::new();
    open_regular(path).ok()?.take(START).read_to_end(&mut start).ok()?;
    if start.is_empty() || HDF5_AT.iter().any(|&at| start.get(at..at + HDF5.len()) == Some(HDF5)) {
        return None;
    }
    let kind = KINDS.iter().find(|kind| (kind.recognise)(&start, path))?;
    Some(Error::data(path, format!("is {}", kind.is), kind.mend))
}

/// Whether a file with one of these extensions has one of those beside it.
fn has_beside(path: &Path, extensions: &[&str], beside: &[&str]) -> bool {
    let extension = path
        .extension()
        .and_then(|e| e.to_str())
        .unwrap_or_default()
        .to_ascii_lowercase();
    extensions.contains(&extension.as_str()) && beside.iter().any(|other| path.with_extension(other).exists())
}

fn number(start: &[u8], at: usize) -> u32 {
    let bytes = start.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
    bytes.map_or(u32::MAX, u32::from_le_bytes)
}

/// A MATLAB file whose text somebody changed: version 1.0 and the mark of the byte order behind it.
fn is_level_5(start: &[u8]) -> bool {
    let version = start.get(124..128);
    version == Some(b"\x00\x01IM") || version == Some(b"\x01\x00MI")
}

/// VB: the length of the header, the number of its parts and the name of the first. VD and VE: 0, the number of
/// measurements, and of the first its place, behind 10240 bytes.
fn is_twix(start: &[u8]) -> bool {
    let (first, second) = (number(start, 0), number(start, 4));
    let named = |name: &[u8]| start.get(8..8 + name.len()) == Some(name);
    let of_vb = (32..1 << 28).contains(&first) && (1..32).contains(&second);
    let parts: [&[u8]; 5] = [b"Config", b"Dicom", b"Meas", b"Phoenix", b"Spice"];
    let of_vd = first < 10_000 && (1..=64).contains(&second) && number(start, 16) == 10_240 && number(start, 20) == 0;
    of_vb && parts.iter().any(|name| named(name)) || of_vd
}

/// Messages begin with their number: 1 names a configuration in 1024 bytes, 2 has its text, 3 the header.
fn is_mrd_stream(start: &[u8]) -> bool {
    let text = |at: usize| start.get(at).is_some_and(|&byte| byte == b'<');
    match start {
        [1, 0, name, ..] => name.is_ascii_graphic() && start.get(1024..1026).is_some_and(|end| end == [0, 0]),
        [2 | 3, 0, ..] => text(6),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(name: &str, bytes: &[u8], beside: &[&str]) -> Option<String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        for other in beside {
            std::fs::write(folder.path().join(other), "x").unwrap();
        }
        std::fs::write(&path, bytes).unwrap();
        let message = told(&path)?.to_string();
        Some(message.replace(&folder.path().display().to_string(), ""))
    }

    fn at(position: usize, bytes: &[u8]) -> Vec<u8> {
        let mut all = vec![0; position];
        all.extend(bytes);
        all.resize(1200, 0);
        all
    }

    #[test]
    fn each_kind_has_its_sentence() {
        let level_5 = at(124, b"\x00\x01IM");
        let vd = {
            let mut bytes = vec![0; 10_240];
            bytes[4] = 2;
            bytes[16..20].copy_from_slice(&10_240_u32.to_le_bytes());
            bytes
        };
        let mut vb = vec![0; 1200];
        vb[..8].copy_from_slice(&[0x80, 0x3a, 1, 0, 5, 0, 0, 0]);
        vb[8..15].copy_from_slice(b"Config\0");
        let stream = b"\x03\x00\x20\x00\x00\x00<?xml version=\"1.0\"?>".to_vec();
        let mut named = vec![0; 1030];
        named[0] = 1;
        named[2..13].copy_from_slice(b"default.xml");
        let html = b"\n<!DOCTYPE HTML><html>";
        for (name, bytes, words) in [
            ("a.mat", b"MATLAB 5.0 MAT-file, Platform: GLNXA64".to_vec(), "-v7.3"),
            ("b.mat", level_5, "-v7.3"),
            (
                "a.h5",
                b"version https://git-lfs.github.com/spec/v1\noid".to_vec(),
                "git lfs pull",
            ),
            ("b.h5", b"/annex/objects/SHA256E-s1--0.h5".to_vec(), "git annex get"),
            ("meas.dat", vd, "siemens_to_ismrmrd"),
            ("meas_vb.dat", vb, "siemens_to_ismrmrd"),
            ("P01024.7", at(34, b"GE_MED_NMR"), "ge_to_ismrmrd"),
            (
                "scan.list",
                b"# === DATA DESCRIPTION FILE ====".to_vec(),
                "philips_to_ismrmrd",
            ),
            ("method", b"##TITLE=Parameter List".to_vec(), "bruker_to_ismrmrd"),
            ("a.mrd", stream, "ismrmrd_stream_to_hdf5"),
            ("b.mrd", named, "ismrmrd_stream_to_hdf5"),
            ("c.mrd", b"yardl\x01\x00\x00".to_vec(), "version 2"),
            ("d.mrd", b"{\"yardl\":{\"version\":1}}".to_vec(), "version 2"),
            ("a.dcm", at(128, b"DICM"), "DICOM"),
            ("a.nii", at(344, b"n+1\0"), "NIfTI"),
            ("a.npy.gz", b"\x1f\x8b\x08\x00".to_vec(), "gunzip"),
            ("a.tar", at(257, b"ustar"), "tar archive"),
            ("a.pkl", b"\x80\x04\x95\x00".to_vec(), "numpy.save"),
            ("a.png", b"\x89PNG\r\n".to_vec(), "picture"),
            ("scan.h5", html.to_vec(), "web page"),
            (
                "a.xml",
                b"<?xml version='1.0'?><ismrmrdHeader>".to_vec(),
                "header alone",
            ),
        ] {
            let said = said(name, &bytes, &[]).unwrap_or_else(|| panic!("{name} is not told"));
            assert!(
                said.contains(words) && said.starts_with(&format!("/{name}: is ")),
                "{said}"
            );
        }
    }

    #[test]
    fn files_beside_it_tell_too() {
        assert!(
            said("scan.raw", b"\x01\x02", &["scan.lab"])
                .unwrap()
                .contains("Philips")
        );
        assert!(
            said("scan.data", b"\x01\x02", &["scan.list"])
                .unwrap()
                .contains("Philips")
        );
        assert!(said("fid", b"\x01\x02", &["acqp"]).unwrap().contains("Bruker"));
        assert!(said("rawdata.job0", b"\x01\x02", &["acqp"]).unwrap().contains("Bruker"));
        assert!(said("fid", b"\x01\x02", &["procpar"]).unwrap().contains("Varian"));
    }

    #[test]
    fn what_is_hdf5_or_unknown_is_not_told() {
        let matlab = {
            let mut bytes = b"MATLAB 7.3 MAT-file".to_vec();
            bytes.resize(512, b' ');
            bytes.extend(HDF5);
            bytes
        };
        for bytes in [HDF5.to_vec(), matlab, Vec::new(), b"k-space".to_vec(), at(1024, HDF5)] {
            assert_eq!(said("scan.h5", &bytes, &[]), None, "{bytes:?}");
        }
    }
}
