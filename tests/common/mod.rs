//! What the tests of the whole program share: a host made of files, a place of its own for everything it writes, and
//! what a run said.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a helper fails as its test does"
)]
#![expect(
    dead_code,
    unreachable_pub,
    reason = "every test file is a program, and none needs it all"
)]

use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

pub const BINARY: &str = env!("CARGO_BIN_EXE_hostwatch");
/// The user and group `nobody`, who stands for an ordinary user where root runs the tests.
const NOBODY: u32 = 65534;
/// 09:41:06 in Berlin on 22 November 2026, a Sunday.
const START: i64 = 1_795_336_866;

/// A host whose clock, uptime and numbers a test moves on, with a home, a data directory and a configuration.
pub struct Host {
    directory: TempDir,
    pub epoch: i64,
    pub uptime: f64,
    zone: &'static str,
}

impl Host {
    /// A copy of the tree of this name in `tests/fixtures`; every mount point that it knows is there.
    pub fn new(tree: &str) -> Self {
        let directory = TempDir::new().unwrap();
        fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
        for name in ["home", "run"] {
            fs::create_dir(directory.path().join(name)).unwrap();
        }
        fs::write(directory.path().join("config.json"), "{}").unwrap();
        let root = directory.path().join("root");
        let copied = Command::new("cp").arg("-R").arg(fixture(tree)).arg(&root).status().unwrap();
        assert!(copied.success());
        for mount in mount_points(&root) {
            let point = root.join(&mount);
            // In these trees only files are mounted there.
            if mount.starts_with("etc") {
                fs::create_dir_all(point.parent().unwrap()).unwrap();
                fs::write(point, "").unwrap();
            } else {
                fs::create_dir_all(point).unwrap();
            }
        }
        let uptime = fs::read_to_string(root.join("proc/uptime")).unwrap();
        let uptime = uptime.split(' ').next().unwrap().parse().unwrap();
        // Without a database of zones its rules are told in full.
        let known = Path::new("/usr/share/zoneinfo/Europe/Berlin").exists();
        let zone = if known { "Europe/Berlin" } else { "CET-1CEST,M3.5.0,M10.5.0/3" };
        Self { directory, epoch: START, uptime, zone }
    }

