//! `status`: the last sample against its levels, the last 24 hours, what is firing, the last events, and how old and
//! complete the data is.

pub mod check;
mod text;
mod things;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::anyhow;
use serde_json::{Map, Value, json};

use super::selection::Selection;
use super::{Context, standing};
use crate::alert::Level;
use crate::alert::episode::Episode;
use crate::cli::{Exit, Status};
use crate::clock;
use crate::collector::{self, formerly};
use crate::config::Config;
use crate::continuity::{DEFAULT_INTERVAL, SUSPENDED, TOLERANCE, Watch, usual_spacing};
use crate::event::Event;
use crate::gap::Gap;
use crate::metric::Unit;
use crate::render::json as shape;
use crate::sample::Sample;
use crate::sample::read::Wanted;
use crate::series::Series;
use crate::store::range::{Damage, Range};
use crate::store::{Store, tail};
use crate::summary::Summariser;
use crate::time::{Moment, Zone};

const EVENTS: usize = 5;

/// Everything that is shown.
pub struct Facts {
    pub config: Config,
    pub store: Store,
    pub last: Sample,
    pub age: f64,
    pub interval: f64,
    pub stale: bool,
    pub firing: Vec<Episode>,
    /// What could not be told yet.
    pub owed: Option<String>,
    pub events: Vec<Event>,
    pub range: Range,
    pub day: Day,
}

/// The last 24 hours.
#[derive(Default)]
pub struct Day {
    pub series: BTreeMap<Series, Course>,
    pub samples: usize,
    pub first: Option<i64>,
    /// Those that ended in it.
    pub gaps: Vec<Gap>,
    pub damage: Vec<Damage>,
}

/// A series over the last 24 hours.
#[derive(Default)]
pub struct Course {
    points: Vec<(i64, f64)>,
    summariser: Summariser,
}

impl Facts {
    /// The worst of what is firing and not silenced; unknown if the data are stale.
    pub fn level(&self) -> Level {
        if self.stale {
            Level::Unknown
        } else {
            self.counted().map(|episode| episode.level).max().unwrap_or(Level::Ok)
        }
    }

    /// What is firing and not silenced.
    fn counted(&self) -> impl Iterator<Item = &Episode> {
        self.firing.iter().filter(|episode| !episode.is_silenced())
    }

    /// How many alerts are silenced, in words, if any are.
    fn silenced_words(&self) -> Option<String> {
        let silenced = self.firing.len() - self.counted().count();
        (silenced > 0).then(|| format!("{silenced} silenced"))
    }
}

/// # Errors
/// There is no store.
pub fn run(arguments: &Status, context: &mut Context<'_>) -> anyhow::Result<Exit> {
    if arguments.check {
        return check::run(context);
    }
    let facts = gather(context)?;
    if arguments.json {
        writeln!(context.out, "{}", Value::Object(object(&facts)))?;
    } else {
        text::show(&facts, context)?;
    }
    Ok(Exit::Done)
}

/// # Errors
/// There is no store, or none with a sample.
pub fn gather(context: &mut Context<'_>) -> anyhow::Result<Facts> {
    let mut config = context.config()?;
    let store = context.store_to_read(&config)?;
    standing::take_over(&mut config, &store, context);
    let wanted = Wanted::everything().with_formerly(formerly());
    let mut last = last_sample(&store, &wanted, context)?;
    if last.host.is_empty() {
        // Lines of the original module name no host.
        last.host = clock::host(context.root);
    }
    let interval = expected_interval(&config, &store, context);
    let age = age(&last.moment(), &context.now.moment());
    let firing = standing::present(context, &config, &store, Some(&last))?.firing;
    let range = Range::last(86_400, context.now.utc);
    let day = Day::read(&store, range, &last, &config, interval)?;
    let events = with_gaps(store.last_events(EVENTS)?, &day.gaps, &last.host);
    let stale = is_stale(age, interval);
    let owed = standing::owed(context, &store);
    Ok(Facts { config, store, last, age, interval, stale, firing, owed, events, range, day })
}

/// # Errors
/// There is none.
pub fn last_sample(
    store: &Store,
    wanted: &Wanted,
    context: &Context<'_>,
) -> anyhow::Result<Sample> {
    store.last(Zone::Local.date(context.now.utc), wanted)?.ok_or_else(|| {
        anyhow!(
            "no readable sample in {}; take one with: hostwatch collect",
            store.directory.display()
        )
    })
}

impl Day {
    /// The series of the overview and those that have rules.
    fn read(
        store: &Store,
        range: Range,
        last: &Sample,
        config: &Config,
        interval: f64,
    ) -> anyhow::Result<Self> {
        let selection = Selection::overview();
        let shown = |metric: &str, label: Option<&str>| {
            let ruled = || config.rules.iter().any(|rule| rule.levels_for(metric, label).is_some());
            selection.takes(metric, label) || ruled()
        };
        let present = last.values.points().filter(|(metric, label, _)| shown(metric, *label));
        let names = present.map(|(metric, ..)| metric.to_owned());
        let names: BTreeSet<String> =
            names.chain(selection.wanted().listed().iter().cloned()).collect();
        let wanted = Wanted::names(names).and(SUSPENDED).with_formerly(formerly());
        let mut day = Day::default();
        let mut watch = Watch::new(interval);
        let mut lines = store.samples(range, &wanted)?;
        for sample in lines.by_ref() {
            if day.first.is_none() && is_late(&sample, range, interval) {
                store.before(range.since.timestamp(), &wanted)?.iter().for_each(|it| watch.see(it));
            }
            watch.see(&sample);
            day.samples += 1;
            day.first.get_or_insert(sample.epoch());
            for (metric, label, value) in
                sample.values.points().filter(|(metric, label, _)| shown(metric, *label))
            {
                let course = day.series.entry(Series::new(metric, label)).or_default();
                course.points.push((sample.epoch(), value.as_f64()));
                course.summariser.add(value.as_f64());
            }
        }
        day.damage = lines.damage;
        day.gaps = watch.gaps;
        Ok(day)
    }
}

