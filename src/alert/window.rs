//! The lines before this one, for rules that ask for more than one reading: how often, how much it changed. They are
//! read from the store at every run and never kept. Pure.

use std::collections::VecDeque;

use super::rule::{Levels, Measure, Rule};
use crate::continuity::TOLERANCE;
use crate::sample::Sample;
use crate::series::Series;
use crate::time::Moment;

/// How far back the rules look.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Lookback {
    pub lines: usize,
    pub seconds: f64,
}

impl Lookback {
    pub fn of(rules: &[Rule]) -> Self {
        let mut lookback = Lookback::default();
        let levels = rules.iter().flat_map(|rule| {
            rule.levels.iter().chain(rule.labels.iter().filter_map(|(_, levels)| levels.as_ref()))
        });
        for levels in levels {
            if let Measure::Change { seconds, .. } = levels.measure {
                lookback.seconds = lookback.seconds.max(seconds);
            }
            if let Some(times) = levels.times {
                lookback.lines = lookback.lines.max(times.of.saturating_sub(1));
            }
        }
        lookback
    }

    pub fn is_nothing(&self) -> bool {
        self.lines == 0 && self.seconds <= 0.0
    }

    /// Whether a line that comes `lines` before now, `seconds` ago, is still asked for.
    pub fn reaches(&self, lines: usize, seconds: f64) -> bool {
        lines <= self.lines || seconds <= self.seconds * 1.5 + 60.0
    }
}

/// The lines before, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Window {
    lines: VecDeque<Sample>,
}

impl Window {
    /// Takes a line in, and lets go of those that nobody asks for any more.
    pub fn push(&mut self, line: Sample, lookback: &Lookback) {
        if lookback.is_nothing() {
            return;
        }
        let now = line.moment();
        self.lines.push_back(line);
        while self.lines.front().is_some_and(|oldest| {
            !lookback.reaches(self.lines.len(), now.seconds_since(&oldest.moment()))
        }) {
            self.lines.pop_front();
        }
    }
}

/// What a rule judges of one series.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    /// `None`: no data.
    pub value: Option<f64>,
    /// The readings before, newest first, as far as `times` asks for them.
    pub before: Vec<Option<f64>>,
}

/// The reading of a series under its levels.
pub fn reading(
    levels: &Levels,
    series: &Series,
    is_counter: bool,
    sample: &Sample,
    window: &Window,
    interval: f64,
) -> Reading {
    let measured = |at: usize, line: &Sample| match levels.measure {
        Measure::Value => line.values.number(series),
        Measure::Change { seconds, relative } => {
            let earlier = window.lines.iter().take(at);
            change(line, earlier, series, seconds + interval / 2.0, relative, is_counter)
        }
    };
    let mut reading = Reading { value: measured(window.lines.len(), sample), before: Vec::new() };
    if let Some(times) = levels.times {
        let mut later = sample.moment();
        for (at, line) in window.lines.iter().enumerate().rev().take(times.of - 1) {
            let now = line.moment();
            // A hole or a new boot ends the count: nobody knows what was in between.
            if !later.same_boot(&now) || later.seconds_since(&now) > TOLERANCE * interval {
                break;
            }
            reading.before.push(measured(at, line));
            later = now;
        }
    }
    reading
}

