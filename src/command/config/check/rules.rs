//! Rules that can never fire, or never stop: judged by their own numbers and by what there is on this host. The
//! defaults are not spoken of: nobody wrote them. Pure.

use std::collections::BTreeSet;

use super::super::{rule_path, value_at};
use super::Finding;
use crate::alert::rule::{Levels, Rule, Threshold};
use crate::bench::metrics::DRIFT;
use crate::collector::custom::declared;
use crate::collector::{STORE_FAILED, metrics};
use crate::config::Config;
use crate::config::fault::Fault;
use crate::metric::{Kind, Metric, Unit};
use crate::series::{Pattern, Series, is_glob};
use crate::time::span;

/// A rule that waits longer than this is begun anew by every gap and every reboot meanwhile.
const LONGEST_HOLD: f64 = 86_400.0;

/// What the samples of the last 24 hours hold.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub series: BTreeSet<Series>,
    pub samples: usize,
}

/// Rules whose numbers cannot be meant.
pub(super) fn look(config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (rule, path) in written(config) {
        let metrics = || metrics().filter(|metric| rule.pattern.matches_metric(metric.name));
        for (levels, path) in level_sets(rule, &path) {
            let wrong = metrics().find_map(|metric| grows(metric, levels));
            findings.extend(wrong.map(|text| warning(&path, text)));
            for (name, threshold) in [("warning", &levels.warning), ("critical", &levels.critical)]
            {
                let Some(threshold) = threshold else { continue };
                let own = key_in(config, &path, name);
                let wrong = metrics().find_map(|metric| out_of_reach(metric, levels, threshold));
                findings.extend(wrong.map(|text| warning(&own, text)));
                if threshold.hold > LONGEST_HOLD {
                    let in_level = key_in(config, &own, "for");
                    let is_there = in_level.len() > own.len();
                    let place = if is_there { in_level } else { key_in(config, &path, "for") };
                    findings.push(warning(&place, long_hold(threshold)));
                }
            }
        }
    }
    // What both levels share is said once.
    findings.dedup();
    findings
}

/// Rules about series that nothing here has.
pub(super) fn unseen(config: &Config, seen: &Seen) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (rule, path) in written(config) {
        // A day without a reading says nothing of what is measured now and then.
        let is_seldom = |metric: &Metric| metric.seldom && rule.pattern.matches_metric(metric.name);
        if rule.pattern.metric == STORE_FAILED.name || metrics().any(is_seldom) {
            continue;
        }
        if !seen.has(&rule.pattern) {
            findings.push(warning(&path, seen.words(&rule.pattern)));
            continue;
        }
        // A glob may be for what comes and goes; a name that is written out is meant to be there.
        let exact =
            rule.labels.iter().filter(|(label, levels)| levels.is_some() && !is_glob(label));
        for (label, _) in exact {
            let pattern =
                Pattern { metric: rule.pattern.metric.clone(), label: Some(label.clone()) };
            if !seen.has(&pattern) {
                let path = [&path[..], &["labels".to_owned(), label.clone()]].concat();
                findings.push(warning(&path, seen.words(&pattern)));
            }
        }
    }
    findings
}

impl Seen {
    fn has(&self, pattern: &Pattern) -> bool {
        self.series.iter().any(|series| pattern.matches(&series.metric, series.label.as_deref()))
    }

    fn words(&self, pattern: &Pattern) -> String {
        const MOST: usize = 5;
        let labels = self.series.iter().filter(|series| pattern.matches_metric(&series.metric));
        let labels: Vec<&str> = labels.filter_map(|series| series.label.as_deref()).collect();
        let more = if labels.len() > MOST { ", …" } else { "" };
        let others: Vec<&str> = labels.iter().copied().take(MOST).collect();
        let there = match others.as_slice() {
            [] => String::new(),
            some => format!("; the labels here are {}{more}", some.join(", ")),
        };
        let samples = match self.samples {
            1 => "the last sample has no".to_owned(),
            many => format!("none of the last {many} samples has a"),
        };
        format!("{samples} series of this name, so it cannot fire{there}")
    }
}

