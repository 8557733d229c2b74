//! When a series that goes on as it does reaches the next level. Said only where its course is plain. Pure.

use super::story::Story;
use crate::alert::Level;
use crate::alert::due::Reason;
use crate::metric::{Kind, Metric, Unit};
use crate::render::wording::Clock;

/// Points that tell a pace at least.
const FEWEST: usize = 4;
/// How much of the variance a straight line must explain: over the whole course, and over a part of it, which is more
/// often straight by chance.
const STRAIGHT: f64 = 0.7;
const PART_STRAIGHT: f64 = 0.8;
/// Seconds; what is farther off is not known.
const FARTHEST: f64 = 86_400.0;
/// Moments are told to so many seconds.
const ROUND: i64 = 300;

/// `If it goes on, critical (95) at about 02:40.`
pub(super) fn sentence(
    story: &Story<'_>,
    points: &[(i64, f64)],
    clock: &Clock<'_>,
) -> Option<String> {
    let (level, words) = next(story)?;
    let below = story.levels_of_value()?.below;
    let last = points.last()?.0;
    let at = last + reaches(points, level, below)?;
    let left = at - clock.now.utc.timestamp();
    let when = if left < ROUND {
        "within 5 min".to_owned()
    } else {
        format!("at about {}", clock.time((at + ROUND / 2) / ROUND * ROUND))
    };
    Some(format!("If it goes on, {words} {when}."))
}

/// The level that comes next, and what it means. A rate has no pace: it is one.
fn next(story: &Story<'_>) -> Option<(f64, String)> {
    let metric = story.metric()?;
    let levels = story.levels_of_value()?;
    let may = matches!(metric.kind, Kind::Gauge) && !metric.is_state() && !story.fact.is_over();
    if !may || story.fact.reason == Reason::Flapping {
        return None;
    }
    if let (Level::Warning, Some(critical)) = (story.fact.level, levels.critical) {
        return Some((critical.level, format!("critical ({})", story.limit(critical.level))));
    }
    end(metric, levels.below)
}

/// Where a capacity ends.
fn end(metric: &Metric, below: bool) -> Option<(f64, String)> {
    match (below, metric.unit) {
        (false, Unit::Percent) if metric.capacity.is_some() => Some((100.0, "full".to_owned())),
        (true, Unit::Bytes) => Some((0.0, "nothing left".to_owned())),
        _ => None,
    }
}

/// Seconds from the last point to `level` at the pace of the last points.
fn reaches(points: &[(i64, f64)], level: f64, below: bool) -> Option<i64> {
    let (_, last) = points.last()?;
    let way = if below { last - level } else { level - last };
    let toward = |line: &Line| if below { -line.slope } else { line.slope };
    let late = Line::through(tail(points, FEWEST)?)?;
    let is_steady = |line: &Line| {
        // It neither came to rest nor took off lately.
        let share = toward(&late) / toward(line);
        toward(line) > 0.0 && (0.5..=2.0).contains(&share)
    };
    let whole = Line::through(points).filter(|line| line.explains >= STRAIGHT);
    let parts = [6, FEWEST].into_iter().filter(|count| stands_out(points, *count));
    let parts = parts.filter_map(|count| Line::through(tail(points, count)?));
    let parts = parts.filter(|line| line.explains >= PART_STRAIGHT);
    let line = whole.into_iter().chain(parts).find(is_steady)?;
    let seconds = way / toward(&line);
    #[expect(clippy::cast_possible_truncation, reason = "less than a day")]
    (way > 0.0 && seconds <= FARTHEST).then_some(seconds as i64)
}

/// Whether the last points moved farther than all before them, which is else only more of the same.
fn stands_out(points: &[(i64, f64)], count: usize) -> bool {
    let Some((before, part)) = points.split_at_checked(points.len().saturating_sub(count)) else {
        return false;
    };
    let spread = |points: &[(i64, f64)]| {
        let values = || points.iter().map(|(_, value)| *value);
        values().fold(f64::NEG_INFINITY, f64::max) - values().fold(f64::INFINITY, f64::min)
    };
    before.len() >= FEWEST && spread(part) > 2.0 * spread(before)
}

fn tail(points: &[(i64, f64)], count: usize) -> Option<&[(i64, f64)]> {
    points.get(points.len().checked_sub(count)?..)
}

/// The straight line that is nearest to some points.
struct Line {
    /// By the second.
    slope: f64,
    /// The share of the variance that it explains (r²).
    explains: f64,
}

