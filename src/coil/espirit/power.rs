//! Dominant eigenvectors of small Hermitian matrices, sixteen pixels side by side: one entry of all sixteen fills the
//! widest vector register. All of it is inlined, for [`vectorised`](crate::array::vectorised).
//!
//! Orthogonal iteration with two vectors and a Rayleigh-Ritz step (Golub and Van Loan, Matrix Computations, 8.2): the
//! error of the first falls as `(λ3/λ1)^m`, also where the first two eigenvalues are close.

// One index runs over the lanes of several arrays at once.
#![allow(clippy::needless_range_loop)]

use num_complex::Complex;

/// Pixels solved together.
pub(super) const LANES: usize = 16;
const MOST_ITERATIONS: usize = 60;
/// Below the crop a vector is not needed; so many iterations settle that its eigenvalue is really small.
const ENOUGH_TO_CROP: usize = 4;
/// Residual `|G x − λ x|` relative to `λ` at which a vector is good enough: the error of the map is about this over
/// the relative distance to the next eigenvalue.
const TOLERANCE: f32 = 2e-4;

/// Energy of a second vector, relative to the first, below which it is rounding.
const RELATIVE_ROUNDING: f32 = 1e-9;

pub(super) type Lanes = [f32; LANES];

/// A complex number of each pixel.
#[derive(Clone, Copy)]
pub(super) struct Split {
    pub re: Lanes,
    pub im: Lanes,
}

const ZERO: Split = Split::ZERO;

impl Split {
    pub(super) const ZERO: Self = Self {
        re: [0.0; LANES],
        im: [0.0; LANES],
    };

    /// `self += a b` with the same `b` for every pixel.
    #[inline(always)]
    pub(super) fn add_scaled(&mut self, a: &Split, b: Complex<f32>) {
        for l in 0..LANES {
            self.re[l] += a.re[l] * b.re - a.im[l] * b.im;
            self.im[l] += a.re[l] * b.im + a.im[l] * b.re;
        }
    }

    /// `self += a b`.
    #[inline(always)]
    pub(super) fn add_product(&mut self, a: &Split, b: &Split) {
        for l in 0..LANES {
            self.re[l] += a.re[l] * b.re[l] - a.im[l] * b.im[l];
            self.im[l] += a.re[l] * b.im[l] + a.im[l] * b.re[l];
        }
    }

    #[inline(always)]
    fn conjugate(&self) -> Self {
        let mut result = *self;
        for l in 0..LANES {
            result.im[l] = -self.im[l];
        }
        result
    }

    #[inline(always)]
    fn negative(&self) -> Self {
        let mut result = self.conjugate();
        for l in 0..LANES {
            result.re[l] = -self.re[l];
        }
        result
    }

    #[inline(always)]
    fn scaled(&self, by: &Lanes) -> Self {
        let mut result = ZERO;
        for l in 0..LANES {
            result.re[l] = self.re[l] * by[l];
            result.im[l] = self.im[l] * by[l];
        }
        result
    }

    /// `a` where the test holds, else `b`.
    #[inline(always)]
    fn pick(test: &[bool; LANES], a: &Split, b: &Split) -> Self {
        let mut result = *b;
        for l in 0..LANES {
            result.re[l] = if test[l] { a.re[l] } else { b.re[l] };
            result.im[l] = if test[l] { a.im[l] } else { b.im[l] };
        }
        result
    }

    /// `self += conj(a) b`.
    #[inline(always)]
    fn add_inner(&mut self, a: &Split, b: &Split) {
        for l in 0..LANES {
            self.re[l] += a.re[l] * b.re[l] + a.im[l] * b.im[l];
            self.im[l] += a.re[l] * b.im[l] - a.im[l] * b.re[l];
        }
    }
}

/// The matrices of [`LANES`] pixels and the two dominant eigenpairs of each.
pub(super) struct Block {
    coils: usize,
    /// `(coil, coil)`.
    matrix: Vec<Split>,
    start: Vec<[Split; 2]>,
    /// What is to be scaled to give the vectors. Where they are used they are: a loop that does nothing else would be
    /// compiled to take several coils at once and gather their lanes.
    vectors: Vec<[Split; 2]>,
    scales: [Lanes; 2],
    /// G times the scaled vectors.
    products: Vec<[Split; 2]>,
    /// The two largest eigenvalues.
    pub values: [Lanes; 2],
}

