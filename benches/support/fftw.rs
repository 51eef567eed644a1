//! FFTW in single precision, the yardstick of `roofline`. It is looked for at run time, so that nothing here
//! needs it to build.
//!
//! The only `unsafe` of this repository: FFTW is a C library. Signatures are those of its manual, section 4.

use std::ffi::{c_int, c_uint, c_void};
use std::ptr::null;
use std::slice;

use libloading::Library;
use num_complex::Complex;
use pvdamp::array::Grid;
use rayon::prelude::*;

/// Where the library is looked for; empty for none, so that its absence can be tried.
const VARIABLE: &str = "PVDAMP_FFTW";
const NAMES: [&str; 3] = ["libfftw3f.so.3", "libfftw3f.3.dylib", "libfftw3f-3.dll"];

const FORWARD: c_int = -1;
const BACKWARD: c_int = 1;
/// Plans are chosen by measuring them.
const MEASURE: c_uint = 0;
/// Values from one plane to the next are a multiple of these, so that all planes are aligned alike.
const ALIGNED: usize = 8;

type Value = Complex<f32>;
type PlanMany = unsafe extern "C" fn(
    c_int,
    *const c_int,
    c_int,
    *mut Value,
    *const c_int,
    c_int,
    c_int,
    *mut Value,
    *const c_int,
    c_int,
    c_int,
    c_int,
    c_uint,
) -> *mut c_void;

pub struct Fftw {
    plan_many: PlanMany,
    execute_dft: unsafe extern "C" fn(*mut c_void, *mut Value, *mut Value),
    destroy_plan: unsafe extern "C" fn(*mut c_void),
    malloc: unsafe extern "C" fn(usize) -> *mut c_void,
    free: unsafe extern "C" fn(*mut c_void),
    /// The functions above are good while this is loaded.
    _library: Library,
}

impl Fftw {
    /// `None` where there is no such library.
    pub fn load() -> Option<Self> {
        let named = std::env::var(VARIABLE).ok();
        let names = named.as_deref().map_or(NAMES.to_vec(), |name| vec![name]);
        // SAFETY: loading FFTW runs no code of it, and the types are those of its header.
        unsafe {
            let library = names.iter().find_map(|name| Library::new(name).ok())?;
            Some(Self {
                plan_many: *library.get(b"fftwf_plan_many_dft\0").ok()?,
                execute_dft: *library.get(b"fftwf_execute_dft\0").ok()?,
                destroy_plan: *library.get(b"fftwf_destroy_plan\0").ok()?,
                malloc: *library.get(b"fftwf_malloc\0").ok()?,
                free: *library.get(b"fftwf_free\0").ok()?,
                _library: library,
            })
        }
    }

    /// Plans, which takes a while, for `count` planes of a grid.
    pub fn planes(&self, grid: Grid, count: usize) -> Planes<'_> {
        let stride = grid.len().next_multiple_of(ALIGNED);
        let bytes = count * stride * size_of::<Value>();
        // SAFETY: so many bytes, aligned for vectors; zeros are complex numbers.
        let data = unsafe {
            let data = (self.malloc)(bytes).cast::<Value>();
            assert!(!data.is_null(), "no memory for {bytes} bytes");
            data.write_bytes(0, count * stride);
            data
        };
        let plan = |planes: usize, sign: c_int| {
            let sizes = [grid.rows as c_int, grid.cols as c_int];
            let (count, distance) = (planes as c_int, stride as c_int);
            // SAFETY: in place, in the memory above, which holds as many planes.
            let plan = unsafe {
                (self.plan_many)(
                    2,
                    sizes.as_ptr(),
                    count,
                    data,
                    null(),
                    1,
                    distance,
                    data,
                    null(),
                    1,
                    distance,
                    sign,
                    MEASURE,
                )
            };
            assert!(!plan.is_null(), "FFTW has no plan for {grid}");
            Plan(plan)
        };
        Planes {
            all: [plan(count, FORWARD), plan(count, BACKWARD)],
            one: [plan(1, FORWARD), plan(1, BACKWARD)],
            fftw: self,
            grid,
            stride,
            data: Data(data, count * stride),
        }
    }
}

struct Plan(*mut c_void);
/// The memory of the planes: where it is, and how many values.
struct Data(*mut Value, usize);

// SAFETY: plans are not changed once they are made, and may be executed by several threads at once (FFTW's manual,
// section 5.4); the memory belongs to its `Planes` alone.
unsafe impl Send for Plan {}
unsafe impl Sync for Plan {}
unsafe impl Send for Data {}
unsafe impl Sync for Data {}

impl Data {
    fn values(&mut self) -> &mut [Value] {
        // SAFETY: memory of so many values, which nobody else has.
        unsafe { slice::from_raw_parts_mut(self.0, self.1) }
    }
}

/// Planes to transform in place, neither centred nor scaled.
pub struct Planes<'a> {
    fftw: &'a Fftw,
    grid: Grid,
    stride: usize,
    data: Data,
    /// Forward and backward, of all planes at once.
    all: [Plan; 2],
    /// The same, of one plane.
    one: [Plan; 2],
}

impl Planes<'_> {
    pub fn fill(&mut self, image: &[Value]) {
        let planes = self.data.values().chunks_exact_mut(self.stride);
        planes.for_each(|plane| plane[..self.grid.len()].copy_from_slice(image));
    }

    /// There and back, one plan for all planes, on one thread.
    pub fn at_once(&mut self) {
        for plan in &self.all {
            // SAFETY: the plan was made for this memory.
            unsafe { (self.fftw.execute_dft)(plan.0, self.data.0, self.data.0) };
        }
    }

    /// There and back, plane by plane, on the threads of the pool.
    pub fn one_by_one(&mut self) {
        let (execute, plans) = (self.fftw.execute_dft, &self.one);
        self.data.values().par_chunks_exact_mut(self.stride).for_each(|plane| {
            for plan in plans {
                // SAFETY: a plane like the one the plan was made for, aligned like it.
                unsafe { execute(plan.0, plane.as_mut_ptr(), plane.as_mut_ptr()) };
            }
        });
    }
}

impl Drop for Planes<'_> {
    fn drop(&mut self) {
        for plan in self.all.iter().chain(&self.one) {
            // SAFETY: made by this library, and not used again.
            unsafe { (self.fftw.destroy_plan)(plan.0) };
        }
        // SAFETY: as above.
        unsafe { (self.fftw.free)(self.data.0.cast()) };
    }
}
