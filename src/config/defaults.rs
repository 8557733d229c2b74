//! The rules that need no configuration, from what each metric says of itself. Pure.

use super::levels::default_margin;
use crate::alert::plugin;
use crate::alert::rule::{CRITICAL_REPEAT, Levels, Measure, Rule, Threshold, WARNING_REPEAT};
use crate::collector::find;
use crate::metric::{CUSTOM, Judged, Metric};
use crate::series::Pattern;

/// The rules of a metric that is judged unless the configuration says otherwise.
pub(super) fn default_rules(metric: &'static Metric) -> Vec<Rule> {
    if metric.name.starts_with(CUSTOM) && find(&plugin::level_name(metric.name)).is_some() {
        return vec![plugin::template(metric.name)];
    }
    let rule = |at: usize, judged: &Judged, key: String| {
        let mut rule = Rule {
            pattern: Pattern::parse(&key),
            key: if at == 0 { key } else { format!("{key}#{}", at + 1) },
            levels: Some(levels(metric, judged)),
            labels: judged.except.iter().map(|label| ((*label).to_owned(), None)).collect(),
        };
        rule.sort_labels();
        rule
    };
    let rules = |(at, judged): (usize, &'static Judged)| {
        let keys = keys(metric, judged).into_iter();
        keys.map(move |key| rule(at, judged, key))
    };
    metric.judged.iter().enumerate().flat_map(rules).collect()
}

/// What `alert_thresholds` would call them.
pub fn keys(metric: &Metric, judged: &Judged) -> Vec<String> {
    if judged.only.is_empty() {
        return vec![metric.name.to_owned()];
    }
    judged.only.iter().map(|label| format!("{}{{{label}}}", metric.name)).collect()
}

/// A rule that another section makes for one label.
pub(super) fn warning_rule(metric: &'static Metric, label: &str, level: f64, below: bool) -> Rule {
    let judged = Judged { below, ..Judged::warning(level) };
    let pattern = Pattern { metric: metric.name.to_owned(), label: Some(label.to_owned()) };
    let key = format!("{}{{{label}}}", metric.name);
    Rule { key, pattern, levels: Some(levels(metric, &judged)), labels: Vec::new() }
}

fn levels(metric: &Metric, judged: &Judged) -> Levels {
    let measure = judged
        .within
        .map_or(Measure::Value, |seconds| Measure::Change { seconds, relative: false });
    let margin_of = |level: f64| default_margin(metric, measure, level);
    let margin = |level: f64| match (judged.clear, judged.warning.or(judged.critical)) {
        (Some(clear), Some(first)) => (first - clear).abs(),
        _ => margin_of(level),
    };
    let threshold = |level: f64, repeat: f64| {
        let clear = if judged.below { level + margin(level) } else { level - margin(level) };
        let repeat = judged.repeat.unwrap_or(repeat);
        Threshold { level, clear, hold: judged.hold, clear_hold: 0.0, repeat }
    };
    Levels {
        below: judged.below,
        strict: false,
        warning: judged.warning.map(|level| threshold(level, WARNING_REPEAT)),
        critical: judged.critical.map(|level| threshold(level, CRITICAL_REPEAT)),
        measure,
        times: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::Unit;

    static FULL: Metric =
        Metric::gauge("full_percent", Unit::Percent, "Test.").labelled("mount").judged(&[
            Judged::warning(90.0).until(80.0).and_critical(98.0).lasting(60.0).except(&["/"]),
        ]);
    static KILLS: Metric = Metric::counter("kills", Unit::Count, &[], "Test.")
        .judged(&[Judged::warning(1.0).within(1_800.0)]);

    #[test]
    fn the_levels_a_metric_names_are_those_of_its_rule() {
        let rule = default_rules(&FULL).remove(0);
        assert_eq!(rule.levels_for("full_percent", Some("/")), None);
        let levels = rule.levels_for("full_percent", Some("/data")).unwrap();
        let of = |threshold: Option<Threshold>| {
            threshold.map(|threshold| (threshold.level, threshold.clear, threshold.hold))
        };
        assert_eq!(of(levels.warning), Some((90.0, 80.0, 60.0)));
        assert_eq!(of(levels.critical), Some((98.0, 88.0, 60.0)));
    }

    #[test]
    fn a_rule_may_be_of_some_labels_only() {
        static FAILED: Metric = Metric::gauge("failed", Unit::Count, "Test.")
            .labelled("part")
            .judged(&[Judged::warning(1.0).only(&["own:*", "x"])]);
        let rules = default_rules(&FAILED);
        let speaks =
            |label| rules.iter().any(|rule| rule.levels_for("failed", Some(label)).is_some());
        assert_eq!(["own:a", "x", "y"].map(speaks), [true, true, false]);
        assert_eq!(rules[0].key, "failed{own:*}");
    }

    #[test]
    fn a_counter_is_judged_by_its_growth() {
        let rule = default_rules(&KILLS).remove(0);
        let levels = rule.levels_for("kills", None).unwrap();
        assert_eq!(levels.measure, Measure::Change { seconds: 1_800.0, relative: false });
        assert_eq!(levels.warning.map(|warning| warning.clear), Some(0.5));
    }
}
