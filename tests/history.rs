//! `history`: samples and buckets over a range, in every format.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a helper fails as its test does"
)]

mod common;

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::process::{Command, Stdio};

use common::{Host, Ran, json, keys, line};
use serde_json::{Value, json};

/// 01:00 in Berlin on 25 October 2026, two hours before the clock is set back.
const OCTOBER: i64 = 1_792_882_800;

/// Samples every half hour from 01:00 to 04:00, five hours later.
fn autumn() -> Host {
    let lines: String = (0..9_u32)
        .map(|at| {
            line(OCTOBER + 1800 * i64::from(at), 1800 * at, &format!(r#""cpu_percent":{at}"#))
                .replace("Z\"", "+00:00\"")
        })
        .collect();
    Host::with_file(OCTOBER + 86_400, "metrics_2026-10-25.jsonl", lines)
}

fn history(host: &Host, arguments: &[&str]) -> String {
    host.run(&[&["history"], arguments].concat()).done()
}

fn buckets(host: &Host, every: &str, since: &str, until: &str) -> Vec<Value> {
    let range = ["--since", since, "--until", until, "--every", every];
    let answer = json(&history(host, &[&["--json", "cpu_percent"], &range[..]].concat()));
    assert_eq!(keys(&answer), ["schema", "host", "since", "until", "buckets"]);
    answer["buckets"].as_array().unwrap().clone()
}

fn texts<'a>(buckets: &'a [Value], key: &str) -> Vec<&'a str> {
    buckets.iter().map(|bucket| bucket[key].as_str().unwrap()).collect()
}

fn count(buckets: &[Value]) -> u64 {
    buckets.iter().map(|bucket| bucket["count"].as_u64().unwrap()).sum()
}

