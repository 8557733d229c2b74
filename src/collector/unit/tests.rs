//! Beside a bus of our own that answers as it is told.

use std::io::Read;
use std::os::unix::net::UnixListener;
use std::thread::spawn;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::super::bus::message::tests::{answer, error, listed, number};
use super::super::bus::tests::{WELCOME, bus, welcomed};
use super::super::tests::fixture;
use super::super::watch::Watch;
use super::super::{Settings, run};
use super::*;
use crate::sample::read::{Wanted, line};

const LIST: &str = "a(ssssssouso)";

fn seen(root: &TempDir, watch: Vec<Watch>, last: Option<&str>) -> (Values, Option<String>) {
    let last = last.map(|rest| {
        let text = format!(
            r#"{{"timestamp":"2026-11-22T09:41:06Z","boot_id":"boot","uptime":500{rest}}}"#
        );
        line(text.as_bytes(), &Wanted::everything()).unwrap()
    });
    let settings = Settings { watch, ..Settings::default() };
    let host = Host { settings: &settings, last: last.as_ref(), ..fixture(root.path()) };
    let mut reading = Reading::default();
    let outcome = collect(&host, &mut reading);
    (reading.values, outcome.err().map(|error| format!("{error:#}")))
}

fn failure(answer: Vec<u8>) -> String {
    let (root, told) = bus(vec![answer]);
    let (values, error) = seen(&root, Vec::new(), None);
    told.join().unwrap();
    assert!(values.is_empty());
    error.unwrap()
}

fn of(values: &Values, metric: &str) -> Vec<(String, f64)> {
    match values.entry(metric) {
        Some(Entry::Labelled(labels)) => {
            labels.iter().map(|(label, value)| (label.clone(), value.as_f64())).collect()
        }
        _ => Vec::new(),
    }
}

fn pair(label: &str, value: f64) -> (String, f64) {
    (label.to_owned(), value)
}

#[test]
fn what_failed_is_listed_and_what_waits_for_a_restart_is_counted() {
    let units = listed(&[
        ("a.service", "failed", "failed"),
        ("b.mount", "failed", "failed"),
        ("loop.service", "activating", "auto-restart"),
        ("hostwatch-collect.service", "failed", "failed"),
    ]);
    let (root, told) = bus(vec![welcomed(&[answer(2, LIST, &units)]), answer(3, "v", &number(7))]);
    let (values, error) = seen(&root, Vec::new(), None);
    assert_eq!(error, None);
    assert_eq!(values.get("units_failed", None), Some(2.0));
    assert_eq!(of(&values, "unit_failed"), [pair("a.service", 1.0), pair("b.mount", 1.0)]);
    assert_eq!(of(&values, "unit_restarts"), [pair("loop.service", 7.0)]);
    let asked = told.join().unwrap();
    assert!(asked[0].starts_with("\0AUTH EXTERNAL ") && asked[0].contains("\r\nBEGIN\r\n"));
    for word in ["Hello", "ListUnitsFiltered", "failed", "auto-restart"] {
        assert!(asked[0].contains(word), "{word} is in the first write");
    }
    assert!(asked[1].contains("/org/freedesktop/systemd1/unit/loop_2eservice"));
}

#[test]
fn what_is_known_already_is_asked_for_in_the_first_write() {
    let watch = Watch {
        name: "web".to_owned(),
        by: By::Unit("nginx.service".to_owned()),
        min: 1,
        max: None,
    };
    let answers = [
        answer(2, LIST, &listed(&[("old.service", "activating", "auto-restart")])),
        // In any order: systemd may take its time for one.
        answer(4, "v", &number(5)),
        error(3, "org.freedesktop.DBus.Error.UnknownProperty"),
    ];
    let (root, told) = bus(vec![welcomed(&answers)]);
    let last = r#","unit_restarts":{"old.service":4}"#;
    let (values, error) = seen(&root, vec![watch], Some(last));
    assert_eq!((error, of(&values, "unit_restarts")), (None, vec![pair("old.service", 5.0)]));
    let asked = told.join().unwrap().concat();
    assert!(asked.contains("unit/nginx_2eservice") && asked.contains("unit/old_2eservice"));
}

