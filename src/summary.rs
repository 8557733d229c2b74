//! Numbers to count, min, mean, percentiles, max and last. Memory is bounded however many are added. Pure.

use std::collections::BTreeMap;

/// Distinct values kept exactly. Percentages and temperatures have fewer (one decimal), so theirs are exact.
const EXACT: usize = 1_024;
/// Beyond that each doubling is cut into 128 buckets: percentiles are then within half a per cent.
const FRACTION_BITS: u32 = 7;

/// The sum of that many of the largest numbers is one, too.
const SCALE: f64 = 1e15;

/// Everything a report says about a series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    pub count: u64,
    pub min: f64,
    pub mean: f64,
    pub p50: f64,
    pub p95: f64,
    pub p99: f64,
    pub max: f64,
    pub last: f64,
}

/// Takes numbers one at a time.
#[derive(Clone, Debug)]
pub struct Summariser {
    count: u64,
    sum: f64,
    /// The same so small that the largest numbers have a sum.
    scaled_sum: f64,
    min: f64,
    max: f64,
    last: f64,
    counts: BTreeMap<Ordered, u64>,
    exact: bool,
}

impl Default for Summariser {
    fn default() -> Self {
        Summariser {
            count: 0,
            sum: 0.0,
            scaled_sum: 0.0,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            last: 0.0,
            counts: BTreeMap::new(),
            exact: true,
        }
    }
}

impl Summariser {
    /// Adds a number; a non-finite one is left out.
    pub fn add(&mut self, value: f64) {
        if !value.is_finite() {
            return;
        }
        self.count += 1;
        self.sum += value;
        self.scaled_sum += value / SCALE;
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        self.last = value;
        let key = if self.exact { value } else { bucket(value) };
        *self.counts.entry(Ordered(key)).or_insert(0) += 1;
        if self.exact && self.counts.len() > EXACT {
            self.exact = false;
            let mut coarse = BTreeMap::new();
            for (key, count) in std::mem::take(&mut self.counts) {
                *coarse.entry(Ordered(bucket(key.0))).or_insert(0) += count;
            }
            self.counts = coarse;
        }
    }

    /// `None` if nothing was added.
    pub fn summary(&self) -> Option<Summary> {
        (self.count > 0).then(|| Summary {
            count: self.count,
            min: self.min,
            mean: self.mean(),
            p50: self.percentile(50),
            p95: self.percentile(95),
            p99: self.percentile(99),
            max: self.max,
            last: self.last,
        })
    }

    fn mean(&self) -> f64 {
        let count = self.count as f64;
        if self.sum.is_finite() {
            self.sum / count
        } else {
            (self.scaled_sum / count * SCALE).clamp(self.min, self.max)
        }
    }

    /// Nearest rank: the smallest value with at least that share of all values at or below it.
    pub fn percentile(&self, percent: u64) -> f64 {
        let rank = (self.count * percent).div_ceil(100).max(1);
        let mut seen = 0;
        for (value, count) in &self.counts {
            seen += count;
            if seen >= rank {
                return value.0.clamp(self.min, self.max);
            }
        }
        self.max
    }
}

/// The middle of the bucket that holds the value: the number with so many bits of its fraction (IEEE 754), so that
/// buckets grow with the value. No logarithm is taken: the maths library is not worth loading for one.
fn bucket(value: f64) -> f64 {
    let dropped = 52 - FRACTION_BITS;
    f64::from_bits((value.to_bits() >> dropped << dropped) | (1 << (dropped - 1)))
}

/// Finite floats in their natural order.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Ordered(f64);

impl Eq for Ordered {}

impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ordered {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: impl IntoIterator<Item = f64>) -> Option<Summary> {
        let mut summariser = Summariser::default();
        values.into_iter().for_each(|value| summariser.add(value));
        summariser.summary()
    }

    #[test]
    fn nothing_has_no_summary() {
        assert_eq!(of([]), None);
        assert_eq!(of([f64::NAN]), None);
    }

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let summary = of((1..=100).map(f64::from)).unwrap();
        assert_eq!((summary.p50, summary.p95, summary.p99), (50.0, 95.0, 99.0));
        assert!((of([7.0]).unwrap().p95 - 7.0).abs() < 1e-9);
    }

    #[test]
    fn the_largest_numbers_have_a_mean() {
        let summary = of([1e308, 1e308, 1.6e308]).unwrap();
        assert!((summary.mean / 1.2e308 - 1.0).abs() < 1e-9, "{}", summary.mean);
    }

    #[test]
    fn order_decides_only_the_last() {
        let summary = of([3.0, 1.0, 2.0]).unwrap();
        assert_eq!(
            (summary.min, summary.mean, summary.max, summary.last, summary.count),
            (1.0, 2.0, 3.0, 2.0, 3)
        );
    }

    #[test]
    fn a_long_history_of_large_numbers_stays_small_and_close() {
        let mut summariser = Summariser::default();
        (0..200_000_u32).for_each(|n| summariser.add(f64::from(n) * 1e6 + 0.5));
        let summary = summariser.summary().unwrap();
        assert!(summariser.counts.len() < 4 * EXACT, "{}", summariser.counts.len());
        assert!((summary.p95 / 1.9e11 - 1.0).abs() < 0.006, "{}", summary.p95);
        assert!((summary.min - 0.5).abs() < 1e-9 && summary.count == 200_000);
    }
}
