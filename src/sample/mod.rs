//! A sample: all metrics of one run, plus who and when. One JSON line, schema 1. Names and shapes only grow;
//! unknown keys survive every reader.

mod content;
pub mod read;
mod sorted;
mod wanted;
mod working;
pub mod write;

use std::borrow::Cow;
use std::collections::BTreeMap;

use chrono::{DateTime, FixedOffset};
use serde::{Deserialize, Serialize};

use crate::metric::Metric;
use crate::series::Series;
use crate::time::Moment;
pub use sorted::Sorted;

/// Rises only if an old reader would misread a line.
pub const SCHEMA: u64 = 1;

/// Keys of a line that are not metrics. (`uptime` is a metric.)
pub const RESERVED: &[&str] = &[
    "timestamp",
    "epoch",
    "schema",
    "host",
    "boot_id",
    "interval",
    "top",
    "errors",
    "facts",
    SAID,
];

/// What plugins say that are not content: source → words.
pub const SAID: &str = "said";

#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Local time with its offset, whole seconds.
    pub timestamp: DateTime<FixedOffset>,
    pub schema: u64,
    pub host: String,
    /// 32 hexadecimal digits; empty in lines of the original module.
    pub boot_id: String,
    /// Seconds since boot.
    pub uptime: Option<f64>,
    /// Seconds that the rates cover.
    pub interval: Option<f64>,
    pub values: Values,
    pub top: Vec<Process>,
    /// Collector → why it failed.
    pub errors: BTreeMap<String, String>,
    /// What kind of host it is, in texts: kernel, system, model.
    pub facts: BTreeMap<String, String>,
    /// `said`, and keys of later versions that are no numbers.
    pub other: BTreeMap<String, serde_json::Value>,
}

impl Sample {
    pub fn epoch(&self) -> i64 {
        self.timestamp.timestamp()
    }

    /// Source and words of plugins that are not content.
    pub fn said(&self) -> impl Iterator<Item = (&str, &str)> {
        let said = self.other.get(SAID).and_then(serde_json::Value::as_object);
        said.into_iter()
            .flatten()
            .filter_map(|(source, words)| Some((source.as_str(), words.as_str()?)))
    }

    pub fn moment(&self) -> Moment {
        Moment {
            epoch: self.epoch(),
            boot_id: self.boot_id.clone(),
            uptime: self.uptime.unwrap_or(0.0),
        }
    }
}

/// A process in `top`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Process {
    pub pid: u32,
    pub name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// Per cent of one core over the interval; absent without an earlier reading.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "write::short")]
    pub cpu_percent: Option<f64>,
    /// Resident bytes.
    pub memory: u64,
    /// With its arguments, cut, without what looks like a secret; empty: it says no more than the name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub command: String,
}

/// Counters and bytes stay integers up to the subtraction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    Unsigned(u64),
    Float(f64),
}

impl Value {
    pub fn as_f64(self) -> f64 {
        match self {
            Value::Unsigned(number) => number as f64,
            Value::Float(number) => number,
        }
    }
}

impl Value {
    /// What was counted; `None` for what was measured.
    pub fn count(self) -> Option<u64> {
        match self {
            Value::Unsigned(number) => Some(number),
            Value::Float(_) => None,
        }
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Value::Unsigned(number)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Value::Float(number)
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    Single(Value),
    Labelled(Sorted<String, Value>),
}

impl Entry {
    /// Its numbers, each with the metric's name and its label.
    pub fn points<'a>(
        &'a self,
        metric: &'a str,
    ) -> impl Iterator<Item = (&'a str, Option<&'a str>, Value)> {
        let (single, labels) = match self {
            Entry::Single(value) => (Some((metric, None, *value)), None),
            Entry::Labelled(labels) => (None, Some(labels.iter())),
        };
        let labelled = labels.into_iter().flatten();
        let labelled = labelled.map(move |(label, value)| (metric, Some(label.as_str()), *value));
        single.into_iter().chain(labelled)
    }
}

/// The metrics of a sample by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Values(Sorted<Cow<'static, str>, Entry>);

impl Values {
    /// Sets the one number of a metric. A non-finite one is refused: what could not be measured is absent.
    pub fn set(&mut self, metric: &'static Metric, value: impl Into<Value>) {
        if let Some(value) = storable(metric, value.into()) {
            self.0.insert(Cow::Borrowed(metric.name), Entry::Single(value));
        }
    }

