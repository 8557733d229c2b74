//! A series over a span back from now: its numbers, and how much of the span they cover. Pure.

use super::Function;
use crate::continuity::TOLERANCE;
use crate::summary::Summariser;

/// Takes the numbers of a series, oldest first.
#[derive(Clone, Debug)]
pub struct Window {
    start: i64,
    end: i64,
    /// Expected seconds between samples.
    interval: f64,
    summariser: Summariser,
    newest: i64,
    /// Seconds in holes that are gaps.
    missing: i64,
}

impl Window {
    pub fn new(start: i64, end: i64, interval: f64) -> Self {
        Window {
            start,
            end,
            interval,
            summariser: Summariser::default(),
            newest: start,
            missing: 0,
        }
    }

    pub fn add(&mut self, epoch: i64, value: f64) {
        self.missing += self.hole_before(epoch);
        // Lines of neighbouring days may stand out of order by a little.
        self.newest = self.newest.max(epoch);
        self.summariser.add(value);
    }

    /// `None` if there was no number.
    pub fn value(&self, function: Function) -> Option<f64> {
        self.summariser.summary().map(|summary| function.of(&summary))
    }

    /// The seconds covered, if that is less than half of what was asked for.
    pub fn shortage(&self) -> Option<f64> {
        let asked = self.end - self.start;
        let covered = (asked - self.missing - self.hole_before(self.end)).max(0);
        (covered < asked - covered).then_some(covered as f64)
    }

    /// The time since the newest number, if that is longer than samples are apart.
    fn hole_before(&self, epoch: i64) -> i64 {
        let hole = epoch - self.newest;
        if hole as f64 > TOLERANCE * self.interval { hole } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten minutes with a sample expected every minute.
    fn window(epochs: &[i64]) -> Window {
        let mut window = Window::new(0, 600, 60.0);
        for epoch in epochs {
            window.add(*epoch, *epoch as f64);
        }
        window
    }

    #[test]
    fn nothing_has_no_value() {
        assert_eq!(window(&[]).value(Function::Max), None);
    }

    #[test]
    fn each_function_says_its_own() {
        let window = window(&[60, 120, 240, 180]);
        let of = |function| window.value(function).map(|value| value.to_string());
        let all = [Function::Min, Function::Max, Function::Mean, Function::P95, Function::Last];
        assert_eq!(all.map(|function| of(function).unwrap()), ["60", "240", "150", "240", "180"]);
    }

    #[test]
    fn a_full_span_is_not_short() {
        assert_eq!(window(&[30, 90, 150, 210, 270, 330, 390, 450, 510, 570]).shortage(), None);
        assert_eq!(window(&[100, 220, 340, 460, 580]).shortage(), None, "within the tolerance");
    }

    #[test]
    fn a_hole_at_the_beginning_in_the_middle_or_at_the_end_is_missing() {
        assert_eq!(window(&[420, 480, 540, 600]).shortage(), Some(180.0));
        assert_eq!(window(&[60, 120, 480, 540]).shortage(), Some(240.0));
        assert_eq!(window(&[0, 60, 120]).shortage(), Some(120.0));
    }

    #[test]
    fn half_of_the_span_is_not_less_than_half() {
        assert_eq!(window(&[300, 420, 540]).shortage(), None);
        assert_eq!(window(&[301, 420, 540]).shortage(), Some(299.0));
    }

    #[test]
    fn numbers_out_of_order_cover_nothing_twice() {
        assert_eq!(window(&[540, 420, 480, 600]).shortage(), Some(60.0));
    }
}
