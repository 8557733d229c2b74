//! The sources of a sample: one file each, declared in `COLLECTORS`. A collector that fails says why, keeps what
//! it had already set and disturbs no other. None needs privileges; a source this host lacks is not an error.

pub mod apart;
mod bus;
pub mod clock;
mod command;
pub mod container;
pub mod cpu;
pub mod custom;
pub mod device;
mod diskstats;
pub mod drive;
pub mod earlier;
pub mod file;
pub mod filesystem;
mod globbed;
mod host;
pub mod hwmon;
mod kind;
pub mod link;
pub mod load;
pub mod memory;
pub mod mountinfo;
pub mod network;
pub mod own;
pub mod paging;
pub mod patience;
pub mod pressure;
pub mod process;
mod raid;
mod readonly;
mod scan;
pub mod space;
mod sysfs;
pub mod system;
pub mod tcp;
pub mod temperature;
pub mod throttling;
pub mod traffic;
pub mod unit;
pub mod voltage;
pub mod watch;

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::alert::absence::GAP;
use crate::alert::expect::MISSING;
use crate::bench::metrics as bench;
use crate::metric::{Judged, Metric, Unit};
use crate::sample::{Process, Values};
use earlier::Earlier;
pub use host::{Filter, Host, Settings, read_text, read_whole};
use scan::Stat;

/// One source of numbers.
pub struct Collector {
    pub name: &'static str,
    /// In the order in which they are shown.
    pub metrics: &'static [&'static Metric],
    pub collect: fn(&Host<'_>, &mut Reading) -> anyhow::Result<()>,
    /// Sets what follows from the numbers of this sample, its rates included.
    pub follow: Option<fn(&mut Reading)>,
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
    pub const fn following(mut self, follow: fn(&mut Reading)) -> Self {
        self.follow = Some(follow);
        self
    }
}

/// All sources, in the order in which they are read and shown.
pub static COLLECTORS: &[&Collector] = &[
    &cpu::COLLECTOR,
    &pressure::COLLECTOR,
    &container::COLLECTOR,
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
    &process::COLLECTOR,
    &watch::COLLECTOR,
    &file::COLLECTOR,
    &own::COLLECTOR,
    &unit::COLLECTOR,
];

pub static COLLECTOR_FAILED: Metric = Metric::gauge(
    "collector_failed",
    Unit::Count,
    "1 if the collector failed in this run, else 0; one for each collector active on this host.",
)
.labelled("collector")
.phrased_as_state("collector {label} fails", "collector {label} works again")
// Of the others nobody asked for their numbers, and some hosts never have them.
.judged(&[Judged::warning(1.0).until(0.0).lasting(900.0).only(&["custom:*", "file", "watch"])]);

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
    measured().filter(|metric| !metric.apart).chain(unmeasured())
}

fn unmeasured() -> impl Iterator<Item = &'static Metric> {
    let own = [&COLLECTOR_FAILED, &STORE_FAILED, &MISSING, &GAP];
    own.into_iter().chain(bench::METRICS.iter().copied())
}

/// What collectors read, and what is derived from it.
pub fn measured() -> impl Iterator<Item = &'static Metric> {
    COLLECTORS.iter().flat_map(|collector| collector.metrics.iter().copied())
}

/// The descriptor of a name.
pub fn find(name: &str) -> Option<&'static Metric> {
    known(name).map(|known| known.metric).or_else(|| custom::declared::find(name))
}

/// A metric that needs no configuration.
#[derive(Clone, Copy)]
pub struct Known {
    pub metric: &'static Metric,
    /// The place in `COLLECTORS` of the one that measures it.
    pub collector: Option<usize>,
}

