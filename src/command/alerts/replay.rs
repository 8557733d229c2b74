//! `alerts replay`: the mails that the rules of a configuration would have sent.

use std::collections::BTreeSet;

use anyhow::Result;
use serde_json::{Map, Value, json};

use super::super::{Context, collect};
use super::past::{self, Past};
use crate::alert::due::Reason;
use crate::alert::episode::{Episode, from_events};
use crate::alert::replay::{Judge, Notification};
use crate::alert::rule::Measure;
use crate::cli::{Exit, Replay};
use crate::clock;
use crate::collector;
use crate::event::{Event, kind, rfc3339};
use crate::metric::Unit;
use crate::metric::digits::exact;
use crate::render::wording::Clock;
use crate::render::{Cell, Column, View, json as shape, table};
use crate::series::Series;
use crate::store::range::Range;
use crate::time::span;

/// Samples that begin later than this after the range are spoken of.
const LATE: f64 = 86_400.0;

/// What a rule would have brought about.
struct Course<'a> {
    rule: &'a str,
    mails: usize,
    episodes: Vec<Episode>,
    /// Stretches in which nobody watched.
    absences: usize,
    /// In which it fired, or nobody watched.
    seconds: f64,
}

/// # Errors
/// The configuration cannot be used at all, there is no store, or a time does not parse.
pub(super) fn run(arguments: &Replay, context: &mut Context<'_>) -> Result<Exit> {
    let config = context.config()?;
    if !config.faults.is_empty() {
        for line in config.fault_lines() {
            context.complain(&line);
        }
        return Ok(Exit::Failed);
    }
    let (since, until) = (arguments.span.since.as_deref(), arguments.span.until.as_deref());
    let range = context.range(since, until, "30d")?;
    let store = context.store_to_read(&config)?;
    let mut past = past::judge(&store, range, &config, vec![config.rules.clone()])?;
    if past.host.is_empty() {
        past.host = clock::host(context.root);
    }
    let Some(judge) = past.replay.judges.first() else { return Ok(Exit::Done) };
    let end = range.until.timestamp().min(context.now.utc.timestamp());
    let told: Vec<Told<'_>> = judge
        .told
        .iter()
        .filter(|told| range.holds(told.at.epoch))
        .map(|told| Told::of(told, judge))
        .collect();
    let courses: Vec<Course<'_>> = judge
        .rules
        .iter()
        .map(|rule| Course::of(&rule.key, judge, &past.host, range, end))
        .collect();
    if arguments.json {
        writeln!(context.out, "{}", Value::Object(object(&past, range, &told, &courses)))?;
    } else {
        let text = text(&past, range, &told, &courses, context);
        write!(context.out, "{text}")?;
    }
    context.note_damage(&past.damage);
    Ok(Exit::Done)
}

/// What would have been told, with the unit of its value.
struct Told<'a> {
    notification: &'a Notification,
    unit: Option<Unit>,
}

impl<'a> Told<'a> {
    fn of(notification: &'a Notification, judge: &Judge) -> Self {
        let series = Series::parse(&notification.series);
        let mut rules = judge.rules.iter().filter(|rule| rule.key == notification.rule);
        let levels =
            rules.find_map(|rule| rule.levels_for(&series.metric, series.label.as_deref()));
        let is_share = levels
            .is_some_and(|levels| matches!(levels.measure, Measure::Change { relative: true, .. }));
        let own = collector::find(&series.metric).map(|metric| metric.unit);
        Told { notification, unit: if is_share { Some(Unit::Percent) } else { own } }
    }
}

impl Told<'_> {
    fn object(&self) -> Value {
        let Notification { rule, series, reason, level, at, value, .. } = self.notification;
        let fields = json!({"timestamp": rfc3339(at.epoch), "epoch": at.epoch,
            "kind": reason.name(), "series": series, "level": level,
            "value": value.map(|value| shape::number(exact(value), None)), "rule": rule});
        shape::present(fields)
    }
}

fn mails<'a>(told: impl Iterator<Item = &'a Notification>) -> usize {
    told.map(|told| told.mail).collect::<BTreeSet<_>>().len()
}

impl<'a> Course<'a> {
    /// Of a range, as far as it lies before `end`.
    fn of(rule: &'a str, judge: &'a Judge, host: &str, range: Range, end: i64) -> Self {
        let own = || judge.told.iter().filter(|told| told.rule == rule);
        let changes = judge.changes.iter().filter(|(_, change)| change.standing.rule == rule);
        // Their words are not shown.
        let event = |now, change| collect::event(change, &judge.rules, None, host, now);
        let mut events: Vec<Event> = changes.map(|(now, change)| event(now, change)).collect();
        events.extend(own().map(|told| {
            let is_reminder = told.reason == Reason::Reminder;
            let kind = if is_reminder { kind::REMINDER } else { kind::TOLD };
            Event::new(kind, host, &told.at).about(&told.series)
        }));
        // Stably: what was told follows what changed.
        events.sort_by_key(|event| event.epoch);
        let since = range.since.timestamp();
        let mut episodes = from_events(&events, end);
        episodes.retain(|episode| episode.start_epoch + episode.seconds >= since);
        let told = || own().filter(|told| range.holds(told.at.epoch));
        let absent = || told().filter(|told| told.reason == Reason::Absence);
        let firing = episodes.iter().map(|episode| {
            let last = (episode.start_epoch + episode.seconds).min(end);
            (last - episode.start_epoch.max(since)) as f64
        });
        let seconds = firing.chain(absent().filter_map(|told| told.value)).sum();
        Course { rule, mails: mails(told()), absences: absent().count(), seconds, episodes }
    }

