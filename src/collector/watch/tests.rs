//! What is seen of processes in trees of files.

use std::path::Path;
use std::sync::LazyLock;

use tempfile::TempDir;

use super::super::earlier::Earlier;
use super::super::process;
use super::super::tests::{fixture, tree};
use super::super::{Settings, run};
use super::find::pattern;
use super::*;
use crate::sample::Sample;
use crate::sample::read::{Wanted, line};

fn watch(name: &str, by: By) -> Watch {
    Watch { name: name.to_owned(), by, min: 1, max: None }
}

fn by_name(name: &str) -> By {
    By::Process(name.to_owned())
}

fn by_pattern(text: &str) -> By {
    By::Match(pattern(text).unwrap())
}

/// What is seen of these in a tree.
fn seen(root: &Path, watches: Vec<Watch>, last: Option<&Sample>) -> (Values, anyhow::Result<()>) {
    let settings = Settings { watch: watches, ..Settings::default() };
    let host = Host { settings: &settings, last, uptime: 64_000.0, ..fixture(root) };
    let mut reading = Reading::default();
    (process::COLLECTOR.collect)(&host, &mut reading).unwrap();
    let outcome = collect(&host, &mut reading);
    (reading.values, outcome)
}

/// How many of one kind run on the Raspberry Pi of the fixtures.
fn count(by: By) -> Option<f64> {
    let (values, outcome) = seen(&tree("raspberry-pi-4"), vec![watch("x", by)], None);
    outcome.unwrap();
    values.get("watch_processes", Some("x"))
}

/// A tree with files.
fn files(files: &[(&str, &str)]) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    for (path, content) in files {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    root
}

/// A line of `/proc/PID/stat` in which it started so many ticks after boot.
fn stat(pid: u32, name: &str, state: char, start: u64) -> String {
    format!("{pid} ({name}) {state} 1 1 1 0 -1 4194560 0 0 0 0 50 50 0 0 20 0 2 0 {start} 9 3 0\n")
}

static HUNDRED: LazyLock<u64> = LazyLock::new(rustix::param::clock_ticks_per_second);

/// One process that started so many seconds after boot.
fn one(pid: u32, seconds: u64) -> TempDir {
    files(&[(&format!("proc/{pid}/stat"), &stat(pid, "gate", 'S', seconds * *HUNDRED))])
}

/// A stored line of this boot, or of another.
fn stored(boot: &str, uptime: f64, rest: &str) -> Sample {
    let text = format!(
        r#"{{"timestamp":"2026-11-22T09:41:06Z","boot_id":"{boot}","uptime":{uptime}{rest}}}"#
    );
    line(text.as_bytes(), &Wanted::everything()).unwrap()
}

fn restarts_after(root: &TempDir, last: &Sample) -> Option<f64> {
    seen(root.path(), vec![watch("x", by_name("gate"))], Some(last))
        .0
        .get("watch_restarts", Some("x"))
}

#[test]
fn a_process_is_known_by_its_exact_name() {
    assert_eq!(count(by_name("recognizer")), Some(1.0));
    assert_eq!((count(by_name("recognize")), count(by_name("(sd-pam)"))), (Some(0.0), Some(1.0)));
}

#[test]
fn a_program_on_the_number_of_a_kernel_thread_that_ended_is_not_missed() {
    let root = files(&[("proc/7/stat", &stat(7, "gate", 'S', 1))]);
    let earlier = Earlier { processes: vec![(7, 0, 0)], ..Earlier::default() };
    let settings = Settings { watch: vec![watch("x", by_name("gate"))], ..Settings::default() };
    let host = Host { settings: &settings, earlier: Some(&earlier), ..fixture(root.path()) };
    let mut reading = Reading::default();
    (process::COLLECTOR.collect)(&host, &mut reading).unwrap();
    collect(&host, &mut reading).unwrap();
    assert_eq!(reading.values.get("watch_missing", Some("x")), Some(0.0));
}

