//! `history`: samples or buckets of series over a range.

mod data;
mod text;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, anyhow};
use chrono::{DateTime, Utc};

use super::selection::Selection;
use super::{Context, output};
use crate::cli::{Exit, History, HistoryFormat};
use crate::sample::Sample;
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
                let (text, damage, left_out) =
                    text::table_text(asked, every, &series, zone, &terminal)?;
                out.write_all(text.as_bytes())?;
                hidden = left_out;
                damage
            }
            (HistoryFormat::Chart, _) => {
                text::charts(asked, &series, zone, terminal.columns(), out)?
            }
            (HistoryFormat::Json, None) => data::json_samples(asked, &host, out)?,
            (HistoryFormat::Json, Some(seconds)) => {
                data::json_buckets(asked, &host, seconds, zone, out)?
            }
            (HistoryFormat::Jsonl, None) => {
                asked.each(|sample| Ok(writeln!(out, "{}", data::line(asked, &sample)?)?))?
            }
            (HistoryFormat::Jsonl, Some(seconds)) => {
                let (buckets, damage) = asked.buckets(seconds, zone)?;
                buckets
                    .iter()
                    .try_for_each(|bucket| writeln!(out, "{}", data::bucket_object(bucket)))?;
                damage
            }
            (HistoryFormat::Csv, None) => data::csv_samples(asked, &series, out)?,
            (HistoryFormat::Csv, Some(seconds)) => {
                data::csv_buckets(asked, &series, seconds, zone, out)?
            }
        };
        Ok(())
    })?;
    if !hidden.is_empty() {
        context.note(&format!("not shown at this width: {}", hidden.join(", ")));
    }
    Ok(damage)
}
