//! `report`: a period in summary.

mod text;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Result, bail};
use chrono::{DateTime, Datelike, Duration, Months, NaiveDate, Utc};
use serde_json::{Map, Value, json};

use super::selection::Selection;
use super::{Context, output, standing, status};
use crate::alert::episode::{Episode, from_events};
use crate::alert::rule::{Levels, Threshold};
use crate::cli::{Exit, Period, Report, ReportFormat};
use crate::collector;
use crate::config::Config;
use crate::continuity::{TOLERANCE, Watch};
use crate::event::{Event, rfc3339};
use crate::gap::{Gap, by_cause, with_causes};
use crate::metric::{Kind, Unit};
use crate::render::json as shape;
use crate::sample::Sample;
use crate::series::Series;
use crate::store::Store;
use crate::store::range::{Damage, Range};
use crate::summary::Summariser;
use crate::time::{Moment, Zone};

/// Processes in the list of the busiest.
const BUSIEST: usize = 8;

/// Everything a report says.
#[derive(Default)]
struct Findings {
    host: String,
    /// Expected seconds between samples.
    interval: f64,
    /// Where the range ends, or now, if that is earlier.
    until: i64,
    samples: usize,
    /// By metric.
    courses: BTreeMap<String, Courses>,
    watch: Watch,
    gaps: Vec<Gap>,
    first: Option<Moment>,
    last: Option<Moment>,
    /// Seconds from the first sample to the last one, without holes.
    seen: f64,
    episodes: Vec<Episode>,
    events: Vec<Event>,
    /// Process → seconds of CPU seen in `top`.
    busy: BTreeMap<String, f64>,
    damage: Vec<Damage>,
}

/// The series of a metric. What is the same for each sample is looked up once.
struct Courses {
    is_summarised: bool,
    by_label: BTreeMap<Option<String>, Course>,
}

impl Courses {
    fn of(&mut self, metric: &str, label: Option<&str>, config: &Config) -> &mut Course {
        let key = label.map(str::to_owned);
        self.by_label.entry(key).or_insert_with(|| {
            let levels =
                config.rules.iter().find_map(|rule| rule.levels_for(metric, label)).cloned();
            Course { levels, ..Course::default() }
        })
    }
}

#[derive(Default)]
struct Course {
    summariser: Summariser,
    first: Option<f64>,
    levels: Option<Levels>,
    /// Seconds past the warning and the critical level.
    past: [f64; 2],
    /// When the last reading was taken, in seconds seen, and which levels it was past.
    at: f64,
    is_past: [bool; 2],
}

impl Course {
    fn add(&mut self, value: f64, at: f64, interval: f64) {
        self.summariser.add(value);
        self.first.get_or_insert(value);
        if self.levels.is_none() {
            return;
        }
        self.hold(at, interval);
        self.at = at;
        if let Some(levels) = &self.levels {
            let is_past = |threshold: Option<Threshold>| {
                threshold.is_some_and(|threshold| levels.is_past(&threshold, value))
            };
            self.is_past = [levels.warning, levels.critical].map(is_past);
        }
    }

    /// A reading holds until the next one; for the usual spacing, if that comes late or not at all.
    fn hold(&mut self, until: f64, interval: f64) {
        let seconds = held(until - self.at, interval);
        for (past, is_past) in self.past.iter_mut().zip(self.is_past) {
            *past += if is_past { seconds } else { 0.0 };
        }
    }
}

/// Seconds for which a reading counts.
fn held(passed: f64, interval: f64) -> f64 {
    if passed > TOLERANCE * interval { interval } else { passed.max(0.0) }
}

/// # Errors
/// A time is not understood, or there is no store.
pub fn run(arguments: &Report, context: &mut Context<'_>) -> Result<Exit> {
    let range = match arguments.period {
        Some(period) => calendar(period, context.now.utc, context.zone()),
        None => context.range(
            arguments.span.since.as_deref(),
            arguments.span.until.as_deref(),
            "24h",
        )?,
    };
    let as_json = match arguments.format {
        _ if arguments.output.json => true,
        Some(format) => format == ReportFormat::Json,
        None => is_json(arguments.output.output.as_deref())?,
    };
    let mut config = context.config()?;
    let store = context.store_to_read(&config)?;
    standing::take_over(&mut config, &store, context);
    let findings = find(&store, range, &config, context)?;
    let text = if as_json {
        format!("{}\n", Value::Object(object(&findings, range)))
    } else {
        text::text(&findings, range, context)
    };
    output::to(arguments.output.output.as_deref(), context, |out| {
        Ok(out.write_all(text.as_bytes())?)
    })?;
    context.note_damage(&findings.damage);
    Ok(Exit::Done)
}

