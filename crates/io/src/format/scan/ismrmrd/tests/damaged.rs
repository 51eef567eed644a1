//! Valid files cut short or with a bit turned: an error or data, never a panic.

use super::*;
use crate::format::tests::read_all;

fn valid() -> Vec<u8> {
    let (_folder, path) = plain().write();
    std::fs::read(path).unwrap()
}

#[test]
fn truncation_is_noticed() {
    let bytes = valid();
    assert!(read_all(&bytes));
    for part in 0..20 {
        assert!(
            !read_all(&bytes[..bytes.len() * part / 20]),
            "{part}/20 of the file were read as all of it"
        );
    }
}

#[test]
fn flipped_bits_do_no_harm() {
    let mut rng = random(1);
    let bytes = valid();
    for _ in 0..300 {
        let mut turned = bytes.clone();
        let at = rng.random_range(0..turned.len());
        turned[at] ^= 1 << rng.random_range(0..8);
        read_all(&turned);
    }
}

/// The lengths and addresses of samples, which lie in the rows of the table.
#[test]
fn wrong_lengths_and_addresses_do_no_harm() {
    let bytes = valid();
    let length = (2u32 * 3 * 8).to_le_bytes();
    // behind it the address of the heap that holds the samples
    let points = |at: usize| {
        let address = u64::from_le_bytes(bytes[at + 4..at + 12].try_into().unwrap());
        usize::try_from(address).is_ok_and(|address| bytes.get(address..).is_some_and(|heap| heap.starts_with(b"GCOL")))
    };
    let places = (0..=bytes.len() - 16).filter(|&at| bytes[at..at + 4] == length && points(at));
    let lengths: Vec<usize> = places.collect();
    assert_eq!(lengths.len(), 6);
    for at in lengths {
        for (offset, value) in [
            (0, 0),
            (0, 1),
            (0, u32::MAX),
            (0, 1 << 20),
            (4, 0),
            (4, 1 << 30),
            (12, 0),
            (12, 1 << 20),
        ] {
            let mut wrong = bytes.clone();
            wrong[at + offset..at + offset + 4].copy_from_slice(&u32::to_le_bytes(value));
            let refused = !read_all(&wrong);
            assert!(refused || offset == 12, "{value} at {at} + {offset} was read");
        }
    }
}
