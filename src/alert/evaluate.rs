//! All rules over one sample: which standings it leaves, and what changed. Pure.

use std::collections::BTreeSet;

use super::Level;
use super::rule::{Levels, Rule};
use super::state::{Past, Standing};
use super::step::{At, step};
use crate::event::kind;
use crate::sample::Sample;
use crate::series::Series;

/// A series not seen for so long has gone for good.
const GONE_AFTER: f64 = 86_400.0;
/// Rates over less are noise, and are not judged.
pub const SHORTEST_JUDGED: f64 = 30.0;

/// A standing that changed its level, or ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// One of `event::kind`.
    pub kind: &'static str,
    pub standing: Standing,
    pub value: Option<f64>,
    pub threshold: Option<f64>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evaluation {
    pub standings: Vec<Standing>,
    pub changes: Vec<Change>,
    pub past: Vec<Past>,
}

/// Judges one sample. `is_rate` says which metrics come from two lines; `notifiers` hear of what ends.
pub fn evaluate(
    rules: &[Rule],
    standings: &[Standing],
    sample: &Sample,
    at: &At,
    is_rate: impl Fn(&str) -> bool,
    notifiers: &[String],
) -> Evaluation {
    let mut evaluation = Evaluation::default();
    let short = sample.interval.is_none_or(|interval| interval < SHORTEST_JUDGED);
    for (rule, series) in pairs(rules, standings, sample) {
        let standing = standings
            .iter()
            .find(|standing| standing.rule == rule.key && standing.series == series.to_string());
        let Some(levels) = rule.levels_for(&series.metric, series.label.as_deref()) else {
            continue;
        };
        let reading = sample.values.number(&series);
        if short && is_rate(&series.metric) {
            evaluation.standings.extend(standing.cloned());
            continue;
        }
        let before = standing.cloned().unwrap_or_else(|| Standing {
            rule: rule.key.clone(),
            series: series.to_string(),
            ..Standing::default()
        });
        judge(&mut evaluation, levels, before, reading, at, notifiers);
    }
    for standing in standings
        .iter()
        .filter(|standing| rule_of(rules, standing).is_none() && standing.level != Level::Ok)
    {
        evaluation.changes.push(Change {
            kind: kind::WITHDRAWN,
            standing: standing.clone(),
            value: None,
            threshold: None,
        });
    }
    evaluation.standings.sort_by(|a, b| (&a.rule, &a.series).cmp(&(&b.rule, &b.series)));
    evaluation
}

/// Every rule with every series it speaks of, in this sample or remembered.
fn pairs<'a>(
    rules: &'a [Rule],
    standings: &[Standing],
    sample: &Sample,
) -> Vec<(&'a Rule, Series)> {
    let mut pairs = Vec::new();
    for rule in rules {
        let present = sample
            .values
            .points()
            .map(|(metric, label, _)| (metric, label))
            .filter(|(metric, label)| rule.pattern.matches(metric, *label));
        let mut series: BTreeSet<Series> =
            present.map(|(metric, label)| Series::new(metric, label)).collect();
        series.extend(
            standings
                .iter()
                .filter(|standing| standing.rule == rule.key)
                .map(|standing| Series::parse(&standing.series)),
        );
        pairs.extend(series.into_iter().map(|series| (rule, series)));
    }
    pairs
}

/// The levels a standing is held to, if its rule still speaks of it.
pub fn rule_of<'a>(rules: &'a [Rule], standing: &Standing) -> Option<&'a Levels> {
    let series = Series::parse(&standing.series);
    rules
        .iter()
        .find(|rule| rule.key == standing.rule)?
        .levels_for(&series.metric, series.label.as_deref())
}