fn long_hold(threshold: &Threshold) -> String {
    let hold = span::human(threshold.hold);
    format!("it waits {hold} before it fires, and every gap and reboot begins that anew")
}

fn warning(path: &[String], text: impl Into<String>) -> Finding {
    Finding::Warning(Fault { path: path.to_vec(), text: text.into(), place: None })
}

/// The rules of the file, each with where it stands.
fn written(config: &Config) -> impl Iterator<Item = (&Rule, Vec<String>)> {
    config.rules.iter().filter_map(|rule| Some((rule, rule_path(rule, config)?)))
}

/// The levels of a rule and of its labels, each with where they stand.
fn level_sets<'a>(rule: &'a Rule, path: &[String]) -> Vec<(&'a Levels, Vec<String>)> {
    let own = rule.levels.iter().map(|levels| (levels, path.to_vec()));
    let labels = rule.labels.iter().filter_map(|(label, levels)| {
        let path = [path, &["labels".to_owned(), label.clone()]].concat();
        Some((levels.as_ref()?, path))
    });
    own.chain(labels).collect()
}

/// The path of a key where it is written; else of what it is in.
fn key_in(config: &Config, path: &[String], key: &str) -> Vec<String> {
    let longer = [path, &[key.to_owned()]].concat();
    let is_there = value_at(&config.document, &longer).is_some();
    if is_there { longer } else { path.to_vec() }
}

/// A counter is past a level once and for all.
fn grows(metric: &Metric, levels: &Levels) -> Option<String> {
    if levels.below || !metric.is_cumulative() {
        return None;
    }
    let instead = match metric.kind {
        Kind::Counter([first, ..]) => format!("; {} is likely meant", first.metric().name),
        _ => String::new(),
    };
    let name = metric.name;
    Some(format!("{name} grows until the next boot: once past its level it stays so{instead}"))
}

