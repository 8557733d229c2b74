//! The metrics of the bench, and the results that are compared with earlier ones.

use super::METHOD;
use super::order::quantile;
use crate::metric::{Judged, Metric, Unit};
use crate::sample::Values;

pub static CPU_SINGLE: Metric = Metric::gauge(
    "bench_cpu_single_rate",
    Unit::PerSecond,
    "How often a second one core counts the primes up to 10 000 by trial division; median of 5 rounds.",
)
.phrased("one core's benchmark {value}")
.seldom();
pub static CPU_ALL: Metric =
    Metric::gauge("bench_cpu_all_rate", Unit::PerSecond, "The same of all cores together.")
        .phrased("all cores' benchmark {value}")
        .seldom();
pub static MEMORY_COPY: Metric = Metric::gauge(
    "bench_memory_copy_rate",
    Unit::BytesPerSecond,
    "Bytes read and written a second when one core copies an array far larger than the caches; best of 5 rounds.",
)
.phrased("copying in memory at {value}")
.seldom();
pub static MEMORY_TRIAD: Metric = Metric::gauge(
    "bench_memory_triad_rate",
    Unit::BytesPerSecond,
    "The same when it calculates a = b + 3c.",
)
.phrased("calculating in memory at {value}")
.seldom();
pub static DISK_WRITE: Metric = Metric::gauge(
    "bench_disk_write_rate",
    Unit::BytesPerSecond,
    "Bytes a second of writing 64 MiB into the data directory, past the page cache where that is possible.",
)
.phrased("writing to the disk at {value}")
.seldom();
pub static FSYNC: Metric = Metric::gauge(
    "bench_fsync_milliseconds",
    Unit::Milliseconds,
    "How long a write of 4 KiB takes until it is on the disk; median and 99th percentile of 200.",
)
.labelled("quantile")
.phrased("fsync ({label}) {value}")
.seldom();
pub static READ: Metric = Metric::gauge(
    "bench_read_milliseconds",
    Unit::Milliseconds,
    "How long a read of 4 KiB at a random place of the disk takes; median and 99th percentile of 1000.",
)
.labelled("quantile")
.phrased("reading at random ({label}) {value}")
.seldom();
pub static READ_RATE: Metric =
    Metric::gauge("bench_read_rate", Unit::PerSecond, "Such reads a second, one after the other.")
        .phrased("reading at random {value}")
        .seldom();
pub static DRIFT: Metric = Metric::gauge(
    "bench_drift_percent",
    Unit::Percent,
    "How much slower than the median of the last 20 results of this host: by so much a rate is lower or a latency higher. Negative if faster; absent with fewer than 5 earlier ones.",
)
.labelled("result")
.phrased("{label} slower than usual by {value}")
// The slowest accesses and the mean of them swing too much to be judged.
.judged(&[Judged::warning(30.0).reminded_every(6.0 * 86_400.0).except(&["*_p99", "read_rate"])])
.seldom();
pub static METHOD_VERSION: Metric = Metric::gauge(
    "bench_method",
    Unit::Count,
    "The version of the method; only results of the same one are compared.",
)
.seldom();

/// In the order in which they are shown.
pub static METRICS: &[&Metric] = &[
    &CPU_SINGLE,
    &CPU_ALL,
    &MEMORY_COPY,
    &MEMORY_TRIAD,
    &DISK_WRITE,
    &FSYNC,
    &READ,
    &READ_RATE,
    &DRIFT,
    &METHOD_VERSION,
];

/// A number that is compared with earlier ones.
#[derive(Debug)]
pub struct Outcome {
    /// The label of its drift.
    pub name: &'static str,
    pub title: &'static str,
    pub metric: &'static Metric,
    pub label: Option<&'static str>,
}

const fn outcome(
    name: &'static str,
    title: &'static str,
    metric: &'static Metric,
    label: Option<&'static str>,
) -> Outcome {
    Outcome { name, title, metric, label }
}

