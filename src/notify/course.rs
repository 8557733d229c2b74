//! Small charts: the last samples, the last day, the whole of an episode. Bars as text, and heights for HTML. Pure.

use super::story::Story;
use crate::alert::Level;
use crate::alert::fact::Fact;
use crate::metric::Unit;
use crate::render::wording::{Clock, least_spread};
use crate::sparkline::sparkline;
use crate::time::span;

/// Bars in the course of the last samples.
pub(super) const RECENT: usize = 12;
/// Bars at most in every other chart.
const MOST: usize = 24;
const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;
/// No more of a long episode is shown.
const MOST_SHOWN: i64 = 31 * DAY;
/// Lengths of a bar that people can tell.
const STEPS: [i64; 15] = [
    60,
    120,
    300,
    600,
    900,
    1_200,
    1_800,
    HOUR,
    2 * HOUR,
    3 * HOUR,
    4 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    2 * DAY,
];

/// One value, and how bad it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bar {
    pub value: Option<f64>,
    pub level: Level,
}

#[derive(Clone, Debug)]
pub(super) struct Chart {
    pub title: &'static str,
    pub bars: Vec<Bar>,
    /// The first and the last value.
    pub ends: Option<(String, String)>,
    pub caption: String,
    /// What the colours of its bars mean.
    pub legend: Vec<(Level, String)>,
    least_spread: f64,
}

impl Chart {
    pub(super) fn sparkline(&self) -> String {
        let values: Vec<Option<f64>> = self.bars.iter().map(|bar| bar.value).collect();
        let line = sparkline(&values, self.least_spread);
        match &self.ends {
            Some((first, last)) => format!("{first} {line} {last}"),
            None => line,
        }
    }

    /// The same in words.
    pub(super) fn words(&self) -> String {
        match &self.ends {
            Some((first, last)) => format!("{first} to {last}, {}", self.caption),
            None => self.caption.clone(),
        }
    }

    /// Each bar's share of the whole height, 0 to 1.
    pub(super) fn heights(&self) -> Vec<Option<f64>> {
        let known = || self.bars.iter().filter_map(|bar| bar.value);
        let low = known().fold(f64::INFINITY, f64::min);
        let high = known().fold(f64::NEG_INFINITY, f64::max);
        let spread = (high - low).max(self.least_spread).max(f64::MIN_POSITIVE);
        self.bars.iter().map(|bar| bar.value.map(|value| (value - low) / spread)).collect()
    }
}

/// From when on the values of a series are shown that is told of at `now`.
pub fn shown_from(fact: &Fact, now: i64, interval: f64) -> i64 {
    match (&fact.end, fact.standing.start()) {
        (Some(end), Some(start)) => {
            let ahead = (((end.epoch - start.epoch) / 12) as f64).max(2.0 * interval);
            #[expect(clippy::cast_possible_truncation, reason = "saturates")]
            let from = start.epoch.saturating_sub(ahead as i64);
            from.max(end.epoch - MOST_SHOWN)
        }
        _ => now - DAY,
    }
}

/// The last samples, a bar each.
pub(super) fn recent(story: &Story<'_>, clock: &Clock<'_>) -> Option<Chart> {
    let points = latest(&story.background.points);
    let ((start, _), (end, _)) = (points.first()?, points.last()?);
    let steps: Vec<i64> =
        points.iter().zip(points.iter().skip(1)).map(|(a, b)| b.0 - a.0).collect();
    let (shortest, longest) = (steps.iter().min()?, steps.iter().max()?);
    let step = if longest > &(shortest * 3 / 2) {
        format!("{} samples", points.len())
    } else {
        one_bar((end - start) as f64 / steps.len() as f64)
    };
    let caption = format!("{step}, {} to {}", clock.time(*start), clock.time(*end));
    let values = points.iter().map(|(_, value)| Some(*value));
    Some(chart(story, "Course", values, ends(story, points), caption))
}

/// The last samples of a course.
pub(super) fn latest(points: &[(i64, f64)]) -> &[(i64, f64)] {
    points.get(points.len().saturating_sub(RECENT)..).unwrap_or_default()
}

/// The last 24 hours by the hour, where they tell more than the last samples.
pub(super) fn day(story: &Story<'_>, clock: &Clock<'_>, interval: f64) -> Option<Chart> {
    let points = &story.background.points;
    let end = points.last()?.0;
    let values = worst_of(points, end, HOUR, MOST, interval, is_below(story));
    let hours = values.iter().flatten().count();
    if points.len() <= RECENT || hours < 3 {
        return None;
    }
    let known = || points.iter().filter(|(at, _)| *at > end - DAY);
    let low = known().map(|(_, value)| *value).fold(f64::INFINITY, f64::min);
    let high = known().map(|(_, value)| *value).fold(f64::NEG_INFINITY, f64::max);
    let unit = story.unit();
    let since = clock.time(known().next()?.0);
    let caption = format!("min {}, max {} since {since}", unit.bare(low), unit.bare(high));
    Some(chart(story, "24 hours", values.into_iter(), None, caption))
}

