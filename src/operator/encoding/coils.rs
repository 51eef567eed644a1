use std::sync::Mutex;

use num_complex::Complex;

use crate::array::{Grid, LANES, Maps, Real};
use crate::fourier::{Along, Fourier, Panels, Scratch};
use crate::operator::products::accumulate_conjugate;

/// What an [`Encoding`](super::Encoding) is beside its mask: coil sensitivity maps and the Fourier transform.
pub(super) struct Coils<T: Real> {
    pub(super) fourier: Fourier<T>,
    pub(super) sets: usize,
    pub(super) count: usize,
    /// Of each set and, in it, each coil: groups of columns, as the transform along them wants them.
    maps: Vec<Panels<T>>,
    /// Whether any map has a value in a group of columns.
    pub(super) seen: Vec<bool>,
    /// `SᴴS`: `Σ_c conj(S_{m,c}) S_{m',c}` of each set m and, in it, each set m', as the maps are.
    pub(super) gram: Vec<Panels<T>>,
    /// Buffers handed from task to task, and those for images.
    idle: Mutex<Vec<Scratch<T>>>,
    idle_images: Mutex<Vec<Panels<T>>>,
}

impl<T: Real> Coils<T> {
    /// `maps` is `(sets, coils, rows, cols)`.
    pub(super) fn new(maps: Maps<T>) -> Self {
        let (sets, count, rows, cols) = maps.dim();
        let fourier = Fourier::new(Grid::new(rows, cols));
        let maps = panels_of(&fourier, maps);
        let size = rows * LANES;
        let any = |group: usize| {
            let range = group * size..(group + 1) * size;
            let not_zero = |parts: &[T]| parts.iter().any(|&v| v != T::zero());
            maps.iter()
                .any(|map| not_zero(&map.re[range.clone()]) || not_zero(&map.im[range.clone()]))
        };
        Self {
            sets,
            count,
            seen: (0..fourier.groups(Along::Columns)).map(any).collect(),
            gram: gram(&fourier, &maps, sets, count),
            maps,
            fourier,
            idle: Mutex::default(),
            idle_images: Mutex::default(),
        }
    }

    pub(super) fn panels(&self, set: usize, coil: usize) -> &Panels<T> {
        &self.maps[set * self.count + coil]
    }

    /// Buffers that an earlier task has left, or new ones.
    pub(super) fn scratch(&self) -> Scratch<T> {
        taken(&self.idle).unwrap_or_else(|| self.fourier.scratch())
    }

    /// Leaves buffers to a later task.
    pub(super) fn put_back(&self, scratch: Scratch<T>) {
        self.idle.lock().unwrap_or_else(|e| e.into_inner()).push(scratch);
    }

    pub(super) fn image(&self) -> Panels<T> {
        taken(&self.idle_images).unwrap_or_else(|| self.fourier.panels())
    }

    pub(super) fn put_back_images(&self, images: Vec<Panels<T>>) {
        self.idle_images
            .lock()
            .unwrap_or_else(|e| e.into_inner())
            .extend(images);
    }
}

fn gram<T: Real>(fourier: &Fourier<T>, maps: &[Panels<T>], sets: usize, coils: usize) -> Vec<Panels<T>> {
    let vectors: Vec<u32> = (0..(fourier.groups(Along::Columns) * fourier.length(Along::Columns)) as u32).collect();
    let of_sets = |(a, b): (usize, usize)| {
        let mut sum = fourier.panels();
        for coil in 0..coils {
            let [left, right] = [a, b].map(|set| &maps[set * coils + coil]);
            accumulate_conjugate(
                (&left.re, &left.im),
                (&right.re, &right.im),
                &vectors,
                (&mut sum.re, &mut sum.im),
            );
        }
        sum
    };
    (0..sets)
        .flat_map(|a| (0..sets).map(move |b| (a, b)))
        .map(of_sets)
        .collect()
}

/// One for each set and, in it, each coil.
fn panels_of<T: Real>(fourier: &Fourier<T>, maps: Maps<T>) -> Vec<Panels<T>> {
    let maps = if maps.is_standard_layout() {
        maps
    } else {
        maps.as_standard_layout().into_owned()
    };
    let planes = maps.as_slice().expect("standard layout");
    let one = |plane: &[Complex<T>]| {
        let mut panels = fourier.panels();
        fourier.load(plane, &mut panels);
        panels
    };
    planes.chunks_exact(fourier.grid().len()).map(one).collect()
}

fn taken<V>(idle: &Mutex<Vec<V>>) -> Option<V> {
    idle.lock().unwrap_or_else(|e| e.into_inner()).pop()
}
