//! A message as facts, for programs: what a webhook posts and a command reads. Names and shapes only grow. Pure.

use serde_json::{Value, json};

use super::letter::Letter;
use crate::alert::Level;
use crate::alert::fact::Fact;
use crate::event::rfc3339;
use crate::render::wording::phrase;
use crate::sample::SCHEMA;

/// The facts of a message, the worst first, without its identity.
pub(super) fn payload(
    letter: &Letter<'_>,
    facts: &[&Fact],
    level: Level,
    subject: &str,
    text: &str,
) -> Value {
    let now = letter.now.utc.timestamp();
    let mut payload = head(letter.host, now, level, subject, text);
    let first = facts.first();
    payload["kind"] = json!(first.map_or("test", |fact| fact.reason.name()));
    payload["series"] = json!(first.map(|fact| fact.series.to_string()));
    payload["value"] = json!(first.and_then(|fact| fact.value));
    payload["alerts"] = facts.iter().map(|fact| alert(fact, now)).collect();
    payload
}

/// The facts of a message about nothing.
pub(super) fn test(host: &str, now: i64, subject: &str, text: &str) -> Value {
    let mut payload = head(host, now, Level::Ok, subject, text);
    payload["kind"] = json!("test");
    payload["alerts"] = json!([]);
    payload
}

fn head(host: &str, now: i64, level: Level, subject: &str, text: &str) -> Value {
    json!({
        "schema": SCHEMA,
        "host": host,
        "time": rfc3339(now),
        "epoch": now,
        "level": level,
        "subject": subject,
        "text": text,
    })
}

fn alert(fact: &Fact, now: i64) -> Value {
    let threshold = fact.levels.as_ref().and_then(|levels| levels.threshold(fact.level));
    let start = fact.standing.start().map_or(now, |start| start.epoch);
    let end = fact.end.as_ref().map(|end| end.epoch);
    let fields = json!({
        "kind": fact.reason.name(),
        "series": fact.series.to_string(),
        "metric": fact.series.metric,
        "label": fact.series.label,
        "level": fact.level,
        "value": fact.value,
        "threshold": threshold.map(|threshold| threshold.level),
        "start": rfc3339(start),
        "end": end.map(rfc3339),
        "seconds": (end.unwrap_or(now) - start).max(0),
        "worst": fact.standing.worst,
        "cause": fact.standing.cause,
        "summary": phrase(&fact.series, fact.value, true),
    });
    // What there is not is left out.
    fields.as_object().map_or(Value::Null, |fields| {
        fields
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    })
}
