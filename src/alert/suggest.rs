//! Levels from what a series has been: past its usual course, and as a person would write them. Pure.

use super::rule::Levels;
use crate::metric::Unit;

/// What a series has been.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Course {
    pub min: f64,
    pub p1: f64,
    pub p99: f64,
    pub max: f64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Suggested {
    pub warning: f64,
    pub critical: Option<f64>,
}

/// A percentage past this leaves no room for a level.
const MOST_PERCENT: f64 = 95.0;
const LEAST_PERCENT: f64 = 5.0;

/// Levels for a series; `None` where no level is past its usual course. A critical level is past anything there was.
pub fn suggest(unit: Unit, today: Option<&Levels>, course: &Course) -> Option<Suggested> {
    let below = today.is_some_and(|levels| levels.below);
    let (usual, extreme) = if below { (course.p1, course.min) } else { (course.p99, course.max) };
    let next = |value: f64| if below { next_below(unit, value) } else { next_above(unit, value) };
    let is_past = |value: f64, other: f64| if below { value < other } else { value > other };
    let warning = next(usual)?;
    let farther = if is_past(extreme, warning) { extreme } else { warning };
    let known = today.and_then(|levels| levels.critical).map(|critical| critical.level);
    // One that nothing came near is as good as any.
    let stands = known.filter(|critical| is_past(*critical, farther));
    let in_order = known.filter(|critical| is_past(*critical, warning));
    Some(Suggested { warning, critical: stands.or_else(|| next(farther)).or(in_order) })
}

impl Suggested {
    /// Whether these levels are those that stand.
    pub fn is_as_it_is(&self, levels: &Levels) -> bool {
        let level = |threshold: Option<super::rule::Threshold>| threshold.map(|one| one.level);
        level(levels.warning) == Some(self.warning) && level(levels.critical) == self.critical
    }
}

/// The next number above that a person would write.
fn next_above(unit: Unit, value: f64) -> Option<f64> {
    let next = match step(unit) {
        Some(parts) => (hundredths(value) * parts).floor() / parts + 1.0 / parts,
        None => ladder(unit).find(|rung| *rung > value)?,
    };
    let next = hundredths(next);
    (unit != Unit::Percent || next <= MOST_PERCENT).then_some(next)
}

fn next_below(unit: Unit, value: f64) -> Option<f64> {
    let next = match step(unit) {
        Some(parts) => (hundredths(value) * parts).ceil() / parts - 1.0 / parts,
        None => ladder(unit).take_while(|rung| *rung < value).last()?,
    };
    let next = hundredths(next);
    let least = match unit {
        Unit::Percent => LEAST_PERCENT,
        Unit::Celsius => f64::NEG_INFINITY,
        _ => 0.1,
    };
    (next >= least).then_some(next)
}

