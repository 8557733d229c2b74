//! `history`: samples or buckets of series over a range.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use anyhow::{Result, anyhow};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::selection::Selection;
use super::{Context, output};
use crate::cli::{Exit, History, HistoryFormat};
use crate::collector;
use crate::metric::Unit;
use crate::render::{Cell, Column, View, chart, json as shape, table};
use crate::sample::{Entry, Sample};
use crate::series::Series;
use crate::store::Store;
use crate::store::range::{Damage, Range};
use crate::summary::Summariser;
use crate::time::parse::bucket;
use crate::time::{Zone, span};

/// A stretch of the range with what was sampled in it.
struct Bucket {
    start: DateTime<Utc>,
    end: DateTime<Utc>,
    count: usize,
    series: BTreeMap<Series, Summariser>,
}

/// # Errors
/// A time, a span or a series is not understood, or there is no store.
pub fn run(arguments: &History, context: &mut Context<'_>) -> Result<Exit> {
    let format = if arguments.output.json {
        HistoryFormat::Json
    } else {
        arguments.format.unwrap_or_else(|| implied(arguments))
    };
    let for_people = matches!(format, HistoryFormat::Table | HistoryFormat::Chart);
    let selection = if arguments.series.is_empty() && for_people {
        Selection::overview()
    } else {
        Selection::new(&arguments.series)
    };
    let every = every(arguments, format)?;
    let range =
        context.range(arguments.span.since.as_deref(), arguments.span.until.as_deref(), "24h")?;
    let config = context.config()?;
    let store = context.store_to_read(&config)?;
    let asked = Asked { selection, range, every, store };
    let damage = show(&asked, format, arguments, context)?;
    if !damage.is_empty() {
        context.note(&format!("{} damaged lines were passed over", damage.len()));
    }
    Ok(Exit::Done)
}

/// The format that the output's name tells.
fn implied(arguments: &History) -> HistoryFormat {
    match arguments.output.output.as_ref().and_then(|path| path.extension()?.to_str()) {
        Some("json") => HistoryFormat::Json,
        Some("jsonl") => HistoryFormat::Jsonl,
        Some("csv") => HistoryFormat::Csv,
        _ => HistoryFormat::Table,
    }
}

/// Seconds of a bucket; `None`: samples.
fn every(arguments: &History, format: HistoryFormat) -> Result<Option<u64>> {
    match arguments.every.as_deref() {
        Some("sample") => Ok(None),
        Some(text) => match span::parse(text) {
            Ok(0) => Err(anyhow!("could not understand --every: a bucket of no length")),
            Ok(seconds) => Ok(Some(seconds)),
            Err(words) => Err(anyhow!("could not understand --every: {words}, or \"sample\"")),
        },
        None if format == HistoryFormat::Table => Ok(Some(3_600)),
        None => Ok(None),
    }
}

/// What was asked for.
struct Asked {
    selection: Selection,
    range: Range,
    every: Option<u64>,
    store: Store,
}

impl Asked {
    /// Gives every sample of the range to `take`, and checks that every name is known.
    fn each(&self, mut take: impl FnMut(Sample) -> Result<()>) -> Result<Vec<Damage>> {
        let wanted = self.selection.wanted();
        let mut samples = self.store.samples(self.range, &wanted)?;
        for sample in samples.by_ref() {
            take(sample)?;
        }
        Ok(samples.damage)
    }

    /// The series there are, in the order asked for. Fails early for a name that nobody knows.
    fn series(&self) -> Result<Vec<Series>> {
        let mut seen = BTreeSet::new();
        self.each(|sample| {
            seen.extend(self.selection.points(&sample).map(|(series, _)| series));
            Ok(())
        })?;
        self.selection.check(&seen)?;
        let mut series: Vec<Series> = seen.into_iter().collect();
        series.sort_by_key(|series| self.selection.position(series));
        Ok(series)
    }

    fn buckets(&self, seconds: u64, zone: Zone) -> Result<(Vec<Bucket>, Vec<Damage>)> {
        let mut buckets: Vec<Bucket> = Vec::new();
        let damage = self.each(|sample| {
            let instant = sample.timestamp.to_utc();
            fill_up_to(&mut buckets, instant, self.range.since, seconds, zone);
            if let Some(bucket) = buckets
                .iter_mut()
                .rev()
                .find(|bucket| bucket.start <= instant && instant < bucket.end)
            {
                bucket.count += 1;
                for (series, value) in self.selection.points(&sample) {
                    bucket.series.entry(series).or_default().add(value);
                }
            }
            Ok(())
        })?;
        let last = self.range.until - chrono::Duration::seconds(1);
        if !buckets.is_empty() {
            fill_up_to(&mut buckets, last, self.range.since, seconds, zone);
        }
        Ok((buckets, damage))
    }
}

/// Adds empty buckets until one holds the instant.
fn fill_up_to(
    buckets: &mut Vec<Bucket>,
    instant: DateTime<Utc>,
    since: DateTime<Utc>,
    seconds: u64,
    zone: Zone,
) {
    loop {
        let next = match buckets.last() {
            Some(last) if instant < last.end => return,
            Some(last) => last.end,
            None => since,
        };
        let (start, end) = bucket(next, seconds, zone);
        buckets.push(Bucket {
            start,
            end: end.max(next + chrono::Duration::seconds(1)),
            count: 0,
            series: BTreeMap::new(),
        });
    }
}