/// Whether the first sample of a range comes so late that there may be a gap before it.
fn is_late(first: &Sample, range: Range, interval: f64) -> bool {
    (first.epoch() - range.since.timestamp()) as f64 > interval
}

/// The last events, and the gaps that none of them tells of.
fn with_gaps(mut events: Vec<Event>, gaps: &[Gap], host: &str) -> Vec<Event> {
    for gap in gaps {
        if !events.iter().any(|event| gap.is_told_by(event)) {
            let place = events.iter().position(|event| event.epoch >= gap.after.epoch);
            events.insert(place.unwrap_or(events.len()), gap.event(host));
        }
    }
    let surplus = events.len().saturating_sub(EVENTS);
    events.split_off(surplus)
}

/// Seconds since the last sample, by uptime within this boot. One from the future of another boot is as old as it is
/// far away: nobody knows which clock was right.
pub fn age(last: &Moment, now: &Moment) -> f64 {
    now.seconds_since(last)
}

/// Whether a last sample of this age says how the host is no more.
pub fn is_stale(age: f64, interval: f64) -> bool {
    age > TOLERANCE * interval
}

/// Expected seconds between samples: as configured, else as they come.
pub fn expected_interval(config: &Config, store: &Store, context: &Context<'_>) -> f64 {
    config
        .log_interval
        .or_else(|| usual_spacing(&recent_moments(store, context)))
        .unwrap_or(DEFAULT_INTERVAL)
}

/// Moments of the last eleven samples, oldest first.
pub fn recent_moments(store: &Store, context: &Context<'_>) -> Vec<Moment> {
    let today = Zone::Local.date(context.now.utc);
    let nothing = Wanted::names(Vec::<String>::new());
    let paths =
        [Some(today), today.pred_opt()].into_iter().flatten().map(|date| store.metrics_file(date));
    let mut moments: Vec<Moment> = paths
        .flat_map(|path| tail::samples(&path, &nothing))
        .map(|sample| sample.moment())
        .take(11)
        .collect();
    moments.reverse();
    moments
}

fn object(facts: &Facts) -> Map<String, Value> {
    let mut answer = shape::answer();
    let mut put = |key: &str, value: Value| _ = answer.insert(key.to_owned(), value);
    put("host", json!(facts.last.host));
    put("sample", json!(facts.last));
    put("age_seconds", shape::number(facts.age, Some(Unit::Seconds)));
    put("stale", json!(facts.stale));
    put("level", json!(facts.level()));
    put("alerts", json!(facts.firing));
    put("events", json!(facts.events));
    let summaries = facts.day.series.iter().filter_map(|(series, course)| {
        let metric = collector::find(&series.metric);
        Some((
            series.to_string(),
            Value::Object(shape::summary(
                &course.summariser.summary()?,
                metric,
                &["min", "mean", "max"],
            )),
        ))
    });
    put("last_24h", Value::Object(summaries.collect()));
    put("faults", json!(facts.config.fault_lines()));
    answer
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::continuity::{Neighbour, between};
    use crate::event::kind;

    fn moment(epoch: i64) -> Moment {
        Moment { epoch, boot_id: "a".into(), uptime: epoch as f64 }
    }

    fn gap(end: i64) -> Gap {
        let at = |epoch| Neighbour { moment: moment(epoch), suspended: None };
        between(&at(end - 5_000), &at(end), 300.0).gap.unwrap()
    }

    fn shown(events: &[(&str, i64)], ends: &[i64]) -> Vec<(String, i64)> {
        let events = events.iter().map(|(kind, epoch)| Event::new(kind, "h", &moment(*epoch)));
        let gaps: Vec<Gap> = ends.iter().map(|end| gap(*end)).collect();
        let shown = with_gaps(events.collect(), &gaps, "h");
        shown.into_iter().map(|event| (event.event, event.epoch)).collect()
    }

    #[test]
    fn a_gap_that_no_event_tells_of_stands_among_them_in_its_place() {
        let raised = [(kind::RAISED, 8_000), (kind::RECOVERED, 9_500)];
        let names: Vec<String> =
            shown(&raised, &[9_000]).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["raised", "gap", "recovered"]);
        assert_eq!(shown(&[], &[9_000]), [("gap".to_owned(), 9_000)]);
    }

    #[test]
    fn a_gap_that_was_told_is_shown_once() {
        assert_eq!(shown(&[(kind::GAP, 9_000)], &[9_000]).len(), 1);
    }

    #[test]
    fn a_gap_before_the_last_five_events_is_not_shown() {
        let five: Vec<(&str, i64)> = (0..5).map(|at| (kind::RAISED, 9_000 + at)).collect();
        assert!(shown(&five, &[9_000]).iter().all(|(name, _)| name == "raised"));
        assert_eq!(shown(&five, &[9_002]).iter().filter(|(name, _)| name == "gap").count(), 1);
    }
}
