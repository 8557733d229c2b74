//! The sources of `collect` on a host of each kind, when one of its files is gone or damaged: that costs what is read
//! from this file, and nothing else.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a helper fails as its test does"
)]

mod common;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use common::fixture;
use hostwatch::collector::apart::Answer;
use hostwatch::collector::earlier::Earlier;
use hostwatch::collector::space::Space;
use hostwatch::collector::watch::Watch;
use hostwatch::collector::watch::find::{By, pattern};
use hostwatch::collector::{self, COLLECTORS, Host, Settings};
use hostwatch::metric::Unit;
use hostwatch::rates::derive;
use hostwatch::sample::read::{Wanted, line};
use hostwatch::sample::{Entry, Sample, Sorted, Value, Values};
use hostwatch::series::glob;
use hostwatch::time::Now;
use tempfile::TempDir;

/// Which collectors a file may speak to; the first line that fits counts. What fits none is read by nobody.
const READERS: &[(&str, &[&str])] = &[
    // The load is told by the core.
    ("proc/stat", &["cpu", "load"]),
    ("proc/loadavg", &["load"]),
    // Paging is told where there is swap, a process where it takes its share of all memory.
    ("proc/meminfo", &["memory", "paging", "process", "container"]),
    ("proc/vmstat", &["paging"]),
    ("proc/pressure/*", &["pressure"]),
    // It lists the interfaces whose links are looked at and whose traffic is counted on.
    ("proc/net/dev", &["network", "link", "traffic"]),
    ("proc/net/*", &["tcp"]),
    ("proc/diskstats", &["device"]),
    ("proc/*/mountinfo", &["filesystem"]),
    ("proc/sys/kernel/random/*", &[]),
    ("proc/sys/kernel/threads-max", &["process"]),
    ("proc/sys/kernel/pid_max", &["process"]),
    ("proc/sys/kernel/*", &["system"]),
    ("proc/sys/fs/*", &["process"]),
    ("proc/uptime", &[]),
    ("proc/*/cgroup", &["watch", "container"]),
    // The processes that were read are those that are watched.
    ("proc/*", &["process", "watch"]),
    ("sys/class/net/*", LINKS),
    ("sys/devices/*/net/*", LINKS),
    ("*/get_throttled", &["throttling"]),
    ("sys/bus/*", &["throttling"]),
    ("sys/class/nvme/*", &["drive"]),
    ("sys/devices/*/nvme?/state", &["drive"]),
    ("sys/block/*", &["drive"]),
    // It also tells that this is a container.
    ("sys/fs/cgroup/memory.max", &["container", "paging"]),
    ("sys/fs/cgroup/memory.events", &["paging"]),
    ("sys/fs/cgroup/*", &["container"]),
    ("sys/fs/*", &["drive"]),
    ("sys/class/hwmon/*", SENSORS),
    ("sys/class/thermal/*", SENSORS),
    ("sys/devices/*hwmon*", SENSORS),
    ("sys/devices/*/thermal_zone*", SENSORS),
    // A drive names its bus address to its sensors.
    ("sys/devices/*/nvme?/device", SENSORS),
    ("sys/class/dmi/*", &["system"]),
    ("sys/devices/*/dmi/*", &["system"]),
    ("sys/firmware/*", &["system"]),
    ("etc/*", &["system"]),
    ("run/*", &["system", "container"]),
    (".dockerenv", &["container", "system"]),
];
/// No more than the link can carry is believed to be traffic, and the host's rates are those of its cards.
const LINKS: &[&str] = &["network", "link", "traffic"];
/// The kernel tells many a zone twice, as a chip and as a zone: one stands in for the other. A Raspberry Pi's supply is
/// such a chip too.
const SENSORS: &[&str] = &["temperature", "voltage", "throttling"];

/// Every kernel has these: without one its collector says so.
const ALWAYS_THERE: &[&str] =
    &["proc/stat", "proc/loadavg", "proc/meminfo", "proc/net/dev", "proc/*/mountinfo"];

