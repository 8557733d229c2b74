//! File systems that can no longer be written: told once, and only of those that could be.

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
    assert_eq!(line[SERIES], serde_json::json!({"/": 0}));
}

#[test]
fn what_comes_back_read_only_from_a_reboot_is_one() {
    let mut host = Host::new("raspberry-pi-4");
    host.configure(r#"{"monitoring": {"startup_grace": 0}}"#);
    host.collect();
    host.reboot();
    remount(&host, "/boot/firmware rw", "/boot/firmware ro");
    host.collect();
    assert_eq!(changes(&host), [change("raised", "/boot/firmware")]);
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
