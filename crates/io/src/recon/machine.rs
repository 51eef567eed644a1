use serde::{Deserialize, Serialize};

/// What something was computed on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    pub processor: String,
    pub cores: usize,
    /// Threads that were used.
    pub threads: usize,
}

impl Machine {
    /// The processor as Linux names it, the architecture elsewhere.
    pub fn this() -> Self {
        let about = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let named = about
            .lines()
            .find_map(|line| line.strip_prefix("model name")?.split_once(':'));
        Self {
            processor: named.map_or(std::env::consts::ARCH, |(_, name)| name.trim()).into(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            threads: rayon::current_num_threads(),
        }
    }
}
