//! The sources of a sample: one file each, declared in `COLLECTORS`. A collector that fails says why, keeps what
//! it had already set and disturbs no other. None needs privileges; a source this host lacks is not an error.

pub mod apart;
mod command;
pub mod container;
pub mod cpu;
pub mod custom;
pub mod device;
pub mod drive;
pub mod earlier;
pub mod file;
pub mod filesystem;
mod globbed;
pub mod hwmon;
pub mod link;
pub mod load;
pub mod memory;
pub mod mountinfo;
pub mod network;
pub mod paging;
mod patience;
pub mod pressure;
pub mod process;
mod scan;
pub mod space;
pub mod system;
pub mod tcp;
pub mod temperature;
pub mod throttling;
pub mod traffic;
pub mod unit;
pub mod voltage;
pub mod watch;

use std::cell::OnceCell;
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use anyhow::Context;
use chrono::NaiveDate;

use crate::alert::absence::GAP;
use crate::alert::expect::MISSING;
use crate::bench::metrics as bench;
use crate::metric::{Metric, Unit};
use crate::sample::{Process, Sample, Values};
use crate::series::glob;
use crate::time::{Now, Zone};
use apart::Answer;
use earlier::{Earlier, Stuck};
use scan::Stat;
use space::Space;
use traffic::Billing;
use watch::Watch;

/// One source of numbers.
pub struct Collector {
    pub name: &'static str,
    /// In the order in which they are shown.
    pub metrics: &'static [&'static Metric],
    pub collect: fn(&Host<'_>, &mut Reading) -> anyhow::Result<()>,
    /// Sets what follows from the numbers of this sample, its rates included.
    pub follow: Option<fn(&mut Values)>,
}

impl Collector {
    pub const fn new(
        name: &'static str,
        metrics: &'static [&'static Metric],
        collect: fn(&Host<'_>, &mut Reading) -> anyhow::Result<()>,
    ) -> Self {
        Collector { name, metrics, collect, follow: None }
    }

    #[must_use]
    pub const fn following(mut self, follow: fn(&mut Values)) -> Self {
        self.follow = Some(follow);
        self
    }
}

/// All sources, in the order in which they are read and shown.
pub static COLLECTORS: &[&Collector] = &[
    &cpu::COLLECTOR,
    &pressure::COLLECTOR,
    &memory::COLLECTOR,
    &paging::COLLECTOR,
    &filesystem::COLLECTOR,
    &device::COLLECTOR,
    &drive::COLLECTOR,
    &temperature::COLLECTOR,
    &voltage::COLLECTOR,
    &throttling::COLLECTOR,
    &load::COLLECTOR,
    &network::COLLECTOR,
    &link::COLLECTOR,
    &traffic::COLLECTOR,
    &tcp::COLLECTOR,
    &system::COLLECTOR,
    &container::COLLECTOR,
    &process::COLLECTOR,
    &watch::COLLECTOR,
    &file::COLLECTOR,
    &unit::COLLECTOR,
];

pub static COLLECTOR_FAILED: Metric = Metric::gauge(
    "collector_failed",
    Unit::Count,
    "1 if the collector failed in this run, else 0; one for each collector active on this host.",
)
.labelled("collector")
.phrased_as_state("collector {label} fails", "collector {label} works again");

/// Judged and told like any other, but never stored as 1: such a line has no file to be in.
pub static STORE_FAILED: Metric = Metric::gauge(
    "store_failed",
    Unit::Count,
    "1 while samples cannot be stored; judged by a rule of its own, never stored.",
)
.phrased_as_state("samples cannot be stored", "samples are stored again");

/// Every metric there is: those this program measures, in the order of the registry, and those that the configuration
/// declares.
pub fn metrics() -> impl Iterator<Item = &'static Metric> {
    built_in().chain(custom::declared::all())
}

/// Those that need no configuration.
pub fn built_in() -> impl Iterator<Item = &'static Metric> {
    let own = [&COLLECTOR_FAILED, &STORE_FAILED, &MISSING, &GAP];
    let read = COLLECTORS.iter().flat_map(|collector| collector.metrics.iter().copied());
    read.chain(own).chain(bench::METRICS.iter().copied())
}

/// The descriptor of a name.
pub fn find(name: &str) -> Option<&'static Metric> {
    static BY_NAME: LazyLock<HashMap<&str, &Metric>> =
        LazyLock::new(|| built_in().map(|metric| (metric.name, metric)).collect());
    BY_NAME.get(name).copied().or_else(|| custom::declared::find(name))
}

/// Old name → name.
pub fn formerly() -> Vec<(&'static str, &'static str)> {
    metrics().flat_map(|metric| metric.formerly.iter().map(|old| (*old, metric.name))).collect()
}

