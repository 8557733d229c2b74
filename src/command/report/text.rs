//! The report for people.

use chrono::{DateTime, Utc};

use super::{Course, Findings};
use crate::collector;
use crate::command::{Context, alerts};
use crate::continuity::{SUSPENDED, TOLERANCE};
use crate::gap::{Gap, by_cause};
use crate::metric::Unit;
use crate::render::wording::Clock;
use crate::render::{Cell, Column, View, fit, table};
use crate::series::Series;
use crate::store::range::Range;
use crate::time::{Moment, span};

pub(super) fn text(findings: &Findings, range: Range, context: &Context<'_>) -> String {
    let zone = context.zone();
    let time = |instant: DateTime<Utc>| zone.at(instant).format("%a %Y-%m-%d %H:%M").to_string();
    let mut text = format!("{}   {} to {}\n", findings.host, time(range.since), time(range.until));
    let Some(availability) = findings.availability() else {
        return text + "\n nothing in this range\n";
    };
    // A store that begins within the range is not held to the time before it.
    let late = |first: &&Moment| {
        (first.epoch - range.since.timestamp()) as f64 > TOLERANCE * findings.interval
    };
    let first = findings.first.as_ref().filter(late);
    let since = first
        .map(|first| format!(" since {}", Clock { now: &context.now, zone }.time(first.epoch)))
        .unwrap_or_default();
    text.push_str(&format!(
        " {}, watched {availability:.2} % of the time{since}, {}, {}\n\n",
        counted(findings.samples, "sample"),
        counted(findings.gaps.len(), "gap"),
        counted(findings.watch.reboots.len(), "reboot")
    ));
    text.push_str(&table::render(&summaries(findings, context.stdout.width), &context.stdout));
    let trends = trends(findings);
    if !trends.rows.is_empty() {
        text.push_str(&format!("\n{}", table::render(&trends, &context.stdout)));
    }
    text.push_str("\n alerts\n");
    if findings.episodes.is_empty() {
        text.push_str(" none\n");
    } else {
        text.push_str(&table::wrapped(&alerts::view(&findings.episodes, context), &context.stdout));
    }
    let clock = Clock { now: &context.now, zone };
    text.push_str(&gaps(&findings.gaps, &clock));
    for reboot in &findings.watch.reboots {
        text.push_str(&format!(" reboot before {}\n", clock.time(*reboot)));
    }
    let busiest: Vec<String> = findings
        .busiest()
        .into_iter()
        .map(|(name, seconds)| format!("{name} {}", span::human(seconds)))
        .collect();
    if !busiest.is_empty() {
        let line = format!(" busiest, by CPU time: {}", busiest.join(", "));
        text.push_str(&format!("\n{}\n", fit::folded(&line, context.stdout.width, 3)));
    }
    text
}

/// How much was missed for which cause, then each gap.
fn gaps(gaps: &[Gap], clock: &Clock<'_>) -> String {
    let sums = by_cause(gaps).into_iter().map(|(cause, count, seconds)| {
        format!("\n {}, {}", cause.counted(count), span::human(seconds as f64))
    });
    let each = gaps.iter().map(|gap| {
        let (length, start) = (span::human(gap.seconds as f64), clock.time(gap.before.epoch));
        format!(" gap of {length} from {start}: {}\n", gap.cause.words())
    });
    let end = if gaps.is_empty() { "" } else { "\n" };
    sums.chain([end.to_owned()]).chain(each).collect()
}

fn counted(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

fn summaries(findings: &Findings, width: Option<usize>) -> View {
    let titles = ["n", "min", "mean", "p50", "p95", "p99", "max", "last", "past level"];
    let mut columns = vec![Column::name("series")];
    columns.extend(titles.map(Column::right));
    let mut series: Vec<(Series, &Course)> =
        findings.series().filter(|(series, _)| is_shown(series)).collect();
    series.sort_by_key(|(series, _)| {
        collector::metrics().position(|metric| metric.name == series.metric).unwrap_or(usize::MAX)
    });
    let rows = series.into_iter().filter_map(|(series, course)| {
        let summary = course.summariser.summary()?;
        let unit = collector::find(&series.metric).map_or(Unit::Count, |metric| metric.unit);
        let number = |value: f64| Cell::Bare(value, unit);
        let past = if course.past[0] > 0.0 {
            Cell::text(span::human(course.past[0]))
        } else {
            Cell::Missing
        };
        Some(vec![
            Cell::text(series.to_string()),
            Cell::text(summary.count.to_string()),
            number(summary.min),
            number(summary.mean),
            number(summary.p50),
            number(summary.p95),
            number(summary.p99),
            number(summary.max),
            number(summary.last),
            past,
        ])
    });
    let view = View { columns, rows: rows.collect() };
    fit::narrowed(view, width, &["n", "p50", "p99", "last"])
}

/// What says little in a summary is left to JSON.
fn is_shown(series: &Series) -> bool {
    let constant = series.metric.ends_with("_total")
        || series.metric == "uptime"
        || series.metric == SUSPENDED
        || series.metric == collector::COLLECTOR_FAILED.name;
    !constant
}

/// From less nobody can tell what a day brings.
const SHORTEST_TREND: f64 = 6.0 * 3_600.0;

/// How the use of disks changed over what was seen of the range, and what that is a day.
fn trends(findings: &Findings) -> View {
    let columns = vec![
        Column::name("disk"),
        Column::right("from"),
        Column::right("to"),
        Column::right("a day"),
    ];
    let disks = findings
        .series()
        .filter(|(series, _)| series.metric == collector::filesystem::PERCENT.name);
    let seen = findings.first.as_ref().zip(findings.last.as_ref());
    let seconds = seen.map_or(0.0, |(first, last)| (last.epoch - first.epoch) as f64);
    let rows = disks.filter_map(|(series, course)| {
        let (first, last) = (course.first?, course.summariser.summary()?.last);
        let a_day = || format!("{:+.2} points", (last - first) / seconds * 86_400.0);
        let label = series.label.clone().unwrap_or_default();
        Some(vec![
            Cell::text(label),
            Cell::Number(first, Unit::Percent),
            Cell::Number(last, Unit::Percent),
            if seconds < SHORTEST_TREND { Cell::Missing } else { Cell::text(a_day()) },
        ])
    });
    View { columns, rows: rows.collect() }
}
