//! `step`: is it firing? One reading moves one standing. Pure: `now` is an argument, in uptime within a boot.

use super::Level;
use super::rule::{Levels, Threshold};
use super::state::Standing;
use super::window::Reading;
use crate::time::Moment;

/// The circumstances of a reading.
#[derive(Clone, Debug)]
pub struct At {
    pub now: Moment,
    /// Expected seconds between samples.
    pub interval: f64,
    /// What precedes this sample instead of samples.
    pub hole: Option<Hole>,
    /// The host has just started: nothing is raised yet.
    pub grace: bool,
}

/// A stretch without samples.
#[derive(Clone, Debug, PartialEq)]
pub struct Hole {
    /// The last sample before it.
    pub since: Moment,
    pub seconds: f64,
    /// In words.
    pub cause: String,
}

/// The standing after a reading; without data it neither raises nor clears.
pub fn step(levels: &Levels, mut standing: Standing, reading: &Reading, at: &At) -> Standing {
    let Some(value) = reading.value else {
        standing.missing.get_or_insert_with(|| at.now.clone());
        return standing;
    };
    standing.missing = None;
    // Levels that changed are judged afresh.
    if standing.levels.is_empty() {
        standing.levels = levels.fingerprint();
    }
    let judge = Judge { levels, value, before: &reading.before, at };
    let critical = judge.advance(
        levels.critical.as_ref(),
        standing.level == Level::Critical,
        &mut standing.over_critical,
        &mut standing.inside_critical,
    );
    let warning = judge.advance(
        levels.warning.as_ref(),
        standing.level >= Level::Warning,
        &mut standing.over_warning,
        &mut standing.inside_warning,
    );
    let level = if critical {
        Level::Critical
    } else if warning {
        Level::Warning
    } else {
        Level::Ok
    };
    if level != Level::Ok {
        standing.since.get_or_insert_with(|| at.now.clone());
        standing.peak = standing.peak.max(level);
        if standing.worst.is_none_or(|worst| levels.is_worse(value, worst)) {
            standing.worst = Some(value);
            standing.worst_at = Some(at.now.clone());
        }
    }
    standing.level = level;
    standing
}

struct Judge<'a> {
    levels: &'a Levels,
    value: f64,
    before: &'a [Option<f64>],
    at: &'a At,
}

impl Judge<'_> {
    /// Whether the threshold holds now. Before it does, `over` is since when the value has been past it; before it
    /// ends, `inside` is since when it has been back.
    fn advance(
        &self,
        threshold: Option<&Threshold>,
        firing: bool,
        over: &mut Option<Moment>,
        inside: &mut Option<Moment>,
    ) -> bool {
        let Some(threshold) = threshold else {
            (*over, *inside) = (None, None);
            return false;
        };
        if firing {
            *over = None;
            if !self.levels.is_clear(threshold, self.value) || self.is_often(threshold) {
                *inside = None;
                return true;
            }
            return !self.lasts(inside, threshold.clear_hold);
        }
        *inside = None;
        if !self.levels.is_past(threshold, self.value) || !self.is_often(threshold) {
            *over = None;
            return false;
        }
        let lasts = self.lasts(over, threshold.hold);
        if lasts && self.at.grace {
            over.get_or_insert_with(|| self.at.now.clone());
        }
        lasts && !self.at.grace
    }

    /// Whether it has been so for long enough; `since` remembers from when on.
    fn lasts(&self, since: &mut Option<Moment>, hold: f64) -> bool {
        // A hole or a new boot restarts the wait: nobody knows what was in between.
        let begun = since
            .take()
            .filter(|since| self.at.now.same_boot(since) && self.at.hole.is_none())
            .unwrap_or_else(|| self.at.now.clone());
        let lasted = self.at.now.uptime - begun.uptime;
        // Half an interval of grace, so that a timer's jitter does not cost a whole one.
        let enough = hold <= 0.0 || lasted + self.at.interval / 2.0 >= hold;
        if !enough {
            *since = Some(begun);
        }
        enough
    }

    fn is_often(&self, threshold: &Threshold) -> bool {
        let Some(times) = self.levels.times else {
            // Asked at a value that is past, or to end one that is not.
            return self.levels.is_past(threshold, self.value);
        };
        self.levels.count_past(threshold, self.value, self.before) >= times.count
    }
}

#[cfg(test)]
mod tests {
    use super::super::rule::tests::levels;
    use super::*;