    /// Sets the number of one label.
    pub fn set_for(&mut self, metric: &'static Metric, label: &str, value: impl Into<Value>) {
        if let Some(value) = storable(metric, value.into()) {
            self.insert_labelled(Cow::Borrowed(metric.name), label.to_owned(), value);
        }
    }

    fn insert_labelled(&mut self, name: Cow<'static, str>, label: String, value: Value) {
        if let Some(Entry::Labelled(labels)) = self.0.get_mut(&name) {
            return labels.insert(label, value);
        }
        let mut labels = Sorted::default();
        labels.insert(label, value);
        self.0.insert(name, Entry::Labelled(labels));
    }

    /// Makes room for so many.
    fn reserve(&mut self, more: usize) {
        self.0.reserve(more);
    }

    /// Takes an entry as it was read.
    pub fn insert(&mut self, name: Cow<'static, str>, entry: Entry) {
        self.0.insert(name, entry);
    }

    /// Takes a number as it was read.
    pub fn put(&mut self, series: Series, value: Value) {
        match series.label {
            Some(label) => self.insert_labelled(Cow::Owned(series.metric), label, value),
            None => self.insert(Cow::Owned(series.metric), Entry::Single(value)),
        }
    }

    /// Takes a metric out.
    pub fn remove(&mut self, name: &str) -> Option<Entry> {
        self.0.remove(name)
    }

    /// Takes over everything that another set holds.
    pub fn merge(&mut self, other: Values) {
        self.0.extend(other.0);
    }

    pub fn entry(&self, name: &str) -> Option<&Entry> {
        self.0.get(name)
    }

    pub fn single(&self, name: &str) -> Option<Value> {
        match self.entry(name) {
            Some(Entry::Single(value)) => Some(*value),
            _ => None,
        }
    }

    pub fn get(&self, name: &str, label: Option<&str>) -> Option<f64> {
        self.exact(name, label).map(Value::as_f64)
    }

    /// A number as it is stored.
    pub fn exact(&self, name: &str, label: Option<&str>) -> Option<Value> {
        match (self.entry(name)?, label) {
            (Entry::Single(value), None) => Some(*value),
            (Entry::Labelled(labels), Some(label)) => labels.get(label).copied(),
            _ => None,
        }
    }

    /// The number of a series as it is stored.
    pub fn value(&self, series: &Series) -> Option<Value> {
        self.exact(&series.metric, series.label.as_deref())
    }

    pub fn number(&self, series: &Series) -> Option<f64> {
        self.get(&series.metric, series.label.as_deref())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn entries(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.0.iter().map(|(name, entry)| (name.as_ref(), entry))
    }

    /// Every number with its metric and label, by name.
    pub fn points(&self) -> impl Iterator<Item = (&str, Option<&str>, Value)> {
        self.entries().flat_map(|(name, entry)| entry.points(name))
    }
}

fn storable(metric: &Metric, value: Value) -> Option<Value> {
    match value {
        Value::Unsigned(_) => Some(value),
        Value::Float(number) => number.is_finite().then(|| Value::Float(metric.unit.round(number))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::Unit;

    static TEMPERATURE: Metric =
        Metric::gauge("temperature", Unit::Celsius, "Test.").labelled("sensor");
    static LOAD: Metric = Metric::gauge("load1", Unit::Load, "Test.");

    #[test]
    fn a_non_finite_value_is_refused_where_it_enters() {
        let mut values = Values::default();
        values.set(&LOAD, f64::NAN);
        values.set_for(&TEMPERATURE, "x", f64::INFINITY);
        assert!(values.is_empty());
    }

    #[test]
    fn every_number_is_listed_with_its_label() {
        let mut values = Values::default();
        values.set(&LOAD, 0.456);
        values.set_for(&TEMPERATURE, "a", 1.0);
        values.set_for(&TEMPERATURE, "b", 2.0);
        let seen: Vec<_> =
            values.points().map(|(name, label, value)| (name, label, value.as_f64())).collect();
        assert_eq!(
            seen,
            [
                ("load1", None, 0.46),
                ("temperature", Some("a"), 1.0),
                ("temperature", Some("b"), 2.0)
            ]
        );
    }
}
