//! How a series went up to a moment: what it changed by, what a counter grew by. Pure.

use super::window::{Point, Seen};
use crate::sample::Values;
use crate::series::Series;

/// A series up to a moment.
pub(super) struct Course<'a> {
    pub series: &'a Series,
    pub now: &'a Point,
    pub values: &'a Values,
    /// Seconds that count.
    pub span: f64,
}

impl Course<'_> {
    /// The change since the oldest line within the span, which must cover at least half of it.
    pub(super) fn change<'a>(
        &self,
        earlier: impl Iterator<Item = &'a Seen>,
        relative: bool,
        is_counter: bool,
    ) -> Option<f64> {
        let value = self.values.number(self.series)?;
        let covered = self.span / 2.0..=self.span;
        let mut within = earlier.filter(|line| covered.contains(&self.now.seconds_since(&line.at)));
        let before = within.find_map(|line| {
            let number = line.values.number(self.series);
            number.filter(|_| !is_counter || self.now.same_boot(&line.at))
        })?;
        let difference = value - before;
        // A counter that fell was set back.
        if is_counter && difference < 0.0 {
            return None;
        }
        if relative {
            return (before != 0.0).then(|| difference / before.abs() * 100.0);
        }
        Some(difference)
    }

    /// How much a counter grew within the span, as far as the lines tell: less than half of it is enough, as what grew
    /// has grown. Where samples are further apart than that, since the one before. A fall is no growth.
    pub(super) fn growth<'a>(
        &self,
        earlier: impl DoubleEndedIterator<Item = &'a Seen> + Clone,
        neighbour: f64,
        from_boot: bool,
    ) -> Option<f64> {
        self.values.number(self.series)?;
        let age = |line: &Seen| self.now.seconds_since(&line.at);
        let last = earlier.clone().next_back().filter(|line| age(line) <= neighbour);
        let outside = last.filter(|line| age(line) > self.span);
        let within = earlier.filter(|line| age(line) <= self.span);
        let points = outside.into_iter().chain(within).map(|line| (&line.at, &line.values));
        let (mut grown, mut before) = (None, None::<(&Point, f64)>);
        for (at, values) in points.chain([(self.now, self.values)]) {
            let Some(number) = values.number(self.series) else { continue };
            let since_boot = self.now.seconds_since(at) + at.moment.uptime;
            let growth = match before {
                Some((point, before)) if at.same_boot(point) => Some((number - before).max(0.0)),
                // All that it shows is of this boot.
                _ if from_boot && (before.is_some() || since_boot <= self.span) => Some(number),
                _ => None,
            };
            if let Some(growth) = growth {
                grown = Some(grown.unwrap_or(0.0) + growth);
            }
            before = Some((at, number));
        }
        grown
    }
}