/// Without the noise of binary fractions.
fn hundredths(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// How many steps make one, where all steps are alike.
fn step(unit: Unit) -> Option<f64> {
    match unit {
        Unit::Percent | Unit::Celsius => Some(0.2),
        Unit::Load => Some(10.0),
        _ => None,
    }
}

/// The numbers that people write, from the smallest.
fn ladder(unit: Unit) -> Box<dyn Iterator<Item = f64>> {
    const TENS: [f64; 12] =
        [1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 30.0, 50.0, 100.0, 200.0, 300.0, 500.0];
    const CLOCK: [f64; 7] = [1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0];
    const HOURS: [f64; 5] = [1.0, 2.0, 3.0, 6.0, 12.0];
    const DAYS: [f64; 11] = [1.0, 2.0, 3.0, 5.0, 7.0, 14.0, 30.0, 60.0, 90.0, 180.0, 365.0];
    let powers = |base: f64, from: i32, to: i32| {
        (from..to).flat_map(move |power| TENS.map(|ten| ten * base.powi(power)))
    };
    match unit {
        Unit::Bytes | Unit::BytesPerSecond => Box::new(powers(1_024.0, 1, 6)),
        Unit::Seconds => {
            let minutes = CLOCK.map(|minutes| minutes * 60.0);
            let (hours, days) =
                (HOURS.map(|hours| hours * 3_600.0), DAYS.map(|days| days * 86_400.0));
            Box::new(CLOCK.into_iter().chain(minutes).chain(hours).chain(days))
        }
        _ => Box::new(powers(1_000.0, 0, 5)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::rule::tests::{levels, threshold};
    use super::*;

    fn course(low: f64, high: f64) -> Course {
        Course { min: low, p1: low, p99: high, max: high }
    }

    fn warning(unit: Unit, p99: f64) -> Option<f64> {
        suggest(unit, None, &course(0.0, p99)).map(|suggested| suggested.warning)
    }

    #[test]
    fn a_warning_is_past_the_usual_course_and_as_people_write_it() {
        for (unit, p99, level) in [
            (Unit::Percent, 61.0, 65.0),
            (Unit::Percent, 65.0, 70.0),
            (Unit::Celsius, 58.9, 60.0),
            (Unit::Celsius, -12.0, -10.0),
            (Unit::Load, 0.4, 0.5),
            (Unit::Load, 3.98, 4.0),
            (Unit::BytesPerSecond, 4.2e6, 5.0 * 1_048_576.0),
            (Unit::Bytes, 0.0, 1_024.0),
            (Unit::Bytes, 600.0 * 1_048_576.0, 1_073_741_824.0),
            (Unit::Seconds, 100.0, 120.0),
            (Unit::Count, 184.0, 200.0),
        ] {
            assert_eq!(warning(unit, p99), Some(level), "{unit:?} {p99}");
        }
    }

    #[test]
    fn what_is_nearly_full_has_no_room_for_a_level() {
        assert_eq!(
            (warning(Unit::Percent, 94.9), warning(Unit::Percent, 95.0)),
            (Some(95.0), None)
        );
    }

    #[test]
    fn where_low_is_bad_it_is_below_the_usual_course() {
        let low = Levels { below: true, warning: Some(threshold(1.0, 2.0)), ..Levels::default() };
        let of = |unit, p1| suggest(unit, Some(&low), &course(p1, 1e9)).map(|found| found.warning);
        assert_eq!(of(Unit::Bytes, 3e8), Some(200.0 * 1_048_576.0));
        assert_eq!((of(Unit::Percent, 20.0), of(Unit::Percent, 5.0)), (Some(15.0), None));
        assert_eq!((of(Unit::Load, 0.3), of(Unit::Load, 0.05)), (Some(0.2), None));
    }

    #[test]
    fn a_critical_level_is_past_anything_there_was_or_stays() {
        let critical = |today: Option<&Levels>, p99, max| {
            let course = Course { max, ..course(0.0, p99) };
            suggest(Unit::Percent, today, &course).and_then(|found| found.critical)
        };
        let today = levels(50.0, 90.0);
        assert_eq!(
            (critical(None, 61.0, 74.0), critical(None, 61.0, 62.0)),
            (Some(75.0), Some(70.0))
        );
        assert_eq!(critical(None, 61.0, 96.0), None, "no room");
        assert_eq!(critical(Some(&today), 61.0, 74.0), Some(90.0), "nothing came near it");
        assert_eq!(critical(Some(&today), 61.0, 92.0), Some(95.0));
        assert_eq!(critical(Some(&today), 61.0, 97.0), Some(90.0), "no room for a better one");
    }

    #[test]
    fn what_stands_may_be_as_good() {
        let course = Course { min: 0.0, p1: 0.0, p99: 61.0, max: 74.0 };
        let as_it_is = |levels: Levels| {
            suggest(Unit::Percent, Some(&levels), &course).unwrap().is_as_it_is(&levels)
        };
        assert!(as_it_is(levels(65.0, 75.0)) && !as_it_is(levels(70.0, 90.0)));
    }
}
