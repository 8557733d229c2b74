//! The levels of one rule: numbers with units, their margins and times, and what is wrong with them. Pure.

use serde_json::{Map, Value};

use super::reader::is_comment;
use crate::alert::rule::{CRITICAL_REPEAT, Levels, Measure, Threshold, Times, WARNING_REPEAT};
use crate::metric::{Metric, Unit};
use crate::quantity::{level_words, quantity};
use crate::series::did_you_mean;

const LEVEL_KEYS: &[&str] = &["level", "for", "clear", "clear_for", "repeat"];
const LABEL_KEYS: &[&str] =
    &["warning", "critical", "change", "for", "times", "clear", "clear_for", "repeat"];
/// What a label replaces as a whole.
const SETS_OF_LEVELS: &[&str] = &["warning", "critical", "change"];
/// More samples than so many are no "lately".
const MOST_TIMES: usize = 64;
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
                check_keys(object, LABEL_KEYS, &path)?;
                let mut merged = self.inherited.clone();
                if SETS_OF_LEVELS.iter().any(|key| object.contains_key(*key)) {
                    // The margin of the rule was set for its own levels.
                    merged
                        .retain(|key, _| !SETS_OF_LEVELS.contains(&key.as_str()) && key != "clear");
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
        let (scale, amount) = self.scale(object, path)?;
        let times = times(object, path)?;
        let shared = Shared {
            hold: seconds(object, "for", path)?,
            clear: scale.level(object.get("clear"), "clear", path)?,
            clear_hold: seconds(object, "clear_for", path)?,
            repeat: seconds(object, "repeat", path)?,
            times: times.is_some(),
        };
        let named = amount.as_ref().or(object.get("warning"));
        let name = if amount.is_some() { "change" } else { "warning" };
        let warning = scale.threshold(named, name, path, &shared, WARNING_REPEAT, None)?;
        let margin = warning
            .filter(|_| shared.clear.is_some())
            .map(|warning| (warning.level - warning.clear).abs());
        let named = object.get("critical");
        let critical =
            scale.threshold(named, "critical", path, &shared, CRITICAL_REPEAT, margin)?;
        scale.check_order(warning, critical, path)?;
        if warning.is_none() && critical.is_none() {
            return wrong(path, "needs a \"warning\" or a \"critical\" level");
        }
        let (below, measure) = (self.below, scale.measure);
        Ok(Levels { below, strict: false, warning, critical, measure, times })
    }

    /// In what the levels are: the value, or with `change` how much it changes; then with the amount that it names.
    fn scale(
        &self,
        object: &Map<String, Value>,
        path: &[&str],
    ) -> Result<(Scale<'_>, Option<Value>), Wrong> {
        let scale = Scale { metric: self.metric, below: self.below, measure: Measure::Value };
        let Some(value) = object.get("change").filter(|value| !value.is_null()) else {
            return Ok((scale, None));
        };
        let full: Vec<&str> = path.iter().copied().chain(["change"]).collect();
        if object.get("warning").is_some_and(|warning| !warning.is_null()) {
            let text = "is a warning level itself, and \"warning\" stands beside it: use a list of two rules";
            return wrong(&full, text);
        }
        let parts = value.as_str().and_then(|text| text.rsplit_once('/'));
        let parsed = parts.and_then(|(amount, span)| {
            let span = quantity(&Value::String(span.trim().to_owned()), Unit::Seconds)?;
            let relative = amount.trim().ends_with('%') && self.metric.unit != Unit::Percent;
            let measure = Measure::Change { seconds: span, relative };
            let amount = Value::String(amount.trim().to_owned());
            let scale = Scale { measure, ..scale };
            (span >= 60.0 && scale.quantity(&amount).is_some()).then_some((scale, amount))
        });
        match parsed {
            Some((scale, amount)) => Ok((scale, Some(amount))),
            None => wrong(
                &full,
                format!(
                    "must be an amount above zero in a span of at least a minute, such as \"10%/1h\", not {value}"
                ),
            ),
        }
    }
}

/// In what the levels of a rule are given.
struct Scale<'a> {
    metric: &'a Metric,
    below: bool,
    measure: Measure,
}

