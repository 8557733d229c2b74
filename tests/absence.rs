//! Why there were no samples: what `collect` finds out at the end of a gap, and what readers make of it, with the events
//! and without them.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a helper fails as its test does"
)]

mod common;

use std::fs::{self, File};
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};

use common::{BINARY, Host, Ran, line};
use serde_json::{Value, json};

/// The boot of the tree, and the one after `Host::reboot`.
const FIRST: &str = "0f3c8a52-6b7d-4e19-9c04-5a1be2d7f688";
const HOUR: u32 = 3_600;

/// A host that samples every five minutes and judges nothing.
fn a_host() -> Host {
    let host = Host::new("raspberry-pi-4");
    host.configure(r#"{"monitoring": {"log_interval": 300, "default_rules": false}}"#);
    host.write("proc/sys/kernel/random/boot_id", &format!("{FIRST}\n"));
    host
}

/// After two samples it was without one for an hour, and is in another boot.
fn after_an_hour_and_a_reboot(prepare: impl Fn(&Host)) -> Host {
    let mut host = a_host();
    host.collect();
    host.pass(300, 25);
    host.collect();
    prepare(&host);
    host.pass(HOUR, 25);
    host.reboot();
    host.collect();
    host
}

/// The mark that the service leaves, written so many seconds after the sample of this moment.
fn mark(host: &Host, boot_id: &str, seconds_later: i64) {
    let path = host.data().join("shutdown");
    fs::write(&path, format!("{boot_id}\n")).unwrap();
    let epoch = u64::try_from(host.epoch + seconds_later).unwrap();
    let file = File::options().write(true).open(path).unwrap();
    file.set_modified(UNIX_EPOCH + Duration::from_secs(epoch)).unwrap();
}

/// A record of wtmp(5) of 384 bytes, or of 400 as on aarch64.
fn record(size: usize, kind: i16, user: &str, epoch: i64) -> Vec<u8> {
    let mut record = vec![0; size];
    record[..2].copy_from_slice(&kind.to_ne_bytes());
    record[8] = b'~';
    record[40..42].copy_from_slice(b"~~");
    record[44..44 + user.len()].copy_from_slice(user.as_bytes());
    if size == 400 {
        record[344..352].copy_from_slice(&epoch.to_ne_bytes());
    } else {
        record[340..344].copy_from_slice(&u32::try_from(epoch).unwrap().to_ne_bytes());
    }
    record
}

fn wtmp(host: &Host, records: &[Vec<u8>]) {
    fs::create_dir_all(host.path("root/var/log")).unwrap();
    fs::write(host.path("root/var/log/wtmp"), records.concat()).unwrap();
}

fn events(host: &Host, kind: &str) -> Vec<Value> {
    host.events().into_iter().filter(|event| event["event"] == kind).collect()
}

/// The causes of the one gap and of the one reboot.
fn causes(host: &Host) -> (String, String) {
    let cause = |kind: &str| {
        let events = events(host, kind);
        assert_eq!(events.len(), 1, "{kind}: {events:?}");
        events[0]["cause"].as_str().unwrap().to_owned()
    };
    (cause("gap"), cause("reboot"))
}

fn both(cause: &str) -> (String, String) {
    (cause.to_owned(), cause.to_owned())
}

fn report(host: &Host) -> Value {
    host.run(&["report", "--json"]).json()
}

fn forget_events(host: &Host) {
    for entry in fs::read_dir(host.data()).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_string_lossy().starts_with("events_") {
            fs::remove_file(path).unwrap();
        }
    }
}

#[test]
fn a_shutdown_that_left_its_mark_is_off() {
    let host = after_an_hour_and_a_reboot(|host| mark(host, FIRST, 100));
    assert_eq!(causes(&host), both("off"));
    let gap = &events(&host, "gap")[0];
    assert_eq!(gap["text"], "no samples for 1 h 2 min: powered off");
    assert_eq!((&gap["value"], &gap["since"]), (&json!(3_720), &host.lines()[1]["timestamp"]));
    assert_eq!(
        events(&host, "reboot")[0]["text"],
        "the host was started again after a clean shutdown"
    );
}

