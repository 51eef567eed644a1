//! Dominant eigenvectors of small Hermitian matrices, eight pixels side by side so that the compiler can use wide
//! registers. Orthogonal iteration with two vectors and a Rayleigh-Ritz step (Golub and Van Loan, Matrix Computations,
//! 8.2): the error of the first falls as `(λ3/λ1)^m`, also where the first two eigenvalues are close.

// One index runs over the lanes of several arrays at once.
#![allow(clippy::needless_range_loop)]

use num_complex::Complex;

/// Pixels solved together.
pub(super) const LANES: usize = 8;
const MOST_ITERATIONS: usize = 60;
/// Below the crop a vector is not needed; so many iterations settle that its eigenvalue is really small.
const ENOUGH_TO_CROP: usize = 4;
/// Residual `|G x − λ x|` relative to `λ` at which a vector is good enough: the error of the map is about this over
/// the relative distance to the next eigenvalue.
const TOLERANCE: f32 = 2e-4;

/// Energy of a second vector, relative to the first, below which it is rounding.
const RELATIVE_ROUNDING: f32 = 1e-9;

type Lanes = [f32; LANES];

#[derive(Clone, Copy)]
struct Split {
    re: Lanes,
    im: Lanes,
}

const ZERO: Split = Split {
    re: [0.0; LANES],
    im: [0.0; LANES],
};

impl Split {
    /// `self += a b`.
    #[inline(always)]
    fn add_product(&mut self, a: &Split, b: &Split) {
        for l in 0..LANES {
            self.re[l] += a.re[l] * b.re[l] - a.im[l] * b.im[l];
            self.im[l] += a.re[l] * b.im[l] + a.im[l] * b.re[l];
        }
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
    vectors: Vec<[Split; 2]>,
    products: Vec<[Split; 2]>,
    /// The two largest eigenvalues.
    pub values: [Lanes; 2],
}

impl Block {
    pub fn new(coils: usize) -> Self {
        Self {
            coils,
            matrix: vec![ZERO; coils * coils],
            start: (0..coils)
                .map(|coil| [0, 1].map(|v| start_entry(2 * coil + v)))
                .collect(),
            vectors: vec![[ZERO; 2]; coils],
            products: vec![[ZERO; 2]; coils],
            values: [[0.0; LANES]; 2],
        }
    }

    /// Takes the matrices: `entry(pair, lane)` with the pairs `c ≤ c'` of the upper triangle in order.
    pub fn load(&mut self, entry: impl Fn(usize, usize) -> Complex<f32>) {
        let mut pair = 0;
        for coil in 0..self.coils {
            for other in coil..self.coils {
                let mut upper = ZERO;
                for l in 0..LANES {
                    let value = entry(pair, l);
                    upper.re[l] = value.re;
                    upper.im[l] = if coil == other { 0.0 } else { value.im };
                }
                self.matrix[coil * self.coils + other] = upper;
                self.matrix[other * self.coils + coil] = Split {
                    re: upper.re,
                    im: upper.im.map(|v| -v),
                };
                pair += 1;
            }
        }
    }

    pub fn entry(&self, set: usize, coil: usize, lane: usize) -> Complex<f32> {
        let vector = &self.vectors[coil][set];
        Complex::new(vector.re[lane], vector.im[lane])
    }

    /// Iterates until the first `needed` vectors of each pixel are good, or its eigenvalue is below `crop`.
    pub fn solve(&mut self, needed: usize, crop: f32) {
        self.vectors.copy_from_slice(&self.start);
        self.multiply();
        self.orthonormalise();
        for iteration in 1..=MOST_ITERATIONS {
            self.multiply();
            let residuals = self.ritz();
            let settled = (0..LANES).all(|l| {
                (0..needed).all(|set| {
                    let value = self.values[set][l];
                    residuals[set][l] <= TOLERANCE * value
                        || iteration >= ENOUGH_TO_CROP && value + residuals[set][l] < crop
                        || value < f32::EPSILON
                })
            });
            self.orthonormalise();
            if settled {
                break;
            }
        }
    }

