//! Processes that must run: whether they do, how many, what they take, and how often they began anew. From the
//! processes that were read for all anyway; nothing more is read unless something is watched.

mod cgroup;
pub mod find;
mod usage;

use std::fs;

use anyhow::{Context, bail};

use super::process::cpu_percent;
use super::scan::{Stat, taken_over};
use super::{Collector, Host, Reading};
use crate::metric::{Judged, Metric, Unit};
use crate::sample::Values;
use find::{By, Processes};

/// What is watched.
#[derive(Clone, Debug)]
pub struct Watch {
    /// The label of its numbers.
    pub name: String,
    pub by: By,
    pub min: u64,
    pub max: Option<u64>,
}

pub static PROCESSES: Metric =
    Metric::gauge("watch_processes", Unit::Count, "Processes that are watched under this name.")
        .labelled("watch")
        .phrased("{value} processes of {label}");
static MISSING: Metric = Metric::gauge(
    "watch_missing",
    Unit::Count,
    "1 if fewer of the watched processes run than must, else 0.",
)
.labelled("watch")
.phrased_as_state("{label} is not running", "{label} runs again")
.phrased_beside(&PROCESSES, "only {value} of {label} running")
.judged(&[Judged::critical(1.0)]);
static EXCESS: Metric = Metric::gauge(
    "watch_excess",
    Unit::Count,
    "1 if more of the watched processes run than may, else 0; only where there is a limit.",
)
.labelled("watch")
.phrased_as_state("{label} runs too often", "{label} runs no longer too often")
.phrased_beside(&PROCESSES, "too many of {label} running ({value})")
.judged(&[Judged::warning(1.0)]);
pub static CPU: Metric = Metric::gauge(
    "watch_cpu_percent",
    Unit::Percent,
    "CPU time of the watched processes since the previous run, in per cent of one core.",
)
.labelled("watch")
.phrased("{label} takes {value} of one core");
pub static MEMORY: Metric =
    Metric::gauge("watch_memory", Unit::Bytes, "Resident memory of the watched processes.")
        .labelled("watch")
        .phrased("{label} takes {value} of memory");
static THREADS: Metric =
    Metric::gauge("watch_threads", Unit::Count, "Threads of the watched processes.")
        .labelled("watch")
        .phrased("{value} threads of {label}");
static FILES: Metric = Metric::gauge(
    "watch_files",
    Unit::Count,
    "Open files of the watched processes; absent where they may not be counted: on kernels before 6.2, of other users' processes.",
)
.labelled("watch")
.phrased("{value} open files of {label}");
static FILES_PERCENT: Metric = Metric::gauge(
    "watch_files_percent",
    Unit::Percent,
    "Open files of a watched process as a share of its own limit, the highest of them; absent where watch_files is.",
)
.labelled("watch")
.phrased("open files of {label} at {value} of its limit")
.judged(&[Judged::warning(90.0)]);
pub static UPTIME: Metric = Metric::gauge(
    "watch_uptime",
    Unit::Seconds,
    "Time since the oldest of the watched processes began.",
)
.labelled("watch")
.phrased("{label} has run for {value}")
.carried();
pub static RESTARTS: Metric = Metric::counter(
    "watch_restarts",
    Unit::Count,
    &[],
    "How often the oldest of the watched processes was another one than in the line before; goes on over reboots, which do not count.",
)
.labelled("watch")
.phrased("{label} restarted {value} times")
.carried()
.judged(&[Judged::warning(3.0).within(3_600.0)]);

pub static COLLECTOR: Collector = Collector::new(
    "watch",
    &[
        &PROCESSES,
        &MISSING,
        &EXCESS,
        &CPU,
        &MEMORY,
        &THREADS,
        &FILES,
        &FILES_PERCENT,
        &UPTIME,
        &RESTARTS,
    ],
    collect,
);

/// Seconds by which two readings of one start may differ: lines are rounded, and a process may begin while we read.
const SAME_START: f64 = 1.0;

fn collect(host: &Host<'_>, reading: &mut Reading) -> anyhow::Result<()> {
    let watches = &host.settings.watch;
    if watches.is_empty() {
        return Ok(());
    }
    let stats = reading.stats.take();
    let stats = stats.context("could not look for them, as the processes cannot be seen")?;
    let found = processes_of(host, &stats, watches);
    // Nobody is missing before it was looked for on the numbers of kernel threads that may have ended.
    let is_missing = watches.iter().zip(&found).any(|(watch, found)| is_short(watch, found));
    let hidden = host.earlier.filter(|_| is_missing);
    let hidden = hidden.map(|_| taken_over(&host.path("proc"), &stats)).unwrap_or_default();
    let all: Vec<Stat>;
    let found = if hidden.is_empty() {
        found
    } else {
        all = stats.into_iter().filter(|stat| !stat.kernel).chain(hidden).collect();
        processes_of(host, &all, watches)
    };
    let mut failed = Vec::new();
    for (watch, found) in watches.iter().zip(found) {
        if let Some(stats) = &found.stats {
            set(watch, stats, host, &mut reading.values);
        }
        failed.extend(found.fault.map(|why| format!("{}: {why:#}", watch.name)));
    }
    if failed.is_empty() { Ok(()) } else { bail!("{}", failed.join("; ")) }
}

