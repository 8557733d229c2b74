//! Results held against the machine's own earlier ones: the median of the last, the deviation from it, and by how much
//! slower that is. Pure.

use super::metrics::{DRIFT, OUTCOMES, Outcome};
use super::order::median;
use crate::sample::Values;

/// So many earlier results are looked at, the last ones.
pub const MOST: usize = 20;
/// A drift is judged and told, so it needs some to stand on.
const FEWEST_FOR_DRIFT: usize = 5;
/// What is only shown needs fewer.
const FEWEST_TO_SHOW: usize = 3;

/// A result beside what is usual.
#[derive(Debug)]
pub struct Compared {
    pub outcome: &'static Outcome,
    pub value: f64,
    /// Of the earlier ones, if there are enough to show it.
    pub median: Option<f64>,
}

impl Compared {
    /// By how many per cent it is above the median.
    pub fn deviation(&self) -> Option<f64> {
        deviation(self.value, self.median?)
    }
}

/// Every result there is, beside the median of `earlier` ones of the same method, newest first.
pub fn compare(values: &Values, earlier: &[Values]) -> Vec<Compared> {
    let compared = |outcome: &'static Outcome| {
        let value = outcome.of(values)?;
        let median = usual(outcome, earlier, FEWEST_TO_SHOW);
        Some(Compared { outcome, value, median })
    };
    OUTCOMES.iter().filter_map(compared).collect()
}

/// Sets the drift of every result that has enough earlier ones.
pub fn set_drift(values: &mut Values, earlier: &[Values]) {
    for outcome in OUTCOMES {
        let usual = usual(outcome, earlier, FEWEST_FOR_DRIFT);
        let slower = outcome
            .of(values)
            .zip(usual)
            .and_then(|(value, usual)| slower(outcome.is_latency(), deviation(value, usual)?));
        if let Some(slower) = slower {
            values.set_for(&DRIFT, outcome.name, slower);
        }
    }
}

/// The median of what the earlier results say of it, if so many do.
fn usual(outcome: &Outcome, earlier: &[Values], fewest: usize) -> Option<f64> {
    let known: Vec<f64> =
        earlier.iter().filter_map(|values| outcome.of(values)).take(MOST).collect();
    if known.len() < fewest { None } else { median(&known) }
}

fn deviation(value: f64, median: f64) -> Option<f64> {
    (median > 0.0).then(|| (value / median - 1.0) * 100.0)
}

/// A latency that rose and a rate that fell are slower.
fn slower(is_latency: bool, deviation: f64) -> Option<f64> {
    let slower = if is_latency { deviation } else { -deviation };
    slower.is_finite().then_some(slower)
}

#[cfg(test)]
mod tests {
    use super::super::metrics::{CPU_SINGLE, FSYNC};
    use super::*;

    fn result(rate: f64, fsync: f64) -> Values {
        let mut values = Values::default();
        values.set(&CPU_SINGLE, rate);
        values.set_for(&FSYNC, "p50", fsync);
        values
    }

    fn drift_of(values: &Values, earlier: &[Values]) -> (Option<f64>, Option<f64>) {
        let mut values = values.clone();
        set_drift(&mut values, earlier);
        let drift = |name| values.get("bench_drift_percent", Some(name));
        (drift("cpu_single"), drift("fsync_p50"))
    }

    #[test]
    fn a_rate_that_fell_and_a_latency_that_rose_are_slower() {
        let earlier = vec![result(1_000.0, 2.0); 5];
        assert_eq!(drift_of(&result(700.0, 3.0), &earlier), (Some(30.0), Some(50.0)));
    }

    #[test]
    fn what_is_faster_has_a_negative_drift() {
        let earlier = vec![result(1_000.0, 2.0); 5];
        assert_eq!(drift_of(&result(1_100.0, 1.0), &earlier), (Some(-10.0), Some(-50.0)));
    }

    #[test]
    fn what_is_as_usual_has_a_drift_of_nothing() {
        let earlier = vec![result(1_000.0, 2.0); 20];
        assert_eq!(drift_of(&result(1_000.0, 2.0), &earlier), (Some(0.0), Some(0.0)));
    }

    #[test]
    fn four_earlier_results_are_too_few_for_a_drift() {
        let earlier = vec![result(1_000.0, 2.0); 4];
        assert_eq!(drift_of(&result(1.0, 99.0), &earlier), (None, None));
    }

    #[test]
    fn only_the_last_twenty_count() {
        let mut earlier = vec![result(1_000.0, 2.0); MOST];
        earlier.extend(vec![result(9_000.0, 0.1); 500]);
        assert_eq!(drift_of(&result(1_000.0, 2.0), &earlier), (Some(0.0), Some(0.0)));
    }

    #[test]
    fn one_earlier_disturbance_does_not_move_what_is_usual() {
        let mut earlier = vec![result(1_000.0, 2.0); 4];
        earlier.push(result(10.0, 400.0));
        assert_eq!(drift_of(&result(900.0, 2.0), &earlier), (Some(10.0), Some(0.0)));
    }

    #[test]
    fn earlier_results_that_lack_a_part_do_not_count_for_it() {
        let mut only_cpu = Values::default();
        only_cpu.set(&CPU_SINGLE, 1_000.0);
        let earlier = vec![only_cpu; 9];
        assert_eq!(drift_of(&result(500.0, 2.0), &earlier), (Some(50.0), None));
    }

    #[test]
    fn a_part_that_was_not_measured_has_no_drift() {
        assert_eq!(drift_of(&Values::default(), &vec![result(1.0, 1.0); 9]), (None, None));
    }

    #[test]
    fn what_used_to_be_nothing_is_nothing_to_compare_with() {
        let earlier = vec![result(0.0, 0.0); 5];
        assert_eq!(drift_of(&result(1_000.0, 2.0), &earlier), (None, None));
    }

    #[test]
    fn three_earlier_results_are_enough_to_show() {
        let compared = |count| compare(&result(900.0, 3.0), &vec![result(1_000.0, 2.0); count]);
        let medians: Vec<_> = compared(3).iter().map(|one| one.median).collect();
        assert_eq!(medians, [Some(1_000.0), Some(2.0)]);
        assert!(compared(2).iter().all(|one| one.median.is_none() && one.deviation().is_none()));
    }

    #[test]
    fn a_deviation_is_shown_as_it_is_whatever_is_worse() {
        let compared = compare(&result(900.0, 3.0), &vec![result(1_000.0, 2.0); 3]);
        let deviations: Vec<f64> = compared.iter().filter_map(Compared::deviation).collect();
        assert!((deviations[0] + 10.0).abs() < 1e-9 && (deviations[1] - 50.0).abs() < 1e-9);
    }

    #[test]
    fn results_are_compared_in_the_order_in_which_they_are_shown() {
        let names: Vec<&str> =
            compare(&result(1.0, 1.0), &[]).iter().map(|one| one.outcome.name).collect();
        assert_eq!(names, ["cpu_single", "fsync_p50"]);
    }
}