impl Block {
    pub(super) fn new(coils: usize) -> Self {
        Self {
            coils,
            matrix: vec![ZERO; coils * coils],
            start: (0..coils)
                .map(|coil| [0, 1].map(|v| start_entry(2 * coil + v)))
                .collect(),
            vectors: vec![[ZERO; 2]; coils],
            scales: [[1.0; LANES]; 2],
            products: vec![[ZERO; 2]; coils],
            values: [[0.0; LANES]; 2],
        }
    }

    /// Takes the matrices: each entry is the sum of its taps, each times its wave. Of the upper triangles, row by row,
    /// come real and imaginary parts of the taps.
    #[inline(always)]
    pub(super) fn load(&mut self, taps: [&[f32]; 2], waves: &[Split]) {
        let coils = self.coils;
        let [re, im] = taps.map(|taps| taps.chunks_exact(waves.len()));
        let mut pairs = re.zip(im);
        for coil in 0..coils {
            for (other, (re, im)) in (coil..coils).zip(&mut pairs) {
                let mut upper = ZERO;
                for ((wave, &re), &im) in waves.iter().zip(re).zip(im) {
                    upper.add_scaled(wave, Complex::new(re, im));
                }
                if coil == other {
                    upper.im = [0.0; LANES];
                }
                self.matrix[coil * coils + other] = upper;
                self.matrix[other * coils + coil] = upper.conjugate();
            }
        }
    }

    /// The entries of an eigenvector, coil by coil, and what scales it to unit length; 0 where there is none.
    #[inline(always)]
    pub(super) fn vector(&self, set: usize) -> (impl Iterator<Item = &Split> + Clone, &Lanes) {
        let entries = self.vectors.iter().map(move |vectors| &vectors[set]);
        (entries, &self.scales[set])
    }

    /// Iterates until the first `needed` vectors of each pixel are good, or its eigenvalue is below `crop`.
    #[inline(always)]
    pub(super) fn solve(&mut self, needed: usize, crop: f32) {
        self.vectors.copy_from_slice(&self.start);
        self.scales = [[1.0; LANES]; 2];
        self.multiply();
        self.orthonormalise();
        for iteration in 1..=MOST_ITERATIONS {
            self.multiply();
            let residuals = self.ritz();
            let mut open = [false; LANES];
            for (values, residuals) in self.values.iter().zip(&residuals).take(needed) {
                for l in 0..LANES {
                    let good = residuals[l] <= TOLERANCE * values[l];
                    let cropped = iteration >= ENOUGH_TO_CROP && values[l] + residuals[l] < crop;
                    open[l] |= !(good | cropped | (values[l] < f32::EPSILON));
                }
            }
            let settled = open == [false; LANES];
            self.orthonormalise();
            if settled {
                break;
            }
        }
    }

    /// `products = G vectors`: all of the time goes here.
    #[inline(always)]
    fn multiply(&mut self) {
        let scales = self.scales;
        for (row, product) in self.matrix.chunks_exact(self.coils).zip(&mut self.products) {
            let mut sums = [ZERO; 2];
            for (entry, vector) in row.iter().zip(&self.vectors) {
                sums[0].add_product(entry, &vector[0]);
                sums[1].add_product(entry, &vector[1]);
            }
            *product = [sums[0].scaled(&scales[0]), sums[1].scaled(&scales[1])];
        }
    }

    /// Turns vectors and products within their plane so that the vectors are the best eigenvectors there, the larger
    /// eigenvalue first. Sets the values and gives the residuals `|G x − λ x|`.
    #[inline(always)]
    fn ritz(&mut self) -> [Lanes; 2] {
        let (mut first, mut cross, mut second) = (ZERO, ZERO, ZERO);
        for (x, y) in self.vectors.iter().zip(&self.products) {
            first.add_inner(&x[0], &y[0]);
            cross.add_inner(&x[0], &y[1]);
            second.add_inner(&x[1], &y[1]);
        }
        let [one, two] = &self.scales;
        let (first, cross, second) = (first.scaled(one), cross.scaled(one), second.scaled(two));
        let turn = two_by_two(&mut self.values, &first.re, &cross, &second.re);
        let [one, two] = &self.scales;
        let turn_x = [
            [turn[0][0].scaled(one), turn[0][1].scaled(two)],
            [turn[1][0].scaled(one), turn[1][1].scaled(two)],
        ];
        let mut residuals = [[0.0; LANES]; 2];
        for (x, y) in self.vectors.iter().zip(&mut self.products) {
            let mut turned = [ZERO; 2];
            for v in 0..2 {
                let mut best = ZERO;
                for i in 0..2 {
                    best.add_product(&turn_x[v][i], &x[i]);
                    turned[v].add_product(&turn[v][i], &y[i]);
                }
                for l in 0..LANES {
                    let re = turned[v].re[l] - self.values[v][l] * best.re[l];
                    let im = turned[v].im[l] - self.values[v][l] * best.im[l];
                    residuals[v][l] += re * re + im * im;
                }
            }
            *y = turned;
        }
        for lanes in &mut residuals {
            for l in 0..LANES {
                lanes[l] = lanes[l].sqrt();
            }
        }
        residuals
    }

