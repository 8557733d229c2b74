//! The shapes that JSON answers share (the contract with scripts): schema, times, summaries. Raw numbers only.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use crate::event::rfc3339;
use crate::metric::{Metric, Unit};
use crate::sample::SCHEMA;
use crate::series::Series;
use crate::store::range::Range;
use crate::summary::Summary;

/// An answer begins so.
pub fn answer() -> Map<String, Value> {
    Map::from_iter([("schema".to_owned(), json!(SCHEMA))])
}

/// What there is not is left out.
pub fn present(object: Value) -> Value {
    match object {
        Value::Object(fields) => fields.into_iter().filter(|(_, value)| !value.is_null()).collect(),
        other => other,
    }
}

/// Adds what was asked.
pub fn add_range(answer: &mut Map<String, Value>, range: Range) {
    answer.insert("since".to_owned(), json!(time(range.since)));
    answer.insert("until".to_owned(), json!(time(range.until)));
}

pub fn time(instant: DateTime<Utc>) -> String {
    rfc3339(instant.timestamp())
}

/// A number without digits that nothing stands behind, whole where it is whole.
pub fn number(value: f64, unit: Option<Unit>) -> Value {
    let rounded = unit.map_or(value, |unit| unit.round(value));
    serde_json::to_value(crate::sample::Value::Float(rounded)).unwrap_or(Value::Null)
}

/// A number of a metric as it is: not rounded if nobody knows the metric.
pub fn of_metric(value: f64, metric: Option<&Metric>) -> Value {
    number(metric.map_or(value, |metric| metric.round(value)), None)
}

/// Metric, label and unit of a series.
pub fn series_head(series: &Series, unit: Option<Unit>) -> Map<String, Value> {
    let mut head = Map::new();
    head.insert("metric".to_owned(), json!(series.metric));
    if let Some(label) = &series.label {
        head.insert("label".to_owned(), json!(label));
    }
    if let Some(unit) = unit {
        head.insert("unit".to_owned(), json!(unit.name()));
    }
    head
}

/// The numbers of a summary, in the order of `names`.
pub fn summary(summary: &Summary, metric: Option<&Metric>, names: &[&str]) -> Map<String, Value> {
    let all = [
        ("min", summary.min),
        ("mean", summary.mean),
        ("p50", summary.p50),
        ("p95", summary.p95),
        ("p99", summary.p99),
        ("max", summary.max),
        ("last", summary.last),
    ];
    let mut map = Map::new();
    for name in names {
        if *name == "count" {
            map.insert("count".to_owned(), json!(summary.count));
        } else if let Some((_, value)) = all.iter().find(|(known, _)| known == name) {
            map.insert((*name).to_owned(), of_metric(*value, metric));
        }
    }
    map
}
