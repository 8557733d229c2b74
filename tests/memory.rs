//! What becomes of memory that runs out, through the whole program: told at once, however young the boot is and however
//! seldom samples are.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a helper fails as its test does"
)]

mod common;

use std::fs;

use common::Host;

fn kills(host: &Host, count: u64) {
    let path = host.path("root").join("proc/vmstat");
    let text = fs::read_to_string(path).unwrap();
    let mut lines: Vec<&str> = text.lines().filter(|line| !line.starts_with("oom_kill ")).collect();
    let kills = format!("oom_kill {count}\n");
    lines.push(&kills);
    host.write("proc/vmstat", &lines.join("\n"));
}

/// What happened to the alert, with the value then.
fn changes(host: &Host) -> Vec<String> {
    let events = host.events().into_iter().filter(|event| event["series"] == "oom_kills");
    events.map(|event| format!("{} {}", event["event"].as_str().unwrap(), event["value"])).collect()
}

#[test]
fn what_was_killed_before_the_first_sample_of_a_boot_is_told() {
    let mut host = Host::new("raspberry-pi-4");
    host.collect();
    host.reboot();
    kills(&host, 2);
    host.collect();
    assert!(changes(&host).is_empty(), "nothing is raised so soon after the boot");
    host.pass(300, 5);
    host.collect();
    assert_eq!(changes(&host), ["raised 2"]);
    for _ in 0..8 {
        host.pass(300, 5);
        host.collect();
    }
    assert_eq!(changes(&host), ["raised 2", "recovered 0"]);
}

#[test]
fn samples_an_hour_apart_tell_it_too() {
    let mut host = Host::new("raspberry-pi-4");
    host.configure(r#"{"monitoring": {"log_interval": 3600}}"#);
    host.collect();
    host.pass(3_601, 5);
    host.collect();
    assert!(changes(&host).is_empty());
    kills(&host, 3);
    host.pass(3_601, 5);
    host.collect();
    assert_eq!(changes(&host), ["raised 3"]);
    host.pass(3_601, 5);
    host.collect();
    assert_eq!(changes(&host), ["raised 3", "recovered 0"]);
}
