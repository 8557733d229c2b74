//! Medians and quantiles of a few numbers. Pure.

/// The middle one; of an even number the mean of the two in the middle. `None` of nothing.
pub fn median(values: &[f64]) -> Option<f64> {
    let sorted = sorted(values);
    let upper = *sorted.get(sorted.len() / 2)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = *sorted.get(sorted.len() / 2 - 1)?;
    Some(f64::midpoint(lower, upper))
}

/// The smallest value that `per_cent` of all do not exceed (nearest rank). `None` of nothing.
pub fn quantile(values: &[f64], per_cent: usize) -> Option<f64> {
    let sorted = sorted(values);
    let rank = (sorted.len() * per_cent).div_ceil(100).max(1);
    sorted.get(rank - 1).or(sorted.last()).copied()
}

/// What is no number has no place in an order.
fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one() {
        assert_eq!(median(&[9.0, 1.0, 5.0]), Some(5.0));
        assert_eq!(median(&[7.0]), Some(7.0));
    }

    #[test]
    fn the_median_of_an_even_number_lies_between_two() {
        assert_eq!(median(&[4.0, 1.0, 2.0, 100.0]), Some(3.0));
        assert_eq!(median(&[1.0, 2.0]), Some(1.5));
    }

    #[test]
    fn one_outlier_does_not_move_the_median() {
        assert_eq!(median(&[10.0, 10.0, 10.0, 10.0, 1e9]), Some(10.0));
    }

    #[test]
    fn nothing_has_no_median_and_no_quantile() {
        assert_eq!((median(&[]), quantile(&[], 50)), (None, None));
        assert_eq!((median(&[f64::NAN]), quantile(&[f64::INFINITY], 99)), (None, None));
    }

    #[test]
    fn what_is_no_number_is_passed_over() {
        assert_eq!(median(&[f64::NAN, 3.0, 1.0, 2.0]), Some(2.0));
    }

    #[test]
    fn a_quantile_is_one_of_the_values() {
        let hundred: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert_eq!(quantile(&hundred, 50), Some(50.0));
        assert_eq!(quantile(&hundred, 99), Some(99.0));
        assert_eq!((quantile(&hundred, 0), quantile(&hundred, 100)), (Some(1.0), Some(100.0)));
    }

    #[test]
    fn the_99th_percentile_of_two_hundred_leaves_two_above_it() {
        let values: Vec<f64> = (1..=200).map(f64::from).collect();
        assert_eq!(quantile(&values, 99), Some(198.0));
    }

    #[test]
    fn of_a_few_values_the_99th_percentile_is_the_largest() {
        assert_eq!(quantile(&[3.0, 1.0, 2.0], 99), Some(3.0));
        assert_eq!(quantile(&[3.0, 1.0, 2.0], 50), Some(2.0));
    }
}