    fn at(minute: u32, boot: &str, after_gap: bool) -> At {
        let seconds = f64::from(minute) * 60.0;
        At {
            now: Moment {
                epoch: i64::from(minute) * 60,
                boot_id: boot.into(),
                uptime: seconds + 1_000.0,
            },
            interval: 300.0,
            hole: after_gap.then(|| Hole {
                since: Moment { epoch: 0, boot_id: "a".into(), uptime: 0.0 },
                seconds: 9_000.0,
                cause: String::new(),
            }),
            grace: false,
        }
    }

    fn reading(value: Option<f64>) -> Reading {
        Reading { value, before: Vec::new() }
    }

    /// The levels after readings five minutes apart.
    fn play(levels: &Levels, readings: &[Option<f64>]) -> Vec<Level> {
        let mut standing = Standing::default();
        let mut seen = Vec::new();
        for (minute, reading) in (0..).step_by(5).zip(readings) {
            standing = step(levels, standing, &tests::reading(*reading), &at(minute, "a", false));
            seen.push(standing.level);
        }
        seen
    }

    fn some(readings: &[f64]) -> Vec<Option<f64>> {
        readings.iter().map(|reading| Some(*reading)).collect()
    }

    fn holding(seconds: f64) -> Levels {
        let mut levels = levels(80.0, 90.0);
        for threshold in [&mut levels.warning, &mut levels.critical].into_iter().flatten() {
            threshold.hold = seconds;
        }
        levels
    }

    use Level::{Critical, Ok, Warning};

    #[test]
    fn it_is_raised_at_the_level_and_ends_at_the_clear_level() {
        assert_eq!(
            play(&levels(80.0, 90.0), &some(&[79.9, 80.0, 76.0, 75.0])),
            [Ok, Warning, Warning, Ok]
        );
    }

    #[test]
    fn critical_eases_to_warning_as_far_inside_its_own_level() {
        assert_eq!(
            play(&levels(80.0, 90.0), &some(&[95.0, 86.0, 85.0, 80.0, 75.0])),
            [Critical, Critical, Warning, Warning, Ok]
        );
    }

    #[test]
    fn a_short_spike_is_silent() {
        assert_eq!(play(&holding(600.0), &some(&[85.0, 85.0, 50.0, 85.0])), [Ok, Ok, Ok, Ok]);
    }

    #[test]
    fn what_lasts_is_raised() {
        assert_eq!(play(&holding(600.0), &some(&[85.0, 85.0, 85.0])), [Ok, Ok, Warning]);
    }

    #[test]
    fn moving_between_warning_and_critical_does_not_restart_the_wait() {
        assert_eq!(play(&holding(600.0), &some(&[85.0, 95.0, 85.0])), [Ok, Ok, Warning]);
    }

    #[test]
    fn no_data_neither_raises_nor_clears() {
        assert_eq!(
            play(&levels(80.0, 90.0), &[None, Some(85.0), None, None]),
            [Ok, Warning, Warning, Warning]
        );
    }

    #[test]
    fn a_hole_or_a_new_boot_restarts_the_wait_and_clears_nothing_that_fires() {
        for (boot, gap) in [("b", false), ("a", true)] {
            let waiting = step(
                &holding(600.0),
                Standing::default(),
                &reading(Some(85.0)),
                &at(0, "a", false),
            );
            let resumed = step(&holding(600.0), waiting, &reading(Some(85.0)), &at(600, boot, gap));
            assert_eq!((resumed.level, resumed.over_warning), (Ok, Some(at(600, boot, gap).now)));
            let firing = step(
                &levels(80.0, 90.0),
                Standing::default(),
                &reading(Some(85.0)),
                &at(0, "a", false),
            );
            assert_eq!(
                step(&levels(80.0, 90.0), firing, &reading(Some(77.0)), &at(600, boot, gap)).level,
                Warning
            );
        }
    }

    #[test]
    fn low_may_be_bad() {
        let critical = Some(Threshold { level: 100.0, clear: 105.0, ..Threshold::default() });
        let low = Levels { below: true, critical, ..Levels::default() };
        assert_eq!(play(&low, &some(&[200.0, 100.0, 104.0, 105.0])), [Ok, Critical, Critical, Ok]);
    }

    #[test]
    fn the_worst_value_and_level_of_the_episode_are_kept() {
        let mut standing = Standing::default();
        for (minute, value) in [(0, 85.0), (5, 95.0), (10, 82.0)] {
            standing =
                step(&levels(80.0, 90.0), standing, &reading(Some(value)), &at(minute, "a", false));
        }
        assert_eq!(
            (standing.worst, standing.peak, standing.level),
            (Some(95.0), Critical, Warning)
        );
        assert_eq!(
            (standing.since.map(|since| since.epoch), standing.worst_at.map(|at| at.epoch)),
            (Some(0), Some(300))
        );
    }
}
