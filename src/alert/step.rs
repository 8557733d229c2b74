//! `step`: is it firing? One reading moves one standing. Pure: `now` is an argument, in uptime within a boot.

use super::Level;
use super::rule::{Levels, Threshold};
use super::state::Standing;
use crate::time::Moment;

/// The circumstances of a reading.
#[derive(Clone, Debug)]
pub struct At {
    pub now: Moment,
    /// Expected seconds between samples.
    pub interval: f64,
    /// A hole precedes this sample.
    pub after_gap: bool,
}

/// The standing after a reading; `None` is no data, which neither raises nor clears.
pub fn step(levels: &Levels, mut standing: Standing, reading: Option<f64>, at: &At) -> Standing {
    let Some(value) = reading else {
        standing.missing.get_or_insert_with(|| at.now.clone());
        return standing;
    };
    standing.missing = None;
    standing.levels = levels.fingerprint();
    let (is_warning, is_critical) =
        (standing.level >= Level::Warning, standing.level == Level::Critical);
    let critical = advance(
        levels,
        levels.critical.as_ref(),
        is_critical,
        &mut standing.over_critical,
        value,
        at,
    );
    let warning =
        advance(levels, levels.warning.as_ref(), is_warning, &mut standing.over_warning, value, at);
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

/// Whether the threshold holds now. Before it does, `over` is since when the value has been past it.
fn advance(
    levels: &Levels,
    threshold: Option<&Threshold>,
    firing: bool,
    over: &mut Option<Moment>,
    value: f64,
    at: &At,
) -> bool {
    let Some(threshold) = threshold else { return false };
    if firing {
        *over = None;
        return !levels.is_clear(threshold, value);
    }
    if !levels.is_past(threshold, value) {
        *over = None;
        return false;
    }
    // A hole or a new boot restarts the wait: nobody knows what was in between.
    let since = over
        .take()
        .filter(|since| at.now.same_boot(since) && !at.after_gap)
        .unwrap_or_else(|| at.now.clone());
    let held = at.now.uptime - since.uptime;
    // Half an interval of grace, so that a timer's jitter does not cost a whole one.
    if threshold.hold <= 0.0 || held + at.interval / 2.0 >= threshold.hold {
        return true;
    }
    *over = Some(since);
    false
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
            after_gap,
        }
    }

    /// The levels after readings five minutes apart.
    fn play(levels: &Levels, readings: &[Option<f64>]) -> Vec<Level> {
        let mut standing = Standing::default();
        let mut seen = Vec::new();
        for (minute, reading) in (0..).step_by(5).zip(readings) {
            standing = step(levels, standing, *reading, &at(minute, "a", false));
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
            let waiting =
                step(&holding(600.0), Standing::default(), Some(85.0), &at(0, "a", false));
            let resumed = step(&holding(600.0), waiting, Some(85.0), &at(600, boot, gap));
            assert_eq!((resumed.level, resumed.over_warning), (Ok, Some(at(600, boot, gap).now)));
            let firing =
                step(&levels(80.0, 90.0), Standing::default(), Some(85.0), &at(0, "a", false));
            assert_eq!(
                step(&levels(80.0, 90.0), firing, Some(77.0), &at(600, boot, gap)).level,
                Warning
            );
        }
    }

    #[test]
    fn low_may_be_bad() {
        let low = Levels {
            below: true,
            warning: None,
            critical: Some(Threshold { level: 100.0, clear: 105.0, hold: 0.0, repeat: 0.0 }),
        };
        assert_eq!(play(&low, &some(&[200.0, 100.0, 104.0, 105.0])), [Ok, Critical, Critical, Ok]);
    }

    #[test]
    fn the_worst_value_and_level_of_the_episode_are_kept() {
        let mut standing = Standing::default();
        for (minute, value) in [(0, 85.0), (5, 95.0), (10, 82.0)] {
            standing = step(&levels(80.0, 90.0), standing, Some(value), &at(minute, "a", false));
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
