use std::ops::{Deref, DerefMut};

/// One cache line, and one of the widest vectors.
const ALIGNMENT: usize = 64;

/// A buffer that begins at a cache line (64 bytes), so that no vector load spans two. It derefs to a slice.
pub struct Aligned<T> {
    storage: Vec<T>,
    start: usize,
    len: usize,
}

impl<T: Copy + Default> Aligned<T> {
    /// `len` zeros.
    pub fn zeros(len: usize) -> Self {
        let spare = ALIGNMENT / size_of::<T>();
        let storage = vec![T::default(); len + spare];
        // A start that is not aligned would only be slower.
        let start = storage.as_ptr().align_offset(ALIGNMENT).min(spare);
        Self { storage, start, len }
    }
}

impl<T> Deref for Aligned<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.storage[self.start..self.start + self.len]
    }
}

impl<T> DerefMut for Aligned<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.storage[self.start..self.start + self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn begins_at_a_cache_line() {
        for len in [1, 5, 1000] {
            let mut values = Aligned::<f32>::zeros(len);
            assert_eq!((values.len(), values.as_ptr().addr() % ALIGNMENT), (len, 0));
            values.fill(1.0);
            assert!(values.iter().all(|&v| v == 1.0));
        }
    }
}
