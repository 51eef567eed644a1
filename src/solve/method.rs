//! The table of methods.

use std::sync::Arc;

use super::{
    CgSense, ErrorBars, Howl, PVdamp, Problem, PublishedPVdamp, Solver, Tuning, ZeroFilled, a_fista, fista, howl,
    pvdamp, sure_it,
};
use crate::array::Mask;
use crate::sampling;

/// A row of [`METHODS`].
#[derive(Debug)]
pub struct Method {
    /// One word, lower case.
    pub name: &'static str,
    /// As in a table of results.
    pub title: &'static str,
    /// One line.
    pub summary: &'static str,
    /// Where it is described.
    pub citation: &'static str,
    /// Iterations at most, unless set.
    pub iterations: usize,
    /// The same where phase-encode lines, or by partial Fourier one side of k-space, are missing.
    pub line_iterations: usize,
    /// What memory it takes.
    pub footprint: Footprint,
    /// Whether [`Solver::unbiased`] gives an image.
    pub unbiased: bool,
    /// What it takes from a fully sampled reference where there is one; empty for methods that never look.
    pub oracle: &'static str,
    /// The parts of [`Tuning`] that mean something to it.
    pub knobs: &'static [Knob],
    /// Seed of random shifts, unless set; `None` for no shifts.
    pub shift: Option<u64>,
    /// Makes the solver of a problem, without error bars.
    build: Build,
}

type Build = fn(&Arc<Problem<f32>>, &Tuning) -> Box<dyn Solver<f32>>;

/// What a method holds at its peak beside maps and samples, in complex images; measured.
#[derive(Clone, Copy, Debug)]
pub struct Footprint {
    /// Of each set of maps.
    pub images: f64,
    /// However many sets.
    pub frames: f64,
    /// Of each thread.
    pub thread: f64,
    /// Whether each map is there as wavelet coefficients too.
    pub xi: bool,
    /// For error bars: more of each set, and more of each thread, beside the samples that the second run has.
    pub error_bars: [f64; 2],
}

impl Footprint {
    /// What is enough for either.
    pub fn larger(self, other: Self) -> Self {
        Self {
            images: self.images.max(other.images),
            frames: self.frames.max(other.frames),
            thread: self.thread.max(other.thread),
            xi: self.xi || other.xi,
            error_bars: [0, 1].map(|i| self.error_bars[i].max(other.error_bars[i])),
        }
    }
}

/// Of methods with a gradient step and a threshold.
const PROXIMAL: Footprint = Footprint {
    images: 11.0,
    frames: 0.0,
    thread: 1.2,
    xi: false,
    error_bars: [0.0; 2],
};
/// Of those without iterations.
const DIRECT: Footprint = Footprint {
    images: 5.0,
    thread: 1.0,
    ..PROXIMAL
};

/// Of message passing, in its second edition.
const PASSING: Footprint = Footprint {
    images: 20.0,
    frames: 0.0,
    thread: 2.6,
    xi: true,
    error_bars: [5.0, 3.0],
};

/// Of P-VDAMP in its second edition.
const SECOND_EDITION: &[Knob] = &[
    Knob::Wavelet,
    Knob::Scales,
    Knob::Damping,
    Knob::Shift,
    Knob::Noise,
    Knob::ErrorBars,
];

/// A part of [`Tuning`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Knob {
    /// [`Tuning::wavelet`].
    Wavelet,
    /// [`Tuning::scales`].
    Scales,
    /// [`Tuning::damping`].
    Damping,
    /// λ, which has no good value for all scans: it has to be given.
    Lambda,
    /// λ, which may be left at 0.
    OptionalLambda,
    /// [`Tuning::shift`].
    Shift,
    /// The covariance of the measurement noise.
    Noise,
    /// Error bars: [`Tuning::error_bars`].
    ErrorBars,
}

