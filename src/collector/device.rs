//! Whole disks, from `/proc/diskstats` (kernel: admin-guide/iostats). Raw counters are facts; rates are derived from
//! two lines, by the formulas of iostat(1).

use anyhow::bail;

use super::diskstats::{Device, add_paths, fields, parse};
use super::{Collector, Filter, Host, Reading};
use crate::metric::Derived::{Busy, Each, Rate};
use crate::metric::{Judged, Metric, Unit};
use crate::sample::Values;
use crate::series::label_text;

static READ_RATE: Metric = Metric::rate(
    "device_read_rate",
    Unit::BytesPerSecond,
    "Bytes read from the disk a second since the previous sample.",
)
.labelled("device")
.phrased("{label} reading {value}");
static WRITTEN_RATE: Metric = Metric::rate(
    "device_written_rate",
    Unit::BytesPerSecond,
    "Bytes written to the disk a second since the previous sample.",
)
.labelled("device")
.phrased("{label} writing {value}");
static OPERATIONS_RATE: Metric = Metric::rate(
    "device_operations_rate",
    Unit::PerSecond,
    "Reads and writes a second since the previous sample.",
)
.labelled("device")
.phrased("{label} {value} operations");
static BUSY_PERCENT: Metric = Metric::rate(
    "device_busy_percent",
    Unit::Percent,
    "Share of the time since the previous sample in which the disk had something to do; one that does several things at once can do more at 100 %.",
)
.labelled("device")
.phrased("{label} {value} busy")
// A backup, or the monthly check of a small array, takes an hour.
.judged(&[Judged::warning(95.0).lasting(7_200.0)]);
static WAIT_EACH: Metric = Metric::rate(
    "device_wait_ms",
    Unit::Milliseconds,
    "How long a read or write took since the previous sample, its wait in the queue included; absent if there was none.",
)
.labelled("device")
.phrased("{label} takes {value} for each operation");
static READ: Metric = Metric::counter(
    "device_read",
    Unit::Bytes,
    &[Rate(&READ_RATE)],
    "Bytes read from the disk since boot.",
)
.labelled("device")
.phrased("{value} read from {label}")
.apart();
static WRITTEN: Metric = Metric::counter(
    "device_written",
    Unit::Bytes,
    &[Rate(&WRITTEN_RATE)],
    "Bytes written to the disk since boot.",
)
.labelled("device")
.phrased("{value} written to {label}")
.apart();
static OPERATIONS: Metric = Metric::counter(
    "device_operations",
    Unit::Count,
    &[Rate(&OPERATIONS_RATE)],
    "Reads and writes completed since boot.",
)
.labelled("device")
.phrased("{label} {value} operations")
.apart();
static BUSY: Metric = Metric::counter(
    "device_busy",
    Unit::Milliseconds,
    &[Busy(&BUSY_PERCENT, 1_000)],
    "Time since boot in which the disk had something to do.",
)
.labelled("device")
.phrased("{label} busy for {value}")
.apart();
static WAIT: Metric = Metric::counter(
    "device_wait",
    Unit::Milliseconds,
    &[Each(&WAIT_EACH, &OPERATIONS, 1.0)],
    "Time that all reads and writes since boot took together, their wait in the queue included.",
)
.labelled("device")
.phrased("{label} waited for {value}")
.apart();

pub static COLLECTOR: Collector = Collector::new(
    "device",
    &[
        &READ_RATE,
        &WRITTEN_RATE,
        &OPERATIONS_RATE,
        &BUSY_PERCENT,
        &WAIT_EACH,
        &READ,
        &WRITTEN,
        &OPERATIONS,
        &BUSY,
        &WAIT,
    ],
    collect,
);

/// How the names begin of memory, images, drives for removable discs, and what only passes on to disks that are
/// measured themselves.
const NO_DISKS: &[&str] =
    &["loop", "ram", "zram", "sr", "fd", "mtdblock", "dm-", "md", "bcache", "drbd", "zd"];

/// What the kernel counts in, whatever the disk's own sectors are.
const SECTOR: u64 = 512;

fn collect(host: &Host<'_>, reading: &mut Reading) -> anyhow::Result<()> {
    // A kernel may be without it, and a container may hide it.
    let content = host.read_if_there("proc/diskstats")?;
    let text = String::from_utf8_lossy(&content);
    let mut names: Vec<&str> = text.lines().filter_map(|line| fields(line).next()).collect();
    names.sort_unstable();
    let mut odd = None;
    for line in text.lines() {
        let Some(name) = fields(line).next() else { continue };
        if !is_measured(name, &names, &host.settings.devices) {
            continue;
        }
        let Some(mut device) = parse(line) else {
            odd = odd.or(Some(line));
            continue;
        };
        if !device.was_used() {
            add_paths(&mut device, &text);
        }
        // What was never used since boot is a slot rather than a disk.
        if device.was_used() {
            fill(&device, &mut reading.values);
        }
    }
    match odd {
        None => Ok(()),
        Some(line) => bail!("could not understand /proc/diskstats: {line}"),
    }
}

