use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use super::arguments::same_file;
use super::console::{self, Console};
use crate::batch::{BatchFolder, Status};
use crate::report::{BatchPictures, batch_page};
use pvdamp_io::error::{Error, Result};
use pvdamp_io::format::AtomicFile;

/// Write a page to look over a batch: failures, warnings, distributions, all slices
#[derive(Args)]
#[command(after_help = "\
EXAMPLES
  pvdamp report results/
  pvdamp report results/ -o night.html

The page holds everything and fetches nothing: it can be mailed, and opened without a network. How large the pictures
are depends on the number of slices; of thousands the page takes up to 40 MB. A batch that is still at work can be
looked at too. Results that cannot be read are reported, and the rest is shown.")]
pub struct Report {
    /// Output folder of a batch
    #[arg(value_name = "DIR")]
    folder: PathBuf,

    /// Page to write, HTML [default: report.html in the folder]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Report {
    pub fn run(&self, console: &Console) -> Result<()> {
        console::catch_interrupt();
        let batch = BatchFolder::open(&self.folder)?;
        let path = self.output.clone().unwrap_or_else(|| self.folder.join("report.html"));
        if batch.files().iter().any(|file| same_file(file, &path)) {
            let problem = "is a file of the batch";
            return Err(Error::data(path.as_path(), problem, "write the page to another file"));
        }
        // created first, so that a path that cannot be written fails before the work
        let mut file = AtomicFile::create(&path)?;
        let mut notes = batch.notes.clone();
        notes.iter().for_each(|note| console.warn(note));
        let pictures = pictures(&batch, &mut notes, console)?;
        let page = batch_page(&batch.manifest, &batch.slices, &pictures, &notes)?;
        let failed =
            |e: std::io::Error| Error::data(path.as_path(), format!("cannot be written ({e})"), "make room for it");
        file.write_all(page.as_bytes()).map_err(failed)?;
        file.commit()?;
        let megabytes = page.len() as f64 / 1e6;
        console.say(&format!("wrote {} ({megabytes:.1} MB)", path.display()));
        Ok(())
    }
}

/// Pictures of the finished volumes, one after the other. Unreadable ones give a warning and a note.
fn pictures(batch: &BatchFolder, notes: &mut Vec<String>, console: &Console) -> Result<BatchPictures> {
    let done = batch.manifest.volumes.iter().filter(|v| v.status == Status::Done);
    let slices = done.clone().map(|volume| volume.slices).sum();
    let mut pictures = BatchPictures::new(&batch.manifest, &batch.slices);
    let progress = console.progress(slices);
    for volume in done {
        console::check_interrupt()?;
        let added = batch
            .result(volume)
            .and_then(|stored| pictures.add(&volume.name, &stored));
        if let Err(error) = added {
            let note = error.to_string();
            progress.suspend(|| console.warn(&note));
            notes.push(note);
        }
        progress.inc(volume.slices as u64);
    }
    progress.finish_and_clear();
    Ok(pictures)
}