impl Method {
    /// The row of that name.
    pub fn find(name: &str) -> Option<&'static Method> {
        METHODS.iter().find(|m| m.name == name)
    }

    /// Whether it goes from iteration to iteration.
    pub fn iterates(&self) -> bool {
        self.iterations > 1
    }

    /// Whether a part of [`Tuning`] means something to it.
    pub fn has(&self, knob: Knob) -> bool {
        self.knobs.contains(&knob)
    }

    /// Iterations at most on a mask: those of `tuning`, or the method's own. The limit of [`drive`](super::drive).
    pub fn iterations_on(&self, mask: &Mask, tuning: &Tuning) -> usize {
        let own = if sampling::lacks_lines(mask) {
            self.line_iterations
        } else {
            self.iterations
        };
        tuning.iterations.unwrap_or(own)
    }

    /// The solver of a problem; with error bars where `tuning` asks for them and the method has them.
    pub fn solver(&self, problem: &Arc<Problem<f32>>, tuning: &Tuning) -> Box<dyn Solver<f32>> {
        let plain = Tuning {
            error_bars: None,
            ..tuning.clone()
        };
        let Some(seed) = tuning.error_bars.filter(|_| self.has(Knob::ErrorBars)) else {
            return (self.build)(problem, &plain);
        };
        let iterations = self.iterations_on(&problem.encoding.mask(), tuning);
        let scales = tuning.scales(problem.encoding.grid());
        let build = self.build;
        // A schedule is that of all samples.
        let tuning = Tuning {
            iterations: Some(iterations),
            ..plain
        };
        let make = move |problem: &Arc<Problem<f32>>| build(problem, &tuning);
        Box::new(ErrorBars::new(problem, scales, iterations, seed, make))
    }

    /// Whether λ means something to it.
    pub fn has_lambda(&self) -> bool {
        self.has(Knob::Lambda) || self.has(Knob::OptionalLambda)
    }
}

