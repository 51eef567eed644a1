use std::path::{Path, PathBuf};

use clap::Args;
use ndarray::{Array2, ArrayView3, Axis};
use num_complex::Complex;

use super::arguments::parse_grid;
use super::console::{self, Console};
use pvdamp::array::Grid;
use pvdamp::coil::root_sum_of_squares;
use pvdamp::fourier::Fourier;
use pvdamp::simulate::{SimulatedSlice, SimulationSettings, simulate_slice};
use pvdamp_io::error::Result;
use pvdamp_io::format::{
    AXES, Attribute, Geometry, Hdf5Output, Header, OutputDataset, Plane, header_xml, volume_header_xml, write_geometry,
};

/// Simulate a fully sampled multi-coil scan of a brain-like phantom
#[derive(Args)]
#[command(after_help = "\
EXAMPLES
  pvdamp simulate --size 256x256 --coils 8 --slices 4 --noise 0.01 --seed 1 -o scan.h5
  pvdamp simulate --size 128x128 --coils 8 --slices 64 --volume -o volume.h5

The file is laid out as fastMRI's: 'kspace', 'reconstruction_rss', 'ismrmrd_header'; and beside them the truth:
'ground_truth' (complex, SENSE-combined) and 'sensitivity_maps'.")]
pub struct Simulate {
    /// Image size, N or ROWSxCOLS
    #[arg(long, value_name = "SIZE", default_value = "256x256", value_parser = parse_grid)]
    size: Grid,

    /// Receive coils
    #[arg(long, value_name = "N", default_value_t = 8)]
    coils: usize,

    /// Slices
    #[arg(long, value_name = "N", default_value_t = 1)]
    slices: usize,

    /// One volume instead of slices: k-space (coils, kx, ky, kz), with the slices as positions along the readout x
    #[arg(long)]
    volume: bool,

    /// Standard deviation of the complex noise of each k-space sample; the brightest tissue is about 1
    #[arg(long, value_name = "SIGMA", default_value_t = 0.01)]
    noise: f64,

    /// Seed of anatomy and noise
    #[arg(long, value_name = "SEED", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    seed: u64,

    /// Scan to write, HDF5
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

impl Simulate {
    pub fn run(&self, console: &Console) -> Result<()> {
        let settings = SimulationSettings {
            grid: self.size,
            coils: self.coils,
            slices: self.slices,
            noise: self.noise,
            seed: self.seed,
        };
        let layout = if self.volume { Layout::Volume } else { Layout::Slices };
        write_scan(&settings, layout, &self.output, console)
    }
}

/// What a simulated scan says of its acquisition.
pub const SIMULATED: &str = "SIMULATED";

/// How k-space is encoded.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// `(slices, coils, rows, cols)`.
    Slices,
    /// `(coils, kx, ky, kz)`: transformed across the slices too.
    Volume,
}

/// Simulates slice after slice into a file.
pub fn write_scan(settings: &SimulationSettings, layout: Layout, path: &Path, console: &Console) -> Result<()> {
    settings.validate()?;
    console::catch_interrupt();
    let &SimulationSettings {
        grid,
        coils,
        slices,
        noise,
        seed,
    } = settings;
    let file = Hdf5Output::create(path)?;
    let kspace = Kspace::create(&file, layout, settings)?;
    let maps = file.dataset::<Complex<f32>>("sensitivity_maps", &[slices, coils, grid.rows, grid.cols])?;
    let truth = file.dataset::<Complex<f32>>("ground_truth", &[slices, grid.rows, grid.cols])?;
    let reference = file.dataset::<f32>("reconstruction_rss", &[slices, grid.rows, grid.cols])?;
    file.attribute("sensitivity_maps", &Attribute::new(AXES, "slices,coils,rows,cols"))?;
    let header = match layout {
        Layout::Slices => header_xml(grid, coils, slices),
        Layout::Volume => volume_header_xml(grid, coils, slices),
    };
    file.text("ismrmrd_header", &header)?;
    if layout == Layout::Volume {
        // images read without their k-space would be taken for slices of a two-dimensional scan
        let header = Header::parse(&header).ok();
        write_geometry(&file, &Geometry::of_header(header.as_ref(), Plane::Yz, grid))?;
    }

    let (mut max, mut energy) = (0.0f32, 0.0);
    let bar = console.progress(slices);
    bar.set_message("simulating");
    for slice in 0..slices {
        console::check_interrupt()?;
        let SimulatedSlice {
            image,
            maps: map,
            kspace: data,
        } = simulate_slice(settings, slice)?;
        let rss = root_sum_of_squares_of(data.view());
        max = rss.iter().copied().fold(max, f32::max);
        energy += rss.iter().map(|&v| f64::from(v) * f64::from(v)).sum::<f64>();
        kspace.write(slice, data.view())?;
        maps.write_slice(slice, map.view())?;
        truth.write_slice(slice, image.view())?;
        reference.write_slice(slice, rss.view())?;
        bar.inc(1);
    }
    kspace.finish()?;
    bar.finish_and_clear();
    for attribute in [
        Attribute::new("acquisition", SIMULATED),
        Attribute::new("patient_id", format!("pvdamp-simulated-{seed}")),
        Attribute::new("max", f64::from(max)),
        Attribute::new("norm", energy.sqrt()),
        Attribute::new("noise_standard_deviation", noise),
        Attribute::new("seed", seed as i64),
        Attribute::new("pvdamp_version", env!("CARGO_PKG_VERSION")),
    ] {
        file.attribute("/", &attribute)?;
    }
    file.finish()?;
    let written = path.display();
    console.say(&format!(
        "wrote {written}: {slices} slice(s) of {grid}, {coils} coil(s), seed {seed}"
    ));
    Ok(())
}

