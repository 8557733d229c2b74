//! `alerts suggest`: levels from what was, with their price in mails, ready to be pasted.

#![expect(clippy::unwrap_used, reason = "a helper fails as its test does")]

mod common;

use std::fs;

use common::{Host, Ran, line};
use serde_json::{Value, json};

/// Midnight in UTC before 22 November 2026.
const START: i64 = 1_795_305_600 - 10 * 86_400;

/// Ten days of a sample every ten minutes: an hour of 75 °C each noon, else 50; the memory as it always is.
fn ten_days(thresholds: &Value) -> Host {
    days(10, thresholds)
}

fn days(days: i64, thresholds: &Value) -> Host {
    let mut host = Host::new("raspberry-pi-4");
    fs::create_dir(host.data()).unwrap();
    for day in 0..days {
        let lines = (0..144).map(|at| {
            let epoch = START + day * 86_400 + at * 600;
            let uptime = u32::try_from(epoch - START).unwrap() + 90_000;
            let celsius = if (72..78).contains(&at) { 75 } else { 50 };
            let values = format!(
                r#""interval":600,"memory_percent":42,"cpu_temp":{celsius},"network_sent":{uptime},"filesystem_percent":{{"/data":81,"/full":97}}"#
            );
            line(epoch, uptime, &values)
        });
        // In Berlin the day is an hour older; the reader goes by the lines.
        let date = common::rfc3339(START + day * 86_400);
        let path = host.data().join(format!("metrics_{}.jsonl", &date[..10]));
        fs::write(path, lines.collect::<String>()).unwrap();
    }
    host.set_clock(START + days * 86_400);
    let monitoring = json!({"default_rules": false, "alert_thresholds": thresholds});
    host.configure(&json!({ "monitoring": monitoring }).to_string());
    host
}

fn suggest(host: &Host, arguments: &[&str]) -> Ran {
    host.run(&[&["alerts", "suggest"], arguments].concat())
}

#[test]
fn a_level_below_the_usual_course_is_raised_and_its_price_falls() {
    let host = ten_days(&json!({"cpu_temp": 70}));
    let answer = suggest(&host, &["--json"]).json();
    let row = &answer["series"]["cpu_temp"];
    assert_eq!((&row["count"], &row["p50"], &row["p99"]), (&json!(1_440), &json!(50), &json!(75)));
    // A raise and an end a day.
    assert_eq!(row["now"]["mails"], 60);
    assert_eq!(
        row["suggested"],
        json!({"warning": 80, "critical": 85, "mails": 0, "as_it_is": false})
    );
    let filled = &answer["series"]["memory_percent"];
    assert_eq!((&filled["now"], &filled["suggested"]["warning"]), (&Value::Null, &json!(45)));
    assert!(answer["series"].get("network_sent").is_none(), "it only grows");
}

#[test]
fn what_is_pasted_is_understood_and_costs_what_was_said() {
    let rules = json!({"cpu_temp": {"warning": 70, "for": "10m"},
        "filesystem_percent": {"warning": 80, "labels": {"/full": {"warning": 98}}}});
    let host = ten_days(&rules);
    let answer = suggest(&host, &["--json"]).json();
    let snippet = &answer["alert_thresholds"];
    assert_eq!(snippet["cpu_temp"], json!({"warning": 80, "critical": 85, "for": "10m"}));
    let labels = &snippet["filesystem_percent"]["labels"];
    assert_eq!(labels["/data"], json!({"warning": 85, "critical": 90}));
    assert_eq!(labels["/full"], json!({"warning": 98}), "nothing was found for it");
    let monitoring = json!({"default_rules": false, "alert_thresholds": snippet});
    host.configure(&json!({ "monitoring": monitoring }).to_string());
    let replay = host.run(&["alerts", "replay", "--json"]).json();
    assert_eq!(replay["mails"], 0);
    let again = suggest(&host, &["--json"]).json();
    assert_eq!(again["alert_thresholds"], json!({}));
    assert_eq!(again["series"]["cpu_temp"]["suggested"]["as_it_is"], true);
}

#[test]
fn people_get_a_table_and_what_to_paste() {
    let host = ten_days(&json!({"cpu_temp": 70, "filesystem_percent": 90}));
    let text = suggest(&host, &["cpu_temp", "filesystem_percent"]).done();
    assert_eq!(
        text,
        " series                        n      p50      p99      max  level  mails        suggested  mails
 cpu_temp                   1440  50.0 °C  75.0 °C  75.0 °C     70     60  80, critical 85      0
 filesystem_percent{/data}  1440   81.0 %   81.0 %   81.0 %     90      0  85, critical 90      0
 filesystem_percent{/full}  1440   97.0 %   97.0 %   97.0 %     90     30       none helps      -

 mails: in 30 days, by that level alone
 file systems: how fast they fill matters more than where they were; see hostwatch report

\"alert_thresholds\": {
  \"cpu_temp\": {
    \"warning\": 80,
    \"critical\": 85
  },
  \"filesystem_percent\": {
    \"warning\": 90,
    \"labels\": {
      \"/data\": {
        \"warning\": 85,
        \"critical\": 90
      }
    }
  }
}
"
    );
}

#[test]
fn a_day_is_too_little_and_it_says_so() {
    let host = days(1, &json!({}));
    let ran = suggest(&host, &["memory_percent"]);
    assert_eq!(ran.code, Some(0));
    assert!(ran.out.contains("45, critical 50"), "{}", ran.out);
    ran.says_in_one_line(&["warning: 23 h 50 min of samples tell too little", "two days"]);
    let empty = suggest(&host, &["--since", "1m"]).done();
    assert_eq!(empty, "nothing to suggest levels for in this range\n");
}

#[test]
fn an_unknown_series_is_offered_the_nearest_and_a_counter_has_no_levels() {
    let host = ten_days(&json!({}));
    suggest(&host, &["cpu_tmp"]).says(3, &["no series \"cpu_tmp\"", "\"cpu_temp\""]);
    let text = suggest(&host, &["network_sent"]).done();
    assert_eq!(text, "nothing to suggest levels for in this range\n");
}