#[test]
fn a_mark_of_an_older_boot_is_a_power_cut() {
    let older = "99999999-8888-4777-8666-555555555555";
    let host = after_an_hour_and_a_reboot(|host| mark(host, older, -90_000));
    assert_eq!(causes(&host), both("power_cut"));
    let text = "no samples for 1 h 2 min: power cut (no clean shutdown)";
    assert_eq!(events(&host, "gap")[0]["text"], text);
    assert_eq!(events(&host, "reboot")[0]["text"], "the host was started again after a power cut");
}

#[test]
fn a_mark_that_was_left_long_before_the_last_sample_is_no_shutdown() {
    let host = after_an_hour_and_a_reboot(|host| mark(host, FIRST, -1_000));
    assert_eq!(causes(&host), both("power_cut"));
}

#[test]
fn the_mark_is_found_in_the_state_directory_when_the_samples_are_elsewhere() {
    let mut host = a_host();
    host.collect();
    fs::create_dir(host.path("state")).unwrap();
    mark(&host, FIRST, 100);
    fs::rename(host.data().join("shutdown"), host.path("state/shutdown")).unwrap();
    host.pass(HOUR, 25);
    host.reboot();
    let mut command = host.command(&["collect"]);
    assert_eq!(Ran::of(command.env("STATE_DIRECTORY", host.path("state"))).done(), "");
    assert_eq!(causes(&host), both("off"));
}

#[test]
fn a_boot_that_wtmp_records_without_a_shutdown_is_a_power_cut() {
    for size in [384, 400] {
        let host = after_an_hour_and_a_reboot(|host| {
            let before = record(size, 2, "reboot", host.epoch - 9_000_000);
            let now = record(size, 2, "reboot", host.epoch + 3_690);
            wtmp(host, &[before, record(size, 7, "pi", host.epoch - 50), now]);
        });
        assert_eq!(causes(&host), both("power_cut"), "{size}");
    }
}

#[test]
fn a_shutdown_that_wtmp_records_is_off() {
    for size in [384, 400] {
        let host = after_an_hour_and_a_reboot(|host| {
            let end = record(size, 1, "shutdown", host.epoch + 120);
            wtmp(host, &[end, record(size, 2, "reboot", host.epoch + 3_690)]);
        });
        assert_eq!(causes(&host), both("off"), "{size}");
    }
}

#[test]
fn only_the_end_of_a_large_wtmp_is_read() {
    let host = after_an_hour_and_a_reboot(|host| {
        let mut records = vec![record(400, 7, "pi", host.epoch - 9_000); 5_000];
        records.push(record(400, 1, "shutdown", host.epoch + 120));
        records.push(record(400, 2, "reboot", host.epoch + 3_690));
        wtmp(host, &records);
    });
    assert_eq!(causes(&host), both("off"));
}

#[test]
fn without_evidence_nothing_is_claimed() {
    assert_eq!(causes(&after_an_hour_and_a_reboot(|_| {})), both("unknown"));
    let host = after_an_hour_and_a_reboot(|host| {
        fs::write(host.data().join("shutdown"), "").unwrap();
        wtmp(host, &[vec![0xff; 1_000], b"garbage".to_vec()]);
    });
    assert_eq!(causes(&host), both("unknown"));
    let host = after_an_hour_and_a_reboot(|host| {
        fs::create_dir(host.data().join("shutdown")).unwrap();
        fs::create_dir_all(host.path("root/var/log/wtmp")).unwrap();
    });
    assert_eq!(causes(&host), both("unknown"));
}

#[test]
fn a_quick_reboot_is_no_gap_and_says_how_it_came() {
    let mut host = a_host();
    host.collect();
    mark(&host, "99999999-8888-4777-8666-555555555555", -90_000);
    host.reboot();
    host.collect();
    let reboots = events(&host, "reboot");
    assert_eq!(
        (host.happened(), &reboots[0]["cause"]),
        (vec!["reboot".to_owned()], &json!("power_cut"))
    );
}

