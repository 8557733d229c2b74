//! `history`: samples or buckets of series over a range.

mod data;
mod text;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use anyhow::{Result, anyhow, bail};
use chrono::{DateTime, Utc};

use super::selection::Selection;
use super::{Context, output, standing, status};
use crate::alert::rule::Rule;
use crate::cli::{Exit, History, HistoryFormat};
use crate::continuity::{SUSPENDED, Watch};
use crate::event::{Event, kind};
use crate::gap::{Cause, Gap, with_causes};
use crate::render::Terminal;
use crate::sample::Sample;
use crate::sample::read::Wanted;
use crate::series::Series;
use crate::store::Store;
use crate::store::range::{Damage, Range};
use crate::summary::Summariser;
use crate::time::parse::bucket;
use crate::time::{Now, Zone, span};

/// Series left out that are named before the rest is only counted.
const MOST_NAMED: usize = 5;

/// A stretch of the range with what was sampled in it.
struct Bucket {
    start: DateTime<Utc>,
    end: DateTime<Utc>,
    count: usize,
    series: BTreeMap<Series, Summariser>,
    /// Why there is no sample in it, if a gap covers it.
    cause: Option<Cause>,
}

/// # Errors
/// A time, a span or a series is not understood, or there is no store.
pub fn run(arguments: &History, context: &mut Context<'_>) -> Result<Exit> {
    let format = match arguments.format {
        _ if arguments.output.json => HistoryFormat::Json,
        Some(format) => format,
        None => implied(arguments)?,
    };
    if format == HistoryFormat::Chart && arguments.every.is_some() {
        bail!(
            "could not combine --every with a chart: its bars are as wide as the terminal allows"
        );
    }
    let for_people = matches!(format, HistoryFormat::Table | HistoryFormat::Chart);
    let selection = if arguments.series.is_empty() && for_people {
        Selection::overview()
    } else {
        Selection::new(&arguments.series)
    };
    let every = every(arguments, format)?;
    let range =
        context.range(arguments.span.since.as_deref(), arguments.span.until.as_deref(), "24h")?;
    let mut config = context.config()?;
    let store = context.store_to_read(&config)?;
    standing::take_over(&mut config, &store, context);
    let interval = status::expected_interval(&config, &store, context);
    let mut gap_events = store.events(range)?;
    gap_events.retain(|event| event.event == kind::GAP);
    let (rules, now) = (config.rules, context.now.clone());
    let whole = matches!(format, HistoryFormat::Json | HistoryFormat::Jsonl) && every.is_none();
    let as_written = whole && selection.is_empty();
    let asked =
        Asked { selection, as_written, range, every, store, interval, gap_events, rules, now };
    let damage = show(&asked, format, arguments, context)?;
    context.note_damage(&damage);
    Ok(Exit::Done)
}

/// The format that the output's name tells.
fn implied(arguments: &History) -> Result<HistoryFormat> {
    let Some(path) = &arguments.output.output else { return Ok(HistoryFormat::Table) };
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("json") => Ok(HistoryFormat::Json),
        Some("jsonl") => Ok(HistoryFormat::Jsonl),
        Some("csv") => Ok(HistoryFormat::Csv),
        None | Some("txt") => Ok(HistoryFormat::Table),
        Some(other) => bail!(
            "could not tell a format from .{other}: use .txt, .json, .jsonl or .csv, or say --format"
        ),
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
    /// Whole lines are given, as they stand in the store.
    as_written: bool,
    range: Range,
    every: Option<u64>,
    store: Store,
    /// Expected seconds between samples.
    interval: f64,
    gap_events: Vec<Event>,
    rules: Vec<Rule>,
    now: Now,
}

impl Asked {
    /// Gives every sample of the range to `take`, and checks that every name is known.
    fn each(&self, mut take: impl FnMut(Sample) -> Result<()>) -> Result<Vec<Damage>> {
        let mut wanted = self.selection.wanted().and(SUSPENDED);
        wanted.as_written = self.as_written;
        let mut samples = self.store.samples(self.range, &wanted)?;
        for sample in samples.by_ref() {
            take(sample)?;
        }
        Ok(samples.damage)
    }

    /// The host whose samples these are: as the last of them says, else this one.
    fn host(&self, context: &Context<'_>) -> Result<String> {
        let last = self
            .store
            .last(Zone::Local.date(context.now.utc), &Wanted::names(Vec::<String>::new()))?;
        let named = last.map(|sample| sample.host).filter(|host| !host.is_empty());
        Ok(named.unwrap_or_else(|| crate::clock::host(context.root)))
    }