/// The change since the oldest line within the span, which must cover at least half of it.
fn change<'a>(
    line: &Sample,
    earlier: impl Iterator<Item = &'a Sample>,
    series: &Series,
    span: f64,
    relative: bool,
    is_counter: bool,
) -> Option<f64> {
    let (now, value) = (line.moment(), line.values.number(series)?);
    let age = |then: &Moment| now.seconds_since(then);
    let mut within = earlier.filter(|line| (span / 2.0..=span).contains(&age(&line.moment())));
    let base = within.find(|line| {
        let then = line.moment();
        (!is_counter || now.same_boot(&then)) && line.values.number(series).is_some()
    })?;
    let before = base.values.number(series)?;
    let difference = value - before;
    // A counter that fell was set back.
    if is_counter && difference < 0.0 {
        return None;
    }
    if relative {
        return (before != 0.0).then(|| difference / before.abs() * 100.0);
    }
    Some(difference)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::rule::Times;
    use crate::sample::read::{Wanted, line};

    fn sample(minute: i64, boot: &str, value: &str) -> Sample {
        let (epoch, uptime) = (minute * 60, minute * 60 + 1_000);
        let text = format!(
            "{{\"timestamp\":\"2026-11-22T00:00:00Z\",\"epoch\":{epoch},\"boot_id\":\"{boot}\",\"uptime\":{uptime}{value}}}"
        );
        let mut sample = line(text.as_bytes(), &Wanted::everything()).unwrap();
        sample.timestamp = chrono::DateTime::from_timestamp(epoch, 0).unwrap().fixed_offset();
        sample
    }

    fn window(values: &[(i64, f64)], lookback: Lookback) -> Window {
        let mut window = Window::default();
        for (minute, value) in values {
            window.push(sample(*minute, "a", &format!(",\"x\":{value}")), &lookback);
        }
        window
    }

    const FAR: Lookback = Lookback { lines: 100, seconds: 0.0 };

    fn read(levels: &Levels, window: &Window, now: &Sample, is_counter: bool) -> Reading {
        reading(levels, &Series::parse("x"), is_counter, now, window, 300.0)
    }

    fn rise(minutes: i32, relative: bool) -> Levels {
        let measure = Measure::Change { seconds: f64::from(minutes) * 60.0, relative };
        Levels { measure, ..Levels::default() }
    }

    #[test]
    fn a_change_is_measured_over_its_span() {
        let before = window(&[(0, 10.0), (30, 20.0), (55, 38.0)], FAR);
        let now = sample(60, "a", ",\"x\":40");
        assert_eq!(read(&rise(60, false), &before, &now, false).value, Some(30.0));
        assert_eq!(read(&rise(30, false), &before, &now, false).value, Some(20.0));
        assert_eq!(read(&rise(60, true), &before, &now, false).value, Some(300.0));
    }

    #[test]
    fn too_short_a_course_tells_no_change() {
        let before = window(&[(50, 10.0), (55, 20.0)], FAR);
        assert_eq!(
            read(&rise(60, false), &before, &sample(60, "a", ",\"x\":40"), false).value,
            None
        );
    }

    #[test]
    fn a_counter_that_was_set_back_tells_no_change_and_a_gauge_does() {
        let before = window(&[(0, 90.0)], FAR);
        let (fell, rebooted) = (sample(60, "a", ",\"x\":4"), sample(60, "b", ",\"x\":95"));
        assert_eq!(read(&rise(60, false), &before, &fell, true).value, None);
        assert_eq!(read(&rise(60, false), &before, &rebooted, true).value, None);
        assert_eq!(read(&rise(60, false), &before, &rebooted, false).value, Some(5.0));
    }

    #[test]
    fn the_readings_before_end_at_a_hole() {
        let levels = Levels { times: Some(Times { count: 3, of: 5 }), ..Levels::default() };
        let before = window(&[(0, 1.0), (5, 2.0), (50, 3.0), (55, 4.0)], FAR);
        let read = read(&levels, &before, &sample(60, "a", ",\"x\":5"), false);
        assert_eq!((read.value, read.before), (Some(5.0), vec![Some(4.0), Some(3.0)]));
    }

    #[test]
    fn only_what_is_asked_for_is_held() {
        let lookback = Lookback { lines: 2, seconds: 0.0 };
        assert_eq!(window(&[(0, 1.0), (5, 2.0), (10, 3.0), (15, 4.0)], lookback).lines.len(), 2);
        assert!(window(&[(0, 1.0)], Lookback::default()).lines.is_empty());
    }
}
