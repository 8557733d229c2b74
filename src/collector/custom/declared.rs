//! Metrics that the configuration declares. They are made once from it, live as long as the run, and are found like
//! those that are built in. What is declared again as it was is the same metric.

use std::sync::{PoisonError, RwLock};

use crate::metric::{Derived, Kind, Metric, Unit};

static DECLARED: RwLock<Vec<&'static Metric>> = RwLock::new(Vec::new());

/// What the configuration says of a metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Shape {
    pub name: String,
    pub unit: Unit,
    /// Its growth a second is derived as a metric of its own, of the same name with `_rate`.
    pub is_counter: bool,
    pub label: Option<&'static str>,
    pub help: String,
}

/// Puts a metric where `all` and `find` have it; `finish` adds what a shape does not say.
pub fn declare(shape: &Shape, finish: fn(Metric) -> Metric) -> &'static Metric {
    if let Some(known) = find(&shape.name).filter(|known| is_same(known, shape)) {
        return known;
    }
    // A few in a run that ends soon.
    let name: &'static str = shape.name.clone().leak();
    let help: &'static str = shape.help.clone().leak();
    let labelled = |metric: Metric| match shape.label {
        Some(label) => metric.labelled(label),
        None => metric,
    };
    let metric = if shape.is_counter {
        let rate = Metric::rate(rate_name(name).leak(), per_second(shape.unit), "Its growth.");
        let rate: &'static Metric = Box::leak(Box::new(labelled(rate)));
        put(rate);
        let derived: &'static [Derived] = Box::leak(Box::new([Derived::Rate(rate)]));
        Metric::counter(name, shape.unit, derived, help)
    } else {
        Metric::gauge(name, shape.unit, help)
    };
    let metric: &'static Metric = Box::leak(Box::new(finish(labelled(metric))));
    put(metric);
    metric
}

pub fn rate_name(name: &str) -> String {
    format!("{name}_rate")
}

fn per_second(unit: Unit) -> Unit {
    if unit == Unit::Bytes { Unit::BytesPerSecond } else { Unit::PerSecond }
}

fn is_same(known: &Metric, shape: &Shape) -> bool {
    known.unit == shape.unit
        && matches!(known.kind, Kind::Counter(_)) == shape.is_counter
        && known.label == shape.label
        && known.help == shape.help
}

fn put(metric: &'static Metric) {
    let mut declared = DECLARED.write().unwrap_or_else(PoisonError::into_inner);
    declared.retain(|known| known.name != metric.name);
    declared.push(metric);
}

/// In the order in which they were declared.
pub fn all() -> Vec<&'static Metric> {
    DECLARED.read().unwrap_or_else(PoisonError::into_inner).clone()
}

pub fn find(name: &str) -> Option<&'static Metric> {
    let declared = DECLARED.read().unwrap_or_else(PoisonError::into_inner);
    declared.iter().copied().find(|metric| metric.name == name)
}

#[cfg(test)]
mod tests {
    use super::super::super as collector;
    use super::*;

    fn shape(name: &str) -> Shape {
        let (name, help) = (name.to_owned(), "Test.".to_owned());
        Shape { name, unit: Unit::Bytes, is_counter: false, label: None, help }
    }

    fn same(metric: Metric) -> Metric {
        metric
    }

    #[test]
    fn what_is_declared_is_found_like_what_is_built_in() {
        let metric = declare(&shape("custom_declared_found"), same);
        assert!(
            collector::find("custom_declared_found").is_some_and(|it| std::ptr::eq(it, metric))
        );
        assert!(collector::metrics().any(|it| it.name == "custom_declared_found"));
        assert!(collector::built_in().all(|it| it.name != "custom_declared_found"));
    }

    #[test]
    fn the_same_again_is_the_same_metric_and_another_takes_its_place() {
        let first = declare(&shape("custom_declared_again"), same);
        assert!(std::ptr::eq(first, declare(&shape("custom_declared_again"), same)));
        let other = Shape { unit: Unit::Seconds, ..shape("custom_declared_again") };
        declare(&other, same);
        assert_eq!(find("custom_declared_again").map(|metric| metric.unit), Some(Unit::Seconds));
        let named = |metric: &&&Metric| metric.name == "custom_declared_again";
        assert_eq!(all().iter().filter(named).count(), 1);
    }

    #[test]
    fn a_counter_brings_its_rate() {
        declare(&Shape { is_counter: true, ..shape("custom_declared_sent") }, same);
        let rate = find("custom_declared_sent_rate").unwrap();
        assert!(rate.is_rate() && rate.unit == Unit::BytesPerSecond);
    }
}
