//! `alert_thresholds` to rules. A rule with a fault is left out, and the default of its name, if there is one, stays
//! in its place. Pure.

use serde_json::{Map, Value};

use super::fault::Fault;
use super::quantity::quantity;
use super::reader::is_comment;
use crate::alert::rule::{Levels, Rule, Threshold};
use crate::collector::{find, metrics};
use crate::metric::{Metric, Unit};
use crate::series::{Pattern, did_you_mean, is_glob};

/// What is judged without a configuration. `filesystem_percent` leaves `/` to `disk_percent`.
pub const DEFAULTS: &str = r#"{"cpu_percent": 80, "memory_percent": 80, "disk_percent": 90, "cpu_temp": 70,
    "filesystem_percent": {"warning": 90, "labels": {"/": false}}}"#;

const RULE_KEYS: &[&str] =
    &["metric", "warning", "critical", "below", "for", "clear", "repeat", "labels"];
const LEVEL_KEYS: &[&str] = &["level", "for", "clear", "repeat"];
const WARNING_REPEAT: f64 = 86_400.0;
const CRITICAL_REPEAT: f64 = 14_400.0;
/// A single busy sample is no alert.
const CPU_HOLD: f64 = 600.0;

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

/// Path below the key, and what is wrong there.
type Wrong = (Vec<String>, String);

fn wrong<T>(path: &[&str], text: impl Into<String>) -> Result<T, Wrong> {
    Err((path.iter().map(|&part| part.to_owned()).collect(), text.into()))
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

fn check_keys(object: &Map<String, Value>, known: &[&str], path: &[&str]) -> Result<(), Wrong> {
    match object.keys().find(|key| !is_comment(key) && !known.contains(&key.as_str())) {
        Some(key) => {
            let full: Vec<&str> = path.iter().copied().chain([key.as_str()]).collect();
            wrong(&full, format!("no such key{}", did_you_mean(key, known.iter().copied())))
        }
        None => Ok(()),
    }
}

fn boolean(object: &Map<String, Value>, key: &str) -> Result<bool, Wrong> {
    match object.get(key) {
        None => Ok(false),
        Some(Value::Bool(value)) => Ok(*value),
        Some(other) => wrong(&[key], format!("must be true or false, not {other}")),
    }
}

fn level_words(unit: Unit) -> &'static str {
    match unit {
        Unit::Percent => "a number or \"85%\"",
        Unit::Bytes | Unit::BytesPerSecond => "a number or a size such as \"100M\"",
        Unit::Seconds => "a number or a span such as \"26h\"",
        _ => "a number",
    }
}

/// What the levels of a rule and of its labels share.
struct Base<'a> {
    metric: &'static Metric,
    below: bool,
    inherited: &'a Map<String, Value>,
}

