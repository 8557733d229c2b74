//! `status` and `status --check`: how the host is, for people, for scripts and for Nagios.

#![expect(clippy::unwrap_used, reason = "a helper fails as its test does")]

mod common;

use std::fs;

use common::{BINARY, Host, Ran, json, keys, line};
use serde_json::{Value, json};

const DAY: &str = "metrics_2026-11-22.jsonl";
/// 11:00 in Berlin on 22 November 2026.
const NOW: i64 = 1_795_341_600;

/// Eleven hours of that day, a line every five minutes.
fn a_day() -> Host {
    let lines: String = (0..=131)
        .map(|at| {
            let (cpu, rate) = (at % 60, at * 90_000);
            let text = format!(
                r#""interval":300,"cpu_percent":{cpu}.5,"memory_percent":43.1,"cpu_temp":58.9,"load1":0.42,
                "disk_percent":61.2,"network_received_rate":{rate},"network_sent_rate":400.5,
                "filesystem_percent":{{"/":61.2,"/data":81.3}}"#
            );
            line(NOW - 60 - (131 - at) * 300, 90_000 + 300 * u32::try_from(at).unwrap(), &text.replace('\n', ""))
        })
        .collect();
    Host::with_file(NOW, DAY, lines)
}

fn status_with(host: &Host, arguments: &[&str], variables: &[(&str, &str)]) -> String {
    Ran::of(host.command(&[&["status"], arguments].concat()).envs(variables.iter().copied())).done()
}

/// A Raspberry Pi whose CPU temperature is judged, after one run at each of these.
fn after(rule: &str, temperatures: &[u32]) -> Host {
    let mut host = Host::new("raspberry-pi-4");
    host.configure(&format!(
        r#"{{"monitoring": {{"log_interval": 300, "default_rules": false, "alert_thresholds": {{"cpu_temp": {rule}}}}}}}"#
    ));
    for celsius in temperatures {
        host.heat(*celsius);
        host.pass(300, 25);
        host.collect();
    }
    host
}

#[test]
fn a_terminal_of_80_columns_is_wide_enough() {
    let host = a_day();
    let text = status_with(&host, &[], &[("COLUMNS", "80")]);
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{}: {line}\n{text}", line.chars().count());
    }
    for words in ["gate-pi: OK, no alerts", "every 5 min", "filesystem_percent{/data}", "58.9 °C"]
    {
        assert!(text.contains(words), "{words} is missing: {text}");
    }
    let wide = status_with(&host, &[], &[("COLUMNS", "200")]);
    let longest = wide.lines().map(|line| line.chars().count()).max();
    assert!(longest.is_some_and(|longest| longest > 90 && longest <= 200), "{wide}");
}

