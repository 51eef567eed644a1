//! Changes of an input that reach further into a parser than random bytes do.

use rand::{Rng, RngExt};

/// No input becomes longer, in bytes.
const LONGEST: usize = 1 << 17;
/// What parsers of texts and numbers tell apart.
const PIECES: &[&[u8]] = &[
    b"0",
    b"-1",
    b"1e999",
    b"4294967296",
    b"9223372036854775807",
    b"18446744073709551615",
    b"NaN",
    b"\0",
    b"\n",
    b" ",
    b",",
    b":",
    b"/",
    b"../",
    b"(",
    b"'",
    b"\"",
    b"<",
    b">",
    b"</",
    b"&",
    b"=",
    b"{",
    b"[",
    b"xmlns:a='b' ",
    b"PK\x01\x02",
    b"PK\x03\x04",
    b"PK\x05\x06",
    b"PK\x06\x06",
    b"PK\x06\x07",
    b"\xff\xff\xff\xff",
    b"\xff\xff\xff\xff\xff\xff\xff\x7f",
    "\u{202e}".as_bytes(),
    b"\x1b[2J",
];

/// One of `corpus` with a few changes; rarely, nothing but random bytes.
pub fn mutate(corpus: &[Vec<u8>], rng: &mut impl Rng) -> Vec<u8> {
    let pick = |rng: &mut _| corpus[RngExt::random_range(rng, 0..corpus.len())].clone();
    if rng.random_range(0..50) == 0 {
        return (0..rng.random_range(0..300)).map(|_| rng.random()).collect();
    }
    let mut bytes = pick(rng);
    for _ in 0..1 << rng.random_range(0..4) {
        let from = rng.random_range(0..=bytes.len());
        let to = (from + length(rng)).min(bytes.len());
        match rng.random_range(0..10) {
            0 if from < bytes.len() => bytes[from] ^= 1 << rng.random_range(0..8),
            1 => bytes[from..to].fill(rng.random()),
            2 => {
                bytes.drain(from..to);
            }
            3 => bytes.truncate(from),
            4 => {
                let part = bytes[from..to].repeat(1 << rng.random_range(0..8));
                insert(&mut bytes, from, &part);
            }
            5 => {
                let other = pick(rng);
                let start = rng.random_range(0..=other.len());
                insert(&mut bytes, from, &other[start..(start + length(rng)).min(other.len())]);
            }
            6 => {
                let part: Vec<u8> = (0..length(rng)).map(|_| rng.random()).collect();
                insert(&mut bytes, from, &part);
            }
            7 => number(&mut bytes, from, PIECES[rng.random_range(0..6)]),
            8 => overwrite(&mut bytes, from, PIECES[rng.random_range(0..PIECES.len())]),
            _ => insert(&mut bytes, from, PIECES[rng.random_range(0..PIECES.len())]),
        }
    }
    bytes.truncate(LONGEST);
    bytes
}

/// Short as a rule.
fn length(rng: &mut impl Rng) -> usize {
    let most = 1 << rng.random_range(0..9);
    rng.random_range(0..=most)
}

fn insert(bytes: &mut Vec<u8>, at: usize, part: &[u8]) {
    bytes.splice(at..at, part.iter().copied());
}

fn overwrite(bytes: &mut [u8], at: usize, part: &[u8]) {
    bytes[at..].iter_mut().zip(part).for_each(|(byte, &new)| *byte = new);
}

/// Puts another number in the place of the next one in a text.
fn number(bytes: &mut Vec<u8>, from: usize, other: &[u8]) {
    let digits = |byte: &u8| byte.is_ascii_digit();
    let Some(start) = bytes[from..].iter().position(digits).map(|at| from + at) else {
        return;
    };
    let length = bytes[start..].iter().take_while(|byte| digits(byte)).count();
    bytes.splice(start..start + length, other.iter().copied());
}