/// Percentages of what a damaged file may say is less than a part of it.
const NO_SHARES: &[&str] = &[
    "threads_percent",
    "files_percent",
    "traffic_quota_percent",
    "interface_saturation_percent",
    "tcp_retransmitted_percent",
    "device_life_percent",
    "watch_*",
    "container_*",
];

/// One run takes a few milliseconds, whatever it finds; the program as it is built for tests takes ten times as long.
const LONGEST: Duration = Duration::from_secs(if cfg!(debug_assertions) { 20 } else { 2 });
/// What one file says may not fill the store.
const LARGEST: usize = 64 * 1024;
const TREES: u64 = 6;
/// For all trees; `HOSTWATCH_MUTATIONS` says otherwise.
const MUTATIONS: u64 = 2_000;
const HUGE: usize = 5 * 1024 * 1024;

/// Of every file system.
const SPACE: Space =
    Space { total: 1_000, free: 200, available: 150, inodes: 100, inodes_free: 40 };

/// Collector and key → what was read.
type Seen = BTreeMap<(String, String), String>;

/// A copy of a tree, with a line and a reading before.
struct Subject {
    _directory: TempDir,
    root: PathBuf,
    now: Now,
    settings: Settings,
    earlier: Earlier,
    before: Sample,
}

impl Subject {
    fn new(tree: &'static str) -> Self {
        let directory = TempDir::new().unwrap();
        let root = directory.path().join("root");
        assert!(
            Command::new("cp").arg("-R").arg(fixture(tree)).arg(&root).status().unwrap().success()
        );
        let watch = |name: &str, by| Watch { name: name.to_owned(), by, min: 1, max: Some(2) };
        let watch = vec![
            watch("name", By::Process("systemd".to_owned())),
            watch("words", By::Match(pattern("^/").unwrap())),
            watch("unit", By::Unit("init.scope".to_owned())),
        ];
        let settings = Settings { watch, ..Settings::default() };
        let told = Some("2026-11-22T08:41:06Z");
        let now = hostwatch::clock::read(&root, told, chrono::DateTime::default()).unwrap();
        let begin = format!(
            r#"{{"timestamp":"2026-11-22T08:36:06Z","boot_id":"{}","uptime":{}}}"#,
            now.boot_id,
            now.uptime - 300.0
        );
        let before = line(begin.as_bytes(), &Wanted::everything()).unwrap();
        let earlier = Earlier::default();
        let mut subject = Self { _directory: directory, root, now, settings, earlier, before };
        let reading = collector::run(&subject.host());
        assert!(reading.errors.is_empty(), "{:?}", reading.errors);
        subject.before.values = halved(&reading.values);
        subject.earlier = reading.earlier;
        subject.earlier.uptime -= 300.0;
        for (_, busy, all) in &mut subject.earlier.cores {
            (*busy, *all) = (*busy / 2, *all / 2);
        }
        subject
    }