impl Scale<'_> {
    /// A fall is a negative change.
    fn quantity(&self, value: &Value) -> Option<f64> {
        let Measure::Change { relative, .. } = self.measure else {
            return quantity(value, self.metric.unit);
        };
        let unit = if relative { Unit::Percent } else { self.metric.unit };
        let amount = quantity(value, unit).filter(|amount| *amount > 0.0)?;
        Some(if self.below { -amount } else { amount })
    }

    fn shown(&self, level: f64) -> String {
        match self.measure {
            Measure::Value => self.metric.unit.level(level),
            Measure::Change { relative: true, .. } => Unit::Percent.level(level.abs()),
            Measure::Change { .. } => self.metric.unit.level(level.abs()),
        }
    }

    fn threshold(
        &self,
        value: Option<&Value>,
        name: &str,
        path: &[&str],
        shared: &Shared,
        repeat: f64,
        margin: Option<f64>,
    ) -> Result<Option<Threshold>, Wrong> {
        let full: Vec<&str> = path.iter().copied().chain([name]).collect();
        let Some(value) = value.filter(|value| !value.is_null()) else { return Ok(None) };
        let empty = Map::new();
        let inner = value.as_object().unwrap_or(&empty);
        check_keys(inner, LEVEL_KEYS, &full)?;
        let number = if value.is_object() { inner.get("level") } else { Some(value) };
        let Some(level) = number.and_then(|number| self.quantity(number)) else {
            return wrong(
                &full,
                format!(
                    "must be {} or an object with a \"level\", not {value}",
                    level_words(self.metric.unit)
                ),
            );
        };
        let own_clear = self.level(inner.get("clear"), "clear", &full)?;
        let clear = own_clear
            .or_else(|| margin.map(|margin| self.inside(level, margin)))
            .or(shared.clear)
            .unwrap_or_else(|| {
                self.inside(level, default_margin(self.metric, self.measure, level))
            });
        if (self.below && clear < level) || (!self.below && clear > level) {
            let full: Vec<&str> = path.iter().copied().chain(["clear"]).collect();
            let (clear, level) = (self.shown(clear), self.shown(level));
            return wrong(&full, format!("{clear} is not on the good side of {name} {level}"));
        }
        let is_cpu = self.metric.name == "cpu_percent" && self.measure == Measure::Value;
        let default_hold = if is_cpu && !shared.times { CPU_HOLD } else { 0.0 };
        let hold = seconds(inner, "for", &full)?.or(shared.hold);
        if shared.times && hold.is_some() {
            return wrong(path, "has both \"for\" and \"times\": one of them says how long");
        }
        let clear_hold = seconds(inner, "clear_for", &full)?.or(shared.clear_hold);
        let repeat = seconds(inner, "repeat", &full)?.or(shared.repeat).unwrap_or(repeat);
        let (hold, clear_hold) = (hold.unwrap_or(default_hold), clear_hold.unwrap_or(0.0));
        Ok(Some(Threshold { level, clear, hold, clear_hold, repeat }))
    }

    fn inside(&self, level: f64, margin: f64) -> f64 {
        if self.below { level + margin } else { level - margin }
    }

    fn check_order(
        &self,
        warning: Option<Threshold>,
        critical: Option<Threshold>,
        path: &[&str],
    ) -> Result<(), Wrong> {
        let (Some(warning), Some(critical)) = (warning, critical) else { return Ok(()) };
        let beyond = if self.below {
            critical.level <= warning.level
        } else {
            critical.level >= warning.level
        };
        if beyond {
            return Ok(());
        }
        let full: Vec<&str> = path.iter().copied().chain(["critical"]).collect();
        let side = if self.below && self.measure == Measure::Value { "below" } else { "above" };
        let (warning, critical) = (self.shown(warning.level), self.shown(critical.level));
        wrong(
            &full,
            format!("levels out of order: critical {critical} must be {side} warning {warning}"),
        )
    }

    fn level(
        &self,
        value: Option<&Value>,
        name: &str,
        path: &[&str],
    ) -> Result<Option<f64>, Wrong> {
        let Some(value) = value else { return Ok(None) };
        let full: Vec<&str> = path.iter().copied().chain([name]).collect();
        self.quantity(value).map(Some).map_or_else(
            || wrong(&full, format!("must be {}, not {value}", level_words(self.metric.unit))),
            Ok,
        )
    }
}

/// How far inside its level a threshold ends.
pub(super) fn default_margin(metric: &Metric, measure: Measure, level: f64) -> f64 {
    match measure {
        // A change is over when half of it is.
        Measure::Change { .. } => level.abs() / 2.0,
        Measure::Value if metric.unit == Unit::Percent => 5.0,
        Measure::Value => level.abs() * 0.05,
    }
}

fn seconds(object: &Map<String, Value>, name: &str, path: &[&str]) -> Result<Option<f64>, Wrong> {
    let Some(value) = object.get(name) else { return Ok(None) };
    let full: Vec<&str> = path.iter().copied().chain([name]).collect();
    let seconds = quantity(value, Unit::Seconds).filter(|seconds| *seconds >= 0.0);
    seconds
        .map(Some)
        .map_or_else(|| wrong(&full, format!("must be a span such as \"10m\", not {value}")), Ok)
}

/// `"3/5"`: in three of the last five samples.
fn times(object: &Map<String, Value>, path: &[&str]) -> Result<Option<Times>, Wrong> {
    let Some(value) = object.get("times").filter(|value| !value.is_null()) else { return Ok(None) };
    let parts = value.as_str().and_then(|text| text.split_once('/'));
    let times = parts.and_then(|(count, of)| {
        Some(Times { count: count.trim().parse().ok()?, of: of.trim().parse().ok()? })
    });
    let sound =
        times.filter(|times| times.count >= 1 && times.count <= times.of && times.of <= MOST_TIMES);
    let full: Vec<&str> = path.iter().copied().chain(["times"]).collect();
    sound.map(Some).map_or_else(
        || wrong(&full, format!("must be such as \"3/5\" (3 of the last 5 samples; at most {MOST_TIMES}), not {value}")),
        Ok,
    )
}

/// Set for both levels of a rule.
struct Shared {
    hold: Option<f64>,
    clear: Option<f64>,
    clear_hold: Option<f64>,
    repeat: Option<f64>,
    times: bool,
}
