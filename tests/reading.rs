//! Stores that were damaged, repeated, mixed or written by a later version: what is good is read, what is not is
//! counted, and no reader writes.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a helper fails as its test does"
)]

mod common;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use common::{Host, Ran, fixture, json, plain};
use serde_json::{Value, json};

const DAY: &str = "metrics_2026-03-31.jsonl";
/// 12:26 in Berlin, a minute after the last line.
const NOW: i64 = 1_774_952_760;
/// Each with its samples and its damaged lines, by number.
const DAMAGED: [(&str, usize, &[usize]); 11] = [
    ("beyond-2-53", 6, &[]),
    ("crlf", 6, &[]),
    ("duplicate-lines", 6, &[]),
    ("empty-lines", 6, &[]),
    ("future-schema", 6, &[]),
    ("garbage-line", 6, &[4]),
    ("nul-bytes", 6, &[4]),
    ("out-of-order", 6, &[]),
    ("torn-last-line", 5, &[]),
    ("unknown-metric", 6, &[]),
    ("year-1970", 6, &[]),
];
const ALL: [&str; 2] = ["--since", "1970-01-01"];
const COMMANDS: [&[&str]; 9] = [
    &["status"],
    &["status", "--json"],
    &["status", "--check"],
    &["history"],
    &["history", "--format", "csv"],
    &["history", "--format", "chart"],
    &["report"],
    &["report", "--json"],
    &["alerts", "list"],
];

fn damaged(name: &str) -> Host {
    let content = fs::read(fixture("store/damaged").join(format!("{name}.jsonl"))).unwrap();
    Host::with_file(NOW, DAY, content)
}

