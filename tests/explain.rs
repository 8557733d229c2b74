//! `alerts explain`: why somebody was told, or was not, in each of the states that an alert can be in.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a helper fails as its test does"
)]

mod common;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use common::{Host, keys};
use serde_json::{Value, json};

const RULE: &str = r#"{"cpu_temp": {"warning": 70, "critical": 80, "repeat": "4h"}}"#;

/// A Raspberry Pi that is judged by these rules alone, and a program that is told.
fn host_with(rules: &str, monitoring: &str, notifications: &str) -> Host {
    let host = Host::new("raspberry-pi-4");
    let script = host.path("tell");
    fs::write(&script, "#!/bin/sh\nexit $(cat \"$(dirname \"$0\")/exit\")\n").unwrap();
    fs::set_permissions(&script, Permissions::from_mode(0o755)).unwrap();
    fs::write(host.path("exit"), "0").unwrap();
    host.configure(&format!(
        r#"{{"monitoring": {{"log_interval": 300, "default_rules": false{monitoring}, "alert_thresholds": {rules}}},
            "notifications": {{"command": {{"name": "pager", "argv": ["{}"]}}{notifications}}}}}"#,
        script.display()
    ));
    host
}

fn host(rules: &str) -> Host {
    host_with(rules, "", "")
}

/// A run five minutes later.
fn run(host: &mut Host, celsius: u32) {
    host.heat(celsius);
    host.pass(300, 25);
    let ran = host.run(&["collect"]);
    assert!([Some(0), Some(4)].contains(&ran.code), "{ran:?}");
}

fn after(mut host: Host, temperatures: &[u32]) -> Host {
    for celsius in temperatures {
        run(&mut host, *celsius);
    }
    host
}

fn text(host: &Host, series: &str) -> String {
    host.run(&["alerts", "explain", series]).done()
}

/// The one series that is meant, and its first rule.
fn explained(host: &Host, series: &str) -> (Value, Value) {
    let answer = host.run(&["alerts", "explain", series, "--json"]).json();
    assert_eq!(keys(&answer), ["schema", "host", "series"]);
    assert_eq!(answer["series"].as_array().unwrap().len(), 1, "{answer}");
    let series = answer["series"][0].clone();
    let rule = series["rules"][0].clone();
    (series, rule)
}

fn holds(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "{word} is missing: {text}");
    }
}

#[test]
fn what_is_fine_is_shown_with_its_value_its_rule_and_its_levels() {
    let host = after(host(RULE), &[60]);
    let text = text(&host, "cpu_temp");
    holds(
        &text,
        &[
            "cpu_temp  60.0 °C, sampled 09:46 (0 s ago)\n",
            " rule      cpu_temp (file)\n",
            " warning   70, ends at 66.5, reminder after 4 h\n",
            " critical  80, ends at 76, reminder after 4 h\n",
            " verdict   fine\n",
            " tells     command:pager: told nothing; owed nothing\n",
        ],
    );
    let (series, rule) = explained(&host, "cpu_temp");
    assert_eq!(keys(&series), ["series", "metric", "unit", "value", "sampled", "rules"]);
    assert_eq!((&rule["verdict"], &rule["warning"]["clear"]), (&json!("fine"), &json!(66.5)));
    assert_eq!(rule["channels"][0], json!({"channel": "command:pager", "from": "warning"}));
}

#[test]
fn what_fires_is_shown_with_who_heard_of_it_and_when_the_reminder_comes() {
    let host = after(host(RULE), &[75, 78]);
    let text = text(&host, "cpu_temp");
    holds(
        &text,
        &[
            " verdict   WARNING since 09:46, worst 78.0 °C at 09:51\n",
            " tells     command:pager: told warning at 09:46; owed nothing; next reminder 13:46\n",
            " events    09:46  raised      CPU at 75.0 °C, level 70\n",
            "           09:46  told        raised, told by command:pager\n",
        ],
    );
    let (series, rule) = explained(&host, "cpu_temp");
    assert_eq!((&rule["verdict"], &rule["worst"]), (&json!("firing"), &json!(78)));
    assert_eq!(rule["channels"][0]["reminder"], "2026-11-22T13:46:06+01:00");
    assert_eq!(series["events"].as_array().unwrap().len(), 2);
}