    /// The series there are, in the order asked for. Fails early for a name that nobody knows.
    fn series(&self) -> Result<Vec<Series>> {
        let mut seen = BTreeSet::new();
        self.each(|sample| {
            seen.extend(
                sample.values.points().map(|(metric, label, _)| Series::new(metric, label)),
            );
            Ok(())
        })?;
        self.selection.check(&seen)?;
        let asked = |series: &Series| self.selection.takes(&series.metric, series.label.as_deref());
        let mut series: Vec<Series> = seen.into_iter().filter(asked).collect();
        series.sort_by_key(|series| self.selection.position(series));
        Ok(series)
    }

    /// Says of an empty bucket why it is.
    fn explained(&self, mut bucket: Bucket, gaps: &[Gap]) -> Bucket {
        let (start, end) = (bucket.start.timestamp(), bucket.end.timestamp());
        let covers = |gap: &&Gap| gap.before.epoch < end && gap.after.epoch > start;
        if bucket.count == 0 {
            let covering = gaps.iter().rev().find(covers).cloned();
            let known = with_causes(covering.into_iter().collect(), &self.gap_events);
            bucket.cause = known.first().map(|gap| gap.cause);
        }
        bucket
    }

    /// Gives every bucket of the range to `take`, in their order, empty ones too; only the last few are kept.
    fn each_bucket(
        &self,
        seconds: u64,
        zone: Zone,
        mut take: impl FnMut(Bucket) -> Result<()>,
    ) -> Result<(Vec<Damage>, Watch)> {
        // Lines of neighbouring days may stand out of order by a little.
        let kept = usize::try_from(7_200 / seconds.max(1)).unwrap_or(0).max(2);
        let mut open: VecDeque<Bucket> = VecDeque::new();
        let mut next = self.range.since;
        let mut watch = Watch::new(self.interval);
        let damage = self.each(|sample| {
            watch.see(&sample);
            let instant = sample.timestamp.to_utc();
            while next <= instant {
                next = open_bucket(&mut open, next, seconds, zone);
                if let Some(done) = if open.len() > kept { open.pop_front() } else { None } {
                    take(self.explained(done, &watch.gaps))?;
                }
            }
            let holds = |bucket: &&mut Bucket| bucket.start <= instant && instant < bucket.end;
            if let Some(bucket) = open.iter_mut().rev().find(holds) {
                bucket.count += 1;
                for (series, value) in self.selection.points(&sample) {
                    bucket.series.entry(series).or_default().add(value);
                }
            }
            Ok(())
        })?;
        let mut last = |bucket: Bucket| take(self.explained(bucket, &watch.gaps));
        open.drain(..).try_for_each(&mut last)?;
        while next < self.range.until {
            next = open_bucket(&mut open, next, seconds, zone);
            open.drain(..).try_for_each(&mut last)?;
        }
        Ok((damage, watch))
    }
}

/// Adds the bucket that holds an instant; returns where the next one begins.
fn open_bucket(
    open: &mut VecDeque<Bucket>,
    at: DateTime<Utc>,
    seconds: u64,
    zone: Zone,
) -> DateTime<Utc> {
    let (start, end) = bucket(at, seconds, zone);
    let end = end.max(at + chrono::Duration::seconds(1));
    open.push_back(Bucket { start, end, count: 0, series: BTreeMap::new(), cause: None });
    end
}

fn show(
    asked: &Asked,
    format: HistoryFormat,
    arguments: &History,
    context: &mut Context<'_>,
) -> Result<Vec<Damage>> {
    let zone = context.zone();
    // A file has no width.
    let is_file = arguments.output.output.as_ref().is_some_and(|path| path.as_os_str() != "-");
    let terminal = if is_file {
        Terminal { width: None, color: false, ..context.stdout }
    } else {
        context.stdout
    };
    let series = asked.series()?;
    let mut damage = Vec::new();
    let path = arguments.output.output.clone();
    let host = asked.host(context)?;
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
                let write = |bucket| Ok(writeln!(out, "{}", data::bucket_object(&bucket))?);
                asked.each_bucket(seconds, zone, write)?.0
            }
            (HistoryFormat::Csv, None) => data::csv_samples(asked, &series, out)?,
            (HistoryFormat::Csv, Some(seconds)) => {
                data::csv_buckets(asked, &series, seconds, zone, out)?
            }
        };
        Ok(())
    })?;
    if !hidden.is_empty() {
        let some: Vec<&str> = hidden.iter().take(MOST_NAMED).map(String::as_str).collect();
        let more = hidden.len().saturating_sub(MOST_NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        context.note(&format!("not shown at this width: {}{more}", some.join(", ")));
    }
    Ok(damage)
}
