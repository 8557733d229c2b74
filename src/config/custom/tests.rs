//! Entries, and what is wrong with them.

use serde_json::json;

use super::super::{Config, from_text};
use super::*;
use crate::collector::find;

fn config(custom: &Value, thresholds: &Value) -> Config {
    let monitoring = json!({"custom": custom, "alert_thresholds": thresholds});
    from_text(&json!({ "monitoring": monitoring }).to_string(), None).unwrap()
}

fn faults(custom: &Value) -> String {
    config(custom, &json!({})).fault_lines().join("\n")
}

#[test]
fn a_rule_may_name_what_is_declared_in_its_unit() {
    let custom = json!([{"name": "t_spool", "command": ["/bin/s"], "unit": "bytes"}]);
    let config = config(&custom, &json!({"custom_t_spool": "1M"}));
    assert_eq!(config.faults, []);
    let levels = config.rules.iter().find_map(|rule| rule.levels_for("custom_t_spool", None));
    assert_eq!(levels.unwrap().warning.map(|one| one.level), Some(1_048_576.0));
    assert_eq!(find("custom_t_spool").unwrap().unit, Unit::Bytes);
}

#[test]
fn a_plugin_is_judged_by_its_exit_status_unless_told_otherwise() {
    let custom = json!([{"name": "t_plugin", "command": ["/bin/p"], "format": "nagios"}]);
    let state = |thresholds: Value| {
        let rules = config(&custom, &thresholds).rules;
        let levels = rules.iter().find_map(|rule| rule.levels_for("custom_t_plugin_state", None));
        levels.map(|levels| (levels.warning.unwrap().level, levels.critical.map(|one| one.level)))
    };
    assert_eq!(state(json!({})), Some((1.0, Some(2.0))));
    assert_eq!(state(json!({"custom_t_plugin_state": false})), None);
    assert_eq!(state(json!({"custom_t_plugin_state": 2})), Some((2.0, None)));
    let text = json!({"monitoring": {"custom": custom, "default_rules": false}}).to_string();
    let keys: Vec<_> =
        from_text(&text, None).unwrap().rules.into_iter().map(|rule| rule.key).collect();
    assert_eq!(keys, ["custom_t_plugin", "custom_t_plugin_state"]);
}

#[test]
fn a_counter_has_a_rate_that_rules_may_name() {
    let custom = json!({"name": "t_jobs", "command": "/bin/j", "kind": "counter"});
    assert_eq!(config(&custom, &json!({"custom_t_jobs_rate": 5})).faults, []);
}

#[test]
fn a_number_has_no_labels_and_others_may() {
    let custom = json!([
        {"name": "t_one", "command": "/bin/j", "format": "number"},
        {"name": "t_many", "command": "/bin/j", "format": "lines"}]);
    assert_eq!(config(&custom, &json!({"custom_t_many{a}": 5})).faults, []);
    assert_eq!(config(&custom, &json!({"custom_t_one{a}": 5})).faults.len(), 1);
}

#[test]
fn a_file_needs_no_command() {
    let custom = json!({"name": "t_prom", "textfile": "/v/*.prom", "max_age": "10m"});
    let config = config(&custom, &json!({}));
    assert_eq!(config.faults, []);
    let file = Textfile { path: "/v/*.prom".into(), max_age: Some(600.0) };
    assert_eq!(config.sources.custom[0].source, Source::Textfile(file));
    assert!(config.sources.custom[0].plugin.is_none());
}

#[test]
fn a_fault_is_named_and_leaves_out_its_own_entry() {
    let with = |more: Value| {
        let mut entry = json!({"name": "t_x", "command": ["/bin/x"]});
        entry.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!([entry])
    };
    for (section, words) in [
        (json!([{"command": "/x"}]), "custom.0.name: no name"),
        (with(json!({"name": "Queue"})), "custom.0.name: must be of a-z, 0-9 and _, as in"),
        (with(json!({"name": "a-b"})), "custom.0.name: must be of a-z, 0-9 and _, as in"),
        (with(json!({"name": "x".repeat(49)})), "at most 48 characters"),
        (json!([{"name": "t_x"}]), "needs a \"command\" or a \"textfile\""),
        (with(json!({"textfile": "/x"})), "stands beside \"command\""),
        (with(json!({"command": ["x"]})), "\"x\" must be an absolute path"),
        (with(json!({"command": "sh -c x"})), "must be an absolute path"),
        (with(json!({"command": "/bin/echo 1"})), "as a list: [\"/bin/echo\",\"1\"]"),
        (with(json!({"command": [3]})), "must be a list of texts"),
        (with(json!({"command": []})), "command: no program"),
        (with(json!({"command": ""})), "\"\" must be an absolute path"),
        (json!([{"name": "t_x", "textfile": 3}]), "textfile: must be a text"),
        (with(json!({"command": ["/x", "a\u{0}b"]})), "NUL"),
        (json!([{"name": "t_x", "textfile": "x.prom"}]), "must be an absolute path"),
        (json!([{"name": "t_x", "textfile": "/v/{a,b}.prom"}]), "braces are no wildcards"),
        (with(json!({"timeout": 9})), "timeout: must be at most 8 s"),
        (with(json!({"timeout": 0})), "timeout: must be seconds"),
        (with(json!({"unit": "apples"})), "unit: must be \"count\" or"),
        (with(json!({"format": "xml"})), "format: must be \"auto\" or"),
        (with(json!({"kind": "rate"})), "kind: must be \"gauge\" or"),
        (with(json!({"max_age": 5})), "max_age: is of a textfile"),
        (json!([{"name": "t_x", "textfile": "/x", "timeout": 1}]), "is of a command"),
        (json!([{"name": "t_x", "textfile": "/x", "format": "nagios"}]), "no exit status"),
        (with(json!({"comand": 1})), "no such key; did you mean \"command\"?"),
        (json!("/x"), "monitoring.custom: must be an object"),
    ] {
        let said = faults(&section);
        assert!(said.contains(words) && said.lines().count() == 1, "{section}: {said}");
    }
}

#[test]
fn names_that_would_share_a_metric_are_refused() {
    let two = |a: &str, b: &str| {
        faults(
            &json!([{"name": a, "command": "/a", "kind": "counter"}, {"name": b, "command": "/b"}]),
        )
    };
    assert!(two("t_c", "t_c_rate").contains("has the metric custom_t_c_rate already"));
    assert!(two("t_c", "t_c_state").contains("has the metric custom_t_c_state already"));
    let same = two("t_c", "t_c");
    assert!(same.contains("is taken") && same.lines().count() == 1, "{same}");
}

#[test]
fn the_units_are_those_there_are() {
    let Form::Choice(names) = UNIT.form else { panic!() };
    assert_eq!(names, Unit::ALL.iter().map(|unit| unit.name()).collect::<Vec<_>>());
}

#[test]
fn more_than_a_host_has_are_cut_off() {
    let entry =
        |at: usize| json!({"name": format!("t_n{at}"), "command": "/x", "format": "number"});
    let all: Value = (0..66).map(entry).collect();
    let config = config(&all, &json!({}));
    assert_eq!(config.sources.custom.len(), 64);
    assert!(config.fault_lines()[0].contains("66 entries; the first 64 are used"));
}
