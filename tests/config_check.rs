//! `config check` beyond the text of the file: mail, files, the samples, the sandbox and the timer.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a helper fails as its test does"
)]

mod common;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use common::{Host, Ran, json};
use serde_json::{Value, json};

fn check(host: &Host) -> Ran {
    host.run(&["config", "check"])
}

/// Done, with one line of warning that holds these words.
fn warns(host: &Host, words: &[&str]) {
    let ran = check(host);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    ran.says_in_one_line(&[&["hostwatch: warning: "], words].concat());
    assert!(ran.out.contains("no faults"), "{ran:?}");
    let warnings = host.run(&["config", "check", "--json"]).json()["warnings"].clone();
    assert_eq!(format!("hostwatch: warning: {}\n", warnings[0].as_str().unwrap()), ran.err);
}

/// No fault and no warning; what was said.
fn is_fine(host: &Host) -> String {
    check(host).done()
}

/// One fault at this key, with these words.
fn faults(host: &Host, key: &str, words: &[&str]) {
    let ran = check(host);
    ran.says(3, words);
    let answer = host.run(&["config", "check", "--json"]);
    assert_eq!((answer.code, &*answer.err), (Some(3), ""), "{answer:?}");
    let fault = json(&answer.out)["faults"][0].clone();
    assert_eq!((&fault["key"], fault["line"].is_u64()), (&json!(key), true), "{fault}");
    let file = host.path("config.json");
    assert_eq!(fault["file"], file.to_str().unwrap());
    let place = format!("{}:{}:{}: {key}: ", file.display(), fault["line"], fault["column"]);
    assert!(ran.err.contains(&place), "{place}: {ran:?}");
}

/// A configuration of mail with this besides.
fn mail(host: &Host, rest: &Value) {
    let mut section = json!({"smtp_server": "127.0.0.1", "to_addresses": "admin@example.com"});
    section.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    host.configure(&json!({"notifications": {"email": section}}).to_string());
    fs::set_permissions(host.path("config.json"), Permissions::from_mode(0o600)).unwrap();
}