    /// `vectors` from `products` by Gram and Schmidt. A second one that is only rounding becomes zero.
    #[inline(always)]
    fn orthonormalise(&mut self) {
        let (mut norm, mut cross) = (ZERO, ZERO);
        for y in &self.products {
            norm.add_inner(&y[0], &y[0]);
            cross.add_inner(&y[0], &y[1]);
        }
        let first = inverse_roots(&norm.re, &[f32::MIN_POSITIVE; LANES]);
        let mut share = ZERO;
        for l in 0..LANES {
            share.re[l] = -cross.re[l] * first[l] * first[l];
            share.im[l] = -cross.im[l] * first[l] * first[l];
        }
        let mut left = ZERO;
        for (x, y) in self.vectors.iter_mut().zip(&self.products) {
            *x = *y;
            x[1].add_product(&share, &y[0]);
            left.add_inner(&x[1], &x[1]);
        }
        let mut least = [0.0; LANES];
        for l in 0..LANES {
            least[l] = RELATIVE_ROUNDING * norm.re[l].max(f32::MIN_POSITIVE);
        }
        let second = inverse_roots(&left.re, &least);
        self.scales = [first, second];
    }
}

/// Fixed entries without structure, so that no eigenvector is orthogonal to them by design.
fn start_entry(index: usize) -> Split {
    let turn = |by: f32| (index as f32 * by + by).fract() - 0.5;
    Split {
        re: [turn(0.618_034); LANES],
        im: [turn(0.414_214); LANES],
    }
}

/// Sets the values to those of `[[a, b], [conj(b), d]]`, the larger first, and gives the orthonormal eigenvectors.
#[inline(always)]
fn two_by_two(values: &mut [Lanes; 2], a: &Lanes, b: &Split, d: &Lanes) -> [[Split; 2]; 2] {
    let (mut along, mut beside, mut swapped) = (ZERO, ZERO, [false; LANES]);
    for l in 0..LANES {
        let half = 0.5 * (a[l] - d[l]);
        let power = b.re[l] * b.re[l] + b.im[l] * b.im[l];
        let root = (half * half + power).sqrt();
        values[0][l] = 0.5 * (a[l] + d[l]) + root;
        values[1][l] = 0.5 * (a[l] + d[l]) - root;
        let longer = half.abs() + root;
        let norm = (longer * longer + power).sqrt();
        let inverse = 1.0 / norm;
        // Of a multiple of the identity any vectors will do.
        let (one, scale) = if norm > 0.0 {
            (longer * inverse, inverse)
        } else {
            (1.0, 0.0)
        };
        along.re[l] = one;
        beside.re[l] = b.re[l] * scale;
        beside.im[l] = b.im[l] * scale;
        swapped[l] = half < 0.0;
    }
    let (conjugate, minus) = (beside.conjugate(), beside.negative());
    let first = [
        Split::pick(&swapped, &beside, &along),
        Split::pick(&swapped, &along, &conjugate),
    ];
    let minus_conjugate = minus.conjugate();
    let second = [
        Split::pick(&swapped, &along, &minus),
        Split::pick(&swapped, &minus_conjugate, &along),
    ];
    [first, second]
}

/// `1/√norm`, and 0 where it is not above `least`.
#[inline(always)]
fn inverse_roots(norms: &Lanes, least: &Lanes) -> Lanes {
    let mut inverse = [0.0; LANES];
    for l in 0..LANES {
        let root = 1.0 / norms[l].sqrt();
        inverse[l] = if norms[l] > least[l] { root } else { 0.0 };
    }
    inverse
}
