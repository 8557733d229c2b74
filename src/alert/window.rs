//! The lines before this one, for rules that ask for more than one reading: how often, how much it changed. They are
//! read from the store at every run and never kept. Pure.

use std::collections::VecDeque;

use super::course::Course;
use super::rule::{Levels, Measure, Rule};
use crate::continuity::TOLERANCE;
use crate::metric::Metric;
use crate::sample::{Sample, Values};
use crate::series::Series;
use crate::time::Moment;

/// How far back the rules look.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Lookback {
    pub lines: usize,
    pub seconds: f64,
}

impl Lookback {
    /// How far rules look where samples are `interval` seconds apart.
    pub fn of(rules: &[Rule], interval: f64) -> Self {
        let mut lookback = Lookback::default();
        let levels = rules.iter().flat_map(|rule| {
            rule.levels.iter().chain(rule.labels.iter().filter_map(|(_, levels)| levels.as_ref()))
        });
        for levels in levels {
            let before = levels.times.map_or(0, |times| times.of.saturating_sub(1));
            lookback.lines = lookback.lines.max(before);
            if let Measure::Change { seconds, .. } = levels.measure {
                // Each of the samples that count has a span of its own before it.
                let span = reach(seconds, interval).max(neighbour(interval));
                lookback.seconds = lookback.seconds.max(span + before as f64 * neighbour(interval));
            }
        }
        lookback
    }

    /// As far as either of two.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let seconds = self.seconds.max(other.seconds);
        Lookback { lines: self.lines.max(other.lines), seconds }
    }

    pub fn is_nothing(&self) -> bool {
        self.lines == 0 && self.seconds <= 0.0
    }

    /// Whether a line that comes `lines` before now, `seconds` ago, is still asked for.
    pub fn reaches(&self, lines: usize, seconds: f64) -> bool {
        lines <= self.lines || seconds <= self.seconds
    }
}

/// How old the line may be that a change is measured from: half an interval of grace, as for every wait.
fn reach(seconds: f64, interval: f64) -> f64 {
    seconds + interval / 2.0
}

/// How old the line before may be.
fn neighbour(interval: f64) -> f64 {
    TOLERANCE * interval
}

/// The lines before, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Window {
    /// How far it reaches.
    pub lookback: Lookback,
    lines: VecDeque<Seen>,
}

#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub at: Point,
    pub values: Values,
}

/// A moment among neighbours. Only neighbours tell a new boot under the same id: its uptime soon is past that of before.
#[derive(Clone, Debug)]
pub(super) struct Point {
    boot: usize,
    pub moment: Moment,
}

impl Point {
    pub(super) fn same_boot(&self, other: &Point) -> bool {
        self.boot == other.boot
    }

    pub(super) fn seconds_since(&self, earlier: &Point) -> f64 {
        if self.same_boot(earlier) {
            (self.moment.uptime - earlier.moment.uptime).max(0.0)
        } else {
            (self.moment.epoch - earlier.moment.epoch).abs() as f64
        }
    }
}

impl Window {
    /// The lines before some moment, which come newest first, as far as they are asked for.
    pub fn before(first: Moment, lines: impl Iterator<Item = Sample>, lookback: Lookback) -> Self {
        let first = Point { boot: usize::MAX, moment: first };
        let (mut later, mut found) = (first.clone(), Vec::new());
        for line in lines {
            let moment = line.moment();
            let is_same = later.moment.same_boot(&moment);
            let at = Point { boot: later.boot - usize::from(!is_same), moment };
            if !lookback.reaches(found.len() + 1, first.seconds_since(&at)) {
                break;
            }
            found.push(line);
            later = at;
        }
        let mut window = Window { lookback, ..Window::default() };
        found.into_iter().rev().for_each(|line| window.push(line));
        window
    }

    /// Takes a line in, and lets go of those that nobody asks for any more.
    pub fn push(&mut self, line: Sample) {
        if self.lookback.is_nothing() {
            return;
        }
        let now = self.point(line.moment());
        self.lines.push_back(Seen { at: now.clone(), values: line.values });
        while self.lines.front().is_some_and(|oldest| {
            !self.lookback.reaches(self.lines.len(), now.seconds_since(&oldest.at))
        }) {
            self.lines.pop_front();
        }
    }