/// Whether the output's name tells JSON rather than text.
fn is_json(output: Option<&Path>) -> Result<bool> {
    match output.and_then(Path::extension).and_then(|extension| extension.to_str()) {
        Some("json") => Ok(true),
        None | Some("txt") => Ok(false),
        Some(other) => {
            bail!("could not tell a format from .{other}: use .txt or .json, or say --format")
        }
    }
}

/// The last full calendar day, week (from Monday) or month.
fn calendar(period: Period, now: DateTime<Utc>, zone: Zone) -> Range {
    let today = zone.date(now);
    let (first, after) = match period {
        Period::Day => (today - Duration::days(1), today),
        Period::Week => {
            let monday = today - Duration::days(i64::from(today.weekday().num_days_from_monday()));
            (monday - Duration::days(7), monday)
        }
        Period::Month => {
            let month = today.with_day(1).unwrap_or(today);
            (month.checked_sub_months(Months::new(1)).unwrap_or(month), month)
        }
    };
    let midnight = |date: NaiveDate| zone.midnight(date);
    Range { since: midnight(first), until: midnight(after), up_to_now: false }
}

fn find(
    store: &Store,
    range: Range,
    config: &Config,
    context: &mut Context<'_>,
) -> Result<Findings> {
    let until = range.until.timestamp().min(context.now.utc.timestamp());
    let interval = status::expected_interval(config, store, context);
    let watch = Watch::new(interval);
    let mut findings = Findings { interval, until, watch, ..Findings::default() };
    let wanted = Selection::new(&[]).wanted();
    let mut samples = store.samples(range, &wanted)?;
    for sample in samples.by_ref() {
        findings.add(&sample, config, interval);
    }
    findings.close();
    findings.damage = samples.damage;
    findings.events = store.events(range)?;
    findings.gaps = with_causes(std::mem::take(&mut findings.watch.gaps), &findings.events);
    // An episode may have begun before: look for its raise, too.
    let wider = Range { since: range.since - Duration::days(30), ..range };
    let episodes = from_events(&store.events(wider)?, until);
    let touches =
        |episode: &Episode| episode.start_epoch + episode.seconds >= range.since.timestamp();
    findings.episodes = episodes.into_iter().filter(touches).collect();
    if findings.host.is_empty() {
        findings.host = crate::clock::host(context.root);
    }
    Ok(findings)
}

impl Findings {
    fn add(&mut self, sample: &Sample, config: &Config, interval: f64) {
        let moment = sample.moment();
        let passed = self.last.as_ref().map(|last| held(moment.seconds_since(last), interval));
        self.seen += passed.unwrap_or(0.0);
        let seen = self.seen;
        self.watch.see(sample);
        for (metric, label, value) in sample.values.points() {
            if !self.courses.contains_key(metric) {
                let courses =
                    Courses { is_summarised: is_summarised(metric), by_label: BTreeMap::new() };
                self.courses.insert(metric.to_owned(), courses);
            }
            let Some(courses) =
                self.courses.get_mut(metric).filter(|courses| courses.is_summarised)
            else {
                continue;
            };
            courses.of(metric, label, config).add(value.as_f64(), seen, interval);
        }
        for process in &sample.top {
            if let (Some(percent), Some(covered)) = (process.cpu_percent, sample.interval) {
                *self.busy.entry(process.name.clone()).or_insert(0.0) += percent / 100.0 * covered;
            }
        }
        self.samples += 1;
        if !sample.host.is_empty() {
            self.host.clone_from(&sample.host);
        }
        self.first.get_or_insert_with(|| moment.clone());
        self.last = Some(moment);
    }

    /// The last reading, too, held for a while, as far as that is over.
    fn close(&mut self) {
        let Some(last) = &self.last else { return };
        let rest = (self.until - last.epoch).max(0) as f64;
        let (end, interval) = (self.seen + rest.min(self.interval), self.interval);
        let courses = self.courses.values_mut().flat_map(|it| it.by_label.values_mut());
        courses.for_each(|course| course.hold(end, interval));
    }

    /// Every series that is summarised.
    fn series(&self) -> impl Iterator<Item = (Series, &Course)> {
        self.courses.iter().flat_map(|(metric, courses)| {
            courses
                .by_label
                .iter()
                .map(move |(label, course)| (Series::new(metric, label.as_deref()), course))
        })
    }