impl Line {
    fn through(points: &[(i64, f64)]) -> Option<Self> {
        let (first, count) = (points.first()?.0, points.len() as f64);
        let points = || points.iter().map(|(at, value)| ((at - first) as f64, *value));
        let mean = |values: &mut dyn Iterator<Item = f64>| values.sum::<f64>() / count;
        let (x, y) = (mean(&mut points().map(|(x, _)| x)), mean(&mut points().map(|(_, y)| y)));
        let sum = |of: &dyn Fn(f64, f64) -> f64| -> f64 {
            points().map(|(at, value)| of(at - x, value - y)).sum()
        };
        let (xx, xy, yy) = (sum(&|x, _| x * x), sum(&|x, y| x * y), sum(&|_, y| y * y));
        let is_line = count >= FEWEST as f64 && xx > 0.0 && yy > 0.0 && yy.is_finite();
        is_line.then(|| Line { slope: xy / xx, explains: xy * xy / (xx * yy) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Five minutes apart.
    fn points(values: &[f64]) -> Vec<(i64, f64)> {
        (0..).step_by(300).zip(values.iter().copied()).collect()
    }

    /// Minutes to a level above.
    fn up(values: &[f64], level: f64) -> Option<i64> {
        reaches(&points(values), level, false).map(|seconds| seconds / 60)
    }

    fn down(values: &[f64], level: f64) -> Option<i64> {
        reaches(&points(values), level, true).map(|seconds| seconds / 60)
    }

    #[test]
    fn a_steady_rise_reaches_its_level() {
        assert_eq!(up(&[80.0, 81.0, 82.0, 83.0, 84.0, 85.0], 95.0), Some(50));
        assert_eq!(up(&[80.0, 81.0, 82.0, 83.0], 84.0), Some(5));
    }

    #[test]
    fn a_steady_fall_reaches_a_level_below() {
        assert_eq!(down(&[500.0, 450.0, 400.0, 350.0, 300.0], 100.0), Some(20));
        assert_eq!(down(&[500.0, 450.0, 400.0, 350.0, 300.0], 0.0), Some(30));
    }

    #[test]
    fn three_points_tell_nothing() {
        assert_eq!(up(&[80.0, 85.0, 90.0], 95.0), None);
        assert_eq!(up(&[], 95.0), None);
    }

    #[test]
    fn what_does_not_move_reaches_nothing() {
        assert_eq!(up(&[86.0; 12], 95.0), None);
        assert_eq!(down(&[86.0; 12], 5.0), None);
    }

    #[test]
    fn what_goes_the_other_way_reaches_nothing() {
        assert_eq!(up(&[94.0, 92.0, 90.0, 88.0, 86.0], 95.0), None);
        assert_eq!(down(&[100.0, 120.0, 140.0, 160.0], 50.0), None);
    }

    #[test]
    fn what_is_past_the_level_or_at_it_does_not_reach_it() {
        assert_eq!(up(&[92.0, 93.0, 94.0, 95.0], 95.0), None);
        assert_eq!(up(&[95.0, 96.0, 97.0, 98.0], 95.0), None);
        assert_eq!(down(&[9.0, 8.0, 7.0, 6.0], 6.0), None);
    }

    #[test]
    fn noise_has_no_pace() {
        let noise = [85.0, 91.0, 84.0, 93.0, 86.0, 92.0, 85.0, 94.0, 84.0, 91.0, 87.0, 92.0];
        assert_eq!(up(&noise, 99.0), None);
        assert_eq!(up(&[60.0, 62.0, 61.0, 70.0], 85.0), None);
    }

    #[test]
    fn one_more_swing_is_no_rise() {
        let swings = [72.5, 72.5, 71.0, 71.5, 72.0, 72.5, 73.0, 71.0, 71.5, 72.0, 72.5, 73.0];
        assert_eq!(up(&swings, 75.0), None);
        assert_eq!(down(&[3.0, 2.0, 1.0, 4.0, 3.0, 2.0, 1.0, 4.0, 3.0, 2.0, 1.0], 0.0), None);
    }

    #[test]
    fn a_little_noise_does_not_hide_a_rise() {
        let rise = [80.0, 80.8, 82.3, 82.9, 84.2, 84.9, 86.1, 87.2, 87.8, 89.1, 90.0, 91.1];
        assert!(up(&rise, 95.0).is_some_and(|minutes| (17..=22).contains(&minutes)));
    }

    #[test]
    fn a_single_leap_is_no_rise() {
        let leap = [60.0, 60.0, 60.0, 60.0, 60.0, 60.0, 60.0, 60.0, 60.0, 60.0, 60.0, 90.0];
        assert_eq!(up(&leap, 95.0), None);
    }

    #[test]
    fn a_rise_that_began_lately_counts_by_itself() {
        let late = [62.0, 62.0, 62.0, 62.0, 62.0, 62.0, 62.0, 62.0, 62.0, 70.0, 78.0, 86.0];
        assert_eq!(up(&late, 95.0).map(|minutes| minutes <= 10), Some(true));
    }

    #[test]
    fn a_rise_that_came_to_rest_has_no_pace_any_more() {
        let rest = [78.0, 80.0, 82.0, 84.0, 86.0, 88.0, 90.0, 92.0, 92.0, 92.0, 92.0, 92.0];
        assert_eq!(up(&rest, 95.0), None);
    }

    #[test]
    fn what_is_more_than_a_day_off_is_not_told() {
        let slow: Vec<f64> = (0..12).map(|step| 86.0 + f64::from(step) * 0.02).collect();
        assert_eq!(up(&slow, 95.0), None);
        let faster: Vec<f64> = (0..12).map(|step| 86.0 + f64::from(step) * 0.04).collect();
        assert!(up(&faster, 95.0).is_some_and(|minutes| minutes > 1_000));
    }

    #[test]
    fn points_of_one_moment_or_without_a_number_tell_nothing() {
        assert_eq!(reaches(&[(0, 1.0), (0, 2.0), (0, 3.0), (0, 4.0)], 9.0, false), None);
        assert_eq!(up(&[1.0, f64::NAN, 3.0, 4.0], 9.0), None);
        assert_eq!(up(&[1.0, 2.0, 3.0, f64::INFINITY], 9.0), None);
    }
}
