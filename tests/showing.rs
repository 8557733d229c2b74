//! How numbers of any size, names of any length and things of any kind are shown: nothing becomes 0 that is not, and
//! every table fits the screen.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a helper fails as its test does"
)]

mod common;

use std::fs;

use common::{Host, Ran};
use serde_json::{Value, json};

/// A Raspberry Pi whose only custom metric, in seconds, is judged by a plugin.
fn round_trip(seconds: &[&str]) -> Host {
    let mut host = Host::new("raspberry-pi-4");
    let path = host.path("ping.said");
    let script = ["/bin/sh", path.to_str().unwrap()];
    let custom = json!({"name": "ping", "command": script, "format": "nagios", "unit": "seconds"});
    configure(&host, &json!({"custom": [custom], "startup_grace": 0}));
    for one in seconds {
        let state = u8::from(one.parse::<f64>().unwrap() > 0.002);
        fs::write(&path, format!("echo 'PING | rta={one}s;0.002;0.004'; exit {state}\n")).unwrap();
        host.pass(300, 10);
        host.run(&["collect"]);
    }
    host
}

fn configure(host: &Host, monitoring: &Value) {
    host.configure(&json!({ "monitoring": monitoring }).to_string());
}

/// With a text file that gives these numbers.
fn custom(name: &str, unit: &str, said: &str) -> Host {
    let mut host = Host::new("raspberry-pi-4");
    fs::write(host.path("said"), said).unwrap();
    let command = ["/bin/cat", host.path("said").to_str().unwrap()].map(str::to_owned);
    let custom = json!({"name": name, "command": command, "unit": unit});
    configure(&host, &json!({"custom": [custom], "default_rules": false}));
    host.pass(300, 10);
    host.run(&["collect"]);
    host
}

fn contains(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "{word} is missing: {text}");
    }
}

#[test]
fn a_short_time_is_shown_in_milliseconds() {
    let host = round_trip(&["0.000045", "0.00314"]);
    contains(&host.run(&["status"]).done(), &["3.14 ms, level 2 ms", "45 µs"]);
    let explained = host.run(&["alerts", "explain", "custom_ping{rta}"]).done();
    contains(&explained, &["warning   2 ms, ends at 2 ms", "critical  4 ms"]);
}

#[test]
fn programs_lose_no_small_value_to_nothing() {
    let host = round_trip(&["0.000012", "0.00045"]);
    let line = host.run(&["status", "--check"]).done();
    contains(&line, &["'custom_ping{rta}'=0.00045s;0.002;0.004"]);
    let range = ["--since", "1h", "--json"];
    let report = host.run(&[&["report"], &range[..]].concat()).json();
    let series = &report["metrics"]["custom_ping{rta}"];
    assert_eq!((&series["min"], &series["max"]), (&json!(0.000_012), &json!(0.000_45)));
    let history = host.run(&[&["history", "--every", "1d", "custom_ping"], &range[..]].concat());
    let bucket = history.json()["buckets"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(bucket["metrics"]["custom_ping{rta}"]["min"], json!(0.000_012));
    let host = custom("offset", "seconds", "-1234567.891");
    let report = host.run(&[&["report"], &range[..]].concat()).json();
    assert_eq!(report["metrics"]["custom_offset"]["mean"], json!(-1_234_567.891));
}

#[test]
fn a_check_says_the_number_that_it_judges() {
    let host = custom("tiny", "count", "0.000012");
    let said = host.run(&["check", "custom_tiny < 0.00001"]);
    let line =
        "CRITICAL: custom_tiny is 0.000012, not < 0.00001 | 'custom_tiny'=0.000012;;0.00001\n";
    assert_eq!(said, Ran::new(2, line, ""));
    let host = custom("huge", "count", "1e308");
    let line = host.run(&["check", "custom_huge < 1e300"]).out;
    contains(&line, &["custom_huge is 1e308, not < 1e300"]);
}

#[test]
fn a_time_before_another_has_its_sign() {
    let host = custom("offset", "seconds", "-90061");
    contains(&host.run(&["report", "--since", "1h"]).done(), &["-1 d 1 h"]);
}

#[test]
fn what_is_huge_leaves_room_for_the_rest() {
    let host = custom("huge", "count", "1e308");
    let text = host.run(&["report", "--since", "1h"]).done();
    contains(&text, &["1e308"]);
    assert!(text.lines().all(|line| line.len() < 200), "{text}");
}

#[test]
fn a_dry_run_for_scripts_is_the_line_alone() {
    let host = Host::new("raspberry-pi-4");
    let said = host.run(&["collect", "--dry-run", "--json"]).done();
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(common::json(&said)["memory_percent"].is_number());
}

#[test]
fn a_reading_is_past_its_level_from_when_it_was_taken() {
    let mut host = Host::new("raspberry-pi-4");
    let rules = json!({"memory_percent": 1});
    configure(&host, &json!({"log_interval": 60, "alert_thresholds": rules}));
    for _ in 0..3 {
        host.pass(4, 10);
        host.run(&["collect"]);
    }
    let past = |host: &Host| {
        let report = host.run(&["report", "--json"]).json();
        report["metrics"]["memory_percent"]["past_warning_seconds"].clone()
    };
    assert_eq!(past(&host), 8);
    host.pass(3_600, 10);
    assert_eq!(past(&host), 68);
}

#[test]
fn a_status_that_says_no_more_than_the_levels_has_a_rule_all_the_same() {
    let host = round_trip(&["0.00314"]);
    let text = host.run(&["alerts", "explain", "custom_ping_state"]).done();
    contains(&text, &["custom_ping_state, which says nothing while the levels of custom_ping"]);
}

#[test]
fn a_rule_that_is_wrong_is_not_offered_as_the_nearest() {
    let mut host = custom("q", "count", "5");
    let command = ["/bin/cat", host.path("said").to_str().unwrap()].map(str::to_owned);
    let custom = json!({"name": "q", "command": command});
    let rules = json!({"custom_q": {"warning": "many"}});
    configure(&host, &json!({"custom": [custom], "alert_thresholds": rules}));
    host.pass(300, 10);
    host.run(&["collect"]);
    let text = host.run(&["alerts", "explain", "custom_q"]).out;
    contains(&text, &["no rule speaks of it", "left out: monitoring.alert_thresholds.custom_q"]);
    assert!(!text.contains("nearest"), "{text}");
}
