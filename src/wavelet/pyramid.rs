use std::sync::Arc;

use crate::array::Grid;

/// Which filter ran along which axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Orientation {
    /// High-pass along the rows axis (axis 0), low-pass along the other: horizontal edges.
    H,
    /// High-pass along the columns axis (axis 1): vertical edges.
    V,
    /// High-pass along both.
    D,
    /// Low-pass along both; only at the coarsest scale.
    A,
}

/// One subband: where it lies in a pyramid's buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Band {
    /// Along which axes it is high-pass.
    pub orientation: Orientation,
    /// Its scale, counted from 1, the finest.
    pub scale: usize,
    /// Rows and columns of coefficients: those of the padded image over `2^scale`.
    pub grid: Grid,
    /// Index of its first coefficient in the buffer of a [`Pyramid`].
    pub offset: usize,
}

impl Band {
    /// The indices of its coefficients in the buffer of a [`Pyramid`].
    pub fn range(&self) -> std::ops::Range<usize> {
        self.offset..self.offset + self.grid.len()
    }

    /// Orientation and scale, such as `H1` or `A4`.
    pub fn name(&self) -> String {
        format!("{:?}{}", self.orientation, self.scale)
    }
}

/// The subbands of an image size: H1 V1 D1 H2 … D_s A_s, `3s + 1` in all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Size of the image.
    pub image: Grid,
    /// Size of the image with each side rounded up to a multiple of `2^scales`.
    pub padded: Grid,
    /// Number of scales s, at least 1.
    pub scales: usize,
    /// The subbands, in the order of the buffer.
    pub bands: Vec<Band>,
}

impl Layout {
    /// Divides an image into the subbands of `scales` scales, at least 1.
    pub fn new(image: Grid, scales: usize) -> Self {
        let step = 1 << scales;
        let padded = Grid::new(image.rows.next_multiple_of(step), image.cols.next_multiple_of(step));
        let mut bands = Vec::with_capacity(3 * scales + 1);
        let mut offset = 0;
        let mut push = |orientation, scale: usize| {
            let grid = Grid::new(padded.rows >> scale, padded.cols >> scale);
            bands.push(Band {
                orientation,
                scale,
                grid,
                offset,
            });
            offset += grid.len();
        };
        for scale in 1..=scales {
            push(Orientation::H, scale);
            push(Orientation::V, scale);
            push(Orientation::D, scale);
        }
        push(Orientation::A, scales);
        Self {
            image,
            padded,
            scales,
            bands,
        }
    }

    /// The indices of the detail subbands H, V, D of a scale, which lie one after the other.
    ///
    /// # Panics
    /// If there is no such scale.
    pub fn details(&self, scale: usize) -> std::ops::Range<usize> {
        let first = 3 * (scale - 1);
        self.bands[first].offset..self.bands[first + 2].range().end
    }

    /// [`Band::name`] of every subband, in their order.
    pub fn band_names(&self) -> Vec<String> {
        self.bands.iter().map(Band::name).collect()
    }

    /// The most scales that leave at least `filter_length` samples along the shorter side before the last
    /// splitting, so that no filter wraps around its own support; at least one. `filter_length` is at least 1.
    pub fn deepest(image: Grid, filter_length: usize) -> usize {
        let shortest = image.rows.min(image.cols);
        (1..)
            .take_while(|&scale| shortest >> (scale - 1) >= filter_length)
            .last()
            .unwrap_or(1)
    }
}

/// A value for every wavelet coefficient. Each subband is contiguous.
#[derive(Clone, Debug)]
pub struct Pyramid<V> {
    /// Which subbands there are, and where.
    pub layout: Arc<Layout>,
    /// The values of all subbands, in the order of [`Layout::bands`], each row-major.
    pub values: Vec<V>,
}

impl<V: Clone> Pyramid<V> {
    /// A pyramid with the same value everywhere.
    pub fn filled(layout: &Arc<Layout>, value: V) -> Self {
        Self {
            layout: Arc::clone(layout),
            values: vec![value; layout.padded.len()],
        }
    }
}

impl<V> Pyramid<V> {
    /// Subband `index` of [`Layout::bands`], row-major.
    ///
    /// # Panics
    /// If there is no such subband.
    pub fn band(&self, index: usize) -> &[V] {
        &self.values[self.layout.bands[index].range()]
    }

    /// [`Self::band`], to be written.
    pub fn band_mut(&mut self, index: usize) -> &mut [V] {
        let range = self.layout.bands[index].range();
        &mut self.values[range]
    }

    /// All subbands, in the order of [`Layout::bands`].
    pub fn bands_mut(&mut self) -> Vec<&mut [V]> {
        let mut rest = &mut self.values[..];
        let mut next = |len: usize| {
            let (band, after) = std::mem::take(&mut rest).split_at_mut(len);
            rest = after;
            band
        };
        self.layout.bands.iter().map(|band| next(band.grid.len())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_tile_the_padded_grid() {
        let layout = Layout::new(Grid::new(230, 181), 4);
        assert_eq!(layout.padded, Grid::new(240, 192));
        let names = layout.band_names();
        assert_eq!((names.len(), names[0].as_str(), names[12].as_str()), (13, "H1", "A4"));
        let mut next = 0;
        for band in &layout.bands {
            assert_eq!(band.offset, next);
            next += band.grid.len();
        }
        assert_eq!(next, layout.padded.len());
    }

    #[test]
    fn subbands_together_are_those_one_by_one() {
        let layout = Arc::new(Layout::new(Grid::new(20, 12), 2));
        let mut pyramid = Pyramid::filled(&layout, 0);
        (0..).zip(&mut pyramid.values).for_each(|(i, value)| *value = i);
        let same = pyramid.clone();
        let bands = pyramid.bands_mut();
        assert_eq!(bands.len(), layout.bands.len());
        for (index, band) in bands.into_iter().enumerate() {
            assert_eq!(band, same.band(index));
        }
    }

    #[test]
    fn deepest_keeps_filters_inside_the_image() {
        assert_eq!(Layout::deepest(Grid::new(256, 256), 8), 6);
        assert_eq!(Layout::deepest(Grid::new(256, 16), 8), 2);
        assert_eq!(Layout::deepest(Grid::new(4, 4), 8), 1);
    }
}
