//! How much memory there is.

use std::fs::read_to_string;
use std::path::Path;

/// Share of the free memory that a batch uses by default.
const SHARE_OF_FREE: f64 = 0.8;

/// The default limit in bytes: most of what is free now. On Linux the limits of control groups count too, which
/// clusters set for their jobs. `None` if it cannot be determined.
pub fn usual_limit() -> Option<u64> {
    let groups = control_groups()
        .into_iter()
        .map(|group| group.limit.saturating_sub(group.used));
    let free = groups.chain(machine_memory("MemAvailable:")).min()?;
    Some((free as f64 * SHARE_OF_FREE) as u64)
}

/// The most that a process can have, in bytes: the memory of this machine or, on Linux, the limit of a control group.
/// `None` if it cannot be determined.
pub fn whole_memory() -> Option<u64> {
    let groups = control_groups().into_iter().map(|group| group.limit);
    groups.chain(machine_memory("MemTotal:")).min()
}

fn machine_memory(field: &str) -> Option<u64> {
    kilobytes(&read_to_string("/proc/meminfo").ok()?, field)
}

/// A field of `/proc/meminfo`, in bytes.
fn kilobytes(text: &str, field: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(field))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1024)
}

/// Names of files and fields in a version of Linux control groups.
struct CgroupVersion {
    /// The controller in `/proc/self/cgroup`. Version 2 names none.
    controller: &'static str,
    /// Its hierarchy below `/sys/fs/cgroup`.
    folder: &'static str,
    limit: &'static str,
    used: &'static str,
    /// Field of `memory.stat`: file cache, which the kernel frees on demand.
    cache: &'static str,
}

const CGROUP_VERSIONS: [CgroupVersion; 2] = [
    CgroupVersion {
        controller: "",
        folder: "",
        limit: "memory.max",
        used: "memory.current",
        cache: "inactive_file",
    },
    CgroupVersion {
        controller: "memory",
        folder: "memory",
        limit: "memory.limit_in_bytes",
        used: "memory.usage_in_bytes",
        cache: "total_inactive_file",
    },
];

/// Version 1 states a number at least this large if there is no limit.
const NO_LIMIT: u64 = 1 << 60;

/// Limit and use of a control group in bytes.
#[derive(Debug, PartialEq)]
struct ControlGroup {
    limit: u64,
    used: u64,
}

/// The control groups of this process that have a limit.
fn control_groups() -> Vec<ControlGroup> {
    let cgroup_table = read_to_string("/proc/self/cgroup").unwrap_or_default();
    control_groups_in(&cgroup_table, Path::new("/sys/fs/cgroup"))
}

/// The control groups of a process from its `/proc/self/cgroup`. A group's limit holds for all groups below it. In a
/// container the path may be the one outside, which does not exist inside. The container's group is then the root of
/// the hierarchy, so the root is always read.
fn control_groups_in(cgroup_table: &str, root: &Path) -> Vec<ControlGroup> {
    let mut groups = Vec::new();
    for version in &CGROUP_VERSIONS {
        let path = cgroup_path(cgroup_table, version.controller).unwrap_or_default();
        for group in Path::new(path).ancestors() {
            let folder = root.join(version.folder).join(group);
            let text = |name: &str| read_to_string(folder.join(name)).unwrap_or_default();
            let [limit, used, stat] = [version.limit, version.used, "memory.stat"].map(text);
            groups.extend(control_group(&limit, &used, &stat, version.cache));
        }
    }
    groups
}

/// The path in the line `N:CONTROLLERS:/PATH`, without the first `/`.
fn cgroup_path<'a>(cgroup_table: &'a str, controller: &str) -> Option<&'a str> {
    cgroup_table.lines().find_map(|line| {
        let (_, rest) = line.split_once(':')?;
        let (controllers, path) = rest.split_once(':')?;
        let is_match = controllers.split(',').any(|name| name == controller);
        is_match.then(|| path.trim_start_matches('/'))
    })
}

