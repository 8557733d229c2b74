//! All rules over one sample: which standings it leaves, what changed, what is owed about what ended. Pure.

use std::collections::BTreeSet;

use super::flap::{CALM, Flapping};
use super::rule::{Levels, Measure, Rule};
use super::state::{Past, Standing};
use super::step::{At, step};
use super::window::{Reading, Window, reading};
use super::{Channel, Level, absence};
use crate::event::kind;
use crate::metric::Metric;
use crate::sample::Sample;
use crate::series::Series;

/// A series not seen for so long has gone for good.
const GONE_AFTER: f64 = 86_400.0;
/// One that is measured now and then: a month and some days, as a month may be the pace.
const SELDOM_GONE_AFTER: f64 = 35.0 * 86_400.0;
/// Rates over less are noise, and are not judged.
pub const SHORTEST_JUDGED: f64 = 30.0;

/// After how many seconds without a reading a series has gone.
pub fn gone_after(metric: Option<&Metric>) -> f64 {
    if metric.is_some_and(|metric| metric.seldom) { SELDOM_GONE_AFTER } else { GONE_AFTER }
}

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
    /// What ended and is still owed, that of before included.
    pub past: Vec<Past>,
    pub changes: Vec<Change>,
}

/// A sample and its circumstances.
pub struct Line<'a> {
    pub sample: &'a Sample,
    pub at: &'a At,
    pub window: &'a Window,
    /// The descriptor of a metric.
    pub find: fn(&str) -> Option<&'static Metric>,
}

/// Judges one sample. `channels` hear of what ends.
pub fn evaluate(
    rules: &[Rule],
    standings: &[Standing],
    past: &[Past],
    line: &Line<'_>,
    channels: &[Channel],
) -> Evaluation {
    let mut past = past.to_vec();
    for past in &mut past {
        past.unsettled &= line.at.now.seconds_since(&past.end) < CALM;
    }
    let evaluation = Evaluation { past, ..Evaluation::default() };
    let mut judge = Judge { evaluation, at: line.at, find: line.find, channels };
    let short = line.sample.interval.is_none_or(|interval| interval < SHORTEST_JUDGED);
    let mut held = 0;
    for rule in rules {
        let known: Vec<(Series, &Standing)> = standings
            .iter()
            .filter(|standing| standing.rule == rule.key)
            .map(|standing| (Series::parse(&standing.series), standing))
            .collect();
        for series in series_of(rule, &known, line) {
            let Some(levels) = rule.levels_for(&series.metric, series.label.as_deref()) else {
                continue;
            };
            let mut same = known.iter().filter(|(other, _)| *other == series);
            let standing = same.next().map(|(_, standing)| *standing);
            held += usize::from(standing.is_some());
            let metric = (line.find)(&series.metric);
            if short && metric.is_some_and(Metric::is_rate) {
                judge.evaluation.standings.extend(standing.cloned());
                continue;
            }
            let (sample, window) = (line.sample, line.window);
            let reading = reading(levels, &series, metric, sample, window, line.at.interval);
            // What is and was inside its levels leaves nothing behind.
            if standing.is_none() && !reading.value.is_some_and(|value| is_past_any(levels, value))
            {
                continue;
            }
            let before = standing.cloned().unwrap_or_else(|| {
                let (rule, series) = (rule.key.clone(), series.to_string());
                Standing { rule, series, ..Standing::default() }
            });
            judge.judge(levels, before, &reading);
        }
        judge.evaluation.past.extend(absence::judge(rule, line.at, channels));
    }
    if held < standings.len() {
        let orphans = standings.iter().filter(|standing| rule_of(rules, standing).is_none());
        for standing in orphans.filter(|standing| is_open(standing)) {
            judge.change(kind::WITHDRAWN, standing, None, None);
        }
    }
    let mut evaluation = judge.evaluation;
    evaluation.standings.sort_by(|a, b| (&a.rule, &a.series).cmp(&(&b.rule, &b.series)));
    evaluation
}

