//! Silences and quiet hours: what is told while they last, what is told at their end, and who may make them. A program
//! of the host's own is told, and writes down what it hears.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a helper fails as its test does"
)]

mod common;

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::thread;
use std::time::{Duration, Instant};

use common::{Host, json, keys};
use serde_json::{Value, json};

const RULE: &str = r#"{"warning": 70, "critical": 80, "repeat": "1h"}"#;

/// A Raspberry Pi whose CPU temperature is judged and told; the rest of `notifications` as given.
fn told(rule: &str, more: &str) -> Host {
    let host = Host::new("raspberry-pi-4");
    let (script, heard) = (host.path("tell"), host.path("heard"));
    let text = format!(
        "#!/bin/sh\nprintf '%s %s\\n' \"$HOSTWATCH_KIND\" \"$HOSTWATCH_SERIES\" >>{}\n",
        heard.display()
    );
    fs::write(&script, text).unwrap();
    fs::set_permissions(&script, Permissions::from_mode(0o755)).unwrap();
    fs::write(heard, "").unwrap();
    host.configure(&format!(
        r#"{{"monitoring": {{"log_interval": 300, "default_rules": false, "startup_grace": 0,
            "alert_thresholds": {{"cpu_temp": {rule}}}}},
            "notifications": {{"command": {{"argv": ["{}"]}}{more}}}}}"#,
        script.display()
    ));
    host
}

/// A run five minutes later.
fn run(host: &mut Host, celsius: u32) {
    host.heat(celsius);
    host.pass(300, 25);
    let ran = host.run(&["collect"]);
    assert_eq!((ran.code, &*ran.out), (Some(0), ""), "{ran:?}");
}

/// What was told so far; then it is forgotten.
fn heard(host: &Host) -> Vec<String> {
    let text = fs::read_to_string(host.path("heard")).unwrap();
    fs::write(host.path("heard"), "").unwrap();
    text.lines().map(str::to_owned).collect()
}

fn silence(host: &Host, arguments: &[&str]) -> String {
    host.run(&[&["alerts", "silence"], arguments].concat()).done()
}

fn state(host: &Host) -> Value {
    json(&fs::read_to_string(host.data().join("state.json")).unwrap())
}

fn alert(host: &Host) -> Value {
    host.run(&["alerts", "--json"]).json()["alerts"][0].clone()
}

const NOTHING: [&str; 0] = [];

#[test]
fn a_silence_mutes_the_raise_and_its_end_brings_one_message_if_it_still_fires() {
    let mut host = told(RULE, "");
    run(&mut host, 60);
    let said = silence(&host, &["cpu_temp", "2h", "--reason", "new fan"]);
    assert_eq!(
        said,
        "silenced cpu_temp until 11:46 (new fan); undo: hostwatch alerts unsilence cpu_temp\n"
    );
    for _ in 0..23 {
        run(&mut host, 75);
    }
    assert_eq!(heard(&host), NOTHING, "neither the raise nor a reminder");
    assert_eq!(alert(&host)["silenced_until"], "2026-11-22T11:46:06+01:00");
    for _ in 0..3 {
        run(&mut host, 75);
    }
    assert_eq!(heard(&host), ["raised cpu_temp"]);
    let events = host.events();
    let ended: Vec<_> = events.iter().filter(|event| event["event"] == "unsilenced").collect();
    assert_eq!(ended.len(), 1, "removed once: {events:?}");
    assert_eq!(
        (&ended[0]["series"], &ended[0]["text"]),
        (&json!("cpu_temp"), &json!("its time is over"))
    );
    assert_eq!(state(&host)["silences"], Value::Null, "and forgotten");
    assert_eq!(alert(&host)["silenced_until"], Value::Null);
}

