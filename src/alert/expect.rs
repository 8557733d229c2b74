//! Series that must be there: one that is missing is a fact of the sample, judged like any other. Pure.

use crate::metric::{Judged, Metric, Unit};
use crate::sample::{Sample, Values};
use crate::series::Series;

pub static MISSING: Metric = Metric::gauge(
    "missing",
    Unit::Count,
    "1 if something that must be there (`expect`) was not found, else 0.",
)
.labelled("expected")
.phrased_as_state("{label} is missing", "{label} is back")
.judged(&[Judged::critical(1.0).until(0.0)])
.inhibits();

/// Notes for each expected series, or label of any series, whether it is there: in the sample, or by what else is
/// known. Where a collector that could have found it failed, nobody knows.
pub fn note(
    sample: &mut Sample,
    expected: &[String],
    known: impl Fn(&str) -> bool,
    find: fn(&str) -> Option<&'static Metric>,
) {
    for name in expected {
        let there = is_there(&sample.values, name) || known(name);
        if there || !may_hide(sample, name, find) {
            sample.values.set_for(&MISSING, name, u64::from(!there));
        }
    }
}

/// Whether there is such a series, or one with such a label.
pub fn is_there(values: &Values, name: &str) -> bool {
    let series = Series::parse(name);
    let own = [MISSING.name, "collector_failed"];
    let by_label =
        values.points().any(|(metric, label, _)| label == Some(name) && !own.contains(&metric));
    by_label || values.number(&series).is_some() || values.entry(name).is_some()
}

/// Whether a collector that failed is the one that would have found it. A path is a mount.
fn may_hide(sample: &Sample, name: &str, find: fn(&str) -> Option<&'static Metric>) -> bool {
    let metric = Series::parse(name).metric;
    let known = find(&metric).is_some();
    sample.errors.keys().any(|collector| match (known, name.starts_with('/')) {
        (true, _) => true,
        (false, true) => collector == "filesystem",
        (false, false) => collector != "filesystem",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::read::{Wanted, line};

    fn noted(expected: &str, values: &str) -> Option<f64> {
        let text = format!("{{\"timestamp\":\"2026-11-22T00:00:00Z\"{values}}}");
        let mut sample = line(text.as_bytes(), &Wanted::everything()).unwrap();
        note(&mut sample, &[expected.to_owned()], |name| name == "sda", |_| None);
        sample.values.get(MISSING.name, Some(expected))
    }

    #[test]
    fn a_label_a_series_and_a_metric_may_be_expected() {
        let values = r#","filesystem_percent":{"/data":3},"cpu_temp":40"#;
        for there in ["/data", "filesystem_percent{/data}", "cpu_temp", "filesystem_percent"] {
            assert_eq!(noted(there, values), Some(0.0), "{there}");
        }
        for missing in ["/srv", "filesystem_percent{/srv}", "gpu_temp"] {
            assert_eq!(noted(missing, values), Some(1.0), "{missing}");
        }
    }

    #[test]
    fn what_is_known_besides_is_there() {
        assert_eq!((noted("sda", ""), noted("sdb", "")), (Some(0.0), Some(1.0)));
    }

    #[test]
    fn nobody_knows_what_a_failed_collector_would_have_found() {
        assert_eq!(noted("/srv", r#","errors":{"filesystem":"why"}"#), None);
        assert_eq!(noted("/srv", r#","errors":{"cpu":"why"}"#), Some(1.0));
        assert_eq!(noted("eth0", r#","errors":{"network":"why"}"#), None);
    }
}