    /// The days in `tests/fixtures/store` as data directory, at the end of the last one.
    pub fn with_history() -> Self {
        let mut host = Self::new("raspberry-pi-4");
        host.set_clock(1_774_847_400); // 30 March 2026, 07:10 in Berlin
        fs::create_dir(host.data()).unwrap();
        for entry in fs::read_dir(fixture("store")).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                fs::copy(&path, host.data().join(path.file_name().unwrap())).unwrap();
            }
        }
        host
    }

    /// A data directory with one file, at a time of your own.
    pub fn with_file(epoch: i64, name: &str, content: impl AsRef<[u8]>) -> Self {
        let mut host = Self::new("raspberry-pi-4");
        host.set_clock(epoch);
        fs::create_dir(host.data()).unwrap();
        fs::write(host.data().join(name), content).unwrap();
        host
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Not there before the first `collect`.
    pub fn data(&self) -> PathBuf {
        self.path("data")
    }

    pub fn configure(&self, text: &str) {
        fs::write(self.path("config.json"), text).unwrap();
    }

    /// The wall clock alone.
    pub fn set_clock(&mut self, epoch: i64) {
        self.epoch = epoch;
    }

    /// Time passes. All CPUs were busy for this share of it, every interface received 1000 bytes a second and sent 200.
    pub fn pass(&mut self, seconds: u32, busy_percent: u64) {
        self.epoch += i64::from(seconds);
        self.uptime += f64::from(seconds);
        self.write("proc/uptime", &format!("{:.2} 0.00\n", self.uptime));
        let seconds = u64::from(seconds);
        self.edit("proc/stat", |row, numbers| {
            if row == "cpu" {
                numbers[0] += 4 * seconds * busy_percent;
                numbers[3] += 4 * seconds * (100 - busy_percent);
            }
        });
        self.edit("proc/net/dev", |_, numbers| {
            numbers[0] += 1000 * seconds;
            numbers[8] += 200 * seconds;
        });
    }

    /// Another boot, up for 40 seconds, whose counters begin anew.
    pub fn reboot(&mut self) {
        self.epoch += 120;
        self.uptime = 40.0;
        self.write("proc/uptime", "40.00 100.00\n");
        self.write("proc/sys/kernel/random/boot_id", "11111111-2222-4333-8444-555555555555\n");
        self.write("proc/stat", "cpu  900 0 300 15000 20 0 10 0 0 0\n");
        self.edit("proc/net/dev", |_, numbers| numbers.fill(5000));
    }

    pub fn heat(&self, celsius: u32) {
        let text = format!("{}\n", celsius * 1000);
        self.write("sys/devices/virtual/thermal/thermal_zone0/temp", &text);
        self.write("sys/devices/virtual/thermal/thermal_zone0/hwmon0/temp1_input", &text);
    }

    /// A file of the tree.
    pub fn write(&self, path: &str, text: &str) {
        fs::write(self.path("root").join(path), text).unwrap();
    }

    /// Rows of a name and nothing but numbers.
    fn edit(&self, path: &str, change: impl Fn(&str, &mut Vec<u64>)) {
        // A test may have taken the file away.
        let Ok(text) = fs::read_to_string(self.path("root").join(path)) else { return };
        let row = |line: &str| {
            let mut words = line.split_whitespace();
            let name = words.next().unwrap_or_default();
            match words.map(str::parse).collect::<Result<Vec<u64>, _>>() {
                Ok(mut numbers) if numbers.len() > 8 => {
                    change(name, &mut numbers);
                    let words: Vec<_> = numbers.iter().map(ToString::to_string).collect();
                    format!("{name} {}\n", words.join(" "))
                }
                _ => format!("{line}\n"),
            }
        };
        self.write(path, &text.lines().map(row).collect::<String>());
    }

    /// The program with nothing of this machine's environment and no argument but the clock and the tree.
    pub fn bare(&self, words: &[&str]) -> Command {
        let (first, rest) = words.split_first().unwrap();
        let mut command = Command::new(first);
        command.args(rest).env_clear().env("PATH", std::env::var_os("PATH").unwrap());
        command.env("HOME", self.path("home")).env("XDG_RUNTIME_DIR", self.path("run"));
        command.env("TZ", self.zone).stdin(Stdio::null()).current_dir(self.directory.path());
        command.arg("--root").arg(self.path("root")).arg("--now").arg(rfc3339(self.epoch));
        command
    }

    /// With its configuration and its data directory.
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.command_of(&[BINARY], arguments)
    }

    fn command_of(&self, words: &[&str], arguments: &[&str]) -> Command {
        let mut command = self.bare(words);
        command.arg("--config").arg(self.path("config.json"));
        command.arg("--data-dir").arg(self.data()).args(arguments);
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(&mut self.command(arguments))
    }

    /// As an ordinary user with a copy of the program, as the build directory may be closed to it; as who runs the
    /// tests, if that is no more than an ordinary user.
    pub fn run_as_ordinary_user(&self, arguments: &[&str]) -> Ran {
        if fs::metadata("/proc/self").unwrap().uid() != 0 {
            return self.run(arguments);
        }
        let copy = self.path("hostwatch");
        assert!(Command::new("cp").arg(BINARY).arg(&copy).status().unwrap().success());
        chown(self.path("run"), Some(NOBODY), Some(NOBODY)).unwrap();
        let user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
        Ran::of(&mut self.command_of(&[&user[..], &[copy.to_str().unwrap()]].concat(), arguments))
    }

    /// A `collect` that has nothing to say.
    pub fn collect(&self) {
        assert_eq!(self.run(&["collect"]), Ran::new(0, "", ""));
    }

    /// The lines that are stored, oldest file first.
    pub fn lines(&self) -> Vec<Value> {
        self.stored("metrics_")
    }

    pub fn last(&self) -> Value {
        self.lines().pop().unwrap()
    }

    pub fn events(&self) -> Vec<Value> {
        self.stored("events_")
    }

    /// What happened, by name, oldest first.
    pub fn happened(&self) -> Vec<String> {
        self.events().iter().map(|event| event["event"].as_str().unwrap().to_owned()).collect()
    }

    fn stored(&self, prefix: &str) -> Vec<Value> {
        let entries = fs::read_dir(self.data()).unwrap().map(|entry| entry.unwrap().path());
        let name = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
        let mut files: Vec<_> = entries.filter(|path| name(path).starts_with(prefix)).collect();
        files.sort();
        let texts = files.iter().map(|path| fs::read_to_string(path).unwrap());
        texts.flat_map(|text| text.lines().map(json).collect::<Vec<_>>()).collect()
    }

    /// Every file below the data directory with its identity, its time and its bytes.
    pub fn snapshot(&self) -> Vec<(PathBuf, u64, i64, Vec<u8>)> {
        let entries = fs::read_dir(self.data()).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<_> = entries.collect();
        files.sort();
        let stamp = |path: PathBuf| {
            let data = fs::metadata(&path).unwrap();
            let time = data.mtime() * 1_000_000_000 + data.mtime_nsec();
            (path.clone(), data.ino(), time, fs::read(path).unwrap())
        };
        files.into_iter().map(stamp).collect()
    }
}