pub static OUTCOMES: &[Outcome] = &[
    outcome("cpu_single", "CPU, one core", &CPU_SINGLE, None),
    outcome("cpu_all", "CPU, all cores", &CPU_ALL, None),
    outcome("memory_copy", "memory, copy", &MEMORY_COPY, None),
    outcome("memory_triad", "memory, triad", &MEMORY_TRIAD, None),
    outcome("disk_write", "disk, write", &DISK_WRITE, None),
    outcome("fsync_p50", "disk, fsync, median", &FSYNC, Some("p50")),
    outcome("fsync_p99", "disk, fsync, 99th percentile", &FSYNC, Some("p99")),
    outcome("read_p50", "disk, random read, median", &READ, Some("p50")),
    outcome("read_p99", "disk, random read, 99th percentile", &READ, Some("p99")),
    outcome("read_rate", "disk, random reads", &READ_RATE, None),
];

impl Outcome {
    pub fn of(&self, values: &Values) -> Option<f64> {
        values.get(self.metric.name, self.label)
    }

    /// Whether more is worse.
    pub fn is_latency(&self) -> bool {
        self.metric.unit == Unit::Milliseconds
    }
}

/// Sets median and 99th percentile of latencies, if there are any.
pub fn set_quantiles(values: &mut Values, metric: &'static Metric, milliseconds: &[f64]) {
    for (label, per_cent) in [("p50", 50), ("p99", 99)] {
        if let Some(value) = quantile(milliseconds, per_cent) {
            values.set_for(metric, label, value);
        }
    }
}

/// Marks results as those of this method.
pub fn set_method(values: &mut Values) {
    values.set(&METHOD_VERSION, METHOD);
}

/// Whether results are those of this method.
pub fn is_of_method(values: &Values) -> bool {
    values.get(METHOD_VERSION.name, None) == Some(METHOD as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_measured_now_and_then() {
        assert!(METRICS.iter().all(|metric| metric.seldom && metric.kind_name() == "gauge"));
    }

    #[test]
    fn every_outcome_is_of_a_metric_with_the_label_it_has() {
        for outcome in OUTCOMES {
            assert!(METRICS.iter().any(|metric| metric.name == outcome.metric.name));
            assert_eq!(outcome.label.is_some(), outcome.metric.label.is_some(), "{}", outcome.name);
        }
    }

    #[test]
    fn the_names_of_outcomes_are_unique() {
        let names: std::collections::BTreeSet<_> =
            OUTCOMES.iter().map(|outcome| outcome.name).collect();
        assert_eq!(names.len(), OUTCOMES.len());
    }

    #[test]
    fn latencies_are_stored_by_quantile() {
        let mut values = Values::default();
        set_quantiles(&mut values, &FSYNC, &[0.25, 0.251_4, 28.0]);
        assert_eq!(values.get("bench_fsync_milliseconds", Some("p50")), Some(0.251));
        assert_eq!(values.get("bench_fsync_milliseconds", Some("p99")), Some(28.0));
    }

    #[test]
    fn without_latencies_there_are_no_quantiles() {
        let mut values = Values::default();
        set_quantiles(&mut values, &READ, &[]);
        assert!(values.is_empty());
    }

    #[test]
    fn results_of_another_method_are_known() {
        let mut values = Values::default();
        assert!(!is_of_method(&values));
        set_method(&mut values);
        assert!(is_of_method(&values));
        values.set(&METHOD_VERSION, METHOD + 1);
        assert!(!is_of_method(&values));
    }

    #[test]
    fn only_times_are_latencies() {
        let latencies: Vec<_> = OUTCOMES.iter().filter(|outcome| outcome.is_latency()).collect();
        assert_eq!(latencies.len(), 4);
        assert!(latencies.iter().all(|outcome| outcome.name.contains("_p")));
    }
}
