//! What drives and file systems know of their own health, from sysfs (kernel: mmc-dev-attrs, sysfs-block-device,
//! sysfs-fs-ext4, md; btrfs(5)). The names in `/sys/block` decide which files are opened at all.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::raid;
use super::sysfs::{decimal, hexadecimal, names, not_understood, number, text};
use super::{Collector, Host, Reading};
use crate::metric::{Judged, Metric, Unit};
use crate::series::label_text;

static LIFE: Metric = Metric::gauge(
    "device_life_percent",
    Unit::Percent,
    "How much of its life the eMMC may have used by its own estimate, in steps of 10; 110: more than all.",
)
.labelled("device")
.phrased("{label} has used {value} of its life")
.judged(&[Judged::warning(80.0).and_critical(100.0)]);
static PRE_EOL: Metric = Metric::gauge(
    "device_pre_eol",
    Unit::Count,
    "Reserve blocks of the eMMC: 1 enough, 2 most (80 %) are used, 3 nearly all (90 %).",
)
.labelled("device")
.phrased("{label} reserve blocks at {value} of 3")
.judged(&[Judged::warning(2.0).and_critical(3.0)]);
static ERRORS: Metric = Metric::counter(
    "device_errors",
    Unit::Count,
    &[],
    "Commands since boot that the SCSI or SATA drive did not carry out; a few at boot and when its SMART values are asked for are usual.",
)
.labelled("device")
.phrased("{label} {value} errors")
// Tools that ask a healthy drive each minute for what it does not have cause up to four a time; a failing one has more.
.judged(&[Judged::warning(500.0).within(3_600.0)]);
static FAILED: Metric = Metric::gauge(
    "device_failed",
    Unit::Count,
    "1 if the kernel has given up a SCSI or SATA drive, or an NVMe controller does not work; else 0.",
)
.labelled("device")
.phrased_as_state("{label} has failed", "{label} works again")
.judged(&[Judged::critical(1.0).until(0.0)]);
static FILESYSTEM_ERRORS: Metric = Metric::gauge(
    "filesystem_errors",
    Unit::Count,
    "Errors that ext4 has found since the last fsck, or btrfs on its devices since they were last reset.",
)
.labelled("device")
.phrased("{label} file system errors {value}")
.judged(&[Judged::warning(1.0).within(3_600.0)]);

pub static COLLECTOR: Collector = Collector::new(
    "drive",
    &[
        &LIFE,
        &PRE_EOL,
        &ERRORS,
        &FAILED,
        &raid::DEGRADED,
        &raid::FAILED,
        &raid::POOL,
        &FILESYSTEM_ERRORS,
    ],
    collect,
);

fn collect(host: &Host<'_>, reading: &mut Reading) -> anyhow::Result<()> {
    let block = host.path("sys/block");
    let names = names(&block)?;
    let mut failures = Vec::new();
    for name in &names {
        let read = match name.as_str() {
            card if is_numbered(card, "mmcblk") => emmc,
            disk if disk.starts_with("sd") => scsi,
            array if array.starts_with("md") => raid::md,
            _ => continue,
        };
        note(read(&block.join(name), name, reading), &mut failures);
    }
    if names.iter().any(|name| name.starts_with("nvme")) {
        each(&host.path("sys/class/nvme"), nvme, reading, &mut failures);
    }
    each(&host.path("sys/fs/ext4"), ext4, reading, &mut failures);
    each(&host.path("sys/fs/btrfs"), btrfs, reading, &mut failures);
    each(&host.path("proc/spl/kstat/zfs"), raid::zfs, reading, &mut failures);
    if !failures.is_empty() {
        bail!("{}", failures.join("; "));
    }
    Ok(())
}

/// Reads one drive or file system from its directory, under its name.
type Read = fn(&Path, &str, &mut Reading) -> anyhow::Result<()>;

/// What the kernel's file systems can do stands beside those that are there.
const FEATURES: &str = "features";

/// Everything in a directory, each by itself.
fn each(all: &Path, read: Read, reading: &mut Reading, failures: &mut Vec<String>) {
    let found = names(all).unwrap_or_else(|error| {
        note(Err(error), failures);
        Vec::new()
    });
    for name in found {
        note(read(&all.join(&name), &name, reading), failures);
    }
}

fn note(outcome: anyhow::Result<()>, failures: &mut Vec<String>) {
    failures.extend(outcome.err().map(|error| format!("{error:#}")));
}