/// What a run said and how it ended.
#[derive(Debug, PartialEq)]
pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Ran {
    pub fn new(code: i32, out: &str, err: &str) -> Self {
        Self { code: Some(code), out: out.to_owned(), err: err.to_owned() }
    }

    pub fn of(command: &mut Command) -> Self {
        let Output { status, stdout, stderr } = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).expect("only UTF-8 is printed");
        Self { code: status.code(), out: text(stdout), err: text(stderr) }
    }

    /// Done without a word on standard error; what it printed.
    pub fn done(self) -> String {
        assert_eq!((self.code, &*self.err), (Some(0), ""), "{self:?}");
        self.out
    }

    pub fn json(self) -> Value {
        json(&self.done())
    }

    /// One line on standard error that holds all these words, nothing on standard output.
    pub fn says(&self, code: i32, words: &[&str]) {
        assert_eq!((self.code, &*self.out), (Some(code), ""), "{self:?}");
        self.says_in_one_line(words);
    }

    pub fn says_in_one_line(&self, words: &[&str]) {
        let err = &self.err;
        assert!(err.starts_with("hostwatch: ") && err.ends_with('\n'), "{err:?}");
        assert_eq!(err.lines().count(), 1, "{err}");
        for word in words {
            assert!(err.contains(word), "{word} is missing: {err}");
        }
    }
}

pub fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

pub fn keys(object: &Value) -> Vec<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}

/// 52.0 is 52, as it is written.
pub fn plain(value: Value) -> Value {
    match value {
        Value::Object(map) => map.into_iter().map(|(key, value)| (key, plain(value))).collect(),
        Value::Array(list) => list.into_iter().map(plain).collect(),
        Value::Number(number) => {
            let text = number.to_string();
            text.strip_suffix(".0").unwrap_or(&text).parse().map_or(Value::Null, Value::Number)
        }
        other => other,
    }
}

pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// A line of a store, with a few numbers.
pub fn line(epoch: i64, uptime: u32, rest: &str) -> String {
    let head = format!(r#"{{"timestamp":"{}","epoch":{epoch},"schema":1"#, rfc3339(epoch));
    let boot = r#""host":"gate-pi","boot_id":"6c1d4a0e93b74f288a510d2e7f96c3b4""#;
    format!("{head},{boot},\"uptime\":{uptime},{rest}}}\n")
}

/// In UTC; the days of the Gregorian calendar counted from 1 March of the year 0.
pub fn rfc3339(epoch: i64) -> String {
    let (days, second) = (epoch.div_euclid(86_400) + 719_468, epoch.rem_euclid(86_400));
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, year) = (month % 12 + 3, year + era * 400);
    let (month, year) = if month > 12 { (month - 12, year + 1) } else { (month, year) };
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Relative to the root, without those of the kernel.
fn mount_points(root: &Path) -> Vec<PathBuf> {
    let text = ["proc/1/mountinfo", "proc/self/mountinfo"].map(|path| fs::read(root.join(path)));
    let text = text.into_iter().find_map(Result::ok).unwrap();
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let points = lines.map(|line| line.split(|byte| *byte == b' ').nth(4).unwrap().to_owned());
    let of_kernel = |point: &[u8]| point.starts_with(b"/proc") || point.starts_with(b"/sys");
    points
        .filter(|point| !of_kernel(point))
        .map(|mut point| {
            while let Some(at) = point.windows(4).position(|four| four == br"\040") {
                point.splice(at..at + 4, *b" ");
            }
            PathBuf::from(OsString::from_vec(point.split_off(1)))
        })
        .collect()
}