/// Every method that can be chosen.
// Not a constant: what a constant calls is compiled again in every package that reads it.
pub static METHODS: &[Method] = &[
    Method {
        name: "pvdamp",
        title: "P-VDAMP",
        summary: "Parallel Variable Density Approximate Message Passing: SURE-tuned, with known error variance",
        citation: "docs/algorithm.md; Millard, Chiew, Tanner, Hess, Mailhé, arXiv:2203.04180",
        iterations: pvdamp::ITERATIONS,
        line_iterations: pvdamp::LINE_ITERATIONS,
        footprint: PASSING,
        unbiased: true,
        oracle: "",
        knobs: SECOND_EDITION,
        shift: Some(pvdamp::SEED),
        build: |problem, tuning| Box::new(PVdamp::new(problem, tuning)),
    },
    Method {
        name: "pvdamp-unbiased",
        title: "P-VDAMP, unbiased to the end",
        summary: "P-VDAMP without its second part: known error variance at every iteration, an image of more error",
        citation: "docs/algorithm.md; Millard, Chiew, Tanner, Hess, Mailhé, arXiv:2203.04180",
        iterations: pvdamp::ITERATIONS,
        line_iterations: pvdamp::LINE_ITERATIONS,
        footprint: PASSING,
        unbiased: true,
        oracle: "",
        knobs: SECOND_EDITION,
        shift: Some(pvdamp::SEED),
        build: |problem, tuning| Box::new(PVdamp::unbiased_throughout(problem, tuning)),
    },
    Method {
        name: "pvdamp-published",
        title: "P-VDAMP, as published",
        summary: "P-VDAMP as in the paper, with soft thresholds: what papers compare with",
        citation: "Millard, Chiew, Tanner, Hess, Mailhé, arXiv:2203.04180",
        iterations: 30,
        line_iterations: 30,
        footprint: Footprint {
            images: 13.0,
            ..PASSING
        },
        unbiased: true,
        oracle: "",
        knobs: &[Knob::Wavelet, Knob::Scales, Knob::Damping, Knob::Noise, Knob::ErrorBars],
        shift: None,
        build: |problem, tuning| Box::new(PublishedPVdamp::new(problem, tuning)),
    },
    Method {
        name: "howl",
        title: "HOWL",
        summary: "local Wiener shrinkage in frames that change, as strong as the noise that the residual shows",
        citation: "docs/howl.md; Mihçak et al. 1999, Coifman, Donoho 1995, Beck, Teboulle 2009",
        iterations: howl::ITERATIONS,
        line_iterations: howl::LINE_ITERATIONS,
        footprint: Footprint {
            images: 7.0,
            frames: 31.0,
            thread: 2.5,
            xi: false,
            error_bars: [4.0, 0.5],
        },
        unbiased: false,
        oracle: "",
        knobs: &[Knob::Noise, Knob::ErrorBars],
        shift: None,
        build: |problem, tuning| Box::new(Howl::new(problem, tuning)),
    },
    Method {
        name: "fista",
        title: "FISTA",
        summary: "wavelet ℓ1 with momentum, one weight λ that has to be chosen",
        citation: "Beck, Teboulle, SIAM J. Imaging Sci. 2 (2009)",
        iterations: 100,
        line_iterations: 100,
        footprint: Footprint {
            error_bars: [11.0, 1.5],
            ..PROXIMAL
        },
        unbiased: false,
        oracle: "",
        knobs: &[Knob::Wavelet, Knob::Scales, Knob::Lambda, Knob::Shift, Knob::ErrorBars],
        shift: None,
        build: |problem, tuning| Box::new(fista::new(problem, tuning)),
    },
    Method {
        name: "sure-it",
        title: "SURE-IT",
        summary: "FISTA with SURE thresholds for white noise of the error's true size, where a reference tells it",
        citation: "Khare, Hardy, King, Turski, Marinelli, MRM 68 (2012)",
        iterations: 100,
        line_iterations: 100,
        footprint: PROXIMAL,
        unbiased: false,
        oracle: "its error in each iteration",
        knobs: &[Knob::Wavelet, Knob::Scales, Knob::Shift],
        shift: None,
        build: |problem, tuning| Box::new(sure_it::new(problem, tuning)),
    },
    Method {
        name: "a-fista",
        title: "A-FISTA",
        summary: "FISTA with a weight for each scale from the histogram of the zero-filled image, random shifts",
        citation: "Varela-Mattatall, Baron, Menon, MRM 86 (2021)",
        iterations: 100,
        line_iterations: 100,
        footprint: PROXIMAL,
        unbiased: false,
        oracle: "",
        knobs: &[Knob::Wavelet, Knob::Scales, Knob::Shift],
        shift: Some(a_fista::SEED),
        build: |problem, tuning| Box::new(a_fista::new(problem, tuning)),
    },
    Method {
        name: "cg-sense",
        title: "CG-SENSE",
        summary: "least squares by conjugate gradients, stopped early; λ is a Tikhonov weight",
        citation: "Pruessmann, Weiger, Börnert, Boesiger, MRM 46 (2001)",
        iterations: 10,
        line_iterations: 10,
        footprint: PROXIMAL,
        unbiased: false,
        oracle: "",
        knobs: &[Knob::OptionalLambda],
        shift: None,
        build: |problem, tuning| Box::new(CgSense::new(problem, tuning)),
    },
    Method {
        name: "zero-filled",
        title: "zero-filled",
        summary: "density-compensated zero-filled SENSE combination, no iterations",
        citation: "Roemer et al., MRM 16 (1990)",
        iterations: 1,
        line_iterations: 1,
        footprint: DIRECT,
        unbiased: false,
        oracle: "",
        knobs: &[],
        shift: None,
        build: |problem, _| Box::new(ZeroFilled::compensated(problem)),
    },
    Method {
        name: "zero-filled-plain",
        title: "zero-filled, not compensated",
        summary: "zero-filled SENSE combination without density compensation, no iterations",
        citation: "Roemer et al., MRM 16 (1990)",
        iterations: 1,
        line_iterations: 1,
        footprint: DIRECT,
        unbiased: false,
        oracle: "",
        knobs: &[],
        shift: None,
        build: |problem, _| Box::new(ZeroFilled::plain(problem)),
    },
];
