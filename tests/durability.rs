//! The store's promises, tried on the real program: parallel runs, kills, cuts at any byte, full
//! and read-only disks, root beside the service's own user. What a machine does not allow is left
//! out, and said.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a helper fails as its test does")]

use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use serde_json::Value;
use tempfile::TempDir;

const BINARY: &str = env!("CARGO_BIN_EXE_hostwatch");
/// The user and group `nobody`, who stands for the service's user.
const SERVICE: u32 = 65534;

/// A data directory with a home, a runtime directory and an empty configuration of its own.
struct Place {
    root: TempDir,
    data: PathBuf,
}

impl Place {
    fn new() -> Self {
        let root = TempDir::new().unwrap();
        fs::set_permissions(root.path(), PermissionsExt::from_mode(0o755)).unwrap();
        for directory in ["data", "home", "run", "service"] {
            fs::create_dir(root.path().join(directory)).unwrap();
        }
        fs::write(root.path().join("config.json"), "{}").unwrap();
        let data = root.path().join("data");
        Self { root, data }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// `words` begin the command: the program, or `setpriv …` or `unshare …` before it.
    fn command(&self, words: &[&str], arguments: &[&str]) -> Command {
        let (first, rest) = words.split_first().unwrap();
        let mut command = Command::new(first);
        command.args(rest).arg("--config").arg(self.path("config.json"));
        command.arg("--data-dir").arg(&self.data).args(arguments);
        for (name, _) in env::vars_os() {
            let text = name.to_string_lossy();
            let foreign = text.starts_with("HOSTWATCH_") || text.starts_with("XDG_");
            if foreign || text.ends_with("_DIRECTORY") {
                command.env_remove(&name);
            }
        }
        command.env("HOME", self.path("home")).env("XDG_RUNTIME_DIR", self.path("run"));
        command.env("TZ", "UTC").env("DATA", &self.data).env("OUT", self.root.path());
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command(&[BINARY], arguments).output().unwrap())
    }

