//! `alert_thresholds` to rules. A rule with a fault is left out, and the default of its name, if there is one, stays
//! in its place. Pure.

use serde_json::{Map, Value};

use super::fault::Fault;
use super::levels::{Base, Wrong, check_keys, level_words, wrong};
use super::quantity::quantity;
use super::reader::is_comment;
use crate::alert::rule::Rule;
use crate::collector::{find, metrics};
use crate::metric::Metric;
use crate::series::{Pattern, did_you_mean, is_glob};

/// What is judged without a configuration. `filesystem_percent` leaves `/` to `disk_percent`.
pub const DEFAULTS: &str = r#"{"cpu_percent": 80, "memory_percent": 80, "disk_percent": 90, "cpu_temp": 70,
    "filesystem_percent": {"warning": 90, "labels": {"/": false}}}"#;

const RULE_KEYS: &[&str] =
    &["metric", "warning", "critical", "below", "for", "clear", "repeat", "labels"];
/// The rules of a section, defaults first.
pub fn read(
    thresholds: &Map<String, Value>,
    with_defaults: bool,
    faults: &mut Vec<Fault>,
) -> Vec<Rule> {
    let mut own = Vec::new();
    let mut replaced = Vec::new();
    for (key, value) in thresholds.iter().filter(|(key, _)| !is_comment(key)) {
        match read_key(key, value) {
            Ok(rules) => {
                replaced.push(key.as_str());
                own.extend(rules);
            }
            Err((mut path, text)) => {
                path.insert(0, key.clone());
                let path: Vec<&str> = ["monitoring", "alert_thresholds"]
                    .into_iter()
                    .chain(path.iter().map(String::as_str))
                    .collect();
                faults.push(Fault::new(&path, text));
            }
        }
    }
    let defaults: Map<String, Value> =
        if with_defaults { serde_json::from_str(DEFAULTS).unwrap_or_default() } else { Map::new() };
    let mut rules = Vec::new();
    for key in ["cpu_percent", "memory_percent", "disk_percent", "cpu_temp", "filesystem_percent"] {
        if let Some(value) = defaults.get(key).filter(|_| !replaced.contains(&key)) {
            rules.extend(read_key(key, value).unwrap_or_default());
        }
    }
    for rule in &mut rules {
        yield_to(rule, &own, thresholds);
    }
    rules.extend(own);
    rules
}

/// A default does not speak of a series that has a rule, or a `false`, of its own.
fn yield_to(default: &mut Rule, own: &[Rule], thresholds: &Map<String, Value>) {
    let switched_off = thresholds
        .iter()
        .filter(|(_, value)| **value == Value::Bool(false))
        .map(|(key, _)| Pattern::parse(key));
    for pattern in own.iter().map(|rule| rule.pattern.clone()).chain(switched_off) {
        if let (true, Some(label)) = (pattern.metric == default.pattern.metric, pattern.label) {
            default.labels.push((label, None));
        }
    }
    default.sort_labels();
}

fn read_key(key: &str, value: &Value) -> Result<Vec<Rule>, Wrong> {
    match value {
        Value::Bool(false) => {
            pattern_of(key, None)?;
            Ok(Vec::new())
        }
        Value::Array(list) => {
            let mut rules = Vec::new();
            for (at, one) in list.iter().enumerate() {
                let name = if at == 0 { key.to_owned() } else { format!("{key}#{}", at + 1) };
                rules.push(read_rule(name, key, one).map_err(|(mut path, text)| {
                    path.insert(0, at.to_string());
                    (path, text)
                })?);
            }
            Ok(rules)
        }
        one => Ok(vec![read_rule(key.to_owned(), key, one)?]),
    }
}

