//! One sample: what was stored before, what the collectors find now, and the rates between the two.

use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::super::Context;
use crate::alert::expect;
use crate::collector::{self, Host, filesystem, process::Ticks};
use crate::config::Config;
use crate::continuity::{DEFAULT_INTERVAL, SUSPENDED, TOLERANCE, is_pace, usual_spacing};
use crate::metric::Metric;
use crate::rates::derive;
use crate::sample::read::{Wanted, head, line};
use crate::sample::{SCHEMA, Sample, Values};
use crate::store::runtime::Runtime;
use crate::store::{Store, tail};
use crate::time::{Moment, Now, Zone};

/// Rates over less are noise.
const SHORTEST: f64 = 2.0;
const LONGEST: f64 = 3_600.0;
/// Without a usable earlier line, two readings so far apart.
const TWO_READINGS: Duration = Duration::from_millis(200);
/// Two intervals that differ by less agree.
const STEADY: f64 = 0.02;
/// How many lines tell the usual spacing.
const SPACING_LINES: usize = 11;

/// The end of what is stored.
pub(super) struct Recent {
    /// The line before this run's.
    pub newest: Option<Sample>,
    /// The line that rates are derived from.
    pub base: Option<Sample>,
    /// Expected seconds between samples.
    pub interval: f64,
}

impl Recent {
    /// From the ends of the files of today and yesterday.
    pub(super) fn read(store: &Store, now: &Now, log_interval: Option<f64>) -> Self {
        let today = Zone::Local.date(now.utc);
        let cumulative =
            collector::metrics().filter(|metric| metric.is_cumulative()).map(|metric| metric.name);
        let counters = Wanted::names(cumulative).and(SUSPENDED);
        let mut recent =
            Recent { newest: None, base: None, interval: log_interval.unwrap_or(DEFAULT_INTERVAL) };
        let mut moments: Vec<Moment> = Vec::new();
        let paths = [Some(today), today.pred_opt()].into_iter().flatten();
        let lines = paths.filter_map(|date| tail::Backwards::open(&store.metrics_file(date)));
        for text in lines.flatten() {
            let searching = recent.base.is_none();
            let read = if searching { line(&text, &counters) } else { head(&text) };
            let Ok(sample) = read else { continue };
            moments.push(sample.moment());
            if searching && is_base(&sample, now, recent.interval) {
                recent.base = Some(sample.clone());
            }
            recent.newest.get_or_insert(sample);
            let steady = recent.newest.as_ref().and_then(|newest| steady_interval(newest, now));
            if let Some(interval) = log_interval.or(steady).filter(|_| recent.base.is_some()) {
                recent.interval = interval;
                return recent;
            }
            if moments.len() >= SPACING_LINES {
                break;
            }
        }
        if log_interval.is_none() {
            moments.reverse();
            recent.interval = usual_spacing(&moments).unwrap_or(DEFAULT_INTERVAL);
        }
        recent
    }
}

/// The spacing of the last two intervals, if they agree: nothing older need then be read.
fn steady_interval(newest: &Sample, now: &Now) -> Option<f64> {
    let (before, moment) = (newest.interval?, now.moment());
    let last = moment.seconds_since(&newest.moment());
    let agree = moment.same_boot(&newest.moment()) && (last - before).abs() <= before * STEADY;
    (agree && is_pace(before)).then_some(before)
}

/// Of this boot, old enough to tell a rate, and recent enough to tell a true one.
fn is_base(sample: &Sample, now: &Now, interval: f64) -> bool {
    let (earlier, moment) = (sample.moment(), now.moment());
    let age = moment.uptime - earlier.uptime;
    moment.same_boot(&earlier) && age >= SHORTEST && age <= LONGEST.max(TOLERANCE * interval)
}

pub(super) struct Taken {
    pub sample: Sample,
    /// For the next run's `top`; none if the last ones are to be kept.
    pub ticks: Option<Ticks>,
}

/// Reads the host.
pub(super) fn sample(
    context: &Context<'_>,
    config: &Config,
    host: &str,
    recent: &Recent,
    runtime: &Runtime,
) -> Taken {
    let now = &context.now;
    let cached = runtime.ticks(&now.boot_id).filter(|ticks| ticks.uptime <= now.uptime);
    let too_young = cached.as_ref().is_some_and(|ticks| now.uptime - ticks.uptime < SHORTEST);
    let earlier = cached.filter(|_| !too_young);
    let source = Host {
        root: context.root,
        uptime: now.uptime,
        suspended: now.suspended,
        filesystems: &config.filesystems,
        interfaces: &config.interfaces,
        earlier: earlier.as_ref(),
        space: filesystem::statvfs,
    };
    let first = if recent.base.is_none() { Some(first_reading(&source)) } else { None };
    let mut reading = collector::run(&source);
    let (base, elapsed) = match (&first, &recent.base) {
        (Some((values, started)), _) => (Some(values), started.elapsed().as_secs_f64()),
        (None, Some(base)) => (Some(&base.values), now.uptime - base.uptime.unwrap_or(now.uptime)),
        (None, None) => (None, 0.0),
    };
    if let Some(base) = base {
        let metrics: Vec<&'static Metric> = collector::metrics().collect();
        derive(metrics.iter(), base, &mut reading.values, elapsed);
    }
    let mut sample = Sample {
        timestamp: Zone::Local.at(now.utc),
        schema: SCHEMA,
        host: host.to_owned(),
        boot_id: now.boot_id.clone(),
        uptime: Some(now.uptime),
        interval: base.map(|_| (elapsed * 100.0).round() / 100.0),
        values: reading.values,
        top: reading.top,
        errors: reading.errors,
        other: std::collections::BTreeMap::new(),
    };
    expect::note(&mut sample, &config.expect, collector::find);
    Taken { sample, ticks: reading.ticks.filter(|_| !too_young) }
}

fn first_reading(source: &Host<'_>) -> (Values, Instant) {
    let started = Instant::now();
    let values = collector::run_cumulative(source);
    // A tree of files does not change while we wait.
    if source.root == Path::new("/") {
        sleep(TWO_READINGS);
    }
    (values, started)
}