fn is_numbered(name: &str, kind: &str) -> bool {
    let number = name.strip_prefix(kind).unwrap_or_default();
    !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// Two estimates, of the parts that hold more and fewer bits a cell, in tenths; 0 where there is none. A card has neither.
fn emmc(drive: &Path, name: &str, reading: &mut Reading) -> anyhow::Result<()> {
    let label = label_text(name.as_bytes());
    let path = drive.join("device/life_time");
    let Some(estimates) = text(&path)? else { return Ok(()) };
    let estimates: Option<Vec<u64>> = estimates.split_ascii_whitespace().map(hexadecimal).collect();
    let tenths = estimates.and_then(|estimates| estimates.into_iter().max());
    let tenths = tenths.with_context(|| not_understood(&path))?;
    if tenths > 0 {
        reading.values.set_for(&LIFE, &label, tenths.saturating_mul(10));
    }
    let path = drive.join("device/pre_eol_info");
    if let Some(level) = number(&path, hexadecimal)?.filter(|level| *level > 0) {
        reading.values.set_for(&PRE_EOL, &label, level);
    }
    Ok(())
}

fn scsi(drive: &Path, name: &str, reading: &mut Reading) -> anyhow::Result<()> {
    let label = label_text(name.as_bytes());
    if let Some(state) = text(&drive.join("device/state"))? {
        let has_failed = matches!(&*state, "offline" | "transport-offline");
        reading.values.set_for(&FAILED, &label, u64::from(has_failed));
    }
    if let Some(errors) = number(&drive.join("device/ioerr_cnt"), hexadecimal)? {
        reading.values.set_for(&ERRORS, &label, errors);
    }
    Ok(())
}

fn nvme(controller: &Path, name: &str, reading: &mut Reading) -> anyhow::Result<()> {
    if is_numbered(name, "nvme")
        && let Some(state) = text(&controller.join("state"))?
    {
        reading.values.set_for(&FAILED, name, u64::from(state != "live"));
    }
    Ok(())
}

fn ext4(directory: &Path, name: &str, reading: &mut Reading) -> anyhow::Result<()> {
    if name == FEATURES {
        return Ok(());
    }
    if let Some(errors) = number(&directory.join("errors_count"), decimal)? {
        reading.values.set_for(&FILESYSTEM_ERRORS, &label_text(name.as_bytes()), errors);
    }
    Ok(())
}

/// Under the first of its devices that is there, for all of them.
fn btrfs(directory: &Path, id: &str, reading: &mut Reading) -> anyhow::Result<()> {
    if id == FEATURES {
        return Ok(());
    }
    let all = directory.join("devinfo");
    let devices: Vec<PathBuf> = names(&all)?.iter().map(|device| all.join(device)).collect();
    if devices.is_empty() {
        return Ok(());
    }
    let name = names(&directory.join("devices"))?.into_iter().next();
    let label = label_text(name.as_deref().unwrap_or(id).as_bytes());
    raid::btrfs(&devices, &label, reading)?;
    let mut sum = None;
    for device in devices {
        let path = device.join("error_stats");
        // Those of a device may not have been read.
        let Some(counts) = text(&path)?.filter(|counts| counts != "invalid") else { continue };
        for line in counts.lines() {
            let count = line.split_once(' ').and_then(|(_, count)| decimal(count));
            let count = count.with_context(|| not_understood(&path))?;
            sum = Some(sum.unwrap_or(0_u64).saturating_add(count));
        }
    }
    if let Some(sum) = sum {
        reading.values.set_for(&FILESYSTEM_ERRORS, &label, sum);
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod tests {
    use std::fs;

    use super::super::tests::{fixture, tree};
    use super::*;
    use crate::sample::Values;

    pub(crate) fn collected(files: &[(&str, &str)]) -> (Values, Option<String>) {
        let directory = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = directory.path().join("sys").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, format!("{text}\n")).unwrap();
        }
        let mut reading = Reading::default();
        let outcome = collect(&fixture(directory.path()), &mut reading);
        (reading.values, outcome.err().map(|error| format!("{error:#}")))
    }

    pub(crate) fn number_of(files: &[(&str, &str)], name: &str, label: &str) -> Option<f64> {
        let (values, failure) = collected(files);
        assert_eq!(failure, None);
        values.get(name, Some(label))
    }

    #[test]
    fn the_wear_of_an_emmc_is_the_worse_of_its_two_estimates() {
        let life = |text| {
            number_of(&[("block/mmcblk0/device/life_time", text)], "device_life_percent", "mmcblk0")
        };
        assert_eq!((life("0x01 0x03"), life("0x0b 0x00")), (Some(30.0), Some(110.0)));
        assert_eq!(life("0x00 0x00"), None);
    }

    #[test]
    fn reserve_blocks_are_told_where_they_are_counted() {
        let level = |text| {
            let files = [
                ("block/mmcblk0/device/life_time", "0x01 0x01"),
                ("block/mmcblk0/device/pre_eol_info", text),
            ];
            number_of(&files, "device_pre_eol", "mmcblk0")
        };
        assert_eq!((level("0x02"), level("0x00")), (Some(2.0), None));
    }

    #[test]
    fn a_card_and_the_small_parts_of_an_emmc_say_nothing() {
        let files = [
            ("block/mmcblk0/device/type", "SD"),
            ("block/mmcblk1boot0/device/life_time", "0x09 0x09"),
        ];
        let (values, failure) = collected(&files);
        assert!(values.is_empty() && failure.is_none());
    }

    #[test]
    fn a_scsi_drive_has_failed_once_the_kernel_gave_it_up() {
        let failed =
            |state| number_of(&[("block/sda/device/state", state)], "device_failed", "sda");
        assert_eq!((failed("running"), failed("blocked")), (Some(0.0), Some(0.0)));
        assert_eq!((failed("offline"), failed("transport-offline")), (Some(1.0), Some(1.0)));
        assert_eq!(
            number_of(&[("block/sda/device/ioerr_cnt", "0x1f")], "device_errors", "sda"),
            Some(31.0)
        );
    }

    #[test]
    fn an_nvme_controller_works_while_it_is_live() {
        let failed = |state| {
            let files = [("block/nvme0n1/size", "8"), ("class/nvme/nvme0/state", state)];
            number_of(&files, "device_failed", "nvme0")
        };
        assert_eq!((failed("live"), failed("dead")), (Some(0.0), Some(1.0)));
    }

    #[test]
    fn file_systems_count_their_errors() {
        let files = [
            ("fs/ext4/features/lazy_itable_init", "supported"),
            ("fs/ext4/sda2/errors_count", "7"),
        ];
        assert_eq!(number_of(&files, "filesystem_errors", "sda2"), Some(7.0));
        let stats = "write_errs 1\nread_errs 2\nflush_errs 0\ncorruption_errs 4\ngeneration_errs 0";
        let files = [
            ("fs/btrfs/features/raid1c34", "0"),
            ("fs/btrfs/6d/devinfo/1/error_stats", stats),
            ("fs/btrfs/6d/devinfo/2/error_stats", stats),
            ("fs/btrfs/6d/devices/sdb/size", "8"),
        ];
        assert_eq!(number_of(&files, "filesystem_errors", "sdb"), Some(14.0));
    }

    #[test]
    fn errors_of_btrfs_that_were_not_read_are_none() {
        let errors = |second| {
            let files = [
                ("fs/btrfs/6d/devinfo/1/error_stats", "invalid"),
                ("fs/btrfs/6d/devinfo/2/error_stats", second),
                ("fs/btrfs/6d/devices/sdb/size", "8"),
            ];
            number_of(&files, "filesystem_errors", "sdb")
        };
        assert_eq!((errors("invalid"), errors("write_errs 3")), (None, Some(3.0)));
    }

    #[test]
    fn what_cannot_be_understood_is_named_and_costs_the_others_nothing() {
        let files = [("block/sda/device/ioerr_cnt", "many"), ("block/sdb/device/ioerr_cnt", "0x2")];
        let (values, failure) = collected(&files);
        assert!(failure.unwrap().ends_with("sys/block/sda/device/ioerr_cnt"));
        assert_eq!(values.get("device_errors", Some("sdb")), Some(2.0));
    }

    #[test]
    fn one_file_system_or_controller_that_cannot_be_read_costs_the_next_nothing() {
        let files = [
            ("block/nvme0n1/size", "8"),
            ("class/nvme/nvme0/state/a", "a directory"),
            ("class/nvme/nvme1/state", "live"),
            ("fs/ext4/sda1/errors_count", "none"),
            ("fs/ext4/sdb1/errors_count", "3"),
        ];
        let (values, failure) = collected(&files);
        let failure = failure.unwrap();
        assert!(failure.contains("nvme0/state") && failure.contains("sda1"), "{failure}");
        assert_eq!(values.get("device_failed", Some("nvme1")), Some(0.0));
        assert_eq!(values.get("filesystem_errors", Some("sdb1")), Some(3.0));
    }

    #[test]
    fn a_host_without_drives_says_nothing_and_does_not_fail() {
        for name in ["empty-sys", "container"] {
            let mut reading = Reading::default();
            collect(&fixture(&tree(name)), &mut reading).unwrap();
            assert!(reading.values.is_empty());
        }
    }
}
