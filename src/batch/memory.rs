//! How much memory there is.

use std::fs::read_to_string;

/// Share of what is free that a batch takes by itself.
const SHARE: f64 = 0.8;

/// Bytes that a batch may take where nobody says: most of what is free now, on this machine and, on Linux, in the control
/// group that a cluster put the process into. `None` where it cannot be found out.
pub fn usual_limit() -> Option<u64> {
    let machine = read_to_string("/proc/meminfo").ok().and_then(|text| available(&text));
    let group = of_group();
    let free = [machine, group].into_iter().flatten().min()?;
    Some((free as f64 * SHARE) as u64)
}

/// `MemAvailable` of `/proc/meminfo`.
fn available(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(1024 * kilobytes)
}

/// Limit less use, of the nearest group that has a limit.
fn of_group() -> Option<u64> {
    let group = read_to_string("/proc/self/cgroup").ok()?;
    let mut path = group.lines().find_map(|line| line.strip_prefix("0::"))?.to_string();
    loop {
        let value = |name: &str| -> Option<u64> {
            let text = read_to_string(format!("/sys/fs/cgroup{path}/{name}")).ok()?;
            text.trim().parse().ok()
        };
        if let (Some(limit), Some(used)) = (value("memory.max"), value("memory.current")) {
            return Some(limit.saturating_sub(used));
        }
        path.truncate(path.rfind('/')?);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_free_is_read() {
        let text = "MemTotal:  24000000 kB\nMemFree:  1 kB\nMemAvailable:   22000000 kB\n";
        assert_eq!(available(text), Some(22_000_000 * 1024));
        assert_eq!(available("MemTotal: 1 kB"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_machine_has_memory() {
        assert!(usual_limit().unwrap() > 1 << 20);
    }
}
