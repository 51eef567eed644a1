//! Changes of a few bytes, as a bad disk, a broken transfer or an enemy makes them.

use std::ops::Range;

use rand::{Rng, RngExt};

use super::sound::Sound;

/// What blocks of HDF5 with checksums begin with.
const SIGNATURES: &[&[u8]] = &[
    b"\x89HDF\r\n\x1a\n",
    b"OHDR",
    b"OCHK",
    b"FRHP",
    b"FHDB",
    b"FHIB",
    b"FSHD",
    b"FSSE",
    b"BTHD",
    b"BTLF",
    b"BTIN",
    b"EAHD",
    b"EAIB",
    b"EASB",
    b"EADB",
    b"FAHD",
    b"FADB",
    b"SMTB",
    b"SMLI",
];
/// No block of these small files is longer.
const LONGEST_BLOCK: usize = 4096;

/// The parts of a file that end in front of their checksum.
pub fn checked(bytes: &[u8]) -> Vec<Range<usize>> {
    let begins = |&at: &usize| SIGNATURES.iter().any(|signature| bytes[at..].starts_with(signature));
    let starts = (0..bytes.len()).filter(begins);
    let block = |start: usize| {
        let last = bytes.len().saturating_sub(4).min(start + LONGEST_BLOCK);
        let fits = |&end: &usize| bytes[end..end + 4] == lookup3(&bytes[start..end]).to_le_bytes();
        (start + 4..=last).find(fits).map(|end| start..end)
    };
    starts.filter_map(block).collect()
}

impl Sound {
    /// With a few changes, mostly not of its values; checksums are mended as a rule.
    pub fn changed(&self, rng: &mut impl Rng) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        for _ in 0..1 << rng.random_range(0..4) {
            let at = self.place(rng);
            let length = 1usize << rng.random_range(0..6);
            let part = at..(at + length).min(bytes.len());
            let word = at / 8 * 8..(at / 8 * 8 + 8).min(bytes.len());
            match rng.random_range(0..8) {
                0..3 => bytes[at] ^= 1 << rng.random_range(0..8),
                3 => bytes[at] = rng.random(),
                4 => bytes[part].fill(0xff),
                5 => bytes[part].fill(0),
                6 => {
                    let large = 1u64 << rng.random_range(0..64);
                    let large = large.wrapping_sub(rng.random_range(0..2)).to_le_bytes();
                    bytes[word.clone()].copy_from_slice(&large[..word.len()]);
                }
                _ => {
                    let other = self.place(rng) / 8 * 8;
                    if other.max(word.start) + 8 <= bytes.len() {
                        (0..8).for_each(|i| bytes.swap(word.start + i, other + i));
                    }
                }
            }
        }
        if rng.random_range(0..4) > 0 {
            for block in &self.checked {
                let sum = lookup3(&bytes[block.clone()]).to_le_bytes();
                bytes[block.end..block.end + 4].copy_from_slice(&sum);
            }
        }
        if rng.random_range(0..20) == 0 {
            bytes.truncate(rng.random_range(0..bytes.len()));
        }
        bytes
    }

    fn place(&self, rng: &mut impl Rng) -> usize {
        loop {
            let at = rng.random_range(0..self.bytes.len());
            if !self.values.contains(&at) || rng.random_range(0..1000) == 0 {
                return at;
            }
        }
    }
}

/// The checksum of HDF5's metadata: Jenkins' hash (2006), of bytes one by one, begun with 0.
fn lookup3(bytes: &[u8]) -> u32 {
    let start = 0xdead_beef_u32.wrapping_add(bytes.len() as u32);
    let (mut a, mut b, mut c) = (start, start, start);
    let word = |part: &[u8]| (0..4).fold(0, |word, i| word | u32::from(*part.get(i).unwrap_or(&0)) << (8 * i));
    let mut rest = bytes;
    while rest.len() > 12 {
        a = a.wrapping_add(word(rest));
        b = b.wrapping_add(word(&rest[4..]));
        c = c.wrapping_add(word(&rest[8..]));
        a = a.wrapping_sub(c) ^ c.rotate_left(4);
        c = c.wrapping_add(b);
        b = b.wrapping_sub(a) ^ a.rotate_left(6);
        a = a.wrapping_add(c);
        c = c.wrapping_sub(b) ^ b.rotate_left(8);
        b = b.wrapping_add(a);
        a = a.wrapping_sub(c) ^ c.rotate_left(16);
        c = c.wrapping_add(b);
        b = b.wrapping_sub(a) ^ a.rotate_left(19);
        a = a.wrapping_add(c);
        c = c.wrapping_sub(b) ^ b.rotate_left(4);
        b = b.wrapping_add(a);
        rest = &rest[12..];
    }
    if rest.is_empty() {
        return c;
    }
    a = a.wrapping_add(word(rest));
    b = b.wrapping_add(word(rest.get(4..).unwrap_or_default()));
    c = c.wrapping_add(word(rest.get(8..).unwrap_or_default()));
    c = (c ^ b).wrapping_sub(b.rotate_left(14));
    a = (a ^ c).wrapping_sub(c.rotate_left(11));
    b = (b ^ a).wrapping_sub(a.rotate_left(25));
    c = (c ^ b).wrapping_sub(b.rotate_left(16));
    a = (a ^ c).wrapping_sub(c.rotate_left(4));
    b = (b ^ a).wrapping_sub(a.rotate_left(14));
    (c ^ b).wrapping_sub(b.rotate_left(24))
}

/// The figures that stand in lookup3.c.
#[test]
fn checksums_are_those_of_jenkins() {
    assert_eq!(lookup3(b""), 0xdead_beef);
    assert_eq!(lookup3(b"Four score and seven years ago"), 0x1777_0551);
}
