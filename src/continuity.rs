//! Gaps, reboots and clock steps, derived from two neighbouring samples: the same way when a line is written and when a
//! range is read. Pure.

use crate::event::rfc3339;
use crate::gap::{Cause, Gap};
use crate::sample::Sample;
use crate::time::Moment;

/// Expected seconds between samples where nobody said and nothing tells.
pub const DEFAULT_INTERVAL: f64 = 300.0;
/// A hole longer than so many intervals is a gap, and data older than that is stale.
pub const TOLERANCE: f64 = 2.5;
/// The metric that tells how long the host slept: two samples tell whether they have a sleep between them.
pub const SUSPENDED: &str = "suspended";
/// Wall clock and uptime may differ by so much before the clock was set.
const CLOCK_STEP: f64 = 30.0;
/// Two spacings that differ by less agree.
const STEADY: f64 = 0.02;
/// How many lines tell the usual spacing.
pub const SPACING_LINES: usize = 11;
/// The share of a gap that names it.
const MOST_OF_IT: f64 = 0.5;

/// What of a sample tells what lies beside it.
#[derive(Clone, Debug, PartialEq)]
pub struct Neighbour {
    pub moment: Moment,
    /// Seconds asleep since boot; older lines do not say.
    pub suspended: Option<f64>,
}