impl Base<'_> {
    /// One that names a level replaces the whole level set and inherits the rest; `false` means no rule.
    fn label_levels(&self, label: &str, value: &Value) -> Result<Option<Levels>, Wrong> {
        let path = ["labels", label];
        match value {
            Value::Bool(false) => Ok(None),
            Value::Object(object) => {
                check_keys(object, &["warning", "critical", "for", "clear", "repeat"], &path)?;
                let names_level = object.contains_key("warning") || object.contains_key("critical");
                let mut merged = self.inherited.clone();
                if names_level {
                    // The margin of the rule was set for its own levels.
                    ["warning", "critical", "clear"].iter().for_each(|key| _ = merged.remove(*key));
                }
                merged.extend(object.clone());
                self.levels(&merged, &path).map(Some)
            }
            number if quantity(number, self.metric.unit).is_some() => {
                self.label_levels(label, &serde_json::json!({"warning": number}))
            }
            other => wrong(
                &path,
                format!(
                    "must be false, {} or an object, not {other}",
                    level_words(self.metric.unit)
                ),
            ),
        }
    }

    fn levels(&self, object: &Map<String, Value>, path: &[&str]) -> Result<Levels, Wrong> {
        let shared = Shared {
            hold: self.seconds(object, "for", path)?,
            clear: self.level(object.get("clear"), "clear", path)?,
            repeat: self.seconds(object, "repeat", path)?,
        };
        let warning = self.threshold(object, "warning", path, &shared, WARNING_REPEAT, None)?;
        let margin = warning
            .filter(|_| shared.clear.is_some())
            .map(|warning| (warning.level - warning.clear).abs());
        let critical =
            self.threshold(object, "critical", path, &shared, CRITICAL_REPEAT, margin)?;
        if let (Some(warning), Some(critical)) = (warning, critical) {
            let beyond = if self.below {
                critical.level <= warning.level
            } else {
                critical.level >= warning.level
            };
            if !beyond {
                let full: Vec<&str> = path.iter().copied().chain(["critical"]).collect();
                let side = if self.below { "below" } else { "above" };
                let (warning, critical) =
                    (self.metric.unit.level(warning.level), self.metric.unit.level(critical.level));
                return wrong(
                    &full,
                    format!(
                        "levels out of order: critical {critical} must be {side} warning {warning}"
                    ),
                );
            }
        }
        if warning.is_none() && critical.is_none() {
            return wrong(path, "needs a \"warning\" or a \"critical\" level");
        }
        Ok(Levels { below: self.below, warning, critical })
    }

    fn threshold(
        &self,
        object: &Map<String, Value>,
        name: &str,
        path: &[&str],
        shared: &Shared,
        repeat: f64,
        margin: Option<f64>,
    ) -> Result<Option<Threshold>, Wrong> {
        let full: Vec<&str> = path.iter().copied().chain([name]).collect();
        let Some(value) = object.get(name).filter(|value| !value.is_null()) else {
            return Ok(None);
        };
        let empty = Map::new();
        let inner = value.as_object().unwrap_or(&empty);
        check_keys(inner, LEVEL_KEYS, &full)?;
        let number = if value.is_object() { inner.get("level") } else { Some(value) };
        let Some(level) = number.and_then(|number| quantity(number, self.metric.unit)) else {
            return wrong(
                &full,
                format!(
                    "must be {} or an object with a \"level\", not {value}",
                    level_words(self.metric.unit)
                ),
            );
        };
        let inside = |margin: f64| if self.below { level + margin } else { level - margin };
        let default_margin =
            if self.metric.unit == Unit::Percent { 5.0 } else { level.abs() * 0.05 };
        let own_clear = self.level(inner.get("clear"), "clear", &full)?;
        let clear = own_clear
            .or_else(|| margin.map(inside))
            .or(shared.clear)
            .unwrap_or_else(|| inside(default_margin));
        if (self.below && clear < level) || (!self.below && clear > level) {
            let full: Vec<&str> = path.iter().copied().chain(["clear"]).collect();
            let unit = self.metric.unit;
            return wrong(
                &full,
                format!(
                    "{} is not on the good side of {name} {}",
                    unit.level(clear),
                    unit.level(level)
                ),
            );
        }
        let default_hold = if self.metric.name == "cpu_percent" { CPU_HOLD } else { 0.0 };
        let hold = self.seconds(inner, "for", &full)?.or(shared.hold).unwrap_or(default_hold);
        let repeat = self.seconds(inner, "repeat", &full)?.or(shared.repeat).unwrap_or(repeat);
        Ok(Some(Threshold { level, clear, hold, repeat }))
    }

    fn level(
        &self,
        value: Option<&Value>,
        name: &str,
        path: &[&str],
    ) -> Result<Option<f64>, Wrong> {
        let Some(value) = value else { return Ok(None) };
        let full: Vec<&str> = path.iter().copied().chain([name]).collect();
        quantity(value, self.metric.unit).map(Some).map_or_else(
            || wrong(&full, format!("must be {}, not {value}", level_words(self.metric.unit))),
            Ok,
        )
    }

    #[expect(clippy::unused_self, reason = "reads like its siblings")]
    fn seconds(
        &self,
        object: &Map<String, Value>,
        name: &str,
        path: &[&str],
    ) -> Result<Option<f64>, Wrong> {
        let Some(value) = object.get(name) else { return Ok(None) };
        let full: Vec<&str> = path.iter().copied().chain([name]).collect();
        let seconds = quantity(value, Unit::Seconds).filter(|seconds| *seconds >= 0.0);
        seconds.map(Some).map_or_else(
            || wrong(&full, format!("must be a span such as \"10m\", not {value}")),
            Ok,
        )
    }
}

/// Set for both levels of a rule.
struct Shared {
    hold: Option<f64>,
    clear: Option<f64>,
    repeat: Option<f64>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

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
