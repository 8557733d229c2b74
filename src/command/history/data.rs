//! History for programs: JSON, JSON lines and CSV, written as they are read.

use std::io::{self, Write};

use anyhow::Result;
use serde_json::{Map, Value, json};

use super::{Asked, Bucket};
use crate::collector;
use crate::render::json as shape;
use crate::sample::{Entry, Sample};
use crate::series::Series;
use crate::store::range::Damage;
use crate::summary::Summariser;
use crate::time::Zone;

/// A sample as stored, or with the series asked for alone.
pub(super) fn line(asked: &Asked, sample: &Sample) -> Result<String> {
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
                if taken.is_empty() {
                    continue;
                }
                Value::Object(taken)
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
pub(super) fn json_samples(asked: &Asked, host: &str, out: &mut dyn Write) -> Result<Vec<Damage>> {
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

pub(super) fn bucket_object(bucket: &Bucket) -> Value {
    let metrics: Map<String, Value> = bucket
        .series
        .iter()
        .filter_map(|(series, summariser)| {
            let metric = collector::find(&series.metric);
            Some((
                series.to_string(),
                Value::Object(shape::summary(
                    &summariser.summary()?,
                    metric,
                    &["min", "mean", "p95", "max", "last"],
                )),
            ))
        })
        .collect();
    let mut object = json!({"start": shape::time(bucket.start), "end": shape::time(bucket.end), "epoch": bucket.start.timestamp(), "count": bucket.count, "metrics": metrics});
    if let (Some(cause), Some(keys)) = (bucket.cause, object.as_object_mut()) {
        keys.insert("cause".to_owned(), json!(cause));
    }
    object
}

pub(super) fn json_buckets(
    asked: &Asked,
    host: &str,
    seconds: u64,
    zone: Zone,
    out: &mut dyn Write,
) -> Result<Vec<Damage>> {
    let head = Value::Object(head(asked, host)).to_string();
    write!(out, "{},\"buckets\":[", head.trim_end_matches('}'))?;
    let mut separator = "";
    let (damage, _) = asked.each_bucket(seconds, zone, |bucket| {
        write!(out, "{separator}{}", bucket_object(&bucket))?;
        separator = ",";
        Ok(())
    })?;
    writeln!(out, "]}}")?;
    Ok(damage)
}

pub(super) fn csv_samples(
    asked: &Asked,
    series: &[Series],
    out: &mut dyn Write,
) -> Result<Vec<Damage>> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(out);
    writer
        .write_record(
            ["timestamp".to_owned(), "epoch".to_owned()]
                .into_iter()
                .chain(series.iter().map(ToString::to_string)),
        )
        .map_err(plain)?;
    let damage = asked.each(|sample| {
        let time = sample.timestamp.to_rfc3339_opts(chrono::SecondsFormat::Secs, false);
        let values = series.iter().map(|series| {
            sample.values.value(series).map(|value| json!(value).to_string()).unwrap_or_default()
        });
        writer
            .write_record([time, sample.epoch().to_string()].into_iter().chain(values))
            .map_err(plain)?;
        Ok(())
    })?;
    writer.flush()?;
    Ok(damage)
}

pub(super) fn csv_buckets(
    asked: &Asked,
    series: &[Series],
    seconds: u64,
    zone: Zone,
    out: &mut dyn Write,
) -> Result<Vec<Damage>> {
    const NUMBERS: [&str; 5] = ["min", "mean", "p95", "max", "last"];
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(out);
    let titles = series
        .iter()
        .flat_map(|series| NUMBERS.iter().map(move |number| format!("{series} {number}")));
    writer
        .write_record(["timestamp", "epoch", "count"].map(str::to_owned).into_iter().chain(titles))
        .map_err(plain)?;
    let (damage, _) = asked.each_bucket(seconds, zone, |bucket| {
        let head = [
            shape::time(bucket.start),
            bucket.start.timestamp().to_string(),
            bucket.count.to_string(),
        ];
        let values = series.iter().flat_map(|series| {
            let metric = collector::find(&series.metric);
            let summary = bucket
                .series
                .get(series)
                .and_then(Summariser::summary)
                .map(|summary| shape::summary(&summary, metric, &NUMBERS));
            NUMBERS.map(|name| {
                summary
                    .as_ref()
                    .and_then(|summary| summary.get(name))
                    .map(ToString::to_string)
                    .unwrap_or_default()
            })
        });
        Ok(writer.write_record(head.into_iter().chain(values)).map_err(plain)?)
    })?;
    writer.flush()?;
    Ok(damage)
}

/// The failure beneath, so that a reader that went away is seen as such.
fn plain(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}
