//! History for people: a table of buckets, and charts.

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::Result;
use chrono::DateTime;

use super::{Asked, Bucket};
use crate::alert::rule::Rule;
use crate::collector;
use crate::continuity::{TOLERANCE, Watch};
use crate::gap::{Gap, by_cause, with_causes};
use crate::metric::Unit;
use crate::render::wording::Clock;
use crate::render::{Cell, Column, View, chart, fit, table};
use crate::sample::Sample;
use crate::series::Series;
use crate::store::range::Damage;
use crate::summary::Summariser;
use crate::time::{Zone, span};

pub(super) fn charts(
    asked: &Asked,
    series: &[Series],
    zone: Zone,
    width: usize,
    out: &mut dyn Write,
) -> Result<Vec<Damage>> {
    let mut points: BTreeMap<Series, Vec<(i64, f64)>> = BTreeMap::new();
    let damage = asked.each(|sample| {
        for (series, value) in asked.selection.points(&sample) {
            points.entry(series).or_default().push((sample.epoch(), value));
        }
        Ok(())
    })?;
    let (start, end) = (asked.range.since.timestamp(), asked.range.until.timestamp());
    let form = if asked.range.seconds() > 2.0 * 86_400.0 { "%Y-%m-%d" } else { "%a %H:%M" };
    for one in series {
        let unit = collector::find(&one.metric).map_or(Unit::Count, |metric| metric.unit);
        let title = format!("{one} ({})", unit.name());
        let drawn = chart::chart(
            &title,
            unit,
            points.get(one).map_or(&[], Vec::as_slice),
            start,
            end,
            width,
            |epoch| zone.at_epoch(epoch).format(form).to_string(),
        );
        writeln!(out, "{drawn}")?;
    }
    if series.is_empty() {
        writeln!(out, "nothing in this range")?;
    }
    Ok(damage)
}

/// Blocks of columns below one another, before the rest is left out.
const MOST_BLOCKS: usize = 12;

/// The table, and the series that did not fit.
pub(super) fn table_text(
    asked: &Asked,
    every: Option<u64>,
    series: &[Series],
    zone: Zone,
    terminal: &crate::render::Terminal,
) -> Result<(String, Vec<Damage>, Vec<String>)> {
    let (buckets, damage, watch) = rows(asked, every, zone)?;
    let shown: Vec<&Bucket> = buckets.iter().collect();
    if shown.is_empty() || series.is_empty() {
        return Ok(("nothing in this range\n".to_owned(), damage, Vec::new()));
    }
    let times = time_column(&shown, every, zone);
    let columns: Vec<Stacked> =
        series.iter().map(|series| Stacked::new(series, &shown, every.is_none(), asked)).collect();
    let causes: Vec<String> = shown.iter().map(|bucket| cause(bucket)).collect();
    let widest = causes.iter().map(String::len).max().unwrap_or(0);
    let width = terminal.width.map(|width| width.saturating_sub(widest));
    let (mut text, mut rest) = (String::new(), columns.as_slice());
    for _ in 0..MOST_BLOCKS {
        let (block, after) = rest.split_at_checked(fitting(rest, width)).unwrap_or((rest, &[]));
        let separator = if text.is_empty() { "" } else { "\n" };
        let head = View { columns: head(every), rows: Vec::new() };
        let view = with_columns(head, &shown, &times, block, &causes, terminal.width);
        text.push_str(&format!("{separator}{}", table::render(&view, terminal)));
        rest = after;
        if rest.is_empty() {
            break;
        }
    }
    let left_out: Vec<String> = rest.iter().map(|column| column.title.clone()).collect();
    let has_mark = columns.iter().any(|column| column.has_mark);
    let samples = shown.iter().map(|bucket| bucket.count).sum();
    text.push_str(&footer(asked, samples, watch, has_mark, zone));
    Ok((text, damage, left_out))
}

fn head(every: Option<u64>) -> Vec<Column> {
    let Some(seconds) = every else { return vec![Column::left("time")] };
    let title = format!("every {}", span::human(seconds as f64));
    vec![Column::left(title), Column::right("n")]
}

