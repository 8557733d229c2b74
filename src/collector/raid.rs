//! Arrays of several drives: whether they work, and have all of them (kernel: admin-guide/md; btrfs(5);
//! zpoolconcepts(7)).

use std::path::{Path, PathBuf};

use anyhow::bail;

use super::Reading;
use super::sysfs::{decimal, names, not_understood, number, text};
use crate::metric::{Judged, Metric, Unit};
use crate::sample::Value;
use crate::series::label_text;

pub(super) static DEGRADED: Metric = Metric::gauge(
    "raid_degraded",
    Unit::Count,
    "Drives that a software RAID (md) lacks, or a btrfs of several devices, which is named after the first of them.",
)
.labelled("array")
.phrased("RAID {label} lacks {value}")
.judged(&[Judged::critical(1.0).until(0.0)]);
pub(super) static FAILED: Metric = Metric::gauge(
    "raid_failed",
    Unit::Count,
    "1 if a software RAID (md) was not assembled although it has drives, or lost more than it can do without; else 0.",
)
.labelled("array")
.phrased_as_state("RAID {label} has failed", "RAID {label} works again")
.judged(&[Judged::critical(1.0).until(0.0)]);
pub(super) static POOL: Metric = Metric::gauge(
    "pool_degraded",
    Unit::Count,
    "1 if the ZFS pool is not ONLINE: it lacks a drive, has too many errors, or cannot be used at all; else 0.",
)
.labelled("pool")
.phrased_as_state("ZFS pool {label} is degraded", "ZFS pool {label} is whole again")
.judged(&[Judged::critical(1.0).until(0.0)]);

pub(super) fn md(drive: &Path, name: &str, reading: &mut Reading) -> anyhow::Result<()> {
    let (label, directory) = (label_text(name.as_bytes()), drive.join("md"));
    if let Some(has_failed) = has_failed(&directory)? {
        reading.values.set_for(&FAILED, &label, u64::from(has_failed));
    }
    // Arrays without redundancy lack the file.
    if let Some(lacking) = number(&directory.join("degraded"), decimal)? {
        reading.values.set_for(&DEGRADED, &label, lacking);
    }
    Ok(())
}

/// One device alone is no array.
pub(super) fn btrfs(devices: &[PathBuf], label: &str, reading: &mut Reading) -> anyhow::Result<()> {
    let mut lacking = None;
    for device in devices.iter().filter(|_| devices.len() > 1) {
        if let Some(missing) = number(&device.join("missing"), decimal)? {
            lacking = Some(lacking.unwrap_or(0_u64).saturating_add(missing));
        }
    }
    if let Some(lacking) = lacking {
        // An array of that name lacks some of its own.
        let own = reading.values.exact(DEGRADED.name, Some(label)).and_then(Value::count);
        reading.values.set_for(&DEGRADED, label, lacking.saturating_add(own.unwrap_or(0)));
    }
    Ok(())
}

/// What stands beside the pools says no state.
pub(super) fn zfs(directory: &Path, name: &str, reading: &mut Reading) -> anyhow::Result<()> {
    let path = directory.join("state");
    let is_degraded = match text(&path)?.as_deref() {
        // The last two while it is imported or exported.
        None | Some("TRANSITIONING" | "UNKNOWN") => return Ok(()),
        Some("") => bail!("{}", not_understood(&path)),
        Some(state) => state != "ONLINE",
    };
    reading.values.set_for(&POOL, &label_text(name.as_bytes()), u64::from(is_degraded));
    Ok(())
}

/// `None`: there is no array.
fn has_failed(directory: &Path) -> anyhow::Result<Option<bool>> {
    Ok(match text(&directory.join("array_state"))?.as_deref() {
        None | Some("clear") => None,
        Some("broken") => Some(true),
        Some("inactive") => should_be_active(directory)?.then_some(true),
        Some(_) => Some(false),
    })
}

/// Without drives it is only a name; and what holds the metadata of other arrays, as Intel's and DDF do, never is active.
fn should_be_active(directory: &Path) -> anyhow::Result<bool> {
    let has_drives = names(directory)?.iter().any(|name| name.starts_with("dev-"));
    let metadata = text(&directory.join("metadata_version"))?.unwrap_or_default();
    let kept_apart = metadata.strip_prefix("external:");
    // One of such arrays names the holder: `external:/md127/0`, or with a minus while it may not be written.
    let is_holder = kept_apart.is_some_and(|kept| !kept.starts_with(['/', '-']));
    Ok(has_drives && !is_holder)
}

