//! A fact with what is known besides it, and the words that subject, body and facts for programs share. Pure.

use super::letter::Background;
use crate::alert::Level;
use crate::alert::absence::GAP;
use crate::alert::due::Reason;
use crate::alert::fact::Fact;
use crate::alert::rule::{Levels, Measure, Threshold};
use crate::collector;
use crate::metric::{Metric, Unit};
use crate::render::amount::{amount, limit};
use crate::render::reason;
use crate::render::wording::{phrase, phrase_among};
use crate::sample::Sample;

/// One thing to tell.
#[derive(Clone, Copy)]
pub(super) struct Story<'a> {
    pub fact: &'a Fact,
    pub background: &'a Background,
    pub sample: &'a Sample,
}

impl Story<'_> {
    pub(super) fn metric(&self) -> Option<&'static Metric> {
        collector::find(&self.fact.series.metric)
    }

    pub(super) fn unit(&self) -> Unit {
        self.metric().map_or(Unit::Count, |metric| metric.unit)
    }

    pub(super) fn is_state(&self) -> bool {
        self.metric().is_some_and(Metric::is_state)
    }

    /// That nobody watched for a while.
    pub(super) fn is_absence(&self) -> bool {
        self.fact.series.metric == GAP.name
    }

    /// Whether it is over, and that is good.
    pub(super) fn is_fine(&self) -> bool {
        self.fact.is_over() && !self.is_absence()
    }

    /// Whether processes matter by their size rather than by their time.
    pub(super) fn is_of_memory(&self) -> bool {
        ["memory_", "swap_"].iter().any(|prefix| self.fact.series.metric.starts_with(prefix))
    }

    /// Whether somebody was told that it flaps.
    pub(super) fn was_flapping(&self) -> bool {
        self.fact.standing.told.values().any(|told| told.flapping)
    }

    /// Seconds from its start to its end, or to `now`.
    pub(super) fn lasted(&self, now: i64) -> f64 {
        match (&self.fact.end, self.fact.standing.start()) {
            (Some(end), Some(start)) => end.seconds_since(start),
            (None, Some(start)) => (now - start.epoch).max(0) as f64,
            _ => 0.0,
        }
    }

    /// What there is, in a few words: `/data 86 % full`.
    pub(super) fn what(&self, short: bool) -> String {
        let Fact { series, value, standing, .. } = self.fact;
        let worst_if_gone = value.or(standing.worst);
        if self.is_absence() {
            let cause = standing.cause.as_deref().map(brief);
            let cause = cause.map(|cause| format!(" ({cause})")).unwrap_or_default();
            return phrase(series, worst_if_gone, short) + &cause;
        }
        if self.change().is_none() {
            let value = if short { worst_if_gone } else { *value };
            let what = phrase_among(series, value, short, &self.sample.values);
            let is_told_why = short && !self.fact.is_over();
            return if is_told_why { what + &reason::suffix(series, self.sample) } else { what };
        }
        let now = phrase(series, self.sample.values.number(series), short);
        if short && self.is_fine() {
            return now;
        }
        let moved = value.map(|value| format!(", {}", self.amount(value)));
        now + &moved.unwrap_or_default()
    }

    /// What the plugin says that measured it.
    pub(super) fn said(&self) -> Option<&str> {
        reason::said(&self.fact.series, self.sample).filter(|_| !self.fact.is_over())
    }

    /// A value as it is judged: `86.0 %`, or how much it changed: `12 points more within 1 h`.
    pub(super) fn amount(&self, value: f64) -> String {
        amount(self.measure(), self.unit(), value)
    }

    /// A level as people set it; that of a fall is told by its size.
    pub(super) fn limit(&self, level: f64) -> String {
        limit(self.measure(), self.unit(), level)
    }

    fn measure(&self) -> Measure {
        self.fact.levels.as_ref().map_or(Measure::Value, |levels| levels.measure)
    }

    /// Seconds over which a change is judged, and whether in per cent; `None` if the value itself is.
    fn change(&self) -> Option<(f64, bool)> {
        match self.fact.levels.as_ref()?.measure {
            Measure::Change { seconds, relative } => Some((seconds, relative)),
            Measure::Value => None,
        }
    }

    /// The levels, where it is the value itself that is held to them.
    pub(super) fn levels_of_value(&self) -> Option<&Levels> {
        self.fact.levels.as_ref().filter(|levels| levels.measure == Measure::Value)
    }

    pub(super) fn threshold(&self, level: Level) -> Option<&Threshold> {
        self.fact.levels.as_ref()?.threshold(level)
    }

    /// In capitals, as in a heading.
    pub(super) fn word(&self) -> String {
        match self.fact.reason {
            Reason::Recovered | Reason::Past => "RECOVERED".to_owned(),
            Reason::Gone => "GONE".to_owned(),
            _ => self.fact.level.title(),
        }
    }
}

/// Without what stands in brackets.
fn brief(words: &str) -> &str {
    words.split(" (").next().unwrap_or(words)
}
