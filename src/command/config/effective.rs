//! The rules that hold, as rows: every series or glob with its levels or `off`, and whether the file says so. Pure.

use serde_json::Value;

use super::{rule_path, value_of};
use crate::alert::rule::{Levels, Rule};
use crate::collector::metrics;
use crate::config::Config;
use crate::config::monitoring::ALERT_THRESHOLDS;
use crate::metric::Unit;
use crate::series::{Pattern, Series};

/// What one series, or one glob, is held to.
pub(super) struct Row<'a> {
    /// The rule's key; `None`: switched off as a whole.
    pub rule: Option<&'a str>,
    pub series: Series,
    pub unit: Option<Unit>,
    /// `None`: off.
    pub levels: Option<&'a Levels>,
    /// Of a label within its rule.
    pub is_label: bool,
    is_from_file: bool,
}

impl Row<'_> {
    pub(super) fn origin(&self) -> &'static str {
        if self.is_from_file { "file" } else { "default" }
    }
}

/// In the order in which they are judged; what is switched off comes last.
pub(super) fn rows(config: &Config) -> Vec<Row<'_>> {
    let mut rows = Vec::new();
    let off = switched_off(config);
    for rule in &config.rules {
        let is_from_file = rule_path(rule, config).is_some();
        let row = |pattern: &Pattern, levels, is_label| Row {
            rule: Some(&rule.key),
            series: series(pattern),
            unit: unit(pattern),
            levels,
            is_label,
            is_from_file,
        };
        rows.extend(rule.levels.as_ref().map(|levels| row(&rule.pattern, Some(levels), false)));
        for (label, levels) in &rule.labels {
            let pattern = Pattern { label: Some(label.clone()), ..rule.pattern.clone() };
            // What a default leaves to others is shown there.
            if levels.is_some() || is_from_file || !is_elsewhere(&pattern, &config.rules, &off) {
                rows.push(row(&pattern, levels.as_ref(), true));
            }
        }
    }
    rows.extend(off.into_iter().map(|pattern| Row {
        rule: None,
        series: series(&pattern),
        unit: unit(&pattern),
        levels: None,
        is_label: false,
        is_from_file: true,
    }));
    rows
}

/// The keys that the file sets to `false`.
fn switched_off(config: &Config) -> Vec<Pattern> {
    let Some(Value::Object(thresholds)) = value_of(&config.document, &ALERT_THRESHOLDS) else {
        return Vec::new();
    };
    let faulty = |key: &String| config.faults.iter().any(|fault| fault.path.last() == Some(key));
    thresholds
        .iter()
        .filter(|(key, value)| **value == Value::Bool(false) && !faulty(key))
        .map(|(key, _)| Pattern::parse(key))
        .filter(|pattern| unit(pattern).is_some())
        .collect()
}

fn is_elsewhere(pattern: &Pattern, rules: &[Rule], off: &[Pattern]) -> bool {
    rules.iter().any(|rule| rule.pattern == *pattern) || off.contains(pattern)
}

fn series(pattern: &Pattern) -> Series {
    Series { metric: pattern.metric.clone(), label: pattern.label.clone() }
}

/// Of the first metric that is meant.
fn unit(pattern: &Pattern) -> Option<Unit> {
    metrics().find(|metric| pattern.matches_metric(metric.name)).map(|metric| metric.unit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::from_text;

    fn shown(thresholds: &str) -> Vec<String> {
        let text = format!(
            "{{\"monitoring\": {{\"default_rules\": true, \"alert_thresholds\": {thresholds}}}}}"
        );
        let config = from_text(&text, None).unwrap();
        let row = |row: Row<'_>| {
            let levels = row.levels.and_then(|levels| levels.warning).map(|one| one.level);
            let levels = levels.map_or("off".to_owned(), |level| level.to_string());
            format!("{} {levels} {}", row.series, row.origin())
        };
        rows(&config).into_iter().map(row).collect()
    }

    #[test]
    fn the_defaults_are_shown_as_such() {
        let rows = shown("{}");
        for row in [
            "cpu_percent 80 default",
            "filesystem_percent 90 default",
            "filesystem_percent{/} off default",
            "gap 3600 default",
        ] {
            assert!(rows.iter().any(|shown| shown == row), "{row}: {rows:?}");
        }
    }

    #[test]
    fn a_rule_of_the_file_is_told_from_a_default_that_a_fault_left_in_place() {
        let rows = shown(r#"{"cpu_percent": 90, "memory_percent": "many"}"#);
        assert!(rows.contains(&"cpu_percent 90 file".to_owned()), "{rows:?}");
        assert!(rows.contains(&"memory_percent 80 default".to_owned()), "{rows:?}");
    }

    #[test]
    fn a_series_that_a_default_leaves_to_another_rule_is_shown_once() {
        let rows = shown(r#"{"filesystem_percent{/data}": 95, "filesystem_percent{/old}": false}"#);
        let about = |name: &str| rows.iter().filter(|row| row.contains(name)).collect::<Vec<_>>();
        assert_eq!(about("/data"), ["filesystem_percent{/data} 95 file"]);
        assert_eq!(about("/old"), ["filesystem_percent{/old} off file"]);
    }

    #[test]
    fn labels_and_what_is_switched_off_have_rows_of_their_own() {
        let rows = shown(
            r#"{"cpu_temp": false, "filesystem_percent": {"warning": 85, "labels": {"/boot": 99, "/media/*": false}}}"#,
        );
        let own: Vec<_> = rows.iter().filter(|row| row.ends_with("file")).collect();
        assert_eq!(
            own,
            [
                "filesystem_percent 85 file",
                "filesystem_percent{/boot} 99 file",
                "filesystem_percent{/media/*} off file",
                "cpu_temp off file"
            ]
        );
    }
}