/// What a collector is given: where to read, and what to leave out.
pub struct Host<'a> {
    /// `/`, or a tree with `proc` and `sys` to read instead.
    pub root: &'a Path,
    pub boot_id: &'a str,
    pub uptime: f64,
    /// Seconds of it that were slept through.
    pub suspended: f64,
    /// The wall clock, for what is as old as its files say.
    pub epoch: i64,
    /// The local date, for what is counted by the day.
    pub today: NaiveDate,
    pub settings: &'a Settings,
    /// The newest stored line, of this boot or another: what is counted on goes on from it.
    pub last: Option<&'a Sample>,
    /// What an earlier run of this boot left.
    pub earlier: Option<&'a Earlier>,
    /// statvfs(3), or what a test puts in its place.
    pub space: fn(&Path) -> io::Result<Space>,
    /// The same for mounts that may never answer.
    pub apart: fn(&[PathBuf]) -> Vec<Answer>,
    /// Those of which an earlier run got no answer.
    pub stuck: &'a [Stuck],
}

impl<'a> Host<'a> {
    /// A host at one moment, with nothing known of it before.
    pub fn new(root: &'a Path, now: &'a Now, settings: &'a Settings) -> Self {
        Host {
            root,
            boot_id: &now.boot_id,
            uptime: now.uptime,
            suspended: now.suspended,
            epoch: now.utc.timestamp(),
            today: Zone::Local.date(now.utc),
            settings,
            last: None,
            earlier: None,
            space: space::statvfs,
            apart: apart::ask,
            stuck: &[],
        }
    }

    /// Reads a file of procfs or sysfs whole.
    pub fn read(&self, path: &str) -> anyhow::Result<Vec<u8>> {
        let full = self.root.join(path);
        read_whole(&full).with_context(|| format!("could not read {}", full.display()))
    }

    /// The same for a file that not every kernel has: without it, it is empty.
    pub fn read_if_there(&self, path: &str) -> anyhow::Result<Vec<u8>> {
        let full = self.root.join(path);
        match read_whole(&full) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            other => other.with_context(|| format!("could not read {}", full.display())),
        }
    }

    /// The newest stored line, if it is of this boot.
    pub fn last_of_this_boot(&self) -> Option<&Sample> {
        let is_ours = |last: &&Sample| {
            last.boot_id == self.boot_id && last.uptime.is_some_and(|uptime| uptime <= self.uptime)
        };
        self.last.filter(is_ours)
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }
}

/// What the configuration says about sources.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    pub filesystems: Filter,
    pub devices: Filter,
    pub interfaces: Filter,
    pub billing: Billing,
    pub watch: Vec<Watch>,
    pub files: Vec<file::Watched>,
    pub custom: Vec<custom::Custom>,
}

/// Files of procfs say that they are empty, so the usual way would first ask for their size and then read them in
/// many small steps.
pub fn read_whole(path: &Path) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let mut content = Vec::with_capacity(4 * 1024);
    while rustix::io::read(&file, rustix::buffer::spare_capacity(&mut content))? > 0 {
        content.reserve(content.capacity() / 2);
    }
    Ok(content)
}

/// The trimmed text of a small file; `None` if it cannot be read or is no text.
pub fn read_text(path: &Path) -> Option<String> {
    // The kernel gives such a file whole in one read; asking again for its end would cost as much.
    let mut content = Vec::with_capacity(4 * 1024);
    rustix::io::read(&File::open(path).ok()?, rustix::buffer::spare_capacity(&mut content)).ok()?;
    let text = String::from_utf8(content).ok()?;
    Some(text.trim().to_owned())
}

/// Which labels to measure: an include wins over every reason to leave one out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    pub include: Vec<String>,
    pub exclude: Vec<String>,
}

impl Filter {
    pub fn is_empty(&self) -> bool {
        self.include.is_empty() && self.exclude.is_empty()
    }

    pub fn includes(&self, label: &str) -> bool {
        self.include.iter().any(|pattern| glob(pattern, label))
    }

    pub fn excludes(&self, label: &str) -> bool {
        self.exclude.iter().any(|pattern| glob(pattern, label))
    }
}

/// What the collectors found.
#[derive(Debug, Default)]
pub struct Reading {
    pub values: Values,
    pub top: Vec<Process>,
    /// For the next run of this boot.
    pub earlier: Earlier,
    /// Sensors are listed once for all that reads them.
    chips: OnceCell<Vec<hwmon::Chip>>,
    /// Texts that say what kind of host it is, by name.
    pub facts: BTreeMap<String, String>,
    /// Collector → why it failed.
    pub errors: BTreeMap<String, String>,
    /// Every process, for those who look closer; `None`: they could not be read.
    stats: Option<Vec<Stat>>,
}

