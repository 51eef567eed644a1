use std::path::PathBuf;

use clap::Args;

use super::arguments::{DrawArguments, parse_grid};
use super::console::Console;
use pvdamp::array::Grid;
use pvdamp_io::error::{Error, Result};
use pvdamp_io::format::{AXES, Attribute, Hdf5Output};

/// Draw a sampling mask and write it with its probability
#[derive(Args)]
#[command(after_help = "\
EXAMPLES
  pvdamp mask --size 256x256 --sampling poisson-disc --accel 10 --acs 24 --seed 1 -o mask.h5
  pvdamp mask --size 640x368 --sampling lines-random --accel 4 --acs-fraction 0.08 --seed 42 -o lines.h5
  pvdamp recon full.h5 --mask mask.h5 --prob-map mask.h5 -o out.h5

The file holds 'mask' (bool) and 'prob_map' (float64), both (rows, cols).")]
pub struct DrawMask {
    /// Size of k-space, N or ROWSxCOLS
    #[arg(long, value_name = "SIZE", value_parser = parse_grid)]
    size: Grid,

    #[command(flatten)]
    draw: DrawArguments,

    /// Mask to write, HDF5
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

impl DrawMask {
    pub fn run(&self, console: &Console) -> Result<()> {
        let missing = || Error::setting("--accel is missing: how many times fewer samples shall the mask have?");
        let family = self.draw.family()?;
        let request = self.draw.request(self.draw.accel.ok_or_else(missing)?);
        let plan = family.plan(&request, self.size)?;
        let file = Hdf5Output::create(&self.output)?;
        let drawn = (family.draw)(&plan)?;
        file.write("mask", drawn.mask.sampled.view())?;
        file.write("prob_map", drawn.probability.view())?;
        for name in ["mask", "prob_map"] {
            file.attribute(name, &Attribute::new(AXES, "rows,cols"))?;
        }
        let order = (!family.lines).then(|| Attribute::new("order", plan.order));
        let attributes = [
            Attribute::new("sampling", family.name),
            Attribute::new("acceleration", plan.acceleration),
            Attribute::new("acs", plan.acs.to_string()),
            Attribute::new("seed", plan.seed as i64),
            Attribute::new("pvdamp_version", env!("CARGO_PKG_VERSION")),
        ];
        attributes
            .iter()
            .chain(&order)
            .try_for_each(|attribute| file.attribute("/", attribute))?;
        file.finish()?;
        console.say(&format!(
            "wrote {}: {} {}, {} samples, R = {:.3}, seed {}",
            self.output.display(),
            family.name,
            self.size,
            drawn.mask.count(),
            drawn.mask.acceleration(),
            plan.seed,
        ));
        Ok(())
    }
}
