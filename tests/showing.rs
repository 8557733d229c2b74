//! How numbers of any size, names of any length and things of any kind are shown: nothing becomes 0 that is not, and
//! every table fits the screen.

#![expect(clippy::unwrap_used, reason = "a helper fails as its test does")]

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
    contains(&host.run(&["report", "--since", "1h"]).done(), &["-1d1h"]);
    contains(&host.run(&["status"]).done(), &["-1 d 1 h"]);
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

/// With everything that a plain host has not, and labels of any length.
fn everything() -> Host {
    let mut host = Host::new("raspberry-pi-4");
    let long = "x".repeat(190);
    let parts: Vec<String> = (0..44).map(|at| format!("part{at} {at}.5")).collect();
    fs::write(host.path("said"), format!("{long} 3\n{}\n", parts.join("\n"))).unwrap();
    host.write("backup.tar", "data");
    let cat = ["/bin/cat", host.path("said").to_str().unwrap()].map(str::to_owned);
    configure(
        &host,
        &json!({
            "startup_grace": 0,
            "custom": [{"name": "many", "command": cat}, {"name": "one", "command": ["/bin/echo", "7"]}],
            "watch": [{"name": "recognizer", "process": "recognizer"}],
            "files": [{"name": "backup", "path": "/backup.tar"}],
            "alert_thresholds": {format!("custom_many{{{long}}}"): 2, "memory_percent": 1, "load1": {"warning": 0.01, "critical": 9}},
        }),
    );
    for _ in 0..3 {
        host.pass(300, 90);
        host.run(&["collect"]);
    }
    host
}

fn at_80(host: &Host, arguments: &[&str]) -> String {
    Ran::of(host.command(arguments).env("COLUMNS", "80")).out
}

#[test]
fn what_people_read_fits_80_columns_whatever_there_is() {
    for host in [everything(), Host::with_history()] {
        for arguments in [
            &["status"][..],
            &["report", "--since", "9d"],
            &["alerts", "--since", "30d"],
            &["history", "--since", "9d", "--every", "1d", "custom_*", "cpu_*"],
            &["metrics"],
        ] {
            let text = at_80(&host, arguments);
            for line in text.lines() {
                assert!(line.chars().count() <= 80, "{arguments:?} {line}\n{text}");
            }
        }
        let suggested = at_80(&host, &["alerts", "suggest", "--since", "9d"]);
        let table = suggested.split("\n\n").next().unwrap();
        assert!(table.lines().all(|line| line.chars().count() <= 80), "{suggested}");
    }
}

#[test]
fn in_a_pipe_and_for_programs_no_name_is_cut() {
    let host = everything();
    let name = format!("custom_many{{{}}}", "x".repeat(190));
    for arguments in [&["status"][..], &["report"], &["alerts"], &["history", "custom_many"]] {
        contains(&host.run(arguments).done(), &[&name]);
    }
    let json = Ran::of(host.command(&["status", "--json"]).env("COLUMNS", "80")).json();
    assert!(json["last_24h"].get(&name).is_some());
}

#[test]
fn what_is_configured_is_in_the_status_without_a_rule() {
    let text = everything().run(&["status"]).done();
    let found = |title: &str| text.lines().find(|line| line.starts_with(title));
    let line = |title: &str| found(title).unwrap_or(&text);
    contains(line(" watch "), &["recognizer", "1 running", "of a core", "295.6 MiB", "up "]);
    contains(line(" file "), &["backup", "old", "4 B"]);
    contains(line(" traffic "), &["eth0", "today", "this month"]);
    contains(line(" own "), &["custom_one", "7"]);
    contains(&text, &["custom_many{part0}", "25 more: hostwatch history 'custom_*'"]);
    contains(&text, &["busiest", "pid", "user", "812", "--camera /dev/video0"]);
    let mut plain = Host::new("raspberry-pi-4");
    plain.pass(300, 1);
    plain.collect();
    let text = plain.run(&["status"]).done();
    assert!(!text.contains("\n watch ") && !text.contains("\n own "), "{text}");
}

#[test]
fn history_goes_on_below_with_what_does_not_fit_beside() {
    let host = everything();
    let said = Ran::of(host.command(&["history", "custom_many{part?}"]).env("COLUMNS", "80"));
    let text = said.done();
    for at in 0..10 {
        contains(&text, &[&format!("custom_many{{part{at}}}")]);
    }
    assert_eq!(text.matches("samples").count(), 1, "{text}");
}

#[test]
fn past_alerts_fit_80_columns_with_their_dates_and_who_was_told() {
    let host = everything();
    let label = "a-mount-point-of-some-length";
    let event = |epoch: i64, more: &str| {
        let time = common::rfc3339(epoch);
        let head = format!(r#"{{"timestamp":"{time}","epoch":{epoch},"schema":1,"host":"gate-pi""#);
        format!("{head},\"series\":\"filesystem_percent{{/srv/{label}}}\",{more}}}\n")
    };
    let days = |days: i64| host.epoch - 86_400 * days;
    let level = r#""level":"warning","value":91.5,"threshold":90"#;
    let raised = event(days(20), &format!(r#""event":"raised",{level}"#))
        + &event(days(20), r#""event":"told","to":"mail to admin@example.com""#);
    let recovered = event(days(18), r#""event":"recovered","level":"ok","value":80,"worst":93"#);
    for (day, events) in [("02", raised), ("04", recovered)] {
        fs::write(host.data().join(format!("events_2026-11-{day}.jsonl")), events).unwrap();
    }
    host.run(&["alerts", "silence", "memory_percent", "2h", "--reason", "it is known to all"]);
    let text = at_80(&host, &["alerts"]);
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    contains(&text, &["11-02 09:56", "93.0 %", "silenced"]);
    contains(&host.run(&["alerts"]).done(), &[label, "2026-11-02 09:56"]);
}