/// `names` are sorted.
fn is_measured(name: &str, names: &[&str], filter: &Filter) -> bool {
    let left_out = || is_no_disk(name) || is_partition(name, names);
    if filter.is_empty() {
        return !left_out();
    }
    let label = label_text(name.as_bytes());
    filter.includes(&label) || !(filter.excludes(&label) || left_out())
}

fn is_no_disk(name: &str) -> bool {
    // An eMMC's small parts of its own, and the single paths to an NVMe drive that has several.
    let is_part = |part: &&str| name.contains(part);
    NO_DISKS.iter().any(|start| name.starts_with(start))
        || (name.starts_with("mmcblk") && ["boot", "rpmb", "gp"].iter().any(is_part))
        || (name.starts_with("nvme") && name.contains('c'))
}

/// The kernel names a partition after its disk: `sda1` of `sda`, `mmcblk0p1` of `mmcblk0`.
fn is_partition(name: &str, names: &[&str]) -> bool {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let ends_in_digit = |disk: &str| disk.ends_with(|c: char| c.is_ascii_digit());
    let disk = stem.strip_suffix('p').filter(|disk| ends_in_digit(disk)).unwrap_or(stem);
    stem != name && names.binary_search(&disk).is_ok()
}

fn fill(device: &Device<'_>, values: &mut Values) {
    let label = label_text(device.name.as_bytes());
    let wait = device.milliseconds_reading.saturating_add(device.milliseconds_writing);
    values.set_for(&READ, &label, device.sectors_read.saturating_mul(SECTOR));
    values.set_for(&WRITTEN, &label, device.sectors_written.saturating_mul(SECTOR));
    values.set_for(&OPERATIONS, &label, device.reads.saturating_add(device.writes));
    values.set_for(&BUSY, &label, device.milliseconds_busy);
    values.set_for(&WAIT, &label, wait);
}

#[cfg(test)]
mod tests {
    use super::super::Settings;
    use super::super::tests::{fixture, tree};
    use super::*;
    use crate::rates::derive;

    const TABLE: &str = "\
   7       0 loop0 173 0 346 16 0 0 0 0 0 52 16 0 0 0 0 0 0
   1       0 ram0 0 0 0 0 0 0 0 0 0 0 0
 179       0 mmcblk0 100 5 2000 400 50 7 3000 600 0 700 1000 0 0 0 0 0 0
 179       1 mmcblk0p1 10 5 200 40 5 7 300 60 0 70 100 0 0 0 0 0 0
 179       8 mmcblk0boot0 10 5 200 40 5 7 300 60 0 70 100 0 0 0 0 0 0
   8       0 sda 1 0 8 1 0 0 0 0 0 1 1
   8       1 sda1 1 0 8 1 0 0 0 0 0 1 1
   8      16 sdb 0 0 0 0 0 0 0 0 0 0 0
 202       1 xvda1 1 0 8 1 0 0 0 0 0 1 1
 259       0 nvme0n1 1 0 8 1 0 0 0 0 0 1 1
 259       1 nvme0n1p12 1 0 8 1 0 0 0 0 0 1 1
 259       2 nvme0c1n1 1 0 8 1 0 0 0 0 0 1 1
 253       0 dm-0 1 0 8 1 0 0 0 0 0 1 1
   9       0 md0 1 0 8 1 0 0 0 0 0 1 1
";