#[test]
fn a_name_is_compared_as_far_as_the_kernel_keeps_it() {
    let root = files(&[("proc/7/stat", &stat(7, "a-very-long-nam", 'S', 1))]);
    let watches =
        vec![watch("x", by_name("a-very-long-name-indeed")), watch("y", by_name("a-very"))];
    let (values, _) = seen(root.path(), watches, None);
    assert_eq!(
        ["x", "y"].map(|name| values.get("watch_processes", Some(name))),
        [Some(1.0), Some(0.0)]
    );
}

#[test]
fn an_expression_is_found_in_the_command_line() {
    assert_eq!(count(by_pattern("^/opt/gate/bin/.* --camera /dev/video[0-9]$")), Some(1.0));
    assert_eq!(
        (count(by_pattern("/opt/gate")), count(by_pattern("nobody"))),
        (Some(2.0), Some(0.0))
    );
}

#[test]
fn kernel_threads_what_ended_and_this_program_are_never_meant() {
    assert_eq!(count(by_name("kthreadd")), Some(0.0));
    assert_eq!(count(by_pattern("")), Some(5.0));
    let root = files(&[
        ("proc/7/stat", &stat(7, "gate", 'Z', 1)),
        ("proc/8/stat", &stat(8, "hostwatch", 'R', 1)),
        ("proc/9/stat", &stat(9, "gate", 'S', 1)),
    ]);
    std::os::unix::fs::symlink("9", root.path().join("proc/self")).unwrap();
    let watches = vec![watch("x", by_name("gate")), watch("y", by_name("hostwatch"))];
    let (values, _) = seen(root.path(), watches, None);
    assert_eq!(["x", "y"].map(|name| values.get("watch_processes", Some(name))), [Some(0.0); 2]);
}

#[test]
fn a_file_tells_the_number() {
    let by = |path: &str| By::PidFile(path.into());
    let root = files(&[
        ("proc/7/stat", &stat(7, "gate", 'S', 1)),
        ("run/gate.pid", " 7\n"),
        ("run/stale.pid", "8"),
        ("run/empty.pid", ""),
        ("run/odd.pid", "seven\n"),
    ]);
    let paths = ["gate", "stale", "empty", "none"];
    let watches = paths.map(|name| watch(name, by(&format!("/run/{name}.pid"))));
    let (values, outcome) = seen(root.path(), watches.into(), None);
    assert!(outcome.is_ok());
    let missing = paths.map(|name| values.get("watch_missing", Some(name)));
    assert_eq!(missing, [Some(0.0), Some(1.0), Some(1.0), Some(1.0)]);
    let watches = vec![watch("odd", by("/run/odd.pid")), watch("gate", by("/run/gate.pid"))];
    let (values, outcome) = seen(root.path(), watches, None);
    let error = outcome.unwrap_err().to_string();
    assert!(error.ends_with("/run/odd.pid: no number of a process"), "{error}");
    assert_eq!(values.get("watch_missing", Some("gate")), Some(0.0), "the others are seen");
    assert_eq!(values.get("watch_missing", Some("odd")), Some(1.0), "it names nobody");
}

#[test]
fn a_file_that_names_nobody_is_told_and_holds_nobody_up() {
    let stat = stat(7, "gate", 'S', 1);
    let root = files(&[
        ("proc/7/stat", &stat),
        ("run/below.pid", "-1\n"),
        ("run/great.pid", &"x".repeat(1 << 20)),
    ]);
    let pipe = root.path().join("run/pipe.pid");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    std::os::unix::fs::symlink("/dev/zero", root.path().join("run/zero.pid")).unwrap();
    for (name, words) in [
        ("below", "no number of a process"),
        ("great", "no number of a process"),
        ("pipe", "it is no regular file"),
        ("zero", "it is no regular file"),
    ] {
        let by = By::PidFile(format!("/run/{name}.pid").into());
        let (values, outcome) = seen(root.path(), vec![watch(name, by)], None);
        let error = outcome.unwrap_err().to_string();
        let is_named = error.starts_with(&format!("{name}: could not")) && error.contains(".pid: ");
        assert!(is_named && error.ends_with(words), "{error}");
        assert_eq!(values.get("watch_missing", Some(name)), Some(1.0), "{name}");
    }
}