/// The whole of an episode that is over, from a little before it to its end.
pub(super) fn episode(story: &Story<'_>, clock: &Clock<'_>, interval: f64) -> Option<Chart> {
    let points = &story.background.points;
    let ((end, last), before) = points.split_last()?;
    let start = &before.first()?.0;
    let length = end - start;
    let most = i64::try_from(MOST).unwrap_or(i64::MAX);
    let fits = |step: &&i64| **step as f64 >= interval && length / **step + 1 < most;
    let step = *STEPS.iter().find(fits)?;
    let count = usize::try_from(length / step + 1).unwrap_or(MOST);
    if length <= 0 || count < 2 {
        return None;
    }
    let mut values = worst_of(before, *end, step, count, interval, is_below(story));
    // Its end has a bar of its own, whatever was worse just before.
    values.pop_if(|before| before.is_none());
    values.push(Some(*last));
    let caption =
        format!("{}, {} to {}", one_bar(step as f64), clock.time(*start), clock.time(*end));
    Some(chart(story, "Course", values.into_iter(), ends(story, points), caption))
}

fn one_bar(seconds: f64) -> String {
    format!("one bar = {}", span::human(seconds))
}

fn is_below(story: &Story<'_>) -> bool {
    story.fact.levels.as_ref().is_some_and(|levels| levels.below)
}

fn ends(story: &Story<'_>, points: &[(i64, f64)]) -> Option<(String, String)> {
    let unit: Unit = story.unit();
    Some((unit.bare(points.first()?.1), unit.bare(points.last()?.1)))
}

/// The worst value of each stretch of `step` seconds; the last one ends with `end`. Samples may be early or late by half
/// an `interval`.
fn worst_of(
    points: &[(i64, f64)],
    end: i64,
    step: i64,
    count: usize,
    interval: f64,
    below: bool,
) -> Vec<Option<f64>> {
    #[expect(clippy::cast_possible_truncation, reason = "saturates")]
    let leeway = (interval / 2.0) as i64;
    let mut values: Vec<Option<f64>> = vec![None; count];
    for (at, value) in points {
        let age = usize::try_from((end - at + leeway.min(step / 2)) / step).ok();
        let slot = age.and_then(|age| values.iter_mut().rev().nth(age));
        if let Some(slot) = slot {
            let worse = |known: f64| if below { known.min(*value) } else { known.max(*value) };
            *slot = Some(slot.map_or(*value, worse));
        }
    }
    values
}

fn chart(
    story: &Story<'_>,
    title: &'static str,
    values: impl Iterator<Item = Option<f64>>,
    ends: Option<(String, String)>,
    caption: String,
) -> Chart {
    let levels = story.levels_of_value();
    let level = |value: f64| {
        let is_past = |threshold: Option<&crate::alert::rule::Threshold>| {
            levels.zip(threshold).is_some_and(|(levels, one)| levels.is_past(one, value))
        };
        if is_past(levels.and_then(|levels| levels.critical.as_ref())) {
            Level::Critical
        } else if is_past(levels.and_then(|levels| levels.warning.as_ref())) {
            Level::Warning
        } else {
            Level::Ok
        }
    };
    let bars: Vec<Bar> =
        values.map(|value| Bar { value, level: value.map_or(Level::Ok, level) }).collect();
    let legend = [Level::Warning, Level::Critical]
        .into_iter()
        .filter(|level| bars.iter().any(|bar| bar.level == *level))
        .filter_map(|level| {
            let limit = story.limit(story.threshold(level)?.level);
            Some((level, format!("{}, past {limit}", level.name())))
        })
        .collect();
    let typical = bars.iter().rev().find_map(|bar| bar.value).unwrap_or(0.0);
    let least_spread = least_spread(story.unit(), typical);
    Chart { title, bars, ends, caption, legend, least_spread }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stretch_has_its_worst_value_and_the_last_one_ends_now() {
        let points = [(0, 9.0), (400, 1.0), (700, 5.0), (1_000, 2.0)];
        assert_eq!(worst_of(&points, 1_000, 300, 4, 0.0, false), [9.0, 1.0, 5.0, 2.0].map(Some));
        assert_eq!(worst_of(&points, 1_000, 600, 2, 0.0, false), [9.0, 5.0].map(Some));
        assert_eq!(worst_of(&points, 1_000, 600, 2, 0.0, true), [1.0, 2.0].map(Some));
        assert_eq!(
            worst_of(&points, 1_000, 100, 4, 0.0, false),
            [Some(5.0), None, None, Some(2.0)]
        );
    }

    #[test]
    fn samples_that_come_a_little_early_or_late_keep_their_bar() {
        let points = [(1, 1.0), (299, 2.0), (602, 3.0), (899, 4.0), (1_200, 5.0)];
        let values = worst_of(&points, 1_200, 300, 5, 300.0, false);
        assert_eq!(values, [1.0, 2.0, 3.0, 4.0, 5.0].map(Some));
    }
}