    /// `products = G vectors`: all of the time goes here.
    fn multiply(&mut self) {
        for (row, product) in self.matrix.chunks_exact(self.coils).zip(&mut self.products) {
            let mut sums = [ZERO; 2];
            for (entry, vector) in row.iter().zip(&self.vectors) {
                sums[0].add_product(entry, &vector[0]);
                sums[1].add_product(entry, &vector[1]);
            }
            *product = sums;
        }
    }

    /// Turns vectors and products within their plane so that the vectors are the best eigenvectors there, the larger
    /// eigenvalue first. Sets the values and gives the residuals `|G x − λ x|`.
    fn ritz(&mut self) -> [Lanes; 2] {
        let (mut first, mut cross, mut second) = (ZERO, ZERO, ZERO);
        for (x, y) in self.vectors.iter().zip(&self.products) {
            first.add_inner(&x[0], &y[0]);
            cross.add_inner(&x[0], &y[1]);
            second.add_inner(&x[1], &y[1]);
        }
        let mut turn = [[ZERO; 2]; 2];
        for l in 0..LANES {
            let cross = Complex::new(cross.re[l], cross.im[l]);
            let (values, vectors) = two_by_two(first.re[l], cross, second.re[l]);
            for v in 0..2 {
                self.values[v][l] = values[v];
                for x in 0..2 {
                    turn[v][x].re[l] = vectors[v][x].re;
                    turn[v][x].im[l] = vectors[v][x].im;
                }
            }
        }
        let mut residuals = [[0.0; LANES]; 2];
        for (x, y) in self.vectors.iter().zip(&mut self.products) {
            let mut turned = [ZERO; 2];
            for v in 0..2 {
                let mut best = ZERO;
                for i in 0..2 {
                    best.add_product(&turn[v][i], &x[i]);
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
        residuals.map(|lanes| lanes.map(f32::sqrt))
    }

    /// `vectors` from `products` by Gram and Schmidt. A second one that is only rounding becomes zero.
    fn orthonormalise(&mut self) {
        let inverse_root = |norm: f32, least: f32| if norm > least { 1.0 / norm.sqrt() } else { 0.0 };
        let (mut norm, mut cross) = (ZERO, ZERO);
        for y in &self.products {
            norm.add_inner(&y[0], &y[0]);
            cross.add_inner(&y[0], &y[1]);
        }
        let first: Lanes = std::array::from_fn(|l| inverse_root(norm.re[l], f32::MIN_POSITIVE));
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
        let second =
            std::array::from_fn(|l| inverse_root(left.re[l], RELATIVE_ROUNDING * norm.re[l].max(f32::MIN_POSITIVE)));
        let scales = [first, second];
        for x in &mut self.vectors {
            for (x, scale) in x.iter_mut().zip(&scales) {
                for l in 0..LANES {
                    x.re[l] *= scale[l];
                    x.im[l] *= scale[l];
                }
            }
        }
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

/// Eigenvalues, the larger first, and orthonormal eigenvectors of `[[a, b], [conj(b), d]]`.
#[inline(always)]
fn two_by_two(a: f32, b: Complex<f32>, d: f32) -> ([f32; 2], [[Complex<f32>; 2]; 2]) {
    let half = 0.5 * (a - d);
    let root = (half * half + b.norm_sqr()).sqrt();
    let values = [0.5 * (a + d) + root, 0.5 * (a + d) - root];
    let along = half.abs() + root;
    let norm = (along * along + b.norm_sqr()).sqrt();
    let (along, b) = if norm > 0.0 { (along / norm, b / norm) } else { (1.0, b) };
    let along = Complex::new(along, 0.0);
    let vectors = if half >= 0.0 {
        [[along, b.conj()], [-b, along]]
    } else {
        [[b, along], [along, -b.conj()]]
    };
    (values, vectors)
}