#[test]
fn a_unit_is_its_control_group_wherever_it_is() {
    let processes = [
        ("proc/7/stat", stat(7, "a", 'S', 1)),
        ("proc/8/stat", stat(8, "b", 'S', 1)),
        ("proc/9/stat", stat(9, "c", 'S', 1)),
    ];
    for (hierarchy, slice) in [
        ("sys/fs/cgroup", "system.slice"),
        ("sys/fs/cgroup/unified", "system.slice/system-gate.slice"),
        ("sys/fs/cgroup/systemd", "gate.slice"),
    ] {
        let group = format!("{hierarchy}/{slice}/gate.service");
        let other = format!("{hierarchy}/docker/1/system.slice/gate.service");
        let mut tree: Vec<(String, String)> =
            processes.iter().map(|(path, text)| ((*path).to_owned(), text.clone())).collect();
        tree.push((format!("{hierarchy}/cgroup.procs"), "1\n".to_owned()));
        tree.push((format!("{group}/cgroup.procs"), "7\n99\n".to_owned()));
        tree.push((format!("{group}/worker/cgroup.procs"), "8\n".to_owned()));
        tree.push((format!("{other}/cgroup.procs"), "9\n".to_owned()));
        let tree: Vec<(&str, &str)> =
            tree.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        let watches =
            ["gate.service", "other.service"].map(|unit| watch(unit, By::Unit(unit.to_owned())));
        let (values, outcome) = seen(files(&tree).path(), watches.into(), None);
        outcome.unwrap();
        let count = |unit| values.get("watch_processes", Some(unit));
        assert_eq!([count("gate.service"), count("other.service")], [Some(2.0), Some(0.0)]);
    }
}

#[test]
fn too_few_and_too_many_are_told_apart() {
    let ranges = [(1, None), (2, None), (0, Some(1)), (0, Some(0))];
    let watches = ranges.iter().enumerate().map(|(index, (min, max))| Watch {
        name: index.to_string(),
        by: by_name("recognizer"),
        min: *min,
        max: *max,
    });
    let (values, _) = seen(&tree("raspberry-pi-4"), watches.collect(), None);
    let of = |metric| ["0", "1", "2", "3"].map(|name| values.get(metric, Some(name)));
    assert_eq!(of("watch_missing"), [Some(0.0), Some(1.0), Some(0.0), Some(0.0)]);
    assert_eq!(of("watch_excess"), [None, None, Some(0.0), Some(1.0)]);
}

#[test]
fn what_they_take_is_summed_up() {
    let (values, _) =
        seen(&tree("raspberry-pi-4"), vec![watch("x", by_pattern("/opt/gate"))], None);
    let value = |metric| values.get(metric, Some("x"));
    let page = rustix::param::page_size() as f64;
    assert_eq!(value("watch_memory"), Some((75_684.0 + 1_490.0) * page));
    assert_eq!(value("watch_threads"), Some(8.0));
    assert_eq!(value("watch_uptime"), Some(64_000.0 - 14.02));
    assert_eq!(value("watch_cpu_percent"), None, "there is no earlier reading");
    assert_eq!(value("watch_files"), None, "the tree has none");
}

#[test]
fn cpu_time_is_summed_up_since_the_earlier_reading() {
    let root = files(&[
        ("proc/7/stat", &stat(7, "gate", 'S', 1)),
        ("proc/8/stat", &stat(8, "gate", 'S', 2)),
    ]);
    let processes = vec![(7, 1, 90)];
    let earlier = Earlier { uptime: 63_990.0, processes, ..Earlier::default() };
    let settings = Settings { watch: vec![watch("x", by_name("gate"))], ..Settings::default() };
    let host = Host {
        settings: &settings,
        earlier: Some(&earlier),
        uptime: 64_000.0,
        ..fixture(root.path())
    };
    let mut reading = Reading::default();
    (process::COLLECTOR.collect)(&host, &mut reading).unwrap();
    collect(&host, &mut reading).unwrap();
    let expected = 100.0 * 110.0 / *HUNDRED as f64 / 10.0;
    assert_eq!(reading.values.get("watch_cpu_percent", Some("x")), Some(expected));
}