    fn spawn_collect(&self) -> Child {
        let mut command = self.command(&[BINARY], &["collect"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// As the service's user, with a copy of the program: the build directory may be closed to it.
    fn collect_as_service(&self) -> Ran {
        let home = self.path("service");
        chown(&home, Some(SERVICE), Some(SERVICE)).unwrap();
        let copy = self.path("hostwatch");
        // By another process: a descriptor of ours, inherited by a fork, would make the copy busy.
        assert!(Command::new("cp").arg(BINARY).arg(&copy).status().unwrap().success());
        let user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
        let words = [&user[..], &[copy.to_str().unwrap()]].concat();
        let mut command = self.command(&words, &["collect"]);
        Ran::of(command.env("HOME", &home).env("XDG_RUNTIME_DIR", &home).output().unwrap())
    }

    /// Runs `script` in a mount namespace of its own; the program and `arguments` are its `"$@"`.
    fn in_namespace(&self, script: &str, arguments: &[&str]) -> Ran {
        let own = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh"];
        Ran::of(self.command(&[&own[..], &[BINARY]].concat(), arguments).output().unwrap())
    }

    /// With a data directory that is the service's; `None`, and said, where root is not at work.
    fn of_service() -> Option<Self> {
        let place = Self::new();
        (is_root() || left_out("needs root")).then(|| {
            chown(&place.data, Some(SERVICE), Some(SERVICE)).unwrap();
            place
        })
    }

    /// `None`, and said, where no file system can be mounted.
    fn to_mount_on() -> Option<Self> {
        let place = Self::new();
        let mounts = || place.in_namespace(r#"mount -t tmpfs none "$DATA""#, &[]).code == Some(0);
        (is_root() && mounts() || left_out("needs root, and leave to mount")).then_some(place)
    }

    /// Every byte of the day files, oldest first.
    fn bytes(&self) -> Vec<u8> {
        let entries = fs::read_dir(&self.data).unwrap().map(|entry| entry.unwrap().path());
        let is_day = |path: &PathBuf| path.to_string_lossy().contains("/metrics_");
        let mut days: Vec<_> = entries.filter(is_day).collect();
        days.sort();
        days.iter().flat_map(|path| fs::read(path).unwrap()).collect()
    }
}

/// What a run said and how it ended; no code: a signal ended it.
#[derive(Debug)]
struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Ran {
    fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("only UTF-8 is printed");
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    fn stored_silently(&self) {
        assert_eq!((self.code, &*self.out, &*self.err), (Some(0), "", ""));
    }

    fn failed_with_one_line(&self) {
        assert_eq!((self.code, &*self.out), (Some(3), ""), "{self:?}");
        assert!(self.err.starts_with("hostwatch: ") && self.err.ends_with('\n'), "{self:?}");
        assert_eq!(self.err.lines().count(), 1, "{self:?}");
    }
}

fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

/// Written, not printed: the test harness holds back what a test that passes prints.
fn left_out(why: &str) -> bool {
    let mut stderr = io::stderr();
    let test = thread::current().name().unwrap_or("a test").to_owned();
    writeln!(stderr, "\n*** LEFT OUT: {test}: {why} ***").unwrap();
    false
}

fn reads(line: &[u8]) -> bool {
    serde_json::from_slice::<Value>(line).is_ok_and(|value| value.is_object())
}

/// What stands in `now` after `before`, less the newline that ends a torn line.
fn added<'a>(before: &[u8], now: &'a [u8]) -> &'a [u8] {
    let rest = now.strip_prefix(before).expect("what was written stays as it was");
    let torn = !rest.is_empty() && before.last().is_some_and(|byte| *byte != b'\n');
    rest.strip_prefix(if torn { &b"\n"[..] } else { b"" }).expect("a torn line is ended first")
}

/// One whole line and nothing else.
fn assert_one_line(added: &[u8]) {
    let line = added.strip_suffix(b"\n").expect("a line ends in a newline");
    assert!(reads(line) && !line.contains(&b'\n'), "{}", String::from_utf8_lossy(line));
}

#[test]
fn fifty_parallel_collects_leave_whole_lines_or_say_so() {
    let place = Place::new();
    let children: Vec<_> = (0..50).map(|_| place.spawn_collect()).collect();
    let mut stored = 0;
    for child in children {
        let ran = Ran::of(child.wait_with_output().unwrap());
        match ran.code {
            Some(0) => ran.stored_silently(),
            Some(4 | 5) => assert_eq!(ran.out, ""),
            _ => ran.failed_with_one_line(),
        }
        stored += usize::from(ran.code != Some(3));
    }
    assert!(stored > 0, "no run stored its line");
    let bytes = place.bytes();
    assert_eq!(bytes.split_inclusive(|byte| *byte == b'\n').map(assert_one_line).count(), stored);
}

#[test]
fn a_killed_collect_costs_at_most_its_own_line() {
    let place = Place::new();
    place.run(&["collect"]).stored_silently();
    // With a line old enough to take rates from, a run is as short as the timer's: nothing waits.
    thread::sleep(Duration::from_millis(2200));
    let measure = |_| {
        let start = Instant::now();
        place.run(&["collect"]).stored_silently();
        start.elapsed()
    };
    let mut times: Vec<_> = (0..5).map(measure).collect();
    times.sort();
    let whole_run = times[2] * 5 / 4;
    let (mut killed, mut torn) = (0, 0);
    for index in 0..200_u32 {
        let before = place.bytes();
        let mut child = place.spawn_collect();
        // No factor is common to 73 and 200: each two-hundredth is hit once, in mixed order.
        thread::sleep(whole_run * (index * 73 % 200) / 200);
        child.kill().unwrap();
        let output = child.wait_with_output().unwrap();
        let now = place.bytes();
        let new = added(&before, &now);
        if output.status.signal().is_none() {
            Ran::of(output).stored_silently();
            assert_one_line(new);
            continue;
        }
        killed += 1;
        assert_eq!((output.stdout, output.stderr), (Vec::new(), Vec::new()));
        if new.ends_with(b"\n") {
            assert_one_line(new);
        } else {
            torn += usize::from(!new.is_empty());
            assert!(!new.contains(&b'\n'), "more than one line of a killed run");
        }
    }
    assert!(killed >= 20, "only {killed} of 200 runs were killed at work: nothing was tried");
    let before = place.bytes();
    place.run(&["collect"]).stored_silently();
    let now = place.bytes();
    assert_one_line(added(&before, &now));
    let unreadable =
        now.split(|byte| *byte == b'\n').filter(|line| !line.is_empty() && !reads(line)).count();
    assert!(unreadable <= torn, "{unreadable} lines do not read, {torn} were torn");
}

/// The first of the three lines is of 12:00:06 UTC.
const FIRST: u32 = 1_774_785_606;
const DAY: &str = "metrics_2026-03-29.jsonl";
/// A time of that day, after the lines.
const LATER: &str = "2026-03-29T12:20:00Z";

fn three_lines() -> String {
    let line = |index: u32| {
        let (minute, seconds) = (index * 5, index * 300);
        let (epoch, uptime) = (FIRST + seconds, 86_400 + seconds);
        let start = format!(r#"{{"timestamp":"2026-03-29T12:{minute:02}:06Z","epoch":{epoch}"#);
        let rest = format!(r#""schema":1,"uptime":{uptime}.25,"cpu_percent":{index}.5"#);
        start + "," + &rest + r#","filesystem_percent":{"/Müll \"{x}":80.0}}"# + "\n"
    };
    (0..3).map(line).collect()
}

/// (epoch, CPU) of each sample that `history` shows, and what it said on standard error.
fn history(place: &Place) -> (Vec<(f64, f64)>, String) {
    let command = "--now 2026-03-29T13:00:00Z history --format jsonl \
                   --since 2026-03-29T12:00:00Z --until 2026-03-29T12:30:00Z";
    let ran = place.run(&command.split_whitespace().collect::<Vec<_>>());
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let sample = |line| {
        let value: Value = serde_json::from_str(line).unwrap();
        let number = |key| value.get(key).and_then(Value::as_f64);
        (number("epoch").unwrap(), number("cpu_percent").unwrap_or(f64::NAN))
    };
    (ran.out.lines().map(sample).collect(), ran.err)
}

/// What must be read from a day that was cut: all that is whole, with or without its newline.
fn whole_lines(bytes: &[u8]) -> Vec<(f64, f64)> {
    let count = bytes.split(|byte| *byte == b'\n').filter(|line| reads(line)).count();
    let sample = |index: u32| (f64::from(FIRST + index * 300), f64::from(index) + 0.5);
    (0..).take(count).map(sample).collect()
}

fn try_cut(text: &str, cut: usize) {
    let place = Place::new();
    let (day, bytes) = (place.data.join(DAY), text.as_bytes().get(..cut).unwrap());
    fs::write(&day, bytes).unwrap();
    let (shown, said) = history(&place);
    let expected = whole_lines(bytes);
    assert_eq!(shown, expected, "cut at {cut}");
    // A write in progress is no damage.
    assert!(said.is_empty() || shown.is_empty(), "cut at {cut}: {said}");
    assert_eq!(fs::read(&day).unwrap(), bytes, "cut at {cut}: a reader wrote");
    // A first `collect` takes its time: every seventh cut, and those about the ends of lines.
    if cut.is_multiple_of(7) || text.match_indices('\n').any(|(end, _)| end.abs_diff(cut) <= 2) {
        place.run(&["--now", LATER, "collect"]).stored_silently();
        assert_one_line(added(bytes, &fs::read(&day).unwrap()));
        let (mut shown, _) = history(&place);
        let last = shown.pop().map(|(epoch, _)| epoch);
        assert_eq!((shown, last), (expected, Some(f64::from(FIRST) + 1194.0)), "cut at {cut}");
    }
}

#[test]
fn a_file_cut_at_any_byte_costs_at_most_one_line() {
    let text = &three_lines();
    let try_every_eighth = |from| (from..=text.len()).step_by(8).for_each(|cut| try_cut(text, cut));
    thread::scope(|scope| {
        for from in 0..8 {
            scope.spawn(move || try_every_eighth(from));
        }
    });
}

#[test]
fn a_full_disk_is_said_and_nothing_is_lost() {
    let Some(place) = Place::to_mount_on() else { return };
    // The day file ends 100 bytes before its page does: the write that fails is a short one.
    let line = three_lines().lines().next().unwrap().to_owned();
    let padding = "x".repeat(4096 - 100 - line.len() - r#""errors":{"x":""},"#.len() - 1);
    let errors = format!(r#""errors":{{"x":"{padding}"}},"cpu_percent""#);
    let line = line.replacen(r#""cpu_percent""#, &errors, 1) + "\n";
    assert_eq!(line.len(), 4096 - 100);
    fs::write(place.path("staged"), &line).unwrap();
    let script = r#"
        day="$DATA/metrics_2026-03-29.jsonl"
        mount -t tmpfs -o size=64k,mode=755 none "$DATA" && cp "$OUT/staged" "$day" || exit 99
        cat /dev/zero >"$DATA/filler" 2>"$OUT/filler.err"
        for step in full free; do
            "$@" >"$OUT/$step.out" 2>"$OUT/$step.err"
            echo $? >"$OUT/$step.code"
            cp "$day" "$OUT/$step.day"
            rm -f "$DATA/filler"
        done
        "#;
    let script = place.in_namespace(script, &["--now", LATER, "collect"]);
    assert_eq!((script.code, &*script.err), (Some(0), ""));
    let read = |name: &str| fs::read_to_string(place.path(name)).unwrap();
    let ran = |step: &str| {
        let part = |end: &str| read(&format!("{step}.{end}"));
        Ran { code: part("code").trim().parse().ok(), out: part("out"), err: part("err") }
    };
    ran("full").failed_with_one_line();
    assert!(ran("full").err.contains("space") || ran("full").err.contains("full"), "not clear");
    assert_eq!(read("full.day"), line, "cut back to what it was");
    ran("free").stored_silently();
    assert_one_line(added(line.as_bytes(), read("free.day").as_bytes()));
}

#[test]
fn a_read_only_file_system_is_said_in_one_line() {
    let Some(place) = Place::to_mount_on() else { return };
    let script = r#"mount -t tmpfs none "$DATA" && mount -o remount,ro "$DATA" && exec "$@""#;
    place.in_namespace(script, &["collect"]).failed_with_one_line();
}

#[test]
fn a_data_directory_that_is_a_file_is_said_in_one_line() {
    let place = Place::new();
    fs::remove_dir(&place.data).unwrap();
    fs::write(&place.data, "a file\n").unwrap();
    place.run(&["collect"]).failed_with_one_line();
    assert_eq!(fs::read_to_string(&place.data).unwrap(), "a file\n");
}

#[test]
fn a_data_directory_the_user_may_not_write_is_said_in_one_line() {
    let place = Place::new();
    fs::set_permissions(&place.data, PermissionsExt::from_mode(0o555)).unwrap();
    let ran = if is_root() { place.collect_as_service() } else { place.run(&["collect"]) };
    ran.failed_with_one_line();
    assert_eq!(fs::read_dir(&place.data).unwrap().count(), 0);
}

#[test]
fn root_leaves_the_services_files_alone() {
    let Some(place) = Place::of_service() else { return };
    place.run(&["collect"]).stored_silently();
    for entry in fs::read_dir(&place.data).unwrap().map(|entry| entry.unwrap()) {
        let owner = entry.metadata().map(|data| (data.uid(), data.gid())).unwrap();
        assert_eq!(owner, (SERVICE, SERVICE), "{}", entry.path().display());
    }
    let before = place.bytes();
    place.collect_as_service().stored_silently();
    assert_one_line(added(&before, &place.bytes()));
}

#[test]
fn root_follows_no_link_that_was_planted() {
    let names = [DAY, "events_2026-03-29.jsonl", "state.json", "notify.lock"];
    for (name, exists) in names.iter().flat_map(|name| [(*name, true), (*name, false)]) {
        let Some(place) = Place::of_service() else { return };
        let other = place.path("other");
        if exists {
            fs::write(&other, "of someone else\n").unwrap();
        }
        let seen = || (fs::read(&other).ok(), fs::metadata(&other).map(|data| data.uid()).ok());
        let before = seen();
        symlink(&other, place.data.join(name)).unwrap();
        let ran = place.run(&["--now", LATER, "collect"]);
        assert_eq!(seen(), before, "{name} was followed: {ran:?}");
        if name == DAY {
            ran.failed_with_one_line();
        }
    }
}