#[test]
fn a_host_that_was_up_was_not_watched() {
    let mut host = a_host();
    host.collect();
    host.pass(HOUR, 25);
    host.collect();
    let gap = &events(&host, "gap")[0];
    assert_eq!((&gap["cause"], &gap["value"]), (&json!("not_running"), &json!(3_600)));
    assert_eq!(gap["text"], "no samples for 1 h: hostwatch was not run");
    assert_eq!(report(&host)["gap_causes"], json!({"not_running": {"count": 1, "seconds": 3_600}}));
}

#[test]
fn every_line_says_how_long_the_host_slept() {
    let host = a_host();
    host.collect();
    assert_eq!(host.last()["suspended"], 0);
    let asleep = |uptime: u32, suspended: u32| {
        line(host.epoch - 9_000 + i64::from(uptime), uptime, &format!(r#""suspended":{suspended}"#))
    };
    let night = asleep(300, 0) + &asleep(600, 0) + &asleep(8_600, 7_900);
    let host = Host::with_file(host.epoch, "metrics_2026-11-22.jsonl", night);
    assert_eq!(report(&host)["gaps"][0]["cause"], "suspended");
    assert!(host.run(&["report"]).done().contains("1 suspension, 2 h 13 min"));
}

#[test]
fn a_clock_that_was_set_forward_leaves_a_gap_that_costs_no_availability() {
    let mut host = a_host();
    for _ in 0..4 {
        host.collect();
        host.pass(300, 25);
    }
    host.set_clock(host.epoch + 7_200);
    host.collect();
    assert_eq!(host.happened(), ["gap", "clock_step"]);
    let gap = &events(&host, "gap")[0];
    assert_eq!((&gap["cause"], &gap["value"]), (&json!("clock_step"), &json!(7_500)));
    let answer = report(&host);
    assert_eq!(answer["gaps"][0]["cause"], "clock_step");
    assert_eq!(answer["availability_percent"], 100);
}

#[test]
fn a_clock_that_was_set_forward_does_not_begin_a_wait_anew() {
    let mut host = a_host();
    host.configure(
        r#"{"monitoring": {"log_interval": 300, "default_rules": false,
        "alert_thresholds": {"cpu_temp": {"warning": 70, "for": "10m"}}}}"#,
    );
    host.heat(75);
    host.collect();
    for step in [0, 7_200] {
        host.pass(300, 25);
        host.set_clock(host.epoch + step);
        host.collect();
    }
    assert!(host.happened().contains(&"raised".to_owned()), "{:?}", host.happened());
}

/// What the state remembers of a store that could not be written.
fn remember_failure(host: &Host, text: &str) {
    let at = json!({"epoch": host.epoch, "boot_id": FIRST.replace('-', ""), "uptime": host.uptime});
    let state =
        json!({"schema": 1, "generation": 1, "printed": {"store": {"text": text, "at": at}}});
    fs::write(host.data().join("state.json"), state.to_string()).unwrap();
}

#[test]
fn a_store_that_could_not_be_written_says_why_in_its_own_words() {
    let mut host = a_host();
    host.collect();
    remember_failure(
        &host,
        "could not store the sample in /x: Read-only file system (os error 30)",
    );
    host.pass(HOUR, 25);
    host.collect();
    let gap = &events(&host, "gap")[0];
    assert_eq!(gap["cause"], "unknown");
    let text = "no samples for 1 h: could not store the sample in /x: Read-only file system";
    assert_eq!(gap["text"], text);
    host.pass(HOUR, 25);
    host.collect();
    assert_eq!(events(&host, "gap")[1]["cause"], "not_running", "it is forgotten");
}