/// The lines as a reader gives them back, and what it said.
fn samples(host: &Host, format: &str) -> (Vec<Value>, String) {
    let ran = host.run(&["history", "--format", format, ALL[0], ALL[1]]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let lines = match format {
        "json" => json(&ran.out)["samples"].as_array().unwrap().clone(),
        _ => ran.out.lines().map(json).collect(),
    };
    (lines, ran.err)
}

#[test]
fn what_is_good_is_read_and_what_is_damaged_is_counted() {
    for (name, count, damage) in DAMAGED {
        let host = damaged(name);
        for format in ["jsonl", "json"] {
            let (lines, said) = samples(&host, format);
            assert_eq!(lines.len(), count, "{name}");
            let epochs: Vec<_> = lines.iter().map(|line| line["epoch"].as_i64()).collect();
            assert!(epochs.is_sorted(), "{name}: {epochs:?}");
            assert_eq!(said.is_empty(), damage.is_empty(), "{name}: {said}");
        }
        let answer = host.run(&["report", "--json", ALL[0], ALL[1]]);
        assert_eq!(answer.code, Some(0), "{answer:?}");
        assert_eq!(json(&answer.out)["samples"], count, "{name}");
        let status = host.run(&["status"]).done();
        assert!(status.contains(&format!(" {} damaged line", damage.len())), "{name}: {status}");
    }
}

#[test]
fn damage_is_said_with_its_file_and_line() {
    for (name, _, damage) in DAMAGED.iter().filter(|(.., damage)| !damage.is_empty()) {
        let place = format!("{DAY}:{}", damage[0]);
        let host = damaged(name);
        let status = host.run(&["status"]).done();
        assert!(status.contains(&place), "{name}: {status}");
        for command in ["history", "report"] {
            let ran = host.run(&[command]);
            assert_eq!(ran.code, Some(0), "{ran:?}");
            assert!(!ran.out.is_empty(), "{ran:?}");
            ran.says_in_one_line(&["1 damaged line", &place]);
        }
    }
}

#[test]
fn every_reading_command_gets_along_with_every_damage() {
    for (name, ..) in DAMAGED {
        let host = damaged(name);
        let before = host.snapshot();
        for command in COMMANDS {
            let ran = host.run(command);
            // Where the last line is a repeated old one, the data are stale.
            let codes: &[i32] = if command.contains(&"--check") { &[0, 3] } else { &[0] };
            assert!(codes.contains(&ran.code.unwrap()), "{name}, {command:?}: {ran:?}");
            assert!(!ran.out.is_empty() && ran.err.lines().count() <= 1, "{ran:?}");
        }
        assert_eq!(host.snapshot(), before, "{name}");
    }
}

#[test]
fn a_whole_store_of_several_formats_reads_as_one() {
    let host = Host::with_history();
    let before = host.snapshot();
    let text = host.run(&["history", "--format", "jsonl", "--since", "2026-03-28"]).done();
    let lines: Vec<_> = text.lines().map(json).collect();
    assert_eq!(lines.len(), 12 + 24 + 12);
    assert!(lines.iter().map(|line| line["epoch"].as_i64()).is_sorted());
    // The original module: local time without a zone, no number where there was none.
    let first = &lines[0];
    assert_eq!(first["timestamp"], "2026-03-28T09:41:06+01:00");
    assert_eq!(
        (&first["epoch"], &first["memory_used"]),
        (&json!(1_774_687_266), &json!(875_285_279))
    );
    assert_eq!(
        (first["cpu_percent"].as_f64(), first["cpu_temp"].as_f64()),
        (Some(19.8), Some(53.917))
    );
    for name in ["host", "boot_id"] {
        assert!(first.get(name).is_none(), "nothing is made up: {first}");
    }
    assert!(lines[3].get("cpu_temp").is_none(), "absent is not zero: {}", lines[3]);
    // Ours: as stored, every key of them.
    let stored = fs::read_to_string(host.data().join("metrics_2026-03-29.jsonl")).unwrap();
    let stored: Vec<_> = stored.lines().map(|line| plain(json(line))).collect();
    assert_eq!(lines[12..36].iter().cloned().map(plain).collect::<Vec<_>>(), stored);
    assert_eq!(lines[36]["timestamp"], "2026-03-30T06:05:06+02:00");
    assert_eq!(host.snapshot(), before);
}

#[test]
fn the_last_sample_is_the_newest_whatever_the_format_of_its_file() {
    let host = Host::with_history();
    let last = |host: &Host| host.run(&["status", "--json"]).json()["sample"]["epoch"].clone();
    assert_eq!(last(&host), 1_774_846_930, "compressed, beside a plain day before");
    let original =
        "{\"timestamp\": \"2026-03-30T07:05:06.5\", \"uptime\": 90.5, \"cpu_percent\": 5}\n";
    fs::write(host.data().join("metrics_2026-03-30.json"), original).unwrap();
    assert_eq!(last(&host), 1_774_847_106, "of the original module");
}

#[test]
fn integers_beyond_2_to_the_53_keep_every_digit() {
    let host = damaged("beyond-2-53");
    let text = fs::read_to_string(host.data().join(DAY)).unwrap();
    let stored: Vec<_> = text.lines().map(|line| json(line)["network_sent"].clone()).collect();
    assert_eq!(stored[2], json!(18_446_744_073_709_551_611_u64));
    for format in ["json", "jsonl"] {
        let (lines, _) = samples(&host, format);
        assert_eq!(
            lines.iter().map(|line| line["network_sent"].clone()).collect::<Vec<_>>(),
            stored
        );
    }
    let csv = host.run(&["history", "network_sent", "--format", "csv"]).done();
    let shown: Vec<_> = csv.lines().skip(1).map(|row| row.split(',').nth(2).unwrap()).collect();
    assert_eq!(shown, stored.iter().map(ToString::to_string).collect::<Vec<_>>());
    let last = host.run(&["status", "--json"]).json()["sample"]["network_sent"].clone();
    assert_eq!(last, stored[5]);
}

#[test]
fn what_a_later_version_writes_survives_and_can_be_asked_for() {
    for name in ["unknown-metric", "future-schema"] {
        let host = damaged(name);
        let text = fs::read_to_string(host.data().join(DAY)).unwrap();
        let stored: Vec<_> = text.lines().map(|line| plain(json(line))).collect();
        for format in ["json", "jsonl"] {
            let (lines, said) = samples(&host, format);
            assert_eq!(
                (lines.into_iter().map(plain).collect::<Vec<_>>(), &*said),
                (stored.clone(), "")
            );
        }
    }
    let host = damaged("unknown-metric");
    let csv = host.run(&["history", "solar_*", "custom_queue_length", "--format", "csv"]).done();
    let mut rows = csv.split("\r\n");
    assert_eq!(rows.next(), Some("timestamp,epoch,solar_watts{roof},custom_queue_length"));
    assert_eq!(rows.next(), Some("2026-03-31T12:00:06+02:00,1774951206,412.5,0"));
    let answer = host.run(&["report", "--json"]).json();
    let watts = &answer["metrics"]["solar_watts{roof}"];
    assert_eq!((&watts["label"], &watts["p50"]), (&json!("roof"), &json!(414.5)));
    assert!(watts.get("unit").is_none(), "nobody knows it: {watts}");
}

#[test]
fn a_line_of_1970_is_found_by_its_own_time() {
    let host = damaged("year-1970");
    let text = host.run(&["history", "--format", "jsonl", "--since", "2026-03-31"]).done();
    assert_eq!(text.lines().count(), 5);
    let (lines, _) = samples(&host, "jsonl");
    assert_eq!(lines[0]["timestamp"], "1970-01-01T01:00:12+01:00");
}

#[test]
fn a_directory_that_cannot_be_written_is_read_by_anybody() {
    let host = Host::with_history();
    fs::set_permissions(host.data(), Permissions::from_mode(0o555)).unwrap();
    let before = host.snapshot();
    for command in COMMANDS {
        let ran = host.run_as_ordinary_user(command);
        assert_eq!((ran.code, &*ran.err), (Some(0), ""), "{command:?}: {ran:?}");
        assert!(!ran.out.is_empty(), "{command:?}");
    }
    assert_eq!(host.snapshot(), before);
    assert_eq!(fs::read_dir(host.path("run")).unwrap().count(), 0, "nor the runtime directory");
    fs::set_permissions(host.data(), Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_file_that_may_not_be_read_is_said_and_the_others_are_read() {
    let host = Host::with_history();
    let closed = host.data().join("metrics_2026-03-29.jsonl");
    fs::set_permissions(&closed, Permissions::from_mode(0o000)).unwrap();
    let ran = host.run_as_ordinary_user(&["history", "--format", "jsonl", "--since", "2026-03-28"]);
    assert_eq!((ran.code, ran.out.lines().count()), (Some(0), 24), "{ran:?}");
    ran.says_in_one_line(&["metrics_2026-03-29.jsonl"]);
}

#[test]
fn a_state_that_may_not_be_read_leaves_what_is_firing_to_the_events() {
    let mut host = Host::new("raspberry-pi-4");
    host.configure(r#"{"monitoring": {"alert_thresholds": {"cpu_temp": 40}}}"#);
    host.collect();
    host.pass(300, 10);
    host.collect();
    let state = host.data().join("state.json");
    fs::set_permissions(&state, Permissions::from_mode(0o000)).unwrap();
    let ran = host.run_as_ordinary_user(&["status", "--json"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    ran.says_in_one_line(&["state.json"]);
    assert_eq!(json(&ran.out)["alerts"][0]["series"], "cpu_temp");
    let quiet = host.run_as_ordinary_user(&["-q", "status", "--check"]);
    assert_eq!((quiet.code, &*quiet.err), (Some(1), ""), "{quiet:?}");
    assert!(quiet.out.starts_with("WARNING"));
    assert_eq!(Ran::new(1, &quiet.out, ""), quiet);
}