/// The processes of one, `None` if nobody knows; and what was wrong.
struct Found<'a> {
    stats: Option<Vec<&'a Stat>>,
    fault: Option<anyhow::Error>,
}

impl<'a> Found<'a> {
    fn of(stats: Vec<&'a Stat>) -> Self {
        Found { stats: Some(stats), fault: None }
    }
}

/// The processes of each.
fn processes_of<'a>(host: &'a Host<'a>, stats: &'a [Stat], watches: &[Watch]) -> Vec<Found<'a>> {
    let processes = Processes::new(host, stats, watches);
    watches.iter().map(|watch| processes.of(&watch.by)).collect()
}

fn is_short(watch: &Watch, found: &Found<'_>) -> bool {
    found.stats.as_ref().is_some_and(|stats| (stats.len() as u64) < watch.min)
}

/// `nginx` is `nginx.service`.
pub fn unit_name(text: &str) -> String {
    const KINDS: &[&str] = &[
        ".service",
        ".scope",
        ".slice",
        ".socket",
        ".timer",
        ".mount",
        ".automount",
        ".swap",
        ".target",
        ".path",
        ".device",
    ];
    let is_whole = KINDS.iter().any(|kind| text.ends_with(kind));
    if is_whole { text.to_owned() } else { format!("{text}.service") }
}

fn set(watch: &Watch, found: &[&Stat], host: &Host<'_>, values: &mut Values) {
    let (name, count) = (watch.name.as_str(), found.len() as u64);
    values.set_for(&PROCESSES, name, count);
    values.set_for(&MISSING, name, u64::from(count < watch.min));
    if let Some(max) = watch.max {
        values.set_for(&EXCESS, name, u64::from(count > max));
    }
    let start = found.iter().map(|stat| stat.start).min().map(|ticks| {
        let seconds = ticks as f64 / rustix::param::clock_ticks_per_second() as f64;
        // One that began while we read is as old as this reading.
        seconds.min(host.uptime)
    });
    values.set_for(&RESTARTS, name, restarts(name, start, host));
    let Some(start) = start else { return };
    values.set_for(&UPTIME, name, host.uptime - start);
    let page = rustix::param::page_size() as u64;
    let sum =
        |of: fn(&Stat) -> u64| found.iter().fold(0, |sum: u64, stat| sum.saturating_add(of(stat)));
    values.set_for(&MEMORY, name, sum(|stat| stat.pages).saturating_mul(page));
    values.set_for(&THREADS, name, sum(|stat| stat.threads));
    let cpu =
        found.iter().map(|stat| cpu_percent(stat, host.earlier, host.uptime)).sum::<Option<f64>>();
    if let Some(percent) = cpu {
        values.set_for(&CPU, name, percent);
    }
    let Some(files) = usage::files(host, found) else { return };
    values.set_for(&FILES, name, files.open);
    if let Some(percent) = files.percent {
        values.set_for(&FILES_PERCENT, name, percent);
    }
}

/// The count goes on from the newest line. It rises if that line is of this boot and tells of another oldest process,
/// or of none where there is one now.
fn restarts(name: &str, start: Option<f64>, host: &Host<'_>) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count, and saturates"
    )]
    let before = host
        .last
        .and_then(|last| last.values.get(RESTARTS.name, Some(name)))
        .map(|count| count as u64);
    let Some(before) = before else { return 0 };
    let (Some(start), Some(last)) = (start, host.last_of_this_boot()) else { return before };
    let since =
        last.values.get(UPTIME.name, Some(name)).zip(last.uptime).map(|(age, now)| now - age);
    let is_same = since.is_some_and(|since| (since - start).abs() <= SAME_START);
    before + u64::from(!is_same)
}

/// The link `/proc/self`, as the processes below this root are numbered.
fn own_pid(host: &Host<'_>) -> Option<u32> {
    fs::read_link(host.path("proc/self")).ok()?.to_str()?.parse().ok()
}

#[cfg(test)]
mod tests;
