//! Gaps, reboots and clock steps, derived from two neighbouring samples: the same way when a line is written and
//! when a range is read. Pure.

use serde::Serialize;

use crate::event::rfc3339;
use crate::time::Moment;

/// Expected seconds between samples where nobody said and nothing tells.
pub const DEFAULT_INTERVAL: f64 = 300.0;
/// A hole longer than so many intervals is a gap, and data older than that is stale.
pub const TOLERANCE: f64 = 2.5;
/// Wall clock and uptime may differ by so much before the clock was set.
const CLOCK_STEP: f64 = 30.0;

/// A stretch without samples.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Gap {
    pub start: String,
    pub end: String,
    pub seconds: i64,
    pub cause: &'static str,
    #[serde(skip)]
    pub start_epoch: i64,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Break {
    pub gap: Option<Gap>,
    pub reboot: bool,
    /// Seconds by which the clock was set forward (negative: back).
    pub clock_step: Option<i64>,
}

/// What lies between two neighbouring samples, expected `interval` seconds apart.
pub fn between(earlier: &Moment, later: &Moment, interval: f64) -> Break {
    if earlier.boot_id.is_empty() || later.boot_id.is_empty() {
        // Lines of the original module know no boots.
        let seconds = (later.epoch - earlier.epoch) as f64;
        return Break {
            gap: gap(earlier, later, seconds, interval, "unknown"),
            ..Break::default()
        };
    }
    if !later.same_boot(earlier) {
        let seconds = (later.epoch - earlier.epoch) as f64;
        return Break {
            gap: gap(earlier, later, seconds, interval, "unknown"),
            reboot: true,
            clock_step: None,
        };
    }
    let (wall, running) = ((later.epoch - earlier.epoch) as f64, later.uptime - earlier.uptime);
    let step = wall - running;
    #[expect(clippy::cast_possible_truncation, reason = "saturates")]
    let clock_step = (step.abs() > CLOCK_STEP).then_some(step.round() as i64);
    // The uptime goes on while suspended, so the host was up, awake or not.
    Break { gap: gap(earlier, later, running, interval, "not_running"), reboot: false, clock_step }
}

fn gap(
    earlier: &Moment,
    later: &Moment,
    seconds: f64,
    interval: f64,
    cause: &'static str,
) -> Option<Gap> {
    #[expect(clippy::cast_possible_truncation, reason = "saturates")]
    (seconds > TOLERANCE * interval).then(|| Gap {
        start: rfc3339(earlier.epoch),
        end: rfc3339(later.epoch),
        seconds: seconds.round() as i64,
        cause,
        start_epoch: earlier.epoch,
    })
}

/// Whether samples so far apart come by themselves, and were not taken by hand.
pub fn is_pace(spacing: f64) -> bool {
    spacing >= 60.0
}

/// The usual spacing of samples: the median of the given ones. `None` with fewer than three, and where they come
/// closer than a minute: somebody took them by hand. Who wants such a pace says so (`log_interval`).
pub fn usual_spacing(moments: &[Moment]) -> Option<f64> {
    const FEWEST: usize = 3;
    let spacing = |(a, b): (&Moment, &Moment)| {
        if a.epoch <= b.epoch { b.seconds_since(a) } else { a.seconds_since(b) }
    };
    let mut spacings: Vec<f64> = moments.iter().zip(moments.iter().skip(1)).map(spacing).collect();
    spacings.sort_by(f64::total_cmp);
    let median = spacings.get(spacings.len() / 2).copied();
    median.filter(|median| spacings.len() >= FEWEST && is_pace(*median))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(epoch: i64, boot: &str, uptime: f64) -> Moment {
        Moment { epoch, boot_id: boot.into(), uptime }
    }

    #[test]
    fn neighbours_in_time_have_nothing_between_them() {
        assert_eq!(
            between(&moment(0, "a", 10.0), &moment(300, "a", 310.0), 300.0),
            Break::default()
        );
    }

    #[test]
    fn a_longer_hole_is_a_gap() {
        let gap = between(&moment(0, "a", 10.0), &moment(3_600, "a", 3_610.0), 300.0).gap.unwrap();
        assert_eq!((gap.seconds, gap.cause), (3_600, "not_running"));
    }

    #[test]
    fn another_boot_is_a_reboot_and_a_quick_one_no_gap() {
        let quick = between(&moment(0, "a", 9_000.0), &moment(300, "b", 30.0), 300.0);
        assert!(quick.reboot && quick.gap.is_none());
        assert!(between(&moment(0, "a", 9_000.0), &moment(9_000, "b", 30.0), 300.0).gap.is_some());
    }

    #[test]
    fn a_clock_that_was_set_is_told_from_a_gap() {
        let set_back = between(&moment(10_000, "a", 10.0), &moment(6_700, "a", 310.0), 300.0);
        assert_eq!((set_back.clock_step, set_back.gap), (Some(-3_600), None));
    }

    #[test]
    fn the_usual_spacing_is_the_median_and_two_runs_by_hand_are_no_pace() {
        let moments: Vec<Moment> =
            [0, 300, 600, 5_000, 5_300].iter().map(|epoch| moment(*epoch, "", 0.0)).collect();
        assert_eq!((usual_spacing(&moments), usual_spacing(&moments[..3])), (Some(300.0), None));
    }
}