fn read_rule(name: String, key: &str, value: &Value) -> Result<Rule, Wrong> {
    let empty = Map::new();
    let object = value.as_object().unwrap_or(&empty);
    check_keys(object, RULE_KEYS, &[])?;
    let given = match object.get("metric") {
        None => None,
        Some(Value::String(text)) => Some(text.as_str()),
        Some(other) => {
            return wrong(&["metric"], format!("must be a metric or series, not {other}"));
        }
    };
    let (pattern, metric) = pattern_of(key, given)?;
    let base = Base { metric, below: boolean(object, "below")?, inherited: object };
    let levels = match value {
        Value::Object(_) if !object.contains_key("warning") && !object.contains_key("critical") => {
            None
        }
        Value::Object(_) => Some(base.levels(object, &[])?),
        number => match quantity(number, metric.unit) {
            Some(_) => {
                Some(base.levels(&Map::from_iter([("warning".to_owned(), number.clone())]), &[])?)
            }
            None => {
                return wrong(
                    &[],
                    format!(
                        "must be {}, false, an object or a list of objects, not {number}",
                        level_words(metric.unit)
                    ),
                );
            }
        },
    };
    let mut labels = Vec::new();
    match object.get("labels") {
        None => {}
        Some(Value::Object(_)) if metric.label.is_none() => {
            return wrong(&["labels"], format!("{} has no labels", metric.name));
        }
        Some(Value::Object(entries)) => {
            for (label, value) in entries.iter().filter(|(label, _)| !is_comment(label)) {
                labels.push((label.clone(), base.label_levels(label, value)?));
            }
        }
        Some(other) => return wrong(&["labels"], format!("must be an object {{…}}, not {other}")),
    }
    if levels.is_none() && labels.iter().all(|(_, levels)| levels.is_none()) {
        return wrong(&[], "needs a \"warning\" or a \"critical\" level");
    }
    let mut rule = Rule { key: name, pattern, levels, labels };
    rule.sort_labels();
    Ok(rule)
}

/// The series a key means, and the first metric among them, whose unit its levels have.
fn pattern_of(key: &str, given: Option<&str>) -> Result<(Pattern, &'static Metric), Wrong> {
    let text = given.unwrap_or(key);
    let path: &[&str] = if given.is_some() { &["metric"] } else { &[] };
    let pattern = Pattern::parse(text);
    let metric = if is_glob(&pattern.metric) {
        metrics().find(|metric| pattern.matches_metric(metric.name))
    } else {
        find(&pattern.metric)
    };
    match metric {
        None => wrong(
            path,
            format!(
                "no metric \"{}\"{}",
                pattern.metric,
                did_you_mean(&pattern.metric, metrics().map(|metric| metric.name))
            ),
        ),
        Some(metric) if pattern.label.is_some() && metric.label.is_none() => {
            wrong(path, format!("{} has no labels", metric.name))
        }
        Some(metric) => Ok((pattern, metric)),
    }
}

