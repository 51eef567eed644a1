//! The geometry of one axial slice through a head, drawn from a seed.
//!
//! Lengths are in half fields of view: the image spans −1 to 1 along its shorter side, x to the patient's left,
//! y to the back, z up. Heights run from the basal ganglia (−0.15) to above the ventricles (0.45).

use std::f64::consts::{FRAC_PI_2, PI, TAU};

use super::field::{Draw, MM, Point, Stream, lerp, smoothstep};
use super::outline::Outline;

/// What an axial slice is painted from.
pub(super) struct Anatomy {
    pub outline: Outline,
    /// Clefts of CSF that the cortex follows: sulci and fissures.
    pub sulci: Vec<Stroke>,
    pub ventricles: Vec<Stroke>,
    /// Deep grey nuclei and lesions, painted in order over white matter.
    pub nuclei: Vec<Blob>,
    /// Vessels, painted over everything.
    pub vessels: Vec<Blob>,
}

/// A line with a width at each of its points.
pub(super) struct Stroke {
    /// Points and half widths.
    pub points: Vec<(Point, f64)>,
}

/// An ellipse of one tissue.
pub(super) struct Blob {
    pub centre: Point,
    pub axes: Point,
    /// Rotation, as cosine and sine.
    pub turn: Point,
    pub value: f64,
}

impl Anatomy {
    pub(super) fn new(seed: u64, z: f64) -> Self {
        let size = (1.0 - ((z - 0.05) / 0.85).powi(2)).sqrt();
        let mut draw = Draw::new(seed, Stream::Anatomy, z);
        let outline = Outline::new(&mut draw, size);
        let mut sulci = Vec::new();
        lateral_sulci(&mut draw, &outline, &mut sulci);
        fissures(&mut draw, &outline, z, &mut sulci);
        let ventricles = ventricles(&mut draw, z, size);
        let mut nuclei = nuclei(&mut draw, z, size);
        lesions(&mut draw, z, &mut nuclei);
        let vessels = vessels(&mut draw, &outline);
        Self {
            outline,
            sulci,
            ventricles,
            nuclei,
            vessels,
        }
    }
}

/// A cleft that starts at `from`, heads along `heading` (an angle) and meanders; wide at its mouth, thin at its
/// end. A short one may fork off it.
fn cleft(draw: &mut Draw, from: Point, heading: f64, length: f64, out: &mut Vec<Stroke>) {
    const STEP: f64 = 1.2 * MM;
    let bend = draw.drift(0.0, 3.0);
    let (sway, rate, phase) = (draw.between(0.25, 0.6), draw.between(45.0, 90.0), draw.drift(0.0, PI));
    let (mouth, base) = (draw.between(0.2, 1.3) * MM, draw.between(0.2, 0.65) * MM);
    let (fork, fork_at, fork_length) = (draw.between(-1.0, 1.0), draw.between(0.4, 0.8), draw.between(0.25, 0.5));
    let direction = |s: f64| heading + bend * s + sway * ((rate * s + phase).sin() - phase.sin());
    let width = |s: f64| mouth * (-s / (2.5 * MM)).exp() + base * (1.0 - s / length).max(0.0).sqrt();
    let walk = |mut at: Point, turn: f64, from: f64, to: f64| {
        let steps = ((to - from) / STEP).ceil().max(1.0);
        let step = (to - from) / steps;
        let mut points = vec![(at, width(from))];
        for i in 0..steps as usize {
            let s = from + (i as f64 + 0.5) * step;
            at = [
                at[0] + step * (direction(s) + turn).cos(),
                at[1] + step * (direction(s) + turn).sin(),
            ];
            points.push((at, width(s + step / 2.0)));
        }
        points
    };
    if length < STEP {
        return;
    }
    let main = walk(from, 0.0, 0.0, length);
    // Which of them fork is drawn once for the head; how far the fork reaches grows from nothing.
    let reach = fork_length * smoothstep((fork.abs() - 0.35) * 4.0);
    if reach > 0.05 {
        let at = (fork_at * (main.len() - 1) as f64) as usize;
        let begin = fork_at * length;
        let points = walk(main[at].0, 1.1 * fork.signum(), begin, begin + reach * length);
        out.push(Stroke { points });
    }
    out.push(Stroke { points: main });
}

/// Sulci of the outer surface, deep and shallow in turn.
fn lateral_sulci(draw: &mut Draw, outline: &Outline, out: &mut Vec<Stroke>) {
    const COUNT: usize = 46;
    for i in 0..COUNT {
        let angle = (i as f64 + draw.drift(0.5, 0.3)) * TAU / COUNT as f64;
        let depth = if i % 2 == 0 {
            draw.between(18.0, 31.0)
        } else {
            draw.between(8.0, 15.0)
        };
        let depth = depth * draw.drift(0.85, 0.2);
        let hull = outline.hull(angle);
        // None beside the midline, where the fissure is.
        let room = smoothstep((hull[0].abs() - 0.04) / 0.08);
        let inward = (-hull[1]).atan2(-hull[0]) + draw.drift(0.0, 0.3);
        let start = [hull[0] * 1.01, hull[1] * 1.01];
        cleft(draw, start, inward, depth * room * MM, out);
    }
}

