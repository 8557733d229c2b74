//! What is suggested, as it is written in `alert_thresholds`: beside a default rule by a key of its own, within a rule of
//! the file in its place.

use serde_json::{Map, Value, json};

use super::super::super::config::{threshold_path, value_at};
use super::Row;
use crate::alert::rule::Levels;
use crate::alert::suggest::Suggested;
use crate::config::monitoring::ALERT_THRESHOLDS;
use crate::config::{Config, rules};
use crate::metric::Unit;
use crate::render::json as shape;
use crate::series::is_glob;

/// The key of a series, and its value with the suggested levels. `None`: nothing is suggested, or a rule that speaks of
/// several metrics stands in the way.
pub(super) fn entry(row: &Row<'_>, config: &Config) -> Option<(String, Value)> {
    let suggested = row.suggested?;
    if row.is_as_it_is() {
        return None;
    }
    entry_into(row, suggested, config, &Map::new())
}

/// All of them. Those of one rule are in one value.
pub(super) fn joined(rows: &[Row<'_>], config: &Config) -> Map<String, Value> {
    let mut snippet = Map::new();
    for row in rows.iter().filter(|row| row.entry.is_some()) {
        let entry = row.suggested.and_then(|one| entry_into(row, one, config, &snippet));
        snippet.extend(entry);
    }
    snippet
}

/// What the configuration makes of an entry: only what it understands is suggested.
pub(super) fn levels(row: &Row<'_>) -> Option<Levels> {
    let (key, value) = row.entry.clone()?;
    let mut faults = Vec::new();
    let read = rules::read(&Map::from_iter([(key, value)]), &[], &mut faults);
    let (metric, label) = (row.series.metric.as_str(), row.series.label.as_deref());
    let mut found = read.iter().filter_map(|rule| rule.levels_for(metric, label));
    let same = |levels: &&Levels| row.suggested.is_some_and(|one| one.is_as_it_is(levels));
    found.find(same).cloned()
}

fn entry_into(
    row: &Row<'_>,
    suggested: Suggested,
    config: &Config,
    written: &Map<String, Value>,
) -> Option<(String, Value)> {
    let rule = row.today.map(|(rule, _)| rule);
    let Some((rule, path)) = rule.and_then(|rule| Some((rule, threshold_path(rule, config)?)))
    else {
        return Some(beside(row.series.to_string(), fresh(row, suggested), config));
    };
    if is_glob(&rule.pattern.metric) {
        return None;
    }
    // monitoring, alert_thresholds, the key, and in a list the number.
    let (key, at) = (path.get(2)?, path.get(3).and_then(|at| at.parse::<usize>().ok()));
    let mut value =
        written.get(key).or_else(|| value_at(&config.document, path.get(..3)?)).cloned()?;
    let element = match (&mut value, at) {
        (Value::Array(list), Some(at)) => list.get_mut(at)?,
        (other, _) => other,
    };
    let own = match &row.series.label {
        Some(label) if rule.pattern.label.as_ref() != Some(label) => {
            let labels = as_object(element)?.entry("labels").or_insert_with(|| json!({}));
            labels.as_object_mut()?.entry(label.clone()).or_insert_with(|| json!({}))
        }
        _ => element,
    };
    write(as_object(own)?, row.unit, suggested);
    Some((key.clone(), value))
}

/// A key holds all its rules: those about changes stay.
fn beside(key: String, value: Value, config: &Config) -> (String, Value) {
    let path: Vec<&str> = ALERT_THRESHOLDS.path.split('.').chain([key.as_str()]).collect();
    let value = match value_at(&config.document, &path) {
        None | Some(Value::Bool(_)) => value,
        Some(Value::Array(list)) => list.iter().cloned().chain([value]).collect(),
        Some(other) => json!([other, value]),
    };
    (key, value)
}

/// A rule of its own.
fn fresh(row: &Row<'_>, suggested: Suggested) -> Value {
    let warning = written(row.unit, suggested.warning);
    match (row.is_below(), suggested.critical) {
        (false, None) => warning,
        (below, critical) => {
            let mut value = Map::new();
            if below {
                value.insert("below".to_owned(), json!(true));
            }
            value.insert("warning".to_owned(), warning);
            let critical = critical.map(|critical| written(row.unit, critical));
            value.extend(critical.map(|critical| ("critical".to_owned(), critical)));
            Value::Object(value)
        }
    }
}

/// A number alone is a warning level.
fn as_object(value: &mut Value) -> Option<&mut Map<String, Value>> {
    if !value.is_object() {
        let number = std::mem::take(value);
        *value = if number.is_null() { json!({}) } else { json!({ "warning": number }) };
    }
    value.as_object_mut()
}

/// Puts the levels in. A margin was set for those of before.
fn write(object: &mut Map<String, Value>, unit: Unit, suggested: Suggested) {
    object.shift_remove("clear");
    for (name, level) in [("warning", Some(suggested.warning)), ("critical", suggested.critical)] {
        match (object.get_mut(name), level.map(|level| written(unit, level))) {
            (Some(Value::Object(inner)), Some(level)) => {
                inner.shift_remove("clear");
                inner.insert("level".to_owned(), level);
            }
            (_, Some(level)) => _ = object.insert(name.to_owned(), level),
            (_, None) => _ = object.shift_remove(name),
        }
    }
}

/// A level as people write it: `85`, `"100M"`, `"10m"`.
fn written(unit: Unit, level: f64) -> Value {
    let scales: &[(f64, &str)] = match unit {
        Unit::Bytes | Unit::BytesPerSecond => &[
            (1_099_511_627_776.0, "T"),
            (1_073_741_824.0, "G"),
            (1_048_576.0, "M"),
            (1_024.0, "K"),
        ],
        Unit::Seconds => &[(86_400.0, "d"), (3_600.0, "h"), (60.0, "m"), (1.0, "s")],
        _ => &[],
    };
    let whole = |(scale, _): &&(f64, &str)| level >= *scale && level % scale == 0.0;
    match scales.iter().find(whole) {
        Some((scale, letter)) => json!(format!("{:.0}{letter}", level / scale)),
        None => shape::number(level, None),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Seen, Selection, rows};
    use super::*;
    use crate::config::from_text;
    use crate::sample::read::{Wanted, line};

    /// The snippet for a host that was always the same.
    fn snippet(thresholds: &str, values: &str) -> Value {
        let text = format!(
            r#"{{"monitoring": {{"default_rules": false, "alert_thresholds": {thresholds}}}}}"#
        );
        let config = from_text(&text, None).unwrap();
        assert_eq!(config.fault_lines(), Vec::<String>::new());
        let text = format!("{{\"timestamp\":\"2026-11-22T00:00:00Z\",{values}}}");
        let sample = line(text.as_bytes(), &Wanted::everything()).unwrap();
        let (mut seen, typed) = (Seen::default(), Selection::new(&[]));
        seen.see(&sample, &typed, &config);
        let rows = rows(&seen, &typed, &config);
        assert!(rows.iter().all(|row| row.entry.is_none() || levels(row).is_some()));
        Value::Object(joined(&rows, &config))
    }

    #[test]
    fn a_series_without_a_rule_gets_one_as_short_as_can_be() {
        assert_eq!(
            snippet("{}", r#""cpu_percent":12,"load1":94.9,"cpu_temp":-3"#),
            json!({"cpu_percent": {"warning": 15, "critical": 20},
                "cpu_temp": {"warning": 0, "critical": 5}, "load1": {"warning": 95, "critical": 95.1}})
        );
        assert_eq!(snippet("{}", r#""memory_percent":92"#), json!({"memory_percent": 95}));
        assert_eq!(snippet("{}", r#""memory_percent":96"#), json!({}), "no level helps");
    }

    #[test]
    fn a_rule_of_the_file_keeps_what_else_it_says() {
        let rule = r#"{"cpu_percent": {"warning": {"level": 80, "for": "5m", "clear": 60}, "critical": 90, "repeat": "1h"}}"#;
        assert_eq!(
            snippet(rule, r#""cpu_percent":12"#),
            json!({"cpu_percent": {"warning": {"level": 15, "for": "5m"}, "critical": 90, "repeat": "1h"}})
        );
        let list = r#"{"memory_percent": [{"change": "10%/1h"}, {"warning": 50, "clear": 40}]}"#;
        assert_eq!(
            snippet(list, r#""memory_percent":12"#)["memory_percent"],
            json!([{"change": "10%/1h"}, {"warning": 15, "critical": 20}])
        );
    }

    #[test]
    fn a_rule_about_changes_stays_beside() {
        let rule = r#"{"memory_percent": {"change": "10%/1h"}}"#;
        assert_eq!(
            snippet(rule, r#""memory_percent":12"#)["memory_percent"],
            json!([{"change": "10%/1h"}, {"warning": 15, "critical": 20}])
        );
    }

    #[test]
    fn labels_of_one_rule_are_in_one_value() {
        let rule = r#"{"filesystem_percent": {"warning": 85, "labels": {"/b": {"warning": 99, "for": "1h"}, "/c": false}}}"#;
        assert_eq!(
            snippet(rule, r#""filesystem_percent":{"/a":12,"/b":93,"/c":5}"#),
            json!({"filesystem_percent": {"warning": 85, "labels": {
                "/b": {"warning": 95, "for": "1h"}, "/c": false, "/a": {"warning": 15, "critical": 20}}}})
        );
    }

    #[test]
    fn where_low_is_bad_it_stays_so() {
        let rule = r#"{"memory_available": {"below": true, "critical": "100M"}}"#;
        assert_eq!(
            snippet(rule, r#""memory_available":1000000000"#),
            json!({"memory_available": {"below": true, "warning": "500M", "critical": "100M"}})
        );
    }

    #[test]
    fn what_stands_and_is_as_good_is_not_written_again() {
        assert_eq!(
            snippet(r#"{"cpu_percent": {"warning": 15, "critical": 20}}"#, r#""cpu_percent":12"#),
            json!({})
        );
    }

    #[test]
    fn a_rule_for_several_metrics_is_not_split() {
        assert_eq!(snippet(r#"{"memory_p*": 90}"#, r#""memory_percent":12"#), json!({}));
    }

    #[test]
    fn levels_are_written_with_the_largest_unit_that_is_whole() {
        for (unit, level, text) in [
            (Unit::Bytes, 104_857_600.0, json!("100M")),
            (Unit::Bytes, 1_500.0, json!(1_500)),
            (Unit::Seconds, 5_400.0, json!("90m")),
            (Unit::Load, 0.4, json!(0.4)),
        ] {
            assert_eq!(written(unit, level), text);
        }
    }
}
