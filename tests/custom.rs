//! Metrics of the host's own: what commands and files say is stored, judged and shown like anything else, and whatever
//! a command does, the sample is stored in time and nothing is left running.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a helper fails as its test does"
)]

mod common;

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant, SystemTime};

use common::{Host, Ran};
use serde_json::{Value, json};

/// A host with one script for each entry. A shell reads it: what was just written may still be busy for a moment, and
/// could not be run itself.
fn host(entries: &[(&str, &str, Value)], thresholds: &Value) -> Host {
    let host = Host::new("raspberry-pi-4");
    let entry = |(name, script, more): &(&str, &str, Value)| {
        let mut entry = json!({"name": name, "command": ["/bin/sh", write(&host, name, script)]});
        entry.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        entry
    };
    let custom: Vec<Value> = entries.iter().map(entry).collect();
    let monitoring = json!({"custom": custom, "alert_thresholds": thresholds, "startup_grace": 0});
    host.configure(&json!({ "monitoring": monitoring }).to_string());
    host
}

fn write(host: &Host, name: &str, script: &str) -> String {
    let path = host.path(name);
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    path.to_str().unwrap().to_owned()
}

fn one(script: &str, more: Value) -> Host {
    host(&[("x", script, more)], &json!({}))
}

/// One whose script is the program itself.
fn direct(script: &str) -> Host {
    let host = Host::new("raspberry-pi-4");
    let custom = json!({"name": "x", "command": write(&host, "x", script)});
    host.configure(&json!({"monitoring": {"custom": custom}}).to_string());
    host
}

/// The line that a run stored, which it did in time.
fn collected(host: &Host) -> Value {
    let began = Instant::now();
    host.run(&["collect"]);
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    let line = host.last();
    assert!(line["errors"].get("memory").is_none(), "{line}");
    assert!(line["memory_percent"].is_number() && line["load1"].is_number());
    line
}

/// Why an entry failed, as the line has it.
fn error(host: &Host) -> String {
    let line = collected(host);
    assert_eq!(line["collector_failed"]["custom:x"], 1, "{line}");
    assert!(line.get("custom_x").is_none(), "{line}");
    line["errors"]["custom:x"].as_str().unwrap().to_owned()
}