/// The interhemispheric and Sylvian fissures, and the sulci that open into them.
fn fissures(draw: &mut Draw, outline: &Outline, z: f64, out: &mut Vec<Stroke>) {
    // 1 above the corpus callosum, where the fissure runs from front to back.
    let above = smoothstep((z - 0.27) / 0.1);
    let sway = (draw.drift(0.0, 0.012), draw.between(3.0, 6.0), draw.drift(0.0, 2.0));
    let midline = |y: f64| sway.0 * (sway.1 * y + sway.2).sin();
    let (front, back) = (outline.hull(-FRAC_PI_2)[1] * 1.02, outline.hull(FRAC_PI_2)[1] * 1.02);
    let (genu, splenium) = (lerp(-0.36, 0.01, above), lerp(0.36, -0.01, above));
    for (from, to) in [(front, genu), (back, splenium)] {
        let at = |i: usize| {
            let t = i as f64 / 30.0;
            let y = lerp(from, to, t);
            ([midline(y), y], (0.6 + 1.5 * (-t * 12.0).exp()) * MM)
        };
        out.push(Stroke {
            points: (0..=30).map(at).collect(),
        });
    }
    for (side, outward) in [(-1.0, PI), (1.0, 0.0)] {
        for i in 0..13 {
            let y = lerp(-0.72, 0.72, (i as f64 + draw.drift(0.5, 0.35)) / 13.0);
            let open = smoothstep((genu - y) / 0.06)
                .max(smoothstep((y - splenium) / 0.06))
                .max(above);
            let room = smoothstep((y - front) / 0.15 - 0.5) * smoothstep((back - y) / 0.15 - 0.5);
            let length = draw.between(8.0, 20.0) * open * room * MM;
            let heading = outward + draw.drift(0.0, 0.45);
            cleft(draw, [midline(y), y], heading, length, out);
        }
        sylvian(draw, outline, side, 1.0 - smoothstep((z - 0.15) / 0.15), out);
    }
}

/// The Sylvian fissure: from the side inwards, then along the insula both ways.
fn sylvian(draw: &mut Draw, outline: &Outline, side: f64, presence: f64, out: &mut Vec<Stroke>) {
    let angle = draw.drift(-0.12, 0.1);
    let hull = outline.hull(angle);
    let depth = draw.between(19.0, 24.0) * MM * presence;
    let lengths = [
        draw.between(14.0, 19.0) * MM * presence,
        draw.between(17.0, 24.0) * MM * presence,
    ];
    let width = draw.between(0.7, 1.1) * MM;
    if presence < 0.1 {
        return;
    }
    let along = |from: Point, to: Point, bulge: f64| {
        let point = |i: usize| {
            let t = i as f64 / 12.0;
            let arc = 4.0 * t * (1.0 - t) * bulge;
            let wiggle = 0.8 * MM * (9.0 * t + angle * 20.0).sin();
            let at = [side * (lerp(from[0], to[0], t) + arc + wiggle), lerp(from[1], to[1], t)];
            (at, width * (1.1 - 0.6 * t))
        };
        Stroke {
            points: (0..=12).map(point).collect(),
        }
    };
    let bottom = [hull[0] - depth, hull[1] + 3.0 * MM];
    out.push(along([hull[0] * 1.01, hull[1]], bottom, 0.0));
    out.push(along(bottom, [bottom[0] + 5.0 * MM, bottom[1] - lengths[0]], -1.5 * MM));
    out.push(along(bottom, [bottom[0] + 3.0 * MM, bottom[1] + lengths[1]], -2.5 * MM));
}

/// How wide a structure centred at height `z0` still is at `z`: the profile of an ellipsoid of half height `h`.
fn profile(z: f64, z0: f64, h: f64) -> f64 {
    (1.0 - ((z - z0) / h).powi(2)).max(0.0).sqrt()
}

/// The lateral ventricles (horns in front, bodies, atria behind) and the third one.
fn ventricles(draw: &mut Draw, z: f64, size: f64) -> Vec<Stroke> {
    // Along the right one, from the tip of the horn to the back of the atrium: point and half width.
    const LATERAL: [(Point, f64); 8] = [
        ([0.165, -0.335], 0.000),
        ([0.125, -0.275], 0.020),
        ([0.075, -0.190], 0.036),
        ([0.050, -0.070], 0.018),
        ([0.075, 0.080], 0.018),
        ([0.130, 0.190], 0.036),
        ([0.200, 0.290], 0.042),
        ([0.265, 0.400], 0.000),
    ];
    let plump = draw.between(0.75, 1.2) * size * profile(z, 0.1, 0.29);
    // Below their roof the bodies are out of the slice, and horns and atria lie apart.
    let body = smoothstep((z - 0.02) / 0.14);
    let mut out = Vec::new();
    for side in [-1.0, 1.0] {
        let lean = draw.drift(1.0, 0.1);
        let width = plump * draw.drift(1.0, 0.1);
        let controls = LATERAL.map(|([x, y], half_width)| {
            let here = if (-0.1..0.1).contains(&y) {
                1.5 * body - 0.5
            } else {
                1.0
            };
            [side * x * lean * size, y * size, half_width * width * here]
        });
        let points = spline(&controls, 8).into_iter().map(|[x, y, w]| ([x, y], w.max(0.0)));
        out.push(Stroke {
            points: points.collect(),
        });
    }
    let third = profile(z, -0.02, 0.15) * size;
    let lean = draw.drift(0.0, 0.01);
    let controls = [
        [0.0, -0.04, 0.0],
        [lean, 0.02, 0.012],
        [lean, 0.09, 0.014],
        [0.0, 0.16, 0.0],
    ];
    let points = spline(&controls, 6)
        .into_iter()
        .map(|[x, y, w]| ([x, y], w.max(0.0) * third));
    out.push(Stroke {
        points: points.collect(),
    });
    out
}