#[test]
fn what_is_not_past_its_level_for_long_enough_says_since_when_and_until_when() {
    let host =
        after(host(r#"{"cpu_temp": {"warning": 70, "for": "30m", "clear_for": "20m"}}"#), &[75]);
    holds(
        &text(&host, "cpu_temp"),
        &[
            "70, ends at 66.5, for 30 min, inside for 20 min",
            " verdict   past its level, but not yet for long enough\n",
            "past warning since 09:46; raised about 10:16 if it stays so",
        ],
    );
    let host = after(host, &[75, 75, 75, 75, 75, 75, 60]);
    holds(
        &text(&host, "cpu_temp"),
        &["WARNING since 10:16", "inside warning since 10:21; ends about 10:41 if it stays so"],
    );
    let (_, rule) = explained(&host, "cpu_temp");
    assert_eq!(rule["waits"][0]["why"], "clear_for");
}

#[test]
fn soon_after_the_boot_nothing_is_raised() {
    let mut host = host_with(RULE, r#", "startup_grace": "10m""#, "");
    run(&mut host, 60);
    host.reboot();
    run(&mut host, 75);
    let text = text(&host, "cpu_temp");
    holds(&text, &["past its level, but not yet", "nothing is raised before about 09:57"]);
    let (_, rule) = explained(&host, "cpu_temp");
    assert_eq!(
        (&rule["verdict"], &rule["waits"][0]["why"]),
        (&json!("waiting"), &json!("startup_grace"))
    );
}

#[test]
fn how_often_it_must_be_past_its_level_is_counted() {
    let host = after(host(r#"{"cpu_temp": {"warning": 70, "times": "3/5"}}"#), &[60, 75, 60, 75]);
    holds(
        &text(&host, "cpu_temp"),
        &["in 3 of 5 samples (2 now)", "past its level, but in too few of the last samples"],
    );
    let host = after(host, &[75]);
    holds(&text(&host, "cpu_temp"), &["(3 now)", "WARNING since"]);
}

#[test]
fn of_a_change_both_the_value_and_the_change_are_shown() {
    let host = after(host(r#"{"cpu_temp": {"change": "10/30m"}}"#), &[50]);
    holds(
        &text(&host, "cpu_temp"),
        &["cpu_temp  50.0 °C", "its change within 30 min: not known", "do not reach back"],
    );
    let host = after(host, &[50, 50, 50, 50, 65]);
    holds(
        &text(&host, "cpu_temp"),
        &[
            "cpu_temp  65.0 °C",
            "its change within 30 min: +15.0 °C",
            "warning   10, ends at 5",
            "WARNING since 10:11, worst 15.0 °C",
        ],
    );
    let (series, rule) = explained(&host, "cpu_temp");
    assert_eq!((&series["value"], &rule["reading"]), (&json!(65), &json!(15)));
}

#[test]
fn what_flaps_says_since_when_and_when_it_is_calm() {
    let host = after(host(RULE), &[75, 60, 75, 60, 75]);
    holds(
        &text(&host, "cpu_temp"),
        &["flapping since 09:56, warning now, warning at worst; calm at 12:06 if it stays so"],
    );
    let (_, rule) = explained(&host, "cpu_temp");
    assert_eq!(rule["channels"][0]["told"]["flapping"], true);
}

#[test]
fn an_end_that_may_be_flapping_says_when_it_is_told() {
    let host = after(host(RULE), &[75, 60, 75, 60]);
    holds(
        &text(&host, "cpu_temp"),
        &[
            "it ended, but may only be flapping",
            "ended 10:01; told at 12:01 if it stays so",
            "owed recovered if it stays so",
        ],
    );
    let (_, rule) = explained(&host, "cpu_temp");
    assert_eq!(rule["unsettled"][0]["told_at"], "2026-11-22T12:01:06+01:00");
    assert_eq!(rule["channels"][0]["owed"][0]["held"], "unsettled");
}

#[test]
fn what_went_away_says_since_when_and_when_it_is_gone() {
    let mut host = after(host(RULE), &[75]);
    for name in [
        "sys/devices/virtual/thermal/thermal_zone0/temp",
        "sys/devices/virtual/thermal/thermal_zone0/hwmon0/temp1_input",
    ] {
        fs::remove_file(host.path("root").join(name)).unwrap();
    }
    host.pass(300, 25);
    host.run(&["collect"]);
    holds(
        &text(&host, "cpu_temp"),
        &[
            "cpu_temp  not measured, sampled 09:51",
            "WARNING since 09:46",
            "missing since 09:51, without reminders; gone at Mon 09:51",
        ],
    );
    let (series, rule) = explained(&host, "cpu_temp");
    assert!(series.get("value").is_none() && rule.get("gone_at").is_some(), "{rule}");
}

#[test]
fn a_rate_over_too_short_a_time_is_not_judged() {
    let mut host = after(host(r#"{"cpu_percent": {"warning": 80, "for": 0}}"#), &[50]);
    host.pass(12, 99);
    host.run(&["collect"]);
    holds(
        &text(&host, "cpu_percent"),
        &["99.0 %", "not judged: the rates of the last sample cover 12 s, less than 30 s"],
    );
    assert_eq!(explained(&host, "cpu_percent").1["verdict"], "unjudged");
}

#[test]
fn without_a_rule_nobody_is_told_and_the_nearest_are_named() {
    let host = after(
        host(
            r#"{"cpu_percent": 80, "filesystem_percent": {"warning": 90, "labels": {"/": false}}}"#,
        ),
        &[50],
    );
    holds(&text(&host, "cpu_iowait_percent"), &["no rule speaks of it; the nearest: cpu_percent"]);
    holds(&text(&host, "filesystem_percent{/}"), &["filesystem_percent leaves it out"]);
    let (series, _) = explained(&host, "cpu_iowait_percent");
    assert_eq!(series["nearest_rules"], json!(["cpu_percent"]));
}

#[test]
fn defaults_are_told_from_the_file_and_from_what_is_built_in() {
    let host = after(host_with("{}", r#", "default_rules": true"#, ""), &[50]);
    holds(&text(&host, "cpu_temp"), &[" rule      cpu_temp (default)\n"]);
    holds(&text(&host, "store_failed"), &[" rule      store_failed (built in)\n"]);
    holds(&text(&host, "gap"), &["judged once, at the first sample after a gap"]);
}

#[test]
fn each_mute_is_named_with_its_end() {
    let mut host =
        host_with(r#"{"cpu_temp": {"warning": 70}}"#, "", r#", "quiet_hours": "09:45-11:00""#);
    run(&mut host, 60);
    host.run(&["alerts", "silence", "*", "2h", "--reason", "a move"]).done();
    run(&mut host, 75);
    holds(
        &text(&host, "cpu_temp"),
        &[
            " muted     silenced until 11:46 (a move)\n           quiet hours until 11:00\n",
            "told nothing; owed raised, but silenced until 11:46 (a move)",
            "muted ever since it rose: if it ends now, nobody is told of it",
            "silenced    until 2026-11-22 11:46 (a move)",
        ],
    );
    let (series, rule) = explained(&host, "cpu_temp");
    let kinds: Vec<_> =
        series["mutes"].as_array().unwrap().iter().map(|mute| mute["kind"].clone()).collect();
    assert_eq!(kinds, ["silence", "quiet_hours"]);
    assert_eq!(
        rule["channels"][0]["owed"],
        json!([{"reason": "raised", "level": "warning", "held": "muted"}])
    );
}

#[test]
fn what_follows_from_a_mount_that_is_missing_says_so() {
    let rules = r#"{"filesystem_percent": 1, "missing": {"critical": 1, "clear": 0}}"#;
    let host = after(host_with(rules, r#", "expect": ["/srv/none"]"#, ""), &[50]);
    holds(&text(&host, "missing{/srv/none}"), &["CRITICAL since 09:46", "told critical at 09:46"]);
    let silenced = text(&host, "filesystem_percent{/srv/none}");
    holds(&silenced, &[" muted     not told as it follows from missing{/srv/none}\n"]);
    let (series, _) = explained(&host, "filesystem_percent{/srv/none}");
    assert_eq!(series["mutes"], json!([{"kind": "follows", "from": "missing{/srv/none}"}]));
}

#[test]
fn a_channel_that_cannot_be_told_says_why_and_when_it_is_tried_again() {
    let host = host(RULE);
    fs::write(host.path("exit"), "7").unwrap();
    let host = after(host, &[75]);
    holds(
        &text(&host, "cpu_temp"),
        &[
            "told nothing; owed raised, which goes out with the next run",
            "failed once, last at 09:46",
            "exit status: 7",
            "next try at the next run",
        ],
    );
    let host = after(host, &[75]);
    holds(
        &text(&host, "cpu_temp"),
        &[
            "owed raised, tried again about 10:51",
            "failed 2 times, last at 09:51",
            "next try 10:51",
        ],
    );
    let (_, rule) = explained(&host, "cpu_temp");
    let channel = &rule["channels"][0];
    assert_eq!(
        (&channel["delivery"]["failures"], &channel["delivery"]["next_try"]),
        (&json!(2), &json!("2026-11-22T10:51:06+01:00"))
    );
    assert_eq!(channel["owed"][0]["held"], "pause");
}

#[test]
fn a_message_whose_fate_is_unknown_is_named() {
    let host = host(RULE);
    // Killed at its time limit: it may have told.
    fs::write(host.path("tell"), "#!/bin/sh\nsleep 20\n").unwrap();
    let config = fs::read_to_string(host.path("config.json")).unwrap();
    host.configure(&config.replace(r#""name": "pager""#, r#""timeout": 1, "name": "pager""#));
    let host = after(host, &[75]);
    holds(
        &text(&host, "cpu_temp"),
        &["raised is in a message whose fate is unknown; it is sent again as it is"],
    );
    assert_eq!(explained(&host, "cpu_temp").1["channels"][0]["owed"][0]["held"], "on_its_way");
}

#[test]
fn a_channel_that_hears_only_of_worse_says_so() {
    let host = host(RULE);
    let config = fs::read_to_string(host.path("config.json")).unwrap();
    host.configure(
        &config.replace(r#""name": "pager""#, r#""level": "critical", "name": "pager""#),
    );
    let host = after(host, &[75]);
    holds(
        &text(&host, "cpu_temp"),
        &["command:pager (critical only): told nothing; hears from critical on\n"],
    );
}

#[test]
fn a_configuration_that_changed_since_the_last_run_is_seen() {
    let host = after(host(RULE), &[75]);
    let config = fs::read_to_string(host.path("config.json")).unwrap();
    host.configure(&config.replace(r#""warning": 70"#, r#""warning": 72"#));
    holds(&text(&host, "cpu_temp"), &["its levels changed: it is judged afresh at the next run"]);
    host.configure(&config.replace("cpu_temp", "cpu_percent"));
    holds(
        &text(&host, "cpu_temp"),
        &[" rule      cpu_temp (gone)\n", "ends untold at the next run"],
    );
    let host = after(self::host(r#"{"cpu_temp": 90}"#), &[75]);
    let config = fs::read_to_string(host.path("config.json")).unwrap();
    host.configure(&config.replace("90", "70"));
    holds(&text(&host, "cpu_temp"), &["not judged by this rule yet: the next run does"]);
}

#[test]
fn a_glob_explains_several_and_an_unknown_name_none() {
    let host = after(host(RULE), &[60]);
    let answer = host.run(&["alerts", "explain", "memory_*", "--json"]).json();
    let names: Vec<_> =
        answer["series"].as_array().unwrap().iter().map(|one| one["series"].clone()).collect();
    assert!(names.len() > 2 && names.contains(&json!("memory_percent")), "{names:?}");
    host.run(&["alerts", "explain", "cpu_tmep"])
        .says(3, &["could not explain cpu_tmep", "\"cpu_temp\""]);
    host.run(&["alerts", "explain", "xyz*"]).says(3, &["no series matches it"]);
    assert!(!text(&host, "*").is_empty());
}

#[test]
fn nobody_is_told_where_no_way_to_tell_is_configured() {
    let host = Host::new("raspberry-pi-4");
    host.configure(r#"{"monitoring": {"alert_thresholds": {"cpu_temp": 70}}}"#);
    let host = after(host, &[75]);
    holds(&text(&host, "cpu_temp"), &[" tells     nobody: no way to tell is configured\n"]);
    let before = host.snapshot();
    text(&host, "*");
    assert_eq!(host.snapshot(), before, "a reader never writes");
}
