//! The outside of the head: skin, scalp, skull and fluid down to the hull of the brain.

use std::f64::consts::TAU;

use super::field::{Draw, MM, Point, Ring, lerp};

/// The skin, and the layers below it, tabulated by the angle about the centre.
pub(super) struct Outline {
    table: Vec<Layers>,
}

/// The layers along one angle.
#[derive(Clone, Copy)]
pub(super) struct Layers {
    /// Distance of the skin from the centre.
    pub radius: f64,
    /// What a step along the radius is worth along the normal of the skin: 1 for a circle.
    pub normal: f64,
    /// Depths below the skin at which skull, fluid and brain begin.
    pub skull: f64,
    pub fluid: f64,
    pub brain: f64,
}

impl Outline {
    /// An ellipse, broader towards the back, with layers of varying thickness.
    pub(super) fn new(draw: &mut Draw, size: f64) -> Self {
        const ANGLES: usize = 1440;
        let (width, length) = (draw.between(0.69, 0.73) * size, draw.between(0.86, 0.91) * size);
        let shape = Ring::new(draw, 1.0, 0.008, 2..6);
        let scalp = Ring::new(draw, 6.0 * MM, 1.5 * MM, 1..7);
        let bone = Ring::new(draw, 6.5 * MM, 1.5 * MM, 1..9);
        let fluid = Ring::new(draw, 2.0 * MM, 1.0 * MM, 1..16);
        let radius = |angle: f64| {
            let (sin, cos) = angle.sin_cos();
            (shape.at(angle) + 0.02 * (3.0 * angle).sin()) / (cos / width).hypot(sin / length)
        };
        let layers = |i: usize| {
            let step = TAU / ANGLES as f64;
            let angle = i as f64 * step;
            let slope = (radius(angle + step) - radius(angle - step)) / (2.0 * step * radius(angle));
            let skull = scalp.at(angle);
            let inner = skull + bone.at(angle);
            Layers {
                radius: radius(angle),
                normal: 1.0 / slope.hypot(1.0),
                skull,
                fluid: inner,
                brain: inner + fluid.at(angle),
            }
        };
        Self {
            table: (0..ANGLES).map(layers).collect(),
        }
    }

    pub(super) fn layers(&self, angle: f64) -> Layers {
        let at = angle.rem_euclid(TAU) / TAU * self.table.len() as f64;
        let low = at as usize % self.table.len();
        let (a, b) = (&self.table[low], &self.table[(low + 1) % self.table.len()]);
        let mix = |from, to| lerp(from, to, at.fract());
        Layers {
            radius: mix(a.radius, b.radius),
            normal: mix(a.normal, b.normal),
            skull: mix(a.skull, b.skull),
            fluid: mix(a.fluid, b.fluid),
            brain: mix(a.brain, b.brain),
        }
    }

    /// The point of the brain's hull at an angle.
    pub(super) fn hull(&self, angle: f64) -> Point {
        let layers = self.layers(angle);
        let radius = layers.radius - layers.brain / layers.normal;
        [radius * angle.cos(), radius * angle.sin()]
    }
}
