//! Configurations: what `collect` makes of them, right and wrong, and what `config` and `notify test` say of them.

mod common;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use common::{BINARY, Host, Ran, json, keys};
use serde_json::json;

#[test]
fn a_dry_run_shows_the_line_and_the_verdicts_and_writes_nothing() {
    let host = Host::new("raspberry-pi-4");
    host.heat(75);
    let text = host.run(&["collect", "--dry-run"]).done();
    let line = json(text.lines().next().unwrap());
    assert_eq!((&line["host"], &line["cpu_temp"]), (&json!("gate-pi"), &json!(75)));
    let verdict = |rule: &str| {
        let row = text.lines().skip(1).find(|row| row.trim_start().starts_with(rule));
        row.unwrap_or_else(|| panic!("no {rule} in {text}")).to_owned()
    };
    assert!(verdict("cpu_temp").contains("WARNING") && verdict("cpu_temp").contains("75.0 °C"));
    assert!(verdict("memory_percent").contains("fine"));
    assert!(text.contains("no mail"), "{text}");
    assert!(!host.data().exists() && fs::read_dir(host.path("run")).unwrap().next().is_none());
}

#[test]
fn a_dry_run_shows_the_mail_that_would_go_out() {
    let host = Host::new("raspberry-pi-4");
    host.heat(75);
    host.configure(
        r#"{"notifications": {"email": {"smtp_server": "smtp.example.com", "username": "u",
            "password": "hunter2", "from_address": "hostwatch@example.com", "to_addresses": ["admin@example.com"]}}}"#,
    );
    fs::set_permissions(host.path("config.json"), Permissions::from_mode(0o600)).unwrap();
    let text = host.run(&["collect", "-n"]).done();
    for words in ["To: admin@example.com", "Subject: gate-pi WARNING: ", "75.0 °C", "level 70"] {
        assert!(text.contains(words), "{words} is missing: {text}");
    }
    assert!(!text.contains("hunter2") && !host.data().exists());
}

#[test]
fn a_monitor_that_is_switched_off_does_nothing_and_says_so() {
    let host = Host::new("raspberry-pi-4");
    host.configure(r#"{"monitoring": {"enabled": false}}"#);
    host.run(&["collect"]).says(0, &["enabled"]);
    assert!(!host.data().exists());
}

#[test]
fn the_original_modules_configuration_works_unchanged_and_stores_beside_it() {
    let host = Host::new("raspberry-pi-4");
    let application = host.path("application");
    fs::create_dir(&application).unwrap();
    let text = r#"{"database": {"url": "sqlite:///gate.db"}, "monitoring": {"enabled": true, "log_interval": 300,
        "metrics_path": "data/metrics", "alert_thresholds":
        {"cpu_percent": 80, "memory_percent": 80, "disk_percent": 90, "cpu_temp": 70}},
        "notifications": {"sms": {"provider": "none"}}}"#;
    fs::write(application.join("config.json"), text).unwrap();
    let mut command = host.bare(&[BINARY]);
    command.arg("--config").arg(application.join("config.json")).arg("collect");
    assert_eq!(Ran::of(&mut command), Ran::new(0, "", ""));
    let day = application.join("data/metrics/metrics_2026-11-22.jsonl");
    assert_eq!(json(&fs::read_to_string(day).unwrap())["host"], "gate-pi");
}

