//! NIfTI-1 (Cox et al. 2004, <https://nifti.nimh.nih.gov/nifti-1>): float32 magnitudes in one file, `.nii`, or
//! compressed by gzip, `.nii.gz`. The header is written here, field by field: it is 348 bytes long.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use ndarray::ArrayView2;
use num_complex::Complex;

use super::super::atomic_file::{AtomicFile, unwritable};
use super::orientation::{Stack, Vector, dot, first_pixel, norm, scaled, stack};
use super::part::Part;
use super::sink::{ImageFormat, ImageSink, Series, one_file};
use super::staging::{StagedImages, little_endian};
use crate::error::{Error, Result};

pub(super) const FORMAT: ImageFormat = ImageFormat {
    name: "nifti",
    title: "NIfTI-1",
    summary: "float32 magnitude, or parts, with the place in the scanner; .nii.gz is compressed",
    citation: "Cox et al., Hum Brain Mapp, Budapest (2004)",
    extensions: &["nii", "nii.gz"],
    complex: false,
    parts: true,
    files: one_file,
    create,
    kspace: None,
};

const HEADER: usize = 348;
/// Of the data: the header, and four bytes that say that no extension follows.
const OFFSET: usize = HEADER + 4;

fn create(path: &Path, series: &Series) -> Result<Box<dyn ImageSink>> {
    let longest = [series.grid.rows, series.grid.cols, series.slices].into_iter().max();
    if longest > Some(i16::MAX as usize) {
        let problem = format!(
            "{} images of {} are too many or too large for NIfTI-1",
            series.slices, series.grid
        );
        return Err(Error::data(path, problem, "write HDF5 or another format"));
    }
    let placed = placed(series).map_err(|why| {
        let mend = "write another format, which has a place for each slice: .dcm, or HDF5";
        Error::data(path, format!("NIfTI cannot hold this series: {why}"), mend)
    })?;
    let order = match &placed {
        Some(placed) => placed.order.clone(),
        None => vec![(0..series.slices).collect()],
    };
    let names = FORMAT.names(path, &series.parts).into_iter();
    let volumes = names.map(|(part, path)| {
        Ok(Volume {
            part,
            file: AtomicFile::create(&path)?,
            staged: StagedImages::create(&path, series.slices, series.grid)?,
            path,
        })
    });
    Ok(Box::new(Nifti {
        header: header(series, placed.as_ref(), &order),
        order,
        volumes: volumes.collect::<Result<_>>()?,
    }))
}

/// Where the slices lie, where that is known.
fn placed(series: &Series) -> std::result::Result<Option<Stack>, String> {
    match series.geometry.voxel_mm {
        Some(voxel) if !series.geometry.placements.is_empty() => stack(&series.geometry.placements, voxel[2]).map(Some),
        _ => Ok(None),
    }
}

/// Slices that wait until all are there: they are written in the order of their places, and gzip can only append.
struct Nifti {
    header: [u8; HEADER],
    order: Vec<Vec<usize>>,
    volumes: Vec<Volume>,
}

/// One part of the images.
struct Volume {
    part: Part,
    file: AtomicFile,
    path: PathBuf,
    staged: StagedImages,
}

