//! What becomes of disks and file systems, through the whole program: told once, and only where it is news.

#![expect(clippy::unwrap_used, reason = "a helper fails as its test does")]

mod common;

use std::fs;

use common::{Host, json};

const TABLE: &str = "proc/1/mountinfo";
const SERIES: &str = "filesystem_turned_readonly";

fn remount(host: &Host, from: &str, to: &str) {
    let text = fs::read_to_string(host.path("root").join(TABLE)).unwrap();
    assert!(text.contains(from), "{text}");
    host.write(TABLE, &text.replace(from, to));
}

/// What was raised or ended, with its series.
fn changes(host: &Host) -> Vec<(String, String)> {
    let text = |event: &serde_json::Value, key: &str| event[key].as_str().unwrap_or("").to_owned();
    let events = host.events().into_iter().map(|one| (text(&one, "event"), text(&one, "series")));
    events.filter(|(_, series)| series.starts_with("filesystem_")).collect()
}

fn change(kind: &str, label: &str) -> (String, String) {
    (kind.to_owned(), format!("{SERIES}{{{label}}}"))
}

#[test]
fn a_remount_read_only_is_one_alert_until_it_can_be_written_again() {
    let mut host = Host::new("raspberry-pi-4");
    host.collect();
    remount(&host, "ext4 /dev/mmcblk0p2 rw", "ext4 /dev/mmcblk0p2 ro");
    remount(&host, "/ / rw,noatime", "/ / ro,noatime");
    for _ in 0..3 {
        host.pass(300, 5);
        host.collect();
    }
    assert_eq!(changes(&host), [change("raised", "/")]);
    let alerts = json(&host.run(&["alerts", "--json"]).done());
    assert_eq!(alerts["alerts"][0]["level"], "critical", "{alerts}");
    remount(&host, "ext4 /dev/mmcblk0p2 ro", "ext4 /dev/mmcblk0p2 rw");
    remount(&host, "/ / ro,noatime", "/ / rw,noatime");
    host.pass(300, 5);
    host.collect();
    assert_eq!(changes(&host), [change("raised", "/"), change("recovered", "/")]);
}

#[test]
fn one_that_was_always_read_only_is_none() {
    let mut host = Host::new("raspberry-pi-4");
    remount(&host, "/boot/firmware rw", "/boot/firmware ro");
    for _ in 0..3 {
        host.collect();
        host.pass(300, 5);
    }
    assert_eq!(changes(&host), []);
    let line = host.last();
    assert_eq!(line["filesystem_readonly"]["/boot/firmware"], 1);
    assert_eq!(line.get(SERIES), None);
}

#[test]
fn a_root_that_comes_back_read_only_from_a_reboot_is_one() {
    let mut host = Host::new("raspberry-pi-4");
    host.configure(r#"{"monitoring": {"startup_grace": 0}}"#);
    host.collect();
    host.reboot();
    remount(&host, "/ / rw,noatime", "/ / ro,noatime");
    remount(&host, "ext4 /dev/mmcblk0p2 rw", "ext4 /dev/mmcblk0p2 ro");
    host.collect();
    assert_eq!(changes(&host), [change("raised", "/")]);
}

#[test]
fn a_boot_partition_that_is_made_read_only_on_purpose_is_none() {
    let mut host = Host::new("raspberry-pi-4");
    host.collect();
    remount(&host, "/boot/firmware rw", "/boot/firmware ro");
    remount(&host, "vfat /dev/mmcblk0p1 rw", "vfat /dev/mmcblk0p1 ro");
    host.pass(300, 5);
    host.collect();
    assert_eq!((changes(&host), host.last().get(SERIES)), (vec![], None));
}

#[test]
fn what_the_kernel_stopped_writing_to_is_one_at_the_first_sample() {
    for options in ["ro", "rw,emergency_ro"] {
        let host = Host::new("raspberry-pi-4");
        remount(&host, "ext4 /dev/mmcblk0p2 rw", &format!("ext4 /dev/mmcblk0p2 {options}"));
        host.collect();
        assert_eq!(changes(&host), [change("raised", "/")], "{options}");
    }
}

#[test]
fn errors_of_a_file_system_are_an_alert_when_they_are_new() {
    let mut host = Host::new("raspberry-pi-4");
    let count = "sys/fs/ext4/mmcblk0p2/errors_count";
    // Those of a year ago are not.
    host.write(count, "2\n");
    for _ in 0..8 {
        host.collect();
        host.pass(300, 5);
    }
    assert_eq!(changes(&host), []);
    host.write(count, "3\n");
    host.collect();
    let raised = ("raised".to_owned(), "filesystem_errors{mmcblk0p2}".to_owned());
    assert_eq!(changes(&host), [raised]);
}

#[test]
fn a_worn_emmc_and_arrays_that_lack_drives_are_alerts() {
    let host = Host::new("x86-server");
    for (path, text) in [
        ("sys/block/mmcblk0/device/life_time", "0x09 0x02\n"),
        ("sys/block/mmcblk0/device/pre_eol_info", "0x03\n"),
        ("sys/block/md127/md/degraded", "1\n"),
        ("sys/block/md126/md/array_state", "broken\n"),
        ("proc/spl/kstat/zfs/tank/state", "DEGRADED\n"),
    ] {
        fs::create_dir_all(host.path("root").join(path).parent().unwrap()).unwrap();
        host.write(path, text);
    }
    host.write("sys/block/sdb/device/state", "offline\n");
    host.collect();
    let mut series: Vec<_> = host
        .events()
        .iter()
        .filter(|event| event["event"] == "raised")
        .map(|event| {
            format!("{} {}", event["level"].as_str().unwrap(), event["series"].as_str().unwrap())
        })
        .filter(|text| ["device_", "raid_", "pool_"].iter().any(|part| text.contains(part)))
        .collect();
    series.sort();
    assert_eq!(
        series,
        [
            "critical device_failed{sdb}",
            "critical device_pre_eol{mmcblk0}",
            "critical pool_degraded{tank}",
            "critical raid_degraded{md127}",
            "critical raid_failed{md126}",
            "warning device_life_percent{mmcblk0}",
        ]
    );
}

#[test]
fn the_lines_tell_what_a_disk_did_in_between() {
    let mut host = Host::new("raspberry-pi-4");
    host.collect();
    host.pass(300, 5);
    let row =
        "179 0 mmcblk0 48311 17603 3330242 118834 190572 231845 7304904 1903711 0 432116 2062441";
    host.write("proc/diskstats", &format!("{row}\n"));
    host.collect();
    let line = host.last();
    let of = |name: &str| line[name]["mmcblk0"].clone();
    // 20,000 sectors each way; 300 operations that took 600 ms; 30 s of 300.
    assert_eq!((of("device_read_rate"), of("device_written_rate")), (34_133.into(), 34_133.into()));
    let numbers = ["device_operations_rate", "device_wait_ms", "device_busy_percent"].map(of);
    assert_eq!(numbers, [1, 2, 10]);
}
