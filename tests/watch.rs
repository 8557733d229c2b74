//! Watched processes, seen by the whole program: counted, missed, told and explained.

mod common;

use std::fs;

use common::{Host, Ran};
use serde_json::json;

const RECOGNIZER: &str = r#"{"monitoring": {"startup_grace": 0, "watch": [
    {"name": "recognizer", "match": "/opt/gate/bin/recognizer --camera", "max": 1},
    {"name": "web", "process": "nginx", "min": 0}]}}"#;

#[test]
fn what_is_watched_is_in_the_line() {
    let host = Host::new("raspberry-pi-4");
    host.configure(RECOGNIZER);
    host.collect();
    let line = host.last();
    assert_eq!(line["watch_processes"], json!({"recognizer": 1, "web": 0}));
    assert_eq!(line["watch_missing"], json!({"recognizer": 0, "web": 0}));
    assert_eq!(line["watch_excess"], json!({"recognizer": 0}));
    assert_eq!(line["watch_threads"], json!({"recognizer": 6}));
    assert_eq!(line["watch_restarts"], json!({"recognizer": 0, "web": 0}));
    host.run(&["check", "collector_failed{watch} < 1"]).done();
}

#[test]
fn a_process_that_ends_is_told_and_so_is_its_return() {
    let mut host = Host::new("raspberry-pi-4");
    host.configure(RECOGNIZER);
    host.collect();
    let (process, aside) = (host.path("root/proc/812"), host.path("812"));
    fs::rename(&process, &aside).unwrap();
    host.pass(300, 10);
    host.collect();
    let raised = host.events().pop().unwrap();
    assert_eq!(raised["series"], "watch_missing{recognizer}");
    assert_eq!((&raised["event"], &raised["level"]), (&json!("raised"), &json!("critical")));
    assert!(raised["text"].as_str().unwrap().starts_with("recognizer is not running"), "{raised}");
    fs::rename(&aside, &process).unwrap();
    host.pass(300, 10);
    host.collect();
    assert_eq!(host.events().pop().unwrap()["event"], "recovered");
    assert_eq!(host.last()["watch_restarts"]["recognizer"], 1);
}

#[test]
fn too_few_and_too_many_are_told_with_their_number() {
    let host = Host::new("raspberry-pi-4");
    host.configure(
        r#"{"monitoring": {"startup_grace": 0, "watch": [
        {"name": "gate", "match": "/opt/gate/bin/recognizer --camera", "min": 2},
        {"name": "all", "match": ".", "max": 1}]}}"#,
    );
    host.collect();
    let text = |series: &str| {
        let events = host.events();
        let event = events.iter().find(|event| event["series"] == series).unwrap();
        event["text"].as_str().unwrap().to_owned()
    };
    assert_eq!(text("watch_missing{gate}"), "only 1 of gate running, level 1");
    assert_eq!(text("watch_excess{all}"), "too many of all running (5), level 1");
    let status = host.run(&["status"]).done();
    assert!(status.contains("watch_missing{gate}  only 1 of gate running, since"), "{status}");
    assert!(status.contains("watch_excess{all}  too many of all running (5), since"), "{status}");
}

#[test]
fn a_loop_of_restarts_is_a_warning() {
    let mut host = Host::new("raspberry-pi-4");
    host.configure(RECOGNIZER);
    host.collect();
    let stat = fs::read_to_string(host.path("root/proc/812/stat")).unwrap();
    for _ in 0..12 {
        host.pass(300, 10);
        let begun = format!(" {:.0} ", (host.uptime - 5.0) * 100.0);
        host.write("proc/812/stat", &stat.replace(" 1402 ", &begun));
        host.collect();
    }
    assert_eq!(host.last()["watch_restarts"]["recognizer"], 12);
    let events = host.events();
    let raised = events.iter().find(|event| event["series"] == "watch_restarts{recognizer}");
    assert_eq!(raised.unwrap()["event"], "raised");
}

#[test]
fn a_slip_in_one_is_named_and_the_others_are_watched() {
    let host = Host::new("raspberry-pi-4");
    host.configure(r#"{"monitoring": {"watch": [{"name": "a", "match": "["}, {"name": "b", "process": "tmux: server"}]}}"#);
    let ran = host.run(&["collect"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(5), ""));
    ran.says_in_one_line(&["config.json:1:50: monitoring.watch.0.match: is no regular expression"]);
    assert_eq!(host.last()["watch_processes"], json!({"b": 1}));
}

#[test]
fn a_file_without_a_number_is_an_error_and_nobody_is_found() {
    let host = Host::new("raspberry-pi-4");
    fs::create_dir_all(host.path("root/run")).unwrap();
    host.write("run/gate.pid", "gate\n");
    host.configure(r#"{"monitoring": {"watch": {"name": "gate", "pid_file": "/run/gate.pid"}}}"#);
    assert_eq!(host.run(&["collect"]).code, Ran::new(0, "", "").code);
    let line = host.last();
    assert!(
        line["errors"]["watch"]
            .as_str()
            .unwrap()
            .ends_with("/run/gate.pid: no number of a process")
    );
    assert_eq!(line["watch_missing"], json!({"gate": 1}));
    assert_eq!(line["collector_failed"], json!({"watch": 1}));
}