/// A Catmull–Rom curve through the controls, `steps` pieces between two of them.
fn spline(controls: &[[f64; 3]], steps: usize) -> Vec<[f64; 3]> {
    let last = controls.len() - 1;
    let at = |i: usize| {
        let (piece, t) = (i / steps, (i % steps) as f64 / steps as f64);
        let near = [
            piece.saturating_sub(1),
            piece,
            (piece + 1).min(last),
            (piece + 2).min(last),
        ];
        [0, 1, 2].map(|axis| {
            let [a, b, c, d] = near.map(|n| controls[n][axis]);
            b + 0.5 * t * (c - a + t * (2.0 * a - 5.0 * b + 4.0 * c - d + t * (3.0 * (b - c) + d - a)))
        })
    };
    (0..=last * steps).map(at).collect()
}

/// Caudate, putamen, pallidum and thalamus of both sides.
fn nuclei(draw: &mut Draw, z: f64, size: f64) -> Vec<Blob> {
    /// Of the right side: centre, semi-axes, rotation; height and half height; brightness.
    type Nucleus = (Point, Point, f64, [f64; 2], f64);
    const NUCLEI: [Nucleus; 4] = [
        ([0.125, -0.17], [0.038, 0.095], 0.25, [0.12, 0.2], 0.63),
        ([0.265, -0.05], [0.042, 0.15], -0.12, [0.02, 0.2], 0.60),
        ([0.200, -0.02], [0.030, 0.085], -0.25, [0.0, 0.14], 0.43),
        ([0.095, 0.09], [0.068, 0.115], 0.45, [0.04, 0.18], 0.57),
    ];
    let mut out = Vec::new();
    for side in [-1.0, 1.0] {
        for (centre, axes, turn, [z0, h], value) in NUCLEI {
            let here = profile(z, z0, h) * size;
            let jitter = [draw.drift(0.0, 0.008), draw.drift(0.0, 0.012)];
            let (sin, cos) = (side * (turn + draw.drift(0.0, 0.06))).sin_cos();
            out.push(Blob {
                centre: [side * centre[0] * size + jitter[0], centre[1] * size + jitter[1]],
                axes: axes.map(|a| a * here),
                turn: [cos, sin],
                value,
            });
        }
    }
    out
}

/// A few small bright lesions of the white matter.
fn lesions(draw: &mut Draw, z: f64, out: &mut Vec<Blob>) {
    for _ in 0..7 {
        let (angle, radius) = (draw.between(0.0, TAU), draw.between(0.28, 0.4));
        let here = profile(z, draw.between(-0.1, 0.45), draw.between(0.06, 0.12));
        let (sin, cos) = draw.between(0.0, PI).sin_cos();
        out.push(Blob {
            centre: [radius * angle.cos(), radius * 1.25 * angle.sin()],
            axes: [draw.between(1.5, 3.0) * MM * here, draw.between(1.0, 2.0) * MM * here],
            turn: [cos, sin],
            value: draw.between(0.68, 0.85),
        });
    }
}

/// The sagittal sinus, and small vessels near the surface, dark or bright by their flow.
fn vessels(draw: &mut Draw, outline: &Outline) -> Vec<Blob> {
    let round = |centre, axes, value| Blob {
        centre,
        axes,
        turn: [1.0, 0.0],
        value,
    };
    let sinus = outline.hull(FRAC_PI_2);
    let mut out = vec![round(
        [draw.drift(0.0, 0.01), sinus[1] + 1.0 * MM],
        [3.2 * MM, 2.8 * MM],
        0.12,
    )];
    for _ in 0..24 {
        let hull = outline.hull(draw.between(0.0, TAU));
        let inside = draw.drift(0.93, 0.06);
        let radius = draw.between(0.4, 0.9) * MM;
        let value = if draw.between(0.0, 1.0) < 0.7 { 0.08 } else { 0.95 };
        let stretch = draw.between(1.0, 2.0);
        out.push(round(hull.map(|h| h * inside), [radius * stretch, radius], value));
    }
    out
}
