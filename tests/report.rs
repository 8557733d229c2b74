//! `report`: a period in summary, for people and for scripts.

#![expect(clippy::unwrap_used, reason = "a helper fails as its test does")]

mod common;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::Stdio;

use common::{Host, Ran, json, keys, line};
use serde_json::{Value, json};

/// 11:00 in Berlin on 22 November 2026.
const NOW: i64 = 1_795_341_600;

fn report(host: &Host, arguments: &[&str]) -> Value {
    json(&host.run(&[&["report", "--json"], arguments].concat()).done())
}

/// Samples of these CPU percentages, five minutes apart, the last one just now.
fn of_cpu(percentages: &[u32]) -> Host {
    let count = i64::try_from(percentages.len()).unwrap();
    let lines = (0..).zip(percentages).map(|(at, percent)| {
        let uptime = 90_000 + 300 * u32::try_from(at).unwrap();
        line(NOW - 300 * (count - 1 - at), uptime, &format!(r#""cpu_percent":{percent}"#))
    });
    Host::with_file(NOW, "metrics_2026-11-22.jsonl", lines.collect::<String>())
}

#[test]
fn scripts_get_every_key_of_the_contract() {
    let answer = report(&Host::with_history(), &["--since", "2026-03-28"]);
    let contract = [
        "schema",
        "host",
        "since",
        "until",
        "samples",
        "metrics",
        "alerts",
        "gaps",
        "reboots",
        "availability_percent",
        "events",
    ];
    assert_eq!(keys(&answer)[..contract.len()], contract);
    assert_eq!((&answer["schema"], &answer["host"]), (&json!(1), &json!("gate-pi")));
    assert_eq!((&answer["samples"], &answer["events"]), (&json!(48), &json!([])));
    assert_eq!(answer["since"], "2026-03-28T00:00:00+01:00");
    let disk = &answer["metrics"]["filesystem_percent{/media/usb disk}"];
    let names =
        ["metric", "label", "unit", "count", "min", "mean", "p50", "p95", "p99", "max", "last"];
    assert_eq!(keys(disk), names);
    assert_eq!(
        (&disk["metric"], &disk["label"]),
        (&json!("filesystem_percent"), &json!("/media/usb disk"))
    );
    assert_eq!(
        (&disk["unit"], &disk["count"], &disk["last"]),
        (&json!("percent"), &json!(36), &json!(80))
    );
    for (series, number) in answer["metrics"].as_object().unwrap() {
        assert!(number["p95"].is_number() && number["count"].is_u64(), "{series}: {number}");
    }
}

#[test]
fn percentiles_are_values_that_were_measured() {
    let answer = report(&Host::with_history(), &["--since", "2026-03-28"]);
    let numbers = json!({"metric": "cpu_percent", "unit": "percent", "count": 48, "min": 6.2, "mean": 21.5,
        "p50": 19.8, "p95": 40, "p99": 41.8, "max": 41.8, "last": 39});
    assert_eq!(answer["metrics"]["cpu_percent"], numbers);
    // Nearest rank: of 20 values the 10th, the 19th and the 20th.
    let values: Vec<_> = (1..=20).map(|at| at * 7 % 23).collect();
    let answer = report(&of_cpu(&values), &[]);
    let mut sorted = values.clone();
    sorted.sort_unstable();
    let cpu = |name: &str| answer["metrics"]["cpu_percent"][name].clone();
    assert_eq!([cpu("p50"), cpu("p95"), cpu("p99")], [sorted[9], sorted[18], sorted[19]]);
    assert_eq!([cpu("min"), cpu("max"), cpu("last")], [sorted[0], sorted[19], values[19]]);
    let one = report(&of_cpu(&[7]), &[]);
    for name in ["min", "mean", "p50", "p95", "p99", "max", "last"] {
        assert_eq!(one["metrics"]["cpu_percent"][name], 7, "{name}");
    }
}

#[test]
fn gaps_and_reboots_are_found_in_the_lines() {
    let answer = report(&Host::with_history(), &["--since", "2026-03-29"]);
    let night = json!([{"start": "2026-03-29T04:00:06+02:00", "end": "2026-03-30T06:05:06+02:00",
        "seconds": 93_900, "cause": "not_running"}]);
    assert_eq!(answer["gaps"], night);
    assert_eq!(answer["reboots"][0]["epoch"], 1_774_845_130);
    assert_eq!(answer["reboots"].as_array().map(Vec::len), Some(1));
    let available = answer["availability_percent"].as_f64().unwrap();
    assert!((5.0..10.0).contains(&available), "{available}");
    let whole = report(&of_cpu(&[10; 24]), &["--since", "115m"]);
    assert_eq!((&whole["gaps"], &whole["availability_percent"]), (&json!([]), &json!(100)));
}

#[test]
fn a_period_is_the_last_full_one_of_the_calendar() {
    // It is Monday, 30 March.
    let host = Host::with_history();
    for (period, since, until, samples) in [
        ("day", "2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00", 24),
        ("week", "2026-03-23T00:00:00+01:00", "2026-03-30T00:00:00+02:00", 36),
        ("month", "2026-02-01T00:00:00+01:00", "2026-03-01T00:00:00+01:00", 0),
    ] {
        let answer = report(&host, &["--period", period]);
        let of = |key: &str| answer[key].clone();
        assert_eq!(
            [of("since"), of("until"), of("samples")],
            [json!(since), json!(until), json!(samples)]
        );
    }
}

#[test]
fn alerts_and_events_of_the_period_are_in_it() {
    let mut host = Host::new("raspberry-pi-4");
    host.configure(
        r#"{"monitoring": {"log_interval": 300, "alert_thresholds": {"cpu_temp": 70}}}"#,
    );
    for celsius in [60, 75, 77, 60, 75] {
        host.heat(celsius);
        host.pass(300, 25);
        host.collect();
    }
    let answer = report(&host, &[]);
    let shape = |alert: &Value| {
        (
            alert["series"].clone(),
            alert["worst"].as_f64(),
            alert["seconds"].clone(),
            alert.get("end").is_some(),
        )
    };
    let alerts: Vec<_> = answer["alerts"].as_array().unwrap().iter().map(shape).collect();
    let past = (json!("cpu_temp"), Some(77.0), json!(600), true);
    assert!(alerts.contains(&past), "{alerts:?}");
    assert!(alerts.contains(&(json!("cpu_temp"), Some(75.0), json!(0), false)), "{alerts:?}");
    assert_eq!(answer["events"], json!(host.events()));
    let text = host.run(&["report"]).done();
    assert!(text.contains("77.0") && text.contains("10 min"), "{text}");
}

#[test]
fn the_time_past_a_level_is_summed_up() {
    // Four samples past 80: 20 minutes.
    let host = of_cpu(&[10, 10, 85, 90, 80, 99, 20, 20]);
    let text = host.run(&["report"]).done();
    let row = text.lines().find(|row| row.trim_start().starts_with("cpu_percent")).unwrap();
    assert!(row.contains("20 min"), "{text}");
}

#[test]
fn people_get_the_period_at_a_glance() {
    let text = Host::with_history().run(&["report", "--since", "2026-03-28"]).done();
    for words in ["gate-pi", "48 samples", "2 gaps", "1 reboot", "p95", "recognizer", "819.9"] {
        assert!(text.contains(words), "{words} is missing: {text}");
    }
    assert!(!text.contains('\x1b'));
}

#[test]
fn what_a_day_brings_a_disk_is_told_from_what_was_seen_and_not_from_moments() {
    let filling = |hours: i64| {
        let of = |ago: i64, percent: u32| {
            let uptime = u32::try_from(900_000 - 3_600 * ago).unwrap();
            let name = r#""filesystem_percent""#;
            line(NOW - 3_600 * ago, uptime, &format!(r#"{name}:{{"/":{percent}}}"#))
        };
        let lines = of(hours, 50) + &of(0, 56);
        let host = Host::with_file(NOW, "metrics_2026-11-22.jsonl", lines);
        let text = host.run(&["report", "--since", "30d"]).done();
        text.lines().find(|line| line.starts_with(" /  ")).unwrap().to_owned()
    };
    assert!(filling(10).ends_with("50.0 %  56.0 %  +14.40 points"), "{}", filling(10));
    assert!(filling(1).ends_with("50.0 %  56.0 %      -"), "{}", filling(1));
}

#[test]
fn a_terminal_of_80_columns_is_wide_enough() {
    let text = r#""cpu_percent":90,"memory_used":870000000,"cpu_temp":58.9,"filesystem_percent":{"/data":81.3},
        "interface_received_rate":{"eth0":5120.5}"#;
    let lines: String = (0..24_u32)
        .map(|at| line(NOW - 300 * i64::from(23 - at), 300 * at, &text.replace('\n', "")))
        .collect();
    let host = Host::with_file(NOW, "metrics_2026-11-22.jsonl", lines);
    let text = Ran::of(host.command(&["report"]).env("COLUMNS", "80")).done();
    assert!(text.contains("interface_received_rate{eth0}"), "{text}");
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{}: {line}\n{text}", line.chars().count());
    }
}

#[test]
fn a_file_is_replaced_whole_and_its_name_tells_the_format() {
    let host = Host::with_history();
    let path = host.path("r.json");
    let name = path.to_str().unwrap().to_owned();
    assert_eq!(host.run(&["report", "-o", &name]).done(), "");
    let first = fs::metadata(&path).unwrap().ino();
    assert_eq!(json(&fs::read_to_string(&path).unwrap()), report(&host, &[]));
    assert_eq!(host.run(&["report", "-o", &name]).done(), "");
    assert_ne!(fs::metadata(&path).unwrap().ino(), first, "replaced, not written over");
    let text = host.path("r.txt");
    assert_eq!(host.run(&["report", "-o", text.to_str().unwrap()]).done(), "");
    assert!(fs::read_to_string(text).unwrap().starts_with("gate-pi"));
    assert_eq!(host.run(&["report", "-o", "-"]).done(), host.run(&["report"]).done());
    host.run(&["report", "-o", "/nonexistent/r.json"])
        .says(3, &["could not write", "/nonexistent/r.json"]);
}

#[test]
fn a_range_with_nothing_in_it_is_no_error() {
    let host = Host::with_history();
    let none = ["--since", "2026-02-01", "--until", "2026-02-02"];
    let answer = report(&host, &none);
    assert_eq!((&answer["samples"], &answer["metrics"]), (&json!(0), &json!({})));
    assert!(answer.get("availability_percent").is_none(), "nobody knows it");
    let text = host.run(&[&["report"], &none[..]].concat()).done();
    assert!(text.contains("nothing in this range"), "{text}");
}

#[test]
fn what_is_not_understood_is_named_with_what_would_be() {
    let host = Host::with_history();
    host.run(&["report", "--since", "tomorrowish"]).says(3, &["tomorrowish", "RFC 3339", "@EPOCH"]);
    host.run(&["report", "--period", "year"]).says(3, &["year", "day, week, month"]);
    host.run(&["report", "--period", "day", "--since", "2d"]).says(3, &["--period", "--since"]);
    host.run(&["report", "--format", "yaml"]).says(3, &["yaml", "json"]);
}

#[test]
fn who_has_read_enough_makes_no_error() {
    let host = Host::with_history();
    for arguments in [&["report"][..], &["report", "--json"], &["metrics"], &["status"]] {
        let mut command = host.command(arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), &*said), (Some(0), ""), "{arguments:?}");
    }
}

#[test]
fn every_metric_is_listed_with_unit_kind_and_meaning() {
    let host = Host::new("raspberry-pi-4");
    let answer = host.run(&["metrics", "--json"]).json();
    assert_eq!((keys(&answer), &answer["schema"]), (vec!["schema", "metrics"], &json!(1)));
    let metrics = answer["metrics"].as_array().unwrap();
    for metric in metrics {
        let known = ["name", "unit", "kind", "label", "help"];
        assert!(keys(metric).iter().all(|key| known.contains(key)), "{metric}");
        assert!(metric["help"].as_str().unwrap().ends_with('.'), "{metric}");
    }
    let text = host.run(&["metrics"]).done();
    host.collect();
    let stored = host.last();
    let reserved =
        ["timestamp", "epoch", "schema", "host", "boot_id", "interval", "top", "errors", "facts"];
    for name in keys(&stored).into_iter().filter(|name| !reserved.contains(name)) {
        assert!(metrics.iter().any(|metric| metric["name"] == name), "{name} is not declared");
        let listed =
            [format!(" {name} "), format!(" {name}{{")].iter().any(|form| text.contains(form));
        assert!(listed, "{name} is not listed");
    }
}

#[test]
fn the_list_of_metrics_fits_80_columns() {
    let host = Host::new("raspberry-pi-4");
    let text = Ran::of(host.command(&["metrics"]).env("COLUMNS", "80")).done();
    let longest = text.lines().max_by_key(|line| line.chars().count()).unwrap();
    assert!(longest.chars().count() <= 80, "{longest}");
}
