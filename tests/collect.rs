//! `collect` on hosts made of files: the line that is stored, what is judged, and what is said of it.

#![expect(clippy::unwrap_used, reason = "a helper fails as its test does")]

mod common;

use std::fs;
use std::path::Path;

use common::{BINARY, Host, Ran, json, keys};
use serde_json::{Value, json};

/// The names of the module that this program began as.
const ORIGINAL: [&str; 11] = [
    "cpu_percent",
    "memory_percent",
    "memory_used",
    "memory_total",
    "disk_percent",
    "disk_used",
    "disk_total",
    "uptime",
    "network_sent",
    "network_received",
    "cpu_temp",
];

/// Two lines, 300 seconds apart, in which all CPUs were busy for this share of the time.
fn two_lines(host: &mut Host, busy_percent: u64) {
    host.collect();
    host.pass(300, busy_percent);
    host.collect();
}

/// What only the machine under the test knows becomes the word LIVE.
fn without_live_values(mut line: Value) -> Value {
    // Some file systems have no number of inodes.
    line.as_object_mut().unwrap().remove("filesystem_inodes_percent");
    for (key, value) in line.as_object_mut().unwrap() {
        if key.starts_with("disk_") {
            *value = json!("LIVE");
        } else if key.starts_with("filesystem_") {
            value.as_object_mut().unwrap().values_mut().for_each(|value| *value = json!("LIVE"));
        }
    }
    let processes = line.get_mut("top").and_then(Value::as_array_mut);
    for process in processes.into_iter().flatten() {
        process["user"] = json!("LIVE");
    }
    // The trees count memory in pages of 4 KiB.
    let smaps = fs::read_to_string("/proc/self/smaps").unwrap_or_default();
    if !smaps.contains("KernelPageSize:        4 kB") {
        for key in ["top", "swap_in", "swap_in_rate", "swap_out", "swap_out_rate"] {
            line.as_object_mut().unwrap().shift_remove(key);
        }
    }
    line
}

fn is_as_recorded(tree: &str) {
    let mut host = Host::new(tree);
    two_lines(&mut host, 25);
    let line = without_live_values(host.last());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/{tree}.json"));
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, format!("{line:#}\n")).unwrap();
    }
    let recorded = without_live_values(json(&fs::read_to_string(&path).unwrap()));
    assert_eq!(line, recorded, "UPDATE=1 cargo test records {line:#}");
    assert_eq!(keys(&line), keys(&recorded), "the order of the keys");
}

#[test]
fn the_line_of_a_raspberry_pi_is_as_recorded() {
    is_as_recorded("raspberry-pi-4");
}

#[test]
fn the_line_of_a_server_is_as_recorded() {
    is_as_recorded("x86-server");
}

#[test]
fn the_line_of_a_container_is_as_recorded() {
    is_as_recorded("container");
}

#[test]
fn the_line_of_a_host_without_sensors_is_as_recorded() {
    is_as_recorded("empty-sys");
}

#[test]
fn the_second_line_has_the_rates_since_the_first_and_the_original_eleven_names() {
    let mut host = Host::new("raspberry-pi-4");
    two_lines(&mut host, 25);
    let line = host.last();
    for name in ORIGINAL {
        assert!(line[name].is_number(), "{name}: {line}");
    }
    let numbers = ["interval", "cpu_percent", "network_received_rate", "network_sent_rate"];
    assert_eq!(numbers.map(|name| line[name].clone()), [300, 25, 2000, 400]);
    assert_eq!(line["interface_received_rate"], json!({"eth0": 1000, "wlan0": 1000}));
    // Both but lo, since boot.
    assert_eq!(line["network_received"], json!(987_654_321 + 600_000));
    assert_eq!(line["memory_used"], json!((1_894_964 - 1_078_232) * 1024));
    assert_eq!(line["timestamp"], "2026-11-22T09:46:06+01:00");
}