#[test]
fn colour_is_for_terminals_and_for_those_who_ask() {
    let host = a_day();
    let is_coloured = |arguments: &[&str], variables: &[(&str, &str)]| {
        status_with(&host, arguments, variables).contains('\x1b')
    };
    assert!(!is_coloured(&[], &[]), "a pipe");
    assert!(is_coloured(&["--color", "always"], &[]));
    assert!(is_coloured(&["--color", "always"], &[("NO_COLOR", "1")]), "told is told");
    assert!(is_coloured(&[], &[("CLICOLOR_FORCE", "1")]));
    assert!(!is_coloured(&[], &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
    assert!(!is_coloured(&["--color", "never"], &[("CLICOLOR_FORCE", "1")]));
    assert!(!is_coloured(&["--json", "--color", "always"], &[]));
}

#[test]
fn nothing_typed_is_status() {
    let host = a_day();
    assert_eq!(host.run(&[]).done(), host.run(&["status"]).done());
}

#[test]
fn scripts_get_every_key_of_the_contract() {
    let host = after("70", &[60, 75]);
    let answer = host.run(&["status", "--json"]).json();
    let contract = [
        "schema",
        "host",
        "sample",
        "age_seconds",
        "stale",
        "level",
        "alerts",
        "events",
        "last_24h",
    ];
    assert_eq!(keys(&answer)[..contract.len()], contract);
    let of = |key: &str| answer[key].clone();
    assert_eq!(
        (of("schema"), of("host"), of("level")),
        (json!(1), json!("gate-pi"), json!("warning"))
    );
    assert_eq!((of("age_seconds"), of("stale")), (json!(0), json!(false)));
    let mut sample = of("sample");
    let flags = sample.as_object_mut().unwrap().shift_remove("collector_failed");
    assert_eq!(sample, host.last());
    let flags = flags.expect("which collectors work follows from the line");
    assert_eq!((&flags["cpu"], &flags["temperature"]), (&json!(0), &json!(0)));
    let alert = &answer["alerts"][0];
    for (key, value) in [
        ("series", json!("cpu_temp")),
        ("metric", json!("cpu_temp")),
        ("level", json!("warning")),
        ("start", host.last()["timestamp"].clone()),
        ("seconds", json!(0)),
    ] {
        assert_eq!(alert[key], value, "{key}: {alert}");
    }
    for (key, value) in [("value", 75.0), ("threshold", 70.0), ("worst", 75.0)] {
        assert_eq!(alert[key].as_f64(), Some(value), "{key}: {alert}");
    }
    assert!(
        alert.get("end").is_none() && alert.get("label").is_none(),
        "absent is not null: {alert}"
    );
    let course = &answer["last_24h"]["cpu_temp"];
    assert_eq!(course, &json!({"min": 60, "mean": 67.5, "max": 75}));
    assert_eq!(answer["events"], json!(host.events()));
}

#[test]
fn a_label_stands_by_itself_in_an_alert() {
    let host = a_day();
    let rules = r#"{"filesystem_percent": {"warning": 85, "labels": {"/": {"warning": 1}}}}"#;
    host.configure(&format!(r#"{{"monitoring": {{"alert_thresholds": {rules}}}}}"#));
    assert_eq!(host.run(&["collect"]).done(), "");
    let alerts = host.run(&["status", "--json"]).json()["alerts"].clone();
    // The disks are this machine's: others may be full.
    let is_root = |alert: &&Value| alert["series"] == "filesystem_percent{/}";
    let alert = alerts.as_array().unwrap().iter().find(is_root).expect("no alert for the root");
    assert_eq!((&alert["metric"], &alert["label"]), (&json!("filesystem_percent"), &json!("/")));
}

#[test]
fn people_see_what_is_firing_and_the_last_five_events() {
    let host = after("70", &[75, 60, 76, 60, 77, 60, 78]);
    assert_eq!(host.happened().len(), 8, "it flaps from the fifth change on");
    let text = host.run(&["status"]).done();
    assert!(text.starts_with("gate-pi: WARNING, 1 alert"), "{text}");
    let firing = text.lines().find(|line| line.starts_with(" WARNING")).unwrap();
    for words in ["cpu_temp", "78.0 °C", "level 70", "flapping since 10:06"] {
        assert!(firing.contains(words), "{words} is missing: {firing}");
    }
    let shown =
        text.lines().filter(|line| line.contains(" raised ") || line.contains(" recovered "));
    assert_eq!(shown.count(), 4, "{text}");
    assert!(text.contains(" flapping "), "{text}");
    let events = host.run(&["status", "--json"]).json()["events"].clone();
    assert_eq!(events.as_array().unwrap()[..], host.events()[3..], "the last five, oldest first");
}

#[test]
fn times_are_local_unless_told() {
    let host = after("70", &[75]);
    assert!(host.run(&["status"]).done().contains("since 09:46"));
    assert!(host.run(&["status", "--utc"]).done().contains("since 08:46"));
}

#[test]
fn without_a_sample_it_says_what_to_do() {
    let host = Host::new("raspberry-pi-4");
    for _ in 0..2 {
        for command in [&[][..], &["status"], &["status", "--json"], &["history"], &["report"]] {
            host.run(command).says(3, &["no samples", "hostwatch collect"]);
        }
        let ran = host.run(&["status", "--check"]);
        assert_eq!((ran.code, &*ran.err), (Some(3), ""), "{ran:?}");
        assert!(ran.out.starts_with("UNKNOWN: ") && ran.out.contains("no samples"), "{ran:?}");
        // Not there, and there but empty.
        fs::create_dir_all(host.data()).unwrap();
    }
}

#[test]
fn one_line_is_enough_for_a_status() {
    let host = Host::new("raspberry-pi-4");
    host.collect();
    let text = host.run(&["status"]).done();
    assert!(text.starts_with("gate-pi: OK, no alerts") && text.contains("52.6 °C"), "{text}");
    assert!(text.contains("1 of 1 samples"), "{text}");
    assert_eq!(host.run(&["status", "--json"]).json()["last_24h"]["cpu_temp"]["mean"], 52.6);
    assert_eq!(host.run(&["status", "--check"]).code, Some(0));
}

#[test]
fn stale_data_are_said_to_be_stale() {
    let mut host = after("70", &[75, 60, 75]);
    host.pass(749, 0);
    assert!(host.run(&["status"]).done().starts_with("gate-pi: WARNING"));
    host.pass(2, 0);
    let text = host.run(&["status"]).done();
    assert!(text.starts_with("gate-pi: STALE") && text.contains("12 min"), "{text}");
    let answer = host.run(&["status", "--json"]).json();
    let of = |key: &str| answer[key].clone();
    assert_eq!(
        (of("stale"), of("level"), of("age_seconds")),
        (json!(true), json!("unknown"), json!(751))
    );
    let ran = host.run(&["status", "--check"]);
    assert_eq!((ran.code, &*ran.err), (Some(3), ""), "stale beats all: {ran:?}");
    assert!(ran.out.starts_with("UNKNOWN: gate-pi") && ran.out.contains("12 min"), "{ran:?}");
}

#[test]
fn the_clock_that_was_set_back_makes_nothing_stale() {
    let mut host = after("70", &[60, 60]);
    host.pass(100, 0);
    host.set_clock(host.epoch - 86_400);
    let answer = host.run(&["status", "--json"]).json();
    assert_eq!((&answer["stale"], &answer["age_seconds"]), (&json!(false), &json!(100)));
}

#[test]
fn a_check_is_one_line_with_performance_data_and_its_exit_code() {
    let levels = r#"{"warning": 70, "critical": 80}"#;
    for (celsius, code, word) in [(60, 0, "OK"), (75, 1, "WARNING"), (85, 2, "CRITICAL")] {
        let ran = after(levels, &[60, celsius]).run(&["status", "--check"]);
        assert_eq!((ran.code, &*ran.err), (Some(code), ""), "{ran:?}");
        let (text, data) = ran.out.trim_end().split_once(" | ").unwrap();
        assert!(text.starts_with(&format!("{word}: gate-pi, ")), "{text}");
        assert_eq!(text.contains("no alerts"), code == 0);
        assert_eq!(data, format!("'cpu_temp'={celsius};70;80"));
        assert_eq!(ran.out.lines().count(), 1);
    }
}

#[test]
fn a_check_goes_by_alerts_that_are_firing_not_by_values() {
    let ran = after(r#"{"warning": 70, "for": "1h"}"#, &[60, 75]).run(&["status", "--check"]);
    assert!(ran.out.starts_with("OK: "), "{ran:?}");
    assert_eq!((ran.code, &*ran.err), (Some(0), ""));
}

#[test]
fn a_check_of_many_series_keeps_to_1024_bytes() {
    let labels: Vec<_> = (0..60).map(|at| format!(r#""/srv/ä volume it's {at}":{at}.5"#)).collect();
    let text = format!(r#""cpu_percent":5,"filesystem_percent":{{{}}}"#, labels.join(","));
    let host = Host::with_file(NOW, DAY, line(NOW - 60, 90_000, &text));
    let ran = host.run(&["status", "--check"]);
    assert_eq!((ran.code, &*ran.err, ran.out.lines().count()), (Some(0), "", 1));
    assert!((900..=1024).contains(&ran.out.trim_end().len()), "{} bytes", ran.out.len());
    assert!(
        ran.out.contains("'filesystem_percent{/srv/ä volume it''s 1}'=1.5%;90;;0;100"),
        "{ran:?}"
    );
}

#[test]
fn a_check_that_cannot_be_made_is_unknown() {
    let host = a_day();
    host.configure("{");
    let ran = host.run(&["status", "--check"]);
    assert_eq!((ran.code, &*ran.err, ran.out.lines().count()), (Some(3), "", 1), "{ran:?}");
    assert!(ran.out.starts_with("UNKNOWN: could not"), "{ran:?}");
}

#[test]
fn faults_failures_and_another_pace_are_shown() {
    let host = a_day();
    host.configure(
        r#"{"monitoring": {"log_interval": 60, "alert_thresholds": {"cpu_precent": 80}}}"#,
    );
    let text = host.run(&["status"]).done();
    let holds =
        |words: &[&str]| text.lines().any(|line| words.iter().all(|word| line.contains(word)));
    assert!(holds(&["FAULT", "config.json:1:", "cpu_precent", "\"cpu_percent\""]), "{text}");
    assert!(holds(&["300 s", "60 s", "hostwatch-collect.timer"]), "{text}");
    let faults = host.run(&["status", "--json"]).json()["faults"].clone();
    assert_eq!(faults.as_array().map(Vec::len), Some(1), "{faults}");
    let host = Host::new("raspberry-pi-4");
    fs::remove_file(host.path("root/proc/net/dev")).unwrap();
    host.run(&["collect"]).says(0, &["collector network"]);
    let text = host.run(&["status"]).done();
    assert!(text.lines().any(|line| line.contains("FAILED") && line.contains("network")), "{text}");
}

#[test]
fn what_cannot_be_understood_is_said_in_one_line() {
    let host = a_day();
    host.run(&["statsu"]).says(3, &["'statsu'", "'status'"]);
    host.run(&["status", "--chekc"]).says(3, &["--chekc", "--check"]);
    host.run(&["status", "--check", "--json"]).says(3, &["--check", "--json"]);
    let version = Ran::of(std::process::Command::new(BINARY).arg("--version")).done();
    assert_eq!(version, format!("hostwatch {}\n", env!("CARGO_PKG_VERSION")));
    assert!(host.run(&["--help"]).done().contains("collect"));
}

#[test]
fn past_and_firing_alerts_are_listed() {
    let host = after(r#"{"warning": 70, "critical": 80}"#, &[75, 60, 76, 85]);
    let list = host.run(&["alerts", "list", "--json"]).json();
    assert_eq!(keys(&list), ["schema", "since", "until", "alerts", "silences"]);
    assert_eq!(list, host.run(&["alerts", "--json"]).json());
    let alerts = list["alerts"].as_array().unwrap();
    let shape = |alert: &Value| {
        (
            alert["level"].clone(),
            alert["worst"].as_f64(),
            alert["seconds"].clone(),
            alert.get("end").is_some(),
        )
    };
    assert_eq!(
        alerts.iter().map(shape).collect::<Vec<_>>(),
        [
            (json!("critical"), Some(85.0), json!(300), false),
            (json!("warning"), Some(75.0), json!(300), true)
        ]
    );
    let text = host.run(&["alerts"]).done();
    assert!(
        text.contains("CRITICAL") && text.contains("firing") && text.contains("85.0"),
        "{text}"
    );
    assert!(host.run(&["alerts", "--since", "1s"]).done().contains("CRITICAL"), "still firing");
    assert_eq!(
        json(&host.run(&["alerts", "--json", "-S", "1s"]).out)["alerts"].as_array().unwrap().len(),
        1
    );
}