/// Configurations with one fault each: what is named, and what it should have been.
const FAULTS: [(&str, &[&str]); 8] = [
    (r#"{"log_intervall": 300}"#, &["monitoring.log_intervall", "\"log_interval\""]),
    (r#"{"retention": {"days": "many"}}"#, &["monitoring.retention.days", "many"]),
    (r#"{"enabled": "perhaps"}"#, &["monitoring.enabled", "true or false"]),
    (r#"{"sync": "sometimes"}"#, &["monitoring.sync", "always", "never"]),
    (
        r#"{"alert_thresholds": {"cpu_precent": 80}}"#,
        &["monitoring.alert_thresholds.cpu_precent", "\"cpu_percent\""],
    ),
    (
        r#"{"alert_thresholds": {"cpu_temp": {"warning": 90, "critical": 80}}}"#,
        &["monitoring.alert_thresholds.cpu_temp.critical", "90", "80"],
    ),
    (
        r#"{"alert_thresholds": {"cpu_temp": {"warnin": 90}}}"#,
        &["monitoring.alert_thresholds.cpu_temp.warnin", "\"warning\""],
    ),
    (
        r#"{"alert_thresholds": {"cpu_temp": "hot"}}"#,
        &["monitoring.alert_thresholds.cpu_temp", "hot"],
    ),
];

fn faulty(section: &str) -> Host {
    let host = Host::new("raspberry-pi-4");
    host.configure(&format!("{{\n  \"monitoring\":\n    {section}}}"));
    host
}

#[test]
fn a_fault_is_named_with_what_was_meant_and_the_sample_is_stored() {
    for (section, words) in FAULTS {
        let mut host = faulty(section);
        let ran = host.run(&["collect"]);
        ran.says(5, words);
        ran.says(5, &["config.json:3:"]);
        assert_eq!(host.last()["cpu_temp"], 52.6, "{section}");
        host.pass(300, 10);
        assert_eq!(host.run(&["collect"]), Ran::new(5, "", ""), "said once: {section}");
        host.configure("{}");
        host.pass(300, 10);
        host.collect();
        assert_eq!(host.happened(), ["config_error", "config_ok"], "{section}");
        assert!(host.events()[0]["text"].as_str().unwrap().contains(words[0]), "{section}");
        assert_eq!(host.lines().len(), 3);
    }
}

#[test]
fn a_fault_in_the_mail_section_leaves_the_sample_alone() {
    let host = Host::new("raspberry-pi-4");
    host.configure(r#"{"notifications": {"email": {"smtp_sever": "smtp.example.com"}}}"#);
    let ran = host.run(&["collect"]);
    assert_eq!((ran.code, &*ran.out), (Some(5), ""), "{ran:?}");
    let named = ["notifications.email.smtp_sever", "\"smtp_server\""];
    assert!(named.iter().all(|word| ran.err.contains(word)), "{ran:?}");
    assert_eq!(host.lines().len(), 1);
}

#[test]
fn a_rule_beside_a_faulty_one_is_judged() {
    let host = faulty(r#"{"alert_thresholds": {"cpu_precent": 80, "cpu_temp": 50}}"#);
    host.run(&["collect"]).says(5, &["cpu_precent"]);
    assert_eq!(host.happened(), ["config_error", "raised"]);
}

#[test]
fn check_names_every_fault_with_its_place_and_fails() {
    for (section, words) in FAULTS {
        let host = faulty(section);
        let ran = host.run(&["config", "check"]);
        ran.says(3, words);
        ran.says(3, &["config.json:3:"]);
        let ran = host.run(&["config", "check", "--json"]);
        assert_eq!((ran.code, &*ran.err), (Some(3), ""), "{ran:?}");
        let answer = json(&ran.out);
        let fault = &answer["faults"][0];
        assert_eq!((&answer["schema"], &fault["key"]), (&json!(1), &json!(words[0])));
        assert_eq!(fault["line"], 3, "{answer}");
        assert!(fault["column"].is_u64() && fault["text"].is_string(), "{answer}");
    }
    let host = faulty(r#"{"log_intervall": 300, "enabld": true}"#);
    let ran = host.run(&["config", "check"]);
    assert_eq!((ran.code, &*ran.out, ran.err.lines().count()), (Some(3), "", 2), "{ran:?}");
}

#[test]
fn check_has_no_fault_to_name_in_the_example_and_in_the_original_modules_file() {
    let host = Host::new("raspberry-pi-4");
    // But for the server and the file that everybody has to name.
    let password = host.path("password");
    fs::write(&password, "hunter2\n").unwrap();
    fs::set_permissions(&password, Permissions::from_mode(0o600)).unwrap();
    let example = host.run(&["config", "example"]).done();
    let example = example
        .replace("smtp.example.com", "127.0.0.1")
        .replace("/etc/hostwatch/smtp.password", password.to_str().unwrap());
    for text in [&*example, "{}", r#"{"monitoring": {"log_interval": 300, "_why": 1}, "x": 2}"#] {
        host.configure(text);
        let said = host.run(&["config", "check"]).done();
        assert!(said.contains("config.json: no faults"), "{said}");
        let answer = host.run(&["config", "check", "--json"]).json();
        assert_eq!((&answer["faults"], &answer["warnings"]), (&json!([]), &json!([])));
    }
}

#[test]
fn check_warns_of_a_timer_that_keeps_another_pace() {
    let mut host = Host::new("raspberry-pi-4");
    for _ in 0..4 {
        host.collect();
        host.pass(60, 10);
    }
    host.configure(r#"{"monitoring": {"log_interval": 300}}"#);
    let ran = host.run(&["config", "check"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    ran.says_in_one_line(&["warning", "60 s", "300 s", "hostwatch-collect.timer"]);
    assert!(ran.out.contains("no faults"));
}

#[test]
fn what_is_no_configuration_stops_every_command_with_one_line() {
    let host = Host::new("raspberry-pi-4");
    host.collect();
    let before = host.snapshot();
    let file = host.path("config.json");
    for content in ["", "{", "[]", "log_interval: 300", r#"{"monitoring": 3}"#, "{}{}"] {
        host.configure(content);
        for command in ["collect", "status", "history", "report"] {
            host.run(&[command]).says(3, &["could not", "config.json"]);
        }
    }
    host.configure(r#"{"monitoring": {"metrics_path": 3}}"#);
    host.run(&["collect"]).says(3, &["monitoring.metrics_path"]);
    fs::remove_file(&file).unwrap();
    host.run(&["collect"]).says(3, &["could not", "config.json"]);
    fs::create_dir(&file).unwrap();
    host.run(&["collect"]).says(3, &["could not", "config.json"]);
    fs::remove_dir(&file).unwrap();
    host.configure("{}");
    fs::set_permissions(&file, Permissions::from_mode(0o000)).unwrap();
    host.run_as_ordinary_user(&["collect"]).says(3, &["could not", "config.json", "denied"]);
    assert_eq!(host.snapshot(), before);
}

#[test]
fn a_data_directory_that_is_a_file_stops_it_and_stays_as_it_was() {
    let host = Host::new("raspberry-pi-4");
    fs::write(host.data(), "of another program\n").unwrap();
    for command in ["collect", "status", "history", "report"] {
        host.run(&[command]).says(3, &["could not", "/data", "directory"]);
    }
    host.run(&["collect"]).says(3, &["data directory", "not a directory"]);
    let ran = host.run(&["collect", "--json"]);
    assert_eq!((ran.code, &*ran.out), (Some(3), ""), "no line is stored: {ran:?}");
    ran.says_in_one_line(&["data directory"]);
    assert_eq!(fs::read_to_string(host.data()).unwrap(), "of another program\n");
}

#[test]
fn the_nearest_word_decides_where_the_samples_are() {
    let host = Host::new("raspberry-pi-4");
    let directory = |arguments: &[&str], variables: &[(&str, &str)]| {
        let mut command = host.bare(&[BINARY]);
        command.arg("--config").arg(host.path("config.json")).args(arguments);
        command.args(["config", "show", "--json"]).envs(variables.iter().copied());
        Ran::of(&mut command).json()["data_dir"].as_str().unwrap().to_owned()
    };
    let (service, user) = (("STATE_DIRECTORY", "/s/a:/s/b"), ("HOSTWATCH_DATA_DIR", "/u"));
    assert_eq!(directory(&[], &[service]), "/s/a");
    host.configure(r#"{"monitoring": {"metrics_path": "/m"}}"#);
    assert_eq!(directory(&[], &[service]), "/m");
    assert_eq!(directory(&[], &[service, user]), "/u");
    assert_eq!(directory(&["--data-dir", "/d"], &[service, user]), "/d");
}

#[test]
fn an_empty_variable_counts_as_none() {
    let host = Host::new("raspberry-pi-4");
    host.collect();
    let data = host.data();
    fs::create_dir(host.path("home/hostwatch")).unwrap();
    fs::copy(host.path("config.json"), host.path("home/hostwatch/config.json")).unwrap();
    for arguments in [&["collect"][..], &["status"], &["config", "check"]] {
        // As the timer and a shell run it: nothing before the command.
        let mut command = std::process::Command::new(BINARY);
        command.args(arguments).env_clear().env("HOME", host.path("home"));
        command.env("XDG_CONFIG_HOME", host.path("home")).env("XDG_RUNTIME_DIR", host.path("run"));
        command.env("HOSTWATCH_CONFIG", "").env("HOSTWATCH_DATA_DIR", &data);
        let ran = Ran::of(&mut command);
        assert_eq!((ran.code, &*ran.err), (Some(0), ""), "{arguments:?}: {ran:?}");
        assert_eq!(ran.out.is_empty(), arguments == ["collect"]);
    }
}

#[test]
fn show_gives_each_value_with_its_origin_and_hides_secrets() {
    let host = Host::new("raspberry-pi-4");
    host.configure(
        r#"{"monitoring": {"log_interval": 60}, "notifications": {"email": {"smtp_server": "smtp.example.com",
            "password": "hunter2", "to_addresses": ["admin@example.com"]}}}"#,
    );
    fs::set_permissions(host.path("config.json"), Permissions::from_mode(0o600)).unwrap();
    let text = host.run(&["config", "show"]).done();
    let row = |key: &str| text.lines().find(|row| row.contains(key)).unwrap().to_owned();
    assert!(row("monitoring.log_interval").contains("file") && row("log_interval").contains("60"));
    assert!(row("monitoring.retention.days").contains("default"), "{text}");
    assert!(row("notifications.email.password ").contains("***"), "{text}");
    let answer = host.run(&["config", "show", "--json"]).json();
    assert_eq!(keys(&answer), ["schema", "file", "data_dir", "values", "rules"]);
    let value = |key: &str| answer["values"][key].clone();
    assert_eq!(value("monitoring.log_interval"), json!({"value": 60, "origin": "file"}));
    assert_eq!(value("monitoring.retention.days"), json!({"value": 400, "origin": "default"}));
    assert_eq!(value("notifications.email.password"), json!({"value": "***", "origin": "file"}));
    assert!(!format!("{text}{answer}").contains("hunter2"));
}

#[test]
fn show_gives_each_rule_with_its_levels_and_its_origin() {
    let host = Host::new("raspberry-pi-4");
    host.configure(
        r#"{"monitoring": {"alert_thresholds": {"memory_percent": false, "memory_available": {"below": true, "critical": "100M"},
            "filesystem_percent": {"warning": 85, "critical": 95, "clear": 80, "for": "10m",
                "labels": {"/boot": {"warning": 99}, "/media/*": false}},
            "hot": {"metric": "temperature{nvme*}", "warning": 65, "repeat": 0}}}}"#,
    );
    let text = host.run(&["config", "show"]).done();
    let (_, rules) = text.split_once("\n\n").unwrap();
    // Every source may bring defaults of its own: one stands for them, and the widths are theirs.
    let is_meant = |row: &&str| !row.ends_with("default") || row.starts_with(" cpu_percent ");
    let words = |row: &str| row.split_whitespace().collect::<Vec<_>>().join(" ");
    let rows: Vec<String> = rules.lines().filter(is_meant).map(words).collect();
    let expected = [
        "rule warning critical clear for repeat from",
        "cpu_percent 80 - 75 10m 24h default",
        "memory_available - ≤ 100.0 MiB 105.0 MiB 0 4h file",
        "filesystem_percent 85 95 80/90 10m 24h/4h file",
        "filesystem_percent{/boot} 99 - 94 10m 24h file",
        "filesystem_percent{/media/*} off - - - - file",
        "hot: temperature{nvme*} 65 - 61.8 0 never file",
        "memory_percent off - - - - file",
    ];
    assert_eq!(rows, expected);
    let answer = host.run(&["config", "show", "--json"]).json();
    let rule = |series: &str| {
        let rules = answer["rules"].as_array().unwrap();
        rules.iter().find(|rule| rule["series"] == series).unwrap().clone()
    };
    assert_eq!(
        rule("filesystem_percent{/boot}"),
        json!({"rule": "filesystem_percent", "series": "filesystem_percent{/boot}", "metric": "filesystem_percent",
            "label": "/boot", "unit": "percent", "origin": "file", "below": false,
            "warning": {"level": 99, "clear": 94, "for": 600, "clear_for": 0, "repeat": 86_400}})
    );
    assert_eq!(rule("temperature{nvme*}")["rule"], "hot");
    assert_eq!(rule("filesystem_percent{/media/*}")["off"], true);
    assert_eq!(rule("cpu_percent")["origin"], "default");
}

#[test]
fn a_test_message_needs_somebody_to_tell_and_a_configuration_without_faults() {
    let host = Host::new("raspberry-pi-4");
    host.run(&["notify", "test"]).says(3, &["notifications.email", "config example"]);
    host.configure(r#"{"monitoring": {"log_intervall": 300}}"#);
    host.run(&["notify", "test"]).says(3, &["log_intervall"]);
}