fn show(
    asked: &Asked,
    format: HistoryFormat,
    arguments: &History,
    context: &mut Context<'_>,
) -> Result<Vec<Damage>> {
    let zone = context.zone();
    let terminal = context.stdout;
    let series = asked.series()?;
    let mut damage = Vec::new();
    let path = arguments.output.output.clone();
    let host = crate::clock::host(context.root);
    let mut hidden = Vec::new();
    output::to(path.as_deref(), context, |out| {
        damage = match (format, asked.every) {
            (HistoryFormat::Table, every) => {
                let (text, damage, left_out) = table_text(asked, every, &series, zone, &terminal)?;
                out.write_all(text.as_bytes())?;
                hidden = left_out;
                damage
            }
            (HistoryFormat::Chart, _) => charts(asked, &series, zone, terminal.columns(), out)?,
            (HistoryFormat::Json, None) => json_samples(asked, &host, out)?,
            (HistoryFormat::Json, Some(seconds)) => json_buckets(asked, &host, seconds, zone, out)?,
            (HistoryFormat::Jsonl, None) => {
                asked.each(|sample| Ok(writeln!(out, "{}", line(asked, &sample)?)?))?
            }
            (HistoryFormat::Jsonl, Some(seconds)) => {
                let (buckets, damage) = asked.buckets(seconds, zone)?;
                buckets.iter().try_for_each(|bucket| writeln!(out, "{}", bucket_object(bucket)))?;
                damage
            }
            (HistoryFormat::Csv, None) => csv_samples(asked, &series, out)?,
            (HistoryFormat::Csv, Some(seconds)) => csv_buckets(asked, &series, seconds, zone, out)?,
        };
        Ok(())
    })?;
    if !hidden.is_empty() {
        context.note(&format!("not shown at this width: {}", hidden.join(", ")));
    }
    Ok(damage)
}

/// A sample as stored, or with the series asked for alone.
fn line(asked: &Asked, sample: &Sample) -> Result<String> {
    if asked.selection.is_empty() {
        return Ok(sample.to_line()?);
    }
    let mut object = Map::new();
    object.insert(
        "timestamp".to_owned(),
        json!(sample.timestamp.to_rfc3339_opts(chrono::SecondsFormat::Secs, false)),
    );
    object.insert("epoch".to_owned(), json!(sample.epoch()));
    for (name, entry) in sample.values.entries() {
        let value = match entry {
            Entry::Single(value) if asked.selection.takes(name, None) => json!(value),
            Entry::Labelled(labels) => {
                let taken: Map<String, Value> = labels
                    .iter()
                    .filter(|(label, _)| asked.selection.takes(name, Some(label)))
                    .map(|(label, value)| (label.clone(), json!(value)))
                    .collect();
                if taken.is_empty() { continue }                Value::Object(taken)
            }
            Entry::Single(_) => continue,
        };
        object.insert(name.to_owned(), value);
    }
    Ok(Value::Object(object).to_string())
}

fn head(asked: &Asked, host: &str) -> Map<String, Value> {
    let mut head = shape::answer();
    head.insert("host".to_owned(), json!(host));
    shape::add_range(&mut head, asked.range);
    head
}

/// One object, written as it is read: memory does not grow with the range.
fn json_samples(asked: &Asked, host: &str, out: &mut dyn Write) -> Result<Vec<Damage>> {
    let head = Value::Object(head(asked, host)).to_string();
    write!(out, "{},\"samples\":[", head.trim_end_matches('}'))?;
    let mut separator = "";
    let damage = asked.each(|sample| {
        write!(out, "{separator}{}", line(asked, &sample)?)?;
        separator = ",";
        Ok(())
    })?;
    writeln!(out, "]}}")?;
    Ok(damage)
}

fn bucket_object(bucket: &Bucket) -> Value {
    let metrics: Map<String, Value> = bucket
        .series
        .iter()
        .filter_map(|(series, summariser)| {
            let unit = collector::find(&series.metric).map(|metric| metric.unit);
            Some((
                series.to_string(),
                Value::Object(shape::summary(
                    &summariser.summary()?,
                    unit,
                    &["min", "mean", "p95", "max", "last"],
                )),
            ))
        })
        .collect();
    json!({"start": shape::time(bucket.start), "end": shape::time(bucket.end), "epoch": bucket.start.timestamp(), "count": bucket.count, "metrics": metrics})
}

fn json_buckets(
    asked: &Asked,
    host: &str,
    seconds: u64,
    zone: Zone,
    out: &mut dyn Write,
) -> Result<Vec<Damage>> {
    let (buckets, damage) = asked.buckets(seconds, zone)?;
    let mut answer = head(asked, host);
    answer.insert("buckets".to_owned(), buckets.iter().map(bucket_object).collect());
    writeln!(out, "{}", Value::Object(answer))?;
    Ok(damage)
}