/// A block: the same rows for some of the series.
fn with_columns(
    mut view: View,
    shown: &[&Bucket],
    times: &[String],
    block: &[Stacked],
    causes: &[String],
    width: Option<usize>,
) -> View {
    let has_count = view.columns.len() > 1;
    let room = width.map(|width| width.saturating_sub(TIME_AND_COUNT));
    view.columns.extend(block.iter().map(|column| Column::right(column.heading(room))));
    let has_cause = causes.iter().any(|cause| !cause.is_empty());
    view.columns.extend(has_cause.then(|| Column::left("")));
    for (at, (bucket, cause)) in shown.iter().zip(causes).enumerate() {
        let mut row = vec![Cell::text(times.get(at).cloned().unwrap_or_default())];
        row.extend(has_count.then(|| Cell::text(bucket.count.to_string())));
        let cell =
            |column: &Stacked| column.cells.get(at).cloned().map_or(Cell::Missing, Cell::Text);
        row.extend(block.iter().map(cell));
        row.extend(has_cause.then(|| Cell::text(cause)));
        view.rows.push(row);
    }
    view
}

/// Why a row is empty, in a word or two.
fn cause(bucket: &Bucket) -> String {
    bucket.cause.map(|cause| cause.name().replace('_', " ")).unwrap_or_default()
}

/// How complete it is, and what the marks mean.
fn footer(asked: &Asked, samples: usize, watch: Watch, has_mark: bool, zone: Zone) -> String {
    let (since, now) = (asked.range.since.timestamp(), asked.now.utc.timestamp());
    let until = asked.range.until.timestamp().min(now);
    // A store that begins within the range is not held to the time before it.
    let late = |first: &i64| (first - since) as f64 > TOLERANCE * asked.interval;
    let covered = (until - watch.first.filter(late).unwrap_or(since)).max(0) as f64;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "positive, and saturates"
    )]
    let expected = (covered / asked.interval).round() as usize;
    let mut parts = vec![format!("{samples} of {} samples", expected.max(samples))];
    let gaps = with_causes(watch.gaps, &asked.gap_events);
    parts.extend(gaps_in_words(&gaps, &Clock { now: &asked.now, zone }));
    parts.extend(has_mark.then(|| "! past its level".to_owned()));
    format!(" {}\n", parts.join("; "))
}

/// The one gap, or how many for which cause.
fn gaps_in_words(gaps: &[Gap], clock: &Clock<'_>) -> Option<String> {
    if let [gap] = gaps {
        let (start, end) = (clock.time(gap.before.epoch), clock.time(gap.after.epoch));
        return Some(format!("1 gap, {start} to {end} ({})", span::human(gap.seconds as f64)));
    }
    let sums = by_cause(gaps).into_iter().map(|(cause, count, seconds)| {
        format!("{} ({})", cause.counted(count), span::human(seconds as f64))
    });
    let sums: Vec<String> = sums.collect();
    (!gaps.is_empty()).then(|| format!("{} gaps: {}", gaps.len(), sums.join(", ")))
}

/// The rows: samples, or buckets from the first that has one.
fn rows(
    asked: &Asked,
    every: Option<u64>,
    zone: Zone,
) -> Result<(Vec<Bucket>, Vec<Damage>, Watch)> {
    let mut rows: Vec<Bucket> = Vec::new();
    if let Some(seconds) = every {
        let (damage, watch) = asked.each_bucket(seconds, zone, |bucket| {
            if bucket.count > 0 || !rows.is_empty() {
                rows.push(bucket);
            }
            Ok(())
        })?;
        return Ok((rows, damage, watch));
    }
    let mut watch = Watch::new(asked.interval);
    let damage = asked.each(|sample| {
        watch.see(&sample);
        rows.push(row(asked, &sample));
        Ok(())
    })?;
    Ok((rows, damage, watch))
}

fn row(asked: &Asked, sample: &Sample) -> Bucket {
    let start = sample.timestamp.to_utc();
    let mut row = Bucket { start, end: start, count: 1, series: BTreeMap::new(), cause: None };
    for (series, value) in asked.selection.points(sample) {
        row.series.entry(series).or_default().add(value);
    }
    row
}

/// Times with the date where it changes, and the offset where an hour is repeated.
fn time_column(buckets: &[&Bucket], every: Option<u64>, zone: Zone) -> Vec<String> {
    let local: Vec<_> = buckets.iter().map(|bucket| zone.at(bucket.start)).collect();
    let day_long = every.is_some_and(|seconds| seconds >= 86_400);
    let mut date = None;
    let text = |(at, time): (usize, &DateTime<chrono::FixedOffset>)| {
        let same = |other: Option<&DateTime<chrono::FixedOffset>>| {
            other.is_some_and(|other| other.naive_local() == time.naive_local())
        };
        let repeated =
            same(at.checked_sub(1).and_then(|before| local.get(before))) || same(local.get(at + 1));
        let offset = if repeated { time.format(" %z").to_string() } else { String::new() };
        let new_day = date.replace(time.date_naive()) != Some(time.date_naive());
        let every = every.filter(|seconds| seconds.is_multiple_of(60));
        let form = match (day_long, new_day, every) {
            (true, ..) => "%a %Y-%m-%d",
            (_, true, Some(_)) => "%a %d %b %H:%M",
            (_, true, None) => "%a %d %b %H:%M:%S",
            (_, false, Some(_)) => "           %H:%M",
            (_, false, None) => "           %H:%M:%S",
        };
        format!("{}{offset}", time.format(form))
    };
    local.iter().enumerate().map(text).collect()
}