impl From<&Sample> for Neighbour {
    fn from(sample: &Sample) -> Self {
        let suspended = sample.values.get(SUSPENDED, None);
        Neighbour { moment: sample.moment(), suspended }
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Break {
    pub gap: Option<Gap>,
    pub reboot: bool,
    /// Seconds by which the clock was set forward (negative: back).
    pub clock_step: Option<i64>,
}

/// What lies between two neighbouring samples, expected `interval` seconds apart.
pub fn between(earlier: &Neighbour, later: &Neighbour, interval: f64) -> Break {
    let (before, after) = (&earlier.moment, &later.moment);
    let wall = (after.epoch - before.epoch) as f64;
    let gap = |seconds: f64, cause: Cause| gap(before, after, seconds, interval, cause);
    if before.boot_id.is_empty() || after.boot_id.is_empty() {
        // Lines of the original module know no boots.
        return Break { gap: gap(wall, Cause::Unknown), ..Break::default() };
    }
    if !after.same_boot(before) {
        // How the boot before ended they cannot tell, but whether this one went on for long without a sample.
        let is_awake = after.uptime > TOLERANCE * interval && after.uptime >= MOST_OF_IT * wall;
        let cause = if is_awake { Cause::NotRunning } else { Cause::Unknown };
        return Break { gap: gap(wall, cause), reboot: true, clock_step: None };
    }
    // The uptime goes on while suspended, so the host was up, awake or not.
    let running = after.uptime - before.uptime;
    let step = wall - running;
    #[expect(clippy::cast_possible_truncation, reason = "saturates")]
    let clock_step = (step.abs() > CLOCK_STEP).then_some(step.round() as i64);
    let asleep = earlier.suspended.zip(later.suspended).map_or(0.0, |(before, now)| now - before);
    let cause = if asleep >= MOST_OF_IT * running { Cause::Suspended } else { Cause::NotRunning };
    let jump = || clock_step.filter(|step| *step > 0).and_then(|_| gap(wall, Cause::ClockStep));
    Break { gap: gap(running, cause).or_else(jump), reboot: false, clock_step }
}

fn gap(before: &Moment, after: &Moment, seconds: f64, interval: f64, cause: Cause) -> Option<Gap> {
    #[expect(clippy::cast_possible_truncation, reason = "saturates")]
    (seconds > TOLERANCE * interval).then(|| Gap {
        start: rfc3339(before.epoch),
        end: rfc3339(after.epoch),
        seconds: seconds.round() as i64,
        cause,
        before: before.clone(),
        after: after.clone(),
    })
}

/// Whether time went by without samples, whatever the clock says.
pub fn is_hole(earlier: &Moment, later: &Moment, interval: f64) -> bool {
    let alone = |moment: &Moment| Neighbour { moment: moment.clone(), suspended: None };
    between(&alone(earlier), &alone(later), interval).gap.is_some_and(|gap| gap.is_hole())
}

/// Finds gaps and reboots in samples that come in their order.
#[derive(Debug, Default)]
pub struct Watch {
    interval: f64,
    last: Option<Neighbour>,
    /// When the first sample came.
    pub first: Option<i64>,
    pub gaps: Vec<Gap>,
    /// When the first sample of another boot came.
    pub reboots: Vec<i64>,
}

impl Watch {
    pub fn new(interval: f64) -> Self {
        Watch { interval, ..Watch::default() }
    }

    pub fn see(&mut self, sample: &Sample) {
        let now = Neighbour::from(sample);
        self.first.get_or_insert(now.moment.epoch);
        if let Some(last) = &self.last {
            let found = between(last, &now, self.interval);
            self.gaps.extend(found.gap);
            self.reboots.extend(found.reboot.then_some(now.moment.epoch));
        }
        self.last = Some(now);
    }
}

/// Expected seconds between samples as a sample is taken: as configured; else as steadily as they came last; else as
/// they usually came. `newest` is the line before, with the seconds that its rates cover; `before` are the last lines
/// of the day and the day before, oldest first.
pub fn interval_at(
    now: &Moment,
    configured: Option<f64>,
    newest: Option<(&Moment, Option<f64>)>,
    before: impl FnOnce() -> Vec<Moment>,
) -> f64 {
    let steady = || newest.and_then(|(newest, covered)| steady_spacing(now, newest, covered));
    configured.or_else(steady).or_else(|| usual_spacing(&before())).unwrap_or(DEFAULT_INTERVAL)
}

/// The spacing of the last two intervals, if they agree: nothing older need then be read.
pub fn steady_spacing(now: &Moment, newest: &Moment, covered: Option<f64>) -> Option<f64> {
    let (before, last) = (covered?, now.seconds_since(newest));
    let agree = now.same_boot(newest) && (last - before).abs() <= before * STEADY;
    (agree && is_pace(before)).then_some(before)
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

    fn at(epoch: i64, boot: &str, uptime: f64) -> Neighbour {
        Neighbour { moment: moment(epoch, boot, uptime), suspended: Some(0.0) }
    }

    fn asleep(seconds: f64, neighbour: Neighbour) -> Neighbour {
        Neighbour { suspended: Some(seconds), ..neighbour }
    }

    fn cause(earlier: &Neighbour, later: &Neighbour) -> Option<Cause> {
        between(earlier, later, 300.0).gap.map(|gap| gap.cause)
    }

    #[test]
    fn neighbours_in_time_have_nothing_between_them() {
        assert_eq!(between(&at(0, "a", 10.0), &at(300, "a", 310.0), 300.0), Break::default());
    }

    #[test]
    fn a_longer_hole_is_a_gap() {
        let gap = between(&at(0, "a", 10.0), &at(3_600, "a", 3_610.0), 300.0).gap.unwrap();
        assert_eq!((gap.seconds, gap.cause), (3_600, Cause::NotRunning));
        assert_eq!(cause(&at(0, "a", 10.0), &at(750, "a", 760.0)), None, "two and a half");
    }

    #[test]
    fn another_boot_is_a_reboot_and_a_quick_one_no_gap() {
        let quick = between(&at(0, "a", 9_000.0), &at(300, "b", 30.0), 300.0);
        assert!(quick.reboot && quick.gap.is_none());
        let slow = between(&at(0, "a", 9_000.0), &at(9_000, "b", 30.0), 300.0);
        assert_eq!((slow.reboot, slow.gap.unwrap().cause), (true, Cause::Unknown));
    }

    #[test]
    fn a_boot_that_was_up_for_most_of_the_gap_was_not_watched() {
        let up_for = |uptime: f64| cause(&at(0, "a", 9_000.0), &at(9_000, "b", uptime));
        assert_eq!(up_for(4_600.0), Some(Cause::NotRunning));
        assert_eq!(up_for(4_400.0), Some(Cause::Unknown));
        let first = cause(&at(0, "a", 9_000.0), &at(1_200, "b", 700.0));
        assert_eq!(first, Some(Cause::Unknown), "up for no longer than the timer may take");
    }

    #[test]
    fn a_container_that_is_started_again_under_the_same_boot_id_is_a_reboot() {
        assert!(between(&at(0, "a", 9_000.0), &at(300, "a", 30.0), 300.0).reboot);
    }

    #[test]
    fn a_gap_that_was_slept_through_is_suspended() {
        let night = |slept: f64| {
            cause(&asleep(100.0, at(0, "a", 10.0)), &asleep(slept, at(3_600, "a", 3_610.0)))
        };
        assert_eq!(night(3_400.0), Some(Cause::Suspended));
        assert_eq!(night(1_900.0), Some(Cause::Suspended), "half of it");
        assert_eq!(night(1_800.0), Some(Cause::NotRunning));
        assert_eq!(night(100.0), Some(Cause::NotRunning));
    }

    #[test]
    fn a_short_sleep_is_no_gap() {
        assert_eq!(cause(&at(0, "a", 10.0), &asleep(400.0, at(500, "a", 510.0))), None);
    }

    #[test]
    fn lines_that_do_not_say_how_long_they_slept_were_awake() {
        let mute = |neighbour: Neighbour| Neighbour { suspended: None, ..neighbour };
        let later = asleep(3_600.0, at(3_600, "a", 3_610.0));
        assert_eq!(cause(&mute(at(0, "a", 10.0)), &later), Some(Cause::NotRunning));
        assert_eq!(cause(&at(0, "a", 10.0), &mute(later)), Some(Cause::NotRunning));
    }

    #[test]
    fn sleep_of_another_boot_says_nothing() {
        let later = asleep(0.0, at(9_000, "b", 30.0));
        assert_eq!(cause(&asleep(8_000.0, at(0, "a", 9_000.0)), &later), Some(Cause::Unknown));
    }

    #[test]
    fn a_clock_that_was_set_back_is_told_from_a_gap() {
        let set_back = between(&at(10_000, "a", 10.0), &at(6_700, "a", 310.0), 300.0);
        assert_eq!((set_back.clock_step, set_back.gap), (Some(-3_600), None));
    }

    #[test]
    fn a_clock_that_was_set_forward_leaves_a_gap_that_is_no_hole() {
        let forward = between(&at(0, "a", 10.0), &at(3_900, "a", 310.0), 300.0);
        let gap = forward.gap.unwrap();
        assert_eq!((forward.clock_step, gap.seconds), (Some(3_600), 3_900));
        assert_eq!((gap.cause, gap.is_hole()), (Cause::ClockStep, false));
        let small = between(&at(0, "a", 10.0), &at(400, "a", 310.0), 300.0);
        assert_eq!((small.clock_step, small.gap), (Some(100), None));
    }

    #[test]
    fn time_that_went_by_outweighs_a_clock_that_was_set() {
        let both = between(&at(0, "a", 10.0), &at(9_000, "a", 3_610.0), 300.0);
        let gap = both.gap.unwrap();
        assert_eq!((gap.cause, gap.seconds), (Cause::NotRunning, 3_600));
        assert_eq!(both.clock_step, Some(5_400));
    }

    #[test]
    fn lines_of_the_original_module_have_gaps_of_unknown_cause_and_no_boots() {
        let found = between(&at(0, "", 0.0), &at(3_600, "a", 3_610.0), 300.0);
        assert_eq!((found.reboot, found.gap.unwrap().cause), (false, Cause::Unknown));
    }

    #[test]
    fn whether_there_is_a_hole_is_told_by_two_moments() {
        let hole = |later: Moment| is_hole(&moment(0, "a", 10.0), &later, 300.0);
        assert!(hole(moment(3_600, "a", 3_610.0)) && hole(moment(3_600, "b", 60.0)));
        assert!(!hole(moment(300, "a", 310.0)) && !hole(moment(9_000, "a", 310.0)));
    }

    #[test]
    fn the_interval_is_as_configured_else_steady_else_usual_else_a_guess() {
        let (now, newest) = (moment(900, "a", 900.0), moment(600, "a", 600.0));
        let usual = || [0, 120, 240, 360].map(|epoch| moment(epoch, "a", epoch as f64)).to_vec();
        let at =
            |configured, covered| interval_at(&now, configured, Some((&newest, covered)), usual);
        let seen = [at(Some(60.0), Some(300.0)), at(None, Some(301.0)), at(None, Some(310.0))];
        assert_eq!(seen.map(|seconds| format!("{seconds:.0}")), ["60", "301", "120"]);
        assert_eq!(format!("{:.0}", interval_at(&now, None, None, Vec::new)), "300");
    }

    #[test]
    fn the_usual_spacing_is_the_median_and_two_runs_by_hand_are_no_pace() {
        let moments: Vec<Moment> =
            [0, 300, 600, 5_000, 5_300].iter().map(|epoch| moment(*epoch, "", 0.0)).collect();
        assert_eq!((usual_spacing(&moments), usual_spacing(&moments[..3])), (Some(300.0), None));
    }
}