#[test]
fn a_silence_mutes_the_reminder_of_what_was_told() {
    let mut host = told(RULE, "");
    run(&mut host, 75);
    assert_eq!(heard(&host), ["raised cpu_temp"]);
    silence(&host, &["cpu_*", "2h"]);
    for _ in 0..23 {
        run(&mut host, 75);
    }
    assert_eq!(heard(&host), NOTHING);
    for _ in 0..3 {
        run(&mut host, 75);
    }
    assert_eq!(heard(&host), ["reminder cpu_temp"]);
}

#[test]
fn what_rose_and_ended_inside_is_listed_and_in_no_message() {
    let mut host = told(RULE, "");
    run(&mut host, 60);
    silence(&host, &["*", "1h"]);
    run(&mut host, 85);
    run(&mut host, 60);
    for _ in 0..12 {
        run(&mut host, 60);
    }
    assert_eq!(heard(&host), NOTHING);
    let past = alert(&host);
    assert_eq!((&past["level"], &past["seconds"]), (&json!("critical"), &json!(300)));
    assert!(past.get("end").is_some() && past.get("told").is_none(), "{past}");
}

#[test]
fn what_was_told_before_and_ended_inside_is_told_as_recovered_after_the_end() {
    let mut host = told(RULE, "");
    run(&mut host, 75);
    silence(&host, &["cpu_temp", "1h"]);
    run(&mut host, 60);
    assert_eq!(heard(&host), ["raised cpu_temp"]);
    for _ in 0..12 {
        run(&mut host, 60);
    }
    assert_eq!(heard(&host), ["recovered cpu_temp"]);
}

#[test]
fn an_acknowledgement_mutes_until_the_recovery_which_is_told_and_ends_it() {
    let mut host = told(RULE, "");
    run(&mut host, 75);
    let said = silence(&host, &["cpu_temp", "--until-recovered"]);
    let words = "silenced cpu_temp until it has recovered, at the latest 2026-12-22 09:46; undo:";
    assert!(said.starts_with(words), "{said}");
    for _ in 0..14 {
        run(&mut host, 85);
    }
    assert_eq!(heard(&host), ["raised cpu_temp"], "no escalation, no reminder");
    assert_eq!(alert(&host)["until_recovered"], true);
    run(&mut host, 60);
    assert_eq!(heard(&host), ["recovered cpu_temp"]);
    let last = host.events().into_iter().rfind(|event| event["event"] == "unsilenced").unwrap();
    assert_eq!(last["text"], "what it covered is over");
    run(&mut host, 75);
    assert_eq!(heard(&host), ["raised cpu_temp"], "the next one is told");
}