/// A column with several numbers in each cell, aligned among themselves.
struct Stacked {
    title: String,
    heads: String,
    cells: Vec<String>,
    /// Whether a value in it is past its level.
    has_mark: bool,
}

impl Stacked {
    fn new(series: &Series, buckets: &[&Bucket], single: bool, asked: &Asked) -> Self {
        let roomy = asked.selection.len() <= 3;
        let metric = collector::find(&series.metric);
        let unit = metric.map_or(Unit::Count, |metric| metric.unit);
        let heads: &[&str] = match (
            single,
            metric.is_some_and(|metric| metric.capacity.is_some() && metric.label.is_some()),
            roomy,
        ) {
            (true, ..) => &[""],
            (_, true, _) => &["last", "max"],
            (_, _, true) => &["mean", "p95", "max"],
            _ => &["mean", "max"],
        };
        let pick = |summary: &crate::summary::Summary, name: &str| match name {
            "mean" => summary.mean,
            "p95" => summary.p95,
            "max" => summary.max,
            _ => summary.last,
        };
        let texts: Vec<Option<Vec<String>>> = buckets
            .iter()
            .map(|bucket| {
                let summary = bucket.series.get(series)?.summary()?;
                Some(heads.iter().map(|name| unit.bare(pick(&summary, name))).collect())
            })
            .collect();
        let width = |at: usize| {
            texts
                .iter()
                .flatten()
                .filter_map(|numbers| numbers.get(at))
                .map(|text| fit::length(text))
                .chain(heads.get(at).map(|head| head.len()))
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..heads.len()).map(width).collect();
        let join = |parts: &[String]| {
            parts
                .iter()
                .zip(&widths)
                .map(|(part, width)| format!("{part:>width$}"))
                .collect::<Vec<_>>()
                .join("  ")
        };
        let heads: Vec<String> = heads.iter().map(|&head| head.to_owned()).collect();
        let empty: Vec<String> = heads.iter().map(|_| "-".to_owned()).collect();
        let cells = texts.iter().map(|numbers| join(numbers.as_ref().unwrap_or(&empty))).collect();
        Stacked { title: series.to_string(), heads: join(&heads), cells, has_mark: false }
            .marked(series, buckets, asked)
    }

    /// With a mark behind what is past its level, and its room behind the rest.
    fn marked(mut self, series: &Series, buckets: &[&Bucket], asked: &Asked) -> Self {
        let levels =
            |rule: &Rule| rule.levels_for(&series.metric, series.label.as_deref()).cloned();
        let Some(levels) = asked.rules.iter().find_map(levels) else { return self };
        let is_past = |bucket: &&Bucket| {
            let summary = bucket.series.get(series).and_then(Summariser::summary);
            let worst = summary.map(|it| if levels.below { it.min } else { it.max });
            let limits = [&levels.warning, &levels.critical].into_iter().flatten();
            worst.is_some_and(|worst| limits.into_iter().any(|limit| levels.is_past(limit, worst)))
        };
        let marks: Vec<bool> = buckets.iter().map(is_past).collect();
        self.has_mark = marks.contains(&true);
        if self.has_mark {
            for (cell, is_marked) in self.cells.iter_mut().zip(marks) {
                cell.push_str(if is_marked { " !" } else { "  " });
            }
        }
        self
    }

    /// A name of any length is cut to the room there is.
    fn heading(&self, room: Option<usize>) -> String {
        let title = fit::middle(&self.title, room.unwrap_or(usize::MAX));
        if self.heads.trim().is_empty() { title } else { format!("{title}\n{}", self.heads) }
    }

    fn width(&self) -> usize {
        let cell = self.cells.first().map_or(0, |cell| fit::length(cell));
        fit::length(&self.title).max(cell).max(fit::length(&self.heads)) + 2
    }
}

/// Columns that stand before those of the series.
const TIME_AND_COUNT: usize = 24;

/// How many columns fit; all of them in a pipe, and always one.
fn fitting(columns: &[Stacked], width: Option<usize>) -> usize {
    let Some(width) = width else { return columns.len() };
    let mut used = TIME_AND_COUNT;
    let fit = columns.iter().take_while(|column| {
        used += column.width();
        used <= width + 2
    });
    fit.count().max(1)
}
