//! `check`: exit codes, the one line with its performance data, and the object.

mod common;

use common::{Host, Ran, json, keys, line};
use serde_json::{Value, json};

const DAY: &str = "metrics_2026-11-22.jsonl";
/// 11:00 in Berlin on 22 November 2026.
const NOW: i64 = 1_795_341_600;

/// A minute ago: 38.4 % of the processors; before that, every five minutes, 97, 60 and 20.
fn host() -> Host {
    with(r#","later_metric":7,"later{a b}":1"#)
}

fn with(more: &str) -> Host {
    let one = |(at, cpu): (u32, f64)| {
        let text = format!(
            r#""interval":300,"cpu_percent":{cpu},"load1":0.42,"cpu_temp":58.9,"network_received_rate":4299161.6,
            "memory_used":870000000,"memory_total":2018000000,
            "filesystem_percent":{{"/":61.2,"/data":91.3,"/srv/a b, (c)":5}},
            "filesystem_available":{{"/":12000000000,"/data":35112255488}}{more}"#
        );
        let epoch = NOW - 60 - i64::from(at) * 300;
        line(epoch, 90_000 - at * 300, &text.replace("\n            ", ""))
    };
    let lines: String = [(3, 97.0), (2, 60.0), (1, 20.0), (0, 38.4)].map(one).concat();
    Host::with_file(NOW, DAY, lines)
}

fn check(host: &Host, arguments: &[&str]) -> Ran {
    let ran = host.run(&[&["check"], arguments].concat());
    assert_eq!((&*ran.err, ran.out.lines().count()), ("", 1), "{ran:?}");
    assert!(ran.out.trim_end().len() <= 1024, "{} bytes", ran.out.len());
    ran
}

fn says(host: &Host, arguments: &[&str], code: i32, expected: &str) {
    let ran = check(host, arguments);
    assert_eq!((ran.code, ran.out.trim_end()), (Some(code), expected));
}

fn cannot_say(host: &Host, expression: &str, words: &[&str]) {
    let ran = check(host, &[expression]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert!(ran.out.starts_with("UNKNOWN: ") && !ran.out.contains('|'), "{ran:?}");
    for word in words {
        assert!(ran.out.contains(word), "{word} is missing: {}", ran.out);
    }
}

fn object(host: &Host, arguments: &[&str]) -> (Option<i32>, Value) {
    let ran = check(host, &[&["--json"], arguments].concat());
    (ran.code, json(&ran.out))
}

#[test]
fn what_is_true_exits_0() {
    says(
        &host(),
        &["cpu_percent < 90"],
        0,
        "OK: cpu_percent 38.4 % (< 90 %) | 'cpu_percent'=38.4%;;90;0;100",
    );
}

#[test]
fn what_is_false_exits_2_or_1() {
    let host = host();
    says(
        &host,
        &["cpu_percent < 30"],
        2,
        "CRITICAL: cpu_percent is 38.4 %, not < 30 % | 'cpu_percent'=38.4%;;30;0;100",
    );
    says(
        &host,
        &["--warning", "cpu_percent < 30"],
        1,
        "WARNING: cpu_percent is 38.4 %, not < 30 % | 'cpu_percent'=38.4%;30;;0;100",
    );
    says(
        &host,
        &["cpu_percent < 90", "--warning"],
        0,
        "OK: cpu_percent 38.4 % (< 90 %) | 'cpu_percent'=38.4%;90;;0;100",
    );
}

#[test]
fn a_function_looks_back_over_its_span() {
    let host = host();
    says(
        &host,
        &["max(cpu_percent, 10m) < 90 and filesystem_available{/data} > 20G"],
        0,
        "OK: max(cpu_percent, 10m) 38.4 % (< 90 %), filesystem_available{/data} 32.7 GiB (> 20 GiB) | \
         'max(cpu_percent, 10m)'=38.4%;;90;0;100 'filesystem_available{/data}'=35112255488B;;21474836480:",
    );
    says(
        &host,
        &["max(cpu_percent,20m) < 90"],
        2,
        "CRITICAL: max(cpu_percent,20m) is 97.0 %, not < 90 % | 'max(cpu_percent,20m)'=97%;;90;0;100",
    );
    for (term, value) in
        [("min", 20.0), ("max", 97.0), ("mean", 53.85), ("p95", 97.0), ("last", 38.4)]
    {
        for (operator, code) in [("<=", 0), (">=", 0), ("<", 2), (">", 2)] {
            let expression = format!("{term}(cpu_percent, 1h) {operator} {value}");
            assert_eq!(check(&host, &[&expression]).code, Some(code), "{expression}");
        }
    }
}

#[test]
fn words_make_one_expression() {
    let host = host();
    let whole = check(&host, &["load1 < 4 and cpu_temp < 70"]);
    assert_eq!(whole, check(&host, &["load1", "<", "4", "and", "cpu_temp <", "70"]));
    assert_eq!(check(&host, &["-5", "<", "cpu_temp"]).code, Some(0));
}

#[test]
fn every_comparison_has_to_hold() {
    says(
        &host(),
        &["load1 < 4 and cpu_temp < 50 and 90 < cpu_percent"],
        2,
        "CRITICAL: cpu_temp is 58.9 °C, not < 50 °C, cpu_percent is 38.4 %, not > 90 % | \
         'load1'=0.42;;4 'cpu_temp'=58.9;;50 'cpu_percent'=38.4%;;90:;0;100",
    );
}

#[test]
fn both_limits_of_a_series_are_one_range() {
    let out = check(&host(), &["cpu_temp > 10 and cpu_temp < 70C"]).out;
    assert!(out.trim_end().ends_with(" | 'cpu_temp'=58.9;;10:70"), "{out}");
}

#[test]
fn a_series_without_label_means_all_of_them() {
    let host = host();
    says(
        &host,
        &["filesystem_percent < 90"],
        2,
        "CRITICAL: filesystem_percent{/data} is 91.3 %, not < 90 % | 'filesystem_percent{/}'=61.2%;;90;0;100 \
         'filesystem_percent{/data}'=91.3%;;90;0;100 'filesystem_percent{/srv/a b, (c)}'=5%;;90;0;100",
    );
    let ran = check(&host, &["filesystem_percent < 95"]);
    let words = "OK: filesystem_percent{/data} 91.3 % (< 95 %; the nearest of 3) | ";
    assert!(ran.code == Some(0) && ran.out.starts_with(words), "{ran:?}");
    for (expression, code) in [
        ("filesystem_percent{/s*} < 90", 0),
        ("filesystem_percent{/*} < 90", 2),
        ("max(filesystem_percent, 1h) < 90", 2),
        ("filesystem_percent{/srv/a b, (c)} < 90 and load1 < 4", 0),
        ("max(filesystem_percent{/srv/a b, (c)}, 1h) < 5", 2),
    ] {
        assert_eq!(check(&host, &[expression]).code, Some(code), "{expression}");
    }
    let out = check(&host, &["max(filesystem_percent{/d*}, 1h) < 90"]).out;
    assert!(out.contains("max(filesystem_percent{/data}, 1h) is 91.3 %"), "{out}");
}

#[test]
fn series_are_compared_with_each_other() {
    let host = host();
    says(
        &host,
        &["memory_used < memory_total"],
        0,
        "OK: memory_used 829.7 MiB (< memory_total 1.9 GiB) | 'memory_used'=870000000B;; 'memory_total'=2018000000B;;",
    );
    assert_eq!(check(&host, &["last(load1, 1h) >= mean(load1, 1h)"]).code, Some(0));
    cannot_say(&host, "memory_used < cpu_percent", &["at character 15", "bytes", "percent"]);
}

#[test]
fn rates_and_keys_of_other_programs_are_series_too() {
    let host = host();
    for expression in [
        "network_received_rate < 5M/s",
        "later_metric >= 7",
        "max(later_metric, 1h) <= 7",
        "later* < 8",
    ] {
        assert_eq!(check(&host, &[expression]).code, Some(0), "{expression}");
    }
    cannot_say(&host, "later_metric < 20G", &["\"20G\"", "later_metric", "a number"]);
}

#[test]
fn what_is_mistyped_is_told_where_and_what_was_meant() {
    let host = host();
    for (expression, words) in [
        ("", &["at character 1", "found the end", "max(cpu_percent, 10m) < 90"][..]),
        ("cpu_precent < 90", &["at character 1", "\"cpu_precent\"", "\"cpu_percent\""]),
        ("load1 < 4 and max(later_metirc, 1h) < 4", &["at character 19", "\"later_metric\""]),
        ("maxx(cpu_percent, 10m) < 90", &["at character 1", "did you mean \"max\"?"]),
        ("free(/data) > 20G", &["\"free\"", "min, max, mean, p95, last"]),
        ("cpu_percent < 20G", &["at character 15", "\"20G\" does not fit cpu_percent", "85%"]),
        ("max(cpu_percent, 10) < 9", &["at character 18", "not a span of time"]),
        ("cpu_percent = 90", &["at character 13", "expected <, <=, > or >="]),
        ("cpu_percent < 90 or load1 < 4", &["at character 18", "\"and\""]),
        ("5 < 3", &["two numbers"]),
        ("a\nb|c < \u{1b}", &["at character 3"]),
    ] {
        cannot_say(&host, expression, words);
    }
    let ran = check(&host, &[]);
    assert_eq!((ran.code, ran), (Some(3), check(&host, &[""])));
}

#[test]
fn a_series_without_a_reading_is_not_known() {
    let host = host();
    for (expression, words) in [
        ("swap_percent < 90", &["cannot say: no reading of swap_percent in the last sample"][..]),
        ("max(swap_percent, 2h) < 90", &["no reading of swap_percent in the last 2 h"]),
        ("filesystem_percent{/dat} < 90", &["\"filesystem_percent{/dat}\"", "/, /data"]),
        ("filesystem_percent{/x*} < 90", &["/x*"]),
        ("cpu_percent{x} < 90", &["cpu_percent has no labels"]),
        ("swap_* < 90", &["swap_*"]),
    ] {
        cannot_say(&host, expression, words);
    }
}

#[test]
fn what_certainly_fails_is_said_though_something_is_not_known() {
    says(
        &host(),
        &["swap_percent < 90 and load1 > 4"],
        2,
        "CRITICAL: load1 is 0.42, not > 4; cannot say: no reading of swap_percent in the last sample | \
         'load1'=0.42;;4:",
    );
    says(
        &host(),
        &["swap_percent < 90 and load1 < 4"],
        3,
        "UNKNOWN: cannot say: no reading of swap_percent in the last sample | 'load1'=0.42;;4",
    );
}

#[test]
fn stale_data_say_nothing_about_now() {
    let mut host = host();
    host.set_clock(NOW - 60 + 750);
    assert_eq!(check(&host, &["load1 < 4"]).code, Some(0));
    host.set_clock(NOW - 60 + 752);
    for expression in ["load1 < 4", "load1 > 4", "load1 < 4 and cpu_temp < 70"] {
        let words = "UNKNOWN: cannot say: the last sample is 12 min old, expected every 5 min";
        says(&host, &[expression], 3, words);
    }
    // Who names a span has said how old it may be, but is told.
    says(
        &host,
        &["last(load1, 1h) < 4"],
        0,
        "OK: last(load1, 1h) 0.42 (< 4); the last sample is 12 min old, expected every 5 min | \
         'last(load1, 1h)'=0.42;;4",
    );
    cannot_say(&host, "last(load1, 5m) < 4", &["no reading of load1 in the last 5 min"]);
}

#[test]
fn a_span_that_is_hardly_covered_is_said_to_be() {
    let host = host();
    says(
        &host,
        &["max(cpu_percent, 1h) < 99"],
        0,
        "OK: max(cpu_percent, 1h) 97.0 % (only 16 min of 1 h) (< 99 %) | 'max(cpu_percent, 1h)'=97%;;99;0;100",
    );
    assert!(!check(&host, &["max(cpu_percent, 20m) < 99"]).out.contains("only"));
    let out = check(&host, &["max(cpu_percent, 1h) < 90"]).out;
    assert!(out.contains("is 97.0 % (only 16 min of 1 h), not < 90 %"), "{out}");
}

#[test]
fn without_a_sample_nobody_can_say() {
    let host = Host::new("raspberry-pi-4");
    cannot_say(&host, "cpu_percent < 90", &["no samples", "hostwatch collect"]);
    std::fs::create_dir(host.data()).unwrap();
    cannot_say(&host, "cpu_percent < 90", &["no samples", "hostwatch collect"]);
    cannot_say(&host, "cpu_percent <", &["at character 14"]);
    cannot_say(&Host::with_file(NOW, DAY, ""), "cpu_percent < 90", &["no readable sample"]);
    host.configure("{");
    cannot_say(&host, "cpu_percent < 90", &["could not", "config.json"]);
}

#[test]
fn labels_cannot_break_the_line() {
    let host = with(r#","x":{"it's=a|b\nc":9}"#);
    let ran = check(&host, &["x < 5"]);
    assert_eq!(ran.code, Some(2));
    assert_eq!(ran.out, "CRITICAL: x{it's=a/b/c} is 9, not < 5 | 'x{it''s_a_b_c}'=9;;5\n");
}

#[test]
fn many_series_keep_to_1024_bytes() {
    let labels: Vec<_> = (0..60).map(|at| format!(r#""/srv/ä volume {at}":{at}.5"#)).collect();
    let host = with(&format!(r#","x":{{{}}}"#, labels.join(",")));
    for (expression, code) in [("x < 90", 0), ("x < 1", 2)] {
        let ran = check(&host, &[expression]);
        assert!(ran.code == Some(code) && ran.out.len() > 900, "{ran:?}");
        let (text, data) = ran.out.trim_end().split_once(" | ").unwrap();
        assert!(
            text.len() <= 512 && data.ends_with(expression.trim_start_matches("x < ")),
            "{ran:?}"
        );
    }
    let long = format!("x{{{}}} < 90", "ä".repeat(3_000));
    assert_eq!(check(&host, &[&long]).code, Some(3));
    let long = format!("{} < 90", "y".repeat(3_000));
    assert_eq!(check(&host, &[&long]).code, Some(3));
}

#[test]
fn damaged_lines_are_passed_over_and_said() {
    let host = host();
    let path = host.data().join(DAY);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("garbage\n{text}")).unwrap();
    let ran = check(&host, &["max(load1, 1h) < 4"]);
    assert!(ran.code == Some(0) && ran.out.contains("passed over: 1 damaged line"), "{ran:?}");
    assert!(!check(&host, &["load1 < 4"]).out.contains("damaged"), "the last line is not");
}

#[test]
fn scripts_get_an_object() {
    let expression = "max(cpu_percent, 10m) < 90 and 20G <= filesystem_available{/data}";
    let (code, answer) = object(&host(), &[expression]);
    assert_eq!(code, Some(0));
    assert_eq!(
        answer,
        json!({
            "schema": 1, "expression": expression, "result": true, "level": "ok", "age_seconds": 60,
            "comparisons": [
                {"left": "max(cpu_percent, 10m)", "operator": "<", "right": "90", "result": true,
                 "values": {"cpu_percent": 38.4}, "limit": 90},
                {"left": "20G", "operator": "<=", "right": "filesystem_available{/data}", "result": true,
                 "values": {"filesystem_available{/data}": 35_112_255_488_i64}, "limit": 21_474_836_480_i64},
            ]
        })
    );
}

#[test]
fn the_object_says_what_does_not_hold() {
    let (code, answer) = object(&host(), &["--warning", "filesystem_percent < 90"]);
    assert_eq!(
        (code, &answer["result"], &answer["level"]),
        (Some(1), &json!(false), &json!("warning"))
    );
    assert_eq!(answer["comparisons"][0]["values"]["filesystem_percent{/data}"], 91.3);
    let (code, answer) = object(&host(), &["max(load1, 1h) > memory_used"]);
    assert_eq!((code, &answer["level"]), (Some(2), &json!("critical")));
    let comparison = &answer["comparisons"][0];
    assert_eq!(comparison["limits"], json!({"memory_used": 870_000_000}));
    assert_eq!(comparison["covered_seconds"], json!({"load1": 960}));
}

#[test]
fn the_object_says_that_nobody_can_say() {
    let (code, answer) = object(&host(), &["cpu_precent < 90"]);
    assert_eq!((code, keys(&answer)), (Some(3), vec!["schema", "expression", "level", "error"]));
    assert_eq!(answer["level"], "unknown");
    assert!(answer["error"].as_str().unwrap().contains("\"cpu_percent\""), "{answer}");
    let (code, answer) = object(&host(), &["swap_percent < 90 and load1 < 4"]);
    assert_eq!((code, answer.get("result")), (Some(3), None));
    assert_eq!(answer["error"], "no reading of swap_percent in the last sample");
    assert_eq!(answer["comparisons"][0]["error"], answer["error"]);
    assert_eq!(answer["comparisons"][1]["result"], true);
}

#[test]
fn nothing_is_written() {
    let host = host();
    let before = host.snapshot();
    check(&host, &["max(cpu_percent, 1h) < 90"]);
    assert_eq!(host.snapshot(), before);
}
