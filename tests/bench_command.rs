//! `bench`: what it measures is stored, compared, judged and shown; where it would disturb or be disturbed, it refuses.

#![expect(clippy::unwrap_used, reason = "a helper fails as its test does")]

mod common;

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use common::{BINARY, Host, Ran, keys, line};
use rustix::process::geteuid;
use serde_json::Value;

const WEEK: i64 = 7 * 86_400;

/// A host with so many earlier results, a week apart, whose processor was a thousand times faster and whose disk was
/// slower than any.
fn with_earlier(count: i64) -> Host {
    let mut host = Host::new("raspberry-pi-4");
    host.set_clock(1_795_336_866);
    let results = r#""bench_method":1,"bench_cpu_single_rate":9e9,"bench_fsync_milliseconds":{"p50":9e9,"p99":9e9}"#;
    let lines: String =
        (1..=count).rev().map(|week| line(host.epoch - week * WEEK, 900, results)).collect();
    let other_method =
        line(host.epoch - WEEK / 2, 900, r#""bench_method":2,"bench_cpu_single_rate":1"#);
    fs::create_dir(host.data()).unwrap();
    fs::write(host.data().join("metrics_2026-11-15.jsonl"), lines + &other_method).unwrap();
    host
}

fn names(host: &Host) -> Vec<String> {
    let entries = fs::read_dir(host.data()).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

const RESULTS: [&str; 10] = [
    "bench_cpu_single_rate",
    "bench_cpu_all_rate",
    "bench_memory_copy_rate",
    "bench_memory_triad_rate",
    "bench_disk_write_rate",
    "bench_fsync_milliseconds{p50}",
    "bench_fsync_milliseconds{p99}",
    "bench_read_milliseconds{p50}",
    "bench_read_milliseconds{p99}",
    "bench_read_rate",
];

#[test]
fn results_are_stored_with_a_sample_and_a_machine_that_became_slow_is_an_alert_that_stays() {
    let mut host = with_earlier(6);
    let answer = host.run(&["bench", "--json"]).json();
    assert_eq!(
        keys(&answer),
        ["schema", "host", "timestamp", "epoch", "method", "results", "notes"]
    );
    assert_eq!((&answer["epoch"], &answer["method"]), (&host.epoch.into(), &1.into()));
    assert_eq!(keys(&answer["results"]), RESULTS);
    let cpu = &answer["results"]["bench_cpu_single_rate"];
    assert_eq!(keys(cpu), ["value", "unit", "median", "deviation_percent"]);
    assert_eq!((&cpu["unit"], cpu["median"].as_f64()), (&"per_second".into(), Some(9e9)));
    assert_eq!(keys(&answer["results"]["bench_disk_write_rate"]), ["value", "unit"]);
    assert!(
        answer["notes"].as_array().unwrap().contains(&"load 0.42 on 4 cores".into()),
        "{answer}"
    );

    let stored = host.last();
    assert_eq!(
        (&stored["bench_method"], &stored["bench_cpu_single_rate"]),
        (&1.into(), &cpu["value"])
    );
    assert!(
        stored["memory_percent"].is_number() && stored["cpu_temp"].is_number(),
        "an ordinary sample"
    );
    assert!(stored["bench_fsync_milliseconds"]["p99"].as_f64() > Some(0.0));
    let drift = &stored["bench_drift_percent"];
    assert_eq!(keys(drift), ["cpu_single", "fsync_p50", "fsync_p99"]);
    assert!(drift["cpu_single"].as_f64() > Some(99.0) && drift["fsync_p50"].as_f64() < Some(-99.0));
    assert!(!names(&host).contains(&"bench.tmp".to_owned()));

    let events = host.events();
    let is_drift = |event: &&Value| event["series"] == "bench_drift_percent{cpu_single}";
    let raised = events.iter().find(is_drift).unwrap();
    assert_eq!((&raised["event"], &raised["level"]), (&"raised".into(), &"warning".into()));
    assert!(raised["text"].as_str().unwrap().starts_with("cpu_single slower than usual by"));
    // Two days of samples that say nothing of it.
    for _ in 0..2 {
        host.pass(86_400, 5);
        host.run(&["collect"]);
    }
    assert!(!host.happened().iter().any(|name| name == "gone"), "{:?}", host.happened());
    let alerts = host.run(&["alerts", "--json"]).json();
    let alerts = alerts["alerts"].as_array().unwrap();
    assert!(alerts.iter().any(|alert| is_drift(&alert)), "{alerts:?}");
}

#[test]
fn a_dry_run_shows_the_results_beside_what_is_usual_and_stores_nothing() {
    let host = with_earlier(3);
    host.write("proc/loadavg", "9.00 9.00 9.00 1/2 3\n");
    let before = host.lines();
    let ran = host.run(&["bench", "--dry-run", "--force", "-v"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    for part in [
        "CPU, one core: ",
        "CPU, all cores: ",
        "memory: copy ",
        "disk, write: ",
        "disk, fsync: ",
        "disk, random reads: ",
    ] {
        assert!(ran.err.contains(&format!("hostwatch: {part}")), "{part} is missing: {}", ran.err);
    }
    assert!(!ran.err.contains('\r'), "no progress where nobody looks");
    let rows: Vec<&str> = ran.out.lines().collect();
    assert!(rows[0].ends_with("median of 3  deviation"), "{}", ran.out);
    assert!(rows[1].starts_with(" CPU, one core") && rows[1].ends_with("-100.0 %"), "{}", ran.out);
    assert!(rows[2].starts_with(" CPU, all cores") && rows[2].ends_with('-'), "{}", ran.out);
    assert!(ran.out.contains(" note: the machine was busy: load 9.00 on 4 cores\n"), "{}", ran.out);
    assert_eq!(host.lines(), before);
    assert_eq!(names(&host), ["bench.lock", "metrics_2026-11-15.jsonl"]);
}

#[test]
fn a_busy_machine_is_left_alone() {
    let host = Host::new("raspberry-pi-4");
    host.write("proc/loadavg", "2.10 1.00 1.00 1/2 3\n");
    let words = ["the machine is busy (load 2.10 on 4 cores", "--force"];
    host.run(&["bench"]).says(3, &words);
    host.run(&["bench", "--dry-run", "--json"]).says(3, &words);
    assert_eq!(names(&host), ["bench.lock"]);
}

#[test]
fn a_machine_that_is_being_measured_is_not_measured_again() {
    let host = Host::new("raspberry-pi-4");
    fs::create_dir(host.data()).unwrap();
    let lock = File::create(host.data().join("bench.lock")).unwrap();
    lock.lock().unwrap();
    host.run(&["bench"]).says(3, &["another bench", "is running", "--force"]);
}

#[test]
fn a_disk_that_is_nearly_full_is_not_measured() {
    let host = Host::new("raspberry-pi-4");
    fs::create_dir(host.data()).unwrap();
    let script = r#"mount -t tmpfs -o size=255m none "$DATA" && exec "$@""#;
    let own = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", BINARY];
    let allowed = Command::new("unshare").args(["--mount", "true"]).status();
    if !geteuid().is_root() || !allowed.is_ok_and(|status| status.success()) {
        _ = writeln!(std::io::stderr(), "LEFT OUT: a full disk (needs root, and leave to mount)");
        return;
    }
    let mut command = host.bare(&own);
    command.env("DATA", host.data()).arg("--data-dir").arg(host.data()).arg("bench");
    let ran = Ran::of(&mut command);
    ran.says(3, &["could not measure the disk", "255.0 MiB free, and 256.0 MiB are needed"]);
}

#[test]
fn a_directory_that_cannot_be_written_is_said_before_anything_is_measured() {
    let host = Host::new("raspberry-pi-4");
    fs::create_dir(host.data()).unwrap();
    fs::set_permissions(host.data(), PermissionsExt::from_mode(0o555)).unwrap();
    let ran = host.run_as_ordinary_user(&["bench"]);
    ran.says(3, &["could not lock", "bench.lock: Permission denied"]);
}

#[test]
fn monitoring_that_is_switched_off_measures_nothing() {
    let host = Host::new("raspberry-pi-4");
    host.configure(r#"{"monitoring": {"enabled": false}}"#);
    host.run(&["bench"]).says(0, &["nothing done: monitoring.enabled is false"]);
}
