use pulp::Simd;

/// Scalars that fit into vector registers: what [`pulp::Simd`] has for each type, under one name.
///
/// For kernels that the compiler does not vectorise by itself; [`vectorised`](super::vectorised) loops are simpler. No
/// operation here is fused, so that results are the same on every processor.
pub trait Vectors: Copy + Default + Send + Sync + 'static {
    /// A vector register of these scalars, at the instruction level `S`.
    type Vector<S: Simd>: Copy;

    /// `values` as vectors. A rest that does not fill a vector is left out.
    fn vectors<S: Simd>(values: &[Self]) -> &[Self::Vector<S>];
    /// `values` as vectors that can be written. A rest that does not fill a vector is left out.
    fn vectors_mut<S: Simd>(values: &mut [Self]) -> &mut [Self::Vector<S>];
    /// A vector with `value` in every lane.
    fn splat<S: Simd>(simd: S, value: Self) -> Self::Vector<S>;
    /// `a + b` in every lane.
    fn add<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
    /// `a − b` in every lane.
    fn sub<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
    /// `a · b` in every lane.
    fn mul<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;

    /// The kernel behind [`transpose`](super::transpose), with the same arguments.
    fn transpose(block: &[Self], lines: &[u32], out: &mut [Self], stride: usize, places: &[u32]);
}

macro_rules! vectors {
    ($scalar:ty, $vector:ident, $as_simd:ident, $as_mut_simd:ident, $splat:ident, $add:ident, $sub:ident, $mul:ident, $transpose:path) => {
        impl Vectors for $scalar {
            type Vector<S: Simd> = S::$vector;

            #[inline(always)]
            fn vectors<S: Simd>(values: &[Self]) -> &[S::$vector] {
                S::$as_simd(values).0
            }
            #[inline(always)]
            fn vectors_mut<S: Simd>(values: &mut [Self]) -> &mut [S::$vector] {
                S::$as_mut_simd(values).0
            }
            #[inline(always)]
            fn splat<S: Simd>(simd: S, value: Self) -> S::$vector {
                simd.$splat(value)
            }
            #[inline(always)]
            fn add<S: Simd>(simd: S, a: S::$vector, b: S::$vector) -> S::$vector {
                simd.$add(a, b)
            }
            #[inline(always)]
            fn sub<S: Simd>(simd: S, a: S::$vector, b: S::$vector) -> S::$vector {
                simd.$sub(a, b)
            }
            #[inline(always)]
            fn mul<S: Simd>(simd: S, a: S::$vector, b: S::$vector) -> S::$vector {
                simd.$mul(a, b)
            }
            fn transpose(block: &[Self], lines: &[u32], out: &mut [Self], stride: usize, places: &[u32]) {
                $transpose(block, lines, out, stride, places);
            }
        }
    };
}

vectors!(
    f32,
    f32s,
    as_simd_f32s,
    as_mut_simd_f32s,
    splat_f32s,
    add_f32s,
    sub_f32s,
    mul_f32s,
    super::tile::single
);
vectors!(
    f64,
    f64s,
    as_simd_f64s,
    as_mut_simd_f64s,
    splat_f64s,
    add_f64s,
    sub_f64s,
    mul_f64s,
    super::tile::plain
);