/// Runs every collector, each alone.
pub fn run(host: &Host<'_>) -> Reading {
    let mut reading = Reading::default();
    reading.earlier.uptime = host.uptime;
    for collector in COLLECTORS {
        let before = reading.values.entries().count();
        let outcome = (collector.collect)(host, &mut reading);
        let active = reading.values.entries().count() > before;
        match outcome {
            Ok(()) if active => reading.values.set_for(&COLLECTOR_FAILED, collector.name, 0),
            Ok(()) => {}
            Err(error) => {
                reading.values.set_for(&COLLECTOR_FAILED, collector.name, 1);
                reading.errors.insert(collector.name.to_owned(), format!("{error:#}"));
            }
        }
    }
    // After the others, whose numbers would else be of what these start.
    if !host.settings.custom.is_empty() {
        custom::collect(host, &mut reading);
    }
    reading
}

/// Sets what follows from the numbers of a sample and its rates.
pub fn follow(values: &mut Values) {
    for follow in COLLECTORS.iter().filter_map(|collector| collector.follow) {
        follow(values);
    }
}

/// Only the counters that rates are derived from: the first of two readings when no earlier line serves.
pub fn run_cumulative(host: &Host<'_>) -> Values {
    let mut reading = Reading::default();
    for collector in COLLECTORS
        .iter()
        .filter(|collector| collector.metrics.iter().any(|metric| metric.has_derived()))
    {
        // What fails here fails again, and is reported, in the full reading.
        _ = (collector.collect)(host, &mut reading);
    }
    reading.values
}

#[cfg(test)]
pub mod tests {
    use std::collections::BTreeSet;

    use super::space::tests::SPACE;
    use super::*;
    use crate::metric::Kind;
    use crate::sample::RESERVED;

    static EVERYTHING: LazyLock<Settings> = LazyLock::new(Settings::default);

    /// A host read from a tree in `tests/fixtures`, with file systems of 1000 blocks, 100 of them free.
    pub fn fixture(root: &Path) -> Host<'_> {
        let space = |_: &Path| Ok(SPACE);
        let apart = |paths: &[PathBuf]| paths.iter().map(|_| Answer::Space(Ok(SPACE))).collect();
        Host {
            root,
            boot_id: "boot",
            uptime: 1_000.0,
            suspended: 0.0,
            epoch: 0,
            today: NaiveDate::default(),
            settings: &EVERYTHING,
            last: None,
            earlier: None,
            space,
            apart,
            stuck: &[],
        }
    }

    pub fn tree(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
    }

    #[test]
    fn names_are_unique_snake_case_and_not_reserved() {
        let mut seen = BTreeSet::new();
        for metric in built_in() {
            assert!(seen.insert(metric.name), "{} twice", metric.name);
            assert!(
                metric
                    .name
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'),
                "{}",
                metric.name
            );
            assert!(
                !RESERVED.contains(&metric.name) && !metric.name.starts_with("custom_"),
                "{}",
                metric.name
            );
            assert!(metric.help.ends_with('.'), "{}", metric.name);
        }
    }

    #[test]
    fn percentages_and_rates_end_in_their_unit() {
        for metric in built_in() {
            assert_eq!(
                metric.unit == Unit::Percent,
                metric.name.ends_with("_percent"),
                "{}",
                metric.name
            );
            assert_eq!(
                matches!(metric.unit, Unit::BytesPerSecond | Unit::PerSecond),
                metric.name.ends_with("_rate"),
                "{}",
                metric.name
            );
        }
    }

    #[test]
    fn derived_metrics_are_listed_beside_their_counters() {
        for collector in COLLECTORS {
            let listed =
                |wanted: &Metric| collector.metrics.iter().any(|metric| metric.name == wanted.name);
            for metric in collector.metrics {
                match metric.kind {
                    Kind::Counter(several) => {
                        for derived in several {
                            let metric_derived = derived.metric();
                            let beside = metric_derived.label == metric.label;
                            assert!(listed(metric_derived) && beside, "{}", metric_derived.name);
                        }
                    }
                    Kind::Ticks(shares) => {
                        assert!(shares.iter().all(|share| listed(share.metric)), "{}", metric.name);
                    }
                    _ => {}
                }
            }
        }
    }

    #[test]
    fn a_failing_collector_says_why_and_disturbs_no_other() {
        let reading = run(&fixture(Path::new("/nonexistent")));
        assert_eq!(reading.values.get("collector_failed", Some("cpu")), Some(1.0));
        assert!(reading.errors["cpu"].contains("could not read /nonexistent/proc/stat"));
        assert_eq!(reading.values.get("collector_failed", Some("system")), Some(0.0));
    }
}