/// Every series a rule speaks of and that may matter, in this sample or remembered.
fn series_of(rule: &Rule, known: &[(Series, &Standing)], line: &Line<'_>) -> BTreeSet<Series> {
    let mut found: BTreeSet<Series> = known.iter().map(|(series, _)| series.clone()).collect();
    let numbers = rule.numbers(&line.sample.values);
    let past = numbers.filter(|number| may_matter(number.levels, number.value));
    found.extend(past.map(|number| Series::new(number.metric, number.label)));
    found
}

/// Whether a value may be past its levels, by itself or by how much it changed.
fn may_matter(levels: &Levels, value: f64) -> bool {
    levels.measure != Measure::Value || is_past_any(levels, value)
}

fn is_past_any(levels: &Levels, value: f64) -> bool {
    let mut thresholds = levels.warning.iter().chain(&levels.critical);
    thresholds.any(|threshold| levels.is_past(threshold, value))
}

/// The levels a standing is held to, if its rule still speaks of it.
pub fn rule_of<'a>(rules: &'a [Rule], standing: &Standing) -> Option<&'a Levels> {
    let series = Series::parse(&standing.series);
    rules
        .iter()
        .find(|rule| rule.key == standing.rule)?
        .levels_for(&series.metric, series.label.as_deref())
}

/// Whether it fires, or flaps.
fn is_open(standing: &Standing) -> bool {
    standing.level != Level::Ok || standing.flapping.is_some()
}

struct Judge<'a> {
    evaluation: Evaluation,
    at: &'a At,
    find: fn(&str) -> Option<&'static Metric>,
    channels: &'a [Channel],
}