#[test]
fn in_quiet_hours_only_what_is_critical_is_told_and_the_rest_after_them() {
    let mut host = told(RULE, r#", "quiet_hours": "09:45-11:00""#);
    run(&mut host, 75);
    assert_eq!(heard(&host), NOTHING);
    let text = host.run(&["alerts"]).done();
    assert!(text.contains("quiet hours until 11:00"), "{text}");
    assert!(host.run(&["status"]).done().contains("quiet hours until 11:00"));
    let list = host.run(&["alerts", "--json"]).json();
    assert_eq!(list["quiet_hours"], json!({"until": "2026-11-22T11:00:00+01:00"}));
    run(&mut host, 85);
    assert_eq!(heard(&host), ["raised cpu_temp"], "critical passes");
    run(&mut host, 60);
    assert_eq!(heard(&host), ["recovered cpu_temp"], "and so does its end");
    run(&mut host, 75);
    assert_eq!(heard(&host), NOTHING);
    for _ in 0..12 {
        run(&mut host, 75);
    }
    assert_eq!(heard(&host), ["raised cpu_temp"], "it still fires at eleven");
    let list = host.run(&["alerts", "--json"]).json();
    assert_eq!(list.get("quiet_hours"), None);
}

#[test]
fn an_alert_that_is_ended_by_hand_is_told_with_the_next_run() {
    let mut host = told(RULE, "");
    run(&mut host, 60);
    silence(&host, &["cpu_temp", "2h"]);
    run(&mut host, 75);
    let said = host.run(&["alerts", "unsilence", "cpu_temp"]).done();
    assert_eq!(said, "unsilenced cpu_temp; it fires: what is owed goes out with the next run\n");
    run(&mut host, 75);
    assert_eq!(heard(&host), ["raised cpu_temp"]);
    assert_eq!(
        host.happened().iter().filter(|name| name.contains("silenced")).collect::<Vec<_>>(),
        ["silenced", "unsilenced"]
    );
    assert_eq!(host.run(&["alerts", "unsilence", "--all"]).done(), "nothing is silenced\n");
}

#[test]
fn the_same_series_silenced_again_replaces_the_first() {
    let mut host = told(RULE, "");
    run(&mut host, 60);
    silence(&host, &["cpu_temp", "2h", "--reason", "lunch"]);
    let said = silence(&host, &["cpu_temp", "--until", "18:00"]);
    let words = "silenced cpu_temp until 18:00 instead of until 11:46 (lunch); undo:";
    assert!(said.starts_with(words), "{said}");
    silence(&host, &["memory_*", "30d"]);
    let list = host.run(&["alerts", "--json"]).json();
    let silences = list["silences"].as_array().unwrap();
    assert_eq!(silences.len(), 2);
    assert_eq!(keys(&silences[0]), ["series", "since", "until"]);
    assert_eq!(silences[1]["until"], "2026-12-22T09:46:06+01:00");
    let text = host.run(&["alerts"]).done();
    assert!(text.contains("nothing is firing") && text.contains("2026-12-22 09:46"), "{text}");
    let said = host.run(&["alerts", "unsilence", "--all"]).done();
    assert_eq!(said, "unsilenced cpu_temp, memory_*\n");
}

#[test]
fn each_slip_is_said_in_one_line() {
    let mut host = told(RULE, "");
    run(&mut host, 60);
    let before = host.snapshot();
    for (arguments, words) in [
        (&["cpu_tmep", "2h"][..], &["could not silence cpu_tmep", "\"cpu_temp\""][..]),
        (&["temprature*", "2h"], &["could not silence", "no series matches it"]),
        (&["filesystem_percent{/boot/firmwre}", "2h"], &["{/boot/firmware}"]),
        (&["cpu_temp{x}", "2h"], &["cpu_temp has no labels"]),
        (&["cpu_temp", "31d"], &["it always ends: at most 30 days"]),
        (&["cpu_temp", "--until", "2027-11-22"], &["at most 30 days"]),
        (&["cpu_temp", "--until", "yesterday"], &["in the past"]),
        (&["cpu_temp", "soon"], &["\"soon\" is not a span", "--until"]),
        (&["cpu_temp", "--until", "soon"], &["could not understand --until"]),
        (&["cpu_temp"], &["SPAN"]),
        (&["cpu_temp", "2h", "--until-recovered"], &["--until-recovered"]),
        (&["cpu_temp", "--until-recovered"], &["nothing that it covers is firing", "span"]),
    ] {
        host.run(&[&["alerts", "silence"], arguments].concat()).says(3, words);
    }
    host.run(&["alerts", "unsilence", "cpu_temp"])
        .says(3, &["could not unsilence cpu_temp", "nothing is silenced"]);
    let names = |files: &[(std::path::PathBuf, u64, i64, Vec<u8>)]| {
        let name = |path: &std::path::Path| path.file_name().unwrap().to_owned();
        files.iter().map(|(path, ..)| name(path)).collect::<Vec<_>>()
    };
    let after = host.snapshot();
    assert_eq!(names(&after), names(&before));
    assert!(after.iter().zip(&before).all(|(a, b)| a.3 == b.3), "nothing was changed");
    silence(&host, &["cpu_temp", "2h"]);
    host.run(&["alerts", "unsilence", "cpu_percent"]).says(3, &["there are: cpu_temp"]);
}

#[test]
fn a_silence_whose_time_is_over_is_said_to_be_over_before_and_after_its_removal() {
    let mut host = told(RULE, "");
    run(&mut host, 60);
    silence(&host, &["cpu_temp", "6m"]);
    host.pass(400, 25);
    let words = ["could not unsilence cpu_temp", "its time is over since"];
    host.run(&["alerts", "unsilence", "cpu_temp"]).says(3, &words);
    run(&mut host, 60);
    assert!(host.happened().contains(&"unsilenced".to_owned()));
    host.run(&["alerts", "unsilence", "cpu_temp"]).says(3, &words);
}

#[test]
fn one_may_silence_before_the_first_sample_but_not_without_a_place() {
    let host = told(RULE, "");
    host.run(&["alerts", "silence", "cpu_temp", "2h"]).says(3, &["no samples", "collect"]);
    fs::create_dir(host.data()).unwrap();
    assert!(silence(&host, &["filesystem_percent{/any}", "2h"]).starts_with("silenced"));
    assert_eq!(state(&host)["silences"][0]["series"], "filesystem_percent{/any}");
    assert_eq!(host.events()[0]["until"], "2026-11-22T11:41:06+01:00");
}

#[test]
fn a_damaged_state_is_set_aside_and_the_silence_holds() {
    let mut host = told(RULE, "");
    run(&mut host, 60);
    fs::write(host.data().join("state.json"), "{\"sche").unwrap();
    let ran = host.run(&["alerts", "silence", "cpu_temp", "2h"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    ran.says_in_one_line(&["state.json.bad"]);
    assert_eq!(state(&host)["silences"][0]["series"], "cpu_temp");
}

#[test]
fn it_waits_for_a_run_that_is_still_telling() {
    let mut host = told(RULE, "");
    run(&mut host, 60);
    let lock = File::options().append(true).open(host.data().join("notify.lock")).unwrap();
    lock.lock().unwrap();
    let began = Instant::now();
    let release = thread::spawn(move || {
        thread::sleep(Duration::from_secs(2));
        drop(lock);
    });
    assert!(silence(&host, &["cpu_temp", "2h"]).starts_with("silenced"));
    assert!(began.elapsed() >= Duration::from_secs(2));
    release.join().unwrap();
}

#[test]
fn who_may_not_write_is_told_to_use_sudo() {
    if !rustix::process::geteuid().is_root() {
        // Written past the harness, which would swallow it.
        _ = fs::write("/dev/stderr", "LEFT OUT: silencing as another user (needs root)\n");
        return;
    }
    let mut host = told(RULE, "");
    run(&mut host, 75);
    let before = state(&host);
    for arguments in [&["silence", "cpu_temp", "2h"][..], &["unsilence", "cpu_temp"]] {
        let ran = host.run_as_ordinary_user(&[&["alerts"], arguments].concat());
        ran.says(3, &["cpu_temp", "you may not write", "sudo"]);
    }
    assert_eq!(state(&host), before);
}

#[test]
fn what_root_silences_the_service_can_still_change() {
    if !rustix::process::geteuid().is_root() {
        _ = fs::write("/dev/stderr", "LEFT OUT: files of another owner (needs root)\n");
        return;
    }
    let mut host = told(RULE, "");
    run(&mut host, 60);
    for entry in fs::read_dir(host.data()).unwrap() {
        chown(entry.unwrap().path(), Some(65_534), Some(65_534)).unwrap();
    }
    chown(host.data(), Some(65_534), Some(65_534)).unwrap();
    silence(&host, &["cpu_temp", "2h"]);
    for entry in fs::read_dir(host.data()).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(fs::metadata(&path).unwrap().uid(), 65_534, "{}", path.display());
    }
    let mode = fs::metadata(host.data().join("state.json")).unwrap().mode();
    assert_eq!(mode & 0o777, 0o640);
}

#[test]
fn a_check_counts_no_silenced_alert_and_says_how_many_there_are() {
    let mut host = told(RULE, "");
    run(&mut host, 85);
    let check = |host: &Host| {
        let ran = host.run(&["status", "--check"]);
        (ran.code, ran.out.split(" | ").next().unwrap().to_owned())
    };
    assert_eq!(check(&host), (Some(2), "CRITICAL: gate-pi, CPU at 85.0 °C".to_owned()));
    silence(&host, &["cpu_temp", "2h", "--reason", "new fan"]);
    assert_eq!(
        check(&host),
        (Some(0), "OK: gate-pi, no alerts, 1 silenced, sampled 0 s ago".to_owned())
    );
    assert_eq!(host.run(&["status", "--json"]).json()["level"], "ok");
    let text = host.run(&["status"]).done();
    assert!(text.starts_with("gate-pi: OK, no alerts, 1 silenced "), "{text}");
    let line = text.lines().find(|line| line.starts_with(" CRITICAL")).unwrap();
    let words = "since 09:46, told 09:46 by command:command, silenced until 11:46 (new fan)";
    assert!(line.ends_with(words), "{line}");
    assert!(text.contains("silenced  cpu_temp  until 2026-11-22 11:46 (new fan)"), "{text}");
}

#[test]
fn who_may_not_read_the_state_learns_of_silences_from_the_events() {
    if !rustix::process::geteuid().is_root() {
        _ = fs::write("/dev/stderr", "LEFT OUT: reading as another user (needs root)\n");
        return;
    }
    let mut host = told(RULE, "");
    run(&mut host, 85);
    silence(&host, &["cpu_temp", "2h"]);
    let ran = host.run_as_ordinary_user(&["status", "--check"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.out.contains("no alerts, 1 silenced"), "{ran:?}");
    let list = json(&host.run_as_ordinary_user(&["alerts", "--json"]).out);
    assert_eq!(list["silences"][0]["series"], "cpu_temp");
    assert_eq!(list["alerts"][0]["silenced_until"], list["silences"][0]["until"]);
}

#[test]
fn what_flaps_is_listed_as_one_long_episode() {
    let mut host = told(RULE, "");
    for celsius in [75, 60, 85, 60, 75, 60] {
        run(&mut host, celsius);
    }
    let list = host.run(&["alerts", "--json"]).json()["alerts"].clone();
    let open: Vec<_> =
        list.as_array().unwrap().iter().filter(|alert| alert.get("end").is_none()).collect();
    assert_eq!(open.len(), 1, "{list}");
    assert_eq!((&open[0]["flapping"], &open[0]["level"]), (&json!(true), &json!("critical")));
    assert!(host.run(&["alerts"]).done().contains(" flapping "));
    let status = host.run(&["status"]).done();
    assert!(status.starts_with("gate-pi: CRITICAL, 1 alert "), "{status}");
    assert!(status.contains("flapping since"), "{status}");
    let check = host.run(&["status", "--check"]);
    assert!(check.out.contains("CPU at 60.0 °C, flapping"), "{check:?}");
    for _ in 0..25 {
        run(&mut host, 60);
    }
    let list = host.run(&["alerts", "--json"]).json()["alerts"].clone();
    assert!(list.as_array().unwrap().iter().all(|alert| alert.get("end").is_some()), "{list}");
    assert_eq!(list.as_array().unwrap().len(), 2, "the first, and the stretch: {list}");
}

#[test]
fn mail_is_called_mail_and_what_it_is_owed_is_said_by_name() {
    let mut host = told(RULE, "");
    let mut config = json(&fs::read_to_string(host.path("config.json")).unwrap());
    config["notifications"]["email"] = json!({"smtp_server": "127.0.0.1", "smtp_port": 1,
        "security": "none", "to_addresses": ["admin@example.com", "ops@example.com"]});
    host.configure(&config.to_string());
    host.heat(75);
    host.pass(300, 25);
    let ran = host.run(&["collect"]);
    assert_eq!(ran.code, Some(4), "{ran:?}");
    host.pass(60, 25);
    let text = host.run(&["status"]).done();
    let owed = text.lines().find(|line| line.contains("OWED")).unwrap();
    assert!(owed.contains("admin@example.com, ops@example.com, last tried 1 min ago: "), "{owed}");
}