/// A control group from the contents of its files. `None` without a limit, such as `max`.
fn control_group(limit: &str, used: &str, stat: &str, cache: &str) -> Option<ControlGroup> {
    let limit: u64 = limit.trim().parse().ok().filter(|&limit| limit < NO_LIMIT)?;
    let used: u64 = used.trim().parse().unwrap_or(0);
    let fields = stat.lines().filter_map(|line| line.split_once(' '));
    let cached = fields.filter(|(name, _)| *name == cache);
    let cached: u64 = cached
        .filter_map(|(_, value)| value.trim().parse().ok())
        .next()
        .unwrap_or(0);
    Some(ControlGroup {
        limit,
        used: used.saturating_sub(cached),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_memory_is_read() {
        let text = "MemTotal:  24000000 kB\nMemFree:  1 kB\nMemAvailable:   22000000 kB\n";
        assert_eq!(kilobytes(text, "MemAvailable:"), Some(22_000_000 * 1024));
        assert_eq!(kilobytes(text, "MemTotal:"), Some(24_000_000 * 1024));
        assert_eq!(kilobytes("MemTotal: 1 kB", "MemAvailable:"), None);
    }

    #[test]
    fn the_line_of_a_controller_is_found() {
        let first = "9:name=systemd:/\n4:cpu,memory:/slurm/job:1\n3:cpuset:/c\n0::/\n";
        assert_eq!(cgroup_path(first, "memory"), Some("slurm/job:1"));
        assert_eq!(cgroup_path(first, ""), Some(""));
        assert_eq!(cgroup_path("0::/user.slice/a\n", ""), Some("user.slice/a"));
        assert_eq!(cgroup_path("0::/user.slice/a\n", "memory"), None);
        assert_eq!(cgroup_path("", ""), None);
    }

    #[test]
    fn file_cache_is_not_in_use() {
        let of = |limit, used| {
            control_group(
                limit,
                used,
                "anon 5\ninactive_file 300\nactive_file 7\n",
                "inactive_file",
            )
        };
        let group = |limit, used| Some(ControlGroup { limit, used });
        assert_eq!(of("1000\n", "900\n"), group(1000, 600));
        assert_eq!(of("1000", "100"), group(1000, 0));
        assert_eq!(control_group("1000", "900", "", "inactive_file"), group(1000, 900));
        assert_eq!(control_group("1000", "", "", "inactive_file"), group(1000, 0));
        assert_eq!(of("max\n", "900"), None);
        assert_eq!(of("9223372036854771712\n", "900"), None);
        assert_eq!(of("", ""), None);
    }

    #[test]
    fn every_group_above_counts() {
        let root = tempfile::tempdir().unwrap();
        let write = |place: &str, text: &str| {
            let path = root.path().join(place);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("a/memory.max", "500\n");
        write("a/memory.current", "450\n");
        write("a/memory.stat", "inactive_file 50\n");
        write("a/b/memory.max", "max\n");
        write("a/b/c/memory.max", "800\n");
        write("a/b/c/memory.current", "100\n");
        write("memory/memory.limit_in_bytes", "700\n");
        write("memory/memory.usage_in_bytes", "60\n");
        write("memory/memory.stat", "inactive_file 1\ntotal_inactive_file 20\n");
        write("memory/job/memory.limit_in_bytes", "9223372036854771712\n");
        let limits = |cgroup_table: &str| -> Vec<(u64, u64)> {
            let groups = control_groups_in(cgroup_table, root.path());
            groups.iter().map(|group| (group.limit, group.used)).collect()
        };
        assert_eq!(limits("0::/a/b/c\n"), [(800, 100), (500, 400), (700, 40)]);
        assert_eq!(limits("4:memory:/job\n0::/\n"), [(700, 40)]);
        // paths as they are outside the container
        assert_eq!(limits("4:memory:/docker/x\n0::/docker/x\n"), [(700, 40)]);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_machine_has_memory() {
        let (usual, whole) = (usual_limit().unwrap(), whole_memory().unwrap());
        assert!(usual > 1 << 20 && usual < whole, "{usual} of {whole}");
    }
}
