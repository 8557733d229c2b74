//! What no rule has to speak of to be seen: programs and files that are watched, traffic, numbers of the host's own, and
//! who is busy.

use super::Facts;
use crate::alert::plugin::level_name;
use crate::collector::{self, file, traffic, watch};
use crate::metric::{CUSTOM, Metric, Unit};
use crate::render::{Cell, Column, View};
use crate::sample::{Entry, Process, Sample};
use crate::series::Series;

/// Numbers of the host's own that are shown before the rest is only counted.
const MOST_CUSTOM: usize = 20;
const BUSIEST: usize = 5;

/// A group's title, stated once, a name and what there is to say of it.
pub(super) fn things(facts: &Facts) -> View {
    let last = &facts.last;
    let custom = custom(facts);
    let more = custom.len().saturating_sub(MOST_CUSTOM);
    let mut own: Vec<(String, String)> = custom.into_iter().take(MOST_CUSTOM).collect();
    if more > 0 {
        own.push(("…".to_owned(), format!("{more} more: hostwatch history '{CUSTOM}*'")));
    }
    let groups = [
        ("watch", of_labels(last, &watch::PROCESSES, program)),
        ("file", of_labels(last, &file::AGE, newest)),
        ("traffic", of_labels(last, &traffic::MONTH, carried)),
        ("own", own),
    ];
    let mut rows = Vec::new();
    for (title, things) in groups {
        for (at, (name, words)) in things.into_iter().enumerate() {
            let title = if at == 0 { title } else { "" };
            rows.push(vec![Cell::text(title), Cell::Text(name), Cell::Text(words)]);
        }
    }
    View { columns: vec![Column::left(""), Column::name(""), Column::left("")], rows }
}

/// What is said of each label of a metric.
fn of_labels(
    last: &Sample,
    metric: &Metric,
    words: fn(&Sample, &str) -> Vec<String>,
) -> Vec<(String, String)> {
    let Some(Entry::Labelled(labels)) = last.values.entry(metric.name) else { return Vec::new() };
    let said = labels.iter().map(|(label, _)| (label.clone(), words(last, label)));
    let told = said.filter(|(_, parts)| !parts.is_empty());
    told.map(|(label, parts)| (label, parts.join(", "))).collect()
}

/// A number in words, if it is there.
fn number(last: &Sample, metric: &Metric, label: &str, words: &str) -> Option<String> {
    let value = last.values.get(metric.name, Some(label))?;
    Some(words.replace("{}", &metric.unit.human(value)))
}

fn program(last: &Sample, label: &str) -> Vec<String> {
    let is = |metric: &Metric| {
        last.values.get(metric.name, Some(label)).is_some_and(|value| value > 0.0)
    };
    let parts = [
        number(last, &watch::PROCESSES, label, "{} running"),
        number(last, &watch::CPU, label, "{} of a core"),
        number(last, &watch::MEMORY, label, "{}").filter(|_| is(&watch::PROCESSES)),
        number(last, &watch::UPTIME, label, "up {}"),
        number(last, &watch::RESTARTS, label, "restarts {}").filter(|_| is(&watch::RESTARTS)),
    ];
    parts.into_iter().flatten().collect()
}

fn newest(last: &Sample, label: &str) -> Vec<String> {
    let parts = [number(last, &file::AGE, label, "{} old"), number(last, &file::SIZE, label, "{}")];
    parts.into_iter().flatten().collect()
}

/// Of what carried anything this month.
fn carried(last: &Sample, label: &str) -> Vec<String> {
    let bytes = last.values.get(traffic::MONTH.name, Some(label));
    if bytes.is_none_or(|bytes| bytes <= 0.0) {
        return Vec::new();
    }
    let parts = [
        number(last, &traffic::DAY, label, "{} today"),
        number(last, &traffic::MONTH, label, "{} this month"),
    ];
    parts.into_iter().flatten().collect()
}

/// Numbers of the host's own that are not shown with their level.
fn custom(facts: &Facts) -> Vec<(String, String)> {
    let points = facts.last.values.points().filter(|(metric, ..)| metric.starts_with(CUSTOM));
    let is_level = |metric: &str| {
        facts.config.rules.iter().any(|rule| level_name(&rule.pattern.metric) == metric)
    };
    let series = points.filter_map(|(metric, label, value)| {
        let series = Series::new(metric, label);
        let is_shown = !facts.day.series.contains_key(&series) && !is_level(metric);
        let unit = collector::find(metric).map_or(Unit::Count, |metric| metric.unit);
        is_shown.then(|| (series.to_string(), unit.human(value.as_f64())))
    });
    // Single numbers first: of one command there may be dozens.
    let (several, mut single): (Vec<_>, Vec<_>) = series.partition(|(name, _)| name.ends_with('}'));
    single.extend(several);
    single
}

/// The busiest first.
pub(super) fn top(last: &Sample) -> View {
    let columns = vec![
        Column::name("busiest"),
        Column::right("pid"),
        Column::name("user"),
        Column::right("of a core"),
        Column::right("memory"),
        Column::words(""),
    ];
    let row = |process: &Process| {
        let cpu = process.cpu_percent.map(|percent| Cell::Number(percent, Unit::Percent));
        vec![
            Cell::text(&process.name),
            Cell::text(process.pid.to_string()),
            Cell::text(&process.user),
            cpu.unwrap_or(Cell::Missing),
            Cell::Number(process.memory as f64, Unit::Bytes),
            Cell::text(&process.command),
        ]
    };
    View { columns, rows: last.top.iter().take(BUSIEST).map(row).collect() }
}