fn csv_samples(asked: &Asked, series: &[Series], out: &mut dyn Write) -> Result<Vec<Damage>> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(out);
    writer.write_record(
        ["timestamp".to_owned(), "epoch".to_owned()]
            .into_iter()
            .chain(series.iter().map(ToString::to_string)),
    )?;
    let damage = asked.each(|sample| {
        let time = sample.timestamp.to_rfc3339_opts(chrono::SecondsFormat::Secs, false);
        let values = series.iter().map(|series| {
            sample
                .values
                .number(series)
                .map(|value| shape::number(value, None).to_string())
                .unwrap_or_default()
        });
        writer.write_record([time, sample.epoch().to_string()].into_iter().chain(values))?;
        Ok(())
    })?;
    writer.flush()?;
    Ok(damage)
}

fn csv_buckets(
    asked: &Asked,
    series: &[Series],
    seconds: u64,
    zone: Zone,
    out: &mut dyn Write,
) -> Result<Vec<Damage>> {
    const NUMBERS: [&str; 5] = ["min", "mean", "p95", "max", "last"];
    let (buckets, damage) = asked.buckets(seconds, zone)?;
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(out);
    let titles = series
        .iter()
        .flat_map(|series| NUMBERS.iter().map(move |number| format!("{series} {number}")));
    writer.write_record(
        ["timestamp", "epoch", "count"].map(str::to_owned).into_iter().chain(titles),
    )?;
    for bucket in &buckets {
        let head = [
            shape::time(bucket.start),
            bucket.start.timestamp().to_string(),
            bucket.count.to_string(),
        ];
        let values = series.iter().flat_map(|series| {
            let unit = collector::find(&series.metric).map(|metric| metric.unit);
            let summary = bucket
                .series
                .get(series)
                .and_then(Summariser::summary)
                .map(|summary| shape::summary(&summary, unit, &NUMBERS));
            NUMBERS.map(|name| {
                summary
                    .as_ref()
                    .and_then(|summary| summary.get(name))
                    .map(ToString::to_string)
                    .unwrap_or_default()
            })
        });
        writer.write_record(head.into_iter().chain(values))?;
    }
    writer.flush()?;
    Ok(damage)
}

fn charts(
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

/// The table, and the series that did not fit.
fn table_text(
    asked: &Asked,
    every: Option<u64>,
    series: &[Series],
    zone: Zone,
    terminal: &crate::render::Terminal,
) -> Result<(String, Vec<Damage>, Vec<String>)> {
    let (buckets, damage) = asked.buckets(every.unwrap_or(1), zone)?;
    let shown: Vec<&Bucket> =
        buckets.iter().filter(|bucket| every.is_some() || bucket.count > 0).collect();
    if shown.is_empty() || series.is_empty() {
        return Ok(("nothing in this range\n".to_owned(), damage, Vec::new()));
    }
    let times = time_column(&shown, every, zone);
    let columns: Vec<Stacked> = series
        .iter()
        .map(|series| Stacked::new(series, &shown, every.is_none(), asked.selection.len() <= 3))
        .collect();
    let fitting = fitting(&columns, terminal.width.filter(|_| terminal.is_terminal));
    let mut view = View {
        columns: vec![Column::left(every.map_or_else(
            || "time".to_owned(),
            |seconds| format!("every {}", span::human(seconds as f64)),
        ))],
        rows: Vec::new(),
    };
    if every.is_some() {
        view.columns.push(Column::right("n"));
    }
    view.columns.extend(
        columns
            .iter()
            .take(fitting)
            .map(|column| Column::right(format!("{}\n{}", column.title, column.heads))),
    );
    for (at, bucket) in shown.iter().enumerate() {
        let mut row = vec![Cell::text(times.get(at).cloned().unwrap_or_default())];
        if every.is_some() {
            row.push(Cell::text(bucket.count.to_string()));
        }
        row.extend(
            columns
                .iter()
                .take(fitting)
                .map(|column| column.cells.get(at).cloned().map_or(Cell::Missing, Cell::Text)),
        );
        view.rows.push(row);
    }
    let left_out = columns.iter().skip(fitting).map(|column| column.title.clone()).collect();
    Ok((table::render(&view, terminal), damage, left_out))
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
}

impl Stacked {
    fn new(series: &Series, buckets: &[&Bucket], single: bool, roomy: bool) -> Self {
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
                .map(|text| text.chars().count())
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
        Stacked { title: series.to_string(), heads: join(&heads), cells }
    }

    fn width(&self) -> usize {
        let cell = self.cells.first().map_or(0, |cell| cell.chars().count());
        self.title.chars().count().max(cell).max(self.heads.chars().count()) + 2
    }
}

/// How many columns fit; all of them in a pipe, and always one.
fn fitting(columns: &[Stacked], width: Option<usize>) -> usize {
    const TIME_AND_COUNT: usize = 24;
    let Some(width) = width else { return columns.len() };
    let mut used = TIME_AND_COUNT;
    let fit = columns.iter().take_while(|column| {
        used += column.width();
        used <= width + 2
    });
    fit.count().max(1)
}