#[test]
fn a_full_disk_is_why_there_are_no_samples() {
    let host = a_host();
    host.collect();
    let mut day = fs::read(host.data().join("metrics_2026-11-22.jsonl")).unwrap();
    // Empty lines fill the page: none of it is left for another one.
    day.resize(day.len().next_multiple_of(4096), b'\n');
    fs::write(host.path("staged"), day).unwrap();
    let script = r#"
        mount -t tmpfs -o size=64k,mode=755 none "$DATA" || exit 99
        cp "$STAGED" "$DATA/metrics_2026-11-22.jsonl"
        cat /dev/zero >"$DATA/filler" 2>/dev/null
        for uptime in $FULL; do
            echo "$uptime 0" >"$UPTIME"
            "$@" --now "@NOW" && exit 98
        done
        "#;
    let script = script.replace("\"@NOW\"", "\"$(date -u -d @$((EPOCH + uptime)) +%FT%TZ)\"")
        + r#"
        rm "$DATA/filler"
        echo "$FREE 0" >"$UPTIME"
        "$@" --now "$(date -u -d @$((EPOCH + FREE)) +%FT%TZ)" || exit 97
        cat "$DATA"/events_*
        "#;
    #[expect(clippy::cast_possible_truncation, reason = "a small number")]
    let up = host.uptime.round() as i64;
    let full: Vec<String> = (1..=6).map(|at| (up + 300 * at).to_string()).collect();
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private"]);
    if !rustix::process::geteuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command.args(["sh", "-c", &script, "sh", BINARY, "--root"]).arg(host.path("root"));
    command.arg("--config").arg(host.path("config.json")).arg("--data-dir").arg(host.data());
    command.arg("collect").env("XDG_RUNTIME_DIR", host.path("run")).env("TZ", "Europe/Berlin");
    command.env("DATA", host.data()).env("STAGED", host.path("staged"));
    command.env("UPTIME", host.path("root/proc/uptime")).env("FULL", full.join(" "));
    command.env("FREE", (up + 2_100).to_string()).env("EPOCH", (host.epoch - up).to_string());
    let ran = Ran::of(&mut command);
    if ran.code == Some(99) || ran.err.contains("unshare") {
        // Written past the harness, which would swallow it.
        _ = fs::write("/dev/stderr", "LEFT OUT: a full disk (needs a mount of its own)\n");
        return;
    }
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let events: Vec<Value> = ran.out.lines().map(common::json).collect();
    let gaps: Vec<_> = events.iter().filter(|event| event["event"] == "gap").collect();
    assert_eq!(gaps.len(), 1, "{events:?}");
    assert_eq!((&gaps[0]["cause"], &gaps[0]["value"]), (&json!("disk_full"), &json!(2_100)));
    assert_eq!(gaps[0]["text"], "no samples for 35 min: the disk was full");
}

#[test]
fn readers_take_the_cause_from_the_event_and_without_it_from_the_lines() {
    let host = after_an_hour_and_a_reboot(|host| mark(host, FIRST, 100));
    assert_eq!(report(&host)["gaps"][0]["cause"], "off");
    let text = host.run(&["report"]).done();
    assert!(text.contains(" 1 shutdown, 1 h 2 min\n"), "{text}");
    assert!(text.contains("gap of 1 h 2 min from 09:46: powered off"), "{text}");
    forget_events(&host);
    assert_eq!(report(&host)["gaps"][0]["cause"], "unknown");
    assert!(host.run(&["report"]).done().contains(" 1 gap of unknown cause, 1 h 2 min\n"));
}

/// The events that `status` shows.
fn shown(host: &Host) -> Vec<Value> {
    host.run(&["status", "--json"]).json()["events"].as_array().unwrap().clone()
}

#[test]
fn status_shows_a_gap_once_and_even_when_the_events_are_lost() {
    let host = after_an_hour_and_a_reboot(|host| mark(host, FIRST, 100));
    assert_eq!(shown(&host), host.events());
    forget_events(&host);
    let derived = shown(&host);
    assert_eq!(derived.len(), 1, "{derived:?}");
    assert_eq!((&derived[0]["event"], &derived[0]["cause"]), (&json!("gap"), &json!("unknown")));
    assert_eq!(derived[0]["epoch"], host.last()["epoch"]);
    let text = host.run(&["status"]).done();
    assert!(text.contains("gap  no samples for 1 h 2 min: unknown cause"), "{text}");
}