#[test]
fn scalars_come_first_then_labels_then_text() {
    let mut host = Host::new("raspberry-pi-4");
    fs::remove_file(host.path("root/proc/net/dev")).unwrap();
    host.run(&["collect"]).says(0, &["collector network"]);
    host.pass(300, 25);
    host.collect();
    let line = host.last();
    let head = ["timestamp", "epoch", "schema", "host", "boot_id", "uptime", "interval"];
    assert_eq!(&keys(&line)[..7], head);
    let rank = |(key, value): (&String, &Value)| match value {
        _ if key == "errors" || key == "facts" => 3,
        Value::Array(_) => 2,
        Value::Object(_) => 1,
        _ => 0,
    };
    let ranks: Vec<_> = line.as_object().unwrap().iter().map(rank).collect();
    assert!(ranks.is_sorted() && ranks.contains(&3), "{line}");
}

#[test]
fn json_prints_the_line_as_it_is_stored() {
    let host = Host::new("raspberry-pi-4");
    let printed = host.run(&["collect", "--json"]).done();
    assert_eq!(printed, fs::read_to_string(host.data().join("metrics_2026-11-22.jsonl")).unwrap());
}

#[test]
fn the_line_of_the_timer_needs_no_argument_but_collect() {
    let host = Host::new("raspberry-pi-4");
    let mut command = std::process::Command::new(BINARY);
    command.arg("collect").env_clear().env("HOME", host.path("home"));
    command.env("XDG_RUNTIME_DIR", host.path("run")).env("HOSTWATCH_DATA_DIR", host.data());
    command.env("HOSTWATCH_CONFIG", host.path("config.json"));
    assert_eq!(Ran::of(&mut command), Ran::new(0, "", ""));
    let line = host.last();
    for name in ORIGINAL.into_iter().filter(|name| *name != "cpu_temp") {
        assert!(line[name].is_number(), "{name}: {line}");
    }
}

/// The line after so many seconds, in which the recognizer ran for so many ticks.
fn after_running(seconds: u32, ticks: u32) -> Value {
    let mut host = Host::new("raspberry-pi-4");
    host.collect();
    host.pass(seconds, 25);
    let stat = fs::read_to_string(host.path("root/proc/812/stat")).unwrap();
    host.write("proc/812/stat", &stat.replace(" 1790211 ", &format!(" {} ", 1_790_211 + ticks)));
    host.collect();
    host.last()
}

#[test]
fn top_has_the_cpu_time_since_the_line_before() {
    let first = &after_running(300, 15_000)["top"][0];
    assert_eq!((&first["name"], &first["cpu_percent"]), (&json!("recognizer"), &json!(50)));
}

#[test]
fn who_samples_three_times_a_day_sees_what_processes_did_in_between() {
    let first = &after_running(28_800, 288_000)["top"][0];
    assert_eq!((&first["name"], &first["cpu_percent"]), (&json!("recognizer"), &json!(10)));
}

#[test]
fn a_collector_that_fails_is_named_once_and_disturbs_no_other() {
    let mut host = Host::new("raspberry-pi-4");
    host.collect();
    let path = host.path("root/proc/net/dev");
    let text = fs::read_to_string(&path).unwrap();
    host.pass(300, 25);
    fs::remove_file(&path).unwrap();
    let ran = host.run(&["collect"]);
    ran.says(0, &["collector network", "could not read", "proc/net/dev"]);
    let line = host.last();
    assert!(line["errors"]["network"].as_str().unwrap().contains("net/dev"), "{line}");
    assert_eq!(line["collector_failed"], json!({"network": 1}));
    host.run(&["check", "collector_failed{cpu} < 1"]).done();
    assert_eq!(host.run(&["check", "collector_failed{network} < 1"]).code, Some(2));
    assert!(line.get("network_sent").is_none() && line.get("interface_sent").is_none(), "{line}");
    assert_eq!(line["cpu_percent"], 25);
    host.pass(300, 25);
    host.collect();
    fs::write(&path, text).unwrap();
    host.pass(300, 25);
    host.collect();
    assert!(host.last().get("collector_failed").is_none(), "{}", host.last());
    host.run(&["check", "collector_failed{network} < 1"]).done();
    // It failed in two of four samples.
    let days = host.run(&["history", "--every", "1d", "--json"]).json()["buckets"].clone();
    let day = days.as_array().unwrap().last().unwrap();
    assert_eq!(day["metrics"]["collector_failed{network}"]["mean"], 0.5, "{day}");
    assert_eq!(host.happened(), ["collector_failed", "collector_back"]);
}