fn judge(
    evaluation: &mut Evaluation,
    levels: &Levels,
    before: Standing,
    reading: Option<f64>,
    at: &At,
    notifiers: &[String],
) {
    let changed_levels = !before.levels.is_empty() && before.levels != levels.fingerprint();
    if let (true, Some(value)) = (changed_levels, reading) {
        return judge_afresh(evaluation, levels, before, value, at);
    }
    let after = step(levels, before.clone(), reading, at);
    let threshold =
        levels.threshold(after.level.max(before.level)).map(|threshold| threshold.level);
    let change = |kind| Change { kind, standing: after.clone(), value: reading, threshold };
    match (before.level, after.level) {
        (Level::Ok, Level::Ok) => {}
        (Level::Ok, _) => evaluation.changes.push(change(kind::RAISED)),
        (_, Level::Ok) => {
            evaluation.changes.push(change(kind::RECOVERED));
            end(evaluation, before, at, reading, notifiers);
            return;
        }
        (earlier, later) if later > earlier => evaluation.changes.push(change(kind::ESCALATED)),
        (earlier, later) if later < earlier => evaluation.changes.push(change(kind::EASED)),
        _ => {}
    }
    let unseen =
        after.missing.as_ref().is_some_and(|missing| at.now.seconds_since(missing) >= GONE_AFTER);
    if unseen {
        if after.level != Level::Ok {
            evaluation.changes.push(change(kind::GONE));
            end(evaluation, after, at, None, notifiers);
        }
        return;
    }
    let waits = after.over_warning.is_some() || after.over_critical.is_some();
    if after.level != Level::Ok || waits {
        evaluation.standings.push(after);
    }
}

/// Levels that changed are applied without noise: what still holds stands as told, what does not is withdrawn.
fn judge_afresh(
    evaluation: &mut Evaluation,
    levels: &Levels,
    before: Standing,
    value: f64,
    at: &At,
) {
    let holds = |threshold: Option<&super::rule::Threshold>| {
        threshold.is_some_and(|threshold| levels.is_past(threshold, value))
    };
    let level = if holds(levels.critical.as_ref()) {
        Level::Critical
    } else if holds(levels.warning.as_ref()) {
        Level::Warning
    } else {
        Level::Ok
    };
    if before.level == Level::Ok {
        let fresh = Standing { rule: before.rule, series: before.series, ..Standing::default() };
        return judge(evaluation, levels, fresh, Some(value), at, &[]);
    }
    if level == Level::Ok {
        evaluation.changes.push(Change {
            kind: kind::WITHDRAWN,
            standing: before,
            value: Some(value),
            threshold: None,
        });
        return;
    }
    let mut after = Standing {
        level,
        levels: levels.fingerprint(),
        over_warning: None,
        over_critical: None,
        missing: None,
        ..before
    };
    after.peak = level;
    for told in after.told.values_mut() {
        told.level = level;
    }
    evaluation.standings.push(after);
}