#[test]
fn status_sees_a_gap_that_began_long_before_the_last_24_hours() {
    let mut host = a_host();
    host.collect();
    host.pass(5 * 86_400, 25);
    host.collect();
    forget_events(&host);
    let gap = &shown(&host)[0];
    assert_eq!((&gap["value"], &gap["cause"]), (&json!(432_000), &json!("not_running")));
    host.pass(2 * 86_400, 25);
    assert_eq!(shown(&host), Vec::<Value>::new(), "one that ended before is not of the last day");
}

/// A table of the CPU's temperature by the hour, over a power cut from 09:46 to 12:48.
fn over_a_power_cut(format: &str) -> (Host, String) {
    let mut host = a_host();
    host.configure(
        r#"{"monitoring": {"log_interval": 300, "default_rules": false,
        "alert_thresholds": {"cpu_temp": 70}}}"#,
    );
    host.heat(60);
    host.collect();
    host.pass(300, 25);
    host.heat(75);
    host.collect();
    mark(&host, "99999999-8888-4777-8666-555555555555", -90_000);
    host.pass(3 * HOUR, 25);
    host.reboot();
    host.heat(60);
    host.collect();
    let range = ["--since", "09:00", "--until", "13:00", "--every", "1h"];
    let host_text =
        host.run(&[&["history", "cpu_temp", "--format", format], &range[..]].concat()).done();
    (host, host_text)
}

#[test]
fn an_empty_row_of_a_history_says_why_it_is_empty() {
    let (host, table) = over_a_power_cut("table");
    let row = |time: &str| table.lines().find(|row| row.contains(time)).unwrap();
    assert!(row("10:00").contains(" 0 ") && row("10:00").ends_with("  power cut"), "{table}");
    assert!(row("11:00").ends_with("  power cut") && !row("12:00").contains("power"), "{table}");
    assert!(row("09:00").ends_with("75.0 !") && !row("12:00").contains('!'), "{table}");
    let footer = table.lines().last().unwrap();
    let words = " samples; 1 gap, 09:46 to 12:48 (3 h 2 min); ! past its level";
    assert!(footer.starts_with(" 3 of ") && footer.ends_with(words), "{table}");
    forget_events(&host);
    let range = ["--since", "09:00", "--every", "1h"];
    let table = host.run(&[&["history", "cpu_temp"], &range[..]].concat()).done();
    assert_eq!(table.lines().filter(|row| row.ends_with("  unknown")).count(), 2, "{table}");
}

#[test]
fn an_empty_bucket_has_its_cause() {
    let (_, text) = over_a_power_cut("json");
    let answer = common::json(&text);
    let causes: Vec<Value> =
        answer["buckets"].as_array().unwrap().iter().map(|one| one["cause"].clone()).collect();
    assert_eq!(causes, [Value::Null, json!("power_cut"), json!("power_cut"), Value::Null]);
}

#[test]
fn a_table_without_gaps_and_alerts_counts_its_samples_alone() {
    let mut host = a_host();
    for _ in 0..3 {
        host.collect();
        host.pass(300, 25);
    }
    let table = host.run(&["history", "--since", "15m", "cpu_temp"]).done();
    assert!(table.ends_with("\n 3 of 3 samples\n"), "{table}");
}

#[test]
fn lines_of_another_host_say_nothing_of_this_one() {
    let mut host = a_host();
    host.collect();
    mark(&host, "99999999-8888-4777-8666-555555555555", -90_000);
    host.pass(HOUR, 25);
    host.reboot();
    host.write("proc/sys/kernel/hostname", "new-pi\n");
    host.collect();
    assert_eq!(causes(&host), both("unknown"));
}
