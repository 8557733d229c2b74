//! Small charts in a line of text. Pure.

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// One bar a value, a blank where there is none. Values closer together than `least_spread` are drawn as calm.
pub fn sparkline(values: &[Option<f64>], least_spread: f64) -> String {
    let known = || values.iter().flatten().copied().filter(|value| value.is_finite());
    let low = known().fold(f64::INFINITY, f64::min);
    let high = known().fold(f64::NEG_INFINITY, f64::max);
    let spread = (high - low).max(least_spread).max(f64::MIN_POSITIVE);
    let bar = |value: f64| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and 7"
        )]
        let step = ((value - low) / spread * 7.0).round().clamp(0.0, 7.0) as usize;
        BARS.get(step).copied().unwrap_or(' ')
    };
    values.iter().map(|value| value.filter(|value| value.is_finite()).map_or(' ', bar)).collect()
}

/// Values at moments, as the largest of each of `width` equal stretches from `start` to `end`.
pub fn bucketed(points: &[(i64, f64)], start: i64, end: i64, width: usize) -> Vec<Option<f64>> {
    let mut buckets = vec![None; width];
    let length = (end - start).max(1);
    for (at, value) in points.iter().filter(|(at, _)| start <= *at && *at < end) {
        let slot =
            usize::try_from((at - start) * i64::try_from(width).unwrap_or(0) / length).unwrap_or(0);
        if let Some(bucket) = buckets.get_mut(slot) {
            *bucket = Some(bucket.map_or(*value, |known: f64| known.max(*value)));
        }
    }
    buckets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_is_the_lowest_bar_and_holes_are_blank() {
        assert_eq!(sparkline(&[Some(0.0), None, Some(50.0), Some(100.0)], 10.0), "▁ ▅█");
    }

    #[test]
    fn small_moves_are_drawn_as_calm() {
        assert_eq!(sparkline(&[Some(41.0), Some(41.5)], 10.0), "▁▁");
        assert_eq!(sparkline(&[], 10.0), "");
    }

    #[test]
    fn a_stretch_shows_its_largest_value() {
        assert_eq!(
            bucketed(&[(0, 1.0), (4, 9.0), (11, 2.0), (99, 5.0)], 0, 20, 4),
            [Some(9.0), None, Some(2.0), None]
        );
    }
}
