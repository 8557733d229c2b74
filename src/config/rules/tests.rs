//! What people write, and what it means.

use serde_json::json;

use super::*;
use crate::alert::rule::{Levels, Threshold};
use crate::alert::rule::{Measure, Times};
use crate::collector::built_in;

fn rules(thresholds: &Value) -> (Vec<Rule>, Vec<String>) {
    let mut faults = Vec::new();
    let rules = read(thresholds.as_object().unwrap(), &[], &mut faults);
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
        (
            Some(Threshold {
                level: 80.0,
                clear: 75.0,
                hold: 600.0,
                clear_hold: 0.0,
                repeat: 86_400.0
            }),
            None
        )
    );
    let temperature = levels(&json!({"cpu_temp": 70}), "cpu_temp", None);
    assert_eq!(temperature.warning.map(|warning| (warning.clear, warning.hold)), Some((66.5, 0.0)));
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
        (boot.critical, boot.warning.map(|warning| (warning.level, warning.clear, warning.hold))),
        (None, Some((99.0, 94.0, 600.0)))
    );
    assert_eq!(
        levels(&thresholds, "filesystem_percent", Some("/x"))
            .critical
            .map(|critical| critical.hold),
        Some(3_600.0)
    );
    assert!(rules(&thresholds).0[0].levels_for("filesystem_percent", Some("/media/usb")).is_none());
}

#[test]
fn a_level_may_have_its_own_times() {
    let own = levels(
        &json!({"load1": {"warning": 4, "critical": {"level": 8, "for": "5m", "repeat": "1h", "clear": 6, "clear_for": "15m"}}}),
        "load1",
        None,
    );
    assert_eq!(
        own.critical,
        Some(Threshold { level: 8.0, clear: 6.0, hold: 300.0, clear_hold: 900.0, repeat: 3_600.0 })
    );
}

#[test]
fn a_change_is_a_level_of_its_own_and_low_means_a_fall() {
    let rise = levels(
        &json!({"memory_percent": {"change": "10%/1h", "critical": 20}}),
        "memory_percent",
        None,
    );
    assert_eq!(rise.measure, Measure::Change { seconds: 3_600.0, relative: false });
    let limits = |levels: &Levels| {
        [levels.warning, levels.critical].map(|limit| limit.map(|limit| (limit.level, limit.clear)))
    };
    assert_eq!(limits(&rise), [Some((10.0, 5.0)), Some((20.0, 10.0))]);
    let fall = levels(
        &json!({"memory_available": {"below": true, "change": "30%/10m"}}),
        "memory_available",
        None,
    );
    assert_eq!(fall.measure, Measure::Change { seconds: 600.0, relative: true });
    assert_eq!(limits(&fall), [Some((-30.0, -15.0)), None]);
    let size = levels(&json!({"memory_used": {"change": "1G/1h"}}), "memory_used", None);
    assert_eq!(limits(&size)[0].map(|(level, _)| level), Some(1_073_741_824.0));
}

#[test]
fn how_often_stands_in_place_of_how_long() {
    let often =
        levels(&json!({"cpu_percent": {"warning": 80, "times": "3/5"}}), "cpu_percent", None);
    assert_eq!(often.times, Some(Times { count: 3, of: 5 }));
    assert_eq!(often.warning.map(|warning| warning.hold), Some(0.0));
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
        (json!({"cpu_percent": {}}), "cpu_percent: needs a \"warning\" or a \"critical\" level"),
        (
            json!({"cpu_percent": [{"warning": 1}, {"warning": true}]}),
            "cpu_percent.1.warning: must be a number",
        ),
        (json!({"cpu_percent{x}": 80}), "cpu_percent{x}: cpu_percent has no labels"),
        (
            json!({"cpu_percent": {"warning": 80, "times": "5/3"}}),
            "cpu_percent.times: must be such as \"3/5\"",
        ),
        (
            json!({"cpu_percent": {"warning": 80, "times": "3/5", "for": "5m"}}),
            "cpu_percent: has both \"for\" and \"times\"",
        ),
        (
            json!({"cpu_percent": {"warning": 80, "change": "10/1h"}}),
            "cpu_percent.change: is a warning level itself",
        ),
        (json!({"cpu_percent": {"change": "10"}}), "cpu_percent.change: must be an amount"),
        (json!({"cpu_percent": {"change": "0/1h"}}), "cpu_percent.change: must be an amount"),
        (
            json!({"cpu_percent": {"change": "10/1h", "critical": 5}}),
            "critical 5 must be above warning 10",
        ),
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
        &built_in().collect::<Vec<_>>(),
        &mut faults,
    );
    let keys: Vec<_> = rules.iter().map(|rule| rule.key.as_str()).collect();
    assert!(keys.contains(&"cpu_percent") && keys.contains(&"gap"), "{keys:?}");
    assert_eq!((keys.contains(&"cpu_temp"), faults.len()), (false, 1));
}

#[test]
fn a_rule_for_a_series_takes_it_from_the_default() {
    let mut faults = Vec::new();
    let rules = read(
        json!({"filesystem_percent{/data}": 95, "filesystem_percent{/old}": false})
            .as_object()
            .unwrap(),
        &built_in().collect::<Vec<_>>(),
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