/// One after the other without a hole or an overlap; the seconds of each.
fn seconds(buckets: &[Value]) -> Vec<i64> {
    let starts: Vec<_> = buckets.iter().map(|bucket| bucket["epoch"].as_i64().unwrap()).collect();
    let (begin, end) = (texts(buckets, "start"), texts(buckets, "end"));
    assert_eq!(begin[1..], end[..end.len() - 1], "each begins where the one before ends");
    starts.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

#[test]
fn json_has_the_question_and_the_lines_own_keys() {
    let host = Host::with_history();
    let answer =
        json(&history(&host, &["--json", "--since", "2026-03-29", "--until", "2026-03-30"]));
    assert_eq!(keys(&answer), ["schema", "host", "since", "until", "samples"]);
    assert_eq!((&answer["schema"], &answer["host"]), (&json!(1), &json!("gate-pi")));
    assert_eq!(answer["since"], "2026-03-29T00:00:00+01:00");
    assert_eq!(answer["until"], "2026-03-30T00:00:00+02:00");
    let samples = answer["samples"].as_array().unwrap();
    assert_eq!((samples.len(), &samples[0]["filesystem_percent"]["/"]), (24, &json!(61.2)));
    let same = history(&host, &["--format", "json", "-S", "2026-03-29", "-U", "2026-03-30"]);
    assert_eq!(json(&same), answer);
}

#[test]
fn series_that_are_asked_for_come_alone() {
    let host = Host::with_history();
    let ask = ["filesystem_percent{/media/usb disk}", "memory_*", "--format", "jsonl"];
    let text = history(&host, &ask);
    let first = json(text.lines().next().unwrap());
    assert_eq!(text.lines().count(), 12, "the last 24 hours");
    let mut names = keys(&first);
    names.sort_unstable();
    let expected = ["epoch", "filesystem_percent", "memory_percent", "memory_total", "memory_used"];
    assert_eq!(names, [&expected[..], &["timestamp"]].concat());
    assert_eq!(first["filesystem_percent"], json!({"/media/usb disk": 80}));
}

#[test]
fn the_line_that_jq_is_given_has_its_numbers() {
    let text = history(&Host::with_history(), &["--format", "jsonl", "--since", "2026-03-29"]);
    let row = json(text.lines().nth(1).unwrap());
    assert_eq!((&row["epoch"], &row["cpu_percent"]), (&json!(1_774_743_006), &json!(27)));
    assert_eq!(row["filesystem_percent"]["/"], 61.2);
}

#[test]
fn csv_is_as_rfc_4180_has_it() {
    let text = r#""cpu_percent":1.5,"filesystem_percent":{"/a,b":1,"/say \"x\"":2.5,"/c":3}"#;
    let lines = line(OCTOBER, 10, text) + &line(OCTOBER + 300, 310, r#""cpu_percent":2"#);
    let host = Host::with_file(OCTOBER + 600, "metrics_2026-10-25.jsonl", lines);
    let csv = history(&host, &["cpu_percent", "filesystem_percent", "--format", "csv"]);
    let rows = [
        "timestamp,epoch,cpu_percent,\"filesystem_percent{/a,b}\",filesystem_percent{/c},\
         \"filesystem_percent{/say \"\"x\"\"}\"",
        "2026-10-24T23:00:00Z,1792882800,1.5,1,3,2.5",
        "2026-10-24T23:05:00Z,1792883100,2,,,",
        "",
    ];
    let utc = |text: &str| text.replace("+00:00", "Z");
    assert_eq!(utc(&csv).split("\r\n").collect::<Vec<_>>(), rows);
    assert_eq!(csv.matches('\n').count(), csv.matches("\r\n").count());
}

#[test]
fn csv_of_buckets_has_their_numbers_in_columns() {
    let host = Host::with_history();
    let range = ["--since", "2026-03-29", "--until", "2026-03-30", "--every", "1d"];
    let csv = history(&host, &[&["cpu_percent", "--format", "csv"], &range[..]].concat());
    let mut rows = csv.split("\r\n").map(|row| row.split(',').collect::<Vec<_>>());
    let head = rows.next().unwrap();
    assert_eq!((head[0], head[1], head.len()), ("timestamp", "epoch", rows.next().unwrap().len()));
    assert!(head.iter().any(|name| name.contains("cpu_percent") && name.contains("p95")), "{csv}");
}

#[test]
fn hours_of_the_day_on_which_the_clock_is_set_forward_are_23() {
    let host = Host::with_history();
    let hours = buckets(&host, "1h", "2026-03-29", "2026-03-30");
    assert_eq!((hours.len(), count(&hours)), (23, 24));
    assert_eq!(seconds(&hours), vec![3600; 22]);
    let starts = texts(&hours, "start");
    assert_eq!(starts[1..3], ["2026-03-29T01:00:00+01:00", "2026-03-29T03:00:00+02:00"]);
    assert_eq!((&hours[1]["count"], &hours[2]["count"]), (&json!(11), &json!(12)));
    let numbers = &hours[2]["metrics"]["cpu_percent"];
    assert_eq!(keys(numbers), ["min", "mean", "p95", "max", "last"]);
    assert_eq!(
        (&numbers["min"], &numbers["max"], &numbers["last"]),
        (&json!(7.3), &json!(41.8), &json!(24.7))
    );
    assert_eq!((&hours[9]["count"], &hours[9]["metrics"]), (&json!(0), &json!({})), "left in");
}

#[test]
fn hours_of_the_day_on_which_the_clock_is_set_back_are_25() {
    let host = autumn();
    let hours = buckets(&host, "1h", "2026-10-25", "2026-10-26");
    assert_eq!((hours.len(), count(&hours)), (25, 9));
    assert_eq!(seconds(&hours), vec![3600; 24]);
    let twice = ["2026-10-25T02:00:00+02:00", "2026-10-25T02:00:00+01:00"];
    assert_eq!(texts(&hours, "start")[2..4], twice);
    let range = ["--since", "2026-10-25", "--until", "2026-10-25 05:00"];
    let table = history(&host, &[&["cpu_percent"], &range[..]].concat());
    for time in ["02:00 +02", "02:00 +01"] {
        assert!(
            table.lines().any(|row| row.contains(time) && row.contains(" 2 ")),
            "{time}: {table}"
        );
    }
}

#[test]
fn days_and_weeks_are_calendar_days_and_weeks() {
    let host = Host::with_history();
    let days = buckets(&host, "1d", "2026-03-28", "2026-03-31");
    assert_eq!(seconds(&days), [86_400, 82_800]);
    assert_eq!(days.iter().map(|day| day["count"].clone()).collect::<Vec<_>>(), [12, 24, 12]);
    let days = buckets(&autumn(), "1d", "2026-10-24", "2026-10-27");
    assert_eq!(seconds(&days), [86_400, 90_000]);
    let weeks = buckets(&host, "1w", "2026-03-28", "2026-03-31");
    let mondays = ["2026-03-23T00:00:00+01:00", "2026-03-30T00:00:00+02:00"];
    assert_eq!((texts(&weeks, "start"), count(&weeks)), (mondays.to_vec(), 48));
}

#[test]
fn parts_of_a_day_divide_local_time_without_overlapping() {
    for every in ["15m", "45m", "2h", "3h", "6h", "12h"] {
        let spring = buckets(&Host::with_history(), every, "2026-03-29", "2026-03-30");
        seconds(&spring);
        assert_eq!(count(&spring), 24, "{every}");
        let autumn = buckets(&autumn(), every, "2026-10-25", "2026-10-26");
        seconds(&autumn);
        assert_eq!(count(&autumn), 9, "{every}");
    }
    let parts = buckets(&Host::with_history(), "6h", "2026-03-29", "2026-03-30");
    let clock: Vec<_> = texts(&parts, "start").iter().map(|time| time[11..16].to_owned()).collect();
    assert_eq!(clock, ["00:00", "06:00", "12:00", "18:00"]);
}

#[test]
fn a_stretch_without_samples_has_its_empty_buckets() {
    let empty = buckets(&Host::with_history(), "1h", "2026-03-29 10:00", "2026-03-29 12:00");
    assert_eq!((empty.len(), count(&empty)), (2, 0));
}

#[test]
fn since_is_included_and_until_is_not() {
    let text = history(
        &Host::with_history(),
        &["--format", "jsonl", "--since", "@1774742706", "--until", "@1774743006"],
    );
    assert_eq!(
        text.lines().map(|line| json(line)["epoch"].clone()).collect::<Vec<_>>(),
        [1_774_742_706]
    );
}

#[test]
fn every_form_of_a_time_is_understood() {
    // It is 07:10 on 30 March.
    let host = Host::with_history();
    for (typed, meant) in [
        ("2026-03-29T01:05:06+01:00", "2026-03-29T01:05:06+01:00"),
        ("2026-03-29T00:05:06Z", "2026-03-29T01:05:06+01:00"),
        ("@1774742706", "2026-03-29T01:05:06+01:00"),
        ("2026-03-28", "2026-03-28T00:00:00+01:00"),
        ("2026-03-28 14:00", "2026-03-28T14:00:00+01:00"),
        ("06:00", "2026-03-30T06:00:00+02:00"),
        ("14:00", "2026-03-29T14:00:00+02:00"),
        ("today", "2026-03-30T00:00:00+02:00"),
        ("yesterday", "2026-03-29T00:00:00+01:00"),
        ("yesterday 14:00", "2026-03-29T14:00:00+02:00"),
        ("90s", "2026-03-30T07:08:30+02:00"),
        ("15m", "2026-03-30T06:55:00+02:00"),
        ("2h", "2026-03-30T05:10:00+02:00"),
        ("2h ago", "2026-03-30T05:10:00+02:00"),
        ("-2h", "2026-03-30T05:10:00+02:00"),
        ("1h30m", "2026-03-30T05:40:00+02:00"),
        ("2d", "2026-03-28T06:10:00+01:00"),
        ("2w", "2026-03-16T06:10:00+01:00"),
    ] {
        let answer = json(&history(&host, &["--json", "--since", typed, "cpu_percent"]));
        assert_eq!(answer["since"], meant, "{typed}");
    }
    let until = |since: &str, until: &str| {
        let answer = history(&host, &["--json", "--since", since, "--until", until, "cpu_percent"]);
        json(&answer)["until"].as_str().unwrap().to_owned()
    };
    assert_eq!(
        until("2026-03-28", "14:00"),
        "2026-03-28T14:00:00+01:00",
        "the first after --since"
    );
    assert_eq!(until("2026-03-28 14:00", "13:00"), "2026-03-29T13:00:00+02:00");
    assert_eq!(until("2d", "1d"), "2026-03-29T07:10:00+02:00");
}

#[test]
fn a_time_that_a_clock_change_left_out_is_the_next_there_is() {
    for typed in ["2026-03-29 02:00", "2026-03-29 02:20", "2026-03-29 02:59"] {
        let answer = json(&history(&Host::with_history(), &["--json", "--since", typed]));
        assert_eq!(answer["since"], "2026-03-29T03:00:00+02:00", "{typed}");
    }
}

#[test]
fn of_a_time_that_occurs_twice_since_is_the_earlier_and_until_the_later() {
    let range = ["--since", "2026-10-25 02:30", "--until", "2026-10-25 02:30"];
    let answer = json(&history(&autumn(), &[&["--json"], &range[..]].concat()));
    assert_eq!(answer["since"], "2026-10-25T02:30:00+02:00");
    assert_eq!(answer["until"], "2026-10-25T02:30:00+01:00");
    assert_eq!(answer["samples"].as_array().unwrap().len(), 2);
}

#[test]
fn what_is_not_understood_is_named_with_what_would_be() {
    let host = Host::with_history();
    for option in ["--since", "--until"] {
        let forms = ["tomorrowish", "RFC 3339", "@EPOCH", "yesterday", "14:00", "1h30m"];
        host.run(&["history", option, "tomorrowish"]).says(3, &forms);
    }
    host.run(&["history", "cpu_precent"]).says(3, &["cpu_precent", "\"cpu_percent\""]);
    host.run(&["history", "cpu_percent{0}"]).says(3, &["cpu_percent has no labels"]);
    host.run(&["history", "--every", "soon"]).says(3, &["soon", "15m", "sample"]);
    host.run(&["history", "--format", "yaml"]).says(3, &["yaml", "jsonl", "csv"]);
}

#[test]
fn an_unknown_label_is_told_the_known_ones() {
    let host = Host::with_history();
    let known = ["\"filesystem_percent{/boot}\"", "/boot/firmware", "/media/usb disk"];
    host.run(&["history", "filesystem_percent{/boot}"]).says(3, &known);
}

#[test]
fn a_range_with_nothing_in_it_is_no_error() {
    let host = Host::with_history();
    let none = ["--since", "2026-02-01", "--until", "2026-02-02"];
    let show = |format: &str| history(&host, &[&["--format", format], &none[..]].concat());
    assert_eq!(json(&show("json"))["samples"], json!([]));
    assert_eq!((&*show("jsonl"), &*show("csv")), ("", "timestamp,epoch\r\n"));
    for format in ["table", "chart"] {
        assert!(show(format).contains("nothing in this range"));
    }
}

#[test]
fn people_get_a_table_by_the_hour_and_charts() {
    let host = Host::with_history();
    let table = history(&host, &["--since", "2026-03-29", "--until", "2026-03-29 05:00"]);
    let row = |words: &str| table.lines().find(|row| row.contains(words)).map(str::to_owned);
    for name in ["cpu_percent", "memory_percent", "disk_percent", "cpu_temp", "load1"] {
        assert!(row("every 1 h").unwrap().contains(name), "{name}: {table}");
    }
    assert!(row("01:00").unwrap().contains(" 11 ") && row("02:00").is_none(), "{table}");
    let samples = history(&host, &["--every", "sample", "cpu_temp"]);
    assert_eq!(samples.lines().filter(|row| row.contains(":10")).count(), 8, "{samples}");
    let chart = history(&host, &["--format", "chart", "cpu_percent"]);
    assert!(chart.contains("cpu_percent") && chart.contains('█') && !chart.contains('\x1b'));
    assert!(chart.lines().all(|line| line.chars().count() <= 80), "{chart}");
}

#[test]
fn a_file_is_replaced_whole_and_its_name_tells_the_format() {
    let host = Host::with_history();
    let path = |name: &str| host.path(name).to_str().unwrap().to_owned();
    let write = |name: &str| {
        assert_eq!(history(&host, &["-o", &path(name), "cpu_percent"]), "");
        fs::read_to_string(host.path(name)).unwrap()
    };
    assert_eq!(json(&write("a.json"))["samples"].as_array().unwrap().len(), 12);
    assert_eq!(write("a.jsonl").lines().count(), 12);
    assert!(write("a.csv").starts_with("timestamp,epoch,cpu_percent\r\n"));
    assert!(write("a.txt").contains("every 1 h"));
    let before = fs::metadata(host.path("a.json")).unwrap().ino();
    write("a.json");
    assert_ne!(
        fs::metadata(host.path("a.json")).unwrap().ino(),
        before,
        "replaced, not written over"
    );
    let text = fs::read_to_string(host.path("a.json")).unwrap();
    host.run(&["history", "-o", &path("a.json"), "cpu_precent"]).says(3, &["cpu_precent"]);
    assert_eq!(fs::read_to_string(host.path("a.json")).unwrap(), text, "as it was");
    host.run(&["history", "-o", &path("none/a.json")]).says(3, &["could not write", "none/a.json"]);
    assert!(history(&host, &["-o", "-", "--format", "csv"]).starts_with("timestamp,epoch,"));
    let names = fs::read_dir(host.path("")).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(names.into_iter().all(|name| !name.to_string_lossy().contains("tmp")), "no litter");
}

#[test]
fn who_has_read_enough_makes_no_error() {
    let lines = (0..8_000_u32).map(|at| line(OCTOBER + i64::from(at), at, r#""cpu_percent":1"#));
    let host =
        Host::with_file(OCTOBER + 9_000, "metrics_2026-10-25.jsonl", lines.collect::<String>());
    for format in ["jsonl", "json", "csv", "table"] {
        let mut command = host.command(&["history", "--every", "sample", "--format", format]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut first = [0; 16];
        let mut out = BufReader::new(child.stdout.take().unwrap());
        first.copy_from_slice(&out.fill_buf().unwrap()[..16]);
        drop(out);
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), &*said), (Some(0), ""), "{format}: {first:?}");
    }
}

#[test]
fn a_full_disk_behind_standard_output_is_said() {
    let host = Host::with_history();
    let mut command = host.command(&["history"]);
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = command.stdout(full).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), said.lines().count()), (Some(3), 1), "{said}");
    assert!(said.starts_with("hostwatch: could not write") && said.contains("No space"), "{said}");
}

#[test]
fn memory_does_not_grow_with_the_range() {
    let host = Host::with_history();
    for format in ["jsonl", "csv", "json", "table"] {
        let range = ["--since", "2000-01-01", "--every", "1h", "--format", format];
        let program = host.command(&[&["history", "cpu_percent"], &range[..]].concat());
        let mut command = Command::new("sh");
        // 256 MiB; the answer itself has 40 MiB at most.
        command.args(["-c", "ulimit -v 262144 && exec \"$@\"", "sh"]).arg(program.get_program());
        command.args(program.get_args()).env("TZ", "UTC");
        let ran = Ran::of(&mut command);
        let said = (ran.code, ran.err.lines().next().unwrap_or_default());
        assert_eq!(said, (Some(0), ""), "{format}");
        // A table begins with its first sample; for programs every hour of the range is there.
        assert_eq!(ran.out.len() > 1_000_000, format != "table", "{format}");
    }
}