    fn stretches(&self) -> usize {
        self.episodes.len() + self.absences
    }
}

fn object(
    past: &Past<'_>,
    range: Range,
    told: &[Told<'_>],
    courses: &[Course<'_>],
) -> Map<String, Value> {
    let mut answer = shape::answer();
    answer.insert("host".to_owned(), json!(past.host));
    shape::add_range(&mut answer, range);
    answer.insert("notifications".to_owned(), told.iter().map(Told::object).collect());
    let notifications = told.iter().map(|told| told.notification);
    answer.insert("mails".to_owned(), json!(mails(notifications)));
    answer.insert("samples".to_owned(), json!(past.samples));
    let rules = courses.iter().map(|course| {
        let seconds = shape::number(course.seconds, Some(Unit::Bytes));
        json!({"rule": course.rule, "mails": course.mails, "episodes": course.stretches(), "seconds": seconds})
    });
    answer.insert("rules".to_owned(), rules.collect());
    let mut episodes: Vec<&Episode> = courses.iter().flat_map(|course| &course.episodes).collect();
    episodes.sort_by_key(|episode| episode.start_epoch);
    answer.insert("alerts".to_owned(), json!(episodes));
    answer
}

fn text(
    past: &Past<'_>,
    range: Range,
    told: &[Told<'_>],
    courses: &[Course<'_>],
    context: &Context<'_>,
) -> String {
    if past.samples == 0 {
        return "no samples in this range\n".to_owned();
    }
    let clock = Clock { now: &context.now, zone: context.zone() };
    let mut text = String::new();
    if !told.is_empty() {
        text += &format!("{}\n", table::render(&notifications(told, &clock), &context.stdout));
    }
    text += &format!("{}\n", table::render(&summary(courses), &context.stdout));
    let mails = match mails(told.iter().map(|told| told.notification)) {
        1 => "1 mail".to_owned(),
        many => format!("{many} mails"),
    };
    let samples = past.samples;
    let begun = past.first.filter(|first| (first - range.since.timestamp()) as f64 > LATE);
    let begun = begun.map(|first| format!(", the first of {}", clock.time(first)));
    let range = days(range.seconds());
    text + &format!(" {mails} in {range}; {samples} samples{}\n", begun.unwrap_or_default())
}

/// What was in one mail stands below one time.
fn notifications(told: &[Told<'_>], clock: &Clock<'_>) -> View {
    let mut mail = None;
    let rows = told.iter().map(|told| {
        let Notification { series, reason, level, value, at, .. } = told.notification;
        let is_new = mail.replace(told.notification.mail) != Some(told.notification.mail);
        vec![
            Cell::text(if is_new { clock.time(at.epoch) } else { String::new() }),
            Cell::text(reason.name()),
            Cell::text(series),
            Cell::Level(*level),
            value.map_or(Cell::Missing, |value| {
                Cell::Number(value, told.unit.unwrap_or(Unit::Count))
            }),
        ]
    });
    let rows = rows.collect();
    let columns = vec![
        Column::left("mail"),
        Column::left("kind"),
        Column::left("series"),
        Column::left("level"),
        Column::right("value"),
    ];
    View { columns, rows }
}

fn summary(courses: &[Course<'_>]) -> View {
    let rows = courses.iter().map(|course| {
        let fired = (course.stretches() > 0).then(|| Cell::text(span::human(course.seconds)));
        vec![
            Cell::text(course.rule),
            Cell::text(course.mails.to_string()),
            Cell::text(course.stretches().to_string()),
            fired.unwrap_or(Cell::Missing),
        ]
    });
    let columns = vec![
        Column::left("rule"),
        Column::right("mails"),
        Column::right("episodes"),
        Column::right("fired for"),
    ];
    View { columns, rows: rows.collect() }
}

/// `30 days`, and anything else as spans are shown.
fn days(seconds: f64) -> String {
    const DAY: f64 = 86_400.0;
    if seconds > DAY && seconds % DAY == 0.0 {
        format!("{:.0} days", seconds / DAY)
    } else {
        span::human(seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_days_are_said_so() {
        let words = [86_400.0, 2_592_000.0, 93_600.0].map(days);
        assert_eq!(words, ["1 d", "30 days", "1 d 2 h"]);
    }
}