impl ImageSink for Nifti {
    fn write(&mut self, slice: usize, image: ArrayView2<Complex<f32>>) -> Result<()> {
        for volume in &mut self.volumes {
            let values = volume.part.of(&volume.path, slice, image)?;
            volume.staged.write(slice, values.view())?;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<()> {
        let Self { header, order, volumes } = *self;
        let files = volumes.into_iter().map(|volume| volume.encode(&header, &order));
        AtomicFile::commit_all(files.collect::<Result<_>>()?)
    }
}

impl Volume {
    /// The file, still under its temporary name.
    fn encode(self, header: &[u8; HEADER], order: &[Vec<usize>]) -> Result<AtomicFile> {
        let Self {
            file, path, mut staged, ..
        } = self;
        let failed = |e: std::io::Error| unwritable(&path, e);
        let compressed = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("gz"));
        let buffer = if compressed {
            let mut gzip = GzEncoder::new(BufWriter::new(file), Compression::default());
            write(&mut gzip, header, order, &mut staged, &failed)?;
            gzip.finish().map_err(failed)?
        } else {
            let mut buffer = BufWriter::new(file);
            write(&mut buffer, header, order, &mut staged, &failed)?;
            buffer
        };
        let mut file = buffer.into_inner().map_err(|e| failed(e.into_error()))?;
        file.close()?;
        Ok(file)
    }
}

/// Rows are the first axis, which is the fastest.
fn write(
    file: &mut impl Write,
    header: &[u8; HEADER],
    order: &[Vec<usize>],
    staged: &mut StagedImages,
    failed: &dyn Fn(std::io::Error) -> Error,
) -> Result<()> {
    file.write_all(header).map_err(failed)?;
    file.write_all(&[0; OFFSET - HEADER]).map_err(failed)?;
    for &slice in order.iter().flatten() {
        let image = staged.read(slice)?;
        file.write_all(&little_endian(image.t().iter().copied()))
            .map_err(failed)?;
    }
    Ok(())
}

/// The fields of `nifti1.h` by their offsets, little endian; all others are zero.
fn header(series: &Series, placed: Option<&Stack>, order: &[Vec<usize>]) -> [u8; HEADER] {
    const MILLIMETRES: u8 = 2;
    const SCANNER: i16 = 1;
    let mut bytes = [0; HEADER];
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    let (times, places) = (order.len(), order[0].len());
    let axes = if times > 1 { 4 } else { 3 };
    let dim = [axes, series.grid.rows, series.grid.cols, places, times, 1, 1, 1];
    let mut voxel = series.geometry.voxel_mm.unwrap_or([1.0; 3]);
    if let Some(stack) = placed {
        voxel[2] = norm(stack.step);
    }
    put(0, &(HEADER as i32).to_le_bytes());
    for (i, n) in dim.into_iter().enumerate() {
        put(40 + 2 * i, &(n as i16).to_le_bytes());
    }
    put(70, &16_i16.to_le_bytes()); // datatype float32
    put(72, &32_i16.to_le_bytes()); // bits of a value
    for (i, size) in [1.0, voxel[0], voxel[1], voxel[2], 1.0, 1.0, 1.0, 1.0]
        .into_iter()
        .enumerate()
    {
        put(76 + 4 * i, &(size as f32).to_le_bytes());
    }
    put(108, &(OFFSET as f32).to_le_bytes());
    put(112, &1_f32.to_le_bytes()); // slope
    if series.geometry.voxel_mm.is_some() {
        put(123, &[MILLIMETRES]);
    }
    let text = series
        .description
        .bytes()
        .filter(|b| (b' '..=b'~').contains(b))
        .take(79);
    put(148, &text.collect::<Vec<u8>>());
    put(344, b"n+1\0");
    if let Some(stack) = placed {
        let [rows, cols, slices, origin] = affine(series, stack, voxel);
        put(254, &SCANNER.to_le_bytes());
        for axis in 0..3 {
            for (i, column) in [rows, cols, slices, origin].into_iter().enumerate() {
                put(280 + 16 * axis + 4 * i, &(column[axis] as f32).to_le_bytes());
            }
        }
        if let Some((quaternion, handed)) = rotation([rows, cols, slices]) {
            put(252, &SCANNER.to_le_bytes());
            put(76, &handed.to_le_bytes());
            for (i, value) in quaternion.into_iter().chain(origin).enumerate() {
                put(256 + 4 * i, &(value as f32).to_le_bytes());
            }
        }
    }
    bytes
}

/// The columns of the affine, in NIfTI's coordinates: towards right, anterior, superior.
fn affine(series: &Series, stack: &Stack, voxel: Vector) -> [Vector; 4] {
    let first = &stack.first;
    let columns = [
        scaled(first.rows, voxel[0]),
        scaled(first.cols, voxel[1]),
        stack.step,
        first_pixel(first, series, voxel),
    ];
    columns.map(|[left, posterior, superior]| [-left, -posterior, superior])
}

/// The parts b, c, d of the unit quaternion of the axes, and 1 or -1 where the third is turned over to make them
/// right-handed; nothing of axes that are not at right angles, for which there is none.
fn rotation(columns: [Vector; 3]) -> Option<([f64; 3], f32)> {
    let [x, y, mut z] = columns.map(|column| scaled(column, 1.0 / norm(column)));
    let skew = [dot(x, y), dot(y, z), dot(z, x)];
    if !skew.iter().all(|cosine| cosine.abs() < 1e-3) {
        return None;
    }
    let cross = [
        x[1] * y[2] - x[2] * y[1],
        x[2] * y[0] - x[0] * y[2],
        x[0] * y[1] - x[1] * y[0],
    ];
    let handed = if dot(cross, z) < 0.0 { -1.0 } else { 1.0 };
    z = scaled(z, handed);
    // the squares of a, b, c, d follow from the diagonal; the largest is safe to divide by
    let diagonal = [x[0], y[1], z[2]];
    let square = |signs: [f64; 3]| 1.0 + dot(diagonal, signs);
    let squares = [
        square([1.0, 1.0, 1.0]),
        square([1.0, -1.0, -1.0]),
        square([-1.0, 1.0, -1.0]),
        square([-1.0, -1.0, 1.0]),
    ];
    let largest = (0..4).max_by(|&i, &j| squares[i].total_cmp(&squares[j]))?;
    let twice = squares[largest].sqrt();
    let (ab, ac, ad) = (y[2] - z[1], z[0] - x[2], x[1] - y[0]);
    let (bc, bd, cd) = (y[0] + x[1], z[0] + x[2], z[1] + y[2]);
    let products = [
        [twice * twice, ab, ac, ad],
        [ab, twice * twice, bc, bd],
        [ac, bc, twice * twice, cd],
        [ad, bd, cd, twice * twice],
    ];
    let [a, b, c, d] = products[largest].map(|product| product / (2.0 * twice));
    let sign = if a < 0.0 { -1.0 } else { 1.0 };
    Some((scaled([b, c, d], sign), handed as f32))
}