    /// Where a moment after these lines stands.
    fn point(&self, moment: Moment) -> Point {
        let boot = self
            .lines
            .back()
            .map_or(0, |last| last.at.boot + usize::from(!moment.same_boot(&last.at.moment)));
        Point { boot, moment }
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
    metric: Option<&Metric>,
    sample: &Sample,
    window: &Window,
    interval: f64,
) -> Reading {
    let counter = metric.filter(|metric| metric.is_cumulative());
    let measured = |at: usize, now: &Point, values: &Values| {
        let Measure::Change { seconds, relative } = levels.measure else {
            return values.number(series);
        };
        let course = Course { series, now, values, span: reach(seconds, interval) };
        let earlier = window.lines.iter().take(at);
        match counter {
            Some(counter) if !relative => {
                course.growth(earlier, neighbour(interval), counter.from_boot)
            }
            _ => course.change(earlier, relative, counter.is_some()),
        }
    };
    let mut later = &window.point(sample.moment());
    let value = measured(window.lines.len(), later, &sample.values);
    let mut reading = Reading { value, before: Vec::new() };
    if let Some(times) = levels.times {
        for (at, line) in window.lines.iter().enumerate().rev().take(times.of - 1) {
            // A hole or a new boot ends the count: nobody knows what was in between.
            let seconds = later.seconds_since(&line.at);
            if !later.same_boot(&line.at) || seconds > neighbour(interval) {
                break;
            }
            reading.before.push(measured(at, &line.at, &line.values));
            later = &line.at;
        }
    }
    reading
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::rule::Times;
    use crate::metric::Unit;
    use crate::sample::read::{Wanted, line};
    use crate::series::Pattern;

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
        let mut window = Window { lookback, ..Window::default() };
        for (minute, value) in values {
            window.push(sample(*minute, "a", &format!(",\"x\":{value}")));
        }
        window
    }

    const FAR: Lookback = Lookback { lines: 100, seconds: 0.0 };

    static COUNTER: Metric = Metric::counter("x", Unit::Count, &[], "Test.");
    static FROM_BOOT: Metric = Metric::counter("x", Unit::Count, &[], "Test.").from_boot();