impl Judge<'_> {
    fn judge(&mut self, levels: &Levels, before: Standing, reading: &Reading) {
        let changed_levels = !before.levels.is_empty() && before.levels != levels.fingerprint();
        if let (true, Some(value)) = (changed_levels, reading.value) {
            return self.judge_afresh(levels, before, value, reading);
        }
        let level = before.level;
        let mut after = step(levels, before, reading, self.at);
        if level != after.level {
            self.note_change(levels, level, &mut after, reading.value);
        }
        after.deepen(levels);
        let unseen = after.missing.as_ref().is_some_and(|missing| {
            let metric = (self.find)(&Series::parse(&after.series).metric);
            self.at.now.seconds_since(missing) >= gone_after(metric)
        });
        if unseen {
            if is_open(&after) {
                self.change(kind::GONE, &after, None, None);
                self.end(over_all(after), None, false);
            }
            return;
        }
        if reading.value.is_some() && after.has_calmed(&self.at.now) {
            after = self.calmed(after, reading.value);
        }
        let waits = after.over_warning.is_some() || after.over_critical.is_some();
        if is_open(&after) || waits || after.changed_lately(&self.at.now) {
            self.evaluation.standings.push(after);
        }
    }

    /// The level changed: what that is called, and whether it is one change too many.
    fn note_change(
        &mut self,
        levels: &Levels,
        before: Level,
        after: &mut Standing,
        value: Option<f64>,
    ) {
        let threshold = levels.threshold(after.level.max(before)).map(|threshold| threshold.level);
        let kind = match (before, after.level) {
            (Level::Ok, _) => kind::RAISED,
            (_, Level::Ok) => kind::RECOVERED,
            (earlier, later) if later > earlier => kind::ESCALATED,
            _ => kind::EASED,
        };
        self.change(kind, after, value, threshold);
        if kind == kind::RAISED && after.flapping.is_none() {
            self.take_back(levels, after);
        }
        if after.note_change(&self.at.now) {
            self.change(kind::FLAPPING, after, value, threshold);
        }
        if kind == kind::RECOVERED {
            after.deepen(levels);
            if after.flapping.is_none() {
                let ended = Standing {
                    level: before,
                    told: std::mem::take(&mut after.told),
                    ..after.clone()
                };
                self.end(ended, value, after.is_unsettled());
                after.muted = false;
            }
            (after.since, after.worst, after.worst_at) = (None, None, None);
            (after.peak, after.inside_warning, after.inside_critical) = (Level::Ok, None, None);
        }
    }

    /// An end that did not last was none: the episode goes on.
    fn take_back(&mut self, levels: &Levels, after: &mut Standing) {
        let now = &self.at.now;
        let undone = self.evaluation.past.iter().position(|past| {
            past.unsettled
                && past.standing.rule == after.rule
                && past.standing.series == after.series
                && now.seconds_since(&past.end) < CALM
        });
        let Some(undone) = undone else { return };
        let before = self.evaluation.past.remove(undone).standing;
        after.peak = after.peak.max(before.peak);
        if let (Some(worst), Some(value)) = (before.worst, after.worst)
            && !levels.is_worse(value, worst)
        {
            (after.worst, after.worst_at) = (Some(worst), before.worst_at);
        }
        (after.since, after.told, after.muted) = (before.since, before.told, before.muted);
    }

    /// It flaps no more: over, or one steady alert from its beginning on.
    fn calmed(&mut self, mut after: Standing, value: Option<f64>) -> Standing {
        self.change(kind::CALMED, &after, value, None);
        let changes = std::mem::take(&mut after.changes);
        if after.level == Level::Ok {
            let rested = Standing {
                rule: after.rule.clone(),
                series: after.series.clone(),
                ..Standing::default()
            };
            let end = changes.last().map(|change| change.at.clone());
            self.end(over_all(after), value, false);
            if let (Some(past), Some(end)) = (self.evaluation.past.last_mut(), end) {
                past.end = end;
            }
            return rested;
        }
        over_all(after)
    }

    /// Levels that changed are applied without noise: what still holds stands as told, what does not is withdrawn.
    fn judge_afresh(&mut self, levels: &Levels, before: Standing, value: f64, reading: &Reading) {
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
        if !is_open(&before) {
            let fresh =
                Standing { rule: before.rule, series: before.series, ..Standing::default() };
            return self.judge(levels, fresh, reading);
        }
        if level == Level::Ok {
            return self.change(kind::WITHDRAWN, &before, Some(value), None);
        }
        let mut after = Standing {
            level,
            levels: levels.fingerprint(),
            over_warning: None,
            over_critical: None,
            inside_warning: None,
            inside_critical: None,
            missing: None,
            changes: Vec::new(),
            ..over_all(before)
        };
        after.since.get_or_insert_with(|| self.at.now.clone());
        after.peak = level;
        for told in after.told.values_mut() {
            (told.level, told.flapping) = (level, false);
        }
        self.evaluation.standings.push(after);
    }

    /// What ended is owed to those who heard of it, and to those who should have.
    fn end(&mut self, standing: Standing, value: Option<f64>, unsettled: bool) {
        // What only judging needs.
        let standing = Standing {
            changes: Vec::new(),
            over_warning: None,
            over_critical: None,
            inside_warning: None,
            inside_critical: None,
            ..standing
        };
        let owed = owed_to(&standing, self.channels);
        if !owed.is_empty() {
            let end = self.at.now.clone();
            self.evaluation.past.push(Past { standing, end, value, owed, unsettled, more: 0 });
        }
    }

    fn change(
        &mut self,
        kind: &'static str,
        standing: &Standing,
        value: Option<f64>,
        threshold: Option<f64>,
    ) {
        let standing = standing.clone();
        self.evaluation.changes.push(Change { kind, standing, value, threshold });
    }
}

/// Who has to hear of an end.
pub(super) fn owed_to(standing: &Standing, channels: &[Channel]) -> Vec<String> {
    let hears = |channel: &&Channel| {
        let in_time = !standing.muted && standing.worst_level() >= channel.from;
        standing.told.contains_key(&channel.name) || in_time
    };
    channels.iter().filter(hears).map(|channel| channel.name.clone()).collect()
}

/// A stretch of flapping as the one episode it was.
fn over_all(mut standing: Standing) -> Standing {
    if let Some(Flapping { since, peak, worst, worst_at }) = standing.flapping.take() {
        standing.since = Some(since);
        (standing.peak, standing.worst, standing.worst_at) = (peak, worst, worst_at);
    }
    standing
}

#[cfg(test)]
mod tests;