fn boolean(object: &Map<String, Value>, key: &str) -> Result<bool, Wrong> {
    match object.get(key) {
        None => Ok(false),
        Some(Value::Bool(value)) => Ok(*value),
        Some(other) => wrong(&[key], format!("must be true or false, not {other}")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::alert::rule::{Levels, Threshold};

    fn rules(thresholds: &Value) -> (Vec<Rule>, Vec<String>) {
        let mut faults = Vec::new();
        let rules = read(thresholds.as_object().unwrap(), false, &mut faults);
        (rules, faults.iter().map(|fault| fault.line("f")).collect())
    }

    fn levels(thresholds: &Value, metric: &str, label: Option<&str>) -> Levels {
        let (rules, faults) = rules(thresholds);
        assert!(faults.is_empty(), "{faults:?}");
        rules.iter().find_map(|rule| rule.levels_for(metric, label)).unwrap().clone()
    }

    fn fault(thresholds: &Value) -> String {
        rules(thresholds).1.join("\n").replace("f: monitoring.alert_thresholds.", "")
    }

    #[test]
    fn a_number_is_a_warning_level_with_the_defaults() {
        let cpu = levels(&json!({"cpu_percent": 80}), "cpu_percent", None);
        assert_eq!(
            (cpu.warning, cpu.critical),
            (Some(Threshold { level: 80.0, clear: 75.0, hold: 600.0, repeat: 86_400.0 }), None)
        );
        let temperature = levels(&json!({"cpu_temp": 70}), "cpu_temp", None);
        assert_eq!(
            temperature.warning.map(|warning| (warning.clear, warning.hold)),
            Some((66.5, 0.0))
        );
    }

    #[test]
    fn critical_ends_as_far_inside_its_own_level_as_warning() {
        let both = levels(
            &json!({"disk_percent": {"warning": 85, "critical": 95, "clear": 82, "for": "10m"}}),
            "disk_percent",
            None,
        );
        assert_eq!(both.warning.map(|warning| (warning.clear, warning.hold)), Some((82.0, 600.0)));
        assert_eq!(
            both.critical.map(|critical| (critical.clear, critical.repeat)),
            Some((92.0, 14_400.0))
        );
    }

    #[test]
    fn low_may_be_bad_and_sizes_have_units() {
        let low = levels(
            &json!({"memory_available": {"below": true, "critical": "100M"}}),
            "memory_available",
            None,
        );
        assert_eq!(
            (low.below, low.critical.map(|critical| (critical.level, critical.clear))),
            (true, Some((104_857_600.0, 110_100_480.0)))
        );
    }

    #[test]
    fn a_label_that_names_a_level_replaces_the_level_set_and_inherits_the_rest() {
        let thresholds = json!({"filesystem_percent": {"warning": 85, "critical": 95, "clear": 80, "for": "10m", "labels": {"/boot": {"warning": 99}, "/media/*": false, "/x": {"for": "1h"}}}});
        let boot = levels(&thresholds, "filesystem_percent", Some("/boot"));
        assert_eq!(
            (
                boot.critical,
                boot.warning.map(|warning| (warning.level, warning.clear, warning.hold))
            ),
            (None, Some((99.0, 94.0, 600.0)))
        );
        assert_eq!(
            levels(&thresholds, "filesystem_percent", Some("/x"))
                .critical
                .map(|critical| critical.hold),
            Some(3_600.0)
        );
        assert!(
            rules(&thresholds).0[0].levels_for("filesystem_percent", Some("/media/usb")).is_none()
        );
    }

    #[test]
    fn a_level_may_have_its_own_times() {
        let own = levels(
            &json!({"load1": {"warning": 4, "critical": {"level": 8, "for": "5m", "repeat": "1h", "clear": 6}}}),
            "load1",
            None,
        );
        assert_eq!(
            own.critical,
            Some(Threshold { level: 8.0, clear: 6.0, hold: 300.0, repeat: 3_600.0 })
        );
    }

    #[test]
    fn a_list_is_several_rules_and_a_name_may_be_free() {
        let (rules, faults) = rules(
            &json!({"load1": [{"warning": 4}, {"critical": 9}], "hot": {"metric": "temperature{nvme*}", "warning": 60}}),
        );
        assert!(faults.is_empty());
        assert_eq!(
            rules.iter().map(|rule| rule.key.as_str()).collect::<Vec<_>>(),
            ["load1", "load1#2", "hot"]
        );
    }

    #[test]
    fn each_slip_is_named_with_its_place_and_what_was_meant() {
        for (thresholds, words) in [
            (
                json!({"cpu_precent": 80}),
                "cpu_precent: no metric \"cpu_precent\"; did you mean \"cpu_percent\"",
            ),
            (json!({"cpu_percent": "many"}), "cpu_percent: must be a number or \"85%\""),
            (
                json!({"cpu_percent": {"warning": 90, "critical": 80}}),
                "cpu_percent.critical: levels out of order: critical 80 must be above warning 90",
            ),
            (
                json!({"cpu_percent": {"warn": 90}}),
                "cpu_percent.warn: no such key; did you mean \"warning\"?",
            ),
            (
                json!({"cpu_percent": {"warning": 80, "clear": 85}}),
                "cpu_percent.clear: 85 is not on the good side of warning 80",
            ),
            (
                json!({"cpu_percent": {"warning": 80, "for": "soon"}}),
                "cpu_percent.for: must be a span such as \"10m\"",
            ),
            (
                json!({"cpu_percent": {}}),
                "cpu_percent: needs a \"warning\" or a \"critical\" level",
            ),
            (
                json!({"cpu_percent": [{"warning": 1}, {"warning": true}]}),
                "cpu_percent.1.warning: must be a number",
            ),
            (json!({"cpu_percent{x}": 80}), "cpu_percent{x}: cpu_percent has no labels"),
            (json!({"cpu_percent": true}), "cpu_percent: must be a number or \"85%\""),
        ] {
            assert!(fault(&thresholds).contains(words), "{thresholds}: {}", fault(&thresholds));
        }
    }

    #[test]
    fn a_faulty_rule_leaves_the_default_in_its_place() {
        let mut faults = Vec::new();
        let rules = read(
            json!({"cpu_percent": "many", "cpu_temp": false}).as_object().unwrap(),
            true,
            &mut faults,
        );
        let keys: Vec<_> = rules.iter().map(|rule| rule.key.as_str()).collect();
        assert_eq!(
            (keys, faults.len()),
            (vec!["cpu_percent", "memory_percent", "disk_percent", "filesystem_percent"], 1)
        );
    }

    #[test]
    fn a_rule_for_a_series_takes_it_from_the_default() {
        let mut faults = Vec::new();
        let rules = read(
            json!({"filesystem_percent{/data}": 95, "filesystem_percent{/old}": false})
                .as_object()
                .unwrap(),
            true,
            &mut faults,
        );
        let speaking = |label: &str| {
            rules
                .iter()
                .filter(|rule| rule.levels_for("filesystem_percent", Some(label)).is_some())
                .count()
        };
        assert_eq!(
            (speaking("/data"), speaking("/srv"), speaking("/old"), speaking("/")),
            (1, 1, 0, 0)
        );
    }
}
