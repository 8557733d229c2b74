//! Rules over samples, one run after the other.

use super::super::rule::tests::levels;
use super::super::state::Told;
use super::*;
use crate::metric::Unit;
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
        hole: None,
        grace: false,
    }
}

fn sample(values: &str) -> Sample {
    line(
        format!("{{\"timestamp\":\"2026-11-22T00:00:00Z\",\"interval\":300{values}}}").as_bytes(),
        &Wanted::everything(),
    )
    .unwrap()
}

fn run(rules: &[Rule], standings: &[Standing], values: &str, hours: i32) -> Evaluation {
    run_knowing(|_| None, rules, standings, values, hours)
}

fn run_knowing(
    find: fn(&str) -> Option<&'static Metric>,
    rules: &[Rule],
    standings: &[Standing],
    values: &str,
    hours: i32,
) -> Evaluation {
    let sample = sample(values);
    let (at, window) = (at(hours), Window::default());
    let line = Line { sample: &sample, at: &at, window: &window, find };
    evaluate(rules, standings, &[], &line, &[channel()])
}

fn channel() -> Channel {
    Channel { name: "email".into(), from: Level::Warning }
}

fn kinds(evaluation: &Evaluation) -> Vec<&str> {
    evaluation.changes.iter().map(|change| change.kind).collect()
}

#[test]
fn each_label_is_a_series_of_its_own() {
    let evaluation = run(&[rule(80.0)], &[], r#","x_percent":{"a":85,"b":10,"c":95}"#, 1);
    assert_eq!(kinds(&evaluation), ["raised", "raised"]);
    assert_eq!(
        evaluation.standings.iter().map(|standing| standing.series.as_str()).collect::<Vec<_>>(),
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
    assert_eq!((kinds(&ended), ended.standings[0].level), (vec!["recovered"], Level::Ok));
    assert_eq!(ended.past[0].owed, ["email"]);
    let later = run(&[rule(80.0)], &ended.standings, r#","x_percent":10"#, 9);
    assert!(later.standings.is_empty());
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
        Told {
            level: Level::Critical,
            at: at(1).now,
            thread: String::new(),
            first: 0,
            flapping: false,
        },
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

static SELDOM: Metric = Metric::gauge("x_percent", Unit::Percent, "").seldom();

#[test]
fn what_is_measured_now_and_then_is_gone_after_a_month() {
    let run = |standings: &[Standing], values, hours| {
        run_knowing(|_| Some(&SELDOM), &[rule(80.0)], standings, values, hours)
    };
    let raised = run(&[], r#","x_percent":{"a":85}"#, 1);
    let missing = run(&raised.standings, "", 2);
    let still = run(&missing.standings, "", 34 * 24);
    assert_eq!(still.standings, missing.standings);
    assert_eq!(kinds(&run(&still.standings, "", 36 * 24)), ["gone"]);
}

static RATE: Metric = Metric::rate("x_percent", Unit::Percent, "");

#[test]
fn rates_over_a_short_interval_are_left_as_they_are() {
    let raised = run(&[rule(80.0)], &[], r#","x_percent":85"#, 1);
    let mut short = sample(r#","x_percent":1"#);
    short.interval = Some(4.0);
    let (at, window) = (at(2), Window::default());
    let line = Line { sample: &short, at: &at, window: &window, find: |_| Some(&RATE) };
    let evaluation = evaluate(&[rule(80.0)], &raised.standings, &[], &line, &[]);
    assert_eq!((evaluation.standings, evaluation.changes.len()), (raised.standings, 0));
}

/// Levels of a value that changes every `minutes`, and what was called what.
fn play(values: &[i32], minutes: i32) -> (Evaluation, Vec<&'static str>) {
    let mut evaluation = Evaluation::default();
    let mut kinds = Vec::new();
    for (step, value) in (0..).zip(values) {
        let now = Moment {
            epoch: i64::from(step * minutes) * 60,
            boot_id: "a".into(),
            uptime: f64::from(step * minutes) * 60.0,
        };
        let at = At { now, interval: 300.0, hole: None, grace: false };
        let (sample, window) = (sample(&format!(",\"x_percent\":{value}")), Window::default());
        let line = Line { sample: &sample, at: &at, window: &window, find: |_| None };
        let (rules, channels) = ([rule(80.0)], [channel()]);
        let Evaluation { standings, past, .. } = evaluation;
        evaluation = evaluate(&rules, &standings, &past, &line, &channels);
        kinds.extend(evaluation.changes.iter().map(|change| change.kind));
    }
    (evaluation, kinds)
}

#[test]
fn a_second_end_within_hours_is_not_believed_at_once_and_undone_by_the_next_raise() {
    let (ended, _) = play(&[85, 10, 85, 10], 10);
    assert_eq!(ended.past.iter().map(|past| past.unsettled).collect::<Vec<_>>(), [false, true]);
    let (raised, kinds) = play(&[85, 10, 85, 10, 85], 10);
    assert_eq!((raised.past.len(), kinds.last()), (1, Some(&"flapping")));
    assert_eq!(raised.standings[0].start().map(|start| start.epoch), Some(1_200));
}

#[test]
fn flapping_is_one_episode_from_its_beginning_to_its_last_change() {
    let (mut values, quiet) = (vec![85, 10, 85, 10, 95, 10, 85, 10], [10; 12]);
    values.extend(quiet);
    let (calm, kinds) = play(&values, 10);
    assert_eq!(kinds.iter().filter(|kind| **kind == "flapping").count(), 1);
    assert_eq!(kinds.last(), Some(&"calmed"));
    let over = calm.past.last().unwrap();
    assert_eq!(
        (over.standing.peak, over.standing.worst, over.end.epoch),
        (Level::Critical, Some(95.0), 4_200)
    );
    assert!(calm.standings.is_empty());
}

#[test]
fn what_flapped_and_stays_bad_is_one_steady_alert() {
    let mut values = vec![85, 10, 85, 10, 85];
    values.extend([85; 13]);
    let (steady, kinds) = play(&values, 10);
    assert_eq!((kinds.last(), steady.past.len()), (Some(&"calmed"), 1));
    assert!(steady.standings[0].flapping.is_none() && steady.standings[0].level == Level::Warning);
}
