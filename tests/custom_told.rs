//! What somebody is told about commands of the host's own: what a plugin says, and that a command fails.

#![expect(clippy::unwrap_used, reason = "a helper fails as its test does")]

mod common;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use common::Host;
use serde_json::{Value, json};

fn write(path: &Path, script: &str) {
    fs::write(path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
}

/// A host with a command each, whose mails are kept.
fn host(entries: &[&str], more: &Value) -> Host {
    let host = Host::new("raspberry-pi-4");
    fs::create_dir(host.path("mails")).unwrap();
    let mails = host.path("mails");
    write(&host.path("sendmail"), &format!("exec cat >{0}/$(ls {0} | wc -l)", mails.display()));
    let entry = |name: &&str| json!({"name": name, "command": ["/bin/sh", host.path(name)]});
    let custom: Vec<Value> = entries.iter().map(entry).collect();
    let mut monitoring = json!({"custom": custom, "startup_grace": 0});
    monitoring.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let email = json!({"transport": "sendmail", "sendmail_path": host.path("sendmail"),
        "from_address": "hostwatch@gate-pi", "to_addresses": ["admin@example.com"]});
    host.configure(
        &json!({"monitoring": monitoring, "notifications": {"email": email}}).to_string(),
    );
    host
}

/// Subject and text of the newest mail, and how many there are.
fn mail(host: &Host) -> (String, String, usize) {
    let count = fs::read_dir(host.path("mails")).unwrap().count();
    let text = fs::read_to_string(host.path("mails").join((count - 1).to_string())).unwrap();
    let unfolded = text.replace("\r\n", "\n").replace("\n ", " ");
    let subject = unfolded.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap();
    (subject.to_owned(), text.replace("=\r\n", ""), count)
}

fn collect(host: &mut Host) {
    host.pass(300, 10);
    let ran = host.run(&["collect"]);
    assert!(matches!(ran.code, Some(0 | 4)), "{ran:?}");
}

#[test]
fn what_was_a_plugin_is_one_when_it_has_nothing_to_show() {
    let mut host = host(&["http"], &json!({}));
    write(&host.path("http"), "echo 'fine | time=0.5s;1;2;0'");
    collect(&mut host);
    assert_eq!(host.last()["custom_http_state"], 0);
    write(&host.path("http"), "echo 'Socket timeout'; exit 2");
    collect(&mut host);
    assert_eq!(host.last()["custom_http_state"], 2, "{}", host.last());
}

#[test]
fn what_a_plugin_says_is_told_until_it_is_content() {
    let mut host = host(&["http", "other"], &json!({}));
    write(&host.path("http"), "echo 'HTTP CRITICAL - Socket timeout'; exit 2");
    write(&host.path("other"), "echo no idea >&2; exit 1");
    collect(&mut host);
    assert_eq!(host.last()["said"], json!({"custom:http": "HTTP CRITICAL - Socket timeout"}));
    let (subject, text, _) = mail(&host);
    assert!(subject.ends_with("critical): HTTP CRITICAL - Socket timeout"), "{subject}");
    assert!(text.contains("Says      HTTP CRITICAL - Socket timeout"), "{text}");
    assert!(!text.contains("no idea"), "a fault of another: {text}");
    let event = host.events().into_iter().find(|event| event["event"] == "raised").unwrap();
    let words = event["text"].as_str().unwrap();
    assert!(words.ends_with("level 2: HTTP CRITICAL - Socket timeout"), "{words}");
    let status = host.run(&["status"]).out;
    assert!(status.contains("\n           HTTP CRITICAL - Socket timeout\n"), "{status}");
    write(&host.path("http"), "echo 'HTTP OK - 200'");
    collect(&mut host);
    assert_eq!(host.last().get("said"), None);
    assert!(!mail(&host).1.contains("Says"));
}

#[test]
fn that_a_command_fails_is_told_after_a_while_and_so_is_its_end() {
    let mut host = host(&["queue"], &json!({}));
    write(&host.path("queue"), "echo no queue >&2; exit 1");
    for _ in 0..3 {
        collect(&mut host);
    }
    assert_eq!(fs::read_dir(host.path("mails")).unwrap().count(), 0);
    collect(&mut host);
    let (subject, text, _) = mail(&host);
    let words = "WARNING: collector custom:queue fails: no queue";
    assert!(subject.ends_with(words), "{subject}");
    assert!(text.contains("Reason    custom:queue: no queue"), "{text}");
    let explained = host.run(&["alerts", "explain", "collector_failed{custom:queue}"]).done();
    assert!(explained.contains("collector_failed{custom:*}"), "{explained}");
    write(&host.path("queue"), "echo 3");
    collect(&mut host);
    let (subject, _, count) = mail(&host);
    assert!(subject.contains("RECOVERED: collector custom:queue works again"), "{subject}");
    assert_eq!(count, 2);
}

#[test]
fn that_a_collector_fails_that_nobody_asked_for_is_no_alert() {
    let mut host = host(&[], &json!({"alert_thresholds": {"collector_failed{file}": false}}));
    host.write("proc/loadavg", "none\n");
    for _ in 0..5 {
        collect(&mut host);
    }
    assert_eq!(host.last()["collector_failed"], json!({"load": 1}));
    assert!(host.events().iter().all(|event| event["event"] != "raised"));
    let rules = host.run(&["config", "show"]).done();
    assert!(rules.contains("collector_failed{watch}"), "{rules}");
}