fn file(host: &Host, name: &str, text: &str, mode: u32) -> String {
    let path = host.path(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_server_whose_name_leads_nowhere_is_a_fault() {
    let host = Host::new("raspberry-pi-4");
    mail(&host, &json!({}));
    assert!(is_fine(&host).ends_with("told by email\n"));
    // A name that never leads anywhere (RFC 6761).
    mail(&host, &json!({"smtp_server": "mail.invalid"}));
    faults(&host, "notifications.email.smtp_server", &["mail.invalid", "getent hosts"]);
}

#[test]
fn a_mail_program_must_be_there_and_run() {
    let host = Host::new("raspberry-pi-4");
    let program = file(&host, "sendmail", "#!/bin/sh\n", 0o755);
    let configure = || mail(&host, &json!({"transport": "sendmail", "sendmail_path": program}));
    configure();
    is_fine(&host);
    let key = "notifications.email.sendmail_path";
    fs::set_permissions(&program, Permissions::from_mode(0o644)).unwrap();
    faults(&host, key, &[&program, "not executable"]);
    fs::remove_file(&program).unwrap();
    faults(&host, key, &[&program, "No such file"]);
}

#[test]
fn a_password_file_must_be_there_hold_something_and_be_closed_to_others() {
    let host = Host::new("raspberry-pi-4");
    let secret = file(&host, "password", "hunter2\n", 0o600);
    mail(&host, &json!({"username": "u", "password_file": "password"}));
    is_fine(&host);
    let key = "notifications.email.password_file";
    fs::set_permissions(&secret, Permissions::from_mode(0o644)).unwrap();
    faults(&host, key, &[&secret, "everybody may read it", "chmod o-r"]);
    file(&host, "password", "\n", 0o600);
    faults(&host, key, &[&secret, "it is empty"]);
    fs::remove_file(&secret).unwrap();
    faults(&host, key, &[&secret, "No such file"]);
}

#[test]
fn a_file_that_only_the_service_reads_is_no_fault_for_others() {
    let host = Host::new("raspberry-pi-4");
    let secret = file(&host, "password", "hunter2\n", 0o000);
    let authority = file(&host, "ca.pem", "-----BEGIN CERTIFICATE-----\n", 0o000);
    let rest = json!({"username": "u", "password_file": secret, "ca_file": authority});
    mail(&host, &rest);
    fs::set_permissions(host.path("config.json"), Permissions::from_mode(0o644)).unwrap();
    let said = host.run_as_ordinary_user(&["config", "check"]).done();
    for path in [secret, authority] {
        assert!(said.contains(&format!("\n{path} is not readable for you; the service")), "{said}");
    }
}

#[test]
fn a_password_in_an_open_configuration_is_a_fault_and_never_shown() {
    let host = Host::new("raspberry-pi-4");
    mail(&host, &json!({"username": "u", "password": "hunter2"}));
    is_fine(&host);
    fs::set_permissions(host.path("config.json"), Permissions::from_mode(0o644)).unwrap();
    faults(&host, "notifications.email.password", &["everybody may read it", "chmod o-r"]);
    assert!(!format!("{:?}", check(&host)).contains("hunter2"));
}

#[test]
fn a_user_without_a_password_is_warned_of_unless_the_service_has_one() {
    let host = Host::new("raspberry-pi-4");
    mail(&host, &json!({"username": "alerts"}));
    warns(&host, &["notifications.email.username", "no password for alerts", "password_file"]);
    fs::create_dir_all(host.path("root/etc/hostwatch")).unwrap();
    host.write("etc/hostwatch/smtp.password", "x");
    is_fine(&host);
}

#[test]
fn an_authority_must_be_a_pem_file() {
    let host = Host::new("raspberry-pi-4");
    let path = file(&host, "ca.pem", "-----BEGIN CERTIFICATE-----\n", 0o644);
    mail(&host, &json!({"ca_file": path}));
    is_fine(&host);
    file(&host, "ca.pem", "what is this\n", 0o644);
    faults(&host, "notifications.email.ca_file", &[&path, "no PEM certificate"]);
    fs::remove_file(&path).unwrap();
    faults(&host, "notifications.email.ca_file", &[&path, "No such file"]);
}

#[test]
fn rules_that_nobody_is_told_of_are_remarked() {
    let host = Host::new("raspberry-pi-4");
    let said = is_fine(&host);
    assert!(said.lines().nth(1).unwrap().starts_with("nobody is told of alerts"), "{said}");
    let answer = host.run(&["config", "check", "--json"]).json();
    assert!(answer["remarks"][0].as_str().unwrap().starts_with("nobody"), "{answer}");
    host.configure(r#"{"monitoring": {"default_rules": false}}"#);
    assert_eq!(is_fine(&host).lines().count(), 1);
}

#[test]
fn a_data_directory_that_is_a_file_is_a_fault_and_one_of_others_a_remark() {
    let host = Host::new("raspberry-pi-4");
    host.configure(r#"{"monitoring": {"metrics_path": "data"}}"#);
    is_fine(&host);
    let closed = host.run_as_ordinary_user(&["config", "check"]).done();
    assert_eq!(closed.contains("data is not writable for you"), is_root(), "{closed}");
    fs::write(host.data(), "").unwrap();
    faults(&host, "monitoring.metrics_path", &["/data as the data directory", "not a directory"]);
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata("/proc/self").unwrap().uid() == 0
}

#[test]
fn a_rule_about_what_is_not_here_cannot_fire() {
    let mut host = Host::new("raspberry-pi-4");
    host.configure(
        r#"{"monitoring": {"alert_thresholds": {"temperature{nvme*}": 70, "cpu_temp": 70}}}"#,
    );
    is_fine(&host);
    host.collect();
    host.pass(300, 10);
    host.collect();
    let words =
        ["config.json:1:60: ", "thresholds.temperature{nvme*}", "last 2 samples", "cannot fire"];
    warns(&host, &words);
    // What is not there in any sample of the defaults is nobody's slip.
    host.configure("{}");
    is_fine(&host);
}

#[test]
fn a_rule_that_can_never_fire_or_never_end_is_warned_of() {
    let host = Host::new("raspberry-pi-4");
    for (rules, words) in [
        (r#"{"cpu_percent": "101%"}"#, ["cpu_percent: 101: ", "cannot fire"]),
        (
            r#"{"memory_available": {"below": true, "critical": -5}}"#,
            ["available.critical", "below 0"],
        ),
        (r#"{"network_sent": "1G"}"#, ["until the next boot", "network_sent_rate"]),
        (r#"{"load1": {"warning": 4, "for": "3d"}}"#, ["load1.for", "3 d"]),
    ] {
        host.configure(&format!("{{\"monitoring\": {{\"alert_thresholds\": {rules}}}}}"));
        warns(&host, &words);
    }
}

/// Installs a file of this repository, or a text, below the root.
fn install(host: &Host, path: &str, text: &str) {
    let full = host.path("root").join(path);
    fs::create_dir_all(full.parent().unwrap()).unwrap();
    fs::write(full, text).unwrap();
}

fn shipped(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd").join(name)).unwrap()
}

const TIMER: &str = "etc/systemd/system/hostwatch-collect.timer";
const SERVICE: &str = "lib/systemd/system/hostwatch-collect.service";

#[test]
fn the_timer_is_compared_with_log_interval() {
    let host = Host::new("raspberry-pi-4");
    install(&host, TIMER, &shipped("hostwatch-collect.timer"));
    host.configure(r#"{"monitoring": {"log_interval": 300}}"#);
    is_fine(&host);
    host.configure(r#"{"monitoring": {"log_interval": "1m"}}"#);
    let named = format!("hostwatch-collect.timer (/{TIMER})");
    warns(&host, &["config.json:1:33: ", "log_interval: 60 s", &named, "every 300 s"]);
    let drop_in = format!("{TIMER}.d/override.conf");
    install(&host, &drop_in, "[Timer]\nOnUnitActiveSec=\nOnBootSec=1min\nOnUnitActiveSec=1min\n");
    is_fine(&host);
    install(&host, &drop_in, "[Timer]\nOnUnitActiveSec=\nOnCalendar=*:0/10\n");
    warns(&host, &[&format!("(/{drop_in})"), "every 600 s"]);
    // A pace that is none is not guessed at.
    install(&host, &drop_in, "[Timer]\nOnUnitActiveSec=\nOnCalendar=Mon..Fri 08:00\n");
    is_fine(&host);
}

#[test]
fn the_cron_line_is_compared_with_log_interval() {
    let host = Host::new("raspberry-pi-4");
    install(&host, "etc/cron.d/hostwatch", &shipped("hostwatch.cron"));
    host.configure(r#"{"monitoring": {"log_interval": 300}}"#);
    is_fine(&host);
    host.configure(r#"{"monitoring": {"log_interval": 900}}"#);
    warns(&host, &["900 s", "/etc/cron.d/hostwatch", "every 300 s"]);
}

#[test]
fn a_timer_that_says_why_the_samples_come_otherwise_is_named_alone() {
    let mut host = Host::new("raspberry-pi-4");
    for _ in 0..4 {
        host.collect();
        host.pass(60, 10);
    }
    host.configure(r#"{"monitoring": {"log_interval": 300}}"#);
    warns(&host, &["samples come every 60 s"]);
    install(&host, TIMER, "[Timer]\nOnUnitActiveSec=60\n");
    warns(&host, &["takes a sample every 60 s"]);
}

#[test]
fn a_timer_of_which_nothing_comes_is_warned_of() {
    let mut host = Host::new("raspberry-pi-4");
    install(&host, TIMER, &shipped("hostwatch-collect.timer"));
    host.configure(&json!({"monitoring": {"metrics_path": host.data()}}).to_string());
    warns(&host, &["hostwatch-collect.timer", "there is no sample", "systemctl status"]);
    host.collect();
    is_fine(&host);
    host.pass(3 * 86_400, 10);
    warns(&host, &["the newest sample is 3 d old: systemctl status hostwatch-collect.timer"]);
    // Just started: the timer is about to.
    host.reboot();
    is_fine(&host);
}

#[test]
fn a_directory_that_the_sandbox_closes_is_warned_of_with_the_drop_in() {
    let host = Host::new("raspberry-pi-4");
    install(&host, SERVICE, &shipped("hostwatch-collect.service"));
    host.configure(r#"{"monitoring": {"metrics_path": "/srv/metrics"}}"#);
    let drop_in = "etc/systemd/system/hostwatch-collect.service.d/override.conf";
    let words = [&format!("/{drop_in}"), "ReadWritePaths=/srv/metrics", "config.json:1:33: "];
    warns(&host, &words.map(|word| word as &str));
    install(&host, drop_in, "[Service]\nReadWritePaths=/srv\n");
    is_fine(&host);
    host.configure(r#"{"monitoring": {"metrics_path": "/var/lib/hostwatch"}}"#);
    fs::remove_file(host.path("root").join(drop_in)).unwrap();
    is_fine(&host);
}
