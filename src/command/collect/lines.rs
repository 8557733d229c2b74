//! The lines that are to be judged, what was before them, and what judging them brought about.

use std::cmp::Ordering;

use chrono::NaiveDate;

use super::judge::Run;
use crate::alert::evaluate::{Change, Line, evaluate, rule_of};
use crate::alert::fold::fold;
use crate::alert::rule::{Levels, Measure, Rule};
use crate::alert::state::{Standing, State};
use crate::alert::step::{At, Hole};
use crate::alert::window::{Lookback, Window};
use crate::alert::{Channel, Level};
use crate::collector;
use crate::collector::custom::declared;
use crate::continuity::is_hole;
use crate::event::{Event, kind, rfc3339};
use crate::gap::Cause;
use crate::metric::Unit;
use crate::render::amount::{amount, limit};
use crate::render::reason::suffix;
use crate::render::wording::{phrase, phrase_among};
use crate::sample::Sample;
use crate::sample::read::Wanted;
use crate::series::Series;
use crate::store::{Store, lock, tail};
use crate::time::Moment;

/// Most lines of other runs that are judged in one go.
const MOST_LINES: usize = 200;
/// No rule looks further back.
pub(super) const MOST_DAYS: usize = 32;

/// The lines that other runs stored and left to us.
pub(super) fn unjudged(run: &Run<'_>) -> Vec<Sample> {
    let left = lock::take_unjudged(&run.store.directory);
    if left.is_empty() { Vec::new() } else { stored(run, &left) }
}

/// Oldest first.
pub(super) fn in_order<'a>(lines: impl Iterator<Item = &'a Sample>) -> Vec<&'a Sample> {
    let mut lines: Vec<&Sample> = lines.collect();
    lines.sort_by(|a, b| {
        (a.epoch(), a.uptime).partial_cmp(&(b.epoch(), b.uptime)).unwrap_or(Ordering::Equal)
    });
    lines
}

/// The stored lines of some moments, among the last ones.
fn stored(run: &Run<'_>, moments: &[Moment]) -> Vec<Sample> {
    let date = run.sample.timestamp.date_naive();
    let paths = [Some(date), date.pred_opt()]
        .into_iter()
        .flatten()
        .map(|date| run.store.metrics_file(date));
    let wanted = Wanted::everything();
    let last = paths.flat_map(|path| tail::samples(&path, &wanted)).take(MOST_LINES);
    last.filter(|line| moments.iter().any(|moment| is_same(moment, &line.moment()))).collect()
}

/// Stored uptimes have two decimals.
pub(super) fn is_same(a: &Moment, b: &Moment) -> bool {
    a.boot_id == b.boot_id && a.epoch == b.epoch && (a.uptime - b.uptime).abs() < 0.006
}

/// Judges the lines one after the other, each with what is known before it.
pub(super) fn judge_lines(
    lines: &[&Sample],
    run: &Run<'_>,
    rules: &[Rule],
    channels: &[Channel],
    window: &mut Window,
    state: &mut State,
    events: &mut Vec<Event>,
) {
    let mut before = run.recent.newest.as_deref().map(Sample::moment);
    for line in lines {
        let now = line.moment();
        let earlier = before.filter(|earlier| !earlier.same_boot(&now) || is_same(earlier, &now));
        let interval = run.recent.interval;
        let hole = earlier.and_then(|earlier| hole(&earlier, &now, interval, events));
        let grace = now.uptime < run.config.startup_grace;
        let at = At { now: now.clone(), interval, hole, grace };
        let judged = Line { sample: line, at: &at, window, find: collector::find };
        let evaluation = evaluate(rules, &state.standings, &state.past, &judged, channels);
        (state.standings, state.past) = (evaluation.standings, evaluation.past);
        fold(state, rules);
        let told = |change| event(change, rules, Some(line), run.host, &now);
        events.extend(evaluation.changes.iter().map(told));
        if !window.lookback.is_nothing() {
            window.push((*line).clone());
        }
        before = Some(now);
    }
}

