//! How much memory there is.

use std::fs::read_to_string;
use std::path::Path;

/// Share of what is free that a batch takes by itself.
const SHARE: f64 = 0.8;

/// Bytes that a batch may take where nobody says: most of what is free now, on this machine and, on Linux, in the control
/// groups that a cluster put the process into. `None` where it cannot be found out.
pub fn usual_limit() -> Option<u64> {
    let groups = groups().into_iter().map(|group| group.limit.saturating_sub(group.used));
    let free = groups.chain(of_machine("MemAvailable:")).min()?;
    Some((free as f64 * SHARE) as u64)
}

/// Bytes that a batch can have at the very most, were nothing else at work: the memory of this machine, or, on Linux, the
/// limit of a control group. `None` where it cannot be found out.
pub fn whole_memory() -> Option<u64> {
    let groups = groups().into_iter().map(|group| group.limit);
    groups.chain(of_machine("MemTotal:")).min()
}

fn of_machine(field: &str) -> Option<u64> {
    kilobytes(&read_to_string("/proc/meminfo").ok()?, field)
}

/// A field of `/proc/meminfo`, in bytes.
fn kilobytes(text: &str, field: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(field))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1024)
}

/// Where a version of control groups tells of memory.
struct Version {
    /// The controller in `/proc/self/cgroup`; version 2 names none.
    controller: &'static str,
    /// Its hierarchy below `/sys/fs/cgroup`.
    folder: &'static str,
    limit: &'static str,
    used: &'static str,
    /// In `memory.stat`: file cache that is in use as memory only until somebody needs it.
    cache: &'static str,
}

const VERSIONS: [Version; 2] = [
    Version {
        controller: "",
        folder: "",
        limit: "memory.max",
        used: "memory.current",
        cache: "inactive_file",
    },
    Version {
        controller: "memory",
        folder: "memory",
        limit: "memory.limit_in_bytes",
        used: "memory.usage_in_bytes",
        cache: "total_inactive_file",
    },
];

/// Version 1 has a number this large or larger where there is no limit.
const NO_LIMIT: u64 = 1 << 60;

/// A control group that has a limit, in bytes.
#[derive(Debug, PartialEq)]
struct Group {
    limit: u64,
    used: u64,
}

/// Those of this process that have a limit.
fn groups() -> Vec<Group> {
    let told = read_to_string("/proc/self/cgroup").unwrap_or_default();
    groups_in(&told, Path::new("/sys/fs/cgroup"))
}

/// Those of a process by its `/proc/self/cgroup`: a group binds all below it. In a container the path may be that outside,
/// which is not there; the root of the hierarchy is the container's group then, and is looked at in any case.
fn groups_in(told: &str, root: &Path) -> Vec<Group> {
    let mut groups = Vec::new();
    for version in &VERSIONS {
        let path = path_of(told, version.controller).unwrap_or_default();
        for group in Path::new(path).ancestors() {
            let folder = root.join(version.folder).join(group);
            let text = |name: &str| read_to_string(folder.join(name)).unwrap_or_default();
            let [limit, used, stat] = [version.limit, version.used, "memory.stat"].map(text);
            groups.extend(group_of(&limit, &used, &stat, version.cache));
        }
    }
    groups
}

/// Of the line `N:CONTROLLERS:/PATH`, without the first `/`.
fn path_of<'a>(told: &'a str, controller: &str) -> Option<&'a str> {
    told.lines().find_map(|line| {
        let (_, rest) = line.split_once(':')?;
        let (controllers, path) = rest.split_once(':')?;
        let is_it = controllers.split(',').any(|name| name == controller);
        is_it.then(|| path.trim_start_matches('/'))
    })
}

/// By what its files say. `None` without a limit, as `max`.
fn group_of(limit: &str, used: &str, stat: &str, cache: &str) -> Option<Group> {
    let limit: u64 = limit.trim().parse().ok().filter(|&limit| limit < NO_LIMIT)?;
    let used: u64 = used.trim().parse().unwrap_or(0);
    let fields = stat.lines().filter_map(|line| line.split_once(' '));
    let cached = fields.filter(|(name, _)| *name == cache);
    let cached: u64 = cached
        .filter_map(|(_, value)| value.trim().parse().ok())
        .next()
        .unwrap_or(0);
    Some(Group {
        limit,
        used: used.saturating_sub(cached),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_free_is_read() {
        let text = "MemTotal:  24000000 kB\nMemFree:  1 kB\nMemAvailable:   22000000 kB\n";
        assert_eq!(kilobytes(text, "MemAvailable:"), Some(22_000_000 * 1024));
        assert_eq!(kilobytes(text, "MemTotal:"), Some(24_000_000 * 1024));
        assert_eq!(kilobytes("MemTotal: 1 kB", "MemAvailable:"), None);
    }

    #[test]
    fn the_line_of_a_controller_is_found() {
        let first = "9:name=systemd:/\n4:cpu,memory:/slurm/job:1\n3:cpuset:/c\n0::/\n";
        assert_eq!(path_of(first, "memory"), Some("slurm/job:1"));
        assert_eq!(path_of(first, ""), Some(""));
        assert_eq!(path_of("0::/user.slice/a\n", ""), Some("user.slice/a"));
        assert_eq!(path_of("0::/user.slice/a\n", "memory"), None);
        assert_eq!(path_of("", ""), None);
    }

    #[test]
    fn file_cache_is_not_in_use() {
        let of = |limit, used| {
            group_of(
                limit,
                used,
                "anon 5\ninactive_file 300\nactive_file 7\n",
                "inactive_file",
            )
        };
        let group = |limit, used| Some(Group { limit, used });
        assert_eq!(of("1000\n", "900\n"), group(1000, 600));
        assert_eq!(of("1000", "100"), group(1000, 0));
        assert_eq!(group_of("1000", "900", "", "inactive_file"), group(1000, 900));
        assert_eq!(group_of("1000", "", "", "inactive_file"), group(1000, 0));
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
        let limits = |told: &str| -> Vec<(u64, u64)> {
            let groups = groups_in(told, root.path());
            groups.iter().map(|group| (group.limit, group.used)).collect()
        };
        assert_eq!(limits("0::/a/b/c\n"), [(800, 100), (500, 400), (700, 40)]);
        assert_eq!(limits("4:memory:/job\n0::/\n"), [(700, 40)]);
        // paths of outside of a container
        assert_eq!(limits("4:memory:/docker/x\n0::/docker/x\n"), [(700, 40)]);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_machine_has_memory() {
        let (usual, whole) = (usual_limit().unwrap(), whole_memory().unwrap());
        assert!(usual > 1 << 20 && usual < whole, "{usual} of {whole}");
    }
}