fn out_of_reach(metric: &Metric, levels: &Levels, threshold: &Threshold) -> Option<String> {
    // Twice as slow is no limit, and what became faster is below 0; what others measure may be anything.
    if metric.name == DRIFT.name || declared::find(metric.name).is_some() {
        return None;
    }
    let level = threshold.level;
    let most = match metric.unit {
        Unit::Percent => Some(100.0),
        _ if metric.is_state() => Some(1.0),
        _ => None,
    };
    let least = (metric.unit != Unit::Celsius).then_some(0.0);
    let shown = metric.unit.level(level);
    let name = metric.name;
    let never = |limit: &str| Some(format!("{shown}: {name} is never {limit}, so it cannot fire"));
    let always = || Some(format!("{shown}: {name} is always past that, so it never stops firing"));
    if levels.below {
        match (least, most) {
            (Some(least), _) if level < least => never("below 0"),
            (_, Some(most)) if level >= most => always(),
            _ => None,
        }
    } else {
        match (least, most) {
            (_, Some(most)) if level > most => never(&format!("above {most}")),
            (Some(least), _) if level <= least => always(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::from_text;

    fn config(thresholds: &str) -> Config {
        let text = format!("{{\"monitoring\": {{\"alert_thresholds\": {thresholds}}}}}");
        let config = from_text(&text, None).unwrap();
        assert_eq!(config.fault_lines(), Vec::<String>::new());
        config
    }

    fn lines(findings: Vec<Finding>) -> Vec<String> {
        let line = |finding| match finding {
            Finding::Warning(about) => {
                about.line("f").replace("f: monitoring.alert_thresholds.", "")
            }
            other => format!("{other:?}"),
        };
        findings.into_iter().map(line).collect()
    }

    fn said(thresholds: &str) -> Vec<String> {
        lines(look(&config(thresholds)))
    }

    #[test]
    fn a_level_that_no_value_reaches_is_named() {
        for (thresholds, words) in [
            (r#"{"cpu_percent": 101}"#, "cpu_percent: 101: cpu_percent is never above 100"),
            (
                r#"{"filesystem_percent": {"warning": 80, "labels": {"/x": {"critical": 180}}}}"#,
                "filesystem_percent.labels./x.critical: 180: ",
            ),
            (
                r#"{"memory_available": {"below": true, "critical": -1}}"#,
                "memory_available.critical: -1 B: memory_available is never below 0",
            ),
            (
                r#"{"collector_failed": 2}"#,
                "collector_failed: 2: collector_failed is never above 1",
            ),
            (
                r#"{"load1": [{"warning": 4}, {"warning": -4}]}"#,
                "load1.1.warning: -4: load1 is always",
            ),
        ] {
            let said = said(thresholds);
            assert!(said.len() == 1 && said[0].starts_with(words), "{thresholds}: {said:?}");
        }
    }

    #[test]
    fn any_level_of_a_drift_can_be_reached() {
        let thresholds = r#"{"bench_drift_percent": [200, {"below": true, "warning": -20}]}"#;
        assert_eq!(said(thresholds), Vec::<String>::new());
    }

    #[test]
    fn a_level_that_every_value_is_past_is_named() {
        assert!(said(r#"{"cpu_percent": 0}"#)[0].contains("never stops firing"));
        let low = r#"{"memory_percent": {"below": true, "warning": 100, "clear": 100}}"#;
        assert!(said(low)[0].contains("never stops firing"));
    }

    #[test]
    fn a_counter_is_past_its_level_once_and_for_all() {
        let said = said(r#"{"network_received": "10G"}"#);
        assert!(said[0].contains("network_received_rate is likely meant"), "{said:?}");
    }

    #[test]
    fn a_wait_of_days_is_named_once_where_it_stands() {
        let said = said(r#"{"cpu_percent": {"warning": 80, "critical": 90, "for": "2d"}}"#);
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].starts_with("cpu_percent.for: it waits 2 d"), "{said:?}");
    }

    #[test]
    fn what_can_fire_and_stop_is_not_spoken_of() {
        for thresholds in [
            "{}",
            r#"{"cpu_percent": 100, "cpu_temp": {"below": true, "warning": -10}}"#,
            r#"{"memory_available": {"below": true, "critical": "100M"}, "uptime": {"below": true, "warning": "10m"}}"#,
            r#"{"collector_failed": 1, "network_received_rate": "10M", "cpu_percent": {"warning": 80, "for": "1d"}}"#,
        ] {
            assert_eq!(said(thresholds), Vec::<String>::new());
        }
    }

    fn unseen_here(thresholds: &str) -> Vec<String> {
        let names = ["cpu_percent", "temperature{cpu_thermal}", "filesystem_percent{/}"];
        let series = names.into_iter().map(Series::parse).collect();
        lines(unseen(&config(thresholds), &Seen { series, samples: 12 }))
    }

    #[test]
    fn what_is_measured_now_and_then_may_be_unseen() {
        let rule = r#"{"bench_drift_percent{cpu_all}": 10, "bench_fsync_milliseconds": "20ms"}"#;
        assert_eq!(unseen_here(rule), Vec::<String>::new());
    }

    #[test]
    fn a_series_that_nothing_here_has_is_named_with_those_there_are() {
        assert_eq!(
            unseen_here(r#"{"temperature{nvme*}": 70}"#),
            [
                "temperature{nvme*}: none of the last 12 samples has a series of this name, so it cannot fire; the labels here are cpu_thermal"
            ]
        );
        let label =
            r#"{"filesystem_percent": {"warning": 80, "labels": {"/dtaa": {"warning": 90}}}}"#;
        assert!(unseen_here(label)[0].starts_with("filesystem_percent.labels./dtaa: "));
    }

    #[test]
    fn what_comes_and_goes_what_is_off_and_the_defaults_are_not_spoken_of() {
        for thresholds in [
            "{}",
            r#"{"cpu_temp": false, "store_failed": 1}"#,
            r#"{"filesystem_percent": {"warning": 80, "labels": {"/dtaa": false, "/media/*": {"warning": 90}}}}"#,
        ] {
            assert_eq!(unseen_here(thresholds), Vec::<String>::new(), "{thresholds}");
        }
    }
}