    fn collected(table: &str, filter: Filter) -> anyhow::Result<Values> {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("proc")).unwrap();
        std::fs::write(directory.path().join("proc/diskstats"), table).unwrap();
        let settings = Settings { devices: filter, ..Settings::default() };
        let mut reading = Reading::default();
        collect(&Host { settings: &settings, ..fixture(directory.path()) }, &mut reading)?;
        Ok(reading.values)
    }

    fn labels(values: &Values) -> Vec<String> {
        let reads = values.points().filter(|(name, ..)| *name == "device_read");
        reads.filter_map(|(_, label, _)| label.map(str::to_owned)).collect()
    }

    fn filter(include: &[&str], exclude: &[&str]) -> Filter {
        let owned = |list: &[&str]| list.iter().map(|one| (*one).to_owned()).collect();
        Filter { include: owned(include), exclude: owned(exclude) }
    }

    #[test]
    fn whole_disks_that_were_used_are_measured_and_nothing_else() {
        let values = collected(TABLE, Filter::default()).unwrap();
        assert_eq!(labels(&values), ["mmcblk0", "nvme0n1", "sda", "xvda1"]);
    }

    #[test]
    fn an_include_wins_and_an_exclude_leaves_out() {
        let values = collected(TABLE, filter(&["dm-*", "sda1"], &["*"])).unwrap();
        assert_eq!(labels(&values), ["dm-0", "sda1"]);
        let values = collected(TABLE, filter(&[], &["nvme*", "sd?"])).unwrap();
        assert_eq!(labels(&values), ["mmcblk0", "xvda1"]);
    }

    #[test]
    fn sectors_are_512_bytes_and_both_ways_count_as_operations() {
        let values = collected(TABLE, Filter::default()).unwrap();
        let of = |name| values.get(name, Some("mmcblk0")).unwrap();
        assert_eq!((of("device_read"), of("device_written")), (1_024_000.0, 1_536_000.0));
        assert_eq!(
            (of("device_operations"), of("device_busy"), of("device_wait")),
            (150.0, 700.0, 1_000.0)
        );
    }

    const PATHS: &str = "\
   0       0 nvme0c0n1 10 1 200 4 20 2 300 6 0 9 10 0 0 0 0 0 0
   0       0 nvme0c1n1 1 1 2 3 4 5 6 7 0 8 10 0 0 0 0 0 0
   0       0 nvme0c1n2 500 0 500 500 500 0 500 500 0 500 500 0 0 0 0 0 0
   0       0 nvme0c1n12 500 0 500 500 500 0 500 500 0 500 500 0 0 0 0 0 0
   0       0 nvme00c1n1 500 0 500 500 500 0 500 500 0 500 500 0 0 0 0 0 0
";

    #[test]
    fn an_nvme_drive_that_counts_nothing_itself_has_the_sum_of_its_paths() {
        let table = |numbers: &str| format!("259 0 nvme0n1 {numbers}\n{PATHS}");
        let values =
            collected(&table("0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0"), Filter::default()).unwrap();
        assert_eq!(labels(&values), ["nvme0n1"]);
        let of = |name| values.get(name, Some("nvme0n1")).unwrap();
        assert_eq!((of("device_read"), of("device_written")), (202.0 * 512.0, 306.0 * 512.0));
        assert_eq!(
            (of("device_operations"), of("device_busy"), of("device_wait")),
            (35.0, 17.0, 20.0)
        );
        let values = collected(&table("3 0 8 1 4 0 0 0 0 1 1"), Filter::default()).unwrap();
        assert_eq!(values.get("device_operations", Some("nvme0n1")), Some(7.0), "it counts itself");
    }

    #[test]
    fn the_figures_are_those_of_iostat() {
        let row = |numbers: &str| format!("8 0 sda {numbers}\n");
        let before =
            collected(&row("100 0 1000 50 100 0 1000 50 0 1000 9"), Filter::default()).unwrap();
        let mut after =
            collected(&row("120 0 3000 80 180 0 5000 145 0 6000 9"), Filter::default()).unwrap();
        derive(COLLECTOR.metrics.iter().copied(), &before, &mut after, 10.0);
        let of = |name| after.get(name, Some("sda")).unwrap();
        assert_eq!((of("device_read_rate"), of("device_written_rate")), (102_400.0, 204_800.0));
        assert_eq!((of("device_operations_rate"), of("device_busy_percent")), (10.0, 50.0));
        assert_eq!(after.get("device_wait_ms", Some("sda")), Some(1.25));
    }

    #[test]
    fn a_host_without_the_table_has_no_disks_and_no_failure() {
        let mut reading = Reading::default();
        collect(&fixture(&tree("container")), &mut reading).unwrap();
        assert!(reading.values.is_empty());
    }

    #[test]
    fn a_line_that_cannot_be_understood_is_named_and_costs_the_others_nothing() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("proc")).unwrap();
        let table = "8 0 sda 1 x\n8 16 sdb 1 0 8 1 0 0 0 0 0 1 1\n8 32 sdc\n";
        std::fs::write(directory.path().join("proc/diskstats"), table).unwrap();
        let mut reading = Reading::default();
        let error = collect(&fixture(directory.path()), &mut reading).unwrap_err();
        assert_eq!(error.to_string(), "could not understand /proc/diskstats: 8 0 sda 1 x");
        assert_eq!(labels(&reading.values), ["sdb"]);
    }

    #[test]
    fn an_error_that_quotes_a_huge_line_is_cut() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("proc")).unwrap();
        let table = format!("8 0 sda {}\n", "é".repeat(9_999));
        std::fs::write(root.path().join("proc/diskstats"), table).unwrap();
        let reading = super::super::run(&fixture(root.path()));
        assert_eq!(reading.errors["device"].chars().count(), 500);
    }
}