    fn host(&self) -> Host<'_> {
        let mut host = Host::new(&self.root, &self.now, &self.settings);
        host.last = Some(&self.before);
        host.earlier = Some(&self.earlier);
        host.space = |_| Ok(SPACE);
        host.apart =
            |questions, _| questions.iter().map(|_| Answer::Said(Ok(SPACE.words()))).collect();
        host
    }

    /// Every file and every link, below the root.
    fn files(&self) -> Vec<PathBuf> {
        let (mut found, mut directories) = (Vec::new(), vec![self.root.clone()]);
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(directory).unwrap() {
                let entry = entry.unwrap();
                let all =
                    if entry.file_type().unwrap().is_dir() { &mut directories } else { &mut found };
                all.push(entry.path());
            }
        }
        found.sort();
        assert!(found.len() > 20, "{found:?}");
        found
    }

    /// What a run says, its rates included.
    fn read(&self) -> Seen {
        let started = Instant::now();
        let mut reading = collector::run(&self.host());
        derive(collector::measured(), &self.before.values, &mut reading.values, 300.0);
        collector::follow(&mut reading);
        let taken = started.elapsed();
        assert!(taken < LONGEST, "{taken:?}");
        let mut seen = Seen::new();
        for (name, label, value) in reading.values.points() {
            assert!(is_sane(name, value.as_f64()), "{name} {label:?} is {value:?}");
            let owner = if name == "collector_failed" { label.unwrap() } else { OWNERS[name] };
            let key = (owner.to_owned(), format!("{name} {}", label.unwrap_or_default()));
            seen.insert(key, format!("{value:?}"));
        }
        for process in &reading.top {
            let key = ("process".to_owned(), format!("top {}", process.pid));
            assert!(
                process.cpu_percent.is_none_or(|percent| is_sane("cpu", percent)),
                "{process:?}"
            );
            seen.insert(key, format!("{process:?}"));
        }
        for (name, text) in reading.earlier.facts {
            let owner = if OWNERS.values().any(|owner| *owner == name) { &name } else { "system" };
            seen.insert((owner.to_owned(), format!("fact {name}")), text);
        }
        for (name, text) in reading.errors {
            seen.insert((name, ERROR.to_owned()), text);
        }
        let size = |((_, key), text): (&(String, String), &String)| key.len() + text.len();
        let size: usize = seen.iter().map(size).sum();
        assert!(size < LARGEST, "{size} bytes");
        seen
    }

    /// The path as the host knows it.
    fn known_as<'a>(&self, path: &'a Path) -> &'a str {
        path.strip_prefix(&self.root).unwrap().to_str().unwrap()
    }
}

const ERROR: &str = "error";

/// Metric → collector.
static OWNERS: LazyLock<HashMap<&str, &str>> = LazyLock::new(|| {
    let of = |collector: &&'static collector::Collector| {
        let name = collector.name;
        collector.metrics.iter().map(move |metric| (metric.name, name)).collect::<Vec<_>>()
    };
    COLLECTORS.iter().flat_map(of).collect()
});

/// Only temperatures and voltages go below nothing, and no share is more than all.
fn is_sane(name: &str, value: f64) -> bool {
    let unit = collector::find(name).map(|metric| metric.unit);
    let is_share = unit == Some(Unit::Percent) && !NO_SHARES.iter().any(|part| glob(part, name));
    match unit {
        Some(Unit::Celsius | Unit::Volts) => value.is_finite(),
        _ => value.is_finite() && value >= 0.0 && (!is_share || value <= 100.0),
    }
}

/// Counters of a while ago.
fn halved(values: &Values) -> Values {
    let half = |value: &Value| match value {
        Value::Unsigned(number) => Value::Unsigned(number / 2),
        Value::Float(number) => Value::Float(number / 2.0),
    };
    let mut before = Values::default();
    for (name, entry) in values.entries() {
        let entry = match entry {
            Entry::Single(value) => Entry::Single(half(value)),
            Entry::Labelled(labels) => {
                let mut some = Sorted::default();
                labels.iter().for_each(|(label, value)| some.insert(label.clone(), half(value)));
                Entry::Labelled(some)
            }
        };
        before.insert(name.to_owned().into(), entry);
    }
    before
}

/// The collectors that say something else.
fn differing<'a>(whole: &'a Seen, damaged: &'a Seen) -> BTreeSet<&'a str> {
    let lost = whole.iter().filter(|(key, text)| damaged.get(key) != Some(text));
    let new = damaged.iter().filter(|(key, text)| whole.get(key) != Some(text));
    lost.chain(new).map(|((collector, _), _)| collector.as_str()).collect()
}

/// Those that may.
fn readers(path: &str) -> &'static [&'static str] {
    READERS.iter().find(|(part, _)| glob(part, path)).map_or(&[], |(_, readers)| readers)
}

/// What an undamaged tree says.
struct Whole {
    seen: Seen,
    /// Chip (`hwmon3`) → what is lost without it.
    sensors: BTreeMap<String, BTreeSet<String>>,
}