    fn read(levels: &Levels, window: &Window, now: &Sample, is_counter: bool) -> Reading {
        let metric = is_counter.then_some(&COUNTER);
        reading(levels, &Series::parse("x"), metric, now, window, 300.0)
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
    fn a_counter_that_was_set_back_has_not_grown_by_that_and_a_gauge_changed() {
        let before = window(&[(0, 90.0), (30, 93.0)], FAR);
        let (fell, rebooted) = (sample(60, "a", ",\"x\":4"), sample(60, "b", ",\"x\":95"));
        assert_eq!(read(&rise(60, false), &before, &fell, true).value, Some(3.0));
        assert_eq!(read(&rise(60, true), &before, &fell, true).value, None);
        assert_eq!(read(&rise(20, false), &before, &rebooted, true).value, None);
        assert_eq!(read(&rise(60, false), &before, &rebooted, false).value, Some(5.0));
    }

    #[test]
    fn what_a_counter_grew_by_is_known_before_the_span_is_full() {
        let before = window(&[(50, 3.0), (55, 4.0)], FAR);
        let now = sample(60, "a", ",\"x\":6");
        assert_eq!(read(&rise(60, false), &before, &now, true).value, Some(3.0));
        assert_eq!(read(&rise(60, false), &window(&[], FAR), &now, true).value, None);
    }

    #[test]
    fn where_samples_are_further_apart_than_the_span_a_counter_grew_since_the_one_before() {
        let grown = |minute: i64| {
            let (before, now) = (window(&[(0, 3.0)], FAR), sample(minute, "a", ",\"x\":6"));
            let x = Series::parse("x");
            reading(&rise(30, false), &x, Some(&COUNTER), &now, &before, 3_600.0).value
        };
        assert_eq!((grown(61), grown(150), grown(151)), (Some(3.0), Some(3.0), None));
    }

    #[test]
    fn what_begins_with_the_boot_has_grown_by_all_it_shows_in_a_young_one() {
        let grown = |before: &Window, boot: &str, uptime: f64| {
            let now = Sample { uptime: Some(uptime), ..sample(60, boot, ",\"x\":9") };
            let x = Series::parse("x");
            reading(&rise(30, false), &x, Some(&FROM_BOOT), &now, before, 300.0).value
        };
        let nothing = window(&[], FAR);
        assert_eq!(
            (grown(&nothing, "b", 1_900.0), grown(&nothing, "b", 2_000.0)),
            (Some(9.0), None)
        );
        let other = window(&[(50, 3.0), (55, 4.0)], FAR);
        assert_eq!(grown(&other, "b", 100.0), Some(10.0), "and what was before");
        assert_eq!(grown(&other, "a", 4_600.0), Some(6.0));
    }

    #[test]
    fn a_new_boot_under_the_same_id_is_told_by_its_neighbours() {
        let at = |minute: i64, uptime: f64, value: i32| Sample {
            uptime: Some(uptime),
            ..sample(minute, "a", &format!(",\"x\":{value}"))
        };
        let mut before = Window { lookback: FAR, ..Window::default() };
        // By its uptime alone the first line would be 19 minutes old.
        for line in [at(0, 100.0, 90), at(55, 3_400.0, 40), at(56, 30.0, 45)] {
            before.push(line);
        }
        let now = at(76, 1_230.0, 50);
        assert_eq!(read(&rise(20, false), &before, &now, false).value, Some(10.0));
        assert_eq!(read(&rise(20, false), &before, &now, true).value, Some(5.0), "since the boot");
    }

    #[test]
    fn the_lines_before_are_taken_as_far_as_they_are_asked_for() {
        let lines = || [15, 10, 5, 0].map(|minute| sample(minute, "a", "")).into_iter();
        let taken = |lookback| {
            let window = Window::before(sample(20, "a", "").moment(), lines(), lookback);
            window.lines.iter().map(|line| line.at.moment.epoch / 60).collect::<Vec<_>>()
        };
        assert_eq!(taken(Lookback { lines: 2, seconds: 0.0 }), [10, 15]);
        assert_eq!(taken(Lookback { lines: 0, seconds: 900.0 }), [5, 10, 15]);
        assert!(taken(Lookback::default()).is_empty());
    }

    #[test]
    fn the_readings_before_end_at_a_hole() {
        let levels = Levels { times: Some(Times { count: 3, of: 5 }), ..Levels::default() };
        let before = window(&[(0, 1.0), (5, 2.0), (50, 3.0), (55, 4.0)], FAR);
        let read = read(&levels, &before, &sample(60, "a", ",\"x\":5"), false);
        assert_eq!((read.value, read.before), (Some(5.0), vec![Some(4.0), Some(3.0)]));
    }

    #[test]
    fn every_line_that_a_reading_asks_for_is_in_reach() {
        let times = Some(Times { count: 2, of: 3 });
        let levels = |minutes, times| Levels { times, ..rise(minutes, false) };
        let rule = |levels| Rule {
            key: "x".into(),
            pattern: Pattern::parse("x"),
            levels: Some(levels),
            labels: Vec::new(),
        };
        let lookback = |minutes, times| Lookback::of(&[rule(levels(minutes, times))], 300.0);
        assert_eq!(lookback(10, None), Lookback { lines: 0, seconds: 750.0 });
        assert_eq!(lookback(10, times), Lookback { lines: 2, seconds: 2_250.0 });
        let slow = Lookback::of(&[rule(rise(10, false))], 1_000.0);
        assert!(slow.reaches(1, 1_000.0), "a change from one line to the next");
    }

    #[test]
    fn only_what_is_asked_for_is_held() {
        let lookback = Lookback { lines: 2, seconds: 0.0 };
        assert_eq!(window(&[(0, 1.0), (5, 2.0), (10, 3.0), (15, 4.0)], lookback).lines.len(), 2);
        assert!(window(&[(0, 1.0)], Lookback::default()).lines.is_empty());
    }
}
