//! Space on file systems, by statvfs(3). Percentages as `df` gives them: used / (used + available).

use std::ffi::OsStr;
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use anyhow::bail;

use super::mountinfo::{self, Mount};
use super::{Collector, Host, Reading};
use crate::metric::{Judged, Metric, Unit};

static DISK_PERCENT: Metric =
    Metric::gauge("disk_percent", Unit::Percent, "Share of the root file system in use.")
        .phrased("/ {value} full")
        .judged(Judged::warning(90.0))
        .of_capacity(&DISK_AVAILABLE, &DISK_TOTAL)
        .in_overview()
        .of_label("/");
static DISK_USED: Metric =
    Metric::gauge("disk_used", Unit::Bytes, "Bytes used on the root file system.")
        .phrased("{value} used on /");
static DISK_AVAILABLE: Metric = Metric::gauge(
    "disk_available",
    Unit::Bytes,
    "Bytes that ordinary users can still write on the root file system.",
)
.phrased("{value} free on /");
static DISK_TOTAL: Metric =
    Metric::gauge("disk_total", Unit::Bytes, "Size of the root file system.");
pub static PERCENT: Metric =
    Metric::gauge("filesystem_percent", Unit::Percent, "Share of the file system in use.")
        .labelled("mount")
        .phrased("{label} {value} full")
        // `/` is left to `disk_percent`.
        .judged(Judged::warning(90.0).except(&["/"]))
        .of_capacity(&AVAILABLE, &TOTAL);
static USED: Metric = Metric::gauge("filesystem_used", Unit::Bytes, "Bytes used.")
    .labelled("mount")
    .phrased("{value} used on {label}");
static AVAILABLE: Metric = Metric::gauge(
    "filesystem_available",
    Unit::Bytes,
    "Bytes that ordinary users can still write.",
)
.labelled("mount")
.phrased("{value} free on {label}");
static TOTAL: Metric =
    Metric::gauge("filesystem_total", Unit::Bytes, "Size of the file system.").labelled("mount");

static READ_ONLY: Metric = Metric::gauge(
    "filesystem_readonly",
    Unit::Count,
    "1 if nothing can be written to the file system, else 0.",
)
.labelled("mount")
.phrased_as_state("{label} is read-only", "{label} can be written again")
.inhibits();

pub static COLLECTOR: Collector = Collector::new(
    "filesystem",
    &[
        &DISK_PERCENT,
        &DISK_USED,
        &DISK_AVAILABLE,
        &DISK_TOTAL,
        &PERCENT,
        &USED,
        &AVAILABLE,
        &TOTAL,
        &READ_ONLY,
    ],
    collect,
);

/// Bytes of a file system.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Space {
    pub total: u64,
    /// Free for root.
    pub free: u64,
    /// Free for ordinary users.
    pub available: u64,
}

impl Space {
    fn used(self) -> u64 {
        self.total.saturating_sub(self.free)
    }

    fn percent(self) -> f64 {
        100.0 * self.used() as f64 / self.used().saturating_add(self.available) as f64
    }
}

/// Asks the kernel.
pub fn statvfs(path: &Path) -> io::Result<Space> {
    let stat = rustix::fs::statvfs(path)?;
    let bytes = |blocks: u64| blocks.saturating_mul(stat.f_frsize);
    Ok(Space {
        total: bytes(stat.f_blocks),
        free: bytes(stat.f_bfree),
        available: bytes(stat.f_bavail),
    })
}

