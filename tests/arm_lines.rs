//! Lines of an emulated Raspberry Pi 3 (64 bit) and 2 (32 bit), as they were stored there, read on this machine: see
//! `tests/arm`.

#![expect(clippy::unwrap_used, reason = "a helper fails as its test does")]

mod common;

use std::fs;

use common::{Host, fixture, json};
use serde_json::Value;

const BOARDS: [&str; 2] = ["raspi3b", "raspi2b"];

/// The host on which its file lies, a minute after the last line, and the lines.
fn board(name: &str) -> (Host, Vec<Value>) {
    let file = fs::read_dir(fixture("store-arm").join(name)).unwrap().next().unwrap().unwrap();
    let text = fs::read_to_string(file.path()).unwrap();
    let lines: Vec<Value> = text.lines().map(json).collect();
    let end = lines.last().unwrap()["epoch"].as_i64().unwrap();
    (Host::with_file(end + 60, file.file_name().to_str().unwrap(), text), lines)
}

#[test]
fn both_lines_are_read_and_none_is_damaged() {
    for name in BOARDS {
        let (host, lines) = board(name);
        let read = host.run(&["history", "--since", "1h", "--format", "jsonl"]).done();
        assert_eq!(read.lines().map(json).collect::<Vec<_>>(), lines, "{name}");
        let status = host.run(&["status"]).done();
        assert!(status.starts_with(&format!("{name}: OK")), "{status}");
        assert!(status.contains(" 2 of 2 samples, 0 damaged lines"), "{status}");
    }
}

#[test]
fn the_sensor_of_the_cpu_is_known() {
    for name in BOARDS {
        let (host, lines) = board(name);
        for line in &lines {
            let celsius = line["cpu_temp"].as_f64().unwrap();
            assert!((20.0..30.0).contains(&celsius), "{name}: {celsius}");
            assert_eq!(
                line["temperature"],
                serde_json::json!({ "cpu_thermal": celsius }),
                "{name}"
            );
        }
        let status = host.run(&["status", "--json"]).json();
        assert_eq!(status["sample"]["cpu_temp"], lines[1]["cpu_temp"], "{name}");
    }
}

#[test]
fn the_second_line_has_rates_of_the_card_and_the_interface() {
    for name in BOARDS {
        let (_, lines) = board(name);
        let rate = |metric: &str, label: &str| lines[1][metric][label].as_f64().unwrap();
        assert!(rate("device_written_rate", "mmcblk0") > 100_000.0, "{name}");
        assert!(rate("device_wait_ms", "mmcblk0") > 0.0, "{name}");
        assert!(rate("interface_sent_rate", "usb0") > 0.0, "{name}");
        for metric in ["cpu_percent", "cpu_busiest_percent", "context_switches_rate"] {
            assert!(lines[1][metric].as_f64().unwrap() > 0.0, "{name}: {metric}");
        }
    }
}

#[test]
fn what_stands_in_a_line_fits_together() {
    for name in BOARDS {
        let (_, lines) = board(name);
        for line in &lines {
            let number = |metric: &str| line[metric].as_u64().unwrap();
            assert_eq!(number("memory_used") + number("memory_available"), number("memory_total"));
            assert!(number("disk_used") <= number("disk_total"));
            assert!(number("memory_total") > 900 << 20, "{name}");
            let failed = line["collector_failed"].as_object();
            assert!(
                failed.is_none_or(|all| all.values().all(|one| *one == 0)),
                "{name}: {failed:?}"
            );
            assert!(line.get("errors").is_none(), "{name}: {line}");
        }
    }
}

#[test]
fn a_report_sums_them_up() {
    for name in BOARDS {
        let (host, lines) = board(name);
        let report = host.run(&["report", "--json", "--since", "1h"]).json();
        assert_eq!((&report["samples"], &report["host"]), (&2.into(), &name.into()));
        let sensor = &report["metrics"]["temperature{cpu_thermal}"];
        assert_eq!(sensor["last"], lines[1]["cpu_temp"], "{name}");
        assert_eq!(report["metrics"]["device_written_rate{mmcblk0}"]["count"], 2, "{name}");
    }
}