/// The k-space being written.
struct Kspace {
    dataset: OutputDataset<Complex<f32>>,
    layout: Layout,
    /// Coils, slices, rows, columns.
    shape: [usize; 4],
}

impl Kspace {
    fn create(file: &Hdf5Output, layout: Layout, settings: &SimulationSettings) -> Result<Self> {
        let &SimulationSettings {
            grid, coils, slices, ..
        } = settings;
        let shape = [coils, slices, grid.rows, grid.cols];
        let dataset = match layout {
            Layout::Slices => file.dataset("kspace", &[slices, coils, grid.rows, grid.cols])?,
            Layout::Volume => file.dataset("kspace", &shape)?,
        };
        if layout == Layout::Volume {
            file.attribute("kspace", &Attribute::new(AXES, "coil,kx,ky,kz"))?;
        }
        Ok(Self { dataset, layout, shape })
    }

    fn write(&self, slice: usize, data: ArrayView3<Complex<f32>>) -> Result<()> {
        match self.layout {
            Layout::Slices => self.dataset.write_slice(slice, data),
            Layout::Volume => self.dataset.write_block(&[0, slice, 0, 0], data.insert_axis(Axis(1))),
        }
    }

    /// Transforms a volume along the slices, in the file, a few rows of a coil at a time. The transform is unitary: the
    /// noise stays as it is.
    fn finish(&self) -> Result<()> {
        // values, half a megabyte
        const BLOCK: usize = 1 << 16;
        if self.layout == Layout::Slices {
            return Ok(());
        }
        let [coils, slices, rows, cols] = self.shape;
        let fourier = Fourier::new(Grid::new(1, slices));
        let mut scratch = fourier.scratch();
        let mut line = vec![Complex::new(0.0, 0.0); slices];
        let step = (BLOCK / (slices * cols)).clamp(1, rows);
        for (coil, row) in (0..coils).flat_map(|coil| (0..rows).step_by(step).map(move |row| (coil, row))) {
            console::check_interrupt()?;
            let (start, count) = ([coil, 0, row, 0], [1, slices, step.min(rows - row), cols]);
            let mut block = self.dataset.read_block(&start, &count)?;
            for mut along in block.lanes_mut(Axis(1)) {
                line.iter_mut().zip(&along).for_each(|(to, &from)| *to = from);
                fourier.forward(&mut line, &mut scratch);
                along.iter_mut().zip(&line).for_each(|(to, &from)| *to = from);
            }
            self.dataset.write_block(&start, block.view())?;
        }
        Ok(())
    }
}

/// The reference image of fully sampled k-space.
fn root_sum_of_squares_of(kspace: ArrayView3<Complex<f32>>) -> Array2<f32> {
    let mut images = kspace.to_owned();
    let (_, rows, cols) = images.dim();
    let fourier = Fourier::new(Grid::new(rows, cols));
    let mut scratch = fourier.scratch();
    for mut plane in images.axis_iter_mut(Axis(0)) {
        if let Some(plane) = plane.as_slice_mut() {
            fourier.inverse(plane, &mut scratch);
        }
    }
    root_sum_of_squares(images.view())
}