fn end(
    evaluation: &mut Evaluation,
    standing: Standing,
    at: &At,
    value: Option<f64>,
    notifiers: &[String],
) {
    if !notifiers.is_empty() {
        evaluation.past.push(Past {
            standing,
            end: at.now.clone(),
            value,
            owed: notifiers.to_vec(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::rule::tests::levels;
    use super::super::state::Told;
    use super::*;
    use crate::sample::read::{Wanted, line};
    use crate::series::Pattern;
    use crate::time::Moment;

    fn rule(warning: f64) -> Rule {
        Rule {
            key: "x".into(),
            pattern: Pattern::parse("x_percent"),
            levels: Some(levels(warning, warning + 10.0)),
            labels: Vec::new(),
        }
    }

    fn at(hours: i32) -> At {
        At {
            now: Moment {
                epoch: i64::from(hours) * 3_600,
                boot_id: "a".into(),
                uptime: f64::from(hours) * 3_600.0,
            },
            interval: 300.0,
            after_gap: false,
        }
    }

    fn sample(values: &str) -> Sample {
        line(
            format!("{{\"timestamp\":\"2026-11-22T00:00:00Z\",\"interval\":300{values}}}")
                .as_bytes(),
            &Wanted::everything(),
        )
        .unwrap()
    }

    fn run(rules: &[Rule], standings: &[Standing], values: &str, hours: i32) -> Evaluation {
        evaluate(rules, standings, &sample(values), &at(hours), |_| false, &["email".into()])
    }

    fn kinds(evaluation: &Evaluation) -> Vec<&str> {
        evaluation.changes.iter().map(|change| change.kind).collect()
    }

    #[test]
    fn each_label_is_a_series_of_its_own() {
        let evaluation = run(&[rule(80.0)], &[], r#","x_percent":{"a":85,"b":10,"c":95}"#, 1);
        assert_eq!(kinds(&evaluation), ["raised", "raised"]);
        assert_eq!(
            evaluation
                .standings
                .iter()
                .map(|standing| standing.series.as_str())
                .collect::<Vec<_>>(),
            ["x_percent{a}", "x_percent{c}"]
        );
    }

    #[test]
    fn what_is_fine_leaves_nothing_behind() {
        assert_eq!(run(&[rule(80.0)], &[], r#","x_percent":10"#, 1), Evaluation::default());
    }

    #[test]
    fn what_ends_is_owed_to_the_notifiers() {
        let raised = run(&[rule(80.0)], &[], r#","x_percent":85"#, 1);
        let ended = run(&[rule(80.0)], &raised.standings, r#","x_percent":10"#, 2);
        assert_eq!((kinds(&ended), ended.standings.len()), (vec!["recovered"], 0));
        assert_eq!(ended.past[0].owed, ["email"]);
    }

    #[test]
    fn a_rule_that_was_removed_is_withdrawn_untold() {
        let raised = run(&[rule(80.0)], &[], r#","x_percent":85"#, 1);
        let withdrawn = run(&[], &raised.standings, r#","x_percent":85"#, 2);
        assert_eq!(
            (kinds(&withdrawn), withdrawn.past.len(), withdrawn.standings.len()),
            (vec!["withdrawn"], 0, 0)
        );
    }

    #[test]
    fn changed_levels_are_applied_without_noise() {
        let mut raised = run(&[rule(80.0)], &[], r#","x_percent":95"#, 1);
        raised.standings[0].told.insert(
            "email".into(),
            Told { level: Level::Critical, at: at(1).now, thread: String::new(), first: 0 },
        );
        let quiet = run(&[rule(90.0)], &raised.standings, r#","x_percent":95"#, 2);
        assert!(quiet.changes.is_empty());
        assert_eq!(
            (quiet.standings[0].level, quiet.standings[0].told["email"].level),
            (Level::Warning, Level::Warning)
        );
        let withdrawn = run(&[rule(97.0)], &quiet.standings, r#","x_percent":95"#, 3);
        assert_eq!((kinds(&withdrawn), withdrawn.past.len()), (vec!["withdrawn"], 0));
    }

    #[test]
    fn a_series_unseen_for_a_day_is_gone() {
        let raised = run(&[rule(80.0)], &[], r#","x_percent":{"a":85}"#, 1);
        let missing = run(&[rule(80.0)], &raised.standings, "", 2);
        assert!(missing.changes.is_empty() && missing.standings[0].missing.is_some());
        let still = run(&[rule(80.0)], &missing.standings, "", 25);
        assert_eq!(still.standings, missing.standings);
        let gone = run(&[rule(80.0)], &still.standings, "", 26);
        assert_eq!((kinds(&gone), gone.standings.len(), gone.past.len()), (vec!["gone"], 0, 1));
    }

    #[test]
    fn rates_over_a_short_interval_are_left_as_they_are() {
        let raised = run(&[rule(80.0)], &[], r#","x_percent":85"#, 1);
        let mut short = sample(r#","x_percent":1"#);
        short.interval = Some(4.0);
        let evaluation = evaluate(&[rule(80.0)], &raised.standings, &short, &at(2), |_| true, &[]);
        assert_eq!((evaluation.standings, evaluation.changes.len()), (raised.standings, 0));
    }
}