impl Whole {
    fn of(subject: &Subject) -> Self {
        let mut whole = Self { seen: subject.read(), sensors: BTreeMap::new() };
        let links = subject.files().into_iter().filter(|path| {
            path.parent().is_some_and(|directory| directory.ends_with("sys/class/hwmon"))
        });
        for link in links {
            let kept = Kept::of(&link);
            clear(&link);
            let mut lost = lost(&whole.seen, &subject.read());
            kept.put_back(&link);
            let chip = link.file_name().unwrap().to_str().unwrap().to_owned();
            // The truest sensor of them all, and what several sources say.
            lost.extend(["cpu_temp ", "throttled under-voltage"].map(str::to_owned));
            // The zone stands in for its chip, mostly under the same name.
            let name =
                fs::read_to_string(subject.root.join("sys/class/hwmon").join(&chip).join("name"));
            lost.extend(name.map(|name| format!("temperature {}", name.trim())));
            whole.sensors.insert(chip, lost);
        }
        whole
    }

    fn assert_no_neighbour(&self, path: &str, how: &str, damaged: &Seen) {
        let readers = readers(path);
        for collector in differing(&self.seen, damaged) {
            let of = |seen: &Seen| -> Seen {
                seen.clone().into_iter().filter(|((name, _), _)| name == collector).collect()
            };
            let (before, after) = (of(&self.seen), of(damaged));
            let may = readers.contains(&collector);
            assert!(may, "{path} {how} changes {collector}: {before:#?} {after:#?}");
            if ["drive", "link", "traffic"].contains(&collector) && path.starts_with("sys/") {
                assert_own_labels(path, how, &before, &after);
            }
        }
        let chip = path.split('/').find_map(|part| self.sensors.get(part));
        if let Some(own) = chip {
            let others = lost(&self.seen, damaged).difference(own).cloned().collect::<Vec<_>>();
            assert!(others.is_empty(), "{path} {how} changes {others:?}");
        }
    }
}

/// What is said no more, or differently.
fn lost(whole: &Seen, damaged: &Seen) -> BTreeSet<String> {
    let lost = whole.iter().filter(|(key, text)| damaged.get(key) != Some(text));
    lost.map(|((_, key), _)| key.clone()).collect()
}

/// A file of one drive or interface, whose name is in the path, says nothing about another. (The path of a btrfs has
/// its number and not its name.)
fn assert_own_labels(path: &str, how: &str, whole: &Seen, damaged: &Seen) {
    let keys: BTreeSet<_> = whole.keys().chain(damaged.keys()).map(|(_, key)| key).collect();
    let text = |seen: &Seen, key: &str| {
        let found = seen.iter().find(|((_, known), _)| known == key);
        found.map(|(_, text)| text.clone())
    };
    let differs = |key: &&&String| text(whole, key) != text(damaged, key);
    for key in keys.iter().filter(differs).filter(|key| !key.starts_with("collector_failed")) {
        let Some((_, label)) = key.split_once(' ') else { continue };
        let own = path.split('/').any(|part| part.starts_with(label)) || path.contains("btrfs");
        assert!(own, "{path} {how} changes {key}");
    }
}

/// What stood at a path.
enum Kept {
    File(Vec<u8>),
    Link(PathBuf),
}

impl Kept {
    fn of(path: &Path) -> Self {
        match fs::read_link(path) {
            Ok(target) => Kept::Link(target),
            Err(_) => Kept::File(fs::read(path).unwrap()),
        }
    }

    fn put_back(&self, path: &Path) {
        clear(path);
        match self {
            Kept::File(content) => fs::write(path, content).unwrap(),
            Kept::Link(target) => symlink(target, path).unwrap(),
        }
    }
}

fn clear(path: &Path) {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path).unwrap(),
        Ok(_) => fs::remove_file(path).unwrap(),
        Err(_) => {}
    }
}