#[test]
fn open_files_are_held_against_each_ones_own_limit() {
    let limits = "Max open files            4                 9                files\n";
    let root = files(&[
        ("proc/7/stat", &stat(7, "gate", 'S', 1)),
        ("proc/7/fd/0", ""),
        ("proc/7/fd/1", ""),
        ("proc/7/limits", limits),
        ("proc/8/stat", &stat(8, "gate", 'S', 1)),
        ("proc/8/fd/0", ""),
        ("proc/8/limits", limits),
    ]);
    let (values, _) = seen(root.path(), vec![watch("x", by_name("gate"))], None);
    assert_eq!(values.get("watch_files", Some("x")), Some(3.0));
    assert_eq!(values.get("watch_files_percent", Some("x")), Some(50.0));
}

#[test]
fn what_is_missing_takes_nothing_but_keeps_its_count() {
    let last = stored("boot", 63_000.0, r#","watch_restarts":{"x":4}"#);
    let (values, _) = seen(&tree("raspberry-pi-4"), vec![watch("x", by_name("none"))], Some(&last));
    let names: Vec<&str> = values
        .points()
        .filter(|(name, label, _)| name.starts_with("watch") && *label == Some("x"))
        .map(|(name, ..)| name)
        .collect();
    assert_eq!(names, ["watch_missing", "watch_processes", "watch_restarts"]);
    assert_eq!(values.get("watch_restarts", Some("x")), Some(4.0));
}

#[test]
fn another_oldest_process_is_a_restart() {
    let last = stored("boot", 1_000.0, r#","watch_restarts":{"x":4},"watch_uptime":{"x":900}"#);
    assert_eq!(restarts_after(&one(7, 100), &last), Some(4.0), "the same");
    assert_eq!(restarts_after(&one(7, 1_100), &last), Some(5.0), "it began since");
    assert_eq!(restarts_after(&one(7, 500), &last), Some(5.0), "the oldest ended");
}

#[test]
fn coming_back_is_a_restart_and_the_first_sight_is_none() {
    let missing = stored("boot", 1_000.0, r#","watch_restarts":{"x":4}"#);
    assert_eq!(restarts_after(&one(7, 1_100), &missing), Some(5.0));
    assert_eq!(restarts_after(&one(7, 1_100), &stored("boot", 1_000.0, "")), Some(0.0));
}

#[test]
fn a_reboot_is_no_restart_and_ends_no_count() {
    let rest = r#","watch_restarts":{"x":4},"watch_uptime":{"x":900}"#;
    assert_eq!(restarts_after(&one(7, 1_100), &stored("other", 1_000.0, rest)), Some(4.0));
    assert_eq!(restarts_after(&one(7, 1_100), &stored("boot", 99_000.0, rest)), Some(4.0));
}

#[test]
fn one_that_begins_while_it_is_read_is_the_same_in_the_next_line() {
    let late = one(7, 64_000);
    let last =
        stored("boot", 64_000.0 - 0.3, r#","watch_restarts":{"x":4},"watch_uptime":{"x":0}"#);
    assert_eq!(restarts_after(&late, &last), Some(4.0));
}

#[test]
fn nothing_is_read_and_nothing_is_said_unless_something_is_watched() {
    let reading = run(&fixture(&tree("raspberry-pi-4")));
    assert!(!reading.values.points().any(|(name, ..)| name.starts_with("watch")));
    assert_eq!(reading.values.get("collector_failed", Some("watch")), None);
}

#[test]
fn where_processes_cannot_be_read_nobody_is_missing() {
    let root = tempfile::tempdir().unwrap();
    let settings = Settings { watch: vec![watch("x", by_name("gate"))], ..Settings::default() };
    let reading = run(&Host { settings: &settings, ..fixture(root.path()) });
    assert_eq!(reading.values.get("watch_missing", Some("x")), None);
    let failed =
        ["process", "watch"].map(|name| reading.values.get("collector_failed", Some(name)));
    assert_eq!(failed, [Some(1.0); 2], "and that nobody was looked for is told");
}