/// Processes that have this argument, or work there: a host's directory is of one test alone.
fn left(host: &Host) -> Vec<String> {
    let mark = host.path("").to_str().unwrap().trim_end_matches('/').to_owned();
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let lines = entries.filter_map(|entry| {
        let line = fs::read(entry.path().join("cmdline")).ok()?;
        let place = fs::read_link(entry.path().join("cwd")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        (line.contains(&mark) || place.starts_with(&mark)).then_some(line)
    });
    lines.collect()
}

fn firing(host: &Host) -> Vec<String> {
    let alerts = host.run(&["alerts", "list", "--json"]).json();
    let row = |alert: &Value| {
        format!("{} {}", alert["series"].as_str().unwrap(), alert["level"].as_str().unwrap())
    };
    let open = alerts["alerts"].as_array().unwrap().iter();
    open.filter(|alert| alert.get("end").is_none()).map(row).collect()
}

#[test]
fn a_number_is_a_metric_like_any_other() {
    let config = json!({"unit": "bytes"});
    let mut host = host(&[("spool", "echo 2097152", config)], &json!({"custom_spool": "1M"}));
    host.collect();
    assert_eq!(host.last()["custom_spool"], 2_097_152);
    assert_eq!(firing(&host), ["custom_spool warning"]);
    let metrics = host.run(&["metrics", "--json"]).json();
    let all = metrics["metrics"].as_array().unwrap();
    let spool = all.iter().find(|metric| metric["name"] == "custom_spool").unwrap();
    assert_eq!((&spool["unit"], &spool["kind"]), (&json!("bytes"), &json!("gauge")));
    host.pass(300, 1);
    host.collect();
    let shown = host.run(&["history", "custom_spool", "--since", "1h"]).done();
    assert!(shown.contains("2.0M") || shown.contains("2.0 MiB"), "{shown}");
    assert!(host.run(&["status"]).out.contains("custom_spool"));
    let report = host.run(&["report", "--json"]).json();
    assert_eq!(report["metrics"]["custom_spool"]["unit"], "bytes");
    assert_eq!(host.run(&["check", "custom_spool < 1M"]).code, Some(2));
    let explained = host.run(&["alerts", "explain", "custom_spool"]).done();
    assert!(explained.contains("custom_spool"), "{explained}");
}

#[test]
fn every_format_is_stored() {
    let host = host(
        &[
            ("lines", "echo 'in 3'; echo 'out 4.5'", json!({})),
            ("json", "echo '{\"a\": {\"b\": 1}, \"up\": true}'", json!({})),
            ("prom", "echo 'jobs{queue=\"mail\",host=\"a\"} 7'", json!({"format": "prometheus"})),
            ("disk", "echo 'OK | /=2KB;5;6'", json!({"format": "nagios"})),
            ("precise", "echo 18446744073709551615", json!({})),
        ],
        &json!({}),
    );
    host.collect();
    let line = host.last();
    assert_eq!(line["custom_lines"], json!({"in": 3, "out": 4.5}));
    assert_eq!(line["custom_json"], json!({"a.b": 1, "up": 1}));
    assert_eq!(line["custom_prom"], json!({"jobs,host=a,queue=mail": 7}));
    assert_eq!(line["custom_disk"], json!({"/": 2048}));
    assert_eq!(line["custom_disk_state"], 0);
    assert_eq!(line["custom_disk_level"], json!({"/ critical": 6144, "/ warning": 5120}));
    assert_eq!(line["custom_precise"], u64::MAX);
    let typed = "custom_prom{jobs,host=a,queue=mail}";
    assert!(host.run(&["history", typed]).done().contains(typed));
    assert_eq!(host.run(&["check", &format!("{typed} >= 7")]).code, Some(0));
}

#[test]
fn a_counter_has_a_rate_from_the_second_line_on() {
    let mut host = one("cat \"${0}.value\"", json!({"kind": "counter"}));
    fs::write(host.path("x.value"), "1000").unwrap();
    host.collect();
    assert!(host.last().get("custom_x_rate").is_none());
    host.pass(300, 1);
    fs::write(host.path("x.value"), "4000").unwrap();
    host.collect();
    assert_eq!(host.last()["custom_x_rate"], 10);
    host.pass(300, 1);
    fs::write(host.path("x.value"), "5").unwrap();
    host.collect();
    assert!(host.last().get("custom_x_rate").is_none());
}

#[test]
fn files_are_read_unless_they_are_too_old() {
    let mut host = Host::new("raspberry-pi-4");
    host.configure(
        r#"{"monitoring": {"custom": {"name": "x", "textfile": "/prom/*.prom", "max_age": "10m"}}}"#,
    );
    fs::create_dir(host.path("root/prom")).unwrap();
    let path = host.path("root/prom/a.prom");
    fs::write(&path, "# TYPE a gauge\na{b=\"c\"} 1\nd 2\n").unwrap();
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(host.epoch.unsigned_abs());
    File::options().append(true).open(&path).unwrap().set_modified(time).unwrap();
    host.collect();
    assert_eq!(host.last()["custom_x"], json!({"a,b=c": 1, "d": 2}));
    host.pass(900, 1);
    assert!(error(&host).ends_with("a.prom: 15 min old; 10 min is the most"));
}

#[test]
fn what_hangs_is_killed_and_the_others_are_there() {
    let host = host(
        &[
            ("x", "sleep 1000", json!({"timeout": 1})),
            ("stubborn", "trap '' TERM INT HUP; while :; do sleep 1; done", json!({"timeout": 1})),
            ("quiet", "exec >&- 2>&-; sleep 1000", json!({"timeout": 1})),
            ("good", "echo 5", json!({})),
        ],
        &json!({}),
    );
    let began = Instant::now();
    assert_eq!(error(&host), "no end within 1 s");
    // One after the other they would take longer.
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    assert_eq!(host.last()["custom_good"], 5);
    assert_eq!(host.last()["collector_failed"]["custom:good"], 0);
    assert_eq!(host.last()["errors"]["custom:quiet"], "no end within 1 s");
    assert_eq!(left(&host), Vec::<String>::new());
}

#[test]
fn a_flood_is_cut_off() {
    let host = one("exec yes \"$0\"", json!({}));
    assert_eq!(error(&host), "more than 64 KiB of output");
    assert_eq!(left(&host), Vec::<String>::new());
}

#[test]
fn nothing_that_was_started_is_left_however_it_hides() {
    for (what, script) in [
        ("a child", "sh \"$0\".child & echo 5"),
        ("a session of its own", "setsid sh \"$0\".child & echo 5"),
        ("a daemon", "(setsid sh -c 'sh \"$0\".child & exit' \"$0\" &) ; echo 5"),
        (
            "a daemon with a closed output",
            "(setsid sh -c 'sh \"$0\".child >/dev/null 2>&1 </dev/null & exit' \"$0\" &) ; echo 5",
        ),
        ("a family", "for i in 1 2 3 4 5 6 7 8; do setsid sh \"$0\".child & done; echo 5"),
        (
            "one that ignores signals",
            "(setsid sh -c 'trap \"\" TERM HUP INT; sh \"$0\".child' \"$0\" &); echo 5",
        ),
    ] {
        let host = one(script, json!({}));
        write(&host, "x.child", "sleep 1000 & setsid sleep 1000 & while :; do sleep 0.1; done");
        let line = collected(&host);
        assert_eq!(line["custom_x"], 5, "{what}: {line}");
        assert_eq!(left(&host), Vec::<String>::new(), "{what}");
    }
}

#[test]
fn a_process_of_a_killed_command_is_not_left_either() {
    let host = one("setsid sh \"$0\".child & sleep 1000", json!({"timeout": 1}));
    write(&host, "x.child", "while :; do sleep 0.1; done");
    assert_eq!(error(&host), "no end within 1 s");
    assert_eq!(left(&host), Vec::<String>::new());
}

#[test]
fn what_cannot_be_run_is_named_and_disturbs_nothing() {
    let host = direct("echo 5");
    let path = host.path("x");
    fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    let shown = path.display();
    assert_eq!(error(&host), format!("could not start {shown}: Permission denied"));
    fs::remove_file(&path).unwrap();
    assert_eq!(error(&host), format!("could not start {shown}: No such file or directory"));
    fs::create_dir(&path).unwrap();
    assert_eq!(error(&host), format!("could not start {shown}: Permission denied"));
}

#[test]
fn what_is_printed_must_be_finite_numbers() {
    for (script, words) in [
        ("echo garbage", "\"garbage\" is no name and number"),
        ("echo NaN", "\"NaN\" is no name and number"),
        ("echo '{'", "no JSON"),
        ("printf '\\000\\001\\377'", "is no name and number"),
        ("true", "no number"),
        ("echo 5; echo 'no queue' >&2; exit 2", "no queue"),
        ("kill -9 $$", "it failed (signal: 9 (SIGKILL))"),
    ] {
        let host = one(script, json!({}));
        let said = error(&host);
        assert!(said.contains(words), "{script}: {said}");
    }
    for text in ["NaN", "inf", "-inf", "1e999"] {
        let host = one(&format!("echo {text}"), json!({"format": "number"}));
        assert_eq!(error(&host), format!("{text} is no finite number"));
    }
    let host = one("echo -5.5", json!({}));
    assert_eq!(collected(&host)["custom_x"], -5.5);
}

#[test]
fn a_command_knows_nothing_of_where_it_runs_and_no_shell_is_in_between() {
    let host = Host::new("raspberry-pi-4");
    let script = write(
        &host,
        "show",
        "printf '%s\\n' \"$1\" >\"$0\".said; env >>\"$0\".said; cat >>\"$0\".said; echo 1",
    );
    let custom = json!({"name": "x", "command": ["/bin/sh", script, "$HOME `id`; *"]});
    host.configure(&json!({"monitoring": {"custom": custom}}).to_string());
    let mut command = host.command(&["collect"]);
    command.env("HOSTWATCH_SECRET", "1").env("PASSWORD", "2");
    assert_eq!(Ran::of(&mut command).code, Some(0));
    let said = fs::read_to_string(host.path("show.said")).unwrap();
    assert!(said.starts_with("$HOME `id`; *\n"), "{said}");
    assert!(said.contains("LANG=C\n") && said.contains("TZ=") && said.contains("HOME="), "{said}");
    assert!(!said.contains("HOSTWATCH") && !said.contains("PASSWORD"), "{said}");
}

#[test]
fn a_failure_is_said_once_and_is_an_event() {
    let mut host = one("echo 'no queue' >&2; exit 1", json!({}));
    host.run(&["collect"]).says_in_one_line(&["collector custom:x: no queue"]);
    host.pass(300, 1);
    host.collect();
    assert_eq!(host.happened(), ["collector_failed"]);
    write(&host, "x", "echo 5");
    host.pass(300, 1);
    host.collect();
    assert_eq!(host.happened(), ["collector_failed", "collector_back"]);
}

#[test]
fn a_number_below_zero_that_rises_is_judged_by_its_rise() {
    let mut host = Host::new("raspberry-pi-4");
    let script = write(&host, "balance", "echo -500");
    let custom = json!({"name": "balance", "command": ["/bin/sh", script]});
    let rules = json!({"custom_balance": {"change": "100/10m"}});
    let monitoring = json!({"custom": custom, "alert_thresholds": rules, "default_rules": false});
    host.configure(&json!({ "monitoring": monitoring }).to_string());
    host.collect();
    host.pass(300, 1);
    host.collect();
    write(&host, "balance", "echo -20");
    host.pass(300, 1);
    host.collect();
    assert_eq!(host.happened(), ["raised"]);
}

#[test]
fn a_check_of_the_configuration_looks_for_the_command() {
    let host = direct("echo 5");
    assert!(!host.run(&["config", "check"]).err.contains("could not run"));
    fs::remove_file(host.path("x")).unwrap();
    let said = host.run(&["config", "check"]);
    assert_eq!(said.code, Some(3));
    assert!(said.err.contains("monitoring.custom.command: could not run"), "{said:?}");
}

#[test]
fn a_dry_run_shows_it_and_stores_nothing() {
    let host = one("echo 5", json!({}));
    assert!(host.run(&["collect", "--dry-run"]).out.contains("\"custom_x\":5"));
    assert!(!host.data().exists());
}

#[test]
fn without_entries_there_is_no_trace_of_it() {
    let host = Host::new("raspberry-pi-4");
    host.collect();
    assert!(!host.last().to_string().contains("custom"));
    assert!(!host.run(&["metrics"]).done().contains("custom_"));
}

/// A plugin that says what stands in a file, with the exit status on its first line.
fn plugin(thresholds: &Value) -> Host {
    let script = "read code <\"$0\".says || exit 7; tail -n +2 \"$0\".says; exit $code";
    host(&[("disk", script, json!({"format": "nagios", "unit": "percent"}))], thresholds)
}

/// One run five minutes later.
fn says(host: &mut Host, code: u8, text: &str) -> Vec<String> {
    fs::write(host.path("disk.says"), format!("{code}\n{text}\n")).unwrap();
    host.pass(300, 1);
    host.run(&["collect"]);
    firing(host)
}

#[test]
fn a_plugin_without_data_is_judged_by_its_status() {
    let mut host = plugin(&json!({}));
    assert_eq!(says(&mut host, 0, "OK"), Vec::<String>::new());
    assert_eq!(says(&mut host, 2, "CRITICAL"), ["custom_disk_state critical"]);
    assert_eq!(says(&mut host, 1, "WARNING"), ["custom_disk_state warning"]);
    // Nobody knows: nothing is over, nothing is worse.
    assert_eq!(says(&mut host, 3, "UNKNOWN - timeout"), ["custom_disk_state warning"]);
    assert_eq!(host.last()["errors"]["custom:disk"], "unknown: UNKNOWN - timeout");
    assert!(host.last().get("custom_disk_state").is_none());
    assert_eq!(says(&mut host, 0, "OK"), Vec::<String>::new());
    assert!(host.happened().contains(&"recovered".to_owned()));
}

#[test]
fn the_levels_of_a_plugin_are_those_of_its_series_and_one_cause_is_one_alert() {
    let mut host = plugin(&json!({}));
    let data = |value: u8| format!("DISK | /={value}%;80;90;0;100");
    assert_eq!(says(&mut host, 0, &data(80)), Vec::<String>::new());
    assert_eq!(says(&mut host, 1, &data(85)), ["custom_disk{/} warning"]);
    assert_eq!(host.last()["custom_disk_state"], 1);
    assert_eq!(says(&mut host, 2, &data(95)), ["custom_disk{/} critical"]);
    let status = host.run(&["status", "--json"]).json();
    assert_eq!(status["alerts"][0]["threshold"], 90);
    // It cannot be run: what fires goes on.
    fs::remove_file(host.path("disk.says")).unwrap();
    host.pass(300, 1);
    host.run(&["collect"]);
    assert_eq!(firing(&host), ["custom_disk{/} critical"]);
    assert_eq!(says(&mut host, 0, &data(50)), Vec::<String>::new());
    let told = ["raised", "escalated", "collector_failed", "collector_back", "recovered"];
    assert_eq!(host.happened(), told);
    let replayed = host.run(&["alerts", "replay", "--since", "1d", "--json"]).json();
    let kinds: Vec<&Value> =
        replayed["notifications"].as_array().unwrap().iter().map(|one| &one["series"]).collect();
    assert!(!kinds.is_empty() && kinds.iter().all(|series| **series == "custom_disk{/}"));
}

#[test]
fn what_the_levels_of_a_plugin_do_not_say_its_status_does() {
    let mut host = plugin(&json!({}));
    assert_eq!(says(&mut host, 2, "DISK | /=50%;80;90"), ["custom_disk_state critical"]);
    assert_eq!(says(&mut host, 1, "DISK | /=85%;80;90"), ["custom_disk{/} warning"]);
    assert_eq!(says(&mut host, 2, "refused").len(), 2);
    assert_eq!(says(&mut host, 0, "DISK | /=50%;80;90"), Vec::<String>::new());
}

#[test]
fn limits_that_a_plugin_does_not_hold_to_are_not_judged() {
    let mut host = plugin(&json!({}));
    assert_eq!(says(&mut host, 0, "SWAP | swap=1023MB;0;0;0;1023"), Vec::<String>::new());
    assert_eq!(says(&mut host, 0, "PROCS | zombies=0;0;0"), Vec::<String>::new());
    assert_eq!(says(&mut host, 2, "PROCS | zombies=2;0;0"), ["custom_disk{zombies} critical"]);
    assert_eq!(says(&mut host, 0, "PROCS | zombies=0;0;0"), Vec::<String>::new());
}

#[test]
fn a_rule_of_the_configuration_wins_over_the_levels_of_a_plugin() {
    let own = plugin(&json!({"custom_disk{/}": {"critical": 70}}));
    let mut own = own;
    let firing = says(&mut own, 0, "DISK | /=75%;80;90 /home=50%;80;90");
    assert_eq!(firing, ["custom_disk{/} critical"]);
    assert_eq!(
        says(&mut own, 1, "DISK | /=50%;80;90 /home=85%;80;90"),
        ["custom_disk{/home} warning"]
    );
    let mut off = plugin(&json!({"custom_disk": false}));
    assert_eq!(says(&mut off, 1, "DISK | /=85%;80;90"), ["custom_disk_state warning"]);
    let mut none = plugin(&json!({"custom_disk": false, "custom_disk_state": false}));
    assert_eq!(says(&mut none, 2, "DISK | /=95%;80;90"), Vec::<String>::new());
}

#[test]
fn the_levels_of_a_plugin_are_shown_where_levels_are() {
    let mut host = plugin(&json!({}));
    says(&mut host, 1, "DISK | /=85%;80;90");
    let explained = host.run(&["alerts", "explain", "custom_disk{/}"]).done();
    assert!(explained.contains("80") && explained.contains("90"), "{explained}");
    assert!(host.run(&["status"]).out.contains("custom_disk{/}"));
    let check = host.run(&["status", "--check"]).out;
    assert!(check.contains("85%;80;90"), "{check}");
    let dry = host.run(&["collect", "--dry-run"]).out;
    assert!(dry.contains("custom_disk{/}"), "{dry}");
    let silenced =
        host.run(&["alerts", "silence", "custom_disk{/}", "--until-recovered", "--reason", "x"]);
    assert_eq!(silenced.code, Some(0), "{silenced:?}");
}
