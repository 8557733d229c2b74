//! The levels of one rule: numbers with units, their margins and times, and what is wrong with them. Pure.

use serde_json::{Map, Value};

use super::quantity::quantity;
use super::reader::is_comment;
use crate::alert::rule::{Levels, Threshold};
use crate::metric::{Metric, Unit};
use crate::series::did_you_mean;

const LEVEL_KEYS: &[&str] = &["level", "for", "clear", "repeat"];
const WARNING_REPEAT: f64 = 86_400.0;
const CRITICAL_REPEAT: f64 = 14_400.0;
/// A single busy sample is no alert.
const CPU_HOLD: f64 = 600.0;

/// Path below the key, and what is wrong there.
pub(super) type Wrong = (Vec<String>, String);

pub(super) fn wrong<T>(path: &[&str], text: impl Into<String>) -> Result<T, Wrong> {
    Err((path.iter().map(|&part| part.to_owned()).collect(), text.into()))
}

pub(super) fn check_keys(
    object: &Map<String, Value>,
    known: &[&str],
    path: &[&str],
) -> Result<(), Wrong> {
    match object.keys().find(|key| !is_comment(key) && !known.contains(&key.as_str())) {
        Some(key) => {
            let full: Vec<&str> = path.iter().copied().chain([key.as_str()]).collect();
            wrong(&full, format!("no such key{}", did_you_mean(key, known.iter().copied())))
        }
        None => Ok(()),
    }
}

pub(super) fn level_words(unit: Unit) -> &'static str {
    match unit {
        Unit::Percent => "a number or \"85%\"",
        Unit::Bytes | Unit::BytesPerSecond => "a number or a size such as \"100M\"",
        Unit::Seconds => "a number or a span such as \"26h\"",
        _ => "a number",
    }
}

/// What the levels of a rule and of its labels share.
pub(super) struct Base<'a> {
    pub metric: &'static Metric,
    pub below: bool,
    pub inherited: &'a Map<String, Value>,
}

impl Base<'_> {
    /// One that names a level replaces the whole level set and inherits the rest; `false` means no rule.
    pub(super) fn label_levels(&self, label: &str, value: &Value) -> Result<Option<Levels>, Wrong> {
        let path = ["labels", label];
        match value {
            Value::Bool(false) => Ok(None),
            Value::Object(object) => {
                check_keys(object, &["warning", "critical", "for", "clear", "repeat"], &path)?;
                let names_level = object.contains_key("warning") || object.contains_key("critical");
                let mut merged = self.inherited.clone();
                if names_level {
                    // The margin of the rule was set for its own levels.
                    merged
                        .retain(|key, _| !["warning", "critical", "clear"].contains(&key.as_str()));
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

    pub(super) fn levels(
        &self,
        object: &Map<String, Value>,
        path: &[&str],
    ) -> Result<Levels, Wrong> {
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