/// Sorted rather than hashed: a run that looks up a few names must not pay for all of them. By length first, where
/// most differ.
pub fn known(name: &str) -> Option<Known> {
    static BY_NAME: LazyLock<Vec<Known>> = LazyLock::new(|| {
        let measured = COLLECTORS.iter().enumerate().flat_map(|(at, collector)| {
            let stored = collector.metrics.iter().filter(|metric| !metric.apart);
            stored.map(move |metric| Known { metric, collector: Some(at) })
        });
        let others = unmeasured().map(|metric| Known { metric, collector: None });
        let mut metrics: Vec<Known> = measured.chain(others).collect();
        metrics.sort_unstable_by_key(|known| (known.metric.name.len(), known.metric.name));
        metrics
    });
    let at = BY_NAME.binary_search_by_key(&(name.len(), name), |known| {
        (known.metric.name.len(), known.metric.name)
    });
    at.ok().and_then(|at| BY_NAME.get(at)).copied()
}

/// Old name → name.
pub fn formerly() -> Vec<(&'static str, &'static str)> {
    metrics().flat_map(|metric| metric.formerly.iter().map(|old| (*old, metric.name))).collect()
}

/// What the collectors found.
#[derive(Debug, Default)]
pub struct Reading {
    pub values: Values,
    pub top: Vec<Process>,
    /// For the next run of this boot.
    pub earlier: Earlier,
    /// The measured interfaces with hardware behind them, asked once for all that wants to know.
    cards: Vec<String>,
    /// Sensors are listed once for all that reads them.
    chips: OnceCell<Vec<hwmon::Chip>>,
    /// Collector → why it failed.
    pub errors: BTreeMap<String, String>,
    /// Source → what its plugin says, which is not content.
    pub said: BTreeMap<String, String>,
    /// Every process, for those who look closer; `None`: they could not be read.
    stats: Option<Vec<Stat>>,
    /// We run in a container, and some numbers are those of its whole host.
    contained: bool,
    /// Something is mounted that another machine or a process serves, and that may never answer.
    served: bool,
}

/// Characters of an error that are kept: it may quote what could not be understood.
const LONGEST_ERROR: usize = 500;

/// Runs every collector, each alone.
pub fn run(host: &Host<'_>) -> Reading {
    let mut reading = Reading::default();
    reading.earlier.uptime = host.uptime;
    reading.earlier.turn = host.earlier.map_or(0, |earlier| earlier.turn.wrapping_add(1));
    for collector in COLLECTORS {
        let before = reading.values.entries().count();
        let outcome = (collector.collect)(host, &mut reading);
        let active = reading.values.entries().count() > before;
        match outcome {
            Ok(()) if active => reading.values.set_for(&COLLECTOR_FAILED, collector.name, 0),
            Ok(()) => {}
            Err(error) => {
                reading.values.set_for(&COLLECTOR_FAILED, collector.name, 1);
                let text: String = format!("{error:#}").chars().take(LONGEST_ERROR).collect();
                reading.errors.insert(collector.name.to_owned(), text);
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
pub fn follow(reading: &mut Reading) {
    for follow in COLLECTORS.iter().filter_map(|collector| collector.follow) {
        follow(reading);
    }
}

/// Takes out what is left to the next run and not stored.
pub fn set_apart(reading: &mut Reading) {
    for metric in measured().filter(|metric| metric.apart) {
        if let Some(entry) = reading.values.remove(metric.name) {
            reading.earlier.counters.insert(metric.name.into(), entry);
        }
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
    use std::path::{Path, PathBuf};
    use std::time::Duration;

    use chrono::NaiveDate;

    use super::apart::{Answer, Question};

    use super::space::tests::SPACE;
    use super::*;
    use crate::metric::Kind;
    use crate::sample::RESERVED;

    static EVERYTHING: LazyLock<Settings> = LazyLock::new(Settings::default);

    /// A host read from a tree in `tests/fixtures`, with file systems of 1000 blocks, 100 of them free.
    pub fn fixture(root: &Path) -> Host<'_> {
        let space = |_: &Path| Ok(SPACE);
        let apart = |questions: &[Question], _: Duration| {
            questions.iter().map(|_| Answer::Said(Ok(SPACE.words()))).collect()
        };
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
            cost: None,
            space,
            apart,
            stuck: &[],
            patience: patience::Patience::new(),
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
