//! What the program may take and reach, for every command.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Args;

use super::console;
use pvdamp_io::format::Reading;

/// Before the limit, in the mend of what takes more.
pub const RAISE: &str = "raise --memory, which is";

#[derive(Args)]
pub struct Limits {
    /// Memory to take at most, as 8G or 500M [default: what there is; of batch, most of what is free]
    #[arg(long, global = true, value_name = "SIZE", value_parser = parse_memory)]
    pub memory: Option<u64>,

    /// Let HDF5 files lead to others in their folder: external links, external storage, virtual datasets
    #[arg(long, global = true)]
    follow_links: bool,
}

impl Limits {
    /// Files are read within these limits from now on, HDF5 by a process of its own, which runs the command line `reader`.
    pub fn begin(&self, reader: Vec<OsString>) {
        let usual = Reading::default();
        Reading {
            program: Some(reader),
            follow_links: self.follow_links,
            memory: self.memory.unwrap_or(usual.memory),
            interrupted: || console::going().is_break(),
        }
        .begin();
    }

    /// Whether any of them was given.
    pub fn are_given(&self) -> bool {
        self.memory.is_some() || self.follow_links
    }
}

/// Where this program lies, which reads HDF5 too. On Linux the file that runs, also when another has taken its name meanwhile.
pub fn this_program() -> Option<std::path::PathBuf> {
    let running = std::path::Path::new("/proc/self/exe");
    if cfg!(target_os = "linux") && running.exists() {
        return Some(running.to_path_buf());
    }
    let typed = || {
        std::path::PathBuf::from(std::env::args_os().next()?)
            .canonicalize()
            .ok()
    };
    std::env::current_exe().ok().or_else(typed)
}

/// HDF5 takes drivers, plugins and more from its environment, also where it writes: this program starts anew without
/// it. Only how files are locked is left to the user. `None` where there is nothing to remove.
pub fn start_without_hdf5_environment() -> Option<ExitCode> {
    let set = std::env::vars_os().filter_map(|(name, _)| {
        let hdf5 = name.to_str().is_some_and(|name| name.starts_with("HDF5_"));
        (hdf5 && name != "HDF5_USE_FILE_LOCKING").then_some(name)
    });
    let set: Vec<_> = set.collect();
    if set.is_empty() {
        return None;
    }
    let Some(program) = this_program() else {
        eprintln!("pvdamp: error: the program does not find itself; start it by its full path, or unset HDF5_*");
        return Some(ExitCode::FAILURE);
    };
    let mut again = std::process::Command::new(program);
    again.args(std::env::args_os().skip(1));
    set.iter().for_each(|name| {
        again.env_remove(name);
    });
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt;
        if let Some(name) = std::env::args_os().next() {
            again.arg0(name);
        }
        let failed = again.exec();
        eprintln!("pvdamp: error: cannot be started without the variables HDF5_* ({failed}); unset them");
        Some(ExitCode::FAILURE)
    }
    #[cfg(not(unix))]
    match again.status() {
        Ok(status) => Some(ExitCode::from(status.code().unwrap_or(1) as u8)),
        Err(_) => Some(ExitCode::FAILURE),
    }
}

/// `500M`, `8G`, `8GiB`: units are powers of 1024, as in Slurm.
fn parse_memory(text: &str) -> std::result::Result<u64, String> {
    let wrong = || "it is a number with K, M, G or T, as 8G".to_string();
    let digits = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let power = match unit.to_ascii_uppercase().trim_end_matches("IB").trim_end_matches('B') {
        "K" => 1,
        "M" => 2,
        "G" => 3,
        "T" => 4,
        _ => return Err(wrong()),
    };
    let number: f64 = number.parse().map_err(|_| wrong())?;
    let bytes = number * 1024_f64.powi(power);
    if bytes.is_finite() && bytes >= 1.0 {
        Ok(bytes as u64)
    } else {
        Err(wrong())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_counted_as_slurm_counts() {
        let parsed = |text| parse_memory(text).ok();
        assert_eq!(parsed("8G"), Some(8 << 30));
        assert_eq!(parsed("1.5g"), Some(3 << 29));
        assert_eq!(
            (parsed("500M"), parsed("500MiB"), parsed("500MB")),
            (Some(500 << 20), Some(500 << 20), Some(500 << 20))
        );
        for wrong in ["", "8", "G", "-1G", "8X", "1e3G", "0G"] {
            assert_eq!(parsed(wrong), None, "{wrong}");
        }
    }
}
