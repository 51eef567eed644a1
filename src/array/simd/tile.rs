//! Transposition of blocks, 16×16 values at a time.
//!
//! The compiler makes poor code of a plain loop, so single precision uses the shuffles of x86. Double precision and
//! other processors have the plain loop.

use super::{LANES, Vectors};

/// Transposes a block of lines of [`LANES`] values each.
///
/// For every k below `lines.len()` and l below `places.len()`, value l of line `lines[k]` of `block` becomes value
/// `k % LANES` of line `(k / LANES) · stride + places[l]` of `out`. `lines.len()` must be a multiple of [`LANES`], and
/// `places.len()` at most [`LANES`].
///
/// # Panics
/// If a line lies outside `block` or `out`.
pub fn transpose<T: Vectors>(block: &[T], lines: &[u32], out: &mut [T], stride: usize, places: &[u32]) {
    debug_assert!(lines.len().is_multiple_of(LANES) && places.len() <= LANES);
    T::transpose(block, lines, out, stride, places);
}

/// The definition of [`transpose`], as a loop.
pub(super) fn plain<T: Copy>(block: &[T], lines: &[u32], out: &mut [T], stride: usize, places: &[u32]) {
    for (tile, lines) in lines.chunks_exact(LANES).enumerate() {
        for (l, &place) in places.iter().enumerate() {
            let at = (tile * stride + place as usize) * LANES;
            for (out, &line) in out[at..at + LANES].iter_mut().zip(lines) {
                *out = block[line as usize * LANES + l];
            }
        }
    }
}

#[cfg(not(any(target_arch = "x86", target_arch = "x86_64")))]
pub(super) use plain as single;

#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
pub(super) fn single(block: &[f32], lines: &[u32], out: &mut [f32], stride: usize, places: &[u32]) {
    use pulp::x86::{V3, V4};
    let work = |out| x86::Work {
        block,
        lines,
        out,
        stride,
        places,
    };
    if let Some(simd) = V4::try_new() {
        simd.vectorize(x86::Of(simd, work(out)));
    } else if let Some(simd) = V3::try_new() {
        simd.vectorize(x86::Of(simd, work(out)));
    } else {
        plain(block, lines, out, stride, places);
    }
}

#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
mod x86 {
    #[cfg(target_arch = "x86")]
    use std::arch::x86::{__m256, __m512};
    #[cfg(target_arch = "x86_64")]
    use std::arch::x86_64::{__m256, __m512};

    use pulp::x86::{V3, V4};
    use pulp::{NullaryFnOnce, cast};

    use super::LANES;