    /// Share of the time, from the first sample of the range to its end, that is in no hole. Time that only the clock
    /// passed, because it was set forward, is left out of both.
    fn availability(&self) -> Option<f64> {
        let (first, last) = (self.first.as_ref()?, self.last.as_ref()?);
        let quiet = (self.until - last.epoch).max(0) as f64;
        let after = if quiet > TOLERANCE * self.interval { quiet } else { 0.0 };
        let seconds = |is_hole: bool| {
            let gaps = self.gaps.iter().filter(|gap| gap.is_hole() == is_hole);
            gaps.map(|gap| gap.seconds as f64).sum::<f64>()
        };
        let total = (last.epoch - first.epoch) as f64 + after - seconds(false);
        let missing = after + seconds(true);
        Some(if total > 0.0 { (100.0 * (1.0 - missing / total)).clamp(0.0, 100.0) } else { 100.0 })
    }

    fn busiest(&self) -> Vec<(&str, f64)> {
        let mut busiest: Vec<(&str, f64)> =
            self.busy.iter().map(|(name, seconds)| (name.as_str(), *seconds)).collect();
        busiest.sort_by(|a, b| b.1.total_cmp(&a.1));
        busiest.truncate(BUSIEST);
        busiest
    }
}

/// Counters since boot have no meaning as percentiles; their rates do. Older lines have some that are not stored any more.
fn is_summarised(metric: &str) -> bool {
    let counted = || collector::measured().find(|known| known.name == metric);
    collector::find(metric)
        .or_else(counted)
        .is_none_or(|metric| !matches!(metric.kind, Kind::Counter(_) | Kind::Ticks(_)))
}

fn object(findings: &Findings, range: Range) -> Map<String, Value> {
    let mut answer = shape::answer();
    answer.insert("host".to_owned(), json!(findings.host));
    shape::add_range(&mut answer, range);
    answer.insert("samples".to_owned(), json!(findings.samples));
    let metrics = findings.series().filter_map(|(series, course)| {
        let metric = collector::find(&series.metric);
        let mut entry = shape::series_head(&series, metric.map(|metric| metric.unit));
        entry.extend(shape::summary(
            &course.summariser.summary()?,
            metric,
            &["count", "min", "mean", "p50", "p95", "p99", "max", "last"],
        ));
        let [warning, critical] = course.past;
        if warning + critical > 0.0 {
            entry.insert(
                "past_warning_seconds".to_owned(),
                shape::number(warning, Some(Unit::Bytes)),
            );
            entry.insert(
                "past_critical_seconds".to_owned(),
                shape::number(critical, Some(Unit::Bytes)),
            );
        }
        Some((series.to_string(), Value::Object(entry)))
    });
    answer.insert("metrics".to_owned(), Value::Object(metrics.collect()));
    answer.insert("alerts".to_owned(), json!(findings.episodes));
    answer.insert("gaps".to_owned(), json!(findings.gaps));
    let reboots: Vec<Value> = findings
        .watch
        .reboots
        .iter()
        .map(|epoch| json!({"timestamp": rfc3339(*epoch), "epoch": epoch}))
        .collect();
    answer.insert("reboots".to_owned(), json!(reboots));
    if let Some(availability) = findings.availability() {
        answer.insert(
            "availability_percent".to_owned(),
            shape::number((availability * 100.0).round() / 100.0, None),
        );
    }
    answer.insert("events".to_owned(), json!(findings.events));
    let causes = by_cause(&findings.gaps).into_iter().map(|(cause, count, seconds)| {
        (cause.name().to_owned(), json!({"count": count, "seconds": seconds}))
    });
    answer.insert("gap_causes".to_owned(), Value::Object(causes.collect()));
    let top: Vec<Value> = findings.busiest().into_iter().map(|(name, seconds)| json!({"name": name, "cpu_seconds": shape::number(seconds, Some(Unit::Celsius))})).collect();
    answer.insert("top".to_owned(), json!(top));
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(period: Period, now: &str) -> (String, String) {
        let now = DateTime::parse_from_rfc3339(now).unwrap().to_utc();
        let range = calendar(period, now, Zone::Utc);
        (range.since.date_naive().to_string(), range.until.date_naive().to_string())
    }

    #[test]
    fn a_period_is_the_last_full_one() {
        let sunday = "2026-11-22T12:00:00Z";
        assert_eq!(days(Period::Day, sunday), ("2026-11-21".into(), "2026-11-22".into()));
        assert_eq!(days(Period::Week, sunday), ("2026-11-09".into(), "2026-11-16".into()));
        assert_eq!(days(Period::Month, sunday), ("2026-10-01".into(), "2026-11-01".into()));
    }
}
