//! The levels that a monitoring plugin gives its own numbers, taken over from its performance data: they come with
//! each sample, so that whoever reads samples judges alike. Pure.
//!
//! Two alerts for one cause are noise. The exit status says that something is wrong, the levels say what and by how
//! much. So the levels are what is judged, as those of every other rule, and the status speaks
//! only where it says more than they do: when no number is at a level that is as bad, because the plugin could not
//! measure, or judges by what no level can express. It is stored in any case.

use std::borrow::Cow;

use super::rule::{CRITICAL_REPEAT, Levels, Rule, Threshold, WARNING_REPEAT};
use crate::metric::CUSTOM;
use crate::sample::{Entry, Values};
use crate::series::{Pattern, glob, is_glob};

/// The exit status, 0 to 2.
pub fn state_name(metric: &str) -> String {
    format!("{metric}_state")
}

/// Whether it is one.
pub fn is_state_name(metric: &str) -> bool {
    metric.starts_with(CUSTOM) && metric.ends_with("_state")
}

/// The levels of its numbers, by label and level: `{/ warning}`, `{free critical below}`.
pub fn level_name(metric: &str) -> String {
    format!("{metric}_level")
}

/// A rule whose levels come with the samples. It speaks of no series by itself.
pub fn template(metric: &str) -> Rule {
    let pattern = Pattern { metric: metric.to_owned(), label: None };
    Rule { key: metric.to_owned(), pattern, levels: None, labels: Vec::new() }
}

pub fn is_template(rule: &Rule) -> bool {
    rule.levels.is_none() && rule.labels.iter().all(|(_, levels)| levels.is_none())
}

/// What must be read for the rules besides what they speak of.
pub fn needs(rules: &[Rule]) -> impl Iterator<Item = String> {
    rules.iter().filter(|rule| is_template(rule)).flat_map(|rule| {
        let metric = &rule.pattern.metric;
        [state_name(metric), level_name(metric)]
    })
}

/// The rules as they hold for a sample.
pub fn with_levels<'a>(rules: &'a [Rule], values: &Values) -> Cow<'a, [Rule]> {
    if !rules.iter().any(is_template) {
        return Cow::Borrowed(rules);
    }
    let mut silent = Vec::new();
    let mut effective = Vec::with_capacity(rules.len());
    for rule in rules {
        if !is_template(rule) {
            effective.push(rule.clone());
            continue;
        }
        let filled = fill(rule, values);
        let state = state_name(&rule.pattern.metric);
        if values.get(&state, None).is_some_and(|code| is_explained(&filled, values, code)) {
            silent.push(state);
        }
        effective.push(filled);
    }
    effective.retain(|rule| !silent.contains(&rule.pattern.metric));
    Cow::Owned(effective)
}

fn fill(rule: &Rule, values: &Values) -> Rule {
    let mut filled = rule.clone();
    let metric = &rule.pattern.metric;
    let Some(Entry::Labelled(levels)) = values.entry(&level_name(metric)) else {
        return filled;
    };
    for (name, level) in levels.iter() {
        let Some((label, is_critical, below)) = parts(name) else { continue };
        // What has a rule of its own, or none on purpose. A label that would mean others has none either.
        let is_own = rule.labels.iter().any(|(own, _)| glob(own, label));
        if is_own || is_glob(label) {
            continue;
        }
        let threshold = threshold(level.as_f64(), is_critical);
        if !filled.labels.iter().any(|(known, _)| known == label) {
            filled.labels.push((label.to_owned(), None));
        }
        let place = filled.labels.iter_mut().find(|(known, _)| known == label);
        let Some((_, place)) = place else { continue };
        let place = place.get_or_insert_default();
        (place.below, place.strict) = (below, true);
        if is_critical {
            place.critical = Some(threshold);
        } else {
            place.warning = Some(threshold);
        }
    }
    filled.sort_labels();
    filled
}

/// Label, whether it is the critical one, whether low is bad.
fn parts(name: &str) -> Option<(&str, bool, bool)> {
    let (name, below) = match name.strip_suffix(" below") {
        Some(name) => (name, true),
        None => (name, false),
    };
    let (label, level) = name.rsplit_once(' ')?;
    Some((label, level == "critical", below))
}