/// How far the rules look back that these lines may give an answer to. Reading an hour of lines costs more than all else,
/// and most defaults are about what few hosts have, or about counts that stand at nothing.
fn lookback(
    rules: &[Rule],
    lines: &[&Sample],
    standings: Option<&[Standing]>,
    interval: f64,
) -> Lookback {
    let matters = |rule: &Rule| {
        standings.is_none_or(|known| known.iter().any(|standing| standing.rule == rule.key))
            || lines
                .iter()
                .flat_map(|line| rule.numbers(&line.values))
                .any(|number| may_be_past(number.levels, number.metric, number.value))
    };
    let looks_back = |rule| Lookback::of(std::slice::from_ref(rule), interval);
    let each = rules.iter().map(|rule| (rule, looks_back(rule)));
    let asked = each.filter(|(rule, lookback)| !lookback.is_nothing() && matters(rule));
    asked.fold(Lookback::default(), |longest, (_, lookback)| longest.or(lookback))
}

/// What is never negative cannot have risen by more than it is; of numbers that others make nobody knows.
fn may_be_past(levels: &Levels, metric: &str, value: f64) -> bool {
    let is_rise = matches!(levels.measure, Measure::Change { relative: false, .. });
    let least = [levels.warning, levels.critical].into_iter().flatten().map(|one| one.level);
    let is_past = least.reduce(f64::min).is_none_or(|least| value >= least);
    let never_negative = || {
        let known = collector::find(metric).filter(|_| declared::find(metric).is_none());
        known.is_some_and(|known| known.is_cumulative() || known.unit == Unit::Count)
    };
    levels.times.is_some() || !is_rise || levels.below || is_past || !never_negative()
}

/// The hole between two lines, with its cause if it was found out at the end of it.
fn hole(earlier: &Moment, now: &Moment, interval: f64, events: &[Event]) -> Option<Hole> {
    if !is_hole(earlier, now, interval) {
        return None;
    }
    let told = events.iter().find(|event| event.event == kind::GAP && event.epoch == now.epoch);
    let cause = told.and_then(|event| Cause::from_name(event.cause.as_deref()?));
    let cause = cause.map_or_else(String::new, |cause| cause.words().to_owned());
    Some(Hole { since: earlier.clone(), seconds: now.seconds_since(earlier), cause })
}

/// The lines before those that are to be judged, as far as a rule asks for them: one that stands, or may come to; without
/// `standings`, every rule.
pub(in crate::command) fn window(
    store: &Store,
    date: NaiveDate,
    rules: &[Rule],
    lines: &[&Sample],
    standings: Option<&[Standing]>,
    interval: f64,
) -> Window {
    let lookback = lookback(rules, lines, standings, interval);
    let Some(first) = lines.first().filter(|_| !lookback.is_nothing()).map(|line| line.moment())
    else {
        return Window::default();
    };
    let wanted = Wanted::matching(rules.iter().map(|rule| rule.pattern.metric.as_str()));
    let paths = date.iter_days().rev().take(MOST_DAYS).map(|date| store.metrics_file(date));
    // A day without samples does not end the course.
    let before = paths.flat_map(|path| tail::samples(&path, &wanted));
    let is_before =
        |line: &Sample| !lines.iter().any(|other| is_same(&other.moment(), &line.moment()));
    Window::before(first, before.filter(is_before), lookback)
}

/// What changed, as it is written down.
pub(in crate::command) fn event(
    change: &Change,
    rules: &[Rule],
    line: Option<&Sample>,
    host: &str,
    now: &Moment,
) -> Event {
    let standing = &change.standing;
    let series = Series::parse(&standing.series);
    let unit = collector::find(&series.metric).map_or(Unit::Count, |metric| metric.unit);
    let measure = rule_of(rules, standing).map_or(Measure::Value, |levels| levels.measure);
    let is_over =
        standing.level == Level::Ok || matches!(change.kind, kind::WITHDRAWN | kind::GONE);
    // What goes on after an end that did not last began earlier; the event is of now.
    let since = standing.start().filter(|_| change.kind != kind::RAISED).or(Some(now));
    let limit = change.threshold.map(|level| format!(", level {}", limit(measure, unit, level)));
    let what = match (measure, change.value) {
        (Measure::Change { .. }, Some(value)) => {
            format!("{series} {}", amount(measure, unit, value))
        }
        _ => match line {
            Some(line) => phrase_among(&series, change.value, false, &line.values),
            None => phrase(&series, change.value, false),
        },
    };
    let why = line.filter(|_| !is_over).map(|line| suffix(&series, line)).unwrap_or_default();
    Event {
        level: Some(standing.level),
        value: change.value,
        threshold: change.threshold,
        worst: standing.worst.filter(|_| is_over),
        since: since.map(|since| rfc3339(since.epoch)),
        ..Event::new(change.kind, host, now).about(&standing.series)
    }
    .saying(what + &limit.unwrap_or_default() + &why)
}