#[cfg(test)]
mod tests {
    use super::super::drive::tests::{collected, number_of};

    fn failed(state: &str, others: &[(&str, &str)]) -> Option<f64> {
        let mut files = vec![("block/md0/md/array_state", state)];
        files.extend(others);
        number_of(&files, "raid_failed", "md0")
    }

    const DRIVE: (&str, &str) = ("block/md0/md/dev-sda1/state", "spare");

    #[test]
    fn an_array_says_how_many_drives_it_lacks() {
        assert_eq!(number_of(&[("block/md0/md/degraded", "1")], "raid_degraded", "md0"), Some(1.0));
        assert_eq!(number_of(&[("block/md1/md/level", "raid0")], "raid_degraded", "md1"), None);
    }

    #[test]
    fn an_array_that_works_has_not_failed_whatever_it_does() {
        for state in ["clean", "active", "active-idle", "write-pending", "readonly", "read-auto"] {
            assert_eq!(failed(state, &[DRIVE]), Some(0.0), "{state}");
        }
    }

    #[test]
    fn an_array_that_was_not_assembled_or_lost_too_much_has_failed() {
        assert_eq!((failed("inactive", &[DRIVE]), failed("broken", &[])), (Some(1.0), Some(1.0)));
    }

    #[test]
    fn a_name_without_drives_is_no_array() {
        assert_eq!((failed("clear", &[]), failed("inactive", &[])), (None, None));
    }

    #[test]
    fn what_holds_the_metadata_of_other_arrays_is_none_but_those_are() {
        let kept = |by| failed("inactive", &[DRIVE, ("block/md0/md/metadata_version", by)]);
        assert_eq!((kept("external:imsm"), kept("external:ddf")), (None, None));
        assert_eq!((kept("external:/md127/0"), kept("1.2")), (Some(1.0), Some(1.0)));
    }

    #[test]
    fn a_btrfs_of_several_devices_lacks_those_that_are_missing() {
        let lacking = |second| {
            let files = [
                ("fs/btrfs/6d/devinfo/1/missing", "0"),
                ("fs/btrfs/6d/devinfo/2/missing", second),
                ("fs/btrfs/6d/devices/sdb/size", "8"),
            ];
            number_of(&files, "raid_degraded", "sdb")
        };
        assert_eq!((lacking("0"), lacking("1")), (Some(0.0), Some(1.0)));
        let alone = [("fs/btrfs/6d/devinfo/1/missing", "0"), ("fs/btrfs/6d/devices/sdb/size", "8")];
        assert_eq!(number_of(&alone, "raid_degraded", "sdb"), None);
    }

    #[test]
    fn a_btrfs_on_an_array_does_not_hide_what_the_array_lacks() {
        let files = [
            ("block/md0/md/degraded", "1"),
            ("fs/btrfs/6d/devinfo/1/missing", "0"),
            ("fs/btrfs/6d/devinfo/2/missing", "0"),
            ("fs/btrfs/6d/devices/md0/size", "8"),
        ];
        assert_eq!(number_of(&files, "raid_degraded", "md0"), Some(1.0));
    }

    #[test]
    fn a_zfs_pool_is_degraded_unless_it_is_online() {
        let degraded = |state| {
            let files = [("../proc/spl/kstat/zfs/tank/state", state)];
            number_of(&files, "pool_degraded", "tank")
        };
        assert_eq!((degraded("ONLINE"), degraded("TRANSITIONING")), (Some(0.0), None));
        for state in ["DEGRADED", "FAULTED", "SUSPENDED", "UNAVAIL", "OFFLINE", "REMOVED"] {
            assert_eq!(degraded(state), Some(1.0), "{state}");
        }
    }

    #[test]
    fn what_stands_beside_the_pools_is_none_and_one_that_cannot_be_read_costs_the_next_nothing() {
        let files = [
            ("../proc/spl/kstat/zfs/arcstats", "9 1 0x01"),
            ("../proc/spl/kstat/zfs/old/io", "an old version tells no state"),
            ("../proc/spl/kstat/zfs/odd/state", ""),
            ("../proc/spl/kstat/zfs/tank/state", "ONLINE"),
        ];
        let (values, failure) = collected(&files);
        assert!(failure.unwrap().ends_with("proc/spl/kstat/zfs/odd/state"));
        assert_eq!(values.get("pool_degraded", Some("tank")), Some(0.0));
        assert_eq!(values.points().count(), 1);
    }
}
