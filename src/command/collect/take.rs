//! One sample: what was stored before, what the collectors find now, and the rates between the two.

use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::json;

use super::super::Context;
use crate::alert::expect;
use crate::collector::{self, Host, earlier::Earlier};
use crate::config::Config;
use crate::continuity::{
    DEFAULT_INTERVAL, SPACING_LINES, SUSPENDED, TOLERANCE, interval_at, steady_spacing,
};
use crate::rates::derive;
use crate::sample::read::{Wanted, head, line};
use crate::sample::{SAID, SCHEMA, Sample, Values};
use crate::store::runtime::Runtime;
use crate::store::{Store, tail};
use crate::time::{Moment, Now, Zone};

/// Rates over less are noise.
const SHORTEST: f64 = 2.0;
const LONGEST: f64 = 3_600.0;
/// Without a usable earlier line, two readings so far apart.
const TWO_READINGS: Duration = Duration::from_millis(200);

/// The end of what is stored.
pub(super) struct Recent {
    /// The line before this run's.
    pub newest: Option<Rc<Sample>>,
    /// The line that rates are derived from, mostly the same.
    pub base: Option<Rc<Sample>>,
    /// Expected seconds between samples.
    pub interval: f64,
}

impl Recent {
    /// From the ends of the files of today and yesterday; the newest line from any earlier day.
    pub(super) fn read(store: &Store, now: &Now, log_interval: Option<f64>) -> Self {
        let (today, moment) = (Zone::Local.date(now.utc), now.moment());
        let cumulative =
            collector::metrics().filter(|metric| metric.is_continued()).map(|metric| metric.name);
        let counters = Wanted::names(cumulative).and(SUSPENDED);
        let mut recent =
            Recent { newest: None, base: None, interval: log_interval.unwrap_or(DEFAULT_INTERVAL) };
        let mut moments: Vec<Moment> = Vec::new();
        let paths = [Some(today), today.pred_opt()].into_iter().flatten();
        let lines = paths.filter_map(|date| tail::Backwards::open(&store.metrics_file(date)));
        for text in lines.flatten() {
            let searching = recent.base.is_none();
            let read = if searching { line(&text, &counters) } else { head(&text) };
            let Ok(sample) = read.map(Rc::new) else { continue };
            moments.push(sample.moment());
            if searching && is_base(&sample, now, recent.interval) {
                recent.base = Some(Rc::clone(&sample));
            }
            let newest = recent.newest.get_or_insert(sample);
            let is_known = log_interval.is_some()
                || steady_spacing(&moment, &newest.moment(), newest.interval).is_some();
            if (is_known && recent.base.is_some()) || moments.len() >= SPACING_LINES {
                break;
            }
        }
        moments.reverse();
        let newest = recent.newest.as_ref().map(|newest| (newest.moment(), newest.interval));
        let newest_moment = newest.as_ref().map(|(newest, covered)| (newest, *covered));
        recent.interval = interval_at(&moment, log_interval, newest_moment, || moments);
        // After days without a line it is the older ones that tell how long nobody watched.
        if recent.newest.is_none() {
            let last = store.last(today, &counters).ok().flatten();
            recent.newest = last.filter(|last| last.epoch() <= moment.epoch).map(Rc::new);
        }
        recent
    }

    /// Whether the newest line is as old as that, and so of the same run.
    fn is_as_old(&self, age: f64, now: &Now) -> bool {
        let newest = self.newest.as_ref().map(|newest| newest.moment());
        let newest = newest.filter(|newest| now.moment().same_boot(newest));
        newest
            .is_some_and(|newest| (now.uptime - newest.uptime - age).abs() < 1.0 && age >= SHORTEST)
    }
}

/// Of this boot, old enough to tell a rate, and recent enough to tell a true one.
fn is_base(sample: &Sample, now: &Now, interval: f64) -> bool {
    let (earlier, moment) = (sample.moment(), now.moment());
    let age = moment.uptime - earlier.uptime;
    moment.same_boot(&earlier) && serves(age, interval)
}

/// Whether a rate over so many seconds is told.
fn serves(age: f64, interval: f64) -> bool {
    age >= SHORTEST && age <= LONGEST.max(TOLERANCE * interval)
}

pub(super) struct Taken {
    pub sample: Sample,
    /// For the next run.
    pub earlier: Earlier,
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
    let kept = runtime.earlier(&now.boot_id);
    let (earlier, young) = match kept.as_ref().map(|kept| (kept, now.uptime - kept.uptime)) {
        Some((kept, age)) if serves(age, recent.interval) || recent.is_as_old(age, now) => {
            (Some(kept), None)
        }
        Some((kept, age)) if (0.0..SHORTEST).contains(&age) => (None, Some(kept)),
        _ => (None, None),
    };
    let source = Host {
        last: recent.newest.as_deref(),
        earlier,
        cost: runtime.cost(),
        stuck: kept.as_ref().map_or(&[], |kept| &kept.stuck),
        ..Host::new(context.root, now, &config.sources)
    };
    let first = if recent.base.is_none() { Some(first_reading(&source)) } else { None };
    let mut reading = collector::run(&source);
    let (base, elapsed) = match (&first, &recent.base) {
        (Some((values, started)), _) => (Some(values), started.elapsed().as_secs_f64()),
        (None, Some(base)) => (Some(&base.values), now.uptime - base.uptime.unwrap_or(now.uptime)),
        (None, None) => (None, 0.0),
    };
    if let Some(base) = base {
        let custom = collector::custom::declared::all();
        derive(collector::measured().chain(custom), base, &mut reading.values, elapsed);
    }
    if let (None, Some(earlier)) = (&first, earlier) {
        let elapsed = now.uptime - earlier.uptime;
        let apart = collector::measured().filter(|metric| metric.apart);
        derive(apart, &earlier.counters, &mut reading.values, elapsed);
    }
    collector::follow(&mut reading);
    collector::set_apart(&mut reading);
    let facts = reading.earlier.facts.clone();
    let is_told =
        source.last_is_of_today() && kept.as_ref().is_some_and(|kept| kept.facts == facts);
    let said = (!reading.said.is_empty()).then(|| json!(reading.said));
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
        facts: if is_told { BTreeMap::new() } else { facts },
        other: said.map(|said| (SAID.to_owned(), said)).into_iter().collect(),
    };
    // A disk has a number in every reading, but not in every line.
    let counted = |name: &str| expect::is_there(&reading.earlier.counters, name);
    expect::note(&mut sample, &config.expect, counted, collector::find);
    // What is too young to be measured from will be old enough for the next run; who waits for an answer is news.
    let earlier = match young {
        Some(kept) => Earlier { stuck: reading.earlier.stuck, ..kept.clone() },
        None => reading.earlier,
    };
    Taken { sample, earlier }
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