    pub(super) struct Work<'a> {
        pub block: &'a [f32],
        pub lines: &'a [u32],
        pub out: &'a mut [f32],
        pub stride: usize,
        pub places: &'a [u32],
    }

    /// Work to be done with the instructions of the level `S`.
    pub(super) struct Of<'a, S>(pub S, pub Work<'a>);

    impl NullaryFnOnce for Of<'_, V4> {
        type Output = ();

        #[inline(always)]
        fn call(self) {
            let Self(simd, work) = self;
            let zero: __m512 = cast([0f32; LANES]);
            for (tile, lines) in work.lines.chunks_exact(LANES).enumerate() {
                let mut square = [zero; LANES];
                for (row, &line) in square.iter_mut().zip(lines) {
                    *row = cast(line_of(work.block, line as usize));
                }
                sixteen(simd, &mut square);
                for (row, &place) in square.iter().zip(work.places) {
                    let at = (tile * work.stride + place as usize) * LANES;
                    let row: [f32; LANES] = cast(*row);
                    work.out[at..at + LANES].copy_from_slice(&row);
                }
            }
        }
    }

    impl NullaryFnOnce for Of<'_, V3> {
        type Output = ();

        #[inline(always)]
        fn call(self) {
            const HALF: usize = LANES / 2;
            let Self(simd, work) = self;
            let zero: __m256 = cast([0f32; HALF]);
            for (tile, lines) in work.lines.chunks_exact(LANES).enumerate() {
                for (to, lines) in lines.chunks_exact(HALF).enumerate() {
                    for (from, places) in work.places.chunks(HALF).enumerate() {
                        let mut square = [zero; HALF];
                        for (row, &line) in square.iter_mut().zip(lines) {
                            let [low, high]: [[f32; HALF]; 2] = cast(line_of(work.block, line as usize));
                            *row = cast(if from == 0 { low } else { high });
                        }
                        eight(simd, &mut square);
                        for (row, &place) in square.iter().zip(places) {
                            let at = (tile * work.stride + place as usize) * LANES + to * HALF;
                            let row: [f32; HALF] = cast(*row);
                            work.out[at..at + HALF].copy_from_slice(&row);
                        }
                    }
                }
            }
        }
    }

    #[inline(always)]
    fn line_of(block: &[f32], line: usize) -> [f32; LANES] {
        let line: &[f32; LANES] = block[line * LANES..(line + 1) * LANES].try_into().expect("a line");
        *line
    }

    /// Four lines at a time within quarters of a vector, then the quarters.
    #[inline(always)]
    fn sixteen(simd: V4, rows: &mut [__m512; 16]) {
        let avx = simd.avx512f;
        for four in rows.chunks_exact_mut(4) {
            let [a, b, c, d] = [four[0], four[1], four[2], four[3]];
            let [ab, cd] = [avx._mm512_unpacklo_ps(a, b), avx._mm512_unpacklo_ps(c, d)].map(cast);
            four[0] = cast(avx._mm512_unpacklo_pd(ab, cd));
            four[1] = cast(avx._mm512_unpackhi_pd(ab, cd));
            let [ab, cd] = [avx._mm512_unpackhi_ps(a, b), avx._mm512_unpackhi_ps(c, d)].map(cast);
            four[2] = cast(avx._mm512_unpacklo_pd(ab, cd));
            four[3] = cast(avx._mm512_unpackhi_pd(ab, cd));
        }
        for k in 0..4 {
            let [a, b, c, d] = [rows[k], rows[4 + k], rows[8 + k], rows[12 + k]];
            let ab = avx._mm512_shuffle_f32x4::<0x88>(a, b);
            let cd = avx._mm512_shuffle_f32x4::<0x88>(c, d);
            rows[k] = avx._mm512_shuffle_f32x4::<0x88>(ab, cd);
            rows[8 + k] = avx._mm512_shuffle_f32x4::<0xdd>(ab, cd);
            let ab = avx._mm512_shuffle_f32x4::<0xdd>(a, b);
            let cd = avx._mm512_shuffle_f32x4::<0xdd>(c, d);
            rows[4 + k] = avx._mm512_shuffle_f32x4::<0x88>(ab, cd);
            rows[12 + k] = avx._mm512_shuffle_f32x4::<0xdd>(ab, cd);
        }
    }

    /// The same with halves.
    #[inline(always)]
    fn eight(simd: V3, rows: &mut [__m256; 8]) {
        let avx = simd.avx;
        for four in rows.chunks_exact_mut(4) {
            let [a, b, c, d] = [four[0], four[1], four[2], four[3]];
            let [ab, cd] = [avx._mm256_unpacklo_ps(a, b), avx._mm256_unpacklo_ps(c, d)].map(cast);
            four[0] = cast(avx._mm256_unpacklo_pd(ab, cd));
            four[1] = cast(avx._mm256_unpackhi_pd(ab, cd));
            let [ab, cd] = [avx._mm256_unpackhi_ps(a, b), avx._mm256_unpackhi_ps(c, d)].map(cast);
            four[2] = cast(avx._mm256_unpacklo_pd(ab, cd));
            four[3] = cast(avx._mm256_unpackhi_pd(ab, cd));
        }
        for k in 0..4 {
            let [a, b] = [rows[k], rows[4 + k]];
            rows[k] = avx._mm256_permute2f128_ps::<0x20>(a, b);
            rows[4 + k] = avx._mm256_permute2f128_ps::<0x31>(a, b);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(single: impl Fn(&[f32], &[u32], &mut [f32], usize, &[u32])) {
        let block: Vec<f32> = (0..40 * LANES).map(|i| i as f32).collect();
        let lines: Vec<u32> = (0..2 * LANES).map(|k| (k * 7 % 40) as u32).collect();
        for wanted in [LANES, 11, 8, 3] {
            let places: Vec<u32> = (0..wanted).map(|l| (l * 5 % LANES) as u32).collect();
            let (mut found, mut expected) = (vec![-1.0; 4 * LANES * LANES], vec![-1.0; 4 * LANES * LANES]);
            single(&block, &lines, &mut found, 30, &places);
            plain(&block, &lines, &mut expected, 30, &places);
            assert_eq!(found, expected, "{wanted}");
        }
    }

    #[test]
    fn tiles_are_what_the_plain_loop_makes() {
        check(single);
    }

    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    #[test]
    fn narrower_vectors_too() {
        let Some(simd) = pulp::x86::V3::try_new() else { return };
        check(|block, lines, out, stride, places| {
            let work = x86::Work {
                block,
                lines,
                out,
                stride,
                places,
            };
            simd.vectorize(x86::Of(simd, work));
        });
    }
}