fn collect(host: &Host<'_>, reading: &mut Reading) -> anyhow::Result<()> {
    let mut failures = Vec::new();
    // The table of PID 1 shows the host's mounts even where a sandbox has its own.
    let table = host.read("proc/1/mountinfo").or_else(|_| host.read("proc/self/mountinfo"));
    let mounts = match &table {
        Ok(content) => mountinfo::select(&mountinfo::parse(content), &host.settings.filesystems),
        Err(error) => {
            failures.push(format!("{error:#}"));
            Vec::new()
        }
    };
    let root = (host.space)(host.root);
    match &root {
        Ok(space) if space.total > 0 => {
            reading.values.set(&DISK_PERCENT, space.percent());
            reading.values.set(&DISK_USED, space.used());
            reading.values.set(&DISK_AVAILABLE, space.available);
            reading.values.set(&DISK_TOTAL, space.total);
        }
        Ok(_) => {}
        Err(error) => failures.push(format!("could not measure /: {error}")),
    }
    for mount in &mounts {
        if let (b"/", Ok(space)) = (&*mount.point, &root) {
            fill(mount, *space, reading);
        } else if let Err(error) = measure(host, mount, reading) {
            failures.push(format!("could not measure {}: {error}", mount.label()));
        }
    }
    if !failures.is_empty() {
        bail!("{}", failures.join("; "));
    }
    Ok(())
}

fn measure(host: &Host<'_>, mount: &Mount<'_>, reading: &mut Reading) -> io::Result<()> {
    let path = below(host.root, &mount.point);
    // A bound file (a container's /etc/hosts) is no file system to watch.
    if *mount.root != *b"/" && mount.kind != "btrfs" && path.is_file() {
        return Ok(());
    }
    let space = match (host.space)(&path) {
        Ok(space) => space,
        // Not ours to see, or not in our namespace: absent, not a failure.
        Err(error) if matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::NotFound) => {
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    fill(mount, space, reading);
    Ok(())
}

fn fill(mount: &Mount<'_>, space: Space, reading: &mut Reading) {
    if space.total > 0 {
        let label = mount.label();
        reading.values.set_for(&PERCENT, &label, space.percent());
        reading.values.set_for(&USED, &label, space.used());
        reading.values.set_for(&AVAILABLE, &label, space.available);
        reading.values.set_for(&TOTAL, &label, space.total);
        reading.values.set_for(&READ_ONLY, &label, u64::from(mount.read_only));
    }
}

fn below(root: &Path, point: &[u8]) -> PathBuf {
    root.join(OsStr::from_bytes(point.strip_prefix(b"/").unwrap_or(point)))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{fixture, tree};
    use super::*;

    #[test]
    fn the_percentage_is_the_one_df_shows() {
        // 1000 blocks, 800 used, 150 left for users: 800 / 950.
        assert!((Space { total: 1_000, free: 200, available: 150 }.percent() - 84.21).abs() < 0.01);
    }

    #[test]
    fn an_empty_file_system_is_absent_rather_than_a_division_by_zero() {
        let (root, mut reading) = (tree("raspberry-pi-4"), Reading::default());
        let space = |_: &Path| Ok(Space { total: 0, free: 0, available: 0 });
        collect(&Host { space, ..fixture(&root) }, &mut reading).unwrap();
        assert!(reading.values.is_empty());
    }

    #[test]
    fn the_root_is_measured_without_a_mount_table_and_the_failure_is_told() {
        let mut reading = Reading::default();
        let error = collect(&fixture(Path::new("/nonexistent")), &mut reading).unwrap_err();
        assert!(format!("{error:#}").contains("mountinfo"));
        assert_eq!(reading.values.get("disk_percent", None), Some(84.2));
    }

    #[test]
    fn a_container_reads_its_own_table_and_shows_its_root() {
        let (root, mut reading) = (tree("container"), Reading::default());
        collect(&fixture(&root), &mut reading).unwrap();
        assert_eq!(reading.values.get("filesystem_percent", Some("/")), Some(84.2));
    }

    #[test]
    fn one_failing_mount_costs_the_others_nothing() {
        let (root, mut reading) = (tree("raspberry-pi-4"), Reading::default());
        let space = |path: &Path| {
            if path.ends_with("boot/firmware") {
                return Err(io::Error::from_raw_os_error(5));
            }
            Ok(Space { total: 1_000, free: 200, available: 150 })
        };
        let error = collect(&Host { space, ..fixture(&root) }, &mut reading).unwrap_err();
        assert!(format!("{error:#}").starts_with("could not measure /boot/firmware:"));
        assert_eq!(reading.values.get("filesystem_percent", Some("/")), Some(84.2));
    }
}
