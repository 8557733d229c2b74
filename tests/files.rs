//! Files that must be there: measured, judged, told.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a helper fails as its test does"
)]

mod common;

use std::fs::{self, File};
use std::time::{Duration, SystemTime};

use common::{Host, Ran};
use serde_json::json;

const CONFIG: &str = r#"{"monitoring": {"startup_grace": 0, "files":
    [{"name": "backup", "path": "/backup/*.tar", "max_age": "26h", "min_size": 10}]}}"#;

fn host() -> Host {
    let host = Host::new("raspberry-pi-4");
    host.configure(CONFIG);
    fs::create_dir(host.path("root/backup")).unwrap();
    host
}

fn backup(host: &Host, name: &str, bytes: usize, age: u64) {
    let path = host.path("root/backup").join(name);
    fs::write(&path, vec![b'x'; bytes]).unwrap();
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(host.epoch.unsigned_abs() - age);
    File::options().append(true).open(path).unwrap().set_modified(time).unwrap();
}

/// The series that fire, with their levels.
fn firing(host: &Host) -> Vec<String> {
    let alerts = host.run(&["alerts", "list", "--json"]).json();
    let row = |alert: &serde_json::Value| {
        format!("{} {}", alert["series"].as_str().unwrap(), alert["level"].as_str().unwrap())
    };
    let open = alerts["alerts"].as_array().unwrap().iter();
    open.filter(|alert| alert.get("end").is_none()).map(row).collect()
}

#[test]
fn the_newest_backup_is_measured_and_its_age_and_size_are_judged() {
    let mut host = host();
    backup(&host, "sun.tar", 100, 3_600);
    host.collect();
    let line = host.last();
    assert_eq!(line["file_age_seconds"], json!({"backup": 3_600}));
    assert_eq!(line["file_size"], json!({"backup": 100}));
    assert_eq!(line["file_missing"], json!({"backup": 0}));
    assert_eq!(firing(&host), Vec::<String>::new());
    host.pass(93_600, 1);
    host.collect();
    assert_eq!(firing(&host), ["file_age_seconds{backup} warning"]);
    host.pass(300, 1);
    backup(&host, "mon.tar", 3, 10);
    host.collect();
    assert_eq!(firing(&host), ["file_size{backup} warning"]);
}

#[test]
fn a_backup_that_is_gone_is_critical_and_said_in_words() {
    let mut host = host();
    host.collect();
    assert_eq!(firing(&host), ["file_missing{backup} critical"]);
    let event = host.events().into_iter().find(|event| event["event"] == "raised").unwrap();
    assert!(event["text"].as_str().unwrap().contains("no file of backup is there"), "{event}");
    host.pass(300, 1);
    backup(&host, "mon.tar", 100, 10);
    host.collect();
    assert_eq!(firing(&host), Vec::<String>::new());
}

#[test]
fn the_rule_of_an_entry_is_shown_as_one_of_the_file() {
    let rules = host().run(&["config", "show", "--json"]).json()["rules"].clone();
    let rule = rules.as_array().unwrap().iter().find(|rule| rule["rule"] == "file_size{backup}");
    assert_eq!(rule.unwrap()["origin"], "file");
}

#[test]
fn a_mistyped_entry_is_named_and_the_others_are_measured() {
    let host = host();
    host.configure(&CONFIG.replace("\"files\":\n    [", "\"files\": [{\"name\": \"x\"}, "));
    backup(&host, "sun.tar", 100, 60);
    let ran: Ran = host.run(&["collect"]);
    ran.says(5, &["config.json:1:", "monitoring.files.0.path: no path"]);
    assert_eq!(host.last()["file_count"], json!({"backup": 1}));
}