#[test]
fn a_unit_that_is_well_again_stays_until_the_next_boot() {
    let last = r#","unit_failed":{"a.service":1,"b.service":1,"c.service":0}"#;
    let units = listed(&[("b.service", "failed", "failed")]);
    let (root, _) = bus(vec![welcomed(&[answer(2, LIST, &units)])]);
    let (values, _) = seen(&root, Vec::new(), Some(last));
    let expected = [pair("a.service", 0.0), pair("b.service", 1.0), pair("c.service", 0.0)];
    assert_eq!(of(&values, "unit_failed"), expected);
    assert_eq!(values.get("units_failed", None), Some(1.0));
    let (root, _) = bus(vec![welcomed(&[answer(2, LIST, &listed(&[]))])]);
    let (values, _) =
        seen(&root, Vec::new(), Some(r#","boot_id":"other","unit_failed":{"a.service":1}"#));
    assert_eq!(of(&values, "unit_failed"), [], "of another boot");
}

#[test]
fn one_off_units_do_not_make_lines_endless() {
    let old: Vec<String> = (0..200).map(|at| format!(r#""run-{at}.service":1"#)).collect();
    let last = format!(r#","unit_failed":{{{}}}"#, old.join(","));
    let units = listed(&[("run-199.service", "failed", "failed")]);
    let (root, _) = bus(vec![welcomed(&[answer(2, LIST, &units)])]);
    let (values, _) = seen(&root, Vec::new(), Some(&last));
    assert_eq!(of(&values, "unit_failed").len(), MOST);
    assert_eq!(values.get("unit_failed", Some("run-199.service")), Some(1.0));
}

#[test]
fn without_a_bus_or_without_systemd_on_it_there_is_nothing() {
    let root = tempfile::tempdir().unwrap();
    let nothing = |(values, error): (Values, Option<String>)| values.is_empty() && error.is_none();
    assert!(nothing(seen(&root, Vec::new(), None)), "no socket");
    std::fs::create_dir_all(root.path().join("run/dbus")).unwrap();
    drop(UnixListener::bind(root.path().join(SOCKET)).unwrap());
    assert!(nothing(seen(&root, Vec::new(), None)), "nobody listens");
    for name in NOBODY {
        let (root, _) = bus(vec![welcomed(&[error(2, name)])]);
        assert!(nothing(seen(&root, Vec::new(), None)), "{name}");
    }
    assert_eq!(run(&fixture(root.path())).values.get("collector_failed", Some("unit")), None);
}

#[test]
fn a_bus_that_does_not_do_as_it_should_is_named() {
    let denied = "org.freedesktop.DBus.Error.AccessDenied";
    for (answer, words) in [
        (b"REJECTED EXTERNAL\r\n".to_vec(), "does not let us in: REJECTED EXTERNAL"),
        (vec![b'x'; 1_000], "does not speak D-Bus"),
        ([WELCOME, b"HTTP/1.1 400 Bad Request\r\n"].concat(), "no message of D-Bus"),
        ([WELCOME, b"l\x02\x01\x01\xff\xff\xff\xff\x01\0\0\0\0\0\0\0"].concat(), "too large"),
        ([WELCOME.to_vec(), error(1, denied)].concat(), "refuses us: org.freedesktop"),
        (welcomed(&[error(2, denied)]), "refuses to list units: org.freedesktop"),
        (welcomed(&[answer(2, "s", b"")]), "of no known shape"),
    ] {
        let error = failure(answer);
        assert!(
            error.starts_with("could not ask systemd over /") && error.contains(words),
            "{error}"
        );
    }
}

#[test]
fn a_bus_that_says_nothing_or_hangs_up_costs_two_seconds_at_most() {
    let started = Instant::now();
    let error = failure(WELCOME.to_vec());
    assert!(error.ends_with("no answer within 2 s"), "{error}");
    let took = started.elapsed();
    assert!(took >= Duration::from_millis(1_900) && took < Duration::from_secs(10), "{took:?}");
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(root.path().join("run/dbus")).unwrap();
    let listener = UnixListener::bind(root.path().join(SOCKET)).unwrap();
    let gone = spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        _ = stream.read(&mut [0; 4096]);
    });
    let (_, error) = seen(&root, Vec::new(), None);
    gone.join().unwrap();
    let error = error.unwrap();
    assert!(error.ends_with("it hung up"), "{error}");
}