/// It ends where the plugin says that all is well again, without a margin: what flaps is told as such.
fn threshold(level: f64, is_critical: bool) -> Threshold {
    let repeat = if is_critical { CRITICAL_REPEAT } else { WARNING_REPEAT };
    Threshold { level, clear: level, repeat, ..Threshold::default() }
}

/// Whether a number is at a level that is as bad as the exit status. At is enough: both were rounded.
fn is_explained(rule: &Rule, values: &Values, state: f64) -> bool {
    let is_at = |levels: &Levels, threshold: Option<&Threshold>, value: f64| {
        threshold.is_some_and(|threshold| {
            if levels.below { value <= threshold.level } else { value >= threshold.level }
        })
    };
    let reaches = |(label, levels): &(String, Option<Levels>)| {
        let value = values.get(&rule.pattern.metric, Some(label));
        let (Some(levels), Some(value)) = (levels, value) else { return false };
        let warned = state < 2.0 && is_at(levels, levels.warning.as_ref(), value);
        warned || is_at(levels, levels.critical.as_ref(), value)
    };
    state >= 1.0 && rule.labels.iter().any(reaches)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::read::{Wanted, line};

    fn values(text: &str) -> Values {
        let text = format!("{{\"timestamp\":\"2026-11-22T00:00:00Z\",{text}}}");
        line(text.as_bytes(), &Wanted::everything()).unwrap().values
    }

    fn rules(text: &str) -> Vec<Rule> {
        let state = Rule { levels: Some(Levels::default()), ..template("custom_disk_state") };
        with_levels(&[template("custom_disk"), state], &values(text)).into_owned()
    }

    const LEVELS: &str =
        r#""custom_disk_level":{"/ warning":80,"/ critical":90,"free warning below":10}"#;

    #[test]
    fn a_sample_brings_the_levels_of_its_numbers() {
        let rules = rules(LEVELS);
        let of = |label: &str| rules[0].levels_for("custom_disk", Some(label)).cloned();
        let root = of("/").unwrap();
        assert_eq!(root.warning.map(|one| (one.level, one.clear)), Some((80.0, 80.0)));
        assert_eq!(root.critical.map(|one| one.level), Some(90.0));
        assert!(of("free").is_some_and(|levels| levels.below && levels.critical.is_none()));
        assert_eq!(of("other"), None);
        assert!(!root.is_past(&root.warning.unwrap(), 80.0));
    }

    #[test]
    fn a_series_with_a_rule_of_its_own_keeps_it() {
        let mut own = template("custom_disk");
        own.labels.push(("/".to_owned(), None));
        let held = values(LEVELS);
        let rules = with_levels(std::slice::from_ref(&own), &held);
        assert_eq!(rules[0].levels_for("custom_disk", Some("/")), None);
        assert!(rules[0].levels_for("custom_disk", Some("free")).is_some());
    }

    #[test]
    fn the_status_speaks_only_where_it_says_more() {
        let speaks = |state: u64, value: u64| {
            let text = format!(
                "{LEVELS},\"custom_disk_state\":{state},\"custom_disk\":{{\"/\":{value},\"free\":50}}"
            );
            rules(&text).iter().any(|rule| rule.key == "custom_disk_state")
        };
        assert!(!speaks(1, 85) && !speaks(2, 95) && !speaks(1, 95) && !speaks(1, 80));
        assert!(speaks(1, 50) && speaks(2, 85) && speaks(0, 50));
        assert!(
            rules("\"custom_disk_state\":2").iter().any(|rule| rule.key == "custom_disk_state")
        );
    }

    #[test]
    fn other_rules_are_left_as_they_are() {
        let other = Rule { levels: Some(Levels::default()), ..template("cpu_percent") };
        let held = with_levels(std::slice::from_ref(&other), &Values::default());
        assert!(matches!(held, Cow::Borrowed(_)));
    }

    #[test]
    fn what_it_needs_is_named() {
        let names: Vec<String> = needs(&[template("custom_disk")]).collect();
        assert_eq!(names, ["custom_disk_state", "custom_disk_level"]);
    }
}