/// Without any single file.
fn costs_no_neighbour_when_gone(tree: &'static str) {
    let subject = Subject::new(tree);
    let whole = Whole::of(&subject);
    for path in subject.files() {
        let kept = Kept::of(&path);
        clear(&path);
        let known = subject.known_as(&path);
        let without = subject.read();
        whole.assert_no_neighbour(known, "gone", &without);
        let errors = without.iter().filter(|((_, key), _)| key == ERROR).collect::<Vec<_>>();
        let is_always_there = ALWAYS_THERE.iter().any(|part| glob(part, known));
        assert!(errors.is_empty() || is_always_there, "{tree}: {known} is missed: {errors:?}");
        kept.put_back(&path);
    }
    assert_eq!(subject.read(), whole.seen, "all is as it was");
}

/// Numbers that follow from one alone (`SplitMix64`).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below a bound; 0 where there is nothing below.
    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound.max(1) as u64).unwrap()
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next().to_le_bytes()[0]).collect()
    }
}

/// What stands where a number was: too large, below nothing, none at all.
const NUMBERS: &[&[u8]] = &[
    b"18446744073709551616",
    b"18446744073709551615",
    b"9223372036854775807",
    b"-1",
    b"0",
    b"NaN",
    b"inf",
    b"1e999",
    b"0x10",
    b"\0",
    b"",
    b"\xff",
];

/// Puts something else where a file was, and says what. No named pipe: opening one waits for a writer, and neither
/// procfs nor sysfs has any.
fn damage(path: &Path, kept: &Kept, random: &mut Random) -> &'static str {
    clear(path);
    let whole = if let Kept::File(content) = kept { content.as_slice() } else { b"" };
    let kind = random.below(if whole.is_empty() { 6 } else { 100 });
    let write = |content: &[u8]| fs::write(path, content).unwrap();
    match kind {
        0 => fs::create_dir(path).unwrap(),
        1 => symlink("nowhere", path).unwrap(),
        2 => symlink(path.file_name().unwrap(), path).unwrap(),
        3 => write(b""),
        4 => {
            let count = random.below(4_096);
            write(&random.bytes(count));
        }
        5 => {
            write(whole);
            // Whoever may do anything reads it all the same.
            fs::set_permissions(path, Permissions::from_mode(0o000)).unwrap();
        }
        6 => {
            let lines: Vec<&[u8]> = whole.split_inclusive(|byte| *byte == b'\n').collect();
            write(&long(lines[random.below(lines.len())]));
        }
        7 => {
            let words: Vec<u8> = whole.iter().copied().filter(|byte| *byte != b'\n').collect();
            write(&long(&words));
        }
        8..40 => write(&whole[..random.below(whole.len())]),
        40..60 => {
            let mut content = whole.to_vec();
            for _ in 0..=random.below(8) {
                let at = random.below(content.len());
                content[at] = random.bytes(1)[0];
            }
            write(&content);
        }
        _ => write(&renumbered(whole, random)),
    }
    let kinds = ["a directory", "a link to nowhere", "a link to itself", "empty", "binary"];
    let kinds = [&kinds[..], &["closed", "a line again and again", "one long line"]].concat();
    let other = if kind < 40 {
        "cut"
    } else if kind < 60 {
        "overwritten"
    } else {
        "renumbered"
    };
    kinds.get(kind).copied().unwrap_or(other)
}

fn long(piece: &[u8]) -> Vec<u8> {
    let piece = if piece.is_empty() { b"x" } else { piece };
    piece.iter().copied().cycle().take(HUGE).collect()
}

/// With something else for one of its numbers.
fn renumbered(whole: &[u8], random: &mut Random) -> Vec<u8> {
    let is_digit = |at: usize| whole.get(at).is_some_and(u8::is_ascii_digit);
    let starts: Vec<usize> =
        (0..whole.len()).filter(|at| is_digit(*at) && !(*at > 0 && is_digit(at - 1))).collect();
    let start = starts.get(random.below(starts.len())).copied().unwrap_or(0);
    let end = (start..=whole.len()).find(|at| !is_digit(*at)).unwrap();
    let number = NUMBERS[random.below(NUMBERS.len())];
    [&whole[..start], number, &whole[end..]].concat()
}