#[test]
fn a_disk_is_there_though_no_rate_of_it_is_known() {
    let mut host = Host::new("raspberry-pi-5");
    host.configure(r#"{"monitoring": {"expect": ["nvme0n1"]}}"#);
    host.collect();
    fs::remove_dir_all(host.path("run")).unwrap();
    host.pass(300, 25);
    host.collect();
    let line = host.last();
    assert!(line.get("device_read_rate").is_none(), "{line}");
    assert_eq!(line["missing"], json!({"nvme0n1": 0}));
    let replayed = host.run(&["alerts", "replay", "--json"]).json();
    assert!(!replayed["notifications"].to_string().contains("nvme0n1"), "{replayed}");
}

#[test]
fn what_a_run_left_long_ago_is_not_measured_from() {
    let mut host = Host::new("raspberry-pi-4");
    host.collect();
    // Somebody else's runs leave what they read elsewhere, and lines in the same store.
    fs::rename(host.path("run"), host.path("kept")).unwrap();
    fs::create_dir(host.path("run")).unwrap();
    host.pass(32_000, 25);
    host.collect();
    host.pass(300, 25);
    host.collect();
    assert_eq!(host.last()["context_switches_rate"], 0);
    fs::remove_dir_all(host.path("run")).unwrap();
    fs::rename(host.path("kept"), host.path("run")).unwrap();
    host.pass(300, 25);
    host.collect();
    let line = host.last();
    assert_eq!((&line["interval"], &line["cpu_percent"]), (&json!(300), &json!(25)));
    assert!(line.get("context_switches_rate").is_none(), "{line}");
}

#[test]
fn a_reboot_between_two_lines_makes_no_spike_and_is_an_event() {
    let mut host = Host::new("raspberry-pi-4");
    two_lines(&mut host, 25);
    host.reboot();
    host.collect();
    host.pass(300, 10);
    host.collect();
    let lines = host.lines();
    let after = &lines[2];
    assert_eq!(after["uptime"], 40);
    assert_ne!(after["boot_id"], lines[1]["boot_id"]);
    for (name, most) in [("cpu_percent", 100.0), ("network_received_rate", 1.0)] {
        assert!(after.get(name).is_none_or(|rate| (0.0..=most).contains(&rate.as_f64().unwrap())));
    }
    assert_eq!((&lines[3]["cpu_percent"], &lines[3]["interval"]), (&json!(10), &json!(300)));
    assert_eq!(host.happened(), ["reboot"]);
}

#[test]
fn a_counter_that_fell_has_no_rate() {
    let mut host = Host::new("raspberry-pi-4");
    two_lines(&mut host, 25);
    host.pass(300, 25);
    host.write("proc/net/dev", "eth0: 10 0 0 0 0 0 0 0 20 0 0 0 0 0 0 0\n");
    host.collect();
    let line = host.last();
    assert_eq!(line["interface_received"], json!({"eth0": 10}));
    let rate = line.get("interface_received_rate").and_then(|rates| rates.get("eth0"));
    assert_eq!((rate, line.get("network_received_rate")), (None, None), "{line}");
}

#[test]
fn a_clock_that_was_set_back_loses_nothing_and_is_an_event() {
    let mut host = Host::new("raspberry-pi-4");
    two_lines(&mut host, 25);
    host.pass(300, 40);
    host.set_clock(host.epoch - 3900);
    host.collect();
    let line = host.last();
    assert_eq!((&line["interval"], &line["cpu_percent"]), (&json!(300), &json!(40)));
    assert_eq!(host.happened(), ["clock_step"]);
    assert_eq!(host.lines().len(), 3);
}

/// Judges the temperature every five minutes.
fn watched(rule: &str) -> Host {
    let host = Host::new("raspberry-pi-4");
    let rules = format!(r#"{{"cpu_temp": {rule}}}"#);
    host.configure(&format!(
        r#"{{"monitoring": {{"log_interval": 300, "default_rules": false, "alert_thresholds": {rules}}}}}"#
    ));
    host
}

fn collect_at(host: &mut Host, celsius: u32) {
    host.heat(celsius);
    host.pass(300, 25);
    host.collect();
}

#[test]
fn a_crossed_level_is_an_event_and_so_is_its_end() {
    let mut host = watched(r#"{"warning": 70, "critical": 80}"#);
    for celsius in [60, 70, 85, 72, 67, 60] {
        collect_at(&mut host, celsius);
    }
    assert_eq!(host.happened(), ["raised", "escalated", "eased", "recovered"]);
    let event = &host.events()[0];
    for (key, value) in [
        ("series", json!("cpu_temp")),
        ("level", json!("warning")),
        ("value", json!(70)),
        ("threshold", json!(70)),
        ("epoch", host.lines()[1]["epoch"].clone()),
        ("schema", json!(1)),
        ("host", json!("gate-pi")),
    ] {
        assert_eq!(event[key], value, "{key}: {event}");
    }
}

#[test]
fn every_event_says_when_where_and_what_in_words() {
    let mut host = watched("70");
    for celsius in [75, 50] {
        collect_at(&mut host, celsius);
    }
    host.reboot();
    host.collect();
    assert_eq!(host.happened(), ["raised", "recovered", "reboot"]);
    let always = ["timestamp", "epoch", "schema", "host", "boot_id", "uptime", "event", "text"];
    for event in host.events() {
        let missing: Vec<_> = always.iter().filter(|key| event.get(key).is_none()).collect();
        assert!(missing.is_empty(), "{missing:?} in {event}");
    }
}

#[test]
fn a_level_that_has_to_hold_is_raised_when_it_has_held() {
    let mut host = watched(r#"{"warning": 70, "for": "10m"}"#);
    for celsius in [75, 60, 75, 75] {
        collect_at(&mut host, celsius);
    }
    assert!(!host.data().join("events_2026-11-22.jsonl").exists());
    collect_at(&mut host, 75);
    assert_eq!(host.happened(), ["raised"]);
}

#[test]
fn rates_over_a_short_interval_are_stored_and_not_judged() {
    let mut host = Host::new("raspberry-pi-4");
    host.configure(
        r#"{"monitoring": {"log_interval": 300, "alert_thresholds": {"cpu_percent": {"warning": 80, "for": 0}}}}"#,
    );
    two_lines(&mut host, 10);
    host.pass(10, 95);
    host.collect();
    let line = host.last();
    assert_eq!((&line["interval"], &line["cpu_percent"]), (&json!(10), &json!(95)));
    assert!(!host.data().join("events_2026-11-22.jsonl").exists());
    host.pass(290, 100);
    host.collect();
    host.pass(1, 0);
    host.collect();
    assert_eq!(host.happened(), ["raised"]);
    host.pass(10, 0);
    host.collect();
    assert_eq!((host.last()["cpu_percent"].clone(), host.happened().len()), (json!(0), 1));
    host.pass(300, 0);
    host.collect();
    assert_eq!(host.happened(), ["raised", "recovered"]);
}

#[test]
fn the_state_is_untouched_by_runs_in_which_nothing_changed() {
    let mut host = watched("70");
    collect_at(&mut host, 60);
    collect_at(&mut host, 60);
    assert!(!host.data().join("state.json").exists(), "nothing to remember");
    collect_at(&mut host, 75);
    let state = |host: &Host| {
        let files = host.snapshot();
        files.into_iter().find(|(path, ..)| path.ends_with("state.json")).unwrap()
    };
    let before = state(&host);
    // A new worst value is a change.
    for celsius in [75, 74, 75, 71] {
        collect_at(&mut host, celsius);
    }
    assert_eq!(state(&host), before);
    collect_at(&mut host, 50);
    assert_ne!(state(&host).1, before.1, "replaced, not written over");
}

#[test]
fn a_state_that_is_no_use_is_set_aside_and_alerts_go_on() {
    for content in
        ["{\"schema\":1,\"stan", r#"{"schema": 99, "standings": "of a later version"}"#, ""]
    {
        let mut host = watched("70");
        collect_at(&mut host, 60);
        fs::write(host.data().join("state.json"), content).unwrap();
        host.heat(75);
        host.pass(300, 25);
        host.run(&["collect"]).says(0, &["state.json", "state.json.bad"]);
        assert_eq!(fs::read_to_string(host.data().join("state.json.bad")).unwrap(), content);
        assert_eq!(host.happened(), ["raised"]);
        collect_at(&mut host, 75);
        assert_eq!((host.happened().len(), host.lines().len()), (1, 3));
    }
}
