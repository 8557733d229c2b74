//! `alert_thresholds` to rules. A rule with a fault is left out, and the default of its name, if there is one, stays
//! in its place. Pure.

use serde_json::{Map, Value};

use super::defaults::default_rules;
use super::fault::Fault;
use super::levels::{Base, Wrong, check_keys, wrong};
use super::reader::is_comment;
use crate::alert::rule::Rule;
use crate::collector::{find, metrics};
use crate::metric::Metric;
use crate::quantity::{level_words, quantity};
use crate::series::{Pattern, did_you_mean, is_glob};

const RULE_KEYS: &[&str] = &[
    "metric",
    "warning",
    "critical",
    "below",
    "change",
    "for",
    "times",
    "clear",
    "clear_for",
    "repeat",
    "labels",
];

/// The rules of a section, first those that `defaults` have by themselves.
pub fn read(
    thresholds: &Map<String, Value>,
    defaults: &[&'static Metric],
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
    let defaults = defaults.iter().filter(|metric| !replaced.contains(&metric.name));
    let mut rules: Vec<Rule> = defaults.flat_map(|metric| default_rules(metric)).collect();
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

/// Takes in the rules that other sections make for a label. One for just that label wins over them, and a wider one
/// leaves it to them.
pub(super) fn declare(rules: &mut Vec<Rule>, declared: Vec<Rule>, thresholds: &Map<String, Value>) {
    let is_off = |key: &str| thresholds.get(key) == Some(&Value::Bool(false));
    for rule in declared {
        let (metric, label) =
            (&rule.pattern.metric, rule.pattern.label.clone().unwrap_or_default());
        let is_meant = |own: &Rule| {
            let labels = own.pattern.label.iter().chain(own.labels.iter().map(|(label, _)| label));
            own.pattern.metric == *metric && labels.into_iter().any(|own| *own == label)
        };
        if is_off(metric) || is_off(&rule.key) || rules.iter().any(is_meant) {
            continue;
        }
        for wider in rules.iter_mut().filter(|wider| wider.pattern.metric == *metric) {
            wider.labels.push((label.clone(), None));
            wider.sort_labels();
        }
        rules.push(rule);
    }
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
        Value::Object(_) if !names_a_level(object) => None,
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

fn names_a_level(object: &Map<String, Value>) -> bool {
    ["warning", "critical", "change"].iter().any(|key| object.contains_key(*key))
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
mod tests;