/// With any single file damaged, as often as it is this tree's turn.
fn costs_no_neighbour_when_damaged(tree: &'static str) {
    let told = std::env::var("HOSTWATCH_MUTATIONS").map(|count| count.parse().unwrap());
    let count = told.unwrap_or(MUTATIONS).div_ceil(TREES);
    let subject = Subject::new(tree);
    let (whole, files) = (Whole::of(&subject), subject.files());
    let mut random = Random(tree.len() as u64);
    for turn in 0..count {
        let path = &files[random.below(files.len())];
        let known = subject.known_as(path);
        let kept = Kept::of(path);
        let how = damage(path, &kept, &mut random);
        let damaged = catch_unwind(AssertUnwindSafe(|| subject.read()));
        let damaged = damaged.unwrap_or_else(|_| panic!("{tree}, turn {turn}: {known}, {how}"));
        whole.assert_no_neighbour(known, how, &damaged);
        kept.put_back(path);
    }
    assert_eq!(subject.read(), whole.seen, "all is as it was");
}

#[test]
fn every_file_that_is_read_is_in_the_table_by_a_line_that_counts() {
    let trees =
        ["raspberry-pi-4", "raspberry-pi-5", "x86-server", "virtual-machine", "container", "bare"];
    assert_eq!(trees.len() as u64, TREES);
    let paths: Vec<String> = trees
        .iter()
        .flat_map(|tree| {
            let subject = Subject::new(tree);
            let files = subject.files();
            files.iter().map(|path| subject.known_as(path).to_owned()).collect::<Vec<_>>()
        })
        .collect();
    for (at, (part, _)) in READERS.iter().enumerate() {
        let counts = |path: &String| {
            let first = READERS.iter().position(|(part, _)| glob(part, path));
            first == Some(at)
        };
        assert!(paths.iter().any(counts), "no tree has {part}");
    }
}

#[test]
fn a_raspberry_pi_4_loses_what_is_gone_and_no_more() {
    costs_no_neighbour_when_gone("raspberry-pi-4");
}

#[test]
fn a_raspberry_pi_4_loses_what_is_damaged_and_no_more() {
    costs_no_neighbour_when_damaged("raspberry-pi-4");
}

#[test]
fn a_raspberry_pi_5_loses_what_is_gone_and_no_more() {
    costs_no_neighbour_when_gone("raspberry-pi-5");
}

#[test]
fn a_raspberry_pi_5_loses_what_is_damaged_and_no_more() {
    costs_no_neighbour_when_damaged("raspberry-pi-5");
}

#[test]
fn a_server_loses_what_is_gone_and_no_more() {
    costs_no_neighbour_when_gone("x86-server");
}

#[test]
fn a_server_loses_what_is_damaged_and_no_more() {
    costs_no_neighbour_when_damaged("x86-server");
}

#[test]
fn a_virtual_machine_loses_what_is_gone_and_no_more() {
    costs_no_neighbour_when_gone("virtual-machine");
}

#[test]
fn a_virtual_machine_loses_what_is_damaged_and_no_more() {
    costs_no_neighbour_when_damaged("virtual-machine");
}

#[test]
fn a_container_loses_what_is_gone_and_no_more() {
    costs_no_neighbour_when_gone("container");
}

#[test]
fn a_container_loses_what_is_damaged_and_no_more() {
    costs_no_neighbour_when_damaged("container");
}

#[test]
fn the_least_that_a_kernel_gives_loses_what_is_gone_and_no_more() {
    costs_no_neighbour_when_gone("bare");
}

#[test]
fn the_least_that_a_kernel_gives_loses_what_is_damaged_and_no_more() {
    costs_no_neighbour_when_damaged("bare");
}
