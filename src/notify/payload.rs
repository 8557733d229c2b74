//! A message as facts, for programs: what a webhook posts and a command reads. Names and shapes only grow. Pure.

use serde_json::{Value, json};

use super::letter::Letter;
use super::story::Story;
use crate::alert::Level;
use crate::event::rfc3339;
use crate::sample::SCHEMA;

/// The facts of a message, the worst first, without its identity.
pub(super) fn payload(
    letter: &Letter<'_>,
    stories: &[Story<'_>],
    level: Level,
    subject: &str,
    text: &str,
) -> Value {
    let now = letter.now.utc.timestamp();
    let first = stories.first().map(|story| story.fact);
    let of_first = json!({
        "kind": first.map(|fact| fact.reason.name()),
        "series": first.map(|fact| fact.series.to_string()),
        "value": first.and_then(|fact| fact.value),
        "alerts": stories.iter().map(|story| alert(story, now)).collect::<Vec<_>>(),
    });
    joined([head(letter.host, now, level, subject, text), of_first])
}

/// The facts of a message about nothing.
pub(super) fn test(host: &str, now: i64, subject: &str, text: &str) -> Value {
    let rest = json!({"kind": "test", "alerts": []});
    joined([head(host, now, Level::Ok, subject, text), rest])
}

/// The fields of several objects in one; what there is not is left out.
fn joined<const N: usize>(objects: [Value; N]) -> Value {
    let fields = objects.into_iter().filter_map(|object| match object {
        Value::Object(fields) => Some(fields),
        _ => None,
    });
    fields.flatten().filter(|(_, value)| !value.is_null()).collect()
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

fn alert(story: &Story<'_>, now: i64) -> Value {
    let fact = story.fact;
    let threshold = fact.levels.as_ref().and_then(|levels| levels.threshold(fact.level));
    let start = fact.standing.start().map_or(now, |start| start.epoch);
    let end = fact.end.as_ref().map(|end| end.epoch);
    joined([json!({
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
        "times": Some(fact.more + 1).filter(|times| *times > 1),
        "summary": story.what(true),
    })])
}

/// With the identity under which it is sent, and sent again.
pub(super) fn identified(facts: &Value, id: &str) -> Value {
    joined([facts.clone(), json!({"id": id})])
}
