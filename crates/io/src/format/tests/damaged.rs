//! Valid files cut short or with a bit turned: an error or data, never a panic.

use hdf5::types::VarLenUnicode;
use ndarray::{Array1, arr0};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{HEADER, file, kspace, put, read_all};

/// A small file with everything a scan can have; k-space compressed or not.
fn valid(gzip: bool) -> Vec<u8> {
    let (_folder, path) = file(|f| {
        let kspace = kspace();
        let builder = f.new_dataset_builder().with_data(kspace.view());
        if gzip {
            builder.chunk([1, 1, 12, 10]).deflate(4).create("kspace")
        } else {
            builder.create("kspace")
        }?;
        put(f, "mask", &Array1::from_elem(10, true))?;
        put(f, "ismrmrd_header", &arr0(HEADER.parse::<VarLenUnicode>().unwrap()))?;
        put(f, "reconstruction_rss", &ndarray::Array3::<f32>::ones((3, 6, 6)))?;
        f.new_attr::<f64>().create("max")?.write_scalar(&1.5)
    });
    std::fs::read(path).unwrap()
}

#[test]
fn truncation_is_noticed() {
    for gzip in [false, true] {
        let bytes = valid(gzip);
        assert!(read_all(&bytes));
        for part in 0..20 {
            assert!(
                !read_all(&bytes[..bytes.len() * part / 20]),
                "{part}/20 of the file were read as all of it"
            );
        }
    }
}

#[test]
fn flipped_bits_do_no_harm() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for gzip in [false, true] {
        let bytes = valid(gzip);
        for _ in 0..100 {
            let mut turned = bytes.clone();
            let at = rng.random_range(0..turned.len());
            turned[at] ^= 1 << rng.random_range(0..8);
            read_all(&turned);
        }
    }
}
